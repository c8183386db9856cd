//! The tree of merging minima, barriers, the closure relation.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::connection::algebra::{Tree, barriers, closure, merge_tree};
use smale::connection::{Connection, MorseGraph, Orbit};
use smale::critical::CriticalSet;

use super::spaces::{graph, line, set};

/// Minima and saddles at random, with ties if there are `steps`; sparse enough that some minima stay apart.
fn random(
    rng: &mut ChaCha8Rng,
    minima: usize,
    saddles: usize,
    steps: Option<u32>,
) -> (CriticalSet, MorseGraph) {
    let mut energies = |count: usize, from: f64| {
        let value = |rng: &mut ChaCha8Rng| match steps {
            Some(steps) => f64::from(rng.random_range(0..steps)) / f64::from(steps),
            None => rng.random::<f64>(),
        };
        let mut all: Vec<f64> = (0..count).map(|_| from + value(rng)).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let points: Vec<(usize, f64)> = energies(minima, 0.0)
        .into_iter()
        .map(|e| (0, e))
        .chain(energies(saddles, 1.0).into_iter().map(|e| (1, e)))
        .collect();
    let mut entries = vec![];
    for s in 0..saddles {
        let [a, b] = [0; 2].map(|_| rng.random_range(0..minima));
        entries.push((minima + s, a, 1));
        if rng.random_range(0..8) > 0 {
            entries.push((minima + s, b, -1));
        }
    }
    (set(2, &points), graph(&entries))
}

/// The lowest energy that the highest saddle between two minima can have, by Floyd's and Warshall's algorithm.
fn minimax(set: &CriticalSet, graph: &MorseGraph) -> Vec<Vec<f64>> {
    let m = set.points.iter().filter(|p| p.index == 0).count();
    let mut best = vec![vec![f64::INFINITY; m]; m];
    for (s, p) in set.points.iter().enumerate().filter(|(_, p)| p.index == 1) {
        let ends: Vec<usize> = graph.connections.iter().filter(|c| c.from == s).map(|c| c.to).collect();
        for (&a, &b) in ends.iter().flat_map(|a| ends.iter().map(move |b| (a, b))) {
            best[a][b] = p.energy.min(best[a][b]);
        }
    }
    for k in 0..m {
        for i in 0..m {
            for j in 0..m {
                best[i][j] = best[i][k].max(best[k][j]).min(best[i][j]);
            }
        }
    }
    best
}

/// The lowest node above two leaves.
fn meeting(tree: &Tree, a: usize, b: usize) -> Option<usize> {
    let up = |leaf: usize| std::iter::successors(Some(leaf), |&i| tree.nodes[i].parent);
    let above: Vec<usize> = up(a).collect();
    up(b).find(|i| above.contains(i))
}

#[test]
fn barriers_are_minimax_paths() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for trial in 0..30 {
        let (minima, saddles) = (rng.random_range(1..40), rng.random_range(0..60));
        let steps = [None, Some(4), Some(12)][trial % 3];
        let (set, graph) = random(&mut rng, minima, saddles, steps);
        let best = minimax(&set, &graph);
        let found = barriers(&set, &graph);
        let pairs = (0..minima).flat_map(|a| (a + 1..minima).map(move |b| (a, b)));
        let expected: Vec<(usize, usize)> = pairs.filter(|&(a, b)| best[a][b].is_finite()).collect();
        assert_eq!(found.iter().map(|b| (b.a, b.b)).collect::<Vec<_>>(), expected);
        let tree = merge_tree(&set, &graph, 0.0);
        for barrier in &found {
            assert_eq!(barrier.energy, best[barrier.a][barrier.b]);
            assert_eq!(set.points[barrier.saddle].energy, barrier.energy);
            // It lies on a path that is as low: from the one minimum to an end of it, from another end to the other.
            let ends: Vec<usize> =
                graph.connections.iter().filter(|c| c.from == barrier.saddle).map(|c| c.to).collect();
            let reaches = |from: usize, to: usize| from == to || best[from][to] <= barrier.energy;
            assert!(
                ends.iter().any(|&e| reaches(barrier.a, e)) && ends.iter().any(|&e| reaches(e, barrier.b)),
                "{barrier:?}"
            );
            let node = &tree.nodes[meeting(&tree, barrier.a, barrier.b).unwrap()];
            assert_eq!(node.energy, barrier.energy);
        }
        for (a, b) in (0..minima).flat_map(|a| (a + 1..minima).map(move |b| (a, b))) {
            assert_eq!(meeting(&tree, a, b).is_some(), best[a][b].is_finite());
        }
        check(&tree, &set, minima);
    }
}

/// What holds in every such tree.
fn check(tree: &Tree, set: &CriticalSet, minima: usize) {
    assert_eq!(tree.leaves, minima);
    for (i, node) in tree.nodes.iter().enumerate() {
        assert_eq!(node.children.is_empty(), i < minima);
        assert_eq!(node.parent.is_none(), tree.roots.contains(&i));
        if i >= minima {
            assert!(node.children.len() >= 2 && node.points.iter().all(|&s| set.points[s].index == 1));
        }
        for &child in &node.children {
            assert_eq!(tree.nodes[child].parent, Some(i));
            assert!(child < minima || tree.nodes[child].energy < node.energy, "levels rise");
        }
    }
}

#[test]
fn saddles_of_equal_energy_join_many_in_one_node() {
    // Four minima in a row, all saddles alike; the last one apart.
    let points = [(0, 0.0), (0, 0.1), (0, 0.2), (0, 0.3), (0, 0.4), (1, 1.0), (1, 1.0), (1, 1.0 + 1e-13)];
    let (set, graph) =
        (set(2, &points), graph(&[(5, 0, 1), (5, 1, -1), (6, 1, 1), (6, 2, -1), (7, 2, 1), (7, 3, -1)]));
    let exact = merge_tree(&set, &graph, 0.0);
    assert_eq!((exact.nodes[5].children.clone(), exact.nodes[5].points.clone()), (vec![0, 1, 2], vec![5, 6]));
    assert_eq!((exact.nodes[6].children.clone(), exact.roots.clone()), (vec![3, 5], vec![4, 6]));
    let loose = merge_tree(&set, &graph, 1e-9);
    assert_eq!((loose.nodes.len(), loose.roots.clone()), (6, vec![4, 5]));
    assert_eq!((loose.nodes[5].children.clone(), loose.nodes[5].energy), (vec![0, 1, 2, 3], 1.0 + 1e-13));
}

#[test]
fn nothing_to_merge_is_fine() {
    let empty = merge_tree(&set(2, &[]), &graph(&[]), 0.0);
    assert!(empty.nodes.is_empty() && empty.roots.is_empty());
    assert!(barriers(&set(2, &[(0, 0.0)]), &graph(&[])).is_empty());
}

#[test]
fn closure_is_the_transitive_closure_and_hasse_its_reduction() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..10 {
        let sizes = [9, 12, 8, 4];
        let points: Vec<(usize, f64)> =
            sizes.iter().enumerate().flat_map(|(k, &n)| (0..n).map(move |_| (k, k as f64))).collect();
        let set = set(3, &points);
        let mut graph = graph(&[]);
        for from in 9..33 {
            let k = set.points[from].index;
            for to in (0..33).filter(|&t| set.points[t].index == k - 1) {
                for _ in 0..[0, 0, 0, 1, 2][rng.random_range(0..5)] {
                    graph.connections.push(Connection::new(from, to, 1, Orbit::default()));
                }
            }
        }
        let mut reach = vec![vec![false; 33]; 33];
        graph.connections.iter().for_each(|c| reach[c.from][c.to] = true);
        for k in 0..33 {
            for i in 0..33 {
                for j in 0..33 {
                    reach[i][j] |= reach[i][k] && reach[k][j];
                }
            }
        }
        let found = closure(&set, &graph);
        for i in 0..33 {
            let below: Vec<usize> = (0..33).filter(|&j| reach[i][j]).collect();
            let above: Vec<usize> = (0..33).filter(|&j| reach[j][i]).collect();
            assert_eq!((&found.below[i], &found.above[i]), (&below, &above));
            let minima: Vec<usize> = (0..9).filter(|&j| j == i || reach[i][j]).collect();
            assert_eq!(found.minima(&set, i), minima);
        }
        let pairs = (0..33).flat_map(|i| (0..33).map(move |j| (i, j)));
        let between = |i: usize, j: usize| (0..33).any(|k| reach[i][k] && reach[k][j]);
        let hasse: Vec<(usize, usize)> = pairs.filter(|&(i, j)| reach[i][j] && !between(i, j)).collect();
        assert_eq!(found.hasse, hasse);
    }
}

#[test]
fn a_product_of_wells_has_the_faces_of_a_grid() {
    // A cell of a grid has all its faces in its closure: 3^k - 1 of them in dimension k.
    let well = line(&[0.0, 0.1, 0.3], &[1.0, 1.2]);
    let (set, graph) = well.times(&well).times(&well).solved();
    let found = closure(&set, &graph);
    for (id, p) in set.points.iter().enumerate() {
        assert_eq!(found.below[id].len(), 3usize.pow(p.index as u32) - 1);
        assert_eq!(found.minima(&set, id).len(), 1 << p.index);
    }
    assert_eq!(found.hasse.len(), graph.connections.len());
}
