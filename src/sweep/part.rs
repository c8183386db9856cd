//! The file of a task: both tables' rows with a checksum, as text.
//!
//! ```text
//! smale sweep part 1
//! {"task":17,"study":"<sha256>","grid":<bytes>,"points":<bytes>}
//! <rows of the grid, CSV><rows of the critical points, CSV>
//! sha256 <of all above>
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hex;
use crate::error::{Error, Result};
use crate::export::cells::{Column, Row, csv, parse_csv};

/// The folder of the files of tasks.
pub(super) const TASKS: &str = "tasks";
const FIRST_LINE: &str = "smale sweep part 1";

#[derive(Serialize, Deserialize)]
struct Head {
    task: u64,
    study: String,
    grid: usize,
    points: usize,
}

/// The rows of a task.
pub(super) struct Part {
    pub(super) grid: Vec<Row>,
    pub(super) points: Vec<Row>,
}

/// Columns of both tables.
pub(super) struct Columns<'a> {
    pub(super) grid: &'a [Column],
    pub(super) points: &'a [Column],
}

/// Why there are no rows of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// Nobody has computed it.
    Missing,
    /// Its file is of another plan.
    Other,
    /// Its file is not what was written.
    Damaged,
}

/// Name of the file of a task, in the folder [`TASKS`].
pub(super) fn name(task: u64) -> String {
    format!("{task:07}.part")
}

/// The bytes of a task's file.
pub(super) fn write(task: u64, study: &str, columns: &Columns<'_>, part: &Part) -> Result<Vec<u8>> {
    let grid = csv(columns.grid, &part.grid, false)?;
    let points = csv(columns.points, &part.points, false)?;
    let head = Head { task, study: study.to_owned(), grid: grid.len(), points: points.len() };
    let head = serde_json::to_string(&head)
        .map_err(|e| Error::Numerics(format!("a task's file cannot be written: {e}")))?;
    let mut bytes = format!("{FIRST_LINE}\n{head}\n").into_bytes();
    bytes.extend(grid);
    bytes.extend(points);
    let sum = hex(&Sha256::digest(&bytes));
    bytes.extend(format!("sha256 {sum}\n").into_bytes());
    Ok(bytes)
}

/// Reads a task's file, or says why there are no rows to be had.
///
/// # Errors
/// If the file is there and cannot be read.
pub(super) fn read(
    folder: &Path,
    task: u64,
    study: &str,
    columns: &Columns<'_>,
) -> Result<std::result::Result<Part, Absent>> {
    let path: PathBuf = folder.join(TASKS).join(name(task));
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Err(Absent::Missing)),
        Err(e) => return Err(Error::file(&path, e)),
    };
    Ok(parse(&bytes, task, study, columns))
}

fn parse(bytes: &[u8], task: u64, study: &str, columns: &Columns<'_>) -> std::result::Result<Part, Absent> {
    // "sha256 ", 64 digits, the line's end.
    const TAIL: usize = 72;
    let whole = || {
        let (body, tail) = bytes.split_at_checked(bytes.len().checked_sub(TAIL)?)?;
        (tail == format!("sha256 {}\n", hex(&Sha256::digest(body))).as_bytes()).then_some(body)
    };
    let rows = |body: &[u8]| {
        let rest = body.strip_prefix(format!("{FIRST_LINE}\n").as_bytes())?;
        let end = rest.iter().position(|b| *b == b'\n')?;
        let head: Head = serde_json::from_slice(&rest[..end]).ok()?;
        let (grid, points) = rest[end + 1..].split_at_checked(head.grid)?;
        (points.len() == head.points).then_some(())?;
        Some((head, grid.to_vec(), points.to_vec()))
    };
    let (head, grid, points) = whole().and_then(rows).ok_or(Absent::Damaged)?;
    if head.study != study {
        return Err(Absent::Other);
    }
    let tables =
        || Some(Part { grid: parse_csv(columns.grid, &grid)?, points: parse_csv(columns.points, &points)? });
    tables().filter(|_| head.task == task).ok_or(Absent::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::cells::{Cell, Type};

    #[test]
    fn every_wrong_byte_and_every_cut_is_noticed() {
        let grid = [Column::new("point", Type::Whole), Column::new("sigma", Type::Real)];
        let points = [Column::new("point", Type::Whole), Column::new("x", Type::Reals)];
        let columns = Columns { grid: &grid, points: &points };
        let part = Part {
            grid: vec![vec![Cell::Whole(3), Cell::Real(0.5)], vec![Cell::Whole(4), Cell::Empty]],
            points: vec![vec![Cell::Whole(3), Cell::Reals(vec![1.0, -2.5])]],
        };
        let bytes = write(7, "abc", &columns, &part).unwrap();
        let read = |bytes: &[u8], task, study| parse(bytes, task, study, &columns);
        let back = read(&bytes, 7, "abc").unwrap_or_else(|_| panic!());
        assert_eq!((back.grid, back.points), (part.grid, part.points));
        assert_eq!(read(&bytes, 7, "abd").err(), Some(Absent::Other));
        assert_eq!(read(&bytes, 8, "abc").err(), Some(Absent::Damaged));
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], 7, "abc").err(), Some(Absent::Damaged), "cut at {end}");
            let mut wrong = bytes.clone();
            wrong[end] ^= 1;
            assert_eq!(read(&wrong, 7, "abc").err(), Some(Absent::Damaged), "byte {end}");
        }
        let zeros = vec![0; bytes.len()];
        assert_eq!(read(&zeros, 7, "abc").err(), Some(Absent::Damaged));
    }
}
