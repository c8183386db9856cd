//! Points drawn at random, and rows in a random order.
//!
//! In: a distribution and a seed. Out: a [`RawTable`], or a permutation. ChaCha8 numbers, one row after the other, so that
//! the first rows of a seed are the same however many are drawn.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::RawTable;

/// How a point of R^n is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Uniformly on the unit sphere.
    Sphere,
    /// Independent standard normal coordinates.
    Normal,
    /// Independent coordinates of -1 and +1, either as likely: random patterns of a Hopfield network.
    Signs,
}

impl Distribution {
    /// All of them with their names in a study.
    pub const NAMES: [(&'static str, Distribution); 3] =
        [("sphere", Distribution::Sphere), ("normal", Distribution::Normal), ("signs", Distribution::Signs)];
}

/// Points to be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// How.
    pub distribution: Distribution,
    /// Coordinates of a point, at least 1.
    pub dim: usize,
    /// Number of points, at least 1.
    pub count: usize,
    /// Seed; another one gives other points.
    pub seed: u64,
    /// Factor on all coordinates.
    pub scale: f64,
}

/// Draws the points. Those of a smaller `count` are the first ones of a larger.
pub fn draw(what: &Draw) -> RawTable {
    let mut random = ChaCha8Rng::seed_from_u64(what.seed);
    let mut values = Vec::with_capacity(what.dim * what.count);
    let mut row = vec![0.0; what.dim];
    for _ in 0..what.count {
        match what.distribution {
            Distribution::Normal => row.fill_with(|| random.sample(StandardNormal)),
            Distribution::Signs => row.fill_with(|| if random.random::<bool>() { 1.0 } else { -1.0 }),
            Distribution::Sphere => loop {
                row.fill_with(|| random.sample(StandardNormal));
                let norm = crate::linalg::norm(&row);
                // A normal vector of length zero has no direction.
                if norm > 0.0 {
                    row.iter_mut().for_each(|v| *v /= norm);
                    break;
                }
            },
        }
        values.extend(row.iter().map(|v| what.scale * v));
    }
    RawTable { columns: what.dim, values }
}

/// The numbers below `count` in an order that `seed` settles, all orders being as likely (Fisher and Yates).
pub fn permutation(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(distribution: Distribution, dim: usize, count: usize, seed: u64) -> Vec<f64> {
        draw(&Draw { distribution, dim, count, seed, scale: 2.0 }).values
    }

    #[test]
    fn fewer_points_are_the_first_of_more() {
        for (name, distribution) in Distribution::NAMES {
            let (few, more) = (of(distribution, 3, 7, 5), of(distribution, 3, 8, 5));
            assert_eq!(few, more[..21], "{name}");
            assert_ne!(few, of(distribution, 3, 7, 6), "{name}");
        }
    }

    /// Moments: `E x x' = scale^2 c I` with c = 1/n on the sphere and 1 else. The mean of 20 000 products has a standard
    /// error below `scale^2 sqrt(2 / 20000) = 0.04`; five of them are allowed.
    #[test]
    fn moments_are_those_of_the_distributions() {
        let (dim, count) = (3, 20_000);
        for (name, distribution) in Distribution::NAMES {
            let values = of(distribution, dim, count, 1);
            let c = if distribution == Distribution::Sphere { 1.0 / dim as f64 } else { 1.0 };
            for i in 0..dim {
                let mean: f64 = values.iter().skip(i).step_by(dim).sum::<f64>() / count as f64;
                assert!(mean.abs() < 0.1, "{name}: mean {mean}");
                for j in 0..dim {
                    let mean = values.chunks(dim).map(|x| x[i] * x[j]).sum::<f64>() / count as f64;
                    let exact = if i == j { 4.0 * c } else { 0.0 };
                    assert!((mean - exact).abs() < 0.2, "{name}: {mean} for {exact}");
                }
            }
            let lengths = values.chunks(dim).map(crate::linalg::norm);
            match distribution {
                Distribution::Sphere => lengths.for_each(|l| assert!((l - 2.0).abs() < 1e-14)),
                Distribution::Signs => assert!(values.iter().all(|v| v.abs() == 2.0)),
                Distribution::Normal => {}
            }
        }
    }

    #[test]
    fn permutations_hold_every_number_once() {
        for seed in 0..20 {
            let order = permutation(50, seed);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..50).collect::<Vec<_>>());
            assert_ne!(order, sorted);
        }
        // Each of the six orders of three: 6000 draws, standard deviation 29.
        let mut counts = std::collections::BTreeMap::new();
        (0..6000).for_each(|seed| *counts.entry(permutation(3, seed)).or_insert(0) += 1);
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|n: &i32| (n - 1000).abs() < 150), "{counts:?}");
    }
}
