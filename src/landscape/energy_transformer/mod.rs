//! `energy-transformer`: one block of Hoover et al. (2023, "Energy Transformer"),
//!
//! `E(x) = -(1/beta) sum_h sum_C log sum_{B != C} exp(beta K_hB.Q_hC) - sum_B sum_mu F(xi_mu.g_B)`,
//!
//! over N tokens `x_B` in R^D, one after the other in the state, with `g_B = gamma (x_B - mean)/sqrt(var + epsilon) +
//! delta`, `K = W_K g`, `Q = W_Q g`. The published dynamics is `x' = -dE/dg`, the gradient flow in the metric of the
//! layer norm. Every token needs another to attend to: with one token there is no attention.
//!
//! **Null directions.** The layer norm does not notice a token's mean, and with `epsilon = 0` not its scale: E is a
//! function on a product of N spheres of dimension D - 2. What is analysed is that quotient. The null directions are
//! pinned: `(D/2) mean_B^2` is added for each token, and with `epsilon = 0` also `(D/2) (sqrt(var_B) - 1)^2`. Both vanish
//! where they are least, so that critical points (represented with mean 0 and variance 1), their energies and
//! indices are those of the quotient; each pinned direction adds one eigenvalue 1. With `epsilon = 0` the energy has
//! a pole where a token is constant, so the Euler characteristic to compare with is that of the spheres,
//! `(1 + (-1)^D)^N`, not that of the ball. The published dynamics with `epsilon = 0` lets the tokens' scales drift, which
//! only changes each token's pace; orbits here hold the variances at 1.
//!
//! With `epsilon > 0` the energy is smooth and bounded, and mostly falls outwards for ever: critical points may be at
//! infinity, unless a `confinement` (which replaces the pins) holds the tokens.

mod block;
mod kind;
mod layer_norm;

use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

pub use block::Weights;
pub use kind::KIND;

use super::dense_memory::Separation;
use super::{Dynamics, Family, Landscape, Linearization, Region};
use crate::error::{Error, Result};
use crate::linalg::{axpy, dot};
use block::{Block, Point};
use layer_norm::LayerNorm;

/// The landscape; see the module.
#[derive(Clone, Debug)]
pub struct EnergyTransformer {
    tokens: usize,
    weights: Weights,
    separation: Separation,
    beta: f64,
    gamma: f64,
    epsilon: f64,
    confinement: f64,
}

/// What all derivatives at a point share.
struct Frozen {
    energy: f64,
    norms: Vec<LayerNorm>,
    point: Point,
    /// Gradient of the block's energy in g.
    slope: Vec<f64>,
}

impl EnergyTransformer {
    /// A block over `tokens` tokens; `beta > 0`, `gamma` not zero, `epsilon >= 0`, `confinement >= 0` and zero if
    /// epsilon is.
    pub fn new(
        tokens: usize,
        weights: Weights,
        separation: Separation,
        beta: f64,
        gamma: f64,
        epsilon: f64,
        confinement: f64,
    ) -> Result<Self> {
        let error = |what: String| Err(Error::input(format!("energy-transformer: {what}")));
        let d = weights.dim;
        if tokens == 0 {
            return error("`tokens` must be at least 1".into());
        }
        if d < 3 {
            return error(format!(
                "tokens have dimension {d}: below 3 a normalised token has no freedom left"
            ));
        }
        let size = weights.heads * weights.head_dim * d;
        if weights.key.len() != size || weights.query.len() != size {
            let shape = format!("{} heads x {} x {d}", weights.heads, weights.head_dim);
            let (k, q) = (weights.key.len(), weights.query.len());
            return error(format!("key and query weights have {k} and {q} numbers, not {size} ({shape})"));
        }
        if !weights.memory.len().is_multiple_of(d) || weights.delta.len() != d {
            return error(format!("memories and delta must have {d} numbers each"));
        }
        let all = [&weights.key, &weights.query, &weights.memory, &weights.delta];
        if all.iter().any(|w| w.iter().any(|w| !(w.abs() <= 1e30))) {
            return error("`weights` must be finite and below 1e30".into());
        }
        if !(1e-30..=1e30).contains(&beta) {
            return error(format!("`beta` is {beta:e}, it must lie between 1e-30 and 1e30"));
        }
        if !((1e-30..=1e30).contains(&gamma)) {
            return error(format!("`gamma` is {gamma:e}, it must lie between 1e-30 and 1e30"));
        }
        if !((0.0..=1e30).contains(&epsilon)) {
            return error(format!("`epsilon` is {epsilon}, it must be zero or more"));
        }
        if !((0.0..=1e30).contains(&confinement)) {
            return error(format!("`confinement` is {confinement}, it must be zero or more"));
        }
        if confinement > 0.0 && epsilon == 0.0 {
            return error(
                "`confinement` needs `epsilon` above 0: without it nothing keeps a token from 0".into(),
            );
        }
        let transformer =
            EnergyTransformer { tokens, weights, separation, beta, gamma, epsilon, confinement };
        let reach =
            gamma * (d as f64).sqrt() + dot(&transformer.weights.delta, &transformer.weights.delta).sqrt();
        for xi in transformer.weights.memory.chunks_exact(d) {
            if separation.log_size(1.0, reach * dot(xi, xi).sqrt()) > 600.0 {
                return error(
                    "the memory term overflows: make the memories in `weights`, or `p`, smaller".into(),
                );
            }
        }
        Ok(transformer)
    }

    fn block(&self) -> Block<'_> {
        Block { weights: &self.weights, beta: self.beta, separation: self.separation }
    }

    fn freeze(&self, x: &[f64]) -> Frozen {
        let d = self.weights.dim;
        let norms: Vec<LayerNorm> =
            x.chunks_exact(d).map(|x| LayerNorm::new(x, self.gamma, self.epsilon)).collect();
        let mut g = Vec::with_capacity(x.len());
        for norm in &norms {
            g.extend(norm.normalised().iter().zip(&self.weights.delta).map(|(n, s)| n + s));
        }
        let block = self.block();
        let (energy, point) = block.at(&g);
        let slope = block.gradient(&point);
        Frozen { energy, norms, point, slope }
    }

    /// Applies to each token and its part of the vectors.
    fn each(
        &self,
        at: &Frozen,
        vectors: &[&[f64]],
        f: impl Fn(&LayerNorm, &[&[f64]]) -> Vec<f64>,
    ) -> Vec<f64> {
        let d = self.weights.dim;
        let mut out = Vec::with_capacity(self.dim());
        for (t, norm) in at.norms.iter().enumerate() {
            let parts: Vec<&[f64]> = vectors.iter().map(|v| &v[t * d..(t + 1) * d]).collect();
            out.extend(f(norm, &parts));
        }
        out
    }

    fn second(&self, at: &Frozen, a: &[f64]) -> Vec<f64> {
        self.each(at, &[a], |norm, v| norm.second(v[0]))
    }

    fn third_norm(&self, at: &Frozen, a: &[f64], b: &[f64]) -> Vec<f64> {
        self.each(at, &[a, b], |norm, v| norm.third(v[0], v[1]))
    }

    /// Energy and gradient of the pins and the confinement, added to `gradient`.
    fn hold(&self, x: &[f64], norms: &[LayerNorm], gradient: &mut [f64]) -> f64 {
        if self.confinement > 0.0 {
            axpy(self.confinement, x, gradient);
            return 0.5 * self.confinement * dot(x, x);
        }
        let d = self.weights.dim as f64;
        let mut energy = 0.0;
        for (norm, g) in norms.iter().zip(gradient.chunks_exact_mut(self.weights.dim)) {
            energy += 0.5 * d * norm.mean * norm.mean;
            g.iter_mut().for_each(|g| *g += norm.mean);
            if self.epsilon == 0.0 {
                energy += 0.5 * d * (norm.s - 1.0) * (norm.s - 1.0);
                axpy(1.0 - 1.0 / norm.s, &norm.arm, g);
            }
        }
        energy
    }

    /// The Hessian of the pins or the confinement times `u`, added to `out`.
    fn hold_second(&self, norms: &[LayerNorm], u: &[f64], out: &mut [f64]) {
        if self.confinement > 0.0 {
            return axpy(self.confinement, u, out);
        }
        let d = self.weights.dim;
        for (norm, (u, out)) in norms.iter().zip(u.chunks_exact(d).zip(out.chunks_exact_mut(d))) {
            if self.epsilon == 0.0 {
                // Together the two pins are |x|^2/2 - D s and a constant; D gamma s is the layer norm's Lagrangian.
                axpy(1.0, u, out);
                axpy(-1.0 / self.gamma, &norm.second(u), out);
            } else {
                let mean = u.iter().sum::<f64>() / d as f64;
                out.iter_mut().for_each(|o| *o += mean);
            }
        }
    }

    fn apply(&self, at: &Frozen, u: &[f64]) -> Vec<f64> {
        let bent = self.block().second(&at.point, &self.second(at, u));
        let mut out = self.second(at, &bent);
        axpy(1.0, &self.third_norm(at, u, &at.slope), &mut out);
        self.hold_second(&at.norms, u, &mut out);
        out
    }

    /// A vector over the tokens without its parts along the pinned directions.
    fn project(&self, norms: &[LayerNorm], v: &mut [f64]) {
        for (norm, v) in norms.iter().zip(v.chunks_exact_mut(self.weights.dim)) {
            let mean = v.iter().sum::<f64>() / v.len() as f64;
            v.iter_mut().for_each(|v| *v -= mean);
            if self.epsilon == 0.0 {
                axpy(-dot(&norm.arm, v) / dot(&norm.arm, &norm.arm), &norm.arm, v);
            }
        }
    }

    /// The Jacobian of the velocity times `a`.
    fn push(&self, at: &Frozen, a: &[f64]) -> Vec<f64> {
        let mut out = self.block().second(&at.point, &self.second(at, a));
        self.project(&at.norms, &mut out);
        if self.epsilon == 0.0 {
            let d = self.weights.dim;
            for (t, norm) in at.norms.iter().enumerate() {
                // The projection turns with the token.
                let part = t * d..(t + 1) * d;
                let slope = &at.slope[part.clone()];
                let size = dot(&norm.arm, &norm.arm);
                let mean = a[part.clone()].iter().sum::<f64>() / d as f64;
                let along = dot(&norm.arm, &a[part.clone()]) / size;
                let turn: Vec<f64> =
                    a[part.clone()].iter().zip(&norm.arm).map(|(a, n)| a - mean - along * n).collect();
                axpy(-dot(&norm.arm, slope) / size, &turn, &mut out[part.clone()]);
                axpy(-dot(&turn, slope) / size, &norm.arm, &mut out[part]);
            }
        }
        self.hold_second(&at.norms, a, &mut out);
        out.iter_mut().for_each(|o| *o = -*o);
        out
    }
}

impl Landscape for EnergyTransformer {
    fn dim(&self) -> usize {
        self.tokens * self.weights.dim
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], gradients: MatMut<'_, f64>) {
        gradients.par_col_iter_mut().zip(energies.par_iter_mut()).enumerate().for_each(|(j, (mut g, e))| {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            let at = self.freeze(&x);
            let mut gradient = self.second(&at, &at.slope);
            *e = at.energy + self.hold(&x, &at.norms, &mut gradient);
            gradient.iter().enumerate().for_each(|(i, value)| g[i] = *value);
        });
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        let at = points.par_col_iter().map(|x| self.freeze(&x.iter().copied().collect::<Vec<f64>>()));
        Box::new(Linear { transformer: self, at: at.collect() })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let at = self.freeze(x);
        let mut unit = vec![0.0; x.len()];
        for j in 0..x.len() {
            unit[j] = 1.0;
            let column = self.apply(&at, &unit);
            unit[j] = 0.0;
            (0..x.len()).for_each(|i| out[(i, j)] = column[i]);
        }
        for j in 0..x.len() {
            for i in 0..j {
                let mean = 0.5 * (out[(i, j)] + out[(j, i)]);
                (out[(i, j)], out[(j, i)]) = (mean, mean);
            }
        }
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let at = self.freeze(x);
        let block = self.block();
        let (mu, mv) = (self.second(&at, u), self.second(&at, v));
        let mut inner = block.third(&at.point, &mu, &mv);
        axpy(1.0, &block.second(&at.point, &self.third_norm(&at, u, v)), &mut inner);
        out.copy_from_slice(&self.second(&at, &inner));
        axpy(1.0, &self.third_norm(&at, u, &block.second(&at.point, &mv)), out);
        axpy(1.0, &self.third_norm(&at, v, &block.second(&at.point, &mu)), out);
        axpy(1.0, &self.each(&at, &[u, v, &at.slope], |norm, w| norm.fourth(w[0], w[1], w[2])), out);
        if self.epsilon == 0.0 {
            let d = self.weights.dim;
            for (t, norm) in at.norms.iter().enumerate() {
                let part = t * d..(t + 1) * d;
                axpy(-1.0 / self.gamma, &norm.third(&u[part.clone()], &v[part.clone()]), &mut out[part]);
            }
        }
    }

    fn region(&self) -> Option<Region> {
        let size = (self.dim() as f64).sqrt();
        (self.confinement == 0.0).then(|| Region::ball(vec![0.0; self.dim()], 1.5 * size))
    }

    fn is_smooth(&self) -> bool {
        self.epsilon > 0.0
    }

    fn dynamics(&self) -> Option<&dyn Dynamics> {
        (self.confinement == 0.0).then_some(self)
    }
}

impl Dynamics for EnergyTransformer {
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
        let at = self.freeze(x);
        velocity.copy_from_slice(&at.slope);
        self.project(&at.norms, velocity);
        // In the pinned directions the metric is 1.
        let held = self.hold(x, &at.norms, velocity);
        velocity.iter_mut().for_each(|v| *v = -*v);
        at.energy + held
    }

    fn jacobian(&self, x: &[f64], out: MatMut<'_, f64>) {
        self.apply_jacobian(x, Mat::<f64>::identity(x.len(), x.len()).as_ref(), out);
    }

    fn apply_jacobian(&self, x: &[f64], vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let at = self.freeze(x);
        for j in 0..vectors.ncols() {
            let a: Vec<f64> = vectors.col(j).iter().copied().collect();
            self.push(&at, &a).iter().enumerate().for_each(|(i, value)| out[(i, j)] = *value);
        }
    }
}

impl Family for EnergyTransformer {
    fn parameters(&self) -> Vec<(String, f64)> {
        let mut list = vec![("beta".to_string(), self.beta), ("gamma".to_string(), self.gamma)];
        if self.epsilon > 0.0 {
            list.push(("confinement".to_string(), self.confinement));
        }
        list
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let (mut beta, mut gamma, mut confinement) = (self.beta, self.gamma, self.confinement);
        match name {
            "beta" => beta = value,
            "gamma" => gamma = value,
            "confinement" => confinement = value,
            _ => return Err(super::no_such_parameter("energy-transformer", name, &self.parameters())),
        }
        let weights = self.weights.clone();
        let changed = EnergyTransformer::new(
            self.tokens,
            weights,
            self.separation,
            beta,
            gamma,
            self.epsilon,
            confinement,
        )?;
        Ok(Box::new(changed))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        let at = self.freeze(x);
        match parameter {
            0 => out.copy_from_slice(&self.second(&at, &self.block().gradient_by_beta(&at.point))),
            1 => {
                // Both the tokens and the metric are proportional to gamma.
                let normalised: Vec<f64> = at.norms.iter().flat_map(LayerNorm::normalised).collect();
                let mut rate = self.block().second(&at.point, &normalised);
                axpy(1.0, &at.slope, &mut rate);
                out.copy_from_slice(&self.second(&at, &rate));
                out.iter_mut().for_each(|o| *o /= self.gamma);
            }
            _ => out.copy_from_slice(x),
        }
    }
}

struct Linear<'a> {
    transformer: &'a EnergyTransformer,
    at: Vec<Frozen>,
}

impl Linearization for Linear<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        out.par_col_iter_mut().enumerate().for_each(|(j, mut out)| {
            let u: Vec<f64> = vectors.col(j).iter().copied().collect();
            let at = &self.at[if self.at.len() == 1 { 0 } else { j }];
            self.transformer.apply(at, &u).iter().enumerate().for_each(|(i, value)| out[i] = *value);
        });
    }
}

#[cfg(test)]
mod tests;
