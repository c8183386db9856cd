//! Lagrangians `L(x)` of a layer of neurons: the activation `g = grad L(x)`, and the derivatives of `L` beyond it as
//! they act on vectors (Krotov & Hopfield 2021, "Large Associative Memory Problem in Neurobiology and Machine
//! Learning").

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
pub(super) enum Local {
    /// Second, third and fourth derivative where neurons do not interact.
    Each { second: Vec<f64>, third: Vec<f64>, fourth: Vec<f64> },
    /// All of them are 1, 0, 0.
    Plain,
    /// The softmax weights; the derivatives are its cumulants.
    Shared { gain: f64, p: Vec<f64> },
}

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

    /// The derivatives at a point whose activation is `g`.
    pub(super) fn at(self, x: &[f64], g: &[f64]) -> Local {
        let each = |of: &dyn Fn(f64, f64) -> [f64; 3]| {
            let n = x.len();
            let (mut second, mut third, mut fourth) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
            for i in 0..n {
                [second[i], third[i], fourth[i]] = of(x[i], g[i]);
            }
            Local::Each { second, third, fourth }
        };
        match self {
            Lagrangian::Identity => Local::Plain,
            Lagrangian::Tanh { gain } => each(&|x, t| {
                // 1 - t^2 from the exponential: it would be rounding where the neuron is saturated.
                let e = (-2.0 * (gain * x).abs()).exp();
                let m = gain * 4.0 * e / ((1.0 + e) * (1.0 + e));
                let m1 = -2.0 * gain * t * m;
                [m, m1, -2.0 * gain * (m * m + t * m1)]
            }),
            Lagrangian::Sigmoid { gain } => each(&|x, _| {
                let e = (-(gain * x).abs()).exp();
                let m = gain * e / ((1.0 + e) * (1.0 + e));
                let slope = -((1.0 - e) / (1.0 + e)).copysign(x);
                let m1 = gain * m * slope;
                [m, m1, gain * (m1 * slope - 2.0 * m * m)]
            }),
            Lagrangian::Softmax { gain } => Local::Shared { gain, p: g.to_vec() },
        }
    }
}

impl Local {
    /// `(Hess L) a`.
    pub(super) fn second(&self, a: &[f64]) -> Vec<f64> {
        match self {
            Local::Plain => a.to_vec(),
            Local::Each { second, .. } => a.iter().zip(second).map(|(a, m)| a * m).collect(),
            Local::Shared { gain, p } => {
                let a = centred(p, a);
                p.iter().zip(&a).map(|(p, a)| gain * p * a).collect()
            }
        }
    }

    /// The third derivative along `a` and `b`, a vector.
    pub(super) fn third(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        match self {
            Local::Plain => vec![0.0; a.len()],
            Local::Each { third, .. } => (0..a.len()).map(|i| third[i] * a[i] * b[i]).collect(),
            Local::Shared { gain, p } => {
                let (a, b) = (centred(p, a), centred(p, b));
                let ab = mean(p, &a, &b);
                (0..p.len()).map(|i| gain * gain * p[i] * (a[i] * b[i] - ab)).collect()
            }
        }
    }

    /// The fourth derivative along `a`, `b` and `c`, a vector.
    pub(super) fn fourth(&self, a: &[f64], b: &[f64], c: &[f64]) -> Vec<f64> {
        match self {
            Local::Plain => vec![0.0; a.len()],
            Local::Each { fourth, .. } => (0..a.len()).map(|i| fourth[i] * a[i] * b[i] * c[i]).collect(),
            Local::Shared { gain, p } => {
                let (a, b, c) = (centred(p, a), centred(p, b), centred(p, c));
                let (ab, bc, ac) = (mean(p, &a, &b), mean(p, &b, &c), mean(p, &a, &c));
                let abc: f64 = (0..p.len()).map(|i| p[i] * a[i] * b[i] * c[i]).sum();
                (0..p.len())
                    .map(|i| {
                        let pairs = a[i] * bc + b[i] * ac + c[i] * ab;
                        gain.powi(3) * p[i] * (a[i] * b[i] * c[i] - abc - pairs)
                    })
                    .collect()
            }
        }
    }
}

fn mean(p: &[f64], a: &[f64], b: &[f64]) -> f64 {
    (0..p.len()).map(|i| p[i] * a[i] * b[i]).sum()
}

fn centred(p: &[f64], a: &[f64]) -> Vec<f64> {
    let mean = crate::linalg::dot(p, a);
    a.iter().map(|a| a - mean).collect()
}
