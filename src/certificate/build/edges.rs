//! Halves of one-dimensional manifolds for a certificate: blocks and tubes of `flow/` about numerical orbits, at given (e0, e1).

use std::cell::RefCell;

use super::Builder;
use crate::certificate::format::{Cylinder, Edge, Hex, HexVec, Region, Zero};
use crate::flow::cone::{Block, Field, blocks};
use crate::flow::tube::{self, Experience, Goal, Line, Why, tube};
use crate::flow::{self, Flow, integrate};
use crate::linalg::{distance, dot, norm};
use crate::rigor::{Disc, Interval};

/// Two halves that are to be followed: the unstable manifold of a point, or its stable one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) of: usize,
    pub(super) up: bool,
}

/// Up to this dimension orbits are followed closely.
const LOW: usize = 16;

/// Where a numerical orbit ended.
enum Arrived {
    At(usize),
    Outside,
}

/// A block that was found about a point.
struct Start {
    half: f64,
    slope: f64,
    /// Where it is left, on the side 1 and on the side -1.
    exits: [Disc; 2],
}

/// Half-lengths of blocks that are tried, in units of the ball's radius.
const HALVES: [f64; 12] = [0.9, 0.78, 0.66, 0.55, 0.45, 0.36, 0.28, 0.21, 0.15, 0.1, 0.05, 0.02];
/// Their widths, in lengths.
const SLOPES: [f64; 12] = [0.02, 0.04, 0.07, 0.1, 0.15, 0.22, 0.32, 0.45, 0.65, 0.95, 1.4, 2.1];
/// Those of narrow blocks, from which an orbit is followed that passes another saddle closely: the manifold bends away from its axis by the
/// square of the length.
const NARROW: [(f64, f64); 6] =
    [(0.01, 0.007), (0.004, 0.003), (0.0016, 0.0012), (6e-4, 5e-4), (2.5e-4, 2e-4), (1e-4, 8e-5)];

/// In the plane: of each length the narrowest blocks that hold.
fn planar(b: &Builder<'_>, zero: &Zero, up: bool, wide: f64) -> Vec<Start> {
    let v = &zero.vectors[0].0;
    let direction = if up { vec![-v[1], v[0]] } else { v.clone() };
    let size = norm(&direction);
    let started = |half: f64, slope: f64| {
        let exit = |side: f64| Disc {
            center: zero
                .center
                .0
                .iter()
                .zip(&direction)
                .map(|(x, u)| Interval::about(x + side * half / size * u, 1e-14 * (x.abs() + half)))
                .collect(),
            direction: direction.iter().map(|u| side * u).collect(),
            radius: half * slope * (1.0 + 1e-12),
            thickness: 0.0,
        };
        Start { half, slope, exits: [exit(1.0), exit(-1.0)] }
    };
    let holds = |half: f64, slope: f64| b.oracle.block(zero, up, half, slope, wide);
    let fitting = HALVES.iter().filter_map(|share| {
        let half = share * zero.unique.0;
        let mut fits = SLOPES.iter().filter(|s| share * (1.0 + *s * *s).sqrt() < 0.999);
        fits.find(|s| holds(half, **s)).map(|slope| (half, *slope))
    });
    let found: Vec<(f64, f64)> = fitting.collect();
    // A block near the middle of those that hold is the farthest from not holding.
    let middle = found.len() / 2;
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|k| k.abs_diff(middle));
    let narrow = NARROW.iter().map(|(share, slope)| (share * zero.unique.0, *slope));
    let narrow: Vec<(f64, f64)> = narrow.take_while(|(half, slope)| holds(*half, *slope)).collect();
    let mut last = vec![narrow.len() / 2, narrow.len().saturating_sub(1)];
    last.dedup();
    let last = last.into_iter().filter_map(|k| narrow.get(k)).copied();
    order.into_iter().map(|k| found[k]).take(4).chain(last).map(|(h, s)| started(h, s)).collect()
}

/// In other dimensions, by the bounds of `flow/cone.rs`.
fn spatial(field: Field<'_>, zero: &Zero, up: bool, wide: f64, e1: f64) -> Vec<Start> {
    let n = zero.center.0.len();
    let vector = &zero.vectors[if up { n - 1 } else { 0 }].0;
    let started = |block: Block| {
        let turned = if dot(&block.direction, vector) < 0.0 { -1.0 } else { 1.0 };
        let exits = [block.exit(turned), block.exit(-turned)];
        Start { half: block.half, slope: block.slope, exits }
    };
    let largest = 0.7 * zero.unique.0;
    blocks(field, &zero.center.0, 0.0, largest, wide, e1).into_iter().map(started).collect()
}

/// Both halves, that of side 1 first, with one block and their tubes.
pub(super) fn pair(
    b: &Builder<'_>,
    zeros: &[Zero],
    pair: Pair,
    e0: f64,
    e1: f64,
) -> Result<[Edge; 2], String> {
    let zero = &zeros[pair.of];
    let n = zero.center.0.len();
    let field = if pair.up { Field::uphill(&b.both) } else { Field::downhill(&b.both) };
    let residual = b.sites[pair.of].residual;
    // A little more than is claimed, so that the checker's rounding finds room; and what is left of the gradient at the centre.
    let wide = e0 * (1.0 + 1e-5) + 2.0 * residual + 1e-13 * b.steepness;
    let found = match n {
        2 => planar(b, zero, pair.up, wide),
        _ => spatial(field, zero, pair.up, wide, e1 * (1.0 + 1e-9)),
    };
    if found.is_empty() {
        return Err("no block about its point is left along its axis and entered across".into());
    }
    let mut reason = String::new();
    let mut known = [Experience::default(), Experience::default()];
    for start in &found {
        let mut one = |k: usize| half(b, zeros, pair, start, k, wide, e0, &mut known[k]);
        match one(0).and_then(|first| Ok([first, one(1)?])) {
            Ok(both) => return Ok(both),
            // That of the block that was to be the best.
            Err(why) if reason.is_empty() => reason = why,
            Err(_) => {}
        }
        if b.control.stopped() {
            break;
        }
    }
    Err(reason)
}

/// One half, from its block on.
#[allow(clippy::too_many_arguments)]
fn half(
    b: &Builder<'_>,
    zeros: &[Zero],
    pair: Pair,
    start: &Start,
    number: usize,
    wide: f64,
    e0: f64,
    known: &mut Experience,
) -> Result<Edge, String> {
    let n = zeros[pair.of].center.0.len();
    let field = if pair.up { Field::uphill(&b.both) } else { Field::downhill(&b.both) };
    let disc = &start.exits[number];
    let from: Vec<f64> = disc.center.iter().map(|e| e.mid()).collect();
    let (line, goal, end, near) = guide(b, zeros, pair, &from)?;
    let most = if n <= LOW { 4000 } else { 600 };
    let options = tube::Options { e0: wide, most, ..tube::Options::default() };
    known.rest();
    match tube(field, disc, &line, &goal, &options, known, &|| b.control.stopped()) {
        Ok(tube) => {
            let edge = Edge {
                of: pair.of,
                up: pair.up,
                side: [1, -1][number],
                end,
                half: Hex(start.half),
                slope: Hex(start.slope),
                tube: tube.cylinders.iter().map(written).collect(),
            };
            match b.oracle.edge(zeros, b.region.as_ref(), &edge, e0) {
                Ok(()) => Ok(edge),
                Err(why) => Err(format!("the checker says: {why}")),
            }
        }
        Err(blocked) => {
            let place: Vec<String> = blocked.at.iter().take(3).map(|x| format!("{x:.4}")).collect();
            let why = match blocked.why {
                Why::Narrow => "no cylinder could be proven",
                Why::Short => "the tube is too wide for the basin",
                Why::Many => "the cylinders allowed were used up",
                Why::Stopped => "the computation was interrupted",
            };
            let mut reason = format!(
                "{why} near ({}{}), after {} cylinders, at the radius {:.1e}, where the transverse curvature is {:.2e}",
                place.join(", "),
                if n > 3 { ", .." } else { "" },
                blocked.cylinders,
                blocked.radius,
                blocked.transverse
            );
            if let Some((d, k)) = near.filter(|(d, _)| *d < 0.02 * b.extent) {
                reason += &format!(
                    "; the orbit passes point {k}, of index {}, at a distance of {d:.1e}: one that joins points {} and {k} is not excluded",
                    zeros[k].index, pair.of
                );
            }
            Err(reason)
        }
    }
}

fn written(c: &crate::rigor::Cylinder) -> Cylinder {
    let shape = vec![c.shape.back, c.shape.ahead, c.shape.radius, c.shape.growth];
    Cylinder {
        c: HexVec(c.center.clone()),
        axis: HexVec(c.direction.clone()),
        bend: HexVec(c.bend.clone()),
        shape: HexVec(shape),
    }
}

/// An orbit, the ball at its end, the point there, and the nearest other point that it passes with its distance.
type Guide = (Line, Goal, Option<usize>, Option<(f64, usize)>);

/// The numerical orbit from a place to where it ends, and the ball to be reached there.
fn guide(b: &Builder<'_>, zeros: &[Zero], pair: Pair, from: &[f64]) -> Result<Guide, String> {
    let n = from.len();
    let flow = if pair.up { Flow::backward(b.landscape) } else { Flow::forward(b.landscape) };
    let wanted = if pair.up { n } else { 0 };
    let scale = b.extent;
    let (tolerance, longest) = if n <= LOW { (1e-10, 0.005) } else { (1e-7, 0.03) };
    let options = flow::Options { tolerance: tolerance * scale, longest: longest * scale, steps: 60_000 };
    let along = |x: &[f64]| {
        let mut g = vec![0.0; n];
        b.landscape.gradient(x, &mut g);
        g.iter_mut().for_each(|g| *g *= if pair.up { 1.0 } else { -1.0 });
        g
    };
    // Where nothing is left but rounding the orbit is at its end, whether there is a ball about it or not.
    let rest = 1e-13 * b.steepness;
    let points = RefCell::new(vec![(from.to_vec(), along(from))]);
    let mut arrived = None;
    let mut nearest: Option<(f64, usize)> = None;
    let mut rests = false;
    integrate(&flow, from, &options, |state| {
        rests = state.speed <= rest;
        points.borrow_mut().push((state.x.to_vec(), along(state.x)));
        for (k, z) in zeros.iter().enumerate() {
            if k == pair.of {
                continue;
            }
            let d = distance(state.x, &z.center.0);
            if z.index == wanted && d < 0.3 * z.basin.0 {
                arrived = Some(Arrived::At(k));
            } else if z.index != wanted && nearest.is_none_or(|(least, _)| d < least) {
                nearest = Some((d, k));
            }
        }
        let outside = b.region.as_ref().map_or(f64::NEG_INFINITY, |r| beyond(r, state.x));
        if pair.up && outside > 0.25 * scale {
            arrived = Some(Arrived::Outside);
        }
        arrived.is_none() && !rests && !b.control.stopped()
    });
    let points = points.into_inner();
    let last = points.last().map(|p| p.0.clone()).unwrap_or_default();
    let (goal, end) = match arrived {
        Some(Arrived::At(k)) => {
            (Goal { center: zeros[k].center.0.clone(), radius: zeros[k].basin.0 * (1.0 - 1e-9) }, Some(k))
        }
        Some(Arrived::Outside) => {
            let outside = b.region.as_ref().map_or(0.0, |r| beyond(r, &last));
            (Goal { center: last.clone(), radius: 0.9 * outside }, None)
        }
        None => {
            let near = match nearest {
                Some((_, k)) if distance(&last, &zeros[k].center.0) < 1e-5 * scale => {
                    let index = zeros[k].index;
                    format!(
                        ": it ends at point {k}, of index {index}; an orbit that joins points {} and {k} is not excluded, so that nothing is structurally stable",
                        pair.of
                    )
                }
                _ if rests => {
                    ": it ends where a point was left out, or has no ball that is drawn to it".to_string()
                }
                Some((d, k)) => {
                    format!(": it comes as near as {d:.1e} to point {k}, of index {}", zeros[k].index)
                }
                None => String::new(),
            };
            return Err(format!("the numerical orbit comes to no point of index {wanted}{near}"));
        }
    };
    let line = Line::through(points).ok_or("the numerical orbit is no curve")?;
    Ok((line, goal, end, nearest))
}

/// How far a place lies outside the region, at least; negative inside.
pub(super) fn beyond(region: &Region, x: &[f64]) -> f64 {
    match region {
        Region::Ball { center, radius } => distance(x, &center.0) - radius.0,
        Region::Box { lower, upper } => x
            .iter()
            .zip(lower.0.iter().zip(&upper.0))
            .map(|(x, (l, u))| (x - u).max(l - x))
            .fold(f64::NEG_INFINITY, f64::max),
    }
}
