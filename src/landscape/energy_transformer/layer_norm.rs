//! Layer normalisation of one token and the derivatives of its Lagrangian `D gamma sqrt(var(x) + epsilon) + delta.x`,
//! whose gradient it is.
//!
//! With `s = sqrt(var + epsilon)` and subscripts for derivatives along vectors: `s s_a = <xa>`, `s s_ab + s_a s_b = <ab>`
//! (means over the D centred coordinates), and from there on by the product rule.

use crate::linalg::{axpy, dot};

/// One token, frozen.
pub(super) struct LayerNorm {
    gamma: f64,
    /// `x - mean`.
    pub(super) arm: Vec<f64>,
    pub(super) mean: f64,
    /// `sqrt(var(x) + epsilon)`.
    pub(super) s: f64,
    /// The gradient of s.
    slope: Vec<f64>,
}

impl LayerNorm {
    pub(super) fn new(x: &[f64], gamma: f64, epsilon: f64) -> Self {
        let d = x.len() as f64;
        let mean = x.iter().sum::<f64>() / d;
        let arm: Vec<f64> = x.iter().map(|x| x - mean).collect();
        let variance = dot(&arm, &arm) / d;
        let s = (variance + epsilon).sqrt();
        let slope = arm.iter().map(|a| a / (d * s)).collect();
        LayerNorm { gamma, arm, mean, s, slope }
    }

    /// `gamma (x - mean)/sqrt(var + epsilon)`, without the shift delta.
    pub(super) fn normalised(&self) -> Vec<f64> {
        self.arm.iter().map(|a| self.gamma * a / self.s).collect()
    }

    fn dim(&self) -> f64 {
        self.arm.len() as f64
    }

    fn centred(&self, a: &[f64]) -> Vec<f64> {
        let mean = a.iter().sum::<f64>() / self.dim();
        a.iter().map(|a| a - mean).collect()
    }

    /// `s_a`.
    fn one(&self, a: &[f64]) -> f64 {
        dot(&self.slope, a)
    }

    /// The vector of `s_a.`.
    pub(super) fn two(&self, a: &[f64]) -> Vec<f64> {
        let (along, d) = (self.one(a), self.dim());
        let centred = self.centred(a);
        (0..a.len()).map(|i| (centred[i] / d - along * self.slope[i]) / self.s).collect()
    }

    /// The vector of `s_ab.`.
    pub(super) fn three(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        let (sa, sb, ta, tb) = (self.one(a), self.one(b), self.two(a), self.two(b));
        let sab = dot(&ta, b);
        (0..a.len()).map(|i| -(sa * tb[i] + sb * ta[i] + sab * self.slope[i]) / self.s).collect()
    }

    fn weight(&self, mut v: Vec<f64>) -> Vec<f64> {
        let factor = self.gamma * self.dim();
        v.iter_mut().for_each(|v| *v *= factor);
        v
    }

    /// Second derivative of the Lagrangian along `a`: the metric times `a`.
    pub(super) fn second(&self, a: &[f64]) -> Vec<f64> {
        self.weight(self.two(a))
    }

    /// Third derivative along `a` and `b`.
    pub(super) fn third(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        self.weight(self.three(a, b))
    }

    /// Fourth derivative along `a`, `b` and `c`.
    pub(super) fn fourth(&self, a: &[f64], b: &[f64], c: &[f64]) -> Vec<f64> {
        let (ta, tb, tc) = (self.two(a), self.two(b), self.two(c));
        let (tbc, tac, tab) = (self.three(b, c), self.three(a, c), self.three(a, b));
        let mut out = vec![0.0; a.len()];
        for (factor, v) in [
            (dot(&tb, c), &ta),
            (dot(&ta, c), &tb),
            (dot(&ta, b), &tc),
            (self.one(a), &tbc),
            (self.one(b), &tac),
            (self.one(c), &tab),
            (dot(&tab, c), &self.slope),
        ] {
            axpy(-factor / self.s, v, &mut out);
        }
        self.weight(out)
    }
}
