//! Principal components: the directions in which points spread most (Pearson 1901).

use faer::{Accum, Mat};

use super::{lower_product, norm, orient, orthonormalize, symmetric_eigen};

/// Directions along which the variance is below this share of all of it are those of rounding.
const ROUNDING: f64 = 1e-14;

/// Where points lie and how they spread.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Their mean.
    pub mean: Vec<f64>,
    /// Orthonormal directions, a column each, the one of the largest spread first; the largest component is positive.
    pub directions: Mat<f64>,
    /// The share of all variance along each.
    pub shares: Vec<f64>,
}

/// The mean of points and the `count` directions (or as many as there are coordinates) in which they spread most. Where they span
/// fewer, the others are coordinate directions, made orthogonal to these. `None` if there is no point, or one with a number that
/// is not finite.
///
/// The cost is that of the eigenvectors of a matrix with as many rows as there are points or coordinates, whichever are fewer.
///
/// ```
/// let points = [[0.0, 0.0, 5.0], [3.0, 4.0, 5.0], [6.0, 8.0, 5.0]];
/// let points: Vec<&[f64]> = points.iter().map(|x| &x[..]).collect();
/// let found = smale::linalg::principal(&points, 1).expect("finite");
/// assert_eq!(found.mean, [3.0, 4.0, 5.0]);
/// assert!((found.directions[(0, 0)] - 0.6).abs() < 1e-15 && (found.shares[0] - 1.0).abs() < 1e-15);
/// ```
pub fn principal(points: &[&[f64]], count: usize) -> Option<Principal> {
    let (n, number) = (points.first()?.len(), points.len());
    let mean: Vec<f64> = (0..n).map(|i| points.iter().map(|x| x[i] / number as f64).sum::<f64>()).collect();
    let mut centred = Mat::from_fn(n, number, |i, j| points[j][i] - mean[i]);
    let largest = centred.norm_max();
    if !largest.is_finite() {
        return None;
    }
    // Squares neither overflow nor vanish.
    if largest > 0.0 {
        centred = Mat::from_fn(n, number, |i, j| centred[(i, j)] / largest);
    }
    // Both products have the same eigenvalues but zeros.
    let few = number < n;
    let (left, right) = match few {
        true => (centred.transpose(), centred.as_ref()),
        false => (centred.as_ref(), centred.transpose()),
    };
    let size = n.min(number);
    let mut product = Mat::zeros(size, size);
    lower_product(product.as_mut(), Accum::Replace, left, right, 1.0);
    let (mut values, mut vectors) = (vec![0.0; size], Mat::zeros(size, size));
    if !symmetric_eigen(product.as_ref(), &mut values, vectors.as_mut()) {
        return None;
    }
    let total: f64 = values.iter().sum();
    let count = count.min(n);
    let mut shares: Vec<f64> = values.iter().rev().take(count).map(|v| v / total).collect();
    shares.retain(|share| *share > ROUNDING);
    let mut directions: Vec<Vec<f64>> = (0..shares.len())
        .map(|k| {
            let vector = vectors.col(size - 1 - k);
            let direction = if few { &centred * vector } else { vector.to_owned() };
            (0..n).map(|i| direction[i]).collect()
        })
        .collect();
    orthonormalize(&mut directions);
    shares.resize(count, 0.0);
    while directions.len() < count {
        let within = |i: usize| norm(&directions.iter().map(|d| d[i]).collect::<Vec<_>>());
        let least = (0..n).min_by(|a, b| within(*a).total_cmp(&within(*b))).unwrap_or(0);
        directions.push((0..n).map(|i| f64::from(u8::from(i == least))).collect());
        orthonormalize(&mut directions);
    }
    let mut directions = Mat::from_fn(n, count, |i, k| directions[k][i]);
    orient(&mut directions, &mut Mat::zeros(0, count));
    Some(Principal { mean, directions, shares })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::dot;

    /// Columns that are orthonormal by construction: reflections of coordinate directions.
    fn frame(n: usize, count: usize) -> Vec<Vec<f64>> {
        let v: Vec<f64> = (0..n).map(|i| ((i * i + 1) as f64).sin() + 0.2).collect();
        let s = 2.0 / dot(&v, &v);
        (0..count).map(|k| (0..n).map(|i| f64::from(u8::from(i == k)) - s * v[i] * v[k]).collect()).collect()
    }

    #[test]
    fn directions_and_shares_are_those_that_points_were_made_of() {
        // Along each direction of the frame the places are orthogonal to those along the others, so these are the components.
        for (n, number) in [(3, 8), (5, 8), (40, 8), (5, 64)] {
            let (frame, spreads) = (frame(n, 3), [3.0, 2.0, 0.5]);
            let wave = |j: usize, k: usize| {
                let angle = std::f64::consts::TAU * j as f64 / number as f64;
                [angle.cos(), angle.sin(), (2.0 * angle).cos()][k]
            };
            let points: Vec<Vec<f64>> = (0..number)
                .map(|j| {
                    let along = |i: usize| (0..3).map(|k| spreads[k] * wave(j, k) * frame[k][i]).sum::<f64>();
                    (0..n).map(|i| 7.0 + along(i)).collect()
                })
                .collect();
            let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
            let found = principal(&points, 3).expect("finite points");
            assert!(found.mean.iter().all(|m| (m - 7.0).abs() < 1e-13));
            for k in 0..3 {
                let along = dot(found.directions.col_as_slice(k), &frame[k]);
                assert!((along.abs() - 1.0).abs() < 1e-12, "{n} {number} {k}: {along}");
                assert!((found.shares[k] - spreads[k] * spreads[k] / 13.25).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn too_few_points_still_have_orthonormal_directions() {
        let line: Vec<Vec<f64>> =
            (0..4).map(|j| vec![1e200 * f64::from(j), 1e200, -1e200 * f64::from(j)]).collect();
        for points in [&line[..], &line[..2], &line[..1]] {
            let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
            let found = principal(&points, 5).expect("finite points");
            let gram = found.directions.transpose() * &found.directions - Mat::<f64>::identity(3, 3);
            assert!(gram.norm_max() < 1e-14);
            let spread = usize::from(points.len() > 1);
            assert_eq!(found.shares.iter().filter(|s| **s > 0.0).count(), spread);
            if spread > 0 {
                assert!((found.directions[(0, 0)] - 0.5_f64.sqrt()).abs() < 1e-14);
            }
        }
        assert!(principal(&[], 2).is_none());
        assert!(principal(&[&[1.0, f64::NAN], &[0.0, 0.0]], 2).is_none());
    }
}
