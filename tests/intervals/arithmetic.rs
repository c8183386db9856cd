//! Operations on intervals: the library of IEEE 1788 declares its sums, products, quotients, squares and roots the
//! tightest there are, so ours hold them and are wider by few numbers.

use maryada::IntervalOps;
use smale::rigor::Interval;

use super::numbers::{Draw, steps};

const CASES: usize = 200_000;

fn theirs(x: Interval) -> maryada::Interval {
    maryada::Interval::new(x.lo(), x.hi())
}

#[track_caller]
fn close(ours: Interval, tightest: maryada::Interval, more: i128) {
    let (lo, hi) = tightest.bounds();
    assert!(ours.lo() <= lo && hi <= ours.hi(), "{ours:?} does not hold [{lo:e}, {hi:e}]");
    assert!(
        steps(ours.lo(), lo) <= more && steps(hi, ours.hi()) <= more,
        "{ours:?} is wider than [{lo:e}, {hi:e}]"
    );
}

#[test]
fn operations_hold_the_tightest_and_little_more() {
    let mut draw = Draw::new(11);
    for _ in 0..CASES {
        let (x, y) = (draw.interval(), draw.interval());
        let (tx, ty) = (theirs(x), theirs(y));
        close(-x, maryada::neg(tx), 0);
        close(x + y, maryada::add(tx, ty), 2);
        close(x - y, maryada::sub(tx, ty), 2);
        close(x * y, maryada::mul(tx, ty), 2);
        close(x.sqr(), maryada::sqr(tx), 2);
        close(x.abs(), maryada::abs(tx), 0);
        close(x.max(y), maryada::max(tx, ty), 0);
        close(x.min(y), maryada::min(tx, ty), 0);
        close(x.hull(y), maryada::convex_hull(tx, ty), 0);
        if let Some(both) = x.meet(y) {
            close(both, maryada::intersection(tx, ty), 0);
        } else {
            assert!(x.hi() < y.lo() || y.hi() < x.lo());
        }
        if x.lo() >= 0.0 {
            close(x.sqrt(), maryada::sqrt(tx), 2);
        } else {
            assert_eq!(x.sqrt(), Interval::ENTIRE);
        }
        if y.mig() > 0.0 || ((y.lo() == 0.0) != (y.hi() == 0.0) && !x.contains(0.0)) {
            close(x / y, maryada::div(tx, ty), 2);
        } else {
            assert_eq!(x / y, Interval::ENTIRE);
        }
        let c = draw.number();
        close(x.scale(c), maryada::mul(tx, theirs(Interval::point(c))), 2);
        close(x.shift(c), maryada::add(tx, theirs(Interval::point(c))), 2);
        let mut sum = x;
        sum += y;
        assert_eq!(sum, x + y);
        sum = x;
        sum -= y;
        assert_eq!(sum, x - y);
    }
}

#[test]
fn products_of_signs_zeros_and_infinities() {
    let ends = [
        f64::NEG_INFINITY,
        f64::MIN,
        -2.0,
        -1e-200,
        -5e-324,
        -0.0,
        0.0,
        5e-324,
        1e-200,
        3.0,
        f64::MAX,
        f64::INFINITY,
    ];
    let intervals: Vec<_> = (0..ends.len())
        .flat_map(|i| (i..ends.len()).map(move |j| (ends[i], ends[j])))
        .filter(|(lo, hi)| *lo < f64::INFINITY && *hi > f64::NEG_INFINITY)
        .map(|(lo, hi)| Interval::new(lo, hi))
        .collect();
    for &x in &intervals {
        for &y in &intervals {
            let (tx, ty) = (theirs(x), theirs(y));
            close(x * y, maryada::mul(tx, ty), 2);
            close(x + y, maryada::add(tx, ty), 2);
            let quotient = maryada::div(tx, ty).bounds();
            // Theirs is empty, as NaN, for a division by zero alone.
            assert!(quotient.0.is_nan() || quotient.0 > quotient.1 || theirs(x / y).bounds().0 <= quotient.0);
            assert!(quotient.0.is_nan() || quotient.0 > quotient.1 || theirs(x / y).bounds().1 >= quotient.1);
            if x.lo() >= 0.0 && y.lo() >= 0.0 {
                assert!((x * y).lo() >= 0.0, "the sign of {x:?} * {y:?}");
                assert!(y.lo() == 0.0 || (x / y).lo() >= 0.0, "the sign of {x:?} / {y:?}");
            }
            if x.hi() <= 0.0 && y.lo() >= 0.0 {
                assert!((x * y).hi() <= 0.0 && (y * x).hi() <= 0.0, "the sign of {x:?} * {y:?}");
                assert!(y.lo() == 0.0 || (x / y).hi() <= 0.0, "the sign of {x:?} / {y:?}");
            }
        }
        assert!(x.sqr().lo() >= 0.0 && x.powi(4).lo() >= 0.0);
        assert!(x.lo() < 0.0 || (x.powi(3).lo() >= 0.0 && x.sqrt().lo() >= 0.0));
        assert!(x.hi() > 0.0 || x.powi(3).hi() <= 0.0);
    }
}

#[test]
fn the_solutions_of_a_linear_equation_are_kept() {
    let mut draw = Draw::new(12);
    for _ in 0..CASES {
        let (a, b) = (draw.interval(), draw.interval());
        let solutions = a.solve(b);
        let (coefficient, right) = (draw.of(a), draw.of(b));
        if coefficient != 0.0 {
            // The quotient of two numbers, as the tightest interval: some of it is in a solution, all but rounding.
            let x =
                maryada::div(theirs(Interval::point(right)), theirs(Interval::point(coefficient))).bounds();
            assert!(
                solutions.iter().flatten().any(|s| s.lo() <= x.0 && x.1 <= s.hi()),
                "{right:e} / {coefficient:e} = {x:?} is not in {solutions:?}"
            );
        }
    }
}

#[test]
fn the_rays_of_a_linear_equation_end_where_they_should() {
    let mut draw = Draw::new(13);
    for _ in 0..CASES / 10 {
        let (lo, hi) = (-draw.number().abs(), draw.number().abs());
        let b = draw.interval();
        if lo == 0.0 || hi == 0.0 || b.contains(0.0) {
            continue;
        }
        let [below, above] = Interval::new(lo, hi).solve(b);
        let (below, above) = (below.unwrap(), above.unwrap());
        let edge =
            |b: f64, a: f64| maryada::div(theirs(Interval::point(b)), theirs(Interval::point(a))).bounds();
        let nearest = if b.lo() > 0.0 { b.lo() } else { b.hi() };
        let (left, right) = if b.lo() > 0.0 { (lo, hi) } else { (hi, lo) };
        assert!(below.lo() == f64::NEG_INFINITY && above.hi() == f64::INFINITY);
        assert!(below.hi() >= edge(nearest, left).1 && steps(edge(nearest, left).1, below.hi()) <= 2);
        assert!(above.lo() <= edge(nearest, right).0 && steps(above.lo(), edge(nearest, right).0) <= 2);
        // A coefficient of one sign that touches zero leaves one ray.
        let count = |a: Interval| a.solve(b).iter().flatten().count();
        assert_eq!((count(Interval::new(0.0, hi)), count(Interval::new(lo, 0.0))), (1, 1));
    }
}

#[test]
fn powers_hold_the_exact_integers() {
    let mut draw = Draw::new(14);
    for _ in 0..CASES / 10 {
        let (x, n) = (1 + draw.below(1 << 20), 1 + draw.below(6) as u32);
        let exact = u128::from(x as u64).pow(n);
        let x = x as f64;
        for (power, sign) in [
            (Interval::point(x).powi(n as i32), 1.0),
            (Interval::point(-x).powi(n as i32), if n % 2 == 0 { 1.0 } else { -1.0 }),
        ] {
            let (lo, hi) = if sign > 0.0 { (power.lo(), power.hi()) } else { (-power.hi(), -power.lo()) };
            // Numbers beyond 2^53 are integers; smaller powers are exact, up to the step outwards.
            let below = lo.ceil() as u128 <= exact;
            let above = hi.floor() as u128 >= exact;
            assert!(below && above && steps(lo, hi) <= 20, "{x}^{n} = {exact} in {power:?}");
        }
    }
    let x = Interval::new(-3.0, 2.0);
    assert!(x.powi(2).contains(0.0) && x.powi(2).contains(9.0) && !x.powi(2).contains(-1e-300));
    assert!(x.powi(5).contains(-243.0) && x.powi(5).contains(32.0) && x.powi(5).width() < 275.001);
    assert!(x.powi(6).contains(729.0) && x.powi(6).lo() == 0.0);
    let x = Interval::new(-4.0, -2.0);
    assert!(x.powi(-1).contains(-0.25) && x.powi(-1).contains(-0.5) && x.powi(-1).width() < 0.2501);
    assert!(x.powi(-2).contains(0.0625) && x.powi(-2).contains(0.25) && x.powi(-2).width() < 0.1876);
    assert!(x.powi(i32::MIN).contains(0.0));
    // 3^-1 rounds down, so that a bound without a step would lose it.
    let third = Interval::point(3.0).powi(-1);
    assert!(third.lo() <= 1.0 / 3.0 && third.hi() > 1.0 / 3.0);
}

#[test]
fn middles_radii_and_widths_hold_the_interval() {
    let mut draw = Draw::new(15);
    for _ in 0..CASES {
        let x = draw.interval();
        let (mid, rad) = (x.mid(), x.rad());
        assert!(mid.is_finite() && x.contains(mid));
        let ball = Interval::about(mid, rad);
        assert!(x.is_in(ball), "{x:?} is not in {mid:e} +- {rad:e}");
        // The tightest differences, as upper bounds.
        let upper = |a: f64, b: f64| {
            maryada::sub(maryada::Interval::new(a, a), maryada::Interval::new(b, b)).bounds().1
        };
        if x.is_bounded() {
            assert!(x.width() >= upper(x.hi(), x.lo()));
            assert!(rad >= upper(x.hi(), mid) && rad >= upper(mid, x.lo()));
            assert!(rad <= 0.5 * x.hi() - 0.5 * x.lo() + 4.0 * f64::EPSILON * x.mag() + 1e-323);
        } else {
            assert!(rad == f64::INFINITY && x.width() == f64::INFINITY);
        }
        if x.is_point() {
            assert!(rad == 0.0 && x.width() == 0.0);
        }
        let number = draw.of(x);
        assert!(x.contains(number) && x.mig() <= number.abs() && number.abs() <= x.mag());
    }
    let center = 1.0;
    let ball = Interval::about(center, f64::EPSILON / 4.0);
    assert!(ball.lo() < center && ball.hi() > center);
    assert_eq!(Interval::about(f64::INFINITY, 1.0), Interval::ENTIRE);
    assert_eq!(Interval::about(1.0, f64::INFINITY), Interval::ENTIRE);
    assert_eq!(Interval::about(1.0, f64::NAN), Interval::ENTIRE);
    assert_eq!(Interval::about(f64::NAN, 0.0), Interval::ENTIRE);
}

#[test]
fn relations_of_intervals() {
    let unit = Interval::new(0.0, 1.0);
    assert!(unit.is_in(unit) && !unit.is_inside(unit));
    for (lo, hi, inside) in
        [(0.0, 0.5, false), (0.5, 1.0, false), (0.25, 0.75, true), (-0.5, 0.5, false), (0.5, 1.5, false)]
    {
        assert_eq!(Interval::new(lo, hi).is_inside(unit), inside);
        assert_eq!(Interval::new(lo, hi).is_in(unit), lo >= 0.0 && hi <= 1.0);
    }
    assert!(unit.contains(0.0) && unit.contains(1.0) && !unit.contains(f64::NAN));
    assert!(unit.is_bounded() && !Interval::new(0.0, f64::INFINITY).is_bounded());
    assert!(!Interval::new(f64::NEG_INFINITY, 0.0).is_bounded() && !unit.is_point());
    assert_eq!(unit.meet(Interval::new(1.0, 2.0)), Some(Interval::ONE));
    assert_eq!(unit.meet(Interval::new(1.5, 2.0)), None);
    for (lo, hi) in [
        (2.0, 1.0),
        (f64::NAN, 1.0),
        (1.0, f64::NAN),
        (f64::INFINITY, f64::INFINITY),
        (f64::NEG_INFINITY, f64::NEG_INFINITY),
    ] {
        assert_eq!(Interval::new(lo, hi), Interval::ENTIRE);
    }
    for c in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Interval::point(c), Interval::ENTIRE);
    }
}
