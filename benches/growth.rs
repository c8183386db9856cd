//! How cost grows, one thread: a gradient with the number of data and with the dimension, a whole search with the number of
//! well separated data, a proof of all critical points in the plane with their number. And what a second thread is worth.
//!
//! `cargo bench --bench growth` prints times with the exponents of the power laws fitted to them. With a word only the tables whose
//! name has it: `-- proof`.

#[path = "shared/clock.rs"]
mod clock;

use std::time::Instant;

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::Control;
use smale::critical::{Method, Options, search};
use smale::landscape::Landscape;
use smale::landscape::mixture::{Mixture, Noise};
use smale::rigor::Interval;
use smale::rigor::prune::{Limits, zeros};

use clock::cpu_seconds;

/// Points of a batch.
const POINTS: usize = 256;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(|| {
        if wanted("gradient") {
            let cost = |dim, memories| gradient(&mixture(normal(dim, memories, 1), wide(dim)));
            table("gradient, data in dimension 64", "us a point", &[2000, 8000, 32_000, 128_000], |k| {
                (k, 1e6 * cost(64, k))
            });
            table("gradient, dimension with 4000 data", "us a point", &[32, 128, 512, 2048], |n| {
                (n, 1e6 * cost(n, 4000))
            });
        }
        if wanted("minima") {
            table("minima, data in dimension 64", "s", &[250, 1000, 4000], |k| {
                let mixture = mixture(normal(64, k, 1), 0.35);
                let options = Options { max_index: Some(0), ..Options::default() };
                let start = cpu_seconds();
                let set = search(&mixture, None, &options, &Control::quiet()).expect("a region of its own");
                assert_eq!(set.counts()[0], k, "the bench would time a wrong answer");
                (k, cpu_seconds() - start)
            });
        }
        if wanted("search") {
            table("search, points up to index 1 of a lattice in space", "s", &[4, 6, 8, 12], |side| {
                let mixture = mixture(lattice(3, side), 0.25);
                let options = Options { max_index: Some(1), method: Method::Search, ..Options::default() };
                let start = cpu_seconds();
                let set = search(&mixture, None, &options, &Control::quiet()).expect("a region of its own");
                (set.points.len(), cpu_seconds() - start)
            });
        }
        if wanted("proof") {
            table("proof, points of a lattice in the plane", "s", &[6, 12, 24, 48], |side| {
                let mixture = mixture(lattice(2, side), 0.4);
                let enclosed = mixture.enclose().expect("the kind has proofs");
                let within = vec![Interval::new(-1.0, side as f64); 2];
                let start = cpu_seconds();
                let found = zeros(&*enclosed.system(), &within, &Limits::default(), &|| false);
                assert!(found.is_complete(), "the bench would time a wrong answer");
                (found.found.len(), cpu_seconds() - start)
            });
        }
    });
    if wanted("threads") {
        threads();
    }
}

/// Times at each size, and the exponent.
fn table(name: &str, unit: &str, sizes: &[usize], mut measure: impl FnMut(usize) -> (usize, f64)) {
    println!("\n{name}");
    let rows: Vec<(f64, f64)> = sizes
        .iter()
        .map(|size| {
            let (count, time) = measure(*size);
            println!("{count:>10} {time:>12.4} {unit}");
            ((count as f64).ln(), time.ln())
        })
        .collect();
    let mean = |f: fn(&(f64, f64)) -> f64| rows.iter().map(f).sum::<f64>() / rows.len() as f64;
    let (x, y) = (mean(|r| r.0), mean(|r| r.1));
    let above: f64 = rows.iter().map(|r| (r.0 - x) * (r.1 - y)).sum();
    println!("exponent {:.2}", above / rows.iter().map(|r| (r.0 - x).powi(2)).sum::<f64>());
}

/// Seconds that a turn takes.
const TURN: f64 = 0.02;

/// Seconds of wall-clock with one thread over those with two; best of several turns, as other programs take their share. A turn is as many
/// calls one after the other as take [`TURN`]: a thread that has nothing to do for longer sleeps, and takes a tenth of a millisecond to wake.
fn threads() {
    println!("\n{POINTS} points, wall-clock of one thread over that of two, best of 15 turns");
    println!("{:>12} {:>10} {:>10} {:>10}", "size", "gradient", "product", "one / ms");
    let pools = [1, 2]
        .map(|count| rayon::ThreadPoolBuilder::new().num_threads(count).build().expect("a pool of threads"));
    for (dim, memories) in [(64, 1797), (784, 10_000)] {
        let mixture = mixture(normal(dim, memories, 1), wide(dim));
        let points = normal(dim, POINTS, 2);
        let linear = mixture.linearize(points.as_ref());
        let mut best = [[f64::INFINITY; 2]; 2];
        let mut calls = 1;
        for _ in 0..15 {
            for (pool, best) in pools.iter().zip(&mut best) {
                pool.install(|| {
                    let (mut energies, mut out) = (vec![0.0; POINTS], Mat::zeros(dim, POINTS));
                    for (kernel, best) in best.iter_mut().enumerate() {
                        let start = Instant::now();
                        for _ in 0..calls {
                            match kernel {
                                0 => mixture.gradients(points.as_ref(), &mut energies, out.as_mut()),
                                _ => linear.apply(points.as_ref(), out.as_mut()),
                            }
                        }
                        *best = best.min(start.elapsed().as_secs_f64() / calls as f64);
                    }
                });
            }
            calls = (TURN / best[0][0]).ceil() as usize;
        }
        let [one, two] = best;
        println!(
            "{:>12} {:>10.2} {:>10.2} {:>10.2}",
            format!("{dim} x {memories}"),
            one[0] / two[0],
            one[1] / two[1],
            1e3 * one[0]
        );
    }
}

fn mixture(data: Mat<f64>, sigma: f64) -> Mixture {
    let weights = vec![1.0; data.ncols()];
    Mixture::new(data, weights, Noise::Fixed { a: 1.0, sigma }, 0.0).expect("a valid mixture")
}

/// Noise that lets several memories N(0, I) share each point.
fn wide(dim: usize) -> f64 {
    0.35 * (dim as f64 / 2.0).sqrt()
}

/// Seconds a point.
fn gradient(mixture: &Mixture) -> f64 {
    let points = normal(mixture.dim(), POINTS, 2);
    let (mut energies, mut out) = (vec![0.0; POINTS], Mat::zeros(mixture.dim(), POINTS));
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = cpu_seconds();
        mixture.gradients(points.as_ref(), &mut energies, out.as_mut());
        best = best.min(cpu_seconds() - start);
    }
    best / POINTS as f64
}

/// Points of a lattice of that many a side, each moved a little.
fn lattice(dim: usize, side: usize) -> Mat<f64> {
    let away = normal(dim, side.pow(dim as u32), 3);
    let place = |i: usize, k: usize| (k / side.pow(i as u32) % side) as f64;
    Mat::from_fn(dim, away.ncols(), |i, k| place(i, k) + 0.1 * away[(i, k)])
}

fn normal(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(rows, columns, |_, _| StandardNormal.sample(&mut rng))
}
