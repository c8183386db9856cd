//! The axis of a parameter: linear, or logarithmic.

use super::frame::{Ticks, ticks};

/// The range of a parameter and how it is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abscissa {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Abscissa {
    /// The axis of a range: by the logarithm if that is positive and spans more than a factor 10, or is positive and
    /// `wanted` so.
    pub(super) fn new(range: [f64; 2], wanted: bool) -> Self {
        let (low, high) = (range[0].min(range[1]), range[0].max(range[1]));
        Abscissa { low, high, logarithmic: low > 0.0 && (wanted || high > 10.0 * low) }
    }

    /// Where a value stands on the axis.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value }
    }

    /// What the axis reaches over, in its own unit.
    pub(super) fn range(&self) -> (f64, f64) {
        (self.place(self.low), self.place(self.high))
    }

    /// Round values with their labels.
    pub(super) fn ticks(&self) -> Ticks {
        if !self.logarithmic {
            return ticks((self.low, self.high), 8);
        }
        let (low, high) = self.range();
        if high - low < 0.9 {
            let linear = ticks((self.low, self.high), 7);
            return linear.into_iter().map(|(v, label)| (self.place(v), label)).collect();
        }
        let steps: &[i32] = match high - low {
            d if d < 1.25 => &[1, 2, 3, 5, 7],
            d if d < 3.2 => &[1, 2, 5],
            _ => &[1],
        };
        let every = ((high - low) / 8.0).ceil().max(1.0) as i32;
        let decades = (low.floor() as i32..=high.ceil() as i32).filter(|d| steps.len() > 1 || d % every == 0);
        let values = decades.flat_map(|decade| steps.iter().map(move |step| (decade, *step)));
        values
            .map(|(decade, step)| (f64::from(decade) + f64::from(step).log10(), decade, step))
            .filter(|(at, _, _)| (low - 1e-9..=high + 1e-9).contains(at))
            .map(|(at, decade, step)| (at, label(decade, step)))
            .collect()
    }
}

/// `step` times ten to the `decade`.
fn label(decade: i32, step: i32) -> String {
    match decade {
        -4..0 => format!("{:.*}", decade.unsigned_abs() as usize, f64::from(step) * 10f64.powi(decade)),
        0..5 => format!("{}", f64::from(step) * 10f64.powi(decade)),
        _ => format!("{step}e{decade}").replace('-', "\u{2212}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_taken_of_wide_positive_ranges() {
        assert_eq!(Abscissa::new([0.5, 4.0], false).range(), (0.5, 4.0));
        assert_eq!(Abscissa::new([100.0, 0.1], false).range(), (-1.0, 2.0));
        assert_eq!(Abscissa::new([-1.0, 100.0], true).range(), (-1.0, 100.0));
        assert_eq!(Abscissa::new([1.0, 10.0], true).range(), (0.0, 1.0));
    }

    #[test]
    fn ticks_stand_where_their_labels_say() {
        for range in [[0.03, 3.0], [1e-9, 1e9], [0.01, 0.2], [1.0, 5.0], [1e-7, 3e-6], [20.0, 90000.0]] {
            let ticks = Abscissa::new(range, true).ticks();
            assert!((3..=14).contains(&ticks.len()), "{range:?}: {ticks:?}");
            for (at, label) in &ticks {
                let value: f64 = label.replace('\u{2212}', "-").parse().unwrap();
                assert!((value.log10() - at).abs() < 1e-9, "{label} at {at}");
                assert!(value >= range[0] * 0.999 && value <= range[1] * 1.001);
            }
        }
    }
}
