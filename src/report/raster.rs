//! Pictures as PNG: the SVG documents of this module, painted.
//!
//! In: an SVG document that [`canvas`](super::canvas) has made. Out: a PNG image. It reads what such documents consist of
//! (rectangles, polygons, polylines, circles, text, embedded PNG images), not SVG at large. The letters come from the
//! fonts of `data/fonts`, and all painting is in whole numbers or in the same order of operations everywhere, so that the same
//! document gives the same bytes on every machine.

use base64::Engine;
use roxmltree::{Document, Node};
use tiny_skia::{
    Color, FillRule, FilterQuality, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke,
    StrokeDash, Transform,
};
use ttf_parser::{Face, OutlineBuilder};

use super::letters::{BOLD, PLAIN};
use crate::error::{Error, Result};

/// Pixels of the image a pixel of the document: sharp on paper, too.
const SCALE: f64 = 2.0;
/// Images have no more pixels than this; larger documents are painted smaller.
const MOST_PIXELS: f64 = 5e7;

/// A picture of this program, an SVG document, as a PNG image of two pixels a unit of its width.
///
/// # Errors
/// If the text is no SVG document, or holds what these pictures do not.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    let document = Document::parse(svg).map_err(|e| failed(&e))?;
    let root = document.root_element();
    let numbers = |name: &str| -> Option<Vec<f64>> {
        root.attribute(name)?
            .split_whitespace()
            .map(|t| t.parse().ok().filter(|v: &f64| v.is_finite()))
            .collect()
    };
    let length = |name: &str| numbers(name).and_then(|v| v.first().copied()).filter(|v| *v > 0.0);
    let (Some(width), Some(height)) = (length("width"), length("height")) else {
        return Err(failed(&"it has no size in pixels"));
    };
    let unit = match numbers("viewBox").as_deref() {
        Some([_, _, across, _]) if *across > 0.0 => width / across,
        _ => 1.0,
    };
    let scale = SCALE.min((MOST_PIXELS / (width * height)).sqrt());
    let pixels = |length: f64| (length * scale).round().clamp(1.0, 32_000.0) as u32;
    let mut sheet = Pixmap::new(pixels(width), pixels(height)).ok_or_else(|| failed(&"it is too large"))?;
    sheet.fill(Color::WHITE);
    let fonts = [PLAIN, BOLD].map(|font| Face::parse(font, 0));
    let [Ok(plain), Ok(bold)] = fonts else { return Err(failed(&"a font cannot be read")) };
    let factor = (unit * scale) as f32;
    let mut painter = Painter { sheet, base: Transform::from_scale(factor, factor), plain, bold };
    for node in root.descendants().filter(Node::is_element) {
        painter.element(&node)?;
    }
    painter.finish()
}

fn failed(why: &dyn std::fmt::Display) -> Error {
    Error::Numerics(format!("the picture cannot be painted: {why}"))
}

struct Painter<'a> {
    sheet: Pixmap,
    /// From units of the document to pixels.
    base: Transform,
    plain: Face<'a>,
    bold: Face<'a>,
}

impl Painter<'_> {
    fn element(&mut self, node: &Node<'_, '_>) -> Result<()> {
        match node.tag_name().name() {
            // What holds others, and what nobody sees.
            "svg" | "g" | "title" | "style" => Ok(()),
            "rect" => {
                let [x, y] = ["x", "y"].map(|name| number(node, name).unwrap_or(0.0));
                let size = |name| number(node, name).filter(|v| *v > 0.0);
                let (Some(width), Some(height)) = (size("width"), size("height")) else { return Ok(()) };
                let rect = Rect::from_xywh(x, y, width, height)
                    .ok_or_else(|| failed(&"a rectangle is too large"))?;
                self.shape(node, &PathBuilder::from_rect(rect));
                Ok(())
            }
            "circle" => {
                let place = ["cx", "cy", "r"].map(|name| number(node, name));
                let [Some(x), Some(y), Some(r)] = place else { return Ok(()) };
                if let Some(path) = PathBuilder::from_circle(x, y, r) {
                    self.shape(node, &path);
                }
                Ok(())
            }
            "polygon" | "polyline" => {
                let mut path = PathBuilder::new();
                for (k, (x, y)) in
                    points(node.attribute("points").unwrap_or_default())?.into_iter().enumerate()
                {
                    if k == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
                }
                if node.tag_name().name() == "polygon" {
                    path.close();
                }
                if let Some(path) = path.finish() {
                    self.shape(node, &path);
                }
                Ok(())
            }
            "image" => self.image(node),
            "text" => {
                self.text(node);
                Ok(())
            }
            other => Err(failed(&format!("it holds <{other}>"))),
        }
    }

    /// Fills a path and draws its outline, as its element says.
    fn shape(&mut self, node: &Node<'_, '_>, path: &Path) {
        if let Some(paint) = paint(node, "fill") {
            self.sheet.fill_path(path, &paint, FillRule::Winding, self.base, None);
        }
        if let Some(paint) = paint(node, "stroke") {
            let width = number(node, "stroke-width").unwrap_or(1.0);
            let dash = node.attribute("stroke-dasharray").and_then(dashes);
            let stroke = Stroke { width, line_join: LineJoin::Round, dash, ..Stroke::default() };
            self.sheet.stroke_path(path, &paint, &stroke, self.base, None);
        }
    }

    fn image(&mut self, node: &Node<'_, '_>) -> Result<()> {
        let place = ["x", "y", "width", "height"].map(|name| number(node, name));
        let [Some(x), Some(y), Some(width), Some(height)] = place else { return Ok(()) };
        let href = node.attributes().find(|a| a.name() == "href").map_or("", |a| a.value());
        let data =
            href.strip_prefix("data:image/png;base64,").ok_or_else(|| failed(&"an image is no PNG"))?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(data).map_err(|e| failed(&e))?;
        let image = decoded(&bytes)?;
        let within = Transform::from_scale(width / image.width() as f32, height / image.height() as f32);
        let transform = self.base.pre_concat(Transform::from_translate(x, y)).pre_concat(within);
        let paint = PixmapPaint { quality: FilterQuality::Nearest, ..PixmapPaint::default() };
        self.sheet.draw_pixmap(0, 0, image.as_ref(), &paint, transform, None);
        Ok(())
    }

    fn text(&mut self, node: &Node<'_, '_>) {
        let Some(paint) = paint(node, "fill") else { return };
        let bold = node.attribute("font-weight") == Some("bold");
        let face = if bold { &self.bold } else { &self.plain };
        let size = number(node, "font-size").unwrap_or(12.0);
        let scale = size / f32::from(face.units_per_em());
        // Line ends around a text are no part of it.
        let glyphs: Vec<_> = node
            .text()
            .unwrap_or_default()
            .trim()
            .chars()
            .map(|c| face.glyph_index(c).unwrap_or_default())
            .collect();
        let advance = |glyph| f32::from(face.glyph_hor_advance(glyph).unwrap_or(0));
        let whole: f32 = glyphs.iter().map(|g| advance(*g)).sum();
        let mut pen = match node.attribute("text-anchor") {
            Some("middle") => -0.5 * whole,
            Some("end") => -whole,
            _ => 0.0,
        };
        let down = match node.attribute("dy").unwrap_or_default() {
            em if em.ends_with("em") => em.trim_end_matches("em").parse().unwrap_or(0.0) * size,
            ex if ex.ends_with("ex") => {
                let height = x_height(face) * scale;
                ex.trim_end_matches("ex").parse().unwrap_or(0.0) * height
            }
            _ => 0.0,
        };
        let [x, y] = ["x", "y"].map(|name| number(node, name).unwrap_or(0.0));
        let turn = node
            .attribute("transform")
            .and_then(|t| t.strip_prefix("rotate(")?.split(',').next()?.parse().ok());
        let transform = self
            .base
            .pre_concat(Transform::from_translate(x, y))
            .pre_concat(Transform::from_rotate(turn.unwrap_or(0.0)))
            .pre_concat(Transform::from_translate(0.0, down))
            .pre_concat(Transform::from_scale(scale, -scale));
        let mut letters = Letters { path: PathBuilder::new(), pen: 0.0 };
        for glyph in glyphs {
            letters.pen = pen;
            face.outline_glyph(glyph, &mut letters);
            pen += advance(glyph);
        }
        if let Some(path) = letters.path.finish() {
            self.sheet.fill_path(&path, &paint, FillRule::Winding, transform, None);
        }
    }

    /// The sheet as a PNG file.
    fn finish(self) -> Result<Vec<u8>> {
        let (width, height) = (self.sheet.width(), self.sheet.height());
        // The sheet is opaque: premultiplied colours are the colours.
        let rgb: Vec<u8> = self.sheet.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        let mut bytes = vec![];
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(|e| failed(&e))?;
        writer.write_image_data(&rgb).map_err(|e| failed(&e))?;
        writer.finish().map_err(|e| failed(&e))?;
        Ok(bytes)
    }
}

/// Height of a small x, in units of the font.
fn x_height(face: &Face<'_>) -> f32 {
    let small = face.glyph_index('x').and_then(|glyph| face.glyph_bounding_box(glyph));
    small.map_or(0.0, |bounds| f32::from(bounds.y_max))
}

/// Outlines of letters, one behind the other.
struct Letters {
    path: PathBuilder,
    pen: f32,
}

impl OutlineBuilder for Letters {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.pen + x, y);
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.pen + x, y);
    }
    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.path.quad_to(self.pen + x1, y1, self.pen + x, y);
    }
    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.path.cubic_to(self.pen + x1, y1, self.pen + x2, y2, self.pen + x, y);
    }
    fn close(&mut self) {
        self.path.close();
    }
}

fn number(node: &Node<'_, '_>, name: &str) -> Option<f32> {
    node.attribute(name)?.parse().ok().filter(is_drawable)
}

/// Lengths of dashes and of the gaps between them.
fn dashes(text: &str) -> Option<StrokeDash> {
    let lengths = text.split_whitespace().map(|length| length.parse().ok().filter(is_drawable));
    StrokeDash::new(lengths.collect::<Option<Vec<f32>>>()?, 0.0)
}

/// No picture is that large, and the painter's numbers are of 32 bits.
fn is_drawable(v: &f32) -> bool {
    v.abs() <= 1e6
}

fn points(text: &str) -> Result<Vec<(f32, f32)>> {
    let point = |pair: &str| {
        let (x, y) = pair.split_once(',')?;
        let [x, y] = [x, y].map(|v| v.parse().ok().filter(is_drawable));
        Some((x?, y?))
    };
    text.split_whitespace().map(|p| point(p).ok_or_else(|| failed(&format!("{p} is no point")))).collect()
}

/// The colour of an attribute, with the opacity of the element; `None` if nothing is painted.
fn paint(node: &Node<'_, '_>, attribute: &str) -> Option<Paint<'static>> {
    let digits = node.attribute(attribute)?.strip_prefix('#').filter(|d| d.len() == 6)?;
    let part = |k: usize| u8::from_str_radix(digits.get(2 * k..2 * k + 2)?, 16).ok();
    let opacity = number(node, "opacity").unwrap_or(1.0).clamp(0.0, 1.0);
    let mut paint = Paint::default();
    paint.set_color_rgba8(part(0)?, part(1)?, part(2)?, (255.0 * opacity).round() as u8);
    Some(paint)
}

/// A PNG image as pixels.
fn decoded(bytes: &[u8]) -> Result<Pixmap> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| failed(&e))?;
    let mut buffer = vec![0; reader.output_buffer_size().ok_or_else(|| failed(&"an image is too large"))?];
    let info = reader.next_frame(&mut buffer).map_err(|e| failed(&e))?;
    let mut image = Pixmap::new(info.width, info.height).ok_or_else(|| failed(&"an image is empty"))?;
    let channels = info.color_type.samples();
    for (to, from) in image.data_mut().chunks_exact_mut(4).zip(buffer.chunks_exact(channels)) {
        let rgba = match *from {
            [v] => [v, v, v, 255],
            [v, a] => [v, v, v, a],
            [r, g, b] => [r, g, b, 255],
            [r, g, b, a] => [r, g, b, a],
            _ => return Err(failed(&"an image has an unknown form")),
        };
        let color = tiny_skia::ColorU8::from_rgba(rgba[0], rgba[1], rgba[2], rgba[3]).premultiply();
        to.copy_from_slice(&[color.red(), color.green(), color.blue(), color.alpha()]);
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::super::canvas::{Color, Horizontal, Lettering, Pen, document};
    use super::*;

    /// Width, height and pixels of a PNG file.
    fn pixels(png: &[u8]) -> (usize, usize, Vec<[u8; 3]>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        let pixels = buffer.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
        (info.width as usize, info.height as usize, pixels)
    }

    #[test]
    fn shapes_stand_where_they_were_drawn() {
        let svg = document((100.0, 50.0), "t", &[], |canvas| {
            canvas.polygon(&[(10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0)], Color(255, 0, 0))?;
            canvas.disc((60.0, 20.0), 10.0, Color(0, 0, 255), 1.0)?;
            canvas.line(&[(0.0, 45.0), (100.0, 45.0)], Pen { color: Color(0, 0, 0), width: 2.0, alpha: 0.5 })
        })
        .unwrap();
        let (width, height, image) = pixels(&png(&svg).unwrap());
        assert_eq!((width, height), (200, 100));
        let share = |color: [u8; 3]| image.iter().filter(|p| **p == color).count() as f64;
        // Areas: a square of side 20, a disc of radius 10, a line 2 high, at four pixels a unit of area.
        assert_eq!(share([255, 0, 0]), 1600.0);
        let disc = share([0, 0, 255]);
        assert!((disc / (400.0 * std::f64::consts::PI) - 1.0).abs() < 0.1, "{disc}");
        assert!(image[90 * 200 + 100].iter().all(|v| v.abs_diff(127) <= 1), "{:?}", image[90 * 200 + 100]);
        assert_eq!(image[20 * 200 + 20], [255, 0, 0]);
        assert_eq!(image[40 * 200 + 120], [0, 0, 255]);
    }

    #[test]
    fn dashes_cover_their_share_of_a_line() {
        let svg = document((120.0, 60.0), "t", &[], |canvas| {
            let corner = [(3.0, 10.0), (16.0, 10.0), (16.0, 27.0), (116.0, 27.0)];
            canvas.pattern(&corner, Pen { color: Color(0, 0, 0), width: 2.0, alpha: 1.0 }, (6.0, 4.0))
        })
        .unwrap();
        assert_eq!(svg.matches("<polyline").count(), 1);
        let (_, _, image) = pixels(&png(&svg).unwrap());
        let dark: f64 = image.iter().map(|p| 1.0 - f64::from(p[0]) / 255.0).sum();
        // Of a length of 130 six of every ten, two high, at four pixels a unit of area.
        assert!((dark / (4.0 * 2.0 * 78.0) - 1.0).abs() < 0.03, "{dark}");
    }

    #[test]
    fn letters_are_set_from_their_anchor() {
        let dark = |horizontal: Horizontal, upwards: bool| {
            let lettering = Lettering { horizontal, upwards, ..Lettering::centered(20.0) };
            let svg =
                document((200.0, 200.0), "t", &[], |c| c.text((100.0, 100.0), "Mm\u{2212}1", lettering))
                    .unwrap();
            let (width, _, image) = pixels(&png(&svg).unwrap());
            let places = image.iter().enumerate().filter(|(_, p)| p[0] < 128);
            places.map(|(k, _)| (k % width, k / width)).collect::<Vec<_>>()
        };
        let range = |v: Vec<usize>| (*v.iter().min().unwrap(), *v.iter().max().unwrap());
        let across = |dark: &[(usize, usize)]| range(dark.iter().map(|p| p.0).collect());
        let down = |dark: &[(usize, usize)]| range(dark.iter().map(|p| p.1).collect());
        let (left, centre, right) =
            (dark(Horizontal::Left, false), dark(Horizontal::Center, false), dark(Horizontal::Right, false));
        assert!(across(&left).0 >= 200 && across(&right).1 <= 200);
        let (a, b) = across(&centre);
        assert!((a + b).abs_diff(400) <= 10, "{a} to {b}");
        // Half the height of a small x below the place is the line that letters stand on. In DejaVu Sans 1120 of 2048 units are a small
        // x, 1493 a capital; 40 pixels are all of them.
        let (top, bottom) = down(&centre);
        let line = 200.0 + 0.5 * 40.0 * 1120.0 / 2048.0;
        assert!((bottom as f64 + 1.0 - line).abs() < 1.5, "{bottom}, {line}");
        assert!((top as f64 - (line - 40.0 * 1493.0 / 2048.0)).abs() < 1.5, "{top}, {line}");
        // Turned upwards, what was across runs from below to above; as many pixels are dark.
        let turned = dark(Horizontal::Left, true);
        assert!(down(&turned).1 <= 200);
        assert!((turned.len() as f64 / left.len() as f64 - 1.0).abs() < 0.1);
    }

    #[test]
    fn what_is_no_picture_of_ours_is_refused() {
        for bad in ["", "<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"] {
            assert!(png(bad).is_err(), "{bad}");
        }
        let foreign =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><path d=\"M0 0\"/></svg>";
        assert!(png(foreign).unwrap_err().to_string().contains("<path>"));
    }
}
