//! Sampling: where random starts and random forces lead.

pub mod basins;
pub mod diffusion;
