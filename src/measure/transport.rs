//! Optimal transport from weighted points to a few atoms, with bounds from both sides.
//!
//! In: weights of N points, their costs to J atoms, the atoms' weights. Out: [`Transport`]. The dual, a concave function of J
//! numbers, is climbed by Newton's method for its entropic smoothing at falling strength (M. Cuturi, Sinkhorn distances,
//! 2013, in the semi-dual form of A. Genevay et al., 2016); the unsmoothed dual bounds the cost from below, the smoothed
//! plan, repaired to the right marginals (J. Altschuler, J. Weed & P. Rigollet, 2017), from above.

use faer::Mat;
use rayon::prelude::*;

use crate::linalg::solve_symmetric;

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

/// Relative gap of the bounds at which there is nothing left to do, where costs and weights have no error.
pub const ENOUGH: f64 = 1e-7;

/// A gap that shrinks by less than this factor, twice, has come to what the points allow.
const STALLED: f64 = 0.9;

/// Products of shares below this do not count in a Hessian.
const NOTHING: f64 = 1e-12;

/// Points summed at a time.
const CHUNK: usize = 4096;

/// Sums over all points, at a strength of smoothing.
struct Smooth {
    /// `sum w log sum exp`, times the strength.
    value: f64,
    masses: Vec<f64>,
    /// `sum w p_i p_j`.
    products: Mat<f64>,
    /// Cost of the plan, by atom.
    costs: Vec<f64>,
}

fn smooth(weights: &[f64], costs: &Mat<f64>, psi: &[f64], strength: f64) -> Smooth {
    let j = psi.len();
    let chunks: Vec<Smooth> = (0..weights.len().div_ceil(CHUNK))
        .into_par_iter()
        .map(|c| {
            let mut s =
                Smooth { value: 0.0, masses: vec![0.0; j], products: Mat::zeros(j, j), costs: vec![0.0; j] };
            let mut p = vec![0.0; j];
            for n in c * CHUNK..((c + 1) * CHUNK).min(weights.len()) {
                let cost = costs.col_as_slice(n);
                let top = (0..j).map(|i| psi[i] - cost[i]).fold(f64::NEG_INFINITY, f64::max);
                let mut sum = 0.0;
                for i in 0..j {
                    p[i] = ((psi[i] - cost[i] - top) / strength).exp();
                    sum += p[i];
                }
                s.value += weights[n] * (top + strength * sum.ln());
                for i in 0..j {
                    p[i] /= sum;
                    s.masses[i] += weights[n] * p[i];
                    s.costs[i] += weights[n] * p[i] * cost[i];
                }
                for a in (0..j).filter(|&a| p[a] > NOTHING) {
                    for b in 0..=a {
                        s.products[(a, b)] += weights[n] * p[a] * p[b];
                    }
                }
            }
            s
        })
        .collect();
    let mut all =
        Smooth { value: 0.0, masses: vec![0.0; j], products: Mat::zeros(j, j), costs: vec![0.0; j] };
    for s in chunks {
        all.value += s.value;
        all.products += &s.products;
        all.masses.iter_mut().zip(&s.masses).for_each(|(a, b)| *a += b);
        all.costs.iter_mut().zip(&s.costs).for_each(|(a, b)| *a += b);
    }
    all
}

/// The optimal cost of moving `weights` (N, sum 1) to atoms of weights `target` (J, sum 1), with `costs[(i, n)]` from point n
/// to atom i, zero or more. Bounds this close together, relatively, are `enough`.
pub fn to_atoms(weights: &[f64], costs: &Mat<f64>, target: &[f64], enough: f64) -> Transport {
    let j = target.len();
    if j == 1 {
        let cost = weights.iter().enumerate().map(|(n, w)| w * costs[(0, n)]).sum();
        return Transport { low: cost, high: cost, potentials: vec![0.0] };
    }
    let largest = costs.norm_max();
    if !(largest > 0.0) {
        return Transport { low: 0.0, high: 0.0, potentials: vec![0.0; j] };
    }
    let mut psi = vec![0.0; j];
    let mut best = Transport { low: 0.0, high: f64::INFINITY, potentials: psi.clone() };
    let mut strength = 0.25 * largest;
    let mut stalled = 0;
    while strength > 1e-11 * largest {
        let mut now = smooth(weights, costs, &psi, strength);
        let objective =
            |s: &Smooth, psi: &[f64]| target.iter().zip(psi).map(|(t, p)| t * p).sum::<f64>() - s.value;
        for _ in 0..60 {
            let gradient: Vec<f64> = (0..j).map(|i| target[i] - now.masses[i]).collect();
            let miss: f64 = gradient.iter().map(|g| g.abs()).sum();
            if miss < 1e-10 {
                break;
            }
            // The first potential is fixed: only differences count.
            let m = j - 1;
            let damping = 1e-9 + 1e-3 * miss.min(1.0);
            let hessian = Mat::from_fn(m, m, |a, b| {
                let (a, b) = (a + 1, b + 1);
                let diagonal = if a == b { now.masses[a] + damping } else { 0.0 };
                (diagonal - now.products[(a.max(b), a.min(b))]) / strength
            });
            let mut step = gradient[1..].to_vec();
            if solve_symmetric(hessian.as_ref(), &mut step).is_none() {
                break;
            }
            let value = objective(&now, &psi);
            let slope: f64 = step.iter().zip(&gradient[1..]).map(|(s, g)| s * g).sum();
            let longest = step.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
            let mut length = (largest / longest.max(f64::MIN_POSITIVE)).min(1.0);
            let mut moved = false;
            for _ in 0..30 {
                let mut trial = psi.clone();
                trial[1..].iter_mut().zip(&step).for_each(|(p, s)| *p += length * s);
                let there = smooth(weights, costs, &trial, strength);
                if objective(&there, &trial) >= value + 1e-4 * length * slope {
                    (psi, now, moved) = (trial, there, true);
                    break;
                }
                length *= 0.4;
            }
            if !moved {
                break;
            }
        }
        let low = dual(weights, costs, &psi, target);
        let high = repaired(&now, target, largest);
        let gap = best.high - best.low;
        if low > best.low {
            (best.low, best.potentials) = (low, psi.clone());
        }
        best.high = best.high.min(high);
        stalled = if best.high - best.low > STALLED * gap { stalled + 1 } else { 0 };
        if best.high - best.low <= enough * best.high || stalled == 2 {
            break;
        }
        strength *= 0.25;
    }
    best.high = best.high.max(best.low);
    best
}

fn dual(weights: &[f64], costs: &Mat<f64>, psi: &[f64], target: &[f64]) -> f64 {
    let least = |n: usize| {
        let cost = costs.col_as_slice(n);
        psi.iter().zip(cost).map(|(p, c)| c - p).fold(f64::INFINITY, f64::min)
    };
    let moved: f64 = weights.iter().enumerate().map(|(n, w)| w * least(n)).sum();
    moved + target.iter().zip(psi).map(|(t, p)| t * p).sum::<f64>()
}

/// The cost of the smoothed plan made to fit: what an atom has too much is taken off evenly and moved as dearly as can be.
fn repaired(plan: &Smooth, target: &[f64], largest: f64) -> f64 {
    let (mut cost, mut left) = (0.0, 0.0);
    for (i, t) in target.iter().enumerate() {
        let share = if plan.masses[i] > *t { t / plan.masses[i] } else { 1.0 };
        cost += share * plan.costs[i];
        left += (1.0 - share) * plan.masses[i];
    }
    cost + left * largest
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
            let found = to_atoms(&weights, &costs, &target, ENOUGH);
            assert!(
                found.low <= truth * (1.0 + 1e-12) && found.high >= truth * (1.0 - 1e-12),
                "{found:?} {truth}"
            );
            assert!(found.high - found.low < 1e-3 * truth, "{found:?}");
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
        let found = to_atoms(&[1.0 / 30.0; 30], &costs, &[0.4, 0.35, 0.25], ENOUGH);
        assert!(found.low <= truth * (1.0 + 1e-9) && truth * (1.0 - 1e-9) <= found.high, "{found:?} {truth}");
        assert!(found.high - found.low < 1e-3 * truth, "{found:?} {truth}");
    }
}
