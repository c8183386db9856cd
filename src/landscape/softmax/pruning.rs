//! Data that matter at a point, where most do not: those whose weight can reach the last digits of any sum.
//!
//! With `log W_k = bias_k + (slope/2)|y_k|^2` the exponents are `log W_k - (slope/2)|z - y_k|^2`, up to what all have in common.
//! The best one seen bounds the largest from below; cells of data, and lists of neighbours of the datum that has it
//! ([`super::cells`]), bound those of the rest from above: by the triangle inequality what is at least D from a datum that is
//! at most d away has `|z - y_k| >= D - d`. What lies more than `drop` below the best is left out, with
//!
//! `drop = 40 + log K + log(1 + 4 slope R^2)`, R the largest |y_k|.
//!
//! All that is left out together has then less than `e = exp(-40)/(1 + 4 slope R^2)` of the weight, `exp(-40) < 5e-18`. No two data
//! are farther apart than 2R, so that this moves the energy by less than `2 e temperature`, the mean by less than `4 e R` and with it
//! the gradient by less than `1e-17 temperature slope^(1/2)`, and the covariance by less than `16 e R^2`: the Hessian by less than
//! `2e-17` of the curvature `temperature slope` of a single well. What is rounded in the bounds loosens them.
//!
//! Where the bounds say too little, as between data that are all about equally far away, the sums go over all data as before.
//! Of the cells that reach above the bound, data are looked at in single precision first, whose error is bounded
//! ([`super::cells::Cells::look`]): what lies below by more than that is not looked at again.
//!
//! What is kept in the end is decided by the exponents alone, so that it does not depend on how it was found.

use std::cell::Cell;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use pulp::{Arch, NullaryFnOnce};

use super::cells::{Around, Cells, LISTED, Look};
use super::kept::Kept;
use super::kernel::LogSumExp;
use crate::landscape::exp::{BLOCK, exp_shifted, halve};
use crate::landscape::low_dimension;
use crate::linalg::dot;

/// With fewer data this is not tried, in low dimension with fewer than the second number: there blocks may be left out.
const LEAST: (usize, usize) = (1000, 8000);
/// Data at which it is tried how many matter.
const TRIED: usize = 8;
/// Share of the data that may matter, on average, for looking for them to pay.
const SHARE: f64 = 1.0 / 32.0;
/// One in so many data, and about a hundred, are looked at in search of one nearby.
const PROBED: usize = 64;
/// So few data from cells are as good as those from a list.
const FEW: usize = 256;

thread_local! {
    static WORK: Cell<Work> = Cell::default();
}

/// Lends room to work in.
pub(super) fn with_work<R>(f: impl FnOnce(&mut Work) -> R) -> R {
    let mut work = WORK.take();
    let result = f(&mut work);
    WORK.set(work);
    result
}

/// Room to work in.
#[derive(Default)]
pub(super) struct Work {
    /// Square distances of the centres, infinite where the cell was looked at.
    order: Vec<f64>,
    /// Upper bounds of the exponents in each cell.
    bounds: Vec<f64>,
    /// Cells that a datum may lie in that matters.
    reaching: Vec<u32>,
    look: Look,
    candidates: Vec<u32>,
    logits: Vec<f64>,
    /// Those of the cell that was looked at last.
    last: Vec<f64>,
    pairs: Vec<(u32, f64)>,
    zeros: Vec<f64>,
}

/// What pruning needs of a landscape.
#[derive(Debug)]
pub(super) struct Pruning {
    /// Largest `log W_k` of each cell.
    tops: Vec<f64>,
    log_weights: Vec<f64>,
    /// In the order of the cells' members.
    bias: Vec<f64>,
    highest: f64,
    drop: f64,
}

impl Pruning {
    /// `None` where it would not pay, by a few of the data.
    pub(super) fn new(kernel: &LogSumExp) -> Option<Self> {
        let count = kernel.bias.len();
        let least = if kernel.dim() <= low_dimension::MOST { LEAST.1 } else { LEAST.0 };
        if count < least || u32::try_from(count).is_err() || kernel.has_boxes() {
            return None;
        }
        let patterns = kernel.patterns();
        let squares: Vec<f64> = patterns.col_iter().map(|y| y.iter().map(|y| y * y).sum()).collect();
        let log_weights: Vec<f64> =
            kernel.bias.iter().zip(&squares).map(|(b, square)| b + 0.5 * kernel.slope * square).collect();
        let reach = squares.iter().copied().fold(0.0, f64::max);
        let drop = low_dimension::drop(count, kernel.slope * reach);
        let tried =
            Mat::from_fn(kernel.dim(), TRIED, |i, j| patterns[(i, (2 * j + 1) * count / (2 * TRIED))]);
        let mut logits = Mat::zeros(count, TRIED);
        matmul(logits.as_mut(), Accum::Replace, patterns.transpose(), &tried, kernel.slope, Par::Seq);
        let mut matter = 0;
        for column in logits.col_iter() {
            let biased = || column.iter().zip(&kernel.bias).map(|(l, b)| l + b);
            let floor = logits_max(biased()) - drop;
            matter += biased().filter(|l| *l >= floor).count();
        }
        if !(matter as f64 <= SHARE * (count * TRIED) as f64) {
            return None;
        }
        let cells = kernel.cells();
        let top = |c: usize| logits_max(cells.members(c).iter().map(|k| log_weights[*k as usize]));
        let tops = (0..cells.count()).map(top).collect();
        let highest = logits_max(log_weights.iter().copied());
        let members = (0..cells.count()).flat_map(|c| cells.members(c));
        let bias = members.map(|k| kernel.bias[*k as usize]).collect();
        Some(Pruning { tops, log_weights, bias, highest, drop })
    }

    /// The data that matter at `z` (filled up with zeros as the data are); false if they are too many, or not found.
    /// `products` are those of the centres with z, and are overwritten.
    pub(super) fn select(
        &self,
        kernel: &LogSumExp,
        z: &[f64],
        products: &mut [f64],
        kept: &mut Kept,
        work: &mut Work,
    ) -> bool {
        work.candidates.clear();
        self.gather(kernel, z, products, work) && self.weigh(kernel, z, work, kept)
    }

    /// Fills in candidates: all that matter, and others.
    fn gather(&self, kernel: &LogSumExp, z: &[f64], products: &mut [f64], work: &mut Work) -> bool {
        let cells = kernel.cells();
        let square = dot(z, z);
        if !square.is_finite() {
            return false;
        }
        let around = cells.around(square, products);
        // What rounding may do to exponents, by twice the square distances' error.
        let drop = self.drop + 2.0 * kernel.slope * around.margin;
        work.order.clear();
        work.order.extend_from_slice(around.squares);
        work.bounds.resize(cells.count(), 0.0);
        let (tops, slope) = (&self.tops[..], kernel.slope);
        Arch::new().dispatch(Bounds { tops, cells, around: &around, slope, out: &mut work.bounds });
        cells.look(z, square, &mut work.look);
        let (mut best, mut looked) = (f64::NEG_INFINITY, 0);
        while looked <= kernel.count() / PROBED + 100 {
            let Some(cell) = least(&work.order) else { return false };
            work.order[cell] = f64::INFINITY;
            let members = cells.members(cell);
            looked += members.len();
            // The one that looks best, whose logit is then computed: any datum bounds the largest from below.
            self.look(kernel, cell, work);
            std::mem::swap(&mut work.logits, &mut work.last);
            let Some(first) = largest(&work.last) else { continue };
            let first = members[first];
            kernel.logits(&[first], z, &mut work.logits);
            if !(work.logits[0] > best) {
                continue;
            }
            best = work.logits[0];
            let at = first as usize;
            let exponent = best - 0.5 * kernel.slope * square;
            let floor = exponent - drop;
            let active = cells.reaching(&work.bounds, floor);
            if active > FEW {
                let apart = ((self.log_weights[at] - exponent) * 2.0 / kernel.slope).max(0.0) + around.margin;
                let farther = 2.0 * (drop + self.highest - self.log_weights[at]) / kernel.slope;
                let within = (apart.sqrt() + (apart + farther).sqrt()) * (1.0 + 8.0 * f64::EPSILON);
                if cells.within(&around, within) <= LISTED
                    && cells.list(kernel.data(), at).gather(within, &mut work.candidates)
                {
                    return true;
                }
            }
            if active <= FEW.max(kernel.bias.len() / 8) {
                let (bounds, out) = (&work.bounds[..], &mut work.reaching);
                Arch::new().dispatch(Reaching { bounds, floor, out });
                let floor = best - drop - kernel.slope * work.look.error;
                for i in 0..work.reaching.len() {
                    let reaching = work.reaching[i] as usize;
                    if reaching == cell {
                        std::mem::swap(&mut work.logits, &mut work.last);
                    } else {
                        self.look(kernel, reaching, work);
                    }
                    for (l, k) in work.logits.iter().zip(cells.members(reaching)) {
                        // What is not a number is a candidate too.
                        if !(*l < floor) {
                            work.candidates.push(*k);
                        }
                    }
                }
                return true;
            }
        }
        false
    }

    /// Logits of a cell's members, about.
    fn look(&self, kernel: &LogSumExp, cell: usize, work: &mut Work) {
        let cells = kernel.cells();
        work.logits.clear();
        cells.single_products(cell, &work.look, &mut work.logits);
        let bias = &self.bias[cells.range(cell)];
        for (l, bias) in work.logits.iter_mut().zip(bias) {
            *l = kernel.slope * *l + bias;
        }
    }

    /// The candidates that matter, with their weights.
    fn weigh(&self, kernel: &LogSumExp, z: &[f64], work: &mut Work, kept: &mut Kept) -> bool {
        kernel.logits(&work.candidates, z, &mut work.logits);
        let floor = logits_max(work.logits.iter().copied()) - self.drop;
        if !floor.is_finite() {
            return false;
        }
        let pairs = work.candidates.iter().zip(&work.logits).filter(|(_, l)| **l >= floor);
        work.pairs.clear();
        work.pairs.extend(pairs.map(|(k, l)| (*k, *l)));
        work.pairs.sort_unstable_by_key(|(k, _)| *k);
        kept.members.clear();
        kept.members.extend(work.pairs.iter().map(|(k, _)| *k));
        kept.weights.clear();
        kept.weights.extend(work.pairs.iter().map(|(_, l)| *l));
        work.zeros.resize(work.pairs.len().max(work.zeros.len()), 0.0);
        let (max, sum) = exp_shifted(&mut kept.weights, &work.zeros[..work.pairs.len()]);
        (kept.sum, kept.lse) = (sum, max + sum.ln());
        true
    }
}

fn logits_max(logits: impl Iterator<Item = f64>) -> f64 {
    logits.fold(f64::NEG_INFINITY, f64::max)
}

/// The place of the largest of some numbers.
fn largest(numbers: &[f64]) -> Option<usize> {
    let most = -Arch::new().dispatch(Least { numbers, sign: -1.0 });
    numbers.iter().position(|x| *x == most)
}

/// The place of the least number that is finite.
fn least(numbers: &[f64]) -> Option<usize> {
    let least = Arch::new().dispatch(Least { numbers, sign: 1.0 });
    numbers.iter().position(|x| *x == least).filter(|_| least < f64::INFINITY)
}

/// The least of some numbers times a sign, of those that are numbers; infinite if there are none.
struct Least<'a> {
    numbers: &'a [f64],
    sign: f64,
}

impl NullaryFnOnce for Least<'_> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let Least { numbers, sign } = self;
        let (blocks, rest) = numbers.as_chunks::<BLOCK>();
        let mut least = [f64::INFINITY; BLOCK];
        for block in blocks {
            for i in 0..BLOCK {
                let x = sign * block[i];
                least[i] = if x < least[i] { x } else { least[i] };
            }
        }
        for (least, x) in least.iter_mut().zip(rest) {
            let x = sign * x;
            *least = if x < *least { x } else { *least };
        }
        halve(least, |a, b| if a < b { a } else { b })
    }
}

/// The cells whose bound is at least `floor`: blocks without any are passed over at once.
struct Reaching<'a> {
    bounds: &'a [f64],
    floor: f64,
    out: &'a mut Vec<u32>,
}

impl NullaryFnOnce for Reaching<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Reaching { bounds, floor, out } = self;
        out.clear();
        for (i, block) in bounds.chunks(BLOCK).enumerate() {
            if block.iter().fold(false, |any, bound| any | (*bound >= floor)) {
                let reaching = (0..block.len()).filter(|j| block[*j] >= floor);
                out.extend(reaching.map(|j| (i * BLOCK + j) as u32));
            }
        }
    }
}

/// Upper bounds of the exponents in each cell.
struct Bounds<'a> {
    tops: &'a [f64],
    cells: &'a Cells,
    around: &'a Around<'a>,
    slope: f64,
    out: &'a mut [f64],
}

impl NullaryFnOnce for Bounds<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Bounds { tops, cells, around, slope, out } = self;
        cells.at_least(around, out);
        for i in 0..out.len() {
            out[i] = tops[i] - 0.5 * slope * out[i] * out[i];
        }
    }
}
