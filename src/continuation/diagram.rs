//! All branches: a queue of starts, worked off in rounds, each curve kept once.

use rayon::prelude::*;

use super::locate::{Located, System};
use super::march::{Trace, march};
use super::normal_form::classify;
use super::path::{Node, correct, holds, minus, node};
use super::prove::prove;
use super::switch::{Arm, arms, known};
use super::system::Problem;
use super::values::starting_values;
use super::{Branch, BranchPoint, Diagram, End, Event, EventKind, Options, Work, smooth};
use crate::control::{Control, Progress};
use crate::critical::{self, Level};
use crate::error::Result;
use crate::landscape::Family;
use crate::linalg::norm;

/// Jobs worked off together; not the number of threads, so that the answer does not depend on that.
const ROUND: usize = 8;

/// Events closer than this, in natural scales, are one.
const SAME: f64 = 1e-6;

/// What is to be followed.
enum Job {
    /// The branch through a point.
    Start(Vec<f64>),
    /// A curve through an event, by its place in the list of sites.
    Arm(usize, Arm),
}

/// An event with the tangents of the branches that are known to pass it.
struct Site {
    located: Located,
    lines: Vec<Vec<f64>>,
    switched: bool,
}

/// A finished branch; its nodes' events refer to sites.
struct Curve {
    nodes: Vec<Node>,
    ends: [End; 2],
}

/// The state of the work.
struct Atlas<'a> {
    problem: Problem<'a>,
    curves: Vec<Curve>,
    sites: Vec<Site>,
    /// Branches that reached an event but did not get across: kept if they are not found again from the event.
    pending: Vec<Followed>,
    work: Work,
}

/// Follows all branches through the starting points (parameter, x) over the range, both ways, and all that start from
/// their events. Starting points are corrected by Newton's method at their parameter.
///
/// # Errors
/// If the landscape has no energy or is not smooth, has no such parameter, or the range is empty.
pub fn follow(
    family: &dyn Family,
    parameter: &str,
    starts: &[(f64, Vec<f64>)],
    options: &Options,
    control: &Control<'_>,
) -> Result<Diagram> {
    crate::linalg::sequential();
    let problem = Problem::new(family, parameter, starts, options)?;
    let mut atlas = Atlas { problem, curves: vec![], sites: vec![], pending: vec![], work: Work::default() };
    let jobs = starts.iter().map(|(p, x)| Job::Start(atlas.problem.scales.z(*p, x))).collect();
    atlas.run(jobs, control);
    atlas.settle();
    Ok(atlas.finish(parameter, control))
}

/// Takes the critical points at the [`starting_values`] by [`critical::search`], and follows all branches through them.
///
/// # Errors
/// As [`follow`] and [`critical::search`].
pub fn diagram(
    family: &dyn Family,
    parameter: &str,
    options: &Options,
    search: &critical::Options,
    control: &Control<'_>,
) -> Result<Diagram> {
    let mut starts = vec![];
    for p in starting_values(family, parameter, options.from, options.to, options.starts) {
        if control.stopped() {
            break;
        }
        let landscape = family.with_parameter(parameter, p)?;
        let set = critical::search(landscape.as_ref(), options.region.as_ref(), search, control)?;
        starts.extend(set.points.into_iter().map(|point| (p, point.x)));
    }
    follow(family, parameter, &starts, options, control)
}

impl Atlas<'_> {
    /// Works off the jobs and all that they lead to.
    fn run(&mut self, mut jobs: Vec<Job>, control: &Control<'_>) {
        jobs.reverse();
        while !(control.stopped() || jobs.is_empty() && self.pending.is_empty()) {
            if jobs.is_empty() {
                self.settle();
                jobs.extend(self.switch().into_iter().rev());
                continue;
            }
            let mut round = vec![];
            while round.len() < ROUND
                && let Some(job) = jobs.pop()
            {
                if self.curves.len() + round.len() >= self.problem.options.max_branches {
                    self.work.lost.push("there are the most branches that were asked for".into());
                    jobs.clear();
                    break;
                }
                if self.is_known(&job) {
                    self.work.duplicates += 1;
                } else {
                    round.push(job);
                }
            }
            let sites = &self.sites;
            let problem = &self.problem;
            let followed: Vec<_> = round.par_iter().map(|job| trace(problem, sites, job, control)).collect();
            for (job, followed) in round.iter().zip(followed) {
                match followed {
                    Err(why) => self.work.lost.push(why),
                    // Another one of the same round may have followed it.
                    Ok(_) if self.is_known(job) => self.work.duplicates += 1,
                    Ok(curve) if curve.is_stuck() => {
                        for event in &curve.events {
                            if let Passed::New(located) = event {
                                self.site(located);
                            }
                        }
                        self.pending.push(curve);
                    }
                    Ok(curve) => self.take_in(curve),
                }
            }
            jobs.extend(self.switch().into_iter().rev());
            (control.progress)(Progress {
                stage: "branches",
                done: self.curves.len(),
                total: 0,
                note: &format!("{} events, {} starts to go", self.sites.len(), jobs.len()),
            });
        }
    }

    /// Takes in the branches that were not found again from the events that they end in.
    fn settle(&mut self) {
        for followed in std::mem::take(&mut self.pending) {
            let middle = &followed.nodes[followed.nodes.len() / 2].z;
            if self.holds(middle) {
                self.work.duplicates += 1;
            } else {
                self.take_in(followed);
            }
        }
    }

    /// Is the point on a branch that is known?
    fn holds(&self, z: &[f64]) -> bool {
        self.curves.iter().any(|curve| {
            curve.nodes.windows(2).any(|pair| holds(&self.problem, &pair[0], &pair[1], z).is_some())
        })
    }

    /// Has a branch been followed already that holds where the job starts?
    fn is_known(&self, job: &Job) -> bool {
        let z = match job {
            Job::Start(z) => {
                let n = self.problem.dim();
                let mut across = vec![0.0; n + 1];
                across[n] = 1.0;
                match correct(&self.problem, z, &across) {
                    Some(c) => c.z,
                    None => z.clone(),
                }
            }
            Job::Arm(site, arm) => {
                if known(&self.sites[*site].lines, &arm.tangent) {
                    return true;
                }
                match arm.ahead.first().or(arm.behind.first()) {
                    Some(node) => node.z.clone(),
                    None => return true,
                }
            }
        };
        self.holds(&z)
    }

    /// Keeps a branch and enters its events into the list of sites.
    fn take_in(&mut self, followed: Followed) {
        let Followed { mut nodes, events, ends, steps, refused } = followed;
        self.work.steps += steps;
        self.work.refused += refused;
        for node in &mut nodes {
            let Some(event) = node.event else { continue };
            let place = match &events[event] {
                Passed::Site(place) => *place,
                Passed::New(located) => self.site(located),
            };
            node.event = Some(place);
            // The same digits on all branches; on a torus perhaps some turns away.
            node.z = self.problem.nearest(&self.sites[place].located.z, &node.z);
            if !known(&self.sites[place].lines, &node.tangent) {
                self.sites[place].lines.push(node.tangent.clone());
            }
        }
        let [first, last] = ends;
        let end = |end: End, node: Option<&Node>| match (end, node.and_then(|node| node.event)) {
            (End::Event(_), Some(place)) => End::Event(place),
            (other, _) => other,
        };
        let ends = [end(first, nodes.first()), end(last, nodes.last())];
        self.curves.push(Curve { nodes, ends });
    }

    /// The site of a located event; a new one if it is not known.
    fn site(&mut self, located: &Located) -> usize {
        let same = |site: &Site| {
            let other = &site.located;
            other.explained == located.explained
                && other.system == located.system
                && other.kernel.len() == located.kernel.len()
                && norm(&minus(&self.problem.nearest(&other.z, &located.z), &located.z)) < SAME
        };
        if let Some(place) = self.sites.iter().position(same) {
            return place;
        }
        let switched = located.system == System::Fold || !located.explained;
        self.sites.push(Site { located: located.clone(), lines: vec![], switched });
        self.sites.len() - 1
    }

    /// The curves through events that were not looked at yet.
    fn switch(&mut self) -> Vec<Job> {
        let new: Vec<usize> = (0..self.sites.len()).filter(|&s| !self.sites[s].switched).collect();
        let problem = &self.problem;
        let sites = &self.sites;
        let found: Vec<Vec<Arm>> =
            new.par_iter().map(|&s| arms(problem, &sites[s].located, &sites[s].lines)).collect();
        let mut jobs = vec![];
        for (site, arms) in new.into_iter().zip(found) {
            self.sites[site].switched = true;
            jobs.extend(arms.into_iter().map(|arm| Job::Arm(site, arm)));
        }
        jobs
    }

    /// The answer.
    fn finish(self, parameter: &str, control: &Control<'_>) -> Diagram {
        let Atlas { problem, curves, sites, work, .. } = self;
        let n = problem.dim();
        let scales = problem.scales;
        let snapped = |theta: f64| {
            let p = scales.parameter_at(theta);
            let near = |end: &f64| (scales.theta(*end) - theta).abs() < 1e-14;
            problem.range.into_iter().find(near).unwrap_or(p)
        };
        let mut order: Vec<usize> = (0..sites.len()).collect();
        order.sort_by(|&a, &b| {
            let (p, q) = (&sites[a].located.z, &sites[b].located.z);
            p[n].total_cmp(&q[n]).then_with(|| {
                p.iter().zip(q).map(|(p, q)| p.total_cmp(q)).find(|o| o.is_ne()).unwrap_or(a.cmp(&b))
            })
        });
        let mut place = vec![0; sites.len()];
        order.iter().enumerate().for_each(|(k, &s)| place[s] = k);
        let described: Vec<_> = sites
            .par_iter()
            .map(|s| {
                let (kind, coefficients, note) = classify(&problem, &s.located);
                let enclosed = prove(&problem, &s.located, &kind);
                (kind, coefficients, note, enclosed)
            })
            .collect();
        let mut events: Vec<Event> = order
            .iter()
            .map(|&s| {
                let located = &sites[s].located;
                let (kind, coefficients, note, enclosed) = described[s].clone();
                let p = scales.parameter_at(located.z[n]);
                let slope = scales.parameter * if scales.logarithmic { p } else { 1.0 };
                let energy = problem.at(located.z[n]).map_or(0.0, |slice| slice.gradient(&located.z).0);
                let level = match (&kind, &enclosed) {
                    (EventKind::Unexplained, _) => Level::Estimated,
                    (_, Some(_)) => Level::Proven,
                    _ => Level::Checked,
                };
                let error = enclosed.as_ref().map_or(located.error * slope, |e| e.distance(p));
                Event {
                    kind,
                    parameter: p,
                    error,
                    x: scales.x(&located.z),
                    energy,
                    kernel: located.kernel.clone(),
                    coefficients,
                    residual: located.residual,
                    level,
                    enclosed,
                    branches: vec![],
                    index_change: vec![],
                    note,
                }
            })
            .collect();
        let mut branches = vec![];
        for (number, curve) in curves.into_iter().enumerate() {
            let mut arclength = 0.0;
            let mut points: Vec<BranchPoint> = vec![];
            for (k, node) in curve.nodes.iter().enumerate() {
                if k > 0 {
                    arclength += norm(&minus(&node.z, &curve.nodes[k - 1].z));
                }
                let event = node.event.map(|e| place[e]);
                points.push(BranchPoint {
                    parameter: event.map_or_else(|| snapped(node.theta()), |e| events[e].parameter),
                    x: scales.x(&node.z),
                    energy: node.energy,
                    index: event.is_none().then_some(node.spectrum.index),
                    lambda_min: node.spectrum.smallest() / scales.state.powi(2),
                    arclength,
                    tangent: node.tangent.clone(),
                    event,
                });
            }
            for (k, point) in points.iter().enumerate() {
                let Some(event) = point.event else { continue };
                let before = points[..k].iter().rev().find_map(|p| p.index);
                let after = points[k + 1..].iter().find_map(|p| p.index);
                events[event].branches.push((number, k));
                events[event].index_change.push([before, after]);
            }
            let ends = curve.ends.map(|end| match end {
                End::Event(site) => End::Event(place[site]),
                other => other,
            });
            let failed = ends.iter().any(|e| matches!(e, End::Failed(_)));
            let level = if failed { Level::Estimated } else { Level::Checked };
            branches.push(Branch { points, ends, level, proven: vec![], scales });
        }
        smooth::prove(&problem, &mut branches, &events, control);
        let interrupted = control.stopped();
        Diagram { branches, events, parameter: parameter.into(), range: problem.range, interrupted, work }
    }
}

/// An event that a branch passes.
enum Passed {
    /// One that was known when the branch was started.
    Site(usize),
    /// One that was located on the way.
    New(Located),
}

/// A branch before it is entered.
struct Followed {
    nodes: Vec<Node>,
    events: Vec<Passed>,
    ends: [End; 2],
    steps: usize,
    refused: usize,
}

impl Followed {
    /// Does it end in an event that it did not get across?
    fn is_stuck(&self) -> bool {
        let new = |event: usize| matches!(self.events[event], Passed::New(_));
        self.ends.iter().any(|end| matches!(end, End::Event(event) if new(*event)))
    }
}

/// Follows what the job asks for, both ways.
fn trace(
    problem: &Problem<'_>,
    sites: &[Site],
    job: &Job,
    control: &Control<'_>,
) -> std::result::Result<Followed, String> {
    match job {
        Job::Start(z) => {
            let n = problem.dim();
            let mut across = vec![0.0; n + 1];
            across[n] = 1.0;
            let p = problem.scales.parameter_at(z[n]);
            let lost = |why: &str| format!("the start at {p} could not be followed: {why}");
            let c = correct(problem, z, &across).ok_or_else(|| lost("Newton's method does not converge"))?;
            let first = node(problem, c.z, &across, &[]).ok_or_else(|| lost("it is singular there"))?;
            let ahead = march(problem, vec![first.clone()], Some(&first), control);
            let behind = match ahead.end {
                Some(End::Closed) => None,
                _ => Some(march(problem, vec![first.reversed()], None, control)),
            };
            Ok(join(ahead, behind, None, None))
        }
        Job::Arm(site, arm) => {
            let center = super::event::at_event(problem, sites[*site].located.z.clone(), arm.tangent.clone())
                .ok_or("the landscape can't be evaluated at an event")?;
            if arm.ahead.is_empty() {
                let mut center = center.reversed();
                center.event = Some(0);
                let behind = march(problem, arm.behind.clone(), None, control);
                return Ok(join(behind, None, Some(center), Some(*site)));
            }
            let home = Some(&center);
            let ahead = march(problem, arm.ahead.clone(), home, control);
            let behind = match ahead.end {
                Some(End::Closed) => None,
                _ if arm.behind.is_empty() => None,
                _ => Some(march(problem, arm.behind.clone(), None, control)),
            };
            Ok(join(ahead, behind, Some(center), Some(*site)))
        }
    }
}

/// One branch from its two halves, which share their first node or start on either side of `center`, an event.
fn join(ahead: Trace, behind: Option<Trace>, center: Option<Node>, site: Option<usize>) -> Followed {
    let mut events: Vec<Passed> = site.map(Passed::Site).into_iter().collect();
    let shifted = |end: Option<End>, shift: usize| match end.unwrap_or(End::Closed) {
        End::Event(event) => End::Event(event + shift),
        other => other,
    };
    let mut ends = [End::Closed, ahead.end.clone().unwrap_or(End::Closed)];
    let (mut steps, mut refused) = (ahead.steps, ahead.refused);
    let mut nodes: Vec<Node> = vec![];
    let closed = ends[1] == End::Closed;
    match behind {
        Some(behind) => {
            steps += behind.steps;
            refused += behind.refused;
            let shift = events.len();
            ends[0] = shifted(behind.end, shift);
            events.extend(behind.events.into_iter().map(Passed::New));
            let mut before: Vec<Node> = behind.nodes.into_iter().map(Node::reversed).collect();
            before.iter_mut().for_each(|n| n.event = n.event.map(|e| e + shift));
            before.reverse();
            if center.is_none() {
                before.pop();
            }
            nodes.append(&mut before);
        }
        None if !closed => ends[0] = site.map_or(End::Bound, |_| End::Event(0)),
        None => {}
    }
    if let Some(mut center) = center {
        center.event = Some(0);
        nodes.push(center);
    }
    let shift = events.len();
    ends[1] = shifted(ahead.end, shift);
    events.extend(ahead.events.into_iter().map(Passed::New));
    nodes.extend(ahead.nodes.into_iter().map(|mut n| {
        n.event = n.event.map(|e| e + shift);
        n
    }));
    Followed { nodes, events, ends, steps, refused }
}
