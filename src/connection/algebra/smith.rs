//! Smith normal form of sparse integer matrices, exactly.
//!
//! Pivots +1 and -1 are eliminated first, in sparse form and those that fill in least; boundary matrices are mostly
//! done then. What remains goes through row and column operations in dense form, with 128-bit integers that notice
//! overflow (Munkres, "Elements of Algebraic Topology", 1984, section 11).

use std::collections::{BTreeMap, BTreeSet};

use super::complex::SparseMatrix;

/// The Smith normal form of a matrix: a diagonal in which each entry divides the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smith {
    /// Number of entries that are not zero: the rank.
    pub rank: usize,
    /// Those of them that are greater than 1, rising.
    pub invariants: Vec<i128>,
}

/// The Smith normal form; `None` if an intermediate number needs more than 128 bits.
pub fn smith(matrix: &SparseMatrix) -> Option<Smith> {
    let (units, rest) = without_units(matrix)?;
    let diagonal = dense(rest)?;
    let rank = units + diagonal.len();
    Some(Smith { rank, invariants: divisors(diagonal)?.into_iter().filter(|d| *d > 1).collect() })
}

/// Eliminates with pivots +-1 until there are none: how many there were, and the dense matrix that remains.
fn without_units(matrix: &SparseMatrix) -> Option<(usize, Vec<Vec<i128>>)> {
    let mut columns: Vec<BTreeMap<usize, i128>> =
        matrix.columns.iter().map(|c| c.iter().map(|&(r, v)| (r, i128::from(v))).collect()).collect();
    let mut rows: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); matrix.rows];
    for (row, column, _) in matrix.entries() {
        rows[row].insert(column);
    }
    // Columns that may have a pivot, the shortest first; one without comes back when it changes.
    let mut queue: BTreeSet<(usize, usize)> =
        columns.iter().enumerate().map(|(c, column)| (column.len(), c)).collect();
    let mut units = 0;
    while let Some((_, c)) = queue.pop_first() {
        let unit = columns[c].iter().filter(|(_, v)| v.abs() == 1);
        let Some((&row, &pivot)) = unit.min_by_key(|(r, _)| rows[**r].len()) else { continue };
        let mut column = std::mem::take(&mut columns[c]);
        column.keys().for_each(|r| {
            rows[*r].remove(&c);
        });
        column.remove(&row);
        // Row operations would clear the column without touching anything else; column operations clear the row.
        for other in std::mem::take(&mut rows[row]) {
            queue.remove(&(columns[other].len(), other));
            let factor = columns[other].remove(&row).unwrap_or(0).checked_mul(pivot)?;
            for (r, v) in &column {
                let old = columns[other].get(r).copied().unwrap_or(0);
                let new = old.checked_sub(factor.checked_mul(*v)?)?;
                if new == 0 {
                    columns[other].remove(r);
                    rows[*r].remove(&other);
                } else {
                    columns[other].insert(*r, new);
                    rows[*r].insert(other);
                }
            }
            queue.insert((columns[other].len(), other));
        }
        units += 1;
    }
    let left: Vec<&BTreeMap<usize, i128>> = columns.iter().filter(|c| !c.is_empty()).collect();
    let used: BTreeSet<usize> = left.iter().flat_map(|c| c.keys().copied()).collect();
    let rest = used.iter().map(|r| left.iter().map(|c| c.get(r).copied().unwrap_or(0)).collect()).collect();
    Some((units, rest))
}

/// A diagonal form (absolute values, without zeros, in no order) by row and column operations. The pivot is the
/// smallest entry left, which keeps numbers small.
fn dense(mut a: Vec<Vec<i128>>) -> Option<Vec<i128>> {
    let mut diagonal = vec![];
    while let Some((i, j)) = smallest(&a) {
        let pivot = a[i][j];
        let pivot_row = a[i].clone();
        let mut clear = true;
        for (_, row) in a.iter_mut().enumerate().filter(|(r, _)| *r != i) {
            let factor = row[j].checked_div_euclid(pivot)?;
            if factor != 0 {
                subtract(row.iter_mut(), &pivot_row, factor)?;
            }
            clear &= row[j] == 0;
        }
        if !clear {
            continue; // A remainder is smaller than the pivot: it is the next one.
        }
        // The pivot's column is clear, so that column operations change the pivot's row alone.
        for c in (0..pivot_row.len()).filter(|c| *c != j) {
            a[i][c] = pivot_row[c].checked_rem_euclid(pivot)?;
            clear &= a[i][c] == 0;
        }
        if clear {
            diagonal.push(pivot.checked_abs()?);
            a.swap_remove(i);
            a.iter_mut().for_each(|row| {
                row.swap_remove(j);
            });
        }
    }
    Some(diagonal)
}

fn subtract<'a>(row: impl Iterator<Item = &'a mut i128>, pivot: &[i128], factor: i128) -> Option<()> {
    for (x, p) in row.zip(pivot) {
        *x = x.checked_sub(factor.checked_mul(*p)?)?;
    }
    Some(())
}

/// Place of the entry that is smallest in size without being zero.
fn smallest(a: &[Vec<i128>]) -> Option<(usize, usize)> {
    let entries =
        a.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().map(move |(j, v)| (i, j, v)));
    entries.filter(|(.., v)| **v != 0).min_by_key(|(.., v)| v.unsigned_abs()).map(|(i, j, _)| (i, j))
}

/// The diagonal with each entry dividing the next: `diag(a, b)` is equivalent to `diag(gcd, lcm)`.
fn divisors(mut diagonal: Vec<i128>) -> Option<Vec<i128>> {
    // Ones divide everything and stay where they are.
    diagonal.retain(|d| *d > 1);
    for i in 0..diagonal.len() {
        for j in i + 1..diagonal.len() {
            let (a, b) = (diagonal[i], diagonal[j]);
            let g = gcd(a, b);
            (diagonal[i], diagonal[j]) = (g, (a / g).checked_mul(b)?);
        }
    }
    Some(diagonal)
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
