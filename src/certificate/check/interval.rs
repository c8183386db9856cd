//! The checker's own intervals: every operation is done in round-to-nearest and each end moved to the next number outwards. Slower and
//! wider than the builder's, and simple enough to be read in one go.
//!
//! Ends may be infinite; an interval is never empty and never holds NaN. What is undefined, or no number, is all of R.

use std::ops::{Add, Mul, Neg, Sub};

/// The numbers from `lo` to `hi`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct I {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// `pi`, which lies above the double nearest to it.
pub(super) const PI: I = I { lo: std::f64::consts::PI, hi: std::f64::consts::PI.next_up() };
/// Euler's number, which lies above the double nearest to it.
pub(super) const E: I = I { lo: std::f64::consts::E, hi: std::f64::consts::E.next_up() };
/// All of R.
pub(super) const ALL: I = I { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
pub(super) const ZERO: I = I { lo: 0.0, hi: 0.0 };
pub(super) const ONE: I = I { lo: 1.0, hi: 1.0 };

impl I {
    /// `[lo, hi]`, or all of R where that is none.
    pub fn new(lo: f64, hi: f64) -> I {
        if lo <= hi && lo < f64::INFINITY && hi > f64::NEG_INFINITY { I { lo, hi } } else { ALL }
    }

    /// A single number.
    pub fn of(x: f64) -> I {
        if x.is_finite() { I { lo: x, hi: x } } else { ALL }
    }

    /// Each end one number outwards.
    fn wide(lo: f64, hi: f64) -> I {
        I::new(lo.next_down(), hi.next_up())
    }

    /// Within `r >= 0` of x.
    pub(super) fn about(x: f64, r: f64) -> I {
        I::wide(x - r, x + r)
    }

    /// Within `r >= 0` of it.
    pub(super) fn plus_minus(self, r: f64) -> I {
        I::wide(self.lo - r, self.hi + r)
    }

    /// A finite number in it.
    pub(super) fn mid(self) -> f64 {
        let m = 0.5 * self.lo + 0.5 * self.hi;
        if m.is_finite() {
            m.clamp(self.lo, self.hi)
        } else {
            0.0f64.clamp(self.lo.max(f64::MIN), self.hi.min(f64::MAX))
        }
    }

    /// Largest absolute value.
    pub(super) fn mag(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    /// Smallest absolute value.
    pub(super) fn mig(self) -> f64 {
        if self.lo <= 0.0 && self.hi >= 0.0 { 0.0 } else { self.lo.abs().min(self.hi.abs()) }
    }

    /// Are both ends numbers?
    pub(super) fn is_bounded(self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    pub(super) fn is_point(self) -> bool {
        self.lo == self.hi
    }

    /// What both have; either of them where floating point sees nothing, which cannot be if both hold the same number.
    pub(super) fn meet(self, other: I) -> I {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        if lo <= hi { I { lo, hi } } else { self }
    }

    pub(super) fn hull(self, other: I) -> I {
        I { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    pub(super) fn sqr(self) -> I {
        let (a, b) = (self.mig(), self.mag());
        I::new((a * a).next_down().max(0.0), (b * b).next_up())
    }

    /// Of the numbers of it that are not negative: used for sums of squares, whose lower end rounding may have moved below zero.
    pub(super) fn sqrt(self) -> I {
        if self.hi < 0.0 {
            return ALL;
        }
        I::new(self.lo.max(0.0).sqrt().next_down().max(0.0), self.hi.sqrt().next_up())
    }

    pub(super) fn abs(self) -> I {
        I { lo: self.mig(), hi: self.mag() }
    }

    /// The quotient; all of R if zero is in the divisor.
    pub(super) fn over(self, d: I) -> I {
        if !(d.lo > 0.0 || d.hi < 0.0) {
            return ALL;
        }
        let q = [self.lo / d.lo, self.lo / d.hi, self.hi / d.lo, self.hi / d.hi];
        ends(q)
    }

    /// The n-th power, `x^0 = 1`.
    pub(super) fn power(self, n: i32) -> I {
        if n < 0 {
            return ONE.over(self.natural(n.unsigned_abs()));
        }
        self.natural(n.unsigned_abs())
    }

    fn natural(self, n: u32) -> I {
        if n == 0 {
            return ONE;
        }
        if n % 2 == 1 {
            // Growing all over: the ends are the ends' powers.
            return I::of(self.lo).product(n).hull(I::of(self.hi).product(n));
        }
        let (low, high) = (I::of(self.mig()).product(n), I::of(self.mag()).product(n));
        I::new(low.lo.max(0.0), high.hi)
    }

    fn product(self, n: u32) -> I {
        let (mut left, mut square, mut result) = (n, self, ONE);
        loop {
            if left & 1 == 1 {
                result = if result == ONE { square } else { result * square };
            }
            left >>= 1;
            if left == 0 {
                return result;
            }
            square = square * square;
        }
    }

    fn growing(self, f: fn(f64) -> f64) -> I {
        // Correctly rounded, so that the exact value lies between the neighbours.
        let at = |x: f64| if x.is_finite() { f(x) } else { f64::NAN };
        I::wide(at(self.lo), at(self.hi))
    }

    pub(super) fn exp(self) -> I {
        let lo =
            if self.lo == f64::NEG_INFINITY { 0.0 } else { core_math::exp(self.lo).next_down().max(0.0) };
        let hi = if self.hi == f64::INFINITY { f64::INFINITY } else { core_math::exp(self.hi).next_up() };
        I::new(lo.min(f64::MAX), hi)
    }

    /// All of R unless all of it is positive.
    pub(super) fn log(self) -> I {
        if !(self.lo > 0.0) {
            return ALL;
        }
        if self.hi == f64::INFINITY {
            return I::new(core_math::log(self.lo).next_down(), f64::INFINITY);
        }
        self.growing(core_math::log)
    }

    pub(super) fn tanh(self) -> I {
        let lo = if self.lo == f64::NEG_INFINITY { -1.0 } else { core_math::tanh(self.lo).next_down() };
        let hi = if self.hi == f64::INFINITY { 1.0 } else { core_math::tanh(self.hi).next_up() };
        I::new(lo.max(-1.0), hi.min(1.0))
    }

    pub(super) fn sin(self) -> I {
        self.wave(core_math::sin, PI.half(), -PI.half())
    }

    pub(super) fn cos(self) -> I {
        self.wave(core_math::cos, ZERO, PI)
    }

    fn half(self) -> I {
        self * I::of(0.5)
    }

    /// A function of period 2 pi between -1 and 1 with its maximum and its minimum at these places, monotone between them.
    fn wave(self, f: fn(f64) -> f64, top: I, bottom: I) -> I {
        let all = I { lo: -1.0, hi: 1.0 };
        if !(self.mag() < 1e6) || self.hi - self.lo > 6.0 {
            return all;
        }
        let turn = PI * I::of(2.0);
        let may_reach = |place: I| {
            let q = (self - place).over(turn);
            q.lo.ceil() <= q.hi
        };
        let (a, b) = (f(self.lo), f(self.hi));
        let lo = if may_reach(bottom) { -1.0 } else { a.min(b).next_down().max(-1.0) };
        let hi = if may_reach(top) { 1.0 } else { a.max(b).next_up().min(1.0) };
        I::new(lo, hi)
    }
}

/// The smallest interval about four results, one number wider.
fn ends(v: [f64; 4]) -> I {
    if v.iter().any(|v| v.is_nan()) {
        return ALL;
    }
    I::wide(v[0].min(v[1]).min(v[2].min(v[3])), v[0].max(v[1]).max(v[2].max(v[3])))
}

impl Add for I {
    type Output = I;
    fn add(self, o: I) -> I {
        I::wide(self.lo + o.lo, self.hi + o.hi)
    }
}

impl Sub for I {
    type Output = I;
    fn sub(self, o: I) -> I {
        I::wide(self.lo - o.hi, self.hi - o.lo)
    }
}

impl Mul for I {
    type Output = I;
    fn mul(self, o: I) -> I {
        // Zero times anything is zero, so that what is not there does not widen sums.
        let finite = |x: I| x.lo.is_finite() && x.hi.is_finite();
        if (self == ZERO && finite(o)) || (o == ZERO && finite(self)) {
            return ZERO;
        }
        ends([self.lo * o.lo, self.lo * o.hi, self.hi * o.lo, self.hi * o.hi])
    }
}

impl Neg for I {
    type Output = I;
    fn neg(self) -> I {
        I { lo: -self.hi, hi: -self.lo }
    }
}

/// The sum.
pub(super) fn sum(v: impl IntoIterator<Item = I>) -> I {
    v.into_iter().reduce(|a, b| a + b).unwrap_or(ZERO)
}

/// The Euclidean length of vectors.
pub(super) fn length(v: &[I]) -> I {
    sum(v.iter().map(|v| v.sqr())).sqrt()
}

/// The scalar product.
pub(super) fn dot(a: &[I], b: &[I]) -> I {
    sum(a.iter().zip(b).map(|(a, b)| *a * *b))
}

/// Numbers as intervals.
pub(super) fn points(v: &[f64]) -> Vec<I> {
    v.iter().map(|v| I::of(*v)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rigor::Interval;
    use rand::{RngExt, SeedableRng};

    /// Each operation against the builder's arithmetic, which is another: both hold the exact value, so they meet; and values of random
    /// numbers in the arguments lie in the result.
    #[test]
    fn operations_hold_values_and_meet_the_other_arithmetic() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        for _ in 0..20_000 {
            let mut pick = || {
                let scale: f64 = 10f64.powi(rng.random_range(-3..3));
                let (a, b) = (scale * rng.random_range(-1.0..1.0), scale * rng.random_range(-1.0..1.0));
                let thin = rng.random_range(0..3) == 0;
                let (lo, hi) = if thin { (a, a) } else { (f64::min(a, b), f64::max(a, b)) };
                let x = lo + (hi - lo) * rng.random_range(0.0..1.0);
                (I::new(lo, hi), Interval::new(lo, hi), x.clamp(lo, hi))
            };
            let ((a, ra, x), (b, rb, y)) = (pick(), pick());
            let cases = [
                (a + b, ra + rb, x + y),
                (a - b, ra - rb, x - y),
                (a * b, ra * rb, x * y),
                (a.over(b), ra / rb, x / y),
                (a.sqr(), ra.sqr(), x * x),
                (a.power(3), ra.powi(3), x * x * x),
                (a.power(4), ra.powi(4), x * x * x * x),
                (a.power(-2), ra.powi(-2), 1.0 / (x * x)),
                (a.abs().sqrt(), ra.abs().sqrt(), x.abs().sqrt()),
                (a.exp(), ra.exp(), x.exp()),
                (a.tanh(), ra.tanh(), x.tanh()),
                (a.sin(), ra.sin(), x.sin()),
                (a.cos(), ra.cos(), x.cos()),
            ];
            for (k, (mine, other, value)) in cases.into_iter().enumerate() {
                assert!(mine.lo <= other.hi() && other.lo() <= mine.hi, "{k}: {mine:?} {other:?}");
                // The value itself was rounded.
                let slack = 1e-13 * value.abs() + 1e-300;
                let inside = !value.is_finite() || (mine.lo - slack <= value && value <= mine.hi + slack);
                assert!(inside, "{k}: {mine:?} {value}");
            }
            if a.lo > 0.0 {
                assert!(a.log().lo <= x.ln() && x.ln() <= a.log().hi + 1e-15);
            }
        }
    }

    #[test]
    fn what_is_undefined_proves_nothing() {
        assert_eq!(ONE.over(I::new(-1.0, 1.0)), ALL);
        assert_eq!(I::new(-1.0, 2.0).log(), ALL);
        assert_eq!(I::of(f64::NAN), ALL);
        assert_eq!(I::new(1.0, 0.0), ALL);
        assert_eq!(ALL * ZERO, ALL);
        assert_eq!(ALL - ALL, ALL);
        assert_eq!(I::of(1e308) * I::of(1e308), I::new(f64::MAX, f64::INFINITY));
        assert!(I::of(1000.0).exp().hi == f64::INFINITY && I::of(1000.0).exp().lo <= f64::MAX);
        assert!(I::new(-0.5, 4.0).sqrt().lo == 0.0);
        assert_eq!(I::new(1.0, 2.0).sin().hi, 1.0);
        assert_eq!(I::new(3.0, 3.2).cos().lo, -1.0);
        assert_eq!(I::of(1e9).sin(), I::new(-1.0, 1.0));
    }
}
