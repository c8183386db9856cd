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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::formula::Formula;

    /// A chain of double wells, `(x^2 - 1)^2/4` each, joined by springs of strength c, its ends free.
    fn chain(n: usize, c: f64) -> Formula {
        let energy =
            format!("sum(i, 0, {}, (x[i]^2 - 1)^2/4) + c/2*sum(i, 0, {}, (x[i+1] - x[i])^2)", n - 1, n - 2);
        Formula::new(n, &energy, &[("c".to_owned(), c)], &[], None).expect("a valid energy")
    }

    /// In a band, at points of low index, of a third of the dimension, and of all of it; beside the closed form.
    #[test]
    fn spectra_of_a_chain_are_those_of_its_springs() {
        let n = 130;
        let spring = |j: usize| 4.0 * (std::f64::consts::FRAC_PI_2 * j as f64 / n as f64).sin().powi(2);
        for (c, at, well) in [(1.0, 0.0, -1.0), (0.1, 0.0, -1.0), (200.0, 0.0, -1.0), (1.0, 1.0, 2.0)] {
            let landscape = chain(n, c);
            let region = Region::cuboid(vec![-1.5; n], vec![1.5; n]);
            let near: Vec<f64> = (0..n).map(|i| at + 1e-4 * (i as f64).sin()).collect();
            let (set, _) =
                sharpen(&landscape, Some(&region), &[near], Completeness::Unknown, 1e-10).expect("a region");
            let [point] = &set.points[..] else { panic!("{} points", set.points.len()) };
            let exact: Vec<f64> = (0..n).map(|j| well + c * spring(j)).collect();
            assert_eq!(point.index, exact.iter().filter(|v| **v < 0.0).count(), "c = {c}");
            assert!(point.x.iter().all(|x| (x - at).abs() < 1e-12));
            for (own, exact) in point.eigenvalues.iter().zip(&exact) {
                assert!((own - exact).abs() < 1e-11 * (1.0 + c), "{own} beside {exact}");
            }
        }
    }

    /// The chain without wells moves freely as a whole: a line of minima, in a band.
    #[test]
    fn a_free_chain_is_a_line_of_minima() {
        let n = 100;
        let energy = format!("sum(i, 0, {}, (x[i+1] - x[i])^2)", n - 2);
        let landscape = Formula::new(n, &energy, &[], &[], None).expect("a valid energy");
        let region = Region::cuboid(vec![-1.5; n], vec![1.5; n]);
        let options = crate::critical::Options { max_index: Some(0), rounds: Some(1), ..Default::default() };
        let control = crate::control::Control::quiet();
        let set = crate::critical::search(&landscape, Some(&region), &options, &control).expect("a region");
        assert!(set.points.is_empty());
        assert!(set.degenerate.iter().all(|family| family.dimension == 1) && !set.degenerate.is_empty());
    }
}
