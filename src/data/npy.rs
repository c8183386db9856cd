//! Arrays of numpy: npy files, and npz archives of them.

use std::io::{Cursor, Read};

use npyz::{DType, Endianness, NpyHeader, Order, TypeChar};
use zip::ZipArchive;

use super::RawTable;
use super::number::{Form, Number};
use super::source::{check_finite, choose, rows_and_columns};
use crate::error::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY";
/// A header is a Python dictionary of three entries; numpy itself refuses more than 10,000 characters.
const LONGEST_HEADER: usize = 1 << 16;

/// Reads the bytes of an npy file.
pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<RawTable> {
    let (header, data) = split(file, bytes)?;
    let (rows, columns) = rows_and_columns(file, header.shape())?;
    let (values, _) = decode(file, &header, data, rows, columns)?;
    let table = RawTable { columns, values };
    check_finite(file, &table)?;
    Ok(table)
}

/// Reads the array with which `bytes` begin, whatever its shape; returns that, its numbers in C order, and the bytes
/// behind it.
pub(super) fn parse_next<'a>(file: &str, bytes: &'a [u8]) -> Result<(Vec<usize>, Vec<f64>, &'a [u8])> {
    let (header, data) = split(file, bytes)?;
    let shape: Vec<usize> = header.shape().iter().map(|s| *s as usize).collect();
    // The header was checked to describe no more than 1e18 numbers.
    let (rows, columns) = (shape.first().copied().unwrap_or(1), shape.iter().skip(1).product());
    let (values, used) = decode(file, &header, data, rows, columns)?;
    Ok((shape, values, &data[used..]))
}

/// The numbers of an array in C order, and how many bytes they took.
fn decode(
    file: &str,
    header: &NpyHeader,
    data: &[u8],
    rows: usize,
    columns: usize,
) -> Result<(Vec<f64>, usize)> {
    let number = element(file, header)?;
    let needed = rows.checked_mul(columns).and_then(|n| n.checked_mul(number.bytes));
    let Some(data) = needed.and_then(|n| data.get(..n)) else {
        return Err(Error::input(format!(
            "{file} is cut off: an array of shape {:?} with {} bytes a number does not fit in {} bytes",
            header.shape(),
            number.bytes,
            data.len()
        ))
        .with_help("save or copy the file again"));
    };
    let values = match header.order() {
        Order::C => {
            let mut values = Vec::with_capacity(rows * columns);
            number.decode(data, |v| values.push(v));
            values
        }
        Order::Fortran => {
            let mut values = vec![0.0; rows * columns];
            let trailing = header.shape().get(1..).unwrap_or(&[]);
            let columns_in_c_order = c_order_of_fortran_columns(trailing, columns);
            let mut element = 0;
            number.decode(data, |v| {
                values[element % rows * columns + columns_in_c_order[element / rows]] = v;
                element += 1;
            });
            values
        }
    };
    Ok((values, data.len()))
}

/// Reads one array of the bytes of an npz file.
pub(super) fn parse_archive(file: &str, bytes: &[u8], key: Option<&str>) -> Result<RawTable> {
    let broken = |why: String| Error::input(format!("{file} is no readable npz archive: {why}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(e.to_string()))?;
    let mut names: Vec<String> =
        archive.file_names().filter_map(|file| Some(file.ok()?.strip_suffix(".npy")?.to_owned())).collect();
    names.sort();
    if names.is_empty() {
        return Err(broken("it holds no array".into()));
    }
    let name = choose(file, &names, key)?;
    let mut entry =
        archive.by_name(&format!("{name}.npy")).map_err(|e| broken(format!("array `{name}`: {e}")))?;
    // The size that the archive states is not to be trusted with an allocation; the vector grows as data come.
    let stated = entry.size();
    let mut array = Vec::new();
    entry
        .by_ref()
        .take(stated)
        .read_to_end(&mut array)
        .map_err(|e| broken(format!("array `{name}`: {e}")))?;
    parse(&format!("{file}#{name}"), &array)
}

/// The header and what follows it. The lengths are checked before the header is parsed, and its nesting too, as the
/// parser recurses.
fn split<'a>(file: &str, bytes: &'a [u8]) -> Result<(NpyHeader, &'a [u8])> {
    let broken = |why: &str| Error::input(format!("{file} is no readable npy file: {why}"));
    if !bytes.starts_with(MAGIC) || bytes.len() < 10 {
        return Err(broken("it does not begin like one"));
    }
    let (start, length) = match (bytes[6], bytes.get(8..12)) {
        (1, _) => (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))),
        (_, Some(&[a, b, c, d])) => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        _ => return Err(broken("its header is cut off")),
    };
    if length > LONGEST_HEADER {
        return Err(broken(&format!("its header claims {length} bytes")));
    }
    let Some(text) = bytes.get(start..start + length) else {
        return Err(broken("its header is cut off"));
    };
    let (mut depth, mut deepest) = (0i32, 0);
    for b in text {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > 8 {
        return Err(broken("its header is not the description of an array"));
    }
    if shape_digits(text) > 18 {
        return Err(broken("its header describes an array beyond all memory"));
    }
    let header = NpyHeader::from_reader(&bytes[..start + length]).map_err(|e| broken(&e.to_string()))?;
    Ok((header, &bytes[start + length..]))
}

/// Number of digits in the shape of a header: a product of numbers has at most as many digits as they have together,
/// so this bounds the size before anybody multiplies.
fn shape_digits(header: &[u8]) -> usize {
    let text = String::from_utf8_lossy(header);
    let shape = text.split_once("shape").map_or("", |(_, rest)| rest.split(')').next().unwrap_or(""));
    shape.bytes().filter(u8::is_ascii_digit).count()
}

fn element(file: &str, header: &NpyHeader) -> Result<Number> {
    let dtype = header.dtype();
    let refused = || {
        Error::input(format!("{file} holds elements of type {}, which are no real numbers", dtype.descr()))
            .with_help("float16 to float64, integers and bool are read: convert with array.astype('f8')")
    };
    let DType::Plain(plain) = &dtype else { return Err(refused()) };
    let form = match plain.type_char() {
        TypeChar::Float => Form::Float,
        TypeChar::Int => Form::Signed,
        TypeChar::Uint => Form::Unsigned,
        TypeChar::Bool => Form::Bool,
        _ => return Err(refused()),
    };
    let bytes = plain.num_bytes().unwrap_or(0);
    let number = Number { form, bytes, big_endian: plain.endianness() == Endianness::Big };
    if number.known() { Ok(number) } else { Err(refused()) }
}

/// For each of the `columns` trailing positions in Fortran order its place in C order.
fn c_order_of_fortran_columns(trailing: &[u64], columns: usize) -> Vec<usize> {
    (0..columns)
        .map(|mut rest| {
            let (mut place, mut stride) = (0, columns);
            for &size in trailing {
                let size = size as usize;
                stride /= size;
                place += rest % size * stride;
                rest /= size;
            }
            place
        })
        .collect()
}
