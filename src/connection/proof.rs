//! Proofs of connections, in verified arithmetic: that half of a one-dimensional unstable manifold ends at a minimum, and that
//! half of a one-dimensional stable manifold comes from a point of full index.
//!
//! In: a landscape with enclosures, its proven critical points, a graph in floating point. Out: the same graph, with a [`TubeProof`] or a
//! reason why there is none at each connection. An edge is proven if its saddle is and has a cone block (`rigor/cone.rs`), if from the
//! exit disc of that block a tube leads (`rigor/tube.rs`) into a ball about the proven point at the other end in which all orbits end
//! there (`rigor/sink.rs`). The numerical orbit is only a guide. Stable manifolds are unstable ones of -E; where the landscape has an
//! affine hull that holds all critical points, an isometric copy of that takes its place.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Connection, MorseGraph};
use crate::control::{Control, Progress};
use crate::critical::{self, CriticalSet, Level, Proof};
use crate::error::shown;
use crate::flow::cone::{Block, Field, blocks};
use crate::flow::tube::{self, Blocked, Experience, Goal, Line, Tube, Why, tube};
use crate::flow::{self, Flow, integrate};
use crate::landscape::{Enclose, Hull, Landscape, Reduced, Region};
use crate::linalg::{axpy, dot};
use crate::rigor::rounding::{add_up, mul_up, norm_up, sub_down};
use crate::rigor::{Crossing, Cylinder, Disc, Interval, sink};

/// How connections are proven.
#[derive(Clone, Copy, Debug)]
pub struct ProofOptions {
    /// The proof is to hold of every field that differs from `-grad E` by less than this ..
    pub e0: f64,
    /// .. and in its derivative by less than this (spectral norm).
    pub e1: f64,
    /// Keep the cylinders: some two n numbers each.
    pub keep: bool,
    /// Most cylinders that are tried for a connection; above 16 dimensions a sixth of them.
    pub cylinders: usize,
}

impl Default for ProofOptions {
    fn default() -> Self {
        ProofOptions { e0: 0.0, e1: 0.0, keep: false, cylinders: 6000 }
    }
}

/// What was proven of a connection: its half of the one-dimensional manifold goes through this block and this tube, and
/// everything in the tube ends at the point at the other end.
#[derive(Clone, Debug)]
pub struct TubeProof {
    /// The block about the saddle; in the coordinates of the hull, where there is one.
    pub block: Block,
    /// The side of it on which the manifold leaves: 1 or -1 times its direction.
    pub side: f64,
    /// Is it a stable manifold, followed upwards?
    pub uphill: bool,
    /// Number of cylinders.
    pub count: usize,
    /// The cylinders, if they were to be kept; coordinates as for the block.
    pub cylinders: Vec<Cylinder>,
    /// By how much the flow crosses all cylinders, at least; a field that is off by less does, too.
    pub least: Crossing,
    /// Centre of the ball at the end; coordinates as for the block.
    pub goal: Vec<f64>,
    /// Its radius.
    pub reach: f64,
}

/// Tasks between looks at the request to stop.
const BATCH: usize = 64;
/// Up to this dimension more cylinders are tried, and orbits followed more closely.
const LOW: usize = 16;
/// A numerical orbit ends this near to the point at its end, in units of the ball there.
const NEAR: f64 = 0.3;
/// Error of a step and its longest, relative to the distance to go, of orbits that are followed for their ends, and of others.
const ROUGHLY: (f64, f64) = (1e-7, 0.05);
const CLOSELY: (f64, f64) = (1e-9, 0.01);

/// Tries to prove every connection of the graph between a saddle and a minimum, or a saddle and a point of full index. Those that are
/// proven have their level and their proof, all others the reason (`open`).
pub fn prove(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: &mut MorseGraph,
    options: &ProofOptions,
    control: &Control<'_>,
) {
    crate::linalg::sequential();
    let found = attempt(landscape, set, &graph.connections, options, control);
    for (connection, found) in graph.connections.iter_mut().zip(found) {
        match found {
            Ok(proof) => {
                connection.level = Level::Proven;
                (connection.proof, connection.open) = (Some(proof), None);
            }
            Err(why) => connection.open = Some(why),
        }
    }
}

type Attempt = std::result::Result<TubeProof, String>;

/// A proof of each connection, or why there is none.
fn attempt(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    connections: &[Connection],
    options: &ProofOptions,
    control: &Control<'_>,
) -> Vec<Attempt> {
    let enclosed = if landscape.dynamics().is_some() {
        Err("the flow is not that of the negative gradient".to_string())
    } else if set.points.iter().all(|p| p.proof.is_none()) {
        Err("no point is proven".to_string())
    } else if landscape.dim() > LOW && landscape.data().is_none() {
        // A network's Hessian takes seconds to enclose there, and a tube some hundred of them.
        Err(format!("beyond {LOW} dimensions connections are proven of landscapes that store patterns only"))
    } else {
        landscape.enclose()
    };
    let enclosed = match enclosed {
        Ok(enclosed) => enclosed,
        Err(why) => return vec![Err(why); connections.len()],
    };
    let space = Space::new(landscape, enclosed.as_ref(), set);
    let mut found: Vec<Attempt> = vec![];
    for batch in connections.chunks(BATCH) {
        let stop = || control.stopped();
        found.par_extend(batch.par_iter().map(|c| space.connection(c, options, &stop)));
        let (done, total) = (found.len(), connections.len());
        (control.progress)(Progress { stage: "proofs", done, total, note: "" });
    }
    keep_halves_apart(connections, &mut found);
    found
}

/// Two connections of a saddle are its two halves: if both were proven by the same half, neither stands.
fn keep_halves_apart(connections: &[Connection], found: &mut [Attempt]) {
    let half = |(c, found): (&Connection, &Attempt)| {
        let proof = found.as_ref().ok()?;
        Some((if proof.uphill { c.to } else { c.from }, proof.uphill, proof.side > 0.0))
    };
    let halves: Vec<_> = connections.iter().zip(found.iter()).map(half).collect();
    let mut count: BTreeMap<(usize, bool, bool), usize> = BTreeMap::new();
    halves.iter().flatten().for_each(|h| *count.entry(*h).or_default() += 1);
    for (found, half) in found.iter_mut().zip(&halves) {
        if half.is_some_and(|h| count[&h] > 1) {
            *found =
                Err("two of its saddle's connections were followed along the same half of its manifold"
                    .into());
        }
    }
}

/// A landscape in the coordinates in which connections are proven.
struct Space<'a> {
    landscape: &'a dyn Landscape,
    reduced: Option<Reduced>,
    region: &'a Region,
    set: &'a CriticalSet,
    enclosed: &'a dyn Enclose,
    hull: Option<Hull<'a>>,
    /// Each point in these coordinates, if it is proven there, too.
    points: Vec<std::result::Result<(Vec<f64>, Proof), String>>,
}

impl<'a> Space<'a> {
    fn new(landscape: &'a dyn Landscape, enclosed: &'a dyn Enclose, set: &'a CriticalSet) -> Self {
        let mut space = Space {
            landscape,
            reduced: landscape.reduce(),
            region: &set.region,
            set,
            enclosed,
            hull: enclosed.hull(),
            points: vec![],
        };
        space.points = (0..set.points.len()).into_par_iter().map(|id| space.settle(id)).collect();
        space
    }

    fn inner(&self) -> &dyn Enclose {
        self.hull.as_ref().map_or(self.enclosed, |h| h.inner.as_ref())
    }

    /// A proven point in the coordinates of the proof.
    fn settle(&self, id: usize) -> std::result::Result<(Vec<f64>, Proof), String> {
        let point = &self.set.points[id];
        let proof = point.proof.as_ref().ok_or_else(|| format!("point {id} is not proven"))?;
        let Some(hull) = &self.hull else { return Ok((point.x.clone(), proof.clone())) };
        let z = self.enter(&point.x);
        let found = critical::prove(hull.inner.as_ref(), &z, proof.unique, true)
            .filter(|found| found.index == proof.index && is_same(hull, &z, found, &point.x, proof));
        found.map(|found| (z, found)).ok_or_else(|| format!("point {id} is not proven in the affine hull"))
    }

    /// Coordinates of a point of R^n, approximately.
    fn enter(&self, x: &[f64]) -> Vec<f64> {
        let Some(hull) = &self.hull else { return x.to_vec() };
        self.turned(x.iter().zip(&hull.origin).map(|(x, o)| x - o).collect())
    }

    /// A vector in these coordinates, approximately.
    fn turned(&self, v: Vec<f64>) -> Vec<f64> {
        let Some(hull) = &self.hull else { return v };
        (0..hull.map.ncols()).map(|j| dot(hull.map.col_as_slice(j), &v)).collect()
    }

    /// The point of R^n that has these coordinates, approximately.
    fn leave(&self, z: &[f64]) -> Vec<f64> {
        let Some(hull) = &self.hull else { return z.to_vec() };
        let mut x = hull.origin.clone();
        z.iter().enumerate().for_each(|(j, z)| axpy(*z, hull.map.col_as_slice(j), &mut x));
        x
    }

    fn connection(
        &self,
        c: &Connection,
        options: &ProofOptions,
        stop: &dyn Fn() -> bool,
    ) -> std::result::Result<TubeProof, String> {
        let n = self.inner().dim();
        let index = |id: usize| self.set.points[id].index;
        let uphill = if index(c.from) == 1 && index(c.to) == 0 {
            false
        } else if n >= 2 && index(c.from) == n && index(c.to) == n - 1 {
            true
        } else {
            return Err(
                "neither manifold that meets in it is of dimension one, in the coordinates of proofs".into(),
            );
        };
        let (saddle, end) = if uphill { (c.to, c.from) } else { (c.from, c.to) };
        let (x, proof) = self.points[saddle].as_ref().map_err(Clone::clone)?;
        let field = if uphill { Field::uphill(self.inner()) } else { Field::downhill(self.inner()) };
        let ProofOptions { e0, e1, .. } = *options;
        let (aim, reach) = self.sink(field, end, uphill, e0, e1)?;
        let blocks = blocks(field, x, proof.radius, 0.5 * proof.unique, e0, e1);
        let first = blocks.first().ok_or_else(|| format!("no block about point {saddle} could be proven"))?;
        let side = self.side(c, uphill, x, &first.direction);
        let mut least: Option<Blocked> = None;
        let most = if n <= LOW { options.cylinders } else { options.cylinders.div_ceil(6) };
        let mut known = Experience::default();
        let mut reason = String::new();
        // Along the orbit of the graph and, where no tube holds, along one that is followed from the block.
        for (anew, most) in [(false, most - most / 4), (true, most)] {
            let how = tube::Options { e0, most, ..tube::Options::default() };
            known = known.anew();
            for block in &blocks {
                if stop() {
                    return Err("the computation was interrupted".into());
                }
                let start = block.exit(side);
                let (line, goal) = match self.line(c, &start, &aim, reach, uphill, anew) {
                    Ok(found) => found,
                    Err(why) => {
                        reason = why;
                        continue;
                    }
                };
                match tube(field, &start, &line, &goal, &how, &mut known, stop) {
                    Ok(tube) => return Ok(self.told(block, side, uphill, tube, goal, options)),
                    Err(blocked) if blocked.why == Why::Stopped => {
                        return Err("the computation was interrupted".into());
                    }
                    Err(blocked) => {
                        let many = blocked.why == Why::Many;
                        if least.as_ref().is_none_or(|b| blocked.cylinders > b.cylinders) {
                            least = Some(blocked);
                        }
                        if many {
                            break;
                        }
                    }
                }
            }
        }
        Err(least.map_or(reason, |blocked| self.reason(&blocked, end)))
    }

    fn told(
        &self,
        block: &Block,
        side: f64,
        uphill: bool,
        tube: Tube,
        goal: Goal,
        options: &ProofOptions,
    ) -> TubeProof {
        TubeProof {
            block: block.clone(),
            side,
            uphill,
            count: tube.cylinders.len(),
            least: tube.least,
            cylinders: if options.keep { tube.cylinders } else { vec![] },
            goal: goal.center,
            reach: goal.radius,
        }
    }

    /// A ball about the end of a connection from which all orbits end there.
    fn sink(
        &self,
        field: Field<'_>,
        id: usize,
        uphill: bool,
        e0: f64,
        e1: f64,
    ) -> std::result::Result<(Vec<f64>, f64), String> {
        let (x, proof) = self.points[id].as_ref().map_err(Clone::clone)?;
        if let (false, 0.0, 0.0, Some(basin)) = (uphill, e0, e1, proof.basin) {
            return Ok((x.clone(), basin));
        }
        let mut best: Option<f64> = None;
        let mut ball = 4.0 * proof.unique;
        let lipschitz = field.lipschitz_about(x);
        for _ in 0..24 {
            let found = sink(proof.smallest, proof.radius, lipschitz(ball), ball, e0, e1);
            best = best.into_iter().chain(found).reduce(f64::max);
            // A smaller ball cannot hold more.
            if best.is_some_and(|best| best >= 0.5 * ball) {
                break;
            }
            ball *= 0.5;
        }
        let none = || format!("no ball about point {id} could be proven to be drawn to it");
        best.map(|radius| (x.clone(), radius)).ok_or_else(none)
    }

    /// On which side of its saddle the stored orbit runs.
    fn side(&self, c: &Connection, uphill: bool, x: &[f64], direction: &[f64]) -> f64 {
        let points = &c.orbit.points;
        let place = |p: &Vec<f64>| {
            let z = self.enter(p);
            let away: Vec<f64> = if self.hull.is_none() {
                self.region.difference(x, &z)
            } else {
                z.iter().zip(x).map(|(z, x)| z - x).collect()
            };
            dot(&away, direction)
        };
        let along = if uphill { points.iter().rev().nth(1) } else { points.get(1) };
        if along.map_or(0.0, place) < 0.0 { -1.0 } else { 1.0 }
    }

    /// The numerical orbit from the middle of its block's exit to near the end of the connection, and the ball there; in periodic
    /// coordinates both are in the cover. It is the stored one, and goes on from where that ends, or `anew` one that is followed from the exit.
    fn line(
        &self,
        c: &Connection,
        exit: &Disc,
        aim: &[f64],
        reach: f64,
        uphill: bool,
        anew: bool,
    ) -> std::result::Result<(Line, Goal), String> {
        let from: Vec<f64> = exit.center.iter().map(|e| e.mid()).collect();
        let end = if uphill { c.from } else { c.to };
        let goal = &self.set.points[end].x;
        let stored = &c.orbit.points;
        // Not the end itself, where the flow has no direction.
        let mut stored: Vec<&Vec<f64>> = match uphill {
            false => stored.iter().take(stored.len().saturating_sub(1)).collect(),
            true => stored.iter().skip(1).rev().collect(),
        };
        if anew {
            stored.clear();
        }
        // What lies within the block, or next to its exit, is left out.
        let away = |x: &Vec<f64>| {
            let z = self.enter(x);
            z.iter().zip(&from).zip(&exit.direction).map(|((z, e), u)| (z - e) * u).sum::<f64>()
        };
        let first = stored.iter().position(|x| away(x) > exit.radius).unwrap_or(stored.len());
        stored.drain(..first);
        if let Some(near) = stored.iter().position(|x| self.region.distance(x, goal) < NEAR * reach) {
            stored.truncate(near + 1);
        }
        let mut places: Vec<Vec<f64>> = vec![self.leave(&from)];
        places.extend(stored.into_iter().cloned());
        if !self.go_on(
            &mut places,
            goal,
            reach,
            uphill,
            if anew && from.len() <= LOW { CLOSELY } else { ROUGHLY },
        ) {
            return Err(format!("the numerical orbit from its block does not come to point {end}"));
        }
        let along = |x: &[f64]| {
            let mut g = vec![0.0; x.len()];
            self.landscape.gradient(x, &mut g);
            g.iter_mut().for_each(|g| *g *= if uphill { 1.0 } else { -1.0 });
            self.turned(g)
        };
        let mut points: Vec<(Vec<f64>, Vec<f64>)> =
            places.iter().map(|x| (self.enter(x), along(x))).collect();
        points[0].0 = from;
        let goal = self.translate(aim, reach, &points[points.len() - 1].0);
        let line = Line::through(points).ok_or("the numerical orbit is no curve")?;
        Ok((line, goal))
    }

    /// Adds the orbit from the last of these places to near the goal, unless that is near; false if it does not come there. The error of a
    /// step and its length are these, relative to the distance.
    fn go_on(
        &self,
        places: &mut Vec<Vec<f64>>,
        goal: &[f64],
        reach: f64,
        uphill: bool,
        (tolerance, longest): (f64, f64),
    ) -> bool {
        let from = places[places.len() - 1].clone();
        let mut distance = self.region.distance(&from, goal);
        if distance < NEAR * reach {
            return true;
        }
        let inner: &dyn Landscape = self.reduced.as_ref().map_or(self.landscape, |r| r.inner.as_ref());
        let down = |x: &[f64]| self.reduced.as_ref().map_or_else(|| x.to_vec(), |r| r.project(x));
        let up = |z: &[f64]| self.reduced.as_ref().map_or_else(|| z.to_vec(), |r| r.lift(z));
        let flow = if uphill { Flow::backward(inner) } else { Flow::forward(inner) };
        let scale = distance.max(reach);
        let options = flow::Options { tolerance: tolerance * scale, longest: longest * scale, steps: 50_000 };
        integrate(&flow, &down(&from), &options, |state| {
            let x = up(state.x);
            distance = self.region.distance(&x, goal);
            places.push(x);
            distance >= NEAR * reach
        });
        distance < NEAR * reach
    }

    /// The ball about `aim`, moved by whole periods to where `near` is.
    fn translate(&self, aim: &[f64], reach: f64, near: &[f64]) -> Goal {
        if self.hull.is_some() || !self.region.is_periodic() {
            return Goal { center: aim.to_vec(), radius: reach };
        }
        let moved: Vec<Interval> = (0..aim.len())
            .map(|i| match self.region.period_of(i) {
                Some(period) => {
                    let turns = ((near[i] - aim[i]) / period).round();
                    Interval::point(aim[i]) + Interval::point(turns) * Interval::point(period)
                }
                None => Interval::point(aim[i]),
            })
            .collect();
        let error = norm_up(&moved.iter().map(|m| m.rad()).collect::<Vec<f64>>());
        Goal { center: moved.iter().map(|m| m.mid()).collect(), radius: sub_down(reach, error) }
    }

    /// A blocked tube as a sentence.
    fn reason(&self, blocked: &Blocked, end: usize) -> String {
        let x = self.leave(&blocked.at);
        let left = self.region.distance(&x, &self.set.points[end].x);
        let energy = shown(self.landscape.energy(&x));
        let place = format!(
            "at energy {energy}, {left:.2e} from point {end}, after {} cylinders, at the radius {:.1e}",
            blocked.cylinders, blocked.radius
        );
        match blocked.why {
            Why::Narrow if blocked.transverse <= 0.0 => {
                format!(
                    "the orbits diverge faster than a tube can be followed (transverse curvature {:.2e}) {place}",
                    blocked.transverse
                )
            }
            Why::Narrow => format!("no cylinder could be proven {place}"),
            Why::Short => format!("the tube does not fit into the basin {place}"),
            Why::Many => format!("the cylinders allowed were used up {place}"),
            Why::Stopped => "the computation was interrupted".into(),
        }
    }
}

/// Is the zero that `found` proves in the hull, within `found.radius` of z, the point that `proof` proves near x?
fn is_same(hull: &Hull<'_>, z: &[f64], found: &Proof, x: &[f64], proof: &Proof) -> bool {
    let image = |i: usize| {
        let at = Interval::point(hull.origin[i]) - Interval::point(x[i]);
        z.iter().enumerate().fold(at, |sum, (j, z)| sum + Interval::point(*z).scale(hull.map[(i, j)]))
    };
    let apart: Vec<f64> = (0..x.len()).map(|i| image(i).mag()).collect();
    let errors = add_up(hull.origin_error, mul_up(hull.map_error, norm_up(z)));
    add_up(add_up(norm_up(&apart), errors), found.radius) < proof.unique
}
