//! Elementary functions against MPFR, at random points: 20,000 a function, or as many as `SMALE_POINTS` says.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]
#![allow(dead_code, reason = "what is shared with the other tests of intervals is not all needed")]

#[path = "../intervals/numbers.rs"]
mod numbers;
#[path = "../intervals/values.rs"]
mod values;

use rug::Float;
use rug::ops::Pow;
use smale::rigor::Interval;

use numbers::{Draw, steps};
use values::{BINARY, UNARY};

/// Bits. Rounding to them is monotone and keeps doubles, so what is rounded lies in an interval of doubles if the exact
/// value does.
const PRECISION: u32 = 240;

fn points() -> usize {
    std::env::var("SMALE_POINTS").map_or(20_000, |n| n.parse().unwrap())
}

fn float(x: f64) -> Float {
    Float::with_val(PRECISION, x)
}

fn unary(name: &str, x: f64) -> Float {
    let t = float(x);
    match name {
        "exp" => t.exp(),
        "exp_m1" => t.exp_m1(),
        "ln" => t.ln(),
        "log10" => t.log10(),
        "ln_1p" => t.ln_1p(),
        "tanh" => t.tanh(),
        "sinh" => t.sinh(),
        "cosh" => t.cosh(),
        "erf" => t.erf(),
        "asin" => t.asin(),
        "acos" => t.acos(),
        "atan" => t.atan(),
        "sin" => t.sin(),
        "cos" => t.cos(),
        "tan" => t.tan(),
        "sigmoid" => (float(-x).exp() + 1u32).recip(),
        // The other terms are below the last bit.
        "softplus" if x > 1e4 => t,
        "softplus" => t.exp().ln_1p(),
        "log_cosh" if x.abs() > 1e4 => t.abs() - float(2.0).ln(),
        "log_cosh" => t.sinh().square().ln_1p() / 2u32,
        _ => panic!("{name}"),
    }
}

fn binary(name: &str, x: f64, y: f64) -> Float {
    let gaussian = || (float(x).square() * (-y) / 2u32).exp();
    match name {
        "gaussian" => gaussian(),
        "odd_gaussian" => gaussian() * x,
        "atan2" => float(x + 0.0).atan2(&float(y + 0.0)),
        // A pole, where nothing is claimed.
        "pow" if x == 0.0 && y < 0.0 => float(f64::NAN),
        "pow" => float(x + 0.0).pow(&float(y)),
        _ => panic!("{name}"),
    }
}

#[track_caller]
fn holds(range: Interval, exact: &Float, what: impl Fn() -> String) {
    let holds = exact.is_nan() || *exact >= range.lo() && *exact <= range.hi();
    assert!(holds, "{}: {exact:.40} is not in {range:?}", what());
}

#[test]
fn functions_of_one_variable() {
    let mut draw = Draw::new(31);
    for (name, f, slack) in UNARY {
        let mut defined = 0;
        for _ in 0..points() {
            let x = draw.number();
            let (range, exact) = (f(Interval::point(x)), unary(name, x));
            assert!(!exact.is_nan() || range == Interval::ENTIRE, "{name} at {x:e}");
            holds(range, &exact, || format!("{name} at {x:e}"));
            if range != Interval::ENTIRE {
                defined += 1;
                let near = exact.to_f64();
                assert!(
                    steps(range.lo(), near) <= slack && steps(near, range.hi()) <= slack,
                    "{name} at {x:e}: {exact:.40}, {range:?}"
                );
            }
            let wide = draw.interval();
            let inside = draw.of(wide);
            let range = f(wide);
            if range != Interval::ENTIRE {
                holds(range, &unary(name, inside), || format!("{name} of {wide:?} at {inside:e}"));
            }
        }
        println!("{name}: {} points, defined at {defined}", points());
    }
}

#[test]
fn functions_of_two_variables() {
    let mut draw = Draw::new(32);
    for (name, f, _) in BINARY {
        let mut defined = 0;
        for _ in 0..points() {
            let (x, y) = (draw.number(), draw.number());
            let range = f(Interval::point(x), Interval::point(y));
            if range != Interval::ENTIRE {
                defined += 1;
                holds(range, &binary(name, x, y), || format!("{name} at {x:e}, {y:e}"));
            }
            let (wide, other) = (draw.interval(), draw.interval());
            let (a, b) = (draw.of(wide), draw.of(other));
            let range = f(wide, other);
            if range != Interval::ENTIRE {
                holds(range, &binary(name, a, b), || {
                    format!("{name} of {wide:?}, {other:?} at {a:e}, {b:e}")
                });
            }
        }
        println!("{name}: {} points, defined at {defined}", points());
    }
}

#[test]
fn constants_hold_their_numbers() {
    use rug::float::Constant;
    let ln_10 = float(10.0).ln();
    for (ours, exact) in [
        (Interval::PI, Float::with_val(PRECISION, Constant::Pi)),
        (Interval::TAU, Float::with_val(PRECISION, Constant::Pi) * 2u32),
        (Interval::LN_2, Float::with_val(PRECISION, Constant::Log2)),
        (Interval::LN_10, ln_10),
    ] {
        holds(ours, &exact, || "a constant".to_owned());
        assert_eq!(steps(ours.lo(), ours.hi()), 1);
    }
}
