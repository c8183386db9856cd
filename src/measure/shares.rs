//! Which minimum a sample ends in: the samples of a diffusion model, its data, and points drawn uniformly, beside one another.
//!
//! In: a landscape with its critical points. Out: [`Shares`] over minima; those of samples have Wilson's interval of 95%. The
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

/// Which share of some points flows to each minimum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares {
    /// By id of the minimum: `(id, share)`.
    pub shares: Vec<(usize, f64)>,
    /// The share that flows to no minimum.
    pub elsewhere: f64,
    /// All points.
    pub count: usize,
}

impl Shares {
    /// Of the columns of `points` (n x b), which weigh the same or as `weights` say (b, sum 1).
    pub fn of(
        landscape: &dyn Landscape,
        set: &CriticalSet,
        points: MatRef<'_, f64>,
        weights: Option<&[f64]>,
    ) -> Shares {
        // The region is where points were looked for; the measure's tails reach beyond it.
        let region = wide(None, &set.region);
        let ends = fates(landscape, &CriticalSet { region, ..set.clone() }, points);
        let count = ends.len();
        let share = |is: &dyn Fn(&Fate) -> bool| match weights {
            // Whole numbers first: a share is rounded once.
            None => ends.iter().filter(|f| is(f)).count() as f64 / count.max(1) as f64,
            // A sum of nothing is -0.
            Some(w) => 0.0 + ends.iter().zip(w).filter(|(f, _)| is(f)).map(|(_, w)| w).sum::<f64>(),
        };
        let minima = set.points.iter().enumerate().filter(|(_, p)| p.index == 0);
        let shares = minima.map(|(id, _)| (id, share(&|f| *f == Fate::Minimum(id)))).collect();
        Shares { shares, elsewhere: share(&|f| !matches!(f, Fate::Minimum(_))), count }
    }

    /// The ends of the interval of a share of points that weigh the same.
    pub fn interval(&self, share: f64) -> (f64, f64) {
        interval((share * self.count as f64).round() as usize, self.count)
    }
}

/// Of `count` samples of the model that the landscape stands for, in `steps` steps of a process that begins at the time `from`, or
/// where nothing of the data can be told.
///
/// # Errors
/// If the landscape is no diffusion model, or a score is not finite.
pub fn of_samples(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    process: Process,
    count: usize,
    steps: usize,
    from: Option<f64>,
    seed: u64,
) -> Result<Shares> {
    // The noise that the landscape has is left on: with it the samples are those of its own distribution.
    let options = Draw { count, process, steps, from, denoise: false, seed };
    let points = draw(landscape, &options)?;
    Ok(Shares::of(landscape, set, points.as_ref(), None))
}
