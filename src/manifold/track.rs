//! An orbit that can be evaluated anywhere along its length: between the accepted steps of the integrator by the polynomial of
//! degree five that has its place, velocity and acceleration at both ends, which is of higher order than the steps.

use super::Stability;
use super::frame::Field;
use super::scene::Scene;
use crate::flow::{End, Options, integrate};
use crate::linalg::{column, column_mut, dot, norm};

/// Pieces into which a step is cut to measure lengths and distances.
const PIECES: usize = 4;

/// Why a track ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// At an end of orbits (id): a sink, of a stable manifold a source.
    Arrived(usize),
    /// Running into another critical point (id), to working precision.
    Ran(usize),
    /// Through the region's boundary.
    Left,
    /// At the length allowed.
    Long,
    /// Nowhere, for this reason.
    Lost(String),
}

struct State {
    time: f64,
    x: Vec<f64>,
    v: Vec<f64>,
    a: Vec<f64>,
}

/// How a track is followed.
#[derive(Clone, Copy)]
pub(super) struct Course {
    pub(super) which: Stability,
    /// Error of a step, its greatest length, the distance from an end at which it has arrived, the greatest length of all.
    pub(super) tolerance: f64,
    pub(super) longest: f64,
    pub(super) arrival: f64,
    pub(super) length: f64,
    /// The slowest rate at the start.
    pub(super) rate: f64,
}

pub(super) struct Track {
    states: Vec<State>,
    /// Can the step that begins at this state be bridged by the polynomial?
    smooth: Vec<bool>,
    /// Length up to each piece, and the place there.
    lengths: Vec<f64>,
    fine: Vec<Vec<f64>>,
    /// Length up to its end.
    pub(super) length: f64,
    pub(super) fate: Fate,
}

const STEPS: usize = 50_000;

impl Track {
    /// The orbit from `start` to its end.
    pub(super) fn follow(scene: &Scene<'_>, field: &Field<'_>, start: &[f64], course: &Course) -> Track {
        let state = |time: f64, x: &[f64]| {
            let (mut v, mut a) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            field.flow.velocity(x, &mut v);
            field.flow.linearize(x)(column(&v), column_mut(&mut a));
            let sign = if field.is_forward() { -1.0 } else { 1.0 };
            a.iter_mut().for_each(|a| *a *= sign);
            State { time, x: x.to_vec(), v, a }
        };
        let mut states = vec![state(0.0, start)];
        let mut fate = None;
        let (mut length, mut step) = (0.0, 0);
        let (mut mark, mut mark_time) = (start.to_vec(), 0.0);
        let options = Options { tolerance: course.tolerance, longest: course.longest, steps: STEPS };
        let away = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        if !scene.contains(start) {
            fate = Some(Fate::Left);
        }
        let outcome = if fate.is_some() {
            End::Stopped
        } else {
            integrate(&field.flow, start, &options, |now| {
                length += away(now.x, states.last().map_or(start, |s| &s.x));
                states.push(state(now.time, now.x));
                let end = (0..scene.points.len()).find(|&id| {
                    scene.is_end(id, course.which)
                        && scene.distance(&scene.points[id].0, now.x) < course.arrival
                });
                if let Some(id) = end {
                    fate = Some(Fate::Arrived(id));
                } else if !scene.contains(now.x) {
                    fate = Some(Fate::Left);
                } else if length > course.length {
                    fate = Some(Fate::Long);
                }
                step += 1;
                if step % 20 == 0 && now.time - mark_time > 20.0 / course.rate {
                    if away(&mark, now.x) < course.arrival * 1e-6 {
                        let near = (0..scene.points.len())
                            .find(|id| scene.distance(&scene.points[*id].0, now.x) < course.arrival);
                        fate = Some(near.map_or_else(
                            || Fate::Lost("it came to rest away from every known critical point".into()),
                            Fate::Ran,
                        ));
                    }
                    mark.copy_from_slice(now.x);
                    mark_time = now.time;
                }
                fate.is_none()
            })
        };
        let fate = fate.unwrap_or_else(|| {
            Fate::Lost(match outcome {
                End::Stuck => "the step fell below what rounding resolves".into(),
                _ => "it did not arrive within the steps allowed".into(),
            })
        });
        let mut track =
            Track { states, smooth: vec![], lengths: vec![0.0], fine: vec![start.to_vec()], length, fate };
        track.measure();
        match track.fate {
            Fate::Left => track.cut(|x| scene.contains(x)),
            Fate::Long => track.length = track.length.min(course.length),
            _ => {}
        }
        track
    }

    /// Lengths and places of the pieces.
    fn measure(&mut self) {
        let mut length = 0.0;
        for k in 1..self.states.len() {
            let (a, b) = (&self.states[k - 1], &self.states[k]);
            let h = b.time - a.time;
            let chord = a.x.iter().zip(&b.x).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            let speeds = h * norm(&a.v).max(norm(&b.v));
            let bends = h * h * norm(&a.a).max(norm(&b.a));
            self.smooth.push(speeds <= 3.0 * chord && bends <= 10.0 * chord);
            let mut last = a.x.clone();
            for piece in 1..=PIECES {
                let x = self.within(k - 1, piece as f64 / PIECES as f64);
                length += x.iter().zip(&last).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                self.lengths.push(length);
                self.fine.push(x.clone());
                last = x;
            }
        }
        self.length = length;
    }

    /// Cuts the end off where `keep` ceases to hold within the last step.
    fn cut(&mut self, keep: impl Fn(&[f64]) -> bool) {
        let (mut low, mut high) = (self.lengths[self.lengths.len().saturating_sub(PIECES + 1)], self.length);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if keep(&self.at(middle)) { low = middle } else { high = middle }
        }
        self.length = low;
    }

    /// The place at a share `u` of step `k`.
    fn within(&self, k: usize, u: f64) -> Vec<f64> {
        let (a, b) = (&self.states[k], &self.states[k + 1]);
        let h = b.time - a.time;
        if !self.smooth[k] {
            return a.x.iter().zip(&b.x).map(|(a, b)| a + u * (b - a)).collect();
        }
        let (u2, u3) = (u * u, u * u * u);
        let (u4, u5) = (u2 * u2, u2 * u3);
        let end = 10.0 * u3 - 15.0 * u4 + 6.0 * u5;
        let v0 = h * (u - 6.0 * u3 + 8.0 * u4 - 3.0 * u5);
        let v1 = h * (-4.0 * u3 + 7.0 * u4 - 3.0 * u5);
        let a0 = h * h * 0.5 * (u2 - 3.0 * u3 + 3.0 * u4 - u5);
        let a1 = h * h * 0.5 * (u3 - 2.0 * u4 + u5);
        (0..a.x.len())
            .map(|i| a.x[i] + end * (b.x[i] - a.x[i]) + v0 * a.v[i] + v1 * b.v[i] + a0 * a.a[i] + a1 * b.a[i])
            .collect()
    }

    /// The step, and the share of it, at a length.
    fn find(&self, length: f64) -> Option<(usize, f64)> {
        if self.states.len() < 2 {
            return None;
        }
        let piece = self.lengths.partition_point(|l| *l <= length).clamp(1, self.lengths.len() - 1);
        let (from, to) = (self.lengths[piece - 1], self.lengths[piece]);
        let share = if to > from { ((length - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
        Some(((piece - 1) / PIECES, (((piece - 1) % PIECES) as f64 + share) / PIECES as f64))
    }

    /// The place at a length from the start.
    pub(super) fn at(&self, length: f64) -> Vec<f64> {
        self.find(length).map_or_else(|| self.states[0].x.clone(), |(k, u)| self.within(k, u))
    }

    /// The direction there, a unit vector.
    pub(super) fn direction(&self, length: f64) -> Vec<f64> {
        let (k, u) = self.find(length).unwrap_or((0, 0.0));
        let (a, b) = (&self.states[k], &self.states[(k + 1).min(self.states.len() - 1)]);
        let mut t: Vec<f64> = a.v.iter().zip(&b.v).map(|(a, b)| a + u * (b - a)).collect();
        let size = norm(&t);
        if size > 0.0 {
            t.iter_mut().for_each(|t| *t /= size);
        }
        t
    }

    /// The length at which the track, between two lengths, is nearest to `x`, and the distance.
    pub(super) fn nearest(&self, x: &[f64], from: f64, to: f64) -> (f64, f64) {
        self.nearest_by(from, to, |p| p.iter().zip(x).map(|(p, x)| x - p).collect())
    }

    /// The same for any way to point from a place to the goal.
    pub(super) fn nearest_by(&self, from: f64, to: f64, towards: impl Fn(&[f64]) -> Vec<f64>) -> (f64, f64) {
        let last = self.lengths.len() - 1;
        let first = self.lengths.partition_point(|l| *l < from).min(last).saturating_sub(1);
        let mut best = (self.lengths[first], norm(&towards(&self.fine[first])));
        for piece in first..last {
            if self.lengths[piece] > to.min(self.length) {
                break;
            }
            let off = towards(&self.fine[piece]);
            let side: Vec<f64> =
                self.fine[piece].iter().zip(&self.fine[piece + 1]).map(|(a, b)| b - a).collect();
            let square = dot(&side, &side);
            let share = if square > 0.0 { (dot(&off, &side) / square).clamp(0.0, 1.0) } else { 0.0 };
            let rest = off.iter().zip(&side).map(|(o, s)| (o - share * s).powi(2)).sum::<f64>().sqrt();
            if rest < best.1 {
                let (a, b) = (self.lengths[piece], self.lengths[piece + 1]);
                best = ((a + share * (b - a)).min(self.length), rest);
            }
        }
        best
    }

    /// The length from which on the track keeps within `radius` of a place, by its pieces.
    pub(super) fn stays(&self, radius: f64, distance: impl Fn(&[f64]) -> f64) -> f64 {
        let outside = self.fine.iter().rposition(|x| distance(x) > radius);
        outside.map_or(0.0, |k| self.lengths[(k + 1).min(self.lengths.len() - 1)])
    }
}
