//! What kind an event is, by the coefficients of the energy reduced to the kernel.
//!
//! In: a located event. Out: its kind, coefficients and what to say of near degeneracy. With v the kernel vector, w the
//! shift of the branch per unit of the parameter and `H^+` the inverse across v (Golubitsky & Schaeffer, *Singularities and
//! Groups in Bifurcation Theory I*, 1985, section I.3 and table IV 2.3):
//! `a = v.g_p`, `b = v.(H_p v + D3(v, w))`, `c = D3(v, v, v)`, `d = v.(g_pp + 2 H_p w + D3(w, w))`,
//! `e = D4(v, v, v, v) - 3 D3(v, v, H^+ D3(v, v, .))`.

use super::bordered::Bordered;
use super::locate::{Located, System};
use super::system::Problem;
use super::{Coefficients, EventKind};
use crate::linalg::{dot, norm};

/// A cubic coefficient below this times the energy's size along the kernel is zero.
const ZERO: f64 = 1e-8;

/// Rounding of a coefficient, and where a point is badly told what it does to one, times the Hessian's size.
const ROUNDING: f64 = 1e-12;

/// Below this it is said to be small.
const SMALL: f64 = 1e-3;

/// The reduced energy in scaled coordinates.
pub(super) struct Reduced {
    pub(super) scaled: Coefficients,
    /// Shift of the branch per unit of theta, across the kernel (length n).
    pub(super) shift: Vec<f64>,
    /// What a cubic coefficient is large or small beside: the higher terms along the kernel, at most the Hessian. A grid of n points
    /// is the stiffer the finer it is, and its soft directions know nothing of that.
    pub(super) size: f64,
    /// Below this a cubic coefficient is zero.
    pub(super) zero: f64,
    /// The larger of the two terms that make the quartic coefficient.
    quartic: f64,
}

/// The coefficients along the first kernel vector.
pub(super) fn reduce(problem: &Problem<'_>, event: &Located) -> Option<Reduced> {
    let n = problem.dim();
    let z = &event.z;
    let v = event.kernel.first()?;
    let m = event.kernel.len();
    let slice = problem.at(z[n])?;
    let by = slice.by_parameter(z);
    let h = slice.hessian(z);
    let borders: Vec<&[f64]> = event.kernel.iter().map(Vec::as_slice).collect();
    let factors = Bordered::new(&h, &borders, &borders, 0.0)?;
    let across = |right: &[f64]| {
        let mut b = right.to_vec();
        b.resize(n + m, 0.0);
        factors.solve(&mut b).then(|| b[..n].to_vec())
    };
    let shift: Vec<f64> = across(&by)?.iter().map(|w| -w).collect();
    let turned = slice.hessian_by(z, v);
    let square = slice.third(z, v, v);
    let bend = across(&square)?;
    let mixed = slice.third(z, v, &shift);
    let twice = slice.by_parameter_twice(z);
    let shifted = slice.hessian_by(z, &shift);
    let fourth = dot(v, &slice.fourth(z, v, v, v));
    let pushed = 3.0 * dot(&square, &bend);
    let scaled = Coefficients {
        a: dot(v, &by),
        b: dot(v, &turned) + dot(v, &mixed),
        c: dot(v, &square),
        d: dot(v, &twice) + 2.0 * dot(v, &shifted) + dot(&shift, &mixed),
        e: fourth - pushed,
    };
    let size = scaled.e.abs().max(norm(&square)).min(event.largest);
    Some(Reduced {
        scaled,
        shift,
        size,
        zero: (ZERO * size).max(ROUNDING * event.largest),
        quartic: fourth.abs().max(pushed.abs()),
    })
}

/// Kind, coefficients in the units of the landscape, and a note.
pub(super) fn classify(problem: &Problem<'_>, event: &Located) -> (EventKind, Coefficients, String) {
    let mut note = event.note.clone();
    if !event.explained {
        return (EventKind::Unexplained, Coefficients::default(), note);
    }
    let Some(reduced) = reduce(problem, event) else {
        return (EventKind::Unexplained, Coefficients::default(), "no normal form could be computed".into());
    };
    let (s, size, zero) = (reduced.scaled, reduced.size, reduced.zero);
    let mut say = |text: String| {
        if !note.is_empty() {
            note += "; ";
        }
        note += &text;
    };
    let m = event.kernel.len();
    let kind = if m > 1 {
        EventKind::Multiple { dimension: m }
    } else if event.cusp || event.system == System::Fold && s.c.abs() < zero {
        EventKind::Cusp
    } else if event.system == System::Fold {
        if s.c.abs() < SMALL * size {
            say(format!("close to a cusp: the cubic coefficient is {:.1e} in natural scales", s.c / size));
        }
        EventKind::Fold
    } else if s.c.abs() < zero {
        if s.e.abs() <= ROUNDING * event.largest {
            say("the quartic coefficient is zero to rounding: whether branches lie above or below is not told by it".into());
        } else if s.e.abs() < SMALL * reduced.quartic || s.e.abs() < ZERO * event.largest {
            let beside = reduced.quartic.max(event.largest);
            say(format!("the quartic coefficient is only {:.1e} in natural scales", s.e / beside));
        }
        EventKind::Pitchfork { supercritical: s.e > 0.0 }
    } else {
        if s.c.abs() < SMALL * size {
            say(format!(
                "close to a pitchfork: the cubic coefficient is {:.1e} in natural scales",
                s.c / size
            ));
        }
        EventKind::Transcritical
    };
    let p = problem.scales.parameter_at(event.z[problem.dim()]);
    let slope = problem.scales.parameter * if problem.scales.logarithmic { p } else { 1.0 };
    let state = problem.scales.state;
    let clean = |value: f64| if value.is_finite() { value } else { 0.0 };
    let coefficients = Coefficients {
        a: clean(s.a / (state * slope)),
        b: clean(s.b / (state * state * slope)),
        c: clean(s.c / state.powi(3)),
        d: if event.system == System::Fold { 0.0 } else { clean(s.d / (state * slope * slope)) },
        e: clean(s.e / state.powi(4)),
    };
    (kind, coefficients, note)
}
