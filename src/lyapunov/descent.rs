//! Orbits of the flow of a landscape, or of a field at a fixed time.
//!
//! They are followed by a method of their own, the explicit one of Dormand & Prince (order 5, with an error estimate of
//! order 4; Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, table II.5.2), which knows nothing of
//! energies: that of [`crate::flow`] refuses steps along which the energy rises, so it could not tell. Beside the state
//! runs the integral of `grad E . x'` (of `s . x'` for a field s), which is what the energy should have lost.

use faer::{Mat, MatRef};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::{Check, Course, Energy, Process, REST, identity_error, nearest_data, typical};
use crate::control::{Control, Progress};
use crate::error::{Error, Result};
use crate::landscape::{Landscape, Region};
use crate::linalg::{axpy, dot, norm};

/// Where orbits begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// Anywhere in the region, uniformly.
    Region,
    /// At a datum (or where the landscape says that minima are to be looked for), moved by normal noise of a tenth of the
    /// region's radius.
    Data,
}

/// How orbits are drawn and followed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Number of orbits.
    pub orbits: usize,
    /// Where they begin.
    pub starts: Starts,
    /// Seed of the starts.
    pub seed: u64,
}

/// Error of a step, relative to the region's radius.
const TOLERANCE: f64 = 1e-10;

/// Most steps of an orbit.
const STEPS: usize = 50_000;

/// Steps of the straight line along which the work of a field is compared.
const CHORD: usize = 256;

/// Orbits followed between two looks at whether to stop.
const BATCH: usize = 64;

/// Follows orbits of the flow until they rest, leave the region by half its size, or run out of steps; their ends are
/// compared with `data` (columns). `None` if stopped.
///
/// # Errors
/// If there is nothing to begin at, or the landscape is not finite where an orbit begins.
pub fn check(
    landscape: &dyn Landscape,
    region: &Region,
    data: Option<MatRef<'_, f64>>,
    options: &Options,
    control: &Control<'_>,
) -> Result<Option<Check>> {
    let starts = starts(landscape, region, options)?;
    let n = landscape.dim();
    let mut v = vec![0.0; n];
    let mut speeds = Vec::with_capacity(starts.len());
    for x in &starts {
        let rate = velocity(landscape, x, &mut v).1;
        if !(rate.is_finite() && norm(&v).is_finite()) {
            return Err(Error::Numerics("the flow is not finite at a point of the region".to_string()));
        }
        speeds.push(norm(&v));
    }
    let reference = typical(speeds);
    let mut orbits = Vec::with_capacity(starts.len());
    for batch in starts.chunks(BATCH) {
        if control.stopped() {
            return Ok(None);
        }
        (control.progress)(Progress { stage: "orbits", done: orbits.len(), total: starts.len(), note: "" });
        let followed = batch.par_iter().map(|x| follow(landscape, region, x, reference));
        orbits.extend(followed.collect::<Vec<Orbit>>());
    }
    let largest = |of: &dyn Fn(&Orbit) -> f64| orbits.iter().map(of).fold(0.0, f64::max);
    let ends = Mat::from_fn(n, orbits.len(), |i, j| orbits[j].end[i]);
    let (datum_distance, data_reached) = nearest_data(ends.as_ref(), data);
    let with_energy = landscape.has_energy();
    let relative = reference.max(f64::MIN_POSITIVE);
    Ok(Some(Check {
        process: Process::Flow,
        energy: if with_energy { Energy::Landscape } else { Energy::None },
        orbits: orbits.len(),
        decreasing: with_energy.then(|| orbits.iter().filter(|o| o.course.falls()).count()),
        largest_increase: with_energy.then(|| largest(&|o| o.course.relative_rise())),
        identity_error: Some(identity_error(orbits.iter().map(|o| o.gap), orbits.iter().map(|o| o.course))),
        at_rest: orbits.iter().filter(|o| o.speed <= REST * reference).count(),
        residual: largest(&|o| o.speed / relative),
        datum_distance,
        data_reached,
    }))
}

fn starts(landscape: &dyn Landscape, region: &Region, options: &Options) -> Result<Vec<Vec<f64>>> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let wells = match options.starts {
        Starts::Region => None,
        Starts::Data => Some(
            landscape
                .wells()
                .filter(|w| w.ncols() > 0)
                .ok_or_else(|| Error::input("orbits cannot begin at data: the landscape has none"))?,
        ),
    };
    let width = 0.1 * region.radius() / (landscape.dim() as f64).sqrt();
    let draw = |_| match &wells {
        None => region.sample(&mut rng),
        Some(wells) => {
            let well = wells.col(rng.random_range(0..wells.ncols()));
            let noisy = |y: &f64| {
                let z: f64 = StandardNormal.sample(&mut rng);
                y + width * z
            };
            well.iter().map(noisy).collect()
        }
    };
    Ok((0..options.orbits).map(draw).collect())
}

/// Where an orbit ended and what it did on its way.
struct Orbit {
    end: Vec<f64>,
    speed: f64,
    course: Course,
    /// How far the energy, or the work along another path, is from the work along the orbit.
    gap: f64,
}

/// Writes the velocity; returns the energy and its rate of change, `grad E . x'`. A field s without energy counts as
/// minus a gradient: the work it does, with a minus.
fn velocity(landscape: &dyn Landscape, x: &[f64], v: &mut [f64]) -> (f64, f64) {
    match landscape.dynamics() {
        None => {
            let energy = landscape.gradient(x, v);
            v.iter_mut().for_each(|v| *v = -*v);
            (energy, -dot(v, v))
        }
        Some(dynamics) => {
            let energy = dynamics.velocity(x, v);
            if !landscape.has_energy() {
                return (0.0, -dot(v, v));
            }
            let mut slope = vec![0.0; x.len()];
            landscape.gradient(x, &mut slope);
            (energy, dot(&slope, v))
        }
    }
}

/// Weights of the stages in each next argument; the last row is the solution.
const A: [[f64; 6]; 6] = [
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Weights of the seven stages in the error.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

fn follow(landscape: &dyn Landscape, region: &Region, start: &[f64], reference: f64) -> Orbit {
    let n = start.len();
    let tolerance = TOLERANCE * region.radius();
    let mut x = start.to_vec();
    let mut stages = vec![vec![0.0; n]; 7];
    let mut rates = [0.0; 7];
    let (energy, rate) = velocity(landscape, &x, &mut stages[0]);
    rates[0] = rate;
    let mut course = Course::new(energy);
    let (mut work, mut speed) = (0.0, norm(&stages[0]));
    let mut h = 0.01 * region.radius() / reference.max(f64::MIN_POSITIVE);
    let (mut argument, mut error) = (vec![0.0; n], vec![0.0; n]);
    for _ in 0..STEPS {
        if speed <= REST * reference || !region.contains_scaled(&x, 1.5) {
            break;
        }
        let mut energy = f64::NAN;
        for stage in 0..6 {
            argument.copy_from_slice(&x);
            let (done, rest) = stages.split_at_mut(stage + 1);
            done.iter().zip(A[stage]).for_each(|(k, a)| axpy(h * a, k, &mut argument));
            (energy, rates[stage + 1]) = velocity(landscape, &argument, &mut rest[0]);
        }
        error.fill(0.0);
        stages.iter().zip(ERROR).for_each(|(k, e)| axpy(h * e, k, &mut error));
        let ratio = norm(&error) / tolerance;
        let next_speed = norm(&stages[6]);
        if !(ratio.is_finite() && energy.is_finite() && rates[6].is_finite() && next_speed.is_finite()) {
            h *= 0.1;
            continue;
        }
        if ratio <= 1.0 {
            work += h * rates.iter().zip(A[5]).map(|(r, a)| r * a).sum::<f64>();
            x.copy_from_slice(&argument);
            course.push(if landscape.has_energy() { energy } else { work });
            stages.swap(0, 6);
            rates[0] = rates[6];
            speed = next_speed;
        }
        h *= (0.9 * ratio.max(1e-12).powf(-0.2)).clamp(0.2, 5.0);
    }
    let gap = if landscape.has_energy() {
        course.last - energy - work
    } else {
        work + work_along_chord(landscape, start, &x)
    };
    Orbit { end: x, speed, course, gap }
}

/// The work of a field along the straight line between two points (Simpson's rule).
fn work_along_chord(landscape: &dyn Landscape, from: &[f64], to: &[f64]) -> f64 {
    let n = from.len();
    let points = Mat::from_fn(n, CHORD + 1, |i, j| from[i] + (to[i] - from[i]) * j as f64 / CHORD as f64);
    let mut slopes = Mat::zeros(n, CHORD + 1);
    landscape.gradients(points.as_ref(), &mut [0.0; CHORD + 1], slopes.as_mut());
    let along: Vec<f64> = to.iter().zip(from).map(|(a, b)| a - b).collect();
    let weight = |j: usize| match j {
        0 | CHORD => 1.0,
        j if j % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=CHORD).map(|j| weight(j) * -dot(slopes.col_as_slice(j), &along)).sum();
    sum / (3.0 * CHORD as f64)
}
