//! Does a graph, changed by what happens at an event, equal the graph beyond it?
//!
//! What meets at an event is taken out of both graphs by cancelling pairs that are joined by one orbit: where x and y are other
//! points, the orbits x -> lower and upper -> y are joined to orbits x -> y (Milnor, *Lectures on the h-Cobordism Theorem*,
//! 1965, theorem 5.4; the same gluing happens at a fold). After a fold nothing is left, after a pitchfork one point on each
//! side, whose connections must agree.

use std::collections::{BTreeMap, BTreeSet};

use super::itinerary::Arc;
use super::section::{Links, Section};
use super::{Diagram, EventKind};

/// A graph of arcs that is being reduced.
struct Reduced {
    index: BTreeMap<Arc, usize>,
    links: Links,
}

impl Reduced {
    fn new(section: &Section) -> Self {
        let index = section.arcs.iter().copied().zip(section.set.points.iter().map(|p| p.index)).collect();
        Reduced { index, links: section.links.clone() }
    }

    fn count(&self, from: Arc, to: Arc) -> usize {
        self.links.get(&(from, to)).copied().unwrap_or(0)
    }

    fn drop(&mut self, arc: Arc) {
        self.index.remove(&arc);
        self.links.retain(|(a, b), _| *a != arc && *b != arc);
    }

    /// Cancels a pair.
    fn cancel(&mut self, upper: Arc, lower: Arc) {
        let above: Vec<(Arc, usize)> =
            self.links.iter().filter(|((_, b), _)| *b == lower).map(|((a, _), n)| (*a, *n)).collect();
        let below: Vec<(Arc, usize)> =
            self.links.iter().filter(|((a, _), _)| *a == upper).map(|((_, b), n)| (*b, *n)).collect();
        for (x, n) in above.iter().filter(|(x, _)| *x != upper) {
            for (y, m) in below.iter().filter(|(y, _)| *y != lower) {
                *self.links.entry((*x, *y)).or_insert(0) += n * m;
            }
        }
        self.drop(upper);
        self.drop(lower);
    }

    /// Cancels within a group what can be, and returns what is left of it. Where connections from the upper index were not looked
    /// for, two points go by their indices alone.
    fn shrink(&mut self, group: &BTreeSet<Arc>, examined: &dyn Fn(usize) -> bool) -> Vec<Arc> {
        loop {
            let here: Vec<Arc> = group.iter().copied().filter(|a| self.index.contains_key(a)).collect();
            let pair = here.iter().find_map(|&u| {
                let k = self.index[&u];
                let lower = here
                    .iter()
                    .copied()
                    .find(|&l| self.index[&l] + 1 == k && (self.count(u, l) == 1 || !examined(k)))?;
                Some((u, lower))
            });
            match pair {
                Some((upper, lower)) if examined(self.index[&upper]) => self.cancel(upper, lower),
                Some((upper, lower)) => {
                    self.drop(upper);
                    self.drop(lower);
                }
                None => return here,
            }
        }
    }
}

/// Arcs that meet at the events of a cut, below and above alike; those of one event, or of events that share an arc, together.
pub(super) fn groups(diagram: &Diagram, events: &[usize]) -> Vec<BTreeSet<Arc>> {
    let mut groups: Vec<BTreeSet<Arc>> = vec![];
    for &event in events {
        let mut group = BTreeSet::new();
        for &(branch, place) in &diagram.events[event].branches {
            group.extend(diagram.branches[branch].beside(place).map(|piece| Arc { branch, piece }));
        }
        // One that shares an arc is one with it.
        let (touching, mut apart): (Vec<_>, Vec<_>) =
            groups.drain(..).partition(|g: &BTreeSet<Arc>| !g.is_disjoint(&group));
        group.extend(touching.into_iter().flatten());
        apart.push(group);
        groups = apart;
    }
    groups
}

/// Why the graph below, without the points that cross the region's boundary, is not the graph above without them.
pub(super) fn boundary(arcs: &[Arc], below: &Section, above: &Section) -> String {
    let (mut low, mut high) = (Reduced::new(below), Reduced::new(above));
    for arc in arcs {
        if low.index.contains_key(arc) == high.index.contains_key(arc) {
            return "a point comes to the boundary, and is on the same side of it below and above".into();
        }
        low.drop(*arc);
        high.drop(*arc);
    }
    if low.index != high.index {
        return "other points than those that cross the boundary are not the same below and above".into();
    }
    let keys: BTreeSet<&(Arc, Arc)> = low.links.keys().chain(high.links.keys()).collect();
    match keys.into_iter().filter(|key| low.links.get(key) != high.links.get(key)).count() {
        0 => String::new(),
        open => format!("{open} connections between other points change, too"),
    }
}

/// Why the graph below a local cut, changed by its events, is not the graph above; empty if it is.
pub(super) fn local(diagram: &Diagram, events: &[usize], below: &Section, above: &Section) -> String {
    if let Some(event) = events.iter().find(|e| diagram.events[**e].kind == EventKind::Unexplained) {
        return diagram.events[*event].note.clone();
    }
    let examined = |k: usize| below.graph.has_examined(k) && above.graph.has_examined(k);
    let (mut low, mut high) = (Reduced::new(below), Reduced::new(above));
    // A kernel of several dimensions exchanges connections within what meets there: only what is around is compared.
    let mut loose: BTreeSet<Arc> = BTreeSet::new();
    let mut renamed: BTreeMap<Arc, Arc> = BTreeMap::new();
    for group in groups(diagram, events) {
        let sum = |g: &Reduced| -> i64 {
            group.iter().filter_map(|a| g.index.get(a)).map(|k| if k % 2 == 0 { 1 } else { -1 }).sum()
        };
        if sum(&low) != sum(&high) {
            return "the indices of what meets do not add up to the same below and above".into();
        }
        let wide = events.iter().any(|&e| {
            diagram.events[e].kernel.len() > 1
                && diagram.events[e].branches.iter().any(|&(branch, place)| {
                    group.contains(&Arc { branch, piece: diagram.branches[branch].piece(place) })
                })
        });
        if wide {
            loose.extend(&group);
            continue;
        }
        let (left, right) = (low.shrink(&group, &examined), high.shrink(&group, &examined));
        match (left.as_slice(), right.as_slice()) {
            ([], []) => {}
            ([a], [b]) if low.index[a] == high.index[b] => {
                renamed.insert(*a, *b);
            }
            _ => {
                return format!(
                    "of what meets {} points remain below and {} above when pairs joined by one orbit are taken out",
                    left.len(),
                    right.len()
                );
            }
        }
    }
    for arc in &loose {
        low.drop(*arc);
        high.drop(*arc);
    }
    let name = |a: &Arc| renamed.get(a).copied().unwrap_or(*a);
    let index: BTreeMap<Arc, usize> = low.index.iter().map(|(a, k)| (name(a), *k)).collect();
    if index != high.index {
        return "points that take no part in it are not the same below and above".into();
    }
    let links: Links = low.links.iter().map(|((a, b), n)| ((name(a), name(b)), *n)).collect();
    // Orbits past a wide event may come to join other points.
    let past = |a: &Arc| {
        let touches = |s: &Section| {
            s.links.keys().any(|(x, y)| (x == a && loose.contains(y)) || (y == a && loose.contains(x)))
        };
        touches(below) || touches(above)
    };
    let keys: BTreeSet<(Arc, Arc)> = links.keys().chain(high.links.keys()).copied().collect();
    let differ = keys.iter().filter(|key| links.get(key) != high.links.get(key));
    // Where an orbit from saddle to saddle lasts over an interval, it stands for the connection that its upper end lacks.
    let joined = below.joined.keys().chain(above.joined.keys()).map(|(a, b)| (name(a), name(b)));
    let (upper, lower): (BTreeSet<Arc>, BTreeSet<Arc>) = joined.unzip();
    let open = differ
        .filter(|(a, b)| !upper.contains(a) && !lower.contains(b))
        .filter(|(a, b)| loose.is_empty() || !(past(a) && past(b)))
        .count();
    if open > 0 {
        return format!("{open} connections are not the ones that the event leaves");
    }
    String::new()
}
