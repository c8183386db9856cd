//! The kernels of `neural`: energies, gradients and Hessian-vector products at 256 points, and a single Hessian, of
//! softplus perceptrons with three hidden layers.
//!
//! `cargo bench --bench neural` prints divan's times, one thread, then a table beside JAX, measured in turns within the
//! run: on one thread each in CPU time, and on all processors in wall-clock. With a filter only divan's part runs.

#[path = "shared/clock.rs"]
mod clock;
#[path = "shared/median.rs"]
mod median;

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use divan::Bencher;
use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::landscape::Landscape;
use smale::landscape::neural::Neural;
use smale::landscape::neural::activation::Activation;

use clock::cpu_seconds;
use median::median;

/// Points of a batch.
const POINTS: usize = 256;
/// Turns of the comparison; medians over them are shown.
const TURNS: usize = 5;

/// Dimension and width of the hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    dim: usize,
    width: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} x 3", self.dim, self.width)
    }
}

const SIZES: [Size; 2] = [Size { dim: 2, width: 128 }, Size { dim: 64, width: 256 }];

impl Size {
    fn network(self) -> Neural {
        let widths = [self.dim, self.width, self.width, self.width, 1];
        let layers = widths.windows(2).enumerate().map(|(i, w)| {
            let weight = normal(w[1], w[0], i as u64) * faer::Scale(1.0 / (w[0] as f64).sqrt());
            (weight, normal(w[1], 1, 100 + i as u64).col_as_slice(0).to_vec())
        });
        Neural::perceptron(layers.collect(), Activation::Softplus { beta: 1.0 }, 1.0)
            .expect("a valid network")
    }
}

fn normal(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(rows, columns, |_, _| StandardNormal.sample(&mut rng))
}

fn main() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    one.install(divan::main);
    // Without --bench this is a test run, with more there is a filter or an option of divan's.
    if std::env::args().skip(1).eq(["--bench".to_string()]) {
        compare(&one);
    }
}

/// Everything a batch of 256 points needs.
struct Batch {
    network: Neural,
    points: Mat<f64>,
    vectors: Mat<f64>,
    energies: Vec<f64>,
    gradients: Mat<f64>,
    products: Mat<f64>,
    hessian: Mat<f64>,
}

impl Batch {
    fn new(size: Size) -> Self {
        Batch {
            network: size.network(),
            points: normal(size.dim, POINTS, 1),
            vectors: normal(size.dim, POINTS, 2),
            energies: vec![0.0; POINTS],
            gradients: Mat::zeros(size.dim, POINTS),
            products: Mat::zeros(size.dim, POINTS),
            hessian: Mat::zeros(size.dim, size.dim),
        }
    }

    fn products(&mut self) {
        self.network.gradients_and_products(
            black_box(self.points.as_ref()),
            self.vectors.as_ref(),
            &mut self.energies,
            self.gradients.as_mut(),
            self.products.as_mut(),
        );
    }

    fn hessian(&mut self) {
        self.network.hessian(black_box(self.points.col_as_slice(0)), self.hessian.as_mut());
    }
}

#[divan::bench(args = SIZES, max_time = 2)]
fn products_batch(bencher: Bencher<'_, '_>, size: Size) {
    let mut batch = Batch::new(size);
    bencher.bench_local(|| batch.products());
}

#[divan::bench(args = SIZES, max_time = 2)]
fn gradient_batch(bencher: Bencher<'_, '_>, size: Size) {
    let mut batch = Batch::new(size);
    bencher.bench_local(|| {
        let points = black_box(batch.points.as_ref());
        batch.network.gradients(points, &mut batch.energies, batch.gradients.as_mut());
    });
}

#[divan::bench(args = SIZES, max_time = 1)]
fn gradient(bencher: Bencher<'_, '_>, size: Size) {
    let mut batch = Batch::new(size);
    bencher.bench_local(|| {
        batch.network.gradient(black_box(batch.points.col_as_slice(0)), batch.gradients.col_as_slice_mut(0))
    });
}

#[divan::bench(args = SIZES, max_time = 1)]
fn hessian(bencher: Bencher<'_, '_>, size: Size) {
    let mut batch = Batch::new(size);
    bencher.bench_local(|| batch.hessian());
}

/// Kernel and size, as in peers/neural.py.
type Row = (&'static str, Size);

/// Prints medians and how many times faster than JAX they are.
fn compare(one: &rayon::ThreadPool) {
    let python = std::env::var("SMALE_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_string());
    for threads in [1, 0] {
        let mut ours: BTreeMap<Row, Vec<f64>> = BTreeMap::new();
        let mut theirs: BTreeMap<Row, Vec<f64>> = BTreeMap::new();
        // In turns, so that a machine that is busy is busy for both.
        for _ in 0..TURNS {
            for size in SIZES {
                let mut batch = Batch::new(size);
                let clock = if threads == 1 { cpu_seconds } else { seconds };
                let mut measure =
                    || [milliseconds(clock, || batch.products()), milliseconds(clock, || batch.hessian())];
                let [products, hessian] = if threads == 1 { one.install(&mut measure) } else { measure() };
                ours.entry(("products", size)).or_default().push(products);
                ours.entry(("hessian", size)).or_default().push(hessian);
            }
            for line in jax(&python, threads) {
                for row in ours.keys() {
                    if row.0 == line.kernel && row.1 == (Size { dim: line.dim, width: line.width }) {
                        theirs.entry(*row).or_default().push(line.milliseconds);
                    }
                }
            }
        }
        let on = if threads == 1 { "one thread, CPU time" } else { "all processors, wall-clock" };
        println!("\n{on}, milliseconds, median of {TURNS} turns");
        println!("{:10} {:>12} {:>10} {:>10} {:>10}", "kernel", "size", "smale", "JAX", "JAX/smale");
        for ((kernel, size), times) in &ours {
            let own = median(times);
            let (jax, ratio) = match theirs.get(&(*kernel, *size)) {
                Some(times) => (format!("{:.4}", median(times)), format!("{:.2}", median(times) / own)),
                None => ("-".to_string(), "-".to_string()),
            };
            println!("{kernel:10} {:>12} {own:>10.4} {jax:>10} {ratio:>10}", size.to_string());
        }
        if theirs.is_empty() {
            println!("no comparison: {python} has no jax (SMALE_BENCH_PYTHON names another interpreter)");
            return;
        }
    }
}

/// A line of peers/neural.py.
#[derive(serde::Deserialize)]
struct Line {
    kernel: String,
    dim: usize,
    width: usize,
    milliseconds: f64,
}

/// JAX's times; none if it is not there.
fn jax(python: &str, threads: usize) -> Vec<Line> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/neural.py");
    let threads = threads.to_string();
    let output = Command::new(python).args([script, "--repeats", "5", "--threads", &threads]).output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Milliseconds of a call: the median of five batches of at least 30 ms.
fn milliseconds(clock: fn() -> f64, mut call: impl FnMut()) -> f64 {
    call();
    let start = clock();
    call();
    let inner = (0.03 / (clock() - start).max(1e-6)) as usize + 1;
    let times: Vec<f64> = (0..5)
        .map(|_| {
            let start = clock();
            (0..inner).for_each(|_| call());
            1e3 * (clock() - start) / inner as f64
        })
        .collect();
    median(&times)
}

/// Seconds since the first call.
fn seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}
