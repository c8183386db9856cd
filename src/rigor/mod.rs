//! Verified arithmetic: intervals, matrices with error bounds, and proofs that a system of equations has exactly one zero
//! in a box, or none. Nothing here knows what a landscape is.
//!
//! In: enclosures of a function ([`System`]). Out: theorems about its zeros. All rounding is accounted for; which theorem
//! each function rests on is told in `docs/rigor.md`.

mod definite;
mod functions;
mod inertia;
mod interval;
mod inverse;
mod krawczyk;
mod matrix;
mod norm;
pub mod prune;
pub mod rounding;
mod spectrum;
mod system;

pub use definite::{eigenvalues_exceed, lower_over_ball, smallest_eigenvalue_lower_bound};
pub use inertia::inertia;
pub use interval::Interval;
pub use inverse::Inverse;
pub use matrix::BallMatrix;
pub use spectrum::{Spectrum, symmetric_spectrum};
pub use system::{Expansion, System};
