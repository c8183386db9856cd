//! Invariant measures at small noise against closed forms, published numbers and second methods.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod approach;
mod doubtful;
mod known;
mod quadrature;
mod sampling;
mod studies;
mod theory;
