//! What happens between two neighbouring points of a branch: nothing, an event, or something that wants shorter steps.
//!
//! With `di` the change of the Morse index and `flip` a change of sign of `dp/ds`:
//!
//! | `di` | `flip` | |
//! |---|---|---|
//! | odd | yes | fold |
//! | odd | no | crossing, on a branch that goes through |
//! | 0 | yes | crossing, met from a branch that turns there (a pitchfork's side) |
//! | 2 or more | | kernel of several dimensions, or several events |
//! | 0 | no | nothing, unless an eigenvalue touches zero |
//!
//! What is found is believed only if the index is constant from either end up to the event.

use super::locate::{Located, System, locate};
use super::path::{Node, correct, hermite, minus, node};
use super::system::{Problem, Spectrum};
use crate::linalg::{dot, norm};

/// Steps shorter than this are not cut for eigenvalues that come near zero.
const FINE: f64 = 2e-5;

/// Eigenvalues below this, relative to the Hessian's size, have no sign.
const NOISE: f64 = 1e-13;

/// Tangents of an eigenvalue on either side of a kink meet zero within this fraction of the step.
const KINK: f64 = 0.25;

/// Largest kernel looked for.
const KERNEL: usize = 6;

/// The verdict on a step.
pub(super) enum Verdict {
    Quiet,
    /// One event, as a point of the branch.
    Event(Box<(Located, Node)>),
    /// Take a shorter step.
    Shorter,
}

/// A cubic on [0, 1] by values and slopes at its ends.
fn cubic(f: [f64; 2], m: [f64; 2], u: f64) -> f64 {
    let (u2, u3) = (u * u, u * u * u);
    f[0] * (2.0 * u3 - 3.0 * u2 + 1.0)
        + f[1] * (3.0 * u2 - 2.0 * u3)
        + m[0] * (u3 - 2.0 * u2 + u)
        + m[1] * (u3 - u2)
}

fn flips(a: &Node, b: &Node) -> bool {
    a.speed() * b.speed() < 0.0
}

/// Where between `a` and `b` an eigenvalue comes near zero without changing sign.
fn dip(a: &Node, b: &Node) -> Option<f64> {
    let length = norm(&minus(&b.z, &a.z));
    let mut deepest: Option<(f64, f64)> = None;
    for negative in [false, true] {
        let (Some((fa, _)), Some((fb, _))) = (a.spectrum.beside(negative), b.spectrum.beside(negative))
        else {
            continue;
        };
        let side = usize::from(negative);
        let sign = if negative { -1.0 } else { 1.0 };
        let f = [sign * fa, sign * fb];
        let m = [sign * a.slopes[side] * length, sign * b.slopes[side] * length];
        let least = f[0].min(f[1]);
        // Two eigenvalues of opposite signs that cross at zero change places: each has a kink there, which no cubic shows, but both
        // its tangents lead to the same zero.
        let (from, to) = (-f[0] / m[0], 1.0 - f[1] / m[1]);
        if [from, to].iter().all(|u| 0.0 < *u && *u < 1.0) && (from - to).abs() < KINK {
            deepest = Some((0.5 * (from + to), 0.0));
        }
        for k in 1..32 {
            let u = f64::from(k) / 32.0;
            let value = cubic(f, m, u);
            if value < 0.2 * least && deepest.is_none_or(|(_, depth)| value < depth) {
                deepest = Some((u, value));
            }
        }
    }
    deepest.map(|(u, _)| u)
}

/// The Hessian's size around a step.
fn size(problem: &Problem<'_>, a: &Node, b: &Node) -> f64 {
    problem.size(a.theta()).max(a.spectrum.largest).max(b.spectrum.largest)
}

/// Is nothing to be seen between `a` and `b`? The signs of eigenvalues that are zero up to rounding say nothing.
fn quiet(a: &Node, b: &Node, size: f64) -> bool {
    let change = a.spectrum.index.abs_diff(b.spectrum.index);
    (change == 0 || change <= unsure(a, size).max(unsure(b, size))) && !flips(a, b)
}

/// The number of eigenvalues whose signs say nothing.
fn unsure(node: &Node, size: f64) -> usize {
    node.spectrum.near.iter().filter(|(value, _)| value.abs() < NOISE * size).count()
}

/// Gives points whose eigenvalues are zero up to rounding the index of their neighbours on a quiet piece; the last node is
/// the newest.
pub(super) fn settle_indices(problem: &Problem<'_>, nodes: &mut [Node]) {
    let [before @ .., b] = nodes else { return };
    let Some(a) = before.last() else { return };
    if a.event.is_some() || a.spectrum.index == b.spectrum.index {
        return;
    }
    let size = size(problem, a, b);
    if unsure(a, size) == 0 || unsure(b, size) > 0 {
        b.spectrum.index = a.spectrum.index;
        return;
    }
    for node in before.iter_mut().rev() {
        if node.event.is_some() || unsure(node, problem.size(node.theta()).max(b.spectrum.largest)) == 0 {
            break;
        }
        node.spectrum.index = b.spectrum.index;
    }
}

/// The fraction at which the eigenvalue that changes sign, or dp/ds, vanishes.
fn crossing(a: &Node, b: &Node) -> f64 {
    let (ia, ib) = (a.spectrum.index, b.spectrum.index);
    if ia == ib {
        return a.speed() / (a.speed() - b.speed());
    }
    let length = norm(&minus(&b.z, &a.z));
    let falls = ib > ia;
    let (Some((fa, _)), Some((fb, _))) = (a.spectrum.beside(!falls), b.spectrum.beside(falls)) else {
        return 0.5;
    };
    let m = [a.slopes[usize::from(!falls)] * length, b.slopes[usize::from(falls)] * length];
    let f = [*fa, *fb];
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if cubic(f, m, middle) * f[0] > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Looks at the step from `a` to `b`.
pub(super) fn between(problem: &Problem<'_>, a: &Node, b: &Node) -> Verdict {
    let length = norm(&minus(&b.z, &a.z));
    let steady = quiet(a, b, size(problem, a, b));
    let u = if steady {
        match dip(a, b) {
            None => return Verdict::Quiet,
            Some(u) => u,
        }
    } else {
        crossing(a, b)
    };
    if let Some(found) = seek(problem, a, b, u, steady) {
        return Verdict::Event(Box::new(found));
    }
    if !steady || length > FINE {
        return Verdict::Shorter;
    }
    match touch(problem, a, b, u) {
        Some(found) => Verdict::Event(Box::new(found)),
        None => Verdict::Quiet,
    }
}

/// Locates the one event of the step near fraction `u`.
fn seek(problem: &Problem<'_>, a: &Node, b: &Node, u: f64, steady: bool) -> Option<(Located, Node)> {
    let n = problem.dim();
    let guess = hermite(a, b, u);
    let spectrum = Spectrum::new(&problem.at(guess[n])?.hessian(&guess), &a.spectrum.near)?;
    let change = a.spectrum.index.abs_diff(b.spectrum.index);
    let least = if steady { 2 } else { change.max(1) };
    let largest = size(problem, a, b);
    // Kernels are tried in the order of the gaps behind them.
    let modulus = |m: usize| spectrum.near.get(m).map_or(largest, |(value, _)| value.abs());
    let most = KERNEL.min(spectrum.near.len());
    let mut candidates: Vec<usize> =
        (least..=most).filter(|&m| m == n || modulus(m - 1) < 0.3 * modulus(m)).collect();
    if least <= most && !candidates.contains(&least) && !steady {
        candidates.push(least);
    }
    let gap = |m: usize| modulus(m - 1) / modulus(m).max(f64::MIN_POSITIVE);
    candidates.sort_by(|&p, &q| gap(p).total_cmp(&gap(q)));
    for m in candidates.into_iter().take(3) {
        if (m + change) % 2 == 1 && !(m == 1 && change == 0) {
            continue;
        }
        let system = if m == 1 && change == 1 && flips(a, b) { System::Fold } else { System::Crossing };
        let border: Vec<Vec<f64>> = spectrum.near[..m].iter().map(|(_, v)| v.clone()).collect();
        let Some(located) = locate(problem, &guess, &border, system, largest) else { continue };
        if let Some(found) = place(problem, a, b, located, steady) {
            return Some(found);
        }
    }
    None
}

/// The located event as a point of the branch, if it lies on the step and explains it.
fn place(
    problem: &Problem<'_>,
    a: &Node,
    b: &Node,
    located: Located,
    steady: bool,
) -> Option<(Located, Node)> {
    let chord = minus(&b.z, &a.z);
    let length = norm(&chord);
    let u = dot(&minus(&located.z, &a.z), &chord) / (length * length);
    if !(0.0..=1.0).contains(&u) {
        return None;
    }
    if norm(&minus(&located.z, &hermite(a, b, u))) > 0.02 * length + 1e-9 {
        return None;
    }
    let (before, after) = sides(problem, a, b, u)?;
    let ends = before.as_ref().unwrap_or(a);
    let starts = after.as_ref().unwrap_or(b);
    let size = size(problem, a, b);
    if !quiet(a, ends, size) || !quiet(starts, b, size) {
        return None;
    }
    if !steady && (dip(a, ends).is_some() || dip(starts, b).is_some()) && length > FINE {
        return None;
    }
    let mut tangent: Vec<f64> = match (located.system, located.kernel.first()) {
        (System::Fold, Some(v)) => v.iter().copied().chain([0.0]).collect(),
        _ => {
            // Weighted so that the mean is that at the event to second order.
            let (before, after) = (norm(&minus(&located.z, &ends.z)), norm(&minus(&starts.z, &located.z)));
            ends.tangent.iter().zip(&starts.tangent).map(|(p, q)| after * p + before * q).collect()
        }
    };
    let along = dot(&tangent, &chord);
    let length = norm(&tangent) * along.signum();
    if !(length.abs() > 0.0) {
        return None;
    }
    tangent.iter_mut().for_each(|t| *t /= length);
    let node = at_event(problem, located.z.clone(), tangent)?;
    Some((located, node))
}

/// The node of an event.
pub(super) fn at_event(problem: &Problem<'_>, z: Vec<f64>, tangent: Vec<f64>) -> Option<Node> {
    let slice = problem.at(z[z.len() - 1])?;
    let (energy, _) = slice.gradient(&z);
    let spectrum =
        Spectrum::new(&slice.hessian(&z), &[]).unwrap_or(Spectrum { index: 0, near: vec![], largest: 1.0 });
    Some(Node { z, tangent, energy, spectrum, slopes: [0.0; 2], event: None })
}

/// Points of the branch a little before and behind fraction `u`; `None` where the step's own end is near enough.
fn sides(problem: &Problem<'_>, a: &Node, b: &Node, u: f64) -> Option<(Option<Node>, Option<Node>)> {
    let beside = |at: f64| -> Option<Node> {
        let guess = hermite(a, b, at);
        let mut across = minus(&b.z, &a.z);
        let length = norm(&across);
        across.iter_mut().for_each(|c| *c /= length);
        let c = correct(problem, &guess, &across)?;
        if c.moved > 0.03 * length + 1e-9 {
            return None;
        }
        node(problem, c.z, &across, &a.spectrum.near)
    };
    let before = if u < 0.2 { None } else { Some(beside(u - 0.1)?) };
    let after = if u > 0.8 { None } else { Some(beside(u + 0.1)?) };
    Some((before, after))
}

/// An eigenvalue that touches zero where the branch does not turn: to working precision a cusp.
fn touch(problem: &Problem<'_>, a: &Node, b: &Node, u: f64) -> Option<(Located, Node)> {
    let n = problem.dim();
    let guess = hermite(a, b, u);
    let spectrum = Spectrum::new(&problem.at(guess[n])?.hessian(&guess), &a.spectrum.near)?;
    let (value, v) = spectrum.near.first()?.clone();
    let largest = size(problem, a, b);
    if value.abs() > 1e-8 * largest {
        return None;
    }
    let mut tangent = minus(&b.z, &a.z);
    let length = norm(&tangent);
    tangent.iter_mut().for_each(|t| *t /= length);
    let z = correct(problem, &guess, &tangent)?.z;
    let node = at_event(problem, z.clone(), tangent)?;
    let located = Located {
        system: System::Fold,
        z,
        kernel: vec![v],
        residual: value.abs() / largest,
        error: (b.theta() - a.theta()).abs(),
        largest,
        note: "an eigenvalue touches zero and the branch does not turn".into(),
        explained: true,
        cusp: true,
    };
    Some((located, node))
}

/// The event with a kernel of several dimensions right ahead of a point from which no step leads across: in its flat
/// directions there is nothing but rounding. From the event itself its branches can be followed outwards.
pub(super) fn ahead(problem: &Problem<'_>, a: &Node) -> Option<(Located, Node)> {
    let size = problem.size(a.theta()).max(a.spectrum.largest);
    let most = KERNEL.min(a.spectrum.near.len());
    (2..=most).filter(|&m| a.spectrum.near[m - 1].0.abs() < 0.05 * size).rev().find_map(|m| {
        let border: Vec<Vec<f64>> = a.spectrum.near[..m].iter().map(|(_, v)| v.clone()).collect();
        let located = locate(problem, &a.z, &border, System::Crossing, size)?;
        let way = minus(&located.z, &a.z);
        let length = norm(&way);
        if !(length > 0.0 && length < 0.2 && dot(&way, &a.tangent) > 0.9 * length) {
            return None;
        }
        let node = at_event(problem, located.z.clone(), way.iter().map(|w| w / length).collect())?;
        Some((located, node))
    })
}

/// What stands for a leap of the index that nothing explains.
pub(super) fn leap(problem: &Problem<'_>, a: &Node, b: &Node) -> Option<(Located, Node)> {
    let z = hermite(a, b, 0.5);
    let mut tangent = minus(&b.z, &a.z);
    let length = norm(&tangent);
    tangent.iter_mut().for_each(|t| *t /= length);
    let node = at_event(problem, z.clone(), tangent)?;
    let located = Located {
        system: System::Crossing,
        z,
        kernel: vec![],
        residual: a.spectrum.smallest().abs() / a.spectrum.largest,
        error: length,
        largest: a.spectrum.largest,
        note: format!(
            "the index goes from {} to {} and no event was located that explains it",
            a.spectrum.index, b.spectrum.index
        ),
        explained: false,
        cusp: false,
    };
    Some((located, node))
}
