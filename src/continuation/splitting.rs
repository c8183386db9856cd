//! The tree in which minima split as the parameter falls: from the one minimum of large noise to all memories of small.
//!
//! In: a [`Diagram`]. Out: a [`SplittingTree`]. Going up in the parameter a minimum ends at a fold with a saddle, or joins others at
//! a pitchfork. Where its basin falls to at a fold is told by the orbit that goes on from there just above it.

use rayon::prelude::*;

use super::itinerary::{Arc, Merger, SplittingTree};
use super::section::{nodes, points};
use super::{Branch, Diagram, Graphs, explain};
use crate::control::Control;
use crate::critical::rest;
use crate::error::Result;
use crate::landscape::{Family, Region};
use crate::linalg::norm;

/// How far above a fold the orbit through its ghost is followed: a share of the whole range, in its scaled coordinate, or of the
/// way to the next event.
const ABOVE: f64 = 1e-4;

/// Farthest from a branch that a minimum on it may be, relative to the state's scale.
const NEAR: f64 = 0.1;

/// Parameters at which minima are counted.
const COUNTED: usize = 200;

/// The tree of a diagram's minima. The data that descend to each leaf are told at the lower end of the range.
///
/// # Errors
/// If the family has no such parameter value, or no region can be found.
pub fn splitting_tree(
    family: &dyn Family,
    diagram: &Diagram,
    options: &Graphs,
    control: &Control<'_>,
) -> Result<SplittingTree> {
    let scales = diagram.scales();
    let [low, high] = diagram.range.map(|p| scales.theta(p));
    let pieces = minima(diagram);
    let events: Vec<usize> = (0..diagram.events.len()).collect();
    let mergers: Result<Vec<Vec<Merger>>> = events
        .par_iter()
        .map(|e| at_event(family, diagram, &pieces, *e, options.region.as_ref(), control))
        .collect();
    let mut mergers: Vec<Merger> = mergers?.into_iter().flatten().collect();
    mergers.sort_by(|a, b| a.parameter.total_cmp(&b.parameter).then(a.lost.cmp(&b.lost)));
    mergers.dedup_by(|a, b| a.lost == b.lost && a.into == b.into);
    let bottom = family.with_parameter(&diagram.parameter, diagram.range[0])?;
    let region = options.region.as_ref();
    let (set, arcs) = points(family, diagram, bottom.as_ref(), diagram.range[0], region)?;
    let leaves = nodes(bottom.as_ref(), &set, &arcs).into_iter().filter(|n| n.index == 0).collect();
    let [first, last] = diagram.range;
    let at = |i: usize| match i {
        0 => first,
        i if i == COUNTED - 1 => last,
        i => scales.parameter_at(low + (high - low) * i as f64 / (COUNTED - 1) as f64),
    };
    let parameters: Vec<f64> = (0..COUNTED).map(at).collect();
    // At the upper end of the range minima do not end.
    let alive = |m: &Piece, p: f64| m.from <= p && (p < m.to || (p == last && m.to == last));
    let counts = parameters.iter().map(|p| pieces.iter().filter(|m| alive(m, *p)).count()).collect();
    let parameter = diagram.parameter.clone();
    Ok(SplittingTree { parameter, leaves, mergers, parameters, counts, interrupted: control.stopped() })
}

/// A run of a branch along which it is a minimum and the parameter goes one way.
struct Piece {
    arc: Arc,
    from: f64,
    to: f64,
    /// First and last of its points, events at its ends among them.
    points: (usize, usize),
}

/// All arcs that are minima.
fn minima(diagram: &Diagram) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = vec![];
    for (branch, curve) in diagram.branches.iter().enumerate() {
        for (k, pair) in curve.points.windows(2).enumerate() {
            if pair.iter().find_map(|p| p.index) != Some(0)
                || pair.iter().any(|p| p.index.is_some_and(|i| i > 0))
            {
                continue;
            }
            let arc = Arc { branch, piece: curve.piece(k) };
            let (a, b) = (pair[0].parameter.min(pair[1].parameter), pair[0].parameter.max(pair[1].parameter));
            match pieces.last_mut() {
                Some(last) if last.arc == arc && last.points.1 == k => {
                    last.from = last.from.min(a);
                    last.to = last.to.max(b);
                    last.points.1 = k + 1;
                }
                _ => pieces.push(Piece { arc, from: a, to: b, points: (k, k + 1) }),
            }
        }
    }
    pieces
}

/// What ends at an event, going up.
fn at_event(
    family: &dyn Family,
    diagram: &Diagram,
    pieces: &[Piece],
    number: usize,
    region: Option<&Region>,
    control: &Control<'_>,
) -> Result<Vec<Merger>> {
    let event = &diagram.events[number];
    let (p, scales) = (event.parameter, diagram.scales());
    let [low, high] = diagram.range.map(|p| scales.theta(p));
    let here = |q: f64| scales.is_same((p, event.error), (q, 0.0));
    let touching: Vec<&Piece> = explain::groups(diagram, &[number])
        .iter()
        .flatten()
        .filter_map(|arc| pieces.iter().find(|m| m.arc == *arc))
        .collect();
    let mut below: Vec<Arc> = touching.iter().filter(|m| here(m.to)).map(|m| m.arc).collect();
    let above: Vec<Arc> = touching.iter().filter(|m| here(m.from)).map(|m| m.arc).collect();
    below.dedup();
    if below.is_empty() || control.stopped() {
        return Ok(vec![]);
    }
    let renamed = !above.is_empty() && below.len() <= above.len();
    let merger = |lost: Arc, into: Option<Arc>| Merger {
        renamed,
        parameter: p,
        energy: event.energy,
        event: number,
        lost,
        into,
    };
    if let Some(&into) = above.first() {
        return Ok(below.into_iter().map(|lost| merger(lost, Some(into))).collect());
    }
    let theta = scales.theta(p);
    let next = diagram.events.iter().map(|e| scales.theta(e.parameter)).find(|t| *t > theta + 1e-12);
    let step = (ABOVE * (high - low)).min(0.5 * (next.unwrap_or(high) - theta));
    let beyond = scales.parameter_at((theta + step.max(1e-9)).min(high));
    let landscape = family.with_parameter(&diagram.parameter, beyond)?;
    let into = rest(landscape.as_ref(), region, &event.x)?
        .and_then(|x| nearest(family, diagram, pieces, beyond, &x));
    Ok(below.into_iter().map(|lost| merger(lost, into)).collect())
}

/// The arc of the minimum at x.
fn nearest(
    family: &dyn Family,
    diagram: &Diagram,
    pieces: &[Piece],
    parameter: f64,
    x: &[f64],
) -> Option<Arc> {
    let period = family.period();
    let here = pieces.iter().filter(|m| m.from <= parameter && parameter <= m.to);
    let near = here.filter_map(|m| {
        let place = state(&diagram.branches[m.arc.branch], m.points, parameter)?;
        // A branch may have gone round where a coordinate is periodic.
        let turned = |(i, d): (usize, f64)| match period.get(i).copied().flatten() {
            Some(turn) => d - turn * (d / turn).round(),
            None => d,
        };
        let off: Vec<f64> = place.iter().zip(x).map(|(a, b)| a - b).enumerate().map(turned).collect();
        // Straight lines between a branch's points are near it; what is farther off is no known minimum.
        let scale = diagram.branches[m.arc.branch].scales.state;
        (norm(&off) <= NEAR * scale).then_some((norm(&off), m.arc))
    });
    near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, arc)| arc)
}

/// Where a run of a branch is at a parameter, between its points along straight lines.
fn state(curve: &Branch, (from, to): (usize, usize), parameter: f64) -> Option<Vec<f64>> {
    let pair = curve.points[from..=to].windows(2).find(|pair| {
        let (a, b) = (pair[0].parameter, pair[1].parameter);
        a.min(b) <= parameter && parameter <= a.max(b)
    })?;
    let (a, b) = (pair[0].parameter, pair[1].parameter);
    let s = if a == b { 0.0 } else { (parameter - a) / (b - a) };
    Some(pair[0].x.iter().zip(&pair[1].x).map(|(x, y)| x + s * (y - x)).collect())
}
