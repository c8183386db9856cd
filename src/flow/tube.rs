//! A tube about an orbit, in verified arithmetic: cylinders that the flow enters through their walls, one behind the other, from a
//! disc to a ball in which all orbits end.
//!
//! In: enclosures of a landscape, a disc, a numerical orbit that starts in it, a ball. Out: a [`Tube`], or where there is none. What
//! holds of one cylinder is in `rigor/tube.rs`; how long and how wide they are made here is a matter of taste that
//! nothing depends on.

use super::cone::Field;
use crate::linalg::{dot, norm};
use crate::rigor::{Crossing, Cylinder, Disc, Split};

/// A chain of cylinders: every orbit of the disc goes through all of them and ends in the ball.
#[derive(Clone, Debug)]
pub struct Tube {
    /// The cylinders, in the order of the flow.
    pub cylinders: Vec<Cylinder>,
    /// What is proven of all of them.
    pub least: Crossing,
}

/// Where a tube came to an end before its goal.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// Its axis ended here (length n).
    pub at: Vec<f64>,
    /// With this radius.
    pub radius: f64,
    /// Lower bound of the transverse curvature there: negative where orbits diverge.
    pub transverse: f64,
    /// Cylinders up to there.
    pub cylinders: usize,
    /// Why.
    pub why: Why,
}

/// Why a tube ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No cylinder is so short that the flow crosses it.
    Narrow,
    /// The numerical orbit ends before the ball is reached.
    Short,
    /// The cylinders are used up.
    Many,
    /// It was asked to stop.
    Stopped,
}

/// A ball: all orbits in it end at one point.
#[derive(Clone, Debug)]
pub struct Goal {
    /// Its centre (length n).
    pub center: Vec<f64>,
    /// Its radius.
    pub radius: f64,
}

/// How tubes are made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Fields may be off by this much.
    pub e0: f64,
    /// Most cylinders.
    pub most: usize,
    /// The radius that is aimed at, as a share of that at which the wall would give way.
    pub width: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options { e0: 0.0, most: 3000, width: 0.25 }
    }
}

/// A numerical orbit as a curve.
#[derive(Clone, Debug)]
pub struct Line {
    points: Vec<Vec<f64>>,
    tangents: Vec<Vec<f64>>,
    /// Length up to each point.
    lengths: Vec<f64>,
}

impl Line {
    /// The curve through points (each of length n, at least two different ones).
    pub fn through(mut points: Vec<Vec<f64>>) -> Option<Self> {
        points.dedup_by(|a, b| apart(a, b) == 0.0);
        let m = points.len();
        if m < 2 || points.iter().flatten().any(|x| !x.is_finite()) {
            return None;
        }
        let mut lengths = vec![0.0];
        for pair in points.windows(2) {
            lengths.push(lengths[lengths.len() - 1] + apart(&pair[0], &pair[1]));
        }
        let slope = |i: usize| {
            let h = lengths[i + 1] - lengths[i];
            points[i + 1].iter().zip(&points[i]).map(|(b, a)| (b - a) / h).collect::<Vec<f64>>()
        };
        let tangents = (0..m)
            .map(|i| {
                if i == 0 || i == m - 1 {
                    return slope(i.min(m - 2));
                }
                let (before, after) = (lengths[i] - lengths[i - 1], lengths[i + 1] - lengths[i]);
                let (p, q) = (after / (before + after), before / (before + after));
                slope(i - 1).iter().zip(slope(i)).map(|(a, b)| p * a + q * b).collect()
            })
            .collect();
        Some(Line { points, tangents, lengths })
    }

    /// Its length.
    fn length(&self) -> f64 {
        self.lengths[self.lengths.len() - 1]
    }

    /// Where it is after a length; beyond its end, at its end.
    fn at(&self, s: f64) -> Vec<f64> {
        let last = self.lengths.len() - 1;
        let i = self.lengths.partition_point(|l| *l <= s).clamp(1, last) - 1;
        let h = self.lengths[i + 1] - self.lengths[i];
        let t = ((s - self.lengths[i]) / h).clamp(0.0, 1.0);
        let (u, v) = (t * t * (3.0 - 2.0 * t), t * (1.0 - t));
        (0..self.points[0].len())
            .map(|j| {
                let (a, b) = (self.points[i][j], self.points[i + 1][j]);
                a + u * (b - a) + v * h * ((1.0 - t) * self.tangents[i][j] - t * self.tangents[i + 1][j])
            })
            .collect()
    }
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// A cylinder shorter than this share of the orbit is given up.
const SHORTEST: f64 = 1e-6;
/// Lengths that are tried ahead of the centre, in units of that behind it.
const AHEAD: [f64; 7] = [1.0, 0.75, 0.5, 0.25, 0.0, -0.3, -0.6];

/// The tube from `start` along `line` into `goal`.
///
/// # Errors
/// Where no cylinder could be proven.
pub fn tube(
    field: Field<'_>,
    start: &Disc,
    line: &Line,
    goal: &Goal,
    options: &Options,
    stop: &dyn Fn() -> bool,
) -> Result<Tube, Blocked> {
    let mut disc = start.clone();
    let mut cylinders: Vec<Cylinder> = vec![];
    let mut least = Crossing { speed: f64::INFINITY, wall: f64::INFINITY };
    let total = line.length();
    // How far along the line, and half the length of the next cylinder.
    let mut place = 0.0;
    let mut half = (2.0 * start.radius).clamp(1e-3 * total, 0.05 * total);
    let mut transverse = f64::NAN;
    loop {
        if disc.is_in_ball(&goal.center, goal.radius) {
            return Ok(Tube { cylinders, least });
        }
        let from: Vec<f64> = disc.center.iter().map(|e| e.mid()).collect();
        let over = if stop() {
            Some(Why::Stopped)
        } else if cylinders.len() >= options.most {
            Some(Why::Many)
        } else if half < SHORTEST * total {
            Some(Why::Narrow)
        } else {
            (place >= total).then_some(Why::Short)
        };
        if let Some(why) = over {
            let (radius, cylinders) = (disc.radius, cylinders.len());
            return Err(Blocked { at: from, radius, transverse, cylinders, why });
        }
        let to = line.at(place + 2.0 * half);
        let Some(piece) = Piece::new(field, &disc, &from, &to, options) else {
            half *= 0.4;
            continue;
        };
        transverse = piece.split.transverse;
        let proven = piece.cylinder(&disc, options.e0);
        let Some(((cylinder, crossing, share), end)) = proven.and_then(|p| p.0.end().map(|end| (p, end)))
        else {
            half *= 0.4;
            continue;
        };
        least = Crossing { speed: least.speed.min(crossing.speed), wall: least.wall.min(crossing.wall) };
        place += half * (1.0 + share);
        half *= if share == 1.0 { 1.35 } else { 0.55 + 0.5 * share };
        cylinders.push(cylinder);
        disc = end;
    }
}

/// What is known about the place of the next cylinder.
struct Piece {
    center: Vec<f64>,
    direction: Vec<f64>,
    half: f64,
    /// Behind the centre, so that the disc before is in it although it is tilted by this much.
    back: f64,
    slack: f64,
    radius: f64,
    wanted: f64,
    split: Split,
    lipschitz: f64,
    /// The ball on which the Lipschitz constant holds.
    ball: f64,
}

impl Piece {
    fn new(field: Field<'_>, disc: &Disc, from: &[f64], to: &[f64], options: &Options) -> Option<Piece> {
        let mut direction: Vec<f64> = to.iter().zip(from).map(|(b, a)| b - a).collect();
        let length = norm(&direction);
        if !(length > 0.0 && length.is_finite()) {
            return None;
        }
        direction.iter_mut().for_each(|u| *u /= length);
        let half = 0.5 * length;
        let center: Vec<f64> = from.iter().zip(&direction).map(|(a, u)| a + half * u).collect();
        let cosine = dot(&direction, &disc.direction) / norm(&disc.direction);
        let tilt = (1.0 - cosine * cosine).max(0.0).sqrt();
        // Roundings of places.
        let grain = 1e-14 * from.iter().fold(length, |m, x| m.max(x.abs()));
        let slack = 1.01 * disc.radius * tilt + disc.thickness + grain + 1e-9 * disc.radius;
        let radius = (disc.radius + disc.thickness) * (1.0 + 1e-12) + grain;
        let (gradient, hessian) = field.at(&center);
        let split = Split::of(&gradient, &hessian, &direction)?;
        // A first guess of the width that is aimed at fixes the ball.
        let ball = 1.01 * (half + slack).hypot(1.2 * radius.max(0.6 * half));
        let lipschitz = field.lipschitz(&center, ball);
        if !(lipschitz < f64::INFINITY) {
            return None;
        }
        let limit = split.transverse.max(0.0) / lipschitz;
        let wanted = (options.width * limit).min(0.6 * half);
        let back = half + slack;
        Some(Piece { center, direction, half, back, slack, radius, wanted, split, lipschitz, ball })
    }

    /// The longest cylinder that is proven, of those with the least growth that is wanted; and its length ahead of the centre, as a
    /// share of that behind.
    fn cylinder(&self, disc: &Disc, e0: f64) -> Option<(Cylinder, Crossing, f64)> {
        let speed = -self.split.along.hi();
        if !(speed > e0) {
            return None;
        }
        for share in AHEAD {
            let ahead = share * self.half;
            let length = self.half + ahead;
            let toward = (self.wanted - self.radius) / length;
            // What it takes to outgrow everything that pushes outwards, roughly.
            let outwards = self.split.across
                + self.half * self.split.mixed
                + 0.5 * self.lipschitz * (self.half * self.half + self.radius * self.radius)
                + self.radius * (-self.split.transverse).max(0.0)
                + e0;
            let needed = outwards / speed;
            let mut growths = [
                toward,
                0.5 * toward,
                0.25 * toward,
                0.0,
                0.25 * needed,
                0.5 * needed,
                needed,
                1.5 * needed,
                2.5 * needed,
            ];
            growths.sort_by(f64::total_cmp);
            for growth in growths.into_iter().filter(|k| *k >= toward.min(2.5 * needed) && k.abs() <= 1.0) {
                let (first, last) = (-self.back, -self.half + self.slack);
                let radius = self.radius + (-growth * first).max(-growth * last);
                let cylinder = Cylinder {
                    center: self.center.clone(),
                    direction: self.direction.clone(),
                    back: self.back,
                    ahead,
                    radius,
                    growth,
                };
                let crossing = self.split.crossing(&cylinder, self.lipschitz, self.ball);
                if crossing.exceeds(e0) && cylinder.holds(disc) {
                    return Some((cylinder, crossing, share));
                }
            }
        }
        None
    }
}
