//! Critical points for a certificate: balls as large as the theorems of `check/zeros.rs` allow at given (e0, e1).
//!
//! What the checker bounds on balls about a point depends on neither e0 nor e1, so it is asked once a ball.

use super::Builder;
use crate::certificate::check::{Form, Profile};
use crate::certificate::format::{Hex, HexVec, Zero};
use crate::landscape::Enclose;
use crate::linalg::symmetric_eigen;
use crate::rigor::Interval;

/// Each ball tried is this share of the one before.
const SHRINK: f64 = 0.82;
/// Balls tried.
const TRIES: usize = 30;
/// Balls of uniqueness that are kept.
const KEPT: usize = 8;

/// What does not depend on (e0, e1).
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) x: Vec<f64>,
    pub(super) index: usize,
    /// How far the next point is.
    pub(super) nearest: f64,
    /// The point as it is written, but for its balls.
    zero: Zero,
    form: Form,
    /// Norm of the gradient, at least.
    pub(super) residual: f64,
    /// Balls in which it is the only point, the largest first.
    balls: Vec<Profile>,
    /// At a minimum or a maximum: balls that may be drawn to it, the largest first.
    wide: Vec<Profile>,
}

impl Site {
    /// Of a place near which there is a critical point, the next of which is at the distance `nearest`.
    pub(super) fn new(b: &Builder<'_>, x: &[f64], nearest: f64) -> Result<Site, String> {
        let n = x.len();
        let place: Vec<Interval> = x.iter().map(|x| Interval::point(*x)).collect();
        let h = b.both.hessian(&place);
        let (mut values, mut vectors) = (vec![0.0; n], faer::Mat::zeros(n, n));
        if !symmetric_eigen(h.mid.as_ref(), &mut values, vectors.as_mut()) {
            return Err("its Hessian is not finite".into());
        }
        let index = values.iter().filter(|v| **v < 0.0).count();
        let zero = Zero {
            center: HexVec(x.to_vec()),
            radius: Hex(0.0),
            unique: Hex(0.0),
            basin: Hex(0.0),
            index,
            values: HexVec(values),
            vectors: (0..n).map(|j| HexVec(vectors.col_as_slice(j).to_vec())).collect(),
        };
        let form = b.oracle.form(&zero)?;
        if !(form.least > 0.0) {
            return Err("its Hessian is singular, as far as can be told".into());
        }
        let extreme = index == 0 || index == n;
        let (balls, wide) = match n {
            0..=3 => balls(b, &form, 0.999 * nearest, extreme),
            _ => balls_in_many(b, &form, 0.999 * nearest, extreme),
        };
        let residual = form.residual;
        Ok(Site { x: x.to_vec(), index, nearest, zero, form, residual, balls, wide })
    }

    /// About the largest gradient that it can withstand.
    pub(super) fn steepness(&self) -> f64 {
        self.balls.iter().map(|b| b.phi(b.radius)).fold(0.0, f64::max)
    }

    /// The point with its balls.
    pub(super) fn zero(&self, e0: f64, e1: f64) -> Result<Zero, String> {
        let grain = 1e-14 * self.x.iter().fold(0.0f64, |s, x| s.max(x.abs())) + 1e-300;
        let mut why = "no ball about it in which the Hessian changes little enough".to_string();
        for ball in &self.balls {
            if !self.form.separates(ball, e1) {
                continue;
            }
            let Some(radius) = self.radius(ball, e0, grain) else {
                why = "the gradient about it does not become larger than e0 within the ball in which it is the only zero".into();
                continue;
            };
            let extreme = !self.wide.is_empty();
            let (radius, basin) = match self.drawn(ball, radius, e0, grain) {
                Some(both) => both,
                None if extreme => {
                    why = "no ball about it is shown to be drawn to it".into();
                    continue;
                }
                None => (radius, 0.0),
            };
            let (radius, unique, basin) = (Hex(radius), Hex(ball.radius), Hex(basin));
            return Ok(Zero { radius, unique, basin, ..self.zero.clone() });
        }
        Err(why)
    }

    /// A distance within which zeros lie, by a ball.
    fn radius(&self, ball: &Profile, e0: f64, grain: f64) -> Option<f64> {
        let holds = |d: f64| self.form.exceeds(ball, d, e0);
        let (mut low, mut high) = (0.0, ball.radius * (1.0 - 1e-9));
        if !holds(high) {
            return None;
        }
        for _ in 0..40 {
            let middle = if low == 0.0 { 0.1 * high } else { 0.5 * (low + high) };
            if holds(middle) {
                high = middle;
            } else {
                low = middle;
            }
            if high - low < 1e-3 * high || high < grain {
                break;
            }
        }
        // Room for other arithmetic.
        let radius = (high * (1.0 + 1e-4) + grain).min(ball.radius * (1.0 - 1e-9));
        holds(radius).then_some(radius)
    }

    /// The largest ball known to be drawn to it, or to drain, after the distance within which zeros lie: over a larger ball less is known
    /// of what is near, so that this may have to grow.
    fn drawn(&self, ball: &Profile, radius: f64, e0: f64, grain: f64) -> Option<(f64, f64)> {
        self.wide.iter().find_map(|wide| {
            let radius = self.radius(wide, e0, grain)?.max(radius);
            let holds = wide.radius > radius
                && ball.radius > radius
                && self.form.exceeds(ball, radius, e0)
                && self.form.exceeds(wide, radius, e0)
                && self.form.exceeds(wide, wide.radius, e0);
            holds.then_some((radius, wide.radius))
        })
    }
}

/// Balls in which a point is the only one, and those that may be drawn to it, the largest first.
fn balls(b: &Builder<'_>, form: &Form, largest: f64, extreme: bool) -> (Vec<Profile>, Vec<Profile>) {
    let (mut balls, mut wide) = (vec![], vec![]);
    let mut radius = largest;
    for _ in 0..TRIES {
        let profile = b.oracle.profile(form, radius);
        let unique = profile.positive();
        if unique == radius {
            balls.push(profile.clone());
        } else if unique > 0.0
            && balls.is_empty()
            && unique < SHRINK * radius
            && (!extreme || wide.len() > 10)
        {
            // Nothing between.
            radius = 1.1 * unique / SHRINK;
        }
        if extreme {
            wide.push(profile);
        }
        if balls.len() == KEPT {
            break;
        }
        radius *= SHRINK;
    }
    (balls, wide)
}

/// The same where one constant holds on a ball, so that a few are enough; large balls take long, so that it is begun with small ones.
fn balls_in_many(b: &Builder<'_>, form: &Form, largest: f64, extreme: bool) -> (Vec<Profile>, Vec<Profile>) {
    let grown = |holds: &dyn Fn(&Profile) -> bool| -> Vec<Profile> {
        let mut radius = 0.02 * largest;
        while radius > 1e-9 * largest && !holds(&b.oracle.profile(form, radius)) {
            radius *= 0.1;
        }
        let mut found: Vec<Profile> = vec![];
        while radius < largest {
            let profile = b.oracle.profile(form, radius);
            if !holds(&profile) {
                break;
            }
            found.push(profile);
            radius *= if found.len() < 4 { 1.5 } else { 1.2 };
        }
        found.reverse();
        found.truncate(KEPT);
        found
    };
    let balls = grown(&|p| p.end() > 0.0);
    let wide = if extreme { grown(&|p| p.phi(p.radius) > form.residual) } else { vec![] };
    (balls, wide)
}
