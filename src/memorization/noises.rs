//! The noises at which data speciate and collapse, from their covariance.

use faer::{Mat, MatRef};

use super::capacity::collapse_width;
use crate::linalg::symmetric_eigen;

/// Two noises of data in a diffusion model (Biroli, Bonnaire, de Bortoli & Mezard, Nature Communications 15, 9957 (2024)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noises {
    /// Largest eigenvalue of the data's covariance.
    pub top_variance: f64,
    /// The noise at which the mean of the data becomes unstable if all of them weigh the same there: the root of that.
    pub speciation: f64,
    /// The noise below which samples collapse onto single data, if these are as many normal data of the same mean variance:
    /// [`collapse_width`].
    pub collapse: f64,
}

/// The noises of data (n x K, columns); `None` for fewer than two.
pub fn noises(data: MatRef<'_, f64>) -> Option<Noises> {
    let (dim, count) = (data.nrows(), data.ncols());
    if count < 2 || dim == 0 {
        return None;
    }
    let mean: Vec<f64> = (0..dim).map(|i| data.row(i).iter().sum::<f64>() / count as f64).collect();
    // Of the covariance and of the matrix of inner products the smaller one: they share the largest eigenvalue.
    let centred = Mat::from_fn(dim, count, |i, k| data[(i, k)] - mean[i]);
    let small = if dim <= count { &centred * centred.transpose() } else { centred.transpose() * &centred };
    let size = small.nrows();
    let (mut values, mut vectors) = (vec![0.0; size], Mat::zeros(size, size));
    if !symmetric_eigen(small.as_ref(), &mut values, vectors.as_mut()) {
        return None;
    }
    let top_variance = values.last()? / count as f64;
    let mean_variance = values.iter().sum::<f64>() / (count * dim) as f64;
    Some(Noises {
        top_variance,
        speciation: top_variance.sqrt(),
        collapse: collapse_width(count as f64, dim as f64, mean_variance.sqrt()),
    })
}
