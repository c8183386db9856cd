//! `[measure]`: the section, and what is made of it: the invariant measure at falling temperatures, its limit, how fast it is
//! approached.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::pipeline::{critical_options, graph_options};
use super::section::Section;
use super::shares::{self, Drawn};
use super::{Study, rates};
use crate::connection::MorseGraph;
use crate::control::Control;
use crate::critical::{CriticalSet, Level};
use crate::error::{Error, Result};
use crate::export::{self, MeasureRow, PerturbationRow};
use crate::landscape::Landscape;
use crate::measure::convergence::{Convergence, FITTED, convergence};
use crate::measure::gibbs::{Answer, At, Estimate, Options, Route, Table, Verdict, gibbs};
use crate::measure::laplace::{Laplace, laplace};
use crate::measure::perturb::{self, Change, Perturbed, perturbations};
use crate::measure::quadrature::confines;
use crate::measure::wells::{Form, WellId, Wells};
use crate::report::{Estimate as Bar, Panel, PanelRow, Series, panels};

/// Names of the files.
pub(super) const FILES: [&str; 4] =
    ["measure.csv", "convergence.svg", "basin-weights.svg", "perturbations.csv"];

/// Most temperatures.
const MOST_TEMPERATURES: usize = 64;
/// Most samples a temperature.
const MOST_SAMPLES: usize = 10_000_000;
/// Most samples of a diffusion model.
const MOST_DRAWN: usize = 1_000_000;
/// Most fields added to the landscape.
const MOST_PERTURBATIONS: usize = 1000;
/// Shares of the landscape's own scale of energies that are its temperatures by default.
const SCHEDULE: [f64; 5] = [0.5, 0.2, 0.1, 0.05, 0.02];
/// Coordinates whose means are written.
const MOST_COORDINATES: usize = 8;
/// Minima that are drawn.
const MOST_DRAWN_MINIMA: usize = 7;

/// What is asked of the measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeasureSection {
    /// Temperatures; `None` for five on the landscape's own scale.
    pub temperatures: Option<Vec<f64>>,
    /// Is quadrature used where it can be?
    pub quadrature: bool,
    /// Is importance sampling?
    pub importance: bool,
    /// Are Markov chains?
    pub chains: bool,
    /// Most importance samples a temperature.
    pub samples: Option<usize>,
    /// Relative standard error of weights at which sampling ends; positive.
    pub accuracy: Option<f64>,
    /// States kept of each chain in the first round.
    pub states: Option<usize>,
    /// Samples of the diffusion model, by each process; 0 for none.
    pub draw: usize,
    /// The time at which they begin; that at which nothing of the data can be told if absent.
    pub from: Option<f64>,
    /// A file of the data of a model that does not know them.
    pub training_data: Option<PathBuf>,
    /// Random fields added to the landscape, one after the other; 0 for none.
    pub perturbations: usize,
    /// Their size, relative to the landscape's own scales of energy and length; positive.
    pub perturbation: f64,
    /// Standard deviation of noise on the data, drawn anew as many times; zero or more, 0 for none.
    pub data_noise: f64,
}

impl MeasureSection {
    /// What holds without a section.
    pub(super) fn plain() -> Self {
        MeasureSection {
            quadrature: true,
            importance: true,
            chains: true,
            perturbation: 1e-2,
            ..MeasureSection::default()
        }
    }
}

/// Reads the section.
pub(super) fn read(section: &mut Section) -> Result<MeasureSection> {
    let plain = MeasureSection::plain();
    let temperatures = section.numbers("temperatures")?;
    if let Some(list) = &temperatures {
        let help = "write temperatures = [0.5, 0.2, 0.1, 0.05, 0.02]";
        if list.is_empty() || list.len() > MOST_TEMPERATURES {
            let message = format!("`temperatures` must be 1 to {MOST_TEMPERATURES} numbers");
            return Err(section.error("temperatures", message).with_help(help));
        }
        if let Some(bad) = list.iter().find(|t| !(**t > 0.0)) {
            let message = format!("`temperatures` must be positive, not {}", crate::error::shown(*bad));
            return Err(section.error("temperatures", message).with_help(help));
        }
    }
    let asked = MeasureSection {
        temperatures,
        quadrature: section.flag("quadrature")?.unwrap_or(plain.quadrature),
        importance: section.flag("importance")?.unwrap_or(plain.importance),
        chains: section.flag("chains")?.unwrap_or(plain.chains),
        samples: section.integer("samples")?,
        accuracy: section.number("accuracy")?,
        states: section.integer("states")?,
        draw: section.integer("draw")?.unwrap_or(plain.draw),
        from: section.number("from")?,
        training_data: section.path("training_data")?,
        perturbations: section.integer("perturbations")?.unwrap_or(plain.perturbations),
        perturbation: section.number("perturbation")?.unwrap_or(plain.perturbation),
        data_noise: section.number("data_noise")?.unwrap_or(plain.data_noise),
    };
    if !(asked.data_noise >= 0.0) {
        return Err(section.error("data_noise", "`data_noise` must be zero or more".to_string()));
    }
    let alone = [
        ("data_noise", asked.data_noise > 0.0 && asked.perturbations == 0, "perturbations"),
        ("from", asked.from.is_some() && asked.draw == 0, "draw"),
        ("training_data", asked.training_data.is_some() && asked.draw == 0, "draw"),
    ];
    if let Some((key, _, partner)) = alone.into_iter().find(|(_, alone, _)| *alone) {
        let error = section.error(key, format!("`{key}` has no effect without `{partner}`"));
        return Err(error.with_help(format!("write {partner} = 10, say")));
    }
    let limits = [
        ("samples", asked.samples.unwrap_or(0), MOST_SAMPLES),
        ("states", asked.states.unwrap_or(0), MOST_SAMPLES),
        ("draw", asked.draw, MOST_DRAWN),
        ("perturbations", asked.perturbations, MOST_PERTURBATIONS),
    ];
    for (key, value, most) in limits {
        if value > most {
            return Err(section.error(key, format!("`{key}` is {value}, it must be {most} at most")));
        }
    }
    Ok(asked)
}

/// What can be said of a landscape's section before anything is computed.
///
/// # Errors
/// If samples are wanted of what is no diffusion model, noise on data that there are not, or a file of data can't be read.
pub(super) fn check(study: &Study, section: &MeasureSection, landscape: &dyn Landscape) -> Result<()> {
    if section.draw > 0 && landscape.reverse().is_none() {
        return Err(Error::input(
            "[measure]: `draw` needs a diffusion model: a mixture without confinement, a score",
        ));
    }
    if section.data_noise > 0.0 && (!landscape.has_energy() || study.data()?.is_none()) {
        return Err(Error::input("[measure]: `data_noise` needs an energy that is made of `data`"));
    }
    if let Some(path) = &section.training_data {
        super::lyapunov::training_data(path, landscape.dim())?;
    }
    Ok(())
}

/// All that came out.
pub(super) struct Measured {
    ids: Vec<String>,
    wells: Vec<Summed>,
    laplace: Laplace,
    table: Table,
    convergence: Convergence,
    coordinates: Vec<MeasureRow>,
    drawn: Option<Drawn>,
    disturbed: Vec<Disturbed>,
    notes: Vec<String>,
    pub(super) interrupted: bool,
    /// Transitions between minima.
    beside: rates::Beside,
}

/// What changes of one sort did.
struct Disturbed {
    /// The largest slope of the fields that were added; `None` where data were changed.
    slope: Option<f64>,
    /// Standard deviation of the noise on the data; `None` where fields were added.
    data_noise: Option<f64>,
    /// Where weights were compared beside the limit.
    temperature: f64,
    changes: Vec<Change>,
}

/// What the summary says of a well.
struct Summed {
    text: String,
    form: &'static str,
    order: Option<usize>,
}

/// Temperatures on the landscape's own scale: that of its kernel, else the height of its saddles above the lowest minimum,
/// else the range of energies of its critical points.
fn default_temperatures(landscape: &dyn Landscape, set: &CriticalSet) -> Vec<f64> {
    let lowest = set.points.iter().map(|p| p.energy).fold(f64::INFINITY, f64::min);
    let saddles = set.points.iter().filter(|p| p.index == 1).map(|p| p.energy - lowest);
    let highest = saddles.fold(0.0, f64::max);
    let scale = match landscape.kernel() {
        Some(kernel) => kernel.temperature,
        None if highest > 0.0 => highest,
        None => 1.0,
    };
    SCHEDULE.iter().map(|s| s * scale).collect()
}

/// Computes what the study asks for; `section` is its own, or the plain one.
///
/// # Errors
/// If the landscape has no energy, or what is asked for beside the measure cannot be had.
pub(super) fn run(
    study: &Study,
    section: &MeasureSection,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: Option<&MorseGraph>,
    control: &Control<'_>,
) -> Result<Measured> {
    if !landscape.has_energy() {
        return Err(Error::input(format!(
            "[measure]: `{}` has no energy, and so no measure exp(-E/temperature)",
            study.kind.name
        )));
    }
    crate::linalg::sequential();
    let reduced = landscape.reduce();
    let wells = Wells::new(landscape, reduced.as_ref(), set);
    let mut theory = laplace(&wells);
    let mut temperatures =
        section.temperatures.clone().unwrap_or_else(|| default_temperatures(landscape, set));
    temperatures.sort_by(|a, b| b.total_cmp(a));
    temperatures.dedup();
    let warmest = temperatures.first().copied().unwrap_or(0.0);
    if reduced.is_none() && !confines(&wells, warmest) {
        theory.cut_to(&wells, &set.region);
    }
    let mut options = Options {
        temperatures: temperatures.clone(),
        quadrature: section.quadrature,
        importance: section.importance,
        chains: section.chains,
        ..Options::default()
    };
    options.importance_options.seed = study.seed;
    options.chain_options.seed = study.seed;
    if let Some(most) = section.samples {
        options.importance_options.most = most;
        options.importance_options.samples = options.importance_options.samples.min(most);
    }
    if let Some(accuracy) = section.accuracy {
        options.importance_options.accuracy = accuracy;
    }
    if let Some(states) = section.states {
        options.chain_options.kept = states;
    }
    let table = gibbs(&wells, &theory, &set.region, &options, control);
    let convergence = convergence(&wells, &theory, &table, study.seed);
    let mut notes: Vec<String> =
        table.skipped.iter().map(|(route, why)| format!("no {}: {why}", route.name())).collect();
    if table.cut {
        notes.push("the energy does not confine: the measure is that on the region".into());
    }
    if let Some((_, curvature)) = Some(wells.normal()).filter(|n| n.0 > 0)
        && !(curvature > 0.0)
    {
        notes.push("directions along which the landscape is flat by its form are left out".into());
    }
    notes.extend(wells.doubts.iter().cloned());
    let coordinates = match landscape.dim() <= MOST_COORDINATES {
        true => means(&wells, &table),
        false => vec![],
    };
    let mut all = Measured {
        ids: wells.wells.iter().map(|w| w.id.text()).collect(),
        wells: wells.wells.iter().map(summed).collect(),
        laplace: theory,
        interrupted: table.interrupted || control.stopped(),
        table,
        convergence,
        coordinates,
        drawn: None,
        disturbed: vec![],
        notes,
        beside: rates::of_energy(landscape, set, graph, &temperatures, study.seed, control)?,
    };
    all.notes.append(&mut all.beside.notes);
    if section.draw > 0 && !control.stopped() {
        // What was computed so far is not lost for it.
        match shares::run(section, study, landscape, set, control) {
            Ok(drawn) => all.drawn = Some(drawn),
            Err(why) => all.notes.push(format!("no shares of samples: {why}")),
        }
    }
    if let (true, Some(graph), false) = (section.perturbations > 0, graph, control.stopped()) {
        let lowest = wells.lowest();
        let highest = set.points.iter().map(|p| p.energy).fold(f64::NEG_INFINITY, f64::max);
        let (energy, length) = ((highest - lowest).max(0.0), wells.scale());
        let temperature = temperatures.iter().copied().fold(f64::INFINITY, f64::min);
        let slope = section.perturbation * if energy > 0.0 { energy } else { 1.0 } / length;
        let options = perturb::Options {
            count: section.perturbations,
            temperature,
            seed: study.seed,
            search: critical_options(study),
            connect: graph_options(study),
            region: Some(set.region.clone()),
        };
        let field = |seed| -> Result<Box<dyn Landscape + '_>> {
            Ok(Box::new(Perturbed::new(landscape, slope, length, seed)))
        };
        match perturbations(&field, set, graph, &options, control) {
            Ok(changes) => {
                all.disturbed.push(Disturbed { slope: Some(slope), data_noise: None, temperature, changes });
            }
            Err(why) => all.notes.push(format!("no perturbations: {why}")),
        }
        if section.data_noise > 0.0 {
            let other = |seed| -> Result<Box<dyn Landscape>> {
                Ok(study.build_with_data_noise(section.data_noise, seed)?)
            };
            // The region moves with the data, unless the study names one.
            let options = perturb::Options { region: study.region_for(landscape.dim())?, ..options };
            let data_noise = Some(section.data_noise);
            match perturbations(&other, set, graph, &options, control) {
                Ok(changes) => {
                    all.disturbed.push(Disturbed { slope: None, data_noise, temperature, changes })
                }
                Err(why) => all.notes.push(format!("no noise on the data: {why}")),
            }
        }
    }
    Ok(all)
}

fn summed(well: &crate::measure::wells::Well) -> Summed {
    let (form, order) = match &well.form {
        Form::Regular { .. } => ("nondegenerate", None),
        Form::Flat { order, .. } => ("flat", Some(*order)),
        Form::Curve { .. } => ("curve", None),
        Form::Unknown(_) => ("unknown", None),
    };
    Summed { text: well.id.text(), form, order }
}

/// Means of the coordinates within each basin.
fn means(wells: &Wells<'_>, table: &Table) -> Vec<MeasureRow> {
    let mut rows = vec![];
    for at in &table.at {
        let (Some(used), Some(sample)) = (at.used(), &at.sample) else { continue };
        let cloud = sample.cloud();
        let shares = cloud.weights();
        for (k, well) in wells.wells.iter().enumerate() {
            let own: Vec<f64> = (0..cloud.len())
                .map(|n| if cloud.labels[n] == Some(k as u32) { shares[n] } else { 0.0 })
                .collect();
            let total: f64 = own.iter().sum();
            let Form::Regular { jet: Some(jet), .. } = &well.form else { continue };
            let Some(drift) = jet.drift() else { continue };
            if !(total > 1e-12) {
                continue;
            }
            let lift = |x: &[f64]| wells.reduced.map_or_else(|| x.to_vec(), |r| r.lift(x));
            let mut mean = vec![0.0; wells.dim()];
            for (n, share) in own.iter().enumerate().filter(|(_, s)| **s > 0.0) {
                let away = wells.set.region.difference(&well.x, cloud.point(n));
                crate::linalg::axpy(share / total, &away, &mut mean);
            }
            let moved: Vec<f64> = well.x.iter().zip(&mean).map(|(x, m)| x + m).collect();
            let expected: Vec<f64> = well.x.iter().zip(&drift).map(|(x, d)| x + at.eps * d).collect();
            let (moved, expected) = (lift(&moved), lift(&expected));
            for i in 0..moved.len() {
                // A mean over a basin: its error is that of the deviations from it, relative to the basin's weight.
                let deviation: Vec<f64> = (0..cloud.len())
                    .map(|n| match own[n] > 0.0 {
                        true => (lift(cloud.point(n))[i] - moved[i]) / total,
                        false => 0.0,
                    })
                    .collect();
                rows.push(MeasureRow {
                    temperature: Some(at.eps),
                    quantity: format!("mean_x{i}"),
                    minimum: well.id.text(),
                    value: Some(moved[i]),
                    error: Some(sample.error(&deviation)).filter(|e| *e > 0.0),
                    theory: Some(expected[i]),
                    method: used.route.name().into(),
                    level: level(at, used.route),
                });
            }
        }
    }
    rows
}

/// The level of a row: `unknown` where the verdict is that there is not enough information.
fn level(at: &At, route: Route) -> String {
    match at.verdict {
        Verdict::Consistent => export::level_name(route.level()).into(),
        Verdict::NotEnough(_) => "unknown".into(),
    }
}

impl Measured {
    /// The rows of `measure.csv`.
    fn rows(&self) -> Vec<MeasureRow> {
        let mut rows = vec![];
        let is_known = self.laplace.limit.iter().any(|w| *w > 0.0);
        for (k, id) in self.ids.iter().enumerate() {
            rows.push(MeasureRow {
                temperature: Some(0.0),
                quantity: "limit_weight".into(),
                minimum: id.clone(),
                value: Some(self.laplace.limit[k]).filter(|_| is_known),
                method: "laplace".into(),
                level: if is_known { export::level_name(Level::Checked) } else { "unknown" }.into(),
                ..MeasureRow::default()
            });
        }
        for (at, row) in self.table.at.iter().zip(&self.convergence.rows) {
            self.rows_of_weights(at, &mut rows);
            let Some(used) = at.used() else { continue };
            let of = |quantity: &str, value: Option<Estimate>, theory: Option<f64>| MeasureRow {
                temperature: Some(at.eps),
                quantity: quantity.into(),
                minimum: String::new(),
                value: value.map(|v| v.value),
                error: value.map(|v| v.error()),
                theory,
                method: used.route.name().into(),
                level: level(at, used.route),
            };
            for q in 0..3 {
                rows.push(of(FITTED[q], row.distances[q], row.predicted[q]));
            }
            rows.push(of("kl_to_limit", row.kl_weights, row.predicted_kl_weights));
            rows.push(of(FITTED[3], row.kl_laplace, row.predicted_kl_laplace));
        }
        rows.extend(self.coordinates.iter().cloned());
        rows.extend(self.drawn.iter().flat_map(|d| &d.rows).cloned());
        rows.extend(self.beside.rows.iter().cloned());
        rows
    }

    fn rows_of_weights(&self, at: &At, rows: &mut Vec<MeasureRow>) {
        let theory = self.laplace.weights(at.eps, true);
        for a in at.answers.iter().filter(|a| a.failure.is_none()) {
            let level = level(at, a.route);
            let row = |quantity: &str, minimum: &str, value: Estimate, theory: Option<f64>| MeasureRow {
                temperature: Some(at.eps),
                quantity: quantity.into(),
                minimum: minimum.into(),
                value: Some(value.value),
                error: Some(value.error()),
                theory,
                method: a.route.name().into(),
                level: level.clone(),
            };
            for (k, id) in self.ids.iter().enumerate() {
                rows.push(row("basin_weight", id, a.weights[k], theory.as_ref().map(|t| t[k])));
            }
            let free = |log: Estimate| Estimate::about(-at.eps * log.value, at.eps * log.error());
            if let Some(logs) = &a.log_z {
                for (k, id) in self.ids.iter().enumerate() {
                    let theory =
                        self.laplace.terms[k].map(|t| -at.eps * self.whole(t.log_z(at.eps, true), at));
                    rows.push(row("free_energy", id, free(logs[k]), theory));
                }
            }
            if let Some(total) = a.log_total {
                let theory = self.laplace.log_z(at.eps, true).map(|l| -at.eps * self.whole(l, at));
                rows.push(row("free_energy", "", free(total), theory));
            }
        }
    }

    /// `log Z` of theory with the constant of the landscape's own energy.
    fn whole(&self, log: f64, at: &At) -> f64 {
        log - self.laplace.offset / at.eps
    }

    /// The files, by name.
    ///
    /// # Errors
    /// If a table or a picture cannot be written.
    pub(super) fn files(&self, title: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = vec![(FILES[0].to_string(), export::measure_csv(&self.rows())?.into_bytes())];
        if let Some(svg) = self.convergence_picture(title)? {
            files.push((FILES[1].to_string(), svg.into_bytes()));
        }
        if let Some(svg) = self.weights_picture(title)? {
            files.push((FILES[2].to_string(), svg.into_bytes()));
        }
        if !self.disturbed.is_empty() {
            let mut rows = vec![];
            for d in &self.disturbed {
                for c in &d.changes {
                    rows.extend(c.limit.iter().enumerate().map(|(k, (minimum, limit))| PerturbationRow {
                        seed: c.seed,
                        slope: d.slope,
                        data_noise: d.data_noise,
                        same_graph: c.same_graph,
                        minimum: *minimum,
                        limit: *limit,
                        temperature: d.temperature,
                        weight: c.at_temperature.get(k).map(|w| w.1),
                    }));
                }
            }
            files.push((FILES[3].to_string(), export::perturbations_csv(&rows)?.into_bytes()));
        }
        files.extend(self.beside.files.iter().cloned());
        Ok(files)
    }

    /// Distances and divergences divided by the power of the temperature that theory gives them: level lines.
    fn convergence_picture(&self, title: &str) -> Result<Option<String>> {
        let rows = &self.convergence.rows;
        let names = ["W1", "W2", "bounded Lipschitz", "KL to the Laplace mixture"];
        let mut across = vec![];
        for q in 0..4 {
            let fit = self.convergence.fits.iter().find(|f| f.quantity == FITTED[q]);
            let usual = if q == 3 { 1.0 } else { 0.5 };
            let power = fit.and_then(|f| f.theory).unwrap_or(usual);
            let of = |r: &crate::measure::convergence::Row| match q {
                3 => (r.kl_laplace, r.predicted_kl_laplace),
                _ => (r.distances[q], r.predicted[q]),
            };
            let scaled = |eps: f64, v: f64| v / eps.powf(power);
            let mut measured: Vec<Bar> = (rows.iter())
                .filter_map(|r| {
                    let e = of(r).0?;
                    let s = |v: f64| scaled(r.eps, v);
                    Some(Bar { at: r.eps, mean: s(e.value), low: s(e.low), high: s(e.high) })
                })
                .collect();
            let mut theory: Vec<Bar> = (rows.iter())
                .filter_map(|r| Some((r.eps, scaled(r.eps, of(r).1?))))
                .map(|(at, v)| Bar { at, mean: v, low: v, high: v })
                .collect();
            if measured.is_empty() {
                continue;
            }
            measured.reverse();
            theory.reverse();
            let mut series = vec![Series { name: "measured".into(), points: measured }];
            if !theory.is_empty() {
                series.push(Series { name: "theory, leading order".into(), points: theory });
            }
            let name = format!("{} / temperature^{}", names[q], export::significant(power, 3));
            across.push(PanelRow {
                ordinate: String::new(),
                most: f64::INFINITY,
                panels: vec![Panel { name, series, marks: vec![] }],
            });
        }
        // Rows have their own ordinate: two plots of lengths side by side would share theirs.
        let heading = format!("{title}: approach to the limit");
        (!across.is_empty()).then(|| panels(&heading, "temperature", &across)).transpose()
    }

    fn weights_picture(&self, title: &str) -> Result<Option<String>> {
        let most = |k: usize| {
            let over = self.table.at.iter().filter_map(|at| Some(at.used()?.weights[k].value));
            over.fold(self.laplace.limit[k], f64::max)
        };
        let mut order: Vec<usize> = (0..self.ids.len()).collect();
        order.sort_by(|a, b| most(*b).total_cmp(&most(*a)).then(a.cmp(b)));
        order.truncate(MOST_DRAWN_MINIMA);
        order.sort_unstable();
        let series = |of: &dyn Fn(&At, usize) -> Option<Estimate>| -> Vec<Series> {
            let line = |&k: &usize| {
                let mut points: Vec<Bar> = (self.table.at.iter())
                    .filter_map(|at| of(at, k).map(|e| (at.eps, e)))
                    .map(|(at, e)| Bar { at, mean: e.value, low: e.low, high: e.high })
                    .collect();
                points.reverse();
                Series { name: format!("minimum {}", self.ids[k]), points }
            };
            order.iter().map(line).filter(|s| !s.points.is_empty()).collect()
        };
        let measured = series(&|at, k| Some(at.used()?.weights[k]));
        let theory = series(&|at, k| {
            let w = self.laplace.weights(at.eps, true)?[k];
            Some(Estimate { value: w, low: w, high: w })
        });
        if measured.is_empty() {
            return Ok(None);
        }
        let panel = |name: &str, series| Panel { name: name.into(), series, marks: vec![] };
        let mut both = vec![panel("measured", measured)];
        if !theory.is_empty() {
            both.push(panel("Laplace's method, first correction", theory));
        }
        let row = PanelRow { ordinate: "weight of the basin".into(), most: 1.0, panels: both };
        panels(&format!("{title}: weights of basins"), "temperature", &[row]).map(Some)
    }

    /// The entry of the summary.
    pub(super) fn json(&self) -> Value {
        let finite = |v: f64| serde_json::Number::from_f64(v).map_or(Value::Null, Value::Number);
        let route = |a: &Answer| {
            json!({
                "route": a.route.name(),
                "passed": a.failure.is_none(),
                "failure": a.failure,
                "diagnostic": a.diagnostic,
                "elsewhere": finite(a.elsewhere),
            })
        };
        let at = |at: &At| {
            let reason = match &at.verdict {
                Verdict::Consistent => Value::Null,
                Verdict::NotEnough(why) => why.as_str().into(),
            };
            json!({
                "temperature": at.eps,
                "verdict": at.verdict.name(),
                "reason": reason,
                "used": at.used().map(|a| a.route.name()),
                "routes": at.answers.iter().map(route).collect::<Vec<_>>(),
            })
        };
        let is_known = self.laplace.limit.iter().any(|w| *w > 0.0);
        let minimum = |(k, s): (usize, &Summed)| {
            let term = self.laplace.terms[k];
            json!({
                "minimum": s.text,
                "form": s.form,
                "order": s.order,
                "limit_weight": if is_known { finite(self.laplace.limit[k]) } else { Value::Null },
                "correction": term.and_then(|t| t.correction).map(finite),
            })
        };
        let fit = |f: &crate::measure::convergence::Fit| {
            json!({
                "quantity": f.quantity,
                "exponent": finite(f.exponent.value),
                "low": finite(f.exponent.low),
                "high": finite(f.exponent.high),
                "theory": f.theory,
                "temperatures": f.points,
            })
        };
        let mut value = json!({
            "convention": "dX = -grad E dt + sqrt(2 temperature) dW, invariant law exp(-E/temperature)/Z",
            "temperatures": self.table.at.iter().map(at).collect::<Vec<_>>(),
            "minima": self.wells.iter().enumerate().map(minimum).collect::<Vec<_>>(),
            "exponents": self.convergence.fits.iter().map(fit).collect::<Vec<_>>(),
            "conclusion": self.convergence.conclusion.text(),
            "notes": self.notes,
        });
        if !self.beside.summary.is_null() {
            value["rates"] = self.beside.summary.clone();
        }
        if let Some(drawn) = &self.drawn {
            value["shares"] = drawn.json();
        }
        for d in &self.disturbed {
            let (key, size) = match d.slope {
                Some(slope) => ("perturbations", ("slope", slope)),
                None => ("data_noise", ("deviation", d.data_noise.unwrap_or(0.0))),
            };
            value[key] = json!({
                "count": d.changes.len(),
                size.0: finite(size.1),
                "same_graph": d.changes.iter().filter(|c| c.same_graph).count(),
                "largest_change_of_limit": finite(self.largest_change(&d.changes)),
            });
        }
        value
    }

    /// The largest change of a limit weight under a perturbation.
    fn largest_change(&self, changes: &[Change]) -> f64 {
        let before = |id: usize| {
            let text = WellId::Minimum(id).text();
            self.ids.iter().position(|own| *own == text).map_or(0.0, |k| self.laplace.limit[k])
        };
        changes.iter().flat_map(|c| &c.limit).map(|(id, w)| (w - before(*id)).abs()).fold(0.0, f64::max)
    }

    /// The level of the least certain number that was used.
    pub(super) fn level(&self) -> Level {
        if self.table.at.iter().any(|at| at.verdict != Verdict::Consistent) {
            return Level::Estimated;
        }
        let used = self.table.at.iter().filter_map(|at| at.used());
        used.map(|a| a.route.level()).min().unwrap_or(Level::Estimated)
    }

    /// Two lines to read.
    pub(super) fn text(&self) -> String {
        let limit: Vec<String> = (self.ids.iter().zip(&self.laplace.limit))
            .filter(|(_, w)| **w > 0.0)
            .map(|(id, w)| format!("{} at minimum {id}", export::significant(*w, 6)))
            .collect();
        let list = match limit.len() {
            0 => "unknown".into(),
            1..=6 => limit.join(", "),
            more => format!("{} and {} more", limit[..5].join(", "), more - 5),
        };
        let sound = self.table.at.iter().filter(|at| at.verdict == Verdict::Consistent).count();
        let all = self.table.at.len();
        let routes: Vec<&str> = [Route::Quadrature, Route::Importance, Route::Bridge, Route::Chains]
            .into_iter()
            .filter(|r| self.table.at.iter().any(|at| at.used().is_some_and(|a| a.route == *r)))
            .map(Route::name)
            .collect();
        format!(
            "measure: consistent at {sound} of {all} temperatures (by {}); limit: {list}\n{}",
            if routes.is_empty() { "no route".to_string() } else { routes.join(", ") },
            self.convergence.conclusion.text()
        )
    }
}
