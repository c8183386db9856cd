//! Rows of data as the user counts them, and what can be changed in them: a weight, a coordinate, how many there are.
//!
//! In: rows with weights, of which equal ones are merged into one column (n x K) of the landscape's data. Out: the columns
//! and their weights after a change. Two rows that share a column are parted when one of them moves.
//!
//! The number of rows is a parameter, `data`, that need not be whole: at `k + u` with `0 < u < 1` the first k rows are there, and
//! the next one has its weight times `exp(1 - 1/u)`. All derivatives vanish at `u = 0`, and by this its logarithm comes from
//! minus infinity at a pace that a step in u can follow: in a landscape of narrow wells a datum makes a minimum of its own at
//! weights of 1e-100 and less.

use faer::{Mat, MatRef};

use super::Family;
use crate::error::{Error, Result, shown};

/// How the parameters of single rows are written, and that of their number.
pub(super) const PATTERNS: &[&str] = &["weight[k]", "data[k,i]", DATA];

/// The parameter that is the number of rows.
pub const DATA: &str = "data";

/// A parameter of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowParameter {
    /// The weight of row k, as it was given, not normalised.
    Weight(usize),
    /// Coordinate i of row k.
    Coordinate(usize, usize),
    /// How many there are.
    Count,
}

/// The rows of data (n x K, columns).
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// The column of each row, those that are not there included.
    column: Vec<usize>,
    /// The weight of each row when it is there.
    weight: Vec<f64>,
    /// How many are there; see the module.
    count: f64,
    /// The columns of rows that are not there (n x rest).
    later: Mat<f64>,
}

impl Rows {
    /// One row a column, with these weights.
    pub(super) fn apart(weights: Vec<f64>) -> Self {
        Rows::merged((0..weights.len()).collect(), Some(weights))
    }

    /// Rows in given columns, numbered in the order of their first appearance; weights of one each unless they are given (one a
    /// row).
    pub(super) fn merged(column: Vec<usize>, given: Option<Vec<f64>>) -> Self {
        let weight = given.unwrap_or_else(|| vec![1.0; column.len()]);
        Rows { count: column.len() as f64, column, weight, later: Mat::new() }
    }

    /// How many rows are there, the growing one included.
    fn present(&self) -> usize {
        self.count.ceil() as usize
    }

    /// Is no row growing?
    fn is_whole(&self) -> bool {
        self.count.fract() == 0.0
    }

    /// What is there, as if there were no more.
    pub(super) fn only_present(&self) -> Self {
        let m = self.present();
        Rows {
            column: self.column[..m].to_vec(),
            weight: self.weight[..m].to_vec(),
            count: self.count,
            later: Mat::new(),
        }
    }

    /// The logarithm of the weight of a row; minus infinity of one that is not there.
    fn log_weight(&self, row: usize) -> f64 {
        let share = self.count - row as f64;
        match share {
            s if s >= 1.0 => self.weight[row].ln(),
            s if s > 0.0 => self.weight[row].ln() + (1.0 - 1.0 / s),
            _ => f64::NEG_INFINITY,
        }
    }

    /// The weight of each of `count` columns; `None` while a row grows: then nothing but logarithms is exact.
    pub(super) fn weights(&self, count: usize) -> Option<Vec<f64>> {
        self.is_whole().then(|| {
            let mut sums = vec![0.0; count];
            let there = self.column.iter().zip(&self.weight).take(self.present());
            there.for_each(|(column, w)| sums[*column] += w);
            sums
        })
    }

    /// Their logarithms.
    pub(super) fn log_weights(&self, count: usize) -> Vec<f64> {
        if let Some(weights) = self.weights(count) {
            return weights.iter().map(|w| w.ln()).collect();
        }
        let mut logs = vec![f64::NEG_INFINITY; count];
        for row in 0..self.present() {
            let log = &mut logs[self.column[row]];
            *log = log_sum(*log, self.log_weight(row));
        }
        logs
    }

    /// The data, one row of the user's a column, and their weights; `None` while a row grows.
    pub(super) fn apart_of(&self, data: MatRef<'_, f64>) -> Option<(Mat<f64>, Vec<f64>)> {
        let m = self.present();
        let apart = Mat::from_fn(data.nrows(), m, |i, k| data[(i, self.column[k])]);
        self.is_whole().then(|| (apart, self.weight[..m].to_vec()))
    }

    /// The place of a parameter behind `first` others, by its name; `None` if it is none of these, or there is no such
    /// row or coordinate.
    pub(super) fn place(&self, name: &str, dim: usize, first: usize) -> Option<usize> {
        let count = self.column.len();
        match RowParameter::parse(name)? {
            RowParameter::Count => Some(first),
            RowParameter::Weight(k) if k < count => Some(first + 1 + k),
            RowParameter::Coordinate(k, i) if k < count && i < dim => Some(first + 1 + count + k * dim + i),
            _ => None,
        }
    }

    /// The parameter at a place behind the others, counted from them.
    pub(super) fn parameter(&self, place: usize, dim: usize) -> RowParameter {
        let Some(place) = place.checked_sub(1) else { return RowParameter::Count };
        match place.checked_sub(self.column.len()) {
            None => RowParameter::Weight(place),
            Some(rest) => RowParameter::Coordinate(rest / dim, rest % dim),
        }
    }

    /// Where derivatives in a parameter jump: where one row is there and the next one is to come.
    pub(super) fn breaks(&self, parameter: RowParameter) -> Vec<f64> {
        match parameter {
            RowParameter::Count => (1..=self.column.len()).map(|k| k as f64).collect(),
            _ => vec![],
        }
    }

    /// Columns and rows with one parameter changed.
    ///
    /// # Errors
    /// For a weight below zero, weights that are all zero, a coordinate that is no finite number, and a number of rows below
    /// one or above what there is.
    pub(super) fn changed(
        &self,
        kind: &str,
        data: MatRef<'_, f64>,
        parameter: RowParameter,
        value: f64,
    ) -> Result<(Mat<f64>, Rows)> {
        let mut rows = self.clone();
        let refused = |name: String, rule: String| {
            Err(Error::input(format!("{kind}: `{name}` is {}, it must be {rule}", shown(value))))
        };
        let data = match parameter {
            RowParameter::Weight(k) => {
                if !(value >= 0.0 && value.is_finite()) {
                    return refused(format!("weight[{k}]"), "zero or more".into());
                }
                rows.weight[k] = value;
                data.to_owned()
            }
            RowParameter::Coordinate(k, i) => {
                if !value.is_finite() {
                    return refused(format!("data[{k},{i}]"), "finite".into());
                }
                let all = self.all(data);
                let mut apart =
                    Mat::from_fn(data.nrows(), self.column.len(), |i, k| all[(i, self.column[k])]);
                apart[(i, k)] = value;
                rows.column = (0..self.column.len()).collect();
                rows.part(&apart)
            }
            RowParameter::Count => {
                let most = self.column.len();
                if !(value >= 1.0 && value <= most as f64) {
                    return refused(DATA.into(), format!("between 1 and {most}, the number of rows"));
                }
                rows.count = value;
                rows.part(&self.all(data))
            }
        };
        if !rows.weight[..rows.present()].iter().any(|w| *w > 0.0) {
            let message = match parameter {
                RowParameter::Weight(k) => format!("`weight[{k}]` is 0, and so are all other weights"),
                _ => format!("the weights of the first {} rows are all 0", rows.present()),
            };
            return Err(Error::input(format!("{kind}: {message}")));
        }
        Ok((data, rows))
    }

    /// All columns, those that are not there behind the others.
    fn all(&self, data: MatRef<'_, f64>) -> Mat<f64> {
        let m = data.ncols();
        Mat::from_fn(data.nrows(), m + self.later.ncols(), |i, k| match k.checked_sub(m) {
            None => data[(i, k)],
            Some(rest) => self.later[(i, rest)],
        })
    }

    /// The columns that are there; keeps the others.
    fn part(&mut self, all: &Mat<f64>) -> Mat<f64> {
        let there = self.column[..self.present()].iter().max().map_or(0, |last| last + 1);
        self.later = all.subcols(there, all.ncols() - there).to_owned();
        all.subcols(0, there).to_owned()
    }
}

/// Why nothing is proven along the number of rows.
pub(super) const NOT_PROVEN: &str = "there are no enclosures along the number of data";

/// `log sum_k exp(l_k)`.
pub(super) fn log_total(logs: &[f64]) -> f64 {
    logs.iter().fold(f64::NEG_INFINITY, |sum, l| log_sum(sum, *l))
}

/// `log(e^a + e^b)`.
fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

impl RowParameter {
    /// By its name, `weight[k]`, `data[k,i]` or `data`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let number = |text: &str| -> Option<usize> {
            let text = text.trim();
            text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
        };
        let inner = |head: &str| name.strip_prefix(head)?.strip_suffix(']');
        if name == DATA {
            return Some(RowParameter::Count);
        }
        if let Some(k) = inner("weight[") {
            return Some(RowParameter::Weight(number(k)?));
        }
        let (k, i) = inner("data[")?.split_once(',')?;
        Some(RowParameter::Coordinate(number(k)?, number(i)?))
    }
}

/// The error for a parameter that a family with rows does not have.
pub(super) fn no_such_parameter(kind: &str, name: &str, family: &dyn Family, rows: &Rows) -> Error {
    let help = match RowParameter::parse(name) {
        Some(_) => format!(
            "rows of the data are numbered from 0 to {}, their coordinates from 0 to {}",
            rows.column.len() - 1,
            family.dim() - 1
        ),
        None => format!("it has {}", super::parameter_names(family).join(", ")),
    };
    Error::input(format!("{kind} has no parameter `{name}`")).with_help(help)
}

/// Derivative in a parameter of the rows of `m = sum_k p_k c y_k`, with weights `p_k` of the columns proportional to
/// `w_k exp(l_k)`; `scale` is c.
pub(super) struct Shift<'a> {
    /// The columns y (n x K).
    pub(super) data: MatRef<'a, f64>,
    /// The softmax weights p.
    pub(super) softmax: &'a [f64],
    /// Factor on the data.
    pub(super) scale: f64,
}

impl Shift<'_> {
    /// Writes it (length n). `logit` gives `l_k` of a column, of which differences only count, and `slope` the derivative
    /// of `l_k` in coordinate i of the column.
    pub(super) fn write(
        &self,
        rows: &Rows,
        parameter: RowParameter,
        logit: impl Fn(usize) -> f64,
        slope: impl Fn(usize, usize) -> f64,
        out: &mut [f64],
    ) {
        out.fill(0.0);
        let row = match parameter {
            RowParameter::Weight(k) | RowParameter::Coordinate(k, _) => k,
            // At a whole number all derivatives of the next row vanish: this is what holds for smaller ones.
            RowParameter::Count => rows.present() - 1,
        };
        if row >= rows.present() {
            return;
        }
        let column = rows.column[row];
        // log(exp(l_k) / sum_j w_j exp(l_j)) by way of the heaviest column: that of the row may have no weight.
        let heaviest = (0..self.softmax.len())
            .fold(0, |best, j| if self.softmax[j] > self.softmax[best] { j } else { best });
        let log_heaviest = rows.log_weights(self.softmax.len())[heaviest];
        let log_share = logit(column) - logit(heaviest) + self.softmax[heaviest].ln() - log_heaviest;
        let share = (log_share + rows.log_weight(row)).exp();
        let rate = match parameter {
            RowParameter::Weight(_) => {
                let growth = rows.count - row as f64;
                (log_share + if growth < 1.0 { 1.0 - 1.0 / growth } else { 0.0 }).exp()
            }
            RowParameter::Coordinate(_, i) => share * slope(column, i),
            RowParameter::Count => share / (rows.count - row as f64).powi(2),
        };
        for (i, out) in out.iter_mut().enumerate() {
            // From the column itself: the weights' rates sum to zero.
            let apart: f64 = self
                .data
                .row(i)
                .iter()
                .zip(self.softmax)
                .map(|(y, p)| p * (self.data[(i, column)] - y))
                .sum();
            *out = self.scale * rate * apart;
        }
        if let RowParameter::Coordinate(_, i) = parameter {
            out[i] += self.scale * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_others_refused() {
        assert_eq!(RowParameter::parse("weight[12]"), Some(RowParameter::Weight(12)));
        assert_eq!(RowParameter::parse("data[3, 0]"), Some(RowParameter::Coordinate(3, 0)));
        assert_eq!(RowParameter::parse("data"), Some(RowParameter::Count));
        for wrong in
            ["weight", "weight[]", "weight[-1]", "weight[+1]", "data[1]", "data[1,2,3]", "data[1,2", "sigma"]
        {
            assert_eq!(RowParameter::parse(wrong), None, "{wrong}");
        }
        // Every name has a place of its own.
        let rows = Rows::apart(vec![1.0; 3]);
        let mut places: Vec<usize> = rows.place("data", 2, 4).into_iter().collect();
        for k in 0..3 {
            places.extend(rows.place(&format!("weight[{k}]"), 2, 4));
            places.extend((0..2).filter_map(|i| rows.place(&format!("data[{k},{i}]"), 2, 4)));
        }
        places.sort_unstable();
        assert_eq!(places, (4..14).collect::<Vec<_>>());
        for place in places {
            let name = match rows.parameter(place - 4, 2) {
                RowParameter::Weight(k) => format!("weight[{k}]"),
                RowParameter::Coordinate(k, i) => format!("data[{k},{i}]"),
                RowParameter::Count => "data".into(),
            };
            assert_eq!(rows.place(&name, 2, 4), Some(place));
        }
        assert_eq!([rows.place("weight[3]", 2, 4), rows.place("data[0,2]", 2, 4)], [None, None]);
    }

    #[test]
    fn equal_rows_part_when_one_moves() {
        let data = faer::mat![[1.0, 5.0], [2.0, 6.0]];
        let rows = Rows::merged(vec![0, 1, 0], None);
        assert_eq!(rows.weights(2), Some(vec![2.0, 1.0]));
        let (same, heavier) = rows.changed("m", data.as_ref(), RowParameter::Weight(2), 0.5).unwrap();
        assert_eq!((same.ncols(), heavier.weights(2)), (2, Some(vec![1.5, 1.0])));
        let (apart, each) = rows.changed("m", data.as_ref(), RowParameter::Coordinate(2, 1), 9.0).unwrap();
        assert_eq!(apart, faer::mat![[1.0, 5.0, 1.0], [2.0, 6.0, 9.0]]);
        assert_eq!(each.weights(3), Some(vec![1.0; 3]));
        let alone = Rows::apart(vec![1.0]);
        for wrong in [-1.0, 0.0, f64::NAN] {
            assert!(alone.changed("m", data.as_ref(), RowParameter::Weight(0), wrong).is_err());
        }
    }

    #[test]
    fn rows_come_one_after_the_other() {
        let data = faer::mat![[1.0, 5.0, 7.0]];
        let rows = Rows::merged(vec![0, 1, 0, 2], Some(vec![1.0, 2.0, 4.0, 3.0]));
        let at = |count: f64| rows.changed("m", data.as_ref(), RowParameter::Count, count);
        let (two, there) = at(2.0).unwrap();
        assert_eq!((two.ncols(), there.weights(2)), (2, Some(vec![1.0, 2.0])));
        let (_, there) = at(2.5).unwrap();
        assert_eq!(there.weights(2), None);
        let logs = there.log_weights(2);
        assert!((logs[0] - (1.0 + 4.0 * (-1.0f64).exp()).ln()).abs() < 1e-15, "{logs:?}");
        assert_eq!(logs[1], 2.0f64.ln());
        // A weight far below the smallest number.
        let (all, there) = at(3.001).unwrap();
        assert_eq!((all.ncols(), there.log_weights(3)[2]), (3, 3.0f64.ln() + (1.0 - 1.0 / (3.001 - 3.0))));
        // Forth and back.
        let (again, there) = there.changed("m", all.as_ref(), RowParameter::Count, 1.0).unwrap();
        assert_eq!((again.ncols(), there.weights(1)), (1, Some(vec![1.0])));
        let (all, there) = there.changed("m", again.as_ref(), RowParameter::Count, 4.0).unwrap();
        assert_eq!((all, there.weights(3)), (data.clone(), Some(vec![5.0, 2.0, 3.0])));
        for wrong in [0.0, 0.999, 4.001, f64::NAN] {
            assert!(at(wrong).is_err());
        }
    }
}
