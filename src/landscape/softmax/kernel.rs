//! The energy shared by mixtures and modern Hopfield memories: a quadratic minus a log-sum-exp,
//!
//! `E(x) = offset + (curvature/2)|z|^2 - temperature log sum_k exp(bias_k + slope y_k.z)`, `z = x - center`.
//!
//! With `p = softmax(bias + slope Y'z)`, `m = Y p`: gradient `curvature z - temperature slope m`, Hessian
//! `curvature I - temperature slope^2 Cov_p(y)`, third derivative `-temperature slope^3` times the third cumulant.
//! Batches are two matrix products with a softmax between them; columns are independent and run in parallel blocks. Where few of
//! many data matter at a point, the sums go over those alone ([`super::pruning`]).

use std::array;
use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use pulp::Arch;
use rayon::prelude::*;

use super::cells::Cells;
use super::dense::{TOGETHER, WIDE};
use super::kept::{Kept, Logits, Mean, each_kept};
use super::linear::{Hessians, Weighted};
use super::pruning::Pruning;
use super::single::Single;
use crate::landscape::exp::exp_shifted;
use crate::landscape::low_dimension::{self, LowDimension, Room, Softmax, with_room};
use crate::landscape::{Linearization, Region, hull};
use crate::linalg::{column, column_mut, dot, norm};

/// The kernel and its constants; see the module.
#[derive(Clone, Debug)]
pub(in crate::landscape) struct LogSumExp {
    /// Landscapes that have them in common share them.
    patterns: Arc<Patterns>,
    /// Patterns and biases once more, in another order, where the dimension is low.
    pub(super) low: Option<LowDimension>,
    /// Of the patterns alone: landscapes that have them in common may share them.
    cells: Arc<OnceLock<Cells>>,
    pub(super) pruning: Arc<OnceLock<Option<Pruning>>>,
    single: Arc<OnceLock<Option<Single>>>,
    pub(in crate::landscape) bias: Vec<f64>,
    pub(in crate::landscape) center: Vec<f64>,
    pub(in crate::landscape) offset: f64,
    pub(in crate::landscape) curvature: f64,
    pub(in crate::landscape) temperature: f64,
    pub(in crate::landscape) slope: f64,
}

/// Patterns (n x K), one after the other, each filled up with zeros to a multiple of [`VECTOR`] numbers: products compute
/// with whatever fills a column up and drop the result, and should it happen to be subnormal, as in memory that is
/// left as it came, they take a hundred times as long.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::landscape) struct Patterns {
    dim: usize,
    count: usize,
    values: Vec<f64>,
    /// Distances from the centre.
    norms: Vec<f64>,
}

impl Patterns {
    pub(in crate::landscape) fn from_fn(
        dim: usize,
        count: usize,
        value: impl Fn(usize, usize) -> f64,
    ) -> Patterns {
        let mut patterns = Patterns { dim, count, values: vec![], norms: vec![] };
        let stride = patterns.stride();
        patterns.values = vec![0.0; stride * count];
        for (k, pattern) in patterns.values.chunks_exact_mut(stride).enumerate() {
            pattern[..dim].iter_mut().enumerate().for_each(|(i, y)| *y = value(i, k));
        }
        patterns.norms = patterns.values.chunks_exact(stride).map(norm).collect();
        patterns
    }

    fn stride(&self) -> usize {
        self.dim.next_multiple_of(VECTOR)
    }

    pub(in crate::landscape) fn as_ref(&self) -> MatRef<'_, f64> {
        MatRef::from_column_major_slice_with_stride(&self.values, self.dim, self.count, self.stride())
    }
}

/// A block's K x b matrix stays within this many numbers (32 MB).
const BLOCK: usize = 1 << 22;

/// Numbers in the widest vector register there is.
pub(super) const VECTOR: usize = 8;

/// Columns that are looked at together where few data matter.
pub(super) const CHUNK: usize = 64;

/// Weights below this do not reach a Hessian's last bit unless patterns lie 1e7 widths apart, where all but one weight
/// vanish altogether.
const NEGLIGIBLE: f64 = 1e-32;

thread_local! {
    static SCRATCH: Cell<Vec<Vec<f64>>> = const { Cell::new(vec![]) };
}

/// Lends a scratch slice of the given length, its content arbitrary. Each thread keeps as many buffers as are used within each
/// other.
pub(in crate::landscape) fn with_scratch<R>(length: usize, f: impl FnOnce(&mut [f64]) -> R) -> R {
    let mut buffers = SCRATCH.take();
    let mut buffer = buffers.pop().unwrap_or_default();
    SCRATCH.set(buffers);
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    let result = f(&mut buffer[..length]);
    let mut buffers = SCRATCH.take();
    buffers.push(buffer);
    SCRATCH.set(buffers);
    result
}

impl LogSumExp {
    /// From patterns, their biases (K), the centre (n) and the constants of the module's formula.
    pub(in crate::landscape) fn new(
        patterns: Patterns,
        bias: Vec<f64>,
        center: Vec<f64>,
        offset: f64,
        curvature: f64,
        temperature: f64,
        slope: f64,
    ) -> Self {
        let low = LowDimension::new(patterns.as_ref(), &bias, slope);
        LogSumExp {
            patterns: Arc::new(patterns),
            low,
            cells: Arc::default(),
            pruning: Arc::default(),
            single: Arc::default(),
            bias,
            center,
            offset,
            curvature,
            temperature,
            slope,
        }
    }

    pub(in crate::landscape) fn dim(&self) -> usize {
        self.center.len()
    }

    /// A ball about the mean of the wells that holds them all: the flow enters it.
    pub(in crate::landscape) fn region(&self) -> Region {
        let radius = hull::spread(self.patterns(), &vec![0.0; self.dim()]);
        Region::ball(self.center.clone(), 1.1 * radius + self.slope.powf(-0.5))
    }

    /// The centres of the wells, in the landscape's coordinates.
    pub(in crate::landscape) fn wells(&self) -> Mat<f64> {
        let patterns = self.patterns();
        Mat::from_fn(self.dim(), self.count(), |i, k| patterns[(i, k)] + self.center[i])
    }

    pub(super) fn count(&self) -> usize {
        self.bias.len()
    }

    /// The patterns as they lie in memory, one each [`LogSumExp::stride`] numbers.
    pub(super) fn data(&self) -> &[f64] {
        &self.patterns.values
    }

    pub(super) fn stride(&self) -> usize {
        self.patterns.stride()
    }

    /// Distances of the patterns from the centre.
    pub(super) fn norms(&self) -> &[f64] {
        &self.patterns.norms
    }

    pub(super) fn cells(&self) -> &Cells {
        self.cells.get_or_init(|| Cells::new(self.data(), self.stride()))
    }

    /// Takes over the patterns, and what is known of the distances between them, from a landscape that has the same.
    pub(in crate::landscape) fn share(&mut self, other: &LogSumExp) {
        if self.patterns == other.patterns {
            self.patterns = other.patterns.clone();
            self.cells = other.cells.clone();
        }
    }

    /// `None` where all data are summed up at every point.
    pub(super) fn pruning(&self) -> Option<&Pruning> {
        self.pruning.get_or_init(|| Pruning::new(self)).as_ref()
    }

    /// The patterns in single precision, where that says enough of gradients.
    pub(super) fn single(&self) -> Option<&Single> {
        self.single.get_or_init(|| Single::new(self)).as_ref()
    }

    /// `bias_k + slope y_k.z` of some data, z filled up with zeros as they are.
    pub(super) fn logits(&self, members: &[u32], z: &[f64], out: &mut Vec<f64>) {
        Arch::new().dispatch(Logits { kernel: self, members, z, out });
    }

    /// Goes through the columns of a batch with what matters there; `None` where that is not known.
    pub(super) fn kept(
        &self,
        pruning: &Pruning,
        points: MatRef<'_, f64>,
        f: impl FnMut(usize, &[f64], Option<&mut Kept>),
    ) {
        let length = (self.stride() + self.cells().count()) * points.ncols();
        with_scratch(length, |scratch| each_kept(self, pruning, points, scratch, f));
    }

    /// Are patterns left out by boxes, as in low dimension?
    pub(super) fn has_boxes(&self) -> bool {
        self.low.as_ref().is_some_and(LowDimension::has_boxes)
    }

    /// What matters at one point, with weights that sum to one.
    pub(super) fn kept_at(&self, x: &[f64]) -> Option<Kept> {
        if let Some(pruning) = self.pruning() {
            let mut at = None;
            self.kept(pruning, column(x), |_, _, kept| at = kept.cloned());
            return at.map(Kept::normalised);
        }
        let low = self.low.as_ref().filter(|low| low.leaves_out())?;
        with_room(|room| {
            let (at, _) = self.softmax_low(low, |i| x[i], room);
            let (members, weights) = low.kept(room).into_iter().unzip();
            Some(Kept { members, weights, sum: at.sum, lse: at.lse }.normalised())
        })
    }

    /// Columns a block where there is a number for each datum and column: fixed by the data alone, so that results do not
    /// depend on the number of threads.
    pub(super) fn block(&self) -> usize {
        (BLOCK / self.count().max(1)).clamp(8, WIDE)
    }

    /// Softmax weights (K x b) at `z` (n x b, centred), not divided by their sums; fills in those and the log-sum-exps.
    fn weigh(&self, z: MatRef<'_, f64>, p: &mut [f64], lse: &mut [f64], sums: &mut [f64]) {
        self.products(&(0..self.count()), z, self.slope, p);
        for ((column, lse), total) in p.chunks_exact_mut(self.count()).zip(lse).zip(sums) {
            let (max, sum) = exp_shifted(column, &self.bias);
            (*lse, *total) = (max + sum.ln(), sum);
        }
    }

    /// Softmax weights (K) at one point.
    pub(in crate::landscape) fn weights(&self, x: &[f64]) -> Vec<f64> {
        let Some(kept) = self.kept_at(x) else { return self.dense_weights(x) };
        let mut p = vec![0.0; self.count()];
        kept.members.iter().zip(&kept.weights).for_each(|(k, w)| p[*k as usize] = *w);
        p
    }

    fn dense_weights(&self, x: &[f64]) -> Vec<f64> {
        let z: Vec<f64> = x.iter().zip(&self.center).map(|(x, c)| x - c).collect();
        let mut p = vec![0.0; self.count()];
        let mut sum = [0.0];
        self.weigh(column(&z), &mut p, &mut [0.0], &mut sum);
        p.iter_mut().for_each(|w| *w /= sum[0]);
        p
    }

    /// The data that have weight at a point, with their weights.
    pub(in crate::landscape) fn shares(&self, x: &[f64]) -> Vec<(usize, f64)> {
        match self.kept_at(x) {
            Some(kept) => {
                let shares = kept.members.iter().map(|k| *k as usize).zip(kept.weights);
                shares.filter(|(_, p)| *p > 0.0).collect()
            }
            None => self.dense_weights(x).into_iter().enumerate().filter(|(_, p)| *p > 0.0).collect(),
        }
    }

    /// Rounding error of the gradient `curvature (z - sum p_k y_k)`: a unit in the last place of its terms.
    pub(in crate::landscape) fn gradient_error(&self, x: &[f64]) -> f64 {
        let z = x.iter().zip(&self.center).map(|(x, c)| (x - c) * (x - c)).sum::<f64>().sqrt();
        let mean: f64 = self.shares(x).into_iter().map(|(k, p)| p * self.norms()[k]).sum();
        f64::EPSILON * self.curvature * (z + mean)
    }

    /// The patterns (n x K).
    pub(in crate::landscape) fn patterns(&self) -> MatRef<'_, f64> {
        (*self.patterns).as_ref()
    }

    /// Weighted mean of the patterns under any weights (not necessarily summing to one).
    pub(in crate::landscape) fn mean(&self, weights: &[f64], out: &mut [f64]) {
        let n = out.len();
        matmul(
            MatMut::from_column_major_slice_mut(out, n, 1),
            Accum::Replace,
            self.patterns(),
            MatRef::from_column_major_slice(weights, weights.len(), 1),
            1.0,
            Par::Seq,
        );
    }

    pub(in crate::landscape) fn gradients(
        &self,
        points: MatRef<'_, f64>,
        energies: &mut [f64],
        gradients: MatMut<'_, f64>,
    ) {
        match self.pruning() {
            Some(pruning) => self.pruned_gradients(pruning, points, energies, gradients),
            None => self.dense_gradients(points, energies, gradients),
        }
    }

    fn pruned_gradients(
        &self,
        pruning: &Pruning,
        points: MatRef<'_, f64>,
        energies: &mut [f64],
        mut gradients: MatMut<'_, f64>,
    ) {
        let block = |start: usize, e: &mut [f64], mut g: MatMut<'_, f64>| -> Vec<usize> {
            let (mut missed, mut mean) = (vec![], vec![0.0; self.stride()]);
            self.kept(pruning, points.subcols(start, g.ncols()), |j, z, kept| {
                let Some(kept) = kept else { return missed.push(start + j) };
                let Kept { members, weights, .. } = &*kept;
                Arch::new().dispatch(Mean { data: self.data(), members, weights, out: &mut mean });
                let pull = self.temperature * self.slope / kept.sum;
                for (g, (z, mean)) in g.rb_mut().col_mut(j).iter_mut().zip(z.iter().zip(&mean)) {
                    *g = self.curvature * z - pull * mean;
                }
                e[j] = self.offset + 0.5 * self.curvature * dot(z, z) - self.temperature * kept.lse;
            });
            missed
        };
        let missed = if points.ncols() <= CHUNK {
            block(0, energies, gradients.rb_mut())
        } else {
            let chunks = gradients.rb_mut().par_col_chunks_mut(CHUNK).zip(energies.par_chunks_mut(CHUNK));
            let missed: Vec<Vec<usize>> =
                chunks.enumerate().map(|(i, (g, e))| block(i * CHUNK, e, g)).collect();
            missed.concat()
        };
        if missed.is_empty() {
            return;
        }
        let some = gathered(points, &missed);
        let (mut e, mut g) = (vec![0.0; missed.len()], Mat::zeros(some.nrows(), some.ncols()));
        self.dense_gradients(some.as_ref(), &mut e, g.as_mut());
        for (from, to) in missed.into_iter().enumerate() {
            energies[to] = e[from];
            gradients.rb_mut().col_mut(to).copy_from(g.col(from));
        }
    }

    pub(in crate::landscape) fn dense_gradients(
        &self,
        points: MatRef<'_, f64>,
        energies: &mut [f64],
        mut gradients: MatMut<'_, f64>,
    ) {
        let b = points.ncols();
        let wide = self.points();
        if b <= wide {
            return self.gradient_block(points, self.parts(b), energies, gradients);
        }
        let parts = if self.shares_points() { 1 } else { self.parts(wide) };
        gradients.rb_mut().par_col_chunks_mut(wide).zip(energies.par_chunks_mut(wide)).enumerate().for_each(
            |(i, (g, e))| {
                self.gradient_block(points.subcols(i * wide, g.ncols()), parts, e, g);
            },
        );
    }

    /// The softmax at one point in low dimension, and the centred point.
    fn softmax_low(
        &self,
        low: &LowDimension,
        x: impl Fn(usize) -> f64,
        room: &mut Room,
    ) -> (Softmax, [f64; low_dimension::MOST]) {
        let n = self.dim();
        let z = array::from_fn(|i| if i < n { x(i) - self.center[i] } else { 0.0 });
        (low.softmax(&z[..n], self.slope, room), z)
    }

    /// Gradients at points that are worked on together, the data in so many parts.
    fn gradient_block(
        &self,
        points: MatRef<'_, f64>,
        parts: usize,
        energies: &mut [f64],
        mut gradients: MatMut<'_, f64>,
    ) {
        let (n, b) = (self.dim(), points.ncols());
        if b == 0 {
            return;
        }
        if let Some(low) = &self.low {
            return with_room(|room| {
                for j in 0..b {
                    let (at, z) = self.softmax_low(low, |i| points[(i, j)], room);
                    let mut square = 0.0;
                    for i in 0..n {
                        square += z[i] * z[i];
                        gradients[(i, j)] =
                            self.curvature * z[i] - self.temperature * self.slope * at.mean[i];
                    }
                    energies[j] = self.offset + 0.5 * self.curvature * square - self.temperature * at.lse;
                }
            });
        }
        with_scratch((2 * n + 1) * b, |scratch| {
            let (z, rest) = scratch.split_at_mut(n * b);
            let (means, sums) = rest.split_at_mut(n * b);
            self.centre(points, z);
            // Where energies will be, largest logits are until then.
            self.sums(MatRef::from_column_major_slice(z, n, b), parts, energies, sums, means);
            let together = gradients.par_col_chunks_mut(TOGETHER).zip(energies.par_chunks_mut(TOGETHER));
            together.enumerate().for_each(|(i, (mut gradients, energies))| {
                let first = i * TOGETHER;
                let (z, means) = (&z[first * n..], &means[first * n..]);
                for (j, (energy, (z, mean))) in
                    energies.iter_mut().zip(z.chunks_exact(n).zip(means.chunks_exact(n))).enumerate()
                {
                    let pull = self.temperature * self.slope / sums[first + j];
                    for (g, (z, mean)) in gradients.rb_mut().col_mut(j).iter_mut().zip(z.iter().zip(mean)) {
                        *g = self.curvature * z - pull * mean;
                    }
                    let lse = *energy + sums[first + j].ln();
                    *energy = self.offset + 0.5 * self.curvature * dot(z, z) - self.temperature * lse;
                }
            });
        });
    }

    fn centre(&self, points: MatRef<'_, f64>, z: &mut [f64]) {
        for (z, x) in z.chunks_exact_mut(self.dim()).zip(points.col_iter()) {
            for (z, (x, c)) in z.iter_mut().zip(x.iter().zip(&self.center)) {
                *z = x - c;
            }
        }
    }

    pub(in crate::landscape) fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let n = self.dim();
        let factor = -self.temperature * self.slope * self.slope;
        let kept = self.pruning().and_then(|_| self.kept_at(x));
        if let (Some(low), None) = (&self.low, &kept) {
            with_room(|room| {
                let (at, _) = self.softmax_low(low, |i| x[i], room);
                low.covariance(&at, factor, room, out.rb_mut());
            });
            (0..n).for_each(|j| out[(j, j)] += self.curvature);
            return;
        }
        let (members, p) = match kept {
            Some(kept) => (kept.members, kept.weights),
            None => {
                let mut p = self.dense_weights(x);
                let mut members = Vec::with_capacity(p.len());
                members.extend((0..).zip(&p).filter(|(_, p)| **p > NEGLIGIBLE).map(|(k, _)| k));
                p.retain(|p| *p > NEGLIGIBLE);
                (members, p)
            }
        };
        self.covariance(&members, &p, factor, out.rb_mut());
        (0..n).for_each(|j| out[(j, j)] += self.curvature);
    }

    pub(in crate::landscape) fn linearize<'a>(
        &'a self,
        points: MatRef<'_, f64>,
    ) -> Box<dyn Linearization + 'a> {
        let (n, k, b) = (self.dim(), self.count(), points.ncols());
        if self.low.is_some() {
            let mut hessians = vec![Mat::zeros(n, n); b];
            for (h, x) in hessians.iter_mut().zip(points.col_iter()) {
                let x: [f64; low_dimension::MOST] = array::from_fn(|i| if i < n { x[i] } else { 0.0 });
                self.hessian(&x[..n], h.as_mut());
            }
            return Box::new(Hessians(hessians));
        }
        let mut kept: Vec<Option<Kept>> = vec![];
        if let Some(pruning) = self.pruning() {
            kept.resize(b, None);
            kept.par_chunks_mut(CHUNK).enumerate().for_each(|(i, kept)| {
                self.kept(pruning, points.subcols(i * CHUNK, kept.len()), |j, _, at| {
                    kept[j] = at.map(|at| at.clone().normalised());
                });
            });
        }
        let all = kept.is_empty();
        let missed: Vec<usize> = (0..b).filter(|j| all || kept[*j].is_none()).collect();
        let some = (missed.len() < b).then(|| gathered(points, &missed));
        let points = some.as_ref().map_or(points, |some| some.as_ref());
        let b = missed.len();
        let mut weights = vec![0.0; k * b];
        let block = self.block();
        weights.par_chunks_mut(k * block).enumerate().for_each(|(i, p)| {
            let b = p.len() / k;
            with_scratch((n + 2) * b, |scratch| {
                let (z, rest) = scratch.split_at_mut(n * b);
                let (lse, sums) = rest.split_at_mut(b);
                self.centre(points.subcols(i * block, b), z);
                self.weigh(MatRef::from_column_major_slice(z, n, b), p, lse, sums);
                for (column, sum) in p.chunks_exact_mut(k).zip(&*sums) {
                    column.iter_mut().for_each(|w| *w /= sum);
                }
            });
        });
        Box::new(Weighted {
            kernel: self,
            weights,
            kept: if missed.len() == kept.len() { vec![] } else { kept },
        })
    }

    pub(in crate::landscape) fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        self.thirds(x, column(u), (u != v).then(|| column(v)), column_mut(out));
    }

    /// In several pairs of directions: the columns of `u` with those of `v`, or with themselves.
    pub(in crate::landscape) fn thirds(
        &self,
        x: &[f64],
        u: MatRef<'_, f64>,
        v: Option<MatRef<'_, f64>>,
        mut out: MatMut<'_, f64>,
    ) {
        let kept = self.kept_at(x);
        let p = kept.as_ref().map_or_else(|| self.dense_weights(x), |kept| kept.weights.clone());
        let some = kept.map(|kept| {
            let kept: Vec<usize> = kept.members.iter().map(|k| *k as usize).collect();
            gathered(self.patterns(), &kept)
        });
        let patterns = some.as_ref().map_or(self.patterns(), |some| some.as_ref());
        // What data have along the directions, from its mean.
        let along = |d: MatRef<'_, f64>| {
            let mut all = Mat::zeros(p.len(), d.ncols());
            matmul(all.as_mut(), Accum::Replace, patterns.transpose(), d, 1.0, Par::Seq);
            for j in 0..d.ncols() {
                let column = all.col_as_slice_mut(j);
                let mean: f64 = column.iter().zip(&p).map(|(a, p)| a * p).sum();
                column.iter_mut().for_each(|a| *a -= mean);
            }
            all
        };
        let mut w = along(u);
        let other = v.map(along);
        for j in 0..w.ncols() {
            for k in 0..p.len() {
                let a = w[(k, j)];
                w[(k, j)] = p[k] * a * other.as_ref().map_or(a, |b| b[(k, j)]);
            }
            // Subtracting the mean weight centres the last factor: sum p a b (y - m) = sum (p a b - p <ab>) y.
            let w = w.col_as_slice_mut(j);
            let total: f64 = w.iter().sum();
            w.iter_mut().zip(&p).for_each(|(w, p)| *w -= total * p);
        }
        let factor = -self.temperature * self.slope.powi(3);
        matmul(out.rb_mut(), Accum::Replace, patterns, w.as_ref(), factor, Par::Seq);
    }
}

/// Some columns of a matrix.
pub(super) fn gathered(from: MatRef<'_, f64>, columns: &[usize]) -> Mat<f64> {
    Mat::from_fn(from.nrows(), columns.len(), |i, j| from[(i, columns[j])])
}
