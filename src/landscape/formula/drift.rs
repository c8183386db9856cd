//! A vector field given as text, one expression a coordinate: `x' = f(x)`.
//!
//! There is no energy, as with a learned score: [`Landscape::has_energy`] says so, gradients stand for `-f` and Hessians for
//! minus the Jacobian.

use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef};

use super::{Direction, Formula, SyntaxError};
use crate::error::Result;
use crate::landscape::{Dynamics, Family, Landscape, Linearization, Region};
use crate::linalg::dot;

/// A vector field given as text.
#[derive(Clone, Debug)]
pub struct Drift {
    components: Vec<Formula>,
}

impl Drift {
    /// The field whose coordinate i is `texts[i]`, on R^n with n the number of texts. Parameters and periods as for
    /// [`Formula::new`].
    ///
    /// # Errors
    /// The first coordinate whose text is wrong, and its first fault.
    pub fn new(
        texts: &[&str],
        parameters: &[(String, f64)],
        period: &[Option<f64>],
    ) -> std::result::Result<Self, (usize, SyntaxError)> {
        let of = |(i, text): (usize, &&str)| {
            Formula::new(texts.len(), text, parameters, period, None).map_err(|wrong| (i, wrong))
        };
        if texts.is_empty() {
            return Err((0, SyntaxError::new(0, 0, "a field has one coordinate or more")));
        }
        let components = texts.iter().enumerate().map(of).collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Drift { components })
    }

    /// Its coordinates.
    pub fn components(&self) -> &[Formula] {
        &self.components
    }
}

impl Dynamics for Drift {
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
        velocity.iter_mut().zip(&self.components).for_each(|(v, f)| *v = f.energy(x));
        f64::NAN
    }

    fn jacobian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let mut row = vec![0.0; x.len()];
        for (i, f) in self.components.iter().enumerate() {
            f.gradient(x, &mut row);
            row.iter().enumerate().for_each(|(j, r)| out[(i, j)] = *r);
        }
    }
}

impl Landscape for Drift {
    fn dim(&self) -> usize {
        self.components.len()
    }

    fn has_energy(&self) -> bool {
        false
    }

    fn dynamics(&self) -> Option<&dyn Dynamics> {
        Some(self)
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        energies.fill(f64::NAN);
        let mut velocity = vec![0.0; self.dim()];
        for j in 0..points.ncols() {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            self.velocity(&x, &mut velocity);
            velocity.iter().enumerate().for_each(|(i, v)| gradients[(i, j)] = -v);
        }
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        let at = |j: usize| {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            let mut matrix = Mat::zeros(self.dim(), self.dim());
            self.hessian(&x, matrix.as_mut());
            matrix
        };
        Box::new(Frozen((0..points.ncols()).map(at).collect()))
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        self.jacobian(x, out.rb_mut());
        out.col_iter_mut().for_each(|c| c.iter_mut().for_each(|e| *e = -*e));
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let mut product = vec![0.0; x.len()];
        for (out, f) in out.iter_mut().zip(&self.components) {
            f.derivative(x, &[Direction::State(u)], &mut product);
            *out = -dot(&product, v);
        }
    }

    fn region(&self) -> Option<Region> {
        self.components[0].region()
    }

    fn period(&self) -> Vec<Option<f64>> {
        self.components[0].period()
    }
}

impl Family for Drift {
    fn parameters(&self) -> Vec<(String, f64)> {
        self.components[0].parameters()
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let components = self.components.iter().map(|f| f.with(name, value)).collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Drift { components }))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(&self.components).for_each(|(out, f)| *out = -f.energy_by(parameter, x));
    }
}

/// Minus the Jacobians at points.
struct Frozen(Vec<Mat<f64>>);

impl Linearization for Frozen {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for j in 0..vectors.ncols() {
            let matrix = &self.0[if self.0.len() == 1 { 0 } else { j }];
            let product = matrix * vectors.subcols(j, 1);
            (0..vectors.nrows()).for_each(|i| out[(i, j)] = product[(i, 0)]);
        }
    }
}
