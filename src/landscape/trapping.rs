//! A region for a landscape that brings none: the smallest ball about the origin (with periodic coordinates: box) of a
//! doubling sequence that the flow enters, and every larger one as well, as far as sampling tells.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Landscape, Region};

/// Samples on each boundary.
const SAMPLES: usize = 400;

/// The smallest of the regions of radius 2^k, -6 <= k <= 40, that the flow enters together with the next six, enlarged
/// by a quarter; `None` if there is none (the energy does not grow in every direction).
pub fn trapping_region(landscape: &dyn Landscape) -> Option<Region> {
    let n = landscape.dim();
    let period = landscape.period();
    let make = |radius: f64| {
        if period.iter().any(Option::is_some) {
            let side = |i: usize| period.get(i).copied().flatten();
            let lower = (0..n).map(|i| if side(i).is_some() { 0.0 } else { -radius }).collect();
            let upper = (0..n).map(|i| side(i).unwrap_or(radius)).collect();
            Region { period: period.clone(), ..Region::cuboid(lower, upper) }
        } else {
            Region::ball(vec![0.0; n], radius)
        }
    };
    let mut run = 0;
    for k in -6..=40 {
        let region = make(2.0_f64.powi(k));
        if region.is_closed() {
            return Some(region);
        }
        if is_entered(landscape, &region) {
            run += 1;
            if run == 7 {
                return Some(make(1.25 * 2.0_f64.powi(k - 6)));
            }
        } else {
            run = 0;
        }
    }
    None
}

/// Does the flow (`-grad E`, or the landscape's own dynamics) point inwards at every sampled point of the boundary? A region without boundary counts as entered.
pub fn is_entered(landscape: &dyn Landscape, region: &Region) -> bool {
    let n = landscape.dim();
    let mut rng = ChaCha8Rng::seed_from_u64(0x7261_7070_6564);
    let mut g = vec![0.0; n];
    let samples = if n > 200 { SAMPLES / 4 } else { SAMPLES };
    for _ in 0..samples {
        let Some((x, normal)) = region.sample_boundary(&mut rng) else { return true };
        // Against the flow.
        match landscape.dynamics() {
            None => {
                landscape.gradient(&x, &mut g);
            }
            Some(dynamics) => {
                dynamics.velocity(&x, &mut g);
                g.iter_mut().for_each(|g| *g = -*g);
            }
        }
        let outward = crate::linalg::dot(&g, &normal);
        if !(outward > 0.0) {
            return false;
        }
    }
    true
}
