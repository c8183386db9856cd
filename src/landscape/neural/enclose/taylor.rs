//! Taylor expansions over a box: what each unit of a network is at a point c of it, to second order, and its third
//! derivative over all of the box. Where an activation's second derivative jumps the order is one less.
//!
//! With `d = x - c` a unit's value, gradient J and Hessian H over the box follow from
//! `z + J d + d'Hd/2 + T ddd/6`, `J + H d + T dd/2`, `H + T d` (Taylor's theorem, T over the box: the segment from c to x lies
//! in it). Linear layers act on each coefficient alone; an activation f makes of them
//!
//! `f' J`, `f' H + f'' JJ'`, `f' T + f'' (J x H + ..) + f''' JJJ`,
//!
//! the last with everything over the box. So only the remainder suffers from the wrapping of intervals by wide layers:
//! gradients over a box of width h are known to third order in h, Hessians to second.

use pulp::{Arch, NullaryFnOnce};

use super::Step;
use super::activation::{jet, jumps, slopes};
use super::balls::{Ball, LANES, Lanes};
use super::layers::Columns;
use crate::landscape::neural::activation::Activation;
use crate::rigor::Interval;

/// Which coefficients there are, and where.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) n: usize,
    /// Are there third derivatives? Else the second ones are over the box.
    pub(super) third: bool,
    /// `[i, j]` with `i <= j`.
    pub(super) pairs: Vec<[usize; 2]>,
    /// `[i, j, k]` with `i <= j <= k`; empty without third derivatives.
    pub(super) triples: Vec<[usize; 3]>,
    /// Place of `[i, j]`, in any order, in `pairs`.
    pair: Vec<usize>,
    /// Place of `[i, j, k]`, in any order, in `triples`.
    triple: Vec<usize>,
}

impl Shape {
    pub(super) fn new(n: usize, third: bool) -> Shape {
        let pairs: Vec<[usize; 2]> = (0..n).flat_map(|i| (i..n).map(move |j| [i, j])).collect();
        let triples: Vec<[usize; 3]> = match third {
            true => pairs.iter().flat_map(|[i, j]| (*j..n).map(move |k| [*i, *j, k])).collect(),
            false => vec![],
        };
        let (mut pair, mut triple) = (vec![0; n * n], vec![0; if third { n * n * n } else { 0 }]);
        for (p, [i, j]) in pairs.iter().enumerate() {
            (pair[i * n + j], pair[j * n + i]) = (p, p);
        }
        for (t, [i, j, k]) in triples.iter().enumerate() {
            for [a, b, c] in [[i, j, k], [i, k, j], [j, i, k], [j, k, i], [k, i, j], [k, j, i]] {
                triple[(a * n + b) * n + c] = t;
            }
        }
        Shape { n, third, pairs, triples, pair, triple }
    }

    pub(super) fn pair(&self, i: usize, j: usize) -> usize {
        self.pair[i * self.n + j]
    }

    pub(super) fn triple(&self, i: usize, j: usize, k: usize) -> usize {
        self.triple[(i * self.n + j) * self.n + k]
    }

    /// Column of the first second derivative.
    fn second(&self) -> usize {
        1 + self.n
    }

    /// Column of the first third derivative.
    fn last(&self) -> usize {
        self.second() + self.pairs.len()
    }

    fn columns(&self) -> usize {
        self.last() + self.triples.len()
    }

    /// The sum over the columns is what a function is over the box: `x_i - c_i`, their products over multiplicities
    /// (`d_i^2/2`, `d_i d_j`), and those of three (`d_i^3/6`, `d_i^2 d_j/2`, `d_i d_j d_k`).
    pub(super) fn powers(&self, x: &[Interval], at: &[f64]) -> Powers {
        let first: Vec<Interval> = x.iter().zip(at).map(|(x, c)| offset(*x, *c)).collect();
        let second = self.pairs.iter().map(|[i, j]| match i == j {
            true => first[*i].sqr().scale(0.5),
            false => first[*i] * first[*j],
        });
        let third = self.triples.iter().map(|&[i, j, k]| {
            if i == k {
                first[i].powi(3) / Interval::point(6.0)
            } else if i == j {
                first[i].sqr().scale(0.5) * first[k]
            } else if j == k {
                first[i] * first[j].sqr().scale(0.5)
            } else {
                first[i] * first[j] * first[k]
            }
        });
        Powers { second: second.collect(), third: third.collect(), first }
    }
}

/// `x - c`, exactly zero where x is c.
pub(super) fn offset(x: Interval, c: f64) -> Interval {
    if x.is_point() && x.lo() == c { Interval::ZERO } else { x.shift(-c) }
}

/// Powers of `x - c` over a box.
pub(super) struct Powers {
    pub(super) first: Vec<Interval>,
    pub(super) second: Vec<Interval>,
    pub(super) third: Vec<Interval>,
}

/// A function's coefficients.
#[derive(Clone, Debug)]
pub(super) struct Taylor {
    /// At c.
    pub(super) value: Interval,
    /// At c (length n).
    pub(super) gradient: Vec<Interval>,
    /// At c, or over the box where there is no third derivative, in the order of [`Shape::pairs`].
    pub(super) hessian: Vec<Interval>,
    /// Over the box, in the order of [`Shape::triples`].
    pub(super) third: Vec<Interval>,
    /// May the second derivative jump in the box?
    pub(super) jumps: bool,
}

/// The powers as balls.
struct PowerBalls {
    first: Vec<Lanes>,
    second: Vec<Lanes>,
    third: Vec<Lanes>,
}

/// Expands the only output of a network about `at`, a point of the box `x`.
pub(super) fn expand(steps: &[Step], shape: &Shape, x: &[Interval], at: &[f64]) -> Taylor {
    let lanes = |list: &[Interval]| list.iter().map(|x| Lanes::all(Ball::of(*x))).collect();
    let powers = shape.powers(x, at);
    let powers = PowerBalls {
        first: lanes(&powers.first),
        second: lanes(&powers.second),
        third: lanes(&powers.third),
    };
    let columns = shape.columns();
    let mut state = Columns::default();
    state.reset(shape.n, columns);
    let stride = state.stride();
    for (i, c) in at.iter().enumerate() {
        state.mid[i] = *c;
        state.mid[(1 + i) * stride + i] = 1.0;
    }
    let (mut spare, mut over) = (Columns::default(), Over::default());
    let mut open: Vec<Columns> = vec![];
    let mut jumping = false;
    for step in steps {
        match step {
            Step::Affine(affine) => {
                affine.apply(&state, columns, 1, &mut spare);
                std::mem::swap(&mut state, &mut spare);
            }
            Step::Activation(units) => {
                over.reset(shape, state.stride());
                Arch::new().dispatch(Range { shape, powers: &powers, state: &state, over: &mut over });
                jumping |= over.evaluate(shape, units, &state);
                Arch::new().dispatch(Compose { shape, over: &over, state: &mut state });
            }
            Step::Open => open.push(state.clone()),
            Step::Close { scale } => {
                if let Some(kept) = open.pop() {
                    let scale = Lanes::all(Ball { mid: *scale, rad: 0.0 });
                    for at in (0..state.mid.len()).step_by(LANES) {
                        Lanes::load(&state.mid, &state.rad, at)
                            .times(scale)
                            .plus(Lanes::load(&kept.mid, &kept.rad, at))
                            .store(&mut state.mid, &mut state.rad, at);
                    }
                }
            }
        }
    }
    let stride = state.stride();
    let column = |k: usize| Ball { mid: state.mid[k * stride], rad: state.rad[k * stride] }.interval();
    Taylor {
        value: column(0),
        gradient: (1..shape.second()).map(column).collect(),
        hessian: (shape.second()..shape.last()).map(column).collect(),
        third: (shape.last()..columns).map(column).collect(),
        jumps: jumping,
    }
}

/// What the units of a layer are over the box, and their activations.
#[derive(Default)]
struct Over {
    /// Values, then gradients, then (with third derivatives) Hessians over the box.
    units: Columns,
    /// `f, f', f''` at c and `f', f'', f'''` over the box.
    jets: Columns,
}

impl Over {
    fn reset(&mut self, shape: &Shape, width: usize) {
        let hessians = if shape.third { shape.pairs.len() } else { 0 };
        self.units.reset(width, 1 + shape.n + hessians);
        self.jets.reset(width, 6);
    }

    /// Evaluates the activations; tells whether a second derivative may jump.
    fn evaluate(&mut self, shape: &Shape, units: &[Activation], state: &Columns) -> bool {
        let stride = state.stride();
        let mut jumping = false;
        for (i, activation) in units.iter().enumerate() {
            let c = Interval::point(state.mid[i]);
            let spread = Interval::about(0.0, state.rad[i]);
            // With the midpoint in it, which rounding may have left outside: the mean-value theorem below needs it.
            let range = Ball { mid: self.units.mid[i], rad: self.units.rad[i] }.interval();
            let range = range.hull(c).hull(c + spread);
            let over = slopes(*activation, range);
            let point = jet(*activation, c);
            jumping |= jumps(*activation, range);
            let mut put = |k: usize, x: Interval| {
                let ball = Ball::of(x);
                (self.jets.mid[k * stride + i], self.jets.rad[k * stride + i]) = (ball.mid, ball.rad);
            };
            for k in 0..if shape.third { 3 } else { 2 } {
                // c is known up to a radius.
                put(k, point[k] + over[k] * spread);
            }
            for k in 1..if shape.third { 4 } else { 3 } {
                put(2 + k, over[k - 1]);
            }
        }
        jumping
    }
}

struct Range<'a> {
    shape: &'a Shape,
    powers: &'a PowerBalls,
    state: &'a Columns,
    over: &'a mut Over,
}

impl NullaryFnOnce for Range<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Range { shape, powers, state, over } = self;
        let (n, stride) = (shape.n, state.stride());
        let units = &mut over.units;
        for at in (0..stride).step_by(LANES) {
            let load = |column: usize| Lanes::load(&state.mid, &state.rad, column * stride + at);
            let mut value = load(0);
            for i in 0..n {
                let own = load(1 + i);
                value = value.plus(own.times(powers.first[i]));
                let mut gradient = own;
                for j in 0..n {
                    gradient = gradient.plus(load(shape.second() + shape.pair(i, j)).times(powers.first[j]));
                }
                if shape.third {
                    for (p, [j, k]) in shape.pairs.iter().enumerate() {
                        let third = load(shape.last() + shape.triple(i, *j, *k));
                        gradient = gradient.plus(third.times(powers.second[p]));
                    }
                }
                gradient.store(&mut units.mid, &mut units.rad, (1 + i) * stride + at);
            }
            for (p, [i, j]) in shape.pairs.iter().enumerate() {
                let own = load(shape.second() + p);
                value = value.plus(own.times(powers.second[p]));
                if shape.third {
                    let mut hessian = own;
                    for k in 0..n {
                        let third = load(shape.last() + shape.triple(*i, *j, k));
                        hessian = hessian.plus(third.times(powers.first[k]));
                    }
                    hessian.store(&mut units.mid, &mut units.rad, (shape.second() + p) * stride + at);
                }
            }
            for t in 0..shape.triples.len() {
                value = value.plus(load(shape.last() + t).times(powers.third[t]));
            }
            value.store(&mut units.mid, &mut units.rad, at);
        }
    }
}

struct Compose<'a> {
    shape: &'a Shape,
    over: &'a Over,
    state: &'a mut Columns,
}

impl NullaryFnOnce for Compose<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Compose { shape, over, state } = self;
        let stride = state.stride();
        for at in (0..stride).step_by(LANES) {
            let jets = |k: usize| Lanes::load(&over.jets.mid, &over.jets.rad, k * stride + at);
            let range = |k: usize| Lanes::load(&over.units.mid, &over.units.rad, k * stride + at);
            let load = |state: &Columns, k: usize| Lanes::load(&state.mid, &state.rad, k * stride + at);
            // From the highest order down, as each needs the lower ones of what came in.
            let (first, second, third) = (jets(3), jets(4), jets(5));
            for (t, [i, j, k]) in shape.triples.iter().enumerate() {
                let gradient = |i: usize| range(1 + i);
                let hessian = |i: usize, j: usize| range(shape.second() + shape.pair(i, j));
                let (a, b, c) = (gradient(*i), gradient(*j), gradient(*k));
                let mixed =
                    a.times(hessian(*j, *k)).plus(b.times(hessian(*i, *k))).plus(c.times(hessian(*i, *j)));
                let own = load(state, shape.last() + t);
                first.times(own).plus(second.times(mixed)).plus(third.times(a.times(b).times(c))).store(
                    &mut state.mid,
                    &mut state.rad,
                    (shape.last() + t) * stride + at,
                );
            }
            let (slope, curvature) = if shape.third { (jets(1), jets(2)) } else { (first, second) };
            for (p, [i, j]) in shape.pairs.iter().enumerate() {
                let gradient = |i: usize| if shape.third { load(state, 1 + i) } else { range(1 + i) };
                let product = gradient(*i).times(gradient(*j));
                let own = load(state, shape.second() + p);
                slope.times(own).plus(curvature.times(product)).store(
                    &mut state.mid,
                    &mut state.rad,
                    (shape.second() + p) * stride + at,
                );
            }
            for i in 0..shape.n {
                jets(1).times(load(state, 1 + i)).store(
                    &mut state.mid,
                    &mut state.rad,
                    (1 + i) * stride + at,
                );
            }
            jets(0).store(&mut state.mid, &mut state.rad, at);
        }
    }
}
