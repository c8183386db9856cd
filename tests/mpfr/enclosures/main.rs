//! Enclosures of every kind of landscape that has them, against values in 240 bits: random landscapes, random boxes,
//! random points in them.
//!
//! Each kind's energy is written once more, from its published formula (the docs of the kind, `docs/study.md`,
//! `docs/formula.md`), in MPFR numbers that carry their first two derivatives (`jet.rs`); nothing is shared with what is
//! tested. A kind is tested at 3,000 points, or as many as `SMALE_POINTS` says.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod boxes;
mod check;
mod equations;
mod formulas;
mod jet;
mod memories;
mod mixtures;
mod networks;
