//! Critical points of a mixture as the zeros of the density's gradient, made for branch and prune in low dimension.
//!
//! About a point z the field `sum_k W_k exp(-(s/2)|x - c_k|^2) (x - c_k)` times the positive function
//! `exp((s/2)|x - z|^2 + s (z - b).(x - z))`, for any b, is
//!
//! `F(x) = sum_k a_k prod_i exp(alpha_ki t_i) (x - c_k)`, `t = x - z`, `alpha_k = s (c_k - b)`, `a_k = W_k exp(-(s/2)|z - c_k|^2)`.
//!
//! With b the softmax mean at z the exponents move as little as they can over a box about z. Every term is a product of
//! functions of one coordinate each, with ranges that are known exactly: `exp(alpha t)` is monotone, `v exp(v)` has its
//! one extremum at `v = -1` and `(1 + v) exp(v)` at `v = -2`. The Jacobian is `sum_k e_k (I + (x - c_k) alpha_k')`.
//!
//! Wells stand in a tree of boxes. A box of wells none of which can have weight anywhere in the box of the call is bounded as one, so
//! that a call takes as long as there are wells that matter; those are summed up sixteen at a time ([`terms`]).
//!
//! So each call has a function of its own, all with the same zeros: what two calls return must not be mixed, as in any
//! [`System`] whose factor is free. An enclosure of values alone may have one component replaced by a combination of
//! all in which that one does take part.

mod terms;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::sync::Arc;

use self::terms::{Faint, Lanes, Place, Sums, Top, Wells};
use super::enclose::{EnclosedMixture, LOW, difference, exact_difference};
use super::tree::{self, Sides, Tree};
use crate::rigor::rounding::{add_up, mul_up};
use crate::rigor::{Expansion, Interval, System};

type Node = tree::Node<Sides>;

/// The system; see the module.
pub(super) struct Density {
    dim: usize,
    tree: Arc<Tree<Sides>>,
    /// As they stand in the tree.
    wells: Wells,
    /// The same, as intervals, one after the other.
    places: Vec<Interval>,
    logs: Vec<Interval>,
    precision: Interval,
    half: Interval,
}

/// `log` of what a term may be, of a largest one of about 1, before it is bounded together with others: rounding.
const FAINT: f64 = -46.0;
/// From above, `exp(FAINT)`.
const FAINT_EXP: f64 = 1.1e-20;
/// `log` of weights that matter to the softmax mean.
const LIGHT: f64 = -12.0;
/// A term that grows to so much, of a largest one of about 1 at the centre, is not bounded well by its size.
const WIDE: f64 = 1e12;
/// Of so many wells it is not asked which of them others outweigh but the likeliest: either all are on one side of the box or it is among them.
const CROWD: usize = 128;
/// More than what is lost when a few numbers are multiplied and added.
const SLACK: f64 = 1.0 + 1e-10;

/// Leaves of the tree, and what is kept of their terms.
type Scratch = (Vec<[usize; 2]>, Vec<Lanes>);

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new((Vec::new(), Vec::new())) };
}

impl Density {
    pub(super) fn new(mixture: &EnclosedMixture) -> Self {
        let (n, tree) = (mixture.dim, mixture.boxes().clone());
        let places = tree.order.iter().flat_map(|k| (0..n).map(|i| mixture.coordinate(*k, i))).collect();
        let logs = tree.order.iter().map(|k| mixture.logs[*k]).collect();
        let wells = Wells::new(mixture, &tree.order);
        let (precision, half) = (mixture.precision, mixture.precision.scale(0.5));
        Density { dim: n, tree, wells, places, logs, precision, half }
    }

    fn well(&self, k: usize) -> &[Interval] {
        &self.places[k * self.dim..][..self.dim]
    }

    /// Encloses the components of the field over the box `x`.
    pub(super) fn field(&self, x: &[Interval], out: &mut [Interval]) {
        let at = middle(x);
        self.sum(x, &at[..self.dim], Out::Field(out));
    }

    /// Sums up the terms over the box `x`, about the point `at`.
    fn sum(&self, x: &[Interval], at: &[f64], out: Out<'_>) {
        let (mut leaves, mut kept) = SCRATCH.take();
        let (place, faint) = self.place(x, at, &mut leaves);
        kept.clear();
        let separates = matches!(out, Out::Range(_));
        match out {
            Out::Field(range) | Out::Range(range) => {
                let sums = self.wells.sum(&place, &leaves, Some(&mut kept));
                let [faint, _] = faint.and(sums.faint).bounds();
                self.tell(&sums, faint, sums.field, range);
                if separates && range.iter().all(|r| r.contains(0.0)) {
                    self.separate(
                        x,
                        &place,
                        &leaves,
                        sums.sound.then_some((sums.largest, &kept)),
                        faint,
                        range,
                    );
                }
            }
            Out::Expansion(expansion) => {
                let sums = self.wells.sum(&place, &leaves, None);
                let [faint, slope] = faint.and(sums.faint).bounds();
                self.tell(&sums, faint, sums.field, &mut expansion.range);
                self.tell(&sums, faint, sums.value, &mut expansion.value);
                self.tell(&sums, slope, sums.jacobian, &mut expansion.jacobian);
            }
        }
        SCRATCH.set((leaves, kept));
    }

    /// How exponents are measured over the box, the leaves of all wells but those that are faint, and these.
    fn place<'a>(&self, x: &[Interval], at: &'a [f64], leaves: &mut Vec<[usize; 2]>) -> (Place<'a>, Faint) {
        let top = self.top(at);
        leaves.clear();
        self.tree.leaves(|node| self.log(node, top, at) < LIGHT, |leaf| leaves.push(leaf));
        let b = self.wells.mean(at, top, leaves);
        let (mut below, mut above) = ([0.0; LOW], [0.0; LOW]);
        for i in 0..self.dim {
            below[i] = exact_difference(x[i].lo(), at[i]).lo();
            above[i] = exact_difference(x[i].hi(), at[i]).hi();
        }
        let place = Place { at, top, b, below, above };
        leaves.clear();
        let mut faint = Faint::default();
        self.tree.leaves(|node| self.is_faint(node, &place, &mut faint), |leaf| leaves.push(leaf));
        (place, faint)
    }

    /// Sums as intervals, with what faint terms may add.
    fn tell<const M: usize>(&self, sums: &Sums, faint: f64, from: [[f64; 2]; M], to: &mut [Interval]) {
        for (to, [lo, hi]) in to.iter_mut().zip(from) {
            let finite = sums.sound && lo.is_finite() && hi.is_finite();
            let all = if finite { Interval::new(lo, hi) } else { Interval::ENTIRE };
            *to = all + Interval::new(-faint, faint);
        }
    }

    /// The largest weight at a point, nearly: nothing depends on how well it is met.
    fn top(&self, at: &[f64]) -> Top {
        let half = self.half.mid();
        let of_node = |node: &Node| node.log - half * tree::nearest(&node.bound, at);
        let square = |k: usize| {
            let apart = |i: usize| self.wells.coordinate(k, i) - at[i];
            (0..self.dim).map(|i| apart(i) * apart(i)).sum::<f64>()
        };
        let (well, highest) = self.tree.highest(of_node, of_node, |k| self.wells.log(k) - half * square(k));
        let square = square(well);
        let log = highest + half * square;
        Top { well, square, log: if log.is_finite() { log } else { 0.0 } }
    }

    /// `log a` of a node's wells, nearly and at most.
    fn log(&self, node: &Node, top: Top, at: &[f64]) -> f64 {
        (node.log - top.log) - 0.5 * self.wells.precision * (tree::nearest(&node.bound, at) - top.square)
    }

    /// Are all wells of a node faint all over the box? Then they are counted.
    fn is_faint(&self, node: &Node, place: &Place<'_>, faint: &mut Faint) -> bool {
        let Place { at, top, b, .. } = place;
        let (mut swing, mut slope, mut length) = (0.0, 0.0_f64, 0.0_f64);
        for (i, c) in node.bound.iter().enumerate() {
            let reach = place.reach(i);
            let alpha = self.wells.precision * (c.lo() - b[i]).abs().max((c.hi() - b[i]).abs());
            swing += alpha * reach;
            slope = slope.max(alpha);
            length = length.max((c.lo() - at[i]).abs().max((c.hi() - at[i]).abs()) + reach);
        }
        let square = tree::nearest(&node.bound, at);
        let (own, half) = (node.log - top.log, 0.5 * self.wells.precision);
        let log = own - half * (square - top.square);
        let error = self.wells.exponent_error(own.abs() + half * (square + top.square) + swing);
        let is_faint = log + swing + error < FAINT;
        if is_faint {
            *faint = faint.and(Faint { count: node.places[1] - node.places[0], slope, length });
        }
        is_faint
    }

    /// `log a` less that of the largest, of wells.
    fn exponent(&self, top: Top, c: &[Interval], log: Interval, at: &[f64]) -> Interval {
        difference(log, top.log) - self.half * difference(tree::square(c, at), top.square)
    }

    /// Looks for a plane between the box and the wells that may have weight there: with u its normal,
    /// `u.F = sum_k e_k u.(x - c_k)` is then positive. Where two wells far apart share the weight, on the wall between
    /// their cells, no component of F need have a sign. If a plane is found, u.F takes a component's place.
    fn separate(
        &self,
        x: &[Interval],
        place: &Place<'_>,
        leaves: &[[usize; 2]],
        sizes: Option<(f64, &Vec<Lanes>)>,
        faint: f64,
        range: &mut [Interval],
    ) {
        let n = self.dim;
        if n == 1 {
            return;
        }
        // By the weights' sizes, where they are known at all ..
        if let Some((largest, kept)) = sizes {
            let u = normal(n, &heavy(n, kept, 1e-3 * largest));
            let [lo, hi] = self.wells.along(place, leaves, kept, &u);
            let tail = u[..n].iter().fold(0.0, |sum, u| add_up(sum, mul_up(faint, u.abs())));
            if replace(range, &u, Interval::new(lo, hi) + Interval::new(-tail, tail)) || largest < WIDE {
                return;
            }
        }
        // .. or, in a box so wide that sizes say little, by those alone that are not outweighed everywhere: x - m is in the
        // hull of the x - c_k.
        let rivals = self.rivals(x, place);
        let from = |k: &usize| {
            let mut from = [0.0; LOW];
            (0..n).for_each(|i| from[i] = place.at[i] - self.wells.coordinate(*k, i));
            from
        };
        let u = normal(n, &rivals.iter().map(from).collect::<Vec<_>>());
        let hull = rivals.iter().map(|k| along(&u, x, self.well(*k))).reduce(Interval::hull);
        let Some(hull) = hull else { return };
        // Each of the others has less than exp(FAINT) of the weight, and adds at most that much of its distance.
        let apart = along(&u, x, &self.tree.root().bound);
        let tail = mul_up(self.logs.len() as f64, mul_up(FAINT_EXP, add_up(apart.mag(), hull.mag())));
        replace(range, &u, hull + Interval::new(-tail, tail));
    }

    /// The wells that no other one outweighs all over the box by `exp(-FAINT)`, and where those are many some of the others. The logarithm of a
    /// ratio of weights is linear: `log a_j - log a_k + s (c_j - c_k).(x - z)`.
    fn rivals(&self, x: &[Interval], place: &Place<'_>) -> Vec<usize> {
        let (at, top) = (place.at, place.top);
        let outweighs = |(j, of_j): (usize, Interval), c: &[Interval], log: Interval| {
            let apart = self.well(j).iter().zip(c).zip(x.iter().zip(at));
            let slope =
                apart.fold(Interval::ZERO, |sum, ((j, k), (x, z))| sum + (*j - *k) * difference(*x, *z));
            (self.precision * slope + of_j - log).lo() > -FAINT
        };
        // The likeliest to outweigh first; being outweighed is transitive, so that those outweighed need not be asked.
        let likeliest = (top.well, self.exponent(top, self.well(top.well), self.logs[top.well], at));
        let mut order: Vec<(usize, Interval)> = vec![];
        self.tree.visit(
            |node| {
                let log = self.exponent(top, &node.bound, Interval::point(node.log), at);
                outweighs(likeliest, &node.bound, Interval::point(log.hi()))
            },
            |k| order.push((k, self.exponent(top, self.well(k), self.logs[k], at))),
        );
        if order.len() > CROWD {
            return order.into_iter().map(|(k, _)| k).collect();
        }
        order.sort_by(|a, b| b.1.mid().total_cmp(&a.1.mid()));
        let mut rivals: Vec<(usize, Interval)> = vec![];
        for (k, log) in order {
            if rivals.iter().any(|j| outweighs(*j, self.well(k), log)) {
                continue;
            }
            rivals.retain(|j| !outweighs((k, log), self.well(j.0), j.1));
            rivals.push((k, log));
        }
        rivals.into_iter().map(|(k, _)| k).collect()
    }
}

impl Faint {
    /// These and others.
    fn and(self, other: Faint) -> Faint {
        Faint {
            count: self.count + other.count,
            slope: self.slope.max(other.slope),
            length: self.length.max(other.length),
        }
    }

    /// What they add to the field's components, and to the Jacobian's entries, at most.
    fn bounds(self) -> [f64; 2] {
        if self.count == 0 {
            return [0.0; 2];
        }
        let all = FAINT_EXP * SLACK * self.count as f64;
        let (slope, length) = (SLACK * self.slope, SLACK * self.length);
        [SLACK * all * length, SLACK * all * (1.0 + length * slope)]
    }
}

/// `x - c` at z of the wells among what was kept that are larger than this somewhere.
fn heavy(n: usize, kept: &[Lanes], least: f64) -> Vec<[f64; LOW]> {
    let mut heavy = vec![];
    for block in kept.chunks_exact(n + 3) {
        for (l, size) in block[n + 1].iter().enumerate() {
            if *size > least {
                let mut from = [0.0; LOW];
                (0..n).for_each(|i| from[i] = block[i][l]);
                heavy.push(from);
            }
        }
    }
    heavy
}

/// From the nearest point of the hull of some wells to z, roughly, where these are `z - c` (Gilbert 1966, SIAM J. Control 4);
/// nothing depends on how well it is met.
fn normal(n: usize, from: &[[f64; LOW]]) -> [f64; LOW] {
    let Some(first) = from.first() else { return [0.0; LOW] };
    let mut u = *first;
    for _ in 0..12 {
        let nearest = from.iter().fold((first, f64::INFINITY), |best, from| {
            let here = (0..n).map(|i| u[i] * from[i]).sum::<f64>();
            if here < best.1 { (from, here) } else { best }
        });
        let (mut falls, mut square) = (0.0, 0.0);
        for i in 0..n {
            let step = nearest.0[i] - u[i];
            falls -= step * u[i];
            square += step * step;
        }
        if !(falls > 0.0 && square > 0.0) {
            break;
        }
        let part = (falls / square).min(1.0);
        (0..n).for_each(|i| u[i] += part * (nearest.0[i] - u[i]));
    }
    // Its length is free: such that nothing underflows.
    let largest = u.iter().fold(0.0_f64, |m, u| m.max(u.abs()));
    if largest > 0.0 { u.map(|u| u / largest) } else { u }
}

fn middle(x: &[Interval]) -> [f64; LOW] {
    let mut middle = [0.0; LOW];
    middle.iter_mut().zip(x).for_each(|(middle, x)| *middle = x.mid());
    middle
}

/// `u.(x - c)`.
fn along(u: &[f64; LOW], x: &[Interval], c: &[Interval]) -> Interval {
    x.iter().zip(c).zip(u).fold(Interval::ZERO, |sum, ((x, c), u)| sum + (*x - *c).scale(*u))
}

/// Puts `u.F`, if it is positive, in the place of a component of F that takes part in it.
fn replace(range: &mut [Interval], u: &[f64; LOW], product: Interval) -> bool {
    let strongest = (0..range.len()).fold(0, |best, i| if u[i].abs() > u[best].abs() { i } else { best });
    let positive = product.lo() > 0.0 && u[strongest] != 0.0;
    if positive {
        range[strongest] = product;
    }
    positive
}

/// What is wanted of a sum over the wells: ranges of the field's components, ranges to be told from zero, or all of the expansion.
enum Out<'a> {
    Field(&'a mut [Interval]),
    Range(&'a mut [Interval]),
    Expansion(&'a mut Expansion),
}

impl System for Density {
    fn dim(&self) -> usize {
        self.dim
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        let at = middle(x);
        self.sum(x, &at[..self.dim], Out::Range(out));
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let n = self.dim;
        self.sum(x, at, Out::Expansion(&mut *out));
        // Mean-value form.
        for i in 0..n {
            let mut value = out.value[i];
            for j in 0..n {
                value += out.jacobian[i * n + j] * difference(x[j], at[j]);
            }
            out.range[i] = out.range[i].meet(value).unwrap_or(out.range[i]);
        }
    }
}
