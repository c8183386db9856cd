//! The landscapes of the tests. Numbers that the tests compare with were computed by other programs, in other ways: in one
//! dimension by quadrature in extended precision, in the plane by dense grids and by spectral elements.

use smale::connection::{self, MorseGraph};
use smale::control::Control;
use smale::critical::{self, CriticalSet};
use smale::landscape::formula::Formula;
use smale::landscape::{Landscape, Region};
use smale::measure::generator::grid::Domain;
use smale::measure::kramers::{Network, network};

/// Two equal wells at -1 and 1.
pub const DOUBLE: &str = "(x^2 - 1)^2/4";
/// Two wells of equal depth with curvatures 2 and 8.
pub const HALF: &str = "(x^2 - 1)^2/4*(1 + 3/4*(x + 1)^2)";
/// Mueller and Brown (1979), over 100.
pub const MUELLER_BROWN: &str = "(-200*exp(-(x - 1)^2 - 10*y^2) - 100*exp(-x^2 - 10*(y - 0.5)^2)
  - 170*exp(-6.5*(x + 0.5)^2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2)
  + 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2))/100";
/// Three Gaussian wells of width 1/2.
pub const GAUSSIANS: &str = "-0.25*log(0.5*exp(-2*((x + 1)^2 + y^2)) + 0.3*exp(-2*((x - 1)^2 + y^2))
  + 0.2*exp(-2*(x^2 + (y - 1.6)^2)))";

pub fn formula(dim: usize, energy: &str) -> Formula {
    Formula::new(dim, energy, &[], &[], None).unwrap()
}

/// A landscape with its points and graph.
pub struct Solved {
    pub landscape: Formula,
    pub set: CriticalSet,
    pub graph: MorseGraph,
}

impl Solved {
    pub fn new(dim: usize, energy: &str, lower: &[f64], upper: &[f64]) -> Solved {
        let landscape = formula(dim, energy);
        let region = Region::cuboid(lower.to_vec(), upper.to_vec());
        let set =
            critical::search(&landscape, Some(&region), &critical::Options::default(), &Control::quiet())
                .unwrap();
        let graph = connection::connect(&landscape, &set, &connection::Options::default(), &Control::quiet());
        Solved { landscape, set, graph }
    }

    pub fn mueller_brown() -> Solved {
        Solved::new(2, MUELLER_BROWN, &[-1.5, -0.2], &[1.2, 2.0])
    }

    pub fn gaussians() -> Solved {
        Solved::new(2, GAUSSIANS, &[-3.0, -3.0], &[3.0, 4.0])
    }

    pub fn network(&self) -> Network {
        network(&self.landscape, &self.set, &self.graph).unwrap()
    }

    pub fn minima(&self) -> Vec<Vec<f64>> {
        self.set.points.iter().filter(|p| p.index == 0).map(|p| p.x.clone()).collect()
    }

    pub fn domain<'a>(&'a self, minima: &'a [Vec<f64>], temperature: f64) -> Domain<'a> {
        let saddles = self.set.points.iter().filter(|p| p.index == 1);
        let top = saddles.map(|p| p.energy).fold(f64::NEG_INFINITY, f64::max);
        let curvature =
            self.set.points.iter().flat_map(|p| &p.eigenvalues).fold(0.0_f64, |m, l| m.max(l.abs()));
        let landscape: &dyn Landscape = &self.landscape;
        Domain { landscape, minima, top, curvature, temperature }
    }
}

pub fn close(found: f64, truth: f64, relative: f64) {
    let off = (found / truth - 1.0).abs();
    assert!(off <= relative, "{found:e} against {truth:e}: off by {off:e}, allowed {relative:e}");
}
