//! Tables and graph formats: one file a format, one writer each.
//!
//! In: a [`CriticalSet`], a [`MorseGraph`], or a [`Diagram`](crate::continuation::Diagram) with its itinerary. Out: the bytes of a file. Nothing here touches the disk, and the same
//! input gives the same bytes. Floats are the shortest text that reads back to the same bits. A value that is not
//! finite never leaves: it is an error, except where "not known" is a fair answer (a radius without a bound, a gap),
//! which is left out. So are
//! the energies of a field, which has none.
//!
//! ```
//! use smale::critical::{Completeness, CriticalPoint, CriticalSet, Level, Work};
//! use smale::landscape::Region;
//!
//! // The one critical point of `E(x) = x^2 / 2`.
//! let point = CriticalPoint {
//!     x: vec![0.0],
//!     energy: 0.0,
//!     eigenvalues: vec![1.0],
//!     index: 0,
//!     gradient_norm: 0.0,
//!     radius: 0.0,
//!     level: Level::Checked,
//!     proof: None,
//! };
//! let set = CriticalSet {
//!     points: vec![point],
//!     degenerate: vec![],
//!     completeness: Completeness::Proven,
//!     euler_expected: Some(1),
//!     rough: false,
//!     coverage: Default::default(),
//!     highest_index: 1,
//!     region: Region::ball(vec![0.0], 1.0),
//!     work: Work::default(),
//!     interrupted: false,
//! };
//! let table = smale::export::critical_points_csv(&set)?;
//! assert_eq!(table.lines().nth(1), Some("0,0,0.0,0.0,0.0,checked,1.0,1.0,0.0"));
//! # Ok::<(), smale::Error>(())
//! ```

mod array;
pub(crate) mod cells;
mod complex;
mod continuation;
mod dot;
mod gexf;
mod graphml;
mod measure;
mod memorization;
mod node_link;
mod nodes;
pub(crate) mod parquet;
mod plane;
mod rates;
mod read;
mod table;
mod vtp;
mod xml;

use std::collections::BTreeMap;

pub use array::critical_points_npy;
pub use complex::{barriers_csv, complex_json, persistence_csv, tree_csv};
pub(crate) use continuation::check_diagram;
pub use continuation::{
    branches_csv, cut_name, event_name, events_csv, itinerary_json, spectra_csv, splitting_csv,
};
pub use dot::graph_dot;
pub use gexf::graph_gexf;
pub use graphml::graph_graphml;
pub use measure::{MeasureRow, PerturbationRow, measure_csv, perturbations_csv};
pub use memorization::{classes_csv, samples_csv};
pub use node_link::graph_json;
pub use nodes::{edges_csv, edges_parquet, nodes_csv, nodes_parquet};
pub(crate) use plane::check_plane;
pub use plane::{curves_csv, plane_json};
pub use rates::{hierarchy_csv, quasipotential_csv, rates_csv};
pub use read::{read_graph, read_orbits};
pub(crate) use table::table;
pub use table::{basins_csv, critical_points_csv, degenerate_csv, orbits_csv, proofs_csv};
pub use vtp::{curves_vtp, graph_vtp, surface_vtp};
pub(crate) use xml::escape as escape_xml;

use serde::Serialize;

use crate::connection::{Loose, MorseGraph};
use crate::critical::{CriticalSet, Level};
use crate::error::{Error, Result};

/// Coordinates become attributes of the nodes in the GraphML and GEXF files of a run up to this dimension.
pub const MOST_COORDINATES: usize = 16;

/// An edge as the graph formats write it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edge {
    source: usize,
    target: usize,
    /// Counts the parallel edges of one pair, from 0.
    key: usize,
    sign: i8,
    level: Level,
    residual: f64,
    transversality: Option<f64>,
    /// How far the energy of its upper end is above that of its lower end; `None` without energies.
    barrier: Option<f64>,
}

/// The connections as edges, in their order.
fn edges(set: &CriticalSet, graph: &MorseGraph) -> Vec<Edge> {
    let mut parallel = BTreeMap::new();
    graph
        .connections
        .iter()
        .map(|c| {
            let key = parallel.entry((c.from, c.to)).or_insert(0);
            *key += 1;
            let finite = |v: &f64| v.is_finite();
            Edge {
                source: c.from,
                target: c.to,
                key: *key - 1,
                sign: c.sign,
                level: c.level,
                residual: c.residual,
                transversality: c.transversality.filter(finite),
                barrier: Some(set.points[c.from].energy - set.points[c.to].energy).filter(finite),
            }
        })
        .collect()
}

/// For each point, if it is a minimum that a saddle of index 1 joins to another one, how far the lowest such saddle is above it. No
/// path to any other minimum stays lower: the first saddle on it is one of these, and beyond the lowest of them there is another
/// minimum at once.
fn barriers_out(set: &CriticalSet, graph: &MorseGraph) -> Vec<Option<f64>> {
    let mut below: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for c in &graph.connections {
        if set.points[c.from].index == 1 && set.points[c.to].index == 0 {
            below.entry(c.from).or_default().push(c.to);
        }
    }
    let mut lowest: Vec<Option<f64>> = vec![None; set.points.len()];
    for (saddle, ends) in &below {
        let energy = set.points[*saddle].energy;
        for end in ends.iter().filter(|end| ends.iter().any(|other| other != *end)) {
            let above = energy - set.points[*end].energy;
            if above.is_finite() && lowest[*end].is_none_or(|known| above < known) {
                lowest[*end] = Some(above);
            }
        }
    }
    lowest
}

/// The name of a level in every format.
pub(crate) fn level_name(level: Level) -> &'static str {
    match level {
        Level::Estimated => "estimated",
        Level::Checked => "checked",
        Level::Proven => "proven",
    }
}

/// A float as the shortest text that reads back to the same bits.
fn number(value: f64) -> String {
    format!("{value:?}")
}

/// An energy as text; empty where there is none.
fn energy_text(energy: f64) -> String {
    if energy.is_nan() { String::new() } else { number(energy) }
}

/// A value as JSON.
fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Numerics(format!("JSON cannot be written: {e}")))
}

/// A JSON array with an item a line.
fn lines<T: Serialize>(items: impl Iterator<Item = T>) -> Result<String> {
    let items = items.map(|i| text(&i)).collect::<Result<Vec<_>>>()?;
    Ok(if items.is_empty() { "[]".to_owned() } else { format!("[\n{}\n]", items.join(",\n")) })
}

/// A float with so many significant digits, for a label.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    let last = digits.max(1) as i32 - 1;
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if (-4..=last).contains(&magnitude) {
        format!("{value:.*}", (last - magnitude) as usize)
    } else {
        format!("{value:.*e}", last as usize)
    }
}

/// The set can be written: all its numbers are finite, all its points have the region's dimension. Either all have an
/// energy or, of a field, none.
pub(crate) fn check_set(set: &CriticalSet) -> Result<()> {
    let n = set.region.dim();
    let with_energy = set.has_energy();
    let points = set.points.iter().map(|p| (&p.x, &p.eigenvalues, p.energy, p.gradient_norm));
    let families = set.degenerate.iter().map(|f| (&f.x, &f.eigenvalues, f.energy, f.gradient_norm));
    let named = [("critical point", points.collect::<Vec<_>>()), ("degenerate family", families.collect())];
    for (what, entries) in named {
        for (id, (x, eigenvalues, energy, gradient_norm)) in entries.into_iter().enumerate() {
            if x.len() != n {
                return Err(Error::Numerics(format!(
                    "{what} {id} has {} coordinates in a region of dimension {n}",
                    x.len()
                )));
            }
            let energy = if with_energy { energy.is_finite() } else { energy.is_nan() };
            let finite = |v: &[f64]| v.iter().all(|v| v.is_finite());
            if !(finite(x) && finite(eigenvalues) && energy && gradient_norm.is_finite()) {
                return Err(Error::Numerics(format!(
                    "{what} {id} has an energy, a gradient, a coordinate or an eigenvalue that is not finite"
                )));
            }
        }
    }
    Ok(())
}

/// The set can be written, and the graph names none but its points and families.
pub(crate) fn check_graph(set: &CriticalSet, graph: &MorseGraph) -> Result<()> {
    check_set(set)?;
    let point = |id: usize| match id < set.points.len() {
        true => Ok(()),
        false => {
            Err(Error::Numerics(format!("the graph names point {id}; there are only {}", set.points.len())))
        }
    };
    for c in &graph.connections {
        point(c.from)?;
        point(c.to)?;
    }
    for loose in &graph.loose {
        match loose {
            Loose::Exit { point: p, .. } | Loose::Lost { point: p, .. } => point(*p)?,
            Loose::NotTransverse { from, to, .. } => {
                point(*from)?;
                point(*to)?;
            }
            Loose::Degenerate { point: p, family, .. } => {
                point(*p)?;
                if *family >= set.degenerate.len() {
                    return Err(Error::Numerics(format!(
                        "the graph names degenerate family {family}; there are only {}",
                        set.degenerate.len()
                    )));
                }
            }
        }
    }
    Ok(())
}

/// At most `most` places out of `0..count`, evenly spread, with both ends.
pub(crate) fn thinned(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    if most < 2 {
        return (0..most).collect();
    }
    (0..most).map(|i| i * (count - 1) / (most - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_digits_whatever_the_size() {
        let shown = |v: f64| significant(v, 6);
        assert_eq!(shown(0.0), "0.00000");
        assert_eq!(shown(-146.69951721), "-146.700");
        assert_eq!(shown(123456.7), "123457");
        assert_eq!(shown(1.5e9), "1.50000e9");
        assert_eq!(shown(-2.5e-7), "-2.50000e-7");
    }

    #[test]
    fn thinning_keeps_both_ends_and_never_repeats() {
        for (count, most) in [(0, 5), (1, 5), (5, 5), (6, 5), (7, 1), (7, 0), (1000, 200), (201, 200)] {
            let places = thinned(count, most);
            assert_eq!(places.len(), count.min(most));
            assert!(places.windows(2).all(|w| w[0] < w[1]));
            if most >= 2 && count > 0 {
                assert_eq!((places[0], places[places.len() - 1]), (0, count - 1));
            }
        }
    }
}
