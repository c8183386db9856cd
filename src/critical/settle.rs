//! Many descents at once: the gradients of all of them are one product with the data.
//!
//! Where the energy is a quadratic of curvature c less a convex function, as that of a sum of equally wide Gaussians, `x - grad E(x)/c`
//! is what mean shift does (Fukunaga & Hostetler 1975). No second derivative is larger than c, so that steps longer by a factor
//! below two descend as well; they get there sooner.

use faer::{Mat, MatRef};
use rayon::prelude::*;

use super::follow::Followed;
use super::problem::Problem;
use super::seeds::{Seed, descent};
use crate::control::Control;
use crate::landscape::Landscape;
use crate::linalg::norm;

/// Descents that are followed together. So few are not worth it.
const TOGETHER: usize = 128;
/// Length of a step over that of mean shift.
const FACTOR: f64 = 1.7;
/// Steps at most.
const MOST: usize = 300;
/// A step of mean shift that is so short, relative to the problem's scale, is near enough to the end for Newton's method.
const NEAR: f64 = 1e-5;

/// Searches for minima from all these points (columns), each followed nearly to its end first where that is cheap.
pub(super) fn descents(problem: &Problem<'_>, starts: MatRef<'_, f64>, control: &Control<'_>) -> Vec<Seed> {
    let plain = |j: usize| descent(starts.col(j).iter().copied().collect());
    let Some(kernel) = problem.landscape.kernel().filter(|_| starts.ncols() > TOGETHER) else {
        return (0..starts.ncols()).map(plain).collect();
    };
    let chunks = 0..starts.ncols().div_ceil(TOGETHER);
    let settled: Vec<Vec<Seed>> = chunks
        .into_par_iter()
        .map(|chunk| {
            let first = chunk * TOGETHER;
            let count = TOGETHER.min(starts.ncols() - first);
            settle(problem, starts.subcols(first, count), kernel.curvature, control)
        })
        .collect();
    settled.into_iter().flatten().collect()
}

fn settle(
    problem: &Problem<'_>,
    starts: MatRef<'_, f64>,
    curvature: f64,
    control: &Control<'_>,
) -> Vec<Seed> {
    let (n, count) = starts.shape();
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
            let gradient_norm = norm(g);
            if gradient_norm <= NEAR * curvature * problem.scale {
                seeds[*id] = Some(Seed::Settled(Followed { x: x.col_as_slice(j).to_vec(), gradient_norm }));
            } else if gradient_norm.is_finite() {
                let place = moving.len();
                for i in 0..n {
                    x[(i, place)] = x[(i, j)] - FACTOR / curvature * g[i];
                }
                moving.push(*id);
            }
        }
        on = moving;
    }
    let plain = |j: usize| descent(starts.col(j).iter().copied().collect());
    seeds.into_iter().enumerate().map(|(j, seed)| seed.unwrap_or_else(|| plain(j))).collect()
}
