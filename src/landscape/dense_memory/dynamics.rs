//! The published dynamics `x' = -x + scale sum_k w_k F'(y_k.g) y_k`.

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};

use super::DenseMemory;
use crate::landscape::{Dynamics, Landscape};
use crate::linalg::axpy;

impl Dynamics for DenseMemory {
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
        let frozen = self.freeze(x);
        velocity.iter_mut().zip(&frozen.force).for_each(|(v, f)| *v = -f);
        self.settle(x.iter().sum::<f64>() / self.dim as f64, velocity);
        self.energy(x)
    }

    fn jacobian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let (n, k) = (self.dim, self.count());
        let frozen = self.freeze(x);
        let mut seen: Vec<f64> = self.patterns.chunks_exact(n).flat_map(|y| frozen.local.second(y)).collect();
        for (column, s) in seen.chunks_exact_mut(n).zip(&frozen.second) {
            column.iter_mut().for_each(|c| *c *= s);
        }
        let seen = MatRef::from_column_major_slice(&seen, n, k).transpose();
        matmul(out.rb_mut(), Accum::Replace, self.patterns(), seen, 1.0, Par::Seq);
        let mut column = vec![0.0; n];
        for j in 0..n {
            out[(j, j)] -= 1.0;
            (0..n).for_each(|i| column[i] = out[(i, j)]);
            self.settle(1.0 / n as f64, &mut column);
            (0..n).for_each(|i| out[(i, j)] = column[i]);
        }
    }

    fn apply_jacobian(&self, x: &[f64], vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let frozen = self.freeze(x);
        for j in 0..vectors.ncols() {
            let a: Vec<f64> = vectors.col(j).iter().copied().collect();
            let mut pushed = self.couple(&frozen, &frozen.local.second(&a));
            axpy(-1.0, &a, &mut pushed);
            self.settle(a.iter().sum::<f64>() / self.dim as f64, &mut pushed);
            pushed.iter().enumerate().for_each(|(i, value)| out[(i, j)] = *value);
        }
    }
}

impl DenseMemory {
    /// Replaces the part of a velocity along a pinned direction by the fall towards zero of the state's `mean` there.
    fn settle(&self, mean: f64, velocity: &mut [f64]) {
        if self.pin() > 0.0 {
            let drift = velocity.iter().sum::<f64>() / self.dim as f64;
            velocity.iter_mut().for_each(|v| *v -= drift + mean);
        }
    }
}
