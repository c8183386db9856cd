//! Up to eight functions on the nodes side by side, and what goes through all of them node by node.

use pulp::{Arch, NullaryFnOnce};

use super::elimination::{Factors, SIDES};

/// All functions at one node.
pub(super) type Sides = [f64; SIDES];
/// Combinations of the functions, a row of numbers for each, or their inner products.
pub(super) type Square = [Sides; SIDES];

/// A column that is so much smaller than it was, once what it shares with those before it is taken away, depends on them.
const DEPENDENT: f64 = 1e-12;
/// Square of what one round may leave of a column: of less too many digits are lost.
const LEFT: f64 = 1e-8;

/// The generator's inverse, but for its sign and without the mean: functions times `root`, the root of the weights.
pub(super) fn invert(factors: &Factors<'_>, root: &[f64], block: &[Sides], out: &mut Vec<Sides>) {
    out.clear();
    out.extend(block.iter().zip(root).map(|(side, root)| side.map(|x| x * root)));
    factors.solve(out);
    centre(root, out);
}

/// Takes the functions' means by the weights away, then multiplies by the roots of these.
pub(super) fn centre(root: &[f64], block: &mut [Sides]) {
    Arch::new().dispatch(Centre { block, root });
}

/// `sum a_i' b_i` over the nodes: inner products of the functions of `a` (rows) with those of `b`.
pub(super) fn products(a: &[Sides], b: &[Sides]) -> Square {
    Arch::new().dispatch(Products { a, b })
}

/// Each node's functions times the matrix: new functions, in its columns.
pub(super) fn combine(block: &mut [Sides], matrix: &Square) {
    Arch::new().dispatch(Combine { block, matrix });
}

/// Makes the functions orthonormal, one after the other, by factors of their `products` (A. Stathopoulos & K. Wu, SIAM J. Sci. Comput.
/// 23, 2165, 2002, and what is cited there) until these are those of orthonormal ones to rounding. Functions that depend on those before
/// them become zero; true are those that do not.
pub(super) fn orthonormalise(block: &mut [Sides], mut products_now: Square) -> [bool; SIDES] {
    let (mut kept, mut shrunk) = ([true; SIDES], [1.0; SIDES]);
    for round in 0..2 * SIDES + 2 {
        if round > 0 {
            products_now = products(block, block);
        }
        let (matrix, done) = next(&products_now, &mut kept, &mut shrunk, round == 0);
        combine(block, &matrix);
        if done {
            break;
        }
    }
    kept
}

/// One round: the combination to take, and whether no other is needed after it.
fn next(products: &Square, kept: &mut [bool; SIDES], shrunk: &mut Sides, first: bool) -> (Square, bool) {
    // The Cholesky factor of the cosines between functions, and its inverse with their sizes.
    let (mut factor, mut matrix) = ([[0.0; SIDES]; SIDES], [[0.0; SIDES]; SIDES]);
    // The first function of which too little is left: from there on what is shared with those before is taken away only.
    let mut short = SIDES;
    let mut largest = 0.0_f64;
    for j in 0..SIDES {
        let size = products[j][j].sqrt();
        if !first {
            shrunk[j] *= size;
        }
        kept[j] &= size > 0.0 && size < f64::INFINITY && shrunk[j] >= DEPENDENT;
        if !kept[j] {
            continue;
        }
        let mut left = 1.0;
        for i in (0..j.min(short)).filter(|&i| kept[i]) {
            let cosine = products[i][j] / products[i][i].sqrt() / size;
            largest = largest.max(cosine.abs());
            let before: f64 = (0..i).map(|k| factor[k][i] * factor[k][j]).sum();
            factor[i][j] = (cosine - before) / factor[i][i];
            left -= factor[i][j] * factor[i][j];
        }
        if left < LEFT {
            short = short.min(j);
        }
        factor[j][j] = if j < short { left.sqrt() } else { 1.0 };
        matrix[j][j] = 1.0 / size;
        for i in 0..j.min(short) {
            for row in matrix.iter_mut().take(j) {
                row[j] -= row[i] * factor[i][j];
            }
        }
        for row in &mut matrix {
            row[j] /= factor[j][j];
        }
    }
    (matrix, short == SIDES && largest < LEFT)
}

struct Centre<'a> {
    block: &'a mut [Sides],
    root: &'a [f64],
}

// Loops: bodies of closures would be compiled for the least processor there is.
impl NullaryFnOnce for Centre<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (mut mass, mut means) = (0.0, [0.0; SIDES]);
        for (side, root) in self.block.iter().zip(self.root) {
            let weight = root * root;
            mass += weight;
            for p in 0..SIDES {
                means[p] += weight * side[p];
            }
        }
        for mean in &mut means {
            *mean /= mass;
        }
        for (side, root) in self.block.iter_mut().zip(self.root) {
            for p in 0..SIDES {
                side[p] = root * (side[p] - means[p]);
            }
        }
    }
}

struct Products<'a> {
    a: &'a [Sides],
    b: &'a [Sides],
}

impl NullaryFnOnce for Products<'_> {
    type Output = Square;

    #[inline(always)]
    fn call(self) -> Square {
        let mut sums = [[0.0; SIDES]; SIDES];
        for (a, b) in self.a.iter().zip(self.b) {
            for p in 0..SIDES {
                for q in 0..SIDES {
                    sums[p][q] += a[p] * b[q];
                }
            }
        }
        sums
    }
}

struct Combine<'a> {
    block: &'a mut [Sides],
    matrix: &'a Square,
}

impl NullaryFnOnce for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let matrix = *self.matrix;
        // Functions that go nowhere may be no numbers.
        let taken = matrix.map(|row| row != [0.0; SIDES]);
        for side in self.block {
            let mut sums = [0.0; SIDES];
            for p in (0..SIDES).filter(|&p| taken[p]) {
                for q in 0..SIDES {
                    sums[q] += side[p] * matrix[p][q];
                }
            }
            *side = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nearly dependent, dependent, vanishing and widely scaled functions: what is kept is orthonormal, spans what was given, and
    /// the first keeps its direction.
    #[test]
    fn functions_become_orthonormal_one_after_the_other() {
        let n = 500;
        let f = |p: usize, i: usize| ((1.3 + p as f64) * (i as f64 + 0.5) * 0.01).sin();
        let given: Vec<Sides> = (0..n)
            .map(|i| {
                let (a, b, c) = (f(0, i), f(1, i), f(2, i));
                [
                    1e100 * a,
                    a + 1e-7 * b,
                    1e-90 * c,
                    0.0,
                    a - 3.0 * c,
                    f(3, i),
                    2.0 * f(3, i) + 3.0 * c,
                    a + 1e-9 * f(4, i),
                ]
            })
            .collect();
        let mut block = given.clone();
        let kept = orthonormalise(&mut block, products(&given, &given));
        assert_eq!(kept, [true, true, true, false, false, true, false, true]);
        let found = products(&block, &block);
        for p in 0..SIDES {
            for q in 0..SIDES {
                let expected = f64::from(u8::from(p == q && kept[p]));
                assert!((found[p][q] - expected).abs() < 1e-14, "{p} {q}: {}", found[p][q]);
            }
        }
        let size = given.iter().map(|g| (g[0] * 1e-100).powi(2)).sum::<f64>().sqrt();
        assert!(given.iter().zip(&block).all(|(g, b)| (g[0] * 1e-100 / size - b[0]).abs() < 1e-14));
        // What was dropped is a sum of what is kept.
        let along = products(&block, &given);
        for (block, given) in block.iter().zip(&given) {
            let sum: f64 = (0..SIDES).map(|p| block[p] * along[p][4]).sum();
            assert!((sum - given[4]).abs() < 1e-13);
        }
    }
}
