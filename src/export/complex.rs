//! What follows from the whole graph: the Morse complex as JSON, persistence pairs and barriers as tables.

use serde::Serialize;

use super::table::table;
use super::{check_graph, level_name, lines, number, text};
use crate::connection::MorseGraph;
use crate::connection::algebra::{self, Algebra, Group};
use crate::critical::{CriticalSet, Level};
use crate::error::Result;

/// Barriers are written up to this number of minima.
const MOST_MINIMA: usize = 500;
/// Ids of minima below points that are written at most.
const MOST_BELOW: usize = 1_000_000;

#[derive(Serialize)]
struct Points<'a> {
    index: usize,
    ids: &'a [usize],
}

#[derive(Serialize)]
struct Boundary {
    index: usize,
    entries: Vec<(usize, usize, i64)>,
}

#[derive(Serialize)]
struct Homology {
    degree: usize,
    betti: usize,
    torsion: Vec<Order>,
}

/// The order of a cyclic group; as text beyond what other programs read as a whole number.
#[derive(Serialize)]
#[serde(untagged)]
enum Order {
    Small(u32),
    Large(String),
}

#[derive(Serialize)]
struct Below {
    id: usize,
    minima: Vec<usize>,
}

/// `complex.json`: the Morse complex of the graph, its homology and the closure relation; keys whose value is not known
/// are `null`.
///
/// Keys are `title`, `version`, `level`, `complete_to`, `points` (ids of each index), `boundary` (entries `[row,
/// column, value]` by ids: lower point, upper point), `d_squared` (the same of the squared boundary), `homology` over the
/// integers, `homology_mod2`, why they are missing (`reason`), `expected` Betti numbers of the region, `mismatches` with
/// them, `hasse` (pairs `[upper, lower]`) and `minima_below` each point of higher index.
pub fn complex_json(set: &CriticalSet, graph: &MorseGraph, algebra: &Algebra, title: &str) -> Result<String> {
    check_graph(set, graph)?;
    let complex = &algebra.complex;
    let points = complex.points.iter().enumerate().map(|(index, ids)| Points { index, ids });
    let boundary = (1..complex.points.len()).map(|index| {
        let entries = complex.entries(index).into_iter().map(|e| (e.to, e.from, e.value));
        Boundary { index, entries: entries.collect() }
    });
    let squared: Vec<(usize, usize, i64)> = algebra.squared.iter().map(|e| (e.to, e.from, e.value)).collect();
    let integers = algebra.integers.as_ref().ok().map(|groups| groups.iter().map(shown).collect::<Vec<_>>());
    let errors = [algebra.integers.as_ref().err(), algebra.mod2.as_ref().err()];
    let reason = errors.into_iter().flatten().next().map(ToString::to_string);
    let closure = algebra::closure(set, graph);
    let upper = (0..set.points.len()).filter(|&id| set.points[id].index > 0);
    let below: Vec<Below> = upper.map(|id| Below { id, minima: closure.minima(set, id) }).collect();
    let below = match below.iter().map(|b| b.minima.len()).sum::<usize>() <= MOST_BELOW {
        true => lines(below.into_iter())?,
        false => "null".to_owned(),
    };
    let level = level_name(algebra::level(set, graph, set.region.dim()));
    let keys = [
        ("title", text(&title)?),
        ("version", text(&env!("CARGO_PKG_VERSION"))?),
        ("level", text(&level)?),
        ("complete_to", text(&algebra.complete_to)?),
        ("points", lines(points)?),
        ("boundary", lines(boundary)?),
        ("d_squared", text(&squared)?),
        ("homology", text(&integers)?),
        ("homology_mod2", text(&algebra.mod2.as_ref().ok())?),
        ("reason", text(&reason)?),
        ("expected", text(&algebra.expected)?),
        ("mismatches", text(&algebra.mismatches)?),
        ("hasse", text(&closure.hasse)?),
        ("minima_below", below),
    ];
    let body: Vec<String> = keys.into_iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    Ok(format!("{{\n{}\n}}\n", body.join(",\n")))
}

fn shown(group: &Group) -> Homology {
    let order = |t: &i128| u32::try_from(*t).map_or_else(|_| Order::Large(t.to_string()), Order::Small);
    Homology { degree: group.degree, betti: group.betti, torsion: group.torsion.iter().map(order).collect() }
}

/// `persistence.csv`: `degree,birth_id,death_id,birth,death,persistence,level`, a row a class; `death_id`, `death` and
/// `persistence` are empty for classes of the whole region. `None` where the squared boundary is not zero, so that
/// there are no classes.
pub fn persistence_csv(set: &CriticalSet, graph: &MorseGraph, algebra: &Algebra) -> Result<Option<String>> {
    check_graph(set, graph)?;
    let Ok(pairs) = &algebra.pairs else { return Ok(None) };
    let columns = ["degree", "birth_id", "death_id", "birth", "death", "persistence", "level"];
    let top = pairs.iter().map(|p| p.degree).max().unwrap_or(0);
    let levels: Vec<Level> = (0..=top).map(|degree| algebra::level(set, graph, degree + 1)).collect();
    let rows = pairs.iter().map(|p| {
        let energy = |id: usize| number(set.points[id].energy);
        vec![
            p.degree.to_string(),
            p.birth.to_string(),
            p.death.map_or(String::new(), |id| id.to_string()),
            energy(p.birth),
            p.death.map_or(String::new(), energy),
            p.persistence(set).map_or(String::new(), number),
            level_name(levels[p.degree]).to_owned(),
        ]
    });
    table(&columns, 0, rows).map(Some)
}

/// `tree.csv`: `node,energy,points,parent`, a row a node of the [tree](algebra::merge_tree) in which the minima merge, saddles of
/// nearly equal energy in one as in the picture: leaves with the id of their minimum first, then the nodes where branches meet, by
/// rising energy, with the ids of their saddles. `parent` is the node where it is joined with others, empty at a root.
pub fn tree_csv(set: &CriticalSet, graph: &MorseGraph) -> Result<String> {
    check_graph(set, graph)?;
    let tree = algebra::merge_tree(set, graph, algebra::level_tolerance(set));
    let rows = tree.nodes.iter().enumerate().map(|(node, n)| {
        let points = n.points.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        vec![node.to_string(), number(n.energy), points, n.parent.map_or(String::new(), |p| p.to_string())]
    });
    table(&["node", "energy", "points", "parent"], 0, rows)
}

/// `barriers.csv`: `a,b,saddle,energy,above_a,above_b,level`, a row a pair of minima that a path over saddles of index 1
/// joins: a highest saddle on the lowest such path, its energy, and how far it is above each of the two. `None` above 500
/// minima, which have too many pairs.
pub fn barriers_csv(set: &CriticalSet, graph: &MorseGraph) -> Result<Option<String>> {
    check_graph(set, graph)?;
    if set.counts()[0] > MOST_MINIMA {
        return Ok(None);
    }
    let level = level_name(algebra::level(set, graph, 1));
    let columns = ["a", "b", "saddle", "energy", "above_a", "above_b", "level"];
    let rows = algebra::barriers(set, graph).into_iter().map(|b| {
        let above = |id: usize| number(b.energy - set.points[id].energy);
        let ids = [b.a, b.b, b.saddle].map(|id| id.to_string());
        ids.into_iter().chain([number(b.energy), above(b.a), above(b.b), level.to_owned()]).collect()
    });
    table(&columns, 0, rows).map(Some)
}
