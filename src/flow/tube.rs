//! A tube about an orbit, in verified arithmetic: cylinders that the flow enters through their walls, one behind the other, from a
//! disc to a ball in which all orbits end.
//!
//! In: enclosures of a landscape, a disc, a numerical orbit that starts in it, a ball. Out: a [`Tube`], or where there is none. What
//! holds of one cylinder is in `rigor/tube.rs`; how long and how wide they are made here is a matter of taste that
//! nothing depends on.

use super::cone::Field;
use crate::landscape::enclose::About;
use crate::linalg::{axpy, distance, dot, norm};
use crate::rigor::{Crossing, Cylinder, Disc, Shape, Split};

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
    /// Length of the line up to there.
    pub place: f64,
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
    /// Most cylinders that are tried.
    pub most: usize,
    /// The radius that is aimed at, as a share of that at which the wall would give way.
    pub width: f64,
    /// Where orbits diverge a tube may widen by this share of the largest radius, besides, while they do so e-fold.
    pub spare: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options { e0: 0.0, most: 6000, width: 0.25, spare: 0.03 }
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
    /// The curve through points (each of length n, at least two different ones) along directions at these points.
    pub fn through(points: Vec<(Vec<f64>, Vec<f64>)>) -> Option<Self> {
        let mut places: Vec<Vec<f64>> = vec![];
        let (mut tangents, mut lengths) = (vec![], vec![]);
        for (x, mut along) in points {
            let size = norm(&along);
            along.iter_mut().for_each(|u| *u /= size);
            if !(along.iter().chain(&x).all(|x| x.is_finite())) {
                return None;
            }
            let length = match places.last() {
                None => 0.0,
                Some(last) => lengths[lengths.len() - 1] + distance(last, &x),
            };
            if lengths.last() != Some(&length) {
                places.push(x);
                tangents.push(along);
                lengths.push(length);
            }
        }
        (places.len() > 1).then_some(Line { points: places, tangents, lengths })
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

impl Line {
    /// Its direction and how it bends at a length, seen from so far on either side.
    fn course(&self, s: f64, h: f64) -> (Vec<f64>, Vec<f64>) {
        let (before, here, after) = (self.at(s - h), self.at(s), self.at(s + h));
        let three = || before.iter().zip(here.iter().zip(&after));
        let mut along: Vec<f64> = three().map(|(a, (_, c))| c - a).collect();
        let size = norm(&along);
        along.iter_mut().for_each(|u| *u /= size);
        let bend = three().map(|(a, (b, c))| 4.0 * (a - 2.0 * b + c) / (size * size)).collect();
        (along, bend)
    }
}

/// A cylinder shorter than this share of the orbit, or of a thousand radii, is given up.
const SHORTEST: f64 = 1e-6;
/// Lengths that are tried ahead of the centre, in units of that behind it.
const AHEAD: [f64; 6] = [1.0, 0.7, 0.4, 0.1, -0.2, -0.5];
/// What of the distance between axis and line is kept from one cylinder to the next.
const KEPT: f64 = 0.7;
/// Tubes that are tried, each knowing where the ones before were stopped.
const ROUNDS: usize = 8;
/// A round that gets farther by less than this share of the line is the last one.
const STUCK: f64 = 0.01;
/// Each tube has this share of the spare width of the one before.
const CAUTIOUS: f64 = 0.4;
/// But not less than this of what the first one had.
const LEAST: f64 = 0.02;
/// Orbits that converge by more than this power of e while a cylinder is crossed are stiff.
const STIFF: f64 = 0.3;
/// A tube grows no faster than that because it may.
const WIDENS: f64 = 0.3;
/// A tube is taken to narrow, where orbits converge, at this share of their rate.
const NARROWS: f64 = 0.5;

/// The tube from `start` along `line` into `goal`. `known` is what tubes to this goal, from other discs along nearly this line, were
/// stopped by; their cylinders count.
///
/// # Errors
/// Where no cylinder could be proven.
pub fn tube(
    field: Field<'_>,
    start: &Disc,
    line: &Line,
    goal: &Goal,
    options: &Options,
    known: &mut Experience,
    stop: &dyn Fn() -> bool,
) -> Result<Tube, Blocked> {
    let all = options.spare;
    let mut options = Options { spare: known.spare * all, ..*options };
    let mut farthest: Option<Blocked> = None;
    for _ in 0..ROUNDS {
        let blocked = match chain(
            field,
            start,
            line,
            goal,
            &options,
            &known.limits(options.width, 0.3 * goal.radius),
            stop,
            known,
        ) {
            Ok(tube) => return Ok(tube),
            Err(blocked) => blocked,
        };
        let why = blocked.why;
        // It was too wide here, whatever the limit seemed to be.
        known.seen.push((blocked.place - line.length(), 0.4 * blocked.radius / options.width, 0.0));
        let further = blocked.place - farthest.as_ref().map_or(f64::NEG_INFINITY, |f| f.place);
        let stuck = further < STUCK * line.length();
        match &mut farthest {
            Some(farthest) if further < 0.0 => {
                if matches!(why, Why::Stopped | Why::Many) {
                    farthest.why = why;
                }
                options.width *= 0.7;
            }
            _ => farthest = Some(blocked),
        }
        if matches!(why, Why::Stopped | Why::Many) {
            break;
        }
        known.spare = (CAUTIOUS * known.spare).max(LEAST);
        options.spare = known.spare * all;
        if stuck {
            break;
        }
    }
    Err(farthest.expect("there is a first round"))
}

/// What was seen by tubes before.
#[derive(Clone, Debug)]
pub struct Experience {
    /// Place along the line, seen from its end; the largest radius there; the rate at which orbits converge in a unit of length.
    seen: Vec<(f64, f64, f64)>,
    /// Cylinders tried.
    tried: usize,
    /// The share of the spare width that is left after the tubes that failed.
    spare: f64,
}

impl Default for Experience {
    fn default() -> Self {
        Experience { seen: vec![], tried: 0, spare: 1.0 }
    }
}

impl Experience {
    /// For tubes along another line: nothing but the number of cylinders that were tried.
    pub fn anew(&self) -> Self {
        Experience { tried: self.tried, ..Experience::default() }
    }

    /// Forgets how many cylinders were tried.
    pub fn rest(&mut self) {
        self.tried = 0;
    }

    /// Place and wanted radius: as wide as can be, but not wider than what lies ahead allows.
    fn limits(&self, width: f64, goal: f64) -> Vec<(f64, f64)> {
        let mut seen = self.seen.clone();
        seen.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut limits: Vec<(f64, f64)> = seen.iter().map(|s| (s.0, width * s.1)).collect();
        if let Some(last) = limits.last_mut() {
            last.1 = last.1.min(goal);
        }
        for i in (1..limits.len()).rev() {
            let (before, here) = (seen[i - 1], seen[i]);
            let narrows = NARROWS * before.2.max(0.0) + 1.2 * before.2.min(0.0);
            let ahead = limits[i].1 * (narrows * (here.0 - before.0)).clamp(-3.0, 3.0).exp();
            limits[i - 1].1 = limits[i - 1].1.min(ahead);
        }
        limits
    }
}

#[allow(clippy::too_many_arguments)]
fn chain(
    field: Field<'_>,
    start: &Disc,
    line: &Line,
    goal: &Goal,
    options: &Options,
    limits: &[(f64, f64)],
    stop: &dyn Fn() -> bool,
    known: &mut Experience,
) -> Result<Tube, Blocked> {
    let mut disc = start.clone();
    let mut cylinders: Vec<Cylinder> = vec![];
    let mut least = Crossing { speed: f64::INFINITY, wall: f64::INFINITY };
    let total = line.length();
    // How far along the line, and half the length of the next cylinder.
    let mut place = 0.0;
    let mut half = (2.0 * start.radius).min(0.05 * total);
    let mut transverse = f64::NAN;
    loop {
        if disc.is_in_ball(&goal.center, goal.radius) {
            return Ok(Tube { cylinders, least });
        }
        let from: Vec<f64> = disc.center.iter().map(|e| e.mid()).collect();
        let over = if stop() {
            Some(Why::Stopped)
        } else if known.tried >= options.most {
            Some(Why::Many)
        } else if half < SHORTEST * total.min(1e3 * disc.radius) {
            Some(Why::Narrow)
        } else {
            (place >= total).then_some(Why::Short)
        };
        if let Some(why) = over {
            let (radius, cylinders) = (disc.radius, cylinders.len());
            return Err(Blocked { at: from, radius, transverse, place, cylinders, why });
        }
        known.tried += 1;
        let (here, ahead) = (line.at(place), line.at(place + half));
        let center: Vec<f64> =
            ahead.iter().zip(from.iter().zip(&here)).map(|(c, (e, h))| c + KEPT * (e - h)).collect();
        // Between what is known of the places before and after; nothing is known farther on.
        let next = limits.partition_point(|l| l.0 <= place + half - total);
        let wanted = limits.get(next).map(|l| if next > 0 { l.1.min(limits[next - 1].1) } else { l.1 });
        let mut found = None;
        for guided in [false, true] {
            // Where the flow is stiff, beside the orbit it leads elsewhere: then the line itself is the axis.
            let (middle, course) = if guided {
                (ahead.clone(), Some(line.course(place + half, half.min(total - place - half))))
            } else {
                (center.clone(), None)
            };
            let Some(piece) = Piece::new(field, &disc, &from, middle, course, wanted, 0.2 * total, options)
            else {
                continue;
            };
            let rate = piece.split.transverse / -piece.split.along.mid();
            if !guided {
                transverse = piece.split.transverse;
                known.seen.push((place + half - total, piece.limit(), rate));
            }
            if let Some(shape) = piece.shape(&disc, options.e0) {
                found = Some((piece, shape));
            }
            if found.is_some() || !(rate * half > STIFF) || place + half >= total {
                break;
            }
            known.tried += 1;
        }
        let proven = found.and_then(|(piece, (shape, crossing, share))| {
            let cylinder = piece.split.cylinder(shape);
            cylinder.end().map(|end| (cylinder, end, crossing, share))
        });
        let Some((cylinder, end, crossing, share)) = proven else {
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
    /// From the disc before to the centre, along the axis.
    half: f64,
    /// By how much the disc before reaches beyond its centre, along the axis.
    slack: f64,
    /// The radius that it takes to hold the disc before.
    radius: f64,
    wanted: f64,
    /// No longer than this is the length in which orbits are taken to diverge e-fold.
    doubling: f64,
    /// By how much the radius may grow in it besides.
    spare: f64,
    split: Split,
    lipschitz: f64,
    /// The ball on which the Lipschitz constant holds.
    ball: f64,
}

impl Piece {
    #[allow(clippy::too_many_arguments)]
    fn new(
        field: Field<'_>,
        disc: &Disc,
        from: &[f64],
        center: Vec<f64>,
        course: Option<(Vec<f64>, Vec<f64>)>,
        wanted: Option<f64>,
        doubling: f64,
        options: &Options,
    ) -> Option<Piece> {
        let About { gradient, hessian, lipschitz } = field.about(&center);
        let (mut direction, bend) = match course {
            Some((along, bend)) => (along, Some(bend)),
            None => (gradient.iter().map(|g| -g.mid()).collect(), None),
        };
        let size = norm(&direction);
        if !(size > 0.0 && size.is_finite()) {
            return None;
        }
        direction.iter_mut().for_each(|u| *u /= size);
        let split = Split::of(&center, &gradient, &hessian, &direction, bend)?;
        let apart: Vec<f64> = from.iter().zip(&center).map(|(e, c)| e - c).collect();
        let half = -dot(&apart, &direction);
        if !(half > 0.0) {
            return None;
        }
        let off = |q: f64| apart.iter().zip(&split.bend).map(|(d, b)| d - q * b).collect::<Vec<f64>>();
        let mut off = off(0.5 * half * half);
        axpy(half, &direction, &mut off);
        let own = norm(&disc.direction);
        let mut turned = direction.clone();
        axpy(-dot(&direction, &disc.direction) / (own * own), &disc.direction, &mut turned);
        let tilt = norm(&turned);
        // Roundings of places, and how well that of the disc is known.
        let known_to = norm(&disc.center.iter().map(|e| e.rad()).collect::<Vec<f64>>());
        let grain = 1e-14 * from.iter().fold(half, |m, x| m.max(x.abs())) + 1.01 * known_to;
        let slack = 1.01 * disc.radius * tilt + disc.thickness + grain + 1e-9 * disc.radius;
        // The parabola moves on along the disc.
        let moved = slack * (half + slack) * split.turn;
        let radius = (disc.radius + disc.thickness + norm(&off) + moved) * (1.0 + 1e-12) + grain;
        // A first guess of the width that is aimed at fixes the ball.
        let ball = 1.01 * (half + slack).hypot(1.2 * radius.max(0.6 * half) + 0.5 * half * half * split.turn);
        let lipschitz = lipschitz(ball);
        if !(lipschitz < f64::INFINITY) {
            return None;
        }
        let mut piece =
            Piece { half, slack, radius, wanted: 0.0, doubling, spare: 0.0, split, lipschitz, ball };
        piece.wanted = wanted.unwrap_or(options.width * piece.limit());
        piece.spare = options.spare * piece.limit();
        if !(piece.split.transverse > 0.0) {
            // Where orbits diverge it grows more than enough.
            piece.wanted = piece.wanted.min(radius);
        }
        Some(piece)
    }

    /// About the largest radius at which the wall holds.
    fn limit(&self) -> f64 {
        let speed = -self.split.along.mid();
        let fast = (0.3 * speed / self.split.mixed).min((0.3 * speed / self.lipschitz).sqrt());
        if self.split.transverse > 0.0 { fast.min(self.split.transverse / self.lipschitz) } else { fast }
    }

    /// The longest cylinder that is proven, of those with the least growth that is wanted; and its length ahead of the centre, as a
    /// share of that behind.
    fn shape(&self, disc: &Disc, e0: f64) -> Option<(Shape, Crossing, f64)> {
        let Split { along, across, twist, carried, turn, curvature, mixed, transverse, .. } = &self.split;
        let speed = -along.hi();
        if !(speed > e0) {
            return None;
        }
        // What it takes to outgrow everything that pushes outwards, roughly.
        let h = self.half;
        let outwards = across
            + h * (twist + self.radius * turn * mixed)
            + h * h * (0.5 * carried + turn * curvature.mag())
            + 0.5 * self.lipschitz * (h * h + self.radius * self.radius)
            + self.radius * (-transverse).max(0.0)
            + e0;
        let needed = outwards / speed;
        // And how fast the wall can come closer at most.
        let narrows = -(self.radius * transverse.clamp(0.0, f64::MAX) - outwards).max(0.0) / speed;
        for share in AHEAD {
            let ahead = share * h;
            let toward = ((self.wanted - self.radius) / (h + ahead)).min(WIDENS);
            let mut growths = [
                toward,
                0.9 * narrows,
                0.75 * narrows,
                0.5 * narrows,
                0.2 * narrows,
                0.0,
                0.3 * needed,
                0.6 * needed,
                0.85 * needed,
                needed,
                1.06 * needed,
                1.15 * needed,
                1.3 * needed,
                1.6 * needed,
                2.5 * needed,
            ];
            growths.sort_by(f64::total_cmp);
            // Where orbits converge there is no need to grow: a shorter cylinder is better.
            let most = if *transverse > 0.0 {
                (self.wanted.max(1.02 * self.radius) - self.radius) / (h + ahead)
            } else {
                // Not much more than the flow asks for.
                (1.5 * self.radius + self.spare) / self.doubling.min(speed / -transverse)
            };
            for growth in growths.into_iter().filter(|k| *k >= toward && *k <= most && *k >= -1.0) {
                let (first, last) = (-h - self.slack, -h + self.slack);
                let radius = self.radius + (-growth * first).max(-growth * last);
                let shape = Shape { back: h + self.slack, ahead, radius, growth };
                let crossing = self.split.crossing(shape, self.lipschitz, self.ball);
                if crossing.exceeds(e0) && self.split.cylinder(shape).holds(disc) {
                    return Some((shape, crossing, share));
                }
            }
        }
        None
    }
}
