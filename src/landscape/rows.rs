//! Rows of data as the user counts them, and what can be changed in one of them: its weight or a coordinate.
//!
//! In: rows with weights, of which equal ones are merged into one column (n x K) of the landscape's data. Out: the columns
//! and their weights after a change. Two rows that share a column are parted when one of them moves.

use faer::{Mat, MatRef};

use super::Family;
use crate::error::{Error, Result, shown};

/// How the parameters of single rows are written.
pub(super) const PATTERNS: &[&str] = &["weight[k]", "data[k,i]"];

/// A parameter of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowParameter {
    /// The weight of row k, as it was given, not normalised.
    Weight(usize),
    /// Coordinate i of row k.
    Coordinate(usize, usize),
}

/// The rows of data (n x K, columns).
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// The column of each row.
    column: Vec<usize>,
    /// The weight of each row.
    weight: Vec<f64>,
}

impl Rows {
    /// One row a column, with these weights.
    pub(super) fn apart(weights: Vec<f64>) -> Self {
        Rows { column: (0..weights.len()).collect(), weight: weights }
    }

    /// Rows in given columns; weights of one each unless they are given (one a row).
    pub(super) fn merged(column: Vec<usize>, given: Option<Vec<f64>>) -> Self {
        let weight = given.unwrap_or_else(|| vec![1.0; column.len()]);
        Rows { column, weight }
    }

    /// The weight of each of `count` columns.
    pub(super) fn weights(&self, count: usize) -> Vec<f64> {
        let mut sums = vec![0.0; count];
        self.column.iter().zip(&self.weight).for_each(|(column, w)| sums[*column] += w);
        sums
    }

    /// The data, one row of the user's a column, and their weights.
    pub(super) fn apart_of(&self, data: MatRef<'_, f64>) -> (Mat<f64>, Vec<f64>) {
        let apart = Mat::from_fn(data.nrows(), self.column.len(), |i, k| data[(i, self.column[k])]);
        (apart, self.weight.clone())
    }

    /// The column of a row and the row's weight.
    pub(super) fn row(&self, row: usize) -> (usize, f64) {
        (self.column[row], self.weight[row])
    }

    /// The place of a parameter behind `first` others, by its name; `None` if it is none of these, or there is no such
    /// row or coordinate.
    pub(super) fn place(&self, name: &str, dim: usize, first: usize) -> Option<usize> {
        let count = self.column.len();
        match RowParameter::parse(name)? {
            RowParameter::Weight(k) if k < count => Some(first + k),
            RowParameter::Coordinate(k, i) if k < count && i < dim => Some(first + count + k * dim + i),
            _ => None,
        }
    }

    /// The parameter at a place behind the others, counted from them.
    pub(super) fn parameter(&self, place: usize, dim: usize) -> RowParameter {
        match place.checked_sub(self.column.len()) {
            None => RowParameter::Weight(place),
            Some(rest) => RowParameter::Coordinate(rest / dim, rest % dim),
        }
    }

    /// Columns and rows with one parameter changed.
    ///
    /// # Errors
    /// For a weight below zero, weights that are all zero, and a coordinate that is no finite number.
    pub(super) fn changed(
        &self,
        kind: &str,
        data: MatRef<'_, f64>,
        parameter: RowParameter,
        value: f64,
    ) -> Result<(Mat<f64>, Rows)> {
        let mut rows = self.clone();
        match parameter {
            RowParameter::Weight(k) => {
                if !(value >= 0.0 && value.is_finite()) {
                    let value = shown(value);
                    let message = format!("{kind}: `weight[{k}]` is {value}, it must be zero or more");
                    return Err(Error::input(message));
                }
                rows.weight[k] = value;
                if !rows.weight.iter().any(|w| *w > 0.0) {
                    let message = format!("{kind}: `weight[{k}]` is 0, and so are all other weights");
                    return Err(Error::input(message));
                }
                Ok((data.to_owned(), rows))
            }
            RowParameter::Coordinate(k, i) => {
                if !value.is_finite() {
                    let value = shown(value);
                    return Err(Error::input(format!(
                        "{kind}: `data[{k},{i}]` is {value}, it must be finite"
                    )));
                }
                let (mut apart, weight) = rows.apart_of(data);
                apart[(i, k)] = value;
                Ok((apart, Rows::apart(weight)))
            }
        }
    }
}

impl RowParameter {
    /// By its name, `weight[k]` or `data[k,i]`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let number = |text: &str| -> Option<usize> {
            let text = text.trim();
            text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
        };
        let inner = |head: &str| name.strip_prefix(head)?.strip_suffix(']');
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

/// Derivative in a parameter of a row of `m = sum_k p_k c y_k`, with weights `p_k` of the columns proportional to
/// `w_k exp(l_k)`; `scale` is c.
pub(super) struct Shift<'a> {
    /// The columns y (n x K).
    pub(super) data: MatRef<'a, f64>,
    /// Their weights w.
    pub(super) weights: &'a [f64],
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
        let row = match parameter {
            RowParameter::Weight(k) | RowParameter::Coordinate(k, _) => k,
        };
        let (column, weight) = rows.row(row);
        // exp(l_k) / sum_j w_j exp(l_j) by way of the heaviest column: that of the row may have no weight.
        let heaviest = (0..self.softmax.len())
            .fold(0, |best, j| if self.softmax[j] > self.softmax[best] { j } else { best });
        let ratio = (logit(column) - logit(heaviest)).exp();
        let share = self.softmax[heaviest] / self.weights[heaviest] * ratio;
        let rate = match parameter {
            RowParameter::Weight(_) => share,
            RowParameter::Coordinate(_, i) => weight * share * slope(column, i),
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
            out[i] += self.scale * weight * share;
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
        for wrong in
            ["weight", "weight[]", "weight[-1]", "weight[+1]", "data[1]", "data[1,2,3]", "data[1,2", "sigma"]
        {
            assert_eq!(RowParameter::parse(wrong), None, "{wrong}");
        }
        // Every name has a place of its own.
        let rows = Rows::apart(vec![1.0; 3]);
        let mut places = vec![];
        for k in 0..3 {
            places.extend(rows.place(&format!("weight[{k}]"), 2, 4));
            places.extend((0..2).filter_map(|i| rows.place(&format!("data[{k},{i}]"), 2, 4)));
        }
        places.sort_unstable();
        assert_eq!(places, (4..13).collect::<Vec<_>>());
        for place in places {
            let name = match rows.parameter(place - 4, 2) {
                RowParameter::Weight(k) => format!("weight[{k}]"),
                RowParameter::Coordinate(k, i) => format!("data[{k},{i}]"),
            };
            assert_eq!(rows.place(&name, 2, 4), Some(place));
        }
        assert_eq!([rows.place("weight[3]", 2, 4), rows.place("data[0,2]", 2, 4)], [None, None]);
    }

    #[test]
    fn equal_rows_part_when_one_moves() {
        let data = faer::mat![[1.0, 5.0], [2.0, 6.0]];
        let rows = Rows::merged(vec![0, 1, 0], None);
        assert_eq!(rows.weights(2), [2.0, 1.0]);
        let (same, heavier) = rows.changed("m", data.as_ref(), RowParameter::Weight(2), 0.5).unwrap();
        assert_eq!((same.ncols(), heavier.weights(2)), (2, vec![1.5, 1.0]));
        let (apart, each) = rows.changed("m", data.as_ref(), RowParameter::Coordinate(2, 1), 9.0).unwrap();
        assert_eq!(apart, faer::mat![[1.0, 5.0, 1.0], [2.0, 6.0, 9.0]]);
        assert_eq!(each.weights(3), [1.0; 3]);
        let alone = Rows::apart(vec![1.0]);
        for wrong in [-1.0, 0.0, f64::NAN] {
            assert!(alone.changed("m", data.as_ref(), RowParameter::Weight(0), wrong).is_err());
        }
    }
}
