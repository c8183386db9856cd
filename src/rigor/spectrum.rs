//! Eigenvalues of symmetric matrices, and how many of them are negative.
//!
//! Proven from approximate eigenvectors V and eigenvalues w, which need not be trusted. Let A be symmetric,
//! `|I - V'V| <= q < 1` and `|V'AV - diag w| <= e` in the spectral norm. Then V is nonsingular, and by Ostrowski's
//! theorem (Horn & Johnson 2013, "Matrix Analysis", theorem 4.5.9) the k-th smallest eigenvalue of V'AV is that of A
//! times a number in [1 - q, 1 + q]; by Weyl's theorem (4.3.1) it lies within e of the k-th smallest w. So
//! `lambda_k in (w_k + [-e, e]) / [1 - q, 1 + q]`. With `R = AV - V diag w`,
//! `V'AV - diag w = V'R - (I - V'V) diag w`, hence `e = sqrt(1 + q) |R| + q max |w|`.
//! For the matrices `A + D`, `|D| <= rad`, Weyl's theorem adds `|rad|`.
//!
//! An eigenvalue that this separates from all others is found better: some eigenvalue is within
//! `|A v - w v| / |v|` of w, for each column v and its w (Parlett 1998, "The Symmetric Eigenvalue Problem", theorem
//! 4.5.1), and which one is then no question.

use faer::{Mat, MatRef};

use super::inertia::rotate;
use super::norm::norm_two;
use super::rounding::{UNIT, add_up, div_up, mul_up, norm_up, sqrt_down, sqrt_up, sub_down};
use super::{BallMatrix, Interval};
use crate::linalg::symmetric_eigen;

/// Up to this size Jacobi's method beats the library.
const SMALL: usize = 8;
/// Its sweeps, at most: it converges quadratically.
const SWEEPS: usize = 12;

/// Eigenvalues of every symmetric matrix of a set.
#[derive(Clone, Debug)]
pub struct Spectrum {
    /// The k-th interval holds the k-th smallest eigenvalue (length n). The intervals may overlap.
    pub values: Vec<Interval>,
    /// Approximate eigenvectors (n x n, in columns, in the order of the values): no more is proven about them.
    pub vectors: Mat<f64>,
}

impl Spectrum {
    /// The number of negative eigenvalues; `None` unless every eigenvalue is proven not to be zero.
    pub fn index(&self) -> Option<usize> {
        let (negative, unknown, _) = self.inertia();
        (unknown == 0).then_some(negative)
    }

    /// How many eigenvalues are proven negative, how many have no proven sign, and how many are proven positive.
    pub fn inertia(&self) -> (usize, usize, usize) {
        let negative = self.values.iter().filter(|v| v.hi() < 0.0).count();
        let positive = self.values.iter().filter(|v| v.lo() > 0.0).count();
        (negative, self.values.len() - negative - positive, positive)
    }

    /// A lower bound of the absolute values of all eigenvalues: one over it bounds the inverse's spectral norm.
    pub fn least(&self) -> f64 {
        self.values.iter().map(|v| v.mig()).fold(f64::INFINITY, f64::min)
    }

    /// An upper bound of the absolute values of all eigenvalues: the spectral norm.
    pub fn largest(&self) -> f64 {
        self.values.iter().map(|v| v.mag()).fold(0.0, f64::max)
    }
}

/// Encloses the eigenvalues of every symmetric matrix of the set (n x n). `None` if nothing could be proven.
pub fn symmetric_spectrum(a: &BallMatrix) -> Option<Spectrum> {
    let a = a.symmetric()?;
    let (values, vectors) = eigen(a.mid.as_ref())?;
    spectrum_from(&a, &values, vectors)
}

impl Spectrum {
    /// The same from approximate eigenvalues (ascending or not; length n) and eigenvectors (n x n, in columns), neither
    /// of which need be trusted.
    pub fn verify(a: &BallMatrix, values: &[f64], vectors: Mat<f64>) -> Option<Spectrum> {
        spectrum_from(&a.symmetric()?, values, vectors)
    }
}

/// As [`Spectrum::verify`], of a set with symmetric midpoints and radii.
fn spectrum_from(a: &BallMatrix, values: &[f64], vectors: Mat<f64>) -> Option<Spectrum> {
    let n = a.nrows();
    if values.len() != n || vectors.nrows() != n || vectors.ncols() != n {
        return None;
    }
    let mut order: Vec<usize> = (0..n).collect();
    if values.windows(2).any(|w| !(w[0] <= w[1])) {
        order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
        let sorted: Vec<f64> = order.iter().map(|i| values[*i]).collect();
        let columns = Mat::from_fn(n, n, |i, j| vectors[(i, order[j])]);
        return if sorted.iter().all(|w| w.is_finite()) { spectrum_from(a, &sorted, columns) } else { None };
    }
    if !values.iter().all(|w| w.is_finite()) {
        return None;
    }
    let spread = norm_two(&a.rad);
    let v = BallMatrix::exact(vectors.as_ref());
    let q = norm_two(&BallMatrix::product(&v.transpose(), &v).rest());
    if !(q < 1.0 && spread < f64::INFINITY) {
        return None;
    }
    let middle = BallMatrix { mid: a.mid.clone(), rad: Mat::zeros(n, n) };
    let image = BallMatrix::product(&middle, &v);
    // |A V - V diag w|, upwards, entry by entry.
    let mut residual = image.rad;
    for j in 0..n {
        let (av, v) = (image.mid.col_as_slice(j), vectors.col_as_slice(j));
        for ((r, av), v) in residual.col_as_slice_mut(j).iter_mut().zip(av).zip(v) {
            let (product, rest) = (values[j] * v, av - values[j] * v);
            // u for either rounding, or less than the smallest normal number; and room for the roundings here.
            let bound = rest.abs() + *r + UNIT * (product.abs() + rest.abs());
            *r = bound * (1.0 + 8.0 * f64::EPSILON) + f64::MIN_POSITIVE;
        }
    }
    let largest = values.iter().fold(0.0, |m: f64, w| m.max(w.abs()));
    let e = add_up(mul_up(sqrt_up(add_up(1.0, q)), norm_two(&residual)), mul_up(q, largest));
    let stretch = Interval::new(sub_down(1.0, q), add_up(1.0, q));
    let coarse: Vec<Interval> = values.iter().map(|w| Interval::about(*w, e) / stretch).collect();
    // Columns of V are at least sqrt(1 - q) long.
    let shortest = sqrt_down(sub_down(1.0, q));
    let fine = (0..n).map(|k| {
        let close = Interval::about(values[k], div_up(norm_up(residual.col_as_slice(k)), shortest));
        // The eigenvalue near w_k is the k-th if those below and above lie elsewhere.
        let own =
            (k == 0 || coarse[k - 1].hi() < close.lo()) && (k + 1 == n || close.hi() < coarse[k + 1].lo());
        let best = if own { close.meet(coarse[k])? } else { coarse[k] };
        Some(Interval::new(sub_down(best.lo(), spread), add_up(best.hi(), spread)))
    });
    Some(Spectrum { values: fine.collect::<Option<_>>()?, vectors })
}

/// Approximate eigenvalues, ascending, and eigenvectors; `None` if they are not finite.
fn eigen(a: MatRef<'_, f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let n = a.nrows();
    if n <= SMALL {
        return Some(jacobi(a));
    }
    let (mut values, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
    symmetric_eigen(a, &mut values, vectors.as_mut()).then_some((values, vectors))
}

/// Jacobi's method (Golub & Van Loan 2013, section 8.5), row by row.
fn jacobi(a: MatRef<'_, f64>) -> (Vec<f64>, Mat<f64>) {
    let n = a.nrows();
    let mut m = a.to_owned();
    let mut v: Mat<f64> = Mat::identity(n, n);
    for _ in 0..SWEEPS {
        let mut turned = false;
        for q in 1..n {
            for p in 0..q {
                let (alpha, beta, gamma) = (m[(p, p)], m[(p, q)], m[(q, q)]);
                // Negligible beside both diagonal entries, which keeps small eigenvalues of graded matrices.
                if !(beta.abs() > 1e-17 * (alpha.abs().sqrt() * gamma.abs().sqrt())) {
                    continue;
                }
                turned = true;
                rotate(&mut m, &mut v, p, q);
            }
        }
        if !turned {
            break;
        }
    }
    ((0..n).map(|i| m[(i, i)]).collect(), v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rigor::rounding::UNIT;

    fn diagonal(entries: &[f64]) -> BallMatrix {
        let n = entries.len();
        BallMatrix::exact(Mat::from_fn(n, n, |i, j| if i == j { entries[i] } else { 0.0 }).as_ref())
    }

    #[test]
    fn a_sign_is_proven_only_if_zero_is_excluded() {
        for value in [Interval::new(-1.0, 0.0), Interval::new(0.0, 1.0), Interval::ZERO, Interval::ENTIRE] {
            let spectrum = Spectrum { values: vec![value], vectors: Mat::identity(1, 1) };
            assert_eq!((spectrum.index(), spectrum.inertia()), (None, (0, 1, 0)), "{value:?}");
        }
    }

    #[test]
    fn short_and_long_vectors_and_wrong_values_are_paid_for() {
        // One eigenvalue, 1, and the claim that it is 0: what is left is |A v| / |v|.
        for v in [0.8, 1.2] {
            let spectrum = Spectrum::verify(&diagonal(&[1.0]), &[0.0], Mat::from_fn(1, 1, |_, _| v));
            assert!(spectrum.is_some_and(|s| s.values[0].contains(1.0)), "{v}");
        }
        // Smallest numbers: the products round to zero.
        let eta = f64::from_bits(1);
        let spectrum = Spectrum::verify(&diagonal(&[0.0]), &[eta], Mat::from_fn(1, 1, |_, _| 0.5));
        assert!(spectrum.is_some_and(|s| s.values[0].contains(0.0)));
        assert!(
            Spectrum::verify(&diagonal(&[1.0, 2.0]), &[1.0, f64::INFINITY], Mat::identity(2, 2)).is_none()
        );
    }

    #[test]
    fn a_pair_that_belongs_to_another_place_tells_nothing_of_its_own() {
        // Both claims say the same value; one of them is right, with the other eigenvalue's vector.
        let swapped = Mat::from_fn(2, 2, |i, j| if i == j { 0.0 } else { 1.0 });
        for claim in [0.0, 1.0] {
            let spectrum = Spectrum::verify(&diagonal(&[0.0, 1.0]), &[claim; 2], swapped.clone()).unwrap();
            assert!(
                spectrum.values[0].contains(0.0) && spectrum.values[1].contains(1.0),
                "{:?}",
                spectrum.values
            );
        }
    }

    #[test]
    fn radii_move_both_ends() {
        let mut a = diagonal(&[1.0, 3.0]);
        for i in 0..2 {
            a.rad[(i, i)] = 0.5;
        }
        let spectrum = symmetric_spectrum(&a).unwrap();
        for (value, center) in spectrum.values.iter().zip([1.0, 3.0]) {
            assert!(value.contains(center - 0.5) && value.contains(center + 0.5) && value.width() < 1.01);
        }
    }

    /// Eigenvectors that are exact, of a matrix whose products with them lose what distinguishes the eigenvalue.
    #[test]
    fn the_rounding_of_the_product_is_in_the_residual() {
        let n = 64_usize;
        let grain = UNIT * (1.0 - 1.0 / 1_048_576.0);
        let entry = |g: usize| match g.count_ones() {
            0 => 1.0 + 2.0 * UNIT,
            1 => 1.0 / 64.0,
            _ => grain,
        };
        let sign = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        let a = BallMatrix::exact(Mat::from_fn(n, n, |i, j| entry(i ^ j)).as_ref());
        // The character that is one has the eigenvalue 1 + 2u + 6/64 + 57 grains.
        let largest = |bits: u32| 1.0 + 2.0 * UNIT + (6.0 - 2.0 * f64::from(bits)) / 64.0;
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|j| 6 - j.count_ones());
        let values: Vec<f64> = order.iter().map(|j| largest(j.count_ones())).collect();
        let vectors = Mat::from_fn(n, n, |i, j| 0.125 * sign(i, order[j]));
        let spectrum = Spectrum::verify(&a, &values, vectors).unwrap();
        let last = spectrum.values[n - 1];
        assert!(last.hi() - largest(0) >= 57.0 * grain && last.lo() <= largest(0) + 57.0 * grain);
        assert!(last.width() < 1e-12);
    }
}
