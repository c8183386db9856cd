//! What is not structurally stable, or not shown to be, gets no certificate, and the reason names it.

use smale::landscape::Region;
use smale::landscape::formula::Formula;

use super::{FLIP, certify, formula};

#[test]
fn a_connection_of_saddles_is_named() {
    // At f = 0 the axis x = 0 is invariant and joins the two saddles.
    let why = certify(&formula(FLIP, &[("K", 0.75), ("f", 0.0)]), None).unwrap_err();
    assert!(why.contains("of index 1"), "{why}");
}

#[test]
fn degenerate_points_are_refused() {
    for energy in ["x^4 + y^2", "x^4 + y^4", "x^2*y^2 + 0.01*(x^2 + y^2)^3"] {
        let region = Region::cuboid(vec![-1.0, -1.0], vec![1.0, 1.0]);
        let refused = certify(&formula(energy, &[]), Some(&region));
        assert!(refused.is_err(), "{energy}");
    }
}

#[test]
fn a_region_that_the_flow_leaves_is_refused() {
    let region = Region::cuboid(vec![-1.0, -1.0], vec![1.0, 1.0]);
    let why = certify(&formula("x^2/2 - y^2/2", &[]), Some(&region)).unwrap_err();
    assert!(why.contains("boundary"), "{why}");
}

#[test]
fn periods_are_refused_with_the_reason() {
    let turn = Some(std::f64::consts::TAU);
    let torus = Formula::new(2, "cos(x) + cos(y)", &[], &[turn, turn], None).unwrap();
    let why = certify(&torus, None).unwrap_err();
    assert!(why.contains("period"), "{why}");
}
