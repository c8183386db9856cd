//! A fold, proven: a regular zero of the system that says so.
//!
//! In: `g(x, p) = 0, H(x, p) v = 0, border.v = 1` for a symmetric H, the derivative of g in x, as a [`System`] of 2n + 1
//! unknowns. Out: boxes with exactly one zero, in which it is a fold.
//!
//! A zero of the system is regular just where the kernel of H has one dimension, `a = v.g_p` and `c = v.(D H v) v` are not
//! zero (Moore and Spence 1980, "The calculation of turning points of nonlinear equations", SIAM J. Numer. Anal. 17;
//! Govaerts, *Numerical Methods for Bifurcations of Dynamical Equilibria*, 2000, section 4.1): Krawczyk's operator, which
//! proves a zero regular, can't prove a pitchfork, a transcritical point or a cusp. That a and c are not zero all over the box is
//! checked once more.

use super::krawczyk::Prover;
use super::{Expansion, Interval, System};

/// A fold: exactly one zero of the system is in the box of all three, and it is regular.
#[derive(Clone, Debug)]
pub struct Fold {
    /// The state (length n).
    pub x: Vec<Interval>,
    /// The parameter.
    pub parameter: Interval,
    /// The kernel vector (length n), of the length that the border says.
    pub kernel: Vec<Interval>,
}

/// Proves that there is a fold near `guess` (length 2n + 1: x, p, v), where `span` says what a large change of each unknown
/// is. `None` if that does not succeed.
pub fn fold(system: &dyn System, guess: &[f64], span: &[f64]) -> Option<Fold> {
    let m = system.dim();
    let n = m / 2;
    if m.is_multiple_of(2) || guess.len() != m || span.len() != m {
        return None;
    }
    let zero = Prover::new(m).prove(system, guess, span, None)?;
    let y = &zero.enclosure;
    let mut expansion = Expansion::new(m);
    let at: Vec<f64> = y.iter().map(|y| y.mid()).collect();
    system.expand(y, &at, &mut expansion);
    let entry = |i: usize, j: usize| expansion.jacobian[i * m + j];
    let kernel = &y[n + 1..];
    // Up to a positive factor.
    let slope = (0..n).fold(Interval::ZERO, |sum, i| sum + kernel[i] * entry(i, n));
    let bend = (0..n).fold(Interval::ZERO, |sum, i| {
        sum + kernel[i] * (0..n).fold(Interval::ZERO, |sum, j| sum + entry(n + i, j) * kernel[j])
    });
    let nonzero = |a: Interval| a.is_bounded() && !a.contains(0.0);
    (nonzero(slope) && nonzero(bend)).then(|| Fold {
        x: y[..n].to_vec(),
        parameter: y[n],
        kernel: kernel.to_vec(),
    })
}
