//! Speciation and collapse of a diffusion model beside what its splitting tree shows.
//!
//! In: data and a [`SplittingTree`] along the noise. Out: the times of Biroli, Bonnaire, de Bortoli & Mezard (Nature Communications 15,
//! 9957 (2024)) in the Ornstein-Uhlenbeck process, `t_S = log(Lambda)/2` with the largest eigenvalue Lambda of the data's covariance, and
//! `t_C = log(1 + s^2/(n^(2/d) - 1))/2` for n normal data with variance s^2 a coordinate; and those at which the first and half of the
//! minima have split. A noise sigma on uncontracted data is time `log(1 + sigma^2)/2`.

use faer::MatRef;
use serde::Serialize;

use super::SplittingTree;
use crate::memorization::{Noises, noises};

/// Times of a diffusion model on finitely many data, in the Ornstein-Uhlenbeck process.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Times {
    /// Largest eigenvalue of the data's covariance.
    pub top_variance: f64,
    /// `log(top_variance)/2`: where a theory of two classes far apart sees them part; negative for data closer together than 1.
    pub speciation: f64,
    /// The noise at which the mean of the data becomes unstable if all of them weigh the same there: the root of the top variance.
    pub speciation_sigma: f64,
    /// The noise at which the last two minima merge.
    pub last_merger_sigma: f64,
    /// That as a time.
    pub last_merger: f64,
    /// `t_C` of normal data of the same number, dimension and mean variance.
    pub collapse: f64,
    /// That as a noise.
    pub collapse_sigma: f64,
    /// The noise below which at least half as many minima as data are told apart; `None` if there are fewer all along.
    pub half_split_sigma: Option<f64>,
}

/// The times of data (columns) beside those of their tree along sigma. `None` for fewer than two data, or without a merger.
pub fn times(data: MatRef<'_, f64>, tree: &SplittingTree) -> Option<Times> {
    let count = data.ncols();
    let last = tree.mergers.iter().rev().find(|m| !m.renamed)?.parameter;
    let Noises { top_variance, speciation, collapse } = noises(data).filter(|_| last > 0.0)?;
    let half = tree.parameters.iter().zip(&tree.counts).filter(|(_, n)| 2 * **n >= count).map(|(p, _)| *p);
    Some(Times {
        top_variance,
        speciation: 0.5 * top_variance.ln(),
        speciation_sigma: speciation,
        last_merger_sigma: last,
        last_merger: time(last),
        collapse: time(collapse),
        collapse_sigma: collapse,
        half_split_sigma: half.reduce(f64::max),
    })
}

/// The time of a noise.
fn time(sigma: f64) -> f64 {
    0.5 * (sigma * sigma).ln_1p()
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::memorization::capacity::collapse_width;

    /// Numbers of the paper: n = 20000 normal data with s = 1 collapse at 1.29879 in d = 256 and at 1.97755 in d = 1024.
    #[test]
    fn the_collapse_of_normal_data() {
        for (d, known) in [(256.0_f64, 1.29879), (1024.0, 1.97755)] {
            assert!((time(collapse_width(20_000.0, d, 1.0)) - known).abs() < 5e-6);
        }
    }

    /// Two data: the mean is unstable below half their distance, where they merge.
    #[test]
    fn two_data() {
        let data = Mat::from_fn(3, 2, |i, k| [0.6, 0.0, -0.8][i] * if k == 0 { 1.0 } else { -1.0 });
        let arc = crate::continuation::Arc { branch: 0, piece: 0 };
        let merger = |into| super::super::Merger {
            parameter: 1.0,
            energy: 0.0,
            event: 0,
            lost: arc,
            into,
            renamed: false,
        };
        let tree = SplittingTree {
            parameter: "sigma".into(),
            leaves: vec![],
            mergers: vec![merger(None)],
            parameters: vec![0.5, 1.5],
            counts: vec![2, 1],
            interrupted: false,
        };
        let times = times(data.as_ref(), &tree).expect("two data");
        assert!((times.speciation_sigma - 1.0).abs() < 1e-14);
        assert_eq!((times.last_merger_sigma, times.half_split_sigma), (1.0, Some(1.5)));
        // n^(2/d) = 2^(2/3), s^2 = 1/3.
        assert!((times.collapse_sigma.powi(2) - (1.0 / 3.0) / (2.0_f64.powf(2.0 / 3.0) - 1.0)).abs() < 1e-14);
    }
}
