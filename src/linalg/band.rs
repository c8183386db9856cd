//! Symmetric band matrices: their order, their products, and one factorisation that gives solutions and the inertia.
//!
//! In: which entries of a sparse symmetric matrix can differ from zero, then their values. Out: [`Band`] and [`Factors`]
//! at a cost of O(n b) and O(n b^2), with b the half bandwidth after the reordering of Cuthill and McKee (1969), reversed
//! (George 1971), where that is narrower than the order given.
//!
//! The factorisation brings in one row after the other and exchanges it with the pivot rows that it meets (Martin &
//! Wilkinson, *Numerische Mathematik* 9, 279, 1967; Peters & Wilkinson, *The Computer Journal* 12, 398, 1969). So it is
//! stable for indefinite matrices, stays within the band, and knows the sign of each leading principal minor: the changes
//! of sign among them are the negative eigenvalues (Sylvester, Jacobi).

use std::sync::Arc;

use super::tridiagonal::ql;

/// Beside entries of around one these are as good as zero; rotations made of still smaller ones would be none.
const NOTHING: f64 = 1e-280;

/// No place.
const ABOVE: usize = usize::MAX;

/// Where the entries of a sparse symmetric matrix go in a band.
#[derive(Clone, Debug)]
pub struct Layout {
    n: usize,
    /// Half bandwidth: entries further than this from the diagonal are zero.
    width: usize,
    /// `order[p]` is the coordinate in place p; `None` if that is p itself.
    order: Option<Arc<[u32]>>,
    /// For each entry, column after column, its place in the lower band; `ABOVE` in the upper triangle.
    places: Vec<usize>,
}

impl Layout {
    /// From the rows of each column that can be occupied (both triangles, ascending).
    pub fn new(rows: &[Vec<u32>]) -> Self {
        let n = rows.len();
        let identity: Vec<u32> = (0..n as u32).collect();
        let natural = half_width(rows, &identity);
        let reordered = cuthill_mckee(rows);
        let mut place = vec![0; n];
        reordered.iter().enumerate().for_each(|(p, &i)| place[i as usize] = p as u32);
        let narrow = half_width(rows, &place);
        let (width, place, order) = if narrow < natural {
            (narrow, place, Some(reordered.into()))
        } else {
            (natural, identity, None)
        };
        let mut places = vec![];
        for (j, rows) in rows.iter().enumerate() {
            let q = place[j] as usize;
            places.extend(rows.iter().map(|&i| {
                let p = place[i as usize] as usize;
                if p < q { ABOVE } else { p * (width + 1) + q + width - p }
            }));
        }
        Layout { n, width, order, places }
    }

    /// Half bandwidth.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of entries, both triangles.
    pub fn entries(&self) -> usize {
        self.places.len()
    }

    /// The matrix with these entries times `scale`, column after column as in the pattern; only one of the triangles is
    /// read.
    ///
    /// # Panics
    /// If the number of values is another than that of entries.
    pub fn band(&self, values: &[f64], scale: f64) -> Band {
        assert_eq!(values.len(), self.places.len(), "a value for each entry");
        let mut lower = vec![0.0; self.n * (self.width + 1)];
        for (&place, value) in self.places.iter().zip(values) {
            if place != ABOVE {
                lower[place] = scale * value;
            }
        }
        Band { n: self.n, width: self.width, order: self.order.clone(), lower }
    }
}

/// Largest distance of an entry from the diagonal if coordinate i has place `place[i]`.
fn half_width(rows: &[Vec<u32>], place: &[u32]) -> usize {
    let widest = |j: usize| rows[j].iter().map(|&i| place[i as usize].abs_diff(place[j])).max().unwrap_or(0);
    (0..rows.len()).map(widest).max().unwrap_or(0) as usize
}

/// The order of Cuthill and McKee, reversed: breadth first, neighbours by degree, each component from an end of it.
fn cuthill_mckee(rows: &[Vec<u32>]) -> Vec<u32> {
    let n = rows.len();
    let mut order: Vec<u32> = Vec::with_capacity(n);
    let mut taken = vec![false; n];
    for first in 0..n {
        if taken[first] {
            continue;
        }
        // The last one reached from anywhere, twice, is near an end.
        let mut root = first as u32;
        for _ in 0..2 {
            let reached = breadth_first(rows, root, &mut taken);
            reached.iter().for_each(|i| taken[*i as usize] = false);
            root = reached.last().copied().unwrap_or(root);
        }
        order.extend(breadth_first(rows, root, &mut taken));
    }
    order.reverse();
    order
}

/// All that is reached from `root` and not yet seen, in the order in which it is.
fn breadth_first(rows: &[Vec<u32>], root: u32, seen: &mut [bool]) -> Vec<u32> {
    let mut reached = vec![root];
    seen[root as usize] = true;
    let mut next = 0;
    while next < reached.len() {
        let from = reached.len();
        for &i in &rows[reached[next] as usize] {
            if !seen[i as usize] {
                seen[i as usize] = true;
                reached.push(i);
            }
        }
        reached[from..].sort_by_key(|&i| (rows[i as usize].len(), i));
        next += 1;
    }
    reached
}

/// A symmetric band matrix.
#[derive(Clone, Debug)]
pub struct Band {
    n: usize,
    width: usize,
    order: Option<Arc<[u32]>>,
    /// Row after row of the lower triangle, `width + 1` entries each, the diagonal last.
    lower: Vec<f64>,
}

impl Band {
    /// Dimension.
    pub fn dim(&self) -> usize {
        self.n
    }

    /// This matrix with `shift` added to its diagonal.
    pub fn shifted(&self, shift: f64) -> Band {
        let mut band = self.clone();
        band.lower.iter_mut().skip(self.width).step_by(self.width + 1).for_each(|a| *a += shift);
        band
    }

    /// Largest modulus of an entry.
    pub fn norm_max(&self) -> f64 {
        self.lower.iter().fold(0.0, |m, a| if a.abs() > m || a.is_nan() { a.abs() } else { m })
    }

    /// Largest sum of moduli in a row: a bound of all eigenvalues.
    pub fn norm_rows(&self) -> f64 {
        let (n, b) = (self.n, self.width);
        let mut sums = vec![0.0; n];
        for p in 0..n {
            let row = &self.lower[p * (b + 1)..(p + 1) * (b + 1)];
            for q in p.saturating_sub(b)..p {
                let a = row[q + b - p].abs();
                sums[p] += a;
                sums[q] += a;
            }
            sums[p] += row[b].abs();
        }
        sums.into_iter().fold(0.0, f64::max)
    }

    /// The product with a vector, in the coordinates of the pattern.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        let (n, b) = (self.n, self.width);
        let x = gather(&self.order, x);
        let mut y = vec![0.0; n];
        for p in 0..n {
            let row = &self.lower[p * (b + 1)..(p + 1) * (b + 1)];
            let mut sum = row[b] * x[p];
            for q in p.saturating_sub(b)..p {
                let a = row[q + b - p];
                sum += a * x[q];
                y[q] += a * x[p];
            }
            y[p] += sum;
        }
        let mut out = vec![0.0; n];
        scatter(&self.order, &y, &mut out);
        out
    }

    /// The matrix in full, both triangles.
    pub fn dense(&self) -> faer::Mat<f64> {
        let (n, b) = (self.n, self.width);
        let coordinate = |p: usize| self.order.as_ref().map_or(p, |order| order[p] as usize);
        let mut full = faer::Mat::zeros(n, n);
        for p in 0..n {
            for q in p.saturating_sub(b)..=p {
                let a = self.lower[p * (b + 1) + q + b - p];
                full[(coordinate(p), coordinate(q))] = a;
                full[(coordinate(q), coordinate(p))] = a;
            }
        }
        full
    }

    /// All eigenvalues, ascending; `None` if an entry is not finite, or the iteration fails. Rotations bring the matrix to tridiagonal form diagonal by
    /// diagonal, each chasing what it makes outside of the band down to its end (Schwarz, *Numerische Mathematik* 12, 231, 1968).
    pub fn eigenvalues(&self) -> Option<Vec<f64>> {
        if !self.lower.iter().all(|a| a.is_finite()) {
            return None;
        }
        let (n, b) = (self.n, self.width);
        let scale = self.norm_max();
        if scale == 0.0 {
            return Some(vec![0.0; n]);
        }
        // Room for one entry outside of the band in each row.
        let mut rows = Lower { width: b + 1, entries: vec![0.0; n * (b + 2)] };
        for p in 0..n {
            for q in p.saturating_sub(b)..=p {
                *rows.at(p, q) = self.lower[p * (b + 1) + q + b - p] / scale;
            }
        }
        for reach in (2..=b).rev() {
            for first in 0..n - reach.min(n) {
                // The entry (row, column) to be cleared by turning the row with the one above it.
                let (mut row, mut column) = (first + reach, first);
                while row < n && rows.at(row, column).abs() > NOTHING {
                    rows.turn(row - 1, column, reach);
                    (row, column) = (row + reach, row - 1);
                }
                if row < n {
                    *rows.at(row, column) = 0.0;
                }
            }
        }
        let mut diagonal: Vec<f64> = (0..n).map(|p| *rows.at(p, p)).collect();
        let mut square = |p: usize| if p + 1 < n && b > 0 { rows.at(p + 1, p).powi(2) } else { 0.0 };
        let mut squares: Vec<f64> = (0..n).map(&mut square).collect();
        let done = ql(&mut diagonal, &mut squares);
        diagonal.iter_mut().for_each(|d| *d *= scale);
        diagonal.sort_unstable_by(f64::total_cmp);
        done.then_some(diagonal)
    }

    /// The factorisation; `None` if an entry is not finite.
    pub fn factor(&self) -> Option<Factors> {
        if !self.lower.iter().all(|a| a.is_finite()) {
            return None;
        }
        let (n, b) = (self.n, self.width);
        let long = 2 * b + 1;
        // Pivots smaller than rounding are replaced by it: near a singular matrix that still gives its kernel.
        let least = f64::EPSILON * self.norm_max().max(f64::MIN_POSITIVE / f64::EPSILON);
        let mut upper: Vec<f64> = vec![0.0; n * long];
        let mut multipliers = vec![0.0; n * b];
        let mut exchanged = vec![false; n * b];
        // Columns r - b to r + b of the row that comes in; a pivot row met on the way may reach as far as r + b, too.
        let mut row = vec![0.0; long];
        let (mut sign, mut last, mut negative) = (1.0_f64, 1.0_f64, 0);
        for r in 0..n {
            row.fill(0.0);
            let from = r.saturating_sub(b);
            let to = (r + b).min(n - 1);
            for c in from..=to {
                // Column c is at c + b - r.
                let (p, q) = if c <= r { (r, c) } else { (c, r) };
                row[c + b - r] = self.lower[p * (b + 1) + q + b - p];
            }
            for j in from..r {
                let pivot = &mut upper[j * long..(j + 1) * long];
                let k = j + b - r;
                // Behind its diagonal the pivot row reaches to column r - 1 + b at most, which the row holds.
                let length = long - k;
                let place = r * b + j - from;
                if row[k].abs() > pivot[0].abs() {
                    sign *= -signum(pivot[0]) * signum(row[k]);
                    pivot[..length].swap_with_slice(&mut row[k..]);
                    exchanged[place] = true;
                }
                let multiplier = row[k] / pivot[0];
                multipliers[place] = multiplier;
                if multiplier != 0.0 {
                    for (a, p) in row[k + 1..].iter_mut().zip(&pivot[1..length]) {
                        *a -= multiplier * p;
                    }
                }
                row[k] = 0.0;
            }
            if row[b].abs() < least {
                row[b] = if row[b] < 0.0 { -least } else { least };
            }
            sign *= signum(row[b]);
            negative += usize::from(sign * last < 0.0);
            last = sign;
            upper[r * long..r * long + b + 1].copy_from_slice(&row[b..]);
        }
        Some(Factors { n, width: b, order: self.order.clone(), upper, multipliers, exchanged, negative })
    }
}

/// The lower triangle of a symmetric band matrix, row after row, the diagonal last.
struct Lower {
    width: usize,
    entries: Vec<f64>,
}

impl Lower {
    /// Entry (p, q), q at most p and in the band.
    fn at(&mut self, p: usize, q: usize) -> &mut f64 {
        &mut self.entries[p * (self.width + 1) + q + self.width - p]
    }

    /// Turns rows and columns i and i + 1 of a matrix of half width `reach` so that the entry (i + 1, column) vanishes; it may be one
    /// outside of that width, as may the entry (i + 1 + reach, i) afterwards.
    fn turn(&mut self, i: usize, column: usize, reach: usize) {
        let n = self.entries.len() / (self.width + 1);
        let j = i + 1;
        let (a, b) = (*self.at(i, column), *self.at(j, column));
        let length = a.hypot(b);
        let (cos, sin) = (a / length, b / length);
        *self.at(i, column) = length;
        *self.at(j, column) = 0.0;
        for q in column + 1..i {
            let (x, y) = (*self.at(i, q), *self.at(j, q));
            (*self.at(i, q), *self.at(j, q)) = (cos * x + sin * y, cos * y - sin * x);
        }
        let (d, e, f) = (*self.at(i, i), *self.at(j, i), *self.at(j, j));
        let (mixed, turned) = (2.0 * cos * sin * e, cos * sin * (f - d) + (cos * cos - sin * sin) * e);
        *self.at(i, i) = cos * cos * d + mixed + sin * sin * f;
        *self.at(j, j) = sin * sin * d - mixed + cos * cos * f;
        *self.at(j, i) = turned;
        for p in j + 1..(j + reach + 1).min(n) {
            let (x, y) = (*self.at(p, i), *self.at(p, j));
            (*self.at(p, i), *self.at(p, j)) = (cos * x + sin * y, cos * y - sin * x);
        }
    }
}

fn signum(a: f64) -> f64 {
    if a < 0.0 { -1.0 } else { 1.0 }
}

fn gather(order: &Option<Arc<[u32]>>, x: &[f64]) -> Vec<f64> {
    match order {
        None => x.to_vec(),
        Some(order) => order.iter().map(|&i| x[i as usize]).collect(),
    }
}

fn scatter(order: &Option<Arc<[u32]>>, y: &[f64], out: &mut [f64]) {
    match order {
        None => out.copy_from_slice(y),
        Some(order) => order.iter().zip(y).for_each(|(&i, y)| out[i as usize] = *y),
    }
}

/// A factored [`Band`].
#[derive(Clone, Debug)]
pub struct Factors {
    n: usize,
    width: usize,
    order: Option<Arc<[u32]>>,
    /// Rows of the upper factor from the diagonal on, `2 width + 1` entries each.
    upper: Vec<f64>,
    /// Of each row with those before it, `width` each, from the first that it meets.
    multipliers: Vec<f64>,
    exchanged: Vec<bool>,
    negative: usize,
}

impl Factors {
    /// Number of negative eigenvalues.
    pub fn negative(&self) -> usize {
        self.negative
    }

    /// Solves in place.
    pub fn solve(&self, x: &mut [f64]) {
        let (n, b) = (self.n, self.width);
        let long = 2 * b + 1;
        let mut y = gather(&self.order, x);
        for r in 0..n {
            let from = r.saturating_sub(b);
            for j in from..r {
                let place = r * b + j - from;
                if self.exchanged[place] {
                    y.swap(j, r);
                }
                y[r] -= self.multipliers[place] * y[j];
            }
        }
        for r in (0..n).rev() {
            let row = &self.upper[r * long..(r + 1) * long];
            let reach = long.min(n - r);
            let sum: f64 = row[1..reach].iter().zip(&y[r + 1..r + reach]).map(|(u, y)| u * y).sum();
            y[r] = (y[r] - sum) / row[0];
        }
        scatter(&self.order, &y, x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::{norm, symmetric_eigen};
    use faer::Mat;

    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed.wrapping_mul(2654435769).wrapping_add(12345);
        move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        }
    }

    /// Random entries on a pattern, and what they come to in full.
    fn random(rows: &[Vec<u32>], seed: u64, diagonal: f64) -> (Layout, Band, Mat<f64>) {
        let n = rows.len();
        let mut uniform = noise(seed);
        let mut full = Mat::zeros(n, n);
        for j in 0..n {
            for &i in &rows[j] {
                let i = i as usize;
                if i <= j {
                    let a = if i == j { diagonal * uniform() } else { uniform() };
                    full[(i, j)] = a;
                    full[(j, i)] = a;
                }
            }
        }
        let values: Vec<f64> = rows
            .iter()
            .enumerate()
            .flat_map(|(j, r)| r.iter().map(move |&i| (i, j)))
            .map(|(i, j)| full[(i as usize, j)])
            .collect();
        let layout = Layout::new(rows);
        let band = layout.band(&values, 1.0);
        (layout, band, full)
    }

    fn banded(n: usize, b: usize) -> Vec<Vec<u32>> {
        (0..n).map(|j| (j.saturating_sub(b)..=(j + b).min(n - 1)).map(|i| i as u32).collect()).collect()
    }

    /// A ring, its places in a wild order.
    fn ring(n: usize) -> Vec<Vec<u32>> {
        let place = |k: usize| ((k % n) * 7 % n) as u32;
        let mut rows = vec![vec![]; n];
        for k in 0..n {
            let mut row = vec![place(k), place(k + 1), place(k + n - 1)];
            row.sort_unstable();
            rows[place(k) as usize] = row;
        }
        rows
    }

    fn check(rows: &[Vec<u32>], seed: u64, diagonal: f64) {
        let n = rows.len();
        let (_, band, full) = random(rows, seed, diagonal);
        assert_eq!((&band.dense() - &full).norm_max(), 0.0);
        let (mut values, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
        assert!(symmetric_eigen(full.as_ref(), &mut values, vectors.as_mut()));
        let bound = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        for (own, other) in band.eigenvalues().expect("finite").iter().zip(&values) {
            assert!((own - other).abs() < 1e-13 * bound, "{own} beside {other}");
        }
        let factors = band.factor().expect("finite");
        assert_eq!(factors.negative(), values.iter().filter(|v| **v < 0.0).count());
        assert!(band.norm_rows() >= bound * (1.0 - 1e-12) && band.norm_max() == full.norm_max());
        let x: Vec<f64> = (0..n).map(|i| (i as f64 + 0.3).sin()).collect();
        let b = band.apply(&x);
        let product = &full * crate::linalg::column(&x);
        let off: Vec<f64> = (0..n).map(|i| b[i] - product[(i, 0)]).collect();
        assert!(norm(&off) < 1e-13 * bound * norm(&x));
        let mut y = b.clone();
        factors.solve(&mut y);
        let back = band.apply(&y);
        let rest: Vec<f64> = back.iter().zip(&b).map(|(a, b)| a - b).collect();
        assert!(norm(&rest) < 1e-12 * bound * norm(&y), "{} of {}", norm(&rest), bound * norm(&y));
    }

    #[test]
    fn random_bands_against_full_matrices() {
        for seed in 0..20 {
            for (n, b) in [(1, 0), (2, 1), (3, 2), (30, 0), (40, 1), (41, 2), (50, 5), (7, 6)] {
                check(&banded(n, b), seed, 1.0);
                // Diagonals that are zero: no leading minor of odd order is safe.
                if b > 0 && n % 2 == 0 {
                    check(&banded(n, b), seed, 1e-13);
                }
            }
            check(&ring(31), seed, 1.0);
        }
    }

    #[test]
    fn a_ring_in_any_order_has_half_width_two() {
        assert_eq!(Layout::new(&ring(31)).width(), 2);
        assert_eq!(Layout::new(&banded(20, 3)).width(), 3);
    }

    #[test]
    fn eigenvalues_of_a_long_chain() {
        let n = 1000;
        let rows = banded(n, 1);
        let entry = |i: usize, j: usize| if i == j { 2.0 } else { -1.0 };
        let values: Vec<f64> =
            (0..n).flat_map(|j| rows[j].iter().map(move |&i| entry(i as usize, j))).collect();
        let own = Layout::new(&rows).band(&values, 3.0).eigenvalues().expect("finite");
        for (j, own) in own.iter().enumerate() {
            let half = (j + 1) as f64 * std::f64::consts::FRAC_PI_2 / (n + 1) as f64;
            assert!((own - 12.0 * half.sin().powi(2)).abs() < 1e-13, "{j}: {own}");
        }
    }

    /// The five-point Laplacian: sums of the chains' eigenvalues.
    #[test]
    fn eigenvalues_of_a_strip() {
        let (wide, long) = (6, 60);
        let n = wide * long;
        let near = |i: usize, j: usize| {
            let (a, b) = ((i % wide, i / wide), (j % wide, j / wide));
            a.0.abs_diff(b.0) + a.1.abs_diff(b.1)
        };
        let rows: Vec<Vec<u32>> =
            (0..n).map(|j| (0..n).filter(|&i| near(i, j) <= 1).map(|i| i as u32).collect()).collect();
        let entry = |i: usize, j: usize| if i == j { 4.0 } else { -1.0 };
        let values: Vec<f64> =
            (0..n).flat_map(|j| rows[j].iter().map(move |&i| entry(i as usize, j))).collect();
        let own = Layout::new(&rows).band(&values, 1.0).eigenvalues().expect("finite");
        let part = |k: usize, of: usize| {
            4.0 * ((k + 1) as f64 * std::f64::consts::FRAC_PI_2 / (of + 1) as f64).sin().powi(2)
        };
        let mut exact: Vec<f64> = (0..n).map(|k| part(k % wide, wide) + part(k / wide, long)).collect();
        exact.sort_by(f64::total_cmp);
        for (own, exact) in own.iter().zip(&exact) {
            assert!((own - exact).abs() < 1e-13, "{own} beside {exact}");
        }
    }

    #[test]
    fn a_singular_matrix_gives_its_kernel() {
        // The free chain: constants are its kernel.
        let n = 200;
        let rows = banded(n, 1);
        let entry = |i: usize, j: usize| match (i, j) {
            _ if i != j => -1.0,
            (0, _) => 1.0,
            _ if i == n - 1 => 1.0,
            _ => 2.0,
        };
        let values: Vec<f64> =
            (0..n).flat_map(|j| rows[j].iter().map(move |&i| entry(i as usize, j))).collect();
        let factors = Layout::new(&rows).band(&values, 1.0).factor().expect("finite");
        let mut x: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * ((i * i) as f64).sin()).collect();
        for _ in 0..2 {
            factors.solve(&mut x);
            let size = norm(&x);
            x.iter_mut().for_each(|x| *x /= size);
        }
        let even = 1.0 / (n as f64).sqrt();
        assert!(x.iter().all(|x| (x.abs() - even).abs() < 1e-10));
    }
}
