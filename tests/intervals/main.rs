//! Intervals and rounding against others' arithmetic: error-free transformations, exact integers, a library of IEEE 1788
//! intervals (maryada), values from mpmath and, with the feature `mpfr`, MPFR.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod arithmetic;
mod edges;
#[cfg(feature = "mpfr")]
mod mpfr;
mod numbers;
mod rounding;
mod values;
