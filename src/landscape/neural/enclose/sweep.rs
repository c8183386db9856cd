//! A network over a box in many dimensions: forward with the range of each unit, back for the gradient, and forward with
//! the derivatives of the layers for the Hessian `sum_l J_l' C_l J_l` (see `frozen.rs`). All are ranges over the box at
//! once, tight for boxes that are nearly points.

use faer::Mat;

use super::Step;
use super::activation::{Jet, jet, jumps};
use super::balls::{Ball, LANES, Lanes};
use super::layers::{Affine, Columns};
use crate::landscape::enclose::Balls;
use crate::rigor::Interval;

/// The way forward.
pub(super) struct Sweep {
    /// For each step that is an activation, that of its units.
    pub(super) jets: Vec<Vec<Jet>>,
    output: Columns,
    /// May a second derivative jump in the box?
    jumps: bool,
    n: usize,
}

/// The way back.
pub(super) struct Back {
    sweep: Sweep,
    /// For each activation, second derivatives times what comes back.
    curvatures: Vec<Columns>,
    /// The gradient over the box.
    pub(super) gradient: Vec<Interval>,
}

impl Sweep {
    pub(super) fn forward(steps: &[Step], x: &[Interval]) -> Sweep {
        let mut state = column(x);
        let mut open = vec![];
        let (mut jets, mut jumping) = (vec![], false);
        for step in steps {
            match step {
                Step::Affine(affine) => state = apply(affine, &state, 1, 1),
                Step::Activation(units) => {
                    let range = intervals(&state);
                    jumping |= units.iter().zip(&range).any(|(a, z)| jumps(*a, *z));
                    let layer: Vec<Jet> = units.iter().zip(&range).map(|(a, z)| jet(*a, *z)).collect();
                    state = column(&layer.iter().map(|j| j[0]).collect::<Vec<_>>());
                    jets.push(layer);
                }
                Step::Open => open.push(state.clone()),
                Step::Close { scale } => {
                    if let Some(kept) = open.pop() {
                        add_scaled(&mut state, *scale, &kept);
                    }
                }
            }
        }
        Sweep { jets, output: state, jumps: jumping, n: x.len() }
    }

    /// The only output.
    pub(super) fn value(&self) -> Interval {
        intervals(&self.output)[0]
    }

    pub(super) fn back(self, steps: &[Step], transposed: &[Option<Affine>]) -> Back {
        let mut state = column(&[Interval::ONE]);
        let mut closed: Vec<Columns> = vec![];
        let mut curvatures = vec![];
        let mut jets = self.jets.iter().rev();
        for (step, transposed) in steps.iter().zip(transposed).rev() {
            match step {
                Step::Affine(_) => {
                    if let Some(affine) = transposed {
                        state = apply(affine, &state, 1, 0);
                    }
                }
                Step::Activation(_) => {
                    if let Some(layer) = jets.next() {
                        let mut curved = state.clone();
                        scale_rows(&mut curved, &derivative(layer, 2));
                        scale_rows(&mut state, &derivative(layer, 1));
                        curvatures.push(curved);
                    }
                }
                Step::Close { scale } => {
                    closed.push(state.clone());
                    let mut none = Columns::default();
                    none.reset(state.width, 1);
                    add_scaled(&mut state, *scale, &none);
                }
                Step::Open => {
                    if let Some(kept) = closed.pop() {
                        add_scaled(&mut state, 1.0, &kept);
                    }
                }
            }
        }
        curvatures.reverse();
        let gradient = intervals(&state);
        Back { sweep: self, curvatures, gradient }
    }
}

impl Back {
    /// The Hessian over the box; unbounded where it may jump.
    pub(super) fn hessian(&self, steps: &[Step]) -> Balls {
        let n = self.sweep.n;
        let mut sum = Columns::default();
        sum.reset(n, n);
        if self.sweep.jumps {
            sum.rad.fill(f64::INFINITY);
        }
        let mut state = Columns::default();
        state.reset(n, n);
        for i in 0..n {
            let at = i * state.stride() + i;
            state.mid[at] = 1.0;
        }
        let mut open: Vec<Columns> = vec![];
        let mut layers = self.sweep.jets.iter().zip(&self.curvatures);
        for step in steps {
            match step {
                Step::Affine(affine) => state = apply(affine, &state, n, 0),
                Step::Activation(_) => {
                    if let Some((layer, curvature)) = layers.next() {
                        let mut curved = state.clone();
                        scale_rows(&mut curved, curvature);
                        let stride = state.stride();
                        let entry =
                            |i: usize, j: usize| (state.mid[i * stride + j], state.rad[i * stride + j]);
                        let transposed = Affine::new(n, state.width, entry, &[]);
                        let part = apply(&transposed, &curved, n, 0);
                        add_scaled(&mut sum, 1.0, &part);
                        scale_rows(&mut state, &derivative(layer, 1));
                    }
                }
                Step::Open => open.push(state.clone()),
                Step::Close { scale } => {
                    if let Some(kept) = open.pop() {
                        add_scaled(&mut state, *scale, &kept);
                    }
                }
            }
        }
        let stride = sum.stride();
        Balls {
            mid: Mat::from_fn(n, n, |i, j| sum.mid[j * stride + i]),
            rad: Mat::from_fn(n, n, |i, j| {
                let rad = sum.rad[j * stride + i];
                if rad.is_nan() { f64::INFINITY } else { rad }
            }),
        }
    }
}

fn apply(affine: &Affine, x: &Columns, columns: usize, biased: usize) -> Columns {
    let mut out = Columns::default();
    affine.apply(x, columns, biased, &mut out);
    out
}

/// A derivative of each unit's activation.
fn derivative(layer: &[Jet], order: usize) -> Columns {
    column(&layer.iter().map(|j| j[order]).collect::<Vec<_>>())
}

fn column(x: &[Interval]) -> Columns {
    let mut out = Columns::default();
    out.reset(x.len(), 1);
    for (i, x) in x.iter().enumerate() {
        let ball = Ball::of(*x);
        (out.mid[i], out.rad[i]) = (ball.mid, ball.rad);
    }
    out
}

fn intervals(x: &Columns) -> Vec<Interval> {
    (0..x.width).map(|i| Ball { mid: x.mid[i], rad: x.rad[i] }.interval()).collect()
}

/// Multiplies each column by `factor`, entry by entry.
fn scale_rows(state: &mut Columns, factor: &Columns) {
    let stride = state.stride();
    for at in (0..state.mid.len()).step_by(LANES) {
        Lanes::load(&state.mid, &state.rad, at)
            .times(Lanes::load(&factor.mid, &factor.rad, at % stride))
            .store(&mut state.mid, &mut state.rad, at);
    }
}

/// `state = scale state + kept`.
fn add_scaled(state: &mut Columns, scale: f64, kept: &Columns) {
    let scale = Lanes::all(Ball { mid: scale, rad: 0.0 });
    for at in (0..state.mid.len()).step_by(LANES) {
        Lanes::load(&state.mid, &state.rad, at)
            .times(scale)
            .plus(Lanes::load(&kept.mid, &kept.rad, at))
            .store(&mut state.mid, &mut state.rad, at);
    }
}
