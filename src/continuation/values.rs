//! Parameter values at which critical points are looked for before branches are followed through them.
//!
//! A branch that is at none of them, and meets no branch that is, is missed: an isola between two of them.

use crate::landscape::{DATA, Family};

/// Values between the ends of the range unless another number is asked for.
pub(crate) const VALUES: usize = 12;

/// Along the number of data those are whole, and all of them up to so many.
const MOST_COUNTS: usize = 256;

/// Both ends of the range, and `between` values between them that are spread over it (or its logarithm, where it is positive and
/// spans more than a factor 10) without its symmetry, so that no event in the middle is met exactly: 12 by default. Along the
/// number of data they are whole numbers: by default all of them up to 256.
pub fn starting_values(
    family: &dyn Family,
    parameter: &str,
    from: f64,
    to: f64,
    between: Option<usize>,
) -> Vec<f64> {
    if !(from.is_finite() && to.is_finite()) {
        return vec![from, to];
    }
    let counted = parameter == DATA && family.row_parameters().contains(&DATA);
    let (low, high) = (from.min(to), from.max(to));
    let logarithmic = low > 0.0 && high > 10.0 * low;
    let spread = |count: usize| -> Vec<f64> {
        let at = |k: usize| {
            let share = (k as f64 + 0.618) / count as f64;
            match logarithmic {
                true => low * (share * (high / low).ln()).exp(),
                false => low + share * (high - low),
            }
        };
        (0..count).map(at).collect()
    };
    let inner = match counted {
        false => spread(between.unwrap_or(VALUES)),
        true => {
            let all = low.floor().max(0.0) as usize + 1..high.ceil().max(0.0) as usize;
            let most = between.unwrap_or(MOST_COUNTS);
            let mut counts: Vec<f64> = match all.len() <= most {
                true => all.map(|k| k as f64).collect(),
                false => spread(most).into_iter().map(f64::round).collect(),
            };
            counts.dedup();
            counts.retain(|k| low < *k && *k < high);
            counts
        }
    };
    [from, to].into_iter().chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::formula::Formula;
    use crate::landscape::mixture::{Mixture, Noise};

    #[test]
    fn numbers_of_data_are_whole() {
        let noise = Noise::Fixed { a: 1.0, sigma: 0.3 };
        let data = faer::Mat::from_fn(1, 5000, |_, k| k as f64);
        let mixture = Mixture::new(data, vec![1.0; 5000], noise, 0.0).unwrap();
        let starting_values =
            |name: &str, from, to, between| starting_values(&mixture, name, from, to, between);
        assert_eq!(starting_values(DATA, 1.0, 4.0, None), [1.0, 4.0, 2.0, 3.0]);
        assert_eq!(starting_values(DATA, 4.5, 1.5, None), [4.5, 1.5, 2.0, 3.0, 4.0]);
        let many = starting_values(DATA, 1.0, 5000.0, None);
        assert!(many.len() > 100 && many.len() <= 258 && many.iter().all(|k| k.fract() == 0.0));
        let plain = starting_values("sigma", 0.1, 10.0, Some(3));
        assert!(plain.len() == 5 && plain[2..].windows(2).all(|p| p[0] < p[1]), "{plain:?}");
    }

    #[test]
    fn another_parameter_may_have_the_same_name() {
        let formula = Formula::new(1, "x[0]^2*data", &[(DATA.into(), 0.5)], &[], None).unwrap();
        assert_eq!(starting_values(&formula, DATA, 0.1, 0.9, None).len(), 2 + VALUES);
    }
}
