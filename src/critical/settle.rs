//! Many descents at once: the gradients of all of them are one product with the data.
//!
//! Where the energy is a quadratic of curvature c less a convex function, as that of a sum of equally wide Gaussians, `x - grad E(x)/c`
//! is what mean shift does (Fukunaga & Hostetler 1975). No second derivative is larger than c, so that steps longer by a factor
//! below two descend as well; they get there sooner.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use faer::{Mat, MatRef};
use rayon::prelude::*;

use super::problem::Problem;
use super::seeds::{Seed, descent};
use crate::control::{Control, Progress};
use crate::landscape::{Kernel, Landscape};
use crate::linalg::norm;

/// Descents that are followed together. So few are not worth it.
const TOGETHER: usize = 128;
/// Length of a step over that of mean shift.
const FACTOR: f64 = 1.7;
/// Steps at most.
const MOST: usize = 300;
/// A step of mean shift that is so short, relative to the problem's scale and to the width of a well, is near enough to the end for
/// Newton's method.
const NEAR: (f64, f64) = (1e-5, 1e-3);

/// Searches for minima from all these points (columns), each followed nearly to its end first where that is cheap.
pub(super) fn descents(problem: &Problem<'_>, starts: MatRef<'_, f64>, control: &Control<'_>) -> Vec<Seed> {
    let plain = |j: usize| descent(starts.col(j).iter().copied().collect());
    let total = starts.ncols();
    let Some(kernel) = problem.landscape.kernel().filter(|_| total > TOGETHER) else {
        return (0..total).map(plain).collect();
    };
    let chunks = 0..total.div_ceil(TOGETHER);
    let done = AtomicUsize::new(0);
    let settled: Vec<Vec<Seed>> = chunks
        .into_par_iter()
        .map(|chunk| {
            let first = chunk * TOGETHER;
            let count = TOGETHER.min(total - first);
            let seeds = settle(problem, starts.subcols(first, count), kernel, control);
            let done = done.fetch_add(count, Relaxed) + count;
            (control.progress)(Progress { stage: "descents", done, total, note: "" });
            seeds
        })
        .collect();
    settled.into_iter().flatten().collect()
}

fn settle(
    problem: &Problem<'_>,
    starts: MatRef<'_, f64>,
    kernel: Kernel,
    control: &Control<'_>,
) -> Vec<Seed> {
    let (n, count) = starts.shape();
    let curvature = kernel.curvature;
    let least = curvature * (NEAR.0 * problem.scale).min(NEAR.1 * kernel.width());
    let mut seeds: Vec<Option<Seed>> = (0..count).map(|_| None).collect();
    // Those on their way, side by side.
    let mut x = starts.to_owned();
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
    let plain = |j: usize| descent(starts.col(j).iter().copied().collect());
    seeds.into_iter().enumerate().map(|(j, seed)| seed.unwrap_or_else(|| plain(j))).collect()
}
