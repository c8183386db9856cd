//! The same computation at many values of parameters, in tasks that may run anywhere, in any order, and again.
//!
//! In: a study with `[sweep]`. Out: a folder with a [`Manifest`], one checksummed file a task, and from these `grid.parquet` (a
//! row a grid point, in `grid.csv` too) and `points.parquet` (a row a critical point): the same bytes in whatever order the
//! tasks ran, on how many threads, and however often they were ended and begun again.
//!
//! A grid point has a number. The keys of the grid count like the digits of a number, the first key the slowest; the
//! repeats come last and are the fastest. Task i has the `batch` grid points from `i batch` on.
//!
//! ```text
//! plan ─► run one task, or all of them ─► merge
//! ```

mod figures;
mod manifest;
pub mod measure;
mod merge;
mod part;
mod run;

use std::path::Path;

use sha2::{Digest, Sha256};

pub use crate::export::cells::{Cell, Column, Row, Type};
pub use manifest::{MANIFEST, Manifest, Plan, plan};
pub use merge::{Merged, list, merge};
pub use run::{Done, Swept, run_all, run_task};

use crate::error::{Error, Result};
use crate::study::{Axis, Override, Setting, Study, SweepSection};

/// Most grid points of a sweep.
const MOST_POINTS: u64 = 10_000_000;
/// Tasks, unless the study says how many grid points each has.
const TASKS: u64 = 1000;

/// A study that is swept, checked.
pub struct Sweep {
    study: Study,
    section: SweepSection,
    points: u64,
    batch: u64,
    sha256: String,
}

/// A point of the grid.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its number, from 0.
    pub number: i64,
    /// Its task.
    pub task: i64,
    /// The value of each key of the grid.
    pub settings: Vec<Setting>,
    /// The number of the repeat; `None` if nothing is repeated.
    pub seed: Option<i64>,
    overrides: Vec<Override>,
}

impl Sweep {
    /// From a study, whose data are read. `laid_over` is what the command line laid over its file, as typed: it is
    /// part of what the sweep is.
    ///
    /// # Errors
    /// If the study has no `[sweep]`, if there are too many grid points, or if a file cannot be read.
    pub fn new(mut study: Study, laid_over: &[String]) -> Result<Sweep> {
        let Some(section) = study.sweep.take() else {
            return Err(Error::input("the study has no [sweep]").with_help(
                "write [sweep.grid] and below it keys of the landscape with their values: sigma = [0.35, 0.45]",
            ));
        };
        study.sweep = Some(section.clone());
        let sha256 = hash(&study, laid_over)?;
        let axes = section.axes.iter().chain(&section.repeats);
        let points = axes.map(|a| a.values.len() as u64).try_fold(1u64, |all, n| all.checked_mul(n));
        let Some(points) = points.filter(|points| *points <= MOST_POINTS) else {
            let sizes = section.axes.iter().chain(&section.repeats).map(|a| a.values.len().to_string());
            let product = sizes.collect::<Vec<_>>().join(" x ");
            return Err(Error::input(format!("[sweep]: {product} grid points are more than {MOST_POINTS}")));
        };
        let batch = section.batch.map_or_else(|| points.div_ceil(TASKS), |batch| batch as u64);
        study.load_data()?;
        Ok(Sweep { study, section, points, batch, sha256 })
    }

    /// Is there a landscape for every value of every key, with the first ones of the others, and a column for each key?
    fn check(&self) -> Result<()> {
        let (grid, _) = measure::columns(self);
        for axis in &self.section.axes {
            if grid.iter().filter(|column| column.name == axis.key).count() > 1 {
                let message = format!("`{}` is the name of another column of the results", axis.key);
                return Err(axis.error(message));
            }
        }
        let axes: Vec<&Axis> = self.section.axes.iter().chain(&self.section.repeats).collect();
        let first: Vec<Override> = axes.iter().map(|axis| axis.over(0)).collect();
        let build = |overrides: &[Override]| -> Result<()> {
            let study = self.study.with(overrides)?;
            study.region_for(study.build()?.dim()).map(|_| ())
        };
        build(&first)?;
        for (place, axis) in self.section.axes.iter().enumerate() {
            for value in 1..axis.values.len() {
                let mut overrides = first.clone();
                overrides[place] = axis.over(value);
                build(&overrides)?;
            }
        }
        Ok(())
    }

    /// The keys of the grid.
    pub fn axes(&self) -> &[Axis] {
        &self.section.axes
    }

    /// Number of grid points.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Number of tasks.
    pub fn tasks(&self) -> u64 {
        self.points.div_ceil(self.batch)
    }

    /// SHA-256 of the study, of what was laid over it, of the files that it names and of the version of this program, in
    /// hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    fn section(&self) -> &SweepSection {
        &self.section
    }

    /// The numbers of the grid points of a task.
    fn points_of(&self, task: u64) -> std::ops::Range<u64> {
        let start = task.saturating_mul(self.batch);
        start.min(self.points)..start.saturating_add(self.batch).min(self.points)
    }

    /// A grid point by its number.
    pub fn point(&self, number: u64) -> Point {
        let axes: Vec<&Axis> = self.section.axes.iter().chain(&self.section.repeats).collect();
        let mut rest = number;
        let mut places = vec![0; axes.len()];
        for (place, axis) in places.iter_mut().zip(&axes).rev() {
            let values = axis.values.len() as u64;
            *place = (rest % values) as usize;
            rest /= values;
        }
        let values = axes.iter().zip(&places).map(|(axis, place)| axis.values[*place].clone());
        let mut settings: Vec<Setting> = values.collect();
        let seed = match (&self.section.repeats, settings.last()) {
            (Some(_), Some(Setting::Whole(seed))) => Some(*seed),
            _ => None,
        };
        settings.truncate(self.section.axes.len());
        Point {
            number: number as i64,
            task: (number / self.batch) as i64,
            settings,
            seed,
            overrides: axes.iter().zip(&places).map(|(axis, place)| axis.over(*place)).collect(),
        }
    }

    /// The study at a grid point.
    pub fn study_at(&self, point: &Point) -> Result<Study> {
        self.study.with(&point.overrides)
    }
}

impl From<&Setting> for Cell {
    fn from(setting: &Setting) -> Cell {
        match setting {
            Setting::Whole(v) => Cell::Whole(*v),
            Setting::Real(v) => Cell::Real(*v),
            Setting::Text(text) => Cell::Text(text.clone()),
            Setting::Flag(flag) => Cell::Flag(*flag),
        }
    }
}

/// What the column of a key holds.
fn type_of(axis: &Axis) -> Type {
    match axis.values[0] {
        Setting::Whole(_) => Type::Whole,
        Setting::Real(_) => Type::Real,
        Setting::Text(_) => Type::Text,
        Setting::Flag(_) => Type::Flag,
    }
}

/// The hash of [`Sweep::sha256`]. Contents only: it does not matter where the files are.
fn hash(study: &Study, laid_over: &[String]) -> Result<String> {
    let mut hash = Sha256::new();
    // Each part with its length in front, so that nothing can move from one to the next.
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::file(path, e));
    add(env!("CARGO_PKG_VERSION").as_bytes());
    add(&study.seed.to_le_bytes());
    add(&study.path.as_deref().map_or(Ok(vec![]), read)?);
    laid_over.iter().for_each(|text| add(text.as_bytes()));
    for file in study.files() {
        add(&read(&file)?);
    }
    Ok(hex(&hash.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
