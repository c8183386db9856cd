//! The separation function `F` of a dense memory: how strongly an overlap `z = y.g` is rewarded.

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
    pub(in crate::landscape) fn derivative(self, order: u32, factor: f64, z: f64) -> f64 {
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

/// The coefficient that `order` derivatives bring down from `z^p / p`.
fn falling(p: f64, order: u32) -> f64 {
    match order {
        0 => 1.0 / p,
        1 => 1.0,
        2 => p - 1.0,
        _ => (p - 1.0) * (p - 2.0),
    }
}
