//! Arrays of numpy: npy files, and npz archives of them.

use std::io::{Cursor, ErrorKind, Read};

use npyz::{DType, Endianness, NpyHeader, Order, TypeChar};
use zip::ZipArchive;

use super::RawTable;
use super::number::{Form, Number};
use super::source::{check_finite, choose, rows_and_columns};
use crate::error::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY";
/// A header is a Python dictionary of three entries; numpy itself refuses more than 10,000 characters.
const LONGEST_HEADER: usize = 1 << 16;

/// Numbers are read in blocks of so many bytes at most, so that a file needs no room beside that of its numbers.
const BLOCK: usize = 1 << 20;

/// Reads an npy file of so many bytes.
pub(super) fn read(file: &str, mut data: impl Read, length: u64) -> Result<RawTable> {
    let (header, used) = header(file, &mut data)?;
    let (rows, columns) = rows_and_columns(file, header.shape())?;
    let values = decode(file, &header, &mut data, length.saturating_sub(used), rows, columns)?;
    let table = RawTable { columns, values };
    check_finite(file, &table)?;
    Ok(table)
}

/// Reads the array with which `bytes` begin, whatever its shape; returns that, its numbers in C order, and the bytes
/// behind it.
pub(super) fn parse_next<'a>(file: &str, mut bytes: &'a [u8]) -> Result<(Vec<usize>, Vec<f64>, &'a [u8])> {
    let (header, _) = header(file, &mut bytes)?;
    let shape: Vec<usize> = header.shape().iter().map(|s| *s as usize).collect();
    // The header was checked to describe no more than 1e18 numbers.
    let (rows, columns) = (shape.first().copied().unwrap_or(1), shape.iter().skip(1).product());
    let left = bytes.len() as u64;
    let values = decode(file, &header, &mut bytes, left, rows, columns)?;
    Ok((shape, values, bytes))
}

/// The numbers of an array in C order; `length` bytes are left of its file.
fn decode(
    file: &str,
    header: &NpyHeader,
    data: &mut impl Read,
    length: u64,
    rows: usize,
    columns: usize,
) -> Result<Vec<f64>> {
    let number = element(file, header)?;
    let needed = rows.checked_mul(columns).and_then(|n| n.checked_mul(number.bytes));
    // Before anything is allocated.
    let Some(needed) = needed.filter(|n| *n as u64 <= length) else {
        return Err(cut_off(file, header, number, length));
    };
    match header.order() {
        Order::C => {
            let mut values = Vec::with_capacity(rows * columns);
            blocks(file, header, number, data, needed, |v| values.push(v))?;
            Ok(values)
        }
        Order::Fortran => {
            let mut values = vec![0.0; rows * columns];
            let trailing = header.shape().get(1..).unwrap_or(&[]);
            let columns_in_c_order = c_order_of_fortran_columns(trailing, columns);
            let mut element = 0;
            blocks(file, header, number, data, needed, |v| {
                values[element % rows * columns + columns_in_c_order[element / rows]] = v;
                element += 1;
            })?;
            Ok(values)
        }
    }
}

/// Hands the numbers in the next `needed` bytes to `put`.
fn blocks(
    file: &str,
    header: &NpyHeader,
    number: Number,
    data: &mut impl Read,
    needed: usize,
    mut put: impl FnMut(f64),
) -> Result<()> {
    let mut block = vec![0; needed.min(BLOCK)];
    let mut read = 0;
    while read < needed {
        // A whole number of elements, as their sizes are powers of two.
        let part = &mut block[..(needed - read).min(BLOCK)];
        data.read_exact(part).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => cut_off(file, header, number, read as u64),
            _ => Error::input(format!("{file} can't be read: {e}")),
        })?;
        number.decode(part, &mut put);
        read += part.len();
    }
    Ok(())
}

fn cut_off(file: &str, header: &NpyHeader, number: Number, length: u64) -> Error {
    Error::input(format!(
        "{file} is cut off: an array of shape {:?} with {} bytes a number does not fit in {length} bytes",
        header.shape(),
        number.bytes,
    ))
    .with_help("save or copy the file again")
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
    read(&format!("{file}#{name}"), &array[..], array.len() as u64)
}

/// The header, and how many bytes it takes. The lengths are checked before the header is parsed, and its nesting too, as
/// the parser recurses.
fn header(file: &str, data: &mut impl Read) -> Result<(NpyHeader, u64)> {
    let broken = |why: &str| Error::input(format!("{file} is no readable npy file: {why}"));
    let mut bytes = vec![];
    let mut more = |bytes: &mut Vec<u8>, count: usize| -> Result<bool> {
        let read = data.by_ref().take(count as u64).read_to_end(bytes);
        Ok(read.map_err(|e| broken(&e.to_string()))? == count)
    };
    if !more(&mut bytes, 10)? || !bytes.starts_with(MAGIC) {
        return Err(broken("it does not begin like one"));
    }
    let length = if bytes[6] == 1 {
        usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))
    } else if more(&mut bytes, 2)? {
        u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize
    } else {
        return Err(broken("its header is cut off"));
    };
    if length > LONGEST_HEADER {
        return Err(broken(&format!("its header claims {length} bytes")));
    }
    let start = bytes.len();
    if !more(&mut bytes, length)? {
        return Err(broken("its header is cut off"));
    }
    let text = &bytes[start..];
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
    let header = NpyHeader::from_reader(&bytes[..]).map_err(|e| broken(&e.to_string()))?;
    Ok((header, bytes.len() as u64))
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
