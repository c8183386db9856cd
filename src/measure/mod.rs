//! The invariant measure at a temperature and its limit; sampling: where random starts and random forces lead.

pub mod arborescence;
pub mod basins;
pub mod chain;
pub mod diffusion;
pub mod generator;
pub mod jet;
pub mod kramers;
pub mod legendre;
pub mod passage;
pub mod quasipotential;
