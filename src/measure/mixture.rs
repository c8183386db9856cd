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
use crate::linalg::{axpy, dot, symmetric_eigen};

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
    /// The well that it belongs to.
    well: usize,
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
    fn new(well: usize, x: &[f64], values: &[f64], vectors: &Mat<f64>) -> Self {
        let d = values.len();
        Place {
            well,
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
    /// Those of the wells, then more of theirs.
    places: Vec<Place>,
    wells: usize,
}

/// Degrees of freedom, width and share of the heavy-tailed components.
const FREEDOM: f64 = 5.0;
const STUDENT_WIDTH: f64 = 1.3;
const STUDENT_SHARE: f64 = 0.1;
/// Up to this dimension there are any: above it their samples miss the wells.
const STUDENT_MOST: usize = 5;

/// A period is at least so many standard deviations.
const ALL_AROUND: f64 = 14.0;

/// A basin with less of the measure is not adapted to.
const WORTH: f64 = 1e-4;

/// Effective samples a dimension from which a covariance is known well enough to draw by it.
const PILOTS: f64 = 20.0;

/// A component beside a well is where weights are this many times the mean, takes this share, and is wider than they are spread
/// by this many times the well's own covariance.
const HEAVY: f64 = 4.0;
const BESIDE: f64 = 0.2;
const ROOM: f64 = 4.0;

/// The factor on standard deviations by which a proposal in `d` dimensions is wider than the measure.
pub fn inflation(d: usize) -> f64 {
    (1.0 + 0.3 / (d.max(1) as f64).sqrt()).clamp(1.02, 1.1)
}

/// The components that draw at a place: a Gaussian, with a heavy-tailed one for this share of theirs.
fn components(place: usize, share: f64, heavy: f64, d: usize) -> impl Iterator<Item = Component> {
    let normal = Component {
        place,
        log_share: (share * (1.0 - heavy)).ln(),
        inflation: inflation(d),
        shape: Shape::Normal,
    };
    let student = Component {
        place,
        log_share: (share * heavy).ln(),
        inflation: STUDENT_WIDTH,
        shape: Shape::Student(FREEDOM),
    };
    [normal, student].into_iter().filter(|c| c.log_share > f64::NEG_INFINITY)
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
                (ALL_AROUND * variance.sqrt() > period).then_some(())
            };
            if (0..d).any(|i| narrow(i).is_some()) {
                return Err(format!("minimum {} is as wide as the period", well.id.text()));
            }
            places.push(Place::new(places.len(), &well.x, eigenvalues, vectors));
        }
        if places.is_empty() {
            return Err("there is no minimum".into());
        }
        Ok(LaplaceMixture { region: region.clone(), eps, components, wells: places.len(), places })
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
        let all = (weights.iter().enumerate())
            .flat_map(|(place, w)| components(place, 0.5 * w + 0.5 / weights.len() as f64, heavy, d))
            .collect();
        LaplaceMixture::new(wells, eps, all)
    }

    /// The same with half of the share of each well spread as its samples are: where a well is no Gaussian, by a
    /// shoulder, say, samples of a Gaussian have weights of which few count. Of a well with fewer than [`PILOTS`] effective
    /// samples a dimension it is not known how they are spread. `None` if that is so of all.
    pub(super) fn adapted(&self, pilot: &Cloud) -> Option<Self> {
        let d = self.places[0].x.len();
        self.with(pilot, 0.5, |_, own| {
            let size = 1.0 / own.iter().map(|(_, w)| w * w).sum::<f64>();
            (size >= PILOTS * d as f64).then(|| (own.to_vec(), 0.0))
        })
    }

    /// The same with a component more for each of these wells, where samples have weights far above the mean. `None` if there
    /// are none.
    pub(super) fn beside(&self, pilot: &Cloud, wells: &[usize]) -> Option<Self> {
        self.with(pilot, BESIDE, |well, own| {
            let mean = 1.0 / own.len() as f64;
            let heavy: Vec<(usize, f64)> = own.iter().copied().filter(|(_, w)| *w > HEAVY * mean).collect();
            (wells.contains(&well) && !heavy.is_empty()).then_some((heavy, ROOM))
        })
    }

    /// With a place more for each well of which `pick` chooses samples among all of its basin, which are given with weights that
    /// sum to 1, and how much of the well's own covariance is added to theirs. It takes `share` of the well's.
    fn with(
        &self,
        pilot: &Cloud,
        share: f64,
        pick: impl Fn(usize, &[(usize, f64)]) -> Option<(Vec<(usize, f64)>, f64)>,
    ) -> Option<Self> {
        let mut new = self.clone();
        let all = pilot.log_total();
        for well in 0..self.wells {
            let own = pilot.basin(well);
            let total = log_sum(&pilot.log_weights_of(&own));
            if !(total - all > WORTH.ln()) {
                continue;
            }
            let own: Vec<(usize, f64)> =
                own.into_iter().map(|n| (n, (pilot.log_weights[n] - total).exp())).collect();
            let Some((chosen, prior)) = pick(well, &own) else { continue };
            let Some(place) = self.spread(well, pilot, &chosen, prior) else { continue };
            let mut taken = 0.0;
            let places = &new.places;
            for c in new.components.iter_mut().filter(|c| places[c.place].well == well) {
                taken += share * c.log_share.exp();
                c.log_share += (1.0 - share).ln();
            }
            let heavy = if place.x.len() <= STUDENT_MOST { STUDENT_SHARE } else { 0.0 };
            new.components.extend(components(new.places.len(), taken, heavy, place.x.len()));
            new.places.push(place);
        }
        (new.places.len() > self.places.len()).then_some(new)
    }

    /// Mean and covariance of samples of a well.
    fn spread(&self, well: usize, pilot: &Cloud, chosen: &[(usize, f64)], prior: f64) -> Option<Place> {
        let home = &self.places[well];
        let d = home.x.len();
        let total: f64 = chosen.iter().map(|c| c.1).sum();
        let away: Vec<(Vec<f64>, f64)> = (chosen.iter())
            .map(|&(n, w)| (self.region.difference(&home.x, pilot.point(n)), w / total))
            .collect();
        let mut mean = vec![0.0; d];
        away.iter().for_each(|(a, w)| axpy(*w, a, &mut mean));
        let mut covariance = Mat::from_fn(d, d, |i, j| {
            let own = |k: usize| home.vectors[(i, k)] * home.vectors[(j, k)] * self.eps / home.values[k];
            prior * (0..d).map(own).sum::<f64>()
        });
        for (a, w) in &away {
            for i in 0..d {
                for j in 0..d {
                    covariance[(i, j)] += w * (a[i] - mean[i]) * (a[j] - mean[j]);
                }
            }
        }
        // The nearest image alone is counted of a periodic coordinate.
        let is_wide =
            |i: usize| self.region.period_of(i).is_some_and(|p| ALL_AROUND * covariance[(i, i)].sqrt() > p);
        if (0..d).any(is_wide) {
            return None;
        }
        let (mut variances, mut vectors) = (vec![0.0; d], Mat::zeros(d, d));
        symmetric_eigen(covariance.as_ref(), &mut variances, vectors.as_mut());
        let x: Vec<f64> = home.x.iter().zip(&mean).map(|(x, m)| x + m).collect();
        let values: Vec<f64> = variances.iter().map(|v| self.eps / v).collect();
        let sound = values.iter().all(|v| *v > 0.0 && v.is_finite());
        sound.then(|| Place::new(well, &x, &values, &vectors))
    }

    /// Logarithm of its density at a point (search coordinates).
    pub fn log_density(&self, x: &[f64]) -> f64 {
        let d = x.len();
        let mut standard = vec![0.0; d];
        let squares: Vec<f64> = (self.places.iter())
            .map(|place| {
                let away = self.region.difference(&place.x, x);
                standard.fill(0.0);
                // Column by column, as they lie.
                for (j, away) in away.iter().enumerate() {
                    axpy(*away, place.map.col_as_slice(j), &mut standard);
                }
                dot(&standard, &standard) / self.eps
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
