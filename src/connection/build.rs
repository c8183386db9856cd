//! Builds the connection graph from a critical set.

use std::collections::BTreeSet;

use faer::Mat;
use petgraph::unionfind::UnionFind;
use rayon::prelude::*;

use super::algebra;
use super::fan::{self, Circle};
use super::orbits::{Branch, Task, follow_branch, follow_branches};
use super::place::{Place, settle};
use super::{Connection, Loose, Miss, MorseGraph, MorseSmale};
use crate::control::{Control, Progress};
use crate::critical::equilibria::NOT_A_GRADIENT;
use crate::critical::{Completeness, CriticalSet, Level, keeps_flow};
use crate::error::shown;
use crate::landscape::Landscape;

/// How the graph is computed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Error an integration step may make, relative to the landscape's scale. An orbit that misses a saddle's stable
    /// manifold by less than a hundred times this is reported as joining the two saddles, not as going on: if by less
    /// than this itself, the flow is called not Morse-Smale, else undecided.
    pub tolerance: f64,
    /// Between which indices connections are looked for.
    pub order: Order,
}

impl Default for Options {
    fn default() -> Self {
        Options { tolerance: 1e-9, order: Order::One }
    }
}

/// Between which indices connections are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From index 1 to minima, and from index n to n - 1: orbits on one-dimensional manifolds.
    One,
    /// From each index k to k - 1 for which there is a method.
    All,
}

/// A miss of a stable manifold by less than this many step errors is a hit, as far as can be told.
const CERTAIN: f64 = 1.0;

/// Beyond so many dimensions an integration step's error is not below this.
pub(crate) const FINE_DIMENSIONS: usize = 32;
pub(crate) const COARSE: f64 = 1e-7;

/// Branches, and circles or spheres of orbits, followed at a time before progress is told.
const BATCH: usize = 256;
const CIRCLES: usize = 16;

/// Starts on a circle, and more of them where the complex does not close; a sphere is covered as finely by the roots of these.
const SPOKES: [usize; 3] = [32, 128, 512];

/// Manifolds that meet at an angle with a smaller sine are tangent as far as can be told.
const TANGENT: f64 = 1e-6;

/// The connection graph of `set`: the unstable manifolds of its points of index 1, and the stable manifolds of its
/// points of index n - 1 (n >= 2, if points of index n were looked for), each followed on both sides.
///
/// Of a vector field these are the orbits into the sinks from equilibria with one unstable direction, and out of the
/// sources into those with one stable direction; nothing is concluded from them.
///
/// Connections between other indices need manifolds of higher dimension and are looked for with [`Order::All`], where one of the
/// two has at most four dimensions; the verdict says so if some were not.
pub fn connect(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    options: &Options,
    control: &Control<'_>,
) -> MorseGraph {
    crate::linalg::sequential();
    let reduced = landscape.reduce();
    let inner: &dyn Landscape = reduced.as_ref().map_or(landscape, |r| r.inner.as_ref());
    let place = settle(inner, reduced.as_ref(), set);
    let n = inner.dim();
    // Where points of index n were left out nothing is known of what lies above.
    let upwards = n >= 2 && set.highest_index >= n;
    let mut tasks = vec![];
    for (id, node) in place.nodes.iter().enumerate() {
        for side in [1.0, -1.0] {
            if node.index == 1 {
                tasks.push(Task { id, side, backward: false });
            }
            if upwards && node.index == n - 1 {
                tasks.push(Task { id, side, backward: true });
            }
        }
    }
    // In large dimensions an orbit is wanted for where it ends: a coarser one does, and costs a fraction.
    let tolerance = if n > FINE_DIMENSIONS { options.tolerance.max(COARSE) } else { options.tolerance };
    let mut graph = empty();
    let mut finished = true;
    for (i, batch) in tasks.chunks(BATCH).enumerate() {
        if control.stopped() {
            finished = false;
            break;
        }
        let branches = follow_branches(&place, batch, tolerance);
        for (task, branch) in batch.iter().zip(branches) {
            file(&place, *task, branch, &mut graph);
        }
        let done = (i * BATCH + batch.len()).min(tasks.len());
        (control.progress)(Progress { stage: "orbits", done, total: tasks.len(), note: "" });
    }
    let everything = options.order == Order::All;
    let circles = if everything { circles(&place) } else { vec![] };
    graph.examined = (1..=n)
        .map(|k| finished && (k == 1 || (k == n && upwards) || (everything && fan::way(k, n).is_some())))
        .collect();
    let mut open = vec![];
    if finished {
        let simple = (graph.connections.len(), graph.loose.len());
        for spokes in SPOKES {
            graph.connections.truncate(simple.0);
            graph.loose.truncate(simple.1);
            if !follow_fans(&place, &circles, spokes, tolerance, control, &mut graph) {
                finished = false;
                graph.examined = (1..=n).map(|_| false).collect();
                break;
            }
            // What does not close is not whole: more orbits may find what is missing.
            open = algebra::open_ends(set, &graph);
            if open.is_empty() || circles.is_empty() {
                break;
            }
        }
    }
    graph.connections.sort_by_key(|c| (c.from, -(c.sign as i32), c.to));
    let mut union = UnionFind::<usize>::new(set.points.len());
    for c in graph.connections.iter().filter(|c| set.points[c.from].index == 1) {
        union.union(c.from, c.to);
    }
    let low = (0..set.points.len()).filter(|&i| set.points[i].index <= 1);
    graph.components = low.map(|i| union.find(i)).collect::<BTreeSet<_>>().len();
    let highest = set.points.iter().map(|p| p.energy).fold(f64::NEG_INFINITY, f64::max);
    let kept = || keeps_flow(landscape, reduced.as_ref(), &set.region, highest);
    graph.morse_smale = if !landscape.has_energy() {
        MorseSmale::Unknown(NOT_A_GRADIENT.into())
    } else if landscape.is_smooth() {
        verdict(set, &graph, &open, tolerance, finished, kept)
    } else {
        MorseSmale::Unknown(
            "the energy is not smooth all over: saddles may lie on its kinks or poles, where it has no gradient".into(),
        )
    };
    graph
}

/// A graph of which nothing is known.
fn empty() -> MorseGraph {
    MorseGraph {
        connections: vec![],
        loose: vec![],
        misses: vec![],
        morse_smale: MorseSmale::Unknown(String::new()),
        components: 0,
        examined: vec![],
    }
}

/// The two orbits of a point's one-dimensional manifold: of point `id`, its unstable manifold or, `backward`, its stable one. Of
/// what [`connect`] says of all points that for one, without a verdict.
pub(crate) fn follow_manifold(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    id: usize,
    backward: bool,
    tolerance: f64,
) -> MorseGraph {
    crate::linalg::sequential();
    let reduced = landscape.reduce();
    let inner: &dyn Landscape = reduced.as_ref().map_or(landscape, |r| r.inner.as_ref());
    let place = settle(inner, reduced.as_ref(), set);
    let mut graph = empty();
    for side in [1.0, -1.0] {
        let task = Task { id, side, backward };
        file(&place, task, follow_branch(&place, task, tolerance), &mut graph);
    }
    graph
}

/// The circles and spheres of orbits that connect indices which both have more than one direction to leave in.
fn circles(place: &Place<'_>) -> Vec<Circle> {
    let of = |id: usize| {
        let (k, n) = (place.nodes[id].index, place.nodes[id].x.len());
        // One forwards belongs to its upper end, backwards to its lower one.
        let forward = (fan::way(k, n) == Some(false)).then_some(Circle { id, backward: false });
        let backward = (fan::way(k + 1, n) == Some(true)).then_some(Circle { id, backward: true });
        forward.into_iter().chain(backward)
    };
    (0..place.nodes.len()).flat_map(of).collect()
}

/// Adds what the circles and spheres lead to. False if it was stopped.
fn follow_fans(
    place: &Place<'_>,
    circles: &[Circle],
    spokes: usize,
    tolerance: f64,
    control: &Control<'_>,
    graph: &mut MorseGraph,
) -> bool {
    let mut done = 0;
    for batch in circles.chunks(CIRCLES) {
        if control.stopped() {
            return false;
        }
        let found: Vec<_> =
            batch.par_iter().map(|c| fan::connections(place, *c, spokes, tolerance)).collect();
        for (new, open) in found {
            graph.connections.extend(new);
            graph.loose.extend(open);
        }
        done += batch.len();
        (control.progress)(Progress { stage: "circles of orbits", done, total: circles.len(), note: "" });
    }
    true
}

/// Puts a branch where it belongs.
fn file(place: &Place<'_>, task: Task, branch: Branch, graph: &mut MorseGraph) {
    let Task { id: point, backward, .. } = task;
    if let Branch::Arrived { misses, .. } | Branch::Exit { misses, .. } = &branch {
        graph.misses.extend(misses.iter().map(|(other, gap)| miss(place, point, *other, *gap, backward)));
    }
    match branch {
        Branch::Arrived { id, orbit, .. } => {
            let (from, to) = if backward { (id, point) } else { (point, id) };
            let sign = sign(place, task);
            graph.connections.push(Connection::new(from, to, sign, orbit));
        }
        Branch::Exit { orbit, .. } => graph.loose.push(Loose::Exit { point, orbit, backward }),
        Branch::NotTransverse { id, orbit, gap, signed } => {
            graph.misses.push(miss(place, point, id, signed, backward));
            let (from, to) = if backward { (id, point) } else { (point, id) };
            // A backward orbit between saddles is the forward one of the other: report it once.
            let known = graph.loose.iter().any(|l| {
                matches!(l, Loose::NotTransverse { from: f, to: t, orbit: o, .. }
                    if *f == from && *t == to && same_course(place, o, &orbit))
            });
            if !known {
                graph.loose.push(Loose::NotTransverse { from, to, orbit, gap });
            }
        }
        Branch::Degenerate { family, orbit } => {
            graph.loose.push(Loose::Degenerate { point, family, orbit, backward })
        }
        Branch::Lost { orbit, reason } => graph.loose.push(Loose::Lost { point, orbit, backward, reason }),
    }
}

/// The passage of an orbit that belongs to `point` by `other`, as the near miss of a connection.
fn miss(place: &Place<'_>, point: usize, other: usize, gap: f64, backward: bool) -> Miss {
    let (from, to) = if backward { (other, point) } else { (point, other) };
    let node = &place.nodes[other];
    let mode = node.vector(node.leaving(backward).start);
    Miss { from, to, gap, backward, mode }
}

/// Do two orbits between the same points run along each other?
fn same_course(place: &Place<'_>, a: &super::Orbit, b: &super::Orbit) -> bool {
    let Some(middle) = a.points.get(a.points.len() / 2) else { return true };
    let away = b.points.iter().map(|p| place.region.distance(p, middle)).fold(f64::INFINITY, f64::min);
    away < 0.05 * place.scale()
}

/// The sign of a connection in the boundary operator: unstable manifolds are oriented by their eigenvectors in
/// ascending order of the eigenvalues, those of full dimension by the coordinates; the sign compares the upper
/// orientation with (direction of the flow, lower orientation).
fn sign(place: &Place<'_>, task: Task) -> i8 {
    if !task.backward {
        return if task.side > 0.0 { 1 } else { -1 };
    }
    let node = &place.nodes[task.id];
    let n = node.x.len();
    // The orbit arrives from the side it was followed to: the flow points the other way.
    let frame = Mat::from_fn(n, n, |i, j| {
        if j == 0 { -task.side * node.vectors[(i, n - 1)] } else { node.vectors[(i, j - 1)] }
    });
    if frame.determinant() > 0.0 { 1 } else { -1 }
}

/// Is the flow Morse-Smale, as far as can be told?
fn verdict(
    set: &CriticalSet,
    graph: &MorseGraph,
    open: &[String],
    tolerance: f64,
    finished: bool,
    kept: impl Fn() -> bool,
) -> MorseSmale {
    // Along a continuum critical points are not isolated, which no perturbation of rounding's size could feign.
    if let Some(f) = set.degenerate.iter().find(|f| f.dimension > 0) {
        let energy = shown(f.energy);
        return MorseSmale::No(format!("there is a continuum of critical points at energy {energy}"));
    }
    let mut near = None;
    for l in &graph.loose {
        if let Loose::NotTransverse { from, to, gap, .. } = l {
            let (upper, lower) = (set.points[*from].index, set.points[*to].index);
            let text = format!(
                "an orbit joins point {from} (index {upper}) to point {to} (index {lower}), as far as can be told: it \
                 misses by {gap:.1e} of the scale"
            );
            if *gap <= CERTAIN * tolerance {
                return MorseSmale::No(text);
            }
            near = Some(text);
        }
    }
    if let Some(text) = near {
        return MorseSmale::Unknown(text);
    }
    // An isolated point is known to be degenerate to working precision only: next to it lie nondegenerate ones.
    if let Some(f) = set.degenerate.first() {
        let size = |fold: fn(f64, f64) -> f64, from| f.eigenvalues.iter().map(|v| v.abs()).fold(from, fold);
        let (smallest, largest) = (size(f64::min, f64::INFINITY), size(f64::max, 0.0));
        return MorseSmale::Unknown(format!(
            "the critical point at energy {} is degenerate as far as can be told: its Hessian eigenvalues reach from \
             {smallest:.1e} to {largest:.1e} in size",
            shown(f.energy)
        ));
    }
    if set.interrupted || !finished {
        return MorseSmale::Unknown("the computation was interrupted".into());
    }
    for l in &graph.loose {
        if let Loose::Lost { point, reason, .. } = l {
            return MorseSmale::Unknown(format!("an orbit of point {point} was lost: {reason}"));
        }
    }
    if set.points.is_empty() {
        return MorseSmale::Unknown("no critical point was found".into());
    }
    if set.highest_index < set.region.dim() && set.points.iter().any(|p| p.index == set.highest_index) {
        return MorseSmale::Unknown(format!("points of index above {} were not searched", set.highest_index));
    }
    if let Some(chi) = set.euler_expected
        && set.euler_characteristic() != chi
    {
        let sum = set.euler_characteristic();
        return MorseSmale::Unknown(format!(
            "points are missing: their alternating sum is {sum}, the region's Euler characteristic {chi}"
        ));
    }
    match set.completeness {
        Completeness::Unknown => return MorseSmale::Unknown("the critical set may be incomplete".into()),
        Completeness::Estimated { high, .. } if high > 1.0 => {
            return MorseSmale::Unknown(format!("up to {high:.0} critical points may be unseen"));
        }
        _ => {}
    }
    let counts = set.counts();
    if let Some(k) = (1..counts.len()).find(|&k| counts[k] * counts[k - 1] > 0 && !graph.has_examined(k)) {
        return MorseSmale::Unknown(format!(
            "connections from index {k} down, between manifolds of higher dimension, were not examined"
        ));
    }
    if let Some(sentence) = open.first() {
        return MorseSmale::Unknown(format!("connections or points are missing: {sentence}"));
    }
    if let Some(c) = graph.connections.iter().find(|c| c.transversality.is_some_and(|t| t < TANGENT)) {
        return MorseSmale::Unknown(format!(
            "the manifolds of points {} and {} are nearly tangent along their connection",
            c.from, c.to
        ));
    }
    if set.rough {
        return MorseSmale::Unknown(
            "the energy has a pole, a kink or an edge of its domain in the region".into(),
        );
    }
    if !kept() {
        return MorseSmale::Unknown(
            "the flow may leave the region: it is not entered on its whole boundary".into(),
        );
    }
    MorseSmale::Yes(match set.completeness {
        Completeness::Proven => Level::Checked,
        _ => Level::Estimated,
    })
}
