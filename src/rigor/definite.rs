//! Lower bounds of the smallest eigenvalue of symmetric matrices, by Cholesky's factorisation in floating point.
//!
//! If the factorisation of `A - cI`, rounded, runs to its end with the factor L, then `A - cI = LL' + E` with
//! `|E| <= gamma |L||L'|`, `gamma = (n+1) u / (1 - (n+1) u)`, whatever the order of the sums (Higham 2002, "Accuracy and
//! Stability of Numerical Algorithms", theorem 10.3). LL' is positive semidefinite, so no eigenvalue of A is below
//! `c - |E|` (Rump 2006, "Verification of positive definiteness", BIT 46, who bounds |E| by the trace). Here
//! `|E| <= gamma min(|L|_F^2, |L|_1 |L|_inf)`, with the factor that was computed.

use faer::linalg::matmul::matmul;
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, Par};

use super::BallMatrix;
use super::matrix::gamma;
use super::norm::{norm_frobenius, norm_inf, norm_one, norm_two};
use super::rounding::{add_down, add_up, div_down, mul_down, mul_up, sqrt_up, sub_down, sub_up, up};
use crate::linalg::{Tridiagonal, WIDEST, lower_product};

/// Up to this many columns are eliminated one after another.
const BLOCK: usize = 16;
/// Steps of Lanczos' method that look for a shift.
const LANCZOS: usize = 30;
/// Matrices below this are too small for a tridiagonal form.
const TINY: f64 = 1e-280;
/// Factorisations that are tried.
const TRIES: usize = 12;
/// The smallest positive number.
const ETA: f64 = f64::from_bits(1);

/// A lower bound of the smallest eigenvalue of every symmetric matrix of the set (n x n); minus infinity if none was
/// found, and infinity for n = 0.
pub fn smallest_eigenvalue_lower_bound(a: &BallMatrix) -> f64 {
    let Some(a) = a.symmetric() else {
        return f64::NEG_INFINITY;
    };
    let n = a.nrows();
    match n {
        0 => return f64::INFINITY,
        1 => return sub_down(a.mid[(0, 0)], a.rad[(0, 0)]),
        _ => {}
    }
    if n == 2 {
        // The quadratic form is at least that of the smallest diagonal and the largest entry off it.
        let diagonal = |i: usize| sub_down(a.mid[(i, i)], a.rad[(i, i)]);
        return smaller_of_two(diagonal(0), add_up(a.mid[(1, 0)].abs(), a.rad[(1, 0)]), diagonal(1));
    }
    let spread = norm_two(&a.rad);
    if !(spread < f64::INFINITY) {
        return f64::NEG_INFINITY;
    }
    let (mut shift, mut step) = guess(&a.mid);
    let mut factor = Mat::zeros(n, n);
    for _ in 0..TRIES {
        if let Some(error) = factorise(&a.mid, shift, &mut factor) {
            return sub_down(sub_down(shift, error), spread);
        }
        shift -= step;
        step *= 8.0;
    }
    f64::NEG_INFINITY
}

/// Are all eigenvalues of every symmetric matrix of the set (n x n) proven to be above `bound`? One factorisation.
pub fn eigenvalues_exceed(a: &BallMatrix, bound: f64) -> bool {
    let Some(a) = a.symmetric() else {
        return false;
    };
    let n = a.nrows();
    let spread = norm_two(&a.rad);
    // What the factorisation must prove beyond the bound: its error, below gamma times the trace, nearly, the rounding of
    // the shifted diagonal, and that of the sums here. A guess: what is proven is checked below.
    let trace: f64 = (0..n).map(|i| (a.mid[(i, i)] - bound).abs()).sum();
    let smaller = norm_one(&a.magnitude()) + bound.abs();
    let margin = 1.01 * gamma(n + 4) * trace.min(n as f64 * smaller) + gamma(8) * (bound.abs() + spread);
    let mut factor = Mat::zeros(n, n);
    let shift = add_up(add_up(bound, spread), up(margin));
    factorise(&a.mid, shift, &mut factor).is_some_and(|e| sub_down(sub_down(shift, e), spread) > bound)
}

/// A lower bound of the smallest eigenvalue of every symmetric matrix within `radius` of a point where `lower` is one:
/// for a matrix that varies with Lipschitz constant `lipschitz` in the spectral norm.
pub fn lower_over_ball(lower: f64, lipschitz: f64, radius: f64) -> f64 {
    sub_down(lower, mul_up(lipschitz, radius))
}

/// The smaller eigenvalue of `[[a, b], [b, c]]`, downwards, for `b >= 0`.
fn smaller_of_two(a: f64, b: f64, c: f64) -> f64 {
    // (a + c)/2 -+ hypot((a - c)/2, b). Halves lose up to eta/2 each.
    let half = 0.5 * sub_up(a.max(c), a.min(c)) + ETA;
    let size = half.max(b);
    let (s, t) = (up(half / size), up(b / size));
    let hypot = mul_up(size, sqrt_up(add_up(mul_up(s, s), mul_up(t, t))));
    let least = sub_down(sub_down(add_down(0.5 * a, 0.5 * c), hypot), ETA);
    // The product of both over the larger keeps the digits of a small one.
    let determinant = sub_down(mul_down(a, c), mul_up(b, b));
    if determinant > 0.0 && a > 0.0 {
        let larger = add_up(add_up(add_up(0.5 * a, 0.5 * c), hypot), ETA);
        return least.max(div_down(determinant, larger));
    }
    least
}

/// A shift that is likely just below the smallest eigenvalue of a symmetric matrix, and by how much it may be off.
fn guess(a: &Mat<f64>) -> (f64, f64) {
    let n = a.nrows();
    let size = norm_inf(&super::matrix::map(a, f64::abs));
    if n <= WIDEST && size > TINY {
        let mut tridiagonal = Tridiagonal::new(n);
        if tridiagonal.reduce(a.as_ref()) {
            let (diagonal, off, scale) = tridiagonal.form();
            let value = scale * smallest_tridiagonal(diagonal, off, size / scale).0;
            let error = 1e-15 * n as f64 * size + f64::MIN_POSITIVE;
            return (value - error, error);
        }
    }
    let steps = n.min(LANCZOS);
    let mut basis = Mat::<f64>::zeros(n, steps);
    let (mut diagonal, mut off) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
    let mut v: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * ((i * i + 3 * i) as f64).sin()).collect();
    for k in 0..steps {
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        if k > 0 {
            off.push(length);
        }
        if !(length > 1e-14 * size) {
            break;
        }
        v.iter_mut().for_each(|v| *v /= length);
        basis.col_as_slice_mut(k).copy_from_slice(&v);
        let mut w = vec![0.0; n];
        for (j, x) in v.iter().enumerate() {
            w.iter_mut().zip(a.col_as_slice(j)).for_each(|(w, a)| *w += a * x);
        }
        diagonal.push(w.iter().zip(&v).map(|(w, v)| w * v).sum::<f64>());
        for _ in 0..2 {
            for j in 0..=k {
                let q = basis.col_as_slice(j);
                let part: f64 = w.iter().zip(q).map(|(w, q)| w * q).sum();
                w.iter_mut().zip(q).for_each(|(w, q)| *w -= part * q);
            }
        }
        v = w;
    }
    let last = v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (value, end) = smallest_tridiagonal(&diagonal, &off, size);
    let error = (last * end).min(size) + 1e-15 * n as f64 * size + f64::MIN_POSITIVE;
    (value - error, error)
}

/// The smallest eigenvalue of a symmetric tridiagonal matrix, and the last entry of its eigenvector, roughly.
fn smallest_tridiagonal(diagonal: &[f64], off: &[f64], size: f64) -> (f64, f64) {
    let k = diagonal.len();
    // Bisection by the signs of the pivots.
    let definite = |x: f64| {
        let mut pivot = 1.0;
        (0..k).all(|i| {
            let square = if i == 0 { 0.0 } else { off[i - 1] * off[i - 1] };
            pivot = diagonal[i] - x - square / pivot;
            pivot > 0.0
        })
    };
    let (mut low, mut high) = (-size, diagonal.iter().copied().fold(size, f64::min));
    for _ in 0..52 {
        let middle = 0.5 * (low + high);
        if definite(middle) { low = middle } else { high = middle }
    }
    // The eigenvector by its recurrence from the last entry backwards, with the pivots of the factorisation.
    let mut pivots = Vec::with_capacity(k);
    for i in 0..k {
        let square = if i == 0 { 0.0 } else { off[i - 1] * off[i - 1] / pivots[i - 1] };
        pivots.push(diagonal[i] - low - square);
    }
    let (mut entry, mut squares) = (1.0_f64, 1.0_f64);
    for i in (1..k).rev() {
        entry *= -off[i - 1] / pivots[i - 1];
        squares += entry * entry;
    }
    let end = 1.0 / squares.sqrt();
    (low, if end.is_finite() { end } else { 1.0 })
}

/// Factorises `A - shift I` (only the lower triangle is read) into `factor`. An upper bound of `|A - shift I - LL'|` in
/// the spectral norm; `None` if a pivot is not positive, or nothing is proven.
fn factorise(a: &Mat<f64>, shift: f64, factor: &mut Mat<f64>) -> Option<f64> {
    let n = a.nrows();
    let mut rounding = 0.0_f64;
    for j in 0..n {
        let column = factor.col_as_slice_mut(j);
        column[j..].copy_from_slice(&a.col_as_slice(j)[j..]);
        column[j] -= shift;
        // The difference is rounded: a diagonal error matrix.
        rounding = rounding.max(super::matrix::rounded(column[j]));
    }
    eliminate(factor.as_mut(), 0, n).then_some(())?;
    let mut largest = 0.0_f64;
    for j in 0..n {
        let column = factor.col_as_slice_mut(j);
        column[..j].fill(0.0);
        column[j..].iter_mut().for_each(|l| *l = l.abs());
        largest = largest.max(factor[(j, j)]);
    }
    let frobenius = norm_frobenius(factor);
    let size = mul_up(frobenius, frobenius).min(mul_up(norm_one(factor), norm_inf(factor)));
    // A product below the normal numbers loses eta/2, a quotient eta/2 times the pivot: in n^2 entries, n + 1 each.
    let terms = (n * n) as f64 * (n + 1) as f64;
    let lost = mul_up(mul_up(terms, ETA), add_up(largest, 1.0));
    let error = add_up(add_up(mul_up(gamma(n + 1), size), lost), rounding);
    (error < f64::INFINITY).then_some(error)
}

/// Eliminates the columns from `start` to `end` of a lower triangle whose columns before are done and accounted for.
/// False if a pivot is not positive.
fn eliminate(mut l: MatMut<'_, f64>, start: usize, end: usize) -> bool {
    let n = l.nrows();
    if end - start <= BLOCK {
        return (start..end).all(|j| eliminate_column(l.rb_mut(), start, j));
    }
    let half = (end - start).div_ceil(2 * BLOCK) * BLOCK;
    let middle = start + half;
    if !eliminate(l.rb_mut(), start, middle) {
        return false;
    }
    let (done, mut rest) = l.rb_mut().split_at_col_mut(middle);
    let (top, below) = (
        done.rb().submatrix(middle, start, end - middle, half),
        done.rb().submatrix(end, start, n - end, half),
    );
    let square = rest.rb_mut().submatrix_mut(middle, 0, end - middle, end - middle);
    lower_product(square, Accum::Add, top, top.transpose(), -1.0);
    let square = rest.rb_mut().submatrix_mut(end, 0, n - end, end - middle);
    matmul(square, Accum::Add, below, top.transpose(), -1.0, Par::Seq);
    eliminate(l, middle, end)
}

/// Eliminates column j, the columns before `start` being accounted for.
fn eliminate_column(mut l: MatMut<'_, f64>, start: usize, j: usize) -> bool {
    let (done, mut rest) = l.rb_mut().split_at_col_mut(j);
    let Some(column) = rest.rb_mut().col_mut(0).try_as_col_major_mut() else {
        return false;
    };
    let column = &mut column.as_slice_mut()[j..];
    for p in start..j {
        let Some(before) = done.rb().col(p).try_as_col_major() else {
            return false;
        };
        let before = &before.as_slice()[j..];
        let scale = before[0];
        column.iter_mut().zip(before).for_each(|(c, l)| *c -= scale * l);
    }
    if !(column[0] > 0.0 && column[0] < f64::INFINITY) {
        return false;
    }
    let root = column[0].sqrt();
    column[0] = root;
    column[1..].iter_mut().for_each(|c| *c /= root);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rigor::rounding::UNIT;

    fn arrow(n: usize, diagonal: f64, arm: f64, tip: f64) -> Mat<f64> {
        Mat::from_fn(n, n, |i, j| match (i == j, i.max(j) == n - 1) {
            (true, true) => tip,
            (true, false) => diagonal,
            (false, true) => arm,
            _ => 0.0,
        })
    }

    #[test]
    fn single_numbers_and_balls_are_bounded_from_below() {
        let one = |mid, rad| BallMatrix {
            mid: Mat::from_fn(1, 1, |_, _| mid),
            rad: Mat::from_fn(1, 1, |_, _| rad),
        };
        assert!(smallest_eigenvalue_lower_bound(&one(1.0, 0.5)) <= 0.5);
        assert!(smallest_eigenvalue_lower_bound(&one(1.0, 1e-30)) < 1.0);
        // (1 + 2u)(1 - u) = 1 + u - 2u^2, which rounds to one.
        assert!(lower_over_ball(1.0, 1.0 + 2.0 * UNIT, 1.0 - UNIT) <= -UNIT * (1.0 - 2.0 * UNIT));
        assert!(lower_over_ball(1.0, 1e-30, 1.0) < 1.0);
    }

    /// Chains with fixed ends, of every size by which the shift is found, and of tiny numbers.
    #[test]
    fn chains_are_bounded_closely() {
        for n in [3, 20, 32, 33, 60] {
            // 2 - 2 cos, and the rounding of that.
            let exact = 4.0 * (0.5 * std::f64::consts::PI / (n + 1) as f64).sin().powi(2);
            // Lanczos' method squares what it normalises.
            for size in [1.0, if n <= WIDEST { 1e-200 } else { 1e-100 }] {
                let entry = |i: usize, j: usize| [2.0, -1.0, 0.0][i.abs_diff(j).min(2)] * size;
                let bound =
                    smallest_eigenvalue_lower_bound(&BallMatrix::exact(Mat::from_fn(n, n, entry).as_ref()));
                assert!(bound <= exact * size * (1.0 + 1e-15), "{n} {size}");
                let short = if n <= WIDEST { 1e-11 } else { 2e-3 };
                assert!(bound >= (exact - short) * size, "{n} {size}: {bound} against {exact}");
            }
        }
    }

    #[test]
    fn matrices_of_two_are_bounded_from_below() {
        // The eigenvalues of [[1, 1], [1, 3]] are 2 -+ sqrt 2.
        for (a, c) in [(1.0, 3.0), (3.0, 1.0)] {
            let bound = smaller_of_two(a, 1.0, c);
            assert!(bound <= 2.0 - 2f64.sqrt() && bound > 0.585);
        }
        // Both negative, one of them just: -2^-51.
        assert!(smaller_of_two(-1.0, 1.0 - 2f64.powi(-51), -1.0) < -1.9);
        // Fibonacci's numbers: the determinant is one and minus one by turns, far below the rounding of its terms.
        let mut f = [1_u64, 1, 2];
        while f[2] < 1 << 53 {
            let determinant = i128::from(f[0]) * i128::from(f[2]) - i128::from(f[1]) * i128::from(f[1]);
            let bound = smaller_of_two(f[0] as f64, f[1] as f64, f[2] as f64);
            assert!(if determinant < 0 { bound < 0.0 } else { bound <= 1.0 / f[2] as f64 }, "{f:?}");
            f = [f[1], f[2], f[1] + f[2]];
        }
    }

    /// A factor of integers, exact: the error that is told is that of the theorem, by the norm of `|L||L'|`.
    #[test]
    fn the_error_of_the_factorisation_is_that_of_its_norm() {
        let mut factor = Mat::zeros(3, 3);
        let l = |i: usize, j: usize| {
            if i == j {
                1.0
            } else if i > j {
                -1.0
            } else {
                0.0
            }
        };
        let a = Mat::from_fn(3, 3, |i, j| (0..3).map(|k| l(i, k) * l(j, k)).sum());
        let error = factorise(&a, 0.0, &mut factor).unwrap();
        // The triangle of ones has the norm 1 / (2 sin (pi/14)).
        let norm = 0.5 / (std::f64::consts::PI / 14.0).sin();
        assert!(error >= 4.0 * UNIT * norm * norm);
        let error = factorise(&arrow(12, 1.0, 1.0, 12.0), 0.0, &mut Mat::zeros(12, 12)).unwrap();
        assert!(error >= 13.0 * UNIT * 12.0);
        assert!(factorise(&arrow(3, 1.0, 1.0, 1.5), 0.0, &mut factor).is_none());
    }

    #[test]
    fn differences_that_are_lost_are_in_the_error() {
        // Each square is lost beside the pivot 1 + 2u, whose root is one: LL' exceeds A by 13 times u, nearly.
        let arm = (UNIT * (1.0 - 1e-6)).sqrt();
        let error = factorise(&arrow(16, 1.0, arm, 1.0 + 2.0 * UNIT), 0.0, &mut Mat::zeros(16, 16)).unwrap();
        assert!((13.0 * UNIT * (1.0 - 2e-6)..20.0 * UNIT).contains(&error));
        // Each square, (0.67)^2 times the smallest number, vanishes: LL' exceeds A by 15 of them.
        let part = 686.0 / 1024.0;
        let eta = f64::from_bits(1);
        let arm = part * 2f64.powi(-537) * 2f64.powi(-515);
        let diagonal = 2f64.powi(-1000) * 2f64.powi(-30);
        let error = factorise(&arrow(16, diagonal, arm, eta), 0.0, &mut Mat::zeros(16, 16)).unwrap();
        assert!(error / eta >= 15.0 * part * part);
    }
}
