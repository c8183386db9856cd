//! Linear layers in verified arithmetic: `A x` for several columns x of balls.
//!
//! With `t >= rad x + gamma |mid x|` the product of the midpoints, in whatever order it is summed, is within `|A| t` of all
//! products: `gamma = (k + 2) u / (1 - (k + 2) u)` for k terms bounds what rounding does to a sum of products
//! (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1; a fused operation rounds less). `|A| t` is
//! a sum of terms that are not negative, below its exact value by no more than the factor `1 - gamma`.

use std::array;

use pulp::{Arch, NullaryFnOnce};

use super::balls::{GROW, LANES, Lanes, TINY};
use crate::rigor::rounding::{UNIT, add_up, mul_up};

/// Columns that go through the weights together.
const COLUMNS: usize = 3;

/// A matrix of numbers, in panels of eight rows: `panels[(panel * columns + column) * 8 + lane]`, the last filled up with
/// zeros.
#[derive(Clone, Debug)]
struct Panels {
    values: Vec<f64>,
    rows: usize,
    columns: usize,
}

impl Panels {
    fn new(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f64) -> Panels {
        let mut values = vec![0.0; padded(rows) * columns];
        for panel in 0..rows.div_ceil(LANES) {
            for column in 0..columns {
                for lane in 0..LANES.min(rows - panel * LANES) {
                    values[(panel * columns + column) * LANES + lane] = at(panel * LANES + lane, column);
                }
            }
        }
        Panels { values, rows, columns }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.values[(i / LANES * self.columns + j) * LANES + i % LANES]
    }
}

/// A length rounded up to whole lanes.
pub(super) fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

/// Columns of balls, all as long as the padded width; what is beyond the width means nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) mid: Vec<f64>,
    pub(super) rad: Vec<f64>,
    pub(super) width: usize,
}

impl Columns {
    pub(super) fn reset(&mut self, width: usize, columns: usize) {
        for list in [&mut self.mid, &mut self.rad] {
            list.clear();
            list.resize(padded(width) * columns, 0.0);
        }
        self.width = width;
    }

    pub(super) fn stride(&self) -> usize {
        padded(self.width)
    }
}

/// `A` and, where its numbers are known up to radii, those; `b`, with radii.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    weight: Panels,
    radii: Option<Panels>,
    bias: Columns,
}

impl Affine {
    /// From entries `(mid, rad)`; the bias may be empty.
    pub(super) fn new(
        rows: usize,
        columns: usize,
        at: impl Fn(usize, usize) -> (f64, f64),
        bias: &[(f64, f64)],
    ) -> Affine {
        let radii = Panels::new(rows, columns, |i, j| at(i, j).1);
        let known = radii.values.iter().all(|r| *r == 0.0);
        let mut list = Columns::default();
        list.reset(rows, usize::from(!bias.is_empty()));
        for (i, (mid, rad)) in bias.iter().enumerate() {
            (list.mid[i], list.rad[i]) = (*mid, *rad);
        }
        Affine {
            weight: Panels::new(rows, columns, |i, j| at(i, j).0),
            radii: (!known).then_some(radii),
            bias: list,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.weight.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.weight.columns
    }

    /// An entry of the matrix, midpoint and radius.
    pub(super) fn entry(&self, i: usize, j: usize) -> (f64, f64) {
        (self.weight.at(i, j), self.radii.as_ref().map_or(0.0, |radii| radii.at(i, j)))
    }

    /// The transposed matrix, and no bias.
    pub(super) fn transpose(&self) -> Affine {
        Affine::new(self.columns(), self.rows(), |i, j| self.entry(j, i), &[])
    }

    /// `out = A x` for `columns` columns, and b added to the first `biased` of them.
    pub(super) fn apply(&self, x: &Columns, columns: usize, biased: usize, out: &mut Columns) {
        out.reset(self.weight.rows, columns);
        let gamma = gamma(self.weight.columns);
        product(&self.weight, x, columns, out, |mid, rad| (mid, (gamma * mid.abs() + rad + TINY) * GROW));
        if let Some(radii) = &self.radii {
            // The weights' own radii meet all of x.
            product(radii, x, columns, out, |mid, rad| (0.0, (mid.abs() + rad + TINY) * GROW));
        }
        // Roundings of the sums of radii, and the underflows of the products.
        let slack = 1.0 + 2.0 * (gamma + 4.0 * UNIT);
        for (r, m) in out.rad.iter_mut().zip(&out.mid) {
            // Where a sum overflowed on its way nothing is known of it: zero times infinity is not a number.
            *r = *r * slack + TINY + 0.0 * m;
        }
        if !self.bias.mid.is_empty() {
            let stride = padded(self.weight.rows);
            for column in 0..biased {
                for at in (0..stride).step_by(LANES) {
                    let sum = Lanes::load(&out.mid, &out.rad, column * stride + at).plus(Lanes::load(
                        &self.bias.mid,
                        &self.bias.rad,
                        at,
                    ));
                    sum.store(&mut out.mid, &mut out.rad, column * stride + at);
                }
            }
        }
    }
}

/// An upper bound of the relative rounding error of a sum of `terms` products.
pub(super) fn gamma(terms: usize) -> f64 {
    // k u/(1 - k u) <= 2 k u for k u <= 1/2; two more terms than there are make up for what this rounds.
    let k = terms as f64 + 4.0;
    let ku = mul_up(k, UNIT);
    if ku < 0.01 { mul_up(ku, add_up(1.0, 2.0 * ku)) } else { f64::INFINITY }
}

/// Adds `A m` and `|A| t` to midpoints and radii of `out`, where `(m, t)` is what `prepare` makes of a ball of x.
fn product(
    a: &Panels,
    x: &Columns,
    columns: usize,
    out: &mut Columns,
    prepare: impl Fn(f64, f64) -> (f64, f64),
) {
    let (from, to) = (x.stride(), padded(a.rows));
    let mut packed = vec![[0.0; 2 * COLUMNS]; a.columns];
    for first in (0..columns).step_by(COLUMNS) {
        let together = COLUMNS.min(columns - first);
        for (j, packed) in packed.iter_mut().enumerate() {
            for k in 0..together {
                let at = (first + k) * from + j;
                (packed[k], packed[COLUMNS + k]) = prepare(x.mid[at], x.rad[at]);
            }
        }
        let range = first * to..(first + together) * to;
        let (mid, rad) = (&mut out.mid[range.clone()], &mut out.rad[range]);
        if together == 1 {
            Arch::new().dispatch(Multiply::<1> { a, packed: &packed, mid, rad });
        } else if together == 2 {
            Arch::new().dispatch(Multiply::<2> { a, packed: &packed, mid, rad });
        } else {
            Arch::new().dispatch(Multiply::<COLUMNS> { a, packed: &packed, mid, rad });
        }
    }
}

struct Multiply<'a, const C: usize> {
    a: &'a Panels,
    packed: &'a [[f64; 2 * COLUMNS]],
    mid: &'a mut [f64],
    rad: &'a mut [f64],
}

impl<const C: usize> NullaryFnOnce for Multiply<'_, C> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Multiply { a, packed, mid, rad } = self;
        let stride = padded(a.rows);
        for (panel, weights) in a.values.chunks_exact(LANES * a.columns).enumerate() {
            let mut mids = [[0.0; LANES]; C];
            let mut rads = [[0.0; LANES]; C];
            for (w, x) in weights.chunks_exact(LANES).zip(packed) {
                let w: [f64; LANES] = array::from_fn(|l| w[l]);
                for k in 0..C {
                    for l in 0..LANES {
                        mids[k][l] = w[l].mul_add(x[k], mids[k][l]);
                        rads[k][l] = w[l].abs().mul_add(x[COLUMNS + k], rads[k][l]);
                    }
                }
            }
            for k in 0..C {
                let at = k * stride + panel * LANES;
                for l in 0..LANES {
                    mid[at + l] += mids[k][l];
                    rad[at + l] += rads[k][l];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Odd numbers of 52 bits: their products need all bits that are lost.
    fn random(state: &mut u64) -> i64 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let size = (*state >> 12) as i64 | 1;
        if (*state >> 5) & 1 == 1 { -size } else { size }
    }

    #[test]
    fn products_are_within_their_radius_of_the_exact_ones() {
        let mut state = 3;
        for (rows, columns) in [(1, 1), (1, 40), (9, 17), (16, 64), (130, 5)] {
            let a: Vec<i64> = (0..rows * columns).map(|_| random(&mut state)).collect();
            let weight = |i: usize, j: usize| (a[i * columns + j] as f64, 0.0);
            let affine = Affine::new(rows, columns, weight, &[]);
            let mut x = Columns::default();
            x.reset(columns, 4);
            let stride = x.stride();
            let v: Vec<i64> = (0..4 * columns).map(|_| random(&mut state)).collect();
            for (k, v) in v.iter().enumerate() {
                x.mid[k / columns * stride + k % columns] = *v as f64;
            }
            let mut out = Columns::default();
            affine.apply(&x, 4, 0, &mut out);
            for (c, i) in (0..4).flat_map(|c| (0..rows).map(move |i| (c, i))) {
                let terms =
                    (0..columns).map(|j| i128::from(a[i * columns + j]) * i128::from(v[c * columns + j]));
                let (exact, size) = terms.fold((0, 0), |(s, t), p: i128| (s + p, t + p.abs()));
                let at = c * out.stride() + i;
                // The midpoints are whole numbers, or small enough for the difference to be exact.
                let error = (exact - out.mid[at] as i128).unsigned_abs() as f64;
                assert!(error <= out.rad[at], "{rows} x {columns}");
                assert!(out.rad[at] <= 2.0 * (columns as f64 + 6.0) * UNIT * size as f64);
            }
        }
    }

    #[test]
    fn sums_that_overflow_on_their_way_are_all_of_r() {
        let affine = Affine::new(1, 2, |_, j| ([1e200, -1e200][j], 0.0), &[]);
        let mut x = Columns::default();
        x.reset(2, 1);
        (x.mid[0], x.mid[1]) = (1e200, 1e200);
        let mut out = Columns::default();
        affine.apply(&x, 1, 0, &mut out);
        let ball = crate::landscape::neural::enclose::balls::Ball { mid: out.mid[0], rad: out.rad[0] };
        assert!(ball.interval().contains(0.0));
    }

    #[test]
    fn one_term_shows_the_unit() {
        // 2^-53 of the product is lost: any radius without the rounding of products is too small.
        let (a, b) = (1.0 + f64::EPSILON, 1.0 + f64::EPSILON);
        let affine = Affine::new(1, 1, |_, _| (a, 0.0), &[]);
        let mut x = Columns::default();
        x.reset(1, 1);
        x.mid[0] = b;
        let mut out = Columns::default();
        affine.apply(&x, 1, 0, &mut out);
        assert!(a.mul_add(b, -out.mid[0]).abs() > 0.0 && a.mul_add(b, -out.mid[0]).abs() <= out.rad[0]);
    }

    #[test]
    fn radii_reach_the_corners() {
        // Powers of two: exact, so that each radius is met. Mixed signs; weights and states with radii; a bias.
        let weights = [[(1.0, 0.25), (-2.0, 0.5)], [(0.5, 0.0), (4.0, 1.0)]];
        let bias = [(1.0, 0.125), (-1.0, 0.0)];
        let affine = Affine::new(2, 2, |i, j| weights[i][j], &bias);
        let mut x = Columns::default();
        x.reset(2, 2);
        let stride = x.stride();
        for (k, (mid, rad)) in [(2.0, 0.5), (-1.0, 0.25)].into_iter().enumerate() {
            for column in 0..2 {
                (x.mid[column * stride + k], x.rad[column * stride + k]) = (mid, rad);
            }
        }
        let mut out = Columns::default();
        affine.apply(&x, 2, 1, &mut out);
        for i in 0..2 {
            let reach: f64 = (0..2)
                .map(|j| {
                    let ((w, r), (m, s)) = (weights[i][j], [(2.0f64, 0.5), (-1.0, 0.25)][j]);
                    f64::abs(w) * s + r * (m.abs() + s)
                })
                .sum();
            for (column, bias) in [(0, bias[i]), (1, (0.0, 0.0))] {
                let at = column * out.stride() + i;
                let mid = weights[i][0].0 * 2.0 - weights[i][1].0 + bias.0;
                assert_eq!(out.mid[at], mid);
                assert!(out.rad[at] >= reach + bias.1 && out.rad[at] <= (reach + bias.1) * (1.0 + 1e-13));
            }
        }
    }

    #[test]
    fn transposed_entries_change_places() {
        let entry = |i: usize, j: usize| ((10 * i + j) as f64, 0.5 * (i + 1) as f64);
        let t = Affine::new(11, 3, entry, &[]).transpose();
        assert!((0..11).all(|i| (0..3).all(|j| t.entry(j, i) == entry(i, j))));
        assert_eq!((t.rows(), t.columns()), (3, 11));
    }
}
