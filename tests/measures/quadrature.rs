//! Weights of basins and partition functions by quadrature.

use smale::Control;
use smale::critical::CriticalSet;
use smale::landscape::Landscape;
use smale::landscape::Region;
use smale::landscape::formula::Formula;
use smale::measure::laplace::laplace;
use smale::measure::quadrature::{Integrals, Options, confines, domain, integrate};
use smale::measure::wells::Wells;

use crate::known::*;

fn integrals(landscape: &dyn Landscape, set: &CriticalSet, eps: f64) -> Integrals {
    let wells = Wells::new(landscape, None, set);
    let theory = laplace(&wells);
    let domain = domain(&wells, &set.region, eps, confines(&wells, eps)).unwrap();
    integrate(&wells, &theory, &domain, eps, &Options::default(), &Control::quiet()).unwrap()
}

/// Weights in the order of the minima.
fn weights(found: &Integrals) -> Vec<f64> {
    let total = found.log_total();
    found.log_z.iter().map(|l| (l - total).exp()).collect()
}

#[test]
fn two_wells_on_the_line() {
    let (f, set) = line(TWO_WIDTHS, -4.0, 4.0);
    for (eps, left) in [(0.2, 0.645217671941325), (0.05, 0.662606518092996), (0.02, 0.665196999110330)] {
        let found = integrals(&f, &set, eps);
        let place = set.points.iter().take(2).position(|p| p.x[0] < 0.0).unwrap();
        close(weights(&found)[place], left, 1e-12);
        assert!(found.errors.iter().all(|e| *e < 1e-10) && found.elsewhere == 0.0, "{:?}", found.errors);
    }
}

#[test]
fn partition_functions_in_closed_form() {
    let z = |f: &Formula, region: Region, eps: f64| {
        let set = critical(f, &region);
        integrals(f, &set, eps).log_total().exp()
    };
    let interval = || Region::cuboid(vec![-3.0], vec![3.0]);
    close(z(&formula(1, "x^4/4"), interval(), 0.1), 1.441670716968338, 1e-12);
    close(
        z(&formula(2, "((x^2 + y^2) - 1)^2/4"), Region::ball(vec![0.0; 2], 2.0), 0.1),
        3.477086768162409,
        1e-10,
    );
    // On the circle Z = 2 pi I_0(1/eps), and the mean of the cosine is I_1/I_0.
    let circle = Formula::new(1, "-cos(x)", &[], &[Some(std::f64::consts::TAU)], None).unwrap();
    let region = circle.region().unwrap();
    let set = critical(&circle, &region);
    let found = integrals(&circle, &set, 0.1);
    close(found.cloud.mean(|_, x| x[0].cos()), 0.948599825954846, 1e-12);
    // Independent wells multiply.
    let one = z(&formula(1, TWO_WIDTHS), interval(), 0.3);
    let two = formula(2, "sum(i, 0, 1, (x[i]^2 - 1)^2/4*(1 + 3/4*(x[i] + 1)^2))");
    close(z(&two, Region::cuboid(vec![-3.0; 2], vec![3.0; 2]), 0.3), one * one, 1e-10);
    let three = formula(3, "(x^2 + 2*y^2 + 5*z^2)/2 + x^4");
    let flat = z(&formula(1, "x^2/2 + x^4"), interval(), 0.2);
    let gaussian = std::f64::consts::TAU * 0.2 / 10.0_f64.sqrt();
    close(z(&three, Region::cuboid(vec![-2.0; 3], vec![2.0; 3]), 0.2), flat * gaussian, 1e-8);
}

#[test]
fn mueller_brown_at_every_temperature() {
    let (f, set) = mueller_brown();
    let known = [
        (0.2, [0.80600103178, 0.12897863331, 0.065020334906]),
        (0.05, [0.99952833382, 4.6706284514e-4, 4.6033349118e-6]),
        (0.02, [0.99999999562, 4.3777911471e-9, 1.1374391588e-14]),
    ];
    for (eps, truth) in known {
        let found = integrals(&f, &set, eps);
        let weights = weights(&found);
        for (w, t) in weights.iter().zip(truth) {
            close(*w, t, 1e-8);
        }
        assert!(found.errors.iter().all(|e| *e < 1e-7), "{:?}", found.errors);
    }
}

#[test]
fn three_gaussians() {
    let (f, set) = three();
    let found = integrals(&f, &set, 0.1);
    let weights = weights(&found);
    // Known to seven digits.
    for (w, t) in weights.iter().zip([0.7189687, 0.2042568, 0.0767746]) {
        assert!((w - t).abs() < 2e-7, "{w} instead of {t}");
    }
}
