//! What a network was given by, from which its synapses and leaks are enclosed: the numbers that it computes with have
//! been rounded.

use faer::{Mat, MatRef};

use crate::rigor::{BallMatrix, Interval, Inverse};

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
            let y = BallMatrix::exact(patterns.as_ref());
            let (w, size) = (BallMatrix::product(&y, &y.transpose()), Interval::point(n as f64));
            (entries(&w).into_iter().map(|w| w / size).collect(), *diagonal)
        }
        Source::Projector { patterns, diagonal } => (entries(&projector(patterns.as_ref())?), *diagonal),
    };
    if !diagonal {
        (0..n).for_each(|i| w[i * n + i] = Interval::ZERO);
    }
    Ok(w)
}

/// The entries of symmetric matrices, row by row.
fn entries(w: &BallMatrix) -> Vec<Interval> {
    let n = w.nrows();
    let entry = |i: usize, j: usize| w.entry(i.max(j), i.min(j));
    (0..n * n).map(|e| entry(e / n, e % n)).collect()
}

/// The orthogonal projector on the span of the columns: `Y (Y'Y)^-1 Y'` where they are proven independent, the identity
/// where they are proven to span everything.
fn projector(y: MatRef<'_, f64>) -> Result<BallMatrix, String> {
    crate::linalg::sequential();
    let (n, k) = y.shape();
    let y = BallMatrix::exact(y);
    let (inner, outer) = (BallMatrix::product(&y.transpose(), &y), BallMatrix::product(&y, &y.transpose()));
    let inverse = Inverse::of(if k < n { &inner } else { &outer }).ok_or(
        "the patterns are linearly dependent, or nearly so: the projector on their span is not determined by their \
         digits",
    )?;
    if k >= n {
        return Ok(BallMatrix::exact(Mat::<f64>::identity(n, n).as_ref()));
    }
    Ok(BallMatrix::product(&BallMatrix::product(&y, &inverse.matrix()), &y.transpose()))
}
