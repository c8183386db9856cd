//! The coordinates of a search, and how what was found in them is reported: as points of the landscape's own space,
//! with the spectrum of its flow.

use faer::{Mat, MatRef};

use super::problem::euler_characteristic;
use super::refine::Refined;
use super::{CriticalPoint, DegenerateFamily, Level};
use crate::flow::{Flow, linear};
use crate::landscape::{Equilibria, Landscape, Reduced, Region};
use crate::linalg::norm;

/// Up to this dimension the rates of a landscape's own flow are computed.
const RATES: usize = 800;

/// What the search runs on.
pub(crate) enum Chart<'a> {
    /// The landscape itself.
    Whole(&'a dyn Landscape),
    /// The landscape without directions in which it is quadratic.
    Reduced(Reduced),
    /// Another landscape with the equilibria of the flow.
    Equilibria(&'a dyn Landscape, Equilibria),
}

impl<'a> Chart<'a> {
    pub(crate) fn new(landscape: &'a dyn Landscape, region: &Region) -> Self {
        match (landscape.equilibria(region), landscape.reduce()) {
            (Some(equilibria), _) => Chart::Equilibria(landscape, equilibria),
            (None, Some(reduced)) => Chart::Reduced(reduced),
            (None, None) => Chart::Whole(landscape),
        }
    }

    /// The landscape that is searched.
    pub(crate) fn inner(&self) -> &dyn Landscape {
        match self {
            Chart::Whole(landscape) => *landscape,
            Chart::Reduced(reduced) => reduced.inner.as_ref(),
            Chart::Equilibria(_, equilibria) => equilibria.inner.as_ref(),
        }
    }

    /// A point of the landscape's own space.
    pub(crate) fn lift(&self, z: &[f64]) -> Vec<f64> {
        match self {
            Chart::Whole(_) => z.to_vec(),
            Chart::Reduced(reduced) => reduced.lift(z),
            Chart::Equilibria(_, equilibria) => affine(&equilibria.origin, equilibria.map.as_ref(), z),
        }
    }

    /// The index above which there can be none, in the dimension that the graph counts in.
    pub(crate) fn highest_index(&self, searched: usize) -> usize {
        match self {
            Chart::Equilibria(landscape, e) if searched == e.inner.dim() => landscape.dim(),
            _ => searched,
        }
    }

    /// The alternating sum that the points in the region must have, where it is known.
    pub(crate) fn euler_characteristic(&self, landscape: &dyn Landscape, region: &Region) -> Option<i64> {
        let reduced = if let Chart::Reduced(reduced) = self { Some(reduced) } else { None };
        euler_characteristic(landscape, reduced, region)
    }

    /// A nondegenerate point as it is reported; `None` for a degenerate one.
    pub(crate) fn point(&self, found: &Refined) -> Option<CriticalPoint> {
        let index = found.index?;
        let (x, energy, eigenvalues, gradient_norm) = self.describe(found);
        let stretch = match self {
            Chart::Equilibria(_, e) => (column_sum(e.map.as_ref()) * column_sum(e.map.transpose())).sqrt(),
            _ => 1.0,
        };
        let radius = stretch * found.radius;
        Some(CriticalPoint {
            x,
            energy,
            eigenvalues,
            index,
            gradient_norm,
            radius,
            level: Level::Checked,
            proof: None,
        })
    }

    /// A degenerate family as it is reported.
    pub(crate) fn family(&self, first: &Refined, dimension: usize, samples: &[Vec<f64>]) -> DegenerateFamily {
        let (x, energy, eigenvalues, gradient_norm) = self.describe(first);
        let samples = samples.iter().map(|s| self.lift(s)).collect();
        DegenerateFamily { x, energy, eigenvalues, dimension, gradient_norm, samples }
    }

    /// Place, energy, spectrum and residual in the landscape's own space.
    fn describe(&self, found: &Refined) -> (Vec<f64>, f64, Vec<f64>, f64) {
        let x = self.lift(&found.x);
        let (mut energy, mut residual) = (found.energy, found.gradient_norm);
        if let Chart::Reduced(reduced) = self {
            energy += reduced.offset;
        }
        let (flowing, place) = match self {
            Chart::Reduced(reduced) => (reduced.inner.as_ref() as &dyn Landscape, &found.x),
            Chart::Whole(landscape) | Chart::Equilibria(landscape, _) => (*landscape, &x),
        };
        if let Chart::Equilibria(landscape, _) = self {
            energy = landscape.energy(&x);
        }
        if let Some(dynamics) = flowing.dynamics() {
            let mut velocity = vec![0.0; place.len()];
            dynamics.velocity(place, &mut velocity);
            residual = norm(&velocity);
        }
        let mut values = flow_rates(flowing, place).unwrap_or_else(|| found.values.clone());
        if let Chart::Reduced(reduced) = self
            && reduced.normal != 0.0
        {
            let normals = reduced.basis.nrows() - reduced.basis.ncols();
            values.extend(std::iter::repeat_n(reduced.normal, normals));
            values.sort_by(f64::total_cmp);
        }
        (x, energy, values, residual)
    }
}

/// The rates of the landscape's own dynamics, if it has one.
fn flow_rates(landscape: &dyn Landscape, x: &[f64]) -> Option<Vec<f64>> {
    if landscape.dynamics().is_none() || x.len() > RATES {
        return None;
    }
    let mut b = Mat::zeros(x.len(), x.len());
    Flow::forward(landscape).curvature(x, b.as_mut());
    linear::rates(b.as_ref())
}

/// `origin + map z`.
pub(crate) fn affine(origin: &[f64], map: MatRef<'_, f64>, z: &[f64]) -> Vec<f64> {
    let mut x = origin.to_vec();
    for (j, z) in z.iter().enumerate() {
        x.iter_mut().zip(map.col(j).iter()).for_each(|(x, b)| *x += z * b);
    }
    x
}

fn column_sum(a: MatRef<'_, f64>) -> f64 {
    a.col_iter().map(|c| c.iter().map(|e| e.abs()).sum::<f64>()).fold(0.0, f64::max)
}
