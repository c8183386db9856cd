//! Homology of the Morse complex: that of the region, if the flow enters it all over its boundary.

use super::complex::{Complex, SparseMatrix};
use super::mod2::reduce;
use super::smith::{Smith, smith};
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::landscape::Region;

/// A homology group over the integers: Z^betti and one Z/t for each t of `torsion`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its degree.
    pub degree: usize,
    /// Rank of the free part.
    pub betti: usize,
    /// Orders of the cyclic parts, each greater than 1 and a divisor of the next.
    pub torsion: Vec<i128>,
}

/// Homology over the integers in every degree that is known ([`Complex::known_degrees`]) and not above the highest
/// index met, above which there is none.
///
/// # Errors
/// If the squared boundary is not zero, so that there is no homology, or if numbers beyond 128 bits came up.
pub fn homology(complex: &Complex, complete_to: usize) -> Result<Vec<Group>> {
    let known = degrees(complex, complete_to)?;
    let forms: Vec<Smith> = (0..=known)
        .map(|k| complex.boundary.get(k).map_or(Some(Smith { rank: 0, invariants: vec![] }), smith))
        .collect::<Option<_>>()
        .ok_or_else(|| {
            Error::Numerics("homology over the integers: numbers beyond 128 bits came up".into())
        })?;
    Ok((0..known)
        .map(|degree| Group {
            degree,
            betti: complex.points[degree].len() - forms[degree].rank - forms[degree + 1].rank,
            torsion: forms[degree + 1].invariants.clone(),
        })
        .collect())
}

/// Betti numbers over Z/2, in the degrees in which [`homology`] gives groups.
///
/// # Errors
/// If the squared boundary is not zero.
pub fn homology_mod2(complex: &Complex, complete_to: usize) -> Result<Vec<usize>> {
    let known = degrees(complex, complete_to)?;
    let ranks: Vec<usize> = (0..=known).map(|k| complex.boundary.get(k).map_or(0, rank_mod2)).collect();
    Ok((0..known).map(|k| complex.points[k].len() - ranks[k] - ranks[k + 1]).collect())
}

fn rank_mod2(matrix: &SparseMatrix) -> usize {
    reduce(matrix.rows, odd(matrix), |_| false).into_iter().flatten().count()
}

/// For each column the rows whose entries are odd.
fn odd(matrix: &SparseMatrix) -> Vec<Vec<usize>> {
    let rows =
        |column: &Vec<(usize, i64)>| column.iter().filter(|(_, v)| v % 2 != 0).map(|(r, _)| *r).collect();
    matrix.columns.iter().map(rows).collect()
}

/// Number of degrees to give, from 0; an error if the square of the boundaries that they need is not zero.
pub(super) fn degrees(complex: &Complex, complete_to: usize) -> Result<usize> {
    for k in 2..complex.boundary.len().min(complete_to.saturating_add(1)) {
        let wrong = complex.boundary[k - 1].times(&complex.boundary[k]).count();
        if wrong > 0 {
            return Err(Error::Numerics(format!(
                "there is no homology: the squared boundary from index {k} to {} has {wrong} entries that are not zero",
                k - 2
            )));
        }
    }
    Ok(complex.known_degrees(complete_to).min(complex.points.len()))
}

/// Betti numbers of a region, degree by degree up to the highest that is not zero: a ball or a box has one class in
/// degree 0; with m periodic coordinates it is a torus of dimension m, up to homotopy, with binomial(m, k) in degree k.
pub fn region_betti(region: &Region) -> Vec<usize> {
    let periodic = (0..region.dim()).filter(|&i| region.period_of(i).is_some()).count();
    let mut row: Vec<usize> = vec![1];
    for _ in 0..periodic {
        let inner = row.windows(2).map(|w| w[0].saturating_add(w[1]));
        row = std::iter::once(1).chain(inner).chain([1]).collect();
    }
    row
}

/// The Betti numbers that the points of a set must have: those of its region, where the flow is known to enter it all
/// over its boundary. `None` where that is not known, a point is degenerate, or the energy is not smooth.
pub fn expected_betti(set: &CriticalSet) -> Option<Vec<usize>> {
    let betti = region_betti(&set.region);
    let euler = if betti.len() == 1 { 1 } else { 0 };
    (set.euler_expected == Some(euler) && set.degenerate.is_empty() && !set.rough).then_some(betti)
}

/// Where homology differs from the Betti numbers expected (without torsion), in sentences; `known` is the number of
/// degrees that are known. Degrees beyond either list have no homology.
pub fn mismatches(found: &[Group], expected: &[usize], known: usize) -> Vec<String> {
    let mut out = vec![];
    for degree in 0..known.min(found.len().max(expected.len())) {
        let wanted = expected.get(degree).copied().unwrap_or(0);
        let betti = found.get(degree).map_or(0, |g| g.betti);
        if betti != wanted {
            out.push(format!("degree {degree}: the points have Betti number {betti}, the region {wanted}"));
        }
        let torsion = found.get(degree).map_or(&[][..], |g| &g.torsion);
        if !torsion.is_empty() {
            let orders: Vec<String> = torsion.iter().map(|t| format!("Z/{t}")).collect();
            out.push(format!(
                "degree {degree}: the points have torsion {}, the region none",
                orders.join(" + ")
            ));
        }
    }
    out
}
