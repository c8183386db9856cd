//! The linearised flow at a critical point, split into the directions of a manifold and the others.

use faer::{Mat, MatMut, MatRef};

use super::Stability;
use crate::error::{Error, Result};
use crate::flow::{Flow, linear};
use crate::landscape::Landscape;
use crate::linalg::{orient, symmetric_eigen};

/// Beyond these dimensions modes are not computed: of a Hessian, of a flow of its own.
const DENSE: (usize, usize) = (2500, 800);

/// Rates below this share of the largest are none: the point is not hyperbolic.
const HYPERBOLIC: f64 = 1e-9;

/// The field along which the manifold is unstable: the flow, or the flow in reversed time.
pub(super) struct Field<'a> {
    pub(super) landscape: &'a dyn Landscape,
    pub(super) flow: Flow<'a>,
    sign: f64,
}

impl<'a> Field<'a> {
    pub(super) fn new(landscape: &'a dyn Landscape, which: Stability) -> Self {
        match which {
            Stability::Unstable => Field { landscape, flow: Flow::forward(landscape), sign: -1.0 },
            Stability::Stable => Field { landscape, flow: Flow::backward(landscape), sign: 1.0 },
        }
    }

    pub(super) fn is_forward(&self) -> bool {
        self.sign < 0.0
    }

    /// Velocities at the columns of `points`.
    pub(super) fn velocities(&self, points: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        if self.flow.has_dynamics() {
            let (n, b) = (points.nrows(), points.ncols());
            let (mut x, mut v) = (vec![0.0; n], vec![0.0; n]);
            for k in 0..b {
                (0..n).for_each(|i| x[i] = points[(i, k)]);
                self.flow.velocity(&x, &mut v);
                (0..n).for_each(|i| out[(i, k)] = v[i]);
            }
            return;
        }
        let mut energies = vec![0.0; points.ncols()];
        self.landscape.gradients(points, &mut energies, out.as_mut());
        out.col_iter_mut().for_each(|c| c.iter_mut().for_each(|v| *v *= self.sign));
    }
}

/// Modes of the field at a critical point: the d growing ones first.
pub(super) struct Frame {
    /// Rates: of the first d positive, of the others negative.
    pub(super) rates: Vec<f64>,
    /// Unit vectors, one a column.
    pub(super) vectors: Mat<f64>,
    /// Their dual basis.
    pub(super) duals: Mat<f64>,
    /// d.
    pub(super) tangent: usize,
    /// How much longer a displacement may be than its coordinates say: the product of the norms of basis and duals, 1
    /// for an orthonormal one.
    pub(super) skewness: f64,
}

impl Frame {
    pub(super) fn new(field: &Field<'_>, x: &[f64]) -> Result<Frame> {
        let n = x.len();
        let most = if field.flow.has_dynamics() { DENSE.1 } else { DENSE.0 };
        if n > most {
            return Err(Error::input(format!(
                "invariant manifolds need all modes of the point, which are computed up to {most} dimensions, not {n}"
            )));
        }
        let failed = || Error::Numerics("the modes of the flow at the point could not be computed".into());
        let mut matrix = Mat::zeros(n, n);
        field.flow.curvature(x, matrix.as_mut());
        let (mut values, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
        let mut duals = Mat::zeros(n, n);
        if field.flow.has_dynamics() {
            let modes = linear::modes(matrix.as_ref(), n).ok_or_else(failed)?;
            if modes.vectors.ncols() != n || modes.duals.ncols() != n {
                return Err(failed());
            }
            (values, vectors, duals) = (modes.values, modes.vectors, modes.duals);
            orient(&mut vectors, &mut duals);
            // Real rates with a basis of their own: a spiral, or a Jordan block, has none.
            let image = &matrix * &vectors;
            let size = matrix.norm_max();
            let off = (0..n).any(|j| {
                (0..n).any(|i| !((image[(i, j)] - values[j] * vectors[(i, j)]).abs() <= 1e-8 * size))
            });
            if off {
                let why = "the flow at the point has complex rates, or fewer modes than dimensions";
                return Err(Error::Numerics(why.into()));
            }
        } else {
            if !symmetric_eigen(matrix.as_ref(), &mut values, vectors.as_mut()) {
                return Err(failed());
            }
            orient(&mut vectors, &mut Mat::zeros(0, n));
            duals.copy_from(&vectors);
        }
        let rates: Vec<f64> = values.iter().map(|v| field.sign * v).collect();
        let (slowest, fastest) =
            rates.iter().fold((f64::INFINITY, 0.0_f64), |(s, f), r| (s.min(r.abs()), f.max(r.abs())));
        if !(slowest > HYPERBOLIC * fastest) {
            return Err(Error::input(format!(
                "the point is not hyperbolic: its slowest rate is {slowest:.1e}, its fastest {fastest:.1e}"
            )));
        }
        let order: Vec<usize> =
            (0..n).filter(|j| rates[*j] > 0.0).chain((0..n).filter(|j| rates[*j] < 0.0)).collect();
        let sorted = |m: &Mat<f64>| Mat::from_fn(n, n, |i, j| m[(i, order[j])]);
        let skewness = if field.flow.has_dynamics() { vectors.norm_l2() * duals.norm_l2() } else { 1.0 };
        Ok(Frame {
            tangent: rates.iter().filter(|r| **r > 0.0).count(),
            rates: order.iter().map(|j| rates[*j]).collect(),
            vectors: sorted(&vectors),
            duals: sorted(&duals),
            skewness,
        })
    }
}
