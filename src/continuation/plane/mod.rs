//! The plane of two parameters: the curves on which the graph changes, the points at which such curves end and meet, and the
//! regions between them, labelled by their graph.
//!
//! In: a [`Family`], the names of two of its parameters, their ranges. Out: a [`Plane`].
//!
//! Curves are met first along lines of the rectangle, by the continuation in one parameter: folds, pitchforks and other points at
//! which branches meet, and connections from saddle to saddle. From each of these the curve through it is followed over the
//! rectangle. Fold curves are followed by pseudo-arclength in state and both parameters, on a system that is regular at
//! cusps, too (Govaerts, *Numerical Methods for Bifurcations of Dynamical Equilibria*, 2000, section 4.2).

mod cross;
mod curve;
mod gap;
mod meet;
mod probe;
mod regions;
mod seeds;

use serde::Serialize;

use super::system::Problem;
use super::{Graphs, Options};
use crate::control::{Control, Progress};
use crate::critical::{self, Level};
use crate::error::{Error, Result};
use crate::landscape::{Family, Region};

/// What is to be done with a plane.
#[derive(Clone, Debug)]
pub struct PlaneOptions {
    /// Ranges of the first and of the second parameter, either way round.
    pub ranges: [[f64; 2]; 2],
    /// Lines each way along which curves are looked for, both edges among them; at least 2.
    pub lines: usize,
    /// Cells each way of the grid from which the regions are made; at least 1.
    pub grid: usize,
    /// Longest step along a curve, in natural scales: 1 is the scale of the state or a whole range.
    pub max_step: f64,
    /// Most points of a curve.
    pub max_points: usize,
    /// Natural scale of the state: by default as for [`Options::scale`].
    pub scale: Option<f64>,
    /// Critical points are looked for here; by default in the landscape's own region at each place.
    pub region: Option<Region>,
    /// Are curves of connections between saddles looked for?
    pub connections: bool,
    /// How graphs are computed, along the lines and of the regions.
    pub graphs: Graphs,
    /// How critical points are found.
    pub search: critical::Options,
}

impl PlaneOptions {
    /// The defaults for two ranges.
    pub fn new(first: [f64; 2], second: [f64; 2]) -> Self {
        PlaneOptions {
            ranges: [first, second],
            lines: 5,
            grid: 24,
            max_step: 0.02,
            max_points: 5000,
            scale: None,
            region: None,
            connections: true,
            graphs: Graphs { samples: 3, ..Graphs::default() },
            search: critical::Options::default(),
        }
    }
}

/// What happens along a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CurveKind {
    /// Two critical points meet and vanish.
    Fold,
    /// One critical point becomes three, in a direction of symmetry that both parameters keep.
    Pitchfork,
    /// Two branches cross, for a reason that both parameters keep.
    Transcritical,
    /// The Hessian's kernel has several dimensions, for a reason that both parameters keep.
    Multiple,
    /// An orbit joins two saddles of the same index.
    Connection,
}

/// A point of a curve.
#[derive(Clone, Debug)]
pub struct CurvePoint {
    /// The two parameters.
    pub parameters: [f64; 2],
    /// The degenerate critical point (length n); of a connection the lower saddle.
    pub x: Vec<f64>,
    /// Of a connection the upper saddle; else empty.
    pub from: Vec<f64>,
    /// Energy at `x`.
    pub energy: f64,
}

/// How a curve ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CurveEnd {
    /// On the edge of the rectangle.
    Bound,
    /// In its other end.
    Closed,
    /// In a point of codimension two: its place in [`Plane::points`].
    Point(usize),
    /// The critical point left the region.
    Region,
    /// It could not be followed further, with the reason.
    Failed(String),
}

/// A curve of codimension one.
#[derive(Clone, Debug)]
pub struct PlaneCurve {
    /// What happens along it.
    pub kind: CurveKind,
    /// Its points in order.
    pub points: Vec<CurvePoint>,
    /// How it ends before its first and behind its last point.
    pub ends: [CurveEnd; 2],
    /// Largest remainder of its equations, relative to the landscape's scale.
    pub residual: f64,
    /// How far it can be relied on.
    pub level: Level,
}

/// What a point of codimension two is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointKind {
    /// Two fold curves end in each other: the energy along the kernel is `e q^4/24` with e > 0.
    Cusp,
    /// The same with e < 0.
    DualCusp,
    /// Two curves cross.
    Crossing(CurveKind, CurveKind),
}

impl PointKind {
    /// Its name in files.
    pub fn name(&self) -> String {
        match self {
            PointKind::Cusp => "cusp".into(),
            PointKind::DualCusp => "dual-cusp".into(),
            PointKind::Crossing(a, b) => format!("{}-{}", a.name(), b.name()),
        }
    }
}

impl CurveKind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [CurveKind; 5] = [
        CurveKind::Fold,
        CurveKind::Pitchfork,
        CurveKind::Transcritical,
        CurveKind::Multiple,
        CurveKind::Connection,
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            CurveKind::Fold => "fold",
            CurveKind::Pitchfork => "pitchfork",
            CurveKind::Transcritical => "transcritical",
            CurveKind::Multiple => "multiple",
            CurveKind::Connection => "connection",
        }
    }
}

/// A point of codimension two.
#[derive(Clone, Debug)]
pub struct PlanePoint {
    /// What it is.
    pub kind: PointKind,
    /// The two parameters.
    pub parameters: [f64; 2],
    /// The degenerate critical points: one of a cusp, one for each curve of a crossing.
    pub x: Vec<Vec<f64>>,
    /// `[c, e]` of the reduced energy `c q^3/6 + e q^4/24` along the unit kernel vector; of a cusp only.
    pub coefficients: Option<[f64; 2]>,
    /// Estimated errors of the two parameters.
    pub error: [f64; 2],
    /// How far it can be relied on.
    pub level: Level,
    /// Numbers of the curves that pass or end there.
    pub curves: Vec<usize>,
}

/// A part of the rectangle that no curve cuts.
#[derive(Clone, Debug)]
pub struct PlaneRegion {
    /// Where its graph was computed: the cell farthest from all curves.
    pub representative: [f64; 2],
    /// Share of the grid's cells.
    pub share: f64,
    /// Number of its class: regions of one class have isomorphic graphs.
    pub class: usize,
    /// Number of critical points of each index there.
    pub counts: Vec<usize>,
    /// Number of connections there.
    pub connections: usize,
    /// Where the graph was computed once more to see whether it is the same; `None` if the region is a single cell.
    pub probe: Option<[f64; 2]>,
    /// Is the graph of the same class there?
    pub uniform: bool,
}

/// The plane of two parameters.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Names of the parameters.
    pub parameters: [String; 2],
    /// Their ranges, ascending.
    pub ranges: [[f64; 2]; 2],
    /// Are they laid out by their logarithm? So they are where the range is positive and spans more than a factor 10.
    pub logarithmic: [bool; 2],
    /// The curves, by kind.
    pub curves: Vec<PlaneCurve>,
    /// The points of codimension two.
    pub points: Vec<PlanePoint>,
    /// The regions, the largest first.
    pub regions: Vec<PlaneRegion>,
    /// Cells each way of the grid.
    pub grid: usize,
    /// The region of each cell, row by row along the first parameter, by the second.
    pub cells: Vec<usize>,
    /// Was it stopped from outside?
    pub interrupted: bool,
    /// What was met along the lines and could not be followed, and other shortfalls.
    pub lost: Vec<String>,
}

/// What all parts need.
struct Ground<'a> {
    family: &'a dyn Family,
    names: [&'a str; 2],
    /// The family in the first and in the second parameter, in the same scales.
    problems: [Problem<'a>; 2],
    /// Where critical points are looked for, at all parameters.
    region: Option<Region>,
    /// Size of the scaled Hessian: the largest at any of the starting points.
    size: f64,
    options: &'a PlaneOptions,
    /// Stops what runs underneath, which tells nothing.
    control: &'a Control<'a>,
    /// Who is told.
    teller: &'a Control<'a>,
}

impl Ground<'_> {
    /// The parameters at scaled coordinates.
    fn parameters(&self, u: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|k| {
            let problem = &self.problems[k];
            let p = problem.scales.parameter_at(u[k]);
            // The ends of the range exactly.
            let near = |end: &f64| (problem.scales.theta(*end) - u[k]).abs() < 1e-13;
            problem.range.into_iter().find(near).unwrap_or(p)
        })
    }

    /// Scaled coordinates of parameters.
    fn scaled(&self, parameters: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|k| self.problems[k].scales.theta(parameters[k]))
    }

    /// Scaled ends of a parameter's range.
    fn bounds(&self, k: usize) -> [f64; 2] {
        self.problems[k].range.map(|end| self.problems[k].scales.theta(end))
    }

    /// The landscape at two parameters.
    fn at(&self, parameters: [f64; 2]) -> Result<Box<dyn Family>> {
        self.family.with_parameter(self.names[0], parameters[0])?.with_parameter(self.names[1], parameters[1])
    }

    /// dp/dtheta of a parameter.
    fn slope(&self, k: usize, parameter: f64) -> f64 {
        let scales = &self.problems[k].scales;
        scales.parameter * if scales.logarithmic { parameter } else { 1.0 }
    }

    fn tell(&self, stage: &str, done: usize, total: usize) {
        (self.teller.progress)(Progress { stage, done, total, note: "" });
    }
}

/// The curves of a rectangle of two parameters, the points where they end and meet, and the regions between them.
///
/// # Errors
/// As [`follow`](super::follow) and [`critical::search`], and if the two parameters are one.
pub fn plane(
    family: &dyn Family,
    names: [&str; 2],
    options: &PlaneOptions,
    control: &Control<'_>,
) -> Result<Plane> {
    crate::linalg::sequential();
    if names[0] == names[1] {
        return Err(Error::input(format!("a plane needs two parameters, not `{}` twice", names[0])));
    }
    let [first, second] = options.ranges;
    let line = |range: [f64; 2], scale: Option<f64>| Options {
        scale,
        region: options.region.clone(),
        prove: false,
        ..Options::new(range[0], range[1])
    };
    let along_first = line(first, options.scale);
    let problem = Problem::new(family, names[0], &[], &along_first)?;
    let along_second = line(second, Some(problem.scales.state));
    let other = Problem::new(family, names[1], &[], &along_second)?;
    let region = options.region.clone();
    let quiet = Control { stop: control.stop, progress: &|_| {} };
    let mut ground = Ground {
        family,
        names,
        problems: [problem, other],
        region,
        size: f64::MIN_POSITIVE,
        options,
        control: &quiet,
        teller: control,
    };
    let starts = seeds::starts(&mut ground)?;
    let seeds = seeds::seeds(&ground, &starts)?;
    let mut lost = seeds.lost;
    let mut curves: Vec<PlaneCurve> = vec![];
    let mut points: Vec<PlanePoint> = vec![];
    let mut traces: Vec<curve::Trace> = vec![];
    for (done, seed) in seeds.folds.iter().enumerate() {
        if control.stopped() {
            break;
        }
        ground.tell("fold curves", done, seeds.folds.len());
        if traces.iter().any(|t| t.holds(&ground, seed)) {
            continue;
        }
        match curve::trace(&ground, seed) {
            Some(trace) => traces.push(trace),
            None => lost.push(format!("the fold at {} could not be followed", ground.named(seed.parameters))),
        }
    }
    for trace in &traces {
        let number = curves.len();
        points.extend(trace.cusps(&ground, number));
        curves.push(trace.curve(&ground));
    }
    for (done, seed) in seeds.meetings.iter().enumerate() {
        if control.stopped() {
            break;
        }
        ground.tell("curves of branch points", done, seeds.meetings.len());
        let known =
            curves.iter().any(|c| c.kind == seed.kind && cross::holds(&ground, c, seed.parameters, &seed.x));
        if !known {
            // One that the other parameter breaks is not there next to the line; then its folds are.
            curves.extend(cross::trace(&ground, seed));
        }
    }
    for (done, seed) in seeds.connections.iter().enumerate() {
        if control.stopped() {
            break;
        }
        ground.tell("curves of connections", done, seeds.connections.len());
        let known = curves.iter().any(|c| c.kind == CurveKind::Connection && gap::holds(&ground, c, seed));
        if known {
            continue;
        }
        match gap::trace(&ground, seed)? {
            Some(curve) => curves.push(curve),
            None => {
                lost.push(format!(
                    "the connection at {} could not be followed",
                    ground.named(seed.parameters)
                ));
            }
        }
    }
    meet::close_ends(&ground, &mut curves, &mut points);
    points.extend(meet::crossings(&ground, &curves, &traces));
    let parted = regions::regions(&ground, &curves)?;
    lost.extend(parted.lost);
    Ok(Plane {
        parameters: names.map(str::to_owned),
        ranges: [ground.problems[0].range, ground.problems[1].range],
        logarithmic: [ground.problems[0].scales.logarithmic, ground.problems[1].scales.logarithmic],
        curves,
        points,
        regions: parted.regions,
        grid: options.grid.max(1),
        cells: parted.cells,
        interrupted: control.stopped(),
        lost,
    })
}

impl Ground<'_> {
    /// Two parameters in words.
    fn named(&self, parameters: [f64; 2]) -> String {
        let [a, b] = parameters.map(|p| crate::export::significant(p, 6));
        format!("{} = {a}, {} = {b}", self.names[0], self.names[1])
    }
}
