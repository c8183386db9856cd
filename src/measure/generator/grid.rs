//! The generator in two and three dimensions (and one), by finite volumes.
//!
//! In: a landscape, its minima, the energy of its highest saddle and its largest curvature, a temperature. Out: the smallest [`Eigenvalue`]s.
//!
//! Nodes lie on a square grid, wherever the energy is at most some temperatures above the highest saddle and the place can be
//! reached from a minimum. A node weighs `pi = exp(-E/eps)`, neighbours at distance h are joined by `(eps/h^2)` times a mean
//! of their weights, so that the chain's law is the Gibbs measure of the grid at any h (averaging drifts instead would leave it
//! to errors in the exponent). Two means are used: the geometric one, and that of D. L. Scharfetter & H. K. Gummel (IEEE Trans.
//! Electron Devices 16, 1969), the harmonic mean of `exp(-E/eps)` along the edge with E linear. Both err by h^2, differently.
//!
//! Three grids, each finer by the same factor, give the order that is seen; where it is 2 the values are extrapolated with it
//! (L. F. Richardson 1911). The error bar adds up what the last extrapolation changes, how the two means differ, and what a
//! larger domain changes.

use std::collections::HashMap;

use faer::{Mat, MatRef};

use super::elimination::{Factors, Order, Pattern, SIDES, dissect};
use super::{Eigenvalue, LOST};
use crate::control::Control;
use crate::error::{Error, Result, shown};
use crate::landscape::Landscape;
use crate::linalg::{sequential, symmetric_eigen};

/// How the grids are laid.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Spacing of the coarsest grid over `sqrt(eps / largest curvature)`; below 0.7.
    pub spacing: f64,
    /// Where the domain ends, in temperatures above the highest saddle.
    pub cut: f64,
    /// Nodes at most, of one grid.
    pub nodes: usize,
    /// The same in three dimensions, where elimination costs their square.
    pub nodes_in_space: usize,
    /// Entries at most, of one factorisation.
    pub entries: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { spacing: 0.68, cut: 14.0, nodes: 150_000, nodes_in_space: 30_000, entries: 20_000_000 }
    }
}

impl Options {
    fn most(&self, domain: &Domain<'_>) -> usize {
        if domain.landscape.dim() < 3 { self.nodes } else { self.nodes_in_space }
    }
}

/// Mean of two weights on an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mean {
    /// `sqrt(pi_i pi_j)`.
    Geometric,
    /// `1 / int_0^1 1/pi` with `log pi` linear.
    ScharfetterGummel,
}

impl Mean {
    /// Of two energies, in temperatures.
    fn conductance(self, a: f64, b: f64) -> f64 {
        let middle = (-0.5 * (a + b)).exp();
        let half = 0.5 * (b - a).abs();
        match self {
            Mean::Geometric => middle,
            Mean::ScharfetterGummel if half < 1e-4 => middle * (1.0 - half * half / 6.0),
            Mean::ScharfetterGummel => middle * half / half.sinh(),
        }
    }
}

/// What is discretised.
#[derive(Clone, Copy)]
pub struct Domain<'a> {
    /// The landscape, in up to three dimensions.
    pub landscape: &'a dyn Landscape,
    /// Its minima.
    pub minima: &'a [Vec<f64>],
    /// Energy of the highest saddle of index 1 (or of the highest minimum, if there is none).
    pub top: f64,
    /// Largest curvature at the critical points.
    pub curvature: f64,
    /// The temperature.
    pub temperature: f64,
}

/// Nodes of a grid, in the order of their elimination.
struct Grid {
    /// Energies over the temperature, from the lowest.
    levels: Vec<f64>,
    /// For each node its neighbours behind it in the order, with the axis.
    later: Vec<Vec<(u32, u8)>>,
    spacing: [f64; 3],
    order: Order,
    /// The nodes nearest to the minima, the ground's excepted.
    minima: Vec<usize>,
}

/// More energies at once than this are not asked for.
const BATCH: usize = 4096;
/// Dimensions at most.
const MOST: usize = 3;
/// Iterations of the inverse at most.
const ITERATIONS: usize = 80;
/// So many rounds others than the gap may take.
const PATIENCE: usize = 8;
/// Relative change to come at which they are settled.
const SETTLED: f64 = 1e-9;

fn fell_short<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Numerics(message.into()))
}

impl Grid {
    fn new(domain: &Domain<'_>, spacing: f64, cut: f64, most: usize, control: &Control<'_>) -> Result<Grid> {
        let d = domain.landscape.dim();
        let eps = domain.temperature;
        let origin = &domain.minima[0];
        let periods = domain.landscape.period();
        let mut turn = [0_i32; 3];
        let mut step = [spacing; 3];
        for axis in 0..d {
            if let Some(period) = periods.get(axis).copied().flatten() {
                turn[axis] = ((period / spacing).ceil() as i32).max(4);
                step[axis] = period / f64::from(turn[axis]);
            }
        }
        let wrapped = |mut p: [i32; 3]| {
            for axis in (0..3).filter(|&a| turn[a] > 0) {
                p[axis] = p[axis].rem_euclid(turn[axis]);
            }
            p
        };
        let position =
            |p: &[i32; 3]| -> Vec<f64> { (0..d).map(|a| origin[a] + step[a] * f64::from(p[a])).collect() };
        let highest = domain.top + cut * eps;
        // Nodes by their place; those outside are remembered, too.
        let mut known: HashMap<[i32; 3], Option<u32>> = HashMap::new();
        let (mut places, mut energies): (Vec<[i32; 3]>, Vec<f64>) = (vec![], vec![]);
        let mut front: Vec<[i32; 3]> = vec![];
        let mut seeds = vec![];
        for x in domain.minima {
            let mut p = [0; 3];
            (0..d).for_each(|a| p[a] = ((x[a] - origin[a]) / step[a]).round() as i32);
            let p = wrapped(p);
            seeds.push(p);
            if known.insert(p, None).is_none() {
                front.push(p);
            }
        }
        while !front.is_empty() {
            let mut inside = vec![];
            for some in front.chunks(BATCH) {
                let points: Vec<Vec<f64>> = some.iter().map(position).collect();
                let points = Mat::from_fn(d, points.len(), |i, j| points[j][i]);
                let (mut values, mut gradients) = (vec![0.0; some.len()], Mat::zeros(d, some.len()));
                domain.landscape.gradients(points.as_ref(), &mut values, gradients.as_mut());
                for (p, e) in some.iter().zip(values) {
                    if e <= highest {
                        known.insert(*p, Some(places.len() as u32));
                        places.push(*p);
                        energies.push(e);
                        inside.push(*p);
                    }
                }
            }
            if places.len() > most {
                return fell_short(format!("the domain needs more than {most} nodes"));
            }
            if control.stopped() {
                return fell_short("stopped");
            }
            front.clear();
            for p in inside {
                for axis in 0..d {
                    for sign in [-1, 1] {
                        let mut q = p;
                        q[axis] += sign;
                        let q = wrapped(q);
                        if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(q) {
                            entry.insert(None);
                            front.push(q);
                        }
                    }
                }
            }
        }
        if places.is_empty() {
            return fell_short("the energy at the minima is above the domain's edge, or no number");
        }
        let lowest = energies.iter().copied().fold(f64::INFINITY, f64::min);
        let ground = energies.iter().position(|e| *e == lowest).unwrap_or(0) as u32;
        if !((highest - lowest) / eps < 700.0) {
            return fell_short(
                "the barrier is more than 680 temperatures high: the gap is too small for a number",
            );
        }
        let parts = dissect(&places, turn.map(|t| t > 0), ground);
        let order = &parts.nodes;
        let mut rank = vec![0_u32; order.len()];
        order.iter().enumerate().for_each(|(r, &i)| rank[i as usize] = r as u32);
        let node = |p: [i32; 3]| known.get(&wrapped(p)).copied().flatten();
        let mut later = vec![vec![]; order.len()];
        for (i, p) in places.iter().enumerate() {
            for axis in 0..d {
                let mut q = *p;
                q[axis] += 1;
                let Some(j) = node(q) else { continue };
                let (a, b) = (rank[i], rank[j as usize]);
                if a != b {
                    later[a.min(b) as usize].push((a.max(b), axis as u8));
                }
            }
        }
        let levels = order.iter().map(|&i| (energies[i as usize] - lowest) / eps).collect();
        let last = order.len() - 1;
        let mut minima: Vec<usize> =
            seeds.iter().filter_map(|p| node(*p)).map(|i| rank[i as usize] as usize).collect();
        minima.sort_unstable();
        minima.dedup();
        minima.retain(|&m| m != last);
        Ok(Grid { levels, later, spacing: step, minima, order: parts })
    }

    /// What elimination joins.
    fn pattern(&self, entries: usize) -> Result<Pattern> {
        let neighbours = |k: usize| self.later[k].iter().map(|(i, _)| *i);
        let pattern = Pattern::new(&self.order, neighbours, entries);
        pattern.ok_or_else(|| Error::Numerics("the factorisation is too large".into()))
    }

    /// The generator's factors, with this mean of weights on the edges.
    fn factors<'a>(&self, pattern: &'a Pattern, mean: Mean, temperature: f64) -> Result<Factors<'a>> {
        let scale = self.spacing.map(|h| temperature / (h * h));
        let joined = |i: usize| {
            let edge = move |&(j, axis): &(u32, u8)| {
                (j, scale[axis as usize] * mean.conductance(self.levels[i], self.levels[j as usize]))
            };
            self.later[i].iter().map(edge)
        };
        let factors = Factors::new(pattern, joined);
        factors.ok_or_else(|| {
            Error::Numerics(
                "the wells are not joined below the domain's edge, or by weights that vanish: are critical points missing?"
                    .into(),
            )
        })
    }

    /// The smallest eigenvalues above zero, ascending: the first one, and those of the others that the iteration has settled.
    fn smallest(&self, pattern: &Pattern, mean: Mean, temperature: f64) -> Result<Vec<f64>> {
        let factors = &self.factors(pattern, mean, temperature)?;
        let n = self.levels.len();
        // Of functions u the vectors `sqrt(pi) u` are kept: their inner products are plain ones.
        let root: Vec<f64> = self.levels.iter().map(|l| (-0.5 * l).exp()).collect();
        // Potentials of a current from each minimum to the ground are nearly constant on each well. Others along with them cost
        // nothing, and what is asked for settles sooner.
        let sources = &self.minima[..self.minima.len().min(SIDES)];
        let wanted = sources.len().max(1);
        let start = |i: usize, j: usize| match sources.get(j) {
            Some(source) if *source == i => 1.0 / root[i],
            Some(_) => 0.0,
            None => root[i] * ((0.37 + 0.21 * j as f64) * i as f64).sin(),
        };
        let mut block = solve(factors, &root, Mat::from_fn(n, SIDES.min(n - 1), start).as_ref());
        let (mut before, mut last): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
        let mut settled = 0;
        for round in 0..ITERATIONS {
            block = orthonormal(block.as_ref());
            let images = solve(factors, &root, block.as_ref());
            let p = block.ncols();
            let products = block.transpose() * &images;
            let ritz = Mat::from_fn(p, p, |i, j| 0.5 * (products[(i, j)] + products[(j, i)]));
            let (mut values, mut vectors) = (vec![0.0; p], Mat::zeros(p, p));
            if p == 0
                || !symmetric_eigen(ritz.as_ref(), &mut values, vectors.as_mut())
                || !(values[p - 1] > 0.0)
            {
                return fell_short("the inverse iteration for the gap came to no number");
            }
            block = images * vectors.as_ref().reverse_cols();
            let inverse: Vec<f64> = values.iter().rev().take_while(|v| **v > 0.0).map(|v| 1.0 / v).collect();
            // What is still to come is to this change as this is to the one before.
            let still = |k: &usize, reach: f64| {
                let Some(last) = last.get(*k) else { return false };
                let change = (inverse[*k] - last).abs();
                let quotient = match before.get(*k) {
                    Some(before) => (change / (last - before).abs()).min(0.5),
                    None => 0.5,
                };
                change * quotient <= reach * inverse[*k]
            };
            let gap = still(&0, 1e-12);
            settled = (0..wanted.min(inverse.len())).take_while(|k| still(k, SETTLED)).count();
            (before, last) = (last, inverse);
            if gap && (settled == wanted || round >= PATIENCE) {
                break;
            }
        }
        last.truncate(settled.max(1));
        Ok(last)
    }
}

/// The generator's inverse, but for its sign and without the mean, on up to [`SIDES`] columns: those, and the answers, are
/// functions times `root`, the root of the weights. All go in one sweep over the factors.
fn solve(factors: &Factors<'_>, root: &[f64], columns: MatRef<'_, f64>) -> Mat<f64> {
    let (n, count) = columns.shape();
    let mut sides = vec![[0.0; SIDES]; n];
    for (p, column) in columns.col_iter().enumerate() {
        for (side, (y, root)) in sides.iter_mut().zip(column.iter().zip(root)) {
            side[p] = root * y;
        }
    }
    factors.solve(&mut sides);
    let (mut mass, mut means) = (0.0, [0.0; SIDES]);
    for (side, root) in sides.iter().zip(root) {
        mass += root * root;
        for p in 0..SIDES {
            means[p] += root * root * side[p];
        }
    }
    let mut out = Mat::zeros(n, count);
    for (p, column) in out.col_iter_mut().enumerate() {
        let mean = means[p] / mass;
        for (y, (side, root)) in column.iter_mut().zip(sides.iter().zip(root)) {
            *y = root * (side[p] - mean);
        }
    }
    out
}

/// An orthonormal basis of what the columns span, by Gram and Schmidt's process, each time twice; what vanishes is dropped.
fn orthonormal(columns: MatRef<'_, f64>) -> Mat<f64> {
    let (n, count) = columns.shape();
    let (mut basis, mut kept) = (Mat::zeros(n, count), 0);
    for column in columns.col_iter() {
        let before = column.norm_l2();
        let mut v = Mat::from_fn(n, 1, |i, _| column[i] / before);
        for _ in 0..2 {
            let along = basis.subcols(0, kept).transpose() * &v;
            v -= basis.subcols(0, kept) * along;
        }
        let size = v.norm_l2();
        if size > 1e-12 && size.is_finite() {
            basis.col_mut(kept).iter_mut().zip(v.col(0).iter()).for_each(|(b, v)| *b = v / size);
            kept += 1;
        }
    }
    basis.truncate(n, kept);
    basis
}

/// The gap on one grid: spacing and cut in units of [`Options`]. For comparisons; [`spectral_gap`] has the answer.
///
/// # Errors
/// As of [`spectral_gap`].
pub fn gap_on_one(domain: &Domain<'_>, spacing: f64, cut: f64, mean: Mean, options: &Options) -> Result<f64> {
    sequential();
    let h = spacing * (domain.temperature / domain.curvature).sqrt();
    let grid = Grid::new(domain, h, cut, options.most(domain), &Control::quiet())?;
    Ok(grid.smallest(&grid.pattern(options.entries)?, mean, domain.temperature)?[0])
}

/// The spectral gap in up to three dimensions: the first of the [`spectrum`].
///
/// # Errors
/// As of [`spectrum`].
pub fn spectral_gap(domain: &Domain<'_>, options: &Options, control: &Control<'_>) -> Result<Eigenvalue> {
    let first = spectrum(domain, options, control)?.into_iter().next();
    first.ok_or_else(|| Error::Numerics("there is no gap".into()))
}

/// The exponentially small eigenvalues in up to three dimensions, ascending: the gap, and up to seven more, as many as there
/// are minima but one. Those that lie close to still larger ones may not settle, and are left out.
///
/// # Errors
/// If the landscape has more dimensions, does not confine within the nodes allowed, or energies span more than doubles hold.
pub fn spectrum(domain: &Domain<'_>, options: &Options, control: &Control<'_>) -> Result<Vec<Eigenvalue>> {
    sequential();
    let d = domain.landscape.dim();
    let eps = domain.temperature;
    if d == 0 || d > MOST || !domain.landscape.has_energy() || domain.minima.is_empty() {
        return Err(Error::input(
            "the generator is discretised for an energy in up to three dimensions, with minima",
        ));
    }
    if !(eps > 0.0 && eps.is_finite() && domain.curvature > 0.0) {
        return Err(Error::input(format!("a temperature must be positive, not {}", shown(eps))));
    }
    // In three dimensions finer grids soon cost too much.
    let factor: f64 = if d < 3 { std::f64::consts::SQRT_2 } else { 1.19 };
    let first = options.spacing * (eps / domain.curvature).sqrt();
    let means = [Mean::Geometric, Mean::ScharfetterGummel];
    // By mean and grid.
    let mut found: [[Vec<f64>; 3]; 2] = Default::default();
    let mut unknowns = 0;
    for level in 0..3 {
        let grid =
            Grid::new(domain, first / factor.powi(level as i32), options.cut, options.most(domain), control)?;
        unknowns = grid.levels.len();
        let pattern = grid.pattern(options.entries)?;
        let smallest = |mean| grid.smallest(&pattern, mean, eps);
        let (one, two) = rayon::join(|| smallest(means[0]), || smallest(means[1]));
        (found[0][level], found[1][level]) = (one?, two?);
        if control.stopped() {
            return fell_short("stopped");
        }
    }
    let wide = Grid::new(domain, first, options.cut + 5.0, options.most(domain), control)?;
    let wide = wide.smallest(&wide.pattern(options.entries)?, means[0], eps)?;
    let count = found.iter().flatten().chain([&wide]).map(Vec::len).min().unwrap_or(0);
    let eigenvalue = |k: usize| {
        let domain_error = (wide[k] - found[0][0][k]).abs();
        let of = |values: &[Vec<f64>; 3]| extrapolate(&[values[0][k], values[1][k], values[2][k]], factor);
        let [(one, its), (two, other)] = [of(&found[0]), of(&found[1])];
        let value = 0.5 * (one + two);
        let lost = if k > 0 { LOST * value / found[0][2][0] } else { 0.0 };
        let error = (one - two).abs() + its.max(other) + domain_error + (1e-12 + lost) * value;
        Eigenvalue { value, error, unknowns }
    };
    let all = (0..count).map(eigenvalue);
    Ok(all.enumerate().take_while(|(k, e)| *k == 0 || e.error < 0.1 * e.value).map(|(_, e)| e).collect())
}

/// From values on three grids, each finer by `factor`: the best one, and an estimate of its error.
fn extrapolate(values: &[f64; 3], factor: f64) -> (f64, f64) {
    let [a, b, c] = *values;
    let order = ((a - b) / (b - c)).ln() / factor.ln();
    if !((1.6..2.4).contains(&order)) {
        // Not the order of the method: no extrapolation, and the whole change on the way as the error.
        return (c, (a - c).abs());
    }
    let gain = factor * factor - 1.0;
    let (coarse, fine) = (b + (b - a) / gain, c + (c - b) / gain);
    (fine, (fine - coarse).abs())
}
