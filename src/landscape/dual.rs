//! Where a network of layers ([`Network`]) rests, as the critical points of another energy on its currents:
//!
//! `F(x) = y'A y/2 - sum leak L(x) - (kappa/2) |g|^2`, `y = leak x + kappa g - b`, `A = (S + kappa)^-1`,
//!
//! with kappa so large that `S + kappa` is positive definite: the Legendre transform of the network's energy in the
//! activities, split into two convex parts, and written in x. Its gradient `(leak + kappa P) A r` vanishes where r does
//! and nowhere else, while that of the network's own energy, `P r`, also vanishes where P does: where units saturate or
//! are cut off, and along a softmax's common shift. At equilibria both have the same index, that of
//! `leak - P^(1/2) S P^(1/2)` (Haynsworth's additivity of inertia, twice), and the same number of null directions.

use std::sync::Arc;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use super::lagrangian::Local;
use super::network::Network;
use super::{Landscape, Linearization, Region};
use crate::linalg::column;

/// Up to this many units the spectrum of the synapses is computed, beyond it is bounded.
const EXACT: usize = 600;

/// The landscape; see the module.
pub(super) struct Dual {
    /// All its layers are kept.
    network: Network,
    kappa: f64,
    inverse: Mat<f64>,
    wells: Option<Arc<Mat<f64>>>,
}

/// What the derivatives at some points share: the Lagrangians', and `A r`.
struct Frozen {
    locals: Vec<Vec<Local>>,
    q: Mat<f64>,
}

impl Dual {
    /// Of a network none of whose layers is eliminated; `wells` are points to search from first. `None` if the matrix of
    /// synapses has no finite spectrum.
    pub(super) fn new(network: Network, wells: Option<Arc<Mat<f64>>>) -> Option<Self> {
        let n = network.total;
        let mut synapses = Mat::zeros(n, n);
        network.send(true, true, Mat::<f64>::identity(n, n).as_ref(), synapses.as_mut());
        let (low, high) = if n <= EXACT {
            let values = synapses.self_adjoint_eigenvalues(Side::Lower).ok()?;
            (*values.first()?, *values.last()?)
        } else {
            // Gershgorin's bound.
            let row = |c: faer::ColRef<'_, f64>| c.iter().map(|e| e.abs()).sum::<f64>();
            let bound = synapses.col_iter().map(row).fold(0.0, f64::max);
            (-bound, bound)
        };
        // Far enough from the lowest eigenvalue for A to be well conditioned, no farther: kappa steepens F.
        let margin = 0.5 * low.abs().max(high.abs());
        let kappa = if margin > 0.0 { (-low).max(0.0) + margin } else { 1.0 };
        for i in 0..n {
            synapses[(i, i)] += kappa;
        }
        let mut inverse = Mat::<f64>::identity(n, n);
        faer::linalg::solvers::Solve::solve_in_place(&synapses.llt(Side::Lower).ok()?, inverse.as_mut());
        Some(Dual { network, kappa, inverse, wells })
    }

    fn freeze(&self, points: MatRef<'_, f64>) -> Frozen {
        let at = self.network.forward(points);
        let r = self.network.energies(&at, &mut vec![0.0; points.ncols()]);
        Frozen { locals: self.network.locals(&at), q: self.through_inverse(&r) }
    }

    fn through_inverse(&self, r: &Mat<f64>) -> Mat<f64> {
        let mut q = Mat::zeros(r.nrows(), r.ncols());
        matmul(&mut q, Accum::Replace, &self.inverse, r, 1.0, Par::Seq);
        q
    }

    /// `(leak + kappa P) q`.
    fn metric(&self, locals: &[Vec<Local>], q: &Mat<f64>) -> Mat<f64> {
        let mut pq = Mat::zeros(q.nrows(), q.ncols());
        self.network.second(true, locals, q, &mut pq);
        let mut out = Mat::zeros(q.nrows(), q.ncols());
        self.network.by_layer(true, [q, &pq], &mut out, |layer, _, [q, pq], out| {
            let leak = &self.network.layers[layer].leak;
            for i in 0..out.len() {
                out[i] = leak[i] * q[i] + self.kappa * pq[i];
            }
        });
        out
    }

    /// The change of `A r` along the columns of `u`.
    fn derivative(&self, locals: &[Vec<Local>], u: &Mat<f64>) -> Mat<f64> {
        let mut pu = Mat::zeros(u.nrows(), u.ncols());
        self.network.second(true, locals, u, &mut pu);
        self.through_inverse(&self.network.derivative(locals, u, &mut pu))
    }

    fn bent(&self, locals: &[Vec<Local>], u: &Mat<f64>, v: &Mat<f64>) -> Mat<f64> {
        let mut out = Mat::zeros(u.nrows(), u.ncols());
        self.network.third(true, locals, u, v, &mut out);
        out
    }

    fn apply(&self, at: &Frozen, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let u = vectors.to_owned();
        let mut product = self.metric(&at.locals, &self.derivative(&at.locals, &u));
        // Every column of `q` belongs to a point, or the only one to all.
        product += self.bent(&at.locals, &u, &at.q) * faer::Scale(self.kappa);
        out.copy_from(&product);
    }
}

struct Products<'a> {
    dual: &'a Dual,
    at: Frozen,
}

impl Linearization for Products<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.dual.apply(&self.at, vectors, out);
    }
}

impl Landscape for Dual {
    fn dim(&self) -> usize {
        self.inverse.nrows()
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        let at = self.network.forward(points);
        let r = self.network.energies(&at, energies);
        let q = self.through_inverse(&r);
        let locals = self.network.locals(&at);
        gradients.copy_from(self.metric(&locals, &q));
        // y = r + (S + kappa) g, so A y = q + g.
        for (j, energy) in energies.iter_mut().enumerate() {
            *energy = 0.0;
            let (x, g, q) = (at.x.col_as_slice(j), at.g.col_as_slice(j), q.col_as_slice(j));
            for (layer, place) in self.network.layers.iter().zip(&self.network.places) {
                *energy -= layer.lagrangian.value(&x[place.clone()], &layer.leak);
                for (i, (leak, bias)) in place.clone().zip(layer.leak.iter().zip(&layer.bias)) {
                    let y = leak * x[i] + self.kappa * g[i] - bias;
                    *energy += 0.5 * y * (q[i] + g[i]) - 0.5 * self.kappa * g[i] * g[i];
                }
            }
        }
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        Box::new(Products { dual: self, at: self.freeze(points) })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let n = x.len();
        self.apply(&self.freeze(column(x)), Mat::<f64>::identity(n, n).as_ref(), out.as_mut());
        super::network::symmetrize(out);
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let Frozen { locals, q } = self.freeze(column(x));
        let (u, v) = (column(u).to_owned(), column(v).to_owned());
        let (du, dv) = (self.derivative(&locals, &u), self.derivative(&locals, &v));
        // r changes at second order by -S T(u, v).
        let mut input = Mat::zeros(x.len(), 1);
        self.network.respond(&locals, &mut self.bent(&locals, &u, &v), &mut input);
        let along = self.metric(&locals, &self.through_inverse(&input));
        let (first, second) = (self.bent(&locals, &v, &du), self.bent(&locals, &u, &dv));
        let mut twisted = Mat::zeros(x.len(), 1);
        self.network.by_layer(true, [&u, &v, &q], &mut twisted, |layer, _, [u, v, q], out| {
            locals[0][layer].fourth(u, v, q, out);
        });
        for (i, out) in out.iter_mut().enumerate() {
            let bends = first[(i, 0)] + second[(i, 0)] + twisted[(i, 0)];
            *out = self.kappa * bends - along[(i, 0)];
        }
    }

    fn region(&self) -> Option<Region> {
        None
    }

    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        self.wells.clone()
    }
}
