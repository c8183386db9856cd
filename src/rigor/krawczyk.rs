//! Exactly one zero in a box: Krawczyk's operator.
//!
//! For f continuously differentiable on a box X, a point c of X and any matrix A,
//!
//! ```text
//! K(X) = c - A f(c) + (I - A J(X)) (X - c)
//! ```
//!
//! contains every zero of f in X; if K(X) lies in the interior of X there is exactly one, and every matrix of J(X) is
//! regular (Krawczyk 1969, "Newton-Algorithmen zur Bestimmung von Nullstellen mit Fehlerschranken", Computing 4; Moore 1977,
//! "A test for existence of solutions to nonlinear systems", SIAM J. Numer. Anal. 14; Neumaier 1990, "Interval Methods for
//! Systems of Equations", theorem 5.1.8). Whatever A is, the theorem holds: A is computed in floating-point arithmetic, all
//! that is multiplied by it in intervals.
//!
//! Where `|I - A J(X)| w < w` for a vector w > 0, every matrix whose rows are taken from J(X) is regular, so that f takes no
//! value twice in X (Neumaier 1990, corollary 5.1.5): X is a box of uniqueness for each zero in it.

use super::rounding::{UNIT, add_up, div_up, mul_up, sub_up};
use super::{Expansion, Interval, System};

/// Newton's method gives up after this many steps.
const STEPS: usize = 24;
/// A box about an approximate zero is inflated so often before it is given up.
const INFLATIONS: usize = 8;
/// A box of uniqueness is enlarged so often.
const GROWTHS: usize = 8;

/// A zero, and where it is the only one.
#[derive(Clone, Debug, PartialEq)]
pub struct Zero {
    /// A small box in which there is exactly one zero.
    pub enclosure: Vec<Interval>,
    /// A larger box, which contains the other, in which there is no second one, and all of whose Jacobians are regular.
    pub unique: Vec<Interval>,
}

/// An expansion of a system about a box, and its product with an approximate inverse of the Jacobian.
pub(super) struct Preconditioned {
    n: usize,
    /// f over the box.
    pub(super) expansion: Expansion,
    /// A point of the box.
    pub(super) at: Vec<f64>,
    /// `A J(X)`, where A is about the inverse of the middle of J(X).
    pub(super) matrix: Vec<Interval>,
    /// `A f(at)`.
    pub(super) value: Vec<Interval>,
    inverse: Vec<f64>,
    elimination: Vec<f64>,
    /// How often the system was evaluated.
    pub(super) evaluations: u64,
}

impl Preconditioned {
    pub(super) fn new(n: usize) -> Self {
        Preconditioned {
            n,
            expansion: Expansion::new(n),
            at: vec![0.0; n],
            matrix: vec![Interval::ENTIRE; n * n],
            value: vec![Interval::ENTIRE; n],
            inverse: vec![0.0; n * n],
            elimination: vec![0.0; n * n],
            evaluations: 0,
        }
    }

    /// Expands f over the box `x` about its middle; see [`Preconditioned::expand`].
    pub(super) fn expand_about_middle(&mut self, system: &dyn System, x: &[Interval]) -> bool {
        for (at, x) in self.at.iter_mut().zip(x) {
            *at = x.mid();
        }
        self.expand(system, x)
    }

    /// Expands f over the box `x` about `self.at`, a point of it. False where f is not known to be differentiable all over
    /// the box: nothing else may then be asked.
    fn expand(&mut self, system: &dyn System, x: &[Interval]) -> bool {
        self.evaluations += 1;
        system.expand(x, &self.at, &mut self.expansion);
        self.is_bounded()
    }

    /// Is the expansion of use? A product with a vanishing factor would hide an unbounded one.
    pub(super) fn is_bounded(&self) -> bool {
        let Expansion { value, jacobian, .. } = &self.expansion;
        value.iter().all(|v| v.is_bounded()) && jacobian.iter().all(|j| j.is_bounded())
    }

    /// Multiplies by the approximate inverse of the Jacobian's middle; false if there is none.
    pub(super) fn precondition(&mut self) -> bool {
        let n = self.n;
        if !self.invert() {
            return false;
        }
        // The inverse is any matrix: what it is multiplied with is not, so the products are rounded outwards.
        self.value.fill(Interval::ZERO);
        self.matrix.fill(Interval::ZERO);
        for i in 0..n {
            let entries = &mut self.matrix[i * n..(i + 1) * n];
            for k in 0..n {
                let a = self.inverse[i * n + k];
                if a == 0.0 {
                    continue;
                }
                self.value[i] += self.expansion.value[k].scale(a);
                for (entry, j) in entries.iter_mut().zip(&self.expansion.jacobian[k * n..(k + 1) * n]) {
                    *entry += j.scale(a);
                }
            }
        }
        true
    }

    /// Inverts the middle of the Jacobian by Gauss-Jordan elimination with row pivots; false if it is singular.
    fn invert(&mut self) -> bool {
        let n = self.n;
        let (left, right) = (&mut self.elimination, &mut self.inverse);
        for (a, j) in left.iter_mut().zip(&self.expansion.jacobian) {
            *a = 0.5 * j.lo() + 0.5 * j.hi();
        }
        if n == 2 {
            let determinant = left[0] * left[3] - left[1] * left[2];
            let scale = 1.0 / determinant;
            right[0] = left[3] * scale;
            right[1] = -left[1] * scale;
            right[2] = -left[2] * scale;
            right[3] = left[0] * scale;
            return right.iter().all(|a| a.is_finite());
        }
        right.fill(0.0);
        for i in 0..n {
            right[i * n + i] = 1.0;
        }
        for column in 0..n {
            let mut pivot = column;
            for row in column + 1..n {
                if left[row * n + column].abs() > left[pivot * n + column].abs() {
                    pivot = row;
                }
            }
            if pivot != column {
                for k in 0..n {
                    left.swap(pivot * n + k, column * n + k);
                    right.swap(pivot * n + k, column * n + k);
                }
            }
            let scale = 1.0 / left[column * n + column];
            if !scale.is_finite() {
                return false;
            }
            for k in 0..n {
                left[column * n + k] *= scale;
                right[column * n + k] *= scale;
            }
            for row in 0..n {
                let factor = left[row * n + column];
                if row == column || factor == 0.0 {
                    continue;
                }
                for k in 0..n {
                    left[row * n + k] -= factor * left[column * n + k];
                    right[row * n + k] -= factor * right[column * n + k];
                }
            }
        }
        right.iter().all(|a| a.is_finite())
    }

    /// Entry (i, j) of `I - A J(X)`.
    #[inline(always)]
    pub(super) fn defect(&self, i: usize, j: usize) -> Interval {
        let entry = self.matrix[i * self.n + j];
        if i == j { Interval::ONE - entry } else { -entry }
    }

    /// An upper bound of the largest `(|I - A J(X)| w)_i / w_i`, for w > 0. Below one, every matrix of J(X) is regular.
    pub(super) fn norm(&self, w: &[f64]) -> f64 {
        let mut worst: f64 = 0.0;
        for i in 0..self.n {
            if !(w[i] > 0.0) {
                return f64::INFINITY;
            }
            let sum = (0..self.n).fold(0.0, |sum, j| add_up(sum, mul_up(self.defect(i, j).mag(), w[j])));
            worst = worst.max(div_up(sum, w[i]));
        }
        worst
    }

    /// Writes K(x), for the box `x` (or a part of it) that was expanded.
    pub(super) fn krawczyk(&self, x: &[Interval], out: &mut [Interval]) {
        for i in 0..self.n {
            let mut sum = Interval::point(self.at[i]) - self.value[i];
            for j in 0..self.n {
                sum += self.defect(i, j) * x[j].shift(-self.at[j]);
            }
            out[i] = sum;
        }
    }
}

/// Looks for a zero near a point and proves it; keeps its scratch space between calls.
pub(super) struct Prover {
    n: usize,
    pub(super) local: Preconditioned,
    z: Vec<f64>,
    radius: Vec<f64>,
    shape: Vec<f64>,
    y: Vec<Interval>,
    image: Vec<Interval>,
    enclosure: Vec<Interval>,
    unique: Vec<Interval>,
}

impl Prover {
    pub(super) fn new(n: usize) -> Self {
        Prover {
            n,
            local: Preconditioned::new(n),
            z: vec![0.0; n],
            radius: vec![0.0; n],
            shape: vec![0.0; n],
            y: vec![Interval::ENTIRE; n],
            image: vec![Interval::ENTIRE; n],
            enclosure: vec![Interval::ENTIRE; n],
            unique: vec![Interval::ENTIRE; n],
        }
    }

    /// A zero near `guess`, with a box of uniqueness at most about as wide as `span` allows. `regular` is a box on which
    /// the Jacobian is known to be regular, if there is one, with the norm that shows it.
    pub(super) fn prove(
        &mut self,
        system: &dyn System,
        guess: &[f64],
        span: &[f64],
        regular: Option<(&[Interval], f64)>,
    ) -> Option<Zero> {
        self.z.copy_from_slice(guess);
        if !self.newton(system, span, regular.map(|(x, _)| x)) || !self.inflate(system, span) {
            return None;
        }
        self.grow(system, span, regular);
        Some(Zero { enclosure: self.enclosure.clone(), unique: self.unique.clone() })
    }

    /// A small box with exactly one zero, near `guess`.
    pub(super) fn enclose(
        &mut self,
        system: &dyn System,
        guess: &[f64],
        span: &[f64],
    ) -> Option<Vec<Interval>> {
        self.z.copy_from_slice(guess);
        (self.newton(system, span, None) && self.inflate(system, span)).then(|| self.enclosure.clone())
    }

    /// Newton's method in floating-point arithmetic: `self.z` becomes an approximate zero, `self.radius` a guess of its
    /// error. False if it does not converge, or leaves the neighbourhood of `near`.
    fn newton(&mut self, system: &dyn System, span: &[f64], near: Option<&[Interval]>) -> bool {
        let mut last = f64::INFINITY;
        for _ in 0..STEPS {
            self.local.at.copy_from_slice(&self.z);
            for (y, z) in self.y.iter_mut().zip(&self.z) {
                *y = Interval::point(*z);
            }
            if !self.local.expand(system, &self.y) || !self.local.precondition() {
                return false;
            }
            let mut size: f64 = 0.0;
            for i in 0..self.n {
                let step = self.local.value[i].mid();
                let floor = least_radius(self.z[i], span[i]);
                self.radius[i] = floor.max(4.0 * step.abs());
                self.z[i] -= step;
                size = size.max(step.abs() / floor);
                if !self.z[i].is_finite() {
                    return false;
                }
                if let Some(near) = near
                    && (self.z[i] < near[i].lo() - span_of(near[i])
                        || self.z[i] > near[i].hi() + span_of(near[i]))
                {
                    return false;
                }
            }
            // The next step would be about the square of this one, relative to the span: below the floor.
            if size <= (1_u64 << 24) as f64 {
                for i in 0..self.n {
                    let floor = least_radius(self.z[i], span[i]);
                    let relative = self.radius[i] / span[i].max(f64::MIN_POSITIVE);
                    self.radius[i] = floor.max(relative * self.radius[i]);
                }
                return true;
            }
            if last.is_finite() && size > 2.0 * last {
                return false;
            }
            last = size;
        }
        false
    }

    /// Epsilon-inflation (Rump 1983): boxes about `self.z` until Krawczyk's operator maps one into its interior. The image is
    /// `self.enclosure`; the box, and `self.local` about it, are left behind.
    fn inflate(&mut self, system: &dyn System, span: &[f64]) -> bool {
        for i in 0..self.n {
            self.y[i] = Interval::about(self.z[i], self.radius[i]);
        }
        for _ in 0..INFLATIONS {
            self.local.at.copy_from_slice(&self.z);
            if !self.local.expand(system, &self.y) || !self.local.precondition() {
                return false;
            }
            self.local.krawczyk(&self.y, &mut self.image);
            if self.image.iter().zip(&self.y).all(|(k, y)| k.is_inside(*y)) {
                self.enclosure.copy_from_slice(&self.image);
                self.unique.copy_from_slice(&self.y);
                self.sharpen(system, span);
                return true;
            }
            for i in 0..self.n {
                let hull = self.y[i].hull(self.image[i]);
                if !hull.is_bounded() || hull.width() > 4.0 * span[i] {
                    return false;
                }
                let more = 0.2 * hull.width() + least_radius(self.z[i], span[i]);
                self.y[i] = Interval::new(hull.lo() - more, hull.hi() + more);
            }
        }
        false
    }

    /// Applies the operator to the enclosure as long as that halves it: a box with a zero in it meets its image in one.
    fn sharpen(&mut self, system: &dyn System, span: &[f64]) {
        for _ in 0..3 {
            let fine = |x: Interval, span: f64| x.width() <= 64.0 * UNIT * x.mag().max(UNIT * span);
            if self.enclosure.iter().zip(span).all(|(x, span)| fine(*x, *span)) {
                return;
            }
            if !self.local.expand_about_middle(system, &self.enclosure) || !self.local.precondition() {
                return;
            }
            self.local.krawczyk(&self.enclosure, &mut self.image);
            let mut gained = false;
            for (x, k) in self.enclosure.iter_mut().zip(&self.image) {
                if let Some(part) = x.meet(*k) {
                    gained |= part.width() < 0.5 * x.width();
                    *x = part;
                }
            }
            if !gained {
                return;
            }
        }
    }

    /// Enlarges `self.unique`, a box of uniqueness about the enclosure, as far as the Jacobian stays regular.
    fn grow(&mut self, system: &dyn System, span: &[f64], regular: Option<(&[Interval], f64)>) {
        let n = self.n;
        // Radii are multiples t of a shape; `norm` is known at `t`, and about proportional to it.
        let (mut t, norm, least) = match regular {
            Some((x, norm)) => {
                for i in 0..n {
                    self.shape[i] = sub_up(x[i].hi(), self.z[i]).max(sub_up(self.z[i], x[i].lo()));
                }
                let within = self.enclosure.iter().zip(x).all(|(e, x)| e.is_in(*x));
                if within {
                    self.unique.copy_from_slice(x);
                }
                (1.0, norm, if within { 1.0 } else { 0.25 })
            }
            None => {
                self.shape.copy_from_slice(span);
                (1.0, 1.0, 1e-12)
            }
        };
        t *= (0.6 / norm).clamp(1.0, 16.0);
        let mut grown = false;
        for _ in 0..GROWTHS {
            for i in 0..n {
                self.y[i] = Interval::about(self.z[i], t * self.shape[i]);
                self.radius[i] = t * self.shape[i];
            }
            self.local.at.copy_from_slice(&self.z);
            let norm = if self.local.expand(system, &self.y) && self.local.precondition() {
                self.local.norm(&self.radius)
            } else {
                f64::INFINITY
            };
            if norm < 1.0 && self.enclosure.iter().zip(&self.y).all(|(e, y)| e.is_in(*y)) {
                self.unique.copy_from_slice(&self.y);
                grown = true;
                if norm > 0.4 {
                    return;
                }
                t *= (0.7 / norm).min(16.0);
            } else {
                // The norm is about proportional to t, unless there is a pole or an overflow.
                t *= if norm < f64::INFINITY { (0.8 / norm).clamp(1e-6, 0.8) } else { 0.1 };
                if grown || t < least {
                    return;
                }
            }
        }
    }
}

/// The least radius of a box that is tried about `z`.
fn least_radius(z: f64, span: f64) -> f64 {
    (8.0 * UNIT * z.abs()).max(4.0 * UNIT * span).max(1e-300)
}

/// Twice the width of `x`, and a few units in the last place.
fn span_of(x: Interval) -> f64 {
    2.0 * x.width() + 8.0 * UNIT * x.mag()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of one variable by its enclosure and its derivative's.
    struct One<F: Fn(Interval) -> (Interval, Interval) + Sync>(F);

    impl<F: Fn(Interval) -> (Interval, Interval) + Sync> System for One<F> {
        fn dim(&self) -> usize {
            1
        }

        fn range(&self, x: &[Interval], out: &mut [Interval]) {
            out[0] = self.0(x[0]).0;
        }

        fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
            (out.range[0], out.jacobian[0]) = self.0(x[0]);
            out.value[0] = self.0(Interval::point(at[0])).0;
        }
    }

    /// `m x - b`.
    struct Linear {
        m: [f64; 9],
        b: [f64; 3],
    }

    impl System for Linear {
        fn dim(&self) -> usize {
            3
        }

        fn range(&self, x: &[Interval], out: &mut [Interval]) {
            for i in 0..3 {
                out[i] = (0..3).fold(-Interval::point(self.b[i]), |sum, j| {
                    sum + x[j] * Interval::point(self.m[3 * i + j])
                });
            }
        }

        fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
            let point: Vec<Interval> = at.iter().map(|c| Interval::point(*c)).collect();
            self.range(&point, &mut out.value);
            self.range(x, &mut out.range);
            for (j, m) in out.jacobian.iter_mut().zip(&self.m) {
                *j = Interval::point(*m);
            }
        }
    }

    fn square(c: f64) -> impl System {
        One(move |x: Interval| (x.sqr() - Interval::point(c), x.scale(2.0)))
    }

    fn norm_on(system: &dyn System, x: Interval) -> f64 {
        let mut local = Preconditioned::new(1);
        assert!(local.expand_about_middle(system, &[x]) && local.precondition());
        local.norm(&[x.rad()])
    }

    #[test]
    fn a_box_with_a_singular_derivative_in_it_is_not_regular() {
        // The derivative of x^2 is zero at zero, an end of the first box and just outside the second.
        assert!(norm_on(&square(1.0), Interval::new(0.0, 2.0)) >= 1.0);
        assert!(norm_on(&square(1.0), Interval::new(-1e-12, 2.0)) > 1.0);
        let norm = norm_on(&square(1.0), Interval::new(0.02, 1.98));
        assert!((0.98..1.0).contains(&norm), "{norm}");
        let mut local = Preconditioned::new(1);
        assert!(local.expand_about_middle(&square(1.0), &[Interval::new(0.5, 1.5)]) && local.precondition());
        // Of a vector that is not positive nothing follows.
        assert_eq!(local.norm(&[0.0]), f64::INFINITY);
        assert_eq!(local.norm(&[f64::NAN]), f64::INFINITY);
    }

    #[test]
    fn the_inverse_is_a_matrix_like_any_other() {
        // The nearest number to 1/3, times 3, is 1 - 2^-54 exactly, and 1 in round-to-nearest.
        let system = One(|x: Interval| (x.scale(3.0) - Interval::ONE, Interval::point(3.0)));
        let mut local = Preconditioned::new(1);
        assert!(local.expand_about_middle(&system, &[Interval::new(-1.0, 2.0)]) && local.precondition());
        assert!(local.matrix[0].lo() < 1.0 && local.matrix[0].hi() >= 1.0);
        assert!(local.norm(&[1.0]) >= 0.5 * UNIT);
        // f(1/2) = 1/2; times the inverse it is 1/6 - 2^-56 / 3, between two neighbours.
        let sixth = 1.0 / 6.0;
        assert!(local.value[0].lo() <= sixth && local.value[0].hi() > 0.5 * (1.0 / 3.0) - 1e-300);
        let mut image = [Interval::ENTIRE];
        local.krawczyk(&[Interval::new(-1.0, 2.0)], &mut image);
        let third: f64 = 1.0 / 3.0;
        assert!(image[0].lo() <= third && image[0].hi() >= third.next_up() && image[0].width() < 1e-14);
    }

    #[test]
    fn a_matrix_that_is_not_symmetric() {
        // Rows, columns and signs all matter: the solution of this system is (1, -2, 3).
        let system = Linear { m: [0.0, 2.0, 1.0, 4.0, 0.5, 0.0, -1.0, 3.0, 2.0], b: [-1.0, 3.0, -1.0] };
        let mut prover = Prover::new(3);
        let zero = prover.prove(&system, &[10.0, 20.0, -5.0], &[100.0; 3], None).unwrap();
        for (z, x) in zero.enclosure.iter().zip([1.0, -2.0, 3.0]) {
            assert!(z.contains(x) && z.width() < 1e-13, "{z:?}");
        }
        // A linear system has one zero anywhere.
        assert!(zero.unique.iter().all(|u| u.width() > 100.0));
        // The image of a box is K(X) itself, whatever the middle of the expansion: here A is the exact inverse but for
        // rounding, so that it is small.
        let mut local = Preconditioned::new(3);
        let x = [Interval::new(-3.0, 8.0), Interval::new(-9.0, 4.0), Interval::new(2.0, 3.5)];
        assert!(local.expand_about_middle(&system, &x) && local.precondition());
        let mut image = [Interval::ENTIRE; 3];
        local.krawczyk(&x, &mut image);
        assert!(image.iter().zip([1.0, -2.0, 3.0]).all(|(k, c)| k.contains(c) && k.width() < 1e-12));
    }

    #[test]
    fn the_operator_is_krawczyks() {
        // f = x^2 - 2 on [1, 2]: c = 3/2, A = 1/3, K = 3/2 - 1/12 + (1 - [2, 4]/3) [-1/2, 1/2] = [15/12, 19/12].
        let mut local = Preconditioned::new(1);
        let x = [Interval::new(1.0, 2.0)];
        assert!(local.expand_about_middle(&square(2.0), &x) && local.precondition());
        let mut image = [Interval::ENTIRE];
        local.krawczyk(&x, &mut image);
        assert!((image[0].lo() - 1.25).abs() < 1e-14 && (image[0].hi() - 19.0 / 12.0).abs() < 1e-14);
        assert!(image[0].lo() <= 1.25 && image[0].hi() >= 19.0 / 12.0);
    }

    #[test]
    fn boxes_of_uniqueness_hold_no_second_zero() {
        for distance in [1e-7, 1e-3, 1.0, 50.0] {
            let system = square(distance * distance);
            let mut prover = Prover::new(1);
            for regular in [None, Some(Interval::new(0.9 * distance, 1.5 * distance))] {
                let x = regular.map(|x| [x]);
                let norm = regular.map_or(0.0, |x| norm_on(&system, x));
                let near = x.as_ref().map(|x| (&x[..], norm));
                let zero = prover.prove(&system, &[1.1 * distance], &[200.0], near).unwrap();
                let unique = zero.unique[0];
                // A singular derivative lies between the two zeros.
                assert!(unique.contains(distance) && unique.lo() > 0.0);
                // It is enlarged to about as far as that.
                assert!(unique.lo() < 0.7 * distance, "{distance}: {unique:?}");
                assert!(zero.enclosure[0].contains(distance) && zero.enclosure[0].width() < 1e-13 * distance);
            }
        }
    }

    #[test]
    fn nothing_is_proven_about_a_double_root_or_a_kink() {
        let mut prover = Prover::new(1);
        for guess in [0.0, 1e-3, 1e-12, -1.0] {
            assert!(prover.prove(&square(0.0), &[guess], &[2.0], None).is_none());
            assert!(prover.prove(&square(-1e-20), &[guess], &[2.0], None).is_none());
            let kink = One(|x: Interval| {
                let slope = if x.lo() > 0.0 { Interval::ONE } else { Interval::ENTIRE };
                (x, slope)
            });
            assert!(prover.prove(&kink, &[guess], &[2.0], None).is_none());
        }
    }

    /// `(x + y^2/2, y + x^2/2)`, whose Jacobian is singular where `x y = 1`.
    struct Coupled;

    impl System for Coupled {
        fn dim(&self) -> usize {
            2
        }

        fn range(&self, x: &[Interval], out: &mut [Interval]) {
            out[0] = x[0] + x[1].sqr().scale(0.5);
            out[1] = x[1] + x[0].sqr().scale(0.5);
        }

        fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
            let point = [Interval::point(at[0]), Interval::point(at[1])];
            self.range(&point, &mut out.value);
            self.range(x, &mut out.range);
            out.jacobian.copy_from_slice(&[Interval::ONE, x[1], x[0], Interval::ONE]);
        }
    }

    #[test]
    fn a_coupling_can_make_a_jacobian_singular() {
        let mut local = Preconditioned::new(2);
        for (size, regular) in [(1.0, false), (2.0, false), (0.9, true)] {
            assert!(
                local.expand_about_middle(&Coupled, &[Interval::new(-size, size); 2]) && local.precondition()
            );
            assert_eq!(local.norm(&[1.0, 1.0]) < 1.0, regular, "{size}");
        }
    }

    #[test]
    fn every_coordinate_of_the_image_must_be_inside() {
        // The zero is (1, -2, 3): in the first coordinate near the box, in the others far off.
        let system = Linear { m: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], b: [1.0, -2.0, 3.0] };
        let mut prover = Prover::new(3);
        prover.z.fill(1.0);
        prover.radius.fill(0.1);
        assert!(!prover.inflate(&system, &[0.1; 3]));
        prover.z.copy_from_slice(&[1.0, -2.0, 3.0]);
        assert!(prover.inflate(&system, &[0.1; 3]));
    }
}
