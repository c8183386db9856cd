//! The Laplace mixture: a Gaussian at every nondegenerate well with the covariance that the temperature gives it, as a
//! distribution to draw from and to compare with.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use super::laplace::{Laplace, ln_gamma, log_sum};
use super::wells::{Form, Wells};
use crate::landscape::Region;

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Gaussian.
    Normal,
    /// Student's t with this many degrees of freedom.
    Student(f64),
}

/// One component.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// The well.
    pub(super) well: usize,
    /// Logarithm of its share.
    pub(super) log_share: f64,
    /// Factor on standard deviations.
    inflation: f64,
    shape: Shape,
}

/// The mixture at one temperature.
pub struct LaplaceMixture<'a> {
    wells: &'a Wells<'a>,
    region: &'a Region,
    eps: f64,
    pub(super) components: Vec<Component>,
    /// Of each well: the map from displacements to standard coordinates at temperature 1 (rows), and log of its determinant.
    whitenings: Vec<(Mat<f64>, f64)>,
}

/// Degrees of freedom, width and share of the heavy-tailed components.
const FREEDOM: f64 = 5.0;
const STUDENT_WIDTH: f64 = 1.3;
const STUDENT_SHARE: f64 = 0.1;
/// Up to this dimension there are any: above it their samples miss the wells.
const STUDENT_MOST: usize = 5;

/// The factor on standard deviations by which a proposal in `d` dimensions is wider than the measure.
pub fn inflation(d: usize) -> f64 {
    (1.0 + 0.3 / (d.max(1) as f64).sqrt()).clamp(1.02, 1.1)
}

impl<'a> LaplaceMixture<'a> {
    fn new(wells: &'a Wells<'a>, eps: f64, components: Vec<Component>) -> Result<Self, String> {
        let mut whitenings = vec![];
        for well in &wells.wells {
            let Form::Regular { eigenvalues, vectors, .. } = &well.form else {
                return Err(format!("minimum {} is degenerate: it has no Gaussian", well.id.text()));
            };
            let d = eigenvalues.len();
            let map = Mat::from_fn(d, d, |i, j| eigenvalues[i].sqrt() * vectors[(j, i)]);
            whitenings.push((map, eigenvalues.iter().map(|v| 0.5 * v.ln()).sum()));
            let narrow = |i: usize| {
                let period = wells.set.region.period_of(i)?;
                // One standard deviation along a coordinate.
                let variance: f64 =
                    (0..d).map(|j| vectors[(i, j)].powi(2) / eigenvalues[j]).sum::<f64>() * eps;
                (14.0 * variance.sqrt() > period).then_some(())
            };
            if (0..d).any(|i| narrow(i).is_some()) {
                return Err(format!("minimum {} is as wide as the period", well.id.text()));
            }
        }
        if whitenings.is_empty() {
            return Err("there is no minimum".into());
        }
        Ok(LaplaceMixture { wells, region: &wells.set.region, eps, components, whitenings })
    }

    /// The mixture by Laplace's weights to leading order, neither inflated nor with heavy tails.
    ///
    /// # Errors
    /// A sentence that names a well without a Gaussian.
    pub fn plain(wells: &'a Wells<'a>, laplace: &Laplace, eps: f64) -> Result<Self, String> {
        let weights = laplace.weights(eps, false).ok_or("the form of a minimum is not known")?;
        let components = (weights.iter().enumerate())
            .map(|(well, w)| Component { well, log_share: w.ln(), inflation: 1.0, shape: Shape::Normal })
            .collect();
        LaplaceMixture::new(wells, eps, components)
    }

    /// The mixture to draw from: half by Laplace's weights and half evenly, inflated, with heavy tails in few dimensions.
    ///
    /// # Errors
    /// As [`LaplaceMixture::plain`].
    pub fn proposal(wells: &'a Wells<'a>, laplace: &Laplace, eps: f64) -> Result<Self, String> {
        let weights = laplace.weights(eps, false).ok_or("the form of a minimum is not known")?;
        let d = wells.dim();
        let heavy = if d <= STUDENT_MOST { STUDENT_SHARE } else { 0.0 };
        let mut components = vec![];
        for (well, w) in weights.iter().enumerate() {
            let share = 0.5 * w + 0.5 / weights.len() as f64;
            let normal = share * (1.0 - heavy);
            components.push(Component {
                well,
                log_share: normal.ln(),
                inflation: inflation(d),
                shape: Shape::Normal,
            });
            if heavy > 0.0 {
                components.push(Component {
                    well,
                    log_share: (share * heavy).ln(),
                    inflation: STUDENT_WIDTH,
                    shape: Shape::Student(FREEDOM),
                });
            }
        }
        LaplaceMixture::new(wells, eps, components)
    }

    /// Logarithm of its density at a point (search coordinates).
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let d = x.len();
        let squares: Vec<f64> = (self.wells.wells.iter().zip(&self.whitenings))
            .map(|(well, (map, _))| {
                let away = self.region.difference(&well.x, x);
                let mut square = 0.0;
                for i in 0..d {
                    let standard: f64 = (0..d).map(|j| map[(i, j)] * away[j]).sum();
                    square += standard * standard;
                }
                square / self.eps
            })
            .collect();
        let n = d as f64;
        let logs: Vec<f64> = (self.components.iter())
            .map(|c| {
                let square = squares[c.well] / (c.inflation * c.inflation);
                let scale = self.whitenings[c.well].1 - n * (0.5 * self.eps.ln() + c.inflation.ln());
                let shape = match c.shape {
                    Shape::Normal => -0.5 * (n * std::f64::consts::TAU.ln() + square),
                    Shape::Student(nu) => {
                        ln_gamma(0.5 * (nu + n))
                            - ln_gamma(0.5 * nu)
                            - 0.5 * n * (nu * std::f64::consts::PI).ln()
                            - 0.5 * (nu + n) * (square / nu).ln_1p()
                    }
                };
                c.log_share + scale + shape
            })
            .collect();
        log_sum(&logs)
    }

    /// `count` points (r x count) of component `c`, by the random numbers of this seed and stream.
    pub(super) fn draw(&self, c: usize, count: usize, seed: u64, stream: u64) -> Mat<f64> {
        let component = &self.components[c];
        let well = &self.wells.wells[component.well];
        let Form::Regular { eigenvalues, vectors, .. } = &well.form else { return Mat::zeros(0, 0) };
        let d = eigenvalues.len();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let mut points = Mat::zeros(d, count);
        let mut z = vec![0.0; d];
        for n in 0..count {
            z.iter_mut().for_each(|z| *z = StandardNormal.sample(&mut rng));
            let mut factor = component.inflation * self.eps.sqrt();
            if let Shape::Student(nu) = component.shape
                && let Ok(chi) = ChiSquared::new(nu)
            {
                let square: f64 = chi.sample(&mut rng);
                factor *= (nu / square).sqrt();
            }
            let column = points.col_as_slice_mut(n);
            column.copy_from_slice(&well.x);
            for j in 0..d {
                crate::linalg::axpy(factor * z[j] / eigenvalues[j].sqrt(), vectors.col_as_slice(j), column);
            }
        }
        points
    }
}
