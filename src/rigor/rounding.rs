//! Bounds of the sums, products and quotients of floating-point numbers, in round-to-nearest.
//!
//! Nothing here changes the processor's rounding mode. The result of one operation is moved outwards by at least one
//! unit in the last place, without branches (Rump, Zimmermann, Boldo & Melquiond 2009, "Computing predecessor and
//! successor in rounding to nearest", BIT 49): with `u = 2^-53`, `phi = u (1 + 2u)` and `eta` the smallest positive
//! number, `c - (phi |c| + eta)`, each operation rounded, is at most the predecessor of c.
//!
//! What is not a number becomes the infinity that bounds everything: an overflow or an invalid operation can make a
//! bound useless, never wrong.

/// The unit roundoff of double precision, `2^-53`.
pub const UNIT: f64 = f64::EPSILON / 2.0;
/// `u (1 + 2u)`.
const PHI: f64 = UNIT * (1.0 + 2.0 * UNIT);
/// The smallest positive number.
const ETA: f64 = f64::from_bits(1);

/// A number below every real that rounds to `c`.
#[inline(always)]
pub fn down(c: f64) -> f64 {
    let lower = down_finite(c);
    if lower.is_nan() {
        // Infinity as a rounded result stands for any number above the largest; as a lower bound that one will do.
        return if c == f64::INFINITY { f64::MAX } else { f64::NEG_INFINITY };
    }
    lower
}

/// As [`down`], of a finite number.
#[inline(always)]
pub(super) fn down_finite(c: f64) -> f64 {
    c - (PHI * c.abs() + ETA)
}

/// As [`up`], of a finite number.
#[inline(always)]
pub(super) fn up_finite(c: f64) -> f64 {
    c + (PHI * c.abs() + ETA)
}

/// A number above every real that rounds to `c`.
#[inline(always)]
pub fn up(c: f64) -> f64 {
    -down(-c)
}

/// An upper bound of `a + b`; exact where one of them or the sum is zero.
#[inline(always)]
pub fn add_up(a: f64, b: f64) -> f64 {
    let sum = a + b;
    // Sums do not underflow: a rounded zero is a zero.
    let exact = a == 0.0 || b == 0.0 || sum == 0.0;
    let upper = if exact { sum } else { up_finite(sum) };
    if upper.is_nan() { up(sum) } else { upper }
}

/// A lower bound of `a + b`; exact where one of them or the sum is zero.
#[inline(always)]
pub fn add_down(a: f64, b: f64) -> f64 {
    -add_up(-a, -b)
}

/// An upper bound of `a - b`.
#[inline(always)]
pub fn sub_up(a: f64, b: f64) -> f64 {
    add_up(a, -b)
}

/// A lower bound of `a - b`.
#[inline(always)]
pub fn sub_down(a: f64, b: f64) -> f64 {
    add_down(a, -b)
}

/// An upper bound of `a b`; zero where one of them is zero.
#[inline(always)]
pub fn mul_up(a: f64, b: f64) -> f64 {
    let product = a * b;
    let upper = up_finite(product);
    if product == 0.0 || upper.is_nan() { mul_up_extreme(a, b) } else { upper }
}

/// As [`mul_up`], where the product vanishes or is not finite.
#[cold]
#[inline(never)]
fn mul_up_extreme(a: f64, b: f64) -> f64 {
    // Zero times infinity is zero: an infinite end bounds numbers, each of which is finite.
    if (a == 0.0 && !b.is_nan()) || (b == 0.0 && !a.is_nan()) { 0.0 } else { up(a * b) }
}

/// A lower bound of `a b`; zero where one of them is zero.
#[inline(always)]
pub fn mul_down(a: f64, b: f64) -> f64 {
    -mul_up(-a, b)
}

/// An upper bound of `a / b`, for `b != 0`.
#[inline(always)]
pub fn div_up(a: f64, b: f64) -> f64 {
    if a == 0.0 && b.abs() > 0.0 { 0.0 } else { up(a / b) }
}

/// A lower bound of `a / b`, for `b != 0`.
#[inline(always)]
pub fn div_down(a: f64, b: f64) -> f64 {
    -div_up(-a, b)
}

/// An upper bound of the square root of `a >= 0`.
#[inline(always)]
pub fn sqrt_up(a: f64) -> f64 {
    if a == 0.0 { 0.0 } else { up(a.sqrt()) }
}

/// A lower bound of the square root of `a >= 0`, zero or more.
#[inline(always)]
pub fn sqrt_down(a: f64) -> f64 {
    down(a.sqrt()).max(0.0)
}

/// An upper bound of a sum.
pub fn sum_up(terms: impl IntoIterator<Item = f64>) -> f64 {
    terms.into_iter().fold(0.0, add_up)
}

/// Between one over this and this, squares neither overflow nor vanish.
pub(super) const ORDINARY: f64 = 1e90;

/// An upper bound of the root of a sum of squares, from the sum as it was computed, in any order, and the largest of the numbers; `None` if
/// such squares may overflow, or all vanish.
pub(super) fn root_of_squares(squares: f64, largest: f64, count: usize) -> Option<f64> {
    // `1/(1 - m u) <= 1 + 1.01 m u` for m roundings, m u < 1e-3. What underflow takes of a square is below 1e-323, of all that are taken
    // together far below the last roundings, which go upwards.
    let inflate = 1.0 + 1.01 * (count + 2) as f64 * UNIT;
    let ordinary = largest > 1.0 / ORDINARY && largest < ORDINARY && count < 1 << 40;
    ordinary.then(|| sqrt_up(mul_up(up(inflate), squares)))
}

/// An upper bound of the Euclidean norm.
pub fn norm_up(x: &[f64]) -> f64 {
    let (mut largest, mut squares) = (0.0_f64, 0.0);
    for x in x {
        largest = if x.abs() > largest { x.abs() } else { largest };
        squares += x * x;
    }
    if squares.is_nan() {
        return f64::INFINITY;
    }
    if largest == 0.0 || largest == f64::INFINITY {
        return largest;
    }
    root_of_squares(squares, largest, x.len()).unwrap_or_else(|| {
        // Scaled, so that squares neither overflow nor vanish.
        let squares = sum_up(x.iter().map(|x| {
            let t = div_up(x.abs(), largest);
            mul_up(t, t)
        }));
        mul_up(largest, sqrt_up(squares))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_one_or_two_units_away() {
        for c in [1.0, 1.5, -2.0, 1e-300, 5e-324, -1e308, 3.1, f64::MAX, f64::MIN_POSITIVE, 0.0, -0.0] {
            assert!(down(c) <= c.next_down() && down(c) >= c.next_down().next_down(), "{c:e}");
            assert!(up(c) >= c.next_up() && up(c) <= c.next_up().next_up(), "{c:e}");
        }
    }

    #[test]
    fn what_is_not_a_number_bounds_everything() {
        assert_eq!(down(f64::NAN), f64::NEG_INFINITY);
        assert_eq!(up(f64::NAN), f64::INFINITY);
        assert_eq!(down(f64::INFINITY), f64::MAX);
        assert_eq!(up(f64::INFINITY), f64::INFINITY);
        assert_eq!(down(f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(up(f64::NEG_INFINITY), f64::MIN);
        assert_eq!(add_up(f64::INFINITY, f64::NEG_INFINITY), f64::INFINITY);
        assert_eq!(norm_up(&[1.0, f64::NAN]), f64::INFINITY);
    }

    #[test]
    fn zeros_stay() {
        assert_eq!(mul_up(0.0, 3.0), 0.0);
        assert_eq!(mul_down(0.0, f64::INFINITY), 0.0);
        assert_eq!(add_up(0.0, 0.1), 0.1);
    }

    #[test]
    fn norms_neither_overflow_nor_vanish() {
        let n = norm_up(&[3e200, 4e200]);
        assert!((5e200..5.000_000_000_01e200).contains(&n));
        let n = norm_up(&[3e-200, 4e-200]);
        assert!((5e-200..5.000_000_000_01e-200).contains(&n));
    }

    #[test]
    fn norms_of_many_are_bounds() {
        // Squares just below u, each lost beside one.
        let small = (UNIT * (1.0 - 1e-12)).sqrt();
        let x: Vec<f64> = (0..1000).map(|i| if i == 0 { 1.0 } else { small }).collect();
        let above = norm_up(&x) - 1.0;
        let close = 0.5 * 999.0 * UNIT * (1.0 - 1e-11)..2020.0 * UNIT;
        assert!(close.contains(&above), "{}", above / UNIT);
        // n ones, compared exactly.
        for n in 1..100 {
            let norm = norm_up(&vec![1.0; n]);
            assert!(norm.mul_add(norm, -(n as f64)) >= 0.0, "{n}");
        }
    }
}
