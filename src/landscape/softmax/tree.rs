//! Wells in a tree of boxes, for proofs in low dimension: a box of wells none of which matters is bounded as one.

use super::enclose::{EnclosedMixture, difference};
use crate::landscape::low_dimension::sort_along_widest;
use crate::rigor::Interval;

/// Wells that are no longer divided.
const LEAF: usize = 16;
/// So few wells are looked at one by one: asking for more than one of them takes as long.
const FEW: usize = 64;

/// The tree: each node before what is in it.
pub(super) struct Tree {
    /// Wells by their places in the tree.
    pub(super) order: Vec<usize>,
    nodes: Vec<Node>,
}

/// Wells that lie next to each other.
pub(super) struct Node {
    /// Places of the first, and behind the last.
    pub(super) places: [usize; 2],
    /// A box that holds all of them.
    pub(super) hull: Vec<Interval>,
    /// At least their logarithms.
    pub(super) log: f64,
    /// The node behind all that is in this one.
    next: usize,
}

impl Tree {
    pub(super) fn new(mixture: &EnclosedMixture) -> Tree {
        let (n, count) = (mixture.dim, mixture.count());
        let mut order: Vec<usize> = (0..count).collect();
        let mut nodes = vec![];
        divide(mixture, if count > FEW { LEAF } else { FEW }, &mut order, 0, &mut nodes);
        for node in &mut nodes {
            let [from, to] = node.places;
            let wells = &order[from..to];
            let side = |i: usize| wells.iter().map(|k| mixture.coordinate(*k, i)).reduce(Interval::hull);
            node.hull = (0..n).map(|i| side(i).unwrap_or(Interval::ENTIRE)).collect();
            node.log = wells.iter().fold(f64::NEG_INFINITY, |m, k| m.max(mixture.logs[*k].hi()));
        }
        Tree { order, nodes }
    }

    /// That of all wells.
    pub(super) fn root(&self) -> &Node {
        &self.nodes[0]
    }

    /// Goes through the tree: what is in nodes that `drops` answers for is left out, the places of all other wells are handed on.
    pub(super) fn visit(&self, mut drops: impl FnMut(&Node) -> bool, mut each: impl FnMut(usize)) {
        if let [all] = &self.nodes[..] {
            return (all.places[0]..all.places[1]).for_each(each);
        }
        let mut here = 0;
        while let Some(node) = self.nodes.get(here) {
            if drops(node) {
                here = node.next;
                continue;
            }
            if node.next == here + 1 {
                (node.places[0]..node.places[1]).for_each(&mut each);
            }
            here += 1;
        }
    }

    /// The place with the largest value, where that of a node is at least those in it.
    pub(super) fn highest(&self, of_node: impl Fn(&Node) -> f64, of: impl Fn(usize) -> f64) -> (usize, f64) {
        // First where it is likely to be: down to a leaf, always to the likelier half.
        let mut here = 0;
        while self.nodes[here].next > here + 1 {
            let (low, high) = (here + 1, self.nodes[here + 1].next);
            here = if of_node(&self.nodes[high]) > of_node(&self.nodes[low]) { high } else { low };
        }
        let [from, to] = self.nodes[here].places;
        let mut best = (from, f64::NEG_INFINITY);
        let look = |place: usize, best: &mut (usize, f64)| {
            let value = of(place);
            if value > best.1 {
                *best = (place, value);
            }
        };
        (from..to).for_each(|place| look(place, &mut best));
        if self.nodes.len() == 1 {
            return best;
        }
        let reached = best.1;
        self.visit(|node| of_node(node) < reached, |place| look(place, &mut best));
        best
    }
}

/// Divides wells, whose places begin with `from`, into halves along the coordinate in which they are farthest apart.
fn divide(mixture: &EnclosedMixture, leaf: usize, order: &mut [usize], from: usize, nodes: &mut Vec<Node>) {
    let here = nodes.len();
    let places = [from, from + order.len()];
    nodes.push(Node { places, hull: vec![], log: f64::NEG_INFINITY, next: 0 });
    if order.len() > leaf {
        sort_along_widest(order, mixture.dim, |k, i| mixture.well(k)[i]);
        let (low, high) = order.split_at_mut(order.len() / 2);
        divide(mixture, leaf, low, from, nodes);
        divide(mixture, leaf, high, from + low.len(), nodes);
    }
    nodes[here].next = nodes.len();
}

/// Square of the distance of wells from a point.
#[inline(always)]
pub(super) fn square(c: &[Interval], at: &[f64]) -> Interval {
    let mut sum = Interval::ZERO;
    for (c, z) in c.iter().zip(at) {
        sum += difference(*c, *z).sqr();
    }
    sum
}

/// About the least value of that.
#[inline(always)]
pub(super) fn nearest(c: &[Interval], at: &[f64]) -> f64 {
    let mut sum = 0.0;
    for (c, z) in c.iter().zip(at) {
        let apart = (c.lo() - z).max(z - c.hi()).max(0.0);
        sum += apart * apart;
    }
    sum
}
