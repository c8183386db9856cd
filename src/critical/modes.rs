//! The lowest eigenpairs of a symmetric operator that is known by its products, warm-started: locally optimal block
//! conjugate gradients (Knyazev 2001), with a preconditioner where there is one.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::linalg::{dot, norm, symmetric_eigen};

/// Approximate eigenpairs.
pub(crate) struct Modes {
    /// Ritz values, ascending.
    pub(crate) values: Vec<f64>,
    /// Ritz vectors (n x k), orthonormal.
    pub(crate) vectors: Mat<f64>,
    /// The operator applied to them (n x k).
    pub(crate) images: Mat<f64>,
}

/// The `k` lowest modes of `apply` on R^n, starting from the columns of `start` (at least one; what is missing is
/// filled with fixed pseudo-random directions), until every residual is below `tolerance` times the largest |Ritz
/// value| seen, or `steps` are done. `condition` applies a preconditioner, the inverse of
/// a positive definite matrix close to the operator, in place; it may do nothing.
pub(crate) fn lowest_modes(
    apply: &dyn Fn(MatRef<'_, f64>, MatMut<'_, f64>),
    condition: &dyn Fn(&mut [f64]),
    start: MatRef<'_, f64>,
    k: usize,
    tolerance: f64,
    steps: usize,
) -> Modes {
    let n = start.nrows();
    let k = k.min(n);
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(3 * k);
    for column in start.col_iter() {
        push_orthonormal(&mut basis, column.iter().copied().collect());
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while basis.len() < k {
        let fill = (0..n).map(|_| uniform(&mut state) - 0.5).collect();
        push_orthonormal(&mut basis, fill);
    }
    let mut images = vec![];
    let mut previous: Vec<Vec<f64>> = vec![];
    let mut scale = 0.0_f64;
    for step in 0..=steps {
        images = extend_images(apply, &basis, images);
        let m = basis.len();
        let small = Mat::from_fn(m, m, |i, j| if i >= j { dot(&basis[i], &images[j]) } else { 0.0 });
        let (mut values, mut vectors) = (vec![0.0; m], Mat::zeros(m, m));
        if !symmetric_eigen(small.as_ref(), &mut values, vectors.as_mut()) {
            // Not finite: hand back what came in, marked as no good.
            let vectors = Mat::from_fn(n, k, |i, j| basis[j][i]);
            return Modes { values: vec![f64::NAN; k], images: vectors.clone(), vectors };
        }
        scale = values.iter().fold(scale, |s, v| s.max(v.abs()));
        let combine = |list: &[Vec<f64>], j: usize, from: usize| -> Vec<f64> {
            let mut out = vec![0.0; n];
            for (i, b) in list.iter().enumerate().skip(from) {
                crate::linalg::axpy(vectors[(i, j)], b, &mut out);
            }
            out
        };
        let ritz: Vec<Vec<f64>> = (0..k).map(|j| combine(&basis, j, 0)).collect();
        let ritz_images: Vec<Vec<f64>> = (0..k).map(|j| combine(&images, j, 0)).collect();
        let residuals: Vec<Vec<f64>> = (0..k)
            .map(|j| ritz_images[j].iter().zip(&ritz[j]).map(|(h, v)| h - values[j] * v).collect())
            .collect();
        let residual = residuals.iter().map(|r| norm(r)).fold(0.0, f64::max);
        if residual <= tolerance * scale || step == steps || m >= n && step > 0 {
            return Modes {
                values: values[..k].to_vec(),
                vectors: Mat::from_fn(n, k, |i, j| ritz[j][i]),
                images: Mat::from_fn(n, k, |i, j| ritz_images[j][i]),
            };
        }
        // The part of the new vectors outside the old ones is the conjugate direction.
        if step > 0 || m > k {
            previous = (0..k).map(|j| combine(&basis, j, k.min(m))).collect();
        }
        basis = ritz;
        images = ritz_images;
        for mut r in residuals {
            condition(&mut r);
            push_orthonormal(&mut basis, r);
        }
        for p in previous.drain(..) {
            push_orthonormal(&mut basis, p);
        }
    }
    unreachable!("the loop returns in its last step")
}

/// Applies the operator to the basis vectors that have no image yet.
fn extend_images(
    apply: &dyn Fn(MatRef<'_, f64>, MatMut<'_, f64>),
    basis: &[Vec<f64>],
    mut images: Vec<Vec<f64>>,
) -> Vec<Vec<f64>> {
    let (have, n) = (images.len(), basis[0].len());
    let fresh = Mat::from_fn(n, basis.len() - have, |i, j| basis[have + j][i]);
    let mut out = Mat::zeros(n, fresh.ncols());
    if fresh.ncols() > 0 {
        apply(fresh.as_ref(), out.as_mut());
    }
    images.extend(out.col_iter().map(|c| c.iter().copied().collect::<Vec<f64>>()));
    images
}

/// Orthonormalises `v` against the basis (twice is enough: Kahan, Parlett) and adds it unless it vanishes.
pub(super) fn push_orthonormal(basis: &mut Vec<Vec<f64>>, mut v: Vec<f64>) {
    let before = norm(&v);
    if !(before.is_finite() && before > 0.0) || basis.len() >= v.len() {
        return;
    }
    for _ in 0..2 {
        for b in basis.iter() {
            let c = dot(b, &v);
            crate::linalg::axpy(-c, b, &mut v);
        }
    }
    let after = norm(&v);
    if after > 1e-10 * before {
        v.iter_mut().for_each(|v| *v /= after);
        basis.push(v);
    }
}

/// A small generator (xorshift) for start vectors: their only duty is not to be special.
fn uniform(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

/// `V' x` for the columns of `v`.
pub(crate) fn project(v: MatRef<'_, f64>, x: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; v.ncols()];
    matmul(
        crate::linalg::column_mut(&mut out),
        Accum::Replace,
        v.transpose(),
        crate::linalg::column(x),
        1.0,
        Par::Seq,
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second-difference matrix has eigenvalues 2 - 2 cos(j pi/(n+1)).
    #[test]
    fn lowest_modes_of_the_discrete_laplacian() {
        let n = 60;
        let apply = |v: MatRef<'_, f64>, mut out: MatMut<'_, f64>| {
            for j in 0..v.ncols() {
                for i in 0..n {
                    let left = if i > 0 { v[(i - 1, j)] } else { 0.0 };
                    let right = if i + 1 < n { v[(i + 1, j)] } else { 0.0 };
                    out[(i, j)] = 2.0 * v[(i, j)] - left - right;
                }
            }
        };
        let start = Mat::from_fn(n, 1, |i, _| 1.0 + 0.01 * i as f64);
        let modes = lowest_modes(&apply, &|_| (), start.as_ref(), 3, 1e-9, 400);
        for (j, value) in modes.values.iter().enumerate() {
            let exact = 2.0 - 2.0 * ((j + 1) as f64 * std::f64::consts::PI / (n + 1) as f64).cos();
            assert!((value - exact).abs() < 1e-10, "{value} against {exact}");
        }
    }
}
