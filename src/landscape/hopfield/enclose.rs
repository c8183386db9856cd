//! Hopfield's networks in verified arithmetic.
//!
//! `grad E = P r` with `r = leak u - S g(u) - I`, `S = W - confinement`, and `P = g'(u)`, positive whatever u: so the
//! zeros of r are the critical points, the Jacobian `leak - S P` of r is singular where the Hessian, `P (leak - S P)`
//! there, is, and the Hessian has as many negative eigenvalues as the flow has unstable directions. In r nothing
//! saturates, and every variable stands alone: its range over a box is exact but for rounding.

use faer::Mat;

use super::Given;
use crate::landscape::activation::{Slopes, Unit, confined, meet};
use crate::landscape::enclose::{Balls, Enclose, Everywhere};
use crate::landscape::layered::{Layered, Role};
use crate::rigor::rounding::{add_up, mul_up, norm_up, sqrt_up, sum_up};
use crate::rigor::{Expansion, Interval, System};

/// A network with what its enclosures share.
struct Enclosed {
    n: usize,
    unit: Unit,
    /// S, row by row.
    synapses: Vec<Interval>,
    /// 1/R.
    leak: Vec<Interval>,
    /// I.
    current: Vec<Interval>,
    /// C.
    capacity: Vec<f64>,
}

/// The network that `layered` computes with, from the numbers it was `given` by.
pub(in crate::landscape) fn enclose(layered: &Layered, given: &Given) -> Result<Box<dyn Enclose>, String> {
    let layer = &layered.network.layers[0];
    let unit =
        Unit::of(layer.lagrangian).ok_or("activities other than tanh and logistic have no enclosures")?;
    let n = layer.bias.len();
    let mut synapses = super::given::weights(&given.source, n)?;
    let confinement = layered.parameters.iter().find(|p| p.role == Role::Confinement);
    let confinement = confinement.map_or(0.0, |p| p.value);
    for i in 0..n {
        synapses[i * n + i] = synapses[i * n + i].shift(-confinement);
    }
    Ok(Box::new(Enclosed {
        n,
        unit,
        synapses,
        leak: given.leak.clone(),
        current: layer.bias.iter().map(|b| Interval::point(*b)).collect(),
        capacity: layer.tau.clone(),
    }))
}

impl Enclosed {
    fn row(&self, i: usize) -> &[Interval] {
        &self.synapses[i * self.n..(i + 1) * self.n]
    }

    fn activity(&self, u: &[Interval]) -> Vec<Interval> {
        u.iter().map(|u| self.unit.activity(*u)).collect()
    }

    fn slopes(&self, u: &[Interval]) -> Vec<Slopes> {
        u.iter().map(|u| self.unit.slopes(*u)).collect()
    }

    /// `(S g)_i + I_i` but for what unit i sends itself.
    fn input(&self, i: usize, g: &[Interval]) -> Interval {
        let others = self.row(i).iter().zip(g).enumerate().filter(|(j, _)| *j != i);
        others.fold(self.current[i], |sum, (_, (s, g))| sum + *s * *g)
    }

    /// `leak_i u - S_ii g(u)`: by its ends where it is monotone.
    fn own(&self, i: usize, u: Interval) -> Interval {
        let (leak, synapse) = (self.leak[i], self.synapses[i * self.n + i]);
        let at = |u: Interval| leak * u - synapse * self.unit.activity(u);
        if synapse == Interval::ZERO || u.is_point() {
            return at(u);
        }
        let slope = leak - synapse * self.unit.slope(u);
        let end = |u: f64| at(Interval::point(u));
        if slope.lo() >= 0.0 || slope.hi() <= 0.0 {
            return meet(at(u), end(u.lo()).hull(end(u.hi())));
        }
        let mid = u.mid();
        meet(at(u), end(mid) + slope * u.shift(-mid))
    }

    fn residual(&self, u: &[Interval]) -> Vec<Interval> {
        let g = self.activity(u);
        (0..self.n).map(|i| self.own(i, u[i]) - self.input(i, &g)).collect()
    }

    /// `leak u g - leak L - g'S g/2 - I.g` by its terms.
    fn natural(&self, u: &[Interval]) -> Interval {
        let g = self.activity(u);
        let mut energy = Interval::ZERO;
        for i in 0..self.n {
            let row = self.row(i);
            let others = (0..i).fold(self.current[i], |sum, j| sum + row[j] * g[j]);
            energy +=
                self.leak[i] * self.unit.energy(u[i]) - others * g[i] - (row[i] * g[i].sqr()).scale(0.5);
        }
        energy
    }

    /// Entry (i, j) of the Jacobian of r.
    fn entry(&self, i: usize, j: usize, slope: Interval) -> Interval {
        let sent = -(self.synapses[i * self.n + j] * slope);
        if i == j { self.leak[i] + sent } else { sent }
    }
}

impl Enclose for Enclosed {
    fn dim(&self) -> usize {
        self.n
    }

    fn energy(&self, u: &[Interval]) -> Interval {
        let mid: Vec<Interval> = u.iter().map(|u| Interval::point(u.mid())).collect();
        let mut slopes = vec![Interval::ZERO; self.n];
        self.gradient(u, &mut slopes);
        let rise = (0..self.n).fold(Interval::ZERO, |sum, i| sum + slopes[i] * (u[i] - mid[i]));
        meet(self.natural(u), self.natural(&mid) + rise)
    }

    fn gradient(&self, u: &[Interval], out: &mut [Interval]) {
        for (out, (r, u)) in out.iter_mut().zip(self.residual(u).into_iter().zip(u)) {
            *out = self.unit.slope(*u) * r;
        }
    }

    fn hessian(&self, u: &[Interval]) -> Balls {
        let (r, slopes) = (self.residual(u), self.slopes(u));
        let entry = |i: usize, j: usize| {
            let (i, j) = (i.max(j), i.min(j));
            let pushed = slopes[i].first * self.entry(i, j, slopes[j].first);
            if i == j { pushed + slopes[i].second * r[i] } else { pushed }
        };
        Balls {
            mid: Mat::from_fn(self.n, self.n, |i, j| entry(i, j).mid()),
            rad: Mat::from_fn(self.n, self.n, |i, j| entry(i, j).rad()),
        }
    }

    /// From `D3 E(u, v, w) = sum_i (P''_i r_i + 2 leak_i P'_i) u_i v_i w_i - [(P' u v)'S (P w) and its two turns]`.
    fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        if !(radius >= 0.0 && center.iter().all(|c| c.is_finite())) {
            return f64::INFINITY;
        }
        let ball: Vec<Interval> = center.iter().map(|c| Interval::about(*c, radius)).collect();
        let middle: Vec<Interval> = center.iter().map(|c| Interval::point(*c)).collect();
        let slopes = self.slopes(&ball);
        let (wide, at) = (self.residual(&ball), self.residual(&middle));
        let mut own = 0.0_f64;
        let (mut rows, mut columns) = (0.0_f64, vec![0.0; self.n]);
        for i in 0..self.n {
            // Over the ball r_i moves by at most the norm of its gradient times the radius.
            let moves: Vec<f64> = (0..self.n).map(|j| self.entry(i, j, slopes[j].first).mag()).collect();
            let way = mul_up(norm_up(&moves), radius);
            let r = meet(wide[i], at[i] + Interval::new(-way, way));
            own = own.max((slopes[i].third * r + (slopes[i].second * self.leak[i]).scale(2.0)).mag());
            let sent: Vec<f64> = (0..self.n)
                .map(|j| {
                    let pair = mul_up(slopes[i].second.mag(), slopes[j].first.mag());
                    mul_up(self.row(i)[j].mag(), pair)
                })
                .collect();
            columns.iter_mut().zip(&sent).for_each(|(c, s)| *c = add_up(*c, *s));
            rows = rows.max(sum_up(sent));
        }
        // The spectral norm of a matrix is at most the root of the largest row sum times the largest column sum.
        let turn = sqrt_up(mul_up(rows, columns.into_iter().fold(0.0, f64::max)));
        add_up(own, mul_up(3.0, turn))
    }

    fn system(&self) -> Box<dyn System + '_> {
        Box::new(Residual(self))
    }

    /// With leaks the bounded activities bound each potential: `u_i = t_i`, `t = (S g + I)/leak`, at equilibria, and
    /// elsewhere `d|u|^2/dt = 2 sum_i l_i (u_i t_i - u_i^2)`, `l = leak/C`, which is negative where u is longer than the
    /// bounds of t in the norm weighted by l.
    fn everywhere(&self) -> Option<Everywhere<'_>> {
        if !self.leak.iter().all(|l| l.lo() > 0.0) {
            return None;
        }
        let targets = |g: &[Interval]| -> Vec<Interval> {
            (0..self.n)
                .map(|i| (self.input(i, g) + self.synapses[i * self.n + i] * g[i]) / self.leak[i])
                .collect()
        };
        let bounds = targets(&vec![self.unit.range(); self.n]);
        let rates: Vec<Interval> =
            self.leak.iter().zip(&self.capacity).map(|(l, c)| *l / Interval::point(*c)).collect();
        let slowest = rates.iter().fold(f64::INFINITY, |m, l| m.min(l.lo()));
        let weighted: Vec<f64> = bounds
            .iter()
            .zip(&rates)
            .map(|(t, l)| mul_up(t.mag(), (*l / Interval::point(slowest)).sqrt().hi()))
            .collect();
        let radius = norm_up(&weighted);
        if !(radius < f64::INFINITY) {
            return None;
        }
        let n = self.n;
        Some(Everywhere {
            system: self.system(),
            within: confined(bounds, |u| targets(&self.activity(u))),
            center: vec![0.0; n],
            radius,
            origin: vec![0.0; n],
            map: Mat::identity(n, n),
        })
    }
}

/// The equations of the equilibria, r = 0.
struct Residual<'a>(&'a Enclosed);

impl System for Residual<'_> {
    fn dim(&self) -> usize {
        self.0.n
    }

    fn range(&self, u: &[Interval], out: &mut [Interval]) {
        out.copy_from_slice(&self.0.residual(u));
    }

    fn expand(&self, u: &[Interval], at: &[f64], out: &mut Expansion) {
        let n = self.0.n;
        let at: Vec<Interval> = at.iter().map(|at| Interval::point(*at)).collect();
        self.range(u, &mut out.range);
        self.range(&at, &mut out.value);
        let slopes: Vec<Interval> = u.iter().map(|u| self.0.unit.slope(*u)).collect();
        for i in 0..n {
            for j in 0..n {
                out.jacobian[i * n + j] = self.0.entry(i, j, slopes[j]);
            }
        }
    }
}
