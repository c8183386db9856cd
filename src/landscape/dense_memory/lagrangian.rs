//! Lagrangians `L(x)` that a dense memory's neurons can have, with the activation `g = grad L(x)` (Krotov & Hopfield
//! 2021, "Large Associative Memory Problem in Neurobiology and Machine Learning").

use crate::landscape::lagrangian as shared;

/// A convex Lagrangian; `gain` is the steepness b of the activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lagrangian {
    /// `|x|^2/2`: `g = x`.
    Identity,
    /// `sum log cosh(b x)/b`: `g = tanh(b x)`.
    Tanh {
        /// Steepness, positive.
        gain: f64,
    },
    /// `sum log(1 + exp(b x))/b`: `g = 1/(1 + exp(-b x))`.
    Sigmoid {
        /// Steepness, positive.
        gain: f64,
    },
    /// `log(sum exp(b x))/b`: `g = softmax(b x)`, unchanged when all x are shifted by the same number.
    Softmax {
        /// Steepness, positive.
        gain: f64,
    },
}

/// The derivatives of a Lagrangian at one point, ready to be applied to vectors.
pub(super) struct Local(shared::Local);

impl Lagrangian {
    /// Its name in a study.
    pub fn name(self) -> &'static str {
        match self {
            Lagrangian::Identity => "identity",
            Lagrangian::Tanh { .. } => "tanh",
            Lagrangian::Sigmoid { .. } => "sigmoid",
            Lagrangian::Softmax { .. } => "softmax",
        }
    }

    /// The steepness; `None` for the identity.
    pub fn gain(self) -> Option<f64> {
        match self {
            Lagrangian::Identity => None,
            Lagrangian::Tanh { gain } | Lagrangian::Sigmoid { gain } | Lagrangian::Softmax { gain } => {
                Some(gain)
            }
        }
    }

    /// The same Lagrangian with another steepness.
    pub(super) fn with_gain(self, gain: f64) -> Self {
        match self {
            Lagrangian::Identity => Lagrangian::Identity,
            Lagrangian::Tanh { .. } => Lagrangian::Tanh { gain },
            Lagrangian::Sigmoid { .. } => Lagrangian::Sigmoid { gain },
            Lagrangian::Softmax { .. } => Lagrangian::Softmax { gain },
        }
    }

    /// The largest `|y.g|` that an activation can make of a pattern; `None` if there is none.
    pub(super) fn largest_overlap(self, pattern: impl Iterator<Item = f64>) -> Option<f64> {
        match self {
            Lagrangian::Identity => None,
            Lagrangian::Tanh { .. } => Some(pattern.map(f64::abs).sum()),
            Lagrangian::Sigmoid { .. } => {
                let (up, down) = pattern.fold((0.0, 0.0), |(u, d), y| (u + y.max(0.0), d - y.min(0.0)));
                Some(f64::max(up, down))
            }
            Lagrangian::Softmax { .. } => Some(pattern.fold(0.0, |m, y| f64::max(m, y.abs()))),
        }
    }

    /// Writes the activation `g(x)` and returns `x.g - L(x)`, which saturated neurons keep all digits of.
    pub(super) fn activate(self, x: &[f64], g: &mut [f64]) -> f64 {
        match self {
            Lagrangian::Identity => {
                g.copy_from_slice(x);
                0.5 * x.iter().map(|x| x * x).sum::<f64>()
            }
            Lagrangian::Tanh { gain } => {
                let mut sum = 0.0;
                for (g, x) in g.iter_mut().zip(x) {
                    let (size, e) = ((gain * x).abs(), (-2.0 * (gain * x).abs()).exp());
                    *g = ((1.0 - e) / (1.0 + e)).copysign(*x);
                    // The size may be beyond all numbers where e has long vanished.
                    let missing = if e > 0.0 { size * 2.0 * e / (1.0 + e) } else { 0.0 };
                    sum += std::f64::consts::LN_2 - missing - e.ln_1p();
                }
                sum / gain
            }
            Lagrangian::Sigmoid { gain } => {
                let mut sum = 0.0;
                for (g, x) in g.iter_mut().zip(x) {
                    let (size, e) = ((gain * x).abs(), (-(gain * x).abs()).exp());
                    *g = if *x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
                    let missing = if e > 0.0 { size * e / (1.0 + e) } else { 0.0 };
                    sum -= missing + e.ln_1p();
                }
                sum / gain
            }
            Lagrangian::Softmax { gain } => {
                let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mut total = 0.0;
                for (g, x) in g.iter_mut().zip(x) {
                    *g = (gain * (x - largest)).exp();
                    total += *g;
                }
                let mut sum = -total.ln();
                for (g, x) in g.iter_mut().zip(x) {
                    *g /= total;
                    if *g > 0.0 {
                        sum += *g * gain * (x - largest);
                    }
                }
                sum / gain
            }
        }
    }

    /// The derivatives at a point.
    pub(super) fn at(self, x: &[f64]) -> Local {
        Local(self.shared().local(x))
    }

    /// The same among the Lagrangians of layers.
    pub(super) fn shared(self) -> shared::Lagrangian {
        match self {
            Lagrangian::Identity => shared::Lagrangian::Identity,
            Lagrangian::Tanh { gain } => shared::Lagrangian::Tanh { b: gain },
            Lagrangian::Sigmoid { gain } => shared::Lagrangian::Sigmoid { b: gain },
            Lagrangian::Softmax { gain } => shared::Lagrangian::Softmax { beta: gain },
        }
    }
}

impl Local {
    /// `(Hess L) a`.
    pub(super) fn second(&self, a: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        self.0.second(a, &mut out);
        out
    }

    /// The third derivative along `a` and `b`, a vector.
    pub(super) fn third(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        self.0.third(a, b, &mut out);
        out
    }

    /// The fourth derivative along `a`, `b` and `c`, a vector.
    pub(super) fn fourth(&self, a: &[f64], b: &[f64], c: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        self.0.fourth(a, b, c, &mut out);
        out
    }
}
