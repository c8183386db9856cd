//! The bifurcation diagram: branches of critical points over the parameter, their indices and their events.

use super::abscissa::Abscissa;
use super::canvas::{Color, Pen, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, ticks, title as heading};
use super::geometry::P;
use super::quantity::Quantity;
use super::style::{EVENTS, EventMark, GREY, branch_line, counted, event_mark};
use crate::continuation::{BranchPoint, Cause, Diagram, End, EventKind, Itinerary};
use crate::error::{Error, Result};
use crate::export::check_diagram;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 26.0;

/// The bifurcation diagram as an SVG document: the parameter to the right (its logarithm where its range is positive and
/// spans more than a factor 10), the ordinate upwards; minima solid, saddles dashed, with a colour and a dash an index; a
/// marker an event by its kind; dotted upright lines where an orbit joins two saddles.
///
/// # Errors
/// If a number is not finite, or the ordinate does not fit the dimension.
pub fn bifurcation_diagram(
    diagram: &Diagram,
    itinerary: Option<&Itinerary>,
    ordinate: &Quantity,
    title: &str,
) -> Result<String> {
    let n = check_diagram(diagram)?;
    if !diagram.branches.is_empty() && ordinate.misfit(n).is_some() {
        return Err(Error::input(format!("the ordinate does not fit a landscape of dimension {n}")));
    }
    let abscissa = Abscissa::new(diagram.range, false);
    let pieces = pieces(diagram, ordinate, &abscissa);
    let values = pieces.iter().flat_map(|p| p.points.iter().map(|p| p.1));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let y = match high >= low {
        true => {
            let margin = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1.0) };
            (low - margin, high + margin)
        }
        false => (0.0, 1.0),
    };
    let connections: Vec<f64> = itinerary
        .map_or(&[][..], |i| &i.cuts)
        .iter()
        .filter(|cut| matches!(cut.cause, Cause::Connections(_)))
        .map(|cut| abscissa.place(cut.parameter))
        .collect();
    let entries = entries(diagram, &pieces, connections.len());
    let width = WIDTH - LEFT - RIGHT;
    let top = 48.0 + legend_height(&entries, width) + 8.0;
    let frame = Frame { low: (LEFT, top), high: (WIDTH - RIGHT, top + HEIGHT), x: abscissa.range(), y };
    let stroke = match diagram.branches.len() {
        0..=12 => 1.9,
        13..=60 => 1.4,
        61..=300 => 1.0,
        _ => 0.7,
    };
    let mark = match diagram.events.len() {
        0..=40 => 5.0,
        41..=200 => 3.8,
        _ => 2.8,
    };
    document((WIDTH, frame.high.1 + 62.0), title, &[], |canvas| {
        let (across, up) = (abscissa.ticks(), ticks(y, 7));
        let thin = Pen { color: Color(232, 232, 232), width: 0.7, alpha: 1.0 };
        for (value, _) in &up {
            let (_, y) = frame.place((frame.x.0, *value));
            canvas.line(&[(frame.low.0, y), (frame.high.0, y)], thin)?;
        }
        for at in &connections {
            let (x, _) = frame.place((*at, frame.y.0));
            canvas.pattern(&[(x, frame.low.1), (x, frame.high.1)], CONNECTION, DOTS)?;
        }
        // Minima last, over what meets them.
        let mut order: Vec<&Piece> = pieces.iter().collect();
        order.sort_by_key(|p| std::cmp::Reverse(p.index));
        for piece in order {
            let placed: Vec<P> = piece.points.iter().map(|p| frame.place(*p)).collect();
            branch_line(canvas, piece.index, &placed, stroke)?;
        }
        for event in &diagram.events {
            let value = ordinate.of(&event.x, event.energy);
            let at = frame.place((abscissa.place(event.parameter), value));
            event_mark(canvas, mark_of(&event.kind), at, mark)?;
        }
        axes(canvas, &frame, (&across, &diagram.parameter), (&up, &ordinate.name()))?;
        heading(canvas, title, WIDTH)?;
        legend(canvas, &entries, (LEFT, 46.0), width)
    })
}

/// Connections from saddle to saddle.
const CONNECTION: Pen = Pen { color: GREY, width: 1.1, alpha: 1.0 };
const DOTS: (f64, f64) = (1.6, 3.2);

/// Branches are drawn smooth up to so many points in all.
const MOST_SMOOTHED: usize = 20_000;
/// Parts of a step between two points of a branch.
const SUBSTEPS: usize = 6;

/// A part of a branch with one index, in the coordinates of the frame.
struct Piece {
    index: usize,
    points: Vec<P>,
}

/// The branches cut at their events, and wherever else the index changes; each runs to the right, so that the dashes of
/// branches that cover each other do so, too.
fn pieces(diagram: &Diagram, ordinate: &Quantity, abscissa: &Abscissa) -> Vec<Piece> {
    let place = |p: &BranchPoint| (abscissa.place(p.parameter), ordinate.of(&p.x, p.energy));
    let many = diagram.branches.iter().map(|b| b.points.len()).sum::<usize>() > MOST_SMOOTHED;
    let mut pieces = vec![];
    for branch in &diagram.branches {
        let mut points: Vec<&BranchPoint> = branch.points.iter().collect();
        let mut lengths: Vec<f64> = points.iter().map(|p| p.arclength).collect();
        if let (End::Closed, Some(first)) = (&branch.ends[1], branch.points.first()) {
            points.push(first);
            lengths.extend(lengths.last().copied());
        }
        let placed: Vec<P> = points.iter().map(|p| place(p)).collect();
        let between = if many { vec![vec![]; placed.len()] } else { smooth(&lengths, &placed) };
        let mut close = |from: usize, to: usize| {
            let Some(index) = points[from..=to].iter().find_map(|p| p.index) else { return };
            let mut line = vec![placed[from]];
            for k in from + 1..=to {
                line.extend(&between[k - 1]);
                line.push(placed[k]);
            }
            if line[0].0 > line[line.len() - 1].0 {
                line.reverse();
            }
            if line.len() > 1 {
                pieces.push(Piece { index, points: line });
            }
        };
        let mut from = 0;
        for k in 1..points.len() {
            match (points[k - 1].index, points[k].index) {
                (_, None) => {
                    close(from, k);
                    from = k;
                }
                (Some(before), Some(index)) if before != index => {
                    close(from, k - 1);
                    from = k;
                }
                _ => {}
            }
        }
        if from + 1 < points.len() {
            close(from, points.len() - 1);
        }
    }
    pieces
}

/// Points between each two neighbours of a curve that is known at these lengths: a cubic through them whose slopes are
/// those of the parabola through each three.
fn smooth(lengths: &[f64], placed: &[P]) -> Vec<Vec<P>> {
    let last = placed.len().saturating_sub(1);
    let secant = |k: usize| {
        let step = lengths[k + 1] - lengths[k];
        let (a, b) = (placed[k], placed[k + 1]);
        (step > 0.0).then(|| ((b.0 - a.0) / step, (b.1 - a.1) / step))
    };
    let slope = |k: usize| -> Option<P> {
        if k == 0 || k == last {
            return secant(k.min(last - 1));
        }
        let (before, after) = (secant(k - 1)?, secant(k)?);
        let (h, g) = (lengths[k] - lengths[k - 1], lengths[k + 1] - lengths[k]);
        let mix = |a: f64, b: f64| (g * a + h * b) / (h + g);
        Some((mix(before.0, after.0), mix(before.1, after.1)))
    };
    (0..last)
        .map(|k| {
            let step = lengths[k + 1] - lengths[k];
            let (Some(m0), Some(m1)) = (slope(k), slope(k + 1)) else { return vec![] };
            let (a, b) = (placed[k], placed[k + 1]);
            let at = |t: f64, a: f64, b: f64, m0: f64, m1: f64| {
                let (s, u) = (1.0 - t, 3.0 - 2.0 * t);
                (1.0 - t * t * u) * a + t * t * u * b + step * t * s * (s * m0 - t * m1)
            };
            (1..SUBSTEPS)
                .map(|i| i as f64 / SUBSTEPS as f64)
                .map(|t| (at(t, a.0, b.0, m0.0, m1.0), at(t, a.1, b.1, m0.1, m1.1)))
                .collect()
        })
        .collect()
}

pub(super) fn mark_of(kind: &EventKind) -> EventMark {
    match kind {
        EventKind::Fold => EventMark::Fold,
        EventKind::Pitchfork { supercritical: true } => EventMark::Supercritical,
        EventKind::Pitchfork { supercritical: false } => EventMark::Subcritical,
        EventKind::Transcritical => EventMark::Transcritical,
        EventKind::Multiple { .. } => EventMark::Multiple,
        EventKind::Cusp => EventMark::Cusp,
        EventKind::Unexplained => EventMark::Unexplained,
    }
}

fn entries(diagram: &Diagram, pieces: &[Piece], connections: usize) -> Vec<(Symbol, String)> {
    let n = diagram.branches.iter().flat_map(|b| &b.points).map(|p| p.x.len()).next().unwrap_or(0);
    let most = pieces.iter().map(|p| p.index + 1).max().unwrap_or(0);
    let mut entries: Vec<(Symbol, String)> = (0..most)
        .filter(|index| pieces.iter().any(|p| p.index == *index))
        .map(|index| {
            let name = match index {
                0 => "minima".into(),
                k if k == n => "maxima".into(),
                k => format!("index {k}"),
            };
            (Symbol::Branch(index), name)
        })
        .collect();
    entries.extend(event_entries(diagram));
    if connections > 0 {
        let text = counted(connections, "saddle connection", "saddle connections");
        entries.push((Symbol::Pattern(CONNECTION, DOTS), text));
    }
    entries
}

/// The legend's entries for the events that there are.
pub(super) fn event_entries(diagram: &Diagram) -> Vec<(Symbol, String)> {
    let count = |mark| diagram.events.iter().filter(|e| mark_of(&e.kind) == mark).count();
    let counts = EVENTS.into_iter().map(|(mark, one, many)| (mark, count(mark), one, many));
    let met = counts.filter(|(_, count, ..)| *count > 0);
    met.map(|(mark, count, one, many)| (Symbol::Event(mark), counted(count, one, many))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Control;
    use crate::continuation::{Options, follow};
    use crate::landscape::formula::Formula;

    /// Two minima and a maximum meet in a pitchfork at p = 0.
    fn pitchfork() -> Diagram {
        let family = Formula::new(1, "x[0]^4/4 - p*x[0]^2/2", &[("p".into(), 0.0)], &[], None).unwrap();
        follow(&family, "p", &[(-1.0, vec![0.0])], &Options::new(-1.0, 1.0), &Control::quiet()).unwrap()
    }

    #[test]
    fn pieces_have_one_index_and_meet_at_the_event() {
        let abscissa = Abscissa::new([-1.0, 1.0], false);
        let pieces = pieces(&pitchfork(), &Quantity::Coordinate(0), &abscissa);
        let mut indices: Vec<usize> = pieces.iter().map(|p| p.index).collect();
        indices.sort_unstable();
        assert_eq!(indices, [0, 0, 0, 1]);
        for piece in &pieces {
            let ends = [piece.points[0], piece.points[piece.points.len() - 1]];
            assert_eq!(ends.iter().filter(|p| p.0.abs() < 1e-9).count(), 1, "{ends:?}");
            assert!(piece.points.iter().all(|p| p.1.abs() <= 1.0 + 1e-9));
        }
    }

    #[test]
    fn a_circle_known_at_a_few_points_is_drawn_round() {
        let angles: Vec<f64> = (0..=12).map(|k| 0.4 * f64::from(k)).collect();
        let placed: Vec<P> = angles.iter().map(|a| (a.cos(), a.sin())).collect();
        let between = smooth(&angles, &placed);
        assert_eq!(between.len(), 12);
        // Straight lines would miss it by 1 - cos(0.2) = 0.02.
        for part in &between[1..11] {
            assert_eq!(part.len(), SUBSTEPS - 1);
            part.iter().for_each(|p| assert!((p.0.hypot(p.1) - 1.0).abs() < 4e-3, "{p:?}"));
        }
        assert!(smooth(&[1.0, 1.0], &placed[..2])[0].is_empty());
        assert!(smooth(&[], &[]).is_empty());
    }

    #[test]
    fn the_legend_counts_events_and_the_ordinate_has_a_name() {
        let svg = bifurcation_diagram(&pitchfork(), None, &Quantity::Functional(vec![2.0]), "Fork").unwrap();
        for text in ["Fork", "minima", "maxima", "1 supercritical pitchfork", "2 x[0]"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(bifurcation_diagram(&pitchfork(), None, &Quantity::Coordinate(1), "t").is_err());
        assert!(bifurcation_diagram(&pitchfork(), None, &Quantity::Functional(vec![]), "t").is_err());
    }
}
