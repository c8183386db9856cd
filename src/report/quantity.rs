//! Numbers of a state that a picture can show along an axis.

use serde_json::{Value, json};

use crate::linalg::{dot, norm};

/// A number of a state.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// The energy.
    Energy,
    /// The Euclidean norm of the state.
    Norm,
    /// A coordinate of the state, by its number.
    Coordinate(usize),
    /// A weighted sum of the coordinates, a weight each.
    Functional(Vec<f64>),
}

impl Quantity {
    /// Its value at a point with this energy.
    pub(super) fn of(&self, x: &[f64], energy: f64) -> f64 {
        match self {
            Quantity::Energy => energy,
            Quantity::Norm => norm(x),
            Quantity::Coordinate(i) => x[*i],
            Quantity::Functional(weights) => dot(weights, x),
        }
    }

    /// The name of an axis that shows it.
    pub(super) fn name(&self) -> String {
        match self {
            Quantity::Energy => "energy".into(),
            Quantity::Norm => "norm".into(),
            Quantity::Coordinate(i) => format!("x[{i}]"),
            Quantity::Functional(weights) if weights.len() <= 4 => {
                let terms: Vec<String> = weights
                    .iter()
                    .enumerate()
                    .filter(|(_, w)| **w != 0.0)
                    .map(|(i, w)| if *w == 1.0 { format!("x[{i}]") } else { format!("{w} x[{i}]") })
                    .collect();
                if terms.is_empty() { "0".into() } else { terms.join(" + ").replace("+ -", "\u{2212} ") }
            }
            Quantity::Functional(_) => "weighted sum of the coordinates".into(),
        }
    }

    /// Why a state of `n` coordinates does not have it, if it doesn't.
    pub fn misfit(&self, n: usize) -> Option<String> {
        match self {
            Quantity::Coordinate(i) if *i >= n => Some(format!("there is no coordinate {i}")),
            Quantity::Functional(weights) if weights.len() != n => {
                Some(format!("{} numbers are not one a coordinate", weights.len()))
            }
            _ => None,
        }
    }

    /// As a study writes it: a text, or an array of weights.
    pub fn json(&self) -> Value {
        match self {
            Quantity::Functional(weights) => json!(weights),
            other => other.name().into(),
        }
    }

    /// One of the texts that a study may write: `energy`, `norm`, `x[3]`.
    pub fn parse(text: &str) -> Option<Quantity> {
        let place = |text: &str| text.strip_prefix("x[")?.strip_suffix(']')?.trim().parse().ok();
        match text {
            "energy" => Some(Quantity::Energy),
            "norm" => Some(Quantity::Norm),
            other => place(other).map(Quantity::Coordinate),
        }
    }

    /// What [`Quantity::json`] has written.
    pub(super) fn from_json(value: &Value) -> Option<Quantity> {
        match value {
            Value::String(text) => Quantity::parse(text),
            Value::Array(weights) => {
                weights.iter().map(Value::as_f64).collect::<Option<_>>().map(Quantity::Functional)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_read_back_from_what_is_written() {
        let all = [
            Quantity::Energy,
            Quantity::Norm,
            Quantity::Coordinate(12),
            Quantity::Functional(vec![0.5, -1.0]),
        ];
        for quantity in all {
            assert_eq!(Quantity::from_json(&quantity.json()), Some(quantity));
        }
        for wrong in [json!("x"), json!("x[-1]"), json!("x[a]"), json!(["x[0]"]), json!(3), json!(null)] {
            assert_eq!(Quantity::from_json(&wrong), None, "{wrong}");
        }
        assert_eq!(Quantity::Functional(vec![1.0, 0.0, -2.0]).name(), "x[0] \u{2212} 2 x[2]");
    }
}
