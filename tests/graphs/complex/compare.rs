//! Graphs up to the numbering of their points, and differences in words.

use std::collections::BTreeMap;

use petgraph::graph::DiGraph;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::connection::algebra::{Skeleton, difference, isomorphism, matched};

use super::spaces::{Space, circle, graph, line, set, set_at};

/// The same graph with other numbers: node i becomes `to[i]`.
fn relabelled(s: &Skeleton, to: &[usize]) -> Skeleton {
    let (mut index, mut label) = (s.index.clone(), s.label.clone());
    for (i, &j) in to.iter().enumerate() {
        index[j] = s.index[i];
        label[j] = s.label[i];
    }
    let edges = s.edges.iter().map(|(&(a, b), &m)| ((to[a], to[b]), m)).collect();
    Skeleton { index, label, edges }
}

fn permutation(rng: &mut ChaCha8Rng, count: usize) -> Vec<usize> {
    let mut to: Vec<usize> = (0..count).collect();
    to.shuffle(rng);
    to
}

fn assert_isomorphism(a: &Skeleton, b: &Skeleton, relabelling: &[usize]) {
    assert_eq!(relabelled(a, relabelling), *b);
}

/// The search of petgraph (VF2), without colours.
fn by_vf2(a: &Skeleton, b: &Skeleton) -> bool {
    let graph = |s: &Skeleton| {
        let mut g: DiGraph<(usize, Option<usize>), usize> = DiGraph::new();
        let nodes: Vec<_> = s.index.iter().zip(&s.label).map(|(i, l)| g.add_node((*i, *l))).collect();
        s.edges.iter().for_each(|(&(i, j), &m)| {
            g.add_edge(nodes[i], nodes[j], m);
        });
        g
    };
    petgraph::algo::is_isomorphic_matching(&graph(a), &graph(b), |a, b| a == b, |a, b| a == b)
}

fn skeleton(space: &Space) -> Skeleton {
    let (set, graph) = space.solved();
    Skeleton::new(&set, &graph)
}

fn power(space: &Space, n: usize) -> Space {
    (1..n).fold(space.clone(), |p, _| p.times(space))
}

/// Minima and saddles as a graph: a saddle an edge.
fn landscape(minima: usize, saddles: &[(usize, usize)]) -> Skeleton {
    let points: Vec<(usize, f64)> =
        (0..minima).map(|_| (0, 0.0)).chain(saddles.iter().map(|_| (1, 1.0))).collect();
    let entries: Vec<_> = (saddles.iter().enumerate())
        .flat_map(|(s, &(a, b))| [(minima + s, a, 1), (minima + s, b, -1)])
        .collect();
    Skeleton::new(&set(2, &points), &graph(&entries))
}

#[test]
fn small_random_graphs_are_told_apart_as_by_vf2() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut same = 0;
    for _ in 0..600 {
        let minima = rng.random_range(1..5);
        let edges = |rng: &mut ChaCha8Rng| -> Vec<(usize, usize)> {
            (0..4).map(|_| (rng.random_range(0..minima), rng.random_range(0..minima))).collect()
        };
        let mut draw = || landscape(minima, &edges(&mut rng));
        let (a, b) = (draw(), draw());
        let found = isomorphism(&a, &b).unwrap();
        assert_eq!(found.is_some(), by_vf2(&a, &b), "{a:?} {b:?}");
        if let Some(found) = found {
            same += 1;
            assert_isomorphism(&a, &b, &found);
        }
    }
    assert!((30..570).contains(&same), "{same}");
}

#[test]
fn relabellings_of_symmetric_products_are_found_and_changes_noticed() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let well = line(&[0.0, 0.0], &[1.0]);
    let ring = circle(&[0.0; 3], &[1.0; 3]);
    for space in [
        power(&well, 4),
        power(&well, 5),
        power(&ring, 3),
        line(&[0.0; 8], &[1.0; 7]).times(&power(&ring, 2)),
    ] {
        let a = skeleton(&space);
        let b = relabelled(&a, &permutation(&mut rng, a.index.len()));
        assert_isomorphism(&a, &b, &isomorphism(&a, &b).unwrap().unwrap());
        // One connection ends elsewhere.
        for _ in 0..5 {
            let mut c = b.clone();
            let edges: Vec<(usize, usize)> = c.edges.keys().copied().collect();
            let (from, to) = edges[rng.random_range(0..edges.len())];
            let other = (0..c.index.len())
                .find(|&j| c.index[j] == c.index[to] && !c.edges.contains_key(&(from, j)))
                .unwrap();
            c.edges.remove(&(from, to));
            c.edges.insert((from, other), 1);
            assert_eq!(isomorphism(&a, &c).unwrap(), None);
        }
        // One of two connections is double: the sums agree, the graphs do not.
        let mut c = b.clone();
        *c.edges.values_mut().next().unwrap() += 1;
        assert_eq!(isomorphism(&a, &c).unwrap(), None);
    }
}

#[test]
fn large_random_graphs_are_quick() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let edges: Vec<(usize, usize)> =
        (0..300).map(|_| (rng.random_range(0..200), rng.random_range(0..200))).collect();
    let a = landscape(200, &edges);
    let b = relabelled(&a, &permutation(&mut rng, 500));
    assert_isomorphism(&a, &b, &isomorphism(&a, &b).unwrap().unwrap());
    let mut other = edges.clone();
    other[17].1 = (other[17].1 + 1) % 200;
    assert_eq!(isomorphism(&a, &landscape(200, &other)).unwrap(), None);
}

#[test]
fn graphs_that_refinement_cannot_tell_apart() {
    let cycle = |start: usize, n: usize| (0..n).map(move |i| (start + i, start + (i + 1) % n));
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let triangles: Vec<_> = cycle(0, 3).chain(cycle(3, 3)).collect();
    let hexagon: Vec<_> = cycle(0, 6).collect();
    let (a, b) = (landscape(6, &triangles), landscape(6, &hexagon));
    assert_eq!(isomorphism(&a, &b).unwrap(), None);
    // In one component: all joined to a minimum in the middle.
    let middle = |edges: &[(usize, usize)]| {
        let all: Vec<_> = edges.iter().copied().chain((0..6).map(|i| (i, 6))).collect();
        landscape(7, &all)
    };
    assert_eq!(isomorphism(&middle(&triangles), &middle(&hexagon)).unwrap(), None);
    let same = relabelled(&middle(&hexagon), &permutation(&mut rng, 19));
    assert!(isomorphism(&middle(&hexagon), &same).unwrap().is_some());
    // Many of them.
    let many = |triangles: usize| -> Skeleton {
        let three = (0..triangles).flat_map(|i| cycle(3 * i, 3));
        let six = (0..(240 - 3 * triangles) / 6).flat_map(|i| cycle(3 * triangles + 6 * i, 6));
        landscape(240, &three.chain(six).collect::<Vec<_>>())
    };
    assert_eq!(isomorphism(&many(20), &many(22)).unwrap(), None);
    let shuffled = relabelled(&many(20), &permutation(&mut rng, 480));
    assert_isomorphism(&many(20), &shuffled, &isomorphism(&many(20), &shuffled).unwrap().unwrap());
    // Rook's graph and Shrikhande's: strongly regular with the same numbers.
    let torus = |steps: &[(usize, usize)]| -> Skeleton {
        let at = |i: usize, j: usize| 4 * (i % 4) + j % 4;
        let edges: Vec<_> =
            (0..16).flat_map(|v| steps.iter().map(move |(di, dj)| (v, at(v / 4 + di, v % 4 + dj)))).collect();
        landscape(16, &edges)
    };
    let shrikhande = torus(&[(0, 1), (1, 0), (1, 1)]);
    let rook: Vec<(usize, usize)> = (0..16)
        .flat_map(|v: usize| {
            (v + 1..16).filter(move |w| v / 4 == w / 4 || v % 4 == w % 4).map(move |w| (v, w))
        })
        .collect();
    let rook = landscape(16, &rook);
    assert_eq!((rook.edges.len(), shrikhande.edges.len()), (96, 96));
    assert_eq!(isomorphism(&rook, &shrikhande).unwrap(), None);
    let other = relabelled(&rook, &permutation(&mut rng, 64));
    assert_isomorphism(&rook, &other, &isomorphism(&rook, &other).unwrap().unwrap());
}

#[test]
fn labels_have_to_agree() {
    let well = skeleton(&line(&[0.0, 0.0], &[1.0]));
    let label = |a: usize, b: usize| well.clone().with_labels(vec![Some(a), Some(b), None]);
    assert_eq!(isomorphism(&label(5, 7), &label(7, 5)).unwrap(), Some(vec![1, 0, 2]));
    assert_eq!(isomorphism(&label(5, 7), &label(5, 5)).unwrap(), None);
    assert_eq!(isomorphism(&well, &label(5, 7)).unwrap(), None);
    assert!(isomorphism(&well, &well.clone().with_labels(vec![])).is_err());
    let empty = Skeleton { index: vec![], label: vec![], edges: BTreeMap::new() };
    assert_eq!(isomorphism(&empty, &empty).unwrap(), Some(vec![]));
}

#[test]
fn differences_are_told_in_sentences() {
    let minima = |shift: f64| [0.0, 1.0, 2.0].map(|x| (0, x, vec![x + shift, 0.0]));
    let a =
        set_at(2, &[minima(0.0).to_vec(), vec![(1, 5.0, vec![0.5, 0.0]), (1, 6.0, vec![1.5, 0.0])]].concat());
    let b = set_at(
        2,
        &[
            minima(0.01).to_vec(),
            vec![(0, 2.5, vec![9.0, 0.25]), (1, 5.0, vec![0.51, 0.0]), (1, 6.0, vec![1.4, 0.0])],
        ]
        .concat(),
    );
    let before = graph(&[(3, 0, 1), (3, 1, -1), (4, 1, 1), (4, 2, -1)]);
    let after = graph(&[(4, 0, 1), (4, 2, -1), (5, 1, 1), (5, 3, -1)]);
    let partner = matched(&a, &b);
    assert_eq!(partner, [Some(0), Some(1), Some(2), Some(4), Some(5)]);
    let found = difference((&a, &before), (&b, &after), &partner);
    assert_eq!(
        found.sentences,
        [
            "new point 3 (index 0, energy 2.5, at (9, 0.25)) appeared",
            "saddle 3 (now 4): from minima {0, 1} to {0, 2}",
            "saddle 4 (now 5): from minima {1, 2} to {1, new 3}",
        ]
    );
    assert_eq!((found.vanished, found.appeared, found.moved), (vec![], vec![3], vec![3, 4]));
    let back: Vec<Option<usize>> = matched(&b, &a);
    let found = difference((&b, &after), (&a, &before), &back);
    assert_eq!(found.sentences[0], "point 3 (index 0, energy 2.5, at (9, 0.25)) vanished");
    // Ends that vanish have the id they had.
    assert_eq!(found.sentences[2], "saddle 5 (now 4): from minima {1, 3} to {1, 2}");
    // Nothing changed but a number of connections.
    let twice = graph(&[(3, 0, 1), (3, 0, -1), (4, 1, 1), (4, 2, -1)]);
    let loops = graph(&[(3, 0, 2), (3, 0, 1), (4, 1, 1), (4, 2, -1)]);
    let same: Vec<Option<usize>> = (0..5).map(Some).collect();
    assert_eq!(
        difference((&a, &twice), (&a, &loops), &same).sentences,
        ["saddle 3: 2 connections to minimum 0 became 3"]
    );
    assert_eq!(difference((&a, &before), (&a, &before), &matched(&a, &a)), Default::default());
}

#[test]
fn points_are_matched_the_shortest_way_around() {
    let mut a = set_at(1, &[(0, 0.0, vec![0.01]), (1, 1.0, vec![0.5])]);
    a.region.period = vec![Some(1.0)];
    let mut b = set_at(1, &[(0, 0.0, vec![0.99]), (0, 0.5, vec![0.4]), (1, 1.0, vec![0.5])]);
    b.region.period = vec![Some(1.0)];
    assert_eq!(matched(&a, &b), [Some(0), Some(2)]);
}
