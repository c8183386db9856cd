//! The landscape as the builder sees it: the enclosures of `landscape/`, with the checker's Lipschitz constants where these are larger, so
//! that what is built will be accepted. In many dimensions, and of networks, the checker's alone: both take long, and the checker has the
//! last word.

use faer::Mat;

use crate::certificate::check::{I, Oracle};
use crate::certificate::format::Definition;
use crate::landscape::Enclose;
use crate::landscape::enclose::Balls;
use crate::rigor::{Interval, System};

/// See the module.
pub(super) struct Both<'a> {
    pub(super) inner: &'a dyn Enclose,
    pub(super) oracle: &'a Oracle,
    /// Is only the checker asked?
    pub(super) alone: bool,
}

/// Up to this dimension the landscape's own enclosures are asked, too.
const FEW: usize = 8;

impl<'a> Both<'a> {
    pub(super) fn new(inner: &'a dyn Enclose, oracle: &'a Oracle, definition: &Definition) -> Both<'a> {
        let alone = inner.dim() > FEW || matches!(definition, Definition::Neural { .. });
        Both { inner, oracle, alone }
    }
}

fn ends(x: &[Interval]) -> Vec<(f64, f64)> {
    x.iter().map(|x| (x.lo(), x.hi())).collect()
}

/// The place, if a box is one.
fn place(x: &[Interval]) -> Option<Vec<f64>> {
    x.iter().all(|x| x.is_point()).then(|| x.iter().map(|x| x.lo()).collect())
}

/// A matrix of the checker, row by row.
fn balls(n: usize, h: &[I]) -> Balls {
    let entry = |i: usize, j: usize| taken(h[i * n + j]);
    Balls {
        mid: Mat::from_fn(n, n, |i, j| entry(i, j).mid()),
        rad: Mat::from_fn(n, n, |i, j| entry(i, j).rad()),
    }
}

fn taken(x: I) -> Interval {
    Interval::new(x.lo, x.hi)
}

impl Enclose for Both<'_> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn energy(&self, x: &[Interval]) -> Interval {
        self.inner.energy(x)
    }

    fn gradient(&self, x: &[Interval], out: &mut [Interval]) {
        if self.alone {
            let own = self.oracle.gradient(&ends(x));
            out.iter_mut().zip(own).for_each(|(o, g)| *o = taken(g));
        } else {
            self.inner.gradient(x, out);
        }
    }

    fn hessian(&self, x: &[Interval]) -> Balls {
        if !self.alone {
            return self.inner.hessian(x);
        }
        match place(x) {
            Some(x) => self.at(&x).1,
            None => balls(x.len(), &self.oracle.hessian(&ends(x))),
        }
    }

    fn at(&self, x: &[f64]) -> (Vec<Interval>, Balls) {
        if !self.alone {
            return self.inner.at(x);
        }
        let (g, h) = self.oracle.at(x);
        (g.into_iter().map(taken).collect(), balls(x.len(), &h))
    }

    fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        // What the checker will take; in many dimensions, where both take long, that alone.
        let oracle = self.oracle.lipschitz(center, radius);
        if self.alone || self.dim() > 3 { oracle } else { oracle.max(self.inner.lipschitz(center, radius)) }
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
        if self.alone {
            return self.oracle.gradient(x).into_iter().map(taken).collect();
        }
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
