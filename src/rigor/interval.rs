//! Closed intervals of reals, with outward rounding: each operation's result contains every value that the operation
//! takes on its arguments.
//!
//! Ends may be infinite; an interval is never empty and never holds NaN. Where an operation is undefined for some of its
//! arguments (a root of negative numbers, a division by zero) the result is all of R, so that nothing can be proven
//! from it; where it only tends to infinity at an end, the result is unbounded on that side. Operations on the ends are bounded as in [`rounding`](super::rounding).

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use super::rounding::{
    add_down, add_up, div_down, div_up, down_finite, mul_down, mul_up, sqrt_down, sqrt_up, sub_down, sub_up,
    up_finite,
};

/// A closed interval `[lo, hi]`, possibly unbounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    lo: f64,
    hi: f64,
}

impl Interval {
    /// All reals.
    pub const ENTIRE: Interval = Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
    /// `[0, 0]`.
    pub const ZERO: Interval = Interval { lo: 0.0, hi: 0.0 };
    /// `[1, 1]`.
    pub const ONE: Interval = Interval { lo: 1.0, hi: 1.0 };

    /// `[lo, hi]`; all reals where that is no interval.
    #[inline(always)]
    pub fn new(lo: f64, hi: f64) -> Self {
        if lo <= hi && lo < f64::INFINITY && hi > f64::NEG_INFINITY {
            Interval { lo, hi }
        } else {
            Interval::ENTIRE
        }
    }

    /// `[lo, hi]`, for constants.
    #[inline(always)]
    pub(super) const fn ends(lo: f64, hi: f64) -> Self {
        Interval { lo, hi }
    }

    /// `[c, c]`; all reals where c is not finite.
    #[inline(always)]
    pub fn point(c: f64) -> Self {
        if c.is_finite() { Interval { lo: c, hi: c } } else { Interval::ENTIRE }
    }

    /// All reals within `radius >= 0` of `center`; all reals where those are no numbers.
    #[inline]
    pub fn about(center: f64, radius: f64) -> Self {
        if !center.is_finite() {
            return Interval::ENTIRE;
        }
        Interval::new(sub_down(center, radius), add_up(center, radius))
    }

    /// The lower end.
    #[inline(always)]
    pub fn lo(self) -> f64 {
        self.lo
    }

    /// The upper end.
    #[inline(always)]
    pub fn hi(self) -> f64 {
        self.hi
    }

    /// A finite number of the interval, in the middle where it is bounded.
    #[inline]
    pub fn mid(self) -> f64 {
        let mid = 0.5 * self.lo + 0.5 * self.hi;
        if mid.is_finite() {
            return mid.clamp(self.lo, self.hi);
        }
        if self.lo == f64::NEG_INFINITY && self.hi == f64::INFINITY {
            0.0
        } else if self.lo == f64::NEG_INFINITY {
            self.hi.clamp(f64::MIN, 0.0)
        } else {
            self.lo.clamp(0.0, f64::MAX)
        }
    }

    /// An upper bound of the distance of its numbers from [`Interval::mid`].
    #[inline]
    pub fn rad(self) -> f64 {
        let mid = self.mid();
        sub_up(self.hi, mid).max(sub_up(mid, self.lo))
    }

    /// An upper bound of its length.
    #[inline]
    pub fn width(self) -> f64 {
        sub_up(self.hi, self.lo)
    }

    /// The largest absolute value.
    #[inline(always)]
    pub fn mag(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    /// The smallest absolute value.
    #[inline(always)]
    pub fn mig(self) -> f64 {
        if self.contains(0.0) { 0.0 } else { self.lo.abs().min(self.hi.abs()) }
    }

    /// Does it contain `x`?
    #[inline(always)]
    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Is every number of it in `other`?
    #[inline(always)]
    pub fn is_in(self, other: Interval) -> bool {
        other.lo <= self.lo && self.hi <= other.hi
    }

    /// Is it in the interior of `other`?
    #[inline(always)]
    pub fn is_inside(self, other: Interval) -> bool {
        other.lo < self.lo && self.hi < other.hi
    }

    /// Are both ends finite?
    #[inline(always)]
    pub fn is_bounded(self) -> bool {
        self.lo > f64::NEG_INFINITY && self.hi < f64::INFINITY
    }

    /// Is it a single number?
    #[inline(always)]
    pub fn is_point(self) -> bool {
        self.lo == self.hi
    }

    /// What both have; `None` if that is nothing.
    #[inline(always)]
    pub fn meet(self, other: Interval) -> Option<Interval> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// The smallest interval with both in it.
    #[inline(always)]
    pub fn hull(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// `c * self`; all reals where c is not finite.
    #[inline(always)]
    pub fn scale(self, c: f64) -> Interval {
        if !c.is_finite() {
            return Interval::ENTIRE;
        }
        let (least, most) = if c >= 0.0 { (self.lo, self.hi) } else { (self.hi, self.lo) };
        Interval { lo: mul_down(least, c), hi: mul_up(most, c) }
    }

    /// `self + c`; all reals where c is not finite.
    #[inline(always)]
    pub fn shift(self, c: f64) -> Interval {
        if !c.is_finite() {
            return Interval::ENTIRE;
        }
        Interval { lo: add_down(self.lo, c), hi: add_up(self.hi, c) }
    }

    /// The squares.
    #[inline(always)]
    pub fn sqr(self) -> Interval {
        let (small, large) = (self.mig(), self.mag());
        Interval { lo: mul_down(small, small).max(0.0), hi: mul_up(large, large) }
    }

    /// The n-th powers, `x^0 = 1`; unbounded for n < 0 if zero is in it.
    pub fn powi(self, n: i32) -> Interval {
        if n < 0 {
            return Interval::ONE / self.powi_natural(n.unsigned_abs());
        }
        self.powi_natural(n.unsigned_abs())
    }

    fn powi_natural(self, n: u32) -> Interval {
        match n {
            0 => Interval::ONE,
            1 => self,
            2 => self.sqr(),
            n if n % 2 == 0 => Interval::new(power(self.mig(), n, mul_down), power(self.mag(), n, mul_up)),
            n => {
                let odd = |x: f64, towards_zero: fn(f64, f64) -> f64, away: fn(f64, f64) -> f64| {
                    if x >= 0.0 { power(x, n, towards_zero) } else { -power(-x, n, away) }
                };
                Interval::new(odd(self.lo, mul_down, mul_up), odd(self.hi, mul_up, mul_down))
            }
        }
    }

    /// The square roots; all reals if a negative number is in it.
    #[inline]
    pub fn sqrt(self) -> Interval {
        if self.lo >= 0.0 {
            Interval { lo: sqrt_down(self.lo), hi: sqrt_up(self.hi) }
        } else {
            Interval::ENTIRE
        }
    }

    /// The absolute values.
    #[inline(always)]
    pub fn abs(self) -> Interval {
        Interval { lo: self.mig(), hi: self.mag() }
    }

    /// The larger of a number of each.
    #[inline(always)]
    pub fn max(self, other: Interval) -> Interval {
        Interval { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The smaller of a number of each.
    #[inline(always)]
    pub fn min(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) }
    }

    /// All x with `a x = b` for some a of `self` and b of `other`, as none, one or two intervals: what a linear equation
    /// leaves of its unknown, whether or not zero is among the coefficients.
    pub fn solve(self, other: Interval) -> [Option<Interval>; 2] {
        if !self.contains(0.0) {
            return [Some(other / self), None];
        }
        if other.contains(0.0) {
            return [Some(Interval::ENTIRE), None];
        }
        // b does not vanish, so a does not either: its negative and its positive part one after the other.
        let above = |edge: f64| Some(Interval::new(edge, f64::INFINITY));
        let below = |edge: f64| Some(Interval::new(f64::NEG_INFINITY, edge));
        let (negative, positive) = (self.lo < 0.0, self.hi > 0.0);
        if other.lo > 0.0 {
            [
                if negative { below(div_up(other.lo, self.lo)) } else { None },
                if positive { above(div_down(other.lo, self.hi)) } else { None },
            ]
        } else {
            [
                if positive { below(div_up(other.hi, self.hi)) } else { None },
                if negative { above(div_down(other.hi, self.lo)) } else { None },
            ]
        }
    }
}

/// `x^n` for `x >= 0` by products rounded one way, which underflow may have made negative.
fn power(x: f64, n: u32, mul: fn(f64, f64) -> f64) -> f64 {
    let (mut left, mut square, mut power) = (n, x, 1.0);
    loop {
        if left & 1 == 1 {
            power = if power == 1.0 { square } else { mul(power, square) };
        }
        left >>= 1;
        if left == 0 {
            return power.max(0.0);
        }
        square = mul(square, square);
    }
}

impl Add for Interval {
    type Output = Interval;
    #[inline(always)]
    fn add(self, other: Interval) -> Interval {
        Interval { lo: add_down(self.lo, other.lo), hi: add_up(self.hi, other.hi) }
    }
}

impl Sub for Interval {
    type Output = Interval;
    #[inline(always)]
    fn sub(self, other: Interval) -> Interval {
        Interval { lo: sub_down(self.lo, other.hi), hi: sub_up(self.hi, other.lo) }
    }
}

impl Neg for Interval {
    type Output = Interval;
    #[inline(always)]
    fn neg(self) -> Interval {
        Interval { lo: -self.hi, hi: -self.lo }
    }
}

impl AddAssign for Interval {
    #[inline(always)]
    fn add_assign(&mut self, other: Interval) {
        *self = *self + other;
    }
}

impl SubAssign for Interval {
    #[inline(always)]
    fn sub_assign(&mut self, other: Interval) {
        *self = *self - other;
    }
}

impl Mul for Interval {
    type Output = Interval;
    #[inline(always)]
    fn mul(self, other: Interval) -> Interval {
        // The extremes are among the products of the ends. Rounding is monotone, so the extreme rounded product is the
        // rounded extreme product. Four products without a branch are faster than the choice of two by signs, which
        // nobody can predict.
        let (a, b) = (self, other);
        let (p, q, r, s) = (a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi);
        let (lo, hi) = (least(least(p, q), least(r, s)), most(most(p, q), most(r, s)));
        // If all four are finite, no comparison has met what is not a number.
        let finite = (p + q + r + s).is_finite();
        if finite && lo * hi != 0.0 {
            return Interval { lo: down_finite(lo), hi: up_finite(hi) };
        }
        mul_by_signs(a, b)
    }
}

/// The product where an end is zero, vanishes by underflow or is infinite: which ends meet is told by the signs alone.
#[cold]
#[inline(never)]
fn mul_by_signs(a: Interval, b: Interval) -> Interval {
    if a.lo >= 0.0 {
        if b.lo >= 0.0 {
            // A product that vanishes by underflow keeps its sign.
            return Interval { lo: mul_down(a.lo, b.lo).max(0.0), hi: mul_up(a.hi, b.hi) };
        }
        if b.hi <= 0.0 {
            return Interval { lo: mul_down(a.hi, b.lo), hi: mul_up(a.lo, b.hi).min(0.0) };
        }
        return Interval { lo: mul_down(a.hi, b.lo), hi: mul_up(a.hi, b.hi) };
    }
    if a.hi <= 0.0 {
        return -mul_by_signs(-a, b);
    }
    if b.lo >= 0.0 || b.hi <= 0.0 {
        return mul_by_signs(b, a);
    }
    Interval {
        lo: mul_down(a.lo, b.hi).min(mul_down(a.hi, b.lo)),
        hi: mul_up(a.lo, b.lo).max(mul_up(a.hi, b.hi)),
    }
}

/// The smaller of two numbers: one instruction, as `f64::min` is not because of NaN.
#[inline(always)]
fn least(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The larger of two numbers.
#[inline(always)]
fn most(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

impl Div for Interval {
    type Output = Interval;
    /// All reals where zero lies within the divisor, half of them where it is one of its ends and the dividend has one
    /// sign.
    #[inline(always)]
    fn div(self, other: Interval) -> Interval {
        let (a, b) = (self, other);
        if b.hi < 0.0 || (b.hi == 0.0 && b.lo < 0.0) {
            return -a / -b;
        }
        if b.lo > 0.0 {
            if a.lo >= 0.0 {
                return Interval { lo: div_down(a.lo, b.hi).max(0.0), hi: div_up(a.hi, b.lo) };
            }
            if a.hi <= 0.0 {
                return Interval { lo: div_down(a.lo, b.lo), hi: div_up(a.hi, b.hi).min(0.0) };
            }
            return Interval { lo: div_down(a.lo, b.lo), hi: div_up(a.hi, b.lo) };
        }
        if b.lo == 0.0 && b.hi > 0.0 {
            // Defined for the positive numbers of b only, and unbounded near zero.
            if a.lo > 0.0 {
                return Interval { lo: div_down(a.lo, b.hi).max(0.0), hi: f64::INFINITY };
            }
            if a.hi < 0.0 {
                return Interval { lo: f64::NEG_INFINITY, hi: div_up(a.hi, b.hi).min(0.0) };
            }
        }
        Interval::ENTIRE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_decide_which_ends_meet() {
        let cases = [(-3.0, -2.0), (-2.0, 0.0), (-1.0, 2.0), (0.0, 0.0), (0.0, 3.0), (1.0, 4.0)];
        for a in cases.map(|(l, h)| Interval::new(l, h)) {
            for b in cases.map(|(l, h)| Interval::new(l, h)) {
                let (p, s, d) = (a * b, a + b, a - b);
                let corners = [a.lo * b.lo, a.lo * b.hi, a.hi * b.lo, a.hi * b.hi];
                let (low, high) = (
                    corners.iter().copied().fold(f64::INFINITY, f64::min),
                    corners.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                );
                assert!(p.lo <= low && p.lo >= low - 1e-14 && p.hi >= high && p.hi <= high + 1e-14);
                assert!(s.contains(a.lo + b.hi) && d.contains(a.lo - b.hi) && d.contains(a.hi - b.lo));
                if !b.contains(0.0) {
                    let q = a / b;
                    for (x, y) in [(a.lo, b.lo), (a.lo, b.hi), (a.hi, b.lo), (a.hi, b.hi)] {
                        assert!(q.contains(x / y) && q.width() < 10.0);
                    }
                }
            }
        }
    }

    #[test]
    fn infinities_are_bounds_not_values() {
        let all = Interval::ENTIRE;
        assert_eq!(all * Interval::ZERO, Interval::ZERO);
        assert_eq!(all - all, all);
        let half = Interval::new(1.0, f64::INFINITY);
        assert_eq!((half - half), all);
        assert!((half * half).lo() <= 1.0 && (half * half).hi() == f64::INFINITY);
        assert!((Interval::ONE / half).contains(0.0) && (Interval::ONE / half).hi() >= 1.0);
        assert_eq!(Interval::ONE / Interval::new(-1.0, 1.0), all);
        assert!((Interval::ONE / Interval::new(0.0, 2.0)).lo() > 0.4);
        assert_eq!(Interval::new(f64::NAN, 1.0), all);
        assert_eq!(Interval::point(f64::INFINITY), all);
        let large = Interval::point(f64::MAX);
        let twice = large + large;
        assert!(twice.lo() <= f64::MAX && twice.hi() == f64::INFINITY);
    }

    #[test]
    fn powers_keep_their_sign() {
        let x = Interval::new(-2.0, 1.0);
        assert!(x.powi(2).lo() == 0.0 && x.powi(2).contains(4.0));
        assert!(x.powi(3).contains(-8.0) && x.powi(3).contains(1.0) && x.powi(3).hi() < 1.1);
        assert!(x.powi(4).lo() == 0.0 && x.powi(4).contains(16.0));
        assert_eq!(x.powi(0), Interval::ONE);
        assert!(
            Interval::new(2.0, 4.0).powi(-2).contains(0.25) && Interval::new(2.0, 4.0).powi(-2).hi() < 0.26
        );
        assert_eq!(x.powi(-1), Interval::ENTIRE);
        assert_eq!(x.sqrt(), Interval::ENTIRE);
    }

    #[test]
    fn a_linear_equation_with_zero_among_its_coefficients_leaves_two_rays() {
        let [below, above] = Interval::new(-1.0, 2.0).solve(Interval::new(1.0, 3.0));
        let (below, above) = (below.unwrap(), above.unwrap());
        assert!(below.contains(-1.0) && !below.contains(-0.9));
        assert!(above.contains(0.5) && !above.contains(0.4));
        let [below, above] = Interval::new(-1.0, 2.0).solve(Interval::new(-3.0, -1.0));
        assert!(below.unwrap().contains(-0.5) && above.unwrap().contains(1.0));
        assert_eq!(Interval::ZERO.solve(Interval::ONE), [None, None]);
        assert_eq!(Interval::ZERO.solve(Interval::ZERO)[0], Some(Interval::ENTIRE));
    }

    #[test]
    fn the_middle_is_inside() {
        for x in [
            Interval::new(f64::MAX, f64::INFINITY),
            Interval::new(f64::NEG_INFINITY, -1.0),
            Interval::ENTIRE,
            Interval::new(f64::MIN, f64::MAX),
            Interval::new(5e-324, 1e-323),
        ] {
            assert!(x.mid().is_finite() && x.contains(x.mid()), "{x:?}");
        }
    }
}
