//! RKC: the stabilised explicit Runge-Kutta-Chebyshev method of order 2 (Sommeijer, Shampine & Verwer 1998): its real
//! stability interval grows with the square of the number of stages, so a stiff gradient flow needs no linear algebra.

use faer::Mat;

use super::{Flow, Method};
use crate::linalg::{column, column_mut, norm};

const DAMPING: f64 = 2.0 / 13.0;
const MOST_STAGES: usize = 200;

pub(super) struct Chebyshev {
    /// Bound of the Jacobian's largest eigenvalue in modulus, and the vector of its power iteration.
    radius: f64,
    vector: Vec<f64>,
    image: Vec<f64>,
    levels: [Vec<f64>; 3],
    velocity: Vec<f64>,
}

impl Chebyshev {
    pub(super) fn new(n: usize) -> Self {
        let vector: Vec<f64> = (0..n).map(|i| if (i * 7) % 3 == 0 { 1.0 } else { -0.5 }).collect();
        let zero = || vec![0.0; n];
        Chebyshev { radius: 0.0, vector, image: zero(), levels: [zero(), zero(), zero()], velocity: zero() }
    }
}

impl Method for Chebyshev {
    /// A few power iterations from the last vector bound the spectral radius, with a safety factor.
    fn prepare(&mut self, flow: &Flow<'_>, x: &[f64], _: &[f64]) {
        let turns = if self.radius == 0.0 { 12 } else { 3 };
        let apply = flow.linearize(x);
        let mut largest = 0.0_f64;
        for _ in 0..turns {
            let size = norm(&self.vector);
            if !(size.is_finite() && size > 0.0) {
                self.vector.fill(1.0);
                break;
            }
            self.vector.iter_mut().for_each(|v| *v /= size);
            apply(column(&self.vector), column_mut(&mut self.image));
            largest = norm(&self.image);
            std::mem::swap(&mut self.vector, &mut self.image);
        }
        self.radius = 1.2 * largest;
    }

    fn attempt(&mut self, flow: &Flow<'_>, x: &[f64], v: &[f64], h: f64, out: &mut [f64]) -> f64 {
        let n = x.len();
        let needed = (1.0 + 1.54 * h * self.radius).sqrt().ceil() as usize;
        if needed > MOST_STAGES {
            return f64::INFINITY;
        }
        let s = needed.max(2);
        let w0 = 1.0 + DAMPING / (s * s) as f64;
        // T_j, T_j', T_j'' at w0 by their recurrences.
        let mut t = Mat::<f64>::zeros(3, s + 1);
        (t[(0, 0)], t[(0, 1)], t[(1, 1)]) = (1.0, w0, 1.0);
        for j in 2..=s {
            t[(0, j)] = 2.0 * w0 * t[(0, j - 1)] - t[(0, j - 2)];
            t[(1, j)] = 2.0 * w0 * t[(1, j - 1)] - t[(1, j - 2)] + 2.0 * t[(0, j - 1)];
            t[(2, j)] = 2.0 * w0 * t[(2, j - 1)] - t[(2, j - 2)] + 4.0 * t[(1, j - 1)];
        }
        let w1 = t[(1, s)] / t[(2, s)];
        let b = |j: usize| t[(2, j.max(2))] / t[(1, j.max(2))].powi(2);
        let [y0, y1, y2] = &mut self.levels;
        y0.copy_from_slice(x);
        let mu = b(1) * w1;
        for i in 0..n {
            y1[i] = x[i] + mu * h * v[i];
        }
        for j in 2..=s {
            flow.velocity(y1, &mut self.velocity);
            let mu = 2.0 * b(j) * w0 / b(j - 1);
            let nu = -b(j) / b(j - 2);
            let mu_tilde = 2.0 * b(j) * w1 / b(j - 1);
            let gamma = -(1.0 - b(j - 1) * t[(0, j - 1)]) * mu_tilde;
            for i in 0..n {
                y2[i] = (1.0 - mu - nu) * x[i]
                    + mu * y1[i]
                    + nu * y0[i]
                    + h * (mu_tilde * self.velocity[i] + gamma * v[i]);
            }
            std::mem::swap(y0, y1);
            std::mem::swap(y1, y2);
        }
        out.copy_from_slice(y1);
        flow.velocity(out, &mut self.velocity);
        (0..n)
            .map(|i| (0.8 * (x[i] - out[i]) + 0.4 * h * (v[i] + self.velocity[i])).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    fn order(&self) -> f64 {
        3.0
    }
}
