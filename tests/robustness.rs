//! Inputs that are meant to hurt: they end in an answer or in a clear error, within seconds, without NaN.

#![allow(clippy::unwrap_used)]

mod common;

use common::draw::{Instance, by_newton, distance, instance, rest};
use smale::Control;
use smale::connection::{Loose, MorseGraph, connect};
use smale::critical::{CriticalSet, Options, search};
use smale::landscape::Landscape;

fn solve(landscape: &dyn Landscape, seed: u64) -> (CriticalSet, MorseGraph) {
    let options = Options { seed, ..Options::default() };
    let set = search(landscape, None, &options, &Control::quiet()).unwrap();
    let graph = connect(landscape, &set, &Default::default(), &Control::quiet());
    (set, graph)
}

/// What is wrong with the search's answer on a random mixture, by other seeds and by Newton's method from many starts.
fn faults(instance: &Instance, seeds: u64, starts: usize) -> Vec<String> {
    let landscape = instance.mixture();
    let (set, graph) = solve(&landscape, 0);
    let mut wrong = vec![];
    let mut known: Vec<Vec<f64>> = set.points.iter().map(|p| p.x.clone()).collect();
    known.extend(set.degenerate.iter().map(|f| f.x.clone()));
    let mut missed = |x: &[f64], index: usize, eigenvalues: &[f64], by: &str, wrong: &mut Vec<String>| {
        if !known.iter().any(|k| distance(k, x) < 1e-6) {
            known.push(x.to_vec());
            let smallest = eigenvalues.iter().fold(f64::INFINITY, |m, e| m.min(e.abs()));
            let largest = eigenvalues.iter().fold(0.0f64, |m, e| m.max(e.abs()));
            wrong.push(format!(
                "missed index {index} at {x:?}, |eigenvalues| {smallest:.2e} to {largest:.2e}, found by {by}"
            ));
        }
    };
    for seed in 1..=seeds {
        let options = Options { seed, ..Options::default() };
        let other = search(&landscape, None, &options, &Control::quiet()).unwrap();
        for p in &other.points {
            missed(&p.x, p.index, &p.eigenvalues, &format!("seed {seed}"), &mut wrong);
        }
    }
    for p in by_newton(instance, starts) {
        missed(&p.x, p.index, &p.eigenvalues, "Newton", &mut wrong);
    }
    if !set.degenerate.is_empty() {
        wrong.push(format!("{} degenerate", set.degenerate.len()));
    }
    if set.euler_characteristic() != 1 {
        wrong.push(format!("Euler characteristic {}", set.euler_characteristic()));
    }
    if graph.components != 1 {
        wrong.push(format!("{} components", graph.components));
    }
    for l in &graph.loose {
        match l {
            Loose::Lost { point, reason, .. } => wrong.push(format!("lost an orbit of {point}: {reason}")),
            Loose::NotTransverse { from, to, gap, .. } => {
                wrong.push(format!("not transverse {from} to {to}, gap {gap:e}"))
            }
            _ => {}
        }
    }
    let dim = landscape.dim();
    if dim == 2 && graph.boundary_squared(&set) != 0 {
        wrong.push("d.d is not zero".into());
    }
    wrong.extend(wrong_orbits(&landscape, &set, &graph));
    if !wrong.is_empty() {
        wrong.insert(0, format!("{:?} after {}", set.counts(), set.work.ended));
    }
    wrong
}

/// Each end of the one-dimensional manifolds, integrated again by a plain method.
fn wrong_orbits(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph) -> Vec<String> {
    let dim = landscape.dim();
    let far = 1.2 * set.region.radius() + set.region.center().iter().map(|c| c * c).sum::<f64>().sqrt();
    let mut wrong = vec![];
    for (id, p) in set.points.iter().enumerate() {
        for backward in [false, true] {
            let out = if backward { dim >= 2 && p.index == dim - 1 } else { p.index == 1 };
            if !out {
                continue;
            }
            let h = common::draw::hessian(landscape, &p.x);
            let eigen = h.self_adjoint_eigen(faer::Side::Lower).unwrap();
            let mode = eigen.U().col(if backward { dim - 1 } else { 0 });
            let mut ends: Vec<Option<usize>> = [1e-4, -1e-4]
                .iter()
                .map(|s| {
                    let start = p.x.iter().zip(mode.iter()).map(|(x, v)| x + s * v).collect();
                    let end = rest(landscape, start, if backward { 1.0 } else { -1.0 }, far)?;
                    (0..set.points.len()).min_by(|a, b| {
                        distance(&set.points[*a].x, &end).total_cmp(&distance(&set.points[*b].x, &end))
                    })
                })
                .collect();
            let mut have: Vec<Option<usize>> = (graph.connections.iter())
                .filter_map(|c| match backward {
                    false if c.from == id => Some(Some(c.to)),
                    true if c.to == id && set.points[c.from].index == dim => Some(Some(c.from)),
                    _ => None,
                })
                .chain(graph.loose.iter().filter_map(|l| match l {
                    Loose::Exit { point, backward: b, .. } if *point == id && *b == backward => Some(None),
                    _ => None,
                }))
                .collect();
            ends.sort();
            have.sort();
            if ends != have {
                wrong.push(format!(
                    "orbits of point {id} (index {}, backward {backward}): {have:?}, Runge-Kutta {ends:?}",
                    p.index
                ));
            }
        }
    }
    wrong
}

#[test]
fn random_mixtures() {
    let mut wrong = vec![];
    for (dim, numbers) in [(2, 0..14), (3, 0..4), (5, 0..2)] {
        for number in numbers {
            let instance = instance(dim, number);
            let found = faults(&instance, 0, 2000);
            if !found.is_empty() {
                wrong.push(format!("{}: {}", instance.name, found.join("; ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// By hand: `STRESS="2 0 200" cargo test --release --test robustness stress -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn stress() {
    let range: Vec<u64> = std::env::var("STRESS")
        .unwrap_or("2 0 200".into())
        .split_whitespace()
        .map(|w| w.parse().unwrap())
        .collect();
    for number in range[1]..range[2] {
        let instance = instance(range[0] as usize, number);
        let started = std::time::Instant::now();
        let found = faults(&instance, 4, 40_000);
        let took = started.elapsed().as_secs_f64();
        println!("{} ({took:.1} s){}", instance.name, if found.is_empty() { " fine" } else { "" });
        for f in found {
            println!("    {f}");
        }
    }
}
