//! Layer normalisation of one token and the derivatives of its Lagrangian `D gamma sqrt(var(x) + epsilon) + delta.x`,
//! whose gradient it is.

use crate::landscape::lagrangian::{Lagrangian, Local};
use crate::linalg::dot;

/// One token, frozen.
pub(super) struct LayerNorm {
    gamma: f64,
    /// `x - mean`.
    pub(super) arm: Vec<f64>,
    pub(super) mean: f64,
    /// `sqrt(var(x) + epsilon)`.
    pub(super) s: f64,
    local: Local,
}

impl LayerNorm {
    pub(super) fn new(x: &[f64], gamma: f64, epsilon: f64) -> Self {
        let d = x.len() as f64;
        let mean = x.iter().sum::<f64>() / d;
        let arm: Vec<f64> = x.iter().map(|x| x - mean).collect();
        let s = (dot(&arm, &arm) / d + epsilon).sqrt();
        // D gamma s = sqrt(D) gamma sqrt(|x - mean|^2 + D epsilon).
        let lagrangian =
            Lagrangian::Radial { gamma: d.sqrt() * gamma, e: d * epsilon, delta: 0.0, centred: true };
        LayerNorm { gamma, arm, mean, s, local: lagrangian.local(x) }
    }

    /// `gamma (x - mean)/sqrt(var + epsilon)`, without the shift delta.
    pub(super) fn normalised(&self) -> Vec<f64> {
        self.arm.iter().map(|a| self.gamma * a / self.s).collect()
    }

    /// Second derivative of the Lagrangian along `a`: the metric times `a`.
    pub(super) fn second(&self, a: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        self.local.second(a, &mut out);
        out
    }

    /// Third derivative along `a` and `b`.
    pub(super) fn third(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        self.local.third(a, b, &mut out);
        out
    }

    /// Fourth derivative along `a`, `b` and `c`.
    pub(super) fn fourth(&self, a: &[f64], b: &[f64], c: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        self.local.fourth(a, b, c, &mut out);
        out
    }
}
