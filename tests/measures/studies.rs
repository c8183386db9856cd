//! The section `[measure]` from a study to its files.

use smale::Control;
use smale::study::Study;
use smale::study::pipeline::{Outcome, Part, execute};

fn run(text: &str) -> Outcome {
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
    let outcome = run(STUDY);
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
    assert_eq!(run(STUDY).files, outcome.files);
}

#[test]
fn samples_of_a_diffusion_model_end_where_their_distribution_has_its_weight() {
    let outcome = run("
[landscape]
kind = 'mixture'
data = [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.6]]
weights = [0.5, 0.3, 0.2]
sigma = 0.5
[measure]
temperatures = [1.0]
chains = false
draw = 1500
");
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
    assert!(all("data_share", "").iter().all(|(s, _)| (s - 1.0 / 3.0).abs() < 1e-12));
    assert_eq!(all("basin_volume", "").len(), 3);
}

/// Between two minima of one depth any change decides, and the graph stays.
#[test]
fn a_small_change_moves_the_limit_and_not_the_graph() {
    let study = STUDY.replace("states = 300", "chains = false\nperturbations = 4\nperturbation = 0.01");
    let outcome = run(&study);
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
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, STUDY.replace("temperatures = [0.2, 0.1, 0.05]", change)).unwrap();
        let error = Study::read(&path, &[]).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
