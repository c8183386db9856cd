//! The phase portrait: level lines of the energy (the directions of a field that has none), critical points, and the orbits between them.

use faer::Mat;
use rayon::prelude::*;

use super::arrows::arrows;
use super::canvas::{Canvas, Color, Pen, Picture, document};
use super::contour::{Grid, band, levels};
use super::frame::{Frame, Symbol, axes, legend, legend_height, ticks, title as heading};
use super::geometry::{P, clipped};
use super::profile::profile;
use super::scene::{LEFT, RIGHT, Scene, WIDTH, around, corners, framed};
use super::style::GREY;
use super::thumbnail;
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::export::check_graph;
use crate::landscape::{Landscape, Region, Shape};

/// Grid points along the longer side.
const GRID: usize = 241;
/// The same in the table.
const TABLE: usize = 61;
/// Points evaluated at a time.
const BATCH: usize = 1024;
/// The edge of the region.
const EDGE: Pen = Pen { color: GREY, width: 1.0, alpha: 1.0 };

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
    let scene = Scene { set, graph, data: landscape.data(), plane: None };
    let mut entries = scene.entries(["unstable manifold", "stable manifold"]);
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
        scene.draw(canvas, &frame)?;
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
    let wanted = around(low, high, scale);
    let [x, y] = [0, 1].map(|i| match wanted {
        Some(wanted) if set.region.period_of(i).is_none() => {
            (wanted[i].0.max(region_low[i]), wanted[i].1.min(region_high[i]))
        }
        _ => (region_low[i], region_high[i]),
    });
    framed(x, y, scale, top)
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
        for k in 0..energies.len() {
            place(batch * BATCH + k, points.col_as_slice_mut(k));
        }
        landscape.energies(points.as_ref(), energies);
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
