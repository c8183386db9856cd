//! What the enclosures of softmax weights about one centre have in common, whatever the reach: which wells may matter there, their logits,
//! and the softmax mean.
//!
//! Wells that have next to no weight anywhere within reach are not looked at one by one: a bound of what all of them have together is
//! enough. They are let out by whole nodes of a tree of wells, where there is one, and else by their distances alone.

use std::cell::{Cell, OnceCell};

use pulp::{Arch, NullaryFnOnce};

use super::enclose::{EnclosedMixture, LOW, depth, difference, exact_difference, gamma, lanes, norm, root};
use super::tree::{Ball, Bound, Node, Sides, Tree};
use super::weights::{Weights, total};
use crate::rigor::Interval;
use crate::rigor::rounding::{add_up, mul_up, norm_up, sub_down, up};

/// How far points lie from the centre.
pub(super) enum Reach<'a> {
    /// Each coordinate within its radius.
    Box(&'a [f64]),
    /// Within a Euclidean distance. Of the weights nothing but the third moment is wanted, of which a bound is known.
    Ball { radius: f64, known: f64 },
}

/// `log` of what all wells that are left out have together, times the cube of how far wells reach, in widths.
const LEFT: f64 = -50.0;
/// `log` of weights that matter to the mean.
const LIGHT: f64 = -45.0;

/// A well, and the square of its distance from the centre.
type Seen = (usize, Interval);

/// How wells are looked through.
enum Wells<'a> {
    Boxes(&'a Tree<Sides>),
    Balls(&'a Tree<Ball>),
    /// All of them, one after the other.
    All(Vec<Seen>),
}

/// What is common to all weights is subtracted: the logarithm and the square of one of them.
struct Logits {
    half: Interval,
    log: f64,
    square: f64,
}

impl Logits {
    fn of(&self, log: Interval, square: Interval) -> Interval {
        difference(log, self.log) - self.half * difference(square, self.square)
    }
}

/// What is known about a centre, whatever the reach.
pub(super) struct Place<'a> {
    pub(super) mixture: &'a EnclosedMixture,
    center: &'a [f64],
    wells: Wells<'a>,
    logits: Logits,
    /// The softmax mean there, approximately, and the sum of the weights.
    mean: Vec<f64>,
    sum: f64,
    /// Distances of all wells from the mean, where they are looked at one by one.
    distances: OnceCell<Vec<f64>>,
}

impl<'a> Place<'a> {
    pub(super) fn new(mixture: &'a EnclosedMixture, center: &'a [f64]) -> Self {
        let (n, count) = (mixture.dim, mixture.count());
        let half = mixture.precision.scale(0.5);
        let rough = |k: usize, square: Interval| mixture.logs[k].mid() - half.mid() * square.mid();
        let (wells, top) = if n <= LOW {
            let boxes = &**mixture.boxes();
            (Wells::Boxes(boxes), highest(mixture, boxes, center, &rough))
        } else if let Some(balls) = mixture.balls() {
            (Wells::Balls(balls), highest(mixture, balls, center, &rough))
        } else {
            let squares: Vec<Interval> = Arch::new().dispatch(Squares { mixture, from: center });
            let all: Vec<Seen> = squares.into_iter().enumerate().collect();
            let value = |k: usize| rough(k, all[k].1);
            let top = (1..count).fold(0, |top, k| if value(k) > value(top) { k } else { top });
            (Wells::All(all), top)
        };
        let square = mixture.square_distance(top, center).mid();
        let logits = Logits { half, log: mixture.logs[top].mid(), square };

        let (mut mean, mut sum) = (vec![0.0; n], 0.0);
        let light = |log: Interval, _: Interval| log.hi() < LIGHT;
        for (k, square) in near(mixture, &wells, center, &logits, &light, &|_, _| false) {
            let weight = core_math::exp(logits.of(mixture.logs[k], square).mid().min(0.0));
            sum += weight;
            for ((m, c), top) in mean.iter_mut().zip(mixture.well(k)).zip(mixture.well(top)) {
                *m += weight * (c - top);
            }
        }
        for (m, top) in mean.iter_mut().zip(mixture.well(top)) {
            let place = *m / sum + top;
            *m = if place.is_finite() { place } else { *top };
        }
        Place { mixture, center, wells, logits, mean, sum, distances: OnceCell::new() }
    }

    /// From above, the distance of a well from the mean.
    pub(super) fn distance(&self, k: usize) -> f64 {
        match self.wells {
            Wells::All(_) => {
                let all = || {
                    let squares = Arch::new().dispatch(Squares { mixture: self.mixture, from: &self.mean });
                    squares.into_iter().map(|square| root(square).hi()).collect()
                };
                self.distances.get_or_init(all)[k]
            }
            _ => self.mixture.distance(k, &self.mean).hi(),
        }
    }

    /// A bound of `E|c - m|^3` within a distance of the centre, if that is better than one that is known.
    pub(super) fn third_moment(&self, radius: f64, known: f64) -> f64 {
        match self.over(Reach::Ball { radius, known }) {
            Some(weights) => weights.third_moment(self).min(known),
            None => known,
        }
    }

    /// Encloses the weights for all points within reach; nothing where it is clear early that a bound which is known is the
    /// better one.
    pub(super) fn over(&self, reach: Reach<'_>) -> Option<Weights> {
        let Place { mixture, center, mean, logits, .. } = self;
        let (n, count) = (mixture.dim, mixture.count());
        let s = mixture.precision.hi();
        let shift = |k: usize| match reach {
            Reach::Ball { radius, .. } => mul_up(s, mul_up(radius, self.distance(k))),
            Reach::Box(radii) => {
                let (c, absolute) = (mixture.well(k), &mixture.absolute);
                let moved = lanes(n, |i| {
                    let error = mixture.relative * c[i].abs() + absolute[i];
                    ((c[i] - mean[i]).abs() + error) * radii[i]
                });
                mul_up(s, up(moved * (1.0 + 2.0 * gamma(depth(n) + 5)) + n as f64 * f64::MIN_POSITIVE))
            }
        };
        let (far, still, known) = match reach {
            Reach::Box(radii) => (norm_up(radii), radii.iter().all(|r| *r == 0.0), f64::INFINITY),
            Reach::Ball { radius, known } => (radius, radius == 0.0, known),
        };
        // By Cauchy's inequality no shift is larger than `s far |c - mean|`.
        let apart: Vec<Interval> = mean.iter().zip(*center).map(|(m, z)| exact_difference(*m, *z)).collect();
        let (apart, steep) = (norm(&apart), mul_up(s, far));
        let widths = mul_up(mixture.farthest(mean).max(mixture.farthest(center)), up(s.sqrt()));
        let least = LEFT - 3.0 * core_math::log(1.0 + widths) - core_math::log(count as f64);
        let left = |log: Interval, square: Interval| {
            add_up(log.hi(), mul_up(steep, add_up(up(square.hi().sqrt()), apart))) < least
        };
        // In a ball that is far too large the share of many wells may be all: what they add to the third moment soon says so.
        let (moment, all) = (Cell::new(0.0), core_math::log(self.sum));
        let enough = |log: Interval, square: Interval| {
            if known == f64::INFINITY {
                return false;
            }
            let distance = (square.mid().sqrt() - apart).max(0.0);
            if log.mid() + steep * distance > all {
                moment.set(moment.get() + 0.5 * distance.powi(3));
            }
            moment.get() > known
        };
        let kept = near(mixture, &self.wells, center, logits, &left, &enough);
        if moment.get() > known {
            return None;
        }
        let mut weights = Weights {
            wells: Vec::with_capacity(kept.len()),
            lo: Vec::with_capacity(kept.len() + 1),
            hi: Vec::with_capacity(kept.len() + 1),
            total: Interval::ZERO,
            mean: mean.clone(),
        };
        for (k, square) in kept {
            let logit = logits.of(mixture.logs[k], square);
            let e = if still {
                logit.exp()
            } else {
                let shift = shift(k);
                Interval::new(sub_down(logit.lo(), shift), add_up(logit.hi(), shift)).exp()
            };
            weights.wells.push(k);
            weights.lo.push(e.lo().max(0.0));
            weights.hi.push(e.hi());
        }
        if weights.wells.len() < count {
            weights.lo.push(0.0);
            // All of them, with room for the rounding of the logarithms above.
            let each = core_math::exp(least + 1e-6);
            weights.hi.push(mul_up(count as f64, up(each)));
        }
        weights.total = total(&weights.lo, &weights.hi);
        Some(weights)
    }
}

/// Squared distances of all wells from a point.
struct Squares<'a> {
    mixture: &'a EnclosedMixture,
    from: &'a [f64],
}

impl NullaryFnOnce for Squares<'_> {
    type Output = Vec<Interval>;

    #[inline(always)]
    fn call(self) -> Vec<Interval> {
        let mut squares = Vec::with_capacity(self.mixture.count());
        for k in 0..self.mixture.count() {
            squares.push(self.mixture.square_distance(k, self.from));
        }
        squares
    }
}

/// The well whose logit is the largest, nearly.
fn highest<B: Bound>(
    mixture: &EnclosedMixture,
    tree: &Tree<B>,
    center: &[f64],
    rough: &dyn Fn(usize, Interval) -> f64,
) -> usize {
    let half = 0.5 * mixture.precision.mid();
    let likely = |node: &Node<B>| node.log - half * node.bound.likely(center);
    let of_node = |node: &Node<B>| node.log - half * node.bound.nearest(center);
    let of = |place: usize| {
        let k = tree.order[place];
        rough(k, mixture.square_distance(k, center))
    };
    tree.order[tree.highest(likely, of_node, of).0]
}

/// All wells but those that `leaves` lets out, by upper bounds of their logarithms and distances: whole nodes of the tree, where there
/// is one. As soon as `enough` is said of one that is not let out, all others are.
fn near(
    mixture: &EnclosedMixture,
    wells: &Wells<'_>,
    center: &[f64],
    logits: &Logits,
    leaves: &dyn Fn(Interval, Interval) -> bool,
    enough: &dyn Fn(Interval, Interval) -> bool,
) -> Vec<Seen> {
    let mut kept = vec![];
    let ended = Cell::new(false);
    let leaves = |log: Interval, square: Interval| ended.get() || leaves(log, square);
    let mut look = |(k, square): Seen| {
        let log = logits.of(mixture.logs[k], square);
        if !leaves(log, square) {
            kept.push((k, square));
            ended.set(enough(log, square));
        }
    };
    match wells {
        Wells::All(all) => all.iter().copied().for_each(look),
        Wells::Boxes(tree) => walk(mixture, tree, center, logits, &leaves, &mut look),
        Wells::Balls(tree) => walk(mixture, tree, center, logits, &leaves, &mut look),
    }
    kept
}

/// Hands on the wells of all nodes that `leaves` does not let out.
fn walk<B: Bound>(
    mixture: &EnclosedMixture,
    tree: &Tree<B>,
    center: &[f64],
    logits: &Logits,
    leaves: &dyn Fn(Interval, Interval) -> bool,
    look: &mut dyn FnMut(Seen),
) {
    let drops = |node: &Node<B>| {
        let square = node.bound.square(center);
        leaves(logits.of(Interval::point(node.log), square), square)
    };
    tree.visit(drops, |place| {
        let k = tree.order[place];
        look((k, mixture.square_distance(k, center)));
    });
}
