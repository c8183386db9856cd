//! Many dimensions: a descent in the complement of a few known modes, by conjugate gradients (Steihaug 1983), with a
//! preconditioner where the Hessian has a narrow band.

use faer::{MatMut, MatRef};

use super::modes::{Modes, lowest_modes};
use crate::landscape::Linearization;
use crate::landscape::hessian::Hessian;
use crate::linalg::{axpy, column, column_mut, dot, norm};

/// The first shift tried, relative to the matrix, and by how much it grows.
const FIRST_SHIFT: f64 = 1e-6;
const GROWTH: f64 = 8.0;

/// A positive definite matrix that is as good as the Hessian in its stiff directions: itself with as little on the diagonal as it
/// takes. `None` if it is not finite.
pub(crate) fn conditioner(hessian: &Hessian) -> Option<Hessian> {
    let size = hessian.norm_rows();
    let mut shift = 0.0;
    // Twice its size makes any matrix definite.
    while shift <= 2.0 * GROWTH * size {
        let shifted = hessian.shifted(shift);
        if shifted.negative()? == 0 {
            return Some(shifted);
        }
        shift = (shift * GROWTH).max(FIRST_SHIFT * size);
    }
    None
}

/// The Hessian at a point of many dimensions: its products and, where it has a narrow band, a preconditioner.
pub(crate) struct Operator<'a> {
    pub(crate) linear: Box<dyn Linearization + 'a>,
    pub(crate) conditioner: Option<Hessian>,
}

impl Operator<'_> {
    /// The `k` lowest modes, see [`lowest_modes`].
    pub(crate) fn lowest(&self, start: MatRef<'_, f64>, k: usize, tolerance: f64, steps: usize) -> Modes {
        let apply = |v: MatRef<'_, f64>, out: MatMut<'_, f64>| self.linear.apply(v, out);
        lowest_modes(&apply, self.conditioner.as_ref(), start, k, tolerance, steps)
    }
}

/// When a descent ends.
pub(crate) struct Until {
    /// What may be left of the gradient.
    pub(crate) remainder: f64,
    /// Most products with the Hessian.
    pub(crate) products: usize,
    /// Longest step; infinite if there is no limit.
    pub(crate) radius: f64,
}

/// A step, and the Hessian applied to it.
pub(crate) struct Descent {
    pub(crate) step: Vec<f64>,
    pub(crate) image: Vec<f64>,
    /// Did it end at the radius?
    pub(crate) cut: bool,
}

/// Minimises `rest . d + d' H d / 2` over the complement of the columns of `known` (n x any, orthonormal), in which `rest` lies.
/// `None` if a product is not finite.
pub(crate) fn descent(
    operator: &Operator<'_>,
    known: MatRef<'_, f64>,
    rest: &[f64],
    until: &Until,
) -> Option<Descent> {
    let n = rest.len();
    let outside = |v: &mut [f64]| {
        for b in known.col_iter() {
            let along: f64 = b.iter().zip(&*v).map(|(b, v)| b * v).sum();
            v.iter_mut().zip(b.iter()).for_each(|(v, b)| *v -= along * b);
        }
    };
    let conditioned = |residual: &[f64], out: &mut Vec<f64>| {
        out.copy_from_slice(residual);
        if let Some(conditioner) = &operator.conditioner {
            conditioner.solve(out);
            outside(out);
        }
    };
    let (mut step, mut image) = (vec![0.0; n], vec![0.0; n]);
    let (mut ahead, mut product, mut raw) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut residual: Vec<f64> = rest.iter().map(|r| -r).collect();
    let mut towards = vec![0.0; n];
    conditioned(&residual, &mut towards);
    let mut direction = towards.clone();
    let mut falls = dot(&residual, &towards);
    for _ in 0..until.products {
        if norm(&residual) <= until.remainder || falls == 0.0 {
            break;
        }
        operator.linear.apply(column(&direction), column_mut(&mut raw));
        product.copy_from_slice(&raw);
        outside(&mut product);
        let curvature = dot(&direction, &product);
        if !curvature.is_finite() {
            return None;
        }
        let length = falls / curvature;
        ahead.copy_from_slice(&step);
        axpy(length, &direction, &mut ahead);
        if curvature <= 0.0 || norm(&ahead) >= until.radius {
            if until.radius < f64::INFINITY {
                let (a, b) = (dot(&direction, &direction), dot(&step, &direction));
                let c = dot(&step, &step) - until.radius * until.radius;
                let to_edge = (-b + (b * b - a * c).max(0.0).sqrt()) / a;
                axpy(to_edge, &direction, &mut step);
                axpy(to_edge, &raw, &mut image);
                return Some(Descent { step, image, cut: true });
            }
            break;
        }
        std::mem::swap(&mut step, &mut ahead);
        axpy(length, &raw, &mut image);
        axpy(-length, &product, &mut residual);
        conditioned(&residual, &mut towards);
        let before = falls;
        falls = dot(&residual, &towards);
        let turn = falls / before;
        direction.iter_mut().zip(&towards).for_each(|(p, t)| *p = t + turn * *p);
    }
    Some(Descent { step, image, cut: false })
}
