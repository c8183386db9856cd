//! Where functions are undefined, exact, or hardly rounded: ends that a bound must not pass.

use std::f64::consts::{FRAC_PI_2, PI};

use smale::rigor::Interval;

use super::numbers::{Draw, steps};

fn interval(lo: f64, hi: f64) -> Interval {
    Interval::new(lo, hi)
}

#[test]
fn zeros_stay_zero() {
    let zero = Interval::ZERO;
    for f in [
        Interval::exp_m1,
        Interval::ln_1p,
        Interval::tanh,
        Interval::sinh,
        Interval::erf,
        Interval::asin,
        Interval::atan,
        Interval::sin,
        Interval::tan,
        Interval::log_cosh,
    ] {
        assert_eq!(f(zero), zero);
        // So the sign of an argument is the sign of its value.
        assert!(f(interval(0.0, 0.5)).lo() == 0.0);
    }
    assert_eq!(Interval::ONE.ln(), zero);
    assert_eq!(Interval::ONE.log10(), zero);
    assert_eq!(Interval::ONE.acos(), zero);
}

#[test]
fn ranges_end_at_the_bounds_of_the_function() {
    assert_eq!(interval(-1e4, -1e3).exp().lo(), 0.0);
    assert!(interval(-1e4, -1e3).exp().hi() > 0.0);
    assert_eq!(interval(-1e3, 0.0).exp_m1().lo(), -1.0);
    for f in [Interval::tanh, Interval::erf, Interval::sin, Interval::cos] {
        let range = f(interval(-40.0, 40.0));
        assert_eq!((range.lo(), range.hi()), (-1.0, 1.0));
    }
    for (f, x) in [(Interval::sin as fn(Interval) -> Interval, FRAC_PI_2), (Interval::cos, 1e-9)] {
        assert!(f(Interval::point(x)).hi() == 1.0 && f(Interval::point(x)).lo() < 1.0);
    }
    assert!(Interval::point(-FRAC_PI_2).sin().lo() == -1.0 && Interval::point(PI).cos().lo() == -1.0);
    assert_eq!(interval(-1e-9, 1e-9).cosh().lo(), 1.0);
    assert_eq!(Interval::point(1e-9).cosh().lo(), 1.0);
    assert_eq!(Interval::point(60.0).sigmoid().hi(), 1.0);
    assert!(Interval::point(60.0).sigmoid().lo() < 1.0);
    assert!(Interval::point(-1e3).sigmoid().lo() == 0.0 && Interval::point(-1e3).sigmoid().hi() > 0.0);
    assert!(Interval::point(-1e3).softplus().lo() == 0.0 && Interval::point(-1e3).softplus().hi() > 0.0);
    assert!(Interval::point(1e-300).log_cosh().lo() == 0.0 && Interval::point(1e-300).log_cosh().hi() > 0.0);
    assert!(interval(0.0, 1e300).atan2(Interval::point(1e300)).lo() == 0.0);
    assert!(Interval::point(1e-300).atan2(Interval::point(1e300)).lo() == 0.0);
    assert!(Interval::point(1e-300).pow(Interval::point(2.0)).lo() == 0.0);
    assert!(interval(1e-300, 1e-299).pow(interval(2.0, 3.0)).lo() == 0.0);
}

#[test]
fn unbounded_arguments() {
    let (left, right) = (interval(f64::NEG_INFINITY, 1.0), interval(1.0, f64::INFINITY));
    assert!(left.exp().lo() == 0.0 && left.exp().hi() < 2.72 && right.exp().hi() == f64::INFINITY);
    assert!(right.ln().lo() == 0.0 && right.ln().hi() == f64::INFINITY);
    assert!(left.tanh().lo() == -1.0 && right.tanh().hi() == 1.0);
    assert!(left.sigmoid().lo() == 0.0 && right.sigmoid().hi() == 1.0 && left.sigmoid().hi() < 0.74);
    assert!(
        left.softplus().lo() == 0.0 && right.softplus().hi() == f64::INFINITY && right.softplus().lo() > 1.3
    );
    assert!(right.log_cosh().hi() == f64::INFINITY && left.log_cosh().lo() == 0.0);
    assert!(right.atan().hi() > FRAC_PI_2 && right.atan().hi() < FRAC_PI_2 + 1e-15);
    assert!(left.sinh().lo() == f64::NEG_INFINITY && right.cosh().hi() == f64::INFINITY);
    for f in [Interval::sin, Interval::cos] {
        assert_eq!(f(right), interval(-1.0, 1.0));
    }
    assert_eq!(right.tan(), Interval::ENTIRE);
    let s = Interval::ONE;
    assert!(
        right.odd_gaussian(s).lo() == 0.0
            && left.odd_gaussian(s).hi() < 0.61
            && left.odd_gaussian(s).lo() > -0.61
    );
    assert!(Interval::ENTIRE.gaussian(s).lo() == 0.0 && Interval::ENTIRE.gaussian(s).hi() < 1.0 + 1e-15);
    // Overflow: the largest number is a lower bound.
    for range in [
        Interval::point(1e3).exp(),
        Interval::point(1e3).sinh(),
        Interval::point(1e200).pow(Interval::point(2.0)),
    ] {
        assert_eq!((range.lo(), range.hi()), (f64::MAX, f64::INFINITY));
    }
    let huge = Interval::point(1e308).log_cosh();
    assert!(huge.lo() < 1e308 && huge.hi() >= 1e308 && huge.width() < 1e293);
    assert!(Interval::point(f64::MAX).softplus().lo() > 1e308);
    for (y, x) in [(0.0, 1.0), (1.0, 0.0), (1.0, -2.0), (-1.0, 3.0)] {
        let range = interval(y, f64::INFINITY).atan2(Interval::point(x));
        assert!(range == Interval::ENTIRE || (range.lo() <= y.atan2(x) && range.hi() > FRAC_PI_2));
    }
}

#[test]
fn nothing_is_claimed_where_a_function_is_undefined() {
    let all = Interval::ENTIRE;
    for f in [Interval::ln, Interval::log10] {
        assert_eq!(f(interval(-5e-324, 1.0)), all);
        assert_eq!(f(Interval::ZERO), all);
        assert!(f(interval(0.0, 1.0)).hi() == 0.0 && f(interval(0.0, 1.0)).lo() == f64::NEG_INFINITY);
    }
    assert_eq!(interval((-1f64).next_down(), 1.0).ln_1p(), all);
    assert_eq!(Interval::point(-1.0).ln_1p(), all);
    assert_eq!(interval(-1.0, 0.0).ln_1p().lo(), f64::NEG_INFINITY);
    for f in [Interval::asin, Interval::acos] {
        assert_eq!(f(interval(0.0, 1f64.next_up())), all);
        assert_eq!(f(interval((-1f64).next_down(), 0.0)), all);
        assert!(f(interval(-1.0, 1.0)).is_bounded());
    }
    // Powers: of negative numbers by one integer only, of zero by positive numbers.
    assert_eq!(interval(-1.0, 2.0).powf(0.5), all);
    assert_eq!(interval(-1.0, 2.0).pow(interval(2.0, 2.5)), all);
    assert_eq!(interval(0.0, 2.0).pow(interval(0.0, 1.0)), all);
    assert_eq!(interval(0.0, 2.0).powf(-0.5), all);
    assert!(interval(0.0, 4.0).powf(0.5).lo() == 0.0 && interval(0.0, 4.0).powf(0.5).contains(2.0));
    assert!(interval(-2.0, 1.0).powf(3.0).contains(-8.0) && interval(-2.0, 1.0).powf(2.0).lo() == 0.0);
    assert!(interval(-2.0, -1.0).powf(-1.0).contains(-0.5) && interval(-2.0, -1.0).powf(-1.0).hi() < -0.49);
}

#[test]
fn the_angle_is_cut_along_the_negative_axis() {
    let all = Interval::ENTIRE;
    let right = interval(1.0, 2.0);
    assert_eq!(interval(-1.0, 1.0).atan2(interval(-2.0, -1.0)), all);
    assert_eq!(interval(-1.0, 0.0).atan2(interval(-2.0, -1.0)), all);
    for x in [interval(-1.0, 0.0), interval(0.0, 1.0), interval(-1.0, 1.0), Interval::ZERO] {
        for y in [interval(-1.0, 0.0), interval(0.0, 1.0), interval(-1.0, 1.0), Interval::ZERO] {
            assert_eq!(y.atan2(x), all);
        }
    }
    // From above it is continuous, and a negative zero is zero.
    for zero in [0.0, -0.0] {
        let angle = interval(zero, 1.0).atan2(interval(-2.0, -1.0));
        assert!(angle.lo() > 2.3 && angle.lo() < 2.36 && angle.hi() > PI && angle.hi() < PI + 1e-15);
        let angle = Interval::point(zero).atan2(Interval::point(-1.0));
        assert!(angle.lo() < PI && angle.lo() > 3.0 && angle.hi() > PI);
        let angle = interval(-1.0, zero).atan2(right);
        assert!(angle.lo() < -0.78 && angle.lo() > -0.79 && angle.hi() >= 0.0 && angle.hi() < 1e-300);
    }
    // The rectangle's corners at which each octant is extreme.
    let octants = [
        ((1.0, 2.0), (3.0, 5.0), (1.0, 5.0), (2.0, 3.0)),
        ((1.0, 2.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)),
        ((1.0, 2.0), (-5.0, -3.0), (2.0, -3.0), (1.0, -5.0)),
        ((-2.0, 2.0), (3.0, 5.0), (-2.0, 3.0), (2.0, 3.0)),
        ((-2.0, -1.0), (3.0, 5.0), (-2.0, 3.0), (-1.0, 5.0)),
        ((-2.0, -1.0), (-1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0)),
        ((-2.0, -1.0), (-5.0, -3.0), (-1.0, -5.0), (-2.0, -3.0)),
    ];
    for (y, x, least, most) in octants {
        let angle = interval(y.0, y.1).atan2(interval(x.0, x.1));
        let (least, most) = (f64::atan2(least.0, least.1), f64::atan2(most.0, most.1));
        assert!(
            (angle.lo() - least).abs() < 1e-14 && (angle.hi() - most).abs() < 1e-14,
            "{y:?}, {x:?}: {angle:?}"
        );
    }
}

#[test]
fn powers_are_extreme_at_corners() {
    let mut draw = Draw::new(41);
    for _ in 0..20_000 {
        let a = 10f64.powf(draw.uniform(-1.5, 1.5));
        let x = interval(a, a * draw.uniform(1.0, 5.0));
        let b = draw.uniform(-5.0, 5.0);
        let y = interval(b, b + draw.uniform(0.0, 4.0));
        let corners = [(x.lo(), y.lo()), (x.lo(), y.hi()), (x.hi(), y.lo()), (x.hi(), y.hi())];
        let values = corners.map(|(x, y)| x.powf(y));
        let (least, most) =
            (values.into_iter().fold(f64::MAX, f64::min), values.into_iter().fold(0.0, f64::max));
        let range = x.pow(y);
        assert!(
            (range.lo() / least - 1.0).abs() < 1e-14 && (range.hi() / most - 1.0).abs() < 1e-14,
            "{x:?}^{y:?}"
        );
    }
}

#[test]
fn waves_of_almost_one_turn_and_half_a_turn() {
    let full = interval(-1.0, 1.0);
    // A little more than a turn, between two tops: the bottom between is in it.
    for (f, top) in [(Interval::sin as fn(Interval) -> Interval, FRAC_PI_2), (Interval::cos, 0.0)] {
        for turns in [-5.0, -1.0, 0.0, 1.0, 7.0] {
            let top = top + turns * 2.0 * PI;
            assert_eq!(f(interval(top - 1e-6, top + 2.0 * PI + 1e-6)), full);
            // A little more than half a turn holds the top and the bottom.
            assert_eq!(f(interval(top - 1e-6, top + PI + 1e-6)), full);
            assert_eq!(f(interval(top - PI - 1e-6, top + 1e-6)), full);
            // One extreme, nearer to either end.
            let range = f(interval(top - 1.0, top + 2.0));
            assert!(range.hi() == 1.0 && (range.lo() - 2f64.cos()).abs() < 1e-14);
            let range = f(interval(top + PI - 2.0, top + PI + 1.0));
            assert!(range.lo() == -1.0 && (range.hi() + 2f64.cos()).abs() < 1e-14);
            // Neither.
            let range = f(interval(top + 0.1, top + 3.0));
            assert!((range.hi() - 0.1f64.cos()).abs() < 1e-14 && (range.lo() - 3f64.cos()).abs() < 1e-14);
            let range = f(interval(top - 3.0, top - 0.1));
            assert!((range.hi() - 0.1f64.cos()).abs() < 1e-14 && (range.lo() - 3f64.cos()).abs() < 1e-14);
        }
    }
    assert_eq!(interval(-1e-6, PI).cos(), full);
    assert_eq!(interval(-2.0, 0.0).cos().hi(), 1.0);
    assert!((interval(-2.0, 0.0).cos().lo() - 2f64.cos()).abs() < 1e-15);
}

#[test]
fn a_tangent_ends_at_its_poles() {
    let all = Interval::ENTIRE;
    for k in [-3.0, -1.0, 0.0, 1.0, 8.0] {
        let pole = (k + 0.5) * PI;
        assert_eq!(interval(pole - 1e-3, pole + 1e-3).tan(), all);
        assert_eq!(interval(pole - 1e-6, pole + PI + 1e-6).tan(), all);
        assert_eq!(interval(pole - 1.0, pole + 3.0).tan(), all);
        let range = interval(pole + 0.1, pole + 3.0).tan();
        assert!(
            (range.lo() + 0.1f64.tan().recip()).abs() < 1e-12
                && (range.hi() + 3f64.tan().recip()).abs() < 1e-12
        );
    }
    assert_eq!(interval(-1.5709, 1.5709).tan(), all);
    assert_eq!(interval(0.1, 6.6).tan(), all);
    assert_eq!(interval(0.0, FRAC_PI_2.next_up()).tan(), all);
    // The double next to pi/2 is below it.
    assert!(interval(0.0, FRAC_PI_2).tan().lo() == 0.0 && interval(0.0, FRAC_PI_2).tan().hi() > 1.6e16);
}

#[test]
fn odd_gaussians_turn_at_one_standard_deviation() {
    let top = (-0.5f64).exp();
    for s in [1e-3f64, 0.3, 1.0, 7.0, 1e5] {
        let deviation = s.sqrt().recip();
        let near =
            |lo: f64, hi: f64| interval(lo * deviation, hi * deviation).odd_gaussian(Interval::point(s));
        let value = |t: f64| t * (-0.5 * t * t).exp() * deviation;
        let is = |range: Interval, lo: f64, hi: f64| {
            assert!(
                (range.lo() - lo).abs() < 1e-14 * deviation && (range.hi() - hi).abs() < 1e-14 * deviation,
                "{range:?}"
            );
        };
        is(near(0.1, 0.9), value(0.1), value(0.9));
        is(near(0.9, 1.2), value(1.2), top * deviation);
        is(near(0.9, 1.05), value(0.9), top * deviation);
        is(near(0.97, 3.0), value(3.0), top * deviation);
        is(near(0.6, 1.2), value(0.6), top * deviation);
        is(near(0.9, 3.0), value(3.0), top * deviation);
        is(near(1.1, 2.0), value(2.0), value(1.1));
        is(near(-0.9, -0.1), value(-0.9), value(-0.1));
        is(near(-3.0, -0.9), -top * deviation, value(-3.0));
        is(near(-2.0, -1.1), value(-1.1), value(-2.0));
        is(near(-0.5, 0.25), value(-0.5), value(0.25));
        is(near(-4.0, 0.25), -top * deviation, value(0.25));
    }
    // The extreme itself is in it, at x = 1.
    let range = interval(0.5, 2.0).odd_gaussian(Interval::ONE);
    assert!(range.hi() >= top && steps(top, range.hi()) <= 16);
    // The scale between bounds: the smallest for the upper end, the largest for the lower.
    let range = interval(0.5, 3.0).odd_gaussian(interval(0.5, 2.0));
    assert!(
        (range.lo() - 3.0 * (-9f64).exp()).abs() < 1e-15 && (range.hi() - top / 0.5f64.sqrt()).abs() < 1e-15
    );
    let range = interval(2.0, 3.0).odd_gaussian(interval(0.5, 2.0));
    assert!((range.hi() - 2.0 * (-1f64).exp()).abs() < 1e-15);
    let range = interval(0.1, 0.2).odd_gaussian(interval(0.5, 2.0));
    assert!(
        (range.lo() - 0.1 * (-0.01f64).exp()).abs() < 1e-15
            && (range.hi() - 0.2 * (-0.01f64).exp()).abs() < 1e-15
    );
    // A negative exponent grows.
    let range = interval(0.0, 1.0).odd_gaussian(interval(-2.0, 1.0));
    assert!(range.contains(0.0) && range.contains(1f64.exp()));
}

#[test]
fn constants_are_two_neighbours() {
    // pi and log 2 are above the nearest double and log 10 is below: the sine changes its sign in between; for the
    // logarithms by the published digits beyond those of the double.
    for c in [Interval::PI, Interval::TAU, Interval::LN_2, Interval::LN_10] {
        assert_eq!(steps(c.lo(), c.hi()), 1);
    }
    assert!(
        Interval::point(Interval::PI.lo()).sin().lo() > 0.0
            && Interval::point(Interval::PI.hi()).sin().hi() < 0.0
    );
    assert!(
        Interval::point(Interval::TAU.lo()).sin().hi() < 0.0
            && Interval::point(Interval::TAU.hi()).sin().lo() > 0.0
    );
    // log 2 = 0.69314718055994530941.., log 10 = 2.30258509299404568401.. (OEIS A002162, A002392).
    let (two, ten) = (Interval::LN_2, Interval::LN_10);
    assert!(
        format!("{:.25}", two.lo()).as_str() < "0.69314718055994530941"
            && format!("{:.25}", two.hi()).as_str() > "0.69314718055994530942"
    );
    assert!(
        format!("{:.25}", ten.lo()).as_str() < "2.30258509299404568401"
            && format!("{:.25}", ten.hi()).as_str() > "2.30258509299404568402"
    );
}
