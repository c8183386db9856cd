//! What a study says of transitions between minima: files, rows of the measure's table, an entry of the summary.

use serde_json::{Value, json};

use super::Study;
use crate::connection::MorseGraph;
use crate::control::Control;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::export::{self, MeasureRow};
use crate::landscape::Landscape;
use crate::measure::quasipotential::{self, Quasipotential};
use crate::measure::rates::{self, Rates};

/// Names of the files.
pub(super) const FILES: [&str; 3] = ["rates.csv", "hierarchy.csv", "quasipotential.csv"];

/// Files and more that go with the measure.
#[derive(Default)]
pub(super) struct Beside {
    /// Files, by name.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// Rows of `measure.csv`.
    pub(super) rows: Vec<MeasureRow>,
    /// The entry of the summary, if there is something to say.
    pub(super) summary: Value,
    /// Sentences.
    pub(super) notes: Vec<String>,
}

/// Rates of a landscape with an energy. What cannot be had is a note, no error.
pub(super) fn of_energy(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: Option<&MorseGraph>,
    temperatures: &[f64],
    seed: u64,
    control: &Control<'_>,
) -> Result<Beside> {
    let Some(graph) = graph else { return Ok(Beside::default()) };
    let options = rates::Options { seed, ..rates::Options::default() };
    let found = match rates::rates(landscape, set, graph, temperatures, &options, control) {
        Ok(found) => found,
        Err(Error::Numerics(why)) => {
            return Ok(Beside { notes: vec![format!("no rates: {why}")], ..Beside::default() });
        }
        Err(other) => return Err(other),
    };
    let mut files = vec![];
    if !found.network.passes.is_empty() {
        files.push((FILES[0].to_owned(), export::rates_csv(&found)?.into_bytes()));
        files.push((FILES[1].to_owned(), export::hierarchy_csv(&found)?.into_bytes()));
    }
    Ok(Beside { files, rows: eigenvalue_rows(&found), summary: summary(&found), notes: found.notes })
}

fn eigenvalue_rows(found: &Rates) -> Vec<MeasureRow> {
    let row = |g: &rates::EigenvalueRow| MeasureRow {
        temperature: Some(g.temperature),
        quantity: match g.number {
            1 => "spectral_gap".into(),
            more => format!("eigenvalue_{more}"),
        },
        minimum: String::new(),
        value: Some(g.log_value.exp()).filter(|v| *v > 0.0),
        error: g.error.map(|e| e * g.log_value.exp()),
        theory: g.log_theory.map(f64::exp),
        method: g.method.into(),
        level: export::level_name(g.level).into(),
    };
    found.eigenvalues.iter().map(row).collect()
}

fn summary(found: &Rates) -> Value {
    let finite = |v: Option<f64>| v.and_then(serde_json::Number::from_f64).map_or(Value::Null, Value::Number);
    let well =
        |w: &crate::measure::kramers::Well| json!({ "minimum": w.minimum, "c1": finite(w.correction) });
    let pass = |p: &crate::measure::kramers::Pass| {
        let (k, clearance) = (finite(p.correction), finite(p.clearance));
        json!({ "saddle": p.saddle, "between": p.between, "k": k, "clearance": clearance })
    };
    let gap = |g: &rates::EigenvalueRow| {
        json!({
            "temperature": g.temperature,
            "log_gap": finite(Some(g.log_value)),
            "method": g.method,
            "reason": (!g.reason.is_empty()).then_some(&g.reason),
        })
    };
    json!({
        "convention": "dX = -grad E dt + sqrt(2 temperature) dW",
        "wells": found.network.wells.iter().map(well).collect::<Vec<_>>(),
        "passes": found.network.passes.iter().map(pass).collect::<Vec<_>>(),
        "gaps": found.eigenvalues.iter().filter(|e| e.number == 1).map(gap).collect::<Vec<_>>(),
    })
}

/// The quasipotential of a field without an energy.
///
/// # Errors
/// If it has no attractor, or the graph is not known.
pub(super) fn of_field(
    study: &Study,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: Option<&MorseGraph>,
    control: &Control<'_>,
) -> Result<Beside> {
    let Some(graph) = graph else { return Ok(Beside::default()) };
    if set.points.iter().all(|p| p.index > 0) {
        return Err(Error::input(format!(
            "[measure]: `{}` has no energy, and no attractor of it is known: there is nothing to weigh",
            study.kind.name
        )));
    }
    let options = quasipotential::Options { seed: study.seed, ..quasipotential::Options::default() };
    let found = quasipotential::quasipotential(landscape, set, graph, &options, control)?;
    let files = vec![(FILES[2].to_owned(), export::quasipotential_csv(&found)?.into_bytes())];
    Ok(Beside { files, summary: of_actions(&found), ..Beside::default() })
}

fn of_actions(found: &Quasipotential) -> Value {
    let finite = |v: f64| serde_json::Number::from_f64(v).map_or(Value::Null, Value::Number);
    let law = |(id, w): (&usize, &f64)| json!({ "attractor": id, "exponent": finite(*w) });
    let cycle = |c: &crate::measure::arborescence::Cycle| {
        let ids: Vec<usize> = c.states.iter().map(|&s| found.attractors[s]).collect();
        json!({ "attractors": ids, "turn": finite(c.turn), "exit": finite(c.exit) })
    };
    json!({
        "convention": "dX = b dt + sqrt(2 temperature) dW, action (1/4) int |x' - b|^2 dt, probabilities like exp(-action/temperature)",
        "law": found.attractors.iter().zip(&found.law).map(law).collect::<Vec<_>>(),
        "eigenvalue_exponents": found.exponents.iter().map(|e| finite(*e)).collect::<Vec<_>>(),
        "cycles": found.cycles.iter().map(cycle).collect::<Vec<_>>(),
        "doubts": found.doubts,
    })
}
