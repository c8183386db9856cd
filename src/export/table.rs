//! Tables in CSV (RFC 4180, comma, header line, `\n`): critical points, degenerate families, orbits.

use super::{check_graph, check_set, energy_text, level_name, number, thinned};
use crate::connection::MorseGraph;
use crate::critical::{CriticalSet, Level};
use crate::error::{Error, Result};
use crate::measure::basins::Basins;

/// Orbits are written up to this dimension.
const MOST_ORBIT_DIMENSIONS: usize = 16;
/// Eigenvalues of a proof that are written at most, from the lowest.
const MOST_EIGENVALUES: usize = 64;
/// Points of an orbit that are written at most.
const MOST_ORBIT_POINTS: usize = 200;

/// `critical_points.csv`: `id,index,energy,gradient_norm,radius,level,lambda_min,lambda_max,x0,x1,..`, a row a point,
/// in the order of the ids. `radius` is empty where no bound is known, `energy` of a field, which has none.
pub fn critical_points_csv(set: &CriticalSet) -> Result<String> {
    check_set(set)?;
    let columns = ["id", "index", "energy", "gradient_norm", "radius", "level", "lambda_min", "lambda_max"];
    let rows = set.points.iter().enumerate().map(|(id, p)| {
        let (low, high) = ends(&p.eigenvalues);
        let radius = if p.radius.is_finite() { number(p.radius) } else { String::new() };
        let mut row =
            vec![id.to_string(), p.index.to_string(), energy_text(p.energy), number(p.gradient_norm)];
        row.extend([radius, level_name(p.level).to_owned(), low, high]);
        row.extend(p.x.iter().map(|&x| number(x)));
        row
    });
    table(&columns, set.region.dim(), rows)
}

/// `proofs.csv`: `id,index,radius,unique,basin,lambda_low_0,lambda_high_0,..`, a row a proven point. Exactly one critical point
/// lies within `radius` of the place reported, and no other at a distance below `unique`; its index is proven, its Hessian's
/// eigenvalues lie between the bounds given (the smallest |eigenvalue| is at least `smallest`); `basin` is the radius
/// of a ball about a minimum in which every orbit of `-grad E` ends there, empty where none is known. Bounds are written so that
/// reading them back gives the very numbers that were proven.
pub fn proofs_csv(set: &CriticalSet) -> Result<String> {
    check_set(set)?;
    let columns = ["id", "index", "radius", "unique", "smallest", "basin"];
    let most =
        set.points.iter().filter_map(|p| p.proof.as_ref()).map(|p| p.eigenvalues.len()).max().unwrap_or(0);
    let ends =
        (0..most.min(MOST_EIGENVALUES)).flat_map(|k| [format!("lambda_low_{k}"), format!("lambda_high_{k}")]);
    let columns: Vec<String> = columns.iter().map(|c| (*c).to_owned()).chain(ends).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows = set.points.iter().enumerate().filter_map(|(id, p)| {
        let proof = p.proof.as_ref()?;
        let mut row = vec![id.to_string(), proof.index.to_string()];
        row.extend([proof.radius, proof.unique, proof.smallest].map(number));
        row.push(proof.basin.map_or(String::new(), number));
        row.extend(
            proof
                .eigenvalues
                .iter()
                .take(MOST_EIGENVALUES)
                .flat_map(|(low, high)| [number(*low), number(*high)]),
        );
        Some(row)
    });
    table(&columns, 0, rows)
}

/// `basins.csv`: `minimum,share,low,high,orbits,inner_ball_radius,inner_ball_log10_share,level`, a row a minimum: its share of
/// the region with the interval of 95%, the orbits that ended there, and the ball that is proven to flow to it with the
/// decimal logarithm of its own share, both empty where nothing is known.
pub fn basins_csv(measured: &Basins) -> Result<String> {
    let columns =
        ["minimum", "share", "low", "high", "orbits", "inner_ball_radius", "inner_ball_log10_share", "level"];
    let rows = measured.basins.iter().map(|b| {
        let known = |v: Option<f64>| v.filter(|v| v.is_finite()).map_or(String::new(), number);
        let mut row = vec![b.minimum.to_string(), number(b.share), number(b.low), number(b.high)];
        row.extend([b.orbits.to_string(), known(b.inner.map(|i| i.radius))]);
        row.extend([known(b.inner.and_then(|i| i.log10_share)), level_name(Level::Estimated).to_owned()]);
        row
    });
    table(&columns, 0, rows)
}

/// `degenerate.csv`: `family,dimension,energy,gradient_norm,lambda_min,lambda_max,x0,x1,..`, a row a family at one of
/// its points.
pub fn degenerate_csv(set: &CriticalSet) -> Result<String> {
    check_set(set)?;
    let columns = ["family", "dimension", "energy", "gradient_norm", "lambda_min", "lambda_max"];
    let rows = set.degenerate.iter().enumerate().map(|(family, f)| {
        let (low, high) = ends(&f.eigenvalues);
        let mut row = vec![family.to_string(), f.dimension.to_string()];
        row.extend([energy_text(f.energy), number(f.gradient_norm), low, high]);
        row.extend(f.x.iter().map(|&x| number(x)));
        row
    });
    table(&columns, set.region.dim(), rows)
}

/// `orbits.csv`: `connection,step,energy,x0,x1,..`, from the upper to the lower end of each connection, thinned to
/// 200 points an orbit. `connection` counts the edges of the graph in their order, from 0. `None` above 16 dimensions,
/// where the table would dwarf everything else.
pub fn orbits_csv(set: &CriticalSet, graph: &MorseGraph) -> Result<Option<String>> {
    check_graph(set, graph)?;
    let n = set.region.dim();
    if n > MOST_ORBIT_DIMENSIONS {
        return Ok(None);
    }
    let energies = set.has_energy();
    let mut rows = Vec::new();
    for (connection, c) in graph.connections.iter().enumerate() {
        let orbit: Vec<(&Vec<f64>, f64)> = c
            .orbit
            .points
            .iter()
            .zip(c.orbit.energies.iter().copied())
            .filter(|(x, e)| x.len() == n && e.is_finite() == energies && x.iter().all(|x| x.is_finite()))
            .collect();
        for (step, place) in thinned(orbit.len(), MOST_ORBIT_POINTS).into_iter().enumerate() {
            let (x, energy) = orbit[place];
            let mut row = vec![connection.to_string(), step.to_string(), energy_text(energy)];
            row.extend(x.iter().map(|&x| number(x)));
            rows.push(row);
        }
    }
    table(&["connection", "step", "energy"], n, rows.into_iter()).map(Some)
}

/// First and last eigenvalue as text; empty if there is none.
fn ends(eigenvalues: &[f64]) -> (String, String) {
    let text = |v: Option<&f64>| v.map_or(String::new(), |&v| number(v));
    (text(eigenvalues.first()), text(eigenvalues.last()))
}

/// A table with these columns, and `n` more for coordinates.
pub(crate) fn table(columns: &[&str], n: usize, rows: impl Iterator<Item = Vec<String>>) -> Result<String> {
    let failed = |e: &dyn std::fmt::Display| Error::Numerics(format!("a table cannot be written: {e}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = columns.iter().map(|&c| c.to_owned()).chain((0..n).map(|i| format!("x{i}")));
    writer.write_record(header).map_err(|e| failed(&e))?;
    for row in rows {
        writer.write_record(row).map_err(|e| failed(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|e| failed(&e))
}
