//! `method = "search"`: critical points by many searches, round by round, until a stated rule says that all were met.
//!
//! A round starts searches from everything that is new since the last one, and from random points:
//! * descents from every datum and from random points (index 0);
//! * between neighbouring minima along a relaxed path, unless a saddle in their middle joins them by then (index 1), and from the level points of minima that see each other
//!   and of simplices of minima (index k from k + 1 minima: exact as the noise of a mixture falls);
//! * from each point up along its softest modes (index + 1) and down along its unstable ones (index - 1): near a fold
//!   the partner lies where the cubic model along the soft mode says;
//! * from random points to every index.
//!
//! The search ends when a round brought nothing new, nothing systematic is left to try, the minima are joined by
//! saddles, the Euler characteristic is that of the region (where known) and fewer than half a point is expected to be
//! unseen, at the upper end of the interval; or when its rounds are used up. The answer says which.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::chart::Chart;
use super::complete::{self, Cover, Target};
use super::entry::enters;
use super::places::Places;
use super::pool::Pool;
use super::problem::Problem;
use super::prove::prove;
use super::seeds::{ENOUGH, Seed, descent};
use super::{
    Completeness, Coverage, CriticalPoint, CriticalSet, DegenerateFamily, Level, Work, field, starts,
};
use crate::control::{Control, Progress};
use crate::error::{Error, Result};
use crate::landscape::trapping::trapping_region;
use crate::landscape::{Enclose, Landscape, Region};
use crate::rigor::prune::{Limits, SignedPermutation};

/// How critical points are to be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// With a proof that they are all, where that is within reach, else by search.
    #[default]
    Auto,
    /// By many searches.
    Search,
    /// With a proof that they are all, whatever it takes.
    Complete,
}

/// What a search may be told; the defaults suit most landscapes.
#[derive(Clone, Debug)]
pub struct Options {
    /// How.
    pub method: Method,
    /// Most boxes that a proof of completeness may look at.
    pub boxes: Option<u64>,
    /// Maps of the coordinates that leave the energy as it is: a proof of completeness looks at one part of the region only.
    pub symmetry: Vec<SignedPermutation>,
    /// Highest Morse index to look for. By default all up to eight dimensions; beyond, an index above 1 only if there are
    /// points of the one below, and no more than 300.
    pub max_index: Option<usize>,
    /// Most rounds; by default 60 up to 32 dimensions, 8 beyond.
    pub rounds: Option<usize>,
    /// Most searches: what was found by then is the answer, whatever else there is to try.
    pub limit: Option<usize>,
    /// A point whose smallest |eigenvalue| is below this times its largest is degenerate.
    pub degenerate_tolerance: f64,
    /// Nearest minima that each minimum is paired with.
    pub neighbours: usize,
    /// Is each point that a search finds to be proven by itself, where the landscape can be enclosed? Points of a proof of completeness are
    /// in any case.
    pub prove: bool,
    /// Seed of the random starts.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            method: Method::Auto,
            boxes: None,
            symmetry: vec![],
            max_index: None,
            rounds: None,
            limit: None,
            degenerate_tolerance: 1e-10,
            neighbours: 8,
            prove: true,
            seed: 0,
        }
    }
}

/// Searches after the first descents, in few and in many dimensions ..
const BUDGET: (usize, usize) = (25_000, 12_000);
/// .. in few of them as many as this for each minimum that these met, but no more than the second number.
const EACH: (usize, usize) = (100, 2_000_000);
/// Boxes of a proof of completeness: where nobody asked for one, and where somebody did.
const BOXES: (u64, u64) = (8_000, 2_000_000);
/// By the number of unknowns, so many boxes for each minimum if that is more. (With data at random it takes 100 to 140 in the plane, 600 to 900 in
/// space.)
const BOXES_EACH: [u64; 4] = [0, 200, 200, 1500];
/// But not if that is more than this, as long as nobody asks for it, ..
const BOXES_MOST: u64 = 500_000;
/// .. nor if more than this share of the minima may be unseen.
const UNSURE: f64 = 0.02;
/// A proof that nobody asked for is tried up to so many unknowns, or up to the second number if those are fewer than the
/// dimensions.
const BOXES_BY_THE_WAY: (usize, usize) = (3, 4);
/// Upper end of the number of unseen points at which the search may end.
pub(super) const UNSEEN: f64 = 0.5;

/// Finds the critical points of `landscape`, or the equilibria of a field without an energy, in `region` (by default the
/// landscape's own, or else a ball beyond which no gradient was seen to point back).
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
    if !landscape.has_energy() {
        let none = || Error::Numerics("a field without an energy brings no dynamics".into());
        return field::search(landscape, landscape.dynamics().ok_or_else(none)?, region, options, control);
    }
    let enclosed = landscape.enclose();
    let entered = |of: &dyn Enclose| landscape.dynamics().is_none() && enters(of, &region, control);
    let entered = enclosed.as_ref().is_ok_and(|of| entered(of.as_ref()));
    let chart = Chart::new(landscape, &region);
    let Attempt { mut covers, minima } =
        attempt(landscape, enclosed.as_deref(), &chart, &region, options, control)?;
    // Where the gradient is proven to point outwards all over the boundary there is nothing to try.
    let certain = entered
        && landscape.is_smooth()
        && !region.is_periodic()
        && matches!(chart, Chart::Whole(_) | Chart::Reduced(_));
    let euler = if certain { Some(1) } else { chart.euler_characteristic(landscape, &region) };
    if let Some(cover) = covers.first_mut() {
        // All points are known: if they do not add up, the energy is not smooth all over, or something else is wrong.
        let sum: i64 = cover.points.iter().map(|p| if p.index % 2 == 0 { 1 } else { -1 }).sum();
        if cover.open.is_none() && euler.is_some_and(|chi| chi != sum) {
            cover.open = Some(format!(
                "the points found add up to {sum}, not to the region's Euler characteristic: the energy is not smooth all over"
            ));
        }
    }
    if let Some(cover) = covers.first().filter(|cover| cover.open.is_none()) {
        let mut set = proven(landscape, cover, region, euler, control);
        set.coverage.entered = entered;
        return Ok(set);
    }
    let mut set = match minima.filter(|_| control.stopped()) {
        // What was found before the interrupt is not lost.
        Some(minima) => CriticalSet { completeness: Completeness::Unknown, interrupted: true, ..minima },
        None => by_searching(&chart, region, euler, options, control),
    };
    if let (true, Ok(enclosed)) = (options.prove, &enclosed) {
        prove_each(landscape, enclosed.as_ref(), &mut set, control);
    }
    covers.into_iter().rev().for_each(|cover| set.take_in(cover));
    set.coverage.entered = entered;
    Ok(set)
}

/// What came of proofs of completeness: the last one first, and the minima that were looked for in between.
#[derive(Default)]
struct Attempt {
    covers: Vec<Cover>,
    minima: Option<CriticalSet>,
}

/// Tries to prove that the critical points are all, if it is asked for or within reach.
fn attempt(
    landscape: &dyn Landscape,
    enclosed: std::result::Result<&dyn Enclose, &String>,
    chart: &Chart<'_>,
    region: &Region,
    options: &Options,
    control: &Control<'_>,
) -> Result<Attempt> {
    let enclosed = match (options.method, enclosed) {
        (Method::Search, _) | (Method::Auto, Err(_)) => return Ok(Attempt::default()),
        (Method::Complete, Err(why)) => {
            return Err(Error::input(format!("there can be no proof of completeness: {why}"))
                .with_help("write method = \"search\""));
        }
        (Method::Complete | Method::Auto, Ok(enclosed)) => enclosed,
    };
    let target = Target::new(enclosed, region);
    let asked = options.method == Method::Complete;
    let (least, most) = BOXES_BY_THE_WAY;
    let near = target.unknowns() <= least || target.unknowns() <= most && landscape.dim() > target.unknowns();
    if !(asked || near) {
        return Ok(Attempt::default());
    }
    let all = options.max_index.is_none_or(|most| most >= landscape.dim());
    let each = BOXES_EACH.get(target.unknowns()).copied().filter(|_| all && !asked);
    let cover = |target, boxes| {
        let limits = Limits { boxes, symmetry: options.symmetry.clone(), ..Limits::default() };
        complete::cover(landscape, enclosed, target, region, limits, asked, control)
    };
    let first = cover(target, options.boxes.unwrap_or(if asked { BOXES.1 } else { BOXES.0 }))?;
    let Some(each) = each.filter(|_| first.used_up && options.boxes.is_none()) else {
        return Ok(Attempt { covers: vec![first], minima: None });
    };
    // Not too many boxes for what there is to find, if that is many points.
    let options = Options { max_index: Some(0), ..options.clone() };
    let minima = by_searching(chart, region.clone(), None, &options, control);
    let boxes = each * minima.points.len() as u64;
    let whole = matches!(minima.completeness, Completeness::Estimated { high, .. } if high < UNSURE * minima.points.len() as f64);
    if !whole || control.stopped() || !(BOXES.0 + 1..=BOXES_MOST).contains(&boxes) {
        return Ok(Attempt { covers: vec![first], minima: Some(minima) });
    }
    let mut second = cover(Target::new(enclosed, region), boxes)?;
    second.boxes += first.boxes;
    second.enclosures += first.enclosures;
    Ok(Attempt { covers: vec![second, first], minima: Some(minima) })
}

/// The answer, if there is a proof.
fn proven(
    landscape: &dyn Landscape,
    cover: &Cover,
    region: Region,
    euler: Option<i64>,
    control: &Control<'_>,
) -> CriticalSet {
    CriticalSet {
        points: cover.points.clone(),
        degenerate: vec![],
        completeness: Completeness::Proven,
        coverage: Coverage { everywhere: cover.everywhere, ..Coverage::default() },
        euler_expected: euler,
        rough: false,
        highest_index: landscape.dim(),
        region,
        work: Work {
            boxes: cover.boxes,
            enclosures: cover.enclosures,
            ended: "every other place is excluded".into(),
            ..Work::default()
        },
        interrupted: control.stopped(),
    }
}

/// Proves each point by itself, where that can be done. What is proven replaces what was checked.
fn prove_each(
    landscape: &dyn Landscape,
    enclosed: &dyn Enclose,
    set: &mut CriticalSet,
    control: &Control<'_>,
) {
    if landscape.dim() > complete::MOST_DIMENSIONS {
        return;
    }
    let reach = 2.0 * set.region.radius();
    let with_basin = landscape.dynamics().is_none();
    let (total, done) = (set.points.len(), AtomicUsize::new(0));
    set.points.par_iter_mut().for_each(|point| {
        if control.stopped() {
            return;
        }
        let proof = prove(enclosed, &point.x, reach, with_basin).filter(|proof| proof.index == point.index);
        if let Some(proof) = proof {
            point.radius = proof.radius;
            point.level = Level::Proven;
            point.proof = Some(proof);
        }
        let done = done.fetch_add(1, Relaxed) + 1;
        (control.progress)(Progress { stage: "proofs", done, total, note: "" });
    });
    set.interrupted |= done.into_inner() < total;
}

/// The critical points that many searches find.
fn by_searching(
    chart: &Chart<'_>,
    region: Region,
    euler: Option<i64>,
    options: &Options,
    control: &Control<'_>,
) -> CriticalSet {
    let problem = Problem::new(chart, &region);
    let mut pool = Pool {
        problem: &problem,
        options,
        points: vec![],
        places: Places::new(&problem.region),
        families: vec![],
        tried: BTreeSet::new(),
        levelled: BTreeSet::new(),
        pairs: vec![],
        simplices: 0,
        paired: (0, 0),
        aimed: vec![0; problem.dim() + 1],
        budget: options.limit.unwrap_or(usize::MAX),
        work: Work::default(),
    };
    let (completeness, top) = pool.run(euler, control);
    let rough = problem.rough.load(Relaxed);
    let mut work = pool.work;
    work.gradients = problem.landscape.gradients.load(Relaxed);
    work.hessian_vectors = problem.landscape.hessian_vectors.load(Relaxed);
    work.hessians = problem.landscape.hessians.load(Relaxed);
    let mut points: Vec<CriticalPoint> =
        pool.points.par_iter().filter_map(|k| chart.point(&k.point)).collect();
    points.sort_by(by_index);
    let mut degenerate: Vec<DegenerateFamily> =
        pool.families.iter().map(|f| chart.family(&f.first, f.dimension, &f.samples)).collect();
    degenerate.sort_by(|a, b| a.energy.total_cmp(&b.energy).then_with(|| compare(&a.x, &b.x)));
    CriticalSet {
        points,
        degenerate,
        completeness,
        coverage: Coverage::default(),
        euler_expected: euler.filter(|_| !rough),
        rough,
        highest_index: chart.highest_index(top),
        region,
        work,
        interrupted: control.stopped(),
    }
}

/// The region to use, checked against the landscape.
pub(crate) fn settle_region(landscape: &dyn Landscape, region: Option<&Region>) -> Result<Region> {
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
            let why = match landscape.has_energy() {
                true => "the energy does not grow in every direction",
                false => "far out the field does not lead back from every direction",
            };
            Error::input(format!("no region: {why}, so none can be chosen for it")).with_help(region_help(n))
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

/// How to name a region in so many dimensions: with a number a coordinate while that is short.
fn region_help(n: usize) -> String {
    let corner = |value: &str| match n {
        2..=4 => format!("[{}]", vec![value; n].join(", ")),
        _ => value.to_owned(),
    };
    let (lower, upper) = (corner("-2.0"), corner("2.0"));
    format!(
        "name one in the study, with bounds that suit it:\n[region]\nbox = {{ lower = {lower}, upper = {upper} }}\n\
         or on the command line:\n--set region.box.lower=-2.0 --set region.box.upper=2.0"
    )
}

/// The order in which points are numbered.
pub(super) fn by_index(a: &CriticalPoint, b: &CriticalPoint) -> Ordering {
    (a.index.cmp(&b.index)).then(a.energy.total_cmp(&b.energy)).then_with(|| compare(&a.x, &b.x))
}

pub(super) fn compare(a: &[f64], b: &[f64]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

impl Pool<'_> {
    /// Whether no more may be searched; then that is said. What a part of the systematic searches met tells nothing of the rest.
    fn limited(&mut self) -> bool {
        let Some(limit) = self.options.limit.filter(|limit| self.work.searches >= *limit) else {
            return false;
        };
        self.work.ended = format!("its limit of {limit} searches was reached");
        true
    }

    /// What is claimed of a search that came to its limit: nothing, and of indices above those that it met not even that they were tried.
    fn cut(&self, top: usize) -> (Completeness, usize) {
        (Completeness::Unknown, self.highest().min(top))
    }

    /// Rounds until the rule holds; returns the claim of completeness and the highest index searched.
    fn run(&mut self, euler: Option<i64>, control: &Control<'_>) -> (Completeness, usize) {
        let n = self.problem.dim();
        let rounds = self.options.rounds.unwrap_or(if n <= 32 { 60 } else { 8 });
        let mut first: Vec<Seed> = vec![];
        if let Some(wells) = &self.problem.wells {
            first = wells
                .col_iter()
                .take(self.budget)
                .map(|well| descent(well.iter().copied().collect()))
                .collect();
        }
        self.execute(first, false, control);
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.seed);
        let random = (0..32).map(|_| descent(starts::random(self.problem, &mut rng))).collect();
        self.execute(random, true, control);
        let more = if n <= 32 {
            // Every minimum has neighbours, and saddles between them, however many there are.
            BUDGET.0.max((EACH.0 * self.count(0)).min(EACH.1))
        } else {
            BUDGET.1
        };
        self.budget = self.budget.min(self.work.searches + more);
        let mut top = self.top_index();
        for round in 0..rounds {
            if control.stopped() {
                break;
            }
            if self.limited() {
                return self.cut(top);
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
                if self.limited() {
                    return self.cut(top);
                }
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
            let euler_holds = self.missing(euler, top) == 0;
            // A degenerate family alone says nothing of what else there is: look a few times more. Nor does a sum that
            // comes out: points of neighbouring indices can be missing together.
            let next = self.next_index();
            let early = self.points.is_empty() && round < 4
                || (0..=next).any(|k| self.count(k) == 0 && self.aimed[k] < ENOUGH);
            let hidden = self.problem.hidden.load(Relaxed);
            if !found_more && !early && (euler_holds || hidden) && self.unseen().high <= UNSEEN {
                let expected = if hidden {
                    "points that rounding hides"
                } else {
                    "fewer than half a point expected unseen"
                };
                self.work.ended = format!("nothing new, nothing left to try, {expected}");
                break;
            }
        }
        if control.stopped() {
            self.work.ended = "interrupted".into();
            return (Completeness::Unknown, top);
        }
        // What joins minima in the last round may have come to the limit, too.
        if self.work.ended.is_empty() && self.limited() {
            return self.cut(top);
        }
        if self.work.ended.is_empty() {
            self.work.ended = format!("its {rounds} rounds were used up");
        }
        let mut u = self.unseen();
        // What the alternating sum lacks is missing for certain, whatever the searches met.
        let missing = self.missing(euler, top) as f64;
        (u.estimate, u.low, u.high) = (u.estimate.max(missing), u.low.max(missing), u.high.max(missing));
        // Of points that were met and could not be told nobody knows how many they are.
        let unknown = self.points.is_empty() || self.problem.hidden.load(Relaxed);
        let high = self.unseen_of(0).high.max(missing);
        self.work.unseen_minima = Some(high).filter(|high| high.is_finite() && !unknown);
        let claim = if unknown {
            Completeness::Unknown
        } else {
            Completeness::Estimated { unseen: u.estimate, low: u.low, high: u.high }
        };
        (claim, top)
    }
}
