//! Dense memories in verified arithmetic.
//!
//! Patterns, weights, scale and constants are exact as given; products of them are intervals. Overlaps depend on each
//! coordinate once, and the derivatives of F are monotone or nearly so, which keeps `f = x - scale sum w F'(y.g) y`
//! tight. What the proofs are about is in `systems.rs`.

use super::neurons::{Bent, Neurons};
use super::systems::{Force, Loads, Total};
use super::{DenseMemory, Lagrangian};
use crate::landscape::activation::meet;
use crate::landscape::enclose::{Balls, Enclose, Everywhere};
use crate::rigor::rounding::{UNIT, add_up, mul_up, norm_up, sqrt_up, sum_up};
use crate::rigor::{Interval, System};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};

/// A dense memory with what its enclosures share.
pub(super) struct Enclosed<'a> {
    pub(super) memory: &'a DenseMemory,
    pub(super) neurons: Neurons,
    /// `scale w_k`.
    factors: Vec<Interval>,
    /// Bounds of `|y_k|`.
    sizes: Vec<f64>,
    /// A bound of the largest eigenvalue of `Y Y'`.
    square: f64,
}

/// What the derivatives over a box share.
pub(super) struct Local {
    pub(super) bent: Bent,
    /// Overlaps.
    pub(super) z: Vec<Interval>,
}

impl<'a> Enclosed<'a> {
    pub(super) fn new(memory: &'a DenseMemory) -> Self {
        let scale = Interval::point(memory.scale);
        Enclosed {
            memory,
            neurons: Neurons::of(memory.lagrangian),
            factors: memory.weights.iter().map(|w| scale.scale(*w)).collect(),
            sizes: memory.patterns.chunks_exact(memory.dim).map(norm_up).collect(),
            square: largest_square(memory),
        }
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &[f64]> {
        self.memory.patterns.chunks_exact(self.memory.dim)
    }

    /// `y_k.g` at the activities g.
    pub(super) fn overlaps(&self, g: &[Interval]) -> Vec<Interval> {
        self.patterns().map(|y| self.neurons.overlap(y, g)).collect()
    }

    /// `scale w_k` times the derivative of F of this order at each overlap.
    pub(super) fn slopes(&self, order: u32, z: &[Interval]) -> Vec<Interval> {
        let of = |(z, factor): (&Interval, &Interval)| self.memory.separation.enclose(order, *factor, *z);
        z.iter().zip(&self.factors).map(of).collect()
    }

    /// `Y a`.
    pub(super) fn combine(&self, a: &[Interval]) -> Vec<Interval> {
        let mut out = vec![Interval::ZERO; self.memory.dim];
        for (y, a) in self.patterns().zip(a) {
            out.iter_mut().zip(y).for_each(|(o, y)| *o += a.scale(*y));
        }
        out
    }

    /// `x - Y a`.
    fn force(&self, x: &[Interval], z: &[Interval]) -> Vec<Interval> {
        let pull = self.combine(&self.slopes(1, z));
        x.iter().zip(pull).map(|(x, p)| *x - p).collect()
    }

    pub(super) fn local(&self, x: &[Interval]) -> Local {
        Local { bent: self.neurons.bent(x), z: self.overlaps(&self.neurons.activity(x)) }
    }

    /// `sum_k s_k u_k v_k'` (n x n, row by row) with `u = v = y`, or for softmax neurons with `v = M y` and u either of
    /// the two; s the second derivatives.
    pub(super) fn coupled(&self, local: &Local, symmetric: bool) -> Vec<Interval> {
        let n = self.memory.dim;
        let s = self.slopes(2, &local.z);
        let mut out = vec![Interval::ZERO; n * n];
        let mut add = |s: Interval, u: &[Interval], v: &[Interval]| {
            for i in 0..n {
                let su = s * u[i];
                let row = &mut out[i * n..(i + 1) * n];
                row.iter_mut().zip(v).for_each(|(o, v)| *o += su * *v);
            }
        };
        for (y, s) in self.patterns().zip(s) {
            let y: Vec<Interval> = y.iter().map(|y| Interval::point(*y)).collect();
            match &local.bent {
                Bent::Units(_) => add(s, &y, &y),
                Bent::Softmax { .. } => {
                    let seen = local.bent.second(&y);
                    add(s, if symmetric { &seen } else { &y }, &seen);
                }
            }
        }
        out
    }

    /// The Hessian over a box, row by row.
    pub(super) fn curvatures(&self, x: &[Interval]) -> Vec<Interval> {
        let n = self.memory.dim;
        let local = self.local(x);
        let f = local.bent.forces(self.force(x, &local.z));
        let mut h = self.coupled(&local, true);
        let pin = self.pin();
        for i in 0..n {
            for j in 0..=i {
                let taken = match &local.bent {
                    Bent::Units(slopes) => h[i * n + j] * (slopes[i].first * slopes[j].first),
                    Bent::Softmax { .. } => h[i * n + j],
                };
                let mut entry = local.bent.curvature(&f, i, j) - taken + pin;
                if i == j {
                    entry = entry.shift(self.memory.confinement);
                }
                (h[i * n + j], h[j * n + i]) = (entry, entry);
            }
        }
        h
    }

    /// The curvature that pins the mean of softmax neurons, 1/n.
    pub(super) fn pin(&self) -> Interval {
        match self.neurons {
            Neurons::Units(_) => Interval::ZERO,
            Neurons::Softmax { .. } => Interval::ONE / Interval::point(self.memory.dim as f64),
        }
    }

    /// The energy by its terms.
    fn natural(&self, x: &[Interval]) -> Interval {
        let z = self.overlaps(&self.neurons.activity(x));
        let mut energy = self.neurons.energy(x);
        for stored in self.slopes(0, &z) {
            energy -= stored;
        }
        let square = x.iter().fold(Interval::ZERO, |sum, x| sum + x.sqr());
        let sum = x.iter().fold(Interval::ZERO, |sum, x| sum + *x);
        energy + square.scale(0.5).scale(self.memory.confinement) + (self.pin() * sum.sqr()).scale(0.5)
    }

    /// Bounds of the pull `scale sum_k w_k F'(z_k) y_k` anywhere, and of the loads `scale w_k F'(z_k)`.
    fn pulls(&self) -> (Vec<Interval>, Vec<Interval>) {
        let z: Vec<Interval> = self.patterns().map(|y| self.neurons.overlaps(y)).collect();
        let loads = self.slopes(1, &z);
        (self.combine(&loads), loads)
    }
}

impl Enclose for Enclosed<'_> {
    fn dim(&self) -> usize {
        self.memory.dim
    }

    fn energy(&self, x: &[Interval]) -> Interval {
        let natural = self.natural(x);
        let mid: Vec<Interval> = x.iter().map(|x| Interval::point(x.mid())).collect();
        let mut slopes = vec![Interval::ZERO; x.len()];
        self.gradient(x, &mut slopes);
        let rise = (0..x.len()).fold(Interval::ZERO, |sum, i| sum + slopes[i] * (x[i] - mid[i]));
        meet(natural, self.natural(&mid) + rise)
    }

    fn gradient(&self, x: &[Interval], out: &mut [Interval]) {
        let local = self.local(x);
        let sum = x.iter().fold(Interval::ZERO, |sum, x| sum + *x) * self.pin();
        let pushed = local.bent.second(&self.force(x, &local.z));
        for (i, out) in out.iter_mut().enumerate() {
            *out = pushed[i] + x[i].scale(self.memory.confinement) + sum;
        }
    }

    fn hessian(&self, x: &[Interval]) -> Balls {
        let n = self.memory.dim;
        let h = self.curvatures(x);
        Balls {
            mid: Mat::from_fn(n, n, |i, j| h[i * n + j].mid()),
            rad: Mat::from_fn(n, n, |i, j| h[i * n + j].rad()),
        }
    }

    /// From `D3 E(u, v, w) = (2 D3 L + D4 L(., ., ., f))(u, v, w) - [A(T(u, v), M w) and its two turns]
    /// - scale sum_k w_k F'''(z_k) (y_k.Mu)(y_k.Mv)(y_k.Mw)`, `T(u, v) = D3 L(u, v, .)`.
    fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        if !(radius >= 0.0 && center.iter().all(|c| c.is_finite())) {
            return f64::INFINITY;
        }
        let x: Vec<Interval> = center.iter().map(|c| Interval::about(*c, radius)).collect();
        let Local { bent, z: wide } = self.local(&x);
        let middle: Vec<Interval> = center.iter().map(|c| Interval::point(*c)).collect();
        // Overlaps move by at most |M y| times the way, which knows the ball from the box about it.
        let reach: Vec<f64> = self.patterns().map(|y| bent.reach(y)).collect();
        let at = self.overlaps(&self.neurons.activity(&middle)).into_iter().zip(&reach);
        let near = at.map(|(z, reach)| {
            let way = mul_up(*reach, radius);
            z + Interval::new(-way, way)
        });
        let z: Vec<Interval> = near.zip(wide).map(|(near, wide)| meet(near, wide)).collect();
        let f = bent.forces(self.force(&x, &z));
        let second = self.slopes(2, &z);
        let third = self.slopes(3, &z);
        let steep = bent.steepest();
        let largest = |s: &mut dyn Iterator<Item = f64>| s.fold(0.0, f64::max);
        // |sum_k s_k y_k y_k'| by its largest term times |Y Y'|, or term by term.
        let coupling = mul_up(largest(&mut second.iter().map(|s| s.mag())), self.square)
            .min(sum_up(second.iter().zip(&self.sizes).map(|(s, y)| mul_up(s.mag(), mul_up(*y, *y)))));
        let cubes = third.iter().zip(&reach).map(|(s, r)| mul_up(mul_up(s.mag(), *r), mul_up(*r, *r)));
        let worst = largest(&mut third.iter().zip(&reach).map(|(s, r)| mul_up(s.mag(), *r)));
        let cubic = sum_up(cubes).min(mul_up(mul_up(worst, self.square), mul_up(steep, steep)));
        let turns = mul_up(mul_up(3.0, bent.twist()), mul_up(coupling, steep));
        add_up(add_up(bent.wring(&f), turns), cubic)
    }

    fn system(&self) -> Box<dyn System + '_> {
        if self.memory.confinement == 0.0 || self.memory.lagrangian == Lagrangian::Identity {
            Box::new(Force(self))
        } else {
            Box::new(Total(self))
        }
    }

    /// tanh, sigmoid and softmax neurons bound the pull p of the patterns. Without confinement `x = p` at equilibria,
    /// and `d|x|^2/dt = 2 (-|x|^2 + x.p) < 0` where `|x| > |p|`. With it the flow is `-grad E`, and
    /// `x.grad E = x'M (x - p) + c |x|^2 >= c |x|^2 - |M| |p|^2/4`.
    fn everywhere(&self) -> Option<Everywhere<'_>> {
        if self.memory.lagrangian == Lagrangian::Identity {
            return None;
        }
        let (n, k) = (self.memory.dim, self.memory.count());
        let (pulls, loads) = self.pulls();
        let reach = norm_up(&pulls.iter().map(|p| p.mag()).collect::<Vec<_>>());
        let (center, origin) = (vec![0.0; n], vec![0.0; n]);
        let confinement = self.memory.confinement;
        let radius = if confinement > 0.0 {
            let ratio = Interval::point(self.neurons.steepest()) / Interval::point(confinement).scale(4.0);
            mul_up(reach, sqrt_up(ratio.hi()))
        } else {
            reach
        };
        if !(radius < f64::INFINITY) {
            return None;
        }
        if confinement == 0.0 && k < n {
            let y = self.memory.patterns();
            let means: Vec<f64> = (0..k)
                .map(|k| match self.neurons {
                    Neurons::Units(_) => 0.0,
                    Neurons::Softmax { .. } => y.col(k).iter().sum::<f64>() / n as f64,
                })
                .collect();
            let map = Mat::from_fn(n, k, |i, k| y[(i, k)] - means[k]);
            let within = loads.into_iter().map(padded).collect();
            return Some(Everywhere { system: Box::new(Loads(self)), within, center, radius, origin, map });
        }
        let within = match self.neurons {
            // Between 0 and the pull, with a confinement as well as without.
            Neurons::Units(_) => pulls.into_iter().map(|p| padded(p.hull(Interval::ZERO))).collect(),
            Neurons::Softmax { .. } => vec![padded(Interval::new(-radius, radius)); n],
        };
        let map = Mat::identity(n, n);
        Some(Everywhere { system: self.system(), within, center, radius, origin, map })
    }
}

/// Somewhat wider, so that no zero lies on an end.
fn padded(x: Interval) -> Interval {
    let pad = (x.mag() / 64.0).max(f64::MIN_POSITIVE);
    Interval::new(x.lo() - pad, x.hi() + pad)
}

/// A bound of the largest eigenvalue of `Y Y'`: the largest row sum of the smaller of the two Gram matrices.
fn largest_square(memory: &DenseMemory) -> f64 {
    let (n, k) = (memory.dim, memory.count());
    let y = memory.patterns();
    let (side, length) = (n.min(k), n.max(k));
    let across = if k <= n { y.transpose() } else { y };
    let mut gram = Mat::zeros(side, side);
    matmul(&mut gram, Accum::Replace, across, across.transpose(), 1.0, Par::Seq);
    let sizes: Vec<f64> =
        across.row_iter().map(|r| norm_up(&r.iter().copied().collect::<Vec<f64>>())).collect();
    // A computed inner product is off by at most m u/(1 - m u) times the product of the norms, and by m times the
    // smallest number where terms underflow, in whatever order it is summed.
    let m = length as f64;
    let share = Interval::point(m).scale(UNIT) / (Interval::ONE - Interval::point(m).scale(UNIT));
    let tiny = mul_up(m, f64::from_bits(1));
    let row = |i: usize| {
        sum_up((0..side).map(|j| {
            let error = add_up(mul_up(share.hi(), mul_up(sizes[i], sizes[j])), tiny);
            add_up(gram[(i, j)].abs(), error)
        }))
    };
    (0..side).map(row).fold(0.0, f64::max)
}
