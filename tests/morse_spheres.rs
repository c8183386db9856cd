//! Connections on spheres of orbits: from index k to k - 1 with 3 <= k <= n - 2. What is known: sums of functions of one variable,
//! whose graph is the product of paths; the homology of the region; that the boundary of a boundary is zero.

use faer::Mat;
use smale::landscape::formula::Formula;

mod common;

use common::morse::{assert_homology, assert_product, astray, double, rotation, whole};

/// One well only: along this variable nothing falls.
fn single(rate: f64) -> Vec<f64> {
    vec![0.1, 0.5 * rate, 0.0, 0.05]
}

#[test]
fn three_of_five_variables_fall() {
    let wells = [double(0.02, 1.0), double(-0.03, 1.4), double(0.05, 0.8), single(1.0), single(0.7)];
    assert_product("five", &wells, &rotation(5, 0.3), None);
}
