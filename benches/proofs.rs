//! Complete proofs: all critical points of landscapes in a box by branch and prune, one thread. An `item` is a point.
//!
//! `cargo bench --bench proofs` prints divan's times, then a table beside codac in CPU time (`peers/prove.py`, with the
//! interpreter that `SMALE_BENCH_PYTHON` names), measured in turns within the run. With a filter only divan's part runs.

#[path = "../tests/common/mod.rs"]
mod common;

#[path = "shared/clock.rs"]
mod clock;
#[path = "shared/median.rs"]
mod median;

use std::process::Command;
use std::time::Instant;

use divan::Bencher;
use divan::counter::ItemsCount;
use smale::landscape::formula::Formula;
use smale::landscape::{Enclose, Landscape};
use smale::rigor::Interval;
use smale::rigor::prune::{Limits, Zeros, zeros};

use clock::cpu_seconds;
use median::median;

/// As `peers/prove.py` knows them.
const PROBLEMS: [&str; 6] =
    ["himmelblau", "mueller-brown", "mixture", "styblinski-tang-4", "styblinski-tang-5", "styblinski-tang-6"];
/// Turns of the comparison; medians over them are shown.
const TURNS: usize = 5;

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(divan::main);
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        pool.install(compare);
    }
}

#[divan::bench(args = PROBLEMS, max_time = 3)]
fn complete(bencher: Bencher<'_, '_>, name: &str) {
    let problem = Problem::new(name);
    let enclosed = problem.landscape.enclose().expect("the kind has proofs");
    bencher.counter(ItemsCount::new(problem.count)).bench_local(|| problem.prove(&*enclosed));
}

struct Problem {
    landscape: Box<dyn Landscape>,
    within: Vec<Interval>,
    /// How many points there are.
    count: usize,
}

impl Problem {
    fn new(name: &str) -> Self {
        let formula = |dim: usize, energy: &str| -> Box<dyn Landscape> {
            Box::new(Formula::new(dim, energy, &[], &[], None).expect("a valid formula"))
        };
        if let Some(dim) = name.strip_prefix("styblinski-tang-") {
            let dim: usize = dim.parse().expect("a dimension");
            let landscape = formula(dim, "sum(i, 0, n-1, x[i]^4 - 16*x[i]^2 + 5*x[i]) / 2");
            return Problem {
                landscape,
                within: vec![Interval::new(-5.0, 5.0); dim],
                count: 3_usize.pow(dim as u32),
            };
        }
        match name {
            "himmelblau" => Problem {
                landscape: formula(2, "(x^2 + y - 11)^2 + (x + y^2 - 7)^2"),
                within: vec![Interval::new(-6.0, 6.0); 2],
                count: 9,
            },
            "mueller-brown" => Problem {
                landscape: formula(
                    2,
                    "-200*exp(-(x - 1)^2 - 10*y^2) - 100*exp(-x^2 - 10*(y - 0.5)^2)
                     - 170*exp(-6.5*(x + 0.5)^2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2)
                     + 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2)",
                ),
                within: vec![Interval::new(-1.8, 1.3), Interval::new(-0.6, 2.3)],
                count: 5,
            },
            _ => {
                let case = common::cases("planar-k30-s35").into_iter().next().expect("one case");
                // All its points lie in the convex hull of its data.
                let within = vec![Interval::new(-3.0, 3.0); 2];
                Problem { landscape: case.landscape, within, count: case.points.len() }
            }
        }
    }

    fn prove(&self, enclosed: &dyn Enclose) -> Zeros {
        let found = zeros(&*enclosed.system(), &self.within, &Limits::default(), &|| false);
        assert!(
            found.is_complete() && found.found.len() == self.count,
            "the bench would time a wrong answer"
        );
        found
    }
}

/// Prints CPU times beside codac's, and what a second thread is worth: its wall-clock beside codac's CPU time, as codac has no
/// threads.
fn compare() {
    let python = std::env::var("SMALE_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let two = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
    println!(
        "\n{:<20} {:>8} {:>12} {:>12} {:>14} {:>12} {:>14}",
        "", "boxes", "smale / s", "codac / s", "codac / smale", "two threads", "codac / two"
    );
    for name in PROBLEMS {
        let problem = Problem::new(name);
        let enclosed = problem.landscape.enclose().expect("the kind has proofs");
        let (mut ours, mut theirs, mut both) = (Vec::new(), Vec::new(), Vec::new());
        let mut boxes = 0;
        for _ in 0..TURNS {
            let start = Instant::now();
            let mut rounds = 0;
            let begin = cpu_seconds();
            while rounds == 0 || start.elapsed().as_secs_f64() < 0.05 {
                boxes = problem.prove(&*enclosed).boxes;
                rounds += 1;
            }
            ours.push((cpu_seconds() - begin) / f64::from(rounds));
            theirs.extend(codac(&python, name, problem.count));
            both.push(two.install(|| {
                let (start, mut rounds) = (Instant::now(), 0);
                while rounds == 0 || start.elapsed().as_secs_f64() < 0.05 {
                    problem.prove(&*enclosed);
                    rounds += 1;
                }
                start.elapsed().as_secs_f64() / f64::from(rounds)
            }));
        }
        let (ours, both) = (median(&ours), median(&both));
        if theirs.is_empty() {
            println!("{name:<20} {boxes:>8} {ours:>12.6} {:>12} {:>14} {both:>12.6} {:>14}", "-", "-", "-");
        } else {
            let theirs = median(&theirs);
            println!(
                "{name:<20} {boxes:>8} {ours:>12.6} {theirs:>12.6} {:>14.0} {both:>12.6} {:>14.0}",
                theirs / ours,
                theirs / both
            );
        }
    }
}

/// codac's CPU seconds; `None` if it is not installed or finds another number of points.
fn codac(python: &str, name: &str, count: usize) -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/prove.py");
    let output = Command::new(python).args([script, name]).output().ok()?;
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    (line["zeros"].as_u64()? == count as u64 && line["undecided"].as_u64()? == 0).then_some(())?;
    line["seconds"].as_f64()
}
