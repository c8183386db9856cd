//! The phase diagram: curves of the plane of two parameters, its points of codimension two, and its regions by their graph.

use std::collections::{BTreeMap, VecDeque};

use super::abscissa::Abscissa;
use super::canvas::{Canvas, Color, Horizontal, Lettering, Pen, Picture, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, title as heading};
use super::geometry::P;
use super::style::{EventMark, INK, color, counted, event_mark};
use super::thumbnail;
use crate::continuation::{CurveKind, Plane, PointKind};
use crate::error::Result;
use crate::export::check_plane;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 620.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 26.0;

/// Points of codimension two are named beside their marks up to so many.
const MOST_NAMED: usize = 12;

/// Tints of the classes, one after the other and then again.
const TINTS: [[u8; 3]; 12] = [
    [226, 236, 246],
    [252, 240, 214],
    [221, 242, 232],
    [248, 228, 238],
    [236, 230, 246],
    [250, 229, 214],
    [232, 244, 214],
    [222, 244, 248],
    [245, 234, 224],
    [240, 240, 222],
    [232, 232, 240],
    [248, 222, 222],
];

/// Pixels of the tints: those of lines, and of places whose region is not known.
const LINE: usize = usize::MAX;
const OPEN: usize = usize::MAX - 1;

/// The phase diagram as an SVG document: the first parameter to the right and the second upwards (by their logarithms where the
/// plane is); folds as solid lines, other curves by colour, connections between saddles dashed; regions tinted by the class of
/// their graph, with the number of critical points of each index.
///
/// # Errors
/// If a number is not finite.
pub fn phase_diagram(plane: &Plane, title: &str) -> Result<String> {
    check_plane(plane)?;
    let axis = [0, 1].map(|k| Abscissa::new(plane.ranges[k], false));
    let entries = entries(plane);
    let width = WIDTH - LEFT - RIGHT;
    let top = 48.0 + legend_height(&entries, width) + 8.0;
    let frame = Frame {
        low: (LEFT, top),
        high: (WIDTH - RIGHT, top + HEIGHT),
        x: axis[0].range(),
        y: axis[1].range(),
    };
    let placed = |p: [f64; 2]| frame.place((axis[0].place(p[0]), axis[1].place(p[1])));
    let curves: Vec<(CurveKind, Vec<P>)> = plane
        .curves
        .iter()
        .map(|c| (c.kind, c.points.iter().map(|p| placed(p.parameters)).collect()))
        .collect();
    let tints = Tints::new(plane, &curves, &frame);
    document((WIDTH, frame.high.1 + 62.0), title, &[tints.picture(plane, &frame)?], |canvas| {
        for kind in CurveKind::ALL.into_iter().rev() {
            for (_, line) in curves.iter().filter(|(k, _)| *k == kind) {
                let (pen, dashes) = stroke(kind);
                match dashes {
                    Some(dashes) => canvas.pattern(line, pen, dashes)?,
                    None => canvas.line(line, pen)?,
                }
            }
        }
        let mut taken: Vec<(P, P)> = vec![];
        for point in &plane.points {
            event_mark(canvas, mark(point.kind), placed(point.parameters), 5.0)?;
            let (x, y) = placed(point.parameters);
            taken.push(((x - 8.0, y - 8.0), (x + 8.0, y + 8.0)));
        }
        if plane.points.len() <= MOST_NAMED {
            for point in &plane.points {
                name(canvas, &frame, &tints, placed(point.parameters), &spoken(point.kind), &mut taken)?;
            }
        }
        for (number, region) in plane.regions.iter().enumerate() {
            let text = written(&region.counts);
            let wanted = placed(region.representative);
            for size in [14.0, 11.0, 9.0] {
                let room = (0.58 * size * text.chars().count() as f64 + 6.0, size + 5.0);
                let Some(at) = tints.room(number, wanted, room, &taken, &frame) else { continue };
                taken.push((
                    (at.0 - 0.5 * room.0, at.1 - 0.5 * room.1),
                    (at.0 + 0.5 * room.0, at.1 + 0.5 * room.1),
                ));
                canvas.text(at, &text, Lettering::centered(size))?;
                break;
            }
        }
        let ticks = axis.map(|a| a.ticks());
        axes(canvas, &frame, (&ticks[0], &plane.parameters[0]), (&ticks[1], &plane.parameters[1]))?;
        heading(canvas, title, WIDTH)?;
        legend(canvas, &entries, (LEFT, 46.0), width)
    })
}

/// `[3,2,1]`.
fn written(counts: &[usize]) -> String {
    let numbers: Vec<String> = counts.iter().map(usize::to_string).collect();
    format!("[{}]", numbers.join(","))
}

fn stroke(kind: CurveKind) -> (Pen, Option<(f64, f64)>) {
    let pen = |color: Color, width: f64| Pen { color, width, alpha: 1.0 };
    match kind {
        CurveKind::Fold => (pen(INK, 1.7), None),
        CurveKind::Pitchfork => (pen(color(2), 2.0), None),
        CurveKind::Transcritical => (pen(color(1), 2.0), None),
        CurveKind::Multiple => (pen(color(5), 2.4), None),
        CurveKind::Connection => (pen(color(0), 1.7), Some((7.0, 3.5))),
    }
}

fn mark(kind: PointKind) -> EventMark {
    match kind {
        PointKind::Cusp => EventMark::Cusp,
        PointKind::DualCusp => EventMark::Subcritical,
        PointKind::Crossing(..) => EventMark::Fold,
    }
}

fn spoken(kind: PointKind) -> String {
    kind.name().replacen("dual-cusp", "dual cusp", 1).replace('-', "\u{2013}")
}

/// Writes the name of a point beside it, where it lies free and within the frame, and crosses no line if that can be helped.
fn name(
    canvas: &mut Canvas,
    frame: &Frame,
    tints: &Tints,
    at: P,
    text: &str,
    taken: &mut Vec<(P, P)>,
) -> Result<()> {
    let (long, high) = (6.6 * text.chars().count() as f64, 13.0);
    let offers = [
        (1.0, 0.0),
        (-1.0, 0.0),
        (1.0, -13.0),
        (1.0, 13.0),
        (-1.0, -13.0),
        (-1.0, 13.0),
        (0.2, -17.0),
        (0.2, 17.0),
    ];
    for (side, rise, crossed) in [false, true].into_iter().flat_map(|c| offers.map(|(s, r)| (s, r, c))) {
        let start = at.0 + side * 10.0;
        let (low, far) = if side > 0.0 { (start, start + long) } else { (start - long, start) };
        let (top, bottom) = (at.1 + rise - 0.5 * high, at.1 + rise + 0.5 * high);
        let inside = low > frame.low.0 && far < frame.high.0 && top > frame.low.1 && bottom < frame.high.1;
        let free = taken.iter().all(|(a, b)| far < a.0 || low > b.0 || bottom < a.1 || top > b.1);
        let clear = || crossed || !tints.crosses((low, top), (far, bottom), frame);
        if inside && free && clear() {
            taken.push(((low, top), (far, bottom)));
            let horizontal = if side > 0.0 { Horizontal::Left } else { Horizontal::Right };
            return canvas.text(
                (start, at.1 + rise),
                text,
                Lettering { horizontal, ..Lettering::centered(12.0) },
            );
        }
    }
    Ok(())
}

fn entries(plane: &Plane) -> Vec<(Symbol, String)> {
    let mut entries = vec![];
    let words = [
        ("fold curve", "fold curves"),
        ("pitchfork curve", "pitchfork curves"),
        ("transcritical curve", "transcritical curves"),
        ("curve of multiple kernels", "curves of multiple kernels"),
        ("curve of saddle connections", "curves of saddle connections"),
    ];
    for (kind, (one, many)) in CurveKind::ALL.into_iter().zip(words) {
        let count = plane.curves.iter().filter(|c| c.kind == kind).count();
        if count > 0 {
            let (pen, dashes) = stroke(kind);
            let symbol = dashes.map_or(Symbol::Line(pen), |d| Symbol::Pattern(pen, d));
            entries.push((symbol, counted(count, one, many)));
        }
    }
    let mut kinds: BTreeMap<String, (EventMark, usize)> = BTreeMap::new();
    for point in &plane.points {
        kinds.entry(spoken(point.kind)).or_insert((mark(point.kind), 0)).1 += 1;
    }
    for (name, (mark, count)) in kinds {
        let many = if name.ends_with("cusp") { format!("{name}s") } else { format!("{name} points") };
        let one = if name.ends_with("cusp") { name } else { format!("{name} point") };
        entries.push((Symbol::Event(mark), counted(count, &one, &many)));
    }
    let classes = plane.regions.iter().map(|r| r.class + 1).max().unwrap_or(0);
    let regions = counted(plane.regions.len(), "region", "regions");
    let classes = counted(classes, "class of graphs", "classes of graphs");
    entries.push((Symbol::Dot(Color(190, 205, 222)), format!("{regions}, {classes}")));
    entries
}

/// The region of each pixel of the frame, from the highest row down.
struct Tints {
    columns: usize,
    rows: usize,
    region: Vec<usize>,
}

impl Tints {
    /// From the middles of the cells outwards, up to the lines.
    fn new(plane: &Plane, curves: &[(CurveKind, Vec<P>)], frame: &Frame) -> Tints {
        let (columns, rows) = (frame.width() as usize, frame.height() as usize);
        let mut region = vec![OPEN; columns * rows];
        let pixel = |p: P| {
            let (x, y) = (p.0 - frame.low.0, p.1 - frame.low.1);
            // Ends on the edge may lie a rounding error beyond it.
            let within = x > -0.5 && y > -0.5 && x < columns as f64 + 0.5 && y < rows as f64 + 0.5;
            let (x, y) = (x.max(0.0) as usize, y.max(0.0) as usize);
            within.then(|| y.min(rows - 1) * columns + x.min(columns - 1))
        };
        for pair in curves.iter().flat_map(|(_, line)| line.windows(2)) {
            let (a, b) = (pair[0], pair[1]);
            let parts = (4.0 * (b.0 - a.0).abs().max((b.1 - a.1).abs())).ceil().clamp(1.0, 1e5) as usize;
            for i in 0..=parts {
                let t = i as f64 / parts as f64;
                if let Some(at) = pixel((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))) {
                    region[at] = LINE;
                }
            }
        }
        let mut queue = VecDeque::new();
        for (cell, number) in plane.cells.iter().enumerate() {
            let share = |i: usize| (i as f64 + 0.5) / plane.grid as f64;
            let x = frame.low.0 + share(cell % plane.grid) * frame.width();
            let y = frame.high.1 - share(cell / plane.grid) * frame.height();
            if let Some(at) = pixel((x, y)).filter(|at| region[*at] == OPEN) {
                region[at] = *number;
                queue.push_back(at);
            }
        }
        let around = |at: usize| {
            let (x, y) = (at % columns, at / columns);
            [
                (x > 0).then(|| at - 1),
                (x + 1 < columns).then_some(at + 1),
                (y > 0).then(|| at - columns),
                (y + 1 < rows).then_some(at + columns),
            ]
        };
        while let Some(at) = queue.pop_front() {
            for next in around(at).into_iter().flatten() {
                if region[next] == OPEN {
                    region[next] = region[at];
                    queue.push_back(next);
                }
            }
        }
        Tints { columns, rows, region }
    }

    /// Does a line run through this box?
    fn crosses(&self, low: P, high: P, frame: &Frame) -> bool {
        let columns = (low.0 - frame.low.0).max(0.0) as usize..(high.0 - frame.low.0).max(0.0) as usize;
        let rows = (low.1 - frame.low.1).max(0.0) as usize..(high.1 - frame.low.1).max(0.0) as usize;
        let line = |x: usize, y: usize| {
            x < self.columns && y < self.rows && self.region[y * self.columns + x] == LINE
        };
        rows.into_iter().any(|y| columns.clone().any(|x| line(x, y)))
    }

    /// The tints; under a line that of a neighbour, so that no gap shows beside it.
    fn picture(&self, plane: &Plane, frame: &Frame) -> Result<Picture> {
        let mut palette = vec![[255, 255, 255]];
        palette.extend(TINTS);
        let tint = |region: usize| plane.regions.get(region).map(|r| (1 + r.class % TINTS.len()) as u8);
        let pixels: Vec<u8> = (0..self.region.len())
            .map(|at| {
                let (x, y) = (at % self.columns, at / self.columns);
                let own = tint(self.region[at]);
                let beside = || {
                    let left = (x > 0).then(|| self.region[at - 1]);
                    let right = (x + 1 < self.columns).then(|| self.region[at + 1]);
                    let up = (y > 0).then(|| self.region[at - self.columns]);
                    let down = (y + 1 < self.rows).then(|| self.region[at + self.columns]);
                    [left, right, up, down].into_iter().flatten().find_map(tint)
                };
                let shown = if self.region[at] == LINE { beside() } else { own };
                shown.unwrap_or(0)
            })
            .collect();
        let png = thumbnail::indexed(&pixels, self.rows, self.columns, &palette)?;
        Ok(Picture { left: frame.low.0, top: frame.low.1, width: frame.width(), height: frame.height(), png })
    }

    /// The place nearest to `wanted` at which a box of this size about it lies in the region and covers nothing taken.
    fn room(&self, region: usize, wanted: P, (wide, high): P, taken: &[(P, P)], frame: &Frame) -> Option<P> {
        let (columns, rows) = (self.columns, self.rows);
        // Sums over all pixels to the left and above.
        let mut sums = vec![0usize; (columns + 1) * (rows + 1)];
        for y in 0..rows {
            let mut row = 0;
            for x in 0..columns {
                row += usize::from(self.region[y * columns + x] == region);
                sums[(y + 1) * (columns + 1) + x + 1] = sums[y * (columns + 1) + x + 1] + row;
            }
        }
        let (w, h) = (wide.ceil() as usize, high.ceil() as usize);
        if w >= columns || h >= rows {
            return None;
        }
        let mut best: Option<(f64, P)> = None;
        for y in 0..=rows - h {
            for x in 0..=columns - w {
                let sum = |y: usize, x: usize| sums[y * (columns + 1) + x];
                if sum(y + h, x + w) + sum(y, x) - sum(y, x + w) - sum(y + h, x) != w * h {
                    continue;
                }
                let low = (frame.low.0 + x as f64, frame.low.1 + y as f64);
                let far = (low.0 + w as f64, low.1 + h as f64);
                if taken.iter().any(|(a, b)| far.0 > a.0 && low.0 < b.0 && far.1 > a.1 && low.1 < b.1) {
                    continue;
                }
                let at = (0.5 * (low.0 + far.0), 0.5 * (low.1 + far.1));
                let off = (at.0 - wanted.0).hypot(at.1 - wanted.1);
                if best.is_none_or(|(known, _)| off < known) {
                    best = Some((off, at));
                }
            }
        }
        best.map(|(_, at)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuation::{CurveEnd, CurvePoint, PlaneCurve, PlanePoint, PlaneRegion};
    use crate::critical::Level;

    /// A square whose left part, up to p = 0.3, has one minimum and whose right part has two.
    fn halves() -> Plane {
        let at = |q: f64| CurvePoint { parameters: [0.3, q], x: vec![0.0], from: vec![], energy: 0.0 };
        let region = |p: f64, class: usize, counts: Vec<usize>| PlaneRegion {
            representative: [p, 0.5],
            share: 0.5,
            class,
            counts,
            connections: 0,
            probe: None,
            uniform: true,
        };
        Plane {
            parameters: ["p".into(), "q".into()],
            ranges: [[0.0, 1.0], [0.0, 1.0]],
            logarithmic: [false, false],
            curves: vec![PlaneCurve {
                kind: CurveKind::Fold,
                points: vec![at(0.0), at(0.4), at(1.0)],
                ends: [CurveEnd::Bound, CurveEnd::Bound],
                residual: 0.0,
                level: Level::Checked,
            }],
            points: vec![PlanePoint {
                kind: PointKind::DualCusp,
                parameters: [0.3, 0.4],
                x: vec![vec![0.0]],
                coefficients: Some([0.0, -1.0]),
                error: [0.0; 2],
                level: Level::Checked,
                curves: vec![0],
            }],
            regions: vec![region(0.75, 0, vec![2, 1]), region(0.25, 1, vec![1])],
            grid: 2,
            cells: vec![1, 0, 1, 0],
            interrupted: false,
            lost: vec![],
        }
    }

    #[test]
    fn tints_end_at_the_lines() {
        let plane = halves();
        let frame = Frame { low: (10.0, 20.0), high: (110.0, 70.0), x: (0.0, 1.0), y: (0.0, 1.0) };
        let line: Vec<P> =
            plane.curves[0].points.iter().map(|p| frame.place((p.parameters[0], p.parameters[1]))).collect();
        let tints = Tints::new(&plane, &[(CurveKind::Fold, line)], &frame);
        assert_eq!((tints.columns, tints.rows), (100, 50));
        for row in tints.region.chunks(100) {
            assert!(row[..30].iter().all(|r| *r == 1) && row[31..].iter().all(|r| *r == 0));
            assert_eq!(row[30], LINE);
        }
        let (x, y) = tints.room(1, (60.0, 45.0), (20.0, 10.0), &[], &frame).unwrap();
        assert!((x - 30.0).abs() < 1.0 && (y - 45.0).abs() < 1.0, "{x} {y}");
        assert!(tints.room(1, (60.0, 45.0), (40.0, 10.0), &[], &frame).is_none());
    }

    #[test]
    fn what_is_there_is_named() {
        let svg = phase_diagram(&halves(), "Two halves").unwrap();
        for text in
            ["Two halves", "1 fold curve", "1 dual cusp", "2 regions, 2 classes of graphs", "[2,1]", "[1]"]
        {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg, phase_diagram(&halves(), "Two halves").unwrap());
    }
}
