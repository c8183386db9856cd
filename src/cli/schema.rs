//! `smale schema`: the JSON schema of the study file.

use super::{End, output};
use crate::error::Result;
use crate::study::schema::schema;

pub(super) fn run() -> Result<End> {
    output::print(&format!("{:#}\n", schema()))?;
    Ok(End::Done)
}
