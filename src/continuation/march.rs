//! One branch, step after step, with its events.

use super::End;
use super::event::{Verdict, ahead, between, leap, settle_indices};
use super::locate::Located;
use super::path::{Node, Step, cross, holds, minus, next_length, step};
use super::system::Problem;
use crate::control::Control;
use crate::linalg::{dot, norm};

/// Shortest step, in natural scales.
const SHORTEST: f64 = 1e-9;

/// How near to the region's boundary a branch is followed.
pub(super) const BOUNDARY: f64 = 1e-8;

/// Where an eigenvalue is below this, relative to the Hessian's size, steps may fail for being too short: next to an event
/// with several flat directions only a longer one leads across.
const FLAT: f64 = 1e-6;

/// Such longer steps, relative to the longest.
const LONGER: [f64; 6] = [1.0, 0.7, 0.5, 0.35, 0.2, 0.1];

/// The longest step meant by that is at least this.
const LEAST_LONG: f64 = 0.05;

/// A piece of a branch from its first node on.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) nodes: Vec<Node>,
    /// What its nodes' events refer to.
    pub(super) events: Vec<Located>,
    pub(super) end: Option<End>,
    pub(super) steps: usize,
    pub(super) refused: usize,
}

impl Trace {
    fn finish(mut self, end: End) -> Self {
        self.end = Some(end);
        self
    }

    fn failed(self, why: &str) -> Self {
        self.finish(End::Failed(why.into()))
    }
}

/// Follows the branch from `first` along its tangent. `home` is where it started: it is closed if it comes back.
pub(super) fn march(
    problem: &Problem<'_>,
    first: Vec<Node>,
    home: Option<&Node>,
    control: &Control<'_>,
) -> Trace {
    let options = problem.options;
    let mut trace = Trace { nodes: first, ..Trace::default() };
    let mut h = 0.2 * options.max_step;
    if let [.., a, b] = trace.nodes.as_slice() {
        h = h.min(2.0 * norm(&minus(&b.z, &a.z)));
    }
    let (mut leaps, mut leapt) = (0, 0);
    let mut travelled = 0.0;
    // Did the last step lead out of the region?
    let mut left = false;
    loop {
        let Some(a) = trace.nodes.last().cloned() else { return trace.failed("there is no first point") };
        if outward(problem, &a) {
            return trace.finish(End::Bound);
        }
        if control.stopped() {
            return trace.failed("interrupted");
        }
        if trace.nodes.len() >= options.max_points {
            return trace.failed("the branch has the most points that were asked for");
        }
        if let Some(b) = cross(problem, &a) {
            trace.nodes.push(b);
            continue;
        }
        let (known, events) = (trace.nodes.len(), trace.events.len());
        let next = step(problem, &a, h);
        let Step::To(b, bound) = next else {
            trace.refused += 1;
            h *= 0.5;
            if h < 1e-3 * options.max_step
                && leapt < LONGER.len()
                && a.spectrum.smallest().abs() < FLAT * problem.size(a.theta())
            {
                h = LONGER[leapt] * options.max_step.max(LEAST_LONG);
                leapt += 1;
            }
            if h < SHORTEST {
                if left {
                    return trace.finish(End::Region);
                }
                if let Some((located, mut node)) = ahead(problem, &a) {
                    let event = trace.events.len();
                    node.event = Some(event);
                    trace.events.push(located);
                    trace.nodes.push(node);
                    return trace.finish(End::Event(event));
                }
                return trace.failed("no step could be taken: the corrector does not converge");
            }
            continue;
        };
        if leapt < LONGER.len() && hazy(problem, &b) {
            // A point without a sure index, at which the tangent is noise, too: try others, farther on first.
            trace.refused += 1;
            h = LONGER[leapt] * options.max_step.max(LEAST_LONG);
            leapt += 1;
            continue;
        }
        match between(problem, &a, &b) {
            Verdict::Quiet => {}
            Verdict::Event(found) => {
                let (located, mut node) = *found;
                node.event = Some(trace.events.len());
                trace.events.push(located);
                trace.nodes.push(node);
            }
            Verdict::Shorter => {
                trace.refused += 1;
                let length = norm(&minus(&b.z, &a.z));
                if length > 4.0 * SHORTEST {
                    h = 0.5 * length.min(h);
                    continue;
                }
                let Some((located, mut node)) = leap(problem, &a, &b) else {
                    return trace.failed("the landscape can't be evaluated");
                };
                leaps += 1;
                node.event = Some(trace.events.len());
                trace.events.push(located);
                trace.nodes.push(node);
                if leaps > 20 {
                    return trace.failed("the index leaps again and again");
                }
            }
        }
        let length = norm(&minus(&b.z, &a.z));
        let far = norm(&b.z[..problem.dim()]) > problem.reach;
        if far || options.region.as_ref().is_some_and(|r| !r.contains(&problem.scales.x(&b.z))) {
            if length > BOUNDARY {
                trace.refused += 1;
                trace.nodes.truncate(known);
                trace.events.truncate(events);
                h = 0.5 * length.min(h);
                left = true;
                continue;
            }
            return trace.finish(End::Region);
        }
        left = false;
        travelled += length;
        h = next_length(options, &a, &b, length);
        trace.steps += 1;
        leapt = 0;
        trace.nodes.push(*b);
        settle_indices(problem, &mut trace.nodes);
        let new = trace.nodes.len() - known;
        if let Some(home) = home
            && travelled > 3.0 * length
            && let Some(closed) = comes_home(problem, &trace.nodes, new, home)
        {
            trace.nodes.truncate(closed);
            let mut last = home.clone();
            last.event = None;
            if let Some(end) = trace.nodes.last() {
                last.z = problem.nearest(&home.z, &end.z);
            }
            // Where home is an event, the branch has just located it again.
            match trace.nodes.last() {
                Some(end) if norm(&minus(&end.z, &last.z)) < 1e-7 => {}
                _ => trace.nodes.push(last),
            }
            return trace.finish(End::Closed);
        }
        if bound {
            return trace.finish(End::Bound);
        }
    }
}

/// Are several eigenvalues small and one of them next to rounding?
fn hazy(problem: &Problem<'_>, node: &Node) -> bool {
    let [(first, _), (second, _), ..] = node.spectrum.near.as_slice() else { return false };
    let size = problem.size(node.theta()).max(node.spectrum.largest);
    first.abs() < 2e-12 * size && second.abs() < 0.02 * size
}

/// Does the branch leave the parameter's range here?
fn outward(problem: &Problem<'_>, a: &Node) -> bool {
    let at = |end: usize| (a.theta() - problem.scales.theta(problem.range[end])).abs() < 1e-13;
    a.event.is_none() && (at(0) && a.speed() < 0.0 || at(1) && a.speed() > 0.0)
}

/// The number of nodes to keep if one of the last pieces holds `home`, passed in its direction.
fn comes_home(problem: &Problem<'_>, nodes: &[Node], pieces: usize, home: &Node) -> Option<usize> {
    let last = nodes.len() - 1;
    for k in (last - pieces.min(last)..last).take(pieces) {
        let (a, b) = (&nodes[k], &nodes[k + 1]);
        if dot(&a.tangent, &home.tangent) < 0.8 {
            continue;
        }
        if norm(&minus(&b.z, &problem.nearest(&home.z, &b.z))) < 1e-7 {
            return Some(k + 2);
        }
        if holds(problem, a, b, &home.z).is_some() {
            return Some(k + 1);
        }
    }
    None
}
