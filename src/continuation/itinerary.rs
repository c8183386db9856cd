//! The itinerary of a family: its parameter range cut at its events, with one graph between each two of them.
//!
//! In: a [`Diagram`](super::Diagram). Out: an [`Itinerary`], and the [`SplittingTree`] of its minima.

use serde::Serialize;

use crate::connection::{MorseSmale, Orbit};
use crate::critical::Level;

/// A critical point as long as no event touches it: a piece of a branch between two events on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Arc {
    /// Number of the branch.
    pub branch: usize,
    /// Number of events on the branch before the piece.
    pub piece: usize,
}

/// A critical point of a graph of an itinerary.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which it is.
    pub arc: Arc,
    /// Where (length n) at the parameter of the graph.
    pub x: Vec<f64>,
    /// Its energy there.
    pub energy: f64,
    /// Its Morse index.
    pub index: usize,
    /// Numbers of the data that descend to it; empty if it is no minimum, or the landscape has no data.
    pub memories: Vec<usize>,
}

/// Connections between two points of a graph of an itinerary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// The upper point (place in [`Interval::nodes`]).
    pub from: usize,
    /// The lower one.
    pub to: usize,
    /// Number of connections.
    pub count: usize,
}

/// An interval of the parameter without events: one graph.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Lower end.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// Where the graph was computed.
    pub at: f64,
    /// All parameters at which it was computed and found to be the same.
    pub samples: Vec<f64>,
    /// Its points, by index, then energy.
    pub nodes: Vec<Node>,
    /// Its connections, by `from`, then `to`.
    pub links: Vec<Link>,
    /// Orbits from one saddle to another that a Morse-Smale flow does not have: they last all over the interval.
    pub joined: Vec<Link>,
    /// The verdict on the flow at `at`.
    pub morse_smale: MorseSmale,
    /// Entry k - 1: were connections from index k to k - 1 looked for?
    pub examined: Vec<bool>,
}

/// What separates two intervals.
#[derive(Clone, Debug)]
pub enum Cause {
    /// Critical points meet: places in [`Diagram::events`](super::Diagram::events).
    Local(Vec<usize>),
    /// Orbits join saddles of the same index.
    Connections(Vec<Joining>),
    /// Critical points leave the region, or enter it.
    Boundary(Vec<Arc>),
    /// The graphs differ, and it was not found why.
    Unknown,
}

/// An orbit from one saddle to another.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The upper saddle.
    pub from: Arc,
    /// The lower one.
    pub to: Arc,
    /// Their places in the nodes of the interval below.
    pub nodes: [usize; 2],
    /// The orbit.
    pub orbit: Orbit,
    /// How far, relative to the landscape's scale, it misses the lower saddle at the parameter given.
    pub gap: f64,
    /// The derivative of that by the parameter: how fast the manifolds pass each other.
    pub slope: f64,
}

/// A parameter at which the graph changes.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The parameter.
    pub parameter: f64,
    /// Its estimated error.
    pub error: f64,
    /// What happens there.
    pub cause: Cause,
    /// What changes, in words.
    pub words: Vec<String>,
    /// Does the graph below, changed by what happens, equal the graph above?
    pub explained: bool,
    /// Why not; empty if it does.
    pub open: String,
    /// How far it can be relied on.
    pub level: Level,
}

/// The parameter range of a family, cut at its events.
#[derive(Clone, Debug)]
pub struct Itinerary {
    /// The parameter's name.
    pub parameter: String,
    /// Intervals from the lower to the upper end of the range: one more than cuts.
    pub intervals: Vec<Interval>,
    /// Cuts between them.
    pub cuts: Vec<Cut>,
    /// Was it stopped from outside?
    pub interrupted: bool,
}

/// A minimum ends, going up in the parameter, and its basin falls to another one.
#[derive(Clone, Debug)]
pub struct Merger {
    /// The parameter.
    pub parameter: f64,
    /// The energy of the event.
    pub energy: f64,
    /// Place of the event in [`Diagram::events`](super::Diagram::events).
    pub event: usize,
    /// The minimum that ends.
    pub lost: Arc,
    /// The minimum that has its basin afterwards; `None` if that could not be told.
    pub into: Option<Arc>,
    /// Does it only go on under another name? So it is where as many minima begin at the event as end there.
    pub renamed: bool,
}

/// How minima split as the parameter falls (with noise: from generation to memory).
#[derive(Clone, Debug)]
pub struct SplittingTree {
    /// The parameter's name.
    pub parameter: String,
    /// Minima at the lower end of the range, with their energy there and the data that descend to them.
    pub leaves: Vec<Node>,
    /// Mergers, from the lowest parameter up.
    pub mergers: Vec<Merger>,
    /// Parameters at which the number of minima is given,
    pub parameters: Vec<f64>,
    /// and that number.
    pub counts: Vec<usize>,
    /// Was it stopped from outside, so that mergers may be missing?
    pub interrupted: bool,
}
