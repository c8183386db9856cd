//! The equations whose zeros are the critical points of a dense memory.
//!
//! Without confinement `grad E = M f`, `f = x - Y a`, `a_k = scale w_k F'(y_k.g(x))`, and M is positive definite: so the
//! zeros of f are the critical points, and its Jacobian `I - A M` is singular where the Hessian, `M (I - A M)` there,
//! is. In f nothing saturates. Softmax neurons: M is definite on vectors that sum to zero, and the pin confines the sum
//! of x to zero: f is taken less its mean, plus that of x.
//!
//! With fewer patterns than neurons the loads a are better unknowns: `a_k = scale w_k F'(y_k.g(Y a))`. The map
//! `a -> x = Y a` takes its solutions one to one onto the critical points, `x -> a(x)` being its inverse, and
//! `det(I - F'' Y' M Y) = det(I - Y F'' Y' M)` (Sylvester).

use super::enclose::Enclosed;
use super::neurons::{Bent, Neurons};
use crate::landscape::activation::meet;
use crate::landscape::enclose::Enclose;
use crate::rigor::{Expansion, Interval, System};

/// f in the unknowns x; with identity neurons, of which a confinement only stretches x, the gradient itself.
pub(super) struct Force<'a>(pub(super) &'a Enclosed<'a>);

/// The gradient in the unknowns x.
pub(super) struct Total<'a>(pub(super) &'a Enclosed<'a>);

/// The equations of the loads.
pub(super) struct Loads<'a>(pub(super) &'a Enclosed<'a>);

impl System for Force<'_> {
    fn dim(&self) -> usize {
        self.0.memory.dim
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        let a = self.0.loads(&self.0.neurons.activity(x));
        match self.0.neurons {
            Neurons::Units(_) => {
                let own = Interval::ONE.shift(self.0.memory.confinement);
                let pull = self.0.combine(&a);
                out.iter_mut().zip(x.iter().zip(pull)).for_each(|(o, (x, p))| *o = *x * own - p);
            }
            Neurons::Softmax { .. } => {
                // The pull's mean, pattern by pattern: what the loads have in common cancels.
                out.copy_from_slice(x);
                for (y, a) in self.0.patterns().zip(a) {
                    let y = less_mean(y.iter().map(|y| Interval::point(*y)).collect());
                    out.iter_mut().zip(y).for_each(|(o, y)| *o -= a * y);
                }
            }
        }
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let n = self.dim();
        let local = self.0.local(x);
        let mut coupled = self.0.coupled(&local, false);
        match &local.bent {
            Bent::Units(slopes) => {
                for row in coupled.chunks_exact_mut(n) {
                    row.iter_mut().zip(slopes).for_each(|(c, s)| *c = *c * s.first);
                }
            }
            Bent::Softmax { .. } => {
                for j in 0..n {
                    let column = less_mean((0..n).map(|i| coupled[i * n + j]).collect());
                    column.into_iter().enumerate().for_each(|(i, c)| coupled[i * n + j] = c);
                }
            }
        }
        let own = match self.0.neurons {
            Neurons::Units(_) => Interval::ONE.shift(self.0.memory.confinement),
            Neurons::Softmax { .. } => Interval::ONE,
        };
        for i in 0..n {
            for j in 0..n {
                let own = if i == j { own } else { Interval::ZERO };
                out.jacobian[i * n + j] = own - coupled[i * n + j];
            }
        }
        self.range(&points(at), &mut out.value);
        self.range(x, &mut out.range);
        mean_value(x, at, out);
    }
}

impl System for Total<'_> {
    fn dim(&self) -> usize {
        self.0.memory.dim
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        self.0.gradient(x, out);
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        out.jacobian = self.0.curvatures(x);
        self.0.gradient(&points(at), &mut out.value);
        self.0.gradient(x, &mut out.range);
        mean_value(x, at, out);
    }
}

impl System for Loads<'_> {
    fn dim(&self) -> usize {
        self.0.memory.count()
    }

    fn range(&self, a: &[Interval], out: &mut [Interval]) {
        let g = self.0.neurons.activity(&self.0.combine(a));
        let driven = self.0.loads(&g);
        out.iter_mut().zip(a.iter().zip(driven)).for_each(|(o, (a, d))| *o = *a - d);
    }

    fn expand(&self, a: &[Interval], at: &[f64], out: &mut Expansion) {
        let k = self.dim();
        let x = self.0.combine(a);
        let local = self.0.local(&x);
        let second = self.0.slopes(2, &local.z);
        for (j, y) in self.0.patterns().enumerate() {
            let seen = local.bent.second(&y.iter().map(|y| Interval::point(*y)).collect::<Vec<_>>());
            for (i, y) in self.0.patterns().enumerate() {
                let sum = y.iter().zip(&seen).fold(Interval::ZERO, |sum, (y, s)| sum + s.scale(*y));
                let own = if i == j { Interval::ONE } else { Interval::ZERO };
                out.jacobian[i * k + j] = own - second[i] * sum;
            }
        }
        self.range(&points(at), &mut out.value);
        self.range(a, &mut out.range);
        mean_value(a, at, out);
    }
}

fn points(x: &[f64]) -> Vec<Interval> {
    x.iter().map(|x| Interval::point(*x)).collect()
}

fn less_mean(mut v: Vec<Interval>) -> Vec<Interval> {
    let sum = v.iter().fold(Interval::ZERO, |sum, v| sum + *v);
    let mean = sum / Interval::point(v.len() as f64);
    v.iter_mut().for_each(|v| *v -= mean);
    v
}

/// Narrows the range by the mean value theorem.
fn mean_value(x: &[Interval], at: &[f64], out: &mut Expansion) {
    let n = at.len();
    let way: Vec<Interval> = x.iter().zip(at).map(|(x, at)| x.shift(-at)).collect();
    for i in 0..n {
        let row = &out.jacobian[i * n..(i + 1) * n];
        let rise = row.iter().zip(&way).fold(out.value[i], |sum, (j, w)| sum + *j * *w);
        out.range[i] = meet(out.range[i], rise);
    }
}
