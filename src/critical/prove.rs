//! Proofs about single critical points, in verified arithmetic: that there is exactly one near a computed place, how near,
//! in how large a ball it is the only one, its Morse index, and for a minimum a ball that lies in its basin.
//!
//! In: enclosures of the landscape ([`Enclose`]) and a place. Out: a [`Proof`], or nothing. The theorems are in
//! [`rigor::newton`](crate::rigor) and below; none of them uses how the place was found.

use faer::Mat;

use super::Proof;
use crate::landscape::Enclose;
use crate::landscape::enclose::{About, Ascent, Balls};
use crate::rigor::prune::{positive, square_distance};
use crate::rigor::rounding::{add_up, div_down, mul_down, mul_up, norm_up, sub_down, sub_up};
use crate::rigor::{
    Interval, Isolated, isolated_zero, isolated_zero_by_variation, kept_away, symmetric_spectrum,
};

/// Radii tried for the ball in which the Hessian's change is bounded: fractions of the largest one, four an octave of
/// sixteen.
const SHRINK: f64 = 0.25;
const TRIALS: usize = 40;
/// A change of the eigenvalues that is no larger than this, relative to the smallest, is not worth a constant for a smaller ball.
const SLIGHT: f64 = 1e-10;
/// Up to this dimension basins are followed shell by shell.
const SHELLS: usize = 3;
/// Above this dimension the Hessian is not enclosed over boxes where it has no Lipschitz constant.
const BOXES: usize = 200;

/// Proves that a nondegenerate critical point lies near `x`; `reach` is a length beyond which nothing is of interest (the
/// region's diameter).
pub(crate) fn prove(landscape: &dyn Enclose, x: &[f64], reach: f64, with_basin: bool) -> Option<Proof> {
    let n = x.len();
    let About { gradient, hessian, lipschitz: lipschitz_within } = landscape.about(x);
    let spectrum = symmetric_spectrum(&hessian)?;
    let smallest = spectrum.values.iter().fold(f64::INFINITY, |m, v| m.min(v.mig()));
    if !(smallest > 0.0 && smallest < f64::INFINITY) {
        return None;
    }
    let index = spectrum.values.iter().filter(|v| v.hi() < 0.0).count();
    let newton = newton_bound(&hessian, &gradient, smallest);
    // With the Lipschitz constant that it was found by.
    let mut best: Option<(Isolated, f64)> = None;
    let mut basin: Option<f64> = None;
    let mut ball = reach;
    for _ in 0..TRIALS {
        let lipschitz = lipschitz_within(ball);
        let (found, change) = if lipschitz < f64::INFINITY {
            (isolated_zero(newton, smallest, lipschitz, ball), lipschitz)
        } else if n <= BOXES {
            let variation = variation(landscape, &hessian, x, ball);
            (isolated_zero_by_variation(newton, smallest, variation, ball), f64::INFINITY)
        } else {
            (None, f64::INFINITY)
        };
        if let Some(found) = found {
            if best.is_none_or(|(b, _)| found.unique > b.unique) {
                best = Some((found, change));
            }
            if index == 0 && with_basin {
                basin = larger(basin, convex_basin(found, smallest, change, ball));
            }
            // The next ball would end before the theorem does.
            if found.unique >= SHRINK * ball {
                break;
            }
        }
        ball *= SHRINK;
        if !(ball > 2.0 * newton) {
            break;
        }
    }
    let (Isolated { radius, unique }, lipschitz) = best?;
    // At the exact point the eigenvalues differ from those at `x` by what the Hessian changes over the radius.
    let mut change = mul_up(lipschitz, radius);
    if !(change <= SLIGHT * smallest) {
        let lipschitz = lipschitz_within(radius);
        let other = match lipschitz < f64::INFINITY {
            true => mul_up(lipschitz, radius),
            false => variation(landscape, &hessian, x, radius),
        };
        // Both bounds hold.
        change = change.min(other);
    }
    let smallest = kept_away(smallest, change, 1.0)?;
    let ends = |v: &Interval| (sub_down(v.lo(), change), add_up(v.hi(), change));
    let eigenvalues = spectrum.values.iter().map(ends).collect();
    Some(Proof { radius, unique, index, smallest, eigenvalues, basin })
}

fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}

/// A bound of `|H^-1 g|`: an approximate solution y of `H y = g` and the size of what it leaves, over the smallest
/// |eigenvalue|. Never more than `|g|` over it.
fn newton_bound(hessian: &Balls, gradient: &[Interval], smallest: f64) -> f64 {
    let n = gradient.len();
    let size = |v: &[Interval]| norm_up(&v.iter().map(|v| v.mag()).collect::<Vec<f64>>());
    let plain = crate::rigor::rounding::div_up(size(gradient), smallest);
    let mut y: Vec<f64> = gradient.iter().map(|g| g.mid()).collect();
    if crate::linalg::solve_symmetric(hessian.mid.as_ref(), &mut y).is_none()
        || y.iter().any(|y| !y.is_finite())
    {
        return plain;
    }
    let at: Vec<Interval> = y.iter().map(|y| Interval::point(*y)).collect();
    let product = hessian.mul_vec(&at);
    let left: Vec<Interval> = (0..n).map(|i| gradient[i] - product[i]).collect();
    plain.min(add_up(norm_up(&y), crate::rigor::rounding::div_up(size(&left), smallest)))
}

/// A bound of `|H(y) - H(x)|` over the box about the ball of this radius.
fn variation(landscape: &dyn Enclose, at: &Balls, x: &[f64], radius: f64) -> f64 {
    let n = x.len();
    let place: Vec<Interval> = x.iter().map(|x| Interval::about(*x, radius)).collect();
    let over = landscape.hessian(&place);
    let rad = Mat::from_fn(n, n, |i, j| {
        let apart = sub_up(over.mid[(i, j)].max(at.mid[(i, j)]), over.mid[(i, j)].min(at.mid[(i, j)]));
        add_up(apart, add_up(over.rad[(i, j)], at.rad[(i, j)]))
    });
    Balls { mid: Mat::zeros(n, n), rad }.norm_two()
}

/// The radius of a ball about x, with `found.radius` from the minimum at most, in which every orbit ends there. In the ball of
/// radius R about x let the Hessian's Lipschitz constant be L, and m its smallest eigenvalue at the minimum `x*`: then
/// `<grad E(y), y - x*> >= (m - L |y - x*|/2) |y - x*|^2` for every y in it, so that the distance from `x*` falls along the flow as
/// long as it is below `2m/L`, and balls about `x*` that lie in the ball about x are not left.
fn convex_basin(found: Isolated, smallest: f64, lipschitz: f64, ball: f64) -> Option<f64> {
    let room = sub_down(ball, found.radius);
    let falls = if lipschitz < f64::INFINITY {
        let least = kept_away(smallest, lipschitz, found.radius)?;
        if lipschitz > 0.0 { div_down(mul_down(2.0, least), lipschitz).min(room) } else { room }
    } else {
        // Uniqueness by a bound of the Hessian's change: it stays definite in the whole ball.
        room.min(found.unique)
    };
    // From balls about the minimum back to balls about x; strictly below the distance at which the proof ends.
    let radius = sub_down(falls, found.radius) * (1.0 - 1e-12);
    (radius > 0.0).then_some(radius)
}

/// Unit vectors all over the sphere in up to three dimensions.
fn directions(n: usize) -> Vec<Vec<f64>> {
    const TURN: f64 = std::f64::consts::TAU;
    match n {
        0 => vec![],
        1 => vec![vec![-1.0], vec![1.0]],
        2 => {
            let at = |k: usize| (TURN * k as f64 / 48.0).sin_cos();
            (0..48).map(|k| vec![at(k).0, at(k).1]).collect()
        }
        // A spiral from pole to pole, a golden section of a turn from one to the next.
        _ => (0..160)
            .map(|k| {
                let z = (2 * k + 1) as f64 / 160.0 - 1.0;
                let (sin, cos) = (TURN * 0.618_033_988_749_895 * k as f64).sin_cos();
                let ring = (1.0 - z * z).sqrt();
                vec![ring * sin, ring * cos, z]
            })
            .collect(),
    }
}

/// A ball about a proven minimum, larger than [`convex_basin`]'s, in which every orbit ends there: as far out as the distance from the
/// minimum is shown to fall along the flow, by subdividing one shell after the other into `boxes` at most. With the minimum `x*` within r of x,
/// `<grad E(y), y - x*> >= <grad E(y), y - x> - |grad E(y)| r`, or the same times a positive function ([`Enclose::ascent`]).
pub(super) fn radial_basin(
    ascent: &Ascent<'_>,
    x: &[f64],
    proof: &Proof,
    reach: f64,
    mut boxes: u64,
    stop: &(dyn Fn() -> bool + Sync),
) -> Option<f64> {
    let n = x.len();
    let start = proof.basin?;
    if n > SHELLS {
        return Some(start);
    }
    let inwards = |y: &[Interval]| {
        let mut g = vec![Interval::ENTIRE; n];
        ascent(y, &mut g);
        let along =
            g.iter().zip(y.iter().zip(x)).fold(Interval::ZERO, |sum, (g, (y, x))| sum + *g * y.shift(-x));
        let steep = norm_up(&g.iter().map(|g| g.mag()).collect::<Vec<f64>>());
        along - Interval::point(mul_up(steep, proof.radius))
    };
    // Where it is not so is found at a point long before it is on a box.
    let directions = directions(n);
    let rises = |radius: f64| {
        directions.iter().any(|u| {
            let y: Vec<Interval> = x.iter().zip(u).map(|(x, u)| Interval::point(x + radius * u)).collect();
            !(inwards(&y).hi() > 0.0)
        })
    };
    // Is it so between these radii?
    let mut falls = |inner: f64, outer: f64| {
        if rises(outer) {
            return false;
        }
        let meets = |y: &[Interval]| {
            let square = square_distance(y, x);
            square.hi() >= mul_down(inner, inner) && square.lo() <= mul_up(outer, outer)
        };
        let cube = x.iter().map(|x| Interval::about(*x, outer)).collect();
        let verdict = positive(&inwards, vec![cube], &meets, boxes, 1e-4, stop);
        boxes = boxes.saturating_sub(verdict.boxes);
        verdict.is_proven()
    };
    let mut shell = start;
    let mut growth = 2.0;
    while growth > 1.0 + 1e-2 {
        let next = shell * growth;
        if next < reach && falls(shell, next) {
            shell = next;
        } else {
            growth = growth.sqrt();
        }
    }
    // From balls about the minimum back to balls about x.
    let radius = sub_down(shell, mul_up(2.0, proof.radius)) * (1.0 - 1e-12);
    Some(radius.max(start))
}
