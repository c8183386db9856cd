//! Enclosures of single neurons: the activity `g = L'(x)` of a Lagrangian that is a sum over units, its derivatives, and
//! the energy `x g - L(x)` of one unit.
//!
//! Everything rests on `e = exp(-t)`, `t` the size of the argument, of which each function here is monotone; so ends of
//! intervals are evaluated by themselves, and what saturates keeps all digits.

use super::lagrangian::Lagrangian;
use crate::rigor::Interval;
use crate::rigor::rounding::up;

/// Rounds of confining all equilibria by their own equations.
const ROUNDS: usize = 100;

/// A neuron whose activity depends on its own current alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Unit {
    /// `g = x`.
    Identity,
    /// `g = tanh(b x)`.
    Tanh { b: f64 },
    /// `g = 1/(1 + exp(-b x))`.
    Sigmoid { b: f64 },
}

/// The first three derivatives of an activity.
pub(super) struct Slopes {
    pub(super) first: Interval,
    pub(super) second: Interval,
    pub(super) third: Interval,
}

impl Unit {
    /// The unit of a Lagrangian; `None` where it is no sum over units, or one of rectified powers.
    pub(super) fn of(lagrangian: Lagrangian) -> Option<Unit> {
        match lagrangian {
            Lagrangian::Identity => Some(Unit::Identity),
            Lagrangian::Tanh { b } => Some(Unit::Tanh { b }),
            Lagrangian::Sigmoid { b } => Some(Unit::Sigmoid { b }),
            _ => None,
        }
    }

    /// All activities there are.
    pub(super) fn range(self) -> Interval {
        match self {
            Unit::Identity => Interval::ENTIRE,
            Unit::Tanh { .. } => Interval::new(-1.0, 1.0),
            Unit::Sigmoid { .. } => Interval::new(0.0, 1.0),
        }
    }

    /// A bound of the slope of the activity, attained at 0.
    pub(super) fn steepest(self) -> Interval {
        match self {
            Unit::Identity => Interval::ONE,
            Unit::Tanh { b } => Interval::point(b),
            Unit::Sigmoid { b } => Interval::point(b).scale(0.25),
        }
    }

    /// The activity g.
    pub(super) fn activity(self, x: Interval) -> Interval {
        match self {
            Unit::Identity => x,
            Unit::Tanh { b } => x.scale(b).tanh(),
            Unit::Sigmoid { b } => x.scale(b).sigmoid(),
        }
    }

    /// `x g - L(x)`.
    pub(super) fn energy(self, x: Interval) -> Interval {
        match self {
            Unit::Identity => x.sqr().scale(0.5),
            // Both are even and grow with |x|: the derivative is x g'.
            Unit::Tanh { b } => {
                let ln2 = Interval::LN_2;
                let rest = |t: f64| ln2 - missing(2.0 * t);
                between(x.scale(b).abs(), rest, Interval::new(0.0, ln2.hi())) / Interval::point(b)
            }
            Unit::Sigmoid { b } => {
                let least = -Interval::LN_2;
                let rest = |t: f64| -missing(t);
                between(x.scale(b).abs(), rest, Interval::new(least.lo(), 0.0)) / Interval::point(b)
            }
        }
    }

    /// The slope `g'`, relatively tight however small.
    pub(super) fn slope(self, x: Interval) -> Interval {
        match self {
            Unit::Identity => Interval::ONE,
            Unit::Tanh { b } => bell(x.scale(b).scale(2.0)).scale(4.0).scale(b),
            Unit::Sigmoid { b } => bell(x.scale(b)).scale(b),
        }
    }

    /// The first three derivatives of the activity.
    pub(super) fn slopes(self, x: Interval) -> Slopes {
        // With s = 1 - t^2, t = tanh: (t)' = s, (t)'' = -2 t s, (t)''' = s (4 - 6 s), of which the second is at most
        // 4/(3 sqrt 3).
        // A logistic is (1 + tanh(b x / 2))/2: a factor 1/2 before, and one in each derivative.
        let (s, t, c, half) = match self {
            Unit::Identity => {
                return Slopes { first: Interval::ONE, second: Interval::ZERO, third: Interval::ZERO };
            }
            Unit::Tanh { b } => {
                let z = x.scale(b);
                (bell(z.scale(2.0)), z.tanh(), Interval::point(b), 1.0)
            }
            Unit::Sigmoid { b } => {
                let z = x.scale(b);
                (bell(z), z.scale(0.5).tanh(), Interval::point(b).scale(0.5), 0.5)
            }
        };
        let s = s.scale(4.0);
        let three = Interval::point(3.0);
        let most = (Interval::point(4.0) / (three * three.sqrt())).hi();
        let second = meet((t * s).scale(-2.0), Interval::new(-most, most));
        // s (4 - 6 s) = 2/3 - 6 (s - 1/3)^2: the one form is tight in wide intervals, the other near zero.
        let square = (s - Interval::ONE / three).sqr().scale(6.0);
        let third = meet(s * (Interval::point(4.0) - s.scale(6.0)), Interval::point(2.0) / three - square);
        Slopes {
            first: (s * c).scale(half),
            second: (second * c.sqr()).scale(half),
            third: (third * c.powi(3)).scale(half),
        }
    }
}

/// `e / (1 + e)^2` with `e = exp(-|z|)`: even, falling with |z|.
fn bell(z: Interval) -> Interval {
    let at = |t: f64| {
        let e = decay(t);
        e / (Interval::ONE + e).sqr()
    };
    let z = z.abs();
    Interval::new(at(z.hi()).lo().max(0.0), at(z.lo()).hi().min(0.25))
}

/// `t e/(1 + e) + log(1 + e)`, `e = exp(-t)`: what a unit lacks of its limit. Falls from log 2 to 0.
fn missing(t: f64) -> Interval {
    let e = decay(t);
    // t e falls for t > 1: where e is below all numbers so is the product.
    let te =
        if e.hi() > f64::MIN_POSITIVE { e.scale(t) } else { Interval::new(0.0, up(f64::MIN_POSITIVE * 1e3)) };
    te / (Interval::ONE + e) + e.ln_1p()
}

/// `exp(-t)` for `t >= 0`, which may be infinite.
fn decay(t: f64) -> Interval {
    if t < f64::INFINITY { Interval::point(-t).exp() } else { Interval::new(0.0, f64::from_bits(1)) }
}

/// A function that grows on `t >= 0`, within its bounds.
fn between(t: Interval, f: impl Fn(f64) -> Interval, bounds: Interval) -> Interval {
    meet(Interval::new(f(t.lo()).lo(), f(t.hi()).hi()), bounds)
}

/// What both enclosures of the same values have in common.
pub(super) fn meet(a: Interval, b: Interval) -> Interval {
    a.meet(b).unwrap_or(Interval::ENTIRE)
}

/// What the equations `x = t(x)` leave of a box that holds all their solutions, by applying an enclosure of t again and
/// again; a little wider, so that no solution lies on an end.
pub(super) fn confined(mut x: Vec<Interval>, t: impl Fn(&[Interval]) -> Vec<Interval>) -> Vec<Interval> {
    for _ in 0..ROUNDS {
        let next: Vec<Interval> = x.iter().zip(t(&x)).map(|(x, t)| x.meet(t).unwrap_or(*x)).collect();
        let shrunk = x.iter().zip(&next).any(|(old, new)| new.width() < 0.99 * old.width());
        x = next;
        if !shrunk {
            break;
        }
    }
    let pad = |x: Interval| {
        let pad = (x.mag() / 64.0).max(f64::MIN_POSITIVE);
        Interval::new(x.lo() - pad, x.hi() + pad)
    };
    x.into_iter().map(pad).collect()
}
