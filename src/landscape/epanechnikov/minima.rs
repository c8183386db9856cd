//! All minima of an Epanechnikov landscape, by enumeration.
//!
//! A minimum is the weighted centroid c of a set S of memories such that S is exactly the set of memories nearer to c
//! than the window's radius r. So the members of S lie pairwise within 2r: sets are grown along the graph of near
//! memories, once for each memory as the first of its set. A branch knows memories inside, memories still open, and a
//! box that holds c. It goes on like this:
//!
//! * the open memories leave c an interval in every direction, the ends of which are those of a fractional program and
//!   found by Dinkelbach's iteration;
//! * an open memory that is beyond reach of all of these c is out, one that is within reach of all is in, a branch in
//!   which an inner memory is out of reach or an outer one within it is dead;
//! * where nothing is open the set is put to the test, or else the branch is split: its box, as long as there are few
//!   dimensions and many open memories, or else by one memory being in or out.
//!
//! Tests that end or force a branch leave a margin of [`ROUNDING`]; the test of a set decides, and says so where its
//! centroid lies on a window's edge to that precision.

use rayon::prelude::*;

use crate::linalg::{axpy, distance, dot};

/// Distances are compared to this precision, relative to the spread of the memories plus the window's radius.
pub const ROUNDING: f64 = 1e-12;

/// Up to this dimension the box that holds the centroid is split, beyond it the sets.
const SPLIT_BOX: usize = 3;

/// With no more open memories than this they are decided one by one.
const FEW: usize = 10;

/// Steps of all searches together, in units of a pair of memories and a coordinate.
const WORK: f64 = 2e11;

/// One minimum: a set of memories and its centroid.
#[derive(Clone, Debug, PartialEq)]
pub struct Well {
    /// The memories whose windows hold the centroid, ascending.
    pub members: Vec<usize>,
    /// Their weighted mean.
    pub center: Vec<f64>,
}

/// What an enumeration found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Minima {
    /// The minima, by their members.
    pub wells: Vec<Well>,
    /// Sets whose centroid lies on the edge of a window to working precision ([`ROUNDING`]): exactly on the edge it is
    /// no minimum.
    pub undecided: Vec<Well>,
    /// Was every set looked at? `false` if there were too many: then some minima may be missing.
    pub complete: bool,
}

/// All minima for memories (one after the other, each of length `dim`), their weights and the window's radius.
pub(super) fn enumerate(memories: &[f64], dim: usize, weights: &[f64], radius: f64) -> Minima {
    let count = weights.len();
    // Coordinates about the mean: far from the origin nothing cancels.
    let mut mean = vec![0.0; dim];
    memories.chunks_exact(dim).for_each(|y| axpy(1.0 / count as f64, y, &mut mean));
    let points: Vec<f64> =
        memories.chunks_exact(dim).flat_map(|y| y.iter().zip(&mean).map(|(y, m)| y - m)).collect();
    let spread = points.chunks_exact(dim).map(|y| dot(y, y)).fold(0.0, f64::max).sqrt();
    let margin = ROUNDING * (spread + radius);
    let near: Vec<Vec<usize>> = (0..count)
        .into_par_iter()
        .map(|i| {
            let at = |k: usize| &points[k * dim..(k + 1) * dim];
            (0..count).filter(|&k| k != i && distance(at(i), at(k)) <= 2.0 * radius + margin).collect()
        })
        .collect();
    let step = |n: &Vec<usize>| ((n.len() + 1) * (n.len() + 1) * dim) as f64;
    let budget = (WORK / near.iter().map(step).sum::<f64>()).clamp(1e4, 1e7) as usize;
    let found: Vec<(Vec<Vec<usize>>, bool)> = (0..count)
        .into_par_iter()
        .map(|first| {
            let mut search =
                Search { points: &points, dim, weights, radius, margin, steps: 0, budget, sets: vec![] };
            let (outer, open) = near[first].iter().partition(|&&k| k < first);
            let start = &points[first * dim..(first + 1) * dim];
            let lower = start.iter().map(|y| y - radius - margin).collect();
            let upper = start.iter().map(|y| y + radius + margin).collect();
            search.grow(Branch { inner: vec![first], open, outer, lower, upper });
            search.sets.sort();
            search.sets.dedup();
            (search.sets, search.steps <= budget)
        })
        .collect();
    let mut minima = Minima { complete: found.iter().all(|f| f.1), ..Minima::default() };
    for members in found.into_iter().flat_map(|f| f.0) {
        let center = centroid(&points, dim, weights, &members);
        // Its members' neighbours are all that could be near.
        let verdict = judge(&points, dim, &members, &near[members[0]], &center, radius, margin);
        let well = Well { members, center: center.iter().zip(&mean).map(|(c, m)| c + m).collect() };
        match verdict {
            Some(true) => minima.wells.push(well),
            Some(false) => {}
            None => minima.undecided.push(well),
        }
    }
    minima
}

fn centroid(points: &[f64], dim: usize, weights: &[f64], members: &[usize]) -> Vec<f64> {
    let mut center = vec![0.0; dim];
    let total: f64 = members.iter().map(|&k| weights[k]).sum();
    for &k in members {
        axpy(weights[k] / total, &points[k * dim..(k + 1) * dim], &mut center);
    }
    center
}

/// Are the members, and only they, within `radius` of their centroid? `None` if that is a matter of rounding.
fn judge(
    points: &[f64],
    dim: usize,
    members: &[usize],
    near: &[usize],
    center: &[f64],
    radius: f64,
    margin: f64,
) -> Option<bool> {
    let mut sure = true;
    let others = near.iter().filter(|k| !members.contains(k));
    for (&k, within) in members.iter().map(|k| (k, true)).chain(others.map(|k| (k, false))) {
        let gap = radius - distance(&points[k * dim..(k + 1) * dim], center);
        if gap.abs() <= margin {
            sure = false;
        } else if (gap > 0.0) != within {
            return Some(false);
        }
    }
    sure.then_some(true)
}

/// Sets that hold `inner`, any of `open`, none of `outer`, with their centroid in the box.
#[derive(Clone)]
struct Branch {
    inner: Vec<usize>,
    open: Vec<usize>,
    outer: Vec<usize>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

struct Search<'a> {
    points: &'a [f64],
    dim: usize,
    weights: &'a [f64],
    radius: f64,
    margin: f64,
    steps: usize,
    budget: usize,
    sets: Vec<Vec<usize>>,
}

/// Where a memory lies for all centroids that a branch allows.
enum Reach {
    In,
    Out,
    Either,
}

impl Search<'_> {
    fn point(&self, k: usize) -> &[f64] {
        &self.points[k * self.dim..(k + 1) * self.dim]
    }

    fn grow(&mut self, mut branch: Branch) {
        self.steps += 1;
        if self.steps > self.budget || !self.narrow(&mut branch) {
            return;
        }
        if branch.open.is_empty() {
            branch.inner.sort_unstable();
            self.sets.push(branch.inner);
            return;
        }
        let (side, width) = (0..self.dim)
            .map(|i| (i, branch.upper[i] - branch.lower[i]))
            .fold((0, 0.0), |best, next| if next.1 > best.1 { next } else { best });
        let many = branch.open.len() > FEW && width > 1e-3 * self.radius;
        if self.dim <= SPLIT_BOX && many {
            let middle = 0.5 * (branch.lower[side] + branch.upper[side]);
            let mut half = branch.clone();
            half.upper[side] = middle;
            self.grow(half);
            branch.lower[side] = middle;
            self.grow(branch);
            return;
        }
        // The memory farthest from the inner ones says most, whether it is in or out.
        let center = centroid(self.points, self.dim, self.weights, &branch.inner);
        let far = |k: &usize| distance(self.point(*k), &center);
        let Some(place) =
            (0..branch.open.len()).max_by(|a, b| far(&branch.open[*a]).total_cmp(&far(&branch.open[*b])))
        else {
            return;
        };
        let chosen = branch.open.remove(place);
        let mut with = branch.clone();
        with.inner.push(chosen);
        self.grow(with);
        branch.outer.push(chosen);
        self.grow(branch);
    }

    /// Draws the conclusions from what is decided until there are no more; false if nothing is left of the branch.
    fn narrow(&self, branch: &mut Branch) -> bool {
        loop {
            let weight: f64 = branch.inner.iter().map(|&k| self.weights[k]).sum();
            let center = centroid(self.points, self.dim, self.weights, &branch.inner);
            for i in 0..self.dim {
                let high = self.farthest(&branch.open, weight, |y| y[i] - center[i]);
                let low = self.farthest(&branch.open, weight, |y| center[i] - y[i]);
                branch.lower[i] = branch.lower[i].max(center[i] - low - self.margin);
                branch.upper[i] = branch.upper[i].min(center[i] + high + self.margin);
                if branch.lower[i] > branch.upper[i] {
                    return false;
                }
            }
            if !self.carve(branch) {
                return false;
            }
            let reach = |k: usize| self.reach(branch, &center, weight, k);
            if branch.inner.iter().any(|&k| matches!(reach(k), Reach::Out)) {
                return false;
            }
            let mut outer = vec![];
            for &k in &branch.outer {
                match reach(k) {
                    Reach::In => return false,
                    Reach::Out => {}
                    Reach::Either => outer.push(k),
                }
            }
            let (mut open, mut inner) = (vec![], vec![]);
            for &k in &branch.open {
                match reach(k) {
                    Reach::In => inner.push(k),
                    Reach::Out => {}
                    Reach::Either => open.push(k),
                }
            }
            let settled = open.len() == branch.open.len();
            branch.inner.extend(inner);
            (branch.open, branch.outer) = (open, outer);
            if settled {
                return true;
            }
        }
    }

    /// Shrinks the box to what the windows of the inner and the outer memories leave of it; false if that is nothing.
    fn carve(&self, branch: &mut Branch) -> bool {
        let (inside, outside) = (self.radius - self.margin, self.radius + self.margin);
        let Branch { inner, outer, lower, upper, .. } = branch;
        let mut parts = vec![0.0; self.dim];
        for &k in inner.iter() {
            // Nearest to the memory in all other coordinates, how far may the centroid be in this one?
            let y = self.point(k);
            for i in 0..self.dim {
                parts[i] = (lower[i] - y[i]).max(y[i] - upper[i]).max(0.0).powi(2);
            }
            let nearest: f64 = parts.iter().sum();
            if nearest > outside * outside {
                return false;
            }
            for i in 0..self.dim {
                let half = (outside * outside - (nearest - parts[i])).max(0.0).sqrt() + self.margin;
                lower[i] = lower[i].max(y[i] - half);
                upper[i] = upper[i].min(y[i] + half);
            }
        }
        for &k in outer.iter() {
            // Farthest from it in all other coordinates, the window still covers this much of the box.
            let y = self.point(k);
            for i in 0..self.dim {
                parts[i] = (lower[i] - y[i]).abs().max((y[i] - upper[i]).abs()).powi(2);
            }
            let farthest: f64 = parts.iter().sum();
            for i in 0..self.dim {
                let rest = inside * inside - (farthest - parts[i]);
                if rest <= 0.0 {
                    continue;
                }
                let half = rest.sqrt() - self.margin;
                if lower[i] > y[i] - half {
                    lower[i] = lower[i].max(y[i] + half);
                }
                if upper[i] < y[i] + half {
                    upper[i] = upper[i].min(y[i] - half);
                }
            }
        }
        (0..self.dim).all(|i| lower[i] <= upper[i])
    }

    fn reach(&self, branch: &Branch, center: &[f64], weight: f64, k: usize) -> Reach {
        let y = self.point(k);
        let (mut nearest, mut farthest) = (0.0, 0.0);
        for i in 0..self.dim {
            let (below, above) = (branch.lower[i] - y[i], y[i] - branch.upper[i]);
            let out = below.max(above).max(0.0);
            let over = (y[i] - branch.lower[i]).abs().max((branch.upper[i] - y[i]).abs());
            nearest += out * out;
            farthest += over * over;
        }
        let (inside, outside) = (self.radius - self.margin, self.radius + self.margin);
        if farthest.sqrt() < inside {
            return Reach::In;
        }
        if nearest.sqrt() > outside {
            return Reach::Out;
        }
        // A memory that is twice the radius from one that is surely within reach is out of it.
        if branch.inner.iter().any(|&i| distance(self.point(i), y) > 2.0 * self.radius + self.margin) {
            return Reach::Out;
        }
        // Towards the memory itself the centroid comes as far as the open memories take it.
        let gap = distance(y, center);
        if gap > outside {
            let towards: Vec<f64> = y.iter().zip(center).map(|(y, c)| (y - c) / gap).collect();
            let offset = dot(&towards, center);
            if gap - self.farthest(&branch.open, weight, |y| dot(&towards, y) - offset) > outside {
                return Reach::Out;
            }
        }
        Reach::Either
    }

    /// The largest `sum_T w a / (weight + sum_T w)` over sets T of open memories, where `a` is a coordinate measured
    /// from the inner memories' centroid.
    fn farthest(&self, open: &[usize], weight: f64, a: impl Fn(&[f64]) -> f64) -> f64 {
        let mut ahead: Vec<(f64, f64)> =
            open.iter().map(|&k| (a(self.point(k)), self.weights[k])).filter(|p| p.0 > 0.0).collect();
        let mut best = 0.0;
        // Each turn takes in what exceeds the mean so far, which grows; what it exceeds never counts again.
        loop {
            let (mut sum, mut total) = (0.0, weight);
            for (a, w) in &ahead {
                sum += w * a;
                total += w;
            }
            let next = (sum / total).max(best);
            let before = ahead.len();
            best = next;
            ahead.retain(|p| p.0 > best);
            if ahead.len() == before {
                return best;
            }
        }
    }
}
