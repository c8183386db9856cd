//! How many eigenvalues of a symmetric matrix are negative, by congruence.
//!
//! If `G = X'AX` is strictly diagonally dominant it is nonsingular, hence so are X and A; A has as many negative
//! eigenvalues as G (Sylvester's law of inertia), and G as many as negative diagonal entries, for it stays dominant
//! while its other entries shrink to zero. X need not be trusted, nor near an orthogonal matrix: that proves the index of
//! matrices whose eigenvalues differ by any number of magnitudes.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::lblt::factor;
use faer::linalg::triangular_inverse::invert_unit_lower_triangular;
use faer::{Mat, Par};

use super::rounding::{mul_up, sub_down};
use super::spectrum::symmetric_spectrum;
use super::{BallMatrix, Interval};

/// Up to this size elimination with complete pivoting, in simple loops, beats the library.
const SMALL: usize = 32;

/// The number of negative eigenvalues of every symmetric matrix of the set (n x n); `None` unless it is proven that all
/// of them have the same, and no eigenvalue zero.
pub fn inertia(a: &BallMatrix) -> Option<usize> {
    let a = a.symmetric()?;
    match a.nrows() {
        0 => return Some(0),
        1 => return sign(a.entry(0, 0)),
        2 => {
            let (first, second) = (a.entry(0, 0), a.entry(1, 1));
            let determinant = first * second - a.entry(0, 1).sqr();
            if determinant.hi() < 0.0 {
                return Some(1);
            }
            if determinant.lo() > 0.0 {
                return Some(2 * sign(first)?);
            }
            // Each entry occurs once, so nothing else can tell more unless the products left the normal numbers.
            if determinant.mag() > f64::MIN_POSITIVE && determinant.is_bounded() {
                return None;
            }
        }
        _ => {}
    }
    by_congruence(&a).or_else(|| symmetric_spectrum(&a)?.index())
}

/// One if negative, zero if positive.
fn sign(x: Interval) -> Option<usize> {
    if x.hi() < 0.0 {
        return Some(1);
    }
    (x.lo() > 0.0).then_some(0)
}

/// The index by congruence, of a set with symmetric midpoints and radii.
fn by_congruence(a: &BallMatrix) -> Option<usize> {
    if !a.is_finite() {
        return None;
    }
    let n = a.nrows();
    let x = if n <= SMALL { eliminate(&a.mid) } else { factors(&a.mid) };
    let x = BallMatrix::exact(x.as_ref());
    let g = BallMatrix::product(&x.transpose(), &BallMatrix::product(a, &x));
    let size = g.magnitude();
    let mut negative = 0;
    for j in 0..n {
        let column = size.col_as_slice(j);
        let others: f64 = column[..j].iter().chain(&column[j + 1..]).sum();
        // A sum of n terms, rounded, and the product that inflates it.
        let others = mul_up(others, 1.0 + 2.0 * (n + 1) as f64 * f64::EPSILON);
        if !(others < sub_down(g.mid[(j, j)].abs(), g.rad[(j, j)])) {
            return None;
        }
        negative += usize::from(g.mid[(j, j)] < 0.0);
    }
    Some(negative)
}

/// X such that X'AX is roughly diagonal with entries of size one, by elimination with the pivots of Bunch & Parlett
/// (1971, "Direct methods for solving symmetric indefinite systems of linear equations", SIAM J. Numer. Anal. 8), the
/// pivots of two being rotated into two of one.
fn eliminate(a: &Mat<f64>) -> Mat<f64> {
    /// The ratio of a diagonal pivot to the largest entry from which on it is stable: `(1 + sqrt 17) / 8`.
    const STABLE: f64 = 0.64;
    let n = a.nrows();
    let mut s = a.clone();
    let mut x: Mat<f64> = Mat::identity(n, n);
    let mut left: Vec<usize> = (0..n).collect();
    while let Some(&first) = left.first() {
        let (mut pivot, mut pair) = (first, (first, first));
        for (k, &j) in left.iter().enumerate() {
            if s[(j, j)].abs() > s[(pivot, pivot)].abs() {
                pivot = j;
            }
            for &i in &left[k + 1..] {
                if s[(i, j)].abs() > s[pair].abs() || pair.0 == pair.1 {
                    pair = (i, j);
                }
            }
        }
        if pair.0 != pair.1 && s[(pivot, pivot)].abs() < STABLE * s[pair].abs() {
            let (p, q) = pair;
            rotate(&mut s, &mut x, p, q);
            pivot = if s[(p, p)].abs() >= s[(q, q)].abs() { p } else { q };
        }
        let d = s[(pivot, pivot)];
        left.retain(|j| *j != pivot);
        if d == 0.0 {
            continue;
        }
        for &j in &left {
            let factor = s[(pivot, j)] / d;
            if factor == 0.0 {
                continue;
            }
            for &i in &left {
                s[(i, j)] -= factor * s[(i, pivot)];
            }
            for i in 0..n {
                x[(i, j)] -= factor * x[(i, pivot)];
            }
        }
        let scale = 1.0 / d.abs().sqrt();
        x.col_as_slice_mut(pivot).iter_mut().for_each(|x| *x *= scale);
    }
    x
}

/// Jacobi's rotation in the plane of p and q, of the symmetric matrix `s` and the columns of `x`.
pub(super) fn rotate(s: &mut Mat<f64>, x: &mut Mat<f64>, p: usize, q: usize) {
    let (alpha, beta, gamma) = (s[(p, p)], s[(p, q)], s[(q, q)]);
    let tau = (gamma - alpha) / (2.0 * beta);
    let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let cos = 1.0 / (1.0 + t * t).sqrt();
    let sin = t * cos;
    for k in 0..s.nrows() {
        let (y, z) = (s[(k, p)], s[(k, q)]);
        (s[(k, p)], s[(k, q)]) = (cos * y - sin * z, sin * y + cos * z);
        let (y, z) = (x[(k, p)], x[(k, q)]);
        (x[(k, p)], x[(k, q)]) = (cos * y - sin * z, sin * y + cos * z);
    }
    for k in 0..s.nrows() {
        (s[(p, k)], s[(q, k)]) = (s[(k, p)], s[(k, q)]);
    }
    (s[(p, p)], s[(q, q)]) = (alpha - t * beta, gamma + t * beta);
    (s[(p, q)], s[(q, p)]) = (0.0, 0.0);
}

/// The same by the library's factors of Bunch & Kaufman, blocked.
fn factors(a: &Mat<f64>) -> Mat<f64> {
    let n = a.nrows();
    let mut l = a.clone();
    let mut off = Mat::zeros(n, 1);
    let (mut order, mut back) = (vec![0_usize; n], vec![0_usize; n]);
    let request = factor::cholesky_in_place_scratch::<usize, f64>(n, Par::Seq, Default::default());
    let mut buffer = MemBuffer::new(request);
    factor::cholesky_in_place(
        l.as_mut(),
        off.as_mut().col_mut(0).as_diagonal_mut(),
        &mut order,
        &mut back,
        Par::Seq,
        MemStack::new(&mut buffer),
        Default::default(),
    );
    // P A P' = L B L', so X = P' L^-T times what makes the blocks of B diagonal.
    let mut inverse = Mat::zeros(n, n);
    invert_unit_lower_triangular(inverse.as_mut(), l.as_ref(), Par::Seq);
    let mut x = Mat::zeros(n, n);
    let mut j = 0;
    while j < n {
        let pair = j + 1 < n && off[(j, 0)] != 0.0;
        let width = if pair { 2 } else { 1 };
        let mut block =
            Mat::from_fn(width, width, |p, q| if p == q { l[(j + p, j + p)] } else { off[(j, 0)] });
        let mut turn: Mat<f64> = Mat::identity(width, width);
        if pair {
            rotate(&mut block, &mut turn, 0, 1);
        }
        for q in 0..width {
            let scale = 1.0 / block[(q, q)].abs().sqrt();
            for i in 0..n {
                let sum: f64 = (0..width).map(|p| lower(&inverse, j + p, i) * turn[(p, q)]).sum();
                x[(order[i], j + q)] = scale * sum;
            }
        }
        j += width;
    }
    x
}

/// The entry of a unit lower triangular matrix of which only what is below the diagonal is stored.
fn lower(l: &Mat<f64>, i: usize, j: usize) -> f64 {
    match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 1.0,
        std::cmp::Ordering::Greater => l[(i, j)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ball(n: usize, mid: impl Fn(usize, usize) -> f64, rad: impl Fn(usize, usize) -> f64) -> BallMatrix {
        BallMatrix { mid: Mat::from_fn(n, n, mid), rad: Mat::from_fn(n, n, rad) }
    }

    #[test]
    fn an_eigenvalue_zero_has_no_sign() {
        assert_eq!(inertia(&ball(1, |_, _| 0.0, |_, _| 0.0)), None);
        assert_eq!(inertia(&ball(1, |_, _| 0.0, |_, _| 1.0)), None);
        for place in [0, 1] {
            let single =
                |sign: f64| ball(2, move |i, j| if i == j && i == place { sign } else { 0.0 }, |_, _| 0.0);
            assert_eq!((inertia(&single(5.0)), inertia(&single(-5.0))), (None, None));
        }
    }

    /// One row and column, first or last, reach a singular matrix: the other columns are dominated by the diagonal.
    #[test]
    fn every_column_must_be_dominated() {
        for n in [3, 6, 40] {
            for center in [0, n - 1, n / 2] {
                let arm = 1.2 / ((n - 1) as f64).sqrt();
                let star =
                    |i: usize, j: usize| if i != j && (i == center || j == center) { arm } else { 0.0 };
                let unit = |i: usize, j: usize| if i == j { 1.0 } else { 0.0 };
                assert_eq!(inertia(&ball(n, unit, star)), None, "{n} {center}");
            }
        }
    }
}
