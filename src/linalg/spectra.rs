//! Spectra of eight small symmetric matrices side by side, one in each lane of the processor's vectors, as far as they are needed:
//! `A = Q T Q'` with T tridiagonal (Householder), then `T = Z diag(values) Z'` by the implicit QL iteration with Wilkinson's shift. Q
//! stays a product of reflections and Z one of rotations: to carry a vector to the eigenbasis and back costs a fraction of
//! forming the eigenvectors. What needs no eigenvalues (the inertia, Newton's step) is had from T alone.
//!
//! One such iteration waits most of the time for its last quotient or root; eight of them wait together. All lanes take all
//! steps, and one that is done takes none that changes anything: what becomes of a matrix does not depend on those beside it.

use std::array::from_fn;

use faer::MatRef;
use pulp::Simd;

use super::lanes::{LANES, Lane, Part, Which, inner, lanes, parts};

/// Largest dimension.
pub(crate) const WIDEST: usize = 32;

/// Entries below this, of a matrix whose largest are around one, are as good as zero, and so are squares below its square.
const NOTHING: f64 = 1e-140;

/// Iterations for one eigenvalue; two or three are usual.
const MOST: usize = 60;

/// The inverse of the power of two next below a number, which divides without rounding, and that power; zero and one where it is too small
/// to be divided by.
pub(super) fn unit(largest: f64) -> (f64, f64) {
    let power = f64::from_bits(largest.to_bits() & 0x7ff0_0000_0000_0000);
    if power > 1e-290 { (1.0 / power, power) } else { (0.0, 1.0) }
}

/// Factors of eight symmetric matrices, of dimension [`WIDEST`] at most; the storage is used again and again.
pub(crate) struct Spectra {
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
    /// Of each part.
    rotations: [Vec<Rotation>; LANES],
    /// Places of the eigenvalues in ascending order.
    order: [[u8; LANES]; WIDEST],
    values: [Lane; WIDEST],
}

/// Turns the columns `at` and `at + 1` of Z, by numbers that stand in the first part of their lanes.
#[derive(Clone, Copy)]
struct Rotation {
    at: usize,
    cos: Lane,
    sin: Lane,
}

impl Rotation {
    const NONE: Rotation = Rotation { at: 0, cos: Lane::ZERO, sin: Lane::ZERO };

    #[inline(always)]
    fn get<S: Simd>(&self, simd: S) -> (usize, Part<S>, Part<S>) {
        (self.at, Part::load(simd, &self.cos, 0), Part::load(simd, &self.sin, 0))
    }
}

impl Spectra {
    /// Storage for matrices of dimension `n`, which is [`WIDEST`] at most.
    pub(crate) fn new(n: usize) -> Self {
        assert!(n <= WIDEST, "dimension {n} is beyond {WIDEST}");
        Spectra {
            n,
            columns: vec![Lane::ZERO; n * n],
            beta: [Lane::ZERO; WIDEST],
            diagonal: [Lane::ZERO; WIDEST],
            off: [Lane::ZERO; WIDEST],
            scale: Lane::splat(1.0),
            rotations: from_fn(|_| vec![]),
            order: [[0; LANES]; WIDEST],
            values: [Lane::ZERO; WIDEST],
        }
    }

    /// Puts `a` (columns one after the other, of which the lower triangle is read) into a lane. False if it is not finite: then zeros are put there.
    pub(crate) fn load(&mut self, lane: usize, a: MatRef<'_, f64>) -> bool {
        let n = self.n;
        let column =
            |j: usize| &a.col(j).try_as_col_major().expect("columns one after the other").as_slice()[j..];
        // What is not finite makes a product with zero that is not zero.
        let (mut largest, mut sum) = (0.0_f64, 0.0);
        for column in (0..n).map(column) {
            for value in column {
                sum += 0.0 * value;
                largest = largest.max(value.abs());
            }
        }
        let finite = sum == 0.0;
        let (factor, scale) = unit(if finite { largest } else { 0.0 });
        self.scale.0[lane] = scale;
        for (j, to) in self.columns.chunks_exact_mut(n).enumerate() {
            for (to, value) in to[j..].iter_mut().zip(column(j)) {
                to.0[lane] = if factor > 0.0 { factor * value } else { 0.0 };
            }
        }
        finite
    }

    /// Reduces what was loaded to tridiagonal form.
    #[inline(always)]
    pub(crate) fn reduce<S: Simd>(&mut self, simd: S) {
        for part in parts(simd) {
            self.reduce_part(simd, part);
        }
    }

    #[inline(always)]
    fn reduce_part<S: Simd>(&mut self, simd: S, part: usize) {
        let n = self.n;
        let Spectra { columns, beta, diagonal, off, .. } = self;
        let zero = Part::splat(simd, 0.0);
        let get = |lane: &Lane| Part::load(simd, lane, part);
        let mut p = [zero; WIDEST];
        let mut v = [zero; WIDEST];
        for j in 0..n {
            get(&columns[j * n + j]).store(&mut diagonal[j], part);
            if j + 2 >= n {
                let last = if j + 1 < n { get(&columns[j * n + j + 1]) } else { zero };
                last.store(&mut off[j], part);
                continue;
            }
            let (left, right) = columns.split_at_mut((j + 1) * n);
            let column = &mut left[j * n + j + 1..];
            let m = column.len();
            let (v, p) = (&mut v[..m], &mut p[..m]);
            let mut rest = zero;
            for (v, c) in v.iter_mut().zip(column.iter()) {
                *v = get(c);
            }
            for v in &v[1..] {
                rest = v.times_plus(*v, rest);
            }
            // Adding what has the same sign, nothing cancels; where nothing is to be cleared there is no reflection.
            let first = v[0];
            let turned = -first.times_plus(first, rest).sqrt().copysign(first);
            let start = first - turned;
            let inverse = Part::splat(simd, 2.0) / start.times_plus(start, rest);
            let nothing = Part::splat(simd, NOTHING * NOTHING);
            rest.exceeds(nothing, turned, first).store(&mut off[j], part);
            v[0] = rest.exceeds(nothing, start, zero);
            let factor = rest.exceeds(nothing, inverse, zero);
            factor.store(&mut beta[j], part);
            v[0].store(&mut column[0], part);
            // p = beta A v, from the lower triangle.
            p.fill(zero);
            for k in 0..m {
                let column = &right[k * n + j + 1 + k..(k + 1) * n];
                let vk = v[k];
                let mut sum = get(&column[0]).times_plus(vk, p[k]);
                for ((a, v), p) in column[1..].iter().zip(&v[k + 1..]).zip(&mut p[k + 1..]) {
                    let a = get(a);
                    sum = a.times_plus(*v, sum);
                    *p = a.times_plus(vk, *p);
                }
                p[k] = sum;
            }
            let mut along = zero;
            for (p, v) in p.iter_mut().zip(v.iter()) {
                *p = factor * *p;
                along = p.times_plus(*v, along);
            }
            let half = -(Part::splat(simd, 0.5) * factor * along);
            for (p, v) in p.iter_mut().zip(v.iter()) {
                *p = half.times_plus(*v, *p);
            }
            for k in 0..m {
                let column = &mut right[k * n + j + 1 + k..(k + 1) * n];
                let (vk, pk) = (-v[k], -p[k]);
                for ((a, v), p) in column.iter_mut().zip(&v[k..]).zip(&p[k..]) {
                    vk.times_plus(*p, pk.times_plus(*v, get(a))).store(a, part);
                }
            }
        }
    }

    #[inline(always)]
    fn reflect<S: Simd>(&self, simd: S, j: usize, x: &mut [Lane], part: usize) {
        let v = &self.columns[j * self.n + j + 1..(j + 1) * self.n];
        let x = &mut x[j + 1..];
        let along = -(Part::load(simd, &self.beta[j], part) * inner(simd, v, x, part));
        for (x, v) in x.iter_mut().zip(v) {
            along.times_plus(Part::load(simd, v, part), Part::load(simd, x, part)).store(x, part);
        }
    }

    /// `Q' x`, in place.
    #[inline(always)]
    pub(crate) fn enter<S: Simd>(&self, simd: S, x: &mut [Lane]) {
        for part in parts(simd) {
            for j in 0..self.n.saturating_sub(2) {
                self.reflect(simd, j, x, part);
            }
        }
    }

    /// `Q x`, in place.
    #[inline(always)]
    pub(crate) fn leave<S: Simd>(&self, simd: S, x: &mut [Lane]) {
        for part in parts(simd) {
            for j in (0..self.n.saturating_sub(2)).rev() {
                self.reflect(simd, j, x, part);
            }
        }
    }

    /// The numbers of negative eigenvalues, by the signs of the pivots of T (Sylvester's law of inertia), and of which matrices they say
    /// something: not where an entry of the inverse's diagonal, 1 over the sum of the pivots from above and from below, is too
    /// large, which is where an eigenvalue is below about `tolerance` times the largest.
    #[inline(always)]
    pub(crate) fn negative<S: Simd>(&self, simd: S, tolerance: f64) -> ([usize; LANES], Which) {
        let (mut counts, mut certain) = (Lane::ZERO, Lane::ZERO);
        for part in parts(simd) {
            let (zero, one) = (Part::splat(simd, 0.0), Part::splat(simd, 1.0));
            let get = |lane: &Lane| Part::load(simd, lane, part);
            let mut above = [zero; WIDEST];
            let (mut count, mut largest, mut lost) = (zero, zero, zero);
            for i in 0..self.n {
                let (d, e) = (get(&self.diagonal[i]), get(&self.off[i]));
                above[i] = d - lost;
                lost = e * e / above[i];
                count = count + zero.exceeds(above[i], one, zero);
                largest = largest.max(d.abs()).max(e.abs());
            }
            let least = Part::splat(simd, tolerance) * largest;
            let (mut sure, mut lost) = (one, zero);
            for i in (0..self.n).rev() {
                sure = (above[i] - lost).abs().exceeds(least, sure, zero);
                sure = above[i].abs().exceeds(least, sure, zero);
                if i > 0 {
                    let e = get(&self.off[i - 1]);
                    lost = e * e / (get(&self.diagonal[i]) - lost);
                }
            }
            count.store(&mut counts, part);
            sure.store(&mut certain, part);
        }
        (counts.0.map(|c| c as usize), certain.0.map(|c| c > 0.0))
    }

    /// Solves `(T + shift) z = y` in place, in the basis of Q, by elimination with row exchanges; tells of which matrices the solution is
    /// finite.
    #[inline(always)]
    pub(crate) fn solve<S: Simd>(&self, simd: S, shift: &Lane, y: &mut [Lane]) -> Which {
        let n = self.n;
        let mut sums = Lane::ZERO;
        for part in parts(simd) {
            let zero = Part::splat(simd, 0.0);
            let get = |lane: &Lane| Part::load(simd, lane, part);
            let scale = get(&self.scale);
            let shift = get(shift) / scale;
            // Rows of the upper triangle: diagonal and the two entries right of it.
            let mut upper = [[zero; 3]; WIDEST];
            let (mut here, mut next) = (get(&self.diagonal[0]) + shift, get(&self.off[0]));
            for i in 0..n - 1 {
                let (below, after) = (get(&self.off[i]), get(&self.off[i + 1]));
                let d = get(&self.diagonal[i + 1]) + shift;
                // The larger of the two rows that begin here is the pivot.
                let (size, other) = (below.abs(), here.abs());
                let swap = |then: Part<S>, otherwise: Part<S>| size.exceeds(other, then, otherwise);
                let pivot = swap(below, here);
                let factor = -(swap(here, below) / pivot);
                upper[i] = [pivot, swap(d, next), swap(after, zero)];
                let (top, low) = (get(&y[i]), get(&y[i + 1]));
                let (top, low) = (swap(low, top), swap(top, low));
                top.store(&mut y[i], part);
                factor.times_plus(top, low).store(&mut y[i + 1], part);
                here = factor.times_plus(swap(d, next), swap(next, d));
                next = swap(factor * after, after);
            }
            upper[n - 1] = [here, zero, zero];
            // What is not finite makes a product with zero that is not zero.
            let (mut first, mut second, mut sum) = (zero, zero, zero);
            for i in (0..n).rev() {
                let [d, one, two] = upper[i];
                let z = (get(&y[i]) - one * first - two * second) / d;
                (first, second) = (z, first);
                let z = z / scale;
                sum = z.times_plus(zero, sum);
                z.store(&mut y[i], part);
            }
            sum.store(&mut sums, part);
        }
        sums.0.map(|s| s == 0.0)
    }

    /// Finds the eigenvalues of `these` matrices, which were [reduced](Self::reduce), and carries `y`, given in the basis of Q, to the
    /// eigenbasis; of the others nothing useful is left. T is used up. Tells of which the iteration did not fail, which no one has seen.
    #[inline(always)]
    pub(crate) fn diagonalize<S: Simd>(&mut self, simd: S, these: &Which, y: &mut [Lane]) -> Which {
        let n = self.n;
        for e in &mut self.off[..n] {
            for l in 0..LANES {
                if !these[l] {
                    e.0[l] = 0.0;
                }
            }
        }
        let mut done = *these;
        for part in parts(simd) {
            self.rotations[part].clear();
            for low in 0..n {
                let mut tries = 0;
                while let Some(ends) = self.sweep(simd, low, y, part) {
                    tries += 1;
                    if tries > MOST {
                        for l in lanes(simd, part).filter(|l| ends.0[*l] > low as f64) {
                            done[l] = false;
                            self.off[..n].iter_mut().for_each(|e| e.0[l] = 0.0);
                        }
                    }
                }
            }
        }
        let mut ranks = [Lane::ZERO; WIDEST];
        for part in parts(simd) {
            self.rank(simd, &mut ranks, part);
        }
        let mut sorted = [Lane::ZERO; WIDEST];
        for i in 0..n {
            for l in (0..LANES).filter(|l| these[*l]) {
                let rank = ranks[i].0[l] as usize;
                self.order[rank][l] = i as u8;
                self.values[rank].0[l] = self.diagonal[i].0[l] * self.scale.0[l];
                sorted[rank].0[l] = y[i].0[l];
            }
        }
        y[..n].copy_from_slice(&sorted[..n]);
        done
    }

    /// How many of T's diagonal come before each: smaller ones, and equal ones before it.
    #[inline(always)]
    fn rank<S: Simd>(&self, simd: S, ranks: &mut [Lane; WIDEST], part: usize) {
        let (zero, one) = (Part::splat(simd, 0.0), Part::splat(simd, 1.0));
        let mut counts = [zero; WIDEST];
        for i in 1..self.n {
            let here = Part::load(simd, &self.diagonal[i], part);
            let mut own = zero;
            for j in 0..i {
                let later = Part::load(simd, &self.diagonal[j], part).exceeds(here, one, zero);
                counts[j] = counts[j] + later;
                own = own + (one - later);
            }
            counts[i] = own;
        }
        for (rank, count) in ranks.iter_mut().zip(counts) {
            count.store(rank, part);
        }
    }

    /// One sweep towards the eigenvalue at `low`, and where the parts that begin there ended; `None` if all matrices have theirs.
    #[inline(always)]
    fn sweep<S: Simd>(&mut self, simd: S, low: usize, y: &mut [Lane], part: usize) -> Option<Lane> {
        let n = self.n;
        let Spectra { diagonal: d, off: e, rotations, .. } = self;
        let (zero, one) = (Part::splat(simd, 0.0), Part::splat(simd, 1.0));
        let get = |lane: &Lane| Part::load(simd, lane, part);
        // Entries next to nothing cut a matrix in two: where the part that begins at `low` ends.
        let mut high = Part::splat(simd, (n - 1) as f64);
        for i in (low..n - 1).rev() {
            let nothing = Part::splat(simd, 0.5 * f64::EPSILON) * (get(&d[i]).abs() + get(&d[i + 1]).abs());
            let nothing = nothing.max(Part::splat(simd, NOTHING));
            high = get(&e[i]).abs().exceeds(nothing, high, Part::splat(simd, i as f64));
        }
        let mut ends = Lane::ZERO;
        high.store(&mut ends, part);
        let top = ends.0.iter().fold(0.0, |m: f64, h| m.max(*h)) as usize;
        if top <= low {
            return None;
        }
        let (here, edge) = (get(&d[low]), get(&e[low]));
        let half = (get(&d[low + 1]) - here) / (edge + edge);
        let shift = here - edge / (half + half.times_plus(half, one).sqrt().copysign(half));
        let mut last = Lane::ZERO;
        for l in lanes(simd, part) {
            last.0[l] = d[ends.0[l] as usize].0[l];
        }
        let mut g = get(&last) - shift;
        let nothing = Part::splat(simd, NOTHING);
        let (mut sin, mut cos, mut p) = (one, one, zero);
        let mut next = get(&d[top]);
        let mut carried = get(&y[top]);
        // Room for all rotations beforehand: where a vector may have to grow no number stays in a register.
        let rotations = &mut rotations[part];
        let from = rotations.len();
        rotations.resize(from + top - low, Rotation::NONE);
        for (i, rotation) in (low..top).rev().zip(&mut rotations[from..]) {
            // A matrix whose part ends before this is not touched yet.
            let at = Part::splat(simd, i as f64);
            let begun = high;
            let (edge, here) = (get(&e[i]), get(&d[i]));
            let (f, b) = (sin * edge, cos * edge);
            let square = f.times_plus(f, g * g);
            let r = square.sqrt();
            // Where both vanish it falls apart, and no more is done in this sweep.
            high = begun.exceeds(at, r.exceeds(nothing, high, -one), high);
            // The quotient need not wait for the root.
            let inverse = r * (one / square);
            let (s, c) = (f * inverse, g * inverse);
            let base = next - p;
            let mixed = (here - base).times_plus(s, (c + c) * b);
            let moved = s * mixed;
            begun.exceeds(at, r, get(&e[i + 1])).store(&mut e[i + 1], part);
            begun.exceeds(at, high.exceeds(at, base + moved, base), next).store(&mut d[i + 1], part);
            p = high.exceeds(at, moved, p);
            g = high.exceeds(at, c.times_plus(mixed, -b), g);
            (sin, cos) = (high.exceeds(at, s, sin), high.exceeds(at, c, cos));
            let (s, c) = (high.exceeds(at, s, zero), high.exceeds(at, c, one));
            let before = get(&y[i]);
            s.times_plus(before, c * carried).store(&mut y[i + 1], part);
            carried = c.times_plus(before, -(s * carried));
            next = here;
            rotation.at = i;
            c.store(&mut rotation.cos, 0);
            s.store(&mut rotation.sin, 0);
        }
        carried.store(&mut y[low], part);
        let at = Part::splat(simd, low as f64);
        high.exceeds(at, next - p, next).store(&mut d[low], part);
        high.exceeds(at, g, get(&e[low])).store(&mut e[low], part);
        for l in lanes(simd, part) {
            if ends.0[l] > low as f64 {
                e[ends.0[l] as usize].0[l] = 0.0;
            }
        }
        Some(ends)
    }

    /// The eigenvalues, ascending, after [`diagonalize`](Self::diagonalize).
    pub(crate) fn values(&self) -> &[Lane] {
        &self.values[..self.n]
    }

    /// Carries vectors to the eigenbasis, coordinates in the order of the eigenvalues.
    #[inline(always)]
    pub(crate) fn project<S: Simd>(&self, simd: S, x: &mut [Lane]) {
        self.enter(simd, x);
        for part in parts(simd) {
            for rotation in &self.rotations[part] {
                let (at, cos, sin) = rotation.get(simd);
                let (here, next) = (Part::load(simd, &x[at], part), Part::load(simd, &x[at + 1], part));
                cos.times_plus(here, -(sin * next)).store(&mut x[at], part);
                sin.times_plus(here, cos * next).store(&mut x[at + 1], part);
            }
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
    pub(crate) fn combine<S: Simd>(&self, simd: S, vectors: [&mut [Lane]; 2]) {
        let n = self.n;
        let mut pairs = [[Lane::ZERO; 2]; WIDEST];
        for (i, order) in self.order[..n].iter().enumerate() {
            for l in 0..LANES {
                let pair = &mut pairs[usize::from(order[l])];
                pair[0].0[l] = vectors[0][i].0[l];
                pair[1].0[l] = vectors[1][i].0[l];
            }
        }
        for part in parts(simd) {
            for rotation in self.rotations[part].iter().rev() {
                let (at, cos, sin) = rotation.get(simd);
                for k in 0..2 {
                    let here = Part::load(simd, &pairs[at][k], part);
                    let next = Part::load(simd, &pairs[at + 1][k], part);
                    cos.times_plus(here, sin * next).store(&mut pairs[at][k], part);
                    cos.times_plus(next, -(sin * here)).store(&mut pairs[at + 1][k], part);
                }
            }
        }
        for (k, out) in vectors.into_iter().enumerate() {
            for i in 0..n {
                out[i] = pairs[i][k];
            }
            self.leave(simd, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use faer::Mat;
    use pulp::{Arch, WithSimd};

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
        for between in [1e-156, 1e-160, 1e-170] {
            out.push(Mat::from_fn(n, n, |i, j| if i / 3 == j / 3 { 1.0 } else { between }));
        }
        out.push(Mat::from_fn(n, n, |i, j| 10.0_f64.powi(-(i.max(j) as i32)) * wave(i, j)));
        out.push(Mat::from_fn(n, n, |i, j| (i as f64).cos() * (j as f64).cos()));
        out.push(Mat::from_fn(n, n, |i, j| if i.abs_diff(j) == 1 { 1.0 } else { 0.0 }));
        out
    }

    fn dimensions() -> impl Iterator<Item = usize> {
        (1..=10).chain([16, 17, 20, 24, 25, 32])
    }

    /// Of the vectors the first two are carried to the eigenbasis in two ways, the others there and back, the last with the eigenvalues.
    struct Decompose<'a> {
        spectra: &'a mut Spectra,
        vectors: &'a mut [Vec<Lane>; 4],
    }

    impl WithSimd for Decompose<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Decompose { spectra, vectors: [y, again, back, image] } = self;
            spectra.reduce(simd);
            spectra.enter(simd, y);
            assert_eq!(spectra.diagonalize(simd, &[true; LANES], y), [true; LANES]);
            spectra.project(simd, again);
            back.copy_from_slice(y);
            for ((image, y), value) in image.iter_mut().zip(y.iter()).zip(spectra.values()) {
                (0..LANES).for_each(|l| image.0[l] = y.0[l] * value.0[l]);
            }
            spectra.combine(simd, [back, image]);
        }
    }

    struct Count<'a> {
        spectra: &'a mut Spectra,
    }

    impl WithSimd for Count<'_> {
        type Output = ([usize; LANES], Which);

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            self.spectra.reduce(simd);
            self.spectra.negative(simd, 1e-6)
        }
    }

    struct Solve<'a> {
        spectra: &'a Spectra,
        shift: f64,
        b: &'a mut [Lane],
    }

    impl WithSimd for Solve<'_> {
        type Output = Which;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Which {
            let Solve { spectra, shift, b } = self;
            spectra.enter(simd, b);
            let solved = spectra.solve(simd, &Lane::splat(shift), b);
            spectra.leave(simd, b);
            solved
        }
    }

    /// Each matrix in each lane, beside different ones: as the full decomposition says, and the same bits wherever it is.
    #[test]
    fn agree_with_full_eigendecompositions() {
        for n in dimensions() {
            let matrices = matrices(n);
            let x: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5).cos()).collect();
            let mut before: Vec<Option<Vec<f64>>> = vec![None; matrices.len()];
            for first in 0..matrices.len() {
                let mut spectra = Spectra::new(n);
                let here = |l: usize| (first + l) % matrices.len();
                for l in 0..LANES {
                    assert!(spectra.load(l, matrices[here(l)].as_ref()));
                }
                let start: Vec<Lane> = x.iter().map(|x| Lane::splat(*x)).collect();
                let mut seen = [start.clone(), start.clone(), start.clone(), start];
                Arch::new().dispatch(Decompose { spectra: &mut spectra, vectors: &mut seen });
                let [y, again, back, image] = seen;
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
                    let known = before[here(l)].get_or_insert_with(|| bits.clone());
                    assert!(known.iter().zip(&bits).all(|(a, b)| a.to_bits() == b.to_bits()));
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
                let (count, sure) = Arch::new().dispatch(Count { spectra: &mut spectra });
                for (l, a) in group.iter().enumerate().filter(|(l, _)| sure[*l]) {
                    let (mut w, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
                    assert!(symmetric_eigen(a.as_ref(), &mut w, vectors.as_mut()));
                    assert_eq!(count[l], w.iter().filter(|w| **w < 0.0).count());
                    let size = w.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                    for shift in [0.0, 1.7 * size] {
                        let x: Vec<f64> = (0..n).map(|i| (i as f64 + 0.5).cos()).collect();
                        let right = |i: usize| (0..n).map(|k| a[(i, k)] * x[k]).sum::<f64>() + shift * x[i];
                        let mut b: Vec<Lane> = (0..n).map(|i| Lane::splat(right(i))).collect();
                        assert!(Arch::new().dispatch(Solve { spectra: &spectra, shift, b: &mut b })[l]);
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
