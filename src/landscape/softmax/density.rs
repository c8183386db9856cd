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
//! So each call has a function of its own, all with the same zeros: what two calls return must not be mixed, as in any
//! [`System`] whose factor is free. An enclosure of values alone may have one component replaced by a combination of
//! all in which that one does take part.

use std::cell::Cell;

use super::enclose::{EnclosedMixture, LOW, difference, exact_difference};
use crate::rigor::rounding::{add_up, down, mul_up, up};
use crate::rigor::{Expansion, Interval, System};

/// The system; see the module.
pub(super) struct Density {
    dim: usize,
    /// Wells, one after the other.
    wells: Vec<Interval>,
    logs: Vec<Interval>,
    precision: Interval,
    half: Interval,
}

/// `log` of what a term may be, of a largest one of about 1, before it is bounded together with others: rounding.
const FAINT: f64 = -46.0;
/// From above, `exp(FAINT)`.
const FAINT_EXP: f64 = 1.1e-20;

thread_local! {
    static SCRATCH: Cell<Vec<Term>> = const { Cell::new(Vec::new()) };
}

/// What of a well does not depend on the size of the box.
#[derive(Clone, Copy)]
struct Term {
    /// `log a_k` less that of the largest.
    log: Interval,
    /// `a_k` over the largest.
    weight: Interval,
    /// `a_k prod_i exp(alpha_ki t_i)` over the box; zero for faint terms.
    size: Interval,
}

impl Density {
    pub(super) fn new(mixture: &EnclosedMixture) -> Self {
        let (n, count) = (mixture.dim, mixture.count());
        let wells = (0..count).flat_map(|k| (0..n).map(move |i| mixture.coordinate(k, i))).collect();
        Density {
            dim: n,
            wells,
            logs: mixture.logs.clone(),
            precision: mixture.precision,
            half: mixture.precision.scale(0.5),
        }
    }

    /// Sums up the terms over the box; the Jacobian only if asked for.
    fn sum(&self, x: &[Interval], at: &[f64], out: &mut Sums<'_>) {
        let mut terms = SCRATCH.take();
        self.weigh(at, &mut terms);
        let faint = self.gather(x, at, &mut terms, out);
        if out.value.is_none() && out.range.iter().all(|r| r.contains(0.0)) {
            self.separate(x, at, &terms, faint, out.range);
        }
        SCRATCH.set(terms);
    }

    /// The weights at a point.
    fn weigh(&self, at: &[f64], terms: &mut Vec<Term>) {
        let n = self.dim;
        terms.clear();
        let (mut top, mut highest) = (Interval::ENTIRE, f64::NEG_INFINITY);
        for (c, log) in self.wells.chunks_exact(n).zip(&self.logs) {
            let mut square = Interval::ZERO;
            for (c, z) in c.iter().zip(at) {
                square += difference(*c, *z).sqr();
            }
            terms.push(Term { log: square, weight: *log, size: Interval::ZERO });
            let rough = log.mid() - self.half.mid() * square.mid();
            if rough > highest {
                (highest, top) = (rough, square);
            }
        }
        // Common to all weights, and so free: a square and a logarithm, subtracted before anything is multiplied.
        let square = top.mid();
        let log = highest + self.half.mid() * square;
        let log = if log.is_finite() { log } else { 0.0 };
        for term in terms {
            let exponent = difference(term.weight, log) - self.half * difference(term.log, square);
            let weight = if exponent.hi() < FAINT { Interval::ZERO } else { exp(exponent) };
            *term = Term { log: exponent, weight, size: Interval::ZERO };
        }
    }

    /// Adds up all terms; returns a bound of what the faint ones add to each component of the field.
    fn gather(&self, x: &[Interval], at: &[f64], terms: &mut [Term], out: &mut Sums<'_>) -> f64 {
        let n = self.dim;
        // The softmax mean; nothing depends on how well it is met.
        let (mut b, mut sum) = ([0.0; LOW], 0.0);
        for (c, term) in self.wells.chunks_exact(n).zip(&*terms) {
            let weight = term.weight.hi();
            if weight > 0.0 {
                sum += weight;
                (0..n).for_each(|i| b[i] += weight * (c[i].lo() - at[i]));
            }
        }
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
        let (mut faint, mut faint_slope) = (0.0, 0.0);
        for (c, term) in self.wells.chunks_exact(n).zip(terms) {
            let (mut alpha, mut d) = ([Interval::ZERO; LOW], [Interval::ZERO; LOW]);
            let mut swing = 0.0;
            for i in 0..n {
                alpha[i] = self.precision * difference(c[i], b[i]);
                d[i] = -difference(c[i], at[i]);
                swing = add_up(swing, mul_up(alpha[i].mag(), t[i].mag()));
            }
            if add_up(term.log.hi(), swing) < FAINT {
                let (mut length, mut slope) = (0.0, 0.0_f64);
                for i in 0..n {
                    length = f64::max(length, add_up(d[i].mag(), t[i].mag()));
                    slope = slope.max(alpha[i].mag());
                }
                faint = add_up(faint, mul_up(FAINT_EXP, length));
                faint_slope = add_up(faint_slope, mul_up(FAINT_EXP, add_up(1.0, mul_up(length, slope))));
                continue;
            }
            let weight = if term.weight == Interval::ZERO { exp(term.log) } else { term.weight };
            let (mut psi, mut chi, mut diagonal) =
                ([Interval::ONE; LOW], [Interval::ZERO; LOW], [Interval::ZERO; LOW]);
            for i in 0..n {
                if let Some(value) = out.value.as_deref_mut() {
                    value[i] += weight * d[i];
                }
                let factor = Factor::over(alpha[i], d[i], t[i], out.jacobian.is_some());
                (psi[i], chi[i], diagonal[i]) = (factor.psi, factor.chi, factor.diagonal);
            }
            term.size = psi[..n].iter().fold(weight, |size, psi| size * *psi);
            for i in 0..n {
                let mut others = weight;
                for l in (0..n).filter(|l| *l != i) {
                    others = others * psi[l];
                }
                let field = others * chi[i];
                out.range[i] += field;
                if let Some(jacobian) = out.jacobian.as_deref_mut() {
                    for j in 0..n {
                        jacobian[i * n + j] += if i == j { others * diagonal[i] } else { field * alpha[j] };
                    }
                }
            }
        }
        if faint > 0.0 {
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
    fn separate(&self, x: &[Interval], at: &[f64], terms: &[Term], faint: f64, range: &mut [Interval]) {
        let n = self.dim;
        let largest = terms.iter().map(|t| t.size.hi()).fold(0.0, f64::max);
        if n == 1 || !largest.is_finite() {
            return;
        }
        // From the hull of those wells to the centre: the nearest point, roughly (Gilbert 1966, SIAM J. Control 4). Nothing
        // depends on how well it is met.
        let from = |k: usize, i: usize| at[i] - self.wells[k * n + i].lo();
        let heavy = || (0..terms.len()).filter(|k| terms[*k].size.hi() > 1e-3 * largest);
        let Some(first) = heavy().next() else { return };
        let mut u = [0.0; LOW];
        (0..n).for_each(|i| u[i] = from(first, i));
        for _ in 0..8 {
            let along = |k: usize| (0..n).map(|i| u[i] * from(k, i)).sum::<f64>();
            let Some(k) = heavy().min_by(|a, b| along(*a).total_cmp(&along(*b))) else { return };
            let (mut falls, mut square) = (0.0, 0.0);
            for i in 0..n {
                let step = from(k, i) - u[i];
                falls -= step * u[i];
                square += step * step;
            }
            if !(falls > 0.0 && square > 0.0) {
                break;
            }
            let part = (falls / square).min(1.0);
            (0..n).for_each(|i| u[i] += part * (from(k, i) - u[i]));
        }
        let mut product = Interval::ZERO;
        for (c, term) in self.wells.chunks_exact(n).zip(terms) {
            if term.size == Interval::ZERO {
                continue;
            }
            let along = (0..n).fold(Interval::ZERO, |sum, i| sum + (x[i] - c[i]).scale(u[i]));
            product += term.size * along;
        }
        let tail = u[..n].iter().fold(0.0, |sum, u| add_up(sum, mul_up(faint, u.abs())));
        product += Interval::new(-tail, tail);
        let strongest = (0..n).fold(0, |best, i| if u[i].abs() > u[best].abs() { i } else { best });
        if product.lo() > 0.0 && u[strongest] != 0.0 {
            range[strongest] = product;
        }
    }
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
        let mut chi = (d_left * below).hull(d_right * above);
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
                false => (d + t) * psi,
            };
        }
        let mut diagonal = Interval::ZERO;
        if with_diagonal {
            diagonal = (v_left.shift(1.0) * below).hull(v_right.shift(1.0) * above);
            if v.contains(-2.0) {
                diagonal = diagonal.hull(-exp(Interval::point(-2.0) - alpha * d));
            }
        }
        Factor { psi, chi, diagonal }
    }
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
