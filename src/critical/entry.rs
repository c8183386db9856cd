//! Proof that the flow `-grad E` enters a region all over its boundary: there the gradient points outwards.
//!
//! Either the kind knows a ball such that the flow enters every larger one ([`Enclose::trap`]), or, in few dimensions, the product
//! of gradient and outward normal is shown to be positive by subdivision, on the faces of a box or around a sphere.

use crate::control::Control;
use crate::landscape::{Enclose, Region, Shape};
use crate::rigor::Interval;
use crate::rigor::prune::{faces, meets_sphere, positive};

use super::complete::holds_ball;

/// Boundaries are subdivided up to this dimension of space,
const MOST_DIMENSIONS: usize = 4;
/// into so many boxes at most, none narrower than this part of a face.
const LIMITS: (u64, f64) = (40_000, 1e-6);

/// Is it proven that the flow enters the region all over its boundary? Where the region closes on itself there is none.
pub(super) fn enters(enclosed: &dyn Enclose, region: &Region, control: &Control<'_>) -> bool {
    let n = region.dim();
    let round = matches!(region.shape, Shape::Ball { .. });
    if round && enclosed.trap().is_some_and(|(center, radius)| holds_ball(region, &center, radius)) {
        return true;
    }
    if n > MOST_DIMENSIONS {
        return false;
    }
    let stop = || control.stopped();
    let (limit, width) = LIMITS;
    let ascent = enclosed.ascent();
    let gradient = |x: &[Interval]| {
        let mut g = vec![Interval::ENTIRE; n];
        ascent(x, &mut g);
        g
    };
    match &region.shape {
        Shape::Box { lower, upper } => {
            let sides: Vec<Interval> = (0..n).map(|i| Interval::new(lower[i], upper[i])).collect();
            faces(&sides).into_iter().filter(|(axis, ..)| region.period_of(*axis).is_none()).all(
                |(axis, above, face)| {
                    let outwards =
                        |x: &[Interval]| if above { gradient(x)[axis] } else { -gradient(x)[axis] };
                    positive(&outwards, vec![face], &|_| true, limit, width, &stop).is_proven()
                },
            )
        }
        Shape::Ball { center, radius } => {
            let cube = center.iter().map(|c| Interval::about(*c, *radius)).collect();
            let outwards = |x: &[Interval]| {
                let products = gradient(x).into_iter().zip(x.iter().zip(center));
                products.fold(Interval::ZERO, |sum, (g, (x, c))| sum + g * x.shift(-c))
            };
            let meets = |x: &[Interval]| meets_sphere(x, center, *radius);
            positive(&outwards, vec![cube], &meets, limit, width, &stop).is_proven()
        }
    }
}
