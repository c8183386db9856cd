//! The Gibbs measure `exp(-E/eps)/Z` at falling temperatures: by several routes, each with its diagnostic, and a verdict.
//!
//! In: [`Wells`] with what Laplace's method says of them, temperatures. Out: a [`Table`]: at every temperature the weights of
//! basins and `log Z` by quadrature (up to three dimensions), by importance sampling and by Markov chains. A route that fails
//! its diagnostic says why and is not used. Convention: `dX = -grad E dt + sqrt(2 eps) dW`.

use super::beyond;
use super::bridge::bridge;
use super::cloud::Cloud;
use super::diagnostics::normal_quantile;
use super::importance::{self, Importance};
use super::laplace::Laplace;
use super::mcmc::{self, CLAIMED, ENOUGH, Mcmc};
use super::pareto::RELIABLE;
use super::quadrature::{self, confines};
use super::wells::Wells;
use crate::control::{Control, Progress};
use crate::critical::{Completeness, Level};
use crate::landscape::Region;

/// Half the width of an interval of 95% in standard errors.
pub const SIGMAS: f64 = 1.959_963_984_540_054;

/// How the measure is computed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Temperatures; results are in falling order.
    pub temperatures: Vec<f64>,
    /// Is quadrature used, where dimensions allow it?
    pub quadrature: bool,
    /// Is importance sampling?
    pub importance: bool,
    /// Are Markov chains?
    pub chains: bool,
    /// Of quadrature.
    pub quadrature_options: quadrature::Options,
    /// Of importance sampling.
    pub importance_options: importance::Options,
    /// Of chains.
    pub chain_options: mcmc::Options,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            temperatures: vec![],
            quadrature: true,
            importance: true,
            chains: true,
            quadrature_options: quadrature::Options::default(),
            importance_options: importance::Options::default(),
            chain_options: mcmc::Options::default(),
        }
    }
}

/// A number with the ends of its interval: of 95% where it is statistical, a bound of the error where it is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Estimate {
    /// With an error to either side.
    pub fn about(value: f64, error: f64) -> Self {
        Estimate { value, low: value - error, high: value + error }
    }

    /// Half the width of the interval.
    pub fn error(&self) -> f64 {
        (self.high - self.value).max(self.value - self.low)
    }

    /// Do both intervals, each widened by `factor`, meet?
    pub fn meets(&self, other: &Estimate, factor: f64) -> bool {
        let (a, b) = (factor * self.error(), factor * other.error());
        (self.value - other.value).abs() <= a + b
    }
}

/// How a number came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Adaptive quadrature.
    Quadrature,
    /// Importance sampling from the Laplace mixture.
    Importance,
    /// Importance sampling at a lower temperature and a ladder of chains from there.
    Bridge,
    /// Markov chains.
    Chains,
}

impl Route {
    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Route::Quadrature => "quadrature",
            Route::Importance => "importance",
            Route::Bridge => "bridge",
            Route::Chains => "chains",
        }
    }

    /// How far its numbers can be relied on.
    pub fn level(self) -> Level {
        if self == Route::Quadrature { Level::Checked } else { Level::Estimated }
    }
}

/// What one route says at one temperature.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The route.
    pub route: Route,
    /// Weights of basins, one a well.
    pub weights: Vec<Estimate>,
    /// `log int exp(-E/eps)` over each basin in the landscape's own space; `None` from chains, which know no constant.
    pub log_z: Option<Vec<Estimate>>,
    /// `log Z`.
    pub log_total: Option<Estimate>,
    /// Why it is not to be relied on; `None` if it is.
    pub failure: Option<String>,
    /// The share of the measure that belongs to no known basin.
    pub elsewhere: f64,
    /// The diagnostic in numbers, as text.
    pub diagnostic: String,
}

/// Whether the numbers at a temperature can be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All conditions are met: see docs/measure.md.
    Consistent,
    /// One is not.
    NotEnough(String),
}

impl Verdict {
    /// As it stands in summaries.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Consistent => "consistent",
            Verdict::NotEnough(_) => "not enough information",
        }
    }
}

/// Points that stand for the measure, and how errors of means over them are had.
#[derive(Clone, Debug)]
pub enum Sample {
    /// Nodes of a quadrature.
    Nodes(Cloud),
    /// Importance samples.
    Drawn(Box<Importance>),
    /// States of chains: the cloud and the number of independent ones that they are worth.
    States(Cloud, f64),
}

impl Sample {
    /// The points.
    pub fn cloud(&self) -> &Cloud {
        match self {
            Sample::Nodes(cloud) | Sample::States(cloud, _) => cloud,
            Sample::Drawn(found) => &found.cloud,
        }
    }

    /// Half the width of the interval for the mean of values, one a point.
    pub fn error(&self, values: &[f64]) -> f64 {
        match self {
            Sample::Nodes(_) => 0.0,
            Sample::Drawn(found) => SIGMAS * found.error_of(&|n| values[n]),
            Sample::States(cloud, size) => {
                let weights = cloud.weights();
                let mean: f64 = weights.iter().zip(values).map(|(w, v)| w * v).sum();
                let variance: f64 = weights.iter().zip(values).map(|(w, v)| w * (v - mean).powi(2)).sum();
                SIGMAS * (variance / size.max(1.0)).sqrt()
            }
        }
    }
}

/// The measure at one temperature.
#[derive(Clone, Debug)]
pub struct At {
    /// Temperature.
    pub eps: f64,
    /// What the routes say.
    pub answers: Vec<Answer>,
    /// The place of the one that is used, if any is.
    pub best: Option<usize>,
    /// Its points.
    pub sample: Option<Sample>,
    /// The verdict.
    pub verdict: Verdict,
}

impl At {
    /// The answer that is used.
    pub fn used(&self) -> Option<&Answer> {
        self.best.map(|k| &self.answers[k])
    }
}

/// The measure at all temperatures.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// At each, falling.
    pub at: Vec<At>,
    /// Is it the measure on the region alone, since the energy does not confine?
    pub cut: bool,
    /// Why it seems that minima are missing outside the region, which no completeness within it excludes.
    pub unseen: Option<String>,
    /// Why a route was not taken at all, by route.
    pub skipped: Vec<(Route, String)>,
    /// Was the work stopped before its end?
    pub interrupted: bool,
}

/// Error of a weight by rounding of sums over samples.
const ROUNDING: f64 = 1e-14;

/// Weights below this are not compared between routes.
fn is_claimed(weight: f64) -> bool {
    weight >= CLAIMED
}

/// Computes the measure. `region` is that of the study, in search coordinates where these are the landscape's own.
pub fn gibbs(
    wells: &Wells<'_>,
    laplace: &Laplace,
    region: &Region,
    options: &Options,
    control: &Control<'_>,
) -> Table {
    let mut temperatures = options.temperatures.clone();
    temperatures.sort_by(|a, b| b.total_cmp(a));
    temperatures.dedup();
    let mut table = Table::default();
    let Some(&warmest) = temperatures.first() else { return table };
    let confined = confines(wells, warmest);
    table.cut = !confined;
    let within = (!confined && wells.reduced.is_none()).then_some(region);
    let progress = |done: usize, note: &str| {
        (control.progress)(Progress { stage: "measure", done, total: temperatures.len() + 1, note });
    };
    progress(0, "chains");
    let chains = match options.chains && !control.stopped() {
        true => mcmc::run(wells, laplace, &temperatures, within, &options.chain_options, control),
        false => Err("it was not asked for".into()),
    };
    if let (Err(why), true) = (&chains, options.chains) {
        table.skipped.push((Route::Chains, why.clone()));
    }
    let chains = chains.ok();
    let mut drawn: Vec<(f64, Importance)> = vec![];
    for (k, &eps) in temperatures.iter().enumerate() {
        if control.stopped() {
            table.interrupted = true;
            break;
        }
        progress(k + 1, "");
        let mut at = At { eps, answers: vec![], best: None, sample: None, verdict: Verdict::Consistent };
        let mut samples: Vec<Option<Sample>> = vec![];
        if options.quadrature {
            let done = quadrature::domain(wells, region, eps, confined).and_then(|d| {
                quadrature::integrate(wells, laplace, &d, eps, &options.quadrature_options, control)
            });
            match done {
                Ok(found) => {
                    at.answers.push(by_quadrature(wells, eps, &found));
                    samples.push(Some(Sample::Nodes(found.cloud)));
                }
                Err(why) if k == 0 => table.skipped.push((Route::Quadrature, why)),
                // The same again is no news.
                Err(why) if table.skipped.contains(&(Route::Quadrature, why.clone())) => {}
                Err(why) => {
                    at.answers.push(failed(wells, Route::Quadrature, why));
                    samples.push(None);
                }
            }
        }
        if options.importance {
            match importance::sample(wells, laplace, eps, within, &options.importance_options, control) {
                Ok(found) => {
                    at.answers.push(by_importance(wells, eps, &found));
                    samples.push(Some(Sample::Drawn(Box::new(found.clone()))));
                    drawn.push((eps, found));
                }
                Err(why) if k == 0 => table.skipped.push((Route::Importance, why)),
                Err(why) => {
                    at.answers.push(failed(wells, Route::Importance, why));
                    samples.push(None);
                }
            }
        }
        let found = chains.as_ref().and_then(|c| c.at.iter().find(|at| at.eps == eps));
        if let Some(found) = found {
            at.answers.push(by_chains(found));
            let size = found.energy.1.min(found.ess.iter().copied().fold(f64::INFINITY, f64::min));
            samples.push(Some(Sample::States(found.cloud.clone(), size)));
        }
        choose(wells, &mut at, samples);
        table.at.push(at);
    }
    table.interrupted |= control.stopped();
    if let Some(chains) = &chains {
        bridges(wells, chains, &drawn, &mut table, control);
    }
    // Cut to the region there is nothing beyond it.
    table.unseen = if table.cut || control.stopped() { None } else { beyond::unseen(wells, warmest) };
    let apart = apart(wells, &table);
    for k in 0..table.at.len() {
        table.at[k].verdict = verdict(wells, &table, &table.at[k], apart);
    }
    table
}

/// What the landscape's own space adds to `log Z` in search coordinates.
fn lifted(wells: &Wells<'_>, eps: f64) -> f64 {
    let (normal, curvature) = wells.normal();
    let across = match normal > 0 && curvature > 0.0 {
        true => 0.5 * normal as f64 * (std::f64::consts::TAU * eps / curvature).ln(),
        false => 0.0,
    };
    across - wells.offset() / eps
}

/// The answer of a route that gave none at a temperature.
fn failed(wells: &Wells<'_>, route: Route, why: String) -> Answer {
    Answer {
        route,
        weights: vec![Estimate { value: 0.0, low: 0.0, high: 1.0 }; wells.wells.len()],
        log_z: None,
        log_total: None,
        failure: Some(why),
        elsewhere: 0.0,
        diagnostic: "none".into(),
    }
}

fn by_quadrature(wells: &Wells<'_>, eps: f64, found: &quadrature::Integrals) -> Answer {
    let lift = lifted(wells, eps);
    let total = found.log_total();
    let weights: Vec<f64> = found.log_z.iter().map(|l| (l - total).exp()).collect();
    let all: f64 = weights.iter().zip(&found.errors).map(|(w, e)| w * e).sum();
    let estimate = |k: usize| Estimate::about(weights[k], weights[k] * (found.errors[k] + all));
    let log_z = (found.log_z.iter().zip(&found.errors)).map(|(l, e)| Estimate::about(l + lift, *e)).collect();
    let worst = found.errors.iter().zip(&weights).filter(|(_, w)| is_claimed(**w));
    let worst = worst.map(|(e, _)| *e).fold(all, f64::max);
    let failure = if found.elsewhere > 1e-3 {
        Some(format!("{:.1}% of the measure flows to no known minimum", 100.0 * found.elsewhere))
    } else if !(worst < 0.05) {
        Some(format!("its error is {:.1}%", 100.0 * worst))
    } else {
        None
    };
    Answer {
        route: Route::Quadrature,
        weights: (0..weights.len()).map(estimate).collect(),
        log_z: Some(log_z),
        log_total: Some(Estimate::about(total + lift, all + found.elsewhere)),
        failure,
        elsewhere: found.elsewhere,
        diagnostic: format!("{} cells, relative error {worst:.1e}", found.cells),
    }
}

fn by_importance(wells: &Wells<'_>, eps: f64, found: &Importance) -> Answer {
    let lift = lifted(wells, eps);
    let weights: Vec<Estimate> = (found.weights.iter().zip(&found.weight_errors))
        .map(|(w, e)| {
            let half = SIGMAS * e + ROUNDING;
            Estimate { value: *w, low: (w - half).max(0.0), high: (w + half).min(1.0) }
        })
        .collect();
    let log_z =
        (found.log_z.iter().zip(&found.errors)).map(|(l, e)| Estimate::about(l + lift, SIGMAS * e)).collect();
    let mut failure = None;
    let mut worst = (f64::NEG_INFINITY, f64::INFINITY);
    for (k, well) in wells.wells.iter().enumerate() {
        if !is_claimed(found.weights[k]) {
            continue;
        }
        let shape = found.pareto[k].unwrap_or(f64::INFINITY);
        worst = (worst.0.max(shape), worst.1.min(found.ess[k]));
        let name = well.id.text();
        if !(shape < RELIABLE) {
            failure.get_or_insert(match found.pareto[k] {
                Some(shape) => format!("Pareto k is {shape:.2} in the basin of minimum {name}"),
                None => format!("hardly a sample fell into the basin of minimum {name}"),
            });
        } else if found.ess[k] < ENOUGH {
            let size = found.ess[k];
            failure.get_or_insert(format!("the effective size is {size:.0} in the basin of minimum {name}"));
        }
    }
    if !found.log_total.is_finite() {
        failure = Some("no sample has weight".into());
    } else if found.elsewhere > 0.01 {
        failure = Some(format!("{:.1}% of the measure flows to no known minimum", 100.0 * found.elsewhere));
    }
    Answer {
        route: Route::Importance,
        weights,
        log_z: Some(log_z),
        log_total: Some(Estimate::about(found.log_total + lift, SIGMAS * found.total_error)),
        failure,
        elsewhere: found.elsewhere,
        diagnostic: match worst.0.is_finite() && worst.1.is_finite() {
            true => format!(
                "{} samples, Pareto k up to {:.2}, effective sizes from {:.0}",
                found.cloud.len(),
                worst.0,
                worst.1
            ),
            false => format!("{} samples, too few in a basin to tell", found.cloud.len()),
        },
    }
}

fn by_chains(found: &mcmc::AtTemperature) -> Answer {
    let weights = (found.weights.iter().zip(&found.intervals))
        .map(|(w, (low, high))| Estimate { value: *w, low: *low, high: *high })
        .collect();
    let worst = found.r_hat.iter().copied().fold(found.energy.0, f64::max);
    let least = found.ess.iter().copied().fold(found.energy.1, f64::min);
    Answer {
        route: Route::Chains,
        weights,
        log_z: None,
        log_total: None,
        failure: found.failure.clone(),
        elsewhere: found.elsewhere,
        diagnostic: format!(
            "{} states, R-hat up to {worst:.3}, effective sizes from {least:.0}",
            found.cloud.len()
        ),
    }
}

/// The first route that passed its diagnostic is used: they come from the most exact on.
fn choose(wells: &Wells<'_>, at: &mut At, mut samples: Vec<Option<Sample>>) {
    if wells.wells.is_empty() {
        return;
    }
    at.best = at.answers.iter().position(|a| a.failure.is_none());
    at.sample = at.best.and_then(|k| samples[k].take());
}

/// Where importance sampling failed and the chains did not: a bridge from the warmest temperature below at which it did not.
fn bridges(
    wells: &Wells<'_>,
    chains: &Mcmc,
    drawn: &[(f64, Importance)],
    table: &mut Table,
    control: &Control<'_>,
) {
    let passed: Vec<f64> = table
        .at
        .iter()
        .filter(|at| at.answers.iter().any(|a| a.route == Route::Importance && a.failure.is_none()))
        .map(|at| at.eps)
        .collect();
    for at in &mut table.at {
        let poor = at.answers.iter().any(|a| a.route == Route::Importance && a.failure.is_some());
        let exact = at.answers.iter().any(|a| a.route == Route::Quadrature && a.failure.is_none());
        let anchor = passed.iter().copied().find(|t| *t < at.eps);
        let (true, false, Some(anchor)) = (poor, exact, anchor) else { continue };
        let Some(to) = chains.ladder.iter().position(|t| *t == at.eps) else { continue };
        let between = chains.at.iter().filter(|c| c.eps >= anchor && c.eps <= at.eps);
        if let Some(why) = between.filter_map(|c| c.failure.clone()).next() {
            at.answers.push(failed(wells, Route::Bridge, format!("the chains between: {why}")));
            continue;
        }
        if control.stopped() {
            return;
        }
        let Some((_, sample)) = drawn.iter().find(|(t, _)| *t == anchor) else { continue };
        let Ok(found) = bridge(sample, anchor, chains, to, wells) else { continue };
        let lift = lifted(wells, at.eps);
        // Few chains: three standard errors of the jackknife.
        let half = |e: f64| 1.5 * SIGMAS * e;
        at.answers.push(Answer {
            route: Route::Bridge,
            weights: (found.weights.iter().zip(&found.weight_errors))
                .map(|(w, e)| Estimate {
                    value: *w,
                    low: (w - half(*e)).max(0.0),
                    high: (w + half(*e)).min(1.0),
                })
                .collect(),
            log_z: None,
            log_total: Some(Estimate::about(found.log_total + lift, half(found.total_error))),
            failure: None,
            elsewhere: 0.0,
            diagnostic: format!("from temperature {anchor:.3e}"),
        });
        // The states are those of the chains.
        at.best = Some(at.answers.len() - 1);
        if let Some(c) = chains.at.iter().find(|c| c.eps == at.eps) {
            let size = c.energy.1.min(c.ess.iter().copied().fold(f64::INFINITY, f64::min));
            at.sample = Some(Sample::States(c.cloud.clone(), size));
        }
    }
}

/// Of tables that are right in all, the share in which two routes are said to contradict each other somewhere, at most.
const FALSE_ALARMS: f64 = 0.005;

/// Factor on intervals of 95% by which two routes may miss each other, so many numbers being compared.
fn apart(wells: &Wells<'_>, table: &Table) -> f64 {
    let compared = |at: &At| {
        let claimed = |a: &&Answer| a.failure.is_none();
        let weights = |a: &Answer| 1 + a.weights.iter().filter(|w| is_claimed(w.value)).count();
        at.answers.iter().filter(claimed).map(weights).sum::<usize>()
    };
    let count = table.at.iter().map(compared).sum::<usize>().max(wells.wells.len());
    normal_quantile(1.0 - 0.5 * FALSE_ALARMS / count as f64) / SIGMAS
}

/// Share of the measure that flows to no known minimum from which on no other route's numbers are believed, either.
const ELSEWHERE: f64 = 0.01;

fn verdict(wells: &Wells<'_>, table: &Table, at: &At, apart: f64) -> Verdict {
    let no = |why: String| Verdict::NotEnough(why);
    if wells.wells.is_empty() {
        return no("no minimum is known".into());
    }
    let Some(used) = at.used() else {
        let here = at.answers.iter().filter_map(|a| Some((a.route, a.failure.as_ref()?)));
        let why: Vec<String> = (table.skipped.iter().map(|(route, why)| (*route, why)).chain(here))
            .map(|(route, why)| format!("{}: {why}", route.name()))
            .collect();
        return no(match why.is_empty() {
            true => "no route was asked for".into(),
            false => format!("no route passed its diagnostic: {}", why.join("; ")),
        });
    };
    if let Some(why) = &table.unseen {
        return no(why.clone());
    }
    if let Some(a) = at.answers.iter().find(|a| a.elsewhere > ELSEWHERE) {
        let (name, share) = (a.route.name(), 100.0 * a.elsewhere);
        return no(format!("{name}: {share:.1}% of the measure flows to no known minimum"));
    }
    let sound: Vec<&Answer> = at.answers.iter().filter(|a| a.failure.is_none()).collect();
    for a in &sound {
        for k in (0..wells.wells.len()).filter(|&k| is_claimed(a.weights[k].value.max(used.weights[k].value)))
        {
            if !a.weights[k].meets(&used.weights[k], apart) {
                return no(format!(
                    "{} and {} contradict each other about the basin of minimum {}: {:.4} and {:.4}",
                    used.route.name(),
                    a.route.name(),
                    wells.wells[k].id.text(),
                    used.weights[k].value,
                    a.weights[k].value
                ));
            }
        }
    }
    let differ = |a: &Answer| a.log_total.zip(used.log_total).is_some_and(|(a, b)| !a.meets(&b, apart));
    if let Some(a) = sound.iter().find(|a| differ(a)) {
        let (one, other) = (used.route.name(), a.route.name());
        return no(format!("{one} and {other} contradict each other about the partition function"));
    }
    if used.route == Route::Quadrature {
        // It has covered all that counts: what flows to no known minimum is seen at its nodes.
        return Verdict::Consistent;
    }
    match wells.set.completeness {
        Completeness::Proven => {}
        // Saddles hold no weight.
        Completeness::Estimated { high, .. } => match wells.set.work.unseen_minima {
            Some(minima) if minima > 1.0 => {
                return no(format!("up to {:.0} minima may not have been found", minima.ceil()));
            }
            None if !(high <= 1.0) => {
                return no(format!(
                    "up to {high:.0} critical points may not have been found, minima among them"
                ));
            }
            _ => {}
        },
        Completeness::Unknown => return no("it is not known whether these are all minima".into()),
    }
    // A bridge is made of the chains: beside them it is no second route.
    for (route, missing) in [
        (Route::Importance, "no importance sampling was done"),
        (Route::Chains, "no chains from different basins were run"),
    ] {
        match at.answers.iter().find(|a| a.route == route) {
            None => return no(missing.into()),
            Some(Answer { failure: Some(why), .. }) => return no(format!("{}: {why}", route.name())),
            Some(_) => {}
        }
    }
    Verdict::Consistent
}
