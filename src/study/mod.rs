//! The study file: what to analyse and how, and the folder the results go to.

mod section;

pub use section::Section;
