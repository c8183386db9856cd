use super::*;

const NO: f64 = f64::INFINITY;

/// Costs drawn from a fixed sequence, some of them infinite.
fn drawn(n: usize, seed: usize) -> Mat<f64> {
    Mat::from_fn(n, n, |i, j| {
        let t = (((i * 7 + j * 3) as f64 + 0.37) * 1.618 * (seed + 1) as f64).sin();
        if t > 0.85 { NO } else { 5.0 + 4.0 * t }
    })
}

/// All graphs in which each state but the roots has one arrow and all arrows lead to roots, by counting.
fn by_counting(costs: &Mat<f64>, roots: &[usize]) -> f64 {
    let n = costs.nrows();
    let mut best = NO;
    for code in 0..n.pow(n as u32) {
        let next: Vec<usize> = (0..n).map(|i| code / n.pow(i as u32) % n).collect();
        if (0..n).any(|i| roots.contains(&i) != (next[i] == i)) {
            continue;
        }
        let leads = |mut i: usize| {
            for _ in 0..n {
                i = next[i];
            }
            roots.contains(&i)
        };
        if (0..n).all(leads) {
            let cost = (0..n).filter(|i| !roots.contains(i)).map(|i| costs[(i, next[i])]).sum();
            best = best.min(cost);
        }
    }
    best
}

#[test]
fn cheapest_graphs_are_those_found_by_counting() {
    for n in 1..=5 {
        for seed in 0..12 {
            let costs = drawn(n, seed);
            for root in 0..n {
                let exact = by_counting(&costs, &[root]);
                match cheapest(&costs, root) {
                    Some((cost, _)) => assert!((cost - exact).abs() < 1e-12, "{n} {seed} {root}"),
                    None => assert_eq!(exact, NO),
                }
            }
        }
    }
}

#[test]
fn exponents_are_differences_of_costs_with_more_roots() {
    for n in 2..=5_usize {
        for seed in 0..12 {
            let costs = drawn(n, seed);
            let least = |k: usize| {
                let subsets = (0..1_usize << n).filter(|s| s.count_ones() as usize == k);
                let roots = subsets.map(|s| (0..n).filter(|i| s >> i & 1 == 1).collect::<Vec<_>>());
                roots.map(|r| by_counting(&costs, &r)).fold(NO, f64::min)
            };
            let v: Vec<f64> = (1..=n).map(least).collect();
            if v[0] == NO {
                continue;
            }
            let found = exponents(&costs);
            assert_eq!(found.len(), n - 1);
            for k in 0..n - 1 {
                assert!((found[k] - (v[k] - v[k + 1])).abs() < 1e-10, "{n} {seed}: {found:?} {v:?}");
            }
        }
    }
}

/// Of a gradient the law is the energy, whatever way leads where.
#[test]
fn of_a_gradient_the_law_is_the_energy() {
    let energies = [0.3, -1.0, 0.7, 0.0];
    let passes = [(0, 1, 1.5), (1, 2, 2.0), (2, 3, 0.9), (0, 3, 1.8)];
    let mut costs = Mat::from_fn(4, 4, |_, _| NO);
    for (a, b, top) in passes {
        costs[(a, b)] = top - energies[a];
        costs[(b, a)] = top - energies[b];
    }
    let law = law(&costs).unwrap();
    for i in 0..4 {
        assert!((law[i] - (energies[i] + 1.0)).abs() < 1e-12, "{law:?}");
    }
    // Merging wells by the lowest passes: 2 into 3 over 0.9, 0 into 1 over 1.5, {2, 3} over 1.8.
    let exact = [1.8, 1.2, 0.2];
    for (found, exact) in exponents(&costs).iter().zip(exact) {
        assert!((found - exact).abs() < 1e-12);
    }
    let cycles = cycles(&costs);
    let states: Vec<_> = cycles.iter().map(|c| c.states.clone()).collect();
    assert_eq!(states, [vec![0, 1], vec![2, 3], vec![0, 1, 2, 3]]);
    for (cycle, turn, exit) in [(0, 2.5, 2.8), (1, 0.9, 1.8), (2, 2.8, NO)] {
        assert!((cycles[cycle].turn - turn).abs() < 1e-12, "{cycles:?}");
        assert!(cycles[cycle].exit == exit || (cycles[cycle].exit - exit).abs() < 1e-12, "{cycles:?}");
    }
}

/// A ring that is gone round one way: not in balance, and yet all as the graphs say.
#[test]
fn a_ring_one_way() {
    let mut costs = Mat::from_fn(3, 3, |_, _| NO);
    (costs[(0, 1)], costs[(1, 2)], costs[(2, 0)]) = (1.0, 2.0, 5.0);
    assert_eq!(law(&costs).unwrap(), [4.0, 3.0, 0.0]);
    assert_eq!(cycles(&costs), [Cycle { states: vec![0, 1, 2], turn: 5.0, exit: NO }]);
    assert_eq!(law(&Mat::from_fn(2, 2, |_, _| NO)), None);
    assert_eq!(law(&Mat::from_fn(1, 1, |_, _| NO)).unwrap(), [0.0]);
}
