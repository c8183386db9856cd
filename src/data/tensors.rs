//! All arrays of a file, by name: the parameters of a trained network.

use std::path::Path;

use super::source::load;
use super::{npy, safetensors};
use crate::error::{Error, Result};

/// An array with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name; its number (from 0) where the file has no names.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers in C order; they may be infinite or NaN.
    pub values: Vec<f64>,
}

/// The arrays of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensors {
    /// The path, for messages.
    pub file: String,
    /// The arrays: sorted by name, or in the file's order where it has no names.
    pub list: Vec<Tensor>,
    /// The line of JSON at the head of a file as equinox users write it.
    pub header: Option<String>,
}

/// Reads a safetensors file, or one line of JSON followed by npy arrays end to end, as `equinox.tree_serialise_leaves`
/// writes them behind a header. Every number becomes an f64.
pub fn read_tensors(path: &Path) -> Result<Tensors> {
    let bytes = load(path)?;
    let file = path.display().to_string();
    if bytes.is_empty() {
        return Err(Error::input(format!("{file}: the file is empty")));
    }
    // Eight bytes of length come before the JSON of a safetensors file; the first may happen to be a brace.
    if bytes[0] != b'{' || bytes.get(4..9) == Some(b"\0\0\0\0{") {
        let list = safetensors::parse_all(&file, &bytes)?;
        return Ok(Tensors { file, list, header: None });
    }
    let end = bytes.iter().position(|b| *b == b'\n');
    let header = end.and_then(|end| std::str::from_utf8(&bytes[..end]).ok());
    let (Some(end), Some(header)) = (end, header) else {
        return Err(Error::input(format!("{file} begins with a brace, but not with a line of JSON"))
            .with_help("a safetensors file, or a line of JSON and the arrays of equinox behind it"));
    };
    let (mut rest, mut list) = (&bytes[end + 1..], vec![]);
    while !rest.is_empty() {
        let name = list.len().to_string();
        let (shape, values, behind) = npy::parse_next(&format!("{file}, array {name}"), rest)?;
        list.push(Tensor { name, shape, values });
        rest = behind;
    }
    let header = Some(header.to_owned());
    Ok(Tensors { file, list, header })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a file holds, it is refused, not a reason to fall over.
    #[test]
    fn garbage_is_refused() {
        let path = std::env::temp_dir().join(format!("smale-tensors-{}", std::process::id()));
        for bytes in [
            &b""[..],
            b"{",
            b"{\n",
            b"{}\n\x93NUMPY",
            b"\x08\0\0\0\0\0\0\0{",
            b"\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            std::fs::write(&path, bytes).unwrap();
            match read_tensors(&path) {
                Err(error) => assert_eq!(error.exit_code(), 2, "{bytes:?}: {error}"),
                Ok(tensors) => assert!(tensors.list.is_empty() && bytes == b"{\n", "{bytes:?}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
    }
}
