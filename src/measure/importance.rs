//! The Gibbs measure by importance sampling from the Laplace mixture, in any dimension.
//!
//! In: [`Wells`], a temperature. Out: [`Importance`]: partition functions and weights of basins with errors, how far each can
//! be relied on, and the samples as a [`Cloud`]. The draws are stratified by component and weighed by the density of the
//! whole mixture (A. Owen & Y. Zhou, J. Am. Stat. Assoc. 95, 2000); a sample belongs to the basin in which its orbit ends.

use faer::Mat;
use rayon::prelude::*;

use super::cloud::Cloud;
use super::laplace::{Laplace, log_sum};
use super::mixture::LaplaceMixture;
use super::pareto;
use super::wells::{WellId, Wells};
use crate::connection::{Descent, Fate};
use crate::control::Control;
use crate::landscape::Region;

/// How the measure is sampled.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Samples of the first round; the number doubles from round to round.
    pub samples: usize,
    /// Most samples.
    pub most: usize,
    /// Rounds end when every weight is known to this standard error relative to the larger of itself and 0.01.
    pub accuracy: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { samples: 8_000, most: 64_000, accuracy: 0.01, seed: 0 }
    }
}

/// What importance sampling found at one temperature. Vectors have an entry a well.
#[derive(Clone, Debug)]
pub struct Importance {
    /// `log int exp(-E/eps)` over each basin, in search coordinates; minus infinity where no sample fell.
    pub log_z: Vec<f64>,
    /// Standard error of each, relative.
    pub errors: Vec<f64>,
    /// Weight of each basin.
    pub weights: Vec<f64>,
    /// Its standard error.
    pub weight_errors: Vec<f64>,
    /// `log Z` of all.
    pub log_total: f64,
    /// Its standard error.
    pub total_error: f64,
    /// Shape of the tail of the importance weights in each basin, 0 at most where they are worth half as many equal ones;
    /// `None` where too few samples fell.
    pub pareto: Vec<Option<f64>>,
    /// Effective sample size in each basin.
    pub ess: Vec<f64>,
    /// The share of the measure at samples whose orbit ends at no known well.
    pub elsewhere: f64,
    /// The samples.
    pub cloud: Cloud,
    /// The component that each was drawn from.
    pub strata: Vec<u32>,
    /// What they were drawn from.
    pub mixture: LaplaceMixture,
}

/// Tolerance of orbits, relative to the scale: what lies this close to a boundary is far less than the error of sampling.
const ORBIT: f64 = 1e-4;

/// Samples whose energies are computed at a time.
const BATCH: usize = 256;

/// Tells basins by orbits.
pub(super) struct Labels<'a> {
    wells: &'a Wells<'a>,
    descent: Descent<'a>,
}

impl<'a> Labels<'a> {
    pub(super) fn new(wells: &'a Wells<'a>) -> Self {
        crate::linalg::sequential();
        Labels { wells, descent: Descent::new(wells.landscape, None, &wells.set, ORBIT) }
    }

    /// The wells of many points, `get(0)` to `get(count - 1)`.
    pub(super) fn of<'s>(&self, count: usize, get: impl Fn(usize) -> &'s [f64] + Sync) -> Vec<Option<u32>> {
        self.descent.fates(count, get).into_iter().map(|fate| self.well(fate)).collect()
    }

    fn well(&self, fate: Fate) -> Option<u32> {
        let id = match fate {
            Fate::Minimum(id) => WellId::Minimum(id),
            Fate::Degenerate(number) => WellId::Family(number),
            Fate::Exit | Fate::Lost => return None,
        };
        self.wells.place(id).map(|k| k as u32)
    }
}

/// Samples until the accuracy or the most samples are reached. `within` cuts the measure off.
///
/// # Errors
/// A sentence that says why this landscape cannot be sampled so.
pub fn sample(
    wells: &Wells<'_>,
    laplace: &Laplace,
    eps: f64,
    within: Option<&Region>,
    options: &Options,
    control: &Control<'_>,
) -> Result<Importance, String> {
    let labels = Labels::new(wells);
    // Temperatures draw independently: what is unlucky at one is not at all of them.
    let seed = options.seed ^ eps.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let start = |mixture: LaplaceMixture, attempt: usize| {
        let stream = (attempt as u64) << 40;
        let mut draws = Draws::new(mixture, options.samples, seed, stream);
        draws.round(wells, &labels, within);
        draws
    };
    // The first draws show how wells differ from Gaussians, and the next whether that is enough. Those that an answer comes from
    // have decided nothing.
    let mut draws = start(LaplaceMixture::proposal(wells, laplace, eps)?, 0);
    for attempt in 1..=ATTEMPTS {
        let cloud = draws.cloud();
        let adapted = match attempt {
            1 => draws.mixture.adapted(&cloud),
            _ => draws.mixture.beside(&cloud, &doubtful(wells, &cloud)),
        };
        match adapted.filter(|_| !control.stopped()) {
            Some(adapted) => draws = start(adapted, attempt),
            None if attempt == 1 => break,
            None => {
                draws = start(draws.mixture, ATTEMPTS + 1);
                break;
            }
        }
    }
    loop {
        let found = Importance::of(wells, &draws);
        let poor = (0..found.weights.len()).any(|k| {
            !(found.weight_errors[k] <= options.accuracy * found.weights[k].max(0.01))
                || found.weights[k] > 1e-3 && found.ess[k] < 1000.0
        });
        let rounds = draws.rounds();
        if !poor || 2 * rounds * draws.each() > options.most.max(draws.each()) || control.stopped() {
            return Ok(found);
        }
        for _ in 0..rounds {
            draws.round(wells, &labels, within);
        }
    }
}

/// Times the mixture is adapted, at most.
const ATTEMPTS: usize = 8;

/// From this shape of the tail on a mixture is adapted once more.
const TAIL: f64 = 0.5;

/// Basins with weights of a heavy tail.
fn doubtful(wells: &Wells<'_>, cloud: &Cloud) -> Vec<usize> {
    let tail = |k: usize| pareto::shape(&cloud.log_weights_of(&cloud.basin(k)));
    (0..wells.wells.len()).filter(|&k| tail(k).is_some_and(|shape| shape > TAIL)).collect()
}

/// Draws from a mixture, in rounds of the same numbers from each component.
struct Draws {
    mixture: LaplaceMixture,
    counts: Vec<usize>,
    parts: Vec<Drawn>,
    seed: u64,
    stream: u64,
}

impl Draws {
    /// Rounds of about `samples` draws.
    fn new(mut mixture: LaplaceMixture, samples: usize, seed: u64, stream: u64) -> Self {
        let samples = samples.max(40 * mixture.components.len());
        let count = |log_share: f64| ((log_share.exp() * samples as f64).round() as usize).max(8);
        let counts: Vec<usize> = mixture.components.iter().map(|c| count(c.log_share)).collect();
        // Shares are what is drawn.
        let each: usize = counts.iter().sum();
        for (c, n) in mixture.components.iter_mut().zip(&counts) {
            c.log_share = (*n as f64 / each as f64).ln();
        }
        Draws { mixture, counts, parts: vec![], seed, stream }
    }

    /// Draws a round.
    fn each(&self) -> usize {
        self.counts.iter().sum()
    }

    fn rounds(&self) -> usize {
        self.parts.len() / self.counts.len()
    }

    fn round(&mut self, wells: &Wells<'_>, labels: &Labels<'_>, within: Option<&Region>) {
        let first = self.parts.len();
        for (c, &count) in self.counts.iter().enumerate() {
            let points = self.mixture.draw(c, count, self.seed, self.stream);
            self.stream += 1;
            self.parts.push(Drawn::new(wells, &self.mixture, within, points));
        }
        // Orbits go together: those of all components at once.
        let fresh = &mut self.parts[first..];
        let drawn =
            fresh.iter().enumerate().flat_map(|(part, d)| (0..d.labels.len()).map(move |n| (part, n)));
        let inside: Vec<(usize, usize)> =
            drawn.filter(|&(part, n)| fresh[part].log_ratios[n].is_finite()).collect();
        let point = |k: usize| {
            let (part, n) = inside[k];
            fresh[part].points.col_as_slice(n)
        };
        let told = labels.of(inside.len(), point);
        for ((part, n), label) in inside.into_iter().zip(told) {
            fresh[part].labels[n] = label;
        }
    }

    /// All draws so far, component by component, round by round.
    fn cloud(&self) -> Cloud {
        let total = self.rounds() * self.each();
        let mut cloud = Cloud {
            points: Mat::zeros(self.parts[0].points.nrows(), total),
            energies: vec![],
            log_weights: vec![],
            labels: vec![],
        };
        for part in &self.parts {
            for n in 0..part.points.ncols() {
                cloud
                    .points
                    .col_as_slice_mut(cloud.energies.len())
                    .copy_from_slice(part.points.col_as_slice(n));
                cloud.energies.push(part.energies[n]);
                cloud.log_weights.push(part.log_ratios[n] - (total as f64).ln());
                cloud.labels.push(part.labels[n]);
            }
        }
        cloud
    }
}

/// Samples of one component.
struct Drawn {
    points: Mat<f64>,
    energies: Vec<f64>,
    /// `-E/eps - log q`.
    log_ratios: Vec<f64>,
    labels: Vec<Option<u32>>,
}

impl Drawn {
    fn new(wells: &Wells<'_>, mixture: &LaplaceMixture, within: Option<&Region>, points: Mat<f64>) -> Self {
        let count = points.ncols();
        let at = |n: usize| points.col_as_slice(n);
        let mut energies = vec![0.0; count];
        energies.par_chunks_mut(BATCH).enumerate().for_each(|(i, energies)| {
            wells.landscape.energies(points.as_ref().subcols(i * BATCH, energies.len()), energies);
        });
        let log_ratio = |n: usize| {
            let ratio = -energies[n] / mixture.eps - mixture.log_density(at(n));
            let counts = ratio.is_finite() && within.is_none_or(|r| r.contains(at(n)));
            if counts { ratio } else { f64::NEG_INFINITY }
        };
        let log_ratios: Vec<f64> = (0..count).into_par_iter().map(log_ratio).collect();
        Drawn { points, energies, log_ratios, labels: vec![None; count] }
    }
}

impl Importance {
    fn of(wells: &Wells<'_>, draws: &Draws) -> Self {
        let count = wells.wells.len();
        let (counts, rounds) = (&draws.counts, draws.rounds());
        let cloud = draws.cloud();
        let total = cloud.len();
        let sizes = draws.parts.iter().map(|p| p.points.ncols());
        let strata: Vec<u32> = sizes
            .enumerate()
            .flat_map(|(part, size)| std::iter::repeat_n((part % counts.len()) as u32, size))
            .collect();
        let log_total = cloud.log_total();
        let shares = cloud.weights();
        // The variance of a sum of f over all samples, stratum by stratum.
        let variance = |f: &dyn Fn(usize) -> f64| {
            let mut sums = vec![(0.0, 0.0); counts.len()];
            for n in 0..total {
                let v = f(n);
                let s = &mut sums[strata[n] as usize];
                (s.0, s.1) = (s.0 + v, s.1 + v * v);
            }
            sums.iter()
                .zip(counts)
                .map(|((sum, squares), &n)| {
                    let n = (n * rounds) as f64;
                    (squares - sum * sum / n).max(0.0) * n / (n - 1.0).max(1.0)
                })
                .sum::<f64>()
        };
        let mut found = Importance {
            log_z: vec![],
            errors: vec![],
            weights: vec![],
            weight_errors: vec![],
            log_total,
            total_error: variance(&|n| shares[n]).sqrt(),
            pareto: vec![],
            ess: vec![],
            // A sum of nothing is -0.
            elsewhere: 0.0
                + (0..total).filter(|&n| cloud.labels[n].is_none()).map(|n| shares[n]).sum::<f64>(),
            cloud,
            strata: vec![],
            mixture: draws.mixture.clone(),
        };
        for k in 0..count as u32 {
            let own = found.cloud.log_weights_of(&found.cloud.basin(k as usize));
            let log_z = log_sum(&own);
            let weight = (log_z - log_total).exp();
            let is_own = |n: usize| f64::from(u8::from(found.cloud.labels[n] == Some(k)));
            let relative = |n: usize| match found.cloud.labels[n] == Some(k) {
                true => (found.cloud.log_weights[n] - log_z).exp(),
                false => 0.0,
            };
            let squares: f64 = own.iter().map(|l| (2.0 * (l - log_z)).exp()).sum();
            let error = if own.is_empty() { f64::INFINITY } else { variance(&relative).sqrt() };
            let weight_error = variance(&|n| shares[n] * (is_own(n) - weight)).sqrt();
            found.log_z.push(log_z);
            found.errors.push(error);
            found.weights.push(weight);
            found.weight_errors.push(weight_error);
            let size = if squares > 0.0 { 1.0 / squares } else { 0.0 };
            // Draws that are worth half as many equal ones: none counts so much that its tail could matter.
            let even = 2.0 * size >= own.len() as f64;
            found.pareto.push(pareto::shape(&own).map(|k| if even { k.min(0.0) } else { k }));
            found.ess.push(size);
        }
        found.strata = strata;
        found
    }

    /// Standard error of the mean of a function of the samples under the measure.
    pub fn error_of(&self, f: &dyn Fn(usize) -> f64) -> f64 {
        let shares = self.cloud.weights();
        let mean: f64 = shares.iter().enumerate().map(|(n, s)| s * f(n)).sum();
        let components = self.strata.iter().max().map_or(0, |m| *m as usize + 1);
        let mut sums = vec![(0.0, 0.0, 0.0); components];
        for (n, share) in shares.iter().enumerate() {
            let v = share * (f(n) - mean);
            let s = &mut sums[self.strata[n] as usize];
            *s = (s.0 + v, s.1 + v * v, s.2 + 1.0);
        }
        let variance = |(sum, squares, n): &(f64, f64, f64)| (squares - sum * sum / n.max(1.0)).max(0.0);
        sums.iter().map(variance).sum::<f64>().sqrt()
    }
}
