//! How heavy the tail of importance weights is.
//!
//! In: logarithms of weights. Out: the shape k of the generalised Pareto distribution of the largest of them, by the
//! estimator of J. Zhang & M. A. Stephens, Technometrics 51 (2009), regularised as in A. Vehtari, D. Simpson, A. Gelman,
//! Y. Yao & J. Gabry, Pareto smoothed importance sampling, JMLR 25 (2024). Above 0.7 means of the weights cannot be relied on.

/// Up to this shape a mean of weights can be relied on.
pub const RELIABLE: f64 = 0.7;

/// Fewest weights in the tail.
const FEWEST: usize = 5;

/// Weights none of which is more than this many times their mean have no tail, however they lie among themselves: means of
/// them are worth a quarter of as many independent draws, or more.
const FLAT: f64 = 4.0;

/// The shape of the tail of these weights; `None` if there are too few of them to tell. Of weights that are all equal, and of
/// such as are less than four times their mean, it is 0 at most.
pub fn shape(log_weights: &[f64]) -> Option<f64> {
    let count = log_weights.len();
    let tail = (0.2 * count as f64).min(3.0 * (count as f64).sqrt()).ceil() as usize;
    if tail < FEWEST || count <= tail {
        return None;
    }
    let mut sorted = log_weights.to_vec();
    sorted.sort_by(f64::total_cmp);
    let top = sorted[count - 1];
    if !top.is_finite() {
        return None;
    }
    let threshold = (sorted[count - tail - 1] - top).exp();
    let exceedances: Vec<f64> =
        sorted[count - tail..].iter().map(|l| ((l - top).exp() - threshold).max(0.0)).collect();
    let shape = fit(&exceedances);
    let mean = sorted.iter().map(|l| (l - top).exp()).sum::<f64>() / count as f64;
    Some(if FLAT * mean >= 1.0 { shape.min(0.0) } else { shape })
}

/// The shape of the generalised Pareto distribution of ascending exceedances.
fn fit(x: &[f64]) -> f64 {
    let n = x.len();
    let (largest, quartile) = (x[n - 1], x[((n as f64 / 4.0 + 0.5).floor() as usize).max(1) - 1]);
    if !(largest > 1e-12) {
        return 0.0;
    }
    // Where a quarter of the tail is ties its quartile is nothing to scale by.
    let quartile = if quartile > 0.0 { quartile } else { largest / n as f64 };
    let grid = 30 + (n as f64).sqrt().floor() as usize;
    let mean_log = |theta: f64| x.iter().map(|x| (-theta * x).ln_1p()).sum::<f64>() / n as f64;
    let thetas: Vec<f64> = (1..=grid)
        .map(|j| 1.0 / largest + (1.0 - (grid as f64 / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile))
        .collect();
    let logs: Vec<f64> = thetas
        .iter()
        .map(|&theta| {
            let k = mean_log(theta);
            let log = n as f64 * ((-theta / k).ln() - k - 1.0);
            if log.is_finite() { log } else { f64::NEG_INFINITY }
        })
        .collect();
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return 0.0;
    }
    let total: f64 = logs.iter().map(|l| (l - top).exp()).sum();
    let theta: f64 = thetas.iter().zip(&logs).map(|(t, l)| t * (l - top).exp() / total).sum();
    let k = mean_log(theta);
    // A weak prior at 1/2 worth ten observations.
    (n as f64 * k + 5.0) / (n as f64 + 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn shapes_of_pareto_samples() {
        for truth in [0.2, 0.5, 1.0] {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
            // u^-k has a Pareto tail of shape k.
            let logs: Vec<f64> = (0..40_000).map(|_| -truth * rng.random::<f64>().ln()).collect();
            let found = shape(&logs).unwrap();
            assert!((found - truth).abs() < 0.12, "{found} instead of {truth}");
        }
        assert_eq!(shape(&[0.0; 100]), Some(0.0));
        assert_eq!(shape(&[0.0; 4]), None);
        // A few of twice the weight make no tail.
        let few: Vec<f64> =
            (0..2000).map(|k| if k % 100 == 0 { 2.0 } else { 1.0 + 1e-6 * k as f64 }).map(f64::ln).collect();
        assert!(shape(&few).unwrap() <= 0.0);
        // Bounded weights have a negative shape.
        let even: Vec<f64> = (1..2000).map(|k| (k as f64 / 2000.0).ln()).collect();
        assert!(shape(&even).unwrap() < 0.0);
    }
}
