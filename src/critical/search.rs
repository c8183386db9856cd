//! `method = "search"`: critical points by many searches, round by round, until a stated rule says that all were met.
//!
//! A round starts searches from everything that is new since the last one, and from random points:
//! * descents from every datum and from random points (index 0);
//! * between neighbouring minima along a relaxed path (index 1), and from the level points of simplices of minima
//!   (index k from k + 1 minima: exact as the noise of a mixture falls);
//! * from each point up along its softest modes (index + 1) and down along its unstable ones (index - 1): near a fold
//!   the partner lies where the cubic model along the soft mode says;
//! * from random points to every index.
//!
//! The search ends when a round brought nothing new, nothing systematic is left to try, the minima are joined by
//! saddles, the Euler characteristic is that of the region (where known) and fewer than half a point is expected to be
//! unseen, at the upper end of the interval; or when its rounds are used up. The answer says which.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use faer::Mat;
use petgraph::unionfind::UnionFind;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::chart::Chart;
use super::family::Family;
use super::follow::follow;
use super::problem::Problem;
use super::refine::{Refined, is_same, refine};
use super::unseen::{Meetings, Unseen, unseen};
use super::{Completeness, CriticalPoint, CriticalSet, DegenerateFamily, Work, starts, string};
use crate::control::{Control, Progress};
use crate::error::{Error, Result};
use crate::landscape::trapping::trapping_region;
use crate::landscape::{Landscape, Region};
use crate::linalg::solve_symmetric;

/// What a search may be told; the defaults suit most landscapes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Highest Morse index to look for. By default all up to eight dimensions; beyond, an index above 1 only if there are
    /// points of the one below, and no more than 300.
    pub max_index: Option<usize>,
    /// Most rounds; by default 60 up to 32 dimensions, 8 beyond.
    pub rounds: Option<usize>,
    /// A point whose smallest |eigenvalue| is below this times its largest is degenerate.
    pub degenerate_tolerance: f64,
    /// Nearest minima that each minimum is paired with.
    pub neighbours: usize,
    /// Seed of the random starts.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { max_index: None, rounds: None, degenerate_tolerance: 1e-10, neighbours: 8, seed: 0 }
    }
}

/// Searches run at a time before their results are merged: fixed, so that the answer does not depend on threads.
const BATCH: usize = 128;
/// Searches after the first descents, in few and in many dimensions.
const BUDGET: (usize, usize) = (25_000, 12_000);
/// Paths tried at a time from one component of minima to the others.
const BRIDGES: usize = 6;
/// Simplices of minima that are tried in all.
const SIMPLICES: usize = 6000;
/// Newton's step at a level point, relative to its distance from the corners, below which it is followed.
const PROMISING: f64 = 0.5;
/// Above this number of points of one index the next index is not searched unless asked for.
const CROWD: usize = 300;
/// Random starts a round beyond the few that every index gets.
const RANDOM: f64 = 48.0;
/// Upper end of the number of unseen points at which the search may end.
const UNSEEN: f64 = 0.5;

/// One search to run.
enum Seed {
    /// Eigenvector following from a point.
    Climb { x: Vec<f64>, index: usize, directions: Option<Mat<f64>>, from: Option<usize> },
    /// The same from the level point of a simplex of minima, whose nearest corner is `reach` away, if Newton's step
    /// there is short against that and the index is right: as the noise falls both come true where a point is.
    Level { x: Vec<f64>, directions: Mat<f64>, reach: f64 },
    /// The peaks of a path between two minima (ids in the pool).
    Between { a: usize, b: usize },
}

/// Where a search ended.
enum Met {
    Known(usize),
    New(Box<Refined>),
}

struct Known {
    point: Refined,
    meetings: Meetings,
    expanded: bool,
    /// Minima that descents from this saddle of index 1 reached.
    ends: Vec<usize>,
}

/// Everything found so far.
struct Pool<'a> {
    problem: &'a Problem<'a>,
    options: &'a Options,
    points: Vec<Known>,
    families: Vec<Family>,
    tried: BTreeSet<Vec<usize>>,
    simplices: usize,
    /// Number of minima and highest index for which pairs and simplices have been listed.
    paired: (usize, usize),
    /// Searches that may be started in all.
    budget: usize,
    work: Work,
}

/// Finds the critical points of `landscape` in `region` (by default the landscape's own, or else a ball that the flow is
/// seen to enter).
///
/// # Errors
/// If the region does not fit, or none is given and none can be found. An empty answer is no error.
pub fn search(
    landscape: &dyn Landscape,
    region: Option<&Region>,
    options: &Options,
    control: &Control<'_>,
) -> Result<CriticalSet> {
    crate::linalg::sequential();
    let region = settle_region(landscape, region)?;
    let chart = Chart::new(landscape, &region);
    let problem = Problem::new(&chart, &region);
    let counts = landscape.is_smooth() && chart.is_entered(landscape, &region);
    let euler = counts.then_some(if region.is_periodic() { 0 } else { 1 });
    let mut pool = Pool {
        problem: &problem,
        options,
        points: vec![],
        families: vec![],
        tried: BTreeSet::new(),
        simplices: 0,
        paired: (0, 0),
        budget: usize::MAX,
        work: Work::default(),
    };
    let (completeness, top) = pool.run(euler, control);
    let mut work = pool.work;
    work.gradients = problem.landscape.gradients.load(Ordering::Relaxed);
    work.hessian_vectors = problem.landscape.hessian_vectors.load(Ordering::Relaxed);
    work.hessians = problem.landscape.hessians.load(Ordering::Relaxed);
    let mut points: Vec<CriticalPoint> =
        pool.points.par_iter().filter_map(|k| chart.point(&k.point)).collect();
    points.sort_by(|a, b| {
        (a.index.cmp(&b.index)).then(a.energy.total_cmp(&b.energy)).then_with(|| compare(&a.x, &b.x))
    });
    let mut degenerate: Vec<DegenerateFamily> =
        pool.families.iter().map(|f| chart.family(&f.first, f.dimension, &f.samples)).collect();
    degenerate.sort_by(|a, b| a.energy.total_cmp(&b.energy).then_with(|| compare(&a.x, &b.x)));
    Ok(CriticalSet {
        points,
        degenerate,
        completeness,
        euler_expected: euler,
        highest_index: chart.highest_index(top),
        region,
        work,
        interrupted: control.stopped(),
    })
}

/// The region to use, checked against the landscape.
fn settle_region(landscape: &dyn Landscape, region: Option<&Region>) -> Result<Region> {
    let n = landscape.dim();
    let mut region = match region {
        Some(region) if region.dim() != n => {
            let have = region.dim();
            return Err(Error::input(format!("the region has dimension {have}, the landscape has {n}")));
        }
        Some(region) => region.clone(),
        None if let Some(why) = landscape.unbounded() => {
            return Err(Error::input(why).with_help("[region]\nball = { radius = 2.0 }"));
        }
        None => landscape.region().or_else(|| trapping_region(landscape)).ok_or_else(|| {
            Error::input(
                "no region: the energy does not grow in every direction, so none can be chosen for it",
            )
            .with_help("[region]\nbox = { lower = [-2.0, -2.0], upper = [2.0, 2.0] }")
        })?,
    };
    let period = landscape.period();
    if region.period.is_empty() && period.iter().any(Option::is_some) {
        // A box that spans a period is a circle in that coordinate; a narrower one is a plain interval.
        if let crate::landscape::Shape::Box { lower, upper } = &region.shape {
            region.period = period
                .iter()
                .enumerate()
                .map(|(i, p)| p.filter(|p| (upper[i] - lower[i] - p).abs() <= 1e-9 * p))
                .collect();
        }
    }
    Ok(region)
}

fn compare(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}

impl Pool<'_> {
    /// Rounds until the rule holds; returns the claim of completeness and the highest index searched.
    fn run(&mut self, euler: Option<i64>, control: &Control<'_>) -> (Completeness, usize) {
        let n = self.problem.dim();
        let rounds = self.options.rounds.unwrap_or(if n <= 32 { 60 } else { 8 });
        let mut first: Vec<Seed> = vec![];
        if let Some(wells) = &self.problem.wells {
            first.extend(wells.col_iter().map(|c| descent(c.iter().copied().collect())));
        }
        self.execute(first, false, control);
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed);
        let random = (0..32).map(|_| descent(starts::random(self.problem, &mut rng))).collect();
        self.execute(random, true, control);
        self.budget = self.work.searches + if n <= 32 { BUDGET.0 } else { BUDGET.1 };
        let mut top = self.top_index();
        for round in 0..rounds {
            if control.stopped() {
                self.work.ended = "interrupted".into();
                return (Completeness::Unknown, top);
            }
            self.work.rounds = round + 1;
            let before = self.points.len() + self.families.len();
            // What is new is followed up at once, generation by generation, before random starts are spent.
            for _ in 0..20 {
                top = self.top_index();
                let seeds = self.systematic(top);
                if seeds.is_empty() || control.stopped() {
                    break;
                }
                self.execute(seeds, false, control);
            }
            let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed ^ (0x9e37_79b9 * (round as u64 + 1)));
            let random = self.random(top, &mut rng);
            self.execute(random, true, control);
            if self.work.searches >= self.budget {
                self.work.ended = format!("its budget of {} searches was used up", self.budget);
                break;
            }
            let found_more = self.points.len() + self.families.len() > before;
            let bridges = self.bridges();
            let joined = bridges.is_empty();
            if !joined {
                self.execute(bridges, false, control);
                continue;
            }
            let euler_holds = euler.is_none_or(|chi| !self.families.is_empty() || self.euler() == chi);
            // A degenerate family alone says nothing of what else there is: look a few times more.
            let early = self.points.is_empty() && round < 4;
            if !found_more && !early && euler_holds && self.unseen().high <= UNSEEN {
                self.work.ended =
                    "nothing new, nothing left to try, fewer than half a point expected unseen".into();
                break;
            }
        }
        if self.work.ended.is_empty() {
            self.work.ended = format!("its {rounds} rounds were used up");
        }
        let u = self.unseen();
        let claim = if self.points.is_empty() {
            Completeness::Unknown
        } else {
            Completeness::Estimated { unseen: u.estimate, low: u.low, high: u.high }
        };
        (claim, top)
    }

    /// Points of one index still unseen: each index has searches of its own.
    fn unseen_of(&self, index: usize) -> Unseen {
        let of_index = self.points.iter().filter(|k| k.point.index == Some(index));
        unseen(&of_index.map(|k| k.meetings).collect::<Vec<_>>())
    }

    /// The highest index of a known point.
    fn highest(&self) -> usize {
        self.points.iter().filter_map(|k| k.point.index).max().unwrap_or(0)
    }

    fn unseen(&self) -> Unseen {
        let mut sum = Unseen { estimate: 0.0, low: 0.0, high: 0.0 };
        for index in 0..=self.highest() {
            let part = self.unseen_of(index);
            sum.estimate += part.estimate;
            sum.low += part.low;
            sum.high += part.high;
        }
        sum
    }

    fn euler(&self) -> i64 {
        self.points.iter().filter_map(|k| k.point.index).map(|i| if i % 2 == 0 { 1 } else { -1 }).sum()
    }

    fn count(&self, index: usize) -> usize {
        self.points.iter().filter(|k| k.point.index == Some(index)).count()
    }

    /// The highest index that is worth a search now.
    fn top_index(&self) -> usize {
        let highest = self.problem.landscape.highest_index();
        if let Some(m) = self.options.max_index {
            return m.min(highest);
        }
        if self.problem.dim() <= 8 {
            return highest;
        }
        let mut top = 1;
        while top < highest && (1..=CROWD).contains(&self.count(top)) {
            top += 1;
        }
        top.min(highest)
    }

    /// Runs the searches and takes in what they met.
    fn execute(&mut self, seeds: Vec<Seed>, random: bool, control: &Control<'_>) {
        let total = seeds.len();
        for (i, batch) in seeds.chunks(BATCH).enumerate() {
            if control.stopped() || self.work.searches >= self.budget {
                return;
            }
            let met: Vec<Vec<Met>> = batch
                .par_iter()
                .map(|seed| if control.stopped() { vec![] } else { self.pursue(seed) })
                .collect();
            for (seed, met) in batch.iter().zip(met) {
                self.work.searches += 1;
                for met in met {
                    self.work.converged += 1;
                    let id = match met {
                        Met::Known(id) => Some(id),
                        Met::New(point) => self.admit(*point, random),
                    };
                    if let (Some(id), Seed::Climb { index: 0, from: Some(saddle), .. }) = (id, seed) {
                        self.points[*saddle].ends.push(id);
                    }
                    if let (Some(id), true) = (id, random) {
                        self.points[id].meetings.random += 1;
                    }
                }
            }
            let note =
                (0..=self.top_index()).map(|k| self.count(k).to_string()).collect::<Vec<_>>().join(" + ");
            (control.progress)(Progress {
                stage: "critical points",
                done: (i * BATCH + batch.len()).min(total),
                total,
                note: &note,
            });
        }
    }

    /// Takes in a new point; its id, or `None` if it belongs to a degenerate family.
    fn admit(&mut self, point: Refined, random: bool) -> Option<usize> {
        let tolerance = self.options.degenerate_tolerance;
        if point.index.is_none() {
            if !self.families.iter_mut().any(|f| f.absorb(self.problem, &point, tolerance)) {
                self.families.push(Family::new(self.problem, point, tolerance));
            }
            return None;
        }
        let same = |k: &Known| {
            let reach = 10.0 * (k.point.radius + point.radius);
            k.point.index == point.index && self.problem.region.distance(&k.point.x, &point.x) <= reach
        };
        if let Some(id) = self.points.iter().position(same) {
            return Some(id);
        }
        self.points.push(Known {
            point,
            meetings: Meetings { random: 0, random_first: random },
            expanded: false,
            ends: vec![],
        });
        Some(self.points.len() - 1)
    }

    /// Runs one search.
    fn pursue(&self, seed: &Seed) -> Vec<Met> {
        match seed {
            Seed::Climb { x, index, directions, .. } => {
                self.meet(x, *index, directions.as_ref()).into_iter().collect()
            }
            Seed::Level { x, directions, reach } => {
                let index = directions.ncols();
                if is_promising(self.problem, x, index, *reach) {
                    self.meet(x, index, Some(directions)).into_iter().collect()
                } else {
                    vec![]
                }
            }
            Seed::Between { a, b } => {
                let peaks = string::peaks(self.problem, &self.points[*a].point.x, &self.points[*b].point.x);
                peaks
                    .iter()
                    .filter_map(|(x, tangent)| {
                        let guide = Mat::from_fn(tangent.len(), 1, |i, _| tangent[i]);
                        self.meet(x, 1, Some(&guide))
                    })
                    .collect()
            }
        }
    }

    fn meet(&self, x: &[f64], index: usize, directions: Option<&Mat<f64>>) -> Option<Met> {
        let found = follow(self.problem, x, index, directions.map(|d| d.as_ref()))?;
        if let Some(id) = self.points.iter().position(|k| is_same(self.problem, &k.point, &found)) {
            return Some(Met::Known(id));
        }
        refine(self.problem, &found, self.options.degenerate_tolerance).map(|p| Met::New(Box::new(p)))
    }

    /// Searches that follow from what is known and were not tried yet.
    fn systematic(&mut self, top: usize) -> Vec<Seed> {
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
        seeds
    }

    fn minima(&self) -> Vec<usize> {
        (0..self.points.len()).filter(|&i| self.points[i].point.index == Some(0)).collect()
    }

    /// Ids of the minima nearest to minimum `id`, nearest first.
    fn nearest(&self, id: usize, minima: &[usize], count: usize) -> Vec<usize> {
        let here = &self.points[id].point.x;
        let mut others: Vec<(f64, usize)> = minima
            .iter()
            .filter(|m| **m != id)
            .map(|&m| (self.problem.region.distance(here, &self.points[m].point.x), m))
            .collect();
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if count < others.len() {
            others.select_nth_unstable_by(count, order);
            others.truncate(count);
        }
        others.sort_by(order);
        others.into_iter().map(|(_, m)| m).collect()
    }

    /// Paths between each minimum and its neighbours.
    fn pair_up(&mut self, minima: &[usize], seeds: &mut Vec<Seed>) {
        let count = if minima.len() <= 16 { minima.len() } else { self.options.neighbours };
        for &a in minima {
            for b in self.nearest(a, minima, count) {
                let pair = vec![a.min(b), a.max(b)];
                if self.tried.insert(pair.clone()) {
                    seeds.push(Seed::Between { a: pair[0], b: pair[1] });
                    if let Some(seed) = self.level_seed(&pair) {
                        seeds.push(seed);
                    }
                }
            }
        }
    }

    fn level_seed(&self, corners: &[usize]) -> Option<Seed> {
        let points: Vec<&Refined> = corners.iter().map(|&c| &self.points[c].point).collect();
        let (x, directions) = starts::level_point(self.problem, &points)?;
        let reach =
            points.iter().map(|p| self.problem.region.distance(&p.x, &x)).fold(f64::INFINITY, f64::min);
        Some(Seed::Level { x, directions, reach })
    }

    /// Level points of simplices of neighbouring minima: all simplices where there are few.
    fn simplices(&mut self, minima: &[usize], top: usize, seeds: &mut Vec<Seed>) {
        let largest = (top + 1).min(minima.len());
        let all = (3..=largest).map(|k| binomial(minima.len(), k)).sum::<f64>() <= SIMPLICES as f64;
        let count = if all { minima.len() } else { self.options.neighbours };
        for &a in minima {
            let near = self.nearest(a, minima, count);
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
                        seeds.extend(self.level_seed(&corners));
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
        let few = n <= 32;
        let unstable = Mat::from_fn(n, index.min(point.kept()), |i, j| point.vectors[(i, j)]);
        for j in 0..index.min(if few { 6 } else { 2 }).min(point.kept()) {
            let rest = Mat::from_fn(n, index - 1, |i, l| unstable[(i, if l < j { l } else { l + 1 })]);
            for x in self.displaced(point, j) {
                let from = (index == 1).then_some(id);
                seeds.push(Seed::Climb { x, index: index - 1, directions: Some(rest.clone()), from });
            }
        }
        if index < top && (few || index > 0) {
            for j in index..(index + if few { 4 } else { 1 }).min(point.kept()) {
                let guide = Mat::from_fn(n, index + 1, |i, l| {
                    if l < index { unstable[(i, l)] } else { point.vectors[(i, j)] }
                });
                for x in self.displaced(point, j) {
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

    /// Starts on either side of a point along mode `j`, as far away as the cubic model puts its neighbour.
    fn displaced(&self, point: &Refined, j: usize) -> Vec<Vec<f64>> {
        let v = point.vector(j);
        let mut rate = vec![0.0; v.len()];
        self.problem.landscape.third(&point.x, v, v, &mut rate);
        let cubic = crate::linalg::dot(&rate, v);
        let scale = self.problem.scale;
        let reach = -2.0 * point.values[j] / cubic;
        let reach = if reach.is_finite() {
            reach.abs().clamp(1e-6 * scale, 0.15 * scale).copysign(reach)
        } else {
            0.15 * scale
        };
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
    fn random(&self, top: usize, rng: &mut ChaCha8Rng) -> Vec<Seed> {
        let highest = self.highest();
        let doubt =
            |index: usize| if index > highest { 0.0 } else { self.unseen_of(index).high.clamp(0.01, 1e3) };
        let total: f64 = (0..=top).map(doubt).sum();
        let mut seeds = vec![];
        for index in 0..=top {
            let share = RANDOM * doubt(index) / total;
            let share = if total > 0.0 { share.ceil() as usize } else { RANDOM as usize / (top + 1) };
            let count = if index > highest + 1 { 2 } else { 6 } + share;
            for _ in 0..count {
                let x = starts::random(self.problem, rng);
                seeds.push(Seed::Climb { x, index, directions: None, from: None });
            }
        }
        seeds
    }

    /// Untried paths between components of minima that no saddle joins yet.
    fn bridges(&mut self) -> Vec<Seed> {
        if self.problem.landscape.highest_index() == 0 {
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

/// Is `x` close to a critical point of this index, by the quadratic model there?
fn is_promising(problem: &Problem<'_>, x: &[f64], index: usize, reach: f64) -> bool {
    let n = x.len();
    let mut h = Mat::zeros(n, n);
    problem.landscape.hessian(x, h.as_mut());
    let mut step = vec![0.0; n];
    problem.landscape.gradient(x, &mut step);
    let Some(negative) = solve_symmetric(h.as_ref(), &mut step) else { return false };
    negative == index && crate::linalg::norm(&step) < PROMISING * reach
}

fn descent(x: Vec<f64>) -> Seed {
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
