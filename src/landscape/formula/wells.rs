//! Mixtures and modern Hopfield memories as circuits, with any of their parameters as a variable.
//!
//! In: data as columns with weights, and which parameter p varies. Out: the equations of a branch or a fold. The energies are those of
//! [`Mixture`](crate::landscape::mixture::Mixture) and
//! [`ModernHopfield`](crate::landscape::modern_hopfield::ModernHopfield) up to a constant, with the exponents counted from
//! that of one datum, so that nothing overflows near it.

use faer::Mat;

use super::circuit::{Circuit, Value};
use super::equations::Along;
use super::scalar::Function;
use super::tape::Assemble;
use crate::landscape::Equations;
use crate::landscape::diffusion::Schedule;
use crate::landscape::rows::RowParameter;
use crate::rigor::Interval;

/// The most that `n^2 K` may be for a fold ..
const MOST: usize = 20_000;
/// .. and for a branch, of which many pieces are looked at.
const MOST_BRANCH: usize = 2_000;

/// How a datum pulls.
pub(in crate::landscape) enum Shape {
    /// `-log sum_k w_k exp(-|x - a y_k|^2 / (2 sigma^2))`.
    Gaussian { a: f64, sigma: f64 },
    /// `|x|^2/2 - (1/beta) log sum_k w_k exp(beta y_k.x)`.
    Products { beta: f64 },
}

/// Which parameter is a variable.
pub(in crate::landscape) enum Varied {
    /// `sigma` or `beta`.
    Width,
    /// `a`.
    Factor,
    /// The time of a schedule, of which `a` and `sigma` are functions.
    Time(Schedule),
    /// `confinement`.
    Confinement,
    /// One of a datum.
    Row(RowParameter),
}

/// The energy.
pub(in crate::landscape) struct Wells {
    /// Data y (n x K, columns), not merged.
    pub(in crate::landscape) data: Mat<f64>,
    /// Their weights, zero or more.
    pub(in crate::landscape) weights: Vec<f64>,
    pub(in crate::landscape) shape: Shape,
    /// Adds `(confinement/2) |x|^2`.
    pub(in crate::landscape) confinement: f64,
    pub(in crate::landscape) varied: Varied,
}

impl Wells {
    /// The equations near a point; an error says why there are none.
    pub(in crate::landscape) fn equations(&self, near: &[f64], of: Equations<'_>) -> Result<Along, String> {
        let (n, count) = self.data.shape();
        let most = if matches!(of, Equations::Branch) { MOST_BRANCH } else { MOST };
        if n * n * count > most {
            return Err("there are too many data for a proof along a parameter".into());
        }
        Along::new(n, of, &[], |mut circuit| {
            let root = self.energy(&mut circuit, Value::Slot(n as u32), self.base(near));
            Ok((circuit, root))
        })
    }

    /// The datum from whose exponent the others' are counted: about the heaviest one.
    fn base(&self, near: &[f64]) -> usize {
        let exponent = |k: usize| match self.shape {
            Shape::Gaussian { a, .. } => {
                -self.data.col(k).iter().zip(near).map(|(y, x)| (x - a * y).powi(2)).sum::<f64>()
            }
            Shape::Products { .. } => self.data.col(k).iter().zip(near).map(|(y, x)| x * y).sum::<f64>(),
        };
        (0..self.weights.len()).fold(0, |best, k| if exponent(k) > exponent(best) { k } else { best })
    }

    fn energy(&self, c: &mut Circuit, p: Value, base: usize) -> Value {
        let (n, count) = self.data.shape();
        let number = |x: f64| Value::Constant(Interval::point(x));
        let x: Vec<Value> = (0..n).map(|i| c.coordinate(i)).collect();
        let weight = |k: usize| match self.varied {
            Varied::Row(RowParameter::Weight(row)) if row == k => p,
            _ => number(self.weights[k]),
        };
        let datum = |k: usize, i: usize| match self.varied {
            Varied::Row(RowParameter::Coordinate(row, along)) if (row, along) == (k, i) => p,
            _ => number(self.data[(i, k)]),
        };
        // Exponents less that of the base, what of the energy is outside of the logarithm, and the factor of that.
        let (mut exponents, mut outside, mut scale) = (vec![], vec![], number(1.0));
        match self.shape {
            Shape::Gaussian { a, sigma } => {
                let (a, square) = match self.varied {
                    Varied::Width => (number(a), c.product(&[(p, 2)])),
                    Varied::Factor => (p, c.product(&[(number(sigma), 2)])),
                    Varied::Time(schedule) => at_time(c, schedule, p),
                    _ => (number(a), c.product(&[(number(sigma), 2)])),
                };
                let twice = c.mul(number(2.0), square);
                for k in 0..count {
                    let mut sum = number(0.0);
                    for i in 0..n {
                        // (a y_k - a y_0) (2 x - a y_k - a y_0)
                        let (apart, both) =
                            (c.sub(datum(k, i), datum(base, i)), c.add(datum(k, i), datum(base, i)));
                        let (apart, both, doubled) =
                            (c.mul(a, apart), c.mul(a, both), c.mul(number(2.0), x[i]));
                        let rest = c.sub(doubled, both);
                        let term = c.mul(apart, rest);
                        sum = c.add(sum, term);
                    }
                    exponents.push(c.div(sum, twice));
                }
                for i in 0..n {
                    let y = c.mul(a, datum(base, i));
                    let apart = c.sub(x[i], y);
                    let square = c.product(&[(apart, 2)]);
                    outside.push(c.div(square, twice));
                }
            }
            Shape::Products { beta } => {
                let beta = if matches!(self.varied, Varied::Width) { p } else { number(beta) };
                for k in 0..count {
                    let mut sum = number(0.0);
                    for i in 0..n {
                        let apart = c.sub(datum(k, i), datum(base, i));
                        let term = c.mul(apart, x[i]);
                        sum = c.add(sum, term);
                    }
                    exponents.push(c.mul(beta, sum));
                }
                for i in 0..n {
                    let (square, product) = (c.product(&[(x[i], 2)]), c.mul(datum(base, i), x[i]));
                    let half = c.mul(number(0.5), square);
                    outside.push(c.sub(half, product));
                }
                scale = c.div(number(1.0), beta);
            }
        }
        let mut inside = number(0.0);
        for (k, exponent) in exponents.into_iter().enumerate() {
            let power = c.apply(Function::Exp, exponent);
            let term = c.mul(weight(k), power);
            inside = c.add(inside, term);
        }
        let log = c.apply(Function::Ln, inside);
        let log = c.mul(scale, log);
        let confinement =
            if matches!(self.varied, Varied::Confinement) { p } else { number(self.confinement) };
        for x in x {
            let square = c.product(&[(x, 2)]);
            let half = c.mul(number(0.5), square);
            outside.push(c.mul(confinement, half));
        }
        let parts: Vec<(Value, Interval)> =
            outside.into_iter().map(|part| (part, Interval::ONE)).chain([(log, -Interval::ONE)]).collect();
        c.sum(&parts)
    }
}

/// `(a, sigma^2)` at a time; see [`Schedule`].
fn at_time(c: &mut Circuit, schedule: Schedule, t: Value) -> (Value, Value) {
    let number = |x: f64| Value::Constant(Interval::point(x));
    // a = exp(-decay), sigma^2 = 1 - a^2.
    let decay = match schedule {
        Schedule::VarianceExploding { s } => {
            let square = c.product(&[(number(s), 2)]);
            return (number(1.0), c.mul(square, t));
        }
        Schedule::Edm => return (number(1.0), c.product(&[(t, 2)])),
        Schedule::OrnsteinUhlenbeck => t,
        Schedule::VariancePreserving { b0, b1 } => {
            let (span, square) = (c.sub(number(b1), number(b0)), c.product(&[(t, 2)]));
            let quarter = c.mul(number(0.25), span);
            let (bend, half) = (c.mul(quarter, square), c.mul(number(0.5), number(b0)));
            let slope = c.mul(half, t);
            c.add(bend, slope)
        }
    };
    let minus = c.neg(decay);
    let a = c.apply(Function::Exp, minus);
    let square = c.product(&[(a, 2)]);
    (a, c.sub(number(1.0), square))
}
