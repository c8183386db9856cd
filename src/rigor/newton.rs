//! Newton-Kantorovich: a zero near a point, how near, and in how large a ball it is the only one.
//!
//! Let g be the gradient of a function on a ball of radius rho about `x0` in which its Hessian H has Lipschitz constant L, and
//! m a lower bound of the |eigenvalues| of `H(x0)`. With `y >= |H(x0)^-1 g(x0)|` and `h = L/(2m)`:
//!
//! * if `y + h r^2 <= r` for an `r <= rho`, the map `x - H(x0)^-1 g(x)` takes the ball of radius r into itself, so that there is a
//!   zero in it (Brouwer);
//! * two zeros `x1`, `x2` would need a singular mean Hessian on the segment between them, but that differs from `H(x0)` by at
//!   most `L (|x1 - x0| + |x2 - x0|)/2`, which is less than m if `r1 + r2 < 2m/L`: so the zero within r is the only one at a
//!   distance below `2m/L - r`.
//!
//! (Kantorovich 1948; in this form see Ortega & Rheinboldt 1970, theorem 12.6.2. No approximate inverse enters: all that
//! is used of `H(x0)` is a proven bound of its spectrum.)

use super::rounding::{add_up, div_down, div_up, mul_down, mul_up, sqrt_down, sub_down};

/// A zero that is proven to exist.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Isolated {
    /// It lies within this distance of the point,
    pub radius: f64,
    /// and is the only zero at a distance below this one.
    pub unique: f64,
}

/// What the theorem gives for `newton >= |H(x0)^-1 g(x0)|`, `0 < smallest <= min |eigenvalue of H(x0)|` and the Lipschitz constant
/// of H on the ball of radius `within`; `None` if its hypotheses fail.
pub fn isolated_zero(newton: f64, smallest: f64, lipschitz: f64, within: f64) -> Option<Isolated> {
    let usable = newton >= 0.0 && smallest > 0.0 && (0.0..f64::INFINITY).contains(&lipschitz);
    if !(usable && within > 0.0) {
        return None;
    }
    // The smaller root of h r^2 - r + y, a little enlarged; that it satisfies the inequality is then checked.
    let h = div_up(lipschitz, mul_down(2.0, smallest));
    let discriminant = sub_down(1.0, mul_up(mul_up(4.0, h), newton));
    if !(discriminant > 0.0) {
        return None;
    }
    let radius = div_up(mul_up(2.0, newton), 1.0 + sqrt_down(discriminant)) * (1.0 + 1e-10);
    if !(add_up(newton, mul_up(h, mul_up(radius, radius))) <= radius && radius <= within) {
        return None;
    }
    let unique = if h > 0.0 { sub_down(div_down(1.0, h), radius).min(within) } else { within };
    (radius < unique).then_some(Isolated { radius, unique })
}

/// The same where the Hessian is known to differ from `H(x0)` by at most `variation` on the ball of radius `within`, and nothing is
/// known of a Lipschitz constant: then `x - H(x0)^-1 g(x)` is a contraction there by the factor `variation/m`.
pub fn isolated_zero_by_variation(
    newton: f64,
    smallest: f64,
    variation: f64,
    within: f64,
) -> Option<Isolated> {
    let usable = newton >= 0.0 && smallest > 0.0 && variation >= 0.0 && within > 0.0;
    if !(usable && variation < smallest && newton < f64::INFINITY) {
        return None;
    }
    let left = sub_down(1.0, div_up(variation, smallest));
    if !(left > 0.0) {
        return None;
    }
    let radius = div_up(newton, left);
    (radius < within).then_some(Isolated { radius, unique: within })
}

/// A lower bound of the eigenvalues `a` can still have in absolute value, and with it the sign they keep, at a distance
/// `radius` from where they are at least `smallest` in absolute value; `None` if one may have vanished.
pub fn kept_away(smallest: f64, lipschitz: f64, radius: f64) -> Option<f64> {
    let left = sub_down(smallest, mul_up(lipschitz, radius));
    (left > 0.0).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x^3/3 - mu x` has its zeros of the derivative at `+-sqrt mu`: at the point 1 with L = 2 a gradient of
    /// `1 - mu` can be borne until both meet, at mu = 0.
    #[test]
    fn sharp_on_the_cubic_fold() {
        for mu in [0.9, 0.5, 0.1, 1e-3] {
            let z = isolated_zero((1.0 - mu) / 2.0, 2.0, 2.0, 10.0).unwrap();
            let exact = 1.0 - f64::sqrt(mu);
            assert!(z.radius >= exact && z.radius <= exact * (1.0 + 1e-9), "{mu}: {z:?}");
            // The other zero is at -sqrt(mu).
            assert!(z.unique <= 1.0 + f64::sqrt(mu) && z.unique > (1.0 + f64::sqrt(mu)) * (1.0 - 1e-9));
        }
        assert_eq!(isolated_zero(0.5, 2.0, 2.0, 10.0), None);
        assert_eq!(isolated_zero(0.51, 2.0, 2.0, 10.0), None);
    }

    #[test]
    fn the_bound_on_the_hessian_holds_only_where_it_was_taken() {
        assert_eq!(isolated_zero(0.2, 2.0, 2.0, 0.2), None);
        let z = isolated_zero(0.2, 2.0, 2.0, 0.3).unwrap();
        assert_eq!(z.unique, 0.3);
        assert_eq!(isolated_zero(1e-9, 1.0, 0.0, 7.0).unwrap().unique, 7.0);
    }

    #[test]
    fn what_is_no_number_proves_nothing() {
        let nan = f64::NAN;
        for (y, m, l, w) in [
            (nan, 1.0, 1.0, 1.0),
            (0.0, nan, 1.0, 1.0),
            (0.0, 1.0, nan, 1.0),
            (0.0, 1.0, 1.0, nan),
            (0.0, 0.0, 1.0, 1.0),
            (0.0, -1.0, 1.0, 1.0),
            (0.0, 1.0, f64::INFINITY, 1.0),
            (f64::INFINITY, 1.0, 0.0, 1.0),
            (-1.0, 1.0, 1.0, 1.0),
        ] {
            assert_eq!(isolated_zero(y, m, l, w), None, "{y} {m} {l} {w}");
        }
        assert_eq!(kept_away(1.0, nan, 0.1), None);
        assert_eq!(kept_away(1.0, 1.0, 1.0), None);
        assert!(kept_away(1.0, 1.0, 0.5).unwrap() <= 0.5);
    }

    /// At a point that is a zero to the last bit there is nothing between it and the zero.
    #[test]
    fn an_exact_zero_has_radius_zero() {
        let z = isolated_zero(0.0, 1.0, 4.0, 9.0).unwrap();
        assert_eq!(z.radius, 0.0);
        assert!(z.unique <= 0.5 && z.unique > 0.499);
    }

    #[test]
    fn a_variation_is_borne_up_to_the_smallest_eigenvalue() {
        // The radius is y / (1 - v/m), exactly: 1, and 3 times 2^50, where v/m is between two neighbours.
        let z = isolated_zero_by_variation(0.5, 1.0, 0.5, 2.0).unwrap();
        assert!(z.radius >= 1.0 && z.radius < 1.0 + 1e-14 && z.unique == 2.0);
        assert_eq!(isolated_zero_by_variation(0.5, 1.0, 0.5, 1.0), None);
        let least = 3.0 * 2f64.powi(50);
        let z = isolated_zero_by_variation(1.0, 3.0, 3.0 - 2f64.powi(-50), 1e300);
        assert!(z.is_none_or(|z| z.radius >= least));
        for k in 0..64 {
            let m = 1.0 + f64::from(k) / 64.0;
            let z = isolated_zero_by_variation(1.0, m, m.next_down(), 1e300);
            assert!(z.is_none_or(|z| z.radius >= 2f64.powi(52)), "{m}: {z:?}");
        }
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for (y, m, v, w) in [
            (-1.0, 1.0, 0.5, 9.0),
            (0.1, 1.0, -0.5, 9.0),
            (0.1, 1.0, 1.0, 9.0),
            (0.1, 1.0, 2.0, 9.0),
            (0.1, -1.0, 0.5, 9.0),
            (inf, 1.0, 0.5, inf),
            (nan, 1.0, 0.5, 9.0),
            (0.1, nan, 0.5, 9.0),
            (0.1, 1.0, nan, 9.0),
            (0.1, 1.0, 0.5, nan),
        ] {
            assert_eq!(isolated_zero_by_variation(y, m, v, w), None, "{y} {m} {v} {w}");
        }
        assert_eq!(isolated_zero(0.1, 1.0, -1.0, 9.0), None);
    }

    #[test]
    fn what_is_left_of_an_eigenvalue_is_a_lower_bound() {
        // L r is 1 + u - 2u^2, which rounds to one: of 1 + 2u little more than u is left. And far below the last place of m.
        let unit = f64::EPSILON / 2.0;
        let left = kept_away(1.0 + 2.0 * unit, 1.0 + 2.0 * unit, 1.0 - unit);
        assert!(left.is_none_or(|left| left <= unit * (1.0 + 2.0 * unit)));
        assert_eq!(kept_away(1.0, 1.0 + 2.0 * unit, 1.0 - unit), None);
        assert!(kept_away(1.0, 1e-30, 1.0).unwrap() < 1.0);
        assert_eq!((kept_away(0.0, 0.0, 1.0), kept_away(-1.0, 0.0, 1.0)), (None, None));
    }
}
