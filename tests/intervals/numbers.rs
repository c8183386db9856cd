//! Random numbers that are meant to hurt, and intervals of them.

use std::f64::consts::FRAC_PI_2;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::rigor::Interval;

pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Draw(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(crate) fn below(&mut self, n: i64) -> i64 {
        self.0.random_range(0..n)
    }

    pub(crate) fn uniform(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.0.random::<f64>()
    }

    fn sign(&mut self) -> f64 {
        if self.0.random() { 1.0 } else { -1.0 }
    }

    /// A finite number of some kind.
    pub(crate) fn number(&mut self) -> f64 {
        let sign = self.sign();
        let few = self.below(9) - 4;
        match self.below(12) {
            0 => loop {
                let x = f64::from_bits(self.0.random());
                if x.is_finite() {
                    return x;
                }
            },
            1 => sign * f64::from_bits(self.0.random::<u64>() >> self.0.random_range(12..64)),
            2 => {
                sign * [0.0, 1.0, 2.0, 0.5, f64::MAX, f64::MIN_POSITIVE, 5e-324, 3.0][self.below(8) as usize]
            }
            3 => moved(sign, few),
            4 => sign * (1.0 + self.uniform(-1.0, 1.0) * 2f64.powi(-(self.below(52) as i32))),
            5 => {
                let turns = self.0.random::<u64>() >> self.0.random_range(11..63);
                moved(sign * turns as f64 * FRAC_PI_2, few)
            }
            6 => sign * 10f64.powf(self.uniform(-320.0, 308.0)),
            7 => self.uniform(-800.0, 800.0),
            8 => self.below(41) as f64 - 20.0,
            _ => sign * 10f64.powf(self.uniform(-4.0, 2.0)),
        }
    }

    /// A point, a narrow interval, any interval, or one without an end.
    pub(crate) fn interval(&mut self) -> Interval {
        let (x, y) = (self.number(), self.number());
        let narrow = x + x.abs() * 10f64.powf(self.uniform(-16.0, 0.0));
        match self.below(16) {
            0..5 => Interval::point(x),
            5..10 if narrow.is_finite() => Interval::new(x, narrow),
            10 => Interval::new(f64::NEG_INFINITY, x),
            11 => Interval::new(x, f64::INFINITY),
            12 => Interval::new(x, moved(x, self.below(3))),
            _ => Interval::new(x.min(y), x.max(y)),
        }
    }

    /// A finite number of an interval: often an end, or one next to it.
    pub(crate) fn of(&mut self, x: Interval) -> f64 {
        let (lo, hi) = (x.lo().max(f64::MIN), x.hi().min(f64::MAX));
        let t = self.uniform(0.0, 1.0);
        match self.below(5) {
            0 => lo,
            1 => hi,
            2 => self.number().clamp(lo, hi),
            3 => moved(lo, self.below(4)).clamp(lo, hi),
            _ => (lo * (1.0 - t) + hi * t).clamp(lo, hi),
        }
    }
}

/// Some numbers further, within the finite ones.
pub(crate) fn moved(x: f64, steps: i64) -> f64 {
    let next = if steps > 0 { f64::next_up } else { f64::next_down };
    (0..steps.abs()).fold(x, |x, _| next(x)).clamp(f64::MIN, f64::MAX)
}

/// How many numbers lie between, signs and infinities included; zeros are the same.
pub(crate) fn steps(from: f64, to: f64) -> i128 {
    let place = |x: f64| {
        let magnitude = i128::from(x.abs().to_bits());
        if x < 0.0 { -magnitude } else { magnitude }
    };
    place(to) - place(from)
}
