//! The invariant measure at a temperature and its limit; sampling: where random starts and random forces lead.

pub mod basins;
pub mod diffusion;
pub mod jet;
