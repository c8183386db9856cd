//! Critical points for a certificate: balls as large as the theorems of `check/zeros.rs` allow at given (e0, e1).

use super::Builder;
use crate::certificate::format::{Hex, HexVec, Zero};
use crate::landscape::Enclose;
use crate::linalg::symmetric_eigen;
use crate::rigor::Interval;

/// Each ball tried is this share of the one before.
const SHRINK: f64 = 0.85;
/// Balls tried.
const TRIES: usize = 60;

/// What does not depend on (e0, e1).
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) x: Vec<f64>,
    pub(super) index: usize,
    values: Vec<f64>,
    vectors: Vec<Vec<f64>>,
    /// Norm of the gradient, at least.
    pub(super) residual: f64,
    /// Smallest |eigenvalue|, nearly.
    smallest: f64,
    /// Radii of balls and Lipschitz constants on them, the largest first.
    balls: Vec<(f64, f64)>,
    /// A ball no larger than this does not meet those of other points.
    cap: f64,
}

impl Site {
    /// Of a place near which there is a critical point; balls reach as far as `reach`, those of uniqueness to `cap`.
    pub(super) fn new(b: &Builder<'_>, x: &[f64], reach: f64, cap: f64) -> Result<Site, String> {
        let n = x.len();
        let place: Vec<Interval> = x.iter().map(|x| Interval::point(*x)).collect();
        let mut g = vec![Interval::ENTIRE; n];
        b.both.gradient(&place, &mut g);
        let h = b.both.hessian(&place);
        let (mut values, mut vectors) = (vec![0.0; n], faer::Mat::zeros(n, n));
        if !symmetric_eigen(h.mid.as_ref(), &mut values, vectors.as_mut()) {
            return Err("its Hessian is not finite".into());
        }
        let residual = g.iter().map(|g| g.mag() * g.mag()).sum::<f64>().sqrt() * (1.0 + 1e-12);
        let rest = h.rad.norm_l2();
        let smallest = values.iter().fold(f64::INFINITY, |m, v| m.min(v.abs()));
        let smallest =
            smallest * (1.0 - 1e-10) - rest - 1e-13 * values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if !(smallest > 0.0) {
            return Err("its Hessian is singular, as far as can be told".into());
        }
        let mut balls = vec![];
        let mut radius = reach;
        for _ in 0..TRIES {
            let lipschitz = b.both.lipschitz(x, radius);
            // A ball that is far too large for its Lipschitz constant is of no use.
            if lipschitz * radius < 4.0 * smallest {
                balls.push((radius, lipschitz));
            }
            if balls.len() > 24 {
                break;
            }
            radius *= SHRINK;
        }
        let index = values.iter().filter(|v| **v < 0.0).count();
        let vectors = (0..n).map(|j| vectors.col_as_slice(j).to_vec()).collect();
        Ok(Site { x: x.to_vec(), index, values, vectors, residual, smallest, balls, cap })
    }

    /// About the largest gradient that it can withstand.
    pub(super) fn steepness(&self) -> f64 {
        let by_ball = |(r, l): &(f64, f64)| (self.smallest - 0.5 * l * r) * r;
        self.balls.iter().map(by_ball).fold(0.0, f64::max)
    }

    /// The point with its balls.
    pub(super) fn zero(&self, b: &Builder<'_>, e0: f64, e1: f64) -> Result<Zero, String> {
        let n = self.x.len();
        let m = self.smallest;
        let grain = 1e-14 * self.x.iter().fold(0.0f64, |s, x| s.max(x.abs())) + 1e-300;
        let mut why = "no ball about it in which the Hessian changes little enough".to_string();
        let candidates = self.balls.iter().filter(|(r, _)| *r < self.cap).chain(None);
        for (unique, lipschitz) in candidates {
            let Some(radius) = self.radius(*lipschitz, e0) else { continue };
            // Room for the checker's rounding: a larger ball is as good.
            let radius = radius * (1.0 + 1e-4) + grain + 1e-8 * unique;
            if !(radius < *unique && m - e1 - lipschitz * unique > 1e-9 * m) {
                continue;
            }
            let basin = if self.index == 0 || self.index == n { self.basin(radius, e0) } else { 0.0 };
            let zero = Zero {
                center: HexVec(self.x.clone()),
                radius: Hex(radius),
                unique: Hex(*unique),
                basin: Hex(basin),
                index: self.index,
                values: HexVec(self.values.clone()),
                vectors: self.vectors.iter().cloned().map(HexVec).collect(),
            };
            let kept = match b.full {
                true => b.oracle.point_without_return(&zero, e0, e1),
                false => b.oracle.point(&zero, e0, e1),
            };
            match kept {
                Ok(()) => return Ok(zero),
                Err(reason) => why = reason,
            }
        }
        Err(why)
    }

    /// The distance within which zeros lie, at this Lipschitz constant: the smaller root of `(m - L d/2) d - n = e0`.
    fn radius(&self, lipschitz: f64, e0: f64) -> Option<f64> {
        let c = e0 + 4.0 * self.residual;
        let root = self.smallest * self.smallest - 2.0 * lipschitz * c;
        (root > 0.0).then(|| 2.0 * c / (self.smallest + root.sqrt()))
    }

    /// The largest ball known to be drawn to it, or to drain.
    fn basin(&self, radius: f64, e0: f64) -> f64 {
        let phi = |l: f64, d: f64| (self.smallest - 0.5 * l * d) * d - self.residual;
        let mut best: f64 = 0.0;
        for (ball, lipschitz) in &self.balls {
            // As far in the ball as phi stays above e0.
            let root =
                (self.smallest * self.smallest - 2.0 * lipschitz * (e0 + self.residual)).max(0.0).sqrt();
            let far = ((self.smallest + root) / lipschitz * (1.0 - 1e-6)).min(*ball);
            let holds =
                phi(*lipschitz, radius) > e0 * (1.0 + 1e-9) && phi(*lipschitz, far) > e0 * (1.0 + 1e-9);
            if far > radius && holds {
                best = best.max(far);
            }
        }
        best
    }
}
