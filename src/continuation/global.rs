//! Connections between saddles of equal index, at which the graph changes though no critical point does.
//!
//! In: two graphs with the same points and other connections. Out: the parameters between at which an unstable manifold slides
//! over a saddle. The signed gap by which an orbit misses the saddle's stable manifold is a smooth function of the parameter with
//! a simple root there; it is bracketed by bisection on the graphs and found by false position on the gap.

use std::collections::BTreeSet;

use super::Diagram;
use super::itinerary::{Arc, Joining};
use super::section::{Graphs, Section, points, section};
use crate::connection::{self, Loose, Miss, MorseGraph, Orbit, follow_manifold};
use crate::control::Control;
use crate::error::Result;
use crate::landscape::Family;
use crate::linalg::dot;

/// Narrowest bracket, in natural scales, in which graphs are told apart.
const NARROW: f64 = 1e-11;

/// Gaps below this, relative to the landscape's scale, are closed.
const CLOSED: f64 = 1e-12;

/// Beside a connection the graph is told at this gap, well above the one below which it counts as a connection.
const CLEAR: f64 = 1e-5;

/// The error of an orbit's step while a gap is closed.
const FINE: f64 = 1e-12;

/// Changes between two graphs; where there are more it flickers.
const MOST: usize = 32;

/// Halvings in all between two graphs.
const DEPTH: usize = 48;

/// A parameter at which the graph changes.
pub(super) struct Change {
    pub(super) parameter: f64,
    pub(super) error: f64,
    /// The orbits between saddles there; empty if none was found.
    pub(super) joinings: Vec<Joining>,
    /// The graph just above.
    pub(super) above: Section,
}

/// An orbit that passes a saddle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pass {
    from: Arc,
    to: Arc,
    backward: bool,
    /// Which of the passes of this kind: a saddle's two branches may both come by.
    number: usize,
}

/// Where orbits join saddles.
struct Root {
    parameter: f64,
    error: f64,
    joinings: Vec<Joining>,
    /// The smallest slope among their gaps.
    slope: f64,
}

/// What is needed to compute a graph anywhere.
struct Line<'a> {
    family: &'a dyn Family,
    diagram: &'a Diagram,
    options: &'a Graphs,
    control: &'a Control<'a>,
}

/// All changes between two graphs, from the lower parameter to the upper.
pub(super) fn between(
    family: &dyn Family,
    diagram: &Diagram,
    low: &Section,
    high: &Section,
    options: &Graphs,
    control: &Control<'_>,
) -> Result<Vec<Change>> {
    let line = Line { family, diagram, options, control };
    let mut changes = vec![];
    line.search(low, high, DEPTH, &mut changes)?;
    Ok(line.settled(low, changes))
}

impl Line<'_> {
    fn section(&self, parameter: f64) -> Result<Section> {
        section(self.family, self.diagram, parameter, self.options, self.control)
    }

    /// The gap at which a graph is told beside a connection: well above the one below which it counts as one.
    fn clear(&self) -> f64 {
        CLEAR.max(1e3 * step_error(self.options.graph.tolerance, self.family.dim()))
    }

    /// Takes out changes without a cause that belong to a connection next to them: in graphs so near to it that they have its
    /// orbit from saddle to saddle, which those farther off do not have.
    fn settled(&self, low: &Section, changes: Vec<Change>) -> Vec<Change> {
        // Is number i the beginning or the end of having the orbits of connection number k?
        let belongs = |i: usize, k: Option<usize>| {
            let (Some(change), Some(of)) = (changes.get(i), k.and_then(|k| changes.get(k))) else {
                return false;
            };
            let below = if i == 0 { low } else { &changes[i - 1].above };
            let has = |s: &Section| of.joinings.iter().any(|j| s.joined.contains_key(&(j.from, j.to)));
            // Forwards an orbit may pass ten thousand times as far from the one saddle as backwards from the other.
            let near = change.above.graph.misses.iter().any(|miss| {
                let ends = [miss.from, miss.to].map(|id| change.above.arcs[id]);
                miss.gap.abs() <= self.clear() && of.joinings.iter().any(|j| [j.from, j.to] == ends)
            });
            change.joinings.is_empty() && !of.joinings.is_empty() && near && has(below) != has(&change.above)
        };
        let marks: Vec<(bool, bool)> =
            (0..changes.len()).map(|i| (belongs(i, i.checked_sub(1)), belongs(i, Some(i + 1)))).collect();
        let mut settled: Vec<Change> = vec![];
        for (change, (ends, begins)) in changes.into_iter().zip(marks) {
            match settled.last_mut() {
                Some(last) if ends => last.above = change.above,
                _ if begins => {}
                _ => settled.push(change),
            }
        }
        settled
    }

    /// Adds the changes between two graphs that differ; the last one's graph above equals `high`.
    fn search(&self, low: &Section, high: &Section, depth: usize, changes: &mut Vec<Change>) -> Result<()> {
        if low.is_same(high) || self.control.stopped() {
            return Ok(());
        }
        let (a, b) = (low.parameter, high.parameter);
        let scales = self.diagram.scales();
        let found = self.roots(low, high)?;
        if let Some(Root { parameter, error, joinings, slope }) = found {
            // Far enough off to see which way orbits go, and within the bracket.
            let off = (self.clear() / slope.abs()).max(4.0 * error);
            let beside = |end: f64| {
                let room = (end - parameter).abs();
                parameter + off.min(0.5 * room).copysign(end - parameter)
            };
            let (left, right) = (self.section(beside(a))?, self.section(beside(b))?);
            if !left.is_same(&right) {
                self.search(low, &left, depth.saturating_sub(1), changes)?;
                let mut rest = vec![];
                self.search(&right, high, depth.saturating_sub(1), &mut rest)?;
                changes.push(Change { parameter, error, joinings, above: right });
                changes.extend(rest);
                return Ok(());
            }
        }
        if scales.theta(b) - scales.theta(a) <= NARROW || depth == 0 || changes.len() >= MOST {
            let above = self.section(b)?;
            changes.push(Change { parameter: 0.5 * (a + b), error: 0.5 * (b - a), joinings: vec![], above });
            return Ok(());
        }
        let middle = scales.parameter_at(0.5 * (scales.theta(a) + scales.theta(b)));
        let middle = self.section(middle)?;
        self.search(low, &middle, depth - 1, changes)?;
        self.search(&middle, high, depth - 1, changes)
    }

    /// The connection that an orbit passes through between two graphs, with all others at the same parameter. `None` if no gap
    /// changes its sign, or several do, and not together.
    fn roots(&self, low: &Section, high: &Section) -> Result<Option<Root>> {
        let (before, after) = (passes(&low.graph, &low.arcs), passes(&high.graph, &high.arcs));
        let mut roots: Vec<(f64, f64, Joining)> = vec![];
        for (pass, miss) in &before {
            let Some((_, other)) = after.iter().find(|(p, _)| p == pass) else { continue };
            let other = towards(other, &miss.mode);
            if (miss.gap > 0.0) == (other > 0.0) || !changed(low, high, pass) {
                continue;
            }
            let ends = ((low.parameter, miss.gap), (high.parameter, other));
            if let Some((p, error, joining)) = self.close(*pass, &miss.mode, ends.0, ends.1)? {
                roots.push((p, error, joining));
            }
        }
        roots.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some(&(first, error, _)) = roots.first() else { return Ok(None) };
        let same = |p: f64| p - first <= 10.0 * error.max(1e-10 * (high.parameter - low.parameter));
        roots.retain(|(p, _, _)| same(*p));
        let slope = roots.iter().map(|r| r.2.slope.abs()).fold(f64::INFINITY, f64::min);
        let error = roots.iter().map(|r| r.1).fold(error, f64::max);
        let joinings = roots.into_iter().map(|r| r.2).collect();
        Ok(Some(Root { parameter: first, error, joinings, slope }))
    }

    /// Closes a gap between two parameters at which it has opposite signs.
    fn close(
        &self,
        pass: Pass,
        mode: &[f64],
        low: (f64, f64),
        high: (f64, f64),
    ) -> Result<Option<(f64, f64, Joining)>> {
        let ((mut a, mut fa), (mut b, mut fb)) = (low, high);
        let (mut ga, mut gb) = (fa, fb);
        let mut best: Option<(f64, f64, Orbit)> = None;
        for turn in 0..100 {
            // False position, halving now and then, and where the ends differ by much.
            let even = 0.1 < (ga / gb).abs() && (ga / gb).abs() < 10.0;
            let share = if turn % 3 == 2 || !even { 0.5 } else { (ga / (ga - gb)).clamp(0.01, 0.99) };
            let p = a + share * (b - a);
            let resolved = a < p && p < b && b - a > 8.0 * f64::EPSILON * a.abs().max(b.abs());
            if !resolved || best.as_ref().is_some_and(|(_, gap, _)| gap.abs() <= CLOSED) {
                break;
            }
            let landscape = self.family.with_parameter(&self.diagram.parameter, p)?;
            let region = self.options.region.as_ref();
            let (set, arcs) = points(self.family, self.diagram, landscape.as_ref(), p, region)?;
            let own = if pass.backward { pass.to } else { pass.from };
            let Some(own) = arcs.iter().position(|arc| *arc == own) else { return Ok(None) };
            let graph = follow_manifold(landscape.as_ref(), &set, own, pass.backward, FINE);
            let Some((_, miss)) = passes(&graph, &arcs).into_iter().find(|(q, _)| *q == pass) else {
                return Ok(None);
            };
            let (gap, orbit) = (towards(miss, mode), orbit(&graph, &arcs, &pass));
            if best.as_ref().is_none_or(|(_, g, _)| gap.abs() < g.abs()) {
                best = Some((p, gap, orbit));
            }
            if (gap > 0.0) == (fa > 0.0) {
                (a, fa, ga) = (p, gap, gap);
                gb *= 0.5;
            } else {
                (b, fb, gb) = (p, gap, gap);
                ga *= 0.5;
            }
        }
        let slope = (fb - fa) / (b - a);
        let whole = (high.1 - low.1) / (high.0 - low.0);
        let slope = if slope.is_finite() && slope != 0.0 { slope } else { whole };
        // What jumps has no root: another connection threw the orbit to the other side.
        let limit = 1e2 * step_error(FINE, self.family.dim()).max(CLOSED);
        let best = best.filter(|(_, gap, _)| gap.abs() <= limit.max(1e-9));
        Ok(best.map(|(p, gap, orbit)| {
            // The orbit's own error, and what the gap still is, in the parameter.
            let error = ((gap.abs() + 1e2 * FINE) / slope.abs()).max(4.0 * f64::EPSILON * p.abs());
            (p, error, Joining::new(pass.from, pass.to, orbit, gap.abs(), slope))
        }))
    }
}

/// The error of a step that graphs are computed with: in many dimensions orbits are coarser.
fn step_error(tolerance: f64, dim: usize) -> f64 {
    if dim > connection::FINE_DIMENSIONS { tolerance.max(connection::COARSE) } else { tolerance }
}

/// Do connections change at the two saddles of a pass?
pub(super) fn changed(low: &Section, high: &Section, pass: &Pass) -> bool {
    let of = |s: &Section| -> Vec<((Arc, Arc), usize)> {
        let end = if pass.backward { pass.to } else { pass.from };
        let all = s.links.iter().chain(&s.joined);
        all.filter(|((a, b), _)| if pass.backward { *b == end } else { *a == end })
            .map(|(k, n)| (*k, *n))
            .collect()
    };
    of(low) != of(high)
}

/// The gaps of a graph.
pub(super) fn passes<'a>(graph: &'a MorseGraph, arcs: &[Arc]) -> Vec<(Pass, &'a Miss)> {
    let mut list: Vec<(Pass, &Miss)> = vec![];
    for miss in &graph.misses {
        let (from, to) = (arcs[miss.from], arcs[miss.to]);
        let same = |p: &Pass| p.from == from && p.to == to && p.backward == miss.backward;
        let number = list.iter().filter(|(p, _)| same(p)).count();
        list.push((Pass { from, to, backward: miss.backward, number }, miss));
    }
    list
}

/// The gap with the sign it has if the saddle's mode points as `mode` does.
pub(super) fn towards(miss: &Miss, mode: &[f64]) -> f64 {
    if dot(&miss.mode, mode) < 0.0 { -miss.gap } else { miss.gap }
}

/// The orbit of a pass, as far as it is known.
fn orbit(graph: &MorseGraph, arcs: &[Arc], pass: &Pass) -> Orbit {
    let is = |id: usize, arc: Arc| arcs[id] == arc;
    let joined = graph.loose.iter().find_map(|l| match l {
        Loose::NotTransverse { from, to, orbit, .. } if is(*from, pass.from) && is(*to, pass.to) => {
            Some(orbit)
        }
        _ => None,
    });
    joined.cloned().unwrap_or_default()
}

/// Why connections between saddles do not explain how two graphs differ; empty if they do: only connections of the saddles named, or
/// to and from points that they are joined to, have changed.
pub(super) fn explains(joinings: &[Joining], below: &Section, above: &Section) -> String {
    let keys: BTreeSet<(Arc, Arc)> = below.links.keys().chain(above.links.keys()).copied().collect();
    let points = |s: &Section| -> BTreeSet<(Arc, usize)> {
        s.arcs.iter().zip(&s.set.points).map(|(a, p)| (*a, p.index)).collect()
    };
    if points(below) != points(above) {
        return "points appear or vanish there, too".into();
    }
    // The upper saddle's unstable manifold slides over the lower one, whose stable manifold slides over the upper: what leads down from
    // the one and into the other changes.
    let (upper, lower): (BTreeSet<Arc>, BTreeSet<Arc>) = joinings.iter().map(|j| (j.from, j.to)).unzip();
    for key in keys {
        let (n, m) = (below.links.get(&key), above.links.get(&key));
        if n == m || upper.contains(&key.0) || lower.contains(&key.1) {
            continue;
        }
        let name = |s: &Section, arc| s.id(arc).map_or("?".to_string(), |id| id.to_string());
        return format!(
            "connections from point {} to point {} change, too, which belong to neither saddle",
            name(below, key.0),
            name(below, key.1)
        );
    }
    String::new()
}
