//! Invariant measures at small noise against closed forms, published numbers and second methods.

mod approach;
mod doubtful;
mod known;
mod quadrature;
mod sampling;
mod studies;
mod theory;
