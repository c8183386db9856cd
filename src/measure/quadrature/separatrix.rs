//! The boundaries between basins in the plane: stable manifolds of saddles, as curves that know what lies on either side.

use super::Problem;
use crate::flow::Flow;
use crate::landscape::{Region, Shape};
use crate::linalg::norm;
use crate::manifold::curve::{Curve, CurveEnd, Options, curves};
use crate::manifold::{Scene, Stability};

/// Distance of neighbouring points and error of a step, relative to the scale.
const SPACING: f64 = 4e-3;
const TOLERANCE: f64 = 1e-11;

/// How far from a saddle its two sides are told, relative to the scale.
const ASIDE: f64 = 1e-3;

/// How wrong a curve may lie, relative to the scale: the integrator's error and that of cubics between points.
pub(super) const WIDTH: f64 = 1e-9;

/// A curve through a saddle, from end to end.
#[derive(Clone, Debug)]
pub(super) struct Separatrix {
    pub(super) points: Vec<[f64; 2]>,
    /// Unit tangents in the direction of the points.
    pub(super) tangents: Vec<[f64; 2]>,
    /// The well on the left of that direction.
    pub(super) left: Option<u32>,
    /// And on the right.
    pub(super) right: Option<u32>,
}

/// All of them that part two basins; copies of them where coordinates are periodic.
///
/// # Errors
/// A sentence, where such curves are not all there is to the boundaries.
pub(super) fn separatrices(problem: &Problem<'_>) -> Result<Vec<Separatrix>, String> {
    let wells = problem.wells;
    let family_wells = wells.wells.iter().filter(|w| matches!(w.id, super::WellId::Family(_))).count();
    if wells.set.degenerate.len() > family_wells {
        return Err("a degenerate point may lie on a boundary".into());
    }
    let domain = problem.domain;
    let (mut lower, mut upper) = (domain.lower.clone(), domain.upper.clone());
    for i in (0..2).filter(|&i| !domain.periodic[i]) {
        let width = upper[i] - lower[i];
        (lower[i], upper[i]) = (lower[i] - 0.05 * width, upper[i] + 0.05 * width);
    }
    let region = Region { shape: Shape::Box { lower, upper }, period: wells.set.region.period.clone() };
    let scene = Scene::new(wells.landscape, None, &region, &wells.set.points);
    let options =
        Options { tolerance: TOLERANCE, spacing: SPACING, angle: 0.03, length: 200.0, ..Options::default() };
    let scale = wells.scale();
    let mut all = vec![];
    for (id, point) in wells.set.points.iter().enumerate().filter(|(_, p)| p.index == 1) {
        let halves = curves(&scene, id, Stability::Stable, &options).map_err(|e| e.to_string())?;
        for half in &halves {
            match &half.end {
                CurveEnd::Boundary => {}
                CurveEnd::Critical(other) if wells.set.points[*other].index == 2 => {}
                CurveEnd::Critical(other) => return Err(format!("saddle {id} is joined to saddle {other}")),
                CurveEnd::Length => return Err(format!("the stable manifold of saddle {id} has no end")),
                CurveEnd::Lost(why) => return Err(why.clone()),
            }
        }
        let [points, tangents] = joined(problem, &halves);
        let middle = halves[1].points.len() - 1;
        let [tx, ty] = tangents[middle];
        let aside = |side: f64| {
            let x = [point.x[0] - side * ASIDE * scale * ty, point.x[1] + side * ASIDE * scale * tx];
            problem.label(&x)
        };
        let (left, right) = (aside(1.0), aside(-1.0));
        if left != right {
            all.push(Separatrix { points, tangents, left, right });
        }
    }
    Ok(copies(problem, all))
}

/// One curve of both halves, the second one first and backwards.
fn joined(problem: &Problem<'_>, halves: &[Curve; 2]) -> [Vec<[f64; 2]>; 2] {
    let back = halves[1].points.iter().rev();
    let all: Vec<[f64; 2]> = back.chain(halves[0].points.iter().skip(1)).map(|x| [x[0], x[1]]).collect();
    // Points that rounding cannot tell apart have no direction between them.
    let flow = Flow::forward(problem.landscape());
    let chord = |a: [f64; 2], b: [f64; 2]| {
        let d = [b[0] - a[0], b[1] - a[1]];
        let length = d[0].hypot(d[1]).max(f64::MIN_POSITIVE);
        [d[0] / length, d[1] / length]
    };
    let speeds: Vec<(f64, [f64; 2])> = all
        .iter()
        .map(|x| {
            let mut v = [0.0; 2];
            flow.velocity(x, &mut v);
            (norm(&v), v)
        })
        .collect();
    let largest = speeds.iter().map(|s| s.0).fold(0.0, f64::max);
    let tangents = (0..all.len())
        .map(|k| {
            let around = chord(all[k.saturating_sub(1)], all[(k + 1).min(all.len() - 1)]);
            let (speed, v) = speeds[k];
            // At the ends and in the middle there are critical points.
            if !(speed > 1e-9 * largest) {
                return around;
            }
            let sign = if v[0] * around[0] + v[1] * around[1] < 0.0 { -1.0 } else { 1.0 };
            [sign * v[0] / speed, sign * v[1] / speed]
        })
        .collect();
    [all, tangents]
}

/// Every curve moved by periods wherever it meets the domain.
fn copies(problem: &Problem<'_>, curves: Vec<Separatrix>) -> Vec<Separatrix> {
    let domain = problem.domain;
    let shifts = |curve: &Separatrix, i: usize| -> Vec<f64> {
        let Some(period) = problem.wells.set.region.period_of(i) else { return vec![0.0] };
        let low = curve.points.iter().map(|p| p[i]).fold(f64::INFINITY, f64::min);
        let high = curve.points.iter().map(|p| p[i]).fold(f64::NEG_INFINITY, f64::max);
        let first = ((domain.lower[i] - high) / period).floor() as i64;
        let last = ((domain.upper[i] - low) / period).ceil() as i64;
        (first..=last).map(|k| k as f64 * period).collect()
    };
    let mut all = vec![];
    for curve in curves {
        for sx in shifts(&curve, 0) {
            for sy in shifts(&curve, 1) {
                let mut moved = curve.clone();
                moved.points.iter_mut().for_each(|p| *p = [p[0] + sx, p[1] + sy]);
                all.push(moved);
            }
        }
    }
    all
}

impl Separatrix {
    /// May the cubic between points k and k + 1 meet a box? Its chord is clipped at the box widened by how far the curve can
    /// be from it (Liang & Barsky).
    pub(super) fn meets(&self, k: usize, low: [f64; 2], high: [f64; 2]) -> bool {
        let (a, b) = (self.points[k], self.points[k + 1]);
        let d = [b[0] - a[0], b[1] - a[1]];
        let length = d[0].hypot(d[1]);
        let turn = |t: [f64; 2]| (t[0] * d[1] - t[1] * d[0]).abs();
        // Of a cubic with these end tangents no point is farther from the chord.
        let sagitta = 0.3 * (turn(self.tangents[k]) + turn(self.tangents[k + 1]));
        let slack = sagitta + 1e-14 * (length + a[0].abs() + a[1].abs());
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for i in 0..2 {
            let (low, high) = (low[i] - slack - a[i], high[i] + slack - a[i]);
            if d[i] == 0.0 {
                if low > 0.0 || high < 0.0 {
                    return false;
                }
                continue;
            }
            let (s, t) = (low / d[i], high / d[i]);
            from = from.max(s.min(t));
            to = to.min(s.max(t));
        }
        from <= to
    }

    /// The cubic between points k and k + 1 at the share `s` of the way.
    pub(super) fn at(&self, k: usize, s: f64) -> [f64; 2] {
        let (a, b) = (self.points[k], self.points[k + 1]);
        let chord = (b[0] - a[0]).hypot(b[1] - a[1]);
        let (ta, tb) = (self.tangents[k], self.tangents[k + 1]);
        // The arc is longer than the chord by the turn of its tangent.
        let cosine = (ta[0] * tb[0] + ta[1] * tb[1]).clamp(-1.0, 1.0);
        let length = chord * (1.0 + cosine.acos().powi(2) / 24.0);
        let (r, s2) = (1.0 - s, s * s);
        let (h00, h01) = (r * r * (1.0 + 2.0 * s), s2 * (3.0 - 2.0 * s));
        let (h10, h11) = (s * r * r * length, -s2 * r * length);
        [0, 1].map(|i| h00 * a[i] + h10 * ta[i] + h01 * b[i] + h11 * tb[i])
    }
}
