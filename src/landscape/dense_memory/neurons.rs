//! The neurons of a dense memory in verified arithmetic: activities and the derivatives of the Lagrangian over boxes.
//!
//! Softmax neurons `p = softmax(b x)` have the joint cumulants of p as derivatives of L: `(M u)_i = b p_i (u_i - mean)`,
//! `D3 L(., ., f)_ij = b^2 (d_ij p_i f_i - p_i p_j (f_i + f_j))` for f less its mean under p.

use super::Lagrangian;
use crate::landscape::activation::{Slopes, Unit, meet};
use crate::rigor::Interval;
use crate::rigor::rounding::{add_up, mul_up, norm_up};

/// What neurons there are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Neurons {
    /// Each by itself.
    Units(Unit),
    /// `softmax(b x)`.
    Softmax { b: f64 },
}

/// The derivatives of the Lagrangian over a box.
pub(super) enum Bent {
    Units(Vec<Slopes>),
    Softmax { p: Vec<Interval>, b: Interval },
}

impl Neurons {
    pub(super) fn of(lagrangian: Lagrangian) -> Self {
        match lagrangian {
            Lagrangian::Identity => Neurons::Units(Unit::Identity),
            Lagrangian::Tanh { gain: b } => Neurons::Units(Unit::Tanh { b }),
            Lagrangian::Sigmoid { gain: b } => Neurons::Units(Unit::Sigmoid { b }),
            Lagrangian::Softmax { gain: b } => Neurons::Softmax { b },
        }
    }

    /// A bound of `|M|` everywhere. For the softmax `u'M u` is b times a variance of numbers that are at most
    /// `sqrt 2 |u|` apart, which is at most a quarter of the square of that (Popoviciu).
    pub(super) fn steepest(self) -> f64 {
        match self {
            Neurons::Units(unit) => unit.steepest().hi(),
            Neurons::Softmax { b } => Interval::point(b).scale(0.5).hi(),
        }
    }

    /// The activities g.
    pub(super) fn activity(self, x: &[Interval]) -> Vec<Interval> {
        match self {
            Neurons::Units(unit) => x.iter().map(|x| unit.activity(*x)).collect(),
            Neurons::Softmax { b } => softmax(b, x),
        }
    }

    /// `y.g` for activities g.
    pub(super) fn overlap(self, y: &[f64], g: &[Interval]) -> Interval {
        let sum = y.iter().zip(g).fold(Interval::ZERO, |sum, (y, g)| sum + g.scale(*y));
        match self {
            Neurons::Units(_) => sum,
            Neurons::Softmax { .. } => meet(sum, hull(y)),
        }
    }

    /// All values of `y.g` there are.
    pub(super) fn overlaps(self, y: &[f64]) -> Interval {
        match self {
            Neurons::Units(unit) => y.iter().fold(Interval::ZERO, |sum, y| sum + unit.range().scale(*y)),
            Neurons::Softmax { .. } => hull(y),
        }
    }

    /// `x.g - L(x)`: for the softmax `sum p log p / b`.
    pub(super) fn energy(self, x: &[Interval]) -> Interval {
        match self {
            Neurons::Units(unit) => x.iter().fold(Interval::ZERO, |sum, x| sum + unit.energy(*x)),
            Neurons::Softmax { b } => {
                let sum = softmax(b, x).into_iter().fold(Interval::ZERO, |sum, p| sum + entropy(p));
                let most = -Interval::point(x.len() as f64).ln();
                meet(sum, Interval::new(most.lo(), 0.0)) / Interval::point(b)
            }
        }
    }

    /// The derivatives of L over a box.
    pub(super) fn bent(self, x: &[Interval]) -> Bent {
        match self {
            Neurons::Units(unit) => Bent::Units(x.iter().map(|x| unit.slopes(*x)).collect()),
            Neurons::Softmax { b } => Bent::Softmax { p: softmax(b, x), b: Interval::point(b) },
        }
    }
}

impl Bent {
    /// `M v`.
    pub(super) fn second(&self, v: &[Interval]) -> Vec<Interval> {
        match self {
            Bent::Units(slopes) => slopes.iter().zip(v).map(|(s, v)| s.first * *v).collect(),
            Bent::Softmax { p, b } => centred(p, v).iter().zip(p).map(|(v, p)| *b * *p * *v).collect(),
        }
    }

    /// Entry (i, j) of `M + D3 L(., ., f)`, with f as [`Bent::forces`] gives it.
    pub(super) fn curvature(&self, f: &[Interval], i: usize, j: usize) -> Interval {
        match self {
            Bent::Units(slopes) if i == j => slopes[i].first + slopes[i].second * f[i],
            Bent::Units(_) => Interval::ZERO,
            Bent::Softmax { p, b } => {
                if i == j {
                    // b p (1 - p) + b^2 p (1 - 2 p) f.
                    let (p, twice) = (p[i], p[i].scale(2.0));
                    let variance = meet(p * (Interval::ONE - p), Interval::point(0.25) - p.shift(-0.5).sqr());
                    *b * variance + b.sqr() * p * (Interval::ONE - twice) * f[i]
                } else {
                    -(*b * p[i] * p[j] * (Interval::ONE + *b * (f[i] + f[j])))
                }
            }
        }
    }

    /// The forces as far as the curvature depends on them: for the softmax less their mean under p.
    pub(super) fn forces(&self, f: Vec<Interval>) -> Vec<Interval> {
        match self {
            Bent::Units(_) => f,
            Bent::Softmax { p, .. } => centred(p, &f),
        }
    }

    /// A bound of `|M|` on the box.
    pub(super) fn steepest(&self) -> f64 {
        match self {
            Bent::Units(slopes) => slopes.iter().fold(0.0, |m, s| m.max(s.first.hi())),
            Bent::Softmax { b, .. } => b.scale(0.5).hi(),
        }
    }

    /// A bound of `|M y|` on the box.
    pub(super) fn reach(&self, y: &[f64]) -> f64 {
        match self {
            Bent::Units(slopes) => {
                let each: Vec<f64> =
                    slopes.iter().zip(y).map(|(s, y)| mul_up(s.first.hi(), y.abs())).collect();
                norm_up(&each)
            }
            Bent::Softmax { .. } => mul_up(self.steepest(), norm_up(y)),
        }
    }

    /// A bound of `|D3 L(u, v, w)|` for unit vectors. For the softmax it is a third cumulant, for which u = v = w is the
    /// worst case (Banach): a third central moment of numbers at most `R = sqrt 2` apart, at most `R^3 / (6 sqrt 3)`.
    pub(super) fn twist(&self) -> f64 {
        match self {
            Bent::Units(slopes) => slopes.iter().fold(0.0, |m, s| m.max(s.second.mag())),
            Bent::Softmax { b, .. } => {
                let three = Interval::point(3.0);
                (b.sqr() * Interval::point(2.0).sqrt() / (three * three.sqrt())).hi()
            }
        }
    }

    /// A bound of `|2 D3 L(u, v, w) + D4 L(u, v, w, f)|` for unit vectors. A fourth cumulant `m4 - 3 s^4` of numbers at most
    /// R apart lies between `-2 s^4 >= -R^4/8` and `m4 <= R^4/12`.
    pub(super) fn wring(&self, f: &[Interval]) -> f64 {
        match self {
            Bent::Units(slopes) => {
                let of = |(s, f): (&Slopes, &Interval)| (s.third * *f + s.second.scale(2.0)).mag();
                slopes.iter().zip(f).map(of).fold(0.0, f64::max)
            }
            Bent::Softmax { b, .. } => {
                let size = norm_up(&f.iter().map(|f| f.mag()).collect::<Vec<_>>());
                add_up(mul_up(2.0, self.twist()), mul_up(b.powi(3).scale(0.5).hi(), size))
            }
        }
    }
}

/// `softmax(b x)`: `p_i` grows with `x_i` and falls with the others, so that two corners of the box bound it.
fn softmax(b: f64, x: &[Interval]) -> Vec<Interval> {
    let corner = |i: usize, own: f64, other: fn(Interval) -> f64| {
        let mut sum = Interval::ONE;
        for (j, x) in x.iter().enumerate() {
            if j != i {
                let gap = Interval::new(other(*x), other(*x)) - Interval::new(own, own);
                sum += gap.scale(b).exp();
            }
        }
        Interval::ONE / sum
    };
    let of = |i: usize| {
        let low = corner(i, x[i].lo(), Interval::hi).lo();
        let high = corner(i, x[i].hi(), Interval::lo).hi();
        Interval::new(low.max(0.0), high.min(1.0))
    };
    (0..x.len()).map(of).collect()
}

/// `p log p` for p in `[0, 1]`: falls to `-1/e` at `1/e`, then grows.
fn entropy(p: Interval) -> Interval {
    let at = |p: f64| if p > 0.0 { Interval::point(p).ln().scale(p) } else { Interval::ZERO };
    let turn = Interval::point(-1.0).exp();
    let ends = at(p.lo()).hull(at(p.hi()));
    let straddles = p.lo() <= turn.hi() && turn.lo() <= p.hi();
    if straddles { Interval::new(ends.lo().min(-turn.hi()), ends.hi()) } else { ends }
}

/// v less its mean under p, all of it moved first, so that what v has in common does not widen the mean.
fn centred(p: &[Interval], v: &[Interval]) -> Vec<Interval> {
    let middle = v.iter().map(|v| v.mid()).sum::<f64>() / v.len() as f64;
    let middle = if middle.is_finite() { middle } else { 0.0 };
    let moved: Vec<Interval> = v.iter().map(|v| v.shift(-middle)).collect();
    let mean = p.iter().zip(&moved).fold(Interval::ZERO, |sum, (p, v)| sum + *p * *v);
    moved.into_iter().map(|v| v - mean).collect()
}

fn hull(y: &[f64]) -> Interval {
    y.iter().map(|y| Interval::point(*y)).reduce(Interval::hull).unwrap_or(Interval::ENTIRE)
}
