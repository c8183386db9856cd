//! The spectrum of a small symmetric matrix, as far as it is needed: `A = Q T Q'` with T tridiagonal (Householder), then
//! `T = Z diag(values) Z'` by the QL iteration with Wilkinson's shift. Q stays a product of reflections and Z one
//! of rotations: to carry a vector to the eigenbasis and back costs a fraction of forming the eigenvectors. What needs no
//! eigenvalues (the inertia, Newton's step) is had from T alone.

use faer::MatRef;
use pulp::{Arch, NullaryFnOnce};

/// Largest dimension.
pub const WIDEST: usize = 32;

/// Squares below this, of entries around one, are as good as zero.
const NOTHING: f64 = 1e-280;

/// Iterations for one eigenvalue; two or three are usual.
const MOST: usize = 60;

/// Factors of a symmetric matrix, of dimension [`WIDEST`] at most; the storage is used again and again.
pub struct Spectral {
    n: usize,
    /// Column j holds the reflection that clears it below its subdiagonal, zeros elsewhere.
    columns: Columns,
    /// `2/|v|^2` of the reflections.
    beta: [f64; WIDEST],
    /// T's diagonal.
    diagonal: [f64; WIDEST],
    /// T's subdiagonal: entry i stands between i and i + 1.
    off: [f64; WIDEST],
    /// Largest entry of the matrix, rounded to a power of two; T is that of the matrix divided by it.
    scale: f64,
    rotations: Vec<Rotation>,
    /// Places of the eigenvalues in ascending order.
    order: [usize; WIDEST],
    values: [f64; WIDEST],
}

/// Columns of a matrix, padded with zeros to full vectors of the processor.
enum Columns {
    Eight(Vec<[f64; 8]>),
    Sixteen(Vec<[f64; 16]>),
    TwentyFour(Vec<[f64; 24]>),
    ThirtyTwo(Vec<[f64; 32]>),
}

/// Turns the columns `at` and `at + 1` of Z.
struct Rotation {
    at: usize,
    cos: f64,
    sin: f64,
}

impl Spectral {
    /// Storage for matrices of dimension `n`, which is [`WIDEST`] at most.
    pub fn new(n: usize) -> Self {
        assert!(n <= WIDEST, "dimension {n} is beyond {WIDEST}");
        let columns = match n {
            0..=8 => Columns::Eight(vec![[0.0; 8]; n]),
            9..=16 => Columns::Sixteen(vec![[0.0; 16]; n]),
            17..=24 => Columns::TwentyFour(vec![[0.0; 24]; n]),
            _ => Columns::ThirtyTwo(vec![[0.0; 32]; n]),
        };
        Spectral {
            n,
            columns,
            beta: [0.0; WIDEST],
            diagonal: [0.0; WIDEST],
            off: [0.0; WIDEST],
            scale: 1.0,
            rotations: Vec::with_capacity(2 * n * n),
            order: [0; WIDEST],
            values: [0.0; WIDEST],
        }
    }

    /// Reduces `a` (its lower triangle is read) to tridiagonal form. False if it is not finite.
    pub fn reduce(&mut self, a: MatRef<'_, f64>) -> bool {
        let Spectral { beta, diagonal, off, scale, .. } = self;
        let arch = Arch::new();
        match &mut self.columns {
            Columns::Eight(columns) => arch.dispatch(Reduce { a, columns, beta, diagonal, off, scale }),
            Columns::Sixteen(columns) => arch.dispatch(Reduce { a, columns, beta, diagonal, off, scale }),
            Columns::TwentyFour(columns) => arch.dispatch(Reduce { a, columns, beta, diagonal, off, scale }),
            Columns::ThirtyTwo(columns) => arch.dispatch(Reduce { a, columns, beta, diagonal, off, scale }),
        }
    }

    fn reflector(&self, j: usize) -> &[f64] {
        match &self.columns {
            Columns::Eight(c) => &c[j][..self.n],
            Columns::Sixteen(c) => &c[j][..self.n],
            Columns::TwentyFour(c) => &c[j][..self.n],
            Columns::ThirtyTwo(c) => &c[j][..self.n],
        }
    }

    fn reflect(&self, j: usize, x: &mut [f64]) {
        let v = &self.reflector(j)[j + 1..];
        let x = &mut x[j + 1..];
        let along = self.beta[j] * super::dot(v, x);
        super::axpy(-along, v, x);
    }

    /// `Q' x`, in place.
    pub fn enter(&self, x: &mut [f64]) {
        (0..self.n.saturating_sub(2)).for_each(|j| self.reflect(j, x));
    }

    /// `Q x`, in place.
    pub fn leave(&self, x: &mut [f64]) {
        (0..self.n.saturating_sub(2)).rev().for_each(|j| self.reflect(j, x));
    }

    /// Diagonal and subdiagonal of T, and what T is to be multiplied by.
    pub fn tridiagonal(&self) -> (&[f64], &[f64], f64) {
        (&self.diagonal[..self.n], &self.off[..self.n.saturating_sub(1)], self.scale)
    }

    /// The number of negative eigenvalues, by the signs of the pivots of T (Sylvester's law of inertia). `None` if an
    /// entry of the inverse's diagonal, 1 over the sum of the pivots from above and from below, is too large: if an
    /// eigenvalue is below about `tolerance` times the largest. Then signs say little.
    pub fn negative(&self, tolerance: f64) -> Option<usize> {
        let n = self.n;
        let mut above = [0.0; WIDEST];
        let (mut count, mut largest) = (0, 0.0_f64);
        for i in 0..n {
            let lost = if i == 0 { 0.0 } else { self.off[i - 1] * self.off[i - 1] / above[i - 1] };
            above[i] = self.diagonal[i] - lost;
            count += usize::from(above[i] < 0.0);
            largest = largest.max(self.diagonal[i].abs()).max(self.off[i].abs());
        }
        let mut lost = 0.0;
        for i in (0..n).rev() {
            if !((above[i] - lost).abs() > tolerance * largest && above[i].abs() > tolerance * largest) {
                return None;
            }
            let below = self.diagonal[i] - lost;
            lost = if i == 0 { 0.0 } else { self.off[i - 1] * self.off[i - 1] / below };
        }
        Some(count)
    }

    /// Solves `(T + shift) z = y` in place, in the basis of Q, by elimination with row exchanges. False if it is
    /// singular.
    pub fn solve(&self, shift: f64, y: &mut [f64]) -> bool {
        let n = self.n;
        if n == 0 {
            return true;
        }
        let shift = shift / self.scale;
        // Rows of the upper triangle: diagonal and the two entries right of it.
        let mut upper = [[0.0_f64; 3]; WIDEST];
        let (mut here, mut next) = (self.diagonal[0] + shift, if n > 1 { self.off[0] } else { 0.0 });
        for i in 0..n - 1 {
            let below = self.off[i];
            let (d, after) = (self.diagonal[i + 1] + shift, if i + 2 < n { self.off[i + 1] } else { 0.0 });
            if below.abs() > here.abs() {
                upper[i] = [below, d, after];
                let factor = here / below;
                y.swap(i, i + 1);
                y[i + 1] -= factor * y[i];
                (here, next) = (next - factor * d, -factor * after);
            } else {
                if here == 0.0 {
                    return false;
                }
                upper[i] = [here, next, 0.0];
                let factor = below / here;
                y[i + 1] -= factor * y[i];
                (here, next) = (d - factor * next, after);
            }
        }
        upper[n - 1] = [here, 0.0, 0.0];
        for i in (0..n).rev() {
            let [d, first, second] = upper[i];
            let mut sum = y[i];
            if i + 1 < n {
                sum -= first * y[i + 1];
            }
            if i + 2 < n {
                sum -= second * y[i + 2];
            }
            y[i] = sum / d;
        }
        y[..n].iter_mut().for_each(|y| *y /= self.scale);
        y[..n].iter().all(|y| y.is_finite())
    }

    /// Finds the eigenvalues of what was [reduced](Self::reduce) and carries `y`, given in the basis of Q, to the
    /// eigenbasis. T is used up. False if the iteration failed, which no one has seen.
    pub fn diagonalize(&mut self, y: &mut [f64]) -> bool {
        let n = self.n;
        let Spectral { diagonal: d, off, rotations, .. } = self;
        rotations.clear();
        // Of the subdiagonal only the signs are kept up to date, of its squares the sizes.
        let mut squares = off.map(|e| e * e);
        let turn = |at: usize, cos: f64, sin: f64| {
            (y[at], y[at + 1]) = (cos * y[at] - sin * y[at + 1], sin * y[at] + cos * y[at + 1]);
            rotations.push(Rotation { at, cos, sin });
        };
        if !ql(&mut d[..n], &mut off[..n], &mut squares[..n], turn) {
            return false;
        }
        let order = &mut self.order[..n];
        order.iter_mut().enumerate().for_each(|(i, o)| *o = i);
        order.sort_unstable_by(|a, b| d[*a].total_cmp(&d[*b]).then(a.cmp(b)));
        let mut sorted = [0.0; WIDEST];
        for (i, o) in order.iter().enumerate() {
            self.values[i] = d[*o] * self.scale;
            sorted[i] = y[*o];
        }
        y[..n].copy_from_slice(&sorted[..n]);
        true
    }

    /// The eigenvalues, ascending, after [`diagonalize`](Self::diagonalize).
    pub fn values(&self) -> &[f64] {
        &self.values[..self.n]
    }

    /// Coordinates of `x` in the eigenbasis, in the order of the eigenvalues.
    pub fn project(&self, x: &[f64]) -> Vec<f64> {
        let mut y = x.to_vec();
        self.enter(&mut y);
        for Rotation { at: i, cos, sin } in &self.rotations {
            (y[*i], y[*i + 1]) = (cos * y[*i] - sin * y[*i + 1], sin * y[*i] + cos * y[*i + 1]);
        }
        self.order[..self.n].iter().map(|o| y[*o]).collect()
    }

    /// The two vectors with these coordinates in the eigenbasis.
    pub fn combine(&self, coordinates: [&[f64]; 2]) -> [Vec<f64>; 2] {
        let mut out = [vec![0.0; self.n], vec![0.0; self.n]];
        let mut pairs = [[0.0; 2]; WIDEST];
        for (i, o) in self.order[..self.n].iter().enumerate() {
            pairs[*o] = [coordinates[0][i], coordinates[1][i]];
        }
        // A sweep, turned back, carries what it has just turned from place to place.
        let (mut place, mut carried) = (0, pairs[0]);
        for Rotation { at, cos, sin } in self.rotations.iter().rev() {
            if *at != place {
                pairs[place] = carried;
                carried = pairs[*at];
            }
            let next = pairs[at + 1];
            pairs[*at] = [cos * carried[0] + sin * next[0], cos * carried[1] + sin * next[1]];
            carried = [cos * next[0] - sin * carried[0], cos * next[1] - sin * carried[1]];
            place = at + 1;
        }
        pairs[place] = carried;
        for (k, out) in out.iter_mut().enumerate() {
            out.iter_mut().zip(&pairs).for_each(|(out, pair)| *out = pair[k]);
            self.leave(out);
        }
        out
    }
}

/// The eigenvalues of a symmetric tridiagonal matrix in place of its diagonal `d`, by the QL iteration; none of its entries is
/// much above one. `e` is its subdiagonal and `squares` holds that squared (both as long as `d`, the last entry any).
/// `turn(i, cos, sin)` turns the columns i and i + 1 of the eigenvectors. False if the iteration failed, which no one has seen.
///
/// The iteration runs on squares of cosines and sines (Pal, Walker and Kahan; Parlett, The Symmetric Eigenvalue
/// Problem, section 8.15): half the waiting, since the roots that the rotations need hold up nothing.
#[inline(always)]
pub(super) fn ql(
    d: &mut [f64],
    e: &mut [f64],
    squares: &mut [f64],
    mut turn: impl FnMut(usize, f64, f64),
) -> bool {
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
            // The entry to be turned into the diagonal: its square, its sign, its product with the last cosine.
            let (mut square, mut sign, mut product) =
                ((d[high] - shift).powi(2), d[high] - shift, d[high] - shift);
            let (mut cos, mut cos2, mut sin2) = (1.0_f64, 1.0, 0.0);
            for i in (low..high).rev() {
                let sum = square + squares[i];
                squares[i + 1] = sin2 * sum;
                let (before, before2) = (cos, cos2);
                let inverse = 1.0 / sum;
                (cos2, sin2) = (square * inverse, squares[i] * inverse);
                cos = cos2.sqrt().copysign(sign);
                let sin = sin2.sqrt().copysign(e[i]);
                let last = product;
                product = cos2 * (d[i] - shift) - sin2 * last;
                d[i + 1] = last + (d[i] - product);
                if square > NOTHING {
                    square = product * product * (sum / square);
                    sign = product * cos.signum();
                } else {
                    square = before2 * squares[i];
                    sign = -before;
                }
                turn(i, cos, sin);
            }
            d[low] = shift + product;
            squares[low] = sin2 * square;
            e[low] *= sign.signum();
            squares[high] = 0.0;
        }
    }
    true
}

/// Householder's reduction, on columns padded with zeros to length N.
struct Reduce<'a, const N: usize> {
    a: MatRef<'a, f64>,
    columns: &'a mut [[f64; N]],
    beta: &'a mut [f64; WIDEST],
    diagonal: &'a mut [f64; WIDEST],
    off: &'a mut [f64; WIDEST],
    scale: &'a mut f64,
}

impl<const N: usize> NullaryFnOnce for Reduce<'_, N> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Reduce { a, columns, beta, diagonal, off, scale } = self;
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
        // A power of two divides without rounding; what is too small to be divided counts as zero.
        let exponent = f64::from_bits(largest.to_bits() & 0x7ff0_0000_0000_0000);
        let factor = if exponent > 1e-290 { 1.0 / exponent } else { 0.0 };
        *scale = if factor > 0.0 { exponent } else { 1.0 };
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
            if rest == 0.0 {
                (off[j], beta[j]) = (first, 0.0);
                columns[j] = [0.0; N];
                continue;
            }
            let length = (first * first + rest).sqrt();
            off[j] = -length.copysign(first);
            // Adding what has the same sign, nothing cancels.
            v[j + 1] = first - off[j];
            beta[j] = 2.0 / (rest + v[j + 1] * v[j + 1]);
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
                    p[start + k] = beta[j] * sums[k];
                }
            }
            p[..=j].fill(0.0);
            let half = 0.5 * beta[j] * inner(&p, &v);
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
            columns[j] = v;
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
    use crate::linalg::{norm, symmetric_eigen};

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
    fn agrees_with_the_full_eigendecomposition() {
        for a in matrices() {
            let n = a.nrows();
            let (mut w, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
            assert!(symmetric_eigen(a.as_ref(), &mut w, vectors.as_mut()));
            let size = w.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let mut spectral = Spectral::new(n);
            assert!(spectral.reduce(a.as_ref()));
            let x: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5).cos()).collect();
            let mut y = x.clone();
            spectral.enter(&mut y);
            assert!(spectral.diagonalize(&mut y));
            let tolerance = 1e-14 * n as f64;
            for (found, exact) in spectral.values().iter().zip(&w) {
                assert!((found - exact).abs() <= tolerance * size, "{found} against {exact}");
            }
            assert!(spectral.project(&x).iter().zip(&y).all(|(a, b)| (a - b).abs() < tolerance));
            // V V' x = x and V diag(values) V' x = A x.
            let scaled: Vec<f64> = y.iter().zip(spectral.values()).map(|(y, w)| y * w).collect();
            let [back, image] = spectral.combine([&y, &scaled]);
            for i in 0..n {
                assert!((back[i] - x[i]).abs() < tolerance);
                let exact: f64 = (0..n).map(|k| a[(i, k)] * x[k]).sum();
                assert!((image[i] - exact).abs() <= 4.0 * tolerance * size);
            }
        }
    }

    #[test]
    fn inertia_and_solution_come_from_the_tridiagonal_form() {
        let mut solved = 0;
        for a in matrices() {
            let n = a.nrows();
            let (mut w, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
            assert!(symmetric_eigen(a.as_ref(), &mut w, vectors.as_mut()));
            let mut spectral = Spectral::new(n);
            assert!(spectral.reduce(a.as_ref()));
            let Some(negative) = spectral.negative(1e-6) else { continue };
            assert_eq!(negative, w.iter().filter(|w| **w < 0.0).count());
            let size = w.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            for shift in [0.0, 1.7 * size] {
                let x: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5).cos()).collect();
                let mut b: Vec<f64> =
                    (0..n).map(|i| (0..n).map(|k| a[(i, k)] * x[k]).sum::<f64>() + shift * x[i]).collect();
                spectral.enter(&mut b);
                assert!(spectral.solve(shift, &mut b));
                spectral.leave(&mut b);
                let smallest = w.iter().fold(f64::INFINITY, |m, v| m.min((v + shift).abs()));
                let off: Vec<f64> = b.iter().zip(&x).map(|(b, x)| b - x).collect();
                assert!(norm(&off) < 1e-14 * n as f64 * norm(&x) * (size + shift) / smallest);
                solved += 1;
            }
        }
        assert!(solved > 60, "only {solved} of them are regular");
    }

    #[test]
    fn refuses_what_is_not_finite() {
        assert!(!Spectral::new(3).reduce(Mat::from_fn(3, 3, |_, _| f64::NAN).as_ref()));
    }
}
