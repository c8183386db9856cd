//! `smale schema`: the JSON schema of the study file.

use super::{Common, End, output};
use crate::error::Result;
use crate::study::schema::schema;

pub(super) fn run(common: &Common) -> Result<End> {
    output::deliver("schema.json", &format!("{:#}\n", schema()), common)
}
