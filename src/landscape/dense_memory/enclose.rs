//! Dense memories in verified arithmetic.
//!
//! Patterns, weights, scale and constants are exact as given; products of them are intervals. Overlaps depend on each
//! coordinate once, and the derivatives of F are monotone or nearly so, which keeps `f = x - scale sum w F'(y.g) y`
//! tight. What the proofs are about is in `systems.rs`.

use super::neurons::{Bent, Neurons};
use super::systems::{Force, Loads, Total};
use super::{DenseMemory, Lagrangian};
use crate::landscape::activation::{confined, meet};
use crate::landscape::enclose::{Balls, Enclose, Everywhere};
use crate::rigor::rounding::{add_up, mul_up, norm_up, sqrt_up, sum_up};
use crate::rigor::{BallMatrix, Interval, System};
use faer::Mat;

/// Up to this many products of three numbers they are intervals.
const SMALL: usize = 4096;

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
        crate::linalg::sequential();
        let scale = Interval::point(memory.scale);
        let y = BallMatrix::exact(memory.patterns());
        let (rows, columns) =
            if memory.count() <= memory.dim { (y.transpose(), y) } else { (y.clone(), y.transpose()) };
        Enclosed {
            memory,
            neurons: Neurons::of(memory.lagrangian),
            factors: memory.weights.iter().map(|w| scale.scale(*w)).collect(),
            sizes: memory.patterns.chunks_exact(memory.dim).map(norm_up).collect(),
            square: BallMatrix::product(&rows, &columns).norm_two(),
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
        let k = self.memory.count();
        let s = self.slopes(2, &local.z);
        // u and v, pattern by pattern.
        let exact: Vec<Interval> = self.memory.patterns.iter().map(|y| Interval::point(*y)).collect();
        let seen: Vec<Interval> = match &local.bent {
            Bent::Units(_) => exact.clone(),
            Bent::Softmax { .. } => exact.chunks_exact(n).flat_map(|y| local.bent.second(y)).collect(),
        };
        let left = if symmetric { &seen } else { &exact };
        if n * n * k > SMALL {
            let left = BallMatrix::from_intervals(k, n, left).transpose();
            let mut right = seen.clone();
            for (v, s) in right.chunks_exact_mut(n).zip(&s) {
                v.iter_mut().for_each(|v| *v = *s * *v);
            }
            let product = BallMatrix::product(&left, &BallMatrix::from_intervals(k, n, &right));
            return (0..n * n).map(|e| product.entry(e / n, e % n)).collect();
        }
        let mut out = vec![Interval::ZERO; n * n];
        for ((u, v), s) in left.chunks_exact(n).zip(seen.chunks_exact(n)).zip(s) {
            for i in 0..n {
                let su = s * u[i];
                let row = &mut out[i * n..(i + 1) * n];
                row.iter_mut().zip(v).for_each(|(o, v)| *o += su * *v);
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

    /// `a_k = scale w_k F'(y_k.g)` at the activities g.
    pub(super) fn loads(&self, g: &[Interval]) -> Vec<Interval> {
        self.slopes(1, &self.overlaps(g))
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
        let all: Vec<Interval> = self.patterns().map(|y| self.neurons.overlaps(y)).collect();
        let loads = self.slopes(1, &all);
        let pulls = self.combine(&loads);
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
            let within = confined(loads, |a| self.loads(&self.neurons.activity(&self.combine(a))));
            return Some(Everywhere { system: Box::new(Loads(self)), within, center, radius, origin, map });
        }
        let pull = |x: &[Interval]| self.combine(&self.loads(&self.neurons.activity(x)));
        let within = match self.neurons {
            // With a confinement c the equilibrium is g'/(g' + c) times the pull.
            Neurons::Units(_) => {
                let reached = |x: &[Interval]| match confinement > 0.0 {
                    true => pull(x).into_iter().map(|p| p.hull(Interval::ZERO)).collect(),
                    false => pull(x),
                };
                confined(pulls.iter().map(|p| p.hull(Interval::ZERO)).collect(), reached)
            }
            Neurons::Softmax { .. } => confined(vec![Interval::new(-radius, radius); n], |x| x.to_vec()),
        };
        let map = Mat::identity(n, n);
        Some(Everywhere { system: self.system(), within, center, radius, origin, map })
    }
}
