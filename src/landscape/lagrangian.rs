//! Lagrangians of layers of neurons (Krotov 2021, "Hierarchical Associative Memory"; Krotov & Hopfield 2021): convex
//! functions L whose gradient is the activity `g = grad L(x)` of a layer with input currents x, with exact derivatives up
//! to the fourth.

/// A convex function of a layer's state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lagrangian {
    /// `|x|^2/2`: g = x.
    Identity,
    /// `sum relu(x)^p / p`, p >= 2.
    Power { power: f64 },
    /// `(1/beta) log sum exp(beta x)`: the softmax.
    Softmax { beta: f64 },
    /// `sum log cosh(b x) / b`.
    Tanh { b: f64 },
    /// `sum log(1 + exp(b x)) / b`.
    Sigmoid { b: f64 },
    /// `gamma sqrt(|c|^2 + e) + delta sum x`; c is x, or x without its mean.
    Radial { gamma: f64, e: f64, delta: f64, centred: bool },
}

/// What the activities of a layer are bounded by.
pub(super) enum Bound {
    /// Each by itself, if |x_i| <= r then |g_i| <= this of r.
    Each(fn(&Lagrangian, f64) -> f64),
    /// All are positive and sum to 1.
    Simplex,
    /// Euclidean norm of g - delta.
    Norm { norm: f64, delta: f64 },
}

/// The derivatives of a Lagrangian at one point, ready to be applied.
pub(super) enum Local {
    /// Second, third and fourth derivatives, unit by unit.
    Elementwise([Vec<f64>; 3]),
    /// The probabilities.
    Softmax { p: Vec<f64>, beta: f64 },
    /// `n = c/rho`, `rho = sqrt(|c|^2 + e)`.
    Radial { n: Vec<f64>, rho: f64, gamma: f64, centred: bool },
}

impl Lagrangian {
    /// `sum_i factor_i L_i(x_i)`, or `factor_0 L(x)` if it is no sum over the units.
    pub(super) fn value(&self, x: &[f64], factor: &[f64]) -> f64 {
        let sum = |f: &dyn Fn(f64) -> f64| x.iter().zip(factor).map(|(x, w)| w * f(*x)).sum();
        match *self {
            Lagrangian::Identity => sum(&|x| 0.5 * x * x),
            Lagrangian::Power { power } => sum(&|x| x.max(0.0).powf(power) / power),
            // log cosh z = |z| + log(1 + exp(-2|z|)) - log 2.
            Lagrangian::Tanh { b } => sum(&|x| {
                let z = (b * x).abs();
                (z + (-2.0 * z).exp().ln_1p() - std::f64::consts::LN_2) / b
            }),
            Lagrangian::Sigmoid { b } => sum(&|x| ((b * x).max(0.0) + (-(b * x).abs()).exp().ln_1p()) / b),
            Lagrangian::Softmax { beta } => {
                let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = x.iter().map(|x| (beta * (x - largest)).exp()).sum();
                factor.first().unwrap_or(&1.0) * (largest + total.ln() / beta)
            }
            Lagrangian::Radial { gamma, e, delta, centred } => {
                let mean = if centred { mean(x) } else { 0.0 };
                let square: f64 = x.iter().map(|x| (x - mean).powi(2)).sum();
                factor.first().unwrap_or(&1.0) * (gamma * (square + e).sqrt() + delta * x.iter().sum::<f64>())
            }
        }
    }

    /// The activities `g = grad L(x)`.
    pub(super) fn activity(&self, x: &[f64], g: &mut [f64]) {
        let mut each = |f: &dyn Fn(f64) -> f64| g.iter_mut().zip(x).for_each(|(g, x)| *g = f(*x));
        match *self {
            Lagrangian::Identity => g.copy_from_slice(x),
            Lagrangian::Power { power } => each(&|x| x.max(0.0).powf(power - 1.0)),
            Lagrangian::Tanh { b } => each(&|x| (b * x).tanh()),
            Lagrangian::Sigmoid { b } => each(&|x| sigmoid(b * x)),
            Lagrangian::Softmax { beta } => {
                let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                each(&|x| (beta * (x - largest)).exp());
                let total: f64 = g.iter().sum();
                g.iter_mut().for_each(|g| *g /= total);
            }
            Lagrangian::Radial { gamma, delta, .. } => {
                let Local::Radial { n, .. } = self.local(x) else { return };
                g.iter_mut().zip(&n).for_each(|(g, n)| *g = gamma * n + delta);
            }
        }
    }

    /// Derivatives in the Lagrangian's constant c (`b`, `beta`, `gamma`): `activity = dg/dc` and `rate = (dP/dc) r`, with
    /// P the Hessian; untouched if there is no such constant.
    pub(super) fn by_constant(&self, x: &[f64], r: &[f64], activity: &mut [f64], rate: &mut [f64]) {
        let local = self.local(x);
        match *self {
            Lagrangian::Tanh { b: c } | Lagrangian::Sigmoid { b: c } | Lagrangian::Softmax { beta: c } => {
                // L(x; c) = l(c x)/c, so c dg/dc = P x and c dP/dc = P + T(x, .).
                local.second(x, activity);
                let mut twisted = vec![0.0; x.len()];
                local.third(x, r, &mut twisted);
                local.second(r, rate);
                activity.iter_mut().for_each(|a| *a /= c);
                rate.iter_mut().zip(&twisted).for_each(|(p, t)| *p = (*p + t) / c);
            }
            Lagrangian::Radial { gamma, delta, centred, .. } => {
                let gamma = if centred { gamma / (x.len() as f64).sqrt() } else { gamma };
                self.activity(x, activity);
                activity.iter_mut().for_each(|g| *g = (*g - delta) / gamma);
                local.second(r, rate);
                rate.iter_mut().for_each(|p| *p /= gamma);
            }
            Lagrangian::Identity | Lagrangian::Power { .. } => {}
        }
    }

    /// The same with another `b`, `beta` or `gamma` (that of a layer norm, of a layer of `size` units, is taken times
    /// `sqrt(size)`); those without one stay as they are.
    pub(super) fn with_constant(self, value: f64, size: usize) -> Self {
        match self {
            Lagrangian::Tanh { .. } => Lagrangian::Tanh { b: value },
            Lagrangian::Sigmoid { .. } => Lagrangian::Sigmoid { b: value },
            Lagrangian::Softmax { .. } => Lagrangian::Softmax { beta: value },
            Lagrangian::Radial { e, delta, centred, .. } => {
                let unit = if centred { (size as f64).sqrt() } else { 1.0 };
                Lagrangian::Radial { gamma: value * unit, e, delta, centred }
            }
            Lagrangian::Identity | Lagrangian::Power { .. } => self,
        }
    }

    /// How the activities are bounded.
    pub(super) fn bound(&self) -> Bound {
        match *self {
            Lagrangian::Softmax { .. } => Bound::Simplex,
            Lagrangian::Radial { gamma, delta, .. } => Bound::Norm { norm: gamma, delta },
            _ => Bound::Each(|l, r| match *l {
                Lagrangian::Power { power } => r.powf(power - 1.0),
                Lagrangian::Tanh { .. } | Lagrangian::Sigmoid { .. } => 1.0,
                _ => r,
            }),
        }
    }

    /// |x| up to which the activity of a unit is to be told from its limit: 0.9993 of it; `None` if it has none.
    pub(super) fn unsaturated(&self) -> Option<f64> {
        match *self {
            Lagrangian::Tanh { b } => Some(4.0 / b),
            Lagrangian::Sigmoid { b } => Some(8.0 / b),
            _ => None,
        }
    }

    /// Its derivatives at `x`.
    pub(super) fn local(&self, x: &[f64]) -> Local {
        let each = |f: &dyn Fn(f64) -> [f64; 3]| {
            let mut all = [vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; x.len()]];
            for (i, x) in x.iter().enumerate() {
                let d = f(*x);
                (0..3).for_each(|k| all[k][i] = d[k]);
            }
            Local::Elementwise(all)
        };
        match *self {
            Lagrangian::Identity => each(&|_| [1.0, 0.0, 0.0]),
            Lagrangian::Power { power: p } => each(&|x| {
                // The coefficient first: zero times a negative power of a tiny number is no NaN.
                let term = |c: f64, e: f64| if x > 0.0 && c != 0.0 { c * x.powf(e) } else { 0.0 };
                let c = p - 1.0;
                [term(c, p - 2.0), term(c * (p - 2.0), p - 3.0), term(c * (p - 2.0) * (p - 3.0), p - 4.0)]
            }),
            Lagrangian::Tanh { b } => each(&|x| {
                // sech^2 from the exponential: 1 - tanh^2 would lose it where the unit saturates.
                let e = (-2.0 * (b * x).abs()).exp();
                let (t, s) = ((b * x).tanh(), 4.0 * e / ((1.0 + e) * (1.0 + e)));
                [b * s, -2.0 * b * b * t * s, b * b * b * s * (4.0 * t * t - 2.0 * s)]
            }),
            Lagrangian::Sigmoid { b } => each(&|x| {
                let e = (-(b * x).abs()).exp();
                let (g, s) = (sigmoid(b * x), e / ((1.0 + e) * (1.0 + e)));
                [b * s, b * b * s * (1.0 - 2.0 * g), b * b * b * s * (1.0 - 6.0 * s)]
            }),
            Lagrangian::Softmax { beta } => {
                let mut p = vec![0.0; x.len()];
                self.activity(x, &mut p);
                Local::Softmax { p, beta }
            }
            Lagrangian::Radial { gamma, e, centred, .. } => {
                let mean = if centred { mean(x) } else { 0.0 };
                let mut n: Vec<f64> = x.iter().map(|x| x - mean).collect();
                let rho = (n.iter().map(|c| c * c).sum::<f64>() + e).sqrt();
                n.iter_mut().for_each(|c| *c /= rho);
                Local::Radial { n, rho, gamma, centred }
            }
        }
    }
}

impl Local {
    /// `out = P u` with the Hessian `P` of the Lagrangian.
    pub(super) fn second(&self, u: &[f64], out: &mut [f64]) {
        match self {
            Local::Elementwise([d2, ..]) => {
                out.iter_mut().zip(d2).zip(u).for_each(|((o, d), u)| *o = d * u);
            }
            Local::Softmax { p, beta } => {
                let mean: f64 = p.iter().zip(u).map(|(p, u)| p * u).sum();
                out.iter_mut().zip(p).zip(u).for_each(|((o, p), u)| *o = beta * p * (u - mean));
            }
            Local::Radial { n, rho, gamma, centred } => {
                across(n, u, *centred, out);
                out.iter_mut().for_each(|o| *o *= gamma / rho);
            }
        }
    }

    /// `out_i = sum L_ijk u_j v_k`.
    pub(super) fn third(&self, u: &[f64], v: &[f64], out: &mut [f64]) {
        match self {
            Local::Elementwise([_, d3, _]) => {
                for i in 0..out.len() {
                    out[i] = d3[i] * u[i] * v[i];
                }
            }
            Local::Softmax { p, beta } => {
                // The third joint cumulant under p.
                let (a, b) = (centre(p, u), centre(p, v));
                let ab = expect(p, &[&a, &b]);
                for i in 0..out.len() {
                    out[i] = beta * beta * p[i] * (a[i] * b[i] - ab);
                }
            }
            Local::Radial { n, rho, gamma, centred } => {
                let Bends { nu, nv, uv, u, v } = Bends::new(n, u, v, *centred);
                for i in 0..out.len() {
                    out[i] = -gamma / (rho * rho) * (v[i] * nu + u[i] * nv + n[i] * uv);
                }
            }
        }
    }

    /// `out_i = sum L_ijkl u_j v_k w_l`.
    pub(super) fn fourth(&self, u: &[f64], v: &[f64], w: &[f64], out: &mut [f64]) {
        match self {
            Local::Elementwise([_, _, d4]) => {
                for i in 0..out.len() {
                    out[i] = d4[i] * u[i] * v[i] * w[i];
                }
            }
            Local::Softmax { p, beta } => {
                // The fourth joint cumulant under p.
                let (a, b, c) = (centre(p, u), centre(p, v), centre(p, w));
                let (ab, ac, bc) = (expect(p, &[&a, &b]), expect(p, &[&a, &c]), expect(p, &[&b, &c]));
                let abc = expect(p, &[&a, &b, &c]);
                for i in 0..out.len() {
                    let product = a[i] * b[i] * c[i] - abc - a[i] * bc - b[i] * ac - c[i] * ab;
                    out[i] = beta.powi(3) * p[i] * product;
                }
            }
            Local::Radial { n, rho, gamma, centred } => {
                // With B = v_(n.u) + u_(n.v) + n <u,v> (v_ is v across n, <u,v> = u_.v) the third derivative is
                // -gamma B/rho^2; dn = w_/rho, d rho = n.w, and so on for the parts of B.
                let uv = Bends::new(n, u, v, *centred);
                let uw = Bends::new(n, u, w, *centred);
                let vw = Bends::new(n, v, w, *centred);
                let (nu, nv, nw) = (uv.nu, uv.nv, uw.nv);
                for i in 0..out.len() {
                    let (u, v, w) = (uv.u[i], uv.v[i], uw.v[i]);
                    let b = v * nu + u * nv + n[i] * uv.uv;
                    let db = v * uw.uv + u * vw.uv + w * uv.uv
                        - (w * nv + n[i] * vw.uv) * nu
                        - (w * nu + n[i] * uw.uv) * nv
                        - n[i] * (uw.uv * nv + nu * vw.uv);
                    out[i] = -gamma / rho.powi(3) * (db - 2.0 * nw * b);
                }
            }
        }
    }
}

/// Two vectors against the unit-like vector n of a radial Lagrangian.
struct Bends {
    /// `n.u` and `n.v`.
    nu: f64,
    nv: f64,
    /// `u_.v`.
    uv: f64,
    /// u and v less n times those.
    u: Vec<f64>,
    v: Vec<f64>,
}

impl Bends {
    fn new(n: &[f64], u: &[f64], v: &[f64], centred: bool) -> Self {
        let (mut a, mut b) = (vec![0.0; n.len()], vec![0.0; n.len()]);
        let nu = across(n, u, centred, &mut a);
        let nv = across(n, v, centred, &mut b);
        let mean = if centred { mean(v) } else { 0.0 };
        let uv = a.iter().zip(v).map(|(a, v)| a * (v - mean)).sum();
        Bends { nu, nv, uv, u: a, v: b }
    }
}

/// `out = c - n (n.c)` with c = u, or u less its mean; returns `n.c`.
fn across(n: &[f64], u: &[f64], centred: bool, out: &mut [f64]) -> f64 {
    let mean = if centred { mean(u) } else { 0.0 };
    let along: f64 = n.iter().zip(u).map(|(n, u)| n * (u - mean)).sum();
    for i in 0..out.len() {
        out[i] = u[i] - mean - n[i] * along;
    }
    along
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn centre(p: &[f64], u: &[f64]) -> Vec<f64> {
    let mean: f64 = p.iter().zip(u).map(|(p, u)| p * u).sum();
    u.iter().map(|u| u - mean).collect()
}

fn expect(p: &[f64], factors: &[&[f64]]) -> f64 {
    (0..p.len()).map(|i| factors.iter().fold(p[i], |product, f| product * f[i])).sum()
}

fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Lagrangian; 8] = [
        Lagrangian::Identity,
        Lagrangian::Power { power: 3.0 },
        Lagrangian::Power { power: 5.5 },
        Lagrangian::Softmax { beta: 1.7 },
        Lagrangian::Tanh { b: 1.3 },
        Lagrangian::Sigmoid { b: 2.1 },
        Lagrangian::Radial { gamma: 1.4, e: 0.3, delta: 0.2, centred: true },
        Lagrangian::Radial { gamma: 0.8, e: 0.1, delta: 0.0, centred: false },
    ];

    /// Each derivative is the difference of the one before, along a direction.
    #[test]
    fn every_derivative_is_that_of_the_one_before() {
        let x = [0.7, -0.4, 1.1, 0.3];
        let (u, v, w) = ([0.3, -1.0, 0.5, 0.8], [1.0, 0.2, -0.7, 0.4], [-0.6, 0.9, 0.1, 0.5]);
        let h = 1e-3;
        for l in ALL {
            // Fourth order differences of what `f` writes, along w.
            let difference = |f: &dyn Fn(&[f64]) -> Vec<f64>| -> Vec<f64> {
                let at = |s: f64| f(&(0..4).map(|i| x[i] + s * h * w[i]).collect::<Vec<_>>());
                let (a, b, c, d) = (at(1.0), at(-1.0), at(2.0), at(-2.0));
                (0..a.len()).map(|i| (8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12.0 * h)).collect()
            };
            let close = |name: &str, exact: &[f64], found: &[f64]| {
                for (a, b) in exact.iter().zip(found) {
                    assert!((a - b).abs() < 1e-8, "{l:?} {name}: {a} against {b}");
                }
            };
            let mut out = [0.0; 4];
            let along = difference(&|x| vec![l.value(x, &[1.0; 4])]);
            l.activity(&x, &mut out);
            close("value", &[out.iter().zip(&w).map(|(g, w)| g * w).sum()], &along);
            let local = l.local(&x);
            local.second(&w, &mut out);
            let found = difference(&|x| {
                let mut g = vec![0.0; 4];
                l.activity(x, &mut g);
                g
            });
            close("second", &out, &found);
            local.third(&u, &w, &mut out);
            let found = difference(&|x| {
                let mut g = vec![0.0; 4];
                l.local(x).second(&u, &mut g);
                g
            });
            close("third", &out, &found);
            local.fourth(&u, &v, &w, &mut out);
            let found = difference(&|x| {
                let mut g = vec![0.0; 4];
                l.local(x).third(&u, &v, &mut g);
                g
            });
            close("fourth", &out, &found);
        }
    }

    #[test]
    fn saturated_units_keep_their_slope() {
        // b sech^2(30) = 4 exp(-60) b to all digits.
        let Local::Elementwise([d2, ..]) = (Lagrangian::Tanh { b: 1.0 }).local(&[30.0, -30.0]) else {
            panic!()
        };
        for d in d2 {
            assert!((d / (4.0 * (-60.0_f64).exp()) - 1.0).abs() < 1e-14);
        }
    }
}
