//! Are there minima that the search has missed, where the measure would have weight?
//!
//! In: [`Wells`]. Out: a sentence, if an orbit was met that ends at none of them. The measure is that on all of space; a search,
//! and a proof too, is of a region. From the wells rays go out far beyond it; where the energy falls again along one of them an
//! orbit starts, and so from points drawn uniformly around. This finds what is wide enough to be met. It proves nothing.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::wells::Wells;
use crate::connection::{Descent, Fate};
use crate::critical::Completeness;
use crate::linalg::{axpy, norm};

/// Rays in all.
const RAYS: usize = 64;

/// Radii on a ray, from this share of the scale on, and the ratio of neighbours: out to some fifty scales.
const RADII: usize = 48;
const FIRST: f64 = 0.05;
const RATIO: f64 = 1.16;

/// Points drawn uniformly.
const DRAWN: usize = 48;

/// The energy above the highest well, in temperatures, beyond which nothing counts.
const DEEP: f64 = 38.0;

/// Tolerance of orbits, relative to the scale.
const ORBIT: f64 = 1e-4;

/// Steps of the descent from outside the region in which orbits are followed.
const STEPS: usize = 400;

/// Why the wells are not all, as far as can be seen; `warmest` is the highest temperature of interest.
pub(super) fn unseen(wells: &Wells<'_>, warmest: f64) -> Option<String> {
    let set = &wells.set;
    let d = wells.dim();
    if set.completeness == Completeness::Proven && set.coverage.everywhere || wells.wells.is_empty() {
        return None;
    }
    crate::linalg::sequential();
    let mut starts = vec![];
    let mut rng = ChaCha8Rng::seed_from_u64(0x6265_796f_6e64);
    let free: Vec<bool> = (0..d).map(|i| set.region.period_of(i).is_none()).collect();
    if free.contains(&true) {
        starts.extend(along_rays(wells, &free, &mut rng));
    }
    let highest = wells.wells.iter().map(|w| w.energy).fold(f64::NEG_INFINITY, f64::max);
    let counts = |x: &Vec<f64>| wells.landscape.energy(x) <= highest + DEEP * warmest;
    starts.extend((0..DRAWN).map(|_| set.region.sample(&mut rng)).filter(counts));
    // An orbit that starts on the boundary of two basins ends at a saddle: a start beside it does not.
    let noise: Vec<Vec<f64>> =
        (0..2).map(|_| (0..d).map(|_| StandardNormal.sample(&mut rng)).collect()).collect();
    let descent = Descent::new(wells.landscape, None, set, ORBIT);
    let known = |x: &[f64]| matches!(descent.fate(x), Fate::Minimum(_) | Fate::Degenerate(_));
    let ends = |start: &Vec<f64>| {
        let x = inwards(wells, start);
        known(&x)
            || noise.iter().any(|n| {
                let mut beside = x.clone();
                axpy(1e-3 * wells.scale(), n, &mut beside);
                known(&beside)
            })
    };
    let lost: Vec<bool> = starts.par_iter().map(|x| !ends(x)).collect();
    let count = lost.iter().filter(|l| **l).count();
    (count > 0).then(|| {
        let all = starts.len();
        format!(
            "{count} of {all} orbits from around the known minima end at none of them: some may be missing"
        )
    })
}

/// Where the energy is lowest between neighbours along rays from the wells, the wells themselves apart.
fn along_rays(wells: &Wells<'_>, free: &[bool], rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let d = free.len();
    let scale = wells.scale();
    let mut order: Vec<usize> = (0..wells.wells.len()).collect();
    order.sort_by(|a, b| wells.wells[*a].energy.total_cmp(&wells.wells[*b].energy).then(a.cmp(b)));
    order.truncate(8);
    let rays: Vec<(usize, Vec<f64>)> = (0..RAYS)
        .map(|n| {
            // Near an axis, either way, while there are axes; a little off it, where symmetric landscapes have saddles.
            let axis = (n / 2 / order.len()) % d.max(1);
            let tilt = if n / order.len() < 2 * d { 0.02 } else { 1.0 };
            let mut v: Vec<f64> = (0..d)
                .map(|i| {
                    let z: f64 = StandardNormal.sample(rng);
                    let along = if i == axis && tilt < 1.0 { 1.0 - 2.0 * (n % 2) as f64 } else { 0.0 };
                    if free[i] { along + tilt * z / (d as f64).sqrt() } else { 0.0 }
                })
                .collect();
            let length = norm(&v).max(f64::MIN_POSITIVE);
            v.iter_mut().for_each(|v| *v /= length);
            (order[(n / 2) % order.len()], v)
        })
        .collect();
    let found: Vec<Vec<Vec<f64>>> = rays
        .par_iter()
        .map(|(well, v)| {
            let at = |k: usize| {
                let mut x = wells.wells[*well].x.clone();
                axpy(scale * FIRST * RATIO.powi(k as i32), v, &mut x);
                x
            };
            let energies: Vec<f64> = (0..RADII).map(|k| wells.landscape.energy(&at(k))).collect();
            let lower = |k: &usize| energies[*k] < energies[k - 1] && energies[*k] <= energies[k + 1];
            (1..RADII - 1).filter(lower).map(at).collect()
        })
        .collect();
    found.into_iter().flatten().collect()
}

/// Down the energy until inside the region in which orbits are followed; as far as that leads.
fn inwards(wells: &Wells<'_>, start: &[f64]) -> Vec<f64> {
    let mut x = start.to_vec();
    let mut gradient = vec![0.0; x.len()];
    let mut energy = wells.landscape.gradient(&x, &mut gradient);
    let mut step = 0.1 * wells.scale() / norm(&gradient).max(f64::MIN_POSITIVE);
    for _ in 0..STEPS {
        if wells.set.region.contains(&x) || !energy.is_finite() {
            break;
        }
        let mut next = x.clone();
        axpy(-step, &gradient, &mut next);
        let mut there = vec![0.0; x.len()];
        let lower = wells.landscape.gradient(&next, &mut there);
        if lower < energy {
            (x, gradient, energy) = (next, there, lower);
            step *= 1.5;
        } else {
            step *= 0.3;
        }
    }
    x
}
