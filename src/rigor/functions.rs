//! Elementary functions of intervals.
//!
//! They rest on functions that are correctly rounded in every case (CORE-MATH: Sibidanov, Zimmermann & Glondu 2022, "The
//! CORE-MATH project", ARITH 29), so that one unit in the last place outwards bounds the exact value. Where the function is
//! not defined on all of the interval, or jumps there, the result is all of R; at an end where it only tends to infinity
//! it is unbounded on that side.

mod periodic;
mod plane;

use super::Interval;
use super::rounding::{down, up};

/// The next number after `c`, for constants.
const fn following(c: f64) -> f64 {
    f64::from_bits(c.to_bits() + 1)
}

/// The bounds of a function whose rounded value is zero only where its exact value is: zero stays.
#[inline(always)]
fn below(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { down(value) }
}

#[inline(always)]
fn above(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { up(value) }
}

/// The values at both ends; one evaluation where the ends are the same.
#[inline(always)]
fn at_ends(x: Interval, f: impl Fn(f64) -> f64) -> (f64, f64) {
    let first = f(x.lo());
    (first, if x.is_point() { first } else { f(x.hi()) })
}

impl Interval {
    /// Archimedes' constant.
    pub const PI: Interval = Interval::ends(std::f64::consts::PI, following(std::f64::consts::PI));
    /// `2 pi`.
    pub const TAU: Interval = Interval::ends(std::f64::consts::TAU, following(std::f64::consts::TAU));
    /// The natural logarithm of 2.
    pub const LN_2: Interval = Interval::ends(std::f64::consts::LN_2, following(std::f64::consts::LN_2));
    /// The natural logarithm of 10; the nearest double is above it.
    pub const LN_10: Interval =
        Interval::ends(f64::from_bits(std::f64::consts::LN_10.to_bits() - 1), std::f64::consts::LN_10);

    /// A nondecreasing function that is correctly rounded, and whose values do not underflow to zero.
    #[inline(always)]
    fn increasing(self, f: impl Fn(f64) -> f64) -> Interval {
        let (first, last) = at_ends(self, f);
        Interval::new(below(first), above(last))
    }

    /// Exponential.
    #[inline]
    pub fn exp(self) -> Interval {
        let (first, last) = at_ends(self, core_math::exp);
        // It underflows: a rounded zero stands for a positive number.
        Interval::new(down(first).max(0.0), up(last))
    }

    /// `exp(x) - 1`.
    #[inline]
    pub fn exp_m1(self) -> Interval {
        let range = self.increasing(core_math::expm1);
        Interval::new(range.lo().max(-1.0), range.hi())
    }

    /// Natural logarithm.
    #[inline]
    pub fn ln(self) -> Interval {
        if self.lo() < 0.0 || self.hi() == 0.0 {
            return Interval::ENTIRE;
        }
        self.increasing(core_math::log)
    }

    /// Decimal logarithm.
    #[inline]
    pub fn log10(self) -> Interval {
        if self.lo() < 0.0 || self.hi() == 0.0 {
            return Interval::ENTIRE;
        }
        self.increasing(core_math::log10)
    }

    /// `log(1 + x)`.
    #[inline]
    pub fn ln_1p(self) -> Interval {
        if self.lo() < -1.0 || self.hi() == -1.0 {
            return Interval::ENTIRE;
        }
        self.increasing(core_math::log1p)
    }

    /// Hyperbolic tangent.
    #[inline]
    pub fn tanh(self) -> Interval {
        self.increasing(core_math::tanh).within_one()
    }

    /// Hyperbolic sine.
    #[inline]
    pub fn sinh(self) -> Interval {
        self.increasing(core_math::sinh)
    }

    /// Hyperbolic cosine.
    #[inline]
    pub fn cosh(self) -> Interval {
        let range = self.abs().increasing(core_math::cosh);
        Interval::new(range.lo().max(1.0), range.hi())
    }

    /// The error function `2 / sqrt(pi) int_0^x exp(-t^2) dt`.
    #[inline]
    pub fn erf(self) -> Interval {
        self.increasing(core_math::erf).within_one()
    }

    /// Inverse sine, all reals if a number beyond `[-1, 1]` is in it.
    #[inline]
    pub fn asin(self) -> Interval {
        if self.mag() > 1.0 { Interval::ENTIRE } else { self.increasing(core_math::asin) }
    }

    /// Inverse cosine, all reals if a number beyond `[-1, 1]` is in it.
    #[inline]
    pub fn acos(self) -> Interval {
        if self.mag() > 1.0 {
            return Interval::ENTIRE;
        }
        let (largest, smallest) = at_ends(self, core_math::acos);
        Interval::new(below(smallest), above(largest))
    }

    /// Inverse tangent.
    #[inline]
    pub fn atan(self) -> Interval {
        self.increasing(core_math::atan)
    }

    /// Logistic function `1 / (1 + exp(-x))`.
    #[inline]
    pub fn sigmoid(self) -> Interval {
        // Increasing: each end by itself, by the form that loses no digits there.
        let at = |x: f64| {
            let e = Interval::point(-x.abs()).exp();
            let one = Interval::ONE + e;
            if x >= 0.0 { Interval::ONE / one } else { e / one }
        };
        let end = |x: f64| {
            if x.is_finite() {
                at(x)
            } else if x > 0.0 {
                Interval::ONE
            } else {
                Interval::ZERO
            }
        };
        let range = self.ends_of_increasing(end);
        Interval::new(range.lo(), range.hi().min(1.0))
    }

    /// `log(1 + exp(x))`.
    #[inline]
    pub fn softplus(self) -> Interval {
        let end = |x: f64| {
            if x == f64::INFINITY {
                return Interval::ends(f64::MAX, f64::INFINITY);
            }
            if x == f64::NEG_INFINITY {
                return Interval::ZERO;
            }
            Interval::point(x.max(0.0)) + Interval::point(-x.abs()).exp().ln_1p()
        };
        self.ends_of_increasing(end)
    }

    /// `log(cosh(x))`.
    #[inline]
    pub fn log_cosh(self) -> Interval {
        let end = |x: f64| {
            if x == f64::INFINITY {
                Interval::ends(f64::MAX, f64::INFINITY)
            } else if x < 2.0 {
                // log(1 + 2 sinh(x/2)^2), which keeps its digits near zero; half of a subnormal number is rounded.
                Interval::point(x).scale(0.5).sinh().sqr().scale(2.0).ln_1p()
            } else {
                // Where -2x overflows the exponential is enclosed at the lowest number, by [0, eta] as everywhere below.
                let tail = Interval::point((-2.0 * x).max(f64::MIN)).exp().ln_1p();
                Interval::point(x) + (tail - Interval::LN_2)
            }
        };
        self.abs().ends_of_increasing(end)
    }

    /// `exp(-s x^2 / 2)`.
    #[inline]
    pub fn gaussian(self, s: Interval) -> Interval {
        // Each variable occurs once.
        (self.sqr() * s).scale(-0.5).exp()
    }

    /// `x exp(-s x^2 / 2)`: its range through its extremes at `x = +-1/sqrt(s)` where s is positive.
    pub fn odd_gaussian(self, s: Interval) -> Interval {
        if self.is_point() || !(s.lo() > 0.0) {
            return self * self.gaussian(s);
        }
        let (smallest, largest) = (Interval::point(s.lo()), Interval::point(s.hi()));
        let at = |x: f64, s: Interval| {
            // It tends to zero at infinity.
            let at = Interval::point(x);
            if x.is_infinite() { Interval::ZERO } else { at * at.gaussian(s) }
        };
        // For x >= 0 it falls with s, and as a function of x it rises to its top and falls from there on.
        let top = Interval::ONE / smallest.sqrt();
        let highest = |lo: f64, hi: f64| {
            if hi <= top.lo() {
                at(hi, smallest).hi()
            } else if lo >= top.hi() {
                at(lo, smallest).hi()
            } else {
                (top * Interval::point(-0.5).exp()).hi()
            }
        };
        let lowest = |lo: f64, hi: f64| at(lo, largest).lo().min(at(hi, largest).lo());
        let (lo, hi) = (self.lo(), self.hi());
        if lo >= 0.0 {
            Interval::new(lowest(lo, hi), highest(lo, hi))
        } else if hi <= 0.0 {
            Interval::new(-highest(-hi, -lo), -lowest(-hi, -lo))
        } else {
            Interval::new(-highest(0.0, -lo), highest(0.0, hi))
        }
    }

    /// A nondecreasing function by its enclosures at numbers, of which the ends may be infinite.
    #[inline(always)]
    fn ends_of_increasing(self, at: impl Fn(f64) -> Interval) -> Interval {
        let first = at(self.lo());
        let last = if self.is_point() { first } else { at(self.hi()) };
        Interval::new(first.lo(), last.hi())
    }

    /// What is known to be in `[-1, 1]`.
    #[inline(always)]
    fn within_one(self) -> Interval {
        Interval::new(self.lo().max(-1.0), self.hi().min(1.0))
    }
}
