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

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    /// Against the definitions, summed plainly, for every dimension and numbers of patterns around whole blocks.
    #[test]
    fn mean_and_covariance_are_those_of_the_softmax() {
        for n in 1..=MOST {
            for count in [1, 2, 15, 16, 17, 33] {
                let patterns = Mat::from_fn(n, count, |i, k| ((i + 1) as f64 * 1.3 + k as f64 * 0.7).sin());
                let bias: Vec<f64> = (0..count).map(|k| (k as f64).cos()).collect();
                let z: Vec<f64> = (0..n).map(|i| 0.3 * (i as f64 - 2.0)).collect();
                let slope = 1.7;
                let low = LowDimension::new(patterns.as_ref(), &bias).expect("low");
                let (mut weights, mut scratch) = (vec![0.0; low.width()], vec![0.0; low.width()]);
                let at = low.softmax(&z, slope, &mut weights);
                let mut out = Mat::zeros(n, n);
                low.covariance(&weights, &at, 2.0, &mut scratch, out.as_mut());

                let terms: Vec<f64> = (0..count)
                    .map(|k| (bias[k] + slope * (0..n).map(|i| patterns[(i, k)] * z[i]).sum::<f64>()).exp())
                    .collect();
                let total: f64 = terms.iter().sum();
                let expect = |f: &dyn Fn(usize) -> f64| -> f64 {
                    terms.iter().enumerate().map(|(k, t)| t / total * f(k)).sum()
                };
                assert!((at.lse - total.ln()).abs() < 1e-13);
                for i in 0..n {
                    let mean = expect(&|k| patterns[(i, k)]);
                    assert!((at.mean[i] - mean).abs() < 1e-14);
                    for j in 0..n {
                        let other = expect(&|k| patterns[(j, k)]);
                        let product = expect(&|k| (patterns[(i, k)] - mean) * (patterns[(j, k)] - other));
                        assert!((out[(i, j)] - 2.0 * product).abs() < 1e-13);
                    }
                }
            }
        }
        assert!(LowDimension::new(Mat::zeros(MOST + 1, 3).as_ref(), &[0.0; 3]).is_none());
    }
}
