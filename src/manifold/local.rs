//! The local manifold by the parameterization method: a polynomial `P: R^d -> R^n` with `P(0) = x*` that carries the flow of a
//! polynomial field g on R^d to that of the landscape, `f(P(s)) = DP(s) g(s)`.
//!
//! Degree by degree this is one linear equation a coefficient: with the part R of degree m of the defect `f(P) - DP g`,
//! component j of the coefficient of `s^a` in the basis of modes is `-R_j / (l_j - a.l)`, where l are the rates. Where j is a
//! mode of the manifold itself and the divisor is small (a resonance, exact or near) the coefficient is left alone and the
//! term goes into g instead, which otherwise is linear (the mixed style of Haro et al.). A normal mode has a rate of the
//! other sign, so that its divisor never vanishes.
//!
//! The field is known by its values only. R comes from values along rays (`fit.rs`), in parameters scaled so that
//! the parts of P of rising degree decay.
//!
//! Sources: X. Cabré, E. Fontich, R. de la Llave, The parameterization method for invariant manifolds I, Indiana Univ. Math. J.
//! 52 (2003) 283, and III, J. Differential Equations 218 (2005) 444; À. Haro, M. Canadell, J.-Ll. Figueras, A. Luque, J. M. Mondelo, The
//! Parameterization Method for Invariant Manifolds, Springer 2016, chapter 2.

use faer::linalg::solvers::{Qr, SolveLstsq};
use faer::{Mat, MatRef};

use super::Stability;
use super::fit::{Sampler, defect, product};
use super::frame::{Field, Frame};
use super::powers::Powers;
use crate::critical::Level;
use crate::error::{Error, Result};
use crate::landscape::Landscape;
use crate::linalg::{column, dot, norm};

/// How a local manifold is computed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Degree of the polynomial, at least 2; by default 12, 10, 7 and 5 for manifolds of dimension 1, 2, 3 and 4.
    pub order: Option<usize>,
    /// Largest distance from the manifold on the ball of parameters, relative to the ball's size in space.
    pub tolerance: f64,
    /// A divisor `|l_j - a.l|` of at most this share of `l_j` is a resonance.
    pub near: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options { order: None, tolerance: 1e-9, near: 0.1 }
    }
}

/// Highest dimension of a manifold.
pub const MOST: usize = 4;

const ORDERS: [usize; MOST] = [12, 10, 7, 5];

/// Turns of fitting the scale of the parameters.
const TURNS: usize = 8;

/// A local stable or unstable manifold `P(s)`, s in the ball `|s| <= radius` of R^d, with the field g of its own flow.
/// The flow of a stable manifold is meant in reversed time: `s = 0` always repels.
#[derive(Clone, Debug)]
pub struct LocalManifold {
    /// Which manifold.
    pub which: Stability,
    /// The critical point `P(0)` (length n).
    pub base: Vec<f64>,
    /// Dimension d.
    pub dimension: usize,
    /// Rates of the linearised flow on it (length d), positive, in the order of ascending eigenvalues of the Hessian.
    pub rates: Vec<f64>,
    /// The monomials of P and g.
    pub powers: Powers,
    /// Coefficients of P without its constant term (n x monomials). The first d are multiples of the modes.
    pub coefficients: Mat<f64>,
    /// Coefficients of g (d x monomials): the rates, and resonant terms.
    pub internal: Mat<f64>,
    /// Radius of the ball.
    pub radius: f64,
    /// The largest defect of invariance `|f(P(s)) - DP(s) g(s)|` (Euclidean norm) at sampled s of the ball.
    pub defect: f64,
    /// Bound of the distance of `P(s)` from the manifold on the ball, to first order in the defect: that divided by the sum of
    /// the slowest rates on the manifold and across it, times the skewness of the modes (1 for `-grad E`).
    pub distance: f64,
    /// Bound of the distance of `P(s)` from the point of the manifold that the exact conjugacy has in its place, to the same order:
    /// the defect divided by `(N + 1) l_min - l_max`, times the skewness. `None` if that is not positive: the order N is then
    /// too low for such different rates to tell.
    pub conjugacy: Option<f64>,
    /// How far it can be relied on: floating point with sampled bounds.
    pub level: Level,
}

/// The local manifold of the hyperbolic critical point `x` (length n, in the coordinates of `landscape`).
///
/// # Errors
/// If the point is not hyperbolic, has no manifold of that kind or one of more than [`MOST`] dimensions, if n is beyond 2500
/// (800 for a flow of its own), or if the tolerance is met nowhere.
pub fn local(
    landscape: &dyn Landscape,
    x: &[f64],
    which: Stability,
    options: &Options,
) -> Result<LocalManifold> {
    crate::linalg::sequential();
    let n = landscape.dim();
    if x.len() != n || x.iter().any(|v| !v.is_finite()) {
        return Err(Error::input(format!("a critical point must have {n} finite coordinates")));
    }
    let field = Field::new(landscape, which);
    let frame = Frame::new(&field, x)?;
    let d = frame.tangent;
    if d == 0 || d > MOST {
        let name = if which == Stability::Unstable { "unstable" } else { "stable" };
        return Err(Error::input(format!(
            "the {name} manifold of the point has dimension {d}; 1 to {MOST} can be computed"
        )));
    }
    let order = options.order.unwrap_or(ORDERS[d - 1]).max(2);
    let sampler = Sampler::new(d, order);
    let mut scales = first_scales(&field, &frame, x);
    let goal = (10.0 * options.tolerance).powf(1.0 / (order - 1) as f64);
    let (mut grown, mut before) = (1.0, f64::INFINITY);
    let mut best = None;
    for _ in 0..TURNS {
        let expanded = expand(&field, &frame, &sampler, x, &scales, options.near);
        let factor = match &expanded {
            // The field is not defined as far as that.
            None => 0.3,
            Some((coefficients, _)) => {
                let ratio = growth(&sampler, coefficients.as_ref(), &scales);
                let most = if grown < 30.0 { 4.0 } else { 1.0 };
                // What does not shrink with the scale is rounding.
                let rounding = ratio > 0.8 * before;
                before = if ratio > goal { ratio } else { f64::INFINITY };
                if rounding {
                    1.0
                } else if ratio > 0.0 {
                    (goal / ratio).clamp(0.05, most)
                } else {
                    most
                }
            }
        };
        best = expanded.or(best);
        if (0.75..1.35).contains(&factor) {
            break;
        }
        // What is returned must belong to the scales it was made with; they are in its linear part.
        grown *= factor;
        scales.iter_mut().for_each(|s| *s *= factor);
    }
    let (coefficients, internal) =
        best.ok_or_else(|| Error::Numerics("the flow is not defined around the point".into()))?;
    settle(&field, &frame, sampler, x, coefficients, internal, options)
}

/// Along each mode of the manifold the distance at which the field differs from its linearisation by a tenth; at most four
/// times the least of them, since nothing is known yet of what lies between the modes.
fn first_scales(field: &Field<'_>, frame: &Frame, x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let most = 10.0 * (1.0 + norm(x));
    let mut scales: Vec<f64> = (0..frame.tangent)
        .map(|j| {
            let v = frame.vectors.col_as_slice(j);
            let linear = |t: f64| {
                let points = Mat::from_fn(n, 2, |i, k| x[i] + if k == 0 { t } else { -t } * v[i]);
                let mut out = Mat::zeros(n, 2);
                field.velocities(points.as_ref(), out.as_mut());
                (0..2).all(|k| {
                    let side = if k == 0 { t } else { -t };
                    let off: f64 = (0..n).map(|i| (out[(i, k)] - side * frame.rates[j] * v[i]).powi(2)).sum();
                    off.sqrt() <= 0.1 * frame.rates[j] * t
                })
            };
            let mut t = 1e-3 * (1.0 + norm(x));
            if linear(t) {
                while t < most && linear(1.5 * t) {
                    t *= 1.5;
                }
            } else {
                for _ in 0..50 {
                    t *= 0.6;
                    if linear(t) {
                        break;
                    }
                }
            }
            t
        })
        .collect();
    let least = scales.iter().fold(f64::INFINITY, |m, s| m.min(*s));
    scales.iter_mut().for_each(|s| *s = s.min(4.0 * least));
    scales
}

/// The coefficients of P and g at these scales, degree by degree, twice: the second time what rounding left. `None` if the field
/// is not finite at a sample.
fn expand(
    field: &Field<'_>,
    frame: &Frame,
    sampler: &Sampler,
    x: &[f64],
    scales: &[f64],
    near: f64,
) -> Option<(Mat<f64>, Mat<f64>)> {
    let (n, d, powers) = (x.len(), frame.tangent, &sampler.powers);
    let mut coefficients = Mat::zeros(n, powers.count());
    let mut internal = Mat::zeros(d, powers.count());
    for j in 0..d {
        (0..n).for_each(|i| coefficients[(i, j)] = scales[j] * frame.vectors[(i, j)]);
        internal[(j, j)] = frame.rates[j];
    }
    for _ in 0..2 {
        for degree in 2..=powers.order {
            let left =
                sampler.defect_of_degree(field, x, coefficients.as_ref(), internal.as_ref(), degree)?;
            let components = product(frame.duals.transpose(), left.as_ref());
            for (k, a) in powers.of_degree(degree).enumerate() {
                let rate: f64 =
                    powers.exponents[a].iter().zip(&frame.rates).map(|(e, l)| *e as f64 * l).sum();
                for j in 0..n {
                    let divisor = frame.rates[j] - rate;
                    if j < d && divisor.abs() <= near * frame.rates[j] {
                        internal[(j, a)] += components[(j, k)] / scales[j];
                        continue;
                    }
                    let c = -components[(j, k)] / divisor;
                    (0..n).for_each(|i| coefficients[(i, a)] += c * frame.vectors[(i, j)]);
                }
            }
        }
    }
    Some((coefficients, internal))
}

/// The ratio by which the parts of P of the upper degrees fall from one to the next, at the rim of the unit ball.
fn growth(sampler: &Sampler, coefficients: MatRef<'_, f64>, scales: &[f64]) -> f64 {
    let powers = &sampler.powers;
    let values = powers.values(sampler.directions.as_ref());
    let first = scales.iter().fold(0.0_f64, |m, s| m.max(*s));
    (powers.order.div_ceil(2).max(2)..=powers.order)
        .map(|degree| {
            let places = powers.of_degree(degree);
            let part = product(
                coefficients.subcols(places.start, places.len()),
                values.subrows(places.start, places.len()),
            );
            let size = part.col_iter().map(|c| c.norm_l2()).fold(0.0, f64::max);
            (size / first).powf(1.0 / (degree - 1) as f64)
        })
        .fold(0.0, f64::max)
}

/// Finds the radius on which the manifold keeps to the tolerance.
fn settle(
    field: &Field<'_>,
    frame: &Frame,
    sampler: Sampler,
    x: &[f64],
    coefficients: Mat<f64>,
    internal: Mat<f64>,
    options: &Options,
) -> Result<LocalManifold> {
    let d = frame.tangent;
    let rates = frame.rates[..d].to_vec();
    let slowest = rates.iter().fold(f64::INFINITY, |m, r| m.min(*r));
    let fastest = rates.iter().fold(0.0_f64, |m, r| m.max(*r));
    let across = frame.rates[d..].iter().fold(f64::INFINITY, |m, r| m.min(r.abs()));
    let across = if across.is_finite() { across } else { 0.0 };
    let reach = (0..d).map(|j| norm(coefficients.col_as_slice(j))).fold(f64::INFINITY, f64::min);
    let worst = |radius: f64| {
        let directions = &sampler.directions;
        // Both ends of each direction, at the rim and half way.
        let samples = Mat::from_fn(d, 4 * directions.ncols(), |j, k| {
            [radius, -radius, 0.5 * radius, -0.5 * radius][k % 4] * directions[(j, k / 4)]
        });
        let monomials = sampler.powers.values(samples.as_ref());
        let left =
            defect(field, &sampler.powers, x, coefficients.as_ref(), internal.as_ref(), monomials.as_ref());
        left.map_or(f64::INFINITY, |left| left.col_iter().map(|c| c.norm_l2()).fold(0.0, f64::max))
    };
    let bound = |defect: f64| frame.skewness * defect / (slowest + across);
    let mut radius = 2.0;
    let mut left = worst(radius);
    while !(bound(left) <= options.tolerance * radius * reach) {
        if radius < 1e-3 {
            return Err(Error::Numerics(format!(
                "the local manifold is known to {:.1e} of its size only, the tolerance is {:.1e}",
                bound(left) / (radius * reach),
                options.tolerance
            )));
        }
        radius *= 0.85;
        left = worst(radius);
    }
    let gap = (sampler.powers.order + 1) as f64 * slowest - fastest;
    Ok(LocalManifold {
        which: if field.is_forward() { Stability::Unstable } else { Stability::Stable },
        base: x.to_vec(),
        dimension: d,
        rates,
        powers: sampler.powers,
        coefficients,
        internal,
        radius,
        defect: left,
        distance: bound(left),
        conjugacy: (gap > 0.0).then(|| frame.skewness * left / gap),
        level: Level::Checked,
    })
}

impl LocalManifold {
    /// The point `P(s)`.
    pub fn evaluate(&self, s: &[f64]) -> Vec<f64> {
        let values = self.powers.values(column(s));
        let mut x = product(self.coefficients.as_ref(), values.as_ref()).col_as_slice(0).to_vec();
        x.iter_mut().zip(&self.base).for_each(|(x, b)| *x += b);
        x
    }

    /// The derivative `DP(s)` (n x d).
    pub fn tangent(&self, s: &[f64]) -> Mat<f64> {
        let d = self.dimension;
        let values = self.powers.values(Mat::from_fn(d, d, |j, _| s[j]).as_ref());
        let along = self.powers.derivatives(values.as_ref(), Mat::<f64>::identity(d, d).as_ref());
        product(self.coefficients.as_ref(), along.as_ref())
    }

    /// The field `g(s)` (length d); of a stable manifold in reversed time.
    pub fn velocity(&self, s: &[f64]) -> Vec<f64> {
        let values = self.powers.values(column(s));
        product(self.internal.as_ref(), values.as_ref()).col_as_slice(0).to_vec()
    }

    /// The monomials of g beyond its linear part that are kept because of a resonance: component and exponents.
    pub fn resonances(&self) -> Vec<(usize, Vec<usize>)> {
        let d = self.dimension;
        let largest = self.rates.iter().fold(0.0_f64, |m, r| m.max(*r));
        (d..self.powers.count())
            .flat_map(|a| (0..d).map(move |j| (j, a)))
            .filter(|(j, a)| self.internal[(*j, *a)].abs() > 1e-12 * largest)
            .map(|(j, a)| (j, self.powers.exponents[a].clone()))
            .collect()
    }

    /// Where the orbit of g through `s` is after `time`, which may be negative; of a stable manifold in reversed time.
    pub fn advance(&self, s: &[f64], time: f64) -> Vec<f64> {
        if self.resonances().is_empty() {
            return s.iter().zip(&self.rates).map(|(s, l)| s * (l * time).exp()).collect();
        }
        // The classical Runge-Kutta method.
        let fastest = self.rates.iter().fold(0.0_f64, |m, r| m.max(*r));
        let steps = (400.0 * fastest * time.abs()).ceil().clamp(1.0, 1e5) as usize;
        let h = time / steps as f64;
        let moved =
            |s: &[f64], v: &[f64], h: f64| -> Vec<f64> { s.iter().zip(v).map(|(s, v)| s + h * v).collect() };
        let mut s = s.to_vec();
        for _ in 0..steps {
            let a = self.velocity(&s);
            let b = self.velocity(&moved(&s, &a, 0.5 * h));
            let c = self.velocity(&moved(&s, &b, 0.5 * h));
            let e = self.velocity(&moved(&s, &c, h));
            for j in 0..s.len() {
                s[j] += h / 6.0 * (a[j] + 2.0 * (b[j] + c[j]) + e[j]);
            }
        }
        s
    }

    /// The parameters of the point of the manifold nearest to `x`, and its distance, by the Gauss-Newton method from `s = 0`.
    /// `None` if that does not converge to a place in the ball.
    pub fn parameters(&self, x: &[f64]) -> Option<(Vec<f64>, f64)> {
        let mut s = vec![0.0; self.dimension];
        for _ in 0..50 {
            let p = self.evaluate(&s);
            let off: Vec<f64> = x.iter().zip(&p).map(|(x, p)| x - p).collect();
            let tangent = self.tangent(&s);
            let step = Qr::new(tangent.as_ref()).solve_lstsq(column(&off));
            let step = step.col_as_slice(0);
            s.iter_mut().zip(step).for_each(|(s, d)| *s += d);
            let size = dot(&s, &s).sqrt();
            if !(size <= 2.0 * self.radius) {
                return None;
            }
            if norm(step) <= 1e-14 * (self.radius + size) {
                let p = self.evaluate(&s);
                let off: Vec<f64> = x.iter().zip(&p).map(|(x, p)| x - p).collect();
                return (size <= self.radius * (1.0 + 1e-9)).then(|| (s, norm(&off)));
            }
        }
        None
    }
}
