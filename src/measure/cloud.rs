//! A measure as weighted points: what quadrature and sampling leave behind, and the expectations taken from it.

use faer::Mat;

use super::laplace::log_sum;

/// Points that stand for the Gibbs measure, in search coordinates.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Points, one a column (r x N).
    pub points: Mat<f64>,
    /// Energies there (inner landscape).
    pub energies: Vec<f64>,
    /// Logarithms of weights, which sum to the integral of `exp(-E/eps)` over the search coordinates.
    pub log_weights: Vec<f64>,
    /// The well to whose basin each point belongs (its place among the wells), `None` where that is not known.
    pub labels: Vec<Option<u32>>,
}

impl Cloud {
    /// Number of points.
    pub fn len(&self) -> usize {
        self.log_weights.len()
    }

    /// Is there no point?
    pub fn is_empty(&self) -> bool {
        self.log_weights.is_empty()
    }

    /// The points in the basin of a well.
    pub fn basin(&self, well: usize) -> Vec<usize> {
        (0..self.len()).filter(|&n| self.labels[n] == Some(well as u32)).collect()
    }

    /// The logarithms of the weights of some points.
    pub fn log_weights_of(&self, points: &[usize]) -> Vec<f64> {
        points.iter().map(|&n| self.log_weights[n]).collect()
    }

    /// The point number `n`.
    pub fn point(&self, n: usize) -> &[f64] {
        self.points.col_as_slice(n)
    }

    /// Logarithm of the total.
    pub fn log_total(&self) -> f64 {
        log_sum(&self.log_weights)
    }

    /// Weights that sum to one.
    pub fn weights(&self) -> Vec<f64> {
        let total = self.log_total();
        self.log_weights.iter().map(|l| (l - total).exp()).collect()
    }

    /// Mean of a function of the points (number, place) under the measure.
    pub fn mean(&self, f: impl Fn(usize, &[f64]) -> f64) -> f64 {
        let weights = self.weights();
        (0..self.len()).map(|n| weights[n] * f(n, self.point(n))).sum()
    }
}
