//! Sums and products in plain arithmetic, with bounds of what rounding does to them: for many dimensions, where interval by interval takes
//! long.
//!
//! A sum of k products, in whatever order, is within `g sum |a||b|` of the exact one, `g = k u/(1 - k u)`, `u = 2^-53` (Higham 2002, section
//! 3.1); what underflows loses less than the smallest normal number a product. [`gamma`] is twice g and more: the bounds here are themselves
//! sums of terms that are not negative, off by no more than a factor of 1 +- g, for which the other half makes up.

use super::interval::I;

/// Runs loops with the widest instructions of the machine. Sums keep their order, so that nothing changes but the time.
#[inline(always)]
pub(super) fn vectorized<R>(loops: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(loops)
}

/// At least `2 k u/(1 - k u)`, for sums of up to a million million terms.
pub(super) fn gamma(k: usize) -> f64 {
    (k as f64 + 8.0) * f64::EPSILON
}

/// More than what underflow takes from a sum of k products.
pub(super) fn underflow(k: usize) -> f64 {
    (k as f64 + 8.0) * (4.0 * f64::MIN_POSITIVE)
}

/// A number of the interval, nearly in its middle, and at least how far its ends are. Of what is not bounded both are no numbers.
#[inline]
pub(super) fn split(x: I) -> (f64, f64) {
    let mid = 0.5 * x.lo + 0.5 * x.hi;
    let rad = (x.hi - mid).max(mid - x.lo);
    // One rounding of the difference.
    (mid, if x.lo == x.hi { 0.0 } else { (rad * (1.0 + f64::EPSILON)).next_up() } + 0.0 * rad)
}

/// The same of many.
pub(super) fn split_all(x: &[I]) -> (Vec<f64>, Vec<f64>) {
    x.iter().map(|x| split(*x)).unzip()
}

/// The largest of numbers that are not negative; no number if one of them is none.
pub(super) fn largest(v: impl IntoIterator<Item = f64>) -> f64 {
    v.into_iter().fold(0.0, |m: f64, x| if m.is_nan() || x <= m { m } else { x })
}

/// `a b` in plain arithmetic: a with `inner` columns, b with `columns`, both row by row.
pub(super) fn product(a: &[f64], b: &[f64], inner: usize, columns: usize) -> Vec<f64> {
    let rows = a.len().checked_div(inner).unwrap_or(0);
    let mut out = vec![0.0; rows * columns];
    vectorized(|| {
        for (a, out) in a.chunks_exact(inner.max(1)).zip(out.chunks_exact_mut(columns.max(1))) {
            for (a, b) in a.iter().zip(b.chunks_exact(columns.max(1))) {
                for (o, b) in out.iter_mut().zip(b) {
                    *o += a * b;
                }
            }
        }
    });
    out
}

/// The transpose of a matrix, row by row, as it has so many rows and columns.
pub(super) fn transposed(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    (0..rows * columns).map(|k| a[k % rows * columns + k / rows]).collect()
}

/// What Cholesky's factorisation of a symmetric matrix (row by row, only what is on and below the diagonal is looked at) less `shift` times
/// the identity proves, if it ends: no eigenvalue is below `shift` minus the number that it gives. The factor L that floating point finds
/// is exact for a matrix within `g |L||L'|` of this one, g for n + 1 terms (Higham 2002, theorem 10.3), so within `g |L|_F^2`.
pub(super) fn cholesky(a: &[f64], n: usize, shift: f64) -> Option<f64> {
    vectorized(|| factorized(a, n, shift))
}

#[inline(always)]
fn factorized(a: &[f64], n: usize, shift: f64) -> Option<f64> {
    // Column by column, each from the diagonal on.
    let mut l: Vec<f64> =
        (0..n * n).map(|k| if k % n >= k / n { a[k % n * n + k / n] } else { 0.0 }).collect();
    let mut squares = 0.0;
    for j in 0..n {
        l[j * n + j] -= shift;
    }
    for j in 0..n {
        let (done, rest) = l.split_at_mut((j + 1) * n);
        let own = &mut done[j * n + j..];
        if !(own[0] > 0.0) {
            return None;
        }
        let root = own[0].sqrt();
        for v in own.iter_mut() {
            *v /= root;
        }
        own[0] = root;
        squares += own.iter().map(|v| v * v).sum::<f64>();
        for (k, factor) in own.iter().enumerate().skip(1) {
            // Column j + k, from its diagonal on.
            let column = &mut rest[(k - 1) * n + j + k..k * n];
            for (c, v) in column.iter_mut().zip(&own[k..]) {
                *c -= factor * v;
            }
        }
    }
    let error = gamma(n + 1) * squares * (1.0 + gamma(n * n)) + n as f64 * (1.0 + squares) * underflow(n);
    (error < f64::INFINITY).then_some(error)
}
