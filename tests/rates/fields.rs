//! Fields given as formulas: derivatives, and what a study may say.

use faer::Mat;
use smale::landscape::formula::{self, Drift};
use smale::landscape::{Dynamics, Family, Landscape};
use smale::study::Section;

fn maier_stein() -> Drift {
    let parameters = [("a".to_owned(), 1.0), ("b".to_owned(), 10.0)];
    Drift::new(&["x - x^3 - b*x*y^2", "-a*(1 + x^2)*y"], &parameters, &[]).unwrap()
}

#[test]
fn derivatives_are_those_of_the_field() {
    let field = maier_stein();
    let (x, y) = (0.3, -0.7);
    let mut v = [0.0; 2];
    assert!(field.velocity(&[x, y], &mut v).is_nan());
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} against {b}");
    near(v[0], x - x * x * x - 10.0 * x * y * y);
    near(v[1], -(1.0 + x * x) * y);
    let exact = [[1.0 - 3.0 * x * x - 10.0 * y * y, -20.0 * x * y], [-2.0 * x * y, -1.0 - x * x]];
    let mut jacobian = Mat::zeros(2, 2);
    field.jacobian(&[x, y], jacobian.as_mut());
    let (point, vector) = (Mat::from_fn(2, 1, |i, _| [x, y][i]), Mat::from_fn(2, 1, |i, _| [0.5, 2.0][i]));
    let mut product = Mat::zeros(2, 1);
    field.linearize(point.as_ref()).apply(vector.as_ref(), product.as_mut());
    for i in 0..2 {
        near(jacobian[(i, 0)], exact[i][0]);
        near(jacobian[(i, 1)], exact[i][1]);
        near(product[(i, 0)], -0.5 * exact[i][0] - 2.0 * exact[i][1]);
    }
    // Second derivatives of f_0: -6x, -20y, -20x; of f_1: -2y, -2x, 0.
    let mut third = [0.0; 2];
    field.third(&[x, y], &[1.0, 2.0], &[3.0, -1.0], &mut third);
    near(third[0], -(3.0 * -6.0 * x + 5.0 * -20.0 * y - 2.0 * -20.0 * x));
    near(third[1], -(3.0 * -2.0 * y + 5.0 * -2.0 * x));
    let mut by = [0.0; 2];
    field.gradient_by(1, &[x, y], &mut by);
    near(by[0], x * y * y);
    near(by[1], 0.0);
    let other = field.with_parameter("b", 3.0).unwrap();
    let mut gradient = [0.0; 2];
    assert!(other.gradient(&[x, y], &mut gradient).is_nan());
    near(gradient[0], -(x - x * x * x - 3.0 * x * y * y));
    assert!(field.with_parameter("c", 1.0).is_err());
}

#[test]
fn a_study_may_give_a_field() {
    let build = |pairs: &[&str]| (formula::KIND.build)(&mut Section::from_pairs("landscape", pairs).unwrap());
    let field = build(&["dim=2", "drift=['x - x^3', '-y']"]).unwrap();
    assert!(!field.has_energy() && field.dynamics().is_some());
    for (pairs, word) in [
        (&["dim=2", "drift=['x - x^3', '-y']", "energy=x"][..], "exclude each other"),
        (&["dim=2", "drift=['x - x^3', '-y']", "confinement=1"], "exclude each other"),
        (&["dim=3", "drift=['x', 'y']"], "has 2 texts"),
        (&["dim=2", "drift=['x', 'y +']"], "drift[1]"),
        (&["dim=1", "drift=['sin(x) + x']", "period=[6.283185307179586]"], "does not repeat"),
        (&["dim=2", "drift=[1, 2]"], "texts"),
    ] {
        let message = build(pairs).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains(word), "{pairs:?}: {message}");
    }
}
