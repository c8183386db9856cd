//! Upper bounds of matrix norms.

use faer::Mat;

use super::BallMatrix;
use super::matrix::gamma;
use super::rounding::{div_up, mul_up, sqrt_up, sub_down, up};

/// Steps of the power iteration that looks for a Perron vector.
const POWER: usize = 3;
/// Between one over this and this, squares neither overflow nor vanish.
const ORDINARY: f64 = 1e90;

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
    let mut sums = vec![0.0; a.nrows()];
    for j in 0..a.ncols() {
        sums.iter_mut().zip(a.col_as_slice(j)).for_each(|(s, a)| *s += a);
    }
    sums.into_iter().map(|s| up(inflate * s)).fold(0.0, f64::max)
}

/// The Frobenius norm of a nonnegative matrix, upwards.
pub(super) fn norm_frobenius(a: &Mat<f64>) -> f64 {
    let terms = a.nrows() * a.ncols();
    let (mut largest, mut sum) = (0.0, 0.0);
    for j in 0..a.ncols() {
        for a in a.col_as_slice(j) {
            largest = f64::max(largest, *a);
            sum += a * a;
        }
    }
    if sum.is_nan() {
        return f64::INFINITY;
    }
    if largest == 0.0 {
        return 0.0;
    }
    if !(largest > 1.0 / ORDINARY && largest < ORDINARY) {
        return mul_up(largest, sqrt_up(terms as f64));
    }
    // A square and the sums; what underflow takes is far below the last rounding, which goes upwards.
    sqrt_up(mul_up(inflate(terms), sum))
}

/// The spectral norm of a nonnegative matrix, upwards: the least of its Frobenius norm, of the root of its 1-norm times
/// its infinity norm, and of Collatz & Wielandt's bound: for any x > 0, the largest eigenvalue of `A'A` is at most
/// `max_i (A'Ax)_i / x_i` (Horn & Johnson 2013, "Matrix Analysis", section 8.1).
pub(super) fn norm_two(a: &Mat<f64>) -> f64 {
    let (n, m) = (a.nrows(), a.ncols());
    let coarse = norm_frobenius(a).min(sqrt_up(mul_up(norm_one(a), norm_inf(a))));
    if n.min(m) <= 1 || !(coarse > 1.0 / ORDINARY && coarse < ORDINARY) {
        return coarse;
    }
    let (mut x, mut y, mut z) = (vec![1.0; m], vec![0.0; n], vec![0.0; m]);
    for step in 0..=POWER {
        y.fill(0.0);
        for (j, x) in x.iter().enumerate() {
            y.iter_mut().zip(a.col_as_slice(j)).for_each(|(y, a)| *y += a * x);
        }
        for (j, z) in z.iter_mut().enumerate() {
            *z = a.col_as_slice(j).iter().zip(&y).map(|(a, y)| a * y).sum::<f64>();
        }
        if step < POWER {
            let largest = z.iter().copied().fold(0.0, f64::max);
            if !(largest > 0.0) {
                return coarse;
            }
            x.iter_mut().zip(&z).for_each(|(x, z)| *x = (z / largest).max(1e-3));
        }
    }
    let inflate = inflate(n + m);
    // The largest ratio is above 1e-180 over n m, and what underflow takes from it, below 1e-230 times that, far below
    // the roundings that go upwards.
    let ratio = z.iter().zip(&x).map(|(z, x)| div_up(mul_up(inflate, *z), *x)).fold(0.0, f64::max);
    coarse.min(sqrt_up(ratio))
}

/// What makes a computed sum of n nonnegative terms an upper bound.
fn inflate(n: usize) -> f64 {
    div_up(1.0, sub_down(1.0, gamma(n)))
}
