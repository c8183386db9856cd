//! `modern-hopfield`: the dense associative memory of Ramsauer et al. (2020, "Hopfield Networks is All You Need"),
//!
//! `E(x) = |x|^2/2 - (1/beta) log sum_k w_k exp(beta y_k.x) + (confinement/2) |x|^2`;
//!
//! computed, with `kappa = 1 + confinement`, as `kappa` times the unconfined energy of the patterns `y_k/kappa` at
//! `beta kappa`;
//! its fixed points are those of attention with the patterns as keys and values. Published without weights: `w_k = 1`.

use std::sync::Arc;

use faer::{Mat, MatMut, MatRef};

use super::formula::wells::{Shape, Varied, Wells};
use super::hull;
use super::rows::{self, RowParameter, Rows, Shift};
use super::softmax::{EnclosedMixture, LogSumExp, Parts, Patterns};
use super::symmetry;
use super::{
    Enclose, Equations, Family, Kernel, Key, Kind, Landscape, Linearization, Reduced, Region, Takes,
};
use crate::certificate::format::{self, Definition, Hex};
use crate::error::{Error, Result, shown};
use crate::rigor::prune::SignedPermutation;
use crate::rigor::{Interval, System};
use crate::study::Section;

/// The landscape; see the module.
#[derive(Clone, Debug)]
pub struct ModernHopfield {
    patterns: Mat<f64>,
    /// As given; `None` where nothing but logarithms is exact.
    weights: Option<Vec<f64>>,
    log_weights: Vec<f64>,
    /// The patterns as the user counts them.
    rows: Rows,
    beta: f64,
    confinement: f64,
    kernel: LogSumExp,
}

impl ModernHopfield {
    /// From patterns (n x K, columns), positive weights (length K; all 1 in the literature), inverse temperature
    /// `beta > 0` and confinement `>= 0`.
    pub fn new(patterns: Mat<f64>, weights: Vec<f64>, beta: f64, confinement: f64) -> Result<Self> {
        if patterns.nrows() == 0 || patterns.ncols() == 0 {
            return Err(Error::input("modern-hopfield: there are no patterns"));
        }
        if weights.len() != patterns.ncols() {
            let (have, need) = (weights.len(), patterns.ncols());
            return Err(Error::input(format!("modern-hopfield: {have} `weights` for {need} patterns")));
        }
        if let Some(k) = weights.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
            return Err(Error::input(format!(
                "modern-hopfield: `weights`[{k}] is {}, it must be positive",
                shown(weights[k])
            )));
        }
        ModernHopfield::of_rows(patterns, Rows::apart(weights), beta, confinement)
    }

    /// From columns and the rows that are merged in them, whose weights are checked: zero or more, and not all zero.
    fn of_rows(patterns: Mat<f64>, rows: Rows, beta: f64, confinement: f64) -> Result<Self> {
        if !(beta > 0.0 && beta.is_finite()) {
            return Err(Error::input(format!(
                "modern-hopfield: `beta` is {}, it must be positive",
                shown(beta)
            )));
        }
        let largest = patterns.norm_max();
        if !(1e-100..1e100).contains(&beta) || largest > 1e50 {
            return Err(Error::input(format!(
                "modern-hopfield: `beta` is {beta:e} and the patterns reach {largest:e}: powers of such numbers overflow"
            ))
            .with_help("choose units in which the patterns stay below 1e50 and beta lies between 1e-100 and 1e100"));
        }
        if !(confinement >= 0.0 && confinement.is_finite()) {
            return Err(Error::input(format!(
                "modern-hopfield: `confinement` is {}, it must be zero or more",
                shown(confinement)
            )));
        }
        // With kappa = 1 + confinement the wells are y/kappa. About their mean m, with z = x - m and y = kappa (m + y'):
        // kappa |x|^2/2 - kappa m.x = kappa (|z|^2 - |m|^2)/2, so that the linear terms cancel and the logits are
        // beta kappa (y'.m + y'.z).
        let (weights, log_weights) = (rows.weights(patterns.ncols()), rows.log_weights(patterns.ncols()));
        let kappa = 1.0 + confinement;
        let center: Vec<f64> = hull::mean(patterns.as_ref()).iter().map(|m| m / kappa).collect();
        let (n, count) = patterns.shape();
        let wells = Patterns::from_fn(n, count, |i, k| patterns[(i, k)] / kappa - center[i]);
        let slope = beta * kappa;
        let bias: Vec<f64> = (0..count)
            .map(|k| {
                log_weights[k]
                    + slope * wells.as_ref().col(k).iter().zip(&center).map(|(y, m)| y * m).sum::<f64>()
            })
            .collect();
        let offset = -0.5 * kappa * center.iter().map(|c| c * c).sum::<f64>();
        let kernel = LogSumExp::new(wells, bias, center, offset, kappa, 1.0 / beta, slope);
        Ok(ModernHopfield { patterns, weights, log_weights, rows, beta, confinement, kernel })
    }

    /// Derivative of the gradient in a parameter of one row: that of `-sum_k p_k y_k`.
    fn gradient_by_row(&self, parameter: RowParameter, x: &[f64], out: &mut [f64]) {
        let softmax = self.kernel.weights(x);
        let logit =
            |k: usize| self.beta * self.patterns.col(k).iter().zip(x).map(|(y, x)| y * x).sum::<f64>();
        let shift = Shift { data: self.patterns.as_ref(), softmax: &softmax, scale: 1.0 };
        shift.write(&self.rows, parameter, logit, |_, i| self.beta * x[i], out);
        out.iter_mut().for_each(|m| *m = -*m);
    }

    /// The patterns whose weight is not zero, with the logarithms of their weights.
    fn present(&self) -> (Mat<f64>, Vec<Interval>) {
        let there = |k: &usize| self.log_weights[*k] > f64::NEG_INFINITY;
        let kept: Vec<usize> = (0..self.log_weights.len()).filter(there).collect();
        let patterns = Mat::from_fn(self.dim(), kept.len(), |i, k| self.patterns[(i, kept[k])]);
        let log = |k: usize| match &self.weights {
            Some(weights) if weights[k] == 1.0 => Interval::ZERO,
            Some(weights) => Interval::point(weights[k]).ln(),
            None => Interval::point(self.log_weights[k]),
        };
        (patterns, kept.into_iter().map(log).collect())
    }
}

impl Landscape for ModernHopfield {
    fn dim(&self) -> usize {
        self.kernel.dim()
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], gradients: MatMut<'_, f64>) {
        self.kernel.gradients(points, energies, gradients);
    }

    fn rough_gradients(&self, points: MatRef<'_, f64>, gradients: MatMut<'_, f64>) -> bool {
        self.kernel.rough_gradients(points, gradients)
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        self.kernel.linearize(points)
    }

    fn hessian(&self, x: &[f64], out: MatMut<'_, f64>) {
        self.kernel.hessian(x, out);
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        self.kernel.third(x, u, v, out);
    }

    fn thirds(&self, x: &[f64], directions: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.kernel.thirds(x, directions, None, out);
    }

    fn gradient_error(&self, x: &[f64]) -> f64 {
        self.kernel.gradient_error(x)
    }

    fn region(&self) -> Option<Region> {
        Some(self.kernel.region())
    }

    fn data(&self) -> Option<MatRef<'_, f64>> {
        Some(self.patterns.as_ref())
    }

    fn data_weights(&self) -> Option<Vec<f64>> {
        let total = rows::log_total(&self.log_weights);
        Some(self.log_weights.iter().map(|w| (w - total).exp()).collect())
    }

    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        Some(Arc::new(self.kernel.wells()))
    }

    fn enclose(&self) -> std::result::Result<Box<dyn Enclose + '_>, String> {
        // -(1/beta) log sum_k W_k exp(-(s/2) |x - y_k/kappa|^2), s = beta kappa, log W_k = log w_k + (s/2) |y_k/kappa|^2.
        let beta = Interval::point(self.beta);
        let kappa = if self.confinement == 0.0 {
            Interval::ONE
        } else {
            Interval::ONE + Interval::point(self.confinement)
        };
        let precision = if kappa == Interval::ONE { beta } else { beta * kappa };
        // What has no weight is not there.
        let (patterns, logs) = self.present();
        Ok(Box::new(EnclosedMixture::new(Parts {
            data: patterns.as_ref(),
            factor: if kappa == Interval::ONE { Interval::ONE } else { Interval::ONE / kappa },
            logs,
            tilt: precision,
            precision,
            scale: Interval::ONE / beta,
            constant: Interval::ZERO,
        })))
    }

    fn definition(&self) -> std::result::Result<Definition, String> {
        let weights =
            self.weights.as_ref().ok_or("a pattern is only partly there: its weight is not exact")?;
        let present: Vec<usize> = (0..weights.len()).filter(|k| weights[*k] > 0.0).collect();
        let rows = present.iter().map(|k| self.patterns.col(*k).iter().copied().collect()).collect();
        let data = format::Data::new(self.dim(), rows, present.iter().map(|k| weights[*k]).collect());
        let [beta, confinement] = [self.beta, self.confinement].map(Hex);
        Ok(Definition::ModernHopfield { data, beta, confinement })
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel { temperature: 1.0 / self.beta, curvature: self.kernel.curvature })
    }

    fn has_symmetry(&self, map: &SignedPermutation) -> bool {
        let weights = self.weights.as_ref().unwrap_or(&self.log_weights);
        symmetry::permutes(self.patterns.as_ref(), weights, map)
    }

    fn reduce(&self) -> Option<Reduced> {
        let n = self.dim();
        let kernel = &self.kernel;
        let basis = hull::span(kernel.patterns())?;
        // The point of the hull nearest to the origin: then y_k.x has no part along the normals but a constant.
        let zero = vec![0.0; n];
        let along = hull::coordinates(basis.as_ref(), &zero, crate::linalg::column(&kernel.center));
        let origin: Vec<f64> = (0..n)
            .map(|i| {
                kernel.center[i] - (0..basis.ncols()).map(|j| basis[(i, j)] * along[(j, 0)]).sum::<f64>()
            })
            .collect();
        let patterns = hull::coordinates(basis.as_ref(), &zero, self.patterns.as_ref());
        let inner =
            ModernHopfield::of_rows(patterns, self.rows.only_present(), self.beta, self.confinement).ok()?;
        let offset = -0.5 * kernel.curvature * origin.iter().map(|o| o * o).sum::<f64>();
        Some(Reduced { inner: Box::new(inner), origin, basis, offset, normal: kernel.curvature })
    }
}

impl Family for ModernHopfield {
    fn parameters(&self) -> Vec<(String, f64)> {
        vec![("beta".to_string(), self.beta), ("confinement".to_string(), self.confinement)]
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let (beta, confinement) = match name {
            "beta" => (value, self.confinement),
            "confinement" => (self.beta, value),
            _ => {
                let (rows, first) = (&self.rows, self.parameters().len());
                let Some(place) = rows.place(name, self.dim(), first) else {
                    return Err(rows::no_such_parameter("modern-hopfield", name, self, rows));
                };
                let parameter = rows.parameter(place - first, self.dim());
                let (patterns, rows) =
                    rows.changed("modern-hopfield", self.patterns.as_ref(), parameter, value)?;
                let changed = ModernHopfield::of_rows(patterns, rows, self.beta, self.confinement)?;
                return Ok(Box::new(changed));
            }
        };
        let mut changed =
            ModernHopfield::of_rows(self.patterns.clone(), self.rows.clone(), beta, confinement)?;
        changed.kernel.share(&self.kernel);
        Ok(Box::new(changed))
    }

    fn breaks(&self, parameter: usize) -> Vec<f64> {
        let place = parameter.checked_sub(2);
        place.map_or(vec![], |place| self.rows.breaks(self.rows.parameter(place, self.dim())))
    }

    fn row_parameters(&self) -> &'static [&'static str] {
        rows::PATTERNS
    }

    fn parameter_place(&self, name: &str) -> Option<usize> {
        let plain = self.parameters();
        let known = plain.iter().position(|(known, _)| known == name);
        known.or_else(|| self.rows.place(name, self.dim(), plain.len()))
    }

    fn equations(
        &self,
        parameter: usize,
        near: &[f64],
        of: Equations<'_>,
    ) -> std::result::Result<Box<dyn System + '_>, String> {
        let varied = match parameter {
            0 => Varied::Width,
            1 => Varied::Confinement,
            more => match self.rows.parameter(more - 2, self.dim()) {
                RowParameter::Count => return Err(rows::NOT_PROVEN.into()),
                single => Varied::Row(single),
            },
        };
        let apart = self.rows.apart_of(self.patterns.as_ref());
        let (data, weights) = apart.ok_or("only logarithms of the weights are known")?;
        let shape = Shape::Products { beta: self.beta };
        let energy = Wells { data, weights, shape, confinement: self.confinement, varied };
        Ok(Box::new(energy.equations(near, of)?))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        if parameter >= 2 {
            let row = self.rows.parameter(parameter - 2, self.dim());
            return self.gradient_by_row(row, x, out);
        }
        if parameter == 1 {
            out.copy_from_slice(x);
            return;
        }
        // d/dbeta of -sum p_k y_k, where the logits grow at the rate y_k.x; centring y changes neither factor. The
        // kernel's patterns are y/kappa, which leaves kappa^2.
        let p = self.kernel.weights(x);
        let kappa = self.kernel.curvature;
        let mut rate: Vec<f64> = self
            .kernel
            .patterns()
            .col_iter()
            .map(|y| y.iter().zip(x).map(|(y, x)| y * x).sum::<f64>())
            .collect();
        let mean: f64 = rate.iter().zip(&p).map(|(r, p)| r * p).sum();
        rate.iter_mut().zip(&p).for_each(|(r, p)| *r = -kappa * kappa * p * (*r - mean));
        self.kernel.mean(&rate, out);
    }
}

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: "modern-hopfield",
    energy: "|x|^2/2 - (1/beta) log sum_k w_k exp(beta y_k.x) + (confinement/2) |x|^2",
    source: "Ramsauer et al. 2020",
    keys: &[
        Key { name: "data", takes: Takes::Data, default: "", doc: "the patterns y_k, one a row" },
        Key {
            name: "rows",
            takes: Takes::Any,
            default: "",
            doc: "rows of the data to use: 300 (the first 300) or \"100..400\"",
        },
        Key { name: "beta", takes: Takes::Number, default: "", doc: "inverse temperature, positive" },
        Key {
            name: "weights",
            takes: Takes::Numbers,
            default: "1 each",
            doc: "one positive number a row of the data",
        },
        Key { name: "confinement", takes: Takes::Number, default: "0", doc: "adds (confinement/2) |x|^2" },
    ],
    build,
};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let points = section.points("data")?.ok_or_else(|| {
        Error::input("modern-hopfield needs `data`: a file with one pattern a row")
            .with_help("data = \"patterns.csv\"")
    })?;
    let beta = section.need_number("beta")?;
    let confinement = section.number("confinement")?.unwrap_or(0.0);
    let given = section.weights(&points)?;
    if points.values.nrows() == 0 || points.values.ncols() == 0 {
        return Err(Error::input("modern-hopfield: there are no patterns"));
    }
    let rows = Rows::merged(points.column_of_row, given);
    ModernHopfield::of_rows(points.values, rows, beta, confinement)
        .map(|m| Box::new(m) as Box<dyn Family>)
        .map_err(|e| super::blame(section, &["beta", "weights", "confinement"], e))
}
