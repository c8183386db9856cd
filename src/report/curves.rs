//! Curves over a common axis: the plot of a measurement.

use super::canvas::{Pen, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, ticks, title as heading};
use super::geometry::{P, clipped};
use super::style::{GREY, color};
use crate::error::{Error, Result};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;

/// Points `(x, y)` joined by a line, under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What the legend says.
    pub name: String,
    /// The points, in the order in which they are joined.
    pub points: Vec<(f64, f64)>,
}

/// An SVG document with all curves, each in a colour of its own, and dashed vertical lines at `marks`.
///
/// # Errors
/// If no curve has a point or a number is not finite.
pub fn curves(title: &str, names: (&str, &str), curves: &[Curve], marks: &[f64]) -> Result<String> {
    let all = || curves.iter().flat_map(|c| c.points.iter());
    if all().next().is_none() || all().any(|p| !(p.0.is_finite() && p.1.is_finite())) {
        return Err(Error::input("a plot needs at least one point, and only finite numbers"));
    }
    let range = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) =
            all().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let margin = if high > low { 0.04 * (high - low) } else { 0.5 * high.abs().max(1.0) };
        (low - margin, high + margin)
    };
    let pen = |index: usize| Pen { color: color(index), width: 1.8, alpha: 1.0 };
    let entries: Vec<(Symbol, String)> =
        curves.iter().enumerate().map(|(i, c)| (Symbol::Line(pen(i)), c.name.clone())).collect();
    let top = 48.0 + legend_height(&entries, WIDTH - LEFT - RIGHT) + 8.0;
    let (x, y) = (range(|p| p.0), range(|p| p.1));
    let frame = Frame { low: (LEFT, top), high: (WIDTH - RIGHT, top + 400.0), x, y };
    document((WIDTH, frame.high.1 + 62.0), title, &[], |canvas| {
        for mark in marks {
            let line = [frame.place((*mark, y.0)), frame.place((*mark, y.1))];
            for part in clipped(&line, frame.low, frame.high) {
                canvas.dashed(&part, Pen { color: GREY, width: 1.2, alpha: 1.0 })?;
            }
        }
        for (i, curve) in curves.iter().enumerate() {
            let placed: Vec<P> = curve.points.iter().map(|p| frame.place(*p)).collect();
            canvas.line(&placed, pen(i))?;
            for at in placed {
                canvas.disc(at, 3.0, color(i), 1.0)?;
            }
        }
        axes(canvas, &frame, (&ticks(x, 8), names.0), (&ticks(y, 7), names.1))?;
        heading(canvas, title, WIDTH)?;
        legend(canvas, &entries, (LEFT, 46.0), WIDTH - LEFT - RIGHT)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_names_and_refuses_what_is_not_finite() {
        let curve = |points: Vec<(f64, f64)>| [Curve { name: "p = 3".into(), points }];
        let svg =
            curves("Capacity", ("load", "retrieved"), &curve(vec![(0.0, 1.0), (2.0, 0.0)]), &[1.0]).unwrap();
        assert!(["Capacity", "load", "retrieved", "p = 3"].iter().all(|t| svg.contains(t)));
        assert!(curves("t", ("x", "y"), &curve(vec![]), &[]).is_err());
        assert!(curves("t", ("x", "y"), &curve(vec![(f64::NAN, 1.0)]), &[]).is_err());
    }
}
