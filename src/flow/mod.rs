//! Orbits of the gradient flow `x' = -grad E(x)`, or of the landscape's own dynamics, forwards or backwards in time.
//!
//! In: a landscape, a start, a tolerance. Out: accepted steps, one by one, to a visitor that may stop the orbit. One interface, two
//! methods for one orbit: a linearly implicit one with the exact Jacobian, and a stabilised explicit one where Jacobians are too
//! large. Many orbits go together (`ensemble`) by explicit methods for what is not stiff. All control their error, and no step
//! is accepted along which the energy, if there is one, fails to fall.

mod chebyshev;
pub mod cone;
mod ensemble;
pub(crate) mod linear;
mod rosenbrock;
pub mod trap;
pub mod tube;

pub(crate) use ensemble::{BOGACKI_SHAMPINE, DORMAND_PRINCE, group, integrate_together};
use faer::{MatMut, MatRef};

use crate::landscape::hessian::light_layout;
use crate::landscape::{Dynamics, Landscape};
use crate::linalg::{column, norm};

/// A matrix as the map it is: writes its product with the columns of the first argument.
type Applied<'a> = Box<dyn Fn(MatRef<'_, f64>, MatMut<'_, f64>) + 'a>;

/// The flow, with its direction in time.
pub struct Flow<'a> {
    landscape: &'a dyn Landscape,
    dynamics: Option<&'a dyn Dynamics>,
    sign: f64,
}

impl<'a> Flow<'a> {
    /// Downhill.
    pub fn forward(landscape: &'a dyn Landscape) -> Self {
        Flow { landscape, dynamics: landscape.dynamics(), sign: -1.0 }
    }

    /// Uphill: the same orbits in reversed time.
    pub fn backward(landscape: &'a dyn Landscape) -> Self {
        Flow { landscape, dynamics: landscape.dynamics(), sign: 1.0 }
    }

    /// Writes the velocity at `x`; returns the energy there.
    pub(crate) fn velocity(&self, x: &[f64], v: &mut [f64]) -> f64 {
        let (energy, sign) = match self.dynamics {
            None => (self.landscape.gradient(x, v), self.sign),
            Some(dynamics) => (dynamics.velocity(x, v), -self.sign),
        };
        v.iter_mut().for_each(|v| *v *= sign);
        energy
    }

    /// The same at many points (columns), of a gradient flow.
    fn velocities(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut out: MatMut<'_, f64>) {
        debug_assert!(self.dynamics.is_none(), "a flow of its own");
        self.landscape.gradients(points, energies, out.as_mut());
        if self.sign < 0.0 {
            negate(out);
        }
    }

    /// Does an energy fall along it?
    fn has_energy(&self) -> bool {
        self.landscape.has_energy()
    }

    /// Is the flow another than `-grad E`?
    pub(crate) fn has_dynamics(&self) -> bool {
        self.dynamics.is_some()
    }

    /// Minus the Jacobian of the forward flow: the Hessian, or what the dynamics has in its place.
    pub(crate) fn curvature(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        match self.dynamics {
            None => self.landscape.hessian(x, out),
            Some(dynamics) => {
                dynamics.jacobian(x, out.as_mut());
                negate(out);
            }
        }
    }

    /// The same, to be multiplied with vectors (columns).
    pub(crate) fn linearize<'b>(&'b self, x: &'b [f64]) -> Applied<'b> {
        match self.dynamics {
            None => {
                let hessian = self.landscape.linearize(column(x));
                Box::new(move |vectors, out| hessian.apply(vectors, out))
            }
            Some(dynamics) => Box::new(move |vectors, mut out| {
                dynamics.apply_jacobian(x, vectors, out.as_mut());
                negate(out);
            }),
        }
    }
}

fn negate(mut matrix: MatMut<'_, f64>) {
    matrix.as_mut().col_iter_mut().for_each(|c| c.iter_mut().for_each(|e| *e = -*e));
}

/// One accepted state of an orbit.
pub struct State<'a> {
    /// Time since the start.
    pub time: f64,
    /// Where.
    pub x: &'a [f64],
    /// Energy there; NaN if there is none.
    pub energy: f64,
    /// Norm of the velocity there.
    pub speed: f64,
}

/// How an orbit is followed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Error a step may make (length).
    pub tolerance: f64,
    /// Longest step (length).
    pub longest: f64,
    /// Most steps.
    pub steps: usize,
}

/// Why an orbit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The visitor stopped it.
    Stopped,
    /// The steps were used up.
    Exhausted,
    /// The step fell below what rounding resolves.
    Stuck,
}

/// Beyond this dimension Jacobians are not formed, except in a band.
const IMPLICIT: usize = 200;

/// A one-step method: tries a step of time `h` from a prepared state.
trait Method {
    /// Prepares for steps from `x`, where the velocity is `v`.
    fn prepare(&mut self, flow: &Flow<'_>, x: &[f64], v: &[f64]);
    /// Writes the new state; returns the estimated error (length), infinite if the step makes no sense.
    fn attempt(&mut self, flow: &Flow<'_>, x: &[f64], v: &[f64], h: f64, out: &mut [f64]) -> f64;
    /// The error is of this order in the step.
    fn order(&self) -> f64;
}

/// Follows the orbit from `start`; `visit` sees every accepted state (not the start) and returns false to stop.
pub fn integrate(
    flow: &Flow<'_>,
    start: &[f64],
    options: &Options,
    visit: impl FnMut(&State<'_>) -> bool,
) -> End {
    integrate_scaled(flow, start, options, |_| 1.0, visit)
}

/// The same, with the lengths in `options` multiplied by `factor` of where the orbit is.
pub(crate) fn integrate_scaled(
    flow: &Flow<'_>,
    start: &[f64],
    options: &Options,
    factor: impl Fn(&[f64]) -> f64,
    mut visit: impl FnMut(&State<'_>) -> bool,
) -> End {
    let n = start.len();
    let band = if flow.has_dynamics() { None } else { light_layout(flow.landscape) };
    let mut method: Box<dyn Method> = if n <= IMPLICIT || band.is_some() {
        Box::new(rosenbrock::Rosenbrock::new(n, band))
    } else {
        Box::new(chebyshev::Chebyshev::new(n))
    };
    let (mut x, mut v) = (start.to_vec(), vec![0.0; n]);
    let (mut next, mut next_v) = (vec![0.0; n], vec![0.0; n]);
    let mut energy = flow.velocity(&x, &mut v);
    let mut speed = norm(&v);
    let defined = |energy: f64| energy.is_finite() || !flow.has_energy();
    if !(defined(energy) && speed.is_finite()) {
        return End::Stuck;
    }
    let mut h = 0.01 * options.longest / speed.max(f64::MIN_POSITIVE);
    let exponent = 1.0 / method.order();
    let mut time = 0.0;
    for _ in 0..options.steps {
        method.prepare(flow, &x, &v);
        let here = factor(&x);
        let (tolerance, longest) = (here * options.tolerance, here * options.longest);
        let mut tries = 0;
        loop {
            tries += 1;
            if tries > 60 {
                return End::Stuck;
            }
            let error = method.attempt(flow, &x, &v, h, &mut next);
            let length: f64 = next.iter().zip(&x).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            let factor = match judge(error / tolerance, length, longest, exponent) {
                Ok(factor) => factor,
                Err(factor) => {
                    h *= factor;
                    continue;
                }
            };
            let next_energy = flow.velocity(&next, &mut next_v);
            let mut noise = noise(energy, next_energy);
            if flow.has_dynamics() {
                // In directions that the metric does not see the energy is flat, and is what rounding makes of it.
                noise += 1e-7 * speed * length;
            }
            let falls = (next_energy - energy) * flow.sign >= -noise || !flow.has_energy();
            if !(defined(next_energy) && falls && norm(&next_v).is_finite()) {
                h *= RISES;
                continue;
            }
            time += h;
            h *= factor;
            energy = next_energy;
            std::mem::swap(&mut x, &mut next);
            std::mem::swap(&mut v, &mut next_v);
            break;
        }
        speed = norm(&v);
        if !visit(&State { time, x: &x, energy, speed }) {
            return End::Stopped;
        }
    }
    End::Exhausted
}

/// What a step is multiplied by after which the energy has risen.
const RISES: f64 = 0.4;

/// By what the next step differs from one whose error is this many times the tolerance, if that is as good as it should be; else by what it is to
/// be tried again.
fn judge(ratio: f64, length: f64, longest: f64, exponent: f64) -> Result<f64, f64> {
    if !(ratio.is_finite() && length.is_finite()) {
        return Err(0.1);
    }
    if length > longest {
        return Err((0.9 * longest / length).max(0.1));
    }
    let factor = (0.85 * ratio.max(1e-12).powf(-exponent)).clamp(0.2, 4.0);
    if ratio > 1.0 { Err(factor.min(0.7)) } else { Ok(factor) }
}

/// By so much energies before and after a step may differ as they are rounded.
fn noise(before: f64, after: f64) -> f64 {
    1e-13 * before.abs().max(after.abs()) + f64::MIN_POSITIVE
}
