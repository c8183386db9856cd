//! The angle at which an unstable and a stable manifold meet along an orbit.

use faer::{Mat, MatRef};

use super::orbits::Trace;
use super::place::Place;
use crate::linalg::{axpy, dot, norm};

/// Beyond this dimension Jacobians along the orbit are not formed.
const DENSE: usize = 200;

/// Longest substep, in units of the inverse norm of the Jacobian, and most of them a step.
const SUBSTEP: f64 = 0.25;
const SUBSTEPS: f64 = 4000.0;

/// Sine of the smallest angle between the manifold of d + 1 dimensions along which the orbit leaves its first point, spanned by the
/// flow and by what becomes of the d `tangents` (at the second point of the trace), and the manifold of codimension d along which
/// it runs into `target`, whose normals there are the duals of its leaving modes: both carried along the orbit by the linearised
/// flow, `w' = -B w` and `e' = B'e` (so that `e.w` stays the same), B being minus the Jacobian of the flow. It is the smallest
/// singular value of the products of their orthonormal bases.
///
/// `None` in more than 200 dimensions.
pub(super) fn transversality(
    place: &Place<'_>,
    target: usize,
    backward: bool,
    trace: &Trace,
    tangents: &[Vec<f64>],
) -> Option<f64> {
    let n = place.nodes[target].x.len();
    if n > DENSE || trace.points.len() < 3 {
        return None;
    }
    let node = &place.nodes[target];
    let away = |x: &[f64]| place.distance(&node.x, x);
    let end = (1..trace.points.len())
        .min_by(|a, b| away(&trace.points[*a]).total_cmp(&away(&trace.points[*b])).then(a.cmp(b)))?;
    let flow = place.flow();
    let sign = if backward { -1.0 } else { 1.0 };
    let mut jacobians = vec![];
    let mut tangents = vec![orthonormal(None, tangents)?];
    for j in 1..end {
        let (x, y) = (&trace.points[j], &trace.points[j + 1]);
        let middle: Vec<f64> = x.iter().zip(y).map(|(a, b)| 0.5 * (a + b)).collect();
        let mut b = Mat::zeros(n, n);
        flow.curvature(&middle, b.as_mut());
        // Segments are joined where the time begins anew.
        let time = sign * (trace.times[j + 1] - trace.times[j]).max(0.0);
        let next: Vec<_> = tangents.last()?.iter().map(|w| carried(b.as_ref(), time, w)).collect();
        tangents.push(orthonormal(None, &next)?);
        jacobians.push((b, time));
    }
    let functional = |mode: usize| -> Vec<f64> {
        let unit = |i: usize| (0..n).map(|j| f64::from(u8::from(i == j))).collect::<Vec<f64>>();
        (0..n).map(|i| node.coordinate(mode, &unit(i))).collect()
    };
    let mut normals: Vec<Vec<f64>> = node.leaving(backward).map(functional).collect();
    let mut smallest = 1.0_f64;
    let mut velocity = vec![0.0; n];
    for j in (1..=end).rev() {
        flow.velocity(&trace.points[j], &mut velocity);
        let across = |vectors: &[Vec<f64>]| orthonormal(Some(&velocity), vectors);
        if let (Some(w), Some(e)) = (across(&tangents[j - 1]), across(&normals)) {
            smallest = smallest.min(least_product(&e, &w)?);
        }
        if j > 1 {
            let (b, time) = &jacobians[j - 2];
            let before: Vec<_> = normals.iter().map(|e| carried(b.transpose(), *time, e)).collect();
            normals = orthonormal(None, &before)?;
        }
    }
    Some(smallest)
}

/// The smallest singular value of the inner products of two orthonormal sets.
fn least_product(a: &[Vec<f64>], b: &[Vec<f64>]) -> Option<f64> {
    if let ([a], [b]) = (a, b) {
        return Some(dot(a, b).abs());
    }
    let products = Mat::from_fn(a.len(), b.len(), |i, j| dot(&a[i], &b[j]));
    products.singular_values().ok()?.last().copied()
}

/// The sign of a matrix's determinant; 0 if it is not square.
pub(super) fn determinant_sign(a: &Mat<f64>) -> i8 {
    if a.nrows() != a.ncols() {
        return 0;
    }
    if a.determinant() > 0.0 { 1 } else { -1 }
}

fn unit(v: &[f64]) -> Option<Vec<f64>> {
    let size = norm(v);
    (size > 0.0 && size.is_finite()).then(|| v.iter().map(|v| v / size).collect())
}

/// An orthonormal basis of what the vectors span, apart from the direction `normal` if there is one (Gram and Schmidt, twice).
/// `None` if they span less.
fn orthonormal(normal: Option<&[f64]>, vectors: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let mut basis = match normal {
        Some(normal) => vec![unit(normal)?],
        None => vec![],
    };
    for v in vectors {
        let mut rest = unit(v)?;
        for _ in 0..2 {
            for b in &basis {
                axpy(-dot(b, &rest), b, &mut rest);
            }
        }
        basis.push(unit(&rest)?);
    }
    Some(basis.split_off(usize::from(normal.is_some())))
}

/// `exp(-time B) v`, by the classical Runge-Kutta method.
fn carried(b: MatRef<'_, f64>, time: f64, v: &[f64]) -> Vec<f64> {
    let n = v.len();
    let steps = (b.norm_l2() * time.abs() / SUBSTEP).ceil().clamp(1.0, SUBSTEPS);
    let h = -time / steps;
    let mut v = v.to_vec();
    let mut term = vec![0.0; n];
    for _ in 0..steps as usize {
        // For a constant matrix the method is the exponential series up to the fourth power.
        let mut power = v.clone();
        for k in 1..=4 {
            for i in 0..n {
                term[i] = (0..n).map(|j| b[(i, j)] * power[j]).sum::<f64>() * h / f64::from(k);
            }
            std::mem::swap(&mut power, &mut term);
            axpy(1.0, &power, &mut v);
        }
        let size = norm(&v);
        if size > 0.0 && size.is_finite() {
            v.iter_mut().for_each(|v| *v /= size);
        }
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    /// exp(-t B) of a rotation's generator turns by the angle t.
    #[test]
    fn vectors_are_carried_by_the_exponential() {
        let b = Mat::from_fn(2, 2, |i, j| [[0.0, 1.0], [-1.0, 0.0]][i][j]);
        let v = carried(b.as_ref(), 1.0, &[1.0, 0.0]);
        assert!((v[0] - 1f64.cos()).abs() < 1e-4 && (v[1] - 1f64.sin()).abs() < 1e-4, "{v:?}");
        let b = Mat::from_fn(2, 2, |i, j| [[2.0, 0.0], [0.0, -1.0]][i][j]);
        let v = carried(b.as_ref(), 0.5, &[1.0, 1.0]);
        assert!((v[0] / v[1] - (-1.5_f64).exp()).abs() < 1e-4, "{v:?}");
    }
}
