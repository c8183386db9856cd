//! Boundary, homology, Smith form, persistence.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::connection::algebra::{
    Complex, Group, SparseMatrix, analyse, complete_to, expected_betti, homology, homology_mod2, mismatches,
    persistence, region_betti, smith,
};
use smale::connection::{Loose, MorseGraph, Orbit};
use smale::critical::CriticalSet;
use smale::landscape::Region;

use super::spaces::{Space, circle, euler, graph, line, set};

const ALL: usize = usize::MAX;

fn group(degree: usize, betti: usize, torsion: &[i128]) -> Group {
    Group { degree, betti, torsion: torsion.to_vec() }
}

/// The complex with so many points of each index and these entries `(k, row, column, value)` of its boundaries.
fn complex(sizes: &[usize], entries: &[(usize, usize, usize, i64)]) -> Complex {
    let points: Vec<(usize, f64)> =
        sizes.iter().enumerate().flat_map(|(k, &n)| (0..n).map(move |_| (k, k as f64))).collect();
    let first = |k: usize| sizes[..k].iter().sum::<usize>();
    let connections: Vec<_> =
        entries.iter().map(|&(k, row, column, v)| (first(k) + column, first(k - 1) + row, v)).collect();
    Complex::new(&set(sizes.len() - 1, &points), &graph(&connections))
}

#[test]
fn closed_manifolds_have_their_homology() {
    let cases: Vec<(&str, Complex, Vec<Group>, Vec<usize>)> = vec![
        (
            "torus",
            complex(&[1, 2, 1], &[(1, 0, 0, 0), (1, 0, 1, 0), (2, 0, 0, 0), (2, 1, 0, 0)]),
            vec![group(0, 1, &[]), group(1, 2, &[]), group(2, 1, &[])],
            vec![1, 2, 1],
        ),
        (
            "projective plane",
            complex(&[1, 1, 1], &[(1, 0, 0, 0), (2, 0, 0, 2)]),
            vec![group(0, 1, &[]), group(1, 0, &[2]), group(2, 0, &[])],
            vec![1, 1, 1],
        ),
        (
            "Klein bottle",
            complex(&[1, 2, 1], &[(1, 0, 0, 0), (1, 0, 1, 0), (2, 0, 0, 2), (2, 1, 0, 0)]),
            vec![group(0, 1, &[]), group(1, 1, &[2]), group(2, 0, &[])],
            vec![1, 2, 1],
        ),
        (
            "lens space L(5, 1)",
            complex(&[1, 1, 1, 1], &[(1, 0, 0, 0), (2, 0, 0, -5), (3, 0, 0, 0)]),
            vec![group(0, 1, &[]), group(1, 0, &[5]), group(2, 0, &[]), group(3, 1, &[])],
            vec![1, 0, 0, 1],
        ),
        (
            "lens space L(4, 1)",
            complex(&[1, 1, 1, 1], &[(1, 0, 0, 0), (2, 0, 0, 4), (3, 0, 0, 0)]),
            vec![group(0, 1, &[]), group(1, 0, &[4]), group(2, 0, &[]), group(3, 1, &[])],
            vec![1, 1, 1, 1],
        ),
        (
            "two Moore spaces in one point, Z/4 + Z/6 = Z/2 + Z/12",
            complex(&[1, 2, 2], &[(2, 0, 0, 4), (2, 1, 1, 6)]),
            vec![group(0, 1, &[]), group(1, 0, &[2, 12]), group(2, 0, &[])],
            vec![1, 2, 2],
        ),
        (
            "two points and a sphere",
            complex(&[3, 0, 1], &[]),
            vec![group(0, 3, &[]), group(1, 0, &[]), group(2, 1, &[])],
            vec![3, 0, 1],
        ),
    ];
    for (name, complex, expected, mod2) in cases {
        assert_eq!(complex.squared(), [], "{name}");
        let found = homology(&complex, ALL).unwrap();
        assert_eq!(found, expected, "{name}");
        assert_eq!(homology_mod2(&complex, ALL).unwrap(), mod2, "{name}");
        let alternating: i64 =
            found.iter().map(|g| if g.degree % 2 == 0 { g.betti as i64 } else { -(g.betti as i64) }).sum();
        assert_eq!(alternating, euler(&complex), "{name}");
    }
}

/// Products of wells, with energies that are all different.
fn wells(minima: &[usize]) -> Space {
    let factor = |(i, &m): (usize, &usize)| {
        let energy = |k: usize| 0.013 * ((7 * k + 3 * i) % 11) as f64 * (1.0 + 0.1 * i as f64);
        let maxima: Vec<f64> = (0..m - 1).map(|k| 1.0 + energy(k + 5)).collect();
        line(&(0..m).map(energy).collect::<Vec<_>>(), &maxima)
    };
    minima.iter().enumerate().map(factor).reduce(|a, b| a.times(&b)).expect("a factor")
}

#[test]
fn products_of_wells_have_the_homology_of_a_ball() {
    for minima in
        [&[2][..], &[2, 2], &[3, 2, 2], &[2, 2, 2, 2], &[3, 3, 3, 3], &[3, 3, 3, 3, 3], &[12, 11, 8]]
    {
        let (set, graph) = wells(minima).solved();
        let all = analyse(&set, &graph, set.region.dim());
        assert_eq!(all.squared, []);
        let integers = all.integers.unwrap();
        assert_eq!(integers[0], group(0, 1, &[]));
        assert!(integers[1..].iter().all(|g| g.betti == 0 && g.torsion.is_empty()), "{minima:?}");
        assert_eq!(integers.len(), minima.len() + 1);
        assert_eq!(all.mod2.unwrap().iter().sum::<usize>(), 1);
        assert_eq!((all.expected, euler(&all.complex)), (Some(vec![1]), 1));
        assert!(all.mismatches.is_empty());
    }
}

#[test]
fn products_with_circles_have_the_homology_of_a_torus() {
    let ring = circle(&[0.0, 0.3, 0.1], &[1.0, 1.2, 1.1]);
    let well = line(&[0.0, 0.25], &[1.3]);
    for (space, periodic) in [
        (ring.times(&ring), vec![true, true]),
        (ring.times(&well), vec![true, false]),
        (well.times(&ring).times(&ring), vec![false, true, true]),
        (ring.times(&ring).times(&ring).times(&well), vec![true, true, true, false]),
        (circle(&[0.0], &[1.0]).times(&circle(&[0.0], &[1.0])), vec![true, true]),
    ] {
        let (mut set, graph) = space.solved();
        set.region.period = periodic.iter().map(|p| p.then_some(2e3)).collect();
        set.euler_expected = Some(0);
        let expected = expected_betti(&set).unwrap();
        let m = periodic.iter().filter(|p| **p).count();
        let binomial: &[usize] = [&[1, 1][..], &[1, 2, 1], &[1, 3, 3, 1]][m - 1];
        assert_eq!(expected, binomial);
        let all = analyse(&set, &graph, set.region.dim());
        let betti: Vec<usize> = all.integers.unwrap().iter().map(|g| g.betti).collect();
        assert_eq!(betti[..=m], *binomial);
        assert!(betti[m + 1..].iter().all(|b| *b == 0) && all.mismatches.is_empty());
    }
}

#[test]
fn a_region_has_the_homology_of_a_torus_of_its_periods() {
    assert_eq!(region_betti(&Region::ball(vec![0.0; 7], 1.0)), [1]);
    let mut region = Region::cuboid(vec![0.0; 4], vec![1.0; 4]);
    region.period = vec![Some(1.0); 4];
    assert_eq!(region_betti(&region), [1, 4, 6, 4, 1]);
}

/// A random change of the signs that come from orienting the unstable manifolds: an isomorphism of the complex.
#[test]
fn orientations_do_not_matter_and_one_wrong_sign_is_seen() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (set, graph) = wells(&[3, 2, 3]).solved();
    let flip: Vec<i8> = set.points.iter().map(|_| if rng.random() { 1 } else { -1 }).collect();
    let mut turned = graph.clone();
    turned.connections.iter_mut().for_each(|c| c.sign *= flip[c.from] * flip[c.to]);
    let found = |g: &MorseGraph| homology(&Complex::new(&set, g), ALL);
    assert_eq!(found(&graph).unwrap(), found(&turned).unwrap());
    for wrong in 0..turned.connections.len() {
        let mut bad = turned.clone();
        bad.connections[wrong].sign *= -1;
        let (from, to) = (bad.connections[wrong].from, bad.connections[wrong].to);
        let index = set.points[from].index;
        let squared = Complex::new(&set, &bad).squared();
        // Every saddle here lies below something, or above.
        assert!(!squared.is_empty());
        for e in &squared {
            assert!(e.from == from || e.to == to, "{e:?}");
            assert_eq!(e.value.abs(), 2);
        }
        let error = found(&bad).unwrap_err().to_string();
        assert!(error.contains("squared boundary"), "{error}");
        // Nothing is wrong where that boundary has no part.
        let below = homology(&Complex::new(&set, &bad), index - 1).unwrap();
        assert!(below.len() == index - 1 && below.iter().all(|g| g.betti == usize::from(g.degree == 0)));
    }
}

#[test]
fn missing_connections_are_a_mismatch_in_words() {
    let (set, mut graph) = wells(&[2, 2]).solved();
    // Without one saddle the point of index 2 bounds an open chain of three.
    let saddle = set.points.iter().position(|p| p.index == 1).unwrap();
    graph.connections.retain(|c| c.from != saddle && c.to != saddle);
    let all = analyse(&set, &graph, 2);
    assert!(!all.squared.is_empty() && all.integers.is_err() && all.mismatches.is_empty());
    let mut lone = graph.clone();
    lone.connections.clear();
    let all = analyse(&set, &lone, 2);
    assert_eq!(
        all.mismatches,
        [
            "degree 0: the points have Betti number 4, the region 1",
            "degree 1: the points have Betti number 4, the region 0",
            "degree 2: the points have Betti number 1, the region 0",
        ]
    );
    assert_eq!(analyse(&set, &lone, 1).mismatches.len(), 1);
    let torsion = mismatches(&[group(0, 1, &[]), group(1, 0, &[2, 4])], &[1], 3);
    assert_eq!(torsion, ["degree 1: the points have torsion Z/2 + Z/4, the region none"]);
    assert_eq!(mismatches(&[group(0, 1, &[])], &[1, 1], 2).len(), 1);
}

#[test]
fn what_was_not_computed_is_left_out() {
    let (mut set, mut graph) = wells(&[2, 2, 2, 2]).solved();
    assert_eq!(complete_to(&set, &graph, |_| true), 4);
    assert_eq!(complete_to(&set, &graph, |k| k == 1 || k == 4), 1);
    assert_eq!(homology(&Complex::new(&set, &graph), 1).unwrap(), [group(0, 1, &[])]);
    assert!(homology(&Complex::new(&set, &graph), 0).unwrap().is_empty());
    let id = |set: &CriticalSet, k: usize| set.points.iter().position(|p| p.index == k).unwrap();
    let lost = |point: usize, backward: bool| Loose::Lost {
        point,
        orbit: Orbit::default(),
        backward,
        reason: String::new(),
    };
    for (point, backward, complete) in
        [(id(&set, 2), false, 1), (id(&set, 2), true, 2), (id(&set, 4), false, 3)]
    {
        graph.loose = vec![lost(point, backward)];
        assert_eq!(complete_to(&set, &graph, |_| true), complete);
    }
    graph.loose.clear();
    set.highest_index = 3;
    assert_eq!(complete_to(&set, &graph, |_| true), 3);
    // Indices that do not occur have no connections to miss.
    set.highest_index = 4;
    set.points.retain(|p| p.index <= 1);
    graph.connections.retain(|c| c.from < set.points.len());
    assert_eq!(complete_to(&set, &graph, |k| k == 1), 4);
}

fn determinant(a: &[Vec<i64>]) -> i128 {
    match a.len() {
        0 => 1,
        n => (0..n)
            .map(|j| {
                let minor: Vec<Vec<i64>> =
                    a[1..].iter().map(|r| (0..n).filter(|c| *c != j).map(|c| r[c]).collect()).collect();
                let sign = if j % 2 == 0 { 1 } else { -1 };
                sign * i128::from(a[0][j]) * determinant(&minor)
            })
            .sum(),
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

fn choices(n: usize, k: usize) -> Vec<Vec<usize>> {
    (0..1usize << n)
        .filter(|mask| mask.count_ones() as usize == k)
        .map(|mask| (0..n).filter(|i| mask >> i & 1 == 1).collect())
        .collect()
}

/// The invariants are the quotients of the determinantal divisors: the gcds of all minors of a size.
fn by_minors(a: &[Vec<i64>]) -> Vec<i128> {
    let (rows, columns) = (a.len(), a[0].len());
    let mut out = vec![];
    let mut last = 1;
    for k in 1..=rows.min(columns) {
        let mut divisor = 0;
        for r in choices(rows, k) {
            for c in choices(columns, k) {
                let minor: Vec<Vec<i64>> = r.iter().map(|&i| c.iter().map(|&j| a[i][j]).collect()).collect();
                divisor = gcd(divisor, determinant(&minor));
            }
        }
        if divisor == 0 {
            break;
        }
        out.push(divisor / last);
        last = divisor;
    }
    out
}

fn sparse(a: &[Vec<i64>]) -> SparseMatrix {
    let entries =
        a.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().map(move |(j, &v)| (i, j, v)));
    SparseMatrix::new(a.len(), a[0].len(), entries)
}

#[test]
fn the_smith_form_has_the_determinantal_divisors() {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let mut with_torsion = 0;
    for trial in 0..1500 {
        let (rows, columns) = (rng.random_range(1..=5), rng.random_range(1..=5));
        let most = [1, 2, 4, 12, 60][trial % 5];
        let even = if trial % 3 == 0 { 2 } else { 1 };
        let a: Vec<Vec<i64>> = (0..rows)
            .map(|_| {
                let entry = |rng: &mut ChaCha8Rng| {
                    if rng.random_range(0..3) == 0 { 0 } else { even * rng.random_range(-most..=most) }
                };
                (0..columns).map(|_| entry(&mut rng)).collect()
            })
            .collect();
        let expected = by_minors(&a);
        let found = smith(&sparse(&a)).unwrap();
        assert_eq!(found.rank, expected.len(), "{a:?}");
        let torsion: Vec<i128> = expected.into_iter().filter(|d| *d > 1).collect();
        with_torsion += usize::from(torsion.len() > 1);
        assert_eq!(found.invariants, torsion, "{a:?}");
    }
    assert!(with_torsion > 100, "{with_torsion}");
}

#[test]
fn numbers_too_large_for_the_smith_form_are_noticed() {
    let (a, b, c) = (1 << 62, 3i64.pow(39), 5i64.pow(27));
    let two = SparseMatrix::new(2, 2, [(0, 0, a), (1, 1, b)]);
    assert_eq!(smith(&two).unwrap().invariants, [i128::from(a) * i128::from(b)]);
    assert_eq!(smith(&SparseMatrix::new(3, 3, [(0, 0, a), (1, 1, b), (2, 2, c)])), None);
}

/// Rank over Z/2 by elimination with rows as bit masks.
fn rank2(mut rows: Vec<u128>) -> usize {
    let mut rank = 0;
    while let Some(pivot) = rows.pop() {
        if pivot != 0 {
            rank += 1;
            let bit = pivot & pivot.wrapping_neg();
            rows.iter_mut().filter(|r| **r & bit != 0).for_each(|r| *r ^= pivot);
        }
    }
    rank
}

/// Betti numbers over Z/2 of the points up to an energy.
fn betti_below(set: &CriticalSet, complex: &Complex, energy: f64) -> Vec<usize> {
    let inside = |id: usize| set.points[id].energy <= energy;
    let rank = |k: usize| {
        let Some(matrix) = complex.boundary.get(k) else { return 0 };
        let mut rows = vec![0u128; matrix.rows];
        for (r, c, v) in matrix.entries().filter(|(r, c, v)| v % 2 != 0 && *r < 128 && *c < 128) {
            if inside(complex.points[k][c]) {
                assert!(inside(complex.points[k - 1][r]) && v.abs() == 1);
                rows[r] |= 1 << c;
            }
        }
        rank2(rows)
    };
    (0..complex.points.len())
        .map(|k| complex.points[k].iter().filter(|id| inside(**id)).count() - rank(k) - rank(k + 1))
        .collect()
}

#[test]
fn persistence_counts_the_classes_below_every_energy() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for trial in 0..6 {
        let mut space = if trial % 2 == 0 {
            wells(&[3, 2, 2])
        } else {
            circle(&[0.0, 0.3], &[1.0, 1.2]).times(&line(&[0.0, 0.25, 0.2], &[1.3, 0.9]))
        };
        // Other energies, ties among them, that still rise with the index along every connection.
        for cell in &mut space.cells {
            cell.1 = cell.0 as f64
                + if trial < 4 {
                    rng.random_range(0.0..1.0)
                } else {
                    f64::from(rng.random_range(0..3)) / 4.0
                };
        }
        let (set, graph) = space.solved();
        let complex = Complex::new(&set, &graph);
        let pairs = persistence(&set, &complex, ALL).unwrap();
        // Every point is in exactly one class.
        let mut ids: Vec<usize> = pairs.iter().flat_map(|p| [Some(p.birth), p.death]).flatten().collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..set.points.len()).collect::<Vec<_>>());
        for at in set.points.iter().map(|p| p.energy) {
            let betti = betti_below(&set, &complex, at);
            for (k, b) in betti.iter().enumerate() {
                let alive = pairs.iter().filter(|p| {
                    let over = p.death.is_some_and(|d| set.points[d].energy <= at);
                    p.degree == k && set.points[p.birth].energy <= at && !over
                });
                assert_eq!(alive.count(), *b, "degree {k} at {at}");
            }
        }
        assert!(pairs.iter().all(|p| p.persistence(&set).is_none_or(|v| v > 0.0)));
        // Fewer degrees if less is known: the same classes in them.
        let fewer = persistence(&set, &complex, 1).unwrap();
        assert_eq!(fewer, pairs.into_iter().filter(|p| p.degree == 0).collect::<Vec<_>>());
    }
}

#[test]
fn persistence_in_degree_zero_is_that_of_union_find() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for trial in 0..20 {
        let (minima, saddles) = (40 + 23 * trial, 60 + 34 * trial);
        let mut points: Vec<(usize, f64)> = (0..minima).map(|_| (0, rng.random::<f64>())).collect();
        points.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut high: Vec<(usize, f64)> = (0..saddles).map(|_| (1, 1.0 + rng.random::<f64>())).collect();
        high.sort_by(|a, b| a.1.total_cmp(&b.1));
        points.extend(high);
        let set = set(2, &points);
        let ends: Vec<[usize; 2]> =
            (0..saddles).map(|_| [rng.random_range(0..minima), rng.random_range(0..minima)]).collect();
        let entries: Vec<_> = (ends.iter().enumerate())
            .flat_map(|(s, [a, b])| [(minima + s, *a, 1), (minima + s, *b, -1)])
            .collect();
        let complex = Complex::new(&set, &graph(&entries));
        // The elder stays: of two components the one with the deeper minimum.
        let mut elder: Vec<usize> = (0..minima).collect();
        let mut deaths = vec![None; minima];
        for (s, [a, b]) in ends.iter().enumerate() {
            let find = |mut i: usize| {
                while elder[i] != i {
                    i = elder[i];
                }
                i
            };
            let (a, b) = (find(*a), find(*b));
            if a != b {
                elder[a.max(b)] = a.min(b);
                deaths[a.max(b)] = Some(minima + s);
            }
        }
        let pairs = persistence(&set, &complex, 1).unwrap();
        let found: Vec<(usize, Option<usize>)> = pairs.iter().map(|p| (p.birth, p.death)).collect();
        assert_eq!(found, deaths.into_iter().enumerate().collect::<Vec<_>>());
    }
}
