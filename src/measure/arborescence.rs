//! Graphs of Freidlin and Wentzell: which state is the last to be left, and how states hang together, when every transition has
//! a cost and times are exponential in costs.
//!
//! In: the cost of going from state i to j (n x n; infinity where there is no way). Out: for each state the cheapest graph in
//! which all others lead to it; the exponents of small eigenvalues; the hierarchy of cycles (M. I. Freidlin, A. D. Wentzell,
//! Random Perturbations of Dynamical Systems, chapter 6; A. D. Wentzell, On the asymptotics of eigenvalues of matrices with
//! elements of order exp(-V_ij/(2 eps^2)), Dokl. Akad. Nauk SSSR 202, 1972). The cheapest graphs are minimum arborescences
//! (Y. J. Chu, T. H. Liu, Scientia Sinica 14, 1965; J. Edmonds, J. Res. Natl. Bur. Stand. B 71, 1967).

use faer::Mat;

/// An arrow from one node to another at a cost; the number is its own.
#[derive(Clone, Copy)]
struct Arrow {
    from: usize,
    to: usize,
    cost: f64,
    number: usize,
}

/// The cheapest graph in which every state but `root` has one arrow and all arrows lead to the root: its cost, and for each
/// state where its arrow goes (the root's to itself). `None` if there is none.
pub fn cheapest(costs: &Mat<f64>, root: usize) -> Option<(f64, Vec<usize>)> {
    let n = costs.nrows();
    let mut arrows = vec![];
    for from in (0..n).filter(|&i| i != root) {
        for to in (0..n).filter(|&j| j != from && costs[(from, j)].is_finite()) {
            arrows.push(Arrow { from, to, cost: costs[(from, to)], number: from * n + to });
        }
    }
    let chosen = choose(n, &arrows, root)?;
    let mut next: Vec<usize> = (0..n).collect();
    chosen.iter().for_each(|number| next[number / n] = number % n);
    let total = (0..n).filter(|&i| i != root).map(|i| costs[(i, next[i])]).sum();
    Some((total, next))
}

/// Numbers of the arrows of the cheapest graph that leads to the root.
fn choose(n: usize, arrows: &[Arrow], root: usize) -> Option<Vec<usize>> {
    let mut best: Vec<Option<Arrow>> = vec![None; n];
    for a in arrows.iter().filter(|a| a.from != root && a.to != a.from) {
        if best[a.from].is_none_or(|b| a.cost < b.cost) {
            best[a.from] = Some(*a);
        }
    }
    if (0..n).any(|i| i != root && best[i].is_none()) {
        return None;
    }
    // Follow arrows; a cycle is taken for one node from there on.
    let mut mark = vec![0; n];
    let mut cycle: Vec<usize> = vec![];
    for start in 0..n {
        let mut i = start;
        while mark[i] == 0 && i != root {
            mark[i] = start + 1;
            let Some(arrow) = best[i] else { break };
            i = arrow.to;
        }
        if i != root && mark[i] == start + 1 {
            let first = i;
            loop {
                cycle.push(i);
                i = best[i]?.to;
                if i == first {
                    break;
                }
            }
            break;
        }
    }
    if cycle.is_empty() {
        return Some(best.iter().flatten().map(|a| a.number).collect());
    }
    let one = cycle[0];
    let inside = |i: usize| cycle.contains(&i);
    let mut outer = vec![];
    for a in arrows {
        let cost = match (inside(a.from), inside(a.to)) {
            (true, true) => continue,
            (true, false) => a.cost - best[a.from]?.cost,
            _ => a.cost,
        };
        let end = |i: usize| if inside(i) { one } else { i };
        outer.push((Arrow { from: end(a.from), to: end(a.to), cost, number: outer.len() }, *a));
    }
    // Nodes of the cycle but the one that stands for it are gone: number what is left.
    let kept: Vec<usize> = (0..n).filter(|&i| i == one || !inside(i)).collect();
    let place = |i: usize| kept.binary_search(&i).unwrap_or(0);
    let small: Vec<Arrow> =
        outer.iter().map(|(a, _)| Arrow { from: place(a.from), to: place(a.to), ..*a }).collect();
    let chosen = choose(kept.len(), &small, place(root))?;
    let mut numbers = vec![];
    let mut left = None;
    for k in chosen {
        let original = outer[k].1;
        if inside(original.from) {
            left = Some(original.from);
        }
        numbers.push(original.number);
    }
    numbers.extend(cycle.iter().filter(|&&i| Some(i) != left).filter_map(|&i| best[i]).map(|a| a.number));
    Some(numbers)
}

/// For each state the cost of its cheapest graph, less the least of them: the invariant law weighs the state like
/// `exp(-this/eps)`. Infinite for a state to which not all others lead. `None` if that is so for every one.
pub fn law(costs: &Mat<f64>) -> Option<Vec<f64>> {
    let all: Vec<f64> =
        (0..costs.nrows()).map(|i| cheapest(costs, i).map_or(f64::INFINITY, |(cost, _)| cost)).collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    least.is_finite().then(|| all.iter().map(|w| w - least).collect())
}

/// Exponents of the small eigenvalues, descending: the chain with rates `exp(-cost/eps)` has, besides 0, eigenvalues like
/// `exp(-exponent/eps)`. They are `V(k) - V(k + 1)` for k = 1 .. n - 1, with V(k) the cost of the cheapest graph in which every
/// state leads to one of k states. Fewer than n - 1 if not all states lead to one.
pub fn exponents(costs: &Mat<f64>) -> Vec<f64> {
    let n = costs.nrows();
    // The cheapest graph where being a root costs `price`: V(k) + k price, the least over k, and the k.
    let priced = |price: f64| -> Option<(usize, f64)> {
        let wide = Mat::from_fn(n + 1, n + 1, |i, j| match (i < n, j < n) {
            (true, true) => costs[(i, j)],
            (true, false) => price,
            _ => f64::INFINITY,
        });
        let (_, next) = cheapest(&wide, n)?;
        let roots = (0..n).filter(|&i| next[i] == n).count();
        let cost = (0..n).filter(|&i| next[i] < n).map(|i| costs[(i, next[i])]).sum();
        Some((roots, cost))
    };
    let largest = (0..n * n).map(|p| costs[(p / n.max(1), p % n.max(1))]).filter(|c| c.is_finite());
    let largest = largest.fold(0.0_f64, |m, c| m.max(c.abs()));
    let Some(first) = priced((n + 1) as f64 * (1.0 + largest)) else { return vec![] };
    let mut corners = vec![first, (n, 0.0)];
    // V is convex in k: between two corners lies another one, or every step between them is the same.
    let mut at = 0;
    while at + 1 < corners.len() {
        let ((k, v), (m, w)) = (corners[at], corners[at + 1]);
        if m > k + 1 {
            let price = (v - w) / (m - k) as f64;
            if let Some((between, cost)) = priced(price)
                && between > k
                && between < m
                && cost + between as f64 * price < v + k as f64 * price - 1e-12 * (1.0 + largest)
            {
                corners.insert(at + 1, (between, cost));
                continue;
            }
        }
        at += 1;
    }
    let steps = corners.windows(2).flat_map(|c| {
        let ((k, v), (m, w)) = (c[0], c[1]);
        std::iter::repeat_n((v - w) / (m - k) as f64, m - k)
    });
    steps.collect()
}

/// States that a path goes through again and again before it leaves them.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    /// Its states, ascending.
    pub states: Vec<usize>,
    /// In times like `exp(turn/eps)` the path has come to all of them.
    pub turn: f64,
    /// In times like `exp(exit/eps)` it leaves them; infinite for what is never left.
    pub exit: f64,
}

/// The hierarchy of cycles of more than one state, smaller ones before those that contain them.
pub fn cycles(costs: &Mat<f64>) -> Vec<Cycle> {
    let n = costs.nrows();
    let mut groups: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    let mut cost: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| costs[(i, j)]).collect()).collect();
    let mut found = vec![];
    loop {
        let size = groups.len();
        let others = |i: usize| (0..size).filter(move |&j| j != i);
        let exit: Vec<f64> =
            (0..size).map(|i| others(i).map(|j| cost[i][j]).fold(f64::INFINITY, f64::min)).collect();
        let next: Vec<Option<usize>> =
            (0..size).map(|i| others(i).find(|&j| cost[i][j] == exit[i] && exit[i].is_finite())).collect();
        // The first cycle among the cheapest ways out.
        let around = (0..size).find_map(|start| {
            let mut seen = vec![start];
            let mut i = next[start]?;
            while i != start {
                if seen.contains(&i) {
                    return None;
                }
                seen.push(i);
                i = next[i]?;
            }
            Some(seen)
        });
        let Some(around) = around else { return found };
        let turn = around.iter().map(|&i| exit[i]).fold(f64::NEG_INFINITY, f64::max);
        let rest: Vec<usize> = (0..size).filter(|i| !around.contains(i)).collect();
        let out =
            |j: usize| turn + around.iter().map(|&i| cost[i][j] - exit[i]).fold(f64::INFINITY, f64::min);
        let into = |i: usize| around.iter().map(|&j| cost[i][j]).fold(f64::INFINITY, f64::min);
        let mut states: Vec<usize> = around.iter().flat_map(|&i| groups[i].clone()).collect();
        states.sort_unstable();
        let leave: Vec<f64> = rest.iter().map(|&j| out(j)).collect();
        found.push(Cycle {
            states: states.clone(),
            turn,
            exit: leave.iter().copied().fold(f64::INFINITY, f64::min),
        });
        let mut smaller: Vec<Vec<f64>> =
            rest.iter().map(|&i| rest.iter().map(|&j| cost[i][j]).chain([into(i)]).collect()).collect();
        smaller.push(leave.into_iter().chain([f64::INFINITY]).collect());
        groups = rest.iter().map(|&i| groups[i].clone()).chain([states]).collect();
        cost = smaller;
    }
}

#[cfg(test)]
mod tests;
