//! What a sweep computes at a grid point: its critical points, its graph if wanted, and from them the rows of both tables.
//!
//! **A new column is one line** in [`GRID`] (a row a grid point) or [`POINTS`] (a row a critical point): its name, its type and
//! a function of what is known of the grid point. What several columns share is computed once in [`measure`] and kept
//! in [`Measured`]. Rows must not depend on time, threads or machine.

use std::sync::atomic::AtomicBool;

use super::{Point, Sweep};
use crate::connection::{self, MorseGraph, MorseSmale};
use crate::control::Control;
use crate::critical::{self, Completeness, CriticalPoint, CriticalSet};
use crate::data::Points;
use crate::error::{Error, Result};
use crate::export::cells::{Cell, Column, Row, Type};
use crate::export::level_name;
use crate::landscape::{Family, Landscape};
use crate::memorization::{Class, Geometry, HeldOut, Memorization, Noises, Place, noises};
use crate::study::Study;
use crate::study::memorization::{self, Memories};
use crate::study::pipeline;

/// All that is known of a grid point.
pub struct Measured {
    /// The study at the grid point.
    pub study: Study,
    /// Its landscape.
    pub family: Box<dyn Family>,
    /// The rows of data that the landscape is built from; `None` if it has none.
    pub data: Option<Points>,
    /// Its critical points.
    pub set: CriticalSet,
    /// How they are connected, if the sweep asks for it.
    pub graph: Option<MorseGraph>,
    /// Which of them are memories, if the study asks for it.
    pub(crate) memories: Option<Memories>,
    /// Why that could not be told.
    untold: Option<String>,
    /// Where its data speciate and collapse.
    noises: Option<Noises>,
}

/// A column of the table of grid points.
pub struct GridColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub of: Type,
    /// Its cell.
    pub cell: fn(&Measured) -> Cell,
}

/// A column of the table of critical points.
pub struct PointColumn {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub of: Type,
    /// Its cell for critical point number `id`.
    pub cell: fn(&Measured, usize, &CriticalPoint) -> Cell,
}

const fn grid(name: &'static str, of: Type, cell: fn(&Measured) -> Cell) -> GridColumn {
    GridColumn { name, of, cell }
}

const fn point(
    name: &'static str,
    of: Type,
    cell: fn(&Measured, usize, &CriticalPoint) -> Cell,
) -> PointColumn {
    PointColumn { name, of, cell }
}

/// Columns of the table of grid points, behind the grid point's number, its task, the swept keys and the seed.
pub const GRID: &[GridColumn] = &[
    grid("dimension", Type::Whole, |m| m.family.dim().into()),
    grid("data_count", Type::Whole, |m| m.family.data().map(|d| d.ncols()).into()),
    grid("minima", Type::Whole, |m| m.count(0)),
    grid("index_1", Type::Whole, |m| m.count(1)),
    grid("index_2", Type::Whole, |m| m.count(2)),
    grid("index_3", Type::Whole, |m| m.count(3)),
    grid("critical_points", Type::Whole, |m| m.set.points.len().into()),
    grid("degenerate", Type::Whole, |m| m.set.degenerate.len().into()),
    grid("euler_characteristic", Type::Whole, |m| {
        (m.set.highest_index >= m.family.dim()).then(|| m.set.euler_characteristic()).into()
    }),
    grid("euler_expected", Type::Whole, |m| m.set.euler_expected.into()),
    grid("completeness", Type::Text, |m| completeness(&m.set).into()),
    grid("unseen_high", Type::Real, |m| match m.set.completeness {
        Completeness::Estimated { high, .. } => high.into(),
        _ => Cell::Empty,
    }),
    grid("connections", Type::Whole, |m| m.graph.as_ref().map(|g| g.connections.len()).into()),
    grid("morse_smale", Type::Text, |m| m.graph.as_ref().map(|g| morse_smale(g)).into()),
    grid("level", Type::Text, |m| level_name(m.set.level()).into()),
    grid("memorized", Type::Whole, |m| m.class(Class::Memorized)),
    grid("merged", Type::Whole, |m| m.class(Class::Merged)),
    grid("empty", Type::Whole, |m| m.class(Class::Empty)),
    grid("generalized", Type::Whole, |m| m.class(Class::Generalized)),
    grid("data_memorized", Type::Real, |m| m.classes().map(Memorization::fraction_memorized).into()),
    grid("data_alone", Type::Real, |m| m.classes().map(Memorization::fraction_alone).into()),
    grid("data_lost", Type::Whole, |m| m.classes().map(|c| c.lost.len()).into()),
    grid("held_out_gap", Type::Real, |m| m.held_out().map(|h| h.gap.0).into()),
    grid("held_out_gap_error", Type::Real, |m| m.held_out().map(|h| h.gap.1).into()),
    grid("samples_memorized", Type::Real, |m| m.samples(0)),
    grid("samples_spurious", Type::Real, |m| m.samples(1)),
    grid("samples_generalized", Type::Real, |m| m.samples(2)),
    grid("speciation_sigma", Type::Real, |m| m.noises.map(|n| n.speciation).into()),
    grid("collapse_sigma", Type::Real, |m| m.noises.map(|n| n.collapse).into()),
];

/// Columns of the table of critical points, behind the grid point's number.
pub const POINTS: &[PointColumn] = &[
    point("id", Type::Whole, |_, id, _| id.into()),
    point("index", Type::Whole, |_, _, p| p.index.into()),
    point("energy", Type::Real, |_, _, p| p.energy.into()),
    point("gradient_norm", Type::Real, |_, _, p| p.gradient_norm.into()),
    point("lambda_min", Type::Real, |_, _, p| p.eigenvalues.first().copied().into()),
    point("lambda_max", Type::Real, |_, _, p| p.eigenvalues.last().copied().into()),
    point("level", Type::Text, |_, _, p| level_name(p.level).into()),
    point("nearest_datum", Type::Whole, |m, _, p| m.nearest(&p.x).map(|(row, _)| row).into()),
    point("nearest_distance", Type::Real, |m, _, p| m.nearest(&p.x).map(|(_, distance)| distance).into()),
    point("class", Type::Text, |m, id, _| m.place(id).and_then(|p| p.class).map(Class::name).into()),
    point("data", Type::Whole, |m, id, _| {
        m.place(id).filter(|p| p.kept.is_some()).map(|p| p.data.len()).into()
    }),
    point("manifold_dimension", Type::Whole, |m, id, _| m.place(id).map(|p| p.dimension).into()),
    point("spectral_gap", Type::Real, |m, id, _| m.place(id).map(|p| p.gap).into()),
    point("saddle_distance", Type::Real, |m, id, _| {
        m.geometry(id).and_then(|g| g.saddle).map(|s| s.1).into()
    }),
    point("basin_least", Type::Real, |m, id, _| m.geometry(id).and_then(|g| g.basin).map(|b| b.least).into()),
    point("basin_median", Type::Real, |m, id, _| {
        m.geometry(id).and_then(|g| g.basin).map(|b| b.median).into()
    }),
    point(COORDINATES, Type::Reals, |_, _, p| p.x.clone().into()),
];

/// The column that a sweep may leave out.
const COORDINATES: &str = "x";

impl Measured {
    /// Number of critical points of an index; empty if it was not searched for.
    fn count(&self, index: usize) -> Cell {
        let searched = index <= self.set.highest_index || index > self.family.dim();
        searched.then(|| self.set.counts().get(index).copied().unwrap_or(0)).into()
    }

    fn classes(&self) -> Option<&Memorization> {
        self.memories.as_ref().map(Memories::classes)
    }

    fn held_out(&self) -> Option<&HeldOut> {
        self.memories.as_ref().and_then(Memories::held_out)
    }

    fn geometry(&self, id: usize) -> Option<&Geometry> {
        self.memories.as_ref()?.geometry().iter().find(|g| g.id == id)
    }

    fn place(&self, id: usize) -> Option<&Place> {
        self.classes()?.points.get(id)
    }

    /// Number of minima of a class, flat families among them.
    fn class(&self, class: Class) -> Cell {
        self.classes().map(|c| c.counts()[class as usize]).into()
    }

    /// Share of the samples of a class.
    fn samples(&self, class: usize) -> Cell {
        let samples = self.memories.as_ref().and_then(Memories::samples);
        samples.map(|s| s.counts()[class] as f64 / s.classes.len().max(1) as f64).into()
    }

    /// The row of the data that is nearest to `x`, and its distance. Rows are counted from 0 as the data have them after
    /// `rows`, whatever the shuffle; of equal ones it is the first that was taken.
    fn nearest(&self, x: &[f64]) -> Option<(usize, f64)> {
        let columns = self.family.data().filter(|d| d.nrows() == x.len())?;
        let distance = |column: usize| {
            columns.col(column).iter().zip(x).map(|(y, x)| (y - x) * (y - x)).sum::<f64>().sqrt()
        };
        let all = (0..columns.ncols()).map(|column| (column, distance(column)));
        let (column, distance) = all.min_by(|a, b| a.1.total_cmp(&b.1))?;
        let rows = self.data.as_ref().filter(|d| d.values.ncols() == columns.ncols());
        let row = match rows {
            Some(points) => {
                let place = points.column_of_row.iter().position(|c| *c == column)?;
                points.taken[place]
            }
            None => column,
        };
        Some((row, distance))
    }
}

/// The columns of both tables of a sweep.
pub(super) fn columns(sweep: &Sweep) -> (Vec<Column>, Vec<Column>) {
    let mut grid = vec![Column::new("point", Type::Whole), Column::new("task", Type::Whole)];
    grid.extend(sweep.axes().iter().map(|axis| Column::new(&axis.key, super::type_of(axis))));
    grid.push(Column::new("seed", Type::Whole));
    grid.extend(GRID.iter().map(|c| Column::new(c.name, c.of)));
    for name in ["shortfall", "version", "study_sha256"] {
        grid.push(Column::new(name, Type::Text));
    }
    let mut points = vec![Column::new("point", Type::Whole)];
    points.extend(POINTS.iter().filter(|c| sweep.keeps(c.name)).map(|c| Column::new(c.name, c.of)));
    (grid, points)
}

impl Sweep {
    fn keeps(&self, column: &str) -> bool {
        self.section().coordinates || column != COORDINATES
    }
}

/// Computes a grid point: its row of the table of grid points, and one row for each of its critical points.
///
/// A computation that falls short, or a grid point that the landscape refuses, says so in the column `shortfall`; of the latter
/// nothing else is known.
///
/// # Errors
/// If a file cannot be read.
pub fn measure(sweep: &Sweep, point: &Point, stop: &AtomicBool) -> Result<(Row, Vec<Row>)> {
    let mut row: Row = vec![point.number.into(), point.task.into()];
    row.extend(point.settings.iter().map(Cell::from));
    row.push(point.seed.into());
    let mut points = vec![];
    let shortfall = match compute(sweep, point, stop) {
        Ok(measured) => {
            row.extend(GRID.iter().map(|column| (column.cell)(&measured)));
            for (id, p) in measured.set.points.iter().enumerate() {
                let cells = POINTS.iter().filter(|c| sweep.keeps(c.name));
                let cells = cells.map(|column| (column.cell)(&measured, id, p));
                points.push(std::iter::once(Cell::from(point.number)).chain(cells).collect());
            }
            let unreached = pipeline::shortfall(&measured.study, &measured.set, measured.graph.as_ref());
            unreached.or(measured.untold)
        }
        Err(error @ Error::File { .. }) => return Err(error),
        Err(error) => {
            row.extend(GRID.iter().map(|_| Cell::Empty));
            Some(error.to_string())
        }
    };
    row.push(shortfall.into());
    row.push(env!("CARGO_PKG_VERSION").into());
    row.push(sweep.sha256().into());
    Ok((row, points))
}

fn compute(sweep: &Sweep, point: &Point, stop: &AtomicBool) -> Result<Measured> {
    let study = sweep.study_at(point)?;
    let control = Control { stop, progress: &|_| {} };
    let family = study.build()?;
    let landscape: &dyn Landscape = family.as_ref();
    let region = study.region_for(landscape.dim())?;
    let set = critical::search(landscape, region.as_ref(), &pipeline::critical_options(&study), &control)?;
    let mut graph = (sweep.section().graph && !set.interrupted)
        .then(|| connection::connect(landscape, &set, &pipeline::graph_options(&study), &control));
    if let Some(graph) = &mut graph {
        pipeline::prove_connections(&study, landscape, &set, graph, &control);
    }
    let data = study.data()?;
    // Samples of the repeats are drawn apart.
    let seed = study.seed.wrapping_add(1_000_003 * point.seed.unwrap_or(0) as u64);
    let (memories, untold) = match set.interrupted {
        true => (None, None),
        false => match memorization::run(&study, family.as_ref(), &set, graph.as_ref(), seed) {
            Ok(memories) => (memories, None),
            Err(error @ Error::File { .. }) => return Err(error),
            Err(error) => (None, Some(error.to_string())),
        },
    };
    let noises = family.data().and_then(noises);
    Ok(Measured { data, study, family, set, graph, memories, untold, noises })
}

fn completeness(set: &CriticalSet) -> &'static str {
    match set.completeness {
        Completeness::Proven => "proven",
        Completeness::Estimated { .. } => "estimated",
        Completeness::Unknown => "unknown",
    }
}

fn morse_smale(graph: &MorseGraph) -> &'static str {
    match graph.morse_smale {
        MorseSmale::Yes(_) => "true",
        MorseSmale::No(_) => "false",
        MorseSmale::Unknown(_) => "unknown",
    }
}
