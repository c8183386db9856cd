//! The files of tasks to tables.
//!
//! In: a plan's folder. Out: `grid.parquet`, `grid.csv` and `points.parquet` in it, with the rows of all tasks that are done,
//! in the order of the grid points, and what `figures.rs` makes of them. The study itself is not needed: the plan has the columns.

use std::io::Write;
use std::path::Path;

use super::figures::{self, Figures};
use super::manifest::Manifest;
use super::part::{self, Absent};
use crate::error::{Error, Result};
use crate::export::cells::{Cell, csv};
use crate::export::parquet::Table;
use crate::study::Folder;

const GRID: &str = "grid.parquet";
const GRID_CSV: &str = "grid.csv";
const POINTS: &str = "points.parquet";
/// All files that a sweep writes, beside those of tasks.
pub(super) const FILES: &[&str] = {
    let [shown, table, crossings, plane, cells] = figures::FILES;
    &[GRID, GRID_CSV, POINTS, super::MANIFEST, shown, table, crossings, plane, cells]
};

/// What was merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Tasks of the plan.
    pub tasks: u64,
    /// Those that nobody has computed, ascending.
    pub missing: Vec<u64>,
    /// Those whose files are damaged, or of another plan, ascending.
    pub damaged: Vec<u64>,
    /// Rows of the table of grid points.
    pub grid_points: u64,
    /// Rows of the table of critical points.
    pub critical_points: u64,
    /// Grid points whose computation fell short of what was asked.
    pub shortfalls: u64,
}

impl Merged {
    /// The tasks that have to be run (again), ascending.
    pub fn wanting(&self) -> Vec<u64> {
        let mut all = [&self.missing[..], &self.damaged].concat();
        all.sort_unstable();
        all
    }
}

/// Merges what is there.
///
/// # Errors
/// If there is no plan, or a file cannot be read or written. Tasks that are missing are no error.
pub fn merge(path: &Path) -> Result<Merged> {
    let (manifest, at) = Manifest::read(path)?;
    let folder = Folder::open(&at)?;
    let columns = manifest.columns();
    let shortfall = manifest.grid_columns.iter().position(|column| column.name == "shortfall");
    let mut grid = Table::new(folder.create(GRID)?, columns.grid)?;
    let mut points = Table::new(folder.create(POINTS)?, columns.points)?;
    let mut text = folder.create(GRID_CSV)?;
    let unwritable = |e: std::io::Error| Error::file(&at.join(GRID_CSV), e);
    text.write_all(&csv(columns.grid, &[], true)?).map_err(unwritable)?;
    let (mut missing, mut damaged, mut shortfalls) = (vec![], vec![], 0);
    let mut figures = Figures::new(&manifest);
    for task in 0..manifest.tasks {
        match part::read(&at, task, &manifest.study_sha256, &columns)? {
            Err(Absent::Missing) => missing.push(task),
            Err(Absent::Damaged | Absent::Other) => damaged.push(task),
            Ok(part) => {
                let fell = |row: &&super::Row| shortfall.is_some_and(|k| row[k] != Cell::Empty);
                shortfalls += part.grid.iter().filter(fell).count() as u64;
                text.write_all(&csv(columns.grid, &part.grid, false)?).map_err(unwritable)?;
                part.grid.iter().for_each(|row| figures.add(row));
                grid.extend(part.grid)?;
                points.extend(part.points)?;
            }
        }
    }
    let (grid, grid_points) = grid.finish()?;
    let (points, critical_points) = points.finish()?;
    let mut shown = vec![];
    let files = figures.files()?;
    // What an earlier merge drew is no longer what there is.
    for name in figures::FILES.iter().filter(|name| files.iter().all(|(written, _)| written != *name)) {
        match std::fs::remove_file(at.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::file(&at.join(name), e)),
            _ => {}
        }
    }
    for (name, bytes) in files {
        let mut file = folder.create(name)?;
        file.write_all(&bytes).map_err(|e| Error::file(&at.join(name), e))?;
        shown.push(file);
    }
    for file in [points, text, grid].into_iter().chain(shown) {
        file.put()?;
    }
    Ok(Merged { tasks: manifest.tasks, missing, damaged, grid_points, critical_points, shortfalls })
}

/// Ascending numbers as ranges: `0-2,7`, the way batch systems take them.
pub fn list(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = vec![];
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last): &(u64, u64)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_listed_as_ranges() {
        for (numbers, text) in
            [(&[][..], ""), (&[4], "4"), (&[0, 1, 2, 7], "0-2,7"), (&[1, 3, 4, 9, 10], "1,3-4,9-10")]
        {
            assert_eq!(super::list(numbers), text);
        }
    }
}
