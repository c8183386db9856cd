//! The plane of two parameters as a grid of cells, each in the colour of the class that most belong to there.

use super::abscissa::Abscissa;
use super::canvas::{Color, Lettering, Pen, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, title as heading};
use super::geometry::{P, clipped};
use super::style::{INK, color};
use crate::error::{Error, Result};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;

/// A cell of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Place among the values of the parameter to the right.
    pub column: usize,
    /// Place among those of the parameter upwards.
    pub row: usize,
    /// How much belongs to each class; zero or more.
    pub shares: Vec<f64>,
}

impl Cell {
    /// The class that most belongs to, and its share of all; `None` if nothing is there.
    pub fn largest(&self) -> Option<(usize, f64)> {
        let total: f64 = self.shares.iter().sum();
        let first =
            (0..self.shares.len()).rev().max_by(|a, b| self.shares[*a].total_cmp(&self.shares[*b]))?;
        (total > 0.0).then(|| (first, self.shares[first] / total))
    }
}

/// A line over the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// What the legend says.
    pub name: String,
    /// Its points: values of both parameters.
    pub points: Vec<(f64, f64)>,
}

/// The plane of two parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Regimes {
    /// The parameter to the right and the one upwards.
    pub names: [String; 2],
    /// Their values, ascending, at least one each.
    pub values: [Vec<f64>; 2],
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Cells, at most one for each two values.
    pub cells: Vec<Cell>,
    /// Lines over them.
    pub overlays: Vec<Overlay>,
}

/// An SVG document. A cell's colour is that of its largest class, the fainter the smaller its share, which stands in it.
/// Axes are by the logarithm where values are positive and span more than a factor 10.
///
/// # Errors
/// If there is nothing to show or a number is not finite.
pub fn regimes(title: &str, plane: &Regimes) -> Result<String> {
    let numbers = plane.values.iter().flatten().chain(plane.cells.iter().flat_map(|c| &c.shares));
    let lines = plane.overlays.iter().flat_map(|l| &l.points).flat_map(|p| [&p.0, &p.1]);
    let [across, up] = plane.values.each_ref().map(|values| Abscissa::new(ends(values), false));
    if plane.cells.is_empty() || !numbers.chain(lines).all(|v| v.is_finite()) {
        return Err(Error::input("a plane needs at least one cell, and only finite numbers"));
    }
    let (x, y) = (edges(&plane.values[0], &across), edges(&plane.values[1], &up));
    let range = |edges: &[f64]| (edges[0], edges[edges.len() - 1]);
    let line = |k: usize| Pen { color: INK, width: if k == 0 { 2.0 } else { 1.4 }, alpha: 1.0 };
    let dash = |k: usize| if k == 0 { (9.0, 4.0) } else { (3.0, 3.0) };
    let mut entries: Vec<(Symbol, String)> =
        plane.classes.iter().enumerate().map(|(k, name)| (Symbol::Index(k), name.clone())).collect();
    let overlays = plane.overlays.iter().enumerate();
    entries.extend(overlays.map(|(k, l)| (Symbol::Pattern(line(k), dash(k)), l.name.clone())));
    let width = LEFT + WIDTH + RIGHT;
    let top = 48.0 + legend_height(&entries, WIDTH) + 8.0;
    let frame = Frame { low: (LEFT, top), high: (LEFT + WIDTH, top + HEIGHT), x: range(&x), y: range(&y) };
    document((width, frame.high.1 + 62.0), title, &[], |canvas| {
        for cell in &plane.cells {
            let (i, j) = (cell.column, cell.row);
            let Some((largest, share)) = cell.largest().filter(|_| i + 1 < x.len() && j + 1 < y.len()) else {
                continue;
            };
            let corners = [(x[i], y[j]), (x[i + 1], y[j]), (x[i + 1], y[j + 1]), (x[i], y[j + 1])];
            let corners: Vec<P> = corners.into_iter().map(|p| frame.place(p)).collect();
            canvas.polygon(&corners, faint(color(largest), share))?;
            let middle = (0.5 * (corners[0].0 + corners[1].0), 0.5 * (corners[0].1 + corners[2].1));
            let text = format!("{:.0}%", 100.0 * share);
            let room = (corners[1].0 - corners[0].0).min(corners[0].1 - corners[2].1);
            if room > 16.0 {
                canvas.text(middle, &text, Lettering { color: INK, ..Lettering::centered(11.0) })?;
            }
        }
        for (k, overlay) in plane.overlays.iter().enumerate() {
            let placed: Vec<P> =
                overlay.points.iter().map(|p| frame.place((across.place(p.0), up.place(p.1)))).collect();
            for part in clipped(&placed, frame.low, frame.high) {
                canvas.pattern(&part, line(k), dash(k))?;
            }
        }
        let [right, upwards] = &plane.names;
        axes(canvas, &frame, (&across.ticks(), right), (&up.ticks(), upwards))?;
        heading(canvas, title, width)?;
        legend(canvas, &entries, (LEFT, 46.0), WIDTH)
    })
}

fn ends(values: &[f64]) -> [f64; 2] {
    values.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(*v), b.max(*v)])
}

/// Edges of the cells about values, on the axis.
fn edges(values: &[f64], axis: &Abscissa) -> Vec<f64> {
    let at: Vec<f64> = values.iter().map(|v| axis.place(*v)).collect();
    let mut edges: Vec<f64> = at.windows(2).map(|p| 0.5 * (p[0] + p[1])).collect();
    let (first, last) = (at[0], at[at.len() - 1]);
    let ends = match (edges.first(), edges.last()) {
        (Some(low), Some(high)) => [2.0 * first - low, 2.0 * last - high],
        _ => [first - 0.5, last + 0.5],
    };
    edges.insert(0, ends[0]);
    edges.push(ends[1]);
    edges
}

/// A colour mixed with white.
fn faint(full: Color, share: f64) -> Color {
    let share = 0.15 + 0.6 * share.clamp(0.0, 1.0);
    let mix = |c: u8| (255.0 - share * (255.0 - f64::from(c))).round() as u8;
    Color(mix(full.0), mix(full.1), mix(full.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_has_its_cells_and_lines() {
        let cell = |column, row, shares: [f64; 2]| Cell { column, row, shares: shares.to_vec() };
        let plane = Regimes {
            names: ["data".into(), "sigma".into()],
            values: [vec![10.0, 100.0, 1000.0], vec![0.1, 0.2]],
            classes: vec!["memorized".into(), "merged".into()],
            cells: vec![cell(0, 0, [3.0, 1.0]), cell(2, 1, [0.0, 5.0]), cell(1, 0, [0.0, 0.0])],
            overlays: vec![Overlay { name: "collapse".into(), points: vec![(10.0, 0.15), (1000.0, 0.12)] }],
        };
        let svg = regimes("Plane", &plane).unwrap();
        for text in ["Plane", "data", "sigma", "memorized", "merged", "collapse", "\n75%\n", "\n100%\n"] {
            assert!(svg.contains(text), "{text}");
        }
        let wrong = Regimes { cells: vec![], ..plane.clone() };
        assert!(regimes("t", &wrong).is_err());
        let wrong = Regimes { cells: vec![cell(0, 0, [f64::NAN, 1.0])], ..plane };
        assert!(regimes("t", &wrong).is_err());
        assert_eq!(edges(&[1.0, 10.0, 1000.0], &Abscissa::new([1.0, 1000.0], false)), [-0.5, 0.5, 2.0, 4.0]);
        assert_eq!(edges(&[3.0], &Abscissa::new([3.0, 3.0], false)), [2.5, 3.5]);
    }
}
