//! Persistent homology of the Morse complex as the energy rises, over Z/2.
//!
//! A point either gives birth to a class in the degree of its index or ends one in the degree below. The energy
//! between the two is how far the landscape must be changed for both to vanish (Edelsbrunner and Harer,
//! "Computational Topology", 2010, chapter VII).

use super::complex::Complex;
use super::homology::degrees;
use super::mod2::reduce;
use crate::critical::CriticalSet;
use crate::error::Result;

/// A class: where it is born and where it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Its degree: the index of the point where it is born.
    pub degree: usize,
    /// Id of that point.
    pub birth: usize,
    /// Id of the point, of index one higher, where it ends; `None` for a class of the whole region.
    pub death: Option<usize>,
}

impl Pair {
    /// Energy of the point where it ends less that of the point where it is born; not below zero, though rounding may
    /// put the energies of two points the wrong way round. `None` if it does not end.
    pub fn persistence(&self, set: &CriticalSet) -> Option<f64> {
        self.death.map(|death| (set.points[death].energy - set.points[self.birth].energy).max(0.0))
    }
}

/// All classes in the degrees that are known ([`Complex::known_degrees`]), by degree, then energy of birth. Points of
/// equal energy enter in the order of their ids.
///
/// # Errors
/// If the squared boundary is not zero.
pub fn persistence(set: &CriticalSet, complex: &Complex, complete_to: usize) -> Result<Vec<Pair>> {
    let known = degrees(complex, complete_to)?;
    // Places in `points[k]` by rising energy, and each one's rank in that order.
    let order: Vec<Vec<usize>> = (complex.points.iter())
        .map(|ids| {
            let mut order: Vec<usize> = (0..ids.len()).collect();
            let energy = |place: usize| set.points[ids[place]].energy;
            order.sort_by(|&a, &b| energy(a).total_cmp(&energy(b)).then(ids[a].cmp(&ids[b])));
            order
        })
        .collect();
    let rank = |k: usize| {
        let mut rank = vec![0; order[k].len()];
        order[k].iter().enumerate().for_each(|(r, &place)| rank[place] = r);
        rank
    };
    let mut pairs: Vec<Pair> = vec![];
    // Ranks (in index k) of the points that give birth to a class that ends, from the index above.
    let mut born: Vec<Option<usize>> = vec![];
    for k in (0..=known.min(complex.points.len().saturating_sub(1))).rev() {
        let columns =
            if k == 0 { vec![vec![]; order[0].len()] } else { columns(complex, k, &order[k], &rank(k - 1)) };
        let rows = if k == 0 { 0 } else { order[k - 1].len() };
        // A point that gives birth has a boundary that others make up.
        let low = reduce(rows, columns, |j| born.get(j).is_some_and(Option::is_some));
        if k < known {
            for (j, &place) in order[k].iter().enumerate() {
                if low[j].is_none() {
                    let death = born.get(j).copied().flatten();
                    pairs.push(Pair { degree: k, birth: complex.points[k][place], death });
                }
            }
        }
        born = vec![None; rows];
        for (j, row) in low.iter().enumerate() {
            if let Some(row) = row {
                born[*row] = Some(complex.points[k][order[k][j]]);
            }
        }
    }
    // Within a degree they already stand by energy.
    pairs.sort_by_key(|p| p.degree);
    Ok(pairs)
}

/// The boundary from index k modulo 2, columns and rows by rising energy.
fn columns(complex: &Complex, k: usize, order: &[usize], rank: &[usize]) -> Vec<Vec<usize>> {
    let matrix = &complex.boundary[k];
    let column = |&place: &usize| {
        let odd = matrix.columns[place].iter().filter(|(_, v)| v % 2 != 0);
        let mut rows: Vec<usize> = odd.map(|(row, _)| rank[*row]).collect();
        rows.sort_unstable();
        rows
    };
    order.iter().map(column).collect()
}
