//! The Markov chain on minima to which a diffusion reduces when the noise is small.
//!
//! In: the weight of each minimum and the capacity of each channel between two of them, both as logarithms, since they span
//! hundreds of orders of magnitude. Out: rates, the invariant law, all small eigenvalues of `K u = lam M u` (K the Laplacian
//! of the graph weighted by capacities, M the weights), mean first passage times, and in which order and at which rate the
//! minima merge (A. Bovier, M. Eckhoff, V. Gayrard, M. Klein, Metastability in reversible diffusion processes, J. Eur. Math.
//! Soc. 6, 2004, and 7, 2005).
//!
//! Nothing is subtracted where digits could be lost. States are eliminated one by one, the one that is left fastest first,
//! and what is left of the graph is again a graph with positive capacities (W. K. Grassmann, M. I. Taksar, D. P. Heyman,
//! Regenerative analysis and steady state distributions for Markov chains, Oper. Res. 33, 1985). The elimination is a
//! factorisation `M^(-1/2) K M^(-1/2) = L D L'` with every entry accurate to a few roundings and every entry of L at most 1;
//! one-sided Jacobi rotations on the columns of `L sqrt(D)` then give each eigenvalue with its own relative accuracy
//! (J. Demmel et al., Computing the singular value decomposition with high relative accuracy, Linear Algebra Appl. 299, 1999).

use faer::Mat;

use crate::linalg::dot;

/// The logarithm of zero.
const NEVER: f64 = f64::NEG_INFINITY;

/// Rotations are repeated until columns are orthogonal to this.
const ORTHOGONAL: f64 = 1e-15;
/// Sweeps of rotations at most; six or so suffice.
const SWEEPS: usize = 60;

/// A way between two states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// The two states; a channel from a state to itself has no effect.
    pub between: [usize; 2],
    /// Logarithm of its capacity.
    pub log_capacity: f64,
}

/// A reversible Markov chain in continuous time: from i to j at the rate `capacity / weight of i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Logarithm of each state's weight (not normalised).
    pub log_weights: Vec<f64>,
    /// Channels; several between the same two states add.
    pub channels: Vec<Channel>,
}

/// A state that merges into another one: on longer times the two are one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    /// The state that is left.
    pub state: usize,
    /// The state to which most go, once all that are left faster have been taken out.
    pub into: usize,
    /// Logarithm of the rate at which it is left, to wherever.
    pub log_rate: f64,
}

/// `log(exp(a) + exp(b))`.
fn add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == NEVER { high } else { high + (low - high).exp().ln_1p() }
}

/// `log sum exp` of numbers in their order.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(NEVER, add)
}

/// A state taken out of the chain.
struct Step {
    state: usize,
    /// Logarithm of the sum of its capacities to those that remain.
    total: f64,
    /// Log capacities to those that remain (and nothing to those that do not).
    to: Vec<f64>,
}

impl Chain {
    /// Number of states.
    pub fn len(&self) -> usize {
        self.log_weights.len()
    }

    /// Is there no state at all?
    pub fn is_empty(&self) -> bool {
        self.log_weights.is_empty()
    }

    /// Logarithms of the capacities between states (n x n, symmetric, minus infinity where there is no channel).
    pub fn log_capacities(&self) -> Mat<f64> {
        let mut all = Mat::from_fn(self.len(), self.len(), |_, _| NEVER);
        for channel in &self.channels {
            let [i, j] = channel.between;
            if i != j {
                let joined = add(all[(i, j)], channel.log_capacity);
                (all[(i, j)], all[(j, i)]) = (joined, joined);
            }
        }
        all
    }

    /// Logarithms of the rates from i to j (n x n, minus infinity where there is no channel, and on the diagonal).
    pub fn log_rates(&self) -> Mat<f64> {
        let capacities = self.log_capacities();
        Mat::from_fn(self.len(), self.len(), |i, j| capacities[(i, j)] - self.log_weights[i])
    }

    /// Logarithms of the invariant law: the weights, normalised.
    pub fn log_law(&self) -> Vec<f64> {
        let total = sum(self.log_weights.iter().copied());
        self.log_weights.iter().map(|w| w - total).collect()
    }

    /// Takes states out, the one that `choose` gives for the remaining ones and their log exit rates, until one is left.
    fn eliminate(&self, mut choose: impl FnMut(&[usize], &[f64]) -> usize) -> Vec<Step> {
        let n = self.len();
        let mut c = self.log_capacities();
        let mut left: Vec<usize> = (0..n).collect();
        let mut steps = Vec::with_capacity(n);
        while !left.is_empty() {
            let totals: Vec<f64> =
                left.iter().map(|&i| sum(left.iter().filter(|&&j| j != i).map(|&j| c[(i, j)]))).collect();
            let exits: Vec<f64> = left.iter().zip(&totals).map(|(&i, t)| t - self.log_weights[i]).collect();
            let place = choose(&left, &exits);
            let (k, total) = (left.remove(place), totals[place]);
            let mut to = vec![NEVER; n];
            left.iter().for_each(|&i| to[i] = c[(k, i)]);
            if total > NEVER {
                for (a, &i) in left.iter().enumerate() {
                    if to[i] == NEVER {
                        continue;
                    }
                    for &j in left[..a].iter().filter(|&&j| to[j] > NEVER) {
                        let joined = add(c[(i, j)], to[i] + to[j] - total);
                        (c[(i, j)], c[(j, i)]) = (joined, joined);
                    }
                }
            }
            steps.push(Step { state: k, total, to });
        }
        steps
    }

    /// The state that is left fastest; of equal ones the first.
    fn fastest(_: &[usize], exits: &[f64]) -> usize {
        (0..exits.len()).rev().max_by(|&a, &b| exits[a].total_cmp(&exits[b])).unwrap_or(0)
    }

    /// In which order the states merge, fastest first. States of different components never do.
    pub fn merges(&self) -> Vec<Merge> {
        let steps = self.eliminate(Self::fastest);
        let merge = |step: &Step| {
            let into = (0..self.len()).rev().max_by(|&a, &b| step.to[a].total_cmp(&step.to[b]))?;
            let log_rate = step.total - self.log_weights[step.state];
            (step.total > NEVER).then_some(Merge { state: step.state, into, log_rate })
        };
        steps.iter().filter_map(merge).collect()
    }

    /// Logarithms of the eigenvalues of minus the generator, ascending, each to a few roundings of its own size times the
    /// size of the logarithms that go in. Minus infinity is the eigenvalue 0, once for each component.
    pub fn log_spectrum(&self) -> Vec<f64> {
        let n = self.len();
        let w = &self.log_weights;
        let steps = self.eliminate(Self::fastest);
        // A column is exp(scale) times numbers of order 1.
        let mut columns: Vec<(f64, Vec<f64>)> = vec![];
        for step in steps.iter().filter(|s| s.total > NEVER) {
            let k = step.state;
            let entry = |i: usize| match i == k {
                true => 1.0,
                false => -(step.to[i] - step.total + 0.5 * (w[k] - w[i])).exp(),
            };
            columns.push((0.5 * (step.total - w[k]), (0..n).map(entry).collect()));
        }
        orthogonalize(&mut columns);
        let mut logs: Vec<f64> = columns.iter().map(|(scale, g)| 2.0 * scale + dot(g, g).ln()).collect();
        logs.resize(n, NEVER);
        logs.sort_by(f64::total_cmp);
        logs
    }

    /// Logarithms of the mean first passage times to `target` from each state: minus infinity from itself, infinity from
    /// where it is never reached.
    pub fn log_passage_times(&self, target: usize) -> Vec<f64> {
        let steps = self.eliminate(|left, exits| {
            // The fastest of those that are not the target.
            let others = (0..left.len()).rev().filter(|&a| left[a] != target);
            others.max_by(|&a, &b| exits[a].total_cmp(&exits[b])).unwrap_or(0)
        });
        let mut load = self.log_weights.clone();
        for step in steps.iter().filter(|s| s.total > NEVER) {
            for i in 0..self.len() {
                load[i] = add(load[i], step.to[i] - step.total + load[step.state]);
            }
        }
        let mut times = vec![f64::INFINITY; self.len()];
        times[target] = NEVER;
        for step in steps.iter().rev().filter(|s| s.state != target && s.total > NEVER) {
            let ahead = (0..self.len()).filter(|&i| step.to[i] > NEVER);
            let ahead = sum(ahead.map(|i| step.to[i] - step.total + times[i]));
            times[step.state] = add(load[step.state] - step.total, ahead);
        }
        times
    }
}

/// One-sided Jacobi rotations on columns `exp(scale) g` until all are orthogonal.
fn orthogonalize(columns: &mut [(f64, Vec<f64>)]) {
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..columns.len() {
            for q in p + 1..columns.len() {
                let (high, low) = if columns[p].0 >= columns[q].0 { (p, q) } else { (q, p) };
                let ratio = (columns[low].0 - columns[high].0).exp();
                let (first, second) = columns.split_at_mut(q);
                let (one, two) = (&mut first[p].1, &mut second[0].1);
                let (one, two) = if high == p { (one, two) } else { (two, one) };
                let (alpha, beta, gamma) = (dot(one, one), dot(two, two), dot(one, two));
                if !(gamma.abs() > ORTHOGONAL * (alpha * beta).sqrt()) {
                    continue;
                }
                turned = true;
                // The tangent of the rotation over `ratio`, which may be too small for a number.
                let difference = beta * ratio * ratio - alpha;
                let root = difference.hypot(2.0 * gamma * ratio);
                let slope = 2.0 * gamma * difference.signum() / (difference.abs() + root);
                let cos = 1.0 / (slope * ratio).hypot(1.0);
                for (a, b) in one.iter_mut().zip(two.iter_mut()) {
                    (*a, *b) = (cos * (*a - slope * ratio * ratio * *b), cos * (*b + slope * *a));
                }
            }
        }
        if !turned {
            return;
        }
    }
}

/// Logarithms of the invariant law of a chain given by logarithms of its rates, reversible or not (n x n, minus infinity
/// where there is no rate; the diagonal is not read), by the elimination of Grassmann, Taksar & Heyman. `None` unless every
/// state can be reached from every other one.
pub fn log_invariant_law(log_rates: &Mat<f64>) -> Option<Vec<f64>> {
    let n = log_rates.nrows();
    let mut q = log_rates.clone();
    let mut exits = vec![NEVER; n];
    for k in (1..n).rev() {
        exits[k] = sum((0..k).map(|j| q[(k, j)]));
        if !(exits[k] > NEVER) {
            return None;
        }
        for i in (0..k).filter(|&i| q[(i, k)] > NEVER).collect::<Vec<_>>() {
            for j in (0..k).filter(|&j| j != i) {
                q[(i, j)] = add(q[(i, j)], q[(i, k)] + q[(k, j)] - exits[k]);
            }
        }
    }
    let mut law = vec![0.0; n];
    for k in 1..n {
        law[k] = sum((0..k).map(|i| law[i] + q[(i, k)])) - exits[k];
    }
    let total = sum(law.iter().copied());
    law.iter_mut().for_each(|p| *p -= total);
    law.iter().all(|p| p.is_finite()).then_some(law)
}

#[cfg(test)]
mod tests;
