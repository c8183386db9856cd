//! Perceptrons in many dimensions: gradient and Hessian by a sweep forward and one back, and a bound of third derivatives on balls.
//!
//! With `z_l = W_l h_(l-1) + b_l`, `h_l = s(z_l)`, `h_0 = x`, J_l the derivative of z_l and a_l that of f by h_l,
//! `Hess f = sum_l J_l' diag(a_l s''(z_l)) J_l` and
//! `D3 f[u,u,u] = sum_l sum_k a_lk (s'''(z_lk) (J_lk u)^3 + 3 s''(z_lk) (J_lk u) D2 z_lk[u,u])`, `D2 z_l = W_l D2 h_(l-1)`,
//! `D2 h_l[u,u] = s''(z_l) (J_l u)^2 + s'(z_l) D2 z_l[u,u]`.
//!
//! Let `P_1 = |W_1|`, `P_l = |W_l| S P_(l-1)`, S a bound of |s'|: entry by entry `|J_l| <= P_l`, and what plain arithmetic finds of it is off by at
//! most `e_l P_l`, with `e_(l+1) = e_l + d + g (1 + e_l)` where s' is known up to d and g is the rounding of sums. A product `sum_k q_k P_ki P_kj`
//! is at most `sqrt(Q_i Q_j)`, `Q_i = sum_k q_k P_ki^2`.
//!
//! On the ball of radius r about c, with b_k bounds of `|J_lk|` (rows), `J_l(x) - J_l(c) = W_l (s'(x) J_(l-1)(x) - s'(c) J_(l-1)(c))`, and the
//! bracket is at most `m_l = |diag(r b |s''|) J_(l-1)(c)| + S n_(l-1)` in norm, `n_l = |W_l| m_l`. So `b_lk = |J_lk(c)| + |W_lk| m_l`, which bounds
//! z_l on the ball, then its derivatives, then m_(l+1). By Cauchy's inequality the terms of D3 are at most `|J_l|_w^2` with
//! `w = |a s'''| b`, and `3 |J_l|_g |G^(1/2) W_l| t_(l-1)` with `g = |a s''|`, where `|J|_w^2` is the largest eigenvalue of `J' diag(w) J`, and
//! `t_l = |J_l|_((s'' b)^2) + S |W_l| t_(l-1)` bounds `|D2 h_l[u,u]|`.

use super::interval::{I, points};
use super::matrix::Square;
use super::network::{Linear, Network, derivatives};
use super::rounded::{cholesky, gamma, largest, product, split, split_all, underflow};

/// A bound of |s'| of all activations, with room: that of `z/(1 + exp(-z))` is below it.
const STEEPEST: f64 = 1.1;
/// Makes up for sums of some thousands of numbers that are not negative, one in another, and a few operations more.
const ROOM: f64 = 1.0 + 1e-11;

/// What does not depend on the place.
pub(super) struct Many {
    /// P_l, layer by layer (all but the last), row by row.
    reach: Vec<Vec<f64>>,
    /// At least `|W_l|`, of all layers.
    norms: Vec<f64>,
    /// Lengths of the rows of the weights, at least.
    rows: Vec<Vec<f64>>,
}

impl Many {
    pub(super) fn new(layers: &[Linear], n: usize) -> Many {
        let mut reach: Vec<Vec<f64>> = vec![];
        for layer in &layers[..layers.len() - 1] {
            let next = match reach.last() {
                None => layer.size.clone(),
                Some(before) => {
                    let sums = product(&layer.size, before, layer.columns, n);
                    sums.into_iter().map(|p| STEEPEST * p * ROOM + underflow(layer.columns)).collect()
                }
            };
            reach.push(next);
        }
        let ones = |l: &Linear| vec![1.0; l.rows];
        let norms =
            layers.iter().map(|l| weighted_norm(&l.weight, l.columns, &ones(l)).sqrt() * ROOM).collect();
        let rows = layers.iter().map(|l| l.weight.chunks_exact(l.columns).map(size).collect()).collect();
        Many { reach, norms, rows }
    }
}

/// At least the length of a vector.
fn size(v: &[f64]) -> f64 {
    (v.iter().map(|v| v * v).sum::<f64>() + underflow(v.len())).sqrt() * ROOM
}

/// At least the largest eigenvalue of `J' diag(w) J`, J row by row with `columns` columns, w not negative. What plain arithmetic makes of the product is
/// off by at most `g sqrt(M_ii M_jj)` in an entry, so by g times the trace; a guess is confirmed by a factorisation.
fn weighted_norm(j: &[f64], columns: usize, w: &[f64]) -> f64 {
    let n = columns;
    let mut m = vec![0.0; n * n];
    for (row, w) in j.chunks_exact(n).zip(w) {
        if *w == 0.0 {
            continue;
        }
        for a in 0..n {
            let scaled = w * row[a];
            m[a * n..=a * n + a].iter_mut().zip(row).for_each(|(m, b)| *m += scaled * b);
        }
    }
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
    let mut top = 1.001 * guess;
    while top < trace {
        if let Some(error) = cholesky(&m, n, -top) {
            return ((top + error) * ROOM + rounding).min(trace + rounding);
        }
        top *= 1.02;
    }
    if trace.is_finite() { trace + rounding } else { f64::INFINITY }
}

/// What a sweep found: enclosures of z_l and of a_l, hidden layer by hidden layer, and of the gradient.
struct Sweep {
    /// Value and derivatives of the activation, unit by unit.
    units: Vec<Vec<[I; 4]>>,
    factors: Vec<Vec<I>>,
    gradient: Vec<I>,
}

impl Linear {
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
    fn over(f: &Network, x: &[I]) -> (Sweep, Vec<Vec<I>>) {
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
fn jacobians(f: &Network, units: &[Vec<[I; 4]>]) -> Vec<(Vec<f64>, f64)> {
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
            for a in 0..n {
                let scaled = d * row[a];
                sum[a * n..=a * n + a].iter_mut().zip(row).for_each(|(s, b)| *s += scaled * b);
                squares[a] += off * reach[a] * reach[a];
            }
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

/// At least the Lipschitz constant of the Hessian on a ball.
pub(super) fn lipschitz(f: &Network, many: &Many, center: &[f64], radius: f64) -> f64 {
    let n = f.n;
    let (sweep, inputs) = Sweep::over(f, &points(center));
    let (mut total, mut bracket, mut curved) = (0.0, 0.0, 0.0);
    let mut over = vec![];
    let mut norms = vec![];
    let jacobians = jacobians(f, &sweep.units);
    // Forwards: rows of J_l, z_l and the activations over the ball.
    for (l, (j, e)) in jacobians.iter().enumerate() {
        let layer = &f.layers[l];
        let turned = if l == 0 { 0.0 } else { many.norms[l] * bracket * ROOM };
        let uncertain = e * frobenius(&many.reach[l], n);
        let rows: Vec<f64> = (0..layer.rows)
            .map(|k| {
                let own = size(&j[k * n..(k + 1) * n]) + e * size(&many.reach[l][k * n..(k + 1) * n]);
                (own + many.rows[l][k] * bracket) * ROOM
            })
            .collect();
        let jets: Vec<[I; 4]> = inputs[l]
            .iter()
            .zip(&rows)
            .map(|(z, b)| derivatives(f.activation, z.plus_minus((I::of(radius) * I::of(*b)).hi)))
            .collect();
        let bent: Vec<f64> = jets.iter().zip(&rows).map(|(s, b)| (s[2].mag() * b).powi(2) * ROOM).collect();
        let second = moved_norm(j, n, &bent, uncertain + turned);
        let through = many.norms[l] * curved * STEEPEST;
        let shifts: Vec<f64> = bent.iter().map(|b| b * radius * radius * ROOM).collect();
        bracket = (moved_norm(j, n, &shifts, uncertain) + STEEPEST * turned) * ROOM;
        norms.push((rows, turned, uncertain, curved));
        curved = (second + if l == 0 { 0.0 } else { through }) * ROOM;
        over.push(jets);
    }
    let over = Sweep::back(f, over);
    for (l, (j, _)) in jacobians.iter().enumerate() {
        let (rows, turned, uncertain, before) = &norms[l];
        let norm = |w: &[f64]| moved_norm(j, n, w, uncertain + turned);
        let each = || over.units[l].iter().zip(&over.factors[l]);
        let third: Vec<f64> = each().zip(rows).map(|((s, a), b)| (*a * s[3]).mag() * b * ROOM).collect();
        total += norm(&third).powi(2) * ROOM;
        if l > 0 {
            let g: Vec<f64> = each().map(|(s, a)| (*a * s[2]).mag()).collect();
            total += 3.0 * norm(&g) * rooted(&f.layers[l], &g, many.norms[l]) * before * ROOM;
        }
    }
    if (0.0..f64::INFINITY).contains(&total) { total * ROOM } else { f64::INFINITY }
}

/// At least `|J|_w` of every J that differs from this one by at most `off` in norm.
fn moved_norm(j: &[f64], columns: usize, w: &[f64], off: f64) -> f64 {
    let most = largest(w.iter().copied()).sqrt();
    (weighted_norm(j, columns, w).sqrt() + most * off) * ROOM
}

/// At least `|diag(g)^(1/2) W|`: by the norm of W, or by sums of rows and of columns.
fn rooted(layer: &Linear, g: &[f64], norm: f64) -> f64 {
    let most = largest(g.iter().copied()).sqrt() * norm;
    let mut columns = vec![0.0; layer.columns];
    let mut rows = 0.0f64;
    for (size, g) in layer.size.chunks_exact(layer.columns).zip(g) {
        let root = g.sqrt();
        let row: f64 = size.iter().sum::<f64>() * root;
        rows = largest([rows, row]);
        columns.iter_mut().zip(size).for_each(|(c, s)| *c += s * root);
    }
    let sums = (rows * largest(columns)).sqrt();
    let bound = if sums < most { sums } else { most };
    bound * ROOM + underflow(layer.columns)
}

fn frobenius(m: &[f64], columns: usize) -> f64 {
    let squares: f64 = m.chunks_exact(columns).map(|row| row.iter().map(|v| v * v).sum::<f64>()).sum();
    (squares + underflow(m.len())).sqrt() * ROOM
}
