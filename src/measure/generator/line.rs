//! The generator in one dimension: its gap, and mean first passage times.
//!
//! In: a landscape on the line or with a period, its critical points, a temperature. The line is cut into panels of 24 nodes
//! (Gauss and Legendre) on which `exp(-E/eps)` and its inverse are resolved to rounding.
//!
//! `-(eps rho v')' = rho u` with `rho = exp(-E/eps)` says `eps rho v' = -int rho u` from the left end up to here, which is
//! the integral from here to the right end: the one behind which less lies is taken. Two integrations so invert the
//! generator on functions without mean, and inverse iteration gives the gap as `int rho u^2 / int flux^2/(eps rho)`, a
//! quotient of sums of positive terms; of a few functions together, with Ritz values, the next eigenvalues, too. Mean first passage times are the double integral of C. W. Gardiner, Handbook of
//! Stochastic Methods, section 5.2.7.

use super::super::legendre;
use super::super::quadrature::rule::gauss;
use super::{Eigenvalue, LOST};
use crate::error::{Error, Result, shown};
use crate::landscape::Landscape;
use crate::linalg::{axpy, dot, symmetric_eigen};
use faer::Mat;

/// Nodes of a panel.
const NODES: usize = 24;
/// The line ends where the energy lies this many temperatures above the highest saddle.
const TAIL: f64 = 45.0;
/// Temperatures between the lowest and the highest energy that a double can hold as a quotient of densities.
const WIDEST: f64 = 680.0;
/// Steps on the way to an end of the line.
const STEPS: usize = 400;
/// Panels at most.
const PANELS: usize = 1 << 16;
/// Iterations of the inverse at most.
const ITERATIONS: usize = 400;
/// Functions that are iterated beyond those asked for.
const SPARE: usize = 2;

/// Gauss and Legendre's rule on [-1, 1] and integrals up to each node.
struct Rule {
    nodes: [f64; NODES],
    weights: [f64; NODES],
    /// `up_to[i][j]`: weight of node j in the integral from -1 to node i.
    up_to: Vec<[f64; NODES]>,
    /// `coefficient[k][j]`: weight of node j in the Legendre coefficient k.
    coefficient: Vec<[f64; NODES]>,
}

impl Rule {
    fn new() -> Rule {
        let rule = gauss(NODES);
        let nodes: [f64; NODES] = std::array::from_fn(|i| rule[i].0);
        let weights: [f64; NODES] = std::array::from_fn(|i| rule[i].1);
        let values: Vec<Vec<f64>> = nodes.iter().map(|x| legendre::polynomials(*x, NODES)).collect();
        let coefficient: Vec<[f64; NODES]> = (0..NODES)
            .map(|k| std::array::from_fn(|j| (k as f64 + 0.5) * weights[j] * values[j][k]))
            .collect();
        let up_to = (0..NODES)
            .map(|i| {
                std::array::from_fn(|j| {
                    let below = coefficient[0][j] * (1.0 + nodes[i]);
                    let term = |k: usize| {
                        coefficient[k][j] * (values[i][k + 1] - values[i][k - 1]) / (2 * k + 1) as f64
                    };
                    below + (1..NODES).map(term).sum::<f64>()
                })
            })
            .collect();
        Rule { nodes, weights, up_to, coefficient }
    }

    /// Does a polynomial through these values say all there is, to rounding?
    fn resolves(&self, values: &[f64]) -> bool {
        let size = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        (NODES - 3..NODES).all(|k| dot(&self.coefficient[k], values).abs() <= 1e-12 * size)
    }

    /// Integrals over a panel of half width `half` from its left end up to each node, and over all of it.
    fn integrals(&self, half: f64, values: &[f64]) -> ([f64; NODES], f64) {
        (std::array::from_fn(|i| half * dot(&self.up_to[i], values)), half * dot(&self.weights, values))
    }

    /// Integrals from each node to the right end.
    fn integrals_back(&self, half: f64, values: &[f64]) -> [f64; NODES] {
        // The rule's mirror image: the same weights, so nothing is subtracted.
        std::array::from_fn(|i| {
            let row = &self.up_to[NODES - 1 - i];
            half * (0..NODES).map(|j| row[NODES - 1 - j] * values[j]).sum::<f64>()
        })
    }
}

/// A piece of the line with the densities at its nodes.
struct Panel {
    left: f64,
    half: f64,
    /// `exp(-E/eps)` and its inverse, energies counted from the lowest.
    rho: [f64; NODES],
    inverse: [f64; NODES],
}

/// A one-dimensional landscape at a temperature, in panels.
pub struct Line {
    rule: Rule,
    panels: Vec<Panel>,
    temperature: f64,
    circle: bool,
}

/// Values at all nodes.
type Values = Vec<[f64; NODES]>;

impl Line {
    /// Cuts the line into panels on which the energy changes by `change` temperatures at most; about 3 is right. `points` are
    /// the critical points that are known, all minima and maxima between which something happens; they become ends of panels.
    /// Where the landscape has a period, the line is one turn that begins at the highest point.
    ///
    /// # Errors
    /// If the landscape is not one-dimensional, does not confine, or spans more than doubles can hold.
    pub fn new(landscape: &dyn Landscape, points: &[f64], temperature: f64, change: f64) -> Result<Line> {
        let fell_short = |message: String| Err(Error::Numerics(message));
        if landscape.dim() != 1 || !landscape.has_energy() || points.is_empty() {
            return Err(Error::input("the line needs an energy in one dimension and a critical point of it"));
        }
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(Error::input(format!("a temperature must be positive, not {}", shown(temperature))));
        }
        let energy = |x: f64| landscape.energy(&[x]);
        let mut ends: Vec<f64> = points.to_vec();
        ends.sort_by(f64::total_cmp);
        let period = landscape.period().first().copied().flatten();
        let first = ends[0];
        if let Some(period) = period {
            let top = (0..4000)
                .map(|k| first + period * k as f64 / 4000.0)
                .max_by(|a, b| energy(*a).total_cmp(&energy(*b)))
                .unwrap_or(first);
            ends.iter_mut().for_each(|x| *x = top + (*x - top).rem_euclid(period));
            ends.extend([top, top + period]);
        } else {
            let high = ends.iter().map(|x| energy(*x)).fold(f64::NEG_INFINITY, f64::max);
            let far = ends[ends.len() - 1];
            for (start, sign) in [(first, -1.0), (far, 1.0)] {
                let mut step = 0.1 * temperature.sqrt() * (1.0 + (far - first)).min(1.0);
                let mut x = start;
                let mut done = false;
                for _ in 0..STEPS {
                    x += sign * step;
                    step *= 1.1;
                    let e = energy(x);
                    if !e.is_finite() {
                        break;
                    }
                    if e > high + TAIL * temperature {
                        done = true;
                        break;
                    }
                }
                if !done {
                    return fell_short(format!(
                        "the energy does not rise {TAIL} temperatures above its saddles on the way to x = {}: no invariant \
                         measure can be told",
                        shown(x)
                    ));
                }
                ends.push(x);
            }
        }
        ends.sort_by(f64::total_cmp);
        ends.dedup_by(|a, b| (*a - *b).abs() <= 1e-13 * (1.0 + b.abs()));
        let lowest = ends.iter().map(|x| energy(*x)).fold(f64::INFINITY, f64::min);
        let rule = Rule::new();
        let mut waiting: Vec<(f64, f64)> = ends.windows(2).map(|w| (w[0], w[1])).collect();
        waiting.reverse();
        let mut panels: Vec<Panel> = vec![];
        while let Some((left, right)) = waiting.pop() {
            let (half, middle) = (0.5 * (right - left), 0.5 * (left + right));
            let level: [f64; NODES] =
                std::array::from_fn(|i| (energy(middle + half * rule.nodes[i]) - lowest) / temperature);
            let (low, high) =
                level.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), e| (a.min(*e), b.max(*e)));
            if !(high < WIDEST && low > -WIDEST) {
                return fell_short(format!(
                    "energies span more than {WIDEST} temperatures: the gap is too small for a number"
                ));
            }
            let (rho, inverse) = (level.map(|e| (-e).exp()), level.map(f64::exp));
            let fine = high - low <= change && rule.resolves(&rho) && rule.resolves(&inverse);
            if !fine && half > 1e-9 * (1.0 + middle.abs()) {
                waiting.extend([(middle, right), (left, middle)]);
                if waiting.len() + panels.len() > PANELS {
                    return fell_short("the energy is too rough to be integrated".into());
                }
                continue;
            }
            panels.push(Panel { left, half, rho, inverse });
        }
        Ok(Line { rule, panels, temperature, circle: period.is_some() })
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.panels.len() * NODES
    }

    /// `int f`, with `f` given at the nodes.
    fn total(&self, f: &Values) -> f64 {
        self.panels.iter().zip(f).map(|(p, f)| p.half * dot(&self.rule.weights, f)).sum()
    }

    /// Integrals up to each node from the left end of the panel `from`, negative to its left.
    fn antiderivative(&self, f: &Values, from: usize) -> Values {
        let mut all = vec![[0.0; NODES]; f.len()];
        let mut so_far = 0.0;
        for k in from..f.len() {
            let (inside, whole) = self.rule.integrals(self.panels[k].half, &f[k]);
            all[k] = inside.map(|v| so_far + v);
            so_far += whole;
        }
        so_far = 0.0;
        for k in (0..from).rev() {
            let half = self.panels[k].half;
            all[k] = self.rule.integrals_back(half, &f[k]).map(|v| -(so_far + v));
            so_far += half * dot(&self.rule.weights, &f[k]);
        }
        all
    }

    /// What `f` takes from one value at each node.
    fn combine(&self, f: impl Fn(&Panel, usize, usize) -> f64) -> Values {
        self.panels.iter().enumerate().map(|(k, p)| std::array::from_fn(|i| f(p, k, i))).collect()
    }

    /// `-int rho u` from the left end: for u without mean, from the end behind which less lies.
    fn flux(&self, u: &Values) -> Values {
        let load = self.combine(|p, k, i| p.rho[i] * u[k][i]);
        let size = self.combine(|_, k, i| load[k][i].abs());
        let (left, right) = (self.antiderivative(&load, 0), self.antiderivative(&load, load.len()));
        let (from_left, from_right) = (self.antiderivative(&size, 0), self.antiderivative(&size, size.len()));
        // The antiderivative from the right end is minus what lies to the right.
        self.combine(|_, k, i| if from_left[k][i] <= -from_right[k][i] { -left[k][i] } else { -right[k][i] })
    }

    /// Gram and Schmidt's process, twice over; what vanishes is dropped.
    fn orthonormalize(&self, block: &mut Vec<Values>) {
        let mut done: Vec<Values> = vec![];
        for mut u in block.drain(..) {
            let before = self.inner(&u, &u).sqrt();
            u.as_flattened_mut().iter_mut().for_each(|x| *x /= before);
            for _ in 0..2 {
                for other in &done {
                    let along = self.inner(&u, other);
                    axpy(-along, other.as_flattened(), u.as_flattened_mut());
                }
            }
            let size = self.inner(&u, &u).sqrt();
            if size > 1e-12 && size.is_finite() {
                u.as_flattened_mut().iter_mut().for_each(|x| *x /= size);
                done.push(u);
            }
        }
        *block = done;
    }

    /// `int rho u v`.
    fn inner(&self, u: &Values, v: &Values) -> f64 {
        self.total(&self.combine(|p, k, i| p.rho[i] * u[k][i] * v[k][i]))
    }

    /// What the inverse of the generator makes of a function without mean, up to a constant, and its flux.
    fn invert(&self, u: &Values, anchor: usize) -> (Values, Values) {
        let mut flux = self.flux(u);
        if self.circle {
            // The image comes back to itself around the circle.
            let around = self.total(&self.combine(|p, k, i| flux[k][i] * p.inverse[i]));
            let constant = around / self.total(&self.combine(|p, _, i| p.inverse[i]));
            flux.iter_mut().flatten().for_each(|f| *f -= constant);
        }
        let slope = self.combine(|p, k, i| flux[k][i] * p.inverse[i] / self.temperature);
        (self.antiderivative(&slope, anchor), flux)
    }

    /// The smallest eigenvalues above zero on these panels, ascending, up to `count` of them, and what the iteration has left of
    /// error in each: inverse iteration on a few functions more, with Ritz values.
    fn eigenvalues(&self, count: usize) -> Result<Vec<(f64, f64)>> {
        let mass = self.total(&self.combine(|p, _, i| p.rho[i]));
        let without_mean = |u: &mut Values| {
            let mean = self.total(&self.combine(|p, k, i| p.rho[i] * u[k][i])) / mass;
            u.iter_mut().flatten().for_each(|u| *u -= mean);
        };
        // Where the density is largest functions are zero until their mean is taken off: what is small there stays exact.
        let anchor = (0..self.panels.len())
            .max_by(|&a, &b| self.panels[a].rho[0].total_cmp(&self.panels[b].rho[0]))
            .unwrap_or(0);
        let left = self.panels[0].left;
        let width = self.panels.iter().map(|p| 2.0 * p.half).sum::<f64>();
        let start = |number: usize| {
            self.combine(|p, _, i| {
                let t = (p.left + p.half * (1.0 + self.rule.nodes[i]) - left) / width;
                t.powi(number as i32 + 1) + 0.3 * t.powi(number as i32 + 2)
            })
        };
        let mut block: Vec<Values> = (0..count + SPARE).map(start).collect();
        block.iter_mut().for_each(&without_mean);
        let mut values: Vec<f64> = vec![];
        let mut changes: Vec<[f64; 2]> = vec![];
        for _ in 0..ITERATIONS {
            self.orthonormalize(&mut block);
            let (images, fluxes): (Vec<Values>, Vec<Values>) =
                block.iter().map(|u| self.invert(u, anchor)).unzip();
            let p = block.len();
            // Sums of products of fluxes: on the diagonal of positive terms.
            let energy = |i: usize, j: usize| {
                let product =
                    |q: &Panel, k: usize, n: usize| fluxes[i][k][n] * fluxes[j][k][n] * q.inverse[n];
                self.total(&self.combine(product)) / self.temperature
            };
            let mut ritz = Mat::zeros(p, p);
            for i in 0..p {
                for j in 0..=i {
                    let e = energy(i, j);
                    (ritz[(i, j)], ritz[(j, i)]) = (e, e);
                }
            }
            let (mut inverse, mut vectors) = (vec![0.0; p], Mat::zeros(p, p));
            if p == 0 || !symmetric_eigen(ritz.as_ref(), &mut inverse, vectors.as_mut()) {
                break;
            }
            let found: Vec<f64> = inverse.iter().rev().take_while(|v| **v > 0.0).map(|v| 1.0 / v).collect();
            if found.first().is_none_or(|first| !first.is_finite()) {
                break;
            }
            block = (0..p)
                .rev()
                .map(|k| self.combine(|_, q, i| (0..p).map(|j| vectors[(j, k)] * images[j][q][i]).sum()))
                .collect();
            block.iter_mut().for_each(&without_mean);
            let change = |k: usize| match values.get(k) {
                Some(before) => (found[k] - before).abs(),
                None => f64::INFINITY,
            };
            changes = (0..found.len())
                .map(|k| [changes.get(k).map_or(f64::INFINITY, |c| c[1]), change(k)])
                .collect();
            values = found;
            // What comes back along the functions before is rounding, and bounds what can be reached.
            let reach = |k: usize| (1e-16 * values[k] / values[0]).max(4e-15) * values[k];
            if (0..values.len().min(count)).all(|k| changes[k][1] <= reach(k)) {
                break;
            }
        }
        if values.is_empty() {
            return Err(Error::Numerics("the inverse iteration for the gap came to no number".into()));
        }
        // Changes fall by a constant factor: what is left is the rest of that series.
        let left = |[before, last]: [f64; 2]| match before > last {
            true if before.is_finite() => last * last / (before - last),
            _ => last,
        };
        Ok(values.into_iter().zip(changes).take(count).map(|(v, c)| (v, left(c))).collect())
    }

    /// Mean time from `from` until `to` is first reached; both among the points given to [`Line::new`]. `None` on a circle, or
    /// if they are not.
    pub fn passage_time(&self, from: f64, to: f64) -> Option<f64> {
        if self.circle {
            return None;
        }
        let place = |x: f64| {
            let at = |k: usize| (self.panels[k].left - x).abs() <= 1e-9 * (1.0 + x.abs());
            (0..self.panels.len()).find(|&k| at(k))
        };
        let (a, b) = (place(from)?, place(to)?);
        let rho = self.combine(|p, _, i| p.rho[i]);
        let behind = if a <= b {
            self.antiderivative(&rho, 0)
        } else {
            let back = self.antiderivative(&rho, rho.len());
            back.into_iter().map(|v| v.map(|v| -v)).collect()
        };
        let integrand = self.combine(|p, k, i| behind[k][i] * p.inverse[i] / self.temperature);
        let parts =
            (a.min(b)..a.max(b)).map(|k| self.panels[k].half * dot(&self.rule.weights, &integrand[k]));
        Some(parts.sum())
    }

    /// `int exp(-E/eps)`, energies counted from the lowest point that was given.
    pub fn mass(&self) -> f64 {
        self.total(&self.combine(|p, _, i| p.rho[i]))
    }
}

/// The spectral gap of a one-dimensional landscape; `points` as for [`Line::new`]. The error is what halving the panels
/// changes, and what the iteration has left.
///
/// # Errors
/// As of [`Line::new`].
pub fn spectral_gap(landscape: &dyn Landscape, points: &[f64], temperature: f64) -> Result<Eigenvalue> {
    let first = spectrum(landscape, points, temperature, 1)?.into_iter().next();
    first.ok_or_else(|| Error::Numerics("there is no gap".into()))
}

/// The smallest eigenvalues above zero, ascending, up to `count` of them. Each is orthogonal to those before it, which costs
/// digits where it is many orders of magnitude larger: the error says how many, and one without digits is left out.
///
/// # Errors
/// As of [`Line::new`].
pub fn spectrum(
    landscape: &dyn Landscape,
    points: &[f64],
    temperature: f64,
    count: usize,
) -> Result<Vec<Eigenvalue>> {
    let coarse = Line::new(landscape, points, temperature, 3.0)?.eigenvalues(count)?;
    let line = Line::new(landscape, points, temperature, 1.5)?;
    let values = line.eigenvalues(count)?;
    let first = values.first().map_or(1.0, |v| v.0);
    let all = values.iter().zip(coarse).enumerate().map(|(k, (&(value, left), coarse))| {
        let lost = if k > 0 { LOST * value / first } else { 0.0 };
        let error = (value - coarse.0).abs() + left + coarse.1 + (1e-13 + lost) * value;
        Eigenvalue { value, error, unknowns: line.nodes() }
    });
    Ok(all.take_while(|e| e.error < 0.1 * e.value).collect())
}
