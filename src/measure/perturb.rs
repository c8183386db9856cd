//! How the limit of the measure and the connection graph bear a small change of the landscape.
//!
//! In: a landscape's critical points and graph, and landscapes that differ from it a little: a random smooth field added to the
//! energy, a sum of waves whose gradient is nowhere longer than the size asked for ([`Perturbed`]), or the same made of other
//! data. Out: a [`Change`] for each. The graph of a Morse-Smale flow stays as it is under a small enough change; the limit of the
//! measure need not: between minima of equal depth any change decides.

use std::sync::Arc;

use faer::{Mat, MatMut, MatRef};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::laplace::laplace;
use super::wells::{WellId, Wells};
use crate::connection::algebra::{Skeleton, isomorphism};
use crate::connection::{self, MorseGraph, connect};
use crate::control::Control;
use crate::critical::{self, CriticalSet, search};
use crate::error::Result;
use crate::landscape::{Landscape, Linearization, Region};
use crate::linalg::{axpy, dot};

/// A wave `amplitude cos(k.x + phase)`.
#[derive(Clone, Debug)]
struct Wave {
    amplitude: f64,
    k: Vec<f64>,
    phase: f64,
}

/// A landscape with waves added.
pub struct Perturbed<'a> {
    inner: &'a dyn Landscape,
    waves: Vec<Wave>,
}

/// Waves of a field.
const WAVES: usize = 8;

impl<'a> Perturbed<'a> {
    /// Waves of length about `length` whose gradients sum to no more than `slope` anywhere, drawn by the seed. Along periodic
    /// coordinates they have the period.
    pub fn new(inner: &'a dyn Landscape, slope: f64, length: f64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let period = inner.period();
        let n = inner.dim();
        let waves = (0..WAVES)
            .map(|_| {
                let mut k: Vec<f64> = (0..n)
                    .map(|_| {
                        let z: f64 = StandardNormal.sample(&mut rng);
                        z / (length * (n as f64).sqrt())
                    })
                    .collect();
                for (k, period) in k.iter_mut().zip(&period) {
                    if let Some(period) = period {
                        let unit = std::f64::consts::TAU / period;
                        *k = (*k / unit).round() * unit;
                    }
                }
                let steep = dot(&k, &k).sqrt();
                let share = rng.random::<f64>() / WAVES as f64;
                let amplitude = if steep > 0.0 { slope * share / steep } else { 0.0 };
                Wave { amplitude, k, phase: std::f64::consts::TAU * rng.random::<f64>() }
            })
            .collect();
        Perturbed { inner, waves }
    }
}

struct Linearized<'a> {
    inner: Box<dyn Linearization + 'a>,
    waves: &'a [Wave],
    points: Mat<f64>,
}

impl Linearization for Linearized<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        self.inner.apply(vectors, out.as_mut());
        for j in 0..vectors.ncols() {
            let x = self.points.col_as_slice(j.min(self.points.ncols() - 1));
            for w in self.waves {
                let along: f64 = (0..x.len()).map(|i| w.k[i] * vectors[(i, j)]).sum();
                let factor = -w.amplitude * (dot(&w.k, x) + w.phase).cos() * along;
                (0..x.len()).for_each(|i| out[(i, j)] += factor * w.k[i]);
            }
        }
    }
}

impl Landscape for Perturbed<'_> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        self.inner.gradients(points, energies, gradients.as_mut());
        for j in 0..points.ncols() {
            for w in &self.waves {
                let phase: f64 = (0..self.dim()).map(|i| w.k[i] * points[(i, j)]).sum::<f64>() + w.phase;
                energies[j] += w.amplitude * phase.cos();
                (0..self.dim()).for_each(|i| gradients[(i, j)] -= w.amplitude * phase.sin() * w.k[i]);
            }
        }
    }

    fn linearize<'b>(&'b self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'b> {
        let inner = self.inner.linearize(points);
        Box::new(Linearized { inner, waves: &self.waves, points: points.to_owned() })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        self.inner.hessian(x, out.as_mut());
        for w in &self.waves {
            let factor = -w.amplitude * (dot(&w.k, x) + w.phase).cos();
            for j in 0..x.len() {
                (0..x.len()).for_each(|i| out[(i, j)] += factor * w.k[i] * w.k[j]);
            }
        }
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        self.inner.third(x, u, v, out);
        for w in &self.waves {
            let factor = w.amplitude * (dot(&w.k, x) + w.phase).sin() * dot(&w.k, u) * dot(&w.k, v);
            axpy(factor, &w.k, out);
        }
    }

    fn region(&self) -> Option<Region> {
        self.inner.region()
    }

    fn highest_index(&self) -> usize {
        self.inner.highest_index()
    }

    fn is_smooth(&self) -> bool {
        self.inner.is_smooth()
    }

    fn period(&self) -> Vec<Option<f64>> {
        self.inner.period()
    }

    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        self.inner.wells()
    }
}

/// What one change did.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Seed of the change.
    pub seed: u64,
    /// Is the graph the same up to numbering?
    pub same_graph: bool,
    /// Weights of the limit, by id of the unchanged landscape's minimum nearest to each.
    pub limit: Vec<(usize, f64)>,
    /// The same by Laplace's method with its correction at the temperature asked for.
    pub at_temperature: Vec<(usize, f64)>,
}

/// How many changes, how they are searched, and where they are compared.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many landscapes.
    pub count: usize,
    /// Temperature at which weights are compared beside the limit.
    pub temperature: f64,
    /// Seed of the first; the others count up.
    pub seed: u64,
    /// How the unchanged landscape was searched.
    pub search: critical::Options,
    /// How its points were joined.
    pub connect: connection::Options,
    /// Where changed landscapes are searched; each in a region of its own if absent.
    pub region: Option<Region>,
}

/// Makes one changed landscape after the other, by its seed, and looks at what becomes of limit and graph.
///
/// # Errors
/// As those of the search, and of what makes the landscapes.
pub fn perturbations<'a>(
    changed: &dyn Fn(u64) -> Result<Box<dyn Landscape + 'a>>,
    set: &CriticalSet,
    graph: &MorseGraph,
    options: &Options,
    control: &Control<'_>,
) -> Result<Vec<Change>> {
    let skeleton = Skeleton::new(set, graph);
    let mut changes = vec![];
    for k in 0..options.count as u64 {
        if control.stopped() {
            break;
        }
        let seed = options.seed.wrapping_add(k);
        let changed = changed(seed)?;
        let asked = critical::Options { method: critical::Method::Search, ..options.search.clone() };
        let there = search(changed.as_ref(), options.region.as_ref(), &asked, control)?;
        let joined = connect(changed.as_ref(), &there, &options.connect, control);
        let same_graph = isomorphism(&skeleton, &Skeleton::new(&there, &joined))?.is_some();
        let reduced = changed.reduce();
        let wells = Wells::new(changed.as_ref(), reduced.as_ref(), &there);
        let theory = laplace(&wells);
        let ids = wells.wells.iter().map(|w| match w.id {
            WellId::Minimum(id) => Some(id),
            _ => None,
        });
        let ids: Vec<Option<usize>> = ids.collect();
        let nearest = |x: &[f64]| {
            (set.points.iter().enumerate())
                .filter(|(_, p)| p.index == 0)
                .min_by(|a, b| set.region.distance(&a.1.x, x).total_cmp(&set.region.distance(&b.1.x, x)))
                .map_or(0, |(id, _)| id)
        };
        let named = |weights: &[f64]| -> Vec<(usize, f64)> {
            (ids.iter().zip(weights))
                .filter_map(|(id, weight)| Some((nearest(&there.points[(*id)?].x), *weight)))
                .collect()
        };
        let at_temperature = theory.weights(options.temperature, true).unwrap_or_default();
        changes.push(Change {
            seed,
            same_graph,
            limit: named(&theory.limit),
            at_temperature: named(&at_temperature),
        });
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::formula::Formula;

    #[test]
    fn waves_have_their_derivatives_and_their_slope() {
        let f = Formula::new(3, "x^4 + x*y*z + z^2", &[], &[], None).unwrap();
        let changed = Perturbed::new(&f, 0.3, 0.5, 7);
        let x = [0.2, -0.4, 0.7];
        let step = 1e-5;
        let (mut g, mut plain) = (vec![0.0; 3], vec![0.0; 3]);
        changed.gradient(&x, &mut g);
        f.gradient(&x, &mut plain);
        let added: f64 = g.iter().zip(&plain).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        assert!(added > 0.0 && added <= 0.3);
        let mut hessian = Mat::zeros(3, 3);
        changed.hessian(&x, hessian.as_mut());
        let mut third = vec![0.0; 3];
        for j in 0..3 {
            let moved = |by: f64| {
                let mut x = x;
                x[j] += by;
                x
            };
            let slope = (changed.energy(&moved(step)) - changed.energy(&moved(-step))) / (2.0 * step);
            assert!((slope - g[j]).abs() < 1e-8);
            let mut unit = vec![0.0; 3];
            unit[j] = 1.0;
            let mut column = Mat::zeros(3, 1);
            changed.linearize(crate::linalg::column(&x)).apply(crate::linalg::column(&unit), column.as_mut());
            let [up, down] = [moved(step), moved(-step)].map(|x| {
                let mut h = Mat::zeros(3, 3);
                changed.hessian(&x, h.as_mut());
                h
            });
            changed.third(&x, &unit, &[1.0, 2.0, -1.0], &mut third);
            for i in 0..3 {
                assert!((column[(i, 0)] - hessian[(i, j)]).abs() < 1e-12);
                let difference = |k: usize| (up[(i, k)] - down[(i, k)]) / (2.0 * step);
                let expected = difference(0) + 2.0 * difference(1) - difference(2);
                assert!((third[i] - expected).abs() < 1e-6, "{} {expected}", third[i]);
            }
        }
    }
}
