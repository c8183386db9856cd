//! Connections that are proven are those that are known, and orbits that a tube holds end where it says; what is not so is
//! not proven.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::time::Instant;

use common::cases;
use smale::Control;
use smale::connection::{MorseGraph, ProofOptions, connect, prove};
use smale::critical::{CriticalSet, Level, Options, search};
use smale::landscape::{Landscape, Region};
use smale::study::Study;

fn proven(landscape: &dyn Landscape, region: Option<&Region>) -> (CriticalSet, MorseGraph) {
    let set = search(landscape, region, &Options::default(), &Control::quiet()).unwrap();
    let mut graph = connect(landscape, &set, &Default::default(), &Control::quiet());
    let options = ProofOptions { keep: true, ..ProofOptions::default() };
    let started = Instant::now();
    prove(landscape, &set, &mut graph, &options, &Control::quiet());
    let count = graph.connections.iter().filter(|c| c.proof.is_some()).count();
    let cylinders: usize = graph.connections.iter().filter_map(|c| c.proof.as_ref()).map(|p| p.count).sum();
    let seconds = started.elapsed().as_secs_f64();
    println!("{count} of {} proven, {cylinders} cylinders, {seconds:.3} s", graph.connections.len());
    for c in graph.connections.iter().filter(|c| c.proof.is_none()) {
        println!("  {} to {}: {:?}", c.from, c.to, c.open);
    }
    (set, graph)
}

fn study(name: &str, overrides: &[(&str, &str)]) -> (CriticalSet, MorseGraph) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyses").join(name);
    let mut study = Study::read(&path, &[]).unwrap();
    let _ = overrides;
    let family = study.build().unwrap();
    let region = study.region_for(family.dim()).unwrap();
    proven(family.as_ref(), region.as_ref())
}

fn all_proven(graph: &MorseGraph) -> bool {
    graph.connections.iter().all(|c| c.level == Level::Proven && c.proof.is_some() && c.open.is_none())
}

#[test]
fn himmelblau() {
    let (_, graph) = study("himmelblau.toml", &[]);
    assert!(graph.connections.len() == 12 && all_proven(&graph));
}

#[test]
fn mueller_brown() {
    let (_, graph) = study("mueller-brown.toml", &[]);
    assert!(graph.connections.len() == 4 && all_proven(&graph));
}

#[test]
fn planar_mixtures() {
    for case in cases("planar") {
        println!("{}", case.name);
        let (_, graph) = proven(case.landscape.as_ref(), None);
        assert!(all_proven(&graph));
    }
}
