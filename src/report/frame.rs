//! Axes: a rectangle of the sheet, the ranges it shows, ticks with labels, and the legend above it.

use super::canvas::{Canvas, Color, Horizontal, Lettering, Pen, Vertical};
use super::geometry::P;
use super::style::{EventMark, INK, branch_line, count_of, counted, event_mark, hollow, marker};
use crate::critical::CriticalSet;
use crate::error::Result;

/// A rectangle of the sheet (pixels) and what of the plane it shows.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) low: P,
    pub(super) high: P,
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
}

impl Frame {
    /// Where a point of the plane lies on the sheet.
    pub(super) fn place(&self, p: P) -> P {
        let x = (p.0 - self.x.0) / (self.x.1 - self.x.0);
        let y = (p.1 - self.y.0) / (self.y.1 - self.y.0);
        (self.low.0 + x * (self.high.0 - self.low.0), self.high.1 - y * (self.high.1 - self.low.1))
    }

    pub(super) fn width(&self) -> f64 {
        self.high.0 - self.low.0
    }

    pub(super) fn height(&self) -> f64 {
        self.high.1 - self.low.1
    }
}

/// Ticks of an axis: where, and what stands there.
pub(super) type Ticks = Vec<(f64, String)>;

/// Round numbers in the range, about `count` of them, with labels that tell them apart.
pub(super) fn ticks((low, high): (f64, f64), count: usize) -> Ticks {
    let range = high - low;
    if !(range > 0.0 && range.is_finite()) {
        return vec![];
    }
    let raw = range / count.max(1) as f64;
    let decade = 10f64.powi(raw.log10().floor() as i32);
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * decade).find(|s| *s >= raw * 0.999).unwrap_or(raw);
    let first = (low / step - 1e-9).ceil();
    let places: Vec<f64> =
        (0..=4 * count).map(|i| (first + i as f64) * step).take_while(|v| *v <= high + 1e-9 * step).collect();
    let largest = places.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let decimals = (-step.log10().floor()).max(0.0);
    let written = |v: f64| {
        // Zero may come out as a tiny negative number.
        let v = if v.abs() < 1e-9 * step { 0.0 } else { v };
        if decimals > 6.0 && largest < 1.0 || largest >= 1e6 {
            let digits = (largest.log10().floor() - step.log10().floor()).max(0.0) as usize;
            if v == 0.0 { "0".to_owned() } else { format!("{v:.digits$e}") }
        } else {
            format!("{v:.*}", decimals as usize)
        }
    };
    places.into_iter().map(|v| (v, written(v).replace('-', "\u{2212}"))).collect()
}

/// Draws the frame with ticks on both axes and the axes' names.
pub(super) fn axes(canvas: &mut Canvas, frame: &Frame, x: (&Ticks, &str), y: (&Ticks, &str)) -> Result<()> {
    let pen = Pen { color: INK, width: 1.0, alpha: 1.0 };
    canvas.rectangle(frame.low, frame.high, pen)?;
    let letters = Lettering::centered(13.0);
    for (value, label) in x.0 {
        let (at, _) = frame.place((*value, frame.y.0));
        canvas.line(&[(at, frame.high.1), (at, frame.high.1 + 5.0)], pen)?;
        canvas.text((at, frame.high.1 + 8.0), label, Lettering { vertical: Vertical::Top, ..letters })?;
    }
    let mut widest = 0;
    for (value, label) in y.0 {
        let (_, at) = frame.place((frame.x.0, *value));
        canvas.line(&[(frame.low.0 - 5.0, at), (frame.low.0, at)], pen)?;
        canvas.text(
            (frame.low.0 - 8.0, at),
            label,
            Lettering { horizontal: Horizontal::Right, ..letters },
        )?;
        widest = widest.max(label.chars().count());
    }
    let middle = (0.5 * (frame.low.0 + frame.high.0), 0.5 * (frame.low.1 + frame.high.1));
    let names = Lettering::centered(15.0);
    canvas.text((middle.0, frame.high.1 + 28.0), x.1, Lettering { vertical: Vertical::Top, ..names })?;
    let left = (frame.low.0 - 24.0 - 7.2 * widest as f64).max(12.0);
    canvas.text((left, middle.1), y.1, Lettering { upwards: true, ..names })
}

/// What stands before an entry of the legend.
#[derive(Clone, Copy, Debug)]
pub(super) enum Symbol {
    /// The marker of an index.
    Index(usize),
    /// A line.
    Line(Pen),
    /// A dashed line.
    Dashed(Pen),
    /// A dot of a colour.
    Dot(Color),
    /// The marker of what is degenerate.
    Hollow,
    /// A short upright stroke.
    Tick(Pen),
    /// A line in dashes and gaps of these lengths.
    Pattern(Pen, (f64, f64)),
    /// The line of a branch of an index.
    Branch(usize),
    /// The marker of an event.
    Event(EventMark),
}

const LEGEND_SIZE: f64 = 13.0;
const LEGEND_ROW: f64 = 21.0;

/// The legend's entries for the points of a set: one for each index met, one for what is degenerate.
pub(super) fn point_entries(set: &CriticalSet) -> Vec<(Symbol, String)> {
    let dim = set.region.dim();
    let mut entries: Vec<(Symbol, String)> = set
        .counts()
        .into_iter()
        .enumerate()
        .filter(|(_, count)| *count > 0)
        .map(|(index, count)| (Symbol::Index(index), count_of(count, index, dim, set.has_energy())))
        .collect();
    if !set.degenerate.is_empty() {
        let isolated = set.degenerate.iter().all(|f| f.dimension == 0);
        let (one, many) = match isolated {
            true => ("degenerate point", "degenerate points"),
            false => ("degenerate family", "degenerate families"),
        };
        entries.push((Symbol::Hollow, counted(set.degenerate.len(), one, many)));
    }
    entries
}

/// Places of the entries in rows no wider than `width`, and the height of all rows.
fn legend_layout(entries: &[(Symbol, String)], width: f64) -> (Vec<P>, f64) {
    let (mut x, mut y) = (0.0, 0.0);
    let mut places = Vec::with_capacity(entries.len());
    for (_, text) in entries {
        let needs = 30.0 + 0.61 * LEGEND_SIZE * text.chars().count() as f64;
        if x > 0.0 && x + needs > width {
            (x, y) = (0.0, y + LEGEND_ROW);
        }
        places.push((x, y));
        x += needs + 18.0;
    }
    (places, y + LEGEND_ROW)
}

/// Height that a legend needs at a width.
pub(super) fn legend_height(entries: &[(Symbol, String)], width: f64) -> f64 {
    legend_layout(entries, width).1
}

/// Draws a legend in rows from its upper left corner.
pub(super) fn legend(canvas: &mut Canvas, entries: &[(Symbol, String)], at: P, width: f64) -> Result<()> {
    for ((symbol, text), place) in entries.iter().zip(legend_layout(entries, width).0) {
        let (x, y) = (at.0 + place.0, at.1 + place.1 + 0.5 * LEGEND_ROW);
        let stroke = [(x, y), (x + 22.0, y)];
        match *symbol {
            Symbol::Index(index) => marker(canvas, index, (x + 13.0, y), 6.0, true)?,
            Symbol::Line(pen) => canvas.line(&stroke, pen)?,
            Symbol::Dashed(pen) => canvas.dashed(&stroke, pen)?,
            Symbol::Dot(color) => canvas.disc((x + 13.0, y), 3.0, color, 1.0)?,
            Symbol::Tick(pen) => canvas.line(&[(x + 13.0, y - 4.5), (x + 13.0, y + 4.5)], pen)?,
            Symbol::Pattern(pen, dashes) => canvas.pattern(&stroke, pen, dashes)?,
            Symbol::Branch(index) => branch_line(canvas, index, &stroke, 1.9)?,
            Symbol::Event(mark) => event_mark(canvas, mark, (x + 13.0, y), 5.0)?,
            Symbol::Hollow => hollow(canvas, (x + 13.0, y), 5.0)?,
        }
        let lettering = Lettering { horizontal: Horizontal::Left, ..Lettering::centered(LEGEND_SIZE) };
        canvas.text((x + 28.0, y), text, lettering)?;
    }
    Ok(())
}

/// Pixels that a letter of a title takes.
pub(super) const LETTER: f64 = 10.6;

/// The title, centred over the frame, shortened where it would not fit.
pub(super) fn title(canvas: &mut Canvas, text: &str, width: f64) -> Result<()> {
    let most = (width / LETTER) as usize;
    let shown: String = if text.chars().count() > most {
        text.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect()
    } else {
        text.to_owned()
    };
    canvas.text((0.5 * width, 26.0), &shown, Lettering { bold: true, ..Lettering::centered(17.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_distinct_and_inside() {
        for range in [(0.0, 1.0), (-3.3, 7.1), (1e-12, 3e-12), (-1e9, 2e9), (5.0, 5.0 + 1e-8), (-1e-3, 9.0)] {
            let found = ticks(range, 6);
            assert!((3..=14).contains(&found.len()), "{range:?}: {found:?}");
            for w in found.windows(2) {
                assert!(w[0].0 < w[1].0 && w[0].1 != w[1].1, "{found:?}");
            }
            let slack = 1e-6 * (range.1 - range.0);
            assert!(found.iter().all(|(v, _)| *v >= range.0 - slack && *v <= range.1 + slack));
        }
        assert!(ticks((1.0, 1.0), 5).is_empty() && ticks((0.0, f64::NAN), 5).is_empty());
        let labels: Vec<String> = ticks((-1.0, 1.0), 4).into_iter().map(|t| t.1).collect();
        assert_eq!(labels, ["\u{2212}1.0", "\u{2212}0.5", "0.0", "0.5", "1.0"]);
    }
}
