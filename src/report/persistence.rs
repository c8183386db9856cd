//! The persistence diagram: at which energy each class is born, and at which it ends.

use super::canvas::{Color, Pen, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, title as heading};
use super::scale::Scale;
use super::style::{GREY, counted, marker};
use crate::connection::algebra::Pair;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::export::check_set;

const SIDE: f64 = 560.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 26.0;

/// The persistence diagram as an SVG document: a marker a class, energy of its birth to the right, of its end upwards,
/// with the shape and colour of the index that is its degree. The farther from the diagonal, the more the landscape
/// must change for it to vanish; classes of the whole region stand on a line of their own at the top.
///
/// # Errors
/// If a number is not finite or a point does not exist.
pub fn persistence(set: &CriticalSet, pairs: &[Pair], title: &str) -> Result<String> {
    check_set(set)?;
    let ids = || pairs.iter().flat_map(|p| [Some(p.birth), p.death]).flatten();
    if ids().any(|id| id >= set.points.len()) {
        return Err(Error::Numerics("a persistence pair names a point that does not exist".into()));
    }
    let energy = |id: usize| set.points[id].energy;
    let scale = Scale::new(&ids().map(energy).collect::<Vec<_>>());
    let top = pairs.iter().map(|p| p.degree).max().unwrap_or(0);
    let pen = Pen { color: GREY, width: 1.0, alpha: 1.0 };
    let whole = pairs.iter().filter(|p| p.death.is_none()).count();
    let mut entries: Vec<(Symbol, String)> = (0..=top)
        .map(|k| (k, pairs.iter().filter(|p| p.degree == k).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(k, count)| (Symbol::Index(k), format!("{} of degree {k}", counted(count, "class", "classes"))))
        .collect();
    if whole > 0 {
        entries.push((Symbol::Dashed(pen), format!("{whole} of the whole region")));
    }
    let width = LEFT + SIDE + RIGHT;
    let upper = 48.0 + legend_height(&entries, SIDE) + 8.0;
    let frame =
        Frame { low: (LEFT, upper), high: (LEFT + SIDE, upper + SIDE), x: scale.range(), y: scale.range() };
    // In the margin above the highest energy.
    let never = frame.low.1 + 16.0;
    let radius = match pairs.len() {
        0..=60 => 5.5,
        61..=400 => 4.2,
        _ => 3.0,
    };
    document((width, frame.high.1 + 62.0), title, &[], |canvas| {
        let axis = scale.ticks(frame.x);
        let thin = Pen { color: Color(225, 225, 225), width: 0.7, alpha: 1.0 };
        for (value, _) in &axis {
            let (x, y) = frame.place((*value, *value));
            canvas.line(&[(frame.low.0, y), (frame.high.0, y)], thin)?;
            canvas.line(&[(x, frame.low.1), (x, frame.high.1)], thin)?;
        }
        canvas.line(&[(frame.low.0, frame.high.1), (frame.high.0, frame.low.1)], pen)?;
        if whole > 0 {
            canvas.dashed(&[(frame.low.0, never), (frame.high.0, never)], pen)?;
        }
        // Low degrees, of which there are fewer, over high ones.
        for p in pairs.iter().rev() {
            let at = |id: usize| scale.place(energy(id));
            let (x, y) = frame.place((at(p.birth), p.death.map_or(0.0, at)));
            marker(canvas, p.degree, (x, if p.death.is_some() { y } else { never }), radius, true)?;
        }
        axes(canvas, &frame, (&axis, "energy at birth"), (&axis, &format!("{} at the end", scale.name())))?;
        heading(canvas, title, width)?;
        legend(canvas, &entries, (LEFT, 46.0), SIDE)
    })
}
