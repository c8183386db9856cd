//! Landscapes of which the measure is known.
#![allow(unreachable_pub)]

use smale::Control;
use smale::critical::{CriticalSet, Options, search};
use smale::landscape::formula::Formula;
use smale::landscape::{Landscape, Region};

/// Two wells of equal depth with curvatures 2 and 8.
pub const TWO_WIDTHS: &str = "(x^2 - 1)^2/4 * (1 + 3/4*(x + 1)^2)";
pub const MUELLER_BROWN: &str = "(-200*exp(-(x - 1)^2 - 10*y^2) - 100*exp(-x^2 - 10*(y - 0.5)^2) \
    - 170*exp(-6.5*(x + 0.5)^2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2) \
    + 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2))/100";
/// A mixture of three Gaussians of width 1/2 with weights .5, .3, .2, as an energy on the scale of its own noise.
pub const THREE: &str = "-0.25*log(0.5*exp(-2*((x + 1)^2 + y^2)) + 0.3*exp(-2*((x - 1)^2 + y^2)) \
    + 0.2*exp(-2*(x^2 + (y - 1.6)^2)))";

pub fn formula(dim: usize, energy: &str) -> Formula {
    Formula::new(dim, energy, &[], &[], None).unwrap()
}

pub fn critical(landscape: &dyn Landscape, region: &Region) -> CriticalSet {
    search(landscape, Some(region), &Options::default(), &Control::quiet()).unwrap()
}

/// Its minima alone: of many dimensions all saddles would take long.
pub fn minima(landscape: &dyn Landscape, region: &Region) -> CriticalSet {
    let options = Options { max_index: Some(0), ..Options::default() };
    search(landscape, Some(region), &options, &Control::quiet()).unwrap()
}

pub fn mueller_brown() -> (Formula, CriticalSet) {
    let f = formula(2, MUELLER_BROWN);
    let set = critical(&f, &Region::cuboid(vec![-1.5, -0.2], vec![1.2, 2.0]));
    (f, set)
}

pub fn three() -> (Formula, CriticalSet) {
    let f = formula(2, THREE);
    let set = critical(&f, &Region::cuboid(vec![-3.0, -2.0], vec![3.0, 3.5]));
    (f, set)
}

pub fn line(energy: &str, low: f64, high: f64) -> (Formula, CriticalSet) {
    let f = formula(1, energy);
    let set = critical(&f, &Region::cuboid(vec![low], vec![high]));
    (f, set)
}

pub fn close(found: f64, truth: f64, relative: f64) {
    assert!((found - truth).abs() <= relative * truth.abs(), "{found:.15e} instead of {truth:.15e}");
}
