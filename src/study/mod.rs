//! The study file: what to analyse and how, and the folder the results go to.
//!
//! In: a TOML file and what the command line lays over it. Out: a [`Study`]; for its results a [`Folder`].

mod certifying;
mod continuing;
mod field;
mod folder;
mod keys;
mod lyapunov;
mod manifolds;
mod measure;
pub(crate) mod memorization;
mod nearest;
pub mod pipeline;
mod points;
mod quantity;
mod rates;
mod region;
pub mod schema;
mod second;
mod section;
mod shares;
mod sweep;
mod value;

use std::path::{Path, PathBuf};

pub use certifying::CertifySection;
pub use continuing::ContinueSection;
pub use folder::{Folder, Staged};
pub use keys::of_kind as keys_of_kind;
pub use lyapunov::LyapunovSection;
pub use measure::MeasureSection;
pub use memorization::MemorizationSection;
pub use second::Second;
pub use section::{Item, Section};
pub use sweep::{Axis, Setting, SweepSection};
pub use value::Override;

use crate::connection::Order;
use crate::data::Points;
use crate::error::{Error, Result, brief, shown};
use crate::landscape::{Family, KINDS, Kind, Region};
use crate::report::Quantity;
use nearest::nearest;
use value::{Entry, Value};

/// How critical points are to be found; `None` leaves the choice to the search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CriticalSection {
    /// "auto", "complete" or "search".
    pub method: String,
    /// Most boxes of a proof of completeness, at least 1.
    pub boxes: Option<usize>,
    /// Signed permutations of the coordinates, counted from 1, that leave the landscape as it is.
    pub symmetry: Vec<Vec<i64>>,
    /// Highest Morse index to search for.
    pub max_index: Option<usize>,
    /// Most rounds of search, at least 1.
    pub rounds: Option<usize>,
    /// Most searches, at least 1.
    pub limit: Option<usize>,
    /// Eigenvalues below this share of the largest count as zero; positive.
    pub degenerate_tolerance: Option<f64>,
    /// How many of its nearest minima each minimum is paired with, at least 1.
    pub neighbours: Option<usize>,
    /// Are points to be proven, where the kind allows? Not given, they are.
    pub prove: Option<bool>,
}

/// How critical points are to be connected; `None` leaves the choice to the search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphSection {
    /// Error of a step of an orbit, relative to the landscape's own scale; positive.
    pub tolerance: Option<f64>,
    /// Between which indices connections are looked for.
    pub order: Option<Order>,
    /// Which invariant manifolds are computed for themselves.
    pub manifolds: Manifolds,
    /// Orbits from random points that measure basins; 0 for none.
    pub basins: usize,
    /// Are connections to be proven, where the kind allows? Not given, they are.
    pub prove: Option<bool>,
}

/// Unstable manifolds to be written as files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manifolds {
    /// None.
    #[default]
    None,
    /// Those of points of index 1.
    Curves,
    /// Those of points of index 1 and 2.
    Surfaces,
}

/// How results are to be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportSection {
    /// Rows and columns of a state that is an image.
    pub image: Option<[usize; 2]>,
    /// Axes of the projection; those along which the critical points spread most if absent.
    pub axes: Option<[Quantity; 2]>,
    /// Title; that of the study if absent.
    pub title: Option<String>,
}

/// A study, checked except for what only its landscape can tell.
#[derive(Clone)]
pub struct Study {
    /// The file it was read from; `None` if it comes from flags.
    pub path: Option<PathBuf>,
    /// Its title.
    pub title: Option<String>,
    /// Seed of everything random.
    pub seed: u64,
    /// The kind of its landscape.
    pub kind: &'static Kind,
    /// `[critical]`.
    pub critical: CriticalSection,
    /// `[graph]`.
    pub graph: GraphSection,
    /// `[lyapunov]`; `None` if the study has none.
    pub lyapunov: Option<LyapunovSection>,
    /// `[continue]`; `None` if the study has none.
    pub continuation: Option<ContinueSection>,
    /// `[sweep]`; `None` if the study has none.
    pub sweep: Option<SweepSection>,
    /// `[memorization]`; `None` if the study has none.
    pub memorization: Option<MemorizationSection>,
    /// `[measure]`; `None` if the study has none.
    pub measure: Option<MeasureSection>,
    /// `[certify]`; `None` if the study has none.
    pub certify: Option<CertifySection>,
    /// The folder in which parts of a certificate are kept until it is done; none are if absent.
    pub parts: Option<PathBuf>,
    /// `[report]`.
    pub report: ReportSection,
    /// Sections that this version can't do yet and skips.
    pub not_done: Vec<String>,
    landscape: Section,
    region: Option<region::Choice>,
    /// All of it but `[sweep]`, for studies that differ in a few keys.
    entries: Vec<Entry>,
    kinds: &'static [&'static Kind],
}

impl Study {
    /// Reads a study file and lays `overrides` over it: keys that begin with a section's name, and `seed` and `title`,
    /// go there, all others to `[landscape]`.
    ///
    /// Errors name the file, the line and the key.
    pub fn read(path: &Path, overrides: &[Override]) -> Result<Study> {
        if path.is_dir() {
            return Err(Error::file(path, "is a folder, not a study file"));
        }
        let bytes = std::fs::read(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::file(path, "there is no such study file"),
            _ => Error::file(path, e),
        })?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let good = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..good].iter().filter(|b| **b == b'\n').count() + 1;
            Error::file(path, format!("line {line} is no text (UTF-8), so this is no study file"))
        })?;
        let source = value::file_source(path, text);
        let entries = value::parse(&source)?;
        if entries.is_empty() && overrides.is_empty() {
            return Err(Error::file(path, "the study is empty: it needs at least a [landscape]"));
        }
        let mut study = Study::from_entries(entries, overrides, KINDS)?;
        study.path = Some(path.to_owned());
        Ok(study)
    }

    /// The study as a file of its own, with what was laid over it and its seed.
    ///
    /// # Errors
    /// If a value can't be written as TOML.
    pub fn text(&self) -> Result<String> {
        let mut table = value::table(&self.entries);
        table.insert("seed".into(), toml::Value::Integer(self.seed as i64));
        toml::to_string(&table).map_err(|e| Error::Numerics(format!("the study can't be written: {e}")))
    }

    /// A study without a file, from flags alone.
    pub fn from_flags(overrides: &[Override]) -> Result<Study> {
        Study::from_entries(Vec::new(), overrides, KINDS)
    }

    fn from_entries(
        mut entries: Vec<Entry>,
        overrides: &[Override],
        kinds: &'static [&'static Kind],
    ) -> Result<Study> {
        for over in overrides {
            let (first, alone) = over.first();
            let top = keys::TOP.iter().any(|k| k.name == first);
            let table = first == "landscape" || keys::TABLES.iter().any(|t| t.name == first);
            let stays = if alone { top && !table } else { table };
            let over = over.clone();
            if stays { over } else { over.within("landscape") }.apply(&mut entries)?;
        }
        let kept = entries.iter().filter(|e| e.key != "sweep").cloned().collect();
        let mut top = Section::new("", entries);
        let title = top.text("title")?;
        let seed = top.integer("seed")?.unwrap_or(0) as u64;
        let mut landscape = top.table("landscape")?;
        let sections = Sections::read(&mut top)?;
        top.finish(keys::TOP)?;
        let landscape = landscape.as_mut().ok_or_else(|| {
            Error::input("the study has no [landscape]")
                .with_help("write [landscape] and below it kind = \"mixture\" and data = \"points.csv\", say")
        })?;
        let kind = find_kind(landscape, kinds)?;
        let sweep = sections.sweep.map(|section| sweep::read(section, kind, landscape)).transpose()?;
        Ok(Study {
            path: None,
            title,
            seed,
            kind,
            critical: sections.critical,
            graph: sections.graph,
            lyapunov: sections.lyapunov,
            continuation: sections.continuation,
            sweep,
            memorization: sections.memorization,
            measure: sections.measure,
            certify: sections.certify,
            parts: None,
            report: sections.report,
            not_done: sections.not_done,
            landscape: landscape.clone(),
            region: sections.region,
            entries: kept,
            kinds,
        })
    }

    /// The same study with `overrides` laid over it, which go where [`Study::read`] puts them, and without `[sweep]`.
    pub fn with(&self, overrides: &[Override]) -> Result<Study> {
        let study = Study::from_entries(self.entries.clone(), overrides, self.kinds)?;
        Ok(Study { path: self.path.clone(), ..study })
    }

    /// Reads the landscape's data, so that it and those made from it by [`Study::with`] need not read the file again.
    pub fn load_data(&mut self) -> Result<()> {
        self.landscape.load_data()?;
        let own = self.entries.iter_mut().find(|e| e.key == "landscape");
        if let Some(Value::Table(entries)) = own.map(|e| &mut e.value) {
            *entries = self.landscape.entries.clone();
            entries.iter_mut().for_each(|e| e.read = false);
        }
        Ok(())
    }

    /// The landscape with normal noise of this standard deviation on every number of its data.
    ///
    /// # Errors
    /// If it has no data, or none can be built of those.
    pub fn build_with_data_noise(&self, noise: f64, seed: u64) -> Result<Box<dyn Family>> {
        let mut landscape = self.landscape.clone();
        landscape.disturb_data(noise, seed)?;
        build_kind(self.kind, &landscape)
    }

    /// The rows of data that the landscape is built from; `None` if it has none.
    pub fn data(&self) -> Result<Option<Points>> {
        self.landscape.clone().points("data")
    }

    /// Builds the landscape, which reads its data.
    pub fn build(&self) -> Result<Box<dyn Family>> {
        build_kind(self.kind, &self.landscape)
    }

    /// The region that the study names, for a landscape of this dimension; `None` if it names none.
    pub fn region_for(&self, dim: usize) -> Result<Option<Region>> {
        self.region.as_ref().map(|choice| choice.for_dim(dim)).transpose()
    }

    /// The files that the study reads: its own, and those that its landscape names.
    pub fn inputs(&self) -> Vec<PathBuf> {
        self.path.iter().cloned().chain(self.files()).collect()
    }

    /// All files that the study and its `[sweep]` name, in the order in which they do, each once; not the study itself.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Section::new("", self.entries.clone()).files();
        let axes = self.sweep.iter().flat_map(|s| &s.axes);
        files.extend(axes.flat_map(|axis| (0..axis.values.len()).flat_map(|k| axis.over(k).files())));
        let mut seen = std::collections::BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        files
    }

    /// Where results go unless somebody says otherwise: `<name of the study>.results` in the current directory.
    pub fn default_folder(&self) -> PathBuf {
        let stem = self.path.as_deref().and_then(Path::file_stem);
        let mut name = stem.map_or_else(|| "smale".into(), std::ffi::OsStr::to_owned);
        name.push(".results");
        PathBuf::from(name)
    }
}

/// The sections beside the landscape.
#[derive(Default)]
struct Sections {
    critical: CriticalSection,
    graph: GraphSection,
    lyapunov: Option<LyapunovSection>,
    continuation: Option<ContinueSection>,
    /// Read when the kind is known.
    sweep: Option<Section>,
    memorization: Option<MemorizationSection>,
    measure: Option<MeasureSection>,
    certify: Option<CertifySection>,
    report: ReportSection,
    region: Option<region::Choice>,
    not_done: Vec<String>,
}

impl Sections {
    fn read(top: &mut Section) -> Result<Sections> {
        let mut all = Sections::default();
        for table in keys::TABLES {
            let Some(mut section) = top.table(table.name)? else { continue };
            let Some(known) = table.keys else {
                all.not_done.push(table.name.to_owned());
                continue;
            };
            match table.name {
                "region" => all.region = Some(region::read(&mut section)?),
                "critical" => all.critical = critical(&mut section)?,
                "lyapunov" => all.lyapunov = Some(lyapunov::read(&mut section)?),
                "graph" => all.graph = graph(&mut section)?,
                "memorization" => all.memorization = Some(memorization::read(&mut section)?),
                "measure" => all.measure = Some(measure::read(&mut section)?),
                "certify" => all.certify = Some(certifying::read(&mut section)?),
                "continue" => all.continuation = Some(continuing::read(&mut section)?),
                "sweep" => {
                    all.sweep = Some(section);
                    continue;
                }
                _ => all.report = report(&mut section)?,
            }
            check_bounds(&mut section, table.name)?;
            section.finish(known)?;
        }
        if all.critical.method.is_empty() {
            all.critical.method = "auto".into();
        }
        Ok(all)
    }
}

fn critical(section: &mut Section) -> Result<CriticalSection> {
    let method = section.text("method")?.unwrap_or_else(|| "auto".into());
    if !keys::METHODS.contains(&method.as_str()) {
        let error = section.error("method", format!("unknown `method` {:?}", brief(&method)));
        return Err(error.with_help("it is \"auto\", \"complete\" or \"search\""));
    }
    let prove = section.flag("prove")?;
    if prove == Some(false) && method == "complete" {
        let error =
            section.error("prove", "`method = \"complete\"` asks for a proof, `prove = false` for none");
        return Err(error.with_help("leave out one of them"));
    }
    for key in ["boxes", "symmetry"] {
        if prove == Some(false) && section.has(key) {
            let error =
                section.error(key, format!("`{key}` is for a proof, and `prove = false` asks for none"));
            return Err(error.with_help("leave out one of them"));
        }
    }
    Ok(CriticalSection {
        method,
        boxes: section.integer("boxes")?,
        symmetry: symmetry(section)?,
        max_index: section.integer("max_index")?,
        rounds: section.integer("rounds")?,
        limit: section.integer("limit")?,
        degenerate_tolerance: section.number("degenerate_tolerance")?,
        neighbours: section.integer("neighbours")?,
        prove,
    })
}

fn graph(section: &mut Section) -> Result<GraphSection> {
    let order = if section.is_text("order") {
        let text = section.text("order")?;
        text.map(|text| match text.as_str() {
            "all" => Ok(Order::All),
            _ => Err(section.error("order", format!("unknown `order` {:?}", brief(&text)))),
        })
    } else {
        section.integer("order")?.map(|k| match k {
            1 => Ok(Order::One),
            _ => Err(section.error("order", format!("`order` can't be {k}"))),
        })
    };
    let help = "it is 1 (orbits between minima and index 1, and between n and n - 1) or \"all\"";
    Ok(GraphSection {
        tolerance: section.number("tolerance")?,
        order: order.transpose().map_err(|e| e.with_help(help))?,
        manifolds: manifolds(section)?,
        basins: section.integer("basins")?.unwrap_or(0),
        prove: section.flag("prove")?,
    })
}

fn manifolds(section: &mut Section) -> Result<Manifolds> {
    match section.text("manifolds")?.as_deref() {
        None | Some("none") => Ok(Manifolds::None),
        Some("curves") => Ok(Manifolds::Curves),
        Some("surfaces") => Ok(Manifolds::Surfaces),
        Some(other) => {
            let error = section.error("manifolds", format!("unknown `manifolds` {:?}", brief(other)));
            Err(error.with_help("it is \"none\", \"curves\" or \"surfaces\""))
        }
    }
}

/// The key `symmetry`: rows of whole numbers, each a signed permutation of 1..n.
fn symmetry(section: &mut Section) -> Result<Vec<Vec<i64>>> {
    let Some(table) = section.matrix("symmetry")? else { return Ok(vec![]) };
    let whole = |v: &f64| v.fract() == 0.0 && (1.0..=table.columns as f64).contains(&v.abs());
    let rows: Vec<&[f64]> = table.values.chunks_exact(table.columns).collect();
    let is_map = |row: &&[f64]| {
        let mut places: Vec<i64> = row.iter().map(|v| v.abs() as i64).collect();
        places.sort_unstable();
        row.iter().all(whole) && places.iter().copied().eq(1..=row.len() as i64)
    };
    if !rows.iter().all(is_map) {
        return Err(section
            .error("symmetry", "each row of `symmetry` must hold every number from 1 to the dimension once, with a sign")
            .with_help("write symmetry = [[2, 1], [-1, 2]]: the coordinates may be exchanged, the first may change its sign"));
    }
    Ok(rows.iter().map(|row| row.iter().map(|v| *v as i64).collect()).collect())
}

fn report(section: &mut Section) -> Result<ReportSection> {
    let image = match section.numbers("image")?.as_deref() {
        None => None,
        Some(&[rows, columns])
            if [rows, columns].iter().all(|v| v.fract() == 0.0 && (1.0..=1e6).contains(v)) =>
        {
            Some([rows as usize, columns as usize])
        }
        Some(_) => {
            return Err(section
                .error("image", "`image` must be two positive whole numbers")
                .with_help("write image = [28, 28]: rows and columns of a state drawn as an image"));
        }
    };
    Ok(ReportSection { image, axes: quantity::pair(section, "axes")?, title: section.text("title")? })
}

/// The bounds that the schema states too.
fn check_bounds(section: &mut Section, name: &str) -> Result<()> {
    for (_, key) in keys::AT_LEAST_ONE.iter().filter(|(table, _)| *table == name) {
        if section.integer(key)? == Some(0) {
            return Err(section.error(key, format!("`{key}` must be at least 1")));
        }
    }
    for (_, key) in keys::POSITIVE.iter().filter(|(table, _)| *table == name) {
        if let Some(v) = section.number(key)?.filter(|v| *v <= 0.0) {
            return Err(section.error(key, format!("`{key}` must be positive, not {}", shown(v))));
        }
    }
    Ok(())
}

/// A landscape of a kind from its section.
fn build_kind(kind: &'static Kind, section: &Section) -> Result<Box<dyn Family>> {
    let mut section = section.clone();
    let built = (kind.build)(&mut section).map_err(|e| section.locate(e));
    // A misspelt key is often why another one is missing, so it is the better message.
    let known = keys::of_kind(kind);
    match built {
        Ok(family) => section.finish(&known).map(|()| family),
        Err(error) => section.misspelt(&known).and(Err(error)),
    }
}

/// The kind that a landscape section names.
fn find_kind(landscape: &mut Section, kinds: &'static [&'static Kind]) -> Result<&'static Kind> {
    let Some(name) = landscape.text("kind")? else {
        let list = kinds.iter().map(|k| k.name).collect::<Vec<_>>().join(", ");
        return Err(landscape.missing("kind", "\"mixture\"").with_help(format!("the kinds are: {list}")));
    };
    kind_named(&name, kinds).map_err(|help| {
        landscape
            .error("kind", format!("there is no `kind` of landscape called {:?}", brief(&name)))
            .with_help(help)
    })
}

fn kind_named(name: &str, kinds: &'static [&'static Kind]) -> std::result::Result<&'static Kind, String> {
    let names: Vec<&str> = kinds.iter().map(|k| k.name).collect();
    kinds.iter().find(|k| k.name == name).copied().ok_or_else(|| match nearest(name, &names) {
        Some(near) => format!("did you mean {near:?}? The kinds are: {}", names.join(", ")),
        None => format!("the kinds are: {}", names.join(", ")),
    })
}

/// The kind of this name; the error names the nearest and lists all.
pub fn kind(name: &str) -> Result<&'static Kind> {
    kind_named(name, KINDS).map_err(|help| {
        Error::input(format!("there is no kind of landscape called {:?}", brief(name))).with_help(help)
    })
}

#[cfg(test)]
mod tests;
