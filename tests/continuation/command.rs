//! `smale continue`: branches, events and pictures of studies whose bifurcations are known by closed forms or from the
//! literature; what it refuses; its determinism.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use smale::Control;
use smale::connection::{MorseSmale, Orbit};
use smale::continuation::{
    Arc, Cause, Cut, Diagram, Interval, Itinerary, Joining, Link, Merger, Node, Options, SplittingTree,
    follow,
};
use smale::critical::Level;
use smale::landscape::formula::Formula;
use smale::study::pipeline::{FILES, Outcome, Part, execute};
use smale::study::{Override, Study};
use tempfile::TempDir;

const FLIP: &str = "energy=x[0]^4+x[1]^4-x[1]^3+2*x[0]^2*x[1]-x[1]^2+K*x[1]+f*x[0]";

fn smale(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smale")).args(arguments).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The flip along K from the command line, with more keys.
fn flip(folder: &TempDir, more: &[&str]) -> Output {
    let mut arguments =
        vec!["continue", "--quiet", "--landscape", "formula", "--out", "r", "--set", "dim=2", "--set", FLIP];
    for set in ["parameters={K=0.75, f=0.0}", "continue.parameter=K", "continue.from=-0.8", "continue.to=2"] {
        arguments.extend(["--set", set]);
    }
    arguments.extend(more);
    smale(folder, &arguments)
}

/// A study of `analyses/` with some keys changed.
fn run(name: &str, sets: &[&str]) -> Outcome {
    shipped(name, sets, Part::Continue)
}

fn shipped(name: &str, sets: &[&str], part: Part) -> Outcome {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("analyses/{name}.toml"));
    let overrides: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
    execute(&Study::read(&path, &overrides).unwrap(), part, &Control::quiet()).unwrap()
}

/// The file of this name.
fn file(outcome: &Outcome, name: &str) -> String {
    let (_, bytes) = outcome.files.iter().find(|(n, _)| n == name).unwrap();
    text(bytes)
}

/// Columns by name, and the rows.
struct Csv {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Csv {
    fn of(text: &str) -> Csv {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let rows = reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
        Csv { header, rows }
    }

    fn column(&self, name: &str) -> Vec<&str> {
        let place = self.header.iter().position(|h| h == name).unwrap();
        self.rows.iter().map(|r| r[place].as_str()).collect()
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.column(name).iter().map(|v| v.parse().unwrap()).collect()
    }

    /// Parameters of the events of a kind.
    fn events(&self, kind: &str, parameter: &str) -> Vec<f64> {
        let kinds = self.column("kind");
        let at = self.numbers(parameter);
        kinds.iter().zip(at).filter(|(k, _)| **k == kind).map(|(_, at)| at).collect()
    }
}

fn near(found: f64, known: f64, tolerance: f64) {
    assert!((found - known).abs() <= tolerance, "{found} against {known}");
}

/// Every check of the summary is passed.
fn passed(summary: &Value) {
    for check in summary["checks"].as_array().unwrap() {
        assert_eq!(check["passed"], true, "{check}");
    }
    assert_eq!(summary["shortfall"], Value::Null);
}

/// Minima among the points of `branches.csv` at an end of the range.
fn minima_at(branches: &Csv, parameter: &str, value: f64) -> usize {
    let at = branches.numbers(parameter);
    branches.column("index").iter().zip(at).filter(|(index, at)| **index == "0" && *at == value).count()
}

/// On x = 0 the flip has 4y^3 - 3y^2 - 2y + K = 0, with a double root where 12y^2 - 6y - 2 = 0.
fn turn(sign: f64) -> f64 {
    let y = (6.0 + sign * 132.0_f64.sqrt()) / 24.0;
    2.0 * y + 3.0 * y * y - 4.0 * y * y * y
}

#[test]
fn the_flip_from_flags_to_files() {
    let folder = tempfile::tempdir().unwrap();
    // On the axis of symmetry an orbit joins two saddles all along: graphs there are another matter.
    let output = flip(&folder, &["--set", "continue.graphs=false"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for part in [
        "3 events",
        "K = -0.2526415",
        "pitchfork-",
        "K = 1.502641",
        "minimum and saddle of index 1",
        "results: r",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join("r").join(name)).unwrap();
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    passed(&summary);
    let names: Vec<&str> = summary["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    for name in ["branches.csv", "events.csv", "bifurcation-diagram.svg", "summary.json"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path().join("r")).unwrap().count(), names.len());
    let continuation = &summary["continuation"];
    assert_eq!((&continuation["parameter"], &continuation["unexplained"]), (&"K".into(), &0.into()));
    assert_eq!(continuation["events"]["fold"], 2);
    assert_eq!(continuation["levels"]["events"], "checked");

    let events = Csv::of(&read("events.csv"));
    assert_eq!(events.header[..5], ["kind", "K", "error", "energy", "x0"]);
    let folds = events.events("fold", "K");
    assert_eq!((folds.len(), events.rows.len()), (2, 3));
    near(folds[0], turn(-1.0), 1e-12);
    near(folds[1], turn(1.0), 1e-12);
    let pitchfork = events.column("kind").iter().position(|k| k.starts_with("pitchfork")).unwrap();
    near(events.numbers("K")[pitchfork], 0.0, 1e-12);
    assert_eq!(events.column("branches")[pitchfork].split(' ').count(), 2);

    // Points are critical by the derivative written out, and only events are without an index.
    let branches = Csv::of(&read("branches.csv"));
    assert_eq!(branches.header, ["branch", "step", "K", "energy", "index", "lambda_min", "x0", "x1"]);
    let columns = ["K", "energy", "x0", "x1"].map(|name| branches.numbers(name));
    let mut without = 0;
    for (k, index) in branches.column("index").iter().enumerate() {
        let [p, energy, x, y] = [0, 1, 2, 3].map(|c: usize| columns[c][k]);
        near(4.0 * x * (x * x + y), 0.0, 1e-9);
        near(4.0 * y.powi(3) - 3.0 * y * y + 2.0 * x * x - 2.0 * y + p, 0.0, 1e-9);
        near(energy, x.powi(4) + y.powi(4) - y.powi(3) + 2.0 * x * x * y - y * y + p * y, 1e-12);
        let (xx, xy, yy) = (12.0 * x * x + 4.0 * y, 4.0 * x, 12.0 * y * y - 6.0 * y - 2.0);
        let root = (0.25 * (xx - yy).powi(2) + xy * xy).sqrt();
        let eigenvalues = [0.5 * (xx + yy) - root, 0.5 * (xx + yy) + root];
        match index.parse::<usize>() {
            Ok(index) => assert_eq!(eigenvalues.iter().filter(|v| **v < 0.0).count(), index),
            Err(_) => {
                without += 1;
                near(eigenvalues[0].abs().min(eigenvalues[1].abs()), 0.0, 1e-6);
            }
        }
    }
    // Each fold once, the pitchfork from both its branches.
    assert_eq!(without, 4);
    // Above K = 1.5026 two minima are left, below 0 there are three (minima at (+-x, -x^2) and one on the axis).
    assert_eq!([minima_at(&branches, "K", 2.0), minima_at(&branches, "K", -0.8)], [2, 3]);
    let drawing = read("bifurcation-diagram.svg");
    assert!(["2 folds", "minima", "maxima", "energy"].iter().all(|t| drawing.contains(t)));
    assert!(!drawing.contains("NaN") && !read("branches.csv").contains("NaN"));
}

#[test]
fn a_broken_flip_has_folds_only() {
    // Without the symmetry nothing but folds is left.
    let folder = tempfile::tempdir().unwrap();
    let output = flip(&folder, &["--set", "f=0.1", "--set", "continue.ordinate=x[0]", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    passed(&summary);
    let events = summary["continuation"]["events"].as_object().unwrap();
    assert!(events.keys().all(|kind| kind == "fold"), "{events:?}");
    assert!(
        std::fs::read_to_string(folder.path().join("r/bifurcation-diagram.svg")).unwrap().contains("x[0]")
    );
}

#[test]
fn the_same_bytes_on_any_number_of_threads_and_either_way() {
    let folder = tempfile::tempdir().unwrap();
    let files = |threads: &str| {
        assert_eq!(flip(&folder, &["--set", "f=0.1", "--threads", threads]).status.code(), Some(0));
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder.path().join("r"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let one = files("1");
    assert!(one.len() >= 4 && one == files("2"));
    let backwards =
        ["--set", "continue.from=2", "--set", "continue.to=-0.8", "--set", "continue.graphs=false"];
    flip(&folder, &backwards);
    let events = Csv::of(&std::fs::read_to_string(folder.path().join("r/events.csv")).unwrap());
    near(events.events("fold", "K")[1], turn(1.0), 1e-12);
}

#[test]
fn bad_keys_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    write("points.csv", "1,0\n-1,0\n");
    let head = "[landscape]\nkind = \"mixture\"\ndata = \"points.csv\"\nsigma = 0.5\n";
    let good = "[continue]\nparameter = \"sigma\"\nfrom = 0.3\nto = 2\n";
    let cases: [(String, &[&str]); 17] = [
        (String::new(), &["[continue]", "parameter = \"sigma\"", "from"]),
        ("[continue]\n".into(), &["bad.toml:5:1", "`parameter` is missing"]),
        ("[continue]\nparameter = \"sigma\"\nto = 1\n".into(), &["bad.toml:5:1", "`from` is missing"]),
        ("[continue]\nparameter = \"sigma\"\nfrm = 1\nto = 2\n".into(), &["bad.toml:7:1", "`frm`", "`from`"]),
        (good.replace("sigma", "temperature"), &["bad.toml:6:13", "\"temperature\"", "sigma"]),
        (good.replace("\"sigma\"", "3"), &["bad.toml:6:13", "`parameter`", "text"]),
        (good.replace("0.3", "nan"), &["bad.toml:7:8", "`from`", "finite"]),
        (good.replace("0.3", "2"), &["bad.toml:8:6", "differ"]),
        (good.replace("0.3", "-1"), &["bad.toml:7:8", "sigma"]),
        (format!("{good}tolerance = 0\n"), &["bad.toml:9:13", "positive"]),
        (format!("{good}max_step = \"x\"\n"), &["bad.toml:9:12", "`max_step`"]),
        (format!("{good}max_points = 0\n"), &["bad.toml:9:14", "at least 1"]),
        (format!("{good}starts = 1.5\n"), &["bad.toml:9:10", "whole number"]),
        (format!("{good}ordinate = \"height\"\n"), &["bad.toml:9:12", "\"norm\""]),
        (format!("{good}ordinate = \"x[2]\"\n"), &["bad.toml:9:12", "no coordinate 2", "x[1]"]),
        (format!("{good}ordinate = [1, 2, 3]\n"), &["bad.toml:9:12", "3 numbers", "2 coordinates"]),
        (format!("{good}graphs = 1\n"), &["bad.toml:9:10", "true or false"]),
    ];
    for (rest, parts) in cases {
        write("bad.toml", &format!("{head}{rest}"));
        let output = smale(&folder, &["continue", "bad.toml"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{rest}: {said}");
        for part in parts {
            assert!(said.contains(part), "no {part:?} in\n{said}");
        }
        assert!(!folder.path().join("bad.results").exists());
    }
    let kinks = ["continue", "--landscape", "epanechnikov", "--data", "points.csv", "--set", "beta=1.5"];
    let range = ["--set", "continue.parameter=beta", "--set", "continue.from=1", "--set", "continue.to=2"];
    let output = smale(&folder, &[&kinks[..], &range[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("smooth"), "{}", text(&output.stderr));
    // And what is right goes through: two points at distance 2 merge at sigma = 1.
    write("good.toml", &format!("{head}{good}graphs = false\ntree = false\nmax_index = 1\n"));
    let output = smale(&folder, &["continue", "good.toml", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("sigma = 1.0000000"), "{}", text(&output.stdout));
}

#[test]
fn along_the_weight_and_the_place_of_one_datum() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    let follow = |study: &str, points: &str, parameter: &str, from: f64, to: f64| {
        write("points.csv", points);
        let landscape = "[landscape]\nkind = \"mixture\"\ndata = \"points.csv\"\nsigma = 1\n";
        let range = format!("[continue]\nparameter = \"{parameter}\"\nfrom = {from}\nto = {to}\n");
        write(study, &format!("{landscape}{range}"));
        smale(&folder, &["continue", study, "--quiet", "--out", "r"])
    };
    let read = |name: &str| std::fs::read_to_string(folder.path().join("r").join(name)).unwrap();
    let events = |output: &Output| {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        passed(&serde_json::from_str(&read("summary.json")).unwrap());
        Csv::of(&read("events.csv"))
    };
    // Two data at distance 3 with weights 1 and w: x = d tanh(d x + log(w)/2), d = 3/2, has a double root where
    // x^2 = d^2 - 1.
    let found = events(&follow("weight.toml", "-1.5\n1.5\n", "weight[1]", 0.05, 20.0));
    let x = 1.25_f64.sqrt();
    let w = (2.0 * ((x / 1.5).atanh() - 1.5 * x)).exp();
    let folds = found.events("fold", "weight[1]");
    assert_eq!((folds.len(), found.rows.len()), (2, 2));
    near(folds[0], w, 1e-14);
    near(folds[1], 1.0 / w, 1e-13);
    assert_eq!(found.column("level"), ["proven"; 2]);
    assert!(found.numbers("error").iter().all(|error| (0.0..1e-13).contains(error)));
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    assert_eq!(summary["continuation"]["levels"]["events"], "proven");
    // What is on either side of it is not proven.
    assert_eq!(summary["continuation"]["levels"]["cuts"], "checked");

    // Two rows that are equal part, and make a pitchfork at distance 2 sigma; between the two of the plane, along the second
    // axis.
    let found = events(&follow("place.toml", "0.5,1\n0.5,1\n", "data[1,1]", 1.25, 5.0));
    let pitchfork = found.events("pitchfork-supercritical", "data[1,1]");
    assert_eq!((pitchfork.len(), found.rows.len()), (1, 1));
    near(pitchfork[0], 3.0, 1e-9);
    near(found.numbers("x0")[0], 0.5, 1e-9);
    near(found.numbers("x1")[0], 2.0, 1e-9);
    assert_eq!(found.column("level"), ["checked"]);

    for wrong in ["data[2,0]", "data[0,2]", "weight[2]", "weight"] {
        let output = follow("wrong.toml", "0.5,1\n0.5,1\n", wrong, 1.0, 5.0);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {said}");
        let help =
            if wrong == "weight" { "sigma, a, confinement, weight[k], data[k,i]" } else { "from 0 to 1" };
        assert!(said.contains("wrong.toml:6:13") && said.contains(help), "{wrong}: {said}");
    }
    let output = follow("negative.toml", "0.5,1\n0.5,1\n", "weight[1]", -1.0, 5.0);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("negative.toml:7:8") && said.contains("zero or more"), "{said}");
}

#[test]
fn a_stopped_run_keeps_what_it_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyses/flip-along-k.toml");
    let study = Study::read(&path, &[]).unwrap();
    let stop = AtomicBool::new(true);
    let outcome = execute(&study, Part::Continue, &Control { stop: &stop, progress: &|_| {} }).unwrap();
    assert!(outcome.interrupted && outcome.shortfall.is_none());
    assert_eq!(outcome.summary["interrupted"], true);
    assert_eq!(outcome.summary["continuation"]["interrupted"], true);
    assert!(file(&outcome, "branches.csv").starts_with("branch,step,K,"));
}

#[test]
fn from_generation_to_memory() {
    let outcome = run("generation-to-memory", &[]);
    passed(&outcome.summary);
    let branches = Csv::of(&file(&outcome, "branches.csv"));
    assert_eq!([minima_at(&branches, "sigma", 0.03), minima_at(&branches, "sigma", 3.0)], [8, 1]);
    // Eight minima become one by folds, each of which takes one.
    let lost = outcome.headline.matches("minimum and saddle of index 1").count();
    assert!(
        lost == 7 || outcome.files.iter().any(|(name, _)| name == "itinerary.json"),
        "{}",
        outcome.headline
    );
    assert!(!file(&outcome, "events.csv").contains("unexplained"));
}

#[test]
fn the_flip_along_its_axis() {
    let outcome = run("flip-along-k", &["continue.graphs=false"]);
    passed(&outcome.summary);
    let events = Csv::of(&file(&outcome, "events.csv"));
    let folds = events.events("fold", "K");
    near(folds[0], -0.2526415, 5e-8);
    near(folds[1], 1.5026415, 5e-8);
}

#[test]
fn three_memories_along_beta() {
    let outcome = run("three-memories-along-beta", &[]);
    passed(&outcome.summary);
    let events = Csv::of(&file(&outcome, "events.csv"));
    let folds = events.events("fold", "beta");
    assert_eq!(folds.len(), 2);
    near(folds[0], 2.5357, 5e-5);
    near(folds[1], 14.0592, 5e-5);
    let branches = Csv::of(&file(&outcome, "branches.csv"));
    assert_eq!([minima_at(&branches, "beta", 1.0), minima_at(&branches, "beta", 30.0)], [1, 3]);
}

/// Shooting over n inner points: the value behind the last of them, of the solution that has `s` at the first.
fn bratu_end(n: usize, s: f64, lambda: f64) -> f64 {
    let h = 1.0 / (n as f64 + 1.0);
    let (mut a, mut b) = (0.0, s);
    for _ in 0..n {
        (a, b) = (b, 2.0 * b - a - h * h * lambda * f64::exp(b));
    }
    b
}

/// The largest lambda of the discrete problem, by shooting: u_(i+1) = 2 u_i - u_(i-1) - h^2 lambda exp(u_i) from u_0 = 0
/// and u_1 = s has to end in 0, which it does at one lambda for each s.
fn bratu_fold(n: usize) -> f64 {
    let end = |s: f64, lambda: f64| bratu_end(n, s, lambda);
    let lambda = |s: f64| {
        let (mut low, mut high) = (0.5, 6.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if end(s, middle) > 0.0 { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let h = 1.0 / (n as f64 + 1.0);
    let (mut low, mut high) = (0.5 * h, 10.0 * h);
    for _ in 0..60 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if lambda(a) > lambda(b) { high = b } else { low = a }
    }
    lambda(0.5 * (low + high))
}

#[test]
fn bratu_on_a_grid() {
    let outcome = run("bratu", &["continue.graphs=false"]);
    passed(&outcome.summary);
    let events = Csv::of(&file(&outcome, "events.csv"));
    let folds = events.events("fold", "lambda");
    assert_eq!((folds.len(), events.rows.len()), (1, 1));
    near(folds[0], bratu_fold(50), 1e-10);
    // Beyond 16 dimensions the coordinates are still there.
    assert_eq!(events.numbers("x49").len(), 1);
    assert_eq!(outcome.summary["continuation"]["branches"], 1);
}

/// With many unknowns searches and orbits go through the band. The fold and both solutions are known by shooting.
#[test]
fn bratu_with_many_unknowns() {
    let n = 300;
    let size = [
        format!("landscape.dim={n}"),
        format!("landscape.parameters.h={}", 1.0 / (n as f64 + 1.0)),
        format!(
            "landscape.energy=(x[0]^2 + x[{0}]^2 + sum(i, 0, {1}, (x[i+1] - x[i])^2))/(2*h) - h*lambda*sum(i, 0, {0}, exp(x[i]))",
            n - 1,
            n - 2
        ),
    ];
    let sets: Vec<&str> = size.iter().map(String::as_str).collect();
    let outcome = run("bratu", &[&sets[..], &["continue.graphs=false"]].concat());
    let events = Csv::of(&file(&outcome, "events.csv"));
    let folds = events.events("fold", "lambda");
    assert_eq!((folds.len(), events.rows.len()), (1, 1));
    near(folds[0], bratu_fold(n), 1e-10);
    let found = shipped("bratu", &sets, Part::Critical);
    let points = Csv::of(&file(&found, "critical_points.csv"));
    assert_eq!(points.numbers("index"), [0.0, 1.0]);
    for solution in points.numbers("x0") {
        near(bratu_end(n, solution, 1.0), 0.0, 1e-9);
    }
}

#[test]
fn run_continues_where_the_study_says_so() {
    let outcome = shipped("three-memories-along-beta", &["beta=5.0"], Part::All);
    passed(&outcome.summary);
    assert_eq!(outcome.summary["counts"], serde_json::json!([2, 1]));
    assert_eq!(outcome.summary["continuation"]["events"]["fold"], 2);
    let names: Vec<&str> = outcome.files.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["graph.json", "branches.csv", "events.csv", "bifurcation-diagram.svg"] {
        assert!(names.contains(&name));
    }
    assert!(FILES.contains(&"branches.csv") && FILES.contains(&"splitting-tree.svg"));
    let graph = shipped("three-memories-along-beta", &[], Part::Graph);
    assert!(graph.files.iter().all(|(name, _)| name != "branches.csv"));
}

/// Data one by one: at two of them there are two minima or one, and each cut is explained.
#[test]
fn data_one_by_one() {
    let outcome = run("data-one-by-one", &["continue.to=6"]);
    passed(&outcome.summary);
    assert_eq!(outcome.summary["continuation"]["unexplained_cuts"], 0);
    let itinerary: serde_json::Value = serde_json::from_str(&file(&outcome, "itinerary.json")).unwrap();
    let first = &itinerary["intervals"][0];
    assert_eq!(first["counts"], serde_json::json!([1]));
    // The second one, of small weight, may be there already.
    assert_eq!(first["nodes"][0]["memories"][0], 0);
    let last = itinerary["intervals"].as_array().unwrap().last().unwrap();
    let nodes = last["nodes"].as_array().unwrap();
    let mut named: Vec<u64> = nodes
        .iter()
        .flat_map(|node| node["memories"].as_array().unwrap())
        .map(|datum| datum.as_u64().unwrap())
        .collect();
    named.sort_unstable();
    assert_eq!(named, (0..6).collect::<Vec<u64>>());
}

/// An S-curve: two minima and a maximum between its folds.
fn curve() -> Diagram {
    let family = Formula::new(1, "x[0]^4/4 - x[0]^2/2 + p*x[0]", &[("p".into(), 0.0)], &[], None).unwrap();
    follow(&family, "p", &[(-1.0, vec![1.3])], &Options::new(-1.0, 1.0), &Control::quiet()).unwrap()
}

fn arc(piece: usize) -> Arc {
    Arc { branch: 0, piece }
}

fn node(piece: usize, index: usize, x: f64) -> Node {
    Node { arc: arc(piece), x: vec![x], energy: x.powi(4) / 4.0 - x * x / 2.0, index, memories: vec![piece] }
}

#[test]
fn itineraries_and_trees_become_json() {
    let diagram = curve();
    let fold = 2.0 / 27.0_f64.sqrt();
    let interval = |from: f64, to: f64, nodes: Vec<Node>, links: Vec<Link>| Interval {
        from,
        to,
        at: 0.5 * (from + to),
        samples: vec![0.5 * (from + to)],
        nodes,
        links,
        joined: vec![],
        morse_smale: MorseSmale::Yes(Level::Checked),
        examined: vec![true],
    };
    let both = vec![Link { from: 2, to: 0, count: 1 }, Link { from: 2, to: 1, count: 1 }];
    let cut = |parameter: f64, cause: Cause, explained: bool| Cut {
        parameter,
        error: f64::INFINITY,
        cause,
        words: vec!["a minimum ends".into()],
        explained,
        open: if explained { String::new() } else { "nobody knows".into() },
        level: Level::Checked,
    };
    let orbit = Orbit { points: vec![vec![1.0], vec![0.5]], energies: vec![1.0, 0.25] };
    let joining = Joining { from: arc(1), to: arc(1), nodes: [2, 2], orbit, gap: 1e-12, slope: 0.5 };
    let mut itinerary = Itinerary {
        parameter: "p".into(),
        intervals: vec![
            interval(-1.0, -fold, vec![node(0, 0, 1.2)], vec![]),
            interval(-fold, fold, vec![node(0, 0, 1.0), node(2, 0, -1.0), node(1, 1, 0.0)], both),
            interval(fold, 1.0, vec![node(2, 0, -1.2)], vec![]),
        ],
        cuts: vec![
            cut(-fold, Cause::Local(vec![0]), true),
            cut(0.1, Cause::Connections(vec![joining]), false),
        ],
        interrupted: false,
    };
    let tree = SplittingTree {
        parameter: "p".into(),
        leaves: vec![node(0, 0, 1.2)],
        mergers: vec![Merger {
            parameter: fold,
            energy: 0.1,
            event: 1,
            lost: arc(0),
            into: Some(arc(2)),
            renamed: false,
        }],
        parameters: vec![-1.0, 0.0],
        counts: vec![1, 2],
        interrupted: false,
    };
    assert_eq!(smale::export::itinerary_json(&diagram, None, None, "t").unwrap(), None);
    let written =
        smale::export::itinerary_json(&diagram, Some(&itinerary), Some(&tree), "S").unwrap().unwrap();
    let json: Value = serde_json::from_str(&written).unwrap();
    assert_eq!((&json["parameter"], &json["range"]), (&"p".into(), &serde_json::json!([-1.0, 1.0])));
    let middle = &json["intervals"][1];
    assert_eq!(middle["counts"], serde_json::json!([2, 1]));
    assert_eq!(middle["nodes"][2]["piece"], 1);
    assert_eq!(middle["links"][1], serde_json::json!({ "source": 2, "target": 1, "count": 1 }));
    assert_eq!(middle["morse_smale"], true);
    assert_eq!((middle["from"].as_f64(), middle["to"].as_f64()), (Some(-fold), Some(fold)));
    let cuts = &json["cuts"];
    assert_eq!((&cuts[0]["kind"], &cuts[1]["kind"]), (&"fold".into(), &"connection".into()));
    assert_eq!((cuts[0]["p"].as_f64(), &cuts[0]["error"]), (Some(-fold), &Value::Null));
    assert_eq!(
        (&cuts[1]["connections"][0]["from"]["piece"], &cuts[1]["open"]),
        (&1.into(), &"nobody knows".into())
    );
    assert_eq!(json["tree"]["mergers"][0]["into"]["piece"], 2);
    assert_eq!(json["tree"]["leaves"][0]["memories"], serde_json::json!([0]));

    let events = Csv::of(&smale::export::events_csv(&diagram, Some(&itinerary)).unwrap());
    assert_eq!(events.column("kind"), ["fold", "connection", "fold"]);
    assert_eq!(
        (events.column("x0")[1], events.column("energy")[1], events.column("error")[1]),
        ("0.5", "0.25", "")
    );
    near(events.numbers("p")[2], fold, 1e-13);
    itinerary.intervals[0].nodes[0].x[0] = f64::NAN;
    assert!(smale::export::itinerary_json(&diagram, Some(&itinerary), None, "t").is_err());
}

/// A hundred digits come apart: as many minima at any noise as a search finds there, and each that ends has one that takes over.
#[test]
fn digits_come_apart() {
    let sets = ["landscape.rows=100", "continue.from=0.35"];
    let outcome = run("digits-splitting", &sets);
    passed(&outcome.summary);
    let json: Value = serde_json::from_str(&file(&outcome, "itinerary.json")).unwrap();
    let tree = &json["tree"];
    assert!(tree["mergers"].as_array().unwrap().iter().all(|m| !m["into"].is_null()));
    let numbers = |key: &str| -> Vec<f64> {
        tree[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
    };
    let (parameters, counts) = (numbers("parameters"), numbers("counts"));
    for wanted in [0.35, 0.45, 0.55] {
        let place = parameters.iter().position(|p| *p >= wanted - 1e-12).unwrap();
        let sigma = format!("sigma={:?}", parameters[place]);
        let found = shipped("digits-splitting", &[sets[0], &sigma, "critical.max_index=0"], Part::Critical);
        assert_eq!(found.summary["counts"][0], counts[place], "{sigma}");
    }
    assert_eq!(counts.last(), Some(&1.0));
    let named = tree["leaves"].as_array().unwrap().iter().map(|l| l["memories"].as_array().unwrap().len());
    assert_eq!(named.sum::<usize>(), 100);
}
