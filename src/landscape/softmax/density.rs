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
//! that a call takes as long as there are wells that matter.
//!
//! So each call has a function of its own, all with the same zeros: what two calls return must not be mixed, as in any
//! [`System`] whose factor is free. An enclosure of values alone may have one component replaced by a combination of
//! all in which that one does take part.

use std::cell::Cell;
use std::sync::Arc;

use super::enclose::{EnclosedMixture, LOW, difference, exact_difference};
use super::tree::{self, Sides, Tree};
use crate::rigor::rounding::{add_up, down, mul_down, mul_up, up};
use crate::rigor::{Expansion, Interval, System};

type Node = tree::Node<Sides>;

/// The system; see the module.
pub(super) struct Density {
    dim: usize,
    tree: Arc<Tree<Sides>>,
    /// Wells, one after the other, as they stand in the tree.
    wells: Vec<Interval>,
    logs: Vec<Interval>,
    precision: Interval,
    half: Interval,
}

/// `log` of what a term may be, of a largest one of about 1, before it is bounded together with others: rounding.
const FAINT: f64 = -46.0;
/// From above, `exp(FAINT)`.
const FAINT_EXP: f64 = 1.1e-20;

/// A term that grows to so much, of a largest one of about 1 at the centre, is not bounded well by its size.
const WIDE: f64 = 1e12;

thread_local! {
    static SCRATCH: Cell<[Vec<Term>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// What of a well does not depend on the size of the box.
#[derive(Clone, Copy)]
struct Term {
    /// Which.
    well: usize,
    /// `log a_k` less that of the largest.
    log: Interval,
    /// `a_k` over the largest; zero where it is faint at the centre.
    weight: Interval,
    /// `a_k prod_i exp(alpha_ki t_i)` over the box.
    size: Interval,
}

/// What is common to all weights, and so free: a square and a logarithm, subtracted before anything is multiplied.
struct Top {
    square: f64,
    log: f64,
}

/// What moves the exponent of wells over a box.
struct Moves {
    /// `s (c - b)`.
    alpha: [Interval; LOW],
    /// `at - c`.
    d: [Interval; LOW],
    /// By how much the exponent grows at most.
    swing: f64,
}

impl Moves {
    /// Of what is faint over a box t about the centre: a bound of the field's components, and of the Jacobian's entries.
    fn faint(&self, n: usize, t: &[Interval; LOW]) -> [f64; 2] {
        let (mut length, mut slope) = (0.0_f64, 0.0_f64);
        for i in 0..n {
            length = length.max(add_up(self.d[i].mag(), t[i].mag()));
            slope = slope.max(self.alpha[i].mag());
        }
        [mul_up(FAINT_EXP, length), mul_up(FAINT_EXP, add_up(1.0, mul_up(length, slope)))]
    }
}

impl Density {
    pub(super) fn new(mixture: &EnclosedMixture) -> Self {
        let (n, tree) = (mixture.dim, mixture.boxes().clone());
        let wells = tree.order.iter().flat_map(|k| (0..n).map(|i| mixture.coordinate(*k, i))).collect();
        let logs = tree.order.iter().map(|k| mixture.logs[*k]).collect();
        let (precision, half) = (mixture.precision, mixture.precision.scale(0.5));
        Density { dim: n, tree, wells, logs, precision, half }
    }

    fn well(&self, k: usize) -> &[Interval] {
        &self.wells[k * self.dim..][..self.dim]
    }

    /// Sums up the terms over the box; the Jacobian only if asked for.
    fn sum(&self, x: &[Interval], at: &[f64], out: &mut Sums<'_>) {
        let mut terms = SCRATCH.take();
        let top = self.top(at);
        let faint = self.gather(x, at, &top, &mut terms, out);
        if out.value.is_none() && out.range.iter().all(|r| r.contains(0.0)) {
            self.separate(x, at, &top, &terms[1], faint, out.range);
        }
        SCRATCH.set(terms);
    }

    /// The largest weight at a point, nearly: nothing depends on how well it is met.
    fn top(&self, at: &[f64]) -> Top {
        let half = self.half.mid();
        let of_node = |node: &Node| node.log - half * tree::nearest(&node.bound, at);
        let (best, highest) = self
            .tree
            .highest(of_node, of_node, |k| self.logs[k].mid() - half * tree::nearest(self.well(k), at));
        let square = tree::nearest(self.well(best), at);
        let log = highest + half * square;
        Top { square, log: if log.is_finite() { log } else { 0.0 } }
    }

    /// `log a` less that of the largest, of wells.
    fn exponent(&self, top: &Top, c: &[Interval], log: Interval, at: &[f64]) -> Interval {
        difference(log, top.log) - self.half * difference(tree::square(c, at), top.square)
    }

    /// How the exponents of wells move over a box about `at`.
    #[inline(always)]
    fn moves(&self, c: &[Interval], at: &[f64], b: &[f64; LOW], t: &[Interval; LOW]) -> Moves {
        let (mut alpha, mut d) = ([Interval::ZERO; LOW], [Interval::ZERO; LOW]);
        let mut swing = 0.0;
        for i in 0..c.len() {
            alpha[i] = self.precision * difference(c[i], b[i]);
            d[i] = -difference(c[i], at[i]);
            swing = add_up(swing, mul_up(alpha[i].mag(), t[i].mag()));
        }
        Moves { alpha, d, swing }
    }

    /// Adds up all terms; returns a bound of what the faint ones add to each component of the field.
    fn gather(
        &self,
        x: &[Interval],
        at: &[f64],
        top: &Top,
        [seen, terms]: &mut [Vec<Term>; 2],
        out: &mut Sums<'_>,
    ) -> f64 {
        let n = self.dim;
        // The softmax mean; nothing depends on how well it is met.
        let (mut b, mut sum) = ([0.0; LOW], 0.0);
        let of = |node: &Node| self.exponent(top, &node.bound, Interval::point(node.log), at);
        seen.clear();
        self.tree.visit(
            |node| of(node).hi() < FAINT,
            |k| {
                let c = self.well(k);
                let log = self.exponent(top, c, self.logs[k], at);
                let weight = if log.hi() < FAINT { Interval::ZERO } else { exp(log) };
                if weight.hi() > 0.0 {
                    sum += weight.hi();
                    (0..n).for_each(|i| b[i] += weight.hi() * (c[i].lo() - at[i]));
                }
                seen.push(Term { well: k, log, weight, size: Interval::ZERO });
            },
        );
        for (b, z) in b.iter_mut().zip(at) {
            let mean = *b / sum + z;
            *b = if mean.is_finite() { mean } else { *z };
        }
        let mut t = [Interval::ZERO; LOW];
        for i in 0..n {
            let (lo, hi) = (exact_difference(x[i].lo(), at[i]), exact_difference(x[i].hi(), at[i]));
            t[i] = Interval::new(lo.lo(), hi.hi());
        }
        // What the faint terms add, at most, to the field and to the Jacobian.
        let faint = Cell::new([0.0; 2]);
        let add_faint = |count: usize, moves: &Moves| {
            let more = |sum: f64, one: f64| add_up(sum, mul_up(count as f64, one));
            let ([field, slope], one) = (faint.get(), moves.faint(n, &t));
            faint.set([more(field, one[0]), more(slope, one[1])]);
        };
        terms.clear();
        // Those that were seen come in the same order.
        let mut known = seen.iter().peekable();
        let drops = |node: &Node| {
            let moves = self.moves(&node.bound, at, &b, &t);
            let small = add_up(of(node).hi(), moves.swing) < FAINT;
            if small {
                add_faint(node.places[1] - node.places[0], &moves);
            }
            small
        };
        self.tree.visit(drops, |k| {
            let c = self.well(k);
            let Term { log, weight, .. } = match known.next_if(|term| term.well == k) {
                Some(term) => *term,
                None => {
                    let log = self.exponent(top, c, self.logs[k], at);
                    Term { well: k, log, weight: Interval::ZERO, size: Interval::ZERO }
                }
            };
            let moves = self.moves(c, at, &b, &t);
            if add_up(log.hi(), moves.swing) < FAINT {
                return add_faint(1, &moves);
            }
            let Moves { alpha, d, .. } = moves;
            let weight = if weight == Interval::ZERO { exp(log) } else { weight };
            let (mut psi, mut chi, mut diagonal) =
                ([Interval::ONE; LOW], [Interval::ZERO; LOW], [Interval::ZERO; LOW]);
            for i in 0..n {
                if let Some(value) = out.value.as_deref_mut() {
                    value[i] += scaled(weight, d[i]);
                }
                let factor = Factor::over(alpha[i], d[i], t[i], out.jacobian.is_some());
                (psi[i], chi[i], diagonal[i]) = (factor.psi, factor.chi, factor.diagonal);
            }
            let size = psi[..n].iter().fold(weight, |size, psi| scaled(size, *psi));
            terms.push(Term { well: k, log, weight, size });
            for i in 0..n {
                let mut others = weight;
                for l in (0..n).filter(|l| *l != i) {
                    others = scaled(others, psi[l]);
                }
                let field = scaled(others, chi[i]);
                out.range[i] += field;
                if let Some(jacobian) = out.jacobian.as_deref_mut() {
                    for j in 0..n {
                        jacobian[i * n + j] +=
                            if i == j { scaled(others, diagonal[i]) } else { field * alpha[j] };
                    }
                }
            }
        });
        let [faint, faint_slope] = faint.get();
        if faint > 0.0 || faint_slope > 0.0 {
            let (field, slope) = (Interval::new(-faint, faint), Interval::new(-faint_slope, faint_slope));
            out.range.iter_mut().for_each(|r| *r += field);
            out.value.iter_mut().flat_map(|v| v.iter_mut()).for_each(|v| *v += field);
            out.jacobian.iter_mut().flat_map(|j| j.iter_mut()).for_each(|j| *j += slope);
        }
        faint
    }

    /// Looks for a plane between the box and the wells that may have weight there: with u its normal,
    /// `u.F = sum_k e_k u.(x - c_k)` is then positive. Where two wells far apart share the weight, on the wall between
    /// their cells, no component of F need have a sign. If a plane is found, u.F takes a component's place.
    fn separate(
        &self,
        x: &[Interval],
        at: &[f64],
        top: &Top,
        terms: &[Term],
        faint: f64,
        range: &mut [Interval],
    ) {
        let n = self.dim;
        if n == 1 {
            return;
        }
        // By the weights' sizes, where they are known at all ..
        let largest = terms.iter().map(|t| t.size.hi()).fold(0.0, f64::max);
        if largest.is_finite() {
            let heavy = terms.iter().filter(|term| term.size.hi() > 1e-3 * largest);
            let u = self.normal(at, &heavy.map(|term| term.well).collect::<Vec<usize>>());
            let mut product = Interval::ZERO;
            for term in terms {
                product += scaled(term.size, self.along(&u, x, self.well(term.well)));
            }
            let tail = u[..n].iter().fold(0.0, |sum, u| add_up(sum, mul_up(faint, u.abs())));
            if replace(range, &u, product + Interval::new(-tail, tail)) {
                return;
            }
        }
        // .. or, in a box so wide that sizes say little, by those alone that are not outweighed everywhere: x - m is in the
        // hull of the x - c_k.
        if largest < WIDE {
            return;
        }
        let rivals = self.rivals(x, at, top, terms);
        let u = self.normal(at, &rivals);
        let hull = rivals.iter().map(|k| self.along(&u, x, self.well(*k))).reduce(Interval::hull);
        let Some(hull) = hull else { return };
        // Each of the others has less than exp(FAINT) of the weight, and adds at most that much of its distance.
        let apart = self.along(&u, x, &self.tree.root().bound);
        let tail = mul_up(self.logs.len() as f64, mul_up(FAINT_EXP, add_up(apart.mag(), hull.mag())));
        replace(range, &u, hull + Interval::new(-tail, tail));
    }

    /// `u.(x - c)`.
    fn along(&self, u: &[f64; LOW], x: &[Interval], c: &[Interval]) -> Interval {
        x.iter().zip(c).zip(u).fold(Interval::ZERO, |sum, ((x, c), u)| sum + (*x - *c).scale(*u))
    }

    /// The wells that no other one outweighs all over the box by `exp(-FAINT)`. The logarithm of a ratio of weights is
    /// linear: `log a_j - log a_k + s (c_j - c_k).(x - z)`.
    fn rivals(&self, x: &[Interval], at: &[f64], top: &Top, terms: &[Term]) -> Vec<usize> {
        let outweighs = |j: &Term, c: &[Interval], log: Interval| {
            let apart = self.well(j.well).iter().zip(c).zip(x.iter().zip(at));
            let slope =
                apart.fold(Interval::ZERO, |sum, ((j, k), (x, z))| sum + (*j - *k) * difference(*x, *z));
            (self.precision * slope + j.log - log).lo() > -FAINT
        };
        // The likeliest to outweigh first; being outweighed is transitive, so that those outweighed need not be asked.
        let mut order: Vec<Term> = vec![];
        let likeliest = terms.iter().max_by(|a, b| a.log.mid().total_cmp(&b.log.mid()));
        self.tree.visit(
            |node| {
                let c = &node.bound;
                let log = self.exponent(top, c, Interval::point(node.log), at);
                likeliest.is_some_and(|j| outweighs(j, c, Interval::point(log.hi())))
            },
            |k| {
                let log = self.exponent(top, self.well(k), self.logs[k], at);
                order.push(Term { well: k, log, weight: Interval::ZERO, size: Interval::ZERO });
            },
        );
        order.sort_by(|a, b| b.log.mid().total_cmp(&a.log.mid()));
        let mut rivals: Vec<Term> = vec![];
        for k in order {
            if rivals.iter().any(|j| outweighs(j, self.well(k.well), k.log)) {
                continue;
            }
            rivals.retain(|j| !outweighs(&k, self.well(j.well), j.log));
            rivals.push(k);
        }
        rivals.into_iter().map(|term| term.well).collect()
    }

    /// From the nearest point of the hull of some wells to `at`, roughly (Gilbert 1966, SIAM J. Control 4); nothing depends on
    /// how well it is met.
    fn normal(&self, at: &[f64], wells: &[usize]) -> [f64; LOW] {
        let n = self.dim;
        let from = |k: usize, i: usize| at[i] - self.wells[k * n + i].lo();
        let mut u = [0.0; LOW];
        let Some(first) = wells.first() else { return u };
        (0..n).for_each(|i| u[i] = from(*first, i));
        for _ in 0..12 {
            let along = |k: usize| (0..n).map(|i| u[i] * from(k, i)).sum::<f64>();
            let nearest = wells.iter().fold((*first, f64::INFINITY), |best, k| {
                let here = along(*k);
                if here < best.1 { (*k, here) } else { best }
            });
            let (mut falls, mut square) = (0.0, 0.0);
            for i in 0..n {
                let step = from(nearest.0, i) - u[i];
                falls -= step * u[i];
                square += step * step;
            }
            if !(falls > 0.0 && square > 0.0) {
                break;
            }
            let part = (falls / square).min(1.0);
            (0..n).for_each(|i| u[i] += part * (from(nearest.0, i) - u[i]));
        }
        u
    }
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

/// Where a sum over the wells goes.
struct Sums<'a> {
    range: &'a mut [Interval],
    value: Option<&'a mut [Interval]>,
    jacobian: Option<&'a mut [Interval]>,
}

impl System for Density {
    fn dim(&self) -> usize {
        self.dim
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        let mut at = [0.0; LOW];
        at.iter_mut().zip(x).for_each(|(at, x)| *at = x.mid());
        out.fill(Interval::ZERO);
        self.sum(x, &at[..self.dim], &mut Sums { range: out, value: None, jacobian: None });
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let n = self.dim;
        out.range.fill(Interval::ZERO);
        out.value.fill(Interval::ZERO);
        out.jacobian.fill(Interval::ZERO);
        let mut sums =
            Sums { range: &mut out.range, value: Some(&mut out.value), jacobian: Some(&mut out.jacobian) };
        self.sum(x, at, &mut sums);
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

/// Functions of one coordinate: `exp(alpha t)`, `(d + t) exp(alpha t)` and `(1 + alpha (d + t)) exp(alpha t)`.
struct Factor {
    psi: Interval,
    chi: Interval,
    diagonal: Interval,
}

impl Factor {
    /// Their ranges over `t`, which contains zero.
    #[inline(always)]
    fn over(alpha: Interval, d: Interval, t: Interval, with_diagonal: bool) -> Factor {
        let (left, right) = (Interval::point(t.lo()), Interval::point(t.hi()));
        let above = exp(alpha * right);
        let below = if t.lo() == -t.hi() { Interval::ONE / above } else { exp(alpha * left) };
        let psi = below.hull(above);
        let (d_left, d_right) = (d + left, d + right);
        let mut chi = scaled(below, d_left).hull(scaled(above, d_right));
        // With v = alpha (d + t), linear in t: chi = v exp(v) exp(-alpha d) / alpha, and the diagonal (1 + v) exp(v)
        // exp(-alpha d).
        let (v_left, v_right) = (alpha * d_left, alpha * d_right);
        let v = v_left.hull(v_right);
        if v.contains(-1.0) {
            let at = exp(Interval::point(-1.0) - alpha * d);
            // At the extremum v = -1, that is d + t = -1/alpha.
            let extremum = -(at / alpha);
            chi = match extremum.is_bounded() {
                true => chi.hull(extremum),
                false => scaled(psi, d + t),
            };
        }
        let mut diagonal = Interval::ZERO;
        if with_diagonal {
            diagonal = scaled(below, v_left.shift(1.0)).hull(scaled(above, v_right.shift(1.0)));
            if v.contains(-2.0) {
                diagonal = diagonal.hull(-exp(Interval::point(-2.0) - alpha * d));
            }
        }
        Factor { psi, chi, diagonal }
    }
}

/// `a b` for a >= 0.
#[inline(always)]
fn scaled(a: Interval, b: Interval) -> Interval {
    let lo = mul_down(if b.lo() >= 0.0 { a.lo() } else { a.hi() }, b.lo());
    let hi = mul_up(if b.hi() >= 0.0 { a.hi() } else { a.lo() }, b.hi());
    Interval::new(lo, hi)
}

/// Exponential with a single call where the interval is thin.
#[inline(always)]
fn exp(x: Interval) -> Interval {
    let (mid, radius) = (x.mid(), x.rad());
    if !(radius < 1e-3) {
        return x.exp();
    }
    // exp(r) <= 1 + r + r^2 and exp(-r) >= 1 - r for 0 <= r <= 1.
    let e = core_math::exp(mid);
    let grown = up(radius * 1.01);
    Interval::new(down(down(e) * (1.0 - grown).next_down()).max(0.0), up(up(e) * up(1.0 + grown)))
}
