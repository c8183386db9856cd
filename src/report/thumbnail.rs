//! Small images, as PNG.

use crate::error::{Error, Result};

/// A grayscale PNG of `rows` x `columns` values (row by row), `black` to `white`.
pub(super) fn gray(values: &[f64], rows: usize, columns: usize, black: f64, white: f64) -> Result<Vec<u8>> {
    let span = white - black;
    let bytes: Vec<u8> = values
        .iter()
        .map(|v| if span > 0.0 { (255.0 * ((v - black) / span).clamp(0.0, 1.0)).round() as u8 } else { 128 })
        .collect();
    encode(&bytes, rows, columns, png::ColorType::Grayscale, &[])
}

/// A PNG of few colours: a byte a pixel, row by row, each the place of its colour in the palette (at most 256).
pub(super) fn indexed(pixels: &[u8], rows: usize, columns: usize, palette: &[[u8; 3]]) -> Result<Vec<u8>> {
    encode(pixels, rows, columns, png::ColorType::Indexed, palette)
}

/// The image averaged over blocks of `factor` x `factor` pixels (smaller ones at the far edges): values, rows, columns.
pub(super) fn reduced(
    values: &[f64],
    rows: usize,
    columns: usize,
    factor: usize,
) -> (Vec<f64>, usize, usize) {
    let (small_rows, small_columns) = (rows.div_ceil(factor), columns.div_ceil(factor));
    let mut out = Vec::with_capacity(small_rows * small_columns);
    for i in 0..small_rows {
        for j in 0..small_columns {
            let (mut sum, mut count) = (0.0, 0);
            for r in i * factor..((i + 1) * factor).min(rows) {
                for c in j * factor..((j + 1) * factor).min(columns) {
                    sum += values[r * columns + c];
                    count += 1;
                }
            }
            out.push(sum / f64::from(count));
        }
    }
    (out, small_rows, small_columns)
}

fn encode(
    bytes: &[u8],
    rows: usize,
    columns: usize,
    color: png::ColorType,
    palette: &[[u8; 3]],
) -> Result<Vec<u8>> {
    let failed = |e: png::EncodingError| Error::Numerics(format!("an image cannot be encoded: {e}"));
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, columns as u32, rows as u32);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    if color == png::ColorType::Indexed {
        encoder.set_palette(palette.concat());
        // Colours that are numbered have no gradients for a filter to predict.
        encoder.set_compression(png::Compression::Fast);
        encoder.set_filter(png::Filter::NoFilter);
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gray_image_reads_back() {
        let file = gray(&[-1.0, 0.0, 1.0, 3.0, -7.0, 0.5], 2, 3, -1.0, 1.0).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; 6];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(pixels, [0, 128, 255, 255, 0, 191]);
    }

    #[test]
    fn an_indexed_image_shows_its_palette() {
        let file = indexed(&[1, 0, 2, 1], 2, 2, &[[9, 8, 7], [0, 255, 3], [1, 1, 1]]).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; 12];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels, [0, 255, 3, 9, 8, 7, 1, 1, 1, 0, 255, 3]);
    }

    #[test]
    fn blocks_are_averaged() {
        let values: Vec<f64> = (0..15).map(f64::from).collect();
        let (small, rows, columns) = reduced(&values, 3, 5, 2);
        assert_eq!((rows, columns), (2, 3));
        assert_eq!(small, [3.0, 5.0, 6.5, 10.5, 12.5, 14.0]);
    }
}
