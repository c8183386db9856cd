//! The numbers a formula is evaluated in: `f64`, dual numbers over any of them, and whatever else meets [`Scalar`]
//! (an interval type has all it needs).
//!
//! The rules of differentiation stand here once, in [`Function::slope`] and [`Pairing`]'s slopes, written in the
//! operations of [`Scalar`]; the forward dual numbers and the reverse sweep of the tape both read them.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A function of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Function {
    Sqrt,
    Exp,
    Ln,
    Log10,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Abs,
    Sign,
    /// 1 where positive, else 0.
    Step,
    Relu,
    Softplus,
    Sigmoid,
    Logcosh,
    Erf,
}

/// A function of two arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pairing {
    Pow,
    Atan2,
    Max,
}

/// A number that formulas can be evaluated in.
pub(super) trait Scalar:
    Copy
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// A constant.
    fn constant(c: f64) -> Self;
    /// Is it exactly zero, in all its parts? A zero factor ends a chain of derivatives even where the rest is
    /// infinite, so that `0 * inf` does not turn into NaN.
    fn is_zero(&self) -> bool;
    /// `c * self`.
    fn scale(self, c: f64) -> Self;
    /// `self + c`.
    fn shift(self, c: f64) -> Self;
    /// `self^n`, by multiplication: right for a negative base, and 1 for n = 0.
    fn powi(self, n: i32) -> Self;
    /// `self^c` for a c that is not a whole number.
    fn powc(self, c: f64) -> Self;
    /// A function of one argument.
    fn apply(self, f: Function) -> Self;
    /// A function of two arguments.
    fn combine(self, other: Self, f: Pairing) -> Self;
    /// 1 where `self > other`, else 0.
    fn above(self, other: Self) -> Self;

    /// Zero.
    fn zero() -> Self {
        Self::constant(0.0)
    }
    /// One.
    fn one() -> Self {
        Self::constant(1.0)
    }
}

impl Function {
    /// The derivative at `a`, where the function's value is `value`. At kinks: `abs'(0) = relu'(0) = sign'(0) = 0`.
    pub(super) fn slope<S: Scalar>(self, a: S, value: S) -> S {
        use Function::*;
        match self {
            Sqrt => S::constant(0.5) / value,
            Exp => value,
            Ln => S::one() / a,
            Log10 => S::constant(std::f64::consts::LOG10_E) / a,
            Sin => a.apply(Cos),
            Cos => -a.apply(Sin),
            Tan => (value * value).shift(1.0),
            // (1 - a)(1 + a) keeps the digits that 1 - a^2 loses near the ends.
            Asin => S::one() / ((S::one() - a) * a.shift(1.0)).apply(Sqrt),
            Acos => S::constant(-1.0) / ((S::one() - a) * a.shift(1.0)).apply(Sqrt),
            Atan => S::one() / (a * a).shift(1.0),
            Sinh => a.apply(Cosh),
            Cosh => a.apply(Sinh),
            Tanh => S::one() - value * value,
            Abs => a.apply(Sign),
            Sign | Step => S::zero(),
            Relu => a.apply(Step),
            Softplus => a.apply(Sigmoid),
            Sigmoid => value * (-a).apply(Sigmoid),
            Logcosh => a.apply(Tanh),
            Erf => (-(a * a)).apply(Exp).scale(std::f64::consts::FRAC_2_SQRT_PI),
        }
    }

    /// Is `f(-a) = f(a)`?
    pub(super) fn is_even(self) -> bool {
        matches!(self, Function::Cos | Function::Cosh | Function::Abs | Function::Logcosh)
    }

    /// Is it made of straight pieces, so that its second derivative vanishes away from kinks?
    pub(super) fn is_piecewise_linear(self) -> bool {
        matches!(self, Function::Abs | Function::Sign | Function::Step | Function::Relu)
    }
}

impl Pairing {
    /// The derivative in the first argument.
    pub(super) fn slope_first<S: Scalar>(self, a: S, b: S) -> S {
        match self {
            // b = 0 is the constant 1, even at a = 0 where a^(b - 1) is infinite.
            Pairing::Pow if b.is_zero() => S::zero(),
            Pairing::Pow => b * a.combine(b.shift(-1.0), Pairing::Pow),
            Pairing::Atan2 => b / (a * a + b * b),
            Pairing::Max => a.above(b),
        }
    }

    /// The derivative in the second argument, where the function's value is `value`.
    pub(super) fn slope_second<S: Scalar>(self, a: S, b: S, value: S) -> S {
        match self {
            // 0^b = 0 for every b > 0, although log 0 is infinite.
            Pairing::Pow if value.is_zero() => S::zero(),
            Pairing::Pow => a.apply(Function::Ln) * value,
            Pairing::Atan2 => -a / (a * a + b * b),
            Pairing::Max => S::one() - a.above(b),
        }
    }
}

impl Scalar for f64 {
    #[inline]
    fn constant(c: f64) -> Self {
        c
    }
    #[inline]
    fn is_zero(&self) -> bool {
        *self == 0.0
    }
    #[inline]
    fn scale(self, c: f64) -> Self {
        c * self
    }
    #[inline]
    fn shift(self, c: f64) -> Self {
        self + c
    }
    #[inline]
    fn powi(self, n: i32) -> Self {
        // The rounding errors of repeated multiplication grow with n; the library's power, exact in sign for whole
        // exponents, is better when n is large.
        if n.unsigned_abs() > 64 {
            return self.powf(f64::from(n));
        }
        let (mut left, mut square, mut power) = (n.unsigned_abs(), self, 1.0);
        while left > 0 {
            if left & 1 == 1 {
                power *= square;
            }
            square *= square;
            left >>= 1;
        }
        if n < 0 { 1.0 / power } else { power }
    }
    #[inline]
    fn powc(self, c: f64) -> Self {
        self.powf(c)
    }
    #[inline]
    fn apply(self, f: Function) -> Self {
        use Function::*;
        match f {
            Sqrt => self.sqrt(),
            Exp => self.exp(),
            Ln => self.ln(),
            Log10 => self.log10(),
            Sin => self.sin(),
            Cos => self.cos(),
            Tan => self.tan(),
            Asin => self.asin(),
            Acos => self.acos(),
            Atan => self.atan(),
            Sinh => self.sinh(),
            Cosh => self.cosh(),
            Tanh => self.tanh(),
            Abs => self.abs(),
            Sign if self == 0.0 || self.is_nan() => self,
            Sign => self.signum(),
            Step if self.is_nan() => self,
            Step => f64::from(u8::from(self > 0.0)),
            // Not f64::max, which would hide a NaN.
            Relu if self <= 0.0 => 0.0,
            Relu => self,
            Softplus => self.max(0.0) + (-self.abs()).exp().ln_1p(),
            Sigmoid if self >= 0.0 => 1.0 / (1.0 + (-self).exp()),
            Sigmoid => {
                let e = self.exp();
                e / (1.0 + e)
            }
            // log cosh = log(1 + sinh^2)/2 keeps all digits near 0 and does not overflow here.
            Logcosh if self.abs() < 4.0 => 0.5 * self.sinh().powi(2).ln_1p(),
            Logcosh => self.abs() + (-2.0 * self.abs()).exp().ln_1p() - std::f64::consts::LN_2,
            Erf => erf(self),
        }
    }
    #[inline]
    fn combine(self, other: Self, f: Pairing) -> Self {
        match f {
            Pairing::Pow => self.powf(other),
            Pairing::Atan2 => self.atan2(other),
            Pairing::Max if self > other || self.is_nan() => self,
            Pairing::Max => other,
        }
    }
    #[inline]
    fn above(self, other: Self) -> Self {
        f64::from(u8::from(self > other))
    }
}

/// The error function, to a few units in the last place: a series of positive terms in the middle, the continued
/// fraction of erfc outside (Abramowitz and Stegun, 7.1.6 and 7.1.14).
pub(in crate::landscape) fn erf(a: f64) -> f64 {
    let x = a.abs();
    if x.is_nan() {
        return a;
    }
    if x > 6.0 {
        return a.signum();
    }
    let weight = std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp();
    let value = if x < 2.5 {
        let (mut term, mut sum, mut k) = (x, x, 1.0);
        while term > sum * 1e-17 {
            term *= 2.0 * x * x / (2.0 * k + 1.0);
            sum += term;
            k += 1.0;
        }
        weight * sum
    } else {
        let fraction = (1..=80).rev().fold(x, |tail, k| x + 0.5 * f64::from(k) / tail);
        1.0 - 0.5 * weight / fraction
    };
    value.copysign(a)
}

/// A value and its derivatives along `W` directions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dual<S, const W: usize = 1> {
    /// The value.
    pub(super) value: S,
    /// The derivative along each direction.
    pub(super) slopes: [S; W],
}

impl<S: Scalar, const W: usize> Dual<S, W> {
    /// A function with this value and this derivative of an argument with `self`'s slopes.
    #[inline]
    fn chain(self, value: S, slope: S) -> Self {
        Dual { value, slopes: self.slopes.map(|t| if t.is_zero() { t } else { slope * t }) }
    }
}

impl<S: Scalar, const W: usize> Add for Dual<S, W> {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        let slopes = std::array::from_fn(|k| self.slopes[k] + other.slopes[k]);
        Dual { value: self.value + other.value, slopes }
    }
}

impl<S: Scalar, const W: usize> Sub for Dual<S, W> {
    type Output = Self;
    #[inline]
    fn sub(self, other: Self) -> Self {
        let slopes = std::array::from_fn(|k| self.slopes[k] - other.slopes[k]);
        Dual { value: self.value - other.value, slopes }
    }
}

impl<S: Scalar, const W: usize> Mul for Dual<S, W> {
    type Output = Self;
    #[inline]
    #[allow(clippy::suspicious_arithmetic_impl, reason = "the product rule is a sum")]
    fn mul(self, other: Self) -> Self {
        let slopes = std::array::from_fn(|k| self.value * other.slopes[k] + self.slopes[k] * other.value);
        Dual { value: self.value * other.value, slopes }
    }
}

impl<S: Scalar, const W: usize> Div for Dual<S, W> {
    type Output = Self;
    #[inline]
    fn div(self, other: Self) -> Self {
        let (value, inverse) = (self.value / other.value, S::one() / other.value);
        let slopes = std::array::from_fn(|k| (self.slopes[k] - value * other.slopes[k]) * inverse);
        Dual { value, slopes }
    }
}

impl<S: Scalar, const W: usize> Neg for Dual<S, W> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Dual { value: -self.value, slopes: self.slopes.map(|t| -t) }
    }
}

impl<S: Scalar, const W: usize> Scalar for Dual<S, W> {
    #[inline]
    fn constant(c: f64) -> Self {
        Dual { value: S::constant(c), slopes: [S::zero(); W] }
    }
    #[inline]
    fn is_zero(&self) -> bool {
        self.value.is_zero() && self.slopes.iter().all(S::is_zero)
    }
    #[inline]
    fn scale(self, c: f64) -> Self {
        Dual { value: self.value.scale(c), slopes: self.slopes.map(|t| t.scale(c)) }
    }
    #[inline]
    fn shift(self, c: f64) -> Self {
        Dual { value: self.value.shift(c), slopes: self.slopes }
    }
    #[inline]
    fn powi(self, n: i32) -> Self {
        if n == 0 {
            return Self::one();
        }
        self.chain(self.value.powi(n), self.value.powi(n - 1).scale(f64::from(n)))
    }
    #[inline]
    fn powc(self, c: f64) -> Self {
        self.chain(self.value.powc(c), self.value.powc(c - 1.0).scale(c))
    }
    #[inline]
    fn apply(self, f: Function) -> Self {
        let value = self.value.apply(f);
        self.chain(value, f.slope(self.value, value))
    }
    #[inline]
    fn combine(self, other: Self, f: Pairing) -> Self {
        let (a, b) = (self.value, other.value);
        let value = a.combine(b, f);
        let mut slopes = [S::zero(); W];
        // Each partial is formed only where it is met: the one in an exponent does not exist for a negative base.
        if !self.slopes.iter().all(S::is_zero) {
            let slope = f.slope_first(a, b);
            for (sum, t) in slopes.iter_mut().zip(self.slopes) {
                *sum = if t.is_zero() { *sum } else { *sum + slope * t };
            }
        }
        if !other.slopes.iter().all(S::is_zero) {
            let slope = f.slope_second(a, b, value);
            for (sum, t) in slopes.iter_mut().zip(other.slopes) {
                *sum = if t.is_zero() { *sum } else { *sum + slope * t };
            }
        }
        Dual { value, slopes }
    }
    #[inline]
    fn above(self, other: Self) -> Self {
        Dual { value: self.value.above(other.value), slopes: [S::zero(); W] }
    }
}

/// Dual numbers nested along one direction a level, the derivative along all of them at the innermost end.
pub(super) trait Nested: Scalar {
    /// A variable with value `x` that moves at speed `along[k]` in direction k; as many directions as levels.
    fn seed(x: f64, along: &[f64]) -> Self;
    /// The mixed derivative along all directions.
    fn mixed(self) -> f64;
}

impl Nested for f64 {
    #[inline]
    fn seed(x: f64, _: &[f64]) -> Self {
        x
    }
    #[inline]
    fn mixed(self) -> f64 {
        self
    }
}

impl<S: Nested> Nested for Dual<S> {
    #[inline]
    fn seed(x: f64, along: &[f64]) -> Self {
        match along.split_last() {
            Some((last, rest)) => Dual { value: S::seed(x, rest), slopes: [S::constant(*last)] },
            None => Self::constant(x),
        }
    }
    #[inline]
    fn mixed(self) -> f64 {
        self.slopes[0].mixed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_function_matches_tables() {
        // Abramowitz and Stegun, table 7.1, and the value at 2.5 to 3 across the change of method.
        for (x, value) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (3.0, 0.999_977_909_503_001_4),
        ] {
            assert!((erf(x) - value).abs() < 4e-16, "{x}: {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert!((erf(2.5 - 1e-13) - erf(2.5 + 1e-13)).abs() < 1e-15);
        assert!(erf(f64::NAN).is_nan());
        assert_eq!(erf(f64::NEG_INFINITY), -1.0);
    }

    #[test]
    fn whole_powers_are_products() {
        assert_eq!(Scalar::powi(-3.0, 3), -27.0);
        assert_eq!(Scalar::powi(0.0, 0), 1.0);
        assert_eq!(Scalar::powi(2.0, -3), 0.125);
        assert_eq!(Scalar::powi(-1.0, 101), -1.0);
        let x = Dual::<f64> { value: 0.0, slopes: [1.0] };
        assert_eq!(x.powi(2).slopes[0], 0.0);
        assert_eq!(x.powi(1).slopes[0], 1.0);
    }

    #[test]
    fn stable_forms_do_not_overflow() {
        assert_eq!(1000f64.apply(Function::Softplus), 1000.0);
        assert_eq!((-1000f64).apply(Function::Softplus), 0.0);
        assert_eq!((-1000f64).apply(Function::Sigmoid), 0.0);
        assert!((1000f64.apply(Function::Logcosh) - (1000.0 - std::f64::consts::LN_2)).abs() < 1e-12);
        let small = 1e-6f64.apply(Function::Logcosh);
        assert!((small / 5e-13 - 1.0).abs() < 1e-9);
        for f in [Function::Softplus, Function::Relu, Function::Step, Function::Sign, Function::Logcosh] {
            assert!(f64::NAN.apply(f).is_nan(), "{f:?}");
        }
    }
}
