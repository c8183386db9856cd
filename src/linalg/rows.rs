//! Products of a few vectors with many rows that lie in memory one after the other, each filled up to whole registers.
//!
//! A general matrix product packs its factors first: beside a few vectors that takes longer than to multiply with them, and a product
//! with one alone reads each number of the vector again for each row.

use pulp::{Arch, Simd, WithSimd};

/// Up to so many vectors this is no slower than a general product.
pub(crate) const FEW: usize = 3;

/// Rows that are multiplied together.
const ROWS: usize = 8;

/// Numbers of the rows that are summed up together (128 kB): they are read once for every four registers of the sum.
const TOGETHER: usize = 1 << 14;

/// `factor y_k.v` of all rows y, for each of the vectors v, as long as they are: one vector's numbers after the other's.
pub(crate) fn inner_products(rows: &[f64], vectors: &[f64], stride: usize, factor: f64, out: &mut [f64]) {
    assert!(stride.is_multiple_of(8) && out.len() * stride * stride == rows.len() * vectors.len());
    Arch::new().dispatch(Inner { rows, vectors, stride, factor, out });
}

struct Inner<'a> {
    rows: &'a [f64],
    vectors: &'a [f64],
    stride: usize,
    factor: f64,
    out: &'a mut [f64],
}

impl WithSimd for Inner<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Inner { rows, vectors, stride, factor, out } = self;
        let count = rows.len() / stride;
        if count == 0 {
            return;
        }
        let (pairs, last) = vectors.split_at(vectors.len() / (2 * stride) * 2 * stride);
        let (outs, rest) = out.split_at_mut(pairs.len() / stride * count);
        for (vectors, out) in pairs.chunks_exact(2 * stride).zip(outs.chunks_exact_mut(2 * count)) {
            beside::<S, 2>(simd, rows, vectors, stride, factor, out);
        }
        if !last.is_empty() {
            beside::<S, 1>(simd, rows, last, stride, factor, rest);
        }
    }
}

/// The products with C vectors.
#[inline(always)]
fn beside<S: Simd, const C: usize>(
    simd: S,
    rows: &[f64],
    vectors: &[f64],
    stride: usize,
    factor: f64,
    out: &mut [f64],
) {
    let count = rows.len() / stride;
    let whole = count / ROWS * ROWS;
    for k in (0..whole).step_by(ROWS) {
        some::<S, ROWS, C>(simd, &rows[k * stride..], vectors, stride, factor, k, out);
    }
    for k in whole..count {
        some::<S, 1, C>(simd, &rows[k * stride..], vectors, stride, factor, k, out);
    }
}

/// Those of R rows, which are rows `k` and following.
#[inline(always)]
fn some<S: Simd, const R: usize, const C: usize>(
    simd: S,
    rows: &[f64],
    vectors: &[f64],
    stride: usize,
    factor: f64,
    k: usize,
    out: &mut [f64],
) {
    let length = stride / S::F64_LANES;
    let rows = &S::as_simd_f64s(rows).0[..R * length];
    let vectors = &S::as_simd_f64s(vectors).0[..C * length];
    let mut sums = [[simd.splat_f64s(0.0); R]; C];
    for i in 0..length {
        for c in 0..C {
            for r in 0..R {
                sums[c][r] = simd.mul_add_f64s(rows[r * length + i], vectors[c * length + i], sums[c][r]);
            }
        }
    }
    let count = out.len() / C;
    for c in 0..C {
        for r in 0..R {
            out[c * count + k + r] = factor * simd.reduce_sum_f64s(sums[c][r]);
        }
    }
}

/// Adds `sum_k w_k y_k` over some of the rows, given as vectors. Sums stay in registers, four where there are as many: none then waits for
/// the one before.
#[inline(always)]
pub(crate) fn add_weighed<S: Simd>(
    simd: S,
    rows: &[S::f64s],
    members: impl Iterator<Item = usize> + Clone,
    weights: &[f64],
    out: &mut [S::f64s],
) {
    let vectors = out.len();
    let (fours, ones) = out.as_chunks_mut::<4>();
    for (start, out) in fours.iter_mut().enumerate() {
        let mut sums = *out;
        for (member, w) in members.clone().zip(weights) {
            let w = simd.splat_f64s(*w);
            if let Some(y) = rows[member * vectors + 4 * start..].first_chunk::<4>() {
                for i in 0..4 {
                    sums[i] = simd.mul_add_f64s(w, y[i], sums[i]);
                }
            }
        }
        *out = sums;
    }
    let start = vectors - ones.len();
    for (i, out) in ones.iter_mut().enumerate() {
        let mut sum = *out;
        for (member, w) in members.clone().zip(weights) {
            let y = rows[member * vectors + start + i];
            sum = simd.mul_add_f64s(simd.splat_f64s(*w), y, sum);
        }
        *out = sum;
    }
}

/// `sum_k w_k y_k` over all rows, for each column of weights, one after the other.
pub(crate) fn weighed_sums(rows: &[f64], weights: &[f64], stride: usize, out: &mut [f64]) {
    assert!(stride.is_multiple_of(8) && rows.len() * out.len() == weights.len() * stride * stride);
    out.fill(0.0);
    Arch::new().dispatch(Weighed { rows, weights, stride, out });
}

struct Weighed<'a> {
    rows: &'a [f64],
    weights: &'a [f64],
    stride: usize,
    out: &'a mut [f64],
}

impl WithSimd for Weighed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Weighed { rows, weights, stride, out } = self;
        let count = rows.len() / stride;
        let most = (TOGETHER / stride).max(1);
        for start in (0..count).step_by(most) {
            let end = (start + most).min(count);
            let rows = S::as_simd_f64s(&rows[start * stride..end * stride]).0;
            for (j, out) in out.chunks_exact_mut(stride).enumerate() {
                let weights = &weights[j * count..][start..end];
                add_weighed(simd, rows, 0..end - start, weights, S::as_mut_simd_f64s(out).0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_sums_of_all_sizes() {
        let wave = |i: usize| (0.7 * i as f64 + 0.3).sin();
        for stride in [8, 16, 24, 40, 64] {
            for count in [0, 1, 3, 4, 9, 50, 700] {
                for vectors in 1..=FEW {
                    let rows: Vec<f64> = (0..count * stride).map(wave).collect();
                    let v: Vec<f64> = (0..vectors * stride).map(|i| wave(3 * i)).collect();
                    let mut out = vec![f64::NAN; count * vectors];
                    inner_products(&rows, &v, stride, 0.5, &mut out);
                    for (j, v) in v.chunks_exact(stride).enumerate() {
                        for (k, y) in rows.chunks_exact(stride).enumerate() {
                            let exact: f64 = y.iter().zip(v).map(|(y, v)| y * v).sum();
                            assert!((out[j * count + k] - 0.5 * exact).abs() < 1e-13, "{stride} {count} {j}");
                        }
                    }
                }
                let rows: Vec<f64> = (0..count * stride).map(wave).collect();
                let weights: Vec<f64> = (0..FEW * count).map(|k| wave(5 * k)).collect();
                let mut sums = vec![f64::NAN; FEW * stride];
                weighed_sums(&rows, &weights, stride, &mut sums);
                for (i, sum) in sums.iter().enumerate() {
                    let (j, i) = (i / stride, i % stride);
                    let exact =
                        (0..count).map(|k| weights[j * count + k] * rows[k * stride + i]).sum::<f64>();
                    assert!((sum - exact).abs() < 1e-12, "{stride} {count} {i}");
                }
            }
        }
    }
}
