//! Where the nodes of a connection graph go from left to right.
//!
//! Minima stand in the order of the leaves of the disconnectivity graph (Becker and Karplus 1997): energy rises from
//! saddle to saddle, and the minima that a saddle joins become neighbours. All else stands above the middle of what it
//! leads to, moved aside where it would cover something.

use std::collections::{BTreeMap, BTreeSet};

use crate::connection::MorseGraph;
use crate::connection::algebra::{Merge, merges};
use crate::critical::CriticalSet;

/// Ids of the minima from left to right.
pub(super) fn minima_order(set: &CriticalSet, graph: &MorseGraph) -> Vec<usize> {
    let minima: Vec<usize> = (0..set.points.len()).filter(|&id| set.points[id].index == 0).collect();
    let mut groups: Vec<Vec<usize>> = minima.iter().map(|&id| vec![id]).collect();
    let mut group_of: BTreeMap<usize, usize> = minima.iter().enumerate().map(|(g, &id)| (id, g)).collect();
    for Merge { a: first, b: second, .. } in merges(set, graph) {
        let (a, b) = (group_of[&first], group_of[&second]);
        // The group of the lower id keeps its place on the left.
        let (left, right) = (a.min(b), a.max(b));
        let moved = std::mem::take(&mut groups[right]);
        for id in &moved {
            group_of.insert(*id, left);
        }
        let (inner, outer) = if a == left { (first, second) } else { (second, first) };
        groups[left] = joined(std::mem::take(&mut groups[left]), inner, moved, outer);
    }
    groups.concat()
}

/// `left` and `right` side by side, each turned around if that brings `a` (in `left`) and `b` (in `right`) closer.
fn joined(mut left: Vec<usize>, a: usize, mut right: Vec<usize>, b: usize) -> Vec<usize> {
    let place = |group: &[usize], id: usize| group.iter().position(|&g| g == id).unwrap_or(0);
    if place(&left, a) < left.len() - 1 - place(&left, a) {
        left.reverse();
    }
    if place(&right, b) > right.len() - 1 - place(&right, b) {
        right.reverse();
    }
    left.append(&mut right);
    left
}

/// For every node (points by id, then degenerate families) where it would like to stand, between 0 and 1.
pub(super) fn wishes(set: &CriticalSet, graph: &MorseGraph, order: &[usize]) -> Vec<f64> {
    let count = set.points.len();
    let mut wish = vec![f64::NAN; count + set.degenerate.len()];
    for (place, &id) in order.iter().enumerate() {
        wish[id] = (place as f64 + 0.5) / order.len() as f64;
    }
    let mut below: Vec<Vec<usize>> = vec![vec![]; count];
    for c in &graph.connections {
        below[c.from].push(c.to);
    }
    // Ids rise with the index, so that what lies below is already placed.
    for id in 0..count {
        if !wish[id].is_nan() {
            continue;
        }
        let known: Vec<f64> = below[id].iter().map(|&to| wish[to]).filter(|w| !w.is_nan()).collect();
        wish[id] = if known.is_empty() {
            let same: Vec<usize> =
                (0..count).filter(|&other| set.points[other].index == set.points[id].index).collect();
            let place = same.iter().position(|&other| other == id).unwrap_or(0);
            (place as f64 + 0.5) / same.len() as f64
        } else {
            known.iter().sum::<f64>() / known.len() as f64
        };
    }
    let families = set.degenerate.len();
    for (k, wish) in wish[count..].iter_mut().enumerate() {
        *wish = (k as f64 + 0.5) / families as f64;
    }
    wish
}

/// Moves nodes aside, as little as possible, until none is nearer than `gap` (in both directions) to another.
/// `places` holds (x, y) in pixels; x stays within `range`. Where there is no room nodes stay where they wish.
pub(super) fn spread(places: &mut [(f64, f64)], gap: f64, range: (f64, f64)) {
    const TRIES: i32 = 80;
    let cell = |x: f64, y: f64| ((x / gap).floor() as i64, (y / gap).floor() as i64);
    let mut taken: BTreeMap<(i64, i64), Vec<(f64, f64)>> = BTreeMap::new();
    let mut full: BTreeSet<(i64, i64)> = BTreeSet::new();
    for place in places.iter_mut() {
        let (wish, y) = *place;
        let home = cell(wish, y);
        let free = |x: f64| {
            let (i, j) = cell(x, y);
            (i - 1..=i + 1).flat_map(|i| (j - 1..=j + 1).map(move |j| (i, j))).all(|c| {
                taken
                    .get(&c)
                    .is_none_or(|t| t.iter().all(|t| (t.0 - x).abs() >= gap || (t.1 - y).abs() >= gap))
            })
        };
        let tries = (0..=2 * TRIES).map(|k| {
            let steps = f64::from((k + 1) / 2) * if k % 2 == 1 { 1.0 } else { -1.0 };
            wish + 0.5 * gap * steps
        });
        // A neighbourhood once found full stays full; asking it again for each of thousands of nodes would be slow.
        let found = if full.contains(&home) {
            None
        } else {
            tries.filter(|x| *x >= range.0 && *x <= range.1).find(|&x| free(x))
        };
        if found.is_none() {
            full.insert(home);
        }
        place.0 = found.unwrap_or(wish);
        taken.entry(cell(place.0, y)).or_default().push(*place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::{Connection, MorseSmale, Orbit};
    use crate::critical::{Completeness, CriticalPoint, Level, Work};
    use crate::landscape::Region;

    fn case(minima: usize, saddles: &[(f64, usize, usize)]) -> (CriticalSet, MorseGraph) {
        let point = |index: usize, energy: f64| CriticalPoint {
            x: vec![0.0, 0.0],
            energy,
            eigenvalues: vec![1.0, 1.0],
            index,
            gradient_norm: 0.0,
            radius: 0.0,
            level: Level::Checked,
            proof: None,
        };
        let mut points = vec![point(0, 0.0); minima];
        let mut connections = vec![];
        for &(energy, a, b) in saddles {
            for to in [a, b] {
                connections.push(Connection::new(points.len(), to, 1, Orbit::default()));
            }
            points.push(point(1, energy));
        }
        let set = CriticalSet {
            points,
            degenerate: vec![],
            completeness: Completeness::Unknown,
            euler_expected: None,
            rough: false,
            coverage: Default::default(),
            highest_index: 1,
            region: Region::ball(vec![0.0, 0.0], 1.0),
            work: Work::default(),
            interrupted: false,
        };
        let morse_smale = MorseSmale::Yes(Level::Checked);
        (
            set,
            MorseGraph {
                connections,
                loose: vec![],
                misses: vec![],
                morse_smale,
                components: 1,
                examined: vec![true],
            },
        )
    }

    #[test]
    fn minima_joined_low_stand_together() {
        // 0-3 and 1-4 join low, the pairs join 3-1 higher, 2 joins 0 last.
        let (set, graph) = case(5, &[(0.1, 0, 3), (0.2, 1, 4), (0.5, 3, 1), (0.9, 2, 0)]);
        let order = minima_order(&set, &graph);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4]);
        let place = |id: usize| order.iter().position(|&o| o == id).unwrap() as i64;
        for (a, b) in [(0, 3), (1, 4), (3, 1), (2, 0)] {
            assert_eq!((place(a) - place(b)).abs(), 1, "{a} and {b} in {order:?}");
        }
        let wish = wishes(&set, &graph, &order);
        assert!((wish[5] - 0.5 * (wish[0] + wish[3])).abs() < 1e-12);
    }

    #[test]
    fn loops_and_lonely_minima_are_kept() {
        let (set, graph) = case(3, &[(0.1, 1, 1)]);
        assert_eq!(minima_order(&set, &graph), [0, 1, 2]);
    }

    #[test]
    fn nothing_covers_anything_while_there_is_room() {
        let mut places: Vec<(f64, f64)> =
            (0..200).map(|i| (300.0 + f64::from(i % 7), 50.0 + f64::from(i % 3))).collect();
        spread(&mut places, 5.0, (0.0, 2000.0));
        let near =
            |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 5.0 - 1e-9 && (a.1 - b.1).abs() < 5.0 - 1e-9;
        let first = &places[..40];
        for (i, a) in first.iter().enumerate() {
            assert!(first[..i].iter().all(|b| !near(*a, *b)));
        }
        assert!(places.iter().all(|p| p.0 >= 0.0 && p.0 <= 2000.0));
    }
}
