//! Pictures: the phase portrait (in one and two dimensions); a projection (in more); a drawing of the connection graph, the tree of merging
//! minima and the persistence diagram (in any); branches along a parameter and the tree in which minima split; and means
//! of a measurement, with error bars or as a plane of two parameters; and one page that holds them all.
//!
//! In: a landscape, its [`CriticalSet`](crate::critical::CriticalSet), its
//! [`MorseGraph`](crate::connection::MorseGraph). Out: an SVG document, the same bytes for the same input.

mod abscissa;
mod arrows;
mod bifurcation;
mod canvas;
mod contour;
mod drawing;
mod frame;
mod gallery;
mod geometry;
mod layout;
mod letters;
mod page;
mod panels;
mod persistence;
mod phase;
mod plane;
mod portrait;
mod profile;
mod projection;
mod quantity;
mod raster;
mod regimes;
mod scale;
mod scene;
mod spectra;
mod splitting;
mod style;
mod thumbnail;
mod tree;

pub use bifurcation::bifurcation_diagram;
pub use drawing::drawing;
pub use letters::with_letters;
pub use page::{PAGE, page};
pub use panels::{Estimate, Panel, PanelRow, Series, panels};
pub use persistence::persistence;
pub use phase::phase_diagram;
pub use portrait::{portrait, portrait_csv};
pub use projection::Projection;
pub use quantity::Quantity;
pub use raster::png;
pub use regimes::{Cell, Overlay, Regimes, regimes};
pub use spectra::spectra;
pub use splitting::splitting_tree;
pub use tree::tree;
