//! The studies in `analyses/` that are formulas: published coordinates, energies and counts. The counts are made here
//! by Newton's method from a grid of starts, which knows nothing of the search that the studies run.

use std::f64::consts::{PI, TAU};
use std::path::Path;

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use smale::landscape::formula::Formula;
use smale::landscape::{Family, Landscape, trapping};

/// A study's formula, and the corners of the box it is studied in.
fn study(name: &str) -> Formula {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("analyses/{name}.toml"));
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    // Formulas can be proven about, so none of these studies is content with a search.
    assert!(matches!(table["critical"]["method"].as_str(), Some("auto" | "complete")), "{name}");
    assert!(table.contains_key("graph") && table.contains_key("report") && table.contains_key("title"));
    let landscape = table["landscape"].as_table().unwrap();
    assert_eq!(landscape["kind"].as_str(), Some("formula"));
    let parameters: Vec<(String, f64)> = match landscape.get("parameters") {
        Some(table) => {
            table.as_table().unwrap().iter().map(|(k, v)| (k.clone(), v.as_float().unwrap())).collect()
        }
        None => vec![],
    };
    let period: Vec<Option<f64>> = match landscape.get("period") {
        Some(list) => list.as_array().unwrap().iter().map(toml::Value::as_float).collect(),
        None => vec![],
    };
    let dim = landscape["dim"].as_integer().unwrap() as usize;
    Formula::new(dim, landscape["energy"].as_str().unwrap(), &parameters, &period, None).unwrap()
}

fn hessian(f: &dyn Family, x: &[f64]) -> Mat<f64> {
    let mut h = Mat::zeros(x.len(), x.len());
    f.hessian(x, h.as_mut());
    h
}

/// Newton's method; `None` if it does not converge to a nondegenerate point.
fn newton(f: &dyn Family, mut x: Vec<f64>) -> Option<(Vec<f64>, usize)> {
    let n = x.len();
    let mut g = vec![0.0; n];
    for _ in 0..60 {
        f.gradient(&x, &mut g);
        let step = hessian(f, &x).partial_piv_lu().solve(Mat::from_fn(n, 1, |i, _| g[i]));
        let length = step.norm_max();
        if !length.is_finite() || length > 1e3 {
            return None;
        }
        (0..n).for_each(|i| x[i] -= step[(i, 0)]);
        if length < 1e-13 {
            let eigenvalues = hessian(f, &x).self_adjoint_eigenvalues(Side::Lower).ok()?;
            if eigenvalues.iter().any(|l| l.abs() < 1e-8) {
                return None;
            }
            return Some((x, eigenvalues.iter().filter(|l| **l < 0.0).count()));
        }
    }
    None
}

/// Critical points of each index inside a box, from a grid of `steps` starts a side.
fn counts(f: &dyn Family, lower: &[f64], upper: &[f64], steps: usize) -> Vec<usize> {
    let n = f.dim();
    let period = f.period();
    let mut found: Vec<(Vec<f64>, usize)> = vec![];
    for k in 0..steps.pow(n as u32) {
        // Off the symmetry planes, on which Newton's method would stay.
        let start = (0..n)
            .map(|i| {
                let digit = (k / steps.pow(i as u32)) % steps;
                lower[i] + (upper[i] - lower[i]) * (digit as f64 + 0.37 + 0.05 * i as f64) / steps as f64
            })
            .collect();
        let Some((mut x, index)) = newton(f, start) else { continue };
        for (x, p) in x.iter_mut().zip(&period) {
            if let Some(p) = p {
                *x = (*x + 1e-6).rem_euclid(*p) - 1e-6;
            }
        }
        let inside = (0..n).all(|i| period.get(i).is_some() || (lower[i] <= x[i] && x[i] <= upper[i]));
        let known = found.iter().any(|(y, _)| x.iter().zip(y).all(|(a, b)| (a - b).abs() < 1e-7));
        if inside && !known {
            found.push((x, index));
        }
    }
    let mut counts = vec![0; 1 + found.iter().map(|p| p.1).max().unwrap_or(0)];
    found.iter().for_each(|p| counts[p.1] += 1);
    counts
}

/// The energy at a published point is as published, and Newton's method moves the point by no more than its last
/// digit.
fn published(f: &Formula, x: &[f64], index: usize, energy: Option<f64>, digit: f64) {
    let (exact, found) = newton(f, x.to_vec()).unwrap();
    assert_eq!(found, index, "{x:?}");
    let shift = x.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(shift <= digit, "{x:?} moved to {exact:?}");
    let mut g = vec![0.0; x.len()];
    let at = f.gradient(&exact, &mut g);
    let scale = hessian(f, &exact).norm_max();
    assert!(g.iter().all(|g| g.abs() <= 1e-12 * scale));
    if let Some(energy) = energy {
        assert!((at - energy).abs() <= 2e-6 * energy.abs().max(1e-3), "{at} instead of {energy}");
    }
}

#[test]
fn himmelblau() {
    let f = study("himmelblau");
    assert_eq!(f.energy(&[3.0, 2.0]), 0.0);
    published(&f, &[-2.805118, 3.131312], 0, None, 1e-6);
    published(&f, &[-3.779310, -3.283186], 0, None, 1e-6);
    published(&f, &[3.584428, -1.848126], 0, None, 1e-6);
    published(&f, &[-0.270845, -0.923039], 2, Some(181.616522), 1e-6);
    assert_eq!(counts(&f, &[-6.0; 2], &[6.0; 2], 15), [4, 4, 1]);
}

#[test]
fn mueller_brown() {
    let f = study("mueller-brown");
    for (x, index, energy) in [
        ([-0.5582236346, 1.4417258418], 0, -146.6995172100),
        ([0.6234994049, 0.0280377585], 0, -108.1667241169),
        ([-0.0500108230, 0.4666941049], 0, -80.7678181297),
        ([-0.8220015587, 0.6243128028], 1, -40.6648435087),
        ([0.2124865820, 0.2929883251], 1, -72.2489401123),
    ] {
        published(&f, &x, index, Some(energy), 1e-10);
        assert!((f.energy(&x) - energy).abs() < 1e-10);
    }
    let h = hessian(&f, &[-0.8220015587, 0.6243128028]);
    let eigenvalues = h.self_adjoint_eigenvalues(Side::Lower).unwrap();
    assert!((eigenvalues[0] + 750.862663).abs() < 1e-5 && (eigenvalues[1] - 490.240708).abs() < 1e-5);
    assert_eq!(counts(&f, &[-1.5, -0.2], &[1.2, 2.0], 25), [3, 2]);
}

#[test]
fn dual_cusp() {
    let f = study("dual-cusp");
    for (x, index) in [
        ([1.333642, -0.889301], 0),
        ([0.0, 0.084505], 0),
        ([0.225085, -0.025332], 1),
        ([-0.225085, -0.025332], 1),
    ] {
        published(&f, &x, index, None, 1e-6);
    }
    let (lower, upper) = ([-3.0; 2], [3.0; 2]);
    assert_eq!(counts(&f, &lower, &upper, 15), [3, 2]);
    assert_eq!(counts(&*f.with_parameter("f", 0.2).unwrap(), &lower, &upper, 15), [2, 1]);
    assert_eq!(counts(&*f.with_parameter("K", -0.3).unwrap(), &lower, &upper, 15), [2, 1]);
}

#[test]
fn heteroclinic_flip() {
    let f = study("heteroclinic-flip");
    published(&f, &[-0.8952, -0.7985], 0, None, 5e-3);
    let (lower, upper) = ([-3.0; 2], [3.0; 2]);
    assert_eq!(counts(&f, &lower, &upper, 15), [3, 2]);
    let straight = f.with_parameter("f", 0.0).unwrap();
    for (k, expected) in [(1.6, vec![2, 1]), (0.75, vec![3, 2]), (-0.1, vec![3, 3, 1]), (-0.4, vec![3, 2])] {
        let member = straight.with_parameter("K", k).unwrap();
        assert_eq!(counts(&*member, &lower, &upper, 20), expected, "K = {k}");
    }
}

#[test]
fn styblinski_tang() {
    let f = study("styblinski-tang");
    published(&f, &[-2.903534; 4], 0, Some(-39.16616570377142 * 4.0), 1e-6);
    assert!((f.energy(&[-2.903534027771178; 4]) + 4.0 * 39.16616570377142).abs() < 1e-12);
    // Index k has C(4, k) 2^(4-k) points.
    assert_eq!(counts(&f, &[-5.0; 4], &[5.0; 4], 8), [16, 32, 24, 8, 1]);
}

#[test]
fn six_hump_camel() {
    let f = study("six-hump-camel");
    published(&f, &[0.089842, -0.712656], 0, Some(-1.0316284535), 1e-6);
    published(&f, &[-0.089842, 0.712656], 0, Some(-1.0316284535), 1e-6);
    assert_eq!(counts(&f, &[-2.5, -1.5], &[2.5, 1.5], 25), [6, 7, 2]);
    // The flow enters the box.
    for t in -100..=100 {
        let t = f64::from(t) / 100.0;
        let mut g = [0.0; 2];
        f.gradient(&[2.5, 1.5 * t], &mut g);
        assert!(g[0] > 0.0);
        f.gradient(&[2.5 * t, 1.5], &mut g);
        assert!(g[1] > 0.0);
    }
}

#[test]
fn three_hole() {
    let f = study("three-hole");
    assert_eq!(counts(&f, &[-2.5, -2.0], &[2.5, 2.5], 25), [3, 3, 1]);
}

#[test]
fn chebyshev() {
    let f = study("chebyshev");
    for j in 1..5 {
        for k in 1..5 {
            let x = [(PI * f64::from(j) / 5.0).cos(), (PI * f64::from(k) / 5.0).cos()];
            // T5(cos t) = cos 5t: odd multiples are minima.
            let index = usize::from(j % 2 == 0) + usize::from(k % 2 == 0);
            published(&f, &x, index, Some(2.0 * index as f64 - 2.0), 1e-14);
        }
    }
    assert_eq!(counts(&f, &[-1.0; 2], &[1.0; 2], 15), [4, 8, 4]);
}

#[test]
fn torus() {
    let f = study("torus");
    for corner in 0..8usize {
        let x: Vec<f64> = (0..3).map(|i| if corner >> i & 1 == 1 { 0.0 } else { PI }).collect();
        let ones = corner.count_ones() as usize;
        published(&f, &x, ones, Some(2.0 * ones as f64 - 3.0), 1e-14);
    }
    assert!(f.region().unwrap().is_closed());
    assert_eq!(counts(&f, &[0.0; 3], &[TAU; 3], 5), [1, 3, 3, 1]);
}

#[test]
fn xy_ring() {
    let f = study("xy-ring");
    published(&f, &[0.0; 4], 0, Some(-5.0), 1e-14);
    let twisted: Vec<f64> = (1..5).map(|k| TAU / 5.0 * f64::from(k)).collect();
    published(&f, &twisted, 0, Some(-5.0 * (TAU / 5.0).cos()), 1e-14);
    assert_eq!(counts(&f, &[0.0; 4], &[TAU; 4], 8), [3, 10, 10, 5, 2]);
}

#[test]
fn bistable_ring() {
    let f = study("bistable-ring");
    published(&f, &[1.0; 3], 0, Some(-0.75), 1e-14);
    let (lower, upper) = ([-1.5; 3], [1.5; 3]);
    assert_eq!(counts(&f, &lower, &upper, 14), [8, 12, 6, 1]);
    assert_eq!(counts(&*f.with_parameter("g", 0.5).unwrap(), &lower, &upper, 14), [2, 6, 6, 1]);
    assert_eq!(counts(&*f.with_parameter("g", 0.7).unwrap(), &lower, &upper, 10), [2, 1]);
}

#[test]
fn rank_one() {
    let f = study("rank-one");
    // At sqrt(m_k) e_k what remains is the other entries: 1 + 4 + 9 - m_k^2 over 4.
    for (k, m) in [1.0f64, 2.0, 3.0].into_iter().enumerate() {
        let mut x = [0.0; 3];
        x[k] = m.sqrt();
        published(&f, &x, 2 - k, Some((14.0 - m * m) / 4.0), 1e-14);
    }
    published(&f, &[0.0; 3], 3, Some(3.5), 1e-14);
    assert_eq!(counts(&f, &[-2.5; 3], &[2.5; 3], 16), [2, 2, 2, 1]);
}

#[test]
fn studies_without_a_region_find_one() {
    // All of them grow like a quartic, and all their critical points lie within 5 of the origin.
    for name in [
        "himmelblau",
        "dual-cusp",
        "heteroclinic-flip",
        "styblinski-tang",
        "three-hole",
        "bistable-ring",
        "rank-one",
    ] {
        let region = trapping::trapping_region(&study(name)).unwrap();
        assert!(region.radius() < 50.0, "{name}: {region:?}");
    }
}
