//! The whole graph: connections from each index to the one below. What is known: sums of functions of one variable, whose graph
//! is the product of paths; the homology of the region; that the boundary of a boundary is zero.

use std::collections::BTreeMap;

use faer::Mat;
use smale::connection::{Loose, MorseGraph, MorseSmale, Options, Order, connect};
use smale::critical::{CriticalSet, search};
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::{Landscape, Region};
use smale::{Control, critical};

mod common;

/// Critical points with all connections.
fn whole(landscape: &dyn Landscape, region: Option<&Region>) -> (CriticalSet, MorseGraph) {
    let control = Control::quiet();
    let set = search(landscape, region, &critical::Options::default(), &control).expect("critical points");
    let graph = connect(landscape, &set, &Options { order: Order::All, ..Options::default() }, &control);
    (set, graph)
}

/// What is neither a connection nor leaves the region: points of index n - 1 have orbits from outside.
fn astray(graph: &MorseGraph) -> Vec<&Loose> {
    graph.loose.iter().filter(|l| !matches!(l, Loose::Exit { .. })).collect()
}

/// The boundary operator from index k to k - 1, rows are the lower points.
fn boundary(set: &CriticalSet, graph: &MorseGraph, k: usize) -> Vec<Vec<i64>> {
    let of = |k: usize| (0..set.points.len()).filter(|&i| set.points[i].index == k).collect::<Vec<_>>();
    let (upper, lower) = (of(k), of(k - 1));
    let mut matrix = vec![vec![0; upper.len()]; lower.len()];
    for c in graph.connections.iter().filter(|c| set.points[c.from].index == k) {
        let (i, j) = (lower.iter().position(|&p| p == c.to), upper.iter().position(|&p| p == c.from));
        matrix[i.expect("a lower point")][j.expect("an upper point")] += i64::from(c.sign);
    }
    matrix
}

fn product(a: &[Vec<i64>], b: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let columns = b.first().map_or(0, Vec::len);
    a.iter()
        .map(|row| (0..columns).map(|j| row.iter().zip(b).map(|(x, r)| x * r[j]).sum()).collect())
        .collect()
}

/// Rank modulo a prime.
fn rank(matrix: &[Vec<i64>]) -> usize {
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
fn assert_homology(name: &str, set: &CriticalSet, graph: &MorseGraph, betti: &[usize]) {
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
fn separable(wells: &[Vec<f64>], rotation: &Mat<f64>) -> (Formula, Region) {
    let n = wells.len();
    let rotated = |i: usize| {
        let terms: Vec<String> = (0..n).map(|j| format!("({:?})*x[{j}]", rotation[(i, j)])).collect();
        format!("({})", terms.join(" + "))
    };
    let term = |i: usize| {
        let powers = wells[i].iter().enumerate();
        powers.map(|(k, c)| format!("({c:?})*{}^{}", rotated(i), k + 1)).collect::<Vec<_>>().join(" + ")
    };
    let energy = (0..n).map(term).collect::<Vec<_>>().join(" + ");
    let formula = Formula::new(n, &energy, &[], &[], None).expect("a formula");
    (formula, Region::ball(vec![0.0; n], 3.0 * (n as f64).sqrt()))
}

/// Zeros of a polynomial's derivative, by bisection between a fine grid's changes of sign: alternately minima and maxima.
fn turning_points(well: &[f64]) -> Vec<f64> {
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
fn assert_product(name: &str, wells: &[Vec<f64>], rotation: &Mat<f64>, highest: Option<usize>) {
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

fn double(tilt: f64, width: f64) -> Vec<f64> {
    vec![tilt, -0.5 * width, 0.0, 0.25]
}

/// Three wells, at about -1.6, 0.1 and 1.7.
fn triple() -> Vec<f64> {
    vec![-0.05, 0.9, 0.05, -0.55, 0.0, 0.08]
}

/// A rotation: products of Givens rotations.
fn rotation(n: usize, angle: f64) -> Mat<f64> {
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

#[test]
fn styblinski_tang_is_the_product_of_its_wells() {
    let well = vec![2.5, -8.0, 0.0, 0.5];
    for n in 2..=4 {
        assert_product(&format!("n = {n}"), &vec![well.clone(); n], &Mat::identity(n, n), None);
    }
}

#[test]
fn sums_of_wells_have_the_product_graph() {
    assert_product("double, triple", &[double(0.05, 1.0), triple()], &rotation(2, 0.4), None);
    let three = [double(0.05, 1.0), double(-0.02, 1.5), triple()];
    assert_product("three", &three, &rotation(3, 0.7), None);
    let four = [double(0.05, 1.0), double(-0.02, 1.5), double(0.08, 0.7), double(0.0, 1.2)];
    assert_product("four", &four, &rotation(4, 0.3), None);
}

/// Rates that differ a hundredfold: orbits leave along the fast direction, and the slow ones lie within an angle that no double
/// resolves.
#[test]
fn fast_and_slow_directions() {
    let wells = [vec![0.0, -50.0, 0.0, 25.0], double(0.05, 1.0), vec![0.1, -2.0, 0.0, 1.0]];
    assert_product("fast and slow", &wells, &rotation(3, 0.5), None);
}

#[test]
fn the_torus_in_three_dimensions() {
    let energy = "cos(x[0]) + 1.3*cos(x[1] - 0.4) + 0.8*cos(x[2] + 1)";
    let turn = Some(std::f64::consts::TAU);
    let formula = Formula::new(3, energy, &[], &[turn; 3], None).unwrap();
    let (set, graph) = whole(&formula, None);
    assert_eq!(set.counts(), [1, 3, 3, 1]);
    // From each point two orbits for each coordinate at its maximum, with opposite signs.
    assert_eq!(graph.connections.len(), 2 * 3 + 2 * 6 + 2 * 3);
    assert_homology("torus", &set, &graph, &[1, 3, 3, 1]);
}

/// `-sum cos(t_i - t_{i+1})` with one angle fixed: the space is a torus of four dimensions.
#[test]
fn the_ring_of_five_angles() {
    let turn = Some(std::f64::consts::TAU);
    let energy = "-cos(x[0]) - cos(x[0]-x[1]) - cos(x[1]-x[2]) - cos(x[2]-x[3]) - cos(x[3])";
    let formula = Formula::new(4, energy, &[], &[turn; 4], None).unwrap();
    let (set, graph) = whole(&formula, None);
    assert_eq!(set.counts(), [3, 10, 10, 5, 2]);
    assert_homology("ring", &set, &graph, &[1, 4, 6, 4, 1]);
}

/// Coupled double wells: the complex closes, and the homology is that of a ball.
#[test]
fn chains_of_coupled_wells() {
    for n in [3, 4] {
        for g in [0.05, 0.2, 0.35] {
            let energy = format!(
                "sum(i, 0, {}, x[i]^4/4 - x[i]^2/2 + (0.01*i - 0.013)*x[i]) + sum(i, 0, {}, (1 + 0.1*i)*{g:?}/4*(x[i] - x[i+1])^2)",
                n - 1,
                n - 2
            );
            let formula = Formula::new(n, &energy, &[], &[], None).unwrap();
            let (set, graph) = whole(&formula, None);
            let name = format!("n = {n}, g = {g}");
            assert!(astray(&graph).is_empty(), "{name}: {:?}", astray(&graph));
            assert_homology(&name, &set, &graph, &[1]);
        }
    }
}

/// Mixtures in space, all indices.
#[test]
fn mixtures_in_space() {
    for case in common::cases("space-") {
        let (set, graph) = whole(case.landscape.as_ref(), None);
        assert_eq!(set.counts(), case.counts, "{}", case.name);
        assert!(astray(&graph).is_empty(), "{}: {:?}", case.name, astray(&graph));
        assert_homology(&case.name, &set, &graph, &[1]);
    }
}

/// The same landscape in more dimensions than its data span, and turned: the graph is the same.
#[test]
fn the_affine_hull_has_the_same_graph() {
    let points = [[0.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.2, 1.1, 0.1], [0.3, 0.2, 1.2], [0.9, 0.8, 0.7]];
    let lifted = Mat::from_fn(9, 5, |i, k| {
        let turn = rotation(9, 0.6);
        (0..3).map(|j| turn[(i, j)] * points[k][j]).sum()
    });
    let flat = Mat::from_fn(3, 5, |i, k| points[k][i]);
    let build =
        |data: Mat<f64>| Mixture::new(data, vec![1.0; 5], Noise::Fixed { a: 1.0, sigma: 0.33 }, 0.0).unwrap();
    let (set, graph) = whole(&build(flat), None);
    let (lifted_set, lifted_graph) = whole(&build(lifted), None);
    assert_homology("flat", &set, &graph, &[1]);
    let edges = |graph: &MorseGraph| {
        let mut edges: Vec<(usize, usize)> = graph.connections.iter().map(|c| (c.from, c.to)).collect();
        edges.sort_unstable();
        edges
    };
    assert_eq!(set.counts(), lifted_set.counts());
    assert!(set.counts().len() > 2, "{:?}", set.counts());
    assert_eq!(edges(&graph), edges(&lifted_graph));
}

/// Random mixtures in the plane: what is not degenerate or nearly tangent closes, with the homology of a disc.
#[test]
fn a_thousand_mixtures_in_the_plane() {
    let mut open = vec![];
    for number in 0..1000 {
        let instance = common::draw::instance_between(2, number, 0.25, 0.9);
        let landscape = instance.mixture();
        let (set, graph) = whole(&landscape, None);
        let near = !set.degenerate.is_empty()
            || graph.loose.iter().any(|l| matches!(l, Loose::NotTransverse { .. }));
        if near {
            open.push(number);
            continue;
        }
        assert!(astray(&graph).is_empty(), "{number}: {:?}", astray(&graph));
        assert_homology(&number.to_string(), &set, &graph, &[1]);
    }
    // Near-tangencies closer than 1e-7 of the scale are rare.
    assert!(open.len() <= 5, "{open:?}");
}

/// The heteroclinic flip (Raju & Siggia 2024): at f = 0 the axis of symmetry is an orbit from the upper saddle to the lower one. Nothing but symmetry
/// holds it there; a tilt removes it, and the sign of the gap tells to which side.
#[test]
fn gaps_change_sign_with_the_tilt() {
    let gap = |f: f64| {
        let energy = format!("x[0]^4 + x[1]^4 - x[1]^3 + 2*x[0]^2*x[1] - x[1]^2 + 0.75*x[1] + {f:?}*x[0]");
        let formula = Formula::new(2, &energy, &[], &[], None).unwrap();
        let (_, graph) = whole(&formula, None);
        let forward: Vec<f64> = graph.misses.iter().filter(|m| !m.backward).map(|m| m.gap).collect();
        assert_eq!(forward.len(), 1, "f = {f}: {:?}", graph.misses);
        forward[0]
    };
    // The mirror image of the landscape at -f is the one at f; to first order the gap is proportional to f.
    let (small, double, mirrored) = (gap(1e-5), gap(2e-5), gap(-1e-5));
    assert!((small + mirrored).abs() < 1e-3 * small.abs(), "{small} {mirrored}");
    assert!((double / small - 2.0).abs() < 1e-2, "{small} {double}");
}
