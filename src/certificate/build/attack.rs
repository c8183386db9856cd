//! Attempts to break a certificate, in floating point: perturbations within its radius, which must not change the graph, and larger ones,
//! which show how far the radius that was proven is from the true one.
//!
//! A perturbation is `G(x) = A cos(<k, x - o> + phi) v` with |v| = 1 and `|k| <= 1/length`, so that `|G| <= A` and `|DG| <= A/length`: within the
//! radius for `A <= e0`. Random ones have all of it random; adversarial ones push across a tube with all their might, at a place of it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::Built;
use crate::certificate::format::{Certificate, Edge, Region};
use crate::landscape::Landscape;
use crate::linalg::{dot, norm};

/// What came of an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Attack {
    /// Perturbations tried, half of them adversarial.
    pub tried: usize,
    /// How many changed the graph within the radius: there should be none.
    pub broken: usize,
    /// The smallest size found that changes the graph, as a multiple of e0; `None` if none up to [`LARGEST`] did.
    pub gap: Option<f64>,
}

/// Sizes go up to this multiple of the radius.
pub const LARGEST: f64 = 1024.0;
/// From one size to the next.
const STEP: f64 = std::f64::consts::SQRT_2;

struct Push {
    k: Vec<f64>,
    o: Vec<f64>,
    phase: f64,
    v: Vec<f64>,
}

/// Attacks a certificate of level `full` in the plane with `count` random and as many adversarial perturbations. `None` elsewhere.
pub fn attack(landscape: &dyn Landscape, built: &Built, count: usize, seed: u64) -> Option<Attack> {
    let c = &built.certificate;
    let region = c.region.as_ref()?;
    if landscape.dim() != 2 || c.edges.is_empty() || !(c.e0.0 > 0.0) {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let wave = if built.length > 0.0 { 1.0 / built.length } else { 0.0 };
    let pushes: Vec<Push> = (0..2 * count)
        .map(|i| if i % 2 == 0 { random(&mut rng, region, wave) } else { aimed(&mut rng, &c.edges, wave) })
        .collect();
    let world = World { landscape, c, region };
    let breaking = |size: f64| pushes.par_iter().filter(|p| !world.is_kept(p, size * c.e0.0)).count();
    // Just within the radius, and from there upwards until one of them changes something.
    let mut size = 1.0 - 1e-9;
    let broken = breaking(size);
    let mut gap = (broken > 0).then_some(size);
    while gap.is_none() && size < LARGEST {
        size *= STEP;
        gap = (breaking(size) > 0).then_some(size);
    }
    Some(Attack { tried: pushes.len(), broken, gap })
}

fn unit(rng: &mut ChaCha8Rng) -> Vec<f64> {
    let v: Vec<f64> = (0..2).map(|_| StandardNormal.sample(rng)).collect();
    let size = norm(&v).max(f64::MIN_POSITIVE);
    v.into_iter().map(|v| v / size).collect()
}

fn random(rng: &mut ChaCha8Rng, region: &Region, wave: f64) -> Push {
    let o = match region {
        Region::Ball { center, .. } => center.0.clone(),
        Region::Box { lower, .. } => lower.0.clone(),
    };
    let length = wave * rng.random_range(0.0..1.0f64);
    let k = unit(rng).into_iter().map(|u| length * u).collect();
    Push { k, o, phase: rng.random_range(0.0..std::f64::consts::TAU), v: unit(rng) }
}

/// Across a tube, or along it, at one of its cylinders, either way.
fn aimed(rng: &mut ChaCha8Rng, edges: &[Edge], wave: f64) -> Push {
    let edge = &edges[rng.random_range(0..edges.len())];
    let Some(cylinder) = edge.tube.get(rng.random_range(0..edge.tube.len().max(1))) else {
        return Push { k: vec![0.0; 2], o: vec![0.0; 2], phase: 0.0, v: unit(rng) };
    };
    let size = norm(&cylinder.axis.0).max(f64::MIN_POSITIVE);
    let u: Vec<f64> = cylinder.axis.0.iter().map(|u| u / size).collect();
    let across = vec![-u[1], u[0]];
    let sign = if rng.random_range(0..2) == 0 { 1.0 } else { -1.0 };
    let v = if rng.random_range(0..4) == 0 { u.clone() } else { across.clone() };
    let share = [0.0, 0.5, 1.0][rng.random_range(0..3)];
    let along = if rng.random_range(0..2) == 0 { &u } else { &across };
    let k = along.iter().map(|u| share * wave * u).collect();
    Push { k, o: cylinder.c.0.clone(), phase: 0.0, v: v.into_iter().map(|v| sign * v).collect() }
}

struct World<'a> {
    landscape: &'a dyn Landscape,
    c: &'a Certificate,
    region: &'a Region,
}

/// Steps of an orbit.
const STEPS: usize = 40_000;

impl World<'_> {
    /// Gradient plus perturbation, and its derivative row by row.
    fn at(&self, p: &Push, size: f64, x: &[f64]) -> ([f64; 2], [[f64; 2]; 2]) {
        let mut g = [0.0; 2];
        self.landscape.gradient(x, &mut g);
        let mut h = faer::Mat::zeros(2, 2);
        self.landscape.hessian(x, h.as_mut());
        let angle = p.phase + p.k.iter().zip(x.iter().zip(&p.o)).map(|(k, (x, o))| k * (x - o)).sum::<f64>();
        let (s, c) = angle.sin_cos();
        let field = [0, 1].map(|i| g[i] + size * c * p.v[i]);
        let jacobian = [0, 1].map(|i| [0, 1].map(|j| h[(i, j)] - size * s * p.k[j] * p.v[i]));
        (field, jacobian)
    }

    fn velocity(&self, p: &Push, size: f64, x: &[f64; 2]) -> [f64; 2] {
        let mut g = [0.0; 2];
        self.landscape.gradient(x, &mut g);
        let angle = p.phase + p.k.iter().zip(x.iter().zip(&p.o)).map(|(k, (x, o))| k * (x - o)).sum::<f64>();
        let c = angle.cos();
        [0, 1].map(|i| g[i] + size * c * p.v[i])
    }

    /// Is the perturbed graph the one that was certified?
    fn is_kept(&self, p: &Push, size: f64) -> bool {
        let mut places = vec![];
        for z in &self.c.zeros {
            let Some((x, j)) = self.zero(p, size, [z.center.0[0], z.center.0[1]]) else { return false };
            let det = j[0][0] * j[1][1] - j[0][1] * j[1][0];
            let trace = j[0][0] + j[1][1];
            let index = if det < 0.0 {
                1
            } else if trace > 0.0 {
                0
            } else {
                2
            };
            if index != z.index {
                return false;
            }
            places.push((x, j));
        }
        self.c.edges.iter().all(|e| self.end(p, size, e, &places) == Some(e.end))
    }

    /// Newton's method.
    fn zero(&self, p: &Push, size: f64, start: [f64; 2]) -> Option<([f64; 2], [[f64; 2]; 2])> {
        let mut x = start;
        for _ in 0..60 {
            let (f, j) = self.at(p, size, &x);
            let det = j[0][0] * j[1][1] - j[0][1] * j[1][0];
            let step = [(j[1][1] * f[0] - j[0][1] * f[1]) / det, (j[0][0] * f[1] - j[1][0] * f[0]) / det];
            if !step.iter().all(|s| s.is_finite()) {
                return None;
            }
            x = [x[0] - step[0], x[1] - step[1]];
            if norm(&step) < 1e-13 * (1.0 + norm(&x)) {
                return Some((x, self.at(p, size, &x).1));
            }
        }
        None
    }

    /// Where a half of a manifold ends: at a point, or (`Some(None)`) outside.
    fn end(
        &self,
        p: &Push,
        size: f64,
        e: &Edge,
        places: &[([f64; 2], [[f64; 2]; 2])],
    ) -> Option<Option<usize>> {
        let (x, j) = &places[e.of];
        // Eigenvectors of a real saddle: of the smaller eigenvalue downwards, of the larger one upwards.
        let (trace, det) = (j[0][0] + j[1][1], j[0][0] * j[1][1] - j[0][1] * j[1][0]);
        let root = (0.25 * trace * trace - det).max(0.0).sqrt();
        let value = 0.5 * trace + if e.up { root } else { -root };
        let rows = [[j[0][1], value - j[0][0]], [value - j[1][1], j[1][0]]];
        let mut d = if norm(&rows[0]) > norm(&rows[1]) { rows[0] } else { rows[1] };
        let v = &self.c.zeros[e.of].vectors[0].0;
        let own = if e.up { vec![-v[1], v[0]] } else { v.clone() };
        let sign = f64::from(e.side) * dot(&d, &own).signum() / norm(&d);
        d = d.map(|d| sign * d);
        let extent = match self.region {
            Region::Ball { radius, .. } => radius.0,
            Region::Box { lower, upper } => {
                0.5 * norm(&upper.0.iter().zip(&lower.0).map(|(u, l)| u - l).collect::<Vec<f64>>())
            }
        };
        let delta = 1e-6 * extent;
        let mut y = [x[0] + delta * d[0], x[1] + delta * d[1]];
        let way = if e.up { 1.0 } else { -1.0 };
        let wanted = if e.up { 2 } else { 0 };
        let mut stiff = 0.0;
        for step in 0..STEPS {
            let f = |y: &[f64; 2]| self.velocity(p, size, y).map(|v| way * v);
            if step % 8 == 0 {
                let (_, j) = self.at(p, size, &y);
                stiff = j.iter().flatten().map(|j| j * j).sum::<f64>().sqrt();
            }
            let k1 = f(&y);
            let h = (0.01 * extent / norm(&k1).max(1e-300)).min(0.4 / stiff.max(1e-300));
            let moved = |k: &[f64; 2], t: f64| [y[0] + t * k[0], y[1] + t * k[1]];
            let k2 = f(&moved(&k1, 0.5 * h));
            let k3 = f(&moved(&k2, 0.5 * h));
            let k4 = f(&moved(&k3, h));
            y = [0, 1].map(|i| y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
            if !y.iter().all(|y| y.is_finite()) {
                return None;
            }
            if e.up && super::edges::beyond(self.region, &y) > 0.0 {
                return Some(None);
            }
            for (k, z) in self.c.zeros.iter().enumerate() {
                let far = norm(&[y[0] - places[k].0[0], y[1] - places[k].0[1]]);
                if z.index == wanted && far < 0.2 * z.basin.0.min(z.unique.0) {
                    return Some(Some(k));
                }
            }
        }
        None
    }
}
