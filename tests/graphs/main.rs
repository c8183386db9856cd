//! Manifolds and the graph of connections.

#[path = "../common/mod.rs"]
mod common;

mod complex;
mod connection_proofs;
mod graph;
mod manifolds;
mod morse_graph;
mod morse_spheres;
