//! The box that holds all of the measure that counts.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::super::laplace::log_sum;
use super::super::wells::Wells;
use super::MOST;
use crate::landscape::{Landscape, Region, Shape};
use crate::linalg::{dot, norm};

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
    /// Logarithm of an estimate of `int exp(-E/eps)` outside: on every side its area times the most that is met there, times
    /// the length over which that falls; minus infinity where nothing is outside.
    pub log_outside: f64,
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
        return Ok(Domain { lower, upper, periodic, cut: true, log_outside: f64::NEG_INFINITY });
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
        let mut outside = vec![];
        for i in (0..d).filter(|&i| !periodic[i]) {
            for up in [false, true] {
                let (energy, slope) = face(wells, &lower, &upper, i, up);
                // Where the energy falls outwards there is more of the measure to come.
                if energy < needed || !(slope > 0.0) {
                    if up {
                        upper[i] += step
                    } else {
                        lower[i] -= step
                    }
                    done = false;
                }
                let area: f64 = (0..d).filter(|&j| j != i).map(|j| (upper[j] - lower[j]).ln()).sum();
                outside.push(area + (eps / slope).ln() - energy / eps);
            }
        }
        if done {
            let log_outside = log_sum(&outside);
            return Ok(Domain { lower, upper, periodic, cut: false, log_outside });
        }
        step *= 1.05;
    }
    Err("no box was found that holds the measure".into())
}

/// Steps of Newton's method on a side.
const NEWTON: usize = 30;

/// The lowest energy on a side of the box, and how fast it grows outwards there: the lowest of a grid, and from there down
/// along the side, since a narrow valley passes between the places of any grid.
fn face(wells: &Wells<'_>, lower: &[f64], upper: &[f64], side: usize, up: bool) -> (f64, f64) {
    let d = lower.len();
    let count: usize = if d == 1 { 1 } else { 49 };
    let mut lowest = (f64::INFINITY, vec![]);
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
            return (f64::INFINITY, f64::INFINITY);
        }
        if energy < lowest.0 {
            lowest = (energy, x);
        }
    }
    let (energy, mut x) = lowest;
    if !energy.is_finite() {
        return (f64::INFINITY, f64::INFINITY);
    }
    let energy = descend(wells.landscape, &mut x, lower, upper, Some(side), NEWTON);
    let mut gradient = vec![0.0; d];
    wells.landscape.gradient(&x, &mut gradient);
    (energy, if up { gradient[side] } else { -gradient[side] })
}

/// Down the energy within a box by Newton's method, one coordinate held if one is given; the energy where it ends.
pub(super) fn descend(
    landscape: &dyn Landscape,
    x: &mut Vec<f64>,
    lower: &[f64],
    upper: &[f64],
    held: Option<usize>,
    steps: usize,
) -> f64 {
    let d = x.len();
    let mut gradient = vec![0.0; d];
    let mut hessian = Mat::zeros(d, d);
    let mut energy = landscape.energy(x);
    for _ in 0..steps {
        landscape.gradient(x, &mut gradient);
        // At a wall that the energy falls through the coordinate stays.
        let stuck = |i: usize| x[i] <= lower[i] && gradient[i] > 0.0 || x[i] >= upper[i] && gradient[i] < 0.0;
        let free: Vec<usize> = (0..d).filter(|&i| held != Some(i) && !stuck(i)).collect();
        if free.is_empty() {
            break;
        }
        landscape.hessian(x, hessian.as_mut());
        let matrix = Mat::from_fn(free.len(), free.len(), |a, b| hessian[(free[a], free[b])]);
        let downhill: Vec<f64> = free.iter().map(|&i| -gradient[i]).collect();
        let mut step = downhill.clone();
        let solved = crate::linalg::solve_symmetric(matrix.as_ref(), &mut step).is_some();
        if !solved || !(dot(&step, &downhill) > 0.0) || step.iter().any(|s| !s.is_finite()) {
            // Against the gradient, as far as the box is wide.
            let width = free.iter().map(|&i| upper[i] - lower[i]).fold(0.0, f64::max);
            let length = norm(&downhill).max(f64::MIN_POSITIVE);
            step = downhill.iter().map(|v| 0.3 * width * v / length).collect();
        }
        let mut share = 1.0;
        let mut moved = false;
        while share > 1e-6 {
            let mut next = x.clone();
            free.iter().zip(&step).for_each(|(&i, s)| next[i] = (x[i] + share * s).clamp(lower[i], upper[i]));
            let there = landscape.energy(&next);
            if there < energy {
                moved = energy - there > 1e-12 * energy.abs();
                (*x, energy) = (next, there);
                break;
            }
            share *= 0.3;
        }
        if !moved {
            break;
        }
    }
    energy
}
