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
//! (L. F. Richardson 1911). The error bar adds up what the last extrapolation changes, how the two means differ, and what a larger domain
//! changes. The second mean is taken on the two coarser grids; what extrapolated values differ by there is scaled to the finest one by h^4.

use faer::Mat;
use rayon::prelude::*;

use super::block::Sides;
use super::elimination::{Factors, Order, Pattern, SIDES, dissect};
use super::inverse::{GAP_SETTLED, Modes, SETTLED, smallest};
use super::{Eigenvalue, LOST};
use crate::control::Control;
use crate::error::{Error, Result, shown};
use crate::hash::QuickMap;
use crate::landscape::Landscape;
use crate::linalg::sequential;

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
    /// Over the geometric mean, of two energies in temperatures.
    fn factor(self, a: f64, b: f64) -> f64 {
        let half = 0.5 * (b - a).abs();
        match self {
            Mean::Geometric => 1.0,
            Mean::ScharfetterGummel if half < 1e-4 => 1.0 - half * half / 6.0,
            Mean::ScharfetterGummel => half / half.sinh(),
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

/// A node's place: whole spacings from the first minimum.
type Place = [i32; 3];

/// Nodes of a grid, in the order of their elimination.
struct Grid {
    /// Energies over the temperature, from the lowest.
    levels: Vec<f64>,
    /// Roots of the weights.
    roots: Vec<f64>,
    places: Vec<Place>,
    /// Which node is where.
    nodes: QuickMap<(i32, i32, i32), Option<u32>>,
    /// Neighbours behind each node in the order, with the axis; where those of each begin.
    later: Vec<(u32, u8)>,
    begin: Vec<u32>,
    spacing: [f64; 3],
    /// How many nodes go around a periodic axis; 0 for others.
    around: [i32; 3],
    order: Order,
    /// The nodes nearest to the minima, the ground's excepted.
    minima: Vec<usize>,
}

/// More energies at once than this are not asked for.
const BATCH: usize = 4096;
/// Dimensions at most.
const MOST: usize = 3;
/// By what errors of values grow when they are extrapolated, at most.
const EXAGGERATED: f64 = 6.0;

fn fell_short<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Numerics(message.into()))
}

/// A place once around as often as there are whole turns.
fn wrapped(mut p: Place, around: [i32; 3]) -> Place {
    for axis in (0..3).filter(|&a| around[a] > 0) {
        p[axis] = p[axis].rem_euclid(around[axis]);
    }
    p
}

impl Grid {
    fn new(domain: &Domain<'_>, spacing: f64, cut: f64, most: usize, control: &Control<'_>) -> Result<Grid> {
        let d = domain.landscape.dim();
        let eps = domain.temperature;
        let origin = &domain.minima[0];
        let mut around = [0_i32; 3];
        let mut step = [spacing; 3];
        for (axis, period) in domain.landscape.period().into_iter().enumerate().take(d) {
            if let Some(period) = period {
                around[axis] = ((period / spacing).ceil() as i32).max(4);
                step[axis] = period / f64::from(around[axis]);
            }
        }
        let highest = domain.top + cut * eps;
        // Nodes by their place; those outside are remembered, too.
        let mut known: QuickMap<(i32, i32, i32), Option<u32>> = QuickMap::default();
        let (mut places, mut energies): (Vec<Place>, Vec<f64>) = (vec![], vec![]);
        let mut front: Vec<Place> = vec![];
        let mut seeds = vec![];
        for x in domain.minima {
            let mut p = [0; 3];
            (0..d).for_each(|a| p[a] = ((x[a] - origin[a]) / step[a]).round() as i32);
            let p = wrapped(p, around);
            seeds.push(p);
            if known.insert(p.into(), None).is_none() {
                front.push(p);
            }
        }
        while !front.is_empty() {
            let mut inside = vec![];
            for some in front.chunks(BATCH) {
                let points = Mat::from_fn(d, some.len(), |a, j| origin[a] + step[a] * f64::from(some[j][a]));
                let mut values = vec![0.0; some.len()];
                domain.landscape.energies(points.as_ref(), &mut values);
                for (p, e) in some.iter().zip(values) {
                    if e <= highest {
                        known.insert((*p).into(), Some(places.len() as u32));
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
                        let q = wrapped(q, around);
                        if let std::collections::hash_map::Entry::Vacant(entry) = known.entry(q.into()) {
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
        let order = dissect(&places, around.map(|t| t > 0), ground);
        let mut rank = vec![0_u32; places.len()];
        order.nodes.iter().enumerate().for_each(|(r, &i)| rank[i as usize] = r as u32);
        known.values_mut().flatten().for_each(|node| *node = rank[*node as usize]);
        let levels: Vec<f64> = order.nodes.iter().map(|&i| (energies[i as usize] - lowest) / eps).collect();
        let mut grid = Grid {
            roots: levels.iter().map(|l| (-0.5 * l).exp()).collect(),
            levels,
            places: order.nodes.iter().map(|&i| places[i as usize]).collect(),
            nodes: known,
            later: vec![],
            begin: vec![],
            spacing: step,
            around,
            order,
            minima: vec![],
        };
        grid.join(d);
        let last = places.len() as u32 - 1;
        grid.minima =
            seeds.iter().filter_map(|p| grid.node(*p)).filter(|m| *m != last).map(|m| m as usize).collect();
        grid.minima.sort_unstable();
        grid.minima.dedup();
        Ok(grid)
    }

    /// The node at a place.
    fn node(&self, p: Place) -> Option<u32> {
        self.nodes.get(&wrapped(p, self.around).into()).copied().flatten()
    }

    /// Finds the neighbours.
    fn join(&mut self, d: usize) {
        let mut edges: Vec<(u32, u32, u8)> = Vec::with_capacity(d * self.places.len());
        let mut count = vec![0_u32; self.places.len() + 1];
        for (a, p) in (0..).zip(&self.places) {
            for axis in 0..d {
                let mut q = *p;
                q[axis] += 1;
                if let Some(b) = self.node(q).filter(|b| *b != a) {
                    edges.push((a.min(b), a.max(b), axis as u8));
                    count[a.min(b) as usize + 1] += 1;
                }
            }
        }
        (1..count.len()).for_each(|k| count[k] += count[k - 1]);
        let mut next = count.clone();
        self.later = vec![(0, 0); edges.len()];
        for (a, b, axis) in edges {
            self.later[next[a as usize] as usize] = (b, axis);
            next[a as usize] += 1;
        }
        self.begin = count;
    }

    /// Neighbours of a node behind it in the order, with the axis.
    fn later(&self, node: usize) -> &[(u32, u8)] {
        &self.later[self.begin[node] as usize..self.begin[node + 1] as usize]
    }

    /// Functions at the nodes of this grid at those of another one, in between linear in each coordinate.
    fn interpolate(&self, functions: &[Sides], to: &Grid, d: usize) -> Vec<Sides> {
        let at = |place: &Place| {
            let mut base = [0; 3];
            let mut part = [0.0; 3];
            for axis in 0..d {
                let x = f64::from(place[axis]) * to.spacing[axis] / self.spacing[axis];
                (base[axis], part[axis]) = (x.floor() as i32, x - x.floor());
            }
            let (mut sums, mut all) = ([0.0; SIDES], 0.0);
            for corner in 0..1 << d {
                let (mut p, mut share) = (base, 1.0);
                for axis in 0..d {
                    let up = corner >> axis & 1;
                    p[axis] += up;
                    share *= if up == 1 { part[axis] } else { 1.0 - part[axis] };
                }
                if share > 0.0
                    && let Some(node) = self.node(p)
                {
                    all += share;
                    sums.iter_mut().zip(functions[node as usize]).for_each(|(s, f)| *s += share * f);
                }
            }
            // Where no corner is inside hardly any weight is.
            sums.map(|s| if all > 0.0 { s / all } else { 0.0 })
        };
        to.places.iter().map(at).collect()
    }

    /// What elimination joins.
    fn pattern(&self, entries: usize) -> Result<Pattern> {
        let neighbours = |k: usize| self.later(k).iter().map(|(i, _)| *i);
        let pattern = Pattern::new(&self.order, neighbours, entries);
        pattern.ok_or_else(|| Error::Numerics("the factorisation is too large".into()))
    }

    /// The generator's factors, with this mean of weights on the edges.
    fn factors<'a>(&self, pattern: &'a Pattern, mean: Mean, temperature: f64) -> Result<Factors<'a>> {
        let scale = self.spacing.map(|h| temperature / (h * h));
        let joined = |i: usize| {
            self.later(i).iter().map(move |&(j, axis)| {
                let to = j as usize;
                let weight = self.roots[i] * self.roots[to] * mean.factor(self.levels[i], self.levels[to]);
                (j, scale[axis as usize] * weight)
            })
        };
        let factors = Factors::new(pattern, joined);
        factors.ok_or_else(|| {
            Error::Numerics(
                "the wells are not joined below the domain's edge, or by weights that vanish: are critical points missing?"
                    .into(),
            )
        })
    }

    /// The smallest eigenvalues above zero, and their functions; from those of another grid, if there are any, and as many as there.
    fn smallest(
        &self,
        pattern: &Pattern,
        mean: Mean,
        domain: &Domain<'_>,
        coarser: Option<(&Grid, &Modes)>,
    ) -> Result<Modes> {
        let factors = &self.factors(pattern, mean, domain.temperature)?;
        let root = &self.roots;
        // One function at least is no potential: what is slow without leading from well to well may be in none of them.
        let sources = &self.minima[..self.minima.len().min(SIDES - 1)];
        let (start, wanted) = match coarser {
            Some((grid, modes)) => {
                (grid.interpolate(&modes.functions, self, domain.landscape.dim()), modes.values.len())
            }
            // Potentials of a current from each minimum to the ground are nearly constant on each well. Others along with them cost
            // nothing, and what is asked for settles sooner.
            None => {
                let current = |i: usize, j: usize| match sources.get(j) {
                    Some(source) => f64::from(u8::from(*source == i)),
                    None => root[i] * root[i] * noise(i * SIDES + j),
                };
                let mut block: Vec<Sides> =
                    (0..root.len()).map(|i| std::array::from_fn(|j| current(i, j))).collect();
                factors.solve(&mut block);
                (block, self.minima.len().clamp(1, SIDES))
            }
        };
        smallest(factors, root, start, wanted)
    }
}

/// A number between -1 and 1 that follows no pattern.
fn noise(k: usize) -> f64 {
    let mixed = (k as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// The gap on one grid: spacing and cut in units of [`Options`]. For comparisons; [`spectral_gap`] has the answer.
///
/// # Errors
/// As of [`spectral_gap`].
pub fn gap_on_one(domain: &Domain<'_>, spacing: f64, cut: f64, mean: Mean, options: &Options) -> Result<f64> {
    sequential();
    let h = spacing * (domain.temperature / domain.curvature).sqrt();
    let grid = Grid::new(domain, h, cut, options.most(domain), &Control::quiet())?;
    Ok(grid.smallest(&grid.pattern(options.entries)?, mean, domain, None)?.values[0])
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
    let finer = |level: i32| first / factor.powi(level);
    let laid = |(spacing, cut): (f64, f64)| {
        let grid = Grid::new(domain, spacing, cut, options.most(domain), control)?;
        let pattern = grid.pattern(options.entries)?;
        Ok((grid, pattern))
    };
    let sizes =
        [(first, options.cut), (finer(1), options.cut), (finer(2), options.cut), (first, options.cut + 5.0)];
    // Of several errors the first one, whatever the threads.
    let grids: Vec<Result<_>> = sizes.into_par_iter().map(laid).collect();
    let grids = grids.into_iter().collect::<Result<Vec<_>>>()?;
    let on = |mean, which: &[usize]| -> Vec<_> {
        which.iter().map(|&k| (mean, &grids[k].0, &grids[k].1)).collect()
    };
    let (all, others) = rayon::join(
        || in_turn(domain, &on(Mean::Geometric, &[0, 1, 2]), control),
        || {
            let other = on(Mean::ScharfetterGummel, &[0, 1]);
            in_turn(domain, &[on(Mean::Geometric, &[3]), other].concat(), control)
        },
    );
    let (all, others) = (all?, others?);
    let ([coarse, middle, fine], [wide, coarse_other, middle_other]) = (all.as_slice(), others.as_slice())
    else {
        return fell_short("stopped");
    };
    let unknowns = grids[2].0.levels.len();
    let count = all.iter().chain(&others).map(Vec::len).min().unwrap_or(0);
    let eigenvalue = |k: usize| {
        let domain_error = (wide[k] - coarse[k]).abs();
        let (value, spread) =
            extrapolate([coarse[k], middle[k], fine[k]], [coarse_other[k], middle_other[k]], factor);
        let (lost, settled) = if k > 0 { (LOST * value / fine[0], SETTLED) } else { (0.0, GAP_SETTLED) };
        let error = spread + domain_error + (EXAGGERATED * settled + lost) * value;
        Eigenvalue { value, error, unknowns }
    };
    let all = (0..count).map(eigenvalue);
    Ok(all.enumerate().take_while(|(k, e)| *k == 0 || e.error < 0.1 * e.value).map(|(_, e)| e).collect())
}

/// The smallest eigenvalues on some grids, each begun from what was found on the one before.
fn in_turn(
    domain: &Domain<'_>,
    steps: &[(Mean, &Grid, &Pattern)],
    control: &Control<'_>,
) -> Result<Vec<Vec<f64>>> {
    let mut found: Vec<Vec<f64>> = vec![];
    let mut before: Option<(&Grid, Modes)> = None;
    for &(mean, grid, pattern) in steps {
        let modes =
            grid.smallest(pattern, mean, domain, before.as_ref().map(|(grid, modes)| (*grid, modes)))?;
        found.push(modes.values.clone());
        before = Some((grid, modes));
        if control.stopped() {
            return fell_short("stopped");
        }
    }
    Ok(found)
}

/// Is a change to the one before, on a grid that is coarser by `factor`, as that of something of order two?
fn is_of_order_two(before: f64, after: f64, factor: f64) -> bool {
    (1.6..2.4).contains(&((before / after).ln() / factor.ln()))
}

/// From values with one mean of weights on three grids, each finer by `factor`, and with another one on the two coarser of them: the best
/// value, and an estimate of its error.
fn extrapolate([a, b, c]: [f64; 3], [a_other, b_other]: [f64; 2], factor: f64) -> (f64, f64) {
    if !is_of_order_two(a - b, b - c, factor) {
        // Not the order of the method: no extrapolation, and the whole change on the way as the error.
        return (c, (a - c).abs() + (b_other - b).abs());
    }
    let gain = factor * factor - 1.0;
    let (coarse, fine) = (b + (b - a) / gain, c + (c - b) / gain);
    let apart = b_other + (b_other - a_other) / gain - coarse;
    // The means are compared where both were taken; as both then err by h^4, on the finest grid they differ by less.
    let apart =
        if is_of_order_two(a_other - a, b_other - b, factor) { apart / factor.powi(4) } else { apart };
    (fine + 0.5 * apart, (fine - coarse).abs() + apart.abs())
}
