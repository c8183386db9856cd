//! First passages by simulation, in any dimension.
//!
//! In: a landscape, a minimum to start at, one to reach, a temperature. Out: the mean first passage time with its interval.
//!
//! `dX = -grad E dt + sqrt(2 eps) dW` by Heun's method, of weak order 2 for additive noise (P. E. Kloeden, E. Platen, Numerical
//! Solution of Stochastic Differential Equations, section 15.1). A minimum is reached when its quadratic form
//! `(x - m)' H (x - m)` is at most `eps` times a high quantile of what it is in the well, so that the target is met in any
//! dimension, and not only touched at the border of its basin. Walkers have random numbers of their own (ChaCha8, one stream
//! a walker): the answer does not depend on threads.
//!
//! Transitions between wells are exponentially distributed but for short times. Walkers that have not arrived at the end of
//! their time are censored: the estimate is all time walked over the number of arrivals, with the interval of a Poisson count
//! (D. R. Cox, D. Oakes, Analysis of Survival Data, section 3.2).

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use crate::control::{Control, Progress};
use crate::error::{Error, Result, shown};
use crate::landscape::Landscape;
use crate::linalg::{sequential, symmetric_eigen};

/// How passages are simulated.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Number of walkers.
    pub walkers: usize,
    /// Seed of their random numbers.
    pub seed: u64,
    /// Time step over the inverse of the largest curvature at the two minima.
    pub step: f64,
    /// Time at which a walker is given up.
    pub horizon: f64,
    /// Steps at most of all walkers together; the horizon is shortened to fit.
    pub steps: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { walkers: 1024, seed: 0, step: 0.05, horizon: f64::INFINITY, steps: 200_000_000 }
    }
}

/// What the walkers say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passages {
    /// Estimate of the mean first passage time; `None` if nobody arrived.
    pub mean: Option<f64>,
    /// Lower end of its interval of 95%.
    pub low: f64,
    /// Upper end; infinite if nobody arrived.
    pub high: f64,
    /// Walkers that arrived.
    pub arrived: usize,
    /// Walkers that were given up, or left the region where the energy is a number.
    pub censored: usize,
    /// All time walked.
    pub time: f64,
    /// The time step.
    pub step: f64,
    /// Was the work stopped from outside?
    pub interrupted: bool,
}

/// Walkers of one task.
const BLOCK: usize = 32;
/// Standard deviations above the mean at which the quadratic form of a well still counts as arrived.
const QUANTILE: f64 = 2.0;

/// A minimum with the quadratic form that tells its well.
struct Well {
    x: Vec<f64>,
    hessian: Mat<f64>,
    largest: f64,
}

impl Well {
    fn new(landscape: &dyn Landscape, x: &[f64]) -> Result<Well> {
        let d = x.len();
        let mut hessian = Mat::zeros(d, d);
        landscape.hessian(x, hessian.as_mut());
        let (mut values, mut vectors) = (vec![0.0; d], Mat::zeros(d, d));
        if d == 0 || !symmetric_eigen(hessian.as_ref(), &mut values, vectors.as_mut()) || !(values[0] > 0.0) {
            return Err(Error::input("passages are simulated between nondegenerate minima"));
        }
        Ok(Well { x: x.to_vec(), hessian, largest: values[d - 1] })
    }

    /// Twice the harmonic energy at points, one a column.
    fn forms(&self, points: &Mat<f64>, difference: &dyn Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
        let away: Vec<Vec<f64>> =
            points.col_iter().map(|x| difference(&x.iter().copied().collect::<Vec<_>>())).collect();
        let away = Mat::from_fn(points.nrows(), points.ncols(), |i, j| away[j][i]);
        let pulled = &self.hessian * &away;
        (0..points.ncols())
            .map(|j| (0..points.nrows()).map(|i| away[(i, j)] * pulled[(i, j)]).sum())
            .collect()
    }
}

/// Mean time from the minimum at `from` until the well of the minimum at `to` is reached. Coordinates
/// with a period are compared the shortest way around.
///
/// # Errors
/// If an end is no nondegenerate minimum of an energy, or the wells overlap at this temperature.
pub fn first_passage(
    landscape: &dyn Landscape,
    [from, to]: [&[f64]; 2],
    temperature: f64,
    options: &Options,
    control: &Control<'_>,
) -> Result<Passages> {
    sequential();
    let d = landscape.dim();
    if !landscape.has_energy() {
        return Err(Error::input("passages are simulated for an energy; a field without one has none"));
    }
    if !(temperature > 0.0 && temperature.is_finite()) || options.walkers == 0 || !(options.step > 0.0) {
        return Err(Error::input(format!(
            "passages need walkers, a positive step and a positive temperature, not {}",
            shown(temperature)
        )));
    }
    let (start, target) = (Well::new(landscape, from)?, Well::new(landscape, to)?);
    let periods = landscape.period();
    let difference = |x: &[f64]| -> Vec<f64> {
        let turn = |i: usize, a: f64| match periods.get(i).copied().flatten() {
            Some(p) => a - p * (a / p).round(),
            None => a,
        };
        x.iter().zip(&target.x).enumerate().map(|(i, (x, m))| turn(i, x - m)).collect()
    };
    let dimension = d as f64;
    let reach = temperature * (dimension + QUANTILE * (2.0 * dimension).sqrt());
    let begin = Mat::from_fn(d, 1, |i, _| start.x[i]);
    if !(target.forms(&begin, &difference)[0] > 4.0 * reach) {
        return Err(Error::Numerics(format!(
            "at temperature {} the two wells overlap: there is no passage to speak of",
            shown(temperature)
        )));
    }
    let step = options.step / start.largest.max(target.largest);
    let most = (options.steps / options.walkers as u64).max(1);
    let steps = (options.horizon / step).min(most as f64).max(1.0) as u64;
    let blocks = options.walkers.div_ceil(BLOCK);
    let walk = |block: usize| -> Vec<(f64, bool)> {
        let first = block * BLOCK;
        let count = BLOCK.min(options.walkers - first);
        let mut random: Vec<ChaCha8Rng> = (0..count)
            .map(|w| {
                let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
                rng.set_stream((first + w) as u64);
                rng
            })
            .collect();
        let mut done: Vec<Option<(f64, bool)>> = vec![None; count];
        // Who still walks, by column.
        let mut who: Vec<usize> = (0..count).collect();
        let mut x = Mat::from_fn(d, count, |i, _| start.x[i]);
        let noise = (2.0 * temperature * step).sqrt();
        for k in 1..=steps {
            let width = who.len();
            let (mut energies, mut here, mut there) =
                (vec![0.0; width], Mat::zeros(d, width), Mat::zeros(d, width));
            landscape.gradients(x.as_ref(), &mut energies, here.as_mut());
            let mut kicked = Mat::zeros(d, width);
            for (j, &w) in who.iter().enumerate() {
                for i in 0..d {
                    let xi: f64 = StandardNormal.sample(&mut random[w]);
                    kicked[(i, j)] = x[(i, j)] + noise * xi;
                }
            }
            let guess = Mat::from_fn(d, width, |i, j| kicked[(i, j)] - step * here[(i, j)]);
            landscape.gradients(guess.as_ref(), &mut energies, there.as_mut());
            x = Mat::from_fn(d, width, |i, j| kicked[(i, j)] - 0.5 * step * (here[(i, j)] + there[(i, j)]));
            let forms = target.forms(&x, &difference);
            let mut keep = vec![];
            for (j, &w) in who.iter().enumerate() {
                let time = k as f64 * step;
                if forms[j] <= reach {
                    done[w] = Some((time, true));
                } else if !forms[j].is_finite() {
                    done[w] = Some((time, false));
                } else {
                    keep.push(j);
                }
            }
            if keep.len() < width {
                x = Mat::from_fn(d, keep.len(), |i, j| x[(i, keep[j])]);
                who = keep.iter().map(|&j| who[j]).collect();
                if who.is_empty() {
                    break;
                }
            }
            if k % 1024 == 0 && control.stopped() {
                break;
            }
        }
        let given_up = steps as f64 * step;
        done.into_iter().map(|d| d.unwrap_or((given_up, false))).collect()
    };
    let walked: Vec<Vec<(f64, bool)>> = (0..blocks).into_par_iter().map(walk).collect();
    (control.progress)(Progress { stage: "passages", done: blocks, total: blocks, note: "" });
    let walked: Vec<(f64, bool)> = walked.into_iter().flatten().collect();
    let arrived = walked.iter().filter(|w| w.1).count();
    let time: f64 = walked.iter().map(|w| w.0).sum();
    let (few, many) = poisson_interval(arrived);
    Ok(Passages {
        mean: (arrived > 0).then(|| time / arrived as f64),
        low: time / many,
        high: if arrived > 0 { time / few } else { f64::INFINITY },
        arrived,
        censored: walked.len() - arrived,
        time,
        step,
        interrupted: control.stopped(),
    })
}

/// The interval of 95% for the mean of a Poisson law of which `count` was seen, from quantiles of the chi-squared law (F.
/// Garwood 1936) as E. B. Wilson and M. M. Hilferty (1931) approximate them.
fn poisson_interval(count: usize) -> (f64, f64) {
    let half_chi = |k: f64, z: f64| {
        let s = 2.0 / (9.0 * k);
        0.5 * k * (1.0 - s + z * s.sqrt()).powi(3)
    };
    let n = count as f64;
    let z = 1.959_963_984_540_054;
    let low = if count == 0 { 0.0 } else { half_chi(2.0 * n, -z).max(0.0) };
    (low, half_chi(2.0 * n + 2.0, z))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Garwood's table: 0 to 3.689, 1: 0.0253 to 5.572, 10: 4.795 to 18.39, 100: 81.36 to 121.63.
    #[test]
    fn intervals_of_counts() {
        for (n, low, high) in [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.63)]
        {
            let (a, b) = poisson_interval(n);
            assert!(
                (a - low).abs() < 0.02 + 0.001 * low && (b - high).abs() < 0.03 + 0.001 * high,
                "{n}: {a} {b}"
            );
        }
    }
}
