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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Section;

    fn maier_stein() -> Drift {
        let parameters = [("a".to_owned(), 1.0), ("b".to_owned(), 10.0)];
        Drift::new(&["x - x^3 - b*x*y^2", "-a*(1 + x^2)*y"], &parameters, &[]).unwrap()
    }

    #[test]
    fn derivatives_are_those_of_the_field() {
        let field = maier_stein();
        let (x, y) = (0.3, -0.7);
        let mut v = [0.0; 2];
        assert!(field.velocity(&[x, y], &mut v).is_nan());
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} against {b}");
        near(v[0], x - x * x * x - 10.0 * x * y * y);
        near(v[1], -(1.0 + x * x) * y);
        let exact = [[1.0 - 3.0 * x * x - 10.0 * y * y, -20.0 * x * y], [-2.0 * x * y, -1.0 - x * x]];
        let mut jacobian = Mat::zeros(2, 2);
        field.jacobian(&[x, y], jacobian.as_mut());
        let (point, vector) =
            (Mat::from_fn(2, 1, |i, _| [x, y][i]), Mat::from_fn(2, 1, |i, _| [0.5, 2.0][i]));
        let mut product = Mat::zeros(2, 1);
        field.linearize(point.as_ref()).apply(vector.as_ref(), product.as_mut());
        for i in 0..2 {
            near(jacobian[(i, 0)], exact[i][0]);
            near(jacobian[(i, 1)], exact[i][1]);
            near(product[(i, 0)], -0.5 * exact[i][0] - 2.0 * exact[i][1]);
        }
        // Second derivatives of f_0: -6x, -20y, -20x; of f_1: -2y, -2x, 0.
        let mut third = [0.0; 2];
        field.third(&[x, y], &[1.0, 2.0], &[3.0, -1.0], &mut third);
        near(third[0], -(3.0 * -6.0 * x + 5.0 * -20.0 * y - 2.0 * -20.0 * x));
        near(third[1], -(3.0 * -2.0 * y + 5.0 * -2.0 * x));
        let mut by = [0.0; 2];
        field.gradient_by(1, &[x, y], &mut by);
        near(by[0], x * y * y);
        near(by[1], 0.0);
        let other = field.with_parameter("b", 3.0).unwrap();
        let mut gradient = [0.0; 2];
        assert!(other.gradient(&[x, y], &mut gradient).is_nan());
        near(gradient[0], -(x - x * x * x - 3.0 * x * y * y));
        assert!(field.with_parameter("c", 1.0).is_err());
    }

    #[test]
    fn a_study_may_give_a_field() {
        let build = |pairs: &[&str]| {
            (super::super::KIND.build)(&mut Section::from_pairs("landscape", pairs).unwrap())
        };
        let field = build(&["dim=2", "drift=['x - x^3', '-y']"]).unwrap();
        assert!(!field.has_energy() && field.dynamics().is_some());
        for (pairs, word) in [
            (&["dim=2", "drift=['x - x^3', '-y']", "energy=x"][..], "exclude each other"),
            (&["dim=2", "drift=['x - x^3', '-y']", "confinement=1"], "exclude each other"),
            (&["dim=3", "drift=['x', 'y']"], "has 2 texts"),
            (&["dim=2", "drift=['x', 'y +']"], "drift[1]"),
            (&["dim=1", "drift=['sin(x) + x']", "period=[6.283185307179586]"], "does not repeat"),
            (&["dim=2", "drift=[1, 2]"], "texts"),
        ] {
            let message = build(pairs).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains(word), "{pairs:?}: {message}");
        }
    }
}
