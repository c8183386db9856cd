//! Branches and events as tables, the itinerary as JSON.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::node_link::verdict;
use super::table::table;
use super::{level_name, lines, number, text, thinned};
use crate::connection::Orbit;
use crate::continuation::{
    self, Arc, Cause, Cut, Diagram, Event, EventKind, Interval, Itinerary, Joining, Spectrum, SplittingTree,
};
use crate::error::{Error, Result};

/// Orbits of saddle connections are written up to this dimension.
const MOST_ORBIT_DIMENSIONS: usize = 16;
/// Points of an orbit that are written at most.
const MOST_ORBIT_POINTS: usize = 200;

/// The name of an event in every format: `fold`, `pitchfork-supercritical`, `pitchfork-subcritical`, `transcritical`,
/// `multiple-2` (and so on by the dimension of the kernel), `cusp`, `unexplained`.
pub fn event_name(kind: &EventKind) -> String {
    match kind {
        EventKind::Fold => "fold".into(),
        EventKind::Pitchfork { supercritical: true } => "pitchfork-supercritical".into(),
        EventKind::Pitchfork { supercritical: false } => "pitchfork-subcritical".into(),
        EventKind::Transcritical => "transcritical".into(),
        EventKind::Multiple { dimension } => format!("multiple-{dimension}"),
        EventKind::Cusp => "cusp".into(),
        EventKind::Unexplained => "unexplained".into(),
    }
}

/// The name of what happens at a cut: those of its events, joined by `+` where they differ, `connection`, or `unknown`.
pub fn cut_name(diagram: &Diagram, cut: &Cut) -> String {
    match &cut.cause {
        Cause::Connections(_) => "connection".into(),
        Cause::Boundary(_) => "boundary".into(),
        Cause::Unknown => "unknown".into(),
        Cause::Local(events) => {
            let mut names: Vec<String> =
                events.iter().filter_map(|e| diagram.events.get(*e)).map(|e| event_name(&e.kind)).collect();
            names.dedup();
            names.join("+")
        }
    }
}

/// `branches.csv`: `branch,step,<parameter>,energy,index,lambda_min,x0,x1,..`, a row a point in the order of the branch.
/// `index` is empty at an event; `lambda_min` is the Hessian's eigenvalue of smallest modulus.
///
/// # Errors
/// If a number is not finite.
pub fn branches_csv(diagram: &Diagram) -> Result<String> {
    let n = check_diagram(diagram)?;
    let columns = ["branch", "step", &diagram.parameter, "energy", "index", "lambda_min"];
    let points =
        diagram.branches.iter().enumerate().flat_map(|(branch, b)| {
            b.points.iter().enumerate().map(move |(step, point)| (branch, step, point))
        });
    let rows = points.map(|(branch, step, p)| {
        let mut row = vec![branch.to_string(), step.to_string(), number(p.parameter), number(p.energy)];
        row.push(p.index.map_or(String::new(), |index| index.to_string()));
        row.push(number(p.lambda_min));
        row.extend(p.x.iter().map(|&x| number(x)));
        row
    });
    table(&columns, n, rows)
}

/// `events.csv`: `kind,<parameter>,error,energy,x0,..,level,coefficient_a,..,coefficient_e,residual,branches,note`, a row
/// an event, by parameter. Connections from saddle to saddle of an itinerary are rows of kind `connection`: at the lower
/// end of their orbit, without coefficients; `residual` is by how much, relative to the landscape's scale, the orbit misses.
///
/// # Errors
/// If a number is not finite.
pub fn events_csv(diagram: &Diagram, itinerary: Option<&Itinerary>) -> Result<String> {
    let n = check_diagram(diagram)?;
    let coordinates: Vec<String> = (0..n).map(|i| format!("x{i}")).collect();
    let mut columns = vec!["kind", diagram.parameter.as_str(), "error", "energy"];
    columns.extend(coordinates.iter().map(String::as_str));
    columns.push("level");
    columns.extend(["coefficient_a", "coefficient_b", "coefficient_c", "coefficient_d", "coefficient_e"]);
    columns.extend(["residual", "branches", "note"]);
    let local = diagram.events.iter().map(|e| (e.parameter, local_row(e)));
    let cuts = itinerary.map_or(&[][..], |i| &i.cuts);
    let joined = |cut: &Cut| match &cut.cause {
        Cause::Connections(joinings) => {
            joinings.iter().map(|j| (cut.parameter, connection_row(cut, j, n))).collect()
        }
        _ => vec![],
    };
    let global = cuts.iter().flat_map(joined);
    let mut rows: Vec<(f64, Vec<String>)> = local.chain(global).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    table(&columns, 0, rows.into_iter().map(|(_, row)| row))
}

/// `spectra.csv`: `branch,step,<parameter>,index,lambda0,lambda1,..`, a row a point at which the spectrum was computed; `branch` and
/// `step` as in [`branches_csv`]. At most 64 eigenvalues, the lowest ones.
///
/// # Errors
/// If a number is not finite.
pub fn spectra_csv(diagram: &Diagram, spectra: &[Spectrum]) -> Result<String> {
    check_diagram(diagram)?;
    let count = spectra.iter().map(|s| s.eigenvalues.len()).max().unwrap_or(0).min(MOST_EIGENVALUES);
    let names: Vec<String> = (0..count).map(|i| format!("lambda{i}")).collect();
    let mut columns = vec!["branch", "step", diagram.parameter.as_str(), "index"];
    columns.extend(names.iter().map(String::as_str));
    let rows = spectra.iter().filter_map(|s| {
        let point = diagram.branches.get(s.branch)?.points.get(s.step)?;
        let mut row = vec![s.branch.to_string(), s.step.to_string(), number(point.parameter)];
        row.push(point.index.map_or(String::new(), |index| index.to_string()));
        row.extend((0..count).map(|i| s.eigenvalues.get(i).map_or(String::new(), |v| known(*v))));
        Some(row)
    });
    table(&columns, 0, rows)
}

/// `splitting.csv`: `<parameter>,energy,event,lost_branch,lost_piece,into_branch,into_piece,renamed`, a row a merger of two minima; `into`
/// is empty where it could not be told.
///
/// # Errors
/// If a number is not finite.
pub fn splitting_csv(tree: &SplittingTree) -> Result<String> {
    let columns = [
        tree.parameter.as_str(),
        "energy",
        "event",
        "lost_branch",
        "lost_piece",
        "into_branch",
        "into_piece",
        "renamed",
    ];
    let rows = tree.mergers.iter().map(|m| {
        let place = |arc: Option<&Arc>| {
            arc.map_or([String::new(), String::new()], |a| [a.branch.to_string(), a.piece.to_string()])
        };
        let mut row = vec![number(m.parameter), known(m.energy), m.event.to_string()];
        row.extend(place(Some(&m.lost)).into_iter().chain(place(m.into.as_ref())));
        row.push(m.renamed.to_string());
        row
    });
    table(&columns, 0, rows)
}

/// Eigenvalues in a row of the spectra.
const MOST_EIGENVALUES: usize = 64;

/// A number, or nothing where it is not known.
fn known(value: f64) -> String {
    if value.is_finite() { number(value) } else { String::new() }
}

fn local_row(event: &Event) -> Vec<String> {
    let mut row =
        vec![event_name(&event.kind), number(event.parameter), known(event.error), number(event.energy)];
    row.extend(event.x.iter().map(|&x| number(x)));
    row.push(level_name(event.level).to_owned());
    let c = event.coefficients;
    row.extend([c.a, c.b, c.c, c.d, c.e, event.residual].map(known));
    row.push(spaced(&passed(event)));
    row.push(event.note.clone());
    row
}

fn connection_row(cut: &Cut, joining: &Joining, n: usize) -> Vec<String> {
    let Joining { from, to, orbit, gap, .. } = joining;
    let mut row = vec!["connection".to_owned(), number(cut.parameter), known(cut.error)];
    let end = orbit.points.last().filter(|x| x.len() == n && x.iter().all(|x| x.is_finite()));
    row.push(orbit.energies.last().filter(|_| end.is_some()).map_or(String::new(), |e| known(*e)));
    row.extend((0..n).map(|i| end.map_or(String::new(), |x| number(x[i]))));
    row.push(level_name(cut.level).to_owned());
    row.extend((0..5).map(|_| String::new()));
    row.push(known(*gap));
    row.push(spaced(&[from.branch, to.branch]));
    row.push(cut.words.join("; "));
    row
}

fn spaced(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}

/// The branches that pass an event, each once.
fn passed(event: &Event) -> Vec<usize> {
    let mut branches: Vec<usize> = event.branches.iter().map(|(branch, _)| *branch).collect();
    branches.sort_unstable();
    branches.dedup();
    branches
}

#[derive(Serialize)]
struct Node<'a> {
    id: usize,
    branch: usize,
    piece: usize,
    index: usize,
    energy: f64,
    x: &'a [f64],
    memories: &'a [usize],
}

#[derive(Serialize)]
struct Link {
    source: usize,
    target: usize,
    count: usize,
}

/// `itinerary.json`: the parameter's range cut into intervals with one graph each, the cuts between them, and the tree in
/// which minima split; `None` if neither was computed. An interval and a cut stand on a line each.
///
/// Keys are `title`, `version`, `parameter`, `range`, `interrupted`, `intervals` (`from`, `to`, `at`, `samples`,
/// `counts`, `nodes`, `links`, `joined`, `examined`, `morse_smale`, `morse_smale_reason`), `cuts` (`<parameter>`, `error`, `kind`,
/// `events`, `words`, `explained`, `open`, `level`, and where saddles are joined `connections`: `from`, `to`, `source`, `target`, `gap`,
/// `slope`, `orbit`) and `tree`
/// (`leaves`, `mergers`, `parameters`, `counts`). What was not computed is `null`.
///
/// # Errors
/// If a number is not finite.
pub fn itinerary_json(
    diagram: &Diagram,
    itinerary: Option<&Itinerary>,
    tree: Option<&SplittingTree>,
    title: &str,
) -> Result<Option<String>> {
    if itinerary.is_none() && tree.is_none() {
        return Ok(None);
    }
    let interrupted = diagram.interrupted || itinerary.is_some_and(|i| i.interrupted);
    let (mut intervals, mut cuts) = ("null".to_owned(), "null".to_owned());
    if let Some(itinerary) = itinerary {
        check_itinerary(itinerary)?;
        intervals = lines(itinerary.intervals.iter().map(interval))?;
        cuts = lines(itinerary.cuts.iter().map(|c| cut(diagram, c)))?;
    }
    let keys = [
        ("title", text(&title)?),
        ("version", text(&env!("CARGO_PKG_VERSION"))?),
        ("parameter", text(&diagram.parameter)?),
        ("range", text(&diagram.range)?),
        ("interrupted", text(&interrupted)?),
        ("intervals", intervals),
        ("cuts", cuts),
        ("tree", tree.map_or(Ok("null".to_owned()), splitting)?),
    ];
    let body: Vec<String> = keys.into_iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    Ok(Some(format!("{{\n{}\n}}\n", body.join(",\n"))))
}

fn interval(interval: &Interval) -> Value {
    let most = interval.nodes.iter().map(|n| n.index + 1).max().unwrap_or(0);
    let count = |index| interval.nodes.iter().filter(|n| n.index == index).count();
    let nodes: Vec<Node<'_>> = interval.nodes.iter().enumerate().map(|(id, n)| node(id, n)).collect();
    let list = |links: &[continuation::Link]| -> Vec<Link> {
        links.iter().map(|l| Link { source: l.from, target: l.to, count: l.count }).collect()
    };
    let (morse_smale, reason) = verdict(&interval.morse_smale);
    json!({
        "from": interval.from,
        "to": interval.to,
        "at": interval.at,
        "samples": interval.samples,
        "counts": (0..most).map(count).collect::<Vec<_>>(),
        "nodes": nodes,
        "links": list(&interval.links),
        "joined": list(&interval.joined),
        "examined": interval.examined,
        "morse_smale": morse_smale,
        "morse_smale_reason": reason,
    })
}

fn node(id: usize, node: &crate::continuation::Node) -> Node<'_> {
    let Arc { branch, piece } = node.arc;
    Node { id, branch, piece, index: node.index, energy: node.energy, x: &node.x, memories: &node.memories }
}

fn cut(diagram: &Diagram, cut: &Cut) -> Value {
    let mut object = Map::new();
    object.insert(diagram.parameter.clone(), json!(cut.parameter));
    let events: &[usize] = if let Cause::Local(events) = &cut.cause { events } else { &[] };
    let rest = json!({
        "error": cut.error,
        "kind": cut_name(diagram, cut),
        "events": events,
        "words": cut.words,
        "explained": cut.explained,
        "open": cut.open,
        "level": level_name(cut.level),
    });
    object.extend(rest.as_object().cloned().unwrap_or_default());
    if let Cause::Boundary(arcs) = &cut.cause {
        object.insert("points".into(), json!(arcs));
    }
    if let Cause::Connections(joinings) = &cut.cause {
        let joining = |j: &Joining| {
            json!({
                "from": j.from,
                "to": j.to,
                "source": j.nodes[0],
                "target": j.nodes[1],
                "gap": j.gap,
                "slope": j.slope,
                "orbit": thinned_orbit(&j.orbit),
            })
        };
        object.insert("connections".into(), joinings.iter().map(joining).collect());
    }
    Value::Object(object)
}

/// The points of an orbit; none in high dimension.
fn thinned_orbit(orbit: &Orbit) -> Vec<&[f64]> {
    let usable = |x: &&Vec<f64>| x.len() <= MOST_ORBIT_DIMENSIONS && x.iter().all(|x| x.is_finite());
    let points: Vec<&[f64]> = orbit.points.iter().filter(usable).map(Vec::as_slice).collect();
    thinned(points.len(), MOST_ORBIT_POINTS).into_iter().map(|place| points[place]).collect()
}

fn splitting(tree: &SplittingTree) -> Result<String> {
    for leaf in &tree.leaves {
        finite("a leaf of the splitting tree", leaf.x.iter().copied().chain([leaf.energy]))?;
    }
    for m in &tree.mergers {
        finite("a merger of minima", [m.parameter, m.energy].into_iter())?;
    }
    finite("the splitting tree", tree.parameters.iter().copied())?;
    let leaves = tree.leaves.iter().enumerate().map(|(id, leaf)| node(id, leaf));
    let mergers = tree.mergers.iter().map(|m| {
        let mut object = Map::new();
        object.insert(tree.parameter.clone(), json!(m.parameter));
        let rest = json!({ "energy": m.energy, "event": m.event, "lost": m.lost, "into": m.into, "renamed": m.renamed });
        object.extend(rest.as_object().cloned().unwrap_or_default());
        Value::Object(object)
    });
    let keys = [
        ("leaves", lines(leaves)?),
        ("mergers", lines(mergers)?),
        ("parameters", text(&tree.parameters)?),
        ("counts", text(&tree.counts)?),
        ("interrupted", text(&tree.interrupted)?),
    ];
    let body: Vec<String> = keys.into_iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    Ok(format!("{{\n{}\n}}", body.join(",\n")))
}

fn finite(what: &str, mut numbers: impl Iterator<Item = f64>) -> Result<()> {
    match numbers.all(f64::is_finite) {
        true => Ok(()),
        false => Err(Error::Numerics(format!("{what} has a number that is not finite"))),
    }
}

/// All numbers of branches and events are finite, and all points have one dimension, which is returned.
pub(crate) fn check_diagram(diagram: &Diagram) -> Result<usize> {
    let points = || diagram.branches.iter().flat_map(|b| &b.points);
    let first = points().map(|p| p.x.len()).next().or(diagram.events.first().map(|e| e.x.len()));
    let n = first.unwrap_or(0);
    let places = points()
        .map(|p| ("a point of a branch", &p.x, [p.parameter, p.energy, p.lambda_min]))
        .chain(diagram.events.iter().map(|e| ("an event", &e.x, [e.parameter, e.energy, 0.0])));
    for (what, x, numbers) in places {
        if x.len() != n {
            let found = x.len();
            return Err(Error::Numerics(format!("{what} has {found} coordinates, others have {n}")));
        }
        finite(what, x.iter().copied().chain(numbers))?;
    }
    Ok(n)
}

fn check_itinerary(itinerary: &Itinerary) -> Result<()> {
    for i in &itinerary.intervals {
        let ends = [i.from, i.to, i.at].into_iter().chain(i.samples.iter().copied());
        finite("an interval of the itinerary", ends)?;
        for node in &i.nodes {
            finite("a point of the itinerary", node.x.iter().copied().chain([node.energy]))?;
        }
        let count = i.nodes.len();
        if i.links.iter().any(|l| l.from.max(l.to) >= count) {
            return Err(Error::Numerics(
                "a connection of the itinerary names a point that does not exist".into(),
            ));
        }
    }
    itinerary.cuts.iter().try_for_each(|c| finite("a cut of the itinerary", [c.parameter].into_iter()))
}
