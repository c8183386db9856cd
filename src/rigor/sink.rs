//! Balls about a minimum from which all orbits end there, of the flow `x' = -g(x)` and of all fields near it.
//!
//! Let the gradient g vanish at `x*`, m be at most the smallest eigenvalue of the Hessian there, and L its Lipschitz constant on a ball
//! about `x*`. At a distance d from `x*`, `<g(y), y - x*> >= (m - L d/2) d^2`. A field within e0 of -g, and within e1 in its
//! derivative,
//!
//! * contracts distances in the ball of radius R, `m - L R - e1 > 0`, and enters it if `(m - L R - e1) R > e0`: it has one zero in it, at
//!   which all orbits in it end;
//! * comes closer to `x*` at every distance d with `(m - L d/2) d > e0`, a condition concave in d: from D it gets as far as R if it holds
//!   at both.

use super::rounding::{div_down, mul_down, mul_up, sub_down};

/// The radius of a ball about x from which all orbits of all these fields end at one zero. x is within `radius` of `x*`, whose Hessian
/// has no eigenvalue below `smallest`; on the ball of radius `ball` about x the Hessian has the Lipschitz constant `lipschitz`. `None`
/// if there is no such ball, as far as can be told.
pub fn sink(smallest: f64, radius: f64, lipschitz: f64, ball: f64, e0: f64, e1: f64) -> Option<f64> {
    let room = sub_down(ball, radius);
    let left = sub_down(smallest, e1);
    if !(radius >= 0.0 && lipschitz >= 0.0 && e0 >= 0.0 && e1 >= 0.0 && left > 0.0 && room < f64::INFINITY) {
        return None;
    }
    // Where (m - e1 - L R) R is largest.
    let inner = if lipschitz > 0.0 { div_down(0.5 * left, lipschitz).min(room) } else { room };
    let contracts = sub_down(left, mul_up(lipschitz, inner));
    if !(inner > 0.0 && contracts > 0.0 && mul_down(contracts, inner) > e0) {
        return None;
    }
    let falls = |d: f64| mul_down(sub_down(smallest, mul_up(0.5 * lipschitz, d)), d) > e0;
    // The larger root of (m - L d/2) d = e0, less a little.
    let root = (smallest + (smallest * smallest - 2.0 * lipschitz * e0).max(0.0).sqrt()) / lipschitz;
    let outer = if root < room { root * (1.0 - 1e-9) } else { room };
    let outer = if outer > inner && falls(inner) && falls(outer) { outer } else { inner };
    // From balls about the zero back to balls about x.
    let about = sub_down(outer, radius);
    (about > 0.0).then_some(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `E = x^2/2 - x^3/6`: m = L = 1, the maximum at 2 bounds the basin.
    #[test]
    fn sharp_on_the_cubic() {
        let r = sink(1.0, 0.0, 1.0, 10.0, 0.0, 0.0).unwrap();
        assert!(r < 2.0 && r > 2.0 - 1e-8);
        // With a force e0 the maximum moves to 1 + sqrt(1 - 2 e0); but R contracts only up to e0 = 1/4.
        let r = sink(1.0, 0.0, 1.0, 10.0, 0.2, 0.0).unwrap();
        let exact = 1.0 + f64::sqrt(1.0 - 0.4);
        assert!(r < exact && r > exact - 1e-8);
        assert!(sink(1.0, 0.0, 1.0, 10.0, 0.25, 0.0).is_none());
        // e1 takes from what contracts: (1 - e1)^2/4.
        assert!(sink(1.0, 0.0, 1.0, 10.0, 0.062, 0.5).is_some());
        assert!(sink(1.0, 0.0, 1.0, 10.0, 0.063, 0.5).is_none());
        assert!(sink(1.0, 0.0, 1.0, 10.0, 0.0, 1.0).is_none());
        // The bounds hold no farther than they were taken, and x is not the minimum.
        assert_eq!(sink(1.0, 0.0, 1.0, 0.5, 0.0, 0.0), Some(0.5));
        let r = sink(1.0, 0.125, 1.0, 0.5, 0.0, 0.0).unwrap();
        assert!(r <= 0.25 && r > 0.2499);
        assert_eq!(sink(1.0, 0.5, 1.0, 0.5, 0.0, 0.0), None);
        // Convex all over.
        assert_eq!(sink(1.0, 0.0, 0.0, 7.0, 0.0, 0.0), Some(7.0));
        assert!(sink(1.0, 0.0, 0.0, 7.0, 7.0, 0.0).is_none());
    }

    #[test]
    fn what_is_no_number_proves_nothing() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for (m, r, l, ball, e0, e1) in [
            (nan, 0.0, 1.0, 1.0, 0.0, 0.0),
            (1.0, nan, 1.0, 1.0, 0.0, 0.0),
            (1.0, -1.0, 1.0, 1.0, 0.0, 0.0),
            (1.0, 0.0, nan, 1.0, 0.0, 0.0),
            (1.0, 0.0, inf, 1.0, 0.0, 0.0),
            (1.0, 0.0, 1.0, nan, 0.0, 0.0),
            (1.0, 0.0, 0.0, inf, 0.0, 0.0),
            (1.0, 0.0, 1.0, 1.0, nan, 0.0),
            (1.0, 0.0, 1.0, 1.0, 0.0, nan),
            (0.0, 0.0, 1.0, 1.0, 0.0, 0.0),
            (-1.0, 0.0, 1.0, 1.0, 0.0, 0.0),
        ] {
            assert_eq!(sink(m, r, l, ball, e0, e1), None, "{m} {r} {l} {ball} {e0} {e1}");
        }
    }
}
