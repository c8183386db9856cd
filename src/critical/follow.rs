//! From a starting point to a critical point of a wanted index: eigenvector following in a trust region.
//!
//! Along the k lowest modes the step goes up, along all others down, each by the Newton length `|g_i / lambda_i|`
//! (Cerjan & Miller 1981; for index k: high-index saddle dynamics, Yin, Zhang & Zhang 2019). Where k eigenvalues are
//! negative the step is Newton's, so convergence is quadratic. In few dimensions the modes come from a decomposition of
//! the Hessian, which is left unfinished where Newton's step is all that is needed; beyond, from
//! [`lowest_modes`](super::modes), the rest by truncated conjugate gradients ([`descent`]).
//!
//! A step is accepted by how well the quadratic model predicts the gradient: that measure does not cancel between the
//! climbing and the descending directions as the energy's would.

use std::sync::atomic::Ordering;

use faer::{Mat, MatRef};

use super::complement::{Operator, Until, descent};
use super::modes::{Modes, project};
use super::problem::Problem;
use crate::landscape::Landscape;
use crate::linalg::{Spectral, WIDEST, axpy, distance, dot, norm};

/// Up to this dimension the Hessian is decomposed at every step.
const DENSE: usize = WIDEST;

/// Eigenvalues closer than this (relative to the largest) are one cluster.
const CLUSTER: f64 = 1e-6;

/// Where no eigenvalue is closer to zero than this (relative to the largest) their signs are had without the modes.
const SURE: f64 = 1e-7;

/// Steps in which the guiding directions choose the modes.
const GUIDED: usize = 4;

/// Curvatures below this (relative to the largest) do not lengthen a step: along them nothing is known.
pub(crate) const FLAT: f64 = 1e-10;

/// Gradients this many times a typical one are met only towards a pole.
const POLE: f64 = 1e8;

/// Most steps of a descent, and of a search for a saddle: what finds one takes 62 at most on the landscapes that this was tried on, and
/// less than 30 in 99 cases of a hundred.
const MOST: (usize, usize) = (150, 75);

/// Steps in a row with fewer negative eigenvalues than the index wanted before a search is given up.
const PATIENCE: usize = 24;

/// After a step that the model foretold this well ..
const FORETOLD: f64 = 0.1;
/// .. a full Newton step of at most half its length, from whose end a known point is no farther than this share of it, leads there.
const ASIDE: f64 = 0.05;

/// Where a search ended.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) x: Vec<f64>,
    pub(crate) gradient_norm: f64,
}

/// How a search ended.
pub(crate) enum End {
    /// Newton's method was on its way to a point that is known.
    Known(usize),
    /// A place where the gradient vanishes, nearly.
    Found(Followed),
}

/// One proposed step.
struct Step {
    s: Vec<f64>,
    /// The Hessian applied to it.
    hs: Vec<f64>,
    /// Was it cut by the trust region?
    cut: bool,
    /// Is it Newton's, solved for and not cut, where the Hessian has the signs that are wanted?
    newton: bool,
}

/// Follows the `index` lowest modes up and the rest down from `start`; `None` if it left the region or did not settle.
/// `directions` (n x any) span what is climbed first, before the modes have settled. `known` names the known point of this index
/// within a distance of a place, if there is one and no other near it.
pub(crate) fn follow(
    problem: &Problem<'_>,
    start: &[f64],
    index: usize,
    directions: Option<MatRef<'_, f64>>,
    known: impl Fn(&[f64], f64) -> Option<usize>,
) -> Option<End> {
    let n = problem.dim();
    let landscape = &problem.landscape;
    let dense = n <= DENSE;
    let settled = if dense { 1e-10 } else { 1e-6 } * problem.scale;
    // A search that goes round in circles, or climbs where there is nothing to climb, is given up early.
    let mut mark = (vec![f64::INFINITY; n], 1);
    let mut wrong = 0;
    let (mut last, mut foretold) = (f64::INFINITY, false);
    let mut x = start.to_vec();
    let mut g = vec![0.0; n];
    let mut energy = landscape.gradient(&x, &mut g);
    if !(energy.is_finite() && g.iter().all(|g| g.is_finite())) {
        return None;
    }
    let mut radius = 0.1 * problem.scale;
    let mut model = Model::new(problem, index, directions);
    let mut trial = x.clone();
    let mut trial_g = vec![0.0; n];
    for iteration in 0..if index == 0 { MOST.0 } else { MOST.1 } {
        model.prepare(&x, &g, iteration)?;
        wrong = if model.short_of_index() { wrong + 1 } else { 0 };
        if wrong > PATIENCE {
            return None;
        }
        let mut step = model.step(&g, radius)?;
        let length = norm(&step.s);
        if step.newton && foretold && length <= 0.5 * last {
            trial.copy_from_slice(&x);
            axpy(1.0, &step.s, &mut trial);
            if let Some(id) = known(&trial, ASIDE * length) {
                return Some(End::Known(id));
            }
        }
        let (length, poor) = loop {
            let length = norm(&step.s);
            trial.copy_from_slice(&x);
            axpy(1.0, &step.s, &mut trial);
            let trial_energy = landscape.gradient(&trial, &mut trial_g);
            let miss: f64 = (0..n).map(|i| (trial_g[i] - g[i] - step.hs[i]).powi(2)).sum::<f64>().sqrt();
            let poor = miss / norm(&step.hs).max(1e-3 * norm(&g)).max(f64::MIN_POSITIVE);
            let noise = 1e-13 * (energy.abs() + trial_energy.abs());
            // The last, full Newton step; or one so small that its failure to improve anything is rounding.
            if !step.cut && (length <= settled || length <= 1e-6 * problem.scale && poor >= 1.0) {
                let (before, after) = (norm(&g), norm(&trial_g));
                return Some(End::Found(if after <= before {
                    Followed { x: trial, gradient_norm: after }
                } else {
                    Followed { x, gradient_norm: before }
                }));
            }
            let falls = index > 0 || trial_energy <= energy + noise;
            if trial_energy.is_finite() && poor < 1.0 && falls {
                energy = trial_energy;
                x.copy_from_slice(&trial);
                g.copy_from_slice(&trial_g);
                if poor > 0.5 {
                    radius = 0.5 * length;
                } else if poor < 0.2 && step.cut {
                    radius = (2.0 * radius).min(0.5 * problem.scale);
                }
                break (length, poor);
            }
            radius = 0.25 * length.min(radius);
            if radius < 1e-14 * problem.scale {
                return None;
            }
            step = model.step(&g, radius)?;
        };
        if !problem.contains(&x, 1.05) {
            return None;
        }
        if norm(&g) > POLE * problem.steepness && problem.steepness > 0.0 {
            problem.rough.store(true, Ordering::Relaxed);
            return None;
        }
        (last, foretold) = (length, poor < FORETOLD);
        problem.region.wrap(&mut x);
        if index > 0 {
            // Brent's cycle detection: a place of the past, renewed after more and more steps.
            let back = distance(&x, &mark.0);
            if back < 0.01 * length {
                return None;
            }
            if iteration + 1 == mark.1 {
                mark = (x.clone(), mark.1 + 2 + mark.1 / 4);
            }
        }
    }
    // A degenerate point is approached slowly, and may be as good as reached.
    let (slow, gradient_norm) = (last <= 1e-5 * problem.scale, norm(&g));
    (slow && gradient_norm <= 1e-9 * problem.steepness).then_some(End::Found(Followed { x, gradient_norm }))
}

/// The quadratic model at the present point, with what is carried from point to point.
struct Model<'a> {
    problem: &'a Problem<'a>,
    index: usize,
    /// Directions to climb first (dense), or the modes of the last point (matrix-free).
    guide: Mat<f64>,
    local: Local<'a>,
}

enum Local<'a> {
    Dense(Box<Dense>),
    Krylov(Box<Krylov<'a>>),
}

/// The model where the Hessian is known by its products: they, and the modes to climb.
#[derive(Default)]
struct Krylov<'a> {
    operator: Option<Operator<'a>>,
    low: Option<Modes>,
}

/// The model where the Hessian is decomposed, as far as the step needs it.
struct Dense {
    h: Mat<f64>,
    spectral: Spectral,
    /// The gradient in the basis of the tridiagonal form or, where the modes are known, in theirs.
    coordinates: Vec<f64>,
    /// Newton's step in the basis of the tridiagonal form, where the signs of the Hessian are those wanted: there it is
    /// the step that climbs the lowest modes and descends the others. Otherwise the modes are known.
    newton: Option<Vec<f64>>,
    up: Vec<bool>,
}

impl<'a> Model<'a> {
    fn new(problem: &'a Problem<'a>, index: usize, directions: Option<MatRef<'_, f64>>) -> Self {
        let n = problem.dim();
        let guide = directions.map_or_else(|| Mat::zeros(n, 0), |d| d.to_owned());
        let local = if n <= DENSE {
            Local::Dense(Box::new(Dense {
                h: Mat::zeros(n, n),
                spectral: Spectral::new(n),
                coordinates: vec![0.0; n],
                newton: None,
                up: vec![false; n],
            }))
        } else {
            Local::Krylov(Box::default())
        };
        Model { problem, index: index.min(n), guide, local }
    }

    /// Moves the model to `x`, where the gradient is `g`. `None` if the Hessian is not finite.
    fn prepare(&mut self, x: &[f64], g: &[f64], iteration: usize) -> Option<()> {
        let index = self.index;
        match &mut self.local {
            Local::Dense(dense) => {
                self.problem.landscape.hessian(x, dense.h.as_mut());
                let guided =
                    iteration < GUIDED && index > 0 && index < g.len() && self.guide.ncols() >= index;
                dense.reduce(g)?;
                if guided || !dense.find_newton(index) {
                    dense.find_modes(index, self.guide.as_ref(), guided, g)?;
                }
            }
            Local::Krylov(krylov) => {
                let operator = self.problem.linearize(x)?;
                if index > 0 {
                    // The gradient among the start vectors lets an isotropic well be left along it.
                    let m = self.guide.ncols();
                    let start =
                        Mat::from_fn(g.len(), m + 1, |i, j| if j < m { self.guide[(i, j)] } else { g[i] });
                    let steps = if iteration == 0 { 12 } else { 6 };
                    let modes = operator.lowest(start.as_ref(), index, 1e-2, steps);
                    if !modes.values.iter().all(|v| v.is_finite()) {
                        return None;
                    }
                    self.guide = modes.vectors.clone();
                    krylov.low = Some(modes);
                }
                krylov.operator = Some(operator);
            }
        }
        Some(())
    }

    /// Are there fewer directions of negative curvature here than the index asks for?
    fn short_of_index(&self) -> bool {
        let highest = match &self.local {
            Local::Dense(dense) if dense.newton.is_some() => None,
            Local::Dense(dense) => self.index.checked_sub(1).map(|k| dense.spectral.values()[k]),
            Local::Krylov(krylov) => krylov.low.as_ref().and_then(|m| m.values.last().copied()),
        };
        highest.is_some_and(|v| v > 0.0)
    }

    /// The step within `radius`.
    fn step(&mut self, g: &[f64], radius: f64) -> Option<Step> {
        match &mut self.local {
            Local::Dense(dense) => dense.step(self.index, g, radius),
            Local::Krylov(krylov) => krylov_step(krylov.operator.as_ref()?, krylov.low.as_ref(), g, radius),
        }
    }
}

impl Dense {
    /// Brings the Hessian to tridiagonal form.
    fn reduce(&mut self, g: &[f64]) -> Option<()> {
        self.newton = None;
        self.coordinates.copy_from_slice(g);
        self.spectral.reduce(self.h.as_ref()).then(|| self.spectral.enter(&mut self.coordinates))
    }

    /// Newton's step where the Hessian has exactly `index` negative eigenvalues, none of them nearly zero.
    fn find_newton(&mut self, index: usize) -> bool {
        if self.spectral.negative(SURE) == Some(index) {
            let mut step: Vec<f64> = self.coordinates.iter().map(|c| -c).collect();
            self.newton = self.spectral.solve(0.0, &mut step).then_some(step);
        }
        self.newton.is_some()
    }

    /// Completes the decomposition and chooses the modes to climb.
    fn find_modes(&mut self, index: usize, guide: MatRef<'_, f64>, guided: bool, g: &[f64]) -> Option<()> {
        self.newton = None;
        if !self.spectral.diagonalize(&mut self.coordinates) {
            return None;
        }
        let (n, values) = (g.len(), self.spectral.values());
        let largest = values[0].abs().max(values[n - 1].abs());
        let split = index > 0 && index < n && values[index] - values[index - 1] < CLUSTER * largest;
        if split || guided && values[n - 1] - values[0] < CLUSTER * largest {
            // A cluster has no modes of its own: tilt it by less than its width, so that it offers the guiding
            // directions, or the one in which the gradient can be climbed.
            let h = &mut self.h;
            let mut tilt = |v: &[f64]| {
                let size = dot(v, v);
                for j in 0..n {
                    for i in 0..n {
                        h[(i, j)] -= CLUSTER * largest * v[i] * v[j] / size.max(f64::MIN_POSITIVE);
                    }
                }
            };
            if guided {
                guide.col_iter().for_each(|d| tilt(&d.iter().copied().collect::<Vec<f64>>()));
            } else {
                tilt(g);
            }
            self.reduce(g)?;
            if !self.spectral.diagonalize(&mut self.coordinates) {
                return None;
            }
        }
        self.up.fill(false);
        if guided {
            // The modes nearest to the guiding directions.
            let mut overlap: Vec<(f64, usize)> = (0..n).map(|i| (0.0, i)).collect();
            for d in guide.col_iter() {
                let along = self.spectral.project(&d.iter().copied().collect::<Vec<f64>>());
                overlap.iter_mut().zip(along).for_each(|(o, a)| o.0 += a * a);
            }
            overlap.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            overlap.iter().take(index).for_each(|(_, i)| self.up[*i] = true);
        } else {
            self.up[..index].fill(true);
        }
        Some(())
    }

    fn step(&mut self, index: usize, g: &[f64], radius: f64) -> Option<Step> {
        if let Some(newton) = self.newton.take() {
            if norm(&newton) <= radius {
                let mut s = newton.clone();
                self.newton = Some(newton);
                self.spectral.leave(&mut s);
                return Some(Step { s, hs: g.iter().map(|g| -g).collect(), cut: false, newton: true });
            }
            if index == 0
                && let Some((shift, mut s)) = self.descent(newton.clone(), radius)
            {
                self.newton = Some(newton);
                self.spectral.leave(&mut s);
                let hs = g.iter().zip(&s).map(|(g, s)| -g - shift * s).collect();
                return Some(Step { s, hs, cut: true, newton: false });
            }
            self.find_modes(index, Mat::zeros(g.len(), 0).as_ref(), false, g)?;
        }
        Some(mode_step(&self.spectral, &self.up, &self.coordinates, radius))
    }

    /// `-(T + shift)^-1 c`, the shift chosen so that the step, for no shift `newton`, is as long as the radius: Newton's
    /// iteration for the inverse of its length (Moré and Sorensen 1983).
    fn descent(&self, newton: Vec<f64>, radius: f64) -> Option<(f64, Vec<f64>)> {
        let (mut shift, mut step) = (0.0, newton);
        for _ in 0..20 {
            let length = norm(&step);
            if (length - radius).abs() < 0.02 * radius {
                return Some((shift, step));
            }
            let mut slope = step.clone();
            if !self.spectral.solve(shift, &mut slope) {
                return None;
            }
            shift += length * length / dot(&step, &slope) * (length - radius) / radius;
            step.iter_mut().zip(&self.coordinates).for_each(|(s, c)| *s = -c);
            if !(shift >= 0.0 && self.spectral.solve(shift, &mut step)) {
                return None;
            }
        }
        None
    }
}

/// `s_i = +-g_i / (|lambda_i| + shift)`, the shift chosen so that the step fits into the radius.
fn mode_step(spectral: &Spectral, up: &[bool], g: &[f64], radius: f64) -> Step {
    let values = spectral.values();
    let n = values.len();
    let largest = values[0].abs().max(values[n - 1].abs()).max(f64::MIN_POSITIVE);
    let curvature = |i: usize| values[i].abs().max(FLAT * largest);
    let length = |shift: f64| (0..n).map(|i| (g[i] / (curvature(i) + shift)).powi(2)).sum::<f64>().sqrt();
    let cut = length(0.0) > radius;
    let mut shift = 0.0;
    if cut {
        // length(shift) falls; |g|/radius is an upper bound of the root.
        let (mut low, mut high) = (0.0, norm(g) / radius);
        for _ in 0..60 {
            shift = 0.5 * (low + high);
            let l = length(shift);
            if (l - radius).abs() < 0.02 * radius {
                break;
            }
            if l > radius { low = shift } else { high = shift }
        }
    }
    let step: Vec<f64> = (0..n)
        .map(|i| {
            let size = g[i] / (curvature(i) + shift);
            if up[i] { size } else { -size }
        })
        .collect();
    let image: Vec<f64> = step.iter().zip(values).map(|(s, v)| s * v).collect();
    let [s, hs] = spectral.combine([&step, &image]);
    Step { s, hs, cut, newton: false }
}

/// Newton along the climbed modes, conjugate gradients in their complement.
fn krylov_step(operator: &Operator<'_>, low: Option<&Modes>, g: &[f64], radius: f64) -> Option<Step> {
    let n = g.len();
    let (mut s, mut hs) = (vec![0.0; n], vec![0.0; n]);
    let mut cut = false;
    let mut rest: Vec<f64> = g.to_vec();
    if let Some(modes) = low {
        let c = project(modes.vectors.as_ref(), g);
        let largest = modes.values.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let mut up: Vec<f64> =
            c.iter().zip(&modes.values).map(|(c, v)| c / v.abs().max(FLAT * largest)).collect();
        let length = norm(&up);
        if length > radius {
            cut = true;
            up.iter_mut().for_each(|u| *u *= radius / length);
        }
        for (j, u) in up.iter().enumerate() {
            axpy(*u, modes.vectors.col_as_slice(j), &mut s);
            axpy(*u, modes.images.col_as_slice(j), &mut hs);
            axpy(-c[j], modes.vectors.col_as_slice(j), &mut rest);
        }
    }
    // Truncated: a hundredth of the gradient may be left.
    let until = Until { remainder: 1e-2 * norm(&rest), products: (2 * n).min(200), radius };
    let none = Mat::zeros(n, 0);
    let known = low.map_or(none.as_ref(), |modes| modes.vectors.as_ref());
    let descent = descent(operator, known, &rest, &until)?;
    axpy(1.0, &descent.step, &mut s);
    axpy(1.0, &descent.image, &mut hs);
    Some(Step { s, hs, cut: cut || descent.cut, newton: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::critical::chart::Chart;
    use crate::landscape::Region;
    use crate::landscape::mixture::{Mixture, Noise};

    /// Two shallow minima close to each other: a step across the valley, a hundred times as long as they are apart, tells nothing of which
    /// of them a search comes to.
    #[test]
    fn a_long_step_is_not_on_its_way_to_what_happens_to_be_known() {
        let data = [[1.01, 0.0], [-1.01, 0.0], [0.0, 200.0]];
        let data = Mat::from_fn(2, 3, |i, k| data[k][i]);
        let noise = Noise::Fixed { a: 1.0, sigma: 1.0 };
        let mixture = Mixture::new(data, vec![1.0; 3], noise, 0.0).expect("a valid mixture");
        let region = Region::ball(vec![0.0, 100.0], 300.0);
        let chart = Chart::new(&mixture, &region);
        let problem = Problem::new(&chart, &region);
        // The softmax mean of the two: x = y tanh(y x).
        let a = (0..10_000).fold(0.3, |x: f64, _| 1.01 * (1.01 * x).tanh());
        let known = |x: &[f64], within: f64| (distance(x, &[a, 0.0]) <= within).then_some(0);
        let (mut ended, mut early) = (0, 0);
        for away in [0.0, 0.1, 1.0, 5.0, 12.0, 20.0] {
            for x in [0.2, 0.26, 0.33, 0.5] {
                for x in [-x, x] {
                    // Without knowing anything, and then.
                    let alone = follow(&problem, &[x, away], 0, None, |_, _| None);
                    let Some(End::Found(alone)) = alone else { continue };
                    ended += 1;
                    let found = match follow(&problem, &[x, away], 0, None, known) {
                        Some(End::Found(found)) => found.x,
                        Some(End::Known(_)) => {
                            early += 1;
                            vec![a, 0.0]
                        }
                        None => panic!("nothing found from {x} {away}"),
                    };
                    assert!(distance(&found, &alone.x) < 1e-6, "{found:?} instead of {:?}", alone.x);
                }
            }
        }
        assert!(ended > 36 && early > 9, "{ended} of 48 end, {early} early");
    }
}
