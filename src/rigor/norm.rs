//! Upper bounds of matrix norms.

use faer::Mat;

use super::BallMatrix;
use super::matrix::gamma;
use super::rounding::{div_up, mul_up, sqrt_up, sub_down, up};

/// Steps of the power iteration that looks for a Perron vector.
const POWER: usize = 3;

impl BallMatrix {
    /// An upper bound of the 1-norm (the largest column sum) of every matrix of the set.
    pub fn norm_one(&self) -> f64 {
        norm_one(&self.magnitude())
    }

    /// An upper bound of the infinity norm (the largest row sum) of every matrix of the set.
    pub fn norm_inf(&self) -> f64 {
        norm_inf(&self.magnitude())
    }

    /// An upper bound of the Frobenius norm of every matrix of the set.
    pub fn norm_frobenius(&self) -> f64 {
        norm_frobenius(&self.magnitude())
    }

    /// An upper bound of the spectral norm of every matrix of the set, by that of their absolute values.
    pub fn norm_two(&self) -> f64 {
        norm_two(&self.magnitude())
    }
}

/// The largest column sum of a nonnegative matrix, upwards.
pub(super) fn norm_one(a: &Mat<f64>) -> f64 {
    let inflate = inflate(a.nrows());
    // `up` before `max`: the maximum would drop what is not a number.
    (0..a.ncols()).map(|j| up(inflate * a.col_as_slice(j).iter().sum::<f64>())).fold(0.0, f64::max)
}

/// The largest row sum of a nonnegative matrix, upwards.
pub(super) fn norm_inf(a: &Mat<f64>) -> f64 {
    let inflate = inflate(a.ncols());
    times(a, &vec![1.0; a.ncols()]).into_iter().map(|s| up(inflate * s)).fold(0.0, f64::max)
}

/// The Frobenius norm of a nonnegative matrix, upwards.
pub(super) fn norm_frobenius(a: &Mat<f64>) -> f64 {
    let largest = (0..a.ncols())
        .flat_map(|j| a.col_as_slice(j))
        .fold(0.0, |m: f64, a| if a.is_nan() { f64::INFINITY } else { m.max(*a) });
    if largest == 0.0 || largest == f64::INFINITY {
        return largest;
    }
    // A power of two: scaling by it rounds only what it makes too small, and that is added back below.
    let scale = 2f64.powi(-(largest.log2().floor() as i32).clamp(-1000, 1000));
    let sum: f64 = (0..a.ncols()).flat_map(|j| a.col_as_slice(j)).map(|a| (a * scale) * (a * scale)).sum();
    let terms = a.nrows() * a.ncols();
    // Below 2^-500 of the largest entry a square may be lost: less than 2^-900 each.
    let squares = up(up(inflate(terms + 2) * sum) + terms as f64 * 2f64.powi(-900));
    up(sqrt_up(squares) / scale)
}

/// The spectral norm of a nonnegative matrix, upwards: the least of its Frobenius norm, of the root of its 1-norm times
/// its infinity norm, and of Collatz & Wielandt's bound: for any x > 0, the largest eigenvalue of `A'A` is at most
/// `max_i (A'Ax)_i / x_i` (Horn & Johnson 2013, "Matrix Analysis", section 8.1).
pub(super) fn norm_two(a: &Mat<f64>) -> f64 {
    let (n, m) = (a.nrows(), a.ncols());
    let sums = sqrt_up(mul_up(norm_one(a), norm_inf(a)));
    let coarse = norm_frobenius(a).min(sums);
    if !(coarse > 1e-100 && coarse < 1e100) {
        return coarse;
    }
    // Scaled to norm one, by a power of two.
    let scale = 2f64.powi(-(coarse.log2().floor() as i32));
    let mut x = vec![1.0; m];
    let mut bound = coarse;
    for step in 0..=POWER {
        let y: Vec<f64> = times(a, &x).into_iter().map(|y| scale * y).collect();
        let z: Vec<f64> = (0..m)
            .map(|j| scale * a.col_as_slice(j).iter().zip(&y).map(|(a, y)| a * y).sum::<f64>())
            .collect();
        if step == POWER {
            let inflate = inflate(n + m + 4);
            // Products below the normal numbers lose less than eta each, times the scale (below 1e101) when they are
            // scaled, and the absolute column sums (below 2n, scaled) when they are multiplied again.
            let lost = (n + 1) as f64 * (m + 1) as f64 * 1e-200;
            let ratio =
                z.iter().zip(&x).map(|(z, x)| div_up(up(up(inflate * z) + lost), *x)).fold(0.0, f64::max);
            bound = bound.min(up(sqrt_up(ratio) / scale));
        }
        let largest = z.iter().copied().fold(0.0, f64::max);
        if !(largest > 0.0 && largest < f64::INFINITY) {
            break;
        }
        x = z.into_iter().map(|z| (z / largest).max(1e-3)).collect();
    }
    bound
}

/// What makes a computed sum of n nonnegative terms an upper bound.
fn inflate(n: usize) -> f64 {
    div_up(1.0, sub_down(1.0, gamma(n)))
}

/// `A x` in floating point.
fn times(a: &Mat<f64>, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; a.nrows()];
    for (j, x) in x.iter().enumerate() {
        y.iter_mut().zip(a.col_as_slice(j)).for_each(|(y, a)| *y += a * x);
    }
    y
}
