//! Associative memories beyond the log-sum-exp: retrieval, capacity, limits that must coincide, and the kinds whose
//! energy has kinks or null directions, against closed forms and published numbers.

#![allow(clippy::unwrap_used)]

use std::time::Instant;

use faer::{Mat, MatRef};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use smale::control::Control;
use smale::critical::{CriticalSet, Options, search};
use smale::flow::{self, Flow};
use smale::landscape::dense_memory::{DenseMemory, Lagrangian, Separation};
use smale::landscape::epanechnikov::Epanechnikov;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Dynamics, Landscape, Region};
use smale::study::pipeline::{Part, execute};
use smale::study::{Override, Study};

fn solved(landscape: &dyn Landscape) -> CriticalSet {
    search(landscape, None, &Options::default(), &Control::quiet()).unwrap()
}

fn study(pairs: &[&str]) -> Study {
    let overrides: Vec<Override> = pairs.iter().map(|p| Override::parse(p).unwrap()).collect();
    Study::from_flags(&overrides).unwrap()
}

/// Binary images of 48 x 48 pixels (+-1) that resemble each other: random discs and bars on a common ground.
fn images(count: usize, seed: u64) -> Vec<Vec<f64>> {
    const SIDE: usize = 48;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let ground = blobs(&mut rng, 5, 10.0);
    (0..count)
        .map(|_| {
            let own = blobs(&mut rng, 9, 9.0);
            let covered = |list: &[(f64, f64, f64)], r: f64, c: f64| {
                list.iter().filter(|(a, b, s)| (r - a).powi(2) + (c - b).powi(2) < s * s).count()
            };
            (0..SIDE * SIDE)
                .map(|i| {
                    let (r, c) = ((i / SIDE) as f64, (i % SIDE) as f64);
                    let dark = covered(&ground, r, c) + covered(&own, r, c);
                    if dark % 2 == 1 { 1.0 } else { -1.0 }
                })
                .collect()
        })
        .collect()
}

fn blobs(rng: &mut ChaCha8Rng, count: usize, largest: f64) -> Vec<(f64, f64, f64)> {
    let mut upto = |a: f64, b: f64| a + (b - a) * rng.random::<f64>();
    (0..count).map(|_| (upto(0.0, 48.0), upto(0.0, 48.0), upto(3.0, largest))).collect()
}

fn matrix(patterns: &[Vec<f64>]) -> Mat<f64> {
    Mat::from_fn(patterns[0].len(), patterns.len(), |i, k| patterns[k][i])
}

fn overlap(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64
}

/// Each pattern with 20% of its pixels flipped, recalled by steps of half the way: the overlap that it ends with.
fn retrieve(memory: &DenseMemory, patterns: &[Vec<f64>], seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let flip = |y: &f64, rng: &mut ChaCha8Rng| if rng.random::<f64>() < 0.2 { -y } else { *y };
    patterns
        .iter()
        .map(|y| {
            let mut g: Vec<f64> = y.iter().map(|y| flip(y, &mut rng)).collect();
            let mut x = memory.recall(&g);
            let mut energy = f64::INFINITY;
            for _ in 0..40 {
                // Euler's step of x' = recall(g) - x: the energy falls for any step up to 1, as F is convex.
                g = memory.activation(&x);
                let towards = memory.recall(&g);
                x.iter_mut().zip(&towards).for_each(|(x, t)| *x += 0.5 * (t - *x));
                let now = memory.energy(&x);
                assert!(now <= energy + 1e-12 * now.abs());
                energy = now;
            }
            overlap(&memory.activation(&x), y)
        })
        .collect()
}

#[test]
fn a_hundred_images_are_retrieved_where_a_classical_network_fails_at_six() {
    let all = images(100, 48);
    let n = all[0].len() as f64;
    let memory = |patterns: &[Vec<f64>], separation: Separation, scale: f64| {
        let tanh = Lagrangian::Tanh { gain: 50.0 };
        let weights = vec![1.0; patterns.len()];
        DenseMemory::new(matrix(patterns).as_ref(), weights, separation, tanh, scale, 0.0).unwrap()
    };
    let dense = memory(&all, Separation::Rectified { p: 6.0 }, n.powi(-5));
    let ends = retrieve(&dense, &all, 1);
    let worst = ends.iter().copied().fold(1.0, f64::min);
    assert!(worst > 0.99, "{worst}");
    let classical = memory(&all[..6], Separation::Power { p: 2 }, 1.0 / n);
    let ends = retrieve(&classical, &all[..6], 1);
    assert!(ends.iter().any(|m| *m < 0.9), "{ends:?}");
}

#[test]
fn random_patterns_are_held_below_the_polynomial_capacity_and_lost_above() {
    // Krotov & Hopfield 2016: K = N^(p-1) / (2 (2p-3)!! ln N). At K the chance that a pattern keeps all its bits is
    // about 0.86; at K/2 the wrong bits are N^-1 of those at K, at 4K there are several in each pattern.
    for (p, n, odd) in [(2, 256_usize, 1.0), (3, 64, 3.0), (4, 24, 15.0)] {
        let capacity = (n as f64).powi(p - 1) / (2.0 * odd * (n as f64).ln());
        let held = |load: f64| {
            let count = (load * capacity).round() as usize;
            let mut rng = ChaCha8Rng::seed_from_u64(p as u64);
            let y = Mat::from_fn(n, count, |_, _| if rng.random::<bool>() { 1.0 } else { -1.0 });
            let power = Separation::Power { p: p as u32 };
            let scale = (n as f64).powi(-p);
            let m = DenseMemory::new(y.as_ref(), vec![1.0; count], power, Lagrangian::Identity, scale, 0.0)
                .unwrap();
            let tested = count.min(30);
            let kept = (0..tested).filter(|&k| {
                let states = Mat::from_fn(n, n + 1, |i, j| if i == j { -y[(i, k)] } else { y[(i, k)] });
                let mut energies = vec![0.0; n + 1];
                m.gradients(states.as_ref(), &mut energies, Mat::zeros(n, n + 1).as_mut());
                energies.iter().all(|e| *e >= energies[n])
            });
            kept.count() as f64 / tested as f64
        };
        let (below, above) = (held(0.4), held(6.0));
        assert!(below >= 0.9 && above <= 0.15, "p = {p}: {below} below, {above} above");
    }
}

#[test]
fn spherical_patterns_are_held_below_the_exponential_capacity_and_lost_above() {
    // Lucibello & Mezard 2024, lambda = 1: log K / N = 0.6225719 for patterns of norm sqrt(N).
    let n = 14;
    let held = |alpha: f64| {
        let count = (alpha * n as f64).exp().round() as usize;
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut y: Vec<f64> = (0..n * count).map(|_| StandardNormal.sample(&mut rng)).collect();
        for y in y.chunks_exact_mut(n) {
            let size = (n as f64 / y.iter().map(|y| y * y).sum::<f64>()).sqrt();
            y.iter_mut().for_each(|y| *y *= size);
        }
        let patterns = MatRef::from_column_major_slice(&y, n, count).to_owned();
        let m = ModernHopfield::new(patterns, vec![1.0; count], 1.0, 0.0).unwrap();
        let tested = 30;
        let kept = (0..tested).filter(|&k| {
            let mut x = y[k * n..(k + 1) * n].to_vec();
            let mut g = vec![0.0; n];
            for _ in 0..20 {
                m.gradient(&x, &mut g);
                x.iter_mut().zip(&g).for_each(|(x, g)| *x -= g);
            }
            overlap(&x, &y[k * n..(k + 1) * n]) > 0.8
        });
        kept.count() as f64 / tested as f64
    };
    let (below, above) = (held(0.3), held(0.95));
    assert!(below >= 0.8 && above <= 0.2, "{below} below, {above} above");
}

#[test]
fn orthonormal_patterns_are_born_at_the_folds_that_are_known() {
    let at = |n: usize, beta: f64| {
        let m = ModernHopfield::new(Mat::identity(n, n), vec![1.0; n], beta, 0.0).unwrap();
        let set = solved(&m);
        assert!(set.degenerate.is_empty());
        set.counts()[0]
    };
    // beta = log((1 + (N - 1) t)/(1 - t))/t has its least value 2.745644 for N = 3 and 3.218741 for N = 4; there the N
    // retrieval states are born, besides the average, which is a minimum up to beta = N.
    assert_eq!([at(3, 2.7456), at(3, 2.7457)], [1, 4]);
    assert_eq!([at(3, 2.9999), at(3, 3.0001)], [4, 3]);
    assert_eq!([at(4, 3.2187), at(4, 3.2188)], [1, 5]);
    assert_eq!([at(4, 3.9999), at(4, 4.0001)], [5, 4]);
    assert_eq!([at(2, 1.999), at(2, 2.001)], [1, 2]);
}

#[test]
fn a_mixture_of_equal_norms_is_a_modern_hopfield_memory() {
    let angles = [0.3_f64, 1.1, 2.9, 4.2, 5.5];
    let y = Mat::from_fn(2, 5, |i, k| 1.3 * if i == 0 { angles[k].cos() } else { angles[k].sin() });
    let sigma = 0.6_f64;
    let noise = Noise::Fixed { a: 1.0, sigma };
    let mixture = Mixture::new(y.clone(), vec![1.0; 5], noise, 0.0).unwrap();
    let hopfield = ModernHopfield::new(y, vec![1.0; 5], sigma.powi(-2), 0.0).unwrap();
    let gap = |x: &[f64]| hopfield.energy(x) - sigma * sigma * mixture.energy(x);
    let constant = gap(&[0.0, 0.0]);
    for x in [[1.0, 0.2], [-2.0, 3.0], [0.1, -0.7]] {
        assert!((gap(&x) - constant).abs() < 1e-13);
    }
    let (a, b) = (solved(&mixture), solved(&hopfield));
    assert_eq!(a.counts(), b.counts());
    for p in &a.points {
        let close = |x: &[f64]| x.iter().zip(&p.x).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(b.points.iter().any(|q| q.index == p.index && close(&q.x)));
    }
}

#[test]
fn a_saturated_memory_has_the_points_of_its_fixed_point_equation() {
    // One pattern in one dimension, F = z^2/2: x = s tanh(x), three solutions for s > 1, at 0 and near +-s.
    for scale in [1.5, 4.0, 12.0, 40.0] {
        let y = Mat::from_fn(1, 1, |_, _| 1.0);
        let tanh = Lagrangian::Tanh { gain: 1.0 };
        let m =
            DenseMemory::new(y.as_ref(), vec![1.0], Separation::Power { p: 2 }, tanh, scale, 0.0).unwrap();
        let set = solved(&m);
        assert_eq!((set.counts(), set.degenerate.len()), (vec![2, 1], 0), "scale {scale}");
        for p in &set.points {
            assert!((p.x[0] - scale * p.x[0].tanh()).abs() < 1e-9 * scale);
        }
    }
    // Two neurons that know nothing of each other: the product of the above, mixed states included.
    for scale in [1.5, 4.0, 8.0, 20.0, 60.0] {
        let y = Mat::identity(2, 2);
        let tanh = Lagrangian::Tanh { gain: 1.0 };
        let m =
            DenseMemory::new(y.as_ref(), vec![1.0; 2], Separation::Power { p: 2 }, tanh, scale, 0.0).unwrap();
        let set = solved(&m);
        assert_eq!((set.counts(), set.degenerate.len()), (vec![4, 4, 1], 0), "scale {scale}");
    }
}

#[test]
fn softmax_neurons_are_analysed_in_the_quotient_by_shifts() {
    // With F = exp(beta z)/beta, orthonormal patterns: symmetric under permutations, the centre g = 1/n among them.
    let y = Mat::identity(3, 3);
    let m = DenseMemory::new(
        y.as_ref(),
        vec![1.0; 3],
        Separation::Power { p: 2 },
        Lagrangian::Softmax { gain: 1.0 },
        4.0,
        0.0,
    )
    .unwrap();
    let set = solved(&m);
    assert!(set.degenerate.is_empty());
    assert_eq!(set.euler_characteristic(), 1);
    for p in &set.points {
        assert!(p.x.iter().sum::<f64>().abs() < 1e-10);
        assert!(p.eigenvalues.iter().any(|e| (e - 1.0).abs() < 1e-9));
        // x - 4 g is a shift.
        let g = m.activation(&p.x);
        let f: Vec<f64> = p.x.iter().zip(&g).map(|(x, g)| x - 4.0 * g).collect();
        assert!(f.iter().all(|v| (v - f[0]).abs() < 1e-9));
    }
}

#[test]
fn an_unbounded_memory_asks_for_a_region() {
    let y = Mat::from_fn(2, 1, |_, _| 1.0);
    let cube = Separation::Rectified { p: 3.0 };
    let m = DenseMemory::new(y.as_ref(), vec![1.0], cube, Lagrangian::Identity, 1.0, 0.0).unwrap();
    let error = search(&m, None, &Options::default(), &Control::quiet()).unwrap_err();
    assert!(error.to_string().contains("unbounded below"), "{error}");
    // E = |x|^2/2 - (x0 + x1)^3/3: a minimum at 0, a saddle where x = (x0 + x1)^2 (1, 1), that is at (1/4, 1/4).
    let region = Region::ball(vec![0.0, 0.0], 1.0);
    let set = search(&m, Some(&region), &Options::default(), &Control::quiet()).unwrap();
    assert_eq!(set.counts(), [1, 1]);
    assert!(set.points[1].x.iter().all(|x| (x - 0.25).abs() < 1e-12));
}

#[test]
fn epanechnikov_windows_have_minima_and_no_saddles() {
    let at = |beta: f64, e0: f64| {
        let beta = format!("landscape.beta={beta}");
        let e0 = format!("landscape.e0={e0}");
        let study = study(&["kind=epanechnikov", "landscape.data=[[-1.0],[1.0]]", &beta, &e0]);
        execute(&study, Part::Graph, &Control::quiet()).unwrap().summary
    };
    for e0 in [0.0, 0.01] {
        for (beta, minima) in [(0.3, 1), (0.45, 1), (0.6, 3), (1.9, 3), (2.5, 2), (9.0, 2)] {
            let summary = at(beta, e0);
            assert_eq!(summary["counts"], serde_json::json!([minima]), "beta {beta}, e0 {e0}");
            // A plateau is one family; there is none without a floor.
            assert!(summary["degenerate"].as_u64().unwrap() <= u64::from(e0 > 0.0), "{summary}");
            assert!(summary["euler_expected"].is_null());
            assert_eq!(summary["morse_smale"], "unknown");
            assert!(summary["morse_smale_reason"].as_str().unwrap().contains("not smooth"));
            assert_eq!(summary["highest_index_searched"], 0);
        }
    }
}

#[test]
fn a_plane_of_windows_is_one_plateau() {
    let y: Vec<Vec<f64>> = (0..12).map(|k| vec![(k % 4) as f64 * 3.0, (k / 4) as f64 * 3.0]).collect();
    let m = Epanechnikov::new(matrix(&y).as_ref(), vec![1.0; 12], 2.0, 0.1).unwrap();
    let set = solved(&m);
    assert_eq!(set.counts(), [12]);
    assert_eq!(set.degenerate.len(), 1);
    assert_eq!(set.degenerate[0].dimension, 2);
}

#[test]
fn epanechnikov_minima_are_counted_without_looking_at_all_subsets() {
    let draw = |count: usize, dim: usize, seed: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Mat::from_fn(dim, count, |_, _| 2.0 * rng.random::<f64>() - 1.0)
    };
    let timed = |y: MatRef<'_, f64>, radius: f64| {
        let m = Epanechnikov::new(y, vec![1.0; y.ncols()], 2.0 / (radius * radius), 0.0).unwrap();
        let started = Instant::now();
        let minima = m.minima();
        let spent = started.elapsed().as_secs_f64();
        // Every one of them is the mean of what lies within the radius.
        for well in minima.wells.iter().step_by(37) {
            let gap =
                |k: usize| (0..y.nrows()).map(|i| (y[(i, k)] - well.center[i]).powi(2)).sum::<f64>().sqrt();
            let members: Vec<usize> = (0..y.ncols()).filter(|k| gap(*k) < radius).collect();
            assert_eq!(members, well.members);
            for i in 0..y.nrows() {
                let mean = members.iter().map(|k| y[(i, *k)]).sum::<f64>() / members.len() as f64;
                assert!((mean - well.center[i]).abs() < 1e-13);
            }
        }
        (minima.complete, spent)
    };
    // All subsets of 25 would be 3e7; the limits leave room for slow and busy machines.
    for radius in [0.8, 1.1, 1.3, 1.5, 1.8, 2.2] {
        let (complete, spent) = timed(draw(25, 8, 5).as_ref(), radius);
        assert!(complete && spent < 20.0, "radius {radius}: {spent} s");
    }
    for (count, dim, radius) in [(2000, 2, 0.05), (5000, 3, 0.08), (3000, 8, 0.5)] {
        let (complete, spent) = timed(draw(count, dim, 7).as_ref(), radius);
        assert!(complete && spent < 60.0, "{count} x {dim}: {spent} s");
    }
}

#[test]
fn energy_transformers_have_the_euler_characteristic_of_their_spheres() {
    // With even powers no part of the sphere is flat.
    let (cubic, even): (&[&str], &[&str]) = (&["landscape.p=3"], &["separation=power", "landscape.p=4"]);
    for (dim, tokens, memory, euler) in
        [(4, 1, cubic, 2), (5, 1, even, 0), (3, 2, cubic, 0), (4, 2, cubic, 4)]
    {
        for seed in 0..2 {
            let keys = [("dim", dim), ("tokens", tokens), ("weights_seed", seed)];
            let keys: Vec<String> = keys.iter().map(|(k, v)| format!("landscape.{k}={v}")).collect();
            let mut pairs = vec!["kind=energy-transformer"];
            pairs.extend(keys.iter().map(String::as_str));
            pairs.extend(memory);
            let set = solved(study(&pairs).build().unwrap().as_ref());
            let what = format!("dimension {dim}, {tokens} tokens, seed {seed}: {:?}", set.counts());
            assert!(set.degenerate.is_empty(), "{what}");
            assert_eq!(set.euler_characteristic(), euler, "{what}");
            // What is reported is the representative: every token with mean 0 and variance 1.
            for token in set.points.iter().flat_map(|p| p.x.chunks(dim)) {
                assert!(token.iter().sum::<f64>().abs() < 1e-9, "{what}");
                assert!((overlap(token, token) - 1.0).abs() < 1e-9, "{what}");
            }
        }
    }
}

#[test]
fn a_block_is_read_from_a_safetensors_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("block.safetensors");
    let tensor = |shape: &[usize], value: f64| -> (Vec<usize>, Vec<u8>) {
        let numbers = (0..shape.iter().product()).map(|i: usize| value * (1.0 + (i * i) as f64).sin());
        (shape.to_vec(), numbers.flat_map(f64::to_le_bytes).collect())
    };
    type Named<'a> = (&'a str, &'a (Vec<usize>, Vec<u8>));
    let named = |list: &[Named<'_>]| {
        let views = list.iter().map(|(name, (shape, bytes))| {
            (name.to_string(), TensorView::new(Dtype::F64, shape.clone(), bytes).unwrap())
        });
        safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
    };
    let (key, query, memory) = (tensor(&[2, 3, 4], 0.5), tensor(&[2, 3, 4], 0.7), tensor(&[5, 4], 1.0));
    let (gamma, delta) = ((vec![1], 1.5_f64.to_le_bytes().to_vec()), tensor(&[4], 0.1));
    let build = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let weights = format!("landscape.weights={}", path.display());
        study(&["kind=energy-transformer", "tokens=2", &weights]).build()
    };
    let all = [("Wk", &key), ("Wq", &query), ("Xi", &memory), ("gamma", &gamma), ("delta", &delta)];
    let block = build(&named(&all)).unwrap();
    assert_eq!(block.dim(), 8);
    assert!(block.parameters().contains(&("gamma".to_string(), 1.5)));
    assert!(block.parameters().contains(&("beta".to_string(), 1.0 / 3.0_f64.sqrt())));
    // Wrong files: one clear error each.
    let refused = |bytes: &[u8]| build(bytes).err().unwrap().to_string();
    assert!(refused(&named(&[("Wk", &key), ("Wq", &query)])).contains("no tensor `Xi`"));
    let wide = tensor(&[2, 3, 5], 1.0);
    assert!(refused(&named(&[("Wk", &wide), ("Wq", &query), ("Xi", &memory)])).contains("do not fit"));
    let nan = tensor(&[5, 4], f64::NAN);
    assert!(
        refused(&named(&[("Wk", &key), ("Wq", &query), ("Xi", &nan)])).contains("number 0 of `Xi` is NaN")
    );
    let whole = named(&all);
    assert!(refused(&whole[..whole.len() / 2]).contains("safetensors"));
}

#[test]
fn the_energy_falls_along_every_dynamics() {
    let kinds: [&[&str]; 3] = [
        &[
            "kind=dense-memory",
            "landscape.data=[[1,-1,1],[1,1,-1]]",
            "landscape.p=3",
            "lagrangian=tanh",
            "scale=0.8",
        ],
        &[
            "kind=dense-memory",
            "landscape.data=[[1,0,1],[0,1,1]]",
            "separation=exp",
            "lagrangian=softmax",
            "gain=2",
        ],
        &["kind=energy-transformer", "tokens=3", "dim=4", "heads=2"],
    ];
    for pairs in kinds {
        let family = study(pairs).build().unwrap();
        let landscape: &dyn Landscape = family.as_ref();
        let dynamics: &dyn Dynamics = landscape.dynamics().unwrap();
        let n = landscape.dim();
        let start: Vec<f64> = (0..n).map(|i| (1.7 * (i * i) as f64 + 0.4).sin() * 1.2).collect();
        let (mut v, mut g) = (vec![0.0; n], vec![0.0; n]);
        let mut last = dynamics.velocity(&start, &mut v);
        let options = flow::Options { tolerance: 1e-7, longest: 0.5, steps: 5000 };
        flow::integrate(&Flow::forward(landscape), &start, &options, |state| {
            assert!(state.energy <= last + 1e-13);
            last = state.energy;
            // dE/dt = grad E . x' is not positive.
            dynamics.velocity(state.x, &mut v);
            landscape.gradient(state.x, &mut g);
            assert!(v.iter().zip(&g).map(|(v, g)| v * g).sum::<f64>() <= 1e-18);
            state.speed > 1e-8
        });
        landscape.gradient(&landscape_end(landscape, &start), &mut g);
        assert!(g.iter().map(|g| g * g).sum::<f64>() < 1e-12, "{pairs:?}: {g:?}");
    }
}

fn landscape_end(landscape: &dyn Landscape, start: &[f64]) -> Vec<f64> {
    let mut x = start.to_vec();
    let options = flow::Options { tolerance: 1e-7, longest: 0.5, steps: 5000 };
    flow::integrate(&Flow::forward(landscape), start, &options, |state| {
        x = state.x.to_vec();
        state.speed > 1e-8
    });
    x
}

#[test]
fn a_dense_memory_is_a_network_whose_hidden_layer_is_at_rest() {
    // relu(z)^3 / 3 as the Lagrangian of hidden units without inertia.
    let patterns = "[[1.0,-1.0,0.5],[0.3,0.8,-1.0]]";
    let data = format!("landscape.data={patterns}");
    let dense = study(&["kind=dense-memory", &data, "landscape.p=3", "lagrangian=tanh", "gain=1.4"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    std::fs::write(folder.path().join("y.csv"), "1.0,-1.0,0.5\n0.3,0.8,-1.0\n").unwrap();
    let text = "[landscape]\nkind = \"hierarchical\"\n[landscape.layers]\n\
        visible = { lagrangian = \"tanh\", b = 1.4 }\n\
        hidden = { lagrangian = \"power\", power = 3, weights = \"y.csv\", tau = 0.0 }\n";
    std::fs::write(&path, text).unwrap();
    let layered = Study::read(&path, &[]).and_then(|s| s.build()).unwrap();
    let dense = dense.build().unwrap();
    for x in [[0.2, 1.0, -0.4], [-1.0, 0.1, 2.0]] {
        assert!((dense.energy(&x) - layered.energy(&x)).abs() < 1e-12);
    }
}
