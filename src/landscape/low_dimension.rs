//! The softmax kernel in a few dimensions, one point at a time: there a general matrix product is nearly all overhead.
//!
//! Many patterns stand in blocks of neighbours. Blocks whose exponents are all so far below the largest that what is left out together
//! reaches no digit of any sum are left out: by how much, and what that changes, is in `softmax/pruning.rs`, of which this is the like for few
//! dimensions.
//!
//! Of most of them the exponents need not be known: with `log W_k = bias_k + (slope/2)|y_k|^2` they are `log W_k - (slope/2)|z - y_k|^2`, up to
//! what all have in common, and the box about a block and its largest log W bound those of a block from above. Of so many blocks in turn as
//! there are patterns in one there is a box about all of them, and so on: only in those that reach far enough are the blocks looked at. In
//! several dimensions boxes may say too little; then the exponents of all blocks are computed, but not more.

use std::cell::Cell;

use faer::{MatMut, MatRef};
use pulp::{Arch, NullaryFnOnce};

use super::exp::{BLOCK, exp_below, halve};

/// Most dimensions.
pub(super) const MOST: usize = 8;
/// Fewer blocks are always summed up all.
const LEAST: usize = 16;
/// Patterns at which it is tried how many blocks matter.
const TRIED: usize = 8;

/// Patterns coordinate by coordinate, filled up to whole blocks with patterns of no weight.
#[derive(Clone, Debug)]
pub(super) struct LowDimension {
    /// n rows of equal length.
    rows: Vec<f64>,
    bias: Vec<f64>,
    /// Which patterns these are.
    order: Vec<u32>,
    /// Blocks whose exponents are all so far below the largest one are left out; infinite where none are.
    drop: f64,
    /// Where blocks may be left out unseen.
    bounds: Option<Bounds>,
}

/// Bounds of blocks.
#[derive(Clone, Debug)]
struct Bounds {
    /// Of blocks; of [`BLOCK`] of those each; and so on, up to so many that they are one block themselves.
    levels: Vec<Boxes>,
    /// The largest `slope |y_k|^2`.
    reach: f64,
    /// A size of the numbers that exponents are sums of: that and biases.
    size: f64,
}

/// Boxes about patterns, filled up to whole blocks of boxes.
#[derive(Clone, Debug)]
struct Boxes {
    count: usize,
    /// Least coordinates of the patterns of each box, n rows.
    low: Vec<f64>,
    /// Largest coordinates.
    high: Vec<f64>,
    /// Largest log W.
    tops: Vec<f64>,
}

/// The softmax at a point.
pub(super) struct Softmax {
    /// `log sum_k exp(bias_k + slope y_k.z)`.
    pub(super) lse: f64,
    /// Sum of the weights as they stand.
    pub(super) sum: f64,
    /// Mean of the patterns; the first n entries count.
    pub(super) mean: [f64; MOST],
}

/// Room to work in: what was found of a point.
#[derive(Default)]
pub(super) struct Room {
    /// Blocks that were summed up.
    active: Vec<u32>,
    /// Of how many blocks the exponents were computed.
    seen: usize,
    /// Their weights, not divided by their sum, block by block.
    weights: Vec<f64>,
    products: Vec<f64>,
    /// Blocks of boxes that are looked at.
    opened: Vec<u32>,
    /// The bounds of their boxes.
    bounds: Vec<[f64; BLOCK]>,
}

thread_local! {
    static ROOM: Cell<Room> = Cell::default();
}

/// Lends a thread's own room.
pub(super) fn with_room<R>(f: impl FnOnce(&mut Room) -> R) -> R {
    let mut room = ROOM.take();
    let result = f(&mut room);
    ROOM.set(room);
    result
}

/// Exponents so far below the largest of `count` are left out, `reach` the largest `slope |y_k|^2`: together they change no digit, as
/// `softmax/pruning.rs` has it.
pub(super) fn drop(count: usize, reach: f64) -> f64 {
    40.0 + (count as f64).ln() + (4.0 * reach).ln_1p()
}

impl LowDimension {
    /// From patterns (n x K, columns), their biases and the slope of the softmax; `None` if n is too large.
    pub(super) fn new(patterns: MatRef<'_, f64>, bias: &[f64], slope: f64) -> Option<Self> {
        let (n, count) = patterns.shape();
        if n > MOST {
            return None;
        }
        let all: Vec<u32> = (0..u32::try_from(count).ok()?).collect();
        let plain = LowDimension::ordered(patterns, bias, &all);
        if plain.blocks() < LEAST || !(slope > 0.0) {
            return Some(plain);
        }
        let mut order = all;
        divide(patterns, &mut order);
        let mut sorted = LowDimension::ordered(patterns, bias, &order);
        let bounds = Bounds::new(patterns, bias, &order, slope);
        sorted.drop = drop(count, bounds.reach);
        sorted.bounds = Some(bounds);
        let (mut seen, mut matter) = (0, 0);
        with_room(|room| {
            for j in 0..TRIED {
                let y: Vec<f64> = patterns.col((2 * j + 1) * count / (2 * TRIED)).iter().copied().collect();
                sorted.softmax(&y, slope, room);
                (seen, matter) = (seen + room.seen, matter + room.active.len());
            }
        });
        let all = TRIED * sorted.blocks();
        // Boxes pay if they spare half of the blocks, leaving out at all if it spares a quarter.
        sorted.bounds = sorted.bounds.filter(|_| 2 * seen <= all);
        Some(if 4 * matter <= 3 * all { sorted } else { plain })
    }

    fn ordered(patterns: MatRef<'_, f64>, bias: &[f64], order: &[u32]) -> Self {
        let width = order.len().next_multiple_of(BLOCK);
        let mut rows = vec![0.0; patterns.nrows() * width];
        for (row, pattern) in rows.chunks_exact_mut(width.max(1)).zip(patterns.row_iter()) {
            row.iter_mut().zip(order).for_each(|(r, k)| *r = pattern[*k as usize]);
        }
        let mut bias: Vec<f64> = order.iter().map(|k| bias[*k as usize]).collect();
        bias.resize(width, f64::NEG_INFINITY);
        LowDimension { rows, bias, order: order.to_vec(), drop: f64::INFINITY, bounds: None }
    }

    /// May patterns be left out?
    pub(super) fn leaves_out(&self) -> bool {
        self.drop < f64::INFINITY
    }

    /// Of most patterns, need the exponents not be computed?
    pub(super) fn has_boxes(&self) -> bool {
        self.bounds.is_some()
    }

    /// The patterns that were not left out, ascending, with their weights as they stand.
    pub(super) fn kept(&self, room: &Room) -> Vec<(u32, f64)> {
        let blocks = room.active.iter().zip(room.weights.chunks_exact(BLOCK));
        let pairs = blocks.flat_map(|(block, own)| {
            self.order[*block as usize * BLOCK..].iter().copied().zip(own.iter().copied())
        });
        let mut kept: Vec<(u32, f64)> = pairs.filter(|(_, w)| *w != 0.0).collect();
        kept.sort_unstable_by_key(|(k, _)| *k);
        kept
    }

    fn blocks(&self) -> usize {
        self.bias.len() / BLOCK
    }

    /// Fills in the weights at `z`, which [`Self::covariance`] goes on with.
    pub(super) fn softmax(&self, z: &[f64], slope: f64, room: &mut Room) -> Softmax {
        Arch::new().dispatch(Weigh { patterns: self, z, slope, room })
    }

    /// Writes `factor` times the covariance of the patterns under the weights at a point into both triangles of `out`.
    pub(super) fn covariance(&self, at: &Softmax, factor: f64, room: &mut Room, out: MatMut<'_, f64>) {
        Arch::new().dispatch(Covariance { patterns: self, at, factor, room, out });
    }

    /// A coordinate of the patterns of a block.
    #[inline(always)]
    fn block(&self, i: usize, block: u32) -> &[f64] {
        &self.rows[i * self.bias.len() + block as usize * BLOCK..][..BLOCK]
    }

    /// The exponents of a block, `bias_k + slope y_k.z`.
    #[inline(always)]
    fn logits(&self, block: u32, z: &[f64], slope: f64) -> [f64; BLOCK] {
        let mut sums = [0.0_f64; BLOCK];
        for (i, z) in z.iter().enumerate() {
            let row = self.block(i, block);
            for k in 0..BLOCK {
                sums[k] = row[k].mul_add(slope * z, sums[k]);
            }
        }
        let bias = &self.bias[block as usize * BLOCK..][..BLOCK];
        for k in 0..BLOCK {
            sums[k] += bias[k];
        }
        sums
    }
}

impl Bounds {
    fn new(patterns: MatRef<'_, f64>, bias: &[f64], order: &[u32], slope: f64) -> Bounds {
        let (n, count) = patterns.shape();
        let squares: Vec<f64> = patterns.col_iter().map(|y| y.iter().map(|y| y * y).sum()).collect();
        let reach = slope * squares.iter().copied().fold(0.0, f64::max);
        let pattern = |j: usize, i: usize| patterns[(i, order[j] as usize)];
        let log = |j: usize| bias[order[j] as usize] + 0.5 * slope * squares[order[j] as usize];
        let mut levels = vec![Boxes::of(n, count, [&pattern, &pattern], &log)];
        while levels[levels.len() - 1].count > BLOCK {
            let below = &levels[levels.len() - 1];
            let width = below.tops.len();
            let low = |b: usize, i: usize| below.low[i * width + b];
            let high = |b: usize, i: usize| below.high[i * width + b];
            levels.push(Boxes::of(n, below.count, [&low, &high], &|b| below.tops[b]));
        }
        let finite = bias.iter().map(|b| b.abs()).filter(|b| b.is_finite());
        let size = reach + finite.fold(0.0, f64::max);
        Bounds { levels, reach, size }
    }
}

impl Boxes {
    /// Boxes about each [`BLOCK`] in turn of `count` patterns, or boxes, of which the ends (of one, in a coordinate) and log W are given.
    fn of(
        n: usize,
        count: usize,
        [low, high]: [&dyn Fn(usize, usize) -> f64; 2],
        log: &dyn Fn(usize) -> f64,
    ) -> Boxes {
        let boxes = count.div_ceil(BLOCK);
        let width = boxes.next_multiple_of(BLOCK);
        let mut out = Boxes {
            count: boxes,
            low: vec![0.0; n * width],
            high: vec![0.0; n * width],
            tops: vec![f64::NEG_INFINITY; width],
        };
        for b in 0..boxes {
            let members = || b * BLOCK..((b + 1) * BLOCK).min(count);
            for i in 0..n {
                out.low[i * width + b] = members().map(|j| low(j, i)).fold(f64::INFINITY, f64::min);
                out.high[i * width + b] = members().map(|j| high(j, i)).fold(f64::NEG_INFINITY, f64::max);
            }
            out.tops[b] = members().map(log).fold(f64::NEG_INFINITY, f64::max);
        }
        out
    }

    /// Upper bounds of `log W_k - (slope/2)|z - y_k|^2` in a block of boxes.
    #[inline(always)]
    fn over(&self, block: u32, z: &[f64], slope: f64) -> [f64; BLOCK] {
        let (width, from) = (self.tops.len(), block as usize * BLOCK);
        let mut squares = [0.0_f64; BLOCK];
        for (i, z) in z.iter().enumerate() {
            let (low, high) =
                (&self.low[i * width + from..][..BLOCK], &self.high[i * width + from..][..BLOCK]);
            for k in 0..BLOCK {
                let (below, above) = (low[k] - z, z - high[k]);
                let apart = if below > above { below } else { above };
                let apart = if apart > 0.0 { apart } else { 0.0 };
                squares[k] = apart.mul_add(apart, squares[k]);
            }
        }
        let tops = &self.tops[from..][..BLOCK];
        for k in 0..BLOCK {
            squares[k] = tops[k] - 0.5 * slope * squares[k];
        }
        squares
    }
}

/// The place of the largest, or the first where there is none.
#[inline(always)]
fn largest(bounds: &[f64; BLOCK]) -> usize {
    let most = highest(bounds);
    let mut first = 0;
    for k in (0..BLOCK).rev() {
        first = if bounds[k] == most { k } else { first };
    }
    first
}

/// Orders patterns so that each block holds neighbours: halves of whole blocks, along the coordinate in which they are farthest apart.
fn divide(patterns: MatRef<'_, f64>, order: &mut [u32]) {
    if order.len() <= BLOCK {
        return;
    }
    sort_along_widest(order, patterns.nrows(), |k, i| patterns[(i, k as usize)]);
    let (low, high) = order.split_at_mut((order.len() / 2).next_multiple_of(BLOCK));
    divide(patterns, low);
    divide(patterns, high);
}

/// Sorts places, coordinate i of one of which is `at(place, i)`, along the coordinate in which they are farthest apart.
pub(super) fn sort_along_widest(order: &mut [u32], dim: usize, at: impl Fn(u32, usize) -> f64) {
    let extent = |i: usize| {
        let ends = order
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), k| (lo.min(at(*k, i)), hi.max(at(*k, i))));
        ends.1 - ends.0
    };
    let widest = (0..dim).max_by(|a, b| extent(*a).total_cmp(&extent(*b))).unwrap_or(0);
    order.sort_by(|a, b| at(*a, widest).total_cmp(&at(*b, widest)).then(a.cmp(b)));
}

struct Weigh<'a> {
    patterns: &'a LowDimension,
    z: &'a [f64],
    slope: f64,
    room: &'a mut Room,
}

impl NullaryFnOnce for Weigh<'_> {
    type Output = Softmax;

    #[inline(always)]
    fn call(self) -> Softmax {
        let Weigh { patterns, z, slope, room } = self;
        active(patterns, z, slope, room);
        let Room { active, seen, weights, .. } = room;
        *seen = active.len();
        let length = active.len() * BLOCK;
        if weights.len() < length {
            weights.resize(length, 0.0);
        }
        let mut weights = &mut weights[..length];
        let mut tops = [f64::NEG_INFINITY; BLOCK];
        for (own, block) in weights.as_chunks_mut::<BLOCK>().0.iter_mut().zip(&*active) {
            let logits = patterns.logits(*block, z, slope);
            for k in 0..BLOCK {
                tops[k] = if logits[k] > tops[k] { logits[k] } else { tops[k] };
            }
            *own = logits;
        }
        let max = highest(&tops);
        if patterns.drop < f64::INFINITY {
            let count = leave_out(max - patterns.drop, active, weights);
            active.truncate(count);
            weights = &mut weights[..count * BLOCK];
        }
        let sum = exp_below(weights, max);
        let mut mean = [0.0; MOST];
        for (i, mean) in mean[..z.len()].iter_mut().enumerate() {
            let mut sums = [0.0_f64; BLOCK];
            for (own, block) in weights.as_chunks::<BLOCK>().0.iter().zip(&*active) {
                let row = patterns.block(i, *block);
                for k in 0..BLOCK {
                    sums[k] = row[k].mul_add(own[k], sums[k]);
                }
            }
            *mean = halve(sums, |a, b| a + b) / sum;
        }
        Softmax { lse: max + sum.ln(), sum, mean }
    }
}

/// Brings those blocks to the front that have an exponent that is not below the floor; how many they are.
#[inline(always)]
fn leave_out(floor: f64, active: &mut [u32], weights: &mut [f64]) -> usize {
    let blocks = weights.as_chunks_mut::<BLOCK>().0;
    let mut count = 0;
    for i in 0..active.len() {
        let logits = blocks[i];
        let mut reaches = false;
        for logit in logits {
            // What is not a number is summed up, too.
            reaches |= !(logit < floor);
        }
        (blocks[count], active[count]) = (logits, active[i]);
        count += usize::from(reaches);
    }
    count
}

/// Fills in the blocks that may matter, ascending.
#[inline(always)]
fn active(patterns: &LowDimension, z: &[f64], slope: f64, room: &mut Room) {
    let Room { active, opened, bounds, .. } = room;
    let Some(Bounds { levels, size, .. }) = &patterns.bounds else {
        active.clear();
        active.extend(0..patterns.blocks() as u32);
        return;
    };
    let mut square = 0.0;
    for z in z {
        square += z * z;
    }
    // Rounding of the exponents and of their bounds.
    let below = 0.5 * slope * square + patterns.drop + 64.0 * f64::EPSILON * (slope * square + size);
    // Any pattern bounds the largest exponent from below. Down to a block that looks good ..
    let mut best = 0;
    for boxes in levels.iter().rev() {
        let first = best as usize * BLOCK + largest(&boxes.over(best, z, slope));
        best = first.min(boxes.count - 1) as u32;
    }
    let mut seen = highest(&patterns.logits(best, z, slope));
    active.clear();
    active.push(0);
    for (level, boxes) in levels.iter().enumerate().rev() {
        std::mem::swap(active, opened);
        bounds.clear();
        for block in &*opened {
            bounds.push(boxes.over(*block, z, slope));
        }
        if level == 0 {
            // .. and then the one that looks best of all.
            let (mut most, mut first) = (f64::NEG_INFINITY, best);
            for (block, bounds) in opened.iter().zip(&*bounds) {
                let place = largest(bounds);
                if bounds[place] > most {
                    (most, first) = (bounds[place], *block * BLOCK as u32 + place as u32);
                }
            }
            if first != best {
                let other = highest(&patterns.logits(first, z, slope));
                seen = if other > seen { other } else { seen };
            }
        }
        let floor = seen - below;
        // Without branches: which of them reach far enough nobody foretells.
        active.resize(opened.len() * BLOCK, 0);
        let mut length = 0;
        for (block, bounds) in opened.iter().zip(&*bounds) {
            let from = *block as usize * BLOCK;
            for k in 0..BLOCK.min(boxes.count - from) {
                active[length] = (from + k) as u32;
                // What is not a number is looked at, too.
                length += usize::from(!(bounds[k] < floor));
            }
        }
        active.truncate(length);
    }
}

/// The largest of a block of numbers.
#[inline(always)]
fn highest(logits: &[f64; BLOCK]) -> f64 {
    halve(*logits, |a, b| if a > b { a } else { b })
}

struct Covariance<'a> {
    patterns: &'a LowDimension,
    at: &'a Softmax,
    factor: f64,
    room: &'a mut Room,
    out: MatMut<'a, f64>,
}

impl NullaryFnOnce for Covariance<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Covariance { patterns, at, factor, room, mut out } = self;
        let Room { active, weights, products, .. } = room;
        let length = active.len() * BLOCK;
        if products.len() < length {
            products.resize(length, 0.0);
        }
        let (weights, products) = (&weights[..length], &mut products[..length]);
        let factor = factor / at.sum;
        for j in 0..out.ncols() {
            let mean = at.mean[j];
            let both = products.as_chunks_mut::<BLOCK>().0.iter_mut().zip(weights.as_chunks::<BLOCK>().0);
            for ((s, w), block) in both.zip(&*active) {
                let row = patterns.block(j, *block);
                let mut products = [0.0; BLOCK];
                for k in 0..BLOCK {
                    products[k] = w[k] * (row[k] - mean);
                }
                *s = products;
            }
            for i in j..out.ncols() {
                let mean = at.mean[i];
                let mut sums = [0.0_f64; BLOCK];
                for (s, block) in products.as_chunks::<BLOCK>().0.iter().zip(&*active) {
                    let row = patterns.block(i, *block);
                    for k in 0..BLOCK {
                        sums[k] = s[k].mul_add(row[k] - mean, sums[k]);
                    }
                }
                let entry = factor * halve(sums, |a, b| a + b);
                out[(i, j)] = entry;
                out[(j, i)] = entry;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    /// Against the definitions, summed plainly, for every dimension and numbers of patterns around whole blocks.
    #[test]
    fn mean_and_covariance_are_those_of_the_softmax() {
        // Flat and steep: of 700 patterns nearly all matter, or few.
        for (n, slope) in (1..=MOST).flat_map(|n| [(n, 1.7), (n, 900.0)]) {
            for count in [1, 2, 15, 16, 17, 33, 257, 700, 4097] {
                let patterns = Mat::from_fn(n, count, |i, k| ((i + 1) as f64 * 1.3 + k as f64 * 0.7).sin());
                // Wells of unequal depth.
                let square = |k: usize| patterns.col(k).squared_norm_l2();
                let none = |k: usize| if count == 257 && k % 3 == 1 { f64::NEG_INFINITY } else { 0.0 };
                let bias: Vec<f64> =
                    (0..count).map(|k| none(k) + (k as f64).cos() - 0.5 * slope * square(k)).collect();
                let z: Vec<f64> = (0..n).map(|i| 0.3 * (i as f64 - 2.0)).collect();
                let low = LowDimension::new(patterns.as_ref(), &bias, slope).expect("low");
                let mut out = Mat::zeros(n, n);
                let at = with_room(|room| {
                    let at = low.softmax(&z, slope, room);
                    if count >= 700 && slope > 100.0 {
                        assert!(low.leaves_out() && room.active.len() < low.blocks());
                    }
                    low.covariance(&at, 2.0, room, out.as_mut());
                    at
                });

                let logits: Vec<f64> = (0..count)
                    .map(|k| bias[k] + slope * (0..n).map(|i| patterns[(i, k)] * z[i]).sum::<f64>())
                    .collect();
                let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let terms: Vec<f64> = logits.iter().map(|l| (l - most).exp()).collect();
                let total: f64 = terms.iter().sum();
                let expect = |f: &dyn Fn(usize) -> f64| -> f64 {
                    terms.iter().enumerate().map(|(k, t)| t / total * f(k)).sum()
                };
                // Exponents of some hundreds are rounded by so much.
                let slack = 1e-14 * (10.0 + slope);
                assert!((at.lse - most - total.ln()).abs() < slack);
                for i in 0..n {
                    let mean = expect(&|k| patterns[(i, k)]);
                    assert!((at.mean[i] - mean).abs() < slack);
                    for j in 0..n {
                        let other = expect(&|k| patterns[(j, k)]);
                        let product = expect(&|k| (patterns[(i, k)] - mean) * (patterns[(j, k)] - other));
                        assert!((out[(i, j)] - 2.0 * product).abs() < slack);
                    }
                }
            }
        }
        assert!(LowDimension::new(Mat::zeros(MOST + 1, 3).as_ref(), &[0.0; 3], 1.0).is_none());
    }

    /// In eight dimensions boxes about blocks say too little, the exponents do not: few patterns are summed up, and none is missing.
    #[test]
    fn blocks_are_left_out_where_boxes_reach_everywhere() {
        let (n, count, slope) = (MOST, 2500, 30.0);
        // A Weyl sequence fills the cube evenly.
        let root = |i: usize| [2.0_f64, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0][i].sqrt();
        let patterns = Mat::from_fn(n, count, |i, k| 2.5 * (root(i) * k as f64).fract() - 1.25);
        let square = |k: usize| patterns.col(k).squared_norm_l2();
        let bias: Vec<f64> = (0..count).map(|k| -0.5 * slope * square(k)).collect();
        let low = LowDimension::new(patterns.as_ref(), &bias, slope).expect("low");
        assert!(low.leaves_out() && !low.has_boxes());
        for near in [0, 17, 2499] {
            let z: Vec<f64> = (0..n).map(|i| patterns[(i, near)] + 0.05 * (i as f64 - 3.0)).collect();
            let (at, kept) = with_room(|room| {
                let at = low.softmax(&z, slope, room);
                assert!(2 * room.active.len() < low.blocks());
                (at, low.kept(room))
            });
            let apart = |k: usize| (0..n).map(|i| (patterns[(i, k)] - z[i]).powi(2)).sum::<f64>();
            let terms: Vec<f64> =
                (0..count).map(|k| (-0.5 * slope * (apart(k) - apart(near))).exp()).collect();
            let total: f64 = terms.iter().sum();
            for i in 0..n {
                let mean: f64 = (0..count).map(|k| terms[k] / total * patterns[(i, k)]).sum();
                assert!((at.mean[i] - mean).abs() < 1e-12);
            }
            for k in (0..count).filter(|k| terms[*k] > 1e-17 * total) {
                assert!(kept.binary_search_by_key(&(k as u32), |(k, _)| *k).is_ok());
            }
        }
    }
}
