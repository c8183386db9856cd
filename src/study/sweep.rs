//! `[sweep]`: the keys that are swept with their values, and what is kept of each grid point.
//!
//! In: the section, the landscape's kind and section. Out: a [`SweepSection`]; [`crate::sweep`] does the work.

use super::keys;
use super::section::Section;
use super::value::{At, Entry, Override, Value};
use crate::error::{Error, Result, brief, shown};
use crate::landscape::{Kind, Takes};

/// Most values of a key.
const MOST_VALUES: usize = 1_000_000;

/// A value that a key is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A whole number.
    Whole(i64),
    /// A real number.
    Real(f64),
    /// A text.
    Text(String),
    /// true or false.
    Flag(bool),
}

/// A key with the values that it takes one after the other.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The key, with dots where it stands in tables, as after `--set`.
    pub key: String,
    /// Its values, at least one, all of one type.
    pub values: Vec<Setting>,
    path: Vec<String>,
    key_at: At,
    /// Where each value stands; the last for all further ones.
    places: Vec<At>,
}

impl Axis {
    /// Value number `place` as something to lay over a study.
    pub fn over(&self, place: usize) -> Override {
        let value = match &self.values[place] {
            Setting::Whole(v) => Value::Number(*v as f64),
            Setting::Real(v) => Value::Number(*v),
            Setting::Text(text) => Value::Text(text.clone()),
            Setting::Flag(flag) => Value::Flag(*flag),
        };
        let at = &self.places[place.min(self.places.len() - 1)];
        Override::placed(&self.path, &self.key_at, value, at)
    }

    /// An input error that points at the key.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::input(message).at(self.key_at.place())
    }
}

/// What is swept.
#[derive(Clone, Debug)]
pub struct SweepSection {
    /// The keys of the grid, in the file's order.
    pub axes: Vec<Axis>,
    /// The key that gets the number of the repeat, from 0; `None` if nothing is repeated.
    pub repeats: Option<Axis>,
    /// Grid points a task, at least 1.
    pub batch: Option<usize>,
    /// Are critical points connected, too?
    pub graph: bool,
    /// Are the coordinates of critical points kept?
    pub coordinates: bool,
}

/// Reads the section.
pub(super) fn read(mut section: Section, kind: &Kind, landscape: &Section) -> Result<SweepSection> {
    let mut axes = vec![];
    if let Some(grid) = section.table("grid")? {
        collect(&grid, kind, &mut vec![], &mut axes)?;
    }
    for (place, axis) in axes.iter().enumerate() {
        if axes[..place].iter().any(|earlier: &Axis| earlier.key == axis.key) {
            return Err(axis.error(format!("`{}` is in the grid twice", axis.key)));
        }
    }
    let repeats = repeats(&mut section, landscape)?;
    if let Some(axis) = axes.iter().find(|a| repeats.as_ref().is_some_and(|r| r.key == a.key)) {
        let message = format!("`{}` is in the grid and gets the number of the repeat, too", axis.key);
        return Err(axis.error(message).with_help("leave it out of the grid, or name another seed_key"));
    }
    let batch = section.integer("batch")?;
    if batch == Some(0) {
        return Err(section.error("batch", "`batch` must be at least 1"));
    }
    let (graph, coordinates) = (section.flag("graph")?, section.flag("coordinates")?);
    section.finish(keys::of_section("sweep"))?;
    if axes.is_empty() && repeats.is_none() {
        let error = section.missing("grid", "{ sigma = [0.35, 0.45] }");
        return Err(error.with_help(
            "write [sweep.grid] and below it keys of the landscape with their values: sigma = [0.35, 0.45]",
        ));
    }
    Ok(SweepSection {
        axes,
        repeats,
        batch,
        graph: graph.unwrap_or(false),
        coordinates: coordinates.unwrap_or(true),
    })
}

/// The key of the repeats, from `seeds` and `seed_key`.
fn repeats(section: &mut Section, landscape: &Section) -> Result<Option<Axis>> {
    let (seeds, named) = (section.integer("seeds")?, section.text("seed_key")?);
    let Some(seeds) = seeds else {
        return match named {
            None => Ok(None),
            Some(_) => Err(section.error("seed_key", "`seed_key` has no effect without `seeds`")),
        };
    };
    if seeds == 0 || seeds > MOST_VALUES {
        return Err(section.error("seeds", format!("`seeds` must lie between 1 and {MOST_VALUES}")));
    }
    let key = match named {
        Some(key) => key,
        None if landscape.is_table("data") => "data.seed".into(),
        None if landscape.has("data") => "shuffle".into(),
        None => {
            return Err(section
                .error("seeds", "`seeds` needs a `seed_key` here: the landscape has no `data` to shuffle")
                .with_help("seed_key = \"seed\" repeats the search with other random starts"));
        }
    };
    let at_of = |key: &str| section.get(key).map(|e| e.value_at.clone());
    let Some(at) = at_of("seeds") else { return Ok(None) };
    let path: Vec<String> = key.split('.').map(str::to_owned).collect();
    if path.iter().any(|part| part.trim().is_empty()) {
        return Err(section.error("seed_key", format!("`seed_key` can't be {:?}", brief(&key))));
    }
    Ok(Some(Axis {
        values: (0..seeds as i64).map(Setting::Whole).collect(),
        path,
        key_at: at_of("seed_key").unwrap_or_else(|| at.clone()),
        places: vec![at],
        key,
    }))
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Number(_))
}

/// Appends the keys of a table of the grid. Tables that are no range have keys of tables of the study.
fn collect(grid: &Section, kind: &Kind, outer: &mut Vec<String>, axes: &mut Vec<Axis>) -> Result<()> {
    for entry in &grid.entries {
        let depth = outer.len();
        outer.extend(entry.key.split('.').map(str::to_owned));
        let range = ["from", "to", "count"];
        match &entry.value {
            Value::Table(inner)
                if !inner.iter().any(|e| range.contains(&e.key.as_str()) && is_number(&e.value)) =>
            {
                let table = Section::new(&format!("sweep.grid.{}", entry.key), inner.clone());
                if inner.is_empty() {
                    return Err(grid.error(&entry.key, format!("`{}` has no values", entry.key)));
                }
                collect(&table, kind, outer, axes)?;
            }
            _ => axes.push(axis(grid, entry, kind, outer)?),
        }
        outer.truncate(depth);
    }
    Ok(())
}

fn axis(grid: &Section, entry: &Entry, kind: &Kind, path: &[String]) -> Result<Axis> {
    let key = path.join(".");
    let takes = takes(kind, path);
    let help = format!("write {key} = [1, 2, 3] or {key} = {{ from = 1, to = 10, count = 4, log = true }}");
    if path.iter().any(|part| part.trim().is_empty()) || path.len() > 8 {
        return Err(grid.error(&entry.key, "no key is called so"));
    }
    if ["title", "sweep"].contains(&path[0].as_str()) {
        return Err(grid.error(&entry.key, format!("`{key}` can't be swept")));
    }
    let (values, places) = match &entry.value {
        Value::Array(items) if items.is_empty() => {
            return Err(grid.error(&entry.key, format!("`{key}` has no values")).with_help(help));
        }
        Value::Array(items) if items.len() > MOST_VALUES => {
            return Err(grid.error(&entry.key, format!("`{key}` has more than {MOST_VALUES} values")));
        }
        Value::Array(items) => {
            let values = items.iter().map(|(value, at)| setting(grid, &key, takes, value, at));
            (values.collect::<Result<Vec<_>>>()?, items.iter().map(|(_, at)| at.clone()).collect())
        }
        Value::Table(_) => (range(grid, &entry.key, &key, takes)?, vec![entry.value_at.clone()]),
        other => {
            let message = format!("`{key}` must be an array of values or a range, not {}", other.what());
            return Err(grid.error(&entry.key, message).with_help(help));
        }
    };
    let same = |v: &Setting| std::mem::discriminant(v) == std::mem::discriminant(&values[0]);
    if !values.iter().all(same) {
        return Err(grid.error(&entry.key, format!("the values of `{key}` are of several types")));
    }
    if let Some(place) = (1..values.len()).find(|k| *k < 1000 && values[..*k].contains(&values[*k])) {
        let at = &places[place.min(places.len() - 1)];
        return Err(Error::input(format!("`{key}` has the same value twice")).at(at.place()));
    }
    Ok(Axis { key, values, path: path.to_vec(), key_at: entry.key_at.clone(), places })
}

/// What a key takes, as far as the kind says; a number for what it does not know by itself, such as a formula's
/// parameters. Whoever builds the landscape finds out whether there is such a key.
fn takes(kind: &Kind, path: &[String]) -> Takes {
    let (first, rest) = (path[0].as_str(), &path[1..]);
    let of =
        |known: &[crate::landscape::Key], name: &str| known.iter().find(|k| k.name == name).map(|k| k.takes);
    let found = match rest {
        [] => of(&keys::of_kind(kind), first).or_else(|| of(keys::TOP, first)),
        [key] if first == "data" => of(keys::RANDOM, key),
        [key] => of(keys::of_section(first), key),
        _ => None,
    };
    found.unwrap_or(Takes::Number)
}

fn setting(grid: &Section, key: &str, takes: Takes, value: &Value, at: &At) -> Result<Setting> {
    match value {
        Value::Text(text) if !text.is_empty() => Ok(Setting::Text(text.clone())),
        Value::Flag(flag) => Ok(Setting::Flag(*flag)),
        Value::Number(_) if takes == Takes::Integer => {
            grid.whole(key, value, at).map(|v| Setting::Whole(v as i64))
        }
        Value::Number(v) => {
            let v = grid.finite(key, value, at, "an array of numbers").map(|_| *v)?;
            let whole = takes == Takes::Any && v.fract() == 0.0 && v.abs() < 1e15;
            Ok(if whole { Setting::Whole(v as i64) } else { Setting::Real(v) })
        }
        other => Err(Error::input(format!("a value of `{key}` can't be {}", other.what()))
            .at(at.place())
            .with_help("values are numbers, texts, true or false")),
    }
}

/// `{ from = 1, to = 100, count = 3, log = true }`.
fn range(grid: &Section, entry: &str, key: &str, takes: Takes) -> Result<Vec<Setting>> {
    let Some(mut table) = grid.clone().table(entry)? else { return Ok(vec![]) };
    let (from, to, count) = (table.number("from")?, table.number("to")?, table.integer("count")?);
    let log = table.flag("log")?.unwrap_or(false);
    table.finish(keys::RANGE)?;
    let (Some(from), Some(to), Some(count)) = (from, to, count) else {
        let examples = [("from", "0.1"), ("to", "1.0"), ("count", "10")];
        let (key, example) = examples.into_iter().find(|(k, _)| !table.has(k)).unwrap_or(examples[0]);
        return Err(table.missing(key, example));
    };
    if !(2..=MOST_VALUES).contains(&count) {
        let message = format!("`count` must lie between 2 and {MOST_VALUES}, not {count}");
        return Err(table.error("count", message));
    }
    if from == to {
        return Err(table.error("to", format!("`to` must differ from `from`, which is {}", shown(from))));
    }
    if log && (from <= 0.0 || to <= 0.0) {
        let side = if from <= 0.0 { "from" } else { "to" };
        return Err(table.error(side, format!("`{side}` must be positive for values in ratios (log = true)")));
    }
    let last = (count - 1) as f64;
    let at = |k: usize| match k {
        0 => from,
        k if k == count - 1 => to,
        k if log => from * ((to / from).ln() * (k as f64 / last)).exp(),
        k => from + (to - from) * (k as f64 / last),
    };
    let values = (0..count).map(at);
    if !matches!(takes, Takes::Integer | Takes::Any) {
        return Ok(values.map(Setting::Real).collect());
    }
    let mut whole: Vec<i64> = values.map(|v| v.round() as i64).collect();
    whole.dedup();
    if whole.iter().any(|v| *v < 0) || from.abs().max(to.abs()) > 9e15 {
        return Err(table.error("from", format!("`{key}` takes whole numbers, zero or more")));
    }
    Ok(whole.into_iter().map(Setting::Whole).collect())
}
