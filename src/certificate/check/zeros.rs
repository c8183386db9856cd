//! One critical point: that every field within (e0, e1) has one zero there, and no other near it, hyperbolic and of the index stated.
//!
//! At the centre x let `|g(x)| <= n`. With the eigenvectors stated as rows of V and the signs of their eigenvalues, Q is the
//! form `sum_i sign(w_i) v_i v_i'`; at a minimum or a maximum it is the identity or minus it, at a saddle in the plane minus one along `v_1`
//! and one across. On the ball of radius d about x let no
//! eigenvalue of `(Q H + H Q)/2` be below `m(d)`, which falls with d, and `Phi(d)` the integral of m from 0 to d. For y at the distance d,
//! `<Q (y - x), g(y) - g(x)>`, an integral of H along the line to y, is at least `d Phi(d)`, so that `|g(y)| >= Phi(d)/|Q| - n = phi(d)`.
//!
//! * `m(unique) > e1 |Q|`: `<d, Q d>` falls along the flow for the difference d of any two orbits in the ball of radius `unique`: there is at
//!   most one zero of each of the fields X in it, hyperbolic with the index of Q, and it is the only orbit that stays in the ball for all times.
//! * `phi(radius) > e0`, hence `phi > e0` from there to `unique`: there `<Q (y - x), X(y)> < 0`, so that X has the degree of `-Q (y - x)` on the ball, a
//!   zero in it, and that lies within `radius`.
//! * `phi(radius) > e0`, `phi(basin) > e0` with m on the ball of radius `basin`, at a minimum: phi is concave, so the distance from x falls from
//!   `basin` to `radius`. At a maximum likewise against the flow.
//!
//! m is a step function: in up to three dimensions the Hessian is enclosed on a grid of boxes; in any, `m(d) >= m(0) - |Q| L d` with the
//! Lipschitz constant L of H on the ball.

use super::field::Field;
use super::interval::{I, ONE, ZERO, length, sum};
use super::matrix::{Square, off_orthogonal};
use crate::certificate::format::Zero;

/// What was found of a point.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) center: Vec<f64>,
    pub(super) radius: f64,
    pub(super) unique: f64,
    pub(super) basin: f64,
    pub(super) index: usize,
}

impl Found {
    /// Nothing but an index, for the algebra of a graph.
    pub(super) fn of_index(index: usize) -> Found {
        Found { center: vec![], radius: 0.0, unique: 0.0, basin: 0.0, index }
    }
}

/// What Q is.
#[derive(Clone, Debug)]
enum Shape {
    /// The identity, at a minimum.
    Plus,
    /// Minus the identity, at a maximum.
    Minus,
    /// In the plane, minus one along this vector and one across: then the form has no mixed part, whatever the Hessian.
    Plane([I; 2]),
    /// Any other.
    Other(Square),
    /// Any other, in so many dimensions that only its values at the centre are needed.
    Many,
}

/// A point's form and what holds at its centre, whatever e0 and e1.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    center: Vec<f64>,
    pub(crate) index: usize,
    q: Shape,
    /// At least `|Q|`.
    pub(crate) size: f64,
    /// At least `|g(x)|`.
    pub(crate) residual: f64,
    /// At most the smallest eigenvalue of the form at the centre.
    pub(crate) least: f64,
}

/// Cells along a side of the grid over a ball, in one, two and three dimensions.
const CELLS: [usize; 3] = [64, 16, 8];
/// Steps of m.
const STEPS: usize = 16;

/// At most the smallest eigenvalue of a form on balls of `radius * j/STEPS`, `j = 1..=STEPS`: it falls with j.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) radius: f64,
    least: Vec<f64>,
}

/// The radius of ball j, from 0 on: any ascending numbers will do, the last of which is the radius.
fn ball(radius: f64, j: usize) -> f64 {
    // A little smaller than the cells' sides would have it, so that cells that only touch a ball are none of its.
    if j + 1 == STEPS { radius } else { radius * ((j + 1) as f64 / STEPS as f64) * (1.0 - 1e-9) }
}

impl Profile {
    /// At most the integral of m from 0 to d, which is at most the radius.
    pub(crate) fn phi(&self, d: f64) -> f64 {
        if !(d >= 0.0 && d <= self.radius) {
            return f64::NEG_INFINITY;
        }
        let (mut total, mut from) = (ZERO, 0.0);
        for (j, m) in self.least.iter().enumerate() {
            let to = d.min(ball(self.radius, j));
            total = total + I::of(*m) * (I::of(to) - I::of(from));
            if to == d {
                break;
            }
            from = to;
        }
        total.lo
    }

    /// The largest of the balls on which m is positive; 0 if there is none.
    pub(crate) fn positive(&self) -> f64 {
        let last = self.least.iter().rposition(|m| *m > 0.0);
        last.map_or(0.0, |j| ball(self.radius, j))
    }

    /// On the whole ball.
    pub(crate) fn end(&self) -> f64 {
        self.least.last().copied().unwrap_or(f64::NEG_INFINITY)
    }
}

impl Form {
    /// From what a file says of a point; the error says what does not hold.
    pub(super) fn new(field: &Field, zero: &Zero) -> Result<Form, String> {
        let n = field.n;
        let (x, w) = (&zero.center.0, &zero.values.0);
        let sizes = x.len() == n && w.len() == n && zero.vectors.len() == n;
        if !sizes || zero.vectors.iter().any(|v| v.0.len() != n) || zero.index > n {
            return Err(format!("its centre, eigenvalues and eigenvectors are not those of {n} dimensions"));
        }
        // Three products of matrices.
        field.count(6 * (n as u64).pow(3));
        let (g, h) = field.at(x);
        // V H V' = diag w + E, V V' = I + F.
        let v: Vec<f64> = zero.vectors.iter().flat_map(|v| v.0.iter().copied()).collect();
        let (error, off) = (h.congruence(&v, w), off_orthogonal(&v, n));
        let least = w.iter().fold(f64::INFINITY, |m, w| m.min(w.abs()));
        let most = w.iter().fold(0.0f64, |m, w| m.max(w.abs()));
        if !(off < 0.5 && error < least) {
            return Err("its eigenvalues are not apart from zero, as far as its eigenvectors show".into());
        }
        let index = w.iter().filter(|w| **w < 0.0).count();
        if index != zero.index {
            return Err(format!("its index is {index}, not {}", zero.index));
        }
        let (least, most, error, off) = (I::of(least), I::of(most), I::of(error), I::of(off));
        let residual = length(&g).hi;
        let center = x.clone();
        if index == 0 || index == n {
            // Eigenvalues of H are those of V H V' over numbers in [1 - |F|, 1 + |F|] (Ostrowski).
            let least = (least - error).over(ONE + off).lo;
            let q = if index == 0 { Shape::Plus } else { Shape::Minus };
            return Ok(Form { center, index, q, size: 1.0, residual, least });
        }
        if n == 2 {
            let q = Shape::Plane([I::of(v[0]), I::of(v[1])]);
            let mut form = Form { center, index, q, size: 1.0, residual, least: 0.0 };
            form.least = form.over(&h);
            return Ok(form);
        }
        // (Q H + H Q)/2 = V' [ (S (W + E) (I + F)^-1 + its transpose)/2 ] V with S the signs, and S W = |W|.
        let turned = off.over(ONE - off);
        let least = ((least - error - (most + error) * turned) * (ONE - off)).lo;
        let size = (ONE + off).hi;
        if n > CELLS.len() {
            return Ok(Form { center, index, q: Shape::Many, size, residual, least });
        }
        let q = Square::from_fn(n, |a, b| {
            sum((0..n).map(|i| {
                let (p, q) = (I::of(v[i * n + a]), I::of(v[i * n + b]));
                let product = if a == b { p.sqr() } else { p * q };
                if w[i] < 0.0 { -product } else { product }
            }))
        });
        Ok(Form { center, index, q: Shape::Other(q), size, residual, least })
    }

    /// At most the smallest eigenvalue of the form over all Hessians of a set.
    fn over(&self, h: &Square) -> f64 {
        match &self.q {
            Shape::Plus => h.least_eigenvalue(),
            Shape::Minus => h.clone().negated().least_eigenvalue(),
            Shape::Plane(u) => {
                let v = [-u[1], u[0]];
                let along = |w: &[I; 2]| {
                    let mixed = I::of(2.0) * (w[0] * w[1]) * h.at(0, 1);
                    (w[0].sqr() * h.at(0, 0) + mixed + w[1].sqr() * h.at(1, 1)).over(w[0].sqr() + w[1].sqr())
                };
                (-along(u)).lo.min(along(&v).lo)
            }
            Shape::Other(q) => q.symmetric_product(h).least_eigenvalue(),
            Shape::Many => f64::NEG_INFINITY,
        }
    }

    /// Its smallest eigenvalue on balls.
    pub(super) fn profile(&self, field: &Field, radius: f64) -> Profile {
        let n = field.n;
        let slope = I::of(self.size) * I::of(field.lipschitz(&self.center, radius));
        let by_slope = |j: usize| {
            let m = (I::of(self.least) - slope * I::of(ball(radius, j))).lo;
            if m.is_nan() { f64::NEG_INFINITY } else { m }
        };
        let mut least: Vec<f64> = (0..STEPS).map(by_slope).collect();
        let cells = CELLS.get(n - 1).map_or(0, |cells| cells / field.coarseness());
        if cells > 0 && radius.is_finite() {
            let side = I::of(radius).over(I::of(0.5 * cells as f64));
            // Corners of the cells, shared, so that nothing is left out between two.
            let ends: Vec<Vec<f64>> = self
                .center
                .iter()
                .map(|c| {
                    let at = |k: usize| I::of(*c) - I::of(radius) + side * I::of(k as f64);
                    (0..=cells)
                        .map(|k| match k {
                            0 => at(0).lo,
                            k if k == cells => at(cells).hi,
                            k => at(k).mid(),
                        })
                        .collect()
                })
                .collect();
            let mut grid = vec![self.least; STEPS];
            for k in 0..cells.pow(n as u32) {
                let cell: Vec<I> = (0..n)
                    .map(|i| {
                        let place = k / cells.pow(i as u32) % cells;
                        I::new(ends[i][place], ends[i][place + 1])
                    })
                    .collect();
                let apart: Vec<I> =
                    cell.iter().zip(&self.center).map(|(x, c)| I::of((*x - I::of(*c)).mig())).collect();
                let near = length(&apart).lo;
                if near > radius {
                    continue;
                }
                let m = self.over(&field.hessian_of_cell(&cell));
                for (j, g) in grid.iter_mut().enumerate() {
                    if ball(radius, j) >= near {
                        // What is no number is no bound.
                        *g = if m >= *g {
                            *g
                        } else if m < *g {
                            m
                        } else {
                            f64::NEG_INFINITY
                        };
                    }
                }
            }
            for (m, g) in least.iter_mut().zip(grid) {
                *m = m.max(g);
            }
        }
        // On a smaller ball it is no smaller.
        for j in (0..STEPS - 1).rev() {
            least[j] = least[j].max(least[j + 1]);
        }
        Profile { radius, least }
    }

    /// Is the gradient larger than e0 at the distance d, by this profile?
    pub(crate) fn exceeds(&self, profile: &Profile, d: f64, e0: f64) -> bool {
        (I::of(profile.phi(d)).over(I::of(self.size)) - I::of(self.residual)).lo > e0
    }

    /// Is there one zero at most, of each of the fields, on the ball of a profile?
    pub(crate) fn separates(&self, profile: &Profile, e1: f64) -> bool {
        (I::of(profile.end()) - I::of(e1) * I::of(self.size)).lo > 0.0
    }
}

/// Checks a point; the error says what does not hold.
pub(super) fn check(field: &Field, zero: &Zero, e0: f64, e1: f64) -> Result<Found, String> {
    let (radius, unique, basin) = (zero.radius.0, zero.unique.0, zero.basin.0);
    if !(radius > 0.0 && unique > radius && (basin == 0.0 || basin > radius)) {
        return Err("its radii are not in order".into());
    }
    let form = Form::new(field, zero)?;
    let profile = form.profile(field, unique);
    if !form.separates(&profile, e1) {
        return Err(format!("it is not shown to be the only one within {unique:.3e}"));
    }
    if !form.exceeds(&profile, radius, e0) {
        return Err(format!(
            "the gradient is not larger than e0 between the distances {radius:.3e} and {unique:.3e}"
        ));
    }
    if basin > 0.0 {
        let extreme = form.index == 0 || form.index == field.n;
        let wide = if basin == unique { profile } else { form.profile(field, basin) };
        if !(extreme && form.exceeds(&wide, radius, e0) && form.exceeds(&wide, basin, e0)) {
            return Err(format!("the ball of radius {basin:.3e} is not shown to be drawn to it"));
        }
    }
    Ok(Found { center: zero.center.0.clone(), radius, unique, basin, index: form.index })
}

/// Are the balls that hold the zeros disjoint?
pub(super) fn apart(a: &Found, b: &Found) -> bool {
    let d: Vec<I> = a.center.iter().zip(&b.center).map(|(a, b)| I::of(*a) - I::of(*b)).collect();
    length(&d).lo > (I::of(a.radius) + I::of(b.radius)).hi
}
