//! Hessians of the softmax kernel, frozen at points and ready to be applied.

use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef};
use pulp::Arch;
use rayon::prelude::*;

use super::kept::{Covariance, Kept};
use super::kernel::{CHUNK, LogSumExp, gathered, with_scratch};
use crate::landscape::Linearization;

/// In low dimension the Hessians themselves take less room than the weights.
pub(super) struct Hessians(pub(super) Vec<Mat<f64>>);

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

/// The weights of all data where all matter, and of those that do where that is known.
pub(super) struct Weighted<'a> {
    pub(super) kernel: &'a LogSumExp,
    /// K of them for each point of which nothing is in `kept`.
    pub(super) weights: Vec<f64>,
    /// One a point, or empty.
    pub(super) kept: Vec<Option<Kept>>,
}

impl Weighted<'_> {
    fn apply_block(&self, start: usize, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let kernel = self.kernel;
        let factor = -kernel.temperature * kernel.slope * kernel.slope;
        let weights = |j: usize| {
            let count = kernel.count();
            let point = if self.weights.len() == count { 0 } else { start + j };
            &self.weights[point * count..][..count]
        };
        kernel.covariance_products(vectors, weights, factor, out.rb_mut());
        for (out, v) in out.col_iter_mut().zip(vectors.col_iter()) {
            for (o, v) in out.iter_mut().zip(v.iter()) {
                *o += kernel.curvature * v;
            }
        }
    }

    fn apply_dense(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        let block = self.kernel.vectors();
        if vectors.ncols() <= block {
            return self.apply_block(0, vectors, out);
        }
        out.par_col_chunks_mut(block).enumerate().for_each(|(i, o)| {
            self.apply_block(i * block, vectors.subcols(i * block, o.ncols()), o);
        });
    }

    /// What is known of the point of a column.
    fn at(&self, column: usize) -> Option<&Kept> {
        self.kept[if self.kept.len() == 1 { 0 } else { column }].as_ref()
    }

    /// The columns from `start` on at whose points few data matter.
    fn apply_kept(&self, start: usize, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let kernel = self.kernel;
        let n = kernel.stride();
        let factor = kernel.temperature * kernel.slope * kernel.slope;
        with_scratch(2 * n, |scratch| {
            let (v, product) = scratch.split_at_mut(n);
            v.fill(0.0);
            for (j, o) in out.rb_mut().col_iter_mut().enumerate() {
                let Some(kept) = self.at(start + j) else { continue };
                v.iter_mut().zip(vectors.col(j).iter()).for_each(|(v, from)| *v = *from);
                Arch::new().dispatch(Covariance { data: kernel.data(), kept, v, out: product });
                for (o, (v, product)) in o.iter_mut().zip(v.iter().zip(&*product)) {
                    *o = kernel.curvature * v - factor * product;
                }
            }
        });
    }
}

impl Linearization for Weighted<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        if self.kept.is_empty() {
            return self.apply_dense(vectors, out);
        }
        if vectors.ncols() <= CHUNK {
            self.apply_kept(0, vectors, out.rb_mut());
        } else {
            out.rb_mut().par_col_chunks_mut(CHUNK).enumerate().for_each(|(i, o)| {
                self.apply_kept(i * CHUNK, vectors.subcols(i * CHUNK, o.ncols()), o);
            });
        }
        let rest: Vec<usize> = (0..vectors.ncols()).filter(|j| self.at(*j).is_none()).collect();
        if rest.is_empty() {
            return;
        }
        let some = gathered(vectors, &rest);
        let mut products = Mat::zeros(some.nrows(), some.ncols());
        self.apply_dense(some.as_ref(), products.as_mut());
        for (from, to) in rest.into_iter().enumerate() {
            out.rb_mut().col_mut(to).copy_from(products.col(from));
        }
    }
}
