//! The plane onto which states of many coordinates are projected, for pictures and the page alike.

use serde_json::{Value, json};

use super::geometry::P;
use super::quantity::Quantity;
use crate::linalg::{Principal, principal};

/// An axis of the plane.
#[derive(Clone, Debug)]
enum Axis {
    /// One that was chosen.
    Chosen(Quantity),
    /// A direction in which the points spread, counted from their mean.
    Principal { number: usize, share: f64, mean: Vec<f64>, direction: Vec<f64> },
}

/// Two axes: chosen ones, or the directions in which points spread most.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    axes: [Axis; 2],
}

impl Plane {
    /// The plane of the chosen axes, else that in which the points spread most; `None` if they all lie in one place, or one of them has a
    /// number that is not finite.
    pub(super) fn new(points: &[&[f64]], chosen: Option<&[Quantity; 2]>) -> Option<Plane> {
        if let Some(chosen) = chosen {
            return Some(Plane { axes: chosen.clone().map(Axis::Chosen) });
        }
        let Principal { mean, directions, shares } = principal(points, 2)?;
        let spread = shares.first().is_some_and(|share| *share > 0.0) && directions.ncols() == 2;
        let axis = |k: usize| Axis::Principal {
            number: k + 1,
            share: shares[k],
            mean: mean.clone(),
            direction: directions.col_as_slice(k).to_vec(),
        };
        spread.then(|| Plane { axes: [axis(0), axis(1)] })
    }

    /// Where a state with this energy comes to lie.
    pub(super) fn place(&self, x: &[f64], energy: f64) -> P {
        let [a, b] = self.axes.each_ref().map(|axis| axis.of(x, energy));
        (a, b)
    }

    /// What stands at the axes.
    pub(super) fn names(&self) -> [String; 2] {
        self.axes.each_ref().map(|axis| match axis {
            Axis::Chosen(quantity) => quantity.name(),
            Axis::Principal { number, share, .. } => {
                format!("principal {number} ({:.0}% of the variance)", 100.0 * share)
            }
        })
    }

    /// Are distances in the plane distances of states, or no longer, so that the picture should be to scale?
    pub(super) fn is_metric(&self) -> bool {
        self.axes.iter().all(|axis| matches!(axis, Axis::Principal { .. }))
    }

    /// For the page: of each axis its `name`, and `of`: what a study writes for it, or `{mean, direction}`.
    pub(super) fn json(&self) -> Value {
        let names = self.names();
        let axis = |axis: &Axis, name: &String| match axis {
            Axis::Chosen(quantity) => json!({ "name": name, "of": quantity.json() }),
            Axis::Principal { mean, direction, .. } => {
                json!({ "name": name, "of": { "mean": mean, "direction": direction } })
            }
        };
        self.axes.iter().zip(&names).map(|(a, name)| axis(a, name)).collect()
    }
}

impl Axis {
    fn of(&self, x: &[f64], energy: f64) -> f64 {
        match self {
            Axis::Chosen(quantity) => quantity.of(x, energy),
            Axis::Principal { mean, direction, .. } => {
                x.iter().zip(mean).zip(direction).map(|((x, m), d)| (x - m) * d).sum()
            }
        }
    }
}
