//! Networks on many points: blocks that stay in the cache, in parallel.

use faer::prelude::ReborrowMut;
use faer::{MatMut, MatRef};
use rayon::prelude::*;

use super::frozen::copy_columns;
use super::network::{Direction, Network};
use crate::landscape::softmax::with_scratch;

/// Numbers of a block's widest state: 128 kB, so that what a sweep keeps stays in a core's second-level cache.
const BLOCK: usize = 1 << 14;

impl Network {
    /// Points a block; fixed by the network alone, so that results do not depend on the number of threads.
    pub(super) fn block(&self) -> usize {
        (BLOCK / self.widest().max(1)).clamp(16, 128)
    }

    /// Scalar outputs (length b) and their gradients (n x b) at the columns of `points`.
    pub(super) fn gradients(&self, points: MatRef<'_, f64>, values: &mut [f64], gradients: MatMut<'_, f64>) {
        let block = self.block();
        if points.ncols() <= block {
            return self.gradient_block(points, values, gradients);
        }
        gradients
            .par_col_chunks_mut(block)
            .zip(values.par_chunks_mut(block))
            .enumerate()
            .for_each(|(i, (g, v))| self.gradient_block(points.subcols(i * block, g.ncols()), v, g));
    }

    fn gradient_block(&self, points: MatRef<'_, f64>, values: &mut [f64], mut gradients: MatMut<'_, f64>) {
        let (n, b) = (self.inputs(), points.ncols());
        self.sweep::<1>(b, &[points], Direction::Still, |value, gradient| {
            values.copy_from_slice(value);
            gradients.rb_mut().copy_from(MatRef::from_column_major_slice(gradient, n, b));
        });
    }

    /// Scalar outputs, gradients and products of the Hessians with the columns of `vectors` (n x b), in one sweep.
    pub(super) fn gradients_and_products(
        &self,
        points: MatRef<'_, f64>,
        vectors: MatRef<'_, f64>,
        values: &mut [f64],
        gradients: MatMut<'_, f64>,
        products: MatMut<'_, f64>,
    ) {
        let block = self.block();
        gradients
            .par_col_chunks_mut(block)
            .zip(products.par_col_chunks_mut(block))
            .zip(values.par_chunks_mut(block))
            .enumerate()
            .for_each(|(i, ((mut g, mut p), v))| {
                let (n, b) = (g.nrows(), g.ncols());
                let parts = [points.subcols(i * block, b), vectors.subcols(i * block, b)];
                self.sweep::<2>(b, &parts, Direction::Still, |value, back| {
                    v.copy_from_slice(&value[..b]);
                    let (gradient, product) = back.split_at(n * b);
                    g.rb_mut().copy_from(MatRef::from_column_major_slice(gradient, n, b));
                    p.rb_mut().copy_from(MatRef::from_column_major_slice(product, n, b));
                });
            });
    }

    /// The derivative of the gradient of the scalar output along a direction of the parameters (length n).
    pub(super) fn gradient_along(&self, x: &[f64], direction: Direction<'_>, out: &mut [f64]) {
        let zero = vec![0.0; x.len()];
        let parts = [crate::linalg::column(x), crate::linalg::column(&zero)];
        self.sweep::<2>(1, &parts, direction, |_, back| out.copy_from_slice(&back[x.len()..]));
    }

    /// The derivative of the outputs along a direction of the parameters (length m).
    pub(super) fn outputs_along(&self, x: &[f64], direction: Direction<'_>, out: &mut [f64]) {
        let (n, m) = (x.len(), self.outputs());
        let size = 2 * self.widest();
        with_scratch(2 * size + 2 * self.tape(), |scratch| {
            let (state, rest) = scratch.split_at_mut(size);
            let (spare, tape) = rest.split_at_mut(size);
            state[..n].copy_from_slice(x);
            state[n..2 * n].fill(0.0);
            let state = self.forward::<2>(1, state, spare, tape, direction, false);
            out.copy_from_slice(&state[m..2 * m]);
        });
    }

    /// The third derivative of the scalar output along `u` and `v`.
    pub(super) fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let n = x.len();
        let zero = vec![0.0; n];
        let parts = [x, u, v, &zero].map(crate::linalg::column);
        self.sweep::<4>(1, &parts, Direction::Still, |_, back| out.copy_from_slice(&back[3 * n..]));
    }

    /// Outputs (m x b) at the columns of `points` (n x b).
    pub(super) fn outputs_at(&self, points: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        let block = self.block();
        out.par_col_chunks_mut(block).enumerate().for_each(|(i, mut out)| {
            let (m, b) = (out.nrows(), out.ncols());
            let size = self.widest() * b;
            with_scratch(2 * size + self.tape() * b, |scratch| {
                let (state, rest) = scratch.split_at_mut(size);
                let (spare, tape) = rest.split_at_mut(size);
                copy_columns(points.subcols(i * block, b), state);
                let state = self.forward::<1>(b, state, spare, tape, Direction::Still, false);
                out.rb_mut().copy_from(MatRef::from_column_major_slice(&state[..m * b], m, b));
            });
        });
    }

    /// Forward and back on one block with K components; `read` sees the K components of the outputs (b each) and of the
    /// gradients (n b each).
    fn sweep<const K: usize>(
        &self,
        b: usize,
        parts: &[MatRef<'_, f64>],
        direction: Direction<'_>,
        read: impl FnOnce(&[f64], &[f64]),
    ) {
        let (n, size) = (self.inputs(), self.widest() * K * b);
        with_scratch(2 * size + self.tape() * K * b + K * b, |scratch| {
            let (state, rest) = scratch.split_at_mut(size);
            let (spare, rest) = rest.split_at_mut(size);
            let (values, tape) = rest.split_at_mut(K * b);
            for (part, state) in parts.iter().zip(state.chunks_exact_mut(n * b)) {
                copy_columns(*part, state);
            }
            let output = self.forward::<K>(b, state, spare, tape, direction, false);
            values.copy_from_slice(&output[..K * b]);
            state[..b].fill(1.0);
            state[b..K * b].fill(0.0);
            let back = self.backward::<K>(b, state, spare, tape, direction, false);
            read(values, &back[..n * K * b]);
        });
    }
}
