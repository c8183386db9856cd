//! Memories, what is made of many data, and what is generalized: of minima, of samples, of how many patterns a memory holds.
//!
//! In: a landscape with data, its [`CriticalSet`](crate::critical::CriticalSet) and graph; or samples. Out: [`Memorization`], the classes of
//! minima ([`classify`]); [`Samples`], the classes of samples ([`classify_samples`]), which [`draw`] takes from a diffusion model;
//! [`geometry`] of the minima and what [`held_out`] data say; [`capacity`], how many patterns are retrieved. The classes are those of B. Pham et al.,
//! "Memorization to generalization: emergence of diffusion models from associative memory" (2025);
//! docs/memorization.md has every definition and default.

pub mod capacity;
mod classes;
mod geometry;
mod nearest;
mod noises;
mod samples;

pub use classes::{Class, Memorization, Options, Place, Structure, classify, dimension, states};
pub use geometry::{Basin, Geometry, GeometryOptions, HeldOut, geometry, held_out};
pub use nearest::{Neighbour, nearest, nearest_other};
pub use noises::{Noises, noises};
pub use samples::{Draw, SampleClass, Samples, Thresholds, classify_samples, default_thresholds, draw};
