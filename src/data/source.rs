//! Which file, which array of it, which format.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use super::{RawTable, csv, npy, parquet, safetensors};
use crate::error::{Error, Result};

/// Reads a table of numbers: csv, npy, `npz#key`, `safetensors#key` or `parquet#column`. The format follows from the extension, and
/// for other extensions from the first bytes.
///
/// Rows are points; a one-dimensional array is a single column, dimensions beyond the second are flattened into the
/// columns in C order.
///
/// Errors name the file and the line (text) or the row and column (arrays) of what is wrong.
pub fn read(path: &Path) -> Result<RawTable> {
    let whole = path.to_string_lossy();
    // A file may have a # in its name: what exists as it stands is taken as it stands.
    match whole.rsplit_once('#') {
        Some((file, key)) if !file.is_empty() && !path.exists() => open(Path::new(file), Some(key)),
        _ => open(path, None),
    }
}

fn open(path: &Path, key: Option<&str>) -> Result<RawTable> {
    let failed = |e| Error::file(path, e);
    let mut file = open_file(path)?;
    let mut head = vec![];
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(failed)?;
    let name = path.display().to_string();
    let format = format(path, &head);
    if head.is_empty() && !matches!(format, Format::Text) {
        return Err(Error::input(format!("{name}: the file is empty")));
    }
    if let (Some(key), Format::Text | Format::Npy) = (key, &format) {
        return Err(Error::input(format!("{name} holds one table only, so `#{key}` means nothing"))
            .with_help(format!("write the path without `#{key}`")));
    }
    // The formats of large data are read piece by piece; pipes have no length.
    let about = file.metadata().map_err(failed)?;
    let whole = |mut head: Vec<u8>, mut file: File| {
        file.read_to_end(&mut head).map_err(failed)?;
        Ok(head)
    };
    match format {
        Format::Text => csv::parse(&name, &whole(head, file)?),
        Format::Npy if about.is_file() => npy::read(&name, Cursor::new(head).chain(file), about.len()),
        Format::Npy => {
            let bytes = whole(head, file)?;
            npy::read(&name, &bytes[..], bytes.len() as u64)
        }
        Format::Npz => npy::parse_archive(&name, &whole(head, file)?, key),
        Format::Safetensors => safetensors::parse(&name, &whole(head, file)?, key),
        Format::Parquet => parquet::read(&name, file, key),
    }
}

/// Bytes by which formats are known.
const HEAD: u64 = 16;

fn open_file(path: &Path) -> Result<File> {
    if path.is_dir() {
        return Err(Error::file(path, "is a folder, not a file of numbers"));
    }
    File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::file(path, "there is no such file"),
        _ => Error::file(path, e),
    })
}

/// The bytes of a file.
pub(super) fn load(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    open_file(path)?.read_to_end(&mut bytes).map_err(|e| Error::file(path, e))?;
    Ok(bytes)
}

enum Format {
    Text,
    Npy,
    Npz,
    Safetensors,
    Parquet,
}

fn format(path: &Path, bytes: &[u8]) -> Format {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "npy" => Format::Npy,
        "npz" => Format::Npz,
        "safetensors" => Format::Safetensors,
        "parquet" => Format::Parquet,
        "csv" | "tsv" | "txt" | "dat" => Format::Text,
        _ if bytes.starts_with(b"\x93NUMPY") => Format::Npy,
        _ if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") => Format::Npz,
        _ if bytes.starts_with(b"PAR1") => Format::Parquet,
        // Eight bytes of header length, then JSON.
        _ if bytes.len() > 8 && bytes[8] == b'{' && bytes[4..8] == [0; 4] => Format::Safetensors,
        _ => Format::Text,
    }
}

/// The name to take where a file holds several arrays: `key`, or the only one there is. `names` must not be empty.
pub(super) fn choose<'a>(file: &str, names: &'a [String], key: Option<&str>) -> Result<&'a str> {
    const MOST: usize = 12;
    let mut list = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        list += &format!(" and {} more", names.len() - MOST);
    }
    match key {
        Some(key) => names.iter().find(|n| *n == key).map(String::as_str).ok_or_else(|| {
            Error::input(format!("{file} holds no array `{key}`")).with_help(format!("it holds {list}"))
        }),
        None if names.len() == 1 => Ok(&names[0]),
        None => Err(Error::input(format!("{file} holds {} arrays: say which", names.len()))
            .with_help(format!("write {file}#key, where key is one of {list}"))),
    }
}

/// Rows and columns of an array of this shape; the number of elements is sure not to overflow.
pub(super) fn rows_and_columns(file: &str, shape: &[u64]) -> Result<(usize, usize)> {
    let (rows, trailing) = match shape {
        [] => {
            return Err(Error::input(format!("{file} holds a single number, not an array"))
                .with_help("one dimension (n points on a line) or more (rows are points) are needed"));
        }
        [rows, trailing @ ..] => (*rows, trailing),
    };
    let columns = trailing.iter().try_fold(1u64, |a, b| a.checked_mul(*b));
    let sizes = columns.and_then(|c| rows.checked_mul(c).map(|_| c));
    let sizes = sizes.and_then(|c| Some((usize::try_from(rows).ok()?, usize::try_from(c).ok()?)));
    match sizes {
        None => Err(Error::input(format!("{file}: an array of shape {shape:?} is beyond all memory"))),
        Some((0, _) | (_, 0)) => Err(Error::input(format!("{file}: the array is empty (shape {shape:?})"))),
        Some(sizes) => Ok(sizes),
    }
}

/// The error for an array with a number that is not finite.
pub(super) fn check_finite(file: &str, table: &RawTable) -> Result<()> {
    match table.values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(bad) => Err(Error::input(format!(
            "{file}: row {}, column {} is {}, not a finite number",
            bad / table.columns + 1,
            bad % table.columns + 1,
            table.values[bad]
        ))
        .with_help("rows and columns are counted from 1; remove or replace such rows")),
    }
}
