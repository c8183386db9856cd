//! Bounds of single operations, against their errors, which are floating-point numbers themselves.

use smale::rigor::Interval;
use smale::rigor::rounding::{
    add_down, add_up, div_down, div_up, down, mul_down, mul_up, norm_up, sqrt_down, sqrt_up, sub_down,
    sub_up, sum_up, up,
};

use super::numbers::{Draw, steps};

/// `a + b - fl(a + b)`, exactly (Knuth's TwoSum).
fn error_of_sum(a: f64, b: f64) -> f64 {
    let s = a + b;
    let t = s - a;
    (a - (s - t)) + (b - t)
}

/// Whether `[lo, hi]` holds the number `error` beyond `near`, a neighbour of which bounds it.
fn holds(lo: f64, hi: f64, near: f64, error: f64) -> bool {
    let holds = if error < 0.0 {
        lo < near && near <= hi
    } else if error > 0.0 {
        lo <= near && near < hi
    } else {
        lo <= near && near <= hi
    };
    holds && steps(lo, near) <= 2 && steps(near, hi) <= 2
}

/// Numbers whose products and quotients have an error that is a floating-point number.
fn moderate(draw: &mut Draw) -> f64 {
    let x = 10f64.powf(draw.uniform(-50.0, 50.0));
    if draw.below(2) == 0 { x } else { -x }
}

#[test]
fn sums_are_bounded_by_their_exact_value() {
    let mut draw = Draw::new(1);
    let (mut beyond, mut short) = (0, 0);
    for _ in 0..100_000 {
        let (a, b) = (draw.number() * 0.25, draw.number() * 0.25);
        let error = error_of_sum(a, b);
        assert!(holds(add_down(a, b), add_up(a, b), a + b, error), "{a:e} + {b:e}");
        assert!(holds(sub_down(a, -b), sub_up(a, -b), a + b, error), "{a:e} - {:e}", -b);
        let x = Interval::point(a).shift(b);
        assert!(holds(x.lo(), x.hi(), a + b, error), "{a:e} shifted by {b:e}");
        beyond += usize::from(error > 0.0);
        short += usize::from(error < 0.0);
    }
    assert!(beyond > 10_000 && short > 10_000);
}

#[test]
fn products_quotients_and_roots_are_bounded_by_their_exact_value() {
    let mut draw = Draw::new(2);
    for _ in 0..100_000 {
        let (a, b) = (moderate(&mut draw), moderate(&mut draw));
        let (product, quotient) = (a * b, a / b);
        let error = a.mul_add(b, -product);
        assert!(holds(mul_down(a, b), mul_up(a, b), product, error), "{a:e} * {b:e}");
        for x in [Interval::point(a) * Interval::point(b), Interval::point(a).scale(b)] {
            assert!(holds(x.lo(), x.hi(), product, error), "{a:e} * {b:e}");
        }
        // a - q b has the sign of the quotient's error times that of b.
        let error = (-quotient).mul_add(b, a) * b.signum();
        assert!(holds(div_down(a, b), div_up(a, b), quotient, error), "{a:e} / {b:e}");
        let (x, root) = (a.abs(), a.abs().sqrt());
        let error = (-root).mul_add(root, x);
        assert!(holds(sqrt_down(x), sqrt_up(x), root, error), "root of {x:e}");
    }
}

#[test]
fn a_step_outwards_passes_the_next_number() {
    let mut draw = Draw::new(3);
    let bits = (0..2046u64).map(|e| f64::from_bits(e << 52));
    let random = (0..100_000).map(|_| draw.number()).collect::<Vec<_>>();
    for c in bits.flat_map(|c| [c.next_down(), c, c.next_up(), c * (1.0 + f64::EPSILON)]).chain(random) {
        for c in [c, -c] {
            assert!((1..=2).contains(&steps(c, up(c))), "above {c:e}: {:e}", up(c));
            assert!((1..=2).contains(&steps(down(c), c)), "below {c:e}: {:e}", down(c));
        }
    }
}

#[test]
fn long_sums_and_norms_are_bounds() {
    // 1 + n 2^-53 rounds to 1 at each step when the terms come one by one.
    let tiny = f64::EPSILON / 2.0;
    let terms = std::iter::once(1.0).chain(std::iter::repeat_n(tiny, 64));
    assert!(sum_up(terms) >= 1.0 + 64.0 * tiny);
    // 1 + n 2^-54, squared by the norm of n entries 2^-27 and one 1.
    let mut x = vec![2f64.powi(-27); 64];
    x[0] = 1.0;
    let norm = norm_up(&x);
    assert!(norm >= (1.0 + 63.0 * 2f64.powi(-54)).sqrt() && norm < 1.0 + 1e-13);
    for (x, y, z) in [(3.0, 4.0, 5.0), (5.0, 12.0, 13.0), (8.0, 15.0, 17.0), (20.0, 21.0, 29.0)] {
        for scale in [1.0, 1e-200, 1e200, 5e-324, 0.1] {
            let norm = norm_up(&[x * scale, y * scale]);
            // The entries are rounded unless the scale is a power of two.
            let least = if scale == 1.0 || scale == 5e-324 { z * scale } else { z * scale * (1.0 - 1e-15) };
            assert!(norm >= least && norm <= z * scale * (1.0 + 1e-14) + 1e-322, "{norm:e}");
        }
    }
    assert_eq!(norm_up(&[]), 0.0);
    assert_eq!(norm_up(&[0.0, -0.0]), 0.0);
}

#[test]
fn what_is_no_number_makes_bounds_infinite() {
    let nan = f64::NAN;
    for x in [nan, 0.0, 1.0, -1.0, f64::INFINITY] {
        for bound in [
            add_up(x, nan),
            add_up(nan, x),
            sub_up(nan, x),
            mul_up(x, nan),
            mul_up(nan, x),
            div_up(x, nan),
            div_up(nan, x),
        ] {
            assert_eq!(bound, f64::INFINITY);
        }
        for bound in [
            add_down(x, nan),
            sub_down(x, nan),
            mul_down(x, nan),
            mul_down(nan, x),
            div_down(x, nan),
            div_down(nan, x),
        ] {
            assert_eq!(bound, f64::NEG_INFINITY);
        }
        let ends = Interval::point(0.0).shift(nan);
        assert_eq!((ends.lo(), ends.hi()), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(Interval::ONE.scale(nan), Interval::ENTIRE);
    }
    assert_eq!(Interval::ONE.scale(f64::INFINITY), Interval::ENTIRE);
    assert_eq!(Interval::ONE.shift(f64::INFINITY), Interval::ENTIRE);
    assert_eq!(sqrt_up(-1.0), f64::INFINITY);
    assert_eq!(div_up(0.0, 0.0), f64::INFINITY);
    assert_eq!(div_down(0.0, 0.0), f64::NEG_INFINITY);
    assert_eq!(sum_up([nan]), f64::INFINITY);
    assert_eq!(norm_up(&[nan, 0.0]), f64::INFINITY);
}
