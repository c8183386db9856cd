//! Balls `mid +- rad`, eight at a time: the arithmetic of the sweeps, in round-to-nearest and without branches.
//!
//! Each operation's radius is the exact one plus the rounding error of the midpoint (at most `u` times its result, and
//! far less than [`TINY`] where it underflows), and is itself a sum of terms that are not negative: computed in
//! at most six roundings, it is below the exact value by a factor of at least `(1 - u)^6`, for which `1 + 8 u` makes up.
//! An overflow leaves an infinity or NaN as radius; [`Ball::interval`] reads both as all of R.

use std::array;

use crate::rigor::Interval;
use crate::rigor::rounding::UNIT;

/// Balls in one [`Lanes`].
pub(super) const LANES: usize = 8;
/// Makes up for at most six roundings downwards.
pub(super) const GROW: f64 = 1.0 + 8.0 * UNIT;
/// More than all errors by underflow of one operation; so large that what radii are multiplied by does not lead to
/// subnormal numbers, which are slow.
pub(super) const TINY: f64 = 1e-200;

/// A ball.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ball {
    pub(super) mid: f64,
    pub(super) rad: f64,
}

impl Ball {
    /// The smallest ball about the interval's middle.
    #[inline(always)]
    pub(super) fn of(x: Interval) -> Ball {
        Ball { mid: x.mid(), rad: if x.is_point() { 0.0 } else { x.rad() } }
    }

    #[inline(always)]
    pub(super) fn interval(self) -> Interval {
        Interval::about(self.mid, self.rad)
    }
}

/// Balls side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    pub(super) mid: [f64; LANES],
    pub(super) rad: [f64; LANES],
}

impl Lanes {
    pub(super) const ZERO: Lanes = Lanes { mid: [0.0; LANES], rad: [0.0; LANES] };

    /// The same ball in each place.
    #[inline(always)]
    pub(super) fn all(b: Ball) -> Lanes {
        Lanes { mid: [b.mid; LANES], rad: [b.rad; LANES] }
    }

    /// Those that begin at `at` of two lists.
    #[inline(always)]
    pub(super) fn load(mid: &[f64], rad: &[f64], at: usize) -> Lanes {
        let mut lanes = Lanes::ZERO;
        lanes.mid.copy_from_slice(&mid[at..at + LANES]);
        lanes.rad.copy_from_slice(&rad[at..at + LANES]);
        lanes
    }

    #[inline(always)]
    pub(super) fn store(&self, mid: &mut [f64], rad: &mut [f64], at: usize) {
        mid[at..at + LANES].copy_from_slice(&self.mid);
        rad[at..at + LANES].copy_from_slice(&self.rad);
    }

    #[inline(always)]
    pub(super) fn plus(self, b: Lanes) -> Lanes {
        let mid: [f64; LANES] = array::from_fn(|i| self.mid[i] + b.mid[i]);
        let rad = array::from_fn(|i| (self.rad[i] + b.rad[i] + (UNIT * mid[i].abs() + TINY)) * GROW);
        Lanes { mid, rad }
    }

    #[inline(always)]
    pub(super) fn times(self, b: Lanes) -> Lanes {
        let mid: [f64; LANES] = array::from_fn(|i| self.mid[i] * b.mid[i]);
        let rad = array::from_fn(|i| {
            let spread = self.mid[i].abs() * b.rad[i] + self.rad[i] * (b.mid[i].abs() + b.rad[i]);
            (spread + (UNIT * mid[i].abs() + TINY)) * GROW
        });
        Lanes { mid, rad }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(mid: f64, rad: f64) -> Lanes {
        Lanes::all(Ball { mid, rad })
    }

    /// `a b` and `a + b` exactly, as the sum of two numbers.
    fn exact(a: f64, b: f64) -> ([f64; 2], [f64; 2]) {
        let (p, s) = (a * b, a + b);
        let t = s - a;
        ([p, a.mul_add(b, -p)], [s, (a - (s - t)) + (b - t)])
    }

    #[test]
    fn radii_cover_the_rounding_of_midpoints() {
        let mut state = 7u64;
        let mut random = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        for _ in 0..20_000 {
            let (a, b) = (random(), random());
            let ([_, product], [_, sum]) = exact(a, b);
            let (p, s) = (one(a, 0.0).times(one(b, 0.0)), one(a, 0.0).plus(one(b, 0.0)));
            // What rounding left out lies within the radius, which is no more than twice the unit.
            assert!(product.abs() <= p.rad[0] && p.rad[0] <= 1.1 * UNIT * p.mid[0].abs());
            assert!(sum.abs() <= s.rad[0] && s.rad[0] <= 1.1 * UNIT * s.mid[0].abs() + 2.0 * TINY);
        }
    }

    #[test]
    fn products_reach_the_corners() {
        for (a, ra, b, rb) in [(3.0, 1.0, -5.0, 0.5), (-2.0, 4.0, 0.5, 1.0), (0.0, 1.0, 0.0, 2.0)] {
            let p = one(a, ra).times(one(b, rb));
            for (s, t) in [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)] {
                let corner: f64 = (a + s * ra) * (b + t * rb);
                assert!((corner - p.mid[0]).abs() <= p.rad[0]);
            }
            let q = one(a, ra).plus(one(b, rb));
            assert!(q.rad[0] >= ra + rb && q.rad[0] <= (ra + rb) * (1.0 + 1e-14));
        }
    }

    #[test]
    fn what_overflows_is_all_of_r() {
        let huge = one(1e200, 1.0);
        let all = huge.times(huge);
        assert_eq!(Ball { mid: all.mid[0], rad: all.rad[0] }.interval(), Interval::ENTIRE);
        let both = huge.times(huge).plus(one(-1e200, 0.0).times(huge));
        assert_eq!(Ball { mid: both.mid[0], rad: both.rad[0] }.interval(), Interval::ENTIRE);
        let tiny = one(1e-200, 0.0).times(one(1e-200, 0.0));
        assert!(tiny.mid[0] == 0.0 && tiny.rad[0] > 0.0);
        let all = Ball::of(Interval::ENTIRE);
        assert_eq!(all.interval(), Interval::ENTIRE);
    }
}
