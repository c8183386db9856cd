//! Connection graphs against independent integrations and against the invariants of Morse theory.

use crate::common::draw::distance;
use crate::common::graphs::solve;
use crate::common::{Case, cases};
use smale::Control;
use smale::connection::{Loose, connect};
use smale::critical::{CriticalSet, Method, Options, search};

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

/// With the highest index bounded nothing is looked for above: no orbit is followed to points that were left out, and none is lost.
#[test]
fn points_that_were_left_out_are_not_missed() {
    for case in cases("planar-k30-s35") {
        let options =
            Options { method: Method::Search, max_index: Some(1), prove: false, ..Options::default() };
        let set = search(case.landscape.as_ref(), None, &options, &Control::quiet()).unwrap();
        assert_eq!(set.counts(), case.counts[..2]);
        let graph =
            connect(case.landscape.as_ref(), &set, &smale::connection::Options::default(), &Control::quiet());
        assert!(graph.loose.iter().all(|l| !matches!(l, Loose::Lost { .. })));
        // Both halves of each saddle's unstable manifold end at minima.
        for (id, _) in set.points.iter().enumerate().filter(|(_, p)| p.index == 1) {
            let ends = graph.connections.iter().filter(|c| c.from == id);
            assert!(ends.clone().count() == 2 && ends.into_iter().all(|c| set.points[c.to].index == 0));
        }
        assert_eq!(graph.connections.len(), 2 * case.counts[1]);
    }
}
