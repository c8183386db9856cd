//! Cholesky's factorisation.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::{MatMut, MatRef, Par};

use super::{axpy, column_mut};

/// Up to this dimension loops of our own beat the blocked algorithms of the library.
const SMALL: usize = 32;

/// Cholesky's factorisation of a symmetric positive definite matrix; its storage is used again and again.
pub struct Cholesky {
    n: usize,
    /// Column by column: the factor, and above the diagonal its transpose.
    factor: Vec<f64>,
    scratch: Option<MemBuffer>,
}

impl Cholesky {
    /// Storage for matrices of dimension `n`.
    pub fn new(n: usize) -> Self {
        let scratch = (n > SMALL).then(|| {
            MemBuffer::new(llt::factor::cholesky_in_place_scratch::<f64>(n, Par::Seq, Default::default()))
        });
        Cholesky { n, factor: vec![0.0; n * n], scratch }
    }

    /// Factorises `scale a + shift` (only the lower triangle of `a` is read). Returns the smallest pivot divided by the
    /// largest diagonal entry: a bound from above of the smallest eigenvalue over the largest. `None` if the matrix is
    /// not positive definite to working precision, or not finite; then there is nothing to solve with.
    pub fn factor(&mut self, a: MatRef<'_, f64>, scale: f64, shift: f64) -> Option<f64> {
        let n = self.n;
        let mut largest = 0.0_f64;
        for j in 0..n {
            for i in j..n {
                self.factor[j * n + i] = scale * a[(i, j)];
            }
            self.factor[j * n + j] += shift;
            largest = largest.max(self.factor[j * n + j]);
        }
        let mut smallest = f64::INFINITY;
        if let Some(scratch) = &mut self.scratch {
            let matrix = MatMut::from_column_major_slice_mut(&mut self.factor, n, n);
            let stack = MemStack::new(scratch);
            let none = Default::default();
            llt::factor::cholesky_in_place(matrix, none, Par::Seq, stack, Default::default()).ok()?;
            for j in 0..n {
                smallest = smallest.min(self.factor[j * n + j].powi(2));
            }
        } else {
            for j in 0..n {
                let (done, rest) = self.factor.split_at_mut((j + 1) * n);
                let column = &mut done[j * n..];
                let pivot = column[j];
                if !(pivot > 0.0 && pivot.is_finite()) {
                    return None;
                }
                smallest = smallest.min(pivot);
                let root = pivot.sqrt();
                column[j..].iter_mut().for_each(|c| *c /= root);
                for (k, later) in rest.chunks_exact_mut(n).enumerate() {
                    let k = j + 1 + k;
                    later[j] = column[k];
                    axpy(-column[k], &column[k..], &mut later[k..]);
                }
            }
        }
        (smallest > 0.0 && smallest.is_finite()).then(|| smallest / largest)
    }

    /// Logarithm of the determinant of the factorised matrix.
    pub fn log_determinant(&self) -> f64 {
        (0..self.n).map(|j| 2.0 * self.factor[j * self.n + j].ln()).sum()
    }

    /// Solves with the factorised matrix, in place.
    pub fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        if n > SMALL {
            let factor = MatRef::from_column_major_slice(&self.factor, n, n);
            let none = MemStack::new(&mut []);
            llt::solve::solve_in_place(factor, column_mut(b), Par::Seq, none);
            return;
        }
        for (j, column) in self.factor.chunks_exact(n).enumerate() {
            b[j] /= column[j];
            let known = b[j];
            axpy(-known, &column[j + 1..], &mut b[j + 1..]);
        }
        for (j, column) in self.factor.chunks_exact(n).enumerate().rev() {
            b[j] /= column[j];
            let known = b[j];
            axpy(-known, &column[..j], &mut b[..j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::linalg::symmetric_eigen;

    #[test]
    fn cholesky_solves_what_is_positive_definite_and_refuses_the_rest() {
        for n in [1, 2, 3, 20, 32, 33, 70] {
            let a = Mat::from_fn(n, n, |i, j| ((i.min(j) * 7 + i.max(j) * 3) as f64 * 1.3).sin());
            let (mut w, mut v) = (vec![0.0; n], Mat::zeros(n, n));
            assert!(symmetric_eigen(a.as_ref(), &mut w, v.as_mut()));
            let mut cholesky = Cholesky::new(n);
            for (scale, shift) in [(1.0, 0.1 - w[0]), (-2.0, 0.1 + 2.0 * w[n - 1])] {
                let ratio = cholesky.factor(a.as_ref(), scale, shift).expect("positive definite");
                assert!(ratio > 0.0 && ratio <= 1.0);
                let exact: f64 = w.iter().map(|w| (scale * w + shift).ln()).sum();
                assert!((cholesky.log_determinant() - exact).abs() < 1e-11 * n as f64);
                let b: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
                let mut x = b.clone();
                cholesky.solve(&mut x);
                for i in 0..n {
                    let ax: f64 = (0..n).map(|k| scale * a[(i, k)] * x[k]).sum::<f64>() + shift * x[i];
                    assert!((ax - b[i]).abs() < 1e-11 * n as f64, "n = {n}");
                }
            }
            assert!(cholesky.factor(a.as_ref(), 1.0, -0.1 - w[0]).is_none());
            assert!(cholesky.factor(Mat::from_fn(n, n, |_, _| f64::NAN).as_ref(), 1.0, 1.0).is_none());
        }
    }
}
