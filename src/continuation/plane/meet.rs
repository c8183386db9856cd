//! Where curves meet: crossings, and the folds and cusps in which connections end.

use super::curve::{Node, Trace};
use super::{CurveEnd, CurveKind, CurvePoint, Ground, PlaneCurve, PlanePoint, PointKind};
use crate::critical::Level;
use crate::linalg::norm;

/// How far ahead of the end of a connection's curve a fold is looked for, in natural scales.
const AHEAD: f64 = 0.05;

/// How near to the end it may pass beside it.
const BESIDE: f64 = 2e-3;

/// Two degenerate points nearer than this, in natural scales, are one, and their curve does not cross itself.
const APART: f64 = 1e-4;

/// Sine of an angle below which two segments are parallel.
const PARALLEL: f64 = 1e-7;

type Place = [f64; 2];

/// Where the segments from `a` to `b` and from `c` to `d` cross: the shares of both.
pub(super) fn crossing([a, b]: [Place; 2], [c, d]: [Place; 2]) -> Option<(f64, f64)> {
    let (r, s) = ([b[0] - a[0], b[1] - a[1]], [d[0] - c[0], d[1] - c[1]]);
    let off = [c[0] - a[0], c[1] - a[1]];
    let cross = |u: Place, v: Place| u[0] * v[1] - u[1] * v[0];
    let det = cross(r, s);
    // What lies along each other up to rounding does not cross.
    if det.abs() <= PARALLEL * r[0].hypot(r[1]) * s[0].hypot(s[1]) {
        return None;
    }
    let (t, u) = (cross(off, s) / det, cross(off, r) / det);
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some((t, u))
}

/// Distance of a place from the segment from `a` to `b`, and the share of its nearest point.
pub(super) fn foot(p: Place, a: Place, b: Place) -> (f64, f64) {
    let d = [b[0] - a[0], b[1] - a[1]];
    let off = [p[0] - a[0], p[1] - a[1]];
    let square = (d[0] * d[0] + d[1] * d[1]).max(f64::MIN_POSITIVE);
    let u = ((d[0] * off[0] + d[1] * off[1]) / square).clamp(0.0, 1.0);
    ((off[0] - u * d[0]).hypot(off[1] - u * d[1]), u)
}

/// The scaled parameters along a curve.
pub(super) fn polyline(ground: &Ground<'_>, curve: &PlaneCurve) -> Vec<Place> {
    curve.points.iter().map(|p| ground.scaled(p.parameters)).collect()
}

/// Lets curves of connections that lost a saddle end in the fold or the cusp ahead of them.
pub(super) fn close_ends(ground: &Ground<'_>, curves: &mut [PlaneCurve], points: &mut Vec<PlanePoint>) {
    let lines: Vec<Vec<Place>> = curves.iter().map(|c| polyline(ground, c)).collect();
    let local: Vec<bool> = curves.iter().map(|c| c.kind != CurveKind::Connection).collect();
    for number in 0..curves.len() {
        if local[number] || lines[number].len() < 2 {
            continue;
        }
        for side in [0, 1] {
            if !matches!(curves[number].ends[side], CurveEnd::Failed(_)) {
                continue;
            }
            let line = &lines[number];
            let (last, before) = match side {
                0 => (line[0], line[1]),
                _ => (line[line.len() - 1], line[line.len() - 2]),
            };
            let d = [last[0] - before[0], last[1] - before[1]];
            let length = d[0].hypot(d[1]);
            let ahead = [0, 1].map(|k| last[k] + AHEAD * d[k] / length);
            // The curve ahead; or beside, where the orbit comes by the place at which two points are about to meet, and slows
            // down so much that the gap is too steep to be followed farther.
            let hits = (0..curves.len()).filter(|c| local[*c]).flat_map(|c| {
                lines[c].windows(2).enumerate().filter_map(move |(k, pair)| {
                    let ahead = crossing([last, ahead], [pair[0], pair[1]]).map(|(t, u)| (t, c, k, u));
                    ahead.or_else(|| {
                        let (away, u) = foot(last, pair[0], pair[1]);
                        (away < BESIDE).then_some((away / AHEAD, c, k, u))
                    })
                })
            });
            let hit = hits.min_by(|a, b| a.0.total_cmp(&b.0));
            // A cusp ahead is where several folds are.
            let reach = hit.map_or(AHEAD, |(t, ..)| 1.2 * t * AHEAD + 1e-4);
            let cusp = points.iter().position(|p| {
                let off = ground.scaled(p.parameters);
                let off = [off[0] - last[0], off[1] - last[1]];
                let along = (off[0] * d[0] + off[1] * d[1]) / length;
                let away = (off[0] * d[1] - off[1] * d[0]).abs() / length;
                p.coefficients.is_some() && (0.0..=reach).contains(&along) && away < 0.1 * along.max(1e-3)
            });
            let place = cusp.or_else(|| {
                let (_, c, k, u) = hit?;
                points.push(ending(ground, curves, (number, side), (c, k, u)));
                Some(points.len() - 1)
            });
            let Some(place) = place else { continue };
            let end = &mut curves[number];
            let parameters = points[place].parameters;
            let near = if side == 0 { end.points.first() } else { end.points.last() };
            let Some(near) = near.cloned() else { continue };
            let point = CurvePoint { parameters, ..near };
            if side == 0 {
                end.points.insert(0, point)
            } else {
                end.points.push(point)
            }
            end.ends[side] = CurveEnd::Point(place);
            if !points[place].curves.contains(&number) {
                points[place].curves.push(number);
            }
        }
    }
}

/// The point in which a connection's curve ends on another curve, at a share of the step from its point number `k`.
fn ending(
    ground: &Ground<'_>,
    curves: &[PlaneCurve],
    (number, side): (usize, usize),
    (c, k, u): (usize, usize, f64),
) -> PlanePoint {
    let (a, b) = (&curves[c].points[k], &curves[c].points[k + 1]);
    let (p, q) = (ground.scaled(a.parameters), ground.scaled(b.parameters));
    let parameters = ground.parameters([0, 1].map(|i| p[i] + u * (q[i] - p[i])));
    let x: Vec<f64> = a.x.iter().zip(&b.x).map(|(a, b)| a + u * (b - a)).collect();
    let last = if side == 0 { curves[number].points.first() } else { curves[number].points.last() };
    // As far as the curve had to be drawn on.
    let error = last.map_or([0.0; 2], |l| [0, 1].map(|i| (l.parameters[i] - parameters[i]).abs()));
    PlanePoint {
        kind: PointKind::Crossing(curves[c].kind, CurveKind::Connection),
        parameters,
        x: vec![x],
        coefficients: None,
        error,
        level: Level::Estimated,
        curves: vec![c],
    }
}

/// All crossings of two curves, or of one with itself. Those of two folds are located to rounding; others lie on the straight
/// lines between the points of their curves. `traces` belong to the first curves.
pub(super) fn crossings(ground: &Ground<'_>, curves: &[PlaneCurve], traces: &[Trace]) -> Vec<PlanePoint> {
    let lines: Vec<Vec<Place>> = curves.iter().map(|c| polyline(ground, c)).collect();
    let state = ground.problems[0].scales.state;
    let mut found: Vec<PlanePoint> = vec![];
    for a in 0..curves.len() {
        for b in a..curves.len() {
            let mut here: Vec<PlanePoint> = vec![];
            for (i, p) in lines[a].windows(2).enumerate() {
                let from = if a == b { i + 2 } else { 0 };
                for (j, q) in lines[b].windows(2).enumerate().skip(from) {
                    let Some((t, u)) = crossing([p[0], p[1]], [q[0], q[1]]) else { continue };
                    let (first, second) = (between(curves, a, i, t), between(curves, b, j, u));
                    let off: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
                    // Near a cusp the two sides of a curve are one point.
                    if a == b && norm(&off) < APART * state {
                        continue;
                    }
                    let point = match (traces.get(a), traces.get(b)) {
                        (Some(first), Some(second)) => sharpened(ground, (first, i, t), (second, j, u)),
                        _ => None,
                    };
                    let length = (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]);
                    let (at, x, error, level) = match point {
                        Some((one, two, error)) => (
                            one.plane(),
                            vec![one.point(ground).x, two.point(ground).x],
                            error,
                            Level::Checked,
                        ),
                        None => {
                            let at = [0, 1].map(|k| p[0][k] + t * (p[1][k] - p[0][k]));
                            (at, vec![first, second], 0.1 * length, Level::Estimated)
                        }
                    };
                    let parameters = ground.parameters(at);
                    let known = here.iter().any(|h| {
                        let other = ground.scaled(h.parameters);
                        (other[0] - at[0]).hypot(other[1] - at[1]) < 1e-6
                    });
                    // An end on the curve is a point already.
                    let end = [a, b].iter().any(|c| {
                        let line = &lines[*c];
                        let ends = [line[0], line[line.len() - 1]];
                        ends.iter().any(|e| (e[0] - at[0]).hypot(e[1] - at[1]) < 1e-9)
                    });
                    let local =
                        curves[a].kind != CurveKind::Connection && curves[b].kind != CurveKind::Connection;
                    if known || end && !local {
                        continue;
                    }
                    let mut curves_there = vec![a, b];
                    curves_there.dedup();
                    here.push(PlanePoint {
                        kind: PointKind::Crossing(
                            curves[a].kind.min(curves[b].kind),
                            curves[a].kind.max(curves[b].kind),
                        ),
                        parameters,
                        x,
                        coefficients: None,
                        error: [0, 1].map(|k| error * ground.slope(k, parameters[k]).abs()),
                        level,
                        curves: curves_there,
                    });
                }
            }
            found.extend(here);
        }
    }
    found
}

fn between(curves: &[PlaneCurve], c: usize, k: usize, u: f64) -> Vec<f64> {
    let (a, b) = (&curves[c].points[k], &curves[c].points[k + 1]);
    a.x.iter().zip(&b.x).map(|(a, b)| a + u * (b - a)).collect()
}

/// The crossing of two fold curves by Newton's method on their lengths: the folds, and the scaled error of the parameters.
fn sharpened(
    ground: &Ground<'_>,
    (first, i, t): (&Trace, usize, f64),
    (second, j, u): (&Trace, usize, f64),
) -> Option<(Node, Node, f64)> {
    let (mut one, mut two) = (first.at(ground, i, t)?, second.at(ground, j, u)?);
    let mut last = f64::INFINITY;
    for _ in 0..8 {
        let (p, q) = (one.plane(), two.plane());
        let off = [q[0] - p[0], q[1] - p[1]];
        let size = off[0].hypot(off[1]);
        if size < 1e-14 || size >= 0.5 * last && size < 1e-11 {
            return Some((one, two, size + 4.0 * f64::EPSILON));
        }
        last = size;
        let n = one.y.len() - 2;
        let (r, s) = ([one.tangent[n], one.tangent[n + 1]], [two.tangent[n], two.tangent[n + 1]]);
        let det = r[0] * s[1] - r[1] * s[0];
        let (a, b) = ((off[0] * s[1] - off[1] * s[0]) / det, (off[0] * r[1] - off[1] * r[0]) / det);
        if !(a.abs() < 0.1 && b.abs() < 0.1) {
            return None;
        }
        one = one.moved(ground, a)?;
        two = two.moved(ground, b)?;
    }
    None
}
