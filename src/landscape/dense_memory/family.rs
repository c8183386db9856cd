//! The parameters of a dense memory and how its gradient depends on them.

use super::{DenseMemory, Separation};
use crate::error::Result;
use crate::landscape::{Family, no_such_parameter};
use crate::linalg::axpy;

impl Family for DenseMemory {
    fn parameters(&self) -> Vec<(String, f64)> {
        let mut list = vec![("scale".to_string(), self.scale)];
        list.extend(self.lagrangian.gain().map(|gain| ("gain".to_string(), gain)));
        match self.separation {
            Separation::Rectified { p } => list.push(("p".to_string(), p)),
            Separation::Exponential { beta } => list.push(("beta".to_string(), beta)),
            Separation::Power { .. } => {}
        }
        list.push(("confinement".to_string(), self.confinement));
        list
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let mut changed = self.clone();
        match (name, &mut changed.separation) {
            ("scale", _) => changed.scale = value,
            ("confinement", _) => changed.confinement = value,
            ("gain", _) if self.lagrangian.gain().is_some() => {
                changed.lagrangian = self.lagrangian.with_gain(value);
            }
            ("p", Separation::Rectified { p }) => *p = value,
            ("beta", Separation::Exponential { beta }) => *beta = value,
            _ => return Err(no_such_parameter("dense-memory", name, &self.parameters())),
        }
        let DenseMemory { weights, separation, lagrangian, scale, confinement, .. } = changed;
        let built = DenseMemory::new(self.patterns(), weights, separation, lagrangian, scale, confinement)?;
        Ok(Box::new(built))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        let frozen = self.freeze(x);
        let g = self.activation(x);
        let z = self.overlaps(&g);
        match self.parameters()[parameter].0.as_str() {
            "confinement" => out.copy_from_slice(x),
            "scale" => {
                let rates: Vec<f64> = self.slopes(1, &z).iter().map(|s| -s / self.scale).collect();
                out.copy_from_slice(&frozen.local.second(&self.combine(&rates)));
            }
            "gain" => {
                // g depends on b x alone: its rate in b is that along x, divided by b; M is b times such a function.
                let gain = self.lagrangian.gain().unwrap_or(1.0);
                let activation: Vec<f64> = frozen.local.second(x).iter().map(|m| m / gain).collect();
                let pull = self.couple(&frozen, &activation);
                let mut rate = frozen.local.second(&frozen.force);
                axpy(1.0, &frozen.local.third(x, &frozen.force), &mut rate);
                out.iter_mut().zip(rate).for_each(|(o, r)| *o = r / gain);
                axpy(-1.0, &frozen.local.second(&pull), out);
            }
            _ => {
                let rate =
                    |(k, z): (usize, &f64)| -self.separation.derivative_by_parameter(self.factor(k), *z);
                let rates: Vec<f64> = z.iter().enumerate().map(rate).collect();
                out.copy_from_slice(&frozen.local.second(&self.combine(&rates)));
            }
        }
    }
}
