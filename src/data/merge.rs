//! Rows to points: equal rows become one point with a multiplicity.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use faer::Mat;

use super::Points;
use crate::error::{Error, Result};

/// A row compared by its bits; the rows are finite and hold no -0.0, so bits and values agree.
struct Row<'a>(&'a [f64]);

impl PartialEq for Row<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Row<'_> {}

impl Hash for Row<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|v| v.to_bits().hash(state));
    }
}

impl Points {
    /// Points from rows that stand one after the other in `values`, each of length `columns`. Rows that are equal
    /// (-0.0 equals 0.0) are merged, in the order of first appearance.
    ///
    /// Errors: no row, no column, a length that is no multiple of `columns`, a number that is not finite.
    pub fn from_rows(mut values: Vec<f64>, columns: usize) -> Result<Points> {
        if columns == 0 || values.is_empty() {
            return Err(Error::input("there are no points: at least one row and one column are needed"));
        }
        if !values.len().is_multiple_of(columns) {
            return Err(Error::input(format!("{} numbers do not fill rows of {columns}", values.len())));
        }
        if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::input(format!(
                "row {}, column {} is {}: points must be finite",
                bad / columns + 1,
                bad % columns + 1,
                values[bad]
            )));
        }
        for v in &mut values {
            *v += 0.0; // -0.0 becomes 0.0
        }
        let mut first: Vec<&[f64]> = Vec::new();
        let mut multiplicity: Vec<usize> = Vec::new();
        let mut column_of_row = Vec::with_capacity(values.len() / columns);
        let mut seen: HashMap<Row<'_>, usize> = HashMap::with_capacity(values.len() / columns);
        for row in values.chunks_exact(columns) {
            let column = *seen.entry(Row(row)).or_insert(first.len());
            if column == first.len() {
                first.push(row);
                multiplicity.push(0);
            }
            multiplicity[column] += 1;
            column_of_row.push(column);
        }
        let values = Mat::from_fn(columns, first.len(), |i, j| first[j][i]);
        let (taken, of) = ((0..column_of_row.len()).collect(), column_of_row.len());
        Ok(Points { values, multiplicity, column_of_row, taken, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_become_multiplicities_in_order_of_first_appearance() {
        let rows = vec![1.0, 2.0, -0.0, 3.0, 1.0, 2.0, 0.0, 3.0, 1.0, 2.5];
        let p = Points::from_rows(rows, 2).unwrap();
        assert_eq!(p.values.nrows(), 2);
        assert_eq!(p.multiplicity, [2, 2, 1]);
        assert_eq!(p.column_of_row, [0, 1, 0, 1, 2]);
        assert_eq!([p.values[(0, 1)], p.values[(1, 1)], p.values[(1, 2)]], [0.0, 3.0, 2.5]);
        assert!(p.values[(0, 1)].is_sign_positive());
    }

    #[test]
    fn what_is_no_table_of_finite_numbers_is_refused() {
        for (values, columns) in [
            (vec![], 2),
            (vec![1.0], 0),
            (vec![1.0, 2.0, 3.0], 2),
            (vec![1.0, f64::NAN], 2),
            (vec![f64::INFINITY], 1),
        ] {
            assert!(Points::from_rows(values, columns).is_err());
        }
    }
}
