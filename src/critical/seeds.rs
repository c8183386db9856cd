//! Where searches start: pairs and simplices of minima, both sides of known points along their modes, paths between
//! components of minima that nothing joins yet, random points.

use std::collections::BTreeSet;

use faer::Mat;
use petgraph::unionfind::UnionFind;
use rand_chacha::ChaCha8Rng;

use super::pool::{Known, Pool, SOFT};
use super::refine::Refined;
use super::starts;
use crate::landscape::Landscape;

/// Paths tried at a time from one component of minima to the others.
const BRIDGES: usize = 6;
/// Simplices of minima that are tried in all.
const SIMPLICES: usize = 6000;
/// Random searches in vain for an index after which it is thought to have no points.
pub(super) const ENOUGH: usize = 60;
/// How far from a point searches along its modes start: at least and at most, relative to the scale, ..
const LEAST: f64 = 1e-6;
const AWAY: f64 = 0.15;
/// .. and no farther than this share of the way to the nearest known point: with many wells other points lie beyond it.
const HALFWAY: f64 = 0.5;
/// Minima that see each other are looked for among so many times as many of the nearest, until so many times as many are found.
const FARTHER: (usize, usize) = (32, 8);
/// A minimum is in the way where the sum of its square distances from two others is less than this share of the square of theirs.
const INSIDE: f64 = 0.9;
/// A saddle is in the middle of two minima where the sum of its square distances from them is no more than this share of the square of theirs:
/// a half half way between them, this a fifth of the way aside.
const MIDDLE: f64 = 0.6;
/// Random starts a round beyond the few that every index gets: at least, and as a share of the known points if that is more.
const RANDOM: (f64, f64) = (48.0, 0.02);

/// One search to run.
pub(super) enum Seed {
    /// Eigenvector following from a point.
    Climb { x: Vec<f64>, index: usize, directions: Option<Mat<f64>>, from: Option<usize> },
    /// A descent that was followed near to its end already, with the gradient there.
    Settled { x: Vec<f64>, gradient: Vec<f64> },
    /// Eigenvector following from the level point of a simplex of minima (ids in the pool), if Newton's step there is short against the
    /// way to the nearest of them and the index is right: as the noise falls both come true where a point is.
    Level { corners: Vec<usize> },
    /// The peaks of a path between two minima (ids in the pool).
    Between { a: usize, b: usize },
}

impl Seed {
    /// Where it starts; among minima nowhere yet.
    pub(super) fn start(&self) -> &[f64] {
        match self {
            Seed::Climb { x, .. } | Seed::Settled { x, .. } => x,
            Seed::Level { .. } | Seed::Between { .. } => &[],
        }
    }
}

impl Pool<'_> {
    /// Searches that follow from what is known and were not tried yet.
    pub(super) fn systematic(&mut self, top: usize) -> Vec<Seed> {
        let mut seeds = vec![];
        let minima = self.minima();
        if (minima.len(), top) != self.paired {
            self.paired = (minima.len(), top);
            if top >= 1 {
                self.pair_up(&minima, &mut seeds);
            }
            if top >= 2 {
                self.simplices(&minima, top, &mut seeds);
            }
        }
        for id in 0..self.points.len() {
            if !self.points[id].expanded {
                self.points[id].expanded = true;
                self.expand(id, top, &mut seeds);
            }
        }
        if seeds.is_empty() {
            self.paths(&mut seeds);
        }
        seeds
    }

    /// Paths between neighbours that no saddle in their middle joins: what starts at a level point costs a tenth of a path.
    fn paths(&mut self, seeds: &mut Vec<Seed>) {
        let between = |saddle: &Known, ends: &[usize]| {
            let [s, a, b] =
                [saddle, &self.points[ends[0]], &self.points[ends[1]]].map(|known| &known.point.x);
            let square = |a: &[f64], b: &[f64]| self.problem.region.distance(a, b).powi(2);
            square(s, a) + square(s, b) <= MIDDLE * square(a, b)
        };
        let joins = |saddle| move |ends: &&[usize]| between(saddle, ends);
        let ends = self.points.iter().flat_map(|saddle| saddle.ends.windows(2).filter(joins(saddle)));
        let joined: BTreeSet<[usize; 2]> = ends.map(|p| [p[0].min(p[1]), p[0].max(p[1])]).collect();
        let open = std::mem::take(&mut self.pairs).into_iter().filter(|pair| !joined.contains(pair));
        seeds.extend(open.map(|[a, b]| Seed::Between { a, b }));
    }

    /// The minima nearest to minimum `id`, with their distances, nearest first.
    fn nearest(&self, id: usize, count: usize) -> Vec<(f64, usize)> {
        self.others(id, count, |known| known.index == Some(0))
    }

    /// The points of a kind nearest to point `id`, so many at most, with their distances, nearest first.
    fn others(&self, id: usize, count: usize, kind: impl Fn(&Refined) -> bool) -> Vec<(f64, usize)> {
        let here = &self.points[id].point.x;
        let apart = |other: usize| {
            let known = Some(&self.points[other].point).filter(|known| other != id && kind(known))?;
            Some(self.problem.region.distance(here, &known.x))
        };
        self.places.nearest(here, count, apart)
    }

    /// Level points of each minimum and its neighbours, and of farther ones to which nothing stands in the way; paths to the former wait.
    fn pair_up(&mut self, minima: &[usize], seeds: &mut Vec<Seed>) {
        let count = if minima.len() <= 16 { minima.len() } else { self.options.neighbours };
        for &a in minima {
            let near = self.nearest(a, count.saturating_mul(FARTHER.0));
            let mut seen = 0;
            for (rank, &(distance, b)) in near.iter().enumerate() {
                let close = rank < count;
                let sees = close || self.sees((distance, b), &near[..rank]);
                seen += usize::from(sees);
                if seen > count.saturating_mul(FARTHER.1) {
                    break;
                }
                if !sees {
                    continue;
                }
                let pair = [a.min(b), a.max(b)];
                if close && self.tried.insert(pair.to_vec()) {
                    self.pairs.push(pair);
                }
                if self.levelled.insert(pair) {
                    seeds.push(Seed::Level { corners: pair.to_vec() });
                }
            }
        }
    }

    /// Of minima with their distances from another one: is none of those that are `nearer` within the ball of which that one and `b` are
    /// poles (or only just)? As the noise of a mixture of equally wide wells falls, saddles of index 1 are where that is so (Gabriel & Sokal
    /// 1969); elsewhere it is as good a guess as any.
    fn sees(&self, (distance, b): (f64, usize), nearer: &[(f64, usize)]) -> bool {
        let most = INSIDE * distance * distance;
        let from_b =
            |c: usize| self.problem.region.distance(&self.points[b].point.x, &self.points[c].point.x);
        nearer
            .iter()
            .all(|&(from_a, c)| from_a * from_a >= most || from_a * from_a + from_b(c).powi(2) >= most)
    }

    /// Level points of simplices of neighbouring minima: all simplices where there are few.
    fn simplices(&mut self, minima: &[usize], top: usize, seeds: &mut Vec<Seed>) {
        let largest = (top + 1).min(minima.len());
        let all = (3..=largest).map(|k| binomial(minima.len(), k)).sum::<f64>() <= SIMPLICES as f64;
        let count = if all { minima.len() } else { self.options.neighbours };
        for &a in minima {
            let near: Vec<usize> = self.nearest(a, count).into_iter().map(|(_, id)| id).collect();
            for size in 3..=largest {
                for pick in combinations(near.len(), size - 1) {
                    if self.simplices >= SIMPLICES {
                        return;
                    }
                    let mut corners: Vec<usize> = pick.iter().map(|&i| near[i]).collect();
                    corners.push(a);
                    corners.sort_unstable();
                    if self.tried.insert(corners.clone()) {
                        self.simplices += 1;
                        seeds.push(Seed::Level { corners });
                    }
                }
            }
        }
    }

    /// Up along soft modes, down along unstable ones.
    fn expand(&self, id: usize, top: usize, seeds: &mut Vec<Seed>) {
        let point = &self.points[id].point;
        let Some(index) = point.index else { return };
        let n = point.x.len();
        if index > point.kept() {
            return;
        }
        // In a band modes are had for as little as in few dimensions.
        let few = n <= 32 || self.problem.is_banded();
        let climbs = index < top && (few || index > 0);
        if index == 0 && !climbs {
            return;
        }
        let unstable = Mat::from_fn(n, index.min(point.kept()), |i, j| point.vectors[(i, j)]);
        let nearest = self.others(id, 1, |_| true).first().map_or(f64::INFINITY, |(distance, _)| *distance);
        let most = (AWAY * self.problem.scale).min(HALFWAY * nearest);
        for j in 0..index.min(if few { 6 } else { 2 }).min(point.kept()) {
            let rest = Mat::from_fn(n, index - 1, |i, l| unstable[(i, if l < j { l } else { l + 1 })]);
            for x in self.displaced(point, j, most) {
                let from = (index == 1).then_some(id);
                seeds.push(Seed::Climb { x, index: index - 1, directions: Some(rest.clone()), from });
            }
        }
        if climbs {
            for j in index..(index + if few { SOFT } else { 1 }).min(point.kept()) {
                let guide = Mat::from_fn(n, index + 1, |i, l| {
                    if l < index { unstable[(i, l)] } else { point.vectors[(i, j)] }
                });
                for x in self.displaced(point, j, most) {
                    seeds.push(Seed::Climb {
                        x,
                        index: index + 1,
                        directions: Some(guide.clone()),
                        from: None,
                    });
                }
            }
        }
    }

    /// Starts on either side of a point along mode `j`, as far away as the cubic model puts its neighbour, and so far at most.
    fn displaced(&self, point: &Refined, j: usize, most: f64) -> Vec<Vec<f64>> {
        let v = point.vector(j);
        let mut rate = vec![0.0; v.len()];
        self.problem.landscape.third(&point.x, v, v, &mut rate);
        let cubic = crate::linalg::dot(&rate, v);
        let reach = -2.0 * point.values[j] / cubic;
        let least = LEAST * self.problem.scale;
        let most = most.max(least);
        let reach = if reach.is_finite() { reach.abs().clamp(least, most).copysign(reach) } else { most };
        [reach, -reach]
            .iter()
            .map(|s| {
                let mut x = point.x.clone();
                crate::linalg::axpy(*s, v, &mut x);
                x
            })
            .filter(|x| self.problem.contains(x, 1.0))
            .collect()
    }

    /// Random starts: a few towards every index, most towards those of which most may be unseen.
    pub(super) fn random(&self, top: usize, rng: &mut ChaCha8Rng) -> Vec<Seed> {
        let next = self.next_index();
        // An index that was not met may have points that are as hard to meet as those of one that was: it gets its share.
        let doubt = |index: usize| match self.count(index) {
            0 if self.aimed[index] >= ENOUGH => 0.01,
            0 => 1.0,
            _ => self.unseen_of(index).high.clamp(0.01, 1e3),
        };
        let total: f64 = (0..=top).map(doubt).sum();
        let more = RANDOM.0.max(RANDOM.1 * self.points.len() as f64);
        let mut seeds = vec![];
        for index in 0..=top {
            let share = (more * doubt(index) / total).ceil() as usize;
            let count = if index > next { 2 } else { 6 } + share;
            for _ in 0..count {
                let x = starts::random(self.problem, rng);
                seeds.push(Seed::Climb { x, index, directions: None, from: None });
            }
        }
        seeds
    }

    /// Untried paths between components of minima that no saddle joins yet.
    pub(super) fn bridges(&mut self) -> Vec<Seed> {
        if self.top_index() == 0 {
            return vec![];
        }
        let minima = self.minima();
        let mut union = UnionFind::<usize>::new(self.points.len());
        for k in &self.points {
            for pair in k.ends.windows(2) {
                union.union(pair[0], pair[1]);
            }
        }
        let mut seeds = vec![];
        let parts: BTreeSet<usize> = minima.iter().map(|&m| union.find(m)).collect();
        if parts.len() <= 1 {
            return seeds;
        }
        for &part in &parts {
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                minima.iter().partition(|&&m| union.find(m) == part);
            // The few shortest, kept sorted: with thousands of minima the list of all pairs would not fit.
            let mut pairs: Vec<(f64, [usize; 2])> = Vec::with_capacity(BRIDGES + 1);
            for &a in &inside {
                for &b in &outside {
                    let d = self.problem.region.distance(&self.points[a].point.x, &self.points[b].point.x);
                    if pairs.len() == BRIDGES && d >= pairs[BRIDGES - 1].0 {
                        continue;
                    }
                    let pair = [a.min(b), a.max(b)];
                    if !self.tried.contains(pair.as_slice()) {
                        let place = pairs.partition_point(|p| (p.0, p.1) < (d, pair));
                        pairs.insert(place, (d, pair));
                        pairs.truncate(BRIDGES);
                    }
                }
            }
            let pairs = pairs.into_iter().map(|(d, pair)| (d, pair.to_vec()));
            for (_, pair) in pairs {
                if self.tried.insert(pair.clone()) {
                    seeds.push(Seed::Between { a: pair[0], b: pair[1] });
                }
            }
        }
        seeds
    }
}

pub(super) fn descent(x: Vec<f64>) -> Seed {
    Seed::Climb { x, index: 0, directions: None, from: None }
}

fn binomial(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

/// All increasing choices of `k` out of `0..n`, in lexicographic order.
fn combinations(n: usize, k: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut pick: Option<Vec<usize>> = (k <= n).then(|| (0..k).collect());
    std::iter::from_fn(move || {
        let current = pick.clone()?;
        let mut next = current.clone();
        let mut i = k;
        pick = loop {
            if i == 0 {
                break None;
            }
            i -= 1;
            if next[i] < n - k + i {
                next[i] += 1;
                for j in i + 1..k {
                    next[j] = next[j - 1] + 1;
                }
                break Some(next);
            }
        };
        Some(current)
    })
}
