//! Tables of memories: classes of critical points and of samples.

use super::table::table;
use super::{check_set, level_name, number};
use crate::critical::{CriticalSet, Level};
use crate::error::Result;
use crate::memorization::{Geometry, Memorization, Neighbour, Place, Samples};

/// A number that may not be known, or not be finite.
fn known(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or(String::new(), number)
}

fn id(value: Option<usize>) -> String {
    value.map_or(String::new(), |v| v.to_string())
}

fn neighbour(n: Option<Neighbour>) -> [String; 2] {
    [id(n.map(|n| n.number)), known(n.map(|n| n.distance))]
}

/// `classes.csv`: a row a critical point, by id, then a row a degenerate family. Columns as docs/memorization.md explains them:
/// `id,family,index,class,without_structures,nearest,distance,share,data,structure,dimension,gap,softest,median,steepest,saddle,
/// saddle_distance,basin_least,basin_median,basin_bounded,level`. `geometry` has an entry a minimum.
///
/// # Errors
/// If a point is not finite.
pub fn classes_csv(set: &CriticalSet, found: &Memorization, geometry: &[Geometry]) -> Result<String> {
    check_set(set)?;
    let columns = [
        "id",
        "family",
        "index",
        "class",
        "without_structures",
        "nearest",
        "distance",
        "share",
        "data",
        "structure",
        "dimension",
        "gap",
        "softest",
        "median",
        "steepest",
        "saddle",
        "saddle_distance",
        "basin_least",
        "basin_median",
        "basin_bounded",
        "level",
    ];
    let described = |place: &Place| {
        let name = |class: Option<crate::memorization::Class>| class.map_or("", |c| c.name()).to_owned();
        let data: Vec<String> = place.data.iter().map(usize::to_string).collect();
        let mut row = vec![name(place.class), name(place.kept)];
        row.extend(neighbour(place.nearest));
        row.extend([known(place.share), data.join(" "), id(place.structure)]);
        row.extend([place.dimension.to_string(), known(Some(place.gap))]);
        row
    };
    let around = |g: Option<&Geometry>| {
        let basin = g.and_then(|g| g.basin);
        vec![
            known(g.map(|g| g.softest)),
            known(g.map(|g| g.median)),
            known(g.map(|g| g.steepest)),
            id(g.and_then(|g| g.saddle).map(|s| s.0)),
            known(g.and_then(|g| g.saddle).map(|s| s.1)),
            known(basin.map(|b| b.least)),
            known(basin.map(|b| b.median)),
            id(basin.map(|b| b.bounded)),
        ]
    };
    let level = || level_name(Level::Checked).to_owned();
    let points = set.points.iter().zip(&found.points).enumerate().map(|(place, (point, found))| {
        let mut row = vec![place.to_string(), String::new(), point.index.to_string()];
        row.extend(described(found));
        row.extend(around(geometry.iter().find(|g| g.id == place)));
        row.push(level());
        row
    });
    let families = found.families.iter().enumerate().map(|(number, found)| {
        let mut row = vec![String::new(), number.to_string(), String::new()];
        row.extend(described(found));
        row.extend(around(None));
        row.push(level());
        row
    });
    table(&columns, 0, points.chain(families))
}

/// `samples.csv`: `sample,class,nearest,distance,twin,twin_distance`, a row a sample: its class, the nearest datum and the nearest
/// other sample with their distances, empty where there is none.
///
/// # Errors
/// None that finite samples can meet.
pub fn samples_csv(samples: &Samples) -> Result<String> {
    let columns = ["sample", "class", "nearest", "distance", "twin", "twin_distance"];
    let rows = samples.classes.iter().enumerate().map(|(number, class)| {
        let mut row = vec![number.to_string(), class.name().to_owned()];
        row.extend(neighbour(samples.nearest[number]));
        row.extend(neighbour(samples.twin[number]));
        row
    });
    table(&columns, 0, rows)
}
