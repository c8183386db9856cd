//! Spectra of eight small symmetric matrices side by side, one in each lane of the processor's vectors, as far as they are needed:
//! `A = Q T Q'` with T tridiagonal (Householder), then `T = Z diag(values) Z'` by the implicit QL iteration with Wilkinson's shift. Q
//! stays a product of reflections and Z one of rotations: to carry a vector to the eigenbasis and back costs a fraction of
//! forming the eigenvectors. What needs no eigenvalues (the inertia, Newton's step) is had from T alone.
//!
//! One such iteration waits most of the time for its last quotient or root; eight of them wait together. All lanes take all
//! steps, and one that is done takes none that changes anything: what becomes of a matrix does not depend on those beside it.

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Neg, Sub};

use faer::MatRef;

/// Matrices side by side.
pub const LANES: usize = 8;

/// Largest dimension.
pub const WIDEST: usize = 32;

/// Entries below this, of a matrix whose largest are around one, are as good as zero.
const NOTHING: f64 = 1e-150;

/// Iterations for one eigenvalue; two or three are usual.
const MOST: usize = 60;

/// A number of each of the matrices.
#[derive(Clone, Copy, Debug)]
pub struct Lane(pub [f64; LANES]);

/// Something that is so of some of the matrices.
pub type Which = [bool; LANES];

impl Lane {
    pub const ZERO: Lane = Lane([0.0; LANES]);

    /// The same of all.
    #[inline(always)]
    pub fn splat(value: f64) -> Lane {
        Lane([value; LANES])
    }

    #[inline(always)]
    pub fn sqrt(self) -> Lane {
        let mut out = self.0;
        for x in &mut out {
            *x = x.sqrt();
        }
        Lane(out)
    }

    #[inline(always)]
    pub fn abs(self) -> Lane {
        let mut out = self.0;
        for x in &mut out {
            *x = x.abs();
        }
        Lane(out)
    }

    #[inline(always)]
    pub fn max(self, other: Lane) -> Lane {
        let mut out = self.0;
        for (x, y) in out.iter_mut().zip(other.0) {
            *x = if y > *x { y } else { *x };
        }
        Lane(out)
    }

    /// Of these what is here, of the others what is in `other`.
    #[inline(always)]
    pub fn of(self, which: &Which, other: Lane) -> Lane {
        let mut out = other.0;
        for l in 0..LANES {
            out[l] = if which[l] { self.0[l] } else { out[l] };
        }
        Lane(out)
    }
}

impl Lane {
    #[inline(always)]
    fn with(self, other: Lane, f: impl Fn(f64, f64) -> f64) -> Lane {
        let mut out = self.0;
        for l in 0..LANES {
            out[l] = f(out[l], other.0[l]);
        }
        Lane(out)
    }
}

impl Add for Lane {
    type Output = Lane;

    #[inline(always)]
    fn add(self, other: Lane) -> Lane {
        self.with(other, |a, b| a + b)
    }
}

impl Sub for Lane {
    type Output = Lane;

    #[inline(always)]
    fn sub(self, other: Lane) -> Lane {
        self.with(other, |a, b| a - b)
    }
}

impl Mul for Lane {
    type Output = Lane;

    #[inline(always)]
    fn mul(self, other: Lane) -> Lane {
        self.with(other, |a, b| a * b)
    }
}

impl Div for Lane {
    type Output = Lane;

    #[inline(always)]
    fn div(self, other: Lane) -> Lane {
        self.with(other, |a, b| a / b)
    }
}

impl Neg for Lane {
    type Output = Lane;

    #[inline(always)]
    fn neg(self) -> Lane {
        Lane::ZERO - self
    }
}

/// `sqrt(sum x_i^2)`.
#[inline(always)]
pub fn length(x: &[Lane]) -> Lane {
    let mut sum = Lane::ZERO;
    for x in x {
        sum = sum + *x * *x;
    }
    sum.sqrt()
}

/// `sum x_i y_i`.
#[inline(always)]
pub fn inner(x: &[Lane], y: &[Lane]) -> Lane {
    let mut sum = Lane::ZERO;
    for (x, y) in x.iter().zip(y) {
        sum = sum + *x * *y;
    }
    sum
}

/// Factors of eight symmetric matrices, of dimension [`WIDEST`] at most; the storage is used again and again.
pub struct Spectra {
    n: usize,
    /// Column by column; once reduced, column j holds the reflection that clears it below its subdiagonal.
    columns: Vec<Lane>,
    /// `2/|v|^2` of the reflections.
    beta: [Lane; WIDEST],
    /// T's diagonal.
    diagonal: [Lane; WIDEST],
    /// T's subdiagonal: entry i stands between i and i + 1.
    off: [Lane; WIDEST],
    /// Largest entries of the matrices, rounded to powers of two; each T is that of the matrix divided by it.
    scale: Lane,
    rotations: Vec<Rotation>,
    /// Places of the eigenvalues in ascending order.
    order: [[u8; LANES]; WIDEST],
    values: [Lane; WIDEST],
}

/// Turns the columns `at` and `at + 1` of Z.
struct Rotation {
    at: usize,
    cos: Lane,
    sin: Lane,
}

impl Spectra {
    /// Storage for matrices of dimension `n`, which is [`WIDEST`] at most.
    pub fn new(n: usize) -> Self {
        assert!(n <= WIDEST, "dimension {n} is beyond {WIDEST}");
        Spectra {
            n,
            columns: vec![Lane::ZERO; n * n],
            beta: [Lane::ZERO; WIDEST],
            diagonal: [Lane::ZERO; WIDEST],
            off: [Lane::ZERO; WIDEST],
            scale: Lane::splat(1.0),
            rotations: Vec::with_capacity(3 * n * n),
            order: [[0; LANES]; WIDEST],
            values: [Lane::ZERO; WIDEST],
        }
    }

    /// Puts `a` (its lower triangle is read) into a lane. False if it is not finite: then zeros are put there.
    pub fn load(&mut self, lane: usize, a: MatRef<'_, f64>) -> bool {
        let n = self.n;
        let mut largest = 0.0_f64;
        let mut finite = true;
        for j in 0..n {
            for i in j..n {
                finite &= a[(i, j)].is_finite();
                largest = largest.max(a[(i, j)].abs());
            }
        }
        // A power of two divides without rounding; what is too small to be divided counts as zero.
        let exponent = f64::from_bits(largest.to_bits() & 0x7ff0_0000_0000_0000);
        let factor = if finite && exponent > 1e-290 { 1.0 / exponent } else { 0.0 };
        self.scale.0[lane] = if factor > 0.0 { exponent } else { 1.0 };
        for j in 0..n {
            for i in j..n {
                self.columns[j * n + i].0[lane] = if factor > 0.0 { factor * a[(i, j)] } else { 0.0 };
            }
        }
        finite
    }

    /// Reduces what was loaded to tridiagonal form.
    #[inline(always)]
    pub fn reduce(&mut self) {
        let n = self.n;
        let Spectra { columns, beta, diagonal, off, .. } = self;
        let mut p = [Lane::ZERO; WIDEST];
        for j in 0..n {
            diagonal[j] = columns[j * n + j];
            if j + 2 >= n {
                off[j] = if j + 1 < n { columns[j * n + j + 1] } else { Lane::ZERO };
                continue;
            }
            let (left, right) = columns.split_at_mut((j + 1) * n);
            let v = &mut left[j * n + j + 1..];
            let m = v.len();
            let first = v[0];
            let rest = inner(&v[1..], &v[1..]);
            let length = (first * first + rest).sqrt();
            for l in 0..LANES {
                // Adding what has the same sign, nothing cancels; where nothing is to be cleared there is no reflection.
                let (head, rest) = (first.0[l], rest.0[l]);
                let turned = -length.0[l].copysign(head);
                let start = head - turned;
                let nothing = rest == 0.0;
                off[j].0[l] = if nothing { head } else { turned };
                v[0].0[l] = if nothing { 0.0 } else { start };
                beta[j].0[l] = if nothing { 0.0 } else { 2.0 / (rest + start * start) };
            }
            // p = beta A v, from the lower triangle.
            let p = &mut p[..m];
            p.fill(Lane::ZERO);
            for k in 0..m {
                let column = &right[k * n + j + 1 + k..(k + 1) * n];
                let vk = v[k];
                let mut sum = p[k] + column[0] * vk;
                for ((a, v), p) in column[1..].iter().zip(&v[k + 1..]).zip(&mut p[k + 1..]) {
                    sum = sum + *a * *v;
                    *p = *p + *a * vk;
                }
                p[k] = sum;
            }
            let mut along = Lane::ZERO;
            for (p, v) in p.iter_mut().zip(v.iter()) {
                *p = beta[j] * *p;
                along = along + *p * *v;
            }
            let half = Lane::splat(0.5) * beta[j] * along;
            for (p, v) in p.iter_mut().zip(v.iter()) {
                *p = *p - half * *v;
            }
            for k in 0..m {
                let column = &mut right[k * n + j + 1 + k..(k + 1) * n];
                let (vk, pk) = (v[k], p[k]);
                for ((a, v), p) in column.iter_mut().zip(&v[k..]).zip(&p[k..]) {
                    *a = *a - (vk * *p + pk * *v);
                }
            }
        }
    }

    #[inline(always)]
    fn reflect(&self, j: usize, x: &mut [Lane]) {
        let v = &self.columns[j * self.n + j + 1..(j + 1) * self.n];
        let x = &mut x[j + 1..];
        let along = self.beta[j] * inner(v, x);
        for (x, v) in x.iter_mut().zip(v) {
            *x = *x - along * *v;
        }
    }

    /// `Q' x`, in place.
    #[inline(always)]
    pub fn enter(&self, x: &mut [Lane]) {
        for j in 0..self.n.saturating_sub(2) {
            self.reflect(j, x);
        }
    }

    /// `Q x`, in place.
    #[inline(always)]
    pub fn leave(&self, x: &mut [Lane]) {
        for j in (0..self.n.saturating_sub(2)).rev() {
            self.reflect(j, x);
        }
    }

    /// The numbers of negative eigenvalues, by the signs of the pivots of T (Sylvester's law of inertia), and of which matrices they say
    /// something: not where an entry of the inverse's diagonal, 1 over the sum of the pivots from above and from below, is too
    /// large, which is where an eigenvalue is below about `tolerance` times the largest.
    #[inline(always)]
    pub fn negative(&self, tolerance: f64) -> ([usize; LANES], Which) {
        let n = self.n;
        let mut above = [Lane::ZERO; WIDEST];
        let (mut count, mut largest) = (Lane::ZERO, Lane::ZERO);
        for i in 0..n {
            let lost = if i == 0 { Lane::ZERO } else { self.off[i - 1] * self.off[i - 1] / above[i - 1] };
            above[i] = self.diagonal[i] - lost;
            for l in 0..LANES {
                count.0[l] += if above[i].0[l] < 0.0 { 1.0 } else { 0.0 };
            }
            largest = largest.max(self.diagonal[i].abs()).max(self.off[i].abs());
        }
        let least = Lane::splat(tolerance) * largest;
        let mut sure = [true; LANES];
        let mut lost = Lane::ZERO;
        for i in (0..n).rev() {
            for l in 0..LANES {
                let above = above[i].0[l];
                sure[l] &= (above - lost.0[l]).abs() > least.0[l] && above.abs() > least.0[l];
            }
            if i > 0 {
                let below = self.diagonal[i] - lost;
                lost = self.off[i - 1] * self.off[i - 1] / below;
            }
        }
        (count.0.map(|c| c as usize), sure)
    }

    /// Solves `(T + shift) z = y` in place, in the basis of Q, by elimination with row exchanges; tells of which matrices the solution is
    /// finite.
    #[inline(always)]
    pub fn solve(&self, shift: Lane, y: &mut [Lane]) -> Which {
        let n = self.n;
        if n == 0 {
            return [true; LANES];
        }
        let shift = shift / self.scale;
        // Rows of the upper triangle: diagonal and the two entries right of it.
        let mut upper = [[Lane::ZERO; 3]; WIDEST];
        let (mut here, mut next) = (self.diagonal[0] + shift, if n > 1 { self.off[0] } else { Lane::ZERO });
        for i in 0..n - 1 {
            let below = self.off[i];
            let d = self.diagonal[i + 1] + shift;
            let after = if i + 2 < n { self.off[i + 1] } else { Lane::ZERO };
            for l in 0..LANES {
                let (b, h, t, d, a) = (below.0[l], here.0[l], next.0[l], d.0[l], after.0[l]);
                let swaps = b.abs() > h.abs();
                let (pivot, other) = if swaps { (b, h) } else { (h, b) };
                let factor = other / pivot;
                let (first, second) = if swaps { (d, a) } else { (t, 0.0) };
                upper[i][0].0[l] = pivot;
                upper[i][1].0[l] = first;
                upper[i][2].0[l] = second;
                let (top, low) = (y[i].0[l], y[i + 1].0[l]);
                let (top, low) = if swaps { (low, top) } else { (top, low) };
                y[i].0[l] = top;
                y[i + 1].0[l] = low - factor * top;
                here.0[l] = if swaps { t - factor * d } else { d - factor * t };
                next.0[l] = if swaps { -factor * a } else { a };
            }
        }
        upper[n - 1] = [here, Lane::ZERO, Lane::ZERO];
        for i in (0..n).rev() {
            let [d, first, second] = upper[i];
            let mut sum = y[i];
            if i + 1 < n {
                sum = sum - first * y[i + 1];
            }
            if i + 2 < n {
                sum = sum - second * y[i + 2];
            }
            y[i] = sum / d;
        }
        let mut finite = [true; LANES];
        for y in &mut y[..n] {
            *y = *y / self.scale;
            for l in 0..LANES {
                finite[l] &= y.0[l].is_finite();
            }
        }
        finite
    }

    /// Finds the eigenvalues of `these` matrices, which were [reduced](Self::reduce), and carries `y`, given in the basis of Q, to the
    /// eigenbasis; of the others nothing useful is left. T is used up. False if the iteration failed, which no one has seen.
    #[inline(always)]
    pub fn diagonalize(&mut self, these: &Which, y: &mut [Lane]) -> bool {
        let n = self.n;
        self.rotations.clear();
        for e in &mut self.off[..n] {
            *e = e.of(these, Lane::ZERO);
        }
        for low in 0..n {
            let mut tries = 0;
            while self.sweep(low, y) {
                tries += 1;
                if tries > MOST {
                    return false;
                }
            }
        }
        let mut sorted = [Lane::ZERO; WIDEST];
        for l in 0..LANES {
            let mut order: [u8; WIDEST] = from_fn(|i| i as u8);
            let place = |i: u8| self.diagonal[usize::from(i)].0[l];
            order[..n].sort_unstable_by(|a, b| place(*a).total_cmp(&place(*b)).then(a.cmp(b)));
            for i in 0..n {
                let from = usize::from(order[i]);
                self.order[i][l] = order[i];
                self.values[i].0[l] = self.diagonal[from].0[l] * self.scale.0[l];
                sorted[i].0[l] = y[from].0[l];
            }
        }
        y[..n].copy_from_slice(&sorted[..n]);
        true
    }

    /// One sweep towards the eigenvalue at `low`; false if all matrices have theirs.
    #[inline(always)]
    fn sweep(&mut self, low: usize, y: &mut [Lane]) -> bool {
        let n = self.n;
        let Spectra { diagonal: d, off: e, rotations, .. } = self;
        // Entries next to nothing cut a matrix in two: where the part that begins at `low` ends.
        let mut high = [(n - 1) as f64; LANES];
        for i in (low..n - 1).rev() {
            for l in 0..LANES {
                let nothing = 0.5 * f64::EPSILON * (d[i].0[l].abs() + d[i + 1].0[l].abs());
                let e = e[i].0[l].abs();
                high[l] = if e <= nothing || e < NOTHING { i as f64 } else { high[l] };
            }
        }
        let top = high.iter().fold(0.0, |m: f64, h| m.max(*h)) as usize;
        if top <= low {
            return false;
        }
        let (mut g, mut sin, mut cos) = (Lane::ZERO, Lane::splat(1.0), Lane::splat(1.0));
        let mut p = Lane::ZERO;
        for l in 0..LANES {
            let (here, edge) = (d[low].0[l], e[low].0[l]);
            let half = (d[low + 1].0[l] - here) / (2.0 * edge);
            let shift = here - edge / (half + (half * half + 1.0).sqrt().copysign(half));
            g.0[l] = d[high[l] as usize].0[l] - shift;
        }
        let ends = high;
        for i in (low..top).rev() {
            let (mut c, mut s) = (Lane::splat(1.0), Lane::ZERO);
            let at = i as f64;
            for l in 0..LANES {
                // A matrix whose part ends before this is not touched yet.
                let on = high[l] > at;
                let (edge, here, next) = (e[i].0[l], d[i].0[l], d[i + 1].0[l]);
                let (f, b) = (sin.0[l] * edge, cos.0[l] * edge);
                let r = (f * f + g.0[l] * g.0[l]).sqrt();
                // Both vanish: it falls apart here.
                let apart = r == 0.0;
                let inverse = 1.0 / r;
                let (turned_s, turned_c) = (f * inverse, g.0[l] * inverse);
                let base = next - p.0[l];
                let mixed = (here - base) * turned_s + 2.0 * turned_c * b;
                let moved = turned_s * mixed;
                e[i + 1].0[l] = if on { r } else { e[i + 1].0[l] };
                d[i + 1].0[l] = if !on {
                    next
                } else if apart {
                    base
                } else {
                    base + moved
                };
                let turns = on && !apart;
                p.0[l] = if turns { moved } else { p.0[l] };
                g.0[l] = if turns { turned_c * mixed - b } else { g.0[l] };
                sin.0[l] = if turns { turned_s } else { sin.0[l] };
                cos.0[l] = if turns { turned_c } else { cos.0[l] };
                c.0[l] = if turns { turned_c } else { 1.0 };
                s.0[l] = if turns { turned_s } else { 0.0 };
                high[l] = if on && apart { -1.0 } else { high[l] };
            }
            (y[i], y[i + 1]) = (c * y[i] - s * y[i + 1], s * y[i] + c * y[i + 1]);
            rotations.push(Rotation { at: i, cos: c, sin: s });
        }
        for l in 0..LANES {
            if high[l] > low as f64 {
                d[low].0[l] -= p.0[l];
                e[low].0[l] = g.0[l];
            }
            if ends[l] > low as f64 {
                e[ends[l] as usize].0[l] = 0.0;
            }
        }
        true
    }

    /// The eigenvalues, ascending, after [`diagonalize`](Self::diagonalize).
    #[inline(always)]
    pub fn values(&self) -> &[Lane] {
        &self.values[..self.n]
    }

    /// Carries vectors to the eigenbasis, coordinates in the order of the eigenvalues.
    #[inline(always)]
    pub fn project(&self, x: &mut [Lane]) {
        self.enter(x);
        for Rotation { at: i, cos, sin } in &self.rotations {
            (x[*i], x[*i + 1]) = (*cos * x[*i] - *sin * x[*i + 1], *sin * x[*i] + *cos * x[*i + 1]);
        }
        let mut sorted = [Lane::ZERO; WIDEST];
        for (sorted, order) in sorted[..self.n].iter_mut().zip(&self.order) {
            for l in 0..LANES {
                sorted.0[l] = x[usize::from(order[l])].0[l];
            }
        }
        x.copy_from_slice(&sorted[..self.n]);
    }

    /// Carries two vectors with coordinates in the eigenbasis back.
    #[inline(always)]
    pub fn combine(&self, coordinates: [&mut [Lane]; 2]) {
        let n = self.n;
        let mut pairs = [[Lane::ZERO; 2]; WIDEST];
        for (i, order) in self.order[..n].iter().enumerate() {
            for l in 0..LANES {
                let pair = &mut pairs[usize::from(order[l])];
                pair[0].0[l] = coordinates[0][i].0[l];
                pair[1].0[l] = coordinates[1][i].0[l];
            }
        }
        for Rotation { at, cos, sin } in self.rotations.iter().rev() {
            for k in 0..2 {
                let (here, next) = (pairs[*at][k], pairs[at + 1][k]);
                pairs[*at][k] = *cos * here + *sin * next;
                pairs[at + 1][k] = *cos * next - *sin * here;
            }
        }
        for (k, out) in coordinates.into_iter().enumerate() {
            for i in 0..n {
                out[i] = pairs[i][k];
            }
            self.leave(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::linalg::symmetric_eigen;

    /// Matrices of several kinds: full, with clusters, huge, tiny, split, graded, zero.
    fn matrices(n: usize) -> Vec<Mat<f64>> {
        let wave = |i: usize, j: usize| ((i * j * 5 + i + j) as f64 * 1.3 + 0.7).sin();
        let mut out: Vec<Mat<f64>> =
            [1.0, 1e200, 1e-200].iter().map(|size| Mat::from_fn(n, n, |i, j| size * wave(i, j))).collect();
        out.push(Mat::identity(n, n));
        out.push(Mat::zeros(n, n));
        out.push(Mat::from_fn(n, n, |i, j| if i == j { i as f64 } else { 0.0 }));
        out.push(Mat::from_fn(n, n, |i, j| if i / 3 == j / 3 { 1.0 } else { 1e-170 }));
        out.push(Mat::from_fn(n, n, |i, j| 10.0_f64.powi(-(i.max(j) as i32)) * wave(i, j)));
        out.push(Mat::from_fn(n, n, |i, j| (i as f64).cos() * (j as f64).cos()));
        out.push(Mat::from_fn(n, n, |i, j| if i.abs_diff(j) == 1 { 1.0 } else { 0.0 }));
        out
    }

    fn dimensions() -> impl Iterator<Item = usize> {
        (1..=10).chain([16, 17, 20, 24, 25, 32])
    }

    /// Each matrix in each lane, beside different ones: as the full decomposition says, and the same bits wherever it is.
    #[test]
    fn agree_with_full_eigendecompositions() {
        for n in dimensions() {
            let matrices = matrices(n);
            let x: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5).cos()).collect();
            let mut seen: Vec<Option<Vec<f64>>> = vec![None; matrices.len()];
            for first in 0..matrices.len() {
                let mut spectra = Spectra::new(n);
                let here = |l: usize| (first + l) % matrices.len();
                for l in 0..LANES {
                    assert!(spectra.load(l, matrices[here(l)].as_ref()));
                }
                spectra.reduce();
                let mut y: Vec<Lane> = x.iter().map(|x| Lane::splat(*x)).collect();
                spectra.enter(&mut y);
                assert!(spectra.diagonalize(&[true; LANES], &mut y));
                let mut again: Vec<Lane> = x.iter().map(|x| Lane::splat(*x)).collect();
                spectra.project(&mut again);
                let (mut back, mut image) = (y.clone(), y.clone());
                for i in 0..n {
                    image[i] = y[i] * spectra.values()[i];
                }
                spectra.combine([&mut back, &mut image]);
                for l in 0..LANES {
                    let a = &matrices[here(l)];
                    let (mut w, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
                    assert!(symmetric_eigen(a.as_ref(), &mut w, vectors.as_mut()));
                    let size = w.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                    let tolerance = 2e-14 * n as f64;
                    for i in 0..n {
                        let value = spectra.values()[i].0[l];
                        assert!((value - w[i]).abs() <= tolerance * size, "{value} against {}", w[i]);
                        assert!((again[i].0[l] - y[i].0[l]).abs() < tolerance);
                        // V V' x = x and V diag(values) V' x = A x.
                        assert!((back[i].0[l] - x[i]).abs() < tolerance);
                        let exact: f64 = (0..n).map(|k| a[(i, k)] * x[k]).sum();
                        assert!((image[i].0[l] - exact).abs() <= 4.0 * tolerance * size);
                    }
                    let bits: Vec<f64> = image.iter().map(|v| v.0[l]).collect();
                    let before = seen[here(l)].get_or_insert_with(|| bits.clone());
                    assert!(before.iter().zip(&bits).all(|(a, b)| a.to_bits() == b.to_bits()));
                }
            }
        }
    }

    #[test]
    fn inertia_and_solutions_come_from_the_tridiagonal_form() {
        let mut solved = 0;
        for n in dimensions() {
            let matrices = matrices(n);
            for group in matrices.chunks(LANES) {
                let mut spectra = Spectra::new(n);
                for (l, a) in group.iter().enumerate() {
                    assert!(spectra.load(l, a.as_ref()));
                }
                spectra.reduce();
                let (count, sure) = spectra.negative(1e-6);
                for (l, a) in group.iter().enumerate().filter(|(l, _)| sure[*l]) {
                    let (mut w, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
                    assert!(symmetric_eigen(a.as_ref(), &mut w, vectors.as_mut()));
                    assert_eq!(count[l], w.iter().filter(|w| **w < 0.0).count());
                    let size = w.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                    for shift in [0.0, 1.7 * size] {
                        let x: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5).cos()).collect();
                        let right = |i: usize| (0..n).map(|k| a[(i, k)] * x[k]).sum::<f64>() + shift * x[i];
                        let mut b: Vec<Lane> = (0..n).map(|i| Lane::splat(right(i))).collect();
                        spectra.enter(&mut b);
                        assert!(spectra.solve(Lane::splat(shift), &mut b)[l]);
                        spectra.leave(&mut b);
                        let smallest = w.iter().fold(f64::INFINITY, |m, v| m.min((v + shift).abs()));
                        let off: f64 = (0..n).map(|i| (b[i].0[l] - x[i]).powi(2)).sum::<f64>().sqrt();
                        let most = 1e-14 * n as f64 * crate::linalg::norm(&x) * (size + shift) / smallest;
                        assert!(off < most, "{off} {most}");
                        solved += 1;
                    }
                }
            }
        }
        assert!(solved > 60, "only {solved} of them are regular");
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        assert!(!Spectra::new(3).load(0, Mat::from_fn(3, 3, |_, _| f64::NAN).as_ref()));
    }
}
