//! Small pieces of work whose instructions are counted: `benches/instructions.py` runs this under valgrind, one piece a process,
//! and counts what runs inside [`measured`].

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::Control;
use smale::connection::{self, connect};
use smale::critical::{self, search};
use smale::landscape::Landscape;
use smale::landscape::mixture::{Mixture, Noise};
use smale::rigor::Interval;
use smale::rigor::prune::{Limits, zeros};

/// Points of a batch.
const POINTS: usize = 64;

fn main() {
    let name = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(|| run(&name));
}

/// What is counted; of this very name.
#[inline(never)]
fn measured(mut work: impl FnMut()) {
    black_box(&mut work)();
}

fn run(name: &str) {
    let (mut energies, mut out) = (vec![0.0; POINTS], Mat::zeros(64, POINTS));
    let (points, data) = (normal(64, POINTS, 1), normal(64, 1797, 2));
    match name {
        "gradient" => {
            let mixture = mixture(data, 2.0);
            measured(|| mixture.gradients(points.as_ref(), &mut energies, out.as_mut()));
        }
        "product" => {
            let mixture = mixture(data, 2.0);
            let linear = mixture.linearize(points.as_ref());
            measured(|| linear.apply(points.as_ref(), out.as_mut()));
        }
        "hessian" => {
            let (mixture, mut h) = (mixture(data, 2.0), Mat::zeros(64, 64));
            measured(|| (0..4).for_each(|j| mixture.hessian(points.col_as_slice(j), h.as_mut())));
        }
        "pruned" => {
            // Groups of fifty, points near data; cells and lists are made by the first of two evaluations.
            let centres = normal(64, 50, 3);
            let data = Mat::from_fn(64, 1797, |i, k| centres[(i, k % 50)] + 0.1 * data[(i, k)]);
            let near = Mat::from_fn(64, POINTS, |i, j| data[(i, 28 * j)] + 0.1 * points[(i, j)]);
            let mixture = mixture(data, 0.1);
            mixture.gradients(near.as_ref(), &mut energies, out.as_mut());
            measured(|| mixture.gradients(near.as_ref(), &mut energies, out.as_mut()));
        }
        "graph" | "proof" => {
            let case = common::cases("planar-k30-s35").into_iter().next().expect("one case");
            let landscape = case.landscape.as_ref();
            if name == "proof" {
                let enclosed = landscape.enclose().expect("the kind has proofs");
                let within = vec![Interval::new(-3.0, 3.0); 2];
                measured(|| {
                    let found = zeros(&*enclosed.system(), &within, &Limits::default(), &|| false);
                    assert!(found.is_complete(), "a wrong answer is not worth counting");
                });
                return;
            }
            measured(|| {
                let set = search(landscape, None, &critical::Options::default(), &Control::quiet())
                    .expect("a region of its own");
                assert_eq!(set.counts(), case.counts, "a wrong answer is not worth counting");
                connect(landscape, &set, &connection::Options::default(), &Control::quiet());
            });
        }
        // As `cargo bench` runs it, without valgrind.
        _ => println!("instructions are counted by benches/instructions.py"),
    }
}

fn mixture(data: Mat<f64>, sigma: f64) -> Mixture {
    let weights = vec![1.0; data.ncols()];
    Mixture::new(data, weights, Noise::Fixed { a: 1.0, sigma }, 0.0).expect("a valid mixture")
}

fn normal(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(rows, columns, |_, _| StandardNormal.sample(&mut rng))
}
