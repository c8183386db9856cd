//! The Morse complex: free on the critical points, graded by index, with the boundary that counts connections by sign.
//!
//! In: points and connections. Out: a sparse integer matrix for each index, and the entries of the squared boundary
//! that are not zero: none, if the connections are right and all there (Banyaga and Hurtubise, "Lectures on Morse
//! Homology", 2004, section 7.1).

use std::collections::BTreeMap;

use crate::connection::MorseGraph;
use crate::critical::CriticalSet;

/// A sparse matrix of integers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseMatrix {
    /// Number of rows.
    pub rows: usize,
    /// For each column its entries `(row, value)` by rising row; none is zero.
    pub columns: Vec<Vec<(usize, i64)>>,
}

impl SparseMatrix {
    /// The matrix with these entries `(row, column, value)`; those in one place are added up.
    pub fn new(
        rows: usize,
        columns: usize,
        entries: impl IntoIterator<Item = (usize, usize, i64)>,
    ) -> SparseMatrix {
        let mut sums: Vec<BTreeMap<usize, i64>> = vec![BTreeMap::new(); columns];
        for (row, column, value) in entries {
            let sum = sums[column].entry(row).or_default();
            *sum = sum.saturating_add(value);
        }
        let columns = sums.into_iter().map(|c| c.into_iter().filter(|(_, v)| *v != 0).collect()).collect();
        SparseMatrix { rows, columns }
    }

    /// Its entries that are not zero, `(row, column, value)`, column by column.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, i64)> {
        self.columns.iter().enumerate().flat_map(|(c, column)| column.iter().map(move |&(r, v)| (r, c, v)))
    }

    /// Number of entries that are not zero.
    pub fn count(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }

    /// The product with `right` (its rows are our columns). An entry beyond 64 bits becomes the largest there is.
    pub fn times(&self, right: &SparseMatrix) -> SparseMatrix {
        let product = |column: &Vec<(usize, i64)>| {
            let mut sums: BTreeMap<usize, i128> = BTreeMap::new();
            for &(middle, b) in column {
                for &(row, a) in &self.columns[middle] {
                    let sum = sums.entry(row).or_default();
                    *sum = sum.saturating_add(i128::from(a) * i128::from(b));
                }
            }
            let narrow = |v: i128| i64::try_from(v).unwrap_or(if v > 0 { i64::MAX } else { i64::MIN });
            sums.into_iter().filter(|(_, v)| *v != 0).map(|(row, v)| (row, narrow(v))).collect()
        };
        SparseMatrix { rows: self.rows, columns: right.columns.iter().map(product).collect() }
    }
}

/// An entry of a boundary operator, or of its square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Id of the upper point (the column).
    pub from: usize,
    /// Id of the lower point (the row).
    pub to: usize,
    /// Signed number of connections (of broken ones, in the square).
    pub value: i64,
}

/// The Morse complex of a graph.
#[derive(Clone, Debug)]
pub struct Complex {
    /// Dimension of the space, beyond which there are no points.
    pub dim: usize,
    /// Ids of the points of each index, rising, from index 0 to the highest met.
    pub points: Vec<Vec<usize>>,
    /// `boundary[k]` has a column for each point of index k and a row for each of index k - 1, in the order of
    /// `points`; `boundary[0]` has no rows.
    pub boundary: Vec<SparseMatrix>,
}

impl Complex {
    /// The complex of a graph. Connections that do not go from an index k to k - 1 have no part in it.
    pub fn new(set: &CriticalSet, graph: &MorseGraph) -> Complex {
        let mut points = vec![vec![]; set.counts().len()];
        let mut place = vec![0; set.points.len()];
        for (id, p) in set.points.iter().enumerate() {
            place[id] = points[p.index].len();
            points[p.index].push(id);
        }
        let mut entries = vec![vec![]; points.len()];
        for c in &graph.connections {
            let (upper, lower) = (set.points[c.from].index, set.points[c.to].index);
            if upper == lower + 1 {
                entries[upper].push((place[c.to], place[c.from], i64::from(c.sign)));
            }
        }
        let rows = |k: usize| if k == 0 { 0 } else { points[k - 1].len() };
        let boundary = entries
            .into_iter()
            .enumerate()
            .map(|(k, entries)| SparseMatrix::new(rows(k), points[k].len(), entries))
            .collect();
        Complex { dim: set.region.dim(), points, boundary }
    }

    /// Entries of the boundary from index k to k - 1 by the ids of their points.
    pub fn entries(&self, k: usize) -> Vec<Entry> {
        self.named(k, k.wrapping_sub(1), self.boundary.get(k))
    }

    fn named(&self, upper: usize, lower: usize, matrix: Option<&SparseMatrix>) -> Vec<Entry> {
        let entries = matrix.into_iter().flat_map(SparseMatrix::entries);
        entries
            .map(|(r, c, value)| Entry { from: self.points[upper][c], to: self.points[lower][r], value })
            .collect()
    }

    /// Entries of the squared boundary that are not zero, by rising index of their upper point.
    pub fn squared(&self) -> Vec<Entry> {
        let products = (2..self.boundary.len()).map(|k| self.boundary[k - 1].times(&self.boundary[k]));
        products.enumerate().flat_map(|(i, product)| self.named(i + 2, i, Some(&product))).collect()
    }

    /// Homology is known in so many degrees, from 0, if all connections k -> k-1 are for k up to `complete_to`: degree
    /// j needs the boundaries from j and from j + 1. With all boundaries known, every degree is.
    pub fn known_degrees(&self, complete_to: usize) -> usize {
        if complete_to >= self.dim { self.dim + 1 } else { complete_to }
    }
}
