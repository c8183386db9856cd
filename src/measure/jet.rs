//! The Taylor expansion of an energy at a critical point up to fourth order, in the eigenvectors of its Hessian.
//!
//! In: a landscape and a critical point, a minimum or a saddle. Out: a [`Jet`], and from it the coefficients of Laplace's
//! method. Third derivatives are the landscape's own; fourth ones are differences of these, extrapolated to step zero
//! (C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Adv. Eng. Softw. 4, 1982), with the estimate of their
//! error that the extrapolation gives.

use faer::Mat;
use rayon::prelude::*;

use crate::landscape::Landscape;
use crate::linalg::{axpy, dot, norm, symmetric_eigen};

/// Up to this dimension all fourth derivatives are computed; above it those with equal pairs.
pub const FULL: usize = 3;

/// Above this dimension there is no jet: its third derivatives alone would be millions.
pub const MOST: usize = 128;

/// Steps of the differences, each half the one before.
const LEVELS: usize = 12;

/// An extrapolation with this relative error is as good as rounding lets it be.
const ENOUGH: f64 = 1e-13;

/// The expansion of an energy at a point, in coordinates along the eigenvectors of its Hessian.
#[derive(Clone, Debug)]
pub struct Jet {
    /// Where (length d).
    pub x: Vec<f64>,
    /// Energy there.
    pub energy: f64,
    /// Eigenvalues of the Hessian, ascending (length d).
    pub eigenvalues: Vec<f64>,
    /// Orthonormal eigenvectors, one a column (d x d).
    pub vectors: Mat<f64>,
    /// Third derivatives `E_ijk`, at place `(i d + j) d + k`: all of them.
    pub third: Vec<f64>,
    /// Fourth derivatives with equal pairs, `pairs[(i, j)] = E_iijj` (d x d, symmetric).
    pub pairs: Mat<f64>,
    /// Fourth derivatives `E_ijkl`, at place `((i d + j) d + k) d + l`, in up to [`FULL`] dimensions; else empty.
    pub fourth: Vec<f64>,
    /// Estimate of the error of the fourth derivatives, relative to the largest of them.
    pub error: f64,
}

/// Expands a landscape at `x`. `None` above [`MOST`] dimensions, for a field without an energy, and where a derivative is
/// not finite.
pub fn jet(landscape: &dyn Landscape, x: &[f64]) -> Option<Jet> {
    let d = x.len();
    if d > MOST || d == 0 || !landscape.has_energy() {
        return None;
    }
    let mut hessian = Mat::zeros(d, d);
    landscape.hessian(x, hessian.as_mut());
    let (mut eigenvalues, mut vectors) = (vec![0.0; d], Mat::zeros(d, d));
    if !symmetric_eigen(hessian.as_ref(), &mut eigenvalues, vectors.as_mut()) {
        return None;
    }
    let energy = landscape.energy(x);
    let third = tensor(landscape, x, &vectors);
    if !energy.is_finite() || third.iter().any(|e| !e.is_finite()) {
        return None;
    }
    let step = first_step(landscape, x, &eigenvalues, &third);
    let along: Vec<Option<(Vec<f64>, f64)>> = (0..d)
        .into_par_iter()
        .map(|l| {
            let direction = vectors.col_as_slice(l);
            if d <= FULL {
                derivative(step, |t| tensor(landscape, &shifted(x, t, direction), &vectors))
            } else {
                derivative(step, |t| diagonal(landscape, &shifted(x, t, direction), &vectors, direction))
            }
        })
        .collect();
    let along: Vec<(Vec<f64>, f64)> = along.into_iter().collect::<Option<_>>()?;
    let largest = along.iter().flat_map(|(values, _)| values).fold(0.0_f64, |m, v| m.max(v.abs()));
    let worst = along.iter().map(|(_, error)| *error).fold(0.0, f64::max);
    let error = if largest > 0.0 { worst / largest } else { 0.0 };
    let (fourth, pairs) = if d <= FULL {
        let fourth = symmetric_fourth(d, &along);
        let pairs = Mat::from_fn(d, d, |i, j| fourth[((i * d + i) * d + j) * d + j]);
        (fourth, pairs)
    } else {
        (vec![], Mat::from_fn(d, d, |i, j| 0.5 * (along[i].0[j] + along[j].0[i])))
    };
    Some(Jet { x: x.to_vec(), energy, eigenvalues, vectors, third, pairs, fourth, error })
}

fn shifted(x: &[f64], t: f64, direction: &[f64]) -> Vec<f64> {
    let mut moved = x.to_vec();
    axpy(t, direction, &mut moved);
    moved
}

/// All third derivatives at a point along the columns of `vectors`.
fn tensor(landscape: &dyn Landscape, x: &[f64], vectors: &Mat<f64>) -> Vec<f64> {
    let d = x.len();
    let mut all = vec![0.0; d * d * d];
    let mut out = vec![0.0; d];
    for i in 0..d {
        for j in i..d {
            landscape.third(x, vectors.col_as_slice(i), vectors.col_as_slice(j), &mut out);
            // What one call gives for all k is kept for k >= j alone, so that the tensor is symmetric to the bit.
            for k in j..d {
                let value = dot(&out, vectors.col_as_slice(k));
                for (a, b, c) in [(i, j, k), (i, k, j), (j, i, k), (j, k, i), (k, i, j), (k, j, i)] {
                    all[(a * d + b) * d + c] = value;
                }
            }
        }
    }
    all
}

/// `E_jjl` for all j, with `l` the direction given.
fn diagonal(landscape: &dyn Landscape, x: &[f64], vectors: &Mat<f64>, direction: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    let mut along = |j: usize| {
        landscape.third(x, vectors.col_as_slice(j), vectors.col_as_slice(j), &mut out);
        dot(&out, direction)
    };
    (0..x.len()).map(&mut along).collect()
}

/// A first step, as long as the curvature may still be told from what it is at the point: later ones are shorter.
fn first_step(landscape: &dyn Landscape, x: &[f64], eigenvalues: &[f64], third: &[f64]) -> f64 {
    let curvature = eigenvalues.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let bend = third.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let region = landscape.region().map_or_else(|| 1.0 + norm(x), |r| r.radius());
    let length = if bend > 0.0 { (curvature / bend).min(region) } else { region };
    let length = if length.is_normal() { length } else { 1.0 };
    0.25 * length
}

/// The derivative of `f` at zero and an estimate of its error (absolute); `None` where it is not finite.
fn derivative(first: f64, f: impl Fn(f64) -> Vec<f64>) -> Option<(Vec<f64>, f64)> {
    let size = |v: &[f64]| v.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let mut best: Option<(Vec<f64>, f64)> = None;
    let mut last: Vec<Vec<f64>> = vec![];
    let mut step = first;
    for _ in 0..LEVELS {
        let (up, down) = (f(step), f(-step));
        let plain: Vec<f64> = up.iter().zip(&down).map(|(a, b)| (a - b) / (2.0 * step)).collect();
        step *= 0.5;
        if plain.iter().any(|v| !v.is_finite()) {
            last.clear();
            continue;
        }
        let mut row = vec![plain];
        let mut power = 4.0;
        let mut newest_error = f64::INFINITY;
        for before in &last {
            let newest = &row[row.len() - 1];
            let better: Vec<f64> =
                newest.iter().zip(before).map(|(n, b)| n + (n - b) / (power - 1.0)).collect();
            let differ =
                |other: &[f64]| better.iter().zip(other).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
            let error = differ(newest).max(differ(before));
            if best.as_ref().is_none_or(|(_, least)| error < *least) {
                best = Some((better.clone(), error));
            }
            row.push(better);
            power *= 4.0;
            newest_error = newest_error.min(error);
        }
        // Once rounding takes over, shorter steps only make it worse.
        if let Some((values, least)) = &best
            && *least <= 1e-8 * size(values)
            && newest_error > 4.0 * least
        {
            break;
        }
        if let Some((values, error)) = &best
            && *error <= ENOUGH * size(values)
        {
            break;
        }
        last = row;
    }
    best
}

/// All fourth derivatives from the differences of third ones along each direction: the mean over the four ways to get each.
fn symmetric_fourth(d: usize, along: &[(Vec<f64>, f64)]) -> Vec<f64> {
    let entry = |l: usize, i: usize, j: usize, k: usize| along[l].0[(i * d + j) * d + k];
    let mut all = Vec::with_capacity(d.pow(4));
    for place in 0..d.pow(4) {
        let mut index = [place / d.pow(3), place / d.pow(2) % d, place / d % d, place % d];
        index.sort_unstable();
        let [i, j, k, l] = index;
        all.push(0.25 * (entry(l, i, j, k) + entry(k, i, j, l) + entry(j, i, k, l) + entry(i, j, k, l)));
    }
    all
}

impl Jet {
    /// Dimension d.
    pub fn dim(&self) -> usize {
        self.eigenvalues.len()
    }

    /// Third derivative along eigenvectors i, j, k.
    pub fn e3(&self, i: usize, j: usize, k: usize) -> f64 {
        let d = self.dim();
        self.third[(i * d + j) * d + k]
    }

    /// Fourth derivative along eigenvectors i, j, k, l; `None` above [`FULL`] dimensions unless they are two pairs.
    pub fn e4(&self, i: usize, j: usize, k: usize, l: usize) -> Option<f64> {
        let d = self.dim();
        let mut index = [i, j, k, l];
        index.sort_unstable();
        if index[0] == index[1] && index[2] == index[3] {
            return Some(self.pairs[(index[0], index[2])]);
        }
        self.fourth.get(((i * d + j) * d + k) * d + l).copied()
    }

    /// `log |det H|`.
    pub fn log_determinant(&self) -> f64 {
        self.eigenvalues.iter().map(|v| v.abs().ln()).sum()
    }

    /// `|T|^2/12 + |tr T|^2/8` with `T` the third derivative in whitened coordinates, `T_ijk = E_ijk / sqrt(l_i l_j l_k)`:
    /// the coefficient of the temperature in the Kullback-Leibler divergence from the Gibbs measure of a well to its
    /// Gaussian. `None` unless the point is a nondegenerate minimum.
    pub fn divergence(&self) -> Option<f64> {
        let d = self.dim();
        if !(*self.eigenvalues.first()? > 0.0) {
            return None;
        }
        let (mut squares, mut traces) = (0.0, 0.0);
        for k in 0..d {
            let mut trace = 0.0;
            for i in 0..d {
                trace += self.e3(i, i, k) / self.eigenvalues[i];
                for j in 0..d {
                    let product = self.eigenvalues[i] * self.eigenvalues[j] * self.eigenvalues[k];
                    squares += self.e3(i, j, k).powi(2) / product;
                }
            }
            traces += trace * trace / self.eigenvalues[k];
        }
        Some(squares / 12.0 + traces / 8.0)
    }

    /// The first correction to Laplace's method: `int exp(-E/eps)` over the well is
    /// `exp(-E/eps) (2 pi eps)^(d/2) det(H)^(-1/2) (1 + c1 eps + O(eps^2))`. `None` unless the point is a nondegenerate
    /// minimum.
    pub fn correction(&self) -> Option<f64> {
        let cubic = self.divergence()?;
        let d = self.dim();
        let term = |i: usize, j: usize| self.pairs[(i, j)] / (self.eigenvalues[i] * self.eigenvalues[j]);
        let quartic: f64 = (0..d).map(|i| (0..d).map(|j| term(i, j)).sum::<f64>()).sum();
        Some(cubic - quartic / 8.0)
    }

    /// How the mean of the well's Gibbs measure moves with the temperature, to first order: `-(1/2) G_ab E_bcd G_cd` with
    /// `G = H^-1`, in the coordinates of the state (length d). `None` unless the point is a nondegenerate minimum.
    pub fn drift(&self) -> Option<Vec<f64>> {
        let d = self.dim();
        if !(*self.eigenvalues.first()? > 0.0) {
            return None;
        }
        let mut shift = vec![0.0; d];
        for b in 0..d {
            let trace: f64 = (0..d).map(|c| self.e3(b, c, c) / self.eigenvalues[c]).sum();
            axpy(-0.5 * trace / self.eigenvalues[b], self.vectors.col_as_slice(b), &mut shift);
        }
        Some(shift)
    }
}

#[cfg(test)]
mod tests;
