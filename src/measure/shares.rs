//! Which minimum a sample ends in: the samples of a diffusion model, its data, and points drawn uniformly, beside one another.
//!
//! In: a landscape with its critical points. Out: [`Shares`] over minima, each a proportion with Wilson's interval of 95%. The
//! shares of the samples are those of the distribution at the landscape's own noise, the weights of its basins at temperature
//! 1; volumes of basins are something else.

use faer::MatRef;

use super::wells::wide;
use crate::connection::{Fate, fates};
use crate::critical::CriticalSet;
use crate::error::Result;
use crate::landscape::Landscape;
use crate::lyapunov::interval;
use crate::measure::diffusion::Process;
use crate::memorization::{Draw, draw};

/// How many of some points flow to each minimum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares {
    /// Points by id of the minimum: `(id, points)`.
    pub hits: Vec<(usize, usize)>,
    /// Points that flow to no minimum.
    pub elsewhere: usize,
    /// All points.
    pub count: usize,
}

impl Shares {
    /// Of the columns of `points` (n x b).
    pub fn of(landscape: &dyn Landscape, set: &CriticalSet, points: MatRef<'_, f64>) -> Shares {
        // The region is where points were looked for; the measure's tails reach beyond it.
        let region = wide(None, &set.region);
        let ends = fates(landscape, &CriticalSet { region, ..set.clone() }, points);
        let hits = (set.points.iter().enumerate())
            .filter(|(_, p)| p.index == 0)
            .map(|(id, _)| (id, ends.iter().filter(|f| **f == Fate::Minimum(id)).count()))
            .collect();
        let elsewhere = ends.iter().filter(|f| !matches!(f, Fate::Minimum(_))).count();
        Shares { hits, elsewhere, count: ends.len() }
    }

    /// The share of a minimum and the ends of its interval.
    pub fn share(&self, hits: usize) -> (f64, f64, f64) {
        let (low, high) = interval(hits, self.count);
        (hits as f64 / self.count.max(1) as f64, low, high)
    }
}

/// Of `count` samples of the model that the landscape stands for, in `steps` steps of a process.
///
/// # Errors
/// If the landscape is no diffusion model, or a score is not finite.
pub fn of_samples(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    process: Process,
    count: usize,
    steps: usize,
    seed: u64,
) -> Result<Shares> {
    // The noise that the landscape has is left on: with it the samples are those of its own distribution.
    let options = Draw { count, process, steps, from: None, denoise: false, seed };
    let points = draw(landscape, &options)?;
    Ok(Shares::of(landscape, set, points.as_ref()))
}
