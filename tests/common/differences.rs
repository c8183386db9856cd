//! Derivatives by differences.

/// The derivative of `f` at 0: Richardson extrapolation of central differences over halved steps from `h` on; the entry
/// of the table that changes least.
pub fn richardson(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    let mut table: Vec<Vec<f64>> = vec![];
    let mut best = (f64::INFINITY, f64::NAN);
    for level in 0..9 {
        let step = h / f64::from(1 << level);
        let mut row = vec![(f(step) - f(-step)) / (2.0 * step)];
        for order in 0..level {
            let gain = 4.0_f64.powi(order + 1);
            let (coarse, fine) = (table[level as usize - 1][order as usize], row[order as usize]);
            let better = fine + (fine - coarse) / (gain - 1.0);
            let change = (better - fine).abs().max((better - coarse).abs());
            if change < best.0 {
                best = (change, better);
            }
            row.push(better);
        }
        table.push(row);
    }
    best.1
}
