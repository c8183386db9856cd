//! A sheet to draw on: pixels in, an SVG document out.
//!
//! The shapes go through plotters, whose SVG backend places everything on whole units; a pixel is ten of them, so
//! that curves are smooth. The document around the shapes is put together here, because it holds embedded images
//! and is shown in pixels.

use base64::Engine;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::geometry::{P, dashes, simplified};
use crate::error::{Error, Result};
use crate::export::escape_xml;

/// Internal units a pixel.
const UNIT: f64 = 10.0;
/// plotters divides font sizes by this.
const FONT_UNIT: f64 = 1.24;

/// Letters are the reader's own: the first of these that there is. A font inside would make each document ten times as large.
pub(super) const FONTS: &str = "Helvetica, Arial, DejaVu Sans, sans-serif";

/// On a dark desktop light and dark change places, and colours keep their hue. Whoever prints or converts the document sees the
/// light one.
pub(super) const DARK: &str =
    "@media (prefers-color-scheme: dark) { svg { filter: invert(0.9) hue-rotate(180deg) } }";

/// How a line is drawn; width in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub(super) color: RGBColor,
    pub(super) width: f64,
    pub(super) alpha: f64,
}

/// How a text is set; size in pixels.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub(super) size: f64,
    pub(super) color: RGBColor,
    pub(super) horizontal: HPos,
    pub(super) vertical: VPos,
    pub(super) bold: bool,
    /// Turned to run upwards.
    pub(super) upwards: bool,
}

impl Lettering {
    /// Plain text of a size, centred on its place.
    pub(super) fn centered(size: f64) -> Self {
        Lettering {
            size,
            color: RGBColor(40, 40, 40),
            horizontal: HPos::Center,
            vertical: VPos::Center,
            bold: false,
            upwards: false,
        }
    }
}

/// A PNG file and the rectangle it fills, in pixels.
pub(super) struct Picture {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) png: Vec<u8>,
}

/// What one draws on. All places and lengths are in pixels, y downwards.
pub(super) struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

impl Canvas<'_> {
    /// A line through the points.
    pub(super) fn line(&mut self, points: &[P], pen: Pen) -> Result<()> {
        let points = simplified(points, 0.12);
        if points.len() < 2 {
            return Ok(());
        }
        self.backend.draw_path(points.into_iter().map(units), &pen.style()).map_err(failed)
    }

    /// A dashed line through the points.
    pub(super) fn dashed(&mut self, points: &[P], pen: Pen) -> Result<()> {
        self.pattern(points, pen, (6.0, 4.0))
    }

    /// A line through the points in dashes of a length with gaps of another.
    pub(super) fn pattern(&mut self, points: &[P], pen: Pen, (on, off): (f64, f64)) -> Result<()> {
        for dash in dashes(points, on, off) {
            self.line(&dash, pen)?;
        }
        Ok(())
    }

    /// A filled polygon.
    pub(super) fn polygon(&mut self, points: &[P], color: RGBColor) -> Result<()> {
        self.backend.fill_polygon(points.iter().copied().map(units), &color).map_err(failed)
    }

    /// A filled disc.
    pub(super) fn disc(&mut self, center: P, radius: f64, color: RGBColor, alpha: f64) -> Result<()> {
        let radius = (radius * UNIT).round() as u32;
        self.backend.draw_circle(units(center), radius, &color.mix(alpha), true).map_err(failed)
    }

    /// The outline of a rectangle.
    pub(super) fn rectangle(&mut self, low: P, high: P, pen: Pen) -> Result<()> {
        self.line(&[low, (high.0, low.1), high, (low.0, high.1), low], pen)
    }

    /// A line of text.
    pub(super) fn text(&mut self, at: P, text: &str, lettering: Lettering) -> Result<()> {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let style = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        let mut font = FontDesc::new(FontFamily::Name(FONTS), lettering.size * UNIT * FONT_UNIT, style);
        if lettering.upwards {
            font = font.transform(FontTransform::Rotate270);
        }
        let style = font.color(&lettering.color).pos(Pos::new(lettering.horizontal, lettering.vertical));
        self.backend.draw_text(&text, &style, units(at)).map_err(failed)
    }
}

impl Pen {
    fn style(self) -> ShapeStyle {
        ShapeStyle {
            color: self.color.mix(self.alpha),
            filled: false,
            stroke_width: (self.width * UNIT).round().max(1.0) as u32,
        }
    }
}

/// An SVG document of `size` (width, height) pixels: the pictures, and what `draw` draws over them.
pub(super) fn document(
    size: (f64, f64),
    title: &str,
    pictures: &[Picture],
    draw: impl FnOnce(&mut Canvas<'_>) -> Result<()>,
) -> Result<String> {
    let (width, height) = (size.0.ceil(), size.1.ceil());
    let (across, down) = ((width * UNIT) as u32, (height * UNIT) as u32);
    let mut body = String::new();
    {
        let mut canvas = Canvas { backend: SVGBackend::with_string(&mut body, (across, down)) };
        draw(&mut canvas)?;
        canvas.backend.present().map_err(failed)?;
    }
    let start = body.find('\n').map_or(0, |i| i + 1);
    let end = body.rfind("</svg>").unwrap_or(body.len());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {across} {down}\">\n<title>{}</title>\n<style>{DARK}</style>\n\
         <rect width=\"{across}\" height=\"{down}\" fill=\"#FFFFFF\"/>\n",
        escape_xml(title)
    );
    for p in pictures {
        let [x, y, w, h] = [p.left, p.top, p.width, p.height].map(|v| (v * UNIT).round());
        out.push_str(&format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" xlink:href=\"data:image/png;base64,{}\"/>\n",
            base64::engine::general_purpose::STANDARD.encode(&p.png)
        ));
    }
    out.push_str("<g stroke-linejoin=\"round\">\n");
    out.push_str(&body[start..end]);
    out.push_str("</g>\n</svg>\n");
    Ok(out)
}

fn units(p: P) -> (i32, i32) {
    ((p.0 * UNIT).round() as i32, (p.1 * UNIT).round() as i32)
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::Numerics(format!("the picture cannot be drawn: {e}"))
}
