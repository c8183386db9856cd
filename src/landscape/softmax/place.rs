//! What the enclosures of softmax weights about one centre have in common, whatever the reach: which wells may matter there, their logits,
//! and the softmax mean.
//!
//! Wells that have next to no weight anywhere within reach are not looked at one by one: a bound of what all of them have together is
//! enough. They are let out by whole nodes of a tree of wells, where there is one, and else by their distances alone.

use std::cell::{Cell, OnceCell, RefCell};

use pulp::{Arch, NullaryFnOnce};

use super::enclose::{EnclosedMixture, LOW, depth, difference, exact_difference, gamma, lanes, norm, root};
use super::tree::{Ball, Bound, Node, Sides, Tree};
use super::weights::{Weights, total};
use crate::landscape::exp::{enclose_exp, exp_nonpositive};
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
/// The mean is hardly another place than the centre at this share of a distance.
const SLIGHT: f64 = 1e-4;
/// `log` of weights that matter to the mean.
const LIGHT: f64 = -45.0;

/// A well, and bounds of its logit and of its distance from the centre.
type Seen = (usize, Bounds);

/// Of a well, or of all in a node of a tree.
#[derive(Clone, Copy)]
struct Bounds {
    logit: Interval,
    /// From above.
    distance: f64,
}

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
    fn of(&self, log: Interval, square: Interval) -> Bounds {
        let logit = difference(log, self.log) - self.half * difference(square, self.square);
        Bounds { logit, distance: up(square.hi().sqrt()) }
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
    /// Its distance from the centre, from above.
    apart: f64,
    /// How well the mean is known, once somebody has asked.
    off: OnceCell<f64>,
    /// Distances of all wells from the mean, where they are looked at one by one.
    distances: OnceCell<Vec<f64>>,
    /// The wells that may matter within the distance that was asked for last; those within a smaller one are among them.
    within: RefCell<(f64, Vec<Seen>)>,
}

impl<'a> Place<'a> {
    pub(super) fn new(mixture: &'a EnclosedMixture, center: &'a [f64]) -> Self {
        let (n, count) = (mixture.dim, mixture.count());
        let half = mixture.precision.scale(0.5);
        let rough = |k: usize, square: Interval| mixture.logs[k].mid() - half.mid() * square.mid();
        let beside = |top: usize| {
            let square = mixture.square_distance(top, center).mid();
            Logits { half, log: mixture.logs[top].mid(), square }
        };
        let (wells, top, logits) = if n <= LOW {
            let boxes = &**mixture.boxes();
            let top = highest(mixture, boxes, center, &rough);
            (Wells::Boxes(boxes), top, beside(top))
        } else if let Some(balls) = mixture.balls() {
            let top = highest(mixture, balls, center, &rough);
            (Wells::Balls(balls), top, beside(top))
        } else {
            let squares = Arch::new().dispatch(Squares { mixture, from: center });
            let value = |k: usize| rough(k, squares[k]);
            let top = (1..count).fold(0, |top, k| if value(k) > value(top) { k } else { top });
            let logits = beside(top);
            let seen = |(k, square): (usize, &Interval)| (k, logits.of(mixture.logs[k], *square));
            (Wells::All(squares.iter().enumerate().map(seen).collect()), top, logits)
        };

        let light = |of: &Bounds| of.logit.hi() < LIGHT;
        let near = near(mixture, &wells, center, &logits, &light, &|_| false);
        let (mut mean, sum) = Arch::new().dispatch(Mean { mixture, near, top });
        for (m, top) in mean.iter_mut().zip(mixture.well(top)) {
            let place = *m / sum + top;
            *m = if place.is_finite() { place } else { *top };
        }
        let apart: Vec<Interval> = mean.iter().zip(center).map(|(m, z)| exact_difference(*m, *z)).collect();
        let apart = norm(&apart);
        let (off, distances) = (OnceCell::new(), OnceCell::new());
        let within = RefCell::new((f64::NEG_INFINITY, vec![]));
        Place { mixture, center, wells, logits, mean, sum, apart, off, distances, within }
    }

    /// From above, the distance of a well from the mean.
    pub(super) fn distance(&self, k: usize) -> f64 {
        match &self.wells {
            // Where the mean is hardly another place than the centre, as at a minimum, the triangle inequality says it as well.
            Wells::All(all) if self.apart <= SLIGHT * all[k].1.distance => {
                add_up(all[k].1.distance, self.apart)
            }
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

    /// A bound of the distance of the softmax mean at the centre from the approximate one.
    pub(super) fn off(&self) -> f64 {
        *self.off.get_or_init(|| {
            let weights = Weights::at(self, &vec![0.0; self.center.len()]);
            norm(&weights.mean_less(self.mixture))
        })
    }

    /// The same where it is known: bounds of the difference in each coordinate.
    pub(super) fn is_off(&self, rest: &[Interval]) {
        self.off.get_or_init(|| norm(rest));
    }

    /// A bound of `E|c - m|^3` within a distance of the centre, if that is better than one that is known.
    pub(super) fn third_moment(&self, radius: f64, known: f64) -> f64 {
        // First: it looks at the wells that matter at the centre alone, and what was found out of a wider reach would be forgotten.
        self.off();
        match self.over(Reach::Ball { radius, known }) {
            Some(weights) => weights.third_moment(self, radius).min(known),
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
        let (apart, steep) = (self.apart, mul_up(s, far));
        let widths = mul_up(mixture.farthest(mean).max(mixture.farthest(center)), up(s.sqrt()));
        let least = LEFT - 3.0 * core_math::log(1.0 + widths) - core_math::log(count as f64);
        let left = |of: &Bounds| add_up(of.logit.hi(), mul_up(steep, add_up(of.distance, apart))) < least;
        // In a ball that is far too large the share of many wells may be all: what they add to the third moment soon says so.
        let (moment, all) = (Cell::new(0.0), core_math::log(self.sum));
        let enough = |of: &Bounds| {
            if known == f64::INFINITY {
                return false;
            }
            let distance = (of.distance - apart).max(0.0);
            if of.logit.mid() + steep * distance > all {
                moment.set(moment.get() + 0.5 * distance.powi(3));
            }
            moment.get() > known
        };
        let (within, seen) = &mut *self.within.borrow_mut();
        let kept = if far <= *within {
            filtered(seen.iter().copied(), &left, &enough)
        } else {
            near(mixture, &self.wells, center, logits, &left, &enough)
        };
        if moment.get() > known {
            return None;
        }
        (*within, *seen) = (far, kept);
        let kept = &*seen;
        let mut weights = Weights {
            wells: Vec::with_capacity(kept.len()),
            lo: Vec::with_capacity(kept.len() + 1),
            hi: Vec::with_capacity(kept.len() + 1),
            total: Interval::ZERO,
            mean: mean.clone(),
            still,
        };
        for &(k, Bounds { logit, .. }) in kept {
            let (lo, hi) = if still {
                (logit.lo(), logit.hi())
            } else {
                let shift = shift(k);
                (sub_down(logit.lo(), shift), add_up(logit.hi(), shift))
            };
            weights.wells.push(k);
            weights.lo.push(lo);
            weights.hi.push(hi);
        }
        enclose_exp(&mut weights.lo, &mut weights.hi);
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

/// The mean of wells nearby, less the one whose logit is the largest, times the sum of their weights; and that sum.
struct Mean<'a> {
    mixture: &'a EnclosedMixture,
    near: Vec<Seen>,
    top: usize,
}

impl NullaryFnOnce for Mean<'_> {
    type Output = (Vec<f64>, f64);

    #[inline(always)]
    fn call(self) -> (Vec<f64>, f64) {
        let Mean { mixture, near, top } = self;
        let top = mixture.well(top);
        let n = top.len();
        let (mut mean, mut sum) = (vec![0.0; n], 0.0);
        for (k, of) in near {
            let weight = exp_nonpositive(of.logit.mid().min(0.0));
            sum += weight;
            let well = &mixture.wells[k * n..][..n];
            for i in 0..n {
                mean[i] += weight * (well[i] - top[i]);
            }
        }
        (mean, sum)
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

/// All wells but those that `leaves` lets out, by bounds of their logits and distances: whole nodes of the tree, where there
/// is one. As soon as `enough` is said of one that is not let out, all others are.
fn near(
    mixture: &EnclosedMixture,
    wells: &Wells<'_>,
    center: &[f64],
    logits: &Logits,
    leaves: &dyn Fn(&Bounds) -> bool,
    enough: &dyn Fn(&Bounds) -> bool,
) -> Vec<Seen> {
    match wells {
        Wells::All(all) => filtered(all.iter().copied(), leaves, enough),
        Wells::Boxes(tree) => walk(mixture, tree, center, logits, leaves, enough),
        Wells::Balls(tree) => walk(mixture, tree, center, logits, leaves, enough),
    }
}

/// Of some wells.
fn filtered(
    wells: impl Iterator<Item = Seen>,
    leaves: &dyn Fn(&Bounds) -> bool,
    enough: &dyn Fn(&Bounds) -> bool,
) -> Vec<Seen> {
    let mut kept = vec![];
    for well in wells.filter(|(_, of)| !leaves(of)) {
        kept.push(well);
        if enough(&well.1) {
            break;
        }
    }
    kept
}

/// Of those in a tree.
fn walk<B: Bound>(
    mixture: &EnclosedMixture,
    tree: &Tree<B>,
    center: &[f64],
    logits: &Logits,
    leaves: &dyn Fn(&Bounds) -> bool,
    enough: &dyn Fn(&Bounds) -> bool,
) -> Vec<Seen> {
    let mut kept = vec![];
    let ended = Cell::new(false);
    let leaves = |of: &Bounds| ended.get() || leaves(of);
    let drops = |node: &Node<B>| leaves(&logits.of(Interval::point(node.log), node.bound.square(center)));
    tree.visit(drops, |place| {
        let k = tree.order[place];
        let of = logits.of(mixture.logs[k], mixture.square_distance(k, center));
        if !leaves(&of) {
            ended.set(enough(&of));
            kept.push((k, of));
        }
    });
    kept
}
