//! Verified arithmetic: intervals, matrices with error bounds, and proofs that a system of equations has exactly one zero
//! in a box, or none. Nothing here knows what a landscape is.
//!
//! In: enclosures of a function ([`System`]). Out: theorems about its zeros. All rounding is accounted for; which theorem
//! each function rests on is told in `docs/rigor.md`.

mod cone;
mod curve;
mod definite;
mod fold;
mod functions;
mod inertia;
mod interval;
mod inverse;
mod krawczyk;
mod matrix;
mod newton;
mod norm;
pub mod prune;
pub mod rounding;
mod sink;
mod spectrum;
mod system;
mod tube;

pub use cone::{BlockBounds, BlockMargins, cone_block};
pub use curve::{CurvePoint, Tube, curve};
pub use definite::{eigenvalues_exceed, lower_over_ball, smallest_eigenvalue_lower_bound};
pub use fold::{Fold, fold};
pub use inertia::inertia;
pub use interval::Interval;
pub use inverse::Inverse;
pub use matrix::BallMatrix;
pub use newton::{Isolated, isolated_zero, isolated_zero_by_variation, kept_away};
pub use sink::sink;
pub use spectrum::{Spectrum, symmetric_spectrum};
pub use system::{Expansion, System};
pub use tube::{Crossing, Cylinder, Disc, Shape, Split};
