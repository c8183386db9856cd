//! Derivatives against closed forms and against differences, alone and in combination.

use faer::Mat;
use smale::landscape::formula::{Direction, Formula};
use smale::landscape::{Family, Landscape};

use super::{formula, with};

/// A derivative by Richardson extrapolation of central differences: Neville's scheme over halved steps, the entry
/// with the smallest change.
pub(crate) fn richardson(f: impl Fn(f64) -> f64, mut h: f64) -> f64 {
    let mut rows: Vec<Vec<f64>> = vec![];
    let mut best = (f64::INFINITY, f64::NAN);
    for k in 0..8 {
        let mut row = vec![(f(h) - f(-h)) / (2.0 * h)];
        for j in 0..k {
            let factor = 4f64.powi(j as i32 + 1);
            row.push((factor * row[j] - rows[k - 1][j]) / (factor - 1.0));
            let change = (row[j + 1] - row[j]).abs().max((row[j + 1] - rows[k - 1][j]).abs());
            if change < best.0 {
                best = (change, row[j + 1]);
            }
        }
        rows.push(row);
        h *= 0.5;
    }
    best.1
}

fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (got - expected).abs() / expected.abs().max(1.0);
    assert!(error <= tolerance, "{what}: {got} instead of {expected}");
}

/// First to third derivative of a function of one variable, and what the mixed sweeps give in a scale parameter.
fn jet(f: &Formula, x: f64) -> [f64; 3] {
    let one = [1.0];
    let mut out = [[0.0]; 3];
    f.derivative(&[x], &[], &mut out[0]);
    f.derivative(&[x], &[Direction::State(&one)], &mut out[1]);
    f.derivative(&[x], &[Direction::State(&one), Direction::State(&one)], &mut out[2]);
    [out[0][0], out[1][0], out[2][0]]
}

#[test]
fn closed_forms_of_every_function() {
    type Jet = fn(f64) -> [f64; 3];
    let cases: [(&str, f64, Jet); 22] = [
        ("sqrt(x)", 0.7, |x| [0.5 * x.powf(-0.5), -0.25 * x.powf(-1.5), 0.375 * x.powf(-2.5)]),
        ("exp(x)", 0.7, |x| [x.exp(); 3]),
        ("log(x)", 0.7, |x| [1.0 / x, -1.0 / (x * x), 2.0 / x.powi(3)]),
        ("log10(x)", 0.7, |x| [1.0 / x, -1.0 / (x * x), 2.0 / x.powi(3)].map(|d| d / 10f64.ln())),
        ("sin(x)", 0.7, |x| [x.cos(), -x.sin(), -x.cos()]),
        ("cos(x)", 0.7, |x| [-x.sin(), -x.cos(), x.sin()]),
        ("tan(x)", 0.7, |x| {
            let (t, s) = (x.tan(), x.cos().powi(-2));
            [s, 2.0 * t * s, 2.0 * s * s + 4.0 * t * t * s]
        }),
        ("asin(x)", 0.6, |x| {
            let w = 1.0 - x * x;
            [w.powf(-0.5), x * w.powf(-1.5), w.powf(-1.5) + 3.0 * x * x * w.powf(-2.5)]
        }),
        ("acos(x)", 0.6, |x| {
            let w = 1.0 - x * x;
            [w.powf(-0.5), x * w.powf(-1.5), w.powf(-1.5) + 3.0 * x * x * w.powf(-2.5)].map(|d| -d)
        }),
        ("atan(x)", 0.7, |x| {
            let w = 1.0 + x * x;
            [1.0 / w, -2.0 * x / (w * w), (6.0 * x * x - 2.0) / w.powi(3)]
        }),
        ("sinh(x)", 0.7, |x| [x.cosh(), x.sinh(), x.cosh()]),
        ("cosh(x)", 0.7, |x| [x.sinh(), x.cosh(), x.sinh()]),
        ("tanh(x)", 0.7, |x| {
            let t = x.tanh();
            let s = 1.0 - t * t;
            [s, -2.0 * t * s, s * (6.0 * t * t - 2.0)]
        }),
        ("abs(x)", -0.7, |_| [-1.0, 0.0, 0.0]),
        ("sign(x)", -0.7, |_| [0.0; 3]),
        ("relu(x)", 0.7, |_| [1.0, 0.0, 0.0]),
        ("softplus(x)", -0.7, |x| {
            let s = 1.0 / (1.0 + (-x).exp());
            [s, s * (1.0 - s), s * (1.0 - s) * (1.0 - 2.0 * s)]
        }),
        ("sigmoid(x)", -0.7, |x| {
            let s = 1.0 / (1.0 + (-x).exp());
            let d = s * (1.0 - s);
            [d, d * (1.0 - 2.0 * s), d * (1.0 - 6.0 * s + 6.0 * s * s)]
        }),
        ("logcosh(x)", 0.7, |x| {
            let t = x.tanh();
            [t, 1.0 - t * t, -2.0 * t * (1.0 - t * t)]
        }),
        ("erf(x)", 0.7, |x| {
            let w = std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp();
            [w, -2.0 * x * w, (4.0 * x * x - 2.0) * w]
        }),
        ("2^x", 0.7, |x| {
            let l = 2f64.ln();
            [l, l * l, l.powi(3)].map(|c| c * 2f64.powf(x))
        }),
        ("1/x", -0.7, |x| [-1.0 / (x * x), 2.0 / x.powi(3), -6.0 / x.powi(4)]),
    ];
    for (energy, x, closed) in cases {
        let got = jet(&formula(1, energy), x);
        for (order, (got, expected)) in got.into_iter().zip(closed(x)).enumerate() {
            close(got, expected, 4e-15, &format!("derivative {} of {energy}", order + 1));
        }
    }
}

#[test]
fn powers() {
    for exponent in [-5, -2, -1, 0, 1, 2, 3, 4, 7, 12] {
        for x in [-1.3f64, 0.0, 0.8] {
            if x == 0.0 && exponent < 0 {
                continue;
            }
            let f = formula(1, &format!("x^{exponent} + x"));
            // The falling factorial times the lower power, which at x = 0 is 1 where the power vanishes.
            let mut falling = 1.0;
            let got = jet(&f, x);
            for (order, got) in got.into_iter().enumerate() {
                falling *= f64::from(exponent - order as i32);
                let power = if falling == 0.0 { 0.0 } else { x.powi(exponent - 1 - order as i32) };
                let linear = if order == 0 { 1.0 } else { 0.0 };
                close(got, falling * power + linear, 1e-14, &format!("x^{exponent}, order {order}, at {x}"));
            }
            // The same exponent as a parameter goes through the general power.
            let p = with(1, "x^p + x", &[("p", f64::from(exponent))]);
            for (a, b) in jet(&p, x).into_iter().zip(got) {
                close(a, b, 1e-14, &format!("x^p with p = {exponent} at {x}"));
            }
        }
    }
    for (exponent, x) in [(0.5, 0.7f64), (2.5, 0.0), (-1.5, 1.2), (3.3, 0.4)] {
        let got = jet(&formula(1, &format!("x^({exponent})")), x);
        let mut falling = 1.0;
        for (order, got) in got.into_iter().enumerate() {
            falling *= exponent - order as f64;
            let expected = falling * x.powf(exponent - 1.0 - order as f64);
            if expected.is_finite() {
                close(got, expected, 1e-14, &format!("x^{exponent} at {x}"));
            } else {
                assert!(!got.is_finite());
            }
        }
    }
}

#[test]
fn edges_of_the_domain_are_quiet() {
    // The derivative of the root is infinite at 0, where nothing flows into it the answer stays finite.
    let f = formula(2, "x*sqrt(y) + y^2");
    let mut g = [0.0; 2];
    f.gradient(&[0.0, 0.0], &mut g);
    assert_eq!(g, [0.0, 0.0]);
    let mut h = Mat::zeros(2, 2);
    f.hessian(&[1.0, 0.0], h.as_mut());
    assert!(!h[(1, 1)].is_finite());
    // x log x is NaN at 0 itself (0 times infinity), and right everywhere beside it.
    let f = formula(1, "x*log(x)");
    assert!(f.energy(&[0.0]).is_nan());
    close(jet(&f, 1e-300)[0], 1e-300f64.ln() + 1.0, 1e-15, "x log x");
    assert!(f.energy(&[-1.0]).is_nan());
    // Kinks take one side.
    assert_eq!(jet(&formula(1, "relu(x) + abs(x) + sign(x)"), 0.0), [0.0; 3]);
    assert_eq!(jet(&formula(1, "max(2*x, 3*x)"), 0.0)[0], 3.0);
    assert_eq!(jet(&formula(1, "relu(x)^2"), 0.0), [0.0; 3]);
    // A squared-ReLU well has its second derivative on the active side only.
    assert_eq!(jet(&formula(1, "relu(x)^2"), 0.5), [1.0, 2.0, 0.0]);
    // NaN goes through, it is not lost in a maximum.
    assert!(formula(2, "max(x, y)").energy(&[f64::NAN, 1.0]).is_nan());
    assert!(formula(2, "max(x, y)").energy(&[1.0, f64::NAN]).is_nan());
    // The gradient in a negative base with a parameter as its exponent exists.
    let f = with(1, "x^p", &[("p", 3.0)]);
    assert_eq!(jet(&f, -2.0), [12.0, -12.0, 6.0]);
}

#[test]
fn directions_agree_with_differences() {
    let f = with(
        3,
        "a*x^2*y^3*z + sin(b*x*y) + exp(a*z - x) + x^b + atan2(y, x*z) + logcosh(a*x + b*y*z) + a*b*x*y*z^2",
        &[("a", 0.7), ("b", 1.3)],
    );
    let x = [0.8, -0.6, 1.1];
    let (u, v) = ([0.3, -1.2, 0.5], [1.0, 0.4, -0.9]);
    let moved = |t: f64, by: &[f64; 3]| -> Vec<f64> { x.iter().zip(by).map(|(x, b)| x + t * b).collect() };
    let along = |f: &Formula, at: &[f64], directions: &[Direction<'_>]| -> Vec<f64> {
        let mut out = vec![0.0; 3];
        f.derivative(at, directions, &mut out);
        out
    };
    let with_b = |t: f64| {
        with(
            3,
            "a*x^2*y^3*z + sin(b*x*y) + exp(a*z - x) + x^b + atan2(y, x*z) + logcosh(a*x + b*y*z) + a*b*x*y*z^2",
            &[("a", 0.7), ("b", 1.3 + t)],
        )
    };
    let (su, sv, pb) = (Direction::State(&u), Direction::State(&v), Direction::Parameter(1));
    // Each derivative is the difference of the one with a direction less.
    let gradient = along(&f, &x, &[]);
    for i in 0..3 {
        let mut e = [0.0; 3];
        e[i] = 1.0;
        close(gradient[i], richardson(|t| f.energy(&moved(t, &e)), 0.1), 1e-10, "gradient");
    }
    let lower: [(&[Direction<'_>], &[Direction<'_>]); 6] = [
        (&[], &[sv]),
        (&[su], &[su, sv]),
        (&[su, sv], &[su, sv, sv]),
        (&[pb], &[pb, sv]),
        (&[pb, su], &[pb, su, sv]),
        (&[pb, pb], &[pb, pb, sv]),
    ];
    for (low, high) in lower {
        for (i, got) in along(&f, &x, high).into_iter().enumerate() {
            let expected = richardson(|t| along(&f, &moved(t, &v), low)[i], 0.1);
            close(got, expected, 1e-9, &format!("{high:?}"));
        }
    }
    for (low, high) in
        [(&[][..], &[pb][..]), (&[su], &[pb, su]), (&[su, sv], &[su, pb, sv]), (&[pb], &[pb, pb])]
    {
        for (i, got) in along(&f, &x, high).into_iter().enumerate() {
            let expected = richardson(|t| along(&with_b(t), &x, low)[i], 0.1);
            close(got, expected, 1e-9, &format!("{high:?}"));
        }
    }
    close(f.energy_by(1, &x), richardson(|t| with_b(t).energy(&x), 0.1), 1e-10, "energy in b");
    let mut by = vec![0.0; 3];
    f.gradient_by(1, &x, &mut by);
    assert_eq!(by, along(&f, &x, &[pb]));
    let mut third = vec![0.0; 3];
    f.third(&x, &u, &v, &mut third);
    assert_eq!(third, along(&f, &x, &[su, sv]));
}

#[test]
fn batches_are_their_columns() {
    let f = with(3, "x^4 + y^2*z + exp(a*x*z) + sum(i, 0, 2, cos(x[i]))", &[("a", 0.3)]);
    let points = Mat::from_fn(3, 7, |i, j| ((3 * i + 5 * j) as f64).sin());
    let vectors = Mat::from_fn(3, 7, |i, j| ((2 * i + 7 * j) as f64).cos());
    let mut energies = vec![0.0; 7];
    let mut gradients = Mat::zeros(3, 7);
    f.gradients(points.as_ref(), &mut energies, gradients.as_mut());
    let mut alone = vec![0.0; 7];
    f.energies(points.as_ref(), &mut alone);
    assert_eq!(alone, energies);
    let mut products = Mat::zeros(3, 7);
    f.linearize(points.as_ref()).apply(vectors.as_ref(), products.as_mut());
    let mut at_first = Mat::zeros(3, 7);
    f.linearize(points.as_ref().subcols(0, 1)).apply(vectors.as_ref(), at_first.as_mut());
    let column = |m: &Mat<f64>, j: usize| -> Vec<f64> { (0..3).map(|i| m[(i, j)]).collect() };
    for (j, energy) in energies.iter().enumerate() {
        let (x, v) = (column(&points, j), column(&vectors, j));
        let mut g = vec![0.0; 3];
        assert_eq!(f.gradient(&x, &mut g), *energy);
        assert_eq!(f.energy(&x), *energy);
        assert_eq!(g, column(&gradients, j));
        f.derivative(&x, &[Direction::State(&v)], &mut g);
        assert_eq!(g, column(&products, j));
        f.derivative(&column(&points, 0), &[Direction::State(&v)], &mut g);
        assert_eq!(g, column(&at_first, j));
    }
}

/// Columns of a Hessian by products with unit vectors.
fn hessian_by_products(f: &Formula, x: &[f64]) -> Mat<f64> {
    let n = x.len();
    let mut out = Mat::zeros(n, n);
    for j in 0..n {
        let (mut e, mut column) = (vec![0.0; n], vec![0.0; n]);
        e[j] = 1.0;
        f.derivative(x, &[Direction::State(&e)], &mut column);
        (0..n).for_each(|i| out[(i, j)] = column[i]);
    }
    out
}

#[test]
fn sparse_and_full_hessians_agree_with_products() {
    let chain = "sum(i, 0, n-1, exp(x[i])*a - x[i]^4/4) + sum(i, 0, n-2, (x[i] - x[i+1])^2 * 3)";
    for (dim, energy) in [
        (1, "x^4"),
        (2, "sin(x*y)"),
        (5, "prod(i, 0, n-1, x[i])"),
        (30, chain),
        (30, "(sum(i, 0, n-1, x[i]))^3 + x[3]^2*x[7]"),
        (31, "sum(i, 0, n-1, cos(x[i]*x[mod(i+7, n)]) / (2 + x[mod(i+1, n)]^2))"),
        (23, "sum(i, 0, n-3, max(x[i], x[i+1]*x[i+2]) + abs(x[i]*x[i+1]) + atan2(x[i], 3 + x[i+2]))"),
        (12, "sum(i, 0, n-1, (2 + x[i])^(1 + x[mod(i+5, n)]))"),
        (40, "a*sum(i, 0, n-1, x[i]^2) + x[0]*x[39]"),
    ] {
        let f = with(dim, energy, &[("a", 0.3)]);
        let x: Vec<f64> = (0..dim).map(|i| (1.0 + 1.7 * i as f64).sin()).collect();
        let expected = hessian_by_products(&f, &x);
        let mut h = Mat::from_fn(dim, dim, |_, _| f64::NAN);
        f.hessian(&x, h.as_mut());
        let scale = expected.norm_max();
        for j in 0..dim {
            for i in 0..dim {
                assert_eq!(h[(i, j)], h[(j, i)]);
                assert!((h[(i, j)] - expected[(i, j)]).abs() <= 1e-14 * scale, "{energy}: {i}, {j}");
            }
        }
    }
}
