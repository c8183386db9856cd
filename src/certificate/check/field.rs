//! The gradient of the certificate's energy, enclosed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::interval::{ALL, I, ZERO, dot, points, sum};
use super::jet;
use super::matrix::Square;
use super::network::Network;
use super::patterns::{self, Patterns};
use super::text::{self, Op};
use crate::certificate::format::{Along, DIMENSIONS, Data, Definition};

/// Highest dimension of a formula: third derivatives are worked out one by one.
const FORMULA: usize = 8;
/// Most numbers that the derivatives of a formula's operations come to.
const LARGEST: usize = 4_000_000;
/// Most differences of coordinates of pairs of data.
const PAIRS: usize = 500_000_000;
/// Most work on a file, in operations on intervals, give or take.
pub(super) const WORK: u64 = 400_000_000_000;
/// What is counted for reading a formula.
const READING: u64 = 2_000_000;
/// Longest name of a parameter.
const NAME: usize = 100;

/// An energy in verified arithmetic.
pub(super) struct Field {
    pub(super) n: usize,
    kind: Kind,
    /// What the gradient over a box comes to ..
    cost: u64,
    /// .. gradient and Hessian at a place ..
    place: u64,
    /// .. and a Lipschitz constant on a ball.
    ball: u64,
    work: AtomicU64,
    most: u64,
}

enum Kind {
    Formula { ops: Vec<Op>, confinement: I },
    Patterns(Patterns),
    Network(Network),
}

impl Field {
    /// Of a definition, which is looked at for what it should not hold.
    ///
    /// With `along` a parameter is all numbers between two: then every enclosure holds of all of them. `most` is how much work may
    /// be spent.
    pub(super) fn new(definition: &Definition, along: Option<&Along>, most: u64) -> Result<Field, String> {
        let n = definition.dim();
        let mut taken = along.is_none();
        // A number of the definition, or all that it stands for.
        let mut number = |name: &str, value: f64| -> Result<I, String> {
            match along.filter(|along| along.parameter == name) {
                None => Ok(I::of(value)),
                Some(along) => {
                    taken = true;
                    let (lo, hi) = (along.lower.0, along.upper.0);
                    if lo <= value && value <= hi {
                        Ok(I::new(lo, hi))
                    } else {
                        Err(format!("`{name}` does not lie in the interval stated for it"))
                    }
                }
            }
        };
        if n == 0 || n > DIMENSIONS {
            return Err(format!("the landscape has {n} dimensions; it must have between 1 and {DIMENSIONS}"));
        }
        let mut begun = READING;
        let (kind, cost) = match definition {
            Definition::Formula { energy, parameters, confinement, .. } => {
                if n > FORMULA {
                    return Err(format!("the checker takes formulas in up to {FORMULA} dimensions, not {n}"));
                }
                // Names are printed: one of several lines would say what it likes.
                if parameters.iter().any(|(name, _)| !is_name(name)) {
                    return Err("a parameter has a name that is none: letters, digits and _ make one".into());
                }
                let mut named: BTreeMap<String, I> = BTreeMap::new();
                for (name, v) in parameters {
                    named.insert(name.clone(), number(name, v.0)?);
                }
                if named.len() != parameters.len() {
                    return Err("a parameter is declared twice".into());
                }
                if let Some(name) =
                    named.keys().find(|name| text::is_reserved(name) || matches!(name.as_str(), "y" | "z"))
                {
                    return Err(format!("a parameter has the name `{name}`, which is taken"));
                }
                let ops = text::compile(energy, n, &named)?;
                if ops.len() * (1 + n + n * n + n * n * n) > LARGEST {
                    return Err(
                        "the formula has more operations than the checker takes in so many dimensions".into(),
                    );
                }
                let cost = ops.len() * (1 + n + n * n);
                (Kind::Formula { ops, confinement: I::of(confinement.0) }, cost)
            }
            Definition::Mixture { data, a, sigma, confinement } => {
                let (rows, weights) = stored(data)?;
                let (a, sigma, confinement) = (a.0, sigma.0, confinement.0);
                let sigma = number("sigma", sigma)?;
                if !(sigma.lo > 1e-50 && sigma.hi < 1e50 && a >= 0.0 && confinement >= 0.0) {
                    return Err("`sigma` must be positive, `a` and `confinement` zero or more".into());
                }
                begun = pairs(&rows);
                let p = Patterns::mixture(&rows, &weights, a, sigma, confinement);
                let cost = p.cost();
                (Kind::Patterns(p), cost)
            }
            Definition::ModernHopfield { data, beta, confinement } => {
                let (rows, weights) = stored(data)?;
                let beta = number("beta", beta.0)?;
                if !(beta.lo > 0.0 && confinement.0 >= 0.0) {
                    return Err("`beta` must be positive, `confinement` zero or more".into());
                }
                begun = pairs(&rows);
                let p = Patterns::hopfield(&rows, &weights, beta, confinement.0);
                let cost = p.cost();
                (Kind::Patterns(p), cost)
            }
            Definition::Neural { activation, layers, lambda, sha256 } => {
                let lambda = number("lambda", lambda.0)?;
                let f = Network::new(*activation, layers, lambda, sha256)?;
                let cost = f.cost();
                (Kind::Network(f), cost)
            }
        };
        if !taken {
            return Err("an interval is stated for a parameter that is not there, or that the checker takes as a number only".into());
        }
        let cost = cost as u64;
        let (place, ball) = match &kind {
            // At a place it is what gradient and Hessian over a box come to, which count themselves.
            Kind::Formula { .. } => (0, 4 * cost),
            Kind::Patterns(p) => p.costs_of_places_and_balls(),
            Kind::Network(f) => (cost, f.cost_of_ball() as u64),
        };
        Ok(Field { n, kind, cost, place, ball, work: AtomicU64::new(begun), most })
    }

    /// Has so much been computed that checking must end?
    pub(super) fn exhausted(&self) -> bool {
        self.spent() > self.most
    }

    /// Operations so far.
    pub(super) fn spent(&self) -> u64 {
        self.work.load(Ordering::Relaxed)
    }

    fn spend(&self, times: u64) {
        self.count(times.saturating_mul(self.cost));
    }

    /// Counts operations.
    pub(super) fn count(&self, operations: u64) {
        self.work.fetch_add(operations, Ordering::Relaxed);
    }

    /// Encloses the gradient over a box.
    pub(super) fn gradient(&self, x: &[I]) -> Vec<I> {
        self.spend(1);
        match &self.kind {
            Kind::Formula { ops, confinement } => {
                let jet = jet::evaluate(ops, x, 1);
                jet.gradient
                    .into_iter()
                    .zip(x)
                    .map(|(g, x)| confined(g, *confinement * *x, *confinement))
                    .collect()
            }
            Kind::Patterns(p) => p.gradient(x),
            Kind::Network(f) => f.both(x).0,
        }
    }

    /// Encloses the Hessian over a box.
    pub(super) fn hessian(&self, x: &[I]) -> Square {
        self.spend(2);
        match &self.kind {
            Kind::Formula { ops, confinement } => {
                let h = jet::evaluate(ops, x, 2).hessian;
                Square::from_fn(self.n, |i, j| {
                    if i == j {
                        confined(h[i * self.n + j], *confinement, *confinement)
                    } else {
                        h[i * self.n + j]
                    }
                })
            }
            Kind::Patterns(p) => p.hessian(x),
            Kind::Network(f) => f.both(x).1,
        }
    }

    /// Gradient and Hessian at a place.
    pub(super) fn at(&self, x: &[f64]) -> (Vec<I>, Square) {
        let place = points(x);
        match &self.kind {
            Kind::Patterns(p) => {
                self.count(self.place);
                p.both(&place)
            }
            Kind::Network(f) => {
                self.count(self.place);
                f.both(&place)
            }
            Kind::Formula { .. } => (self.gradient(&place), self.hessian(&place)),
        }
    }

    /// A grid over a ball may be so many times coarser than for other kinds: enclosures of networks take long, and are tight.
    pub(super) fn coarseness(&self) -> usize {
        if matches!(self.kind, Kind::Network(_)) { 2 } else { 1 }
    }

    /// The Hessian over a small box, by its enclosure and, of a formula in few dimensions, by the mean value form.
    pub(super) fn hessian_of_cell(&self, x: &[I]) -> Square {
        let natural = self.hessian(x);
        let Kind::Formula { ops, .. } = &self.kind else { return natural };
        let n = self.n;
        if n > 3 {
            return natural;
        }
        self.spend(4);
        let c: Vec<I> = x.iter().map(|x| I::of(x.mid())).collect();
        let (at, third) = (self.hessian(&c), jet::evaluate(ops, x, 3).third);
        if !natural.e.iter().chain(&third).all(|e| e.is_bounded()) {
            return natural;
        }
        let step: Vec<I> = x.iter().zip(&c).map(|(x, c)| *x - *c).collect();
        Square::from_fn(n, |i, j| {
            let change = dot(&third[(i * n + j) * n..(i * n + j + 1) * n], &step);
            natural.at(i, j).meet(at.at(i, j) + change)
        })
    }

    /// The gradient over a box, by its enclosure and by the mean value form; empty only if one of them is wrong.
    pub(super) fn gradient_by_mean_value(&self, x: &[I]) -> Vec<I> {
        let c: Vec<f64> = x.iter().map(|x| x.mid()).collect();
        let at = self.gradient(&points(&c));
        let h = self.hessian(x);
        let step: Vec<I> = x.iter().zip(&c).map(|(x, c)| *x - I::of(*c)).collect();
        let natural = self.gradient(x);
        let change = h.times(&step);
        (0..self.n).map(|i| natural[i].meet(at[i] + change[i])).collect()
    }

    /// At least the Hessian's Lipschitz constant, in the spectral norm, on a ball; infinite where none is known.
    pub(super) fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        if !(0.0..f64::INFINITY).contains(&radius) {
            return f64::INFINITY;
        }
        self.count(self.ball);
        let bound = match &self.kind {
            Kind::Formula { ops, .. } => {
                let x: Vec<I> = center.iter().map(|c| I::about(*c, radius)).collect();
                let third = jet::evaluate(ops, &x, 3).third;
                // Frobenius' norm is at least that of the trilinear form.
                let finite = third.iter().all(|t| *t != ALL && t.mag() < f64::INFINITY);
                if finite { sum(third.iter().map(|t| I::of(t.mag()).sqr())).sqrt().hi } else { f64::INFINITY }
            }
            Kind::Patterns(p) => p.lipschitz(center, radius),
            Kind::Network(f) => f.lipschitz(center, radius),
        };
        if bound >= 0.0 { bound } else { f64::INFINITY }
    }
}

/// Differences of coordinates of pairs of rows.
fn pairs(rows: &[Vec<f64>]) -> u64 {
    (rows.len() * rows.len() * rows.first().map_or(0, Vec::len)) as u64
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= NAME
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn confined(own: I, more: I, confinement: I) -> I {
    if confinement == ZERO { own } else { own + more }
}

/// Rows and weights, if they are what they say.
fn stored(data: &Data) -> Result<(Vec<Vec<f64>>, Vec<f64>), String> {
    let k = data.rows.len();
    if k == 0 || k > patterns::MOST {
        return Err(format!(
            "there are {k} rows of data; the checker takes between 1 and {}",
            patterns::MOST
        ));
    }
    if k.saturating_mul(k).saturating_mul(data.dim) > PAIRS {
        return Err(format!("{k} rows of data in {} dimensions are more than the checker takes", data.dim));
    }
    if data.rows.iter().any(|r| r.0.len() != data.dim) {
        return Err(format!("a row of data has not {} numbers", data.dim));
    }
    if data.weights.0.len() != k || !data.weights.0.iter().all(|w| *w > 0.0) {
        return Err("there must be one positive weight a row of data".into());
    }
    if data.hash() != data.sha256 {
        return Err("the hash of the data is not that of the numbers given".into());
    }
    Ok((data.rows.iter().map(|r| r.0.clone()).collect(), data.weights.0.clone()))
}

/// The function along which a flow falls: the energy, or minus it for orbits followed against the flow.
#[derive(Clone, Copy)]
pub(super) struct Fall<'a> {
    pub(super) field: &'a Field,
    pub(super) up: bool,
}

impl Fall<'_> {
    /// Gradient over a box.
    pub(super) fn gradient(&self, x: &[I]) -> Vec<I> {
        let g = self.field.gradient(x);
        if self.up { g.into_iter().map(|g| -g).collect() } else { g }
    }

    /// Hessian over a box.
    pub(super) fn hessian(&self, x: &[I]) -> Square {
        let h = self.field.hessian(x);
        if self.up { h.negated() } else { h }
    }

    /// Gradient and Hessian at a place.
    pub(super) fn at(&self, x: &[f64]) -> (Vec<I>, Square) {
        let (g, h) = self.field.at(x);
        if self.up { (g.into_iter().map(|g| -g).collect(), h.negated()) } else { (g, h) }
    }
}
