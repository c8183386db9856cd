//! The connection graph with energy upwards, in any dimension.

use super::canvas::{Canvas, Color, Horizontal, Pen, Vertical, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, point_entries, title as heading};
use super::gallery::Gallery;
use super::geometry::P;
use super::layout::{minima_order, spread, wishes};
use super::scale::Scale;
use super::style::{ALARM, GREY, INK, color, counted, hollow, label, marker};
use crate::connection::{Loose, MorseGraph};
use crate::critical::CriticalSet;
use crate::error::Result;
use crate::export::check_graph;

const LEFT: f64 = 104.0;
const RIGHT: f64 = 26.0;
const HEIGHT: f64 = 520.0;
/// Nodes carry their ids up to this many.
const MOST_LABELS: usize = 60;

/// A drawing of the connection graph as an SVG document: energy upwards, minima ordered so that those joined at low
/// saddles are neighbours, one marker an index.
///
/// With `image` (rows, columns) each minimum is also shown as a grayscale image of its coordinates, read row by row;
/// an input error if that is not the dimension. The axis turns to ranks, and says so, where a few extreme energies
/// would press all others onto each other.
pub fn drawing(
    set: &CriticalSet,
    graph: &MorseGraph,
    image: Option<(usize, usize)>,
    title: &str,
) -> Result<String> {
    check_graph(set, graph)?;
    let order = minima_order(set, graph);
    let width = (900.0 + 6.0 * order.len().saturating_sub(30) as f64).min(2000.0);
    let entries = entries(set, graph);
    let top = 48.0 + legend_height(&entries, width - LEFT - RIGHT) + 8.0;
    let scale = match set.has_energy() {
        true => Scale::new(&energies(set)),
        false => Scale::Linear((-0.1, set.counts().len() as f64 - 0.9)),
    };
    let frame = Frame {
        low: (LEFT, top),
        high: (width - RIGHT, top + HEIGHT + 0.15 * (width - 900.0)),
        x: (0.0, 1.0),
        y: scale.range(),
    };
    let below = (frame.low.0, frame.high.1);
    let (gallery, pictures, height) = Gallery::under(&frame, set, &order, image)?;

    let sizes = Sizes::new(set.points.len() + set.degenerate.len(), graph.connections.len());
    let places = places(set, graph, &order, &scale, &frame, &sizes);
    document((width, height), title, &pictures, |canvas| {
        let axis = match set.has_energy() {
            true => scale.ticks(frame.y),
            false => (0..set.counts().len()).map(|index| (index as f64, index.to_string())).collect(),
        };
        for (value, _) in &axis {
            let (_, y) = frame.place((0.0, *value));
            let pen = Pen { color: Color(225, 225, 225), width: 0.7, alpha: 1.0 };
            canvas.line(&[(frame.low.0, y), (frame.high.0, y)], pen)?;
        }
        if let Some(gallery) = &gallery {
            gallery.draw(canvas, &places, below)?;
        }
        edges(canvas, set, graph, &places, &sizes)?;
        nodes(canvas, set, &places, &sizes)?;
        let name = if set.has_energy() { scale.name() } else { "unstable directions" };
        axes(canvas, &frame, (&vec![], ""), (&axis, name))?;
        heading(canvas, title, width)?;
        legend(canvas, &entries, (LEFT, 46.0), width - LEFT - RIGHT)
    })
}

/// Energies of the points by id, then of the degenerate families; of a field, which has none, the numbers of unstable
/// directions.
fn energies(set: &CriticalSet) -> Vec<f64> {
    if !set.has_energy() {
        let indices = set.points.iter().map(|p| p.index as f64);
        return indices.chain(set.degenerate.iter().map(|_| 0.0)).collect();
    }
    set.points.iter().map(|p| p.energy).chain(set.degenerate.iter().map(|f| f.energy)).collect()
}

fn entries(set: &CriticalSet, graph: &MorseGraph) -> Vec<(Symbol, String)> {
    let mut out = point_entries(set);
    let pen = |color: Color| Pen { color, width: 1.4, alpha: 1.0 };
    let loose = |f: fn(&Loose) -> bool| graph.loose.iter().filter(|l| f(l)).count();
    let passing = loose(|l| matches!(l, Loose::NotTransverse { .. }));
    let leaving = loose(|l| matches!(l, Loose::Exit { backward: false, .. }));
    let ending = loose(|l| matches!(l, Loose::Degenerate { .. }));
    for (symbol, count, one, many) in [
        (Symbol::Line(pen(INK)), graph.connections.len(), "connection", "connections"),
        (Symbol::Dashed(pen(ALARM)), passing, "orbit from saddle to saddle", "orbits from saddle to saddle"),
        (Symbol::Dashed(pen(GREY)), leaving, "orbit leaves the region", "orbits leave the region"),
        (Symbol::Line(pen(GREY)), ending, "orbit to what is degenerate", "orbits to what is degenerate"),
    ] {
        if count > 0 {
            out.push((symbol, counted(count, one, many)));
        }
    }
    out
}

/// Sizes that shrink as the graph grows.
struct Sizes {
    minimum: f64,
    other: f64,
    line: f64,
    alpha: f64,
    edged: bool,
    labels: bool,
}

impl Sizes {
    fn new(nodes: usize, edges: usize) -> Sizes {
        let (minimum, other) = match nodes {
            0..=40 => (7.0, 6.0),
            41..=150 => (5.5, 4.6),
            151..=600 => (4.4, 3.2),
            _ => (3.4, 2.1),
        };
        let (line, alpha) = match edges {
            0..=80 => (1.2, 0.9),
            81..=400 => (0.9, 0.55),
            401..=1500 => (0.7, 0.35),
            _ => (0.5, 0.22),
        };
        Sizes { minimum, other, line, alpha, edged: nodes <= 600, labels: nodes <= MOST_LABELS }
    }
}

/// Places of all nodes on the sheet: points by id, then degenerate families.
fn places(
    set: &CriticalSet,
    graph: &MorseGraph,
    order: &[usize],
    scale: &Scale,
    frame: &Frame,
    sizes: &Sizes,
) -> Vec<P> {
    let wishes = wishes(set, graph, order);
    let mut places: Vec<P> = wishes
        .into_iter()
        .zip(energies(set))
        .map(|(x, energy)| frame.place((x, scale.place(energy))))
        .collect();
    let gap = (if sizes.labels { 3.4 } else { 2.3 }) * sizes.other;
    // Minima keep their places: they already stand apart, or there is no room anyway.
    spread(&mut places, gap, (frame.low.0 + sizes.minimum, frame.high.0 - sizes.minimum - 4.0));
    places
}

fn edges(
    canvas: &mut Canvas,
    set: &CriticalSet,
    graph: &MorseGraph,
    places: &[P],
    sizes: &Sizes,
) -> Result<()> {
    let pen = |color: Color| Pen { color, width: sizes.line, alpha: sizes.alpha };
    for connections in graph.connections.chunk_by(|a, b| a.from == b.from) {
        let from = connections[0].from;
        let index = set.points[from].index;
        let pen = pen(if index <= 1 { INK } else { color(index) });
        let targets: Vec<usize> = connections.iter().map(|c| c.to).collect();
        if let [a, b] = targets[..]
            && a != b
        {
            canvas.line(&[places[a], places[from], places[b]], pen)?;
            continue;
        }
        for (k, &to) in targets.iter().enumerate() {
            let same = targets.iter().filter(|&&t| t == to).count();
            let before = targets[..k].iter().filter(|&&t| t == to).count();
            canvas.line(&bowed(places[from], places[to], before as f64 - 0.5 * (same - 1) as f64), pen)?;
        }
    }
    for loose in &graph.loose {
        match loose {
            Loose::NotTransverse { from, to, .. } => {
                let pen = Pen { color: ALARM, width: 1.8, alpha: 1.0 };
                canvas.dashed(&bowed(places[*from], places[*to], 0.4), pen)?;
            }
            Loose::Degenerate { point, family, .. } => {
                canvas.line(&[places[*point], places[set.points.len() + family]], pen(GREY))?;
            }
            Loose::Exit { point, backward: false, .. } => {
                let (x, y) = places[*point];
                let length = 4.5 * sizes.other;
                canvas.dashed(&[(x, y), (x + 0.6 * length, y + length)], Pen { alpha: 1.0, ..pen(GREY) })?;
            }
            Loose::Exit { .. } | Loose::Lost { .. } => {}
        }
    }
    Ok(())
}

/// A line from `a` to `b`, bowed sideways by `offset` steps so that parallel edges are told apart.
fn bowed(a: P, b: P, offset: f64) -> Vec<P> {
    if offset == 0.0 {
        return vec![a, b];
    }
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx.hypot(dy).max(1e-9);
    let bow = offset * (24.0 + 0.08 * length);
    let control = (0.5 * (a.0 + b.0) - bow * dy / length, 0.5 * (a.1 + b.1) + bow * dx / length);
    (0..=16)
        .map(|i| {
            let t = f64::from(i) / 16.0;
            let (u, v, w) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            (u * a.0 + v * control.0 + w * b.0, u * a.1 + v * control.1 + w * b.1)
        })
        .collect()
}

fn nodes(canvas: &mut Canvas, set: &CriticalSet, places: &[P], sizes: &Sizes) -> Result<()> {
    for &at in &places[set.points.len()..] {
        hollow(canvas, at, sizes.other)?;
    }
    for (id, p) in set.points.iter().enumerate().rev() {
        let radius = if p.index == 0 { sizes.minimum } else { sizes.other };
        marker(canvas, p.index, places[id], radius, sizes.edged)?;
        if sizes.labels {
            let (down, vertical) = if p.index == 0 { (1.0, Vertical::Top) } else { (-0.6, Vertical::Bottom) };
            let at = (places[id].0 + radius + 1.0, places[id].1 + down * radius * 0.5);
            label(canvas, at, id, 10.5, (Horizontal::Left, vertical))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parallel_edges_part() {
        let a = bowed((0.0, 0.0), (0.0, 100.0), -0.5);
        let b = bowed((0.0, 0.0), (0.0, 100.0), 0.5);
        assert_eq!((a[0], a[16]), (b[0], b[16]));
        assert!((a[8].0 - b[8].0).abs() > 10.0);
    }
}
