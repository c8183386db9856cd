//! Activations over intervals, with three derivatives.
//!
//! Softplus and the tangent are increasing, and their derivatives polynomials in the value of the logistic function and of
//! the tangent: over an interval these take their extremes at its ends or where the polynomial's derivative vanishes. The
//! derivatives of GELU are the normal density times polynomials, whose critical points are square roots. The others are
//! enclosed by their formula and by the mean-value form: `f(x)` lies in `f(m) + f'(X)(x - m)` for x and m in X.

use crate::landscape::neural::activation::Activation;
use crate::rigor::Interval;

/// `[f, f', f'', f''']` over an interval. Where a derivative jumps the interval holds both sides and what is between them
/// (all that a mean-value theorem needs), and the next one is all of R.
pub(super) type Jet = [Interval; 4];

/// Is this activation's second derivative bounded but not continuous? Then no derivative of the third order is of use.
pub(super) fn is_kinked(activation: Activation) -> bool {
    matches!(activation, Activation::Elu { .. } | Activation::SquaredRelu | Activation::Relu)
}

/// Does the second derivative (or the first) jump in the interval?
pub(super) fn jumps(activation: Activation, z: Interval) -> bool {
    is_kinked(activation) && z.contains(0.0)
}

/// The activation over `z`.
pub(super) fn jet(activation: Activation, z: Interval) -> Jet {
    match activation {
        Activation::Softplus { beta } => softplus(beta, z),
        Activation::Tanh => tanh(z),
        Activation::Silu => silu(z),
        Activation::GeluTanh => gelu_tanh(z),
        Activation::Elu { alpha } => elu(alpha, z),
        Activation::SquaredRelu => {
            let r = z.max(Interval::ZERO);
            let second = if z.lo() > 0.0 {
                Interval::point(2.0)
            } else if z.hi() < 0.0 {
                Interval::ZERO
            } else {
                Interval::new(0.0, 2.0)
            };
            [r.sqr(), r.scale(2.0), second, smooth_or_entire(z, Interval::ZERO)]
        }
        Activation::Relu => {
            let slope = if z.lo() > 0.0 {
                Interval::ONE
            } else if z.hi() < 0.0 {
                Interval::ZERO
            } else {
                Interval::new(0.0, 1.0)
            };
            let rest = smooth_or_entire(z, Interval::ZERO);
            [z.max(Interval::ZERO), slope, rest, rest]
        }
        Activation::Identity => [z, Interval::ONE, Interval::ZERO, Interval::ZERO],
        Activation::Gelu => gelu(z),
        Activation::Sin { omega } => {
            let (w, u) = (Interval::point(omega), z.scale(omega));
            let (s, c) = (u.sin(), u.cos());
            [s, w * c, -w.sqr() * s, -w.powi(3) * c]
        }
        Activation::Cos => {
            let (s, c) = (z.sin(), z.cos());
            [c, -s, -c, s]
        }
    }
}

fn smooth_or_entire(z: Interval, derivative: Interval) -> Interval {
    if z.contains(0.0) { Interval::ENTIRE } else { derivative }
}

/// A function over an interval of its variable, from its values at the ends and at the critical points within. These are
/// given as enclosures, each with the function's value; one that meets the interval counts.
fn between(
    low: Interval,
    high: Interval,
    over: Interval,
    critical: impl IntoIterator<Item = (Interval, Interval)>,
) -> Interval {
    let ends = low.hull(high);
    let meets = critical.into_iter().filter(|(place, _)| place.meet(over).is_some());
    meets.fold(ends, |range, (_, value)| range.hull(value))
}

fn ratio(a: f64, b: f64) -> Interval {
    Interval::point(a) / Interval::point(b)
}

/// `exp(-|z|)`, and the logistic function `s` and `1 - s` without loss of digits.
fn logistic(z: f64) -> (Interval, Interval, Interval) {
    if z.is_infinite() {
        // Infinity stands for whatever is larger than the largest number: the limits, and a little inwards.
        let (one, zero) = (Interval::new(1.0f64.next_down(), 1.0), Interval::new(0.0, f64::MIN_POSITIVE));
        return if z > 0.0 { (zero, one, zero) } else { (zero, zero, one) };
    }
    let e = Interval::point(-z.abs()).exp();
    let one = Interval::ONE + e;
    let (large, small) = (Interval::ONE / one, e / one);
    if z >= 0.0 { (e, large, small) } else { (e, small, large) }
}

/// The first three derivatives of the logistic function over `z`: `s' = s (1 - s)`, `s'' = s' (1 - 2s)` with extremes
/// where `6 s (1 - s) = 1`, `s''' = s' (1 - 6 s')`; with s first and, as it comes for free, `log(1 + exp z)` before it.
fn logistic_jet(z: Interval) -> ([Interval; 4], Interval) {
    let point = |z: f64| {
        let (e, s, rest) = logistic(z);
        let log = if z == f64::INFINITY {
            Interval::new(f64::MAX, f64::INFINITY)
        } else {
            Interval::point(z.max(0.0)) + e.ln_1p()
        };
        let slope = s * rest;
        // 1 - 2s = (1 - s) - s.
        [s, slope, slope * (rest - s), slope * (Interval::ONE - slope.scale(6.0)), log]
    };
    let low = point(z.lo());
    let high = if z.is_point() { low } else { point(z.hi()) };
    let s = low[0].hull(high[0]);
    let half = Interval::point(0.5);
    let quarter = Interval::point(0.25);
    let first = between(low[1], high[1], s, [(half, quarter)]);
    // s = (3 -+ sqrt 3)/6 gives +-sqrt(3)/18.
    let three = Interval::point(3.0).sqrt();
    let six = Interval::point(6.0);
    let extreme = three / Interval::point(18.0);
    let second = between(
        low[2],
        high[2],
        s,
        [((Interval::point(3.0) - three) / six, extreme), ((Interval::point(3.0) + three) / six, -extreme)],
    );
    // As a polynomial of s' it is extreme at s' = 1/12 (1/24), and where s' is (-1/8).
    let twelfth = ratio(1.0, 12.0);
    let third = between(low[3], high[3], s, [(half, Interval::point(-0.125))]);
    let third = if twelfth.meet(first).is_some() { third.hull(ratio(1.0, 24.0)) } else { third };
    ([s, first, second, third], low[4].hull(high[4]))
}

fn softplus(beta: f64, z: Interval) -> Jet {
    let u = if beta == 1.0 { z } else { z.scale(beta) };
    let ([s, first, second, _], log) = logistic_jet(u);
    if beta == 1.0 {
        return [log, s, first, second];
    }
    let b = Interval::point(beta);
    [log / b, s, first * b, second * b.sqr()]
}

/// With t the tangent: `t' = 1 - t^2`, `t'' = -2 t (1 - t^2)` with extremes where `3 t^2 = 1`, `t''' = (1 - t^2)(6 t^2 - 2)`
/// with extremes where `t = 0` or `3 t^2 = 2`.
fn tanh(z: Interval) -> Jet {
    let point = |z: f64| {
        // 1 - t^2 = 4 e/(1 + e)^2 with e = exp(-2|z|), without cancellation; 2|z| is exact or infinite.
        let (e, ..) = logistic(2.0 * z);
        let slope = e.scale(4.0) / (Interval::ONE + e).sqr();
        let t = if z.is_infinite() { Interval::point(z.signum()) } else { Interval::point(z).tanh() };
        let six = t.sqr().scale(6.0) - Interval::point(2.0);
        [t, slope, (t * slope).scale(-2.0), slope * six]
    };
    let low = point(z.lo());
    let high = if z.is_point() { low } else { point(z.hi()) };
    let t = low[0].hull(high[0]);
    let first = between(low[1], high[1], t, [(Interval::ZERO, Interval::ONE)]);
    let third = ratio(1.0, 3.0).sqrt();
    // -2 t (1 - t^2) at t = 1/sqrt 3: -4/(3 sqrt 3).
    let extreme = third.scale(4.0) / Interval::point(3.0);
    let second = between(low[2], high[2], t, [(third, -extreme), (-third, extreme)]);
    let two_thirds = ratio(2.0, 3.0).sqrt();
    let peak = ratio(2.0, 3.0);
    let last = between(
        low[3],
        high[3],
        t,
        [(Interval::ZERO, Interval::point(-2.0)), (two_thirds, peak), (-two_thirds, peak)],
    );
    [t, first, second, last]
}

/// What both of two enclosures leave.
fn both(a: Interval, b: Interval) -> Interval {
    a.meet(b).unwrap_or(a)
}

/// Tightens each derivative by the mean-value form with the next one, from the formula's values at the middle.
fn mean_values(natural: Jet, middle: Jet, z: Interval) -> Jet {
    if z.is_point() || !z.is_bounded() {
        return natural;
    }
    let offset = z.shift(-z.mid());
    let mut out = natural;
    for k in (0..3).rev() {
        out[k] = both(natural[k], middle[k] + out[k + 1] * offset);
    }
    out
}

/// `f = z s`: `f' = s + z s'`, `f'' = 2 s' + z s''`, `f''' = 3 s'' + z s'''`. As `|z| s' <= |z| exp(-|z|) <= 1/e`, and likewise
/// for the next two up to a factor of 1, `f'` is bounded.
fn silu(z: Interval) -> Jet {
    let formula = |z: Interval| {
        let [s, s1, s2, s3] = logistic_jet(z).0;
        let tail = Interval::new(-0.368, 0.368);
        let times = |d: Interval| both(z * d, tail);
        [z * s, s + times(s1), s1.scale(2.0) + times(s2), s2.scale(3.0) + times(s3)]
    };
    mean_values(formula(z), formula(Interval::point(z.mid())), z)
}

/// `f = z P` with P the normal distribution function and p its density: `f' = P + z p`, `f'' = (2 - z^2) p` and
/// `f''' = z (z^2 - 4) p`, whose derivative vanishes where `z^4 - 7 z^2 + 4 = 0`.
fn gelu(z: Interval) -> Jet {
    // Beyond it all of them but f are monotone, and within 1e-300 of their limits.
    const FAR: f64 = 40.0;
    let tau = Interval::TAU.sqrt();
    let two = Interval::point(2.0);
    let cumulative = |z: Interval| (Interval::ONE + (z / two.sqrt()).erf()).scale(0.5);
    let formula = |z: Interval| -> Jet {
        let square = z.sqr();
        let p = (-square.scale(0.5)).exp() / tau;
        let all = cumulative(z);
        [z * all, all + z * p, (two - square) * p, z * (square - Interval::point(4.0)) * p]
    };
    let point = |z: f64| -> Jet {
        if z.abs() <= FAR {
            return formula(Interval::point(z));
        }
        let [_, first, second, third] = formula(Interval::point(FAR.copysign(z)));
        let limit = if z > 0.0 { Interval::ONE } else { Interval::ZERO };
        let value = Interval::new(z, z) * cumulative(Interval::new(z, z));
        [value, first.hull(limit), second.hull(Interval::ZERO), third.hull(Interval::ZERO)]
    };
    let (low, high) = (point(z.lo()), point(z.hi()));
    // The derivatives are even or odd (the first about 1/2): an extreme at a place is one at its negative, too.
    let pair = |square: Interval, k: usize| {
        let place = square.sqrt();
        [(place, formula(place)[k]), (-place, formula(-place)[k])]
    };
    let first = between(low[1], high[1], z, pair(two, 1));
    let origin = (Interval::ZERO, formula(Interval::ZERO)[2]);
    let second = between(low[2], high[2], z, pair(Interval::point(4.0), 2).into_iter().chain([origin]));
    let (root, seven) = (Interval::point(33.0).sqrt(), Interval::point(7.0));
    let inner = pair((seven - root).scale(0.5), 3);
    let outer = pair((seven + root).scale(0.5), 3);
    let third = between(low[3], high[3], z, inner.into_iter().chain(outer));
    mean_values([z * cumulative(z), first, second, third], point(z.mid()), z)
}

/// `f = z s(v)` with the logistic function of `v = 2 sqrt(2/pi) (z + 0.044715 z^3)`, since `(1 + tanh u)/2 = s(2u)`.
fn gelu_tanh(z: Interval) -> Jet {
    let formula = |z: Interval| {
        let k = (Interval::point(2.0) / Interval::PI).sqrt().scale(2.0);
        let c = Interval::point(0.044_715);
        let square = z.sqr();
        let v = k * z * (Interval::ONE + c * square);
        let v1 = k * (Interval::ONE + (c * square).scale(3.0));
        let v2 = (k * c * z).scale(6.0);
        let v3 = (k * c).scale(6.0);
        let [s, s1, s2, s3] = logistic_jet(v).0;
        let t1 = s1 * v1;
        let t2 = s1 * v2 + s2 * v1.sqr();
        let t3 = s1 * v3 + (s2 * v1 * v2).scale(3.0) + s3 * v1 * v1.sqr();
        // |z v' s'| <= 3 |v| exp(-|v|) <= 3/e.
        let slope = both(z * t1, Interval::new(-1.104, 1.104));
        [z * s, s + slope, t1.scale(2.0) + z * t2, t2.scale(3.0) + z * t3]
    };
    mean_values(formula(z), formula(Interval::point(z.mid())), z)
}

/// `alpha (exp z - 1)` below zero, all of whose derivatives are `alpha exp z`.
fn elu(alpha: f64, z: Interval) -> Jet {
    let a = Interval::point(alpha);
    let below = z.min(Interval::ZERO);
    let (value, e) = (a * below.exp_m1(), a * below.exp());
    if z.hi() < 0.0 {
        return [value, e, e, e];
    }
    if z.lo() > 0.0 {
        return [z, Interval::ONE, Interval::ZERO, Interval::ZERO];
    }
    let second = if alpha == 1.0 { e.hull(Interval::ZERO) } else { Interval::ENTIRE };
    [value.hull(z.max(Interval::ZERO)), e.hull(Interval::ONE), second, Interval::ENTIRE]
}
