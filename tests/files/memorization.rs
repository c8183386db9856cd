//! Which minima and samples are memories, and how many patterns are retrieved: closed forms, published numbers, orbits by
//! small steps.

#![allow(clippy::unwrap_used)]

use std::f64::consts::TAU;

use crate::common::graphs::solve;
use faer::{Mat, mat};
use smale::Control;
use smale::connection::MorseGraph;
use smale::critical::CriticalSet;
use smale::landscape::dense_memory::{DenseMemory, Lagrangian, Separation};
use smale::landscape::mixture::{Mixture, Noise, Schedule};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Kernel, Landscape};
use smale::memorization::capacity::{
    self, Memory, capacity, gaussian_load, krotov_hopfield, lucibello_mezard,
};
use smale::memorization::{
    Class, Draw, GeometryOptions, Memorization, Options, SampleClass, Thresholds, classify, classify_samples,
    default_thresholds, dimension, draw, geometry, held_out, states,
};
use smale::study::pipeline::{FILES, Part, execute};
use smale::study::{Override, Study};

fn mixture(data: Mat<f64>, sigma: f64) -> Mixture {
    let weights = vec![1.0; data.ncols()];
    Mixture::new(data, weights, Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap()
}

/// Points of the unit circle at these angles.
fn circle(angles: impl Iterator<Item = f64>) -> Mat<f64> {
    let angles: Vec<f64> = angles.collect();
    Mat::from_fn(2, angles.len(), |i, k| if i == 0 { angles[k].cos() } else { angles[k].sin() })
}

/// The nine points of `data/circle-9.csv`.
fn nine() -> Mat<f64> {
    let degrees = [129.151_f64, 138.861, 151.884, 161.734, 213.828, 220.654, 324.387, 325.515, 356.423];
    circle(degrees.iter().map(|d| d.to_radians()))
}

/// Numbers between 0 and 1, always the same.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn classes(landscape: &dyn Landscape) -> (CriticalSet, MorseGraph, Memorization) {
    let (set, graph) = solve(landscape);
    let data = states(landscape).unwrap();
    let found = classify(landscape, data.as_ref(), &set, Some(&graph), &Options::default());
    assert_whole(&found);
    (set, graph, found)
}

/// Every datum descends to one place, or is counted as lost.
fn assert_whole(found: &Memorization) {
    let places = found.points.iter().chain(&found.families);
    let mut all: Vec<usize> = places.flat_map(|p| p.data.clone()).collect();
    all.extend(&found.lost);
    all.sort_unstable();
    assert_eq!(all, (0..found.data).collect::<Vec<_>>());
}

/// `I_k(z)/I_0(z)` by their series, whose terms are kept from overflow by those of `I_0`.
fn bessel_ratio(k: u32, z: f64) -> f64 {
    let (mut zero, mut other, mut term) = (0.0, 0.0, 1.0);
    // The j-th terms have the ratio (z/2)^k j!/(j + k)!.
    let mut ratio: f64 = (1..=k).map(|i| z / 2.0 / f64::from(i)).product();
    for j in 1..400 {
        zero += term;
        other += term * ratio;
        term *= (z / 2.0 / f64::from(j)).powi(2);
        ratio *= f64::from(j) / f64::from(j + k);
    }
    other / zero
}

/// The radius of the ring of a mixture of infinitely many points of the unit circle.
fn ring(sigma: f64) -> f64 {
    (0..1000).fold(1.0, |r, _| bessel_ratio(1, r / (sigma * sigma)))
}

#[test]
fn two_memories_merge_at_half_their_distance() {
    for n in [1, 3] {
        let data = Mat::from_fn(n, 2, |i, k| if i == 0 { k as f64 * 2.0 } else { 0.3 });
        for sigma in [0.2, 0.7, 0.99] {
            let (_, _, found) = classes(&mixture(data.clone(), sigma));
            assert_eq!(found.counts(), [2, 0, 0, 0], "{sigma}");
            assert_eq!((found.memorized, found.alone, found.lost.len()), (2, 2, 0));
        }
        let (_, _, found) = classes(&mixture(data.clone(), 1.01));
        assert_eq!(found.counts(), [0, 1, 0, 0]);
        assert_eq!(found.points[0].data, [0, 1]);
        assert_eq!(found.fraction_memorized(), 0.0);
    }
}

/// Four minima from three data: nothing descends to the one in the middle.
#[test]
fn the_fourth_minimum_of_a_triangle_is_empty() {
    let data = circle((0..3).map(|k| TAU * f64::from(k) / 3.0));
    let (set, _, found) = classes(&mixture(data.clone(), 0.52_f64.sqrt()));
    assert_eq!(set.counts(), [4, 3]);
    assert_eq!(found.counts(), [3, 0, 1, 0]);
    let middle = found.points.iter().position(|p| p.class == Some(Class::Empty)).unwrap();
    assert!(set.points[middle].x.iter().all(|x| x.abs() < 1e-9));
    let (set, _, found) = classes(&mixture(data, 0.56_f64.sqrt()));
    assert_eq!((set.counts(), found.counts()), (vec![1], [0, 1, 0, 0]));
}

/// The data of each minimum are those that small steps of Euler's method take to the same place.
#[test]
fn nine_points_merge_as_small_steps_say() {
    let data = nine();
    for (t, minima, memorized) in [(0.25_f64, 2, 0), (0.15, 3, 0), (0.05, 3, 0), (0.025, 5, 1), (0.001, 8, 7)]
    {
        let (set, _, found) = classes(&mixture(data.clone(), t.sqrt()));
        assert_eq!(set.counts()[0], minima, "t = {t}");
        let mut ends: Vec<([f64; 2], Vec<usize>)> = vec![];
        for k in 0..9 {
            let mut x = [data[(0, k)], data[(1, k)]];
            for _ in 0..20_000 {
                let square = |j: usize| (x[0] - data[(0, j)]).powi(2) + (x[1] - data[(1, j)]).powi(2);
                let weights: Vec<f64> = (0..9).map(|j| (-square(j) / (2.0 * t)).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for i in 0..2 {
                    let mean: f64 = (0..9).map(|j| weights[j] * data[(i, j)]).sum::<f64>() / sum;
                    x[i] += 0.1 * (mean - x[i]);
                }
            }
            match ends.iter_mut().find(|(e, _)| (e[0] - x[0]).hypot(e[1] - x[1]) < 1e-6) {
                Some((_, data)) => data.push(k),
                None => ends.push((x, vec![k])),
            }
        }
        let mut expected: Vec<Vec<usize>> = ends.into_iter().map(|e| e.1).collect();
        let mut have: Vec<Vec<usize>> = found.points[..minima].iter().map(|p| p.data.clone()).collect();
        expected.sort();
        have.sort();
        assert_eq!(have, expected, "t = {t}");
        assert_eq!(found.counts(), [memorized, minima - memorized, 0, 0], "t = {t}");
    }
}

/// The average of N orthonormal patterns is a minimum up to beta = N, beside the memories from their folds on.
#[test]
fn orthonormal_patterns_are_memorized_beside_an_empty_average() {
    let of = |n: usize, beta: f64| {
        let landscape = ModernHopfield::new(Mat::identity(n, n), vec![1.0; n], beta, 0.0).unwrap();
        classes(&landscape).2
    };
    // The fold of N = 5 is at the least value of ln((1 + 4t)/(1 - t))/t.
    let fold = (1..1000).map(|i| f64::from(i) / 1000.0).map(|t| ((1.0 + 4.0 * t) / (1.0 - t)).ln() / t);
    let fold = fold.fold(f64::INFINITY, f64::min);
    assert_eq!(of(5, fold - 0.02).counts(), [0, 1, 0, 0]);
    let between = of(5, 4.5);
    assert_eq!((between.counts(), between.memorized), ([5, 0, 1, 0], 5));
    assert_eq!(of(5, 6.0).counts(), [5, 0, 0, 0]);
    assert_eq!(of(3, 20.0).counts(), [3, 0, 0, 0]);
}

/// Patterns of a memory with tanh neurons are no states; the states that show them are.
#[test]
fn patterns_of_signs_are_memorized() {
    let patterns = mat![[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]];
    let memory = DenseMemory::new(
        patterns.as_ref(),
        vec![1.0; 2],
        Separation::Rectified { p: 3.0 },
        Lagrangian::Tanh { gain: 4.0 },
        1.0 / 16.0,
        0.0,
    )
    .unwrap();
    let (_, _, found) = classes(&memory);
    assert_eq!((found.memorized, found.temperature), (2, None));
}

/// Where many random points lie on a circle, several descend to every minimum; where their bumps are lower than the
/// temperature, these are one ring.
#[test]
fn a_random_ring_is_merged_by_descent_and_general_by_barriers() {
    let mut random = uniform(12345);
    let sigma = 0.1;
    let landscape = mixture(circle((0..300).map(|_| TAU * random())), sigma);
    let (set, graph, found) = classes(&landscape);
    let minima = set.counts()[0];
    assert!(found.points[..minima].iter().all(|p| p.data.len() > 1 && p.kept == Some(Class::Merged)));
    let data = states(&landscape).unwrap();
    let alone = classify(&landscape, data.as_ref(), &set, None, &Options::default());
    assert_eq!(alone.counts(), [0, minima, 0, 0]);
    // The highest saddle over the lowest minimum, by hand.
    let energy = |index: usize| set.points.iter().filter(move |p| p.index == index).map(|p| p.energy);
    let lowest = energy(0).fold(f64::INFINITY, f64::min);
    let mut saddles: Vec<f64> = energy(1).collect();
    saddles.sort_by(f64::total_cmp);
    // The last saddle closes the ring, and joins nothing.
    let height = saddles[saddles.len() - 2] - lowest;
    for (barrier, general) in [(height * 1.01, true), (height * 0.5, false)] {
        let options = Options { barrier, ..Options::default() };
        let found = classify(&landscape, data.as_ref(), &set, Some(&graph), &options);
        let whole = found.structures.first().is_some_and(|s| s.minima.len() == minima);
        assert_eq!(whole, general, "{barrier}: {:?}", found.structures);
        if general {
            assert_eq!(found.counts(), [0, 0, 0, minima]);
            let ring_of = &found.structures[0];
            assert_eq!(ring_of.dimension, 1);
            assert!((ring_of.barrier - height).abs() < 1e-9);
            assert!((ring_of.extent / (2.0 * ring(sigma)) - 1.0).abs() < 0.02);
        }
    }
}

#[test]
fn equally_spaced_points_are_a_flat_ring() {
    let spaced = |count: u32| circle((0..count).map(|k| TAU * f64::from(k) / f64::from(count)));
    let sigma = 0.1;
    let (set, _, found) = classes(&mixture(spaced(100), sigma));
    assert_eq!((set.counts()[0], set.degenerate.len()), (0, 1));
    assert_eq!((found.counts(), found.lost.len()), ([0, 0, 0, 1], 0));
    assert_eq!(found.families[0].data.len(), 100);
    let structure = &found.structures[0];
    assert_eq!((structure.dimension, structure.family, structure.barrier), (1, Some(0), 0.0));
    // Of the points that were met there are always some nearly opposite.
    assert!((structure.extent / (2.0 * ring(sigma)) - 1.0).abs() < 1e-2, "{}", structure.extent);
    // The density on the ring is 1 + 2 I_K(z)/I_0(z) cos K theta, z = R/sigma^2, to first order: here above rounding.
    let (count, sigma) = (24, 0.21);
    let (set, _, found) = classes(&mixture(spaced(count), sigma));
    assert_eq!(set.counts(), [24, 24, 1]);
    assert_eq!((found.counts(), found.structures.len()), ([0, 0, 0, 24], 1));
    let barrier = 4.0 * bessel_ratio(count, ring(sigma) / (sigma * sigma));
    assert!((1e-6..1e-4).contains(&barrier));
    assert!((found.structures[0].barrier / barrier - 1.0).abs() < 1e-3, "{found:?} {barrier}");
    assert_eq!(found.structures[0].dimension, 1);
}

#[test]
fn the_dimension_is_what_lies_below_the_largest_gap() {
    let kernel = Some(Kernel { temperature: 1.0, curvature: 10.0 });
    assert_eq!(dimension(&[0.1, 0.2, 9.0, 9.5], kernel, 0.5).0, 2);
    assert_eq!(dimension(&[0.1, 0.2], kernel, 0.5).0, 2);
    assert_eq!(dimension(&[9.0, 9.5], kernel, 0.5).0, 0);
    assert_eq!(dimension(&[3.0, 5.0, 7.0, 9.0], kernel, 0.5).0, 0);
    assert_eq!(dimension(&[0.1, 8.0, 8.1], None, 0.5).0, 1);
    assert_eq!(dimension(&[], kernel, 0.5).0, 0);
}

#[test]
fn samples_by_two_thresholds() {
    let line = |n: usize, x: &[f64]| Mat::from_fn(n, x.len(), |i, j| if i == n - 1 { x[j] } else { 0.25 });
    for n in [1, 2, 70] {
        let data = line(n, &[0.0, 1.0, 2.0, 4.0]);
        let samples = line(n, &[0.09, 1.11, 2.5, 2.54, 3.0, 2.6, 0.11]);
        let near = Thresholds { memorized: 0.1, spurious: 0.05 };
        let found = classify_samples(samples.as_ref(), data.as_ref(), near);
        use SampleClass::{Generalized as G, Memorized as M, Spurious as S};
        // A sample beside a memorized one only is spurious as well.
        assert_eq!(found.classes, [M, G, S, S, G, G, S]);
        assert_eq!(found.counts(), [1, 3, 3]);
        assert_eq!(found.nearest[3].unwrap().number, 2);
        assert_eq!(found.twin[5].unwrap().number, 3);
        assert!((found.nearest[4].unwrap().distance - 1.0).abs() < 1e-12);
        // Half the median of 1, 1, 1 and 2.
        assert_eq!(default_thresholds(data.as_ref()).map(|t| t.memorized), Some(0.5));
    }
    assert_eq!(default_thresholds(line(2, &[1.0]).as_ref()), None);
}

/// Two far data of equal weight: half of the samples each, with the noise of the landscape about them or without.
#[test]
fn samples_are_drawn_down_to_the_noise_of_the_landscape() {
    let data = mat![[4.0, -4.0], [0.0, 0.0]];
    let schedule = Noise::Scheduled { schedule: Schedule::VarianceExploding { s: 1.0 }, t: 0.04 };
    for noise in [Noise::Fixed { a: 0.5, sigma: 0.2 }, schedule] {
        let landscape = Mixture::new(data.clone(), vec![1.0; 2], noise, 0.0).unwrap();
        let at = if noise == schedule { 4.0 } else { 2.0 };
        let options = Draw { count: 400, denoise: false, seed: 3, ..Draw::default() };
        let noisy = draw(&landscape, &options).unwrap();
        let right = (0..400).filter(|j| noisy[(0, *j)] > 0.0).count() as f64;
        assert!((right - 200.0).abs() < 4.0 * 100.0_f64.sqrt(), "{right}");
        let variance: f64 =
            (0..400).map(|j| (noisy[(0, j)].abs() - at).powi(2) + noisy[(1, j)].powi(2)).sum::<f64>() / 800.0;
        assert!((variance / 0.04 - 1.0).abs() < 0.2, "{variance}");
        let clean = draw(&landscape, &Draw { denoise: true, ..options }).unwrap();
        let own = states(&landscape).unwrap();
        let near = Thresholds { memorized: 1e-6, spurious: 1e-6 };
        assert_eq!(classify_samples(clean.as_ref(), own.as_ref(), near).counts(), [400, 0, 0]);
    }
    let memory = ModernHopfield::new(data, vec![1.0; 2], 2.0, 0.0).unwrap();
    assert!(draw(&memory, &Draw::default()).unwrap_err().to_string().contains("diffusion model"));
}

/// Two wells at +-x*, `x* = tanh(x*/sigma^2)`, with the saddle at 0.
#[test]
fn basins_of_two_wells_end_at_the_saddle() {
    let sigma = 0.8_f64;
    let landscape = mixture(mat![[1.0, -1.0]], sigma);
    let (set, graph) = solve(&landscape);
    let x = (0..10_000).fold(1.0_f64, |x, _| (x / (sigma * sigma)).tanh());
    let options = GeometryOptions { directions: 12, ..GeometryOptions::default() };
    let found = geometry(&landscape, &set, Some(&graph), &options);
    assert_eq!(found.len(), 2);
    for minimum in &found {
        let basin = minimum.basin.unwrap();
        assert!((basin.least - x).abs() < 2e-3, "{basin:?} {x}");
        assert!(basin.bounded > 0 && basin.bounded < 12);
        assert!((minimum.saddle.unwrap().1 - x).abs() < 1e-9);
        let curvature = (1.0 - (1.0 - x * x) / (sigma * sigma)) / (sigma * sigma);
        assert!((minimum.softest - curvature).abs() < 1e-9);
    }
}

#[test]
fn data_held_out_are_compared_with_those_held() {
    let data = mat![[3.0, -3.0]];
    let landscape = mixture(data.clone(), 0.5);
    let (set, _, found) = classes(&landscape);
    let same = held_out(&landscape, data.as_ref(), data.as_ref(), &set, &found);
    assert_eq!((same.gap.0, same.to_memorized, same.to_others), (0.0, 2, 0));
    // Half a width off, an energy of 1/8 higher each: the other datum is too far to count.
    let off = mat![[3.25, -3.25]];
    let off = held_out(&landscape, data.as_ref(), off.as_ref(), &set, &found);
    assert!((off.gap.0 - 0.125).abs() < 1e-9, "{}", off.gap.0);
    assert_eq!(off.to_memorized, 2);
}

#[test]
fn capacities_are_those_of_the_publications() {
    assert!((lucibello_mezard(1.0, 0.0) - 0.622_571_9).abs() < 1e-7);
    // For small lambda l - l^2/2; where noise makes the nearest the rivals it joins on smoothly.
    assert!((lucibello_mezard(1e-4, 0.0) - (1e-4 - 0.5e-8)).abs() < 1e-11);
    let step = lucibello_mezard(1.0, 0.8) - lucibello_mezard(1.0, 0.8 + 1e-9);
    assert!((0.0..1e-7).contains(&step));
    let odd = |n: u32| (1..n).map(|k| f64::from(2 * k - 1)).product::<f64>();
    assert_eq!(odd(4), 15.0);
    for n in [2, 3, 4] {
        let k = 50.0_f64.powi(n as i32 - 1) / (2.0 * odd(n) * 50.0_f64.ln());
        assert!((krotov_hopfield(n, 50.0, 0.0) / k - 1.0).abs() < 1e-12);
    }
    // Biroli et al.: n = 20000, the collapse at t = log(1 + sigma^2/a^2)/2.
    for (d, t) in [(256.0, 1.29879), (1024.0, 1.97755)] {
        let width = capacity::collapse_width(20_000.0, d, 1.0);
        assert!((0.5 * (width * width).ln_1p() - t).abs() < 1e-5);
        // It is the load at which the noise is the width.
        assert!((gaussian_load(width, width) * d - 20_000.0_f64.ln()).abs() < 1e-9);
    }
}

/// The load on the sphere against its annealed value `l - log 0F1(N/2; (l N)^2/4)/N`, and what it tends to.
#[test]
fn the_load_on_the_sphere_tends_to_that_of_lucibello_and_mezard() {
    let annealed = |n: f64| {
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..400 {
            term *= n * n / 4.0 / ((n / 2.0 + f64::from(k) - 1.0) * f64::from(k));
            sum += term;
        }
        1.0 - f64::ln(sum) / n
    };
    let options = capacity::Options { seeds: 16, tests: 24, ..Default::default() };
    let memory = Memory::Spherical { lambda: 1.0 };
    let measured: Vec<_> =
        [10, 12, 14].iter().map(|n| (*n, capacity(memory, *n, &options).unwrap())).collect();
    for (n, found) in &measured {
        // Half an interval on either side: the typical sum is a little below its mean.
        let half = 0.5 * (found.high - found.low);
        let truth = annealed(*n as f64);
        assert!(found.mean > truth - 2.0 * half && found.mean < truth + 0.005, "{n}: {found:?} {truth}");
        assert!(found.mean < 0.622_571_9);
    }
}

/// The number of patterns of signs, as a share of the formula, tends to 1.
#[test]
fn patterns_of_signs_are_as_many_as_krotov_and_hopfield_say() {
    let options = capacity::Options { seeds: 50, ..Default::default() };
    let memory = Memory::Spins(Separation::Power { p: 3 });
    let measured: Vec<_> =
        [30, 45, 60, 80].iter().map(|n| (*n, capacity(memory, *n, &options).unwrap())).collect();
    for (n, found) in &measured {
        let ratio = found.mean / found.theory.unwrap();
        assert!((ratio - 1.0).abs() < 0.12, "{n}: {ratio}");
    }
    let limit = capacity::extrapolate(&measured).unwrap();
    assert!(limit.low < 1.0 && limit.high > 1.0, "{limit:?}");
    // Flipped signs cost their share, from any state that is asked about.
    let flipped = capacity(memory, 60, &capacity::Options { corruption: 0.1, ..options }).unwrap();
    assert!((flipped.mean / measured[2].1.mean - 0.8_f64.powi(4)).abs() < 0.06);
}

fn study(sets: &[&str]) -> Study {
    let overrides: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
    Study::from_flags(&overrides).unwrap()
}

#[test]
fn a_study_writes_classes_and_samples() {
    let sets = [
        "kind=mixture",
        "data=[[0.0, 0.0], [3.0, 0.0], [3.3, 0.0]]",
        "sigma=0.4",
        "memorization.draw=40",
        "memorization.steps=64",
        "memorization.directions=2",
    ];
    let outcome = execute(&study(&sets), Part::All, &Control::quiet()).unwrap();
    let text = |name: &str| {
        assert!(FILES.contains(&name));
        let file = outcome.files.iter().find(|f| f.0 == name).unwrap();
        String::from_utf8(file.1.clone()).unwrap()
    };
    let found = &outcome.summary["memorization"];
    assert_eq!(found["counts"]["memorized"], 1);
    assert_eq!(found["counts"]["merged"], 1);
    assert_eq!((&found["data"], &found["memorized"], &found["lost"]), (&3.into(), &1.into(), &0.into()));
    let table = text("classes.csv");
    let columns: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let column = |name: &str| columns.iter().position(|c| *c == name).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let of = |class: &str| rows.iter().find(|r| r[column("class")] == class).unwrap();
    assert_eq!(of("memorized")[column("data")], "0");
    assert_eq!(of("merged")[column("data")], "1 2");
    assert!(rows.iter().all(|r| r.len() == columns.len()));
    assert_eq!(text("samples.csv").lines().count(), 41);
    let samples = &found["samples"];
    let number = |key: &str| samples[key].as_u64().unwrap();
    assert_eq!(number("memorized") + number("spurious") + number("generalized"), 40);
    // What cannot be is refused.
    let wrong =
        |more: &[&str]| execute(&study(more), Part::Critical, &Control::quiet()).unwrap_err().to_string();
    let formula = ["kind=formula", "dim=1", "energy=(x^2-1)^2", "memorization.near=0.5"];
    assert!(wrong(&formula).contains("does not know its data"));
    let single = ["kind=mixture", "data=[[0.0, 1.0]]", "sigma=1.0", "memorization.draw=3"];
    assert!(wrong(&single).contains("too few"));
}

#[test]
fn answers_do_not_depend_on_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let options = capacity::Options { seeds: 6, tests: 8, ..Default::default() };
            let measured = capacity(Memory::Gaussian { sigma: 1.0 }, 8, &options).unwrap();
            let landscape = mixture(nine(), 0.2);
            let (set, _, found) = classes(&landscape);
            let around = geometry(&landscape, &set, None, &GeometryOptions::default());
            (measured, found, around)
        })
    };
    assert_eq!(run(1), run(3));
}
