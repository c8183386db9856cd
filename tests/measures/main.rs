//! Invariant measures at small noise against closed forms, published numbers and second methods.

mod known;
mod quadrature;
