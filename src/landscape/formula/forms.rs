//! Ranges of polynomials of low degree over boxes, by monotonicity, sharper than term by term.

use crate::rigor::Interval;

/// Encloses a polynomial (coefficients lowest first), whose derivative is `slope`, over an interval: by its values at the
/// ends where it is monotone, else by the mean value form.
pub(super) fn polynomial(p: &[Interval], slope: &[Interval], x: Interval) -> Interval {
    if !x.is_bounded() {
        return direct(p, x);
    }
    if x.is_point() {
        return at(p, x.lo());
    }
    let steep = direct(slope, x);
    if steep.lo() >= 0.0 || steep.hi() <= 0.0 {
        return at(p, x.lo()).hull(at(p, x.hi()));
    }
    let middle = x.mid();
    let mean = at(p, middle) + steep * x.shift(-middle);
    // Both hold all values: they meet.
    direct(p, x).meet(mean).unwrap_or(mean)
}

/// The polynomial at a number.
fn at(p: &[Interval], x: f64) -> Interval {
    p.iter().rev().copied().reduce(|sum, c| sum.scale(x) + c).unwrap_or(Interval::ZERO)
}

/// The polynomial over an interval: by Horner's rule where x has one sign, else power by power.
fn direct(p: &[Interval], x: Interval) -> Interval {
    if x.lo() >= 0.0 || x.hi() <= 0.0 {
        return p.iter().rev().copied().reduce(|sum, c| sum * x + c).unwrap_or(Interval::ZERO);
    }
    let powers = p.iter().enumerate().filter(|(_, c)| **c != Interval::ZERO);
    powers.fold(Interval::ZERO, |sum, (k, c)| sum + *c * x.powi(k as i32))
}

/// The most variables of a quadratic form.
pub(super) const VARIABLES: usize = 3;

/// `sum_i (linear_i + square_i x_i) x_i + sum_(i<j) mixed_ij x_i x_j`.
#[derive(Clone, Debug)]
pub(super) struct Quadratic {
    /// The slots of the variables.
    pub(super) slots: Vec<u32>,
    pub(super) linear: [Interval; VARIABLES],
    pub(super) square: [Interval; VARIABLES],
    /// Symmetric.
    pub(super) mixed: [[Interval; VARIABLES]; VARIABLES],
}

impl Quadratic {
    /// Encloses it over a box.
    pub(super) fn range(&self, x: &[Interval; VARIABLES]) -> Interval {
        let n = self.slots.len();
        if x[..n].iter().all(|x| x.is_point()) || !x[..n].iter().all(|x| x.is_bounded()) {
            return self.direct(x);
        }
        let mut slope = [Interval::ZERO; VARIABLES];
        let (mut least, mut most) = (*x, *x);
        let mut left = 0;
        for i in 0..n {
            let mut sum = self.linear[i] + (self.square[i] * x[i]).scale(2.0);
            for j in (0..n).filter(|j| *j != i) {
                sum += self.mixed[i][j] * x[j];
            }
            slope[i] = sum;
            let (low, high) = (Interval::point(x[i].lo()), Interval::point(x[i].hi()));
            if sum.lo() >= 0.0 {
                (least[i], most[i]) = (low, high);
            } else if sum.hi() <= 0.0 {
                (least[i], most[i]) = (high, low);
            } else {
                left += 1;
            }
        }
        if left == n {
            return self.inside(x, &slope);
        }
        Interval::new(self.inside(&least, &slope).lo(), self.inside(&most, &slope).hi())
    }

    /// Over a part of the box on which `slope` encloses the gradient.
    fn inside(&self, x: &[Interval; VARIABLES], slope: &[Interval; VARIABLES]) -> Interval {
        let n = self.slots.len();
        let mut wide = (0..n).filter(|i| !x[*i].is_point());
        let Some(i) = wide.next() else { return self.direct(x) };
        if wide.next().is_none() {
            // A polynomial in the variable that is left.
            let mut rest = *x;
            rest[i] = Interval::ZERO;
            let mut linear = self.linear[i];
            for j in (0..n).filter(|j| *j != i) {
                linear += self.mixed[i][j] * x[j];
            }
            let p = [self.direct(&rest), linear, self.square[i]];
            return parabola(&p, x[i]);
        }
        let mut middle = *x;
        let mut change = Interval::ZERO;
        for i in 0..n {
            let m = x[i].mid();
            middle[i] = Interval::point(m);
            change += slope[i] * x[i].shift(-m);
        }
        let mean = self.direct(&middle) + change;
        self.direct(x).meet(mean).unwrap_or(mean)
    }

    /// Term by term.
    fn direct(&self, x: &[Interval; VARIABLES]) -> Interval {
        let mut sum = Interval::ZERO;
        for i in 0..self.slots.len() {
            sum += self.linear[i] * x[i] + self.square[i] * x[i].sqr();
            for j in 0..i {
                sum += self.mixed[i][j] * (x[i] * x[j]);
            }
        }
        sum
    }
}

/// A polynomial of degree two: by its values at the ends and, where it turns in between, at its vertex.
fn parabola(p: &[Interval; 3], x: Interval) -> Interval {
    let ends = at(p, x.lo()).hull(at(p, x.hi()));
    if p[2].contains(0.0) {
        return direct(p, x);
    }
    let vertex = (-p[1] / p[2]).scale(0.5);
    match vertex.meet(x) {
        // There the value is `c - b^2 / 4a`.
        Some(_) => ends.hull(p[0] - (p[1].sqr() / p[2]).scale(0.25)),
        None => ends,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intervals<const N: usize>(c: [f64; N]) -> [Interval; N] {
        c.map(Interval::point)
    }

    #[test]
    fn polynomials_are_enclosed_sharply_where_they_are_monotone() {
        // 4x^3 - 32x + 5 falls on [-1, 1].
        let (p, slope) = (intervals([5.0, -32.0, 0.0, 4.0]), intervals([-32.0, 0.0, 12.0]));
        let range = polynomial(&p, &slope, Interval::new(-1.0, 1.0));
        assert!(range.contains(33.0) && range.contains(-23.0) && range.width() < 56.000_001);
        // It turns at sqrt(8/3), where it is 5 - 64/3 sqrt(8/3).
        let turn = 5.0 - 64.0 / 3.0 * (8.0f64 / 3.0).sqrt();
        let range = polynomial(&p, &slope, Interval::new(1.5, 2.0));
        assert!(range.contains(turn) && range.contains(5.0 - 32.0) && range.lo() > turn - 5.0);
        assert!(polynomial(&p, &slope, Interval::ENTIRE).contains(1e300));
    }

    #[test]
    fn quadratic_forms_hold_their_values_and_are_sharp_where_monotone() {
        let zero = Interval::ZERO;
        let c = Interval::point;
        let form = Quadratic {
            slots: vec![0, 1],
            linear: [c(0.25), zero, zero],
            square: [c(-6.5), c(-6.5), zero],
            mixed: [[zero, c(11.0), zero], [c(11.0), zero, zero], [zero; 3]],
        };
        let value = |x: f64, y: f64| 0.25 * x - 6.5 * x * x - 6.5 * y * y + 11.0 * x * y;
        for (x, y) in [
            ((-1.0, -0.5), (0.5, 1.0)),
            ((-0.5, 0.75), (-0.25, 0.5)),
            ((0.5, 0.75), (0.5, 0.75)),
            ((1.0, 1.0), (-2.0, 3.0)),
        ] {
            let range = form.range(&[Interval::new(x.0, x.1), Interval::new(y.0, y.1), zero]);
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for i in 0..=64 {
                for j in 0..=64 {
                    // All of these are numbers of few bits: the values are exact.
                    let v = value(
                        x.0 + (x.1 - x.0) * f64::from(i) / 64.0,
                        y.0 + (y.1 - y.0) * f64::from(j) / 64.0,
                    );
                    (low, high) = (low.min(v), high.max(v));
                    assert!(range.contains(v), "{x:?} {y:?}: {v} {range:?}");
                }
            }
            assert!(range.width() <= 4.0 * (high - low) + 1e-9, "{range:?} {low} {high}");
        }
        // On the first box it is monotone in both.
        let range = form.range(&[Interval::new(-1.0, -0.5), Interval::new(0.5, 1.0), zero]);
        assert!(range.width() < value(-0.5, 0.5) - value(-1.0, 1.0) + 1e-12);
    }

    #[test]
    fn a_parabola_turns_where_its_vertex_is() {
        let p = intervals([1.0, -2.0, 3.0]);
        let range = parabola(&p, Interval::new(0.0, 1.0));
        // Least 2/3 at 1/3, most 2 at 1.
        assert!(range.contains(2.0) && range.hi() < 2.000_001);
        assert!(range.lo() <= 2.0 / 3.0 && range.lo() > 0.666_666);
        let range = parabola(&p, Interval::new(0.5, 1.0));
        assert!(range.lo() <= 0.75 && range.lo() > 0.749_999);
    }
}
