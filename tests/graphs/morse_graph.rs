//! The whole graph: connections from each index to the one below. What is known: sums of functions of one variable, whose graph
//! is the product of paths; the homology of the region; that the boundary of a boundary is zero.

use faer::Mat;
use rayon::prelude::*;
use smale::connection::{Loose, MorseGraph};
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};

use crate::common::morse::{assert_homology, assert_product, astray, double, rotation, whole};

/// Three wells, at about -1.6, 0.1 and 1.7.
fn triple() -> Vec<f64> {
    vec![-0.05, 0.9, 0.05, -0.55, 0.0, 0.08]
}

#[test]
fn styblinski_tang_is_the_product_of_its_wells() {
    let well = vec![2.5, -8.0, 0.0, 0.5];
    for n in 2..=3 {
        assert_product(&format!("n = {n}"), &vec![well.clone(); n], &Mat::identity(n, n), None);
    }
}

#[test]
#[ignore = "a quarter of a minute; tests/files/studies.rs has its points"]
fn styblinski_tang_in_four_dimensions() {
    assert_product("n = 4", &vec![vec![2.5, -8.0, 0.0, 0.5]; 4], &Mat::identity(4, 4), None);
}

#[test]
fn sums_of_wells_have_the_product_graph() {
    assert_product("double, triple", &[double(0.05, 1.0), triple()], &rotation(2, 0.4), None);
    let three = [double(0.05, 1.0), double(-0.02, 1.5), triple()];
    assert_product("three", &three, &rotation(3, 0.7), None);
}

#[test]
#[ignore = "half a minute"]
fn a_sum_of_four_wells_has_the_product_graph() {
    let four = [double(0.05, 1.0), double(-0.02, 1.5), double(0.08, 0.7), double(0.0, 1.2)];
    assert_product("four", &four, &rotation(4, 0.3), None);
}

/// Rates that differ a hundredfold: orbits leave along the fast direction, and the slow ones lie within an angle that no double
/// resolves.
#[test]
#[ignore = "twenty seconds"]
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
#[ignore = "half a minute"]
fn the_ring_of_five_angles() {
    let turn = Some(std::f64::consts::TAU);
    let energy = "-cos(x[0]) - cos(x[0]-x[1]) - cos(x[1]-x[2]) - cos(x[2]-x[3]) - cos(x[3])";
    let formula = Formula::new(4, energy, &[], &[turn; 4], None).unwrap();
    let (set, graph) = whole(&formula, None);
    assert_eq!(set.counts(), [3, 10, 10, 5, 2]);
    assert_homology("ring", &set, &graph, &[1, 4, 6, 4, 1]);
}

/// Coupled double wells: the complex closes, and the homology is that of a ball.
fn assert_chains_close(n: usize, couplings: &[f64]) {
    for g in couplings {
        let energy = format!(
            "sum(i, 0, {}, x[i]^4/4 - x[i]^2/2 + (0.01*i - 0.013)*x[i]) + sum(i, 0, {}, (1 + 0.1*i)*{g:?}/4*(x[i] - x[i+1])^2)",
            n - 1,
            n - 2
        );
        let formula = Formula::new(n, &energy, &[], &[], None).expect("a formula");
        let (set, graph) = whole(&formula, None);
        let name = format!("n = {n}, g = {g}");
        assert!(astray(&graph).is_empty(), "{name}: {:?}", astray(&graph));
        assert_homology(&name, &set, &graph, &[1]);
    }
}

#[test]
fn chains_of_coupled_wells() {
    assert_chains_close(3, &[0.05, 0.2, 0.35]);
}

#[test]
#[ignore = "a minute"]
fn chains_of_four_coupled_wells() {
    assert_chains_close(4, &[0.05, 0.2, 0.35]);
}

/// Mixtures in space, all indices.
fn assert_cases_close(prefix: &str) {
    for case in crate::common::cases(prefix) {
        let (set, graph) = whole(case.landscape.as_ref(), None);
        assert_eq!(set.counts(), case.counts, "{}", case.name);
        assert!(astray(&graph).is_empty(), "{}: {:?}", case.name, astray(&graph));
        assert_homology(&case.name, &set, &graph, &[1]);
    }
}

#[test]
fn mixtures_in_space() {
    assert_cases_close("space-k8");
}

#[test]
#[ignore = "half a minute"]
fn more_mixtures_in_space() {
    assert_cases_close("space-");
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
fn assert_mixtures_close(numbers: std::ops::Range<u64>, most_open: usize) {
    let is_open = |number: u64| {
        let instance = crate::common::draw::instance_between(2, number, 0.25, 0.9);
        let landscape = instance.mixture();
        let (set, graph) = whole(&landscape, None);
        let near = !set.degenerate.is_empty()
            || graph.loose.iter().any(|l| matches!(l, Loose::NotTransverse { .. }));
        if !near {
            assert!(astray(&graph).is_empty(), "{number}: {:?}", astray(&graph));
            assert_homology(&number.to_string(), &set, &graph, &[1]);
        }
        near
    };
    let open: Vec<u64> = numbers.into_par_iter().filter(|number| is_open(*number)).collect();
    // Near-tangencies closer than 1e-7 of the scale are rare.
    assert!(open.len() <= most_open, "{open:?}");
}

#[test]
fn four_hundred_mixtures_in_the_plane() {
    assert_mixtures_close(0..400, 2);
}

/// `cargo test --release --test graphs -- --ignored`
#[test]
#[ignore = "half a minute"]
fn a_thousand_mixtures_in_the_plane() {
    assert_mixtures_close(0..1000, 5);
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
