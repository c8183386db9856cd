//! How many points are still unseen, from two lists: what systematic searches found and what random searches met.
//!
//! Capture and recapture (Lincoln & Petersen; the missing mass of the random list as in Good 1953): a point is unseen if
//! both lists miss it. The systematic list misses the fraction of randomly met points that were new to it; the random
//! list misses a known point that it met h times with the chance `exp(-h)`. Were the lists independent, the product x
//! of the two chances would leave `S x/(1 - x)` of S known points unseen. Points that are hard for both make this a low
//! guess: it is an estimate and said to be one.

/// What the two lists know of one point.
#[derive(Clone, Copy, Debug)]
pub struct Meetings {
    /// How often random searches ended in it.
    pub random: usize,
    /// Was it first found by a random search?
    pub random_first: bool,
}

/// An estimate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unseen {
    /// Expected number of unseen points.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end; infinite if no random search ended in any of the points.
    pub high: f64,
}

/// The estimate for points of one kind (one Morse index, say). No points at all: nothing is expected.
pub fn unseen(points: &[Meetings]) -> Unseen {
    let known = points.len() as f64;
    if points.is_empty() {
        return Unseen { estimate: 0.0, low: 0.0, high: 0.0 };
    }
    let met = points.iter().filter(|p| p.random > 0).count() as f64;
    if met == 0.0 {
        return Unseen { estimate: 0.0, low: 0.0, high: f64::INFINITY };
    }
    let new = points.iter().filter(|p| p.random_first).count() as f64;
    let missed_by_random = points.iter().map(|p| (-(p.random as f64)).exp()).sum::<f64>() / known;
    // Wilson's interval of a proportion.
    let (p, z) = (new / met, 1.96_f64);
    let center = (p + z * z / (2.0 * met)) / (1.0 + z * z / met);
    let half = z / (1.0 + z * z / met) * (p * (1.0 - p) / met + z * z / (4.0 * met * met)).sqrt();
    let left = |missed: f64| {
        let x = (missed.clamp(0.0, 1.0) * missed_by_random).min(0.999);
        known * x / (1.0 - x)
    };
    // The number itself scatters about its expectation like a Poisson count, once there is anything to scatter.
    let scatter = |expected: f64| if expected >= 1.0 { z * expected.sqrt() } else { 0.0 };
    let (low, high) = (left((center - half).max(0.0)), left(center + half));
    let (low, high) = ((low - scatter(low)).max(0.0), high + scatter(high));
    Unseen { estimate: left(p), low: low.min(left(p)), high }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unseen_when_random_searches_only_meet_what_is_known() {
        let u = unseen(&[Meetings { random: 12, random_first: false }; 10]);
        assert_eq!(u.estimate, 0.0);
        assert!(u.high < 1e-3);
    }

    #[test]
    fn without_random_searches_nothing_is_claimed() {
        assert_eq!(unseen(&[Meetings { random: 0, random_first: false }; 3]).high, f64::INFINITY);
    }

    /// 200 points; the systematic list finds each with chance 0.7, the random one draws 150 times: the interval must
    /// hold the true number of unseen points in nearly all of 200 repetitions.
    #[test]
    fn covers_the_truth_for_independent_lists() {
        let mut state = 12345_u64;
        let mut draw = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        let mut covered = 0;
        for _ in 0..200 {
            let systematic: Vec<bool> = (0..200).map(|_| draw() % 10 < 7).collect();
            let mut random = [0; 200];
            (0..150).for_each(|_| random[draw() % 200] += 1);
            let known: Vec<Meetings> = (0..200)
                .filter(|&i| systematic[i] || random[i] > 0)
                .map(|i| Meetings { random: random[i], random_first: !systematic[i] })
                .collect();
            let truth = (200 - known.len()) as f64;
            let u = unseen(&known);
            covered += (u.low <= truth && truth <= u.high) as usize;
        }
        assert!(covered >= 170, "covered {covered} of 200");
    }
}
