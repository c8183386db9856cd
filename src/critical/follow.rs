//! From a starting point to a critical point of a wanted index: eigenvector following in a trust region.
//!
//! Along the k lowest modes the step goes up, along all others down, each by the Newton length `|g_i / lambda_i|`
//! (Cerjan & Miller 1981; for index k: high-index saddle dynamics, Yin, Zhang & Zhang 2019). Where k eigenvalues are
//! negative the step is Newton's, so convergence is quadratic. In few dimensions the modes come from decompositions of
//! Hessians, eight searches side by side ([`company`](super::company)); beyond, from [`lowest_modes`](super::modes), the rest by
//! truncated conjugate gradients ([`descent`]).
//!
//! A step is accepted by how well the quadratic model predicts the gradient: that measure does not cancel between the
//! climbing and the descending directions as the energy's would.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use faer::{Mat, MatRef};

use super::company::{Company, Proposal, Request};
use super::complement::{Operator, Until, descent};
use super::modes::{Modes, project};
use super::problem::Problem;
use crate::control::Control;
use crate::landscape::Landscape;
use crate::linalg::lanes::LANES;
use crate::linalg::{WIDEST, axpy, distance, norm};

/// Up to this dimension the Hessian is decomposed at every step.
pub(crate) const DENSE: usize = WIDEST;

/// Steps in which the guiding directions choose the modes.
const GUIDED: usize = 4;

/// Curvatures below this (relative to the largest) do not lengthen a step: along them nothing is known.
pub(crate) const FLAT: f64 = 1e-10;

/// Gradients this many times a typical one are met only towards a pole.
const POLE: f64 = 1e8;

/// Most steps of a descent, and of a search for a saddle: what finds one takes 62 at most on the landscapes that this was tried on, and
/// less than 30 in 99 cases of a hundred.
const MOST: (usize, usize) = (150, 75);

/// Steps in a row with fewer negative eigenvalues than the index wanted before a search is given up, and the way that they may make
/// together, relative to the scale: with little noise they are short.
const PATIENCE: (usize, f64) = (50, 4.0);

/// After a step that the model foretold this well ..
const FORETOLD: f64 = 0.1;
/// .. a full Newton step of at most half its length, from whose end a known point is no farther than this share of it, leads there.
const ASIDE: f64 = 0.05;

/// Where a search starts.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    /// The place (length n).
    pub(crate) x: &'a [f64],
    /// So many of the lowest modes are followed up, the rest down.
    pub(crate) index: usize,
    /// What is climbed first (n x any), before the modes have settled.
    pub(crate) directions: Option<MatRef<'a, f64>>,
}

/// Where a search ended.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) x: Vec<f64>,
    pub(crate) gradient_norm: f64,
}

/// How a search ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// Newton's method was on its way to a point that is known.
    Known(usize),
    /// A place where the gradient vanishes, nearly.
    Found(Followed),
}

/// One proposed step.
pub(super) struct Step {
    pub(super) s: Vec<f64>,
    /// The Hessian applied to it.
    pub(super) hs: Vec<f64>,
    /// Was it cut by the trust region?
    pub(super) cut: bool,
    /// Is it Newton's, solved for and not cut, where the Hessian has the signs that are wanted?
    pub(super) newton: bool,
}

/// Searches from each of these starts; `None` where one left the region or did not settle. `known` names the known point of an index
/// within a distance of a place, if there is one and no other near it.
pub(crate) fn follow(
    problem: &Problem<'_>,
    starts: &[Start<'_>],
    known: impl Fn(&[f64], f64, usize) -> Option<usize>,
    control: &Control<'_>,
) -> Vec<Option<End>> {
    if starts.is_empty() {
        return vec![];
    }
    if problem.dim() <= DENSE {
        return in_company(problem, starts, known, control);
    }
    let alone = |start: &Start<'_>| if control.stopped() { None } else { alone(problem, start, &known) };
    starts.iter().map(alone).collect()
}

/// Eight at a time; as one ends the next begins. Those beside a search may show in the last bits of its gradients, nowhere else.
fn in_company(
    problem: &Problem<'_>,
    starts: &[Start<'_>],
    known: impl Fn(&[f64], f64, usize) -> Option<usize>,
    control: &Control<'_>,
) -> Vec<Option<End>> {
    let n = problem.dim();
    let mut ends: Vec<Option<End>> = vec![None; starts.len()];
    let mut waiting: VecDeque<usize> = (0..starts.len()).collect();
    let mut walks: [Option<(usize, Walk<'_>)>; LANES] = std::array::from_fn(|_| None);
    let mut hessians: [Mat<f64>; LANES] = std::array::from_fn(|_| Mat::zeros(n, n));
    let mut company = Company::new(n);
    let (mut places, mut gradients) = (Mat::zeros(n, LANES), Mat::zeros(n, LANES));
    let mut energies = [0.0; LANES];
    while !control.stopped() {
        for walk in walks.iter_mut().filter(|walk| walk.is_none()) {
            *walk = waiting.pop_front().map(|k| (k, Walk::new(problem, starts[k])));
        }
        if walks.iter().all(|walk| walk.is_none()) {
            break;
        }
        for (walk, h) in walks.iter().zip(&mut hessians) {
            if let Some((_, walk)) = walk.as_ref().filter(|(_, walk)| walk.moved && walk.begun) {
                problem.landscape.hessian(&walk.x, h.as_mut());
            }
        }
        let mut requests: [Option<Request<'_>>; LANES] = std::array::from_fn(|_| None);
        for (l, (walk, h)) in walks.iter().zip(&hessians).enumerate() {
            if let Some((k, walk)) = walk.as_ref().filter(|(_, walk)| walk.begun) {
                let index = walk.index;
                let guides = |d: &MatRef<'_, f64>| {
                    walk.iteration < GUIDED && index > 0 && index < n && d.ncols() >= index
                };
                requests[l] = Some(Request {
                    h: h.as_ref(),
                    g: &walk.g,
                    index,
                    radius: walk.radius,
                    guide: starts[*k].directions.filter(guides),
                });
            }
        }
        let proposals = match requests.iter().all(|r| r.is_none()) {
            true => std::array::from_fn(|_| None),
            false => company.propose(&requests),
        };
        let mut active = vec![];
        for (l, (slot, proposal)) in walks.iter_mut().zip(proposals).enumerate() {
            let Some((k, walk)) = slot else { continue };
            if walk.begun {
                let index = walk.index;
                if let Err(end) = walk.try_step(proposal, |x, distance| known(x, distance, index)) {
                    ends[*k] = end;
                    *slot = None;
                    continue;
                }
            }
            places.col_as_slice_mut(active.len()).copy_from_slice(&walk.trial);
            active.push(l);
        }
        let b = active.len();
        if b == 0 {
            continue;
        }
        let out = gradients.as_mut().subcols_mut(0, b);
        problem.landscape.gradients(places.as_ref().subcols(0, b), &mut energies[..b], out);
        for (j, l) in active.into_iter().enumerate() {
            let Some((k, walk)) = &mut walks[l] else { continue };
            if let Err(end) = walk.judge(energies[j], gradients.col_as_slice(j)) {
                ends[*k] = end;
                walks[l] = None;
            }
        }
    }
    ends
}

/// One search where the Hessian is known by its products.
fn alone(
    problem: &Problem<'_>,
    start: &Start<'_>,
    known: &impl Fn(&[f64], f64, usize) -> Option<usize>,
) -> Option<End> {
    let n = problem.dim();
    let mut walk = Walk::new(problem, *start);
    let mut model = Krylov::new(problem, start);
    let mut g = vec![0.0; n];
    loop {
        if walk.begun {
            if walk.moved {
                model.prepare(&walk.x, &walk.g, walk.index, walk.iteration)?;
            }
            let step = model.step(&walk.g, walk.radius)?;
            let proposal = Proposal { step, short: model.is_short() };
            let index = walk.index;
            if let Err(end) = walk.try_step(Some(proposal), |x, distance| known(x, distance, index)) {
                return end;
            }
        }
        let energy = problem.landscape.gradient(&walk.trial, &mut g);
        if let Err(end) = walk.judge(energy, &g) {
            return end;
        }
    }
}

/// A search on its way: what it tries next, and what it makes of the gradient there.
struct Walk<'a> {
    problem: &'a Problem<'a>,
    index: usize,
    x: Vec<f64>,
    g: Vec<f64>,
    energy: f64,
    radius: f64,
    /// Is the gradient at the start known?
    begun: bool,
    /// Is `x` a new place?
    moved: bool,
    /// Steps that were taken.
    iteration: usize,
    /// Where the gradient is wanted next, and the step that leads there.
    trial: Vec<f64>,
    step: Option<Step>,
    /// Length of the last step, and whether the model foretold it well.
    last: f64,
    foretold: bool,
    /// Steps in a row with too few directions of negative curvature, and the way that they made.
    short: (usize, f64),
    /// A place of the past, and the step at which it is renewed.
    mark: (Vec<f64>, usize),
}

/// A search goes on, or has come to this end.
type Going = Result<(), Option<End>>;

impl<'a> Walk<'a> {
    fn new(problem: &'a Problem<'a>, start: Start<'_>) -> Self {
        let n = problem.dim();
        Walk {
            problem,
            index: start.index.min(n),
            x: start.x.to_vec(),
            g: vec![0.0; n],
            energy: f64::NAN,
            radius: 0.1 * problem.scale,
            begun: false,
            moved: true,
            iteration: 0,
            trial: start.x.to_vec(),
            step: None,
            last: f64::INFINITY,
            foretold: false,
            short: (0, 0.0),
            mark: (vec![f64::INFINITY; n], 1),
        }
    }

    /// Takes a step that was proposed for a trial.
    fn try_step(
        &mut self,
        proposal: Option<Proposal>,
        known: impl Fn(&[f64], f64) -> Option<usize>,
    ) -> Going {
        let Some(Proposal { step, short }) = proposal else { return Err(None) };
        let moved = std::mem::take(&mut self.moved);
        if moved {
            // Climbing where there is nothing to climb is given up early.
            let made = if self.last.is_finite() { self.last } else { 0.0 };
            self.short = if short { (self.short.0 + 1, self.short.1 + made) } else { (0, 0.0) };
            if self.short.0 > PATIENCE.0 || self.short.1 > PATIENCE.1 * self.problem.scale {
                return Err(None);
            }
        }
        self.trial.copy_from_slice(&self.x);
        axpy(1.0, &step.s, &mut self.trial);
        let length = norm(&step.s);
        if moved
            && step.newton
            && self.foretold
            && length <= 0.5 * self.last
            && let Some(id) = known(&self.trial, ASIDE * length)
        {
            return Err(Some(End::Known(id)));
        }
        self.step = Some(step);
        Ok(())
    }

    /// Looks at energy and gradient at the trial.
    fn judge(&mut self, energy: f64, g: &[f64]) -> Going {
        let problem = self.problem;
        let Some(step) = self.step.take() else {
            if !(energy.is_finite() && g.iter().all(|g| g.is_finite())) {
                return Err(None);
            }
            self.begun = true;
            self.energy = energy;
            self.g.copy_from_slice(g);
            return Ok(());
        };
        let dense = self.x.len() <= DENSE;
        let settled = if dense { 1e-10 } else { 1e-6 } * problem.scale;
        let length = norm(&step.s);
        let miss = g.iter().zip(&self.g).zip(&step.hs).map(|((new, old), hs)| (new - old - hs).powi(2));
        let miss = miss.sum::<f64>().sqrt();
        let poor = miss / norm(&step.hs).max(1e-3 * norm(&self.g)).max(f64::MIN_POSITIVE);
        let noise = 1e-13 * (self.energy.abs() + energy.abs());
        // The last, full Newton step; or one so small that its failure to improve anything is rounding.
        if !step.cut && (length <= settled || length <= 1e-6 * problem.scale && poor >= 1.0) {
            let (before, after) = (norm(&self.g), norm(g));
            let (x, gradient_norm) = if after <= before {
                (std::mem::take(&mut self.trial), after)
            } else {
                (std::mem::take(&mut self.x), before)
            };
            return Err(Some(End::Found(Followed { x, gradient_norm })));
        }
        let falls = self.index > 0 || energy <= self.energy + noise;
        if !(energy.is_finite() && poor < 1.0 && falls) {
            self.radius = 0.25 * length.min(self.radius);
            return if self.radius < 1e-14 * problem.scale { Err(None) } else { Ok(()) };
        }
        self.energy = energy;
        self.x.copy_from_slice(&self.trial);
        self.g.copy_from_slice(g);
        if poor > 0.5 {
            self.radius = 0.5 * length;
        } else if poor < 0.2 && step.cut {
            self.radius = (2.0 * self.radius).min(0.5 * problem.scale);
        }
        self.arrive(length, poor)
    }

    /// Looks around at a new place.
    fn arrive(&mut self, length: f64, poor: f64) -> Going {
        let problem = self.problem;
        if !problem.contains_nearly(&self.x) {
            return Err(None);
        }
        if norm(&self.g) > POLE * problem.steepness && problem.steepness > 0.0 {
            problem.rough.store(true, Ordering::Relaxed);
            return Err(None);
        }
        (self.last, self.foretold, self.moved) = (length, poor < FORETOLD, true);
        problem.region.wrap(&mut self.x);
        self.iteration += 1;
        if self.index > 0 {
            // Brent's cycle detection: a place of the past, renewed after more and more steps.
            if distance(&self.x, &self.mark.0) < 0.01 * length {
                return Err(None);
            }
            if self.iteration == self.mark.1 {
                self.mark = (self.x.clone(), self.mark.1 + 2 + self.mark.1 / 4);
            }
        }
        if self.iteration < if self.index == 0 { MOST.0 } else { MOST.1 } {
            return Ok(());
        }
        // A degenerate point is approached slowly, and may be as good as reached.
        let (slow, gradient_norm) = (self.last <= 1e-5 * problem.scale, norm(&self.g));
        let near = slow && gradient_norm <= 1e-9 * problem.steepness;
        Err(near.then(|| End::Found(Followed { x: std::mem::take(&mut self.x), gradient_norm })))
    }
}

/// The quadratic model at the present point where the Hessian is known by its products: they, and the modes to climb.
struct Krylov<'a> {
    problem: &'a Problem<'a>,
    /// Directions to climb first, then the modes of the last point.
    guide: Mat<f64>,
    operator: Option<Operator<'a>>,
    low: Option<Modes>,
}

impl<'a> Krylov<'a> {
    fn new(problem: &'a Problem<'a>, start: &Start<'_>) -> Self {
        let guide = start.directions.map_or_else(|| Mat::zeros(problem.dim(), 0), |d| d.to_owned());
        Krylov { problem, guide, operator: None, low: None }
    }

    /// Moves the model to `x`, where the gradient is `g`. `None` if the Hessian is not finite.
    fn prepare(&mut self, x: &[f64], g: &[f64], index: usize, iteration: usize) -> Option<()> {
        let operator = self.problem.linearize(x)?;
        if index > 0 {
            // The gradient among the start vectors lets an isotropic well be left along it.
            let m = self.guide.ncols();
            let start = Mat::from_fn(g.len(), m + 1, |i, j| if j < m { self.guide[(i, j)] } else { g[i] });
            let steps = if iteration == 0 { 12 } else { 6 };
            let modes = operator.lowest(start.as_ref(), index, 1e-2, steps);
            if !modes.values.iter().all(|v| v.is_finite()) {
                return None;
            }
            self.guide = modes.vectors.clone();
            self.low = Some(modes);
        }
        self.operator = Some(operator);
        Some(())
    }

    /// Are there fewer directions of negative curvature here than are climbed?
    fn is_short(&self) -> bool {
        self.low.as_ref().and_then(|m| m.values.last()).is_some_and(|v| *v > 0.0)
    }

    /// The step within `radius`.
    fn step(&self, g: &[f64], radius: f64) -> Option<Step> {
        krylov_step(self.operator.as_ref()?, self.low.as_ref(), g, radius)
    }
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
        let known = |x: &[f64], within: f64, _: usize| (distance(x, &[a, 0.0]) <= within).then_some(0);
        let (mut ended, mut early) = (0, 0);
        for away in [0.0, 0.1, 1.0, 5.0, 12.0, 20.0] {
            for x in [0.2, 0.26, 0.33, 0.5] {
                for x in [-x, x] {
                    // Without knowing anything, and then.
                    let start = [x, away];
                    let starts = [Start { x: &start, index: 0, directions: None }];
                    let control = Control::quiet();
                    let alone = follow(&problem, &starts, |_, _, _| None, &control).remove(0);
                    let Some(End::Found(alone)) = alone else { continue };
                    ended += 1;
                    let found = match follow(&problem, &starts, known, &control).remove(0) {
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
