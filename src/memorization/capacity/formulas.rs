//! Published capacities, for as many neurons as there can be.

use super::Memory;
use crate::landscape::dense_memory::Separation;

/// The largest number of random patterns of N signs at whose states no neuron errs, for `E = -sum_k (y_k.x)^n`:
/// `K = N^(n-1) / (2 (2n-3)!! ln N)` (Krotov & Hopfield 2016, "Dense Associative Memory for Pattern Recognition", equation 6).
///
/// The field of a neuron at a pattern is a signal `2n N^(n-1)` and the crosstalk of the others, about normal with variance
/// `4 n^2 (2n-3)!! N^(n-1) K`; the formula asks for a squared ratio of the two of `2 ln N`. At a state with a share `flips` of
/// the signs wrong the signal is `(1 - 2 flips)^(n-1)` times that, and K the square of it.
///
/// ```
/// let k = smale::memorization::capacity::krotov_hopfield(2, 100.0, 0.0);
/// assert!((k - 100.0 / (2.0 * 100.0_f64.ln())).abs() < 1e-9);
/// ```
pub fn krotov_hopfield(power: u32, neurons: f64, flips: f64) -> f64 {
    let odd = (1..power).map(|k| f64::from(2 * k - 1)).product::<f64>();
    let signal = (1.0 - 2.0 * flips).max(0.0).powi(2 * (power as i32 - 1));
    signal * neurons.powi(power as i32 - 1) / (2.0 * odd * neurons.ln())
}

/// The share of wrong neurons at a normal crosstalk and a squared ratio of signal and noise of `2 ln N`:
/// `erfc(sqrt(ln N))/2`, what [`krotov_hopfield`] lets pass.
pub fn wrong_neurons(neurons: f64) -> f64 {
    0.5 * erfc(neurons.ln().max(0.0).sqrt())
}

/// The load `ln K / N` up to which a random pattern on the sphere `|y|^2 = N` outweighs all others, of
/// `E = |x|^2/2 - (1/lambda) log sum_k exp(lambda y_k.x)` (Lucibello & Mezard 2024, "The Exponential Capacity of Dense
/// Associative Memories", spherical patterns): `alpha = l - (log(1 - u^2)/2 + l u)`, `u = (sqrt(1 + 4 l^2) - 1)/(2 l)`.
///
/// At the pattern its own term is `exp(N l)` and the sum of the others, a random energy model, `exp(N (alpha + log(1 -
/// u^2)/2 + l u))`, carried by those of overlap u. At a state with normal noise of standard deviation `noise` a coordinate
/// added, l in the second is `l sqrt(1 + noise^2)`; where `u sqrt(1 + noise^2) > 1` the few nearest carry the sum, and
/// `alpha = log(1 + 1/noise^2)/2`.
///
/// ```
/// let alpha = smale::memorization::capacity::lucibello_mezard(1.0, 0.0);
/// assert!((alpha - 0.6225719).abs() < 1e-7);
/// ```
pub fn lucibello_mezard(lambda: f64, noise: f64) -> f64 {
    let stretch = (1.0 + noise * noise).sqrt();
    let l = lambda * stretch;
    // The quotient without the difference of near numbers.
    let u = 2.0 * l / ((1.0 + 4.0 * l * l).sqrt() + 1.0);
    match u * stretch > 1.0 {
        true => condensed(noise),
        false => lambda - (0.5 * (1.0 - u * u).ln() + l * u),
    }
}

/// The load `ln K / d` up to which a normal datum of variance 1 a coordinate outweighs all others of a mixture of width
/// sigma, at a state with normal noise of standard deviation `noise` a coordinate added, as d grows:
/// `(log(1 + 1/sigma^2) + (1 + noise^2)/(1 + sigma^2) - noise^2/sigma^2)/2` up to `noise = sigma`, and beyond, where the few
/// nearest carry the sum, `log(1 + 1/noise^2)/2`. At `noise = sigma`, in a state as the diffusion process makes it, that is
/// the collapse of Biroli et al. (2024, "Dynamical regimes of diffusion models"): `K^(2/d) = 1 + 1/sigma^2`.
pub fn gaussian_load(sigma: f64, noise: f64) -> f64 {
    if noise >= sigma {
        return condensed(noise);
    }
    let (s2, r2) = (sigma * sigma, noise * noise);
    0.5 * ((1.0 / s2).ln_1p() + (1.0 + r2) / (1.0 + s2) - r2 / s2)
}

/// The load at which another pattern is as near as the own one.
fn condensed(noise: f64) -> f64 {
    0.5 * (1.0 / (noise * noise)).ln_1p()
}

/// The width below which the samples of a mixture of K normal data of standard deviation `spread` in d dimensions collapse
/// onto single data: `spread / sqrt(K^(2/d) - 1)`, the noise at `t = log(1 + spread^2/(K^(2/d) - 1))/2` (Biroli et al. 2024,
/// "Dynamical regimes of diffusion models") relative to the contraction.
pub fn collapse_width(count: f64, dimension: f64, spread: f64) -> f64 {
    spread / (2.0 / dimension * count.ln()).exp_m1().sqrt()
}

/// What the formulas give for so many neurons: of spins a number of patterns K, of the others a load `ln K / N`. `None` for
/// a separation without one. A rectified power has half the crosstalk of the power, and twice its K.
pub fn expected(memory: Memory, neurons: usize, corruption: f64) -> Option<f64> {
    let n = neurons as f64;
    match memory {
        Memory::Spins(Separation::Power { p }) => Some(krotov_hopfield(p, n, corruption)),
        Memory::Spins(Separation::Rectified { p }) if p.fract() == 0.0 => {
            Some(2.0 * krotov_hopfield(p as u32, n, corruption))
        }
        Memory::Spins(_) => None,
        Memory::Spherical { lambda } => Some(lucibello_mezard(lambda, corruption)),
        Memory::Gaussian { sigma } => Some(gaussian_load(sigma, corruption)),
    }
}

/// The complementary error function for `x >= 0`, to 1e-13 or so: its series, and from 2 on its continued fraction
/// (Abramowitz & Stegun 7.1.6, 7.1.14).
fn erfc(x: f64) -> f64 {
    let x = x.max(0.0);
    let base = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for k in 1..100 {
            term *= 2.0 * x * x / f64::from(2 * k + 1);
            sum += term;
        }
        return 1.0 - 2.0 * base * sum;
    }
    let tail = (1..200).rev().fold(x, |tail, k| x + 0.5 * f64::from(k) / tail);
    base / tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_has_its_tabulated_values() {
        for (x, value) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (2.0, 4.677_734_981_047_266e-3),
            (3.0, 2.209_049_699_858_544e-5),
        ] {
            assert!((erfc(x) - value).abs() <= 1e-12 * value, "{x}: {} {value}", erfc(x));
        }
    }
}
