//! The softmax kernel in a few dimensions, one point at a time: there a general matrix product is nearly all overhead.

use faer::{MatMut, MatRef};
use pulp::{Arch, NullaryFnOnce};

use super::exp::{BLOCK, dot, exp_shifted_inline, halve};

/// Most dimensions.
pub(super) const MOST: usize = 8;

/// Patterns coordinate by coordinate, filled up to whole blocks with patterns of no weight.
#[derive(Clone, Debug)]
pub(super) struct LowDimension {
    /// n rows of equal length.
    rows: Vec<f64>,
    bias: Vec<f64>,
}

/// The softmax at a point.
pub(super) struct Softmax {
    /// `log sum_k exp(bias_k + slope y_k.z)`.
    pub(super) lse: f64,
    /// Sum of the weights as they stand.
    pub(super) sum: f64,
    /// Mean of the patterns; the first n entries count.
    pub(super) mean: [f64; MOST],
}

impl LowDimension {
    /// From patterns (n x K, columns) and their biases; `None` if n is too large.
    pub(super) fn new(patterns: MatRef<'_, f64>, bias: &[f64]) -> Option<Self> {
        let (n, count) = patterns.shape();
        if n > MOST {
            return None;
        }
        let width = count.next_multiple_of(BLOCK);
        let mut rows = vec![0.0; n * width];
        for (row, pattern) in rows.chunks_exact_mut(width).zip(patterns.row_iter()) {
            row.iter_mut().zip(pattern.iter()).for_each(|(r, y)| *r = *y);
        }
        let mut bias = bias.to_vec();
        bias.resize(width, f64::NEG_INFINITY);
        Some(LowDimension { rows, bias })
    }

    /// Length of a slice of weights: the number of patterns and what fills up the last block.
    pub(super) fn width(&self) -> usize {
        self.bias.len()
    }

    /// Fills in the weights at `z`, not divided by their sum.
    pub(super) fn softmax(&self, z: &[f64], slope: f64, weights: &mut [f64]) -> Softmax {
        Arch::new().dispatch(Weigh { patterns: self, z, slope, weights })
    }

    /// Writes `factor` times the covariance of the patterns under the weights at a point into both triangles of `out`;
    /// `scratch` is as long as the weights.
    pub(super) fn covariance(
        &self,
        weights: &[f64],
        at: &Softmax,
        factor: f64,
        scratch: &mut [f64],
        out: MatMut<'_, f64>,
    ) {
        Arch::new().dispatch(Covariance { patterns: self, weights, at, factor, scratch, out });
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.width()..(i + 1) * self.width()]
    }
}

struct Weigh<'a> {
    patterns: &'a LowDimension,
    z: &'a [f64],
    slope: f64,
    weights: &'a mut [f64],
}

impl NullaryFnOnce for Weigh<'_> {
    type Output = Softmax;

    #[inline(always)]
    fn call(self) -> Softmax {
        let Weigh { patterns, z, slope, weights } = self;
        let width = patterns.width();
        for (b, logits) in weights.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let mut sums = [0.0_f64; BLOCK];
            for (i, z) in z.iter().enumerate() {
                let row = &patterns.rows[i * width + b * BLOCK..][..BLOCK];
                for k in 0..BLOCK {
                    sums[k] = row[k].mul_add(slope * z, sums[k]);
                }
            }
            *logits = sums;
        }
        let (max, sum) = exp_shifted_inline(weights, &patterns.bias);
        let mut mean = [0.0; MOST];
        for i in 0..z.len() {
            mean[i] = dot(patterns.row(i), weights) / sum;
        }
        Softmax { lse: max + sum.ln(), sum, mean }
    }
}

struct Covariance<'a> {
    patterns: &'a LowDimension,
    weights: &'a [f64],
    at: &'a Softmax,
    factor: f64,
    scratch: &'a mut [f64],
    out: MatMut<'a, f64>,
}

impl NullaryFnOnce for Covariance<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Covariance { patterns, weights, at, factor, scratch, mut out } = self;
        let factor = factor / at.sum;
        for j in 0..out.ncols() {
            let mean = at.mean[j];
            let rows = patterns.row(j).as_chunks::<BLOCK>().0;
            let weights = weights.as_chunks::<BLOCK>().0;
            for ((s, w), row) in scratch.as_chunks_mut::<BLOCK>().0.iter_mut().zip(weights).zip(rows) {
                let mut products = [0.0; BLOCK];
                for k in 0..BLOCK {
                    products[k] = w[k] * (row[k] - mean);
                }
                *s = products;
            }
            for i in j..out.ncols() {
                let mean = at.mean[i];
                let rows = patterns.row(i).as_chunks::<BLOCK>().0;
                let mut sums = [0.0_f64; BLOCK];
                for (s, row) in scratch.as_chunks::<BLOCK>().0.iter().zip(rows) {
                    for k in 0..BLOCK {
                        sums[k] = s[k].mul_add(row[k] - mean, sums[k]);
                    }
                }
                let entry = factor * halve(sums, |a, b| a + b);
                out[(i, j)] = entry;
                out[(j, i)] = entry;
            }
        }
    }
}
