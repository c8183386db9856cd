//! Inputs that are meant to hurt: they end in an answer or in a clear error, within seconds, without NaN.

#![allow(clippy::unwrap_used)]

use crate::common::draw::{Instance, by_newton, distance, instance, instance_between, rest};
use faer::Mat;
use smale::Control;
use smale::connection::{Loose, MorseGraph, MorseSmale, connect};
use smale::critical::{Completeness, CriticalSet, Options, search};
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::{Landscape, Region};

fn solve(landscape: &dyn Landscape, region: Option<&Region>) -> (CriticalSet, MorseGraph) {
    let set = search(landscape, region, &Options::default(), &Control::quiet()).unwrap();
    let graph = connect(landscape, &set, &Default::default(), &Control::quiet());
    assert_finite(&set, &graph);
    (set, graph)
}

/// No number of the answer is NaN or infinite, but for bounds that say that nothing is known.
fn assert_finite(set: &CriticalSet, graph: &MorseGraph) {
    let all = |v: &[f64]| assert!(v.iter().all(|v| v.is_finite()), "{v:?}");
    for p in &set.points {
        all(&p.x);
        all(&p.eigenvalues);
        all(&[p.energy, p.gradient_norm, p.radius]);
        assert_eq!(p.index, p.eigenvalues.iter().filter(|e| **e < 0.0).count());
    }
    for f in &set.degenerate {
        all(&f.x);
        all(&f.eigenvalues);
        all(&[f.energy, f.gradient_norm]);
        f.samples.iter().for_each(|s| all(s));
    }
    if let Completeness::Estimated { unseen, low, high } = set.completeness {
        assert!(low <= unseen + 1e-9 && unseen <= high, "{low} {unseen} {high}");
    }
    for c in &graph.connections {
        c.orbit.points.iter().for_each(|x| all(x));
        all(&c.orbit.energies);
    }
    // The files that come of it can be written.
    smale::export::critical_points_csv(set).unwrap();
    smale::export::graph_json(set, graph, "").unwrap();
}

fn mixture(rows: &[Vec<f64>], sigma: f64) -> Mixture {
    let data = Mat::from_fn(rows[0].len(), rows.len(), |i, k| rows[k][i]);
    Mixture::new(data, vec![1.0; rows.len()], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap()
}

fn formula(dim: usize, energy: &str) -> Formula {
    Formula::new(dim, energy, &[], &[], None).unwrap()
}

/// Ten points in the plane, of spread about 1.
fn ten() -> Vec<Vec<f64>> {
    (0..10).map(|k| vec![(3.7 * f64::from(k)).sin(), (2.9 * f64::from(k * k)).cos()]).collect()
}

fn scaled(rows: &[Vec<f64>], unit: f64, shift: f64) -> Vec<Vec<f64>> {
    rows.iter().map(|r| r.iter().map(|x| unit * x + shift).collect()).collect()
}

/// What is wrong with the search's answer on a random mixture, by other seeds and by Newton's method from many starts.
fn faults(instance: &Instance, seeds: u64, starts: usize) -> Vec<String> {
    let landscape = instance.mixture();
    let (set, graph) = solve(&landscape, None);
    let mut wrong = vec![];
    let mut known: Vec<Vec<f64>> = set.points.iter().map(|p| p.x.clone()).collect();
    known.extend(set.degenerate.iter().map(|f| f.x.clone()));
    let mut missed = |x: &[f64], index: usize, eigenvalues: &[f64], by: &str, wrong: &mut Vec<String>| {
        if !known.iter().any(|k| distance(k, x) < 1e-6) {
            known.push(x.to_vec());
            let smallest = eigenvalues.iter().fold(f64::INFINITY, |m, e| m.min(e.abs()));
            let largest = eigenvalues.iter().fold(0.0f64, |m, e| m.max(e.abs()));
            wrong.push(format!(
                "missed index {index} at {x:?}, |eigenvalues| {smallest:.2e} to {largest:.2e}, found by {by}"
            ));
        }
    };
    for seed in 1..=seeds {
        let options = Options { seed, ..Options::default() };
        let other = search(&landscape, None, &options, &Control::quiet()).unwrap();
        for p in &other.points {
            missed(&p.x, p.index, &p.eigenvalues, &format!("seed {seed}"), &mut wrong);
        }
    }
    for p in by_newton(instance, starts) {
        missed(&p.x, p.index, &p.eigenvalues, "Newton", &mut wrong);
    }
    if !set.degenerate.is_empty() {
        wrong.push(format!("{} degenerate", set.degenerate.len()));
    }
    if set.euler_characteristic() != 1 {
        wrong.push(format!("Euler characteristic {}", set.euler_characteristic()));
    }
    if graph.components != 1 {
        wrong.push(format!("{} components", graph.components));
    }
    for l in &graph.loose {
        match l {
            Loose::Lost { point, reason, .. } => wrong.push(format!("lost an orbit of {point}: {reason}")),
            Loose::NotTransverse { from, to, gap, .. } => {
                wrong.push(format!("not transverse {from} to {to}, gap {gap:e}"))
            }
            _ => {}
        }
    }
    let dim = landscape.dim();
    if dim == 2 && graph.boundary_squared(&set) != 0 {
        wrong.push("d.d is not zero".into());
    }
    wrong.extend(wrong_orbits(&landscape, &set, &graph));
    if !wrong.is_empty() {
        wrong.insert(0, format!("{:?} after {}", set.counts(), set.work.ended));
    }
    wrong
}

/// Each end of the one-dimensional manifolds, integrated again by a plain method.
fn wrong_orbits(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph) -> Vec<String> {
    let dim = landscape.dim();
    let far = 1.2 * set.region.radius() + set.region.center().iter().map(|c| c * c).sum::<f64>().sqrt();
    let mut wrong = vec![];
    for (id, p) in set.points.iter().enumerate() {
        for backward in [false, true] {
            let out = if backward { dim >= 2 && p.index == dim - 1 } else { p.index == 1 };
            if !out {
                continue;
            }
            let h = crate::common::draw::hessian(landscape, &p.x);
            let eigen = h.self_adjoint_eigen(faer::Side::Lower).unwrap();
            let mode = eigen.U().col(if backward { dim - 1 } else { 0 });
            let mut ends: Vec<Option<usize>> = [1e-4, -1e-4]
                .iter()
                .map(|s| {
                    let start = p.x.iter().zip(mode.iter()).map(|(x, v)| x + s * v).collect();
                    let end = rest(landscape, start, if backward { 1.0 } else { -1.0 }, far)?;
                    (0..set.points.len()).min_by(|a, b| {
                        distance(&set.points[*a].x, &end).total_cmp(&distance(&set.points[*b].x, &end))
                    })
                })
                .collect();
            let mut have: Vec<Option<usize>> = (graph.connections.iter())
                .filter_map(|c| match backward {
                    false if c.from == id => Some(Some(c.to)),
                    true if c.to == id && set.points[c.from].index == dim => Some(Some(c.from)),
                    _ => None,
                })
                .chain(graph.loose.iter().filter_map(|l| match l {
                    Loose::Exit { point, backward: b, .. } if *point == id && *b == backward => Some(None),
                    _ => None,
                }))
                .collect();
            ends.sort();
            have.sort();
            if ends != have {
                wrong.push(format!(
                    "orbits of point {id} (index {}, backward {backward}): {have:?}, Runge-Kutta {ends:?}",
                    p.index
                ));
            }
        }
    }
    wrong
}

// ---- Memories ----

#[test]
fn one_datum_is_one_minimum() {
    for dim in [1, 2, 3, 500] {
        let y: Vec<f64> = (0..dim).map(|i| f64::from(i).sin()).collect();
        let (set, graph) = solve(&mixture(std::slice::from_ref(&y), 0.5), None);
        assert_eq!(set.counts(), [1]);
        assert!(distance(&set.points[0].x, &y) < 1e-12);
        assert!(set.points[0].eigenvalues.iter().all(|e| (e - 4.0).abs() < 1e-12));
        assert_eq!(graph.components, 1);
    }
}

#[test]
fn two_equal_data_are_one() {
    for second in [2.0, 2.0 + 4e-16] {
        let (set, _) = solve(&mixture(&[vec![1.0, 2.0], vec![1.0, second]], 0.5), None);
        assert_eq!(set.counts(), [1]);
    }
    // Close, but far apart on the scale of the noise.
    let (set, graph) = solve(&mixture(&[vec![1.0, 2.0], vec![1.0, 2.0 + 1e-9]], 1e-10), None);
    assert_eq!(set.counts(), [2, 1]);
    assert_eq!(graph.connections.len(), 2);
}

#[test]
fn collinear_data_in_ten_dimensions() {
    let row = |t: f64| (0..10).map(|i| f64::from(i).cos() + t * (1.0 + f64::from(i)).sin()).collect();
    let (set, graph) = solve(&mixture(&[0.0, 1.0, 2.5, 3.0, 7.0].map(row), 0.4), None);
    // The line's direction has length 2.2, so that 0.4 is small against all gaps.
    assert_eq!(set.counts(), [5, 4]);
    assert_eq!(graph.connections.len(), 8);
}

#[test]
fn little_and_much_noise() {
    let three = [vec![0.0, 0.0], vec![1.0, 0.0], vec![0.3, 0.8]];
    // An acute triangle with circumcentre inside: three minima, three saddles, one maximum.
    for sigma in [0.05, 1e-2, 1e-3] {
        let (set, _) = solve(&mixture(&three, sigma), None);
        assert_eq!(set.counts(), [3, 3, 1], "sigma {sigma}");
    }
    for sigma in [1e3, 1e8] {
        let (set, graph) = solve(&mixture(&three, sigma), None);
        assert_eq!(set.counts(), [1]);
        assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)));
        // The minimum tends to the mean.
        assert!(distance(&set.points[0].x, &[1.3 / 3.0, 0.8 / 3.0]) < 1e-6);
    }
}

#[test]
fn huge_and_tiny_coordinates() {
    let plain = solve(&mixture(&ten(), 0.4), None).0;
    assert!(plain.points.len() > 4);
    for unit in [1e8, 1e-8, 1e40, 1e-40] {
        let (set, graph) = solve(&mixture(&scaled(&ten(), unit, 0.0), 0.4 * unit), None);
        assert_eq!(set.counts(), plain.counts(), "unit {unit:e}");
        for (p, q) in plain.points.iter().zip(&set.points) {
            assert!((p.energy - q.energy).abs() < 1e-10);
        }
        assert_eq!(graph.components, 1);
    }
}

/// Coordinates of 1e8 leave eight digits for what lies between the data.
#[test]
fn data_far_from_the_origin() {
    let plain = solve(&mixture(&ten(), 0.4), None).0;
    for (shift, digits) in [(1e6, 1e-8), (1e8, 1e-6)] {
        let (set, graph) = solve(&mixture(&scaled(&ten(), 1.0, shift), 0.4), None);
        assert_eq!(set.counts(), plain.counts());
        for (p, q) in plain.points.iter().zip(&set.points) {
            assert!((p.energy - q.energy).abs() < digits);
        }
        assert_eq!(graph.components, 1);
    }
}

#[test]
fn five_hundred_copies_of_ten_data() {
    let rows: Vec<Vec<f64>> = ten().into_iter().flat_map(|r| vec![r; 50]).collect();
    assert_eq!(solve(&mixture(&rows, 0.4), None).0.counts(), solve(&mixture(&ten(), 0.4), None).0.counts());
}

// ---- Formulas ----

/// Points with an index, degenerate families, and the dimension of the first of these.
fn outcome(dim: usize, energy: &str, region: Option<&Region>) -> (usize, usize, Option<usize>) {
    let landscape = formula(dim, energy);
    let (set, graph) = solve(&landscape, region);
    // Of a continuum no point is isolated; a single degenerate point may be two that working precision merges.
    match set.degenerate.first().map(|f| f.dimension) {
        Some(0) => assert!(
            matches!(&graph.morse_smale, MorseSmale::Unknown(why) if why.contains("degenerate")),
            "{energy}: {:?}",
            graph.morse_smale
        ),
        Some(_) => {
            assert!(matches!(graph.morse_smale, MorseSmale::No(_)), "{energy}: {:?}", graph.morse_smale)
        }
        None => {}
    }
    if set.points.is_empty() {
        assert!(!matches!(graph.morse_smale, MorseSmale::Yes(_)), "{energy}");
        // That there is none is an answer only if it is proven.
        assert!(matches!(set.completeness, Completeness::Unknown | Completeness::Proven), "{energy}");
    }
    (set.points.len(), set.degenerate.len(), set.degenerate.first().map(|f| f.dimension))
}

fn interval() -> Region {
    Region::cuboid(vec![-1.0], vec![2.0])
}

fn square() -> Region {
    Region::cuboid(vec![-1.0; 2], vec![1.0; 2])
}

#[test]
fn degenerate_points_get_no_index() {
    assert_eq!(outcome(1, "x^4", None), (0, 1, Some(0)));
    assert_eq!(outcome(1, "x^4", Some(&interval())), (0, 1, Some(0)));
    assert_eq!(outcome(1, "x^3", Some(&interval())), (0, 1, Some(0)));
    // A monkey saddle.
    assert_eq!(outcome(2, "x^3 - 3*x*y^2", Some(&square())), (0, 1, Some(0)));
    assert_eq!(outcome(2, "x^3 + y^2", Some(&square())), (0, 1, Some(0)));
}

#[test]
fn continua_are_one_entry() {
    assert_eq!(outcome(2, "x[0]^2", Some(&square())), (0, 1, Some(1)));
    assert_eq!(outcome(1, "3", Some(&interval())), (0, 1, Some(1)));
    assert_eq!(outcome(2, "3", Some(&square())), (0, 1, Some(2)));
    assert_eq!(outcome(1, "relu(x-1)^2", Some(&interval())).0, 0);
}

#[test]
fn without_critical_points_nothing_is_claimed() {
    for energy in ["x", "1/x", "log(x)", "exp(100*x)", "sqrt(x)", "log(-1 - x^2)", "1/x^2", "sqrt(-x)/0.5"] {
        assert_eq!(outcome(1, energy, Some(&interval())), (0, 0, None), "{energy}");
    }
    assert_eq!(outcome(2, "x + 2*y", Some(&square())), (0, 0, None));
}

/// A kink is no critical point.
#[test]
fn kinks() {
    assert_eq!(outcome(1, "abs(x)", Some(&interval())), (0, 0, None));
    assert_eq!(outcome(1, "abs(x)", None), (0, 0, None));
    assert_eq!(outcome(1, "sqrt(abs(x))", Some(&interval())), (0, 0, None));
    // The minimum beside the edge of the domain: x log x at 1/e.
    assert_eq!(outcome(1, "x*log(x)", Some(&interval())), (1, 0, None));
}

#[test]
fn without_a_region_an_unbounded_energy_is_refused() {
    for energy in ["x", "x^3", "3", "exp(100*x)", "log(-1 - x^2)", "-x^2"] {
        let options = Options::default();
        match search(&formula(1, energy), None, &options, &Control::quiet()) {
            Err(error) => assert_eq!(error.exit_code(), 2, "{energy}: {error}"),
            Ok(set) => assert!(set.points.is_empty() && set.degenerate.is_empty(), "{energy}"),
        }
    }
}

const HIMMELBLAU: &str = "(x^2 + y - 11)^2 + (x + y^2 - 7)^2";

#[test]
fn a_region_far_too_large() {
    let huge = Region::cuboid(vec![-1e6; 2], vec![1e6; 2]);
    let (set, _) = solve(&formula(2, HIMMELBLAU), Some(&huge));
    assert_eq!(set.counts(), [4, 4, 1]);
}

#[test]
fn a_region_smaller_than_the_structure() {
    let f = formula(2, HIMMELBLAU);
    // Around one minimum alone.
    let (set, _) = solve(&f, Some(&Region::ball(vec![3.0, 2.0], 0.2)));
    assert_eq!(set.counts(), [1]);
    // A minimum and a saddle, one of whose orbits leads to another minimum: it leaves.
    let (set, graph) = solve(&f, Some(&Region::ball(vec![3.0, 2.0], 3.0)));
    assert_eq!(set.counts(), [1, 1]);
    assert_eq!(graph.connections.len(), 1);
    assert!(graph.loose.iter().any(|l| matches!(l, Loose::Exit { backward: false, .. })));
    assert!(!matches!(graph.morse_smale, MorseSmale::Yes(_)));
    // Nothing inside.
    let (set, _) = solve(&f, Some(&Region::ball(vec![30.0, 2.0], 1.0)));
    assert!(set.points.is_empty());
}

/// The height of an upright torus of revolution: orbits run from the upper saddle to the lower one.
#[test]
fn an_upright_torus_is_refused() {
    let tau = std::f64::consts::TAU;
    let torus = Formula::new(2, "(2 + cos(x))*cos(y)", &[], &[Some(tau), Some(tau)], None).unwrap();
    let (set, graph) = solve(&torus, None);
    assert_eq!(set.counts(), [1, 2, 1]);
    let between = graph.loose.iter().filter(|l| matches!(l, Loose::NotTransverse { .. })).count();
    // One on either side of the hole.
    assert_eq!(between, 2);
    assert!(matches!(graph.morse_smale, MorseSmale::No(_)));
    // Leaning a little to one side it is transverse.
    let torus =
        Formula::new(2, "(2 + cos(x))*cos(y) + 0.1*sin(x)", &[], &[Some(tau), Some(tau)], None).unwrap();
    let (set, graph) = solve(&torus, None);
    assert_eq!(set.counts(), [1, 2, 1]);
    assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)), "{:?}", graph.morse_smale);
}

#[test]
fn units_of_energy_do_not_matter() {
    for unit in ["1e-100", "1e100", "1e-10", "1e10"] {
        let (set, graph) = solve(&formula(1, &format!("{unit}*(x^2 - 1)^2")), None);
        assert_eq!(set.counts(), [2, 1], "{unit}");
        assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)));
    }
}

/// A fine ripple on a double well: its slope changes sign 31 times (counted on a grid of three million points).
#[test]
fn ripples() {
    let set = solve(&formula(1, "(x^2 - 1)^2 + 1e-4*sin(1000*x)"), None).0;
    assert_eq!(set.points.len(), 31);
    assert_eq!(set.euler_characteristic(), 1);
}

// ---- Inputs that once went wrong, and one that still does ----

/// With little noise the two sides of a saddle pass other saddles at a distance that is small against the data's, but
/// not against the width `sigma^2` of the ridges: they end in minima.
#[test]
fn little_noise_is_morse_smale() {
    for sigma in [0.1, 0.05, 0.02, 0.01, 1e-3] {
        let (set, graph) = solve(&mixture(&ten(), sigma), None);
        let saddles = set.counts()[1];
        let down = graph.connections.iter().filter(|c| set.points[c.from].index == 1).count();
        assert_eq!(down, 2 * saddles, "sigma {sigma}: {:?}", graph.morse_smale);
        assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)));
    }
}

/// Eigenvalues `1/sigma^2` and `-1/(4 sigma^4)` lie far apart, but both are far from zero.
#[test]
fn very_little_noise_leaves_saddles_nondegenerate() {
    let set = solve(&mixture(&[vec![0.0, 0.0], vec![1.0, 0.0]], 1e-5), None).0;
    assert_eq!((set.counts(), set.degenerate.len()), (vec![2, 1], 0));
    let set = solve(&mixture(&[vec![0.0, 0.0], vec![1.0, 0.0], vec![0.3, 0.8]], 1e-5), None).0;
    assert_eq!((set.counts(), set.degenerate.len()), (vec![3, 3, 1], 0));
}

/// Steep and curved valleys, without a region: exact counts by hand (all factors are explicit).
#[test]
fn stiff_valleys() {
    for (energy, counts) in [
        ("100*(y - x^2)^2 + (1 - x)^2", vec![1]),
        ("1e8*(y - x^2)^2 + (1 - x)^2", vec![1]),
        ("(x^2 - 1)^2 + 1e5*y^2", vec![2, 1]),
        ("(x^2 - 1)^2 + 1e8*y^2", vec![2, 1]),
        ("(x^2 - 1)^2 + 1e5*(y - x)^2", vec![2, 1]),
        ("(x^2 - 1)^2 + 1e5*(y - x^2)^2", vec![2, 1]),
        ("((1e-6*x)^2 - 1)^2 + (1e-6*y)^2", vec![2, 1]),
        ("((1e6*x)^2 - 1)^2 + (1e6*y)^2", vec![2, 1]),
        ("1e-20*((x^2 - 1)^2 + y^2)", vec![2, 1]),
    ] {
        let (set, graph) = solve(&formula(2, energy), None);
        assert_eq!((set.counts(), set.degenerate.len()), (counts, 0), "{energy}");
        assert_eq!(set.euler_expected, Some(1), "{energy}");
        assert!(matches!(graph.morse_smale, MorseSmale::Yes(_)), "{energy}: {:?}", graph.morse_smale);
    }
}

/// Points that a search meets by chance only, or that a default region may cut off: counts by hand.
#[test]
fn far_away_or_hard_to_meet() {
    for (dim, energy, counts) in [
        (2, "x^2*(x - 3)^2 + y^2", vec![2, 1]),
        (1, "x^2*(x - 3)^2", vec![2, 1]),
        (2, "x^2*(x - 1000)^2 + y^2", vec![2, 1]),
        (2, "(x - 0.01)^2*(x - 3)^2 + y^2", vec![2, 1]),
        (2, "x^2 + y^2 + 5*exp(-50*((x - 0.8)^2 + y^2))", vec![1, 1, 1]),
        (2, "2*x^2 - 1.05*x^4 + x^6/6 + x*y + y^2", vec![3, 2]),
        (2, "(4 - 2.1*x^2 + x^4/3)*x^2 + x*y + (4*y^2 - 4)*y^2", vec![6, 7, 2]),
        (2, "((x - 1e3)^2 - 1)^2 + (y - 1e3)^2", vec![2, 1]),
    ] {
        let set = solve(&formula(dim, energy), None).0;
        assert_eq!(
            (set.counts(), set.degenerate.len(), set.euler_expected),
            (counts, 0, Some(1)),
            "{energy}"
        );
    }
    // A tilted ring: minimum and saddle on opposite sides, the maximum near the centre.
    for energy in ["(x^2 + y^2 - 1)^2 + 0.01*x", "100*(x^2 + y^2 - 1)^2 + x", "1e4*(x^2 + y^2 - 1)^2 + x"] {
        for seed in 0..5 {
            let options = Options { seed, ..Options::default() };
            let set = search(&formula(2, energy), None, &options, &Control::quiet()).unwrap();
            assert_eq!(set.counts(), [1, 1, 1], "{energy}, seed {seed}");
        }
    }
    let set = solve(&formula(3, "100*(x^2 + y^2 + z^2 - 1)^2 + x"), None).0;
    assert_eq!(set.counts(), [1, 0, 1, 1]);
}

/// A soft direction is no continuum, however soft: at condition 1e11 working precision cannot tell.
#[test]
fn soft_directions() {
    for energy in ["x^2 + 2e10*y^2", "(x^2 - 1)^2 + 3e12*y^2", "(x^2 - 1)^2/1e12 + y^2"] {
        let (set, graph) = solve(&formula(2, energy), None);
        assert!(set.degenerate.iter().all(|f| f.dimension == 0), "{energy}");
        // Unless verified arithmetic can.
        let proven = set.completeness == Completeness::Proven;
        assert!(
            proven || matches!(graph.morse_smale, MorseSmale::Unknown(_)),
            "{energy}: {:?}",
            graph.morse_smale
        );
    }
}

/// Poles are no critical points, and where there are any the alternating sum tells nothing.
#[test]
fn poles() {
    let whole = |radius| Some(Region::ball(vec![0.0; 2], radius));
    let interval = |a, b| Some(Region::cuboid(vec![a], vec![b]));
    for (dim, energy, region, points) in [
        (1, "1/x", interval(-1.0, 2.0), 0),
        (1, "tan(x) + x", interval(-5.0, 5.0), 0),
        (1, "x^2 + 1/x", None, 1),
        (1, "x^2 + 1/x^2", None, 2),
        (2, "x^2 + y^2 - 0.01/((x - 0.3)^2 + (y - 0.1)^2)", whole(2.0), 0),
    ] {
        let (set, graph) = solve(&formula(dim, energy), region.as_ref());
        assert_eq!(
            (set.points.len(), set.degenerate.len(), set.euler_expected),
            (points, 0, None),
            "{energy}"
        );
        assert!(matches!(graph.morse_smale, MorseSmale::Unknown(_)), "{energy}: {:?}", graph.morse_smale);
    }
}

/// Here no small ball is entered all around, and the maximum lies above the energies of its boundary.
#[test]
fn a_region_that_the_flow_may_leave_for_a_while() {
    let (set, graph) = solve(&formula(2, "(x^2 - 1)^2 + 1e6*(y^2 - 1)^2"), None);
    assert_eq!((set.counts(), set.degenerate.len()), (vec![4, 4, 1], 0));
    assert_eq!(graph.connections.len(), 8 + 4);
    assert!(matches!(&graph.morse_smale, MorseSmale::Unknown(why) if why.contains("region")));
}

/// Two data at distance 1 have their pitchfork at sigma = 1/2: one point above, three below, one degenerate at it, in any
/// dimension, also where rounding is all that the gradient shows.
#[test]
fn beside_a_pitchfork() {
    for data in [[vec![0.0], vec![1.0]], [vec![0.0, 0.0], vec![0.6, 0.8]]] {
        for off in [1e-5, 1e-6, 2e-7, 1e-7, 2e-9] {
            let above = solve(&mixture(&data, 0.5 * (1.0 + off)), None).0;
            assert_eq!((above.counts(), above.degenerate.len()), (vec![1], 0), "above by {off}");
            let below = solve(&mixture(&data, 0.5 * (1.0 - off)), None).0;
            assert_eq!((below.counts(), below.degenerate.len()), (vec![2, 1], 0), "below by {off}");
        }
        let at = solve(&mixture(&data, 0.5), None).0;
        assert_eq!((at.points.len(), at.degenerate.len()), (0, 1), "{:?}", at.counts());
    }
}

#[test]
fn a_maximum_inside_a_circle_of_minima() {
    assert_eq!(outcome(2, "(x^2 + y^2 - 1)^2", None), (1, 1, Some(1)));
}

#[test]
fn a_quartic_direction_beside_a_quadratic_one() {
    assert_eq!(outcome(2, "x^4 + y^2", None), (0, 1, Some(0)));
}

/// `x^2 - log|x|` has its minima at +-1/sqrt 2 and a pole between them.
#[test]
fn a_pole_is_no_critical_point() {
    let region = Region::cuboid(vec![-2.0], vec![2.0]);
    assert_eq!(outcome(1, "x^2 - log(abs(x))", Some(&region)), (2, 0, None));
}

/// Runs a search that has more to find than it can: it must end by itself, with an estimate that says so.
fn ends_by_itself(landscape: &dyn Landscape, region: Option<&Region>) {
    let set = search(landscape, region, &Options::default(), &Control::quiet()).unwrap();
    match set.completeness {
        Completeness::Unknown => {}
        Completeness::Estimated { high, .. } => assert!(high > 100.0, "{high}"),
        Completeness::Proven => panic!("it cannot be"),
    }
}

#[test]
fn infinitely_many_points() {
    ends_by_itself(&formula(1, "sin(1/x)"), Some(&interval()));
}

/// Fifty double wells: 3^50 points.
#[test]
fn more_points_than_can_be_listed() {
    ends_by_itself(&formula(50, "sum(i, 0, n-1, x[i]^4 - x[i]^2)"), None);
}

// ---- Random mixtures ----

#[test]
fn random_mixtures() {
    let mut wrong = vec![];
    for (dim, numbers) in [(2, 0..8), (3, 0..2), (5, 0..1)] {
        for number in numbers {
            let instance = instance(dim, number);
            let found = faults(&instance, 0, 2000);
            if !found.is_empty() {
                wrong.push(format!("{}: {}", instance.name, found.join("; ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// By hand, with dimension, first and last instance and the bounds of sigma:
/// `STRESS="2 0 200 0.15 0.6" cargo test --release --test points stress -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn stress() {
    let asked = std::env::var("STRESS").unwrap_or("2 0 200 0.15 0.6".into());
    let asked: Vec<f64> = asked.split_whitespace().map(|w| w.parse().unwrap()).collect();
    for number in asked[1] as u64..asked[2] as u64 {
        let instance = instance_between(asked[0] as usize, number, asked[3], asked[4]);
        let started = std::time::Instant::now();
        let found = faults(&instance, 4, 40_000);
        let took = started.elapsed().as_secs_f64();
        println!("{} ({took:.1} s){}", instance.name, if found.is_empty() { " fine" } else { "" });
        for f in found {
            println!("    {f}");
        }
    }
}
