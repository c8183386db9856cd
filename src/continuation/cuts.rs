//! The itinerary: the range cut at its events, the graph between each two, and what turns one into the next.

use rayon::prelude::*;

use super::explain;
use super::global::{self, Change};
use super::itinerary::{Arc, Cause, Cut, Interval, Itinerary, Joining};
use super::march::BOUNDARY;
use super::section::{Graphs, Section, nodes, section};
use super::{Diagram, End, Scales};
use crate::control::{Control, Progress};
use crate::critical::Level;
use crate::error::Result;
use crate::landscape::Family;

/// How near to the ends of an interval graphs are computed, as a share of it.
const MARGIN: f64 = 0.02;

/// How near, where an event does not explain by itself how the graphs at the margin differ: something else happens between.
const NEARER: [f64; 3] = [1e-3, 1e-5, 1e-7];

/// Parameters that a symmetry of the family singles out are not hit by accident.
const OFF_CENTRE: f64 = 0.0729;

/// What happens at one parameter.
struct Moment {
    parameter: f64,
    error: f64,
    cause: Cause,
    /// What two graphs beside it differ in, if it was not found why.
    level: Level,
}

/// The itinerary of a diagram: between its events the graph is computed at [`Graphs::samples`] parameters; where two of them differ,
/// the connection between saddles at which it changes is located. At each cut the graph below, changed by what happens there, is
/// compared with the graph above.
///
/// # Errors
/// If a graph can't be computed for want of a region.
pub fn itinerary(
    family: &dyn Family,
    diagram: &Diagram,
    options: &Graphs,
    control: &Control<'_>,
) -> Result<Itinerary> {
    let local = moments(diagram);
    let scales = diagram.scales();
    let mut ends = vec![diagram.range[0]];
    ends.extend(local.iter().map(|m| m.parameter));
    ends.push(diagram.range[1]);
    // Graphs between local events.
    let total = ends.len() - 1;
    let count = options.samples.max(1);
    let mut sampled: Vec<Vec<Section>> = vec![];
    for (i, pair) in ends.windows(2).enumerate() {
        let [low, high] = [scales.theta(pair[0]), scales.theta(pair[1])];
        let share = |j: usize| match count {
            1 => 0.5,
            _ => {
                let off = if j == 0 || j == count - 1 { 0.0 } else { OFF_CENTRE };
                MARGIN + (1.0 - 2.0 * MARGIN) * (j as f64 + off) / (count - 1) as f64
            }
        };
        let at: Vec<f64> = (0..count).map(|j| scales.parameter_at(low + share(j) * (high - low))).collect();
        if control.stopped() {
            break;
        }
        let sections: Result<Vec<Section>> =
            at.par_iter().map(|p| section(family, diagram, *p, options, control)).collect();
        let sections = sections?;
        if control.stopped() {
            break;
        }
        sampled.push(sections);
        (control.progress)(Progress { stage: "graphs between events", done: i + 1, total, note: "" });
    }
    let whole = sampled.len() == total;
    let reached = ends[sampled.len()];
    for (i, moment) in local.iter().enumerate().take(sampled.len().saturating_sub(1)) {
        let (below, above) = sampled.split_at_mut(i + 1);
        let (below, above) = (&mut below[i], &mut above[0]);
        if let Some([left, right]) =
            nearer(family, diagram, moment, &ends[i..i + 3], (below, above), options, control)?
        {
            below.push(left);
            above.insert(0, right);
        }
    }
    // Where two of them differ, something happens in between.
    let mut runs: Vec<Vec<Section>> = vec![];
    let mut between: Vec<Moment> = vec![];
    let mut local = local.into_iter();
    for (number, sections) in sampled.into_iter().enumerate() {
        if number > 0 {
            between.extend(local.next());
        }
        let mut sections = sections.into_iter();
        let mut run: Vec<Section> = sections.next().into_iter().collect();
        for next in sections {
            let Some(last) = run.last() else { break };
            if last.is_same(&next) || control.stopped() {
                run.push(next);
                continue;
            }
            for change in global::between(family, diagram, last, &next, options, control)? {
                let Change { parameter, error, joinings, above } = change;
                let cause = if joinings.is_empty() { Cause::Unknown } else { Cause::Connections(joinings) };
                let level = if matches!(cause, Cause::Unknown) { Level::Estimated } else { Level::Checked };
                between.push(Moment { parameter, error, cause, level });
                runs.push(std::mem::replace(&mut run, vec![above]));
            }
            run.push(next);
        }
        runs.push(run);
    }
    let mut result = Itinerary {
        parameter: diagram.parameter.clone(),
        intervals: vec![],
        cuts: vec![],
        interrupted: !whole || control.stopped(),
    };
    for (moment, pair) in between.into_iter().zip(runs.windows(2)) {
        let (below, above) = (middle(&pair[0]), middle(&pair[1]));
        result.cuts.push(cut(diagram, moment, below, above));
    }
    for (i, run) in runs.iter().enumerate() {
        let here = middle(run);
        let from = if i == 0 { diagram.range[0] } else { result.cuts[i - 1].parameter };
        let to = result.cuts.get(i).map_or(reached, |c| c.parameter);
        let landscape = family.with_parameter(&diagram.parameter, here.parameter)?;
        result.intervals.push(Interval {
            from,
            to,
            at: here.parameter,
            samples: run.iter().map(|s| s.parameter).collect(),
            nodes: nodes(landscape.as_ref(), &here.set, &here.arcs),
            links: here.listed(&here.links),
            joined: here.listed(&here.joined),
            morse_smale: here.graph.morse_smale.clone(),
            examined: here.graph.examined.clone(),
        });
    }
    Ok(result)
}

/// Graphs so near to a local event that it explains how they differ, if those at the margin differ by more. `ends` are the event
/// before, the event itself, and the one after it.
fn nearer(
    family: &dyn Family,
    diagram: &Diagram,
    moment: &Moment,
    ends: &[f64],
    (below, above): (&[Section], &[Section]),
    options: &Graphs,
    control: &Control<'_>,
) -> Result<Option<[Section; 2]>> {
    let (Some(below), Some(above)) = (below.last(), above.first()) else { return Ok(None) };
    if open(diagram, &moment.cause, below, above).is_empty() {
        return Ok(None);
    }
    let scales = diagram.scales();
    let event = scales.theta(moment.parameter);
    for share in NEARER {
        let beside = |end: f64| {
            let parameter = scales.parameter_at(event + share * (scales.theta(end) - event));
            section(family, diagram, parameter, options, control)
        };
        let (left, right) = (beside(ends[0])?, beside(ends[2])?);
        if control.stopped() {
            return Ok(None);
        }
        if open(diagram, &moment.cause, &left, &right).is_empty() {
            return Ok(Some([left, right]));
        }
    }
    Ok(None)
}

fn middle(run: &[Section]) -> &Section {
    &run[run.len() / 2]
}

/// The events of the diagram, those that happen at once together.
fn moments(diagram: &Diagram) -> Vec<Moment> {
    let scales = diagram.scales();
    let mut moments: Vec<Moment> = vec![];
    let inside = |p: f64| p > diagram.range[0] && p < diagram.range[1];
    for (number, event) in diagram.events.iter().enumerate().filter(|(_, e)| inside(e.parameter)) {
        // Where it is may be proven; that the graphs change as they do is not.
        let level = event.level.min(Level::Checked);
        if let Some(last) = moments.last_mut()
            && scales.is_same((last.parameter, last.error), (event.parameter, event.error))
            && let Cause::Local(events) = &mut last.cause
        {
            events.push(number);
            last.error = last.error.max(event.error).max(event.parameter - last.parameter);
            last.level = last.level.min(level);
            continue;
        }
        moments.push(Moment {
            parameter: event.parameter,
            error: event.error,
            cause: Cause::Local(vec![number]),
            level,
        });
    }
    let mut exits: Vec<(f64, Arc)> = vec![];
    for (number, branch) in diagram.branches.iter().enumerate() {
        let last = branch.points.len().saturating_sub(1);
        for (end, place) in branch.ends.iter().zip([0, last]) {
            if *end == End::Region && inside(branch.points[place].parameter) {
                exits.push((
                    branch.points[place].parameter,
                    Arc { branch: number, piece: branch.piece(place) },
                ));
            }
        }
    }
    exits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut boundary: Vec<Moment> = vec![];
    for (parameter, arc) in exits {
        let error = scales.error_at(parameter, BOUNDARY);
        match boundary.last_mut() {
            Some(Moment { parameter: p, cause: Cause::Boundary(arcs), .. })
                if scales.is_same((*p, error), (parameter, error)) =>
            {
                arcs.push(arc);
            }
            _ => boundary.push(Moment {
                parameter,
                error,
                cause: Cause::Boundary(vec![arc]),
                level: Level::Checked,
            }),
        }
    }
    moments.extend(boundary);
    moments.sort_by(|a, b| a.parameter.total_cmp(&b.parameter));
    moments
}

/// Why a cause does not explain how two graphs differ; empty if it does.
fn open(diagram: &Diagram, cause: &Cause, below: &Section, above: &Section) -> String {
    match cause {
        Cause::Local(events) => explain::local(diagram, events, below, above),
        Cause::Connections(joinings) => global::explains(joinings, below, above),
        Cause::Boundary(arcs) => explain::boundary(arcs, below, above),
        Cause::Unknown => {
            "the graphs on either side differ, and no orbit between two saddles was found there".into()
        }
    }
}

fn cut(diagram: &Diagram, moment: Moment, below: &Section, above: &Section) -> Cut {
    let Moment { parameter, error, cause, level } = moment;
    let open = open(diagram, &cause, below, above);
    let cause = match cause {
        Cause::Connections(mut joinings) => {
            for j in &mut joinings {
                j.nodes = [j.from, j.to].map(|arc: Arc| below.id(arc).unwrap_or(0));
            }
            Cause::Connections(joinings)
        }
        other => other,
    };
    Cut { parameter, error, cause, words: below.words(above), explained: open.is_empty(), open, level }
}

/// Events closer than this share of the range happen at once, as far as can be told.
const AT_ONCE: f64 = 1e-9;

impl Scales {
    /// Are two parameters, each with its error, the same as far as can be told?
    pub(super) fn is_same(&self, (p, dp): (f64, f64), (q, dq): (f64, f64)) -> bool {
        (self.theta(p) - self.theta(q)).abs() <= AT_ONCE || (p - q).abs() <= dp + dq
    }

    /// An error of the scaled coordinate as one of the parameter.
    fn error_at(&self, p: f64, error: f64) -> f64 {
        error * self.parameter * if self.logarithmic { p } else { 1.0 }
    }
}

impl Joining {
    /// One whose nodes are not yet known.
    pub(super) fn new(from: Arc, to: Arc, orbit: crate::connection::Orbit, gap: f64, slope: f64) -> Self {
        Joining { from, to, nodes: [0, 0], orbit, gap, slope }
    }
}
