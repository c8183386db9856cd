//! Sampling: where random starts and random forces lead.

pub mod diffusion;
