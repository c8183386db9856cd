//! An axis of energies, to scale unless a few extreme ones would hide all others.

use super::frame::{Ticks, ticks};
use crate::export::{significant, thinned};

/// The energy axis: linear, or by rank of the distinct values.
pub(super) enum Scale {
    Linear((f64, f64)),
    Rank { values: Vec<f64>, tolerance: f64 },
}

impl Scale {
    /// The scale that shows these energies.
    pub(super) fn new(energies: &[f64]) -> Scale {
        let mut values = energies.to_vec();
        values.sort_by(f64::total_cmp);
        let (Some(&low), Some(&high)) = (values.first(), values.last()) else {
            return Scale::Linear((0.0, 1.0));
        };
        let span = high - low;
        // Copies of one value that differ by rounding are one value.
        let tolerance = 1e-9 * span.max(1e-3 * low.abs().max(high.abs()));
        values.dedup_by(|b, a| *b - *a <= tolerance);
        if !span.is_finite() {
            return Scale::Rank { values, tolerance };
        }
        let rows = |v: &f64| ((v - low) / span * 120.0) as usize;
        let mut used: Vec<usize> = if span > 0.0 { values.iter().map(rows).collect() } else { vec![] };
        used.dedup();
        let enough = (values.len().min(100) as f64 * 0.12).max(4.0);
        if values.len() >= 8 && (used.len() as f64) < enough {
            return Scale::Rank { values, tolerance };
        }
        let margin = if span > tolerance { 0.07 * span } else { 0.5 * low.abs().max(1.0) };
        Scale::Linear((low - margin, high + margin))
    }

    /// What the axis reaches over, in its own unit.
    pub(super) fn range(&self) -> (f64, f64) {
        match self {
            Scale::Linear(range) => *range,
            Scale::Rank { values, .. } => {
                let last = values.len() as f64 - 1.0;
                (-0.07 * last.max(1.0), last + 0.07 * last.max(1.0))
            }
        }
    }

    /// Where an energy stands on the axis.
    pub(super) fn place(&self, energy: f64) -> f64 {
        match self {
            Scale::Linear(_) => energy,
            Scale::Rank { values, tolerance } => {
                values.partition_point(|v| *v < energy - tolerance).min(values.len() - 1) as f64
            }
        }
    }

    pub(super) fn ticks(&self, range: (f64, f64)) -> Ticks {
        match self {
            Scale::Linear(_) => ticks(range, 7),
            Scale::Rank { values, .. } => thinned(values.len(), 9)
                .into_iter()
                .map(|i| (i as f64, significant(values[i], 5).replace('-', "\u{2212}")))
                .collect(),
        }
    }

    /// Name of the axis, for a quantity that is an energy.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Scale::Linear(_) => "energy",
            Scale::Rank { .. } => "energy (not to scale: equal steps from value to value)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_is_linear_unless_that_hides_the_points() {
        assert!(matches!(Scale::new(&[]), Scale::Linear(_)));
        assert!(matches!(Scale::new(&[3.0, 3.0]), Scale::Linear((a, b)) if a < 3.0 && b > 3.0));
        let even: Vec<f64> = (0..50).map(f64::from).collect();
        assert!(matches!(Scale::new(&even), Scale::Linear(_)));
        // Two values met many times, with rounding, are two values.
        let two: Vec<f64> = (0..50).map(|i| f64::from(i % 2) + 1e-14 * f64::from(i)).collect();
        assert!(matches!(Scale::new(&two), Scale::Linear(_)));
        let outlier: Vec<f64> = even.iter().copied().chain([1e7]).collect();
        let scale = Scale::new(&outlier);
        assert!(matches!(scale, Scale::Rank { .. }));
        assert_eq!((scale.place(0.0), scale.place(49.0), scale.place(1e7)), (0.0, 49.0, 50.0));
        assert!(matches!(Scale::new(&[-1e308, 1e308]), Scale::Rank { .. }));
    }
}
