//! Legendre polynomials and the rule of Gauss that belongs to them.

/// `P_0(x) ..= P_n(x)`, by the three-term recurrence; n is 1 or more.
pub fn polynomials(x: f64, n: usize) -> Vec<f64> {
    let mut p = vec![1.0, x];
    for k in 1..n {
        p.push(((2 * k + 1) as f64 * x * p[k] - k as f64 * p[k - 1]) / (k + 1) as f64);
    }
    p
}

/// Nodes (ascending) and weights of the rule with n nodes on [-1, 1], exact for polynomials of degree 2n - 1.
pub fn rule(n: usize) -> (Vec<f64>, Vec<f64>) {
    (0..n)
        .map(|i| {
            let mut x = -((i as f64 + 0.75) / (n as f64 + 0.5) * std::f64::consts::PI).cos();
            let mut slope = 1.0;
            // Newton's iteration from Tricomi's estimate; a few steps do.
            for _ in 0..50 {
                let p = polynomials(x, n.max(1));
                let before = if n > 0 { p[n - 1] } else { 0.0 };
                slope = n as f64 * (x * p[n] - before) / (x * x - 1.0);
                let step = p[n] / slope;
                x -= step;
                if step.abs() < 1e-16 {
                    break;
                }
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for n in [1, 2, 3, 24, 96] {
            let (nodes, weights) = rule(n);
            for power in 0..(2 * n).min(60) {
                let sum: f64 = nodes.iter().zip(&weights).map(|(x, w)| w * x.powi(power as i32)).sum();
                let exact = if power % 2 == 0 { 2.0 / (power + 1) as f64 } else { 0.0 };
                assert!((sum - exact).abs() < 1e-14, "{n} nodes, x^{power}: {sum} against {exact}");
            }
        }
    }
}
