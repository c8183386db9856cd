//! The tridiagonal form of one small symmetric matrix (Householder), `A = Q T Q'`, and the eigenvalues of a tridiagonal matrix by
//! the QL iteration with Wilkinson's shift. Many small matrices are decomposed side by side ([`spectra`](super::spectra)).

use faer::MatRef;
use pulp::{Arch, NullaryFnOnce};

use super::spectra::{WIDEST, unit};

/// Squares below this, of entries around one, are as good as zero.
const NOTHING: f64 = 1e-280;

/// Iterations for one eigenvalue; two or three are usual.
const MOST: usize = 60;

/// T of a symmetric matrix, of dimension 32 at most; the storage is used again and again.
pub struct Tridiagonal {
    n: usize,
    /// What is left to be reduced, and zeros.
    columns: Columns,
    diagonal: [f64; WIDEST],
    /// T's subdiagonal: entry i stands between i and i + 1.
    off: [f64; WIDEST],
    /// Largest entry of the matrix, rounded to a power of two; T is that of the matrix divided by it.
    scale: f64,
}

/// Columns of a matrix, padded with zeros to full vectors of the processor.
enum Columns {
    Eight(Vec<[f64; 8]>),
    Sixteen(Vec<[f64; 16]>),
    TwentyFour(Vec<[f64; 24]>),
    ThirtyTwo(Vec<[f64; 32]>),
}

impl Tridiagonal {
    /// Storage for matrices of dimension `n`, which is 32 at most.
    pub fn new(n: usize) -> Self {
        assert!(n <= WIDEST, "dimension {n} is beyond {WIDEST}");
        let columns = match n {
            0..=8 => Columns::Eight(vec![[0.0; 8]; n]),
            9..=16 => Columns::Sixteen(vec![[0.0; 16]; n]),
            17..=24 => Columns::TwentyFour(vec![[0.0; 24]; n]),
            _ => Columns::ThirtyTwo(vec![[0.0; 32]; n]),
        };
        Tridiagonal { n, columns, diagonal: [0.0; WIDEST], off: [0.0; WIDEST], scale: 1.0 }
    }

    /// Reduces `a` (its lower triangle is read) to tridiagonal form. False if it is not finite.
    pub fn reduce(&mut self, a: MatRef<'_, f64>) -> bool {
        let Tridiagonal { diagonal, off, scale, .. } = self;
        let arch = Arch::new();
        match &mut self.columns {
            Columns::Eight(columns) => arch.dispatch(Reduce { a, columns, diagonal, off, scale }),
            Columns::Sixteen(columns) => arch.dispatch(Reduce { a, columns, diagonal, off, scale }),
            Columns::TwentyFour(columns) => arch.dispatch(Reduce { a, columns, diagonal, off, scale }),
            Columns::ThirtyTwo(columns) => arch.dispatch(Reduce { a, columns, diagonal, off, scale }),
        }
    }

    /// Diagonal and subdiagonal of T, and what T is to be multiplied by.
    pub fn form(&self) -> (&[f64], &[f64], f64) {
        (&self.diagonal[..self.n], &self.off[..self.n.saturating_sub(1)], self.scale)
    }
}

/// The eigenvalues of a symmetric tridiagonal matrix in place of its diagonal `d`, by the QL iteration; none of its entries is
/// much above one. `squares` are those of its subdiagonal (as long as `d`, the last entry any). False if the iteration failed, which no
/// one has seen.
///
/// The iteration runs on squares of cosines and sines (Pal, Walker and Kahan; Parlett, The Symmetric Eigenvalue
/// Problem, section 8.15), without a root for each.
#[inline(always)]
pub(super) fn ql(d: &mut [f64], squares: &mut [f64]) -> bool {
    let n = d.len();
    for low in 0..n {
        let mut tries = 0;
        loop {
            // Entries next to nothing cut the matrix in two.
            let small = |i: usize| {
                let nothing = 0.5 * f64::EPSILON * (d[i].abs() + d[i + 1].abs());
                squares[i] <= nothing * nothing || squares[i] < NOTHING
            };
            let high = (low..n - 1).find(|&i| small(i)).unwrap_or(n - 1);
            if high == low {
                break;
            }
            tries += 1;
            if tries > MOST {
                return false;
            }
            let edge = squares[low].sqrt();
            let half = (d[low + 1] - d[low]) / (2.0 * edge);
            let shift = d[low] - edge / (half + (half * half + 1.0).sqrt().copysign(half));
            // The entry to be turned into the diagonal: its square, its product with the last cosine.
            let (mut square, mut product) = ((d[high] - shift).powi(2), d[high] - shift);
            let (mut cos2, mut sin2) = (1.0, 0.0);
            for i in (low..high).rev() {
                let sum = square + squares[i];
                squares[i + 1] = sin2 * sum;
                let before = cos2;
                let inverse = 1.0 / sum;
                (cos2, sin2) = (square * inverse, squares[i] * inverse);
                let last = product;
                product = cos2 * (d[i] - shift) - sin2 * last;
                d[i + 1] = last + (d[i] - product);
                if square > NOTHING {
                    square = product * product * (sum / square);
                } else {
                    square = before * squares[i];
                }
            }
            d[low] = shift + product;
            squares[low] = sin2 * square;
            squares[high] = 0.0;
        }
    }
    true
}

/// Householder's reduction, on columns padded with zeros to length N.
struct Reduce<'a, const N: usize> {
    a: MatRef<'a, f64>,
    columns: &'a mut [[f64; N]],
    diagonal: &'a mut [f64; WIDEST],
    off: &'a mut [f64; WIDEST],
    scale: &'a mut f64,
}

impl<const N: usize> NullaryFnOnce for Reduce<'_, N> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Reduce { a, columns, diagonal, off, scale } = self;
        let n = a.nrows();
        let mut largest = 0.0_f64;
        for j in 0..n {
            for i in j..n {
                let value = a[(i, j)];
                if !value.is_finite() {
                    return false;
                }
                largest = largest.max(value.abs());
                columns[j][i] = value;
                columns[i][j] = value;
            }
        }
        let (factor, power) = unit(largest);
        *scale = power;
        for column in columns.iter_mut() {
            column.iter_mut().for_each(|c| *c *= factor);
        }
        for j in 0..n {
            diagonal[j] = columns[j][j];
            if j + 2 >= n {
                off[j] = if j + 1 < n { columns[j][j + 1] } else { 0.0 };
                continue;
            }
            let mut v = columns[j];
            v[..=j].fill(0.0);
            let first = v[j + 1];
            v[j + 1] = 0.0;
            let rest = inner(&v, &v);
            if rest < NOTHING {
                off[j] = first;
                continue;
            }
            let length = (first * first + rest).sqrt();
            off[j] = -length.copysign(first);
            // Adding what has the same sign, nothing cancels.
            v[j + 1] = first - off[j];
            let beta = 2.0 / (rest + v[j + 1] * v[j + 1]);
            let rest = &mut columns[j + 1..];
            let mut p = [0.0; N];
            // Row by row of blocks, so that what is summed stays in registers; the first ones are done with.
            for start in ((j + 1) / 8 * 8..N).step_by(8) {
                let mut sums = [0.0; 8];
                for (column, v) in rest.iter().zip(&v[j + 1..]) {
                    let block = block(column, start);
                    for k in 0..8 {
                        sums[k] += v * block[k];
                    }
                }
                for k in 0..8 {
                    p[start + k] = beta * sums[k];
                }
            }
            p[..=j].fill(0.0);
            let half = 0.5 * beta * inner(&p, &v);
            for i in 0..N {
                p[i] -= half * v[i];
            }
            for start in ((j + 1) / 8 * 8..N).step_by(8) {
                let (v_block, p_block) = (*block(&v, start), *block(&p, start));
                for (c, column) in rest.iter_mut().enumerate() {
                    let (v, p) = (v[j + 1 + c], p[j + 1 + c]);
                    let block = block_mut(column, start);
                    for k in 0..8 {
                        block[k] -= v * p_block[k] + p * v_block[k];
                    }
                }
            }
        }
        true
    }
}

#[inline(always)]
fn block<const N: usize>(column: &[f64; N], start: usize) -> &[f64; 8] {
    column[start..].first_chunk().expect("N is a multiple of eight")
}

#[inline(always)]
fn block_mut<const N: usize>(column: &mut [f64; N], start: usize) -> &mut [f64; 8] {
    column[start..].first_chunk_mut().expect("N is a multiple of eight")
}

/// An inner product in eight sums, which the compiler may add side by side.
#[inline(always)]
fn inner<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    let mut sums = [0.0; 8];
    for i in (0..N).step_by(8) {
        for k in 0..8 {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::linalg::symmetric_eigen;

    /// Matrices of several kinds and sizes: full, with clusters, huge, tiny, split, zero.
    fn matrices() -> Vec<Mat<f64>> {
        let mut out = vec![];
        for n in (1..=10).chain([16, 17, 20, 24, 25, 32]) {
            let wave = |i: usize, j: usize| ((i * j * 5 + i + j) as f64 * 1.3 + 0.7).sin();
            for size in [1.0, 1e200, 1e-200] {
                out.push(Mat::from_fn(n, n, |i, j| size * wave(i, j)));
            }
            out.push(Mat::identity(n, n));
            out.push(Mat::zeros(n, n));
            out.push(Mat::from_fn(n, n, |i, j| if i == j { i as f64 } else { 0.0 }));
            out.push(Mat::from_fn(n, n, |i, j| if i / 3 == j / 3 { 1.0 } else { 1e-170 }));
            out.push(Mat::from_fn(n, n, |i, j| 10.0_f64.powi(-(i.max(j) as i32)) * wave(i, j)));
            out.push(Mat::from_fn(n, n, |i, j| (i as f64).cos() * (j as f64).cos()));
        }
        out
    }

    #[test]
    fn has_the_eigenvalues_of_the_full_matrix() {
        for a in matrices() {
            let n = a.nrows();
            let (mut w, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
            assert!(symmetric_eigen(a.as_ref(), &mut w, vectors.as_mut()));
            let size = w.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let mut tridiagonal = Tridiagonal::new(n);
            assert!(tridiagonal.reduce(a.as_ref()));
            let (diagonal, off, scale) = tridiagonal.form();
            let mut values = diagonal.to_vec();
            let mut squares: Vec<f64> = off.iter().chain(&[0.0]).map(|e| e * e).collect();
            assert!(ql(&mut values, &mut squares));
            values.sort_by(f64::total_cmp);
            for (found, exact) in values.iter().zip(&w) {
                assert!((scale * found - exact).abs() <= 1e-14 * n as f64 * size, "{found} against {exact}");
            }
        }
    }

    #[test]
    fn refuses_what_is_not_finite() {
        assert!(!Tridiagonal::new(3).reduce(Mat::from_fn(3, 3, |_, _| f64::NAN).as_ref()));
    }
}
