//! Connections between saddles along one line.
//!
//! In: the branches along the line. Out: places where a gap closes. Between two events graphs are computed at a few parameters;
//! where two of them differ, a gap that has changed its sign is closed by the secant method, or the piece is halved.

use rayon::prelude::*;

use super::super::Diagram;
use super::super::global::{changed, passes, towards};
use super::super::section::{Section, section};
use super::super::{Graphs, Scales};
use super::Ground;
use super::gap::{Node, Seed, Walk};
use crate::connection::Miss;
use crate::error::Result;
use crate::landscape::Family;

/// Samples stay this share of a piece away from its ends, and are moved by the second share off its middle.
const MARGIN: f64 = 0.03;
const OFF_CENTRE: f64 = 0.0729;

/// Halvings between two graphs that differ, and after a connection was found between them.
const DEPTH: usize = 14;
const AFTER: usize = 3;

/// Beside a connection the graphs are compared at this share of the piece.
const BESIDE: f64 = 0.05;

/// Share of the piece by which the slope of a gap is taken.
const AHEAD: f64 = 0.03;

/// A line on which one parameter is held.
pub(super) struct Line<'a> {
    pub(super) ground: &'a Ground<'a>,
    pub(super) family: &'a dyn Family,
    pub(super) diagram: &'a Diagram,
    pub(super) graphs: &'a Graphs,
    pub(super) axis: usize,
    pub(super) fixed: f64,
}

impl Line<'_> {
    /// All connections that are met, and what was not found out.
    pub(super) fn connections(&self) -> Result<(Vec<Seed>, Vec<String>)> {
        let (mut seeds, mut lost) = (vec![], vec![]);
        let scales = self.scales();
        let [low, high] = self.diagram.range.map(|end| scales.theta(end));
        let mut ends = vec![low];
        ends.extend(self.diagram.events.iter().map(|e| scales.theta(e.parameter)));
        ends.push(high);
        ends.dedup_by(|b, a| *b - *a < 1e-6);
        let count = self.graphs.samples.max(2);
        for pair in ends.windows(2) {
            if self.ground.control.stopped() {
                break;
            }
            let at = |j: usize| {
                let inner = j > 0 && j + 1 < count;
                let share = (j as f64 + if inner { OFF_CENTRE } else { 0.0 }) / (count - 1) as f64;
                scales.parameter_at(pair[0] + (MARGIN + (1.0 - 2.0 * MARGIN) * share) * (pair[1] - pair[0]))
            };
            let sections: Result<Vec<Section>> =
                (0..count).into_par_iter().map(|j| self.section(at(j))).collect();
            for pair in sections?.windows(2) {
                self.seek(&pair[0], &pair[1], DEPTH, &mut seeds, &mut lost)?;
            }
        }
        Ok((seeds, lost))
    }

    fn scales(&self) -> Scales {
        self.ground.problems[self.axis].scales
    }

    fn section(&self, parameter: f64) -> Result<Section> {
        section(self.family, self.diagram, parameter, self.graphs, self.ground.control)
    }

    fn place(&self, parameter: f64) -> [f64; 2] {
        if self.axis == 0 { [parameter, self.fixed] } else { [self.fixed, parameter] }
    }

    /// Adds the connections between two graphs.
    fn seek(
        &self,
        low: &Section,
        high: &Section,
        depth: usize,
        seeds: &mut Vec<Seed>,
        lost: &mut Vec<String>,
    ) -> Result<()> {
        if low.is_same(high) || self.ground.control.stopped() {
            return Ok(());
        }
        let scales = self.scales();
        let (a, b) = (scales.theta(low.parameter), scales.theta(high.parameter));
        let mut found = vec![];
        let (before, after) = (passes(&low.graph, &low.arcs), passes(&high.graph, &high.arcs));
        for (pass, miss) in &before {
            let other = after.iter().find(|(p, _)| p == pass).map(|(_, other)| towards(other, &miss.mode));
            if changed(low, high, pass) && other.is_none_or(|other| (miss.gap > 0.0) != (other > 0.0)) {
                found.extend(self.close(low, miss, [a, b], other)?);
            }
        }
        for (pass, miss) in &after {
            if changed(low, high, pass) && before.iter().all(|(p, _)| p != pass) {
                found.extend(self.close(high, miss, [b, a], None)?);
            }
        }
        found.sort_by(|p, q| p.0.total_cmp(&q.0));
        if let (Some(&(first, _)), Some(&(last, _))) = (found.first(), found.last()) {
            seeds.extend(found.into_iter().map(|(_, seed)| seed));
            if depth > 0 {
                let [before, behind] = [first - BESIDE * (first - a), last + BESIDE * (b - last)];
                let left = self.section(scales.parameter_at(before))?;
                let right = self.section(scales.parameter_at(behind))?;
                self.seek(low, &left, (depth - 1).min(AFTER), seeds, lost)?;
                self.seek(&right, high, (depth - 1).min(AFTER), seeds, lost)?;
            }
            return Ok(());
        }
        if depth == 0 {
            let at = self.ground.named(self.place(low.parameter));
            lost.push(format!("about {at} the graph changes along a line, and no connection was found"));
            return Ok(());
        }
        let middle = self.section(scales.parameter_at(0.5 * (a + b)))?;
        self.seek(low, &middle, depth - 1, seeds, lost)?;
        self.seek(&middle, high, depth - 1, seeds, lost)
    }

    /// Closes a gap that is known at the first end of a piece, and maybe at the other. An orbit that comes by a saddle at one end
    /// need not do so at the other.
    fn close(
        &self,
        section: &Section,
        miss: &Miss,
        [a, b]: [f64; 2],
        other: Option<f64>,
    ) -> Result<Option<(f64, Seed)>> {
        let walk = Walk { ground: self.ground, backward: miss.backward, mode: miss.mode.clone() };
        let at = |theta: f64| self.ground.scaled(self.place(self.scales().parameter_at(theta)));
        let near = Node::new(at(a), &section.set, [miss.from, miss.to], miss.gap);
        let mut normal = [0.0; 2];
        normal[self.axis] = 1.0;
        let (start, slope) = match other {
            Some(other) => {
                let share = (miss.gap / (miss.gap - other)).clamp(0.1, 0.9);
                (a + share * (b - a), (other - miss.gap) / (b - a))
            }
            None => {
                let beside = a + AHEAD * (b - a);
                let Some(node) = walk.gap(&near, at(beside))? else { return Ok(None) };
                (beside, (node.gap - miss.gap) / (beside - a))
            }
        };
        let found = walk.close(&near, at(start), normal, slope, (b - a).abs())?;
        let inside = |u: f64| a.min(b) < u && u < a.max(b);
        Ok(found
            .filter(|(node, _)| inside(node.u[self.axis]))
            .map(|(node, _)| (node.u[self.axis], walk.seed(node))))
    }
}
