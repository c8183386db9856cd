//! Activations with their first three derivatives, and how they act on states (`state.rs`).

use std::array;

use pulp::{Arch, NullaryFnOnce};

use super::state::chain;
use crate::landscape::exp::{BLOCK, exp_m1_nonpositive, exp_nonpositive};
use crate::landscape::formula::erf;

/// What a layer applies to each of its units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `log(1 + exp(beta z)) / beta`. PyTorch replaces it by z beyond `beta z = 20`, which differs by less than 2.1e-9.
    Softplus {
        /// Steepness, positive.
        beta: f64,
    },
    /// Hyperbolic tangent.
    Tanh,
    /// `z / (1 + exp(-z))`, also called swish.
    Silu,
    /// `z (1 + erf(z/sqrt 2)) / 2`.
    Gelu,
    /// `z (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3))) / 2`.
    GeluTanh,
    /// `z` if positive, else `alpha (exp(z) - 1)`.
    Elu {
        /// The limit at minus infinity is `-alpha`.
        alpha: f64,
    },
    /// `max(z, 0)^2`.
    SquaredRelu,
    /// `max(z, 0)`.
    Relu,
    /// `sin(omega z)`.
    Sin {
        /// Frequency.
        omega: f64,
    },
    /// `cos(z)`; Fourier features have it.
    Cos,
    /// `z`.
    Identity,
}

/// Names of the activations, their constants at the defaults.
pub(super) const NAMES: &[(&str, Activation)] = &[
    ("softplus", Activation::Softplus { beta: 1.0 }),
    ("tanh", Activation::Tanh),
    ("silu", Activation::Silu),
    ("gelu", Activation::Gelu),
    ("gelu-tanh", Activation::GeluTanh),
    ("elu", Activation::Elu { alpha: 1.0 }),
    ("relu2", Activation::SquaredRelu),
    ("relu", Activation::Relu),
    ("sin", Activation::Sin { omega: 1.0 }),
    ("identity", Activation::Identity),
];

/// A function of one variable with three derivatives, `[f, f', f'', f''']`.
trait Jet: Copy {
    fn jet(self, z: f64) -> [f64; 4];
}

#[derive(Clone, Copy)]
struct Softplus(f64);
#[derive(Clone, Copy)]
struct Tanh;
#[derive(Clone, Copy)]
struct Silu;
#[derive(Clone, Copy)]
struct Gelu;
#[derive(Clone, Copy)]
struct GeluTanh;
#[derive(Clone, Copy)]
struct Elu(f64);
#[derive(Clone, Copy)]
struct SquaredRelu;
#[derive(Clone, Copy)]
struct Relu;
#[derive(Clone, Copy)]
struct Sin(f64);
#[derive(Clone, Copy)]
struct Cos;
#[derive(Clone, Copy)]
struct Identity;

/// `log(1 + e)` for `0 <= e <= 1`: `log c + 2 artanh((1 + e - c)/(1 + e + c))` with c = 1 or 2, whichever leaves the
/// argument below 0.172, where ten terms of the series reach the last bit.
#[inline(always)]
fn log_1p(e: f64) -> f64 {
    const TURN: f64 = std::f64::consts::SQRT_2 - 1.0;
    let high = e > TURN;
    let (c, log) = if high { (2.0, std::f64::consts::LN_2) } else { (1.0, 0.0) };
    let top = if high { e - 1.0 } else { e };
    let s = top / (1.0 + c + e);
    let s2 = s * s;
    let mut p: f64 = 1.0 / 21.0;
    p = p.mul_add(s2, 1.0 / 19.0);
    p = p.mul_add(s2, 1.0 / 17.0);
    p = p.mul_add(s2, 1.0 / 15.0);
    p = p.mul_add(s2, 1.0 / 13.0);
    p = p.mul_add(s2, 1.0 / 11.0);
    p = p.mul_add(s2, 1.0 / 9.0);
    p = p.mul_add(s2, 1.0 / 7.0);
    p = p.mul_add(s2, 1.0 / 5.0);
    p = p.mul_add(s2, 1.0 / 3.0);
    let twice = 2.0 * s;
    log + (twice * s2).mul_add(p, twice)
}

/// The logistic function `1/(1 + exp(-z))` and its derivative, both to full relative precision, and the exponential
/// `exp(-|z|)` they come from.
#[inline(always)]
fn logistic(z: f64) -> (f64, f64, f64) {
    let e = exp_nonpositive(-z.abs());
    let inverse = 1.0 / (1.0 + e);
    let small = e * inverse;
    (if z < 0.0 { small } else { inverse }, small * inverse, e)
}

/// The hyperbolic tangent and its derivative.
#[inline(always)]
fn tanh(z: f64) -> (f64, f64) {
    let m = exp_m1_nonpositive(-2.0 * z.abs());
    let inverse = 1.0 / (2.0 + m);
    // 1 - tanh^2 = 4 e/(1 + e)^2, without cancellation.
    ((-m * inverse).copysign(z), 4.0 * (1.0 + m) * inverse * inverse)
}

impl Jet for Softplus {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        let beta = self.0;
        let u = beta * z;
        let (s, slope, e) = logistic(u);
        let positive = if u < 0.0 { 0.0 } else { u };
        [(positive + log_1p(e)) / beta, s, beta * slope, beta * beta * slope * (1.0 - 2.0 * s)]
    }
}

impl Jet for Tanh {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        let (t, d) = tanh(z);
        [t, d, -2.0 * t * d, d * (6.0 * t * t - 2.0)]
    }
}

impl Jet for Silu {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        let (s, s1, _) = logistic(z);
        let s2 = s1 * (1.0 - 2.0 * s);
        let s3 = s1 * (1.0 - 6.0 * s1);
        // Where the slopes underflow, z may be infinite: their product is zero.
        let times = |d: f64| if d == 0.0 { 0.0 } else { z * d };
        [times(s), s + times(s1), 2.0 * s1 + times(s2), 3.0 * s2 + times(s3)]
    }
}

impl Jet for Gelu {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        const INVERSE_SQRT_TAU: f64 = 0.398_942_280_401_432_7;
        let cumulative = 0.5 * (1.0 + erf(z * std::f64::consts::FRAC_1_SQRT_2));
        // Beyond 40 the density is zero in double precision.
        let c = z.clamp(-40.0, 40.0);
        let density = INVERSE_SQRT_TAU * exp_nonpositive(-0.5 * c * c);
        let value = if cumulative == 0.0 { 0.0 } else { z * cumulative };
        [value, cumulative + c * density, density * (2.0 - c * c), density * c * (c * c - 4.0)]
    }
}

impl Jet for GeluTanh {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        const K: f64 = 0.797_884_560_802_865_4; // sqrt(2/pi)
        const C: f64 = 0.044_715;
        // Beyond 20 the tangent is 1 and all its derivatives are zero in double precision.
        let c = z.clamp(-20.0, 20.0);
        let (t, d) = tanh(K * c * (1.0 + C * c * c));
        let (u1, u2, u3) = (K * (1.0 + 3.0 * C * c * c), 6.0 * K * C * c, 6.0 * K * C);
        let t1 = d * u1;
        let t2 = d * u2 - 2.0 * t * t1 * u1;
        let t3 = d * u3 - 6.0 * t * t1 * u2 - 2.0 * t1 * u1 * u1 * (d - 2.0 * t * t);
        let half = 0.5 * (1.0 + t);
        let value = if half == 0.0 { 0.0 } else { z * half };
        [value, half + 0.5 * c * t1, t1 + 0.5 * c * t2, 1.5 * t2 + 0.5 * c * t3]
    }
}

impl Jet for Elu {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        let below = if z < 0.0 { z } else { 0.0 * z };
        let e = self.0 * exp_nonpositive(below);
        let low = self.0 * exp_m1_nonpositive(below);
        if z > 0.0 { [z, 1.0, 0.0, 0.0] } else { [low, e, e, e] }
    }
}

impl Jet for SquaredRelu {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        let r = if z < 0.0 { 0.0 } else { z };
        [r * r, 2.0 * r, if z > 0.0 { 2.0 } else { 0.0 }, 0.0]
    }
}

impl Jet for Relu {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        [if z < 0.0 { 0.0 } else { z }, if z > 0.0 { 1.0 } else { 0.0 }, 0.0, 0.0]
    }
}

impl Jet for Sin {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        let w = self.0;
        let (s, c) = (w * z).sin_cos();
        [s, w * c, -w * w * s, -w * w * w * c]
    }
}

impl Jet for Cos {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        let (s, c) = z.sin_cos();
        [c, -s, -c, s]
    }
}

impl Jet for Identity {
    #[inline(always)]
    fn jet(self, z: f64) -> [f64; 4] {
        [z, 1.0, 0.0, 0.0]
    }
}

/// Applies an activation to a state in place and writes its derivative `f'` of that state into `slopes`; both are K
/// slices, one a component. If `curvatures` has the state's length, `f''` of the value goes there; else it is empty.
pub(super) fn activate<const K: usize>(
    activation: Activation,
    state: [&mut [f64]; K],
    slopes: [&mut [f64]; K],
    curvatures: &mut [f64],
) {
    match activation {
        Activation::Softplus { beta } => run(Softplus(beta), state, slopes, curvatures),
        Activation::Tanh => run(Tanh, state, slopes, curvatures),
        Activation::Silu => run(Silu, state, slopes, curvatures),
        Activation::Gelu => run(Gelu, state, slopes, curvatures),
        Activation::GeluTanh => run(GeluTanh, state, slopes, curvatures),
        Activation::Elu { alpha } => run(Elu(alpha), state, slopes, curvatures),
        Activation::SquaredRelu => run(SquaredRelu, state, slopes, curvatures),
        Activation::Relu => run(Relu, state, slopes, curvatures),
        Activation::Sin { omega } => run(Sin(omega), state, slopes, curvatures),
        Activation::Cos => run(Cos, state, slopes, curvatures),
        Activation::Identity => run(Identity, state, slopes, curvatures),
    }
}

fn run<J: Jet, const K: usize>(
    jet: J,
    state: [&mut [f64]; K],
    slopes: [&mut [f64]; K],
    curvatures: &mut [f64],
) {
    if curvatures.is_empty() {
        Arch::new().dispatch(Activate::<J, K, false> { jet, state, slopes, curvatures });
    } else {
        Arch::new().dispatch(Activate::<J, K, true> { jet, state, slopes, curvatures });
    }
}

/// See `exp.rs` for why this is a type.
struct Activate<'a, J, const K: usize, const CURVED: bool> {
    jet: J,
    state: [&'a mut [f64]; K],
    slopes: [&'a mut [f64]; K],
    curvatures: &'a mut [f64],
}

impl<J: Jet, const K: usize, const CURVED: bool> NullaryFnOnce for Activate<'_, J, K, CURVED> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Activate { jet, mut state, mut slopes, curvatures } = self;
        let length = state[0].len();
        let whole = length - length % BLOCK;
        for start in (0..whole).step_by(BLOCK) {
            step::<J, K, CURVED>(jet, &mut state, &mut slopes, curvatures, start, BLOCK);
        }
        if whole < length {
            step::<J, K, CURVED>(jet, &mut state, &mut slopes, curvatures, whole, length - whole);
        }
    }
}

/// One block, through local arrays: of those the compiler knows that nothing else points to them.
#[inline(always)]
fn step<J: Jet, const K: usize, const CURVED: bool>(
    jet: J,
    state: &mut [&mut [f64]; K],
    slopes: &mut [&mut [f64]; K],
    curvatures: &mut [f64],
    start: usize,
    length: usize,
) {
    let range = start..start + length;
    let mut z = [[0.0; BLOCK]; K];
    let mut d = [[0.0; BLOCK]; K];
    let mut second = [0.0; BLOCK];
    for k in 0..K {
        z[k][..length].copy_from_slice(&state[k][range.clone()]);
    }
    for i in 0..BLOCK {
        let at: [f64; K] = array::from_fn(|k| z[k][i]);
        let [f, f1, f2, f3] = jet.jet(at[0]);
        let (value, slope) = (chain([f, f1, f2], at), chain([f1, f2, f3], at));
        for k in 0..K {
            z[k][i] = value[k];
            d[k][i] = slope[k];
        }
        if CURVED {
            second[i] = f2;
        }
    }
    for k in 0..K {
        state[k][range.clone()].copy_from_slice(&z[k][..length]);
        slopes[k][range.clone()].copy_from_slice(&d[k][..length]);
    }
    if CURVED {
        curvatures[range].copy_from_slice(&second[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An activation at one number, with its derivatives, through the blocked code.
    fn jet(activation: Activation, z: f64) -> [f64; 4] {
        let mut state = [[z], [1.0], [1.0], [0.0]];
        let mut slopes = [[0.0]; 4];
        let [a, b, c, d] = &mut state;
        let [e, f, g, h] = &mut slopes;
        activate(activation, [a, b, c, d], [e, f, g, h], &mut []);
        // Along u = v = 1 the mixed second derivative of f' is f'''.
        [state[0][0], slopes[0][0], slopes[1][0], slopes[3][0]]
    }

    fn all() -> Vec<Activation> {
        let mut list: Vec<Activation> = NAMES.iter().map(|(_, a)| *a).collect();
        list.extend([
            Activation::Cos,
            Activation::Softplus { beta: 3.0 },
            Activation::Elu { alpha: 0.4 },
            Activation::Sin { omega: 2.5 },
        ]);
        list
    }

    /// The definitions, in the words of the standard library.
    fn definition(activation: Activation, z: f64) -> f64 {
        match activation {
            Activation::Softplus { beta } => {
                (z * beta).max(0.0) / beta + (-(z * beta).abs()).exp().ln_1p() / beta
            }
            Activation::Tanh => z.tanh(),
            Activation::Silu => z / (1.0 + (-z).exp()),
            Activation::Gelu => 0.5 * z * (1.0 + erf(z / 2f64.sqrt())),
            Activation::GeluTanh => {
                0.5 * z * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (z + 0.044715 * z.powi(3))).tanh())
            }
            Activation::Elu { alpha } => {
                if z > 0.0 {
                    z
                } else {
                    alpha * z.exp_m1()
                }
            }
            Activation::SquaredRelu => z.max(0.0).powi(2),
            Activation::Relu => z.max(0.0),
            Activation::Sin { omega } => (omega * z).sin(),
            Activation::Cos => z.cos(),
            Activation::Identity => z,
        }
    }

    #[test]
    fn values_are_those_of_the_definitions() {
        for activation in all() {
            let mut z = -30.0;
            while z < 30.0 {
                let (ours, truth) = (jet(activation, z)[0], definition(activation, z));
                assert!(
                    (ours - truth).abs() <= 1e-15 * (1.0 + truth.abs()),
                    "{activation:?} at {z}: {ours} {truth}"
                );
                z += 0.173;
            }
        }
    }

    #[test]
    fn each_derivative_is_that_of_the_one_before() {
        for activation in all() {
            for i in 0..80 {
                let z = -4.0 + 0.1013 * f64::from(i);
                let step = 1e-4;
                let difference = |k: usize| {
                    let at = |h: f64| jet(activation, z + h)[k];
                    (8.0 * (at(step) - at(-step)) - (at(2.0 * step) - at(-2.0 * step))) / (12.0 * step)
                };
                let here = jet(activation, z);
                for k in 0..3 {
                    assert!(
                        (here[k + 1] - difference(k)).abs() < 2e-10,
                        "{activation:?}, derivative {}, at {z}",
                        k + 1
                    );
                }
            }
        }
    }

    #[test]
    fn far_out_there_are_limits_and_what_is_not_a_number_stays_so() {
        for activation in all() {
            for z in [-1e300, -800.0, 800.0, 1e300] {
                let here = jet(activation, z);
                assert!(here[1..].iter().all(|d| d.is_finite()), "{activation:?} at {z}: {here:?}");
                if !matches!(activation, Activation::SquaredRelu | Activation::Sin { .. } | Activation::Cos) {
                    let truth = definition(activation, z);
                    assert!(
                        (here[0] - truth).abs() <= 1e-15 * truth.abs(),
                        "{activation:?} at {z}: {here:?}"
                    );
                }
            }
            assert!(jet(activation, f64::NAN)[0].is_nan(), "{activation:?}");
        }
    }
}
