//! Rates between minima, gaps of generators and quasipotentials, against closed forms, published numbers and one another.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod cases;
mod fields;
mod gaps;
mod kramers;
mod passages;
mod quasipotentials;
mod tables;
