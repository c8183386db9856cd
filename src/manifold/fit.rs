//! Taylor coefficients of a field along a polynomial, from its values: rays through the origin of the parameters, on each ray
//! an interpolation in the distance, across the rays least squares by homogeneous polynomials.

use faer::linalg::matmul::matmul;
use faer::linalg::solvers::{Qr, SolveLstsq};
use faer::{Accum, Mat, MatRef, Par};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::frame::Field;
use super::powers::Powers;

/// Degrees beyond the order of the polynomial that the interpolation along a ray allows for.
const BEYOND: usize = 4;

/// Where a polynomial of given powers is sampled, and what turns the samples into coefficients.
pub(super) struct Sampler {
    pub(super) powers: Powers,
    /// Unit vectors (columns), one of each opposite pair.
    pub(super) directions: Mat<f64>,
    /// All monomials at all samples: for each direction its nodes, one after the other.
    monomials: Mat<f64>,
    nodes: usize,
    /// Of each degree from 2: weights of the nodes that give the coefficient of that power of the distance.
    radial: Vec<Vec<f64>>,
    /// Of each degree from 2: the pseudo-inverse (monomials x directions) of its monomials at the directions.
    across: Vec<Mat<f64>>,
}

impl Sampler {
    /// For polynomials of d variables up to an order of at least 2, on the unit ball.
    pub(super) fn new(dimension: usize, order: usize) -> Self {
        let powers = Powers::new(dimension, order);
        let directions = directions(&powers);
        let top = order + BEYOND;
        let count = 2 * top;
        // Chebyshev's nodes; an even number of them keeps off the origin.
        let nodes: Vec<f64> = (0..count)
            .map(|k| (std::f64::consts::PI * (2 * k + 1) as f64 / (2 * count) as f64).cos())
            .collect();
        let samples = Mat::from_fn(dimension, directions.ncols() * count, |j, k| {
            nodes[k % count] * directions[(j, k / count)]
        });
        let monomials = powers.values(samples.as_ref());
        let at_directions = powers.values(directions.as_ref());
        let (mut radial, mut across) = (vec![], vec![]);
        for degree in 2..=order {
            let vandermonde =
                Mat::from_fn(count, top - degree + 1, |k, j| nodes[k].powi((degree + j) as i32));
            let inverse = pseudo_inverse(&vandermonde);
            radial.push((0..count).map(|k| inverse[(0, k)]).collect());
            let places = powers.of_degree(degree);
            let homogeneous = at_directions.subrows(places.start, places.len()).transpose().to_owned();
            across.push(pseudo_inverse(&homogeneous));
        }
        Sampler { powers, directions, monomials, nodes: count, radial, across }
    }

    /// The homogeneous part of this degree of the defect `F(P) - DP g` (n x monomials of the degree). `None` if the field
    /// is not finite at some sample.
    pub(super) fn defect_of_degree(
        &self,
        field: &Field<'_>,
        base: &[f64],
        coefficients: MatRef<'_, f64>,
        internal: MatRef<'_, f64>,
        degree: usize,
    ) -> Option<Mat<f64>> {
        let samples = defect(field, &self.powers, base, coefficients, internal, self.monomials.as_ref())?;
        let weights = &self.radial[degree - 2];
        let rays = Mat::from_fn(base.len(), self.directions.ncols(), |i, k| {
            (0..self.nodes).map(|t| weights[t] * samples[(i, k * self.nodes + t)]).sum()
        });
        Some(product(rays.as_ref(), self.across[degree - 2].transpose()))
    }
}

/// The defect of invariance `F(P(s)) - DP(s) g(s)` (n x b) where the monomials have these values; `None` if it is not finite.
pub(super) fn defect(
    field: &Field<'_>,
    powers: &Powers,
    base: &[f64],
    coefficients: MatRef<'_, f64>,
    internal: MatRef<'_, f64>,
    monomials: MatRef<'_, f64>,
) -> Option<Mat<f64>> {
    let mut points = product(coefficients, monomials);
    points.col_iter_mut().for_each(|c| c.iter_mut().zip(base).for_each(|(p, b)| *p += b));
    let speeds = product(internal, monomials);
    let along = powers.derivatives(monomials, speeds.as_ref());
    let mut out = Mat::zeros(points.nrows(), points.ncols());
    field.velocities(points.as_ref(), out.as_mut());
    let out = out - product(coefficients, along.as_ref());
    let finite = out.col_iter().all(|c| c.iter().all(|v| v.is_finite()));
    finite.then_some(out)
}

pub(super) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    matmul(&mut out, Accum::Replace, a, b, 1.0, Par::Seq);
    out
}

fn pseudo_inverse(a: &Mat<f64>) -> Mat<f64> {
    Qr::new(a.as_ref()).solve_lstsq(Mat::<f64>::identity(a.nrows(), a.nrows()))
}

/// Directions that determine homogeneous polynomials of every degree up to the order: evenly spaced in the plane, beyond
/// random ones, more than twice as many as are needed.
fn directions(powers: &Powers) -> Mat<f64> {
    let d = powers.dimension;
    let needed = powers.of_degree(powers.order).len();
    match d {
        1 => Mat::identity(1, 1),
        2 => Mat::from_fn(2, needed + 1, |j, k| {
            let angle = std::f64::consts::PI * (k as f64 + 0.25) / (needed + 1) as f64;
            if j == 0 { angle.cos() } else { angle.sin() }
        }),
        _ => {
            let mut rng = ChaCha8Rng::seed_from_u64(0x6d61_6e69);
            let mut out = Mat::from_fn(d, 2 * needed + 10, |_, _| StandardNormal.sample(&mut rng));
            for column in out.col_iter_mut() {
                let size = column.norm_l2();
                column.iter_mut().for_each(|v: &mut f64| *v /= size);
            }
            out
        }
    }
}
