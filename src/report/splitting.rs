//! The splitting tree: how minima come apart as a parameter falls, with the data at its leaves.

use std::collections::BTreeMap;

use super::abscissa::Abscissa;
use super::canvas::{Canvas, Color, Horizontal, Lettering, Pen, Picture, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, title as heading};
use super::style::{INK, color, counted, hollow};
use super::thumbnail;
use crate::continuation::{Arc, Node, SplittingTree};
use crate::error::{Error, Result, shown};

const WIDTH: f64 = 900.0;
const RIGHT: f64 = 26.0;
const HEIGHT: f64 = 520.0;
/// Least and greatest distance of two lines.
const LANES: (f64, f64) = (2.5, 34.0);
/// Distance of two lines whose leaves are images.
const IMAGE_LANE: f64 = 34.0;
/// Leaves are labelled up to this number.
const MOST_LABELS: usize = 60;
/// Data that a label names.
const MOST_NAMES: usize = 4;

/// The splitting tree as an SVG document: the parameter to the right (its logarithm if the range is positive), a line a
/// minimum. Where a minimum ends, its line turns to that of the minimum which has its basin from there on; leaves stand in
/// the order of the tree, so that no line crosses another. Up to 60 leaves carry the numbers of the data that descend to
/// them, with `image` (rows, columns) also their state as a grey image. A hollow circle is an end that leads nowhere known.
///
/// # Errors
/// If a number is not finite or `image` does not have the dimension.
pub fn splitting_tree(
    tree: &SplittingTree,
    range: [f64; 2],
    image: Option<(usize, usize)>,
    title: &str,
) -> Result<String> {
    let numbers = tree.mergers.iter().map(|m| m.parameter).chain(range);
    if !numbers.chain(tree.leaves.iter().flat_map(|l| l.x.iter().copied())).all(f64::is_finite) {
        return Err(Error::Numerics("the splitting tree has a number that is not finite".into()));
    }
    let layout = Layout::new(tree, range);
    let labelled = tree.leaves.len() <= MOST_LABELS;
    let images = match image.filter(|_| labelled) {
        Some(shape) => images(&tree.leaves, shape)?,
        None => vec![],
    };
    let lane = match images.is_empty() {
        true => (HEIGHT / layout.lanes.max(1) as f64).clamp(LANES.0, LANES.1),
        false => IMAGE_LANE,
    };
    let labels: Vec<String> =
        tree.leaves.iter().map(|l| if labelled { name(&l.memories) } else { String::new() }).collect();
    let across = images.iter().map(|i| i.columns as f64 / i.rows as f64 * (lane - 4.0)).fold(0.0, f64::max);
    let letters = labels.iter().map(|l| l.chars().count()).max().unwrap_or(0) as f64;
    let size = (0.85 * lane).clamp(6.0, 12.0);
    let left = 30.0 + 0.6 * size * letters + if across > 0.0 { across + 10.0 } else { 6.0 };
    let abscissa = Abscissa::new(range, true);
    let entries = entries(tree, range);
    let width = WIDTH - left - RIGHT;
    let top = 48.0 + legend_height(&entries, width) + 8.0;
    let frame = Frame {
        low: (left, top),
        high: (WIDTH - RIGHT, top + lane * (layout.lanes as f64 + 0.5)),
        x: abscissa.range(),
        y: (-0.75, layout.lanes as f64 - 0.25),
    };
    let place = |parameter: f64, lane: f64| frame.place((abscissa.place(parameter), lane));
    let mut pictures = vec![];
    for (leaf, small) in images.into_iter().enumerate() {
        let (_, y) = place(range[0], layout.lines[leaf].lane);
        let height = lane - 4.0;
        let width = height * small.columns as f64 / small.rows as f64;
        pictures.push(Picture {
            left: left - 8.0 - width,
            top: y - 0.5 * height,
            width,
            height,
            png: small.png,
        });
    }
    let blue = |alpha| Pen { color: color(0), width: if lane < 6.0 { 0.8 } else { 1.8 }, alpha };
    document((WIDTH, frame.high.1 + 62.0), title, &pictures, |canvas| {
        let ticks = abscissa.ticks();
        for (value, _) in &ticks {
            let (x, _) = frame.place((*value, 0.0));
            let thin = Pen { color: Color(232, 232, 232), width: 0.7, alpha: 1.0 };
            canvas.line(&[(x, frame.low.1), (x, frame.high.1)], thin)?;
        }
        for line in &layout.lines {
            canvas.line(&[place(line.from, line.lane), place(line.to, line.lane)], blue(1.0))?;
            if let Some(into) = line.into {
                canvas
                    .line(&[place(line.to, line.lane), place(line.to, layout.lines[into].lane)], blue(1.0))?;
            }
        }
        for line in layout.lines.iter().filter(|l| l.ends) {
            match line.into {
                Some(into) => canvas.disc(place(line.to, layout.lines[into].lane), dot(lane), INK, 1.0)?,
                None => hollow(canvas, place(line.to, line.lane), dot(lane) + 1.5)?,
            }
        }
        for (leaf, label) in labels.iter().enumerate() {
            let (_, y) = place(range[0], layout.lines[leaf].lane);
            let lettering = Lettering { horizontal: Horizontal::Right, ..Lettering::centered(size) };
            let gap = if across > 0.0 { across + 12.0 } else { 7.0 };
            write(canvas, (left - gap, y), label, lettering)?;
        }
        axes(canvas, &frame, (&ticks, &tree.parameter), (&vec![], ""))?;
        heading(canvas, title, WIDTH)?;
        legend(canvas, &entries, (left, 46.0), width)
    })
}

fn write(canvas: &mut Canvas, at: (f64, f64), text: &str, lettering: Lettering) -> Result<()> {
    if text.is_empty() { Ok(()) } else { canvas.text(at, text, lettering) }
}

fn dot(lane: f64) -> f64 {
    (0.2 * lane).clamp(1.2, 3.2)
}

/// The data that descend to a minimum.
fn name(memories: &[usize]) -> String {
    let mut words: Vec<String> = memories.iter().take(MOST_NAMES).map(usize::to_string).collect();
    if memories.len() > MOST_NAMES {
        words.push(format!("+{}", memories.len() - MOST_NAMES));
    }
    words.join(" ")
}

struct Small {
    rows: usize,
    columns: usize,
    png: Vec<u8>,
}

/// The leaves as grey images on one scale.
fn images(leaves: &[Node], (rows, columns): (usize, usize)) -> Result<Vec<Small>> {
    let n = leaves.first().map_or(rows * columns, |l| l.x.len());
    if rows.checked_mul(columns) != Some(n) || rows == 0 {
        return Err(Error::input(format!("images of {rows} x {columns} pixels do not have {n} coordinates")));
    }
    let values = leaves.iter().flat_map(|l| l.x.iter().copied());
    let (black, white) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    // No more pixels than the sheet can show.
    let factor = rows.max(columns).div_ceil(64);
    let small = |leaf: &Node| {
        let (values, rows, columns) = thumbnail::reduced(&leaf.x, rows, columns, factor);
        Ok(Small { rows, columns, png: thumbnail::gray(&values, rows, columns, black, white)? })
    };
    leaves.iter().map(small).collect()
}

fn entries(tree: &SplittingTree, range: [f64; 2]) -> Vec<(Symbol, String)> {
    let low = shown(range[0].min(range[1]));
    let minima = counted(tree.leaves.len(), "minimum", "minima");
    let mut entries = vec![(Symbol::Branch(0), format!("{minima} at {} = {low}", tree.parameter))];
    let known = tree.mergers.iter().filter(|m| m.into.is_some()).count();
    for (symbol, count, one, many) in [
        (Symbol::Dot(INK), known, "merger", "mergers"),
        (Symbol::Hollow, tree.mergers.len() - known, "end of unknown basin", "ends of unknown basins"),
    ] {
        if count > 0 {
            entries.push((symbol, counted(count, one, many)));
        }
    }
    entries
}

/// A minimum from where it is born to where it ends, upwards in the parameter.
struct Line {
    from: f64,
    to: f64,
    /// Does it end within the range?
    ends: bool,
    /// The line that it falls to.
    into: Option<usize>,
    /// What falls to it, in the order of the parameter.
    children: Vec<usize>,
    /// Is it there from the beginning?
    leaf: bool,
    lane: f64,
}

/// The lines, leaves first and in their order, with their lanes.
struct Layout {
    lines: Vec<Line>,
    lanes: usize,
}

impl Layout {
    fn new(tree: &SplittingTree, range: [f64; 2]) -> Layout {
        let (low, high) = (range[0].min(range[1]), range[0].max(range[1]));
        let line = |from: f64, leaf: bool| Line {
            from,
            to: high,
            ends: false,
            into: None,
            children: vec![],
            leaf,
            lane: 0.0,
        };
        let mut lines: Vec<Line> = tree.leaves.iter().map(|_| line(low, true)).collect();
        let mut number: BTreeMap<Arc, usize> =
            tree.leaves.iter().enumerate().map(|(k, l)| (l.arc, k)).collect();
        let mut of = |arc: Arc, from: f64, lines: &mut Vec<Line>| {
            *number.entry(arc).or_insert_with(|| {
                lines.push(line(from, false));
                lines.len() - 1
            })
        };
        let mut mergers: Vec<_> = tree.mergers.iter().collect();
        mergers.sort_by(|a, b| a.parameter.total_cmp(&b.parameter));
        for m in mergers {
            let lost = of(m.lost, m.parameter, &mut lines);
            if lines[lost].ends {
                continue;
            }
            lines[lost].to = m.parameter;
            lines[lost].ends = true;
            let Some(into) = m.into.map(|into| of(into, m.parameter, &mut lines)) else { continue };
            // What has ended can't take anything in.
            if into != lost
                && !(lines[into].ends && lines[into].to < m.parameter)
                && !leads(&lines, into, lost)
            {
                lines[lost].into = Some(into);
                lines[into].children.push(lost);
            }
        }
        let mut layout = Layout { lines, lanes: 0 };
        for root in 0..layout.lines.len() {
            if layout.lines[root].into.is_none() {
                layout.arrange(root);
            }
        }
        layout
    }

    /// Gives lanes to a line and all that falls to it: what joins first is nearest, on alternating sides.
    fn arrange(&mut self, root: usize) {
        let children = self.lines[root].children.clone();
        for child in children.iter().step_by(2).rev() {
            self.arrange(*child);
        }
        if self.lines[root].leaf || children.is_empty() {
            self.lines[root].lane = self.lanes as f64;
            self.lanes += 1;
        }
        for child in children.iter().skip(1).step_by(2) {
            self.arrange(*child);
        }
        if !self.lines[root].leaf && !children.is_empty() {
            // Between those that meet where it is born.
            let nearest = &children[..children.len().min(2)];
            let at_birth = nearest.iter().filter(|c| self.lines[**c].to <= self.lines[root].from);
            let lanes: Vec<f64> = at_birth.map(|c| self.lines[*c].lane).collect();
            self.lines[root].lane = lanes.iter().sum::<f64>() / lanes.len().max(1) as f64;
        }
    }
}

/// Does a line lead to another, by way of what it falls to?
fn leads(lines: &[Line], mut from: usize, to: usize) -> bool {
    while let Some(into) = lines[from].into {
        if into == to {
            return true;
        }
        from = into;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuation::Merger;

    fn arc(branch: usize) -> Arc {
        Arc { branch, piece: 0 }
    }

    fn tree(leaves: usize, mergers: &[(f64, usize, Option<usize>)]) -> SplittingTree {
        let leaf =
            |k: usize| Node { arc: arc(k), x: vec![k as f64; 4], energy: 0.0, index: 0, memories: vec![k] };
        let merger = |&(parameter, lost, into): &(f64, usize, Option<usize>)| Merger {
            renamed: false,
            parameter,
            energy: 0.0,
            event: 0,
            lost: arc(lost),
            into: into.map(arc),
        };
        SplittingTree {
            parameter: "sigma".into(),
            leaves: (0..leaves).map(leaf).collect(),
            mergers: mergers.iter().map(merger).collect(),
            parameters: vec![],
            counts: vec![],
            interrupted: false,
        }
    }

    /// No upright part passes a line that is still there.
    fn no_crossing(layout: &Layout) {
        for line in &layout.lines {
            let Some(into) = line.into else { continue };
            let (a, b) = (line.lane.min(layout.lines[into].lane), line.lane.max(layout.lines[into].lane));
            for other in &layout.lines {
                let between = other.lane > a + 1e-9 && other.lane < b - 1e-9;
                assert!(!between || other.to <= line.to || other.from >= line.to, "a line is crossed");
            }
        }
    }

    #[test]
    fn no_line_crosses_another() {
        let cases = [
            tree(
                8,
                &[
                    (0.1, 3, Some(5)),
                    (0.2, 0, Some(7)),
                    (0.3, 5, Some(7)),
                    (0.35, 1, Some(2)),
                    (0.4, 2, Some(6)),
                    (0.5, 7, Some(4)),
                    (0.9, 6, Some(4)),
                ],
            ),
            // A minimum of its own in the middle takes three in, one after the other.
            tree(3, &[(0.73, 0, Some(9)), (0.73, 1, Some(9)), (0.74, 2, Some(9))]),
            // Two pitchforks one above the other.
            tree(
                4,
                &[
                    (0.1, 0, Some(8)),
                    (0.1, 1, Some(8)),
                    (0.2, 2, Some(9)),
                    (0.2, 3, Some(9)),
                    (0.5, 8, Some(10)),
                    (0.5, 9, Some(10)),
                ],
            ),
        ];
        for (tree, roots) in cases.iter().zip([1, 1, 1]) {
            let layout = Layout::new(tree, [0.05, 1.0]);
            no_crossing(&layout);
            assert_eq!(layout.lanes, tree.leaves.len());
            assert_eq!(layout.lines.iter().filter(|l| !l.ends).count(), roots);
        }
        let middle = Layout::new(&cases[2], [0.05, 1.0]);
        assert_eq!(middle.lines[6].lane, 1.5);
    }

    #[test]
    fn odd_trees_do_no_harm() {
        for mergers in [
            &[(0.1, 0, Some(0))][..],
            &[(0.1, 0, Some(1)), (0.2, 1, Some(0))],
            &[(0.1, 0, None), (0.2, 0, Some(1))],
            &[(0.5, 7, None)],
        ] {
            let svg = splitting_tree(&tree(2, mergers), [0.05, 1.0], None, "Odd").unwrap();
            assert!(svg.contains("Odd") && !svg.contains("NaN"));
        }
    }

    #[test]
    fn leaves_carry_their_data_and_images() {
        let tree = tree(3, &[(0.2, 0, Some(1)), (0.5, 2, None)]);
        let svg = splitting_tree(&tree, [0.05, 1.0], Some((2, 2)), "Tree").unwrap();
        assert_eq!(svg.matches("<image").count(), 3);
        for text in ["3 minima at sigma = 0.05", "1 merger", "1 end of unknown basin"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(splitting_tree(&tree, [0.05, 1.0], Some((3, 2)), "Tree").is_err());
        assert_eq!(name(&[1, 2, 3, 4, 5, 6]), "1 2 3 4 +2");
    }
}
