//! The invariant measure at a temperature and its limit; rates between minima at small noise; sampling: where random starts
//! and random forces lead.

pub mod arborescence;
pub mod basins;
mod beyond;
pub mod bridge;
pub mod chain;
pub mod cloud;
pub mod convergence;
pub mod diagnostics;
pub mod diffusion;
pub mod generator;
pub mod gibbs;
pub mod importance;
pub mod jet;
pub mod kramers;
pub mod laplace;
mod legendre;
pub mod mcmc;
pub mod mixture;
pub mod pareto;
pub mod passage;
pub mod perturb;
pub mod quadrature;
pub mod quasipotential;
pub mod rates;
pub mod shares;
pub mod transport;
pub mod wells;
