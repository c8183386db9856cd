//! Intervals and rounding against others' arithmetic: error-free transformations, exact integers, a library of IEEE 1788
//! intervals (maryada) and values from mpmath; against MPFR in `tests/mpfr`.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod arithmetic;
mod edges;
mod numbers;
mod rounding;
mod values;
