//! The linearised flow at an equilibrium of a landscape with its own dynamics: `x' = -B x`, where B is not symmetric but
//! similar to a symmetric matrix, so that its eigenvalues (the rates) are real.

use faer::linalg::matmul::matmul;
use faer::linalg::solvers::{PartialPivLu, Solve, SolveCore};
use faer::{Accum, Conj, Mat, MatRef, Par, Side};

use crate::linalg::{dot, norm};

/// Rates, ascending, with right eigenvectors (unit columns) and their duals (columns): the coordinate of a displacement
/// along mode j is its product with dual j.
pub(crate) struct Modes {
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Mat<f64>,
    pub(crate) duals: Mat<f64>,
}

/// Duals longer than this are those of a basis that is none to working precision.
const LONGEST: f64 = 1e7;

/// The eigenvalues of B, ascending (real parts: rounding may split a double one into a pair); `None` if B is not finite
/// or the iteration failed.
pub(crate) fn rates(b: MatRef<'_, f64>) -> Option<Vec<f64>> {
    if !is_finite(b) {
        return None;
    }
    let mut values: Vec<f64> = b.eigenvalues().ok()?.iter().map(|v| v.re).collect();
    values.sort_by(f64::total_cmp);
    Some(values)
}

/// Rates and modes of B: all, or, where the stable ones are no basis (units that are cut off make Jordan blocks), the
/// lowest `index`. `None` if B is not finite or those cannot be had either.
pub(crate) fn modes(b: MatRef<'_, f64>, index: usize) -> Option<Modes> {
    if !is_finite(b) {
        return None;
    }
    let (values, vectors) = real_eigen(b)?;
    if let Some(duals) = inverse_transposed(vectors.as_ref())
        && duals.norm_max() < LONGEST
    {
        return Some(Modes { values, vectors, duals });
    }
    // The unstable modes of B' span what is dual to those of B.
    let (_, left) = real_eigen(b.transpose())?;
    let (vectors, left) = (vectors.subcols(0, index).to_owned(), left.subcols(0, index).to_owned());
    let products = vectors.transpose() * &left;
    let duals = left * inverse_transposed(products.transpose())?;
    (is_finite(vectors.as_ref()) && is_finite(duals.as_ref())).then_some(Modes { values, vectors, duals })
}

/// Eigenvalues by ascending real part, and real unit vectors that span what their eigenvectors do.
fn real_eigen(b: MatRef<'_, f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let n = b.nrows();
    let eigen = b.eigen().ok()?;
    let (values, vectors) = (eigen.S().column_vector(), eigen.U());
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| values[*i].re.total_cmp(&values[*j].re).then(i.cmp(j)));
    let mut real = Mat::zeros(n, n);
    for (place, &j) in order.iter().enumerate() {
        // Of a pair that rounding made, real and imaginary part span the same plane.
        let imaginary = values[j].im < 0.0;
        let part = |i: usize| if imaginary { vectors[(i, j)].im } else { vectors[(i, j)].re };
        let size = (0..n).map(|i| part(i).powi(2)).sum::<f64>().sqrt();
        (0..n).for_each(|i| real[(i, place)] = part(i) / size);
    }
    Some((order.iter().map(|j| values[*j].re).collect(), real))
}

/// The inverse of the transpose; `None` if it is not finite.
fn inverse_transposed(a: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let mut inverse = Mat::<f64>::identity(a.nrows(), a.nrows());
    PartialPivLu::new(a).solve_transpose_in_place_with_conj(Conj::No, inverse.as_mut());
    is_finite(inverse.as_ref()).then_some(inverse)
}

/// The lowest rate of B, given by its products, and its mode, by power iteration on `shift - B`; `None` if that did not
/// settle.
pub(crate) fn lowest(n: usize, apply: &dyn Fn(&[f64], &mut [f64])) -> Option<(f64, Vec<f64>)> {
    let mut image = vec![0.0; n];
    let mut shift = 0.0;
    let mut v: Vec<f64> = (0..n).map(|i| (i as f64 + 1.0).sin()).collect();
    for turn in 0..5000 {
        let size = norm(&v);
        v.iter_mut().for_each(|v| *v /= size);
        apply(&v, &mut image);
        if turn < 20 {
            // First the largest rate in modulus, without a shift.
            shift = 1.1 * norm(&image);
            v.copy_from_slice(&image);
            continue;
        }
        let rate = dot(&v, &image);
        let rest: f64 = v.iter().zip(&image).map(|(v, i)| (i - rate * v).powi(2)).sum::<f64>().sqrt();
        if !rest.is_finite() {
            return None;
        }
        if rest <= 1e-9 * shift {
            return Some((rate, v));
        }
        v.iter_mut().zip(&image).for_each(|(v, i)| *v = shift * *v - i);
    }
    None
}

/// A weight X (symmetric, positive definite) in whose norm the linear flow `x' = -B x` contracts, for B with positive
/// rates: the identity if it will do well enough, else the solution of `B'X + XB = I` by Smith's doubling. `None` if
/// some rate is not positive.
pub(crate) fn contraction(b: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let n = b.nrows();
    let values = rates(b)?;
    let (slowest, fastest) = (*values.first()?, *values.last()?);
    if !(slowest > 0.0) {
        return None;
    }
    let symmetric = Mat::from_fn(n, n, |i, j| 0.5 * (b[(i, j)] + b[(j, i)]));
    if symmetric.self_adjoint_eigenvalues(Side::Lower).ok()?[0] > 0.3 * slowest {
        return Some(Mat::identity(n, n));
    }
    // With C = (a - B)(a + B)^-1 the solution is sum_k (C')^k Y C^k, Y = 2a (a + B)^-T (a + B)^-1 (Smith 1968).
    let a = (slowest * fastest).sqrt();
    let shifted = |sign: f64| Mat::from_fn(n, n, |i, j| sign * b[(i, j)] + if i == j { a } else { 0.0 });
    let lu = PartialPivLu::new(shifted(1.0).as_ref());
    let mut c = lu.solve(shifted(-1.0));
    let inverse = lu.solve(Mat::<f64>::identity(n, n));
    let mut x = Mat::zeros(n, n);
    matmul(&mut x, Accum::Replace, inverse.transpose(), &inverse, 2.0 * a, Par::Seq);
    let (mut product, mut square) = (Mat::zeros(n, n), Mat::zeros(n, n));
    for _ in 0..60 {
        let before = x.norm_max();
        matmul(&mut product, Accum::Replace, &x, &c, 1.0, Par::Seq);
        matmul(&mut square, Accum::Replace, c.transpose(), &product, 1.0, Par::Seq);
        let added = square.norm_max();
        x += &square;
        if added <= 1e-12 * before {
            break;
        }
        matmul(&mut square, Accum::Replace, &c, &c, 1.0, Par::Seq);
        std::mem::swap(&mut c, &mut square);
    }
    is_finite(x.as_ref()).then_some(x)
}

fn is_finite(a: MatRef<'_, f64>) -> bool {
    a.col_iter().all(|c| c.iter().all(|e| e.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A product of a symmetric matrix and a positive diagonal one: real rates, strongly unsymmetric.
    fn example(n: usize, shift: f64) -> Mat<f64> {
        Mat::from_fn(n, n, |i, j| {
            let symmetric = ((i * j + i + j) as f64).sin() + if i == j { shift } else { 0.0 };
            symmetric * 4.0_f64.powi(j as i32)
        })
    }

    #[test]
    fn modes_and_duals_diagonalise() {
        let b = example(5, 2.0);
        let modes = modes(b.as_ref(), 1).unwrap();
        let diagonal = modes.duals.transpose() * &b * &modes.vectors;
        for i in 0..5 {
            for j in 0..5 {
                let expected = if i == j { modes.values[i] } else { 0.0 };
                assert!((diagonal[(i, j)] - expected).abs() < 1e-9 * b.norm_max());
            }
        }
        for (v, rate) in modes.values.iter().zip(rates(b.as_ref()).unwrap()) {
            assert!((v - rate).abs() < 1e-10 * b.norm_max());
        }
    }

    /// An unstable mode beside a Jordan block, as units that are cut off make it, turned by a shear.
    #[test]
    fn unstable_modes_beside_a_jordan_block() {
        let block = Mat::from_fn(3, 3, |i, j| [[-0.5, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]][i][j]);
        let shear = Mat::from_fn(3, 3, |i, j| [[1.0, 0.0, 0.0], [0.3, 1.0, 0.0], [-0.2, 0.4, 1.0]][i][j]);
        let back = Mat::from_fn(3, 3, |i, j| [[1.0, 0.0, 0.0], [-0.3, 1.0, 0.0], [0.32, -0.4, 1.0]][i][j]);
        let b = &shear * &block * &back;
        let modes = modes(b.as_ref(), 1).unwrap();
        assert!((modes.values[0] + 0.5).abs() < 1e-12);
        // The first column of the shear, and the first row of its inverse.
        let (v, w) = (modes.vectors.col_as_slice(0), modes.duals.col_as_slice(0));
        let size = (1.0_f64 + 0.09 + 0.04).sqrt();
        for (i, goal) in [1.0, 0.3, -0.2].into_iter().enumerate() {
            assert!((v[i] * v[0].signum() - goal / size).abs() < 1e-12);
        }
        assert!((w[0] * v[0].signum() - size).abs() < 1e-12 && w[1].abs() < 1e-12 && w[2].abs() < 1e-12);
    }

    #[test]
    fn the_lowest_mode_by_products() {
        let b = example(6, -0.5);
        let all = modes(b.as_ref(), 1).unwrap();
        let apply = |v: &[f64], out: &mut [f64]| {
            (0..6).for_each(|i| out[i] = (0..6).map(|j| b[(i, j)] * v[j]).sum());
        };
        let (rate, vector) = lowest(6, &apply).unwrap();
        assert!((rate - all.values[0]).abs() < 1e-6 * b.norm_max());
        assert!(dot(&vector, all.vectors.col_as_slice(0)).abs() > 1.0 - 1e-9);
    }

    #[test]
    fn the_weight_makes_the_flow_contract() {
        // [[1, 0.9], [0.9, 1]] times diag(1, 100): its symmetric part is not definite.
        let b = Mat::from_fn(2, 2, |i, j| [[1.0, 90.0], [0.9, 100.0]][i][j]);
        let x = contraction(b.as_ref()).unwrap();
        let product = &x * &b;
        for (i, j) in [(0, 0), (0, 1), (1, 1)] {
            let sum = product[(i, j)] + product[(j, i)];
            assert!((sum - f64::from(u8::from(i == j))).abs() < 1e-9, "{sum}");
        }
        assert!(x.llt(Side::Lower).is_ok());
    }
}
