//! What the language means, and what it says of mistakes.

use std::f64::consts::{E, PI};

use smale::landscape::formula::{Formula, SyntaxError};
use smale::landscape::{Family, Landscape};

use super::{formula, with};

fn value(energy: &str) -> f64 {
    formula(3, energy).energy(&[2.0, -3.0, 0.5])
}

fn error(dim: usize, energy: &str) -> SyntaxError {
    let parameters = [("alpha".to_string(), 1.0), ("k".to_string(), 2.0)];
    match Formula::new(dim, energy, &parameters, &[], None) {
        Ok(_) => panic!("`{energy}` should be refused"),
        Err(error) => error,
    }
}

/// The text that an error points at, its message, and its help.
fn fault(dim: usize, energy: &str) -> (String, String, String) {
    let e = error(dim, energy);
    (energy[e.start..e.end].to_string(), e.message, e.help.unwrap_or_default())
}

#[test]
fn operators_bind_as_in_mathematics() {
    for (energy, expected) in [
        ("1 + 2*3", 7.0),
        ("8 / 4 / 2", 1.0),
        ("8 - 4 - 2", 2.0),
        ("2^3^2", 512.0),
        ("2**3**2", 512.0),
        ("-2^2", -4.0),
        ("(-2)^2", 4.0),
        ("2^-3", 0.125),
        ("2^-1^2", 0.5),
        ("--3", 3.0),
        ("2*-3", -6.0),
        ("- - + -3", -3.0),
        ("-x^2", -4.0),
        ("x^-2", 0.25),
        ("12/x*3", 18.0),
        (".5 + 1. + 1e-3 + 2E+1", 21.501),
        ("\t1\n+\r\n 1 ", 2.0),
    ] {
        assert_eq!(value(energy), expected, "{energy}");
    }
}

#[test]
fn names_and_coordinates() {
    assert_eq!(value("pi"), PI);
    assert_eq!(value("e"), E);
    assert_eq!(value("n + 10*dim"), 33.0);
    assert_eq!(value("x + 10*y + 100*z"), 2.0 - 30.0 + 50.0);
    assert_eq!(value("x[0] + 10*x[n-2] + 100*x[4/2]"), 2.0 - 30.0 + 50.0);
    // A declared name comes before a built-in one; a loop's index before both.
    let f = with(2, "e*x + y + n", &[("e", 10.0), ("y", 100.0), ("n", 1000.0)]);
    assert_eq!(f.energy(&[1.0, -7.0]), 1110.0);
    assert_eq!(with(2, "sum(a, 1, 2, a) + a", &[("a", 10.0)]).energy(&[0.0; 2]), 13.0);
    // A parameter named x leaves the coordinates their index.
    assert_eq!(with(2, "x*x[1]", &[("x", 3.0)]).energy(&[5.0, 7.0]), 21.0);
    assert_eq!(with(1, "β*x", &[("β", 3.0)]).energy(&[5.0]), 15.0);
}

#[test]
fn functions_have_their_values() {
    for (energy, expected) in [
        ("sqrt(x)", 2f64.sqrt()),
        ("log(x) - ln(x)", 0.0),
        ("log10(x)", 2f64.log10()),
        ("atan2(y, x)", (-3f64).atan2(2.0)),
        ("pow(y, 3)", -27.0),
        ("pow(x, 0.5)", 2f64.powf(0.5)),
        ("max(x, y, z) + 10*min(x, y, z)", -28.0),
        ("max(1, x) + min(1, x)", 3.0),
        ("abs(y) + sign(y)", 2.0),
        ("relu(y) + relu(x)", 2.0),
        ("softplus(x)", (1.0 + 2f64.exp()).ln()),
        ("sigmoid(x)", 1.0 / (1.0 + (-2f64).exp())),
        ("logcosh(y)", 3f64.cosh().ln()),
        ("tanh(z)", 0.5f64.tanh()),
        ("mod(-1, 5) + 10*mod(7, 5)", 24.0),
        ("floor(7/2) - floor(-1/2)", 4.0),
        ("max(3, 1, 2) - min(3, 1, 2)", 2.0),
    ] {
        assert!((value(energy) - expected).abs() <= 4e-16 * expected.abs().max(1.0), "{energy}");
    }
}

#[test]
fn sums_and_products_unroll() {
    // Inclusive bounds, empty ranges, bounds that depend on outer indices.
    assert_eq!(value("sum(i, 1, 100, i)"), 5050.0);
    assert_eq!(value("prod(i, 1, 5, i)"), 120.0);
    assert_eq!(value("sum(i, 1, 0, i)"), 0.0);
    assert_eq!(value("prod(i, 1, 0, x[i])"), 1.0);
    assert_eq!(value("sum(i, 0, n-1, sum(j, i+1, n-1, 1))"), 3.0);
    assert_eq!(value("sum(i, 1, 3, prod(j, 1, i, sum(k, j, i, k)))"), 1.0 + 3.0 * 2.0 + 6.0 * 5.0 * 3.0);
    assert_eq!(value("sum(i, 0, n-1, (i+1)*x[i])"), 2.0 - 6.0 + 1.5);
    assert_eq!(value("sum(i, 0, n-1, x[i]*x[mod(i+1, n)])"), -6.0 - 1.5 + 1.0);
    assert_eq!(value("sum(y, 0, 2, y)"), 3.0);
    // The difference is squared once and shared.
    let chain = formula(1000, "sum(i, 0, n-2, (x[i] - x[i+1])^2)");
    assert_eq!(chain.operations(), 999 * 3 - 1);
    assert_eq!(formula(2, "exp(x*y) + exp(y*x) + 0*sin(x)").operations(), 3);
}

#[test]
fn parameters_are_inputs() {
    let f = with(2, "a*x^2 + b*y", &[("a", 2.0), ("b", 3.0)]);
    assert_eq!(f.energy(&[1.0, 1.0]), 5.0);
    assert_eq!(f.parameters(), [("a".to_string(), 2.0), ("b".to_string(), 3.0)]);
    let g = f.with_parameter("a", 7.0).unwrap();
    assert_eq!((f.energy(&[1.0, 1.0]), g.energy(&[1.0, 1.0])), (5.0, 10.0));
    assert_eq!(g.parameters()[0].1, 7.0);
    assert!(f.with_parameter("c", 1.0).is_err());
    assert!(f.with_parameter("a", f64::NAN).is_err());
    let confined = Formula::new(2, "x", &[], &[], Some(3.0)).unwrap();
    assert_eq!(confined.energy(&[1.0, 2.0]), 1.0 + 1.5 * 5.0);
    assert_eq!(confined.with_parameter("confinement", 0.0).unwrap().energy(&[1.0, 2.0]), 1.0);
}

#[test]
fn errors_point_at_the_fault() {
    for (energy, at, word) in [
        ("", "", "empty"),
        ("  \n ", "  \n ", "empty"),
        ("x[0] + alpa", "alpa", "unknown name"),
        ("x[0] + sine(x[1])", "sine", "unknown function"),
        ("(x[0] + 1", "(", "never closed"),
        ("x[0", "[", "never closed"),
        ("sin(x[0]", "(", "never closed"),
        ("x[0] + 1)", ")", "unexpected"),
        ("x[0] + [1]", "[", "unexpected"),
        ("x[0] $ 2", "$", "unexpected character"),
        ("2·x[0]", "·", "unexpected character"),
        ("x[0]²", "²", "unexpected character"),
        ("1,5*x[0]", ",", "unexpected"),
        ("2x[0]", "x", "operator is missing"),
        ("2 (x[0])", "(", "operator is missing"),
        ("(x[0])(x[1])", "(", "operator is missing"),
        ("alpha(x[0])", "(", "operator is missing"),
        ("x[0] x[1]", "x", "operator is missing"),
        ("1.2.3", ".3", "operator is missing"),
        ("x[0] +", "", "ends too early"),
        ("x[0] * / 2", "/", "unexpected"),
        ("x(0)", "x", "not a function"),
        ("sin + 1", "sin", "no arguments"),
        ("sin()", "sin()", "takes one argument, not 0"),
        ("1 + atan2(1)", "atan2(1)", "takes two arguments, not 1"),
        ("max(1)", "max(1)", "two arguments or more"),
        ("x[4]", "4", "does not exist"),
        ("x[-1]", "-1", "does not exist"),
        ("x[1/2]", "1/2", "whole number"),
        ("x[k]", "k", "constant"),
        ("x[x[0]]", "x[0]", "constant"),
        ("y[0]", "y", "no index"),
        ("x^2", "x", "needs an index"),
        ("y", "y", "unknown name"),
        ("sum(i, 0, 4, x[i])", "i", "(at i = 4)"),
        ("sum(i, 0, 3, sum(j, 0, i, x[i+j]))", "i+j", "(at i = 2, j = 2)"),
        ("sum(i, 0, 3, x[i]/i)", "i", "division by zero (at i = 0)"),
        ("sum(i, 0, k, x[i])", "k", "must be constant"),
        ("sum(i, 0, 0.5, x[i])", "0.5", "whole number"),
        ("sum(x, 0, 1, 2)", "x", "cannot be an index"),
        ("sum(3, 0, 1, 2)", "3", "unexpected"),
        ("sum(i, 0, 1)", ")", "unexpected"),
        ("sum(i, 0, 1, i, i)", ",", "unexpected"),
        ("sum(i, 0, 1, 2) + i", "i", "unknown name"),
        ("x[0] + 1/0", "0", "division by zero"),
        ("log(0)*x[0]", "log(0)", "finite"),
        ("sqrt(-1)", "sqrt(-1)", "finite"),
        ("1e999", "1e999", "too large"),
        ("mod(x[0], 2)", "x[0]", "must be constant"),
        ("mod(1, 0)", "0", "mod by zero"),
    ] {
        let (text, message, _) = fault(4, energy);
        assert_eq!(text, at, "`{energy}`: {message}");
        assert!(message.contains(word), "`{energy}`: {message}");
    }
    // The second of two equal texts is the one that is meant.
    assert_eq!(error(4, "x[0] x[1]").start, 5);
    assert_eq!(error(4, "(x[0])(x[1])").start, 6);
    assert_eq!(error(4, "x[0] +").start, 6);
}

#[test]
fn errors_say_what_would_be_right() {
    for (dim, energy, word) in [
        (4, "x[0] + alpa", "`alpha`"),
        (4, "Sin(x[0])", "`sin`"),
        (4, "2x[0]", "2*x"),
        (4, "x1 + x2", "x[1]"),
        (4, "x[7]", "0 to 3"),
        (4, "beta", "alpha, k"),
        (1, "x + y", "x alone"),
        (4, "x + y", "x[0] to x[3]"),
        (4, "|x[0]|", "abs"),
        (4, "sum(i, 0, 3)", "sum(i, first, last, expression)"),
    ] {
        let (_, message, help) = fault(dim, energy);
        assert!(help.contains(word), "`{energy}`: {message}; {help}");
    }
}

#[test]
fn enormous_formulas_are_refused_without_harm() {
    for deep in [
        "(".repeat(100_000),
        format!("{}x[0]{}", "(".repeat(100_000), ")".repeat(100_000)),
        "x[".repeat(100_000),
        "sin(".repeat(100_000),
        "2^".repeat(100_000) + "2",
        "sum(i,0,1,".repeat(100_000),
    ] {
        assert!(error(4, &deep).message.contains("deep"));
    }
    assert!(error(4, "sum(i, 0, 10^9, i)").message.contains("operations"));
    assert!(error(4, "sum(i, 1, 10^4, sum(j, 1, 10^4, x[0]^i + j))").message.contains("operations"));
    assert!(error(4, "sum(i, 1, 10^9, sum(j, 1, 10^9, 0))").message.contains("operations"));
    // Long is not deep.
    assert_eq!(value(&vec!["1"; 100_000].join(" + ")), 100_000.0);
    assert_eq!(value(&format!("{}1", "-".repeat(100_000))), 1.0);
    assert_eq!(value(&vec!["1"; 100_000].join("*")), 1.0);
}

#[test]
fn other_arguments_are_checked() {
    let new = |dim, names: &[&str], period: &[Option<f64>]| {
        let parameters: Vec<(String, f64)> = names.iter().map(|n| (n.to_string(), 1.0)).collect();
        Formula::new(dim, "1", &parameters, period, None)
    };
    assert!(new(0, &[], &[]).is_err());
    assert!(new(usize::MAX, &[], &[]).is_err());
    assert!(new(1, &["a", "a"], &[]).is_err());
    assert!(new(1, &["sin"], &[]).is_err());
    assert!(new(2, &[], &[Some(1.0)]).is_err());
    assert!(new(1, &[], &[Some(-1.0)]).is_err());
    assert!(new(1, &[], &[Some(f64::NAN)]).is_err());
    assert!(Formula::new(1, "a", &[("a".into(), f64::INFINITY)], &[], None).is_err());
}

#[test]
fn a_torus_is_its_own_region() {
    let torus = Formula::new(2, "cos(x)+cos(y)", &[], &[Some(2.0 * PI), Some(2.0 * PI)], None).unwrap();
    let region = torus.region().unwrap();
    assert!(region.is_closed());
    assert_eq!(region.center(), [PI, PI]);
    let cylinder = Formula::new(2, "cos(x)+y^2", &[], &[Some(2.0 * PI), None], None).unwrap();
    assert!(cylinder.region().is_none());
    assert_eq!(cylinder.period(), [Some(2.0 * PI), None]);
    assert!(formula(2, "x^2").region().is_none());
}
