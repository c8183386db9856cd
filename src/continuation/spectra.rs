//! Spectra of the Hessian along branches.
//!
//! In: a family and its [`Diagram`]. Out: all eigenvalues at points of the branches, events among them. Where one crosses zero the
//! index changes; how far the others stay away says what else is near.

use rayon::prelude::*;

use super::Diagram;
use crate::error::{Error, Result};
use crate::landscape::Family;
use crate::landscape::hessian::{Hessian, layout};

/// Operations that all decompositions together may take: beyond that only every so many points have spectra.
const MOST_WORK: f64 = 3e9;
/// Spectra are not computed above this dimension.
const MOST_DIMENSIONS: usize = 400;

/// The spectrum at a point of a branch.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Number of the branch.
    pub branch: usize,
    /// Number of the point on it.
    pub step: usize,
    /// All eigenvalues of the Hessian, ascending.
    pub eigenvalues: Vec<f64>,
}

/// The spectra along all branches, in their order: at every point, or, where that would take too long, at the ends of each
/// branch, its events and every so many points between. Empty above 400 dimensions.
///
/// # Errors
/// If the family cannot be taken to a parameter of its own branches, or a Hessian is not finite.
pub fn spectra(family: &dyn Family, diagram: &Diagram) -> Result<Vec<Spectrum>> {
    let n = family.dim();
    if n > MOST_DIMENSIONS || !family.has_energy() {
        return Ok(vec![]);
    }
    let all: usize = diagram.branches.iter().map(|b| b.points.len()).sum();
    let each = 10.0 * (n as f64).powi(3).max(1.0);
    let every = (all as f64 * each / MOST_WORK).ceil().max(1.0) as usize;
    let mut wanted = vec![];
    for (branch, b) in diagram.branches.iter().enumerate() {
        let last = b.points.len().saturating_sub(1);
        let steps = b.points.iter().enumerate();
        let kept = steps.filter(|(k, p)| k % every == 0 || *k == last || p.event.is_some());
        wanted.extend(kept.map(|(step, point)| (branch, step, point)));
    }
    let layout = layout(family);
    let computed = wanted.into_par_iter().map(|(branch, step, point)| {
        let landscape = family.with_parameter(&diagram.parameter, point.parameter)?;
        let hessian = Hessian::at(landscape.as_ref(), layout.as_ref(), &point.x, 1.0);
        let eigenvalues = hessian.eigenvalues().ok_or_else(|| {
            let at = format!("{} = {}", diagram.parameter, point.parameter);
            Error::Numerics(format!("the Hessian at {at} is not finite"))
        })?;
        Ok(Spectrum { branch, step, eigenvalues })
    });
    computed.collect()
}
