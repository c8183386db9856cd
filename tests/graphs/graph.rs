//! Connection graphs against independent integrations and against the invariants of Morse theory.

use crate::common::draw::distance;
use crate::common::graphs::solve;
use crate::common::{Case, cases};
use smale::connection::Loose;
use smale::critical::CriticalSet;

/// Place in the case of each point of the set.
fn places(case: &Case, set: &CriticalSet) -> Vec<usize> {
    set.points
        .iter()
        .map(|p| {
            (0..case.points.len())
                .min_by(|a, b| {
                    distance(&case.points[*a].x, &p.x).total_cmp(&distance(&case.points[*b].x, &p.x))
                })
                .expect("the case has points")
        })
        .collect()
}

fn check(prefix: &str) {
    let mut wrong = vec![];
    for case in cases(prefix) {
        let started = std::time::Instant::now();
        let (set, graph) = solve(case.landscape.as_ref());
        println!("{}: {:.3} s, {:?}", case.name, started.elapsed().as_secs_f64(), graph.morse_smale);
        let place = places(&case, &set);
        let mut found: Vec<(usize, [usize; 2])> = vec![];
        for (id, p) in set.points.iter().enumerate().filter(|(_, p)| p.index == 1) {
            let mut ends: Vec<usize> =
                graph.connections.iter().filter(|c| c.from == id).map(|c| place[c.to]).collect();
            ends.sort_unstable();
            if ends.len() == 2 {
                found.push((place[id], [ends[0], ends[1]]));
            } else {
                wrong.push(format!("{}: saddle at {:?} has {} edges", case.name, p.x, ends.len()));
            }
        }
        found.sort();
        let mut expected = case.edges.clone();
        expected.sort();
        if found != expected {
            wrong.push(format!("{}: {found:?} instead of {expected:?}", case.name));
        }
        for (saddle, ends) in &case.backward {
            let id = place.iter().position(|p| p == saddle).expect("counts were checked");
            let mut have: Vec<Option<usize>> = (graph.connections.iter())
                .filter(|c| c.to == id)
                .map(|c| Some(place[c.from]))
                .chain(graph.loose.iter().filter_map(|l| match l {
                    Loose::Exit { point, backward: true, .. } if *point == id => Some(None),
                    _ => None,
                }))
                .collect();
            let mut need = ends.clone();
            have.sort();
            need.sort();
            if have != need {
                wrong.push(format!("{}: backwards from {saddle}: {have:?} instead of {need:?}", case.name));
            }
        }
        for c in &graph.connections {
            let falls = c.orbit.energies.windows(2).all(|w| w[1] <= w[0] + 1e-12 * w[0].abs().max(1.0));
            if !falls {
                wrong.push(format!("{}: the energy rises along {} to {}", case.name, c.from, c.to));
            }
        }
        if case.points[0].x.len() == 2 && graph.boundary_squared(&set) != 0 {
            wrong.push(format!("{}: d.d is not zero", case.name));
        }
        if graph.components != 1 {
            wrong.push(format!("{}: {} components", case.name, graph.components));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn planar_mixtures() {
    check("planar");
}

#[test]
fn mixtures_in_space() {
    check("space");
}

#[test]
fn points_on_a_circle() {
    check("circle");
}

#[test]
fn unequal_weights_and_duplicates() {
    check("weighted");
}

#[test]
fn hopfield() {
    check("hopfield");
}
