//! Which samples repeat the data, which repeat each other, and which do neither.
//!
//! In: samples and data as columns. Out: [`Samples`]. The rule is that of Pham et al. (2025, "Memorization to Generalization"):
//! a sample is memorized if its nearest datum is near, else spurious if another sample is near, else generalized. Samples
//! come from anywhere; [`draw`] takes them from a diffusion model.

use faer::{Mat, MatRef};

use super::nearest::{Neighbour, nearest, nearest_other};
use crate::error::{Error, Result};
use crate::landscape::Landscape;
use crate::measure::diffusion::{Method, Options, Process, default_times, sample};

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SampleClass {
    /// A datum is near.
    Memorized,
    /// No datum is near, another sample is.
    Spurious,
    /// Nothing is near.
    Generalized,
}

impl SampleClass {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            SampleClass::Memorized => "memorized",
            SampleClass::Spurious => "spurious",
            SampleClass::Generalized => "generalized",
        }
    }
}

/// What counts as near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// To a datum (d_m).
    pub memorized: f64,
    /// To another sample (d_s).
    pub spurious: f64,
}

/// Both half the median distance of a datum to the nearest other one, so that balls of that radius about data that are
/// neighbours do not overlap, as a rule. `None` of a single datum, or if most are equal.
pub fn default_thresholds(data: MatRef<'_, f64>) -> Option<Thresholds> {
    let mut spacing: Vec<f64> = nearest_other(data).into_iter().flatten().map(|n| n.distance).collect();
    spacing.sort_by(f64::total_cmp);
    let half = 0.5 * spacing.get(spacing.len() / 2)?;
    (half > 0.0).then_some(Thresholds { memorized: half, spurious: half })
}

/// Classes of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// One a sample.
    pub classes: Vec<SampleClass>,
    /// The nearest datum of each.
    pub nearest: Vec<Option<Neighbour>>,
    /// The nearest other sample of each.
    pub twin: Vec<Option<Neighbour>>,
    /// What counted as near.
    pub thresholds: Thresholds,
}

impl Samples {
    /// Numbers of memorized, spurious and generalized samples.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0; 3];
        self.classes.iter().for_each(|class| counts[*class as usize] += 1);
        counts
    }
}

/// The classes of samples (n x m) beside data (n x K).
///
/// ```
/// use faer::mat;
/// use smale::memorization::{SampleClass, Thresholds, classify_samples};
///
/// let data = mat![[0.0, 1.0]];
/// let samples = mat![[0.02, 0.5, 0.51, 2.0]];
/// let near = Thresholds { memorized: 0.1, spurious: 0.05 };
/// let found = classify_samples(samples.as_ref(), data.as_ref(), near);
/// assert_eq!(found.counts(), [1, 2, 1]);
/// assert_eq!(found.classes[3], SampleClass::Generalized);
/// ```
pub fn classify_samples(samples: MatRef<'_, f64>, data: MatRef<'_, f64>, thresholds: Thresholds) -> Samples {
    let (nearest, twin) = (nearest(samples, data), nearest_other(samples));
    let within = |n: &Option<Neighbour>, limit: f64| n.is_some_and(|n| n.distance <= limit);
    let class = |(datum, twin): (&Option<Neighbour>, &Option<Neighbour>)| {
        if within(datum, thresholds.memorized) {
            SampleClass::Memorized
        } else if within(twin, thresholds.spurious) {
            SampleClass::Spurious
        } else {
            SampleClass::Generalized
        }
    };
    let classes = nearest.iter().zip(&twin).map(class).collect();
    Samples { classes, nearest, twin, thresholds }
}

/// How samples are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// How many.
    pub count: usize,
    /// The process: the probability-flow ODE or the reverse SDE.
    pub process: Process,
    /// Its steps, of Heun's method.
    pub steps: usize,
    /// Time of the schedule at which it begins; by default ([`default_times`]) at noise of twenty times the extent of the
    /// data.
    pub from: Option<f64>,
    /// Is the noise that is left at the landscape's own time taken off, by moving each sample to the mean of the
    /// data that it may have come from, `x + sigma^2 score` (Tweedie's formula)?
    pub denoise: bool,
    /// Seed of everything random.
    pub seed: u64,
}

impl Default for Draw {
    /// A thousand samples of the reverse SDE in 256 steps, denoised.
    fn default() -> Self {
        Draw { count: 1000, process: Process::Sde, steps: 256, from: None, denoise: true, seed: 0 }
    }
}

/// Samples (n x count) of the distribution that the landscape stands for ([`Landscape::reverse`]), from noise down to the
/// noise that it has.
///
/// # Errors
/// If the landscape is no diffusion model, if nothing says where to begin, or a score is not finite.
pub fn draw(landscape: &dyn Landscape, options: &Draw) -> Result<Mat<f64>> {
    let Some((model, to)) = landscape.reverse() else {
        return Err(Error::input(
            "only a diffusion model can be drawn from: a mixture without confinement, a score",
        )
        .with_help("give samples of other landscapes as a file"));
    };
    let from = options.from.or_else(|| default_times(model.as_ref()).map(|times| times.0));
    let Some(from) = from else {
        return Err(Error::input(
            "the data of the model are not known, so it must be said at which time to begin",
        ));
    };
    let Draw { process, steps, seed, .. } = *options;
    if !(from > to) {
        return Err(Error::input(format!("`from` is {from}, but the landscape is at {to} already"))
            .with_help("begin where there is so much noise that nothing of the data can be told"));
    }
    let running = Options { process, method: Method::Heun, from, to, steps, seed };
    let mut points = sample(model.as_ref(), options.count, &running)?;
    if options.denoise {
        let (_, sigma) = model.schedule().at(to);
        let mut scores = Mat::zeros(points.nrows(), points.ncols());
        model.marginal(to)?.scores(points.as_ref(), scores.as_mut());
        points += scores * faer::Scale(sigma * sigma);
    }
    Ok(points)
}
