//! A sheet to draw on: pixels in, an SVG document out.
//!
//! Everything is placed on whole units, a tenth of a pixel: curves are smooth, and no decimals are written. A line keeps
//! only the points without which it would be seen to be another, and dashes are the reader's to cut: pictures of thousands
//! of branches stay small.

use std::fmt::{Arguments, Display, Write};

use base64::Engine;

use super::geometry::{P, simplified};
use crate::error::{Error, Result};
use crate::export::escape_xml;

/// Units a pixel.
const UNIT: f64 = 10.0;
/// How far a line that is drawn may be from the one that is meant, in pixels.
pub(super) const TOLERANCE: f64 = 0.12;

/// Letters are the reader's own: the first of these that there is. A font inside would make each document ten times as large.
pub(super) const FONTS: &str = "Helvetica, Arial, DejaVu Sans, sans-serif";

/// On a dark desktop light and dark change places, and colours keep their hue. Whoever prints or converts the document sees the
/// light one.
pub(super) const DARK: &str =
    "@media (prefers-color-scheme: dark) { svg { filter: invert(0.9) hue-rotate(180deg) } }";

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Color(pub(super) u8, pub(super) u8, pub(super) u8);

impl Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }
}

/// Which part of a text stands at its place, across.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Horizontal {
    Left,
    Center,
    Right,
}

/// Which part of a text stands at its place, up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vertical {
    Top,
    Center,
    Bottom,
}

/// How a line is drawn; width in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub(super) color: Color,
    pub(super) width: f64,
    pub(super) alpha: f64,
}

/// How a text is set; size in pixels.
#[derive(Clone, Copy)]
pub(super) struct Lettering {
    pub(super) size: f64,
    pub(super) color: Color,
    pub(super) horizontal: Horizontal,
    pub(super) vertical: Vertical,
    pub(super) bold: bool,
    /// Turned to run upwards.
    pub(super) upwards: bool,
}

impl Lettering {
    /// Plain text of a size, centred on its place.
    pub(super) fn centered(size: f64) -> Self {
        Lettering {
            size,
            color: Color(40, 40, 40),
            horizontal: Horizontal::Center,
            vertical: Vertical::Center,
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
#[derive(Default)]
pub(super) struct Canvas {
    body: String,
}

impl Canvas {
    /// A line through the points.
    pub(super) fn line(&mut self, points: &[P], pen: Pen) -> Result<()> {
        self.stroke(points, pen, None)
    }

    /// A dashed line through the points.
    pub(super) fn dashed(&mut self, points: &[P], pen: Pen) -> Result<()> {
        self.pattern(points, pen, (6.0, 4.0))
    }

    /// A line through the points in dashes of a length with gaps of another.
    pub(super) fn pattern(&mut self, points: &[P], pen: Pen, dashes: (f64, f64)) -> Result<()> {
        self.stroke(points, pen, Some(dashes))
    }

    fn stroke(&mut self, points: &[P], pen: Pen, dashes: Option<(f64, f64)>) -> Result<()> {
        let mut places: Vec<(i32, i32)> = simplified(points, TOLERANCE).into_iter().map(units).collect();
        places.dedup();
        if places.len() < 2 {
            return Ok(());
        }
        let width = length(pen.width).max(1);
        self.put(format_args!(
            "<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"{}",
            pen.color,
            opacity(pen.alpha)
        ))?;
        if let Some((on, off)) = dashes {
            self.put(format_args!(" stroke-dasharray=\"{} {}\"", length(on), length(off)))?;
        }
        self.points(&places)
    }

    /// A filled polygon.
    pub(super) fn polygon(&mut self, points: &[P], color: Color) -> Result<()> {
        let places: Vec<(i32, i32)> = points.iter().copied().map(units).collect();
        self.put(format_args!("<polygon fill=\"{color}\""))?;
        self.points(&places)
    }

    /// A filled disc.
    pub(super) fn disc(&mut self, center: P, radius: f64, color: Color, alpha: f64) -> Result<()> {
        let ((x, y), radius, opacity) = (units(center), length(radius), opacity(alpha));
        self.put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{color}\"{opacity}/>\n"))
    }

    /// The outline of a rectangle.
    pub(super) fn rectangle(&mut self, low: P, high: P, pen: Pen) -> Result<()> {
        self.line(&[low, (high.0, low.1), high, (low.0, high.1), low], pen)
    }

    /// A line of text.
    pub(super) fn text(&mut self, at: P, text: &str, lettering: Lettering) -> Result<()> {
        let (x, y) = units(at);
        let down = match lettering.vertical {
            Vertical::Top => "0.76em",
            Vertical::Center => "0.5ex",
            Vertical::Bottom => "-0.5ex",
        };
        let anchor = match lettering.horizontal {
            Horizontal::Left => "start",
            Horizontal::Center => "middle",
            Horizontal::Right => "end",
        };
        let (size, color) = (length(lettering.size), lettering.color);
        let bold = if lettering.bold { " font-weight=\"bold\"" } else { "" };
        self.put(format_args!(
            "<text x=\"{x}\" y=\"{y}\" dy=\"{down}\" text-anchor=\"{anchor}\" font-family=\"{FONTS}\" \
             font-size=\"{size}\"{bold} fill=\"{color}\""
        ))?;
        if lettering.upwards {
            self.put(format_args!(" transform=\"rotate(270, {x}, {y})\""))?;
        }
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.put(format_args!(">\n{}\n</text>\n", escape_xml(&text)))
    }

    /// The places of a shape, and its end.
    fn points(&mut self, places: &[(i32, i32)]) -> Result<()> {
        for (k, (x, y)) in places.iter().enumerate() {
            let before = if k == 0 { " points=\"" } else { " " };
            self.put(format_args!("{before}{x},{y}"))?;
        }
        self.put(format_args!("\"/>\n"))
    }

    fn put(&mut self, text: Arguments<'_>) -> Result<()> {
        self.body.write_fmt(text).map_err(|e| Error::Numerics(format!("the picture cannot be drawn: {e}")))
    }
}

/// A length in units.
fn length(pixels: f64) -> i32 {
    (pixels * UNIT).round() as i32
}

fn units(p: P) -> (i32, i32) {
    (length(p.0), length(p.1))
}

/// The attribute of a shape that lets others shine through.
fn opacity(alpha: f64) -> String {
    if alpha == 1.0 { String::new() } else { format!(" opacity=\"{alpha}\"") }
}

/// An SVG document of `size` (width, height) pixels: the pictures, and what `draw` draws over them.
pub(super) fn document(
    size: (f64, f64),
    title: &str,
    pictures: &[Picture],
    draw: impl FnOnce(&mut Canvas) -> Result<()>,
) -> Result<String> {
    let (width, height) = (size.0.ceil(), size.1.ceil());
    let (across, down) = ((width * UNIT) as u32, (height * UNIT) as u32);
    let mut canvas = Canvas::default();
    draw(&mut canvas)?;
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
    out.push_str(&canvas.body);
    out.push_str("</g>\n</svg>\n");
    Ok(out)
}
