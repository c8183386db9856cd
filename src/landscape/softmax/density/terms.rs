//! The terms of the field over a box, sixteen wells at a time, in plain arithmetic with bounds of its errors.
//!
//! Of a well, with `d = z - c` and `h_i = max |t_i|`, everything is computed from `d`, `alpha = s (c - b)`,
//! `log a = (log W - l) - (s/2)(|d|^2 - r)` (l and r are any two numbers, common to all wells) and exponentials. Let u be the unit
//! roundoff, `rho_i` bound the errors of the wells' coordinates, `lambda` that of their logarithms and `sigma` the relative one of s;
//! let `P = |log W - l| + (s/2)(|d|^2 + r)` and `V = sum_i |alpha_i| (|d_i| + h_i)`. Then, up to products of errors,
//!
//! * `log a` is off by `lambda + ((n + 6) u + sigma) P + s sum_i rho_i |d_i|`,
//! * the sum of `alpha_i t_i`, at any t_i that are chosen, by `(3u + sigma) V + s sum_i rho_i h_i`,
//! * an exponential, and a product with it, by 4u of itself (`exp.rs`); d + t by `2u (|d| + h) + rho`.
//!
//! So `a prod_i exp(alpha_i t_i)`, at most `size`, is off by less than `e size`, and with N additions after it nothing more is lost for
//!
//! `e = 2 ((N + 32 + 8n) u + lambda + sigma + ((n + 12) u + sigma)(P + V) + s sum_i rho_i (|d_i| + h_i + rho_i))`,
//!
//! half of which is to spare. With `B_i = |d_i| + h_i + 1.1 rho_i/e'` and `A_i = |alpha_i| + 1.1 s rho_i/e'`, e' the part of e that is common to all
//! wells, the terms of the field are off by less than `e size B_i`, those of the Jacobian by `e size (1 + A_i B_i)` on the diagonal and `e size B_i A_j`
//! beside it: what rho adds is some e of itself more than `rho size`, as the size is off, too.
//!
//! Ranges over t: `exp(alpha t)` is monotone. `(d + t) exp(alpha t)` has its one extremum at `t = -1/alpha - d` and `(1 + alpha (d + t))
//! exp(alpha t)` at `t = -2/alpha - d`, so that they lie between their values at the ends and there, or at the end next to there. Where that place
//! is computed with an error of delta the value is off by `(alpha delta)^2` of itself, which is less than `e/4` where e is below a hundredth.
//! Where it is not, or an exponent moves by more than [`WIDEST`], nothing is said; so nothing overflows. What underflows
//! is less than [`TINY`] times B_i or, where that underflows, than the least normal number.

use pulp::NullaryFnOnce;

use super::super::enclose::{EnclosedMixture, LOW};
use super::FAINT;
use crate::landscape::exp::{BLOCK, exp, halve};
use crate::rigor::rounding::{UNIT, up};

/// A number a well.
pub(super) type Lanes = [f64; BLOCK];

const NOTHING: Lanes = [0.0; BLOCK];
/// Exponents that move farther over a box say nothing.
const WIDEST: f64 = 300.0;
/// What underflows, together, relative to what it is multiplied with.
const TINY: f64 = 1e-290;
/// A factor that is off by more than u of itself is smaller.
const SUBNORMAL: f64 = 1e-305;
/// Larger errors say nothing.
const ROUGH: f64 = 0.01;

/// Wells and what is known of them, coordinate by coordinate.
pub(super) struct Wells {
    dim: usize,
    /// From one coordinate to the next.
    stride: usize,
    coordinates: Vec<f64>,
    logs: Vec<f64>,
    /// `rho`, `lambda`, `s` and `sigma`; see the module.
    errors: [f64; LOW],
    log_error: f64,
    pub(super) precision: f64,
    spread: f64,
}

/// What is common to all weights, and so free: a square and a logarithm, subtracted before anything is multiplied.
#[derive(Clone, Copy)]
pub(super) struct Top {
    /// The well with the largest weight, nearly.
    pub(super) well: usize,
    pub(super) square: f64,
    pub(super) log: f64,
}

/// A box about z and how exponents are measured there.
pub(super) struct Place<'a> {
    /// z (length n).
    pub(super) at: &'a [f64],
    pub(super) top: Top,
    /// b; see the module of the system.
    pub(super) b: [f64; LOW],
    /// At most and at least `x - z`.
    pub(super) below: [f64; LOW],
    pub(super) above: [f64; LOW],
}

/// Sums of terms, each between two numbers.
pub(super) struct Sums {
    pub(super) field: [[f64; 2]; LOW],
    /// At z, and the Jacobian over the box, row by row; if they are asked for.
    pub(super) value: [[f64; 2]; LOW],
    pub(super) jacobian: [[f64; 2]; LOW * LOW],
    /// The largest size.
    pub(super) largest: f64,
    /// Is all this so?
    pub(super) sound: bool,
    pub(super) faint: Faint,
}

/// Wells of which none has a weight above `exp(FAINT)` anywhere in the box: how many, and the largest `|alpha_i|` and `|x_i - c_i|` among them.
#[derive(Clone, Copy, Default)]
pub(super) struct Faint {
    pub(super) count: usize,
    pub(super) slope: f64,
    pub(super) length: f64,
}

impl Place<'_> {
    /// `h_i`.
    pub(super) fn reach(&self, i: usize) -> f64 {
        self.above[i].max(-self.below[i])
    }
}

impl Wells {
    /// Those of a mixture in this order.
    pub(super) fn new(mixture: &EnclosedMixture, order: &[usize]) -> Self {
        let (n, count) = (mixture.dim, order.len());
        // A block may begin at any well.
        let stride = count + BLOCK;
        let mut coordinates = vec![0.0; n * stride];
        let mut errors = [0.0_f64; LOW];
        for (place, k) in order.iter().enumerate() {
            for i in 0..n {
                coordinates[i * stride + place] = mixture.well(*k)[i];
                errors[i] = errors[i].max(mixture.error(*k, i));
            }
        }
        let mut logs: Vec<f64> = order.iter().map(|k| mixture.logs[*k].mid()).collect();
        logs.resize(stride, f64::NEG_INFINITY);
        let log_error = order.iter().map(|k| mixture.logs[*k].rad()).fold(0.0, f64::max);
        let s = mixture.precision;
        let spread = if s.lo() > 0.0 { up(s.rad() / s.mid()) } else { f64::INFINITY };
        Wells { dim: n, stride, coordinates, logs, errors, log_error, precision: s.mid(), spread }
    }

    /// Coordinate i of a well.
    pub(super) fn coordinate(&self, well: usize, i: usize) -> f64 {
        self.coordinates[i * self.stride + well]
    }

    pub(super) fn log(&self, well: usize) -> f64 {
        self.logs[well]
    }

    /// By how much an exponent is off that is computed from terms of this size together: four times what the module says of one.
    pub(super) fn exponent_error(&self, size: f64) -> f64 {
        4.0 * ((((self.dim + 12) as f64) * UNIT + self.spread) * size + self.log_error)
    }

    /// The part of e that is the same for all wells, where these are to be summed up.
    fn least_error(&self, leaves: &[[usize; 2]]) -> f64 {
        let blocks: usize = leaves.iter().map(|leaf| (leaf[1] - leaf[0]).div_ceil(BLOCK)).sum();
        2.0 * ((blocks + 5 + 32 + 8 * self.dim) as f64 * UNIT + self.log_error + self.spread)
    }

    /// `1.1 rho_i/e'` and `1.1 s rho_i/e'`.
    fn margins(&self, i: usize, least: f64) -> [f64; 2] {
        let margin = 1.1 * self.errors[i] / least;
        [margin, self.precision * margin]
    }

    /// The softmax mean of the wells in these leaves at z; nothing depends on how well it is met.
    pub(super) fn mean(&self, at: &[f64], top: Top, leaves: &[[usize; 2]]) -> [f64; LOW] {
        match self.dim {
            1 => dispatch(Mean::<1> { wells: self, at, top, leaves }),
            2 => dispatch(Mean::<2> { wells: self, at, top, leaves }),
            3 => dispatch(Mean::<3> { wells: self, at, top, leaves }),
            4 => dispatch(Mean::<4> { wells: self, at, top, leaves }),
            5 => dispatch(Mean::<5> { wells: self, at, top, leaves }),
            6 => dispatch(Mean::<6> { wells: self, at, top, leaves }),
            7 => dispatch(Mean::<7> { wells: self, at, top, leaves }),
            _ => dispatch(Mean::<LOW> { wells: self, at, top, leaves }),
        }
    }

    /// The sums over the wells in these leaves. With `kept`, which takes what [`Wells::along`] needs, the range of the field alone.
    pub(super) fn sum(
        &self,
        place: &Place<'_>,
        leaves: &[[usize; 2]],
        kept: Option<&mut Vec<Lanes>>,
    ) -> Sums {
        match self.dim {
            1 => dispatch(Terms::<1> { wells: self, place, leaves, kept }),
            2 => dispatch(Terms::<2> { wells: self, place, leaves, kept }),
            3 => dispatch(Terms::<3> { wells: self, place, leaves, kept }),
            4 => dispatch(Terms::<4> { wells: self, place, leaves, kept }),
            5 => dispatch(Terms::<5> { wells: self, place, leaves, kept }),
            6 => dispatch(Terms::<6> { wells: self, place, leaves, kept }),
            7 => dispatch(Terms::<7> { wells: self, place, leaves, kept }),
            _ => dispatch(Terms::<LOW> { wells: self, place, leaves, kept }),
        }
    }

    /// Bounds of the sum of `size u.(x - c)` over what was kept.
    pub(super) fn along(
        &self,
        place: &Place<'_>,
        leaves: &[[usize; 2]],
        kept: &[Lanes],
        u: &[f64; LOW],
    ) -> [f64; 2] {
        let least = self.least_error(leaves);
        dispatch(Along { wells: self, place, least, kept, u })
    }
}

/// With the processor's full instruction set.
fn dispatch<F: NullaryFnOnce>(of: F) -> F::Output {
    pulp::Arch::new().dispatch(of)
}

/// A block of a column.
#[inline(always)]
fn block(column: &[f64], start: usize) -> &Lanes {
    column[start..].first_chunk().expect("columns end with room for a block")
}

struct Mean<'a, const N: usize> {
    wells: &'a Wells,
    at: &'a [f64],
    top: Top,
    leaves: &'a [[usize; 2]],
}

impl<const N: usize> NullaryFnOnce for Mean<'_, N> {
    type Output = [f64; LOW];

    #[inline(always)]
    fn call(self) -> [f64; LOW] {
        let Mean { wells, at, top, leaves } = self;
        let half = 0.5 * wells.precision;
        let (mut sum, mut moment) = (NOTHING, [NOTHING; N]);
        for &[from, to] in leaves {
            for start in (from..to).step_by(BLOCK) {
                let mut d = [NOTHING; N];
                let mut square = NOTHING;
                for i in 0..N {
                    let c = block(&wells.coordinates[i * wells.stride..], start);
                    for l in 0..BLOCK {
                        d[i][l] = c[l] - at[i];
                        square[l] += d[i][l] * d[i][l];
                    }
                }
                let logs = block(&wells.logs, start);
                let mut weight = NOTHING;
                for l in 0..BLOCK {
                    weight[l] = exp((logs[l] - top.log) - half * (square[l] - top.square));
                    weight[l] = if l < to - start { weight[l] } else { 0.0 };
                    sum[l] += weight[l];
                }
                for i in 0..N {
                    for l in 0..BLOCK {
                        moment[i][l] += weight[l] * d[i][l];
                    }
                }
            }
        }
        let sum = halve(sum, |a, b| a + b);
        let mut mean = [0.0; LOW];
        for i in 0..N {
            let place = halve(moment[i], |a, b| a + b) / sum + at[i];
            mean[i] = if place.is_finite() { place } else { at[i] };
        }
        mean
    }
}

struct Terms<'a, 'b, const N: usize> {
    wells: &'a Wells,
    place: &'a Place<'a>,
    leaves: &'a [[usize; 2]],
    kept: Option<&'b mut Vec<Lanes>>,
}

/// The smaller and the larger of two numbers.
#[inline(always)]
fn ordered(a: f64, b: f64) -> [f64; 2] {
    if a < b { [a, b] } else { [b, a] }
}

/// What holds both.
#[inline(always)]
fn hull(a: [f64; 2], b: f64) -> [f64; 2] {
    [if b < a[0] { b } else { a[0] }, if b > a[1] { b } else { a[1] }]
}

#[inline(always)]
fn clamp(t: f64, below: f64, above: f64) -> f64 {
    let t = if t > below { t } else { below };
    if t < above { t } else { above }
}

/// The product with an interval that is not negative.
#[inline(always)]
fn scaled(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [if b[0] >= 0.0 { a[0] } else { a[1] } * b[0], if b[1] >= 0.0 { a[1] } else { a[0] } * b[1]]
}

#[inline(always)]
fn add(sum: &mut [Lanes; 2], l: usize, term: [f64; 2], error: f64) {
    sum[0][l] += term[0] - (error + f64::MIN_POSITIVE);
    sum[1][l] += term[1] + (error + f64::MIN_POSITIVE);
}

#[inline(always)]
fn total(sum: [Lanes; 2]) -> [f64; 2] {
    sum.map(|lanes| halve(lanes, |a, b| a + b))
}

#[inline(always)]
fn largest(lanes: Lanes) -> f64 {
    halve(lanes, |a, b| if a > b { a } else { b })
}

impl<const N: usize> NullaryFnOnce for Terms<'_, '_, N> {
    type Output = Sums;

    #[inline(always)]
    fn call(self) -> Sums {
        let Terms { wells, place, leaves, mut kept } = self;
        let (at, b, top) = (place.at, &place.b, place.top);
        let expands = kept.is_none();
        let (s, half) = (wells.precision, 0.5 * wells.precision);
        let least = wells.least_error(leaves);
        let growth = 2.0 * ((N + 12) as f64 * UNIT + wells.spread);
        let (mut reach, mut margin) = ([0.0; N], [[0.0; 2]; N]);
        for i in 0..N {
            reach[i] = place.reach(i);
            margin[i] = wells.margins(i, least);
        }
        let mut field = [[NOTHING; 2]; N];
        let mut value = [[NOTHING; 2]; N];
        let mut jacobian = [[[NOTHING; 2]; N]; N];
        let (mut rough, mut most) = (NOTHING, NOTHING);
        let (mut dropped, mut slope, mut length) = (NOTHING, NOTHING, NOTHING);
        for &[from, to] in leaves {
            for start in (from..to).step_by(BLOCK) {
                let logs = block(&wells.logs, start);
                let mut d = [NOTHING; N];
                let mut alpha = [NOTHING; N];
                let (mut slopes, mut spans) = ([NOTHING; N], [NOTHING; N]);
                let (mut square, mut swing, mut v, mut off) = (NOTHING, NOTHING, NOTHING, NOTHING);
                for i in 0..N {
                    let c = block(&wells.coordinates[i * wells.stride..], start);
                    for l in 0..BLOCK {
                        d[i][l] = at[i] - c[l];
                        alpha[i][l] = s * (c[l] - b[i]);
                        square[l] += d[i][l] * d[i][l];
                        swing[l] += alpha[i][l].abs() * reach[i];
                        slopes[i][l] = alpha[i][l].abs() + margin[i][1] + SUBNORMAL;
                        spans[i][l] = d[i][l].abs() + reach[i] + margin[i][0];
                        v[l] += alpha[i][l].abs() * (d[i][l].abs() + reach[i]);
                        off[l] += s * wells.errors[i] * (d[i][l].abs() + reach[i] + wells.errors[i]);
                    }
                }
                // Which of them matter, and how far off they are. (`slopes` and `spans` are A and B of the module.)
                let (mut log, mut e, mut here) = (NOTHING, NOTHING, NOTHING);
                let mut any = false;
                for l in 0..BLOCK {
                    let own = logs[l] - top.log;
                    let size = own.abs() + half * (square[l] + top.square);
                    log[l] = own - half * (square[l] - top.square);
                    e[l] = least + growth * (size + v[l]) + 2.0 * off[l];
                    let there = l < to - start && logs[l] > f64::NEG_INFINITY;
                    let faint = log[l] + swing[l] + e[l] < FAINT;
                    let matters = there && !faint;
                    let lost = there && faint;
                    here[l] = if matters { 1.0 } else { 0.0 };
                    dropped[l] += if lost { 1.0 } else { 0.0 };
                    rough[l] = if matters && !(e[l] < ROUGH && swing[l] < WIDEST && log[l] < WIDEST) {
                        1.0
                    } else {
                        rough[l]
                    };
                    any |= matters;
                    e[l] = if matters { e[l] } else { 0.0 };
                    log[l] = if matters { log[l] } else { 0.0 };
                    for i in 0..N {
                        slope[l] = if lost && slopes[i][l] > slope[l] { slopes[i][l] } else { slope[l] };
                        length[l] = if lost && spans[i][l] > length[l] { spans[i][l] } else { length[l] };
                    }
                }
                if !any {
                    continue;
                }
                let mut weight = NOTHING;
                for l in 0..BLOCK {
                    weight[l] = here[l] * exp(log[l]);
                }
                let (mut psi, mut chi, mut diagonal) =
                    ([[NOTHING; 2]; N], [[NOTHING; 2]; N], [[NOTHING; 2]; N]);
                for i in 0..N {
                    let (low, high) = (place.below[i], place.above[i]);
                    let (mut left, mut right, mut inverse) = (NOTHING, NOTHING, NOTHING);
                    for l in 0..BLOCK {
                        // Of the others any numbers will do that are finite.
                        let (alpha, d) = (here[l] * alpha[i][l], here[l] * d[i][l]);
                        (left[l], right[l], inverse[l]) = (exp(alpha * low), exp(alpha * high), -1.0 / alpha);
                        let between = clamp(inverse[l] - d, low, high);
                        let ends = ordered((d + low) * left[l], (d + high) * right[l]);
                        let range = hull(ends, (d + between) * exp(alpha * between));
                        (chi[i][0][l], chi[i][1][l]) = (range[0], range[1]);
                        let range = ordered(left[l], right[l]);
                        (psi[i][0][l], psi[i][1][l]) = (range[0], range[1]);
                    }
                    if !expands {
                        continue;
                    }
                    for l in 0..BLOCK {
                        let (alpha, d) = (here[l] * alpha[i][l], here[l] * d[i][l]);
                        let between = clamp(2.0 * inverse[l] - d, low, high);
                        let (first, last) = (alpha.mul_add(d + low, 1.0), alpha.mul_add(d + high, 1.0));
                        let ends = ordered(first * left[l], last * right[l]);
                        let range = hull(ends, alpha.mul_add(d + between, 1.0) * exp(alpha * between));
                        (diagonal[i][0][l], diagonal[i][1][l]) = (range[0], range[1]);
                    }
                }
                // Of each coordinate the product of all others' factors with the weight.
                let mut others = [[NOTHING; 2]; N];
                let mut size = [weight; 2];
                for i in 0..N {
                    others[i] = size;
                    for l in 0..BLOCK {
                        size[0][l] *= psi[i][0][l];
                        size[1][l] *= psi[i][1][l];
                    }
                }
                let mut behind = [[1.0; BLOCK]; 2];
                for i in (0..N).rev() {
                    for l in 0..BLOCK {
                        others[i][0][l] *= behind[0][l];
                        others[i][1][l] *= behind[1][l];
                        behind[0][l] *= psi[i][0][l];
                        behind[1][l] *= psi[i][1][l];
                    }
                }
                let mut error = NOTHING;
                for l in 0..BLOCK {
                    most[l] = if size[1][l] > most[l] { size[1][l] } else { most[l] };
                    error[l] = e[l] * size[1][l] + TINY * here[l];
                }
                for i in 0..N {
                    let mut of_field = [NOTHING; 2];
                    for l in 0..BLOCK {
                        let range = scaled([others[i][0][l], others[i][1][l]], [chi[i][0][l], chi[i][1][l]]);
                        (of_field[0][l], of_field[1][l]) = (range[0], range[1]);
                        add(&mut field[i], l, range, error[l] * spans[i][l]);
                    }
                    if !expands {
                        continue;
                    }
                    for l in 0..BLOCK {
                        let term = weight[l] * d[i][l];
                        let error = e[l] * weight[l] + TINY * here[l];
                        add(&mut value[i], l, [term, term], error * spans[i][l]);
                    }
                    for j in 0..N {
                        for l in 0..BLOCK {
                            if i == j {
                                let range = scaled(
                                    [others[i][0][l], others[i][1][l]],
                                    [diagonal[i][0][l], diagonal[i][1][l]],
                                );
                                let error = error[l] * (1.0 + slopes[i][l] * spans[i][l]);
                                add(&mut jacobian[i][j], l, range, error);
                            } else {
                                let range =
                                    ordered(of_field[0][l] * alpha[j][l], of_field[1][l] * alpha[j][l]);
                                add(&mut jacobian[i][j], l, range, error[l] * (spans[i][l] * slopes[j][l]));
                            }
                        }
                    }
                }
                if let Some(kept) = kept.as_deref_mut() {
                    for i in 0..N {
                        kept.push(d[i]);
                    }
                    kept.extend([size[0], size[1], error]);
                }
            }
        }
        let mut sums = Sums {
            field: [[0.0; 2]; LOW],
            value: [[0.0; 2]; LOW],
            jacobian: [[0.0; 2]; LOW * LOW],
            largest: largest(most),
            sound: largest(rough) == 0.0,
            faint: Faint {
                count: halve(dropped, |a, b| a + b) as usize,
                slope: largest(slope),
                length: largest(length),
            },
        };
        for i in 0..N {
            sums.field[i] = total(field[i]);
            if expands {
                sums.value[i] = total(value[i]);
                for j in 0..N {
                    sums.jacobian[i * N + j] = total(jacobian[i][j]);
                }
            }
        }
        sums
    }
}

struct Along<'a> {
    wells: &'a Wells,
    place: &'a Place<'a>,
    least: f64,
    kept: &'a [Lanes],
    u: &'a [f64; LOW],
}

impl NullaryFnOnce for Along<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn call(self) -> [f64; 2] {
        let Along { wells, place, least, kept, u } = self;
        let n = wells.dim;
        // u.t, and the part of u.B that all wells have.
        let (mut moved, mut margin) = ([0.0; 2], 0.0);
        for i in 0..n {
            let [low, high] = ordered(u[i] * place.below[i], u[i] * place.above[i]);
            moved[0] += low;
            moved[1] += high;
            margin += u[i].abs() * (place.reach(i) + wells.margins(i, least)[0]);
        }
        let mut sum = [NOTHING; 2];
        for block in kept.chunks_exact(n + 3) {
            let (d, [low, high, error]) = block.split_at(n) else { continue };
            let (mut along, mut length) = (NOTHING, [margin; BLOCK]);
            for (d, u) in d.iter().zip(u) {
                for l in 0..BLOCK {
                    along[l] += u * d[l];
                    length[l] += u.abs() * d[l].abs();
                }
            }
            for l in 0..BLOCK {
                let range = scaled([low[l], high[l]], [along[l] + moved[0], along[l] + moved[1]]);
                add(&mut sum, l, range, error[l] * length[l]);
            }
        }
        total(sum)
    }
}
