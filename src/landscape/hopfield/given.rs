//! What a network was given by, from which its synapses and leaks are enclosed: the numbers that it computes with have
//! been rounded.

use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef, Side};

use crate::rigor::Interval;
use crate::rigor::rounding::{div_up, mul_up, sub_down, sum_up};

/// The numbers themselves.
#[derive(Clone, Debug)]
pub(in crate::landscape) struct Given {
    pub(super) source: Source,
    /// 1/R of each unit.
    pub(super) leak: Vec<Interval>,
}

/// Where W comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// The symmetric part of this.
    Matrix(Mat<f64>),
    /// `Y Y'/n`, with its diagonal or without.
    Hebb { patterns: Mat<f64>, diagonal: bool },
    /// The orthogonal projector on the span of the columns, with its diagonal or without.
    Projector { patterns: Mat<f64>, diagonal: bool },
}

impl Given {
    /// Changes R of every unit.
    pub(in crate::landscape) fn resist(&mut self, resistance: f64) {
        self.leak.fill(leak_of(resistance));
    }
}

/// 1/R, which is exact where R is a power of two.
pub(super) fn leak_of(resistance: f64) -> Interval {
    let leak = 1.0 / resistance;
    if leak.is_normal() && leak.mul_add(resistance, -1.0) == 0.0 {
        return Interval::point(leak);
    }
    Interval::ONE / Interval::point(resistance)
}

/// W (n x n, row by row).
pub(super) fn weights(source: &Source, n: usize) -> Result<Vec<Interval>, String> {
    let (mut w, diagonal) = match source {
        Source::Matrix(w) => {
            let half = |i: usize, j: usize| {
                // The sum of equal numbers needs no bounds.
                if w[(i, j)] == w[(j, i)] {
                    return Interval::point(w[(i, j)]);
                }
                (Interval::point(w[(i, j)]) + Interval::point(w[(j, i)])).scale(0.5)
            };
            ((0..n * n).map(|e| half(e / n, e % n)).collect(), true)
        }
        Source::Hebb { patterns, diagonal } => {
            let size = Interval::point(n as f64);
            let w = inner_products(patterns.transpose()).into_iter().map(|w| w / size).collect();
            (w, *diagonal)
        }
        Source::Projector { patterns, diagonal } => (projector(patterns.as_ref())?, *diagonal),
    };
    if !diagonal {
        (0..n).for_each(|i| w[i * n + i] = Interval::ZERO);
    }
    Ok(w)
}

/// The inner products of the columns, row by row.
fn inner_products(y: MatRef<'_, f64>) -> Vec<Interval> {
    let k = y.ncols();
    let columns: Vec<Vec<f64>> = y.col_iter().map(|c| c.iter().copied().collect()).collect();
    let mut out = vec![Interval::ZERO; k * k];
    for i in 0..k {
        for j in 0..=i {
            let terms = columns[i].iter().zip(&columns[j]);
            let sum = terms.fold(Interval::ZERO, |sum, (a, b)| sum + Interval::point(*a).scale(*b));
            (out[i * k + j], out[j * k + i]) = (sum, sum);
        }
    }
    out
}

/// The orthogonal projector on the span of the columns: `Y (Y'Y)^-1 Y'` where they are proven independent, the identity
/// where they are proven to span everything.
fn projector(y: MatRef<'_, f64>) -> Result<Vec<Interval>, String> {
    let (n, k) = y.shape();
    let dependent = || {
        "the patterns are linearly dependent, or nearly so: the projector on their span is not determined by their \
         digits"
            .to_string()
    };
    if k >= n {
        inverse(&inner_products(y.transpose()), n).ok_or_else(dependent)?;
        let identity = |e: usize| if e / n == e % n { Interval::ONE } else { Interval::ZERO };
        return Ok((0..n * n).map(identity).collect());
    }
    let inverse = inverse(&inner_products(y), k).ok_or_else(dependent)?;
    let row = |i: usize| -> Vec<Interval> {
        (0..k)
            .map(|b| (0..k).fold(Interval::ZERO, |sum, a| sum + inverse[a * k + b].scale(y[(i, a)])))
            .collect()
    };
    let mut w = vec![Interval::ZERO; n * n];
    for i in 0..n {
        let row = row(i);
        for j in 0..=i {
            let entry = (0..k).fold(Interval::ZERO, |sum, b| sum + row[b].scale(y[(j, b)]));
            (w[i * n + j], w[j * n + i]) = (entry, entry);
        }
    }
    Ok(w)
}

/// The inverse of a symmetric matrix (m x m, row by row); `None` if it is not proven to have one.
///
/// With an approximate inverse R and `D = I - R G`, `|D| <= q < 1` (largest row sum): `G^-1 = (I - D)^-1 R`, and the
/// rows of `(I - D)^-1 - I` sum to `q/(1 - q)` at most.
fn inverse(g: &[Interval], m: usize) -> Option<Vec<Interval>> {
    crate::linalg::sequential();
    let middle = Mat::from_fn(m, m, |i, j| g[i * m + j].mid());
    let mut r = Mat::<f64>::identity(m, m);
    middle.llt(Side::Lower).ok()?.solve_in_place(r.as_mut());
    let mut q = 0.0_f64;
    for i in 0..m {
        let entry = |j: usize| {
            let own = if i == j { Interval::ONE } else { Interval::ZERO };
            (0..m).fold(own, |sum, a| sum - g[a * m + j].scale(r[(i, a)])).mag()
        };
        let sum = sum_up((0..m).map(entry));
        q = if sum.is_nan() { f64::INFINITY } else { q.max(sum) };
    }
    if !(q < 1.0) {
        return None;
    }
    let share = div_up(q, sub_down(1.0, q));
    let largest: Vec<f64> = r.col_iter().map(|c| c.iter().fold(0.0, |m: f64, e| m.max(e.abs()))).collect();
    let around = |e: usize| Interval::about(r[(e / m, e % m)], mul_up(share, largest[e % m]));
    Some((0..m * m).map(around).collect())
}
