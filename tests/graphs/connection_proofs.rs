//! Connections that are proven are those that are known, and orbits that a tube holds end where it says; what is not so is
//! not proven.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use crate::common::draw::distance;
use crate::common::{Case, cases};
use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::Control;
use smale::connection::{Connection, Loose, MorseGraph, Orbit, ProofOptions, TubeProof, connect, prove};
use smale::critical::{CriticalSet, Level, Options, search};
use smale::flow::cone::{Field, blocks};
use smale::flow::tube::{Experience, Goal, Line, tube};
use smale::flow::{self, Flow, integrate};
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::{Landscape, Region};
use smale::rigor::Cylinder;
use smale::study::pipeline::{Part, execute};
use smale::study::{Override, Study};

fn solve(landscape: &dyn Landscape, region: Option<&Region>) -> (CriticalSet, MorseGraph) {
    let set = search(landscape, region, &Options::default(), &Control::quiet()).unwrap();
    let mut graph = connect(landscape, &set, &Default::default(), &Control::quiet());
    attempt(landscape, &set, &mut graph);
    (set, graph)
}

fn attempt(landscape: &dyn Landscape, set: &CriticalSet, graph: &mut MorseGraph) {
    let options = ProofOptions { keep: true, ..ProofOptions::default() };
    let started = Instant::now();
    prove(landscape, set, graph, &options, &Control::quiet());
    let proofs: Vec<&TubeProof> = graph.connections.iter().filter_map(|c| c.proof.as_ref()).collect();
    let cylinders: usize = proofs.iter().map(|p| p.count).sum();
    let (count, all, seconds) = (proofs.len(), graph.connections.len(), started.elapsed().as_secs_f64());
    println!("{count} of {all} proven, {cylinders} cylinders, {seconds:.3} s");
    for c in &graph.connections {
        assert_eq!(c.level == Level::Proven, c.proof.is_some());
        assert_eq!(c.open.is_none(), c.proof.is_some());
        if let Some(why) = &c.open {
            println!("  {} to {}: {why}", c.from, c.to);
        }
    }
}

fn study(name: &str, overrides: &[&str]) -> (CriticalSet, MorseGraph) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyses").join(name);
    let overrides: Vec<Override> = overrides.iter().map(|o| Override::parse(o).unwrap()).collect();
    let study = Study::read(&path, &overrides).unwrap();
    let family = study.build().unwrap();
    let region = study.region_for(family.dim()).unwrap();
    solve(family.as_ref(), region.as_ref())
}

fn formula(n: usize, energy: &str, period: &[Option<f64>]) -> Formula {
    Formula::new(n, energy, &[], period, None).unwrap()
}

fn all_proven(graph: &MorseGraph) -> bool {
    graph.connections.iter().all(|c| c.proof.is_some())
}

/// No connection of a graph like this one may be proven.
fn none_proven(landscape: &dyn Landscape, set: &CriticalSet, connections: Vec<Connection>) {
    let mut graph = connect(landscape, set, &Default::default(), &Control::quiet());
    assert!(!connections.is_empty());
    graph.connections = connections;
    attempt(landscape, set, &mut graph);
    assert!(graph.connections.iter().all(|c| c.proof.is_none() && c.open.is_some()));
}

#[test]
fn straight_axes() {
    // Wells at -1 and 1 on the first axis, stiff and soft directions across: the orbits run on the axis.
    let energy = "(x[0]^2 - 1)^2/4 + sum(i, 1, n-1, 3^(i - 2) * x[i]^2)";
    for n in [2, 5] {
        let landscape = formula(n, energy, &[]);
        let (set, graph) = solve(&landscape, None);
        assert_eq!(graph.connections.len(), 2);
        assert!(all_proven(&graph));
        for c in &graph.connections {
            let proof = c.proof.as_ref().unwrap();
            assert!(proof.cylinders.len() == proof.count && proof.count < 60);
            let side = set.points[c.to].x[0].signum();
            for cylinder in &proof.cylinders {
                assert!(cylinder.center[1..].iter().all(|x| x.abs() < 1e-9));
                assert!(cylinder.center[0] * side > 0.0 && cylinder.center[0].abs() < 1.0);
            }
        }
    }
    // On a line there is nothing across.
    let (_, graph) = solve(&formula(1, "(x[0]^2 - 1)^2/4 + x[0]/10", &[]), None);
    assert!(graph.connections.len() == 2 && all_proven(&graph));
}

#[test]
fn himmelblau() {
    let (set, graph) = study("himmelblau.toml", &[]);
    let down = graph.connections.iter().filter(|c| set.points[c.from].index == 1).count();
    assert_eq!((down, graph.connections.len() - down), (8, 4));
    assert!(all_proven(&graph));
}

#[test]
fn mueller_brown() {
    let (_, graph) = study("mueller-brown.toml", &[]);
    assert!(graph.connections.len() == 4 && all_proven(&graph));
}

#[test]
fn a_torus_of_its_cover() {
    let (set, graph) = study("torus.toml", &[]);
    let count = |index: usize| {
        let of = graph.connections.iter().filter(|c| set.points[c.from].index == index);
        of.fold((0, 0), |(all, proven), c| (all + 1, proven + usize::from(c.proof.is_some())))
    };
    // Three saddles with two halves each, and as many from the maximum down.
    assert_eq!((count(1), count(3)), ((6, 6), (6, 6)));
}

/// Every edge of an independent program, forwards and backwards.
fn agree(case: &Case) {
    println!("{}", case.name);
    let (set, graph) = solve(case.landscape.as_ref(), None);
    assert!(all_proven(&graph), "{}", case.name);
    let place = |id: usize| {
        let near = |a: &usize| distance(&case.points[*a].x, &set.points[id].x);
        (0..case.points.len()).min_by(|a, b| near(a).total_cmp(&near(b))).unwrap()
    };
    for (saddle, ends) in &case.edges {
        let of =
            graph.connections.iter().filter(|c| set.points[c.from].index == 1 && place(c.from) == *saddle);
        let mut found: Vec<usize> = of.map(|c| place(c.to)).collect();
        found.sort_unstable();
        assert_eq!(found, ends, "{}", case.name);
    }
    for (saddle, ends) in &case.backward {
        let of = graph.connections.iter().filter(|c| set.points[c.from].index == 2 && place(c.to) == *saddle);
        let mut found: Vec<usize> = of.map(|c| place(c.from)).collect();
        found.sort_unstable();
        let mut known: Vec<usize> = ends.iter().flatten().copied().collect();
        known.sort_unstable();
        assert_eq!(found, known, "{}", case.name);
    }
}

#[test]
fn planar_mixtures() {
    cases("planar").iter().for_each(agree);
}

#[test]
fn mixtures_in_three_and_five_dimensions() {
    for case in cases("space").iter().chain(&cases("five")) {
        println!("{}", case.name);
        let (set, graph) = solve(case.landscape.as_ref(), None);
        let down = graph.connections.iter().filter(|c| set.points[c.from].index == 1);
        assert_eq!(down.clone().count(), 2 * set.points.iter().filter(|p| p.index == 1).count());
        assert!(down.clone().all(|c| c.proof.is_some()), "{}", case.name);
    }
}

#[test]
fn dual_cusp_and_flip() {
    let (_, graph) = study("dual-cusp.toml", &[]);
    assert!(graph.connections.len() == 4 && all_proven(&graph));
    let ends = |f: &str| {
        let (set, graph) = study("heteroclinic-flip.toml", &[f]);
        assert!(graph.connections.len() == 4 && all_proven(&graph));
        let upper = set.points.iter().enumerate().filter(|(_, p)| p.index == 1);
        let upper = upper.max_by(|a, b| a.1.energy.total_cmp(&b.1.energy)).unwrap().0;
        let low: Vec<f64> = (graph.connections.iter())
            .filter(|c| c.from == upper)
            .map(|c| set.points[c.to].x.clone())
            .filter(|x| x[1] < 0.0)
            .map(|x| x[0])
            .collect();
        assert_eq!(low.len(), 1);
        low[0]
    };
    // Published: the lower branch of the upper saddle ends on one side, then on the other.
    assert!((ends("landscape.parameters.f=0.01") + 0.8952).abs() < 1e-3);
    assert!((ends("landscape.parameters.f=-0.01") - 0.8952).abs() < 1e-3);
}

/// At f = 0 the orbit from the upper saddle runs down the axis to the lower one: it may not be proven to end in a minimum.
#[test]
fn a_saddle_connection_is_refused() {
    let landscape = formula(2, "x^4 + y^4 - y^3 + 2*x^2*y - y^2 + 0.75*y", &[]);
    let (set, graph) = solve(&landscape, None);
    assert!(graph.loose.iter().any(|l| matches!(l, Loose::NotTransverse { .. })));
    let upper = set.points.iter().enumerate().filter(|(_, p)| p.index == 1);
    let (upper, saddle) = upper.max_by(|a, b| a.1.energy.total_cmp(&b.1.energy)).unwrap();
    // As if it had come through: to either minimum below.
    let down: Vec<f64> = vec![saddle.x[0], saddle.x[1] - 0.01];
    let claimed = |to: usize| {
        let points = vec![saddle.x.clone(), down.clone(), set.points[to].x.clone()];
        let energies = points.iter().map(|x| landscape.energy(x)).collect();
        Connection::new(upper, to, 1, Orbit { points, energies })
    };
    let minima: Vec<usize> = (0..set.points.len()).filter(|i| set.points[*i].index == 0).collect();
    for to in minima {
        none_proven(&landscape, &set, vec![claimed(to)]);
    }
    // Just beside it: what is proven is right, by the symmetry of the mirror.
    for f in [1e-3, 1e-5] {
        let beside = format!("x^4 + y^4 - y^3 + 2*x^2*y - y^2 + 0.75*y + {f}*x");
        let (set, graph) = solve(&formula(2, &beside, &[]), None);
        for c in graph.connections.iter().filter(|c| c.proof.is_some()) {
            let (from, to) = (&set.points[c.from], &set.points[c.to]);
            let falls_left = from.x[1] > 0.0 && to.x[1] < 0.0;
            assert!(from.index == 1 && (!falls_left || to.x[0] < 0.0 || from.x[0].abs() > 0.1));
        }
    }
}

/// The height of an upright torus, its metric flat: orbits between the saddles run around the hole.
#[test]
fn an_upright_torus_is_refused() {
    let tau = Some(std::f64::consts::TAU);
    let landscape = formula(2, "(2 + cos(y)) * cos(x)", &[tau, tau]);
    let set = search(&landscape, None, &Options::default(), &Control::quiet()).unwrap();
    let saddles: Vec<usize> = (0..set.points.len()).filter(|i| set.points[*i].index == 1).collect();
    assert_eq!(saddles.len(), 2);
    let upper = saddles[usize::from(set.points[saddles[1]].energy > set.points[saddles[0]].energy)];
    let bottom = (0..set.points.len()).find(|i| set.points[*i].index == 0).unwrap();
    let x = &set.points[upper].x;
    let claimed = [1.0, -1.0].map(|side: f64| {
        let points = vec![x.clone(), vec![x[0] + 0.01 * side, x[1]], set.points[bottom].x.clone()];
        let energies = points.iter().map(|x| landscape.energy(x)).collect();
        Connection::new(upper, bottom, side as i8, Orbit { points, energies })
    });
    none_proven(&landscape, &set, claimed.to_vec());
}

/// A wrong end, or the other half's orbit, is not proven, however good the rest is.
#[test]
fn false_ends_are_refused() {
    let landscape = formula(2, "(x^2 + y - 11)^2 + (x + y^2 - 7)^2", &[]);
    let (set, graph) = solve(&landscape, None);
    for c in graph.connections.iter().filter(|c| set.points[c.from].index == 1) {
        for to in (0..set.points.len()).filter(|to| set.points[*to].index == 0 && *to != c.to) {
            let wrong = Connection::new(c.from, to, c.sign, c.orbit.clone());
            none_proven(&landscape, &set, vec![wrong]);
        }
        // The orbit of the other half, which ends elsewhere.
        let other = graph.connections.iter().find(|o| o.from == c.from && o.to != c.to);
        if let Some(other) = other {
            none_proven(&landscape, &set, vec![Connection::new(c.from, c.to, c.sign, other.orbit.clone())]);
        }
        // One half twice is not two halves.
        let again = Connection::new(c.from, c.to, c.sign, c.orbit.clone());
        none_proven(&landscape, &set, vec![again.clone(), again]);
        // An end or a saddle that is not proven.
        for id in [c.from, c.to] {
            let mut less = set.clone();
            less.points[id].proof = None;
            let same = Connection::new(c.from, c.to, c.sign, c.orbit.clone());
            none_proven(&landscape, &less, vec![same]);
        }
    }
}

/// A guide that leads elsewhere than the flow: a straight line to each of the minima, of which one half's own may do.
#[test]
fn false_guides_lead_nowhere() {
    let landscape = formula(2, "(x^2 + y - 11)^2 + (x + y^2 - 7)^2", &[]);
    let (set, graph) = solve(&landscape, None);
    let enclosed = landscape.enclose().unwrap();
    let (mut right, mut wrong) = (0, 0);
    for c in graph.connections.iter().filter(|c| set.points[c.from].index == 1) {
        let (proof, x) = (c.proof.as_ref().unwrap(), &set.points[c.from].x);
        let known = set.points[c.from].proof.as_ref().unwrap();
        let field = Field::downhill(enclosed.as_ref());
        let block = &blocks(field, x, known.radius, 0.5 * known.unique, 0.0, 0.0)[0];
        let start = block.exit(proof.side);
        let from: Vec<f64> = start.center.iter().map(|e| e.mid()).collect();
        for (to, end) in set.points.iter().enumerate().filter(|(_, p)| p.index == 0) {
            let along: Vec<f64> = end.x.iter().zip(&from).map(|(b, a)| b - a).collect();
            let place = |t: f64| from.iter().zip(&along).map(|(a, d)| a + t * d).collect::<Vec<f64>>();
            let points = (0..=20).map(|i| (place(f64::from(i) / 20.0), along.clone())).collect();
            let line = Line::through(points).unwrap();
            let goal = Goal { center: end.x.clone(), radius: end.proof.as_ref().unwrap().basin.unwrap() };
            let laid = |field, goal: &Goal| {
                tube(field, &start, &line, goal, &Default::default(), &mut Experience::default(), &|| false)
            };
            let found = laid(field, &goal).is_ok();
            assert!(!found || to == c.to, "{} to {to}, not {}", c.from, c.to);
            (right, wrong) = (right + usize::from(found), wrong + usize::from(!found));
            // Against the flow there is no tube at all.
            assert!(laid(Field::uphill(enclosed.as_ref()), &goal).is_err());
        }
    }
    assert!(right > 0 && wrong >= 24, "{right} {wrong}");
}

fn apart(count: usize, n: usize, sigma: f64, seed: u64) -> Mixture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut data: Mat<f64> = Mat::from_fn(n, count, |_, _| StandardNormal.sample(&mut rng));
    for k in 0..count {
        let size = data.col(k).norm_l2();
        data.col_as_slice_mut(k).iter_mut().for_each(|x| *x /= size);
    }
    Mixture::new(data, vec![1.0; count], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap()
}

/// Four memories in 300 dimensions: every pair has its saddle; and in their hull, which has three, orbits from the
/// point above all down to the saddles below it.
#[test]
fn four_memories_in_300_dimensions() {
    let landscape = apart(4, 300, 0.3, 5);
    let (set, graph) = solve(&landscape, None);
    assert_eq!(set.counts(), [4, 6, 4, 1]);
    let points = &set.points;
    let of = |index: usize| graph.connections.iter().filter(move |c| points[c.from].index == index);
    assert!(of(1).count() == 12 && of(1).all(|c| c.proof.is_some()));
    assert!(of(3).count() == 4 && of(3).all(|c| c.proof.is_some()));
    let pairs: std::collections::BTreeSet<Vec<usize>> = (set.points.iter().enumerate())
        .filter(|(_, p)| p.index == 1)
        .map(|(id, _)| {
            let mut ends: Vec<usize> =
                graph.connections.iter().filter(|c| c.from == id).map(|c| c.to).collect();
            ends.sort_unstable();
            ends
        })
        .collect();
    assert_eq!(pairs.len(), 6);
}

/// Where there is a pole, or the noise is tiny, what is proven is right, and nothing breaks.
#[test]
fn hard_ground() {
    let pole = formula(2, "x^4/4 - x^2/2 + y^2 + 0.01/((x - 0.5)^2 + (y - 0.6)^2)", &[]);
    let region = Region::cuboid(vec![-2.0, -2.0], vec![2.0, 2.0]);
    let (set, graph) = solve(&pole, Some(&region));
    assert!(graph.connections.iter().any(|c| c.proof.is_some()));
    ends_agree(&pole, &set, &graph, 3);
    for case in cases("small-d2-27") {
        let (set, graph) = solve(case.landscape.as_ref(), None);
        assert!(graph.connections.iter().filter(|c| c.proof.is_some()).count() > 60);
        ends_agree(case.landscape.as_ref(), &set, &graph, 1);
    }
}

/// A random point of a cylinder.
fn within(cylinder: &Cylinder, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let n = cylinder.center.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let size = dot(&cylinder.direction, &cylinder.direction).sqrt();
    let u: Vec<f64> = cylinder.direction.iter().map(|u| u / size).collect();
    let (shape, lean) = (cylinder.shape, dot(&cylinder.bend, &u));
    let t = rng.random_range(-shape.back..shape.ahead);
    let w: Vec<f64> = (0..n).map(|_| StandardNormal.sample(rng)).collect();
    let along = dot(&w, &u);
    let w: Vec<f64> = w.iter().zip(&u).map(|(w, u)| w - along * u).collect();
    let size = dot(&w, &w).sqrt().max(1e-300);
    // Mostly near the wall.
    let rho = (shape.radius + shape.growth * t) * rng.random_range(0.0f64..1.0).powf(0.2);
    let q = |i: usize| cylinder.bend[i] - lean * u[i];
    (0..n).map(|i| cylinder.center[i] + t * u[i] + 0.5 * t * t * q(i) + rho * w[i] / size).collect()
}

/// Orbits from random places of all tubes end where the proof says.
fn ends_agree(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph, starts: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut followed = 0;
    for c in &graph.connections {
        let Some(proof) = &c.proof else { continue };
        let flow = if proof.uphill { Flow::backward(landscape) } else { Flow::forward(landscape) };
        let end = &set.points[if proof.uphill { c.from } else { c.to }];
        assert!(distance(&end.x, &proof.goal) < 1e-9);
        for _ in 0..starts {
            let cylinder = &proof.cylinders[rng.random_range(0..proof.cylinders.len())];
            let start = within(cylinder, &mut rng);
            let options = flow::Options { tolerance: 1e-10, longest: 0.05, steps: 100_000 };
            let mut last = start.clone();
            integrate(&flow, &start, &options, |state| {
                last.copy_from_slice(state.x);
                distance(state.x, &end.x) > 1e-4
            });
            assert!(distance(&last, &end.x) < 1e-3, "{} to {}: from {start:?} to {last:?}", c.from, c.to);
            followed += 1;
        }
    }
    assert!(followed > 0);
}

#[test]
fn orbits_in_tubes_end_where_they_should() {
    let landscape = formula(2, "(x^2 + y - 11)^2 + (x + y^2 - 7)^2", &[]);
    let (set, graph) = solve(&landscape, None);
    ends_agree(&landscape, &set, &graph, 40);
    for case in cases("planar-k30-s30").iter().chain(&cases("five-k8-s50")) {
        let (set, graph) = solve(case.landscape.as_ref(), None);
        ends_agree(case.landscape.as_ref(), &set, &graph, 20);
    }
}

/// What a study says of it.
#[test]
fn a_study_counts_what_is_proven() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyses/himmelblau.toml");
    let outcome = execute(&Study::read(&path, &[]).unwrap(), Part::Graph, &Control::quiet()).unwrap();
    assert_eq!((&outcome.summary["edges"], &outcome.summary["proven_edges"]), (&12.into(), &12.into()));
    assert_eq!(outcome.summary["levels"]["connections"], "proven");
    // A flow that is not the gradient's: why not stands at every edge.
    let path = path.with_file_name("two-layer-memory.toml");
    let outcome = execute(&Study::read(&path, &[]).unwrap(), Part::Graph, &Control::quiet()).unwrap();
    assert_eq!(outcome.summary["proven_edges"], 0);
    assert_eq!(outcome.summary["levels"]["connections"], "checked");
    let graph = outcome.files.iter().find(|f| f.0 == "graph.json").unwrap();
    let graph: serde_json::Value = serde_json::from_slice(&graph.1).unwrap();
    let open = graph["graph"]["unproven_edges"].as_array().unwrap();
    assert_eq!(open.len() as u64, outcome.summary["edges"].as_u64().unwrap());
    assert!(open.iter().all(|e| e["reason"] == "the flow is not that of the negative gradient"));
}

/// The same bytes, whatever the number of threads; and none after a request to stop.
#[test]
fn proofs_do_not_depend_on_threads() {
    let case = &cases("planar-k20-s30")[0];
    let solved = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| solve(case.landscape.as_ref(), None).1)
    };
    let (one, many) = (solved(1), solved(4));
    for (a, b) in one.connections.iter().zip(&many.connections) {
        assert_eq!(a.proof.as_ref().map(|p| &p.cylinders), b.proof.as_ref().map(|p| &p.cylinders));
        assert_eq!(a.open, b.open);
    }
    let set = search(case.landscape.as_ref(), None, &Options::default(), &Control::quiet()).unwrap();
    let mut graph = connect(case.landscape.as_ref(), &set, &Default::default(), &Control::quiet());
    let stop = std::sync::atomic::AtomicBool::new(true);
    let stopped = Control { progress: &|_| {}, stop: &stop };
    prove(case.landscape.as_ref(), &set, &mut graph, &ProofOptions::default(), &stopped);
    assert!(graph.connections.iter().all(|c| c.open.as_deref() == Some("the computation was interrupted")));
}
