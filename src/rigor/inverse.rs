//! Inverses of matrices, proven from approximate ones.
//!
//! For any matrix R with `|I - RA| <= q < 1` in some operator norm, A and R are nonsingular, `A^-1 = (RA)^-1 R`, and
//! `|(RA)^-1| <= 1/(1-q)` by Neumann's series (Rump 2010, "Verification methods", Acta Numerica 19, section 10). Where R
//! comes from does not matter.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::{factor, inverse};
use faer::{Mat, MatRef, Par};

use super::matrix::map;
use super::norm::{norm_inf, norm_two};
use super::rounding::{div_up, mul_up, norm_up, sub_down};
use super::{BallMatrix, Interval};

/// Up to this size Gauss-Jordan elimination beats the library.
const SMALL: usize = 12;

/// A proof that every matrix A of a set is nonsingular.
#[derive(Clone, Debug)]
pub struct Inverse {
    /// The approximate inverse R.
    pub approximate: Mat<f64>,
    /// A bound of `|I - RA|` in the infinity norm; infinite, or one or more, if it is proven by the other norm.
    pub defect_inf: f64,
    /// A bound of `|I - RA|` in the spectral norm; infinite, or one or more, if it is proven by the other norm.
    pub defect_two: f64,
    /// A bound of `|A^-1|` in the infinity norm.
    pub norm_inf: f64,
    /// A bound of `|A^-1|` in the spectral norm.
    pub norm_two: f64,
}

impl Inverse {
    /// Tries to prove that every matrix of the set (n x n) is nonsingular.
    pub fn of(a: &BallMatrix) -> Option<Inverse> {
        Inverse::verify(a, approximate_inverse(a.mid.as_ref())?)
    }

    /// The same from an approximate inverse (n x n) that need not be trusted.
    pub fn verify(a: &BallMatrix, approximate: Mat<f64>) -> Option<Inverse> {
        let n = a.nrows();
        if a.ncols() != n || approximate.nrows() != n || approximate.ncols() != n {
            return None;
        }
        let r = BallMatrix::exact(approximate.as_ref());
        let defect = BallMatrix::product(&r, a).rest();
        let (defect_inf, defect_two) = (norm_inf(&defect), norm_two(&defect));
        if !(defect_inf < 1.0 || defect_two < 1.0) {
            return None;
        }
        let size = map(&approximate, f64::abs);
        Some(Inverse {
            norm_inf: grown(norm_inf(&size), defect_inf),
            norm_two: grown(norm_two(&size), defect_two),
            approximate,
            defect_inf,
            defect_two,
        })
    }

    /// Encloses `A^-1 b` for every A of the set and b of the intervals (length n).
    pub fn solve(&self, b: &[Interval]) -> Vec<Interval> {
        // x = y + (I - RA) x with y = R b, so |x - y| <= |I - RA| |x| <= q / (1-q) |y|, in either norm.
        let y = BallMatrix::exact(self.approximate.as_ref()).mul_vec(b);
        let sizes: Vec<f64> = y.iter().map(|y| y.mag()).collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        let length = norm_up(&sizes);
        let error = grown(mul_up(self.defect_inf, largest), self.defect_inf)
            .min(grown(mul_up(self.defect_two, length), self.defect_two));
        y.into_iter().map(|y| y + Interval::new(-error, error)).collect()
    }

    /// Encloses the inverses of all matrices of the set.
    pub fn matrix(&self) -> BallMatrix {
        let n = self.approximate.nrows();
        let mut rad = Mat::zeros(n, n);
        for j in 0..n {
            // As in `solve`, with the j-th unit vector for b.
            let column = self.approximate.col_as_slice(j);
            let largest = column.iter().fold(0.0, |m: f64, r| m.max(r.abs()));
            let length = norm_up(column);
            let error = grown(mul_up(self.defect_inf, largest), self.defect_inf)
                .min(grown(mul_up(self.defect_two, length), self.defect_two));
            rad.col_as_slice_mut(j).fill(error);
        }
        BallMatrix { mid: self.approximate.clone(), rad }
    }
}

/// `x / (1 - q)` upwards; infinite unless `q < 1`.
fn grown(x: f64, q: f64) -> f64 {
    if q < 1.0 { div_up(x, sub_down(1.0, q)) } else { f64::INFINITY }
}

/// An inverse in floating point; `None` if it is not finite.
pub(super) fn approximate_inverse(a: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let n = a.nrows();
    if n != a.ncols() {
        return None;
    }
    let inverse = if n <= SMALL { gauss_jordan(a)? } else { by_factors(a) };
    (0..n).all(|j| inverse.col_as_slice(j).iter().all(|x| x.is_finite())).then_some(inverse)
}

/// By the library's factors, blocked.
fn by_factors(a: MatRef<'_, f64>) -> Mat<f64> {
    let n = a.nrows();
    let mut factors = a.to_owned();
    let (mut order, mut back) = (vec![0_usize; n], vec![0_usize; n]);
    let request = factor::lu_in_place_scratch::<usize, f64>(n, n, Par::Seq, Default::default())
        .or(inverse::inverse_scratch::<usize, f64>(n, Par::Seq));
    let mut buffer = MemBuffer::new(request);
    let stack = MemStack::new(&mut buffer);
    let (_, order) =
        factor::lu_in_place(factors.as_mut(), &mut order, &mut back, Par::Seq, stack, Default::default());
    let mut out = Mat::zeros(n, n);
    let stack = MemStack::new(&mut buffer);
    inverse::inverse(out.as_mut(), factors.as_ref(), factors.as_ref(), order, Par::Seq, stack);
    out
}

/// Elimination with pivots chosen from columns, in place of the matrix.
fn gauss_jordan(a: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let n = a.nrows();
    let mut m = a.to_owned();
    let mut order = [0; SMALL];
    for k in 0..n {
        let mut p = k;
        for i in k + 1..n {
            if m[(i, k)].abs() > m[(p, k)].abs() {
                p = i;
            }
        }
        order[k] = p;
        if p != k {
            for j in 0..n {
                (m[(k, j)], m[(p, j)]) = (m[(p, j)], m[(k, j)]);
            }
        }
        let pivot = m[(k, k)];
        if !(pivot.abs() > 0.0) {
            return None;
        }
        let reciprocal = 1.0 / pivot;
        let mut factors = [0.0; SMALL];
        let column = m.col_as_slice_mut(k);
        factors[..n].copy_from_slice(column);
        column.fill(0.0);
        column[k] = 1.0;
        for j in 0..n {
            let column = m.col_as_slice_mut(j);
            let t = column[k] * reciprocal;
            for (i, c) in column.iter_mut().enumerate() {
                *c = if i == k { t } else { *c - factors[i] * t };
            }
        }
    }
    for k in (0..n).rev() {
        let p = order[k];
        if p != k {
            for i in 0..n {
                (m[(i, k)], m[(i, p)]) = (m[(i, p)], m[(i, k)]);
            }
        }
    }
    Some(m)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagonal(n: usize, c: f64) -> BallMatrix {
        BallMatrix::exact(Mat::from_fn(n, n, |i, j| if i == j { c } else { 0.0 }).as_ref())
    }

    #[test]
    fn quotients_are_upper_bounds() {
        for k in 0..64 {
            let q = f64::from(k) / 64.0;
            assert!(grown(1.0, q).mul_add(1.0 - q, -1.0) >= 0.0, "{q}");
        }
        for q in [1.0, 1.5, f64::NAN, f64::INFINITY] {
            assert_eq!(grown(1.0, q), f64::INFINITY);
        }
    }

    /// R is off by a factor: the error that is left is the defect's, to the last bit.
    #[test]
    fn the_error_of_an_inverse_is_attained() {
        for (c, r) in [(1.0, 0.75), (-1.0, -0.75), (1.0, 1.25), (-1.0, -1.25)] {
            let inverse = Inverse::verify(&diagonal(2, c), diagonal(2, r).mid).unwrap();
            assert!(inverse.norm_inf >= 1.0 && inverse.norm_two >= 1.0);
            for (b, truth) in [([0.0, 1.0], [0.0, c]), ([1.0, 0.0], [c, 0.0]), ([-1.0, 1.0], [-c, c])] {
                let x = inverse.solve(&b.map(Interval::point));
                assert!(x[0].contains(truth[0]) && x[1].contains(truth[1]), "{x:?}");
            }
            let matrix = inverse.matrix();
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                assert!(matrix.entry(i, j).contains(if i == j { c } else { 0.0 }));
            }
        }
    }

    #[test]
    fn either_norm_proves_alone() {
        // I - R is [[.7, .7], [0, 0]] or its transpose: below one in the spectral norm, not in that of rows, resp. of columns.
        let r = Mat::from_fn(2, 2, |i, j| [[0.3, -0.7], [0.0, 1.0]][i][j]);
        let inverse = Inverse::verify(&diagonal(2, 1.0), r.clone()).unwrap();
        assert!(inverse.defect_inf > 1.0 && inverse.defect_two < 1.0 && inverse.norm_inf == f64::INFINITY);
        assert!(inverse.norm_two >= 1.0);
        let x = inverse.solve(&[Interval::ONE, Interval::ONE]);
        assert!(x[0].contains(1.0) && x[1].contains(1.0) && x[0].is_bounded());
        assert!(inverse.matrix().entry(0, 0).contains(1.0));
        // [[.9, 0], [.9, 0]] is below one in the norm of rows only.
        let r = Mat::from_fn(2, 2, |i, j| [[0.1, 0.0], [-0.9, 1.0]][i][j]);
        let inverse = Inverse::verify(&diagonal(2, 1.0), r).unwrap();
        assert!(inverse.defect_inf < 1.0 && inverse.defect_two > 1.0 && inverse.norm_two == f64::INFINITY);
        assert!(inverse.solve(&[Interval::ONE, Interval::ONE])[1].contains(1.0));
        // A set with a singular matrix in it.
        let ball = BallMatrix { mid: Mat::identity(1, 1), rad: Mat::identity(1, 1) };
        assert!(Inverse::verify(&ball, Mat::identity(1, 1)).is_none());
    }
}
