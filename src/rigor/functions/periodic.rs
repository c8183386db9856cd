//! Sine, cosine and tangent.
//!
//! Where they rise and fall is told by the sign of the derivative at the ends of the interval. No floating-point number but
//! zero is a multiple of `pi/2` (pi is irrational), so that sign is never in doubt, however large the argument: a
//! correctly rounded sine or cosine has the sign of the exact one. With a width below pi, or 2 pi, the signs at the ends
//! say how many zeros of the derivative are in between.

use std::f64::consts::FRAC_1_PI;

use super::{above, at_ends, below};
use crate::rigor::Interval;

/// Below pi.
const HALF_TURN: f64 = 3.140625;
/// Below 2 pi.
const TURN: f64 = 6.28125;
/// Below pi / 2.
const QUARTER_TURN: f64 = 1.5703125;

/// `x / pi` within 1e-9, where that can be had without reduction of the argument.
#[inline(always)]
fn half_turns(x: f64) -> Option<f64> {
    // Two roundings of at most 2^-53 each, relative to a number below 1e5 / pi.
    (x.abs() < 1e5).then_some(x * FRAC_1_PI)
}

/// Is `cos(x) > 0`?
#[inline]
fn cosine_is_positive(x: f64) -> bool {
    if let Some(turns) = half_turns(x) {
        let nearest = turns.round_ties_even();
        if (turns - nearest).abs() < 0.5 - 1e-9 {
            return nearest as i64 % 2 == 0;
        }
    }
    core_math::cos(x) > 0.0
}

/// Is `sin(x) > 0`?
#[inline]
fn sine_is_positive(x: f64) -> bool {
    if let Some(turns) = half_turns(x) {
        let floor = turns.floor();
        if (turns - floor - 0.5).abs() < 0.5 - 1e-9 {
            return floor as i64 % 2 == 0;
        }
    }
    core_math::sin(x) > 0.0
}

impl Interval {
    /// Sine.
    #[inline]
    pub fn sin(self) -> Interval {
        self.wave(core_math::sin, cosine_is_positive)
    }

    /// Cosine.
    #[inline]
    pub fn cos(self) -> Interval {
        // At zero it neither rises nor falls, and either answer is right: the value there is the top itself.
        self.wave(core_math::cos, |x| !sine_is_positive(x))
    }

    /// Tangent; all reals if a pole is in it.
    #[inline]
    pub fn tan(self) -> Interval {
        let regular = self.mag() <= QUARTER_TURN
            || (self.width() <= HALF_TURN && cosine_is_positive(self.lo()) == cosine_is_positive(self.hi()));
        if regular { self.increasing(core_math::tan) } else { Interval::ENTIRE }
    }

    /// A sine or cosine, which `rises` where it says so.
    #[inline(always)]
    fn wave(self, f: impl Fn(f64) -> f64, rises: impl Fn(f64) -> bool) -> Interval {
        let full = Interval::ends(-1.0, 1.0);
        let width = self.width();
        if !(width <= TURN) {
            return full;
        }
        let (first, last) = at_ends(self, f);
        let (lower, upper) = (first.min(last), first.max(last));
        let range = match (rises(self.lo()), rises(self.hi())) {
            // Less than a turn holds at most two extremes: one or none where the signs tell them apart, two or none where
            // they do not, and less than half a turn does not hold two.
            (true, false) => Interval::new(below(lower), 1.0),
            (false, true) => Interval::new(-1.0, above(upper)),
            _ if width <= HALF_TURN => Interval::new(below(lower), above(upper)),
            _ => full,
        };
        range.within_one()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside multiples of `pi/2` the product with `1/pi`, rounded, is on either side; beyond 1e5 it is off by ever more.
    #[test]
    fn signs_are_those_of_the_exact_functions() {
        for size in [1.0, 1e3, 9e4, 1e6, 1e12, 1e15] {
            for k in 0..2000 {
                let x = ((size + f64::from(k)) * std::f64::consts::FRAC_PI_2).round_ties_even()
                    + f64::from(k) * 0.125;
                let near = (size + f64::from(k)).floor() * std::f64::consts::FRAC_PI_2;
                for x in [x, -x, near, -near] {
                    assert_eq!(cosine_is_positive(x), core_math::cos(x) > 0.0, "{x:e}");
                    assert_eq!(sine_is_positive(x), core_math::sin(x) > 0.0, "{x:e}");
                }
            }
        }
    }
}
