//! From a study to its results: the landscape, its critical points, its graph, and the files that hold them.

use std::time::Instant;

use serde_json::{Value, json};

use super::field::{SmallNoise, Spectra};
use super::folder::{FORMAT, SUMMARY, is_named};
use super::{
    Manifolds, Study, certifying, continuing, lyapunov, manifolds, measure, memorization, quantity, rates,
};
use crate::connection::algebra::{self, Algebra};
use crate::connection::{self, Loose, MorseGraph, MorseSmale, ProofOptions};
use crate::control::Control;
use crate::critical::{self, Completeness, CriticalSet, Level, Method, Work};
use crate::error::{Error, Result};
use crate::landscape::{Family, Landscape};
use crate::linalg::norm;
use crate::measure::basins::{self, Basins};
use crate::report::{PAGE, Projection, Quantity, page};
use crate::rigor::prune::SignedPermutation;
use crate::{export, report};

/// How much of a study is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Critical points.
    Critical,
    /// Critical points and how they are connected.
    Graph,
    /// Whether an energy falls along orbits, and where they end.
    Lyapunov,
    /// Branches of critical points along a parameter, their events, and the graphs between.
    Continue,
    /// Critical points, how they are connected, and the invariant measure.
    Measure,
    /// Critical points and their certificate.
    Certify,
    /// Everything.
    All,
}

/// Names of all files that a run may write beside `summary.json`; a star stands for a number.
pub const FILES: &[&str] = &[
    "critical_points.csv",
    "critical_points.npy",
    "degenerate.csv",
    "proofs.csv",
    "eigenvalues.csv",
    "graph.json",
    "graph.graphml",
    "graph.gexf",
    "graph.dot",
    "graph.svg",
    "edges.csv",
    "orbits.csv",
    BASINS,
    "portrait.svg",
    "portrait.csv",
    "projection.svg",
    "projection.csv",
    "complex.json",
    "persistence.csv",
    "barriers.csv",
    "persistence.svg",
    "tree.svg",
    "tree.csv",
    LYAPUNOV,
    memorization::FILES[0],
    memorization::FILES[1],
    measure::FILES[0],
    measure::FILES[1],
    measure::FILES[2],
    measure::FILES[3],
    rates::FILES[0],
    rates::FILES[1],
    rates::FILES[2],
    "manifold-*.vtp",
    continuing::FILES[0],
    continuing::FILES[1],
    continuing::FILES[2],
    continuing::FILES[3],
    continuing::FILES[4],
    continuing::FILES[5],
    continuing::FILES[6],
    continuing::FILES[7],
    continuing::PLANE_FILES[0],
    continuing::PLANE_FILES[1],
    continuing::PLANE_FILES[2],
    PAGE,
    certifying::CERTIFICATE,
    certifying::CERTIFICATES,
];

/// What came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The content of `summary.json`: the same, bit for bit, whenever the study is run again.
    pub summary: Value,
    /// Seconds spent, by stage; kept apart from the summary since no two runs agree on them.
    pub timings: Value,
    /// Names and contents of the other files of the result folder; the summary lists them as `files`, itself included.
    pub files: Vec<(String, Vec<u8>)>,
    /// Was the work stopped before its end?
    pub interrupted: bool,
    /// What could not be reached, and what was instead; the results stand, with less to rely on.
    pub shortfall: Option<String>,
    /// The result in a line or two.
    pub headline: String,
}

impl Outcome {
    /// Adds the page of all results, and to the summary the study that they come from.
    ///
    /// # Errors
    /// If a result can't be shown.
    pub fn add_page(&mut self, study: &Study) -> Result<()> {
        let file = study.path.as_ref().and_then(|p| p.file_name()).map(|name| name.to_string_lossy());
        self.summary["study"] = json!({ "file": file, "text": study.text()? });
        self.summary["image"] = json!(study.report.image);
        self.summary["axes"] =
            json!(study.report.axes.as_ref().map(|axes| axes.each_ref().map(Quantity::json)));
        if let Some(files) = self.summary["files"].as_array_mut() {
            files.insert(files.len().saturating_sub(1), PAGE.into());
        }
        self.files.push((PAGE.to_owned(), page(&self.summary, &self.files)?.into_bytes()));
        Ok(())
    }
}

/// Does what the study asks for.
///
/// # Errors
/// If the landscape cannot be built, the region does not fit it, or a result is not finite.
pub fn execute(study: &Study, what: Part, control: &Control<'_>) -> Result<Outcome> {
    let started = Instant::now();
    let family = study.build()?;
    if what == Part::Lyapunov {
        return check_descent(study, family.as_ref(), started, control);
    }
    let landscape: &dyn Landscape = family.as_ref();
    let region = study.region_for(landscape.dim())?;
    if let Some([rows, columns]) = study.report.image
        && rows * columns != landscape.dim()
    {
        let dim = landscape.dim();
        return Err(Error::input(format!(
            "[report] image: {rows} x {columns} pixels are {}, the landscape has {dim} dimensions",
            rows * columns
        )));
    }
    for axis in study.report.axes.iter().flatten() {
        if let Some(why) = axis.misfit(landscape.dim()) {
            let help = quantity::coordinates(landscape.dim());
            return Err(Error::input(format!("[report] axes: {why}")).with_help(help));
        }
        if *axis == Quantity::Energy && !landscape.has_energy() {
            return Err(Error::input(format!("[report] axes: `{}` has no energy", study.kind.name)));
        }
    }
    if what == Part::Continue {
        crate::linalg::sequential();
        return continuing::alone(study, family.as_ref(), started, control);
    }
    if what == Part::Certify {
        return certifying::alone(study, family.as_ref(), started, control);
    }
    if let Some(section) = study.measure.as_ref().filter(|_| matches!(what, Part::Measure | Part::All)) {
        measure::check(study, section, landscape)?;
    }
    if !landscape.has_energy() && study.critical.neighbours.is_some() {
        let kind = study.kind.name;
        return Err(Error::input(format!(
            "[critical] neighbours: no effect, since `{kind}` has no energy whose minima could be paired"
        ))
        .with_help("equilibria of a field are found by Newton's method from random points"));
    }
    let built = started.elapsed().as_secs_f64();

    let options = critical_options(study);
    let set = critical::search(landscape, region.as_ref(), &options, control)?;
    let searched = started.elapsed().as_secs_f64();

    let mut graph = (what != Part::Critical && !set.interrupted)
        .then(|| connection::connect(landscape, &set, &graph_options(study), control));
    let connected = started.elapsed().as_secs_f64();
    if let Some(graph) = &mut graph {
        prove_connections(study, landscape, &set, graph, control);
    }
    let proven = started.elapsed().as_secs_f64();
    let measured = graph.as_ref().and_then(|_| measure_basins(study, landscape, &set, control));
    let drained = started.elapsed().as_secs_f64();

    let classes = match control.stopped() {
        true => None,
        false => memorization::run(study, landscape, &set, graph.as_ref(), study.seed)?,
    };
    let title = title(study);
    let plain = measure::MeasureSection::plain();
    let section = match what {
        Part::Measure => Some(study.measure.as_ref().unwrap_or(&plain)),
        Part::All => study.measure.as_ref(),
        _ => None,
    };
    let section = section.filter(|_| !control.stopped());
    let small_noise = match section.filter(|_| !landscape.has_energy()) {
        Some(section) => Some(SmallNoise::of(study, section, landscape, &set, graph.as_ref(), control)?),
        None => None,
    };
    let measured_limit = match section.filter(|_| landscape.has_energy()) {
        Some(section) => Some(measure::run(study, section, landscape, &set, graph.as_ref(), control)?),
        None => None,
    };
    let weighed = started.elapsed().as_secs_f64();
    let mut files = tables(&set)?;
    let field = landscape.dynamics().filter(|_| !landscape.has_energy());
    let spectra = field.map(|f| Spectra::of(f, &set, study.seed)).transpose()?;
    if set.points.iter().any(|p| p.proof.is_some()) {
        files.push(("proofs.csv".to_string(), export::proofs_csv(&set)?.into_bytes()));
    }
    if let Some(spectra) = &spectra {
        files.push(("eigenvalues.csv".to_string(), spectra.csv().into_bytes()));
    }
    if let Some(graph) = &graph {
        files.extend(graph_files(&set, graph, &title)?);
        files.extend(pictures(study, landscape, &set, graph, &title)?);
    }
    let whole = set.has_energy() && !control.stopped();
    let algebra = graph.as_ref().filter(|_| whole).map(|graph| analysed(&set, graph));
    if let (Some(graph), Some(algebra)) = (&graph, &algebra) {
        files.extend(algebra_files(study, &set, graph, algebra, &title)?);
    }
    let table = match study.lyapunov.is_some() && what == Part::All && !control.stopped() {
        true => Some(lyapunov::table(study, family.as_ref(), control)?),
        false => None,
    };
    let continuation = match study.continuation.is_some() && what == Part::All && !control.stopped() {
        true => Some(continuing::run(study, family.as_ref(), control)?),
        false => None,
    };
    if let Some(continuation) = &continuation {
        files.extend(continuation.files(study, &title)?);
    }
    let certified = match study.certify.is_some() && what == Part::All && !control.stopped() {
        true => Some(certifying::run(study, landscape, &set, control)),
        false => None,
    };
    if let Some(certified) = &certified {
        files.extend(certified.files());
    }
    if let Some(measured) = &measured {
        files.push((BASINS.to_string(), export::basins_csv(measured)?.into_bytes()));
    }
    if let Some(classes) = &classes {
        files.extend(classes.files(&set)?);
    }
    if let Some(limit) = &measured_limit {
        files.extend(limit.files(&title)?);
    }
    if let Some(small_noise) = &small_noise {
        files.extend(small_noise.files()?);
    }
    if let Some(table) = &table {
        files.push((LYAPUNOV.to_string(), table.csv().into_bytes()));
    }
    let manifolds = match graph.is_some() && study.graph.manifolds != Manifolds::None {
        true => Some(manifolds::files(landscape, &set, study.graph.manifolds, control)?),
        false => None,
    };
    let manifolds = manifolds.map(|(of_manifolds, list)| {
        files.extend(of_manifolds);
        list
    });
    debug_assert!(
        files.iter().all(|(name, _)| FILES.iter().any(|known| is_named(known, name))),
        "a file that FILES lacks"
    );
    let interrupted =
        set.interrupted || control.stopped() || measured_limit.as_ref().is_some_and(|m| m.interrupted);
    let drawn = started.elapsed().as_secs_f64();
    let mut summary = summary(study, &title, landscape, &set, graph.as_ref(), interrupted);
    if let Some(spectra) = &spectra {
        spectra.describe(&mut summary);
    }
    if let Some(algebra) = &algebra {
        summary["homology"] = homology(algebra);
        if let (Some(check), Some(checks)) = (homology_check(algebra), summary["checks"].as_array_mut()) {
            checks.push(check);
        }
    }
    if let Some(measured) = &measured {
        summary["basins"] = json!({
            "orbits": measured.orbits,
            "exits": measured.exits,
            "degenerate": measured.degenerate,
            "lost": measured.lost,
            "interrupted": measured.interrupted,
        });
        summary["levels"]["basins"] = export::level_name(Level::Estimated).into();
    }
    if let Some(table) = &table {
        summary["lyapunov"] = table.json();
        summary["levels"]["lyapunov"] = "estimated".into();
    }
    if let Some(classes) = &classes {
        summary["memorization"] = classes.json();
        summary["levels"]["memorization"] = export::level_name(Level::Checked).into();
    }
    if let Some(limit) = &measured_limit {
        summary["measure"] = limit.json();
        summary["levels"]["measure"] = export::level_name(limit.level()).into();
    }
    if let Some(small_noise) = &small_noise {
        small_noise.describe(&mut summary);
    }
    if let Some(list) = manifolds {
        summary["manifolds"] = list;
    }
    if let Some(continuation) = &continuation {
        summary["continuation"] = continuation.json();
        summary["levels"]["continuation"] = export::level_name(continuation.level()).into();
        summary["checks"].as_array_mut().into_iter().for_each(|checks| checks.extend(continuation.checks()));
    }
    if let Some(certified) = &certified {
        summary["certificate"] = certified.json();
    }
    let shortfall = if interrupted {
        None
    } else {
        let of_continuation = || continuation.as_ref().and_then(|c| c.shortfall());
        let of_certificate = || certified.as_ref().and_then(|c| c.shortfall());
        shortfall(study, &set, graph.as_ref()).or_else(of_continuation).or_else(of_certificate)
    };
    summary["shortfall"] = shortfall.as_deref().into();
    summary["smale"] = FORMAT.into();
    summary["files"] = files.iter().map(|(name, _)| name.as_str()).chain([SUMMARY]).collect();
    Ok(Outcome {
        summary,
        timings: json!({
            "landscape": built,
            "critical": searched - built,
            "graph": connected - searched,
            "proofs": proven - connected,
            "basins": drained - proven,
            "measure": weighed - drained,
            "files": drawn - weighed,
            "total": drawn,
        }),
        files,
        interrupted,
        shortfall,
        headline: headline(&title, &set, graph.as_ref(), landscape.has_energy())
            + &classes.map_or(String::new(), |c| format!("\n{}", c.text()))
            + &measured_limit.map_or(String::new(), |m| format!("\n{}", m.text()))
            + &table.map_or(String::new(), |t| format!("\n{}", t.text()))
            + &continuation.map_or(String::new(), |c| format!("\n{}", c.headline(&title)))
            + &certified.map_or(String::new(), |c| format!("\n{}", c.text())),
    })
}

/// The table of basins.
const BASINS: &str = "basins.csv";

/// The table of [`Part::Lyapunov`].
const LYAPUNOV: &str = "lyapunov.csv";

/// What the summary of a part done alone says besides its own results.
pub(super) fn frame(
    study: &Study,
    dimension: usize,
    interrupted: bool,
    shortfall: Option<&str>,
    files: &[(String, Vec<u8>)],
) -> Value {
    json!({
        "title": title(study),
        "kind": study.kind.name,
        "dimension": dimension,
        "interrupted": interrupted,
        "shortfall": shortfall,
        "not_done": study.not_done,
        "seed": study.seed,
        "version": env!("CARGO_PKG_VERSION"),
        "smale": FORMAT,
        "files": files.iter().map(|(name, _)| name.as_str()).chain([SUMMARY]).collect::<Vec<_>>(),
    })
}

/// Part::Lyapunov alone.
fn check_descent(
    study: &Study,
    family: &dyn Family,
    started: Instant,
    control: &Control<'_>,
) -> Result<Outcome> {
    crate::linalg::sequential();
    let built = started.elapsed().as_secs_f64();
    let table = lyapunov::table(study, family, control)?;
    let title = title(study);
    let total = started.elapsed().as_secs_f64();
    let files = vec![(LYAPUNOV.to_string(), table.csv().into_bytes())];
    let mut summary = frame(study, family.dim(), table.interrupted, None, &files);
    summary["lyapunov"] = table.json();
    summary["levels"] = json!({ "lyapunov": "estimated" });
    Ok(Outcome {
        summary,
        timings: json!({ "landscape": built, "lyapunov": total - built, "total": total }),
        files,
        interrupted: table.interrupted,
        shortfall: None,
        headline: format!("{title}\n{}", table.text()),
    })
}

pub(crate) fn critical_options(study: &Study) -> critical::Options {
    let default = critical::Options::default();
    let asked = &study.critical;
    let prove = asked.prove.unwrap_or(default.prove);
    critical::Options {
        method: match asked.method.as_str() {
            "complete" => Method::Complete,
            "auto" if prove => Method::Auto,
            _ => Method::Search,
        },
        boxes: asked.boxes.map(|boxes| boxes as u64),
        symmetry: asked.symmetry.iter().filter_map(|row| signed_permutation(row)).collect(),
        max_index: asked.max_index,
        rounds: asked.rounds,
        limit: asked.limit,
        degenerate_tolerance: asked.degenerate_tolerance.unwrap_or(default.degenerate_tolerance),
        neighbours: asked.neighbours.unwrap_or(default.neighbours),
        prove,
        seed: study.seed,
    }
}

/// Checked when it was read.
fn signed_permutation(row: &[i64]) -> Option<SignedPermutation> {
    let places = row.iter().map(|v| v.unsigned_abs() as usize - 1).collect();
    SignedPermutation::new(places, row.iter().map(|v| *v < 0).collect())
}

/// Proves connections, unless the study leaves that out.
pub(crate) fn prove_connections(
    study: &Study,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: &mut MorseGraph,
    control: &Control<'_>,
) {
    if study.graph.prove.unwrap_or(true) {
        connection::prove(landscape, set, graph, &ProofOptions::default(), control);
    } else {
        let why = "it was not tried: [graph] prove = false";
        graph.connections.iter_mut().for_each(|c| c.open = Some(why.into()));
    }
}

pub(crate) fn graph_options(study: &Study) -> connection::Options {
    let default = connection::Options::default();
    connection::Options {
        tolerance: study.graph.tolerance.unwrap_or(default.tolerance),
        order: study.graph.order.unwrap_or(default.order),
    }
}

/// How much of the region flows to each minimum, if that is asked for.
fn measure_basins(
    study: &Study,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    control: &Control<'_>,
) -> Option<Basins> {
    let orbits = study.graph.basins;
    let options = basins::Options { orbits, seed: study.seed, ..Default::default() };
    (orbits > 0 && !control.stopped()).then(|| basins::basins(landscape, set, &options, control))
}

pub(crate) fn title(study: &Study) -> String {
    let stem = || study.path.as_deref()?.file_stem().map(|s| s.to_string_lossy().into_owned());
    (study.report.title.clone())
        .or_else(|| study.title.clone())
        .or_else(stem)
        .unwrap_or_else(|| study.kind.name.to_string())
}

fn tables(set: &CriticalSet) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = vec![
        ("critical_points.csv".to_string(), export::critical_points_csv(set)?.into_bytes()),
        ("critical_points.npy".to_string(), export::critical_points_npy(set)?),
    ];
    if !set.degenerate.is_empty() {
        files.push(("degenerate.csv".to_string(), export::degenerate_csv(set)?.into_bytes()));
    }
    Ok(files)
}

fn graph_files(set: &CriticalSet, graph: &MorseGraph, title: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let most = export::MOST_COORDINATES;
    let mut files = vec![
        ("graph.json".to_string(), export::graph_json(set, graph, title)?.into_bytes()),
        ("graph.graphml".to_string(), export::graph_graphml(set, graph, title, most)?.into_bytes()),
        ("graph.gexf".to_string(), export::graph_gexf(set, graph, title, most)?.into_bytes()),
        ("graph.dot".to_string(), export::graph_dot(set, graph, title)?.into_bytes()),
        ("edges.csv".to_string(), export::edges_csv(set, graph)?),
    ];
    if let Some(orbits) = export::orbits_csv(set, graph)? {
        files.push(("orbits.csv".to_string(), orbits.into_bytes()));
    }
    Ok(files)
}

fn pictures(
    study: &Study,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: &MorseGraph,
    title: &str,
) -> Result<Vec<(String, Vec<u8>)>> {
    let image = study.report.image.map(|[rows, columns]| (rows, columns));
    let mut files = vec![("graph.svg".to_string(), report::drawing(set, graph, image, title)?.into_bytes())];
    if landscape.dim() <= 2 {
        let portrait = report::portrait(landscape, set, graph, title)?;
        files.push(("portrait.svg".to_string(), portrait.into_bytes()));
        let table = report::portrait_csv(landscape, set, graph)?;
        files.push(("portrait.csv".to_string(), table.into_bytes()));
    }
    let axes = study.report.axes.as_ref();
    if landscape.dim() > 2 || axes.is_some() {
        let data = landscape.data().filter(|data| data.nrows() == landscape.dim());
        if let Some(projection) = Projection::new(set, graph, data, axes)? {
            files.push(("projection.svg".to_string(), projection.svg(title)?.into_bytes()));
            files.push(("projection.csv".to_string(), projection.csv()?.into_bytes()));
        }
    }
    Ok(files)
}

/// The algebra of the graph, as far as its connections were computed.
fn analysed(set: &CriticalSet, graph: &MorseGraph) -> Algebra {
    algebra::analyse(set, graph, algebra::complete_to(set, graph, |k| graph.has_examined(k)))
}

/// Complex, persistence and barriers as files and pictures.
fn algebra_files(
    study: &Study,
    set: &CriticalSet,
    graph: &MorseGraph,
    algebra: &Algebra,
    title: &str,
) -> Result<Vec<(String, Vec<u8>)>> {
    let image = study.report.image.map(|[rows, columns]| (rows, columns));
    let pairs = algebra.pairs.as_deref().unwrap_or(&[]);
    let persistence = (!pairs.is_empty()).then(|| report::persistence(set, pairs, title)).transpose()?;
    let tree = (set.counts()[0] > 0).then(|| report::tree(set, graph, image, title)).transpose()?;
    let files = [
        ("complex.json", Some(export::complex_json(set, graph, algebra, title)?)),
        ("persistence.csv", export::persistence_csv(set, graph, algebra)?),
        ("barriers.csv", export::barriers_csv(set, graph)?),
        ("persistence.svg", persistence),
        ("tree.csv", tree.is_some().then(|| export::tree_csv(set, graph)).transpose()?),
        ("tree.svg", tree),
    ];
    Ok(files.into_iter().filter_map(|(name, text)| Some((name.to_string(), text?.into_bytes()))).collect())
}

/// The `homology` of the summary.
fn homology(algebra: &Algebra) -> Value {
    let groups = algebra.integers.as_ref().ok();
    json!({
        "complete_to": algebra.complete_to,
        "betti": groups.map(|g| g.iter().map(|g| g.betti).collect::<Vec<_>>()),
        "torsion": groups.map(|g| g.iter().any(|g| !g.torsion.is_empty())),
        "betti_mod2": algebra.mod2.as_ref().ok(),
        "expected": algebra.expected,
        "mismatches": algebra.mismatches,
    })
}

/// Is the homology the region's? `None` where that is not known beforehand.
fn homology_check(algebra: &Algebra) -> Option<Value> {
    algebra.expected.as_ref()?;
    let detail = match &algebra.integers {
        Err(why) => why.to_string(),
        Ok(_) if algebra.mismatches.is_empty() => {
            format!("as the region's, from connections of index {} and less", algebra.complete_to)
        }
        Ok(_) => algebra.mismatches.join("; "),
    };
    let passed = algebra.integers.is_ok() && algebra.mismatches.is_empty();
    Some(json!({ "name": "homology", "passed": passed, "detail": detail }))
}

/// The content of `summary.json`; docs/results.md explains each key.
fn summary(
    study: &Study,
    title: &str,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: Option<&MorseGraph>,
    interrupted: bool,
) -> Value {
    let mut all = json!({
        "title": title,
        "kind": study.kind.name,
        "dimension": landscape.dim(),
        "counts": set.counts(),
        "degenerate": set.degenerate.len(),
        "euler_characteristic": set.euler_characteristic(),
        "euler_expected": set.euler_expected,
        "highest_index_searched": set.highest_index,
        "degenerate_families": set.degenerate.iter().map(|f| json!({
            "dimension": f.dimension,
            "energy": f.energy,
            "smallest_eigenvalue": smallest(&f.eigenvalues),
        })).collect::<Vec<_>>(),
        "degenerate_tolerance": critical_options(study).degenerate_tolerance,
        "region": region(set),
        "checks": checks(set, graph, landscape.has_energy()),
        "levels": { "critical_points": export::level_name(set.level()), "completeness": "estimated" },
        "proven_points": set.points.iter().filter(|p| p.proof.is_some()).count(),
        "work": set.work,
        "interrupted": interrupted,
        "not_done": study.not_done,
        "seed": study.seed,
        "version": env!("CARGO_PKG_VERSION"),
    });
    match set.completeness {
        Completeness::Proven => {
            all["completeness"] = "proven".into();
            all["levels"]["completeness"] = "proven".into();
            all["complete_in"] = if set.coverage.everywhere { "R^n" } else { "region" }.into();
        }
        Completeness::Unknown => {
            all["completeness"] = "unknown".into();
            all["levels"]["completeness"] = "unknown".into();
        }
        Completeness::Estimated { unseen, low, high } => {
            all["completeness"] = "estimated".into();
            all["unseen"] = json!({
                "estimate": finite(unseen), "low": finite(low), "high": finite(high), "confidence": 0.95,
            });
        }
    }
    all["levels"]["region"] = if set.coverage.entered { "proven" } else { "unknown" }.into();
    if let Some(open) = &set.coverage.open {
        let shown = set.coverage.undecided.iter().take(MOST_UNDECIDED);
        all["undecided"] = json!({
            "reason": open,
            "places": set.coverage.undecided.len(),
            "balls": shown.map(|u| json!({ "center": u.center, "radius": finite(u.radius) })).collect::<Vec<_>>(),
        });
    }
    if let Some(graph) = graph {
        all["edges"] = graph.connections.len().into();
        all["components"] = graph.components.into();
        let (verdict, reason): (Value, Value) = match &graph.morse_smale {
            MorseSmale::Yes(_) => (true.into(), Value::Null),
            MorseSmale::No(reason) => (false.into(), reason.as_str().into()),
            MorseSmale::Unknown(reason) => ("unknown".into(), reason.as_str().into()),
        };
        all["morse_smale"] = verdict;
        all["morse_smale_reason"] = reason;
        let lowest = graph.connections.iter().map(|c| c.level).min();
        all["levels"]["connections"] = export::level_name(lowest.unwrap_or(Level::Checked)).into();
        all["proven_edges"] = graph.connections.iter().filter(|c| c.proof.is_some()).count().into();
        if let MorseSmale::Yes(level) = graph.morse_smale {
            all["levels"]["morse_smale"] = export::level_name(level).into();
        }
    }
    all
}

/// JSON has no infinity: absent is `null`.
fn finite(x: f64) -> Value {
    serde_json::Number::from_f64(x).map_or(Value::Null, Value::Number)
}

fn smallest(eigenvalues: &[f64]) -> Value {
    let by_size = |a: &&f64, b: &&f64| a.abs().total_cmp(&b.abs());
    eigenvalues.iter().min_by(by_size).map_or(Value::Null, |v| finite(*v))
}

fn region(set: &CriticalSet) -> Value {
    let mut value = match &set.region.shape {
        crate::landscape::Shape::Ball { center, radius } => {
            json!({ "ball": { "center": center, "radius": radius } })
        }
        crate::landscape::Shape::Box { lower, upper } => json!({ "box": { "lower": lower, "upper": upper } }),
    };
    if set.region.is_periodic() {
        value["period"] = json!(set.region.period);
    }
    value
}

/// Places in the summary where a proof of completeness could not decide.
const MOST_UNDECIDED: usize = 100;

/// What was asked for and not reached, of the critical points and the graph.
pub(crate) fn shortfall(study: &Study, set: &CriticalSet, graph: Option<&MorseGraph>) -> Option<String> {
    unproven(study, set).or_else(|| unreached(set, graph))
}

/// A proof of completeness was asked for and there is none: why.
fn unproven(study: &Study, set: &CriticalSet) -> Option<String> {
    let asked = study.critical.method == "complete" && set.completeness != Completeness::Proven;
    let why = set.coverage.open.as_deref().unwrap_or("it was not tried");
    asked.then(|| format!("that these are all critical points is not proven: {why}"))
}

/// What the computation was asked for and did not reach, if anything. An estimate that is wide is no shortfall: it is
/// the answer.
fn unreached(set: &CriticalSet, graph: Option<&MorseGraph>) -> Option<String> {
    if set.completeness != Completeness::Proven && set.points.is_empty() && set.degenerate.is_empty() {
        let Work { searches, ended, .. } = &set.work;
        return Some(format!(
            "no critical point was found in {searches} searches; the search ended: {ended}"
        ));
    }
    let (residual, bound) = (residual(set), residual_bound(set));
    if residual > bound {
        return Some(format!(
            "a critical point is known to {residual:.1e} only, the tolerance is {bound:.1e}"
        ));
    }
    let lost = |l: &Loose| match l {
        Loose::Lost { point, reason, .. } => Some((*point, reason.clone())),
        _ => None,
    };
    let lost: Vec<(usize, String)> = graph?.loose.iter().filter_map(lost).collect();
    let (point, reason) = lost.first()?;
    let all = graph?.connections.len() + graph?.loose.len();
    Some(format!(
        "{} of {all} orbits could not be followed to an end; the first, of point {point}: {reason}",
        lost.len()
    ))
}

/// The largest distance to a zero of the gradient that a gradient left over stands for.
fn residual(set: &CriticalSet) -> f64 {
    set.points.iter().map(|p| p.gradient_norm / spectral_radius(&p.eigenvalues)).fold(0.0, f64::max)
}

/// Up to where that is rounding: of the computation, and far from the origin of the coordinates themselves.
fn residual_bound(set: &CriticalSet) -> f64 {
    let farthest = set.points.iter().map(|p| norm(&p.x)).fold(0.0, f64::max);
    1e-10 * set.region.radius() + f64::EPSILON * farthest
}

/// Invariants that the numbers must meet; each says whether it holds. Of a field's flow Morse theory says nothing.
fn checks(set: &CriticalSet, graph: Option<&MorseGraph>, with_energy: bool) -> Vec<Value> {
    let mut list = vec![];
    let mut check = |name: &str, passed: bool, detail: String| {
        list.push(json!({ "name": name, "passed": passed, "detail": detail }));
    };
    let counts = set.counts();
    let all_indices = set.highest_index >= set.region.dim() || counts.len() <= set.highest_index;
    if let (Some(chi), true, true) = (set.euler_expected, set.degenerate.is_empty(), all_indices) {
        let sum = set.euler_characteristic();
        check(
            "euler_characteristic",
            sum == chi,
            format!("sum of (-1)^index is {sum}, the region's is {chi}"),
        );
    }
    let (residual, length) = (residual(set), set.region.radius());
    check(
        "residuals",
        residual <= residual_bound(set),
        format!("largest |gradient| / |Hessian| is {residual:.1e}, the region's radius {length:.3e}"),
    );
    let Some(graph) = graph else { return list };
    let falls = graph
        .connections
        .iter()
        .all(|c| c.orbit.energies.windows(2).all(|w| w[1] <= w[0] + 1e-12 * w[0].abs().max(w[1].abs())));
    if with_energy {
        check("energy_falls", falls, format!("along {} connecting orbits", graph.connections.len()));
    }
    if with_energy && set.degenerate.is_empty() && set.euler_expected.is_some() && !set.region.is_periodic() {
        check(
            "connected",
            graph.components == 1,
            format!("minima and saddles of index 1 form {} component(s)", graph.components),
        );
    }
    let lost = graph.loose.iter().filter(|l| matches!(l, Loose::Lost { .. })).count();
    check("orbits_end", lost == 0, format!("{lost} orbits could not be followed to an end"));
    let twice = (2..counts.len()).any(|k| graph.has_examined(k) && graph.has_examined(k - 1));
    if with_energy && twice && set.degenerate.is_empty() {
        let squared = graph.boundary_squared(set);
        check("boundary_squared", squared == 0, format!("{squared} entries of d.d differ from 0"));
    }
    list
}

fn spectral_radius(eigenvalues: &[f64]) -> f64 {
    eigenvalues.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()))
}

fn headline(title: &str, set: &CriticalSet, graph: Option<&MorseGraph>, with_energy: bool) -> String {
    let counts = set.counts();
    let (minimum, minima) = if with_energy { ("minimum", "minima") } else { ("sink", "sinks") };
    let mut parts: Vec<String> = counts
        .iter()
        .enumerate()
        .filter(|(index, count)| **count > 0 || *index == 0)
        .map(|(index, count)| match (index, count) {
            (0, 1) => format!("1 {minimum}"),
            (0, n) => format!("{n} {minima}"),
            (1, 1) => "1 saddle of index 1".to_string(),
            (1, n) => format!("{n} saddles of index 1"),
            (k, n) => format!("{n} of index {k}"),
        })
        .collect();
    let isolated = set.degenerate.iter().all(|f| f.dimension == 0);
    match (set.degenerate.len(), isolated) {
        (0, _) => {}
        (1, true) => parts.push("1 degenerate point".into()),
        (n, true) => parts.push(format!("{n} degenerate points")),
        (1, false) => parts.push("1 degenerate family".into()),
        (n, false) => parts.push(format!("{n} degenerate families")),
    }
    let mut text = format!("{title}: {}", parts.join(", "));
    text += &match set.completeness {
        Completeness::Proven if set.coverage.everywhere => "; complete in R^n (proven)".to_string(),
        Completeness::Proven => "; complete in the region (proven)".to_string(),
        Completeness::Estimated { low, high, .. } if high.is_finite() => {
            format!("; unseen: {low:.1} to {high:.1} (estimated)")
        }
        _ => "; completeness unknown".to_string(),
    };
    if set.interrupted {
        text += "; interrupted";
    }
    if let Some(graph) = graph {
        text += &format!("\n{} connections", graph.connections.len());
        text += &match &graph.morse_smale {
            MorseSmale::Yes(level) => format!("; Morse-Smale ({})", export::level_name(*level)),
            MorseSmale::No(reason) => format!("; not Morse-Smale: {reason}"),
            MorseSmale::Unknown(reason) => format!("; Morse-Smale unknown: {reason}"),
        };
    }
    text
}
