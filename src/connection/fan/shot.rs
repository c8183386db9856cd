//! Orbits that start on a sphere of directions about a point, and what is kept of them.

use std::cell::Cell;

use super::ray::Rays;
use crate::connection::orbits::{Course, Trace, Verdict, follow_past};
use crate::linalg::{axpy, dot, norm};

/// Directions are spread so that at this share of the scale from the point the orbits are, as far as the flow is linear.
const SPREAD: f64 = 0.1;

/// Weights below this are not used: double precision would not tell the starts apart.
const LIGHTEST: f64 = 1e-5;

/// The error of a step, relative to the scale, that does for orbits which only tell where to look.
const ROUGH: f64 = 1e-6;

/// What is kept of an orbit.
pub(super) struct Shot {
    pub(super) verdict: Option<Verdict>,
    /// For each target where the orbit was at its energy, or at its end if it does not come there.
    pub(super) at: Vec<Vec<f64>>,
    /// Did it leave the region before?
    pub(super) left: Vec<bool>,
    /// For each target that it passed closely: its leaving coordinates, carried back to where it came near (lengths).
    pub(super) misses: Vec<Option<Vec<f64>>>,
    /// The point that no orbit from here should meet and that it came nearest to: id and gap relative to the scale.
    pub(super) met: Option<(usize, f64)>,
}

/// Shoots orbits and counts them.
pub(super) struct Gun<'a> {
    pub(super) rays: &'a Rays<'a>,
    weights: Vec<f64>,
    spent: Cell<usize>,
}

impl<'a> Gun<'a> {
    pub(super) fn new(rays: &'a Rays<'a>) -> Self {
        let node = &rays.place.nodes[rays.id];
        let rates: Vec<f64> = node.leaving(rays.backward).map(|j| node.values[j].abs()).collect();
        let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let share = (rays.departure.radius / (SPREAD * rays.place.scale())).min(1.0);
        let weights = rates.iter().map(|r| share.powf(r / slowest - 1.0).max(LIGHTEST)).collect();
        Gun { rays, weights, spent: Cell::new(0) }
    }

    /// How many orbits have been followed.
    pub(super) fn spent(&self) -> usize {
        self.spent.get()
    }

    /// The direction in the coordinates along the modes that belongs to a point u of the unit sphere. Under the linear flow the
    /// start comes to be a multiple of u further out: fast directions start so much nearer to the slow ones.
    pub(super) fn direction(&self, u: &[f64]) -> Vec<f64> {
        let weighted: Vec<f64> = u.iter().zip(&self.weights).map(|(u, w)| u * w).collect();
        let size = norm(&weighted);
        weighted.iter().map(|w| w / size).collect()
    }

    fn course(&self, u: &[f64], tolerance: f64, until: Option<usize>) -> Course {
        let Rays { place, id, backward, .. } = *self.rays;
        self.spent.set(self.spent.get() + 1);
        let start = self.rays.departure.start(&self.direction(u));
        let trace = Trace::new(&place.nodes[id], backward, usize::MAX);
        follow_past(place, id, backward, &start, tolerance, trace, until)
    }

    /// Roughly: where to look.
    pub(super) fn shoot(&self, u: &[f64]) -> Shot {
        let Rays { place, id, backward, tolerance, .. } = *self.rays;
        let Course { verdict, passages, trace, .. } = self.course(u, tolerance.max(ROUGH), None);
        let level = |t: &usize| self.rays.at_level(&trace, place.nodes[*t].energy);
        let levels: Vec<Option<Vec<f64>>> = self.rays.targets.iter().map(level).collect();
        let left = levels.iter().map(|x| x.is_none() && verdict == Some(Verdict::Exit)).collect();
        let at = levels.into_iter().map(|x| x.unwrap_or_else(|| trace.last.clone())).collect();
        let miss = |t: &usize| Some(passages.get(t)?.miss(place, *t, backward));
        let own = place.nodes[id].leaving(backward).len();
        let met = (0..place.nodes.len())
            .filter(|&t| t != id && place.nodes[t].leaving(backward).len() >= own)
            .filter_map(|t| Some((t, passages.get(&t)?.gap(place, t, backward))))
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        Shot { verdict, at, left, misses: self.rays.targets.iter().map(miss).collect(), met }
    }

    /// By how much the orbit misses target `t`, roughly or as exactly as orbits are followed; `None` if it does not come near.
    pub(super) fn miss(&self, u: &[f64], t: usize, roughly: bool) -> Option<Vec<f64>> {
        let id = self.rays.targets[t];
        let exact = self.rays.tolerance;
        let course = self.course(u, if roughly { exact.max(ROUGH) } else { exact }, Some(id));
        Some(course.passages.get(&id)?.miss(self.rays.place, id, self.rays.backward))
    }

    /// The whole orbit.
    pub(super) fn trace(&self, u: &[f64]) -> Trace {
        self.course(u, self.rays.tolerance, None).trace
    }
}

/// An orthonormal basis of the vectors normal to the unit vector u, such that (u, basis) is positively oriented.
pub(super) fn tangent_basis(u: &[f64]) -> Vec<Vec<f64>> {
    let n = u.len();
    // The reflection that takes the first axis to -+u takes the others to vectors normal to it.
    let sign = if u[0] > 0.0 { 1.0 } else { -1.0 };
    let mut v = u.to_vec();
    v[0] += sign;
    let square = dot(&v, &v);
    let image = |i: usize| {
        let mut e = vec![0.0; n];
        e[i] = 1.0;
        axpy(-2.0 * v[i] / square, &v, &mut e);
        e
    };
    let mut basis: Vec<Vec<f64>> = (1..n).map(image).collect();
    // det (image of the first axis, basis) = -1, and that image is -sign u.
    if sign < 0.0
        && let Some(first) = basis.first_mut()
    {
        first.iter_mut().for_each(|x| *x = -*x);
    }
    basis
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    #[test]
    fn tangent_bases_are_oriented() {
        for u in [[0.6, 0.8, 0.0], [-0.6, 0.0, 0.8], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]] {
            let basis = tangent_basis(&u);
            let frame = Mat::from_fn(3, 3, |i, j| if j == 0 { u[i] } else { basis[j - 1][i] });
            assert!((frame.determinant() - 1.0).abs() < 1e-14, "{u:?}");
        }
        let u = [0.5, -0.5, 0.5, 0.5];
        let basis = tangent_basis(&u);
        let frame = Mat::from_fn(4, 4, |i, j| if j == 0 { u[i] } else { basis[j - 1][i] });
        assert!((frame.determinant() - 1.0).abs() < 1e-14);
    }
}
