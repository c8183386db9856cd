//! Tables of the invariant measure at falling temperature.

use super::number;
use super::table::table;
use crate::error::Result;

/// A row of `measure.csv`; absent numbers are empty cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeasureRow {
    /// Temperature; `None` of what does not depend on one.
    pub temperature: Option<f64>,
    /// What it is.
    pub quantity: String,
    /// The minimum that it belongs to: its id, `f` and a number for a degenerate family; empty of what belongs to none.
    pub minimum: String,
    /// The value.
    pub value: Option<f64>,
    /// Half the width of its interval of 95%, or a bound of its error.
    pub error: Option<f64>,
    /// What theory says.
    pub theory: Option<f64>,
    /// How it was computed.
    pub method: String,
    /// How far it can be relied on.
    pub level: String,
}

fn known(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or(String::new(), number)
}

/// `measure.csv`: `temperature,quantity,minimum,value,error,theory,method,level`. A row without a finite value is left out.
///
/// # Errors
/// None that plain rows can meet.
pub fn measure_csv(rows: &[MeasureRow]) -> Result<String> {
    let columns = ["temperature", "quantity", "minimum", "value", "error", "theory", "method", "level"];
    let rows = rows.iter().filter(|r| r.value.is_some_and(f64::is_finite)).map(|r| {
        vec![
            known(r.temperature),
            r.quantity.clone(),
            r.minimum.clone(),
            known(r.value),
            known(r.error),
            known(r.theory),
            r.method.clone(),
            r.level.clone(),
        ]
    });
    table(&columns, 0, rows)
}

/// A row of `perturbations.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct PerturbationRow {
    /// Seed of the change.
    pub seed: u64,
    /// No gradient of the field that was added is longer; `None` where data were changed.
    pub slope: Option<f64>,
    /// Standard deviation of what was added to the data; `None` where a field was.
    pub data_noise: Option<f64>,
    /// Is the graph the same up to numbering?
    pub same_graph: bool,
    /// The unchanged landscape's minimum.
    pub minimum: usize,
    /// Weight of its basin in the limit.
    pub limit: f64,
    /// The temperature of the next column.
    pub temperature: f64,
    /// Its weight there; `None` where theory has none.
    pub weight: Option<f64>,
}

/// `perturbations.csv`: `seed,slope,data_noise,same_graph,minimum,limit_weight,temperature,weight`, a row a change and a minimum.
///
/// # Errors
/// None that plain rows can meet.
pub fn perturbations_csv(rows: &[PerturbationRow]) -> Result<String> {
    let columns =
        ["seed", "slope", "data_noise", "same_graph", "minimum", "limit_weight", "temperature", "weight"];
    let rows = rows.iter().map(|r| {
        vec![
            r.seed.to_string(),
            known(r.slope),
            known(r.data_noise),
            r.same_graph.to_string(),
            r.minimum.to_string(),
            number(r.limit),
            number(r.temperature),
            known(r.weight),
        ]
    });
    table(&columns, 0, rows)
}
