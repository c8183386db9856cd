//! Tables of transitions between minima: rates, mergers, actions.

use super::table::table;
use super::{level_name, number};
use crate::error::Result;
use crate::measure::quasipotential::Quasipotential;
use crate::measure::rates::Rates;

/// A number that may not be finite, or too small for one.
fn known(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or(String::new(), number)
}

/// The exponential of a logarithm; empty where that is no normal number.
fn plain(log: f64) -> String {
    known(Some(log.exp()).filter(|v| v.is_normal()))
}

/// `rates.csv`: `temperature,from,to,saddle,log_rate,rate,time,next_order,method,error,level,reason`, a row a rate out of a
/// minimum over a saddle, or a mean first passage time (`saddle` is empty then). `error` is relative to the rate. `rate` and
/// `time` are empty where they are too small or too large for a number.
///
/// # Errors
/// None that plain rows can meet.
pub fn rates_csv(rates: &Rates) -> Result<String> {
    let columns = [
        "temperature",
        "from",
        "to",
        "saddle",
        "log_rate",
        "rate",
        "time",
        "next_order",
        "method",
        "error",
        "level",
        "reason",
    ];
    let rows = rates.rows.iter().filter(|r| r.log_rate.is_finite()).map(|r| {
        vec![
            number(r.temperature),
            r.from.to_string(),
            r.to.to_string(),
            r.saddle.map_or(String::new(), |s| s.to_string()),
            number(r.log_rate),
            plain(r.log_rate),
            plain(-r.log_rate),
            r.next_order.to_string(),
            r.method.to_owned(),
            known(r.error),
            level_name(r.level).to_owned(),
            r.reason.clone(),
        ]
    });
    table(&columns, 0, rows)
}

/// `hierarchy.csv`: `temperature,minimum,into,log_rate,time`, a row a merger, fastest first: on times longer than `time` the
/// minimum is one with the minimum `into`.
///
/// # Errors
/// None that plain rows can meet.
pub fn hierarchy_csv(rates: &Rates) -> Result<String> {
    let columns = ["temperature", "minimum", "into", "log_rate", "time"];
    let rows = rates.merges.iter().flat_map(|(temperature, merges)| {
        merges.iter().filter(|m| m.log_rate.is_finite()).map(|m| {
            vec![
                number(*temperature),
                m.state.to_string(),
                m.into.to_string(),
                number(m.log_rate),
                plain(-m.log_rate),
            ]
        })
    });
    table(&columns, 0, rows)
}

/// `quasipotential.csv`: `from,saddle,to,action,error,modes,level`, a row a way out of an attractor's basin. Actions are
/// `(1/4) int |x' - b|^2 dt`, so that probabilities are like `exp(-action/temperature)` under `sqrt(2 temperature) dW`.
///
/// # Errors
/// None that plain rows can meet.
pub fn quasipotential_csv(found: &Quasipotential) -> Result<String> {
    let columns = ["from", "saddle", "to", "action", "error", "modes", "level"];
    let rows = found.escapes.iter().filter(|e| e.path.action.is_finite()).map(|e| {
        vec![
            e.from.to_string(),
            e.saddle.to_string(),
            e.to.to_string(),
            number(e.path.action),
            known(Some(e.path.error)),
            e.path.modes.to_string(),
            level_name(crate::critical::Level::Estimated).to_owned(),
        ]
    });
    table(&columns, 0, rows)
}
