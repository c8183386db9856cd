//! Square matrices of intervals, row by row, as far as the checker needs them.

use faer::{Mat, Side};

use super::interval::{I, ZERO, dot, sum};
use super::rounded::{cholesky, gamma, largest, product, split, split_all, transposed, underflow};

/// Above this dimension products are done in plain arithmetic, with bounds of its errors.
pub(super) const FEW: usize = 8;

/// An n x n matrix, row by row.
#[derive(Clone, Debug)]
pub(super) struct Square {
    pub(super) n: usize,
    pub(super) e: Vec<I>,
}

impl Square {
    pub(super) fn from_fn(n: usize, f: impl Fn(usize, usize) -> I) -> Square {
        Square { n, e: (0..n * n).map(|k| f(k / n, k % n)).collect() }
    }

    pub(super) fn row(&self, i: usize) -> &[I] {
        &self.e[i * self.n..(i + 1) * self.n]
    }

    pub(super) fn at(&self, i: usize, j: usize) -> I {
        self.e[i * self.n + j]
    }

    pub(super) fn times(&self, v: &[I]) -> Vec<I> {
        if self.n <= FEW {
            return (0..self.n).map(|i| dot(self.row(i), v)).collect();
        }
        let (mid, rad) = split_all(v);
        let g = gamma(self.n + 2);
        let one = |i: usize| {
            let (mut sum, mut error) = (0.0, 0.0);
            for (a, (x, r)) in self.row(i).iter().zip(mid.iter().zip(&rad)) {
                let (a, s) = split(*a);
                sum += a * x;
                error += (g * a.abs() + s) * x.abs() + (a.abs() + s) * r;
            }
            I::about(sum, error * (1.0 + g) + underflow(self.n))
        };
        (0..self.n).map(one).collect()
    }

    pub(super) fn negated(mut self) -> Square {
        self.e.iter_mut().for_each(|e| *e = -*e);
        self
    }

    /// `(A B + B A)/2` of a symmetric A, that is this, and all symmetric B: a symmetric matrix.
    pub(super) fn symmetric_product(&self, b: &Square) -> Square {
        let n = self.n;
        let half = I::of(0.5);
        let lower: Vec<I> = (0..n * n)
            .map(|k| {
                let (i, j) = (k / n, k % n);
                if j > i {
                    return ZERO;
                }
                half * sum((0..n).map(|k| self.at(i, k) * b.at(k, j) + b.at(i, k) * self.at(k, j)))
            })
            .collect();
        Square::from_fn(n, |i, j| if j <= i { lower[i * n + j] } else { lower[j * n + i] })
    }

    /// A lower bound of the smallest eigenvalue of every symmetric matrix in it: of up to two rows from what the entries' ends give.
    pub(super) fn least_eigenvalue(&self) -> f64 {
        match self.n {
            1 => self.at(0, 0).lo,
            2 => {
                // It grows with the diagonal entries and falls with the size of the other.
                let (a, d) = (I::of(self.at(0, 0).lo), I::of(self.at(1, 1).lo));
                let b = I::of(self.at(0, 1).mag().max(self.at(1, 0).mag()));
                let root = ((a - d).sqr() + I::of(4.0) * b.sqr()).sqrt();
                ((a + d - root) * I::of(0.5)).lo
            }
            _ => self.smallest_eigenvalue(),
        }
    }

    /// Middles and radii of a symmetric matrix that is in it, and a bound of the spectral norm of any within these radii.
    fn symmetric_parts(&self) -> (Vec<f64>, f64) {
        let n = self.n;
        let mut mid = vec![0.0; n * n];
        let mut sums = vec![0.0; n];
        let mut squares = 0.0;
        for i in 0..n {
            for j in 0..=i {
                let (m, r) = split(self.at(i, j).hull(self.at(j, i)));
                mid[i * n + j] = m;
                sums[i] += r;
                squares += r * r * if i == j { 1.0 } else { 2.0 };
                if i != j {
                    sums[j] += r;
                }
            }
        }
        // A symmetric matrix of numbers that are not negative has no larger eigenvalue than its largest sum of a row.
        let rows = largest(sums);
        let norm = if squares >= 1e-280 { rows.min(squares.sqrt()) } else { rows };
        let spread = norm * (1.0 + gamma(n * n)) + underflow(n);
        (mid, if rows.is_nan() || squares.is_nan() { f64::INFINITY } else { spread })
    }

    /// Are all eigenvalues of every symmetric matrix in it at least `bound`? By one factorisation.
    pub(super) fn exceeds(&self, bound: f64) -> bool {
        let n = self.n;
        let (mid, spread) = self.symmetric_parts();
        if !(spread < f64::INFINITY) || !bound.is_finite() {
            return false;
        }
        // About what the factorisation takes to be proven, and as much again.
        let trace: f64 = (0..n).map(|i| (mid[i * n + i] - bound).abs()).sum();
        let shift = bound + spread + 2.0 * gamma(n + 1) * (trace + bound.abs() + spread);
        cholesky(&mid, n, shift).is_some_and(|e| (I::of(shift) - I::of(e) - I::of(spread)).lo >= bound)
    }

    /// A lower bound of the smallest eigenvalue of every symmetric matrix in it. An approximate eigenvalue, from wherever, is a guess; a
    /// factorisation shows that none is much below it.
    pub(super) fn smallest_eigenvalue(&self) -> f64 {
        let n = self.n;
        let nothing = f64::NEG_INFINITY;
        let (mid, spread) = self.symmetric_parts();
        if n == 0 || !(spread < f64::INFINITY) {
            return nothing;
        }
        let whole = Mat::from_fn(n, n, |i, j| if i >= j { mid[i * n + j] } else { mid[j * n + i] });
        let Ok(values) = whole.self_adjoint_eigenvalues(Side::Lower) else { return nothing };
        let scale = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let shift = values[0] - 1e-12 * n as f64 * scale - f64::MIN_POSITIVE;
        cholesky(&mid, n, shift).map_or(nothing, |e| (I::of(shift) - I::of(e) - I::of(spread)).lo)
    }

    /// At least `|V A V' - diag w|` in the spectral norm, for every A in this, V a square matrix given row by row. With M the radii of A and
    /// what rounding does, `|V| M |V'|` bounds the error of the product; if it is symmetric, its sums of rows bound its norm.
    pub(super) fn congruence(&self, v: &[f64], w: &[f64]) -> f64 {
        let n = self.n;
        let (mid, rad) = split_all(&self.e);
        let g = gamma(2 * n + 2);
        let uncertain = |i: usize, j: usize| rad[i * n + j] + g * mid[i * n + j].abs();
        residual(v, n, &product(v, &mid, n, n), w, &|c: &[f64]| {
            (0..n)
                .map(|i| (0..n).map(|j| (uncertain(i, j) + uncertain(j, i)) * c[j]).sum::<f64>())
                .collect::<Vec<f64>>()
        })
    }
}

/// At least `|V V' - I|` in the spectral norm, V a square matrix given row by row.
pub(super) fn off_orthogonal(v: &[f64], n: usize) -> f64 {
    residual(v, n, v, &vec![1.0; n], &|c: &[f64]| c.iter().map(|c| gamma(n + 2) * c).collect())
}

/// `|T V' - diag w|` with what T and the product may be off: `|V| M |V'|`, given by M times a vector.
fn residual(v: &[f64], n: usize, t: &[f64], w: &[f64], times: &dyn Fn(&[f64]) -> Vec<f64>) -> f64 {
    let mut s = product(t, &transposed(v, n, n), n, n);
    (0..n).for_each(|i| s[i * n + i] -= w[i]);
    // The subtraction's rounding is relative to what is left.
    let squares: f64 = s.iter().map(|s| s * s).sum();
    let sums: Vec<f64> = (0..n).map(|j| (0..n).map(|i| v[i * n + j].abs()).sum()).collect();
    let inner = times(&sums);
    let rows = v.chunks_exact(n).map(|v| v.iter().zip(&inner).map(|(v, m)| v.abs() * m).sum::<f64>());
    let error = largest(rows) * (1.0 + gamma(3 * n));
    // Squares that underflow are each below the smallest normal number.
    let own = (squares + underflow(n * n)).sqrt() * (1.0 + gamma(n * n));
    let bound = (I::of(own) + I::of(error)).hi;
    if bound.is_finite() { bound } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix of the second difference, whose eigenvalues are `2 - 2 cos(k pi/(n + 1))`.
    #[test]
    fn smallest_eigenvalue_of_the_second_difference() {
        for n in [1, 2, 5, 40] {
            let a = Square::from_fn(n, |i, j| match i.abs_diff(j) {
                0 => I::of(2.0),
                1 => I::of(-1.0),
                _ => ZERO,
            });
            let exact = 2.0 - 2.0 * (std::f64::consts::PI / (n as f64 + 1.0)).cos();
            let bound = a.smallest_eigenvalue();
            assert!(bound < exact && bound > exact - 1e-9, "{n}: {bound} {exact}");
            assert!(a.exceeds(exact - 1e-9) && !a.exceeds(exact + 1e-12));
            let largest = 2.0 + 2.0 * (std::f64::consts::PI / (n as f64 + 1.0)).cos();
            // Negated, and wider by a radius.
            let wide = Square::from_fn(n, |i, j| a.at(i, j).plus_minus(0.01)).negated();
            let bound = wide.smallest_eigenvalue();
            assert!(bound <= -largest - 0.0099 && bound > -largest - 0.011 * n as f64, "{bound} {largest}");
        }
        assert_eq!(
            Square::from_fn(1, |_, _| I::new(0.0, f64::INFINITY)).smallest_eigenvalue(),
            f64::NEG_INFINITY
        );
    }
}
