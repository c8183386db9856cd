//! The energy shared by mixtures and modern Hopfield memories: a quadratic minus a log-sum-exp,
//!
//! `E(x) = offset + (curvature/2)|z|^2 - temperature log sum_k exp(bias_k + slope y_k.z)`, `z = x - center`.
//!
//! With `p = softmax(bias + slope Y'z)`, `m = Y p`: gradient `curvature z - temperature slope m`, Hessian
//! `curvature I - temperature slope^2 Cov_p(y)`, third derivative `-temperature slope^3` times the third cumulant.
//! Batches are two matrix products with a softmax between them; columns are independent and run in parallel blocks.

mod density;
mod enclose;
mod span;
mod weights;

use std::array;
use std::cell::Cell;

use faer::linalg::matmul::{matmul, triangular};
use faer::prelude::{Reborrow, ReborrowMut};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::exp::{covary, exp_shifted};
pub(super) use enclose::{EnclosedMixture, Parts};

use super::low_dimension::{self, LowDimension, Softmax};
use super::{Linearization, Region, hull};
use crate::linalg::{column, column_mut};

/// The kernel and its constants; see the module.
#[derive(Clone, Debug)]
pub(super) struct LogSumExp {
    /// Patterns, one after the other, each filled up with zeros to a multiple of [`VECTOR`] numbers: products compute
    /// with whatever fills a column up and drop the result, and should it happen to be subnormal, as in memory that is
    /// left as it came, they take a hundred times as long.
    patterns: Vec<f64>,
    /// Patterns and biases once more, in another order, where the dimension is low.
    low: Option<LowDimension>,
    pub(super) bias: Vec<f64>,
    pub(super) center: Vec<f64>,
    pub(super) offset: f64,
    pub(super) curvature: f64,
    pub(super) temperature: f64,
    pub(super) slope: f64,
}

/// A block's K x b matrix of weights stays within this many numbers (32 MB). Wide blocks matter more than cached
/// weights: each block reads all patterns twice.
const BLOCK: usize = 1 << 22;

/// Numbers in the widest vector register there is.
const VECTOR: usize = 8;

/// Weights below this do not reach a Hessian's last bit unless patterns lie 1e7 widths apart, where all but one weight
/// vanish altogether.
const NEGLIGIBLE: f64 = 1e-32;

thread_local! {
    static SCRATCH: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
}

/// Lends a scratch slice of the given length, its content arbitrary. Taking the buffer out of its cell makes nested
/// use on one thread safe (it just allocates).
pub(super) fn with_scratch<R>(length: usize, f: impl FnOnce(&mut [f64]) -> R) -> R {
    let mut buffer = SCRATCH.take();
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    let result = f(&mut buffer[..length]);
    SCRATCH.set(buffer);
    result
}

impl LogSumExp {
    /// From patterns (n x K, columns), their biases (K), the centre (n) and the constants of the module's formula.
    pub(super) fn new(
        patterns: Mat<f64>,
        bias: Vec<f64>,
        center: Vec<f64>,
        offset: f64,
        curvature: f64,
        temperature: f64,
        slope: f64,
    ) -> Self {
        let low = LowDimension::new(patterns.as_ref(), &bias);
        let stride = patterns.nrows().next_multiple_of(VECTOR);
        let mut filled = vec![0.0; stride * patterns.ncols()];
        for (to, from) in filled.chunks_exact_mut(stride).zip(patterns.col_iter()) {
            to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = *from);
        }
        LogSumExp { patterns: filled, low, bias, center, offset, curvature, temperature, slope }
    }

    pub(super) fn dim(&self) -> usize {
        self.center.len()
    }

    /// A ball about the mean of the wells that holds them all: the flow enters it.
    pub(super) fn region(&self) -> Region {
        let radius = hull::spread(self.patterns(), &vec![0.0; self.dim()]);
        Region::ball(self.center.clone(), 1.1 * radius + self.slope.powf(-0.5))
    }

    /// The centres of the wells, in the landscape's coordinates.
    pub(super) fn wells(&self) -> Mat<f64> {
        let patterns = self.patterns();
        Mat::from_fn(self.dim(), self.count(), |i, k| patterns[(i, k)] + self.center[i])
    }

    fn count(&self) -> usize {
        self.bias.len()
    }

    /// Columns a block: fixed by the data alone, so that results do not depend on the number of threads.
    fn block(&self) -> usize {
        (BLOCK / self.count().max(1)).clamp(8, 128)
    }

    /// Softmax weights (K x b) at `z` (n x b, centred), not divided by their sums; fills in those and the log-sum-exps.
    fn weigh(&self, z: MatRef<'_, f64>, mut p: MatMut<'_, f64>, lse: &mut [f64], sums: &mut [f64]) {
        matmul(p.rb_mut(), Accum::Replace, self.patterns().transpose(), z, self.slope, Par::Seq);
        for ((column, lse), total) in p.col_iter_mut().zip(lse).zip(sums) {
            let column = column.try_as_col_major_mut().expect("own scratch is contiguous").as_slice_mut();
            let (max, sum) = exp_shifted(column, &self.bias);
            (*lse, *total) = (max + sum.ln(), sum);
        }
    }

    /// Softmax weights (K) at one point.
    pub(super) fn weights(&self, x: &[f64]) -> Vec<f64> {
        let z: Vec<f64> = x.iter().zip(&self.center).map(|(x, c)| x - c).collect();
        let mut p = vec![0.0; self.count()];
        let mut sum = [0.0];
        self.weigh(column(&z), column_mut(&mut p), &mut [0.0], &mut sum);
        p.iter_mut().for_each(|w| *w /= sum[0]);
        p
    }

    /// Rounding error of the gradient `curvature (z - sum p_k y_k)`: a unit in the last place of its terms.
    pub(super) fn gradient_error(&self, x: &[f64]) -> f64 {
        let z = x.iter().zip(&self.center).map(|(x, c)| (x - c) * (x - c)).sum::<f64>().sqrt();
        let reach = |y: faer::ColRef<'_, f64>| y.iter().map(|y| y * y).sum::<f64>().sqrt();
        let mean: f64 =
            self.weights(x).iter().zip(self.patterns().col_iter()).map(|(p, y)| p * reach(y)).sum();
        f64::EPSILON * self.curvature * (z + mean)
    }

    /// The patterns (n x K).
    pub(super) fn patterns(&self) -> MatRef<'_, f64> {
        let n = self.dim();
        MatRef::from_column_major_slice_with_stride(
            &self.patterns,
            n,
            self.count(),
            n.next_multiple_of(VECTOR),
        )
    }

    /// Weighted mean of the patterns under any weights (not necessarily summing to one).
    pub(super) fn mean(&self, weights: &[f64], out: &mut [f64]) {
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

    pub(super) fn gradients(
        &self,
        points: MatRef<'_, f64>,
        energies: &mut [f64],
        mut gradients: MatMut<'_, f64>,
    ) {
        let block = self.block();
        if points.ncols() <= block {
            return self.gradient_block(points, energies, gradients);
        }
        gradients
            .rb_mut()
            .par_col_chunks_mut(block)
            .zip(energies.par_chunks_mut(block))
            .enumerate()
            .for_each(|(i, (g, e))| {
                self.gradient_block(points.subcols(i * block, g.ncols()), e, g);
            });
    }

    /// The softmax at one point in low dimension, its weights (in need of a scratch) and the centred point.
    fn softmax_low(
        &self,
        low: &LowDimension,
        x: impl Fn(usize) -> f64,
        weights: &mut [f64],
    ) -> (Softmax, [f64; low_dimension::MOST]) {
        let n = self.dim();
        let z = array::from_fn(|i| if i < n { x(i) - self.center[i] } else { 0.0 });
        (low.softmax(&z[..n], self.slope, weights), z)
    }

    fn gradient_block(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        let (n, k, b) = (self.dim(), self.count(), points.ncols());
        if let Some(low) = &self.low {
            return with_scratch(low.width(), |weights| {
                for j in 0..b {
                    let (at, z) = self.softmax_low(low, |i| points[(i, j)], weights);
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
        with_scratch((n + k + 1) * b, |scratch| {
            let (z, rest) = scratch.split_at_mut(n * b);
            let (p, sums) = rest.split_at_mut(k * b);
            self.centre(points, z);
            let z = MatRef::from_column_major_slice(z, n, b);
            let mut p = MatMut::from_column_major_slice_mut(p, k, b);
            self.weigh(z, p.rb_mut(), energies, sums);
            matmul(
                gradients.rb_mut(),
                Accum::Replace,
                self.patterns(),
                p.rb(),
                -self.temperature * self.slope,
                Par::Seq,
            );
            for (j, energy) in energies.iter_mut().enumerate() {
                let (mut square, inverse) = (0.0, 1.0 / sums[j]);
                for i in 0..n {
                    let (z, g) = (z[(i, j)], &mut gradients[(i, j)]);
                    square += z * z;
                    *g = *g * inverse + self.curvature * z;
                }
                *energy = self.offset + 0.5 * self.curvature * square - self.temperature * *energy;
            }
        });
    }

    fn centre(&self, points: MatRef<'_, f64>, z: &mut [f64]) {
        for (j, z) in z.chunks_exact_mut(self.dim()).enumerate() {
            for (i, (z, c)) in z.iter_mut().zip(&self.center).enumerate() {
                *z = points[(i, j)] - c;
            }
        }
    }

    pub(super) fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let n = self.dim();
        let factor = -self.temperature * self.slope * self.slope;
        if let Some(low) = &self.low {
            with_scratch(2 * low.width(), |scratch| {
                let (weights, scratch) = scratch.split_at_mut(low.width());
                let (at, _) = self.softmax_low(low, |i| x[i], weights);
                low.covariance(weights, &at, factor, scratch, out.rb_mut());
            });
            (0..n).for_each(|j| out[(j, j)] += self.curvature);
            return;
        }
        let p = self.weights(x);
        let mut m = vec![0.0; n];
        self.mean(&p, &mut m);
        let kept: Vec<usize> = (0..p.len()).filter(|&k| p[k] > NEGLIGIBLE).collect();
        // Columns sqrt(p_k) (y_k - m): the covariance is their product with their own transpose.
        with_scratch(n * kept.len(), |scratch| {
            for (column, &k) in scratch.chunks_exact_mut(n).zip(&kept) {
                let (y, root) = (self.patterns().col(k), p[k].sqrt());
                for i in 0..n {
                    column[i] = root * (y[i] - m[i]);
                }
            }
            let w = MatRef::from_column_major_slice(&*scratch, n, kept.len());
            triangular::matmul(
                out.rb_mut(),
                triangular::BlockStructure::TriangularLower,
                Accum::Replace,
                w,
                triangular::BlockStructure::Rectangular,
                w.transpose(),
                triangular::BlockStructure::Rectangular,
                factor,
                Par::Seq,
            );
        });
        for j in 0..n {
            out[(j, j)] += self.curvature;
            for i in j + 1..n {
                out[(j, i)] = out[(i, j)];
            }
        }
    }

    pub(super) fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        let (n, k, b) = (self.dim(), self.count(), points.ncols());
        if self.low.is_some() {
            let mut hessians = vec![Mat::zeros(n, n); b];
            for (h, x) in hessians.iter_mut().zip(points.col_iter()) {
                let x: [f64; low_dimension::MOST] = array::from_fn(|i| if i < n { x[i] } else { 0.0 });
                self.hessian(&x[..n], h.as_mut());
            }
            return Box::new(Hessians(hessians));
        }
        let mut weights = Mat::zeros(k, b);
        let block = self.block();
        weights.as_mut().par_col_chunks_mut(block).enumerate().for_each(|(i, mut p)| {
            let b = p.ncols();
            with_scratch((n + 2) * b, |scratch| {
                let (z, rest) = scratch.split_at_mut(n * b);
                let (lse, sums) = rest.split_at_mut(b);
                self.centre(points.subcols(i * block, b), z);
                self.weigh(MatRef::from_column_major_slice(z, n, b), p.rb_mut(), lse, sums);
                for (column, sum) in p.col_iter_mut().zip(&*sums) {
                    column.iter_mut().for_each(|w| *w /= sum);
                }
            });
        });
        Box::new(Weighted { kernel: self, weights })
    }

    pub(super) fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let p = self.weights(x);
        let along = |d: &[f64]| -> Vec<f64> {
            let mut a = vec![0.0; p.len()];
            let k = p.len();
            matmul(
                MatMut::from_column_major_slice_mut(&mut a, k, 1),
                Accum::Replace,
                self.patterns().transpose(),
                MatRef::from_column_major_slice(d, d.len(), 1),
                1.0,
                Par::Seq,
            );
            let mean: f64 = a.iter().zip(&p).map(|(a, p)| a * p).sum();
            a.iter_mut().for_each(|a| *a -= mean);
            a
        };
        let (a, b) = (along(u), along(v));
        let mut w: Vec<f64> = p.iter().zip(a.iter().zip(&b)).map(|(p, (a, b))| p * a * b).collect();
        // Subtracting the mean weight centres the last factor: sum p a b (y - m) = sum (p a b - p <ab>) y.
        let total: f64 = w.iter().sum();
        w.iter_mut().zip(&p).for_each(|(w, p)| *w -= total * p);
        self.mean(&w, out);
        let factor = -self.temperature * self.slope.powi(3);
        out.iter_mut().for_each(|o| *o *= factor);
    }
}

/// In low dimension the Hessians themselves take less room than the weights.
struct Hessians(Vec<Mat<f64>>);

impl Linearization for Hessians {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for j in 0..vectors.ncols() {
            let h = &self.0[if self.0.len() == 1 { 0 } else { j }];
            for i in 0..h.nrows() {
                out[(i, j)] = (0..h.ncols()).map(|k| h[(i, k)] * vectors[(k, j)]).sum();
            }
        }
    }
}

struct Weighted<'a> {
    kernel: &'a LogSumExp,
    weights: Mat<f64>,
}

impl Weighted<'_> {
    fn apply_block(&self, start: usize, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let kernel = self.kernel;
        let (k, b) = (kernel.count(), vectors.ncols());
        with_scratch(k * b, |scratch| {
            let mut a = MatMut::from_column_major_slice_mut(scratch, k, b);
            matmul(a.rb_mut(), Accum::Replace, kernel.patterns().transpose(), vectors, 1.0, Par::Seq);
            for (j, column) in a.rb_mut().col_iter_mut().enumerate() {
                let a = column.try_as_col_major_mut().expect("own scratch is contiguous").as_slice_mut();
                let point = if self.weights.ncols() == 1 { 0 } else { start + j };
                let p = self.weights.col_as_slice(point);
                covary(a, p);
            }
            let factor = -kernel.temperature * kernel.slope * kernel.slope;
            matmul(out.rb_mut(), Accum::Replace, kernel.patterns(), a.rb(), factor, Par::Seq);
        });
        for (out, v) in out.col_iter_mut().zip(vectors.col_iter()) {
            for (o, v) in out.iter_mut().zip(v.iter()) {
                *o += kernel.curvature * v;
            }
        }
    }
}

impl Linearization for Weighted<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        let block = self.kernel.block();
        if vectors.ncols() <= block {
            return self.apply_block(0, vectors, out);
        }
        out.par_col_chunks_mut(block).enumerate().for_each(|(i, o)| {
            self.apply_block(i * block, vectors.subcols(i * block, o.ncols()), o);
        });
    }
}
