//! Wells in a tree, for proofs: those in a node none of which matters are bounded as one. In low dimension nodes are boxes, above it balls.

use std::cell::Cell;

use super::enclose::{EnclosedMixture, difference, distance};
use super::grouping::split;
use crate::landscape::low_dimension::sort_along_widest;
use crate::rigor::Interval;
use crate::rigor::rounding::{add_up, sub_down};

/// Wells that are no longer divided.
const LEAF: usize = 16;
/// So few wells are looked at one by one: asking for more than one of them takes as long.
const FEW: usize = 64;

/// The tree: each node before what is in it.
pub(super) struct Tree<B> {
    /// Wells by their places in the tree.
    pub(super) order: Vec<usize>,
    nodes: Vec<Node<B>>,
}

/// Wells that lie next to each other.
pub(super) struct Node<B> {
    /// Places of the first, and behind the last.
    pub(super) places: [usize; 2],
    /// Holds all of them.
    pub(super) bound: B,
    /// At least their logarithms.
    pub(super) log: f64,
    /// The node behind all that is in this one.
    next: usize,
}

/// A set that holds the wells of a node.
pub(super) trait Bound {
    /// Encloses the squares of the distances of all its points from one.
    fn square(&self, at: &[f64]) -> Interval;

    /// About the least of them.
    fn nearest(&self, at: &[f64]) -> f64;

    /// About that of where its wells are likely to be.
    fn likely(&self, at: &[f64]) -> f64 {
        self.nearest(at)
    }
}

/// A box, an interval a coordinate.
pub(super) type Sides = Vec<Interval>;

/// A ball.
pub(super) struct Ball {
    center: Vec<f64>,
    radius: f64,
}

impl Bound for Sides {
    fn square(&self, at: &[f64]) -> Interval {
        square(self, at)
    }

    fn nearest(&self, at: &[f64]) -> f64 {
        nearest(self, at)
    }
}

impl Bound for Ball {
    fn square(&self, at: &[f64]) -> Interval {
        let apart = distance(&self.center, at);
        let (low, high) = (sub_down(apart.lo(), self.radius).max(0.0), add_up(apart.hi(), self.radius));
        Interval::new(low, high).sqr()
    }

    fn nearest(&self, at: &[f64]) -> f64 {
        (distance(&self.center, at).mid() - self.radius).max(0.0).powi(2)
    }

    // A point is within most of the large balls.
    fn likely(&self, at: &[f64]) -> f64 {
        distance(&self.center, at).mid().powi(2)
    }
}

/// Orders wells so that each half's are together; the number of the first.
type Halve<'a> = dyn Fn(&mut [u32]) -> usize + 'a;

impl Tree<Sides> {
    pub(super) fn of_boxes(mixture: &EnclosedMixture) -> Tree<Sides> {
        let n = mixture.dim;
        let halve = |order: &mut [u32]| {
            sort_along_widest(order, n, |k, i| mixture.well(k as usize)[i]);
            order.len() / 2
        };
        Tree::divided(mixture, &halve, |wells| {
            let side =
                |i: usize| wells.iter().map(|k| mixture.coordinate(*k as usize, i)).reduce(Interval::hull);
            (0..n).map(|i| side(i).unwrap_or(Interval::ENTIRE)).collect()
        })
    }
}

impl Tree<Ball> {
    pub(super) fn of_balls(mixture: &EnclosedMixture) -> Tree<Ball> {
        let n = mixture.dim;
        let halve = |order: &mut [u32]| split(&mixture.wells, n, order);
        Tree::divided(mixture, &halve, |wells| {
            let mut center = vec![0.0; n];
            for k in wells {
                crate::linalg::axpy(1.0 / wells.len() as f64, mixture.well(*k as usize), &mut center);
            }
            let radius = |k: &u32| mixture.distance(*k as usize, &center).hi();
            let radius = wells.iter().map(radius).fold(0.0, f64::max);
            Ball { center, radius }
        })
    }
}

impl<B> Tree<B> {
    fn divided(mixture: &EnclosedMixture, halve: &Halve<'_>, bound: impl Fn(&[u32]) -> B) -> Tree<B> {
        let count = mixture.count();
        let mut order: Vec<u32> = (0..count as u32).collect();
        let mut places = vec![];
        divide(halve, if count > FEW { LEAF } else { FEW }, &mut order, 0, &mut places);
        let nodes = places.into_iter().map(|(places, next)| {
            let wells = &order[places[0]..places[1]];
            let log = wells.iter().fold(f64::NEG_INFINITY, |m, k| m.max(mixture.logs[*k as usize].hi()));
            Node { places, bound: bound(wells), log, next }
        });
        let nodes = nodes.collect();
        Tree { order: order.into_iter().map(|k| k as usize).collect(), nodes }
    }

    /// That of all wells.
    pub(super) fn root(&self) -> &Node<B> {
        &self.nodes[0]
    }

    /// Goes through the tree: what is in nodes that `drops` answers for is left out, the places in all other leaves are handed on.
    pub(super) fn leaves(&self, mut drops: impl FnMut(&Node<B>) -> bool, mut each: impl FnMut([usize; 2])) {
        if let [all] = &self.nodes[..] {
            return each(all.places);
        }
        let mut here = 0;
        while let Some(node) = self.nodes.get(here) {
            if drops(node) {
                here = node.next;
                continue;
            }
            if node.next == here + 1 {
                each(node.places);
            }
            here += 1;
        }
    }

    /// The same, one place after the other.
    pub(super) fn visit(&self, drops: impl FnMut(&Node<B>) -> bool, mut each: impl FnMut(usize)) {
        self.leaves(drops, |[from, to]| (from..to).for_each(&mut each));
    }

    /// The place with the largest value, where that of a node is at least those in it. It is looked for first where `likely` is
    /// largest.
    pub(super) fn highest(
        &self,
        likely: impl Fn(&Node<B>) -> f64,
        of_node: impl Fn(&Node<B>) -> f64,
        of: impl Fn(usize) -> f64,
    ) -> (usize, f64) {
        // Down to a leaf, always to the likelier half.
        let mut here = 0;
        while self.nodes[here].next > here + 1 {
            let (low, high) = (here + 1, self.nodes[here + 1].next);
            here = if likely(&self.nodes[high]) > likely(&self.nodes[low]) { high } else { low };
        }
        let [from, to] = self.nodes[here].places;
        let best = Cell::new((from, f64::NEG_INFINITY));
        let look = |place: usize| {
            let value = of(place);
            if value > best.get().1 {
                best.set((place, value));
            }
        };
        (from..to).for_each(look);
        if self.nodes.len() > 1 {
            self.visit(|node| of_node(node) < best.get().1, look);
        }
        best.get()
    }
}

/// Divides wells, whose places begin with `from`, again and again; the places in each node, and the node behind all that is in it.
fn divide(
    halve: &Halve<'_>,
    leaf: usize,
    order: &mut [u32],
    from: usize,
    nodes: &mut Vec<([usize; 2], usize)>,
) {
    let here = nodes.len();
    nodes.push(([from, from + order.len()], 0));
    if order.len() > leaf {
        let at = halve(order);
        let (low, high) = order.split_at_mut(at);
        divide(halve, leaf, low, from, nodes);
        divide(halve, leaf, high, from + at, nodes);
    }
    nodes[here].1 = nodes.len();
}

/// Square of the distance of a box from a point.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::Enclose;

    /// Groups of data far apart, in ten dimensions.
    fn data(count: usize) -> faer::Mat<f64> {
        let wave = |a: usize, i: usize| ((a * 37 + i * 101) as f64 * 0.618).sin();
        faer::Mat::from_fn(10, count, |i, k| 8.0 * wave(k % 50, i) + 0.1 * wave(k + 1000, i + 3))
    }

    /// No well is outside the balls that it is in, and each is visited once.
    #[test]
    fn balls_hold_their_wells() {
        let count = 700;
        let mixture = EnclosedMixture::of(&data(count), true);
        let tree = Tree::of_balls(&mixture);
        for at in [[0.3; 10], [0.0; 10], [-1e3; 10]] {
            let mut seen = vec![];
            tree.visit(
                |node| {
                    let square = node.bound.square(&at);
                    for place in node.places[0]..node.places[1] {
                        let own = mixture.square_distance(tree.order[place], &at);
                        assert!(square.lo() <= own.lo() && own.hi() <= square.hi() * (1.0 + 1e-14));
                    }
                    false
                },
                |place| seen.push(tree.order[place]),
            );
            seen.sort_unstable();
            assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }
    }

    /// Where wells are left out by their balls, enclosures are those of all wells, one by one.
    #[test]
    fn enclosures_by_balls() {
        let data = data(5000);
        let [mixture, plain] = [true, false].map(|in_balls| EnclosedMixture::of(&data, in_balls));
        assert!(mixture.balls().is_some() && plain.balls().is_none(), "it is tried here");
        // A little more or less is left out, and sums go in another order.
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
        for k in [0, 11, 77, 4999] {
            let x: Vec<f64> = data.col(k).iter().map(|y| 0.5 * y + 0.02).collect();
            for radius in [0.0, 1e-3] {
                let place: Vec<Interval> = x.iter().map(|x| Interval::about(*x, radius)).collect();
                let of = |mixture: &EnclosedMixture| {
                    let mut gradient = vec![Interval::ENTIRE; 10];
                    mixture.gradient(&place, &mut gradient);
                    gradient
                };
                for (a, b) in of(&mixture).iter().zip(of(&plain)) {
                    assert!(close(a.lo(), b.lo()) && close(a.hi(), b.hi()), "{a:?} {b:?}");
                }
                let (a, b) = (mixture.hessian(&place), plain.hessian(&place));
                for i in 0..10 {
                    for j in 0..10 {
                        assert!(close(a.mid[(i, j)], b.mid[(i, j)]) && close(a.rad[(i, j)], b.rad[(i, j)]));
                    }
                }
            }
            // Both at once say what each says alone.
            let (about, (gradient, hessian)) = (plain.about(&x), plain.at(&x));
            assert!(about.gradient == gradient && about.hessian.mid == hessian.mid);
            assert!(about.hessian.rad == hessian.rad);
            assert_eq!((about.lipschitz)(0.2), plain.lipschitz(&x, 0.2));
            // Whatever was asked for before.
            let (a, b) = (mixture.lipschitz_about(&x), plain.lipschitz_about(&x));
            for radius in [100.0, 5.0, 0.0, 1e-6, 1e-3, 0.05, 0.2, 1.0, 5.0, 100.0, 1.0, 0.2, 1e-3, 0.0] {
                let alone = plain.lipschitz(&x, radius);
                assert!(
                    close(a(radius), alone) && close(b(radius), alone),
                    "{radius}: {} {alone}",
                    a(radius)
                );
            }
        }
    }
}
