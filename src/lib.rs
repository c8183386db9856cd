//! Energy landscapes made computable: critical points, Morse indices, connection graphs.
//!
//! The way through: a [`study`] names a [`landscape`]; [`critical`] finds its critical points; [`flow`] carries
//! orbits down; [`manifold`] has what they sweep out; [`connection`] joins the points into the Morse graph;
//! [`continuation`] follows all of it along a parameter; [`rigor`] proves; [`measure`] samples; [`memorization`] tells memories
//! from what is made of many data; [`lyapunov`] looks at what energies do along orbits; [`export`] and [`report`] write
//! it out; [`sweep`] does it at many values of parameters.

pub mod certificate;
pub mod cli;
pub mod connection;
pub mod continuation;
pub mod control;
pub mod critical;
pub mod data;
pub mod error;
pub mod export;
pub mod flow;
mod hash;
pub mod landscape;
pub mod linalg;
pub mod lyapunov;
pub mod manifold;
pub mod measure;
pub mod memorization;
pub mod report;
pub mod rigor;
pub mod study;
pub mod sweep;

pub use control::Control;
pub use error::{Error, Result};

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
