//! The disconnectivity graph: how the minima come together as the energy rises.

use super::canvas::{Canvas, Color, Horizontal, Lettering, Pen, Vertical, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, title as heading};
use super::gallery::Gallery;
use super::geometry::P;
use super::layout::minima_order;
use super::scale::Scale;
use super::style::{GREY, INK, counted, label, marker};
use crate::connection::MorseGraph;
use crate::connection::algebra::{Tree, level_tolerance, merge_tree};
use crate::critical::CriticalSet;
use crate::error::Result;
use crate::export::check_graph;

const LEFT: f64 = 104.0;
const RIGHT: f64 = 26.0;
const HEIGHT: f64 = 520.0;
/// The narrowest sheet, the widest one, and the room a leaf gets between them.
const WIDTHS: (f64, f64, f64) = (900.0, 2600.0, 8.0);
/// Saddles carry their ids up to this number of leaves.
const MOST_LABELS: usize = 60;
/// Leaves nearer than this to each other have no ids.
const NARROWEST: f64 = 5.5;

/// The disconnectivity graph as an SVG document: energies upwards, minima as leaves at their energies; where a saddle of
/// index 1 joins branches, a bar at its energy. Components that no saddle joins go on dashed.
///
/// With `image` (rows, columns) each minimum is also shown as a grayscale image of its coordinates, as in
/// [`drawing`](super::drawing()). The axis turns to ranks, and says so, where a few extreme energies would press all
/// others onto each other. Without energies there is nothing to draw: an error.
///
/// # Errors
/// If `image` does not have the dimension, or a number is not finite.
pub fn tree(
    set: &CriticalSet,
    graph: &MorseGraph,
    image: Option<(usize, usize)>,
    title: &str,
) -> Result<String> {
    check_graph(set, graph)?;
    let tree = merge_tree(set, graph, level_tolerance(set));
    let order = minima_order(set, graph);
    let (narrow, wide, leaf) = WIDTHS;
    let width = (LEFT + RIGHT + leaf * order.len() as f64).clamp(narrow, wide);
    let entries = entries(&tree);
    let top = 48.0 + legend_height(&entries, width - LEFT - RIGHT) + 8.0;
    let scale = Scale::new(&tree.nodes.iter().map(|n| n.energy).collect::<Vec<_>>());
    let frame = Frame {
        low: (LEFT, top),
        high: (width - RIGHT, top + HEIGHT + 0.12 * (width - narrow)),
        x: (0.0, 1.0),
        y: scale.range(),
    };
    let below = (frame.low.0, frame.high.1);
    let (gallery, pictures, height) = Gallery::under(&frame, set, &order, image)?;
    let places = places(&tree, &order, &scale, &frame);
    document((width, height), title, &pictures, |canvas| {
        let axis = scale.ticks(frame.y);
        for (value, _) in &axis {
            let (_, y) = frame.place((0.0, *value));
            let pen = Pen { color: Color(225, 225, 225), width: 0.7, alpha: 1.0 };
            canvas.line(&[(frame.low.0, y), (frame.high.0, y)], pen)?;
        }
        if let Some(gallery) = &gallery {
            let mut by_id = vec![(0.0, 0.0); set.points.len()];
            tree.nodes.iter().zip(&places).take(tree.leaves).for_each(|(n, p)| by_id[n.points[0]] = *p);
            gallery.draw(canvas, &by_id, below)?;
        }
        branches(canvas, &tree, &places, &frame)?;
        nodes(canvas, &tree, &places, &frame, gallery.is_some())?;
        axes(canvas, &frame, (&vec![], ""), (&axis, scale.name()))?;
        heading(canvas, title, width)?;
        legend(canvas, &entries, (LEFT, 46.0), width - LEFT - RIGHT)
    })
}

fn entries(tree: &Tree) -> Vec<(Symbol, String)> {
    let saddles: usize = tree.nodes[tree.leaves..].iter().map(|n| n.points.len()).sum();
    let mut out = vec![(Symbol::Index(0), counted(tree.leaves, "minimum", "minima"))];
    if saddles > 0 {
        out.push((Symbol::Index(1), counted(saddles, "saddle that joins them", "saddles that join them")));
    }
    if tree.roots.len() > 1 {
        out.push((Symbol::Dashed(apart()), format!("{} components that are not joined", tree.roots.len())));
    }
    out
}

fn apart() -> Pen {
    Pen { color: GREY, width: 1.0, alpha: 1.0 }
}

/// Places of the nodes: leaves side by side in their order, the others above the middle of what they join.
fn places(tree: &Tree, order: &[usize], scale: &Scale, frame: &Frame) -> Vec<P> {
    let mut x = vec![0.0; tree.nodes.len()];
    for (node, leaf) in tree.nodes[..tree.leaves].iter().enumerate() {
        let place = order.iter().position(|id| *id == leaf.points[0]).unwrap_or(0);
        x[node] = (place as f64 + 0.5) / order.len() as f64;
    }
    // Children stand before their parents.
    for (i, node) in tree.nodes.iter().enumerate().skip(tree.leaves) {
        let ends = ends(&node.children, |c| x[c]);
        x[i] = 0.5 * (ends.0 + ends.1);
    }
    x.into_iter().zip(&tree.nodes).map(|(x, n)| frame.place((x, scale.place(n.energy)))).collect()
}

fn ends(children: &[usize], x: impl Fn(usize) -> f64) -> (f64, f64) {
    children.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &c| (a.min(x(c)), b.max(x(c))))
}

fn branches(canvas: &mut Canvas, tree: &Tree, places: &[P], frame: &Frame) -> Result<()> {
    let width = match tree.leaves {
        0..=60 => 1.5,
        61..=300 => 1.1,
        _ => 0.7,
    };
    let pen = Pen { color: INK, width, alpha: 1.0 };
    for (i, node) in tree.nodes.iter().enumerate() {
        let (x, y) = places[i];
        if !node.children.is_empty() {
            let (left, right) = ends(&node.children, |c| places[c].0);
            canvas.line(&[(left, y), (right, y)], pen)?;
        }
        match node.parent {
            Some(parent) => canvas.line(&[(x, y), (x, places[parent].1)], pen)?,
            None if tree.roots.len() > 1 => canvas.dashed(&[(x, y), (x, frame.low.1)], apart())?,
            None => {}
        }
    }
    Ok(())
}

fn nodes(canvas: &mut Canvas, tree: &Tree, places: &[P], frame: &Frame, with_images: bool) -> Result<()> {
    let room = frame.width() / tree.leaves.max(1) as f64;
    let radius = (0.36 * room).clamp(1.4, 5.5);
    let size = (0.95 * room).clamp(5.0, 11.0);
    let widest = tree.nodes[..tree.leaves].iter().map(|n| n.points[0].to_string().len()).max().unwrap_or(1);
    let upwards = 0.62 * size * widest as f64 > room;
    for (i, node) in tree.nodes.iter().enumerate().rev() {
        let (x, y) = places[i];
        if i < tree.leaves {
            marker(canvas, 0, (x, y), radius, false)?;
            // Images carry the ids themselves, and their leaders pass here.
            if !with_images && room >= NARROWEST {
                let (horizontal, vertical) = if upwards {
                    (Horizontal::Right, Vertical::Center)
                } else {
                    (Horizontal::Center, Vertical::Top)
                };
                let lettering = Lettering { horizontal, vertical, upwards, ..Lettering::centered(size) };
                let gap = if upwards { 5.5 } else { 3.0 };
                canvas.text((x, y + radius + gap), &node.points[0].to_string(), lettering)?;
            }
        } else {
            marker(canvas, 1, (x, y), 0.8 * radius, false)?;
            if tree.leaves <= MOST_LABELS {
                let at = (x + radius + 1.0, y - radius - 1.0);
                label(canvas, at, node.points[0], 10.0, (Horizontal::Left, Vertical::Bottom))?;
            }
        }
    }
    Ok(())
}
