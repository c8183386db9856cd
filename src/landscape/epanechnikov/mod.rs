//! `epanechnikov`: the log-sum-ReLU memory of Hoover et al. (2025, "Dense Associative Memory with Epanechnikov Energy"),
//!
//! `E(x) = -(1/beta) log(e0 + sum_k w_k relu(1 - (beta/2) |x - y_k|^2))`.
//!
//! Each memory has a window of radius `r = sqrt(2/beta)`. Within a cell of the arrangement of windows the energy is
//! smooth: with W the weight and c the weighted centroid of the memories whose windows hold x, and T the argument of
//! the logarithm, gradient `W (x - c)/T`, Hessian `(W/T) I + beta (W/T)^2 (x - c)(x - c)'`. That is positive definite,
//! so every smooth critical point is a minimum, and is the centroid of exactly the memories within r of it
//! ([`Epanechnikov::minima`] lists them all). Between minima the energy has ridges at the edges of windows, where it
//! has no gradient: **there are no saddles in the smooth sense**, none are reported, and neither the Euler
//! characteristic nor Morse-Smale apply. Outside all windows the energy is constant for `e0 > 0` (a plateau: one
//! degenerate family of full dimension) and infinite for `e0 = 0`.

mod minima;

use std::sync::{Arc, OnceLock};

use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

pub use minima::{Minima, ROUNDING, Well};

use super::{Family, Key, Kind, Landscape, Linearization, Region, Takes, hull};
use crate::error::{Error, Result};
use crate::linalg::dot;
use crate::study::Section;

/// The landscape; see the module.
#[derive(Clone, Debug)]
pub struct Epanechnikov {
    /// One after the other.
    memories: Vec<f64>,
    dim: usize,
    weights: Vec<f64>,
    beta: f64,
    e0: f64,
    minima: Arc<OnceLock<Minima>>,
}

/// The argument T of the logarithm at a point, and what of its derivatives all others are made of.
struct Windows {
    total: f64,
    /// Weight of the memories whose windows hold the point.
    weight: f64,
    /// `sum w (x - y)` over them.
    arm: Vec<f64>,
    /// `sum w |x - y|^2` over them.
    square: f64,
}

impl Epanechnikov {
    /// From memories (n x K, columns), positive weights (length K), inverse temperature `beta > 0` and `e0 >= 0`.
    pub fn new(memories: MatRef<'_, f64>, weights: Vec<f64>, beta: f64, e0: f64) -> Result<Self> {
        let error = |what: String| Err(Error::input(format!("epanechnikov: {what}")));
        if memories.nrows() == 0 || memories.ncols() == 0 {
            return error("there are no memories".into());
        }
        if weights.len() != memories.ncols() {
            return error(format!("{} `weights` for {} memories", weights.len(), memories.ncols()));
        }
        if let Some(k) = weights.iter().position(|w| !(1e-100..=1e100).contains(w)) {
            return error(format!("`weights`[{k}] is {}, it must lie between 1e-100 and 1e100", weights[k]));
        }
        if !(1e-100..=1e100).contains(&beta) {
            return error(format!("`beta` is {beta:e}, it must lie between 1e-100 and 1e100"));
        }
        if !((0.0..=1e100).contains(&e0)) {
            return error(format!("`e0` is {e0}, it must lie between 0 and 1e100"));
        }
        if memories.norm_max() > 1e100 {
            return error(format!(
                "the memories reach {:e}: squares of such numbers overflow",
                memories.norm_max()
            ));
        }
        let dim = memories.nrows();
        let memories = memories.col_iter().flat_map(|c| c.iter().copied()).collect();
        Ok(Epanechnikov { memories, dim, weights, beta, e0, minima: Arc::default() })
    }

    /// Radius of a window.
    pub fn radius(&self) -> f64 {
        (2.0 / self.beta).sqrt()
    }

    /// All minima, exactly: the centroids of the sets of memories that are just those within the radius of their
    /// centroid.
    pub fn minima(&self) -> &Minima {
        self.minima.get_or_init(|| minima::enumerate(&self.memories, self.dim, &self.weights, self.radius()))
    }

    fn windows(&self, x: &[f64]) -> Windows {
        let mut at = Windows { total: self.e0, weight: 0.0, arm: vec![0.0; self.dim], square: 0.0 };
        for (y, w) in self.memories.chunks_exact(self.dim).zip(&self.weights) {
            let square: f64 = x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum();
            let height = 1.0 - 0.5 * self.beta * square;
            if height > 0.0 {
                at.total += w * height;
                at.weight += w;
                at.square += w * square;
                at.arm.iter_mut().zip(x.iter().zip(y)).for_each(|(a, (x, y))| *a += w * (x - y));
            }
        }
        at
    }

    fn evaluate(&self, x: &[f64], mut gradient: impl FnMut(usize, f64)) -> f64 {
        let at = self.windows(x);
        // Where T = 0 the energy is infinite and has no gradient: NaN ends whatever strays there.
        (0..self.dim).for_each(|i| gradient(i, at.arm[i] / at.total));
        -at.total.ln() / self.beta
    }
}

impl Landscape for Epanechnikov {
    fn dim(&self) -> usize {
        self.dim
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], gradients: MatMut<'_, f64>) {
        gradients.par_col_iter_mut().zip(energies.par_iter_mut()).enumerate().for_each(|(j, (mut g, e))| {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            *e = self.evaluate(&x, |i, value| g[i] = value);
        });
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        let at = points.par_col_iter().map(|x| self.windows(&x.iter().copied().collect::<Vec<f64>>()));
        Box::new(Frozen { beta: self.beta, at: at.collect() })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let at = self.windows(x);
        for j in 0..self.dim {
            for i in 0..self.dim {
                out[(i, j)] = self.beta * (at.arm[i] / at.total) * (at.arm[j] / at.total);
            }
            out[(j, j)] += at.weight / at.total;
        }
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        let at = self.windows(x);
        // T has no third derivative within a cell: what is left are products of the lower ones.
        let arm: Vec<f64> = at.arm.iter().map(|a| a / at.total).collect();
        let (weight, b) = (at.weight / at.total, self.beta);
        let (au, av, uv) = (dot(&arm, u), dot(&arm, v), dot(u, v));
        for i in 0..out.len() {
            let mixed = uv * arm[i] + u[i] * av + v[i] * au;
            out[i] = b * weight * mixed + 2.0 * b * b * au * av * arm[i];
        }
    }

    fn region(&self) -> Option<Region> {
        let memories = MatRef::from_column_major_slice(&self.memories, self.dim, self.weights.len());
        let center = hull::mean(memories);
        let radius = hull::spread(memories, &center) + self.radius();
        Some(Region::ball(center, radius))
    }

    fn data(&self) -> Option<MatRef<'_, f64>> {
        Some(MatRef::from_column_major_slice(&self.memories, self.dim, self.weights.len()))
    }

    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        let minima = self.minima();
        let mut centers: Vec<&[f64]> = minima.wells.iter().map(|w| w.center.as_slice()).collect();
        if !minima.complete || centers.is_empty() {
            centers.extend(self.memories.chunks_exact(self.dim));
        }
        Some(Arc::new(Mat::from_fn(self.dim, centers.len(), |i, j| centers[j][i])))
    }

    fn highest_index(&self) -> usize {
        0
    }

    fn is_smooth(&self) -> bool {
        false
    }
}

impl Family for Epanechnikov {
    fn parameters(&self) -> Vec<(String, f64)> {
        vec![("beta".to_string(), self.beta), ("e0".to_string(), self.e0)]
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let (beta, e0) = match name {
            "beta" => (value, self.e0),
            "e0" => (self.beta, value),
            _ => return Err(super::no_such_parameter("epanechnikov", name, &self.parameters())),
        };
        let memories = MatRef::from_column_major_slice(&self.memories, self.dim, self.weights.len());
        Ok(Box::new(Epanechnikov::new(memories, self.weights.clone(), beta, e0)?))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        let at = self.windows(x);
        let rate = if parameter == 0 { 0.5 * at.square } else { -1.0 };
        out.iter_mut().zip(&at.arm).for_each(|(o, a)| *o = rate * a / (at.total * at.total));
    }
}

struct Frozen {
    beta: f64,
    at: Vec<Windows>,
}

impl Linearization for Frozen {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for j in 0..vectors.ncols() {
            let at = &self.at[if self.at.len() == 1 { 0 } else { j }];
            let along: f64 =
                at.arm.iter().zip(vectors.col(j).iter()).map(|(a, v)| a * v).sum::<f64>() / at.total;
            for i in 0..vectors.nrows() {
                let turn = self.beta * along * at.arm[i] / at.total;
                out[(i, j)] = at.weight / at.total * vectors[(i, j)] + turn;
            }
        }
    }
}

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: "epanechnikov",
    energy: "-(1/beta) log(e0 + sum_k w_k relu(1 - (beta/2) |x - y_k|^2))",
    source: "Hoover et al. 2025, Dense Associative Memory with Epanechnikov Energy",
    keys: &[
        Key { name: "data", takes: Takes::Data, default: "", doc: "the memories y_k, one a row" },
        Key {
            name: "rows",
            takes: Takes::Any,
            default: "",
            doc: "rows of the data to use: 300 (the first 300) or \"100..400\"",
        },
        Key {
            name: "beta",
            takes: Takes::Number,
            default: "",
            doc: "inverse temperature, positive: a memory's window has radius sqrt(2/beta)",
        },
        Key {
            name: "e0",
            takes: Takes::Number,
            default: "0",
            doc: "floor of the sum, zero or more: the energy outside all windows is -log(e0)/beta",
        },
        Key {
            name: "weights",
            takes: Takes::Numbers,
            default: "1 each",
            doc: "one positive number a row of the data",
        },
    ],
    build,
};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let points = section.points("data")?.ok_or_else(|| {
        Error::input("epanechnikov needs `data`: a file with one memory a row")
            .with_help("data = \"memories.csv\"")
    })?;
    let beta = section.need_number("beta")?;
    let e0 = section.number("e0")?.unwrap_or(0.0);
    let given = section.weights(&points)?;
    let weights = match &given {
        None => points.multiplicity.iter().map(|m| *m as f64).collect(),
        Some(rows) => points.merge_weights(rows).map_err(|m| section.error("weights", m))?,
    };
    Epanechnikov::new(points.values.as_ref(), weights, beta, e0)
        .map(|m| Box::new(m) as Box<dyn Family>)
        .map_err(|e| super::blame(section, &["beta", "e0", "weights"], e))
}

#[cfg(test)]
mod tests;
