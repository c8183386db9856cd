//! The Gibbs measure by adaptive quadrature in one to three dimensions, basin by basin.
//!
//! In: [`Wells`], a temperature. Out: [`Integrals`]: `log int exp(-E/eps)` over the basin of every well with an error that
//! counts what is left of the quadrature, of the basins' boundaries and of the tail, and the nodes as a [`Cloud`].
//!
//! On the line basins end at critical points. In the plane they end at the stable manifolds of saddles, which cut the cells of
//! a tree: on either side of the cut the integrand is smooth (`plane`). In space, and where the plane has no such curves,
//! cells across a boundary are split until their mass is negligible or counts as error (`cells`). Every cell is accepted when
//! it agrees with the sum of its parts, whose values are kept.

mod cells;
mod domain;
mod line;
mod plane;
pub(super) mod rule;
mod separatrix;

use std::sync::atomic::{AtomicBool, Ordering};

use faer::Mat;
use rayon::prelude::*;

use super::cloud::Cloud;
use super::laplace::{Laplace, log_sum};
use super::wells::{WellId, Wells};
use crate::connection::{Descent, Fate};
use crate::control::Control;
use crate::landscape::Landscape;

pub use domain::{Domain, confines, domain};

/// Up to this dimension there is a quadrature.
pub const MOST: usize = 3;

/// How the quadrature is done.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A cell is accepted when it differs from the sum of its parts by less than this share of the basin's integral.
    pub tolerance: f64,
    /// Most cells.
    pub cells: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { tolerance: 1e-12, cells: 200_000 }
    }
}

/// The measure at one temperature, basin by basin.
#[derive(Clone, Debug)]
pub struct Integrals {
    /// `log int exp(-E/eps)` over the basin of each well, in search coordinates.
    pub log_z: Vec<f64>,
    /// Estimate of the error of each, relative.
    pub errors: Vec<f64>,
    /// The share of the whole that belongs to no known basin.
    pub elsewhere: f64,
    /// The nodes.
    pub cloud: Cloud,
    /// Cells of the quadrature.
    pub cells: usize,
}

impl Integrals {
    /// `log Z` over all, in search coordinates.
    pub fn log_total(&self) -> f64 {
        self.cloud.log_total()
    }
}

/// What the quadrature is of.
pub(super) struct Problem<'a> {
    pub(super) wells: &'a Wells<'a>,
    pub(super) domain: &'a Domain,
    pub(super) eps: f64,
    pub(super) options: Options,
    /// A guess of `log int exp(-E/eps)` over each basin.
    guess: Vec<f64>,
    /// The relative error of an integral by rounding of the energy.
    rounding: f64,
    /// Where an orbit ends.
    descent: Descent<'a>,
    stop: &'a AtomicBool,
}

/// Tolerance of orbits that tell basins apart, relative to the scale.
pub(super) const ORBIT: f64 = 1e-8;

impl<'a> Problem<'a> {
    fn new(
        wells: &'a Wells<'a>,
        laplace: &Laplace,
        domain: &'a Domain,
        eps: f64,
        options: &Options,
        stop: &'a AtomicBool,
    ) -> Self {
        let descent = Descent::new(wells.landscape, None, &wells.set, ORBIT);
        // The quadrature is in search coordinates; what Laplace adds for the others is the same for all.
        let guess = laplace.terms.iter().zip(&wells.wells).map(|(t, w)| match t {
            Some(t) => t.log_z(eps, false),
            None => -w.energy / eps,
        });
        let (normal, curvature) = wells.normal();
        let across = match normal > 0 && curvature > 0.0 {
            true => 0.5 * normal as f64 * (std::f64::consts::TAU * eps / curvature).ln(),
            false => 0.0,
        };
        let guess = guess.map(|g| g - across).collect();
        // What rounding of a large energy makes of `exp(-E/eps)` no number of cells makes better.
        let largest = wells.wells.iter().map(|w| w.energy.abs()).fold(0.0, f64::max);
        let rounding = 4.0 * f64::EPSILON * largest / eps;
        let options = Options { tolerance: options.tolerance.max(rounding), ..*options };
        Problem { wells, domain, eps, options, guess, rounding, descent, stop }
    }

    /// May another cell follow after so many?
    pub(super) fn go_on(&self, cells: usize) -> Result<(), String> {
        if self.stop.load(Ordering::Relaxed) {
            return Err("the quadrature was stopped".into());
        }
        match cells > self.options.cells {
            true => Err(format!("the quadrature needs more than {} cells", self.options.cells)),
            false => Ok(()),
        }
    }

    pub(super) fn landscape(&self) -> &dyn Landscape {
        self.wells.landscape
    }

    /// The well in whose basin a point lies.
    pub(super) fn label(&self, x: &[f64]) -> Option<u32> {
        let id = match self.descent.fate(x) {
            Fate::Minimum(id) => WellId::Minimum(id),
            Fate::Degenerate(number) => WellId::Family(number),
            Fate::Exit | Fate::Lost => return None,
        };
        self.wells.place(id).map(|k| k as u32)
    }

    /// Does the measure have a ridge within a box that all nodes have missed? The energy is followed down from the lowest of
    /// them.
    pub(super) fn is_missed(&self, nodes: &[Node], lower: &[f64], upper: &[f64]) -> bool {
        let d = lower.len();
        let Some(lowest) = nodes.iter().min_by(|a, b| a.energy.total_cmp(&b.energy)) else { return false };
        let mut x = lowest.x[..d].to_vec();
        let energy = domain::descend(self.landscape(), &mut x, lower, upper, None, 4);
        let volume: f64 = lower.iter().zip(upper).map(|(a, b)| (b - a).ln()).sum();
        let least = self.guess.iter().copied().fold(f64::INFINITY, f64::min);
        lowest.energy - energy > 2.0 * self.eps && volume - energy / self.eps - least > FAINT
    }

    /// `log` of what an integral with this label is compared with: the basin's own, or of all where there is none.
    pub(super) fn reference(&self, label: Option<u32>) -> f64 {
        match label {
            Some(k) => self.guess[k as usize],
            None => self.guess.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// The size of cell that resolves every well whose distance from it is given: a few widths of the well there, growing
    /// with the distance.
    pub(super) fn is_coarse(&self, size: f64, distance: impl Fn(&[f64]) -> f64) -> bool {
        self.wells.wells.iter().any(|w| {
            let width = (self.eps / w.steepest).sqrt();
            w.places.iter().any(|x| size > 3.0 * width + 0.6 * distance(x))
        })
    }
}

/// One node.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) x: [f64; MOST],
    pub(super) energy: f64,
    pub(super) log_weight: f64,
    pub(super) label: Option<u32>,
}

/// Sums of nodes by label, relative to the references.
pub(super) struct Sums(Vec<f64>);

impl Sums {
    pub(super) fn zero(problem: &Problem<'_>) -> Self {
        Sums(vec![0.0; problem.wells.wells.len() + 1])
    }

    pub(super) fn of(problem: &Problem<'_>, nodes: &[Node]) -> Self {
        let mut sums = Sums::zero(problem);
        for n in nodes {
            let k = n.label.map_or(sums.0.len() - 1, |k| k as usize);
            sums.0[k] += (n.log_weight - problem.reference(n.label)).exp();
        }
        sums
    }

    pub(super) fn add(&mut self, other: &Sums) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
    }

    /// The absolute differences.
    pub(super) fn differences(&self, other: &Sums) -> Vec<f64> {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b).abs()).collect()
    }
}

/// What comes of a region: nodes, and by label what may be wrong, relative to the references.
pub(super) struct Part {
    pub(super) nodes: Vec<Node>,
    pub(super) errors: Vec<f64>,
    pub(super) cells: usize,
}

impl Part {
    pub(super) fn empty(problem: &Problem<'_>) -> Self {
        Part { nodes: vec![], errors: vec![0.0; problem.wells.wells.len() + 1], cells: 0 }
    }

    pub(super) fn join(&mut self, other: Part) {
        self.nodes.extend(other.nodes);
        self.errors.iter_mut().zip(&other.errors).for_each(|(a, b)| *a += b);
        self.cells += other.cells;
    }
}

/// Logarithm below which, relative to the least basin's integral, a ridge between nodes does not count.
const FAINT: f64 = -30.0;

/// Nodes whose labels are told again by orbits, and how many of them may be told otherwise before that counts.
const TOLD: usize = 128;
const OTHERWISE: usize = 3;

/// Logarithm below which, relative to its basin's integral, a node is dropped.
pub(super) const NEGLIGIBLE: f64 = -45.0;

/// Integrates over the basins of all wells.
///
/// # Errors
/// A sentence that says why there is no quadrature here.
pub fn integrate(
    wells: &Wells<'_>,
    laplace: &Laplace,
    domain: &Domain,
    eps: f64,
    options: &Options,
    control: &Control<'_>,
) -> Result<Integrals, String> {
    crate::linalg::sequential();
    let dim = wells.dim();
    if dim > MOST {
        return Err(format!("{dim} dimensions are too many for quadrature"));
    }
    if wells.wells.is_empty() {
        return Err("there is no well".into());
    }
    let problem = Problem::new(wells, laplace, domain, eps, options, control.stop);
    let part = match dim {
        1 => line::integrate(&problem)?,
        2 => match separatrix::separatrices(&problem) {
            Ok(curves) => plane::integrate(&problem, &curves)?,
            Err(_) => cells::integrate(&problem)?,
        },
        _ => cells::integrate(&problem)?,
    };
    Ok(finish(&problem, part))
}

fn finish(problem: &Problem<'_>, part: Part) -> Integrals {
    let dim = problem.wells.dim();
    let count = problem.wells.wells.len();
    let kept: Vec<Node> =
        (part.nodes.into_iter()).filter(|n| n.log_weight - problem.reference(n.label) > NEGLIGIBLE).collect();
    let points = Mat::from_fn(dim, kept.len(), |i, n| kept[n].x[i]);
    let cloud = Cloud {
        points,
        energies: kept.iter().map(|n| n.energy).collect(),
        log_weights: kept.iter().map(|n| n.log_weight).collect(),
        labels: kept.iter().map(|n| n.label).collect(),
    };
    let log_z: Vec<f64> = (0..count as u32)
        .map(|k| {
            let own: Vec<f64> = kept.iter().filter(|n| n.label == Some(k)).map(|n| n.log_weight).collect();
            log_sum(&own)
        })
        .collect();
    let lost: Vec<f64> = kept.iter().filter(|n| n.label.is_none()).map(|n| n.log_weight).collect();
    let total = cloud.log_total();
    let outside = |log_z: f64| (problem.domain.log_outside - log_z).exp();
    let mut errors: Vec<f64> = (0..count)
        .map(|k| part.errors[k] * (problem.guess[k] - log_z[k]).exp() + outside(log_z[k]) + problem.rounding)
        .collect();
    let mut elsewhere = (log_sum(&lost) - total).exp();
    if dim > 1 {
        let (wrong, unknown) = told_again(problem, &cloud);
        elsewhere = elsewhere.max(unknown);
        for k in 0..count {
            errors[k] = errors[k].max(wrong[k] / (log_z[k] - total).exp());
        }
    }
    Integrals { log_z, errors, elsewhere, cloud, cells: part.cells }
}

/// Labels come from boundaries and cells: whether orbits agree is seen at nodes drawn by their weights. Shares of the measure
/// with a label that the orbit contradicts, by label, and of what flows to no known well.
fn told_again(problem: &Problem<'_>, cloud: &Cloud) -> (Vec<f64>, f64) {
    let weights = cloud.weights();
    let mut drawn = vec![];
    let mut sum = 0.0;
    for (n, w) in weights.iter().enumerate() {
        sum += w;
        while drawn.len() < TOLD && sum * TOLD as f64 > drawn.len() as f64 + 0.5 {
            drawn.push(n);
        }
    }
    let region = &problem.wells.set.region;
    let told: Vec<(Option<u32>, Option<u32>)> = drawn
        .par_iter()
        .map(|&n| {
            let (x, label) = (cloud.point(n), cloud.labels[n]);
            // Orbits are followed within a region, wide as it is.
            let found = if region.contains(x) { problem.label(x) } else { label };
            // On a boundary an orbit ends at a saddle.
            let beside =
                || problem.label(&x.iter().map(|v| v + 1e-6 * problem.wells.scale()).collect::<Vec<f64>>());
            (label, found.or_else(beside))
        })
        .collect();
    let mut wrong = vec![0.0; problem.wells.wells.len()];
    let mut unknown = 0.0;
    for (label, found) in told {
        match (label, found) {
            (_, None) => unknown += 1.0 / TOLD as f64,
            (Some(k), Some(f)) if k != f => wrong[k as usize] += 1.0 / TOLD as f64,
            _ => {}
        }
    }
    if wrong.iter().sum::<f64>() < OTHERWISE as f64 / TOLD as f64 {
        wrong.fill(0.0);
    }
    (wrong, unknown)
}
