//! The neighbourhood of minima: curvature, the nearest saddle, how far their basins reach; and what data that were held out say.
//!
//! In: a landscape with its critical points. Out: [`Geometry`], [`HeldOut`].

use faer::{Mat, MatRef};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::classes::{Memorization, dimension};
use crate::connection::{Fate, MorseGraph, fates};
use crate::critical::CriticalSet;
use crate::landscape::Landscape;
use crate::linalg::norm;

/// How basins are probed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeometryOptions {
    /// Random directions a minimum; 0 leaves basins out.
    pub directions: usize,
    /// Halvings by which the edge along a direction is found: 10 find it to a thousandth of the way.
    pub halvings: usize,
    /// Seed of the directions.
    pub seed: u64,
    /// The gap of [`dimension`].
    pub gap: f64,
}

impl Default for GeometryOptions {
    /// Eight directions, ten halvings, a gap of a half.
    fn default() -> Self {
        GeometryOptions { directions: 8, halvings: 10, seed: 0, gap: 0.5 }
    }
}

/// How far along straight lines descents still end at a minimum: an estimate, as directions are a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Basin {
    /// The least distance of an edge; where none was met the distance up to which was looked.
    pub least: f64,
    /// The median over the directions.
    pub median: f64,
    /// Directions along which an edge was met.
    pub bounded: usize,
    /// Directions tried.
    pub directions: usize,
}

/// A minimum's neighbourhood.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// Its id.
    pub id: usize,
    /// Smallest eigenvalue of its Hessian,
    pub softest: f64,
    /// the median of those known,
    pub median: f64,
    /// and the largest.
    pub steepest: f64,
    /// Number of directions below the largest gap, as in [`Place`](super::Place).
    pub dimension: usize,
    /// That gap.
    pub gap: f64,
    /// The nearest saddle of index 1 and its distance: of those joined to the minimum where there is a graph, else of all.
    pub saddle: Option<(usize, f64)>,
    /// How far its basin reaches.
    pub basin: Option<Basin>,
}

/// The neighbourhoods of all minima, by id.
pub fn geometry(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: Option<&MorseGraph>,
    options: &GeometryOptions,
) -> Vec<Geometry> {
    let kernel = landscape.kernel();
    let minima: Vec<usize> = (0..set.points.len()).filter(|id| set.points[*id].index == 0).collect();
    let basins = basins(landscape, set, &minima, options);
    let of = |(&id, basin): (&usize, Option<Basin>)| {
        let point = &set.points[id];
        let values = &point.eigenvalues;
        let (dimension, gap) = dimension(values, kernel, options.gap);
        let away = |s: usize| (s, set.region.distance(&set.points[s].x, &point.x));
        let saddles: Vec<usize> = match graph {
            Some(graph) => graph.connections.iter().filter(|c| c.to == id).map(|c| c.from).collect(),
            None => (0..set.points.len()).collect(),
        };
        let saddles = saddles.into_iter().filter(|s| set.points[*s].index == 1).map(away);
        Geometry {
            id,
            softest: values.first().copied().unwrap_or(0.0),
            median: values.get(values.len() / 2).copied().unwrap_or(0.0),
            steepest: values.last().copied().unwrap_or(0.0),
            dimension,
            gap,
            saddle: saddles.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0))),
            basin,
        }
    };
    minima.iter().zip(basins).map(of).collect()
}

/// Along each direction the first of eight equal steps to the edge of the region that descends elsewhere, and then halvings
/// between it and the step before. All descents of a step go at once.
fn basins(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    minima: &[usize],
    options: &GeometryOptions,
) -> Vec<Option<Basin>> {
    const STEPS: usize = 8;
    let n = landscape.dim();
    if options.directions == 0 || n == 0 || minima.is_empty() {
        return vec![None; minima.len()];
    }
    /// A half-line, with an inner place that descends to its minimum and an outer one that does not, once it is met.
    struct Ray {
        id: usize,
        direction: Vec<f64>,
        reach: f64,
        inner: f64,
        outer: Option<f64>,
    }
    let mut rays: Vec<Ray> = vec![];
    for &id in minima {
        // Each minimum has its own directions, however many there are.
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        rng.set_stream(id as u64);
        let x = &set.points[id].x;
        for _ in 0..options.directions {
            let mut direction: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut rng)).collect();
            let size = norm(&direction).max(f64::MIN_POSITIVE);
            direction.iter_mut().for_each(|d| *d /= size);
            let reach = set.region.reach(x, &direction);
            rays.push(Ray { id, direction, reach, inner: 0.0, outer: None });
        }
    }
    for step in 0..STEPS + options.halvings {
        let walking = step < STEPS;
        // The places asked for, of rays that are still of interest.
        let asked: Vec<(usize, f64)> = (rays.iter().enumerate())
            .filter_map(|(number, ray)| match (walking, ray.outer) {
                // Short of the boundary itself, which rounding may put outside.
                (true, None) => Some((number, ray.reach * (step + 1) as f64 / STEPS as f64 * (1.0 - 1e-9))),
                (false, Some(outer)) => Some((number, 0.5 * (ray.inner + outer))),
                _ => None,
            })
            .collect();
        let starts = Mat::from_fn(n, asked.len(), |i, j| {
            let (number, r) = asked[j];
            let ray = &rays[number];
            set.points[ray.id].x[i] + r * ray.direction[i]
        });
        for ((number, r), fate) in asked.into_iter().zip(fates(landscape, set, starts.as_ref())) {
            let ray = &mut rays[number];
            match fate == Fate::Minimum(ray.id) {
                true => ray.inner = r,
                false => ray.outer = Some(r),
            }
        }
    }
    let basin = |rays: &[Ray]| {
        let mut edges: Vec<f64> =
            rays.iter().map(|ray| ray.outer.map_or(ray.reach, |o| 0.5 * (ray.inner + o))).collect();
        edges.sort_by(f64::total_cmp);
        let bounded = rays.iter().filter(|ray| ray.outer.is_some()).count();
        Some(Basin { least: edges[0], median: edges[edges.len() / 2], bounded, directions: rays.len() })
    };
    rays.chunks(options.directions).map(basin).collect()
}

/// Data that the landscape does not hold, beside those that it does.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// How many there are.
    pub count: usize,
    /// Mean energy at them, and its standard error.
    pub energy: (f64, f64),
    /// Mean energy at the data, and its standard error.
    pub data_energy: (f64, f64),
    /// The former less the latter, in units of the temperature where there is one, and its standard error: near zero where
    /// the landscape makes no difference between the two.
    pub gap: (f64, f64),
    /// How many of them descend to a minimum that is memorized,
    pub to_memorized: usize,
    /// to one that several data or none descend to,
    pub to_others: usize,
    /// and to a generalized one or a continuum of them; the rest to nothing known.
    pub to_generalized: usize,
}

/// What held out points (n x m) say, given the classes of the minima.
pub fn held_out(
    landscape: &dyn Landscape,
    data: MatRef<'_, f64>,
    held: MatRef<'_, f64>,
    set: &CriticalSet,
    classes: &Memorization,
) -> HeldOut {
    let at = |points: MatRef<'_, f64>| {
        let mut energies = vec![0.0; points.ncols()];
        landscape.energies(points, &mut energies);
        mean(&energies)
    };
    let (energy, data_energy) = (at(held), at(data));
    let unit = classes.temperature.unwrap_or(1.0);
    let gap = ((energy.0 - data_energy.0) / unit, energy.1.hypot(data_energy.1) / unit);
    let mut found = HeldOut {
        count: held.ncols(),
        energy,
        data_energy,
        gap,
        to_memorized: 0,
        to_others: 0,
        to_generalized: 0,
    };
    for fate in fates(landscape, set, held) {
        let class = match fate {
            Fate::Minimum(id) => classes.points[id].class,
            Fate::Degenerate(family) => classes.families[family].class,
            Fate::Exit | Fate::Lost => None,
        };
        match class {
            Some(super::Class::Memorized) => found.to_memorized += 1,
            Some(super::Class::Generalized) => found.to_generalized += 1,
            Some(_) => found.to_others += 1,
            None => {}
        }
    }
    found
}

/// Mean and standard error; the error of one value alone is 0.
fn mean(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, (variance / count).sqrt())
}
