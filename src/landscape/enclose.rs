//! Landscapes in verified arithmetic.

use faer::Mat;

use crate::rigor::{Interval, System};

/// A symmetric or general matrix known up to a radius in each entry: every A with `|A - mid| <= rad`.
pub type Balls = crate::rigor::BallMatrix;

/// Encloses a direction over boxes: see [`Enclose::ascent`].
pub type Ascent<'a> = Box<dyn Fn(&[Interval], &mut [Interval]) + Sync + 'a>;

/// A landscape whose energy, gradient and Hessian can be enclosed. What is enclosed is the function that the kind's
/// formula defines of the floating-point numbers given, evaluated exactly: not what [`Landscape`](super::Landscape)
/// computes of it.
pub trait Enclose: Send + Sync {
    /// Dimension n of the state.
    fn dim(&self) -> usize;

    /// Encloses the energy over the box `x` (length n).
    fn energy(&self, x: &[Interval]) -> Interval;

    /// Encloses the gradient over the box `x` (length n).
    fn gradient(&self, x: &[Interval], out: &mut [Interval]);

    /// Encloses the Hessian over the box `x`; entries are unbounded where the gradient is not differentiable.
    fn hessian(&self, x: &[Interval]) -> Balls;

    /// Encloses both at a place, for kinds where they have much in common.
    fn at(&self, x: &[f64]) -> (Vec<Interval>, Balls) {
        let place: Vec<Interval> = x.iter().map(|x| Interval::point(*x)).collect();
        let mut gradient = vec![Interval::ENTIRE; x.len()];
        self.gradient(&place, &mut gradient);
        (gradient, self.hessian(&place))
    }

    /// A bound L of the Hessian's Lipschitz constant in the spectral norm on the Euclidean ball: `|H(x) - H(y)| <= L |x - y|`;
    /// infinite where there is none.
    fn lipschitz(&self, center: &[f64], radius: f64) -> f64;

    /// The same in balls of any radius about one centre, for kinds where these have much in common.
    fn lipschitz_about<'a>(&'a self, center: &'a [f64]) -> Box<dyn Fn(f64) -> f64 + 'a> {
        Box::new(move |radius| self.lipschitz(center, radius))
    }

    /// [`Enclose::at`] and [`Enclose::lipschitz_about`] of one place, for kinds where they have much in common.
    fn about<'a>(&'a self, x: &'a [f64]) -> About<'a> {
        let (gradient, hessian) = self.at(x);
        About { gradient, hessian, lipschitz: self.lipschitz_about(x) }
    }

    /// What encloses, over boxes (length n), the gradient times a positive function, which may be another one at each call.
    fn ascent(&self) -> Ascent<'_> {
        Box::new(|x, out| self.gradient(x, out))
    }

    /// A system whose zeros are the critical points, with the Jacobian singular just where the Hessian is.
    fn system(&self) -> Box<dyn System + '_>;

    /// A centre and a radius such that the flow `-grad E` enters every larger ball about it.
    fn trap(&self) -> Option<(Vec<f64>, f64)> {
        self.everywhere().map(|all| (all.center, all.radius))
    }

    /// The same landscape on an affine subspace that the flow does not leave and that holds all critical points, in coordinates of
    /// its own; `None` if that is all of R^n, or none is known exactly.
    fn hull(&self) -> Option<Hull<'_>> {
        None
    }

    /// All critical points of R^n at once, where the kind confines them by its form.
    fn everywhere(&self) -> Option<Everywhere<'_>> {
        None
    }
}

/// What a landscape is like at a place and around it.
pub struct About<'a> {
    /// Encloses the gradient there.
    pub gradient: Vec<Interval>,
    /// Encloses the Hessian there.
    pub hessian: Balls,
    /// A bound of the Hessian's Lipschitz constant in the ball of this radius.
    pub lipschitz: Box<dyn Fn(f64) -> f64 + 'a>,
}

/// A system, perhaps in fewer unknowns, with as many zeros as the landscape has critical points in all of R^n.
pub struct Everywhere<'a> {
    /// The system (m unknowns).
    pub system: Box<dyn System + 'a>,
    /// A box (length m) that holds all its zeros.
    pub within: Vec<Interval>,
    /// A ball of R^n about this point (length n) ..
    pub center: Vec<f64>,
    /// .. with this radius holds all critical points; the flow enters every larger one.
    pub radius: f64,
    /// An approximate place in R^n of a place in R^m: `x = origin + map z`.
    pub origin: Vec<f64>,
    /// The linear part (n x m).
    pub map: Mat<f64>,
}

/// A landscape on an affine subspace of R^n that is invariant under the flow, in an isometric copy R^m: up to a constant,
/// `inner(z) = E(o + Q z)` with orthonormal columns of Q. Orthogonal to it the energy is a convex quadratic.
pub struct Hull<'a> {
    /// The landscape on R^m.
    pub inner: Box<dyn Enclose + 'a>,
    /// Approximates o (length n).
    pub origin: Vec<f64>,
    /// Approximates Q (n x m).
    pub map: Mat<f64>,
    /// At least the distance of `origin` from o.
    pub origin_error: f64,
    /// At least `|map - Q|` in the spectral norm.
    pub map_error: f64,
}
