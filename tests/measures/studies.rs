//! The section `[measure]` from a study to its files.

use smale::Control;
use smale::study::pipeline::{Outcome, Part, execute};
use smale::study::{Override, Study};

/// A study of `analyses/` with some keys changed.
fn run(name: &str, sets: &[&str]) -> Outcome {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("analyses/{name}.toml"));
    let overrides: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
    execute(&Study::read(&path, &overrides).unwrap(), Part::All, &Control::quiet()).unwrap()
}

/// A value of `measure.csv`.
fn value(outcome: &Outcome, temperature: &str, quantity: &str, minimum: &str) -> f64 {
    let table = file(outcome, "measure.csv");
    let own = |r: &&str| {
        let cells: Vec<&str> = r.split(',').collect();
        cells[0] == temperature && cells[1] == quantity && cells[2] == minimum
    };
    let row =
        table.lines().find(own).unwrap_or_else(|| panic!("{temperature} {quantity} {minimum}\n{table}"));
    row.split(',').nth(3).unwrap().parse().unwrap()
}

fn consistent(outcome: &Outcome) -> usize {
    let all = outcome.summary["measure"]["temperatures"].as_array().unwrap();
    for at in all.iter().filter(|at| at["verdict"] != "consistent") {
        assert!(at["reason"].as_str().is_some_and(|r| !r.is_empty()), "{at}");
    }
    all.iter().filter(|at| at["verdict"] == "consistent").count()
}

#[test]
fn shipped_studies_of_formulas() {
    let found = run("asymmetric-double-well", &["measure.states=200", "measure.perturbations=2"]);
    assert_eq!(consistent(&found), 6);
    let conclusion = found.summary["measure"]["conclusion"].as_str().unwrap();
    assert!(conclusion.starts_with("converging to the predicted limit"), "{conclusion}");
    let found =
        run("mueller-brown-small-noise", &["measure.chains=false", "measure.temperatures=[0.5, 0.05]"]);
    assert_eq!(consistent(&found), 2);
    assert!((value(&found, "0.05", "basin_weight", "2") / 4.6033349118e-6 - 1.0).abs() < 1e-6);
}

/// By symmetry, and by the weights of a mixture's own distribution.
#[test]
fn shipped_studies_of_mixtures() {
    let found = run(
        "square-of-memories",
        &["measure.temperatures=[1.0, 0.2]", "measure.draw=400", "measure.states=200"],
    );
    for minimum in ["0", "1", "2", "3"] {
        assert!((value(&found, "1.0", "basin_weight", minimum) - 0.25).abs() < 1e-6);
        assert!((value(&found, "0.0", "limit_weight", minimum) - 0.25).abs() < 1e-6);
        assert!((value(&found, "1.0", "sde_share", minimum) - 0.25).abs() < 0.11);
    }
    let found = run(
        "uneven-memories",
        &[
            "measure.temperatures=[1.0]",
            "measure.draw=400",
            "measure.chains=false",
            "measure.perturbations=1",
            "measure.data_noise=0.001",
        ],
    );
    for change in ["perturbations", "data_noise"] {
        assert_eq!(found.summary["measure"][change]["same_graph"], 1);
    }
    let found = run("random-mixture-2", &["measure.temperatures=[0.5]", "measure.states=200"]);
    assert_eq!(consistent(&found), 1);
}

/// In more dimensions nothing is claimed without a reason.
#[test]
fn shipped_studies_in_more_dimensions() {
    let few = ["measure.temperatures=[0.5]", "measure.states=100", "measure.samples=4000"];
    let found = run("random-mixture-10", &few);
    consistent(&found);
    let total = |found: &Outcome, temperature: &str, quantity: &str| -> f64 {
        let minima = 0..found.summary["counts"][0].as_u64().unwrap();
        minima.map(|k| value(found, temperature, quantity, &k.to_string())).sum()
    };
    assert!((total(&found, "0.5", "basin_weight") - 1.0).abs() < 1e-6);
    // Two hundred draws a basin are fewer than a verdict asks for: there is none, and no weight is given.
    let found = run("random-mixture-64", &few);
    assert_eq!(consistent(&found), 0);
    assert!(!file(&found, "measure.csv").contains("basin_weight"));
    assert!((total(&found, "0.0", "limit_weight") - 1.0).abs() < 1e-6);
    // Six digits lie so far apart that each keeps its share.
    let found = run(
        "digits-measure",
        &["first=6", "measure.temperatures=[1.0]", "measure.chains=false", "measure.samples=4000"],
    );
    for minimum in 0..6 {
        let weight = value(&found, "1.0", "basin_weight", &minimum.to_string());
        assert!((weight - 1.0 / 6.0).abs() < 0.015, "{weight}");
    }
}

#[test]
#[ignore = "a minute"]
fn a_learned_energy() {
    let found = run(
        "learned-digits-measure",
        &["measure.temperatures=[0.05]", "measure.states=50", "measure.samples=2000", "critical.rounds=1"],
    );
    consistent(&found);
    let minima = found.summary["measure"]["minima"].as_array().unwrap();
    assert_eq!(minima.iter().filter(|m| m["limit_weight"] == 1.0).count(), 1);
}

fn run_text(text: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    std::fs::write(&path, text).unwrap();
    execute(&Study::read(&path, &[]).unwrap(), Part::Measure, &Control::quiet()).unwrap()
}

fn file<'a>(outcome: &'a Outcome, name: &str) -> &'a str {
    let (_, bytes) = outcome.files.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}"));
    std::str::from_utf8(bytes).unwrap()
}

const STUDY: &str = "
seed = 3
[landscape]
kind = 'formula'
dim = 1
energy = '(x^2 - 1)^2/4 * (1 + 3/4*(x + 1)^2)'
[region]
box = { lower = [-3.0], upper = [3.0] }
[measure]
temperatures = [0.2, 0.1, 0.05]
states = 300
";

#[test]
fn a_study_leaves_table_pictures_and_summary() {
    let outcome = run_text(STUDY);
    let table = file(&outcome, "measure.csv");
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("temperature,quantity,minimum,value,error,theory,method,level"));
    let rows: Vec<Vec<&str>> = lines.map(|l| l.split(',').collect()).collect();
    let find = |t: &str, quantity: &str, minimum: &str, method: &str| -> f64 {
        let row = rows.iter().find(|r| r[0] == t && r[1] == quantity && r[2] == minimum && r[6] == method);
        row.unwrap_or_else(|| panic!("{t} {quantity} {minimum} {method}\n{table}"))[3].parse().unwrap()
    };
    let limits = [find("0.0", "limit_weight", "0", "laplace"), find("0.0", "limit_weight", "1", "laplace")];
    let (wide, narrow) = if limits[0] > limits[1] { ("0", "1") } else { ("1", "0") };
    assert!((limits[0].max(limits[1]) - 2.0 / 3.0).abs() < 1e-9);
    assert!((find("0.2", "basin_weight", wide, "quadrature") - 0.645217671941325).abs() < 1e-10);
    let (one, other) =
        (find("0.05", "free_energy", wide, "quadrature"), find("0.05", "free_energy", narrow, "quadrature"));
    let ratio = ((other - one) / 0.05).exp();
    assert!((ratio - 0.662606518092996 / (1.0 - 0.662606518092996)).abs() < 1e-8);
    for quantity in
        ["w1_to_limit", "w2_to_limit", "bounded_lipschitz_to_limit", "kl_to_limit", "kl_to_laplace"]
    {
        assert!(find("0.05", quantity, "", "quadrature") > 0.0);
    }
    assert!(!table.contains("NaN") && !table.contains("inf"));
    for name in ["convergence.svg", "basin-weights.svg"] {
        assert!(file(&outcome, name).starts_with("<svg"), "{name}");
    }
    let measure = &outcome.summary["measure"];
    assert!(measure["convention"].as_str().unwrap().contains("sqrt(2 temperature)"));
    for at in measure["temperatures"].as_array().unwrap() {
        assert_eq!(at["verdict"], "consistent", "{at}");
        assert_eq!(at["used"], "quadrature");
    }
    assert!(outcome.headline.contains("limit: 0.666667 at minimum"), "{}", outcome.headline);
    // The same bytes again.
    assert_eq!(run_text(STUDY).files, outcome.files);
}

#[test]
fn samples_of_a_diffusion_model_end_where_their_distribution_has_its_weight() {
    let outcome = run_text(
        "
[landscape]
kind = 'mixture'
data = [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.6]]
weights = [0.5, 0.3, 0.2]
sigma = 0.5
[measure]
temperatures = [1.0]
chains = false
importance = false
draw = 1000
",
    );
    let table = file(&outcome, "measure.csv");
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|l| l.split(',').collect()).collect();
    let all = |quantity: &str, method: &str| -> Vec<(f64, f64)> {
        let own = rows.iter().filter(|r| r[1] == quantity && (method.is_empty() || r[6] == method));
        own.map(|r| (r[3].parse().unwrap(), r[4].parse().unwrap_or(0.0))).collect()
    };
    let weights = all("basin_weight", "quadrature");
    assert_eq!(weights.len(), 3);
    for quantity in ["sde_share", "ode_share"] {
        for ((share, error), (weight, _)) in all(quantity, "").iter().zip(&weights) {
            assert!((share - weight).abs() < 2.0 * error, "{quantity}: {share} {weight}");
        }
    }
    // Each datum has a minimum of its own, and its weight.
    let mut shares: Vec<f64> = all("data_share", "").iter().map(|(share, _)| *share).collect();
    shares.sort_by(f64::total_cmp);
    for (share, weight) in shares.iter().zip([0.2, 0.3, 0.5]) {
        assert!((share - weight).abs() < 1e-12);
    }
    assert_eq!(all("basin_volume", "").len(), 3);
}

/// Samples of a learned score end where its training data, nine points, flow to.
#[test]
fn samples_of_a_score_end_at_its_attractors() {
    let sets = ["measure.draw=200", "measure.from=2.25", "measure.training_data=data/circle-9.csv"];
    let found = run("circle-score", &sets);
    let of = |quantity: &str| -> Vec<f64> {
        (0..3).map(|minimum| value(&found, "", quantity, &minimum.to_string())).collect()
    };
    let (data, sde, ode) = (of("data_share"), of("sde_share"), of("ode_share"));
    for shares in [&data, &sde, &ode] {
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 0.05, "{shares:?}");
    }
    // Two hundred samples of each: an error of .035.
    for k in 0..3 {
        assert!(
            (sde[k] - data[k]).abs() < 0.15 && (ode[k] - data[k]).abs() < 0.15,
            "{data:?} {sde:?} {ode:?}"
        );
    }
}

/// Between two minima of one depth any change decides, and the graph stays.
#[test]
fn a_small_change_moves_the_limit_and_not_the_graph() {
    let study = STUDY.replace("states = 300", "chains = false\nperturbations = 4\nperturbation = 0.01");
    let outcome = run_text(&study);
    let found = &outcome.summary["measure"]["perturbations"];
    assert_eq!((found["count"].as_u64(), found["same_graph"].as_u64()), (Some(4), Some(4)));
    assert!(found["largest_change_of_limit"].as_f64().unwrap() > 0.3);
    let table = file(&outcome, "perturbations.csv");
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let limit: f64 = cells[4].parse().unwrap();
        assert!(limit == 0.0 || limit == 1.0, "{row}");
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    for (change, expected) in [
        ("temperatures = []", "1 to 64 numbers"),
        ("temperatures = [0.1, -0.2]", "must be positive"),
        ("accuracy = 0.0", "must be positive"),
        ("samples = 0", "at least 1"),
        ("data_noise = 0.1", "no effect without `perturbations`"),
        ("from = 2.0", "no effect without `draw`"),
        ("training_data = 'nowhere.csv'", "no effect without `draw`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, STUDY.replace("temperatures = [0.2, 0.1, 0.05]", change)).unwrap();
        let error = Study::read(&path, &[]).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Samples that can't be drawn cost no more than themselves.
#[test]
fn what_fails_late_is_a_note() {
    let sets = ["measure.temperatures=[1.0]", "measure.chains=false", "measure.draw=10", "measure.from=1e-9"];
    let found = run("square-of-memories", &sets);
    assert_eq!(found.summary["measure"]["temperatures"].as_array().unwrap().len(), 1);
    let notes = found.summary["measure"]["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|n| n.as_str().unwrap().starts_with("no shares of samples: `from`")),
        "{notes:?}"
    );
}
