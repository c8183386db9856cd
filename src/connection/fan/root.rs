//! The orbit of a sphere that runs into a target: d equations, the coordinates along which orbits leave the target, in d unknowns,
//! the direction. Newton's method with a Jacobian from differences, kept up to date by Broyden's rank-one corrections (Broyden,
//! Math. Comp. 19 (1965) 577).

use faer::Conj;
use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, SolveCore};

use super::shot::{Gun, tangent_basis};
use crate::linalg::{column_mut, distance, dot, norm};

/// An orbit that runs into a target.
pub(super) struct Root {
    /// Its place on the unit sphere.
    pub(super) u: Vec<f64>,
    /// The sign of the determinant of the derivative of the target's leaving coordinates by those of the sphere about the start.
    pub(super) sign: i8,
    /// What is left of the coordinates (length).
    pub(super) gap: f64,
    /// The derivative, and the basis of the sphere's coordinates.
    jacobian: Mat<f64>,
    basis: Vec<Vec<f64>>,
}

impl Root {
    /// By how much an orbit from u, near this one, would miss the target, to first order (length).
    pub(super) fn miss(&self, u: &[f64]) -> f64 {
        let away: Vec<f64> = u.iter().zip(&self.u).map(|(a, b)| a - b).collect();
        let along: Vec<f64> = self.basis.iter().map(|b| dot(b, &away)).collect();
        let row = |i: usize| along.iter().enumerate().map(|(j, a)| self.jacobian[(i, j)] * a).sum::<f64>();
        norm(&(0..self.jacobian.nrows()).map(row).collect::<Vec<f64>>())
    }
}

/// Most steps, and most times that one of them is shortened.
const STEPS: usize = 30;
const SHORTENED: usize = 5;

/// Rough orbits do down to misses of this share of the scale.
const COARSE: f64 = 1e-5;

/// What to look for, and how far.
pub(super) struct Goal {
    /// The target's place.
    pub(super) target: usize,
    /// Not further away than this on the unit sphere.
    pub(super) reach: f64,
    /// Differences are at most this long.
    pub(super) spread: f64,
    /// Done when the miss is at most this, accepted if at most the other (lengths).
    pub(super) hit: f64,
    pub(super) enough: f64,
}

/// Solves for the orbit into a target from a place u, from which an orbit comes by it.
pub(super) fn solve(gun: &Gun<'_>, goal: &Goal, origin: &[f64]) -> Option<Root> {
    let t = goal.target;
    let coarse = COARSE * gun.rays.place.scale();
    let mut roughly = true;
    let mut spread = goal.spread;
    let mut u = origin.to_vec();
    let mut miss = gun.miss(&u, t, roughly)?;
    let mut basis = tangent_basis(&u);
    let mut jacobian = differences(gun, t, &u, &basis, &miss, &mut spread, roughly)?;
    let mut fresh = true;
    for _ in 0..STEPS {
        if roughly && norm(&miss) <= coarse {
            roughly = false;
            miss = gun.miss(&u, t, roughly)?;
        }
        if norm(&miss) <= goal.hit {
            break;
        }
        let mut step = inverse_times(&jacobian, &miss)?;
        let most = (0.5 * goal.reach).min(0.5);
        let shrink = (most / norm(&step)).min(1.0);
        step.iter_mut().for_each(|s| *s *= -shrink);
        let mut taken = None;
        for _ in 0..SHORTENED {
            let next = moved(&u, &basis, &step);
            if distance(&next, origin) > goal.reach {
                break;
            }
            if let Some(new) = gun.miss(&next, t, roughly)
                && norm(&new) < 0.9 * norm(&miss)
            {
                taken = Some((next, new));
                break;
            }
            step.iter_mut().for_each(|s| *s *= 0.4);
        }
        let Some((next, new)) = taken else {
            if norm(&miss) <= goal.enough || (fresh && !roughly) {
                break;
            }
            // Once more with true differences, from exact orbits.
            if roughly {
                roughly = false;
                miss = gun.miss(&u, t, roughly)?;
            }
            spread = (0.1 * norm(&step)).clamp(1e-9, spread.max(1e-9));
            basis = tangent_basis(&u);
            jacobian = differences(gun, t, &u, &basis, &miss, &mut spread, roughly)?;
            fresh = true;
            continue;
        };
        // The basis is kept: over so short steps it turns by nothing that matters.
        let square: f64 = step.iter().map(|s| s * s).sum();
        let d = step.len();
        for i in 0..d {
            let predicted: f64 = miss[i] + (0..d).map(|j| jacobian[(i, j)] * step[j]).sum::<f64>();
            (0..d).for_each(|j| jacobian[(i, j)] += (new[i] - predicted) * step[j] / square);
        }
        (u, miss) = (next, new);
        fresh = false;
    }
    let gap = norm(&miss);
    if roughly || !(gap <= goal.enough) {
        return None;
    }
    let sign = if jacobian.determinant() > 0.0 { 1 } else { -1 };
    Some(Root { u, sign, gap, jacobian, basis })
}

/// The derivatives of the miss along the basis; the step is shortened until all neighbours come by the target.
fn differences(
    gun: &Gun<'_>,
    t: usize,
    u: &[f64],
    basis: &[Vec<f64>],
    miss: &[f64],
    spread: &mut f64,
    roughly: bool,
) -> Option<Mat<f64>> {
    let d = basis.len();
    for _ in 0..4 {
        let column = |j: usize| {
            let step: Vec<f64> = (0..d).map(|i| if i == j { *spread } else { 0.0 }).collect();
            gun.miss(&moved(u, basis, &step), t, roughly)
        };
        let columns: Option<Vec<Vec<f64>>> = (0..d).map(column).collect();
        if let Some(columns) = columns {
            return Some(Mat::from_fn(d, d, |i, j| (columns[j][i] - miss[i]) / *spread));
        }
        *spread *= 0.03;
    }
    None
}

/// The unit vector at the coordinates `step` along the basis from u.
fn moved(u: &[f64], basis: &[Vec<f64>], step: &[f64]) -> Vec<f64> {
    let mut out = u.to_vec();
    basis.iter().zip(step).for_each(|(b, s)| crate::linalg::axpy(*s, b, &mut out));
    let size = norm(&out);
    out.iter_mut().for_each(|o| *o /= size);
    out
}

/// `a^-1 b`; `None` if that is not finite.
pub(super) fn inverse_times(a: &Mat<f64>, b: &[f64]) -> Option<Vec<f64>> {
    let mut x = b.to_vec();
    PartialPivLu::new(a.as_ref()).solve_in_place_with_conj(Conj::No, column_mut(&mut x));
    x.iter().all(|x| x.is_finite()).then_some(x)
}
