//! Balls that no orbit leaves: around a minimum, as far as the Hessian is seen to be positive. In such a ball
//! `(x - m).grad E(x) > 0`, so the distance to the minimum falls along the flow and Newton's method has one solution.

use faer::Mat;
use faer::Side;

use crate::landscape::Landscape;
use crate::linalg::norm;

/// Radius of a ball about `center` on which `sign * Hessian` is positive definite at every sampled point: along the
/// given `directions` (any lengths; towards the neighbours, along soft modes) on both sides, at half and at full radius.
/// At most `most`, and zero if nothing positive was found.
pub fn positive_radius(
    landscape: &dyn Landscape,
    center: &[f64],
    directions: &[Vec<f64>],
    sign: f64,
    most: f64,
) -> f64 {
    let n = center.len();
    let mut h = Mat::zeros(n, n);
    let mut x = vec![0.0; n];
    let mut positive = |direction: &[f64], r: f64| -> bool {
        let size = norm(direction);
        if !(size > 0.0) {
            return true;
        }
        for i in 0..n {
            x[i] = center[i] + r * direction[i] / size;
        }
        landscape.hessian(&x, h.as_mut());
        if sign < 0.0 {
            h.as_mut().col_iter_mut().for_each(|c| c.iter_mut().for_each(|e| *e = -*e));
        }
        (0..n).all(|j| (j..n).all(|i| h[(i, j)].is_finite())) && h.llt(Side::Lower).is_ok()
    };
    let mut radius = most;
    // The direction that failed last is the likeliest to fail again: it is asked first.
    let mut order: Vec<usize> = (0..2 * directions.len()).collect();
    for _ in 0..40 {
        let failed = order.iter().position(|&d| {
            let side = if d % 2 == 0 { 1.0 } else { -1.0 };
            !(positive(&directions[d / 2], side * radius)
                && positive(&directions[d / 2], side * 0.5 * radius))
        });
        match failed {
            None => return radius,
            Some(place) => {
                let worst = order.remove(place);
                order.insert(0, worst);
                radius *= 0.7;
            }
        }
    }
    0.0
}
