//! Equilibria of a vector field without an energy: Newton's method from many random points, round by round.
//!
//! The search ends when a round brought nothing new, the alternating sum is that of the region (where known) and fewer
//! than half a point is expected to be unseen; or when its rounds are used up. There are no systematic searches, so that
//! the estimate is that of Good (1953): what random searches met often, and how much they met but once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use faer::{Mat, MatMut};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::equilibria::{Equilibrium, SAME, classify, newton};
use super::search::{Options, UNSEEN, compare};
use super::{
    Completeness, Coverage, CriticalPoint, CriticalSet, DegenerateFamily, Level, Meetings, Unseen, Work,
    unseen,
};
use crate::control::{Control, Progress};
use crate::error::Result;
use crate::landscape::{Dynamics, Landscape, Region, trapping};
use crate::linalg::norm;

/// Starts a round, in few and in many dimensions.
const STARTS: (usize, usize) = (400, 100);
/// Dimensions that are few.
const FEW: usize = 32;
/// Most steps from a start.
const STEPS: usize = 100;
/// Newton's method must converge from here on: Kantorovich's product is at most this.
const KANTOROVICH: f64 = 0.5;
/// Degenerate zeros within this share of the radius are of one family, those of an isolated point within `SPREAD`.
const LINK: f64 = 0.2;
const SPREAD: f64 = 1e-3;

/// The field with a count of what is asked of it.
struct Counted<'a> {
    field: &'a dyn Dynamics,
    velocities: AtomicU64,
    jacobians: AtomicU64,
}

impl Dynamics for Counted<'_> {
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
        self.velocities.fetch_add(1, Ordering::Relaxed);
        self.field.velocity(x, velocity)
    }

    fn jacobian(&self, x: &[f64], out: MatMut<'_, f64>) {
        self.jacobians.fetch_add(1, Ordering::Relaxed);
        self.field.jacobian(x, out);
    }
}

/// A zero, what it is as a hyperbolic point, and how often it was met.
struct Known {
    zero: Equilibrium,
    point: Option<CriticalPoint>,
    met: usize,
}

/// The equilibria of the landscape's field in a region: `index` counts the eigenvalues of the Jacobian with positive
/// real part, `eigenvalues` are minus the real parts, ascending.
pub(super) fn search(
    landscape: &dyn Landscape,
    field: &dyn Dynamics,
    region: Region,
    options: &Options,
    control: &Control<'_>,
) -> Result<CriticalSet> {
    let n = landscape.dim();
    let counted = Counted { field, velocities: AtomicU64::new(0), jacobians: AtomicU64::new(0) };
    let field = &counted;
    let euler = trapping::euler_characteristic(landscape, &region);
    let starts = if n <= FEW { STARTS.0 } else { STARTS.1 };
    let rounds = options.rounds.unwrap_or(if n <= FEW { 60 } else { 8 });
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut work = Work::default();
    let mut known: Vec<Known> = vec![];
    let mut estimate = None;
    for round in 0..rounds {
        if control.stopped() {
            work.ended = "interrupted".into();
            break;
        }
        work.rounds = round + 1;
        let starts = options.limit.map_or(starts, |limit| starts.min(limit - work.searches));
        let list: Vec<Vec<f64>> = (0..starts).map(|_| region.sample(&mut rng)).collect();
        let found: Vec<Option<Vec<f64>>> =
            list.into_par_iter().map(|x| newton(field, &region, x, STEPS)).collect();
        work.searches += starts;
        work.converged += found.iter().flatten().count();
        let before = known.len();
        for x in found.into_iter().flatten() {
            match known.iter_mut().find(|k| region.distance(&k.zero.x, &x) <= SAME * region.radius()) {
                Some(same) => same.met += 1,
                None => {
                    let zero = classify(field, x)?;
                    let point = regular(field, &region, &zero, options.degenerate_tolerance);
                    known.push(Known { zero, point, met: 1 });
                }
            }
        }
        let mut u = unseen_of(&known);
        let points = known.iter().filter_map(|k| k.point.as_ref());
        let sum: i64 = points.map(|p| if p.index % 2 == 0 { 1 } else { -1 }).sum();
        let isolated = known.iter().all(|k| k.point.is_some());
        let missing = euler.filter(|_| isolated).map_or(0, |chi| (sum - chi).unsigned_abs());
        let lacking = missing as f64;
        (u.estimate, u.low, u.high) = (u.estimate.max(lacking), u.low.max(lacking), u.high.max(lacking));
        estimate = known.iter().any(|k| k.point.is_some()).then_some(u);
        let (done, note) = (work.searches, format!("{} equilibria", known.len()));
        (control.progress)(Progress { stage: "equilibria", done, total: 0, note: &note });
        if let Some(limit) = options.limit.filter(|limit| work.searches >= *limit) {
            work.ended = format!("its limit of {limit} searches was reached");
            // What a part of a round met tells nothing of the rest.
            estimate = None;
            break;
        }
        // A continuum brings new zeros for ever; what lies beside it has had its chance after a few rounds.
        let more = known.len() > before && (isolated || round < 4);
        if !more && missing == 0 && u.high <= UNSEEN && (!known.is_empty() || round >= 4) {
            work.ended = "nothing new, fewer than half a point expected unseen".into();
            break;
        }
    }
    if work.ended.is_empty() {
        work.ended = format!("its {rounds} rounds were used up");
    }
    work.gradients = counted.velocities.load(Ordering::Relaxed);
    work.hessians = counted.jacobians.load(Ordering::Relaxed);
    let highest_index = options.max_index.unwrap_or(n).min(n);
    let (mut points, mut degenerate) = (vec![], vec![]);
    for Known { zero, point, .. } in known {
        match point {
            Some(point) if point.index <= highest_index => points.push(point),
            Some(_) => {}
            None => {
                let null = null_directions(&zero, options.degenerate_tolerance);
                degenerate.push((zero, null));
            }
        }
    }
    points.sort_by(|a, b| a.index.cmp(&b.index).then_with(|| compare(&a.x, &b.x)));
    Ok(CriticalSet {
        points,
        degenerate: families(degenerate, &region),
        rough: false,
        completeness: match estimate {
            Some(u) if !control.stopped() => {
                Completeness::Estimated { unseen: u.estimate, low: u.low, high: u.high }
            }
            _ => Completeness::Unknown,
        },
        coverage: Coverage::default(),
        euler_expected: euler,
        highest_index,
        region,
        work,
        interrupted: control.stopped(),
    })
}

/// The estimate, index by index: points of one index are about as hard to meet.
fn unseen_of(known: &[Known]) -> Unseen {
    let mut meetings: BTreeMap<usize, Vec<Meetings>> = BTreeMap::new();
    for k in known {
        if let Some(point) = &k.point {
            meetings.entry(point.index).or_default().push(Meetings { random: k.met, random_first: true });
        }
    }
    meetings.values().map(|m| unseen(m)).fold(unseen(&[]), |sum, part| Unseen {
        estimate: sum.estimate + part.estimate,
        low: sum.low + part.low,
        high: sum.high + part.high,
    })
}

/// Minus the real parts, ascending.
fn rates(zero: &Equilibrium) -> Vec<f64> {
    zero.eigenvalues.iter().map(|(re, _)| 0.0 - re).collect()
}

/// Eigenvalues whose modulus is below the tolerance: directions in which the zero may go on.
fn null_directions(zero: &Equilibrium, tolerance: f64) -> usize {
    let size = |z: &(f64, f64)| z.0.hypot(z.1);
    let largest = zero.eigenvalues.iter().map(size).fold(0.0, f64::max);
    // A zero on a continuum, or a multiple one, is known to the square root of rounding at best.
    zero.eigenvalues.iter().filter(|z| size(z) <= tolerance.max(1e-6) * largest).count()
}

/// A hyperbolic zero that Newton's method is certain of (as far as a sampled Lipschitz constant tells); `None` otherwise.
fn regular(
    field: &dyn Dynamics,
    region: &Region,
    zero: &Equilibrium,
    tolerance: f64,
) -> Option<CriticalPoint> {
    let n = zero.x.len();
    let mut jacobian = Mat::zeros(n, n);
    field.jacobian(&zero.x, jacobian.as_mut());
    let svd = jacobian.svd().ok()?;
    let sizes = svd.S().column_vector();
    let (largest, smallest) = (sizes[0], sizes[n - 1]);
    let slowest = zero.eigenvalues.iter().map(|(re, _)| re.abs()).fold(f64::INFINITY, f64::min);
    if !(slowest > tolerance * largest && smallest > tolerance * largest) {
        return None;
    }
    // Rounding of a field whose terms are of the size that a step across a thousandth of the region gives.
    let h = 1e-3 * region.radius();
    let remaining = zero.residual.max(f64::EPSILON * largest * norm(&zero.x).max(h));
    let mut nearby = Mat::zeros(n, n);
    let mut lipschitz = 0.0_f64;
    for sign in [h, -h] {
        let x: Vec<f64> = (0..n).map(|i| zero.x[i] + sign * svd.V()[(i, n - 1)]).collect();
        field.jacobian(&x, nearby.as_mut());
        lipschitz = lipschitz.max((&nearby - &jacobian).norm_l2() / h);
    }
    let product = lipschitz * remaining / (smallest * smallest);
    (product <= KANTOROVICH).then(|| CriticalPoint {
        x: zero.x.clone(),
        energy: f64::NAN,
        eigenvalues: rates(zero),
        index: zero.unstable,
        gradient_norm: zero.residual,
        radius: 2.0 * remaining / smallest,
        level: Level::Checked,
        proof: None,
    })
}

/// Degenerate zeros, joined where they lie close: those that spread are a continuum.
fn families(zeros: Vec<(Equilibrium, usize)>, region: &Region) -> Vec<DegenerateFamily> {
    let mut groups: Vec<Vec<(Equilibrium, usize)>> = vec![];
    for (zero, null) in zeros {
        let link = LINK * region.radius();
        let close = |g: &Vec<(Equilibrium, usize)>| {
            g.iter().any(|(other, k)| *k == null && region.distance(&other.x, &zero.x) <= link)
        };
        let (near, far): (Vec<_>, Vec<_>) = groups.into_iter().partition(close);
        let mut group: Vec<(Equilibrium, usize)> = near.into_iter().flatten().collect();
        group.push((zero, null));
        groups = far;
        groups.push(group);
    }
    let mut families: Vec<DegenerateFamily> = groups
        .into_iter()
        .map(|mut group| {
            group.sort_by(|a, b| compare(&a.0.x, &b.0.x));
            let (first, null) = &group[0];
            let spread =
                group.iter().map(|(other, _)| region.distance(&other.x, &first.x)).fold(0.0, f64::max);
            DegenerateFamily {
                x: first.x.clone(),
                energy: f64::NAN,
                eigenvalues: rates(first),
                dimension: if spread > SPREAD * region.radius() { *null } else { 0 },
                gradient_norm: first.residual,
                samples: group.iter().map(|(zero, _)| zero.x.clone()).collect(),
            }
        })
        .collect();
    families.sort_by(|a, b| compare(&a.x, &b.x));
    families
}
