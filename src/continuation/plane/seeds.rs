//! What is met along lines of the rectangle.
//!
//! In: the lines, both edges of each way among them. Out: folds, branch points and connections between saddles, each once a line.
//! Starting points are searched where lines of the two ways cross, and serve both.

use std::collections::BTreeMap;

use super::super::{EventKind, Options, diagram};
use super::probe::Line;
use super::{CurveKind, Ground, gap};
use crate::connection::Order;
use crate::critical;
use crate::error::Result;
use crate::landscape::{Family, Region};

/// Inner lines are moved by this share of their distance, off what a symmetry singles out.
const OFF_CENTRE: f64 = 0.0729;

/// A fold or a branch point on a line.
pub(super) struct Seed {
    pub(super) kind: CurveKind,
    pub(super) parameters: [f64; 2],
    pub(super) x: Vec<f64>,
    /// Spans the kernel.
    pub(super) kernel: Vec<Vec<f64>>,
    /// Along which parameter it was met.
    pub(super) axis: usize,
}

/// All that is met.
#[derive(Default)]
pub(super) struct Seeds {
    pub(super) folds: Vec<Seed>,
    pub(super) meetings: Vec<Seed>,
    pub(super) connections: Vec<gap::Seed>,
    pub(super) lost: Vec<String>,
}

/// Values of a parameter at which lines lie.
fn lines(ground: &Ground<'_>, k: usize) -> Vec<f64> {
    let count = ground.options.lines.max(2);
    let [low, high] = ground.bounds(k);
    (0..count)
        .map(|i| match i {
            0 => ground.problems[k].range[0],
            i if i == count - 1 => ground.problems[k].range[1],
            i => {
                let share = (i as f64 + OFF_CENTRE) / (count - 1) as f64;
                ground.problems[k].scales.parameter_at(low + share * (high - low))
            }
        })
        .collect()
}

/// Critical points where lines cross, by the numbers of both lines.
pub(super) type Starts = BTreeMap<(usize, usize), Vec<Vec<f64>>>;

/// Searches where lines cross. Unless a region was asked for, the largest of those at the corners of the rectangle holds from
/// then on: a ball into which the flow goes at all four it enters wherever it depends on the parameters linearly.
pub(super) fn starts(ground: &mut Ground<'_>) -> Result<Starts> {
    let values = [lines(ground, 0), lines(ground, 1)];
    let last = [values[0].len() - 1, values[1].len() - 1];
    let corner = |i: usize, j: usize| (i == 0 || i == last[0]) && (j == 0 || j == last[1]);
    let mut places: Vec<(usize, usize)> =
        (0..=last[0]).flat_map(|i| (0..=last[1]).map(move |j| (i, j))).collect();
    places.sort_by_key(|(i, j)| !corner(*i, *j));
    let mut found = Starts::new();
    let mut largest: Option<Region> = None;
    let options = ground.options;
    for (done, &(i, j)) in places.iter().enumerate() {
        if ground.control.stopped() {
            break;
        }
        ground.tell("starting points", done, places.len());
        if !corner(i, j) && ground.region.is_none() {
            ground.region.clone_from(&largest);
        }
        let landscape = ground.at([values[0][i], values[1][j]])?;
        let set =
            critical::search(landscape.as_ref(), ground.region.as_ref(), &options.search, ground.control)?;
        if largest.as_ref().is_none_or(|known| set.region.radius() > known.radius()) {
            largest = Some(set.region);
        }
        let largest_of =
            |p: &critical::CriticalPoint| p.eigenvalues.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let size = set.points.iter().map(largest_of).fold(0.0, f64::max);
        ground.size = ground.size.max(size * ground.problems[0].scales.state.powi(2));
        found.insert((i, j), set.points.into_iter().map(|p| p.x).collect());
    }
    if ground.region.is_none() {
        ground.region = largest;
    }
    Ok(found)
}

/// Follows all branches along all lines.
pub(super) fn seeds(ground: &Ground<'_>, found: &Starts) -> Result<Seeds> {
    let values = [lines(ground, 0), lines(ground, 1)];
    let mut seeds = Seeds::default();
    let total = values[0].len() + values[1].len();
    for axis in [0, 1] {
        for (number, fixed) in values[1 - axis].iter().enumerate() {
            if ground.control.stopped() {
                return Ok(seeds);
            }
            ground.tell("lines", axis * values[1].len() + number, total);
            let starts: Vec<(f64, Vec<f64>)> = values[axis]
                .iter()
                .enumerate()
                .flat_map(|(k, value)| {
                    let place = if axis == 0 { (k, number) } else { (number, k) };
                    found.get(&place).into_iter().flatten().map(move |x| (*value, x.clone()))
                })
                .collect();
            line(ground, axis, *fixed, &starts, &mut seeds)?;
        }
    }
    Ok(seeds)
}

/// Adds what is met along one line.
fn line(
    ground: &Ground<'_>,
    axis: usize,
    fixed: f64,
    starts: &[(f64, Vec<f64>)],
    seeds: &mut Seeds,
) -> Result<()> {
    let family = ground.family.with_parameter(ground.names[1 - axis], fixed)?;
    let family: &dyn Family = family.as_ref();
    let problem = &ground.problems[axis];
    let options = Options {
        scale: Some(problem.scales.state),
        region: ground.options.region.clone(),
        prove: false,
        ..Options::new(problem.range[0], problem.range[1])
    };
    let found = diagram::follow(family, ground.names[axis], starts, &options, ground.control)?;
    let place = |value: f64| if axis == 0 { [value, fixed] } else { [fixed, value] };
    seeds.lost.extend(found.work.lost.iter().map(|why| format!("on the line at {fixed}: {why}")));
    for event in &found.events {
        let kind = match event.kind {
            EventKind::Fold | EventKind::Cusp => CurveKind::Fold,
            EventKind::Pitchfork { .. } => CurveKind::Pitchfork,
            EventKind::Transcritical => CurveKind::Transcritical,
            EventKind::Multiple { .. } => CurveKind::Multiple,
            EventKind::Unexplained => {
                seeds.lost.push(format!(
                    "at {} the index changes and no event was located",
                    ground.named(place(event.parameter))
                ));
                continue;
            }
        };
        let seed = Seed {
            kind,
            parameters: place(event.parameter),
            x: event.x.clone(),
            kernel: event.kernel.clone(),
            axis,
        };
        if kind == CurveKind::Fold { seeds.folds.push(seed) } else { seeds.meetings.push(seed) }
    }
    if !ground.options.connections || family.dim() < 2 {
        return Ok(());
    }
    // Connections between saddles show on manifolds of one dimension alone.
    let mut graphs = ground.options.graphs.clone();
    graphs.region.clone_from(&ground.region);
    graphs.graph.order = Order::One;
    let line = Line { ground, family, diagram: &found, graphs: &graphs, axis, fixed };
    let (connections, lost) = line.connections()?;
    seeds.connections.extend(connections);
    seeds.lost.extend(lost);
    Ok(())
}
