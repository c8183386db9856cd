//! Functions of two variables, by the corners at which they are extreme.

use crate::rigor::Interval;
use crate::rigor::rounding::{down, up};

impl Interval {
    /// The angle of the points `(x, self)`, in `(-pi, pi]`; all reals where it jumps: if the origin is among them, or points
    /// of the negative axis and below it.
    pub fn atan2(self, x: Interval) -> Interval {
        let y = self;
        if y.hi() < 0.0 || (y.hi() == 0.0 && y.lo() < 0.0 && x.lo() > 0.0) {
            return -(-y).atan2(x);
        }
        // A zero is a positive zero: the sign of a zero would choose the side of the cut.
        let at = |y: f64, x: f64| core_math::atan2(y + 0.0, x);
        if y.lo() >= 0.0 {
            if y.lo() == 0.0 && x.contains(0.0) {
                return Interval::ENTIRE;
            }
            // It falls with x; with y it rises on the right and falls on the left.
            let least = at(if x.hi() >= 0.0 { y.lo() } else { y.hi() }, x.hi());
            let most = at(if x.lo() >= 0.0 { y.hi() } else { y.lo() }, x.lo());
            return Interval::new(down(least).max(0.0), up(most));
        }
        if x.lo() > 0.0 {
            return Interval::new(down(at(y.lo(), x.lo())), up(at(y.hi(), x.lo())));
        }
        Interval::ENTIRE
    }

    /// `x^y` for the numbers x of `self` and y of `exponent`: defined for x > 0, x = 0 with y > 0, and for every x (but
    /// zero, with y < 0) where the exponent is one integer.
    pub fn pow(self, exponent: Interval) -> Interval {
        let (x, y) = (self, exponent);
        if !(x.lo() > 0.0 || (x.lo() == 0.0 && y.lo() > 0.0)) {
            let n = y.lo() as i32;
            return if y.is_point() && f64::from(n) == y.lo() { x.powi(n) } else { Interval::ENTIRE };
        }
        // exp(y log x) is extreme where the product y log x is: at the corners told by the signs of both factors.
        let at = core_math::pow;
        if x.is_point() && y.is_point() {
            let value = at(x.lo(), y.lo());
            return Interval::new(down(value).max(0.0), up(value));
        }
        let (least, most) = if y.lo() >= 0.0 {
            (
                at(x.lo(), if x.lo() >= 1.0 { y.lo() } else { y.hi() }),
                at(x.hi(), if x.hi() >= 1.0 { y.hi() } else { y.lo() }),
            )
        } else if y.hi() <= 0.0 {
            (
                at(x.hi(), if x.hi() >= 1.0 { y.lo() } else { y.hi() }),
                at(x.lo(), if x.lo() >= 1.0 { y.hi() } else { y.lo() }),
            )
        } else if x.lo() >= 1.0 {
            (at(x.hi(), y.lo()), at(x.hi(), y.hi()))
        } else if x.hi() <= 1.0 {
            (at(x.lo(), y.hi()), at(x.lo(), y.lo()))
        } else {
            (at(x.hi(), y.lo()).min(at(x.lo(), y.hi())), at(x.hi(), y.hi()).max(at(x.lo(), y.lo())))
        };
        Interval::new(down(least).max(0.0), up(most))
    }

    /// `x^c`, defined as [`Interval::pow`] is.
    #[inline]
    pub fn powf(self, c: f64) -> Interval {
        self.pow(Interval::point(c))
    }
}
