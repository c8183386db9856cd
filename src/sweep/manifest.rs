//! The plan of a sweep as a file, from which any machine runs any task.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::part::{self, Absent, Columns};
use super::{Cell, Sweep, measure};
use crate::error::{Error, Result};
use crate::export::cells::Column;
use crate::study::{Axis, Folder, Override, Study};

/// The name of the plan in its folder.
pub const MANIFEST: &str = "manifest.json";
/// Changes if the meaning of the file does.
const FORMAT: u32 = 1;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the file.
    pub sweep: u32,
    /// The version of the program that made it.
    pub version: String,
    /// Title of the study.
    pub title: String,
    /// The study file, relative to the folder of the plan where that can be.
    pub study: PathBuf,
    /// What the command line laid over it, as after `--set`.
    pub set: Vec<String>,
    /// SHA-256 of the study with its data; see [`Sweep::sha256`].
    pub study_sha256: String,
    /// Number of tasks.
    pub tasks: u64,
    /// Number of grid points.
    pub points: u64,
    /// Grid points a task.
    pub batch: u64,
    /// The keys of the grid, the slowest first.
    pub grid: Vec<GridKey>,
    /// Number of repeats of each, the fastest of all; `None` if nothing is repeated.
    pub seeds: Option<usize>,
    /// The key that gets their number.
    pub seed_key: Option<String>,
    /// Are critical points connected?
    pub graph: bool,
    /// Columns of `grid.parquet` and `grid.csv`.
    pub grid_columns: Vec<Column>,
    /// Columns of `points.parquet`.
    pub points_columns: Vec<Column>,
}

/// A key of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GridKey {
    /// The key.
    pub key: String,
    /// Its values.
    pub values: Vec<serde_json::Value>,
}

/// A plan in its folder.
pub struct Plan {
    /// What is done.
    pub sweep: Sweep,
    /// What the file says.
    pub manifest: Manifest,
    /// The folder.
    pub folder: Folder,
}

impl Manifest {
    /// Reads the plan of a folder, or of a file in it; with it the folder.
    ///
    /// # Errors
    /// If there is none, or it is no plan.
    pub fn read(path: &Path) -> Result<(Manifest, PathBuf)> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let file = if path.is_dir() { path.join(MANIFEST) } else { path.to_owned() };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let bytes = std::fs::read(&file).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::input(format!("there is no plan {}", file.display()))
                .with_help("smale plan study.toml --out DIR makes one in DIR"),
            _ => Error::file(&file, e),
        })?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|e| {
            Error::input(format!("{} is no plan of a sweep: {e}", file.display()))
                .with_help("smale plan study.toml --out DIR makes one in DIR")
        })?;
        if manifest.sweep != FORMAT || manifest.points == 0 || manifest.batch == 0 {
            let message = format!("{} is a plan that this version cannot read", file.display());
            return Err(Error::input(message).with_help("plan anew, into another folder"));
        }
        if manifest.tasks != manifest.points.div_ceil(manifest.batch) {
            return Err(Error::input(format!("{} is damaged: its numbers do not agree", file.display())));
        }
        Ok((manifest, folder.to_owned()))
    }

    pub(super) fn columns(&self) -> Columns<'_> {
        Columns { grid: &self.grid_columns, points: &self.points_columns }
    }
}

impl Plan {
    /// Opens a plan and the study that it is about.
    ///
    /// # Errors
    /// If the study, its data or this program are not those that were planned.
    pub fn open(path: &Path) -> Result<Plan> {
        let (manifest, at) = Manifest::read(path)?;
        let own = env!("CARGO_PKG_VERSION");
        if manifest.version != own {
            let message = format!("the plan is by smale {}, this is {own}", manifest.version);
            return Err(
                Error::input(message).with_help("run it with that version, or plan anew into another folder")
            );
        }
        let overrides = manifest.set.iter().map(|set| Override::parse(set)).collect::<Result<Vec<_>>>()?;
        let study = Study::read(&at.join(&manifest.study), &overrides)?;
        let sweep = Sweep::new(study, &manifest.set)?;
        if sweep.sha256() != manifest.study_sha256 {
            return Err(Error::input(format!(
                "{} or its data have changed since it was planned",
                manifest.study.display()
            ))
            .with_help("undo the change, or plan anew into another folder: smale plan STUDY --out DIR"));
        }
        Ok(Plan { sweep, manifest, folder: Folder::open(&at)? })
    }
}

/// Plans the sweep of a study into a folder: nothing is computed yet. A plan that is there already stays if it is the same,
/// and is replaced if none of its tasks is done. `set` is what the command line laid over the study, as typed.
///
/// # Errors
/// As [`Sweep::new`]; if a landscape cannot be built with one of the values of a key; if the folder holds tasks of another plan; if `set` names files relative to the current directory, which
/// may be another one when tasks run.
pub fn plan(path: &Path, set: &[String], out: Option<&Path>) -> Result<Plan> {
    let overrides = set.iter().map(|set| Override::parse(set)).collect::<Result<Vec<_>>>()?;
    for (over, typed) in overrides.iter().zip(set) {
        if over.files().iter().any(|file| file.is_relative()) {
            let message = format!("--set {typed}: a file of a plan must not depend on the current directory");
            return Err(Error::input(message).with_help("give its absolute path, or name it in the study"));
        }
    }
    let study = Study::read(path, &overrides)?;
    let title = crate::study::pipeline::title(&study);
    let default = study.default_folder().with_extension("sweep");
    let at = out.unwrap_or(&default);
    let sweep = Sweep::new(study, set)?;
    sweep.check()?;
    let earlier = Manifest::read(at);
    if let Err(error) = &earlier
        && at.join(MANIFEST).exists()
        && at.join(super::part::TASKS).read_dir().is_ok_and(|mut tasks| tasks.next().is_some())
    {
        return Err(Error::input(format!(
            "{} holds tasks of a plan that cannot be read: {error}",
            at.display()
        ))
        .with_help("plan into another folder with --out, or remove this one"));
    }
    if let Ok((earlier, _)) = earlier
        && earlier.study_sha256 != sweep.sha256()
        && let done @ 1.. = done(at, &earlier)?
    {
        return Err(Error::input(format!(
            "{} holds {done} tasks of another plan: the study, its data or the program have changed",
            at.display()
        ))
        .with_help("plan into another folder with --out, or remove this one"));
    }
    let folder = Folder::open(at)?;
    folder.spare(&[&[path.to_owned()][..], &sweep.study.files()].concat(), super::merge::FILES)?;
    let (grid_columns, points_columns) = measure::columns(&sweep);
    let manifest = Manifest {
        sweep: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        title,
        study: relative(path, at),
        set: set.to_vec(),
        study_sha256: sweep.sha256().into(),
        tasks: sweep.tasks(),
        points: sweep.points(),
        batch: sweep.batch,
        grid: sweep.axes().iter().map(grid_key).collect(),
        seeds: sweep.section().repeats.as_ref().map(|axis| axis.values.len()),
        seed_key: sweep.section().repeats.as_ref().map(|axis| axis.key.clone()),
        graph: sweep.section().graph,
        grid_columns,
        points_columns,
    };
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|e| Error::Numerics(format!("the plan cannot be written: {e}")))?;
    folder.write(MANIFEST, (text + "\n").as_bytes())?;
    Ok(Plan { sweep, manifest, folder })
}

/// Number of tasks of a plan that are done.
fn done(folder: &Path, manifest: &Manifest) -> Result<u64> {
    let mut done = 0;
    for task in 0..manifest.tasks {
        let there = part::read(folder, task, &manifest.study_sha256, &manifest.columns())?;
        done += u64::from(!matches!(there, Err(Absent::Missing | Absent::Other | Absent::Damaged)));
    }
    Ok(done)
}

fn grid_key(axis: &Axis) -> GridKey {
    let value = |cell: Cell| match cell {
        Cell::Whole(v) => v.into(),
        Cell::Real(v) => v.into(),
        Cell::Flag(flag) => flag.into(),
        other => other.text().into(),
    };
    GridKey { key: axis.key.clone(), values: axis.values.iter().map(|v| value(v.into())).collect() }
}

/// A path seen from a folder, with `..` where needed; the absolute path where there is no way.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let (Ok(path), Ok(folder)) = (absolute(path), absolute(folder)) else { return path.to_owned() };
    let (to, from): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (path.components().collect(), folder.components().collect());
    let same = to.iter().zip(&from).take_while(|(a, b)| a == b).count();
    if same == 0 {
        return path;
    }
    let up = from[same..].iter().map(|_| Component::ParentDir);
    up.chain(to[same..].iter().copied()).collect()
}
