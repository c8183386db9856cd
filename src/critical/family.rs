//! Degenerate critical points and continua of them, told apart and gathered.
//!
//! Two degenerate points belong to one family if one can be walked to from the other along critical points: steps
//! within the null space of the Hessian, each corrected across it.

use super::follow::Followed;
use super::modes::project;
use super::problem::Problem;
use super::refine::{Refined, refine};
use crate::landscape::Landscape;
use crate::linalg::{axpy, norm};

/// Points of a family that are kept.
const SAMPLES: usize = 400;

/// A family under collection.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    /// The point it was recognised by.
    pub(crate) first: Refined,
    /// Dimension of the continuum, 0 for an isolated point.
    pub(crate) dimension: usize,
    /// Points met, `first` included.
    pub(crate) samples: Vec<Vec<f64>>,
}

impl Family {
    pub(crate) fn new(problem: &Problem<'_>, point: Refined, tolerance: f64) -> Self {
        let dimension = dimension(problem, &point, tolerance);
        let mut samples = vec![point.x.clone()];
        if dimension > 0 {
            samples.extend(neighbours(problem, &point, tolerance));
        }
        Family { first: point, dimension, samples }
    }

    /// Does the point belong here? If so it is taken in.
    pub(crate) fn absorb(&mut self, problem: &Problem<'_>, point: &Refined, tolerance: f64) -> bool {
        let gap = (point.energy - self.first.energy).abs();
        if gap > 1e-7 * (1.0 + self.first.energy.abs()) {
            return false;
        }
        if self.dimension == problem.dim() && point.spectral_radius() == 0.0 {
            // An open set of critical points, all at one height: the parts of a plateau are one entry.
            if self.samples.len() < SAMPLES {
                self.samples.push(point.x.clone());
            }
            return true;
        }
        let distance = |s: &Vec<f64>| problem.region.distance(s, &point.x);
        let Some(nearest) = self.samples.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).cloned()
        else {
            return false;
        };
        let close = 1e-3 * problem.scale;
        let joined = if self.dimension == 0 {
            distance(&nearest) < close
        } else {
            distance(&nearest) < 1e-6 * problem.scale || walk(problem, point, &nearest, tolerance)
        };
        if joined && self.dimension > 0 && self.samples.len() < SAMPLES && distance(&nearest) > close {
            self.samples.push(point.x.clone());
        }
        joined
    }
}

/// Number of null directions along which the point can be left while it stays critical.
fn dimension(problem: &Problem<'_>, point: &Refined, tolerance: f64) -> usize {
    null_modes(point, tolerance)
        .into_iter()
        .filter(|&j| [1.0, -1.0].iter().any(|sign| moved(problem, point, j, *sign, tolerance).is_some()))
        .count()
}

/// The points reached by one step along each null direction.
fn neighbours(problem: &Problem<'_>, point: &Refined, tolerance: f64) -> Vec<Vec<f64>> {
    null_modes(point, tolerance)
        .into_iter()
        .flat_map(|j| [1.0, -1.0].map(|sign| moved(problem, point, j, sign, tolerance)))
        .flatten()
        .collect()
}

fn null_modes(point: &Refined, tolerance: f64) -> Vec<usize> {
    let largest = point.spectral_radius();
    let smallest = point.values.iter().fold(f64::INFINITY, |m, v| m.min(v.abs()));
    // A point can also be degenerate by its higher derivatives alone: then its softest mode is meant.
    let limit = (tolerance * largest).max(smallest * 1.01);
    (0..point.kept()).filter(|&j| point.values[j].abs() <= limit).collect()
}

/// One step of a twentieth of the scale along null mode `j`, corrected; `None` unless it is critical as well.
fn moved(problem: &Problem<'_>, point: &Refined, j: usize, sign: f64, tolerance: f64) -> Option<Vec<f64>> {
    let h = 0.05 * problem.scale;
    let mut x = point.x.clone();
    axpy(sign * h, point.vector(j), &mut x);
    let x = correct(problem, x, tolerance)?;
    let mut g = vec![0.0; x.len()];
    problem.landscape.gradient(&x, &mut g);
    // Far below what the curvature that counts as none would make of it: a soft mode is not a null one.
    let limit = (10.0 * point.noise).max(1e-3 * tolerance * point.spectral_radius() * h);
    let stayed = problem.region.distance(&x, &point.x) > 0.5 * h;
    (stayed && norm(&g) <= limit).then_some(x)
}

/// Newton across the null space. The first steps leave along it alone.
fn correct(problem: &Problem<'_>, x: Vec<f64>, tolerance: f64) -> Option<Vec<f64>> {
    let n = x.len();
    let mut x = x;
    let mut g = vec![0.0; n];
    for _ in 0..8 {
        problem.landscape.gradient(&x, &mut g);
        let mut h = faer::Mat::zeros(n, n);
        problem.landscape.hessian(&x, h.as_mut());
        let (mut values, mut vectors) = (vec![0.0; n], faer::Mat::zeros(n, n));
        if !crate::linalg::symmetric_eigen(h.as_ref(), &mut values, vectors.as_mut()) {
            return None;
        }
        let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        // Wider than the classification: after a step the null curvature is only small, not zero.
        let limit = (1e5 * tolerance).clamp(1e-6, 1e-3) * largest;
        let c = project(vectors.as_ref(), &g);
        let mut length = 0.0;
        for j in 0..n {
            if values[j].abs() > limit {
                let s = -c[j] / values[j];
                length += s * s;
                x.iter_mut().zip(vectors.col(j).iter()).for_each(|(x, v)| *x += s * v);
            }
        }
        if length.sqrt() < 1e-13 * problem.scale {
            break;
        }
    }
    problem.contains_nearly(&x).then_some(x)
}

/// Walks from a degenerate point towards `goal` along critical points; true if it arrives.
fn walk(problem: &Problem<'_>, from: &Refined, goal: &[f64], tolerance: f64) -> bool {
    let mut here = from.clone();
    let mut distance = problem.region.distance(&here.x, goal);
    for _ in 0..200 {
        let towards = problem.region.difference(&here.x, goal);
        let null = null_modes(&here, tolerance);
        let h = (0.05 * problem.scale).min(distance);
        let along: Vec<f64> = null.iter().map(|&j| crate::linalg::dot(here.vector(j), &towards)).collect();
        let size = norm(&along);
        if size < 1e-3 * distance {
            return false;
        }
        let mut x = here.x.clone();
        for (&j, a) in null.iter().zip(&along) {
            axpy(a * h / size, here.vector(j), &mut x);
        }
        let Some(x) = correct(problem, x, tolerance) else { return false };
        let Some(next) = refine(problem, &Followed { x, gradient_norm: 0.0 }, tolerance) else {
            return false;
        };
        if next.index.is_some() || (next.energy - from.energy).abs() > 1e-7 * (1.0 + from.energy.abs()) {
            return false;
        }
        let closer = problem.region.distance(&next.x, goal);
        if closer < 1e-3 * problem.scale {
            return true;
        }
        if closer > 0.99 * distance {
            return false;
        }
        distance = closer;
        here = next;
    }
    false
}
