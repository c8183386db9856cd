//! How many random patterns a memory retrieves: published formulas, and the same measured.
//!
//! In: a [`Memory`], the number of its neurons, a corruption. Out: [`expected`], the capacity of the formulas as neurons grow
//! many, and [`capacity`], what so many neurons hold. docs/memorization.md says which statement each formula is about; the
//! measurement is of that statement.

mod formulas;
mod measure;
mod trial;

pub use formulas::{
    collapse_width, expected, gaussian_load, krotov_hopfield, lucibello_mezard, wrong_neurons,
};
pub use measure::{Estimate, Options, capacity, critical_corruption, critical_width, extrapolate};

use crate::landscape::dense_memory::Separation;

/// A memory of random patterns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Memory {
    /// Neurons +1 and -1 that take the sign by which `E = -sum_k F(y_k.x)` is lower (Krotov & Hopfield 2016), all at a
    /// time; patterns of random signs. It is `dense-memory` with tanh neurons of large gain.
    Spins(Separation),
    /// `modern-hopfield` at `beta = lambda` with patterns uniform on the sphere `|y|^2 = N` (Lucibello & Mezard 2024).
    Spherical {
        /// Inverse temperature, positive.
        lambda: f64,
    },
    /// `mixture` of width sigma about normal data of variance 1 a coordinate.
    Gaussian {
        /// The width, positive.
        sigma: f64,
    },
}
