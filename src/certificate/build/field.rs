//! The landscape as the builder sees it: the enclosures of `landscape/`, with the checker's Lipschitz constants where these are larger, so
//! that what is built will be accepted.

use crate::certificate::check::Oracle;
use crate::landscape::Enclose;
use crate::landscape::enclose::Balls;
use crate::rigor::{Interval, System};

/// See the module.
pub(super) struct Both<'a> {
    pub(super) inner: &'a dyn Enclose,
    pub(super) oracle: &'a Oracle,
}

impl Enclose for Both<'_> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn energy(&self, x: &[Interval]) -> Interval {
        self.inner.energy(x)
    }

    fn gradient(&self, x: &[Interval], out: &mut [Interval]) {
        self.inner.gradient(x, out);
    }

    fn hessian(&self, x: &[Interval]) -> Balls {
        self.inner.hessian(x)
    }

    fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        self.inner.lipschitz(center, radius).max(self.oracle.lipschitz(center, radius))
    }

    fn system(&self) -> Box<dyn System + '_> {
        self.inner.system()
    }
}

impl Both<'_> {
    /// Is a component of the gradient larger than e0 all over the box, by its enclosure or by the mean value form?
    pub(super) fn exceeds(&self, x: &[(f64, f64)], e0: f64) -> bool {
        self.tight(x).iter().any(|g| g.mig() > e0)
    }

    /// The gradient over a box, both ways.
    pub(super) fn tight(&self, x: &[(f64, f64)]) -> Vec<Interval> {
        let n = x.len();
        let place: Vec<Interval> = x.iter().map(|(lo, hi)| Interval::new(*lo, *hi)).collect();
        let mut natural = vec![Interval::ENTIRE; n];
        self.inner.gradient(&place, &mut natural);
        let c: Vec<Interval> = place.iter().map(|x| Interval::point(x.mid())).collect();
        let mut at = vec![Interval::ENTIRE; n];
        self.inner.gradient(&c, &mut at);
        let step: Vec<Interval> = place.iter().zip(&c).map(|(x, c)| *x - *c).collect();
        let change = self.inner.hessian(&place).mul_vec(&step);
        (0..n).map(|i| natural[i].meet(at[i] + change[i]).unwrap_or(natural[i])).collect()
    }
}
