//! Landscapes that move with time: noise schedules, the marginals of a diffusion process and their scores.

use faer::{Mat, MatMut, MatRef};

use super::neural::score::Score;
use crate::error::Result;

/// How the noise scale `sigma` and the contraction `a` follow from a time `t` (score-based diffusion models; Song et
/// al. 2021, Karras et al. 2022).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Variance exploding: `a = 1`, `sigma^2 = s^2 t`.
    VarianceExploding {
        /// Noise a unit of time.
        s: f64,
    },
    /// Variance preserving: `a = theta`, `sigma^2 = 1 - theta^2`, `theta = exp(-t^2 (b1 - b0)/4 - t b0/2)`.
    VariancePreserving {
        /// Rate at time 0.
        b0: f64,
        /// Rate at time 1.
        b1: f64,
    },
    /// Ornstein-Uhlenbeck: `a = e^-t`, `sigma^2 = 1 - e^-2t`.
    OrnsteinUhlenbeck,
    /// Karras et al.: `a = 1`, `sigma = t`.
    Edm,
}

impl Schedule {
    /// `(a, sigma)` at time `t > 0`.
    pub fn at(&self, t: f64) -> (f64, f64) {
        match *self {
            Schedule::VarianceExploding { s } => (1.0, s * t.sqrt()),
            Schedule::VariancePreserving { b0, b1 } => {
                let log_theta = -t * t * (b1 - b0) / 4.0 - t * b0 / 2.0;
                (log_theta.exp(), (-(2.0 * log_theta).exp_m1()).sqrt())
            }
            Schedule::OrnsteinUhlenbeck => ((-t).exp(), (-(-2.0 * t).exp_m1()).sqrt()),
            Schedule::Edm => (1.0, t),
        }
    }

    /// `(da/dt, dsigma/dt)` at time `t > 0`.
    pub fn rate_at(&self, t: f64) -> (f64, f64) {
        let (a, sigma) = self.at(t);
        match *self {
            Schedule::VarianceExploding { s } => (0.0, s * s / (2.0 * sigma)),
            Schedule::VariancePreserving { b0, b1 } => {
                let rate = -t * (b1 - b0) / 2.0 - b0 / 2.0;
                (a * rate, -a * a * rate / sigma)
            }
            Schedule::OrnsteinUhlenbeck => (-a, a * a / sigma),
            Schedule::Edm => (0.0, 1.0),
        }
    }

    /// The time at which the noise is `ratio` times the contraction: `sigma = ratio a`.
    pub fn time_at(&self, ratio: f64) -> f64 {
        // Where a^2 + sigma^2 = 1: -log a.
        let decay = 0.5 * (ratio * ratio).ln_1p();
        match *self {
            Schedule::VarianceExploding { s } => (ratio / s).powi(2),
            Schedule::VariancePreserving { b0, b1 } => {
                let slope = 0.5 * b0;
                2.0 * decay / (slope + (slope * slope + (b1 - b0) * decay).max(0.0).sqrt())
            }
            Schedule::OrnsteinUhlenbeck => decay,
            Schedule::Edm => ratio,
        }
    }
}

/// A diffusion model: data contracted by `a(t)`, with noise of scale `sigma(t)` added, at any time of its schedule.
pub trait Diffusion: Send + Sync {
    /// Dimension n of the state.
    fn dimension(&self) -> usize;

    /// Contraction and noise by time.
    fn schedule(&self) -> Schedule;

    /// Mean of the data and the root of their mean squared distance from it, where the data are known.
    fn extent(&self) -> Option<(Vec<f64>, f64)>;

    /// The distribution at time `t`. Errors name the allowed range.
    fn marginal(&self, t: f64) -> Result<Box<dyn Marginal + '_>>;
}

/// The distribution p of a diffusion model at one time. Points are columns.
pub trait Marginal: Send + Sync {
    /// The scores `grad log p` (n x b) at the columns of `points` (n x b).
    fn scores(&self, points: MatRef<'_, f64>, out: MatMut<'_, f64>);

    /// The divergence of the score at each column of `points`: the Laplacian of `log p`.
    fn divergences(&self, points: MatRef<'_, f64>, out: &mut [f64]);

    /// `-log p` at each column of `points`; false, and `out` untouched, where only the score is known.
    fn energies(&self, points: MatRef<'_, f64>, out: &mut [f64]) -> bool;
}

impl Diffusion for Score {
    fn dimension(&self) -> usize {
        Score::dim(self)
    }

    fn schedule(&self) -> Schedule {
        Score::schedule(self)
    }

    fn extent(&self) -> Option<(Vec<f64>, f64)> {
        None
    }

    fn marginal(&self, t: f64) -> Result<Box<dyn Marginal + '_>> {
        let timed = self.parameters().iter().any(|(name, _)| name == "t");
        let score = if timed { Score::with_parameter(self, "t", t)? } else { self.clone() };
        Ok(Box::new(score))
    }
}

impl Marginal for Score {
    fn scores(&self, points: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.field(points, out);
    }

    fn divergences(&self, points: MatRef<'_, f64>, out: &mut [f64]) {
        let (n, b) = (points.nrows(), points.ncols());
        let mut product = Mat::zeros(n, b);
        out.fill(0.0);
        for i in 0..n {
            let unit = Mat::from_fn(n, b, |row, _| f64::from(u8::from(row == i)));
            self.jacobian_vectors(points, unit.as_ref(), product.as_mut());
            out.iter_mut().enumerate().for_each(|(j, out)| *out += product[(i, j)]);
        }
    }

    fn energies(&self, _: MatRef<'_, f64>, _: &mut [f64]) -> bool {
        false
    }
}
