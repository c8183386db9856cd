//! Gauss-Legendre rules.

/// Nodes on (-1, 1) and weights of the rule with `count` nodes, by Newton's method on the Legendre polynomial.
pub(in crate::measure) fn gauss(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    (0..count)
        .map(|k| {
            let mut x = -(std::f64::consts::PI * (k as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut p, mut before) = (x, 1.0);
                for j in 2..=count {
                    let j = j as f64;
                    (p, before) = (((2.0 * j - 1.0) * x * p - (j - 1.0) * before) / j, p);
                }
                slope = n * (x * p - before) / (x * x - 1.0);
                let step = p / slope;
                x -= step;
                if step.abs() <= 1e-16 {
                    break;
                }
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::gauss;

    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for count in [2, 7, 12, 24] {
            let rule = gauss(count);
            for power in 0..2 * count {
                let found: f64 = rule.iter().map(|(x, w)| w * x.powi(power as i32)).sum();
                let truth = if power % 2 == 0 { 2.0 / (power as f64 + 1.0) } else { 0.0 };
                assert!((found - truth).abs() < 1e-14, "{count} nodes, power {power}: {found}");
            }
        }
    }
}
