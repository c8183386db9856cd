//! Bent cylinders that orbits of `x' = -g(x)` cross from end to end, g the gradient of a function with Hessian H.
//!
//! In: enclosures of g and H at a point c and a Lipschitz constant L of H on a ball about it. Out: how fast the flow crosses a
//! cylinder about a parabola through c, and how fast it enters through the wall.
//!
//! With a unit vector u and q orthogonal to it, the cylinder holds `c + t u + (t^2/2) q + w`, `-back <= t <= ahead`, w orthogonal to u,
//! `|w| <= rho(t) = radius + growth t`. Where `|y - c| <= R`, `g(y) = g(c) + H(c)(y - c) + r` with `|r| <= L |y - c|^2/2`. Write `k` for the
//! growth, `a = <u,g>`, `b = <u,Hu>`, m for what of `H u` is orthogonal to u, P for the projection along u, and let every eigenvalue of H on
//! the space orthogonal to u be at least `transverse`. On a piece of the cylinder let `|t| <= T`, `rho <= S`, so that
//! `|y - c|^2 <= T^2 + (S + T^2|q|/2)^2 = 2 rest/L`. Then
//!
//! * the speed along u is at least `-(a + t b) - T^2|m||q|/2 - S|m| - rest`;
//! * the wall's outward normal is along `w/|w| - (k + t <q,w>/|w|) u`, of length at most `steep = sqrt(1 + (|k| + T|q|)^2)`, and the flow
//!   enters through it with at least `entry/steep - rest`,
//!
//!   `entry = rho transverse - |P g| - |t||m - a q| - k (a + t b) - T^2 (|P H q|/2 + |q||b|) - T S |q||m| - T^3|q|^2|m|/2
//!            - |k| (T^2|m||q|/2 + S|m|)`.
//!
//! All is concave in t, so that it need be looked at on the ends of the two pieces before and behind c only. The flow turns by `m/a` a
//! unit of length: with that for q nothing of first order in t is left. If both bounds are positive, an orbit in the cylinder leaves
//! it through the disc at `t = ahead` and nowhere else, and does. If they exceed e0 the same holds of every field within e0 of this one.

use faer::Mat;

use super::rounding::{UNIT, add_up, mul_up, norm_up, sub_down, up};
use super::{BallMatrix, Interval, smallest_eigenvalue_lower_bound};

/// The lengths of a cylinder; see the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// The first disc is at `t = -back`.
    pub back: f64,
    /// The last disc is at `t = ahead`.
    pub ahead: f64,
    /// The radius at `t = 0`.
    pub radius: f64,
    /// How the radius grows with t.
    pub growth: f64,
}

/// A bent piece of a cone; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Cylinder {
    /// c (length n).
    pub center: Vec<f64>,
    /// A vector along u, of any length.
    pub direction: Vec<f64>,
    /// A vector whose part orthogonal to u is q.
    pub bend: Vec<f64>,
    /// Its lengths.
    pub shape: Shape,
}

/// A gradient and a Hessian at a point, split along a direction.
#[derive(Clone, Debug)]
pub struct Split {
    /// The point (length n).
    pub center: Vec<f64>,
    /// A vector along u, of any length.
    pub direction: Vec<f64>,
    /// A vector whose part orthogonal to u is q.
    pub bend: Vec<f64>,
    /// Encloses `<u, g>`.
    pub along: Interval,
    /// At least the size of what of g is orthogonal to u.
    pub across: f64,
    /// Encloses `<u, H u>`.
    pub curvature: Interval,
    /// At least the size of what of `H u` is orthogonal to u.
    pub mixed: f64,
    /// At least `|q|`.
    pub turn: f64,
    /// At least the size of what of `H u - <u, g> q` is orthogonal to u.
    pub twist: f64,
    /// At least the size of what of `H q` is orthogonal to u.
    pub carried: f64,
    /// At most the smallest eigenvalue of H on the space orthogonal to u; infinite where that space is nothing.
    pub transverse: f64,
}

/// What was proven of a cylinder: lower bounds, of use if they are positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// Of the speed along the axis.
    pub speed: f64,
    /// Of the speed through the wall inwards; infinite on a line.
    pub wall: f64,
}

/// The points `e + tau u + w`, `|tau| <= thickness`, w orthogonal to u, `|w| <= radius`.
#[derive(Clone, Debug)]
pub struct Disc {
    /// Encloses e (length n).
    pub center: Vec<Interval>,
    /// A vector along u, of any length.
    pub direction: Vec<f64>,
    /// See above.
    pub radius: f64,
    /// See above.
    pub thickness: f64,
}

impl Split {
    /// Splits all gradients and Hessians of the sets, enclosed at `center`, along a vector that is not zero. `None` if it is, or not
    /// finite. Any bend will do: without one it is that of the flow, nearly.
    pub fn of(
        center: &[f64],
        gradient: &[Interval],
        hessian: &BallMatrix,
        direction: &[f64],
        bend: Option<Vec<f64>>,
    ) -> Option<Split> {
        let length = length(direction)?;
        let (along, across) = parts(gradient, direction, length);
        let u: Vec<Interval> = direction.iter().map(|u| Interval::point(*u)).collect();
        let bent: Vec<Interval> = hessian.mul_vec(&u).into_iter().map(|b| b / length).collect();
        let (curvature, mixed) = parts(&bent, direction, length);
        let (slope, rest) = (along.mid(), curvature.mid() / length.mid());
        let mut bend = bend.unwrap_or_else(|| {
            bent.iter().zip(direction).map(|(b, u)| (b.mid() - rest * u) / slope).collect()
        });
        if direction.len() == 1 || bend.iter().any(|b| !b.is_finite()) {
            bend.fill(0.0);
        }
        let q = orthogonal(&bend, direction, length);
        let turn = norm_up(&q.iter().map(|q| q.mag()).collect::<Vec<f64>>());
        let left: Vec<Interval> = bent.iter().zip(&q).map(|(b, q)| *b - along * *q).collect();
        let (_, twist) = parts(&left, direction, length);
        let (_, carried) = parts(&hessian.mul_vec(&q), direction, length);
        let transverse = transverse(hessian, direction, &bent);
        let (center, direction) = (center.to_vec(), direction.to_vec());
        Some(Split {
            center,
            direction,
            bend,
            along,
            across,
            curvature,
            mixed,
            turn,
            twist,
            carried,
            transverse,
        })
    }

    /// The cylinder of this shape about its centre.
    pub fn cylinder(&self, shape: Shape) -> Cylinder {
        let (center, direction, bend) = (self.center.clone(), self.direction.clone(), self.bend.clone());
        Cylinder { center, direction, bend, shape }
    }

    /// How the flow crosses the cylinder of this shape; L on the ball of radius `ball` about the centre is at most `lipschitz`. Minus
    /// infinity where nothing is proven: if it is no cylinder, or not in the ball.
    pub fn crossing(&self, shape: Shape, lipschitz: f64, ball: f64) -> Crossing {
        let nothing = Crossing { speed: f64::NEG_INFINITY, wall: f64::NEG_INFINITY };
        if !(shape.is_sound() && lipschitz < f64::INFINITY) {
            return nothing;
        }
        let (back, ahead) = (-shape.back, shape.ahead);
        let pieces = if back < 0.0 && ahead > 0.0 {
            [(back, 0.0), (0.0, ahead)]
        } else {
            [(back, ahead), (back, ahead)]
        };
        let half = Interval::point(0.5);
        let (q, m, growth) =
            (Interval::point(self.turn), Interval::point(self.mixed), Interval::point(shape.growth));
        let k = growth.abs();
        let mut least = Crossing { speed: f64::INFINITY, wall: f64::INFINITY };
        for (from, to) in pieces {
            let t = Interval::point(f64::max(from.abs(), to.abs()));
            let s = Interval::point(shape.radius_at(from).hi().max(shape.radius_at(to).hi()));
            let sagitta = half * t.sqr() * q;
            let square = t.sqr() + (s + sagitta).sqr();
            if !(square.sqrt().hi() <= ball) {
                return nothing;
            }
            let rest = half * Interval::point(lipschitz) * square;
            let slow = sagitta * m + s * m;
            let steep = (Interval::ONE + (k + t * q).sqr()).sqrt();
            let lost = t.sqr() * (half * Interval::point(self.carried) + q * self.curvature.abs())
                + t * q * (s * m + sagitta * m)
                + k * slow
                + Interval::point(self.across);
            for t in [from, to] {
                let t = Interval::point(t);
                let along = self.along + t * self.curvature;
                least.speed = least.speed.min((-along - slow - rest).lo());
                if self.transverse < f64::INFINITY {
                    let entry = shape.radius_at(t.mid()) * Interval::point(self.transverse)
                        - t.abs() * Interval::point(self.twist)
                        - growth * along
                        - lost;
                    least.wall = least.wall.min((entry / steep - rest).lo());
                }
            }
        }
        least
    }
}

impl Crossing {
    /// Do all fields within `e0` of the one that was split cross, too?
    pub fn exceeds(&self, e0: f64) -> bool {
        self.speed > e0 && self.wall > e0
    }
}

impl Shape {
    /// The radius at t.
    fn radius_at(&self, t: f64) -> Interval {
        Interval::point(self.radius) + Interval::point(self.growth) * Interval::point(t)
    }

    /// Are its ends in order, and is its radius nowhere negative?
    fn is_sound(&self) -> bool {
        let radius = self.radius_at(-self.back).lo().min(self.radius_at(self.ahead).lo());
        -self.back < self.ahead && radius >= 0.0 && self.back.is_finite() && self.ahead.is_finite()
    }
}

impl Cylinder {
    /// Its last disc. `None` if the direction is none.
    pub fn end(&self) -> Option<Disc> {
        let length = length(&self.direction)?;
        let ahead = Interval::point(self.shape.ahead);
        let (step, square) = (ahead / length, ahead.sqr().scale(0.5));
        let q = orthogonal(&self.bend, &self.direction, length);
        let places = self.center.iter().zip(self.direction.iter().zip(q));
        Some(Disc {
            center: places
                .map(|(c, (u, q))| Interval::point(*c) + step * Interval::point(*u) + square * q)
                .collect(),
            direction: self.direction.clone(),
            radius: self.shape.radius_at(self.shape.ahead).hi(),
            thickness: 0.0,
        })
    }

    /// Does all of the disc lie in it, strictly before its last one?
    pub fn holds(&self, disc: &Disc) -> bool {
        let (Some(length), Some(own)) = (length(&self.direction), length(&disc.direction)) else {
            return false;
        };
        let apart: Vec<Interval> =
            disc.center.iter().zip(&self.center).map(|(e, c)| *e - Interval::point(*c)).collect();
        let (t, _) = parts(&apart, &self.direction, length);
        // A point of the disc is ahead by <u, w>, where w is orthogonal to the disc's own direction.
        let unit: Vec<Interval> = self.direction.iter().map(|u| Interval::point(*u) / length).collect();
        let (_, tilt) = parts(&unit, &disc.direction, own);
        let shift = add_up(mul_up(disc.radius, tilt), disc.thickness);
        let (first, last) = (sub_down(t.lo(), shift), add_up(t.hi(), shift));
        let square = Interval::new(first, last).sqr().scale(0.5);
        let off: Vec<Interval> =
            apart.iter().zip(&self.bend).map(|(d, q)| *d - square * Interval::point(*q)).collect();
        let (_, aside) = parts(&off, &self.direction, length);
        let away = add_up(add_up(aside, disc.radius), disc.thickness);
        let narrow = self.shape.radius_at(first).lo().min(self.shape.radius_at(last).lo());
        -self.shape.back <= first && last < self.shape.ahead && away <= narrow
    }
}

impl Disc {
    /// Does all of it lie in the open ball?
    pub fn is_in_ball(&self, center: &[f64], radius: f64) -> bool {
        let apart: Vec<f64> =
            self.center.iter().zip(center).map(|(e, c)| (*e - Interval::point(*c)).mag()).collect();
        add_up(add_up(norm_up(&apart), self.radius), self.thickness) < radius
    }
}

/// What of a vector is orthogonal to the direction.
fn orthogonal(v: &[f64], direction: &[f64], length: Interval) -> Vec<Interval> {
    let dot = v.iter().zip(direction).fold(Interval::ZERO, |s, (v, u)| s + Interval::point(*v).scale(*u));
    let share = dot / length.sqr();
    v.iter().zip(direction).map(|(v, u)| Interval::point(*v) - share.scale(*u)).collect()
}

/// The length of a vector; `None` unless it is positive and finite.
fn length(direction: &[f64]) -> Option<Interval> {
    let square = direction.iter().fold(Interval::ZERO, |sum, u| sum + Interval::point(*u).sqr());
    let length = Interval::new(square.lo().max(0.0), square.hi()).sqrt();
    (length.lo() > 0.0 && length.is_bounded()).then_some(length)
}

/// Of vectors v: their component along the unit vector u, and a bound of the size of the rest. The rest of v is that of `v - tau u`
/// for any tau, and no longer than it.
fn parts(v: &[Interval], direction: &[f64], length: Interval) -> (Interval, f64) {
    let dot = v.iter().zip(direction).fold(Interval::ZERO, |sum, (v, u)| sum + v.scale(*u));
    let along = dot / length;
    let tau = along.mid() / length.mid();
    let tau = Interval::point(if tau.is_finite() { tau } else { 0.0 });
    let rest: Vec<f64> = v.iter().zip(direction).map(|(v, u)| (*v - tau.scale(*u)).mag()).collect();
    (along, norm_up(&rest))
}

/// A lower bound of the eigenvalues of H on the space orthogonal to a vector d: for any p, on that space the form of H is that of
/// `H + d p' + p d'`. The p that is taken makes d an eigenvector, with an eigenvalue above the others.
fn transverse(hessian: &BallMatrix, direction: &[f64], bent: &[Interval]) -> f64 {
    let n = direction.len();
    if n <= 1 {
        return f64::INFINITY;
    }
    let square: f64 = direction.iter().map(|d| d * d).sum();
    let root = square.sqrt();
    let along: f64 = bent.iter().zip(direction).map(|(b, d)| b.mid() * d).sum::<f64>() / root;
    let above = 2.0 * (0..n).fold(0.0, |m: f64, i| m.max(hessian.mid[(i, i)].abs()));
    let p: Vec<f64> = bent
        .iter()
        .zip(direction)
        .map(|(b, d)| (-b.mid() + 0.5 * (along + above) * d / root) / root)
        .collect();
    let (mut mid, mut rad) = (Mat::zeros(n, n), Mat::zeros(n, n));
    for j in 0..n {
        let (dj, pj) = (direction[j], p[j]);
        let (h, r) = (hessian.mid.col_as_slice(j), hessian.rad.col_as_slice(j));
        for i in 0..n {
            // Two products and two sums, each with its rounding.
            let (a, b) = (direction[i] * pj, p[i] * dj);
            mid[(i, j)] = h[i] + (a + b);
            let rounding = up(8.0 * UNIT * (h[i].abs() + a.abs() + b.abs()) + 8.0 * f64::MIN_POSITIVE);
            rad[(i, j)] = add_up(r[i], rounding);
        }
    }
    if !p.iter().all(|p| p.is_finite()) {
        return f64::NEG_INFINITY;
    }
    smallest_eigenvalue_lower_bound(&BallMatrix { mid, rad })
}

#[cfg(test)]
mod tests;
