//! Legendre polynomials.

/// `P_0(x) ..= P_n(x)`, by the three-term recurrence; n is 1 or more.
pub(super) fn polynomials(x: f64, n: usize) -> Vec<f64> {
    let mut p = vec![1.0, x];
    for k in 1..n {
        p.push(((2 * k + 1) as f64 * x * p[k] - k as f64 * p[k - 1]) / (k + 1) as f64);
    }
    p
}
