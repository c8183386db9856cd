//! The exponential of non-positive numbers over a slice, written so that the compiler turns it into vector code.
//!
//! Cody-Waite reduction `x = n ln 2 + r`, `|r| <= ln(2)/2`, and the Taylor polynomial of degree 13 in `r`, whose
//! truncation is below 2^-59; the result is within 1 ulp (the tests measure it against the standard library).

/// Below this the exponential is returned as zero (the true value is under 2.3e-308).
const UNDERFLOW: f64 = -708.0;

/// `exp(x)` for `x <= 0`; NaN stays NaN.
#[inline(always)]
fn exp_nonpositive(x: f64) -> f64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52: adding it rounds to an integer in the low bits
    const LN2_HI: f64 = 6.931_471_803_691_238e-1;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    let clamped = if x < UNDERFLOW { UNDERFLOW } else { x };
    let shifted = clamped * std::f64::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (clamped - n * LN2_HI) - n * LN2_LO;
    // Taylor coefficients 1/k!, highest first, by Horner.
    let mut p = 1.0 / 6_227_020_800.0;
    p = p * r + 1.0 / 479_001_600.0;
    p = p * r + 1.0 / 39_916_800.0;
    p = p * r + 1.0 / 3_628_800.0;
    p = p * r + 1.0 / 362_880.0;
    p = p * r + 1.0 / 40_320.0;
    p = p * r + 1.0 / 5_040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    // exp(r) = 1 + (r + r^2 p): the last sum carries the only large rounding.
    let value = 1.0 + (r + r * r * p);
    let scaled = f64::from_bits(value.to_bits().wrapping_add(shifted.to_bits() << 52));
    if x < UNDERFLOW { 0.0 } else { scaled }
}

/// Turns logits into `exp(logit - max)` in place; returns the largest logit and the sum of the exponentials.
///
/// The sum runs over eight interleaved partial sums, so that its order does not depend on the processor.
pub(super) fn exp_shifted(logits: &mut [f64]) -> (f64, f64) {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [f64::NEG_INFINITY; 8];
            let mut chunks = logits.chunks_exact(8);
            for chunk in &mut chunks {
                for (m, l) in lanes.iter_mut().zip(chunk) {
                    *m = if *l > *m { *l } else { *m };
                }
            }
            let max = chunks
                .remainder()
                .iter()
                .chain(&lanes)
                .fold(f64::NEG_INFINITY, |m, l| if *l > m { *l } else { m });
            let mut sums = [0.0; 8];
            let mut chunks = logits.chunks_exact_mut(8);
            for chunk in &mut chunks {
                for (s, l) in sums.iter_mut().zip(chunk) {
                    *l = exp_nonpositive(*l - max);
                    *s += *l;
                }
            }
            let mut tail = 0.0;
            for l in chunks.into_remainder() {
                *l = exp_nonpositive(*l - max);
                tail += *l;
            }
            let [a, b, c, d, e, f, g, h] = sums;
            (max, (((a + e) + (c + g)) + ((b + f) + (d + h))) + tail)
        },
    )
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

    #[test]
    fn sums_of_any_length() {
        for n in 1..40 {
            let mut logits: Vec<f64> = (0..n).map(|k| (k as f64 * 1.7).sin() * 30.0).collect();
            let plain: Vec<f64> = logits.clone();
            let (max, sum) = exp_shifted(&mut logits);
            assert_eq!(max, plain.iter().copied().fold(f64::MIN, f64::max));
            let expected: f64 = plain.iter().map(|l| (l - max).exp()).sum();
            assert!((sum - expected).abs() <= 1e-14 * expected);
        }
    }
}
