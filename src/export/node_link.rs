//! Node-link JSON, the form that networkx reads: versions before 3.6 look for `links`, later ones for `edges`.

use serde::Serialize;

use super::{barriers_out, check_graph, edges, level_name, lines, text, thinned};
use crate::connection::{Loose, MorseGraph, MorseSmale, Orbit};
use crate::critical::CriticalSet;
use crate::error::Result;

/// Samples of a degenerate family that are written at most.
const MOST_SAMPLES: usize = 200;

#[derive(Serialize)]
struct Node<'a> {
    id: usize,
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    energy: Option<f64>,
    x: &'a [f64],
    eigenvalues: &'a [f64],
    level: &'static str,
    gradient_norm: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    radius: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    barrier: Option<f64>,
}

#[derive(Serialize)]
struct Link {
    source: usize,
    target: usize,
    key: usize,
    sign: i8,
    level: &'static str,
    residual: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    transversality: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    barrier: Option<f64>,
}

#[derive(Serialize)]
struct Graph<'a> {
    title: &'a str,
    version: &'static str,
    morse_smale: Verdict,
    morse_smale_reason: &'a str,
    components: usize,
    exits: Vec<Exit<'a>>,
    not_transverse: Vec<NotTransverse>,
    degenerate: Vec<Family<'a>>,
    to_degenerate: Vec<ToDegenerate>,
    lost: Vec<Lost<'a>>,
    near_misses: Vec<NearMiss>,
    unproven_edges: Vec<Unproven<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Verdict {
    Known(bool),
    Unknown(&'static str),
}

#[derive(Serialize)]
struct Exit<'a> {
    point: usize,
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<&'a [f64]>,
}

#[derive(Serialize)]
struct NotTransverse {
    from: usize,
    to: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<f64>,
}

#[derive(Serialize)]
struct NearMiss {
    from: usize,
    to: usize,
    gap: f64,
    direction: &'static str,
}

#[derive(Serialize)]
struct Family<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    energy: Option<f64>,
    dimension: usize,
    x: &'a [f64],
    eigenvalues: &'a [f64],
    samples: Vec<&'a [f64]>,
}

#[derive(Serialize)]
struct ToDegenerate {
    point: usize,
    family: usize,
    direction: &'static str,
}

#[derive(Serialize)]
struct Lost<'a> {
    point: usize,
    direction: &'static str,
    reason: &'a str,
}

/// An edge of which a proof was tried.
#[derive(Serialize)]
struct Unproven<'a> {
    source: usize,
    target: usize,
    key: usize,
    reason: &'a str,
}

/// `graph.json`: the graph in node-link form; nodes and edges stand one a line.
///
/// Keys are `directed`, `multigraph`, `graph`, `nodes`, and the same list of edges as `links` and as `edges`. Edges
/// run downhill. `graph` holds all that is not a node or an edge: orbits that leave the region (`exits`), orbits that
/// a Morse-Smale flow cannot have (`not_transverse`), degenerate families, orbits into them, orbits that were lost,
/// edges that could not be proven with the reason, and the verdict on the flow.
pub fn graph_json(set: &CriticalSet, graph: &MorseGraph, title: &str) -> Result<String> {
    check_graph(set, graph)?;
    let barriers = barriers_out(set, graph);
    let nodes = set.points.iter().enumerate().map(|(id, p)| Node {
        id,
        index: p.index,
        energy: known(p.energy),
        x: &p.x,
        eigenvalues: &p.eigenvalues,
        level: level_name(p.level),
        gradient_norm: p.gradient_norm,
        radius: Some(p.radius).filter(|r| r.is_finite()),
        barrier: barriers[id],
    });
    let links = edges(set, graph).into_iter().map(|e| Link {
        source: e.source,
        target: e.target,
        key: e.key,
        sign: e.sign,
        level: level_name(e.level),
        residual: e.residual,
        transversality: e.transversality,
        barrier: e.barrier,
    });
    let (nodes, links) = (lines(nodes)?, lines(links)?);
    let attributes = text(&attributes(set, graph, title))?;
    Ok(format!(
        "{{\n\"directed\": true,\n\"multigraph\": true,\n\"graph\": {attributes},\n\"nodes\": {nodes},\n\
         \"links\": {links},\n\"edges\": {links}\n}}\n"
    ))
}

fn known(energy: f64) -> Option<f64> {
    Some(energy).filter(|e| e.is_finite())
}

fn attributes<'a>(set: &'a CriticalSet, graph: &'a MorseGraph, title: &'a str) -> Graph<'a> {
    let (morse_smale, morse_smale_reason) = verdict(&graph.morse_smale);
    let mut out = Graph {
        title,
        version: env!("CARGO_PKG_VERSION"),
        morse_smale,
        morse_smale_reason,
        components: graph.components,
        exits: vec![],
        not_transverse: vec![],
        degenerate: vec![],
        to_degenerate: vec![],
        lost: vec![],
        near_misses: graph
            .misses
            .iter()
            .filter(|m| m.gap.is_finite())
            .map(|m| NearMiss { from: m.from, to: m.to, gap: m.gap, direction: direction(m.backward) })
            .collect(),
        unproven_edges: edges(set, graph)
            .iter()
            .zip(&graph.connections)
            .filter_map(|(e, c)| {
                let reason = c.open.as_deref()?;
                Some(Unproven { source: e.source, target: e.target, key: e.key, reason })
            })
            .collect(),
    };
    for f in &set.degenerate {
        let usable: Vec<&[f64]> =
            f.samples.iter().filter(|x| x.iter().all(|x| x.is_finite())).map(Vec::as_slice).collect();
        out.degenerate.push(Family {
            energy: known(f.energy),
            dimension: f.dimension,
            x: &f.x,
            eigenvalues: &f.eigenvalues,
            samples: thinned(usable.len(), MOST_SAMPLES).into_iter().map(|i| usable[i]).collect(),
        });
    }
    for loose in &graph.loose {
        match loose {
            Loose::Exit { point, orbit, backward } => out.exits.push(Exit {
                point: *point,
                direction: direction(*backward),
                x: far_end(orbit, *backward),
            }),
            Loose::NotTransverse { from, to, gap, .. } => out.not_transverse.push(NotTransverse {
                from: *from,
                to: *to,
                gap: Some(*gap).filter(|g| g.is_finite()),
            }),
            Loose::Degenerate { point, family, backward, .. } => out.to_degenerate.push(ToDegenerate {
                point: *point,
                family: *family,
                direction: direction(*backward),
            }),
            Loose::Lost { point, backward, reason, .. } => {
                out.lost.push(Lost { point: *point, direction: direction(*backward), reason })
            }
        }
    }
    out
}

/// The verdict on a flow, and its level or its reason.
pub(super) fn verdict(verdict: &MorseSmale) -> (Verdict, &str) {
    match verdict {
        MorseSmale::Yes(level) => (Verdict::Known(true), level_name(*level)),
        MorseSmale::No(reason) => (Verdict::Known(false), reason.as_str()),
        MorseSmale::Unknown(reason) => (Verdict::Unknown("unknown"), reason.as_str()),
    }
}

fn direction(backward: bool) -> &'static str {
    if backward { "backward" } else { "forward" }
}

/// The end of an orbit that is not its critical point: orbits run in the direction of falling energy, so that it is
/// the first point of one that was followed backwards.
fn far_end(orbit: &Orbit, backward: bool) -> Option<&[f64]> {
    let end = if backward { orbit.points.first() } else { orbit.points.last() };
    end.map(Vec::as_slice).filter(|x| x.iter().all(|x| x.is_finite()))
}
