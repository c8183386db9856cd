//! How fast measures approach their limits.

use smale::Control;
use smale::critical::CriticalSet;
use smale::landscape::Landscape;
use smale::measure::convergence::{Conclusion, Convergence, convergence};
use smale::measure::gibbs::{Options, gibbs};
use smale::measure::laplace::laplace;
use smale::measure::wells::Wells;

use crate::known::*;

/// By quadrature alone.
fn approach(landscape: &dyn Landscape, set: &CriticalSet, temperatures: &[f64]) -> Convergence {
    let wells = Wells::new(landscape, None, set);
    let theory = laplace(&wells);
    let options = Options {
        temperatures: temperatures.to_vec(),
        importance: false,
        chains: false,
        ..Options::default()
    };
    let table = gibbs(&wells, &theory, &set.region, &options, &Control::quiet());
    convergence(&wells, &theory, &table, 0)
}

const SCHEDULE: [f64; 6] = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005];

fn exponent(found: &Convergence, quantity: &str) -> (f64, f64) {
    let fit = found.fits.iter().find(|f| f.quantity == quantity).unwrap();
    (fit.exponent.low, fit.exponent.high)
}

#[test]
fn two_wells_of_equal_depth() {
    let (f, set) = line(TWO_WIDTHS, -4.0, 4.0);
    let found = approach(&f, &set, &SCHEDULE);
    assert_eq!(found.conclusion, Conclusion::Converging);
    for quantity in ["w1_to_limit", "w2_to_limit", "bounded_lipschitz_to_limit"] {
        let (low, high) = exponent(&found, quantity);
        assert!(low <= 0.5 && 0.5 <= high && high - low < 0.1, "{quantity} {low} {high}");
    }
    let (low, high) = exponent(&found, "kl_to_laplace");
    assert!(low <= 1.0 && 1.0 <= high, "{low} {high}");
    // KL/eps tends to this, and the distances to what theory says.
    let [before, last] = [&found.rows[4], &found.rows[5]].map(|r| r.kl_laplace.unwrap().value / r.eps);
    close(2.0 * last - before, 0.864258, 2e-3);
    let last = &found.rows[5];
    // By sums over a fine grid, matched in order; theory to first order with corrections 3/16 and 507/1024 of the wells, whose
    // difference moves 2/9 of itself over the distance 2.
    for (q, truth) in [(0, 0.034018968810), (1, 0.056255265014)] {
        close(last.distances[q].unwrap().value, truth, 3e-5);
    }
    let moved = 2.0 / 9.0 * (507.0 / 1024.0 - 3.0 / 16.0);
    close(last.predicted[1].unwrap(), (0.005_f64 * (0.375 + 4.0 * moved)).sqrt(), 1e-4);
    for q in [0, 2] {
        close(last.distances[q].unwrap().value, last.predicted[q].unwrap(), 0.01);
    }
    close(last.kl_weights.unwrap().value, last.predicted_kl_weights.unwrap(), 0.1);
}

/// Where one minimum takes all, W2 is the root of the mean squared distance from it.
#[test]
fn one_deepest_minimum_in_the_plane() {
    let (f, set) = mueller_brown();
    let found = approach(&f, &set, &[0.1, 0.05, 0.02, 0.01]);
    let (low, high) = exponent(&found, "w2_to_limit");
    assert!(low <= 0.5 && 0.5 <= high, "{low} {high}");
    let last = &found.rows[3];
    close(last.distances[1].unwrap().value, last.predicted[1].unwrap(), 0.03);
}

/// The moments of `exp(-x^4/(4 eps))` are known: `E x^2 = 2 sqrt(eps) Gamma(3/4)/Gamma(1/4)`.
#[test]
fn a_flat_minimum_is_approached_more_slowly() {
    let (f, set) = line("x^4/4", -2.0, 2.0);
    let found = approach(&f, &set, &SCHEDULE);
    assert_eq!(found.conclusion, Conclusion::Converging);
    let (low, high) = exponent(&found, "w2_to_limit");
    assert!(low <= 0.25 && (0.25..0.3).contains(&high), "{low} {high}");
    for row in &found.rows {
        let truth = (2.0 * row.eps.sqrt() * 1.225416702465178 / 3.625609908221908).sqrt();
        close(row.distances[1].unwrap().value, truth, 3e-5);
    }
}

/// Depths that differ by less than the temperatures: the limit has one atom, the measure still two.
#[test]
fn a_limit_that_is_not_in_sight() {
    let (f, set) = line("(x^2 - 1)^2/4 + 0.001*x", -3.0, 3.0);
    let found = approach(&f, &set, &[0.1, 0.05, 0.02]);
    assert!(matches!(found.conclusion, Conclusion::NotYet(_)), "{:?}", found.conclusion);
}

/// On a circle distances go the shorter way round; the mean squared distance from the minimum is known to leading order.
#[test]
fn a_measure_on_a_circle() {
    let circle =
        smale::landscape::formula::Formula::new(1, "-cos(x - 3)", &[], &[Some(std::f64::consts::TAU)], None)
            .unwrap();
    let set = critical(&circle, &circle.region().unwrap());
    let found = approach(&circle, &set, &[0.05, 0.02, 0.01]);
    let last = &found.rows[2];
    close(last.distances[1].unwrap().value, 0.1, 0.01);
}
