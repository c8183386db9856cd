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
    /// Shape of the tail of the importance weights in each basin; `None` where too few samples fell.
    pub pareto: Vec<Option<f64>>,
    /// Effective sample size in each basin.
    pub ess: Vec<f64>,
    /// The share of the measure at samples whose orbit ends at no known well.
    pub elsewhere: f64,
    /// The samples.
    pub cloud: Cloud,
    /// The component that each was drawn from.
    pub strata: Vec<u32>,
}

/// Tolerance of orbits, relative to the scale: what lies this close to a boundary is far less than the error of sampling.
const ORBIT: f64 = 1e-4;

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

    pub(super) fn of(&self, x: &[f64]) -> Option<u32> {
        let id = match self.descent.fate(x) {
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
    let mixture = LaplaceMixture::proposal(wells, laplace, eps)?;
    let labels = Labels::new(wells);
    // Temperatures draw independently: what is unlucky at one is not at all of them.
    let seed = options.seed ^ eps.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let components = mixture.components.len();
    let mut parts: Vec<Drawn> = vec![];
    let mut total = options.samples.max(40 * components);
    // Shares are what is drawn: the same number in every round for every component.
    let counts: Vec<usize> = (mixture.components.iter())
        .map(|c| ((c.log_share.exp() * total as f64).round() as usize).max(8))
        .collect();
    let first: usize = counts.iter().sum();
    let mut mixture = mixture;
    mixture
        .components
        .iter_mut()
        .zip(&counts)
        .for_each(|(c, n)| c.log_share = (*n as f64 / first as f64).ln());
    total = 0;
    let mut round = 0_u64;
    loop {
        let batches = if total == 0 { 1 } else { total / first };
        for _ in 0..batches {
            for (c, &count) in counts.iter().enumerate() {
                let points = mixture.draw(c, count, seed, round * components as u64 + c as u64);
                parts.push(Drawn::new(wells, &mixture, &labels, within, eps, c, points));
            }
            round += 1;
            total += first;
        }
        let found = Importance::of(wells, &parts, &counts, total);
        let poor = (0..found.weights.len()).any(|k| {
            !(found.weight_errors[k] <= options.accuracy * found.weights[k].max(0.01))
                || found.weights[k] > 1e-3 && found.ess[k] < 1000.0
        });
        if !poor || 2 * total > options.most.max(first) || control.stopped() {
            return Ok(found);
        }
    }
}

/// Samples of one component.
struct Drawn {
    component: usize,
    points: Mat<f64>,
    energies: Vec<f64>,
    /// `-E/eps - log q`.
    log_ratios: Vec<f64>,
    labels: Vec<Option<u32>>,
}

impl Drawn {
    fn new(
        wells: &Wells<'_>,
        mixture: &LaplaceMixture<'_>,
        labels: &Labels<'_>,
        within: Option<&Region>,
        eps: f64,
        component: usize,
        points: Mat<f64>,
    ) -> Self {
        let all: Vec<(f64, f64, Option<u32>)> = (0..points.ncols())
            .into_par_iter()
            .map(|n| {
                let x = points.col_as_slice(n);
                let energy = wells.landscape.energy(x);
                let log_ratio = -energy / eps - mixture.log_density(x);
                if !log_ratio.is_finite() || within.is_some_and(|r| !r.contains(x)) {
                    return (energy, f64::NEG_INFINITY, None);
                }
                (energy, log_ratio, labels.of(x))
            })
            .collect();
        Drawn {
            component,
            points,
            energies: all.iter().map(|a| a.0).collect(),
            log_ratios: all.iter().map(|a| a.1).collect(),
            labels: all.iter().map(|a| a.2).collect(),
        }
    }
}

impl Importance {
    fn of(wells: &Wells<'_>, parts: &[Drawn], counts: &[usize], total: usize) -> Self {
        let count = wells.wells.len();
        let d = wells.dim();
        let mut points = Mat::zeros(d, total);
        let (mut energies, mut log_weights, mut labels, mut strata) = (vec![], vec![], vec![], vec![]);
        for part in parts {
            for n in 0..part.points.ncols() {
                points.col_as_slice_mut(energies.len()).copy_from_slice(part.points.col_as_slice(n));
                energies.push(part.energies[n]);
                log_weights.push(part.log_ratios[n] - (total as f64).ln());
                labels.push(part.labels[n]);
                strata.push(part.component as u32);
            }
        }
        let cloud = Cloud { points, energies, log_weights, labels };
        let log_total = cloud.log_total();
        let shares = cloud.weights();
        let rounds = total / counts.iter().sum::<usize>().max(1);
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
            elsewhere: (0..total).filter(|&n| cloud.labels[n].is_none()).map(|n| shares[n]).sum(),
            cloud,
            strata: vec![],
        };
        for k in 0..count as u32 {
            let own: Vec<f64> = (0..total)
                .filter(|&n| found.cloud.labels[n] == Some(k))
                .map(|n| found.cloud.log_weights[n])
                .collect();
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
            found.pareto.push(pareto::shape(&own));
            found.ess.push(if squares > 0.0 { 1.0 / squares } else { 0.0 });
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
