//! One critical point: that every field within (e0, e1) has one zero there, and no other near it, hyperbolic and of the index stated.
//!
//! At the centre x let `|g(x)| <= n`, let all |eigenvalues| of H(x) be at least m, and L the Lipschitz constant of H on the ball in
//! question. At a distance d from x, `|g| >= phi(d) = (m - L d/2) d - n`, a function concave in d.
//!
//! * `phi(radius) > e0` and `phi(unique) > e0`: between the two spheres `|g| > e0`, and by Brouwer's theorem, for the map
//!   `y - H(x)^-1 X(y)`, each of the fields X has a zero within `radius`.
//! * `m - e1 - L unique > 0`: for the sign S of H(x), `<d, S d>` falls along the flow for the difference d of any two orbits in the ball: the
//!   zero is the only one, hyperbolic with the index of H(x), and the only orbit that stays in the ball for all times.
//! * `phi(radius) > e0`, `phi(basin) > e0` with L on the ball of radius `basin`, at a minimum: the distance from x falls down to `radius`.

use super::field::Field;
use super::interval::{I, ONE, ZERO, dot, length, points};
use super::matrix::Square;
use crate::certificate::format::Zero;

/// What was found of a point.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) center: Vec<f64>,
    pub(super) radius: f64,
    pub(super) unique: f64,
    pub(super) basin: f64,
    pub(super) index: usize,
    /// n of the module.
    residual: f64,
    /// m of the module.
    smallest: f64,
    /// L of the module on the ball of radius `unique`.
    lipschitz: f64,
}

impl Found {
    /// Nothing but an index, for the algebra of a graph.
    pub(super) fn of_index(index: usize) -> Found {
        let (radius, unique, basin, residual) = (0.0, 0.0, 0.0, f64::INFINITY);
        Found {
            center: vec![],
            radius,
            unique,
            basin,
            index,
            residual,
            smallest: 0.0,
            lipschitz: f64::INFINITY,
        }
    }

    fn phi(&self, lipschitz: f64, d: f64) -> f64 {
        let slope = I::of(self.smallest) - I::of(lipschitz) * I::of(0.5) * I::of(d);
        (slope * I::of(d) - I::of(self.residual)).lo
    }

    /// Does an orbit that leaves the set `|g| <= e0` about the point and then the ball of radius `unique` lose so much energy that it never
    /// comes back to that set? In it energies differ by at most `radius (e0 + n) + L radius^3/6` (trapezoidal rule); on the way out from
    /// the middle between the two spheres it loses at least `sqrt(phi^2 - e0^2)` a unit of length.
    pub(super) fn never_returns(&self, e0: f64) -> bool {
        let (r, l) = (I::of(self.radius), I::of(self.lipschitz));
        let middle = 0.5 * (self.radius + self.unique);
        let steep = self.phi(self.lipschitz, middle).min(self.phi(self.lipschitz, self.unique));
        if !(steep > e0) {
            return false;
        }
        let rate = (I::of(steep).sqr() - I::of(e0).sqr()).sqrt();
        let lost = (I::of(self.unique) - I::of(middle)) * rate;
        let varied = r * (I::of(e0) + I::of(self.residual)) + l * r.power(3).over(I::of(6.0));
        lost.lo > varied.hi
    }
}

/// Checks a point; the error says what does not hold.
pub(super) fn check(field: &Field, zero: &Zero, e0: f64, e1: f64) -> Result<Found, String> {
    let n = field.n;
    let (x, w) = (&zero.center.0, &zero.values.0);
    let sizes = x.len() == n && w.len() == n && zero.vectors.len() == n;
    if !sizes || zero.vectors.iter().any(|v| v.0.len() != n) || zero.index > n {
        return Err(format!("its centre, eigenvalues and eigenvectors are not those of {n} dimensions"));
    }
    let (radius, unique, basin) = (zero.radius.0, zero.unique.0, zero.basin.0);
    if !(radius > 0.0 && unique > radius && (basin == 0.0 || basin > radius)) {
        return Err("its radii are not in order".into());
    }
    let place = points(x);
    // Two products of matrices.
    field.count(4 * (n as u64).pow(3));
    let (g, h) = (field.gradient(&place), field.hessian(&place));
    // V'HV = diag w + E, V'V = I + Q: eigenvalues of H are those of V'HV over numbers in [1 - q, 1 + q] (Ostrowski).
    let v: Vec<Vec<I>> = zero.vectors.iter().map(|v| points(&v.0)).collect();
    let hv: Vec<Vec<I>> = v.iter().map(|v| h.times(v)).collect();
    let residual =
        Square::from_fn(n, |i, j| dot(&v[i], &hv[j]) - if i == j { I::of(w[i]) } else { ZERO }).norm();
    let q = Square::from_fn(n, |i, j| dot(&v[i], &v[j]) - if i == j { ONE } else { ZERO }).norm();
    let least = w.iter().fold(f64::INFINITY, |m, w| m.min(w.abs()));
    if !(q < 1.0 && residual < least) {
        return Err("its eigenvalues are not apart from zero, as far as its eigenvectors show".into());
    }
    let index = w.iter().filter(|w| **w < 0.0).count();
    if index != zero.index {
        return Err(format!("its index is {index}, not {}", zero.index));
    }
    let smallest = (I::of(least) - I::of(residual)).over(ONE + I::of(q)).lo;
    let lipschitz = field.lipschitz(x, unique);
    let found = Found {
        center: x.clone(),
        radius,
        unique,
        basin,
        index,
        residual: length(&g).hi,
        smallest,
        lipschitz,
    };
    if !(found.phi(lipschitz, radius) > e0 && found.phi(lipschitz, unique) > e0) {
        return Err(format!(
            "the gradient is not larger than e0 between the distances {radius:.3e} and {unique:.3e}"
        ));
    }
    let kept = I::of(smallest) - I::of(e1) - I::of(lipschitz) * I::of(unique);
    if !(kept.lo > 0.0) {
        return Err(format!("it is not shown to be the only one within {unique:.3e}"));
    }
    if basin > 0.0 {
        let wide = field.lipschitz(x, basin);
        let extreme = index == 0 || index == n;
        if !(extreme && found.phi(wide, radius) > e0 && found.phi(wide, basin) > e0) {
            return Err(format!("the ball of radius {basin:.3e} is not shown to be drawn to it"));
        }
    }
    Ok(found)
}

/// Are the balls of uniqueness disjoint?
pub(super) fn apart(a: &Found, b: &Found) -> bool {
    let d: Vec<I> = a.center.iter().zip(&b.center).map(|(a, b)| I::of(*a) - I::of(*b)).collect();
    length(&d).lo > (I::of(a.unique) + I::of(b.unique)).hi
}
