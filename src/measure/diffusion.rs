//! Sampling of a diffusion model: the probability-flow ODE and the reverse SDE from noise to data.
//!
//! With `u = x/a` and the ratio `r = sigma/a` in the place of time, all schedules are one process: data with noise of
//! scale r added (Karras et al. 2022, "Elucidating the Design Space", section 2 and appendix B). With b the score in
//! u, backwards in r
//!
//! - ODE: `du/dr = -r b(u, r)`,
//! - SDE: `du = b d(r^2) + dW`, where W has variance `d(r^2)`.
//!
//! Both have the same distribution at every r. The steps are those of Karras et al., equally spaced in the 7th root of
//! r. In these variables Euler's method for the ODE is the deterministic sampler DDIM, and Heun's for `schedule = edm`
//! the sampler of that paper without churn.
//!
//! Points are columns of one matrix, each step is one evaluation of the score at all of them. Every sample has its own
//! stream of random numbers, so that it is the same however many there are and on any number of threads.

use faer::{Mat, MatRef};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::error::{Error, Result, shown};
use crate::landscape::{Diffusion, Marginal};

/// The exponent of the spacing of steps (Karras et al. 2022, table 1).
const SPACING: f64 = 7.0;

/// What leads from noise to data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// The probability-flow ODE: deterministic.
    Ode,
    /// The reverse SDE.
    Sde,
}

/// One-step methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Euler, or Euler-Maruyama: order 1.
    Euler,
    /// Heun: order 2 for the ODE; for the SDE, whose noise is additive, order 2 in distribution.
    Heun,
}

/// How samples are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The process.
    pub process: Process,
    /// The method.
    pub method: Method,
    /// Time of the schedule at which it begins: so much noise that the data no longer matter.
    pub from: f64,
    /// Time of the schedule at which it ends, above 0 and below `from`.
    pub to: f64,
    /// Number of steps, at least 1.
    pub steps: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// All samples at one time of their way.
pub struct State<'a> {
    /// Time of the schedule.
    pub t: f64,
    /// Contraction a there.
    pub a: f64,
    /// Noise sigma there.
    pub sigma: f64,
    /// The states x (n x b), one a column.
    pub points: MatRef<'a, f64>,
    /// The score at them (n x b).
    pub scores: MatRef<'a, f64>,
    /// The distribution there.
    pub marginal: &'a dyn Marginal,
}

/// The interval of times that suits the model if nobody says otherwise, `(from, to)`: noise of twenty times the extent
/// of the data down to a thousandth of it. `None` if the data are not known.
pub fn default_times(model: &dyn Diffusion) -> Option<(f64, f64)> {
    let (mean, spread) = model.extent()?;
    // A single datum has no extent of its own.
    let size = if spread > 0.0 { spread } else { crate::linalg::norm(&mean).max(1.0) };
    let schedule = model.schedule();
    Some((schedule.time_at(20.0 * size), schedule.time_at(1e-3 * size)))
}

/// Draws `count` samples (n x count) at time `options.to`.
///
/// # Errors
/// If the times or the number of steps make no sense, or a score is not finite.
pub fn sample(model: &dyn Diffusion, count: usize, options: &Options) -> Result<Mat<f64>> {
    follow(model, prior(model, count, options), options, |_| true)
}

/// `count` points (n x count) of the noise in which the process begins: normal, about the contracted mean of the data
/// where it is known.
pub fn prior(model: &dyn Diffusion, count: usize, options: &Options) -> Mat<f64> {
    let n = model.dimension();
    let (a, sigma) = model.schedule().at(options.from);
    let center = model.extent().map_or_else(|| vec![0.0; n], |(mean, _)| mean);
    let mut points = Mat::<f64>::zeros(n, count);
    for (j, x) in points.col_iter_mut().enumerate() {
        let mut rng = stream(options.seed, 2 * j as u64);
        for (x, c) in x.iter_mut().zip(&center) {
            let z: f64 = StandardNormal.sample(&mut rng);
            *x = a * c + sigma * z;
        }
    }
    points
}

/// The random numbers of one purpose: even for a sample's start, odd for the forces on its way.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

/// Leads points (columns) from time `options.from` to `options.to`; `visit` sees them at every time, the first and the
/// last included, and returns false to stop there. Where they ended.
///
/// # Errors
/// As [`sample`].
pub fn follow(
    model: &dyn Diffusion,
    mut points: Mat<f64>,
    options: &Options,
    mut visit: impl FnMut(&State<'_>) -> bool,
) -> Result<Mat<f64>> {
    let ratios = ratios(model, options)?;
    let schedule = model.schedule();
    let (n, count) = (points.nrows(), points.ncols());
    let mut rngs: Vec<ChaCha8Rng> = match options.process {
        Process::Ode => vec![],
        Process::Sde => (0..count).map(|j| stream(options.seed, 2 * j as u64 + 1)).collect(),
    };
    let [mut scores, mut corrected, mut noise] = [(); 3].map(|()| Mat::<f64>::zeros(n, count));
    let time = |i: usize| match i {
        0 => options.from,
        i if i == options.steps => options.to,
        i => schedule.time_at(ratios[i]),
    };
    let mut marginal = model.marginal(time(0))?;
    for i in 0..=options.steps {
        let (t, r) = (time(i), ratios[i]);
        let (a, sigma) = schedule.at(t);
        marginal.scores(points.as_ref(), scores.as_mut());
        if !finite(&scores) {
            return Err(Error::Numerics(format!("the score is not finite at time {t:e}")));
        }
        let state = State {
            t,
            a,
            sigma,
            points: points.as_ref(),
            scores: scores.as_ref(),
            marginal: marginal.as_ref(),
        };
        if !visit(&state) || i == options.steps {
            break;
        }
        let next_r = ratios[i + 1];
        let next_a = schedule.at(time(i + 1)).0;
        let next_marginal = model.marginal(time(i + 1))?;
        // The step's length in the variable that multiplies the score, and its noise.
        let (here, there, force) = match options.process {
            Process::Ode => (r * (r - next_r), next_r * (r - next_r), 0.0),
            Process::Sde => {
                let length = (r - next_r) * (r + next_r);
                (length, length, length.sqrt())
            }
        };
        for (z, rng) in noise.col_iter_mut().zip(&mut rngs) {
            z.iter_mut().for_each(|z| *z = StandardNormal.sample(rng));
        }
        let predicted = Mat::from_fn(n, count, |k, j| {
            next_a * (points[(k, j)] / a + here * a * scores[(k, j)] + force * noise[(k, j)])
        });
        points = match options.method {
            Method::Euler => predicted,
            Method::Heun => {
                next_marginal.scores(predicted.as_ref(), corrected.as_mut());
                Mat::from_fn(n, count, |k, j| {
                    let mean = 0.5 * (here * a * scores[(k, j)] + there * next_a * corrected[(k, j)]);
                    next_a * (points[(k, j)] / a + mean + force * noise[(k, j)])
                })
            }
        };
        marginal = next_marginal;
    }
    if finite(&points) {
        Ok(points)
    } else {
        Err(Error::Numerics("a sample is not finite: more steps may help".to_string()))
    }
}

/// The ratios sigma/a at the ends of the steps.
fn ratios(model: &dyn Diffusion, options: &Options) -> Result<Vec<f64>> {
    let Options { from, to, steps, .. } = *options;
    if !(to > 0.0 && from > to && from.is_finite()) {
        return Err(Error::input(format!(
            "sampling runs from time {} down to {}: the times must be positive and fall",
            shown(from),
            shown(to)
        )));
    }
    if steps == 0 {
        return Err(Error::input("sampling takes at least 1 of `steps`"));
    }
    let ratio = |t: f64| {
        let (a, sigma) = model.schedule().at(t);
        sigma / a
    };
    let (first, last) = (ratio(from), ratio(to));
    if !(last > 0.0 && first > last && first.is_finite()) {
        return Err(Error::input(format!(
            "at time {} nothing is left of the data: sampling must begin earlier in the schedule",
            shown(from)
        )));
    }
    let (high, low) = (first.powf(1.0 / SPACING), last.powf(1.0 / SPACING));
    Ok((0..=steps)
        .map(|i| match i {
            0 => first,
            i if i == steps => last,
            i => (high + i as f64 / steps as f64 * (low - high)).powf(SPACING),
        })
        .collect())
}

fn finite(matrix: &Mat<f64>) -> bool {
    matrix.col_iter().all(|c| c.iter().all(|e| e.is_finite()))
}

#[cfg(test)]
mod tests;
