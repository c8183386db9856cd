//! Data in cells of near ones, and what follows for distances: which data can be near a point, without looking at them all.
//!
//! How data are divided is in [`super::grouping`]. Of a cell its centre and a radius are known, of a datum
//! (once it was asked for) its nearest data with their distances: those say what is near a point near that datum, also in dimensions in which all cells overlap. All bounds hold for the numbers as computed: radii are
//! rounded up, distances in lists down.
//!
//! For a first look there are the data once more, in single precision and in the order of the cells, a cell's sixteen by sixteen with the
//! same coordinate of all of them side by side: about half the bytes, one after the other in memory, and sums that need not be put
//! together.

use std::ops::Range;
use std::sync::OnceLock;

use faer::MatRef;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, Par};
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use super::grouping::{apart, group, mean, row};
use crate::landscape::exp::dot;

/// Data in a list of neighbours, at most.
pub(super) const LISTED: usize = 256;

/// Data whose numbers stand side by side.
const ABREAST: usize = 16;

/// The cells; see the module.
#[derive(Debug)]
pub(super) struct Cells {
    stride: usize,
    /// One after the other, each filled up as the data are.
    centres: Vec<f64>,
    /// `|c|^2`.
    squares: Vec<f64>,
    /// No datum of the cell is farther from its centre.
    radii: Vec<f64>,
    /// Mean square distance from the centre.
    spreads: Vec<f64>,
    /// Where the members of a cell start; one more at the end.
    starts: Vec<u32>,
    members: Vec<u32>,
    /// How many there are in each cell.
    sizes: Vec<u32>,
    lists: Vec<OnceLock<List>>,
    /// No datum is farther from the origin.
    reach: f64,
    /// Data over `reach` in blocks of [`ABREAST`] members of a cell, the last one of each filled up with zeros: their first coordinates, then
    /// their second ones, and so on.
    singles: Vec<f32>,
    /// Which block a cell begins with; one more at the end.
    blocks: Vec<u32>,
}

/// Inner products in single precision with a point, and what they may be wrong by.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The point over its norm, filled up as the data are.
    direction: Vec<f32>,
    /// What products of unit vectors are multiplied by.
    factor: f64,
    /// How far a product may be from that in exact arithmetic.
    pub(super) error: f64,
}

/// The data about one of them.
#[derive(Debug)]
pub(super) struct List {
    /// Nearest first.
    members: Vec<u32>,
    /// Their distances, rounded down.
    distances: Vec<f64>,
    /// What is not in the list is at least so far away.
    reach: f64,
}

/// Distances from a point to the centres.
pub(super) struct Around<'a> {
    /// Squares, with an error of at most `margin`.
    pub(super) squares: &'a [f64],
    pub(super) margin: f64,
}

/// What `Cells::around` does.
struct Squares<'a> {
    square: f64,
    centres: &'a [f64],
    products: &'a mut [f64],
}

impl NullaryFnOnce for Squares<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for i in 0..self.products.len() {
            self.products[i] = (self.square + self.centres[i] - 2.0 * self.products[i]).max(0.0);
        }
    }
}

/// Rounding of a square distance of vectors of length n, summed up in any order, is below this times `(|a| + |b|)^2`.
fn rounding(n: usize) -> f64 {
    (n + 8) as f64 * f64::EPSILON
}

impl Cells {
    /// From data (K columns of length `stride`, one after the other).
    pub(super) fn new(data: &[f64], stride: usize) -> Self {
        let count = data.len() / stride;
        let mut members: Vec<u32> = (0..count as u32).collect();
        let sizes = group(data, stride, &mut members);
        let mut cells = Cells {
            stride,
            centres: vec![0.0; stride * sizes.len()],
            squares: Vec::with_capacity(sizes.len()),
            radii: Vec::with_capacity(sizes.len()),
            spreads: Vec::with_capacity(sizes.len()),
            starts: vec![0],
            members,
            sizes: sizes.iter().map(|size| *size as u32).collect(),
            lists: (0..count).map(|_| OnceLock::new()).collect(),
            reach: 0.0,
            singles: vec![],
            blocks: vec![0],
        };
        for size in sizes {
            let from = cells.starts[cells.starts.len() - 1];
            cells.starts.push(from + size as u32);
        }
        Arch::new().dispatch(Measure { cells: &mut cells, data });
        for size in &cells.sizes {
            let from = cells.blocks[cells.blocks.len() - 1];
            cells.blocks.push(from + size.div_ceil(ABREAST as u32));
        }
        let (size, blocks) = (ABREAST * stride, cells.blocks[cells.blocks.len() - 1] as usize);
        cells.singles = vec![0.0; size * blocks];
        let inverse = if cells.reach > 0.0 { 1.0 / cells.reach } else { 0.0 };
        for cell in 0..cells.count() {
            let first = cells.blocks[cell] as usize * size;
            for (place, k) in cells.members[cells.range(cell)].iter().enumerate() {
                let block = &mut cells.singles[first + place / ABREAST * size..][..size];
                for (i, y) in data[*k as usize * stride..][..stride].iter().enumerate() {
                    block[i * ABREAST + place % ABREAST] = (y * inverse) as f32;
                }
            }
        }
        cells
    }

    /// Prepares products with a point (filled up as the data are) of that square.
    ///
    /// Of vectors of at most unit length the product in single precision is wrong by less than `2 (n + 8) u`, u = 2^-24, as long as
    /// n u < 1/4: u for each number rounded, and n u / (1 - n u) for the sum in any order (N. J. Higham, Accuracy and Stability of
    /// Numerical Algorithms, 2nd ed., section 3.1); what is lost in numbers too small for single precision, less than 2^-148 each, and
    /// the division by the norms, n + 8 units of double precision, vanish beside that.
    pub(super) fn look(&self, z: &[f64], square: f64, look: &mut Look) {
        let norm = square.sqrt() * (1.0 + 2.0 * rounding(self.stride));
        let inverse = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        look.direction.clear();
        look.direction.extend(z.iter().map(|z| (z * inverse) as f32));
        look.factor = norm * self.reach;
        let n = (self.stride + 8) as f64;
        let error =
            if n < f64::from(1 << 20) { 2.0 * n * f64::from(f32::EPSILON) / 2.0 } else { f64::INFINITY };
        look.error = error * look.factor;
    }

    /// About `y_k.z` for the members of a cell, appended.
    pub(super) fn single_products(&self, cell: usize, look: &Look, out: &mut Vec<f64>) {
        let (size, length) = (ABREAST * self.stride, out.len() + self.size(cell));
        let data = &self.singles[self.blocks[cell] as usize * size..self.blocks[cell + 1] as usize * size];
        Arch::new().dispatch(Singles { data, look, out });
        out.truncate(length);
    }

    pub(super) fn count(&self) -> usize {
        self.radii.len()
    }

    pub(super) fn size(&self, cell: usize) -> usize {
        self.sizes[cell] as usize
    }

    pub(super) fn members(&self, cell: usize) -> &[u32] {
        &self.members[self.range(cell)]
    }

    /// Where a cell's members are in the order of all cells'.
    pub(super) fn range(&self, cell: usize) -> Range<usize> {
        self.starts[cell] as usize..self.starts[cell + 1] as usize
    }

    /// Inner products of all centres with points (columns, filled up as the data are): C x b.
    pub(super) fn products(&self, points: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        let centres = MatRef::from_column_major_slice(&self.centres, self.stride, self.count());
        matmul(out, Accum::Replace, centres.transpose(), points, 1.0, Par::Seq);
    }

    /// Turns inner products of the centres with a point into square distances from it; `square` is that of the point.
    pub(super) fn around<'a>(&self, square: f64, products: &'a mut [f64]) -> Around<'a> {
        let centres = &self.squares[..products.len()];
        Arch::new().dispatch(Squares { square, centres, products: &mut *products });
        Around { squares: products, margin: self.margin(square) }
    }

    /// Error of a square distance between a point of that square and anything among the data.
    pub(super) fn margin(&self, square: f64) -> f64 {
        rounding(self.stride) * (square.sqrt() + self.reach).powi(2)
    }

    /// For each cell a distance that none of its members is nearer than.
    #[inline(always)]
    pub(super) fn at_least(&self, around: &Around<'_>, out: &mut [f64]) {
        let (squares, radii) = (&around.squares[..out.len()], &self.radii[..out.len()]);
        for i in 0..out.len() {
            let distance = (squares[i] - around.margin).max(0.0).sqrt();
            out[i] = (distance * (1.0 - 4.0 * f64::EPSILON) - radii[i]).max(0.0);
        }
    }

    /// About how many data lie within a distance, were each cell a sphere about its centre.
    pub(super) fn within(&self, around: &Around<'_>, distance: f64) -> usize {
        let most = distance * distance;
        let cells = around.squares.iter().zip(&self.spreads).zip(&self.sizes);
        let near = cells.map(|((square, spread), size)| if square + spread <= most { *size } else { 0 });
        Arch::new().dispatch(|| near.sum::<u32>()) as usize
    }

    /// How many data lie in cells whose number is at least `floor`.
    pub(super) fn reaching(&self, numbers: &[f64], floor: f64) -> usize {
        let cells = numbers.iter().zip(&self.sizes);
        let reaching = cells.map(|(x, size)| if *x >= floor { *size } else { 0 });
        Arch::new().dispatch(|| reaching.sum::<u32>()) as usize
    }

    /// The data about datum k.
    pub(super) fn list(&self, data: &[f64], k: usize) -> &List {
        self.lists[k].get_or_init(|| self.look_around(data, k))
    }

    fn look_around(&self, data: &[f64], k: usize) -> List {
        let n = self.stride;
        let here = &data[k * n..][..n];
        let mut products = vec![0.0; self.count()];
        self.products(
            MatRef::from_column_major_slice(here, n, 1),
            MatMut::from_column_major_slice_mut(&mut products, self.count(), 1),
        );
        let around = self.around(here.iter().map(|y| y * y).sum(), &mut products);
        // As far as twice the data that can be listed are thought to be.
        let mut order: Vec<(f64, usize)> =
            (0..self.count()).map(|c| (around.squares[c] + self.spreads[c], self.size(c))).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut seen = 0;
        let horizon = order.iter().find(|(_, size)| {
            seen += size;
            seen > 2 * LISTED
        });
        let horizon = horizon.map_or(f64::INFINITY, |(square, _)| square.sqrt());
        let mut found = vec![];
        let mut least = vec![0.0; self.count()];
        self.at_least(&around, &mut least);
        for c in (0..self.count()).filter(|c| least[*c] <= horizon) {
            Arch::new().dispatch(Distances { data, here, members: self.members(c), found: &mut found });
        }
        let lowered = |square: f64| (square - around.margin).max(0.0).sqrt() * (1.0 - 4.0 * f64::EPSILON);
        let mut reach = horizon;
        let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if found.len() > LISTED {
            let (_, first, _) = found.select_nth_unstable_by(LISTED, order);
            reach = reach.min(lowered(first.0));
            found.truncate(LISTED);
        }
        found.sort_unstable_by(order);
        List {
            distances: found.iter().map(|(square, _)| lowered(*square)).collect(),
            members: found.into_iter().map(|(_, k)| k).collect(),
            reach,
        }
    }
}

impl List {
    /// Appends all data within a distance of the list's own; false if the list does not reach so far.
    pub(super) fn gather(&self, distance: f64, out: &mut Vec<u32>) -> bool {
        if !(distance < self.reach) {
            return false;
        }
        // Mostly few are near: not halving, which would read all over the list.
        let mut end = 8;
        while end < self.distances.len() && self.distances[end - 1] <= distance {
            end *= 2;
        }
        let from = if end > 8 { end / 2 } else { 0 };
        let near =
            from + self.distances[from..end.min(self.distances.len())].partition_point(|d| *d <= distance);
        out.extend_from_slice(&self.members[..near]);
        true
    }
}

/// Products with all blocks, whatever fills them up included.
struct Singles<'a> {
    data: &'a [f32],
    look: &'a Look,
    out: &'a mut Vec<f64>,
}

// With vectors by name, as compilers find none across so many sums.
impl WithSimd for Singles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Singles { data, look, out } = self;
        let direction = look.direction.as_chunks::<4>().0;
        let width = ABREAST / S::F32_LANES;
        for block in data.chunks_exact(ABREAST * look.direction.len()) {
            let block = S::as_simd_f32s(block).0;
            let mut products = [0.0_f32; ABREAST];
            for (v, product) in S::as_mut_simd_f32s(&mut products).0.iter_mut().enumerate() {
                // Four sums: none waits for the one before.
                let mut sums = [simd.splat_f32s(0.0); 4];
                for (z, y) in direction.iter().zip(block.chunks_exact(4 * width)) {
                    for i in 0..4 {
                        sums[i] = simd.mul_add_f32s(y[i * width + v], simd.splat_f32s(z[i]), sums[i]);
                    }
                }
                let [a, b, c, d] = sums;
                *product = simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d));
            }
            out.extend(products.map(|product| look.factor * f64::from(product)));
        }
    }
}

struct Distances<'a> {
    data: &'a [f64],
    here: &'a [f64],
    members: &'a [u32],
    found: &'a mut Vec<(f64, u32)>,
}

impl NullaryFnOnce for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let n = self.here.len();
        for &k in self.members {
            self.found.push((apart(self.here, &self.data[k as usize * n..][..n]), k));
        }
    }
}

/// Centres, radii and the rest of cells whose members are known.
struct Measure<'a> {
    cells: &'a mut Cells,
    data: &'a [f64],
}

// Loops instead of closures, whose bodies would be compiled for the least processor there is.
impl NullaryFnOnce for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Measure { cells, data } = self;
        let n = cells.stride;
        let mut farthest = 0.0_f64;
        for y in data.chunks_exact(n) {
            farthest = farthest.max(dot(y, y));
        }
        cells.reach = farthest.sqrt() * (1.0 + 2.0 * rounding(n));
        let margin = rounding(n) * 4.0 * cells.reach * cells.reach;
        for cell in 0..cells.starts.len() - 1 {
            let members = &cells.members[cells.starts[cell] as usize..cells.starts[cell + 1] as usize];
            let centre = &mut cells.centres[cell * n..][..n];
            mean(data, members, centre);
            let (mut most, mut sum) = (0.0_f64, 0.0);
            for k in members {
                let square = apart(row(data, n, *k), centre);
                sum += square;
                most = most.max(square);
            }
            cells.squares.push(dot(centre, centre));
            cells.radii.push((most + margin).sqrt() * (1.0 + 4.0 * f64::EPSILON));
            cells.spreads.push(sum / members.len() as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    /// Of any point: no datum is nearer than its cell's bound, and lists leave out none that is within a distance.
    #[test]
    fn no_datum_is_nearer_than_the_bounds_say() {
        let (n, count) = (8, 700);
        // Groups, a few equal data, and one far away.
        let value = |k: usize, i: usize| match k {
            0..3 => 1.0,
            699 => 40.0,
            _ => 3.0 * (((k % 9) * 13 + i * 7) as f64).sin() + 0.4 * ((k * 31 + i * 17) as f64 * 0.37).cos(),
        };
        let data: Vec<f64> = (0..count * n).map(|j| value(j / n, j % n)).collect();
        let row = |k: usize| &data[k * n..][..n];
        let cells = Cells::new(&data, n);
        let mut all: Vec<u32> = (0..cells.count()).flat_map(|c| cells.members(c).to_vec()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..count as u32).collect::<Vec<_>>());
        for at in [vec![0.0; n], row(5).to_vec(), row(699).to_vec(), vec![1e3; n]] {
            let mut products = vec![0.0; cells.count()];
            cells.products(crate::linalg::column(&at), crate::linalg::column_mut(&mut products));
            let around = cells.around(at.iter().map(|x| x * x).sum(), &mut products);
            let mut least = vec![0.0; cells.count()];
            cells.at_least(&around, &mut least);
            for (c, least) in least.iter().enumerate() {
                assert!(cells.members(c).iter().all(|k| distance(row(*k as usize), &at) >= *least));
            }
        }
        let mut look = Look::default();
        for at in [vec![0.0; n], row(5).to_vec(), vec![1e-30; n], vec![1e60; n]] {
            cells.look(&at, at.iter().map(|x| x * x).sum(), &mut look);
            for c in 0..cells.count() {
                let mut products = vec![];
                cells.single_products(c, &look, &mut products);
                for (product, k) in products.iter().zip(cells.members(c)) {
                    let exact: f64 = row(*k as usize).iter().zip(&at).map(|(y, z)| y * z).sum();
                    assert!((product - exact).abs() <= look.error, "{product} {exact}");
                }
            }
        }
        for k in [0, 5, 100, 699] {
            for within in [0.0, 0.3, 1.0, 3.0, 100.0] {
                let mut found = vec![];
                if cells.list(&data, k).gather(within, &mut found) {
                    for j in 0..count {
                        assert!(found.contains(&(j as u32)) || distance(row(j), row(k)) > within);
                    }
                }
            }
            let mut found = vec![];
            assert!(cells.list(&data, k).gather(0.1, &mut found) && found.contains(&(k as u32)));
        }
    }
}
