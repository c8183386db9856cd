//! The separation function `F` of a dense memory: how strongly an overlap `z = y.g` is rewarded.

use crate::rigor::Interval;

/// `F(z)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Separation {
    /// `relu(z)^p / p`, p real and at least 2. The Hessian is continuous for p > 2, the third derivative for p > 3.
    Rectified {
        /// The power.
        p: f64,
    },
    /// `z^p / p`, p whole and at least 2.
    Power {
        /// The power.
        p: u32,
    },
    /// `exp(beta z) / beta`.
    Exponential {
        /// Inverse temperature, positive.
        beta: f64,
    },
}

impl Separation {
    /// Its name in a study.
    pub fn name(self) -> &'static str {
        match self {
            Separation::Rectified { .. } => "rectified",
            Separation::Power { .. } => "power",
            Separation::Exponential { .. } => "exp",
        }
    }

    /// Derivative of order `order` (0 to 3) of `factor F(z)`. The factor is inside the exponential, so that a small one
    /// keeps a large exponential within range.
    pub(crate) fn derivative(self, order: u32, factor: f64, z: f64) -> f64 {
        match self {
            Separation::Rectified { .. } if !(z > 0.0) => 0.0,
            Separation::Rectified { p } if falling(p, order) == 0.0 => 0.0,
            Separation::Rectified { p } => {
                let power = p - f64::from(order);
                let power = if power.fract() == 0.0 { z.powi(power as i32) } else { z.powf(power) };
                factor * falling(p, order) * power
            }
            Separation::Power { p } if order > p => 0.0,
            Separation::Power { p } => {
                factor * falling(f64::from(p), order) * z.powi(p as i32 - order as i32)
            }
            Separation::Exponential { beta } => (beta * z + factor.ln()).exp() * beta.powi(order as i32 - 1),
        }
    }

    /// Encloses the derivative of order `order` (0 to 3) of `factor F(z)` over an interval of overlaps, for a positive
    /// factor. All reals where it does not exist somewhere; of order 3 all slopes of the second derivative, so that a kink of
    /// that is bounded.
    pub(super) fn enclose(self, order: u32, factor: Interval, z: Interval) -> Interval {
        match self {
            Separation::Rectified { .. } if z.hi() < 0.0 => Interval::ZERO,
            Separation::Rectified { p } => {
                // Exact: p >= 2 less a small whole number.
                let power = p - f64::from(order);
                let coefficient = factor * enclosed_falling(Interval::point(p), order);
                if z.lo() <= 0.0 && !(power > 0.0) {
                    let kink = power == 0.0 && order == 3;
                    return if kink { coefficient.hull(Interval::ZERO) } else { Interval::ENTIRE };
                }
                let z = z.max(Interval::ZERO);
                coefficient * if power.fract() == 0.0 { z.powi(power as i32) } else { z.powf(power) }
            }
            Separation::Power { p } if order > p => Interval::ZERO,
            Separation::Power { p } => {
                let coefficient = enclosed_falling(Interval::point(f64::from(p)), order);
                factor * coefficient * z.powi(p as i32 - order as i32)
            }
            Separation::Exponential { beta } => {
                let beta = Interval::point(beta);
                let exponent = beta * z;
                let direct = factor * exponent.exp();
                // A small factor keeps a large exponential within range only where it stands inside.
                let size = if direct.is_bounded() { direct } else { (exponent + factor.ln()).exp() };
                size * beta.powi(order as i32 - 1)
            }
        }
    }

    /// Derivative of `factor F'(z)` in the separation's own parameter (p or beta).
    pub(super) fn derivative_by_parameter(self, factor: f64, z: f64) -> f64 {
        let slope = self.derivative(1, factor, z);
        match self {
            Separation::Rectified { .. } | Separation::Power { .. } => {
                if z > 0.0 {
                    slope * z.ln()
                } else {
                    0.0
                }
            }
            Separation::Exponential { .. } => slope * z,
        }
    }

    /// The logarithm of the largest of `factor F` and its first three derivatives for `|z| <= largest`.
    pub(in crate::landscape) fn log_size(self, factor: f64, largest: f64) -> f64 {
        let z = largest.max(1.0).ln();
        match self {
            Separation::Rectified { p } => factor.ln() + p * z + 3.0 * p.ln(),
            Separation::Power { p } => factor.ln() + f64::from(p) * z + 3.0 * f64::from(p).ln(),
            Separation::Exponential { beta } => factor.ln() + beta * largest + 2.0 * beta.ln().abs(),
        }
    }
}

/// [`falling`] of an interval, which is exact where its argument is.
fn enclosed_falling(p: Interval, order: u32) -> Interval {
    match order {
        0 => Interval::ONE / p,
        1 => Interval::ONE,
        2 => p.shift(-1.0),
        _ => p.shift(-1.0) * p.shift(-2.0),
    }
}

/// The coefficient that `order` derivatives bring down from `z^p / p`.
fn falling(p: f64, order: u32) -> f64 {
    match order {
        0 => 1.0 / p,
        1 => 1.0,
        2 => p - 1.0,
        _ => (p - 1.0) * (p - 2.0),
    }
}
