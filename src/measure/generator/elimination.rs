//! Elimination without subtraction in a sparse graph.
//!
//! In: a connected graph with positive conductances, its nodes in the order of their elimination, in parts; the last one is the ground.
//! Out: a factorisation of its Laplacian with the ground's row and column taken away, and solutions.
//!
//! Taking a node out joins its neighbours: `c_ij += c_ik c_jk / s_k` with `s_k = sum_j c_kj`, the sum over what remains. Every
//! pivot is a sum of positive numbers, so factors and solutions for positive right sides are accurate entry by entry, however
//! small the eigenvalues are (Grassmann, Taksar & Heyman 1985; C. A. O'Cinneide, Entrywise perturbation theory and error
//! analysis for Markov chains, Numer. Math. 65, 1993).
//!
//! Part by part: the nodes of a part with all that they are joined to when their turn comes make a full matrix, its front, in which they
//! are taken out by matrix products; what those leave of the conductances between the others is added into the front of the next part up
//! (I. S. Duff & J. K. Reid, ACM Trans. Math. Softw. 9, 302, 1983). Adding is all that is done there, too.

use std::ops::Range;

use faer::{Accum, MatMut, MatRef};
use pulp::{Arch, Simd, WithSimd};

use crate::linalg::lower_product;

/// The order of elimination, in parts each of which is taken out at once, those below a part before it.
pub(super) struct Order {
    /// Nodes, the ground last.
    pub(super) nodes: Vec<u32>,
    /// Where a part ends, and how many of the parts before it that are not below another one are below it.
    parts: Vec<(usize, usize)>,
}

/// What is taken out at once.
struct Front {
    /// Its nodes, by their places in the order.
    nodes: Range<usize>,
    /// Later nodes that they are joined to, ascending.
    rows: Vec<u32>,
    below: usize,
    /// Where its shares are.
    shares: Range<usize>,
}

impl Front {
    fn size(&self) -> usize {
        self.nodes.len() + self.rows.len()
    }

    /// Rows of its matrix: whole vectors of any processor.
    fn stride(&self) -> usize {
        self.size().next_multiple_of(8)
    }
}

/// Which nodes are joined to each other when they are taken out: of the order alone, whatever the conductances.
pub(super) struct Pattern {
    fronts: Vec<Front>,
    nodes: usize,
}

/// The factorised Laplacian.
pub(super) struct Factors<'a> {
    pattern: &'a Pattern,
    /// Front by front and in it node by node: conductances to each later node of the front over their sum.
    shares: Vec<f64>,
    /// That sum.
    totals: Vec<f64>,
}

/// Right sides that are solved for together.
pub(super) const SIDES: usize = 8;

/// Columns of a large front that are taken out one by one before the rest is brought up to date by a matrix product.
const PANEL: usize = 32;
/// Of a front up to this size all columns are.
const SMALL: usize = 96;

impl Pattern {
    /// `later(k)` lists the neighbours of node k behind it in the order. `None` if they would be joined to more than `most`
    /// others, all together.
    pub(super) fn new<I: Iterator<Item = u32>>(
        order: &Order,
        later: impl Fn(usize) -> I,
        most: usize,
    ) -> Option<Pattern> {
        let nodes = order.nodes.len();
        let mut fronts: Vec<Front> = vec![];
        // Fronts that are not below another one yet.
        let mut open: Vec<usize> = vec![];
        let mut seen = vec![usize::MAX; nodes];
        let (mut begin, mut joined) = (0, 0);
        for (number, &(end, below)) in order.parts.iter().enumerate() {
            let mut rows = vec![];
            let mut meet = |i: u32| {
                if i as usize >= end && seen[i as usize] != number {
                    seen[i as usize] = number;
                    rows.push(i);
                }
            };
            (begin..end).flat_map(&later).for_each(&mut meet);
            for child in open.split_off(open.len() - below) {
                fronts[child].rows.iter().for_each(|i| meet(*i));
            }
            rows.sort_unstable();
            let own = end - begin;
            let start = joined;
            joined += own * own.saturating_sub(1) / 2 + own * rows.len();
            if joined > most {
                return None;
            }
            open.push(number);
            fronts.push(Front { nodes: begin..end, rows, below, shares: start..joined });
            begin = end;
        }
        Some(Pattern { fronts, nodes })
    }
}

impl Factors<'_> {
    /// Eliminates. `later(k)` lists the neighbours of node k behind it in the order, with conductances; the pattern is theirs. `None`
    /// if the conductances that a node has left vanish, or are no numbers.
    pub(super) fn new<I: Iterator<Item = (u32, f64)>>(
        pattern: &Pattern,
        later: impl Fn(usize) -> I,
    ) -> Option<Factors<'_>> {
        let mut shares = Vec::with_capacity(pattern.fronts.last().map_or(0, |front| front.shares.end));
        let mut totals = vec![0.0; pattern.nodes];
        let mut place = vec![0_u32; pattern.nodes];
        // What is left of the fronts that are not below another one yet: over their rows, below the diagonal.
        let mut open: Vec<(&Front, Vec<f64>)> = vec![];
        let (mut matrix, mut parts): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
        for front in &pattern.fronts {
            let (own, size, stride) = (front.nodes.len(), front.size(), front.stride());
            front.rows.iter().enumerate().for_each(|(i, row)| place[*row as usize] = (own + i) as u32);
            front.nodes.clone().enumerate().for_each(|(i, node)| place[node] = i as u32);
            matrix.clear();
            matrix.resize(size * stride, 0.0);
            for (j, node) in front.nodes.clone().enumerate() {
                for (i, conductance) in later(node) {
                    matrix[j * stride + place[i as usize] as usize] += conductance;
                }
            }
            for (child, left) in open.split_off(open.len() - front.below) {
                let mut left = left.as_slice();
                for (j, column) in child.rows.iter().enumerate() {
                    let to = &mut matrix[place[*column as usize] as usize * stride..][..stride];
                    // Behind the diagonal: places ascend as rows do.
                    let (more, others) = left.split_at(child.rows.len() - j - 1);
                    for (row, more) in child.rows[j + 1..].iter().zip(more) {
                        to[place[*row as usize] as usize] += more;
                    }
                    left = others;
                }
            }
            parts.resize(parts.len().max(own * stride), 0.0);
            let sums = &mut totals[front.nodes.clone()];
            if !eliminate(&mut matrix, size, stride, &mut parts[..own * stride], sums) {
                return None;
            }
            let below = |numbers: &[f64], j: usize, to: &mut Vec<f64>| {
                to.extend_from_slice(&numbers[j * stride..][j + 1..size]);
            };
            (0..own).for_each(|j| below(&parts, j, &mut shares));
            let mut left = Vec::with_capacity(front.rows.len() * front.rows.len().saturating_sub(1) / 2);
            (own..size).for_each(|j| below(&matrix, j, &mut left));
            open.push((front, left));
        }
        Some(Factors { pattern, shares, totals })
    }

    /// Solves in place: potentials for given currents, zero at the ground (whose currents are not read). For several at once, all of a
    /// node side by side.
    pub(super) fn solve(&self, b: &mut [[f64; SIDES]]) {
        Arch::new().dispatch(Sweep { factors: self, b });
    }
}

/// Takes the first nodes of a front out, one for each of `totals`; what follows them is brought up to date. `matrix` has `size` columns
/// of `stride` rows, of which those below the diagonal are meant; behind the first `size` rows are zeros. `shares` are laid out as the
/// first columns are. False if what a node is joined by vanishes.
fn eliminate(matrix: &mut [f64], size: usize, stride: usize, shares: &mut [f64], totals: &mut [f64]) -> bool {
    let own = totals.len();
    let width = if size <= SMALL { own.max(1) } else { PANEL };
    for from in (0..own).step_by(width) {
        let to = (from + width).min(own);
        let until = if size <= SMALL { size } else { to };
        let (matrix, shares, totals) = (&mut *matrix, &mut *shares, &mut *totals);
        let panel =
            Panel { matrix: &mut *matrix, stride, shares: &mut *shares, totals, columns: from..to, until };
        if !Arch::new().dispatch(panel) {
            return false;
        }
        if until < size {
            let (done, rest) = matrix.split_at_mut(to * stride);
            let columns =
                |numbers| MatRef::from_column_major_slice(numbers, stride, to - from).subrows(to, size - to);
            let (joined, shared) =
                (columns(&done[from * stride..]), columns(&shares[from * stride..to * stride]));
            let rest =
                MatMut::from_column_major_slice_mut(rest, stride, size - to).subrows_mut(to, size - to);
            lower_product(rest, Accum::Add, joined, shared.transpose(), 1.0);
        }
    }
    true
}

/// Takes some columns of a front out, one after the other, and brings those before `until` up to date.
struct Panel<'a> {
    matrix: &'a mut [f64],
    stride: usize,
    shares: &'a mut [f64],
    totals: &'a mut [f64],
    columns: Range<usize>,
    until: usize,
}

impl WithSimd for Panel<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let Panel { matrix, stride, shares, totals, columns, until } = self;
        for j in columns {
            let (done, rest) = matrix.split_at_mut((j + 1) * stride);
            let column = &mut done[j * stride..];
            // Whole vectors, from the one that holds the first number below the diagonal on.
            let first = (j + 1) / S::F64_LANES;
            column[first * S::F64_LANES..(j + 1).min(stride)].fill(0.0);
            let column = S::as_simd_f64s(column).0;
            let mut sum = simd.splat_f64s(0.0);
            for x in &column[first..] {
                sum = simd.add_f64s(sum, *x);
            }
            let total = simd.reduce_sum_f64s(sum);
            if !(total > 0.0 && total < f64::INFINITY) {
                return false;
            }
            totals[j] = total;
            let share = &mut shares[j * stride..][..stride];
            let total = simd.splat_f64s(total);
            for (to, x) in S::as_mut_simd_f64s(share).0[first..].iter_mut().zip(&column[first..]) {
                *to = simd.div_f64s(*x, total);
            }
            for (l, to) in (j + 1..until).zip(rest.chunks_exact_mut(stride)) {
                let factor = simd.splat_f64s(share[l]);
                let first = (l + 1) / S::F64_LANES;
                for (to, x) in S::as_mut_simd_f64s(to).0[first..].iter_mut().zip(&column[first..]) {
                    *to = simd.mul_add_f64s(factor, *x, *to);
                }
            }
        }
        true
    }
}

/// What [`Factors::solve`] does.
struct Sweep<'a> {
    factors: &'a Factors<'a>,
    b: &'a mut [[f64; SIDES]],
}

// With vectors by name: compilers think otherwise that several nodes should share one, and gather it.
impl WithSimd for Sweep<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Sweep { factors: Factors { pattern, shares, totals }, b } = self;
        // A node's sides are so many vectors; eight at most.
        let wide = SIDES / S::F64_LANES;
        let b = S::as_mut_simd_f64s(b.as_flattened_mut()).0;
        let zero = simd.splat_f64s(0.0);
        let mut local: Vec<S::f64s> = vec![];
        for front in &pattern.fronts {
            let Front { nodes, rows, .. } = front;
            let (own, size) = (nodes.len(), front.size());
            let mut shares = &shares[front.shares.clone()];
            let place = nodes.start * wide..nodes.end * wide;
            local.clear();
            local.extend_from_slice(&b[place.clone()]);
            local.resize(size * wide, zero);
            for j in 0..own {
                let (share, later) = shares.split_at(size - j - 1);
                shares = later;
                let (load, others) = local[j * wide..].split_at_mut(wide);
                for (to, share) in others.chunks_exact_mut(wide).zip(share) {
                    let share = simd.splat_f64s(*share);
                    for v in 0..wide {
                        to[v] = simd.mul_add_f64s(share, load[v], to[v]);
                    }
                }
            }
            b[place].copy_from_slice(&local[..own * wide]);
            for (row, more) in rows.iter().zip(local[own * wide..].chunks_exact(wide)) {
                let to = &mut b[*row as usize * wide..][..wide];
                for v in 0..wide {
                    to[v] = simd.add_f64s(to[v], more[v]);
                }
            }
        }
        let ground = b.len() - wide;
        b[ground..].fill(zero);
        for front in pattern.fronts.iter().rev() {
            let Front { nodes, rows, .. } = front;
            let (own, size) = (nodes.len(), front.size());
            let mut shares = &shares[front.shares.clone()];
            local.clear();
            local.resize(own * wide, zero);
            for row in rows {
                local.extend_from_slice(&b[*row as usize * wide..][..wide]);
            }
            for j in (0..own).rev() {
                let (earlier, share) = shares.split_at(shares.len() - (size - j - 1));
                shares = earlier;
                // Four sums, of which none waits for another.
                let mut sums = [[zero; SIDES]; 4];
                let (fours, ones) = share.as_chunks::<4>();
                let (from, rest) = local[(j + 1) * wide..].split_at(4 * fours.len() * wide);
                for (share, from) in fours.iter().zip(from.chunks_exact(4 * wide)) {
                    for i in 0..4 {
                        let share = simd.splat_f64s(share[i]);
                        for v in 0..wide {
                            sums[i][v] = simd.mul_add_f64s(share, from[i * wide + v], sums[i][v]);
                        }
                    }
                }
                for (share, from) in ones.iter().zip(rest.chunks_exact(wide)) {
                    let share = simd.splat_f64s(*share);
                    for v in 0..wide {
                        sums[0][v] = simd.mul_add_f64s(share, from[v], sums[0][v]);
                    }
                }
                let k = nodes.start + j;
                let total = simd.splat_f64s(totals[k]);
                for v in 0..wide {
                    let (first, last) =
                        (simd.add_f64s(sums[0][v], sums[1][v]), simd.add_f64s(sums[2][v], sums[3][v]));
                    let sum = simd.add_f64s(first, last);
                    let own = simd.add_f64s(simd.div_f64s(b[k * wide + v], total), sum);
                    (local[j * wide + v], b[k * wide + v]) = (own, own);
                }
            }
        }
    }
}

/// Nested dissection: an order of elimination for nodes at integer places with edges between neighbours (A. George, Nested
/// dissection of a regular finite element mesh, SIAM J. Numer. Anal. 10, 1973). In axes marked in `around` the first and the
/// last place are neighbours, too.
pub(super) fn dissect(places: &[[i32; 3]], around: [bool; 3], ground: u32) -> Order {
    let mut nodes: Vec<u32> = (0..places.len() as u32).filter(|i| *i != ground).collect();
    let mut last = vec![];
    for axis in (0..3).filter(|&a| around[a]) {
        // A plane taken out leaves a strip.
        let (cut, rest): (Vec<u32>, Vec<u32>) = nodes.iter().partition(|&&i| places[i as usize][axis] == 0);
        last.extend(cut);
        nodes = rest;
    }
    let mut order = Order { nodes: Vec::with_capacity(places.len()), parts: vec![] };
    part(&mut nodes, places, &mut order);
    if !last.is_empty() {
        order.take(&last, 1);
    }
    order.nodes.push(ground);
    order
}

impl Order {
    fn take(&mut self, nodes: &[u32], below: usize) {
        self.nodes.extend_from_slice(nodes);
        self.parts.push((self.nodes.len(), below));
    }
}

fn part(nodes: &mut [u32], places: &[[i32; 3]], order: &mut Order) {
    const LEAF: usize = 12;
    let extent = |axis: usize| {
        let along = nodes.iter().map(|&i| places[i as usize][axis]);
        let (low, high) = along.fold((i32::MAX, i32::MIN), |(a, b), x| (a.min(x), b.max(x)));
        high.saturating_sub(low)
    };
    let (axis, widest) = (0..3).map(|a| (a, extent(a))).rev().max_by_key(|(_, e)| *e).unwrap_or((0, 0));
    if nodes.len() <= LEAF || widest < 2 {
        return order.take(nodes, 0);
    }
    let place = |i: u32| places[i as usize][axis];
    let low = nodes.iter().map(|&i| place(i)).min().unwrap_or(0);
    let half = nodes.len() / 2;
    let middle =
        place(*nodes.select_nth_unstable_by_key(half, |&i| place(i)).1).clamp(low + 1, low + widest - 1);
    // Those before the middle, in it, and behind it.
    let begin = partition(nodes, |i| place(i) < middle);
    let end = begin + partition(&mut nodes[begin..], |i| place(i) == middle);
    let (left, rest) = nodes.split_at_mut(begin);
    let (cut, right) = rest.split_at_mut(end - begin);
    part(left, places, order);
    part(right, places, order);
    order.take(cut, 2);
}

/// Brings those that meet the condition to the front; how many they are.
fn partition(nodes: &mut [u32], meets: impl Fn(u32) -> bool) -> usize {
    let mut count = 0;
    for k in 0..nodes.len() {
        if meets(nodes[k]) {
            nodes.swap(count, k);
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(order: &Order, later: &[Vec<(u32, f64)>], most: usize) -> Option<Pattern> {
        Pattern::new(order, |k| later[k].iter().map(|(i, _)| *i), most)
    }

    /// A grid with conductances over thirty orders of magnitude: the solution meets its equations, which are sums of positive
    /// terms on either side.
    #[test]
    fn solutions_meet_their_equations_node_by_node() {
        for around in [[false; 3], [true, false, true]] {
            let sides = [7, 6, 5];
            let places: Vec<[i32; 3]> =
                (0..7).flat_map(|i| (0..6).flat_map(move |j| (0..5).map(move |k| [i, j, k]))).collect();
            let order = dissect(&places, around, 100);
            assert_eq!(order.nodes.last(), Some(&100));
            let mut rank = vec![0_u32; places.len()];
            order.nodes.iter().enumerate().for_each(|(r, &i)| rank[i as usize] = r as u32);
            let mut sorted = order.nodes.clone();
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
            edges.iter().for_each(|&(a, b, c)| later[a as usize].push((b, c)));
            let pattern = pattern(&order, &later, usize::MAX).unwrap();
            let factors = Factors::new(&pattern, |k| later[k].iter().copied()).unwrap();
            let load: Vec<f64> = (0..places.len()).map(|i| (5.0 * (i as f64).cos()).exp()).collect();
            let mut sides: Vec<[f64; SIDES]> =
                load.iter().map(|b| std::array::from_fn(|p| (p + 1) as f64 * b)).collect();
            factors.solve(&mut sides);
            assert!(sides.iter().all(|v| 2.0 * v[0] == v[1] && 8.0 * v[0] == v[7]));
            let v: Vec<f64> = sides.iter().map(|v| v[0]).collect();
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
        let order = Order { nodes: vec![0, 1, 2], parts: vec![(1, 0), (2, 1)] };
        let refused = |later: &[Vec<(u32, f64)>]| {
            let pattern = pattern(&order, later, 10).unwrap();
            Factors::new(&pattern, |k| later[k].iter().copied()).is_none()
        };
        assert!(refused(&[vec![], vec![(2, 1.0)], vec![]]));
        assert!(refused(&[vec![(1, 0.0)], vec![(2, 1.0)], vec![]]));
        assert!(refused(&[vec![(1, f64::NAN)], vec![(2, 1.0)], vec![]]));
        assert!(!refused(&[vec![(1, 1.0)], vec![(2, 1.0)], vec![]]));
        assert!(pattern(&order, &[vec![(1, 1.0), (2, 1.0)], vec![], vec![]], 2).is_none());
    }

    /// Fronts of every size, by the panel and by loops alone, give the same sums.
    #[test]
    fn panels_take_out_what_loops_do() {
        for size in [1, 7, 8, 9, 40, SMALL + 40] {
            let stride = size.next_multiple_of(8);
            let number = |j: usize, i: usize| (3.0 * (1.7 * (j * size + i) as f64).sin()).exp();
            let given = (0..size * stride)
                .map(|k| if k % stride < size { number(k / stride, k % stride) } else { 0.0 });
            let given: Vec<f64> = given.collect();
            for own in [1, PANEL, PANEL + 1, size - 1].into_iter().filter(|own| *own < size) {
                let (mut by_panels, mut shares, mut totals) =
                    (given.clone(), vec![0.0; own * stride], vec![0.0; own]);
                assert!(eliminate(&mut by_panels, size, stride, &mut shares, &mut totals));
                let mut one_by_one = given.clone();
                for j in 0..own {
                    let total: f64 = (j + 1..size).map(|i| one_by_one[j * stride + i]).sum();
                    assert!((totals[j] / total - 1.0).abs() < 1e-13);
                    for l in j + 1..size {
                        let share = one_by_one[j * stride + l] / total;
                        assert!((shares[j * stride + l] / share - 1.0).abs() < 1e-13);
                        for i in l + 1..size {
                            one_by_one[l * stride + i] += one_by_one[j * stride + i] * share;
                        }
                    }
                }
                for l in own..size {
                    for i in l + 1..size {
                        let (a, b) = (by_panels[l * stride + i], one_by_one[l * stride + i]);
                        assert!((a / b - 1.0).abs() < 1e-13);
                    }
                }
            }
        }
    }
}
