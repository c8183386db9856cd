//! Whole searches and whole graphs, one thread. An `item` is a critical point found (`points`, `saddle_of_two`) or an
//! orbit's end found (`graph`), so the rate is what a user gets for a second.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::sync::OnceLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use faer::Mat;
use smale::Control;
use smale::connection::{self, connect};
use smale::critical::{self, CriticalSet, search};
use smale::data;
use smale::landscape::Landscape;
use smale::landscape::mixture::{Mixture, Noise};

/// Landscapes that `points` and `graph` run on: two with known answers (tests/cases), and three hundred digits.
const PROBLEMS: [&str; 3] = ["planar-k30-s35", "twenty-0", "digits-300"];

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(divan::main);
}

#[divan::bench(args = PROBLEMS, sample_count = 9, sample_size = 1, max_time = 20)]
fn points(bencher: Bencher<'_, '_>, name: &str) {
    let problem = problem(name);
    let found = problem.set().points.len();
    bencher.counter(ItemsCount::new(found)).bench_local(|| problem.find());
}

#[divan::bench(args = PROBLEMS, sample_count = 9, sample_size = 1, max_time = 20)]
fn graph(bencher: Bencher<'_, '_>, name: &str) {
    let problem = problem(name);
    let set = problem.set();
    let run = || connect(&*problem.landscape, set, &connection::Options::default(), &Control::quiet());
    let ends = run().connections.len();
    bencher.counter(ItemsCount::new(ends)).bench_local(run);
}

/// Two memories in n dimensions at half the noise at which their minima merge: the least there is to search.
#[divan::bench(args = [2, 20, 64], max_time = 2)]
fn saddle_of_two(bencher: Bencher<'_, '_>, n: usize) {
    // Off the axes and weighted, so that the saddle is nowhere given away.
    let data = Mat::from_fn(n, 2, |i, k| if k == 0 { (i as f64).sin() } else { (i as f64).cos() });
    let half: f64 = 0.5 * (0..n).map(|i| (data[(i, 0)] - data[(i, 1)]).powi(2)).sum::<f64>().sqrt();
    let noise = Noise::Fixed { a: 1.0, sigma: 0.5 * half };
    let mixture = Mixture::new(data, vec![1.0, 1.2], noise, 0.0).expect("a valid mixture");
    let options = critical::Options { max_index: Some(1), ..Default::default() };
    let find = || search(&mixture, None, &options, &Control::quiet()).expect("a region of its own");
    assert_eq!(find().counts(), [2, 1]);
    bencher.counter(ItemsCount::new(3_usize)).bench_local(find);
}

struct Problem {
    landscape: Box<dyn Landscape>,
    /// The counts that must come out, where they are known.
    counts: Option<Vec<usize>>,
    set: OnceLock<CriticalSet>,
}

impl Problem {
    fn find(&self) -> CriticalSet {
        let options = critical::Options { seed: 1, ..Default::default() };
        search(&*self.landscape, None, &options, &Control::quiet()).expect("a region of its own")
    }

    /// Its critical points, found once.
    fn set(&self) -> &CriticalSet {
        self.set.get_or_init(|| {
            let set = self.find();
            if let Some(counts) = &self.counts {
                assert_eq!(&set.counts(), counts, "the bench would time a wrong answer");
            }
            set
        })
    }
}

fn problem(name: &str) -> &'static Problem {
    static ALL: OnceLock<Vec<Problem>> = OnceLock::new();
    let all = ALL.get_or_init(|| PROBLEMS.iter().map(|name| load(name)).collect());
    let place = PROBLEMS.iter().position(|p| *p == name).expect("one of the list");
    &all[place]
}

fn load(name: &str) -> Problem {
    if name == "digits-300" {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/digits-300.npy");
        let table = data::read(&path).expect("data/digits-300.npy is there");
        let digits = Mat::from_fn(table.columns, table.rows(), |i, k| table.values[k * table.columns + i]);
        let noise = Noise::Fixed { a: 1.0, sigma: 0.45 };
        let mixture = Mixture::new(digits, vec![1.0; table.rows()], noise, 0.0).expect("a valid mixture");
        return Problem { landscape: Box::new(mixture), counts: None, set: OnceLock::new() };
    }
    let case = common::cases(name).into_iter().next().expect("one case");
    Problem { landscape: case.landscape, counts: Some(case.counts), set: OnceLock::new() }
}
