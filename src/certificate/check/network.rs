//! Learned energies: perceptrons and a quadratic about them, enclosed with their derivatives.
//!
//! In up to three dimensions by expansions: of every unit the value, the gradient and the Hessian at the middle c of a box X, and all third
//! derivatives on X. What the unit is elsewhere in X follows by Taylor's theorem, so that sums over many units overlap in terms of
//! third order only. A linear layer is the same for all of these numbers; an activation follows the chain rule.
//!
//! Sums are done in plain arithmetic (`rounded.rs`), activations interval by interval.

use super::interval::{ALL, I, ONE, sum};
use super::matrix::Square;
use super::rounded::{gamma, split, underflow};
use super::third;
use super::wide::{self, Many};
use crate::certificate::format::{Activation, Dense};

/// Most weights of a network.
const WEIGHTS: usize = 2_000_000;
/// Most layers.
const LAYERS: usize = 64;
/// Widest layer.
const WIDEST: usize = 8192;
/// Most numbers that derivatives of all units are: some matrices of so many are held at a time.
const DERIVATIVES: usize = 1 << 23;
/// Up to this dimension there are expansions.
const EXPANDED: usize = 3;

/// See the module.
pub(super) struct Network {
    pub(super) n: usize,
    pub(super) layers: Vec<Linear>,
    pub(super) activation: Activation,
    pub(super) lambda: I,
    /// In many dimensions.
    pub(super) many: Option<Many>,
}

/// A linear layer, row by row.
pub(super) struct Linear {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) weight: Vec<f64>,
    /// Sizes of the weights.
    pub(super) size: Vec<f64>,
    pub(super) bias: Vec<f64>,
}

impl Network {
    pub(super) fn new(
        activation: Activation,
        layers: &[Dense],
        lambda: I,
        sha256: &str,
    ) -> Result<Network, String> {
        if layers.is_empty() || layers.len() > LAYERS {
            return Err(format!("the network must have between 1 and {LAYERS} layers"));
        }
        if !lambda.is_bounded() {
            return Err("`lambda` must be a number".into());
        }
        let weights = layers.iter().flat_map(|l| &l.weight).try_fold(0usize, |s, r| s.checked_add(r.0.len()));
        if weights.is_none_or(|w| w > WEIGHTS) {
            return Err(format!("the network has more than the {WEIGHTS} weights that the checker takes"));
        }
        let n = layers[0].weight.first().map_or(0, |r| r.0.len());
        let mut columns = n;
        let mut list = vec![];
        for (k, layer) in layers.iter().enumerate() {
            let rows = layer.weight.len();
            let fits = layer.weight.iter().all(|r| r.0.len() == columns) && layer.bias.0.len() == rows;
            if !fits || rows == 0 || rows > WIDEST || (k + 1 == layers.len() && rows != 1) {
                return Err(format!("layer {k} of the network does not fit the layers about it"));
            }
            let weight: Vec<f64> = layer.weight.iter().flat_map(|r| r.0.iter().copied()).collect();
            let size = weight.iter().map(|w| w.abs()).collect();
            list.push(Linear { rows, columns, weight, size, bias: layer.bias.0.clone() });
            columns = rows;
        }
        if list.iter().map(|l| l.rows).sum::<usize>().saturating_mul(n) > DERIVATIVES {
            return Err(format!(
                "the network has more than the {DERIVATIVES} derivatives of units that the checker takes"
            ));
        }
        if Dense::hash(layers) != sha256 {
            return Err("the hash of the weights is not that of the numbers given".into());
        }
        let many = (n > EXPANDED).then(|| Many::new(&list, n));
        Ok(Network { n, layers: list, activation, lambda, many })
    }

    /// How much work the Lipschitz constant on a ball is, in operations.
    pub(super) fn cost_of_ball(&self) -> usize {
        let units = self.layers.iter().map(|l| l.rows).sum();
        4 * self.cost() + if self.many.is_some() { third::cost(self.n, units, self.layers.len()) } else { 0 }
    }

    /// How much work an enclosure over a box is, in operations.
    pub(super) fn cost(&self) -> usize {
        let weights: usize = self.layers.iter().map(|l| l.weight.len()).sum();
        let units: usize = self.layers.iter().map(|l| l.rows).sum();
        if self.n <= EXPANDED {
            let numbers = Places::new(self.n).count(3);
            numbers * (weights / 4 + 40 * units)
        } else {
            weights * (self.n + 8) / 4 + units * self.n * self.n / 4
        }
    }

    /// Gradient and Hessian over a box.
    pub(super) fn both(&self, x: &[I]) -> (Vec<I>, Square) {
        if let Some(many) = &self.many {
            return wide::both(self, many, x);
        }
        let (mut e, places) = self.expand(x);
        // With the quadratic in it, so that what of the two cancels does.
        for i in 0..self.n {
            let own = places.pair(i, i);
            e.unit.gradient[i] = e.unit.gradient[i] + self.lambda * I::of(x[i].mid());
            e.unit.hessian[own] = e.unit.hessian[own] + self.lambda;
        }
        let step = e.step.as_slice();
        let gradient = (0..self.n).map(|i| e.unit.slope(&places, i, step)).collect();
        let hessian = Square::from_fn(self.n, |i, j| e.unit.curvature(&places, i, j, step));
        (gradient, hessian)
    }

    /// At least the Lipschitz constant of the Hessian on a ball.
    pub(super) fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        if let Some(many) = &self.many {
            return third::lipschitz(self, many, center, radius);
        }
        let x: Vec<I> = center.iter().map(|c| I::about(*c, radius)).collect();
        let (e, places) = self.expand(&x);
        if e.step.is_empty() {
            // A point, or what is no box.
            return if x.iter().all(|x| x.is_point()) { 0.0 } else { f64::INFINITY };
        }
        // Frobenius' norm: each place counts as often as its coordinates can be ordered.
        let often = |t: &[usize; 3]| match (t[0] == t[1], t[1] == t[2]) {
            (true, true) => 1.0,
            (false, false) => 6.0,
            _ => 3.0,
        };
        let squares = places.triples.iter().zip(&e.unit.third);
        let size = sum(squares.map(|(t, v)| I::of(often(t)) * I::of(v.mag()).sqr())).sqrt().hi;
        if e.unit.third.iter().all(|t| t.is_bounded()) { size } else { f64::INFINITY }
    }

    /// The network's expansion over a box.
    fn expand(&self, x: &[I]) -> (Expansion, Places) {
        let n = self.n;
        let places = Places::new(n);
        let point = x.iter().all(|x| x.is_point());
        let order = if point { 2 } else { 3 };
        let c: Vec<f64> = x.iter().map(|x| x.mid()).collect();
        let step: Vec<I> =
            if point { vec![] } else { x.iter().zip(&c).map(|(x, c)| *x - I::of(*c)).collect() };
        let m = places.count(order);
        let mut state = State { m, mid: vec![0.0; n * m], rad: vec![0.0; n * m] };
        for i in 0..n {
            state.mid[i * m] = c[i];
            state.mid[i * m + 1 + i] = 1.0;
        }
        for (k, layer) in self.layers.iter().enumerate() {
            if k > 0 {
                for unit in 0..state.mid.len() / m {
                    let own = Unit::of(&state, unit, &places).activated(self.activation, &places, &step);
                    own.store(&mut state, unit);
                }
            }
            state = layer.pass(&state);
        }
        (Expansion { unit: Unit::of(&state, 0, &places), step }, places)
    }
}

impl Linear {
    /// The layer of all numbers of all units: the bias goes to the first.
    fn pass(&self, state: &State) -> State {
        match state.m {
            3 => self.side_by_side::<3>(state),
            4 => self.side_by_side::<4>(state),
            6 => self.side_by_side::<6>(state),
            10 => self.side_by_side::<10>(state),
            // In three dimensions, with third derivatives.
            _ => self.side_by_side::<20>(state),
        }
    }

    fn side_by_side<const M: usize>(&self, state: &State) -> State {
        let g = gamma(self.columns + 2);
        // What the numbers and the rounding of products may be off.
        let uncertain: Vec<f64> =
            state.mid.iter().zip(&state.rad).map(|(m, r)| (r + g * m.abs()) * (1.0 + g)).collect();
        let (mids, offs) = (state.mid.as_chunks::<M>().0, uncertain.as_chunks::<M>().0);
        let mut out = State { m: M, mid: Vec::with_capacity(self.rows * M), rad: vec![] };
        for (i, (weight, size)) in
            self.weight.chunks_exact(self.columns).zip(self.size.chunks_exact(self.columns)).enumerate()
        {
            let (mut mid, mut rad) = ([0.0; M], [0.0; M]);
            for ((w, s), (x, u)) in weight.iter().zip(size).zip(mids.iter().zip(offs)) {
                for k in 0..M {
                    mid[k] += w * x[k];
                    rad[k] += s * u[k];
                }
            }
            mid[0] += self.bias[i];
            rad[0] += g * mid[0].abs();
            out.mid.extend(mid);
            out.rad.extend(rad.map(|r| r * (1.0 + g) + underflow(self.columns)));
        }
        out
    }
}

/// Numbers of units, `m` a unit: middles and radii.
struct State {
    m: usize,
    mid: Vec<f64>,
    rad: Vec<f64>,
}

/// Where second and third derivatives stand.
struct Places {
    n: usize,
    pairs: Vec<[usize; 2]>,
    triples: Vec<[usize; 3]>,
}

impl Places {
    fn new(n: usize) -> Places {
        let (mut pairs, mut triples) = (vec![], vec![]);
        for i in 0..n {
            for j in i..n {
                pairs.push([i, j]);
                triples.extend((j..n).map(|k| [i, j, k]));
            }
        }
        Places { n, pairs, triples }
    }

    /// Numbers up to the derivatives of an order (2 or 3).
    fn count(&self, order: usize) -> usize {
        1 + self.n + self.pairs.len() + if order > 2 { self.triples.len() } else { 0 }
    }

    fn pair(&self, i: usize, j: usize) -> usize {
        let (i, j) = (i.min(j), i.max(j));
        i * self.n - i * (i + 1) / 2 + j
    }

    fn triple(&self, i: usize, j: usize, k: usize) -> usize {
        let mut t = [i, j, k];
        t.sort_unstable();
        self.triples.iter().position(|other| *other == t).unwrap_or(0)
    }
}

/// What is known of a unit: value, gradient and Hessian at the middle, third derivatives over the box (none if that is a point).
struct Unit {
    value: I,
    gradient: Vec<I>,
    hessian: Vec<I>,
    third: Vec<I>,
}

/// That of the whole network, and the box about its middle.
struct Expansion {
    unit: Unit,
    step: Vec<I>,
}

impl Unit {
    fn of(state: &State, unit: usize, places: &Places) -> Unit {
        let (n, p, m) = (places.n, places.pairs.len(), state.m);
        let at = |k: usize| I::about(state.mid[unit * m + k], state.rad[unit * m + k]);
        let part = |from: usize, to: usize| (from..to).map(at).collect::<Vec<I>>();
        Unit {
            value: at(0),
            gradient: part(1, 1 + n),
            hessian: part(1 + n, 1 + n + p),
            third: part(1 + n + p, m),
        }
    }

    fn store(&self, state: &mut State, unit: usize) {
        let m = state.m;
        let all = [&[self.value][..], &self.gradient, &self.hessian, &self.third].concat();
        for (k, v) in all.into_iter().enumerate() {
            (state.mid[unit * m + k], state.rad[unit * m + k]) = split(v);
        }
    }

    /// The derivative by coordinate i over the box.
    fn slope(&self, places: &Places, i: usize, step: &[I]) -> I {
        let mut all = self.gradient[i];
        for (j, d) in step.iter().enumerate() {
            all = all + self.hessian[places.pair(i, j)] * *d;
        }
        if !step.is_empty() {
            for [j, k] in &places.pairs {
                let square = if j == k { step[*j].sqr() * I::of(0.5) } else { step[*j] * step[*k] };
                all = all + self.third[places.triple(i, *j, *k)] * square;
            }
        }
        all
    }

    /// The second derivative by two coordinates over the box.
    fn curvature(&self, places: &Places, i: usize, j: usize, step: &[I]) -> I {
        let changes = step.iter().enumerate().map(|(k, d)| self.third[places.triple(i, j, k)] * *d);
        changes.fold(self.hessian[places.pair(i, j)], |all, change| all + change)
    }

    /// The value over the box.
    fn range(&self, places: &Places, step: &[I]) -> I {
        let mut all = self.value;
        if step.is_empty() {
            return all;
        }
        for (g, d) in self.gradient.iter().zip(step) {
            all = all + *g * *d;
        }
        for ([i, j], h) in places.pairs.iter().zip(&self.hessian) {
            let square = if i == j { step[*i].sqr() * I::of(0.5) } else { step[*i] * step[*j] };
            all = all + *h * square;
        }
        let sixth = ONE.over(I::of(6.0));
        for ([i, j, k], t) in places.triples.iter().zip(&self.third) {
            let (often, cube) = match (i == j, j == k) {
                (true, true) => (1.0, step[*i].power(3)),
                (true, false) => (3.0, step[*i].sqr() * step[*k]),
                (false, true) => (3.0, step[*i] * step[*j].sqr()),
                _ => (6.0, step[*i] * step[*j] * step[*k]),
            };
            all = all + *t * (cube * (sixth * I::of(often)));
        }
        all
    }

    /// The activation of it.
    fn activated(&self, activation: Activation, places: &Places, step: &[I]) -> Unit {
        let [value, first, second, _] = derivatives(activation, self.value);
        let gradient = self.gradient.iter().map(|g| first * *g).collect();
        let squares = |[i, j]: &[usize; 2], g: &[I]| if i == j { g[*i].sqr() } else { g[*i] * g[*j] };
        let hessian = places
            .pairs
            .iter()
            .zip(&self.hessian)
            .map(|(p, h)| second * squares(p, &self.gradient) + first * *h)
            .collect();
        if step.is_empty() {
            return Unit { value, gradient, hessian, third: vec![] };
        }
        let [_, first, second, third] = derivatives(activation, self.range(places, step));
        let g: Vec<I> = (0..places.n).map(|i| self.slope(places, i, step)).collect();
        let h: Vec<I> = places.pairs.iter().map(|[i, j]| self.curvature(places, *i, *j, step)).collect();
        let third = places
            .triples
            .iter()
            .zip(&self.third)
            .map(|([i, j, k], t)| {
                let cube = if i == j && j == k {
                    g[*i].power(3)
                } else if i == j {
                    g[*i].sqr() * g[*k]
                } else {
                    g[*i] * squares(&[*j, *k], &g)
                };
                let mixed = if i == j && j == k {
                    I::of(3.0) * (h[places.pair(*i, *i)] * g[*i])
                } else {
                    h[places.pair(*i, *j)] * g[*k]
                        + h[places.pair(*i, *k)] * g[*j]
                        + h[places.pair(*j, *k)] * g[*i]
                };
                third * cube + second * mixed + first * *t
            })
            .collect();
        Unit { value, gradient, hessian, third }
    }
}

/// The logistic function s of u with `s' = 1/4 - v^2`, `s'' = 2 v^3 - v/2` and `s''' = s' (1 - 6 s')`, v = s - 1/2; s'' has its extremes
/// `-+ sqrt(3)/18` at `v = +- 1/(2 sqrt 3)`.
fn logistic(u: I) -> [I; 4] {
    let s = ONE.over(ONE + (-u).exp());
    let s = I::new(s.lo.max(0.0), s.hi.min(1.0));
    // Near the ends of [0, 1] the product is closer, in the middle the square.
    let other = ONE.over(ONE + u.exp());
    let v = s - I::of(0.5);
    let first = (I::of(0.25) - v.sqr()).meet(s * I::new(other.lo.max(0.0), other.hi.min(1.0)));
    let first = I::new(first.lo.max(0.0), first.hi);
    let at = |v: f64| -(I::of(2.0) * I::of(v)) * (I::of(0.25) - I::of(v).sqr());
    let mut second = at(v.lo).hull(at(v.hi));
    // 1/(2 sqrt 3) = 0.28867513.., sqrt(3)/18 = 0.0962250448..
    if v.lo <= -0.288_675 && v.hi >= -0.288_676 {
        second = second.hull(I::of(0.096_225_05));
    }
    if v.lo <= 0.288_676 && v.hi >= 0.288_675 {
        second = second.hull(I::of(-0.096_225_05));
    }
    let second = second.meet(first * (I::of(-2.0) * v));
    [s, first, second, first * (ONE - I::of(6.0) * first)]
}

/// Value and first three derivatives of an activation over an interval.
pub(super) fn derivatives(activation: Activation, u: I) -> [I; 4] {
    if !u.is_bounded() {
        return [ALL; 4];
    }
    match activation {
        Activation::Softplus => {
            let [s, first, second, _] = logistic(u);
            // Growing: `u + log(1 + exp(-u))` where u is positive.
            let at = |u: f64| {
                let u = I::of(u);
                if u.lo > 0.0 { u + (ONE + (-u).exp()).log() } else { (ONE + u.exp()).log() }
            };
            [at(u.lo).hull(at(u.hi)), s, first, second]
        }
        Activation::Tanh => {
            // t' = 1 - t^2, t'' = -2 t (1 - t^2) with its extremes 4/(3 sqrt 3) = 0.7698003.. at 1/sqrt 3 = 0.5773502.., and
            // t''' = 2/3 - 6 (t^2 - 2/3)^2.
            let t = u.tanh();
            let first = ONE - t.sqr();
            let at = |t: f64| I::of(-2.0) * I::of(t) * (ONE - I::of(t).sqr());
            let mut second = at(t.lo).hull(at(t.hi));
            if t.lo <= -0.577_350 && t.hi >= -0.577_351 {
                second = second.hull(I::of(0.769_800_4));
            }
            if t.lo <= 0.577_351 && t.hi >= 0.577_350 {
                second = second.hull(I::of(-0.769_800_4));
            }
            let two_thirds = I::of(2.0).over(I::of(3.0));
            let third = two_thirds - I::of(6.0) * (t.sqr() - two_thirds).sqr();
            [t, I::new(first.lo.max(0.0), first.hi), second, third]
        }
        Activation::Silu => {
            // The first derivative lies between -0.0999 and 1.0999.
            let [s, d, dd, ddd] = logistic(u);
            [u * s, (s + u * d).meet(I::new(-0.1, 1.1)), I::of(2.0) * d + u * dd, I::of(3.0) * dd + u * ddd]
        }
        Activation::Sin => [u.sin(), u.cos(), -u.sin(), -u.cos()],
    }
}
