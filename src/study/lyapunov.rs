//! `[lyapunov]`: the section, and the table that `smale lyapunov` makes of it.

use std::path::{Path, PathBuf};

use faer::Mat;
use serde_json::{Value, json};

use super::region::{self, Choice};
use super::section::{Item, Section};
use super::{Study, build_kind, find_kind, keys};
use crate::control::Control;
use crate::critical::settle_region;
use crate::data;
use crate::error::{Error, Result, brief};
use crate::landscape::{Family, KINDS, Key, Kind, Takes};
use crate::lyapunov::descent::{self, Starts};
use crate::lyapunov::{Check, diffusion, interval};
use crate::measure::diffusion::{self as sampling, Method, Process};

/// What is to be checked, and on what besides the study's landscape.
#[derive(Clone)]
pub struct LyapunovSection {
    /// Orbits a flow, at least 1.
    pub orbits: usize,
    /// Where orbits of a landscape's own flow begin.
    pub starts: Starts,
    /// Steps of the ODE and the SDE, at least 1.
    pub steps: usize,
    /// Their method.
    pub method: Method,
    /// The times between which they run.
    times: Option<(f64, f64)>,
    /// File of the points that the study's landscape was trained on.
    training_data: Option<PathBuf>,
    /// Landscapes to compare with.
    others: Vec<Subject>,
}

impl Default for LyapunovSection {
    fn default() -> Self {
        LyapunovSection {
            orbits: 200,
            starts: Starts::Region,
            steps: 256,
            method: Method::Heun,
            times: None,
            training_data: None,
            others: vec![],
        }
    }
}

/// A landscape to compare with.
#[derive(Clone)]
struct Subject {
    name: String,
    kind: &'static Kind,
    section: Section,
    region: Option<Choice>,
    times: Option<(f64, f64)>,
    training_data: Option<PathBuf>,
}

pub(super) fn read(section: &mut Section) -> Result<LyapunovSection> {
    let default = LyapunovSection::default();
    let starts = choice(section, "starts", &[("region", Starts::Region), ("data", Starts::Data)])?;
    let method = choice(section, "method", &[("heun", Method::Heun), ("euler", Method::Euler)])?;
    let items = section.items("landscape")?.unwrap_or_default();
    let subject = |item: Item| match item {
        Item::Table(table) => subject(table),
        Item::Text(_) => Err(section.error("landscape", "`landscape` must be a table").with_help(
            "write [[lyapunov.landscape]] and its keys below, for every landscape to compare with",
        )),
    };
    let others = items.into_iter().map(subject).collect::<Result<Vec<_>>>()?;
    Ok(LyapunovSection {
        orbits: section.integer("orbits")?.unwrap_or(default.orbits),
        starts: starts.unwrap_or(default.starts),
        steps: section.integer("steps")?.unwrap_or(default.steps),
        method: method.unwrap_or(default.method),
        times: times(section)?,
        training_data: section.path("training_data")?,
        others,
    })
}

fn subject(mut table: Section) -> Result<Subject> {
    let kind = find_kind(&mut table, KINDS).map_err(|e| table.locate(e))?;
    let name = table.text("name")?.unwrap_or_else(|| kind.name.to_owned());
    let times = times(&mut table)?;
    let region = table.table("region")?.map(|mut section| region::read(&mut section)).transpose()?;
    let training_data = table.path("training_data")?;
    Ok(Subject { name, kind, section: table, region, times, training_data })
}

/// The points of a file, one a column.
pub(super) fn training_data(path: &Path, dim: usize) -> Result<Mat<f64>> {
    let table = data::read(path)?;
    if table.columns != dim {
        let have = table.columns;
        return Err(Error::file(
            path,
            format!("`training_data` have {have} columns, the landscape {dim} dimensions"),
        ));
    }
    Ok(data::Points::from_rows(table.values, dim)?.values)
}

pub(super) fn choice<T: Copy>(section: &mut Section, key: &str, choices: &[(&str, T)]) -> Result<Option<T>> {
    let Some(text) = section.text(key)? else { return Ok(None) };
    match choices.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
            let error = section.error(key, format!("unknown `{key}` {:?}", brief(&text)));
            Err(error.with_help(format!("it is {}", names.join(" or "))))
        }
    }
}

fn times(section: &mut Section) -> Result<Option<(f64, f64)>> {
    match section.numbers("times")?.as_deref() {
        None => Ok(None),
        Some(&[from, to]) if from > to && to > 0.0 => Ok(Some((from, to))),
        Some(_) => Err(section
            .error("times", "`times` must be two positive numbers, the first the larger one")
            .with_help("write times = [1.0, 0.001]: from noise at time 1 to data at time 0.001")),
    }
}

/// The rows of the table, landscape by landscape.
pub(super) struct Table {
    rows: Vec<(String, Check)>,
    pub(super) interrupted: bool,
}

/// One landscape of the table.
struct Case<'a> {
    name: &'a str,
    landscape: &'a dyn Family,
    region: Option<&'a Choice>,
    times: Option<(f64, f64)>,
    training_data: Option<&'a Path>,
}

/// Checks the study's landscape and those it is compared with.
pub(super) fn table(study: &Study, landscape: &dyn Family, control: &Control<'_>) -> Result<Table> {
    let default = LyapunovSection::default();
    let asked = study.lyapunov.as_ref().unwrap_or(&default);
    let mut table = Table { rows: vec![], interrupted: false };
    let first = Case {
        name: study.kind.name,
        landscape,
        region: study.region.as_ref(),
        times: asked.times,
        training_data: asked.training_data.as_deref(),
    };
    table.add(&first, asked, study.seed, control)?;
    for other in &asked.others {
        let family = build_kind(other.kind, &other.section)?;
        let case = Case {
            name: &other.name,
            landscape: family.as_ref(),
            region: other.region.as_ref(),
            times: other.times.or(asked.times),
            training_data: other.training_data.as_deref(),
        };
        table.add(&case, asked, study.seed, control).map_err(|e| other.section.locate(e))?;
    }
    Ok(table)
}

impl Table {
    fn add(
        &mut self,
        case: &Case<'_>,
        asked: &LyapunovSection,
        seed: u64,
        control: &Control<'_>,
    ) -> Result<()> {
        let Case { name, landscape, .. } = *case;
        let n = landscape.dim();
        let region = case.region.map(|choice| choice.for_dim(n)).transpose()?;
        let region = settle_region(landscape, region.as_ref())?;
        let training = case.training_data.map(|path| training_data(path, n)).transpose()?;
        let training = training.as_ref().map(|points| points.as_ref());
        let options = descent::Options { orbits: asked.orbits, starts: asked.starts, seed };
        let data = training.or_else(|| landscape.data());
        match descent::check(landscape, &region, data, &options, control)? {
            Some(check) => self.rows.push((name.to_owned(), check)),
            None => self.interrupted = true,
        }
        let Some(model) = landscape.diffusion() else { return Ok(()) };
        let (from, to) = case.times.or_else(|| sampling::default_times(model)).ok_or_else(|| {
            Error::input(format!(
                "{name}: its data are not known, so `times` must say between which noise it runs"
            ))
            .with_help("times = [1.0, 0.001] leads from noise at time 1 to data at time 0.001")
        })?;
        let last = landscape.with_parameter("t", to).ok();
        let a = model.schedule().at(to).0;
        let contracted = training.map(|points| points * faer::Scale(a));
        let contracted = contracted.as_ref().map(|points| points.as_ref());
        let data = contracted.or_else(|| last.as_ref().and_then(|l| l.data()));
        for process in [Process::Ode, Process::Sde] {
            let Some(method) = (!control.stopped()).then_some(asked.method) else {
                self.interrupted = true;
                break;
            };
            let options = sampling::Options { process, method, from, to, steps: asked.steps, seed };
            match diffusion::check(model, asked.orbits, data, &options, control)? {
                Some(checks) => self.rows.extend(checks.map(|check| (name.to_owned(), check))),
                None => self.interrupted = true,
            }
        }
        Ok(())
    }

    /// `lyapunov.csv`.
    pub(super) fn csv(&self) -> String {
        let mut text = "flow,process,energy,orbits,fraction_decreasing,fraction_decreasing_low,\
                        fraction_decreasing_high,largest_increase,identity_error,fraction_at_rest,\
                        fraction_at_rest_low,fraction_at_rest_high,residual,datum_distance,data_reached,level\n"
            .to_owned();
        let cell = |v: Option<f64>| v.filter(|v| v.is_finite()).map_or(String::new(), |v| format!("{v:?}"));
        for (name, check) in &self.rows {
            let (decreasing, rest) =
                (fraction(check.decreasing, check), fraction(Some(check.at_rest), check));
            let numbers = [
                decreasing.map(|f| f.0),
                decreasing.map(|f| f.1),
                decreasing.map(|f| f.2),
                check.largest_increase,
                check.identity_error,
                rest.map(|f| f.0),
                rest.map(|f| f.1),
                rest.map(|f| f.2),
                Some(check.residual),
                check.datum_distance,
            ];
            let mut cells = vec![quoted(name), check.process.name().into(), check.energy.name().into()];
            cells.push(check.orbits.to_string());
            cells.extend(numbers.map(cell));
            cells.push(check.data_reached.map_or(String::new(), |d| d.to_string()));
            cells.push("estimated".into());
            text += &(cells.join(",") + "\n");
        }
        text
    }

    /// The same for `summary.json`.
    pub(super) fn json(&self) -> Value {
        let number =
            |v: Option<f64>| v.and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number);
        let share = |f: Option<(f64, f64, f64)>| match f {
            None => Value::Null,
            Some((value, low, high)) => {
                json!({ "value": value, "low": low, "high": high, "confidence": 0.95 })
            }
        };
        let row = |(name, check): &(String, Check)| {
            json!({
                "flow": name,
                "process": check.process.name(),
                "energy": check.energy.name(),
                "orbits": check.orbits,
                "fraction_decreasing": share(fraction(check.decreasing, check)),
                "largest_increase": number(check.largest_increase),
                "identity_error": number(check.identity_error),
                "fraction_at_rest": share(fraction(Some(check.at_rest), check)),
                "residual": number(Some(check.residual)),
                "datum_distance": number(check.datum_distance),
                "data_reached": check.data_reached,
            })
        };
        self.rows.iter().map(row).collect()
    }

    /// The same as lines to read.
    pub(super) fn text(&self) -> String {
        let width = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(4);
        let mut text = format!(
            "{:width$}  {:7}  {:9}  {:>7}  {:>8}  {:>8}  {:>7}  {:>8}\n",
            "flow", "process", "energy", "falls", "rises by", "identity", "at rest", "residual"
        );
        let percent = |f: Option<(f64, f64, f64)>| f.map_or("-".into(), |f| format!("{:.1}%", 100.0 * f.0));
        let small = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.1e}"));
        for (name, c) in &self.rows {
            let (falls, rest) = (percent(fraction(c.decreasing, c)), percent(fraction(Some(c.at_rest), c)));
            let (rise, identity, residual) =
                (small(c.largest_increase), small(c.identity_error), small(Some(c.residual)));
            let (process, energy) = (c.process.name(), c.energy.name());
            text += &format!(
                "{name:width$}  {process:7}  {energy:9}  {falls:>7}  {rise:>8}  {identity:>8}  {rest:>7}  {residual:>8}\n"
            );
        }
        text
    }
}

/// A share of the orbits and its interval.
fn fraction(hits: Option<usize>, check: &Check) -> Option<(f64, f64, f64)> {
    let hits = hits?;
    let (low, high) = interval(hits, check.orbits);
    Some((hits as f64 / check.orbits.max(1) as f64, low, high))
}

/// A text as a field of a csv.
fn quoted(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Keys of a landscape to compare with, beside those of its kind.
pub(super) const SUBJECT: &[Key] = &[
    keys::key("name", Takes::Text, "its kind", "what its rows are called"),
    keys::key(
        "times",
        Takes::Numbers,
        "those of [lyapunov]",
        "[from, to]: times of the schedule between which ODE and SDE run",
    ),
    keys::key(
        "training_data",
        Takes::Text,
        "its data",
        "file of the points that ends are compared with, for landscapes that don't know their data",
    ),
    keys::key("region", Takes::Table, "its own", "where orbits of its flow begin, as [region]"),
];
