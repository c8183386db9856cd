//! A feed-forward network as a list of layers, and its sweeps: forward, and back for derivatives.
//!
//! A state is a matrix, one point a column; with K components (see `state.rs`) the columns of the components follow
//! one another, so that each linear layer is one matrix product for all of them.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::activation::{Activation, activate};
use super::norm::Norm;
use super::state::{add_bias, multiply};
use crate::linalg::axpy;

/// A layer: what it does to a state.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    /// `weight h + bias`, with `weight` out x in; the bias may be empty.
    Linear { weight: Mat<f64>, bias: Vec<f64> },
    /// Activations of consecutive units, each with the number of them.
    Activation(Vec<(Activation, usize)>),
    /// Layer norm.
    Norm(Norm),
    /// Where a residual branch begins.
    Open,
    /// Where it ends: the state at its beginning plus `scale` times the state here.
    Close { scale: f64 },
}

/// A network from R^n to R^m.
#[derive(Clone, Debug)]
pub(super) struct Network {
    layers: Vec<Layer>,
    /// Width before each layer, and after the last.
    widths: Vec<usize>,
    /// Where each layer's part of the tape begins, in numbers a column; that of a `Close` is its `Open`'s.
    slots: Vec<usize>,
    /// Length of the tape in numbers a column.
    tape: usize,
}

/// A direction in parameter space, for the derivative of what the network computes.
#[derive(Clone, Copy)]
pub(super) enum Direction<'a> {
    /// None: parameters stay.
    Still,
    /// The difference of two networks of one shape.
    Weights(&'a Network),
    /// The bias of the first layer alone.
    Bias(&'a [f64]),
}

impl Network {
    /// Puts layers together. The message says which of them does not fit.
    pub(super) fn new(inputs: usize, layers: Vec<Layer>) -> Result<Network, String> {
        let (mut widths, mut slots, mut tape) = (vec![inputs], vec![], 0);
        let mut open: Vec<(usize, usize)> = vec![];
        let mut width = inputs;
        for (i, layer) in layers.iter().enumerate() {
            let mut slot = tape;
            match layer {
                Layer::Linear { weight, bias } => {
                    if weight.ncols() != width {
                        return Err(format!(
                            "layer {i} takes {} numbers, but is given {width}",
                            weight.ncols()
                        ));
                    }
                    if !bias.is_empty() && bias.len() != weight.nrows() {
                        return Err(format!(
                            "layer {i} has {} outputs, but a bias of {}",
                            weight.nrows(),
                            bias.len()
                        ));
                    }
                    width = weight.nrows();
                }
                Layer::Activation(parts) => {
                    let units: usize = parts.iter().map(|p| p.1).sum();
                    if units != width {
                        return Err(format!("layer {i} acts on {units} units, but is given {width}"));
                    }
                    tape += 2 * width;
                }
                Layer::Norm(norm) => {
                    if norm.gain.len() != width || norm.shift.len() != width {
                        return Err(format!(
                            "layer {i} normalises {} units, but is given {width}",
                            norm.gain.len()
                        ));
                    }
                    tape += 2 * width + 1;
                }
                Layer::Open => {
                    open.push((slot, width));
                    tape += width;
                }
                Layer::Close { .. } => {
                    let Some((begin, before)) = open.pop() else {
                        return Err(format!("layer {i} ends a residual branch that never began"));
                    };
                    if before != width {
                        return Err(format!(
                            "the residual branch that ends at layer {i} turns {before} numbers into {width}, but must \
                             leave as many as it takes"
                        ));
                    }
                    slot = begin;
                }
            }
            slots.push(slot);
            widths.push(width);
        }
        if !open.is_empty() {
            return Err("a residual branch does not end".to_string());
        }
        Ok(Network { layers, widths, slots, tape })
    }

    /// Have both the same layers, up to their numbers?
    pub(super) fn same_shape(&self, other: &Network) -> bool {
        let same = |pair: (&Layer, &Layer)| match pair {
            (Layer::Linear { bias: a, .. }, Layer::Linear { bias: b, .. }) => a.len() == b.len(),
            (Layer::Activation(a), Layer::Activation(b)) => a == b,
            (Layer::Norm(a), Layer::Norm(b)) => a.epsilon == b.epsilon,
            (Layer::Open, Layer::Open) => true,
            (Layer::Close { scale: a }, Layer::Close { scale: b }) => a == b,
            _ => false,
        };
        self.widths == other.widths
            && self.layers.len() == other.layers.len()
            && self.layers.iter().zip(&other.layers).all(same)
    }

    /// Numbers that go in.
    pub(super) fn inputs(&self) -> usize {
        self.widths[0]
    }

    /// Numbers that come out.
    pub(super) fn outputs(&self) -> usize {
        self.widths[self.layers.len()]
    }

    /// The layers with where their part of the tape begins, in numbers a column.
    pub(super) fn steps(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&Layer, usize, usize)> + ExactSizeIterator {
        self.layers.iter().zip(&self.slots).zip(&self.widths[1..]).map(|((l, s), w)| (l, *s, *w))
    }

    /// The i-th layer.
    pub(super) fn layer(&self, i: usize) -> &Layer {
        &self.layers[i]
    }

    /// Number of layers up to the last that is not linear.
    pub(super) fn last_curved(&self) -> usize {
        let curved = |l: &Layer| matches!(l, Layer::Activation(_) | Layer::Norm(_));
        self.layers.iter().rposition(curved).map_or(0, |i| i + 1)
    }

    /// Rows of the stack for the Hessian (`frozen.rs`): units of activations, and of norms with two more each.
    pub(super) fn curved_rows(&self) -> usize {
        let rows = |(layer, _, width): (&Layer, usize, usize)| match layer {
            Layer::Activation(_) => width,
            Layer::Norm(_) => width + 2,
            _ => 0,
        };
        self.steps().map(rows).sum()
    }

    /// Length of the tape, in numbers a column.
    pub(super) fn tape(&self) -> usize {
        self.tape
    }

    /// The widest state.
    pub(super) fn widest(&self) -> usize {
        self.widths.iter().copied().max().unwrap_or(0)
    }

    /// Replaces the bias of the first layer, which must be linear.
    pub(super) fn set_first_bias(&mut self, bias: &[f64]) {
        if let Some(Layer::Linear { bias: old, .. }) = self.layers.first_mut() {
            old.clear();
            old.extend_from_slice(bias);
        }
    }

    /// `self + s (other - self)`, parameter by parameter; the networks have one shape.
    pub(super) fn towards(&self, other: &Network, s: f64) -> Network {
        self.combine(other, |a, b| a + s * (b - a))
    }

    /// `other - self`, parameter by parameter.
    pub(super) fn difference(&self, other: &Network) -> Network {
        self.combine(other, |a, b| b - a)
    }

    fn combine(&self, other: &Network, f: impl Fn(f64, f64) -> f64) -> Network {
        let lists = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect() };
        let layers = self.layers.iter().zip(&other.layers).map(|pair| match pair {
            (Layer::Linear { weight: a, bias: c }, Layer::Linear { weight: b, bias: d }) => Layer::Linear {
                weight: Mat::from_fn(a.nrows(), a.ncols(), |i, j| f(a[(i, j)], b[(i, j)])),
                bias: lists(c, d),
            },
            (Layer::Norm(a), Layer::Norm(b)) => Layer::Norm(Norm {
                gain: lists(&a.gain, &b.gain),
                shift: lists(&a.shift, &b.shift),
                epsilon: a.epsilon,
            }),
            (layer, _) => layer.clone(),
        });
        Network {
            layers: layers.collect(),
            widths: self.widths.clone(),
            slots: self.slots.clone(),
            tape: self.tape,
        }
    }

    /// Sends `b` points with K components through the network. `state` holds them at first (n x Kb) and what comes out
    /// in the end (m x Kb); it and `spare` have room for the widest state. The tape (`self.tape() * K b` numbers) is
    /// what [`Network::backward`] needs; with `curved`, second derivatives of the activations are on it too.
    pub(super) fn forward<'s, const K: usize>(
        &self,
        b: usize,
        mut state: &'s mut [f64],
        mut spare: &'s mut [f64],
        tape: &mut [f64],
        direction: Direction<'_>,
        curved: bool,
    ) -> &'s mut [f64] {
        let mut width = self.inputs();
        for (i, (layer, slot, after)) in self.steps().enumerate() {
            let tape = &mut tape[slot * K * b..];
            let size = width * K * b;
            match layer {
                Layer::Linear { weight, bias } => {
                    let h = MatRef::from_column_major_slice(&state[..size], width, K * b);
                    product_into(weight.as_ref(), h, &mut spare[..after * K * b]);
                    if !bias.is_empty() {
                        add_bias(&mut spare[..after * b], bias);
                    }
                    match direction {
                        Direction::Weights(rates) if K > 1 => {
                            if let Layer::Linear { weight, bias } = &rates.layers[i] {
                                let along = &mut spare[after * b..2 * after * b];
                                add_product(weight.as_ref(), h.subcols(0, b), along);
                                if !bias.is_empty() {
                                    add_bias(along, bias);
                                }
                            }
                        }
                        Direction::Bias(rate) if K > 1 && i == 0 => {
                            add_bias(&mut spare[after * b..2 * after * b], rate);
                        }
                        _ => {}
                    }
                    std::mem::swap(&mut state, &mut spare);
                }
                Layer::Activation(parts) => {
                    let (slopes, rest) = tape.split_at_mut(size);
                    let curvatures = if curved { &mut rest[..width * b] } else { &mut rest[..0] };
                    let mut row = 0;
                    for (activation, units) in parts {
                        // One kind for all units, the usual case, is one stretch; else a stretch a column.
                        let whole = *units == width;
                        let (stretches, length) = if whole { (1, width * b) } else { (b, *units) };
                        for j in 0..stretches {
                            let at = j * width + row;
                            let curvatures =
                                if curved { &mut curvatures[at..at + length] } else { &mut curvatures[..0] };
                            activate::<K>(
                                *activation,
                                components_mut(&mut state[..size], at, length),
                                components_mut(slopes, at, length),
                                curvatures,
                            );
                        }
                        row += units;
                    }
                }
                Layer::Norm(norm) => {
                    let rates = match direction {
                        Direction::Weights(rates) => match &rates.layers[i] {
                            Layer::Norm(rates) => Some(rates),
                            _ => None,
                        },
                        _ => None,
                    };
                    norm.forward::<K>(b, &mut state[..size], tape, rates);
                }
                Layer::Open => tape[..size].copy_from_slice(&state[..size]),
                Layer::Close { scale } => {
                    for (state, kept) in state[..size].iter_mut().zip(&*tape) {
                        *state = scale.mul_add(*state, *kept);
                    }
                }
            }
            width = after;
        }
        state
    }

    /// Sends the derivative of some function of the output (`state`: m x Kb) back to the input (n x Kb). Uses up the tape
    /// of a [`Network::forward`] with the same `K`, `b` and `direction`. With `curved` the tape keeps, instead of second
    /// derivatives of the activations, these times the derivative in what they return.
    pub(super) fn backward<'s, const K: usize>(
        &self,
        b: usize,
        mut state: &'s mut [f64],
        mut spare: &'s mut [f64],
        tape: &mut [f64],
        direction: Direction<'_>,
        curved: bool,
    ) -> &'s mut [f64] {
        for (i, (layer, slot, after)) in self.steps().enumerate().rev() {
            let tape = &mut tape[slot * K * b..];
            let size = after * K * b;
            match layer {
                Layer::Linear { weight, .. } => {
                    let before = weight.ncols();
                    let d = MatRef::from_column_major_slice(&state[..size], after, K * b);
                    product_into(weight.transpose(), d, &mut spare[..before * K * b]);
                    if let Direction::Weights(rates) = direction
                        && let Layer::Linear { weight, .. } = &rates.layers[i]
                        && K > 1
                    {
                        add_product(
                            weight.transpose(),
                            d.subcols(0, b),
                            &mut spare[before * b..2 * before * b],
                        );
                    }
                    std::mem::swap(&mut state, &mut spare);
                }
                Layer::Activation(_) => {
                    let (slopes, rest) = tape.split_at_mut(size);
                    if curved {
                        multiply::<1>([&mut rest[..size]], [&state[..size]]);
                    }
                    multiply::<K>(
                        components_mut(&mut state[..size], 0, after * b),
                        components(slopes, after * b),
                    );
                }
                Layer::Norm(norm) => {
                    let rates = match direction {
                        Direction::Weights(rates) => match &rates.layers[i] {
                            Layer::Norm(rates) => Some(rates),
                            _ => None,
                        },
                        _ => None,
                    };
                    norm.backward::<K>(b, &mut state[..size], tape, rates, curved);
                }
                // The branch's copy of the state is no longer needed: its place takes the derivative.
                Layer::Close { scale } => {
                    tape[..size].copy_from_slice(&state[..size]);
                    state[..size].iter_mut().for_each(|s| *s *= scale);
                }
                Layer::Open => axpy(1.0, &tape[..size], &mut state[..size]),
            }
        }
        state
    }
}

/// Of each of the K components of a state, the same stretch.
fn components_mut<const K: usize>(state: &mut [f64], start: usize, length: usize) -> [&mut [f64]; K] {
    let each = state.len() / K;
    let mut parts = state.chunks_exact_mut(each.max(1));
    std::array::from_fn(|_| match parts.next() {
        Some(part) => &mut part[start..start + length],
        None => &mut [],
    })
}

/// The K components of a state.
fn components<const K: usize>(state: &[f64], each: usize) -> [&[f64]; K] {
    std::array::from_fn(|k| &state[k * each..(k + 1) * each])
}

/// `out = a h`.
pub(super) fn product_into(a: MatRef<'_, f64>, h: MatRef<'_, f64>, out: &mut [f64]) {
    let out = MatMut::from_column_major_slice_mut(out, a.nrows(), h.ncols());
    matmul(out, Accum::Replace, a, h, 1.0, Par::Seq);
}

fn add_product(a: MatRef<'_, f64>, h: MatRef<'_, f64>, out: &mut [f64]) {
    let out = MatMut::from_column_major_slice_mut(out, a.nrows(), h.ncols());
    matmul(out, Accum::Add, a, h, 1.0, Par::Seq);
}
