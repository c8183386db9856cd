//! Lists of boxes made short: zeros found twice, undecided boxes that touch.

use std::cmp::Ordering;

use crate::rigor::Interval;
use crate::rigor::krawczyk::Zero;

/// At most so many boxes are compared with each other.
const CLUSTERED: usize = 4096;

/// Have the boxes a point in common?
pub(super) fn meet(a: &[Interval], b: &[Interval]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.meet(*b).is_some())
}

/// Enlarges `a` to hold `b` too.
pub(super) fn enlarge(a: &mut [Interval], b: &[Interval]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.hull(*b);
    }
}

/// Is `a` a part of `b`?
pub(super) fn is_in(a: &[Interval], b: &[Interval]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.is_in(*b))
}

/// Orders zeros by their coordinates.
pub(super) fn by_coordinates(a: &Zero, b: &Zero) -> Ordering {
    let ends = a.enclosure.iter().zip(&b.enclosure);
    ends.map(|(a, b)| a.lo().total_cmp(&b.lo()).then(a.hi().total_cmp(&b.hi())))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Adds a zero to a list of different ones. It is one of them if the enclosure of either lies in the other's box of
/// uniqueness, and another one if their enclosures have no point in common; where neither can be told, its enclosure is
/// returned and the list left as it is.
pub(super) fn add(known: &mut Vec<Zero>, mut zero: Zero) -> Option<Vec<Interval>> {
    let mut k = 0;
    while k < known.len() {
        let other = &known[k];
        if is_in(&zero.enclosure, &other.unique) || is_in(&other.enclosure, &zero.unique) {
            // The same zero: it is in both enclosures, and the only one in either box.
            let other = known.swap_remove(k);
            for (z, o) in zero.enclosure.iter_mut().zip(&other.enclosure) {
                *z = z.meet(*o).unwrap_or(*z);
            }
            if narrowest(&other.unique) > narrowest(&zero.unique) && is_in(&zero.enclosure, &other.unique) {
                zero.unique = other.unique;
            }
            // Its box may be larger now, and tell more.
            k = 0;
        } else if meet(&zero.enclosure, &other.enclosure) {
            return Some(zero.enclosure);
        } else {
            k += 1;
        }
    }
    known.push(zero);
    None
}

fn narrowest(x: &[Interval]) -> f64 {
    x.iter().map(|x| x.width()).fold(f64::INFINITY, f64::min)
}

/// Are the boxes no further apart, in each coordinate, than the wider of them is wide?
fn are_neighbours(a: &[Interval], b: &[Interval]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a.lo() - b.hi()).max(b.lo() - a.hi()) <= a.width().max(b.width()))
}

/// Replaces neighbours, direct or through others, by their hull, until no two hulls are neighbours. Of very many boxes
/// those next to each other in the list are joined first.
pub(super) fn clusters(boxes: Vec<Vec<Interval>>) -> Vec<Vec<Interval>> {
    let group = boxes.len().div_ceil(CLUSTERED).max(1);
    let mut hulls: Vec<Vec<Interval>> = boxes
        .chunks(group)
        .map(|group| {
            let mut hull = group[0].clone();
            group.iter().for_each(|x| enlarge(&mut hull, x));
            hull
        })
        .collect();
    let mut k = 0;
    while k < hulls.len() {
        match (0..hulls.len()).find(|&l| l != k && are_neighbours(&hulls[l], &hulls[k])) {
            Some(l) => {
                let (first, second) = (k.min(l), k.max(l));
                let other = hulls.swap_remove(second);
                enlarge(&mut hulls[first], &other);
                // The enlarged hull may have neighbours before it.
                k = first;
            }
            None => k += 1,
        }
    }
    hulls.sort_by(|a, b| {
        let ends = a.iter().zip(b);
        ends.map(|(a, b)| a.lo().total_cmp(&b.lo()).then(a.hi().total_cmp(&b.hi())))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    hulls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zero(enclosure: [f64; 2], unique: [f64; 2]) -> Zero {
        let interval = |x: [f64; 2]| vec![Interval::new(x[0], x[1])];
        Zero { enclosure: interval(enclosure), unique: interval(unique) }
    }

    #[test]
    fn zeros_are_the_same_different_or_neither() {
        let mut known = vec![zero([1.0, 1.1], [0.5, 1.5])];
        // In the other's box: the same, known better now.
        assert!(add(&mut known, zero([1.05, 1.2], [1.04, 1.3])).is_none());
        assert_eq!(known, vec![zero([1.05, 1.1], [0.5, 1.5])]);
        // Outside, with nothing in common: another.
        assert!(add(&mut known, zero([1.6, 1.7], [1.55, 1.8])).is_none());
        assert_eq!(known.len(), 2);
        // Boxes of uniqueness that overlap mean nothing.
        assert!(add(&mut known, zero([1.52, 1.53], [1.2, 1.54])).is_none());
        assert_eq!(known.len(), 3);
        // An overlap that neither box of uniqueness covers: not told.
        let ambiguous = add(&mut known, zero([1.65, 1.9], [1.65, 2.0]));
        assert_eq!(ambiguous, Some(vec![Interval::new(1.65, 1.9)]));
        assert_eq!(known.len(), 3);
        // A single common point is an overlap too.
        assert!(add(&mut known, zero([1.7, 1.9], [1.7, 2.0])).is_some());
        // The newcomer's box may be the one that tells.
        assert!(add(&mut known, zero([1.0, 1.2], [0.9, 1.21])).is_none());
        assert_eq!(known.len(), 3);
    }

    #[test]
    fn neighbours_are_joined_through_others() {
        let x = |lo: f64, hi: f64| vec![Interval::new(lo, hi)];
        let boxes = vec![x(0.0, 1.0), x(20.0, 21.0), x(2.0, 3.0), x(1.0, 2.0), x(24.0, 24.5)];
        assert_eq!(clusters(boxes), vec![x(0.0, 3.0), x(20.0, 21.0), x(24.0, 24.5)]);
        assert!(clusters(Vec::new()).is_empty());
        // Of very many none is lost.
        let many = clusters((0..10_000).map(|k| x(10.0 * f64::from(k), 10.0 * f64::from(k) + 1.0)).collect());
        assert!(many.len() <= CLUSTERED && many[0][0].lo() == 0.0);
        for k in 0..10_000 {
            assert!(many.iter().any(|x| x[0].contains(10.0 * f64::from(k) + 1.0)));
        }
    }

    #[test]
    fn either_box_of_uniqueness_tells() {
        let mut known = vec![zero([1.0, 1.1], [0.99, 1.11])];
        assert!(add(&mut known, zero([1.0, 1.3], [0.8, 1.5])).is_none());
        assert_eq!(known, vec![zero([1.0, 1.1], [0.8, 1.5])]);
    }
}
