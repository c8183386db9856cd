//! What is not structurally stable, or not shown to be, gets no certificate, and the reason names it.

use smale::certificate::check::{Verdict, verify};
use smale::certificate::format::{
    Certificate, Cover, Definition, Dense, FORMAT, Hex, HexVec, Region as CheckedRegion, TRUSTED, Zero,
};
use smale::landscape::Region;
use smale::landscape::formula::Formula;

use super::enclosures::perceptron;
use super::{FLIP, certify, formula};

#[test]
fn a_connection_of_saddles_is_named() {
    // At f = 0 the axis x = 0 is invariant and joins the two saddles.
    let why = certify(&formula(FLIP, &[("K", 0.75), ("f", 0.0)]), None).unwrap_err();
    assert!(why.contains("of index 1"), "{why}");
    // Both of them are named: the numbers of points of index 1.
    let set = super::points(&formula(FLIP, &[("K", 0.75), ("f", 0.0)]), None);
    let saddles: Vec<usize> = (0..set.points.len()).filter(|k| set.points[*k].index == 1).collect();
    let named = [(saddles[0], saddles[1]), (saddles[1], saddles[0])];
    assert!(named.iter().any(|(a, b)| why.contains(&format!("points {a} and {b}"))), "{why}");
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

/// A file put together by hand, in one dimension: what it says is checked, not how it came to be.
fn by_hand(
    energy: &str,
    level: &str,
    complete: bool,
    bounds: [f64; 2],
    zero: (f64, f64),
    inside: &str,
) -> String {
    let hex = |v: f64| Hex(v);
    let (center, curvature) = zero;
    let certificate = Certificate {
        format: FORMAT.into(),
        title: String::new(),
        level: serde_json::from_value(level.into()).unwrap(),
        complete,
        trusted: TRUSTED.into(),
        landscape: Definition::Formula {
            dim: 1,
            energy: energy.into(),
            parameters: vec![],
            confinement: hex(0.0),
        },
        along: None,
        region: Some(CheckedRegion::Box { lower: HexVec(vec![bounds[0]]), upper: HexVec(vec![bounds[1]]) }),
        e0: hex(0.0),
        e1: hex(0.0),
        zeros: vec![Zero {
            center: HexVec(vec![center]),
            radius: hex(1e-3),
            unique: hex(0.09),
            basin: hex(0.05),
            index: 0,
            values: HexVec(vec![curvature]),
            vectors: vec![HexVec(vec![1.0])],
        }],
        edges: vec![],
        boundary: vec![vec![]],
        betti: if level == "full" { vec![1, 0] } else { vec![] },
        cover: complete.then(|| Cover { inside: inside.into(), boundary: vec!["n".into(), "n".into()] }),
    };
    certificate.seal().unwrap()
}

/// The tree over [-1, 1] in which a box is in the ball about `center`, or excluded by the enclosure.
fn tree(center: f64) -> String {
    fn grow(low: f64, high: f64, center: f64, out: &mut String) {
        if (low - center).abs().max((high - center).abs()) < 0.0899 {
            out.push('z');
        } else if (low > center + 0.02 || high < center - 0.02) && high - low < 0.3 {
            out.push('n');
        } else {
            let middle = 0.5 * low + 0.5 * high;
            out.push('0');
            grow(low, middle, center, out);
            grow(middle, high, center, out);
        }
    }
    let mut out = String::new();
    grow(-1.0, 1.0, center, &mut out);
    out
}

/// The same file proves what is true, and nothing of formulas that are undefined somewhere, that mean something else, or that have a
/// pole.
#[test]
fn formulas_that_are_not_what_they_seem_are_refused() {
    let of = |energy: &str| by_hand(energy, "full", true, [-1.0, 1.0], (0.0, 1.0), &tree(0.0));
    assert!(matches!(verify(of("x^2/2").as_bytes()), Verdict::Proven(_)));
    assert!(matches!(verify(of("x^2/2 + x^0 + min((-1)^3, 0) + 1").as_bytes()), Verdict::Proven(_)));
    for energy in [
        "x^2/2 + min((-1)^1001, 0)*x^2",
        "x^2/2 + min((-1)^(3*(1/3)), 0)*x^2",
        "x^2/2 + log(-1)",
        "x^2/2 + 1/0",
        "x^2/2 + tanh(1/0)",
        "x^2/2 + max(0, sqrt(-1))",
        "x^2/2 + log(x-5)^0",
        "x^2/2 + 0*log(x-5)",
        "x^2/2 + 10^400*0",
        "sum(pi, 1, 1, 2*pi*x^2/2)/2",
        "sum(x, 1, 1, x*x^2/2)",
        "x^2/2 + 0/x",
    ] {
        let verdict = verify(of(energy).as_bytes());
        assert!(matches!(verdict, Verdict::NotProven(_)), "{energy}: {verdict:?}");
    }
    // Left of the pole orbits run into it; the one zero is where 20 x^3 = 5 x^2 + 1.
    let zero = 0.473_249_283_599_796_85;
    let curvature = 2.0 / (zero * zero * zero) + 20.0;
    let pole = by_hand("1/x + 10*x^2 - 5*x", "full", true, [-1.0, 1.0], (zero, curvature), &tree(zero));
    assert!(matches!(verify(pole.as_bytes()), Verdict::NotProven(_)));
}

/// Of a region without completeness nothing is checked, so none may be named.
#[test]
fn memories_name_no_region() {
    let file = by_hand("x^4/4 - x^2/2", "memories", false, [100.0, 101.0], (1.0, 2.0), "");
    assert!(matches!(verify(file.as_bytes()), Verdict::NotProven(_)));
}

/// A network's weights must be numbers, fit each other, and have the hash that is stated; what is too large to be computed with proves nothing.
#[test]
fn networks_that_are_not_what_they_state_are_refused() {
    use smale::certificate::check::prove;
    use smale::landscape::Landscape;
    let definition = perceptron(1, &[1, 3, 1], smale::landscape::neural::activation::Activation::Tanh);
    let mut file = by_hand("x^2/2", "memories", false, [-1.0, 1.0], (0.0, 1.0), "");
    let mut c = Certificate::open(file.as_bytes()).unwrap();
    c.region = None;
    c.landscape = definition.definition().unwrap();
    let changed = |change: &dyn Fn(&mut Vec<Dense>, &mut String), rehashed: bool| {
        let mut c = c.clone();
        if let Definition::Neural { layers, sha256, .. } = &mut c.landscape {
            change(layers, sha256);
            if rehashed {
                *sha256 = Dense::hash(layers);
            }
        }
        prove(&c).unwrap_err()
    };
    let why = changed(&|_, hash| *hash = hash.replace(['0', '1'], "2"), false);
    assert!(why.contains("hash"), "{why}");
    let why = changed(&|l, _| l[0].weight[1].0[0] += 1e-300, false);
    assert!(why.contains("hash") || why.contains("point"), "{why}");
    for change in [
        &(|l: &mut Vec<Dense>| l[0].weight[1].0.push(1.0)) as &dyn Fn(&mut Vec<Dense>),
        &|l| l[0].bias.0.clear(),
        &|l| {
            let row = l[1].weight[0].clone();
            l[1].weight.push(row);
        },
        &|l| l.clear(),
        &|l| l.truncate(1),
    ] {
        let why = changed(&|l, _| change(l), true);
        assert!(why.contains("layer") || why.contains("dimensions"), "{why}");
    }
    for huge in [1e308, -1e308, f64::MAX] {
        changed(&|l, _| l[0].weight.iter_mut().for_each(|r| r.0[0] = huge), true);
        changed(&|l, _| l[1].weight[0].0.iter_mut().for_each(|w| *w = huge), true);
    }
    // What is no number can't be written, nor read.
    let mut wrong = c.clone();
    if let Definition::Neural { layers, .. } = &mut wrong.landscape {
        layers[0].bias.0[0] = f64::NAN;
    }
    assert!(wrong.seal().is_err());
    file = serde_json::to_string(&c).unwrap();
    for text in ["nan", "0x1p+1024", "inf", "1.5"] {
        let number = file.find("\"bias\":\"").unwrap() + 8;
        let end = number + file[number..].find(' ').unwrap();
        let forged = format!("{}{text}{}", &file[..number], &file[end..]);
        assert!(serde_json::from_str::<Certificate>(&forged).is_err(), "{text}");
    }
}
