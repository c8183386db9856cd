//! Data in: csv, npy, npz and safetensors to a matrix of points, with duplicates merged into weights.

use faer::Mat;

/// Points as columns, duplicates merged.
#[derive(Clone, Debug)]
pub struct Points {
    /// Distinct points (n x K), in the order of first appearance.
    pub values: Mat<f64>,
    /// How often each occurred (length K).
    pub multiplicity: Vec<usize>,
    /// For each row of the file (after any selection of rows) the column of its point.
    pub column_of_row: Vec<usize>,
}
