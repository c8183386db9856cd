//! The graph as two tables, nodes and edges: CSV and Parquet.

use super::cells::{Cell, Column, Row, Type, csv};
use super::parquet::Table;
use super::{barriers_out, check_graph, edges, level_name};
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::Result;

/// `nodes.csv`: `id,label,index,energy,barrier,level,lambda_min,lambda_max,gradient_norm,radius,x0,x1,..`. `barrier` is how far the
/// lowest saddle that leads from a minimum to another one is above it. What is not known is empty.
///
/// # Errors
/// If the graph does not fit the set, or a number is not finite.
pub fn nodes_csv(set: &CriticalSet, graph: &MorseGraph) -> Result<Vec<u8>> {
    check_graph(set, graph)?;
    let (mut columns, rows) = nodes(set, graph);
    // Lists become a column a coordinate; spectra are too long for that.
    columns.truncate(FIXED);
    columns.extend((0..set.region.dim()).map(|i| Column::new(&format!("x{i}"), Type::Real)));
    let rows: Vec<Row> = rows
        .into_iter()
        .zip(&set.points)
        .map(|(row, p)| row.into_iter().take(FIXED).chain(p.x.iter().map(|&x| x.into())).collect())
        .collect();
    csv(&columns, &rows, true)
}

/// `edges.csv`: `source,target,key,sign,level,barrier,residual,transversality`, in the order of `graph.json`; `barrier` is the height
/// of the upper end above the lower one.
///
/// # Errors
/// As for [`nodes_csv`].
pub fn edges_csv(set: &CriticalSet, graph: &MorseGraph) -> Result<Vec<u8>> {
    check_graph(set, graph)?;
    let (columns, rows) = links(set, graph);
    csv(&columns, &rows, true)
}

/// `nodes.parquet`: as [`nodes_csv`], but coordinates and eigenvalues are lists, `x` and `eigenvalues`.
///
/// # Errors
/// As for [`nodes_csv`].
pub fn nodes_parquet(set: &CriticalSet, graph: &MorseGraph) -> Result<Vec<u8>> {
    check_graph(set, graph)?;
    parquet(nodes(set, graph))
}

/// `edges.parquet`: as [`edges_csv`].
///
/// # Errors
/// As for [`nodes_csv`].
pub fn edges_parquet(set: &CriticalSet, graph: &MorseGraph) -> Result<Vec<u8>> {
    check_graph(set, graph)?;
    parquet(links(set, graph))
}

fn parquet((columns, rows): (Vec<Column>, Vec<Row>)) -> Result<Vec<u8>> {
    let mut table = Table::new(vec![], &columns)?;
    table.extend(rows)?;
    Ok(table.finish()?.0)
}

fn columns(named: &[(&str, Type)]) -> Vec<Column> {
    named.iter().map(|(name, of)| Column::new(name, *of)).collect()
}

/// Columns of nodes before the lists.
const FIXED: usize = 10;

fn nodes(set: &CriticalSet, graph: &MorseGraph) -> (Vec<Column>, Vec<Row>) {
    let columns = columns(&[
        ("id", Type::Whole),
        ("label", Type::Text),
        ("index", Type::Whole),
        ("energy", Type::Real),
        ("barrier", Type::Real),
        ("level", Type::Text),
        ("lambda_min", Type::Real),
        ("lambda_max", Type::Real),
        ("gradient_norm", Type::Real),
        ("radius", Type::Real),
        ("x", Type::Reals),
        ("eigenvalues", Type::Reals),
    ]);
    let barriers = barriers_out(set, graph);
    let rows = set.points.iter().enumerate().map(|(id, p)| {
        vec![
            id.into(),
            id.to_string().into(),
            p.index.into(),
            p.energy.into(),
            barriers[id].into(),
            level_name(p.level).into(),
            p.eigenvalues.first().copied().into(),
            p.eigenvalues.last().copied().into(),
            p.gradient_norm.into(),
            p.radius.into(),
            p.x.clone().into(),
            p.eigenvalues.clone().into(),
        ]
    });
    (columns, rows.collect())
}

fn links(set: &CriticalSet, graph: &MorseGraph) -> (Vec<Column>, Vec<Row>) {
    let columns = columns(&[
        ("source", Type::Whole),
        ("target", Type::Whole),
        ("key", Type::Whole),
        ("sign", Type::Whole),
        ("level", Type::Text),
        ("barrier", Type::Real),
        ("residual", Type::Real),
        ("transversality", Type::Real),
    ]);
    let rows = edges(set, graph).into_iter().map(|e| {
        vec![
            e.source.into(),
            e.target.into(),
            e.key.into(),
            Cell::Whole(i64::from(e.sign)),
            level_name(e.level).into(),
            e.barrier.into(),
            e.residual.into(),
            e.transversality.into(),
        ]
    });
    (columns, rows.collect())
}
