//! Powers of several variables: the monomials of a polynomial, their values and their derivatives.

use faer::{Mat, MatRef};

/// The monomials `s^a`, `1 <= |a| <= order`, of d variables, by degree and within a degree by descending exponents.
#[derive(Clone, Debug)]
pub struct Powers {
    /// Number of variables d.
    pub dimension: usize,
    /// Highest degree.
    pub order: usize,
    /// Exponents of each monomial (each of length d).
    pub exponents: Vec<Vec<usize>>,
    /// Place of the first monomial of each degree; entry 0 counts for nothing, entry `order + 1` is the number of monomials.
    start: Vec<usize>,
    /// `lower[a][j]`: place of `s^a / s_j`; `None` if that is 1 or `s_j` is no factor.
    lower: Vec<Vec<Option<usize>>>,
}

impl Powers {
    /// All monomials of `dimension` variables from degree 1 up to `order`.
    pub fn new(dimension: usize, order: usize) -> Self {
        let (mut exponents, mut start) = (vec![], vec![0]);
        for degree in 1..=order {
            start.push(exponents.len());
            fill(&mut exponents, &mut vec![0; dimension], 0, degree);
        }
        start.push(exponents.len());
        let place = |e: &[usize]| {
            let degree: usize = e.iter().sum();
            let range = if degree == 0 { 0..0 } else { start[degree]..start[degree + 1] };
            range.clone().find(|i| exponents[*i] == e)
        };
        let divided = |e: &Vec<usize>, j: usize| {
            let mut e = e.clone();
            e[j] = e[j].checked_sub(1)?;
            place(&e)
        };
        let lower = exponents.iter().map(|e| (0..dimension).map(|j| divided(e, j)).collect()).collect();
        Powers { dimension, order, exponents, start, lower }
    }

    /// Number of monomials.
    pub fn count(&self) -> usize {
        self.exponents.len()
    }

    /// Places of the monomials of one degree, from 1 to `order`.
    pub fn of_degree(&self, degree: usize) -> std::ops::Range<usize> {
        self.start[degree]..self.start[degree + 1]
    }

    /// The values of all monomials (rows) at the columns of `s` (d x b).
    pub fn values(&self, s: MatRef<'_, f64>) -> Mat<f64> {
        let mut out = Mat::zeros(self.count(), s.ncols());
        for k in 0..s.ncols() {
            for (a, e) in self.exponents.iter().enumerate() {
                let j = e.iter().position(|e| *e > 0).unwrap_or(0);
                out[(a, k)] = s[(j, k)] * self.lower[a][j].map_or(1.0, |b| out[(b, k)]);
            }
        }
        out
    }

    /// The derivatives of all monomials (rows) along the columns of `along` (d x b), where their `values` are those.
    pub fn derivatives(&self, values: MatRef<'_, f64>, along: MatRef<'_, f64>) -> Mat<f64> {
        Mat::from_fn(self.count(), values.ncols(), |a, k| {
            let e = &self.exponents[a];
            (0..self.dimension)
                .filter(|j| e[*j] > 0)
                .map(|j| e[j] as f64 * self.lower[a][j].map_or(1.0, |b| values[(b, k)]) * along[(j, k)])
                .sum()
        })
    }
}

/// Appends all exponents with the entries before `from` fixed and `left` to spend on the others.
fn fill(out: &mut Vec<Vec<usize>>, e: &mut Vec<usize>, from: usize, left: usize) {
    if from + 1 == e.len() {
        e[from] = left;
        out.push(e.clone());
        return;
    }
    for take in (0..=left).rev() {
        e[from] = take;
        fill(out, e, from + 1, left - take);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_binomials_say_and_with_the_right_values() {
        for (d, order, count) in [(1, 7, 7), (2, 5, 20), (3, 4, 34), (4, 3, 34)] {
            let powers = Powers::new(d, order);
            // C(order + d, d) - 1.
            assert_eq!(powers.count(), count);
            let s = Mat::from_fn(d, 2, |j, k| 0.3 + 0.2 * j as f64 - 0.7 * k as f64);
            let along = Mat::from_fn(d, 2, |j, k| 1.0 - 0.4 * j as f64 + k as f64);
            let values = powers.values(s.as_ref());
            let slopes = powers.derivatives(values.as_ref(), along.as_ref());
            let direct = |e: &[usize], s: &dyn Fn(usize) -> f64| -> f64 {
                e.iter().enumerate().map(|(j, e)| s(j).powi(*e as i32)).product()
            };
            for (a, e) in powers.exponents.iter().enumerate() {
                for k in 0..2 {
                    assert!((values[(a, k)] - direct(e, &|j| s[(j, k)])).abs() < 1e-15);
                    let h = 1e-5;
                    let moved = |h: f64| direct(e, &|j| s[(j, k)] + h * along[(j, k)]);
                    assert!((slopes[(a, k)] - (moved(h) - moved(-h)) / (2.0 * h)).abs() < 1e-8);
                }
            }
        }
    }
}
