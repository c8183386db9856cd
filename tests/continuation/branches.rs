//! Branches and events of families whose bifurcations are known: by closed forms, by an equation in one unknown solved
//! here, or from the literature.

use faer::Mat;
use smale::continuation::{Diagram, End, Event, EventKind, Options, diagram, follow};
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Family, Landscape, Region};
use smale::{Control, critical};

fn formula(dim: usize, energy: &str, parameters: &[(&str, f64)]) -> Formula {
    let parameters: Vec<(String, f64)> = parameters.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    Formula::new(dim, energy, &parameters, &[], None).expect("a formula")
}

fn mixture(points: &[Vec<f64>], sigma: f64) -> Mixture {
    let data = Mat::from_fn(points[0].len(), points.len(), |i, k| points[k][i]);
    Mixture::new(data, vec![1.0; points.len()], Noise::Fixed { a: 1.0, sigma }, 0.0).expect("a mixture")
}

fn memories(points: &[Vec<f64>], beta: f64) -> ModernHopfield {
    let data = Mat::from_fn(points[0].len(), points.len(), |i, k| points[k][i]);
    ModernHopfield::new(data, vec![1.0; points.len()], beta, 0.0).expect("memories")
}

fn polygon(k: usize) -> Vec<Vec<f64>> {
    (0..k)
        .map(|i| {
            let angle = std::f64::consts::TAU * i as f64 / k as f64;
            vec![angle.cos(), angle.sin()]
        })
        .collect()
}

/// Follows from starts and checks what must hold of every answer.
fn followed(family: &dyn Family, name: &str, starts: &[(f64, Vec<f64>)], options: &Options) -> Diagram {
    let answer = follow(family, name, starts, options, &Control::quiet()).expect("a diagram");
    check(family, &answer);
    answer
}

/// All branches of complete sets.
fn complete(family: &dyn Family, name: &str, options: &Options) -> Diagram {
    let answer = diagram(family, name, options, &critical::Options::default(), &Control::quiet());
    let answer = answer.expect("a diagram");
    check(family, &answer);
    answer
}

/// Points are critical, the ledger is clean, passages are where they are said to be, no branch was given up.
fn check(family: &dyn Family, answer: &Diagram) {
    show(answer);
    assert_eq!(answer.ledger(), []);
    assert!(answer.work.lost.is_empty(), "{:?}", answer.work.lost);
    for event in &answer.events {
        assert_ne!(event.kind, EventKind::Unexplained, "{}", event.note);
        for (&(branch, point), change) in event.branches.iter().zip(&event.index_change) {
            let at = &answer.branches[branch].points[point];
            assert_eq!(at.parameter, event.parameter);
            assert_eq!(at.x, event.x);
            assert_eq!(at.index, None);
            assert!(change.iter().any(Option::is_some));
        }
        assert!(!event.branches.is_empty());
    }
    for branch in &answer.branches {
        assert!(!branch.ends.iter().any(|e| matches!(e, End::Failed(_))), "{:?}", branch.ends);
        for point in branch.points.iter().step_by(7) {
            let landscape = family.with_parameter(&answer.parameter, point.parameter).expect("in range");
            let mut g = vec![0.0; point.x.len()];
            landscape.gradient(&point.x, &mut g);
            let size = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            let mut h = Mat::zeros(g.len(), g.len());
            landscape.hessian(&point.x, h.as_mut());
            let scale = branch.scales.state * (1.0 + h.norm_max());
            assert!(size < 1e-9 * scale, "gradient {size} at {}", point.parameter);
        }
    }
}

/// For reading when a test fails.
fn show(answer: &Diagram) {
    for (k, e) in answer.events.iter().enumerate() {
        let (p, error, change) = (e.parameter, e.error, &e.index_change);
        eprintln!(
            "event {k}: {:?} at {p:.12} +- {error:.0e}, {:?} {change:?} {}",
            e.kind, e.branches, e.note
        );
        eprintln!("    {:?} residual {:.0e}", e.coefficients, e.residual);
    }
    for (k, b) in answer.branches.iter().enumerate() {
        let (first, last) = (&b.points[0], &b.points[b.points.len() - 1]);
        let short = |x: &[f64]| x.iter().take(3).map(|x| format!("{x:.4}")).collect::<Vec<_>>().join(" ");
        eprintln!(
            "branch {k}: {} points, {:.4} ({}) to {:.4} ({}), {:?}",
            b.points.len(),
            first.parameter,
            short(&first.x),
            last.parameter,
            short(&last.x),
            b.ends
        );
    }
    eprintln!("{:?}", answer.work);
}

/// Counts by index at a parameter, over all branches.
fn counts(family: &dyn Family, answer: &Diagram, value: f64) -> Vec<usize> {
    let landscape = family.with_parameter(&answer.parameter, value).expect("in range");
    let mut counts = vec![0; family.dim() + 1];
    for branch in &answer.branches {
        for (_, x) in branch.at(family, &answer.parameter, value).expect("in range") {
            let mut h = Mat::zeros(x.len(), x.len());
            landscape.hessian(&x, h.as_mut());
            let values = h.self_adjoint_eigenvalues(faer::Side::Lower).expect("eigenvalues");
            counts[values.iter().filter(|v| **v < 0.0).count()] += 1;
        }
    }
    counts
}

fn of_kind<'a>(answer: &'a Diagram, kind: &EventKind) -> Vec<&'a Event> {
    answer.events.iter().filter(|e| e.kind == *kind).collect()
}

fn near(found: f64, known: f64, tolerance: f64) {
    assert!((found - known).abs() <= tolerance, "{found} against {known}, off by {:e}", found - known);
}

/// Where a function of one variable has its least value, by the zero of its difference quotient's sign.
fn least(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    for _ in 0..200 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if f(a) < f(b) { high = b } else { low = a }
    }
    f(0.5 * (low + high))
}

#[test]
fn an_s_curve_returns_through_two_folds() {
    let family = formula(1, "x[0]^4/4 - x[0]^2/2 + p*x[0]", &[("p", 0.0)]);
    let answer = followed(&family, "p", &[(-1.0, vec![1.3])], &Options::new(-1.0, 1.0));
    assert_eq!(answer.branches.len(), 1);
    assert_eq!(answer.branches[0].ends, [End::Bound, End::Bound]);
    let fold = 2.0 / 27.0_f64.sqrt();
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!(folds.len(), 2);
    near(folds[0].parameter, -fold, 1e-14);
    near(folds[1].parameter, fold, 1e-14);
    // At the upper one x = 1/sqrt 3: v.g_p = 1 and D3 = 6 x, up to the sign of v.
    let x = folds[1].x[0];
    near(x, 1.0 / 3.0_f64.sqrt(), 1e-10);
    let c = folds[1].coefficients;
    near(c.a * c.c, 6.0 * x, 1e-9);
    let mut middle: Vec<f64> =
        answer.branches[0].at(&family, "p", 0.0).expect("in range").iter().map(|(_, x)| x[0]).collect();
    middle.sort_by(f64::total_cmp);
    assert_eq!(middle.len(), 3);
    [-1.0, 0.0, 1.0].iter().zip(middle).for_each(|(known, found)| near(found, *known, 1e-14));
    assert_eq!(counts(&family, &answer, 0.1), [2, 1]);
    assert_eq!(counts(&family, &answer, 0.5), [1, 0]);
}

#[test]
fn two_folds_a_millionth_apart_are_told_apart() {
    // Folds at p = +-2 (e/3)^(3/2).
    let e = 3.0 * (0.25e-6_f64).powf(2.0 / 3.0);
    let family = formula(1, "x[0]^4/4 - e*x[0]^2/2 + p*x[0]", &[("p", 0.0), ("e", e)]);
    let answer = followed(&family, "p", &[(-1.0, vec![1.0])], &Options::new(-1.0, 1.0));
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!((answer.events.len(), folds.len()), (2, 2));
    near(folds[1].parameter - folds[0].parameter, 1e-6, 1e-15);
}

#[test]
fn a_cusp_is_passed_on_either_side_and_met() {
    let family = |e: f64| formula(1, "x[0]^4/4 - e*x[0]^2/2 + p*x[0]", &[("p", 0.0), ("e", e)]);
    let start = [(-1.0, vec![1.0])];
    let answer = followed(&family(1e-4), "p", &start, &Options::new(-1.0, 1.0));
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!((answer.events.len(), folds.len()), (2, 2));
    near(folds[1].parameter, 2.0 * (1e-4 / 3.0_f64).powf(1.5), 1e-16);
    let answer = followed(&family(-1e-4), "p", &start, &Options::new(-1.0, 1.0));
    assert!(answer.events.is_empty());
    let answer = followed(&family(0.0), "p", &start, &Options::new(-1.0, 1.0));
    assert_eq!(answer.events.len(), 1);
    assert_eq!(answer.events[0].kind, EventKind::Cusp);
    near(answer.events[0].parameter, 0.0, 1e-12);
}

#[test]
fn pitchforks_and_their_sides() {
    for start in [(-1.0, 0.0), (1.0, 1.0), (1.0, 0.0)] {
        let family = formula(1, "x[0]^4/4 - p*x[0]^2/2", &[("p", 0.0)]);
        let answer = followed(&family, "p", &[(start.0, vec![start.1])], &Options::new(-1.0, 1.0));
        assert_eq!(answer.branches.len(), 2);
        assert_eq!(answer.events.len(), 1);
        let event = &answer.events[0];
        assert_eq!(event.kind, EventKind::Pitchfork { supercritical: true });
        assert_eq!(event.branches.len(), 2);
        near(event.parameter, 0.0, 1e-14);
        near(event.coefficients.b, -1.0, 1e-8);
        near(event.coefficients.e, 6.0, 1e-6);
        assert_eq!(counts(&family, &answer, 0.5), [2, 1]);
        assert_eq!(counts(&family, &answer, -0.5), [1, 0]);
    }
    // Subcritical; the sides turn at p = -1/4, x^2 = 1/2.
    let family = formula(1, "x[0]^6/6 - x[0]^4/4 - p*x[0]^2/2", &[("p", 0.0)]);
    let answer = followed(&family, "p", &[(-1.0, vec![0.0])], &Options::new(-1.0, 1.0));
    let pitchforks = of_kind(&answer, &EventKind::Pitchfork { supercritical: false });
    assert_eq!(pitchforks.len(), 1);
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!((folds.len(), answer.branches.len()), (2, 2));
    folds.iter().for_each(|f| near(f.parameter, -0.25, 1e-14));
    assert_eq!(counts(&family, &answer, -0.2), [3, 2]);
}

#[test]
fn a_broken_pitchfork_is_a_fold() {
    let d = 1e-8_f64;
    let family = formula(1, "x[0]^4/4 - p*x[0]^2/2 + d*x[0]", &[("p", 0.0), ("d", d)]);
    let starts = [(1.0, vec![1.0]), (1.0, vec![0.0]), (1.0, vec![-1.0])];
    let answer = followed(&family, "p", &starts, &Options::new(-1.0, 1.0));
    assert_eq!(answer.branches.len(), 2);
    assert_eq!(answer.events.len(), 1);
    assert_eq!(answer.events[0].kind, EventKind::Fold);
    near(answer.events[0].parameter, 3.0 * (d / 2.0).powf(2.0 / 3.0), 1e-14);
    assert_eq!(counts(&family, &answer, -0.5), [1, 0]);
    assert_eq!(counts(&family, &answer, 0.5), [2, 1]);
}

#[test]
fn branches_cross() {
    let family = formula(1, "x[0]^3/3 - p*x[0]^2/2", &[("p", 0.0)]);
    for start in [(-1.0, 0.0), (1.0, 1.0)] {
        let answer = followed(&family, "p", &[(start.0, vec![start.1])], &Options::new(-1.0, 1.0));
        assert_eq!((answer.branches.len(), answer.events.len()), (2, 1));
        let event = &answer.events[0];
        assert_eq!(event.kind, EventKind::Transcritical);
        near(event.parameter, 0.0, 1e-14);
        assert_eq!(event.branches.len(), 2);
        assert_eq!(counts(&family, &answer, 0.5), [1, 1]);
        assert_eq!(counts(&family, &answer, -0.5), [1, 1]);
    }
}

#[test]
fn a_closed_branch_is_followed_once() {
    // x^2 + p^2 = 1/4.
    let family = formula(1, "x[0]^3/3 + (p^2 - 1/4)*x[0]", &[("p", 0.0)]);
    let starts = [(0.0, vec![0.5]), (0.0, vec![-0.5]), (0.3, vec![0.4])];
    let answer = followed(&family, "p", &starts, &Options::new(-1.0, 1.0));
    assert_eq!(answer.branches.len(), 1);
    assert_eq!(answer.branches[0].ends, [End::Closed, End::Closed]);
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!((answer.events.len(), folds.len()), (2, 2));
    near(folds[0].parameter, -0.5, 1e-14);
    near(folds[1].parameter, 0.5, 1e-14);
}

#[test]
fn two_memories_merge_at_half_their_distance() {
    for n in [1, 2, 5] {
        let mut point = vec![0.0; n];
        point[0] = 0.7;
        if n > 1 {
            point[1] = 0.4;
        }
        let half = point.iter().map(|x| x * x).sum::<f64>().sqrt();
        let other: Vec<f64> = point.iter().map(|x| -x).collect();
        let family = mixture(&[point.clone(), other], 0.2);
        let answer = followed(&family, "sigma", &[(0.1, point)], &Options::new(0.1, 2.0));
        assert_eq!((answer.branches.len(), answer.events.len()), (2, 1));
        let event = &answer.events[0];
        // Towards small noise; the new points lie where the old one has lost its minimum.
        assert_eq!(event.kind, EventKind::Pitchfork { supercritical: true });
        near(event.parameter, half, 1e-12);
    }
}

#[test]
fn a_square_of_memories_has_a_double_pitchfork() {
    let a = 0.8;
    let points: Vec<Vec<f64>> =
        [(a, a), (a, -a), (-a, a), (-a, -a)].iter().map(|&(x, y)| vec![x, y]).collect();
    let family = mixture(&points, 0.5);
    for start in [(2.0, vec![0.0, 0.0]), (0.2, points[0].clone()), (0.2, vec![a, 0.0])] {
        let answer = followed(&family, "sigma", &[start], &Options::new(0.2, 2.0));
        assert_eq!(answer.events.len(), 1);
        let event = &answer.events[0];
        assert_eq!(event.kind, EventKind::Multiple { dimension: 2 });
        near(event.parameter, a, 1e-12);
        // The middle, two branches of saddles and two of minima.
        assert_eq!(answer.branches.len(), 5);
        assert_eq!(event.branches.len(), 5);
        assert_eq!(counts(&family, &answer, 0.5), [4, 4, 1]);
        assert_eq!(counts(&family, &answer, 1.0), [1, 0, 0]);
    }
}

/// The fold of three memories on a triangle: along the axis through a memory, the lower end of the noise range beyond
/// which the outer points are gone, as the largest value of sigma^2 on the curve g = 0 parameterised by the place.
fn triangle_fold() -> f64 {
    // On the axis: x = (e^{u} - 1)/(e^{u} + 2) with u = 3x/(2 s), s = sigma^2; so s = 3x/(2 u(x)).
    let s = |x: f64| 1.5 * x / ((1.0 + 2.0 * x) / (1.0 - x)).ln();
    -least(|x| -s(x), 1e-3, 0.9)
}

#[test]
fn a_triangle_of_memories() {
    let family = mixture(&polygon(3), 0.5);
    let fold = triangle_fold();
    near(fold, 0.5463200004, 1e-9);
    for start in [(2.0, vec![0.0, 0.0]), (0.2, vec![1.0, 0.0])] {
        let answer = followed(&family, "sigma", &[start], &Options::new(0.2, 2.0));
        let multiple = of_kind(&answer, &EventKind::Multiple { dimension: 2 });
        assert_eq!(multiple.len(), 1);
        near(multiple[0].parameter, 0.5_f64.sqrt(), 1e-12);
        let folds = of_kind(&answer, &EventKind::Fold);
        assert_eq!((folds.len(), answer.events.len()), (3, 4));
        // The oracle is the least value of a function: its place is exact to 1e-8, its value to 1e-15.
        folds.iter().for_each(|f| near(f.parameter, fold.sqrt(), 1e-13));
        assert_eq!(answer.branches.len(), 4);
        assert_eq!(counts(&family, &answer, 0.69), [3, 3, 1]);
        assert_eq!(counts(&family, &answer, 0.72), [4, 3, 0]);
        assert_eq!(counts(&family, &answer, 0.75), [1, 0, 0]);
    }
}

#[test]
fn an_octagon_of_memories() {
    let family = mixture(&polygon(8), 0.5);
    for start in [(1.5, vec![0.0, 0.0]), (0.25, vec![1.0, 0.0])] {
        let answer = followed(&family, "sigma", &[start], &Options::new(0.25, 1.5));
        let multiple = of_kind(&answer, &EventKind::Multiple { dimension: 2 });
        assert_eq!(multiple.len(), 1);
        near(multiple[0].parameter, 0.5_f64.sqrt(), 1e-12);
        // The middle; four lines through opposite memories, four between.
        assert_eq!(multiple[0].branches.len(), 9);
        assert_eq!(counts(&family, &answer, 0.5), [8, 8, 1]);
        assert_eq!(counts(&family, &answer, 0.8), [1, 0, 0]);
    }
}

#[test]
fn orthonormal_memories() {
    for (n, known) in [(3, 2.745644), (4, 3.218741)] {
        let unit: Vec<Vec<f64>> =
            (0..n).map(|k| (0..n).map(|i| f64::from(u8::from(i == k))).collect()).collect();
        let family = memories(&unit, 1.0);
        let average = vec![1.0 / n as f64; n];
        let answer = followed(&family, "beta", &[(1.0, average)], &Options::new(1.0, 8.0));
        let multiple = of_kind(&answer, &EventKind::Multiple { dimension: n - 1 });
        assert_eq!(multiple.len(), 1);
        near(multiple[0].parameter, n as f64, 1e-11);
        let m = n as f64;
        let beta = |t: f64| ((1.0 + (m - 1.0) * t) / (1.0 - t)).ln() / t;
        let fold = least(beta, 1e-3, 0.99);
        near(fold, known, 1e-6);
        let folds = of_kind(&answer, &EventKind::Fold);
        let retrieval: Vec<&&Event> = folds.iter().filter(|f| (f.parameter - fold).abs() < 1e-12).collect();
        assert_eq!(retrieval.len(), n);
    }
}

#[test]
fn three_memories_are_born_one_after_the_other() {
    let r = 3.0_f64.sqrt() / 2.0;
    let points = [vec![0.95, 0.0], vec![-0.7, r], vec![0.7, r]];
    let family = memories(&points, 4.0);
    let answer = complete(&family, "beta", &Options::new(1.0, 30.0));
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!((folds.len(), answer.events.len()), (2, 2));
    near(folds[0].parameter, 2.5357, 5e-5);
    near(folds[1].parameter, 14.0592, 5e-5);
    for (beta, minima) in [(2.0, 1), (5.0, 2), (20.0, 3)] {
        assert_eq!(counts(&family, &answer, beta)[0], minima);
    }
    // Folds are where the determinant vanishes with the gradient: both straight from the definition of the energy.
    for fold in folds {
        let (beta, x) = (fold.parameter, &fold.x);
        let weights: Vec<f64> = points.iter().map(|y| (beta * (y[0] * x[0] + y[1] * x[1])).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mean = |f: &dyn Fn(&[f64]) -> f64| -> f64 {
            points.iter().zip(&weights).map(|(y, w)| w / total * f(y)).sum()
        };
        let m = [mean(&|y| y[0]), mean(&|y| y[1])];
        near(x[0], m[0], 1e-12);
        near(x[1], m[1], 1e-12);
        let c = |i: usize, j: usize| mean(&|y| y[i] * y[j]) - m[i] * m[j];
        let det = (1.0 - beta * c(0, 0)) * (1.0 - beta * c(1, 1)) - (beta * c(0, 1)).powi(2);
        near(det, 0.0, 1e-11);
    }
}

#[test]
fn a_heteroclinic_flip_along_its_axis() {
    let family = formula(2, "x[0]^4+x[1]^4-x[1]^3+2*x[0]^2*x[1]-x[1]^2+K*x[1]", &[("K", 0.5)]);
    let answer = complete(&family, "K", &Options::new(-0.8, 2.0));
    // On x = 0: 4y^3 - 3y^2 - 2y + K = 0 turns where 12y^2 - 6y - 2 = 0.
    let turn = |sign: f64| {
        let y = (6.0 + sign * 132.0_f64.sqrt()) / 24.0;
        2.0 * y + 3.0 * y * y - 4.0 * y * y * y
    };
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!((folds.len(), answer.events.len()), (2, 3));
    near(folds[0].parameter, turn(-1.0), 1e-13);
    near(folds[1].parameter, turn(1.0), 1e-13);
    near(folds[0].parameter, -0.2526415, 5e-8);
    near(folds[1].parameter, 1.5026415, 5e-8);
    let pitchfork = answer.events.iter().find(|e| matches!(e.kind, EventKind::Pitchfork { .. }));
    near(pitchfork.expect("a pitchfork").parameter, 0.0, 1e-13);
    assert_eq!(counts(&family, &answer, 1.7), [2, 1, 0]);
    assert_eq!(counts(&family, &answer, 0.75), [3, 2, 0]);
    assert_eq!(counts(&family, &answer, -0.1), [3, 3, 1]);
    assert_eq!(counts(&family, &answer, -0.5), [3, 2, 0]);
}

#[test]
fn seven_folds_of_eight_points_in_the_plane() {
    let points: Vec<Vec<f64>> = [
        (0.00123, 0.298746),
        (-0.274138, -0.890592),
        (-0.454671, -0.991647),
        (0.060144, 1.340215),
        (-0.492207, -0.620475),
        (0.489842, 0.356887),
        (0.105414, -0.930468),
        (-0.029252, 0.695303),
    ]
    .iter()
    .map(|&(x, y)| vec![x, y])
    .collect();
    let family = mixture(&points, 0.3);
    let answer = complete(&family, "sigma", &Options::new(0.08, 1.0));
    let folds = of_kind(&answer, &EventKind::Fold);
    assert_eq!((folds.len(), answer.events.len()), (7, 7));
    // AUTO-07p.
    let known = [
        0.10250882683,
        0.14019265399,
        0.17053531802,
        0.18990461662,
        0.21508080235,
        0.29545133900,
        0.61643726434,
    ];
    folds.iter().zip(known).for_each(|(f, known)| near(f.parameter, known, 1e-10));
    for (sigma, minima) in [(0.1, 8), (0.2, 4), (0.3, 2), (0.6, 2), (0.7, 1)] {
        assert_eq!(counts(&family, &answer, sigma)[0], minima);
    }
}

#[test]
fn random_points_give_what_complete_searches_give() {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for k in [5, 9, 12] {
        let points: Vec<Vec<f64>> = (0..k).map(|_| vec![uniform(), uniform()]).collect();
        let family = mixture(&points, 0.3);
        let answer = complete(&family, "sigma", &Options::new(0.05, 0.8));
        for sigma in [0.06, 0.08, 0.1, 0.13, 0.17, 0.22, 0.3, 0.5] {
            let landscape = family.with_parameter("sigma", sigma).expect("in range");
            let set =
                critical::search(landscape.as_ref(), None, &critical::Options::default(), &Control::quiet());
            let mut known = set.expect("a set").counts();
            known.resize(3, 0);
            assert_eq!(counts(&family, &answer, sigma), known, "{k} points at {sigma}");
        }
    }
}

/// Bratu's problem `u'' + lambda exp(u) = 0` on (0, 1), u = 0 at both ends, in n differences.
fn bratu(n: usize) -> Formula {
    let h = 1.0 / (n as f64 + 1.0);
    let energy = format!(
        "(x[0]^2 + x[{0}]^2 + sum(i, 0, {1}, (x[i+1] - x[i])^2))/(2*h) - h*lambda*sum(i, 0, {0}, exp(x[i]))",
        n - 1,
        n - 2
    );
    formula(n, &energy, &[("lambda", 0.5), ("h", h)])
}

/// Where it turns: the largest lambda over the slopes at the end from which the recurrence
/// `u_(i+1) = 2 u_i - u_(i-1) - h^2 lambda exp(u_i)` comes back to zero at n + 1.
fn bratu_fold(n: usize) -> f64 {
    let h = 1.0 / (n as f64 + 1.0);
    let end = |slope: f64, lambda: f64| {
        let (mut u, mut d) = (slope, slope);
        for _ in 0..n {
            d -= h * h * lambda * u.exp();
            u += d;
        }
        u
    };
    let lambda = |slope: f64| {
        let (mut low, mut high) = (0.0, 10.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if end(h * slope, middle) > 0.0 { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    -least(|slope| -lambda(slope), 1.0, 8.0)
}

#[test]
fn bratu_in_one_dimension() {
    for n in [200, 1000] {
        let family = bratu(n);
        let answer = followed(&family, "lambda", &[(0.5, vec![0.0; n])], &Options::new(0.5, 4.0));
        let folds = of_kind(&answer, &EventKind::Fold);
        assert_eq!((folds.len(), answer.events.len(), answer.branches.len()), (1, 1, 1));
        near(folds[0].parameter, bratu_fold(n), 1e-9);
        // Nor does a finer grid make it anything else.
        assert_eq!(folds[0].note, "");
        if n == 200 {
            // AUTO-07p.
            near(folds[0].parameter, 3.51378547, 5e-9);
            assert_eq!(counts(&family, &answer, 2.0)[..2], [1, 1]);
        }
        assert_eq!(answer.branches[0].ends, [End::Bound, End::Bound]);
        let indices = &answer.events[0].index_change[0];
        assert!([[Some(0), Some(1)], [Some(1), Some(0)]].contains(indices));
    }
}

#[test]
fn allen_cahn_loses_its_zero_mode_after_mode() {
    for n in [39, 399] {
        allen_cahn(n);
    }
}

fn allen_cahn(n: usize) {
    let h = 1.0 / (n as f64 + 1.0);
    let energy = format!(
        "(x[0]^2 + x[{0}]^2 + sum(i, 0, {1}, (x[i+1] - x[i])^2))/(2*h) + h*lambda*sum(i, 0, {0}, x[i]^4/4 - x[i]^2/2)",
        n - 1,
        n - 2
    );
    let family = formula(n, &energy, &[("lambda", 5.0), ("h", h)]);
    let options = Options { scale: Some((n as f64).sqrt()), ..Options::new(5.0, 100.0) };
    let answer = followed(&family, "lambda", &[(5.0, vec![0.0; n])], &options);
    let mut main: Vec<f64> = answer
        .events
        .iter()
        .filter(|e| e.x.iter().all(|x| x.abs() < 1e-9))
        .map(|e| {
            assert_eq!(e.kind, EventKind::Pitchfork { supercritical: true });
            e.parameter
        })
        .collect();
    main.sort_by(f64::total_cmp);
    assert_eq!(main.len(), 3);
    for (k, found) in (1..).zip(main) {
        let exact = (2.0 / h * (0.5 * f64::from(k) * std::f64::consts::PI * h).sin()).powi(2);
        near(found, exact, 1e-11 * exact);
    }
    assert_eq!(answer.branches.len(), 4);
}

#[test]
fn the_cusp_of_a_family_of_two_parameters() {
    // x^4+y^4-y^3+4x^2y+y^2-K y+f x: a cusp of dual type at (0, 0). Along K at f = 0 a pitchfork there.
    let text = "x[0]^4+x[1]^4-x[1]^3+4*x[0]^2*x[1]+x[1]^2-K*x[1]+f*x[0]";
    let family = formula(2, text, &[("K", 0.1), ("f", 0.0)]);
    let answer = complete(&family, "K", &Options::new(-0.3, 0.3));
    let pitchforks = of_kind(&answer, &EventKind::Pitchfork { supercritical: false });
    assert_eq!(pitchforks.len(), 1);
    near(pitchforks[0].parameter, 0.0, 1e-13);
    assert_eq!(counts(&family, &answer, 0.15)[..2], [3, 2]);
    assert_eq!(counts(&family, &answer, -0.29)[..2], [2, 1]);
    // Along f at K = .15 from three minima to two.
    let family = formula(2, text, &[("K", 0.15), ("f", 0.0)]);
    let answer = complete(&family, "f", &Options::new(-0.3, 0.3));
    assert_eq!(counts(&family, &answer, 0.0)[..2], [3, 2]);
    assert_eq!(counts(&family, &answer, 0.2)[..2], [2, 1]);
}

#[test]
fn the_same_on_any_number_of_threads() {
    let family = mixture(&polygon(5), 0.5);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| followed(&family, "sigma", &[(1.5, vec![0.0, 0.0])], &Options::new(0.3, 1.5)))
    };
    assert_eq!(format!("{:?}", run(1)), format!("{:?}", run(3)));
}

#[test]
fn what_cannot_be_followed_is_refused_in_a_sentence() {
    let family = formula(1, "x[0]^2 + p*x[0]", &[("p", 0.0)]);
    let refused = |name: &str, start: Vec<f64>, options: &Options| {
        follow(&family, name, &[(0.0, start)], options, &Control::quiet()).expect_err("an error").to_string()
    };
    assert!(refused("q", vec![0.0], &Options::new(0.0, 1.0)).contains("`q`"));
    assert!(refused("p", vec![0.0], &Options::new(1.0, 1.0)).contains("empty"));
    assert!(refused("p", vec![0.0, 0.0], &Options::new(0.0, 1.0)).contains("dimension 2"));
    let kinked = formula(1, "abs(x[0]) + p*x[0]", &[("p", 0.0)]);
    if !kinked.is_smooth() {
        let error = follow(&kinked, "p", &[], &Options::new(0.0, 1.0), &Control::quiet());
        assert!(error.is_err());
    }
    let inside = Region::ball(vec![0.0], 0.2);
    let answer = follow(
        &family,
        "p",
        &[(0.0, vec![0.0])],
        &Options { region: Some(inside), ..Options::new(0.0, 1.0) },
        &Control::quiet(),
    );
    assert_eq!(answer.expect("a diagram").branches[0].ends[1], End::Region);
}

#[test]
fn on_a_torus_points_are_the_same_up_to_turns() {
    // The sum of two functions of one variable, cos x - p sin x and cos y: on the circle two points each, at all p.
    let tau = std::f64::consts::TAU;
    let text = "cos(x[0]) - p*sin(x[0]) + cos(x[1])";
    let family =
        Formula::new(2, text, &[("p".into(), 0.0)], &[Some(tau), Some(tau)], None).expect("a formula");
    let answer = complete(&family, "p", &Options::new(-1.0, 1.0));
    assert!(answer.events.is_empty());
    assert_eq!(answer.branches.len(), 4);
    assert_eq!(counts(&family, &answer, 0.3), [1, 2, 1]);
}
