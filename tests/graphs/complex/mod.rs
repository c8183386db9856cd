//! The algebra of connection graphs against what is known of it by other means: homology of products and of closed
//! surfaces, determinantal divisors, union-find, shortest paths, brute force.

mod compare;
mod files;
mod homology;
mod merging;
mod spaces;
