//! Formulas: the language and its errors, derivatives of every order, and the studies of the literature that are
//! written as formulas.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod derivatives;
mod enclosures;
mod language;
mod random;
mod studies;

use smale::landscape::formula::Formula;

/// A formula without parameters.
fn formula(dim: usize, energy: &str) -> Formula {
    with(dim, energy, &[])
}

/// A formula with parameters.
fn with(dim: usize, energy: &str, parameters: &[(&str, f64)]) -> Formula {
    let parameters: Vec<(String, f64)> = parameters.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    Formula::new(dim, energy, &parameters, &[], None).unwrap_or_else(|e| panic!("{energy}: {e:?}"))
}
