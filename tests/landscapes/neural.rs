//! Networks against JAX (`tests/networks/README.md`, `data/README.md`) and against a search in numpy.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use faer::{Mat, MatRef};
use serde::Deserialize;
use smale::Control;
use smale::continuation::{self, End, EventKind};
use smale::critical::equilibria::{self, asymmetry_over, equilibria};
use smale::critical::{Options, search};
use smale::data::read_tensors;
use smale::landscape::neural::{self, score::Score};
use smale::landscape::{Family, Landscape, Region};
use smale::study::Section;

/// Arrays of values: points are columns.
fn values(file: &str) -> BTreeMap<String, Mat<f64>> {
    let list = read_tensors(Path::new(file)).unwrap().list;
    let matrix = |t: &smale::data::Tensor| {
        let columns: usize = t.shape.iter().skip(1).product();
        Mat::from_fn(columns, t.shape[0], |i, j| t.values[j * columns + i])
    };
    list.iter().map(|t| (t.name.clone(), matrix(t))).collect()
}

fn energy(pairs: &[String]) -> Box<dyn Family> {
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    let mut section = Section::from_pairs("landscape", &pairs).unwrap();
    (neural::KIND.build)(&mut section).unwrap_or_else(|e| panic!("{pairs:?}: {e}"))
}

fn score(pairs: &[String]) -> Score {
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    let mut section = Section::from_pairs("landscape", &pairs).unwrap();
    Score::read(&mut section).unwrap_or_else(|e| panic!("{pairs:?}: {e}"))
}

/// Relative error of columns, in the largest norm of each.
fn assert_close(ours: MatRef<'_, f64>, theirs: MatRef<'_, f64>, what: &str) {
    assert_eq!((ours.nrows(), ours.ncols()), (theirs.nrows(), theirs.ncols()), "{what}");
    for j in 0..ours.ncols() {
        let scale = theirs.col(j).norm_max().max(1e-6);
        let error = (ours.col(j) - theirs.col(j)).norm_max() / scale;
        assert!(error < 1e-10, "{what}, point {j}: relative error {error:e}");
    }
}

/// Energies, gradients and Hessian-vector products against the arrays of these names.
fn check_energy(e: &dyn Landscape, known: &BTreeMap<String, Mat<f64>>, prefix: &str) {
    let get = |name: &str| known[&format!("{prefix}{name}")].as_ref();
    let (points, vectors) = (get("points"), get("vectors"));
    let (n, count) = (points.nrows(), points.ncols());
    let (mut energies, mut gradients) = (vec![0.0; count], Mat::zeros(n, count));
    e.gradients(points, &mut energies, gradients.as_mut());
    let energies = Mat::from_fn(1, count, |_, j| energies[j]);
    assert_close(energies.as_ref(), get("energy"), &format!("{prefix} energy"));
    assert_close(gradients.as_ref(), get("gradient"), &format!("{prefix} gradient"));
    let mut products = Mat::zeros(n, count);
    e.linearize(points).apply(vectors, products.as_mut());
    assert_close(products.as_ref(), get("hvp"), &format!("{prefix} product"));
    for j in 0..count {
        let mut hessian = Mat::zeros(n, n);
        e.hessian(points.col(j).to_owned().try_as_col_major().unwrap().as_slice(), hessian.as_mut());
        let product = &hessian * vectors.subcols(j, 1);
        assert_close(product.as_ref(), get("hvp").subcols(j, 1), &format!("{prefix} Hessian"));
    }
}

/// The field, its products and its rate in time, each point at a time of its own.
fn check_score(pairs: &[String], known: &BTreeMap<String, Mat<f64>>, prefix: &str) {
    let get = |name: &str| known[&format!("{prefix}{name}")].as_ref();
    let (points, vectors, times) = (get("points"), get("vectors"), get("t"));
    let mut at = pairs.to_vec();
    at.push(format!("t={}", times[(0, 0)]));
    // A field that does not depend on time takes none.
    let (first, timed) = match Score::read(&mut section(&at)) {
        Ok(score) => (score, true),
        Err(_) => (score(pairs), false),
    };
    let n = first.dim();
    for j in 0..points.ncols() {
        let here = if timed { first.with_parameter("t", times[(0, j)]).unwrap() } else { first.clone() };
        let (x, v) = (points.subcols(j, 1), vectors.subcols(j, 1));
        let mut out = Mat::zeros(n, 1);
        here.field(x, out.as_mut());
        assert_close(out.as_ref(), get("score").subcols(j, 1), &format!("{prefix} score"));
        here.jacobian_vectors(x, v, out.as_mut());
        assert_close(out.as_ref(), get("jvp").subcols(j, 1), &format!("{prefix} product"));
        if timed {
            here.field_by(0, out_of(x).as_slice(), out.col_as_slice_mut(0));
            assert_close(out.as_ref(), get("score_rate").subcols(j, 1), &format!("{prefix} rate"));
        }
    }
}

fn out_of(x: MatRef<'_, f64>) -> Vec<f64> {
    x.col(0).iter().copied().collect()
}

fn section(pairs: &[String]) -> Section {
    let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
    Section::from_pairs("landscape", &pairs).unwrap()
}

#[test]
fn every_kind_of_network_agrees_with_jax() {
    let known = values("tests/networks/values.safetensors");
    let mut names: Vec<&str> = known.keys().filter_map(|k| k.strip_suffix("/points")).collect();
    names.sort();
    assert!(names.len() > 30);
    for name in names {
        let file = |ending: &str| format!("tests/networks/{name}.{ending}");
        let weights = [file("eqx"), file("safetensors"), "tests/networks/weights.safetensors".to_string()];
        let weights = weights.iter().find(|f| Path::new(f).exists()).unwrap();
        let mut pairs = vec![format!("weights={weights}")];
        match Path::new(&file("toml")).exists() {
            true => pairs.push(format!("architecture={}", file("toml"))),
            false => pairs.push("activation=softplus".to_string()),
        }
        let prefix = format!("{name}/");
        if known.contains_key(&format!("{name}/score")) {
            check_score(&pairs, &known, &prefix);
            continue;
        }
        pairs.push(format!("lambda={}", known[&format!("{name}/lambda")][(0, 0)]));
        if let Some(t) = known.get(&format!("{name}/t")) {
            pairs.push(format!("t={}", t[(0, 0)]));
        }
        check_energy(&*energy(&pairs), &known, &prefix);
    }
}

fn centroids(training: f64) -> Box<dyn Family> {
    energy(&[
        "weights=data/centroids/step-*.safetensors".to_string(),
        "activation=softplus".to_string(),
        "lambda=1.0".to_string(),
        format!("training={training}"),
    ])
}

#[test]
fn four_centroids_along_the_training_agree_with_jax() {
    for training in ["0", "30.25", "60"] {
        let e = centroids(training.parse().unwrap());
        let known = values(&format!("data/centroids/values-{training}.safetensors"));
        check_energy(&*e, &known, "");
        let place = e.parameters().iter().position(|p| p.0 == "training").unwrap();
        let points = known["points"].as_ref();
        let mut rates = Mat::zeros(2, points.ncols());
        for j in 0..points.ncols() {
            e.gradient_by(place, &out_of(points.subcols(j, 1)), rates.col_as_slice_mut(j));
        }
        assert_close(rates.as_ref(), known["gradient_rate"].as_ref(), "rate along the training");
    }
}

#[test]
fn the_digits_agree_with_jax() {
    let pairs = ["weights=data/digits-energy/digits.safetensors", "activation=softplus", "lambda=6.25"];
    let e = energy(&pairs.map(str::to_string));
    check_energy(&*e, &values("data/digits-energy/values.safetensors"), "");
}

fn circle(k: usize) -> Vec<String> {
    vec![format!("weights=data/circle/k{k}.safetensors"), "architecture=data/circle/circle.toml".to_string()]
}

#[test]
fn the_circle_agrees_with_jax() {
    for k in [2, 9, 1000] {
        check_score(&circle(k), &values(&format!("data/circle/k{k}-values.safetensors")), "");
    }
}

#[derive(Deserialize)]
struct Known {
    centroids: Centroids,
    circle: Vec<Circle>,
}

#[derive(Deserialize)]
struct Centroids {
    /// At every checkpoint.
    counts: Vec<Vec<usize>>,
    folds: Vec<Fold>,
    at: Vec<At>,
}

#[derive(Deserialize)]
struct Fold {
    training: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

#[derive(Deserialize)]
struct At {
    training: f64,
    counts: Vec<usize>,
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Circle {
    k: usize,
    t: f64,
    counts: Vec<usize>,
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    index: usize,
    x: Vec<f64>,
    eigenvalues: Vec<f64>,
    #[serde(default)]
    antisymmetric: f64,
}

fn known() -> Known {
    toml::from_str(&std::fs::read_to_string("tests/networks/known.toml").unwrap()).unwrap()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn four_centroids_have_the_critical_points_of_another_search() {
    for at in known().centroids.at {
        let e = centroids(at.training);
        let set = search(&*e, None, &Options::default(), &Control::quiet()).unwrap();
        assert_eq!(set.counts(), at.counts, "training {}", at.training);
        for point in at.points {
            let near = set.points.iter().map(|p| distance(&p.x, &point.x)).fold(f64::INFINITY, f64::min);
            assert!(near < 1e-8, "training {}: {:?} is {near:e} off", at.training, point.x);
        }
    }
}

/// Six folds, close by on both sides, and two checkpoints between them.
#[test]
fn minima_are_born_at_the_folds_of_another_search() {
    let known = known().centroids;
    let counted = |training: f64| {
        let e = centroids(training);
        search(&*e, None, &Options::default(), &Control::quiet()).unwrap().counts()
    };
    for fold in &known.folds {
        assert_eq!(counted(fold.training - 0.004), fold.before, "before {}", fold.training);
        assert_eq!(counted(fold.training + 0.004), fold.after, "after {}", fold.training);
    }
    for checkpoint in [19, 21] {
        assert_eq!(counted(checkpoint as f64), known.counts[checkpoint], "checkpoint {checkpoint}");
    }
}

/// Along some checkpoints, at each of which the branches have a corner, through the two folds that are there.
#[test]
fn training_is_followed_through_its_folds() {
    let known = known().centroids;
    let of = |training: f64| known.at.iter().find(|at| at.training == training).unwrap();
    let starts: Vec<(f64, Vec<f64>)> = of(18.0).points.iter().map(|p| (18.0, p.x.clone())).collect();
    let family = centroids(18.0);
    let range = continuation::Options::new(16.5, 20.5);
    let answer = continuation::follow(&*family, "training", &starts, &range, &Control::quiet()).unwrap();
    assert_eq!(answer.ledger(), []);
    assert!(answer.work.lost.is_empty(), "{:?}", answer.work.lost);
    for branch in &answer.branches {
        assert!(!branch.ends.iter().any(|e| matches!(e, End::Failed(_))), "{:?}", branch.ends);
    }
    let folds = &known.folds[1..3];
    assert_eq!(answer.events.len(), folds.len());
    for (event, fold) in answer.events.iter().zip(folds) {
        assert_eq!(event.kind, EventKind::Fold);
        let off = (event.parameter - fold.training).abs();
        assert!(off < 1e-8, "{} against {}", event.parameter, fold.training);
    }
    // Two critical points are born at 17.00 and meet again at 19.95: a branch that comes back to itself.
    let closed = answer.branches.iter().filter(|b| b.ends == [End::Closed, End::Closed]).count();
    assert_eq!(closed, 1);
    // At a corner, which is where the branches start.
    let landscape = centroids(18.0);
    let mut counts = vec![0; of(18.0).counts.len()];
    for branch in &answer.branches {
        for (_, x) in branch.at(&*family, "training", 18.0).unwrap() {
            let mut h = Mat::zeros(2, 2);
            landscape.hessian(&x, h.as_mut());
            let values = h.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
            counts[values.iter().filter(|v| **v < 0.0).count()] += 1;
        }
    }
    assert_eq!(counts, of(18.0).counts);
}

#[test]
fn the_circle_has_the_equilibria_of_another_search() {
    for case in known().circle {
        let mut pairs = circle(case.k);
        pairs.push(format!("t={}", case.t));
        let s = score(&pairs);
        let region = Region::cuboid(vec![-2.5; 2], vec![2.5; 2]);
        let options = equilibria::Options { starts: 2000, ..Default::default() };
        let found = equilibria(&s, &region, None, &options).unwrap();
        let what = format!("K = {}, t = {}", case.k, case.t);
        let counts: Vec<usize> =
            (0..case.counts.len()).map(|i| found.iter().filter(|e| e.unstable == i).count()).collect();
        assert_eq!(counts, case.counts, "{what}");
        for point in case.points {
            let near = found
                .iter()
                .min_by(|a, b| distance(&a.x, &point.x).total_cmp(&distance(&b.x, &point.x)))
                .unwrap();
            assert!(distance(&near.x, &point.x) < 1e-7, "{what}: {:?} near {:?}", near.x, point.x);
            assert_eq!(near.unstable, point.index, "{what}");
            // Theirs are the real parts for minus the Jacobian, from below.
            for (ours, theirs) in near.eigenvalues.iter().zip(&point.eigenvalues) {
                assert!((ours.0 + theirs).abs() < 1e-6 * theirs.abs().max(1.0), "{what}: {ours:?} {theirs}");
            }
            // Theirs is |J - J'|/2 by |J|; |2J|^2 = |J + J'|^2 + |J - J'|^2.
            let ratio = near.asymmetry / (1.0 + near.asymmetry * near.asymmetry).sqrt();
            assert!((ratio - point.antisymmetric).abs() < 1e-6, "{what}: {ratio} {}", point.antisymmetric);
        }
        // The same by the search that a study runs, without being told how many there are.
        let set = search(&s, Some(&region), &Options::default(), &Control::quiet()).unwrap();
        assert_eq!(set.counts(), case.counts, "{what}: {}", set.work.ended);
        assert!(!set.has_energy() && set.points.iter().all(|p| p.radius < 1e-9), "{what}");
        let points = values(&format!("data/circle/k{}-values.safetensors", case.k));
        let over = asymmetry_over(&s, points["points"].as_ref()).unwrap();
        assert!(
            over.interval.0 <= over.relative && over.relative <= over.interval.1.min(over.largest),
            "{over:?}"
        );
        assert!(over.relative < 1.0, "{what}: {over:?}");
    }
}
