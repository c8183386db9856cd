//! Where the orbit through any point ends.
//!
//! In: a landscape with its critical points, a start. Out: the minimum whose trap the orbit enters, or why there is none.
//! Traps are those of the graph, widened to the ball that is proven to belong to the minimum where there is such a proof.

use faer::MatRef;
use rayon::prelude::*;

use super::place::{Place, settle};
use crate::critical::CriticalSet;
use crate::flow::{self, Flow, integrate_scaled};
use crate::landscape::{Landscape, Reduced};
use crate::linalg::norm;

/// The end of an orbit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// In the basin of this minimum (id).
    Minimum(usize),
    /// Through the region's boundary.
    Exit,
    /// In this degenerate family.
    Degenerate(usize),
    /// It could not be followed to an end.
    Lost,
}

/// Steps an orbit may take.
const STEPS: usize = 50_000;

/// Longest step, relative to the scale: the way is not wanted, and a trap is not jumped over, since no orbit leaves one.
const LONGEST: f64 = 0.1;

/// Twenty steps that cover less than this, relative to the scale, make no way.
const STILL: f64 = 1e-9;

/// Error of a step of the orbits of [`fates`], relative to the landscape's scale.
const TOLERANCE: f64 = 1e-6;

/// Where the orbits of the landscape's flow end that start at the columns of `starts` (n x b), one answer a column. A start
/// so close to the boundary of two basins that an error of 1e-6 of the scale carries it across may be told the wrong one.
pub fn fates(landscape: &dyn Landscape, set: &CriticalSet, starts: MatRef<'_, f64>) -> Vec<Fate> {
    crate::linalg::sequential();
    let reduced = landscape.reduce();
    let inner: &dyn Landscape = reduced.as_ref().map_or(landscape, |r| r.inner.as_ref());
    let descent = Descent::new(inner, reduced.as_ref(), set, TOLERANCE);
    let starts: Vec<Vec<f64>> = starts.col_iter().map(|c| c.iter().copied().collect()).collect();
    starts.par_iter().map(|x| descent.fate(x)).collect()
}

/// An orbit at the energy of a degenerate family has come to it where its speed is below this share of the largest it had:
/// along a continuum rounding would carry it on for ever.
const RESTING: f64 = 1e-10;

/// What is needed to follow orbits from anywhere to their ends.
pub(crate) struct Descent<'a> {
    place: Place<'a>,
    minima: Vec<(usize, f64)>,
    tolerance: f64,
}

impl<'a> Descent<'a> {
    /// `inner` is the landscape in search coordinates: `reduced.inner` where the landscape splits, else itself. An orbit's
    /// error a step is `tolerance` of the landscape's scale.
    pub(crate) fn new(
        inner: &'a dyn Landscape,
        reduced: Option<&'a Reduced>,
        set: &'a CriticalSet,
        tolerance: f64,
    ) -> Self {
        let place = settle(inner, reduced, set);
        // The proof is about the flow -grad E.
        let gradient = inner.dynamics().is_none();
        let basin = |id: usize| set.points[id].proof.as_ref().filter(|_| gradient)?.basin;
        let proven = |id: usize| basin(id).unwrap_or(0.0);
        let minima = (0..set.points.len())
            .filter(|&id| place.is_end(id, false))
            .map(|id| (id, place.nodes[id].trap.max(proven(id))))
            .collect();
        Descent { place, minima, tolerance }
    }

    /// Follows the orbit from `start`, a point of the landscape's own space.
    pub(crate) fn fate(&self, start: &[f64]) -> Fate {
        let place = &self.place;
        let z = place.reduced.map_or_else(|| start.to_vec(), |r| r.project(start));
        // Across the subspace in which the landscape lives the way to it is exponential.
        let normal = place.reduced.map(|r| {
            let foot = r.lift(&z);
            (start.iter().zip(&foot).map(|(x, f)| x - f).collect::<Vec<f64>>(), r.normal)
        });
        let inside = |z: &[f64], time: f64| match (&normal, place.reduced) {
            (Some((offset, rate)), Some(reduced)) => {
                let left = (-rate * time).exp();
                let x: Vec<f64> = reduced.lift(z).iter().zip(offset).map(|(f, o)| f + left * o).collect();
                place.region.contains(&x)
            }
            _ => place.contains(z),
        };
        let arrived = |z: &[f64]| {
            let reached = |&&(id, radius): &&(usize, f64)| place.distance(&place.nodes[id].x, z) < radius;
            self.minima.iter().find(reached).map(|&(id, _)| Fate::Minimum(id))
        };
        if let Some(fate) = arrived(&z) {
            return fate;
        }
        let scale = place.scale();
        let options =
            flow::Options { tolerance: self.tolerance * scale, longest: LONGEST * scale, steps: STEPS };
        let flow = Flow::forward(place.landscape());
        let (mut step, mut mark, mut last) = (0, z.clone(), z.clone());
        let mut fastest: f64 = 0.0;
        let rests = |z: &[f64], speed: f64, fastest: f64| {
            let noise = 10.0 * place.landscape().gradient_error(z);
            place.has_families() && speed <= noise.max(RESTING * fastest) && place.family_at(z).is_some()
        };
        let mut fate = None;
        integrate_scaled(
            &flow,
            &z,
            &options,
            |z| place.remoteness(z),
            |state| {
                if !inside(state.x, state.time) {
                    fate = Some(Fate::Exit);
                } else {
                    fate = arrived(state.x);
                }
                last.copy_from_slice(state.x);
                step += 1;
                let mut moves = state.speed > 0.0;
                fastest = fastest.max(state.speed);
                if step % 20 == 0 {
                    moves &= !rests(state.x, state.speed, fastest);
                    let way: Vec<f64> = mark.iter().zip(state.x).map(|(a, b)| b - a).collect();
                    moves &= norm(&way) > STILL * scale;
                    mark.copy_from_slice(state.x);
                }
                fate.is_none() && moves
            },
        );
        fate.unwrap_or_else(|| place.family_at(&last).map_or(Fate::Lost, Fate::Degenerate))
    }
}
