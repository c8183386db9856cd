//! Square matrices of intervals, row by row, as far as the checker needs them.

use faer::{Mat, Side};

use super::interval::{I, ZERO, dot, points, sum};

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
        (0..self.n).map(|i| dot(self.row(i), v)).collect()
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

    /// At least the spectral norm: the smaller of Frobenius' norm and `sqrt(|A|_1 |A|_inf)`.
    pub(super) fn norm(&self) -> f64 {
        let magnitude = |i: usize, j: usize| I::of(self.at(i, j).mag());
        let rows = (0..self.n).map(|i| sum((0..self.n).map(|j| magnitude(i, j))).hi).fold(0.0, f64::max);
        let columns = (0..self.n).map(|j| sum((0..self.n).map(|i| magnitude(i, j))).hi).fold(0.0, f64::max);
        let bound = (I::new(0.0, rows) * I::new(0.0, columns)).sqrt().hi;
        let squares = sum(self.e.iter().map(|e| I::of(e.mag()).sqr())).sqrt().hi;
        // What is no number is no bound.
        if !self.e.iter().all(|e| e.mag() < f64::INFINITY) {
            return f64::INFINITY;
        }
        bound.min(squares)
    }

    /// A lower bound of the smallest eigenvalue of every symmetric matrix in it. An approximate eigenvalue, from wherever, is a guess c;
    /// a triangular L with `|A - c I - L L'| <= d`, computed afresh, shows that no eigenvalue is below `c - d`.
    pub(super) fn smallest_eigenvalue(&self) -> f64 {
        let n = self.n;
        let nothing = f64::NEG_INFINITY;
        if n == 0 || !self.e.iter().all(|e| e.mag() < f64::INFINITY) {
            return nothing;
        }
        let mid = Mat::from_fn(n, n, |i, j| 0.5 * (self.at(i, j).mid() + self.at(j, i).mid()));
        let Ok(values) = mid.self_adjoint_eigenvalues(Side::Lower) else { return nothing };
        let scale = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let c = values[0] - 1e-12 * n as f64 * scale - f64::MIN_POSITIVE;
        let mut l = vec![0.0; n * n];
        for j in 0..n {
            let square: f64 = (0..j).map(|k| l[j * n + k] * l[j * n + k]).sum();
            let pivot = mid[(j, j)] - c - square;
            if !(pivot > 0.0) {
                return nothing;
            }
            l[j * n + j] = pivot.sqrt();
            for i in j + 1..n {
                let product: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
                l[i * n + j] = (mid[(i, j)] - product) / l[j * n + j];
            }
        }
        let l = points(&l);
        // The difference of a symmetric matrix of the set and L L' + c I, entry by entry.
        let apart = |i: usize, j: usize| {
            let (i, j) = if i < j { (j, i) } else { (i, j) };
            let entry = self.at(i, j).hull(self.at(j, i));
            let shift = if i == j { I::of(c) } else { ZERO };
            entry - shift - dot(&l[i * n..i * n + j + 1], &l[j * n..j * n + j + 1])
        };
        let lower: Vec<I> =
            (0..n * n).map(|k| if k % n <= k / n { apart(k / n, k % n) } else { ZERO }).collect();
        let all = Square::from_fn(n, |i, j| if j <= i { lower[i * n + j] } else { lower[j * n + i] });
        (I::of(c) - I::of(all.norm())).lo
    }
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
            let largest = 2.0 + 2.0 * (std::f64::consts::PI / (n as f64 + 1.0)).cos();
            assert!(a.norm() >= largest);
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
