//! Local manifolds against closed forms, and their flow against small steps of Runge-Kutta.

use super::local::Options;
use super::{LocalManifold, Stability, local};
use crate::landscape::Landscape;
use crate::landscape::formula::Formula;
use crate::linalg::{dot, norm};

/// A formula in x1, x2, .. .
pub(super) fn formula(dim: usize, energy: &str) -> Formula {
    let named = |e: String, i: usize| e.replace(&format!("x{i}"), &format!("x[{}]", i - 1));
    let energy = (1..=dim).fold(energy.to_string(), named);
    Formula::new(dim, &energy, &[], &[], None).unwrap_or_else(|e| panic!("{energy}: {e:?}"))
}

/// The rows of a reflection that mixes all coordinates.
pub(super) fn turned(n: usize) -> Vec<Vec<f64>> {
    let w: Vec<f64> = (0..n).map(|i| 1.0 + (1.7 * i as f64).sin()).collect();
    let s = 2.0 / dot(&w, &w);
    (0..n).map(|i| (0..n).map(|k| f64::from(u8::from(i == k)) - s * w[i] * w[k]).collect()).collect()
}

/// The i-th turned coordinate, as a formula.
pub(super) fn coordinate(row: &[f64]) -> String {
    let terms: Vec<String> = row.iter().enumerate().map(|(i, c)| format!("({c:?})*x{}", i + 1)).collect();
    format!("({})", terms.join("+"))
}

/// Double wells `a (y^4/4 - y^2/2)` in the first turned coordinates, `3 z^2/2` in one more.
pub(super) fn wells(rates: &[f64]) -> (Formula, Vec<Vec<f64>>) {
    let n = rates.len() + 1;
    let rows = turned(n);
    let mut terms: Vec<String> = rates
        .iter()
        .zip(&rows)
        .map(|(a, row)| format!("{a:?}*({y}^4/4 - {y}^2/2)", y = coordinate(row)))
        .collect();
    terms.push(format!("1.5*{}^2", coordinate(&rows[n - 1])));
    (formula(n, &terms.join(" + ")), rows)
}

/// Parameters on and inside the unit sphere of R^d, in no special place.
fn samples(d: usize) -> Vec<Vec<f64>> {
    let mut out = vec![];
    for k in 0..24 {
        let mut s: Vec<f64> =
            (0..d).map(|j| (0.5 + 2.3 * k as f64 + 1.1 * (j * k) as f64 + j as f64).sin()).collect();
        let size = norm(&s) / (0.25 + 0.75 * (k % 4) as f64 / 3.0);
        s.iter_mut().for_each(|s| *s /= size);
        out.push(s);
    }
    out
}

/// Small steps of Runge-Kutta along `-grad E`, `time` either way.
fn flow(landscape: &dyn Landscape, x: &[f64], time: f64) -> Vec<f64> {
    let steps = 4000;
    let h = time / steps as f64;
    let slope = |x: &[f64]| {
        let mut g = vec![0.0; x.len()];
        landscape.gradient(x, &mut g);
        g.iter().map(|g| -g).collect::<Vec<f64>>()
    };
    let moved =
        |x: &[f64], v: &[f64], h: f64| -> Vec<f64> { x.iter().zip(v).map(|(x, v)| x + h * v).collect() };
    let mut x = x.to_vec();
    for _ in 0..steps {
        let a = slope(&x);
        let b = slope(&moved(&x, &a, 0.5 * h));
        let c = slope(&moved(&x, &b, 0.5 * h));
        let e = slope(&moved(&x, &c, h));
        for i in 0..x.len() {
            x[i] += h / 6.0 * (a[i] + 2.0 * (b[i] + c[i]) + e[i]);
        }
    }
    x
}

fn scaled(s: &[f64], factor: f64) -> Vec<f64> {
    s.iter().map(|s| s * factor).collect()
}

pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>())
}

/// The largest difference of `P(g's flow)` from the flow of P, from half the radius, a third of the slowest time out.
fn conjugacy_error(landscape: &dyn Landscape, m: &LocalManifold) -> f64 {
    let fastest = m.rates.iter().fold(0.0_f64, |a, r| a.max(*r));
    let (start, time) = (0.5 * m.radius, std::f64::consts::LN_2 / fastest);
    let sign = if m.which == Stability::Unstable { 1.0 } else { -1.0 };
    samples(m.dimension)
        .iter()
        .map(|s| {
            let s = scaled(s, start);
            distance(&flow(landscape, &m.evaluate(&s), sign * time), &m.evaluate(&m.advance(&s, time)))
        })
        .fold(0.0, f64::max)
}

#[test]
fn products_of_double_wells_in_one_to_four_dimensions() {
    // y' = a (y - y^3) is carried to s' = a s by s = y / sqrt(1 - y^2).
    for rates in [&[1.0][..], &[1.0, 1.37], &[1.0, 1.37, 0.83], &[1.0, 1.37, 0.83, 1.19]] {
        let d = rates.len();
        let (landscape, rows) = wells(rates);
        let m = local(&landscape, &vec![0.0; d + 1], Stability::Unstable, &Options::default()).unwrap();
        assert_eq!((m.dimension, m.resonances().len()), (d, 0));
        let reach = (0..d).map(|j| norm(m.coefficients.col_as_slice(j))).fold(f64::INFINITY, f64::min);
        let (mut worst, mut off) = (0.0_f64, 0.0_f64);
        for s in samples(d) {
            let s = scaled(&s, m.radius);
            let x = m.evaluate(&s);
            // In the plane of the wells.
            off = off.max(dot(&rows[d], &x).abs());
            for i in 0..d {
                let linear: f64 = (0..d).map(|j| s[j] * dot(&rows[i], m.coefficients.col_as_slice(j))).sum();
                worst = worst.max((dot(&rows[i], &x) - linear / (1.0 + linear * linear).sqrt()).abs());
            }
        }
        println!(
            "d = {d}: radius {} x {reach:.3}, off {worst:.1e}, across {off:.1e}, distance {:.1e}, conjugacy {:?}",
            m.radius, m.distance, m.conjugacy
        );
        assert!(off <= m.distance + 1e-14);
        assert!(worst <= m.conjugacy.unwrap() + 1e-13, "d = {d}: {worst} beyond {:?}", m.conjugacy);
        assert!(m.radius * reach > 0.02, "d = {d}: reaches {} only", m.radius * reach);
        assert!(m.distance <= 1e-9 * m.radius * reach);
    }
}

/// With w = z + i a z^2/2 = u + i v, `E = u^4/4 - u^2/2 + k v^2/2`: grad u and grad v are orthogonal, so v = 0 is invariant.
/// It is the curve `y = (1 - sqrt(1 + a^2 x^2)) / a`. `sign` turns the energy round.
pub(super) fn bent(a: f64, k: f64, sign: f64, dim: usize) -> Formula {
    let (u, v) = (format!("(x1 - {a:?}*x1*x2)"), format!("(x2 + {a:?}*(x1^2 - x2^2)/2)"));
    let more = if dim == 3 { "+ 1.3*(x3^4/4 - x3^2/2)" } else { "" };
    formula(dim, &format!("{sign:?}*({u}^4/4 - {u}^2/2 + {k:?}*{v}^2/2 {more})"))
}

#[test]
pub(super) fn bent_curves_and_cylinders() {
    let a = 0.8;
    for (dim, sign, which) in
        [(2, 1.0, Stability::Unstable), (2, -1.0, Stability::Stable), (3, 1.0, Stability::Unstable)]
    {
        let landscape = bent(a, 2.0, sign, dim);
        for (order, tolerance) in [(None, 1e-9), (Some(4), 1e-4)] {
            let options = Options { order, tolerance, ..Options::default() };
            let m = local(&landscape, &vec![0.0; dim], which, &options).unwrap();
            let mut worst = 0.0_f64;
            for s in samples(m.dimension) {
                let x = m.evaluate(&scaled(&s, m.radius));
                worst = worst.max((x[1] - (1.0 - (1.0 + (a * x[0]).powi(2)).sqrt()) / a).abs());
            }
            println!(
                "bent {dim} {which:?}: radius {} of {:.3}, off {worst:.1e}, distance {:.1e}, conjugacy {:?}",
                m.radius,
                norm(m.coefficients.col_as_slice(0)),
                m.distance,
                conjugacy_error(&landscape, &m)
            );
            // The curve is nowhere steeper than 1: what lies over each other is at most sqrt(2) times as far apart.
            assert!(worst <= 1.5 * m.distance + 1e-13, "{worst} beyond {}", m.distance);
            assert!(conjugacy_error(&landscape, &m) < 10.0 * m.conjugacy.unwrap() + 1e-12);
        }
    }
}

#[test]
fn resonant_terms_stay_in_the_inner_flow() {
    // x' = x - 2 c x y, y' = 2 y - c x^2: the term s_x^2 of the second cannot be removed.
    let c = 0.7;
    for second in [1.0, 1.02] {
        let landscape = formula(3, &format!("-x1^2/2 - {second:?}*x2^2 + {c:?}*x1^2*x2 + 2*x3^2 + x3*x1*x2"));
        let m = local(&landscape, &[0.0; 3], Stability::Unstable, &Options::default()).unwrap();
        // The faster mode comes first.
        let resonances = m.resonances();
        assert!(resonances.contains(&(0, vec![0, 2])), "{resonances:?}");
        let (fast, slow) = (m.coefficients[(1, 0)], m.coefficients[(0, 1)]);
        let place = m.powers.exponents.iter().position(|e| *e == [0, 2]).unwrap();
        assert!((m.internal[(0, place)] + c * slow * slow / fast).abs() < 1e-10);
        assert!(m.coefficients.col_as_slice(place)[..2].iter().all(|v| v.abs() < 1e-10));
        let error = conjugacy_error(&landscape, &m);
        println!("{second}: {error:.1e}, {:.1e}, radius {} of {slow}", m.distance, m.radius);
        assert!(error < 1e-9 * slow.abs(), "{error}");
    }
}

#[test]
fn a_triple_resonance() {
    // Rates 3, 2, 1: of degree two z takes x y, of degree three x^3, and y takes x^2.
    let landscape =
        formula(4, "-x1^2/2 - x2^2 - 1.5*x3^2 + 0.4*x1^2*x2 + 0.5*x1*x2*x3 + 0.3*x1^3*x3 + x4^2 + x4*x1*x2");
    let m = local(&landscape, &[0.0; 4], Stability::Unstable, &Options::default()).unwrap();
    let resonances = m.resonances();
    for term in [(0, vec![0, 1, 1]), (0, vec![0, 0, 3]), (1, vec![0, 0, 2])] {
        assert!(resonances.contains(&term), "{term:?} of {resonances:?}");
    }
    let error = conjugacy_error(&landscape, &m);
    let reach = norm(m.coefficients.col_as_slice(2));
    println!("{error:.1e} {:.1e} {} of {reach}, {:?}", m.distance, m.radius, m.conjugacy);
    assert!(error < 1e-8 * reach, "{error}");
}

#[test]
fn points_of_the_manifold_have_parameters() {
    let landscape = bent(0.8, 2.0, 1.0, 3);
    let m = local(&landscape, &[0.0; 3], Stability::Unstable, &Options::default()).unwrap();
    for s in samples(2) {
        let s = scaled(&s, 0.9 * m.radius);
        let tangent = m.tangent(&s);
        let x = m.evaluate(&s);
        // A normal of the surface: across both tangents.
        let (t, u) = (tangent.col_as_slice(0), tangent.col_as_slice(1));
        let normal = [t[1] * u[2] - t[2] * u[1], t[2] * u[0] - t[0] * u[2], t[0] * u[1] - t[1] * u[0]];
        let away: Vec<f64> = x.iter().zip(&normal).map(|(x, v)| x + 1e-3 * v / norm(&normal)).collect();
        let (found, off) = m.parameters(&away).unwrap();
        assert!(distance(&found, &s) < 1e-9 && (off - 1e-3).abs() < 1e-9, "{found:?} {s:?} {off}");
    }
    assert!(m.parameters(&[5.0, 0.0, 0.0]).is_none());
}

#[test]
fn what_has_no_such_manifold_is_refused() {
    let bowl = formula(2, "x1^2 + x2^2");
    let say = |r: crate::Result<LocalManifold>| r.err().map(|e| e.to_string()).unwrap_or_default();
    let of = |l: &Formula, x: &[f64], w| say(local(l, x, w, &Options::default()));
    assert!(of(&bowl, &[0.0; 2], Stability::Unstable).contains("dimension 0"));
    assert_eq!(of(&bowl, &[0.0; 2], Stability::Stable), "");
    assert!(of(&bowl, &[0.0; 3], Stability::Stable).contains("2 finite coordinates"));
    assert!(of(&bowl, &[f64::NAN, 0.0], Stability::Stable).contains("finite"));
    assert!(of(&formula(2, "x1^4 - x2^2"), &[0.0; 2], Stability::Unstable).contains("not hyperbolic"));
    let hill = formula(6, "-(x1^2+x2^2+x3^2+x4^2+x5^2)/2 + x6^2");
    assert!(of(&hill, &[0.0; 6], Stability::Unstable).contains("dimension 5"));
    assert_eq!(of(&hill, &[0.0; 6], Stability::Stable), "");
    // One dimension: all of the line, up to where the field leaves off.
    assert_eq!(of(&formula(1, "-x^2 + x^4"), &[0.0], Stability::Unstable), "");
    assert_eq!(of(&formula(1, "-log(1+x)^2"), &[0.0], Stability::Unstable), "");
}
