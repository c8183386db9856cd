//! Critical points: found, proven, complete.

#[path = "../common/mod.rs"]
mod common;

mod branch_and_prune;
mod critical;
mod memory_proofs;
mod proofs;
mod properties;
mod robustness;
mod verified_linear_algebra;
