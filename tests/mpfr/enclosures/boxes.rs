//! Random numbers, boxes and points in them.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::rigor::Interval;

/// The source of all random numbers of one landscape.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(kind: u64, case: usize) -> Self {
        Draw(ChaCha8Rng::seed_from_u64((kind << 40) + case as u64))
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.random()
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    pub(crate) fn normals(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.normal()).collect()
    }

    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Ten to a power between two.
    pub(crate) fn power(&mut self, low: f64, high: f64) -> f64 {
        10f64.powf(self.uniform(low, high))
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// n, mostly small.
    pub(crate) fn dimension(&mut self, most: usize) -> usize {
        if self.chance(0.9) { 1 + self.below(most.min(4)) } else { 1 + self.below(most) }
    }

    /// A box about `center`: a point, a few units in the last place, tiny, moderate, as wide as `scale` or more, or
    /// without end. Some coordinates are thin in all of them.
    pub(crate) fn cell(&mut self, center: &[f64], scale: f64) -> Vec<Interval> {
        let style = self.below(7);
        let radius = scale
            * match style {
                2 => self.power(-17.0, -8.0),
                3 | 4 => self.power(-8.0, -1.0),
                _ => self.power(-1.0, 1.2),
            };
        let side = |draw: &mut Draw, c: f64| match style {
            _ if draw.chance(0.15) => Interval::point(c),
            0 => Interval::point(c),
            1 => {
                let mut ends = (c, c);
                (0..draw.below(3)).for_each(|_| ends.0 = ends.0.next_down());
                (0..draw.below(3)).for_each(|_| ends.1 = ends.1.next_up());
                Interval::new(ends.0, ends.1)
            }
            6 if draw.chance(0.4) => match draw.below(4) {
                0 => Interval::new(c, f64::INFINITY),
                1 => Interval::new(f64::NEG_INFINITY, c),
                2 => Interval::ENTIRE,
                _ => Interval::new(c - 1e9 * scale, c + draw.power(0.0, 200.0)),
            },
            _ => Interval::new(c - radius * draw.unit(), c + radius * draw.unit()),
        };
        center.iter().map(|c| side(self, *c)).collect()
    }

    /// A point of a box: a corner, one inside, or some of both.
    pub(crate) fn point(&mut self, cell: &[Interval], scale: f64) -> Vec<f64> {
        let ends = self.pick(&[0.0, 0.3, 1.0]);
        let place = |x: &Interval| {
            let bounded = x.is_bounded() && x.width() < 1e12 * scale;
            if bounded && self.chance(ends) {
                return if self.chance(0.5) { x.lo() } else { x.hi() };
            }
            if bounded {
                return (x.lo() + self.unit() * (x.hi() - x.lo())).clamp(x.lo(), x.hi());
            }
            // Near a finite end, or far out.
            let from = if x.lo().abs() < 1e12 * scale + 1e12 { x.lo() } else { x.hi() };
            let from = if from.is_finite() { from } else { 0.0 };
            let sign = if self.chance(0.5) { 1.0 } else { -1.0 };
            (from + sign * scale * self.power(-3.0, 4.0)).clamp(x.lo(), x.hi())
        };
        cell.iter().map(place).collect()
    }
}
