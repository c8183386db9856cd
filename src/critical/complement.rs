//! Many dimensions: a descent in the complement of a few known modes, by conjugate gradients (Steihaug 1983), with a
//! preconditioner where the Hessian has a narrow band.

use faer::{MatMut, MatRef};

use super::modes::{Modes, lowest_modes};
use crate::landscape::Linearization;
use crate::landscape::hessian::Hessian;
use crate::linalg::{axpy, column, column_mut, dot, norm};

/// The least shift, relative to the matrix, the one after it, and by how much it grows then. Without any the solution for a singular
/// matrix would be all kernel.
const SHIFTS: (f64, f64) = (1e-12, 1e-6);
const GROWTH: f64 = 8.0;

/// The Hessian at a point of many dimensions.
pub(crate) enum Operator<'a> {
    /// As it is applied.
    Products(Box<dyn Linearization + 'a>),
    /// In a narrow band.
    Band(Box<Banded>),
}

/// A Hessian in a narrow band with a preconditioner.
pub(crate) struct Banded {
    hessian: Hessian,
    /// A positive definite matrix that is as good as it in its stiff directions: itself with as little on the diagonal as it takes.
    /// `None` if it vanishes.
    conditioner: Option<Hessian>,
}

impl Operator<'_> {
    /// Of a Hessian in a band; `None` if it is not finite.
    pub(crate) fn in_band(hessian: Hessian) -> Option<Self> {
        let size = hessian.norm_rows();
        if size == 0.0 {
            return Some(Operator::Band(Box::new(Banded { hessian, conditioner: None })));
        }
        let mut shift = SHIFTS.0 * size;
        loop {
            let conditioner = hessian.shifted(shift);
            // Twice its size makes any matrix definite.
            if conditioner.negative()? == 0 || shift > 2.0 * size {
                let conditioner = Some(conditioner);
                return Some(Operator::Band(Box::new(Banded { hessian, conditioner })));
            }
            shift = (shift * GROWTH).max(SHIFTS.1 * size);
        }
    }

    /// The Hessian itself, where it is in a band.
    pub(crate) fn banded(&self) -> Option<&Hessian> {
        match self {
            Operator::Products(_) => None,
            Operator::Band(band) => Some(&band.hessian),
        }
    }

    /// Writes the products with the columns of `vectors`.
    pub(crate) fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        match self {
            Operator::Products(linear) => linear.apply(vectors, out),
            Operator::Band(band) => Linearization::apply(&band.hessian, vectors, out),
        }
    }

    /// The inverse of the preconditioner on a vector, where there is one; whether there is.
    fn condition(&self, vector: &mut [f64]) -> bool {
        let Operator::Band(band) = self else { return false };
        band.conditioner.as_ref().is_some_and(|conditioner| conditioner.solve(vector))
    }

    /// The `k` lowest modes, see [`lowest_modes`].
    pub(crate) fn lowest(&self, start: MatRef<'_, f64>, k: usize, tolerance: f64, steps: usize) -> Modes {
        let condition = |residual: &mut [f64]| {
            let before = residual.to_vec();
            if !self.condition(residual) {
                residual.copy_from_slice(&before);
            }
        };
        lowest_modes(&|v, out| self.apply(v, out), &condition, start, k, tolerance, steps)
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
        if operator.condition(out) {
            outside(out);
        } else {
            out.copy_from_slice(residual);
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
        if norm(&residual) <= until.remainder || !(falls > 0.0) {
            break;
        }
        operator.apply(column(&direction), column_mut(&mut raw));
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
