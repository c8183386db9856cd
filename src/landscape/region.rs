//! The compact set in which a landscape is studied: a ball, a box, a torus, or a box with some periodic coordinates.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// Ball or box.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// `|x - center| <= radius`.
    Ball {
        /// Centre, one number a coordinate.
        center: Vec<f64>,
        /// Radius.
        radius: f64,
    },
    /// `lower[i] <= x[i] <= upper[i]`.
    Box {
        /// Lower corner.
        lower: Vec<f64>,
        /// Upper corner.
        upper: Vec<f64>,
    },
}

/// A compact region of R^n; coordinates with a period have no boundary (their box side is one period).
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its shape.
    pub shape: Shape,
    /// Period of each coordinate, or `None`; empty if there is none at all. Only boxes may be periodic.
    pub period: Vec<Option<f64>>,
}

impl Region {
    /// A ball without periods.
    pub fn ball(center: Vec<f64>, radius: f64) -> Self {
        Region { shape: Shape::Ball { center, radius }, period: vec![] }
    }

    /// A box without periods.
    pub fn cuboid(lower: Vec<f64>, upper: Vec<f64>) -> Self {
        Region { shape: Shape::Box { lower, upper }, period: vec![] }
    }

    /// Dimension of the space it lies in.
    pub fn dim(&self) -> usize {
        match &self.shape {
            Shape::Ball { center, .. } => center.len(),
            Shape::Box { lower, .. } => lower.len(),
        }
    }

    /// Centre of the region.
    pub fn center(&self) -> Vec<f64> {
        match &self.shape {
            Shape::Ball { center, .. } => center.clone(),
            Shape::Box { lower, upper } => lower.iter().zip(upper).map(|(a, b)| 0.5 * (a + b)).collect(),
        }
    }

    /// Half its diameter: the radius of a ball, half the diagonal of a box.
    pub fn radius(&self) -> f64 {
        match &self.shape {
            Shape::Ball { radius, .. } => *radius,
            Shape::Box { lower, upper } => {
                0.5 * lower.iter().zip(upper).map(|(a, b)| (b - a).powi(2)).sum::<f64>().sqrt()
            }
        }
    }

    /// Period of coordinate `i`.
    pub fn period_of(&self, i: usize) -> Option<f64> {
        self.period.get(i).copied().flatten()
    }

    /// Is at least one coordinate periodic?
    pub fn is_periodic(&self) -> bool {
        self.period.iter().any(Option::is_some)
    }

    /// Is every coordinate periodic, so that there is no boundary?
    pub fn is_closed(&self) -> bool {
        self.period.len() == self.dim() && self.period.iter().all(Option::is_some)
    }

    /// Moves periodic coordinates into the box.
    pub fn wrap(&self, x: &mut [f64]) {
        let Shape::Box { lower, .. } = &self.shape else { return };
        for (i, x) in x.iter_mut().enumerate() {
            if let Some(p) = self.period_of(i) {
                let turns = ((*x - lower[i]) / p).floor();
                *x -= turns * p;
                if *x >= lower[i] + p {
                    *x = lower[i];
                }
            }
        }
    }

    /// `b - a`, the shortest way around where a coordinate is periodic.
    pub fn difference(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        a.iter()
            .zip(b)
            .enumerate()
            .map(|(i, (a, b))| match self.period_of(i) {
                Some(p) => (b - a) - p * ((b - a) / p).round(),
                None => b - a,
            })
            .collect()
    }

    /// Distance of two points, the shortest way around.
    pub fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        if self.period.is_empty() {
            return a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        }
        self.difference(a, b).iter().map(|d| d * d).sum::<f64>().sqrt()
    }

    /// Does the region, enlarged about its centre by `factor`, contain the point? NaN is nowhere.
    pub fn contains_scaled(&self, x: &[f64], factor: f64) -> bool {
        match &self.shape {
            Shape::Ball { center, radius } => {
                let r2: f64 = x.iter().zip(center).map(|(x, c)| (x - c).powi(2)).sum();
                r2 <= (radius * factor).powi(2)
            }
            Shape::Box { lower, upper } => x.iter().enumerate().all(|(i, x)| {
                if self.period_of(i).is_some() {
                    return x.is_finite();
                }
                let (center, half) = (0.5 * (lower[i] + upper[i]), 0.5 * (upper[i] - lower[i]));
                if factor == 1.0 {
                    *x >= lower[i] && *x <= upper[i]
                } else {
                    (x - center).abs() <= half * factor
                }
            }),
        }
    }

    /// Does the region contain the point?
    pub fn contains(&self, x: &[f64]) -> bool {
        self.contains_scaled(x, 1.0)
    }

    /// How far a straight line from `x` along a unit vector stays inside: to the boundary, half a period where there is none
    /// first; 0 from outside.
    pub fn reach(&self, x: &[f64], direction: &[f64]) -> f64 {
        if !self.contains(x) {
            return 0.0;
        }
        match &self.shape {
            Shape::Ball { center, radius } => {
                let away: Vec<f64> = x.iter().zip(center).map(|(x, c)| x - c).collect();
                let along: f64 = away.iter().zip(direction).map(|(a, d)| a * d).sum();
                let left = radius * radius - away.iter().map(|a| a * a).sum::<f64>();
                (along * along + left.max(0.0)).sqrt() - along
            }
            Shape::Box { lower, upper } => (0..x.len())
                .filter(|i| direction[*i] != 0.0)
                .map(|i| match self.period_of(i) {
                    Some(period) => 0.5 * period / direction[i].abs(),
                    None => {
                        (if direction[i] > 0.0 { upper[i] - x[i] } else { x[i] - lower[i] })
                            / direction[i].abs()
                    }
                })
                .fold(f64::INFINITY, f64::min),
        }
    }

    /// A point drawn uniformly.
    pub fn sample(&self, rng: &mut impl rand::Rng) -> Vec<f64> {
        match &self.shape {
            Shape::Ball { center, radius } => {
                let direction: Vec<f64> = center.iter().map(|_| StandardNormal.sample(rng)).collect();
                let norm = direction.iter().map(|d: &f64| d * d).sum::<f64>().sqrt();
                let r = radius * rng.random::<f64>().powf(1.0 / center.len() as f64);
                center.iter().zip(direction).map(|(c, d)| c + r * d / norm).collect()
            }
            Shape::Box { lower, upper } => {
                lower.iter().zip(upper).map(|(a, b)| a + (b - a) * rng.random::<f64>()).collect()
            }
        }
    }

    /// Moves a point near the boundary onto it, in a box onto the face of `normal`; the outward normal there.
    pub(super) fn to_boundary(&self, x: &mut [f64], normal: &[f64]) -> Vec<f64> {
        match &self.shape {
            Shape::Ball { center, radius } => {
                let mut out: Vec<f64> = x.iter().zip(center).map(|(x, c)| x - c).collect();
                let length = out.iter().map(|d| d * d).sum::<f64>().sqrt();
                out.iter_mut().for_each(|d| *d /= length);
                x.iter_mut().zip(center.iter().zip(&out)).for_each(|(x, (c, d))| *x = c + radius * d);
                out
            }
            Shape::Box { lower, upper } => {
                for i in 0..x.len() {
                    if normal[i] != 0.0 {
                        x[i] = if normal[i] > 0.0 { upper[i] } else { lower[i] };
                    } else if self.period_of(i).is_none() {
                        x[i] = x[i].clamp(lower[i], upper[i]);
                    }
                }
                normal.to_vec()
            }
        }
    }

    /// A point drawn on the boundary and the outward normal there; `None` if there is no boundary.
    pub fn sample_boundary(&self, rng: &mut impl rand::Rng) -> Option<(Vec<f64>, Vec<f64>)> {
        match &self.shape {
            Shape::Ball { center, radius } => {
                let mut n: Vec<f64> = center.iter().map(|_| StandardNormal.sample(rng)).collect();
                let norm = n.iter().map(|d| d * d).sum::<f64>().sqrt();
                n.iter_mut().for_each(|d| *d /= norm);
                Some((center.iter().zip(&n).map(|(c, d)| c + radius * d).collect(), n))
            }
            Shape::Box { lower, upper } => {
                let sides: Vec<usize> = (0..lower.len()).filter(|&i| self.period_of(i).is_none()).collect();
                if sides.is_empty() {
                    return None;
                }
                let mut x = self.sample(rng);
                let i = sides[rng.random_range(0..sides.len())];
                let up: bool = rng.random();
                let mut n = vec![0.0; lower.len()];
                x[i] = if up { upper[i] } else { lower[i] };
                n[i] = if up { 1.0 } else { -1.0 };
                Some((x, n))
            }
        }
    }
}
