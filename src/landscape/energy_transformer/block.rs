//! The energy of an energy-transformer block as a function of its normalised tokens g: attention plus memory, with
//! derivatives up to the third as they act on vectors.
//!
//! The attention's logits `l_CB = beta K_B.Q_C` are bilinear in g, so that its derivatives are cumulants of the first
//! and second derivatives of the logits under `p_CB = softmax_B(l_CB)`, `B != C`.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::landscape::dense_memory::Separation;
use crate::linalg::{axpy, dot};

/// The weights of a block.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Dimension D of a token.
    pub dim: usize,
    /// Number of heads H; zero for a block without attention.
    pub heads: usize,
    /// Dimension Y of keys and queries.
    pub head_dim: usize,
    /// Key weights (H x Y x D, the last index fastest).
    pub key: Vec<f64>,
    /// Query weights (likewise).
    pub query: Vec<f64>,
    /// Memories xi (their number x D).
    pub memory: Vec<f64>,
    /// Shift delta of the layer norm (D).
    pub delta: Vec<f64>,
}

/// Keys and queries of all heads and tokens, made of some vectors: Y numbers a token, token after token, head after
/// head.
pub(super) struct Features {
    key: Vec<f64>,
    query: Vec<f64>,
}

/// Everything that the derivatives at one g share.
pub(super) struct Point {
    features: Features,
    /// Attention (H x N x N): `p[h][c][b]`.
    p: Vec<f64>,
    /// Overlaps of each memory with each token.
    overlaps: Vec<f64>,
    tokens: usize,
}

/// A block of given weights, inverse temperature and memory function.
pub(super) struct Block<'a> {
    pub(super) weights: &'a Weights,
    pub(super) beta: f64,
    pub(super) separation: Separation,
}

impl Block<'_> {
    /// Keys and queries made of the tokens of `g`.
    pub(super) fn features(&self, g: &[f64]) -> Features {
        let w = self.weights;
        let tokens = g.len() / w.dim;
        let g = MatRef::from_column_major_slice(g, w.dim, tokens);
        let size = w.head_dim * w.dim;
        let make = |weights: &[f64]| {
            let mut out = vec![0.0; w.heads * w.head_dim * tokens];
            for (out, weights) in out.chunks_exact_mut(w.head_dim * tokens).zip(weights.chunks_exact(size)) {
                let rows = MatRef::from_column_major_slice(weights, w.dim, w.head_dim).transpose();
                let out = MatMut::from_column_major_slice_mut(out, w.head_dim, tokens);
                matmul(out, Accum::Replace, rows, g, 1.0, Par::Seq);
            }
            out
        };
        if w.heads == 0 {
            return Features { key: vec![], query: vec![] };
        }
        Features { key: make(&w.key), query: make(&w.query) }
    }

    /// `beta K_B.Q_C` of keys and queries that need not belong to one g (H x N x N).
    fn logits(&self, key: &[f64], query: &[f64], tokens: usize) -> Vec<f64> {
        let y = self.weights.head_dim;
        let mut out = Vec::with_capacity(self.weights.heads * tokens * tokens);
        for (keys, queries) in key.chunks_exact(y * tokens).zip(query.chunks_exact(y * tokens)) {
            for q in queries.chunks_exact(y) {
                out.extend(keys.chunks_exact(y).map(|k| self.beta * dot(k, q)));
            }
        }
        out
    }

    /// The energy at g, and what its derivatives need.
    pub(super) fn at(&self, g: &[f64]) -> (f64, Point) {
        let d = self.weights.dim;
        let tokens = g.len() / d;
        let features = self.features(g);
        let mut p = if tokens > 1 { self.logits(&features.key, &features.query, tokens) } else { vec![] };
        let mut energy = 0.0;
        for (row, p) in p.chunks_exact_mut(tokens).enumerate() {
            // A token does not attend to itself.
            p[row % tokens] = f64::NEG_INFINITY;
            let largest = p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = p.iter().map(|l| (l - largest).exp()).sum();
            p.iter_mut().for_each(|l| *l = (*l - largest).exp() / total);
            energy -= (largest + total.ln()) / self.beta;
        }
        let mut overlaps = Vec::with_capacity(self.weights.memory.len() / d * tokens);
        for g in g.chunks_exact(d) {
            overlaps.extend(self.weights.memory.chunks_exact(d).map(|xi| dot(xi, g)));
        }
        energy -= overlaps.iter().map(|z| self.separation.derivative(0, 1.0, *z)).sum::<f64>();
        (energy, Point { features, p, overlaps, tokens })
    }

    /// `-(1/beta) sum a_CB dl_CB` as a vector over g, the logits' derivative taken with these keys and queries.
    fn pull(&self, a: &[f64], with: &Features, out: &mut [f64]) {
        let w = self.weights;
        let (y, d) = (w.head_dim, w.dim);
        let tokens = out.len() / d;
        for h in 0..if a.is_empty() { 0 } else { w.heads } {
            let of = |all: &[f64], token: usize| -> Vec<f64> {
                let start = (h * tokens + token) * y;
                all[start..start + y].to_vec()
            };
            let a = &a[h * tokens * tokens..(h + 1) * tokens * tokens];
            for t in 0..tokens {
                let (mut key, mut query) = (vec![0.0; y], vec![0.0; y]);
                for other in 0..tokens {
                    axpy(a[other * tokens + t], &of(&with.query, other), &mut key);
                    axpy(a[t * tokens + other], &of(&with.key, other), &mut query);
                }
                let out = &mut out[t * d..(t + 1) * d];
                for i in 0..y {
                    let row = (h * y + i) * d;
                    axpy(-key[i], &w.key[row..row + d], out);
                    axpy(-query[i], &w.query[row..row + d], out);
                }
            }
        }
    }

    /// `-sum c_mu(B) xi_mu` added to each token.
    fn remember(&self, c: &[f64], out: &mut [f64]) {
        let d = self.weights.dim;
        let count = self.weights.memory.len() / d;
        if count == 0 {
            return;
        }
        for (c, out) in c.chunks_exact(count).zip(out.chunks_exact_mut(d)) {
            for (xi, c) in self.weights.memory.chunks_exact(d).zip(c) {
                axpy(-c, xi, out);
            }
        }
    }

    /// Overlaps of the memories with a vector over g.
    fn overlaps(&self, u: &[f64]) -> Vec<f64> {
        let d = self.weights.dim;
        u.chunks_exact(d).flat_map(|u| self.weights.memory.chunks_exact(d).map(|xi| dot(xi, u))).collect()
    }

    /// The gradient in g.
    pub(super) fn gradient(&self, at: &Point) -> Vec<f64> {
        let mut out = vec![0.0; at.tokens * self.weights.dim];
        self.pull(&at.p, &at.features, &mut out);
        let slopes: Vec<f64> = at.overlaps.iter().map(|z| self.separation.derivative(1, 1.0, *z)).collect();
        self.remember(&slopes, &mut out);
        out
    }

    /// First derivatives of the logits along a direction with these features, centred under the attention.
    fn along(&self, at: &Point, u: &Features) -> Vec<f64> {
        if at.p.is_empty() {
            return vec![];
        }
        let mut l = self.logits(&u.key, &at.features.query, at.tokens);
        axpy(1.0, &self.logits(&at.features.key, &u.query, at.tokens), &mut l);
        centre(&mut l, &at.p, at.tokens);
        l
    }

    /// The Hessian in g times `u`.
    pub(super) fn second(&self, at: &Point, u: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; u.len()];
        let features = self.features(u);
        let l = self.along(at, &features);
        self.pull(&times(&at.p, &l), &at.features, &mut out);
        self.pull(&at.p, &features, &mut out);
        let of = |(z, s): (&f64, f64)| self.separation.derivative(2, 1.0, *z) * s;
        let slopes: Vec<f64> = at.overlaps.iter().zip(self.overlaps(u)).map(of).collect();
        self.remember(&slopes, &mut out);
        out
    }

    /// The third derivative in g along `u` and `v`.
    pub(super) fn third(&self, at: &Point, u: &[f64], v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; u.len()];
        let (fu, fv) = (self.features(u), self.features(v));
        let (lu, lv) = (self.along(at, &fu), self.along(at, &fv));
        if !at.p.is_empty() {
            let mut l = times(&lu, &lv);
            axpy(1.0, &self.logits(&fu.key, &fv.query, at.tokens), &mut l);
            axpy(1.0, &self.logits(&fv.key, &fu.query, at.tokens), &mut l);
            centre(&mut l, &at.p, at.tokens);
            self.pull(&times(&at.p, &l), &at.features, &mut out);
            self.pull(&times(&at.p, &lv), &fu, &mut out);
            self.pull(&times(&at.p, &lu), &fv, &mut out);
        }
        let (ou, ov) = (self.overlaps(u), self.overlaps(v));
        let of = |k: usize| self.separation.derivative(3, 1.0, at.overlaps[k]) * ou[k] * ov[k];
        let slopes: Vec<f64> = (0..at.overlaps.len()).map(of).collect();
        self.remember(&slopes, &mut out);
        out
    }

    /// Derivative of the gradient in beta.
    pub(super) fn gradient_by_beta(&self, at: &Point) -> Vec<f64> {
        let mut out = vec![0.0; at.tokens * self.weights.dim];
        if !at.p.is_empty() {
            let mut l = self.logits(&at.features.key, &at.features.query, at.tokens);
            centre(&mut l, &at.p, at.tokens);
            l.iter_mut().for_each(|l| *l /= self.beta);
            self.pull(&times(&at.p, &l), &at.features, &mut out);
        }
        out
    }
}

fn times(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// Takes the mean under each row of the attention off.
fn centre(l: &mut [f64], p: &[f64], tokens: usize) {
    for (l, p) in l.chunks_exact_mut(tokens).zip(p.chunks_exact(tokens)) {
        let mean = dot(l, p);
        l.iter_mut().for_each(|l| *l -= mean);
    }
}
