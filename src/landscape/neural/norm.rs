//! Layer norm, `y = gain s + shift` with `s = (h - mean h)/r`, `r^2 = var h + epsilon` (Ba, Kiros & Hinton 2016).
//!
//! Back: with `g = gain dy` and `m(.)` the mean over the units, `dh = (g - m(g) - s m(s g))/r`. Both hold for truncated
//! polynomials (see `state.rs`) as they stand.

use super::state::{chain, product};

/// The constants of a layer norm.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    /// Factor on each unit.
    pub(super) gain: Vec<f64>,
    /// Added to each unit.
    pub(super) shift: Vec<f64>,
    /// Added to the variance.
    pub(super) epsilon: f64,
}

/// What a norm keeps on the tape of K b columns: `s` (w a column), `1/r` (1), and what goes back, `g - m(g)` (w).
pub(super) struct Kept<'a> {
    pub(super) s: &'a [f64],
    pub(super) inverse: &'a [f64],
    pub(super) cotangent: &'a [f64],
}

impl<'a> Kept<'a> {
    /// The norm's part of a tape of `columns` columns.
    pub(super) fn of(tape: &'a [f64], width: usize, columns: usize) -> Self {
        let (s, rest) = tape.split_at(width * columns);
        let (inverse, rest) = rest.split_at(columns);
        Kept { s, inverse, cotangent: &rest[..width * columns] }
    }
}

impl Norm {
    fn width(&self) -> usize {
        self.gain.len()
    }

    /// Normalises `b` points with K components in place; `rates` are the derivatives of gain and shift along u.
    pub(super) fn forward<const K: usize>(
        &self,
        b: usize,
        state: &mut [f64],
        tape: &mut [f64],
        rates: Option<&Norm>,
    ) {
        let w = self.width();
        let (s, rest) = tape.split_at_mut(w * K * b);
        let inverse = &mut rest[..K * b];
        for j in 0..b {
            let place = |k: usize, i: usize| (k * b + j) * w + i;
            for k in 0..K {
                center(&mut state[place(k, 0)..place(k, w)]);
            }
            let at = |state: &[f64], i: usize| -> [f64; K] { std::array::from_fn(|k| state[place(k, i)]) };
            let mut variance = [0.0; K];
            for i in 0..w {
                let square = product(at(state, i), at(state, i));
                (0..K).for_each(|k| variance[k] += square[k] / w as f64);
            }
            variance[0] += self.epsilon;
            let v = variance[0];
            let root = 1.0 / v.sqrt();
            let rho = chain([root, -0.5 * root / v, 0.75 * root / (v * v)], variance);
            (0..K).for_each(|k| inverse[k * b + j] = rho[k]);
            for i in 0..w {
                let unit = product(at(state, i), rho);
                for k in 0..K {
                    s[place(k, i)] = unit[k];
                    state[place(k, i)] = self.gain[i] * unit[k];
                }
                state[place(0, i)] += self.shift[i];
                if let (Some(rates), true) = (rates, K > 1) {
                    state[place(1, i)] += rates.gain[i].mul_add(unit[0], rates.shift[i]);
                }
            }
        }
    }

    /// Sends derivatives back in place; with `keep` what [`Kept`] calls `cotangent` stays on the tape.
    pub(super) fn backward<const K: usize>(
        &self,
        b: usize,
        state: &mut [f64],
        tape: &mut [f64],
        rates: Option<&Norm>,
        keep: bool,
    ) {
        let w = self.width();
        let (s, rest) = tape.split_at_mut(w * K * b);
        let (inverse, rest) = rest.split_at_mut(K * b);
        for j in 0..b {
            let place = |k: usize, i: usize| (k * b + j) * w + i;
            for i in 0..w {
                let value = state[place(0, i)];
                (0..K).for_each(|k| state[place(k, i)] *= self.gain[i]);
                if let (Some(rates), true) = (rates, K > 1) {
                    state[place(1, i)] += rates.gain[i] * value;
                }
            }
            for k in 0..K {
                let column = &mut state[place(k, 0)..place(k, w)];
                center(column);
                if keep {
                    rest[place(k, 0)..place(k, w)].copy_from_slice(column);
                }
            }
            let at = |a: &[f64], i: usize| -> [f64; K] { std::array::from_fn(|k| a[place(k, i)]) };
            let mut mean = [0.0; K];
            for i in 0..w {
                let along = product(at(s, i), at(state, i));
                (0..K).for_each(|k| mean[k] += along[k] / w as f64);
            }
            let rho: [f64; K] = std::array::from_fn(|k| inverse[k * b + j]);
            for i in 0..w {
                let (mut g, part) = (at(state, i), product(at(s, i), mean));
                (0..K).for_each(|k| g[k] -= part[k]);
                let back = product(g, rho);
                (0..K).for_each(|k| state[place(k, i)] = back[k]);
            }
        }
    }

    /// A tangent through the frozen norm, in place: `(a - m(a) - s m(s a))/r` times the gain. Leaves the centred tangent in
    /// `centred`.
    pub(super) fn tangent(&self, s: &[f64], inverse: f64, state: &mut [f64], centred: &mut [f64]) {
        center(state);
        centred.copy_from_slice(state);
        let mean = mean_product(s, state);
        for i in 0..state.len() {
            state[i] = self.gain[i] * inverse * (state[i] - s[i] * mean);
        }
    }

    /// The derivative of what goes back, along a tangent `a` (centred) and with the derivative of `dy` in `state`, in
    /// place. Besides the terms of [`Norm::tangent`] transposed,
    /// `(-m(g a) s - g m(s a) - m(g s) a + 3 m(g s) m(s a) s)/r^2`, `g` centred.
    pub(super) fn second(&self, kept: &Kept<'_>, a: &[f64], state: &mut [f64]) {
        let (s, g, inverse) = (kept.s, kept.cotangent, kept.inverse[0]);
        state.iter_mut().zip(&self.gain).for_each(|(d, gain)| *d *= gain);
        center(state);
        let mean = mean_product(s, state);
        let (ga, sa, gs) = (mean_product(g, a), mean_product(s, a), mean_product(g, s));
        let square = inverse * inverse;
        for i in 0..state.len() {
            let curved = (3.0 * gs * sa - ga) * s[i] - sa * g[i] - gs * a[i];
            state[i] = inverse * (state[i] - s[i] * mean) + square * curved;
        }
    }
}

impl Norm {
    /// A column of the stack for the Hessian (`frozen.rs`) and the same with the second derivative applied. The bilinear form of
    /// [`Norm::second`] is `(w/r^2) (3 k q q' - p q' - q p') - (k/r^2) a'a` with `p = m(g a)`, `q = m(s a)`, `k = m(g s)`:
    /// a multiple of the unit matrix on `a`, and two more rows, p and q.
    pub(super) fn stack(&self, kept: &Kept<'_>, a: &[f64], s: &mut [f64], f: &mut [f64]) {
        let w = a.len();
        let square = kept.inverse[0] * kept.inverse[0];
        let along = mean_product(kept.s, kept.cotangent);
        let (p, q) = (mean_product(kept.cotangent, a), mean_product(kept.s, a));
        s[..w].copy_from_slice(a);
        f[..w].iter_mut().zip(a).for_each(|(f, a)| *f = -along * square * a);
        let factor = w as f64 * square;
        (s[w], s[w + 1]) = (p, q);
        (f[w], f[w + 1]) = (-factor * q, factor * (3.0 * along * q - p));
    }
}

fn center(a: &mut [f64]) {
    let mean = a.iter().sum::<f64>() / a.len() as f64;
    a.iter_mut().for_each(|a| *a -= mean);
}

fn mean_product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64
}
