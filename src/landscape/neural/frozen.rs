//! A network at fixed points: its derivative and the second derivative of a scalar output, ready to be applied.
//!
//! Along a tangent a layer's state moves by the product of the layers' derivatives; what goes back then moves by their
//! transposes and, at each activation, by its second derivative times what went back at the point. So the Hessian is
//! `sum_l J_l' C_l J_l` over the layers that are not linear, `J_l` the derivative of the layer's input in x and `C_l` the
//! layer's own second derivative in the direction of what went back (Bishop 1992; Pearlmutter 1994 for products): a
//! diagonal for activations, a diagonal and a matrix of rank two for layer norm. All `J_l` come from one sweep forward.

use faer::linalg::matmul::{matmul, triangular};
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};

use super::activation::{multiply_add, scale, scale_into};
use super::network::{Direction, Layer, Network, product_into};
use super::norm::{Kept, mean_product};
use crate::landscape::softmax::with_scratch;
use crate::linalg::axpy;

/// The tape of `b` points, and where the sweeps begin.
pub(super) struct Frozen {
    tape: Vec<f64>,
    b: usize,
}

impl Frozen {
    /// Freezes a network with one output at the columns of `points` (n x b).
    pub(super) fn scalar(network: &Network, points: MatRef<'_, f64>) -> Frozen {
        Frozen::new(network, points, true)
    }

    /// Freezes a network with any number of outputs: derivatives alone.
    pub(super) fn vector(network: &Network, points: MatRef<'_, f64>) -> Frozen {
        Frozen::new(network, points, false)
    }

    fn new(network: &Network, points: MatRef<'_, f64>, curved: bool) -> Frozen {
        let b = points.ncols();
        let mut tape = vec![0.0; network.tape() * b];
        let size = network.widest() * b;
        with_scratch(2 * size, |scratch| {
            let (state, spare) = scratch.split_at_mut(size);
            copy_columns(points, state);
            network.forward::<1>(b, state, spare, &mut tape, Direction::Still, curved);
            if curved {
                state[..b].fill(1.0);
                network.backward::<1>(b, state, spare, &mut tape, Direction::Still, true);
            }
        });
        Frozen { tape, b }
    }

    /// The second derivative applied: `out[:, j] = H_p vectors[:, j]`, where p is column j's point, or the only one there is.
    pub(super) fn hessian_vectors(
        &self,
        network: &Network,
        vectors: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) {
        let (c, size) = (vectors.ncols(), network.widest() * vectors.ncols());
        with_scratch(2 * size + network.tape() * c, |scratch| {
            let (mut state, rest) = scratch.split_at_mut(size);
            let (mut spare, kept) = rest.split_at_mut(size);
            copy_columns(vectors, state);
            let state_now = self.tangents(network, c, &mut state, &mut spare, Some(&mut *kept));
            debug_assert_eq!(state_now, network.outputs());
            // The derivative of what starts back is zero; it arises on the way.
            state[..network.outputs() * c].fill(0.0);
            for (layer, slot, width) in network.steps().rev() {
                let size = width * c;
                let tape = &self.tape[slot * self.b..];
                let kept = &mut kept[slot * c..];
                match layer {
                    Layer::Linear { weight, .. } => {
                        let d = MatRef::from_column_major_slice(&state[..size], width, c);
                        product_into(weight.transpose(), d, &mut spare[..weight.ncols() * c]);
                        std::mem::swap(&mut state, &mut spare);
                    }
                    Layer::Activation(_) => {
                        let (slopes, curvatures) = tape.split_at(width * self.b);
                        let curvatures = &curvatures[..width * self.b];
                        multiply_add(&mut state[..size], slopes, curvatures, &kept[..size]);
                    }
                    Layer::Norm(norm) => {
                        for j in 0..c {
                            let column = j * width..(j + 1) * width;
                            norm.second(
                                &self.kept(tape, width, j),
                                &kept[column.clone()],
                                &mut state[column],
                            );
                        }
                    }
                    Layer::Close { scale } => {
                        kept[..size].copy_from_slice(&state[..size]);
                        state[..size].iter_mut().for_each(|s| *s *= *scale);
                    }
                    Layer::Open => axpy(1.0, &kept[..size], &mut state[..size]),
                }
            }
            let n = network.inputs();
            out.rb_mut().copy_from(MatRef::from_column_major_slice(&state[..n * c], n, c));
        });
    }

    /// The derivative applied: `out[:, j] = J_p vectors[:, j]` (m x c).
    pub(super) fn jacobian_vectors(
        &self,
        network: &Network,
        vectors: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) {
        let (c, size) = (vectors.ncols(), network.widest() * vectors.ncols());
        with_scratch(2 * size, |scratch| {
            let (mut state, mut spare) = scratch.split_at_mut(size);
            copy_columns(vectors, state);
            let m = self.tangents(network, c, &mut state, &mut spare, None);
            out.rb_mut().copy_from(MatRef::from_column_major_slice(&state[..m * c], m, c));
        });
    }

    /// Sends tangents forward, keeping what enters each layer that is not linear; returns the width in the end.
    fn tangents<'s>(
        &self,
        network: &Network,
        c: usize,
        state: &mut &'s mut [f64],
        spare: &mut &'s mut [f64],
        mut keep: Option<&mut [f64]>,
    ) -> usize {
        let mut width = network.inputs();
        // Residual states when nothing else is kept.
        let mut open: Vec<Vec<f64>> = vec![];
        for (layer, slot, after) in network.steps() {
            let size = width * c;
            let tape = &self.tape[slot * self.b..];
            let mut kept = keep.as_deref_mut().map(|k| &mut k[slot * c..]);
            match layer {
                Layer::Linear { weight, .. } => {
                    let h = MatRef::from_column_major_slice(&state[..size], width, c);
                    product_into(weight.as_ref(), h, &mut spare[..after * c]);
                    std::mem::swap(state, spare);
                }
                Layer::Activation(_) => {
                    if let Some(kept) = &mut kept {
                        kept[..size].copy_from_slice(&state[..size]);
                    }
                    scale(&mut state[..size], &tape[..width * self.b]);
                }
                Layer::Norm(norm) => {
                    let mut own = if kept.is_none() { vec![0.0; width] } else { vec![] };
                    for j in 0..c {
                        let column = j * width..(j + 1) * width;
                        let frozen = self.kept(tape, width, j);
                        let centred = match &mut kept {
                            Some(kept) => &mut kept[column.clone()],
                            None => &mut own[..],
                        };
                        norm.tangent(frozen.s, frozen.inverse[0], &mut state[column], centred);
                    }
                }
                Layer::Open => match &mut kept {
                    Some(kept) => kept[..size].copy_from_slice(&state[..size]),
                    None => open.push(state[..size].to_vec()),
                },
                Layer::Close { scale } => {
                    let own = if kept.is_none() { open.pop().unwrap_or_default() } else { vec![] };
                    let before: &[f64] = match &kept {
                        Some(kept) => kept,
                        None => &own,
                    };
                    for (state, before) in state[..size].iter_mut().zip(before) {
                        *state = scale.mul_add(*state, *before);
                    }
                }
            }
            width = after;
        }
        width
    }

    /// The derivative (m x n) at the only point.
    pub(super) fn jacobian(&self, network: &Network, mut out: MatMut<'_, f64>) {
        let m = network.outputs();
        self.spread(
            network,
            |_, _, _, _| {},
            usize::MAX,
            |j| {
                out.rb_mut().copy_from(MatRef::from_column_major_slice(j, m, network.inputs()));
            },
        );
    }

    /// The second derivative (n x n, both triangles) at the only point.
    pub(super) fn hessian(&self, network: &Network, mut out: MatMut<'_, f64>) {
        let n = network.inputs();
        out.rb_mut().fill(0.0);
        self.spread(
            network,
            |layer, slot, j, spare| {
                let width = j.len() / n;
                let tape = &self.tape[slot..];
                let factors = &mut spare[..j.len()];
                let (factor, scale) = match layer {
                    Layer::Activation(_) => {
                        let curvatures = &tape[width..2 * width];
                        scale_into(j, curvatures, factors);
                        (MatRef::from_column_major_slice(factors, width, n), 1.0)
                    }
                    Layer::Norm(_) => {
                        // Here `j` is centred.
                        let kept = Kept::of(tape, width, 1);
                        let square = kept.inverse[0] * kept.inverse[0];
                        let means = |a: &[f64]| -> Vec<f64> {
                            j.chunks_exact(width).map(|column| mean_product(a, column)).collect()
                        };
                        let (p, q) = (means(kept.cotangent), means(kept.s));
                        let along = mean_product(kept.s, kept.cotangent);
                        for a in 0..n {
                            for b in 0..=a {
                                out[(a, b)] += width as f64
                                    * square
                                    * (3.0 * along * q[a] * q[b] - p[a] * q[b] - q[a] * p[b]);
                            }
                        }
                        (MatRef::from_column_major_slice(j, width, n), -along * square)
                    }
                    _ => return,
                };
                let j = MatRef::from_column_major_slice(j, width, n);
                triangular::matmul(
                    out.rb_mut(),
                    triangular::BlockStructure::TriangularLower,
                    Accum::Add,
                    j.transpose(),
                    triangular::BlockStructure::Rectangular,
                    factor,
                    triangular::BlockStructure::Rectangular,
                    scale,
                    Par::Seq,
                );
            },
            // What is linear in the end adds nothing.
            network.last_curved(),
            |_| {},
        );
        for j in 0..n {
            for i in j + 1..n {
                out[(j, i)] = out[(i, j)];
            }
        }
    }

    /// Sends the unit matrix forward through the first `layers` layers. `visit` sees each layer that is not linear with its place on the tape, the derivative of
    /// its input (centred, for a norm) and scratch as long as that; `end` sees the derivative of what comes out.
    fn spread(
        &self,
        network: &Network,
        mut visit: impl FnMut(&Layer, usize, &[f64], &mut [f64]),
        layers: usize,
        end: impl FnOnce(&[f64]),
    ) {
        debug_assert_eq!(self.b, 1);
        let n = network.inputs();
        let size = network.widest() * n;
        with_scratch(3 * size, |scratch| {
            let (mut state, rest) = scratch.split_at_mut(size);
            let (mut spare, extra) = rest.split_at_mut(size);
            let unit = &mut state[..n * n];
            unit.fill(0.0);
            unit.iter_mut().step_by(n + 1).for_each(|d| *d = 1.0);
            let mut width = n;
            let mut open: Vec<Vec<f64>> = vec![];
            for (i, (layer, slot, after)) in network.steps().enumerate().take(layers) {
                let size = width * n;
                match layer {
                    // The unit matrix times the weights.
                    Layer::Linear { weight, .. } if i == 0 => {
                        copy_columns(weight.as_ref(), spare);
                        std::mem::swap(&mut state, &mut spare);
                    }
                    Layer::Linear { weight, .. } => {
                        let h = MatRef::from_column_major_slice(&state[..size], width, n);
                        product_into(weight.as_ref(), h, &mut spare[..after * n]);
                        std::mem::swap(&mut state, &mut spare);
                    }
                    Layer::Activation(_) => {
                        visit(layer, slot, &state[..size], extra);
                        scale(&mut state[..size], &self.tape[slot..slot + width]);
                    }
                    Layer::Norm(norm) => {
                        let kept = Kept::of(&self.tape[slot..], width, 1);
                        let columns = state[..size].chunks_exact_mut(width);
                        for (column, centred) in columns.zip(spare.chunks_exact_mut(width)) {
                            norm.tangent(kept.s, kept.inverse[0], column, centred);
                        }
                        visit(layer, slot, &spare[..size], extra);
                    }
                    Layer::Open => open.push(state[..size].to_vec()),
                    Layer::Close { scale } => {
                        let before = open.pop().unwrap_or_default();
                        for (state, before) in state[..size].iter_mut().zip(&before) {
                            *state = scale.mul_add(*state, *before);
                        }
                    }
                }
                width = after;
            }
            end(&state[..width * n]);
        });
    }

    /// What a norm kept at the point of column `j`.
    fn kept<'a>(&self, tape: &'a [f64], width: usize, j: usize) -> Kept<'a> {
        let j = if self.b == 1 { 0 } else { j };
        let all = Kept::of(tape, width, self.b);
        let column = j * width..(j + 1) * width;
        Kept { s: &all.s[column.clone()], inverse: &all.inverse[j..=j], cotangent: &all.cotangent[column] }
    }
}

/// Copies a matrix column by column.
pub(super) fn copy_columns(from: MatRef<'_, f64>, to: &mut [f64]) {
    if from.nrows() == 0 {
        return;
    }
    for (to, from) in to.chunks_exact_mut(from.nrows()).zip(from.col_iter()) {
        match from.try_as_col_major() {
            Some(from) => to.copy_from_slice(from.as_slice()),
            None => to.iter_mut().zip(from.iter()).for_each(|(to, from)| *to = *from),
        }
    }
}

/// The product of a matrix with vectors, each a column.
pub(super) fn times(a: MatRef<'_, f64>, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
    matmul(out, Accum::Replace, a, vectors, 1.0, Par::Seq);
}
