//! Cylinders that orbits of `x' = -g(x)` cross from end to end, g the gradient of a function with Hessian H.
//!
//! In: enclosures of g and H at a point c and a Lipschitz constant L of H on a ball about it. Out: how fast the flow crosses a
//! cylinder about a line through c, and how fast it enters through the wall.
//!
//! With a unit vector u, the cylinder holds `c + t u + w`, `-back <= t <= ahead`, w orthogonal to u, `|w| <= rho(t) = radius + growth t`
//! (so it is a piece of a cone). Where `|y - c| <= R`, `g(y) = g(c) + H(c)(y - c) + r` with `|r| <= L |y - c|^2/2`. Let P project
//! along u, `across >= |P g(c)|`, `mixed >= |P H u|`, and `transverse` be at most every eigenvalue of H on the space orthogonal
//! to u. Then
//!
//! * the speed along u is at least `-<u,g> - t <u,Hu> - mixed rho(t) - L (t^2 + rho(t)^2)/2` on the disc at t;
//! * on the wall, where the outward normal is `(w/|w| - growth u) / sqrt(1 + growth^2)`, the flow enters with at least
//!
//!   `[-across - |t - growth rho| mixed + rho transverse - growth (<u,g> + t <u,Hu>)] / sqrt(1 + growth^2) - L (t^2 + rho^2)/2`.
//!
//! Both are concave in t, so that they need be looked at on the two end discs only. If both are positive, an orbit
//! in the cylinder leaves it through the disc at `t = ahead` and nowhere else, and does. If they exceed e0 the same
//! holds of every field within e0 of this one.

use faer::Mat;

use super::rounding::{UNIT, add_up, mul_up, norm_up, sub_down, up};
use super::{BallMatrix, Interval, smallest_eigenvalue_lower_bound};

/// A piece of a cone about an axis; see the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Cylinder {
    /// c (length n).
    pub center: Vec<f64>,
    /// A vector along u, of any length.
    pub direction: Vec<f64>,
    /// The first disc is at `t = -back`.
    pub back: f64,
    /// The last disc is at `t = ahead`.
    pub ahead: f64,
    /// The radius at `t = 0`.
    pub radius: f64,
    /// How the radius grows with t.
    pub growth: f64,
}

/// A gradient and a Hessian split along a direction.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// Encloses `<u, g>`.
    pub along: Interval,
    /// At least the size of what of g is orthogonal to u.
    pub across: f64,
    /// Encloses `<u, H u>`.
    pub curvature: Interval,
    /// At least the size of what of `H u` is orthogonal to u.
    pub mixed: f64,
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
    /// Splits all gradients and Hessians of the sets along a vector that is not zero. `None` if it is, or not finite.
    pub fn of(gradient: &[Interval], hessian: &BallMatrix, direction: &[f64]) -> Option<Split> {
        let length = length(direction)?;
        let (along, across) = parts(gradient, direction, length);
        let u: Vec<Interval> = direction.iter().map(|u| Interval::point(*u)).collect();
        let bent: Vec<Interval> = hessian.mul_vec(&u).into_iter().map(|b| b / length).collect();
        let (curvature, mixed) = parts(&bent, direction, length);
        let transverse = transverse(hessian, direction, &bent);
        Some(Split { along, across, curvature, mixed, transverse })
    }

    /// How the flow crosses the cylinder, about whose centre and along whose direction this is the split; L on the ball of
    /// radius `ball` about its centre is at most `lipschitz`. Minus infinity where nothing is proven: if it is no cylinder,
    /// or not in the ball.
    pub fn crossing(&self, cylinder: &Cylinder, lipschitz: f64, ball: f64) -> Crossing {
        if !(cylinder.is_sound() && cylinder.reach() <= ball && lipschitz < f64::INFINITY) {
            return Crossing { speed: f64::NEG_INFINITY, wall: f64::NEG_INFINITY };
        }
        let mut least = Crossing { speed: f64::INFINITY, wall: f64::INFINITY };
        let growth = Interval::point(cylinder.growth);
        let steep = (Interval::ONE + growth.sqr()).sqrt();
        for t in [-cylinder.back, cylinder.ahead] {
            let (t, rho) = (Interval::point(t), cylinder.radius_at(t));
            let mixed = Interval::point(self.mixed);
            let rest = (Interval::point(lipschitz) * (t.sqr() + rho.sqr())).scale(0.5);
            let along = self.along + t * self.curvature;
            let speed = -along - mixed * rho - rest;
            least.speed = least.speed.min(speed.lo());
            if self.transverse < f64::INFINITY {
                let turned = (t - growth * rho).abs() * mixed;
                let entry = rho * Interval::point(self.transverse)
                    - Interval::point(self.across)
                    - turned
                    - growth * along;
                least.wall = least.wall.min((entry / steep - rest).lo());
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

impl Cylinder {
    /// Its radius at t.
    pub fn radius_at(&self, t: f64) -> Interval {
        Interval::point(self.radius) + Interval::point(self.growth) * Interval::point(t)
    }

    /// Is it one: with ends in order, and of a radius that is nowhere negative?
    fn is_sound(&self) -> bool {
        let radius = self.radius_at(-self.back).lo().min(self.radius_at(self.ahead).lo());
        -self.back < self.ahead && radius >= 0.0 && self.back.is_finite() && self.ahead.is_finite()
    }

    /// The radius of a ball about its centre that holds it.
    fn reach(&self) -> f64 {
        let corner = |t: f64| {
            let square = Interval::point(t).sqr() + self.radius_at(t).sqr();
            square.sqrt().hi()
        };
        corner(-self.back).max(corner(self.ahead))
    }

    /// Its last disc. `None` if the direction is none.
    pub fn end(&self) -> Option<Disc> {
        let length = length(&self.direction)?;
        let step = Interval::point(self.ahead) / length;
        let place = |(c, u): (&f64, &f64)| Interval::point(*c) + step * Interval::point(*u);
        Some(Disc {
            center: self.center.iter().zip(&self.direction).map(place).collect(),
            direction: self.direction.clone(),
            radius: self.radius_at(self.ahead).hi(),
            thickness: 0.0,
        })
    }

    /// Does all of the disc lie in it, strictly before its last one?
    pub fn holds(&self, disc: &Disc) -> bool {
        let Some(length) = length(&self.direction) else { return false };
        let apart: Vec<Interval> =
            disc.center.iter().zip(&self.center).map(|(e, c)| *e - Interval::point(*c)).collect();
        let (t, aside) = parts(&apart, &self.direction, length);
        // A point of the disc is ahead by <u, w>, where w is orthogonal to the disc's own direction.
        let Some(own) = self::length(&disc.direction) else { return false };
        let unit: Vec<Interval> = self.direction.iter().map(|u| Interval::point(*u) / length).collect();
        let (_, tilt) = parts(&unit, &disc.direction, own);
        let shift = add_up(mul_up(disc.radius, tilt), disc.thickness);
        let (first, last) = (sub_down(t.lo(), shift), add_up(t.hi(), shift));
        let away = add_up(add_up(aside, disc.radius), disc.thickness);
        let narrow = self.radius_at(first).lo().min(self.radius_at(last).lo());
        -self.back <= first && last < self.ahead && away <= narrow
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
