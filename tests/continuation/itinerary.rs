//! Itineraries: where graphs change along a parameter, and whether the change is explained.
//!
//! What is known: the flip of Raju & Siggia (2024), at f = 0 by symmetry; two data part at half their distance; graphs computed afresh
//! from complete sets of critical points; the number of minima, which falls by one at each merger.

use faer::Mat;
use smale::Control;
use smale::connection::algebra::{Skeleton, isomorphism};
use smale::connection::{self, MorseSmale, Order, connect};
use smale::continuation::{
    Cause, Diagram, EventKind, Graphs, Itinerary, Options, SplittingTree, diagram, itinerary, splitting_tree,
};
use smale::critical::{self, search};
use smale::data::random::{Distribution, Draw, draw};
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::{DATA, Family, Region};

fn run(family: &dyn Family, parameter: &str, from: f64, to: f64) -> (Diagram, Itinerary) {
    let quiet = Control::quiet();
    let found = diagram(family, parameter, &Options::new(from, to), &critical::Options::default(), &quiet)
        .expect("it can be followed");
    assert!(found.ledger().is_empty(), "{:?}", found.ledger());
    let itinerary = itinerary(family, &found, &Graphs::default(), &quiet).expect("graphs can be computed");
    (found, itinerary)
}

fn tree(family: &dyn Family, diagram: &Diagram) -> SplittingTree {
    splitting_tree(family, diagram, &Graphs::default(), &Control::quiet()).expect("minima can be followed")
}

fn assert_explained(name: &str, itinerary: &Itinerary) {
    assert_eq!(itinerary.intervals.len(), itinerary.cuts.len() + 1, "{name}");
    for cut in &itinerary.cuts {
        assert!(cut.explained, "{name}: at {}: {} ({:?})", cut.parameter, cut.open, cut.words);
    }
}

fn counts(nodes: &[smale::continuation::Node]) -> Vec<usize> {
    let mut counts = vec![0; nodes.iter().map(|n| n.index + 1).max().unwrap_or(0)];
    nodes.iter().for_each(|n| counts[n.index] += 1);
    counts
}

/// The graph of the interval with this parameter is the one computed there from scratch.
fn assert_as_afresh(name: &str, family: &dyn Family, itinerary: &Itinerary, p: f64) {
    let landscape = family.with_parameter(&itinerary.parameter, p).expect("in its range");
    let set = search(landscape.as_ref(), None, &critical::Options::default(), &Control::quiet())
        .expect("has a region");
    let here = itinerary.intervals.iter().find(|i| i.from <= p && p <= i.to).expect("the range is covered");
    assert_eq!(counts(&here.nodes), set.counts(), "{name} at {p}");
    let options = connection::Options { order: Order::All, ..Default::default() };
    let graph = connect(landscape.as_ref(), &set, &options, &Control::quiet());
    let mut ours = Skeleton { index: vec![], label: vec![], edges: Default::default() };
    for node in &here.nodes {
        ours.index.push(node.index);
        ours.label.push(None);
    }
    ours.edges.extend(here.links.iter().map(|l| ((l.from, l.to), l.count)));
    let same = isomorphism(&ours, &Skeleton::new(&set, &graph)).expect("small enough");
    assert!(
        same.is_some(),
        "{name} at {p}: {:?} is another graph than {:?}",
        here.links,
        graph.connections.len()
    );
}

/// Spread over the range by its logarithm.
fn spread(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| from * (to / from).powf((i as f64 + 0.41) / count as f64))
}

fn flip(k: f64, f: f64) -> Formula {
    let energy = "x[0]^4 + x[1]^4 - x[1]^3 + 2*x[0]^2*x[1] - x[1]^2 + K*x[1] + f*x[0]";
    Formula::new(2, energy, &[("K".into(), k), ("f".into(), f)], &[], None).expect("a formula")
}

/// At f = 0 the upper saddle's lower branch runs down the axis of symmetry into the lower saddle; on either side it passes it. No
/// critical point changes.
#[test]
fn a_graph_flips_where_no_point_changes() {
    let (diagram, itinerary) = run(&flip(0.75, 0.1), "f", -0.2, 0.25);
    assert!(diagram.events.is_empty());
    assert_explained("flip", &itinerary);
    let [cut] = itinerary.cuts.as_slice() else { panic!("{} cuts", itinerary.cuts.len()) };
    assert!(cut.parameter.abs() <= 1e-8, "{}", cut.parameter);
    assert!(cut.parameter.abs() <= cut.error, "{} is further off than {}", cut.parameter, cut.error);
    let Cause::Connections(joinings) = &cut.cause else { panic!("{:?}", cut.cause) };
    let [joining] = joinings.as_slice() else { panic!("{} orbits", joinings.len()) };
    let below = &itinerary.intervals[0];
    let [upper, lower] = joining.nodes.map(|n| &below.nodes[n]);
    assert!(upper.index == 1 && lower.index == 1 && upper.energy > lower.energy);
    // The orbit between them is the axis, apart from what the error of f and of the orbit amount to.
    assert!(joining.orbit.points.len() > 10);
    assert!(joining.orbit.points.iter().all(|x| x[0].abs() < 1e-4), "{:?}", joining.orbit.points);
    // It goes to the minimum on the left on one side, on the right on the other.
    for (interval, side) in itinerary.intervals.iter().zip([1.0, -1.0]) {
        let saddle = interval.nodes.iter().position(|n| n.arc == joining.from).expect("it is there");
        let lowest = interval.links.iter().filter(|l| l.from == saddle).map(|l| &interval.nodes[l.to]);
        let outer = lowest.filter(|m| m.x[0].abs() > 0.5).map(|m| m.x[0].signum()).collect::<Vec<f64>>();
        assert_eq!(outer, [side], "at {}", interval.at);
    }
}

/// Along K at f = 0: fold, pitchfork, fold, and between the last two the orbit from saddle to saddle is there all the time.
#[test]
fn a_symmetric_family_is_not_smale_over_an_interval() {
    let (_, itinerary) = run(&flip(0.75, 0.0), "K", -0.5, 1.8);
    assert_explained("flip along K", &itinerary);
    let at: Vec<f64> = itinerary.cuts.iter().map(|c| c.parameter).collect();
    let known = [-0.252_641_515_442_7, 0.0, 1.502_641_515_442_7];
    assert_eq!(at.len(), 3, "{at:?}");
    assert!(at.iter().zip(known).all(|(a, b)| (a - b).abs() < 1e-8), "{at:?}");
    let joined: Vec<usize> = itinerary.intervals.iter().map(|i| i.joined.len()).collect();
    assert_eq!(joined, [0, 0, 1, 0]);
    assert!(matches!(itinerary.intervals[2].morse_smale, MorseSmale::No(_)));
    let all: Vec<Vec<usize>> = itinerary.intervals.iter().map(|i| counts(&i.nodes)).collect();
    assert_eq!(all, [vec![3, 2], vec![3, 3, 1], vec![3, 2], vec![2, 1]]);
}

#[test]
fn random_points_in_the_plane() {
    for (number, count) in [(0, 8), (1, 8), (2, 8), (3, 12), (4, 16)] {
        let data = crate::common::draw::cloud(2, count, number);
        let landscape =
            Mixture::new(data, vec![1.0; count], Noise::Fixed { a: 1.0, sigma: 0.3 }, 0.0).unwrap();
        let name = format!("{count} points, number {number}");
        let (diagram, itinerary) = run(&landscape, "sigma", 0.05, 3.0);
        assert_explained(&name, &itinerary);
        for p in spread(0.05, 3.0, 8) {
            assert_as_afresh(&name, &landscape, &itinerary, p);
        }
        let tree = tree(&landscape, &diagram);
        assert_eq!(tree.leaves.len(), counts(&itinerary.intervals[0].nodes)[0], "{name}");
        assert!(tree.mergers.iter().all(|m| m.into.is_some()), "{name}");
        assert_eq!((tree.counts[0], tree.counts.last()), (tree.leaves.len(), Some(&1)), "{name}");
        // Every datum has its name at one leaf.
        let mut named: Vec<usize> = tree.leaves.iter().flat_map(|l| l.memories.clone()).collect();
        named.sort_unstable();
        assert_eq!(named, (0..count).collect::<Vec<usize>>(), "{name}");
    }
}

/// Thirty normal points, of a seed.
fn thirty(seed: u64, sigma: f64) -> Mixture {
    let points = draw(&Draw { distribution: Distribution::Normal, dim: 2, count: 30, seed, scale: 1.0 });
    let data = Mat::from_fn(2, 30, |i, k| points.values[2 * k + i]);
    Mixture::new(data, vec![1.0; 30], Noise::Fixed { a: 1.0, sigma }, 0.0).expect("valid")
}

/// Within a hundredth of the way from one fold to the next a connection moves from saddle to saddle: near the fold a graph
/// differs by the fold alone, farther off by both.
#[test]
fn a_connection_changes_close_to_a_fold() {
    let landscape = thirty(18, 0.235);
    let (diagram, itinerary) = run(&landscape, "sigma", 0.234, 0.241);
    assert_explained("close to a fold", &itinerary);
    let [fold, connection] = itinerary.cuts.as_slice() else { panic!("{} cuts", itinerary.cuts.len()) };
    assert!(matches!(&fold.cause, Cause::Local(events) if diagram.events[events[0]].kind == EventKind::Fold));
    let Cause::Connections(_) = connection.cause else { panic!("{:?}", connection.cause) };
    let between = 0.5 * (fold.parameter + connection.parameter);
    assert!(connection.parameter - fold.parameter < 1e-4);
    for p in [0.235, fold.parameter - 1e-6, between, connection.parameter + 1e-6, 0.24] {
        assert_as_afresh("close to a fold", &landscape, &itinerary, p);
    }
}

/// An orbit that misses the lower saddle by ten thousand times what the orbit from there backwards misses the upper one by: the graphs
/// that cannot tell the two from joined are no changes of their own.
#[test]
fn a_saddle_is_missed_more_widely_forwards_than_backwards() {
    let landscape = thirty(24, 0.362);
    let (_, itinerary) = run(&landscape, "sigma", 0.3615, 0.3635);
    assert_explained("forwards and backwards", &itinerary);
    let [cut] = itinerary.cuts.as_slice() else { panic!("{} cuts", itinerary.cuts.len()) };
    let Cause::Connections(joinings) = &cut.cause else { panic!("{:?}", cut.cause) };
    assert_eq!(joinings.len(), 1);
    for p in [0.362, cut.parameter - 1e-6, cut.parameter + 1e-6, 0.363] {
        assert_as_afresh("forwards and backwards", &landscape, &itinerary, p);
    }
}

/// Two data part at half their distance: a pitchfork, at which both minima end.
#[test]
fn two_data_merge_at_half_their_distance() {
    let data = Mat::from_fn(3, 2, |i, k| if k == 0 { [0.3, -0.2, 0.5][i] } else { [-0.5, 0.4, 0.1][i] });
    let distance = (0.8f64 * 0.8 + 0.6 * 0.6 + 0.4 * 0.4).sqrt();
    let landscape = Mixture::new(data, vec![1.0; 2], Noise::Fixed { a: 1.0, sigma: 0.3 }, 0.0).unwrap();
    let (diagram, itinerary) = run(&landscape, "sigma", 0.1, 1.3);
    assert_explained("two data", &itinerary);
    let [cut] = itinerary.cuts.as_slice() else { panic!("{} cuts", itinerary.cuts.len()) };
    assert!((cut.parameter - distance / 2.0).abs() < 1e-10);
    let tree = tree(&landscape, &diagram);
    assert_eq!(tree.mergers.len(), 2);
    assert!(tree.mergers.iter().all(|m| m.into.is_some() && m.into == tree.mergers[0].into));
    let mut named: Vec<Vec<usize>> = tree.leaves.iter().map(|l| l.memories.clone()).collect();
    named.sort();
    assert_eq!(named, [[0], [1]]);
}

/// Three data on an equilateral triangle: at sigma^2 = 1/2 the centre turns from a maximum to a minimum and the three saddles around
/// it pass through; then three folds at once.
#[test]
fn a_kernel_of_two_dimensions_is_explained() {
    let angle = |k: usize| std::f64::consts::TAU * k as f64 / 3.0 + 0.3;
    let data = Mat::from_fn(2, 3, |i, k| if i == 0 { angle(k).cos() } else { angle(k).sin() });
    let landscape = Mixture::new(data, vec![1.0; 3], Noise::Fixed { a: 1.0, sigma: 0.5 }, 0.0).unwrap();
    let (_, itinerary) = run(&landscape, "sigma", 0.5, 0.9);
    assert_explained("triangle", &itinerary);
    let all: Vec<Vec<usize>> = itinerary.intervals.iter().map(|i| counts(&i.nodes)).collect();
    assert_eq!(all, [vec![3, 3, 1], vec![4, 3], vec![1]]);
    let at: Vec<f64> = itinerary.cuts.iter().map(|c| c.parameter * c.parameter).collect();
    assert!((at[0] - 0.5).abs() < 1e-9 && (at[1] - 0.546_320_000_4).abs() < 1e-9, "{at:?}");
}

/// Four centroids at the corners of a square along the time of an Ornstein-Uhlenbeck diffusion: one double pitchfork, where the noise
/// is as large as half a side. A square that is a little off has folds only, and the corners part one after the other.
#[test]
fn four_centroids_in_time() {
    let corners = |off: f64| {
        let shift = [[0.3, -0.8], [-0.5, 0.2], [0.7, 0.6], [-0.1, -0.4]];
        Mat::from_fn(2, 4, |i, k| {
            [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]][k][i] + off * shift[k][i]
        })
    };
    let schedule = smale::landscape::diffusion::Schedule::OrnsteinUhlenbeck;
    let build = |off: f64| {
        Mixture::new(corners(off), vec![1.0; 4], Noise::Scheduled { schedule, t: 0.3 }, 0.0).unwrap()
    };
    let (diagram, itinerary) = run(&build(0.0), "t", 0.1, 1.0);
    assert_explained("square", &itinerary);
    assert_eq!(diagram.events.len(), 1);
    assert_eq!(diagram.events[0].kernel.len(), 2);
    // sigma = a at e^-2t = 1 - e^-2t.
    assert!(
        (diagram.events[0].parameter - 0.5 * 2.0_f64.ln()).abs() < 1e-10,
        "{}",
        diagram.events[0].parameter
    );
    let all: Vec<Vec<usize>> = itinerary.intervals.iter().map(|i| counts(&i.nodes)).collect();
    assert_eq!(all, [vec![4, 4, 1], vec![1]]);
    let (diagram, itinerary) = run(&build(0.05), "t", 0.1, 1.0);
    assert_explained("off", &itinerary);
    assert!(diagram.events.iter().all(|e| e.kind == EventKind::Fold), "{:?}", diagram.events.len());
    // Eight points of nine pair off.
    assert_eq!(diagram.events.len(), 4);
    assert_eq!(counts(&itinerary.intervals[0].nodes), [4, 4, 1]);
    assert_eq!(counts(&itinerary.intervals.last().expect("one").nodes), [1]);
}

/// Data that come one after the other: at each whole number the graph is that of so many data.
fn assert_one_by_one(name: &str, family: &dyn Family, from: usize, to: usize) -> (Diagram, Itinerary) {
    let (diagram, itinerary) = run(family, DATA, from as f64, to as f64);
    assert_explained(name, &itinerary);
    for k in from..=to {
        assert_as_afresh(name, family, &itinerary, k as f64);
    }
    (diagram, itinerary)
}

#[test]
fn data_one_by_one_in_the_plane() {
    for (number, count, sigma) in [(0, 12, 0.3), (1, 10, 0.1), (2, 14, 0.6)] {
        let data = crate::common::draw::cloud(2, count, number);
        let family = Mixture::new(data, vec![1.0; count], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap();
        assert_one_by_one(&format!("{count} points, number {number}, sigma {sigma}"), &family, 1, count);
    }
}

/// Two data, at -d and d, with narrow wells: the second one makes its minimum while its weight w is tiny. Critical points x on the
/// line between them solve `log w = log((d + x)/(d - x)) - 2 d x / s^2`, which on the side of the second datum is lowest
/// where `d^2 - x^2 = s^2`: there the fold is.
#[test]
fn a_datum_comes_with_a_tiny_weight() {
    let (d, s) = (1.0f64, 0.07f64);
    let data = Mat::from_fn(1, 2, |_, k| [-d, d][k]);
    let family = Mixture::new(data, vec![1.0; 2], Noise::Fixed { a: 1.0, sigma: s }, 0.0).unwrap();
    let (diagram, itinerary) = assert_one_by_one("two wells", &family, 1, 2);
    let x = (d * d - s * s).sqrt();
    let log_weight = ((d + x) / (d - x)).ln() - 2.0 * d * x / (s * s);
    assert!(log_weight < -390.0);
    // w = exp(1 - 1/u) at 1 + u.
    let known = 1.0 + 1.0 / (1.0 - log_weight);
    let [event] = diagram.events.as_slice() else { panic!("{} events", diagram.events.len()) };
    assert_eq!(event.kind, EventKind::Fold);
    assert!((event.parameter - known).abs() < 1e-9, "{} and not {known}", event.parameter);
    assert_eq!(counts(&itinerary.intervals[1].nodes), [2, 1]);
}

/// Two wells that move to the right, in a fixed region: the right one leaves it at p = 1, and only that changes.
#[test]
fn a_point_that_leaves_the_region_is_a_cut() {
    let wells = Formula::new(1, "((x[0] - p)^2 - 1)^2/4", &[("p".into(), 0.0)], &[], None).unwrap();
    let region = Region::cuboid(vec![-2.0], vec![2.0]);
    let options = Options { region: Some(region.clone()), ..Options::new(0.0, 1.5) };
    let quiet = Control::quiet();
    let found = diagram(&wells, "p", &options, &critical::Options::default(), &quiet).unwrap();
    let graphs = Graphs { region: Some(region), ..Graphs::default() };
    let itinerary = itinerary(&wells, &found, &graphs, &quiet).unwrap();
    assert_explained("wells", &itinerary);
    let [cut] = itinerary.cuts.as_slice() else { panic!("{} cuts", itinerary.cuts.len()) };
    assert!(matches!(&cut.cause, Cause::Boundary(arcs) if arcs.len() == 1), "{:?}", cut.cause);
    assert!((cut.parameter - 1.0).abs() <= cut.error.max(1e-7), "{} +- {}", cut.parameter, cut.error);
    let all: Vec<Vec<usize>> = itinerary.intervals.iter().map(|i| counts(&i.nodes)).collect();
    assert_eq!(all, [vec![2, 1], vec![1, 1]]);
}
