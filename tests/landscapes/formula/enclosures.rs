//! Formulas in verified arithmetic: what is enclosed is the formula as written, and no place where it is not smooth is
//! missed.

use proptest::prelude::*;
use smale::landscape::Landscape;
use smale::landscape::formula::Formula;
use smale::rigor::{Expansion, Interval, System};

use super::{formula, with};

/// What a branch and prune of the gradient found.
#[derive(Debug)]
struct Found {
    zeros: Vec<Vec<Interval>>,
    boxes: usize,
    undecided: usize,
}

/// The inverse of a small matrix.
fn inverse(a: &[f64], n: usize) -> Option<Vec<f64>> {
    let mut a = a.to_vec();
    let mut b = vec![0.0; n * n];
    (0..n).for_each(|i| b[i * n + i] = 1.0);
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[i * n + k].abs().total_cmp(&a[j * n + k].abs()))?;
        if a[pivot * n + k].abs() < 1e-14 {
            return None;
        }
        for j in 0..n {
            a.swap(k * n + j, pivot * n + j);
            b.swap(k * n + j, pivot * n + j);
        }
        let scale = 1.0 / a[k * n + k];
        for j in 0..n {
            a[k * n + j] *= scale;
            b[k * n + j] *= scale;
        }
        for i in (0..n).filter(|i| *i != k) {
            let factor = a[i * n + k];
            for j in 0..n {
                a[i * n + j] -= factor * a[k * n + j];
                b[i * n + j] -= factor * b[k * n + j];
            }
        }
    }
    Some(b)
}

/// Krawczyk's operator.
fn krawczyk(x: &[Interval], at: &[f64], e: &Expansion) -> Option<Vec<Interval>> {
    let n = x.len();
    let mid: Vec<f64> = e.jacobian.iter().map(|h| h.mid()).collect();
    let y = inverse(&mid, n)?;
    Some(
        (0..n)
            .map(|i| {
                let mut k = Interval::point(at[i]);
                for j in 0..n {
                    k -= e.value[j].scale(y[i * n + j]);
                    let mut c = if i == j { Interval::ONE } else { Interval::ZERO };
                    for l in 0..n {
                        c -= e.jacobian[l * n + j].scale(y[i * n + l]);
                    }
                    k += c * x[j].shift(-at[j]);
                }
                k
            })
            .collect(),
    )
}

/// All zeros in a box, by bisection and Krawczyk's test on inflated boxes.
fn branch(system: &dyn System, region: &[(f64, f64)], most: usize) -> Found {
    let n = system.dim();
    let mut found = Found { zeros: vec![], boxes: 0, undecided: 0 };
    let mut e = Expansion::new(n);
    let mut stack: Vec<Vec<Interval>> = vec![region.iter().map(|(l, h)| Interval::new(*l, *h)).collect()];
    let mut g = vec![Interval::ENTIRE; n];
    while let Some(mut x) = stack.pop() {
        found.boxes += 1;
        let widest = x.iter().map(|x| x.width()).fold(0.0, f64::max);
        if found.boxes > most || widest < 1e-10 {
            found.undecided += 1;
            continue;
        }
        system.range(&x, &mut g);
        if g.iter().any(|g| !g.contains(0.0)) {
            continue;
        }
        let wide: Vec<Interval> = x.iter().map(|x| Interval::about(x.mid(), 0.55 * x.width())).collect();
        let at: Vec<f64> = wide.iter().map(|x| x.mid()).collect();
        system.expand(&wide, &at, &mut e);
        if e.range.iter().any(|g| !g.contains(0.0)) {
            continue;
        }
        if let Some(k) = krawczyk(&wide, &at, &e) {
            if k.iter().zip(&wide).all(|(k, x)| k.is_inside(*x)) {
                let known = |z: &Vec<Interval>| z.iter().zip(&wide).all(|(z, x)| z.is_in(*x));
                if !found.zeros.iter().any(known) {
                    // Shrink it, so that the same one is known again.
                    let mut z = k;
                    for _ in 0..20 {
                        let at: Vec<f64> = z.iter().map(|z| z.mid()).collect();
                        system.expand(&z, &at, &mut e);
                        let Some(next) = krawczyk(&z, &at, &e) else { break };
                        z = z.iter().zip(next).map(|(z, k)| z.meet(k).unwrap_or(*z)).collect();
                    }
                    if !found.zeros.iter().any(|w| w.iter().zip(&z).all(|(w, z)| w.meet(*z).is_some())) {
                        found.zeros.push(z);
                    }
                }
                continue;
            }
            let before: f64 = x.iter().map(|x| x.width()).product();
            let Some(cut) = x.iter().zip(&k).map(|(x, k)| x.meet(*k)).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let after: f64 = cut.iter().map(|x| x.width()).product();
            x = cut;
            if after < 0.5 * before {
                stack.push(x);
                continue;
            }
        }
        let j = (0..n).max_by(|i, j| x[*i].width().total_cmp(&x[*j].width())).unwrap();
        let mid = x[j].mid();
        for half in [Interval::new(x[j].lo(), mid), Interval::new(mid, x[j].hi())] {
            let mut part = x.clone();
            part[j] = half;
            stack.push(part);
        }
    }
    found
}

const HIMMELBLAU: &str = "(x^2 + y - 11)^2 + (x + y^2 - 7)^2";
const MUELLER_BROWN: &str = "-200*exp(-(x - 1)^2 - 10*y^2) - 100*exp(-x^2 - 10*(y - 0.5)^2)
  - 170*exp(-6.5*(x + 0.5)^2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2)
  + 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2)";
const STYBLINSKI_TANG: &str = "sum(i, 0, n-1, x[i]^4 - 16*x[i]^2 + 5*x[i]) / 2";

fn zeros(f: &Formula, region: &[(f64, f64)], most: usize) -> Found {
    let enclosed = f.enclose().unwrap();
    branch(&*enclosed.system(), region, most)
}

#[test]
fn branching_finds_all_critical_points() {
    for (f, region, count) in [
        (formula(2, HIMMELBLAU), vec![(-6.0, 6.0); 2], 9),
        (formula(2, MUELLER_BROWN), vec![(-1.8, 1.3), (-0.6, 2.3)], 5),
        (formula(3, STYBLINSKI_TANG), vec![(-5.0, 5.0); 3], 27),
    ] {
        let found = zeros(&f, &region, 20_000);
        assert_eq!((found.zeros.len(), found.undecided), (count, 0), "{} boxes", found.boxes);
    }
}

#[test]
#[ignore = "a measurement: run it with --nocapture"]
fn boxes_and_times() {
    let time = |name: &str, repeat: u32, work: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        (0..repeat).for_each(|_| work());
        println!("{name}: {:.0} ns", start.elapsed().as_secs_f64() / f64::from(repeat) * 1e9);
    };
    for (name, f, region) in [
        ("himmelblau", formula(2, HIMMELBLAU), vec![(-6.0, 6.0); 2]),
        ("mueller-brown", formula(2, MUELLER_BROWN), vec![(-1.8, 1.3), (-0.6, 2.3)]),
        ("styblinski-tang 4", formula(4, STYBLINSKI_TANG), vec![(-5.0, 5.0); 4]),
        ("styblinski-tang 5", formula(5, STYBLINSKI_TANG), vec![(-5.0, 5.0); 5]),
        ("styblinski-tang 6", formula(6, STYBLINSKI_TANG), vec![(-5.0, 5.0); 6]),
    ] {
        let enclosed = f.enclose().unwrap();
        let system = enclosed.system();
        let n = f.dim();
        let x: Vec<Interval> = (0..n).map(|i| Interval::about(0.3 + 0.4 * i as f64, 0.05)).collect();
        let at: Vec<f64> = x.iter().map(|x| x.mid()).collect();
        let (mut g, mut e) = (vec![Interval::ENTIRE; n], Expansion::new(n));
        println!("{name}");
        time("  energy", 100_000, &mut || _ = std::hint::black_box(enclosed.energy(&x)));
        time("  range", 100_000, &mut || system.range(std::hint::black_box(&x), &mut g));
        time("  expand", 100_000, &mut || system.expand(std::hint::black_box(&x), &at, &mut e));
        let start = std::time::Instant::now();
        let found = branch(&*system, &region, 1_000_000);
        println!(
            "  {} zeros, {} boxes, {} undecided, {:.2} ms",
            found.zeros.len(),
            found.boxes,
            found.undecided,
            start.elapsed().as_secs_f64() * 1e3
        );
    }
}

/// The enclosures of energy, gradient and Hessian over a box.
fn enclosures(f: &Formula, x: &[Interval]) -> (Interval, Vec<Interval>, Vec<Interval>) {
    let enclosed = f.enclose().unwrap();
    let n = f.dim();
    let mut g = vec![Interval::ENTIRE; n];
    enclosed.gradient(x, &mut g);
    let h = enclosed.hessian(x);
    let entries = (0..n * n).map(|k| Interval::about(h.mid[(k / n, k % n)], h.rad[(k / n, k % n)])).collect();
    (enclosed.energy(x), g, entries)
}

fn points(x: &[f64]) -> Vec<Interval> {
    x.iter().map(|x| Interval::point(*x)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The derivatives in floating point come from other rules (dual numbers on the tape), which a wrong rule here would
    /// disagree with by far more than rounding.
    #[test]
    fn enclosures_hold_what_the_tape_computes(
        energy in super::random::expression(),
        center in prop::array::uniform3(-1.0..1.0f64),
        radius in 1e-4..0.5f64,
        inside in prop::array::uniform3(-1.0..1.0f64),
    ) {
        let f = with(3, &energy, &[("a", 0.6)]);
        let wide: Vec<Interval> = center.iter().map(|c| Interval::about(*c, radius)).collect();
        let x: Vec<f64> = (0..3).map(|i| center[i] + inside[i] * radius).collect();
        let (mut gradient, mut hessian) = ([0.0; 3], faer::Mat::zeros(3, 3));
        let value = Landscape::gradient(&f, &x, &mut gradient);
        f.hessian(&x, hessian.as_mut());
        let at_point = enclosures(&f, &points(&x));
        let over_box = enclosures(&f, &wide);
        let near = |a: Interval, b: Interval, v: f64| {
            let error = 1e-8 * v.abs().max(1.0);
            // The exact value is in both, and near what floating point says.
            a.meet(b).is_some() && Interval::about(v, error).meet(a).is_some() && a.width() < error
        };
        prop_assert!(near(at_point.0, over_box.0, value), "{energy}: {value}, {at_point:?}");
        for i in 0..3 {
            prop_assert!(near(at_point.1[i], over_box.1[i], gradient[i]), "{energy}: {gradient:?}, {at_point:?}");
            for j in 0..3 {
                prop_assert!(near(at_point.2[3 * i + j], over_box.2[3 * i + j], hessian[(i, j)]), "{energy}: {hessian:?}");
            }
        }
        // The form that proofs use, and the mean value form in it.
        let enclosed = f.enclose().unwrap();
        let mut e = Expansion::new(3);
        enclosed.system().expand(&wide, &center, &mut e);
        for i in 0..3 {
            prop_assert!(e.range[i].meet(at_point.1[i]).is_some());
            for j in 0..3 {
                prop_assert_eq!(e.jacobian[3 * i + j], e.jacobian[3 * j + i]);
            }
        }
        // No Hessian changes faster than the bound allows.
        let reach = 3f64.sqrt() * radius;
        let bound = enclosed.lipschitz(&center, reach);
        let mut middle = faer::Mat::zeros(3, 3);
        f.hessian(&center, middle.as_mut());
        let moved = x.iter().zip(&center).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let change = (0..3).map(|j| (hessian.col(j) - middle.col(j)).norm_l2()).fold(0.0, f64::max);
        prop_assert!(change <= bound * moved + 1e-8 * (1.0 + bound), "{energy}: {change} {bound} {moved}");
    }
}

#[test]
fn exact_values_of_polynomials_are_inside() {
    // At multiples of 1/64 every value is a whole number over 64^4, and few enough digits for exact doubles.
    let f = formula(2, HIMMELBLAU);
    for i in -40..40i64 {
        let (a, b) = (9 * i + 5, 7 * i - 11);
        // u = 64^2 (x^2 + y - 11), v = 64^2 (x + y^2 - 7)
        let (u, v) = (a * a + 64 * b - 11 * 4096, 64 * a + b * b - 7 * 4096);
        let over = |k: i64, power: i32| k as f64 / 64f64.powi(power);
        let exact_gradient = [over(4 * a * u + 128 * v, 3), over(128 * u + 4 * b * v, 3)];
        let exact_hessian = [
            over(4 * u + 8 * a * a + 2 * 4096, 2),
            over(4 * 64 * (a + b), 2),
            over(4 * 64 * (a + b), 2),
            over(4 * v + 8 * b * b + 2 * 4096, 2),
        ];
        let x = [over(a, 1), over(b, 1)];
        for radius in [0.0, 1e-3, 0.25] {
            let wide: Vec<Interval> = x.iter().map(|x| Interval::new(x - radius, x + 2.0 * radius)).collect();
            let (e, g, h) = enclosures(&f, &wide);
            assert!(e.contains((u as f64 * u as f64 + v as f64 * v as f64) / 64f64.powi(4)));
            assert!(
                g.iter().zip(exact_gradient).all(|(g, exact)| g.contains(exact)),
                "{g:?} {exact_gradient:?}"
            );
            assert!(
                h.iter().zip(exact_hessian).all(|(h, exact)| h.contains(exact)),
                "{h:?} {exact_hessian:?}"
            );
            if radius == 0.0 {
                assert!(
                    g.iter().zip(exact_gradient).all(|(g, exact)| g.width() <= 1e-12 * exact.abs().max(1e3))
                );
            }
        }
    }
}

#[test]
fn constants_are_enclosed_unless_they_are_exact() {
    let coefficient = |energy: &str| enclosures(&formula(1, energy), &points(&[1.0])).1[0];
    for (energy, exact) in [
        ("2*3*x", 6.0),
        ("0.5*x*4", 2.0),
        ("x/4", 0.25),
        ("x - 2*x", -1.0),
        ("(3/4)*x", 0.75),
        ("sqrt(9)*x", 3.0),
    ] {
        assert_eq!(coefficient(energy), Interval::point(exact), "{energy}");
    }
    // 0.1 * 3 is not a floating-point number: its rounding error is one, exactly.
    let c = coefficient("0.1*3*x");
    let (product, error) = (0.1 * 3.0, 0.1f64.mul_add(3.0, -(0.1 * 3.0)));
    assert!(error != 0.0 && c.lo() - product < error && error < c.hi() - product && c.width() < 1e-15);
    // 1/3 and 2/3: three times the ends lie on both sides.
    for (energy, twice) in [("x/3", 1.0), ("(2/3)*x", 2.0)] {
        let c = coefficient(energy);
        assert!(c.lo().mul_add(3.0, -twice) < 0.0 && c.hi().mul_add(3.0, -twice) > 0.0, "{energy}");
        assert!(c.width() < 1e-15);
    }
    let c = coefficient("sqrt(2)*x");
    assert!(c.lo().mul_add(c.lo(), -2.0) < 0.0 && c.hi().mul_add(c.hi(), -2.0) > 0.0 && c.width() < 2e-15);
    // Both constants lie above the nearest double.
    for (energy, below) in [("pi*x", std::f64::consts::PI), ("e*x", std::f64::consts::E)] {
        let c = coefficient(energy);
        assert!(c.lo() <= below && c.hi() >= below.next_up() && c.width() < 1e-14, "{energy}: {c:?}");
    }
    // A parameter is the number given, an exponent from one is whole if it is.
    let f = with(1, "g*x^p", &[("g", 0.1), ("p", 3.0)]);
    assert!(enclosures(&f, &points(&[-2.0])).1[0].contains(0.1 * 3.0 * 4.0));
}

#[test]
fn jumps_of_constants_are_not_guessed() {
    assert!(formula(1, "x^2 + floor(2.5)").enclose().is_ok());
    assert!(formula(3, "sum(i, 0, n-1, x[mod(i+1, n)]^2*max(0, 1 - abs(i - floor(n/2))))").enclose().is_ok());
    // 0.3/0.1 is 3 in floating point, and below 3 in truth.
    let message = formula(1, "x^2 + floor(0.3/0.1)").enclose().err().unwrap();
    assert!(message.contains("either side"), "{message}");
}

/// Places where the formula is not twice differentiable, boxes with such a place and without.
#[test]
fn kinks_and_poles_are_never_smooth() {
    let around = |a: f64, b: f64| vec![Interval::new(a, b)];
    for (energy, smooth, rough) in [
        ("abs(x) + x^2", (0.25, 1.0), (-0.5, 1.0)),
        ("abs(x) + x^2", (-2.0, -0.5), (-1.0, 0.0)),
        ("x*abs(x)", (0.25, 1.0), (-0.5, 0.25)),
        ("relu(x)^2", (-1.0, -0.25), (-0.25, 0.0)),
        ("max(x^2, (x - 1)^2)", (0.75, 1.0), (0.25, 0.75)),
        ("min(x^2, (x - 1)^2)", (0.75, 1.0), (0.5, 0.75)),
        ("1/x + x", (0.25, 1.0), (-0.5, 1.0)),
        ("1/x + x", (0.25, 1.0), (0.0, 1.0)),
        ("sin(1/x)", (0.25, 0.5), (-0.125, 0.25)),
        ("exp(-1/x^2)", (0.5, 1.0), (-0.25, 0.25)),
        ("tanh(1/x)", (0.5, 1.0), (-0.25, 0.5)),
        ("sqrt(x^2)", (0.5, 1.0), (-0.25, 0.5)),
        ("sqrt(x)^2 + x^2", (0.5, 1.0), (0.0, 0.5)),
        ("sign(x)*x^3 + x", (0.5, 1.0), (-0.25, 0.5)),
        ("tanh(sign(x - 1))", (0.0, 0.5), (0.5, 1.5)),
        // Undefined there, though the derivative by its formula is not.
        ("log(x) + x", (0.5, 2.0), (-2.0, -0.5)),
        ("tanh(log(x)) + x", (0.5, 2.0), (-2.0, -0.5)),
        ("0*log(x) + x^2", (0.5, 2.0), (-1.0, 1.0)),
        ("x*log(x)", (0.5, 1.0), (0.0, 0.5)),
        ("x*log(x)", (0.5, 1.0), (-0.25, 0.5)),
        ("relu(x - 5)*log(x) + x^2", (0.5, 1.0), (-0.5, 0.5)),
        ("x*x/x + x^2", (0.5, 1.0), (-0.5, 0.5)),
        ("x^1.5", (0.5, 1.0), (0.0, 0.5)),
        ("x^-2 + x^2", (0.5, 1.0), (-0.5, 0.5)),
        ("pow(x, x)", (0.5, 1.0), (-0.5, 0.5)),
        ("asin(x)", (-0.5, 0.5), (0.5, 1.0)),
        ("acos(x)", (-0.5, 0.5), (0.5, 2.0)),
        ("log10(x + 1)", (0.0, 0.5), (-1.0, 0.0)),
        ("atan(tan(x))", (-1.0, 1.0), (1.0, 2.0)),
        ("atan2(x, -1)", (0.25, 0.5), (-0.5, 0.5)),
    ] {
        let f = formula(1, energy);
        let enclosed = f.enclose().unwrap();
        let system = enclosed.system();
        let mut e = Expansion::new(1);
        let good = around(smooth.0, smooth.1);
        system.expand(&good, &[good[0].mid()], &mut e);
        assert!(e.jacobian[0].is_bounded() && e.range[0].is_bounded(), "{energy}: {e:?}");
        assert!(enclosed.hessian(&good).rad[(0, 0)].is_finite());
        assert!(enclosed.lipschitz(&[good[0].mid()], 0.125 * good[0].width()).is_finite(), "{energy}");
        let bad = around(rough.0, rough.1);
        system.expand(&bad, &[bad[0].mid()], &mut e);
        assert!(!e.jacobian[0].is_bounded(), "{energy}: {e:?}");
        assert_eq!(enclosed.hessian(&bad).rad[(0, 0)], f64::INFINITY);
        assert_eq!(enclosed.lipschitz(&[bad[0].mid()], 0.5 * bad[0].width()), f64::INFINITY, "{energy}");
        // The derivative at a kink is not lost from the range: both sides are in it.
        let mut g = [Interval::ZERO];
        system.range(&bad, &mut g);
        for t in [0.01, 0.25, 0.75, 0.99] {
            let (x, mut exact) = (rough.0 + t * (rough.1 - rough.0), [0.0]);
            Landscape::gradient(&f, &[x], &mut exact);
            let slack = 1e-9 * exact[0].abs();
            assert!(
                exact[0].is_nan() || Interval::about(exact[0], slack).meet(g[0]).is_some(),
                "{energy} {x}: {g:?} {exact:?}"
            );
        }
    }
}

#[test]
fn no_critical_point_is_proven_where_there_is_none() {
    // The kink of |x|, the pole, undefined zeros of the derivative, a flat fourth power, a plateau.
    for (energy, region) in [
        ("abs(x) + 0.5*x^2", (-1.0, 1.5)),
        ("log(x) + x", (-3.0, 2.0)),
        ("x^4", (-1.0, 1.5)),
        ("relu(x)^3", (-1.0, 1.5)),
        ("exp(-1/x^2)", (-0.5, 0.75)),
    ] {
        let found = zeros(&formula(1, energy), &[region], 3000);
        assert!(found.zeros.is_empty() && found.undecided > 0, "{energy}: {found:?}");
    }
}

#[test]
fn the_hessian_changes_no_faster_than_its_bound_and_the_bound_is_sharp() {
    // E''' = 24 x.
    let f = formula(1, "x^4");
    let bound = f.enclose().unwrap().lipschitz(&[1.0], 0.5);
    assert!((36.0..36.000_001).contains(&bound), "{bound}");
    // Separable: as in one dimension, however many there are. E''' = 12 x.
    let f = formula(20, STYBLINSKI_TANG);
    let bound = f.enclose().unwrap().lipschitz(&[1.0; 20], 0.5);
    assert!((18.0..18.000_001).contains(&bound), "{bound}");
    // H = [[2y, 2x], [2x, 0]]: along d its change has the norm |d2| + sqrt(d2^2 + 4 d1^2), at most 4/sqrt(3) |d|.
    let f = formula(2, "x^2*y");
    let bound = f.enclose().unwrap().lipschitz(&[0.0, 0.0], 1.0);
    assert!(bound >= 4.0 / 3f64.sqrt() && bound < 3.5, "{bound}");
}

#[test]
fn everywhere_confines_the_critical_points_of_polynomials() {
    for (f, farthest) in [
        (formula(2, HIMMELBLAU), 3.8),
        (formula(4, STYBLINSKI_TANG), 2.91),
        (formula(1, "x^4 - 100*x^2"), 7.08),
        (formula(2, "x^2 + y^2 + 3*sin(2*x)*cos(y) + tanh(x + y)"), 0.5),
        (with(2, "x^4 + y^4 - a*x*y", &[("a", 4.0)]), 1.0),
    ] {
        let enclosed = f.enclose().unwrap();
        let all = enclosed.everywhere().unwrap();
        let n = f.dim();
        let reach = all.within[0].hi();
        assert!(reach >= farthest && reach <= 64.0 * farthest, "{reach}");
        assert!(all.radius >= reach * (n as f64).sqrt() && all.system.dim() == n);
        // Outside the energy rises outwards.
        for k in 0..200 {
            let mut x: Vec<f64> =
                (0..n).map(|i| (0.3 + 1.7 * f64::from(k) + 2.3 * (i * i + i) as f64).sin()).collect();
            let size = x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            let stretch = reach * (1.0 + 0.01 * f64::from(k)) / size;
            x.iter_mut().for_each(|x| *x *= stretch);
            let mut g = vec![0.0; n];
            Landscape::gradient(&f, &x, &mut g);
            assert!(x.iter().zip(&g).map(|(x, g)| x * g).sum::<f64>() > 0.0, "{x:?}");
        }
    }
    // Falls somewhere, is flat somewhere, cannot be told, is no polynomial.
    for energy in [
        "x^2 - y^2",
        "x^2*y^2",
        "(x - y)^2",
        "x^4 - x^4*y^2 + y^4",
        "x^2 + exp(y)",
        "x + y^2",
        "x^2/(1 + y^2)",
        "3",
    ] {
        assert!(formula(2, energy).enclose().unwrap().everywhere().is_none(), "{energy}");
    }
}
