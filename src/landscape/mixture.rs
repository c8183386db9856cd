//! `mixture`: the energy of the empirical diffusion model and of the Gaussian kernel density,
//!
//! `E(x) = -log sum_k w_k exp(-|x - a y_k|^2 / (2 sigma^2)) + (confinement/2) |x|^2`, `sum_k w_k = 1`.
//!
//! The confinement changes nothing but the numbers: with `kappa = 1/sigma^2 + confinement` it is, up to a constant, a
//! mixture of width `kappa^(-1/2)` about `a y_k / (kappa sigma^2)` with weights
//! `w_k exp(-confinement |a y_k|^2 / (2 kappa sigma^2))`, and is computed as that.
//!
//! A schedule gives `a` and `sigma` from a time `t`; what is proven of a scheduled mixture is proven of the floating-point
//! numbers `a` and `sigma` that [`Schedule::at`] returns. The energy of Pham et al. (2025, "Memorization to Generalization")
//! is `2 sigma^2 E` up to a constant, with their `beta = 1/(2 sigma^2)`: same critical points and indices.

use std::sync::Arc;

use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

pub use super::diffusion::Schedule;
use super::formula::wells::{Shape, Varied, Wells};
use super::hull;
use super::rows::{self, RowParameter, Rows, Shift};
use super::softmax::{EnclosedMixture, LogSumExp, Parts, Patterns};
use super::symmetry;
use super::{
    Diffusion, Enclose, Equations, Family, Kernel, Key, Kind, Landscape, Linearization, Marginal, Reduced,
    Region, Takes,
};
use crate::certificate::format::{self, Definition, Hex};
use crate::data::Points;
use crate::error::{Error, Result, shown};
use crate::rigor::prune::SignedPermutation;
use crate::rigor::{Interval, System};
use crate::study::Section;

/// Noise of a mixture: given outright or through a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// Contraction `a` of the data and noise scale `sigma`.
    Fixed {
        /// Factor on the data.
        a: f64,
        /// Standard deviation of the kernel.
        sigma: f64,
    },
    /// A schedule at a time.
    Scheduled {
        /// The schedule.
        schedule: Schedule,
        /// The time.
        t: f64,
    },
}

/// The landscape; see the module.
#[derive(Clone, Debug)]
pub struct Mixture {
    /// Shared by all members of a family.
    data: Arc<Mat<f64>>,
    /// As given, not normalised; `None` where nothing but logarithms is known, or exact.
    weights: Option<Vec<f64>>,
    /// The data as the user counts them; `None` where the columns are all that is known of them.
    rows: Option<Rows>,
    log_weights: Vec<f64>,
    noise: Noise,
    a: f64,
    sigma: f64,
    confinement: f64,
    /// `a y_k`; the data themselves where `a` is one.
    scaled: Arc<Mat<f64>>,
    kernel: LogSumExp,
}

impl Mixture {
    /// From data (n x K, columns), positive weights (length K, any sum), noise and confinement `>= 0`.
    pub fn new(data: Mat<f64>, weights: Vec<f64>, noise: Noise, confinement: f64) -> Result<Self> {
        if data.nrows() == 0 || data.ncols() == 0 {
            return Err(Error::input("mixture: there are no data"));
        }
        if weights.len() != data.ncols() {
            let (have, need) = (weights.len(), data.ncols());
            return Err(Error::input(format!("mixture: {have} `weights` for {need} data")));
        }
        if let Some(k) = weights.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
            return Err(Error::input(format!(
                "mixture: `weights`[{k}] is {}, it must be positive",
                shown(weights[k])
            )));
        }
        Mixture::of_rows(Arc::new(data), Rows::apart(weights), noise, confinement)
    }

    /// From columns and the rows that are merged in them, whose weights are checked: zero or more, and not all zero.
    fn of_rows(data: Arc<Mat<f64>>, rows: Rows, noise: Noise, confinement: f64) -> Result<Self> {
        if !(confinement >= 0.0 && confinement.is_finite()) {
            return Err(Error::input(format!(
                "mixture: `confinement` is {}, it must be zero or more",
                shown(confinement)
            )));
        }
        let (a, sigma) = match noise {
            Noise::Fixed { a, sigma } => (a, sigma),
            Noise::Scheduled { schedule, t } => {
                if !(t > 0.0 && t.is_finite()) {
                    return Err(Error::input(format!(
                        "mixture: time `t` is {}, it must be positive",
                        shown(t)
                    )));
                }
                schedule.at(t)
            }
        };
        if !(sigma > 0.0 && sigma.is_finite()) {
            return Err(Error::input(format!("mixture: `sigma` is {}, it must be positive", shown(sigma))));
        }
        let largest = data.norm_max();
        if !(1e-50..1e50).contains(&sigma) || a * largest > 1e50 {
            return Err(Error::input(format!(
                "mixture: `sigma` is {sigma:e} and the data reach {largest:e}: powers of such numbers overflow"
            ))
            .with_help("choose units in which both lie between 1e-50 and 1e50"));
        }
        if !(a >= 0.0 && a.is_finite()) {
            return Err(Error::input(format!("mixture: `a` is {}, it must be zero or more", shown(a))));
        }
        let weights = rows.weights(data.ncols());
        let log_weights = match &weights {
            Some(weights) => {
                let total: f64 = weights.iter().sum();
                weights.iter().map(|w| (w / total).ln()).collect()
            }
            None => {
                let logs = rows.log_weights(data.ncols());
                let total = rows::log_total(&logs);
                logs.iter().map(|l| l - total).collect()
            }
        };
        let mixture = Mixture::assemble(data, log_weights, noise, (a, sigma), confinement);
        Ok(Mixture { weights, rows: Some(rows), ..mixture })
    }

    /// From checked values.
    fn assemble(
        data: Arc<Mat<f64>>,
        log_weights: Vec<f64>,
        noise: Noise,
        (a, sigma): (f64, f64),
        confinement: f64,
    ) -> Self {
        let (n, count) = data.shape();
        let scaled =
            if a == 1.0 { data.clone() } else { Arc::new(Mat::from_fn(n, count, |i, k| a * data[(i, k)])) };
        let kappa = 1.0 / (sigma * sigma) + confinement;
        let shrink = 1.0 / (1.0 + confinement * sigma * sigma);
        // Distances are taken from the centre of the wells: far from the origin nothing cancels.
        let center: Vec<f64> = hull::mean((*scaled).as_ref()).iter().map(|m| shrink * m).collect();
        let patterns = Patterns::from_fn(n, count, |i, k| shrink * scaled[(i, k)] - center[i]);
        let square = |y: faer::ColRef<'_, f64>| y.iter().map(|y| y * y).sum::<f64>();
        let bias: Vec<f64> = (0..count)
            .map(|k| {
                let shifted = log_weights[k] - 0.5 * confinement * shrink * square(scaled.col(k));
                shifted - 0.5 * kappa * square(patterns.as_ref().col(k))
            })
            .collect();
        let kernel = LogSumExp::new(patterns, bias, center, 0.0, kappa, 1.0, kappa);
        Mixture { data, weights: None, rows: None, log_weights, noise, a, sigma, confinement, scaled, kernel }
    }

    /// From points with multiplicities as weights.
    pub fn from_points(points: Points, noise: Noise, confinement: f64) -> Result<Self> {
        Mixture::from_weighted(points, None, noise, confinement)
    }

    /// From points and one positive weight a row (1 each by default).
    fn from_weighted(
        points: Points,
        weights: Option<Vec<f64>>,
        noise: Noise,
        confinement: f64,
    ) -> Result<Self> {
        if points.values.nrows() == 0 || points.values.ncols() == 0 {
            return Err(Error::input("mixture: there are no data"));
        }
        let rows = Rows::merged(points.column_of_row, weights);
        Mixture::of_rows(Arc::new(points.values), rows, noise, confinement)
    }

    /// The data as the user counts them, with the weights as they came where they are known.
    fn rows(&self) -> Rows {
        let plain = || Rows::apart(self.log_weights.iter().map(|w| w.exp()).collect());
        self.rows.clone().unwrap_or_else(plain)
    }

    /// Derivative of the gradient in a parameter of one row: `-m' / sigma^2`.
    fn gradient_by_row(&self, parameter: RowParameter, x: &[f64], out: &mut [f64]) {
        let rows = self.rows();
        let softmax = self.kernel.weights(x);
        let s2 = self.sigma * self.sigma;
        let apart = |k: usize, i: usize| x[i] - self.scaled[(i, k)];
        let logit = |k: usize| -(0..x.len()).map(|i| apart(k, i).powi(2)).sum::<f64>() / (2.0 * s2);
        let shift = Shift { data: (*self.data).as_ref(), softmax: &softmax, scale: self.a };
        shift.write(&rows, parameter, logit, |k, i| self.a * apart(k, i) / s2, out);
        out.iter_mut().for_each(|m| *m = -*m / s2);
    }

    /// The columns whose weight is not zero.
    fn present(&self) -> Vec<usize> {
        let there = |k: &usize| match &self.weights {
            Some(weights) => weights[*k] > 0.0,
            None => self.log_weights[*k] > f64::NEG_INFINITY,
        };
        (0..self.log_weights.len()).filter(there).collect()
    }

    /// Noise scale.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Names of the parameters.
    fn names(&self) -> &'static [&'static str] {
        match self.noise {
            Noise::Fixed { .. } => &["sigma", "a", "confinement"],
            Noise::Scheduled { .. } => &["t", "confinement"],
        }
    }

    /// Derivatives of the gradient `(x - m)/sigma^2 + confinement x` in `sigma` and in `a`.
    fn gradient_by_noise(&self, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = self.dim();
        let sigma = self.sigma;
        let shares = self.kernel.shares(x);
        // Derivatives of the logits -|x - a y|^2/(2 sigma^2), centred under p.
        let mut by_sigma = vec![0.0; shares.len()];
        let mut by_a = vec![0.0; shares.len()];
        for (j, (k, _)) in shares.iter().enumerate() {
            for i in 0..n {
                let d = x[i] - self.scaled[(i, *k)];
                by_sigma[j] += d * d / sigma.powi(3);
                by_a[j] += d * self.data[(i, *k)] / (sigma * sigma);
            }
        }
        let centred = |l: &mut Vec<f64>| {
            let mean: f64 = l.iter().zip(&shares).map(|(l, (_, p))| l * p).sum();
            l.iter_mut().zip(&shares).for_each(|(l, (_, p))| *l = p * (*l - mean));
        };
        centred(&mut by_sigma);
        centred(&mut by_a);
        let (mut pull, mut m_sigma, mut m_a) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for (j, (k, p)) in shares.iter().enumerate() {
            for i in 0..n {
                // Differences to x: the centred rates sum to zero, so any origin will do.
                let d = self.scaled[(i, *k)] - x[i];
                pull[i] += p * d;
                m_sigma[i] += by_sigma[j] * d;
                m_a[i] += by_a[j] * d + p * self.data[(i, *k)];
            }
        }
        let s2 = sigma * sigma;
        let g_sigma = (0..n).map(|i| 2.0 * pull[i] / sigma.powi(3) - m_sigma[i] / s2).collect();
        (g_sigma, m_a.iter().map(|m| -m / s2).collect())
    }
}

impl Landscape for Mixture {
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
        Some((*self.scaled).as_ref())
    }

    fn data_weights(&self) -> Option<Vec<f64>> {
        Some(self.log_weights.iter().map(|w| w.exp()).collect())
    }

    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        Some(if self.confinement == 0.0 { self.scaled.clone() } else { Arc::new(self.kernel.wells()) })
    }

    fn enclose(&self) -> std::result::Result<Box<dyn Enclose + '_>, String> {
        Ok(Box::new(self.enclosed()))
    }

    fn definition(&self) -> std::result::Result<Definition, String> {
        let weights = self.weights.as_ref().ok_or("a datum is only partly there: its weight is not exact")?;
        let present = self.present();
        let rows = present.iter().map(|k| self.data.col(*k).iter().copied().collect()).collect();
        let data = format::Data::new(self.dim(), rows, present.iter().map(|k| weights[*k]).collect());
        let [a, sigma, confinement] = [self.a, self.sigma, self.confinement].map(Hex);
        Ok(Definition::Mixture { data, a, sigma, confinement })
    }

    fn diffusion(&self) -> Option<&dyn Diffusion> {
        // Confined, it is no distribution of noisy data.
        let scheduled = matches!(self.noise, Noise::Scheduled { .. });
        (scheduled && self.confinement == 0.0).then_some(self)
    }

    fn reverse(&self) -> Option<(Box<dyn Diffusion + '_>, f64)> {
        match self.noise {
            _ if self.confinement > 0.0 => None,
            Noise::Scheduled { t, .. } => Some((Box::new(self.clone()), t)),
            // Noise of scale t on the contracted data.
            Noise::Fixed { sigma, .. } => {
                let noise = Noise::Fixed { a: 1.0, sigma };
                let model = Mixture::of_rows(self.scaled.clone(), self.rows(), noise, 0.0).ok()?;
                Some((Box::new(model), sigma))
            }
        }
    }

    fn kernel(&self) -> Option<Kernel> {
        Some(Kernel { temperature: 1.0, curvature: self.kernel.curvature })
    }

    fn has_symmetry(&self, map: &SignedPermutation) -> bool {
        let weights = self.weights.as_deref();
        self.rows.is_some()
            && symmetry::permutes((*self.data).as_ref(), weights.unwrap_or(&self.log_weights), map)
    }

    fn reduce(&self) -> Option<Reduced> {
        let kernel = &self.kernel;
        let basis = hull::span(kernel.patterns())?;
        // In the hull: a plain mixture of the wells. What its width takes from the logits goes back into the weights.
        let sigma = kernel.curvature.powf(-0.5);
        let log_weights = (0..kernel.bias.len())
            .map(|k| {
                kernel.bias[k]
                    + 0.5 * kernel.curvature * kernel.patterns().col(k).iter().map(|y| y * y).sum::<f64>()
            })
            .collect();
        let wells = hull::coordinates(basis.as_ref(), &vec![0.0; self.dim()], kernel.patterns());
        let noise = Noise::Fixed { a: 1.0, sigma };
        let inner = Mixture::assemble(Arc::new(wells), log_weights, noise, (1.0, sigma), 0.0);
        let origin = kernel.center.clone();
        Some(Reduced { inner: Box::new(inner), origin, basis, offset: 0.0, normal: kernel.curvature })
    }
}

impl Mixture {
    /// With `f = 1 + confinement sigma^2` the wells are `a y_k / f`, their precision `f / sigma^2`, and what the
    /// confinement takes from the weights is `exp(-(confinement f / 2) |a y_k / f|^2)`.
    fn enclosed(&self) -> EnclosedMixture {
        let (confinement, square) = (Interval::point(self.confinement), Interval::point(self.sigma).sqr());
        let confined = self.confinement != 0.0;
        let f = if confined { Interval::ONE + confinement * square } else { Interval::ONE };
        let a = Interval::point(self.a);
        // What has no weight is not there.
        let present = self.present();
        let (logs, total) = match &self.weights {
            Some(weights) => (
                present.iter().map(|k| logarithm(weights[*k])).collect(),
                weights.iter().fold(Interval::ZERO, |sum, w| sum + Interval::point(*w)),
            ),
            None => (present.iter().map(|k| Interval::point(self.log_weights[*k])).collect(), Interval::ONE),
        };
        let data = (present.len() < self.log_weights.len())
            .then(|| Mat::from_fn(self.dim(), present.len(), |i, k| self.data[(i, present[k])]));
        EnclosedMixture::new(Parts {
            data: data.as_ref().map_or((*self.data).as_ref(), |data| data.as_ref()),
            factor: if confined { a / f } else { a },
            logs,
            tilt: if confined { -(confinement * f) } else { Interval::ZERO },
            precision: f / square,
            scale: Interval::ONE,
            constant: total.ln(),
        })
    }
}

/// The logarithm of a positive number.
fn logarithm(w: f64) -> Interval {
    if w == 1.0 { Interval::ZERO } else { Interval::point(w).ln() }
}

impl Diffusion for Mixture {
    fn dimension(&self) -> usize {
        self.kernel.dim()
    }

    fn schedule(&self) -> Schedule {
        match self.noise {
            Noise::Scheduled { schedule, .. } => schedule,
            Noise::Fixed { .. } => Schedule::Edm,
        }
    }

    fn extent(&self) -> Option<(Vec<f64>, f64)> {
        let mut mean = vec![0.0; self.data.nrows()];
        for (y, w) in self.data.col_iter().zip(&self.log_weights) {
            mean.iter_mut().zip(y.iter()).for_each(|(m, y)| *m += w.exp() * y);
        }
        let square =
            |y: faer::ColRef<'_, f64>| y.iter().zip(&mean).map(|(y, m)| (y - m).powi(2)).sum::<f64>();
        let variance: f64 =
            self.data.col_iter().zip(&self.log_weights).map(|(y, w)| w.exp() * square(y)).sum();
        Some((mean, variance.sqrt()))
    }

    fn marginal(&self, t: f64) -> Result<Box<dyn Marginal + '_>> {
        let noise = Noise::Scheduled { schedule: self.schedule(), t };
        Ok(Box::new(Mixture::of_rows(self.data.clone(), self.rows(), noise, 0.0)?))
    }
}

/// Without confinement.
impl Marginal for Mixture {
    fn scores(&self, points: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        self.kernel.gradients(points, &mut vec![0.0; points.ncols()], out.rb_mut());
        out.col_iter_mut().for_each(|c| c.iter_mut().for_each(|e| *e = -*e));
    }

    fn divergences(&self, points: MatRef<'_, f64>, out: &mut [f64]) {
        // With z the distances from a point x to the data: -n/sigma^2 + (E|z|^2 - |E z|^2)/sigma^4.
        let (n, s2) = (points.nrows(), self.sigma * self.sigma);
        out.par_iter_mut().enumerate().for_each(|(j, out)| {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            let shares = self.kernel.shares(&x);
            let mut mean = vec![0.0; n];
            for (k, p) in &shares {
                mean.iter_mut().zip(self.scaled.col(*k).iter()).for_each(|(m, y)| *m += p * y);
            }
            let square =
                |k: usize| self.scaled.col(k).iter().zip(&mean).map(|(y, m)| (y - m).powi(2)).sum::<f64>();
            let variance: f64 = shares.iter().map(|(k, p)| p * square(*k)).sum();
            *out = (variance / s2 - n as f64) / s2;
        });
    }

    fn energies(&self, points: MatRef<'_, f64>, out: &mut [f64]) -> bool {
        let n = points.nrows();
        Landscape::energies(self, points, out);
        let volume = 0.5 * n as f64 * (std::f64::consts::TAU * self.sigma * self.sigma).ln();
        out.iter_mut().for_each(|e| *e += volume);
        true
    }
}

impl Family for Mixture {
    fn parameters(&self) -> Vec<(String, f64)> {
        let values = match self.noise {
            Noise::Fixed { a, sigma } => vec![sigma, a, self.confinement],
            Noise::Scheduled { t, .. } => vec![t, self.confinement],
        };
        self.names().iter().map(|name| name.to_string()).zip(values).collect()
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let (mut noise, mut confinement) = (self.noise, self.confinement);
        match (name, &mut noise) {
            ("sigma", Noise::Fixed { sigma, .. }) => *sigma = value,
            ("a", Noise::Fixed { a, .. }) => *a = value,
            ("t", Noise::Scheduled { t, .. }) => *t = value,
            ("confinement", _) => confinement = value,
            _ => {
                let (rows, first) = (self.rows(), self.parameters().len());
                let Some(place) = rows.place(name, self.dim(), first) else {
                    return Err(rows::no_such_parameter("mixture", name, self, &rows));
                };
                let parameter = rows.parameter(place - first, self.dim());
                let (data, rows) = rows.changed("mixture", (*self.data).as_ref(), parameter, value)?;
                return Ok(Box::new(Mixture::of_rows(Arc::new(data), rows, noise, confinement)?));
            }
        }
        let mut changed = Mixture::of_rows(self.data.clone(), self.rows(), noise, confinement)?;
        changed.kernel.share(&self.kernel);
        Ok(Box::new(changed))
    }

    fn breaks(&self, parameter: usize) -> Vec<f64> {
        let rows = self.rows();
        let place = parameter.checked_sub(self.names().len());
        place.map_or(vec![], |place| rows.breaks(rows.parameter(place, self.dim())))
    }

    fn row_parameters(&self) -> &'static [&'static str] {
        rows::PATTERNS
    }

    fn parameter_place(&self, name: &str) -> Option<usize> {
        let plain = self.parameters();
        let known = plain.iter().position(|(known, _)| known == name);
        known.or_else(|| self.rows().place(name, self.dim(), plain.len()))
    }

    fn equations(
        &self,
        parameter: usize,
        near: &[f64],
        of: Equations<'_>,
    ) -> std::result::Result<Box<dyn System + '_>, String> {
        let names = self.parameters();
        let unknown = "only logarithms of the weights are known";
        let (rows, n) = (self.rows.as_ref().ok_or(unknown)?, self.dim());
        let varied = match (names.get(parameter).map(|(name, _)| name.as_str()), self.noise) {
            (None, _) => match rows.parameter(parameter - names.len(), n) {
                RowParameter::Count => return Err(rows::NOT_PROVEN.into()),
                single => Varied::Row(single),
            },
            (Some("confinement"), _) => Varied::Confinement,
            (Some("a"), _) => Varied::Factor,
            (Some("t"), Noise::Scheduled { schedule, .. }) => Varied::Time(schedule),
            _ => Varied::Width,
        };
        let (data, weights) = rows.apart_of((*self.data).as_ref()).ok_or(unknown)?;
        let energy = Wells {
            data,
            weights,
            shape: Shape::Gaussian { a: self.a, sigma: self.sigma },
            confinement: self.confinement,
            varied,
        };
        Ok(Box::new(energy.equations(near, of)?))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        let names = self.names();
        let Some(name) = names.get(parameter) else {
            let row = self.rows().parameter(parameter - names.len(), self.dim());
            return self.gradient_by_row(row, x, out);
        };
        match *name {
            "confinement" => out.copy_from_slice(x),
            "sigma" => out.copy_from_slice(&self.gradient_by_noise(x).0),
            "a" => out.copy_from_slice(&self.gradient_by_noise(x).1),
            _ => {
                let (by_sigma, by_a) = self.gradient_by_noise(x);
                let (da, dsigma) = match self.noise {
                    Noise::Scheduled { schedule, t } => schedule.rate_at(t),
                    Noise::Fixed { .. } => (0.0, 0.0),
                };
                for i in 0..x.len() {
                    out[i] = dsigma * by_sigma[i] + da * by_a[i];
                }
            }
        }
    }
}

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: "mixture",
    energy: "-log sum_k w_k exp(-|x - a y_k|^2 / (2 sigma^2)) + (confinement/2) |x|^2",
    source: "empirical diffusion model; Pham et al. 2025, Raya & Ambrogioni 2023; kernel density: Carreira-Perpinan & Williams 2003",
    keys: &[
        Key { name: "data", takes: Takes::Data, default: "", doc: "the points y_k, one a row" },
        Key {
            name: "rows",
            takes: Takes::Any,
            default: "",
            doc: "rows of the data to use: 300 (the first 300) or \"100..400\"",
        },
        Key {
            name: "sigma",
            takes: Takes::Number,
            default: "",
            doc: "noise scale, in the units of the data; needed unless a schedule is given",
        },
        Key { name: "a", takes: Takes::Number, default: "1", doc: "factor on the data" },
        Key {
            name: "schedule",
            takes: Takes::Table,
            default: "",
            doc: "noise schedule: { kind = \"ve\", s = 1.0 }, { kind = \"vp\", b0 = 0.1, b1 = 20.0 }, { kind = \"ou\" } or { kind = \"edm\" }",
        },
        Key { name: "t", takes: Takes::Number, default: "", doc: "time of the schedule, positive" },
        Key {
            name: "weights",
            takes: Takes::Numbers,
            default: "equal",
            doc: "one positive number a row of the data; normalised",
        },
        Key { name: "confinement", takes: Takes::Number, default: "0", doc: "adds (confinement/2) |x|^2" },
    ],
    build,
};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let points = section.points("data")?.ok_or_else(|| {
        Error::input("mixture needs `data`: a file with one point a row").with_help("data = \"points.csv\"")
    })?;
    let noise = noise(section)?;
    let confinement = section.number("confinement")?.unwrap_or(0.0);
    let given = section.weights(&points)?;
    // Errors of the constructor are about one of the keys; point at it.
    Mixture::from_weighted(points, given, noise, confinement)
        .map(|m| Box::new(m) as Box<dyn Family>)
        .map_err(|e| super::blame(section, &["sigma", "weights", "confinement", "t", "a"], e))
}

fn noise(section: &mut Section) -> Result<Noise> {
    let (sigma, a, t) = (section.number("sigma")?, section.number("a")?, section.number("t")?);
    let Some(schedule) = schedule(section)? else {
        if t.is_some() {
            return Err(section.error("t", "`t` is the time of a schedule, but there is no `schedule`"));
        }
        let sigma = sigma.ok_or_else(|| {
            Error::input("mixture needs `sigma` (or `schedule` and `t`)").with_help("sigma = 0.35")
        })?;
        return Ok(Noise::Fixed { a: a.unwrap_or(1.0), sigma });
    };
    for (key, value) in [("sigma", sigma), ("a", a)] {
        if value.is_some() {
            return Err(
                section.error(key, format!("`{key}` follows from `schedule` and `t`; give one or the other"))
            );
        }
    }
    let t = t.ok_or_else(|| section.error("schedule", "a schedule needs its time `t`"))?;
    Ok(Noise::Scheduled { schedule, t })
}

/// The key `schedule` of a section.
pub(super) fn schedule(section: &mut Section) -> Result<Option<Schedule>> {
    let Some(mut table) = section.table("schedule")? else { return Ok(None) };
    let kind = table.text("kind")?.unwrap_or_default();
    let number = |table: &mut Section, key: &str, default: f64| -> Result<f64> {
        let value = table.number(key)?.unwrap_or(default);
        if value > 0.0 { Ok(value) } else { Err(table.error(key, format!("`{key}` must be positive"))) }
    };
    let schedule = match kind.as_str() {
        "ve" => Schedule::VarianceExploding { s: number(&mut table, "s", 1.0)? },
        "vp" => Schedule::VariancePreserving {
            b0: number(&mut table, "b0", 0.1)?,
            b1: number(&mut table, "b1", 20.0)?,
        },
        "ou" => Schedule::OrnsteinUhlenbeck,
        "edm" => Schedule::Edm,
        _ => {
            return Err(table.error("kind", format!("unknown schedule {kind:?}")))
                .map_err(|e: Error| e.with_help("kind = \"ve\", \"vp\", \"ou\" or \"edm\""));
        }
    };
    table.finish(SCHEDULE_KEYS)?;
    Ok(Some(schedule))
}

const SCHEDULE_KEYS: &[Key] = &[
    Key { name: "kind", takes: Takes::Text, default: "", doc: "ve, vp, ou or edm" },
    Key { name: "s", takes: Takes::Number, default: "1", doc: "ve: sigma^2 = s^2 t" },
    Key { name: "b0", takes: Takes::Number, default: "0.1", doc: "vp: rate at time 0" },
    Key { name: "b1", takes: Takes::Number, default: "20", doc: "vp: rate at time 1" },
];
