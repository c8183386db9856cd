//! The minima as images, in rows below the drawing, each tied to its node.

use super::canvas::{Canvas, Color, Lettering, Pen, Picture, Vertical};
use super::frame::Frame;
use super::geometry::P;
use super::thumbnail;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::export::significant;

/// Images that are drawn at most; the deepest minima come first.
const MOST: usize = 1000;
/// Pixels of all images together; above that they are averaged down.
const MOST_PIXELS: usize = 1_500_000;
/// Widest image, tallest gallery, in pixels of the sheet.
const WIDEST: f64 = 104.0;
const TALLEST: f64 = 440.0;
/// The same above a hundred images.
const TALLEST_OF_MANY: f64 = 760.0;
/// Between the drawing and the images.
const GAP: f64 = 34.0;
/// Between neighbouring leaders in a gutter.
const LANE: f64 = 0.9;
const LEADER: Pen = Pen { color: Color(130, 130, 130), width: 0.6, alpha: 0.55 };

/// Where the images stand. Images fill columns from top to bottom, then from left to right.
pub(super) struct Gallery {
    ids: Vec<usize>,
    rows: usize,
    column: f64,
    gutter: f64,
    image: (f64, f64),
    label: f64,
    black: f64,
    white: f64,
    shape: (usize, usize),
}

impl Gallery {
    /// The images of the minima in `order` under a frame, if there are any to draw, and the height of the whole sheet.
    pub(super) fn under(
        frame: &Frame,
        set: &CriticalSet,
        order: &[usize],
        image: Option<(usize, usize)>,
    ) -> Result<(Option<Gallery>, Vec<Picture>, f64)> {
        let below = (frame.low.0, frame.high.1);
        let Some(shape) = image.filter(|_| !order.is_empty()) else {
            return Ok((None, vec![], below.1 + 20.0));
        };
        let gallery = Gallery::new(set, order, shape, frame.width())?;
        let (pictures, height) = (gallery.pictures(set, below)?, below.1 + gallery.height());
        Ok((Some(gallery), pictures, height))
    }

    /// Room for the minima in `order` on a sheet `width` pixels wide; images have `shape` rows and columns.
    fn new(set: &CriticalSet, order: &[usize], shape: (usize, usize), width: f64) -> Result<Gallery> {
        let n = set.region.dim();
        if shape.0 == 0 || shape.0.checked_mul(shape.1) != Some(n) {
            return Err(Error::input(format!(
                "an image of {} x {} pixels cannot show a point of dimension {n}",
                shape.0, shape.1
            ))
            .with_help("rows times columns must be the dimension of the landscape"));
        }
        // Ids of minima rise with the energy.
        let ids: Vec<usize> = order.iter().copied().filter(|&id| id < MOST).collect();
        let values = || ids.iter().flat_map(|&id| set.points[id].x.iter().copied());
        let (black, white) =
            values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        let mut best = Gallery {
            ids,
            rows: 1,
            column: width,
            gutter: 0.0,
            image: (0.0, 0.0),
            label: 0.0,
            black,
            white,
            shape,
        };
        let tallest = if best.ids.len() <= 100 { TALLEST } else { TALLEST_OF_MANY };
        for rows in 1..=best.ids.len().min(24) {
            let column = width / best.ids.len().div_ceil(rows) as f64;
            let gutter = if rows == 1 { 6.0 } else { 5.0 + LANE * rows as f64 };
            let room = (column - gutter).clamp(0.0, WIDEST);
            let aspect = shape.0 as f64 / shape.1 as f64;
            let label = |w: f64| (0.26 * w).clamp(3.0, 12.0);
            // The width at which the rows fill the height.
            let fit = (tallest / rows as f64 - 6.0) / (aspect + 0.26);
            let across = room.min(fit);
            if across > best.image.0 * 1.02 {
                best.rows = rows;
                best.column = column;
                best.gutter = gutter;
                best.image = (across, across * aspect);
                best.label = label(across);
            }
        }
        Ok(best)
    }

    /// Height below the drawing.
    fn height(&self) -> f64 {
        if self.ids.is_empty() { 0.0 } else { GAP + self.rows as f64 * self.row() + 24.0 }
    }

    fn row(&self) -> f64 {
        self.image.1 + self.label + 5.0
    }

    /// Upper left corner of image number `k` in a gallery whose own corner is `corner`.
    fn corner(&self, k: usize, corner: P) -> P {
        let (column, row) = (k / self.rows, k % self.rows);
        let slack = self.column - self.gutter - self.image.0;
        let gutter = if self.rows == 1 { 0.5 * self.gutter } else { self.gutter };
        (
            corner.0 + column as f64 * self.column + gutter + 0.5 * slack,
            corner.1 + GAP + row as f64 * self.row(),
        )
    }

    /// The images themselves.
    fn pictures(&self, set: &CriticalSet, corner: P) -> Result<Vec<Picture>> {
        let (rows, columns) = self.shape;
        let pixels = |f: usize| rows.div_ceil(f) * columns.div_ceil(f) * self.ids.len();
        let factor = (1..rows.max(columns)).find(|&f| pixels(f) <= MOST_PIXELS).unwrap_or(rows.max(columns));
        let mut out = Vec::with_capacity(self.ids.len());
        for (k, &id) in self.ids.iter().enumerate() {
            let (values, r, c) = thumbnail::reduced(&set.points[id].x, rows, columns, factor);
            let (left, top) = self.corner(k, corner);
            let png = thumbnail::gray(&values, r, c, self.black, self.white)?;
            out.push(Picture { left, top, width: self.image.0, height: self.image.1, png });
        }
        Ok(out)
    }

    /// Frames, ids, and leaders from the nodes at `places` (by id), which pass below the drawing's lower edge.
    pub(super) fn draw(&self, canvas: &mut Canvas, places: &[P], corner: P) -> Result<()> {
        for (k, &id) in self.ids.iter().enumerate() {
            let (left, top) = self.corner(k, corner);
            let node = places[id];
            let entry = if self.rows == 1 {
                vec![(left + 0.5 * self.image.0, top)]
            } else {
                // A lane of its own in the gutter, the lowest image farthest from the column.
                let lane = left - 3.0 - LANE * (k % self.rows) as f64;
                let level = top + 0.5 * self.image.1;
                vec![(lane, corner.1 + GAP - 6.0), (lane, level), (left, level)]
            };
            let leader: Vec<P> = [node, (node.0, corner.1)].into_iter().chain(entry).collect();
            canvas.line(&leader, LEADER)?;
            let high = (left + self.image.0, top + self.image.1);
            canvas.rectangle(
                (left, top),
                high,
                Pen { color: Color(150, 150, 150), width: 0.5, alpha: 1.0 },
            )?;
            let middle = (left + 0.5 * self.image.0, high.1 + 1.5);
            let lettering = Lettering { vertical: Vertical::Top, ..Lettering::centered(self.label) };
            canvas.text(middle, &id.to_string(), lettering)?;
        }
        let width = self.column * self.ids.len().div_ceil(self.rows) as f64;
        let minima =
            if self.ids.len() == MOST { format!("the {MOST} deepest minima") } else { "minima".into() };
        // A bound that is zero but for rounding is written as zero.
        let shown = |v: f64| match v.abs() < 1e-6 * (self.white - self.black) {
            true => "0".to_owned(),
            false => significant(v, 3),
        };
        let scale = format!(
            "{minima} by id; grey scale from {} (black) to {} (white)",
            shown(self.black),
            shown(self.white)
        );
        let below = corner.1 + self.height() - 12.0;
        canvas.text((corner.0 + 0.5 * width, below), &scale, Lettering::centered(12.0))
    }
}
