//! Sums over all data: in tiles, which stay in the cache between the two products that read them, and in parts, which run side by
//! side.
//!
//! A gradient needs `top = max_k l_k`, `sum_k exp(l_k - top)` and `sum_k exp(l_k - top) y_k`, `l_k` the logits. A tile gives its
//! logits by a product, its share of the sums by exponentials below the largest logit so far, and its share of the mean by another
//! product; where it brings a larger logit, what was summed up is scaled down first (M. Milakov, N. Gimelshein, Online
//! normalizer calculation for softmax, arXiv:1805.02867). Scaling rounds what it scales by two units in the last place, and happens
//! once for each tile that has a logit above those of all before.
//!
//! Products with the Hessian need the mean of `a_k = y_k.v` before they can sum up `p_k (a_k - p.a) y_k`: two sweeps.
//!
//! Tiles and parts depend on the data and on the number of points alone, and parts are put together in their order: the same
//! bits on any number of threads.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};
use rayon::prelude::*;

use super::kernel::{LogSumExp, with_scratch};
use crate::landscape::exp::{Real, dot, exp_below, exp_nonpositive, highest};
use crate::linalg::{lower_panels, outer, rows};

/// Points worked on together: so many that packing the data for a product costs little beside it.
pub(super) const WIDE: usize = 256;

/// Numbers of data in a tile (256 kB), if that is neither too few nor too many data.
const TILE: usize = 1 << 15;

/// What the rows of products come in: a multiple of the rows that are computed together on processors with AVX-512 (48), or
/// without it, and of the blocks of exponentials.
const ROWS: usize = 48;

/// Operations that a part takes, at least: a millisecond or so for a thread.
const PART: usize = 1 << 24;

/// Points at which the sums of the parts are added up together.
pub(super) const TOGETHER: usize = 64;

/// So few data are read by each thread for points of its own: parts of them would be small, and would have to be put together.
const FEW: usize = 4096;

/// A large Hessian's columns go through the cache in so many.
const COLUMNS: usize = 256;

impl LogSumExp {
    /// Data in a tile at `b` points: beside few points there is room for more data, which only pays where they are packed.
    fn tile(&self, b: usize) -> usize {
        let (numbers, least, most) = if b <= rows::FEW {
            (TILE, 1, 10)
        } else if b <= 8 {
            (4 * TILE, 3, 40)
        } else {
            (TILE, 3, 10)
        };
        (numbers / self.dim() / ROWS).clamp(least, most) * ROWS
    }

    /// In how many parts the data are summed up at `b` points: a power of two, which two threads or four share well.
    pub(super) fn parts(&self, b: usize) -> usize {
        let (n, k) = (self.dim(), self.count());
        1 << (4 * n * k * b / PART).min(k / (2 * ROWS)).clamp(1, 16).ilog2()
    }

    /// The data of one of the parts.
    fn part(&self, parts: usize, i: usize) -> Range<usize> {
        let end = |i: usize| if i == parts { self.count() } else { i * self.count() / parts / ROWS * ROWS };
        end(i)..end(i + 1)
    }

    fn some(&self, data: &Range<usize>) -> MatRef<'_, f64> {
        self.patterns().subcols(data.start, data.len())
    }

    /// `factor y_k.z` of some data, for each column z (n x b): one column's after the other's.
    pub(super) fn products(&self, data: &Range<usize>, z: MatRef<'_, f64>, factor: f64, out: &mut [f64]) {
        let (n, b) = z.shape();
        if b > rows::FEW {
            let out = MatMut::from_column_major_slice_mut(out, data.len(), b);
            return matmul(out, Accum::Replace, self.some(data).transpose(), z, factor, Par::Seq);
        }
        let stride = self.stride();
        with_scratch(stride * b, |vectors| {
            vectors.fill(0.0);
            for (vector, z) in vectors.chunks_exact_mut(stride).zip(z.col_iter()) {
                vector[..n].iter_mut().zip(z.iter()).for_each(|(to, z)| *to = *z);
            }
            let some = &self.data()[data.start * stride..data.end * stride];
            rows::inner_products(some, vectors, stride, factor, out);
        });
    }

    /// `factor sum_k w_k y_k` over some data, for weights one column after the other, into `out` (n x b) or added to it.
    pub(super) fn combined(
        &self,
        data: &Range<usize>,
        weights: &[f64],
        factor: f64,
        accum: Accum,
        out: MatMut<'_, f64>,
    ) {
        let b = out.ncols();
        if b > rows::FEW {
            let weights = MatRef::from_column_major_slice(weights, data.len(), b);
            return matmul(out, accum, self.some(data), weights, factor, Par::Seq);
        }
        let stride = self.stride();
        with_scratch(stride * b, |sums| {
            rows::weighed_sums(&self.data()[data.start * stride..data.end * stride], weights, stride, sums);
            for (sum, out) in sums.chunks_exact(stride).zip(out.col_iter_mut()) {
                for (out, sum) in out.iter_mut().zip(sum) {
                    *out = if let Accum::Add = accum { *out + factor * sum } else { factor * sum };
                }
            }
        });
    }

    /// Largest logits at `z` (n x b, centred), sums of weights below those, and sums of weighted data (n x b), the data in so many parts.
    pub(super) fn sums(
        &self,
        z: MatRef<'_, f64>,
        parts: usize,
        tops: &mut [f64],
        sums: &mut [f64],
        means: &mut [f64],
    ) {
        let (n, b) = z.shape();
        if parts == 1 {
            return self.part_sums(0..self.count(), z, tops, sums, means);
        }
        let size = (n + 2) * b;
        with_scratch(parts * size, |scratch| {
            scratch.par_chunks_exact_mut(size).enumerate().for_each(|(i, scratch)| {
                let (tops, rest) = scratch.split_at_mut(b);
                let (sums, means) = rest.split_at_mut(b);
                self.part_sums(self.part(parts, i), z, tops, sums, means);
            });
            let columns = means.par_chunks_mut(n * TOGETHER).zip(sums.par_chunks_mut(TOGETHER));
            columns.zip(tops.par_chunks_mut(TOGETHER)).enumerate().for_each(|(i, ((means, sums), tops))| {
                let first = i * TOGETHER;
                Arch::new().dispatch(Join { parts: scratch, points: b, first, tops, sums, means });
            });
        });
    }

    fn part_sums(
        &self,
        data: Range<usize>,
        z: MatRef<'_, f64>,
        tops: &mut [f64],
        sums: &mut [f64],
        means: &mut [f64],
    ) {
        let (n, b) = z.shape();
        tops.fill(f64::NEG_INFINITY);
        sums.fill(0.0);
        means.fill(0.0);
        let most = self.tile(b);
        with_scratch(most.min(data.len()) * b, |room| {
            for start in data.clone().step_by(most) {
                let tile = start..(start + most).min(data.end);
                let p = &mut room[..tile.len() * b];
                let bias = &self.bias[tile.clone()];
                self.products(&tile, z, self.slope, p);
                let (tops, sums, means) = (&mut *tops, &mut *sums, &mut *means);
                Arch::new().dispatch(Weigh { p: &mut *p, bias, tops, sums, means });
                let means = MatMut::from_column_major_slice_mut(means, n, b);
                let accum = if start == data.start { Accum::Replace } else { Accum::Add };
                self.combined(&tile, p, 1.0, accum, means);
            }
        });
    }

    /// Do threads share the points or vectors of a batch, and not the data?
    pub(super) fn shares_points(&self) -> bool {
        self.count() <= FEW
    }

    /// Points whose gradients are computed together.
    pub(super) fn points(&self) -> usize {
        if self.shares_points() { WIDE / 2 } else { WIDE }
    }

    /// Vectors that are multiplied together: of fewer data there is more in the cache.
    pub(super) fn vectors(&self) -> usize {
        if self.shares_points() { WIDE / 2 } else { self.block() }
    }

    /// `sum_k p_k (a_k - p.a) y_k`, `a_k = y_k.v`, for vectors v (n x b), times a factor; `p(j)` are the weights of vector j.
    pub(super) fn covariance_products<'a>(
        &self,
        vectors: MatRef<'_, f64>,
        p: impl Fn(usize) -> &'a [f64] + Sync,
        factor: f64,
        mut out: MatMut<'_, f64>,
    ) {
        let ((n, b), k) = (vectors.shape(), self.count());
        let parts = if self.shares_points() { 1 } else { self.parts(b) };
        let first = |data: &Range<usize>, a: &mut [f64]| self.products(data, vectors, 1.0, a);
        let second = |data: &Range<usize>, a: &[f64], out: MatMut<'_, f64>| {
            self.combined(data, a, factor, Accum::Replace, out);
        };
        if parts == 1 {
            return with_scratch(k * b, |a| {
                first(&(0..k), a);
                Arch::new().dispatch(Covary { a: &mut *a, p: &p, data: 0..k, means: None });
                second(&(0..k), a, out);
            });
        }
        with_scratch(k * b + parts * (n + 1) * b, |scratch| {
            let (mut rest, sums) = scratch.split_at_mut(k * b);
            let (means, sums) = sums.split_at_mut(parts * b);
            let mut products = vec![];
            for i in 0..parts {
                let data = self.part(parts, i);
                let (own, others) = rest.split_at_mut(data.len() * b);
                products.push((data, own));
                rest = others;
            }
            products.par_iter_mut().zip(means.par_chunks_exact_mut(b)).for_each(|((data, a), means)| {
                first(data, a);
                Arch::new().dispatch(Dots { a, p: &p, data: data.clone(), dots: means });
            });
            let (means, others) = means.split_at_mut(b);
            for other in others.chunks_exact(b) {
                means.iter_mut().zip(other).for_each(|(mean, other)| *mean += other);
            }
            let means = Some(&*means);
            products.par_iter_mut().zip(sums.par_chunks_exact_mut(n * b)).for_each(|((data, a), sums)| {
                Arch::new().dispatch(Covary { a, p: &p, data: data.clone(), means });
                second(data, a, MatMut::from_column_major_slice_mut(sums, n, b));
            });
            out.fill(0.0);
            for sums in sums.chunks_exact(n * b) {
                out += MatRef::from_column_major_slice(sums, n, b);
            }
        });
    }

    /// `factor sum_k p_k (y_k - m)(y_k - m)'` over some data, m their mean.
    ///
    /// In groups, each about a mean of its own: the means about theirs, with the weights of the groups, give the rest. All terms have
    /// one sign, nothing cancels.
    pub(super) fn covariance(&self, members: &[u32], p: &[f64], factor: f64, mut out: MatMut<'_, f64>) {
        let (n, stride) = (self.dim(), self.stride());
        let small = stride <= outer::LONGEST;
        let most = if small { outer::together(stride) } else { COLUMNS };
        let groups = members.len().div_ceil(most);
        if !small {
            out.fill(0.0);
        }
        let square = if small { stride * stride } else { 0 };
        // Of so many data that there are more groups than columns in one, the means of the groups need the larger room.
        with_scratch(square + stride * (most.min(members.len()).max(groups) + groups), |scratch| {
            let (square, scratch) = scratch.split_at_mut(square);
            let (means, room) = scratch.split_at_mut(stride * groups);
            let mut shares = vec![0.0; groups];
            square.fill(0.0);
            let mut add = |columns: &[f64]| {
                if small {
                    return outer::add_products(columns, stride, square);
                }
                let count = columns.len() / stride;
                let w = MatRef::from_column_major_slice_with_stride(columns, n, count, stride);
                lower_panels(out.rb_mut(), w, w.transpose(), factor);
            };
            let all = members.chunks(most).zip(p.chunks(most));
            for ((members, p), (mean, share)) in all.zip(means.chunks_exact_mut(stride).zip(&mut shares)) {
                let (data, columns) = (self.data(), &mut room[..stride * members.len()]);
                *share = Arch::new().dispatch(Roots { data, members, p, mean, columns: &mut *columns });
                add(columns);
            }
            if groups > 1 {
                let members: Vec<u32> = (0..groups as u32).collect();
                let (mut mean, data, columns) = (vec![0.0; stride], &*means, &mut room[..stride * groups]);
                let (members, p, mean) = (&members, &shares, &mut mean);
                Arch::new().dispatch(Roots { data, members, p, mean, columns: &mut *columns });
                add(columns);
            }
            if small {
                for (j, column) in out.rb_mut().col_iter_mut().enumerate() {
                    let own = &square[j * stride..][..n];
                    for (i, out) in column.iter_mut().enumerate() {
                        *out = factor * if i < j { square[i * stride + j] } else { own[i] };
                    }
                }
            } else {
                for j in 0..n {
                    for i in j + 1..n {
                        out[(j, i)] = out[(i, j)];
                    }
                }
            }
        });
    }
}

/// Turns a tile's logits without their biases into weights, and scales the sums down where it has a larger one.
pub(super) struct Weigh<'a, T> {
    pub(super) p: &'a mut [T],
    pub(super) bias: &'a [T],
    pub(super) tops: &'a mut [T],
    pub(super) sums: &'a mut [T],
    pub(super) means: &'a mut [T],
}

// Loops instead of closures in all of these, whose bodies would be compiled for the least processor there is.
impl<T: Real> NullaryFnOnce for Weigh<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Weigh { p, bias, tops, sums, means } = self;
        let n = means.len() / tops.len();
        for j in 0..tops.len() {
            let column = &mut p[j * bias.len()..][..bias.len()];
            let top = highest(column, bias, tops[j]);
            if top > tops[j] {
                let factor = (tops[j] - top).exp_nonpositive();
                tops[j] = top;
                sums[j] *= factor;
                for mean in &mut means[j * n..][..n] {
                    *mean *= factor;
                }
            }
            // Data of no weight at all, and no others so far: their logits less that would be no numbers.
            let below = if top == T::NEG_INFINITY { T::ZERO } else { top };
            sums[j] += exp_below(column, below);
        }
    }
}

/// Adds up the sums of the parts at some of the points, from `first` on. Of each part there are tops, sums and means of all points, one after
/// the other.
struct Join<'a> {
    parts: &'a [f64],
    points: usize,
    first: usize,
    tops: &'a mut [f64],
    sums: &'a mut [f64],
    means: &'a mut [f64],
}

impl NullaryFnOnce for Join<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Join { parts, points, first, tops, sums, means } = self;
        let b = tops.len();
        let n = means.len() / b;
        let size = (n + 2) * points;
        tops.fill(f64::NEG_INFINITY);
        for part in parts.chunks_exact(size) {
            for (top, other) in tops.iter_mut().zip(&part[first..][..b]) {
                *top = top.max(*other);
            }
        }
        sums.fill(0.0);
        means.fill(0.0);
        for part in parts.chunks_exact(size) {
            for j in 0..b {
                let column = first + j;
                let factor = exp_nonpositive(part[column] - tops[j]);
                sums[j] = part[points + column].mul_add(factor, sums[j]);
                let (means, own) = (&mut means[j * n..][..n], &part[2 * points + column * n..][..n]);
                for i in 0..n {
                    means[i] = own[i].mul_add(factor, means[i]);
                }
            }
        }
    }
}

/// `p.a` over some data, for each column.
struct Dots<'a, P> {
    a: &'a [f64],
    p: &'a P,
    data: Range<usize>,
    dots: &'a mut [f64],
}

impl<'p, P: Fn(usize) -> &'p [f64]> NullaryFnOnce for Dots<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Dots { a, p, data, dots } = self;
        for j in 0..dots.len() {
            dots[j] = dot(&a[j * data.len()..][..data.len()], &p(j)[data.clone()]);
        }
    }
}

/// Turns `a` into `p (a - p.a)` over some data: the weights of the data in a product with their covariance.
struct Covary<'a, P> {
    a: &'a mut [f64],
    p: &'a P,
    data: Range<usize>,
    /// `p.a` over all data; over these alone if not given.
    means: Option<&'a [f64]>,
}

impl<'p, P: Fn(usize) -> &'p [f64]> NullaryFnOnce for Covary<'_, P> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Covary { a, p, data, means } = self;
        for (j, a) in a.chunks_exact_mut(data.len()).enumerate() {
            let p = &p(j)[data.clone()];
            let mean = match means {
                Some(means) => means[j],
                None => dot(a, p),
            };
            for i in 0..p.len() {
                a[i] = p[i] * (a[i] - mean);
            }
        }
    }
}

/// Columns `sqrt(p_k) (y_k - m)`, whose product with their own transpose is the covariance; m, and the sum of the weights. All
/// filled up as the data are.
struct Roots<'a> {
    data: &'a [f64],
    members: &'a [u32],
    p: &'a [f64],
    mean: &'a mut [f64],
    columns: &'a mut [f64],
}

// With vectors by name: compilers think otherwise that several rows should share one, and gather it.
impl WithSimd for Roots<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let Roots { data, members, p, mean, columns } = self;
        let n = mean.len();
        let total: f64 = p.iter().sum();
        let inverse = simd.splat_f64s(if total > 0.0 { 1.0 / total } else { 0.0 });
        mean.fill(0.0);
        let (data, mean) = (S::as_simd_f64s(data).0, S::as_mut_simd_f64s(mean).0);
        let vectors = mean.len();
        rows::add_weighed(simd, data, members.iter().map(|k| *k as usize), p, mean);
        for mean in &mut *mean {
            *mean = simd.mul_f64s(*mean, inverse);
        }
        for ((member, p), column) in members.iter().zip(p).zip(columns.chunks_exact_mut(n)) {
            let root = simd.splat_f64s(p.sqrt());
            let (y, column) = (&data[*member as usize * vectors..][..vectors], S::as_mut_simd_f64s(column).0);
            for i in 0..vectors {
                column[i] = simd.mul_f64s(root, simd.sub_f64s(y[i], mean[i]));
            }
        }
        total
    }
}
