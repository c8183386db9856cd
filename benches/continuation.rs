//! Branches with their folds, one thread, from starting points that are given.
//!
//! `cargo bench --bench continuation` prints divan's times, then a table beside AUTO and bice in CPU time
//! (`peers/continuation.py`, with the interpreter that `SMALE_BENCH_PYTHON` names), measured in turns within the run. With a
//! filter only divan's part runs.

#[path = "shared/clock.rs"]
mod clock;
#[path = "shared/median.rs"]
mod median;

use std::process::Command;
use std::time::Instant;

use divan::Bencher;
use faer::Mat;
use smale::Control;
use smale::continuation::{Diagram, EventKind, Options, follow};
use smale::landscape::Family;
use smale::landscape::formula::Formula;
use smale::landscape::mixture::{Mixture, Noise};

use clock::cpu_seconds;
use median::median;

/// As `peers/continuation.py` knows them, and who else is timed on them: where AUTO is left out it takes minutes.
const PROBLEMS: [(&str, &[&str]); 4] = [
    ("s-curve", &["auto"]),
    ("eight-points", &["auto"]),
    ("bratu-200", &["auto", "bice"]),
    ("bratu-1000", &["bice"]),
];
/// Turns of the comparison; medians over them are shown.
const TURNS: usize = 5;

/// B of the comparison: centres of equal Gaussians.
const EIGHT: [[f64; 2]; 8] = [
    [0.00123, 0.298746],
    [-0.274138, -0.890592],
    [-0.454671, -0.991647],
    [0.060144, 1.340215],
    [-0.492207, -0.620475],
    [0.489842, 0.356887],
    [0.105414, -0.930468],
    [-0.029252, 0.695303],
];

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(divan::main);
    if std::env::args().skip(1).all(|argument| argument == "--bench") {
        pool.install(compare);
    }
}

#[divan::bench(args = PROBLEMS.map(|(name, _)| name), max_time = 3)]
fn branches(bencher: Bencher<'_, '_>, name: &str) {
    let problem = Problem::new(name);
    bencher.bench_local(|| problem.run());
}

struct Problem {
    family: Box<dyn Family>,
    parameter: &'static str,
    starts: Vec<(f64, Vec<f64>)>,
    options: Options,
    /// Where the folds are.
    folds: Vec<f64>,
}

impl Problem {
    fn new(name: &str) -> Self {
        match name {
            "s-curve" => Problem {
                family: formula(1, "x^4/4 - x^2/2 + p*x", &[("p", 0.0)]),
                parameter: "p",
                starts: vec![(-1.0, vec![1.324_717_957_244_746])],
                options: Options { prove: false, ..Options::new(-1.0, 1.0) },
                folds: [-1.0, 1.0].map(|sign| sign * 2.0 / 27.0_f64.sqrt()).to_vec(),
            },
            "eight-points" => {
                let data = Mat::from_fn(2, 8, |i, k| EIGHT[k][i]);
                let noise = Noise::Fixed { a: 1.0, sigma: 0.3 };
                Problem {
                    family: Box::new(Mixture::new(data, vec![1.0; 8], noise, 0.0).expect("a valid mixture")),
                    parameter: "sigma",
                    starts: EIGHT.map(|point| (0.08, point.to_vec())).to_vec(),
                    options: Options { prove: false, ..Options::new(0.08, 1.0) },
                    // AUTO-07p.
                    folds: vec![
                        0.10250882683,
                        0.14019265399,
                        0.17053531802,
                        0.18990461662,
                        0.21508080235,
                        0.29545133900,
                        0.61643726434,
                    ],
                }
            }
            _ => {
                let n: usize = name.trim_start_matches("bratu-").parse().expect("a dimension");
                let energy = format!(
                    "(x[0]^2 + x[{0}]^2 + sum(i, 0, {1}, (x[i+1] - x[i])^2))/(2*h)
                     - h*lambda*sum(i, 0, {0}, exp(x[i]))",
                    n - 1,
                    n - 2
                );
                let h = 1.0 / (n as f64 + 1.0);
                Problem {
                    family: formula(n, &energy, &[("lambda", 0.5), ("h", h)]),
                    parameter: "lambda",
                    starts: vec![(0.5, vec![0.0; n])],
                    options: Options { prove: false, ..Options::new(0.5, 4.0) },
                    // Of the discrete problem with 200 by AUTO-07p; with n = 1000 from the recurrence by shooting.
                    folds: vec![if n == 200 { 3.51378547 } else { 3.5138288947 }],
                }
            }
        }
    }

    fn run(&self) -> Diagram {
        let answer = follow(&*self.family, self.parameter, &self.starts, &self.options, &Control::quiet())
            .expect("a diagram");
        let right = answer.events.len() == self.folds.len()
            && answer.events.iter().zip(&self.folds).all(|(event, known)| {
                event.kind == EventKind::Fold && (event.parameter - known).abs() < 1e-8
            });
        assert!(right, "the bench would time a wrong answer");
        answer
    }
}

fn formula(dim: usize, energy: &str, parameters: &[(&str, f64)]) -> Box<dyn Family> {
    let parameters: Vec<(String, f64)> = parameters.iter().map(|(n, v)| (n.to_string(), *v)).collect();
    Box::new(Formula::new(dim, energy, &parameters, &[], None).expect("a valid formula"))
}

/// Prints CPU times beside those of the others.
fn compare() {
    let python = std::env::var("SMALE_BENCH_PYTHON").unwrap_or_else(|_| "python3".to_string());
    println!(
        "\n{:<14} {:>8} {:>10} {:>8} {:>10} {:>14} {:>10} {:>14}",
        "", "points", "smale / s", "other", "other / s", "other / smale", "folds", "farthest off"
    );
    for (name, tools) in PROBLEMS {
        let problem = Problem::new(name);
        let mut ours = Vec::new();
        let mut theirs: Vec<Vec<Run>> = tools.iter().map(|_| vec![]).collect();
        let mut points = 0;
        for _ in 0..TURNS {
            let start = Instant::now();
            let mut rounds = 0;
            let begin = cpu_seconds();
            while rounds == 0 || start.elapsed().as_secs_f64() < 0.2 {
                points = problem.run().branches.iter().map(|b| b.points.len()).sum();
                rounds += 1;
            }
            ours.push((cpu_seconds() - begin) / f64::from(rounds));
            for (tool, runs) in tools.iter().zip(&mut theirs) {
                runs.extend(other(&python, tool, name));
            }
        }
        let ours = median(&ours);
        for (tool, runs) in tools.iter().zip(&theirs) {
            let Some(first) = runs.first() else {
                println!("{name:<14} {points:>8} {ours:>10.5} {tool:>8} {:>10}", "-");
                continue;
            };
            let seconds = median(&runs.iter().map(|run| run.seconds).collect::<Vec<f64>>());
            // Of each of the known folds from the nearest that was found.
            let off = problem.folds.iter().map(|known| {
                first.folds.iter().map(|found| (found - known).abs()).fold(f64::INFINITY, f64::min)
            });
            let off: Vec<f64> = off.filter(|off| *off < 1e-2).collect();
            let found = format!("{} of {}", off.len(), problem.folds.len());
            let farthest = off.iter().copied().fold(0.0, f64::max);
            println!(
                "{name:<14} {points:>8} {ours:>10.5} {tool:>8} {seconds:>10.5} {:>14.1} {found:>10} {farthest:>14.0e}",
                seconds / ours
            );
        }
    }
}

/// What another program came to.
struct Run {
    seconds: f64,
    folds: Vec<f64>,
}

/// Runs another program; `None` if it is not installed or fails.
fn other(python: &str, tool: &str, name: &str) -> Option<Run> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/continuation.py");
    let output = Command::new(python).args([script, tool, name]).output().ok()?;
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let folds = line["folds"].as_array()?.iter().filter_map(serde_json::Value::as_f64).collect();
    Some(Run { seconds: line["seconds"].as_f64()?, folds })
}
