//! All that is known of transitions between minima, at each of some temperatures, as plain rows.
//!
//! In: a landscape with an energy, its critical points and graph, temperatures. Out: [`Rates`]: the law of Eyring and Kramers
//! over every pass ([`kramers`](super::kramers)), the gap of the reduced chain beside that of the generator in up to three
//! dimensions ([`generator`](super::generator)), in more dimensions mean first passage times of the chain beside simulated ones
//! ([`first_passage`](super::passage::first_passage)), and the order in which minima merge ([`chain`](super::chain)).

use faer::Mat;

use super::chain::{Chain, Merge};
use super::generator::{Eigenvalue, grid, line};
use super::kramers::{Network, Order, network};
use super::passage;
use crate::connection::MorseGraph;
use crate::control::Control;
use crate::critical::{CriticalSet, Level};
use crate::error::Result;
use crate::landscape::{Landscape, Reduced};
use crate::linalg::{column, symmetric_eigen};

/// Eigenvalues that are asked for on the line, at most.
const MOST_EIGENVALUES: usize = 32;

/// What is computed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Is the generator discretised, where there are at most three dimensions?
    pub generator: bool,
    /// How.
    pub grid: grid::Options,
    /// Walkers that simulate first passages in more dimensions; 0 for none.
    pub walkers: usize,
    /// Steps at most of all walkers at one temperature.
    pub steps: u64,
    /// Seed of their random numbers.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { generator: true, grid: grid::Options::default(), walkers: 128, steps: 1_500_000, seed: 0 }
    }
}

/// A rate from one minimum to another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The temperature.
    pub temperature: f64,
    /// Id of the minimum that is left.
    pub from: usize,
    /// Id of the one that is reached.
    pub to: usize,
    /// Id of the saddle that is crossed; `None` of a first passage by whatever way.
    pub saddle: Option<usize>,
    /// Logarithm of the rate; of a first passage minus that of its mean time.
    pub log_rate: f64,
    /// Is the next order in it?
    pub next_order: bool,
    /// How it was computed: `eyring-kramers`, `chain`, `simulation`.
    pub method: &'static str,
    /// Its error, relative to the rate: of formulas an estimate, of simulations half an interval of 95%.
    pub error: Option<f64>,
    /// How far it can be relied on.
    pub level: Level,
    /// Why there is not more of it: no next order, say. Empty if there is.
    pub reason: String,
}

/// A small eigenvalue of the generator at a temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct EigenvalueRow {
    /// The temperature.
    pub temperature: f64,
    /// Its place above zero: 1 is the spectral gap.
    pub number: usize,
    /// Its logarithm.
    pub log_value: f64,
    /// Its error, relative to it.
    pub error: Option<f64>,
    /// Logarithm of what the reduced chain says, where another method gave the gap.
    pub log_theory: Option<f64>,
    /// `generator` or `chain`.
    pub method: &'static str,
    /// How far it can be relied on.
    pub level: Level,
    /// Why the generator was not used, or the next order not quoted; empty if they were.
    pub reason: String,
}

/// Rates, gaps and mergers.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// The wells and passes.
    pub network: Network,
    /// Rates, by temperature, then saddle.
    pub rows: Vec<Row>,
    /// Small eigenvalues, by temperature, ascending; none of a single well or of wells that are not joined.
    pub eigenvalues: Vec<EigenvalueRow>,
    /// At each temperature, in which order minima merge (ids of minima).
    pub merges: Vec<(f64, Vec<Merge>)>,
    /// What else is to be said, as sentences.
    pub notes: Vec<String>,
}

/// The landscape in the coordinates in which it is not quadratic, and minima there.
struct Inner<'a> {
    landscape: &'a dyn Landscape,
    points: Vec<Vec<f64>>,
    /// Curvature of the rest and its dimensions, if there is one.
    normal: Option<(f64, usize)>,
}

impl<'a> Inner<'a> {
    fn new(landscape: &'a dyn Landscape, reduced: Option<&'a Reduced>, set: &CriticalSet) -> Inner<'a> {
        let Some(r) = reduced else {
            let points = set.points.iter().map(|p| p.x.clone()).collect();
            return Inner { landscape, points, normal: None };
        };
        let inside = |x: &[f64]| {
            let away: Vec<f64> = x.iter().zip(&r.origin).map(|(x, o)| x - o).collect();
            let z = r.basis.transpose() * column(&away);
            z.col_as_slice(0).to_vec()
        };
        let points = set.points.iter().map(|p| inside(&p.x)).collect();
        let across = r.origin.len() - r.basis.ncols();
        let normal = (across > 0).then_some((r.normal, across));
        Inner { landscape: r.inner.as_ref(), points, normal }
    }
}

/// Rates at each temperature.
///
/// # Errors
/// If the landscape has no energy, or a minimum is degenerate. What else cannot be had is said in rows and notes.
pub fn rates(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: &MorseGraph,
    temperatures: &[f64],
    options: &Options,
    control: &Control<'_>,
) -> Result<Rates> {
    let network = network(landscape, set, graph)?;
    let reduced = landscape.reduce();
    let inner = Inner::new(landscape, reduced.as_ref(), set);
    let mut all =
        Rates { notes: network.doubts.clone(), network, rows: vec![], eigenvalues: vec![], merges: vec![] };
    for (saddle, why) in &all.network.left_out {
        all.notes.push(format!("no rate over saddle {saddle}: {why}"));
    }
    if landscape.dynamics().is_some() {
        all.notes.push("rates are those of -grad E, not of the landscape's own dynamics".into());
    }
    for &temperature in temperatures {
        if control.stopped() {
            break;
        }
        all.at(temperature, &inner, set, options, control);
    }
    Ok(all)
}

impl Rates {
    fn at(
        &mut self,
        temperature: f64,
        inner: &Inner<'_>,
        set: &CriticalSet,
        options: &Options,
        control: &Control<'_>,
    ) {
        for rate in self.network.rates(temperature) {
            let (log_rate, next_order, reason) = match rate.next {
                Ok(next) => (next, true, String::new()),
                Err(why) => (rate.leading, false, why),
            };
            self.rows.push(Row {
                temperature,
                from: rate.from,
                to: rate.to,
                saddle: Some(rate.saddle),
                log_rate,
                next_order,
                method: "eyring-kramers",
                error: rate.error,
                level: Level::Estimated,
                reason,
            });
        }
        let fails = self.network.next_order_fails(temperature);
        let order = if fails.is_none() { Order::Next } else { Order::Leading };
        let chain = self.network.chain(temperature, order);
        let ids: Vec<usize> = self.network.wells.iter().map(|w| w.minimum).collect();
        let merges = chain.merges().into_iter();
        let named = merges.map(|m| Merge { state: ids[m.state], into: ids[m.into], ..m }).collect();
        self.merges.push((temperature, named));
        self.spectrum(temperature, &chain, fails.as_ref(), inner, set, options, control);
        if inner.landscape.dim() > 3 && options.walkers > 0 {
            self.passage(temperature, &chain, fails, inner, set, options, control);
        }
    }

    /// The error of the chain, relative: the first terms that were left out.
    fn chain_error(&self, temperature: f64, next_order: bool) -> Option<f64> {
        let wells = self.network.wells.iter().map(|w| w.correction);
        let all = wells.chain(self.network.passes.iter().map(|p| p.correction));
        let largest = all.map(|c| c.map(f64::abs)).try_fold(0.0_f64, |m, c| c.map(|c| m.max(c)))?;
        // A well and a pass both err.
        let size = temperature * largest;
        Some(if next_order { size * size } else { 2.0 * size })
    }

    #[allow(clippy::too_many_arguments)]
    fn spectrum(
        &mut self,
        temperature: f64,
        chain: &Chain,
        fails: Option<&String>,
        inner: &Inner<'_>,
        set: &CriticalSet,
        options: &Options,
        control: &Control<'_>,
    ) {
        let theory = chain.log_spectrum();
        let theory = |k: usize| theory.get(k).copied().filter(|l| l.is_finite());
        let (found, why) = if options.generator && inner.landscape.dim() <= 3 {
            match generator(inner, set, temperature, options, control) {
                Ok(found) => (found, String::new()),
                Err(why) => (vec![], why.to_string()),
            }
        } else {
            (vec![], "the generator is discretised in up to three dimensions".into())
        };
        let (mut number, mut of_chain) = (0, 0);
        for (value, within) in &found {
            number += 1;
            of_chain += usize::from(*within);
            self.eigenvalues.push(EigenvalueRow {
                temperature,
                number,
                log_value: value.value.ln(),
                error: Some(value.error / value.value),
                log_theory: theory(of_chain).filter(|_| *within),
                method: "generator",
                level: Level::Checked,
                reason: String::new(),
            });
        }
        let error = self.chain_error(temperature, fails.is_none());
        let why = if found.is_empty() { why } else { "it did not settle on the grids".into() };
        while let Some(log_value) = theory(of_chain + 1) {
            number += 1;
            of_chain += 1;
            self.eigenvalues.push(EigenvalueRow {
                temperature,
                number,
                log_value,
                error,
                log_theory: None,
                method: "chain",
                level: Level::Estimated,
                reason: fails.map_or_else(|| why.clone(), |f| format!("{why}; {f}")),
            });
        }
    }

    /// The quickest way to the deepest minimum, by the chain and by simulation.
    #[allow(clippy::too_many_arguments)]
    fn passage(
        &mut self,
        temperature: f64,
        chain: &Chain,
        fails: Option<String>,
        inner: &Inner<'_>,
        set: &CriticalSet,
        options: &Options,
        control: &Control<'_>,
    ) {
        let wells = &self.network.wells;
        let Some(deepest) = (0..wells.len()).min_by(|&a, &b| wells[a].energy.total_cmp(&wells[b].energy))
        else {
            return;
        };
        let times = chain.log_passage_times(deepest);
        let quickest = (0..wells.len()).filter(|&i| i != deepest && times[i].is_finite());
        let Some(start) = quickest.min_by(|&a, &b| times[a].total_cmp(&times[b])) else { return };
        let (from, to) = (wells[start].minimum, wells[deepest].minimum);
        let next_order = fails.is_none();
        let row = |log_rate, method, error, reason: String| Row {
            temperature,
            from,
            to,
            saddle: None,
            log_rate,
            next_order: next_order && method == "chain",
            method,
            error,
            level: Level::Estimated,
            reason,
        };
        let error = self.chain_error(temperature, next_order);
        let chain_row = row(-times[start], "chain", error, fails.unwrap_or_default());
        self.rows.push(chain_row);
        let expected = times[start].exp();
        let stiff = [from, to]
            .iter()
            .filter_map(|&i| set.points[i].eigenvalues.last())
            .fold(0.0_f64, |m, l| m.max(*l));
        let steps = expected * stiff / passage::Options::default().step * options.walkers as f64;
        if !(steps <= options.steps as f64) {
            self.notes.push(format!(
                "at temperature {} passages take too long to be simulated",
                crate::error::shown(temperature)
            ));
            return;
        }
        let asked = passage::Options {
            walkers: options.walkers,
            seed: options.seed,
            horizon: 8.0 * expected,
            steps: options.steps.saturating_mul(8),
            ..passage::Options::default()
        };
        let ends = [&inner.points[from][..], &inner.points[to][..]];
        match passage::first_passage(inner.landscape, ends, temperature, &asked, control) {
            Ok(found) => {
                let Some(mean) = found.mean else { return };
                let half = (found.high - mean).max(mean - found.low) / mean;
                let reason = match found.censored {
                    0 => String::new(),
                    some => format!(
                        "{some} of {} walkers had not arrived when they were given up",
                        options.walkers
                    ),
                };
                let simulated = row(-mean.ln(), "simulation", Some(half), reason);
                self.rows.push(simulated);
            }
            Err(why) => self.notes.push(why.to_string()),
        }
    }
}

/// The small eigenvalues of the generator, in the inner coordinates (true) and in the rest.
fn generator(
    inner: &Inner<'_>,
    set: &CriticalSet,
    temperature: f64,
    options: &Options,
    control: &Control<'_>,
) -> Result<Vec<(Eigenvalue, bool)>> {
    let of = |index: usize| set.points.iter().zip(&inner.points).filter(move |(p, _)| p.index == index);
    let minima: Vec<Vec<f64>> = of(0).map(|(_, x)| x.clone()).collect();
    // Degenerate wells are not counted: how many eigenvalues are small is not known then.
    let wells = if set.degenerate.is_empty() { minima.len() } else { 1 };
    let count = wells.saturating_sub(1).clamp(1, MOST_EIGENVALUES);
    let found = if inner.landscape.dim() == 1 {
        let points: Vec<f64> = inner.points.iter().map(|x| x[0]).collect();
        line::spectrum(inner.landscape, &points, temperature, count)?
    } else {
        // Energies of the inner landscape differ by a constant.
        let lowest = of(0).map(|(p, x)| inner.landscape.energy(x) - p.energy).next().unwrap_or(0.0);
        let top = of(0).chain(of(1)).map(|(p, _)| p.energy + lowest).fold(f64::NEG_INFINITY, f64::max);
        let curvature = inner.points.iter().map(|x| stiffness(inner.landscape, x)).fold(0.0, f64::max);
        let domain =
            grid::Domain { landscape: inner.landscape, minima: &minima, top, curvature, temperature };
        grid::spectrum(&domain, &options.grid, control)?
    };
    let mut all: Vec<(Eigenvalue, bool)> = found.into_iter().map(|e| (e, true)).collect();
    if let (Some((normal, across)), Some(&(last, _))) = (inner.normal, all.last())
        && normal < last.value
    {
        // Across the hull the process is that of a quadratic, the same in each direction.
        let count = all.len();
        all.extend((0..across).map(|_| (Eigenvalue { value: normal, error: 0.0, ..last }, false)));
        all.sort_by(|a, b| a.0.value.total_cmp(&b.0.value));
        all.truncate(count);
    }
    Ok(all)
}

/// The size of the largest eigenvalue of the Hessian, zero where it is not finite.
fn stiffness(landscape: &dyn Landscape, x: &[f64]) -> f64 {
    let d = x.len();
    let mut hessian = Mat::zeros(d, d);
    landscape.hessian(x, hessian.as_mut());
    let (mut values, mut vectors) = (vec![0.0; d], Mat::zeros(d, d));
    match symmetric_eigen(hessian.as_ref(), &mut values, vectors.as_mut()) {
        true => values.iter().fold(0.0, |m, l| m.max(l.abs())),
        false => 0.0,
    }
}
