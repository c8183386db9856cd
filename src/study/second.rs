//! `[continue] second`: a second parameter, and what becomes of the plane of both.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::continuing::{ContinueSection, counted};
use super::pipeline::critical_options;
use super::section::Section;
use super::{Study, keys};
use crate::connection::Order;
use crate::continuation::{self, CurveEnd, CurveKind, Plane, PlaneOptions};
use crate::control::Control;
use crate::critical;
use crate::error::{Error, Result, brief, shown};
use crate::export::significant;
use crate::landscape::Family;

/// Up to this dimension all connections of the regions' graphs are looked for unless the study says.
const MOST_WHOLE: usize = 3;

/// Points of codimension two that the headline lists.
const MOST_LINES: usize = 20;

/// The second parameter of a continuation.
#[derive(Clone)]
pub struct Second {
    /// Its name.
    pub parameter: String,
    /// One end of its range.
    pub from: f64,
    /// The other end; above or below `from`.
    pub to: f64,
    /// Lines each way along which curves are looked for; at least 2.
    pub lines: Option<usize>,
    /// Cells each way of the grid from which the regions are made; at least 1.
    pub grid: Option<usize>,
    /// Are connections between saddles looked for?
    pub connections: bool,
    /// Where its keys stand.
    section: Section,
}

/// Reads the table.
pub(super) fn read(section: &mut Section) -> Result<Second> {
    let (parameter, from, to) = (section.text("parameter")?, section.number("from")?, section.number("to")?);
    let (lines, grid) = (section.integer("lines")?, section.integer("grid")?);
    let connections = section.flag("connections")?.unwrap_or(true);
    let (Some(parameter), Some(from), Some(to)) = (parameter, from, to) else {
        // A misspelt key is often why another one is missing, so it is the better message.
        section.misspelt(keys::SECOND)?;
        let examples = [("parameter", "\"f\""), ("from", "-1.0"), ("to", "1.0")];
        let (key, example) = examples.into_iter().find(|(k, _)| !section.has(k)).unwrap_or(examples[0]);
        return Err(section.missing(key, example));
    };
    section.finish(keys::SECOND)?;
    if from == to {
        return Err(section
            .error("to", format!("`to` must differ from `from`, which is {}, too", shown(from)))
            .with_help("the parameter runs between the two, either way"));
    }
    for (key, value, least) in [("lines", lines, 2), ("grid", grid, 1)] {
        if value.is_some_and(|v| v < least) {
            return Err(section.error(key, format!("`{key}` must be at least {least}")));
        }
    }
    Ok(Second { parameter, from, to, lines, grid, connections, section: section.clone() })
}

impl Second {
    /// The table fits the landscape, and the parameter is not the first one.
    pub(super) fn check(
        &self,
        study: &Study,
        family: &dyn Family,
        first: &str,
        range: [f64; 2],
    ) -> Result<()> {
        let parameters = family.parameters();
        let others: Vec<&str> =
            parameters.iter().map(|(name, _)| name.as_str()).filter(|name| *name != first).collect();
        if !others.contains(&self.parameter.as_str()) {
            let message = match self.parameter == first {
                true => format!("the second `parameter` is {:?} like the first", brief(first)),
                false => {
                    format!("`{}` has no `parameter` called {:?}", study.kind.name, brief(&self.parameter))
                }
            };
            let help = match others.is_empty() {
                true => "it has no other parameter that can be changed".into(),
                false => format!("its other parameters are: {}", others.join(", ")),
            };
            return Err(self.section.error("parameter", message).with_help(help));
        }
        for (name, [from, to]) in [(first, range), (&self.parameter, [self.from, self.to])] {
            let breaks = family.parameter_place(name).map_or(vec![], |place| family.breaks(place));
            if breaks.iter().any(|b| (from.min(to)..=from.max(to)).contains(b)) {
                let message = format!("curves in a plane cannot be followed past the corners of `{name}`");
                return Err(self.section.error("parameter", message).with_help(
                    "along the number of data and along training they are at whole numbers: stay between two of them",
                ));
            }
        }
        for (key, value) in [("from", self.from), ("to", self.to)] {
            if let Err(error) = family.with_parameter(&self.parameter, value) {
                let pointed = self.section.error(key, error.to_string());
                return Err(match error {
                    Error::Input { help: Some(help), .. } => pointed.with_help(help),
                    _ => pointed,
                });
            }
        }
        Ok(())
    }

    /// The plane of both parameters.
    pub(super) fn plane(
        &self,
        study: &Study,
        asked: &ContinueSection,
        family: &dyn Family,
        control: &Control<'_>,
    ) -> Result<Plane> {
        let default = PlaneOptions::new([asked.from, asked.to], [self.from, self.to]);
        let mut graphs = default.graphs.clone();
        graphs.graph.tolerance = study.graph.tolerance.unwrap_or(graphs.graph.tolerance);
        let all = if family.dim() <= MOST_WHOLE { Order::All } else { Order::One };
        graphs.graph.order = study.graph.order.unwrap_or(all);
        let options = PlaneOptions {
            lines: self.lines.unwrap_or(default.lines),
            grid: self.grid.unwrap_or(default.grid),
            max_points: asked.max_points.unwrap_or(default.max_points),
            region: study.region_for(family.dim())?,
            connections: self.connections,
            graphs,
            // Curves and regions have no use for proofs of single points.
            search: critical::Options { prove: false, ..critical_options(study) },
            ..default
        };
        let names = [asked.parameter.as_str(), self.parameter.as_str()];
        continuation::plane(family, names, &options, control).map_err(|e| self.section.locate(e))
    }
}

/// Why ends of curves were given up.
fn given_up(plane: &Plane) -> impl Iterator<Item = (usize, &str)> {
    let ends = plane.curves.iter().enumerate().flat_map(|(k, c)| c.ends.iter().map(move |e| (k, e)));
    ends.filter_map(|(curve, end)| match end {
        CurveEnd::Failed(why) => Some((curve, why.as_str())),
        _ => None,
    })
}

fn classes(plane: &Plane) -> usize {
    plane.regions.iter().map(|r| r.class + 1).max().unwrap_or(0)
}

/// The `plane` of the summary.
pub(super) fn json(plane: &Plane) -> Value {
    let mut curves: BTreeMap<&str, usize> = BTreeMap::new();
    plane.curves.iter().for_each(|c| *curves.entry(c.kind.name()).or_default() += 1);
    let mut points: BTreeMap<String, usize> = BTreeMap::new();
    plane.points.iter().for_each(|p| *points.entry(p.kind.name()).or_default() += 1);
    json!({
        "parameters": plane.parameters,
        "ranges": plane.ranges,
        "curves": curves,
        "points": points,
        "regions": plane.regions.len(),
        "classes": classes(plane),
        "given_up": given_up(plane).count(),
        "lost": plane.lost.len(),
    })
}

/// Is the graph the same at two places of each region?
pub(super) fn check(plane: &Plane) -> Value {
    let (all, open) = (plane.regions.len(), plane.regions.iter().filter(|r| !r.uniform).count());
    json!({
        "name": "plane_regions",
        "passed": open == 0,
        "detail": format!("{} of {all} regions have one graph at both places where it was computed", all - open),
    })
}

/// What falls short of the plane, if anything.
pub(super) fn shortfall(plane: &Plane) -> Option<String> {
    if let Some((curve, why)) = given_up(plane).next() {
        let count = given_up(plane).count();
        return Some(format!("{count} ends of curves were given up; the first, of curve {curve}: {why}"));
    }
    let first = plane.lost.first()?;
    Some(format!("{} things in the plane were not followed; the first: {first}", plane.lost.len()))
}

/// The plane in words: what there is, then a line a point of codimension two.
pub(super) fn headline(plane: &Plane) -> String {
    let [p, q] = &plane.parameters;
    let kinds = CurveKind::ALL.into_iter().filter_map(|kind| {
        let count = plane.curves.iter().filter(|c| c.kind == kind).count();
        let (one, many) = (format!("{} curve", kind.name()), format!("{} curves", kind.name()));
        (count > 0).then(|| counted(count, &one, &many))
    });
    let mut parts: Vec<String> = kinds.collect();
    parts.push(counted(plane.regions.len(), "region", "regions"));
    parts.push(counted(classes(plane), "class of graphs", "classes of graphs"));
    let mut text = format!("\nplane of {p} and {q}: {}", parts.join(", "));
    let width = plane.points.iter().map(|p| p.kind.name().len()).max().unwrap_or(0);
    for point in plane.points.iter().take(MOST_LINES) {
        let [a, b] = point.parameters.map(|v| significant(v, 9));
        text += &format!("\n{:width$}  {p} = {a}, {q} = {b}", point.kind.name());
    }
    if plane.points.len() > MOST_LINES {
        text += &format!("\n{} more in plane.json", plane.points.len() - MOST_LINES);
    }
    text
}
