//! Matrices in midpoint-radius form, and products with a-priori error bounds.

use faer::Mat;

/// All matrices A with `|A - mid| <= rad`, entry by entry.
#[derive(Clone, Debug)]
pub struct BallMatrix {
    /// The midpoints.
    pub mid: Mat<f64>,
    /// The radii, each zero or more, infinite where nothing is known.
    pub rad: Mat<f64>,
}
