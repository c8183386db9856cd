//! Planes of two parameters whose curves are known: by closed forms, by the folds of a polynomial in one unknown, by symmetry, or
//! by Newton's method on the equations of a fold written out here.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use smale::Control;
use smale::continuation::{
    CurveEnd, CurveKind, Plane, PlaneCurve, PlaneOptions, PlanePoint, PointKind, plane,
};
use smale::critical::Level;
use smale::landscape::formula::Formula;
use smale::landscape::{Family, Region};
use smale::study::pipeline::{FILES, Outcome, Part, execute};
use smale::study::{Override, Study};

fn formula(dim: usize, energy: &str, parameters: &[(&str, f64)]) -> Formula {
    let parameters: Vec<(String, f64)> = parameters.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    Formula::new(dim, energy, &parameters, &[], None).unwrap()
}

fn followed(family: &dyn Family, names: [&str; 2], options: &PlaneOptions) -> Plane {
    let answer = plane(family, names, options, &Control::quiet()).unwrap();
    show(&answer);
    assert!(answer.regions.iter().all(|r| r.uniform));
    let shares: f64 = answer.regions.iter().map(|r| r.share).sum();
    assert!((shares - 1.0).abs() < 1e-12);
    assert_eq!(answer.cells.len(), answer.grid * answer.grid);
    assert!(answer.cells.iter().all(|r| *r < answer.regions.len()));
    answer
}

/// For reading when a test fails.
fn show(answer: &Plane) {
    for (k, c) in answer.curves.iter().enumerate() {
        let (a, b) = (c.points[0].parameters, c.points[c.points.len() - 1].parameters);
        let (kind, count, ends) = (c.kind, c.points.len(), &c.ends);
        eprintln!("curve {k}: {kind:?}, {count} points, {a:.6?} to {b:.6?}, {ends:?}, {:.0e}", c.residual);
    }
    for p in &answer.points {
        let (kind, at, error) = (p.kind.name(), p.parameters, p.error);
        eprintln!("{kind} at {at:.12?} +- {error:?}, {:?}, curves {:?}", p.coefficients, p.curves);
    }
    for r in &answer.regions {
        let (at, share, class, counts) = (r.representative, r.share, r.class, &r.counts);
        eprintln!("region at {at:.4?}: {share:.3}, class {class}, {counts:?}, {} connections", r.connections);
    }
    answer.lost.iter().for_each(|why| eprintln!("lost: {why}"));
}

fn near(found: f64, known: f64, tolerance: f64) {
    assert!((found - known).abs() <= tolerance, "{found} against {known}, off by {:e}", found - known);
}

fn curves(answer: &Plane, kind: CurveKind) -> Vec<&PlaneCurve> {
    answer.curves.iter().filter(|c| c.kind == kind).collect()
}

fn points(answer: &Plane, kind: PointKind) -> Vec<&PlanePoint> {
    answer.points.iter().filter(|p| p.kind == kind).collect()
}

/// The number of minima, saddles and so on in the regions that hold these parameters.
fn counts(answer: &Plane, at: [f64; 2]) -> Vec<usize> {
    let cell = |k: usize| {
        let [low, high] = answer.ranges[k];
        let share = (at[k] - low) / (high - low);
        ((share * answer.grid as f64) as usize).min(answer.grid - 1)
    };
    let mut counts = answer.regions[answer.cells[cell(1) * answer.grid + cell(0)]].counts.clone();
    while counts.last() == Some(&0) {
        counts.pop();
    }
    counts
}

#[test]
fn the_standard_cusp_is_a_semicubical_parabola() {
    let family = formula(1, "x[0]^4/4 - a*x[0]^2/2 - b*x[0]", &[("a", 0.0), ("b", 0.0)]);
    let options = PlaneOptions {
        region: Some(Region::ball(vec![0.0], 4.0)),
        ..PlaneOptions::new([-1.0, 2.0], [-1.0, 1.3])
    };
    let answer = followed(&family, ["a", "b"], &options);
    assert_eq!(answer.curves.len(), 1);
    let curve = &answer.curves[0];
    assert_eq!((curve.kind, &curve.ends), (CurveKind::Fold, &[CurveEnd::Bound, CurveEnd::Bound]));
    assert!(answer.lost.is_empty(), "{:?}", answer.lost);
    for p in &curve.points {
        let [a, b] = p.parameters;
        near(4.0 * a.powi(3), 27.0 * b * b, 1e-10);
        // There 3 x^2 = a.
        near(3.0 * p.x[0] * p.x[0], a, 1e-10);
    }
    // It reaches both arms of the edge a = 2 or b = -1, 1.3.
    let ends = [&curve.points[0], &curve.points[curve.points.len() - 1]].map(|p| p.parameters);
    let mut b: Vec<f64> = ends.iter().map(|p| p[1]).collect();
    b.sort_by(f64::total_cmp);
    near(b[0], -1.0, 1e-12);
    near(b[1], (4.0 * 8.0_f64 / 27.0).sqrt(), 1e-9);
    let [cusp] = &answer.points[..] else { panic!("{:?}", answer.points) };
    assert_eq!((cusp.kind, cusp.level), (PointKind::Cusp, Level::Checked));
    near(cusp.parameters[0], 0.0, 1e-10);
    near(cusp.parameters[1], 0.0, 1e-10);
    let [c, e] = cusp.coefficients.unwrap();
    near(c, 0.0, 1e-8);
    near(e, 6.0, 1e-6);
    // Two minima inside, one outside.
    assert_eq!(answer.regions.len(), 2);
    assert_eq!(counts(&answer, [1.5, 0.0]), [2, 1]);
    assert_eq!(counts(&answer, [-0.5, 0.0]), [1]);
    assert_eq!(counts(&answer, [1.0, 1.0]), [1]);
    assert_ne!(answer.regions[0].class, answer.regions[1].class);
}

/// The folds of the dual cusp with f eliminated: on `g_y = 0`, K is `4 y^3 - 3 y^2 + 2 y + 4 x^2`, on `g_x = 0`, f is
/// `-4 x^3 - 8 x y`, and what is left is `(12 x^2 + 8 y)(12 y^2 - 6 y + 2) = 64 x^2`, solved for x^2 by y.
fn dual_folds(y: f64) -> Vec<[f64; 2]> {
    let d = 12.0 * y * y - 6.0 * y + 2.0;
    let square = -8.0 * y * d / (12.0 * d - 64.0);
    if square < 0.0 {
        return vec![];
    }
    let x = square.sqrt();
    [x, -x]
        .map(|x| [4.0 * y.powi(3) - 3.0 * y * y + 2.0 * y + 4.0 * x * x, -4.0 * x.powi(3) - 8.0 * x * y])
        .to_vec()
}

#[test]
fn the_dual_cusp_and_its_folds() {
    let family =
        formula(2, "x[0]^4+x[1]^4-x[1]^3+4*x[0]^2*x[1]+x[1]^2-K*x[1]+f*x[0]", &[("K", 0.15), ("f", 0.0)]);
    let options =
        PlaneOptions { connections: false, grid: 16, ..PlaneOptions::new([-0.3, 0.45], [-0.3, 0.35]) };
    let answer = followed(&family, ["K", "f"], &options);
    assert!(answer.lost.is_empty(), "{:?}", answer.lost);
    assert!(answer.curves.iter().all(|c| c.kind == CurveKind::Fold));
    let [cusp] = &points(&answer, PointKind::DualCusp)[..] else { panic!("{:?}", answer.points) };
    assert_eq!(points(&answer, PointKind::Cusp).len(), 0);
    near(cusp.parameters[0], 0.0, 1e-10);
    near(cusp.parameters[1], 0.0, 1e-10);
    // E_xxxx - 3 E_xxy^2 / E_yy = 24 - 3 * 64 / 2.
    near(cusp.coefficients.unwrap()[1], 24.0 - 96.0, 1e-5);
    near(cusp.coefficients.unwrap()[0], 0.0, 1e-8);
    // Every point of a curve solves the eliminated equation,
    for p in answer.curves.iter().flat_map(|c| &c.points) {
        let y = p.x[1];
        let off = dual_folds(y).into_iter().map(|q| (q[0] - p.parameters[0]).hypot(q[1] - p.parameters[1]));
        // Near its pole the eliminated equation magnifies the rounding of y.
        let pole = (12.0 * (12.0 * y * y - 6.0 * y + 2.0) - 64.0).abs();
        let off = off.fold(f64::INFINITY, f64::min);
        assert!(off < 1e-10 * (1.0 + 1.0 / pole), "{p:?}: {off:e}");
    }
    // and every solution in the rectangle lies on a curve.
    let mut met = 0;
    for k in 0..4000 {
        let y = -2.0 + k as f64 / 1000.0;
        for q in dual_folds(y) {
            let inside = (-0.3..=0.45).contains(&q[0]) && (-0.3..=0.35).contains(&q[1]);
            if !inside {
                continue;
            }
            met += 1;
            let all = answer.curves.iter().flat_map(|c| c.points.windows(2));
            let nearest =
                all.map(|w| distance(q, w[0].parameters, w[1].parameters)).fold(f64::INFINITY, f64::min);
            assert!(nearest < 2e-3, "the fold at {q:?} is missing by {nearest:e}");
        }
    }
    assert!(met > 100, "{met}");
    assert_eq!(counts(&answer, [0.15, 0.02]), [3, 2]);
    assert_eq!(counts(&answer, [0.15, 0.2]), [2, 1]);
    assert_eq!(counts(&answer, [-0.29, 0.01]), [2, 1]);
}

fn distance(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let d = [b[0] - a[0], b[1] - a[1]];
    let off = [p[0] - a[0], p[1] - a[1]];
    let u = ((d[0] * off[0] + d[1] * off[1]) / (d[0] * d[0] + d[1] * d[1]).max(1e-300)).clamp(0.0, 1.0);
    (off[0] - u * d[0]).hypot(off[1] - u * d[1])
}

/// On x = 0 the flip has 4y^3 - 3y^2 - 2y + K = 0, with a double root where 12y^2 - 6y - 2 = 0.
fn turn(sign: f64) -> f64 {
    let y = (6.0 + sign * 132.0_f64.sqrt()) / 24.0;
    2.0 * y + 3.0 * y * y - 4.0 * y * y * y
}

#[test]
fn the_flip_has_a_connection_along_the_axis_of_symmetry() {
    let family =
        formula(2, "x[0]^4+x[1]^4-x[1]^3+2*x[0]^2*x[1]-x[1]^2+K*x[1]+f*x[0]", &[("K", 0.75), ("f", 0.0)]);
    let options = PlaneOptions { grid: 16, lines: 3, ..PlaneOptions::new([-0.6, 1.9], [-0.25, 0.3]) };
    let answer = followed(&family, ["K", "f"], &options);
    let connections = curves(&answer, CurveKind::Connection);
    // The upper saddle to the lower one, from the pitchfork at K = 0 to the fold.
    let axis: Vec<_> =
        connections.iter().filter(|c| c.points.iter().all(|p| p.parameters[1].abs() < 1e-8)).collect();
    let [axis] = &axis[..] else { panic!("{} connections along the axis", axis.len()) };
    let along = axis.points.iter().map(|p| p.parameters[0]);
    let (low, high) = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), k| (a.min(k), b.max(k)));
    near(low, 0.0, 1e-3);
    near(high, turn(1.0), 1e-3);
    for end in &axis.ends {
        assert!(matches!(end, CurveEnd::Point(_)), "{:?}", axis.ends);
    }
    // What (x, f) -> (-x, -f) makes of the others are the others.
    let others: Vec<_> =
        connections.iter().filter(|c| c.points.iter().any(|p| p.parameters[1].abs() > 1e-3)).collect();
    assert_eq!(others.len(), 2);
    for (one, other) in [(others[0], others[1]), (others[1], others[0])] {
        for p in one.points.iter().filter(|p| (-0.25..=0.25).contains(&p.parameters[1])) {
            let mirrored = [p.parameters[0], -p.parameters[1]];
            let all = other.points.windows(2).map(|w| distance(mirrored, w[0].parameters, w[1].parameters));
            assert!(all.fold(f64::INFINITY, f64::min) < 1e-3, "{mirrored:?}");
        }
    }
    assert!(answer.lost.is_empty(), "{:?}", answer.lost);
    for end in answer.curves.iter().flat_map(|c| &c.ends) {
        assert!(!matches!(end, CurveEnd::Failed(_)), "{end:?}");
    }
    // The pitchfork at K = 0 is broken by f: a cusp of the folds. Along the kernel x the fourth-order coefficient is
    // E_xxxx - 3 E_xxy^2 / E_yy = 24 - 3 * 16 / (-2), at the origin.
    let cusps: Vec<_> = answer.points.iter().filter(|p| p.coefficients.is_some()).collect();
    let at_origin = cusps.iter().find(|p| p.parameters.iter().all(|v| v.abs() < 1e-8)).unwrap();
    near(at_origin.coefficients.unwrap()[1].abs(), 48.0, 1e-5);
    // Folds cross the axis where the cubic has a double root.
    let folds = curves(&answer, CurveKind::Fold);
    for k in [turn(1.0), turn(-1.0)] {
        let all = folds.iter().flat_map(|c| c.points.windows(2));
        let off =
            all.map(|w| distance([k, 0.0], w[0].parameters, w[1].parameters)).fold(f64::INFINITY, f64::min);
        assert!(off < 1e-3, "{k}: {off}");
    }
    // Beside f = 0.
    assert_eq!(counts(&answer, [1.8, 0.02]), [2, 1]);
    assert_eq!(counts(&answer, [0.75, 0.02]), [3, 2]);
    assert_eq!(counts(&answer, [0.75, -0.02]), [3, 2]);
    assert_eq!(counts(&answer, [-0.2, 0.005]), [3, 3, 1]);
    assert_eq!(counts(&answer, [-0.5, 0.02]), [3, 2]);
}

#[test]
fn a_pitchfork_that_both_parameters_keep() {
    let family = formula(1, "x[0]^4/4 + t^2*x[0]^6/6 - (s + 0.6*t)*x[0]^2/2", &[("s", 0.1), ("t", 0.2)]);
    let options =
        PlaneOptions { grid: 12, connections: false, ..PlaneOptions::new([-0.5, 0.7], [-0.8, 1.0]) };
    let answer = followed(&family, ["s", "t"], &options);
    let [fork] = &curves(&answer, CurveKind::Pitchfork)[..] else { panic!("{:?}", answer.curves.len()) };
    // The second derivative at the origin is -s - 0.6 t.
    for p in &fork.points {
        near(p.parameters[0] + 0.6 * p.parameters[1], 0.0, 1e-12);
        near(p.x[0], 0.0, 1e-10);
    }
    assert_eq!(fork.ends, [CurveEnd::Bound, CurveEnd::Bound]);
    assert_eq!(counts(&answer, [-0.4, -0.3]), [1]);
    assert_eq!(counts(&answer, [0.6, 0.3]), [2, 1]);
}

#[test]
fn closed_fold_curves_are_recognised() {
    // x^3/3 + (p^2 + q^2 - 1/4) x: points where x^2 = 1/4 - p^2 - q^2 meet on the circle of radius 1/2; confined by x^4.
    let family = formula(1, "x[0]^3/3 + (p^2 + q^2 - 1/4)*x[0] + x[0]^4/8", &[("p", 0.0), ("q", 0.0)]);
    let options = PlaneOptions {
        region: Some(Region::ball(vec![0.0], 6.0)),
        ..PlaneOptions::new([-1.0, 1.0], [-1.0, 1.1])
    };
    let answer = followed(&family, ["p", "q"], &options);
    let folds = curves(&answer, CurveKind::Fold);
    let round: Vec<_> = folds.iter().filter(|c| c.ends == [CurveEnd::Closed, CurveEnd::Closed]).collect();
    let [circle] = &round[..] else { panic!("{} closed curves", round.len()) };
    for p in &circle.points {
        near(p.parameters[0].hypot(p.parameters[1]), 0.5, 1e-10);
    }
    assert_eq!(circle.points[0].parameters, circle.points[circle.points.len() - 1].parameters);
    assert_eq!(counts(&answer, [0.0, 0.0]), [2, 1]);
}

#[test]
fn two_parameters_are_needed() {
    let family = formula(1, "x[0]^4 + p*x[0]", &[("p", 0.0)]);
    let options = PlaneOptions::new([-1.0, 1.0], [-1.0, 1.0]);
    let error = |names| plane(&family, names, &options, &Control::quiet()).unwrap_err().to_string();
    assert!(error(["p", "p"]).contains("two parameters"));
    assert!(error(["p", "q"]).contains("q"));
}

/// A study of `analyses/` with some keys changed.
fn run(name: &str, sets: &[&str]) -> Outcome {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("analyses/{name}.toml"));
    let overrides: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
    execute(&Study::read(&path, &overrides).unwrap(), Part::Continue, &Control::quiet()).unwrap()
}

#[test]
fn the_plane_from_a_study_to_files() {
    let second = "continue.second={parameter='f', from=-0.02, to=0.03, lines=2, grid=8, connections=false}";
    let outcome = run("flip-plane", &["continue.from=0.5", "continue.starts=0", second]);
    let file = |name: &str| {
        assert!(FILES.contains(&name));
        let (_, bytes) = outcome.files.iter().find(|(n, _)| n == name).unwrap();
        String::from_utf8(bytes.clone()).unwrap()
    };
    let table = file("curves.csv");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, ["curve", "kind", "step", "K", "f", "energy", "x0", "x1"]);
    let mut crossed = vec![];
    let mut last: Option<[f64; 2]> = None;
    for row in reader.records().map(Result::unwrap) {
        assert_eq!((&row[0], &row[1]), ("0", "fold"));
        let v: Vec<f64> = (3..8).map(|k| row[k].parse().unwrap()).collect();
        let [k, f, energy, x, y] = v[..] else { panic!() };
        let e = x.powi(4) + y.powi(4) - y.powi(3) + 2.0 * x * x * y - y * y + k * y + f * x;
        near(energy, e, 1e-12);
        // The gradient vanishes, and so does the Hessian's determinant.
        near(4.0 * x.powi(3) + 4.0 * x * y + f, 0.0, 1e-11);
        near(4.0 * y.powi(3) - 3.0 * y * y + 2.0 * x * x - 2.0 * y + k, 0.0, 1e-11);
        near((12.0 * x * x + 4.0 * y) * (12.0 * y * y - 6.0 * y - 2.0), 16.0 * x * x, 1e-10);
        if let Some([before, g]) = last
            && g * f <= 0.0
        {
            crossed.push(before + (k - before) * g / (g - f));
        }
        last = Some([k, f]);
    }
    assert_eq!(crossed.len(), 1);
    near(crossed[0], turn(1.0), 1e-5);
    let json: serde_json::Value = serde_json::from_str(&file("plane.json")).unwrap();
    assert_eq!(json["parameters"], serde_json::json!(["K", "f"]));
    assert_eq!(json["ranges"], serde_json::json!([[0.5, 2.0], [-0.02, 0.03]]));
    assert_eq!(json["curves"][0]["ends"], serde_json::json!(["bound", "bound"]));
    assert_eq!(json["regions"].as_array().unwrap().len(), 2);
    let mut counts: Vec<String> =
        json["classes"].as_array().unwrap().iter().map(|c| c["counts"].to_string()).collect();
    counts.sort_unstable();
    assert_eq!(counts, ["[2,1]", "[3,2]"]);
    assert_eq!(json["cells"].as_array().unwrap().len(), 8);
    let svg = file("phase-diagram.svg");
    for text in ["[3,2]", "[2,1]", "1 fold curve", "Heteroclinic flip in the plane"] {
        assert!(svg.contains(text), "{text}");
    }
    assert_eq!(outcome.summary["continuation"]["plane"]["curves"], serde_json::json!({ "fold": 1 }));
    let checks = outcome.summary["checks"].as_array().unwrap();
    assert!(checks.iter().any(|c| c["name"] == "plane_regions" && c["passed"] == true));
    assert!(outcome.headline.contains("plane of K and f: 1 fold curve, 2 regions, 2 classes of graphs"));
}

#[test]
fn a_wrong_second_parameter_is_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    let head = "[landscape]\nkind = \"formula\"\ndim = 1\nenergy = \"x^4/4 - a*x^2/2 - b*x\"\nparameters = { a = 1.0, b = 0.0 }\n\
                [continue]\nparameter = \"a\"\nfrom = -1\nto = 1\n";
    let cases: [(&str, &[&str]); 8] = [
        ("second = 3", &["bad.toml:10:10", "`second` must be a table"]),
        ("second = { from = -1, to = 1 }", &["`parameter` is missing in [continue.second]"]),
        ("second = { parameter = \"b\", frm = -1, to = 1 }", &["bad.toml:10:29", "`frm`", "`from`"]),
        ("second = { parameter = \"b\", from = 1, to = 1 }", &["bad.toml:10:44", "differ"]),
        ("second = { parameter = \"b\", from = 0, to = 1, lines = 1 }", &["`lines` must be at least 2"]),
        ("second = { parameter = \"b\", from = 0, to = 1, grids = 1 }", &["`grids`", "`grid`"]),
        ("second = { parameter = \"a\", from = 0, to = 1 }", &["bad.toml:10:24", "like the first", "b"]),
        (
            "second = { parameter = \"c\", from = 0, to = 1 }",
            &["bad.toml:10:24", "no `parameter` called \"c\"", "b"],
        ),
    ];
    for (line, parts) in cases {
        let path = folder.path().join("bad.toml");
        std::fs::write(&path, format!("{head}{line}\n")).unwrap();
        let said = outcome_text(&path);
        for part in parts {
            assert!(said.contains(part), "no {part:?} in\n{said}");
        }
    }
}

/// What the command says of a study.
fn outcome_text(path: &Path) -> String {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_smale")).arg("continue").arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}
