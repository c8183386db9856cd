//! How many points are still unseen, estimated from how often each known one was met.
//!
//! Chao's lower-bound estimator with its log-normal interval (Chao 1987, "Estimating the population size for
//! capture-recapture data with unequal catchability"), and, where every point was met more than once, the number of
//! points that an equal search would be expected to miss, `sum exp(-meetings)`.

/// An estimate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unseen {
    /// Expected number of unseen points.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The estimate from the number of times each point was met (each at least once).
pub fn unseen(meetings: &[usize]) -> Unseen {
    if meetings.is_empty() {
        return Unseen { estimate: 0.0, low: 0.0, high: f64::INFINITY };
    }
    let once = meetings.iter().filter(|m| **m <= 1).count() as f64;
    let twice = meetings.iter().filter(|m| **m == 2).count() as f64;
    // Bias-corrected form, finite without doubletons.
    let estimate = once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0));
    let missed: f64 = meetings.iter().map(|m| (-(*m as f64)).exp()).sum();
    if estimate <= 0.0 {
        return Unseen { estimate: 0.0, low: 0.0, high: missed };
    }
    let (r, d) = (once / (twice + 1.0), twice + 1.0);
    let variance = d * (0.25 * r.powi(4) + r.powi(3) + 0.5 * r * r);
    let c = (1.96 * (1.0 + variance / (estimate * estimate)).ln().sqrt()).exp();
    Unseen { estimate, low: estimate / c, high: (estimate * c).max(missed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_when_all_were_met_often() {
        let u = unseen(&[20; 10]);
        assert_eq!(u.estimate, 0.0);
        assert!(u.high < 1e-6);
    }

    /// 200 equally likely classes, 300 draws: 200 (1 - 1/200)^300 = 44 remain unseen on average; the interval must
    /// cover the truth in nearly all repetitions.
    #[test]
    fn covers_the_truth_for_equal_chances() {
        let mut state = 12345_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % 200
        };
        let mut covered = 0;
        for _ in 0..100 {
            let mut counts = [0; 200];
            (0..300).for_each(|_| counts[draw()] += 1);
            let met: Vec<usize> = counts.iter().copied().filter(|c| *c > 0).collect();
            let truth = (200 - met.len()) as f64;
            let u = unseen(&met);
            covered += (u.low <= truth && truth <= u.high) as usize;
        }
        assert!(covered >= 85, "covered {covered} of 100");
    }
}
