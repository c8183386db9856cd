//! Upper bounds of matrix norms.

use faer::Mat;
use pulp::{Arch, NullaryFnOnce};

use super::BallMatrix;
use super::matrix::gamma;
use super::rounding::{ORDINARY, div_up, mul_up, root_of_squares, sqrt_up, sub_down, up};
use crate::linalg::dot;

/// Steps of the power iteration that looks for a Perron vector.
const POWER: usize = 3;
/// A bound that exceeds a norm by this factor at most is good enough.
const CLOSE: f64 = 1.0 + 1.0 / 32.0;

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
    image(a, &vec![1.0; a.ncols()], &mut sums);
    sums.into_iter().map(|s| up(inflate * s)).fold(0.0, f64::max)
}

/// The Frobenius norm of a nonnegative matrix, upwards.
pub(super) fn norm_frobenius(a: &Mat<f64>) -> f64 {
    Arch::new().dispatch(Frobenius(a))
}

struct Frobenius<'a>(&'a Mat<f64>);

impl NullaryFnOnce for Frobenius<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        frobenius(self.0)
    }
}

#[inline(always)]
fn frobenius(a: &Mat<f64>) -> f64 {
    let terms = a.nrows() * a.ncols();
    let (mut largest, mut sum) = (0.0, 0.0);
    for j in 0..a.ncols() {
        let column = a.col_as_slice(j);
        largest = f64::max(largest, highest(column));
        sum += dot(column, column);
    }
    if sum.is_nan() {
        return f64::INFINITY;
    }
    if largest == 0.0 {
        return 0.0;
    }
    root_of_squares(sum, largest, terms).unwrap_or_else(|| mul_up(largest, sqrt_up(terms as f64)))
}

/// The spectral norm of a nonnegative matrix, upwards: the least of its Frobenius norm, of the root of its 1-norm times
/// its infinity norm, and of Collatz & Wielandt's bound: for any x > 0, the largest eigenvalue of `A'A` is at most
/// `max_i (A'Ax)_i / x_i` (Horn & Johnson 2013, "Matrix Analysis", section 8.1). The latter two only where the first may be far too large.
pub(super) fn norm_two(a: &Mat<f64>) -> f64 {
    Arch::new().dispatch(Two(a))
}

struct Two<'a>(&'a Mat<f64>);

impl NullaryFnOnce for Two<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let a = self.0;
        let (n, m) = (a.nrows(), a.ncols());
        let frobenius = frobenius(a);
        let is_ordinary = |size: f64| size > 1.0 / ORDINARY && size < ORDINARY;
        let (mut x, mut y, mut z) = (vec![1.0; m], vec![0.0; n], vec![0.0; m]);
        if is_ordinary(frobenius) {
            // No norm is less than that of the image of one vector.
            image(a, &x, &mut y);
            if frobenius <= CLOSE * (dot(&y, &y) / m as f64).sqrt() {
                return frobenius;
            }
        }
        let coarse = frobenius.min(sqrt_up(mul_up(norm_one(a), norm_inf(a))));
        if n.min(m) <= 1 || !is_ordinary(coarse) {
            return coarse;
        }
        for step in 0..=POWER {
            image(a, &x, &mut y);
            for (j, z) in z.iter_mut().enumerate() {
                *z = dot(a.col_as_slice(j), &y);
            }
            if step < POWER {
                let largest = highest(&z);
                if !(largest > 0.0) {
                    return coarse;
                }
                for (x, z) in x.iter_mut().zip(&z) {
                    *x = (z / largest).max(1e-3);
                }
            }
        }
        let inflate = inflate(n + m);
        // The largest ratio is above 1e-180 over n m, and what underflow takes from it, below 1e-230 times that, far below
        // the roundings that go upwards.
        let ratio = z.iter().zip(&x).map(|(z, x)| div_up(mul_up(inflate, *z), *x)).fold(0.0, f64::max);
        coarse.min(sqrt_up(ratio))
    }
}

/// `A x`.
#[inline(always)]
fn image(a: &Mat<f64>, x: &[f64], y: &mut [f64]) {
    y.fill(0.0);
    for (j, x) in x.iter().enumerate() {
        for (y, a) in y.iter_mut().zip(a.col_as_slice(j)) {
            *y += a * x;
        }
    }
}

/// The largest number, or zero if that is larger.
#[inline(always)]
fn highest(a: &[f64]) -> f64 {
    let (eights, rest) = a.as_chunks::<8>();
    let mut tops = [0.0; 8];
    for eight in eights {
        for i in 0..8 {
            tops[i] = if eight[i] > tops[i] { eight[i] } else { tops[i] };
        }
    }
    tops.iter().chain(rest).copied().fold(0.0, f64::max)
}

/// What makes a computed sum of n nonnegative terms an upper bound.
fn inflate(n: usize) -> f64 {
    div_up(1.0, sub_down(1.0, gamma(n)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rigor::rounding::UNIT;

    /// A row or a column of one number `first` and many that are lost when they are added to it.
    fn grains(across: bool, first: f64, grain: f64) -> Mat<f64> {
        let (n, m) = if across { (1, 1000) } else { (1000, 1) };
        Mat::from_fn(n, m, |i, j| if i + j == 0 { first } else { grain })
    }

    #[test]
    fn sums_that_lose_every_term_are_bounded() {
        // 1 + 2u + 999 u (1 - 2^-20), compared without rounding.
        let first = 1.0 + 2.0 * UNIT;
        let grain = UNIT * (1.0 - 1.0 / 1_048_576.0);
        for across in [false, true] {
            let a = grains(across, first, grain);
            let sum = if across { norm_inf(&a) } else { norm_one(&a) };
            assert!(sum - first >= 999.0 * grain && sum - first < 1010.0 * UNIT);
            // The squares of the others are just below u, and are lost beside one.
            let small = (UNIT * (1.0 - 1e-12)).sqrt();
            let frobenius = norm_frobenius(&grains(across, 1.0, small));
            assert!(frobenius - 1.0 >= 0.5 * 999.0 * UNIT * (1.0 - 1e-11), "{}", (frobenius - 1.0) / UNIT);
            assert!(frobenius - 1.0 < 1010.0 * UNIT);
        }
    }

    #[test]
    fn numbers_that_do_not_add_up_exactly_are_bounded() {
        // n times c, by sums that drift: by two hundred units in the last place for some c.
        let n = 1000;
        for c in [0.1, 0.3, 0.7, 1.1, 1.3, 1.7] {
            let exact = n as f64 * c;
            assert!(
                norm_two(&Mat::from_fn(n, 2, |_, _| c)) >= (2.0 * n as f64).sqrt() * c * (1.0 - 4.0 * UNIT)
            );
            let drift = (0..n).fold(0.0, |sum, _| sum + c) - exact;
            assert!(
                drift.abs() < 1e-10
                    && norm_two(&Mat::from_fn(300, 300, |_, _| c)) >= 300.0 * c * (1.0 - 2.0 * UNIT)
            );
        }
        // The length of a row of n twos to the 300th: its square is n, exactly compared.
        let size = 2f64.powi(300);
        for n in 1..40 {
            let norm = norm_frobenius(&Mat::from_fn(1, n, |_, _| size)) / size;
            assert!(norm.mul_add(norm, -(n as f64)) >= 0.0, "{n}");
            let norm = norm_two(&Mat::from_fn(1, n, |_, _| 1.0));
            assert!(norm.mul_add(norm, -(n as f64)) >= 0.0, "{n}");
        }
    }

    #[test]
    fn squares_that_vanish_are_bounded() {
        // 50 a^2 is 2.45 times the smallest number, and rounds to twice that.
        let a = (2.45 / 50.0_f64).sqrt() * 2f64.powi(-537);
        assert!(norm_two(&Mat::from_fn(50, 50, |_, _| a)) >= 50.0 * a);
    }

    #[test]
    fn what_is_not_a_number_bounds_everything() {
        for bad in [f64::NAN, f64::INFINITY] {
            for n in [1, 3] {
                let a = Mat::from_fn(n, n, |i, j| if i + j == 0 { bad } else { 0.0 });
                for norm in [norm_one(&a), norm_inf(&a), norm_frobenius(&a), norm_two(&a)] {
                    assert_eq!(norm, f64::INFINITY);
                }
            }
        }
    }
}
