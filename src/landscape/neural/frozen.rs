//! A network at fixed points: its derivative and the second derivative of a scalar output, ready to be applied.
//!
//! Along a tangent a layer's state moves by the product of the layers' derivatives; what goes back then moves by their
//! transposes and, at each activation, by its second derivative times what went back at the point. So the Hessian is
//! `sum_l J_l' C_l J_l` over the layers that are not linear, `J_l` the derivative of the layer's input in x and `C_l` the
//! layer's own second derivative in the direction of what went back (Bishop 1992; Pearlmutter 1994 for products): a
//! diagonal for activations, a diagonal and a matrix of rank two for layer norm. All `J_l` come from one sweep forward.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::network::{Direction, Layer, Network, product_into};
use super::norm::Kept;
use super::state::{multiply_add, scale, stack_and_scale};
use crate::landscape::softmax::with_scratch;
use crate::linalg::{axpy, lower_product};

/// Columns of a Hessian that go forward together: half of them would take nearly as long.
const CHUNK: usize = 32;

/// Where the `J_l` of some columns go, and with `C_l` applied; both have `rows` rows.
struct Stack<'a> {
    s: &'a mut [f64],
    f: &'a mut [f64],
    rows: usize,
}

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
        let (m, n) = (network.outputs(), network.inputs());
        let size = network.widest() * n;
        with_scratch(2 * size, |scratch| {
            let (state, spare) = scratch.split_at_mut(size);
            let state = self.spread(network, 0..n, state, spare, None);
            out.rb_mut().copy_from(MatRef::from_column_major_slice(&state[..m * n], m, n));
        });
    }

    /// The second derivative (n x n, both triangles) at the only point: `S'F`, where the rows of S are those of the `J_l`, one
    /// below the other, and F is S with `C_l` applied. Columns go forward in chunks, in parallel.
    pub(super) fn hessian(&self, network: &Network, mut out: MatMut<'_, f64>) {
        let (n, rows) = (network.inputs(), network.curved_rows());
        if rows == 0 {
            return out.rb_mut().fill(0.0);
        }
        let chunk = if n < 2 * CHUNK { n } else { CHUNK };
        let each = (2 * rows + 2 * network.widest()) * chunk;
        with_scratch(each * n.div_ceil(chunk), |scratch| {
            scratch.par_chunks_mut(each).enumerate().for_each(|(k, part)| {
                let columns = k * chunk..n.min((k + 1) * chunk);
                let (s, rest) = part.split_at_mut(rows * chunk);
                let (f, rest) = rest.split_at_mut(rows * chunk);
                let (state, spare) = rest.split_at_mut(network.widest() * chunk);
                self.spread(network, columns, state, spare, Some(Stack { s, f, rows }));
            });
            let scratch = &*scratch;
            out.rb_mut().par_col_chunks_mut(chunk).enumerate().for_each(|(b, mut out)| {
                let factors = &scratch[b * each + rows * chunk..];
                let width = out.ncols();
                let factors = MatRef::from_column_major_slice(&factors[..rows * width], rows, width);
                for (a, start) in (0..n).step_by(chunk).enumerate().skip(b) {
                    let height = chunk.min(n - start);
                    let rows_of_a = &scratch[a * each..][..rows * height];
                    let left = MatRef::from_column_major_slice(rows_of_a, rows, height).transpose();
                    let block = out.rb_mut().subrows_mut(start, height);
                    if a == b {
                        lower_product(block, Accum::Replace, left, factors, 1.0);
                    } else {
                        matmul(block, Accum::Replace, left, factors, 1.0, Par::Seq);
                    }
                }
            });
        });
        for j in 0..n {
            for i in j + 1..n {
                out[(j, i)] = out[(i, j)];
            }
        }
    }

    /// Sends columns of the unit matrix forward, as far as the end or, with a stack to fill, the last layer that is not
    /// linear.
    fn spread<'s>(
        &self,
        network: &Network,
        columns: Range<usize>,
        mut state: &'s mut [f64],
        mut spare: &'s mut [f64],
        mut stack: Option<Stack<'_>>,
    ) -> &'s mut [f64] {
        debug_assert_eq!(self.b, 1);
        let (n, c) = (network.inputs(), columns.len());
        let layers = if stack.is_some() { network.last_curved() } else { usize::MAX };
        let (mut width, mut row) = (n, 0);
        let mut open: Vec<Vec<f64>> = vec![];
        for (i, (layer, slot, after)) in network.steps().enumerate().take(layers) {
            let size = width * c;
            if i == 0 && !matches!(layer, Layer::Linear { .. }) {
                state[..size].fill(0.0);
                columns.clone().enumerate().for_each(|(j, column)| state[j * n + column] = 1.0);
            }
            let tape = &self.tape[slot..];
            match layer {
                // The unit matrix times the weights.
                Layer::Linear { weight, .. } if i == 0 => {
                    copy_columns(weight.as_ref().subcols(columns.start, c), state);
                }
                Layer::Linear { weight, .. } => {
                    let h = MatRef::from_column_major_slice(&state[..size], width, c);
                    product_into(weight.as_ref(), h, &mut spare[..after * c]);
                    std::mem::swap(&mut state, &mut spare);
                }
                Layer::Activation(_) => {
                    let (slopes, curvatures) = tape[..2 * width].split_at(width);
                    match &mut stack {
                        None => scale(&mut state[..size], slopes),
                        Some(stack) => {
                            let (s, f) = (&mut stack.s[row..], &mut stack.f[row..]);
                            stack_and_scale(&mut state[..size], slopes, curvatures, s, f, stack.rows);
                            row += width;
                        }
                    }
                }
                Layer::Norm(norm) => {
                    let kept = Kept::of(tape, width, 1);
                    let state = state[..size].chunks_exact_mut(width);
                    for (j, (column, centred)) in state.zip(spare.chunks_exact_mut(width)).enumerate() {
                        norm.tangent(kept.s, kept.inverse[0], column, centred);
                        if let Some(stack) = &mut stack {
                            let here = j * stack.rows + row..j * stack.rows + row + width + 2;
                            let (s, f) = (&mut stack.s[here.clone()], &mut stack.f[here]);
                            norm.stack(&kept, centred, s, f);
                        }
                    }
                    row += width + 2;
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
        state
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
