//! Dividing data into cells of near ones: in two again and again, each time by the plane between two means. Such planes cut through groups of
//! data, so each datum then goes to the cell whose centre is nearest, a few times over.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, NullaryFnOnce};

use super::kernel::VECTOR;
use crate::landscape::exp::dot;

/// Data of a cell that is no longer divided. Data of which so many are equal, or nearest to one centre, may be up to twice as many.
const LEAF: usize = 64;
/// Data that decide about a plane, at most.
const SAMPLE: usize = 512;

/// Orders data (K columns of length `stride`, one after the other, by their numbers in `members`) so that those of a cell are together;
/// the sizes of the cells.
pub(super) fn group(data: &[f64], stride: usize, members: &mut [u32]) -> Vec<usize> {
    let sizes = divide(data, stride, members);
    regroup(data, stride, members, &sizes)
}

/// Square distance.
#[inline(always)]
pub(super) fn apart(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0_f64; VECTOR];
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<VECTOR>(), b.as_chunks::<VECTOR>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..VECTOR {
            let d = a[i] - b[i];
            sums[i] = d.mul_add(d, sums[i]);
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(rest_a.iter().zip(rest_b)) {
        *sum += (a - b) * (a - b);
    }
    sums.iter().sum()
}

#[inline(always)]
pub(super) fn row(data: &[f64], n: usize, k: u32) -> &[f64] {
    &data[k as usize * n..][..n]
}

#[inline(always)]
pub(super) fn mean(data: &[f64], members: &[u32], out: &mut [f64]) {
    let n = out.len();
    out.fill(0.0);
    let share = 1.0 / members.len() as f64;
    for k in members {
        let y = row(data, n, *k);
        for i in 0..n {
            out[i] = y[i].mul_add(share, out[i]);
        }
    }
}

/// The member farthest from a point.
#[inline(always)]
fn farthest(data: &[f64], members: &[u32], from: &[f64]) -> Vec<f64> {
    let n = from.len();
    let (mut most, mut best) = (f64::NEG_INFINITY, members[0]);
    for k in members {
        let square = apart(row(data, n, *k), from);
        if square > most {
            (most, best) = (square, *k);
        }
    }
    row(data, n, best).to_vec()
}

/// Orders data so that each cell's are together; the sizes of the cells.
fn divide(data: &[f64], stride: usize, members: &mut [u32]) -> Vec<usize> {
    if members.len() <= LEAF {
        return vec![members.len()];
    }
    let at = split(data, stride, members);
    let (left, right) = members.split_at_mut(at);
    // One after the other: who waits for other threads here may be handed work that waits for these cells.
    let mut sizes = divide(data, stride, left);
    sizes.extend(divide(data, stride, right));
    sizes
}

/// Data among whose cells each of them looks for the nearest centre.
const REGROUPED: usize = 1 << 14;
/// How often.
const ROUNDS: usize = 3;

/// Orders data so that each goes to the cell whose centre is nearest, among cells that come one after the other; their sizes.
fn regroup(data: &[f64], stride: usize, members: &mut [u32], sizes: &[usize]) -> Vec<usize> {
    let (mut rest, mut sizes, mut regrouped) = (members, sizes, vec![]);
    while !sizes.is_empty() {
        let (mut cells, mut count) = (0, 0);
        while cells < sizes.len() && (cells == 0 || count + sizes[cells] <= REGROUPED) {
            count += sizes[cells];
            cells += 1;
        }
        let (own, others) = rest.split_at_mut(count);
        let near = Nearest { data, stride, members: own, sizes: &sizes[..cells] };
        regrouped.extend(Arch::new().dispatch(near));
        (rest, sizes) = (others, &sizes[cells..]);
    }
    regrouped
}

/// The same among all of these (S. P. Lloyd, Least squares quantization in PCM, IEEE Trans. Inf. Theory 28, 1982); cells that nothing is
/// left of begin again at the data that are farthest from their centres.
struct Nearest<'a> {
    data: &'a [f64],
    stride: usize,
    members: &'a mut [u32],
    sizes: &'a [usize],
}

impl NullaryFnOnce for Nearest<'_> {
    type Output = Vec<usize>;

    #[inline(always)]
    fn call(self) -> Vec<usize> {
        const TOGETHER: usize = 256;
        let Nearest { data, stride, members, sizes } = self;
        let count = sizes.len();
        if count < 2 {
            return sizes.to_vec();
        }
        let mut centres = vec![0.0; stride * count];
        let mut start = 0;
        for (centre, size) in centres.chunks_exact_mut(stride).zip(sizes) {
            mean(data, &members[start..start + size], centre);
            start += size;
        }
        let mut cells: Vec<Vec<u32>> = vec![];
        let (mut points, mut products) = (vec![0.0; stride * TOGETHER], vec![0.0; count * TOGETHER]);
        for round in 0..ROUNDS {
            let mut squares = vec![];
            for centre in centres.chunks_exact(stride) {
                squares.push(dot(centre, centre));
            }
            cells = vec![vec![]; count];
            let mut far: Vec<(f64, u32)> = Vec::with_capacity(members.len());
            for some in members.chunks(TOGETHER) {
                for (point, k) in points.chunks_exact_mut(stride).zip(some) {
                    point.copy_from_slice(row(data, stride, *k));
                }
                let points =
                    MatRef::from_column_major_slice(&points[..stride * some.len()], stride, some.len());
                let out = &mut products[..count * some.len()];
                let product = MatMut::from_column_major_slice_mut(&mut *out, count, some.len());
                let all = MatRef::from_column_major_slice(&centres, stride, count);
                matmul(product, Accum::Replace, all.transpose(), points, -2.0, Par::Seq);
                for (k, products) in some.iter().zip(out.chunks_exact(count)) {
                    let (mut best, mut least) = (0, f64::INFINITY);
                    for c in 0..count {
                        if products[c] + squares[c] < least {
                            (best, least) = (c, products[c] + squares[c]);
                        }
                    }
                    cells[best].push(*k);
                    let y = row(data, stride, *k);
                    far.push((least + dot(y, y), *k));
                }
            }
            if round + 1 == ROUNDS {
                break;
            }
            if cells.iter().any(Vec::is_empty) {
                far.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            }
            let mut far = far.iter();
            for (cell, centre) in cells.iter().zip(centres.chunks_exact_mut(stride)) {
                if !cell.is_empty() {
                    mean(data, cell, centre);
                } else if let Some((_, k)) = far.next() {
                    centre.copy_from_slice(row(data, stride, *k));
                }
            }
        }
        let mut left = members;
        let mut all = vec![];
        for cell in cells.iter_mut().filter(|cell| !cell.is_empty()) {
            // What is kept at a point is put into this order.
            cell.sort_unstable();
            all.extend(if cell.len() > 2 * LEAF { divide(data, stride, cell) } else { vec![cell.len()] });
            let (own, others) = left.split_at_mut(cell.len());
            own.copy_from_slice(cell);
            left = others;
        }
        all
    }
}

/// Splits members (of data one after the other, each `stride` numbers) by the plane between the means of two groups; the number of
/// those on the first side, which now come first.
pub(super) fn split(data: &[f64], stride: usize, members: &mut [u32]) -> usize {
    Arch::new().dispatch(Split { data, stride, members })
}

/// See [`split`].
struct Split<'a> {
    data: &'a [f64],
    stride: usize,
    members: &'a mut [u32],
}

impl NullaryFnOnce for Split<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Split { data, stride: n, members } = self;
        let step = members.len().div_ceil(SAMPLE);
        let sample: Vec<u32> = members.iter().step_by(step).copied().collect();
        let mut centre = vec![0.0; n];
        mean(data, &sample, &mut centre);
        let mut b = farthest(data, &sample, &centre);
        let mut a = farthest(data, &sample, &b);
        // Two means, from two data far apart.
        let (mut left, mut right) = (vec![], vec![]);
        for _ in 0..3 {
            let (direction, threshold) = plane(&a, &b);
            left.clear();
            right.clear();
            for k in &sample {
                let first = dot(row(data, n, *k), &direction) < threshold;
                if first { left.push(*k) } else { right.push(*k) }
            }
            if left.is_empty() || right.is_empty() {
                break;
            }
            mean(data, &left, &mut a);
            mean(data, &right, &mut b);
        }
        let (direction, threshold) = plane(&a, &b);
        let mut along = Vec::with_capacity(members.len());
        let mut at = 0;
        for k in &*members {
            let t = dot(row(data, n, *k), &direction) - threshold;
            at += usize::from(t < 0.0);
            along.push((t, *k));
        }
        // Neither side less than an eighth: the number of rounds stays small.
        let least = (along.len() / 8).max(1);
        let at = at.clamp(least, along.len() - least);
        along.select_nth_unstable_by(at, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        members.iter_mut().zip(&along).for_each(|(m, (_, k))| *m = *k);
        at
    }
}

/// The plane half way between two points: its normal, and the inner product with that of what lies in it.
#[inline(always)]
fn plane(a: &[f64], b: &[f64]) -> (Vec<f64>, f64) {
    let mut direction = vec![0.0; a.len()];
    let mut threshold = 0.0;
    for i in 0..a.len() {
        direction[i] = b[i] - a[i];
        threshold += direction[i] * 0.5 * (a[i] + b[i]);
    }
    (direction, threshold)
}
