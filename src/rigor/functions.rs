//! Elementary functions of intervals.
//!
//! They rest on functions that are correctly rounded in every case (CORE-MATH: Sibidanov, Zimmermann & Glondu 2022, "The
//! CORE-MATH project", ARITH 29), so that one unit in the last place outwards bounds the exact value. Where the function is
//! not defined on all of the interval the result is all of R.

use super::Interval;
use super::rounding::{down, up};

impl Interval {
    /// A nondecreasing function that is correctly rounded; finite where `floor` and `ceiling`, its bounds, are.
    #[inline(always)]
    fn increasing(self, f: impl Fn(f64) -> f64, floor: f64, ceiling: f64) -> Interval {
        Interval::new(down(f(self.lo())).max(floor), up(f(self.hi())).min(ceiling))
    }

    /// Exponential.
    #[inline]
    pub fn exp(self) -> Interval {
        self.increasing(core_math::exp, 0.0, f64::INFINITY)
    }

    /// `exp(x) - 1`.
    #[inline]
    pub fn exp_m1(self) -> Interval {
        self.increasing(core_math::expm1, -1.0, f64::INFINITY)
    }

    /// Natural logarithm.
    #[inline]
    pub fn ln(self) -> Interval {
        if self.lo() < 0.0 {
            return Interval::ENTIRE;
        }
        self.increasing(core_math::log, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// `log(1 + x)`.
    #[inline]
    pub fn ln_1p(self) -> Interval {
        if self.lo() < -1.0 {
            return Interval::ENTIRE;
        }
        self.increasing(core_math::log1p, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Hyperbolic tangent.
    #[inline]
    pub fn tanh(self) -> Interval {
        self.increasing(core_math::tanh, -1.0, 1.0)
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
        Interval::new(end(self.lo()).lo().max(0.0), end(self.hi()).hi().min(1.0))
    }

    /// `log(1 + exp(x))`.
    #[inline]
    pub fn softplus(self) -> Interval {
        let end = |x: f64| {
            if x == f64::INFINITY {
                return Interval::new(f64::MAX, f64::INFINITY);
            }
            if x == f64::NEG_INFINITY {
                return Interval::ZERO;
            }
            Interval::point(x.max(0.0)) + Interval::point(-x.abs()).exp().ln_1p()
        };
        Interval::new(end(self.lo()).lo().max(0.0), end(self.hi()).hi())
    }
}
