//! Pictures: the phase portrait (in one and two dimensions); a drawing of the connection graph, the tree of merging
//! minima and the persistence diagram (in any); and curves of a measurement.
//!
//! In: a landscape, its [`CriticalSet`](crate::critical::CriticalSet), its
//! [`MorseGraph`](crate::connection::MorseGraph). Out: an SVG document, the same bytes for the same input.

mod arrows;
mod canvas;
mod contour;
mod curves;
mod drawing;
mod frame;
mod gallery;
mod geometry;
mod layout;
mod persistence;
mod portrait;
mod profile;
mod scale;
mod style;
mod thumbnail;
mod tree;

pub use curves::{Curve, curves};
pub use drawing::drawing;
pub use persistence::persistence;
pub use portrait::portrait;
pub use tree::tree;
