//! Laplace's method against quadrature and closed forms.

use smale::Control;
use smale::critical::CriticalSet;
use smale::landscape::{Landscape, Region};
use smale::measure::laplace::{Laplace, laplace};
use smale::measure::quadrature::{Options, confines, domain, integrate};
use smale::measure::wells::{Form, WellId, Wells};

use crate::known::*;

/// `log int exp(-E/eps)` over each basin, by quadrature less what Laplace's method says to leading order.
fn excess(wells: &Wells<'_>, theory: &Laplace, set: &CriticalSet, eps: f64) -> Vec<f64> {
    let domain = domain(wells, &set.region, eps, confines(wells, eps)).unwrap();
    let found = integrate(wells, theory, &domain, eps, &Options::default(), &Control::quiet()).unwrap();
    let leading = |k: usize| theory.terms[k].as_ref().unwrap().log_z(eps, false);
    (0..found.log_z.len()).map(|k| found.log_z[k] - leading(k)).collect()
}

fn theory_of<'a>(landscape: &'a dyn Landscape, set: &CriticalSet) -> (Wells<'a>, Laplace) {
    let wells = Wells::new(landscape, None, set);
    let theory = laplace(&wells);
    (wells, theory)
}

/// The integral of a basin is Laplace's times `1 + c1 eps + ..`: c1 from two temperatures, the next order eliminated.
#[test]
fn corrections_are_those_of_the_integrals() {
    let (surface, surface_set) = mueller_brown();
    let (line, line_set) = line(TWO_WIDTHS, -4.0, 4.0);
    for (landscape, set, eps) in
        [(&surface as &dyn Landscape, &surface_set, 1e-3), (&line as &dyn Landscape, &line_set, 2e-3)]
    {
        let (wells, theory) = theory_of(landscape, set);
        let [half, whole] = [0.5 * eps, eps].map(|eps| excess(&wells, &theory, set, eps));
        for k in 0..wells.wells.len() {
            let slope = (4.0 * half[k] - whole[k]) / eps;
            let predicted = theory.terms[k].as_ref().unwrap().correction.unwrap();
            assert!((slope - predicted).abs() < 3e-2 * (1.0 + predicted.abs()), "{slope} {predicted}");
        }
    }
}

#[test]
fn equal_depths_share_the_limit_by_their_curvatures() {
    let (f, set) = line(TWO_WIDTHS, -4.0, 4.0);
    let (wells, theory) = theory_of(&f, &set);
    for (w, well) in theory.limit.iter().zip(&wells.wells) {
        close(*w, if well.x[0] < 0.0 { 2.0 / 3.0 } else { 1.0 / 3.0 }, 1e-12);
    }
    close(theory.divergence().unwrap(), 0.864258, 1e-6);
    // One of unequal depths takes all.
    let (f, set) = mueller_brown();
    assert_eq!(theory_of(&f, &set).1.limit, [1.0, 0.0, 0.0]);
}

#[test]
fn a_flat_minimum_is_recognised_and_wins() {
    for (energy, order, coefficient) in [("x^4/4", 4, 0.25), ("3*x^6 + x^8", 6, 3.0)] {
        let (f, set) = line(energy, -2.0, 2.0);
        let (wells, theory) = theory_of(&f, &set);
        let Form::Flat { order: found, coefficient: c, .. } = &wells.wells[0].form else {
            panic!("{energy}")
        };
        assert_eq!((wells.wells[0].id, *found), (WellId::Family(0), order));
        close(*c, coefficient, 1e-3);
        assert_eq!(theory.limit, [1.0]);
    }
    let (f, set) = line("x^4/4", -2.0, 2.0);
    let (_, theory) = theory_of(&f, &set);
    // The place of the minimum is known to 1e-4 only, its coefficient better.
    close(theory.log_z(0.1, false).unwrap().exp(), 1.441670716968338, 1e-6);
    // Of two minima of one depth the flatter has all weight in the limit.
    let (f, set) = line("x^4*(x - 2)^2", -1.0, 3.0);
    let (wells, theory) = theory_of(&f, &set);
    assert_eq!(wells.wells.len(), 2, "{:?}", wells.doubts);
    let flat = wells.wells.iter().position(|w| matches!(w.form, Form::Flat { .. })).unwrap();
    assert_eq!(theory.limit[flat], 1.0);
}

/// `Z = pi sqrt(4 pi eps)` up to what is exponentially small.
#[test]
fn a_circle_of_minima_is_recognised() {
    let hat = formula(2, "(x^2 + y^2 - 1)^2/4");
    let set = critical(&hat, &Region::ball(vec![0.0; 2], 2.0));
    let (wells, theory) = theory_of(&hat, &set);
    assert_eq!(wells.wells.len(), 1, "{:?}", wells.doubts);
    let Form::Curve { length, .. } = &wells.wells[0].form else { panic!("{:?}", wells.wells[0].form) };
    close(*length, std::f64::consts::TAU, 1e-6);
    let eps = 0.02;
    let truth = std::f64::consts::PI * (4.0 * std::f64::consts::PI * eps).sqrt();
    close(theory.log_z(eps, false).unwrap().exp(), truth, 1e-5);
    assert_eq!(theory.limit, [1.0]);
}
