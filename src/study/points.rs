//! The points that a section names, and which of them are used.
//!
//! In: `data`, a path, an array of points or a table that says how they are drawn, with `rows`, `shuffle` and `first`.
//! Out: [`Points`]. The order is fixed: a range of `rows`, these shuffled, of them the `first`. So the first K + 1 rows are
//! the first K and one more, whatever the shuffle.

use std::ops::Range;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

use super::keys;
use super::section::Section;
use super::value::{Entry, Value};
use crate::data::random::{Distribution, Draw, draw, permutation};
use crate::data::{self, Points, RawTable};
use crate::error::{Error, Result, brief, shown};

/// The key whose rows can be shuffled and cut; other tables of numbers take `rows` alone.
const DATA: &str = "data";
/// Numbers that may be drawn at random for a study: 2 GB.
const MOST_DRAWN: usize = 250_000_000;

impl Section {
    /// The points named by a key of kind [`Data`](crate::landscape::Takes::Data), with the section's keys `rows` and, for
    /// `data`, `shuffle` and `first` applied. The value is a path, an array of points that are arrays of numbers, or
    /// a table that says how they are drawn.
    pub fn points(&mut self, key: &str) -> Result<Option<Points>> {
        let Some(table) = self.raw_table(key)? else { return Ok(None) };
        let rows = self.rows(table.rows())?;
        let taken = if key == DATA { self.order(rows.len())? } else { (0..rows.len()).collect() };
        let columns = table.columns;
        let whole = taken.len() == table.rows() && taken.iter().enumerate().all(|(place, row)| place == *row);
        let chosen = |table: &RawTable| {
            let mut values = Vec::with_capacity(taken.len() * columns);
            for row in &taken {
                let start = (rows.start + row) * columns;
                values.extend_from_slice(&table.values[start..start + columns]);
            }
            values
        };
        // Large data are not to be held twice.
        let values = match Arc::try_unwrap(table) {
            Ok(table) if whole => table.values,
            Ok(table) => chosen(&table),
            Err(shared) => chosen(&shared),
        };
        let points = Points::from_rows(values, columns).map_err(|e| self.error(key, e.to_string()))?;
        Ok(Some(Points { taken, of: rows.len(), ..points }))
    }

    /// One positive number for each row of `points`, from the key `weights`, which has one for each row before these were
    /// shuffled and cut.
    pub fn weights(&mut self, points: &Points) -> Result<Option<Vec<f64>>> {
        let Some(all) = self.numbers("weights")? else { return Ok(None) };
        if all.len() != points.of {
            let message = format!("{} weights for {} rows of data", all.len(), points.of);
            return Err(self.error("weights", message));
        }
        if let Some((row, weight)) = all.iter().enumerate().find(|(_, w)| **w <= 0.0) {
            let message = format!("weight {} is {}, it must be positive", row + 1, shown(*weight));
            return Err(self.error("weights", message));
        }
        Ok(Some(points.taken.iter().map(|row| all[*row]).collect()))
    }

    /// Reads the file that `data` names and keeps its numbers, so that [`Section::points`] need not read it again.
    pub(super) fn load_data(&mut self) -> Result<()> {
        if !self.is_text(DATA) {
            return Ok(());
        }
        let table = self.raw_table(DATA)?;
        if let Some(entry) = self.entries.iter_mut().find(|e| e.key == DATA) {
            entry.loaded = table;
            entry.read = false;
        }
        Ok(())
    }

    /// Puts normal noise of this standard deviation on every number of the data.
    ///
    /// # Errors
    /// If the landscape has no data.
    pub(super) fn disturb_data(&mut self, noise: f64, seed: u64) -> Result<()> {
        let Some(table) = self.raw_table(DATA)? else {
            return Err(Error::input(format!("there are no `{DATA}` to put noise on")));
        };
        // Other numbers than those that data of the same seed are drawn by.
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6e6f_6973_6500);
        let moved = |v: &f64| {
            let z: f64 = StandardNormal.sample(&mut rng);
            v + noise * z
        };
        let values = table.values.iter().map(moved).collect();
        if let Some(entry) = self.entries.iter_mut().find(|e| e.key == DATA) {
            entry.loaded = Some(Arc::new(RawTable { columns: table.columns, values }));
            entry.read = false;
        }
        Ok(())
    }

    fn raw_table(&mut self, key: &str) -> Result<Option<Arc<RawTable>>> {
        if let Some(Entry { loaded: Some(table), .. }) = self.get(key) {
            let table = table.clone();
            self.mark(key);
            return Ok(Some(table));
        }
        if self.is_array(key) {
            return self.inline_table(key).map(|table| Some(Arc::new(table)));
        }
        if key == DATA && self.is_table(key) {
            return self.drawn(key).map(|table| table.map(Arc::new));
        }
        let Some(path) = self.path(key)? else { return Ok(None) };
        let table = data::read(&path).map_err(|error| match error {
            Error::Input { message, help, place: None } => {
                let located = self.error(key, message);
                help.map_or(located.clone(), |h| located.with_help(h))
            }
            Error::File { .. } => self
                .error(key, error.to_string())
                .with_help("paths are relative to the study file, those of flags to the current directory"),
            other => other,
        })?;
        Ok(Some(Arc::new(table)))
    }

    /// Points drawn as the table under `key` says.
    fn drawn(&mut self, key: &str) -> Result<Option<RawTable>> {
        const EXAMPLE: &str = "write data = { random = \"sphere\", dim = 8, count = 100, seed = 1 }";
        let Some(mut table) = self.table(key)? else { return Ok(None) };
        let wanted = |table: &Section, key: &str, example: &str| {
            let slip = table.misspelt(keys::RANDOM).err();
            slip.unwrap_or_else(|| table.missing(key, example).with_help(EXAMPLE))
        };
        let name = table.text("random")?.ok_or_else(|| wanted(&table, "random", "\"sphere\""))?;
        let named = Distribution::NAMES.iter().find(|(known, _)| *known == name);
        let Some((_, distribution)) = named else {
            let error = table.error("random", format!("unknown `random` {:?}", brief(&name)));
            return Err(error.with_help("it is \"sphere\", \"normal\" or \"signs\""));
        };
        let positive = |table: &mut Section, key: &str, example: &str| match table.integer(key)? {
            Some(0) => Err(table.error(key, format!("`{key}` must be at least 1"))),
            Some(number) => Ok(number),
            None => Err(wanted(table, key, example)),
        };
        let (dim, count) = (positive(&mut table, "dim", "8")?, positive(&mut table, "count", "100")?);
        let seed = table.integer("seed")?.unwrap_or(0) as u64;
        let scale = table.number("scale")?.unwrap_or(1.0);
        if scale <= 0.0 {
            return Err(table.error("scale", "`scale` must be positive"));
        }
        if dim.checked_mul(count).is_none_or(|numbers| numbers > MOST_DRAWN) {
            let message =
                format!("`count` points of {dim} coordinates each are more than {MOST_DRAWN} numbers");
            return Err(table.error("count", message).with_help("draw fewer"));
        }
        table.finish(keys::RANDOM)?;
        Ok(Some(draw(&Draw { distribution: *distribution, dim, count, seed, scale })))
    }

    /// The rows of so many that `shuffle` and `first` take, in their order.
    fn order(&mut self, there: usize) -> Result<Vec<usize>> {
        let seed = self.integer("shuffle")?;
        let first = self.integer("first")?;
        let mut order = match seed {
            Some(seed) => permutation(there, seed as u64),
            None => (0..there).collect(),
        };
        match first {
            Some(0) => return Err(self.error("first", "`first` must be at least 1")),
            Some(first) if first > there => {
                let message = format!("`first` asks for {first} rows, but there are {there}");
                return Err(self.error("first", message).with_help(format!("at most {there}")));
            }
            Some(first) => order.truncate(first),
            None => {}
        }
        Ok(order)
    }

    /// The rows that the key `rows` selects of so many.
    fn rows(&mut self, there: usize) -> Result<Range<usize>> {
        const HELP: &str =
            "write rows = 300 for the first 300, or rows = \"100..400\" for 300 after the first 100";
        self.mark("rows");
        let Some(entry) = self.get("rows") else { return Ok(0..there) };
        let range = match &entry.value {
            Value::Number(_) => {
                0..self.whole("rows", &entry.value, &entry.value_at).map_err(|e| e.with_help(HELP))?
            }
            Value::Text(text) => {
                let bound = |s: &str, default| {
                    if s.trim().is_empty() { Some(default) } else { s.trim().parse().ok() }
                };
                let parsed = text.split_once("..").and_then(|(a, b)| Some(bound(a, 0)?..bound(b, there)?));
                parsed.ok_or_else(|| self.error("rows", "`rows` is no range of rows").with_help(HELP))?
            }
            other => {
                return Err(self.error("rows", format!("`rows` can't be {}", other.what())).with_help(HELP));
            }
        };
        if range.is_empty() {
            return Err(self.error("rows", "`rows` selects no row").with_help(HELP));
        }
        if range.end > there {
            return Err(self
                .error("rows", format!("`rows` asks for row {}, but the data have {there}", range.end))
                .with_help(format!("at most {there}")));
        }
        Ok(range)
    }

    /// An array of points, each an array of numbers.
    pub(super) fn inline_table(&mut self, key: &str) -> Result<RawTable> {
        self.mark(key);
        let entry = self.get(key).map(|e| &e.value);
        let Some(Value::Array(points)) = entry else { return Err(self.missing(key, "[[0.0, 1.0]]")) };
        let (mut values, mut columns) = (Vec::new(), 0);
        for (i, (point, at)) in points.iter().enumerate() {
            let Value::Array(numbers) = point else {
                return Err(Error::input(format!("`{key}` must be a path or an array of points"))
                    .at(at.place())
                    .with_help(format!("write {key} = \"points.csv\" or {key} = [[0.0, 1.0], [1.0, 0.0]]")));
            };
            if i == 0 {
                columns = numbers.len();
            }
            if numbers.len() != columns || columns == 0 {
                let message = format!("point {} of `{key}` has {} coordinates", i + 1, numbers.len());
                let help =
                    format!("every point needs as many as the first, which has {columns}, and at least one");
                return Err(Error::input(message).at(at.place()).with_help(help));
            }
            for (number, at) in numbers {
                values.push(self.finite(key, number, at, "a path or an array of points")?);
            }
        }
        if values.is_empty() {
            return Err(self.error(key, format!("`{key}` holds no point")));
        }
        Ok(RawTable { columns, values })
    }
}
