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

/// Replaces boxes that touch, directly or through others, by their hull, until no two hulls touch. Of very many boxes
/// neighbours in the list are joined first.
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
        match (0..hulls.len()).find(|&l| l != k && meet(&hulls[l], &hulls[k])) {
            Some(l) => {
                let (first, second) = (k.min(l), k.max(l));
                let other = hulls.swap_remove(second);
                enlarge(&mut hulls[first], &other);
                // The enlarged hull may touch those before it.
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
