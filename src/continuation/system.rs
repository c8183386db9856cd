//! The equations in natural scales: `z = (x / state, q / parameter)`, with `q = p` or `ln p`.
//!
//! In: a family and scales. Out: gradient, Hessian, derivatives in the parameter and spectra at z. The
//! energy is taken as a function of the scaled state, so that all derivatives have its unit.

use std::rc::Rc;

use faer::Mat;

use super::{Options, Scales};
use crate::error::{Error, Result};
use crate::landscape::hessian::{DENSE, Hessian, layout};
use crate::landscape::{Family, parameter_names};
use crate::linalg::{Layout, axpy, dot, norm, orthonormalize, symmetric_eigen};

/// Eigenpairs nearest to zero that are kept.
const NEAR: usize = 8;

/// Pieces of the range in which the size of the Hessian is taken.
const CELLS: usize = 8;

/// Step of central differences, in natural scales.
const DIFFERENCE: f64 = 1e-4;

impl Scales {
    /// The parameter at a scaled coordinate.
    pub(super) fn parameter_at(&self, theta: f64) -> f64 {
        let q = theta * self.parameter;
        if self.logarithmic { q.exp() } else { q }
    }

    /// The scaled coordinate of a parameter.
    pub(super) fn theta(&self, parameter: f64) -> f64 {
        (if self.logarithmic { parameter.ln() } else { parameter }) / self.parameter
    }

    /// Scaled coordinates (length n + 1).
    pub(super) fn z(&self, parameter: f64, x: &[f64]) -> Vec<f64> {
        let mut z: Vec<f64> = x.iter().map(|x| x / self.state).collect();
        z.push(self.theta(parameter));
        z
    }

    /// The state of scaled coordinates.
    pub(super) fn x(&self, z: &[f64]) -> Vec<f64> {
        z[..z.len() - 1].iter().map(|x| x * self.state).collect()
    }
}

/// A family with scales and range.
pub(super) struct Problem<'a> {
    pub(super) family: &'a dyn Family,
    pub(super) name: &'a str,
    /// Number of the parameter among the family's.
    pub(super) place: usize,
    pub(super) scales: Scales,
    /// Range of the parameter, ascending.
    pub(super) range: [f64; 2],
    /// Where derivatives in the parameter jump, in it or at its ends.
    breaks: Vec<f64>,
    pub(super) options: &'a Options,
    /// The band that the Hessian fits in, if it does.
    layout: Option<Layout>,
    /// Size of the Hessian over the range, at the starting points' states and at data.
    sizes: Vec<f64>,
    /// No branch is followed beyond this distance from the origin of scaled states.
    pub(super) reach: f64,
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        family: &'a dyn Family,
        name: &'a str,
        starts: &[(f64, Vec<f64>)],
        options: &'a Options,
    ) -> Result<Self> {
        if !family.has_energy() {
            return Err(Error::input(
                "a field without an energy has no Morse index to follow along a parameter",
            ));
        }
        if !family.is_smooth() {
            return Err(Error::input(
                "the landscape is not smooth all over: its branches may end at kinks, which no continuation sees",
            ));
        }
        let Some(place) = family.parameter_place(name) else {
            let names = parameter_names(family).join(", ");
            return Err(Error::input(format!("there is no parameter `{name}`"))
                .with_help(format!("there are {names}")));
        };
        let range = [options.from.min(options.to), options.from.max(options.to)];
        if !(range[0] < range[1] && range.iter().all(|r| r.is_finite())) {
            return Err(Error::input("the parameter's range is empty: `from` and `to` have to differ"));
        }
        for end in range {
            family.with_parameter(name, end)?;
        }
        if let Some((_, x)) = starts.iter().find(|(_, x)| x.len() != family.dim()) {
            let (have, need) = (x.len(), family.dim());
            return Err(Error::input(format!(
                "a starting point has dimension {have}, the landscape has {need}"
            )));
        }
        let logarithmic = range[0] > 0.0 && range[1] > 10.0 * range[0];
        let parameter = if logarithmic { (range[1] / range[0]).ln() } else { range[1] - range[0] };
        let state = options.scale.unwrap_or_else(|| spread(family, starts, options));
        if !(state > 0.0 && state.is_finite()) {
            return Err(Error::input(format!("the scale of the state is {state}, it must be positive")));
        }
        let farthest = starts.iter().map(|(_, x)| norm(x) / state).fold(0.0, f64::max);
        let scales = Scales { state, parameter, logarithmic };
        let mut samples: Vec<Vec<f64>> =
            starts.iter().take(3).map(|(_, x)| x.iter().map(|x| x / state).collect()).collect();
        if let Some(data) = family.data() {
            samples.extend(data.col_iter().take(2).map(|c| c.iter().map(|x| x / state).collect()));
        }
        let breaks = family.breaks(place).into_iter().filter(|b| (range[0]..=range[1]).contains(b)).collect();
        let mut problem = Problem {
            family,
            name,
            place,
            scales,
            range,
            breaks,
            options,
            layout: layout(family),
            sizes: vec![],
            reach: 1e3 + 10.0 * farthest,
        };
        problem.measure(&samples);
        Ok(problem)
    }

    pub(super) fn dim(&self) -> usize {
        self.family.dim()
    }

    /// The landscape at a scaled parameter; a little outside of the range, too.
    pub(super) fn at(&self, theta: f64) -> Option<Slice<'_>> {
        self.at_parameter(self.scales.parameter_at(theta))
    }

    fn at_parameter(&self, p: f64) -> Option<Slice<'_>> {
        // An end of the range may be the last value that there is: rounding must not lead past it.
        let near = |end: &f64| (p - end).abs() <= 64.0 * f64::EPSILON * end.abs();
        let p = self.range.into_iter().find(near).unwrap_or(p);
        let family = self.family.with_parameter(self.name, p).ok()?;
        let slope = self.scales.parameter * if self.scales.logarithmic { p } else { 1.0 };
        let inner = match self.inwards(p) {
            Some(q) => Some(self.family.with_parameter(self.name, q).ok()?),
            None => None,
        };
        Some(Slice { problem: self, family, inner, slope })
    }

    /// A parameter within the range next to an end of it, where derivatives jump just there.
    fn inwards(&self, p: f64) -> Option<f64> {
        let at = self.breaks.iter().copied().find(|b| (p - b).abs() < beside(*b))?;
        match self.range {
            [low, _] if at == low => Some(at + beside(at)),
            [_, high] if at == high => Some(at - beside(at)),
            _ => None,
        }
    }

    /// The next place up or down from a scaled parameter at which derivatives jump, and its other side: no step leads across.
    pub(super) fn edge(&self, theta: f64, up: bool) -> Option<Edge> {
        let inner = self.breaks.iter().filter(|b| **b > self.range[0] && **b < self.range[1]);
        let mut sides = inner.map(|b| [b - beside(*b), b + beside(*b)].map(|p| self.scales.theta(p))).map(
            |[low, high]| {
                let slack = 0.25 * (high - low);
                match up {
                    true => {
                        (theta < high - slack, Edge { near: low, far: high, reached: theta >= low - slack })
                    }
                    false => {
                        (theta > low + slack, Edge { near: high, far: low, reached: theta <= high + slack })
                    }
                }
            },
        );
        let ahead = |(ahead, edge): (bool, Edge)| ahead.then_some(edge);
        if up { sides.find_map(ahead) } else { sides.rev().find_map(ahead) }
    }

    /// Size of the scaled Hessian away from events, where it may vanish as a whole.
    pub(super) fn size(&self, theta: f64) -> f64 {
        let [low, high] = self.range.map(|end| self.scales.theta(end));
        let cells = self.sizes.len() - 1;
        let cell = ((theta - low) / (high - low) * cells as f64).clamp(0.0, cells as f64);
        self.sizes[cell.floor() as usize].max(self.sizes[cell.ceil() as usize])
    }

    /// The size of the Hessian at some states, for [`Problem::size`].
    fn measure(&mut self, samples: &[Vec<f64>]) {
        let [low, high] = self.range.map(|end| self.scales.theta(end));
        self.sizes = (0..=CELLS)
            .map(|k| {
                let theta = low + (high - low) * k as f64 / CELLS as f64;
                let Some(slice) = self.at(theta) else { return 0.0 };
                let sizes = samples.iter().map(|x| {
                    let mut z = x.clone();
                    z.push(theta);
                    slice.hessian(&z).norm_max()
                });
                sizes.filter(|size| size.is_finite()).fold(0.0, f64::max)
            })
            .collect();
    }

    /// The point `z` moved by whole periods to where it is nearest to `to`.
    pub(super) fn nearest(&self, z: &[f64], to: &[f64]) -> Vec<f64> {
        let mut z = z.to_vec();
        for (i, period) in self.family.period().iter().enumerate() {
            if let Some(period) = period {
                let period = period / self.scales.state;
                z[i] -= period * ((z[i] - to[i]) / period).round();
            }
        }
        z
    }

    /// Is the parameter within its range?
    pub(super) fn inside(&self, theta: f64) -> bool {
        let p = self.scales.parameter_at(theta);
        p >= self.range[0] && p <= self.range[1]
    }
}

/// A place at which derivatives in the parameter jump, as scaled parameters.
pub(super) struct Edge {
    /// Just before it.
    pub(super) near: f64,
    /// Just behind it.
    pub(super) far: f64,
    /// Is one there already?
    pub(super) reached: bool,
}

/// How far beside a jump of derivatives these are taken: well above rounding, and below what Newton's method corrects.
fn beside(b: f64) -> f64 {
    1e-12 * b.abs().max(1.0)
}

/// How far the starting points, or the data, lie apart.
fn spread(family: &dyn Family, starts: &[(f64, Vec<f64>)], options: &Options) -> f64 {
    let root_mean_square = |points: Vec<Vec<f64>>| {
        let (n, k) = (family.dim(), points.len().max(1) as f64);
        let mean: Vec<f64> = (0..n).map(|i| points.iter().map(|x| x[i]).sum::<f64>() / k).collect();
        let square = |x: &Vec<f64>| x.iter().zip(&mean).map(|(x, m)| (x - m).powi(2)).sum::<f64>();
        (points.iter().map(square).sum::<f64>() / k).sqrt()
    };
    if let Some(data) = family.data() {
        let spread = root_mean_square(data.col_iter().map(|c| c.iter().copied().collect()).collect());
        if spread > 0.0 {
            return spread;
        }
    }
    if let Some(region) = options.region.clone().or_else(|| family.region()) {
        return 0.5 * region.radius();
    }
    let points: Vec<Vec<f64>> = starts.iter().map(|(_, x)| x.clone()).collect();
    let largest = points.iter().map(|x| norm(x)).fold(0.0, f64::max);
    let size = root_mean_square(points).max(0.5 * largest);
    if size > 0.0 { size } else { (family.dim() as f64).sqrt() }
}

/// The landscape at one value of the parameter, in scaled coordinates.
pub(super) struct Slice<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) family: Box<dyn Family>,
    /// The landscape from which derivatives in the parameter are taken, if not from this one.
    pub(super) inner: Option<Box<dyn Family>>,
    /// dp/dtheta.
    pub(super) slope: f64,
}

impl Slice<'_> {
    fn state(&self) -> f64 {
        self.problem.scales.state
    }

    fn raw(&self, z: &[f64]) -> Vec<f64> {
        self.problem.scales.x(z)
    }

    /// Energy and scaled gradient (length n).
    pub(super) fn gradient(&self, z: &[f64]) -> (f64, Vec<f64>) {
        let mut g = vec![0.0; self.problem.dim()];
        let energy = self.family.gradient(&self.raw(z), &mut g);
        g.iter_mut().for_each(|g| *g *= self.state());
        (energy, g)
    }

    /// Scaled Hessian (n x n).
    pub(super) fn hessian(&self, z: &[f64]) -> Rc<Hessian> {
        let layout = self.problem.layout.as_ref();
        Rc::new(Hessian::at(&*self.family, layout, &self.raw(z), self.state().powi(2)))
    }

    /// Scaled third derivative along `u` and `v` (length n each).
    pub(super) fn third(&self, z: &[f64], u: &[f64], v: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; u.len()];
        self.family.third(&self.raw(z), u, v, &mut out);
        let cube = self.state().powi(3);
        out.iter_mut().for_each(|t| *t *= cube);
        out
    }

    /// Derivative of the scaled gradient in theta (length n).
    pub(super) fn by_parameter(&self, z: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.problem.dim()];
        let family = self.inner.as_ref().unwrap_or(&self.family);
        family.gradient_by(self.problem.place, &self.raw(z), &mut out);
        let factor = self.state() * self.slope;
        out.iter_mut().for_each(|g| *g *= factor);
        out
    }

    /// Derivative of the Hessian in theta along `v`, by differences of [`Slice::by_parameter`].
    pub(super) fn hessian_by(&self, z: &[f64], v: &[f64]) -> Vec<f64> {
        let step = DIFFERENCE / norm(v).max(f64::MIN_POSITIVE);
        let moved = |s: f64| {
            let mut y = z.to_vec();
            y.iter_mut().zip(v).for_each(|(y, v)| *y += s * v);
            self.by_parameter(&y)
        };
        difference(&moved(step), &moved(-step), step)
    }

    /// Second derivative of the gradient in theta, by differences.
    pub(super) fn by_parameter_twice(&self, z: &[f64]) -> Vec<f64> {
        let theta = z[z.len() - 1];
        // Beside a jump of the derivatives they may vary at its distance squared.
        let p = self.problem.scales.parameter_at(theta);
        let nearest = self.problem.breaks.iter().map(|b| (p - b).abs()).fold(f64::INFINITY, f64::min);
        let step = DIFFERENCE.min(0.01 * nearest.min(nearest * nearest) / self.slope);
        if !(step > 0.0) {
            return vec![0.0; z.len() - 1];
        }
        let at = |s: f64| self.problem.at(theta + s).map(|slice| slice.by_parameter(z));
        match (at(step), at(-step)) {
            (Some(ahead), Some(behind)) => difference(&ahead, &behind, step),
            _ => vec![0.0; z.len() - 1],
        }
    }

    /// Fourth derivative along `u, v, w`, by differences of [`Slice::third`] along `w`.
    pub(super) fn fourth(&self, z: &[f64], u: &[f64], v: &[f64], w: &[f64]) -> Vec<f64> {
        let step = 1e-3 / norm(w).max(f64::MIN_POSITIVE);
        let slope = |step: f64| {
            let moved = |s: f64| {
                let mut y = z.to_vec();
                y.iter_mut().zip(w).for_each(|(y, w)| *y += s * w);
                self.third(&y, u, v)
            };
            difference(&moved(step), &moved(-step), step)
        };
        // Richardson's extrapolation of two central differences.
        let (coarse, fine) = (slope(2.0 * step), slope(step));
        coarse.iter().zip(&fine).map(|(c, f)| f + (f - c) / 3.0).collect()
    }

    /// Rounding error of the scaled gradient as far as it is known.
    pub(super) fn rounding(&self, z: &[f64]) -> f64 {
        self.family.gradient_error(&self.raw(z)) * self.state()
    }
}

fn difference(ahead: &[f64], behind: &[f64], step: f64) -> Vec<f64> {
    ahead.iter().zip(behind).map(|(a, b)| (a - b) / (2.0 * step)).collect()
}

/// Index and the eigenvalues nearest to zero.
#[derive(Clone, Debug)]
pub(super) struct Spectrum {
    pub(super) index: usize,
    /// Eigenvalue and unit eigenvector, by modulus.
    pub(super) near: Vec<(f64, Vec<f64>)>,
    /// Largest modulus of an eigenvalue, about.
    pub(super) largest: f64,
}

impl Spectrum {
    /// Of a symmetric matrix; `guess` are approximate eigenvectors to start from in many dimensions.
    pub(super) fn new(h: &Hessian, guess: &[(f64, Vec<f64>)]) -> Option<Self> {
        let n = h.dim();
        let Some(full) = h.full().filter(|_| n <= DENSE) else { return Self::by_iteration(h, guess) };
        let (mut values, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
        if !symmetric_eigen(full, &mut values, vectors.as_mut()) {
            return None;
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs()));
        let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let near =
            order.iter().take(NEAR).map(|&j| (values[j], vectors.col(j).iter().copied().collect())).collect();
        Some(Spectrum { index: values.iter().filter(|v| **v < 0.0).count(), near, largest })
    }

    /// Inertia from the factors, eigenpairs by inverse iteration with Rayleigh and Ritz.
    fn by_iteration(h: &Hessian, guess: &[(f64, Vec<f64>)]) -> Option<Self> {
        let n = h.dim();
        let largest = h.norm_rows();
        let index = h.negative()?;
        let mut probe: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * ((i * i) as f64).sin()).collect();
        if !h.solve(&mut probe) {
            return None;
        }
        let width = 4;
        let mut basis: Vec<Vec<f64>> = guess.iter().take(width).map(|(_, v)| v.clone()).collect();
        basis.push(probe);
        while basis.len() < width + 1 {
            let k = basis.len() as f64;
            basis.push((0..n).map(|i| ((i as f64 + 0.5) * k * 0.7).cos()).collect());
        }
        let mut near: Vec<(f64, Vec<f64>)> = vec![];
        for sweep in 0..30 {
            orthonormalize(&mut basis);
            let m = basis.len();
            let products: Vec<Vec<f64>> = basis.iter().map(|v| h.apply(v)).collect();
            let small = Mat::from_fn(m, m, |i, j| dot(&basis[i], &products[j]));
            let (mut values, mut vectors) = (vec![0.0; m], Mat::zeros(m, m));
            if !symmetric_eigen(small.as_ref(), &mut values, vectors.as_mut()) {
                return None;
            }
            let combine = |from: &[Vec<f64>], j: usize| -> Vec<f64> {
                let mut sum = vec![0.0; n];
                from.iter().enumerate().for_each(|(k, v)| axpy(vectors[(k, j)], v, &mut sum));
                sum
            };
            let mut order: Vec<usize> = (0..m).collect();
            order.sort_by(|&a, &b| values[a].abs().total_cmp(&values[b].abs()));
            near = order.iter().map(|&j| (values[j], combine(&basis, j))).collect();
            let residual = |j: usize, v: &[f64]| {
                let hv = combine(&products, j);
                hv.iter().zip(v).map(|(a, v)| (a - values[j] * v).powi(2)).sum::<f64>().sqrt()
            };
            let settled = order.iter().zip(&near).take(2).all(|(&j, (_, v))| residual(j, v) < 1e-9 * largest);
            if settled && sweep > 0 {
                break;
            }
            basis = near.iter().map(|(_, v)| v.clone()).collect();
            if !basis.iter_mut().all(|v| h.solve(v)) {
                break;
            }
        }
        near.truncate(width);
        Some(Spectrum { index, near, largest })
    }

    /// The eigenvalue nearest to zero on one side of it: the lowest positive or the highest negative.
    pub(super) fn beside(&self, negative: bool) -> Option<&(f64, Vec<f64>)> {
        self.near.iter().find(|(value, _)| (*value < 0.0) == negative)
    }

    /// The eigenvalue of smallest modulus.
    pub(super) fn smallest(&self) -> f64 {
        self.near.first().map_or(f64::INFINITY, |(value, _)| *value)
    }
}
