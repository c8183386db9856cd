//! Where searches start: at the data, at random, between known points.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1};

use super::problem::Problem;
use super::refine::Refined;
use crate::linalg::dot;

/// A random start: a random mean of a few data that lie near each other, or a point of the region where there are no
/// data (and one time in eight anyway).
pub(crate) fn random(problem: &Problem<'_>, rng: &mut impl Rng) -> Vec<f64> {
    let n = problem.dim();
    for _ in 0..100 {
        let x = match problem.wells.as_ref().map(|w| (**w).as_ref()) {
            Some(data) if data.ncols() > 1 && rng.random_range(0..8) > 0 => {
                let count = data.ncols();
                let first = rng.random_range(0..count);
                let members = rng.random_range(2..=(n + 1).min(count).clamp(2, 6));
                let mut x = vec![0.0; n];
                let mut total = 0.0;
                for m in 0..members {
                    let k = if m == 0 { first } else { near(data, first, rng) };
                    let w: f64 = Exp1.sample(rng);
                    total += w;
                    (0..n).for_each(|i| x[i] += w * data[(i, k)]);
                }
                x.iter_mut().for_each(|x| *x /= total);
                x
            }
            _ => problem.region.sample(rng),
        };
        if problem.contains(&x, 1.0) {
            return x;
        }
    }
    problem.region.center()
}

/// The nearest of a few random data: near, but not always the same.
fn near(data: faer::MatRef<'_, f64>, first: usize, rng: &mut impl Rng) -> usize {
    let tries = [1, 2, 4, 8, 16][rng.random_range(0..5)];
    let distance =
        |k: usize| -> f64 { (0..data.nrows()).map(|i| (data[(i, k)] - data[(i, first)]).powi(2)).sum() };
    let mut best = (f64::INFINITY, first);
    for _ in 0..tries {
        let k = rng.random_range(0..data.ncols());
        if k != first {
            let d = distance(k);
            if d < best.0 {
                best = (d, k);
            }
        }
    }
    best.1
}

/// The point of the affine hull of some minima at which their quadratic wells `E_i + c |x - m_i|^2 / 2` are level (the
/// radical centre; with equal energies the circumcentre), and the hull's directions (n x k, not orthogonal).
///
/// As the noise of a mixture falls its critical points of index k tend to these points of k + 1 data. `None` if the
/// minima are affinely dependent; a centre far outside the simplex is replaced by the centroid.
pub(crate) fn level_point(problem: &Problem<'_>, corners: &[&Refined]) -> Option<(Vec<f64>, faer::Mat<f64>)> {
    let n = problem.dim();
    let k = corners.len() - 1;
    let base = &corners[0];
    let curvature: f64 =
        corners.iter().map(|c| c.values.iter().sum::<f64>() / c.values.len() as f64).sum::<f64>()
            / corners.len() as f64;
    let arms: Vec<Vec<f64>> = corners[1..].iter().map(|c| problem.region.difference(&base.x, &c.x)).collect();
    let gram = faer::Mat::from_fn(k, k, |i, j| dot(&arms[i], &arms[j]));
    // |x - m_0|^2 - |x - m_i|^2 = 2 (E_i - E_0)/c, with x = m_0 + sum t_j arm_j: gram t = |arm_i|^2/2 + (E_i - E_0)/c.
    let right = faer::Mat::from_fn(k, 1, |i, _| {
        0.5 * gram[(i, i)] + (corners[i + 1].energy - base.energy) / curvature
    });
    use faer::linalg::solvers::Solve;
    let t = gram.llt(faer::Side::Lower).ok()?.solve(&right);
    let rest = 1.0 - (0..k).map(|j| t[(j, 0)]).sum::<f64>();
    let inside = rest > -0.3 && (0..k).all(|j| t[(j, 0)] > -0.3);
    let mut x = base.x.clone();
    for j in 0..k {
        let weight = if inside { t[(j, 0)] } else { 1.0 / (k + 1) as f64 };
        crate::linalg::axpy(weight, &arms[j], &mut x);
    }
    let directions = faer::Mat::from_fn(n, k, |i, j| arms[j][i]);
    problem.contains(&x, 1.1).then_some((x, directions))
}
