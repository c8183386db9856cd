//! Where known points are, so that those near another are found without going through all of them.
//!
//! Points are kept in the order of their inner products with one unit vector: two of them are at least as far apart as these are.
//! Coordinates that close on themselves take no part in it.

use crate::landscape::Region;
use crate::linalg::{dot, norm};

/// The places; see the module.
pub(super) struct Places {
    direction: Vec<f64>,
    /// Inner products, ascending, with the numbers of the points.
    along: Vec<(f64, usize)>,
    /// The largest radius that was given.
    pub(super) widest: f64,
}

impl Places {
    pub(super) fn new(region: &Region) -> Places {
        // Multiples of the golden ratio less their whole parts: a direction that no lattice or symmetry of the data has.
        let generic = |i: usize| 0.25 + (0.618_033_988_749_895 * (i + 1) as f64).fract();
        let entry = |i: usize| if region.period_of(i).is_some() { 0.0 } else { generic(i) };
        let mut direction: Vec<f64> = (0..region.dim()).map(entry).collect();
        let length = norm(&direction);
        if length > 0.0 {
            direction.iter_mut().for_each(|d| *d /= length);
        }
        Places { direction, along: vec![], widest: 0.0 }
    }

    /// Takes in the next point, with its radius.
    pub(super) fn add(&mut self, x: &[f64], radius: f64) {
        let along = dot(&self.direction, x);
        let place = self.along.partition_point(|(other, _)| other.total_cmp(&along).is_lt());
        self.along.insert(place, (along, self.along.len()));
        if radius > self.widest {
            self.widest = radius;
        }
    }

    /// The first point, in the order in which they were taken in, of which this holds; it may hold of points within a distance of x
    /// only.
    pub(super) fn first_near(
        &self,
        x: &[f64],
        distance: f64,
        holds: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let along = dot(&self.direction, x);
        // With room for rounding.
        let room = distance * (1.0 + 1e-9) + 1e-12 * norm(x);
        let from = self.along.partition_point(|(other, _)| *other < along - room);
        let near = self.along[from..].iter().take_while(|(other, _)| !(*other > along + room));
        near.map(|(_, id)| *id).filter(|id| holds(*id)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As going through all of them finds it.
    #[test]
    fn the_first_of_those_near() {
        let mut region = Region::ball(vec![0.0; 3], 10.0);
        let point =
            |k: usize| -> Vec<f64> { (0..3).map(|i| ((k * 7 + i * 13) as f64 * 0.83).sin()).collect() };
        for period in [None, Some(1.0)] {
            region.period = vec![period, None, None];
            let mut places = Places::new(&region);
            for k in 0..200 {
                places.add(&point(k), 0.0);
            }
            for k in 0..50 {
                let x: Vec<f64> = point(k).iter().map(|x| x + 0.01).collect();
                for reach in [1e-3, 0.05, 0.4, f64::INFINITY] {
                    let holds = |id: usize| region.distance(&point(id), &x) <= reach;
                    assert_eq!(places.first_near(&x, reach, holds), (0..200).find(|id| holds(*id)));
                }
            }
        }
    }
}
