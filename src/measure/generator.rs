//! The small eigenvalues of a diffusion at small noise, from its generator discretised.
//!
//! In: a landscape in one, two or three dimensions, where its critical points lie, a temperature. Out: the smallest eigenvalues
//! above zero of `-(eps Lap - grad E . grad)`, with error bars. The first one, the spectral gap, is the rate at which the slowest
//! thing forgets where it began; there are as many exponentially small ones as there are minima but one.
//!
//! - [`line`](mod@line): one dimension, on the line or on a circle, to near rounding at any barrier.
//! - [`grid`](mod@grid): two and three dimensions, by finite volumes whose stationary law is the Gibbs measure on the grid; on each
//!   grid unknowns are eliminated (`elimination`), and the inverse is iterated on a block of functions (`inverse`, `block`).
//!
//! Such gaps fall like `exp(-barrier/eps)`, far below the rounding errors of the operator's entries. Both ways avoid
//! subtractions: on the line fluxes are summed up from that end of it behind which less lies, on a grid unknowns are
//! eliminated after Grassmann, Taksar & Heyman (`elimination`).

mod block;
mod elimination;
pub mod grid;
mod inverse;
pub mod line;

/// Digits that an eigenvalue loses by being orthogonal to the first one: roundings of the inverse's largest part, relative, for
/// each time that it is larger.
const LOST: f64 = 1e-14;

/// An eigenvalue and how far it can be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eigenvalue {
    /// The eigenvalue, per unit of time.
    pub value: f64,
    /// A bound of its error from what refinement changes; not proven.
    pub error: f64,
    /// Unknowns of the finest discretisation.
    pub unknowns: usize,
}
