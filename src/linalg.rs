//! Linear algebra in the form this crate needs it, dense and in bands: sequential (the caller owns the threads), scratch reused.

mod band;
mod cholesky;
pub(crate) mod lanes;
pub(crate) mod outer;
mod principal;
pub(crate) mod rows;
pub(crate) mod spectra;
mod tridiagonal;

use std::cell::Cell;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::{Lblt, SolveCore};
use faer::prelude::ReborrowMut;
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par, Side};

pub use band::{Band, Factors, Layout};
pub use cholesky::Cholesky;
pub use principal::{Principal, principal};
pub(crate) use spectra::WIDEST;
pub use tridiagonal::Tridiagonal;

thread_local! {
    static STACK: Cell<Option<(usize, MemBuffer)>> = const { Cell::new(None) };
}

/// Makes the linear algebra library sequential, once: its own threads would round differently with their number, and
/// this crate runs independent work in parallel instead. A process that wants it parallel elsewhere passes a
/// parallelism explicitly.
pub fn sequential() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| faer::set_global_parallelism(Par::Seq));
}

/// Inner product. Of long vectors by eight sums side by side, so that no addition waits for the one before.
#[inline(always)]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    const SIDE_BY_SIDE: usize = 8;
    let length = a.len().min(b.len());
    let (a, b) = (a[..length].chunks_exact(SIDE_BY_SIDE), b[..length].chunks_exact(SIDE_BY_SIDE));
    let rest = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum::<f64>();
    let mut sums = [0.0; SIDE_BY_SIDE];
    for (a, b) in a.zip(b) {
        for i in 0..SIDE_BY_SIDE {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Euclidean norm, also where the squares of the entries overflow or vanish.
pub fn norm(a: &[f64]) -> f64 {
    let square = dot(a, a);
    if square.is_normal() || square.is_nan() {
        return square.sqrt();
    }
    let largest = a.iter().fold(0.0_f64, |m, a| m.max(a.abs()));
    if largest == 0.0 || largest.is_infinite() {
        return largest;
    }
    largest * a.iter().map(|a| (a / largest).powi(2)).sum::<f64>().sqrt()
}

/// Euclidean distance, also where the squares of differences overflow or vanish.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    let differences = || a.iter().zip(b).map(|(a, b)| a - b);
    let square: f64 = differences().map(|d| d * d).sum();
    if square.is_normal() || square.is_nan() {
        square.sqrt()
    } else {
        norm(&differences().collect::<Vec<f64>>())
    }
}

/// `y += s x`.
pub fn axpy(s: f64, x: &[f64], y: &mut [f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += s * x);
}

/// The lower triangle of `factor a b`, in place of that of a square matrix or added to it; what is above stays.
pub(crate) fn lower_product(
    out: MatMut<'_, f64>,
    accum: Accum,
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
    factor: f64,
) {
    let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    triangular::matmul(out, lower, accum, a, full, b, full, factor, Par::Seq);
}

/// Adds the lower triangle of `factor a b` to that of a square matrix, by panels of rows: for small matrices and many columns of
/// `a` a fourth faster than [`lower_product`]. What is above the diagonal is arbitrary afterwards.
pub(crate) fn lower_panels(mut out: MatMut<'_, f64>, a: MatRef<'_, f64>, b: MatRef<'_, f64>, factor: f64) {
    let n = out.nrows();
    // Narrow panels waste little above the diagonal, wide ones read `b` less often.
    let height = if n <= 256 { 16 } else { 32 };
    for i in (0..n).step_by(height) {
        let rows = height.min(n - i);
        let panel = out.rb_mut().submatrix_mut(i, 0, rows, i + rows);
        matmul(panel, Accum::Add, a.subrows(i, rows), b.subcols(0, i + rows), factor, Par::Seq);
    }
}

/// A slice as a matrix of one column.
pub fn column(x: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(x, x.len(), 1)
}

/// A mutable slice as a matrix of one column.
pub fn column_mut(x: &mut [f64]) -> MatMut<'_, f64> {
    let n = x.len();
    MatMut::from_column_major_slice_mut(x, n, 1)
}

/// Eigenvalues (ascending) and orthonormal eigenvectors (columns) of a symmetric matrix; only its lower triangle is
/// read. False if the matrix is not finite or the iteration failed; then the outputs are arbitrary.
pub fn symmetric_eigen(a: MatRef<'_, f64>, values: &mut [f64], mut vectors: MatMut<'_, f64>) -> bool {
    let n = a.nrows();
    for j in 0..n {
        if (j..n).any(|i| !a[(i, j)].is_finite()) {
            return false;
        }
    }
    match n {
        0 => return true,
        1 => {
            values[0] = a[(0, 0)];
            vectors[(0, 0)] = 1.0;
            return true;
        }
        2 => {
            eigen_2(a[(0, 0)], a[(1, 0)], a[(1, 1)], values, vectors);
            return true;
        }
        _ => {}
    }
    let mut buffer = match STACK.take() {
        Some((size, buffer)) if size >= n => (size, buffer),
        _ => {
            let request =
                self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
            (n, MemBuffer::new(request))
        }
    };
    let done = self_adjoint_evd(
        a,
        faer::diag::DiagMut::from_slice_mut(values),
        Some(vectors),
        Par::Seq,
        MemStack::new(&mut buffer.1),
        Default::default(),
    );
    STACK.set(Some(buffer));
    done.is_ok()
}

/// Eigenvectors have no sign of their own: the largest component is made positive, so that orientations, and with them
/// the signs of connections, do not depend on the eigensolver. Columns of `duals` turn with theirs.
pub(crate) fn orient(vectors: &mut Mat<f64>, duals: &mut Mat<f64>) {
    for j in 0..vectors.ncols() {
        let column = vectors.col_as_slice_mut(j);
        let largest = column.iter().fold(0.0_f64, |m, v| if v.abs() > m.abs() + 1e-9 { *v } else { m });
        if largest < 0.0 {
            column.iter_mut().for_each(|v| *v = -*v);
            duals.col_as_slice_mut(j).iter_mut().for_each(|v| *v = -*v);
        }
    }
}

/// Gram and Schmidt, twice; what depends on the others is dropped.
pub(crate) fn orthonormalize(vectors: &mut Vec<Vec<f64>>) {
    let mut kept: Vec<Vec<f64>> = vec![];
    for v in vectors.iter() {
        let size = norm(v);
        if !(size > 0.0 && size.is_finite()) {
            continue;
        }
        let mut v: Vec<f64> = v.iter().map(|v| v / size).collect();
        for _ in 0..2 {
            for k in &kept {
                let along = dot(&v, k);
                axpy(-along, k, &mut v);
            }
        }
        let rest = norm(&v);
        if rest > 1e-10 {
            v.iter_mut().for_each(|v| *v /= rest);
            kept.push(v);
        }
    }
    *vectors = kept;
}

/// A symmetric matrix factored after Bunch & Kaufman: solutions, and the number of negative eigenvalues (Sylvester's law
/// of inertia), far cheaper than eigenvectors.
#[derive(Debug)]
pub struct Symmetric {
    factors: Lblt<f64>,
    negative: usize,
}

impl Symmetric {
    /// Factors; only the lower triangle is read. `None` if the matrix is not finite.
    pub fn new(a: MatRef<'_, f64>) -> Option<Self> {
        let n = a.nrows();
        for j in 0..n {
            if (j..n).any(|i| !a[(i, j)].is_finite()) {
                return None;
            }
        }
        let factors = Lblt::new(a, Side::Lower);
        let (diagonal, off) = (factors.B_diag().column_vector(), factors.B_subdiag().column_vector());
        let mut negative = 0;
        let mut j = 0;
        while j < n {
            let e = if j + 1 < n { off[j] } else { 0.0 };
            if e == 0.0 {
                negative += usize::from(diagonal[j] < 0.0);
                j += 1;
            } else {
                // A pivot block of two has one eigenvalue of each sign, or two of the sign of its trace.
                let determinant = diagonal[j] * diagonal[j + 1] - e * e;
                let trace = diagonal[j] + diagonal[j + 1];
                negative += if determinant < 0.0 { 1 } else { 2 * usize::from(trace < 0.0) };
                j += 2;
            }
        }
        Some(Symmetric { factors, negative })
    }

    /// Number of negative eigenvalues.
    pub fn negative(&self) -> usize {
        self.negative
    }

    /// Solves in place; not finite if the matrix is singular to working precision.
    pub fn solve(&self, b: &mut [f64]) {
        self.factors.solve_in_place_with_conj(Conj::No, column_mut(b));
    }
}

/// Solves `a x = b` in place for a symmetric matrix and returns its number of negative eigenvalues. `None` if the matrix
/// is not finite or singular to working precision.
pub fn solve_symmetric(a: MatRef<'_, f64>, b: &mut [f64]) -> Option<usize> {
    let factors = Symmetric::new(a)?;
    factors.solve(b);
    b.iter().all(|b| b.is_finite()).then_some(factors.negative)
}

/// The symmetric 2 x 2 case by one Jacobi rotation (Golub & Van Loan, section 8.5), accurate for both eigenvalues.
fn eigen_2(a: f64, b: f64, c: f64, values: &mut [f64], mut vectors: MatMut<'_, f64>) {
    let (cos, sin, low, high);
    if b == 0.0 {
        (cos, sin, low, high) = (1.0, 0.0, a, c);
    } else {
        let tau = (c - a) / (2.0 * b);
        let t = if tau >= 0.0 { 1.0 / (tau + tau.hypot(1.0)) } else { 1.0 / (tau - tau.hypot(1.0)) };
        cos = 1.0 / t.hypot(1.0);
        sin = t * cos;
        (low, high) = (a - t * b, c + t * b);
    }
    // Eigenpairs: `low` with (cos, -sin), `high` with (sin, cos); the names hold before ordering.
    let first = [(low, [cos, -sin]), (high, [sin, cos])];
    let order = if low <= high { [0, 1] } else { [1, 0] };
    for (j, &o) in order.iter().enumerate() {
        values[j] = first[o].0;
        vectors[(0, j)] = first[o].1[0];
        vectors[(1, j)] = first[o].1[1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_pythagoras_at_any_size() {
        for size in [1.0, 1e-200, 1e200] {
            let d = distance(&[3.0 * size, 1.0, 2.0 * size], &[0.0, 1.0, -2.0 * size]);
            assert!((d / size - 5.0).abs() < 1e-15, "{d:e}");
        }
        assert_eq!(distance(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert!(distance(&[f64::NAN], &[0.0]).is_nan());
    }

    #[test]
    fn eigenpairs_satisfy_their_equation() {
        for n in (1..8).chain([20, 39, 40, 41, 60]) {
            let a = Mat::from_fn(n, n, |i, j| ((i * j + 1) as f64).sin() + ((i + j) as f64).cos());
            let (mut w, mut v) = (vec![0.0; n], Mat::zeros(n, n));
            assert!(symmetric_eigen(a.as_ref(), &mut w, v.as_mut()));
            for j in 0..n {
                let x: Vec<f64> = (0..n).map(|i| v[(i, j)]).collect();
                assert!((norm(&x) - 1.0).abs() < 1e-14);
                for i in 0..n {
                    let ax: f64 = (0..n).map(|k| a[(i, k)] * x[k]).sum();
                    assert!((ax - w[j] * x[i]).abs() < 1e-14 * (n * n) as f64, "n = {n}");
                }
                assert!(j == 0 || w[j - 1] <= w[j]);
            }
        }
    }

    #[test]
    fn special_matrices() {
        // Clusters, zeros, huge ratios: the eigenvalues of a rotated diagonal matrix are its entries.
        for (n, entry) in [(5, 0.0), (6, 1.0), (12, 1e-9), (20, 1e9)] {
            let diagonal: Vec<f64> =
                (0..n).map(|i| if i % 3 == 0 { entry } else { (i / 4) as f64 }).collect();
            let v: Vec<f64> = (0..n).map(|i| ((i * i) as f64).sin() + 0.3).collect();
            let s = 2.0 / dot(&v, &v);
            let turn = |i: usize, j: usize| f64::from(u8::from(i == j)) - s * v[i] * v[j];
            let a =
                Mat::from_fn(n, n, |i, j| (0..n).map(|k| turn(i, k) * diagonal[k] * turn(j, k)).sum::<f64>());
            let (mut w, mut q) = (vec![0.0; n], Mat::zeros(n, n));
            assert!(symmetric_eigen(a.as_ref(), &mut w, q.as_mut()));
            let mut sorted = diagonal;
            sorted.sort_by(f64::total_cmp);
            let size = sorted.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
            for (found, exact) in w.iter().zip(&sorted) {
                assert!((found - exact).abs() < 1e-14 * size * n as f64, "{found} against {exact}");
            }
            let orthonormal = q.transpose() * &q - Mat::<f64>::identity(n, n);
            assert!(orthonormal.norm_max() < 1e-14 * n as f64);
        }
    }

    #[test]
    fn inertia_and_solution_agree_with_the_eigendecomposition() {
        for seed in 0..40 {
            let n = 2 + seed % 9;
            let entry = |i: usize, j: usize| ((i.min(j) * 7 + i.max(j) * 3 + seed) as f64 * 1.3).sin();
            let a = Mat::from_fn(n, n, |i, j| if i == j { 0.3 * entry(i, j) } else { entry(i, j) });
            let (mut w, mut v) = (vec![0.0; n], Mat::zeros(n, n));
            assert!(symmetric_eigen(a.as_ref(), &mut w, v.as_mut()));
            let b: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let mut x = b.clone();
            let negative = solve_symmetric(a.as_ref(), &mut x).expect("regular");
            assert_eq!(negative, w.iter().filter(|w| **w < 0.0).count());
            for i in 0..n {
                let ax: f64 = (0..n).map(|k| a[(i, k)] * x[k]).sum();
                assert!((ax - b[i]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn refuses_what_is_not_finite() {
        let a = Mat::from_fn(3, 3, |_, _| f64::NAN);
        assert!(!symmetric_eigen(a.as_ref(), &mut [0.0; 3], Mat::zeros(3, 3).as_mut()));
    }
}
