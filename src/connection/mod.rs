//! The connection graph: which critical points are joined by an orbit of the flow `x' = -grad E`, or of
//! the landscape's own dynamics.
//!
//! In: a landscape and its [`CriticalSet`]. Out: a [`MorseGraph`].

pub mod algebra;
mod build;
mod departure;
mod fan;
mod fate;
mod orbits;
mod place;
mod proof;
mod transversality;

pub(crate) use build::{COARSE, FINE_DIMENSIONS, follow_manifold};
pub use build::{Options, Order, connect};
pub(crate) use fate::Descent;
pub use fate::{Fate, fates};
pub use proof::{ProofOptions, TubeProof, prove};

use crate::critical::{CriticalSet, Level};

/// An orbit sampled along its way, from its upper to its lower end.
#[derive(Clone, Debug, Default)]
pub struct Orbit {
    /// Points, upper end first (each of length n).
    pub points: Vec<Vec<f64>>,
    /// Energies at the points; they fall.
    pub energies: Vec<f64>,
}

/// A connecting orbit from a point of index k to one of index k-1.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Id of the upper point.
    pub from: usize,
    /// Id of the lower point.
    pub to: usize,
    /// The orbit.
    pub orbit: Orbit,
    /// Its sign in the Morse boundary operator: +1 or -1.
    pub sign: i8,
    /// How far it can be relied on.
    pub level: Level,
    /// How far the orbit misses the lower point's stable manifold (backwards the upper point's unstable one), relative to
    /// the landscape's scale; zero where it ends in a ball that no orbit leaves.
    pub residual: f64,
    /// Sine of the smallest angle between the upper point's unstable and the lower point's stable manifold along the orbit,
    /// apart from the flow's direction, which they share: 1 where one of them is open, 0 where they touch. `None` if it was
    /// not computed.
    pub transversality: Option<f64>,
    /// What was proven of it; there is one just where the level is [`Level::Proven`].
    pub proof: Option<TubeProof>,
    /// Why there is no proof; `None` if there is one, or none was tried.
    pub open: Option<String>,
}

impl Connection {
    /// A connection in floating point into the basin of a minimum, or backwards of a point of full index.
    pub fn new(from: usize, to: usize, sign: i8, orbit: Orbit) -> Self {
        Connection {
            from,
            to,
            orbit,
            sign,
            level: Level::Checked,
            residual: 0.0,
            transversality: Some(1.0),
            proof: None,
            open: None,
        }
    }
}

/// Where an orbit that is not a connection of the graph went.
#[derive(Clone, Debug)]
pub enum Loose {
    /// It left the region; the last point inside.
    Exit {
        /// Id of the critical point that it belongs to.
        point: usize,
        /// The orbit, in the direction of falling energy.
        orbit: Orbit,
        /// True if it was followed backwards (a stable manifold).
        backward: bool,
    },
    /// It joins two points whose indices forbid it in a Morse-Smale flow (saddle to saddle).
    NotTransverse {
        /// Id of the upper point.
        from: usize,
        /// Id of the lower point.
        to: usize,
        /// The orbit.
        orbit: Orbit,
        /// How far (relative to the landscape's scale) the orbit missed the lower point's stable manifold.
        gap: f64,
    },
    /// It ends in a degenerate family.
    Degenerate {
        /// Id of the critical point that it belongs to.
        point: usize,
        /// Place of the family in the critical set.
        family: usize,
        /// The orbit, in the direction of falling energy.
        orbit: Orbit,
        /// True if it was followed backwards.
        backward: bool,
    },
    /// It could not be followed to an end.
    Lost {
        /// Id of the critical point that it belongs to.
        point: usize,
        /// The orbit as far as it went.
        orbit: Orbit,
        /// True if it was followed backwards.
        backward: bool,
        /// Why.
        reason: String,
    },
}

/// An orbit of a one-dimensional manifold that passed close by a saddle, which it may meet at other parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// Id of the upper point.
    pub from: usize,
    /// Id of the lower point.
    pub to: usize,
    /// How far the orbit missed the saddle's manifold, relative to the landscape's scale, with the sign of the side on which it
    /// left along the saddle's mode: it changes where the two are joined.
    pub gap: f64,
    /// True if it was followed backwards, from the lower point.
    pub backward: bool,
    /// The unit vector of that mode, in the coordinates of the search: those of the affine hull where the landscape has one.
    pub mode: Vec<f64>,
}

/// Is the flow Morse-Smale?
#[derive(Clone, Debug, PartialEq)]
pub enum MorseSmale {
    /// As far as was examined, at this level.
    Yes(Level),
    /// No, for this reason.
    No(String),
    /// It could not be decided, for this reason.
    Unknown(String),
}

/// The connection graph of a critical set. Nodes are the points of the set, by id.
#[derive(Clone, Debug)]
pub struct MorseGraph {
    /// Connections, ordered by `from`, then side.
    pub connections: Vec<Connection>,
    /// Orbits that are no connection.
    pub loose: Vec<Loose>,
    /// Orbits of one-dimensional manifolds that came through a saddle's neighbourhood, in the order in which they were followed.
    pub misses: Vec<Miss>,
    /// The verdict.
    pub morse_smale: MorseSmale,
    /// Number of connected components among the nodes of index 0 and 1.
    pub components: usize,
    /// Entry k - 1: were connections from index k to k - 1 looked for, all of them?
    pub examined: Vec<bool>,
}

impl MorseGraph {
    /// Were all connections from index k to k - 1 looked for?
    pub fn has_examined(&self, k: usize) -> bool {
        k > 0 && self.examined.get(k - 1) == Some(&true)
    }

    /// Number of entries of the squared boundary operator that are not zero, from each index k to k - 2 for which all
    /// connections on the way were looked for.
    pub fn boundary_squared(&self, set: &CriticalSet) -> usize {
        let known = |e: &algebra::Entry| {
            let k = set.points[e.from].index;
            self.has_examined(k) && self.has_examined(k - 1)
        };
        algebra::Complex::new(set, self).squared().into_iter().filter(known).count()
    }
}
