//! Orbits on one-dimensional invariant manifolds: where each of the two branches ends.

use super::Orbit;
use super::place::{Node, Place};
use crate::flow::{self, End, Flow, integrate_scaled};
use crate::linalg::{axpy, column, column_mut, norm};

/// Where a branch ended.
pub(super) enum Branch {
    /// In the trap of this point (id).
    Arrived { id: usize, orbit: Orbit },
    /// Through the region's boundary.
    Exit { orbit: Orbit },
    /// It ran onto the stable manifold of this point (id), which it misses by less than the integration can tell.
    NotTransverse { id: usize, orbit: Orbit, gap: f64 },
    /// Into this degenerate family.
    Degenerate { family: usize, orbit: Orbit },
    /// Nowhere.
    Lost { orbit: Orbit, reason: String },
}

/// A branch to follow: from point `id` along its mode, on one side, forwards or backwards.
#[derive(Clone, Copy)]
pub(super) struct Task {
    pub(super) id: usize,
    pub(super) side: f64,
    pub(super) backward: bool,
}

/// Points of an orbit that are kept in low and in high dimension.
const KEPT: (usize, usize) = (200, 40);

/// Up to this dimension orbits are wanted for their course, beyond for where they end.
const DRAWN: usize = 16;

/// Steps an orbit may take in low and in high dimension. Along a stiff bent valley the method is of low order and its
/// steps are short, but the way they make is steady.
const STEPS: (usize, usize) = (200_000, 20_000);

/// Twenty steps that cover less than this, relative to the scale, make no way.
const STILL: f64 = 1e-9;

/// They must last this long, in units of the time in which the distance from the saddle grows e-fold.
const PATIENCE: f64 = 20.0;

/// Follows one branch to its end.
pub(super) fn follow_branch(place: &Place<'_>, task: Task, tolerance: f64) -> Branch {
    let landscape = place.landscape();
    let scale = place.scale();
    let flow = if task.backward { Flow::backward(landscape) } else { Flow::forward(landscape) };
    let Some(start) = leave(place, task) else {
        let reason = "the modes of the flow at its start could not be computed".to_string();
        return Branch::Lost { orbit: Orbit::default(), reason };
    };
    let node = &place.nodes[task.id];
    let mut trace = Trace::new(place, node);
    trace.push(&start, landscape.energy(&start));
    let mut passages: Vec<Option<Passage>> = place.nodes.iter().map(|_| None).collect();
    let mut verdict = None;
    let steps = if start.len() <= DRAWN { STEPS.0 } else { STEPS.1 };
    let options = flow::Options { tolerance: tolerance * scale, longest: 0.04 * scale, steps };
    let drawn = place.full_dim() <= DRAWN;
    let (mut step, mut mark, mut mark_time) = (0, start.clone(), 0.0);
    let unhurried = PATIENCE / node.rate(task.backward);
    let far = |x: &[f64]| place.remoteness(x);
    let end = integrate_scaled(&flow, &start, &options, far, |state| {
        trace.push(state.x, state.energy);
        if !place.contains(state.x) {
            verdict = Some(Verdict::Exit);
            return false;
        }
        for (id, other) in place.nodes.iter().enumerate() {
            let distance = place.distance(&other.x, state.x);
            if place.is_end(id, task.backward) {
                if distance < other.trap {
                    verdict = Some(Verdict::Trap(id));
                    // Decided; where orbits are drawn the rest of the way is followed as well.
                    return drawn && distance > 0.01 * scale;
                }
            } else if id != task.id && distance < other.linear && place.is_downstream(task, id) {
                let passage = passages[id].get_or_insert_with(|| Passage {
                    entered: state.time,
                    closest: f64::INFINITY,
                    time: 0.0,
                    x: vec![],
                });
                if distance < passage.closest {
                    (passage.closest, passage.time) = (distance, state.time);
                    passage.x = state.x.to_vec();
                }
            }
        }
        // Speeds say little beside a stiff valley: an orbit that makes no way over many steps is at rest, unless the steps
        // are so short in time that it could not have left the saddle either.
        step += 1;
        if step % 20 == 0 && state.time - mark_time > unhurried {
            if place.distance(&mark, state.x) < STILL * scale {
                verdict = Some(Verdict::Rest);
                return false;
            }
            mark.copy_from_slice(state.x);
            mark_time = state.time;
        }
        true
    });
    let last = trace.last.clone();
    let mut orbit = trace.finish(place, task.backward);
    // The nearest miss of a point whose stable manifold (unstable one, backwards) this orbit should not meet.
    let miss = passages
        .iter()
        .enumerate()
        .filter_map(|(id, p)| Some((gap(place, id, p.as_ref()?, task.backward), id)))
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    if let Some((gap, id)) = miss
        && gap < 1e2 * tolerance
    {
        // What follows the passage was decided by rounding: the orbit ends at the point.
        orbit.cut_at(place, &place.nodes[id], task.backward);
        return Branch::NotTransverse { id, orbit, gap };
    }
    match (verdict, end) {
        (Some(Verdict::Exit), _) => {
            orbit.drop_outside(place, task.backward);
            Branch::Exit { orbit }
        }
        (Some(Verdict::Trap(id)), _) => {
            orbit.close(place, &place.nodes[id], task.backward);
            Branch::Arrived { id, orbit }
        }
        (_, end) => {
            if let Some(family) = place.family_at(&last) {
                return Branch::Degenerate { family, orbit };
            }
            let reason = match end {
                End::Exhausted => "it did not arrive within the steps allowed".to_string(),
                End::Stuck => "the step fell below what rounding resolves".to_string(),
                End::Stopped => "it came to rest away from every known critical point".to_string(),
            };
            Branch::Lost { orbit, reason }
        }
    }
}

enum Verdict {
    Exit,
    Trap(usize),
    Rest,
}

/// The first point off the critical point: on the quadratic approximation `x + s v + s^2 w` of its manifold, with
/// `(H - 2 lambda) w = -D3E(v, v, .)/2`, at a distance where the cubic remainder is below 1e-9 of the distance.
///
/// (With the landscape's own dynamics H is minus the Jacobian of the flow and D3E(v, v, .) its derivative along v, by a
/// difference.) `None` if the mode is not known.
fn leave(place: &Place<'_>, task: Task) -> Option<Vec<f64>> {
    let node = &place.nodes[task.id];
    let n = node.x.len();
    let mode = if task.backward { n - 1 } else { 0 };
    if mode >= node.vectors.ncols() {
        return None;
    }
    let (v, lambda) = (node.vector(mode), node.values[mode]);
    let mut cubic = vec![0.0; n];
    if place.flow().has_dynamics() {
        second_of_flow(place, node, &v, &mut cubic);
    } else {
        place.landscape().third(&node.x, &v, &v, &mut cubic);
    }
    let rate = norm(&cubic);
    let reach = if rate > 0.0 { lambda.abs() / rate } else { f64::INFINITY };
    let s = task.side * (1e-3 * reach).clamp(1e-7 * place.scale(), 1e-3 * place.scale());
    let mut x = node.x.clone();
    axpy(s, &v, &mut x);
    if node.vectors.ncols() == n {
        for j in 0..n {
            let u = node.vector(j);
            let divisor = node.values[j] - 2.0 * lambda;
            if divisor.abs() > 1e-6 * lambda.abs() {
                axpy(-0.5 * s * s * node.coordinate(j, &cubic) / divisor, &u, &mut x);
            }
        }
    }
    Some(x)
}

/// Minus the second derivative of the flow along `v`, by a central difference of its Jacobian within the neighbourhood
/// where that is nearly constant.
fn second_of_flow(place: &Place<'_>, node: &Node, v: &[f64], out: &mut [f64]) {
    let h = (1e-4 * place.scale()).min(0.1 * node.linear).max(1e-9 * place.scale());
    let flow = place.flow();
    let mut side = vec![0.0; v.len()];
    out.fill(0.0);
    for sign in [1.0, -1.0] {
        let mut x = node.x.clone();
        axpy(sign * h, v, &mut x);
        flow.linearize(&x)(column(v), column_mut(&mut side));
        axpy(0.5 * sign / h, &side, out);
    }
}

/// How an orbit passed a critical point, within the neighbourhood where the flow there is nearly linear.
struct Passage {
    entered: f64,
    closest: f64,
    /// When and where it was closest.
    time: f64,
    x: Vec<f64>,
}

/// How far, relative to the scale, an orbit missed the stable manifold of node `id`: the unstable coordinate at its
/// closest approach, carried back along the linearised flow for the time since it entered the neighbourhood.
fn gap(place: &Place<'_>, id: usize, passage: &Passage, backward: bool) -> f64 {
    let node = &place.nodes[id];
    let difference = place.difference(&node.x, &passage.x);
    let sign = if backward { -1.0 } else { 1.0 };
    let (mut out, mut rate) = (0.0, 0.0);
    for j in 0..node.vectors.ncols() {
        if sign * node.values[j] < 0.0 {
            let c = node.coordinate(j, &difference).powi(2);
            out += c;
            rate += c * node.values[j].abs();
        }
    }
    if out == 0.0 {
        return 0.0;
    }
    out.sqrt() * (-(rate / out) * (passage.time - passage.entered)).exp() / place.scale()
}

/// An orbit under way, in search coordinates, thinned as it grows.
struct Trace {
    points: Vec<Vec<f64>>,
    energies: Vec<f64>,
    last: Vec<f64>,
    last_energy: f64,
    stride: usize,
    seen: usize,
    most: usize,
}

impl Trace {
    fn new(place: &Place<'_>, node: &Node) -> Self {
        let most = if place.full_dim() <= DRAWN { KEPT.0 } else { KEPT.1 };
        Trace {
            points: vec![node.x.clone()],
            energies: vec![node.energy],
            last: node.x.clone(),
            last_energy: node.energy,
            stride: 1,
            seen: 0,
            most,
        }
    }

    fn push(&mut self, x: &[f64], energy: f64) {
        self.seen += 1;
        self.last.copy_from_slice(x);
        self.last_energy = energy;
        if !self.seen.is_multiple_of(self.stride) {
            return;
        }
        self.points.push(x.to_vec());
        self.energies.push(energy);
        if self.points.len() > 2 * self.most {
            // Keep the start and every second point.
            let mut i = 0;
            self.points.retain(|_| {
                i += 1;
                i == 1 || i % 2 == 0
            });
            let mut i = 0;
            self.energies.retain(|_| {
                i += 1;
                i == 1 || i % 2 == 0
            });
            self.stride *= 2;
        }
    }

    /// The orbit from its upper to its lower end, still in search coordinates.
    fn finish(mut self, place: &Place<'_>, backward: bool) -> Orbit {
        if self.points.last() != Some(&self.last) {
            self.points.push(self.last);
            self.energies.push(self.last_energy);
        }
        if backward {
            self.points.reverse();
            self.energies.reverse();
        }
        let points = self.points.iter().map(|x| place.lift(x)).collect();
        let energies = self.energies.iter().map(|e| e + place.offset).collect();
        Orbit { points, energies }
    }
}

impl Orbit {
    /// Adds the critical point at which the orbit ends.
    fn close(&mut self, place: &Place<'_>, node: &Node, backward: bool) {
        let mut x = place.lift(&node.x);
        let end = if backward { self.points.first() } else { self.points.last() };
        if let Some(end) = end {
            // In a periodic coordinate the orbit runs on in the cover: end there, too.
            let step = place.region.difference(end, &x);
            x = end.iter().zip(&step).map(|(a, d)| a + d).collect();
        }
        let energy = node.energy + place.offset;
        if backward {
            self.points.insert(0, x);
            self.energies.insert(0, energy);
        } else {
            self.points.push(x);
            self.energies.push(energy);
        }
    }

    /// Cuts off what comes after the closest approach to a point and ends there.
    fn cut_at(&mut self, place: &Place<'_>, node: &Node, backward: bool) {
        let goal = place.lift(&node.x);
        let distance = |x: &Vec<f64>| place.region.distance(x, &goal);
        let closest = (0..self.points.len())
            .min_by(|a, b| distance(&self.points[*a]).total_cmp(&distance(&self.points[*b])))
            .unwrap_or(0);
        if backward {
            self.points.drain(..=closest);
            self.energies.drain(..=closest);
        } else {
            self.points.truncate(closest);
            self.energies.truncate(closest);
        }
        self.close(place, node, backward);
    }

    /// Drops the points outside the region.
    fn drop_outside(&mut self, place: &Place<'_>, backward: bool) {
        let inside = |x: &Vec<f64>| place.region.contains(x);
        if backward {
            let first = self.points.iter().position(inside).unwrap_or(0);
            self.points.drain(..first);
            self.energies.drain(..first);
        } else {
            let last = self.points.iter().rposition(inside).map_or(0, |i| i + 1);
            self.points.truncate(last);
            self.energies.truncate(last);
        }
    }
}
