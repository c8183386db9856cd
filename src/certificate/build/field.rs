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
        // What the checker will take; in many dimensions, where both take long, that alone.
        let oracle = self.oracle.lipschitz(center, radius);
        if self.dim() > 3 { oracle } else { oracle.max(self.inner.lipschitz(center, radius)) }
    }

    fn system(&self) -> Box<dyn System + '_> {
        self.inner.system()
    }
}

impl Both<'_> {
    /// Is the gradient larger than e0 all over the box, by its enclosure or by the mean value form?
    pub(super) fn exceeds(&self, x: &[(f64, f64)], e0: f64) -> bool {
        self.tight(x).iter().map(|g| g.mig() * g.mig()).sum::<f64>().sqrt() > e0
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
