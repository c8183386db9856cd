//! One-dimensional manifolds as curves: the local parametrisation continued by an orbit, in points whose spacing follows
//! the curvature.

use super::frame::Field;
use super::scene::Scene;
use super::track::{Course, Fate, Track};
use super::{Stability, local};
use crate::critical::Level;
use crate::error::Result;
use crate::linalg::{dot, norm};

/// How a curve is computed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of the local manifold.
    pub local: local::Options,
    /// Error of a step of the orbit, relative to the scale (the distance of the farthest critical point, at most the
    /// region's radius).
    pub tolerance: f64,
    /// Largest distance of neighbouring points, relative to the scale.
    pub spacing: f64,
    /// Largest angle between the directions at neighbouring points, unless they are 1/64 of the spacing apart.
    pub angle: f64,
    /// Length at which a branch is cut, relative to the scale.
    pub length: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options { local: local::Options::default(), tolerance: 1e-9, spacing: 0.02, angle: 0.1, length: 1e3 }
    }
}

/// Where a manifold, or a branch of it, ends.
#[derive(Clone, Debug, PartialEq)]
pub enum CurveEnd {
    /// At a critical point (id): its last point.
    Critical(usize),
    /// On the region's boundary.
    Boundary,
    /// At the length allowed.
    Length,
    /// Nowhere, for this reason.
    Lost(String),
}

/// One half of a one-dimensional manifold, from its critical point on.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Id of the critical point.
    pub from: usize,
    /// Which of its manifolds.
    pub which: Stability,
    /// +1 for the half in the direction of the mode (its largest component is positive), -1 for the other.
    pub side: i8,
    /// Points (each of length n), the critical point first. In periodic coordinates they run on in the cover.
    pub points: Vec<Vec<f64>>,
    /// Energies there; NaN where there are none.
    pub energies: Vec<f64>,
    /// Length of the curve up to each point.
    pub lengths: Vec<f64>,
    /// Where it ends.
    pub end: CurveEnd,
    /// How far it can be relied on.
    pub level: Level,
}

/// Both halves of the one-dimensional manifold of point `id`.
///
/// # Errors
/// If there is no such point, its manifold has another dimension, or the local manifold cannot be had.
pub fn curves(scene: &Scene<'_>, id: usize, which: Stability, options: &Options) -> Result<[Curve; 2]> {
    let x = scene.point(id, which, 1)?;
    let local = local::local(scene.landscape, x, which, &options.local)?;
    Ok([1, -1].map(|side| branch(scene, id, &local, side, options)))
}

fn branch(scene: &Scene<'_>, id: usize, local: &local::LocalManifold, side: i8, options: &Options) -> Curve {
    let which = local.which;
    let scale = scene.scale(id);
    let spacing = options.spacing * scale;
    let field = Field::new(scene.landscape, which);
    let sign = f64::from(side);
    // As far as the local manifold keeps to the region and below the length of a few points.
    let mut reach = local.radius;
    while norm(&scene.difference(&local.base, &local.evaluate(&[sign * reach]))) > 2.0 * spacing
        || !scene.contains(&local.evaluate(&[sign * reach]))
    {
        reach *= 0.5;
        if reach < 1e-9 * local.radius {
            break;
        }
    }
    let mut points = vec![local.base.clone()];
    points.extend((1..=4).map(|k| local.evaluate(&[sign * reach * f64::from(k) / 4.0])));
    let course = Course {
        which,
        tolerance: options.tolerance * scale,
        longest: spacing,
        arrival: 1e-3 * scale,
        length: options.length * scale,
        rate: local.rates[0],
    };
    let track = Track::follow(scene, &field, &points[4], &course);
    let mut at = 0.0;
    while at < track.length {
        let mut step = spacing;
        let here = track.direction(at);
        while step > spacing / 64.0
            && dot(&here, &track.direction((at + step).min(track.length))) < options.angle.cos()
        {
            step *= 0.5;
        }
        at += step;
        // No crumb at the end.
        if track.length - at < 0.3 * step {
            at = track.length;
        }
        points.push(track.at(at));
    }
    let end = match track.fate {
        Fate::Arrived(other) | Fate::Ran(other) => {
            let last = points.last().unwrap_or(&local.base);
            points.push(scene.copy_near(other, last));
            CurveEnd::Critical(other)
        }
        Fate::Left => CurveEnd::Boundary,
        Fate::Long => CurveEnd::Length,
        Fate::Lost(reason) => CurveEnd::Lost(reason),
    };
    let mut lengths = vec![0.0];
    for pair in points.windows(2) {
        let step = pair[0].iter().zip(&pair[1]).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        lengths.push(lengths[lengths.len() - 1] + step);
    }
    Curve {
        from: id,
        which,
        side,
        energies: points.iter().map(|x| scene.energy(x)).collect(),
        points: points.iter().map(|x| scene.lift(x)).collect(),
        lengths,
        end,
        level: Level::Checked,
    }
}
