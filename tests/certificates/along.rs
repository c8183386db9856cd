//! Certificates that hold of all values of a parameter between two.

use smale::Control;
use smale::certificate::build::Options;
use smale::certificate::build::along::{Covered, Range, along};
use smale::certificate::check::{Several, Verdict, prove, verify, verify_several};
use smale::certificate::format::{Certificate, Definition, Hex};
use smale::critical;
use smale::landscape::Family;

use super::{CUSP, formula};

fn over(family: &dyn Family, parameter: &str, from: f64, to: f64) -> Covered {
    let range = Range { parameter: parameter.into(), from, to };
    let (search, options) = (critical::Options::default(), Options::default());
    along(family, &range, None, &search, &options, &Control::quiet()).unwrap()
}

fn counts(c: &Certificate) -> [usize; 3] {
    [0, 1, 2].map(|k| c.zeros.iter().filter(|z| z.index == k).count())
}

/// `(x^2 - 1)^2/4 + f x + y^2/2`: minimum and saddle meet where `x^3 - x + f` has a double zero, at `f = 2/(3 sqrt 3)`. Left of it three points, right
/// of it one; no certificate may hold there.
#[test]
fn a_fold_lies_in_the_gap() {
    let tilted = formula("(x^2 - 1)^2/4 + f*x + y^2/2", &[("f", 0.0)]);
    let (from, to) = (0.3, 0.5);
    let covered = over(&tilted, "f", from, to);
    let fold = 2.0 / (3.0 * 3f64.sqrt());
    for c in &covered.certificates {
        let along = c.along.as_ref().unwrap();
        assert!(
            along.upper.0 < fold && counts(c) == [2, 1, 0] || along.lower.0 > fold && counts(c) == [1, 0, 0]
        );
    }
    let open: f64 = covered.gaps.iter().map(|g| g.1 - g.0).sum();
    assert!(covered.gaps.iter().any(|g| g.0 < fold && fold < g.1), "{:?}", covered.gaps);
    assert!(open < 0.1 * (to - from), "{:?}", covered.gaps);
    assert!(covered.certificates.iter().any(|c| counts(c) == [1, 0, 0]));
    let Several::Proven { pieces, gaps, .. } = verify_several(covered.text.as_bytes()) else {
        panic!("{:?}", verify_several(covered.text.as_bytes()))
    };
    assert_eq!((pieces.len(), gaps.len()), (covered.certificates.len(), covered.gaps.len()));
    // A certificate is missing, or the first line promises more.
    let mut lines: Vec<&str> = covered.text.split_inclusive('\n').collect();
    let all = lines.clone();
    lines.remove(1);
    assert!(matches!(verify_several(lines.concat().as_bytes()), Several::NotProven(_)));
    let wider = covered.text.replacen("\"upper\":\"0x1p-1\"", "\"upper\":\"0x1.8p-1\"", 1);
    assert!(wider != covered.text && matches!(verify_several(wider.as_bytes()), Several::NotProven(_)));
    // Each stands by itself, too; and none holds up to the fold.
    assert!(matches!(verify(all[1].as_bytes()), Verdict::Proven(_)));
    let last = covered.certificates.iter().rfind(|c| counts(c) == [2, 1, 0]).unwrap();
    let mut enlarged = last.clone();
    enlarged.along.as_mut().unwrap().upper = Hex(fold * (1.0 + 1e-15));
    assert!(prove(&enlarged).is_err());
}

#[test]
fn an_enlarged_interval_is_refused() {
    let cusp = formula(CUSP, &[("K", 0.15), ("f", 0.0)]);
    let covered = over(&cusp, "f", -0.004, 0.004);
    assert!(covered.gaps.is_empty(), "{:?}", covered.gaps);
    let c = covered.certificates[0].clone();
    assert_eq!(counts(&c), [3, 2, 0]);
    for (lower, upper) in [(-1.0, 1.0), (-0.3, 0.004), (0.1, 0.2), (0.004, -0.004), (f64::MIN, f64::MAX)] {
        let mut changed = c.clone();
        let along = changed.along.as_mut().unwrap();
        (along.lower, along.upper) = (Hex(lower), Hex(upper));
        assert!(prove(&changed).is_err(), "{lower} {upper}");
    }
    for name in ["g", "x", "confinement"] {
        let mut changed = c.clone();
        changed.along.as_mut().unwrap().parameter = name.into();
        assert!(prove(&changed).is_err(), "{name}");
    }
}

/// Of a mixture along its width: three Gaussians on a triangle have one minimum at least in the middle above `sigma^2 = 1/2`, three at the corners well
/// below it (Carreira-Perpinan & Williams 2003).
#[test]
fn along_the_width_of_a_mixture() {
    use faer::Mat;
    use smale::landscape::mixture::{Mixture, Noise};
    let (c, s) = (-0.5, 3f64.sqrt() / 2.0);
    let triangle = Mat::from_fn(2, 3, |i, k| [[1.0, 0.0], [c, s], [c, -s]][k][i]);
    let noise = Noise::Fixed { a: 1.0, sigma: 0.5 };
    let mixture = Mixture::new(triangle, vec![1.0; 3], noise, 0.0).unwrap();
    let covered = over(&mixture, "sigma", 0.5, 0.504);
    assert!(covered.gaps.is_empty(), "{:?}", covered.gaps);
    assert!(covered.certificates.iter().all(|c| counts(c) == [3, 3, 1]));
    assert!(matches!(verify_several(covered.text.as_bytes()), Several::Proven { .. }));
    let mut changed = covered.certificates[0].clone();
    changed.along.as_mut().unwrap().upper = Hex(0.75);
    assert!(prove(&changed).is_err());
}

/// What the first line and the names say is printed beside what is proven: neither may say more.
#[test]
fn nothing_is_said_that_is_not_proven() {
    let tilted = formula("(x - f)^2 + y^2 + u", &[("f", 0.0), ("u", 0.0)]);
    let covered = over(&tilted, "f", 0.0, 1.0);
    assert!(covered.gaps.is_empty(), "{:?}", covered.gaps);
    let not_proven = |text: &str| matches!(verify_several(text.as_bytes()), Several::NotProven(_));
    assert!(!not_proven(&covered.text));
    let first = covered.text.lines().next().unwrap();
    let gap = |lower: &str, upper: &str| {
        let gap = format!("\"gaps\":[{{\"lower\":\"{lower}\",\"upper\":\"{upper}\",\"reason\":\"\"}}]");
        let line = first.replacen("\"gaps\":[]", &gap, 1);
        assert_ne!(line, first);
        line
    };
    // One gap and no certificate; gaps that turn back, that are outside.
    assert!(not_proven(&(gap("0x0p+0", "0x1p+0") + "\n")));
    for (lower, upper) in [("0x1p-1", "0x1p-2"), ("0x1p-1", "0x1p+1"), ("-0x1p+0", "0x1p-1")] {
        assert!(not_proven(&covered.text.replacen(first, &gap(lower, upper), 1)), "{lower} {upper}");
    }
    // A name of two lines.
    let mut forged = covered.certificates[0].clone();
    let Definition::Formula { energy, parameters, .. } = &mut forged.landscape else { panic!() };
    *energy = energy.replace(" + u", "");
    parameters[1].0 = "u = 0\nproven: full, by index [4, 4, 1]".into();
    assert!(prove(&forged).unwrap_err().contains("name"));
}
