//! Elimination without subtraction in a sparse graph.
//!
//! In: a connected graph with positive conductances, its nodes in the order of their elimination; the last one is the ground.
//! Out: a factorisation of its Laplacian with the ground's row and column taken away, and solutions.
//!
//! Taking a node out joins its neighbours: `c_ij += c_ik c_jk / s_k` with `s_k = sum_j c_kj`, the sum over what remains. Every
//! pivot is a sum of positive numbers, so factors and solutions for positive right sides are accurate entry by entry, however
//! small the eigenvalues are (Grassmann, Taksar & Heyman 1985; C. A. O'Cinneide, Entrywise perturbation theory and error
//! analysis for Markov chains, Numer. Math. 65, 1993). Column by column from the left, each column fetching those before it
//! that reach it (A. George, J. W. H. Liu, Computer Solution of Large Sparse Positive Definite Systems, section 5.5).

/// Which nodes are joined to each other when they are taken out: of the order of elimination alone, whatever the conductances.
pub(super) struct Pattern {
    /// Where the entries of each node's column begin, and behind the last where they end.
    start: Vec<usize>,
    /// Later nodes that a node is joined to when it is taken out, ascending.
    rows: Vec<u32>,
}

/// The factorised Laplacians of M kinds of conductances in the same graph, side by side: following the pattern takes longer than
/// computing.
pub(super) struct Factors<const M: usize> {
    pattern: Pattern,
    /// Conductances to the later nodes over their sum.
    shares: Vec<[f64; M]>,
    /// That sum.
    totals: Vec<[f64; M]>,
}

/// Ends a chained list.
const END: u32 = u32::MAX;

impl Pattern {
    /// `later(k)` lists the neighbours of node k (of n) behind it in the order. `None` if a node has none left when its turn comes (the graph is
    /// not connected), or if there would be more entries than `most`.
    pub(super) fn new<I: Iterator<Item = u32>>(
        n: usize,
        later: impl Fn(usize) -> I,
        most: usize,
    ) -> Option<Pattern> {
        let (mut start, mut rows): (Vec<usize>, Vec<u32>) = (vec![0], vec![]);
        // Nodes whose first later node is this one: what they are joined to it is joined to as well.
        let (mut head, mut next) = (vec![END; n], vec![END; n]);
        let mut seen = vec![END; n];
        for k in 0..n.saturating_sub(1) {
            let begin = rows.len();
            seen[k] = k as u32;
            let mut meet = |i: u32, rows: &mut Vec<u32>| {
                if seen[i as usize] != k as u32 {
                    seen[i as usize] = k as u32;
                    rows.push(i);
                }
            };
            later(k).for_each(|i| meet(i, &mut rows));
            let mut child = head[k];
            while child != END {
                let j = child as usize;
                child = next[j];
                for q in start[j]..start[j + 1] {
                    let i = rows[q];
                    meet(i, &mut rows);
                }
            }
            if rows.len() == begin || rows.len() > most {
                return None;
            }
            rows[begin..].sort_unstable();
            start.push(rows.len());
            let first = rows[begin] as usize;
            (next[k], head[first]) = (head[first], k as u32);
        }
        Some(Pattern { start, rows })
    }
}

impl<const M: usize> Factors<M> {
    /// Eliminates. `later[k]` lists the neighbours of node k behind it in the order, with conductances; the pattern is theirs. `None` if the
    /// conductances that a node has left vanish, or are no numbers.
    pub(super) fn new(pattern: Pattern, later: &[Vec<(u32, [f64; M])>]) -> Option<Factors<M>> {
        let Pattern { start, rows } = &pattern;
        let n = later.len();
        let (mut shares, mut totals) = (vec![[0.0; M]; rows.len()], vec![[0.0; M]; n]);
        // Columns that wait for a node: a chained list for each, and the place in each column of that node.
        let (mut head, mut next, mut place) = (vec![END; n], vec![END; n], vec![0_usize; n]);
        let mut work = vec![[0.0; M]; n];
        for k in 0..n.saturating_sub(1) {
            for (i, c) in &later[k] {
                let to = &mut work[*i as usize];
                (0..M).for_each(|m| to[m] += c[m]);
            }
            let mut column = head[k];
            while column != END {
                let j = column as usize;
                column = next[j];
                let (here, end) = (place[j], start[j + 1]);
                let conductance: [f64; M] = std::array::from_fn(|m| shares[here][m] * totals[j][m]);
                for (row, share) in rows[here + 1..end].iter().zip(&shares[here + 1..end]) {
                    let to = &mut work[*row as usize];
                    for m in 0..M {
                        to[m] += share[m] * conductance[m];
                    }
                }
                place[j] = here + 1;
                if here + 1 < end {
                    let waits = rows[here + 1] as usize;
                    (next[j], head[waits]) = (head[waits], j as u32);
                }
            }
            let own = start[k]..start[k + 1];
            let mut total = [0.0; M];
            for i in &rows[own.clone()] {
                (0..M).for_each(|m| total[m] += work[*i as usize][m]);
            }
            if !total.iter().all(|total| *total > 0.0 && total.is_finite()) {
                return None;
            }
            totals[k] = total;
            place[k] = own.start;
            for (share, i) in shares[own.clone()].iter_mut().zip(&rows[own.clone()]) {
                let from = std::mem::replace(&mut work[*i as usize], [0.0; M]);
                *share = std::array::from_fn(|m| from[m] / total[m]);
            }
            let waits = rows[own.start] as usize;
            (next[k], head[waits]) = (head[waits], k as u32);
        }
        Some(Factors { pattern, shares, totals })
    }

    /// Solves in place: potentials for given currents, zero at the ground (whose currents are not read). For several at once, all of a
    /// node side by side. `kind` is that of the conductances.
    pub(super) fn solve<const P: usize>(&self, kind: usize, b: &mut [[f64; P]]) {
        let Pattern { start, rows } = &self.pattern;
        let columns = start.len() - 1;
        for k in 0..columns {
            let load = b[k];
            for q in start[k]..start[k + 1] {
                let (share, to) = (self.shares[q][kind], &mut b[rows[q] as usize]);
                for p in 0..P {
                    to[p] += share * load[p];
                }
            }
        }
        if let Some(ground) = b.get_mut(columns) {
            *ground = [0.0; P];
        }
        for k in (0..columns).rev() {
            let mut v = b[k].map(|b| b / self.totals[k][kind]);
            for q in start[k]..start[k + 1] {
                let (share, from) = (self.shares[q][kind], &b[rows[q] as usize]);
                for p in 0..P {
                    v[p] += share * from[p];
                }
            }
            b[k] = v;
        }
    }
}

/// Nested dissection: an order of elimination for nodes at integer places with edges between neighbours (A. George, Nested
/// dissection of a regular finite element mesh, SIAM J. Numer. Anal. 10, 1973). In axes marked in `around` the first and the
/// last place are neighbours, too. Returns the nodes in their order.
pub(super) fn dissect(places: &[[i32; 3]], around: [bool; 3]) -> Vec<u32> {
    let mut nodes: Vec<u32> = (0..places.len() as u32).collect();
    let mut last = vec![];
    for axis in (0..3).filter(|&a| around[a]) {
        // A plane taken out leaves a strip.
        let (cut, rest): (Vec<u32>, Vec<u32>) = nodes.iter().partition(|&&i| places[i as usize][axis] == 0);
        last.splice(0..0, cut);
        nodes = rest;
    }
    let mut order = Vec::with_capacity(places.len());
    part(&mut nodes, places, &mut order);
    order.extend(last);
    order
}

fn part(nodes: &mut [u32], places: &[[i32; 3]], order: &mut Vec<u32>) {
    const LEAF: usize = 24;
    let extent = |axis: usize| {
        let along = nodes.iter().map(|&i| places[i as usize][axis]);
        let (low, high) = along.fold((i32::MAX, i32::MIN), |(a, b), x| (a.min(x), b.max(x)));
        high - low
    };
    let (axis, widest) = (0..3).map(|a| (a, extent(a))).rev().max_by_key(|(_, e)| *e).unwrap_or((0, 0));
    if nodes.len() <= LEAF || widest < 2 {
        order.extend_from_slice(nodes);
        return;
    }
    nodes.sort_by_key(|&i| places[i as usize][axis]);
    let place = |i: u32| places[i as usize][axis];
    let (low, high) = (place(nodes[0]), place(nodes[nodes.len() - 1]));
    let middle = place(nodes[nodes.len() / 2]).clamp(low + 1, high - 1);
    let begin = nodes.partition_point(|&i| place(i) < middle);
    let end = nodes.partition_point(|&i| place(i) <= middle);
    let (left, rest) = nodes.split_at_mut(begin);
    let (cut, right) = rest.split_at_mut(end - begin);
    part(left, places, order);
    part(right, places, order);
    order.extend_from_slice(cut);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eliminated(later: &[Vec<(u32, [f64; 2])>], most: usize) -> Option<Factors<2>> {
        let neighbours = |k: usize| later[k].iter().map(|(i, _)| *i);
        Factors::new(Pattern::new(later.len(), neighbours, most)?, later)
    }

    /// A grid with conductances over thirty orders of magnitude: the solution meets its equations, which are sums of positive
    /// terms on either side.
    #[test]
    fn solutions_meet_their_equations_node_by_node() {
        for around in [[false; 3], [true, false, true]] {
            let sides = [7, 6, 5];
            let places: Vec<[i32; 3]> =
                (0..7).flat_map(|i| (0..6).flat_map(move |j| (0..5).map(move |k| [i, j, k]))).collect();
            let order = dissect(&places, around);
            let mut rank = vec![0_u32; places.len()];
            order.iter().enumerate().for_each(|(r, &i)| rank[i as usize] = r as u32);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().enumerate().all(|(i, &s)| i == s as usize));
            let number = |p: [i32; 3]| ((p[0] * 6 + p[1]) * 5 + p[2]) as usize;
            let mut edges: Vec<(u32, u32, f64)> = vec![];
            for p in &places {
                for axis in 0..3 {
                    let mut q = *p;
                    q[axis] += 1;
                    if q[axis] == sides[axis] {
                        if !around[axis] {
                            continue;
                        }
                        q[axis] = 0;
                    }
                    let (a, b) = (rank[number(*p)], rank[number(q)]);
                    let c = (35.0
                        * (3.0 * f64::from(p[0]) + 1.3 * f64::from(p[1] * p[2]) + axis as f64).sin())
                    .exp();
                    edges.push((a.min(b), a.max(b), c));
                }
            }
            let mut later = vec![vec![]; places.len()];
            edges.iter().for_each(|&(a, b, c)| later[a as usize].push((b, [3.0, c])));
            let factors = eliminated(&later, usize::MAX).unwrap();
            let load: Vec<f64> = (0..places.len()).map(|i| (5.0 * (i as f64).cos()).exp()).collect();
            let mut both: Vec<[f64; 2]> = load.iter().map(|b| [*b, 2.0 * b]).collect();
            factors.solve(1, &mut both);
            assert!(both.iter().all(|[one, two]| 2.0 * one == *two));
            let v: Vec<f64> = both.iter().map(|[one, _]| *one).collect();
            for k in 0..places.len() - 1 {
                let (mut out, mut into) = (0.0, load[k]);
                for &(a, b, c) in edges.iter().filter(|e| e.0 == k as u32 || e.1 == k as u32) {
                    let other = if a == k as u32 { b } else { a } as usize;
                    out += c * v[k];
                    into += c * v[other];
                }
                assert!((out - into).abs() < 1e-13 * into, "node {k}: {out} against {into}");
            }
        }
    }

    #[test]
    fn what_is_not_connected_is_refused() {
        const ONE: [f64; 2] = [1.0; 2];
        assert!(eliminated(&[vec![], vec![(2, ONE)], vec![]], 10).is_none());
        assert!(eliminated(&[vec![(1, ONE), (2, ONE)], vec![], vec![]], 1).is_none());
        assert!(eliminated(&[vec![(1, [1.0, 0.0])], vec![(2, ONE)], vec![]], 10).is_none());
    }
}
