//! Softmax over a slice, written so that the compiler turns it into vector code.
//!
//! Exponentials: Cody-Waite reduction `x = n ln 2 + r`, `|r| <= ln(2)/2`, and the Taylor polynomial of degree 13 in `r`; the
//! result is within 1 ulp (the tests measure it against the standard library).
//!
//! That its relative error is below 2.1u, u = 2^-53, is proven so. With `mul_add` n is exact and `|r| < 0.3466`. `LN2_HI` has 32 bits,
//! so that `x - n LN2_HI` is exact; taking off `n LN2_LO` rounds once, and what both lack of ln 2 is below 2^-80 times n: r is off by
//! 0.35u, and `exp(r)` by as much of itself. The polynomial ends before a term of 0.06u of that. Of `p`, between 0.44 and 0.57, the
//! last steps of Horner's rule and the roundings of their coefficients lose at most 0.75u, of which `r^2 <= 0.1202` leaves 0.09u;
//! squaring r loses 0.07u, and the last multiplication and addition u |q|, where `q = exp(r) - 1` is between -0.2929 and 0.4143. These
//! three are at most 0.46u for negative and 0.58u for positive r, relative to `exp(r)` at most 0.65u. Adding 1 loses u, and multiplying
//! by 2^n nothing, as no result is subnormal. Together: 0.35 + 0.06 + 0.65 + 1.
//!
//! What `pulp` runs with the processor's full instruction set is a type with an inlined method: the body of a closure
//! would be compiled for the least processor there is. Sums run over interleaved partial sums, so that their order does
//! not depend on the processor.

use std::ops::{Add, AddAssign, MulAssign, Sub};

use pulp::{Arch, NullaryFnOnce};

/// Numbers worked on together.
pub(super) const BLOCK: usize = 16;

/// Below this the exponential is returned as zero (the true value is under 3.4e-308).
const UNDERFLOW: f64 = -708.0;

/// `exp(x)` for `x <= 0`; NaN stays NaN.
#[inline(always)]
pub(super) fn exp_nonpositive(x: f64) -> f64 {
    let exp = exp(x);
    if x < UNDERFLOW { 0.0 } else { exp }
}

/// `exp(x)` for `x` not above the overflow; that of the underflow for what is below it. Off by less than 2.1u (see the module).
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let (q, power) = reduced(x);
    f64::from_bits((1.0 + q).to_bits().wrapping_add(power))
}

/// The largest number whose exponential is computed.
const OVERFLOW: f64 = 709.0;

/// Bounds of `exp(x)` for a number x between `lo` and `hi`; nothing is known of a number whose bounds are none. What is computed is off by
/// less than 2.1u (see the module), and what is multiplied with it by one u more: 4u are allowed for.
#[inline(always)]
fn exp_between(lo: f64, hi: f64) -> (f64, f64) {
    let cut = |x: f64| if x > OVERFLOW { OVERFLOW } else { x };
    let (below, above) =
        (exp(cut(lo)) * (1.0 - 2.0 * f64::EPSILON), exp(cut(hi)) * (1.0 + 2.0 * f64::EPSILON));
    (if lo >= UNDERFLOW { below } else { 0.0 }, if hi <= OVERFLOW { above } else { f64::INFINITY })
}

/// Turns numbers that bound others from below and from above into bounds of their exponentials, in place.
pub(super) fn enclose_exp(lo: &mut [f64], hi: &mut [f64]) {
    Arch::new().dispatch(Enclosed { lo, hi });
}

struct Enclosed<'a> {
    lo: &'a mut [f64],
    hi: &'a mut [f64],
}

impl NullaryFnOnce for Enclosed<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let ((lo, lo_rest), (hi, hi_rest)) =
            (self.lo.as_chunks_mut::<BLOCK>(), self.hi.as_chunks_mut::<BLOCK>());
        for (lo, hi) in lo.iter_mut().zip(hi) {
            for i in 0..BLOCK {
                (lo[i], hi[i]) = exp_between(lo[i], hi[i]);
            }
        }
        for (lo, hi) in lo_rest.iter_mut().zip(hi_rest) {
            (*lo, *hi) = exp_between(*lo, *hi);
        }
    }
}

/// `exp(x) - 1` for `x <= 0`, with all its digits near zero too; NaN stays NaN.
#[inline(always)]
pub(super) fn exp_m1_nonpositive(x: f64) -> f64 {
    let (q, power) = reduced(x);
    let scale = f64::from_bits(1.0_f64.to_bits().wrapping_add(power));
    // Below -40 the exponential is less than half an ulp of 1.
    if x < -40.0 { -1.0 } else { scale.mul_add(q, scale - 1.0) }
}

/// `(q, p)` with `exp(x) = 2^n (1 + q)`, where `p` is n at the place of a double's exponent; `x` not below the
/// underflow.
#[inline(always)]
fn reduced(x: f64) -> (f64, u64) {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52: adding it rounds to an integer in the low bits
    const LN2_HI: f64 = 6.931_471_803_691_238e-1;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    let clamped = if x < UNDERFLOW { UNDERFLOW } else { x };
    let shifted = clamped.mul_add(std::f64::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, clamped));
    // Taylor coefficients 1/k!, highest first, by Horner.
    let mut p: f64 = 1.0 / 6_227_020_800.0;
    p = p.mul_add(r, 1.0 / 479_001_600.0);
    p = p.mul_add(r, 1.0 / 39_916_800.0);
    p = p.mul_add(r, 1.0 / 3_628_800.0);
    p = p.mul_add(r, 1.0 / 362_880.0);
    p = p.mul_add(r, 1.0 / 40_320.0);
    p = p.mul_add(r, 1.0 / 5_040.0);
    p = p.mul_add(r, 1.0 / 720.0);
    p = p.mul_add(r, 1.0 / 120.0);
    p = p.mul_add(r, 1.0 / 24.0);
    p = p.mul_add(r, 1.0 / 6.0);
    p = p.mul_add(r, 0.5);
    // exp(r) = 1 + (r + r^2 p): the last sum carries the only large rounding.
    ((r * r).mul_add(p, r), shifted.to_bits() << 52)
}

/// Turns logits into `exp(logit + bias - max)` in place; returns the largest `logit + bias` and the sum of the
/// exponentials.
pub(super) fn exp_shifted(logits: &mut [f64], bias: &[f64]) -> (f64, f64) {
    Arch::new().dispatch(Shifted { logits, bias })
}

struct Shifted<'a> {
    logits: &'a mut [f64],
    bias: &'a [f64],
}

impl NullaryFnOnce for Shifted<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn call(self) -> (f64, f64) {
        exp_shifted_inline(self.logits, self.bias)
    }
}

/// [`exp_shifted`] to be inlined into vector code.
#[inline(always)]
pub(super) fn exp_shifted_inline(logits: &mut [f64], bias: &[f64]) -> (f64, f64) {
    let max = highest(logits, bias, f64::NEG_INFINITY);
    (max, exp_below(logits, max))
}

/// A number in double or in single precision, as far as weights are made of it.
pub(super) trait Real:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + AddAssign + MulAssign
{
    const ZERO: Self;
    const NEG_INFINITY: Self;
    /// `exp(x)` for `x <= 0`; NaN stays NaN.
    fn exp_nonpositive(self) -> Self;
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn exp_nonpositive(self) -> f64 {
        exp_nonpositive(self)
    }
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn exp_nonpositive(self) -> f32 {
        exp_nonpositive_single(self)
    }
}

/// Adds the biases to logits; returns the largest of the sums, or `least` if that is larger. To be inlined into vector code.
#[inline(always)]
pub(super) fn highest<T: Real>(logits: &mut [T], bias: &[T], least: T) -> T {
    let (blocks, rest) = logits.as_chunks_mut::<BLOCK>();
    let (bias, bias_rest) = bias.as_chunks::<BLOCK>();
    let mut highest = [least; BLOCK];
    // Through local arrays: of those the compiler knows that nothing else points to them.
    for (block, bias) in blocks.iter_mut().zip(bias) {
        let mut sums = [T::ZERO; BLOCK];
        for i in 0..BLOCK {
            sums[i] = block[i] + bias[i];
            highest[i] = if sums[i] > highest[i] { sums[i] } else { highest[i] };
        }
        *block = sums;
    }
    for (i, (logit, bias)) in rest.iter_mut().zip(bias_rest).enumerate() {
        *logit += *bias;
        highest[i] = if *logit > highest[i] { *logit } else { highest[i] };
    }
    halve(highest, |a, b| if a > b { a } else { b })
}

/// Turns numbers that are at most `max` into `exp(number - max)` in place; returns their sum. To be inlined into vector code.
#[inline(always)]
pub(super) fn exp_below<T: Real>(logits: &mut [T], max: T) -> T {
    let (blocks, rest) = logits.as_chunks_mut::<BLOCK>();
    let mut sums = [T::ZERO; BLOCK];
    for block in blocks {
        exp_block(block, max, &mut sums);
    }
    if !rest.is_empty() {
        // As a block of its own: what fills it up vanishes in the exponential.
        let mut last = [T::NEG_INFINITY; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        exp_block(&mut last, max, &mut sums);
        rest.copy_from_slice(&last[..rest.len()]);
    }
    halve(sums, |a, b| a + b)
}

#[inline(always)]
fn exp_block<T: Real>(block: &mut [T; BLOCK], max: T, sums: &mut [T; BLOCK]) {
    for l in block.iter_mut() {
        *l = (*l - max).exp_nonpositive();
    }
    for i in 0..BLOCK {
        sums[i] += block[i];
    }
}

/// Inner product, to be inlined into vector code.
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<BLOCK>(), b.as_chunks::<BLOCK>());
    let mut sums = [0.0_f64; BLOCK];
    for (a, b) in a.iter().zip(b) {
        for i in 0..BLOCK {
            sums[i] = a[i].mul_add(b[i], sums[i]);
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum = a.mul_add(*b, *sum);
    }
    halve(sums, |a, b| a + b)
}

/// As [`exp_nonpositive`], in single precision: off by less than 4 units in the last place, and zero below -87.
#[inline(always)]
fn exp_nonpositive_single(x: f32) -> f32 {
    const UNDERFLOW: f32 = -87.0;
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23
    const LN2_HI: f32 = 0.693_359_4; // Ten bits.
    const LN2_LO: f32 = -2.121_944_4e-4;
    let clamped = if x < UNDERFLOW { UNDERFLOW } else { x };
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, clamped));
    let mut p: f32 = 1.0 / 5040.0;
    p = p.mul_add(r, 1.0 / 720.0);
    p = p.mul_add(r, 1.0 / 120.0);
    p = p.mul_add(r, 1.0 / 24.0);
    p = p.mul_add(r, 1.0 / 6.0);
    p = p.mul_add(r, 0.5);
    let q = (r * r).mul_add(p, r);
    let exp = f32::from_bits((1.0 + q).to_bits().wrapping_add(shifted.to_bits() << 23));
    if x < UNDERFLOW { 0.0 } else { exp }
}

/// Combines partial results into one, by halving.
#[inline(always)]
pub(super) fn halve<T: Copy>(mut parts: [T; BLOCK], combine: impl Fn(T, T) -> T) -> T {
    let mut half = BLOCK / 2;
    while half > 0 {
        for i in 0..half {
            parts[i] = combine(parts[i], parts[i + half]);
        }
        half /= 2;
    }
    parts[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library_to_one_ulp() {
        let mut x = -707.9;
        while x <= 0.0 {
            let (ours, theirs) = (exp_nonpositive(x), x.exp());
            let ulps = (ours.to_bits() as i64 - theirs.to_bits() as i64).abs();
            assert!(ulps <= 1, "exp({x}) = {ours} against {theirs}");
            x += 0.001_37;
        }
        assert_eq!(exp_nonpositive(0.0), 1.0);
        assert_eq!(exp_nonpositive(-1e9), 0.0);
        assert_eq!(exp_nonpositive(f64::NEG_INFINITY), 0.0);
        assert!(exp_nonpositive(f64::NAN).is_nan());
    }

    /// Against correctly rounded exponentials.
    #[test]
    fn bounds_hold_what_they_enclose() {
        let mut numbers: Vec<f64> = (0..40_000).map(|k| -720.0 + 0.035_9 * k as f64).collect();
        numbers.extend((0..2000).flat_map(|k| {
            // Where n changes, and r is largest.
            let end = (f64::from(k - 1000) + 0.5) * std::f64::consts::LN_2;
            [end.next_down(), end, end.next_up()]
        }));
        numbers.extend([0.0, -0.0, 1e-300, -1e-300, 709.0, 709.0_f64.next_up(), 1e9, -1e9]);
        numbers.extend([f64::INFINITY, f64::NEG_INFINITY, UNDERFLOW, UNDERFLOW.next_down()]);
        let (mut lo, mut hi) = (numbers.clone(), numbers.clone());
        enclose_exp(&mut lo, &mut hi);
        for (x, (lo, hi)) in numbers.iter().zip(lo.iter().zip(&hi)) {
            let exact = core_math::exp(*x);
            assert!(*lo <= exact.next_down().max(0.0) && exact.next_up() <= *hi, "exp({x}): {lo} to {hi}");
            assert!(!(UNDERFLOW..OVERFLOW).contains(x) || hi - lo <= 12.0 * f64::EPSILON * exact, "{x}");
        }
        let (mut lo, mut hi) = (vec![f64::NAN; 3], vec![f64::NAN; 3]);
        enclose_exp(&mut lo, &mut hi);
        assert_eq!((lo, hi), (vec![0.0; 3], vec![f64::INFINITY; 3]));
    }

    #[test]
    fn in_single_precision() {
        for k in 0..200_000 {
            let x = -87.0 * (k as f32) / 200_000.0;
            let (ours, exact) = (f64::from(exp_nonpositive_single(x)), f64::from(x).exp());
            assert!(
                (ours - exact).abs() <= 2.0 * f64::from(f32::EPSILON) * exact,
                "exp({x}) = {ours}, {exact}"
            );
        }
        assert_eq!(exp_nonpositive_single(0.0), 1.0);
        assert_eq!(exp_nonpositive_single(-88.0), 0.0);
        assert_eq!(exp_nonpositive_single(f32::NEG_INFINITY), 0.0);
        assert!(exp_nonpositive_single(f32::NAN).is_nan());
        for n in 1..40 {
            let bias: Vec<f32> = (0..n).map(|k| (k as f32 * 0.3).cos()).collect();
            let plain: Vec<f32> = (0..n).map(|k| (k as f32 * 1.7).sin() * 30.0).collect();
            let mut weights = plain.clone();
            let top = highest(&mut weights, &bias, -40.0);
            let logits: Vec<f32> = plain.iter().zip(&bias).map(|(l, b)| l + b).collect();
            assert_eq!(top, logits.iter().copied().fold(-40.0, f32::max));
            let sum = exp_below(&mut weights, top);
            let expected: f32 = logits.iter().map(|l| (l - top).exp()).sum();
            assert!((sum - expected).abs() <= 1e-6 * expected, "{sum} {expected}");
        }
    }

    #[test]
    fn less_one_agrees_with_the_standard_library() {
        let mut x = -60.0;
        while x < -1e-9 {
            let (ours, theirs) = (exp_m1_nonpositive(x), x.exp_m1());
            assert!((ours - theirs).abs() <= 4e-16 * theirs.abs(), "exp({x}) - 1 = {ours} against {theirs}");
            x *= 0.999;
        }
        assert_eq!(exp_m1_nonpositive(0.0), 0.0);
        assert_eq!(exp_m1_nonpositive(f64::NEG_INFINITY), -1.0);
        assert!(exp_m1_nonpositive(f64::NAN).is_nan());
    }

    #[test]
    fn sums_of_any_length() {
        for n in 1..40 {
            let mut logits: Vec<f64> = (0..n).map(|k| (k as f64 * 1.7).sin() * 30.0).collect();
            let bias: Vec<f64> = (0..n).map(|k| (k as f64 * 0.3).cos()).collect();
            let plain: Vec<f64> = logits.iter().zip(&bias).map(|(l, b)| l + b).collect();
            let (max, sum) = exp_shifted(&mut logits, &bias);
            assert_eq!(max, plain.iter().copied().fold(f64::MIN, f64::max));
            let expected: f64 = plain.iter().map(|l| (l - max).exp()).sum();
            assert!((sum - expected).abs() <= 1e-14 * expected);
            for (l, plain) in logits.iter().zip(&plain) {
                assert!((l - (plain - max).exp()).abs() <= 1e-15);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let mut logits = vec![0.0, f64::NAN, -1.0];
        assert!(exp_shifted(&mut logits, &[0.0; 3]).1.is_nan());
    }
}
