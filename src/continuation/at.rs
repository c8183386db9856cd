//! The points of a branch at one value of the parameter.

use super::{Branch, BranchPoint, End};
use crate::error::Result;
use crate::landscape::Family;
use crate::landscape::hessian::{Hessian, layout};
use crate::linalg::{Layout, axpy, norm};

impl Branch {
    /// All points of the branch at this value of the parameter, corrected by Newton's method: the number of the point
    /// before it along the branch, and where it is. Where the value is that of one of the branch's points, that point.
    ///
    /// # Errors
    /// If the family has no such parameter, or not this value.
    pub fn at(&self, family: &dyn Family, parameter: &str, value: f64) -> Result<Vec<(usize, Vec<f64>)>> {
        let landscape = family.with_parameter(parameter, value)?;
        let layout = layout(family);
        let mut found: Vec<(usize, Vec<f64>)> = vec![];
        for (k, pair) in self.points.windows(2).enumerate() {
            let [a, b] = pair else { continue };
            if a.parameter == value {
                found.push((k, a.x.clone()));
                continue;
            }
            if (a.parameter - value) * (b.parameter - value) >= 0.0 {
                continue;
            }
            let guess = self.interpolate(a, b, value);
            let x =
                newton(landscape.as_ref(), layout.as_ref(), guess.clone(), self.scales.state).filter(|x| {
                    let chord: Vec<f64> = a.x.iter().zip(&b.x).map(|(a, b)| a - b).collect();
                    let off: Vec<f64> = x.iter().zip(&guess).map(|(x, g)| x - g).collect();
                    norm(&off) <= 0.5 * norm(&chord) + 1e-3 * self.scales.state
                });
            found.extend(x.map(|x| (k, x)));
        }
        // The last point of a closed branch is its first.
        let closed = self.ends[1] == End::Closed;
        if let Some(last) = self.points.last().filter(|last| last.parameter == value && !closed) {
            found.push((self.points.len() - 1, last.x.clone()));
        }
        Ok(found)
    }

    /// The state at which the Hermite cubic between two points has this parameter.
    fn interpolate(&self, a: &BranchPoint, b: &BranchPoint, value: f64) -> Vec<f64> {
        let (za, zb) = (self.scales.z(a.parameter, &a.x), self.scales.z(b.parameter, &b.x));
        let n = a.x.len();
        let length = norm(&za.iter().zip(&zb).map(|(a, b)| b - a).collect::<Vec<f64>>());
        let coordinate = |u: f64, i: usize| {
            let (u2, u3) = (u * u, u * u * u);
            za[i] * (2.0 * u3 - 3.0 * u2 + 1.0)
                + zb[i] * (3.0 * u2 - 2.0 * u3)
                + length * ((u3 - 2.0 * u2 + u) * a.tangent[i] + (u3 - u2) * b.tangent[i])
        };
        let theta = self.scales.theta(value);
        let rising = zb[n] > za[n];
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if (coordinate(middle, n) < theta) == rising { low = middle } else { high = middle }
        }
        let u = 0.5 * (low + high);
        (0..n).map(|i| self.scales.state * coordinate(u, i)).collect()
    }
}

/// Newton's method at a fixed parameter, as far as rounding allows.
pub(super) fn newton(
    landscape: &dyn Family,
    layout: Option<&Layout>,
    mut x: Vec<f64>,
    state: f64,
) -> Option<Vec<f64>> {
    let n = x.len();
    let mut last = f64::INFINITY;
    for _ in 0..30 {
        let mut step = vec![0.0; n];
        landscape.gradient(&x, &mut step);
        if !Hessian::at(landscape, layout, &x, 1.0).solve(&mut step) {
            return None;
        }
        axpy(-1.0, &step, &mut x);
        let (size, scale) = (norm(&step), norm(&x).max(0.1 * state));
        if size <= 1e-15 * scale || size > 0.5 * last && size < 1e-8 * scale {
            return Some(x);
        }
        if size > 4.0 * last {
            return None;
        }
        last = size;
    }
    (last < 1e-8 * state).then_some(x)
}
