//! Where the orbit through any point ends.
//!
//! In: a landscape with its critical points, a start. Out: the minimum whose trap the orbit enters, or why there is none.
//! Traps are those of the graph, widened to the ball that is proven to belong to the minimum where there is such a proof.

use faer::{Mat, MatRef};
use rayon::prelude::*;

use super::place::{Place, settle};
use crate::critical::CriticalSet;
use crate::flow::{self, BOGACKI_SHAMPINE, Flow, State, integrate_scaled, integrate_together};
use crate::landscape::{Landscape, Reduced};
use crate::linalg::distance;

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

/// Steps of an orbit in company.
const IN_COMPANY: usize = 200;

/// Orbits followed together, at most.
const TOGETHER: usize = 128;

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
    let starts = starts.to_owned();
    descent.fates(starts.ncols(), |k| starts.col_as_slice(k))
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
        let mut watch = Watch::new(self, start);
        if watch.fate.is_none() {
            let z = watch.last.clone();
            let flow = Flow::forward(self.place.landscape());
            let remoteness = |z: &[f64]| self.place.remoteness(z);
            integrate_scaled(&flow, &z, &self.options(), remoteness, |state| watch.goes_on(state));
        }
        watch.end()
    }

    /// Follows the orbits from many points, `get(0)` to `get(count - 1)`: along `-grad E` together, as far as that tells where they
    /// end, else one by one.
    pub(crate) fn fates<'s>(&self, count: usize, get: impl Fn(usize) -> &'s [f64] + Sync) -> Vec<Fate> {
        let landscape = self.place.landscape();
        if landscape.dynamics().is_some() || !landscape.has_energy() {
            return (0..count).into_par_iter().map(|k| self.fate(get(k))).collect();
        }
        let size = flow::group(count, landscape.dim(), TOGETHER);
        let together = |first: usize| -> Vec<Fate> {
            let mut watches: Vec<Watch<'_>> =
                (first..count.min(first + size)).map(|k| Watch::new(self, get(k))).collect();
            let away: Vec<usize> = (0..watches.len()).filter(|k| watches[*k].fate.is_none()).collect();
            let starts = Mat::from_fn(landscape.dim(), away.len(), |i, j| watches[away[j]].last[i]);
            integrate_together(
                &Flow::forward(landscape),
                &BOGACKI_SHAMPINE,
                starts.as_ref(),
                &flow::Options { steps: IN_COMPANY, ..self.options() },
                |z| self.place.remoteness(z),
                |j, state| watches[away[j]].goes_on(state),
            );
            // What seems to rest may be creeping: an explicit method makes little way in a stiff valley.
            let alone =
                |(k, watch): (usize, &Watch<'_>)| watch.fate.unwrap_or_else(|| self.fate(get(first + k)));
            watches.par_iter().enumerate().map(alone).collect()
        };
        let firsts: Vec<usize> = (0..count).step_by(size).collect();
        firsts.into_par_iter().flat_map_iter(together).collect()
    }

    fn options(&self) -> flow::Options {
        let scale = self.place.scale();
        flow::Options { tolerance: self.tolerance * scale, longest: LONGEST * scale, steps: STEPS }
    }

    /// The minimum in whose trap, or proven ball, a state is.
    fn arrived(&self, z: &[f64]) -> Option<Fate> {
        let reached =
            |&&(id, radius): &&(usize, f64)| self.place.is_within(&self.place.nodes[id].x, z, radius);
        self.minima.iter().find(reached).map(|&(id, _)| Fate::Minimum(id))
    }
}

/// What is seen of an orbit on its way.
struct Watch<'a> {
    descent: &'a Descent<'a>,
    /// Across the subspace in which the landscape lives the way to it is exponential: the start's offset, and the rate.
    normal: Option<(Vec<f64>, f64)>,
    step: usize,
    /// Where it was at the last step by twenty, and now.
    mark: Vec<f64>,
    last: Vec<f64>,
    fastest: f64,
    fate: Option<Fate>,
}

impl<'a> Watch<'a> {
    fn new(descent: &'a Descent<'a>, start: &[f64]) -> Self {
        let reduced = descent.place.reduced;
        let z = reduced.map_or_else(|| start.to_vec(), |r| r.project(start));
        let normal = reduced.map(|r| {
            let foot = r.lift(&z);
            (start.iter().zip(&foot).map(|(x, f)| x - f).collect::<Vec<f64>>(), r.normal)
        });
        let fate = descent.arrived(&z);
        Watch { descent, normal, step: 0, mark: z.clone(), last: z, fastest: 0.0, fate }
    }

    fn is_inside(&self, z: &[f64], time: f64) -> bool {
        let place = &self.descent.place;
        match (&self.normal, place.reduced) {
            (Some((offset, rate)), Some(reduced)) => {
                let left = (-rate * time).exp();
                let x: Vec<f64> = reduced.lift(z).iter().zip(offset).map(|(f, o)| f + left * o).collect();
                place.region.contains(&x)
            }
            _ => place.contains(z),
        }
    }

    /// Takes in an accepted state; false where the orbit need not be followed any further.
    fn goes_on(&mut self, state: &State<'_>) -> bool {
        let place = &self.descent.place;
        self.fate = match self.is_inside(state.x, state.time) {
            true => self.descent.arrived(state.x),
            false => Some(Fate::Exit),
        };
        self.last.copy_from_slice(state.x);
        self.step += 1;
        let mut moves = state.speed > 0.0;
        self.fastest = self.fastest.max(state.speed);
        if self.step.is_multiple_of(20) {
            let noise = || 10.0 * place.landscape().gradient_error(state.x);
            let rests = place.has_families()
                && state.speed <= noise().max(RESTING * self.fastest)
                && place.family_at(state.x).is_some();
            moves &= !rests && distance(&self.mark, state.x) > STILL * place.scale();
            self.mark.copy_from_slice(state.x);
        }
        self.fate.is_none() && moves
    }

    /// Where it ended.
    fn end(&self) -> Fate {
        let place = &self.descent.place;
        self.fate.unwrap_or_else(|| place.family_at(&self.last).map_or(Fate::Lost, Fate::Degenerate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use crate::critical::{Options, search};
    use crate::landscape::Region;
    use crate::landscape::formula::Formula;

    /// Stiff valleys with flat floors, where explicit steps creep, and wells beside each other: together as alone.
    #[test]
    fn many_orbits_end_where_single_ones_do() {
        let cases = [
            ("(x[0]^2 + 1e8*(x[1] - x[0]^2)^2)/2", 1.5),
            ("(1e-8*x[0]^2 + x[1]^2)/2", 1.5),
            ("(x[0]^2 - 1)^2 + (x[1]^2 - 1)^2 + 0.1*x[0]*x[1]", 1.7),
        ];
        for (energy, reach) in cases {
            let landscape = Formula::new(2, energy, &[], &[], None).expect("a valid energy");
            let region = Region::cuboid(vec![-reach; 2], vec![reach; 2]);
            let set =
                search(&landscape, Some(&region), &Options::default(), &Control::quiet()).expect("a region");
            assert!(!set.points.is_empty());
            let starts = Mat::from_fn(2, 60, |i, j| reach * (0.9 * (7.3 * (j * (i + 2) + i) as f64).sin()));
            let together = fates(&landscape, &set, starts.as_ref());
            let descent = Descent::new(&landscape, None, &set, TOLERANCE);
            for (j, fate) in together.iter().enumerate() {
                assert_eq!(*fate, descent.fate(starts.col_as_slice(j)), "{energy}: {j}");
            }
            let arrived = together.iter().filter(|fate| matches!(fate, Fate::Minimum(_))).count();
            assert!(arrived > 50, "{energy}: {arrived}");
        }
    }
}
