//! Halves of one-dimensional manifolds for a certificate: blocks and tubes of `flow/` about numerical orbits, at given (e0, e1).

use std::cell::RefCell;

use super::Builder;
use crate::certificate::format::{Cylinder, Edge, Hex, HexVec, Region, Zero};
use crate::flow::cone::{Field, blocks};
use crate::flow::tube::{self, Goal, Line, Why, tube};
use crate::flow::{self, Flow, integrate};
use crate::linalg::{dot, norm};

/// A half that is to be followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Half {
    pub(super) of: usize,
    pub(super) up: bool,
    pub(super) side: i8,
}

/// Up to this dimension orbits are followed closely.
const LOW: usize = 16;

/// Where a numerical orbit ended.
enum Arrived {
    At(usize),
    Outside,
}

/// The half with its block and tube.
pub(super) fn edge(b: &Builder<'_>, zeros: &[Zero], half: Half, e0: f64, e1: f64) -> Result<Edge, String> {
    let zero = &zeros[half.of];
    let n = zero.center.0.len();
    let field = if half.up { Field::uphill(&b.both) } else { Field::downhill(&b.both) };
    let residual = b.sites[half.of].residual;
    // A little more than is claimed, so that the checker's rounding finds room; and what is left of the gradient at the centre.
    let wide = e0 * (1.0 + 1e-5) + 2.0 * residual;
    let slack = 1e-13 * b.steepness;
    let vector = &zero.vectors[if half.up { n - 1 } else { 0 }].0;
    let largest = 0.7 * zero.unique.0;
    let found = blocks(field, &zero.center.0, 0.0, largest, wide + slack, e1 * (1.0 + 1e-9));
    if found.is_empty() {
        return Err("no block about its point meets the cone conditions".into());
    }
    let mut reason = String::new();
    for block in &found {
        let turned = if dot(&block.direction, vector) < 0.0 { -1.0 } else { 1.0 };
        let side = f64::from(half.side) * turned;
        let start = block.exit(side);
        let from: Vec<f64> = start.center.iter().map(|e| e.mid()).collect();
        let (line, goal, end, near) = match guide(b, zeros, half, &from) {
            Ok(found) => found,
            Err(why) => {
                reason = why;
                continue;
            }
        };
        let most = if n <= LOW { 4000 } else { 1500 };
        let options = tube::Options { e0: wide + slack, most, ..tube::Options::default() };
        match tube(field, &start, &line, &goal, &options, &|| b.control.stopped()) {
            Ok(tube) => {
                let edge = Edge {
                    of: half.of,
                    up: half.up,
                    side: half.side,
                    end,
                    half: Hex(block.half),
                    slope: Hex(block.slope),
                    tube: tube.cylinders.iter().map(written).collect(),
                };
                match b.oracle.edge(zeros, b.region.as_ref(), &edge, e0, e1) {
                    Ok(()) => return Ok(edge),
                    Err(why) => reason = format!("the checker says: {why}"),
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
                reason = format!(
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
                        zeros[k].index, half.of
                    );
                }
                if blocked.why == Why::Stopped {
                    break;
                }
            }
        }
    }
    Err(reason)
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
fn guide(b: &Builder<'_>, zeros: &[Zero], half: Half, from: &[f64]) -> Result<Guide, String> {
    let n = from.len();
    let flow = if half.up { Flow::backward(b.landscape) } else { Flow::forward(b.landscape) };
    let wanted = if half.up { n } else { 0 };
    let scale = b.extent;
    let (tolerance, longest) = if n <= LOW { (1e-10, 0.005) } else { (1e-7, 0.03) };
    let options = flow::Options { tolerance: tolerance * scale, longest: longest * scale, steps: 60_000 };
    let along = |x: &[f64]| {
        let mut g = vec![0.0; n];
        b.landscape.gradient(x, &mut g);
        g.iter_mut().for_each(|g| *g *= if half.up { 1.0 } else { -1.0 });
        g
    };
    let far = |x: &[f64], y: &[f64]| norm(&x.iter().zip(y).map(|(a, b)| a - b).collect::<Vec<f64>>());
    let points = RefCell::new(vec![(from.to_vec(), along(from))]);
    let mut arrived = None;
    let mut nearest: Option<(f64, usize)> = None;
    integrate(&flow, from, &options, |state| {
        points.borrow_mut().push((state.x.to_vec(), along(state.x)));
        for (k, z) in zeros.iter().enumerate() {
            if k == half.of {
                continue;
            }
            let d = far(state.x, &z.center.0);
            if z.index == wanted && d < 0.3 * z.basin.0 {
                arrived = Some(Arrived::At(k));
            } else if z.index != wanted && nearest.is_none_or(|(least, _)| d < least) {
                nearest = Some((d, k));
            }
        }
        let outside = b.region.as_ref().map_or(f64::NEG_INFINITY, |r| beyond(r, state.x));
        if half.up && outside > 0.25 * scale {
            arrived = Some(Arrived::Outside);
        }
        arrived.is_none()
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
            let near = nearest.map_or(String::new(), |(d, k)| {
                let index = zeros[k].index;
                if d < 1e-5 * scale {
                    format!(": it ends at point {k}, of index {index}; an orbit that joins points {} and {k} is not excluded, so that nothing is structurally stable", half.of)
                } else {
                    format!(": it comes as near as {d:.1e} to point {k}, of index {index}")
                }
            });
            return Err(format!("the numerical orbit comes to no point of index {wanted}{near}"));
        }
    };
    let line = Line::through(points).ok_or("the numerical orbit is no curve")?;
    Ok((line, goal, end, nearest))
}

/// How far a place lies outside the region, at least; negative inside.
pub(super) fn beyond(region: &Region, x: &[f64]) -> f64 {
    match region {
        Region::Ball { center, radius } => {
            norm(&x.iter().zip(&center.0).map(|(x, c)| x - c).collect::<Vec<f64>>()) - radius.0
        }
        Region::Box { lower, upper } => x
            .iter()
            .zip(lower.0.iter().zip(&upper.0))
            .map(|(x, (l, u))| (x - u).max(l - x))
            .fold(f64::NEG_INFINITY, f64::max),
    }
}
