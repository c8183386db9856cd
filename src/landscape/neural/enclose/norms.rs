//! Bounds of a network's derivatives from the norms of its weights.
//!
//! Over a ball let `a`, `b`, `c` bound the norms of the first, second and third derivative of a layer's state in x (as
//! multilinear maps into R^w), and `r` those of the rows of the first. A matrix W multiplies a, b and c by its spectral norm
//! and leaves rows of length at most `max_i |W_i| a`. An activation with `|f'| <= p`, `|f''| <= q`, `|f'''| <= s` leaves
//!
//! `a' = p a`, `b' = p b + q r a`, `c' = p c + 3 q r b + s r^2 a`, `r' = p r`,
//!
//! as in `f'' (Ju)(Jv)`, unit by unit, all factors but one are at most r. A residual branch adds what was before it.

use faer::{Accum, Mat, MatRef, Par};

use super::Step;
use super::activation::jet;
use super::layers::{Affine, gamma};
use super::sweep::Sweep;
use crate::rigor::Interval;
use crate::rigor::rounding::{add_up, mul_up, norm_up, sqrt_up, sum_up};

/// Times that a matrix is squared for its spectral norm: k rows leave the bound a factor of `k^(1/64)` too large at most.
const SQUARINGS: usize = 4;

/// Norms of the weights.
pub(super) struct Norms {
    /// Spectral norm, and largest norm of a row, of each linear layer in turn.
    weights: Vec<[f64; 2]>,
    /// Bound of the derivative of all of the network, on all of R^n.
    first: f64,
}

/// Bounds of derivatives.
#[derive(Clone, Copy)]
struct Bounds {
    first: f64,
    row: f64,
    second: f64,
    third: f64,
}

impl Norms {
    pub(super) fn new(steps: &[Step]) -> Norms {
        let weights = steps.iter().filter_map(|step| match step {
            Step::Affine(affine) => Some([spectral_norm(affine), largest_row(affine)]),
            _ => None,
        });
        let mut norms = Norms { weights: weights.collect(), first: f64::INFINITY };
        norms.first = norms
            .bounds(steps, |_, units| {
                let slopes = units.iter().map(|a| jet(*a, Interval::ENTIRE)[1].mag());
                [slopes.fold(0.0, f64::max), f64::INFINITY, f64::INFINITY]
            })
            .first;
        norms
    }

    /// A bound of the first derivative on all of R^n.
    pub(super) fn first(&self) -> f64 {
        self.first
    }

    /// A bound of the third derivative over the box `x`.
    pub(super) fn third(&self, steps: &[Step], x: &[Interval]) -> f64 {
        let sweep = Sweep::forward(steps, x);
        self.bounds(steps, |i, _| {
            [1, 2, 3].map(|k| sweep.jets[i].iter().map(|j| j[k].mag()).fold(0.0, f64::max))
        })
        .third
    }

    fn bounds(
        &self,
        steps: &[Step],
        activation: impl Fn(usize, &[crate::landscape::neural::activation::Activation]) -> [f64; 3],
    ) -> Bounds {
        let mut at = Bounds { first: 1.0, row: 1.0, second: 0.0, third: 0.0 };
        let mut open = vec![];
        let (mut affine, mut layer) = (0, 0);
        for step in steps {
            match step {
                Step::Affine(_) => {
                    let [norm, row] = self.weights[affine];
                    affine += 1;
                    let first = mul_up(norm, at.first);
                    at = Bounds {
                        first,
                        row: mul_up(row, at.first).min(first),
                        second: mul_up(norm, at.second),
                        third: mul_up(norm, at.third),
                    };
                }
                Step::Activation(units) => {
                    let [p, q, s] = activation(layer, units);
                    layer += 1;
                    let bent = mul_up(q, at.row);
                    let third = sum_up([
                        mul_up(p, at.third),
                        mul_up(3.0, mul_up(bent, at.second)),
                        mul_up(s, mul_up(mul_up(at.row, at.row), at.first)),
                    ]);
                    at = Bounds {
                        first: mul_up(p, at.first),
                        row: mul_up(p, at.row),
                        second: add_up(mul_up(p, at.second), mul_up(bent, at.first)),
                        third,
                    };
                }
                Step::Open => open.push(at),
                Step::Close { scale } => {
                    if let Some(before) = open.pop() {
                        let plus = |branch: f64, before: f64| add_up(before, mul_up(scale.abs(), branch));
                        at = Bounds {
                            first: plus(at.first, before.first),
                            row: plus(at.row, before.row),
                            second: plus(at.second, before.second),
                            third: plus(at.third, before.third),
                        };
                    }
                }
            }
        }
        at
    }
}

/// A bound of the norm of each row.
fn largest_row(affine: &Affine) -> f64 {
    let row = |i: usize| {
        let entries: Vec<f64> = (0..affine.columns())
            .map(|j| {
                let (mid, rad) = affine.entry(i, j);
                add_up(mid.abs(), rad)
            })
            .collect();
        norm_up(&entries)
    };
    (0..affine.rows()).map(row).fold(0.0, f64::max)
}

fn frobenius_norm(a: MatRef<'_, f64>) -> f64 {
    let columns: Vec<f64> =
        a.col_iter().map(|column| norm_up(&column.iter().copied().collect::<Vec<_>>())).collect();
    norm_up(&columns)
}

/// A bound of the spectral norm of a linear layer.
fn spectral_norm(affine: &Affine) -> f64 {
    let (rows, columns) = (affine.rows(), affine.columns());
    // The smaller Gram matrix has the same norm.
    let mid = match columns <= rows {
        true => Mat::from_fn(rows, columns, |i, j| affine.entry(i, j).0),
        false => Mat::from_fn(columns, rows, |i, j| affine.entry(j, i).0),
    };
    let rad = Mat::from_fn(rows, columns, |i, j| affine.entry(i, j).1);
    add_up(squared(mid.as_ref(), SQUARINGS), frobenius_norm(rad.as_ref()))
}

/// `|A|^2 = |A'A|`, again and again, the Frobenius norm in the end. The computed product G is within `gamma |A'||A|` of A'A,
/// so that `|A'A| <= |G| + gamma |A|_F^2`, and a little for underflow.
fn squared(a: MatRef<'_, f64>, times: usize) -> f64 {
    let frobenius = frobenius_norm(a);
    if times == 0 {
        return frobenius;
    }
    let k = a.ncols();
    let mut gram = Mat::zeros(k, k);
    faer::linalg::matmul::matmul(gram.as_mut(), Accum::Replace, a.transpose(), a, 1.0, Par::Seq);
    let rounding = mul_up(gamma(a.nrows()), mul_up(frobenius, frobenius));
    let underflow = mul_up((a.nrows() * k) as f64, f64::MIN_POSITIVE);
    let square = sum_up([squared(gram.as_ref(), times - 1), rounding, underflow]);
    // Not a number where the products overflowed.
    if square.is_finite() { sqrt_up(square).min(frobenius) } else { frobenius }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::neural::activation::Activation;

    fn affine(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f64, rad: f64) -> Affine {
        Affine::new(rows, columns, |i, j| (at(i, j), rad), &[])
    }

    #[test]
    fn spectral_norms_are_bounded_from_above_and_closely() {
        // Hadamard's matrix of 16 rows is 4 times an orthogonal one; of rank one it is the product of the lengths.
        let sign = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        let norm = spectral_norm(&affine(16, 16, sign, 0.0));
        assert!(norm >= 4.0 && norm <= 4.0 * 16f64.powf(1.0 / 32.0) * (1.0 + 1e-12), "{norm}");
        for (rows, columns) in [(3, 7), (7, 3)] {
            let rank_one = |i: usize, j: usize| (i + 1) as f64 * (j + 1) as f64;
            let squares = |k: usize| (1..=k).map(|i| (i * i) as f64).sum::<f64>();
            let truth = (squares(rows) * squares(columns)).sqrt();
            let norm = spectral_norm(&affine(rows, columns, rank_one, 0.0));
            assert!(norm >= truth * (1.0 - 1e-15) && norm <= truth * (1.0 + 1e-12), "{norm} {truth}");
            // All entries larger by the radius: of rank one, too, and positive, so that the norm grows by as much.
            let more = spectral_norm(&affine(rows, columns, |_, _| 1.0, 0.5));
            assert!(more >= 1.5 * ((rows * columns) as f64).sqrt());
        }
        let large = spectral_norm(&affine(4, 4, |i, j| if i == j { 1e60 } else { 0.0 }, 0.0));
        assert!((1e60..2.001e60).contains(&large));
        assert!(largest_row(&affine(2, 2, |i, j| (3 * i + 4 * j) as f64, 1.0)) >= 4f64.hypot(8.0));
    }

    #[test]
    fn bounds_are_met_by_one_unit_and_add_over_branches() {
        let one = |w: f64| Step::Affine(affine(1, 1, |_, _| w, 0.0));
        let act = || Step::Activation(vec![Activation::Tanh]);
        let x = [Interval::new(-3.0, 3.0)];
        // 3 tanh(2x): 6, and 3 * 8 times the largest third derivative, 2.
        let steps = [one(2.0), act(), one(3.0)];
        let norms = Norms::new(&steps);
        assert!((6.0..6.001).contains(&norms.first()));
        assert!((48.0..48.001).contains(&norms.third(&steps, &x)));
        // tanh(tanh x) at most: p^2 + ..; its third derivative at zero is -4.
        let twice = [act(), act()];
        assert!(Norms::new(&twice).third(&twice, &x) >= 4.0);
        // x - 2 tanh x.
        let branch = [Step::Open, act(), Step::Close { scale: -2.0 }];
        let norms = Norms::new(&branch);
        assert!((3.0..3.001).contains(&norms.first()));
        assert!((4.0..4.001).contains(&norms.third(&branch, &x)));
    }
}
