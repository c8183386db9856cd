//! What a sweep shows: numbers of minima and of samples by class over one of its keys, with error bars over the repeats, and where
//! they cross.
//!
//! In: the plan and the rows of the table of grid points. Out: `memorization.svg`, and the same numbers as `memorization.csv`;
//! `crossings.csv`; with a second key of numbers `regimes.svg`, the plane of both, and as a table `regimes.csv`. Intervals are means with 1.96 standard errors over the repeats to either side.

use std::collections::BTreeMap;

use super::manifest::Manifest;
use crate::error::Result;
use crate::export::cells::{Cell, Column, Row, Type, csv};
use crate::report::{self, Estimate, Overlay, Panel, PanelRow, Regimes, Series, panels, regimes};

/// Quantities of the first row of plots, and of the second; those that are not empty are shown.
const COUNTS: [&str; 4] = ["memorized", "merged", "empty", "generalized"];
const INDICES: [&str; 3] = ["minima", "index_1", "index_2"];
const SHARES: [&str; 4] = ["data_memorized", "samples_memorized", "samples_spurious", "samples_generalized"];

/// Most plots beside one another; further combinations of the other keys are in the table only.
const MOST: usize = 5;

/// Keys that are the number of data, preferred as abscissa.
const DATA: [&str; 2] = ["first", "data.count"];

/// Files of figures with their contents.
pub(super) const FILES: [&str; 5] =
    ["memorization.svg", "memorization.csv", "crossings.csv", "regimes.svg", "regimes.csv"];

/// The noises that theory says, drawn where the noise is swept.
const NOISES: [(&str, &str); 2] = [("collapse_sigma", "collapse"), ("speciation_sigma", "speciation")];

/// The rows as they are wanted here: one by one, only their numbers are kept.
pub(super) struct Figures {
    title: String,
    /// Place in a row of the abscissa, and its name; `None` if no key has two numbers.
    abscissa: Option<(usize, String)>,
    /// Places of the other keys, and their names.
    others: Vec<(usize, String)>,
    /// Place of the number of the repeat.
    seed: Option<usize>,
    /// The one other key, if it is one of numbers.
    second: Option<(usize, String)>,
    /// Sums over the repeats by bits of both keys: of the classes, of the noises of theory with their number.
    plane: BTreeMap<(u64, u64), Sums>,
    /// Places of the classes and of the noises.
    of_plane: ([Option<usize>; 4], [Option<usize>; 2]),
    /// Places of the quantities.
    quantities: Vec<(usize, &'static str)>,
    /// Values by the other keys (their number in the table's order and what they are), the quantity, the abscissa.
    groups: Vec<(String, Values)>,
    /// Place of a group by its name.
    place_of: BTreeMap<String, usize>,
}

/// Numbers of minima of each class, and the noises of theory with how often they are known.
type Sums = ([f64; 4], [(f64, usize); 2]);

/// By quantity and bits of the abscissa: the values of the repeats, with their numbers.
type Values = BTreeMap<(&'static str, u64), Vec<(i64, f64)>>;

impl Figures {
    pub(super) fn new(manifest: &Manifest) -> Figures {
        let place = |name: &str| manifest.grid_columns.iter().position(|c| c.name == name);
        let numbers = |key: &&super::manifest::GridKey| {
            key.values.len() > 1 && key.values.iter().all(serde_json::Value::is_number)
        };
        let candidates = || manifest.grid.iter().filter(numbers);
        let chosen = candidates()
            .find(|key| DATA.contains(&key.key.as_str()))
            .or_else(|| candidates().rev().max_by_key(|key| key.values.len()))
            .map(|key| key.key.clone());
        let abscissa = chosen.as_ref().and_then(|name| Some((place(name)?, name.clone())));
        let others = manifest.grid.iter().filter(|key| Some(&key.key) != chosen.as_ref());
        let quantities = COUNTS.iter().chain(&INDICES).chain(&SHARES);
        let more: Vec<_> = manifest.grid.iter().filter(|key| Some(&key.key) != chosen.as_ref()).collect();
        let second = match more.as_slice() {
            [one] if numbers(one) => place(&one.key).map(|at| (at, one.key.clone())),
            _ => None,
        };
        Figures {
            title: manifest.title.clone(),
            abscissa,
            others: others.filter_map(|key| Some((place(&key.key)?, key.key.clone()))).collect(),
            seed: place("seed"),
            second,
            plane: BTreeMap::new(),
            of_plane: (COUNTS.map(place), NOISES.map(|(name, _)| place(name))),
            quantities: quantities.filter_map(|name| Some((place(name)?, *name))).collect(),
            groups: vec![],
            place_of: BTreeMap::new(),
        }
    }

    /// Takes a row in.
    pub(super) fn add(&mut self, row: &Row) {
        let Some((at, _)) = self.abscissa else { return };
        let Some(x) = number(&row[at]) else { return };
        if let Some(y) = self.second.as_ref().and_then(|(at, _)| number(&row[*at])) {
            let cell = self.plane.entry((x.to_bits(), y.to_bits())).or_default();
            let of = |place: &Option<usize>| place.and_then(|place| number(&row[place]));
            for (sum, place) in cell.0.iter_mut().zip(&self.of_plane.0) {
                *sum += of(place).unwrap_or(0.0);
            }
            for (sum, place) in cell.1.iter_mut().zip(&self.of_plane.1) {
                if let Some(noise) = of(place) {
                    *sum = (sum.0 + noise, sum.1 + 1);
                }
            }
        }
        let name = |(place, key): &(usize, String)| format!("{key} = {}", row[*place].text());
        let group = self.others.iter().map(name).collect::<Vec<_>>().join(", ");
        let place = match self.place_of.get(&group) {
            Some(place) => *place,
            None => {
                self.place_of.insert(group.clone(), self.groups.len());
                self.groups.push((group, Values::new()));
                self.groups.len() - 1
            }
        };
        let seed = match self.seed.map(|place| &row[place]) {
            Some(Cell::Whole(seed)) => *seed,
            _ => 0,
        };
        for (place_of, name) in &self.quantities {
            if let Some(value) = number(&row[*place_of]) {
                self.groups[place].1.entry((name, x.to_bits())).or_default().push((seed, value));
            }
        }
    }

    /// The files; none if there is nothing to show.
    pub(super) fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let Some((_, abscissa)) = &self.abscissa else { return Ok(vec![]) };
        let known = |name: &str| {
            self.groups.iter().any(|(_, values)| values.keys().any(|(quantity, _)| *quantity == name))
        };
        let classes = COUNTS.iter().any(|name| known(name));
        let counts: &[&'static str] = if classes { &COUNTS } else { &INDICES };
        let crossings: Vec<Crossing> =
            self.groups.iter().flat_map(|(group, v)| crossings(group, v)).collect();
        let mut rows = vec![];
        let counted = if classes { "minima" } else { "critical points" };
        for (ordinate, wanted) in [(counted, counts), ("share", &SHARES[..])] {
            let panels: Vec<Panel> = self
                .groups
                .iter()
                .take(MOST)
                .map(|(group, values)| {
                    let marks = crossings.iter().filter(|c| c.group == *group && wanted.contains(&c.of));
                    Panel {
                        name: group.clone(),
                        series: wanted.iter().filter_map(|name| series(name, values)).collect(),
                        marks: marks.map(|c| (c.estimate.mean, significant(c.estimate.mean))).collect(),
                    }
                })
                .collect();
            if panels.iter().any(|panel| !panel.series.is_empty()) {
                let most = if ordinate == "share" { 1.0 } else { f64::INFINITY };
                rows.push(PanelRow { ordinate: ordinate.into(), most, panels });
            }
        }
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let picture = panels(&self.title, abscissa, &rows)?.into_bytes();
        let mut files = vec![
            (FILES[0], picture),
            (FILES[1], self.table(abscissa)?),
            (FILES[2], crossing_table(abscissa, &crossings)?),
        ];
        if let Some((_, second)) = self.second.as_ref().filter(|_| classes) {
            let plane = self.regimes(abscissa, second);
            files.push((FILES[3], regimes(&self.title, &plane)?.into_bytes()));
            files.push((FILES[4], regime_table(&plane)?));
        }
        Ok(files)
    }

    /// The plane of both keys, with the noises of theory where the second one is the noise.
    fn regimes(&self, abscissa: &str, second: &str) -> Regimes {
        let sorted = |of: fn(&(u64, u64)) -> u64| -> Vec<f64> {
            let mut values: Vec<f64> = self.plane.keys().map(|key| f64::from_bits(of(key))).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        let values = [sorted(|key| key.0), sorted(|key| key.1)];
        let place =
            |axis: usize, bits: u64| values[axis].iter().position(|v| v.to_bits() == bits).unwrap_or(0);
        let cell = |(key, sums): (&(u64, u64), &Sums)| report::Cell {
            column: place(0, key.0),
            row: place(1, key.1),
            shares: sums.0.to_vec(),
        };
        // Means over all cells of a column, or of a row, of the noise at that place.
        let overlay = |(k, (_, name)): (usize, &(&str, &str))| {
            let along = usize::from(abscissa == "sigma");
            let at = |x: &f64| {
                let bits = |key: &(u64, u64)| if along == 0 { key.0 } else { key.1 };
                let here =
                    self.plane.iter().filter(|(key, _)| bits(key) == x.to_bits()).map(|(_, sums)| sums.1[k]);
                let (sum, count) = here.fold((0.0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
                let noise = (count > 0).then(|| sum / count as f64)?;
                Some(if along == 0 { (*x, noise) } else { (noise, *x) })
            };
            Overlay { name: (*name).to_owned(), points: values[along].iter().filter_map(at).collect() }
        };
        let noises = NOISES.iter().enumerate().filter(|_| [abscissa, second].contains(&"sigma"));
        Regimes {
            names: [abscissa.to_owned(), second.to_owned()],
            classes: COUNTS.map(str::to_owned).to_vec(),
            cells: self.plane.iter().map(cell).collect(),
            overlays: noises.map(overlay).collect(),
            values: values.clone(),
        }
    }

    /// What is drawn, all of it.
    fn table(&self, abscissa: &str) -> Result<Vec<u8>> {
        let columns = [
            Column::new("group", Type::Text),
            Column::new(abscissa, Type::Real),
            Column::new("quantity", Type::Text),
            Column::new("mean", Type::Real),
            Column::new("low", Type::Real),
            Column::new("high", Type::Real),
            Column::new("repeats", Type::Whole),
        ];
        let mut rows: Vec<Row> = vec![];
        for (group, values) in &self.groups {
            for (_, quantity) in &self.quantities {
                rows.extend(estimates(quantity, values).into_iter().map(|(e, repeats)| {
                    vec![
                        group.as_str().into(),
                        e.at.into(),
                        (*quantity).into(),
                        e.mean.into(),
                        interval(e.low, repeats),
                        interval(e.high, repeats),
                        repeats.into(),
                    ]
                }));
            }
        }
        csv(&columns, &rows, true)
    }
}

/// An end of an interval; one value has none.
fn interval(end: f64, repeats: usize) -> Cell {
    if repeats > 1 { end.into() } else { Cell::Empty }
}

fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Whole(v) => Some(*v as f64),
        Cell::Real(v) => Some(*v),
        _ => None,
    }
}

/// Abscissae and values of a quantity.
fn of<'a>(name: &'a str, values: &'a Values) -> impl Iterator<Item = (f64, &'a Vec<(i64, f64)>)> {
    values
        .iter()
        .filter(move |((quantity, _), _)| *quantity == name)
        .map(|((_, x), v)| (f64::from_bits(*x), v))
}

/// The means of a quantity along the abscissa, each with the number of its repeats.
fn estimates(name: &str, values: &Values) -> Vec<(Estimate, usize)> {
    let mean = |(x, repeats): (f64, &Vec<(i64, f64)>)| {
        (estimate(x, &repeats.iter().map(|v| v.1).collect::<Vec<_>>()), repeats.len())
    };
    let mut all: Vec<(Estimate, usize)> = of(name, values).map(mean).collect();
    all.sort_by(|a, b| a.0.at.total_cmp(&b.0.at));
    all
}

fn series(name: &str, values: &Values) -> Option<Series> {
    let points: Vec<Estimate> = estimates(name, values).into_iter().map(|(e, _)| e).collect();
    (!points.is_empty()).then(|| Series { name: name.replace('_', " "), points })
}

/// The mean with 1.96 standard errors to either side; of one value itself.
fn estimate(at: f64, values: &[f64]) -> Estimate {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let error = if values.len() > 1 { 1.96 * (square / (n - 1.0) / n).sqrt() } else { 0.0 };
    Estimate { at, mean, low: mean - error, high: mean + error }
}

/// Where one quantity falls below another.
struct Crossing {
    group: String,
    /// The falling one.
    of: &'static str,
    /// What it falls below, in words.
    below: &'static str,
    /// Where, over the repeats.
    estimate: Estimate,
    /// Repeats in which it does, and all of them.
    repeats: [usize; 2],
}

/// Where memorized minima become fewer than all others, and where fewer than half of the data, or of the samples, are memorized: of
/// each repeat the first place, along a straight line between two values of the abscissa, or of its logarithm.
fn crossings(group: &str, values: &Values) -> Vec<Crossing> {
    // By repeat: the values along the abscissa.
    let curves = |name: &str| -> BTreeMap<i64, BTreeMap<u64, f64>> {
        let mut curves: BTreeMap<i64, BTreeMap<u64, f64>> = BTreeMap::new();
        for (x, repeats) in of(name, values) {
            for (seed, value) in repeats {
                curves.entry(*seed).or_default().insert(x.to_bits(), *value);
            }
        }
        curves
    };
    let others: Vec<_> = COUNTS[1..].iter().map(|other| curves(other)).collect();
    let all = [
        ("memorized", "all other minima"),
        ("data_memorized", "one half"),
        ("samples_memorized", "one half"),
    ];
    let mut found = vec![];
    for (name, below) in all {
        let own = curves(name);
        let against = |seed: &i64, x: &u64| match name {
            "memorized" => others.iter().filter_map(|o| o.get(seed)?.get(x)).sum(),
            _ => 0.5,
        };
        let line = |(seed, curve): (&i64, &BTreeMap<u64, f64>)| {
            let mut line: Vec<(f64, f64)> =
                curve.iter().map(|(x, v)| (f64::from_bits(*x), v - against(seed, x))).collect();
            line.sort_by(|a, b| a.0.total_cmp(&b.0));
            falls(&line)
        };
        let places: Vec<f64> = own.iter().filter_map(line).collect();
        if !places.is_empty() {
            let mut estimate = estimate(0.0, &places);
            estimate.at = estimate.mean;
            found.push(Crossing {
                group: group.into(),
                of: name,
                below,
                estimate,
                repeats: [places.len(), own.len()],
            });
        }
    }
    found
}

/// Where a line first goes from above zero to below it; over the logarithm where the axis is by that.
fn falls(line: &[(f64, f64)]) -> Option<f64> {
    let place = line.windows(2).position(|pair| pair[0].1 > 0.0 && pair[1].1 <= 0.0)?;
    let ((a, fa), (b, fb)) = (line[place], line[place + 1]);
    let (first, last) = (line[0].0, line[line.len() - 1].0);
    let share = fa / (fa - fb);
    let logarithmic = first > 0.0 && last > 10.0 * first;
    Some(if logarithmic { a * (b / a).powf(share) } else { a + (b - a) * share })
}

fn crossing_table(abscissa: &str, crossings: &[Crossing]) -> Result<Vec<u8>> {
    let columns = [
        Column::new("group", Type::Text),
        Column::new("quantity", Type::Text),
        Column::new("falls_below", Type::Text),
        Column::new(abscissa, Type::Real),
        Column::new("low", Type::Real),
        Column::new("high", Type::Real),
        Column::new("repeats", Type::Whole),
        Column::new("of", Type::Whole),
    ];
    let row = |c: &Crossing| -> Row {
        let e = c.estimate;
        vec![
            c.group.as_str().into(),
            c.of.into(),
            c.below.into(),
            e.mean.into(),
            interval(e.low, c.repeats[0]),
            interval(e.high, c.repeats[0]),
            c.repeats[0].into(),
            c.repeats[1].into(),
        ]
    };
    csv(&columns, &crossings.iter().map(row).collect::<Vec<_>>(), true)
}

/// Cells of the plane, and the points of the lines over it.
fn regime_table(plane: &Regimes) -> Result<Vec<u8>> {
    let real = |name: &String| Column::new(name.as_str(), Type::Real);
    let mut columns = vec![Column::new("what", Type::Text)];
    columns.extend(plane.names.iter().map(real));
    columns.extend([Column::new("class", Type::Text), Column::new("share", Type::Real)]);
    columns.extend(plane.classes.iter().map(real));
    let value =
        |axis: usize, place: usize| plane.values[axis].get(place).map_or(Cell::Empty, |v| (*v).into());
    let cell = |c: &report::Cell| -> Row {
        let (class, share) = match c.largest() {
            Some((class, share)) => (plane.classes[class].as_str().into(), share.into()),
            None => (Cell::Empty, Cell::Empty),
        };
        let mut row = vec!["cell".into(), value(0, c.column), value(1, c.row), class, share];
        row.extend(c.shares.iter().map(|v| Cell::from(*v)));
        row
    };
    let line = |overlay: &Overlay| {
        let point = |(x, y): &(f64, f64)| -> Row {
            let mut row = vec![overlay.name.as_str().into(), (*x).into(), (*y).into()];
            row.resize(columns.len(), Cell::Empty);
            row
        };
        overlay.points.iter().map(point).collect::<Vec<Row>>()
    };
    let rows: Vec<Row> = plane.cells.iter().map(cell).chain(plane.overlays.iter().flat_map(line)).collect();
    csv(&columns, &rows, true)
}

fn significant(value: f64) -> String {
    crate::export::significant(value, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_falls_where_it_first_meets_zero() {
        assert_eq!(falls(&[(1.0, 2.0), (2.0, 1.0), (4.0, -1.0), (5.0, 3.0), (6.0, -3.0)]), Some(3.0));
        assert_eq!(falls(&[(1.0, -2.0), (2.0, -1.0)]), None);
        // Half of the way from 10 to 1000 by the logarithm.
        assert!((falls(&[(10.0, 1.0), (1000.0, -1.0)]).unwrap() - 100.0).abs() < 1e-12);
    }

    #[test]
    fn means_have_their_standard_error() {
        let e = estimate(1.0, &[1.0, 2.0, 3.0, 4.0]);
        // Variance 5/3, over 4.
        assert_eq!(e.mean, 2.5);
        assert!((e.high - e.mean - 1.96 * (5.0f64 / 12.0).sqrt()).abs() < 1e-15);
        assert_eq!(estimate(1.0, &[7.0]).high, 7.0);
    }
}
