//! The energy shared by mixtures and modern Hopfield memories in verified arithmetic,
//!
//! `E(x) = constant - scale log sum_k W_k exp(-(s/2) |x - c_k|^2)`,
//!
//! of wells `c_k = factor y_k` and numbers that are known as intervals. With `p_k` the softmax weights and `m = sum p_k c_k`:
//! gradient `scale s (x - m)`, Hessian `scale s (I - s Cov_p(c))`, third derivative `-scale s^3` times the third cumulant
//! of c under p.

use std::sync::{Arc, OnceLock};

use faer::MatRef;

use super::density::Density;
use super::place::Place;
use super::span;
use super::tree::{Ball, Bound, Sides, Tree};
use super::weights::Weights;
use crate::landscape::enclose::{About, Ascent, Balls, Enclose, Everywhere, Hull};
use crate::rigor::rounding::{add_up, div_up, down, mul_up, norm_up, sub_down, sub_up, up};
use crate::rigor::{Interval, System};

/// Up to this dimension sums over wells are bounded number by number, as tightly as they can be, over boxes; above it, and where
/// weights are known, they are computed in plain arithmetic with a-priori bounds of their error.
pub(super) const LOW: usize = 8;

/// A quadratic minus a log-sum-exp, its numbers enclosed; see the module.
pub(in crate::landscape) struct EnclosedMixture {
    /// Dimension n.
    pub(super) dim: usize,
    /// Approximate wells, one after the other.
    pub(super) wells: Vec<f64>,
    /// `|c_ki - wells_ki| <= relative |wells_ki| + absolute_i`.
    pub(super) relative: f64,
    /// See `relative` (length n).
    pub(super) absolute: Vec<f64>,
    /// Are both zero?
    pub(super) exact: bool,
    /// Relative error of a square distance as it is summed up.
    rounding: f64,
    /// Logarithms of `W_k`, up to a constant for which `constant` makes up.
    pub(super) logs: Vec<Interval>,
    /// s.
    pub(super) precision: Interval,
    scale: Interval,
    constant: Interval,
    /// Coordinates in which all wells are exactly equal.
    pub(super) level: Vec<bool>,
    /// A ball about the first that holds all wells.
    middle: Vec<f64>,
    /// Its radius.
    reach: f64,
    /// Of the wells, once somebody has asked for them.
    boxes: OnceLock<Arc<Tree<Sides>>>,
    balls: OnceLock<Option<Tree<Ball>>>,
}

/// So many wells are looked at one by one above low dimension.
const MANY: usize = 4096;
/// Wells at which it is tried whether a tree of balls pays.
const TRIED: usize = 8;
/// By how much logits fall short of the largest where wells are left out there.
const SHORT: f64 = 60.0;

/// The numbers of which an [`EnclosedMixture`] is made.
pub(in crate::landscape) struct Parts<'a> {
    /// Data `y_k` as columns.
    pub(in crate::landscape) data: MatRef<'a, f64>,
    /// `c_k = factor y_k`.
    pub(in crate::landscape) factor: Interval,
    /// `log W_k = logs_k + (tilt/2) |c_k|^2`.
    pub(in crate::landscape) logs: Vec<Interval>,
    /// See `logs`.
    pub(in crate::landscape) tilt: Interval,
    /// s.
    pub(in crate::landscape) precision: Interval,
    /// See the module.
    pub(in crate::landscape) scale: Interval,
    /// See the module.
    pub(in crate::landscape) constant: Interval,
}

impl EnclosedMixture {
    pub(in crate::landscape) fn new(parts: Parts<'_>) -> Self {
        let Parts { data, factor, mut logs, tilt, precision, scale, mut constant } = parts;
        let (n, count) = data.shape();
        let (wells, relative, tiny) = if factor == Interval::ONE {
            (data.col_iter().flat_map(|y| y.iter().copied()).collect::<Vec<f64>>(), 0.0, 0.0)
        } else {
            // fl(f y) is within u |fl(f y)| + eta of f y, and f within its radius of the exact factor.
            let f = factor.mid();
            let wells = data.col_iter().flat_map(|y| y.iter().map(move |y| f * y)).collect();
            (wells, product_error(factor), f64::MIN_POSITIVE)
        };
        let level: Vec<bool> =
            data.row_iter().map(|row| row.iter().all(|y| *y == row[0]) || factor == Interval::ZERO).collect();
        let absolute = vec![tiny; n];
        let middle: Vec<f64> =
            (0..n).map(|i| wells.iter().skip(i).step_by(n).sum::<f64>() / count as f64).collect();
        if tilt != Interval::ZERO {
            // About the middle r: |c|^2 = |r|^2 + (c - r).(c + r); the first term is common to all.
            let half = tilt.scale(0.5);
            for (log, c) in logs.iter_mut().zip(wells.chunks_exact(n)) {
                *log += half * difference_of_squares(c, &middle, relative, tiny);
            }
            let square = middle.iter().fold(Interval::ZERO, |sum, r| sum + Interval::point(*r).sqr());
            constant -= scale * half * square;
        }
        let mut mixture = EnclosedMixture {
            dim: n,
            wells,
            relative,
            absolute,
            exact: false,
            rounding: 0.0,
            logs,
            precision,
            scale,
            constant,
            level,
            middle,
            reach: 0.0,
            boxes: OnceLock::new(),
            balls: OnceLock::new(),
        };
        mixture.surround();
        mixture
    }

    /// Half of these data and uneven weights, width 0.1, in balls or one by one.
    #[cfg(test)]
    pub(super) fn of(data: &faer::Mat<f64>, in_balls: bool) -> Self {
        let uneven = |k: usize| Interval::point(if k == 11 { 30.0 } else { (0.7 * k as f64).sin() });
        let mut mixture = EnclosedMixture::new(Parts {
            data: data.as_ref(),
            factor: Interval::ONE / Interval::point(2.0),
            logs: (0..data.ncols()).map(uneven).collect(),
            tilt: Interval::point(-0.1),
            precision: Interval::ONE / Interval::point(0.1).sqr(),
            scale: Interval::ONE,
            constant: Interval::ZERO,
        });
        if !in_balls {
            mixture.balls = OnceLock::from(None);
        }
        mixture
    }

    /// The same landscape, less quadratics, in coordinates in which its wells are `wells` (r numbers each, one well after
    /// the other), with errors `relative` and `absolute` (length r).
    pub(super) fn reduced(&self, wells: Vec<f64>, relative: f64, absolute: Vec<f64>) -> Self {
        let (r, count) = (absolute.len(), self.count());
        let middle = (0..r).map(|i| wells.iter().skip(i).step_by(r).sum::<f64>() / count as f64).collect();
        let mut mixture = EnclosedMixture {
            dim: r,
            wells,
            relative,
            absolute,
            exact: false,
            rounding: 0.0,
            logs: self.logs.clone(),
            precision: self.precision,
            scale: self.scale,
            constant: self.constant,
            level: vec![false; r],
            middle,
            reach: 0.0,
            boxes: OnceLock::new(),
            balls: OnceLock::new(),
        };
        mixture.surround();
        mixture
    }

    /// Finds the ball about the middle that holds all wells, and what errors there are.
    fn surround(&mut self) {
        self.exact = self.relative == 0.0 && self.absolute.iter().all(|a| *a == 0.0);
        self.rounding = square_error(self.dim);
        let reach = (0..self.count()).map(|k| self.distance(k, &self.middle).hi());
        self.reach = reach.fold(0.0, f64::max);
    }

    /// Number of wells.
    pub(super) fn count(&self) -> usize {
        self.logs.len()
    }

    /// The wells in boxes.
    pub(super) fn boxes(&self) -> &Arc<Tree<Sides>> {
        self.boxes.get_or_init(|| Arc::new(Tree::of_boxes(self)))
    }

    /// The wells in balls; `None` where they are few, or most balls would have to be opened anyway.
    pub(super) fn balls(&self) -> Option<&Tree<Ball>> {
        let pays = |balls: &Tree<Ball>| {
            let half = 0.5 * self.precision.mid();
            let mut opened = 0;
            for k in (0..TRIED).map(|j| (2 * j + 1) * self.count() / (2 * TRIED)) {
                let least = self.logs[k].mid() - SHORT;
                let far = |log: f64, square: f64| log - half * square < least;
                balls.visit(|node| far(node.log, node.bound.nearest(self.well(k))), |_| opened += 1);
            }
            4 * opened <= TRIED * self.count()
        };
        let many = self.dim > LOW && self.count() > MANY;
        self.balls.get_or_init(|| many.then(|| Tree::of_balls(self)).filter(pays)).as_ref()
    }

    /// Approximate well k.
    pub(super) fn well(&self, k: usize) -> &[f64] {
        &self.wells[k * self.dim..][..self.dim]
    }

    /// Bound of the error of coordinate i of approximate well k.
    #[inline(always)]
    pub(super) fn error(&self, k: usize, i: usize) -> f64 {
        add_up(mul_up(self.relative, self.wells[k * self.dim + i].abs()), self.absolute[i])
    }

    /// Coordinate i of well k.
    #[inline(always)]
    pub(super) fn coordinate(&self, k: usize, i: usize) -> Interval {
        let (c, error) = (self.wells[k * self.dim + i], self.error(k, i));
        if error == 0.0 { Interval::point(c) } else { Interval::about(c, error) }
    }

    /// Bound of the distance of approximate well k from the exact one.
    #[inline(always)]
    pub(super) fn well_error(&self, k: usize) -> f64 {
        if self.exact {
            return 0.0;
        }
        let (mut square, mut size) = (0.0, 0.0);
        for (c, a) in self.well(k).iter().zip(&self.absolute) {
            let e = self.relative * c.abs() + a;
            square += e * e;
            size += e;
        }
        // The sums' own rounding; squares that underflow are covered by the sum of the errors themselves where tiny.
        let grown = 1.0 + 2.0 * gamma(self.dim + 4);
        if square < 1e-280 { mul_up(size, grown) } else { mul_up(up(square.sqrt()), grown) }
    }

    /// Distance of well k from a point.
    pub(super) fn distance(&self, k: usize, x: &[f64]) -> Interval {
        root(self.square_distance(k, x))
    }

    /// Squared distance of well k from a point.
    #[inline(always)]
    pub(super) fn square_distance(&self, k: usize, x: &[f64]) -> Interval {
        let plain = square_apart(x, self.well(k), self.rounding);
        let error = self.well_error(k);
        if error == 0.0 {
            return Interval::new(plain.lo().max(0.0), plain.hi());
        }
        // | |x - c| - |x - c'| | <= |c - c'|.
        let moved = add_up(mul_up(2.0 * up(plain.hi().sqrt()), error), mul_up(error, error));
        Interval::new(sub_down(plain.lo(), moved).max(0.0), add_up(plain.hi(), moved))
    }

    /// A bound of the distance of any well from `t`.
    pub(super) fn farthest(&self, t: &[f64]) -> f64 {
        let apart = self.middle.iter().zip(t).map(|(m, t)| exact_difference(*m, *t)).collect::<Vec<_>>();
        add_up(norm(&apart), self.reach)
    }

    /// Bounds the softmax mean over the box with the centre and radii given, as `(t, m - t)` for a t near it.
    fn mean(&self, center: &[f64], radii: &[f64]) -> (Vec<f64>, Vec<Interval>) {
        let weights = Weights::over(self, center, radii);
        let rest = weights.mean_less(self);
        (weights.mean, rest)
    }
}

impl Enclose for EnclosedMixture {
    fn dim(&self) -> usize {
        self.dim
    }

    fn energy(&self, x: &[Interval]) -> Interval {
        let n = self.dim;
        let (center, radii) = split(x);
        let half = self.precision.scale(0.5);
        // Over the box term by term: each distance has its exact range.
        let natural = self.log_sum_exp(|k| {
            (0..n).fold(Interval::ZERO, |sum, i| sum + (x[i] - self.coordinate(k, i)).sqr())
        });
        let natural = self.constant - self.scale * natural;
        if radii.iter().all(|r| *r == 0.0) {
            return natural;
        }
        let at = self.constant - self.scale * self.log_sum_exp(|k| self.square_distance(k, &center));
        let mut gradient = vec![Interval::ZERO; n];
        self.gradient(x, &mut gradient);
        // Mean-value form, and from above, as the log-sum-exp of linear functions is convex and lies above its tangent:
        // E(x) <= E(z) + scale s (|x - m|^2 - |z - m|^2)/2 with m the softmax mean at z.
        let (t, rest) = self.mean(&center, &vec![0.0; n]);
        let (mut slope, mut tangent) = (Interval::ZERO, Interval::ZERO);
        for i in 0..n {
            let z = Interval::point(center[i]);
            let m = Interval::point(t[i]) + rest[i];
            slope += gradient[i] * (x[i] - z);
            // (x - m)^2 - (z - m)^2 is convex in x: largest at an end.
            let end = |x: f64| (Interval::point(x) - z) * (Interval::point(x) + z - m.scale(2.0));
            tangent += end(x[i].lo()).max(end(x[i].hi()));
        }
        let above = (at + self.scale * half * tangent).hi();
        let both = natural.meet(at + slope).unwrap_or(natural);
        if above < both.hi() && above >= both.lo() { Interval::new(both.lo(), above) } else { both }
    }

    fn gradient(&self, x: &[Interval], out: &mut [Interval]) {
        let (center, radii) = split(x);
        let factor = self.scale * self.precision;
        let (t, rest) = self.mean(&center, &radii);
        let thin = radii.iter().all(|r| *r == 0.0);
        for (i, out) in out.iter_mut().enumerate() {
            let mut rest = rest[i];
            if self.dim <= LOW && !thin && radii[i] > 0.0 && x[i].is_bounded() {
                // The derivative of m_i in x_i is s Var(c_i) >= 0: the extremes are on the faces.
                let face = |end: f64| {
                    let (mut center, mut radii) = (center.clone(), radii.clone());
                    (center[i], radii[i]) = (end, 0.0);
                    let weights = Weights::over(self, &center, &radii);
                    weights.average(self, |c| difference(c(i), t[i]))
                };
                let faces = Interval::new(face(x[i].lo()).lo(), face(x[i].hi()).hi());
                rest = rest.meet(faces).unwrap_or(rest);
            }
            *out = factor * (difference(x[i], t[i]) - rest);
        }
    }

    fn hessian(&self, x: &[Interval]) -> Balls {
        let (center, radii) = split(x);
        let weights = Weights::over(self, &center, &radii);
        let first = self.scale * self.precision;
        weights.hessian(self, &weights.mean_less(self), first, first * self.precision)
    }

    /// The third derivative is `-scale s^3` times the third cumulant of c, a symmetric form: its norm is attained on the
    /// diagonal (Banach 1938, "Ueber homogene Polynome in (L^2)", Studia Math. 7), where it is a third central moment.
    /// That of a variable in an interval of length l is at most `l^3 / (6 sqrt 3)`; and it is at most `E|c - m|^3`, of
    /// which the first holds everywhere and the second is small where one weight dominates.
    fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        self.lipschitz_about(center)(radius)
    }

    fn lipschitz_about<'a>(&'a self, center: &'a [f64]) -> Box<dyn Fn(f64) -> f64 + 'a> {
        let place = center.iter().all(|c| c.is_finite()).then(|| Place::new(self, center));
        self.lipschitz_by(place)
    }

    fn at(&self, x: &[f64]) -> (Vec<Interval>, Balls) {
        self.derivatives(x, &Place::new(self, x))
    }

    fn about<'a>(&'a self, x: &'a [f64]) -> About<'a> {
        let place = Place::new(self, x);
        let (gradient, hessian) = self.derivatives(x, &place);
        let place = x.iter().all(|x| x.is_finite()).then_some(place);
        About { gradient, hessian, lipschitz: self.lipschitz_by(place) }
    }

    fn ascent(&self) -> Ascent<'_> {
        if self.dim > LOW || !(self.scale.lo() > 0.0 && self.precision.lo() > 0.0) {
            return Box::new(|x, out| self.gradient(x, out));
        }
        let density = Density::new(self);
        Box::new(move |x, out| density.field(x, out))
    }

    fn system(&self) -> Box<dyn System + '_> {
        if self.dim <= LOW { Box::new(Density::new(self)) } else { Box::new(Slope(self)) }
    }

    /// See [`Enclose::everywhere`]: it holds in any dimension.
    fn trap(&self) -> Option<(Vec<f64>, f64)> {
        self.reach.is_finite().then(|| (self.middle.clone(), self.reach))
    }

    /// Where some coordinates are equal in all wells, or the wells are few and affinely independent.
    fn hull(&self) -> Option<Hull<'_>> {
        span::hull(self)
    }

    /// Every critical point is a softmax mean of the wells, so it lies in their convex hull; and in a ball about r that
    /// holds the wells, of radius R, `<x - r, grad E> = scale s (|x - r|^2 - <x - r, m - r>) > 0` where `|x - r| > R`.
    /// Coordinates in which all wells are equal, and directions orthogonal to their affine hull, hold nothing but a
    /// quadratic. There is a system if at most eight unknowns are left: coordinates, or, of wells affinely independent,
    /// one less than there are wells.
    fn everywhere(&self) -> Option<Everywhere<'_>> {
        span::everywhere(self, self.middle.clone(), self.reach)
    }
}

impl EnclosedMixture {
    /// Encloses gradient and Hessian at `x`.
    fn derivatives(&self, x: &[f64], place: &Place<'_>) -> (Vec<Interval>, Balls) {
        let weights = Weights::at(place, &vec![0.0; x.len()]);
        let (factor, rest) = (self.scale * self.precision, weights.mean_less(self));
        place.is_off(&rest);
        let all = x.iter().zip(&weights.mean).zip(&rest);
        let gradient = all.map(|((x, t), rest)| factor * (exact_difference(*x, *t) - *rest)).collect();
        (gradient, weights.hessian(self, &rest, factor, factor * self.precision))
    }

    /// See [`Enclose::lipschitz`]; without a place, what holds everywhere.
    fn lipschitz_by<'a>(&self, place: Option<Place<'a>>) -> Box<dyn Fn(f64) -> f64 + 'a> {
        let s = self.precision.hi();
        let factor = mul_up(self.scale.hi(), mul_up(s, mul_up(s, s)));
        let span = mul_up(2.0, self.reach);
        // 6 sqrt 3 = 10.392..
        let everywhere = div_up(mul_up(span, mul_up(span, span)), 10.39);
        Box::new(move |radius| {
            let bound = match &place {
                Some(place) if radius >= 0.0 && radius.is_finite() => place.third_moment(radius, everywhere),
                _ => everywhere,
            };
            let bound = mul_up(factor, bound);
            if bound >= 0.0 { bound } else { f64::INFINITY }
        })
    }

    /// `log sum_k W_k exp(-(s/2) D_k)`.
    fn log_sum_exp(&self, square: impl Fn(usize) -> Interval) -> Interval {
        let half = self.precision.scale(0.5);
        let logits: Vec<Interval> = (0..self.count()).map(|k| self.logs[k] - half * square(k)).collect();
        let shift = logits.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.hi()));
        if !shift.is_finite() {
            return Interval::ENTIRE;
        }
        let sum = logits.iter().fold(Interval::ZERO, |sum, l| sum + l.shift(-shift).exp());
        sum.ln().shift(shift)
    }
}

/// The gradient itself as a system: what is left in many dimensions.
struct Slope<'a>(&'a EnclosedMixture);

impl System for Slope<'_> {
    fn dim(&self) -> usize {
        self.0.dim
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        self.0.gradient(x, out);
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut crate::rigor::Expansion) {
        let n = self.0.dim;
        let point: Vec<Interval> = at.iter().map(|x| Interval::point(*x)).collect();
        self.0.gradient(&point, &mut out.value);
        self.0.gradient(x, &mut out.range);
        let hessian = self.0.hessian(x);
        for i in 0..n {
            for j in 0..n {
                out.jacobian[i * n + j] = Interval::about(hessian.mid[(i, j)], hessian.rad[(i, j)]);
            }
        }
    }
}

/// Centre of a box and bounds of the distances of its coordinates from the centre's.
pub(super) fn split(x: &[Interval]) -> (Vec<f64>, Vec<f64>) {
    (x.iter().map(|x| x.mid()).collect(), x.iter().map(|x| x.rad()).collect())
}

/// `x - c`, to the last bit.
#[inline(always)]
pub(super) fn difference(x: Interval, c: f64) -> Interval {
    if x.is_point() {
        return exact_difference(x.lo(), c);
    }
    Interval::new(sub_down(x.lo(), c), sub_up(x.hi(), c))
}

/// `a - b`, a point where the floating-point difference is exact.
#[inline(always)]
pub(super) fn exact_difference(a: f64, b: f64) -> Interval {
    // The rounding error of a sum is a floating-point number (Knuth 1969, TwoSum); zero means none.
    let d = a - b;
    let virtual_b = a - d;
    let error = (a - (d + virtual_b)) + (virtual_b - b);
    if error == 0.0 {
        Interval::point(d)
    } else if error > 0.0 {
        Interval::new(d, up(d))
    } else {
        Interval::new(down(d), up(d))
    }
}

/// Relative error of a square distance: three roundings a term and one a sum.
fn square_error(n: usize) -> f64 {
    gamma(depth(n) + 3)
}

/// Square distance of two points; `rounding` is the error of their dimension.
#[inline(always)]
fn square_apart(a: &[f64], b: &[f64], rounding: f64) -> Interval {
    let n = a.len();
    let square = lanes(n, |i| {
        let d = a[i] - b[i];
        d * d
    });
    // Terms that underflow lose less than the smallest normal number.
    Interval::about(square, up(mul_up(square, rounding) + n as f64 * f64::MIN_POSITIVE))
}

/// Distance of two points.
pub(super) fn distance(a: &[f64], b: &[f64]) -> Interval {
    root(square_apart(a, b, square_error(a.len())))
}

/// The root of a square.
pub(super) fn root(square: Interval) -> Interval {
    let distance = Interval::new(square.lo().max(0.0), square.hi()).sqrt();
    Interval::new(distance.lo().max(0.0), distance.hi())
}

/// `gamma_m = m u / (1 - m u)`, from above: the relative error of m roundings (Higham 2002, section 3.1).
pub(super) fn gamma(m: usize) -> f64 {
    let mu = m as f64 * crate::rigor::rounding::UNIT;
    up(mu / down(1.0 - mu))
}

/// Partial sums of [`lanes`].
const LANES: usize = 16;

/// A sum of n terms by interleaved partial sums, so that it may run in vector registers.
#[inline(always)]
pub(super) fn lanes(n: usize, term: impl Fn(usize) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let whole = n - n % LANES;
    for start in (0..whole).step_by(LANES) {
        for (l, sum) in sums.iter_mut().enumerate() {
            *sum += term(start + l);
        }
    }
    for i in whole..n {
        sums[i - whole] += term(i);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            sums[l] += sums[l + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Most additions that a term of [`lanes`] goes through.
pub(super) fn depth(n: usize) -> usize {
    n.div_ceil(LANES) + LANES.ilog2() as usize
}

/// Relative error of `fl(f.mid() y)` as an approximation of the exact factor's product with y.
fn product_error(f: Interval) -> f64 {
    let mid = f.mid().abs();
    if mid == 0.0 {
        return if f == Interval::ZERO { 0.0 } else { f64::INFINITY };
    }
    // |f y - fl(m y)| <= rad |y| + u |m y|, and |m y| <= |fl(m y)| (1 + 2u).
    let spread = div_up(f.rad(), down(mid));
    mul_up(add_up(spread, crate::rigor::rounding::UNIT), 1.0 + 4.0 * f64::EPSILON)
}

/// `sum_i (c_i - r_i)(c_i + r_i)` for exact c within the bounds given.
fn difference_of_squares(c: &[f64], r: &[f64], relative: f64, tiny: f64) -> Interval {
    let n = c.len();
    let term = |i: usize| (c[i] - r[i]) * (c[i] + r[i]);
    let (sum, size) = (lanes(n, term), lanes(n, |i| term(i).abs()));
    let moved = lanes(n, |i| {
        let e = relative * c[i].abs() + tiny;
        (2.0 * c[i].abs() + e) * e
    });
    let grown = 1.0 + 2.0 * gamma(depth(n) + 6);
    let error = add_up(mul_up(mul_up(size, gamma(depth(n) + 3)), grown), mul_up(moved, grown));
    Interval::about(sum, up(error + n as f64 * f64::MIN_POSITIVE))
}

/// An upper bound of the norm of the vector with these entries' largest absolute values.
pub(super) fn norm(x: &[Interval]) -> f64 {
    norm_up(&x.iter().map(|x| x.mag()).collect::<Vec<f64>>())
}
