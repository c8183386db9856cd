//! Predictor and corrector: from a point of a branch to the next.
//!
//! The predictor goes along the tangent; the corrector is Newton's method in the hyperplane across it, which is regular at
//! folds (Keller 1977). A step is accepted if the corrector contracts, the point lies close to the prediction, the tangent
//! turns little and Newton's correction at the middle of the Hermite cubic through both ends is small, too: then the step
//! has not jumped to another branch.

use std::rc::Rc;

use super::Options;
use super::bordered::Bordered;
use super::system::{Problem, Spectrum};
use crate::landscape::hessian::Hessian;
use crate::linalg::{axpy, dot, norm};

/// Above this dimension, if the Hessian is full, one factorisation serves all iterations of a corrector while it contracts.
const CHORD: usize = 150;

/// Cosine of the largest angle between tangents of neighbouring points.
const TURN: f64 = 0.96;

/// Most iterations of the corrector.
const ITERATIONS: usize = 12;

/// A point of a branch, with what is needed to go on.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) z: Vec<f64>,
    /// Unit tangent in the direction in which the branch is followed.
    pub(super) tangent: Vec<f64>,
    pub(super) energy: f64,
    pub(super) spectrum: Spectrum,
    /// Slopes, along the branch, of the lowest positive and the highest negative eigenvalue.
    pub(super) slopes: [f64; 2],
    /// Place in the list of located events.
    pub(super) event: Option<usize>,
}

impl Node {
    /// The scaled parameter.
    pub(super) fn theta(&self) -> f64 {
        self.z[self.z.len() - 1]
    }

    /// Component of the tangent along the parameter.
    pub(super) fn speed(&self) -> f64 {
        self.tangent[self.tangent.len() - 1]
    }

    /// The same point passed the other way.
    pub(super) fn reversed(mut self) -> Self {
        self.tangent.iter_mut().for_each(|t| *t = -*t);
        self.slopes.iter_mut().for_each(|s| *s = -*s);
        self
    }
}

/// What Newton's method came to.
pub(super) struct Corrected {
    pub(super) z: Vec<f64>,
    /// Distance from the prediction.
    pub(super) moved: f64,
    /// Ratio of the second correction to the first.
    contraction: f64,
}

/// `a - b`.
pub(super) fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The point of the branch in the hyperplane through `start` across `normal`.
pub(super) fn correct(problem: &Problem<'_>, start: &[f64], normal: &[f64]) -> Option<Corrected> {
    let n = problem.dim();
    let tolerance = problem.options.tolerance * (1.0 + 1e-2 * norm(start));
    let mut z = start.to_vec();
    let mut factors: Option<Bordered> = None;
    let (mut first, mut last, mut contraction) = (0.0, f64::INFINITY, 0.0);
    let mut curvature = problem.size(start[n]);
    let mut chord = false;
    for iteration in 0..ITERATIONS {
        let slice = problem.at(z[n])?;
        let (energy, mut b) = slice.gradient(&z);
        if !energy.is_finite() {
            return None;
        }
        // In flat directions a step is noise long before it is short: what can't be told from zero is zero.
        let noise = 8.0 * slice.rounding(&z) + 8.0 * f64::EPSILON * curvature;
        if iteration > 0 && norm(&b) <= noise && dot(normal, &minus(&z, start)).abs() <= tolerance {
            let moved = norm(&minus(&z, start));
            return Some(Corrected { z, moved, contraction });
        }
        if factors.is_none() {
            let (h, by) = (slice.hessian(&z), slice.by_parameter(&z));
            curvature = curvature.max(h.norm_max());
            chord = n > CHORD && h.full().is_some();
            factors = Some(Bordered::new(&h, &[&by], &[&normal[..n]], normal[n])?);
        }
        b.push(dot(normal, &minus(&z, start)));
        if !factors.as_ref()?.solve(&mut b) {
            return None;
        }
        axpy(-1.0, &b, &mut z);
        let size = norm(&b);
        match iteration {
            0 => first = size,
            1 => contraction = if first > 1e-8 { size / first } else { 0.0 },
            _ => {}
        }
        // Rounding ends the iteration where it can't reach the tolerance.
        let stalled = size > 0.3 * last && size < 1e3 * tolerance;
        if size <= tolerance || stalled {
            let moved = norm(&minus(&z, start));
            return Some(Corrected { z, moved, contraction });
        }
        if size > 2.0 * last && last < 1e3 * tolerance {
            axpy(1.0, &b, &mut z);
            let moved = norm(&minus(&z, start));
            return Some(Corrected { z, moved, contraction });
        }
        if size > 2.0 * last || size > 10.0 * first.max(tolerance) {
            return None;
        }
        if !chord || size > 0.1 * last {
            factors = None;
        }
        last = size;
    }
    None
}

/// The unit tangent at a point of a branch, on the side of `guide`, by the Hessian and the gradient's derivative there.
fn tangent(h: &Rc<Hessian>, by: &[f64], guide: &[f64]) -> Option<Vec<f64>> {
    let n = by.len();
    let factors = Bordered::new(h, &[by], &[&guide[..n]], guide[n])?;
    let mut t = vec![0.0; n + 1];
    t[n] = 1.0;
    if !factors.solve(&mut t) {
        return None;
    }
    let size = norm(&t);
    t.iter_mut().for_each(|t| *t /= size);
    Some(t)
}

/// A node at a corrected point.
pub(super) fn node(
    problem: &Problem<'_>,
    z: Vec<f64>,
    guide: &[f64],
    near: &[(f64, Vec<f64>)],
) -> Option<Node> {
    let n = problem.dim();
    let slice = problem.at(z[n])?;
    let h = slice.hessian(&z);
    let tangent = tangent(&h, &slice.by_parameter(&z), guide)?;
    let spectrum = Spectrum::new(&h, near)?;
    let slope = |negative: bool| {
        spectrum.beside(negative).map_or(0.0, |(_, v)| {
            let along = dot(v, &slice.third(&z, v, &tangent[..n]));
            along + tangent[n] * dot(v, &slice.hessian_by(&z, v))
        })
    };
    let slopes = [slope(false), slope(true)];
    let (energy, _) = slice.gradient(&z);
    Some(Node { z, tangent, energy, spectrum, slopes, event: None })
}

/// The point at fraction `u` of the Hermite cubic from `a` to `b`.
pub(super) fn hermite(a: &Node, b: &Node, u: f64) -> Vec<f64> {
    let length = norm(&minus(&b.z, &a.z));
    let (u2, u3) = (u * u, u * u * u);
    let (ha, hb) = (2.0 * u3 - 3.0 * u2 + 1.0, 3.0 * u2 - 2.0 * u3);
    let (ta, tb) = ((u3 - 2.0 * u2 + u) * length, (u3 - u2) * length);
    (0..a.z.len()).map(|i| ha * a.z[i] + hb * b.z[i] + ta * a.tangent[i] + tb * b.tangent[i]).collect()
}

/// Why a step was not taken.
#[derive(Debug)]
pub(super) enum Step {
    /// The next node, at an end of the range or not.
    To(Box<Node>, bool),
    /// The corrector failed or a check did: try a shorter one.
    Refused,
}

/// One step of length `h` from `a`; it ends on the bound of the parameter's range if it would cross it.
pub(super) fn step(problem: &Problem<'_>, a: &Node, h: f64) -> Step {
    let Some((b, bound)) = attempt(problem, a, h) else { return Step::Refused };
    if sound(problem, a, &b) { Step::To(Box::new(b), bound) } else { Step::Refused }
}

fn attempt(problem: &Problem<'_>, a: &Node, h: f64) -> Option<(Node, bool)> {
    let n = problem.dim();
    let mut guess = a.z.clone();
    axpy(h, &a.tangent, &mut guess);
    // The piece of the parameter's range in which derivatives in it are continuous.
    let up = a.speed() > 0.0;
    let [ahead, behind] = [up, !up].map(|up| problem.edge(a.theta(), up));
    let past = |theta: f64| ahead.as_ref().is_some_and(|e| if up { theta > e.near } else { theta < e.near });
    let outside = |theta: f64| !problem.inside(theta) || past(theta);
    let mut bound = outside(guess[n]);
    let mut corrected = None;
    if !bound {
        let c = correct(problem, &guess, &a.tangent)?;
        bound = outside(c.z[n]);
        corrected = Some(c);
    }
    let c = match corrected {
        Some(c) if !bound => {
            // Round a fold and across the place behind.
            if behind.as_ref().is_some_and(|e| if up { c.z[n] < e.far } else { c.z[n] > e.far }) {
                return None;
            }
            c
        }
        _ => {
            let end = problem.scales.theta(problem.range[usize::from(up)]);
            let theta = ahead.as_ref().map_or(end, |e| e.near);
            bound = ahead.is_none();
            let reach = (theta - a.theta()) / a.speed();
            if !(reach > 0.0 && reach <= 2.0 * h) {
                return None;
            }
            guess = a.z.clone();
            axpy(reach, &a.tangent, &mut guess);
            guess[n] = theta;
            let mut across = vec![0.0; n + 1];
            across[n] = 1.0;
            let mut c = correct(problem, &guess, &across)?;
            c.z[n] = theta;
            c
        }
    };
    let length = norm(&minus(&c.z, &a.z));
    if c.moved > 0.3 * length || c.contraction > 0.4 {
        return None;
    }
    Some((node(problem, c.z, &a.tangent, &a.spectrum.near)?, bound))
}

/// The branch just behind a place at which its tangent jumps, if that comes next.
pub(super) fn cross(problem: &Problem<'_>, a: &Node) -> Option<Node> {
    let n = problem.dim();
    let edge = problem.edge(a.theta(), a.speed() > 0.0).filter(|edge| edge.reached)?;
    let mut guess = a.z.clone();
    guess[n] = edge.far;
    let mut across = vec![0.0; n + 1];
    across[n] = a.speed().signum();
    let mut z = correct(problem, &guess, &across)?.z;
    z[n] = edge.far;
    // The parameter goes on the same way.
    node(problem, z, &across, &a.spectrum.near)
}

/// Do both ends lie on one smooth piece of a branch?
fn sound(problem: &Problem<'_>, a: &Node, b: &Node) -> bool {
    if dot(&a.tangent, &b.tangent) < TURN {
        return false;
    }
    let chord = minus(&b.z, &a.z);
    let length = norm(&chord);
    let across: Vec<f64> = chord.iter().map(|c| c / length).collect();
    if dot(&across, &a.tangent) < TURN || dot(&across, &b.tangent) < TURN {
        return false;
    }
    // One Newton correction in between. Where branches cross the equations are singular: then not just there.
    let n = problem.dim();
    let correction = |u: f64| {
        let middle = hermite(a, b, u);
        let slice = problem.at(middle[n])?;
        let (_, mut g) = slice.gradient(&middle);
        let by = slice.by_parameter(&middle);
        let factors = Bordered::new(&slice.hessian(&middle), &[&by], &[&across[..n]], across[n])?;
        g.push(0.0);
        factors.solve(&mut g).then(|| norm(&g))
    };
    let most = 0.03 * length + 1e3 * problem.options.tolerance;
    [0.5, 0.38].into_iter().any(|u| correction(u).is_some_and(|c| c <= most))
}

/// The length of the next step, from how much the tangent turned in the last one.
pub(super) fn next_length(options: &Options, a: &Node, b: &Node, h: f64) -> f64 {
    let angle = dot(&a.tangent, &b.tangent).clamp(-1.0, 1.0).acos();
    let factor = if angle > 0.0 { (0.12 / angle).clamp(0.4, 2.0) } else { 2.0 };
    (h * factor).min(options.max_step)
}

/// Does the piece from `a` to `b` contain the point `z` of a branch? Then the fraction at which it does.
pub(super) fn holds(problem: &Problem<'_>, a: &Node, b: &Node, z: &[f64]) -> Option<f64> {
    let z = &problem.nearest(z, &a.z)[..];
    let chord = minus(&b.z, &a.z);
    let length = norm(&chord);
    if !(length > 0.0) {
        return None;
    }
    let u = dot(&minus(z, &a.z), &chord) / (length * length);
    if !(-1e-6..=1.0 + 1e-6).contains(&u) {
        return None;
    }
    let mut guess = hermite(a, b, u.clamp(0.0, 1.0));
    let distance = norm(&minus(&guess, z));
    if distance > 0.2 * length + 1e-7 {
        return None;
    }
    if distance < 1e-8 {
        return Some(u);
    }
    let across: Vec<f64> = chord.iter().map(|c| c / length).collect();
    let off = dot(&minus(z, &guess), &across);
    axpy(off, &across, &mut guess);
    let c = correct(problem, &guess, &across)?;
    (norm(&minus(&c.z, z)) < 1e-7).then_some(u)
}
