//! Where known points are, so that those near another are found without going through all of them.
//!
//! Points are kept in the order of their inner products with one unit vector: two of them are at least as far apart as these are.
//! A coordinate x that closes on itself after p takes part by `p/(2 pi) sin(2 pi x/p)`, which changes no faster than x.
//!
//! That spares most of them in few dimensions; in many it does so only for what is near next to the extent of all.

use std::f64::consts::TAU;

use crate::landscape::Region;
use crate::linalg::norm;

/// The places; see the module.
pub(super) struct Places {
    direction: Vec<f64>,
    periods: Vec<Option<f64>>,
    /// Inner products, ascending, with the numbers of the points.
    along: Vec<(f64, usize)>,
    /// The largest radius that was given.
    pub(super) widest: f64,
}

impl Places {
    pub(super) fn new(region: &Region) -> Places {
        // Multiples of the golden ratio less their whole parts: a direction that no lattice or symmetry of the data has.
        let generic = |i: usize| 0.25 + (0.618_033_988_749_895 * (i + 1) as f64).fract();
        let mut direction: Vec<f64> = (0..region.dim()).map(generic).collect();
        let length = norm(&direction);
        direction.iter_mut().for_each(|d| *d /= length);
        let periods = (0..region.dim()).map(|i| region.period_of(i)).collect();
        Places { direction, periods, along: vec![], widest: 0.0 }
    }

    /// What a point is ordered by.
    fn along(&self, x: &[f64]) -> f64 {
        let turned = |(x, period): (&f64, &Option<f64>)| match period {
            Some(p) => p / TAU * (TAU / p * x).sin(),
            None => *x,
        };
        x.iter().zip(&self.periods).map(turned).zip(&self.direction).map(|(x, d)| x * d).sum()
    }

    /// Takes in the next point, with its radius.
    pub(super) fn add(&mut self, x: &[f64], radius: f64) {
        let along = self.along(x);
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
        let along = self.along(x);
        // With room for rounding.
        let room = distance * (1.0 + 1e-9) + 1e-12 * norm(x);
        let from = self.along.partition_point(|(other, _)| *other < along - room);
        let near = self.along[from..].iter().take_while(|(other, _)| !(*other > along + room));
        near.map(|(_, id)| *id).filter(|id| holds(*id)).min()
    }

    /// The points nearest to x, so many at most, nearest first and of equally near ones the first, of those to which `distance` gives one.
    pub(super) fn nearest(
        &self,
        x: &[f64],
        count: usize,
        distance: impl Fn(usize) -> Option<f64>,
    ) -> Vec<(f64, usize)> {
        let along = self.along(x);
        let (mut after, room) = (self.along.partition_point(|(other, _)| *other < along), 1e-12 * norm(x));
        let mut before = after;
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let (mut near, mut farthest): (Vec<(f64, usize)>, f64) = (vec![], f64::INFINITY);
        // Outwards, as long as any of them can be near enough.
        loop {
            let below = before.checked_sub(1).map(|k| &self.along[k]);
            let above = self.along.get(after);
            let gap =
                |next: Option<&(f64, usize)>| next.map_or(f64::INFINITY, |(other, _)| (other - along).abs());
            let ahead = gap(above) < gap(below);
            let next = if ahead { above } else { below };
            let Some((_, id)) = next.filter(|_| gap(next) <= farthest * (1.0 + 1e-9) + room) else { break };
            if ahead {
                after += 1
            } else {
                before -= 1
            }
            if let Some(distance) = distance(*id).filter(|distance| *distance <= farthest) {
                near.push((distance, *id));
            }
            // Twice as many as are wanted, or the nearer half of them.
            if count > 0 && near.len() / 2 >= count {
                farthest = near.select_nth_unstable_by(count - 1, order).1.0;
                near.truncate(count);
            }
        }
        near.sort_unstable_by(order);
        near.truncate(count);
        near
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// As going through all of them finds them, equal ones and equally near ones, too.
    #[test]
    fn the_first_and_the_nearest() {
        let mut region = Region::ball(vec![0.0; 3], 10.0);
        // Each fourth is where one before it is.
        let at = |k: usize| -> Vec<f64> {
            let k = k / 4 * 4 + k % 4 % 3;
            (0..3).map(|i| ((k * 7 + i * 13) as f64 * 0.83).sin()).collect()
        };
        for periods in [[None; 3], [Some(1.0), None, None], [Some(1.0), Some(0.7), Some(2.5)]] {
            region.period = periods.to_vec();
            let mut places = Places::new(&region);
            for k in 0..200 {
                places.add(&at(k), 0.0);
            }
            for k in 0..50 {
                let x: Vec<f64> = at(k).iter().map(|x| x + 0.01 * (k % 3) as f64).collect();
                for reach in [1e-3, 0.05, 0.4, f64::INFINITY] {
                    let holds = |id: usize| region.distance(&at(id), &x) <= reach;
                    assert_eq!(places.first_near(&x, reach, holds), (0..200).find(|id| holds(*id)));
                }
                let distance =
                    |id: usize| Some(region.distance(&at(id), &x)).filter(|_| !id.is_multiple_of(3));
                let mut all: Vec<(f64, usize)> =
                    (0..200).filter_map(|id| Some((distance(id)?, id))).collect();
                all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for count in [0, 1, 7, 133, 1000] {
                    assert_eq!(places.nearest(&x, count, distance), all[..count.min(all.len())]);
                }
            }
        }
    }

    /// In the plane few of them are looked at.
    #[test]
    fn most_places_are_not_looked_at() {
        let mut region = Region::ball(vec![0.0; 2], 10.0);
        let point = |k: usize| vec![(k % 60) as f64, (k / 60) as f64];
        for period in [None, Some(60.0)] {
            region.period = vec![period; 2];
            let mut places = Places::new(&region);
            (0..3600).for_each(|k| places.add(&point(k), 0.0));
            let looked = Cell::new(0);
            let distance = |id: usize| {
                looked.set(looked.get() + 1);
                Some(region.distance(&point(id), &[30.3, 17.2]))
            };
            let nearest = places.nearest(&[30.3, 17.2], 4, distance);
            assert_eq!(nearest.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [1050, 1051, 1110, 1111]);
            assert!(looked.get() < 600, "{}", looked.get());
        }
    }
}
