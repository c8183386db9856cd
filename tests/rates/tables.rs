//! Rates through the command's pipeline.

use smale::control::Control;
use smale::study::pipeline::{FILES, Outcome, Part, execute};
use smale::study::{Override, Study};

use crate::cases::{HALF, close};

fn with(sets: &[&str]) -> Outcome {
    let overrides: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
    execute(&Study::from_flags(&overrides).unwrap(), Part::Measure, &Control::quiet()).unwrap()
}

/// A study of `analyses/`.
fn run(name: &str) -> Outcome {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("analyses/{name}.toml"));
    execute(&Study::read(&path, &[]).unwrap(), Part::All, &Control::quiet()).unwrap()
}

fn table(outcome: &Outcome, name: &str) -> Vec<Vec<String>> {
    assert!(FILES.contains(&name));
    let file = outcome.files.iter().find(|f| f.0 == name).unwrap();
    let text = String::from_utf8(file.1.clone()).unwrap();
    text.lines().map(|l| l.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn rates_and_gaps_are_written_beside_the_measure() {
    let energy = format!("energy={HALF}");
    let sets = [
        "kind=formula",
        "dim=1",
        &energy,
        "region.box={lower=[-2.5], upper=[2.5]}",
        "measure.temperatures=[0.05, 0.02]",
    ];
    let outcome = with(&sets);
    let rates = table(&outcome, "rates.csv");
    assert_eq!(
        rates[0].join(","),
        "temperature,from,to,saddle,log_rate,rate,time,next_order,method,error,level,reason"
    );
    assert_eq!(rates.len(), 1 + 2 * 2);
    for row in &rates[1..] {
        let number = |k: usize| row[k].parse::<f64>().unwrap();
        close(number(5), number(4).exp(), 1e-12);
        close(number(5) * number(6), 1.0, 1e-12);
        assert_eq!((row[7].as_str(), row[8].as_str()), ("true", "eyring-kramers"));
    }
    let mergers = table(&outcome, "hierarchy.csv");
    assert_eq!(mergers.len(), 3);
    let measure = table(&outcome, "measure.csv");
    let gaps: Vec<_> = measure.iter().filter(|r| r[1] == "spectral_gap").collect();
    assert_eq!(gaps.len(), 2);
    for (row, truth) in gaps.iter().zip([6.526920859398791e-5, 3.841308311054026e-11]) {
        close(row[3].parse().unwrap(), truth, 1e-10);
        close(row[5].parse().unwrap(), truth, 0.01);
        assert_eq!((row[6].as_str(), row[7].as_str()), ("generator", "checked"));
    }
}

#[test]
fn a_field_has_its_quasipotential() {
    let outcome = run("maier-stein");
    let rows = table(&outcome, "quasipotential.csv");
    assert_eq!(rows[0].join(","), "from,saddle,to,action,error,modes,level");
    assert_eq!(rows.len(), 3);
    for row in &rows[1..] {
        close(row[3].parse().unwrap(), 0.340041403330 / 2.0, 1e-9);
    }
    let summary = &outcome.summary["quasipotential"];
    assert_eq!(summary["law"].as_array().unwrap().len(), 2);
    assert!(summary["convention"].as_str().unwrap().contains("1/4"));
}
