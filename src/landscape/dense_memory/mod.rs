//! `dense-memory`: associative memories whose patterns are told apart by a steep function of the overlap,
//!
//! `E(x) = sum_i [x_i g_i - L(x_i)] - scale sum_k w_k F(y_k.g) + (confinement/2) |x|^2`, `g = grad L(x)`,
//!
//! with `F` a rectified power, a power or an exponential ([`Separation`]) and `L` the Lagrangian of the neurons
//! ([`Lagrangian`]). Sources: Krotov & Hopfield 2016 (powers), Demircigil et al. 2017 (exponential), Krotov & Hopfield
//! 2021 (the energy by Lagrangians).
//!
//! With `A = scale sum_k w_k F''(z_k) y_k y_k'`, `z = Y'g`, `M = Hess L` and `f = x - scale sum_k w_k F'(z_k) y_k`:
//! gradient `M f`, Hessian `M - M A M + D3 L(., ., f)`. The dynamics is the published `x' = -f`, the gradient flow in
//! the metric M (with a confinement, which the publications do not have, and neurons that saturate it is `-grad E`).
//!
//! **Softmax neurons** do not notice a shift of all x by one number: the direction of ones is null. The energy gets the
//! term `(sum x)^2/(2n)`, which pins it: critical points and indices are those of the quotient, represented where the
//! sum of x is zero, and the direction adds one eigenvalue 1.
//!
//! **Saturation.** Critical points are sought on the energy as long as its gradient keeps its digits. Where neurons
//! saturate beyond that, memories of rectified powers and of `z^2 / 2` are searched as the two-layer network that they
//! are. With other separations, mixtures of saturated and unsaturated neurons come out as degenerate points.
//!
//! **Bounds.** tanh, sigmoid and softmax neurons bound the overlaps, and all critical points lie in a ball. With
//! identity neurons the energy falls without bound along the patterns for p > 2 and for the exponential, whatever the
//! confinement: such a study needs a region.

mod dynamics;
mod enclose;
mod family;
mod kind;
mod lagrangian;
mod neurons;
mod saturated;
mod separation;
mod systems;

use std::sync::Arc;

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use rayon::prelude::*;

pub use kind::KIND;
pub(super) use kind::separation_of;
pub use lagrangian::Lagrangian;
pub use separation::Separation;

use super::{Dynamics, Enclose, Equilibria, Landscape, Linearization, Reduced, Region, hull};
use crate::error::{Error, Result};
use crate::linalg::{axpy, dot, lower_product};
use lagrangian::Local;

/// Columns of a batch that are worked on together: fixed, so that results do not depend on the number of threads.
const BLOCK: usize = 64;

/// Logarithm of the largest number that energies and their derivatives may reach.
const LARGEST: f64 = 650.0;

/// The landscape; see the module.
#[derive(Clone, Debug)]
pub struct DenseMemory {
    /// Patterns one after the other, without gaps (products would compute with whatever stands in them).
    patterns: Vec<f64>,
    dim: usize,
    weights: Vec<f64>,
    separation: Separation,
    lagrangian: Lagrangian,
    scale: f64,
    confinement: f64,
}

/// What all derivatives at a point share.
struct Frozen {
    /// The derivatives of the Lagrangian.
    local: Local,
    /// `x - scale sum w F' y`.
    force: Vec<f64>,
    /// `scale w F''` at each overlap.
    second: Vec<f64>,
}

impl DenseMemory {
    /// From patterns (n x K, columns), positive weights (length K; all 1 in the literature), the two functions, a
    /// positive scale and confinement `>= 0`.
    ///
    /// # Errors
    /// A number outside its range, or numbers so large that the energy overflows; the message names the key.
    pub fn new(
        patterns: MatRef<'_, f64>,
        weights: Vec<f64>,
        separation: Separation,
        lagrangian: Lagrangian,
        scale: f64,
        confinement: f64,
    ) -> Result<Self> {
        let error = |what: String| Err(Error::input(format!("dense-memory: {what}")));
        if patterns.nrows() == 0 || patterns.ncols() == 0 {
            return error("there are no patterns".into());
        }
        if weights.len() != patterns.ncols() {
            return error(format!("{} `weights` for {} patterns", weights.len(), patterns.ncols()));
        }
        let positive = |v: f64| v > 0.0 && v.is_finite();
        if let Some(k) = weights.iter().position(|w| !positive(*w)) {
            return error(format!("`weights`[{k}] is {}, it must be positive", weights[k]));
        }
        if !positive(scale) {
            return error(format!("`scale` is {scale}, it must be positive"));
        }
        if !(confinement >= 0.0 && confinement.is_finite()) {
            return error(format!("`confinement` is {confinement}, it must be zero or more"));
        }
        match separation {
            Separation::Rectified { p } if !((2.0..=1000.0).contains(&p)) => {
                return error(format!("`p` is {p}, it must lie between 2 and 1000"));
            }
            Separation::Power { p } if !((2..=1000).contains(&p)) => {
                return error(format!("`p` is {p}, it must be a whole number between 2 and 1000"));
            }
            Separation::Exponential { beta } if !positive(beta) => {
                return error(format!("`beta` is {beta}, it must be positive"));
            }
            _ => {}
        }
        if let Some(gain) = lagrangian.gain().filter(|g| !(1e-30..=1e30).contains(g)) {
            return error(format!("`gain` is {gain:e}, it must lie between 1e-30 and 1e30"));
        }
        if patterns.norm_max() > 1e50 {
            return error(format!(
                "the patterns reach {:e}: powers of such numbers overflow",
                patterns.norm_max()
            ));
        }
        let dim = patterns.nrows();
        let patterns: Vec<f64> = patterns.col_iter().flat_map(|c| c.iter().copied()).collect();
        let memory = DenseMemory { patterns, dim, weights, separation, lagrangian, scale, confinement };
        let size = memory.log_size();
        if size > LARGEST {
            return Err(Error::input(format!(
                "dense-memory: at `scale` {scale:e} the sum over the patterns reaches e^{size:.0}, which overflows"
            ))
            .with_help(match separation {
                Separation::Exponential { .. } => {
                    "make `beta` or `scale` smaller, or the patterns: the largest overlap y.g enters as exp(beta y.g)"
                }
                _ => "make `scale` or the patterns smaller: the largest overlap y.g enters as its power p",
            }));
        }
        Ok(memory)
    }

    /// Number of patterns.
    fn count(&self) -> usize {
        self.weights.len()
    }

    /// The patterns (n x K).
    fn patterns(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice(&self.patterns, self.dim, self.count())
    }

    fn factor(&self, k: usize) -> f64 {
        self.scale * self.weights[k]
    }

    /// Logarithm of the largest number that the pattern term and its derivatives can come to; with identity neurons
    /// overlaps are as large as the state, and those of the patterns with each other are taken.
    fn log_size(&self) -> f64 {
        let mut largest = f64::NEG_INFINITY;
        for (k, y) in self.patterns.chunks_exact(self.dim).enumerate() {
            let overlap = self.lagrangian.largest_overlap(y.iter().copied()).unwrap_or_else(|| dot(y, y));
            largest = largest.max(self.separation.log_size(self.factor(k), overlap));
        }
        largest + (self.count() as f64).ln()
    }

    /// Largest `|F'|`-weighted pull on each coordinate, which bounds the critical points; `None` if overlaps have no
    /// bound.
    fn pulls(&self) -> Option<Vec<f64>> {
        let mut pulls = vec![0.0; self.dim];
        for (k, y) in self.patterns.chunks_exact(self.dim).enumerate() {
            let overlap = self.lagrangian.largest_overlap(y.iter().copied())?;
            let slope = self.separation.derivative(1, self.factor(k), overlap).abs();
            pulls.iter_mut().zip(y).for_each(|(p, y)| *p += slope * y.abs());
        }
        Some(pulls)
    }

    /// `scale sum_k w_k F'(y_k.g) y_k`: the state that neurons with activation `g` (length n) drive each other to.
    pub fn recall(&self, g: &[f64]) -> Vec<f64> {
        let mut slopes = self.overlaps(g);
        for (k, z) in slopes.iter_mut().enumerate() {
            *z = self.separation.derivative(1, self.factor(k), *z);
        }
        self.combine(&slopes)
    }

    /// The activation `g` at a state `x`.
    pub fn activation(&self, x: &[f64]) -> Vec<f64> {
        let mut g = vec![0.0; x.len()];
        self.lagrangian.activate(x, &mut g);
        g
    }

    /// `Y'g`.
    fn overlaps(&self, g: &[f64]) -> Vec<f64> {
        self.patterns.chunks_exact(self.dim).map(|y| dot(y, g)).collect()
    }

    /// `Y a`.
    fn combine(&self, a: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.dim];
        for (y, a) in self.patterns.chunks_exact(self.dim).zip(a) {
            axpy(*a, y, &mut out);
        }
        out
    }

    /// Derivatives of the pattern term of this order at each overlap.
    fn slopes(&self, order: u32, overlaps: &[f64]) -> Vec<f64> {
        let of = |(k, z): (usize, &f64)| self.separation.derivative(order, self.factor(k), *z);
        overlaps.iter().enumerate().map(of).collect()
    }

    fn freeze(&self, x: &[f64]) -> Frozen {
        let g = self.activation(x);
        let z = self.overlaps(&g);
        let pull = self.combine(&self.slopes(1, &z));
        let force = x.iter().zip(pull).map(|(x, p)| x - p).collect();
        Frozen { local: self.lagrangian.at(x), force, second: self.slopes(2, &z) }
    }

    /// `A a` at the frozen point.
    fn couple(&self, frozen: &Frozen, a: &[f64]) -> Vec<f64> {
        let mut z = self.overlaps(a);
        z.iter_mut().zip(&frozen.second).for_each(|(z, s)| *z *= s);
        self.combine(&z)
    }

    /// Curvature that a direction of ones has besides the memory's: see the module.
    fn pin(&self) -> f64 {
        if matches!(self.lagrangian, Lagrangian::Softmax { .. }) { 1.0 / self.dim as f64 } else { 0.0 }
    }

    fn gradient_block(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        let (n, k, b) = (self.dim, self.count(), points.ncols());
        let mut x = vec![0.0; n];
        let mut g = vec![0.0; n * b];
        for (j, g) in g.chunks_exact_mut(n).enumerate() {
            (0..n).for_each(|i| x[i] = points[(i, j)]);
            energies[j] = self.lagrangian.activate(&x, g);
        }
        let activations = MatRef::from_column_major_slice(&g, n, b);
        let mut slopes = vec![0.0; k * b];
        let mut z = MatMut::from_column_major_slice_mut(&mut slopes, k, b);
        matmul(z.rb_mut(), Accum::Replace, self.patterns().transpose(), activations, 1.0, Par::Seq);
        for (j, z) in slopes.chunks_exact_mut(k).enumerate() {
            for (k, z) in z.iter_mut().enumerate() {
                energies[j] -= self.separation.derivative(0, self.factor(k), *z);
                *z = self.separation.derivative(1, self.factor(k), *z);
            }
        }
        let z = MatRef::from_column_major_slice(&slopes, k, b);
        matmul(gradients.rb_mut(), Accum::Replace, self.patterns(), z, -1.0, Par::Seq);
        let pin = self.pin();
        for j in 0..b {
            (0..n).for_each(|i| x[i] = points[(i, j)]);
            let force: Vec<f64> = (0..n).map(|i| x[i] + gradients[(i, j)]).collect();
            let local = self.lagrangian.at(&x);
            let gradient = local.second(&force);
            let ones = pin * x.iter().sum::<f64>();
            (0..n).for_each(|i| gradients[(i, j)] = gradient[i] + self.confinement * x[i] + ones);
            energies[j] += 0.5 * ones * x.iter().sum::<f64>();
            if self.confinement > 0.0 {
                energies[j] += 0.5 * self.confinement * dot(&x, &x);
            }
        }
    }
}

impl Landscape for DenseMemory {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        if points.ncols() <= BLOCK {
            return self.gradient_block(points, energies, gradients);
        }
        gradients
            .rb_mut()
            .par_col_chunks_mut(BLOCK)
            .zip(energies.par_chunks_mut(BLOCK))
            .enumerate()
            .for_each(|(i, (g, e))| self.gradient_block(points.subcols(i * BLOCK, g.ncols()), e, g));
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        let frozen = points.par_col_iter().map(|x| self.freeze(&x.iter().copied().collect::<Vec<f64>>()));
        Box::new(Coupled { memory: self, frozen: frozen.collect() })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let (n, k) = (self.dim, self.count());
        let frozen = self.freeze(x);
        let seen: Vec<f64> = self.patterns.chunks_exact(n).flat_map(|y| frozen.local.second(y)).collect();
        let mut scaled = seen.clone();
        for (column, s) in scaled.chunks_exact_mut(n).zip(&frozen.second) {
            column.iter_mut().for_each(|c| *c *= s);
        }
        lower_product(
            out.rb_mut(),
            Accum::Replace,
            MatRef::from_column_major_slice(&seen, n, k),
            MatRef::from_column_major_slice(&scaled, n, k).transpose(),
            -1.0,
        );
        let mut unit = vec![0.0; n];
        let pin = self.pin();
        for j in 0..n {
            unit[j] = 1.0;
            let (second, third) = (frozen.local.second(&unit), frozen.local.third(&unit, &frozen.force));
            unit[j] = 0.0;
            out[(j, j)] += self.confinement;
            for i in j..n {
                out[(i, j)] += second[i] + third[i] + pin;
                out[(j, i)] = out[(i, j)];
            }
        }
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let frozen = self.freeze(x);
        let local = &frozen.local;
        let (mu, mv) = (local.second(u), local.second(v));
        // Derivatives of the force along u, along v, and along both.
        let along = |w: &[f64], mw: &[f64]| -> Vec<f64> {
            w.iter().zip(self.couple(&frozen, mw)).map(|(w, a)| w - a).collect()
        };
        let (fu, fv) = (along(u, &mu), along(v, &mv));
        let z = self.overlaps(&self.activation(x));
        let mut cubic = self.slopes(3, &z);
        for (c, (a, b)) in cubic.iter_mut().zip(self.overlaps(&mu).iter().zip(self.overlaps(&mv))) {
            *c *= a * b;
        }
        let bent = self.couple(&frozen, &local.third(u, v));
        let fuv: Vec<f64> = self.combine(&cubic).iter().zip(bent).map(|(a, b)| -a - b).collect();
        out.copy_from_slice(&local.second(&fuv));
        axpy(1.0, &local.third(v, &fu), out);
        axpy(1.0, &local.third(u, &fv), out);
        axpy(1.0, &local.fourth(u, v, &frozen.force), out);
    }

    fn region(&self) -> Option<Region> {
        let center = vec![0.0; self.dim];
        if let Some(pulls) = self.pulls() {
            let reach = crate::linalg::norm(&pulls);
            let width = 1.0 / self.lagrangian.gain().unwrap_or(1.0);
            return Some(Region::ball(center, 1.1 * reach + width));
        }
        let quadratic = self.separation.derivative(3, 1.0, 1.0) == 0.0;
        let size = hull::spread(self.patterns(), &center);
        (quadratic && self.steepest() < 1.0 + self.confinement)
            .then(|| Region::ball(center, if size > 0.0 { size } else { 1.0 }))
    }

    fn unbounded(&self) -> Option<String> {
        self.region().is_none().then(|| {
            "dense-memory with identity neurons is unbounded below along its patterns, so it has no region of its own: \
             one must be given, or a `lagrangian` that saturates (tanh, sigmoid, softmax)"
                .to_string()
        })
    }

    fn dynamics(&self) -> Option<&dyn Dynamics> {
        (self.lagrangian != Lagrangian::Identity && self.confinement == 0.0).then_some(self)
    }

    fn equilibria(&self, region: &Region) -> Option<Equilibria> {
        saturated::equilibria(self, region)
    }

    fn enclose(&self) -> std::result::Result<Box<dyn Enclose + '_>, String> {
        Ok(Box::new(enclose::Enclosed::new(self)))
    }

    fn data(&self) -> Option<MatRef<'_, f64>> {
        (self.lagrangian == Lagrangian::Identity).then(|| self.patterns())
    }

    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        let mut wells = Mat::zeros(self.dim, self.count());
        for (k, y) in self.patterns.chunks_exact(self.dim).enumerate() {
            // What the neurons are driven to when they show the pattern as well as they can.
            let shown: Vec<f64> = match self.lagrangian {
                Lagrangian::Identity => y.to_vec(),
                Lagrangian::Tanh { .. } => y.iter().map(|y| y.clamp(-1.0, 1.0)).collect(),
                Lagrangian::Sigmoid { .. } => y.iter().map(|y| y.clamp(0.0, 1.0)).collect(),
                Lagrangian::Softmax { .. } => self.activation(y),
            };
            let mut x = if self.lagrangian == Lagrangian::Identity { shown } else { self.recall(&shown) };
            if self.pin() > 0.0 {
                let mean = x.iter().sum::<f64>() / self.dim as f64;
                x.iter_mut().for_each(|x| *x -= mean);
            }
            wells.col_as_slice_mut(k).copy_from_slice(&x);
        }
        Some(Arc::new(wells))
    }

    fn reduce(&self) -> Option<Reduced> {
        if self.lagrangian != Lagrangian::Identity {
            return None;
        }
        let basis = hull::span(self.patterns())?;
        let origin = vec![0.0; self.dim];
        let patterns = hull::coordinates(basis.as_ref(), &origin, self.patterns());
        let inner = DenseMemory {
            patterns: patterns.col_iter().flat_map(|c| c.iter().copied()).collect(),
            dim: basis.ncols(),
            ..self.clone()
        };
        Some(Reduced { inner: Box::new(inner), origin, basis, offset: 0.0, normal: 1.0 + self.confinement })
    }
}

impl DenseMemory {
    /// Largest eigenvalue of `scale sum w y y'`: what a quadratic separation takes from the curvature at most.
    fn steepest(&self) -> f64 {
        crate::linalg::sequential();
        let (n, k) = (self.dim, self.count());
        let rooted = Mat::from_fn(n, k, |i, j| self.factor(j).sqrt() * self.patterns[j * n + i]);
        let side = n.min(k);
        let mut gram = Mat::zeros(side, side);
        let (left, right) = if n <= k {
            (rooted.as_ref(), rooted.transpose())
        } else {
            (rooted.transpose(), rooted.as_ref())
        };
        matmul(&mut gram, Accum::Replace, left, right, 1.0, Par::Seq);
        gram.self_adjoint_eigenvalues(Side::Lower).map_or(f64::INFINITY, |values| values[side - 1])
    }
}

/// Hessians at several points, applied by two matrix products.
struct Coupled<'a> {
    memory: &'a DenseMemory,
    frozen: Vec<Frozen>,
}

impl Coupled<'_> {
    fn at(&self, j: usize) -> &Frozen {
        &self.frozen[if self.frozen.len() == 1 { 0 } else { j }]
    }

    fn apply_block(&self, start: usize, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let memory = self.memory;
        let (n, k, b) = (memory.dim, memory.count(), vectors.ncols());
        let columns: Vec<Vec<f64>> = vectors.col_iter().map(|c| c.iter().copied().collect()).collect();
        let mut seen = vec![0.0; n * b];
        for (j, seen) in seen.chunks_exact_mut(n).enumerate() {
            seen.copy_from_slice(&self.at(start + j).local.second(&columns[j]));
        }
        let mut overlaps = vec![0.0; k * b];
        let seen = MatRef::from_column_major_slice(&seen, n, b);
        let z = MatMut::from_column_major_slice_mut(&mut overlaps, k, b);
        matmul(z, Accum::Replace, memory.patterns().transpose(), seen, 1.0, Par::Seq);
        for (j, z) in overlaps.chunks_exact_mut(k).enumerate() {
            z.iter_mut().zip(&self.at(start + j).second).for_each(|(z, s)| *z *= s);
        }
        let z = MatRef::from_column_major_slice(&overlaps, k, b);
        matmul(out.rb_mut(), Accum::Replace, memory.patterns(), z, -1.0, Par::Seq);
        for (j, u) in columns.iter().enumerate() {
            let frozen = self.at(start + j);
            let turned: Vec<f64> = (0..n).map(|i| u[i] + out[(i, j)]).collect();
            let (second, third) = (frozen.local.second(&turned), frozen.local.third(u, &frozen.force));
            let ones = memory.pin() * u.iter().sum::<f64>();
            (0..n).for_each(|i| out[(i, j)] = second[i] + third[i] + memory.confinement * u[i] + ones);
        }
    }
}

impl Linearization for Coupled<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        if vectors.ncols() <= BLOCK {
            return self.apply_block(0, vectors, out);
        }
        out.rb_mut().par_col_chunks_mut(BLOCK).enumerate().for_each(|(i, o)| {
            self.apply_block(i * BLOCK, vectors.subcols(i * BLOCK, o.ncols()), o);
        });
    }
}

#[cfg(test)]
mod tests;
