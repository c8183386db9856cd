//! Small plots beside and below one another: means with error bars; the plots of a row have both axes in common.

use super::abscissa::Abscissa;
use super::canvas::{Lettering, Pen, document};
use super::frame::{Frame, LETTER, Symbol, axes, legend, legend_height, ticks, title as heading};
use super::style::{GREY, INK, color, marker};
use crate::error::{Error, Result};

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 20.0;
/// Above a row, for the names of its plots, and below it, for its axis.
const NAMES: f64 = 26.0;
const AXIS: f64 = 62.0;

/// A mean with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Where on the common axis.
    pub at: f64,
    /// The mean.
    pub mean: f64,
    /// The interval's lower end; equal to the mean if there is none.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Means joined by a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend says; series of one row that have the same name look the same.
    pub name: String,
    /// Ascending along the axis.
    pub points: Vec<Estimate>,
}

/// One plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What stands above it.
    pub name: String,
    /// What it shows.
    pub series: Vec<Series>,
    /// Dashed upright lines: where, and what stands there.
    pub marks: Vec<(f64, String)>,
}

/// Plots with one ordinate.
#[derive(Clone, Debug, PartialEq)]
pub struct PanelRow {
    /// The ordinate's name; it begins at zero.
    pub ordinate: String,
    /// The largest value that there can be: no error bar goes beyond it, nor below zero.
    pub most: f64,
    /// The plots from left to right.
    pub panels: Vec<Panel>,
}

/// An SVG document of rows of plots. `abscissa` is the name of the axes to the right, by their logarithm if they are positive
/// and span more than a factor 10.
///
/// # Errors
/// If there is nothing to plot or a number is not finite.
pub fn panels(title: &str, abscissa: &str, rows: &[PanelRow]) -> Result<String> {
    let all = || rows.iter().flat_map(|r| &r.panels).flat_map(|p| &p.series).flat_map(|s| &s.points);
    let finite = |e: &Estimate| [e.at, e.mean, e.low, e.high].iter().all(|v| v.is_finite());
    if all().next().is_none() || !all().all(finite) {
        return Err(Error::input("a plot needs at least one point, and only finite numbers"));
    }
    let across = rows.iter().map(|r| r.panels.len()).max().unwrap_or(0).max(1);
    let step = LEFT + WIDTH + RIGHT;
    // Room for the title, within reason.
    let width = (across as f64 * step).max((LETTER * title.chars().count() as f64 + 20.0).min(2.0 * step));
    let entries: Vec<Vec<(Symbol, String)>> = rows.iter().map(entries).collect();
    let legends: Vec<f64> = entries.iter().map(|e| legend_height(e, width - LEFT - RIGHT)).collect();
    let heights: Vec<f64> = legends.iter().map(|legend| legend + NAMES + HEIGHT + AXIS).collect();
    document((width, 48.0 + heights.iter().sum::<f64>()), title, &[], |canvas| {
        heading(canvas, title, width)?;
        let mut top = 44.0;
        for ((row, entries), (height, space)) in rows.iter().zip(&entries).zip(heights.iter().zip(&legends)) {
            legend(canvas, entries, (LEFT, top), width - LEFT - RIGHT)?;
            let (axis, x) = shared(row);
            let points = row.panels.iter().flat_map(|p| &p.series).flat_map(|s| &s.points);
            let most = points.fold(0.0f64, |most, e| most.max(e.high.min(row.most)).max(e.mean));
            let y = (0.0, if most > 0.0 { 1.06 * most } else { 1.0 });
            for (k, panel) in row.panels.iter().enumerate() {
                let left = k as f64 * step + LEFT;
                let low = (left, top + space + NAMES);
                let frame = Frame { low, high: (left + WIDTH, low.1 + HEIGHT), x, y };
                let middle = (left + 0.5 * WIDTH, low.1 - 12.0);
                canvas.text(middle, &panel.name, Lettering::centered(13.0))?;
                for (at, name) in &panel.marks {
                    let (at, _) = frame.place((axis.place(*at), 0.0));
                    let pen = Pen { color: GREY, width: 1.2, alpha: 1.0 };
                    canvas.dashed(&[(at, frame.low.1), (at, frame.high.1)], pen)?;
                    let above = (at, frame.low.1 + 9.0);
                    canvas.text(above, name, Lettering { color: INK, ..Lettering::centered(11.0) })?;
                }
                for series in &panel.series {
                    let number = place(row, &series.name);
                    let pen = Pen { color: color(number), width: 1.6, alpha: 1.0 };
                    let placed = |e: &Estimate, value: f64| {
                        frame.place((axis.place(e.at), value.clamp(0.0, row.most)))
                    };
                    let line: Vec<_> = series.points.iter().map(|e| placed(e, e.mean)).collect();
                    canvas.line(&line, pen)?;
                    for e in &series.points {
                        let (a, b) = (placed(e, e.low), placed(e, e.high));
                        if e.high > e.low {
                            canvas.line(&[a, b], pen)?;
                            for end in [a, b] {
                                canvas.line(&[(end.0 - 3.0, end.1), (end.0 + 3.0, end.1)], pen)?;
                            }
                        }
                        marker(canvas, number, placed(e, e.mean), 3.2, false)?;
                    }
                }
                let ordinate = if k == 0 { row.ordinate.as_str() } else { "" };
                axes(canvas, &frame, (&axis.ticks(), abscissa), (&ticks(y, 5), ordinate))?;
            }
            top += height;
        }
        Ok(())
    })
}

/// The axis that the plots of a row share, and what it reaches over.
fn shared(row: &PanelRow) -> (Abscissa, (f64, f64)) {
    let points = row.panels.iter().flat_map(|p| &p.series).flat_map(|s| &s.points);
    let ends = points.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], e| [a.min(e.at), b.max(e.at)]);
    let axis = Abscissa::new(if ends[0] <= ends[1] { ends } else { [0.0, 1.0] }, false);
    let reach = match axis.range() {
        (low, high) if high > low => (low - 0.03 * (high - low), high + 0.03 * (high - low)),
        (low, _) => (low - 0.5, low + 0.5),
    };
    (axis, reach)
}

/// The number of a name among those of a row: its colour and marker.
fn place(row: &PanelRow, name: &str) -> usize {
    names(row).iter().position(|known| known == name).unwrap_or(0)
}

fn names(row: &PanelRow) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for series in row.panels.iter().flat_map(|p| &p.series) {
        if !names.contains(&series.name) {
            names.push(series.name.clone());
        }
    }
    names
}

fn entries(row: &PanelRow) -> Vec<(Symbol, String)> {
    names(row).into_iter().enumerate().map(|(k, name)| (Symbol::Index(k), name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(points: Vec<Estimate>) -> PanelRow {
        let series = vec![Series { name: "memorized".into(), points }];
        let panel = Panel { name: "sigma = 0.35".into(), series, marks: vec![(30.0, "31".into())] };
        PanelRow { ordinate: "minima".into(), most: f64::INFINITY, panels: vec![panel.clone(), panel] }
    }

    #[test]
    fn plots_have_their_names_and_refuse_what_is_not_finite() {
        let at = |at: f64, mean: f64| Estimate { at, mean, low: mean - 1.0, high: mean + 1.0 };
        let svg = panels("Digits", "data", &[row(vec![at(10.0, 9.0), at(1000.0, 400.0)])]).unwrap();
        for text in ["Digits", "data", "sigma = 0.35", "minima", "memorized", "\n31\n", "\n1000\n"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(panels("t", "x", &[row(vec![at(1.0, f64::NAN)])]).is_err());
        assert!(panels("t", "x", &[row(vec![])]).is_err());
        assert!(panels("t", "x", &[]).is_err());
        // One value of the parameter.
        assert!(panels("t", "x", &[row(vec![at(5.0, 2.0)])]).is_ok());
    }
}
