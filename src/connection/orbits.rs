//! Orbits on one-dimensional invariant manifolds: where each of the two branches ends.

use std::collections::BTreeMap;

use faer::Mat;
use rayon::prelude::*;

use super::Orbit;
use super::departure::Departure;
use super::place::{Nearby, Node, Place};
use crate::flow::{self, DORMAND_PRINCE, End, Flow, State, integrate_scaled, integrate_together};
use crate::linalg::norm;

/// Where a branch ended.
pub(super) enum Branch {
    /// In the trap of this point (id), past saddles (id, gap with its sign).
    Arrived { id: usize, orbit: Orbit, misses: Vec<(usize, f64)> },
    /// Through the region's boundary, past saddles as above.
    Exit { orbit: Orbit, misses: Vec<(usize, f64)> },
    /// It ran onto the stable manifold of this point (id), which it misses by less than the integration can tell.
    NotTransverse { id: usize, orbit: Orbit, gap: f64, signed: f64 },
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

/// Steps of an orbit in company.
const IN_COMPANY: usize = 400;

/// Orbits followed together, at most.
const TOGETHER: usize = 64;

/// Twenty steps that cover less than this, relative to the scale, make no way.
const STILL: f64 = 1e-9;

/// They must last this long, in units of the time in which the distance from the saddle grows e-fold.
const PATIENCE: f64 = 20.0;

/// An orbit this many times as far from a saddle as where it was closest is leaving it.
const AWAY: f64 = 4.0;

/// Follows branches to their ends.
pub(super) fn follow_branches(place: &Place<'_>, tasks: &[Task], tolerance: f64) -> Vec<Branch> {
    let landscape = place.landscape();
    if landscape.dynamics().is_some() || !landscape.has_energy() {
        return tasks.par_iter().map(|task| follow_branch(place, *task, tolerance)).collect();
    }
    let size = flow::group(tasks.len(), landscape.dim(), TOGETHER);
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|k| tasks[*k].backward);
    let groups: Vec<&[usize]> = order
        .chunk_by(|a, b| tasks[*a].backward == tasks[*b].backward)
        .flat_map(|g| g.chunks(size))
        .collect();
    let together = |group: &&[usize]| -> Vec<Branch> {
        let tasks: Vec<Task> = group.iter().map(|k| tasks[*k]).collect();
        let courses = follow_together(place, &tasks, tolerance);
        let branch = |(task, course): (&Task, Option<Course>)| match course {
            Some(course) => branch(place, *task, course, tolerance),
            None => follow_branch(place, *task, tolerance),
        };
        tasks.par_iter().zip(courses).map(branch).collect()
    };
    let found: Vec<Vec<Branch>> = groups.par_iter().map(together).collect();
    let mut found: Vec<(usize, Branch)> = order.into_iter().zip(found.into_iter().flatten()).collect();
    found.sort_by_key(|f| f.0);
    found.into_iter().map(|f| f.1).collect()
}

/// Where a branch starts; `None` if the modes there could not be computed.
fn departure(place: &Place<'_>, task: Task) -> Option<Vec<f64>> {
    let node = &place.nodes[task.id];
    let mode = if task.backward { node.x.len() - 1 } else { 0 };
    Departure::new(place, node, &[mode]).map(|d| d.start(&[task.side]))
}

/// A trace of a branch.
fn trace(place: &Place<'_>, task: Task) -> Trace {
    let most = if place.full_dim() <= DRAWN { KEPT.0 } else { KEPT.1 };
    Trace::new(&place.nodes[task.id], task.backward, most)
}

/// Follows branches of one direction in time, as far as an explicit method tells where they end.
fn follow_together(place: &Place<'_>, tasks: &[Task], tolerance: f64) -> Vec<Option<Course>> {
    let starts: Vec<Option<Vec<f64>>> = tasks.iter().map(|task| departure(place, *task)).collect();
    let known: Vec<&Vec<f64>> = starts.iter().flatten().collect();
    let mut watches: Vec<Watch<'_>> = (tasks.iter().zip(&starts))
        .filter_map(|(task, start)| {
            Some(Watch::new(place, task.id, task.backward, start.as_ref()?, trace(place, *task), None))
        })
        .collect();
    let at = Mat::from_fn(place.landscape().dim(), known.len(), |i, j| known[j][i]);
    let backward = tasks.first().is_some_and(|task| task.backward);
    let options = flow::Options { steps: IN_COMPANY, ..options(place, tolerance) };
    let far = |x: &[f64]| place.remoteness(x);
    let mut stopped = vec![false; known.len()];
    let see = |j: usize, state: &State<'_>| {
        stopped[j] = !watches[j].goes_on(state);
        !stopped[j]
    };
    integrate_together(&flow(place, backward), &DORMAND_PRINCE, at.as_ref(), &options, far, see);
    let mut watches = watches.into_iter().zip(stopped);
    let course = |start: &Option<Vec<f64>>| {
        let (watch, stopped) = start.as_ref().and_then(|_| watches.next())?;
        // What seems to rest may be creeping: an explicit method makes little way in a stiff valley.
        (stopped && watch.verdict != Some(Verdict::Rest)).then(|| watch.course(End::Stopped))
    };
    starts.iter().map(course).collect()
}

/// Follows one branch to its end.
pub(super) fn follow_branch(place: &Place<'_>, task: Task, tolerance: f64) -> Branch {
    let Some(start) = departure(place, task) else {
        let reason = "the modes of the flow at its start could not be computed".to_string();
        return Branch::Lost { orbit: Orbit::default(), reason };
    };
    let course = follow(place, task.id, task.backward, &start, tolerance, trace(place, task));
    branch(place, task, course, tolerance)
}

/// What a branch is that took this course.
fn branch(place: &Place<'_>, task: Task, course: Course, tolerance: f64) -> Branch {
    let Course { verdict, end, passages, trace } = course;
    let last = trace.last.clone();
    let mut orbit = trace.finish(place);
    let misses: Vec<(usize, f64)> = passages
        .iter()
        .filter_map(|(id, p)| Some((*id, p.side(place, *id, task.backward)? / place.scale())))
        .collect();
    // The nearest miss of a point whose stable manifold (unstable one, backwards) this orbit should not meet.
    let miss = passages
        .iter()
        .map(|(id, p)| (p.gap(place, *id, task.backward), *id))
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    if let Some((gap, id)) = miss
        && gap < 1e2 * tolerance
    {
        // What follows the passage was decided by rounding: the orbit ends at the point.
        orbit.cut_at(place, &place.nodes[id], task.backward);
        let signed = misses.into_iter().find(|m| m.0 == id).map_or(gap, |m| m.1);
        return Branch::NotTransverse { id, orbit, gap, signed };
    }
    match verdict {
        Some(Verdict::Exit) => {
            orbit.drop_outside(place, task.backward);
            Branch::Exit { orbit, misses }
        }
        Some(Verdict::Trap(id)) => {
            orbit.close(place, &place.nodes[id], task.backward);
            Branch::Arrived { id, orbit, misses }
        }
        Some(Verdict::Rest) | None => match place.family_at(&last) {
            Some(family) => Branch::Degenerate { family, orbit },
            None => Branch::Lost { orbit, reason: nowhere(end).to_string() },
        },
    }
}

/// Why an orbit that ended nowhere did.
pub(super) fn nowhere(end: End) -> &'static str {
    match end {
        End::Exhausted => "it did not arrive within the steps allowed",
        End::Stuck => "the step fell below what rounding resolves",
        End::Stopped => "it came to rest away from every known critical point",
    }
}

/// What became of an orbit.
pub(super) struct Course {
    /// Where it was decided, if it was.
    pub(super) verdict: Option<Verdict>,
    /// Why the integration ended.
    pub(super) end: End,
    /// How it passed each critical point, by id.
    pub(super) passages: BTreeMap<usize, Passage>,
    /// Its states.
    pub(super) trace: Trace,
}

/// Follows the orbit from `start`, which belongs to the point `id`, until it enters a trap, leaves the region or comes to
/// rest. The trace begins where it is handed over.
pub(super) fn follow(
    place: &Place<'_>,
    id: usize,
    backward: bool,
    start: &[f64],
    tolerance: f64,
    trace: Trace,
) -> Course {
    follow_past(place, id, backward, start, tolerance, trace, None)
}

/// The same, but not beyond the saddle `until`, if there is one, once the orbit has come by it and is leaving.
pub(super) fn follow_past(
    place: &Place<'_>,
    id: usize,
    backward: bool,
    start: &[f64],
    tolerance: f64,
    trace: Trace,
    until: Option<usize>,
) -> Course {
    let far = |x: &[f64]| place.remoteness(x);
    let mut watch = Watch::new(place, id, backward, start, trace, until);
    let end = integrate_scaled(&flow(place, backward), start, &options(place, tolerance), far, |state| {
        watch.goes_on(state)
    });
    watch.course(end)
}

fn flow<'a>(place: &'a Place<'_>, backward: bool) -> Flow<'a> {
    if backward { Flow::backward(place.landscape()) } else { Flow::forward(place.landscape()) }
}

fn options(place: &Place<'_>, tolerance: f64) -> flow::Options {
    let scale = place.scale();
    let steps = if place.landscape().dim() <= DRAWN { STEPS.0 } else { STEPS.1 };
    flow::Options { tolerance: tolerance * scale, longest: 0.04 * scale, steps }
}

/// What is seen of an orbit on its way.
struct Watch<'a> {
    place: &'a Place<'a>,
    task: Task,
    /// Not beyond this saddle.
    until: Option<usize>,
    /// Where orbits are drawn they are followed to their ends.
    drawn: bool,
    verdict: Option<Verdict>,
    passages: BTreeMap<usize, Passage>,
    trace: Trace,
    nearby: Nearby,
    step: usize,
    /// Where and when it was at the last step by twenty.
    mark: Vec<f64>,
    mark_time: f64,
    /// The slowest rate at which orbits leave what it has passed.
    slowest: f64,
}

impl<'a> Watch<'a> {
    fn new(
        place: &'a Place<'a>,
        id: usize,
        backward: bool,
        start: &[f64],
        mut trace: Trace,
        until: Option<usize>,
    ) -> Self {
        trace.push(start, place.landscape().energy(start), 0.0);
        Watch {
            place,
            task: Task { id, side: 1.0, backward },
            until,
            drawn: place.full_dim() <= DRAWN,
            verdict: None,
            passages: BTreeMap::new(),
            trace,
            nearby: Nearby::default(),
            step: 0,
            mark: start.to_vec(),
            mark_time: 0.0,
            slowest: place.nodes[id].rate(backward),
        }
    }

    /// Takes a state in; false where the orbit's end is decided.
    fn goes_on(&mut self, state: &State<'_>) -> bool {
        let (place, Task { id, backward, .. }) = (self.place, self.task);
        let scale = place.scale();
        self.trace.push(state.x, state.energy, state.time);
        if !place.contains(state.x) {
            self.verdict = Some(Verdict::Exit);
            return false;
        }
        for &other in place.near(state.x, &mut self.nearby) {
            let node = &place.nodes[other];
            let distance = place.distance(&node.x, state.x);
            if place.is_end(other, backward) {
                if distance < node.trap {
                    self.verdict = Some(Verdict::Trap(other));
                    // Decided; where orbits are drawn the rest of the way is followed as well.
                    return self.drawn && distance > 0.01 * scale;
                }
            } else if other != id && distance < node.linear && place.is_downstream(self.task, other) {
                let passage = self.passages.entry(other).or_insert_with(|| Passage::begin(state.time));
                passage.see(distance, state.time, state.x);
                let leaving = node.leaving(backward).map(|j| node.values[j].abs());
                self.slowest = leaving.fold(self.slowest, f64::min);
            }
        }
        if let Some(other) = self.until
            && let Some(passage) = self.passages.get(&other)
            && place.distance(&place.nodes[other].x, state.x) > AWAY * passage.closest
        {
            return false;
        }
        // Speeds say little beside a stiff valley: an orbit that makes no way over many steps is at rest, unless the steps
        // are so short in time that it could not have left the saddle either.
        self.step += 1;
        if self.step.is_multiple_of(20) && state.time - self.mark_time > PATIENCE / self.slowest {
            if place.distance(&self.mark, state.x) < STILL * scale {
                self.verdict = Some(Verdict::Rest);
                return false;
            }
            self.mark.copy_from_slice(state.x);
            self.mark_time = state.time;
        }
        true
    }

    fn course(self, end: End) -> Course {
        let Watch { verdict, passages, trace, .. } = self;
        Course { verdict, end, passages, trace }
    }
}

/// How it was decided where an orbit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Through the region's boundary.
    Exit,
    /// At the critical point with this id.
    Trap(usize),
    /// At rest away from the critical points.
    Rest,
}

/// How an orbit passed a critical point, within the neighbourhood where the flow there is nearly linear.
pub(super) struct Passage {
    entered: f64,
    closest: f64,
    /// When and where it was closest.
    time: f64,
    x: Vec<f64>,
    /// Where it was last seen inside.
    pub(super) left: Vec<f64>,
}

impl Passage {
    fn begin(time: f64) -> Self {
        Passage { entered: time, closest: f64::INFINITY, time, x: vec![], left: vec![] }
    }

    fn see(&mut self, distance: f64, time: f64, x: &[f64]) {
        if distance < self.closest {
            (self.closest, self.time) = (distance, time);
            self.x = x.to_vec();
        }
        self.left.clear();
        self.left.extend_from_slice(x);
    }

    /// Coordinates along the directions in which orbits leave node `id`, where the orbit was closest, each carried back along
    /// the linearised flow for the time since it entered the neighbourhood: how far it missed the stable manifold, in lengths.
    pub(super) fn miss(&self, place: &Place<'_>, id: usize, backward: bool) -> Vec<f64> {
        let node = &place.nodes[id];
        let difference = place.difference(&node.x, &self.x);
        let since = self.time - self.entered;
        node.leaving(backward)
            .map(|j| node.coordinate(j, &difference) * (-node.values[j].abs() * since).exp())
            .collect()
    }

    /// How far it missed (length), with the sign of the side on which it left, along the one mode in which orbits leave node `id`;
    /// `None` if there are several.
    pub(super) fn side(&self, place: &Place<'_>, id: usize, backward: bool) -> Option<f64> {
        let node = &place.nodes[id];
        let leaving = node.leaving(backward);
        let side = node.coordinate(leaving.start, &place.difference(&node.x, &self.left));
        (leaving.len() == 1).then(|| norm(&self.miss(place, id, backward)).copysign(side))
    }

    /// How far, relative to the scale, the orbit missed the stable manifold of node `id`.
    pub(super) fn gap(&self, place: &Place<'_>, id: usize, backward: bool) -> f64 {
        norm(&self.miss(place, id, backward)) / place.scale()
    }
}

/// An orbit under way, in search coordinates, thinned as it grows.
#[derive(Clone)]
pub(super) struct Trace {
    pub(super) points: Vec<Vec<f64>>,
    pub(super) energies: Vec<f64>,
    pub(super) times: Vec<f64>,
    pub(super) last: Vec<f64>,
    last_energy: f64,
    backward: bool,
    stride: usize,
    seen: usize,
    most: usize,
}

impl Trace {
    /// One that begins at a critical point and keeps up to twice as many points as `most`.
    pub(super) fn new(node: &Node, backward: bool, most: usize) -> Self {
        Trace {
            backward,
            points: vec![node.x.clone()],
            energies: vec![node.energy],
            times: vec![f64::NEG_INFINITY],
            last: node.x.clone(),
            last_energy: node.energy,
            stride: 1,
            seen: 0,
            most,
        }
    }

    /// What it was up to its point number `end`.
    pub(super) fn cut(&self, end: usize) -> Trace {
        Trace {
            points: self.points[..=end].to_vec(),
            energies: self.energies[..=end].to_vec(),
            times: self.times[..=end].to_vec(),
            last: self.points[end].clone(),
            last_energy: self.energies[end],
            ..*self
        }
    }

    /// Forgets the end of it, where it is not above (backwards below) this energy, up to its first point.
    pub(super) fn rewind(&mut self, energy: f64) {
        let before = |e: &f64| if self.backward { *e < energy } else { *e > energy };
        let kept = self.energies.iter().rposition(before).map_or(1, |i| i + 1);
        self.points.truncate(kept);
        self.energies.truncate(kept);
        self.times.truncate(kept);
    }

    fn push(&mut self, x: &[f64], energy: f64, time: f64) {
        self.seen += 1;
        self.last.copy_from_slice(x);
        self.last_energy = energy;
        // Beside a saddle, and where segments are joined, rounding may lead back by a hair; levels are looked up by bisection. (Of
        // a field without energies all are kept.)
        let back =
            self.energies.last().is_some_and(|e| if self.backward { energy <= *e } else { energy >= *e });
        if back || !self.seen.is_multiple_of(self.stride) {
            return;
        }
        self.points.push(x.to_vec());
        self.energies.push(energy);
        self.times.push(time);
        if self.points.len() / 2 > self.most {
            // Keep the start and every second point.
            every_second(&mut self.points);
            every_second(&mut self.energies);
            every_second(&mut self.times);
            self.stride *= 2;
        }
    }

    /// The orbit from its upper to its lower end, still in search coordinates.
    pub(super) fn finish(mut self, place: &Place<'_>) -> Orbit {
        if self.points.last() != Some(&self.last) {
            self.points.push(self.last);
            self.energies.push(self.last_energy);
        }
        if self.backward {
            self.points.reverse();
            self.energies.reverse();
        }
        let points = self.points.iter().map(|x| place.lift(x)).collect();
        let energies = self.energies.iter().map(|e| e + place.offset).collect();
        Orbit { points, energies }
    }
}

fn every_second<T>(list: &mut Vec<T>) {
    let mut i = 0;
    list.retain(|_| {
        i += 1;
        i == 1 || i % 2 == 0
    });
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
    pub(super) fn cut_at(&mut self, place: &Place<'_>, node: &Node, backward: bool) {
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

    /// Keeps no more points than an orbit that was thinned as it grew, both ends among them.
    pub(super) fn thin(&mut self) {
        while self.points.len() > 2 * KEPT.0 {
            let last = self.points.len() - 1;
            self.keep(&(0..=last).map(|i| i % 2 == 0 || i == last).collect::<Vec<bool>>());
        }
    }

    /// Drops the points that are not to be kept.
    fn keep(&mut self, kept: &[bool]) {
        let mut at = kept.iter();
        self.points.retain(|_| at.next() == Some(&true));
        let mut at = kept.iter();
        self.energies.retain(|_| at.next() == Some(&true));
    }

    /// Keeps, between its ends, the points along which the energy falls from the one to the other: an orbit that was cut beside a
    /// saddle may have passed it by a hair, and where segments are joined it may step back by as much.
    pub(super) fn fall(&mut self) {
        let Some((&last, &first)) = self.energies.last().zip(self.energies.first()) else { return };
        let end = self.energies.len() - 1;
        let mut lowest = first;
        let kept: Vec<bool> = (self.energies.iter().enumerate())
            .map(|(i, &e)| {
                let falls = i == 0 || i == end || (e < lowest && e > last);
                lowest = if falls { e } else { lowest };
                falls
            })
            .collect();
        self.keep(&kept);
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
