//! How the basins of the minima merge as the energy rises: the disconnectivity graph, and the barriers between minima.
//!
//! Below an energy the landscape falls into components; a saddle of index 1 that joins two of them is a node where
//! their branches meet (Becker and Karplus, J. Chem. Phys. 106, 1495 (1997); Wales, Miller and Walsh, Nature 394, 758
//! (1998)). The highest energy on the lowest path between two minima is that of the saddle where they first come
//! together (Kruskal's algorithm).

use std::collections::{BTreeMap, BTreeSet};

use petgraph::unionfind::UnionFind;

use crate::connection::MorseGraph;
use crate::critical::CriticalSet;

/// A saddle of index 1 that joins two components of minima.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Id of the saddle.
    pub saddle: usize,
    /// Id of a minimum below it, in the one component,
    pub a: usize,
    /// and of one in the other.
    pub b: usize,
}

/// The saddles of index 1 that join components, by rising energy, then id: one fewer than there are minima, if all of
/// them get connected.
pub fn merges(set: &CriticalSet, graph: &MorseGraph) -> Vec<Merge> {
    let mut below: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for c in &graph.connections {
        if set.points[c.from].index == 1 && set.points[c.to].index == 0 {
            below.entry(c.from).or_default().push(c.to);
        }
    }
    let mut saddles: Vec<(usize, Vec<usize>)> = below.into_iter().collect();
    saddles.sort_by(|(a, _), (b, _)| set.points[*a].energy.total_cmp(&set.points[*b].energy).then(a.cmp(b)));
    let mut components = UnionFind::<usize>::new(set.points.len());
    let pairs = saddles.iter().flat_map(|(saddle, ends)| {
        ends.windows(2).map(|pair| Merge { saddle: *saddle, a: pair[0], b: pair[1] })
    });
    pairs.filter(|m| components.union(m.a, m.b)).collect()
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Of a leaf its minimum (id); of an inner node the saddles that join there, by rising energy, then id.
    pub points: Vec<usize>,
    /// Energy of the minimum, or of the highest of the saddles.
    pub energy: f64,
    /// Nodes that are joined here, rising; none at a leaf.
    pub children: Vec<usize>,
    /// The node where it is joined with others; `None` at a root.
    pub parent: Option<usize>,
}

/// The disconnectivity graph. Components that never merge have a root each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// The leaves, by the id of their minimum, then the inner nodes by rising energy.
    pub nodes: Vec<Node>,
    /// Number of leaves.
    pub leaves: usize,
    /// The roots, rising.
    pub roots: Vec<usize>,
}

/// A billionth of the range of all energies: the tolerance of the tree that is drawn and written.
pub fn level_tolerance(set: &CriticalSet) -> f64 {
    let energies = set.points.iter().map(|p| p.energy);
    let (low, high) = energies.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), e| (a.min(e), b.max(e)));
    1e-9 * (high - low).max(0.0)
}

/// The tree in which the minima merge. Saddles whose energies differ from that of the lowest among them by no more than
/// `tolerance` (in units of the energy) count as one level: what they join meets in one node.
pub fn merge_tree(set: &CriticalSet, graph: &MorseGraph, tolerance: f64) -> Tree {
    let minima: Vec<usize> = (0..set.points.len()).filter(|&id| set.points[id].index == 0).collect();
    let energy = |id: usize| set.points[id].energy;
    let leaf = |&id: &usize| Node { points: vec![id], energy: energy(id), children: vec![], parent: None };
    let mut nodes: Vec<Node> = minima.iter().map(leaf).collect();
    let mut components = UnionFind::<usize>::new(set.points.len());
    // The node of a component, kept at its representative.
    let mut top: Vec<usize> = vec![0; set.points.len()];
    minima.iter().enumerate().for_each(|(node, &id)| top[id] = node);
    let merges = merges(set, graph);
    let mut rest = &merges[..];
    while let Some(first) = rest.first() {
        let level = |m: &Merge| {
            energy(m.saddle) == energy(first.saddle) || energy(m.saddle) - energy(first.saddle) <= tolerance
        };
        let (now, later) = rest.split_at(rest.iter().take_while(|m| level(m)).count().max(1));
        let before: Vec<[usize; 2]> =
            now.iter().map(|m| [m.a, m.b].map(|id| top[components.find(id)])).collect();
        now.iter().for_each(|m| {
            components.union(m.a, m.b);
        });
        // Merges of one level that end up in one component are one node.
        let mut joined: BTreeMap<usize, (Vec<usize>, BTreeSet<usize>)> = BTreeMap::new();
        for (m, ends) in now.iter().zip(before) {
            let (saddles, children) = joined.entry(components.find(m.a)).or_default();
            saddles.push(m.saddle);
            children.extend(ends);
        }
        let mut joined: Vec<_> = joined.into_iter().collect();
        joined.sort_by(|(_, (a, _)), (_, (b, _))| a.cmp(b));
        for (component, (mut points, children)) in joined {
            // A saddle with three minima below may join twice.
            points.dedup();
            top[component] = nodes.len();
            children.iter().for_each(|&child| nodes[child].parent = Some(top[component]));
            let energy = points.last().map_or(energy(first.saddle), |&id| energy(id));
            nodes.push(Node { points, energy, children: children.into_iter().collect(), parent: None });
        }
        rest = later;
    }
    let roots = (0..nodes.len()).filter(|&i| nodes[i].parent.is_none()).collect();
    Tree { nodes, leaves: minima.len(), roots }
}

/// What stands between two minima.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Barrier {
    /// Id of a minimum,
    pub a: usize,
    /// and of another, higher one.
    pub b: usize,
    /// Id of a saddle that is highest on the lowest path between them.
    pub saddle: usize,
    /// Its energy.
    pub energy: f64,
}

/// The barrier between every two minima that are joined by paths over saddles of index 1: the lowest energy that the
/// highest saddle of a path can have. Sorted by `a`, then `b`; m (m - 1) / 2 of them for m minima.
pub fn barriers(set: &CriticalSet, graph: &MorseGraph) -> Vec<Barrier> {
    let mut members: Vec<Vec<usize>> = (0..set.points.len()).map(|id| vec![id]).collect();
    let mut components = UnionFind::<usize>::new(set.points.len());
    let mut out = vec![];
    for Merge { saddle, a, b } in merges(set, graph) {
        let [mut left, right] = [a, b].map(|id| std::mem::take(&mut members[components.find(id)]));
        for &i in &left {
            for &j in &right {
                let energy = set.points[saddle].energy;
                out.push(Barrier { a: i.min(j), b: i.max(j), saddle, energy });
            }
        }
        left.extend(right);
        components.union(a, b);
        members[components.find(a)] = left;
    }
    out.sort_unstable_by_key(|b| (b.a, b.b));
    out
}
