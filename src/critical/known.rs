//! Critical points at places that are already known nearly.

use rayon::prelude::*;

use super::chart::Chart;
use super::descend::descend;
use super::follow::Followed;
use super::problem::Problem;
use super::refine::refine;
use super::search::{by_index, settle_region};
use super::{Completeness, Coverage, CriticalPoint, CriticalSet, Work};
use crate::error::Result;
use crate::landscape::{Landscape, Region};

/// The critical points next to the given places (each of length n), sharpened by Newton's method, with spectrum and index, and
/// for each of them the number of its place. Places without a nondegenerate critical point are left out. Whether there are
/// others is not asked: completeness is as the caller knows it.
///
/// # Errors
/// If the region does not fit, or none is given and none can be found.
pub fn sharpen(
    landscape: &dyn Landscape,
    region: Option<&Region>,
    places: &[Vec<f64>],
    completeness: Completeness,
    degenerate_tolerance: f64,
) -> Result<(CriticalSet, Vec<usize>)> {
    crate::linalg::sequential();
    let region = settle_region(landscape, region)?;
    let chart = chart(landscape, &region);
    let problem = Problem::new(&chart, &region);
    let sharpened = |(number, place): (usize, &Vec<f64>)| {
        let x = project(&chart, place);
        let found = refine(&problem, &Followed { x, gradient_norm: f64::NAN }, degenerate_tolerance)?;
        Some((chart.point(&found)?, number))
    };
    let mut found: Vec<(CriticalPoint, usize)> =
        places.par_iter().enumerate().filter_map(sharpened).collect();
    found.sort_by(|a, b| by_index(&a.0, &b.0));
    let euler = chart.euler_characteristic(landscape, &region);
    let (points, numbers) = found.into_iter().unzip();
    let set = CriticalSet {
        points,
        degenerate: vec![],
        completeness,
        coverage: Coverage::default(),
        euler_expected: euler,
        rough: false,
        highest_index: landscape.dim(),
        region,
        work: Work { ended: "the places were given".into(), ..Work::default() },
        interrupted: false,
    };
    Ok((set, numbers))
}

/// Where the orbit of `-grad E` from a place (length n) comes to rest; `None` if it leaves the region.
///
/// # Errors
/// If no region can be found.
pub(crate) fn rest(
    landscape: &dyn Landscape,
    region: Option<&Region>,
    from: &[f64],
) -> Result<Option<Vec<f64>>> {
    let region = settle_region(landscape, region)?;
    let chart = chart(landscape, &region);
    let problem = Problem::new(&chart, &region);
    Ok(descend(&problem, &project(&chart, from)).map(|z| chart.lift(&z)))
}

/// The coordinates in which places are sharpened.
fn chart<'a>(landscape: &'a dyn Landscape, region: &Region) -> Chart<'a> {
    match Chart::new(landscape, region) {
        // What stands in for a landscape there has no way back from its points to theirs.
        Chart::Equilibria(..) => Chart::Whole(landscape),
        chart => chart,
    }
}

/// A place in these coordinates.
fn project(chart: &Chart<'_>, place: &[f64]) -> Vec<f64> {
    if let Chart::Reduced(reduced) = chart { reduced.project(place) } else { place.to_vec() }
}
