//! The kernels of `mixture`, one thread: energies with gradients and Hessian-vector products at 256 points, single
//! gradients and Hessians, and the softmax alone.
//!
//! `cargo bench --bench kernels` prints divan's times (a `Gitem` is 1e9 floating-point operations of the matrix
//! products, or 1e9 exponentials), then a table of rates beside the machine's matrix product and numpy, JAX and PyTorch,
//! measured in turns within the run, and one of gradients at a noise at which nearly all weights vanish beside those at a noise
//! at which few do. With a filter only divan's part runs.

#[path = "shared/clock.rs"]
mod clock;
#[path = "shared/median.rs"]
mod median;

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::process::Command;

use divan::Bencher;
use divan::counter::ItemsCount;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::{Landscape, Linearization};

use clock::cpu_seconds;
use median::median;

/// Points of a batch.
const POINTS: usize = 256;
/// Order of the square matrices whose product is the yardstick.
const PRODUCT: usize = 1024;
/// Turns of the comparison; medians over them are shown.
const TURNS: usize = 3;

/// Dimension and number of memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Size {
    dim: usize,
    memories: usize,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.dim, self.memories)
    }
}

const SMALL: Size = Size { dim: 2, memories: 30 };
const MIDDLE: Size = Size { dim: 64, memories: 1797 };
const LARGE: Size = Size { dim: 784, memories: 10_000 };
const TWENTY: Size = Size { dim: 20, memories: 50 };
const BATCHES: [Size; 4] = [SMALL, TWENTY, MIDDLE, LARGE];
const SINGLE: [Size; 5] = [SMALL, TWENTY, Size { dim: 64, memories: 300 }, MIDDLE, LARGE];

impl Size {
    /// Data N(0, I), at a noise that lets several memories share each point (as in peers/kernels.py).
    fn mixture(self) -> Mixture {
        let sigma = 0.35 * (self.dim as f64 / 2.0).sqrt();
        let data = normal(self.dim, self.memories, 0);
        let noise = Noise::Fixed { a: 1.0, sigma };
        Mixture::new(data, vec![1.0; self.memories], noise, 0.0).expect("a valid mixture")
    }

    /// Operations of the two matrix products that a gradient or a Hessian-vector product at each of `points` takes.
    fn flops(self, points: usize) -> usize {
        4 * self.dim * self.memories * points
    }

    /// Operations of the symmetric products of a Hessian at each point of a batch.
    fn hessian_flops(self) -> usize {
        self.dim * (self.dim + 1) * self.memories * POINTS
    }
}

fn normal(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(rows, columns, |_, _| StandardNormal.sample(&mut rng))
}

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(|| {
        divan::main();
        // Without --bench this is a test run, with more there is a filter or an option of divan's.
        if std::env::args().skip(1).eq(["--bench".to_string()]) {
            compare();
            narrow();
        }
    });
}

#[divan::bench(args = BATCHES, max_time = 3)]
fn gradient_batch(bencher: Bencher<'_, '_>, size: Size) {
    let mut batch = Batch::new(size);
    bencher.counter(ItemsCount::new(size.flops(POINTS))).bench_local(|| batch.gradient());
}

#[divan::bench(args = BATCHES, max_time = 3)]
fn hessian_vector_batch(bencher: Bencher<'_, '_>, size: Size) {
    let mut batch = Batch::new(size);
    let mixture = size.mixture();
    let linear = mixture.linearize(batch.points.as_ref());
    bencher.counter(ItemsCount::new(size.flops(POINTS))).bench_local(|| batch.hessian_vector(&*linear));
}

#[divan::bench(args = SINGLE, max_time = 1)]
fn gradient(bencher: Bencher<'_, '_>, size: Size) {
    let mixture = size.mixture();
    let x = normal(size.dim, 1, 1);
    let mut g = vec![0.0; size.dim];
    let counter = ItemsCount::new(size.flops(1));
    bencher.counter(counter).bench_local(|| mixture.gradient(black_box(x.col_as_slice(0)), &mut g));
}

#[divan::bench(args = SINGLE, max_time = 2)]
fn hessian(bencher: Bencher<'_, '_>, size: Size) {
    let mixture = size.mixture();
    let x = normal(size.dim, 1, 1);
    let mut h = Mat::zeros(size.dim, size.dim);
    // The symmetric product alone.
    let counter = ItemsCount::new(size.dim * (size.dim + 1) * size.memories);
    bencher.counter(counter).bench_local(|| mixture.hessian(black_box(x.col_as_slice(0)), h.as_mut()));
}

/// A Hessian frozen at one point and applied once, as an inner iteration does.
#[divan::bench(args = SINGLE, max_time = 1)]
fn hessian_vector(bencher: Bencher<'_, '_>, size: Size) {
    let mixture = size.mixture();
    let (x, v) = (normal(size.dim, 1, 1), normal(size.dim, 1, 2));
    let linear = mixture.linearize(x.as_ref());
    let mut out = Mat::zeros(size.dim, 1);
    let counter = ItemsCount::new(size.flops(1));
    bencher.counter(counter).bench_local(|| linear.apply(black_box(v.as_ref()), out.as_mut()));
}

/// In one dimension the exponentials and their sums are nearly all the work.
#[divan::bench(max_time = 1)]
fn softmax(bencher: Bencher<'_, '_>) {
    let mut batch = Batch::new(SOFTMAX);
    bencher.counter(ItemsCount::new(SOFTMAX.memories * POINTS)).bench_local(|| batch.gradient());
}

const SOFTMAX: Size = Size { dim: 1, memories: 4096 };

/// Everything a batch of 256 points needs.
struct Batch {
    mixture: Mixture,
    points: Mat<f64>,
    vectors: Mat<f64>,
    energies: Vec<f64>,
    out: Mat<f64>,
}

impl Batch {
    fn new(size: Size) -> Self {
        Batch {
            mixture: size.mixture(),
            points: normal(size.dim, POINTS, 1),
            vectors: normal(size.dim, POINTS, 2),
            energies: vec![0.0; POINTS],
            out: Mat::zeros(size.dim, POINTS),
        }
    }

    fn gradient(&mut self) {
        self.mixture.gradients(black_box(self.points.as_ref()), &mut self.energies, self.out.as_mut());
    }

    fn hessian_vector(&mut self, linear: &dyn Linearization) {
        linear.apply(black_box(self.vectors.as_ref()), self.out.as_mut());
    }
}

/// What is compared: the kernel's name in peers/kernels.py and its size.
type Row = (&'static str, Size);

/// Prints the rates of the batches beside what the machine could do and what other programs do.
fn compare() {
    let python = Python::find();
    let mut ours: BTreeMap<Row, Vec<f64>> = BTreeMap::new();
    let mut theirs: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let (mut product, mut exponentials) = (vec![], vec![]);
    let (a, b) = (normal(PRODUCT, PRODUCT, 3), normal(PRODUCT, PRODUCT, 4));
    let mut c = Mat::zeros(PRODUCT, PRODUCT);
    let mut batches: Vec<Batch> = BATCHES.map(Batch::new).into();
    let mut softmax = Batch::new(SOFTMAX);
    // In turns, so that a machine that is busy is busy for all of them.
    for _ in 0..TURNS {
        product.push(rate(2 * PRODUCT.pow(3), || {
            matmul(c.as_mut(), Accum::Replace, a.as_ref(), b.as_ref(), 1.0, Par::Seq);
        }));
        exponentials.push(rate(SOFTMAX.memories * POINTS, || softmax.gradient()));
        for (size, batch) in BATCHES.iter().zip(&mut batches) {
            let flops = size.flops(POINTS);
            ours.entry(("gradient", *size)).or_default().push(rate(flops, || batch.gradient()));
            let mixture = batch.mixture.clone();
            let linear = mixture.linearize(batch.points.as_ref());
            let products = rate(flops, || batch.hessian_vector(&*linear));
            ours.entry(("hessian_vector", *size)).or_default().push(products);
            if *size == MIDDLE {
                let mut h = Mat::zeros(size.dim, size.dim);
                let hessians = rate(size.hessian_flops(), || {
                    for j in 0..POINTS {
                        mixture.hessian(black_box(batch.points.col_as_slice(j)), h.as_mut());
                    }
                });
                ours.entry(("hessian", *size)).or_default().push(hessians);
            }
        }
        if let Ok(python) = &python {
            for line in python.kernels() {
                let name = match line.kernel.as_str() {
                    "product" | "exp" => line.kernel,
                    kernel => format!("{kernel} {} x {}", line.dim, line.memories),
                };
                // Of Hessians nobody else makes use of the symmetry: rates there are evaluations' by our count.
                let rate = if name.starts_with("hessian_jax") {
                    1e-6 * MIDDLE.hessian_flops() as f64 / line.milliseconds
                } else {
                    line.gflops
                };
                theirs.entry(name).or_default().push(rate);
            }
        }
    }
    let other = |name: &str| theirs.get(name).map(|rates| median(rates)).filter(|rate| *rate > 0.0);
    let shown = |rate: Option<f64>| rate.map_or("-".to_string(), |rate| format!("{rate:.2}"));
    let (faer, own) = (median(&product), median(&exponentials));
    println!("\n{POINTS} points, one thread, CPU time, median of {TURNS} turns");
    println!("matrix product {PRODUCT}^3, GF/s: {faer:.1} (faer), {} (numpy)", shown(other("product")));
    println!("exponentials, 1e9/s: {own:.2} (softmax, sums included), {} (numpy)", shown(other("exp")));
    let top = other("product").map_or(faer, |numpy| numpy.max(faer));
    let exp = other("exp").map_or(own, |numpy| numpy.max(own));
    println!("floor: the two products at {top:.1} GF/s, for gradients exponentials at {exp:.2}e9/s as well");
    println!(
        "{:16} {:>12} {:>8} {:>12} {:>10} {:>12} {:>12} {:>14}",
        "kernel", "size", "GF/s", "of product", "of floor", "times numpy", "times JAX", "times PyTorch"
    );
    for ((kernel, size), rates) in &ours {
        let own = median(rates);
        // Nanoseconds an operation that counts.
        let exponentials = if *kernel == "gradient" { 1.0 / (4.0 * size.dim as f64 * exp) } else { 0.0 };
        let floor = 1.0 / (1.0 / top + exponentials);
        let ratio = |suffix: &str| shown(other(&format!("{kernel}{suffix} {size}")).map(|rate| own / rate));
        println!(
            "{kernel:16} {:>12} {own:>8.2} {:>12.2} {:>10.2} {:>12} {:>12} {:>14}",
            size.to_string(),
            own / top,
            own / floor,
            ratio(""),
            ratio("_jax"),
            ratio("_torch")
        );
    }
    if let Err(reason) = python {
        println!("no comparison with other programs: {reason}");
    }
}

/// Where few of the data matter.
struct Narrow {
    size: Size,
    /// Data in groups of fifty, or N(0, I).
    grouped: bool,
    sigma: f64,
    /// Points are so far from a datum, times N(0, I); or N(0, I) themselves.
    away: Option<f64>,
}

const NARROW: [Narrow; 9] = [
    Narrow { size: Size { dim: 64, memories: 1797 }, grouped: false, sigma: 0.35, away: Some(0.035) },
    Narrow { size: Size { dim: 64, memories: 2_500 }, grouped: true, sigma: 0.1, away: Some(0.1) },
    Narrow { size: Size { dim: 64, memories: 10_000 }, grouped: true, sigma: 0.1, away: Some(0.1) },
    Narrow { size: Size { dim: 64, memories: 40_000 }, grouped: true, sigma: 0.1, away: Some(0.1) },
    Narrow { size: Size { dim: 784, memories: 10_000 }, grouped: true, sigma: 0.1, away: Some(0.1) },
    Narrow { size: Size { dim: 64, memories: 10_000 }, grouped: false, sigma: 0.35, away: Some(0.035) },
    Narrow { size: Size { dim: 784, memories: 10_000 }, grouped: false, sigma: 1.0, away: Some(0.1) },
    Narrow { size: Size { dim: 64, memories: 10_000 }, grouped: false, sigma: 0.35, away: None },
    Narrow { size: Size { dim: 784, memories: 10_000 }, grouped: false, sigma: 1.0, away: Some(1.0) },
];

/// Gradients and Hessian-vector products where a few of the data matter, beside those of as many data that all do: what grows
/// with the data and what does not.
fn narrow() {
    println!("\n{POINTS} points, one thread, microseconds of CPU time a point: all data matter, and few do");
    println!(
        "{:>12} {:>8} {:>6} {:>6} {:>10} {:>10} {:>8} {:>10} {:>10} {:>8}",
        "size", "data", "sigma", "away", "gradient", "narrow", "ratio", "product", "narrow", "ratio"
    );
    for Narrow { size, grouped, sigma, away } in NARROW {
        let (centres, within) = (normal(size.dim, size.memories / 50, 5), normal(size.dim, size.memories, 6));
        let data = Mat::from_fn(size.dim, size.memories, |i, k| match grouped {
            true => centres[(i, k % centres.ncols())] + 0.1 * within[(i, k)],
            false => within[(i, k)],
        });
        let noise = normal(size.dim, POINTS, 7);
        let points = Mat::from_fn(size.dim, POINTS, |i, j| match away {
            Some(away) => data[(i, j * 7919 % size.memories)] + away * noise[(i, j)],
            None => noise[(i, j)],
        });
        let times = [0.35 * (size.dim as f64 / 2.0).sqrt(), sigma].map(|sigma| {
            let weights = vec![1.0; size.memories];
            let noise_scale = Noise::Fixed { a: 1.0, sigma };
            let mixture = Mixture::new(data.clone(), weights, noise_scale, 0.0).expect("a valid mixture");
            let (mut energies, mut out) = (vec![0.0; POINTS], Mat::zeros(size.dim, POINTS));
            let gradient =
                1.0 / rate(POINTS, || mixture.gradients(points.as_ref(), &mut energies, out.as_mut()));
            let linear = mixture.linearize(points.as_ref());
            let product = 1.0 / rate(POINTS, || linear.apply(noise.as_ref(), out.as_mut()));
            // Nanoseconds an evaluation.
            (1e-3 * gradient, 1e-3 * product)
        });
        let [(gradient, product), (narrow, narrow_product)] = times;
        println!(
            "{:>12} {:>8} {sigma:>6} {:>6} {gradient:>10.1} {narrow:>10.2} {:>8.1} {product:>10.1} {narrow_product:>10.2} {:>8.1}",
            size.to_string(),
            if grouped { "groups" } else { "N(0, I)" },
            away.map_or("N".to_string(), |away| away.to_string()),
            gradient / narrow,
            product / narrow_product
        );
    }
}

/// 1e9 operations a second of CPU time, over at least a tenth of a second.
fn rate(flops: usize, mut call: impl FnMut()) -> f64 {
    call();
    let start = cpu_seconds();
    let mut calls = 0;
    loop {
        call();
        calls += 1;
        let spent = cpu_seconds() - start;
        if spent > 0.1 {
            return 1e-9 * (flops * calls) as f64 / spent;
        }
    }
}

/// An interpreter that has numpy.
struct Python(String);

/// A line of peers/kernels.py; the product has no dimension.
#[derive(serde::Deserialize)]
struct Line {
    kernel: String,
    #[serde(default)]
    dim: usize,
    #[serde(default)]
    memories: usize,
    milliseconds: f64,
    gflops: f64,
}

impl Python {
    /// The interpreter that SMALE_BENCH_PYTHON names, or else `python3`, if it has numpy; why not otherwise.
    fn find() -> Result<Python, String> {
        let name = std::env::var("SMALE_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_string());
        let output = Command::new(&name).args(["-c", "import numpy"]).output();
        match output {
            Ok(output) if output.status.success() => Ok(Python(name)),
            Ok(_) => Err(format!("{name} has no numpy (SMALE_BENCH_PYTHON names another interpreter)")),
            Err(error) => Err(format!("{name}: {error} (SMALE_BENCH_PYTHON names another interpreter)")),
        }
    }

    fn kernels(&self) -> Vec<Line> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/kernels.py");
        let output =
            Command::new(&self.0).args([script, "--repeats", "3", "--all"]).output().expect("it ran before");
        let lines = String::from_utf8_lossy(&output.stdout);
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}
