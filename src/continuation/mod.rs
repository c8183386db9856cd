//! Critical points followed along a parameter: all branches, and the events at which they meet, turn and change index.
//!
//! In: a [`Family`](crate::landscape::Family), the name of one of its parameters, starting points, [`Options`]. Out: a [`Diagram`] of branches and
//! events.
//!
//! Branches are followed by pseudo-arclength with bordered systems (Keller 1977; Allgower & Georg, *Introduction to
//! Numerical Continuation Methods*, 2003). Along each the Morse index is the ledger: a change between two points has to be
//! explained by an event located between them, by Newton's method on a system that is regular at the event (Govaerts,
//! *Numerical Methods for Bifurcations of Dynamical Equilibria*, 2000, chapters 3 and 4). Where branches meet, all that
//! start there are followed in turn.
//!
//! Where the Hessian is sparse and its band is narrow, as in discretised equations, all linear algebra is done in the band:
//! a step takes O(n b^2) operations with n unknowns and half the width b.

mod at;
mod bordered;
mod cuts;
mod diagram;
mod event;
mod explain;
mod global;
mod itinerary;
mod ledger;
mod locate;
mod march;
mod normal_form;
mod path;
mod plane;
mod prove;
mod section;
mod smooth;
mod spectra;
mod splitting;
mod switch;
mod system;
mod times;
mod values;

use serde::Serialize;

pub use cuts::itinerary;
pub use diagram::{diagram, follow};
pub use itinerary::{Arc, Cause, Cut, Interval, Itinerary, Joining, Link, Merger, Node, SplittingTree};
pub use ledger::Leap;
pub use plane::{
    CurveEnd, CurveKind, CurvePoint, Plane, PlaneCurve, PlaneOptions, PlanePoint, PlaneRegion, PointKind,
    plane,
};
pub use section::Graphs;
pub use spectra::{Spectrum, spectra};
pub use splitting::splitting_tree;
pub use times::{Times, times};
pub use values::starting_values;

use crate::critical::Level;
use crate::landscape::Region;

/// What a continuation may be told.
#[derive(Clone, Debug)]
pub struct Options {
    /// One end of the parameter's range.
    pub from: f64,
    /// The other end; above or below `from`.
    pub to: f64,
    /// Newton's correction, relative to the natural scales, below which a point lies on its branch.
    pub tolerance: f64,
    /// Longest step along a branch, in natural scales: 1 is the scale of the state or the whole parameter range.
    pub max_step: f64,
    /// Most points of a branch.
    pub max_points: usize,
    /// Most branches.
    pub max_branches: usize,
    /// Natural scale of the state: by default the spread of the data, or the radius of the region, or of the starting
    /// points.
    pub scale: Option<f64>,
    /// Branches end where they leave this region; by default far away.
    pub region: Option<Region>,
    /// Number of parameter values between the ends of the range at which [`diagram`] looks for critical points; by default
    /// as in [`starting_values`].
    pub starts: Option<usize>,
    /// Seed of random starts.
    pub seed: u64,
    /// Are branches proven to be smooth curves, where there are few dimensions and enclosures that take the parameter in?
    pub prove: bool,
}

impl Options {
    /// The defaults for a range.
    pub fn new(from: f64, to: f64) -> Self {
        Options {
            from,
            to,
            tolerance: 1e-11,
            max_step: 0.05,
            max_points: 5000,
            max_branches: 2000,
            scale: None,
            region: None,
            starts: None,
            seed: 0,
            prove: true,
        }
    }
}

/// Natural scales: lengths along branches are measured in `(x / state, q / parameter)` with `q = p` or `q = ln p`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scales {
    /// Unit of the state.
    pub state: f64,
    /// Unit of the parameter, or of its logarithm.
    pub parameter: f64,
    /// Is the parameter measured by its logarithm? So it is where its range is positive and spans more than a factor 10.
    pub logarithmic: bool,
}

/// A point of a branch, events among them.
#[derive(Clone, Debug)]
pub struct BranchPoint {
    /// The parameter.
    pub parameter: f64,
    /// The critical point (length n).
    pub x: Vec<f64>,
    /// Its energy.
    pub energy: f64,
    /// Its Morse index; `None` at an event.
    pub index: Option<usize>,
    /// The Hessian's eigenvalue of smallest modulus.
    pub lambda_min: f64,
    /// Length of the branch from its first point to here, in natural scales.
    pub arclength: f64,
    /// Unit tangent in natural scales (length n + 1, the parameter last).
    pub tangent: Vec<f64>,
    /// Place in [`Diagram::events`] of the event that this point is.
    pub event: Option<usize>,
}

/// How a branch ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// The parameter reached an end of its range; the last point is there exactly.
    Bound,
    /// In an event from which other branches start.
    Event(usize),
    /// It left the region.
    Region,
    /// It came back to its first point: both ends are this.
    Closed,
    /// It was given up, with the reason.
    Failed(String),
}

/// A smooth curve of critical points: through folds, and through pitchforks and transcritical points.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Its points in order.
    pub points: Vec<BranchPoint>,
    /// How it ends before its first and behind its last point.
    pub ends: [End; 2],
    /// How far it can be relied on: `proven` where one smooth curve of critical points is proven to lead from its first point to its
    /// last.
    pub level: Level,
    /// The stretches of which that is proven.
    pub proven: Vec<Proven>,
    /// In what its lengths are measured.
    pub scales: Scales,
}

/// Points of a branch through which, in this order, one smooth curve of critical points is proven to lead, folds included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Proven {
    /// Number of the first point.
    pub first: usize,
    /// Number of the last one.
    pub last: usize,
    /// No point is farther from the curve in any coordinate than this, in natural scales.
    pub error: f64,
    /// Number of its pieces, from a point to the next, all along which the Morse index is proven to be what the points say.
    pub indexed: usize,
    /// Number of tubes that hold the curve.
    pub tubes: usize,
}

/// What happens at an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Two critical points of neighbouring indices meet and vanish.
    Fold,
    /// One critical point becomes three, in a direction of symmetry.
    Pitchfork {
        /// Do the two new ones lie on the side where the old one has the higher index?
        supercritical: bool,
    },
    /// Two branches cross and exchange their indices.
    Transcritical,
    /// The Hessian's kernel has several dimensions.
    Multiple {
        /// How many.
        dimension: usize,
    },
    /// A fold whose cubic coefficient vanishes: the branch touches the vertical without turning back.
    Cusp,
    /// Something that no located event explains.
    Unexplained,
}

/// Coefficients of the reduced energy `a p q + b p q^2/2 + c q^3/6 + e q^4/24 + d p^2 q/2` along the unit kernel vector v,
/// with `p` counted from the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Coefficients {
    /// `v . g_p`.
    pub a: f64,
    /// `v . H_p v`, the shift of the branch in p taken into account.
    pub b: f64,
    /// `D3 E(v, v, v)`.
    pub c: f64,
    /// `v . g_pp`, the shift of the branch in p taken into account.
    pub d: f64,
    /// `D4 E(v, v, v, v) - 3 D3 E(v, v, H^+ D3 E(v, v, .))`.
    pub e: f64,
}

/// A box in state and parameter that holds exactly one fold, proven: a critical point whose Hessian has a kernel of
/// dimension one, with `a` and `c` of [`Coefficients`] other than zero.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Enclosed {
    /// Ends of the parameter's interval.
    pub parameter: [f64; 2],
    /// Ends of each coordinate's interval (length n).
    pub x: Vec<[f64; 2]>,
}

/// Where branches turn, meet or change index.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happens.
    pub kind: EventKind,
    /// The parameter.
    pub parameter: f64,
    /// Estimated error of the parameter; a proven bound where the event is proven.
    pub error: f64,
    /// The critical point (length n).
    pub x: Vec<f64>,
    /// Its energy.
    pub energy: f64,
    /// Orthonormal vectors that span the Hessian's kernel (each of length n).
    pub kernel: Vec<Vec<f64>>,
    /// Normal form along the first of them.
    pub coefficients: Coefficients,
    /// Norm of the gradient and of the Hessian on the kernel, both relative to the landscape's scale.
    pub residual: f64,
    /// How far it can be relied on: a fold is proven where it is enclosed.
    pub level: Level,
    /// Where a proven fold is; `None` of other events.
    pub enclosed: Option<Enclosed>,
    /// Passages: number of the branch, and of the point on it.
    pub branches: Vec<(usize, usize)>,
    /// For each passage the index before and after the event along the branch; `None` where the branch ends.
    pub index_change: Vec<[Option<usize>; 2]>,
    /// Anything worth saying.
    pub note: String,
}

/// What a continuation took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Work {
    /// Steps accepted.
    pub steps: usize,
    /// Steps refused.
    pub refused: usize,
    /// Branches that turned out to be known already.
    pub duplicates: usize,
    /// Starting points that could not be followed, with the reason.
    pub lost: Vec<String>,
}

/// Branches and events of a family.
#[derive(Clone, Debug)]
pub struct Diagram {
    /// The branches, each curve once.
    pub branches: Vec<Branch>,
    /// The events, by parameter.
    pub events: Vec<Event>,
    /// The parameter's name.
    pub parameter: String,
    /// The range.
    pub range: [f64; 2],
    /// Was it stopped from outside?
    pub interrupted: bool,
    /// What it took.
    pub work: Work,
}
