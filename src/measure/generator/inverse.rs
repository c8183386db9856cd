//! The smallest eigenvalues above zero of a generator that is factorised: iterations of its inverse on a block of functions.

use faer::Mat;

use super::LOST;
use super::block::{Sides, centre, combine, invert, orthonormalise, products};
use super::elimination::{Factors, SIDES};
use crate::error::{Error, Result};
use crate::linalg::symmetric_eigen;

/// Eigenvalues, ascending, and functions that go with them.
pub(super) struct Modes {
    pub(super) values: Vec<f64>,
    /// At each node, side by side; behind those of the values others that are less settled.
    pub(super) functions: Vec<Sides>,
}

/// Iterations of the inverse at most.
const ITERATIONS: usize = 80;
/// So many rounds others than the gap may take.
const PATIENCE: usize = 8;
/// Error at which the gap is settled, relative.
pub(super) const GAP_SETTLED: f64 = 1e-12;
/// And the others.
pub(super) const SETTLED: f64 = 1e-9;

/// About how far an eigenvalue of the inverse is off, relative, by the residuals of some that lie together and the distance to those
/// beside them (T. Kato, J. Phys. Soc. Japan 4, 334, 1949; G. Temple, Proc. R. Soc. London A 119, 276, 1928). `values` descend, `residuals`
/// are squares, over those of the values. `None` where that says nothing.
fn off(k: usize, values: &[f64], residuals: &[f64]) -> Option<f64> {
    let mut least: Option<f64> = None;
    for first in 0..=k {
        for last in k..values.len() - 1 {
            let above = if first == 0 { f64::INFINITY } else { values[first - 1] - values[k] };
            let distance = above.min(values[k] - values[last + 1]);
            let residual = |j: usize| residuals[j] * (values[j] / values[k]).powi(2);
            let bound = (first..=last).map(residual).sum::<f64>() * (values[k] / distance);
            if distance > 0.0 && bound >= 0.0 && least.is_none_or(|l| bound < l) {
                least = Some(bound);
            }
        }
    }
    least
}

/// The `wanted` smallest eigenvalues above zero of the factorised generator: the first one, and those of the others that the iteration
/// has settled. `root` are the roots of the weights, `start` functions at the nodes.
///
/// # Errors
/// If the iteration comes to no number, or does not settle the first eigenvalue.
pub(super) fn smallest(
    factors: &Factors<'_>,
    root: &[f64],
    start: Vec<Sides>,
    wanted: usize,
) -> Result<Modes> {
    // Of functions u the vectors `sqrt(pi) u` are kept: their inner products are plain ones.
    let mut block = start;
    centre(root, &mut block);
    // Potentials may be too large to be squared.
    let mut scale = [[0.0; SIDES]; SIDES];
    for (p, row) in scale.iter_mut().enumerate() {
        let largest = block.iter().fold(0.0_f64, |largest, side| largest.max(side[p].abs()));
        let finite = block.iter().all(|side| side[p].is_finite());
        row[p] = if largest > 0.0 && finite { 1.0 / largest } else { 0.0 };
    }
    combine(&mut block, &scale);
    let mut images = Vec::with_capacity(block.len());
    let mut between = products(&block, &block);
    let (mut before, mut last): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
    let (mut gap, mut settled) = (false, 0);
    for round in 0..ITERATIONS {
        let kept = orthonormalise(&mut block, between);
        invert(factors, root, &block, &mut images);
        let which: Vec<usize> = (0..SIDES).filter(|&p| kept[p]).collect();
        let p = which.len();
        let along = products(&block, &images);
        let ritz = Mat::from_fn(p, p, |i, j| 0.5 * (along[which[i]][which[j]] + along[which[j]][which[i]]));
        let (mut values, mut vectors) = (vec![0.0; p], Mat::zeros(p, p));
        if p == 0 || !symmetric_eigen(ritz.as_ref(), &mut values, vectors.as_mut()) || !(values[p - 1] > 0.0)
        {
            return Err(Error::Numerics("the inverse iteration for the gap came to no number".into()));
        }
        let mut turn = [[0.0; SIDES]; SIDES];
        values.reverse();
        // Over the values, which may be too large to be squared.
        for (i, row) in which.iter().enumerate() {
            let positive = (0..p).take_while(|&j| values[j] > 0.0);
            positive.for_each(|j| turn[*row][j] = vectors[(i, p - 1 - j)] / values[j]);
        }
        combine(&mut images, &turn);
        std::mem::swap(&mut block, &mut images);
        between = products(&block, &block);
        let residuals: Vec<f64> = (0..p).map(|k| (between[k][k] - 1.0).max(0.0)).collect();
        let inverse: Vec<f64> = values.iter().take_while(|v| **v > 0.0).map(|v| 1.0 / v).collect();
        // What is still to come is to this change as this is to the one before.
        let changes = |k: usize| {
            let last = last.get(k)?;
            let change = (inverse[k] - last).abs();
            let quotient = match before.get(k) {
                Some(before) => (change / (last - before).abs()).min(0.5),
                None => 0.5,
            };
            Some(change * quotient / inverse[k])
        };
        let still = |k: usize, reach: f64| {
            // All functions that there are.
            p + 1 == root.len()
                || [off(k, &values, &residuals), changes(k)].into_iter().flatten().any(|e| e <= reach)
        };
        // Residuals do not fall below what is lost by being orthogonal to the first function.
        let reach = |k: usize| SETTLED.max((LOST * values[0] / values[k]).powi(2));
        gap = still(0, GAP_SETTLED);
        settled = (0..wanted.min(inverse.len())).take_while(|&k| still(k, reach(k))).count();
        (before, last) = (last, inverse);
        if gap && (settled == wanted || round >= PATIENCE) {
            break;
        }
    }
    if !gap {
        return Err(Error::Numerics(format!("{ITERATIONS} inverse iterations did not settle the gap")));
    }
    last.truncate(settled.max(1));
    for (side, root) in block.iter_mut().zip(root) {
        side.iter_mut().for_each(|u| *u /= root);
    }
    Ok(Modes { values: last, functions: block })
}
