//! A picture that carries its letters: the faces of DejaVu Sans that it needs, within the SVG document.
//!
//! Pictures name the reader's own fonts, since a font within makes a document of ten kilobytes ten times as large. Where every reader has to see
//! the same, in a paper say, that is the price.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::canvas::FONTS;
use crate::error::{Error, Result};

/// DejaVu Sans, plain and bold, with Latin, Greek and Cyrillic letters (data/fonts).
pub(super) const PLAIN: &[u8] = include_bytes!("../../data/fonts/DejaVuSans.ttf");
pub(super) const BOLD: &[u8] = include_bytes!("../../data/fonts/DejaVuSans-Bold.ttf");

/// What the faces within a picture are called: not like a font that a reader has in another version.
const NAME: &str = "DejaVu Sans of smale";

/// The picture with its font within; as it is if it has one already.
///
/// # Errors
/// If it is no SVG document.
pub fn with_letters(svg: &str) -> Result<String> {
    if svg.contains("@font-face") {
        return Ok(svg.to_owned());
    }
    let root = svg.find("<svg").and_then(|start| Some(start + svg[start..].find('>')? + 1));
    let Some(root) = root else {
        return Err(Error::input("is no SVG document"));
    };
    let face = |weight: &str, font: &[u8]| {
        let data = STANDARD.encode(font);
        format!(
            "@font-face {{ font-family: \"{NAME}\"; font-weight: {weight}; src: url(\"data:font/ttf;base64,{data}\") }}\n"
        )
    };
    let mut faces = face("normal", PLAIN);
    if svg.contains("font-weight=\"bold\"") {
        faces += &face("bold", BOLD);
    }
    let named = svg[root..].replace(FONTS, &format!("{NAME}, {FONTS}"));
    Ok(format!("{}\n<style>\n{faces}</style>{named}", &svg[..root]))
}
