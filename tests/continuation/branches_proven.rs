//! Branches proven to be smooth curves: closed forms lie on them, folds are passed, crossings and other branches are not.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use faer::Mat;
use smale::Control;
use smale::continuation::{Branch, Diagram, EventKind, Options, follow};
use smale::critical::{self, Level};
use smale::data::Points;
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise, Schedule};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Equations, Family};
use smale::rigor::{CurvePoint, Expansion, Interval, curve};
use smale::study::pipeline::{Part, execute};
use smale::study::{Override, Study};

fn formula(dim: usize, energy: &str, parameters: &[(&str, f64)]) -> Formula {
    let parameters: Vec<(String, f64)> = parameters.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    Formula::new(dim, energy, &parameters, &[], None).unwrap()
}

fn mixture(data: Mat<f64>, sigma: f64) -> Mixture {
    let weights = vec![1.0; data.ncols()];
    Mixture::new(data, weights, Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap()
}

fn two_wells() -> Mixture {
    mixture(Mat::from_fn(1, 2, |_, k| [-1.0, 1.0][k]), 0.5)
}

/// Points from a file of `data/`, as columns.
fn read(name: &str) -> Mat<f64> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| line.split(',').map(|x| x.trim().parse().ok()).collect::<Option<Vec<f64>>>();
    let rows: Vec<Vec<f64>> = text.lines().filter_map(row).collect();
    Mat::from_fn(rows[0].len(), rows.len(), |i, k| rows[k][i])
}

fn through(family: &dyn Family, name: &str, start: (f64, f64), options: &Options) -> Diagram {
    follow(family, name, &[(start.0, vec![start.1])], options, &Control::quiet()).unwrap()
}

fn complete(family: &dyn Family, name: &str, from: f64, to: f64) -> Diagram {
    let options = Options { starts: Some(3), ..Options::new(from, to) };
    let search = critical::Options::default();
    smale::continuation::diagram(family, name, &options, &search, &Control::quiet()).unwrap()
}

/// All of it is one stretch, and it says so.
fn whole(branch: &Branch) {
    let [stretch] = &branch.proven[..] else { panic!("{:?}", branch.proven) };
    assert_eq!((stretch.first, stretch.last), (0, branch.points.len() - 1));
    assert_eq!(branch.level, Level::Proven);
    assert!(stretch.error < 1e-9 && stretch.tubes >= stretch.last, "{stretch:?}");
}

/// No stretch has any of these points in it or at its ends.
fn without(branch: &Branch, points: &[usize]) {
    assert_eq!(branch.level, Level::Checked);
    for stretch in &branch.proven {
        assert!(points.iter().all(|p| *p < stretch.first || *p > stretch.last), "{stretch:?} {points:?}");
    }
}

/// Number of pieces that are proven.
fn pieces(branch: &Branch) -> usize {
    branch.proven.iter().map(|p| p.last - p.first).sum()
}

#[test]
fn a_circle_is_proven_through_both_folds() {
    let family = formula(1, "x[0]^3/3 + (p^2 - 1)*x[0]", &[("p", 0.0)]);
    let answer = through(&family, "p", (0.0, 1.0), &Options::new(-2.0, 2.0));
    let [branch] = &answer.branches[..] else { panic!() };
    whole(branch);
    assert_eq!(answer.events.len(), 2);
    // At both folds the index changes, so that it is not proven on the four pieces beside them; far off it is.
    let stretch = branch.proven[0];
    assert!(stretch.indexed + 4 <= stretch.last && stretch.indexed + 20 > stretch.last, "{stretch:?}");
    // Points are as near to the circle as said: this has its scale in both directions, and curvature one.
    let unit = branch.scales.state.max(branch.scales.parameter);
    for point in &branch.points {
        assert!((point.x[0].hypot(point.parameter) - 1.0).abs() <= 2.0 * unit * stretch.error + 1e-15);
    }
    // If it is not asked for, nothing is proven; the rest is the same.
    let plain = through(&family, "p", (0.0, 1.0), &Options { prove: false, ..Options::new(-2.0, 2.0) });
    assert_eq!((plain.branches[0].level, plain.branches[0].proven.len()), (Level::Checked, 0));
    assert_eq!(plain.branches[0].points.len(), branch.points.len());
}

#[test]
fn a_parabola_lies_in_its_tubes() {
    let family = formula(1, "x[0]^3/3 - p*x[0]", &[("p", 0.0)]);
    let equations = family.equations(0, &[0.0], Equations::Branch).unwrap();
    let span = [1.0, 1.0];
    let at = |x: f64| CurvePoint::near(equations.as_ref(), &[x, x * x], &span, 0).unwrap();
    let (mut last, mut axes) = (None, [0, 0]);
    let places: Vec<f64> = (0..=10).map(|k| -1.0 + 0.2 * f64::from(k)).collect();
    for pair in places.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        let tubes = curve(equations.as_ref(), &at(a), &at(b), last.as_ref(), &span).unwrap();
        for tube in &tubes {
            axes[tube.axis()] += 1;
            let (low, high) = (tube.along().lo(), tube.along().hi());
            for j in 0..=8 {
                let v = (low + (high - low) * f64::from(j) / 8.0).clamp(low, high);
                let cut = tube.at(v).unwrap();
                let exact = if tube.axis() == 0 {
                    Interval::point(v).sqr()
                } else {
                    Interval::point(v).sqrt().scale(if a < -0.1 { -1.0 } else { 1.0 })
                };
                assert!(exact.meet(cut[1 - tube.axis()]).is_some(), "{v} {cut:?}");
            }
        }
        last = tubes.last().cloned();
    }
    // Far from the fold the parameter is the axis, next to it the state.
    assert!(axes[0] > 0 && axes[1] > 0, "{axes:?}");
    let [branch] = &through(&family, "p", (0.7, 0.7_f64.sqrt()), &Options::new(-1.0, 1.0)).branches[..]
    else {
        panic!()
    };
    whole(branch);
}

#[test]
fn two_wells_are_proven_up_to_their_pitchfork() {
    // x = tanh(x / sigma^2): 0, and for sigma < 1 two more.
    let family = two_wells();
    let known = |sigma: f64| {
        let (mut low, mut high) = (1e-9, 1.0);
        for _ in 0..200 {
            let middle: f64 = 0.5 * (low + high);
            if (middle / (sigma * sigma)).tanh() > middle { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    let answer = through(&family, "sigma", (0.3, 1.0), &Options::new(0.3, 0.95));
    let [branch] = &answer.branches[..] else { panic!() };
    whole(branch);
    assert_eq!(branch.proven[0].indexed, branch.points.len() - 1);
    for point in &branch.points {
        let far = branch.scales.state * branch.proven[0].error;
        assert!((point.x[0] - known(point.parameter)).abs() <= far + 1e-13, "{point:?}");
    }
    // Farther on three branches meet at sigma = 1, x = 0, which none of them is proven to pass.
    let answer = through(&family, "sigma", (0.3, 1.0), &Options::new(0.3, 1.5));
    assert!(matches!(answer.events[..], [ref e] if matches!(e.kind, EventKind::Pitchfork { .. })));
    assert_eq!(answer.branches.len(), 2);
    for (number, branch) in answer.branches.iter().enumerate() {
        let (_, place) = answer.events[0].branches.iter().find(|(b, _)| *b == number).unwrap();
        without(branch, &[*place]);
        assert_eq!(pieces(branch) + 2, branch.points.len() - 1, "{:?}", branch.proven);
    }
}

#[test]
fn memories_and_points_are_proven_through_their_folds() {
    let memories = ModernHopfield::new(read("three-memories.csv"), vec![1.0; 3], 5.0, 0.0).unwrap();
    let points = mixture(read("eight-points.csv"), 0.4);
    let cases: [(&dyn Family, &str, f64, f64, usize); 2] =
        [(&memories, "beta", 1.0, 30.0, 2), (&points, "sigma", 0.15, 1.0, 5)];
    for (family, name, from, to, folds) in cases {
        let answer = complete(family, name, from, to);
        assert_eq!(answer.events.iter().filter(|e| e.kind == EventKind::Fold).count(), folds);
        assert_eq!(answer.events.len(), folds);
        for (number, branch) in answer.branches.iter().enumerate() {
            whole(branch);
            // The index is not constant on the two pieces beside a fold.
            let turns = answer.events.iter().flat_map(|e| &e.branches).filter(|(b, _)| *b == number).count();
            let stretch = branch.proven[0];
            assert!(stretch.indexed + 2 * turns <= stretch.last, "{stretch:?}");
            assert!(stretch.indexed + 8 * turns >= stretch.last, "{stretch:?}");
        }
    }
}

#[test]
fn a_branch_is_proven_piecewise_between_crossings() {
    let energy = "x[0]^4+x[1]^4-x[1]^3+2*x[0]^2*x[1]-x[1]^2+K*x[1]+f*x[0]";
    let flip = formula(2, energy, &[("K", 0.75), ("f", 0.0)]);
    let answer = complete(&flip, "K", -0.8, 2.0);
    let crossed = |number: usize| -> Vec<usize> {
        let crossings = answer.events.iter().filter(|e| e.kind != EventKind::Fold);
        crossings.flat_map(|e| &e.branches).filter(|(b, _)| *b == number).map(|(_, place)| *place).collect()
    };
    let mut crossing = 0;
    for (number, branch) in answer.branches.iter().enumerate() {
        let places = crossed(number);
        crossing += places.len();
        if places.is_empty() {
            whole(branch);
        } else {
            without(branch, &places);
            assert_eq!(pieces(branch) + 2 * places.len(), branch.points.len() - 1);
        }
    }
    assert_eq!(crossing, 2);
    // Transcritical: x = 0 and x = p. A cusp is smooth: x^3 = p. A kernel of two dimensions: four branches through a point.
    let crossing = formula(1, "x[0]^3/3 - p*x[0]^2/2", &[("p", 0.0)]);
    let answer = through(&crossing, "p", (-1.0, 0.0), &Options::new(-1.0, 1.1));
    assert_eq!(answer.events[0].kind, EventKind::Transcritical);
    for (branch, place) in &answer.events[0].branches {
        without(&answer.branches[*branch], &[*place]);
    }
    let cusp = formula(1, "x[0]^4/4 - p*x[0]", &[("p", 0.0)]);
    let answer = through(&cusp, "p", (-1.0, -1.0), &Options::new(-1.0, 1.2));
    assert!(answer.branches.len() == 1 && answer.events.iter().all(|e| e.kind == EventKind::Cusp));
    whole(&answer.branches[0]);
    let double = formula(2, "x[0]^3/3 + x[1]^3/3 - p*(x[0]^2 + x[1]^2)/2", &[("p", 0.0)]);
    let options = Options::new(-1.0, 1.1);
    let answer = follow(&double, "p", &[(-1.0, vec![0.0; 2])], &options, &Control::quiet()).unwrap();
    assert_eq!(answer.branches.len(), 4);
    for (number, branch) in answer.branches.iter().enumerate() {
        let (_, place) = answer.events[0].branches.iter().find(|(b, _)| *b == number).unwrap();
        without(branch, &[*place]);
    }
}

#[test]
fn branches_next_to_each_other_are_two() {
    // x^3 - p x + e: a pitchfork pulled apart.
    let options = Options { scale: Some(1.0), ..Options::new(-1.0, 1.2) };
    for e in [1e-4, 1e-8] {
        let family = formula(1, &format!("x[0]^4/4 - p*x[0]^2/2 + {e:e}*x[0]"), &[("p", 0.0)]);
        for (p, x) in [(-1.0, e), (1.0, 1.0)] {
            let [branch] = &through(&family, "p", (p, x), &options).branches[..] else { panic!() };
            whole(branch);
        }
        let equations = family.equations(0, &[0.0], Equations::Branch).unwrap();
        let at = |x: f64, p: f64| {
            let axis = usize::from((3.0 * x * x - p).abs() > x.abs());
            CurvePoint::near(equations.as_ref(), &[x, p], &[1.0; 2], axis).unwrap()
        };
        let led = |a: &CurvePoint, b: &CurvePoint| curve(equations.as_ref(), a, b, None, &[1.0; 2]).is_some();
        // p = x^2 + e/x: two pieces, x < 0 and x > 0.
        let on = |x: f64| at(x, x * x + e / x);
        let (small, large) = (on(1.2 * e.sqrt()), on(0.3));
        let (under, over) = (on(-1.2 * e.sqrt()), on(-0.3));
        assert!(led(&small, &large) && led(&under, &over));
        for (a, b) in [(&small, &under), (&large, &over), (&small, &over), (&large, &under)] {
            assert!(!led(a, b) && !led(b, a));
        }
    }
    // A kernel is two-fold and nothing can be isolated: a whole line of critical points at each p.
    let degenerate = formula(2, "(x[0]^2 + x[1]^2 - p)^2", &[("p", 1.0)]);
    let equations = degenerate.equations(0, &[1.0, 0.0], Equations::Branch).unwrap();
    assert!(
        (0..3).all(|axis| CurvePoint::near(equations.as_ref(), &[1.0, 0.0, 1.0], &[1.0; 3], axis).is_none())
    );
}

/// Families, with the point at which they are looked at.
fn families() -> Vec<(Box<dyn Family>, Vec<f64>)> {
    let points = || Points {
        values: Mat::from_fn(2, 3, |i, k| [[0.3, -1.0], [1.1, 0.4], [-0.9, 0.7]][k][i]),
        multiplicity: vec![2, 1, 1],
        column_of_row: vec![0, 1, 0, 2],
        taken: vec![0, 1, 2, 3],
        of: 4,
    };
    let of = |noise, confinement| -> Box<dyn Family> {
        Box::new(Mixture::from_points(points(), noise, confinement).unwrap())
    };
    let timed = |schedule| of(Noise::Scheduled { schedule, t: 0.4 }, 0.0);
    let memories = ModernHopfield::new(points().values, vec![2.0, 1.0, 0.5], 1.7, 0.3).unwrap();
    let text = "a*x[0]^2*x[1] + exp(b*x[0]) - tanh(x[1]/a) + x[2]^4*b + c*sin(x[0]*x[2])";
    let formula = formula(3, text, &[("a", 0.7), ("b", -0.4), ("c", 1.3)]);
    let plane = vec![0.25, -0.15];
    vec![
        (of(Noise::Fixed { a: 0.8, sigma: 0.6 }, 0.0), plane.clone()),
        (of(Noise::Fixed { a: 0.8, sigma: 0.6 }, 0.4), plane.clone()),
        (timed(Schedule::OrnsteinUhlenbeck), plane.clone()),
        (timed(Schedule::VarianceExploding { s: 0.7 }), plane.clone()),
        (timed(Schedule::VariancePreserving { b0: 0.1, b1: 2.0 }), plane.clone()),
        (timed(Schedule::Edm), plane.clone()),
        (Box::new(memories), plane),
        (Box::new(formula), vec![0.4, -0.6, 0.9]),
    ]
}

#[test]
fn equations_are_those_of_the_landscape() {
    for (family, x) in families() {
        let n = x.len();
        let mut names: Vec<(String, f64)> = family.parameters();
        if let Some(data) = family.data() {
            names.push(("weight[1]".into(), 1.0));
            names.push(("data[1,0]".into(), data[(0, 1)]));
        }
        for (name, value) in names {
            let place = family.parameter_place(&name).unwrap();
            let equations = family.equations(place, &x, Equations::Branch).unwrap();
            assert_eq!((equations.dim(), equations.equations()), (n + 1, n));
            // Where the parameter is another one than the family has.
            let p = value + 0.05;
            let there = family.with_parameter(&name, p).unwrap();
            let (mut gradient, mut by, mut hessian) = (vec![0.0; n], vec![0.0; n], Mat::zeros(n, n));
            there.gradient(&x, &mut gradient);
            there.hessian(&x, hessian.as_mut());
            there.gradient_by(place, &x, &mut by);
            let at: Vec<f64> = x.iter().copied().chain([p]).collect();
            let narrow: Vec<Interval> = at.iter().map(|a| Interval::point(*a)).collect();
            let mut out = Expansion::new(n + 1);
            equations.expand(&narrow, &at, &mut out);
            let close = |a: Interval, b: f64| {
                a.meet(Interval::about(b, 1e-11 * (1.0 + b.abs()))).is_some()
                    && a.width() < 1e-10 * (1.0 + b.abs())
            };
            for i in 0..n {
                assert!(close(out.value[i], gradient[i]) && close(out.range[i], gradient[i]), "{name} {i}");
                let row = &out.jacobian[i * (n + 1)..(i + 1) * (n + 1)];
                assert!((0..n).all(|j| close(row[j], hessian[(i, j)])), "{name} {i} {row:?}");
                assert!(close(row[n], by[i]), "{name} {i} {row:?} {}", by[i]);
            }
        }
    }
}

#[test]
fn proofs_do_not_depend_on_the_number_of_threads() {
    let family = mixture(read("eight-points.csv"), 0.4);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let answer = pool.install(|| complete(&family, "sigma", 0.25, 1.0));
        answer.branches.into_iter().map(|b| (b.level, b.proven)).collect::<Vec<_>>()
    };
    let one = on(1);
    assert!(one.len() > 1 && one == on(4));
}

#[test]
fn where_it_costs_too_much_it_is_left_out() {
    let terms: Vec<String> = (0..17).map(|i| format!("x[{i}]^2/2 - p*x[{i}]")).collect();
    for (n, level) in [(17, Level::Checked), (16, Level::Proven)] {
        let family = formula(n, &terms[..n].join(" + "), &[("p", 0.0)]);
        let options = Options::new(-1.0, 1.0);
        let answer = follow(&family, "p", &[(0.0, vec![0.0; n])], &options, &Control::quiet()).unwrap();
        assert_eq!((answer.branches.len(), answer.branches[0].level), (1, level));
    }
}

#[test]
fn the_summary_says_what_is_proven() {
    let run = |name: &str, sets: &[&str]| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("analyses/{name}.toml"));
        let quick = ["continue.graphs=false", "continue.tree=false"];
        let overrides: Vec<Override> =
            quick.iter().chain(sets).map(|s| Override::parse(s).unwrap()).collect();
        let study = Study::read(&path, &overrides).unwrap();
        execute(&study, Part::Continue, &Control::quiet()).unwrap().summary["continuation"].clone()
    };
    let all = run("three-memories-along-beta", &[]);
    let count = |value: &serde_json::Value| value.as_u64().unwrap();
    assert_eq!((count(&all["branches"]), count(&all["proven_branches"])), (3, 3));
    assert_eq!(all["levels"]["branches"], "proven");
    let proven = &all["proven"];
    assert_eq!(count(&proven["pieces"]), count(&all["points"]) - 3);
    assert_eq!(proven["smooth"], proven["pieces"]);
    assert!(count(&proven["indexed"]) + 4 <= count(&proven["smooth"]));
    assert!(proven["error"].as_f64().unwrap() < 1e-9);
    let stretches = proven["stretches"].as_array().unwrap();
    assert!(
        stretches.len() == 3 && stretches.iter().all(|s| s.as_array().unwrap().len() == 1 && s[0][0] == 0)
    );
    // With a pitchfork some are not.
    let some = run("flip-along-k", &[]);
    assert_eq!((count(&some["branches"]), count(&some["proven_branches"])), (4, 2));
    assert_eq!(some["levels"]["branches"], "checked");
    assert_eq!(count(&some["proven"]["smooth"]) + 4, count(&some["proven"]["pieces"]));
    let none = run("flip-along-k", &["continue.prove=false"]);
    assert_eq!((count(&none["proven_branches"]), count(&none["proven"]["smooth"])), (0, 0));
    assert_eq!(none["levels"]["branches"], "checked");
}
