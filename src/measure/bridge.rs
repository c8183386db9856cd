//! A bridge from a temperature at which the Laplace mixture can be relied on to one at which it cannot: all states of a ladder
//! of temperatures weighed together.
//!
//! In: an [`Importance`] sample at a low temperature, chains over a ladder ([`Mcmc`]). Out: [`Bridge`]. Source: M. R. Shirts &
//! J. D. Chodera, Statistically optimal analysis of samples from multiple equilibrium states, J. Chem. Phys. 129 (2008),
//! equation 11 (MBAR). States are thinned by their autocorrelation first, errors come from leaving out one chain after the
//! other: the method's own formula takes correlated samples for independent ones.

use rayon::prelude::*;

use super::diagnostics::ess;
use super::importance::{Importance, Labels};
use super::laplace::log_sum;
use super::mcmc::Mcmc;
use super::wells::Wells;

/// What a bridge gives at one temperature.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// `log Z` in search coordinates.
    pub log_total: f64,
    /// Its standard error.
    pub total_error: f64,
    /// Weights of basins.
    pub weights: Vec<f64>,
    /// Their standard errors.
    pub weight_errors: Vec<f64>,
}

/// Iterations of the equations.
const ITERATIONS: usize = 2_000;

/// Change of a logarithm below which they are solved.
const SOLVED: f64 = 1e-10;

/// Logarithms `f_k` of the normalising constants of distributions `exp(-u_k)`, up to a common one, from samples of which
/// `counts[k]` were drawn from distribution k; `u[k][n]` is that of sample n under distribution k.
pub fn mbar(u: &[Vec<f64>], counts: &[usize]) -> Vec<f64> {
    let (states, samples) = (u.len(), u.first().map_or(0, Vec::len));
    let mut f = vec![0.0; states];
    let logs: Vec<f64> = counts.iter().map(|n| (*n as f64).ln()).collect();
    for _ in 0..ITERATIONS {
        let denominators: Vec<f64> = (0..samples)
            .map(|n| log_sum(&(0..states).map(|k| logs[k] - f[k] - u[k][n]).collect::<Vec<f64>>()))
            .collect();
        let mut next: Vec<f64> = (0..states)
            .map(|k| log_sum(&(0..samples).map(|n| -u[k][n] - denominators[n]).collect::<Vec<f64>>()))
            .collect();
        let first = next[0];
        next.iter_mut().for_each(|v| *v -= first);
        let change = next.iter().zip(&f).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        f = next;
        if change < SOLVED {
            break;
        }
    }
    f
}

/// `log Z` and the weights of basins.
type Found = (f64, Vec<f64>);

/// From the mixture at the temperature `anchor` of an importance sample to the temperature at place `to` of the ladder.
///
/// # Errors
/// A sentence, if the anchor is not in the ladder or samples are too few.
pub fn bridge(
    sample: &Importance,
    anchor: f64,
    chains: &Mcmc,
    to: usize,
    wells: &Wells<'_>,
) -> Result<Bridge, String> {
    let from = chains.ladder.iter().position(|t| *t == anchor).ok_or("the anchor is not in the ladder")?;
    let rungs: Vec<usize> = if from <= to { (from..=to).collect() } else { (to..=from).collect() };
    let count = chains.starts.len();
    if count < 3 {
        return Err("a bridge needs at least three chains".into());
    }
    // Of every rung and chain the states that are far enough apart.
    let mut states: Vec<(usize, usize, usize)> = vec![];
    for (r, &rung) in rungs.iter().enumerate() {
        let at = &chains.at[rung];
        let rows: Vec<Vec<f64>> = at.cloud.energies.chunks(chains.kept).map(<[f64]>::to_vec).collect();
        let worst = at.ess.iter().copied().fold(ess(&rows), f64::min).max(1.0);
        let stride = ((chains.kept * count) as f64 / worst).ceil().max(1.0) as usize;
        for c in 0..count {
            states.extend((0..chains.kept).step_by(stride).map(|n| (r, c, c * chains.kept + n)));
        }
    }
    if states.len() < 50 * rungs.len() {
        return Err(format!("{} decorrelated states are too few for a bridge", states.len()));
    }
    let told = Labels::new(wells);
    let wells = wells.wells.len();
    // Their basins, and their densities under the mixture.
    let at = |k: usize| {
        let (r, _, n) = states[k];
        chains.at[rungs[r]].cloud.point(n)
    };
    let densities: Vec<f64> =
        (0..states.len()).into_par_iter().map(|k| sample.mixture.log_density(at(k))).collect();
    let own: Vec<(Option<u32>, f64)> = told.of(states.len(), at).into_iter().zip(densities).collect();
    // The draws of the mixture itself are independent.
    let draws = (sample.cloud.len()).min(4 * states.len() / rungs.len());
    let step = (sample.cloud.len() / draws.max(1)).max(1);
    let draws: Vec<usize> = (0..sample.cloud.len()).step_by(step).collect();
    let drawn: Vec<f64> =
        draws.par_iter().map(|&n| sample.mixture.log_density(sample.cloud.point(n))).collect();
    let solve = |without: Option<usize>| -> (f64, Vec<f64>) {
        let used: Vec<usize> = (0..states.len()).filter(|&s| Some(states[s].1) != without).collect();
        let mut energies: Vec<f64> = draws.iter().map(|&n| sample.cloud.energies[n]).collect();
        let mut labels: Vec<Option<u32>> = draws.iter().map(|&n| sample.cloud.labels[n]).collect();
        let mut densities = drawn.clone();
        let mut counts = vec![draws.len()];
        counts.extend(vec![0; rungs.len()]);
        for &s in &used {
            let (r, _, n) = states[s];
            energies.push(chains.at[rungs[r]].cloud.energies[n]);
            labels.push(own[s].0);
            densities.push(own[s].1);
            counts[r + 1] += 1;
        }
        let mut u = vec![densities.iter().map(|q| -q).collect::<Vec<f64>>()];
        u.extend(rungs.iter().map(|&l| energies.iter().map(|e| e / chains.ladder[l]).collect()));
        let f = mbar(&u, &counts);
        // The mixture is normalised.
        let place = 1 + rungs.iter().position(|l| *l == to).unwrap_or(0);
        let logs: Vec<f64> = (0..energies.len())
            .map(|n| {
                let terms: Vec<f64> =
                    (0..u.len()).map(|k| (counts[k] as f64).ln() - f[k] - u[k][n]).collect();
                -u[place][n] - log_sum(&terms)
            })
            .collect();
        let total = log_sum(&logs);
        let weights = (0..wells as u32)
            .map(|k| {
                let own: Vec<f64> =
                    logs.iter().zip(&labels).filter(|(_, l)| **l == Some(k)).map(|(w, _)| *w).collect();
                (log_sum(&own) - total).exp()
            })
            .collect();
        (f[place] - f[0], weights)
    };
    let (log_total, weights) = solve(None);
    let others: Vec<Found> = (0..count).into_par_iter().map(|c| solve(Some(c))).collect();
    // The jackknife.
    let factor = (count as f64 - 1.0) / count as f64;
    let error = |of: &dyn Fn(&Found) -> f64| {
        let mean = others.iter().map(of).sum::<f64>() / count as f64;
        (factor * others.iter().map(|o| (of(o) - mean).powi(2)).sum::<f64>()).sqrt()
    };
    let total_error = error(&|o| o.0);
    let weight_errors = (0..wells).map(|k| error(&|o| o.1[k])).collect();
    Ok(Bridge { log_total, total_error, weights, weight_errors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    /// Gaussians of widths 1, 1.5, 2: constants are in the ratio of the widths.
    #[test]
    fn widths_of_gaussians() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let widths = [1.0, 1.5, 2.0];
        let counts = [3000, 2000, 4000];
        let samples: Vec<f64> = (0..3)
            .flat_map(|k| {
                (0..counts[k])
                    .map(|_| {
                        let z: f64 = StandardNormal.sample(&mut rng);
                        widths[k] * z
                    })
                    .collect::<Vec<f64>>()
            })
            .collect();
        let u: Vec<Vec<f64>> =
            widths.iter().map(|w| samples.iter().map(|x| 0.5 * (x / w).powi(2)).collect()).collect();
        let f = mbar(&u, &counts);
        for k in 1..3 {
            assert!((f[k] - f[0] - widths[k].ln()).abs() < 0.03, "{f:?}");
        }
    }
}
