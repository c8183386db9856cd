//! A graph read back from the files of a result folder.

use serde_json::Value;

use crate::connection::{Connection, Loose, Miss, MorseGraph, MorseSmale, Orbit};
use crate::critical::{Completeness, CriticalPoint, CriticalSet, DegenerateFamily, Level, Work};
use crate::error::{Error, Result};
use crate::landscape::Region;

/// The points and connections of a `graph.json`, in the region that its `summary.json` names, with all that the file says of the
/// graph: levels, loose ends, near misses, degenerate families, the verdict. Proofs are not in it, nor orbits but for their last points
/// where they leave the region, nor the gradients at degenerate families, which count as zero.
///
/// [`graph_json`](super::graph_json) of what was read is the file again.
///
/// # Errors
/// If a key is missing, or is not what [`graph_json`](super::graph_json) writes.
pub fn read_graph(summary: &Value, graph: &Value) -> Result<(CriticalSet, MorseGraph)> {
    let nodes = graph["nodes"].as_array().ok_or_else(|| missing("list of nodes"))?;
    let links = graph["links"].as_array().ok_or_else(|| missing("list of links"))?;
    let about = &graph["graph"];
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
    let degenerate: Vec<DegenerateFamily> =
        list(&about["degenerate"]).iter().map(family).collect::<Result<_>>()?;
    let places = || points.iter().map(|p| &p.x).chain(degenerate.iter().map(|f| &f.x));
    let named = whole(&summary["dimension"]).filter(|d| *d <= 1 << 20).unwrap_or(1);
    let dim = places().next().map_or(named, Vec::len);
    if places().any(|x| x.len() != dim) {
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
        connection.residual = link["residual"].as_f64().unwrap_or(0.0);
        connection.transversality = link["transversality"].as_f64();
        connections.push(connection);
    }
    for entry in list(&about["unproven_edges"]) {
        let ends = [&entry["source"], &entry["target"]].map(whole);
        let between = connections.iter_mut().filter(|c| ends == [Some(c.from), Some(c.to)]);
        if let Some(connection) = between.into_iter().nth(whole(&entry["key"]).unwrap_or(0)) {
            connection.open = entry["reason"].as_str().map(str::to_owned);
        }
    }
    let graph = MorseGraph {
        connections,
        loose: loose(about)?,
        misses: list(&about["near_misses"]).iter().map(miss).collect::<Result<_>>()?,
        morse_smale: verdict(about),
        components: whole(&about["components"]).unwrap_or(0),
        examined: vec![],
    };
    let top = points.iter().map(|p| p.index).max().unwrap_or(0);
    let set = CriticalSet {
        region: region(&summary["region"], dim).unwrap_or_else(|| around(&points, dim)),
        points,
        degenerate,
        completeness: Completeness::Unknown,
        coverage: Default::default(),
        euler_expected: None,
        rough: false,
        highest_index: top,
        work: Work::default(),
        interrupted: false,
    };
    Ok((set, graph))
}

/// Gives the connections of a graph the orbits of its `orbits.csv`.
///
/// # Errors
/// If the table is none of orbits, or not of this graph.
pub fn read_orbits(table: &str, graph: &mut MorseGraph) -> Result<()> {
    let wrong =
        |line: usize| Error::input(format!("orbits.csv: line {line} is no point of an orbit of the graph"));
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|e| Error::input(format!("orbits.csv: {e}")))?;
        let connection = record.get(0).and_then(|text| text.parse().ok());
        let connection = connection.and_then(|number: usize| graph.connections.get_mut(number));
        let finite = |text: &str| text.parse().ok().filter(|v: &f64| v.is_finite());
        let x: Option<Vec<f64>> = record.iter().skip(3).map(finite).collect();
        let (Some(connection), Some(x)) = (connection, x) else { return Err(wrong(row + 2)) };
        connection.orbit.points.push(x);
        connection.orbit.energies.push(record.get(2).and_then(finite).unwrap_or(f64::NAN));
    }
    Ok(())
}

fn missing(what: &str) -> Error {
    Error::input(format!("graph.json has no {what}"))
}

/// The items of a list; none if it is not there.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn backward(entry: &Value) -> bool {
    entry["direction"] == "backward"
}

fn family(entry: &Value) -> Result<DegenerateFamily> {
    Ok(DegenerateFamily {
        x: numbers(&entry["x"]).ok_or_else(|| missing("`x` of a degenerate family"))?,
        energy: entry["energy"].as_f64().unwrap_or(f64::NAN),
        eigenvalues: numbers(&entry["eigenvalues"]).unwrap_or_default(),
        dimension: whole(&entry["dimension"]).unwrap_or(0),
        gradient_norm: 0.0,
        samples: list(&entry["samples"]).iter().filter_map(numbers).collect(),
    })
}

fn loose(about: &Value) -> Result<Vec<Loose>> {
    let id = |entry: &Value, key: &str| {
        whole(&entry[key]).ok_or_else(|| missing(&format!("`{key}` of a loose orbit")))
    };
    let mut all = vec![];
    for entry in list(&about["exits"]) {
        let points: Vec<Vec<f64>> = numbers(&entry["x"]).into_iter().collect();
        let orbit = Orbit { energies: vec![f64::NAN; points.len()], points };
        all.push(Loose::Exit { point: id(entry, "point")?, orbit, backward: backward(entry) });
    }
    for entry in list(&about["not_transverse"]) {
        let gap = entry["gap"].as_f64().unwrap_or(f64::INFINITY);
        let (from, to) = (id(entry, "from")?, id(entry, "to")?);
        all.push(Loose::NotTransverse { from, to, orbit: Orbit::default(), gap });
    }
    for entry in list(&about["to_degenerate"]) {
        all.push(Loose::Degenerate {
            point: id(entry, "point")?,
            family: id(entry, "family")?,
            orbit: Orbit::default(),
            backward: backward(entry),
        });
    }
    for entry in list(&about["lost"]) {
        all.push(Loose::Lost {
            point: id(entry, "point")?,
            orbit: Orbit::default(),
            backward: backward(entry),
            reason: entry["reason"].as_str().unwrap_or_default().to_owned(),
        });
    }
    Ok(all)
}

fn miss(entry: &Value) -> Result<Miss> {
    let id = |key: &str| whole(&entry[key]).ok_or_else(|| missing(&format!("`{key}` of a near miss")));
    let gap = entry["gap"].as_f64().ok_or_else(|| missing("`gap` of a near miss"))?;
    Ok(Miss { from: id("from")?, to: id("to")?, gap, backward: backward(entry), mode: vec![] })
}

fn verdict(about: &Value) -> MorseSmale {
    let reason = about["morse_smale_reason"].as_str().unwrap_or("read from a file");
    match about["morse_smale"].as_bool() {
        Some(true) => MorseSmale::Yes(level(&about["morse_smale_reason"])),
        Some(false) => MorseSmale::No(reason.into()),
        None => MorseSmale::Unknown(reason.into()),
    }
}

fn whole(value: &Value) -> Option<usize> {
    value.as_u64().map(|v| v as usize)
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

fn level(value: &Value) -> Level {
    match value.as_str() {
        Some("proven") => Level::Proven,
        Some("checked") => Level::Checked,
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
