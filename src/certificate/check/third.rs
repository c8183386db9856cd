//! Perceptrons in many dimensions: a bound of third derivatives on the ball of radius r about c, which is a Lipschitz constant of the Hessian.
//!
//! With the names of `wide.rs`, and A_l the derivative of a_l,
//! `A_l = W_(l+1)' (diag(a_(l+1) s''(z_(l+1))) J_(l+1) + diag(s'(z_(l+1))) A_(l+1))`, which is zero in the last hidden layer,
//! `D3 f[u,u,u] = sum_lk (J_lk u)^2 (R_lk u)`, `R_lk = a_lk s'''(z_lk) J_lk + 3 s''(z_lk) A_lk`.
//!
//! At the centre this is the form of a symmetric tensor. Its largest value on unit vectors is at most the norm of the tensor as a matrix from the
//! products of two coordinates to the third, which is near it, for what of different units cancels there does: where third derivatives are bounded unit
//! by unit, they come out several times too large. Where there are too many entries, `sum_lk |R_lk| (J_lk u)^2` is taken instead.
//!
//! Over the ball rows move: J_lk by at most alpha, R_lk by at most beta. The change of the form is at most
//! `sum (J u)^2 beta + 2 |J u||R u| alpha + 2 |J u| alpha beta + alpha^2 (|R| + beta)`, where
//! `2 |J u||R u| <= t (J u)^2 + (R u)^2/t` and `2 |J u| alpha beta <= k beta (J u)^2 + alpha^2 beta/k` for any t, k > 0, and `sum w (J u)^2` is at
//! most the largest eigenvalue of `J' diag(w) J`.
//!
//! How rows move: `J_l(x) - J_l(c) = W_l E`, `E = (s'(x) - s'(c)) J_(l-1)(c) + s'(x) (J_(l-1)(x) - J_(l-1)(c))`, of which a row is at most
//! `|W_lk||E|`, and at most `sum_j |W_lkj||E_j|`. With `|J_lk|` bounded over the ball so is z_l, then its derivatives, then E of the next
//! layer. A_l likewise, from the last layer to the first, and by it a_l. What rounding does to rows counts as a move.

use pulp::{Arch, NullaryFnOnce};

use super::interval::{I, points};
use super::network::{Linear, Network, derivatives};
use super::rounded::{gamma, largest, product, split, underflow};
use super::wide::{Many, ROOM, Sweep, jacobians, size, weighted_norm};

/// Up to this dimension there is a tensor.
const TENSOR: usize = 128;
/// The k above.
const SHARE: f64 = 0.2;

/// A matrix row by row, as plain arithmetic found it at the centre.
struct Rows {
    m: Vec<f64>,
    /// Lengths of rows, at least.
    sizes: Vec<f64>,
    /// How far they are at most from the exact ones at the centre.
    off: Vec<f64>,
    /// How far the exact ones at the centre are at most from those anywhere in the ball.
    moved: Vec<f64>,
    /// The same of the whole matrix.
    norm: f64,
}

impl Rows {
    fn new(m: Vec<f64>, n: usize, off: Vec<f64>, (moved, norm): (Vec<f64>, f64)) -> Rows {
        let sizes = m.chunks_exact(n).map(size).collect();
        Rows { m, sizes, off, moved, norm }
    }

    /// At least a row's length at the centre.
    fn here(&self, k: usize) -> f64 {
        (self.sizes[k] + self.off[k]) * ROOM
    }

    /// At least a row's length anywhere in the ball.
    fn anywhere(&self, k: usize) -> f64 {
        (self.here(k) + self.moved[k]) * ROOM
    }

    /// How far a row is at most from what it is anywhere in the ball.
    fn away(&self, k: usize) -> f64 {
        (self.off[k] + self.moved[k]) * ROOM
    }

    /// At least the norm of `diag(w)` times it at the centre.
    fn scaled(&self, n: usize, w: &[f64]) -> f64 {
        // Squares that underflow are made up for.
        let squares: Vec<f64> = w.iter().map(|w| w * w + f64::MIN_POSITIVE).collect();
        (weighted_norm(&self.m, n, &squares).sqrt() + largest(w.iter().copied()) * size(&self.off)) * ROOM
    }
}

/// Rows of `W E`, and its norm, where rows of E are at most `each` and its norm at most `whole`: W by the sizes of its entries, its rows' lengths, its norm.
fn carried(w: &Linear, lengths: &[f64], norm: f64, each: &[f64], whole: f64) -> (Vec<f64>, f64) {
    let one = |(row, length): (&[f64], &f64)| {
        let sum: f64 = row.iter().zip(each).map(|(w, e)| w * e).sum::<f64>();
        let (sum, product) = (sum + underflow(w.columns), length * whole);
        (if sum < product { sum } else { product }) * ROOM
    };
    (w.size.chunks_exact(w.columns).zip(lengths).map(one).collect(), norm * whole * ROOM)
}

/// At least the Lipschitz constant of the Hessian on a ball.
pub(super) fn lipschitz(f: &Network, many: &Many, center: &[f64], radius: f64) -> f64 {
    let n = f.n;
    let (sweep, inputs) = Sweep::over(f, &points(center));
    // J_l, and value and derivatives of the activation over the ball.
    let mut slopes: Vec<Rows> = vec![];
    let mut over: Vec<Vec<[I; 4]>> = vec![];
    // By how much s' differs from what it is at the centre.
    let mut turned: Vec<Vec<f64>> = vec![];
    for (l, (j, e)) in jacobians(f, &sweep.units).into_iter().enumerate() {
        let layer = &f.layers[l];
        let moved = match slopes.last() {
            None => (vec![0.0; layer.rows], 0.0),
            Some(before) => {
                let (d, s) = (&turned[l - 1], steepest(&over[l - 1]));
                let whole = (before.scaled(n, d) + s * before.norm) * ROOM;
                let each: Vec<f64> =
                    (0..d.len()).map(|k| (d[k] * before.here(k) + s * before.moved[k]) * ROOM).collect();
                carried(layer, &many.rows[l], many.norms[l], &each, whole)
            }
        };
        let off = many.reach[l].chunks_exact(n).map(|p| e * size(p)).collect();
        let rows = Rows::new(j, n, off, moved);
        let jets: Vec<[I; 4]> = inputs[l]
            .iter()
            .enumerate()
            .map(|(k, z)| {
                derivatives(f.activation, z.plus_minus((I::of(radius) * I::of(rows.anywhere(k))).hi))
            })
            .collect();
        turned.push(jets.iter().zip(&sweep.units[l]).map(|(over, here)| (over[1] - here[1]).mag()).collect());
        over.push(jets);
        slopes.push(rows);
    }
    if slopes.is_empty() {
        return 0.0;
    }
    let backs = adjoints(f, many, &sweep, &slopes, &over, &turned, radius);
    let mut form = Form::default();
    for (l, (factors, rows)) in backs.iter().enumerate() {
        for (k, factor) in factors.iter().enumerate() {
            let (here, over) = (&sweep.units[l][k], &over[l][k]);
            let three = I::of(3.0);
            let (by_j, by_a) = (split(sweep.factors[l][k] * here[3]).0, split(three * here[2]).0);
            let turns = [(*factor * over[3] - I::of(by_j)).mag(), (three * over[2] - I::of(by_a)).mag()];
            form.add(&slopes[l], rows, k, [by_j, by_a], turns, n);
        }
    }
    form.bound(n)
}

/// At least |s'| of all units.
fn steepest(units: &[[I; 4]]) -> f64 {
    largest(units.iter().map(|s| s[1].mag()))
}

/// a_l over the ball, and A_l.
fn adjoints(
    f: &Network,
    many: &Many,
    sweep: &Sweep,
    slopes: &[Rows],
    over: &[Vec<[I; 4]>],
    turned: &[Vec<f64>],
    radius: f64,
) -> Vec<(Vec<I>, Rows)> {
    let (n, hidden) = (f.n, slopes.len());
    let none = vec![0.0; f.layers[hidden - 1].rows];
    let zero = Rows::new(vec![0.0; none.len() * n], n, none.clone(), (none, 0.0));
    let mut backs = vec![(sweep.factors[hidden - 1].clone(), zero)];
    for l in (1..hidden).rev() {
        let (j, (factors, a)) = (&slopes[l], &backs[backs.len() - 1]);
        let (s, d) = (steepest(&over[l]), &turned[l]);
        let (w, lengths) = &many.back[l - 1];
        // `F = diag(q) J + diag(s') A`, with the rounding of its rows and of sums over them; and how it moves.
        let mut sum = vec![0.0; w.columns * n];
        let (mut rounding, mut each, mut bent, mut most) = (vec![], vec![], vec![], 0.0);
        for k in 0..w.columns {
            let here = &sweep.units[l][k];
            let curved = sweep.factors[l][k] * here[2];
            let anywhere = factors[k] * over[l][k][2];
            let ((q, q_off), (t, t_off)) = (split(curved), split(here[1]));
            let (own_j, own_a) = (&j.m[k * n..(k + 1) * n], &a.m[k * n..(k + 1) * n]);
            for (o, (x, y)) in sum[k * n..].iter_mut().zip(own_j.iter().zip(own_a)) {
                *o = q * x + t * y;
            }
            let uncertain = q_off * j.here(k) + q.abs() * j.off[k] + t_off * a.here(k) + t.abs() * a.off[k];
            let size = q.abs() * j.sizes[k] + t.abs() * a.sizes[k];
            rounding.push((uncertain + gamma(w.columns + 8) * size) * ROOM);
            let turn = (anywhere - curved).mag();
            let moves = turn * j.here(k) + anywhere.mag() * j.moved[k] + d[k] * a.here(k) + s * a.moved[k];
            each.push(moves * ROOM);
            bent.push(turn);
            most = largest([most, anywhere.mag()]);
        }
        let whole = (j.scaled(n, &bent) + most * j.norm + a.scaled(n, d) + s * a.norm) * ROOM;
        let moved = carried(w, lengths, many.norms[l], &each, whole);
        let off = carried(w, lengths, many.norms[l], &rounding, f64::INFINITY).0;
        let off = off.into_iter().map(|off| off + underflow(w.columns * n)).collect();
        let rows = Rows::new(product(&w.weight, &sum, w.columns, n), n, off, moved);
        let ranges = sweep.factors[l - 1]
            .iter()
            .enumerate()
            .map(|(k, a)| a.plus_minus((I::of(radius) * I::of(rows.anywhere(k))).hi))
            .collect();
        backs.push((ranges, rows));
    }
    backs.reverse();
    backs
}

/// The form of third derivatives: rows of J and R, and what they may be off.
#[derive(Default)]
struct Form {
    j: Vec<f64>,
    r: Vec<f64>,
    /// Lengths of rows of R, at least.
    sizes: Vec<f64>,
    /// Of `(J u)^2` and `(R u)^2`, in the bound of how the form changes.
    weights: [Vec<f64>; 2],
    /// What of that bound is no form.
    rest: f64,
    /// Sum of `|J|^2 |R|`, to which the rounding of the tensor is in proportion.
    bulk: f64,
}

impl Form {
    /// A unit: R is the sum of J and A times `by`, of which both factors differ by at most `turns` in the ball.
    fn add(&mut self, j: &Rows, a: &Rows, k: usize, by: [f64; 2], turns: [f64; 2], n: usize) {
        let (own_j, own_a) = (&j.m[k * n..(k + 1) * n], &a.m[k * n..(k + 1) * n]);
        self.j.extend(own_j);
        self.r.extend(own_j.iter().zip(own_a).map(|(x, y)| by[0] * x + by[1] * y));
        let r = size(&self.r[self.r.len() - n..]);
        let part = |rows: &Rows, i: usize| {
            let moves = turns[i] * rows.anywhere(k) + by[i].abs() * rows.away(k);
            moves + 4.0 * f64::EPSILON * by[i].abs() * rows.sizes[k]
        };
        let beta = (part(j, 0) + part(a, 1)) * ROOM + underflow(n);
        let (alpha, own) = (j.away(k), j.sizes[k]);
        let (mut by_j, mut by_r) = (beta, 0.0);
        if alpha > 0.0 {
            let t = r / own;
            by_j += SHARE * beta + alpha * t;
            by_r = largest([f64::MIN_POSITIVE, alpha / t]);
            self.rest += alpha * (alpha * (beta / SHARE + r + beta)) * ROOM;
        }
        self.weights[0].push(by_j * ROOM);
        self.weights[1].push(by_r * ROOM);
        self.sizes.push(r);
        self.bulk += own * own * r * ROOM;
    }

    /// At least its largest value on unit vectors, anywhere in the ball.
    fn bound(mut self, n: usize) -> f64 {
        let mut total = self.rest;
        if n <= TENSOR {
            let (rows, often) = tensor(&self.j, &self.r, n);
            total += weighted_norm(&rows, n, &often).sqrt() + gamma(self.sizes.len() + 16) * self.bulk;
        } else {
            self.weights[0].iter_mut().zip(&self.sizes).for_each(|(w, r)| *w = (*w + r) * ROOM);
        }
        total += weighted_norm(&self.j, n, &self.weights[0]) + weighted_norm(&self.r, n, &self.weights[1]);
        total *= ROOM + gamma(self.sizes.len());
        if (0.0..f64::INFINITY).contains(&total) { total } else { f64::INFINITY }
    }
}

/// The symmetric tensor of `sum (J u)^2 (R u)`: rows of n numbers, one for each pair of coordinates, and how often that pair counts.
fn tensor(j: &[f64], r: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    // Where the row of b and c <= b begins.
    let row = |b: usize, c: usize| (b * (b + 1) / 2 + c) * n;
    let mut all = vec![0.0; n * (n + 1) / 2 * n];
    let mut slice = vec![0.0; n * n];
    for b in 0..n {
        Arch::new().dispatch(Slice { j, r, b, n, out: &mut slice });
        for c in 0..=b {
            for a in 0..=c {
                let value = slice[c * n + a];
                all[row(b, c) + a] = value;
                all[row(b, a) + c] = value;
                all[row(c, a) + b] = value;
            }
        }
    }
    let often = (0..n).flat_map(|b| (0..=b).map(move |c| if b == c { 1.0 } else { 2.0 })).collect();
    (all, often)
}

/// Entries of b, `c <= b` and `a <= c` of the tensor, c by c.
struct Slice<'a> {
    j: &'a [f64],
    r: &'a [f64],
    b: usize,
    n: usize,
    out: &'a mut [f64],
}

impl NullaryFnOnce for Slice<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Slice { j, r, b, n, out } = self;
        out[..(b + 1) * n].fill(0.0);
        for (j, r) in j.chunks_exact(n).zip(r.chunks_exact(n)) {
            let (j_b, r_b) = (j[b] / 3.0, r[b] / 3.0);
            for c in 0..=b {
                let (p, q) = (j_b * j[c], r_b * j[c] + j_b * r[c]);
                // As many at a time as the machine takes: a few too many do no harm.
                let end = (c + 1).next_multiple_of(8).min(n);
                for (o, (r, j)) in out[c * n..c * n + end].iter_mut().zip(r.iter().zip(j)) {
                    *o += p * r + q * j;
                }
            }
        }
    }
}

/// How much work a bound is beyond sweeps, in operations.
pub(super) fn cost(n: usize, units: usize, layers: usize) -> usize {
    let norms = (3 * layers + 3) * n * n * (n / 3 + 50);
    norms + if n <= TENSOR { n * n * n * (units / 6 + n / 4) } else { 0 }
}
