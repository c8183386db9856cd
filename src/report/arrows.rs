//! Directions of a field in the plane, for portraits without level lines.

use super::canvas::{Canvas, Color, Pen};
use super::frame::Frame;
use crate::error::Result;
use crate::landscape::Landscape;

/// Distance between arrows in pixels.
const APART: f64 = 30.0;

/// Draws the direction of the flow on a grid over the frame.
pub(super) fn arrows(canvas: &mut Canvas, landscape: &dyn Landscape, frame: &Frame) -> Result<()> {
    let pen = Pen { color: Color(125, 145, 175), width: 1.0, alpha: 0.9 };
    let count = |side: f64| (side / APART).floor().max(4.0) as usize;
    let (columns, rows) = (count(frame.width()), count(frame.height()));
    let along = |range: (f64, f64), i: usize, count: usize| {
        range.0 + (range.1 - range.0) * (i as f64 + 0.5) / count as f64
    };
    let (mut against, length) = ([0.0; 2], 0.36 * APART);
    for k in 0..columns * rows {
        let p = (along(frame.x, k % columns, columns), along(frame.y, k / columns, rows));
        landscape.gradient(&[p.0, p.1], &mut against);
        // On the sheet, where the vertical axis points down and the scales of the two may differ.
        let dx = -against[0] * frame.width() / (frame.x.1 - frame.x.0);
        let dy = against[1] * frame.height() / (frame.y.1 - frame.y.0);
        let size = dx.hypot(dy);
        if !(size > 0.0 && size.is_finite()) {
            continue;
        }
        let (at, (ux, uy)) = (frame.place(p), (dx / size, dy / size));
        let on = |along: f64, across: f64| (at.0 + along * ux - across * uy, at.1 + along * uy + across * ux);
        let tip = 0.5 * length;
        canvas.line(&[on(-tip, 0.0), on(tip, 0.0)], pen)?;
        canvas.line(&[on(tip - 3.0, 2.2), on(tip, 0.0), on(tip - 3.0, -2.2)], pen)?;
    }
    Ok(())
}
