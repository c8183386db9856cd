//! Invariant manifolds of critical points, of the flow `x' = -grad E` or of the landscape's own dynamics: all points whose
//! orbit comes from the critical point (the unstable manifold) or goes to it (the stable one).
//!
//! In: a landscape, a hyperbolic critical point, options. Out: near the point a polynomial parametrisation with a bound of its
//! error ([`LocalManifold`]), beyond it curves ([`Curve`]) and triangulated surfaces ([`Surface`]).
//!
//! Local manifolds are in the coordinates of the landscape they are given, which of one that reduces to fewer dimensions is
//! best the inner one; a [`Scene`] sees to that for curves and surfaces.

pub mod curve;
mod fit;
mod frame;
pub mod local;
mod mesh;
mod powers;
mod scene;
pub mod surface;
mod track;

pub use curve::{Curve, CurveEnd, curves};
pub use local::{LocalManifold, local};
pub use powers::Powers;
pub use scene::Scene;
pub use surface::{Surface, surface};

/// Which of the two manifolds of a critical point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Orbits leave the point along it, downhill.
    Unstable,
    /// Orbits arrive at the point along it. Followed backwards in time, uphill, it is unstable.
    Stable,
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_global;
