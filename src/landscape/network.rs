//! Layers of neurons with symmetric synapses: what `hopfield` and `hierarchical` have in common (Krotov 2021).
//!
//! Layer A has currents x, activities `g = grad L(x)`, and
//!
//! `E = sum_A sum_i leak_i (x_i g_i - L_i) - g'S g/2 - b.g`, `tau_i x_i' = -r_i`, `r = leak x - S g - b`.
//!
//! With `P = Hess L` and leak 1, `grad E = P r`: the flow is a gradient in the metric `tau P`, which is singular where P
//! is. Layers that are eliminated sit at their equilibrium, `x = S g + b`; what is left of their energy is `-L(x)`.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::lagrangian::{Bound, Lagrangian, Local};
use crate::linalg::column;

/// A layer.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) lagrangian: Lagrangian,
    /// One a unit; 1 each where the Lagrangian is no sum over units.
    pub(super) leak: Vec<f64>,
    pub(super) tau: Vec<f64>,
    pub(super) bias: Vec<f64>,
}

/// Synapses: the layer `to` gets `weights` times the activities of `from`, and back by the transpose; within a layer
/// (`from == to`) the matrix is symmetric and counts once.
#[derive(Clone, Debug)]
pub(super) struct Synapses {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) weights: Mat<f64>,
}

/// Layers, some of them eliminated. States hold the others, in the order in which the layers were given.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) layers: Vec<Layer>,
    pub(super) synapses: Vec<Synapses>,
    pub(super) kept: Vec<bool>,
    /// Where each layer's units are in vectors over all: kept layers first.
    pub(super) places: Vec<Range<usize>>,
    /// Units of the kept layers.
    pub(super) dim: usize,
    pub(super) total: usize,
}

/// Currents and activities of all units at some points (columns).
pub(super) struct Forward {
    pub(super) x: Mat<f64>,
    pub(super) g: Mat<f64>,
}

impl Network {
    /// No two eliminated layers may be joined, and none with itself.
    pub(super) fn new(layers: Vec<Layer>, synapses: Vec<Synapses>, kept: Vec<bool>) -> Self {
        let mut places = vec![0..0; layers.len()];
        let mut end = 0;
        let mut dim = 0;
        for keep in [true, false] {
            for (i, layer) in layers.iter().enumerate().filter(|(i, _)| kept[*i] == keep) {
                places[i] = end..end + layer.leak.len();
                end = places[i].end;
            }
            if keep {
                dim = end;
            }
        }
        Network { layers, synapses, kept, places, dim, total: end }
    }

    /// Are no two layers joined among those for which `chosen` is true, nor one with itself?
    pub(super) fn are_apart(&self, chosen: &[bool]) -> bool {
        self.synapses.iter().all(|s| !(chosen[s.from] && chosen[s.to]))
    }

    /// Adds to the rows of the (not) kept layers of `out` what the activities-like `g` of the (not) kept ones send.
    pub(super) fn send(&self, from: bool, to: bool, g: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let mut add = |source: usize, target: usize, weights: MatRef<'_, f64>| {
            if self.kept[source] == from && self.kept[target] == to {
                let (s, t) = (&self.places[source], &self.places[target]);
                let into = out.as_mut().subrows_mut(t.start, t.len());
                matmul(into, Accum::Add, weights, g.subrows(s.start, s.len()), 1.0, Par::Seq);
            }
        };
        for s in &self.synapses {
            add(s.from, s.to, s.weights.as_ref());
            if s.from != s.to {
                add(s.to, s.from, s.weights.transpose());
            }
        }
    }

    /// Fills the rows of the (not) kept layers of `out` by `f(layer, its rows of the inputs, out)`, column by column.
    pub(super) fn by_layer<const N: usize>(
        &self,
        kept: bool,
        inputs: [&Mat<f64>; N],
        out: &mut Mat<f64>,
        f: impl Fn(usize, usize, [&[f64]; N], &mut [f64]),
    ) {
        for j in 0..out.ncols() {
            for (layer, place) in self.places.iter().enumerate().filter(|(l, _)| self.kept[*l] == kept) {
                // A single point meets every column.
                let rows = inputs.map(|m| &m.col_as_slice(if m.ncols() == 1 { 0 } else { j })[place.clone()]);
                f(layer, j, rows, &mut out.col_as_slice_mut(j)[place.clone()]);
            }
        }
    }

    /// Currents and activities at the states `z` (dim x b).
    pub(super) fn forward(&self, z: MatRef<'_, f64>) -> Forward {
        let b = z.ncols();
        let mut x = Mat::zeros(self.total, b);
        x.as_mut().subrows_mut(0, self.dim).copy_from(z);
        let mut g = Mat::zeros(self.total, b);
        let activity = |layer: usize, _: usize, [x]: [&[f64]; 1], out: &mut [f64]| {
            self.layers[layer].lagrangian.activity(x, out);
        };
        self.by_layer(true, [&x], &mut g, activity);
        if self.dim < self.total {
            let mut rest = x.clone();
            self.by_layer(false, [], &mut rest, |layer, _, [], out| {
                out.copy_from_slice(&self.layers[layer].bias);
            });
            self.send(true, false, g.as_ref(), rest.as_mut());
            x = rest;
            self.by_layer(false, [&x], &mut g, activity);
        }
        Forward { x, g }
    }

    /// Energies, and r at the kept units (rows 0..dim).
    pub(super) fn energies(&self, at: &Forward, energies: &mut [f64]) -> Mat<f64> {
        let b = at.x.ncols();
        let mut own = Mat::zeros(self.total, b);
        self.send(true, true, at.g.as_ref(), own.as_mut());
        for (j, energy) in energies.iter_mut().enumerate() {
            *energy = 0.0;
            let (x, g, own) = (at.x.col_as_slice(j), at.g.col_as_slice(j), own.col_as_slice(j));
            for (layer, place) in self.places.iter().enumerate() {
                let Layer { lagrangian, leak, bias, .. } = &self.layers[layer];
                let part = lagrangian.value(&x[place.clone()], leak);
                *energy -= part;
                if self.kept[layer] {
                    *energy += place
                        .clone()
                        .zip(leak.iter().zip(bias))
                        .map(|(i, (leak, bias))| g[i] * (leak * x[i] - bias - 0.5 * own[i]))
                        .sum::<f64>();
                }
            }
        }
        self.send(false, true, at.g.as_ref(), own.as_mut());
        let mut r = Mat::zeros(self.total, b);
        self.by_layer(true, [&at.x, &own], &mut r, |layer, _, [x, own], out| {
            let Layer { leak, bias, .. } = &self.layers[layer];
            for i in 0..out.len() {
                out[i] = leak[i] * x[i] - own[i] - bias[i];
            }
        });
        r
    }

    /// The Lagrangians' derivatives at each column, layer by layer.
    pub(super) fn locals(&self, at: &Forward) -> Vec<Vec<Local>> {
        let local = |x: &[f64]| {
            let of = |(layer, place): (&Layer, &Range<usize>)| layer.lagrangian.local(&x[place.clone()]);
            self.layers.iter().zip(&self.places).map(of).collect()
        };
        (0..at.x.ncols()).map(|j| local(at.x.col_as_slice(j))).collect()
    }

    /// `P u` in the kept (not kept) layers.
    pub(super) fn second(&self, kept: bool, locals: &[Vec<Local>], u: &Mat<f64>, out: &mut Mat<f64>) {
        self.by_layer(kept, [u], out, |layer, j, [u], out| of(locals, j, layer).second(u, out));
    }

    /// The third derivatives of the Lagrangians along `u` and `v`, in the kept (not kept) layers.
    pub(super) fn third(
        &self,
        kept: bool,
        locals: &[Vec<Local>],
        u: &Mat<f64>,
        v: &Mat<f64>,
        out: &mut Mat<f64>,
    ) {
        self.by_layer(kept, [u, v], out, |layer, j, [u, v], out| of(locals, j, layer).third(u, v, out));
    }

    /// `dr` along the columns of `u`. In: their `P u` in the kept rows of `pu`; there the eliminated rows become
    /// the change of the eliminated currents.
    pub(super) fn derivative(&self, locals: &[Vec<Local>], u: &Mat<f64>, pu: &mut Mat<f64>) -> Mat<f64> {
        let mut input = Mat::zeros(self.total, u.ncols());
        self.respond(locals, pu, &mut input);
        let mut dr = Mat::zeros(self.total, u.ncols());
        self.by_layer(true, [u, &input], &mut dr, |layer, _, [u, input], out| {
            for i in 0..out.len() {
                out[i] = self.layers[layer].leak[i] * u[i] - input[i];
            }
        });
        dr
    }

    /// Adds to `input` what the kept units receive when their activities change by (the kept rows of) `dg`, whose other
    /// rows become the change of the eliminated currents.
    pub(super) fn respond(&self, locals: &[Vec<Local>], dg: &mut Mat<f64>, input: &mut Mat<f64>) {
        self.send(true, true, dg.as_ref(), input.as_mut());
        if self.dim < self.total {
            let mut currents = Mat::zeros(self.total, dg.ncols());
            self.send(true, false, dg.as_ref(), currents.as_mut());
            let mut active = Mat::zeros(self.total, dg.ncols());
            self.second(false, locals, &currents, &mut active);
            self.send(false, true, active.as_ref(), input.as_mut());
            self.by_layer(false, [&currents], dg, |_, _, [c], out| out.copy_from_slice(c));
        }
    }

    /// States or directions (dim x b) with rows of zeros for the eliminated units.
    pub(super) fn padded(&self, z: MatRef<'_, f64>) -> Mat<f64> {
        let mut all = Mat::zeros(self.total, z.ncols());
        all.as_mut().subrows_mut(0, self.dim).copy_from(z);
        all
    }

    /// Energies and gradients `P r` (dim x b).
    pub(super) fn gradients(&self, z: MatRef<'_, f64>, energies: &mut [f64], mut out: MatMut<'_, f64>) {
        let at = self.forward(z);
        let r = self.energies(&at, energies);
        let locals = self.locals(&at);
        let mut gradient = Mat::zeros(self.total, z.ncols());
        self.second(true, &locals, &r, &mut gradient);
        out.copy_from(gradient.as_ref().subrows(0, self.dim));
    }

    /// Hessian-vector products at frozen points.
    pub(super) fn apply_hessian(&self, at: &Frozen, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let u = self.padded(vectors);
        let mut pu = Mat::zeros(self.total, u.ncols());
        self.second(true, &at.locals, &u, &mut pu);
        let dr = self.derivative(&at.locals, &u, &mut pu);
        let (mut first, mut bent) = (Mat::zeros(self.total, u.ncols()), Mat::zeros(self.total, u.ncols()));
        self.second(true, &at.locals, &dr, &mut first);
        self.third(true, &at.locals, &u, &at.r, &mut bent);
        first += bent;
        out.copy_from(first.as_ref().subrows(0, self.dim));
    }

    /// What products with the Hessian need, at the columns of `z`.
    pub(super) fn freeze(&self, z: MatRef<'_, f64>) -> Frozen {
        let at = self.forward(z);
        let r = self.energies(&at, &mut vec![0.0; z.ncols()]);
        Frozen { locals: self.locals(&at), r }
    }

    /// The third derivative of the energy along `u` and `v`: of `P r`, the product rule.
    pub(super) fn third_of_energy(&self, z: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let at = self.freeze(column(z));
        let Frozen { locals, r } = &at;
        let zero = || Mat::<f64>::zeros(self.total, 1);
        let (u, v) = (self.padded(column(u)), self.padded(column(v)));
        let (mut pu, mut pv) = (zero(), zero());
        self.second(true, locals, &u, &mut pu);
        self.second(true, locals, &v, &mut pv);
        let du = self.derivative(locals, &u, &mut pu);
        let dv = self.derivative(locals, &v, &mut pv);
        // Second change of r: activities bend by T(u, v); the eliminated ones bend by themselves, too.
        let mut bent = zero();
        self.third(true, locals, &u, &v, &mut bent);
        let mut input = zero();
        self.respond(locals, &mut bent, &mut input);
        if self.dim < self.total {
            let mut own = zero();
            self.third(false, locals, &pu, &pv, &mut own);
            self.send(false, true, own.as_ref(), input.as_mut());
        }
        let mut sum = zero();
        self.by_layer(true, [&u, &v, r], &mut sum, |layer, _, [u, v, r], out| {
            of(locals, 0, layer).fourth(u, v, r, out);
        });
        let mut part = zero();
        self.third(true, locals, &u, &dv, &mut part);
        sum += &part;
        self.third(true, locals, &v, &du, &mut part);
        sum += &part;
        self.second(true, locals, &input, &mut part);
        sum -= &part;
        out.copy_from_slice(&sum.col_as_slice(0)[..self.dim]);
    }

    /// The published velocity; returns the energy.
    pub(super) fn velocity(&self, z: &[f64], out: &mut [f64]) -> f64 {
        let mut energy = [0.0];
        let at = self.forward(column(z));
        let r = self.energies(&at, &mut energy);
        out.copy_from_slice(&r.col_as_slice(0)[..self.dim]);
        self.slow_down(out);
        energy[0]
    }

    /// The velocity's Jacobian times the columns of `vectors`.
    pub(super) fn apply_jacobian(&self, z: &[f64], vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let locals = self.locals(&self.forward(column(z)));
        let u = self.padded(vectors);
        let mut pu = Mat::zeros(self.total, u.ncols());
        self.second(true, &locals, &u, &mut pu);
        let mut dr = self.derivative(&locals, &u, &mut pu);
        for j in 0..u.ncols() {
            self.slow_down(&mut dr.col_as_slice_mut(j)[..self.dim]);
        }
        out.copy_from(dr.as_ref().subrows(0, self.dim));
    }

    /// `-r/tau` in place of r.
    fn slow_down(&self, r: &mut [f64]) {
        for (layer, place) in self.places.iter().enumerate().filter(|(l, _)| self.kept[*l]) {
            for (r, tau) in r[place.clone()].iter_mut().zip(&self.layers[layer].tau) {
                *r = -*r / tau;
            }
        }
    }

    /// The derivative of the gradient in the constant of layer `changed`: of `P r` with both factors.
    pub(super) fn gradient_by_constant(&self, changed: usize, z: &[f64], out: &mut [f64]) {
        let at = self.forward(column(z));
        let r = self.energies(&at, &mut [0.0]);
        let locals = self.locals(&at);
        let place = self.places[changed].clone();
        let size = place.len();
        let (mut activity, mut rate) = (vec![0.0; size], vec![0.0; size]);
        let Layer { lagrangian, .. } = &self.layers[changed];
        let rows = |m: &Mat<f64>| m.col_as_slice(0)[place.clone()].to_vec();
        lagrangian.by_constant(&rows(&at.x), &rows(&r), &mut activity, &mut rate);
        let mut dg = Mat::zeros(self.total, 1);
        dg.col_as_slice_mut(0)[place.clone()].copy_from_slice(&activity);
        let mut input = Mat::zeros(self.total, 1);
        if self.kept[changed] {
            self.respond(&locals, &mut dg, &mut input);
        } else {
            self.send(false, true, dg.as_ref(), input.as_mut());
        }
        let mut change = Mat::zeros(self.total, 1);
        self.second(true, &locals, &input, &mut change);
        for (o, c) in out.iter_mut().zip(change.col_as_slice(0)) {
            *o = -c;
        }
        if self.kept[changed] {
            out[place].iter_mut().zip(&rate).for_each(|(o, r)| *o += r);
        }
    }

    /// `P v` at `z` for a v over the state.
    pub(super) fn through_metric(&self, z: &[f64], v: &[f64], out: &mut [f64]) {
        let locals = self.locals(&self.forward(column(z)));
        let mut image = Mat::zeros(self.total, 1);
        self.second(true, &locals, &self.padded(column(v)), &mut image);
        out.copy_from_slice(&image.col_as_slice(0)[..self.dim]);
    }

    /// Bounds of |x| at equilibria, one a layer and unit, a twentieth wider than they need to be; `None` if the
    /// activities of joined layers feed each other without limit. Units without leak have the span in which their
    /// activity is to be told from its limit.
    pub(super) fn bounds(&self) -> Option<Vec<Vec<f64>>> {
        let mut bounds: Vec<Option<Vec<f64>>> = self.layers.iter().map(|_| None).collect();
        for _ in 0..=self.layers.len() {
            for target in 0..self.layers.len() {
                if bounds[target].is_none() {
                    bounds[target] = self.bound(target, &bounds);
                }
            }
        }
        bounds.into_iter().collect()
    }

    /// The same of one layer, from those of the layers joined to it.
    pub(super) fn bound(&self, target: usize, known: &[Option<Vec<f64>>]) -> Option<Vec<f64>> {
        let layer = &self.layers[target];
        let mut reach: Vec<f64> = layer.bias.iter().map(|b| b.abs()).collect();
        for s in &self.synapses {
            let (source, weights) = if s.to == target {
                (s.from, s.weights.as_ref())
            } else if s.from == target {
                (s.to, s.weights.transpose())
            } else {
                continue;
            };
            let lagrangian = &self.layers[source].lagrangian;
            let most = match lagrangian.bound() {
                Bound::Each(of) if of(lagrangian, f64::INFINITY) < f64::INFINITY => {
                    vec![of(lagrangian, f64::INFINITY); weights.ncols()]
                }
                Bound::Each(of) => known[source].as_ref()?.iter().map(|r| of(lagrangian, *r)).collect(),
                Bound::Simplex | Bound::Norm { .. } => vec![],
            };
            for (i, reach) in reach.iter_mut().enumerate() {
                let row = weights.row(i);
                *reach += match lagrangian.bound() {
                    Bound::Each(_) => row.iter().zip(&most).map(|(w, m)| w.abs() * m).sum::<f64>(),
                    Bound::Simplex => row.iter().fold(0.0, |m, w| w.abs().max(m)),
                    Bound::Norm { norm, delta } => {
                        norm * row.iter().map(|w| w * w).sum::<f64>().sqrt()
                            + (delta * row.iter().sum::<f64>()).abs()
                    }
                };
            }
        }
        let wide = |(r, leak): (&f64, &f64)| match layer.lagrangian.unsaturated() {
            Some(span) if *leak == 0.0 => span,
            _ => (1.05 * r / leak).max(1e-3),
        };
        Some(reach.iter().zip(&layer.leak).map(wide).collect())
    }
}

fn of(locals: &[Vec<Local>], column: usize, layer: usize) -> &Local {
    &locals[if locals.len() == 1 { 0 } else { column }][layer]
}

/// The Lagrangians' derivatives and r at some points.
pub(super) struct Frozen {
    pub(super) locals: Vec<Vec<Local>>,
    pub(super) r: Mat<f64>,
}

/// What is symmetric but for rounding, made so exactly.
pub(super) fn symmetrize(mut matrix: MatMut<'_, f64>) {
    for j in 0..matrix.ncols() {
        for i in 0..j {
            let mean = 0.5 * (matrix[(i, j)] + matrix[(j, i)]);
            (matrix[(i, j)], matrix[(j, i)]) = (mean, mean);
        }
    }
}
