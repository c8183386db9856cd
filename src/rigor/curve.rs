//! Zeros of n - 1 equations in n unknowns, proven to make one smooth curve between points of it.
//!
//! In: f from R^n to R^(n-1) as a [`System`], approximate points of a curve of its zeros. Out: boxes about points of it
//! ([`CurvePoint`]), and tubes between two such ([`Tube`]).
//!
//! A tube holds the points `c + s t + w` with s in an interval S and w in a box W, where t is one along a coordinate, the axis, and
//! w has nothing of it: s tells how far along, the other unknowns are solved for. With any matrix A and J over a box that holds the tube,
//!
//! ```text
//! K = -A (f(c) + S J t) + (I - A J_w) W
//! ```
//!
//! contains, for each s, the image of W under Krawczyk's operator of `w -> f(c + s t + w)`: the mean value theorem turns
//! `f(c + s t)` into what stands in the bracket. If K lies in the interior of W, there is exactly one zero in the tube for every s of S,
//! and `J_w` is regular at all of them: by the implicit function theorem they make a curve `s -> w(s)`, as often differentiable as f. It is
//! nowhere upright, but may turn in every other coordinate: in the parameter, at folds (van den Berg, Lessard & Mischaikow
//! 2010, "Global smooth solution curves using rigorous branch following", Mathematics of Computation 79, 1565; Breden, Lessard &
//! Vanicat 2013, "Global bifurcation diagrams of steady states of systems of PDEs via rigorous numerics", Acta Applicandae
//! Mathematicae 128, 113; the coordinate as parameter is Rheinboldt's of 1980, "Solution fields of nonlinear equations and
//! continuation methods", SIAM J. Numer. Anal. 17, 221).
//!
//! Two tubes that meet hold the same curve if the box of one zero lies in both: each has all of its zeros on its own curve, and
//! near that zero there is only one. The path through both goes on in the same direction if the curve's tangent there has the signs of
//! both axes. So a chain of tubes proves one path along one curve. Where curves cross, J has not full rank, whatever the axis: no tube
//! leads through, nor does one from one curve to another.

use super::krawczyk::{Preconditioned, Prover};
use super::rounding::{div_up, mul_up, sub_down};
use super::{Expansion, Interval, System};

/// A tube is widened so often before it is given up.
const WIDENINGS: usize = 4;
/// The norm of `I - A J_w` above which it is not even tried: the tube would be too wide or the next one too short.
const SLACK: f64 = 0.8;
/// A piece is halved at most so often ..
const DEEPEST: usize = 24;
/// .. and so many tubes are tried for it, at most.
const MOST: usize = 256;

/// A zero on a curve: a box with exactly one zero that has a certain value of a certain coordinate, which changes along the curve there.
#[derive(Clone, Debug)]
pub struct CurvePoint {
    enclosure: Vec<Interval>,
}

/// A tube with one zero for every value of the coordinate `axis` in `along`; see the module.
#[derive(Clone, Debug)]
pub struct Tube {
    /// The coordinate along which it is followed.
    axis: usize,
    /// The values of that coordinate.
    along: Interval,
    /// c (length n).
    center: Vec<f64>,
    /// t (length n): one at the axis.
    slope: Vec<f64>,
    /// W: of each coordinate but the axis.
    across: Vec<Interval>,
    /// Does the path run towards larger values of the axis' coordinate?
    upwards: bool,
}

impl CurvePoint {
    /// The zero near `guess` (length n) that shares its coordinate `axis`, where `span` says what a large change of each
    /// unknown is. `None` if it can't be proven.
    pub fn near(system: &dyn System, guess: &[f64], span: &[f64], axis: usize) -> Option<CurvePoint> {
        let n = system.dim();
        let fits = system.equations() + 1 == n && guess.len() == n && span.len() == n;
        if !(fits && axis < n) {
            return None;
        }
        let cut = Cut { system, axis, at: guess[axis] };
        let enclosure = Prover::new(n).enclose(&cut, guess, span)?;
        Some(CurvePoint { enclosure })
    }

    /// The box (length n).
    pub fn enclosure(&self) -> &[Interval] {
        &self.enclosure
    }

    /// An upper bound of the largest `|u_i - z_i| / span_i`, for the zero z.
    pub fn distance(&self, u: &[f64], span: &[f64]) -> f64 {
        let far = |i: usize| div_up(self.enclosure[i].shift(-u[i]).mag(), span[i]);
        (0..u.len()).map(far).fold(0.0, f64::max)
    }

    fn middle(&self) -> Vec<f64> {
        self.enclosure.iter().map(|x| x.mid()).collect()
    }
}

impl Tube {
    /// The coordinate along which it is followed.
    pub fn axis(&self) -> usize {
        self.axis
    }

    /// The values of that coordinate.
    pub fn along(&self) -> Interval {
        self.along
    }

    /// The box (length n) that holds the one zero where the coordinate `axis` has a value; `None` beyond the ends.
    pub fn at(&self, value: f64) -> Option<Vec<Interval>> {
        self.along.contains(value).then(|| self.hull(Interval::point(value)))
    }

    /// A box that holds the tube (length n).
    pub fn range(&self) -> Vec<Interval> {
        self.hull(self.along)
    }

    /// A box with all that has some values of the axis' coordinate.
    fn hull(&self, along: Interval) -> Vec<Interval> {
        let s = along.shift(-self.center[self.axis]);
        let of = |i: usize| match i == self.axis {
            true => along,
            false => self.across[i].shift(self.center[i]) + s.scale(self.slope[i]),
        };
        (0..self.center.len()).map(of).collect()
    }

    /// What `w` is on a box.
    fn coordinate(&self, x: &[Interval], i: usize) -> Interval {
        let s = x[self.axis].shift(-self.center[self.axis]);
        x[i].shift(-self.center[i]) - s.scale(self.slope[i])
    }

    /// Does the box lie in it?
    fn holds(&self, x: &[Interval]) -> bool {
        let inside = |i: usize| i == self.axis || self.coordinate(x, i).is_inside(self.across[i]);
        x[self.axis].is_in(self.along) && (0..x.len()).all(inside)
    }

    /// Does the path run on through the zero of a box, in which `next` begins?
    fn goes_on(&self, system: &dyn System, next: &Tube, at: &CurvePoint) -> bool {
        if !self.holds(&at.enclosure) {
            return false;
        }
        if self.axis == next.axis {
            return self.upwards == next.upwards;
        }
        let rate = rate(system, &at.enclosure, self.axis, next.axis);
        if self.upwards == next.upwards { rate.lo() > 0.0 } else { rate.hi() < 0.0 }
    }
}

/// The tubes along the curve from one point to another one, the first of which goes on where `before` ended. Of halves that are too
/// long for one tube the middle is looked for by Newton's method; nothing depends on which zero that finds. `None` if the curve is not
/// proven to lead there.
pub fn curve(
    system: &dyn System,
    from: &CurvePoint,
    to: &CurvePoint,
    before: Option<&Tube>,
    span: &[f64],
) -> Option<Vec<Tube>> {
    let n = system.dim();
    let lengths = [from.enclosure.len(), to.enclosure.len(), span.len()];
    if system.equations() + 1 != n || n < 2 || lengths.iter().any(|l| *l != n) {
        return None;
    }
    let mut builder =
        Builder { system, span, local: Preconditioned::new(n - 1), expansion: Expansion::new(n) };
    let mut tubes: Vec<Tube> = vec![];
    let mut here = from.clone();
    let mut targets = vec![(to.clone(), 0)];
    let mut tried = 0;
    while let Some((target, depth)) = targets.last() {
        tried += 1;
        let tube = builder
            .tube(&here, target)
            .filter(|tube| tubes.last().or(before).is_none_or(|last| last.goes_on(system, tube, &here)));
        if let Some(tube) = tube {
            tubes.push(tube);
            here = target.clone();
            targets.pop();
            continue;
        }
        let depth = depth + 1;
        if depth > DEEPEST || tried >= MOST {
            return None;
        }
        let (a, b) = (here.middle(), target.middle());
        let guess: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.5 * a + 0.5 * b).collect();
        let middle = CurvePoint::near(system, &guess, span, steepest(&a, &b, span))?;
        if let Some(last) = targets.last_mut() {
            last.1 = depth;
        }
        targets.push((middle, depth));
    }
    Some(tubes)
}

/// The coordinate that changes most from a to b.
fn steepest(a: &[f64], b: &[f64], span: &[f64]) -> usize {
    let change = |i: usize| ((b[i] - a[i]) / span[i]).abs();
    (0..a.len()).fold(0, |best, i| if change(i) > change(best) { i } else { best })
}

/// What a tube is made with.
struct Builder<'a> {
    system: &'a dyn System,
    span: &'a [f64],
    local: Preconditioned,
    expansion: Expansion,
}

impl Builder<'_> {
    /// A tube from the one point to the other.
    fn tube(&mut self, from: &CurvePoint, to: &CurvePoint) -> Option<Tube> {
        let n = self.system.dim();
        let (a, b) = (from.middle(), to.middle());
        let axis = steepest(&a, &b, self.span);
        let ends = [from.enclosure[axis], to.enclosure[axis]];
        let upwards = ends[0].hi() < ends[1].lo();
        if !(upwards || ends[1].hi() < ends[0].lo()) {
            return None;
        }
        let run = b[axis] - a[axis];
        let mut slope: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (b - a) / run).collect();
        slope[axis] = 1.0;
        let center: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.5 * a + 0.5 * b).collect();
        let along = ends[0].hull(ends[1]);
        if !along.contains(center[axis]) || center.iter().chain(&slope).any(|c| !c.is_finite()) {
            return None;
        }
        let mut tube = Tube { axis, along, center, slope, across: vec![Interval::ZERO; n], upwards };
        // Wide enough for both ends.
        let least: Vec<f64> = (0..n)
            .map(|i| {
                let ends = [from, to].map(|end| tube.coordinate(&end.enclosure, i).mag());
                2.0 * ends[0].max(ends[1]) + 1e-16 * self.span[i]
            })
            .collect();
        let mut radius = least.clone();
        for _ in 0..WIDENINGS {
            for (i, across) in tube.across.iter_mut().enumerate() {
                *across = if i == axis { Interval::ZERO } else { Interval::about(0.0, radius[i]) };
            }
            if !self.expand(&tube) {
                return None;
            }
            if self.is_proven(&tube) {
                return (tube.holds(&from.enclosure) && tube.holds(&to.enclosure)).then_some(tube);
            }
            radius = self.wider(&least, axis)?;
        }
        None
    }

    /// The equations in w over the tube, for all s at once. False where nothing can be said of them.
    fn expand(&mut self, tube: &Tube) -> bool {
        let (n, axis) = (self.system.dim(), tube.axis);
        self.system.expand(&tube.range(), &tube.center, &mut self.expansion);
        let s = tube.along.shift(-tube.center[axis]);
        self.local.at.fill(0.0);
        let Expansion { value, jacobian, .. } = &mut self.local.expansion;
        for i in 0..n - 1 {
            let row = &self.expansion.jacobian[i * n..(i + 1) * n];
            if row.iter().any(|j| !j.is_bounded()) {
                return false;
            }
            let along = row.iter().zip(&tube.slope).fold(Interval::ZERO, |sum, (j, t)| sum + j.scale(*t));
            value[i] = self.expansion.value[i] + s * along;
            let others = row.iter().enumerate().filter(|(k, _)| *k != axis);
            let entries = &mut jacobian[i * (n - 1)..(i + 1) * (n - 1)];
            entries.iter_mut().zip(others).for_each(|(entry, (_, j))| *entry = *j);
        }
        self.local.is_bounded() && self.local.precondition()
    }

    /// Does the operator map W into its interior?
    fn is_proven(&self, tube: &Tube) -> bool {
        let across: Vec<Interval> = without(&tube.across, tube.axis);
        let radius: Vec<f64> = across.iter().map(|w| w.mag()).collect();
        let mut image = vec![Interval::ENTIRE; across.len()];
        self.local.krawczyk(&across, &mut image);
        image.iter().zip(&across).all(|(k, w)| k.is_inside(*w)) && self.local.norm(&radius) < 1.0
    }

    /// Radii of W with which it may go, by what the operator does to the last ones; `None` if there are none.
    fn wider(&self, least: &[f64], axis: usize) -> Option<Vec<f64>> {
        let (least, span) = (without(least, axis), without(self.span, axis));
        let push: Vec<f64> = self.local.value.iter().map(|v| v.mag()).collect();
        let m = push.len();
        let mut radius: Vec<f64> = push.iter().zip(&least).map(|(p, least)| p.max(*least)).collect();
        for _ in 0..30 {
            let next: Vec<f64> = (0..m)
                .map(|i| {
                    let more: f64 = (0..m).map(|j| self.local.defect(i, j).mag() * radius[j]).sum();
                    (push[i] + more).max(least[i])
                })
                .collect();
            if next.iter().zip(&span).any(|(r, span)| !(*r < *span)) {
                return None;
            }
            radius = next;
        }
        if self.local.norm(&radius) > SLACK {
            return None;
        }
        let mut wide = radius.iter().map(|r| 1.2 * r);
        Some((0..=m).map(|i| if i == axis { 0.0 } else { wide.next().unwrap_or(0.0) }).collect())
    }
}

/// All but one.
fn without<T: Copy>(all: &[T], place: usize) -> Vec<T> {
    all.iter().enumerate().filter(|(k, _)| *k != place).map(|(_, a)| *a).collect()
}

/// How fast the coordinate `of` changes with the coordinate `axis` along the curve through the zeros of a box; all reals where that is
/// not known. `J_w w' + J t = 0`, and with q a norm of `I - A J_w`, `|w' + A J t| <= q |w'|`.
fn rate(system: &dyn System, x: &[Interval], axis: usize, of: usize) -> Interval {
    let n = system.dim();
    let at: Vec<f64> = x.iter().map(|x| x.mid()).collect();
    let mut expansion = Expansion::new(n);
    system.expand(x, &at, &mut expansion);
    let mut local = Preconditioned::new(n - 1);
    local.at.fill(0.0);
    for i in 0..n - 1 {
        let row = &expansion.jacobian[i * n..(i + 1) * n];
        local.expansion.value[i] = row[axis];
        let entries = &mut local.expansion.jacobian[i * (n - 1)..(i + 1) * (n - 1)];
        entries.copy_from_slice(&without(row, axis));
    }
    if !(local.is_bounded() && local.precondition()) {
        return Interval::ENTIRE;
    }
    let weights: Vec<f64> = local.value.iter().map(|v| v.mag().max(1e-3 * largest(&local.value))).collect();
    let q = local.norm(&weights);
    if !(q < 1.0) {
        return Interval::ENTIRE;
    }
    // |A J t| <= weights, so that |w'| <= weights / (1 - q).
    let place = if of > axis { of - 1 } else { of };
    let error = mul_up(div_up(q, sub_down(1.0, q)), weights[place]);
    -local.value[place] + Interval::about(0.0, error)
}

fn largest(values: &[Interval]) -> f64 {
    values.iter().map(|v| v.mag()).fold(f64::MIN_POSITIVE, f64::max)
}

/// The equations with one more: a coordinate has a value.
struct Cut<'a> {
    system: &'a dyn System,
    axis: usize,
    at: f64,
}

impl System for Cut<'_> {
    fn dim(&self) -> usize {
        self.system.dim()
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        self.system.range(x, out);
        out[x.len() - 1] = x[self.axis].shift(-self.at);
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let n = x.len();
        self.system.expand(x, at, out);
        out.range[n - 1] = x[self.axis].shift(-self.at);
        out.value[n - 1] = Interval::point(at[self.axis]).shift(-self.at);
        let row = &mut out.jacobian[(n - 1) * n..];
        row.fill(Interval::ZERO);
        row[self.axis] = Interval::ONE;
    }
}

#[cfg(test)]
mod tests;
