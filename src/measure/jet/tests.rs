use super::*;
use crate::landscape::formula::{Direction, Formula};
use crate::landscape::mixture::{Mixture, Noise};

fn formula(dim: usize, energy: &str) -> Formula {
    Formula::new(dim, energy, &[], &[], None).unwrap()
}

fn near(found: f64, truth: f64, relative: f64) {
    assert!((found - truth).abs() <= relative * truth.abs(), "{found:e} instead of {truth:e}");
}

/// About -1 it is `y^2 - y^3 + y^4 + ..`, about 1 `4 y^2 + 7 y^3 + 4.75 y^4 + ..`.
const TWO_WELLS: &str = "(x^2 - 1)^2/4 * (1 + 3/4*(x + 1)^2)";

#[test]
fn one_dimension_by_hand() {
    let wells = formula(1, TWO_WELLS);
    for (x, [e2, e3, e4]) in [(-1.0, [2.0, -6.0, 24.0]), (1.0, [8.0, 42.0, 114.0])] {
        let jet = jet(&wells, &[x]).unwrap();
        near(jet.eigenvalues[0], e2, 1e-14);
        near(jet.third[0] * jet.vectors[(0, 0)], e3, 1e-13);
        near(jet.fourth[0], e4, 1e-10);
        assert!(jet.error < 1e-8, "{:e}", jet.error);
        let cubic = 5.0 * e3 * e3 / (24.0 * e2.powi(3));
        near(jet.divergence().unwrap(), cubic, 1e-13);
        near(jet.correction().unwrap(), cubic - e4 / (8.0 * e2 * e2), 1e-9);
        near(jet.drift().unwrap()[0], -e3 / (2.0 * e2 * e2), 1e-13);
    }
}

#[test]
fn fourth_derivatives_are_those_of_the_formula() {
    let energy = "-200*exp(-(x - 1)^2 - 10*y^2) - 100*exp(-x^2 - 10*(y - 0.5)^2) \
        - 170*exp(-6.5*(x + 0.5)^2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2) \
        + 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2)";
    let surface = formula(2, energy);
    // A minimum, a saddle, and a point that is none.
    for x in [[-0.558224, 1.441726], [-0.822002, 0.624313], [0.3, 0.4]] {
        let jet = jet(&surface, &x).unwrap();
        let largest = jet.fourth.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for place in 0..16 {
            let index = [place / 8, place / 4 % 2, place / 2 % 2, place % 2];
            let along: Vec<Direction<'_>> =
                index.iter().map(|&i| Direction::State(jet.vectors.col_as_slice(i))).collect();
            let mut out = [0.0; 2];
            surface.derivative(&x, &along[..3], &mut out);
            let truth = dot(&out, jet.vectors.col_as_slice(index[3]));
            let [i, j, k, l] = index;
            let found = jet.e4(i, j, k, l).unwrap();
            assert!((found - truth).abs() < 1e-9 * largest, "{index:?}: {found} instead of {truth}");
        }
        assert!(jet.error < 1e-7, "{:e}", jet.error);
    }
}

/// In a product of wells the corrections add; so they do in turned coordinates, in which no derivative vanishes.
#[test]
fn corrections_of_independent_coordinates_add() {
    let one = jet(&formula(1, TWO_WELLS), &[1.0]).unwrap();
    for d in [2, 3, 5] {
        let sum = format!("sum(i, 0, {}, (x[i]^2 - 1)^2/4*(1 + 3/4*(x[i] + 1)^2))", d - 1);
        let product = jet(&formula(d, &sum), &vec![1.0; d]).unwrap();
        near(product.correction().unwrap(), d as f64 * one.correction().unwrap(), 1e-8);
        near(product.divergence().unwrap(), d as f64 * one.divergence().unwrap(), 1e-12);
    }
    let turned = "((0.6*x + 0.8*y)^2 - 1)^2/4*(1 + 3/4*(0.6*x + 0.8*y + 1)^2) + cosh(0.8*x - 0.6*y)";
    let turned = jet(&formula(2, turned), &[0.6, 0.8]).unwrap();
    // cosh has derivatives 1, 0, 1 at zero: its own correction is -1/8.
    near(turned.correction().unwrap(), one.correction().unwrap() - 0.125, 1e-9);
    let drift = turned.drift().unwrap();
    let along = one.drift().unwrap()[0];
    assert!((drift[0] - 0.6 * along).abs() < 1e-12 && (drift[1] - 0.8 * along).abs() < 1e-12);
}

/// Derivatives of a mixture's energy are cumulants of its data under the responsibilities.
#[test]
fn fourth_derivatives_of_a_mixture_are_cumulants() {
    let (d, count, sigma) = (5, 6, 0.9);
    let data = Mat::from_fn(d, count, |i, k| ((3 * i + 7 * k * k + 1) as f64).sin());
    let noise = Noise::Fixed { a: 1.0, sigma };
    let mixture = Mixture::new(data.clone(), vec![1.0; count], noise, 0.0).unwrap();
    let x = vec![0.1; d];
    let found = jet(&mixture, &x).unwrap();
    let away = |k: usize| -> f64 { (0..d).map(|i| (x[i] - data[(i, k)]).powi(2)).sum() };
    let raw: Vec<f64> = (0..count).map(|k| (-away(k) / (2.0 * sigma * sigma)).exp()).collect();
    let total: f64 = raw.iter().sum();
    for i in 0..d {
        for j in 0..d {
            let mean = |f: &dyn Fn(usize) -> f64| (0..count).map(|k| raw[k] / total * f(k)).sum::<f64>();
            let along =
                |v: usize, k: usize| (0..d).map(|a| found.vectors[(a, v)] * data[(a, k)]).sum::<f64>();
            let (mi, mj) = (mean(&|k| along(i, k)), mean(&|k| along(j, k)));
            let (a, b) = (|k: usize| along(i, k) - mi, |k: usize| along(j, k) - mj);
            let (aa, bb, ab) = (mean(&|k| a(k) * a(k)), mean(&|k| b(k) * b(k)), mean(&|k| a(k) * b(k)));
            let cumulant = mean(&|k| (a(k) * b(k)).powi(2)) - aa * bb - 2.0 * ab * ab;
            let truth = -cumulant / sigma.powi(8);
            assert!((found.pairs[(i, j)] - truth).abs() < 1e-9, "{} instead of {truth}", found.pairs[(i, j)]);
        }
    }
}

#[test]
fn what_has_no_expansion_has_none() {
    let saddle = jet(&formula(2, "x^2 - y^2 + x^3"), &[0.0, 0.0]).unwrap();
    assert!(saddle.correction().is_none() && saddle.divergence().is_none() && saddle.drift().is_none());
    assert_eq!((saddle.e4(0, 0, 1, 1), saddle.e3(1, 1, 1).abs()), (Some(0.0), 6.0));
    assert!(jet(&formula(1, "log(x)"), &[-1.0]).is_none());
}
