//! Matrices in midpoint-radius form, and products with a-priori error bounds.
//!
//! A sum of k products, computed in round-to-nearest in any order, with fused multiplications or without, differs from
//! the exact one by at most `k u / (1 - k u) sum |a||b|` (Higham 2002, "Accuracy and Stability of Numerical Algorithms",
//! section 3.1; Jeannerod & Rump 2013, "Improved error bounds for inner products in floating-point arithmetic", SIAM J.
//! Matrix Anal. Appl. 34, even by `k u sum |a||b|`), as long as no product is below the normal numbers; one that is errs
//! by `eta/2` more, eta being the smallest positive number, and sums are exact there. So a verified product takes two
//! plain ones, whatever kernel computes them. Long sums are cut into panels and the panels' sums added up, so that k is
//! the number of roundings that one product passes through, far less than the length.

use std::ops::{Add, Sub};

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use super::Interval;
use super::rounding::{UNIT, add_up, div_up, mul_up, sub_down, up};

/// Length of the panels that long sums are cut into.
const PANEL: usize = 128;
/// Columns of the result that are computed at a time where sums are cut: their panel stays in the cache.
const COLUMNS: usize = 256;
/// Up to this many multiplications, loops beat the library's kernels.
const SMALL: usize = 6 * 6 * 6;
/// The smallest positive number.
const ETA: f64 = f64::from_bits(1);
/// `1 + 8u`: a positive number, the result of up to three roundings of u each, times this, rounded, is above the exact
/// result (but for underflow). Without the branches of [`up`], which long loops would feel.
const OUTWARDS: f64 = 1.0 + 8.0 * UNIT;

/// All matrices A with `|A - mid| <= rad`, entry by entry.
#[derive(Clone, Debug)]
pub struct BallMatrix {
    /// The midpoints.
    pub mid: Mat<f64>,
    /// The radii, each zero or more, infinite where nothing is known.
    pub rad: Mat<f64>,
}

impl BallMatrix {
    /// One matrix alone; entries that are not finite become unknown.
    pub fn exact(a: MatRef<'_, f64>) -> Self {
        let rad = Mat::from_fn(
            a.nrows(),
            a.ncols(),
            |i, j| if a[(i, j)].is_finite() { 0.0 } else { f64::INFINITY },
        );
        let mid =
            Mat::from_fn(a.nrows(), a.ncols(), |i, j| if a[(i, j)].is_finite() { a[(i, j)] } else { 0.0 });
        BallMatrix { mid, rad }
    }

    /// The matrix of `n` rows and `m` columns whose entries, row by row, are `entries` (length n m).
    pub fn from_intervals(n: usize, m: usize, entries: &[Interval]) -> Self {
        assert_eq!(entries.len(), n * m, "one interval an entry");
        BallMatrix {
            mid: Mat::from_fn(n, m, |i, j| entries[i * m + j].mid()),
            rad: Mat::from_fn(n, m, |i, j| entries[i * m + j].rad()),
        }
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.mid.nrows()
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.mid.ncols()
    }

    /// The values that an entry takes.
    pub fn entry(&self, i: usize, j: usize) -> Interval {
        Interval::about(self.mid[(i, j)], self.rad[(i, j)])
    }

    /// True if every entry is bounded.
    pub fn is_finite(&self) -> bool {
        all(&self.mid, f64::is_finite) && all(&self.rad, f64::is_finite)
    }

    /// True if the set holds one matrix only.
    pub fn is_exact(&self) -> bool {
        all(&self.mid, f64::is_finite) && all(&self.rad, |r| r == 0.0)
    }

    /// The transposes.
    pub fn transpose(&self) -> BallMatrix {
        BallMatrix { mid: self.mid.transpose().to_owned(), rad: self.rad.transpose().to_owned() }
    }

    /// An upper bound, entry by entry, of the absolute values.
    pub fn magnitude(&self) -> Mat<f64> {
        zip(&self.mid, &self.rad, |m, r| if r == 0.0 { m.abs() } else { (m.abs() + r) * OUTWARDS })
    }

    /// An upper bound, entry by entry, of `|I - A|`.
    pub(super) fn rest(&self) -> Mat<f64> {
        let mut size = map(&self.mid, f64::abs);
        for j in 0..self.ncols() {
            let c = self.mid[(j, j)];
            size[(j, j)] = add_up(c, -1.0).max(add_up(-c, 1.0));
            size.col_as_slice_mut(j)
                .iter_mut()
                .zip(self.rad.col_as_slice(j))
                .for_each(|(s, r)| *s = add_up(*s, *r));
        }
        size
    }

    /// `c` times the matrices.
    pub fn scale(&self, c: f64) -> BallMatrix {
        let mid = Mat::from_fn(self.nrows(), self.ncols(), |i, j| c * self.mid[(i, j)]);
        let rad = zip(&mid, &self.rad, |m, r| add_up(mul_up(c.abs(), r), rounded(m)));
        BallMatrix { mid, rad }.known()
    }

    /// The symmetric matrices of the set, as a set with symmetric midpoints and radii. `None` if it holds none, or
    /// if it is not square.
    pub fn symmetric(&self) -> Option<BallMatrix> {
        let n = self.nrows();
        if n != self.ncols() {
            return None;
        }
        let mut met = self.clone().known();
        for j in 0..n {
            for i in 0..j {
                let (m, r) = if met.mid[(i, j)] == met.mid[(j, i)] {
                    (met.mid[(i, j)], met.rad[(i, j)].min(met.rad[(j, i)]))
                } else {
                    let both = met.entry(i, j).meet(met.entry(j, i))?;
                    (both.mid(), both.rad())
                };
                (met.mid[(i, j)], met.mid[(j, i)]) = (m, m);
                (met.rad[(i, j)], met.rad[(j, i)]) = (r, r);
            }
        }
        Some(met)
    }

    /// All products of a matrix of `a` (n x k) and one of `b` (k x m).
    pub fn product(a: &BallMatrix, b: &BallMatrix) -> BallMatrix {
        assert_eq!(a.ncols(), b.nrows(), "inner dimensions");
        let (n, k, m) = (a.nrows(), a.ncols(), b.ncols());
        if n * k * m <= SMALL {
            let (mut mid, mut rad) = (Mat::zeros(n, m), Mat::zeros(n, m));
            for j in 0..m {
                let (mid, rad) = (mid.col_as_slice_mut(j), rad.col_as_slice_mut(j));
                a.times(b.mid.col_as_slice(j), b.rad.col_as_slice(j), mid, rad);
            }
            return BallMatrix { mid, rad }.known();
        }
        // |AB - fl(mid mid)| <= |A|(gamma |B| + rad B) + rad A (|B| + rad B), over midpoints, and underflow.
        let gamma = gamma(roundings(k));
        // The bound is computed by the same kernels: what they return is at least (1 - gamma) times it, less underflow.
        let inflate = div_up(1.0, sub_down(1.0, gamma));
        let (exact_a, exact_b) = (a.is_exact(), b.is_exact());
        let mid = multiply(a.mid.as_ref(), b.mid.as_ref());
        let size = map(&a.mid, f64::abs);
        let (weight, mut rad) = if exact_b {
            (mul_up(gamma, inflate), multiply(size.as_ref(), map(&b.mid, f64::abs).as_ref()))
        } else {
            let spread = zip(&b.mid, &b.rad, |m, r| (gamma * m.abs() + r) * OUTWARDS + ETA);
            (inflate, multiply(size.as_ref(), spread.as_ref()))
        };
        let lost = lost(k);
        let weight = weight * OUTWARDS;
        for j in 0..m {
            rad.col_as_slice_mut(j).iter_mut().for_each(|r| *r = (*r + lost) * weight + lost);
        }
        if !exact_a {
            let inflate = inflate * OUTWARDS;
            let other = multiply(a.rad.as_ref(), b.magnitude().as_ref());
            // What underflow takes from this product too is in `rad`.
            rad = zip(&rad, &other, |r, s| (r + s * inflate) * OUTWARDS);
        }
        BallMatrix { mid, rad }.known()
    }

    /// All products of a matrix of the set with a vector of `x` (length m).
    pub fn mul_vec(&self, x: &[Interval]) -> Vec<Interval> {
        assert_eq!(x.len(), self.ncols(), "one interval a column");
        let centers: Vec<f64> = x.iter().map(|x| x.mid()).collect();
        let radii: Vec<f64> = x.iter().map(|x| x.rad()).collect();
        let (mut mid, mut rad) = (vec![0.0; self.nrows()], vec![0.0; self.nrows()]);
        self.times(&centers, &radii, &mut mid, &mut rad);
        mid.into_iter().zip(rad).map(|(m, r)| Interval::about(m, r)).collect()
    }

    /// The product with the vectors within `radii` of `centers` (length m), as midpoints and radii (length n, zero before).
    fn times(&self, centers: &[f64], radii: &[f64], mid: &mut [f64], rad: &mut [f64]) {
        let k = centers.len();
        // Each product passes through a multiplication and k - 1 sums that round; in the radii through one sum more.
        let gamma = self::gamma(k);
        let inflate = div_up(1.0, sub_down(1.0, self::gamma(k + 1))) * OUTWARDS;
        for (j, (c, r)) in centers.iter().zip(radii).enumerate() {
            let (c, r) = (*c, *r);
            let (spread, size) = ((gamma * c.abs() + r) * OUTWARDS + ETA, (c.abs() + r) * OUTWARDS);
            let (a, s) = (self.mid.col_as_slice(j), self.rad.col_as_slice(j));
            for (((m, o), a), s) in mid.iter_mut().zip(rad.iter_mut()).zip(a).zip(s) {
                *m += a * c;
                *o += a.abs() * spread + s * size;
            }
        }
        let lost = lost(k);
        rad.iter_mut().for_each(|r| *r = (*r + lost) * inflate);
    }

    /// Entries that are not numbers, or not finite, become unknown.
    fn known(mut self) -> Self {
        for j in 0..self.ncols() {
            let (mid, rad) = (self.mid.col_as_slice_mut(j), self.rad.col_as_slice_mut(j));
            for (m, r) in mid.iter_mut().zip(rad) {
                if !(m.is_finite() && *r < f64::INFINITY) {
                    (*m, *r) = (if m.is_finite() { *m } else { 0.0 }, f64::INFINITY);
                }
            }
        }
        self
    }
}

impl Add for &BallMatrix {
    type Output = BallMatrix;
    fn add(self, other: &BallMatrix) -> BallMatrix {
        let mid = zip(&self.mid, &other.mid, |a, b| a + b);
        let radii = zip(&self.rad, &other.rad, add_up);
        let rad = zip(&mid, &radii, |m, r| add_up(r, rounded(m)));
        BallMatrix { mid, rad }.known()
    }
}

impl Sub for &BallMatrix {
    type Output = BallMatrix;
    fn sub(self, other: &BallMatrix) -> BallMatrix {
        self.add(&BallMatrix { mid: map(&other.mid, |m| -m), rad: other.rad.clone() })
    }
}

/// A bound of the rounding error of one operation with this result.
pub(super) fn rounded(c: f64) -> f64 {
    up(UNIT * c.abs())
}

/// A bound, with room for its own rounding, of what underflow takes from three sums of k products each: `eta/2` a
/// product, grown by less than two in later sums.
fn lost(k: usize) -> f64 {
    (4 * k + 4) as f64 * ETA
}

/// `k u / (1 - k u)`, upwards: the relative error of k roundings.
pub(super) fn gamma(k: usize) -> f64 {
    let t = k as f64 * UNIT;
    if t < 0.5 { div_up(t, 1.0 - t) } else { f64::INFINITY }
}

/// How many roundings a product passes through in [`multiply`], for inner dimension k.
pub(super) fn roundings(k: usize) -> usize {
    if k <= 2 * PANEL { k } else { PANEL + k.div_ceil(PANEL) }
}

/// The product in floating point.
pub(super) fn multiply(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let (n, k, m) = (a.nrows(), a.ncols(), b.ncols());
    let mut c = Mat::zeros(n, m);
    if n * k * m <= SMALL {
        for j in 0..m {
            let column = c.col_as_slice_mut(j);
            for l in 0..k {
                let factor = b[(l, j)];
                for (i, c) in column.iter_mut().enumerate() {
                    *c += a[(i, l)] * factor;
                }
            }
        }
    } else if k <= 2 * PANEL {
        matmul(&mut c, Accum::Replace, a, b, 1.0, Par::Seq);
    } else {
        let mut panel = Mat::zeros(n, m.min(COLUMNS));
        for j in (0..m).step_by(COLUMNS) {
            let columns = COLUMNS.min(m - j);
            for l in (0..k).step_by(PANEL) {
                let depth = PANEL.min(k - l);
                let (left, right) = (a.subcols(l, depth), b.submatrix(l, j, depth, columns));
                matmul(panel.as_mut().subcols_mut(0, columns), Accum::Replace, left, right, 1.0, Par::Seq);
                for q in 0..columns {
                    let sums = c.col_as_slice_mut(j + q).iter_mut();
                    sums.zip(panel.col_as_slice(q)).for_each(|(c, p)| *c += p);
                }
            }
        }
    }
    c
}

/// `f` of each entry.
pub(super) fn map(a: &Mat<f64>, f: impl Fn(f64) -> f64) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), a.ncols());
    for j in 0..a.ncols() {
        out.col_as_slice_mut(j).iter_mut().zip(a.col_as_slice(j)).for_each(|(o, a)| *o = f(*a));
    }
    out
}

/// `f` of each pair of entries.
pub(super) fn zip(a: &Mat<f64>, b: &Mat<f64>, f: impl Fn(f64, f64) -> f64) -> Mat<f64> {
    assert_eq!((a.nrows(), a.ncols()), (b.nrows(), b.ncols()), "same shape");
    let mut out = Mat::zeros(a.nrows(), a.ncols());
    for j in 0..a.ncols() {
        let (a, b) = (a.col_as_slice(j), b.col_as_slice(j));
        for ((o, a), b) in out.col_as_slice_mut(j).iter_mut().zip(a).zip(b) {
            *o = f(*a, *b);
        }
    }
    out
}

/// True if `f` holds of each entry.
fn all(a: &Mat<f64>, f: impl Fn(f64) -> bool) -> bool {
    (0..a.ncols()).all(|j| a.col_as_slice(j).iter().all(|a| f(*a)))
}

#[cfg(test)]
mod tests;
