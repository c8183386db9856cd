//! Landscapes on which a route by itself would be sure of something that is not so.

use faer::Mat;
use smale::Control;
use smale::critical::CriticalSet;
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::{Landscape, Region};
use smale::measure::convergence::convergence;
use smale::measure::gibbs::{Options, Table, Verdict, gibbs};
use smale::measure::laplace::laplace;
use smale::measure::wells::Wells;

use crate::known::*;

fn table(landscape: &dyn Landscape, set: &CriticalSet, temperatures: &[f64]) -> Table {
    let reduced = landscape.reduce();
    let wells = Wells::new(landscape, reduced.as_ref(), set);
    let theory = laplace(&wells);
    let options = Options {
        temperatures: temperatures.to_vec(),
        importance: false,
        chains: false,
        ..Options::default()
    };
    gibbs(&wells, &theory, &set.region, &options, &Control::quiet())
}

fn plane(energy: &str, lower: [f64; 2], upper: [f64; 2]) -> (Formula, CriticalSet) {
    let f = formula(2, energy);
    let set = critical(&f, &Region::cuboid(lower.to_vec(), upper.to_vec()));
    (f, set)
}

/// A search of half the plane, or of half the line, knows one of two wells, however complete it is there.
#[test]
fn minima_outside_the_region_are_noticed() {
    let half = plane("(x^2 - 1)^2/4 + y^2/2", [-3.0, -2.0], [-0.2, 2.0]);
    let deeper = line("(x^2 - 1)^2/4 - 0.05*x", -2.0, -0.3);
    for (f, set) in [&half, &deeper] {
        assert_eq!(set.counts()[0], 1);
        let table = table(f, set, &[0.2, 0.05, 0.01, 0.002]);
        for at in &table.at {
            assert!(matches!(at.verdict, Verdict::NotEnough(_)), "{} {:?}", at.eps, at.answers);
        }
        // Half of the mass at the warmest flows elsewhere.
        assert!(table.at[0].answers[0].elsewhere > 0.4, "{:?}", table.at[0].answers);
    }
}

/// Both depths are zero but for rounding: curvatures and `x + 1` at the wells give weights. A constant changes nothing.
#[test]
fn rounding_does_not_choose_the_limit() {
    for constant in ["", "10000000 + "] {
        let energy = format!("{constant}((x - 0.1)^2 - 2)^2/4*(1 + 0.5*(x + 1)^2)");
        let (f, set) = line(&energy, -4.0, 4.0);
        let wells = Wells::new(&f, None, &set);
        let theory = laplace(&wells);
        // E'' = 2 u^2 (1 + (x + 1)^2/2) with u = x - 0.1 = -+sqrt 2.
        let weigh = |x: f64| (4.0 * (1.0 + 0.5 * (x + 1.0).powi(2))).powf(-0.5);
        let (a, b) = (weigh(0.1 - 2.0_f64.sqrt()), weigh(0.1 + 2.0_f64.sqrt()));
        assert_eq!(wells.wells.len(), 2);
        for (well, w) in wells.wells.iter().zip(&theory.limit) {
            close(*w, if well.x[0] < 0.0 { a } else { b } / (a + b), 1e-6);
        }
    }
}

/// The energy falls without bound: the measure on the interval gathers at its left end.
#[test]
fn a_measure_cut_off_has_no_limit_at_a_minimum() {
    let (f, set) = line("x^3/3 - x", -3.0, 3.0);
    let wells = Wells::new(&f, None, &set);
    let mut theory = laplace(&wells);
    theory.cut_to(&wells, &set.region);
    assert_eq!(theory.limit, [0.0]);
    assert!(theory.doubt.is_some());
    assert!(matches!(table(&f, &set, &[0.1]).at[0].verdict, Verdict::NotEnough(_)));
    // On a region whose end is higher than the minimum the limit stays.
    let (f, set) = line("x^3/3 - x", -1.5, 3.0);
    let wells = Wells::new(&f, None, &set);
    let mut theory = laplace(&wells);
    theory.cut_to(&wells, &set.region);
    assert_eq!(theory.limit, [1.0]);
}

/// A valley a thousand times as long as wide, askew: `Z = 2 pi eps/1000`, or it is said that this is not known.
#[test]
fn a_long_valley_askew() {
    let (c, s) = (0.4_f64.cos(), 0.4_f64.sin());
    let energy = format!("({c}*x + {s}*y)^2/2 + 1000000*({c}*y - {s}*x)^2/2");
    let (f, set) = plane(&energy, [-1.0; 2], [1.0; 2]);
    for at in &table(&f, &set, &[0.5, 0.02]).at {
        let truth = (std::f64::consts::TAU * at.eps / 1000.0).ln();
        let answer = &at.answers[0];
        let found = answer.log_total.unwrap();
        assert!((found.value - truth).abs() <= found.error() + 1e-9, "{found:?} {truth}");
        assert!(answer.failure.is_some() || found.error() < 0.05, "{answer:?}");
    }
}

/// A Gaussian in ten dimensions of which the search knows none: the mean length is `sigma sqrt(2) Gamma(11/2)/Gamma(5)`.
#[test]
fn lengths_across_the_search_are_exact() {
    let data = Mat::from_fn(10, 2, |i, _| 0.1 * i as f64);
    let noise = Noise::Fixed { a: 1.0, sigma: 0.6 };
    let mixture = Mixture::new(data, vec![1.0; 2], noise, 0.0).unwrap();
    let set = critical(&mixture, &mixture.region().unwrap());
    let reduced = mixture.reduce();
    let wells = Wells::new(&mixture, reduced.as_ref(), &set);
    let theory = laplace(&wells);
    let table = table(&mixture, &set, &[0.5, 0.1]);
    let found = convergence(&wells, &theory, &table, 0);
    let mean = 2.0_f64.sqrt() * 52.342_777_784_553_52 / 24.0;
    for row in &found.rows {
        let length = row.distances[0].unwrap();
        let truth = 0.6 * row.eps.sqrt() * mean;
        assert!((length.value - truth).abs() <= length.error(), "{length:?} {truth}");
        close(length.value, truth, 3e-5);
    }
}

/// With heavy tails most of the interval lies outside of any region: all of it flows to the one minimum.
/// `Z = sqrt(pi) Gamma(a - 1/2)/Gamma(a)` with `a = 2/eps`; 1 at eps = 1 gives pi/2.
#[test]
fn heavy_tails_belong_to_their_well() {
    let (f, set) = line("2*log(1 + x^2)", -3.0, 3.0);
    let table = table(&f, &set, &[1.0]);
    let answer = &table.at[0].answers[0];
    assert_eq!((answer.failure.as_ref(), answer.elsewhere), (None, 0.0));
    let found = answer.log_total.unwrap();
    let truth = (0.5 * std::f64::consts::PI).ln();
    assert!((found.value - truth).abs() < 1e-9 + found.error(), "{found:?}");
}

/// Where a temperature is so small beside a constant that rounding decides, that is an error, and is found soon.
#[test]
fn a_large_constant_is_an_error() {
    let (f, set) = line("10000000 + (x^2 - 1)^2/4 + 0.0001*x", -3.0, 3.0);
    let table = table(&f, &set, &[2e-5]);
    for a in &table.at[0].answers {
        assert!(a.failure.is_some() || a.log_total.unwrap().error() > 1e-5, "{a:?}");
    }
}
