//! Connections on spheres of orbits: from index k to k - 1 with 3 <= k <= n - 2. What is known: sums of functions of one variable,
//! whose graph is the product of paths or cycles; the homology of the region; that the boundary of a boundary is zero.

use std::collections::BTreeMap;

use smale::connection::{MorseGraph, MorseSmale};
use smale::critical::CriticalSet;
use smale::landscape::formula::Formula;

mod common;

use common::morse::{assert_homology, assert_product, astray, double, rotation, whole};

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

/// From each point of index k two orbits for each of k angles at its maximum, with opposite signs, to a point of its own.
fn assert_torus(name: &str, set: &CriticalSet, graph: &MorseGraph, angles: usize) {
    let mut pairs: BTreeMap<(usize, usize), (i32, i32)> = BTreeMap::new();
    for c in &graph.connections {
        let entry = pairs.entry((c.from, c.to)).or_default();
        *entry = (entry.0 + 1, entry.1 + i32::from(c.sign));
        assert!((c.transversality.expect("computed") - 1.0).abs() < 1e-6, "{name}: {:?}", c.transversality);
    }
    assert!(pairs.values().all(|p| *p == (2, 0)), "{name}: {pairs:?}");
    for (id, p) in set.points.iter().enumerate() {
        assert_eq!(pairs.keys().filter(|k| k.0 == id).count(), p.index, "{name}: from point {id}");
        assert_eq!(pairs.keys().filter(|k| k.1 == id).count(), angles - p.index, "{name}: to point {id}");
    }
    assert!(astray(graph).is_empty(), "{name}: {:?}", astray(graph));
}

/// A torus of three dimensions times a plane, on which nothing falls.
#[test]
fn three_angles_and_two_lengths() {
    let energy = "cos(x[0]) + 1.3*cos(x[1] - 0.4) + 0.8*cos(x[2] + 1) + x[3]^2/2 + x[4]^2";
    let formula = Formula::new(5, energy, &[], &[TURN, TURN, TURN, None, None], None).unwrap();
    let (set, graph) = whole(&formula, None);
    assert_eq!(set.counts()[..4], [1, 3, 3, 1]);
    assert_torus("three angles", &set, &graph, 3);
    assert_homology("three angles", &set, &graph, &[1, 3, 3, 1]);
}

/// In six dimensions connections from index 4 are found uphill, from the lower points.
#[test]
fn four_angles_and_two_lengths() {
    let energy =
        "cos(x[0]) + 1.3*cos(x[1] - 0.4) + 0.8*cos(x[2] + 1) + 1.1*cos(x[3] - 2) + x[4]^2/2 + x[5]^2";
    let formula = Formula::new(6, energy, &[], &[TURN, TURN, TURN, TURN, None, None], None).unwrap();
    let (set, graph) = whole(&formula, None);
    assert_eq!(set.counts()[..5], [1, 4, 6, 4, 1]);
    assert_torus("four angles", &set, &graph, 4);
    assert_homology("four angles", &set, &graph, &[1, 4, 6, 4, 1]);
}

/// In seven dimensions both spheres between index 4 and 3 have three dimensions.
#[test]
fn four_angles_and_three_lengths() {
    let energy = "cos(x[0]) + 1.3*cos(x[1] - 0.4) + 0.8*cos(x[2] + 1) + 1.1*cos(x[3] - 2) + x[4]^2/2 + x[5]^2 \
        + 0.7*x[6]^2";
    let periods = [TURN, TURN, TURN, TURN, None, None, None];
    let formula = Formula::new(7, energy, &[], &periods, None).unwrap();
    let (set, graph) = whole(&formula, None);
    assert_eq!(set.counts()[..5], [1, 4, 6, 4, 1]);
    assert_torus("seven", &set, &graph, 4);
    assert_homology("seven", &set, &graph, &[1, 4, 6, 4, 1]);
}

/// A ring of coupled sites, three of them with two wells. At weak coupling the graph is that without: from each point two orbits for
/// each well at its barrier.
#[test]
fn rings_of_coupled_wells() {
    for (coupling, uncoupled) in [(0.1, true), (0.3, false)] {
        let energy = format!(
            "sum(i, 0, 2, x[i]^4/4 - (1 + 0.1*i)*x[i]^2/2 + (0.01*i - 0.013)*x[i]) + x[3]^4/4 + 0.3*x[3]^2/2 \
             + x[4]^4/4 + 0.5*x[4]^2/2 \
             + sum(i, 0, 3, (1 + 0.1*i)*{coupling:?}/4*(x[i] - x[i+1])^2) + {coupling:?}/4*(x[4] - x[0])^2"
        );
        let formula = Formula::new(5, &energy, &[], &[], None).unwrap();
        let (set, graph) = whole(&formula, None);
        let name = format!("coupling {coupling}");
        assert!(astray(&graph).is_empty(), "{name}: {:?}", astray(&graph));
        assert_homology(&name, &set, &graph, &[1]);
        assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)), "{name}: {:?}", graph.morse_smale);
        if uncoupled {
            assert_eq!(set.counts()[..4], [8, 12, 6, 1]);
            for (id, p) in set.points.iter().enumerate() {
                let mut to: Vec<usize> =
                    graph.connections.iter().filter(|c| c.from == id).map(|c| c.to).collect();
                to.sort_unstable();
                to.dedup();
                assert_eq!(to.len(), 2 * p.index, "{name}: from point {id}");
            }
            assert_eq!(graph.connections.len(), 6 + 6 * 4 + 12 * 2);
        }
    }
}
