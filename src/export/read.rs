//! A graph read back from the files of a result folder.

use serde_json::Value;

use crate::connection::{Connection, MorseGraph, MorseSmale, Orbit};
use crate::critical::{Completeness, CriticalPoint, CriticalSet, Level, Work};
use crate::error::{Error, Result};
use crate::landscape::Region;

/// The points and connections of a `graph.json`, in the region that its `summary.json` names. Proofs, orbits and loose ends are not
/// read: what was proven counts as checked.
///
/// # Errors
/// If a key is missing, or is not what [`graph_json`](super::graph_json) writes.
pub fn read_graph(summary: &Value, graph: &Value) -> Result<(CriticalSet, MorseGraph)> {
    let missing = |what: &str| Error::input(format!("graph.json has no {what}"));
    let nodes = graph["nodes"].as_array().ok_or_else(|| missing("list of nodes"))?;
    let links = graph["links"].as_array().ok_or_else(|| missing("list of links"))?;
    let mut points = vec![];
    for (id, node) in nodes.iter().enumerate() {
        if whole(&node["id"]) != Some(id) {
            return Err(Error::input(format!("graph.json: node number {id} has the id {}", node["id"])));
        }
        let lacks = |key: &str| missing(&format!("`{key}` of node {id}"));
        points.push(CriticalPoint {
            x: numbers(&node["x"]).ok_or_else(|| lacks("x"))?,
            energy: node["energy"].as_f64().unwrap_or(f64::NAN),
            eigenvalues: numbers(&node["eigenvalues"]).unwrap_or_default(),
            index: whole(&node["index"]).ok_or_else(|| lacks("index"))?,
            gradient_norm: node["gradient_norm"].as_f64().unwrap_or(f64::INFINITY),
            radius: node["radius"].as_f64().unwrap_or(f64::INFINITY),
            level: level(&node["level"]),
            proof: None,
        });
    }
    let dim = points.first().map_or(1, |p| p.x.len());
    if points.iter().any(|p| p.x.len() != dim) {
        return Err(Error::input("graph.json: its nodes do not have equally many coordinates"));
    }
    let mut connections = vec![];
    for (number, link) in links.iter().enumerate() {
        let end = |key: &str| {
            whole(&link[key])
                .filter(|id| *id < points.len())
                .ok_or_else(|| missing(&format!("node that is `{key}` of link {number}")))
        };
        let sign = if link["sign"].as_i64() == Some(-1) { -1 } else { 1 };
        let mut connection = Connection::new(end("source")?, end("target")?, sign, Orbit::default());
        connection.level = level(&link["level"]);
        connections.push(connection);
    }
    let top = points.iter().map(|p| p.index).max().unwrap_or(0);
    let set = CriticalSet {
        region: region(&summary["region"], dim).unwrap_or_else(|| around(&points, dim)),
        points,
        degenerate: vec![],
        completeness: Completeness::Unknown,
        coverage: Default::default(),
        euler_expected: None,
        rough: false,
        highest_index: top,
        work: Work::default(),
        interrupted: false,
    };
    let graph = MorseGraph {
        connections,
        loose: vec![],
        misses: vec![],
        morse_smale: MorseSmale::Unknown("read from a file".into()),
        components: 0,
        examined: vec![],
    };
    Ok((set, graph))
}

fn whole(value: &Value) -> Option<usize> {
    value.as_u64().map(|v| v as usize)
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

fn level(value: &Value) -> Level {
    match value.as_str() {
        Some("proven" | "checked") => Level::Checked,
        _ => Level::Estimated,
    }
}

fn region(value: &Value, dim: usize) -> Option<Region> {
    let fits = |x: &Vec<f64>| x.len() == dim;
    let mut region = match (&value["ball"], &value["box"]) {
        (Value::Object(ball), _) => {
            Region::ball(numbers(&ball["center"]).filter(fits)?, ball["radius"].as_f64()?)
        }
        (_, Value::Object(corners)) => {
            Region::cuboid(numbers(&corners["lower"]).filter(fits)?, numbers(&corners["upper"]).filter(fits)?)
        }
        _ => return None,
    };
    if let Some(period) = value["period"].as_array().filter(|p| p.len() == dim) {
        region.period = period.iter().map(Value::as_f64).collect();
    }
    Some(region)
}

/// A box that holds all points.
fn around(points: &[CriticalPoint], dim: usize) -> Region {
    let end =
        |i: usize, pick: fn(f64, f64) -> f64, start: f64| points.iter().map(|p| p.x[i]).fold(start, pick);
    let lower = (0..dim).map(|i| end(i, f64::min, f64::MAX).min(0.0) - 1.0).collect();
    let upper = (0..dim).map(|i| end(i, f64::max, f64::MIN).max(0.0) + 1.0).collect();
    Region::cuboid(lower, upper)
}
