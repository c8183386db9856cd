//! Numbers of a state that a study names: what a diagram shows upwards, the axes of a projection.

use super::section::Section;
use super::value::{At, Value};
use crate::error::{Error, Result, brief};
use crate::report::Quantity;

const FORMS: &str =
    "\"energy\", \"norm\", a coordinate such as \"x[0]\", or an array of one number a coordinate";

/// The quantity of a key, if it is there.
pub(super) fn quantity(section: &mut Section, key: &str) -> Result<Option<Quantity>> {
    section.mark(key);
    section.get(key).map(|entry| read(section, key, &entry.value, &entry.value_at)).transpose()
}

/// The two quantities of a key, if it is there.
pub(super) fn pair(section: &mut Section, key: &str) -> Result<Option<[Quantity; 2]>> {
    section.mark(key);
    let Some(entry) = section.get(key) else { return Ok(None) };
    let Value::Array(items) = &entry.value else {
        return Err(two(section, key));
    };
    let all = items.iter().map(|(value, at)| read(section, key, value, at)).collect::<Result<Vec<_>>>()?;
    <[Quantity; 2]>::try_from(all).map(Some).map_err(|_| two(section, key))
}

fn two(section: &Section, key: &str) -> Error {
    let help = format!("write {key} = [\"x[0]\", \"x[3]\"]; each of the two is {FORMS}");
    section.error(key, format!("`{key}` must be an array of two")).with_help(help)
}

fn read(section: &Section, key: &str, value: &Value, at: &At) -> Result<Quantity> {
    let wrong = |message: String| Error::input(message).at(at.place()).with_help(format!("it is {FORMS}"));
    match value {
        Value::Text(text) => {
            Quantity::parse(text).ok_or_else(|| wrong(format!("unknown `{key}` {:?}", brief(text))))
        }
        Value::Array(weights) => {
            let number = |(value, at): &(Value, At)| section.finite(key, value, at, "an array of numbers");
            weights.iter().map(number).collect::<Result<_>>().map(Quantity::Functional)
        }
        other => Err(wrong(format!("`{key}` names a number of a state, not {}", other.what()))),
    }
}

/// What to try where a quantity does not fit the `n` coordinates of a landscape.
pub(super) fn coordinates(n: usize) -> String {
    match n {
        1 => "the landscape has one coordinate, x[0]".into(),
        _ => format!("the landscape has {n} coordinates, x[0] to x[{}]", n - 1),
    }
}
