//! Balls that no orbit leaves: around a minimum, as far as the Hessian is seen to be positive. In such a ball
//! `(x - m).grad E(x) > 0`, so the distance to the minimum falls along the flow and Newton's method has one solution.
//! Of a flow that is no Euclidean gradient the Jacobian takes the Hessian's place: where `X B(x)`, with a weight X, has a
//! positive definite symmetric part, the distance in the norm of X falls.

use faer::Mat;
use faer::Side;

use super::{Flow, linear};
use crate::linalg::norm;

/// Radius of a ball about `center` on which `sign * Hessian` is positive definite at every sampled point: along the
/// given `directions` (any lengths; towards the neighbours, along soft modes) on both sides, at half and at full radius.
/// At most `most`, and zero if nothing positive was found. For a flow with its own dynamics `sign * B` must contract in a
/// fixed norm; the ball is one within the largest ball of that norm.
pub fn positive_radius(
    flow: &Flow<'_>,
    center: &[f64],
    directions: &[Vec<f64>],
    sign: f64,
    most: f64,
) -> f64 {
    let n = center.len();
    let mut h = Mat::zeros(n, n);
    let mut x = vec![0.0; n];
    let weight = if flow.has_dynamics() {
        flow.curvature(center, h.as_mut());
        scale(&mut h, sign);
        let Some(weight) = linear::contraction(h.as_ref()) else { return 0.0 };
        Some(weight)
    } else {
        None
    };
    // A ball of the weighted norm lies between two Euclidean ones of this ratio.
    let roundness = weight.as_ref().map_or(1.0, |w| match w.self_adjoint_eigenvalues(Side::Lower) {
        Ok(values) => (values[0] / values[n - 1]).max(0.0).sqrt(),
        Err(_) => 0.0,
    });
    let mut positive = |direction: &[f64], r: f64| -> bool {
        let size = norm(direction);
        if !(size > 0.0) {
            return true;
        }
        for i in 0..n {
            x[i] = center[i] + r * direction[i] / size;
        }
        flow.curvature(&x, h.as_mut());
        if sign < 0.0 {
            scale(&mut h, -1.0);
        }
        if let Some(weight) = &weight {
            let product = weight * &h;
            h = Mat::from_fn(n, n, |i, j| 0.5 * (product[(i, j)] + product[(j, i)]));
        }
        (0..n).all(|j| (j..n).all(|i| h[(i, j)].is_finite())) && h.llt(Side::Lower).is_ok()
    };
    let mut radius = most;
    // The direction that failed last is the likeliest to fail again: it is asked first.
    let mut order: Vec<usize> = (0..2 * directions.len()).collect();
    // Down to where a ridge at small noise is no wider than rounding leaves it.
    for _ in 0..80 {
        let failed = order.iter().position(|&d| {
            let side = if d % 2 == 0 { 1.0 } else { -1.0 };
            !(positive(&directions[d / 2], side * radius)
                && positive(&directions[d / 2], side * 0.5 * radius))
        });
        match failed {
            None => return roundness * radius,
            Some(place) => {
                let worst = order.remove(place);
                order.insert(0, worst);
                radius *= 0.7;
            }
        }
    }
    0.0
}

fn scale(matrix: &mut Mat<f64>, factor: f64) {
    matrix.as_mut().col_iter_mut().for_each(|c| c.iter_mut().for_each(|e| *e *= factor));
}
