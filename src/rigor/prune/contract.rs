//! What a box is put to: tests that it holds no zero, contractions, the proof of a zero, and the choice of a split.
//!
//! With `f(x) in f(c) + J(X) (x - c)` for x in X (the mean-value form), each row is a linear equation with interval
//! coefficients in the unknowns `x - c`; solved for one of them, with the others anywhere in the box, it confines that one
//! (Gauss-Seidel with extended division; Hansen & Sengupta 1981, "Bounding solutions of systems of equations using interval
//! analysis", BIT 21). The rows as they are serve systems in which few unknowns meet in an equation, the rows times an
//! approximate inverse the others.

use crate::rigor::krawczyk::{Preconditioned, Prover, Zero};
use crate::rigor::{Interval, System};

/// A box is contracted again if it shrank to less than this part of its volume.
const AGAIN: f64 = 0.3;
/// A gap is split at where it is at least this part of the width.
const GAP: f64 = 0.1;
/// Boxes are split a little off the middle: zeros like to lie in the middle.
const SPLIT: f64 = 0.4853;

/// What became of a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// No zero in it but those proven.
    Decided,
    /// To be split along this coordinate; what lies between these numbers holds no zero.
    Split(usize, f64, f64),
    /// Too narrow to be split.
    Undecided,
}

/// Scratch space to examine one box after the other.
pub(super) struct Examiner<'a> {
    system: &'a dyn System,
    /// Widths at which a box is no longer split.
    least: &'a [f64],
    /// The width of the whole search.
    span: &'a [f64],
    /// The box under examination.
    pub(super) x: Vec<Interval>,
    /// Zeros proven so far, by this examiner.
    pub(super) zeros: Vec<Zero>,
    /// How often f was enclosed without an expansion.
    ranges: u64,
    row: Preconditioned,
    prover: Prover,
    range: Vec<Interval>,
    terms: Vec<Interval>,
    rest: Vec<Interval>,
    radius: Vec<f64>,
    widths: Vec<f64>,
    smear: Vec<f64>,
    expanded: Vec<Interval>,
    guess: Vec<f64>,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(system: &'a dyn System, least: &'a [f64], span: &'a [f64]) -> Self {
        let n = system.dim();
        Examiner {
            system,
            least,
            span,
            x: vec![Interval::ENTIRE; n],
            zeros: Vec::new(),
            ranges: 0,
            row: Preconditioned::new(n),
            prover: Prover::new(n),
            range: vec![Interval::ENTIRE; n],
            terms: vec![Interval::ZERO; n],
            rest: vec![Interval::ZERO; n + 1],
            radius: vec![0.0; n],
            widths: vec![0.0; n],
            smear: vec![0.0; n],
            expanded: vec![Interval::ENTIRE; n],
            guess: vec![0.0; n],
        }
    }

    /// Evaluations of the system so far.
    pub(super) fn evaluations(&self) -> u64 {
        self.ranges + self.row.evaluations + self.prover.local.evaluations
    }

    /// Examines `self.x`, given zeros proven elsewhere. New zeros go to `self.zeros`.
    pub(super) fn examine(&mut self, known: &[&Zero]) -> Fate {
        if !cut_all(&mut self.x, known.iter().copied()) || !cut_all(&mut self.x, self.zeros.iter()) {
            return Fate::Decided;
        }
        self.ranges += 1;
        self.system.range(&self.x, &mut self.range);
        if excludes_zero(&self.range) {
            return Fate::Decided;
        }
        loop {
            let mut gap = None;
            for (width, x) in self.widths.iter_mut().zip(&self.x) {
                *width = x.width();
            }
            for j in 0..self.x.len() {
                // What is known on a larger box holds on this one; a flat one has no interior to find a zero in.
                let (x, least) = (self.x[j], self.least[j]);
                self.expanded[j] =
                    if x.width() > least { x } else { Interval::about(x.mid(), x.rad() + least) };
            }
            if !self.row.expand_about_middle(self.system, &self.expanded) {
                if excludes_zero(&self.row.expansion.range) {
                    return Fate::Decided;
                }
                return self.split(false, None);
            }
            if excludes_zero(&self.row.expansion.range) || !self.sweep_rows(&mut gap) {
                return Fate::Decided;
            }
            if self.maybe_regular() && self.row.precondition() {
                if !self.sweep_preconditioned(&mut gap) {
                    return Fate::Decided;
                }
                for (radius, x) in self.radius.iter_mut().zip(&self.expanded) {
                    *radius = x.rad();
                }
                let norm = self.row.norm(&self.radius);
                if norm < 1.0 && self.prove(norm, known) {
                    let zero = self.zeros.last().into_iter();
                    if !cut_all(&mut self.x, zero) {
                        return Fate::Decided;
                    }
                }
            }
            let shrunk: f64 =
                self.x.iter().zip(&self.widths).map(|(x, width)| share(x.width(), *width)).product();
            if shrunk > AGAIN {
                return self.split(true, gap);
            }
        }
    }

    /// Tries to prove a zero near the box, given the norm on `self.expanded`, on which the Jacobian is regular.
    fn prove(&mut self, norm: f64, known: &[&Zero]) -> bool {
        for i in 0..self.x.len() {
            // The first step of Newton's method. It goes far out of most boxes without a zero.
            let guess = self.row.at[i] - self.row.value[i].mid();
            let (x, reach) = (self.x[i], self.expanded[i].width());
            if !(guess >= x.lo() - 0.5 * reach && guess <= x.hi() + 0.5 * reach) {
                return false;
            }
            self.guess[i] = guess;
        }
        let is_near = |zero: &Zero| zero.unique.iter().zip(&self.guess).all(|(u, g)| u.contains(*g));
        if known.iter().any(|zero| is_near(zero)) || self.zeros.iter().any(is_near) {
            return false;
        }
        let near = Some((&self.expanded[..], norm));
        match self.prover.prove(self.system, &self.guess, self.span, near) {
            Some(zero) => {
                self.zeros.push(zero);
                true
            }
            None => false,
        }
    }

    /// Proves a zero near a point, whatever the box.
    pub(super) fn prove_near(&mut self, guess: &[f64]) {
        if let Some(zero) = self.prover.prove(self.system, guess, self.span, None) {
            self.zeros.push(zero);
        }
    }

    /// Is there no row all of whose entries may vanish?
    fn maybe_regular(&self) -> bool {
        let n = self.x.len();
        self.row.expansion.jacobian.chunks_exact(n).all(|row| row.iter().any(|j| !j.contains(0.0)))
    }

    /// Solves each row for each unknown; false if none is left.
    fn sweep_rows(&mut self, gap: &mut Option<(usize, f64, f64)>) -> bool {
        let n = self.x.len();
        for i in 0..n {
            let row = &self.row.expansion.jacobian[i * n..(i + 1) * n];
            // terms[j] = J_ij (x_j - c_j), rest[j] the sum of those from j on.
            self.rest[n] = Interval::ZERO;
            for j in (0..n).rev() {
                self.terms[j] = row[j] * self.x[j].shift(-self.row.at[j]);
                self.rest[j] = self.rest[j + 1] + self.terms[j];
            }
            let mut before = self.row.expansion.value[i];
            if !(before + self.rest[0]).contains(0.0) {
                return false;
            }
            for j in 0..n {
                let others = before + self.rest[j + 1];
                if !(row[j].contains(0.0) && others.contains(0.0)) {
                    if !confine(&mut self.x[j], self.row.at[j], row[j], others, j, gap) {
                        return false;
                    }
                    self.terms[j] = row[j] * self.x[j].shift(-self.row.at[j]);
                }
                before += self.terms[j];
            }
        }
        true
    }

    /// Solves each preconditioned row for its own unknown; false if none is left.
    fn sweep_preconditioned(&mut self, gap: &mut Option<(usize, f64, f64)>) -> bool {
        let n = self.x.len();
        for i in 0..n {
            let row = &self.row.matrix[i * n..(i + 1) * n];
            let mut others = self.row.value[i];
            for j in 0..n {
                if j != i {
                    others += row[j] * self.x[j].shift(-self.row.at[j]);
                }
            }
            if row[i].contains(0.0) && others.contains(0.0) {
                continue;
            }
            if !confine(&mut self.x[i], self.row.at[i], row[i], others, i, gap) {
                return false;
            }
        }
        true
    }

    /// Where to split: at a wide gap, or along the coordinate in which the equations vary most, each measured by its own
    /// variation (Trombettoni, Araya, Neveu & Chabert 2011, "Inner regions and interval linearizations for global optimization",
    /// AAAI); without a Jacobian, along the coordinate that is widest compared with the whole.
    fn split(&mut self, jacobian: bool, gap: Option<(usize, f64, f64)>) -> Fate {
        let n = self.x.len();
        if let Some((j, lo, hi)) = gap {
            let x = self.x[j];
            if hi - lo >= GAP * x.width() && x.lo() < lo && hi < x.hi() && x.width() > self.least[j] {
                return Fate::Split(j, lo, hi);
            }
        }
        self.smear.fill(0.0);
        if jacobian {
            for row in self.row.expansion.jacobian.chunks_exact(n) {
                let total: f64 = row.iter().zip(&self.x).map(|(a, x)| a.mag() * x.width()).sum();
                if total > 0.0 && total.is_finite() {
                    for j in 0..n {
                        self.smear[j] += row[j].mag() * self.x[j].width() / total;
                    }
                }
            }
        } else {
            for j in 0..n {
                self.smear[j] = share(self.x[j].width(), self.span[j]);
            }
        }
        let mut best: Option<usize> = None;
        for j in 0..n {
            // A coordinate on which nothing depends is not worth a split.
            if self.smear[j] > 0.0
                && self.x[j].width() > self.least[j]
                && best.is_none_or(|b| self.smear[j] > self.smear[b])
            {
                best = Some(j);
            }
        }
        let Some(j) = best else { return Fate::Undecided };
        let x = self.x[j];
        let cut = (x.lo() + SPLIT * (x.hi() - x.lo())).clamp(x.lo(), x.hi());
        if x.lo() < cut && cut < x.hi() { Fate::Split(j, cut, cut) } else { Fate::Undecided }
    }
}

/// Confines `x` to `c + t` with `a t + others = 0`; false if nothing is left. A gap in it that is wider than the one
/// known is noted.
#[inline(always)]
fn confine(
    x: &mut Interval,
    c: f64,
    a: Interval,
    others: Interval,
    j: usize,
    gap: &mut Option<(usize, f64, f64)>,
) -> bool {
    let part = |piece: Option<Interval>| piece.and_then(|t| t.shift(c).meet(*x));
    let [left, right] = a.solve(-others);
    match (part(left), part(right)) {
        (None, None) => false,
        (Some(only), None) | (None, Some(only)) => {
            *x = only;
            true
        }
        (Some(a), Some(b)) => {
            let (below, above) = if a.hi() <= b.lo() { (a, b) } else { (b, a) };
            let (lo, hi) = (below.hi(), above.lo());
            *x = below.hull(above);
            if lo < hi && gap.is_none_or(|(_, l, h)| hi - lo > h - l) {
                *gap = Some((j, lo, hi));
            }
            true
        }
    }
}

/// Does one of the functions vanish nowhere?
#[inline(always)]
pub(super) fn excludes_zero(range: &[Interval]) -> bool {
    range.iter().any(|f| f.lo() > 0.0 || f.hi() < 0.0)
}

/// `a / b`, and one for 0 / 0.
fn share(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 1.0 }
}

/// Takes from `x` what lies in boxes of uniqueness, as far as a box is left of it; false if nothing is left.
pub(super) fn cut_all<'z>(x: &mut [Interval], zeros: impl Iterator<Item = &'z Zero>) -> bool {
    for zero in zeros {
        if !cut(x, &zero.unique) {
            return false;
        }
    }
    true
}

/// Takes `y` from `x` where a box is left; false if nothing is left.
fn cut(x: &mut [Interval], y: &[Interval]) -> bool {
    let mut outside = None;
    for j in 0..x.len() {
        if x[j].is_in(y[j]) {
            continue;
        }
        // What is left of x is a box only if y covers all other coordinates; it stays closed.
        if outside.is_some() || x[j].meet(y[j]).is_none() {
            return true;
        }
        outside = Some(j);
    }
    let Some(j) = outside else { return false };
    if y[j].lo() <= x[j].lo() {
        x[j] = Interval::new(y[j].hi(), x[j].hi());
    } else if x[j].hi() <= y[j].hi() {
        x[j] = Interval::new(x[j].lo(), y[j].lo());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn x(ends: [f64; 2]) -> Interval {
        Interval::new(ends[0], ends[1])
    }

    #[test]
    fn only_what_is_covered_is_cut() {
        let start = [x([0.0, 4.0]), x([0.0, 4.0])];
        let after = |y: [Interval; 2]| {
            let mut rest = start;
            cut(&mut rest, &y).then_some(rest)
        };
        // All of it; a part that leaves a box; parts that do not.
        assert_eq!(after([x([0.0, 4.0]), x([-1.0, 5.0])]), None);
        assert_eq!(after([x([-1.0, 3.0]), x([0.0, 4.0])]), Some([x([3.0, 4.0]), x([0.0, 4.0])]));
        assert_eq!(after([x([-1.0, 5.0]), x([1.0, 4.0])]), Some([x([0.0, 4.0]), x([0.0, 1.0])]));
        assert_eq!(after([x([-1.0, 3.0]), x([0.5, 4.0])]), Some(start));
        assert_eq!(after([x([1.0, 3.0]), x([-1.0, 5.0])]), Some(start));
        assert_eq!(after([x([5.0, 6.0]), x([-1.0, 5.0])]), Some(start));
    }

    #[test]
    fn a_range_that_touches_zero_holds_it() {
        assert!(!excludes_zero(&[x([0.0, 1.0]), x([-1.0, 0.0])]));
        assert!(excludes_zero(&[x([-1.0, 1.0]), x([1e-300, 1.0])]));
        assert!(excludes_zero(&[x([-1.0, -1e-300]), Interval::ENTIRE]));
        assert!(!excludes_zero(&[Interval::ENTIRE]));
    }

    #[test]
    fn a_linear_equation_confines_its_unknown() {
        // [1, 2] (x - 1) + [1, 3] = 0 leaves x - 1 in [-3, -1/2].
        let (mut y, mut gap) = (x([-10.0, 10.0]), None);
        assert!(confine(&mut y, 1.0, x([1.0, 2.0]), x([1.0, 3.0]), 0, &mut gap));
        assert!(x([-2.0, 0.5]).is_in(y) && y.width() < 2.5 + 1e-14 && gap.is_none());
        // [-1, 2] (x - 1) + [1, 3] = 0 leaves x - 1 <= -1/2 or >= 1.
        let mut y = x([-10.0, 10.0]);
        assert!(confine(&mut y, 1.0, x([-1.0, 2.0]), x([1.0, 3.0]), 0, &mut gap));
        assert_eq!(y, x([-10.0, 10.0]));
        let (_, lo, hi) = gap.unwrap();
        assert!((0.5..0.5 + 1e-14).contains(&lo) && hi <= 2.0 && hi > 2.0 - 1e-14, "{lo} {hi}");
        // Nothing is left of [0.6, 1.9], a point of [0.5, 1.9].
        assert!(!confine(&mut x([0.6, 1.9]), 1.0, x([-1.0, 2.0]), x([1.0, 3.0]), 0, &mut gap));
        assert!(confine(&mut x([0.5, 1.9]), 1.0, x([-1.0, 2.0]), x([1.0, 3.0]), 0, &mut gap));
        assert!(confine(&mut x([0.6, 2.0]), 1.0, x([-1.0, 2.0]), x([1.0, 3.0]), 0, &mut gap));
    }

    #[test]
    fn what_is_between_two_numbers_is_confined_outwards() {
        // (x - 1) - 2^-60 = 0 has its root just above one.
        let (mut y, mut gap) = (x([0.0, 2.0]), None);
        let tiny = Interval::point(-(2f64.powi(-60)));
        assert!(confine(&mut y, 1.0, Interval::ONE, tiny, 0, &mut gap));
        assert!(y.lo() <= 1.0 && y.hi() > 1.0 && y.width() < 1e-15);
    }
}
