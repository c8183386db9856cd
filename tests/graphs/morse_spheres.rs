//! Connections on spheres of orbits: from index k to k - 1 with 3 <= k <= n - 2. What is known: sums of functions of one variable,
//! whose graph is the product of paths or cycles; the homology of the region; that the boundary of a boundary is zero.

use std::collections::BTreeMap;

use smale::connection::{MorseGraph, MorseSmale};
use smale::critical::CriticalSet;
use smale::landscape::formula::Formula;
use smale::landscape::{Region, Shape};

use crate::common::morse::{assert_homology, assert_product, astray, double, rotation, whole};

const TURN: Option<f64> = Some(std::f64::consts::TAU);

/// One well only: along this variable nothing falls.
fn single(rate: f64) -> Vec<f64> {
    vec![0.1, 0.5 * rate, 0.0, 0.05]
}

/// A sphere of two dimensions, downhill; rates differ up to threefold.
#[test]
fn three_of_five_variables_fall() {
    let wells = [double(0.02, 3.0), double(-0.03, 1.4), double(0.05, 1.0), single(1.0), single(0.7)];
    assert_product("five", &wells, &rotation(5, 0.3), None);
}

/// Two orbits with opposite signs where one angle falls from its maximum to its minimum, one where another variable does, and no
/// others.
fn assert_falls(name: &str, set: &CriticalSet, graph: &MorseGraph) {
    let mut found: BTreeMap<(usize, usize), (i32, i32)> = BTreeMap::new();
    for c in &graph.connections {
        let entry = found.entry((c.from, c.to)).or_default();
        *entry = (entry.0 + 1, entry.1 + i32::from(c.sign));
        // The manifolds are products, too.
        assert!((c.transversality.expect("computed") - 1.0).abs() < 1e-6, "{name}: {:?}", c.transversality);
        assert!(c.residual < 1e-8, "{name}: {}", c.residual);
    }
    let mut expected = vec![];
    for (from, upper) in set.points.iter().enumerate() {
        for (to, lower) in set.points.iter().enumerate() {
            let away = set.region.difference(&upper.x, &lower.x);
            let moved: Vec<usize> = (0..away.len()).filter(|&i| away[i].abs() > 1e-3).collect();
            if let [i] = moved[..]
                && upper.index == lower.index + 1
            {
                expected.push(((from, to), if set.region.period_of(i).is_some() { 2 } else { 1 }));
            }
        }
    }
    let counts: Vec<((usize, usize), i32)> = found.iter().map(|(pair, (count, _))| (*pair, *count)).collect();
    assert_eq!(counts, expected, "{name}");
    assert!(found.values().all(|(count, sum)| *count == 1 || *sum == 0), "{name}: {found:?}");
    assert!(astray(graph).is_empty(), "{name}: {:?}", astray(graph));
}

/// One turn of each angle, and lengths up to 3: uphill orbits come to the energies of all points before they leave it.
fn region(angles: usize, lengths: usize) -> Region {
    let side = |angle: f64, length: f64| [vec![angle; angles], vec![length; lengths]].concat();
    let shape = Shape::Box { lower: side(0.0, -3.0), upper: side(std::f64::consts::TAU, 3.0) };
    Region { shape, period: periods(angles, lengths) }
}

fn periods(angles: usize, lengths: usize) -> Vec<Option<f64>> {
    [vec![TURN; angles], vec![None; lengths]].concat()
}

/// A torus of three dimensions times a plane, on which nothing falls.
#[test]
fn three_angles_and_two_lengths() {
    let energy = "cos(x[0]) + 1.3*cos(x[1] - 0.4) + 0.8*cos(x[2] + 1) + x[3]^2/2 + x[4]^2";
    let formula = Formula::new(5, energy, &[], &periods(3, 2), None).unwrap();
    let (set, graph) = whole(&formula, Some(&region(3, 2)));
    assert_eq!(set.counts()[..4], [1, 3, 3, 1]);
    assert_falls("three angles", &set, &graph);
    assert_homology("three angles", &set, &graph, &[1, 3, 3, 1]);
}

/// In six dimensions connections from index 4 are found uphill, from the lower points. The signs must fit those of the ones that are
/// found downhill.
#[test]
#[ignore = "a quarter of a minute"]
fn two_angles_two_wells_and_two_lengths() {
    let energy = "cos(x[0] + 1) + 1.3*cos(x[1] - 0.4) + x[2]^4/4 - x[2]^2/2 + 0.02*x[2] \
        + 1.4*(x[3]^4/4 - x[3]^2/2 - 0.03*x[3]) + x[4]^2/2 + 0.8*x[5]^2";
    let formula = Formula::new(6, energy, &[], &periods(2, 4), None).unwrap();
    let (set, graph) = whole(&formula, Some(&region(2, 4)));
    assert_eq!(set.counts()[..5], [4, 12, 13, 6, 1]);
    assert_falls("six", &set, &graph);
    assert_homology("six", &set, &graph, &[1, 2, 1]);
}

/// In seven dimensions both spheres between index 4 and 3 have three dimensions.
#[test]
fn four_angles_and_three_lengths() {
    let energy = "cos(x[0]) + 1.3*cos(x[1] - 0.4) + 0.8*cos(x[2] + 1) + 1.1*cos(x[3] - 2) + x[4]^2/2 + x[5]^2 \
        + 0.7*x[6]^2";
    let formula = Formula::new(7, energy, &[], &periods(4, 3), None).unwrap();
    let (set, graph) = whole(&formula, Some(&region(4, 3)));
    assert_eq!(set.counts()[..5], [1, 4, 6, 4, 1]);
    assert_falls("seven", &set, &graph);
    assert_homology("seven", &set, &graph, &[1, 4, 6, 4, 1]);
}

/// A ring of coupled sites, three of them with two wells: no product.
#[test]
fn a_ring_of_coupled_wells() {
    let energy = "sum(i, 0, 2, x[i]^4/4 - (1 + 0.1*i)*x[i]^2/2 + (0.01*i - 0.013)*x[i]) + x[3]^4/4 + 0.3*x[3]^2/2 \
        + x[4]^4/4 + 0.5*x[4]^2/2 + sum(i, 0, 3, (0.3 + 0.03*i)/4*(x[i] - x[i+1])^2) + 0.3/4*(x[4] - x[0])^2";
    let formula = Formula::new(5, energy, &[], &[], None).unwrap();
    let (set, graph) = whole(&formula, None);
    assert!(set.points.iter().any(|p| p.index == 3));
    assert!(astray(&graph).is_empty(), "{:?}", astray(&graph));
    assert_homology("ring", &set, &graph, &[1]);
    assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)), "{:?}", graph.morse_smale);
}
