//! Nearest neighbours by Euclidean distance.
//!
//! In: points as columns. Out: for each its nearest among others. In few dimensions by a k-d tree; beyond, where trees visit
//! nearly all points anyway, by matrix products in blocks, `|x - y|^2 = |x|^2 + |y|^2 - 2 x.y`, whose candidates are measured
//! again without that cancellation. Both give the same answer: the smallest distance, and of equal ones the lowest number.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use kdtree::KdTree;
use kdtree::distance::squared_euclidean;
use rayon::prelude::*;

/// Up to this dimension, and from this many points on, there is a tree.
const TREE: (usize, usize) = (8, 64);

/// Columns of a block.
const BLOCK: usize = 64;

/// A point among others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its number.
    pub number: usize,
    /// How far it is.
    pub distance: f64,
}

/// For each column of `points` (n x b) the nearest column of `among` (n x m); `None` if there is none. Coordinates must be
/// finite.
pub fn nearest(points: MatRef<'_, f64>, among: MatRef<'_, f64>) -> Vec<Option<Neighbour>> {
    search(points, among, false)
}

/// For each column of `points` (n x b) the nearest of the other columns; `None` if there is no other.
pub fn nearest_other(points: MatRef<'_, f64>) -> Vec<Option<Neighbour>> {
    search(points, points, true)
}

/// With `apart`, column j is no neighbour of column j.
fn search(points: MatRef<'_, f64>, among: MatRef<'_, f64>, apart: bool) -> Vec<Option<Neighbour>> {
    let small = points.nrows() <= TREE.0 && among.ncols() >= TREE.1;
    small
        .then(|| by_tree(points, among, apart))
        .flatten()
        .unwrap_or_else(|| by_products(points, among, apart))
}

fn column(points: MatRef<'_, f64>, j: usize) -> Vec<f64> {
    points.col(j).iter().copied().collect()
}

fn square(x: &[f64], among: MatRef<'_, f64>, k: usize) -> f64 {
    x.iter().zip(among.col(k).iter()).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// The nearest of some candidates, measured exactly.
fn best(x: &[f64], among: MatRef<'_, f64>, candidates: impl Iterator<Item = usize>) -> Option<Neighbour> {
    let all = candidates.map(|k| (square(x, among, k), k));
    let least = all.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    least.map(|(square, number)| Neighbour { number, distance: square.sqrt() })
}

/// `None` where the tree refuses a point, as one that is not finite.
fn by_tree(points: MatRef<'_, f64>, among: MatRef<'_, f64>, apart: bool) -> Option<Vec<Option<Neighbour>>> {
    let mut tree = KdTree::with_capacity(among.nrows(), 16);
    for k in 0..among.ncols() {
        tree.add(column(among, k), k).ok()?;
    }
    let of = |j: usize| -> Option<Option<Neighbour>> {
        let x = column(points, j);
        let wanted = 1 + usize::from(apart);
        let near = tree.nearest(&x, wanted, &squared_euclidean).ok()?;
        let others = near.iter().filter(|(_, k)| !(apart && **k == j));
        let Some(limit) = others.map(|(square, _)| *square).reduce(f64::min) else { return Some(None) };
        // Those as near as it, by their numbers.
        let level = tree.within(&x, limit, &squared_euclidean).ok()?;
        let level = level.into_iter().map(|(_, k)| *k).chain(near.iter().map(|(_, k)| **k));
        Some(best(&x, among, level.filter(|k| !(apart && *k == j))))
    };
    (0..points.ncols()).into_par_iter().map(of).collect()
}

fn by_products(points: MatRef<'_, f64>, among: MatRef<'_, f64>, apart: bool) -> Vec<Option<Neighbour>> {
    let (n, m) = (among.nrows(), among.ncols());
    if m == 0 {
        return vec![None; points.ncols()];
    }
    // About their middle the products are as small as they get.
    let middle: Vec<f64> = (0..n).map(|i| among.row(i).iter().sum::<f64>() / m as f64).collect();
    let centred = Mat::from_fn(n, m, |i, k| among[(i, k)] - middle[i]);
    let squares: Vec<f64> = centred.col_iter().map(|c| c.iter().map(|v| v * v).sum()).collect();
    let largest = squares.iter().copied().fold(0.0, f64::max);
    let starts: Vec<usize> = (0..points.ncols()).step_by(BLOCK).collect();
    let block = |&start: &usize| -> Vec<Option<Neighbour>> {
        let count = BLOCK.min(points.ncols() - start);
        let x = Mat::from_fn(n, count, |i, j| points[(i, start + j)] - middle[i]);
        let mut products = Mat::<f64>::zeros(m, count);
        matmul(products.as_mut(), Accum::Replace, centred.transpose(), &x, 1.0, Par::Seq);
        let of = |j: usize| {
            let own: f64 = x.col(j).iter().map(|v| v * v).sum();
            let product = products.col(j);
            let allowed = |k: &usize| !(apart && *k == start + j);
            let about = |k: usize| squares[k] - 2.0 * product[k];
            let least = (0..m).filter(allowed).map(about).fold(f64::INFINITY, f64::min);
            let limit = least + 1e-12 * (own + largest);
            best(&column(points, start + j), among, (0..m).filter(allowed).filter(|k| about(*k) <= limit))
        };
        (0..count).map(of).collect()
    };
    starts.par_iter().map(block).collect::<Vec<_>>().into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points that repeat themselves now and then.
    fn cloud(n: usize, count: usize, seed: u64) -> Mat<f64> {
        Mat::from_fn(n, count, |i, j| {
            let j = if j % 7 == 6 { j - 6 } else { j };
            ((i * 31 + j * 17 + 5) as f64 * 0.734 + seed as f64).sin()
        })
    }

    #[test]
    fn tree_and_products_agree_with_one_by_one() {
        for (n, m) in [(1, 70), (2, 200), (3, 64), (8, 150), (5, 3)] {
            let (points, among) = (cloud(n, 40, 3), cloud(n, m, 1));
            for apart in [false, true] {
                let points = if apart { among.as_ref() } else { points.as_ref() };
                let plain: Vec<_> = (0..points.ncols())
                    .map(|j| {
                        let others = (0..m).filter(|k| !(apart && *k == j));
                        best(&column(points, j), among.as_ref(), others)
                    })
                    .collect();
                assert_eq!(by_products(points, among.as_ref(), apart), plain, "{n} {m} {apart}");
                assert_eq!(by_tree(points, among.as_ref(), apart).unwrap(), plain, "{n} {m} {apart}");
            }
        }
    }

    #[test]
    fn a_point_alone_has_no_neighbour() {
        let one = cloud(2, 1, 0);
        assert_eq!(nearest_other(one.as_ref()), [None]);
        assert_eq!(nearest(one.as_ref(), Mat::zeros(2, 0).as_ref()), [None]);
        assert_eq!(nearest(one.as_ref(), one.as_ref()), [Some(Neighbour { number: 0, distance: 0.0 })]);
    }
}
