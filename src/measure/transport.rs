//! Optimal transport from weighted points to a few atoms, with bounds from both sides.
//!
//! In: weights of N points, their costs to J atoms, the atoms' weights. Out: [`Transport`]. Every point begins at the atom where
//! it costs least; mass is then moved from atoms that have too much to such as have too little, always along the cheapest
//! chain of atoms (successive shortest paths: R. K. Ahuja, T. L. Magnanti & J. B. Orlin, Network Flows, 1993, chapter 9, on
//! the J atoms; the cheapest point to move between two of them is kept on a heap). The plan bounds the cost from above, the
//! dual from below: they differ by rounding.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use faer::Mat;

/// The optimal cost between two bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// From below.
    pub low: f64,
    /// From above: the cost of a plan.
    pub high: f64,
    /// The dual variables, one an atom.
    pub potentials: Vec<f64>,
}

/// Mass that rounding leaves over.
const NOTHING: f64 = 1e-15;

/// Times a point may be moved on average before the plan is left as it is.
const MOVES: usize = 50;

/// What it costs more to have a point at another atom, and the point.
#[derive(Clone, Copy, PartialEq)]
struct Move {
    cost: f64,
    point: u32,
}

impl Eq for Move {}

impl Ord for Move {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.cost.total_cmp(&other.cost).then(self.point.cmp(&other.point))
    }
}

impl PartialOrd for Move {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A plan that is being made.
struct Plan<'a> {
    costs: &'a Mat<f64>,
    atoms: usize,
    /// Mass of point n at atom i, at `n * atoms + i`.
    masses: Vec<f64>,
    /// Of every pair of atoms the points at the first by what they cost more at the second; with such as have left.
    heaps: Vec<BinaryHeap<Reverse<Move>>>,
}

impl Plan<'_> {
    /// The cheapest point to move from one atom to another.
    fn cheapest(&mut self, from: usize, to: usize) -> Option<Move> {
        let heap = &mut self.heaps[from * self.atoms + to];
        while let Some(Reverse(top)) = heap.peek().copied() {
            if self.masses[top.point as usize * self.atoms + from] > 0.0 {
                return Some(top);
            }
            heap.pop();
        }
        None
    }

    /// Puts the moves of a point that has come to an atom on the heaps.
    fn arrive(&mut self, point: usize, at: usize) {
        for to in (0..self.atoms).filter(|&to| to != at) {
            let cost = self.costs[(to, point)] - self.costs[(at, point)];
            self.heaps[at * self.atoms + to].push(Reverse(Move { cost, point: point as u32 }));
        }
    }

    /// The cheapest chain from an atom with too much to one with too little, by reduced costs (Dijkstra), as moves from atom
    /// to atom. Potentials are brought up to date.
    fn chain(&mut self, excess: &[f64], psi: &mut [f64]) -> Option<Vec<(usize, usize, Move)>> {
        let j = self.atoms;
        let mut distance: Vec<f64> =
            excess.iter().map(|e| if *e > NOTHING { 0.0 } else { f64::INFINITY }).collect();
        let mut before: Vec<Option<(usize, Move)>> = vec![None; j];
        let mut done = vec![false; j];
        let end = loop {
            let near = |i: &usize| !done[*i] && distance[*i].is_finite();
            let next = (0..j).filter(near).min_by(|a, b| distance[*a].total_cmp(&distance[*b]))?;
            done[next] = true;
            if excess[next] < -NOTHING {
                break next;
            }
            for to in (0..j).filter(|&to| to != next) {
                if done[to] {
                    continue;
                }
                let Some(step) = self.cheapest(next, to) else { continue };
                let reach = distance[next] + (step.cost + psi[next] - psi[to]).max(0.0);
                if reach < distance[to] {
                    distance[to] = reach;
                    before[to] = Some((next, step));
                }
            }
        };
        let length = distance[end];
        psi.iter_mut().zip(&distance).for_each(|(p, d)| *p += d.min(length));
        let mut chain = vec![];
        let mut at = end;
        while let Some((from, step)) = before[at] {
            chain.push((from, at, step));
            at = from;
        }
        chain.reverse();
        Some(chain)
    }
}

/// The optimal cost of moving `weights` (N, sum 1) to atoms of weights `target` (J, sum 1), with `costs[(i, n)]` from point n
/// to atom i, zero or more.
pub fn to_atoms(weights: &[f64], costs: &Mat<f64>, target: &[f64]) -> Transport {
    let j = target.len();
    let heaps = (0..j * j).map(|_| BinaryHeap::new()).collect();
    let mut plan = Plan { costs, atoms: j, masses: vec![0.0; weights.len() * j], heaps };
    let mut excess: Vec<f64> = target.iter().map(|t| -t).collect();
    for (n, w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        let cost = costs.col_as_slice(n);
        let Some(nearest) = (0..j).min_by(|a, b| cost[*a].total_cmp(&cost[*b])) else { continue };
        plan.masses[n * j + nearest] = *w;
        excess[nearest] += w;
        plan.arrive(n, nearest);
    }
    let mut psi = vec![0.0; j];
    for _ in 0..MOVES * weights.len() {
        let Some(chain) = plan.chain(&excess, &mut psi) else { break };
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else { break };
        let (start, end) = (first.0, last.1);
        let held = |&(from, _, step): &(usize, usize, Move)| plan.masses[step.point as usize * j + from];
        let amount = chain.iter().map(held).fold(excess[start].min(-excess[end]), f64::min);
        for &(from, to, step) in &chain {
            let point = step.point as usize;
            plan.masses[point * j + from] -= amount;
            if plan.masses[point * j + to] <= 0.0 {
                plan.arrive(point, to);
            }
            plan.masses[point * j + to] += amount;
        }
        excess[start] -= amount;
        excess[end] += amount;
    }
    let moved: f64 =
        (0..weights.len()).map(|n| (0..j).map(|i| plan.masses[n * j + i] * costs[(i, n)]).sum::<f64>()).sum();
    // What is left over is moved as dearly as can be.
    let left: f64 = excess.iter().map(|e| e.max(0.0)).sum();
    let high = moved + left * costs.norm_max();
    let low = dual(weights, costs, &psi, target).max(0.0).min(high);
    Transport { low, high, potentials: psi }
}

fn dual(weights: &[f64], costs: &Mat<f64>, psi: &[f64], target: &[f64]) -> f64 {
    let least = |n: usize| {
        let cost = costs.col_as_slice(n);
        psi.iter().zip(cost).map(|(p, c)| c - p).fold(f64::INFINITY, f64::min)
    };
    let moved: f64 = weights.iter().enumerate().map(|(n, w)| w * least(n)).sum();
    moved + target.iter().zip(psi).map(|(t, p)| t * p).sum::<f64>()
}

/// The optimal cost on the line, where points and atoms are matched in their order, for a cost that is convex in the
/// distance. `points` and `atoms` are pairs of place and weight.
pub fn on_the_line(points: &[(f64, f64)], atoms: &[(f64, f64)], cost: impl Fn(f64) -> f64) -> f64 {
    let mut points = points.to_vec();
    let mut atoms = atoms.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    atoms.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut k, mut left) = (0, atoms.first().map_or(0.0, |a| a.1));
    let mut total = 0.0;
    for (x, mut w) in points {
        while w > 0.0 && k < atoms.len() {
            // The last atom takes what rounding leaves over.
            let part = if k + 1 == atoms.len() { w } else { w.min(left) };
            total += part * cost((x - atoms[k].0).abs());
            w -= part;
            left -= part;
            if left <= 0.0 && k + 1 < atoms.len() {
                k += 1;
                left = atoms[k].1;
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the line the general method must find what the order does.
    #[test]
    fn agrees_with_the_order_on_the_line() {
        let points: Vec<(f64, f64)> =
            (0..500).map(|k| ((k as f64 * 0.37).sin() * 2.0, 1.0 / 500.0)).collect();
        let atoms = [(-1.3, 0.2), (0.1, 0.45), (1.7, 0.35)];
        let weights: Vec<f64> = points.iter().map(|p| p.1).collect();
        let target: Vec<f64> = atoms.iter().map(|a| a.1).collect();
        for power in [1, 2] {
            let truth = on_the_line(&points, &atoms, |d| d.powi(power));
            let costs = Mat::from_fn(3, points.len(), |i, n| (points[n].0 - atoms[i].0).abs().powi(power));
            let found = to_atoms(&weights, &costs, &target);
            assert!(
                found.low <= truth * (1.0 + 1e-12) && found.high >= truth * (1.0 - 1e-12),
                "{found:?} {truth}"
            );
            assert!(found.high - found.low < 1e-12 * truth, "{found:?}");
        }
    }

    /// Clusters with too much or too little weight: all must pass through the one between them.
    #[test]
    fn clusters_far_apart() {
        let width = |k: usize| 1e-3 * ((k % 10) as f64 - 4.5);
        let points: Vec<(f64, f64)> = (0..30).map(|k| ((k / 10) as f64 + width(k), 1.0 / 30.0)).collect();
        let atoms = [(0.0, 0.4), (1.0, 0.35), (2.0, 0.25)];
        let truth = on_the_line(&points, &atoms, |d| d * d);
        let costs = Mat::from_fn(3, 30, |i, n| (points[n].0 - atoms[i].0).powi(2));
        let found = to_atoms(&[1.0 / 30.0; 30], &costs, &[0.4, 0.35, 0.25]);
        assert!(found.low <= truth * (1.0 + 1e-9) && truth * (1.0 - 1e-9) <= found.high, "{found:?} {truth}");
        assert!(found.high - found.low < 1e-12 * truth, "{found:?} {truth}");
    }
}
