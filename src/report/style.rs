//! Colours and markers: one colour and one shape an index, so that neither is needed to read the other.
//!
//! The colours are those of Okabe and Ito (2008), which stay apart for colour-blind readers; orange and sky blue are darker
//! here, so that all have a contrast of at least 3 with the paper (WCAG 2.2, 1.4.11), on a dark desktop too.

use super::canvas::{Canvas, Color, Horizontal, Lettering, Pen, Vertical};
use super::geometry::P;
use crate::error::Result;

/// Lines and letters.
pub(super) const INK: Color = Color(50, 50, 50);
/// What stands in the background: data, leaders, orbits to nowhere.
pub(super) const GREY: Color = Color(115, 115, 115);
/// What should not be there.
pub(super) const ALARM: Color = Color(213, 94, 0);

/// Colour of an index.
pub(super) fn color(index: usize) -> Color {
    match index {
        0 => Color(0, 114, 178),
        1 => Color(199, 127, 0),
        2 => Color(0, 158, 115),
        3 => Color(204, 121, 167),
        4 => Color(47, 147, 204),
        5 => Color(148, 103, 60),
        6 => Color(0, 0, 0),
        _ => Color(115, 115, 40),
    }
}

/// Draws the marker of an index: disc, square, triangle, diamond, pentagon, star, ..; `edged` for a white rim that
/// lifts it from what lies behind.
pub(super) fn marker(canvas: &mut Canvas, index: usize, at: P, radius: f64, edged: bool) -> Result<()> {
    let Some(corners) = corners(index) else {
        if edged {
            canvas.disc(at, radius + 1.3, Color(255, 255, 255), 1.0)?;
        }
        return canvas.disc(at, radius, color(index), 1.0);
    };
    let shape: Vec<P> = corners.iter().map(|c| (at.0 + radius * c.0, at.1 + radius * c.1)).collect();
    if edged {
        let closed: Vec<P> = shape.iter().chain(&shape[..1]).copied().collect();
        canvas.line(&closed, Pen { color: Color(255, 255, 255), width: 2.6, alpha: 1.0 })?;
    }
    canvas.polygon(&shape, color(index))
}

/// The line of a branch of critical points: solid for minima, dashed for others, with shorter dashes for higher indices.
pub(super) fn branch_line(canvas: &mut Canvas, index: usize, points: &[P], width: f64) -> Result<()> {
    let pen = Pen { color: color(index), width, alpha: 1.0 };
    match index {
        0 => canvas.line(points, pen),
        1 => canvas.pattern(points, pen, (9.0, 3.5)),
        2 => canvas.pattern(points, pen, (4.5, 3.0)),
        3 => canvas.pattern(points, pen, (2.5, 2.5)),
        _ => canvas.pattern(points, pen, (1.4, 3.0)),
    }
}

/// What happens at a marked place of a bifurcation diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventMark {
    Fold,
    Supercritical,
    Subcritical,
    Transcritical,
    Multiple,
    Cusp,
    Unexplained,
}

/// All marks, with what the legend calls one and several of them.
pub(super) const EVENTS: [(EventMark, &str, &str); 7] = [
    (EventMark::Fold, "fold", "folds"),
    (EventMark::Supercritical, "supercritical pitchfork", "supercritical pitchforks"),
    (EventMark::Subcritical, "subcritical pitchfork", "subcritical pitchforks"),
    (EventMark::Transcritical, "transcritical point", "transcritical points"),
    (EventMark::Multiple, "multiple kernel", "multiple kernels"),
    (EventMark::Cusp, "cusp", "cusps"),
    (EventMark::Unexplained, "unexplained change", "unexplained changes"),
];

/// Draws the marker of an event: a disc for a fold, a triangle for a pitchfork (hollow if subcritical), a square on edge
/// for a cusp, a star for several directions at once, crosses for branches that cross and, in red, for what is
/// unexplained.
pub(super) fn event_mark(canvas: &mut Canvas, mark: EventMark, at: P, radius: f64) -> Result<()> {
    const WHITE: Color = Color(255, 255, 255);
    let mut shape = |index: usize, scale: f64, color: Color| {
        let corners = corners(index).unwrap_or_default();
        let points: Vec<P> =
            corners.iter().map(|c| (at.0 + scale * radius * c.0, at.1 + scale * radius * c.1)).collect();
        canvas.polygon(&points, color)
    };
    match mark {
        EventMark::Supercritical => {
            shape(2, 1.25, WHITE)?;
            shape(2, 0.95, INK)
        }
        EventMark::Subcritical => {
            shape(2, 1.15, INK)?;
            shape(2, 0.6, WHITE)
        }
        EventMark::Cusp => {
            shape(3, 1.25, WHITE)?;
            shape(3, 0.95, INK)
        }
        EventMark::Multiple => {
            shape(5, 1.45, WHITE)?;
            shape(5, 1.15, INK)
        }
        EventMark::Fold => {
            canvas.disc(at, 0.8 * radius + 1.0, WHITE, 1.0)?;
            canvas.disc(at, 0.8 * radius, INK, 1.0)
        }
        EventMark::Transcritical | EventMark::Unexplained => {
            let color = if mark == EventMark::Unexplained { ALARM } else { INK };
            let pen = Pen { color, width: 2.2, alpha: 1.0 };
            canvas.line(&[(at.0 - radius, at.1 - radius), (at.0 + radius, at.1 + radius)], pen)?;
            canvas.line(&[(at.0 - radius, at.1 + radius), (at.0 + radius, at.1 - radius)], pen)
        }
    }
}

/// The marker of what is degenerate and has no index: a hollow circle, unlike that of any index and unlike data.
pub(super) fn hollow(canvas: &mut Canvas, at: P, radius: f64) -> Result<()> {
    canvas.disc(at, radius, INK, 1.0)?;
    canvas.disc(at, 0.62 * radius, Color(255, 255, 255), 1.0)
}

/// The id of a point beside its marker.
pub(super) fn label(
    canvas: &mut Canvas,
    at: P,
    id: usize,
    size: f64,
    (horizontal, vertical): (Horizontal, Vertical),
) -> Result<()> {
    let lettering = Lettering { horizontal, vertical, ..Lettering::centered(size) };
    canvas.text(at, &id.to_string(), lettering)
}

/// Corners of a marker for radius 1, of about equal area; `None` for a disc.
fn corners(index: usize) -> Option<Vec<P>> {
    let ring = |count: usize, turn: f64, radii: [f64; 2]| {
        (0..count)
            .map(|i| {
                let angle = (i as f64 / count as f64 + turn) * std::f64::consts::TAU;
                (radii[i % 2] * angle.sin(), -radii[i % 2] * angle.cos())
            })
            .collect::<Vec<P>>()
    };
    match index {
        0 => None,
        1 => Some(ring(4, 0.125, [1.25, 1.25])),
        2 => Some(ring(3, 0.0, [1.45, 1.45])),
        3 => Some(ring(4, 0.0, [1.35, 1.35])),
        4 => Some(ring(5, 0.0, [1.2, 1.2])),
        5 => Some(ring(10, 0.0, [1.5, 0.65])),
        6 => Some(ring(3, 0.5, [1.45, 1.45])),
        _ => Some(ring(8, 0.0, [1.5, 0.5])),
    }
}

/// "3 minima", "1 saddle of index 2", "1 maximum".
pub(super) fn count_of(count: usize, index: usize, dim: usize, with_energy: bool) -> String {
    if index == 0 {
        if with_energy { counted(count, "minimum", "minima") } else { counted(count, "sink", "sinks") }
    } else if index == dim {
        if with_energy { counted(count, "maximum", "maxima") } else { counted(count, "source", "sources") }
    } else {
        format!("{} of index {index}", counted(count, "saddle", "saddles"))
    }
}

/// "1 orbit", "2 orbits".
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of a colour with parts from 0 to 1 (WCAG 2.2).
    fn luminance(color: [f64; 3]) -> f64 {
        let linear = color.map(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn light(color: Color) -> [f64; 3] {
        [color.0, color.1, color.2].map(|v| f64::from(v) / 255.0)
    }

    /// invert(0.9) hue-rotate(180deg), by the formulas of the Filter Effects Module.
    fn dark(color: Color) -> [f64; 3] {
        assert!(super::super::canvas::DARK.contains("invert(0.9) hue-rotate(180deg)"));
        let [r, g, b] = light(color).map(|v| 0.9 - 0.8 * v);
        let turned = [
            -0.574 * r + 1.430 * g + 0.144 * b,
            0.426 * r + 0.430 * g + 0.144 * b,
            0.426 * r + 1.430 * g - 0.856 * b,
        ];
        turned.map(|v| v.clamp(0.0, 1.0))
    }

    #[test]
    fn everything_stands_out_from_light_and_dark_paper() {
        let paper = Color(255, 255, 255);
        let marks = (0..8).map(color).chain([ALARM]).map(|c| (c, 3.0));
        for (color, least) in marks.chain([(INK, 7.0), (GREY, 4.5)]) {
            for theme in [light, dark] {
                let found = contrast(theme(color), theme(paper));
                assert!(found >= least, "{color:?}: {found}");
            }
        }
        assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    }
}
