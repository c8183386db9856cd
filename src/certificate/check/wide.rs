//! Perceptrons in many dimensions: gradient and Hessian by a sweep forward and one back.
//!
//! With `z_l = W_l h_(l-1) + b_l`, `h_l = s(z_l)`, `h_0 = x`, J_l the derivative of z_l and a_l that of f by h_l,
//! `Hess f = sum_l J_l' diag(a_l s''(z_l)) J_l`.
//!
//! Let `P_1 = |W_1|`, `P_l = |W_l| S P_(l-1)`, S a bound of |s'|: entry by entry `|J_l| <= P_l`, and what plain arithmetic finds of it is off by at
//! most `e_l P_l`, with `e_(l+1) = e_l + d + g (1 + e_l)` where s' is known up to d and g is the rounding of sums. A product `sum_k q_k P_ki P_kj`
//! is at most `sqrt(Q_i Q_j)`, `Q_i = sum_k q_k P_ki^2`.

use super::interval::I;
use super::matrix::Square;
use super::network::{Linear, Network, derivatives};
use super::rounded::{
    cholesky, gamma, largest, product, split, split_all, transposed, underflow, vectorized,
};

/// A bound of |s'| of all activations, with room: that of `z/(1 + exp(-z))` is below it.
const STEEPEST: f64 = 1.1;
/// Makes up for sums of some thousands of numbers that are not negative, one in another, and a few operations more.
pub(super) const ROOM: f64 = 1.0 + 1e-11;

/// What does not depend on the place.
pub(super) struct Many {
    /// P_l, layer by layer (all but the last), row by row.
    pub(super) reach: Vec<Vec<f64>>,
    /// At least `|W_l|`, of all layers.
    pub(super) norms: Vec<f64>,
    /// Lengths of the rows of the weights, at least.
    pub(super) rows: Vec<Vec<f64>>,
    /// Of the hidden layers from the second on the transposes, with the lengths of their rows.
    pub(super) back: Vec<(Linear, Vec<f64>)>,
}

impl Many {
    pub(super) fn new(layers: &[Linear], n: usize) -> Many {
        let mut reach: Vec<Vec<f64>> = vec![];
        for layer in &layers[..layers.len() - 1] {
            let next = match reach.last() {
                // Products with what is next to nothing lose more than their share.
                None => layer.size.iter().map(|w| w.max(f64::MIN_POSITIVE)).collect(),
                Some(before) => {
                    let sums = product(&layer.size, before, layer.columns, n);
                    sums.into_iter().map(|p| STEEPEST * p * ROOM + underflow(layer.columns)).collect()
                }
            };
            reach.push(next);
        }
        // Of the transpose where that takes less.
        let norm = |l: &Linear| {
            let square = match l.rows < l.columns {
                true => {
                    weighted_norm(&transposed(&l.weight, l.rows, l.columns), l.rows, &vec![1.0; l.columns])
                }
                false => weighted_norm(&l.weight, l.columns, &vec![1.0; l.rows]),
            };
            square.sqrt() * ROOM
        };
        let norms = layers.iter().map(norm).collect();
        let lengths = |l: &Linear| l.weight.chunks_exact(l.columns).map(size).collect::<Vec<f64>>();
        let rows = layers.iter().map(lengths).collect();
        let turned = |l: &Linear| {
            let turned = l.transposed();
            let lengths = lengths(&turned);
            (turned, lengths)
        };
        let back = layers.iter().take(layers.len() - 1).skip(1).map(turned).collect();
        Many { reach, norms, rows, back }
    }
}

/// At least the length of a vector.
pub(super) fn size(v: &[f64]) -> f64 {
    (v.iter().map(|v| v * v).sum::<f64>() + underflow(v.len())).sqrt() * ROOM
}

/// Adds `w v v'` to what of a matrix is on and below the diagonal.
#[inline(always)]
fn add_square(m: &mut [f64], v: &[f64], w: f64) {
    for (a, out) in m.chunks_exact_mut(v.len()).enumerate() {
        let scaled = w * v[a];
        for (m, b) in out[..=a].iter_mut().zip(v) {
            *m += scaled * b;
        }
    }
}

/// At least the largest eigenvalue of `J' diag(w) J`, J row by row with `columns` columns, w not negative. What plain arithmetic makes of the product is
/// off by at most `g sqrt(M_ii M_jj)` in an entry, so by g times the trace; a guess is confirmed by a factorisation.
pub(super) fn weighted_norm(j: &[f64], columns: usize, w: &[f64]) -> f64 {
    let n = columns;
    let mut m = vec![0.0; n * n];
    vectorized(|| {
        for (row, w) in j.chunks_exact(n).zip(w).filter(|(_, w)| **w != 0.0) {
            add_square(&mut m, row, *w);
        }
    });
    let trace = (0..n).map(|a| m[a * n + a]).sum::<f64>() * ROOM + underflow(n * w.len());
    let rounding = gamma(w.len() + 4) * trace;
    // Power iteration, for a guess.
    let mut v: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * ((i * i + 3 * i) as f64).sin()).collect();
    let mut guess = 0.0;
    for _ in 0..24 {
        let next: Vec<f64> =
            (0..n).map(|i| (0..n).map(|k| m[i.max(k) * n + i.min(k)] * v[k]).sum::<f64>()).collect();
        let length = next.iter().map(|v| v * v).sum::<f64>().sqrt();
        guess = length;
        if !(length > 0.0 && length.is_finite()) {
            break;
        }
        v = next.into_iter().map(|v| v / length).collect();
    }
    m.iter_mut().for_each(|m| *m = -*m);
    if !(guess > 0.0) {
        return if trace.is_finite() { trace + rounding } else { f64::INFINITY };
    }
    // No eigenvalue is larger than the trace, and the largest no smaller than its share of it; a guess that was bad is left behind fast.
    let (mut top, mut step) = (1.001 * guess.max(trace / n as f64), 1.02);
    while top < trace {
        if let Some(error) = cholesky(&m, n, -top) {
            return ((top + error) * ROOM + rounding).min(trace + rounding);
        }
        top *= step;
        step *= step;
    }
    if trace.is_finite() { trace + rounding } else { f64::INFINITY }
}

/// What a sweep found: enclosures of z_l and of a_l, hidden layer by hidden layer, and of the gradient.
pub(super) struct Sweep {
    /// Value and derivatives of the activation, unit by unit.
    pub(super) units: Vec<Vec<[I; 4]>>,
    pub(super) factors: Vec<Vec<I>>,
    gradient: Vec<I>,
}

impl Linear {
    /// That of the transposed weights, without bias.
    fn transposed(&self) -> Linear {
        let turned = |w: &[f64]| transposed(w, self.rows, self.columns);
        Linear {
            rows: self.columns,
            columns: self.rows,
            weight: turned(&self.weight),
            size: turned(&self.size),
            bias: vec![0.0; self.columns],
        }
    }

    /// `W h + b`.
    fn times(&self, h: &[I]) -> Vec<I> {
        let (mid, rad) = split_all(h);
        let g = gamma(self.columns + 2);
        let rows = self.weight.chunks_exact(self.columns).zip(&self.bias);
        let one = |(row, bias): (&[f64], &f64)| {
            let (mut sum, mut error) = (0.0, 0.0);
            for (w, (x, r)) in row.iter().zip(mid.iter().zip(&rad)) {
                let p = w * x;
                sum += p;
                error += g * p.abs() + w.abs() * r;
            }
            sum += bias;
            I::about(sum, (error + g * sum.abs()) * ROOM + underflow(self.columns))
        };
        rows.map(one).collect()
    }

    /// `W' b`.
    fn back(&self, b: &[I]) -> Vec<I> {
        let (mid, rad) = split_all(b);
        let g = gamma(self.rows + 2);
        let (mut sum, mut error) = (vec![0.0; self.columns], vec![0.0; self.columns]);
        for (row, (x, r)) in self.weight.chunks_exact(self.columns).zip(mid.iter().zip(&rad)) {
            let off = g * x.abs() + r;
            for ((w, s), e) in row.iter().zip(&mut sum).zip(&mut error) {
                *s += w * x;
                *e += w.abs() * off;
            }
        }
        sum.into_iter().zip(error).map(|(s, e)| I::about(s, e * ROOM + underflow(self.rows))).collect()
    }
}

impl Sweep {
    /// From enclosures of z_l: what of the sweep goes back.
    fn back(f: &Network, units: Vec<Vec<[I; 4]>>) -> Sweep {
        let last = f.layers.len() - 1;
        let mut factors = vec![vec![]; last];
        let mut b = vec![I::of(1.0)];
        for l in (0..last).rev() {
            let a = f.layers[l + 1].back(&b);
            b = a.iter().zip(&units[l]).map(|(a, s)| *a * s[1]).collect();
            factors[l] = a;
        }
        let gradient = f.layers[0].back(&b);
        Sweep { units, factors, gradient }
    }

    /// Over a box, with z_l.
    pub(super) fn over(f: &Network, x: &[I]) -> (Sweep, Vec<Vec<I>>) {
        let mut h = x.to_vec();
        let (mut units, mut inputs) = (vec![], vec![]);
        for layer in &f.layers[..f.layers.len() - 1] {
            let z = layer.times(&h);
            let jets: Vec<[I; 4]> = z.iter().map(|z| derivatives(f.activation, *z)).collect();
            h = jets.iter().map(|s| s[0]).collect();
            units.push(jets);
            inputs.push(z);
        }
        (Sweep::back(f, units), inputs)
    }
}

/// Approximate derivatives of z_l, hidden layer by hidden layer, with their `e_l`.
pub(super) fn jacobians(f: &Network, units: &[Vec<[I; 4]>]) -> Vec<(Vec<f64>, f64)> {
    let n = f.n;
    let mut all: Vec<(Vec<f64>, f64)> = vec![];
    for l in 0..units.len() {
        let layer = &f.layers[l];
        let next = match all.last() {
            None => (layer.weight.clone(), 0.0),
            Some((before, e)) => {
                let (mid, rad): (Vec<f64>, Vec<f64>) = units[l - 1].iter().map(|s| split(s[1])).unzip();
                let scaled: Vec<f64> = before
                    .chunks_exact(n)
                    .zip(&mid)
                    .flat_map(|(row, s)| row.iter().map(move |j| s * j))
                    .collect();
                let j = product(&layer.weight, &scaled, layer.columns, n);
                (j, e + largest(rad) + gamma(layer.columns + 4) * (1.0 + e))
            }
        };
        all.push(next);
    }
    all
}

/// Gradient and Hessian over a box.
pub(super) fn both(f: &Network, many: &Many, x: &[I]) -> (Vec<I>, Square) {
    let n = f.n;
    let (sweep, _) = Sweep::over(f, x);
    let mut sum = vec![0.0; n * n];
    let mut squares = vec![0.0; n];
    for (l, (j, e)) in jacobians(f, &sweep.units).iter().enumerate() {
        let g = gamma(f.layers[l].rows + 8);
        let weights = sweep.units[l].iter().zip(&sweep.factors[l]).map(|(s, a)| split(*a * s[2]));
        let rows = j.chunks_exact(n).zip(many.reach[l].chunks_exact(n));
        for ((d, r), (row, reach)) in weights.zip(rows) {
            let off = ((d.abs() + r) * (2.0 * e + e * e) + r + g * d.abs() * (1.0 + e) * (1.0 + e)) * ROOM;
            vectorized(|| add_square(&mut sum, row, d));
            squares.iter_mut().zip(reach).for_each(|(q, p)| *q += off * p * p);
        }
        // Sums over layers.
        squares.iter_mut().for_each(|q| *q *= 1.0 + 1e-12);
    }
    let roots: Vec<f64> = squares.iter().map(|q| (q * ROOM + underflow(n)).sqrt() * ROOM).collect();
    let layers = gamma(f.layers.len() + 2);
    let hessian = Square::from_fn(n, |a, b| {
        let (a, b) = (a.max(b), a.min(b));
        let own = sum[a * n + b];
        let entry = I::about(own, roots[a] * roots[b] * ROOM + layers * own.abs());
        if a == b { entry + f.lambda } else { entry }
    });
    let gradient = sweep.gradient.iter().zip(x).map(|(g, x)| *g + f.lambda * *x).collect();
    (gradient, hessian)
}
