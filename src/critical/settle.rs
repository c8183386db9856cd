//! Many descents at once: the gradients of all of them are one product with the data.
//!
//! Where the energy is a quadratic of curvature c less a convex function, as that of a sum of equally wide Gaussians, `x - grad E(x)/c`
//! is what mean shift does (Fukunaga & Hostetler 1975). No second derivative is larger than c, so that steps longer by a factor
//! below two descend as well; they get there sooner.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use faer::Mat;
use rayon::prelude::*;

use super::problem::Problem;
use super::seeds::{Seed, descent};
use crate::control::{Control, Progress};
use crate::landscape::{Kernel, Landscape};
use crate::linalg::norm;

/// Descents that are followed together: at most, and at least if there are as many, in so many groups where there are not many.
const TOGETHER: (usize, usize, usize) = (128, 16, 8);
/// Length of a step over that of mean shift.
const FACTOR: f64 = 1.7;
/// Steps at most.
const MOST: usize = 300;
/// A step of mean shift that is so short, relative to the problem's scale and to the width of a well, is near enough to the end for
/// Newton's method.
const NEAR: (f64, f64) = (1e-5, 1e-3);

/// The same searches, but plain descents among them have been followed nearly to their ends, where that is cheap.
pub(super) fn settle(problem: &Problem<'_>, mut seeds: Vec<Seed>, control: &Control<'_>) -> Vec<Seed> {
    let Some(kernel) = problem.landscape.kernel() else { return seeds };
    let is_plain = |seed: &Seed| matches!(seed, Seed::Climb { index: 0, directions: None, from: None, .. });
    let plain: Vec<usize> = (0..seeds.len()).filter(|i| is_plain(&seeds[*i])).collect();
    let total = plain.len();
    let (most, least, groups) = TOGETHER;
    if total < least {
        return seeds;
    }
    let done = AtomicUsize::new(0);
    let settled: Vec<Vec<Seed>> = plain
        .par_chunks(total.div_ceil(groups).clamp(least, most))
        .map(|group| {
            let starts: Vec<&[f64]> = group.iter().map(|i| seeds[*i].start()).collect();
            let settled = descend(problem, &starts, kernel, control);
            let done = done.fetch_add(group.len(), Relaxed) + group.len();
            (control.progress)(Progress { stage: "descents", done, total, note: "" });
            settled
        })
        .collect();
    for (place, seed) in plain.into_iter().zip(settled.into_iter().flatten()) {
        seeds[place] = seed;
    }
    seeds
}

/// Follows the descents from these points side by side.
fn descend(problem: &Problem<'_>, starts: &[&[f64]], kernel: Kernel, control: &Control<'_>) -> Vec<Seed> {
    let (n, count) = (problem.dim(), starts.len());
    let curvature = kernel.curvature;
    let least = curvature * (NEAR.0 * problem.scale).min(NEAR.1 * kernel.width());
    let mut seeds: Vec<Option<Seed>> = (0..count).map(|_| None).collect();
    // Those on their way, side by side.
    let mut x = Mat::from_fn(n, count, |i, j| starts[j][i]);
    let mut on: Vec<usize> = (0..count).collect();
    let (mut energies, mut gradients) = (vec![0.0; count], Mat::zeros(n, count));
    for _ in 0..MOST {
        let active = on.len();
        if active == 0 || control.stopped() {
            break;
        }
        let at = x.as_ref().subcols(0, active);
        problem.landscape.gradients(at, &mut energies[..active], gradients.as_mut().subcols_mut(0, active));
        let mut moving = vec![];
        for (j, id) in on.iter().enumerate() {
            let g = gradients.col_as_slice(j);
            let size = norm(g);
            if size <= least {
                seeds[*id] = Some(Seed::Settled { x: x.col_as_slice(j).to_vec(), gradient: g.to_vec() });
            } else if size.is_finite() {
                let place = moving.len();
                for i in 0..n {
                    x[(i, place)] = x[(i, j)] - FACTOR / curvature * g[i];
                }
                moving.push(*id);
            }
        }
        on = moving;
    }
    // What is slow goes on from where it came to.
    for (place, id) in on.into_iter().enumerate() {
        seeds[id] = Some(descent(x.col_as_slice(place).to_vec()));
    }
    seeds
        .into_iter()
        .zip(starts)
        .map(|(seed, start)| seed.unwrap_or_else(|| descent(start.to_vec())))
        .collect()
}
