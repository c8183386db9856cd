//! Gradients in single precision, as a first look: twice as many numbers go through the processor at a time, and the first two digits of
//! a gradient are all that a descent on its way needs. Who uses them goes on in double precision.
//!
//! In widths of a well, as all is here, rounding moves a logit by a few units in the last place of `|y| |z|`. Where patterns or points are far
//! out it is not asked for at all: so the weights are off by some ten-thousandths of themselves, the mean by as much of the distances
//! between data.

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, bytemuck};

use super::dense::Weigh;
use super::kernel::{LogSumExp, with_scratch};

/// The farthest that a pattern and that a point may be from the centre, in widths of a well.
const FARTHEST: (f64, f64) = (16.0, 64.0);
/// Numbers of data in a tile (256 kB).
const TILE: usize = 1 << 16;
/// What the rows of products come in: a multiple of those that are computed together on processors with AVX-512.
const ROWS: usize = 96;
/// Beside fewer points packing the data takes longer than multiplying with them.
const FEW: usize = 8;

/// Patterns (n x K) in widths of a well, and their biases.
#[derive(Debug)]
pub(super) struct Single {
    values: Vec<f32>,
    bias: Vec<f32>,
}

impl Single {
    /// `None` where single precision says too little, or where few data matter: sums over those are as fast.
    pub(super) fn new(kernel: &LogSumExp) -> Option<Single> {
        let n = kernel.dim();
        if kernel.low.is_some() || kernel.pruning().is_some() {
            return None;
        }
        let patterns = kernel.patterns();
        let unit = kernel.slope.sqrt();
        let farthest = kernel.norms().iter().copied().fold(0.0, f64::max);
        if !(unit * farthest <= FARTHEST.0) {
            return None;
        }
        // Biases may be as large as they like, but not differ by more than weights do.
        let top = kernel.bias.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut values = Vec::with_capacity(n * kernel.count());
        for y in patterns.col_iter() {
            values.extend(y.iter().map(|y| (unit * y) as f32));
        }
        Some(Single { values, bias: kernel.bias.iter().map(|b| (b - top) as f32).collect() })
    }
}

impl LogSumExp {
    /// Gradients (n x b) at the columns of `points` (n x b), roughly; false, and nothing written, where that is no faster or too rough.
    pub(in crate::landscape) fn rough_gradients(
        &self,
        points: MatRef<'_, f64>,
        mut gradients: MatMut<'_, f64>,
    ) -> bool {
        let (n, b) = points.shape();
        let Some(single) = self.single().filter(|_| b >= FEW) else { return false };
        let (count, unit) = (self.count(), self.slope.sqrt());
        let most = (TILE / n / ROWS).max(1) * ROWS;
        let length = (2 * n + 2) * b + most.min(count) * b;
        with_scratch(length.div_ceil(2), |scratch| {
            let scratch: &mut [f32] = &mut bytemuck::cast_slice_mut(scratch)[..length];
            let (z, rest) = scratch.split_at_mut(n * b);
            let (means, rest) = rest.split_at_mut(n * b);
            let (tops, rest) = rest.split_at_mut(b);
            let (sums, room) = rest.split_at_mut(b);
            for (z, x) in z.chunks_exact_mut(n).zip(points.col_iter()) {
                let mut square = 0.0;
                for (z, (x, c)) in z.iter_mut().zip(x.iter().zip(&self.center)) {
                    let far = unit * (x - c);
                    square += far * far;
                    *z = far as f32;
                }
                if !(square <= FARTHEST.1 * FARTHEST.1) {
                    return false;
                }
            }
            tops.fill(f32::NEG_INFINITY);
            sums.fill(0.0);
            means.fill(0.0);
            let z = MatRef::from_column_major_slice(z, n, b);
            for start in (0..count).step_by(most) {
                let end = (start + most).min(count);
                let size = end - start;
                let data = MatRef::from_column_major_slice(&single.values[start * n..end * n], n, size);
                let p = &mut room[..size * b];
                let out = MatMut::from_column_major_slice_mut(&mut *p, size, b);
                matmul(out, Accum::Replace, data.transpose(), z, 1.0, Par::Seq);
                let (tops, sums, means) = (&mut *tops, &mut *sums, &mut *means);
                Arch::new().dispatch(Weigh { p, bias: &single.bias[start..end], tops, sums, means });
                let weights = MatRef::from_column_major_slice(&*p, size, b);
                let means = MatMut::from_column_major_slice_mut(means, n, b);
                matmul(means, Accum::Add, data, weights, 1.0, Par::Seq);
            }
            for (j, (g, mean)) in gradients.rb_mut().col_iter_mut().zip(means.chunks_exact(n)).enumerate() {
                let pull = self.temperature * unit / f64::from(sums[j]);
                for (i, (g, mean)) in g.iter_mut().zip(mean).enumerate() {
                    *g = self.curvature * (points[(i, j)] - self.center[i]) - pull * f64::from(*mean);
                }
            }
            true
        })
    }
}
