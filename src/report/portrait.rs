//! The phase portrait: level lines of the energy (the directions of a field that has none), critical points, and the orbits between them.

use faer::Mat;
use rayon::prelude::*;

use super::arrows::arrows;
use super::canvas::{Canvas, Color, Horizontal, Pen, Picture, Vertical, document};
use super::contour::{Grid, band, levels};
use super::frame::{Frame, Symbol, axes, legend, legend_height, point_entries, ticks, title as heading};
use super::geometry::{P, clipped, middle};
use super::profile::profile;
use super::style::{ALARM, GREY, INK, hollow, label, marker};
use super::thumbnail;
use crate::connection::{Loose, MorseGraph, Orbit};
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::export::{check_graph, thinned};
use crate::landscape::{Landscape, Region, Shape};

/// Width of the sheet in pixels.
pub(super) const WIDTH: f64 = 900.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 24.0;
/// Grid points along the longer side.
const GRID: usize = 241;
/// The same in the table.
const TABLE: usize = 61;
/// Points evaluated at a time.
const BATCH: usize = 1024;
/// Data points that are drawn at most.
const MOST_DATA: usize = 4000;
/// Critical points carry their ids up to this many.
const MOST_LABELS: usize = 40;
/// Orbits carry an arrow up to this many.
const MOST_ARROWS: usize = 150;

const UNSTABLE: Pen = Pen { color: INK, width: 1.7, alpha: 1.0 };
const STABLE: Pen = Pen { color: Color(0, 110, 85), width: 1.5, alpha: 1.0 };
const LEAVING: Pen = Pen { color: Color(90, 90, 90), width: 0.9, alpha: 1.0 };
const FORBIDDEN: Pen = Pen { color: ALARM, width: 2.4, alpha: 1.0 };
const EDGE: Pen = Pen { color: GREY, width: 1.0, alpha: 1.0 };
/// Markers of one family stand at least so many pixels apart.
const APART: f64 = 9.0;

/// The phase portrait of a landscape in the plane, as an SVG document; in one dimension the graph of the energy, or of
/// a field that has none.
///
/// It shows what lies around the critical points and the orbits between them, within the region, to scale unless the
/// region's sides differ more than fourfold. An input error above two dimensions.
pub fn portrait(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: &MorseGraph,
    title: &str,
) -> Result<String> {
    check_graph(set, graph)?;
    let n = landscape.dim();
    if n != set.region.dim() {
        return Err(Error::input(format!("a landscape of dimension {n}, a region of {}", set.region.dim())));
    }
    match n {
        1 => profile(landscape, set, title),
        2 => plane(landscape, set, graph, title),
        _ => {
            Err(Error::input(format!("a phase portrait needs one or two dimensions; this landscape has {n}")))
        }
    }
}

/// `portrait.csv`: what the portrait shows of the landscape itself, on a grid of some sixty points along the longer side of its
/// window: `x0,x1,energy`, or `x0,x1,v0,v1` with the velocity of a field without an energy; in one dimension without `x1` and
/// `v1`. Values that are not finite are empty.
///
/// # Errors
/// As [`portrait`].
pub fn portrait_csv(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph) -> Result<String> {
    check_graph(set, graph)?;
    let places: Vec<Vec<f64>> = match landscape.dim() {
        1 => super::profile::places(set, TABLE),
        2 => {
            let frame = window(set, graph, 0.0);
            let (columns, rows) = grid_size(&frame, TABLE);
            let place =
                |k: usize| vec![along(frame.x, k % columns, columns), along(frame.y, k / columns, rows)];
            (0..columns * rows).map(place).collect()
        }
        n => {
            return Err(Error::input(format!(
                "a phase portrait needs one or two dimensions; this landscape has {n}"
            )));
        }
    };
    let energies = energies(landscape, places.len(), |k, point| point.copy_from_slice(&places[k]));
    let n = landscape.dim();
    let coordinates = (0..n).map(|i| format!("x{i}"));
    let mut out = match landscape.has_energy() {
        true => coordinates.chain(["energy".to_owned()]).collect::<Vec<_>>(),
        false => coordinates.chain((0..n).map(|i| format!("v{i}"))).collect(),
    }
    .join(",");
    let mut against = vec![0.0; n];
    for (x, energy) in places.iter().zip(energies) {
        let mut row = x.clone();
        if landscape.has_energy() {
            row.push(energy);
        } else {
            landscape.gradient(x, &mut against);
            row.extend(against.iter().map(|v| -v));
        }
        let text = |v: &f64| if v.is_finite() { format!("{v:?}") } else { String::new() };
        out.push('\n');
        out.push_str(&row.iter().map(text).collect::<Vec<_>>().join(","));
    }
    out.push('\n');
    Ok(out)
}

fn plane(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph, title: &str) -> Result<String> {
    let mut entries = entries(landscape, set, graph);
    // Where the window lies does not depend on the height that the legend above it needs.
    if !boundary(&set.region, &window(set, graph, 0.0)).is_empty() {
        entries.push((Symbol::Dashed(EDGE), "edge of the region".into()));
    }
    let top = 48.0 + legend_height(&entries, WIDTH - LEFT - RIGHT) + 8.0;
    let frame = window(set, graph, top);
    // Without an energy there are no level lines: arrows show the flow.
    let relief = landscape.has_energy().then(|| Relief::new(landscape, set, &frame));
    let background = relief.as_ref().map(|r| shaded(&r.grid, &r.levels, &frame)).transpose()?;
    document((WIDTH, frame.high.1 + 62.0), title, background.as_slice(), |canvas| {
        match &relief {
            Some(relief) => relief.contours(canvas, &frame)?,
            None => arrows(canvas, landscape, &frame)?,
        }
        for part in boundary(&set.region, &frame) {
            canvas.dashed(&part, EDGE)?;
        }
        data(canvas, landscape, &set.region, &frame)?;
        families(canvas, set, &frame)?;
        orbits(canvas, set, graph, &frame)?;
        points(canvas, set, &frame)?;
        let (x, y) = (ticks(frame.x, 8), ticks(frame.y, 8));
        axes(canvas, &frame, (&x, "x0"), (&y, "x1"))?;
        heading(canvas, title, WIDTH)?;
        legend(canvas, &entries, (LEFT, 46.0), WIDTH - LEFT - RIGHT)
    })
}

/// The energy over the window and the levels to show.
struct Relief {
    grid: Grid,
    levels: Vec<f64>,
}

impl Relief {
    fn new(landscape: &dyn Landscape, set: &CriticalSet, frame: &Frame) -> Relief {
        let grid = sampled(landscape, frame);
        let critical: Vec<f64> =
            set.points.iter().map(|p| p.energy).chain(set.degenerate.iter().map(|f| f.energy)).collect();
        let levels = levels(&grid.values, &critical);
        Relief { grid, levels }
    }

    fn contours(&self, canvas: &mut Canvas, frame: &Frame) -> Result<()> {
        let pen = Pen { color: Color(110, 125, 145), width: 0.7, alpha: 0.75 };
        for line in self.grid.contours(&self.levels).into_iter().flatten() {
            let line: Vec<P> = line.into_iter().map(|p| on_sheet(&self.grid, frame, p)).collect();
            canvas.line(&line, pen)?;
        }
        Ok(())
    }
}

fn entries(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph) -> Vec<(Symbol, String)> {
    let mut out = point_entries(set);
    let has = |index: usize| graph.connections.iter().any(|c| set.points[c.from].index == index);
    if has(1) {
        out.push((Symbol::Line(UNSTABLE), "unstable manifold".into()));
    }
    if has(2) {
        out.push((Symbol::Dashed(STABLE), "stable manifold".into()));
    }
    let loose = |f: fn(&Loose) -> bool| graph.loose.iter().filter(|l| f(l)).count();
    if loose(|l| matches!(l, Loose::Exit { .. } | Loose::Degenerate { .. } | Loose::Lost { .. })) > 0 {
        out.push((Symbol::Line(LEAVING), "other orbit".into()));
    }
    if loose(|l| matches!(l, Loose::NotTransverse { .. })) > 0 {
        out.push((Symbol::Line(FORBIDDEN), "saddle to saddle".into()));
    }
    if landscape.data().is_some_and(|d| d.ncols() > 0) {
        out.push((Symbol::Dot(GREY), "data".into()));
    }
    out
}

/// Lower and upper corner of the smallest box around the region.
pub(super) fn corners(region: &Region) -> (Vec<f64>, Vec<f64>) {
    match &region.shape {
        Shape::Ball { center, radius } => {
            (center.iter().map(|c| c - radius).collect(), center.iter().map(|c| c + radius).collect())
        }
        Shape::Box { lower, upper } => (lower.clone(), upper.clone()),
    }
}

/// What is shown, and where on the sheet.
fn window(set: &CriticalSet, graph: &MorseGraph, top: f64) -> Frame {
    let (region_low, region_high) = corners(&set.region);
    let sides = [region_high[0] - region_low[0], region_high[1] - region_low[1]];
    let comparable = sides[0] <= 4.0 * sides[1] && sides[1] <= 4.0 * sides[0];
    let scale = if comparable { [1.0, 1.0] } else { sides };

    let mut low = [f64::INFINITY; 2];
    let mut high = [f64::NEG_INFINITY; 2];
    let shown = set.points.iter().map(|p| &p.x);
    let shown = shown.chain(set.degenerate.iter().flat_map(|f| std::iter::once(&f.x).chain(&f.samples)));
    for x in shown.chain(graph.connections.iter().flat_map(|c| &c.orbit.points)) {
        for i in 0..2 {
            if x[i].is_finite() {
                low[i] = low[i].min(x[i]);
                high[i] = high[i].max(x[i]);
            }
        }
    }
    let widest = (0..2).map(|i| (high[i] - low[i]) / scale[i]).fold(0.0, f64::max);
    for i in 0..2 {
        if set.region.period_of(i).is_some() || widest <= 0.0 || !widest.is_finite() {
            (low[i], high[i]) = (region_low[i], region_high[i]);
            continue;
        }
        let half = (0.5 * (high[i] - low[i]) / scale[i]).max(0.3 * widest) + 0.16 * widest;
        let middle = 0.5 * (low[i] + high[i]);
        low[i] = (middle - half * scale[i]).max(region_low[i]);
        high[i] = (middle + half * scale[i]).min(region_high[i]);
    }
    let ratio = ((high[1] - low[1]) / scale[1]) / ((high[0] - low[0]) / scale[0]);
    let full = WIDTH - LEFT - RIGHT;
    let height = (full * ratio).clamp(260.0, 640.0);
    let width = (height / ratio).clamp(320.0, full);
    let left = LEFT + 0.5 * (full - width);
    Frame { low: (left, top), high: (left + width, top + height), x: (low[0], high[0]), y: (low[1], high[1]) }
}

/// Energies at `count` points, written by `place` into its slice, evaluated in batches of fixed size.
pub(super) fn energies(
    landscape: &dyn Landscape,
    count: usize,
    place: impl Fn(usize, &mut [f64]) + Sync,
) -> Vec<f64> {
    let n = landscape.dim();
    let mut energies = vec![0.0; count];
    energies.par_chunks_mut(BATCH).enumerate().for_each(|(batch, energies)| {
        let mut points = Mat::zeros(n, energies.len());
        let mut gradients = Mat::zeros(n, energies.len());
        for k in 0..energies.len() {
            place(batch * BATCH + k, points.col_as_slice_mut(k));
        }
        landscape.gradients(points.as_ref(), energies, gradients.as_mut());
    });
    energies
}

/// Columns and rows of a grid over the frame with so many points along its longer side.
fn grid_size(frame: &Frame, longer: usize) -> (usize, usize) {
    let side = frame.width().max(frame.height());
    let count =
        |length: f64| ((longer - 1) as f64 * length / side).round().max((longer / 6) as f64) as usize + 1;
    (count(frame.width()), count(frame.height()))
}

/// Place `i` of `count` that are evenly spread over the range, ends included.
fn along(range: (f64, f64), i: usize, count: usize) -> f64 {
    let t = i as f64 / (count - 1) as f64;
    range.0 * (1.0 - t) + range.1 * t
}

fn sampled(landscape: &dyn Landscape, frame: &Frame) -> Grid {
    let (columns, rows) = grid_size(frame, GRID);
    let values = energies(landscape, columns * rows, |k, point| {
        point[0] = along(frame.x, k % columns, columns);
        point[1] = along(frame.y, k / columns, rows);
    });
    Grid { columns, rows, values }
}

fn on_sheet(grid: &Grid, frame: &Frame, p: P) -> P {
    (
        frame.low.0 + frame.width() * p.0 / (grid.columns - 1) as f64,
        frame.high.1 - frame.height() * p.1 / (grid.rows - 1) as f64,
    )
}

/// The bands between the levels as an image: deeper is darker.
fn shaded(grid: &Grid, levels: &[f64], frame: &Frame) -> Result<Picture> {
    const FINE: usize = 3;
    const DEEP: [f64; 3] = [158.0, 188.0, 222.0];
    let palette: Vec<[u8; 3]> = (0..=levels.len())
        .map(|band| {
            let light = (band as f64 / levels.len().max(1) as f64).powf(0.8);
            DEEP.map(|deep| (deep + (255.0 - deep) * light).round() as u8)
        })
        .collect();
    let bands = grid.bands(levels);
    let (columns, rows) = ((grid.columns - 1) * FINE, (grid.rows - 1) * FINE);
    let mut pixels = vec![0; rows * columns];
    let middle = |k: usize| (k as f64 + 0.5) / FINE as f64;
    for j in 0..grid.rows - 1 {
        for i in 0..grid.columns - 1 {
            let node = j * grid.columns + i;
            let corners = [node, node + 1, node + grid.columns, node + grid.columns + 1];
            let band_here = bands[node];
            // Between corners of one band there is no other: only the cells on a level line are looked at closely.
            let plain = corners.iter().all(|&k| bands[k] == band_here && grid.values[k].is_finite());
            for r in 0..FINE {
                // The image's first row is the highest.
                let start = (rows - 1 - (j * FINE + r)) * columns + i * FINE;
                for (c, pixel) in pixels[start..start + FINE].iter_mut().enumerate() {
                    let value = || grid.between(middle(i * FINE + c), middle(j * FINE + r));
                    *pixel = (if plain { band_here } else { band(levels, value()) }) as u8;
                }
            }
        }
    }
    let png = thumbnail::indexed(&pixels, rows, columns, &palette)?;
    Ok(Picture { left: frame.low.0, top: frame.low.1, width: frame.width(), height: frame.height(), png })
}

/// The parts of a ball's boundary that lie in the window; that of a box coincides with the frame where it is seen.
fn boundary(region: &Region, frame: &Frame) -> Vec<Vec<P>> {
    let Shape::Ball { center, radius } = &region.shape else { return vec![] };
    let circle: Vec<P> = (0..=720)
        .map(|i| {
            let t = f64::from(i) / 720.0 * std::f64::consts::TAU;
            frame.place((center[0] + radius * t.cos(), center[1] + radius * t.sin()))
        })
        .collect();
    clipped(&circle, frame.low, frame.high)
}

fn data(canvas: &mut Canvas, landscape: &dyn Landscape, region: &Region, frame: &Frame) -> Result<()> {
    let Some(data) = landscape.data() else { return Ok(()) };
    let radius = if data.ncols() <= 300 { 2.2 } else { 1.4 };
    for j in thinned(data.ncols(), MOST_DATA) {
        let mut x = vec![data[(0, j)], data[(1, j)]];
        region.wrap(&mut x);
        if visible(frame, (x[0], x[1])) {
            canvas.disc(frame.place((x[0], x[1])), radius, GREY, 0.8)?;
        }
    }
    Ok(())
}

fn visible(frame: &Frame, p: P) -> bool {
    let within = |v: f64, range: (f64, f64)| v >= range.0 && v <= range.1;
    within(p.0, frame.x) && within(p.1, frame.y)
}

fn families(canvas: &mut Canvas, set: &CriticalSet, frame: &Frame) -> Result<()> {
    for family in &set.degenerate {
        let radius = if family.dimension == 0 { 5.5 } else { 4.0 };
        let mut drawn: Vec<P> = vec![];
        for x in std::iter::once(&family.x).chain(&family.samples) {
            for p in copies(&set.region, x).into_iter().filter(|&p| visible(frame, p)) {
                let at = frame.place(p);
                if drawn.iter().all(|d| (d.0 - at.0).hypot(d.1 - at.1) >= APART) {
                    hollow(canvas, at, radius)?;
                    drawn.push(at);
                }
            }
        }
    }
    Ok(())
}

fn orbits(canvas: &mut Canvas, set: &CriticalSet, graph: &MorseGraph, frame: &Frame) -> Result<()> {
    let arrows = graph.connections.len() + graph.loose.len() <= MOST_ARROWS;
    for loose in &graph.loose {
        if let Loose::Exit { orbit, .. } | Loose::Degenerate { orbit, .. } | Loose::Lost { orbit, .. } = loose
        {
            curve(canvas, orbit, &set.region, frame, LEAVING, false, arrows)?;
        }
    }
    for c in &graph.connections {
        let stable = set.points[c.from].index == 2;
        let pen = if stable { STABLE } else { UNSTABLE };
        curve(canvas, &c.orbit, &set.region, frame, pen, stable, arrows)?;
    }
    for loose in &graph.loose {
        if let Loose::NotTransverse { orbit, .. } = loose {
            curve(canvas, orbit, &set.region, frame, FORBIDDEN, false, arrows)?;
        }
    }
    Ok(())
}

fn curve(
    canvas: &mut Canvas,
    orbit: &Orbit,
    region: &Region,
    frame: &Frame,
    pen: Pen,
    dashed: bool,
    arrows: bool,
) -> Result<()> {
    let mut parts: Vec<Vec<P>> = Vec::new();
    for piece in unrolled(region, &orbit.points) {
        for (across, up) in shifts(region) {
            let placed: Vec<P> = piece.iter().map(|p| frame.place((p.0 + across, p.1 + up))).collect();
            parts.extend(clipped(&placed, frame.low, frame.high));
        }
    }
    for part in &parts {
        if dashed { canvas.dashed(part, pen)? } else { canvas.line(part, pen)? }
    }
    let length = |p: &Vec<P>| p.windows(2).map(|w| (w[0].0 - w[1].0).hypot(w[0].1 - w[1].1)).sum::<f64>();
    let longest = parts.iter().max_by(|a, b| length(a).total_cmp(&length(b)));
    if let (true, Some((at, (dx, dy)))) = (arrows, longest.and_then(|p| middle(p, 30.0))) {
        let corner =
            |along: f64, across: f64| (at.0 + along * dx - across * dy, at.1 + along * dy + across * dx);
        canvas.polygon(&[corner(5.5, 0.0), corner(-3.5, 3.6), corner(-3.5, -3.6)], pen.color)?;
    }
    Ok(())
}

/// The orbit in pieces that do not jump: a piece ends beyond the edge of the period box where the next one enters.
fn unrolled(region: &Region, points: &[Vec<f64>]) -> Vec<Vec<P>> {
    let mut pieces: Vec<Vec<P>> = vec![vec![]];
    let mut last: Option<Vec<f64>> = None;
    for point in points {
        let mut x = point.clone();
        region.wrap(&mut x);
        if let Some(before) = &last {
            let step = region.difference(before, &x);
            let ahead = (before[0] + step[0], before[1] + step[1]);
            let half = |i: usize| region.period_of(i).map_or(f64::INFINITY, |p| 0.5 * p);
            if (ahead.0 - x[0]).abs() > half(0) || (ahead.1 - x[1]).abs() > half(1) {
                if let Some(piece) = pieces.last_mut() {
                    piece.push(ahead);
                }
                pieces.push(vec![(x[0] - step[0], x[1] - step[1])]);
            }
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push((x[0], x[1]));
        }
        last = Some(x);
    }
    pieces
}

/// By how much a curve is moved to be seen on every side: a curve along the edge of a period box lies on both.
fn shifts(region: &Region) -> Vec<P> {
    let along = |i: usize| region.period_of(i).map_or(vec![0.0], |p| vec![0.0, -p, p]);
    let up = along(1);
    along(0).into_iter().flat_map(|a| up.iter().map(move |&b| (a, b)).collect::<Vec<_>>()).collect()
}

/// The point, and its copies on the other side where it lies on the edge of a period box.
fn copies(region: &Region, x: &[f64]) -> Vec<P> {
    let mut wrapped = x.to_vec();
    region.wrap(&mut wrapped);
    let (low, high) = corners(region);
    let places = |i: usize| {
        let mut out = vec![wrapped[i]];
        if let Some(period) = region.period_of(i) {
            if wrapped[i] - low[i] < 1e-6 * period {
                out.push(high[i]);
            } else if high[i] - wrapped[i] < 1e-6 * period {
                out.push(low[i]);
            }
        }
        out
    };
    let (across, up) = (places(0), places(1));
    across.iter().flat_map(|&a| up.iter().map(move |&b| (a, b))).collect()
}

fn points(canvas: &mut Canvas, set: &CriticalSet, frame: &Frame) -> Result<()> {
    let radius = match set.points.len() {
        0..=30 => 6.0,
        31..=120 => 4.6,
        _ => 3.2,
    };
    // Minima last, so that they are never hidden.
    for (id, p) in set.points.iter().enumerate().rev() {
        for place in copies(&set.region, &p.x).into_iter().filter(|&p| visible(frame, p)) {
            let at = frame.place(place);
            marker(canvas, p.index, at, radius, true)?;
            if set.points.len() <= MOST_LABELS {
                let left = at.0 > frame.high.0 - 30.0;
                let (side, horizontal) =
                    if left { (-1.0, Horizontal::Right) } else { (1.0, Horizontal::Left) };
                let beside = (at.0 + side * (radius + 1.5), at.1 - radius * 0.6);
                label(canvas, beside, id, 12.0, (horizontal, Vertical::Bottom))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_breaks_where_it_wraps() {
        let region = Region {
            shape: Shape::Box { lower: vec![0.0, -1.0], upper: vec![1.0, 1.0] },
            period: vec![Some(1.0), None],
        };
        let points: Vec<Vec<f64>> = (0..=10).map(|i| vec![0.75 + 0.05 * f64::from(i), 0.0]).collect();
        let pieces = unrolled(&region, &points);
        assert_eq!(pieces.len(), 2);
        // The first piece ends at or beyond the right edge, the second starts at or before the left one.
        assert!(pieces[0].last().unwrap().0 >= 1.0 - 1e-12 && pieces[1][0].0 <= 1e-12);
        assert!(pieces.iter().flatten().all(|p| (-0.06..=1.06).contains(&p.0)));
    }

    #[test]
    fn points_on_the_edge_of_a_torus_are_shown_on_both_sides() {
        let region = Region {
            shape: Shape::Box { lower: vec![0.0, 0.0], upper: vec![1.0, 1.0] },
            period: vec![Some(1.0), Some(1.0)],
        };
        assert_eq!(copies(&region, &[0.0, 1.0]).len(), 4);
        assert_eq!(copies(&region, &[0.5, 1.0]).len(), 2);
        assert_eq!(copies(&region, &[0.5, 0.5]), [(0.5, 0.5)]);
    }
}
