//! The regions between the curves: a grid of cells, joined where no curve runs between their middles, and the graph of each part.

use petgraph::unionfind::UnionFind;
use rayon::prelude::*;

use super::meet::{crossing, foot, polyline};
use super::{Ground, PlaneCurve, PlaneRegion};
use crate::connection::algebra::{Skeleton, isomorphism};
use crate::connection::{self};
use crate::critical;
use crate::error::Result;

type Place = [f64; 2];

/// What the rectangle is cut into.
pub(super) struct Parted {
    pub(super) regions: Vec<PlaneRegion>,
    pub(super) cells: Vec<usize>,
    pub(super) lost: Vec<String>,
}

/// The graph at one place.
struct Graph {
    skeleton: Skeleton,
    counts: Vec<usize>,
    connections: usize,
}

pub(super) fn regions(ground: &Ground<'_>, curves: &[PlaneCurve]) -> Result<Parted> {
    let m = ground.options.grid.max(1);
    let middle = |cell: usize| {
        [cell % m, cell / m].into_iter().enumerate().fold([0.0; 2], |mut at, (k, i)| {
            let [low, high] = ground.bounds(k);
            at[k] = low + (i as f64 + 0.5) / m as f64 * (high - low);
            at
        })
    };
    let places: Vec<Place> = (0..m * m).map(middle).collect();
    let segments: Vec<[Place; 2]> = curves
        .iter()
        .flat_map(|c| polyline(ground, c).windows(2).map(|w| [w[0], w[1]]).collect::<Vec<_>>())
        .collect();
    let cut = |a: usize, b: usize| {
        let way = [places[a], places[b]];
        let near = |k: usize, s: &[Place; 2]| {
            let (low, high) = (way[0][k].min(way[1][k]), way[0][k].max(way[1][k]));
            s[0][k].min(s[1][k]) <= high && s[0][k].max(s[1][k]) >= low
        };
        segments.iter().any(|s| near(0, s) && near(1, s) && crossing(way, *s).is_some())
    };
    let mut joined = UnionFind::<usize>::new(m * m);
    for cell in 0..m * m {
        let neighbours = [(cell % m + 1 < m).then_some(cell + 1), (cell / m + 1 < m).then_some(cell + m)];
        for other in neighbours.into_iter().flatten() {
            if !cut(cell, other) {
                joined.union(cell, other);
            }
        }
    }
    let mut parts: Vec<Vec<usize>> = vec![];
    let mut part_of = vec![usize::MAX; m * m];
    let labels = joined.into_labeling();
    for cell in 0..m * m {
        let root = labels[cell];
        if part_of[root] == usize::MAX {
            part_of[root] = parts.len();
            parts.push(vec![]);
        }
        parts[part_of[root]].push(cell);
    }
    parts.sort_by_key(|p| (std::cmp::Reverse(p.len()), p[0]));
    let mut cells = vec![0; m * m];
    parts.iter().enumerate().for_each(|(r, part)| part.iter().for_each(|c| cells[*c] = r));
    // The edges of the rectangle count as curves, so that a label has room.
    let clear = |cell: usize| {
        let p = places[cell];
        let edges = [0, 1].into_iter().flat_map(|k| ground.bounds(k).map(|end| (p[k] - end).abs()));
        let curves = segments.iter().map(|[a, b]| foot(p, *a, *b).0);
        edges.chain(curves).fold(f64::INFINITY, f64::min)
    };
    let chosen: Vec<(usize, Option<usize>)> = parts
        .iter()
        .map(|part| {
            let first = best(part, clear);
            // The cell farthest from it, but not next to a curve if that can be helped.
            let away = |cell: usize| {
                let (p, q) = (places[cell], places[first]);
                (p[0] - q[0]).hypot(p[1] - q[1]).min(4.0 * clear(cell))
            };
            let probe = best(part, away);
            (first, (part.len() > 1 && probe != first).then_some(probe))
        })
        .collect();
    let wanted: Vec<usize> = chosen.iter().flat_map(|(a, b)| [Some(*a), *b]).flatten().collect();
    ground.tell("graphs of regions", 0, wanted.len());
    let graphs: Result<Vec<Graph>> =
        wanted.par_iter().map(|cell| graph(ground, ground.parameters(places[*cell]))).collect();
    let mut graphs = graphs?.into_iter();
    let mut classes: Vec<Skeleton> = vec![];
    let (mut regions, mut lost) = (vec![], vec![]);
    for (part, (first, probe)) in parts.iter().zip(&chosen) {
        let (Some(here), there) = (graphs.next(), probe.and_then(|_| graphs.next())) else { continue };
        let same = |a: &Skeleton, b: &Skeleton| isomorphism(a, b).map(|found| found.is_some());
        let mut class = None;
        for (number, known) in classes.iter().enumerate() {
            if same(known, &here.skeleton)? {
                class = Some(number);
                break;
            }
        }
        let uniform = there.as_ref().map_or(Ok(true), |there| same(&here.skeleton, &there.skeleton))?;
        let representative = ground.parameters(places[*first]);
        if !uniform {
            let at = ground.named(representative);
            lost.push(format!("the region about {at} has different graphs: a curve in it was not found"));
        }
        let class = class.unwrap_or(classes.len());
        if class == classes.len() {
            classes.push(here.skeleton);
        }
        regions.push(PlaneRegion {
            representative,
            share: part.len() as f64 / (m * m) as f64,
            class,
            counts: here.counts,
            connections: here.connections,
            probe: probe.map(|cell| ground.parameters(places[cell])),
            uniform,
        });
    }
    Ok(Parted { regions, cells, lost })
}

/// The cell with the largest value, the first of equals.
fn best(part: &[usize], value: impl Fn(usize) -> f64) -> usize {
    let mut best = (part[0], f64::NEG_INFINITY);
    for &cell in part {
        let v = value(cell);
        if v > best.1 * (1.0 + 1e-9) || best.1 == f64::NEG_INFINITY {
            best = (cell, v);
        }
    }
    best.0
}

fn graph(ground: &Ground<'_>, parameters: Place) -> Result<Graph> {
    let landscape = ground.at(parameters)?;
    let options = ground.options;
    let set = critical::search(landscape.as_ref(), ground.region.as_ref(), &options.search, ground.control)?;
    let graph = connection::connect(landscape.as_ref(), &set, &options.graphs.graph, ground.control);
    Ok(Graph {
        skeleton: Skeleton::new(&set, &graph),
        counts: set.counts(),
        connections: graph.connections.len(),
    })
}
