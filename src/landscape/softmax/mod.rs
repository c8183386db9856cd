//! The softmax kernel ([`kernel`]), its sums ([`dense`]), what makes it cheap where few data matter ([`cells`], [`pruning`]), and what is proven with
//! it ([`enclose`], [`density`]).

mod cells;
mod dense;
mod density;
mod enclose;
mod grouping;
mod kept;
mod kernel;
mod linear;
mod place;
mod pruning;
mod single;
mod span;
#[cfg(test)]
mod tests;
mod tree;
mod weights;

pub(super) use enclose::{EnclosedMixture, Parts};
pub(super) use kernel::{LogSumExp, Patterns, with_scratch};
