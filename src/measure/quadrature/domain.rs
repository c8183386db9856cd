//! The box that holds all of the measure that counts.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::super::wells::Wells;
use super::MOST;
use crate::landscape::{Region, Shape};
use crate::linalg::norm;

/// A box; periodic coordinates span one period.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Lower corner.
    pub lower: Vec<f64>,
    /// Upper corner.
    pub upper: Vec<f64>,
    /// Which coordinates are periodic.
    pub periodic: Vec<bool>,
    /// Is the measure cut off at its sides, since the energy does not confine?
    pub cut: bool,
    /// A bound of the share of each basin that lies outside.
    pub tail: f64,
}

/// On the sides of the box the energy is this many temperatures above the highest well.
const DEEP: f64 = 38.0;

/// Radii, in scales, at which growth is looked at.
const FAR: [f64; 4] = [8.0, 32.0, 128.0, 512.0];

/// Does the energy grow so fast that `exp(-E/eps)` can be integrated over all of space, up to the temperature `eps`? Looked at
/// along random lines.
pub fn confines(wells: &Wells<'_>, eps: f64) -> bool {
    let d = wells.dim();
    let center = wells.set.region.center();
    let scale = wells.scale();
    let free: Vec<bool> = (0..d).map(|i| wells.set.region.period_of(i).is_none()).collect();
    if free.iter().all(|f| !f) {
        return true;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0x0063_6f6e_6669_6e65);
    let grows = |direction: &[f64]| {
        let at = |r: f64| {
            let x: Vec<f64> = center.iter().zip(direction).map(|(c, v)| c + r * scale * v).collect();
            wells.landscape.energy(&x)
        };
        let energies = FAR.map(at);
        let needed = (d as f64 + 1.0) * eps * (FAR[1] / FAR[0]).ln();
        // Beyond what doubles hold it is infinite, which is as well.
        energies.windows(2).all(|w| w[1] == f64::INFINITY || w[1] - w[0] > needed)
    };
    let axes = (0..d.min(64)).flat_map(|i| [1.0, -1.0].map(|s| (i, s))).filter(|(i, _)| free[*i]);
    let along_axes = axes.map(|(i, s)| (0..d).map(|j| if i == j { s } else { 0.0 }).collect::<Vec<f64>>());
    let random = (0..32).map(|_| {
        let mut v: Vec<f64> = (0..d)
            .map(|i| {
                let z: f64 = StandardNormal.sample(&mut rng);
                if free[i] { z } else { 0.0 }
            })
            .collect();
        let length = norm(&v).max(f64::MIN_POSITIVE);
        v.iter_mut().for_each(|v| *v /= length);
        v
    });
    along_axes.chain(random).all(|v| grows(&v))
}

/// The box for temperature `eps`: grown from the critical points until the energy on its sides is high enough, or the
/// region's own where the energy does not confine and that is a box or an interval.
///
/// # Errors
/// A sentence that says why there is none.
pub fn domain(wells: &Wells<'_>, region: &Region, eps: f64, confined: bool) -> Result<Domain, String> {
    let d = wells.dim();
    if d > MOST {
        return Err(format!("{d} dimensions are too many for quadrature"));
    }
    let periodic: Vec<bool> = (0..d).map(|i| wells.set.region.period_of(i).is_some()).collect();
    if !confined {
        let (lower, upper) = match &region.shape {
            _ if wells.reduced.is_some() => return Err("the energy does not confine".into()),
            Shape::Box { lower, upper } => (lower.clone(), upper.clone()),
            Shape::Ball { center, radius } if d == 1 => (vec![center[0] - radius], vec![center[0] + radius]),
            Shape::Ball { .. } => {
                return Err("the energy does not confine, and quadrature in a region needs a box".into());
            }
        };
        return Ok(Domain { lower, upper, periodic, cut: true, tail: 0.0 });
    }
    let places = || wells.set.points.iter().map(|p| &p.x).chain(wells.set.degenerate.iter().map(|f| &f.x));
    let bound = |i: usize, pick: fn(f64, f64) -> f64, start: f64| places().map(|x| x[i]).fold(start, pick);
    let mut lower: Vec<f64> = (0..d).map(|i| bound(i, f64::min, f64::INFINITY)).collect();
    let mut upper: Vec<f64> = (0..d).map(|i| bound(i, f64::max, f64::NEG_INFINITY)).collect();
    if lower.iter().chain(&upper).any(|v| !v.is_finite()) {
        return Err("there are no critical points".into());
    }
    let scale = wells.scale();
    let highest = wells.wells.iter().map(|w| w.energy).fold(f64::NEG_INFINITY, f64::max);
    let needed = highest + DEEP * eps;
    for i in 0..d {
        match wells.set.region.period_of(i) {
            Some(period) => {
                // One period, from where the region's box begins.
                if let Shape::Box { lower: from, .. } = &wells.set.region.shape {
                    (lower[i], upper[i]) = (from[i], from[i] + period);
                }
            }
            None => {
                let width = upper[i] - lower[i];
                (lower[i], upper[i]) = (lower[i] - 0.05 * (width + scale), upper[i] + 0.05 * (width + scale));
            }
        }
    }
    let mut step = 0.05 * scale;
    for _ in 0..400 {
        let mut done = true;
        for i in (0..d).filter(|&i| !periodic[i]) {
            for up in [false, true] {
                if face(wells, &lower, &upper, i, up) < needed {
                    if up {
                        upper[i] += step
                    } else {
                        lower[i] -= step
                    }
                    done = false;
                }
            }
        }
        if done {
            let tail = (-DEEP).exp() * 1e3;
            return Ok(Domain { lower, upper, periodic, cut: false, tail });
        }
        step *= 1.05;
    }
    Err("no box was found that holds the measure".into())
}

/// The lowest energy met on a side of the box.
fn face(wells: &Wells<'_>, lower: &[f64], upper: &[f64], side: usize, up: bool) -> f64 {
    let d = lower.len();
    let count: usize = if d == 1 { 1 } else { 49 };
    let mut lowest = f64::INFINITY;
    for place in 0..count.pow(d as u32 - 1) {
        let mut rest = place;
        let x: Vec<f64> = (0..d)
            .map(|i| {
                if i == side {
                    return if up { upper[i] } else { lower[i] };
                }
                let at = rest % count;
                rest /= count;
                lower[i] + (upper[i] - lower[i]) * at as f64 / (count - 1) as f64
            })
            .collect();
        let energy = wells.landscape.energy(&x);
        if energy.is_nan() {
            return f64::INFINITY;
        }
        lowest = lowest.min(energy);
    }
    lowest
}
