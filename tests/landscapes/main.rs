//! The energies themselves: values, derivatives, enclosures.

#[path = "../common/mod.rs"]
mod common;

mod dense;
mod formula;
mod memories;
mod memory_enclosures;
mod neural;
mod neural_enclosures;
mod softmax_enclosures;
