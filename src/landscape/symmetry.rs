//! Symmetries of a set of patterns.

use std::cmp::Ordering;

use faer::MatRef;

use crate::rigor::prune::SignedPermutation;

/// Does the map of coordinates take the patterns (columns, n x K) to the patterns, each to one of the same weight? Numbers are
/// compared exactly; no arithmetic is done on them.
pub(super) fn permutes(patterns: MatRef<'_, f64>, weights: &[f64], map: &SignedPermutation) -> bool {
    if map.dim() != patterns.nrows() {
        return false;
    }
    type Weighted = (Vec<f64>, f64);
    let order = |a: &Weighted, b: &Weighted| {
        let (a, b) = (a.0.iter().chain([&a.1]), b.0.iter().chain([&b.1]));
        // Zeros of either sign are equal.
        a.zip(b).map(|(a, b)| (a + 0.0).total_cmp(&(b + 0.0))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut here: Vec<Weighted> =
        patterns.col_iter().zip(weights).map(|(y, w)| (y.iter().copied().collect(), *w)).collect();
    let mut there: Vec<Weighted> = here.iter().map(|(y, w)| (map.map_point(y), *w)).collect();
    here.sort_by(order);
    there.sort_by(order);
    here == there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_turns_and_a_kite_does_not() {
        let turn = SignedPermutation::new(vec![1, 0], vec![true, false]).unwrap();
        let mirror = SignedPermutation::new(vec![0, 1], vec![true, false]).unwrap();
        let square = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.0];
        let kite = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, -1.000_000_000_000_000_2];
        let of = |y: &[f64; 8], w: &[f64], map| permutes(MatRef::from_column_major_slice(y, 2, 4), w, map);
        assert!(of(&square, &[1.0; 4], &turn) && of(&square, &[1.0; 4], &mirror));
        assert!(!of(&kite, &[1.0; 4], &turn) && of(&kite, &[1.0; 4], &mirror));
        assert!(!of(&square, &[1.0, 1.0, 2.0, 1.0], &mirror) && !of(&square, &[1.0, 2.0, 1.0, 1.0], &turn));
    }
}
