//! The affine hull of a set of points: the subspace in which every critical point of a pattern memory lies.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};

/// An orthonormal basis (n x r) of the span of the columns of `directions` (n x K); `None` if it is all of R^n.
///
/// Directions whose singular value is below `eps max(n, K)` times the largest are rounding and are dropped. At least
/// one column is returned.
pub(super) fn span(directions: MatRef<'_, f64>) -> Option<Mat<f64>> {
    crate::linalg::sequential();
    let (n, k) = directions.shape();
    if n == 1 || (k >= n && is_clearly_full(directions)) {
        return None;
    }
    let svd = directions.thin_svd().ok()?;
    let values = svd.S().column_vector();
    let largest = if values.nrows() == 0 { 0.0 } else { values[0] };
    let floor = largest * f64::EPSILON * n.max(k) as f64;
    let rank = values.iter().filter(|s| **s > floor).count();
    if rank == n {
        return None;
    }
    if rank == 0 {
        return Some(Mat::from_fn(n, 1, |i, _| if i == 0 { 1.0 } else { 0.0 }));
    }
    Some(svd.U().subcols(0, rank).to_owned())
}

/// A cheap sufficient test: the Gram matrix loses half of the digits, but if its condition number is moderate the
/// rank is full beyond doubt, and the singular value decomposition can be spared.
fn is_clearly_full(directions: MatRef<'_, f64>) -> bool {
    let n = directions.nrows();
    let mut gram = Mat::zeros(n, n);
    matmul(&mut gram, Accum::Replace, directions, directions.transpose(), 1.0, Par::Seq);
    match gram.self_adjoint_eigenvalues(Side::Lower) {
        Ok(values) => values[0] > 1e-10 * values[n - 1],
        Err(_) => false,
    }
}

/// `basis' (points - origin)`, column by column.
pub(super) fn coordinates(basis: MatRef<'_, f64>, origin: &[f64], points: MatRef<'_, f64>) -> Mat<f64> {
    let shifted = Mat::from_fn(points.nrows(), points.ncols(), |i, j| points[(i, j)] - origin[i]);
    let mut out = Mat::zeros(basis.ncols(), points.ncols());
    matmul(&mut out, Accum::Replace, basis.transpose(), &shifted, 1.0, Par::Seq);
    out
}

/// Mean of the columns.
pub(crate) fn mean(points: MatRef<'_, f64>) -> Vec<f64> {
    let mut mean = vec![0.0; points.nrows()];
    for point in points.col_iter() {
        mean.iter_mut().zip(point.iter()).for_each(|(m, y)| *m += y);
    }
    mean.iter_mut().for_each(|m| *m /= points.ncols() as f64);
    mean
}

/// Largest distance of a column from `center`.
pub(crate) fn spread(points: MatRef<'_, f64>, center: &[f64]) -> f64 {
    points
        .col_iter()
        .map(|c| c.iter().zip(center).map(|(y, c)| (y - c).powi(2)).sum::<f64>())
        .fold(0.0, f64::max)
        .sqrt()
}
