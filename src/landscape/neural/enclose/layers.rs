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
        out.rad.iter_mut().for_each(|r| *r = *r * slack + TINY);
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
