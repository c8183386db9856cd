//! A table of a study, read key by key; what nobody reads is reported as unknown.

use crate::data::Points;
use crate::error::{Error, Result};
use crate::landscape::Key;

/// A table of a study file (or of the command line), which knows where each of its keys stands.
pub struct Section {}

impl Section {
    /// A finite real number (whole numbers count); an error with its place if it is anything else.
    pub fn number(&mut self, _key: &str) -> Result<Option<f64>> {
        unimplemented!()
    }
    /// A number that must be there.
    pub fn need_number(&mut self, _key: &str) -> Result<f64> {
        unimplemented!()
    }
    /// A whole number, zero or more.
    pub fn integer(&mut self, _key: &str) -> Result<Option<usize>> {
        unimplemented!()
    }
    /// A text.
    pub fn text(&mut self, _key: &str) -> Result<Option<String>> {
        unimplemented!()
    }
    /// true or false.
    pub fn flag(&mut self, _key: &str) -> Result<Option<bool>> {
        unimplemented!()
    }
    /// An array of finite numbers.
    pub fn numbers(&mut self, _key: &str) -> Result<Option<Vec<f64>>> {
        unimplemented!()
    }
    /// A table within this one.
    pub fn table(&mut self, _key: &str) -> Result<Option<Section>> {
        unimplemented!()
    }
    /// The keys that are there and not yet read, in the file's order.
    pub fn remaining(&self) -> Vec<String> {
        unimplemented!()
    }
    /// The points named by a key of kind [`Data`](crate::landscape::Takes::Data), with the section's key `rows` applied.
    pub fn points(&mut self, _key: &str) -> Result<Option<Points>> {
        unimplemented!()
    }
    /// An input error that points at the value of `key`.
    pub fn error(&self, _key: &str, _message: impl Into<String>) -> Error {
        unimplemented!()
    }
    /// An input error that points into the text value of `key`: `start..end` are byte offsets in the decoded text.
    pub fn error_in_text(
        &self,
        _key: &str,
        _start: usize,
        _end: usize,
        _message: impl Into<String>,
    ) -> Error {
        unimplemented!()
    }
    /// Complains about keys that nobody has read, naming the nearest of `known`.
    pub fn finish(&self, _known: &[Key]) -> Result<()> {
        unimplemented!()
    }
}
