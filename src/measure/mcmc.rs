//! The Gibbs measure by Markov chains: Langevin steps with acceptance (MALA) at every temperature of a ladder, neighbours of
//! which exchange their states.
//!
//! In: [`Wells`], the temperatures wanted. Out: [`Mcmc`]. Chains start in different wells, one each, so that their agreement
//! means something; exchanges run over even and odd pairs in turn, so that states travel along the ladder instead of diffusing
//! (S. Syed, A. Bouchard-Cote, G. Deligiannidis & A. Doucet, Non-reversible parallel tempering, J. R. Stat. Soc. B 84, 2022).
//! What chains say of basins that none of them met is nothing; all that started in one basin and never left it agree, too.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::cloud::Cloud;
use super::diagnostics::{AGREE, ess, r_hat};
use super::importance::Labels;
use super::laplace::Laplace;
use super::wells::Wells;
use crate::control::Control;
use crate::landscape::Region;
use crate::linalg::dot;
use crate::lyapunov::interval;

/// How chains run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Number of chains, at least 2; raised to that of the wells, up to 8.
    pub chains: usize,
    /// States kept of each chain and temperature in the first round; the number doubles from round to round.
    pub kept: usize,
    /// Most rounds.
    pub rounds: usize,
    /// Steps from one state that is kept to the next.
    pub thin: usize,
    /// Are states exchanged along a ladder of temperatures? Without it chains see their own barrier only.
    pub tempering: bool,
    /// Do all chains start in the well of this place? By default each starts in another one.
    pub start: Option<usize>,
    /// Seed.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { chains: 4, kept: 500, rounds: 4, thin: 10, tempering: true, start: None, seed: 0 }
    }
}

/// What chains say at one temperature. Vectors have an entry a well.
#[derive(Clone, Debug)]
pub struct AtTemperature {
    /// Temperature.
    pub eps: f64,
    /// Share of the states in each basin. Empty, as all that is about basins, at temperatures that nobody asked for.
    pub weights: Vec<f64>,
    /// The interval of 95% of each.
    pub intervals: Vec<(f64, f64)>,
    /// Effective sample size of each basin's indicator.
    pub ess: Vec<f64>,
    /// R-hat of each basin's indicator.
    pub r_hat: Vec<f64>,
    /// R-hat and effective sample size of the energy.
    pub energy: (f64, f64),
    /// The share of states whose orbit ends at no known well.
    pub elsewhere: f64,
    /// Kept states, with equal weights: chain after chain.
    pub cloud: Cloud,
    /// Why this is not to be relied on; `None` if nothing speaks against it.
    pub failure: Option<String>,
}

/// What chains found.
#[derive(Clone, Debug)]
pub struct Mcmc {
    /// The ladder, ascending.
    pub ladder: Vec<f64>,
    /// Share of exchanges accepted between neighbours of the ladder.
    pub exchanges: Vec<f64>,
    /// The well in which each chain started.
    pub starts: Vec<usize>,
    /// What was found at every temperature of the ladder.
    pub at: Vec<AtTemperature>,
    /// States kept of each chain and temperature.
    pub kept: usize,
}

/// Most temperatures of a ladder.
const RUNGS: usize = 18;

/// Acceptance that steps are tuned to (Roberts & Rosenthal 1998).
const ACCEPTANCE: f64 = 0.574;

/// Share of basins whose weight is claimed.
pub const CLAIMED: f64 = 5e-3;

/// Effective sample size that a claimed weight needs.
pub const ENOUGH: f64 = 400.0;

/// Share of an effective size that intervals count on: chains stop when sizes are large enough, which prefers such as came out
/// too large. Over hundreds of runs the spread of weights was that of three quarters.
const SELECTED: f64 = 0.75;

/// Exchanges accepted more rarely cut the ladder in two.
const RARE: f64 = 0.02;

/// The temperatures wanted and others between and above them, ascending: up to where barriers are a few temperatures high, in
/// steps that exchanges survive.
fn ladder(wells: &Wells<'_>, temperatures: &[f64], tempering: bool) -> Vec<f64> {
    let mut all = temperatures.to_vec();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let (Some(&first), Some(&last)) = (all.first(), all.last()) else { return all };
    if !tempering || wells.wells.len() < 2 {
        return all;
    }
    let saddles: Vec<f64> = wells.set.points.iter().filter(|p| p.index == 1).map(|p| p.energy).collect();
    let highest = saddles.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let top = ((highest - wells.lowest()) / 1.5).max(last);
    let top = if top.is_finite() { top } else { last };
    if top > last * 1.05 {
        all.push(top);
    }
    let ratio = 1.0 + 1.3 / (wells.dim() as f64).sqrt();
    let needed = (top / first).ln();
    let ratio = ratio.min(2.0).max((needed / (RUNGS - all.len().min(RUNGS / 2)) as f64).exp());
    let mut filled = vec![all[0]];
    for w in all.windows(2) {
        let steps = ((w[1] / w[0]).ln() / ratio.ln()).ceil().max(1.0) as usize;
        filled.extend((1..=steps).map(|k| match k == steps {
            true => w[1],
            false => w[0] * (w[1] / w[0]).powf(k as f64 / steps as f64),
        }));
    }
    filled
}

/// A state at one temperature.
#[derive(Clone)]
struct Walker {
    x: Vec<f64>,
    energy: f64,
    gradient: Vec<f64>,
}

/// A kept state.
struct Kept {
    x: Vec<f64>,
    energy: f64,
}

/// One chain over all temperatures.
struct Chain {
    rng: ChaCha8Rng,
    walkers: Vec<Walker>,
    /// Logarithms of the time steps.
    steps: Vec<f64>,
    parity: usize,
    tried: Vec<usize>,
    exchanged: Vec<usize>,
    kept: Vec<Vec<Kept>>,
}

struct Setting<'a> {
    wells: &'a Wells<'a>,
    ladder: &'a [f64],
    within: Option<&'a Region>,
    options: &'a Options,
}

impl Chain {
    fn new(setting: &Setting<'_>, number: usize, well: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(setting.options.seed ^ 0x6d63_6d63);
        rng.set_stream(number as u64);
        let start = &setting.wells.wells[well];
        let mut gradient = vec![0.0; start.x.len()];
        let energy = setting.wells.landscape.gradient(&start.x, &mut gradient);
        let walker = Walker { x: start.x.clone(), energy, gradient };
        let rungs = setting.ladder.len();
        let first = (0.3 / start.steepest.max(1e-12)).ln();
        Chain {
            rng,
            walkers: vec![walker; rungs],
            steps: vec![first; rungs],
            parity: 0,
            tried: vec![0; rungs.saturating_sub(1)],
            exchanged: vec![0; rungs.saturating_sub(1)],
            kept: (0..rungs).map(|_| vec![]).collect(),
        }
    }

    /// One step at every temperature, then exchanges. `tuning` is how far steps are adapted; 0 to leave them.
    fn step(&mut self, setting: &Setting<'_>, tuning: f64) {
        for l in 0..self.walkers.len() {
            let accepted = self.langevin(setting, l);
            self.steps[l] += tuning * (accepted - ACCEPTANCE);
        }
        for l in (self.parity..self.walkers.len().saturating_sub(1)).step_by(2) {
            let (a, b) = (setting.ladder[l], setting.ladder[l + 1]);
            let log = (1.0 / a - 1.0 / b) * (self.walkers[l].energy - self.walkers[l + 1].energy);
            self.tried[l] += 1;
            if log >= 0.0 || self.rng.random::<f64>() < log.exp() {
                self.walkers.swap(l, l + 1);
                self.exchanged[l] += 1;
            }
        }
        self.parity = 1 - self.parity;
    }

    /// A Langevin step at temperature number `l`; the probability with which it was accepted.
    fn langevin(&mut self, setting: &Setting<'_>, l: usize) -> f64 {
        let (eps, h) = (setting.ladder[l], self.steps[l].exp());
        let d = setting.wells.dim();
        let noise = (2.0 * eps * h).sqrt();
        let here = &self.walkers[l];
        let mut x = here.x.clone();
        for i in 0..d {
            let z: f64 = StandardNormal.sample(&mut self.rng);
            x[i] += noise * z - h * here.gradient[i];
        }
        let mut gradient = vec![0.0; d];
        let energy = setting.wells.landscape.gradient(&x, &mut gradient);
        let inside = setting.within.is_none_or(|r| r.contains(&x));
        let away = |from: &[f64], force: &[f64], to: &[f64]| {
            let miss: Vec<f64> = (0..d).map(|i| to[i] - from[i] + h * force[i]).collect();
            dot(&miss, &miss)
        };
        let forth = away(&here.x, &here.gradient, &x);
        let back = away(&x, &gradient, &here.x);
        let log = -(energy - here.energy) / eps - (back - forth) / (4.0 * eps * h);
        if !inside || !log.is_finite() {
            return 0.0;
        }
        let probability = log.min(0.0).exp();
        if self.rng.random::<f64>() < probability {
            setting.wells.set.region.wrap(&mut x);
            self.walkers[l] = Walker { x, energy, gradient };
        }
        probability
    }

    fn advance(&mut self, setting: &Setting<'_>, kept: usize) {
        for _ in 0..kept {
            for _ in 0..setting.options.thin {
                self.step(setting, 0.0);
            }
            for (walker, kept) in self.walkers.iter().zip(&mut self.kept) {
                kept.push(Kept { x: walker.x.clone(), energy: walker.energy });
            }
        }
    }

    fn warm_up(&mut self, setting: &Setting<'_>) {
        let steps = setting.options.kept * setting.options.thin / 2;
        for n in 0..steps {
            self.step(setting, 0.5 / (1.0 + n as f64).powf(0.6));
        }
        self.tried.fill(0);
        self.exchanged.fill(0);
    }
}

/// Runs chains until they agree at all temperatures wanted, or the rounds are used up. `within` cuts the measure off.
///
/// # Errors
/// If there is no well to start from.
pub fn run(
    wells: &Wells<'_>,
    laplace: &Laplace,
    temperatures: &[f64],
    within: Option<&Region>,
    options: &Options,
    control: &Control<'_>,
) -> Result<Mcmc, String> {
    if wells.wells.is_empty() || temperatures.is_empty() {
        return Err("there is no well to start from".into());
    }
    let ladder = ladder(wells, temperatures, options.tempering);
    let setting = Setting { wells, ladder: &ladder, within, options };
    // The wells of largest weight first.
    let warmest = ladder[ladder.len() - 1];
    let order = match laplace.weights(warmest, false) {
        Some(weights) => {
            let mut order: Vec<usize> = (0..weights.len()).collect();
            order.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b)));
            order
        }
        None => (0..wells.wells.len()).collect(),
    };
    let count = options.chains.max(order.len().min(8)).max(2);
    let starts: Vec<usize> =
        (0..count).map(|c| options.start.unwrap_or(order[c % order.len()]).min(order.len() - 1)).collect();
    let labels = Labels::new(wells);
    let mut chains: Vec<Chain> =
        starts.iter().enumerate().map(|(c, &well)| Chain::new(&setting, c, well)).collect();
    chains.par_iter_mut().for_each(|chain| chain.warm_up(&setting));
    let mut told: Vec<Vec<Vec<Option<u32>>>> = vec![vec![vec![]; ladder.len()]; chains.len()];
    let mut more = options.kept.max(8);
    for round in 0..options.rounds.max(1) {
        chains.par_iter_mut().for_each(|chain| chain.advance(&setting, more));
        more = chains[0].kept[0].len();
        for (chain, told) in chains.iter().zip(&mut told) {
            for ((kept, told), eps) in chain.kept.iter().zip(told).zip(&ladder) {
                if !temperatures.contains(eps) {
                    continue;
                }
                let fresh = &kept[told.len()..];
                told.extend(labels.of(fresh.len(), |k| &fresh[k].x));
            }
        }
        let answer = summary(&setting, &chains, &told, &starts);
        let wanted = |at: &&AtTemperature| temperatures.contains(&at.eps);
        let failed = answer.at.iter().filter(wanted).any(|at| at.failure.is_some());
        if !failed || round + 1 == options.rounds.max(1) || control.stopped() {
            return Ok(answer);
        }
    }
    Err("no chain ran".into())
}

fn summary(
    setting: &Setting<'_>,
    chains: &[Chain],
    told: &[Vec<Vec<Option<u32>>>],
    starts: &[usize],
) -> Mcmc {
    let pairs = setting.ladder.len().saturating_sub(1);
    let exchanges = (0..pairs)
        .map(|l| {
            let sum = |f: fn(&Chain) -> &Vec<usize>| chains.iter().map(|c| f(c)[l]).sum::<usize>() as f64;
            sum(|c| &c.exchanged) / sum(|c| &c.tried).max(1.0)
        })
        .collect();
    let mut answer = Mcmc {
        ladder: setting.ladder.to_vec(),
        exchanges,
        starts: starts.to_vec(),
        at: vec![],
        kept: chains[0].kept[0].len(),
    };
    answer.at = (0..setting.ladder.len()).map(|l| at(setting, chains, told, &answer, l)).collect();
    answer
}

fn at(
    setting: &Setting<'_>,
    chains: &[Chain],
    told: &[Vec<Vec<Option<u32>>>],
    all: &Mcmc,
    l: usize,
) -> AtTemperature {
    let wells = setting.wells;
    let kept = all.kept;
    let total = kept * chains.len();
    let is_told = !told[0][l].is_empty();
    let mut points = Mat::zeros(wells.dim(), total);
    let (mut energies, mut labels) = (Vec::with_capacity(total), Vec::with_capacity(total));
    for (chain, told) in chains.iter().zip(told) {
        for (n, state) in chain.kept[l].iter().enumerate() {
            points.col_as_slice_mut(energies.len()).copy_from_slice(&state.x);
            energies.push(state.energy);
            labels.push(told[l].get(n).copied().flatten());
        }
    }
    let rows: Vec<Vec<f64>> = energies.chunks(kept).map(<[f64]>::to_vec).collect();
    let energy = (r_hat(&rows), ess(&rows));
    let cloud =
        Cloud { points, energies, log_weights: vec![-(total as f64).ln(); total], labels: labels.clone() };
    let mut found = AtTemperature {
        eps: setting.ladder[l],
        weights: vec![],
        intervals: vec![],
        ess: vec![],
        r_hat: vec![],
        energy,
        elsewhere: match is_told {
            true => labels.iter().filter(|l| l.is_none()).count() as f64 / total as f64,
            false => 0.0,
        },
        cloud,
        failure: None,
    };
    for k in 0..if is_told { wells.wells.len() as u32 } else { 0 } {
        let indicator: Vec<f64> = labels.iter().map(|l| f64::from(u8::from(*l == Some(k)))).collect();
        let rows: Vec<Vec<f64>> = indicator.chunks(kept).map(<[f64]>::to_vec).collect();
        let hits: f64 = indicator.iter().sum();
        // An indicator that never changes is worth no more than the energy.
        let size = match hits > 0.0 && hits < total as f64 {
            true => ess(&rows),
            false => energy.1.min(total as f64),
        };
        let weight = hits / total as f64;
        found.weights.push(weight);
        let worth = SELECTED * size;
        found.intervals.push(interval((weight * worth).round() as usize, worth.round().max(1.0) as usize));
        found.ess.push(size);
        found.r_hat.push(r_hat(&rows));
    }
    found.failure = failure(setting, &found, all, l);
    found
}

fn failure(setting: &Setting<'_>, found: &AtTemperature, all: &Mcmc, l: usize) -> Option<String> {
    let wells = &setting.wells.wells;
    let first = all.starts[0];
    if wells.len() > 1 && all.starts.iter().all(|s| *s == first) {
        return Some(format!(
            "all chains started in minimum {}: their agreement says nothing",
            wells[first].id.text()
        ));
    }
    if found.elsewhere > 0.01 {
        return Some(format!("{:.1}% of the states flow to no known minimum", 100.0 * found.elsewhere));
    }
    let rare = all.exchanges[l.min(all.exchanges.len())..].iter().position(|e| *e < RARE);
    if let Some(rare) = rare {
        let eps = all.ladder[l + rare];
        return Some(format!("temperatures about {eps:.3e} hardly exchange states"));
    }
    if found.energy.0 > AGREE {
        return Some(format!("R-hat of the energy is {:.3}", found.energy.0));
    }
    for (k, well) in wells.iter().enumerate().take(found.weights.len()) {
        let claimed = found.weights[k] >= CLAIMED;
        if found.r_hat[k] > AGREE && (claimed || found.r_hat[k] > 1.05) {
            return Some(format!(
                "R-hat of the basin of minimum {} is {:.3}",
                well.id.text(),
                found.r_hat[k]
            ));
        }
        if claimed && found.ess[k] < ENOUGH {
            let size = found.ess[k];
            return Some(format!(
                "the basin of minimum {} has an effective size of {size:.0}",
                well.id.text()
            ));
        }
    }
    (found.energy.1 < ENOUGH).then(|| format!("the effective size is {:.0}", found.energy.1))
}
