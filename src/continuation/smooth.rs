//! Branches, proven.
//!
//! In: branches and their events. Out: the stretches of each along which [`crate::rigor::curve`] proves that one smooth curve of
//! critical points leads from point to point, where the kind can be enclosed together with its parameter
//! ([`crate::landscape::Family::equations`]).

use rayon::prelude::*;

use super::system::Problem;
use super::{Branch, BranchPoint, Event, EventKind, Proven};
use crate::control::{Control, Progress};
use crate::critical::Level;
use crate::landscape::Equations;
use crate::linalg::norm;
use crate::rigor::{BallMatrix, CurvePoint, Expansion, System, Tube, curve, inertia};

/// Up to this dimension it is tried: tubes get short where boxes have many coordinates.
const MOST_STATES: usize = 16;

/// So many pieces of a branch may fail for another reason than an event before the rest is not tried.
const MOST_FAILURES: usize = 8;

/// The point of the curve is the branch's if it is not farther away than this, in natural scales.
const SAME: f64 = 1e-7;

/// Proves what can be proven of each branch.
pub(super) fn prove(problem: &Problem<'_>, branches: &mut [Branch], events: &[Event], control: &Control<'_>) {
    if !problem.options.prove || problem.dim() > MOST_STATES {
        return;
    }
    (control.progress)(Progress { stage: "proofs of branches", done: 0, total: branches.len(), note: "" });
    branches.par_iter_mut().for_each(|branch| {
        branch.proven = stretches(problem, &branch.points, events, control);
        let last = branch.points.len().saturating_sub(1);
        let whole = branch.proven.iter().any(|p| (p.first, p.last) == (0, last));
        if whole && branch.level == Level::Checked {
            branch.level = Level::Proven;
        }
    });
}

/// The stretches of a branch that are proven.
fn stretches(
    problem: &Problem<'_>,
    points: &[BranchPoint],
    events: &[Event],
    control: &Control<'_>,
) -> Vec<Proven> {
    let mut proven: Vec<Proven> = vec![];
    let Some(mut walk) = points.first().and_then(|first| Walk::new(problem, &first.x)) else {
        return proven;
    };
    // The point before, if it is one of a curve, and the tube that led there.
    let mut last: Option<CurvePoint> = None;
    let mut tube: Option<Tube> = None;
    let mut failures = 0;
    for (place, point) in points.iter().enumerate() {
        if control.stopped() || failures >= MOST_FAILURES {
            break;
        }
        // Where branches cross no point can be isolated.
        let regular = point.event.is_none_or(|e| matches!(events[e].kind, EventKind::Fold | EventKind::Cusp));
        let here = regular.then(|| walk.point(point)).flatten();
        failures += usize::from(regular && here.is_none());
        let mut led = vec![];
        if let (Some(a), Some(b)) = (&last, &here) {
            led = walk.between(a, b, tube.as_ref(), point).unwrap_or_default();
            failures += usize::from(led.is_empty());
            if !led.is_empty() {
                let before = &points[place - 1];
                let error = walk.distance(a, before).max(walk.distance(b, point));
                let told = [before.index, point.index];
                let known = walk.index(&led);
                let indexed = known.is_some() && told.iter().all(|i| i.is_none() || *i == known);
                // It goes on if a tube led to where it begins.
                if tube.is_none() {
                    proven.push(Proven { first: place - 1, last: place, error: 0.0, indexed: 0, tubes: 0 });
                }
                if let Some(stretch) = proven.last_mut() {
                    stretch.last = place;
                    stretch.error = stretch.error.max(error);
                    stretch.indexed += usize::from(indexed);
                    stretch.tubes += led.len();
                }
            }
        }
        tube = led.pop();
        last = here;
    }
    proven
}

/// The equations along a branch.
struct Walk<'a> {
    problem: &'a Problem<'a>,
    equations: Box<dyn System + 'a>,
    /// The state about which they are tight.
    near: Vec<f64>,
}

impl<'a> Walk<'a> {
    fn new(problem: &'a Problem<'a>, near: &[f64]) -> Option<Self> {
        let equations = problem.family.equations(problem.place, near, Equations::Branch).ok()?;
        Some(Walk { problem, equations, near: near.to_vec() })
    }

    /// Large changes of the unknowns at a point.
    fn span(&self, point: &BranchPoint) -> Vec<f64> {
        let scales = self.problem.scales;
        let unit = scales.parameter * if scales.logarithmic { point.parameter } else { 1.0 };
        let mut span = vec![scales.state; point.x.len()];
        span.push(unit);
        span
    }

    fn distance(&self, here: &CurvePoint, point: &BranchPoint) -> f64 {
        here.distance(&unknowns(point), &self.span(point))
    }

    /// Asks for equations that are tight about a point; false if the present ones are.
    fn renew(&mut self, point: &BranchPoint) -> bool {
        let away: Vec<f64> = self.near.iter().zip(&point.x).map(|(a, b)| a - b).collect();
        if norm(&away) == 0.0 {
            return false;
        }
        let Some(new) = Walk::new(self.problem, &point.x) else { return false };
        *self = new;
        true
    }

    /// The point of the curve that is this point of the branch.
    fn point(&mut self, point: &BranchPoint) -> Option<CurvePoint> {
        let (u, span) = (unknowns(point), self.span(point));
        // Along the tangent's largest component, in natural scales.
        let t = &point.tangent;
        let axis = (0..u.len()).fold(0, |best, i| if t[i].abs() > t[best].abs() { i } else { best });
        let isolated = |walk: &Self| {
            let here = CurvePoint::near(walk.equations.as_ref(), &u, &span, axis)?;
            (here.distance(&u, &span) <= SAME).then_some(here)
        };
        isolated(self).or_else(|| if self.renew(point) { isolated(self) } else { None })
    }

    /// The tubes from one to the other, near a point.
    fn between(
        &mut self,
        from: &CurvePoint,
        to: &CurvePoint,
        before: Option<&Tube>,
        point: &BranchPoint,
    ) -> Option<Vec<Tube>> {
        let span = self.span(point);
        let led = |walk: &Self| curve(walk.equations.as_ref(), from, to, before, &span);
        led(self).or_else(|| if self.renew(point) { led(self) } else { None })
    }

    /// The index of the Hessian all over some tubes: the equations' Jacobian but for its last column, the parameter's.
    fn index(&self, tubes: &[Tube]) -> Option<usize> {
        let n = self.problem.dim();
        let mut expansion = Expansion::new(n + 1);
        let mut known = None;
        for tube in tubes {
            let range = tube.range();
            let middle: Vec<f64> = range.iter().map(|x| x.mid()).collect();
            self.equations.expand(&range, &middle, &mut expansion);
            let rows = expansion.jacobian.chunks(n + 1).take(n);
            let hessian: Vec<_> = rows.flat_map(|row| &row[..n]).copied().collect();
            let index = inertia(&BallMatrix::from_intervals(n, n, &hessian))?;
            if known.is_some_and(|known| known != index) {
                return None;
            }
            known = Some(index);
        }
        known
    }
}

fn unknowns(point: &BranchPoint) -> Vec<f64> {
    let mut u = point.x.clone();
    u.push(point.parameter);
    u
}
