//! How much of the region flows to each minimum.
//!
//! In: a landscape and its [`CriticalSet`]. Out: [`Basins`], the share of the region's volume that each minimum drains along
//! the landscape's flow. Orbits start at points drawn uniformly; each ends at a minimum, outside or nowhere, and a share is
//! a proportion with Wilson's interval (E. B. Wilson, Probable inference, the law of succession, and statistical inference,
//! J. Am. Stat. Assoc. 22, 1927). Below it stands what is proven: the ball about a minimum that a proof has found to flow to
//! it, as a share of the region, by logarithms of volumes, which a double holds in any dimension.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::connection::{Descent, Fate};
use crate::control::{Control, Progress};
use crate::critical::CriticalSet;
use crate::landscape::{Landscape, Region, Shape};
use crate::linalg::sequential;
use crate::lyapunov::interval;

/// How basins are measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Number of orbits.
    pub orbits: usize,
    /// Seed of their starts.
    pub seed: u64,
    /// Error of a step of an orbit, relative to the landscape's scale: a start this close to the boundary between two basins
    /// may be counted to the wrong one.
    pub tolerance: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options { orbits: 10_000, seed: 0, tolerance: 1e-7 }
    }
}

/// A ball that is proven to flow to a minimum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InnerBall {
    /// Its radius.
    pub radius: f64,
    /// Decimal logarithm of its share of the region's volume, a lower bound of the basin's; `None` where the ball is not
    /// known to lie inside the region.
    pub log10_share: Option<f64>,
}

/// The basin of a minimum within the region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Basin {
    /// Id of the minimum.
    pub minimum: usize,
    /// Orbits that ended there.
    pub orbits: usize,
    /// The share of all orbits that is.
    pub share: f64,
    /// Lower end of the interval of 95% for the basin's share of the region's volume.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// What is proven, if anything is.
    pub inner: Option<InnerBall>,
}

/// The basins of all minima.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Basins {
    /// One a minimum, by id.
    pub basins: Vec<Basin>,
    /// Orbits followed.
    pub orbits: usize,
    /// Orbits that left the region.
    pub exits: usize,
    /// Orbits that ended in a degenerate family.
    pub degenerate: usize,
    /// Orbits that could not be followed to an end.
    pub lost: usize,
    /// Was the work stopped before all orbits were followed?
    pub interrupted: bool,
}

/// Orbits followed between two looks at whether to stop.
const BATCH: usize = 512;

/// Follows orbits of the landscape's flow from points of the region drawn uniformly.
pub fn basins(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    options: &Options,
    control: &Control<'_>,
) -> Basins {
    sequential();
    let reduced = landscape.reduce();
    let inner: &dyn Landscape = reduced.as_ref().map_or(landscape, |r| r.inner.as_ref());
    let descent = Descent::new(inner, reduced.as_ref(), set, options.tolerance);
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut hits = vec![0; set.points.len()];
    let mut all = Basins::default();
    while all.orbits < options.orbits {
        if control.stopped() {
            all.interrupted = true;
            break;
        }
        let count = BATCH.min(options.orbits - all.orbits);
        let starts: Vec<Vec<f64>> = (0..count).map(|_| set.region.sample(&mut rng)).collect();
        for fate in descent.fates(count, |k| &starts[k]) {
            match fate {
                Fate::Minimum(id) => hits[id] += 1,
                Fate::Exit => all.exits += 1,
                Fate::Degenerate(_) => all.degenerate += 1,
                Fate::Lost => all.lost += 1,
            }
        }
        all.orbits += count;
        (control.progress)(Progress { stage: "basins", done: all.orbits, total: options.orbits, note: "" });
    }
    // The balls are proven to flow to their minima along -grad E.
    let gradient = landscape.dynamics().is_none();
    let minima = set.points.iter().enumerate().filter(|(_, p)| p.index == 0);
    all.basins = minima
        .map(|(minimum, p)| {
            let (low, high) = interval(hits[minimum], all.orbits);
            let share = hits[minimum] as f64 / all.orbits.max(1) as f64;
            let ball = |radius| InnerBall { radius, log10_share: log10_share(&set.region, &p.x, radius) };
            let inner = p.proof.as_ref().filter(|_| gradient).and_then(|proof| proof.basin).map(ball);
            Basin { minimum, orbits: hits[minimum], share, low, high, inner }
        })
        .collect();
    all
}

/// Decimal logarithm of the share of the region that a ball takes; `None` if it does not lie inside, or meets itself
/// around a period.
fn log10_share(region: &Region, center: &[f64], radius: f64) -> Option<f64> {
    let n = center.len();
    if !(radius > 0.0) {
        return None;
    }
    match &region.shape {
        Shape::Ball { center: middle, radius: whole } => {
            let away = region.distance(center, middle);
            (away + radius <= *whole).then(|| n as f64 * (radius / whole).log10())
        }
        Shape::Box { lower, upper } => {
            let fits = (0..n).all(|i| match region.period_of(i) {
                Some(period) => 2.0 * radius <= period,
                None => center[i] - radius >= lower[i] && center[i] + radius <= upper[i],
            });
            let sides: f64 = lower.iter().zip(upper).map(|(a, b)| (b - a).log10()).sum();
            fits.then(|| log10_unit_ball(n) + n as f64 * radius.log10() - sides)
        }
    }
}

/// Decimal logarithm of the volume of the n-dimensional unit ball, by `V_n = V_(n-2) 2 pi / n`.
fn log10_unit_ball(n: usize) -> f64 {
    let first = if n.is_multiple_of(2) { 0.0 } else { 2.0_f64.log10() };
    let factors = (0..n / 2).map(|i| (2.0 * std::f64::consts::PI / (n - 2 * i) as f64).log10());
    first + factors.sum::<f64>()
}

#[cfg(test)]
mod tests;
