//! Do enclosures of a system of equations agree with the gradient up to a positive factor?
//!
//! A system whose zeros are those of a gradient g may be `F = c g` with any positive function c. At a point then `F = c g`
//! and `F_ij = c H_ij + g_i w_j` with `w = grad c`. Enclosures of F and its Jacobian agree with exact g and H if there
//! are a number c > 0 and a vector w with which all entries hold: for each column j the sets of w_j that the rows leave are
//! intervals, with ends linear in c, of which each two must meet.

use rug::Float;
use smale::rigor::Interval;

/// What is left of c.
struct Range {
    low: Float,
    high: Float,
    /// A contradiction has been met.
    empty: bool,
}

/// Bits that the exact values may have lost.
const LOST: u32 = 120;

impl Range {
    /// `a c <= b`, where the numbers that a and b are differences of are as large as `a_size` and `b_size`.
    fn at_most(&mut self, a: &Float, b: &Float, a_size: &Float, b_size: &Float) {
        if !b.is_finite() || !a.is_finite() {
            self.empty |= b.is_infinite() && b.is_sign_negative() || b.is_nan() || a.is_nan();
            return;
        }
        let bits = a.prec();
        let slack = |size: &Float| size.clone() >> (bits - LOST);
        let b = slack(b_size) + b;
        if a.clone().abs() <= slack(a_size) {
            // The coefficient vanishes, but for rounding.
            self.empty |= b < 0;
        } else if *a > 0 {
            self.high.min_mut(&(b / a));
        } else {
            self.low.max_mut(&(b / a));
        }
    }

    fn is_empty(&self) -> bool {
        let room = self.high.clone() + (self.high.clone() >> (self.high.prec() - LOST));
        self.empty || !(self.low <= room) || !(self.high > 0)
    }
}

/// Is there a positive c with `c g` in `values` and, for some vector w, `c h + g w'` in `jacobian` (n x n, row by row; none
/// if empty)? The gradient is a difference of terms as large as the Hessian times `reach`, so that its smallest numbers may
/// be rounding errors, and so may be those of the Hessian.
pub(crate) fn agree(
    g: &[Float],
    h: &[Vec<Float>],
    values: &[&[Interval]],
    jacobian: &[Interval],
    reach: f64,
) -> bool {
    let (n, bits) = (g.len(), h[0][0].prec());
    let float = |x: f64| Float::with_val(bits, x);
    let largest = h.iter().flatten().fold(float(0.0), |m, h| m.max(&h.clone().abs()));
    let nothing = Float::with_val(bits, &largest * reach) >> (bits - LOST);
    let known = |g: &Float| if g.clone().abs() <= nothing { float(0.0) } else { g.clone() };
    let g: Vec<Float> = g.iter().map(known).collect();
    let mut c = Range { low: float(0.0), high: float(f64::INFINITY), empty: false };
    let inside = |c: &mut Range, factor: &Float, size: &Float, x: Interval| {
        let zero = float(0.0);
        c.at_most(factor, &float(x.hi()), size, &zero);
        c.at_most(&Float::with_val(bits, -factor), &float(-x.lo()), size, &zero);
    };
    for values in values {
        g.iter().zip(*values).for_each(|(g, x)| inside(&mut c, g, &nothing, *x));
    }
    for j in (0..n).filter(|_| !jacobian.is_empty()) {
        // w_j lies in [l - c s, u - c s].
        let mut rows = vec![];
        for i in 0..n {
            let (entry, slope) = (jacobian[i * n + j], &h[i][j]);
            if g[i].is_zero() {
                inside(&mut c, slope, &largest, entry);
                continue;
            }
            let (a, b) = (float(entry.lo()) / &g[i], float(entry.hi()) / &g[i]);
            let (low, high) = if g[i] > 0 { (a, b) } else { (b, a) };
            let size = Float::with_val(bits, &largest / &g[i]).abs();
            rows.push((low, high, Float::with_val(bits, slope / &g[i]), size));
        }
        for (low, _, s, s_size) in &rows {
            for (_, high, t, t_size) in &rows {
                // low - c s <= high - c t.
                let (a, b) = (Float::with_val(bits, t - s), Float::with_val(bits, high - low));
                let size = low.clone().abs() + high.clone().abs();
                c.at_most(&a, &b, &Float::with_val(bits, s_size + t_size), &size);
            }
        }
    }
    !c.is_empty()
}

#[test]
fn a_common_factor_is_told_from_none() {
    let float = |x: f64| Float::with_val(200, x);
    let g = [float(1.0), float(-2.0)];
    let h = [vec![float(3.0), float(1.0)], vec![float(1.0), float(5.0)]];
    let about = |x: f64| Interval::about(x, 1e-3);
    // c = 4, w = (0.5, -7).
    let values = [about(4.0), about(-8.0)];
    let jacobian = [12.5, -3.0, 3.0, 34.0].map(about);
    assert!(agree(&g, &h, &[&values], &jacobian, 1.0));
    assert!(!agree(&g, &h, &[&[about(4.0), about(-8.1)]], &[], 1.0));
    assert!(!agree(&g, &h, &[&[about(-4.0), about(8.0)]], &[], 1.0));
    assert!(!agree(&g, &h, &[&values], &[12.5, -3.0, 3.01, 34.0].map(about), 1.0));
    // Where g vanishes the Jacobian is c times the Hessian.
    let zero = [float(0.0), float(0.0)];
    let multiple = [6.0, 2.0, 2.0, 10.0].map(about);
    assert!(agree(&zero, &h, &[&[about(0.0), about(0.0)]], &multiple, 1.0));
    assert!(!agree(&zero, &h, &[], &multiple.map(|x| -x), 1.0));
    assert!(!agree(&zero, &h, &[], &jacobian, 1.0));
}
