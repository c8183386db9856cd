//! Connections between points of neighbouring index that both have orbits leaving in more than one direction.
//!
//! In: the critical points ([`Place`]). Out: connections from index k to k - 1, 2 <= k <= n - 1.
//!
//! The orbits that leave a point with two unstable directions form a circle. Between two neighbours on it that stay together
//! down to where they end there is nothing; where they part, an orbit between them runs into a saddle and no further. It is
//! found by bisection on the side on which orbits leave that saddle, which is a root of one equation in one unknown, and where
//! the circle cannot be resolved finely enough, on segments further down. The same in reversed time for points with two
//! stable directions, where fewer of them are stable than unstable.
//!
//! With more directions the orbits form a sphere, and those that run into a point with one direction less are zeros of as many
//! equations as it has dimensions (`sphere.rs`).

mod arc;
mod mesh;
mod ray;
mod root;
mod shot;
mod sphere;

use super::departure::Departure;
use super::orbits::Trace;
use super::place::Place;
use super::transversality::{determinant_sign, transversality};
use super::{Connection, Loose, Orbit};
use arc::{Crossing, Event};
use ray::Rays;
use shot::tangent_basis;
use sphere::Find;

/// Spheres of more dimensions take too many orbits to be looked through.
const DIMENSIONS: usize = 3;

/// A circle of orbits to look through, or a sphere of more dimensions: those that leave point `id`.
#[derive(Clone, Copy)]
pub(super) struct Circle {
    pub(super) id: usize,
    pub(super) backward: bool,
}

/// The spheres on which connections from index `upper` to the one below are found: `Some(false)` those of the upper points,
/// forwards, `Some(true)` those of the lower ones, backwards, whichever have fewer dimensions; `None` if both have too many, or
/// one of them is two points.
pub(super) fn way(upper: usize, n: usize) -> Option<bool> {
    let rest = n.saturating_sub(upper);
    if upper < 2 || rest == 0 {
        return None;
    }
    let (forward, backward) = (upper - 1, rest);
    (forward.min(backward) <= DIMENSIONS).then_some(backward < forward)
}

/// All connections that begin, or backwards end, on the circle, from so many starts at first.
pub(super) fn connections(
    place: &Place<'_>,
    circle: Circle,
    spokes: usize,
    tolerance: f64,
) -> (Vec<Connection>, Vec<Loose>) {
    let Circle { id, backward } = circle;
    let node = &place.nodes[id];
    let modes: Vec<usize> = node.leaving(backward).collect();
    let lost = |reason: &str| {
        let (orbit, reason) = (Orbit::default(), reason.to_string());
        (vec![], vec![Loose::Lost { point: id, orbit, backward, reason }])
    };
    let Some(departure) = Departure::new(place, node, &modes) else {
        return lost("the modes of the flow at its start could not be computed");
    };
    let rays = Rays::new(place, id, backward, tolerance, departure);
    if modes.len() > 2 {
        return sort(place, circle, &rays, sphere::over(&rays, spokes));
    }
    let mut events = vec![];
    if !arc::around(&rays, spokes, &mut events) {
        return lost("the orbits that leave it part in more ways than could be followed");
    }
    let (mut found, mut loose) = (vec![], vec![]);
    for event in events {
        match event {
            Event::Crossing(crossing) => found.push(connection(place, circle, &rays, crossing)),
            Event::Touching { id: other, gap, ray } => loose.push(touching(place, circle, other, gap, ray)),
            Event::Unresolved { ray, reason } => loose.push(unresolved(place, circle, ray, reason)),
        }
    }
    (found, loose)
}

/// An orbit onto a point that the manifold should not meet.
fn touching(place: &Place<'_>, circle: Circle, other: usize, gap: f64, trace: Trace) -> Loose {
    let Circle { id, backward } = circle;
    let (from, to) = if backward { (other, id) } else { (id, other) };
    Loose::NotTransverse { from, to, orbit: orbit(place, other, backward, trace), gap }
}

/// An orbit beside which it is not known what there is.
fn unresolved(place: &Place<'_>, circle: Circle, trace: Trace, reason: String) -> Loose {
    let Circle { id, backward } = circle;
    Loose::Lost { point: id, orbit: trace.finish(place), backward, reason }
}

/// What was found on a sphere, as connections and as orbits that are none.
fn sort(
    place: &Place<'_>,
    circle: Circle,
    rays: &Rays<'_>,
    finds: Vec<Find>,
) -> (Vec<Connection>, Vec<Loose>) {
    let Circle { id, backward } = circle;
    let (mut found, mut loose) = (vec![], vec![]);
    for find in finds {
        match find {
            Find::Connection { target, sign, gap, direction, trace } => {
                let target = rays.targets[target];
                let tangents: Vec<Vec<f64>> =
                    tangent_basis(&direction).iter().map(|t| rays.departure.tangent(t)).collect();
                let transversality = transversality(place, target, backward, &trace, &tangents);
                let (from, to) = if backward { (target, id) } else { (id, target) };
                let sign = if backward { orientation(place, id, target) * sign } else { sign };
                let orbit = orbit(place, target, backward, trace);
                found.push(Connection {
                    residual: gap,
                    transversality,
                    ..Connection::new(from, to, sign, orbit)
                });
            }
            Find::Touching { id: other, gap, trace } => {
                loose.push(touching(place, circle, other, gap, trace))
            }
            Find::Unresolved { trace, reason } => loose.push(unresolved(place, circle, trace, reason)),
        }
    }
    (found, loose)
}

fn connection(place: &Place<'_>, circle: Circle, rays: &Rays<'_>, crossing: Crossing) -> Connection {
    let Circle { id, backward } = circle;
    let Crossing { target, side, gap, angle, trace } = crossing;
    let tangent = rays.departure.tangent(&[-angle.sin(), angle.cos()]);
    let transversality = transversality(place, target, backward, &trace, &[tangent]);
    let (from, to) = if backward { (target, id) } else { (id, target) };
    let sign = if backward { orientation(place, id, target) * side } else { side };
    let orbit = orbit(place, target, backward, trace);
    Connection { residual: gap, transversality, ..Connection::new(from, to, sign, orbit) }
}

/// The factor between the sign of a connection and that of the derivative of the upper point's stable coordinates by those of
/// the sphere of orbits that come into the lower one, followed backwards.
///
/// Near the lower point p, of index k - 1, let r be the direction from it on the orbit and t the directions along the sphere, so
/// that (r, t) is oriented as the stable modes are. The upper point's unstable manifold, with t, is oriented by `det [v(q)]` times
/// the derivative's sign, since t moves across it along the stable modes of q; the flow, the unstable modes of p and t are
/// oriented by `(-1)^k det [v(p)]`.
fn orientation(place: &Place<'_>, lower: usize, upper: usize) -> i8 {
    let k = place.nodes[upper].index;
    let both = determinant_sign(&place.nodes[lower].vectors) * determinant_sign(&place.nodes[upper].vectors);
    if k.is_multiple_of(2) { both } else { -both }
}

fn orbit(place: &Place<'_>, target: usize, backward: bool, trace: Trace) -> Orbit {
    let mut orbit = trace.finish(place);
    orbit.cut_at(place, &place.nodes[target], backward);
    orbit.fall();
    orbit.thin();
    orbit
}
