//! The whole graph, and what it must be: sums of functions of one variable, whose graph is the product of paths; the homology of the
//! region; that the boundary of a boundary is zero.

use std::collections::BTreeMap;

use faer::Mat;
use smale::connection::{Loose, MorseGraph, MorseSmale, Options, Order, connect};
use smale::critical::{CriticalSet, search};
use smale::landscape::formula::Formula;
use smale::landscape::{Landscape, Region};
use smale::{Control, critical};

/// Critical points with all connections.
pub fn whole(landscape: &dyn Landscape, region: Option<&Region>) -> (CriticalSet, MorseGraph) {
    let control = Control::quiet();
    let set = search(landscape, region, &critical::Options::default(), &control).expect("critical points");
    let graph = connect(landscape, &set, &Options { order: Order::All, ..Options::default() }, &control);
    (set, graph)
}

/// What is neither a connection nor leaves the region: points of index n - 1 have orbits from outside.
pub fn astray(graph: &MorseGraph) -> Vec<&Loose> {
    graph.loose.iter().filter(|l| !matches!(l, Loose::Exit { .. })).collect()
}

/// The boundary operator from index k to k - 1, rows are the lower points.
pub fn boundary(set: &CriticalSet, graph: &MorseGraph, k: usize) -> Vec<Vec<i64>> {
    let of = |k: usize| (0..set.points.len()).filter(|&i| set.points[i].index == k).collect::<Vec<_>>();
    let (upper, lower) = (of(k), of(k - 1));
    let mut matrix = vec![vec![0; upper.len()]; lower.len()];
    for c in graph.connections.iter().filter(|c| set.points[c.from].index == k) {
        let (i, j) = (lower.iter().position(|&p| p == c.to), upper.iter().position(|&p| p == c.from));
        matrix[i.expect("a lower point")][j.expect("an upper point")] += i64::from(c.sign);
    }
    matrix
}

pub fn product(a: &[Vec<i64>], b: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let columns = b.first().map_or(0, Vec::len);
    a.iter()
        .map(|row| (0..columns).map(|j| row.iter().zip(b).map(|(x, r)| x * r[j]).sum()).collect())
        .collect()
}

/// Rank modulo a prime.
pub fn rank(matrix: &[Vec<i64>]) -> usize {
    const P: i64 = 1_000_003;
    let mut m: Vec<Vec<i64>> = matrix.iter().map(|r| r.iter().map(|v| v.rem_euclid(P)).collect()).collect();
    let inverse = |a: i64| {
        let (mut result, mut base, mut e) = (1, a, P - 2);
        while e > 0 {
            if e % 2 == 1 {
                result = result * base % P;
            }
            base = base * base % P;
            e /= 2;
        }
        result
    };
    let mut rank = 0;
    for j in 0..m.first().map_or(0, Vec::len) {
        let Some(pivot) = (rank..m.len()).find(|&i| m[i][j] != 0) else { continue };
        m.swap(rank, pivot);
        let scale = inverse(m[rank][j]);
        for i in rank + 1..m.len() {
            let factor = m[i][j] * scale % P;
            for c in 0..m[i].len() {
                m[i][c] = (m[i][c] - factor * m[rank][c]).rem_euclid(P);
            }
        }
        rank += 1;
    }
    rank
}

/// The boundary of a boundary is zero, and the homology has these Betti numbers.
pub fn assert_homology(name: &str, set: &CriticalSet, graph: &MorseGraph, betti: &[usize]) {
    let counts = set.counts();
    let n = counts.len() - 1;
    let d: Vec<Vec<Vec<i64>>> = (1..=n).map(|k| boundary(set, graph, k)).collect();
    for k in 1..n {
        let square = product(&d[k - 1], &d[k]);
        assert!(square.iter().flatten().all(|e| *e == 0), "{name}: d.d from index {}: {square:?}", k + 1);
    }
    let ranks: Vec<usize> = d.iter().map(|m| rank(m)).collect();
    let found: Vec<usize> = (0..=n)
        .map(|k| {
            let out = if k > 0 { ranks[k - 1] } else { 0 };
            counts[k] - out - ranks.get(k).copied().unwrap_or(0)
        })
        .collect();
    let mut expected = betti.to_vec();
    expected.resize(n + 1, 0);
    assert_eq!(found, expected, "{name}: counts {counts:?}, ranks {ranks:?}");
}

/// A sum of polynomials of one variable each: coefficients of the powers 1, 2, ..
pub fn separable(wells: &[Vec<f64>], rotation: &Mat<f64>) -> (Formula, Region) {
    let n = wells.len();
    let rotated = |i: usize| {
        let terms: Vec<String> = (0..n).map(|j| format!("({:?})*x[{j}]", rotation[(i, j)])).collect();
        format!("({})", terms.join(" + "))
    };
    let term = |i: usize| {
        let powers = wells[i].iter().enumerate().filter(|(_, c)| **c != 0.0);
        powers.map(|(k, c)| format!("({c:?})*{}^{}", rotated(i), k + 1)).collect::<Vec<_>>().join(" + ")
    };
    let energy = (0..n).map(term).collect::<Vec<_>>().join(" + ");
    let formula = Formula::new(n, &energy, &[], &[], None).expect("a formula");
    (formula, Region::ball(vec![0.0; n], 3.0 * (n as f64).sqrt()))
}

/// Zeros of a polynomial's derivative, by bisection between a fine grid's changes of sign: alternately minima and maxima.
pub fn turning_points(well: &[f64]) -> Vec<f64> {
    let slope =
        |x: f64| well.iter().enumerate().map(|(k, c)| c * (k + 1) as f64 * x.powi(k as i32)).sum::<f64>();
    let grid: Vec<f64> = (0..=6000).map(|i| -3.0 + i as f64 * 1e-3 + 1.7e-4).collect();
    let mut zeros = vec![];
    for pair in grid.windows(2) {
        let (mut a, mut b) = (pair[0], pair[1]);
        if (slope(a) > 0.0) == (slope(b) > 0.0) {
            continue;
        }
        for _ in 0..60 {
            let m = 0.5 * (a + b);
            if (slope(m) > 0.0) == (slope(a) > 0.0) { a = m } else { b = m }
        }
        zeros.push(0.5 * (a + b));
    }
    zeros
}

/// The graph must be the product of the paths of the single variables: from a point one goes down by moving one coordinate from a
/// maximum to a minimum beside it, along exactly one orbit.
pub fn assert_product(name: &str, wells: &[Vec<f64>], rotation: &Mat<f64>, highest: Option<usize>) {
    let (formula, region) = separable(wells, rotation);
    let (set, graph) = whole(&formula, Some(&region));
    let turning: Vec<Vec<f64>> = wells.iter().map(|w| turning_points(w)).collect();
    let total: usize = turning.iter().map(Vec::len).product();
    assert_eq!(set.points.len(), total, "{name}: {:?}", set.counts());
    let n = wells.len();
    let place = |x: &[f64]| -> Vec<usize> {
        (0..n)
            .map(|i| {
                let y: f64 = (0..n).map(|j| rotation[(i, j)] * x[j]).sum();
                turning[i].iter().position(|t| (t - y).abs() < 1e-6).expect("a turning point")
            })
            .collect()
    };
    let places: Vec<Vec<usize>> = set.points.iter().map(|p| place(&p.x)).collect();
    let mut expected = BTreeMap::new();
    for (from, upper) in places.iter().enumerate() {
        for (to, lower) in places.iter().enumerate() {
            let apart: Vec<usize> = (0..n).filter(|&i| upper[i] != lower[i]).collect();
            let falls = |i: usize| upper[i] % 2 == 1 && upper[i].abs_diff(lower[i]) == 1;
            if let [i] = apart[..]
                && falls(i)
                && highest.is_none_or(|h| set.points[from].index <= h)
            {
                *expected.entry((from, to)).or_insert(0) += 1;
            }
        }
    }
    let mut found = BTreeMap::new();
    graph.connections.iter().for_each(|c| *found.entry((c.from, c.to)).or_insert(0) += 1);
    assert_eq!(found, expected, "{name}");
    assert!(astray(&graph).is_empty(), "{name}: {:?}", astray(&graph));
    if highest.is_none() {
        assert_homology(name, &set, &graph, &[1]);
        assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)), "{name}: {:?}", graph.morse_smale);
    }
    for c in &graph.connections {
        assert!(c.residual < 1e-8, "{name}: {c:?}");
        // The manifolds are affine and orthogonal.
        assert!((c.transversality.expect("computed") - 1.0).abs() < 1e-4, "{name}: {:?}", c.transversality);
    }
}

pub fn double(tilt: f64, width: f64) -> Vec<f64> {
    vec![tilt, -0.5 * width, 0.0, 0.25]
}

/// A rotation: products of Givens rotations.
pub fn rotation(n: usize, angle: f64) -> Mat<f64> {
    let mut r = Mat::<f64>::identity(n, n);
    for i in 0..n {
        for j in i + 1..n {
            let (s, c) = (angle * (1.0 + i as f64 + 0.3 * j as f64)).sin_cos();
            for k in 0..n {
                let (a, b) = (r[(i, k)], r[(j, k)]);
                r[(i, k)] = c * a - s * b;
                r[(j, k)] = s * a + c * b;
            }
        }
    }
    r
}
