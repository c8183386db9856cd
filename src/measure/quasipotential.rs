//! What the energy is for a gradient: the quasipotential of a drift, between its attractors.
//!
//! In: a drift b (a [`Dynamics`], a gradient among them), its equilibria and graph. Out: for each attractor and each saddle of
//! its basin's boundary the least action of a path from one to the other, the exponents of the invariant law and of the small
//! eigenvalues, and the hierarchy of cycles.
//!
//! Convention: `dX = b dt + sqrt(2 eps) dW`, action `(1/4) int |x' - b|^2 dt`, probabilities like `exp(-V/eps)`; for
//! `b = -grad E` the least action over a pass is the barrier. With `sqrt(eps) dW` and `(1/2) int |x' - b|^2` every action is
//! twice as large.
//!
//! The least action over all times is geometric, `(1/2) int (|b| |phi'| - b . phi') ds` (M. Heymann, E. Vanden-Eijnden, The
//! geometric minimum action method, Comm. Pure Appl. Math. 61, 2008). The path is Ritz's: the straight line, plus `s (1 - s)`
//! times Legendre polynomials with coefficients to be found (L. Kikuchi, R. Singh, M. E. Cates, R. Adhikari, Ritz methods for
//! minimizing the Onsager-Machlup action, Phys. Rev. Research 2, 2020), with the exact gradient and the quasi-Newton method of
//! Broyden, Fletcher, Goldfarb and Shanno. From saddles on the drift does the rest at no cost.
//!
//! Only point attractors and saddles of index 1 are seen. Where a basin's boundary holds a limit cycle, the action over it is
//! not among those compared.

use faer::{Mat, MatMut};
use rayon::prelude::*;

use super::basins::{self, Basins, basins};
use super::quadrature::rule::gauss;
use super::{arborescence, legendre};
use crate::connection::{Loose, MorseGraph};
use crate::control::Control;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::landscape::{Dynamics, Landscape};
use crate::linalg::{Symmetric, axpy, dot, norm};

/// How paths are sought.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Polynomials that a path may have at most.
    pub modes: usize,
    /// Nodes of the quadrature along it.
    pub nodes: usize,
    /// A path is good when more polynomials change its action by less than this, relative to it.
    pub tolerance: f64,
    /// Iterations at most for one number of polynomials.
    pub iterations: usize,
    /// Orbits from anywhere in the region that look for what attracts besides points.
    pub orbits: usize,
    /// Seed of where they start.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { modes: 32, nodes: 160, tolerance: 1e-12, iterations: 600, orbits: 64, seed: 0 }
    }
}

/// A path of least action.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Its action.
    pub action: f64,
    /// What the last polynomials changed, and what a finer quadrature does: an estimate of the error.
    pub error: f64,
    /// Polynomials used.
    pub modes: usize,
    /// Points along it, first and last included.
    pub points: Vec<Vec<f64>>,
}

/// The way from an attractor out of its basin over a saddle.
#[derive(Clone, Debug, PartialEq)]
pub struct Escape {
    /// Id of the attractor.
    pub from: usize,
    /// Id of the saddle.
    pub saddle: usize,
    /// Id of the attractor on the other side.
    pub to: usize,
    /// The path to the saddle.
    pub path: Path,
}

/// The quasipotential between attractors and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Quasipotential {
    /// Ids of the attractors; what follows is in their order.
    pub attractors: Vec<usize>,
    /// Escapes, two a saddle.
    pub escapes: Vec<Escape>,
    /// The invariant law weighs attractor i like `exp(-law[i]/eps)`; empty if they are not all joined, or if something else
    /// attracts, too (then what follows is empty as well).
    pub law: Vec<f64>,
    /// Exponents of the small eigenvalues besides 0, descending.
    pub exponents: Vec<f64>,
    /// Which attractors hang together at which times; states are places in `attractors`.
    pub cycles: Vec<arborescence::Cycle>,
    /// What puts the whole in doubt, as sentences.
    pub doubts: Vec<String>,
}

/// `-grad E` as a drift.
struct Descent<'a>(&'a dyn Landscape);

impl Dynamics for Descent<'_> {
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
        let energy = self.0.gradient(x, velocity);
        velocity.iter_mut().for_each(|v| *v = -*v);
        energy
    }

    fn jacobian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        self.0.hessian(x, out.as_mut());
        for j in 0..x.len() {
            for i in 0..x.len() {
                out[(i, j)] = -out[(i, j)];
            }
        }
    }
}

/// Values of `s (1 - s) P_k(2s - 1)` and their derivatives at a quadrature's nodes on [0, 1].
struct Basis {
    weights: Vec<f64>,
    nodes: Vec<f64>,
    values: Vec<Vec<f64>>,
    slopes: Vec<Vec<f64>>,
}

impl Basis {
    fn new(nodes: usize, modes: usize) -> Basis {
        let (x, w): (Vec<f64>, Vec<f64>) = gauss(nodes).into_iter().unzip();
        let (mut values, mut slopes) = (vec![], vec![]);
        for &x in &x {
            let p = legendre::polynomials(x, modes.max(1));
            // (1 - x^2) P_k' = k (P_(k-1) - x P_k)
            let rate = |k: usize| match k {
                0 => 0.0,
                k => k as f64 * (p[k - 1] - x * p[k]) / (1.0 - x * x),
            };
            let s = 0.5 * (1.0 + x);
            values.push((0..modes).map(|k| s * (1.0 - s) * p[k]).collect());
            slopes.push((0..modes).map(|k| (1.0 - 2.0 * s) * p[k] + 2.0 * s * (1.0 - s) * rate(k)).collect());
        }
        let weights = w.iter().map(|w| 0.5 * w).collect();
        Basis { weights, nodes: x.iter().map(|x| 0.5 * (1.0 + x)).collect(), values, slopes }
    }
}

/// The action of paths between two points, as a function of coefficients (d numbers a polynomial).
struct Action<'a> {
    drift: &'a dyn Dynamics,
    from: &'a [f64],
    along: Vec<f64>,
}

impl Action<'_> {
    fn point(&self, s: f64, values: &[f64], c: &[f64]) -> Vec<f64> {
        let d = self.from.len();
        let mut x: Vec<f64> = self.from.iter().zip(&self.along).map(|(a, t)| a + s * t).collect();
        c.chunks_exact(d).zip(values).for_each(|(c, v)| axpy(*v, c, &mut x));
        x
    }

    /// The action and its gradient (written; nothing is, if the slice is empty).
    fn value(&self, basis: &Basis, c: &[f64], gradient: &mut [f64]) -> f64 {
        let d = self.from.len();
        let modes = c.len() / d;
        gradient.fill(0.0);
        let mut total = 0.0;
        let (mut b, mut jacobian) = (vec![0.0; d], Mat::zeros(d, d));
        for (q, &s) in basis.nodes.iter().enumerate() {
            let x = self.point(s, &basis.values[q], c);
            let mut speed = self.along.clone();
            c.chunks_exact(d).zip(&basis.slopes[q]).for_each(|(c, v)| axpy(*v, c, &mut speed));
            self.drift.velocity(&x, &mut b);
            let (size, length) = (norm(&b), norm(&speed));
            let w = 0.5 * basis.weights[q];
            total += w * (size * length - dot(&b, &speed));
            if gradient.is_empty() || size == 0.0 || length == 0.0 {
                continue;
            }
            self.drift.jacobian(&x, jacobian.as_mut());
            // J' ((|phi'|/|b|) b - phi'), and (|b|/|phi'|) phi' - b.
            let pull: Vec<f64> = (0..d).map(|i| length / size * b[i] - speed[i]).collect();
            let place: Vec<f64> =
                (0..d).map(|j| (0..d).map(|i| jacobian[(i, j)] * pull[i]).sum::<f64>()).collect();
            let push: Vec<f64> = (0..d).map(|i| size / length * speed[i] - b[i]).collect();
            for k in 0..modes {
                let g = &mut gradient[k * d..(k + 1) * d];
                axpy(w * basis.values[q][k], &place, g);
                axpy(w * basis.slopes[q][k], &push, g);
            }
        }
        total
    }

    /// Coefficients of the path nearest to a sequence of points, by the share of its length.
    fn fit(&self, basis: &Basis, modes: usize, points: &[Vec<f64>]) -> Option<Vec<f64>> {
        let d = self.from.len();
        let mut lengths = vec![0.0];
        for pair in points.windows(2) {
            let step: Vec<f64> = pair[0].iter().zip(&pair[1]).map(|(a, b)| b - a).collect();
            lengths.push(lengths[lengths.len() - 1] + norm(&step));
        }
        let whole = *lengths.last()?;
        if points.len() < 2 || !(whole > 0.0) {
            return None;
        }
        let at = |s: f64| -> Vec<f64> {
            let k = lengths.partition_point(|l| *l < s * whole).clamp(1, points.len() - 1);
            let t = (s * whole - lengths[k - 1]) / (lengths[k] - lengths[k - 1]).max(f64::MIN_POSITIVE);
            points[k - 1].iter().zip(&points[k]).map(|(a, b)| a + t * (b - a)).collect()
        };
        let normal = Mat::from_fn(modes, modes, |k, l| {
            basis.weights.iter().zip(&basis.values).map(|(w, v)| w * v[k] * v[l]).sum()
        });
        let factors = Symmetric::new(normal.as_ref())?;
        let away: Vec<Vec<f64>> = basis
            .nodes
            .iter()
            .map(|&s| {
                let line = self.point(s, &[], &[]);
                at(s).iter().zip(&line).map(|(x, l)| x - l).collect()
            })
            .collect();
        let mut c = vec![0.0; modes * d];
        for i in 0..d {
            let load = |k: usize| -> f64 {
                (0..away.len()).map(|q| basis.weights[q] * basis.values[q][k] * away[q][i]).sum()
            };
            let mut b: Vec<f64> = (0..modes).map(load).collect();
            factors.solve(&mut b);
            (0..modes).for_each(|k| c[k * d + i] = b[k]);
        }
        c.iter().all(|c| c.is_finite()).then_some(c)
    }

    /// Minimises from `c` on, in place, until three steps in a row gain less than `little` of the action; returns it.
    fn minimise(&self, basis: &Basis, c: &mut Vec<f64>, iterations: usize, little: f64) -> f64 {
        let n = c.len();
        let mut gradient = vec![0.0; n];
        let mut value = self.value(basis, c, &mut gradient);
        let mut inverse: Mat<f64> = Mat::identity(n, n);
        let mut fresh = true;
        let mut idle = 0;
        for _ in 0..iterations {
            let mut step: Vec<f64> =
                (0..n).map(|i| -(0..n).map(|j| inverse[(i, j)] * gradient[j]).sum::<f64>()).collect();
            let mut slope = dot(&step, &gradient);
            if !(slope < 0.0) {
                if fresh {
                    break;
                }
                (inverse, fresh) = (Mat::identity(n, n), true);
                step = gradient.iter().map(|g| -g).collect();
                slope = -dot(&gradient, &gradient);
            }
            if !(slope < -1e-30 * (1.0 + value.abs())) {
                break;
            }
            // Armijo's rule; the first step of all is no longer than the path.
            let longest = norm(&self.along).max(norm(c));
            let mut t = if fresh { (0.3 * longest / norm(&step)).min(1.0) } else { 1.0 };
            let mut next = None;
            for _ in 0..50 {
                let mut moved = c.clone();
                axpy(t, &step, &mut moved);
                let mut there = vec![0.0; n];
                let v = self.value(basis, &moved, &mut there);
                if v <= value + 1e-4 * t * slope && v.is_finite() {
                    next = Some((moved, v, there));
                    break;
                }
                t *= 0.4;
            }
            let Some((moved, v, there)) = next else {
                if fresh {
                    break;
                }
                (inverse, fresh) = (Mat::identity(n, n), true);
                continue;
            };
            let y: Vec<f64> = there.iter().zip(&gradient).map(|(a, b)| a - b).collect();
            let s: Vec<f64> = step.iter().map(|s| t * s).collect();
            let sy = dot(&s, &y);
            if sy > 1e-14 * norm(&s) * norm(&y) {
                if fresh {
                    let scale = sy / dot(&y, &y);
                    inverse = Mat::from_fn(n, n, |i, j| if i == j { scale } else { 0.0 });
                }
                let hy: Vec<f64> = (0..n).map(|i| (0..n).map(|j| inverse[(i, j)] * y[j]).sum()).collect();
                let factor = (1.0 + dot(&y, &hy) / sy) / sy;
                for j in 0..n {
                    for i in 0..n {
                        inverse[(i, j)] += factor * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
                    }
                }
                fresh = false;
            }
            let gained = value - v;
            (*c, value, gradient) = (moved, v, there);
            idle = if gained <= little * value.abs() { idle + 1 } else { 0 };
            if idle == 3 {
                break;
            }
        }
        value
    }
}

/// Numbers of polynomials that are tried one after the other.
const LADDER: [usize; 7] = [4, 8, 12, 16, 20, 26, 32];
/// How far first guesses are bent, over the distance of the ends.
const BEND: f64 = 0.3;
/// Directions in which they are.
const DIRECTIONS: usize = 2;
/// Nodes of the quadrature for first guesses.
const COARSE: usize = 48;
/// Steps that gain less than this end the search from a first guess, and the last one.
const ROUGHLY: f64 = 1e-6;
const FINELY: f64 = 1e-15;
/// Points of a path that are handed out.
const SHOWN: usize = 101;

/// The path of least action from `from` to `to`. Beside the straight line and lines bent to either side, the paths `guesses`
/// (sequences of points) are started from; the least action is taken.
///
/// # Errors
/// If no start leads to a number.
pub fn least_action(
    drift: &dyn Dynamics,
    from: &[f64],
    to: &[f64],
    guesses: &[Vec<Vec<f64>>],
    options: &Options,
) -> Result<Path> {
    let d = from.len();
    let along: Vec<f64> = from.iter().zip(to).map(|(a, b)| b - a).collect();
    let distance = norm(&along);
    if !(distance > 0.0 && distance.is_finite()) || options.modes == 0 || options.nodes == 0 {
        return Err(Error::input("a path needs two different ends, polynomials and nodes"));
    }
    let ladder: Vec<usize> =
        LADDER.iter().copied().filter(|m| *m < options.modes).chain([options.modes]).collect();
    let basis = Basis::new(options.nodes, options.modes);
    let action = Action { drift, from, along };
    let coarse = Basis::new(options.nodes.min(COARSE), options.modes);
    let first = ladder[0];
    let mut starts = vec![vec![0.0; first * d]];
    starts.extend(guesses.iter().filter_map(|g| action.fit(&basis, ladder[ladder.len().min(3) - 1], g)));
    // Unit vectors made orthogonal to the line, the first few that are not along it.
    let unit: Vec<f64> = action.along.iter().map(|a| a / distance).collect();
    let mut normals: Vec<Vec<f64>> = vec![];
    for i in 0..d {
        let mut e = vec![0.0; d];
        e[i] = 1.0;
        for other in normals.iter().chain([&unit]) {
            axpy(-dot(&e, other), &other.clone(), &mut e);
        }
        let size = norm(&e);
        if size > 0.3 && normals.len() < DIRECTIONS {
            normals.push(e.iter().map(|x| x / size).collect());
        }
    }
    for normal in &normals {
        for sign in [-1.0, 1.0] {
            let mut c = vec![0.0; first * d];
            axpy(4.0 * sign * BEND * distance, normal, &mut c[..d]);
            starts.push(c);
        }
    }
    let refined: Vec<(f64, Vec<f64>)> = starts
        .into_par_iter()
        .map(|mut c| (action.minimise(&coarse, &mut c, options.iterations, ROUGHLY), c))
        .collect();
    let best = refined.into_iter().filter(|r| r.0.is_finite()).min_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, mut c)) = best else {
        return Err(Error::Numerics("the drift is not a number along the paths that were tried".into()));
    };
    let mut value = action.minimise(&basis, &mut c, options.iterations, FINELY);
    let mut error = value.abs();
    for &modes in ladder.iter().filter(|m| **m * d > c.len()).collect::<Vec<_>>() {
        c.resize(modes * d, 0.0);
        let better = action.minimise(&basis, &mut c, options.iterations, FINELY);
        error = (value - better).abs();
        value = better;
        if error <= options.tolerance * value.abs() {
            break;
        }
    }
    let modes = c.len() / d;
    let finer = Basis::new(options.nodes + 37, modes);
    let check = action.value(&finer, &c, &mut []);
    let points = (0..SHOWN)
        .map(|k| {
            let s = k as f64 / (SHOWN - 1) as f64;
            let p = legendre::polynomials(2.0 * s - 1.0, modes.max(1));
            let values: Vec<f64> = (0..modes).map(|k| s * (1.0 - s) * p[k]).collect();
            action.point(s, &values, &c)
        })
        .collect();
    Ok(Path { action: check, error: error + (check - value).abs() + 1e-15 * check.abs(), modes, points })
}

/// The quasipotential between the attractors of a landscape's flow: of its own dynamics, or of `-grad E`.
///
/// # Errors
/// If there is no attractor, or an action is not a number.
pub fn quasipotential(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: &MorseGraph,
    options: &Options,
    control: &Control<'_>,
) -> Result<Quasipotential> {
    let descent = Descent(landscape);
    let drift: &dyn Dynamics = landscape.dynamics().unwrap_or(&descent);
    let attractors: Vec<usize> = (0..set.points.len()).filter(|&i| set.points[i].index == 0).collect();
    if attractors.is_empty() {
        return Err(Error::input("a quasipotential needs attractors; none is known"));
    }
    let mut ways = vec![];
    let mut doubts = vec![];
    for saddle in (0..set.points.len()).filter(|&i| set.points[i].index == 1) {
        let ends: Vec<_> = graph.connections.iter().filter(|c| c.from == saddle).collect();
        match ends[..] {
            [a, b] if a.to != b.to => ways.extend([(a, b.to), (b, a.to)]),
            [_, _] => {}
            _ => doubts
                .push(format!("saddle {saddle} does not lead to two attractors: no way over it is known")),
        }
    }
    let lost = graph.loose.iter().filter(|l| matches!(l, Loose::Exit { .. } | Loose::Lost { .. })).count();
    if lost > 0 {
        doubts.push(format!(
            "{lost} orbits leave the region or have no end that is known: there may be more attractors"
        ));
    }
    // Along a gradient nothing goes round.
    let field = landscape.dynamics().is_some() && !landscape.has_energy();
    let asked = basins::Options { orbits: options.orbits, seed: options.seed, ..Default::default() };
    let found = if field { basins(landscape, set, &asked, control) } else { Basins::default() };
    if found.lost > 0 {
        doubts.push(format!(
            "{} of {} orbits from anywhere in the region come to no end: something else than points attracts them, a limit cycle, \
             say, and its weight is not known",
            found.lost, found.orbits
        ));
    }
    if found.exits > 0 {
        doubts.push(format!(
            "{} of {} orbits from anywhere in the region leave it: what attracts them is not known, nor its weight",
            found.exits, found.orbits
        ));
    }
    let others = found.lost + found.exits > 0;
    let mut escapes = vec![];
    for (way, to) in ways {
        if control.stopped() {
            return Err(Error::Numerics("stopped".into()));
        }
        // Upwards along the orbit that comes down.
        let mut back: Vec<Vec<f64>> = way.orbit.points.clone();
        back.reverse();
        let (low, high) = (&set.points[way.to].x, &set.points[way.from].x);
        // Around a period the saddle is where the orbit finds it.
        let shift: Vec<f64> = match landscape.period().is_empty() {
            true => high.clone(),
            false => low.iter().zip(set.region.difference(low, high)).map(|(a, t)| a + t).collect(),
        };
        let guesses = if landscape.period().is_empty() { vec![back] } else { vec![] };
        let path = least_action(drift, low, &shift, &guesses, options)?;
        escapes.push(Escape { from: way.to, saddle: way.from, to, path });
    }
    let n = attractors.len();
    let place = |id: usize| attractors.binary_search(&id).ok();
    let mut costs = Mat::from_fn(n, n, |_, _| f64::INFINITY);
    for e in &escapes {
        if let (Some(a), Some(b)) = (place(e.from), place(e.to)) {
            costs[(a, b)] = e.path.action.min(costs[(a, b)]);
        }
    }
    if others {
        return Ok(Quasipotential {
            attractors,
            escapes,
            law: vec![],
            exponents: vec![],
            cycles: vec![],
            doubts,
        });
    }
    let law = arborescence::law(&costs).unwrap_or_default();
    if law.is_empty() {
        doubts.push("the attractors are not all joined by ways that are known".into());
    }
    let exponents = arborescence::exponents(&costs);
    let cycles = arborescence::cycles(&costs);
    Ok(Quasipotential { attractors, escapes, law, exponents, cycles, doubts })
}
