//! The invariant measure at a temperature and its limit; sampling: where random starts and random forces lead.

pub mod basins;
pub mod bridge;
pub mod cloud;
pub mod convergence;
pub mod diagnostics;
pub mod diffusion;
pub mod gibbs;
pub mod importance;
pub mod jet;
pub mod laplace;
pub mod mcmc;
pub mod mixture;
pub mod pareto;
pub mod perturb;
pub mod quadrature;
pub mod shares;
pub mod transport;
pub mod wells;
