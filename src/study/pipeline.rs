//! From a study to its results.

use super::Study;
use crate::control::Control;
use crate::error::{Error, Result};

/// How much of a study is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Critical points.
    Critical,
    /// Critical points and how they are connected.
    Graph,
    /// Everything.
    All,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The content of `summary.json`.
    pub summary: serde_json::Value,
    /// Names and contents of the other files of the result folder.
    pub files: Vec<(String, Vec<u8>)>,
    /// Was the work stopped before its end?
    pub interrupted: bool,
    /// The result in a line or two.
    pub headline: String,
}

/// Does what the study asks for.
pub fn execute(study: &Study, _what: Part, _control: &Control<'_>) -> Result<Outcome> {
    let landscape = study.build()?;
    study.region_for(landscape.dim())?;
    Err(Error::Numerics("nothing is computed yet".into()))
}
