//! Do Markov chains agree, and what are they worth? Rank-normalised split R-hat and effective sample size.
//!
//! In: values, chain by chain. Source: A. Vehtari, A. Gelman, D. Simpson, B. Carpenter & P.-C. Buerkner, Rank-normalization,
//! folding, and localization: an improved R-hat, Bayesian Analysis 16 (2021), equations 3 to 14.

/// Up to this R-hat chains agree.
pub const AGREE: f64 = 1.01;

/// The quantile of the standard normal distribution: P. J. Acklam's rational approximation (relative error 1e-9), enough for
/// ranks and intervals.
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.383_577_518_672_69e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    let horner = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    };
    if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (x.len() as f64 - 1.0)
}

/// Every chain in two halves of equal length.
fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let half = chains.iter().map(Vec::len).min().unwrap_or(0) / 2;
    chains.iter().flat_map(|c| [c[..half].to_vec(), c[c.len() - half..].to_vec()]).collect()
}

/// Values replaced by normal scores of their ranks; ties share theirs.
fn ranked(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut all: Vec<(f64, usize)> = chains.iter().flatten().copied().zip(0..).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = all.len() as f64;
    let mut scores = vec![0.0; all.len()];
    let mut start = 0;
    while start < all.len() {
        let mut end = start;
        while end < all.len() && all[end].0 == all[start].0 {
            end += 1;
        }
        let rank = 0.5 * (start + end + 1) as f64;
        let score = normal_quantile((rank - 0.375) / (count + 0.25));
        all[start..end].iter().for_each(|(_, place)| scores[*place] = score);
        start = end;
    }
    let mut rest = scores.as_slice();
    chains
        .iter()
        .map(|c| {
            let (own, others) = rest.split_at(c.len());
            rest = others;
            own.to_vec()
        })
        .collect()
}

fn plain(chains: &[Vec<f64>]) -> f64 {
    let n = chains[0].len() as f64;
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let within = mean(&chains.iter().map(|c| variance(c)).collect::<Vec<f64>>());
    let between = n * variance(&means);
    match within > 0.0 {
        true => (((n - 1.0) / n * within + between / n) / within).sqrt(),
        // Every half stands still: at one value, or at several.
        false if between > 0.0 => f64::INFINITY,
        false => 1.0,
    }
}

/// Rank-normalised split R-hat, the larger of that of the values and that of their distances from the median. Infinite for
/// chains that stand still at different values; 1 if all values are equal, or there are fewer than four a chain.
pub fn r_hat(chains: &[Vec<f64>]) -> f64 {
    let halves = split(chains);
    if halves.first().is_none_or(|h| h.len() < 2) {
        return 1.0;
    }
    let mut all: Vec<f64> = halves.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let median = 0.5 * (all[(all.len() - 1) / 2] + all[all.len() / 2]);
    let folded: Vec<Vec<f64>> =
        halves.iter().map(|c| c.iter().map(|v| (v - median).abs()).collect()).collect();
    plain(&ranked(&halves)).max(plain(&ranked(&folded)))
}

/// Effective sample size of the mean of these values (split chains, Geyer's initial monotone sequence). Values that are all
/// equal have none to speak of: their number is returned.
pub fn ess(chains: &[Vec<f64>]) -> f64 {
    let halves = split(chains);
    let (m, n) = (halves.len(), halves.first().map_or(0, Vec::len));
    let total = (m * n) as f64;
    if n < 4 {
        return total;
    }
    let means: Vec<f64> = halves.iter().map(|c| mean(c)).collect();
    let within = mean(&halves.iter().map(|c| variance(c)).collect::<Vec<f64>>());
    let spread = variance(&means);
    let marginal = within * (n as f64 - 1.0) / n as f64 + spread;
    if !(marginal > 0.0) {
        return total;
    }
    let covariance = |lag: usize| {
        let of = |(c, mean): (&Vec<f64>, &f64)| {
            (0..n - lag).map(|t| (c[t] - mean) * (c[t + lag] - mean)).sum::<f64>() / n as f64
        };
        halves.iter().zip(&means).map(of).sum::<f64>() / m as f64
    };
    let zero = covariance(0);
    let correlation =
        |lag: usize| 1.0 - (within - covariance(lag) * within / zero.max(f64::MIN_POSITIVE)) / marginal;
    let (mut time, mut last, mut lag) = (-1.0, f64::INFINITY, 0);
    while lag + 1 < n {
        let even = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = even + correlation(lag + 1);
        if !(pair > 0.0) {
            break;
        }
        last = pair.min(last);
        time += 2.0 * last;
        lag += 2;
    }
    // Anticorrelated chains are worth more than independent ones, up to a bound.
    total / time.max(1.0 / total.log10().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (p, q) in
            [(0.5, 0.0), (0.975, 1.959963984540054), (0.01, -2.326347874040841), (1e-6, -4.753424308822899)]
        {
            assert!((normal_quantile(p) - q).abs() < 1e-8, "{p}");
        }
    }

    /// Chains x' = a x + noise: the effective size is that of independent ones times (1 - a)/(1 + a).
    #[test]
    fn effective_size_of_an_autoregression() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        for a in [0.0, 0.5, 0.9] {
            let chains: Vec<Vec<f64>> = (0..4)
                .map(|_| {
                    let mut x = 0.0;
                    (0..20_000)
                        .map(|_| {
                            let z: f64 = StandardNormal.sample(&mut rng);
                            x = a * x + z;
                            x
                        })
                        .collect()
                })
                .collect();
            let truth = 80_000.0 * (1.0 - a) / (1.0 + a);
            assert!((ess(&chains) / truth - 1.0).abs() < 0.12, "{} instead of {truth}", ess(&chains));
            assert!(r_hat(&chains) < AGREE);
        }
    }

    #[test]
    fn chains_that_disagree() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let mut chain = |shift: f64, width: f64| -> Vec<f64> {
            (0..500)
                .map(|_| {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    shift + width * z
                })
                .collect()
        };
        assert!(r_hat(&[chain(0.0, 1.0), chain(1.0, 1.0)]) > 1.1);
        assert!(r_hat(&[chain(0.0, 1.0), chain(0.0, 3.0)]) > 1.1);
        assert_eq!(r_hat(&[vec![0.0; 10], vec![1.0; 10]]), f64::INFINITY);
        assert_eq!(r_hat(&[vec![1.0; 10], vec![1.0; 10]]), 1.0);
    }
}
