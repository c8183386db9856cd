//! The largest number of patterns, the largest width and the largest corruption at which random patterns are retrieved.

use rayon::prelude::*;

use super::trial::Trial;
use super::{Memory, expected};
use crate::error::{Error, Result};

/// How a capacity is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Of spins the share of the signs that are flipped, else the standard deviation a coordinate of normal noise that is
    /// added to a pattern, in units in which patterns have 1.
    pub corruption: f64,
    /// Updates of the state before it is asked whether the pattern is retrieved; 0 asks at the corrupted state itself, as the
    /// formulas do.
    pub updates: usize,
    /// Patterns that are tested of each set.
    pub tests: usize,
    /// Sets of patterns.
    pub seeds: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Most patterns.
    pub most: usize,
}

impl Default for Options {
    /// No corruption, no updates, 32 patterns of 50 sets, up to a million.
    fn default() -> Self {
        Options { corruption: 0.0, updates: 0, tests: 32, seeds: 50, seed: 0, most: 1 << 20 }
    }
}

/// A mean over sets of patterns: an estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Ends of its interval of 95%, 1.96 standard errors to either side.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The value of each set.
    pub values: Vec<f64>,
    /// What the formula says for infinitely many neurons, at this number of them; `None` if there is none.
    pub theory: Option<f64>,
    /// Did some set reach a bound of what was tried, so that the mean errs?
    pub bounded: bool,
}

/// The largest number of random patterns of so many neurons at which a memory retrieves them: of spins K, of the others the
/// load `ln K / N`. Retrieved are they where no more neurons err than [`wrong_neurons`](super::wrong_neurons) says, or where
/// half of the patterns at least outweigh all others together. K is found by doubling and halving among sets that grow, as
/// if more patterns never helped.
///
/// # Errors
/// For no neurons, no tests or no seeds, or a parameter that the memory refuses.
pub fn capacity(memory: Memory, neurons: usize, options: &Options) -> Result<Estimate> {
    check(neurons, options)?;
    let spins = matches!(memory, Memory::Spins(_));
    let one = |number: usize| -> Result<(f64, bool)> {
        let mut trial = Trial::new(memory, neurons, options.tests, options.seed, number as u64);
        let mut holds = |count: usize| trial.retrieves(memory, count, options.corruption, options.updates);
        if !holds(1)? {
            return Ok((if spins { 1.0 } else { 0.0 }, true));
        }
        let (mut good, mut bad) = (1, 2);
        while bad <= options.most && holds(bad)? {
            (good, bad) = (bad, 2 * bad);
        }
        let bounded = bad > options.most;
        // Closer than the mean over sets asks for: what is left averages out.
        let fine = if spins { 512 } else { 64 };
        while !bounded && bad - good > 1 + good / fine {
            let middle = good + (bad - good) / 2;
            if holds(middle)? { good = middle } else { bad = middle }
        }
        let between = 0.5 * (good + bad) as f64;
        let value = if spins { between } else { between.ln() / neurons as f64 };
        Ok((value, bounded))
    };
    estimate(one, options, expected(memory, neurons, options.corruption))
}

/// The largest width of a mixture of `count` normal data of variance 1 in `dimension` dimensions at which they are retrieved,
/// each outweighing all others: beyond it they no longer are memories. With `noise` in units of the width itself; at 1
/// that is the width of the collapse, [`collapse_width`](super::collapse_width), the theory that is given for it.
///
/// # Errors
/// As [`capacity`].
pub fn critical_width(dimension: usize, count: usize, noise: f64, options: &Options) -> Result<Estimate> {
    check(dimension, options)?;
    let theory = (noise == 1.0).then(|| super::collapse_width(count as f64, dimension as f64, 1.0));
    let one = |number: usize| -> Result<(f64, bool)> {
        let memory = Memory::Gaussian { sigma: 1.0 };
        let mut trial = Trial::new(memory, dimension, options.tests, options.seed, number as u64);
        let mut holds =
            |sigma: f64| trial.retrieves(Memory::Gaussian { sigma }, count, noise * sigma, options.updates);
        halve(1e-3, 1e3, true, &mut holds)
    };
    estimate(one, options, theory)
}

/// The largest corruption, in the sense of [`Options::corruption`], from which a memory of `count` patterns retrieves them.
/// What is in the options for it is not looked at.
///
/// # Errors
/// As [`capacity`].
pub fn critical_corruption(
    memory: Memory,
    neurons: usize,
    count: usize,
    options: &Options,
) -> Result<Estimate> {
    check(neurons, options)?;
    let most = if matches!(memory, Memory::Spins(_)) { 0.5 } else { 1e2 };
    let one = |number: usize| -> Result<(f64, bool)> {
        let mut trial = Trial::new(memory, neurons, options.tests, options.seed, number as u64);
        let mut holds = |corruption: f64| trial.retrieves(memory, count, corruption, options.updates);
        halve(0.0, most, false, &mut holds)
    };
    estimate(one, options, None)
}

/// What estimates at several numbers of neurons, as shares of their theory, tend to as those grow: a weighted fit of `a + b/N`, of
/// which a is given with its interval of 95%; its theory is 1. `None` of fewer than two numbers, without theory, or without
/// scatter.
pub fn extrapolate(measured: &[(usize, Estimate)]) -> Option<Estimate> {
    let mut sums = [0.0; 5];
    let mut values = vec![];
    for (neurons, estimate) in measured {
        let theory = estimate.theory?;
        let error = (estimate.high - estimate.low) / (2.0 * 1.96 * theory);
        let (x, y, w) = (1.0 / *neurons as f64, estimate.mean / theory, 1.0 / (error * error));
        values.push(y);
        let terms = [w, w * x, w * x * x, w * y, w * x * y];
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
    let [w, wx, wxx, wy, wxy] = sums;
    let determinant = w * wxx - wx * wx;
    if !(determinant.is_finite() && determinant > 1e-12 * w * wxx) {
        return None;
    }
    let mean = (wxx * wy - wx * wxy) / determinant;
    let half = 1.96 * (wxx / determinant).sqrt();
    let bounded = measured.iter().any(|(_, e)| e.bounded);
    Some(Estimate { mean, low: mean - half, high: mean + half, values, theory: Some(1.0), bounded })
}

fn check(neurons: usize, options: &Options) -> Result<()> {
    let usable = neurons > 1 && options.tests > 0 && options.seeds > 0 && options.corruption >= 0.0;
    match usable {
        true => Ok(()),
        false => Err(Error::input(
            "a capacity takes two neurons, one test and one seed at least, and a corruption of zero or more",
        )),
    }
}

/// The largest value between two at which it holds, as if it held below and not above.
fn halve(
    low: f64,
    high: f64,
    logarithmic: bool,
    holds: &mut dyn FnMut(f64) -> Result<bool>,
) -> Result<(f64, bool)> {
    if !holds(low)? {
        return Ok((low, true));
    }
    if holds(high)? {
        return Ok((high, true));
    }
    let (mut good, mut bad) = (low, high);
    for _ in 0..20 {
        let middle = if logarithmic { (good * bad).sqrt() } else { 0.5 * (good + bad) };
        if holds(middle)? { good = middle } else { bad = middle }
    }
    Ok((if logarithmic { (good * bad).sqrt() } else { 0.5 * (good + bad) }, false))
}

/// One value a set, in their order.
fn estimate(
    one: impl Fn(usize) -> Result<(f64, bool)> + Sync + Send,
    options: &Options,
    theory: Option<f64>,
) -> Result<Estimate> {
    crate::linalg::sequential();
    let found: Result<Vec<(f64, bool)>> = (0..options.seeds).into_par_iter().map(one).collect();
    let (values, bounded): (Vec<f64>, Vec<bool>) = found?.into_iter().unzip();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let half = 1.96 * (variance / count).sqrt();
    let bounded = bounded.into_iter().any(|b| b);
    Ok(Estimate { mean, low: mean - half, high: mean + half, values, theory, bounded })
}
