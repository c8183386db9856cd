//! Where global manifolds are followed: a landscape in search coordinates, its region, its critical points.

use super::Stability;
use crate::critical::CriticalPoint;
use crate::error::{Error, Result};
use crate::landscape::{Landscape, Reduced, Region};
use crate::linalg::norm;

/// A landscape with its critical points, in the coordinates in which its flow is followed: those of the inner landscape where
/// it reduces to fewer dimensions, else its own. Results are in the coordinates of the region.
pub struct Scene<'a> {
    pub(super) landscape: &'a dyn Landscape,
    reduced: Option<&'a Reduced>,
    pub(super) region: &'a Region,
    /// Place and index of each critical point.
    pub(super) points: Vec<(Vec<f64>, usize)>,
    offset: f64,
}

impl<'a> Scene<'a> {
    /// Of a landscape, what it reduces to ([`Landscape::reduce`]), a region and the critical points in it, in the landscape's
    /// own coordinates.
    pub fn new(
        landscape: &'a dyn Landscape,
        reduced: Option<&'a Reduced>,
        region: &'a Region,
        points: &[CriticalPoint],
    ) -> Self {
        crate::linalg::sequential();
        let search = |x: &[f64]| reduced.map_or_else(|| x.to_vec(), |r| r.project(x));
        Scene {
            landscape: reduced.map_or(landscape, |r| r.inner.as_ref()),
            reduced,
            region,
            points: points.iter().map(|p| (search(&p.x), p.index)).collect(),
            offset: reduced.map_or(0.0, |r| r.offset),
        }
    }

    /// Dimension in which the flow is followed.
    pub fn dim(&self) -> usize {
        self.landscape.dim()
    }

    /// Dimension of the manifold of a point (its id); `None` if there is no such point.
    pub fn manifold_dimension(&self, id: usize, which: Stability) -> Option<usize> {
        let index = self.points.get(id)?.1;
        match which {
            Stability::Unstable => Some(index),
            Stability::Stable => self.dim().checked_sub(index),
        }
    }

    /// The point `id`, if its manifold has the dimension asked for.
    pub(super) fn point(&self, id: usize, which: Stability, dimension: usize) -> Result<&[f64]> {
        match self.manifold_dimension(id, which) {
            None => Err(Error::input(format!("there is no critical point {id}"))),
            Some(d) if d != dimension => Err(Error::input(format!(
                "the {} manifold of point {id} has dimension {d}, not {dimension}",
                if which == Stability::Unstable { "unstable" } else { "stable" }
            ))),
            Some(_) => Ok(&self.points[id].0),
        }
    }

    /// Do orbits on such manifolds end at this point?
    pub(super) fn is_end(&self, id: usize, which: Stability) -> bool {
        self.points[id].1 == if which == Stability::Unstable { 0 } else { self.dim() }
    }

    /// The largest distance of another critical point from this one, or the region's radius if that is less or there is none.
    pub(super) fn scale(&self, id: usize) -> f64 {
        let from = &self.points[id].0;
        let far = self.points.iter().map(|p| self.distance(from, &p.0)).fold(0.0, f64::max);
        let radius = self.region.radius();
        if far > 0.0 && far < radius { far } else { radius }
    }

    /// `b - a`, the shortest way around.
    pub(super) fn difference(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        if self.reduced.is_none() {
            return self.region.difference(a, b);
        }
        a.iter().zip(b).map(|(a, b)| b - a).collect()
    }

    pub(super) fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        norm(&self.difference(a, b))
    }

    /// The copy of critical point `id` that is nearest to `x` in the cover of periodic coordinates.
    pub(super) fn copy_near(&self, id: usize, x: &[f64]) -> Vec<f64> {
        let step = self.difference(x, &self.points[id].0);
        x.iter().zip(&step).map(|(x, d)| x + d).collect()
    }

    pub(super) fn contains(&self, z: &[f64]) -> bool {
        match self.reduced {
            None => self.region.contains(z),
            Some(r) => self.region.contains(&r.lift(z)),
        }
    }

    pub(super) fn lift(&self, z: &[f64]) -> Vec<f64> {
        self.reduced.map_or_else(|| z.to_vec(), |r| r.lift(z))
    }

    /// The energy in full space; NaN where there is none.
    pub(super) fn energy(&self, z: &[f64]) -> f64 {
        if self.landscape.has_energy() { self.landscape.energy(z) + self.offset } else { f64::NAN }
    }
}
