//! The Laplace mixture: a Gaussian at every nondegenerate well with the covariance that the temperature gives it, as a
//! distribution to draw from and to compare with.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use super::cloud::Cloud;
use super::laplace::{Laplace, ln_gamma, log_sum};
use super::wells::{Form, Wells};
use crate::landscape::Region;
use crate::linalg::{axpy, symmetric_eigen};

/// What a component is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Gaussian.
    Normal,
    /// Student's t with this many degrees of freedom.
    Student(f64),
}

/// Where a component is and how wide in which direction.
#[derive(Clone, Debug)]
struct Place {
    x: Vec<f64>,
    /// Curvatures along `vectors`: variances are the temperature over these.
    values: Vec<f64>,
    /// Orthonormal (columns).
    vectors: Mat<f64>,
    /// The map from displacements to standard coordinates at temperature 1 (rows), and log of its determinant.
    map: Mat<f64>,
    log_det: f64,
}

impl Place {
    fn new(x: &[f64], values: &[f64], vectors: &Mat<f64>) -> Self {
        let d = values.len();
        Place {
            x: x.to_vec(),
            values: values.to_vec(),
            vectors: vectors.clone(),
            map: Mat::from_fn(d, d, |i, j| values[i].sqrt() * vectors[(j, i)]),
            log_det: values.iter().map(|v| 0.5 * v.ln()).sum(),
        }
    }
}

/// One component.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// Its place: those of the wells come first, in their order.
    place: usize,
    /// Logarithm of its share.
    pub(super) log_share: f64,
    /// Factor on standard deviations.
    inflation: f64,
    shape: Shape,
}

/// The mixture at one temperature.
#[derive(Clone, Debug)]
pub struct LaplaceMixture {
    region: Region,
    pub(super) eps: f64,
    pub(super) components: Vec<Component>,
    places: Vec<Place>,
}

/// Degrees of freedom, width and share of the heavy-tailed components.
const FREEDOM: f64 = 5.0;
const STUDENT_WIDTH: f64 = 1.3;
const STUDENT_SHARE: f64 = 0.1;
/// Up to this dimension there are any: above it their samples miss the wells.
const STUDENT_MOST: usize = 5;

/// Effective samples a dimension from which a covariance is known well enough to draw by it.
const PILOTS: f64 = 20.0;

/// The factor on standard deviations by which a proposal in `d` dimensions is wider than the measure.
pub fn inflation(d: usize) -> f64 {
    (1.0 + 0.3 / (d.max(1) as f64).sqrt()).clamp(1.02, 1.1)
}

impl LaplaceMixture {
    fn new(wells: &Wells<'_>, eps: f64, components: Vec<Component>) -> Result<Self, String> {
        let region = &wells.set.region;
        let mut places = vec![];
        for well in &wells.wells {
            let Form::Regular { eigenvalues, vectors, .. } = &well.form else {
                return Err(format!("minimum {} is degenerate: it has no Gaussian", well.id.text()));
            };
            let d = eigenvalues.len();
            let narrow = |i: usize| {
                let period = region.period_of(i)?;
                // One standard deviation along a coordinate.
                let variance: f64 =
                    (0..d).map(|j| vectors[(i, j)].powi(2) / eigenvalues[j]).sum::<f64>() * eps;
                (14.0 * variance.sqrt() > period).then_some(())
            };
            if (0..d).any(|i| narrow(i).is_some()) {
                return Err(format!("minimum {} is as wide as the period", well.id.text()));
            }
            places.push(Place::new(&well.x, eigenvalues, vectors));
        }
        if places.is_empty() {
            return Err("there is no minimum".into());
        }
        Ok(LaplaceMixture { region: region.clone(), eps, components, places })
    }

    /// The mixture by Laplace's weights to leading order, neither inflated nor with heavy tails.
    ///
    /// # Errors
    /// A sentence that names a well without a Gaussian.
    pub fn plain(wells: &Wells<'_>, laplace: &Laplace, eps: f64) -> Result<Self, String> {
        let weights = laplace.weights(eps, false).ok_or("the form of a minimum is not known")?;
        let components = (weights.iter().enumerate())
            .map(|(place, w)| Component { place, log_share: w.ln(), inflation: 1.0, shape: Shape::Normal })
            .collect();
        LaplaceMixture::new(wells, eps, components)
    }

    /// The mixture to draw from: half by Laplace's weights and half evenly, inflated, with heavy tails in few dimensions.
    ///
    /// # Errors
    /// As [`LaplaceMixture::plain`].
    pub fn proposal(wells: &Wells<'_>, laplace: &Laplace, eps: f64) -> Result<Self, String> {
        let weights = laplace.weights(eps, false).ok_or("the form of a minimum is not known")?;
        let d = wells.dim();
        let heavy = if d <= STUDENT_MOST { STUDENT_SHARE } else { 0.0 };
        let mut components = vec![];
        for (place, w) in weights.iter().enumerate() {
            let share = 0.5 * w + 0.5 / weights.len() as f64;
            let normal = share * (1.0 - heavy);
            components.push(Component {
                place,
                log_share: normal.ln(),
                inflation: inflation(d),
                shape: Shape::Normal,
            });
            if heavy > 0.0 {
                components.push(Component {
                    place,
                    log_share: (share * heavy).ln(),
                    inflation: STUDENT_WIDTH,
                    shape: Shape::Student(FREEDOM),
                });
            }
        }
        LaplaceMixture::new(wells, eps, components)
    }

    /// The same with half of the normal share of each well spread as its samples are: where a well is no Gaussian, by a
    /// shoulder, say, samples of a Gaussian have weights of which few count. Of a well with fewer than [`PILOTS`] effective
    /// samples a dimension it is not known how they are spread. `None` if that is so of all.
    pub(super) fn adapted(&self, pilot: &Cloud) -> Option<Self> {
        let mut new = self.clone();
        for well in 0..self.places.len() {
            let Some(place) = self.spread(well, pilot) else { continue };
            let normal = |c: &&mut Component| c.place == well && c.shape == Shape::Normal;
            let Some(own) = new.components.iter_mut().find(normal) else { continue };
            own.log_share -= std::f64::consts::LN_2;
            let fresh = Component { place: new.places.len(), ..own.clone() };
            new.components.push(fresh);
            new.places.push(place);
        }
        (new.places.len() > self.places.len()).then_some(new)
    }

    /// Mean and covariance of what lies in the basin of a well.
    fn spread(&self, well: usize, pilot: &Cloud) -> Option<Place> {
        let d = self.places[well].x.len();
        let own: Vec<usize> = (0..pilot.len()).filter(|&n| pilot.labels[n] == Some(well as u32)).collect();
        let total = log_sum(&own.iter().map(|&n| pilot.log_weights[n]).collect::<Vec<f64>>());
        let weights: Vec<f64> = own.iter().map(|&n| (pilot.log_weights[n] - total).exp()).collect();
        let size = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        if !(size >= PILOTS * d as f64) {
            return None;
        }
        let away: Vec<Vec<f64>> =
            own.iter().map(|&n| self.region.difference(&self.places[well].x, pilot.point(n))).collect();
        let mut mean = vec![0.0; d];
        away.iter().zip(&weights).for_each(|(a, w)| axpy(*w, a, &mut mean));
        let mut covariance = Mat::zeros(d, d);
        for (a, w) in away.iter().zip(&weights) {
            for i in 0..d {
                for j in 0..d {
                    covariance[(i, j)] += w * (a[i] - mean[i]) * (a[j] - mean[j]);
                }
            }
        }
        let (mut variances, mut vectors) = (vec![0.0; d], Mat::zeros(d, d));
        symmetric_eigen(covariance.as_ref(), &mut variances, vectors.as_mut());
        let x: Vec<f64> = self.places[well].x.iter().zip(&mean).map(|(x, m)| x + m).collect();
        let values: Vec<f64> = variances.iter().map(|v| self.eps / v).collect();
        values.iter().all(|v| *v > 0.0 && v.is_finite()).then(|| Place::new(&x, &values, &vectors))
    }

    /// Logarithm of its density at a point (search coordinates).
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let d = x.len();
        let squares: Vec<f64> = (self.places.iter())
            .map(|place| {
                let away = self.region.difference(&place.x, x);
                let mut square = 0.0;
                for i in 0..d {
                    let standard: f64 = (0..d).map(|j| place.map[(i, j)] * away[j]).sum();
                    square += standard * standard;
                }
                square / self.eps
            })
            .collect();
        let n = d as f64;
        let logs: Vec<f64> = (self.components.iter())
            .map(|c| {
                let square = squares[c.place] / (c.inflation * c.inflation);
                let scale = self.places[c.place].log_det - n * (0.5 * self.eps.ln() + c.inflation.ln());
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
        let place = &self.places[component.place];
        let d = place.x.len();
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
            column.copy_from_slice(&place.x);
            for j in 0..d {
                axpy(factor * z[j] / place.values[j].sqrt(), place.vectors.col_as_slice(j), column);
            }
        }
        points
    }
}
