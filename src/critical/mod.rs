//! Critical points of a landscape: where the gradient vanishes, with Hessian spectrum and Morse index; of a vector
//! field without an energy its equilibria, with minus the real parts of the Jacobian's spectrum.
//!
//! In: a [`Landscape`](crate::landscape::Landscape), a region, [`Options`]. Out: a [`CriticalSet`].

mod chart;
mod company;
mod complement;
mod complete;
mod descend;
mod entry;
pub mod equilibria;
mod family;
mod field;
mod follow;
mod known;
mod modes;
mod places;
mod pool;
mod problem;
mod prove;
mod refine;
mod search;
mod seeds;
mod settle;
mod starts;
mod string;
mod unseen;

pub use complete::Undecided;
pub(crate) use known::rest;
pub use known::sharpen;
pub(crate) use modes::lowest_modes;
pub(crate) use problem::keeps_flow;
pub(crate) use prove::prove;
pub(crate) use search::settle_region;
pub use search::{Method, Options, search};
pub use unseen::{Meetings, Unseen, unseen};

use serde::Serialize;

use crate::landscape::Region;

/// How much a number can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Statistical, with an interval.
    Estimated,
    /// Floating point with a residual and an a-posteriori bound.
    Checked,
    /// Verified arithmetic from start to end.
    Proven,
}

/// A nondegenerate critical point.
#[derive(Clone, Debug)]
pub struct CriticalPoint {
    /// Where (length n).
    pub x: Vec<f64>,
    /// Energy there; NaN where the landscape has none.
    pub energy: f64,
    /// Hessian eigenvalues, ascending: all n, or beyond a few thousand dimensions the lowest ones and the largest. Where
    /// the landscape brings its own dynamics, the rates of that flow (up to 800 dimensions). Directions in which the
    /// landscape is exactly flat by its form have none. Of a field without an energy: minus the real parts of its
    /// Jacobian's eigenvalues.
    pub eigenvalues: Vec<f64>,
    /// Number of negative eigenvalues. Of a field: of eigenvalues of its Jacobian with positive real part.
    pub index: usize,
    /// Euclidean norm of the gradient that remains (of the velocity, where the landscape brings its
    /// own dynamics).
    pub gradient_norm: f64,
    /// Bound of the distance to the exact critical point (Newton-Kantorovich): by proof, or a posteriori in floating
    /// point.
    pub radius: f64,
    /// How far place and index can be relied on.
    pub level: Level,
    /// What was proven of it; there is one just where the level is [`Level::Proven`].
    pub proof: Option<Proof>,
}

/// What is proven of a critical point, in verified arithmetic: there is exactly one near the place reported, it is
/// nondegenerate and has this index.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// It lies within this Euclidean distance of the place
    pub radius: f64,
    /// and is the only critical point at a distance below this one.
    pub unique: f64,
    /// Its Morse index.
    pub index: usize,
    /// A lower bound of its Hessian's smallest |eigenvalue|.
    pub smallest: f64,
    /// Lower and upper bounds of its Hessian's eigenvalues, ascending.
    pub eigenvalues: Vec<(f64, f64)>,
    /// Of a minimum: every point of the ball of this radius about the place reported flows to it along `-grad E`.
    pub basin: Option<f64>,
}

/// Critical points whose Hessian is singular to working precision: an isolated degenerate point (dimension 0) or a
/// connected continuum of critical points, as one entry.
#[derive(Clone, Debug)]
pub struct DegenerateFamily {
    /// One of its points.
    pub x: Vec<f64>,
    /// Energy there; NaN where the landscape has none.
    pub energy: f64,
    /// Eigenvalues there, as for a [`CriticalPoint`].
    pub eigenvalues: Vec<f64>,
    /// Dimension of the continuum; 0 for an isolated point.
    pub dimension: usize,
    /// Gradient norm there.
    pub gradient_norm: f64,
    /// Points of it that were met (at least `x`), for drawing.
    pub samples: Vec<Vec<f64>>,
}

/// Is the set of critical points complete?
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Completeness {
    /// All of them, by proof.
    Proven,
    /// All that repeated search finds; an estimate of how many remain unseen, with its 95% interval.
    Estimated {
        /// Expected number of points still unseen.
        unseen: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Nothing can be said.
    Unknown,
}

/// What a search did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Work {
    /// Rounds of searches.
    pub rounds: usize,
    /// Searches started.
    pub searches: usize,
    /// Searches that ended in a critical point of the region.
    pub converged: usize,
    /// Gradients evaluated; of a field, velocities.
    pub gradients: u64,
    /// Hessian-vector products.
    pub hessian_vectors: u64,
    /// Full Hessians; of a field, Jacobians.
    pub hessians: u64,
    /// Boxes of a proof of completeness.
    pub boxes: u64,
    /// Enclosures of the gradient over them.
    pub enclosures: u64,
    /// Why the search ended.
    pub ended: String,
    /// Minima that may still be unseen: the upper end of the interval of 95%, as that of [`Completeness::Estimated`] for all
    /// points; `None` if nothing was estimated.
    pub unseen_minima: Option<f64>,
}

/// What verified arithmetic says of a region as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Is the claim about all of R^n, not about the region alone?
    pub everywhere: bool,
    /// Where an attempt to prove that the points are all could not tell: every other place holds none but those found.
    pub undecided: Vec<Undecided>,
    /// Why that attempt came to no proof; `None` if it did, or there was none.
    pub open: Option<String>,
    /// Is it proven that the flow `-grad E` enters the region all over its boundary?
    pub entered: bool,
}

/// The critical points of a landscape in a region.
#[derive(Clone, Debug)]
pub struct CriticalSet {
    /// Nondegenerate points, ordered by index, then energy, then coordinates; a point's place is its id.
    pub points: Vec<CriticalPoint>,
    /// Degenerate families; they have no Morse index.
    pub degenerate: Vec<DegenerateFamily>,
    /// Is that all?
    pub completeness: Completeness,
    /// What is proven of the region as a whole.
    pub coverage: Coverage,
    /// What the sum of `(-1)^index` must be, from the gradient on the region's boundary; `None` if that does not tell.
    pub euler_expected: Option<i64>,
    /// Did a search meet a pole, a kink or an edge of the energy's domain? Then the points need not add up to anything,
    /// and Morse theory does not apply as it stands.
    pub rough: bool,
    /// Highest index that was searched for.
    pub highest_index: usize,
    /// Where was searched.
    pub region: Region,
    /// What it took.
    pub work: Work,
    /// Was the search stopped from outside before its rule was met?
    pub interrupted: bool,
}

impl CriticalSet {
    /// Number of points of each index, from 0 to the highest index met (at least one entry).
    pub fn counts(&self) -> Vec<usize> {
        let top = self.points.iter().map(|p| p.index).max().unwrap_or(0);
        let mut counts = vec![0; top + 1];
        for p in &self.points {
            counts[p.index] += 1;
        }
        counts
    }

    /// The level that all its points have at least; of none, how sure it is that there are none.
    pub fn level(&self) -> Level {
        let of_none = if self.completeness == Completeness::Proven { Level::Proven } else { Level::Checked };
        self.points.iter().map(|p| p.level).min().unwrap_or(of_none)
    }

    /// Do its points have energies? Those of a field have none.
    pub fn has_energy(&self) -> bool {
        let mut energies =
            self.points.iter().map(|p| p.energy).chain(self.degenerate.iter().map(|f| f.energy));
        energies.next().is_none_or(|e| !e.is_nan())
    }

    /// `sum over points of (-1)^index`.
    pub fn euler_characteristic(&self) -> i64 {
        self.points.iter().map(|p| if p.index % 2 == 0 { 1 } else { -1 }).sum()
    }
}
