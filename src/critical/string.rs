//! A path between two minima, relaxed by the string method; its peaks are where saddles of index 1 are sought.
//!
//! Simplified string method (E, Ren & Vanden-Eijnden 2007): images move down across the path, then are spread evenly
//! along it again. It needs not converge here: a few sweeps carry the peaks into the saddles' reach.

use faer::Mat;

use super::problem::Problem;
use crate::landscape::Landscape;
use crate::linalg::{distance, dot, norm};

/// Intervals of the path.
const INTERVALS: usize = 14;
/// Sweeps of relaxation.
const SWEEPS: usize = 10;

/// Peaks of the relaxed path from `a` to `b` (n each) with the path's direction there, highest first.
pub(crate) fn peaks(problem: &Problem<'_>, a: &[f64], b: &[f64]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let n = a.len();
    let whole = problem.region.difference(a, b);
    let mut path = Mat::from_fn(n, INTERVALS + 1, |i, j| a[i] + whole[i] * j as f64 / INTERVALS as f64);
    let mut energies = vec![0.0; INTERVALS + 1];
    let mut gradients = Mat::zeros(n, INTERVALS + 1);
    let mut rate = 0.0;
    let mut last = f64::INFINITY;
    for sweep in 0..=SWEEPS {
        problem.landscape.gradients(path.as_ref(), &mut energies, gradients.as_mut());
        if !energies.iter().all(|e| e.is_finite()) {
            return vec![];
        }
        if sweep == SWEEPS {
            break;
        }
        let spacing = length(&path) / INTERVALS as f64;
        let mut across = vec![];
        for j in 1..INTERVALS {
            let t = tangent(&path, j);
            let g = gradients.col_as_slice(j);
            let along = dot(g, &t);
            across.push(g.iter().zip(&t).map(|(g, t)| g - along * t).collect::<Vec<f64>>());
        }
        let steepest = across.iter().map(|c| norm(c)).fold(0.0, f64::max);
        if steepest * spacing < 1e-12 * (energies[0].abs() + 1e-300) || steepest == 0.0 {
            break;
        }
        rate = match sweep {
            0 => 0.3 * spacing / steepest,
            _ if steepest > 1.2 * last => 0.4 * rate,
            _ => 1.2 * rate,
        };
        last = steepest;
        let step = rate.min(0.3 * spacing / steepest);
        for (j, across) in across.iter().enumerate() {
            path.col_as_slice_mut(j + 1).iter_mut().zip(across).for_each(|(x, c)| *x -= step * c);
        }
        spread(&mut path);
    }
    let mut found: Vec<usize> =
        (1..INTERVALS).filter(|&j| energies[j] >= energies[j - 1] && energies[j] > energies[j + 1]).collect();
    if found.is_empty() {
        found.push(INTERVALS / 2);
    }
    found.sort_by(|i, j| energies[*j].total_cmp(&energies[*i]).then(i.cmp(j)));
    found.into_iter().map(|j| (path.col_as_slice(j).to_vec(), tangent(&path, j))).collect()
}

fn tangent(path: &Mat<f64>, j: usize) -> Vec<f64> {
    let (before, after) = (path.col_as_slice(j - 1), path.col_as_slice(j + 1));
    let mut t: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
    let size = norm(&t).max(f64::MIN_POSITIVE);
    t.iter_mut().for_each(|t| *t /= size);
    t
}

fn segment(path: &Mat<f64>, j: usize) -> f64 {
    distance(path.col_as_slice(j), path.col_as_slice(j + 1))
}

fn length(path: &Mat<f64>) -> f64 {
    (0..INTERVALS).map(|j| segment(path, j)).sum()
}

/// Puts the inner images at equal distances along the polygon.
fn spread(path: &mut Mat<f64>) {
    let n = path.nrows();
    let mut at = [0.0; INTERVALS + 1];
    for j in 0..INTERVALS {
        at[j + 1] = at[j] + segment(path, j);
    }
    let total = at[INTERVALS];
    let old = path.clone();
    let mut k = 0;
    for j in 1..INTERVALS {
        let goal = total * j as f64 / INTERVALS as f64;
        while k + 1 < INTERVALS && at[k + 1] < goal {
            k += 1;
        }
        let w = (goal - at[k]) / (at[k + 1] - at[k]).max(f64::MIN_POSITIVE);
        for i in 0..n {
            path[(i, j)] = old[(i, k)] + w * (old[(i, k + 1)] - old[(i, k)]);
        }
    }
}
