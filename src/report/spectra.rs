//! The spectra of the Hessian along branches: eigenvalues over the parameter.

use super::abscissa::Abscissa;
use super::bifurcation::{event_entries, mark_of};
use super::canvas::{Color, Pen, document};
use super::frame::{Frame, Symbol, Ticks, axes, legend, legend_height, ticks, title as heading};
use super::geometry::P;
use super::style::{GREY, INK, branch_line, event_mark};
use crate::continuation::{Diagram, Spectrum};
use crate::error::{Error, Result};
use crate::export::check_diagram;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 26.0;
/// Eigenvalues of a spectrum that are drawn: the lowest ones.
const MOST: usize = 12;
/// Fewer of each where they would be more lines than this in all.
const LINES: usize = 600;
/// Largest over typical eigenvalue from which on the axis is logarithmic away from zero.
const WIDE: f64 = 30.0;

/// Eigenvalues of the Hessian along all branches as an SVG document: the parameter to the right, the lowest eigenvalues of
/// each point upwards, in colour and dashes of the point's index; a line at zero, with the events where they are; linear near zero
/// and logarithmic away from it where the eigenvalues differ much. `spectra` is what
/// [`spectra`](crate::continuation::spectra) has found along the branches of `diagram`.
///
/// # Errors
/// If a number of the diagram is not finite, or the spectra are not its own.
pub fn spectra(diagram: &Diagram, spectra: &[Spectrum], title: &str) -> Result<String> {
    check_diagram(diagram)?;
    let abscissa = Abscissa::new(diagram.range, false);
    let there = |s: &Spectrum| diagram.branches.get(s.branch).is_some_and(|b| s.step < b.points.len());
    if !spectra.iter().all(there) {
        return Err(Error::input("the spectra are not those of this diagram"));
    }
    let parts = parts(diagram, spectra);
    let most = (LINES / parts.len().max(1)).clamp(1, MOST);
    let shown: Vec<f64> = spectra.iter().flat_map(|s| s.eigenvalues.iter().take(most).copied()).collect();
    let ordinate = Ordinate::new(&shown);
    let lines = lines(diagram, &parts, most, &abscissa, &ordinate);
    let entries = entries(diagram, &lines);
    let width = WIDTH - LEFT - RIGHT;
    let top = 48.0 + legend_height(&entries, width) + 8.0;
    let frame = Frame {
        low: (LEFT, top),
        high: (WIDTH - RIGHT, top + HEIGHT),
        x: abscissa.range(),
        y: ordinate.range,
    };
    let stroke = if lines.len() > 200 { 0.8 } else { 1.4 };
    document((WIDTH, frame.high.1 + 62.0), title, &[], |canvas| {
        let (across, up) = (abscissa.ticks(), ordinate.ticks());
        let thin = Pen { color: Color(232, 232, 232), width: 0.7, alpha: 1.0 };
        for (value, _) in &up {
            let (_, y) = frame.place((frame.x.0, *value));
            canvas.line(&[(frame.low.0, y), (frame.high.0, y)], thin)?;
        }
        for event in &diagram.events {
            let (x, _) = frame.place((abscissa.place(event.parameter), 0.0));
            canvas.pattern(
                &[(x, frame.low.1), (x, frame.high.1)],
                Pen { color: GREY, width: 0.8, alpha: 0.7 },
                (1.6, 3.2),
            )?;
        }
        // Minima last, over what meets them.
        let mut order: Vec<&Line> = lines.iter().collect();
        order.sort_by_key(|line| std::cmp::Reverse(line.index));
        for line in order {
            let placed: Vec<P> = line.points.iter().map(|p| frame.place(*p)).collect();
            branch_line(canvas, line.index, &placed, stroke)?;
        }
        let (_, zero) = frame.place((frame.x.0, 0.0));
        canvas
            .line(&[(frame.low.0, zero), (frame.high.0, zero)], Pen { color: INK, width: 1.0, alpha: 1.0 })?;
        for event in &diagram.events {
            event_mark(
                canvas,
                mark_of(&event.kind),
                frame.place((abscissa.place(event.parameter), 0.0)),
                4.0,
            )?;
        }
        axes(canvas, &frame, (&across, &diagram.parameter), (&up, "Hessian eigenvalue"))?;
        heading(canvas, title, WIDTH)?;
        legend(canvas, &entries, (LEFT, 46.0), width)
    })
}

/// An eigenvalue along a part of a branch with one index, in the coordinates of the frame.
struct Line {
    index: usize,
    points: Vec<P>,
}

/// Parts of branches with one index, with that index; an event, which has none, ends one part and begins the next.
fn parts<'a>(diagram: &Diagram, spectra: &'a [Spectrum]) -> Vec<(usize, &'a [Spectrum])> {
    let index = |s: &Spectrum| diagram.branches[s.branch].points[s.step].index;
    let mut parts = vec![];
    for branch in spectra.chunk_by(|a, b| a.branch == b.branch) {
        let mut from = 0;
        for k in 1..branch.len() {
            let here = index(&branch[k]);
            let next = branch.get(k + 1).map(index);
            let jumps = matches!((here, next), (Some(a), Some(Some(b))) if a != b);
            if here.is_some() && next.is_some() && !jumps {
                continue;
            }
            let run = &branch[from..=k];
            parts.extend(run.iter().find_map(index).map(|index| (index, run)));
            from = if jumps { k + 1 } else { k };
        }
    }
    parts
}

/// The lowest `most` eigenvalues along the parts.
fn lines(
    diagram: &Diagram,
    parts: &[(usize, &[Spectrum])],
    most: usize,
    abscissa: &Abscissa,
    ordinate: &Ordinate,
) -> Vec<Line> {
    let parameter = |s: &Spectrum| diagram.branches[s.branch].points[s.step].parameter;
    let mut lines = vec![];
    for (index, run) in parts {
        let count = run.iter().map(|s| s.eigenvalues.len()).min().unwrap_or(0).min(most);
        lines.extend((0..count).map(|i| {
            let place = |s: &Spectrum| (abscissa.place(parameter(s)), ordinate.place(s.eigenvalues[i]));
            Line { index: *index, points: run.iter().map(place).collect() }
        }));
    }
    lines
}

fn entries(diagram: &Diagram, lines: &[Line]) -> Vec<(Symbol, String)> {
    let most = lines.iter().map(|l| l.index + 1).max().unwrap_or(0);
    let met = (0..most).filter(|index| lines.iter().any(|l| l.index == *index));
    let name = |index: usize| {
        if index == 0 { "of minima".to_owned() } else { format!("of points of index {index}") }
    };
    met.map(|index| (Symbol::Branch(index), name(index))).chain(event_entries(diagram)).collect()
}

/// The axis of the eigenvalues: linear, or by `asinh(v / unit)`.
struct Ordinate {
    unit: Option<f64>,
    range: (f64, f64),
}

impl Ordinate {
    fn new(values: &[f64]) -> Ordinate {
        let mut sizes: Vec<f64> = values.iter().map(|v| v.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let at = |share: f64| sizes.get((share * sizes.len() as f64) as usize).copied().unwrap_or(1.0);
        let largest = sizes.last().copied().unwrap_or(1.0);
        let unit = (largest > WIDE * at(0.5)).then(|| at(0.1).max(1e-6 * largest)).filter(|u| *u > 0.0);
        let mut ordinate = Ordinate { unit, range: (-1.0, 1.0) };
        let placed = values.iter().map(|v| ordinate.place(*v));
        let (low, high) = placed.fold((0.0f64, 0.0f64), |(a, b), v| (a.min(v), b.max(v)));
        let margin = if high > low { 0.05 * (high - low) } else { 1.0 };
        ordinate.range = (low - margin, high + margin);
        ordinate
    }

    fn place(&self, value: f64) -> f64 {
        self.unit.map_or(value, |unit| (value / unit).asinh())
    }

    fn ticks(&self) -> Ticks {
        let Some(unit) = self.unit else { return ticks(self.range, 7) };
        let value = |place: f64| unit * place.sinh();
        let (low, high) = (value(self.range.0), value(self.range.1));
        let first = unit.log10().ceil() as i32;
        let last = low.abs().max(high).log10().floor() as i32;
        let every = ((last - first + 1) as usize).div_ceil(5).max(1);
        let decades: Vec<i32> = (first..=last).rev().step_by(every).collect();
        let mut out = vec![(0.0, "0".to_owned())];
        for decade in decades {
            let size = 10f64.powi(decade);
            let name = if (-3..5).contains(&decade) {
                format!("{size}")
            } else {
                format!("1e{decade}").replace('-', "\u{2212}")
            };
            for (sign, before) in [(1.0, ""), (-1.0, "\u{2212}")] {
                let at = self.place(sign * size);
                if at > self.range.0 && at < self.range.1 {
                    out.push((at, format!("{before}{name}")));
                }
            }
        }
        out.sort_by(|a, b| a.0.total_cmp(&b.0));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Control;
    use crate::continuation::{Options, follow, spectra as along};
    use crate::landscape::formula::Formula;

    #[test]
    fn eigenvalues_of_a_pitchfork_are_those_of_its_formula() {
        // E = x^4/4 - p x^2/2 + y^2: the Hessian is diag(3 x^2 - p, 2), so -p on the trunk and 2p on the branches x^2 = p.
        let energy = "x[0]^4/4 - p*x[0]^2/2 + x[1]^2";
        let family = Formula::new(2, energy, &[("p".into(), 0.0)], &[], None).unwrap();
        let options = Options::new(-1.0, 0.75);
        let diagram = follow(&family, "p", &[(-1.0, vec![0.0, 0.0])], &options, &Control::quiet()).unwrap();
        let spectra = along(&family, &diagram).unwrap();
        assert_eq!(spectra.len(), diagram.branches.iter().map(|b| b.points.len()).sum::<usize>());
        for s in &spectra {
            let point = &diagram.branches[s.branch].points[s.step];
            let along = if point.x[0].abs() < 1e-7 { -point.parameter } else { 2.0 * point.parameter };
            let mut expected = [along, 2.0];
            expected.sort_by(f64::total_cmp);
            for (found, expected) in s.eigenvalues.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{s:?} at {}", point.parameter);
            }
        }
        let svg = super::spectra(&diagram, &spectra, "Fork").unwrap();
        for text in
            ["Fork", "of minima", "of points of index 1", "1 supercritical pitchfork", "Hessian eigenvalue"]
        {
            assert!(svg.contains(text), "{text}");
        }
        // A line an eigenvalue on each of the four parts that meet in the pitchfork, none across zero.
        let abscissa = Abscissa::new(diagram.range, false);
        let linear = Ordinate { unit: None, range: (-1.0, 1.0) };
        let lines = lines(&diagram, &parts(&diagram, &spectra), 12, &abscissa, &linear);
        assert!(super::spectra(&diagram, &[Spectrum { branch: 99, ..spectra[0].clone() }], "").is_err());
        assert_eq!(lines.len(), 8);
        for line in &lines {
            let (a, b) = line.points.iter().fold((0.0f64, 0.0f64), |(a, b), p| (a.min(p.1), b.max(p.1)));
            assert!(a > -1e-6 || b < 1e-6, "{:?}", line.points);
        }
    }

    #[test]
    fn wide_spectra_have_a_logarithmic_axis_with_zero_on_it() {
        let values: Vec<f64> = (0..40).map(|k| if k % 9 == 0 { -0.01 } else { 10f64.powi(k / 8) }).collect();
        let ordinate = Ordinate::new(&values);
        assert!(ordinate.unit.is_some());
        let ticks = ordinate.ticks();
        assert!(ticks.iter().any(|t| t.1 == "0") && ticks.len() >= 3 && ticks.len() < 14, "{ticks:?}");
        assert!(ticks.windows(2).all(|w| w[0].0 < w[1].0));
        for (at, label) in &ticks {
            let value: f64 = label.replace('\u{2212}', "-").parse().unwrap();
            assert!((ordinate.place(value) - at).abs() < 1e-9);
        }
        assert!(Ordinate::new(&[1.0, 2.0, -0.5]).unit.is_none());
    }
}
