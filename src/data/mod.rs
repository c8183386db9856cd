//! Data in: csv, npy, npz, safetensors and Parquet to a matrix of points, with duplicates merged into weights.
//!
//! In: a path, with `#key` where a file holds several arrays. Out: a [`RawTable`] of finite numbers, one point a row,
//! and from it [`Points`]; or the arrays of a trained network as [`Tensors`].

mod csv;
mod merge;
mod npy;
mod number;
mod parquet;
pub mod random;
mod safetensors;
mod source;
mod tensors;

use faer::Mat;

use crate::error::shown;

pub use source::read;
pub use tensors::{Tensor, Tensors, read_tensors};

/// Points as columns, duplicates merged.
#[derive(Clone, Debug)]
pub struct Points {
    /// Distinct points (n x K), in the order of first appearance.
    pub values: Mat<f64>,
    /// How often each occurred (length K).
    pub multiplicity: Vec<usize>,
    /// For each row of the file (after any selection of rows) the column of its point.
    pub column_of_row: Vec<usize>,
    /// For each row which one it was of those that could be taken (of the file, after any range of rows).
    pub taken: Vec<usize>,
    /// How many those were.
    pub of: usize,
}

/// A table of finite numbers as it stands in a file: at least one row and one column.
#[derive(Clone, Debug, PartialEq)]
pub struct RawTable {
    /// Length of a row.
    pub columns: usize,
    /// All rows, one after the other.
    pub values: Vec<f64>,
}

impl RawTable {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }
}

impl Points {
    /// Adds up one weight a row of the file onto the distinct points; the error says what is wrong with `rows`.
    pub fn merge_weights(&self, rows: &[f64]) -> std::result::Result<Vec<f64>, String> {
        if rows.len() != self.column_of_row.len() {
            return Err(format!("{} weights for {} rows of data", rows.len(), self.column_of_row.len()));
        }
        let mut merged = vec![0.0; self.values.ncols()];
        for (row, weight) in rows.iter().enumerate() {
            if !(*weight > 0.0 && weight.is_finite()) {
                return Err(format!("weight {} is {}, it must be positive", row + 1, shown(*weight)));
            }
            merged[self.column_of_row[row]] += weight;
        }
        Ok(merged)
    }
}
