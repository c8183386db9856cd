//! Least actions and what follows from them.

use smale::connection::{self, connect};
use smale::control::Control;
use smale::critical::{self, search};
use smale::landscape::formula::Drift;
use smale::landscape::{Landscape, Region};
use smale::measure::quasipotential::{Options, least_action, quasipotential};

use crate::cases::Solved;

/// R. S. Maier and D. L. Stein, Phys. Rev. E 48 (1993) 931, with alpha = 1.
fn maier_stein(beta: f64) -> Drift {
    Drift::new(&["x - x^3 - beta*x*y^2", "-(1 + x^2)*y"], &[("beta".into(), beta)], &[]).unwrap()
}

/// From the attractor to the saddle: 1/4 for beta up to 4, where the path is the axis; at 10 it leaves the axis, and half of
/// 0.340041403330 is less.
#[test]
fn maier_and_stein() {
    for (beta, twice) in [(1.0, 0.5), (3.0, 0.5), (4.0, 0.5), (10.0, 0.340041403330)] {
        let field = maier_stein(beta);
        let drift = field.dynamics().unwrap();
        for modes in [12, Options::default().modes] {
            let options = Options { modes, ..Options::default() };
            let path = least_action(drift, &[-1.0, 0.0], &[0.0, 0.0], &[], &options).unwrap();
            println!("{beta} {modes} {:.13} {:e} {}", path.action, path.error, path.modes);
            assert!((path.action - twice / 2.0).abs() < 1e-9);
            assert!(path.error < 1e-9);
        }
    }
}

#[test]
fn a_field_between_two_attractors() {
    let field = maier_stein(10.0);
    let region = Region::cuboid(vec![-1.5, -1.0], vec![1.5, 1.0]);
    let set = search(&field, Some(&region), &critical::Options::default(), &Control::quiet()).unwrap();
    let graph = connect(&field, &set, &connection::Options::default(), &Control::quiet());
    let found = quasipotential(&field, &set, &graph, &Options::default(), &Control::quiet()).unwrap();
    println!("{found:?}");
    assert_eq!((found.attractors.len(), found.escapes.len()), (2, 2));
    let v = 0.340041403330 / 2.0;
    assert!(found.escapes.iter().all(|e| (e.path.action - v).abs() < 1e-9));
    assert!(found.law.iter().all(|w| w.abs() < 1e-9));
    assert!(found.exponents.len() == 1 && (found.exponents[0] - v).abs() < 1e-9);
    assert_eq!(found.cycles.len(), 1);
}

/// A point and a cycle of radius 2 attract, a cycle of radius 1 between them repels: of the point alone there is no law.
#[test]
fn a_limit_cycle_leaves_no_law() {
    let radial = "(1 - x^2 - y^2)*(4 - x^2 - y^2)";
    let drift = [format!("-x*{radial} - y"), format!("-y*{radial} + x")];
    let field = Drift::new(&[&drift[0], &drift[1]], &[], &[]).unwrap();
    let region = Region::cuboid(vec![-3.0; 2], vec![3.0; 2]);
    let set = search(&field, Some(&region), &critical::Options::default(), &Control::quiet()).unwrap();
    assert_eq!(set.points.len(), 1);
    let graph = connect(&field, &set, &connection::Options::default(), &Control::quiet());
    let few = Options { orbits: 8, ..Options::default() };
    let found = quasipotential(&field, &set, &graph, &few, &Control::quiet()).unwrap();
    assert!(found.law.is_empty() && found.exponents.is_empty());
    assert!(found.doubts.iter().any(|d| d.contains("limit cycle")), "{:?}", found.doubts);
}

/// Of a gradient actions are barriers, the law is the energy and the exponents are the barriers of the mergers.
#[test]
fn of_a_gradient_actions_are_barriers() {
    let solved = Solved::mueller_brown();
    let found =
        quasipotential(&solved.landscape, &solved.set, &solved.graph, &Options::default(), &Control::quiet())
            .unwrap();
    let energy = |id: usize| solved.set.points[id].energy;
    assert_eq!(found.escapes.len(), 4);
    for e in &found.escapes {
        let barrier = energy(e.saddle) - energy(e.from);
        println!(
            "{} over {}: {:e} off {:e} error {:e}",
            e.from,
            e.saddle,
            barrier,
            e.path.action - barrier,
            e.path.error
        );
        assert!((e.path.action - barrier).abs() < 1e-9 + e.path.error);
        // In the other convention twice that.
        assert!((2.0 * e.path.action - 2.0 * barrier).abs() < 1e-6);
    }
    let lowest = found.attractors.iter().map(|&a| energy(a)).fold(f64::INFINITY, f64::min);
    for (id, w) in found.attractors.iter().zip(&found.law) {
        assert!((w - (energy(*id) - lowest)).abs() < 1e-8);
    }
    // The chain's eigenvalues fall with these exponents: slope of the logarithm between two temperatures.
    let network = solved.network();
    let spectrum = |eps: f64| network.chain(eps, smale::measure::kramers::Order::Leading).log_spectrum();
    let (a, b) = (1e-4, 0.5e-4);
    let (at_a, at_b) = (spectrum(a), spectrum(b));
    for k in 0..2 {
        let slope = (at_a[k + 1] - at_b[k + 1]) / (1.0 / b - 1.0 / a);
        assert!((slope - found.exponents[k]).abs() < 1e-6, "{slope} {:?}", found.exponents);
    }
}
