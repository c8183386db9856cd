//! Softmax weights over a box or a ball, and the moments of the wells under them.
//!
//! The ratio of two weights is the exponential of a linear function of the point: with `e_k` the weights up to a common
//! factor and z the centre, `e_k(x) = e_k(z) exp(s (c_k - t).(x - z))` for any t. So they are enclosed, t the softmax mean
//! at z, where that moves them least.
//!
//! Which wells may matter is found out in [`super::place`].

use faer::Mat;
use pulp::{Arch, NullaryFnOnce};

use super::enclose::{EnclosedMixture, LOW, depth, difference, gamma, lanes};
use super::place::{Place, Reach};
use crate::landscape::enclose::Balls;
use crate::linalg::outer;
use crate::rigor::Interval;
use crate::rigor::rounding::{add_up, div_up, mul_up, sqrt_up, sub_down, sub_up, sum_up};

/// Weights up to a common factor; the largest is about 1 at the centre.
pub(super) struct Weights {
    /// Those that are bounded one by one.
    pub(super) wells: Vec<usize>,
    /// Lower bounds of their weights; and, if there are others, zero for these together.
    pub(super) lo: Vec<f64>,
    /// Upper bounds.
    pub(super) hi: Vec<f64>,
    /// Encloses their sum.
    pub(super) total: Interval,
    /// The softmax mean at the centre, approximately.
    pub(super) mean: Vec<f64>,
    /// Is the centre alone within reach?
    pub(super) still: bool,
}

/// Weights below this, of a largest one of 1, are bounded together.
const FAINT: f64 = 1e-60;
/// Relative errors of weights below the square of this are those of roundings.
const THIN: f64 = 1e-4;
/// Sums of weights are known if they may differ by this factor at most.
const KNOWN: f64 = 1.0 + 1e-9;
/// Wells summed up before they join the sum of all: fewer roundings to each term.
const BLOCK: usize = 32;

impl Weights {
    /// Encloses the weights over a box, by the radii of its coordinates.
    pub(super) fn over(mixture: &EnclosedMixture, center: &[f64], radii: &[f64]) -> Self {
        Self::at(&Place::new(mixture, center), radii)
    }

    /// The same where the centre's place is known.
    pub(super) fn at(place: &Place<'_>, radii: &[f64]) -> Self {
        let weights = place.over(Reach::Box(radii));
        weights.unwrap_or_else(|| unreachable!("of a box no other bound is known"))
    }

    /// The least and the largest share that each weight has of the sum of all.
    fn shares(&self) -> (Vec<f64>, Vec<f64>) {
        Arch::new().dispatch(Shares { lo: &self.lo, hi: &self.hi, total: self.total })
    }

    /// Bounds `sum_k e_k v_k / sum_k e_k` over all weights within their bounds: a linear-fractional programme, solved by
    /// Dinkelbach's iteration (1967, "On nonlinear fractional programming", Management Science 13), of which only the
    /// last step has to be verified.
    ///
    /// `value` is a function of a well's coordinates; of wells that were left out, over a box that holds all.
    pub(super) fn average(
        &self,
        mixture: &EnclosedMixture,
        value: impl Fn(&dyn Fn(usize) -> Interval) -> Interval,
    ) -> Interval {
        let mut values: Vec<Interval> =
            self.wells.iter().map(|k| value(&|i| mixture.coordinate(*k, i))).collect();
        if values.len() < self.lo.len() {
            values.push(value(&|i| mixture.boxes().root().bound[i]));
        }
        let upper = |sign: f64| {
            let top = |v: &Interval| if sign > 0.0 { v.hi() } else { -v.lo() };
            let most = values.iter().map(top).fold(f64::NEG_INFINITY, f64::max);
            let best = self.dinkelbach(values.iter().map(top), most);
            // No mean exceeds the largest value.
            if best < most { best } else { most }
        };
        Interval::new(-upper(-1.0), upper(1.0))
    }

    /// An upper bound of the means of `values`.
    fn dinkelbach(&self, values: impl Iterator<Item = f64> + Clone, most: f64) -> f64 {
        let mut t = most;
        for round in 0..4 {
            let (mut numerator, mut sum) = (0.0, 0.0);
            for ((v, lo), hi) in values.clone().zip(&self.lo).zip(&self.hi) {
                // First the means at the centre, then those that lean to what lies above them.
                let e = if round == 0 {
                    0.5 * (lo + hi)
                } else if v > t {
                    *hi
                } else {
                    *lo
                };
                numerator += e * (v - most);
                sum += e;
            }
            let next = most + numerator / sum;
            if !next.is_finite() || next == t {
                break;
            }
            t = next;
        }
        // For every t: sum e (v - t) is at most what the ends of e make of each term.
        let excess = values.zip(&self.lo).zip(&self.hi).fold(0.0, |sum, ((v, lo), hi)| {
            let d = sub_up(v, t);
            add_up(sum, mul_up(if d > 0.0 { *hi } else { *lo }, d))
        });
        if excess <= 0.0 { t } else { add_up(t, div_up(excess, self.total.lo())) }
    }

    /// Are sums over wells bounded number by number, as tightly as they can be? That is a matter of low dimension, and of weights that
    /// are not known but for few roundings: those at a point are, unless it is a great many widths from all wells.
    fn number_by_number(&self, mixture: &EnclosedMixture) -> bool {
        mixture.dim <= LOW && !(self.still && self.total.hi() <= KNOWN * self.total.lo())
    }

    /// Bounds the softmax mean less the one at the centre.
    pub(super) fn mean_less(&self, mixture: &EnclosedMixture) -> Vec<Interval> {
        let t = &self.mean;
        if !self.number_by_number(mixture) {
            return self.mean_from(mixture);
        }
        (0..t.len()).map(|i| self.average(mixture, |c| difference(c(i), t[i]))).collect()
    }

    /// The same by the ratio of two sums, of which the first is small, so that the error of the second hardly matters.
    fn mean_from(&self, mixture: &EnclosedMixture) -> Vec<Interval> {
        let t = &self.mean[..];
        let kept = self.strong();
        // A term goes through a difference, a product, the sum of a block and the sum of the blocks.
        let rounding = gamma(BLOCK + kept.len().div_ceil(BLOCK) + 3);
        let sums = MeanSums { weights: self, mixture, kept: &kept, t, rounding };
        let (sum, error) = Arch::new().dispatch(sums);
        let tail = add_up(self.faint(mixture, t, 1), (8 * kept.len() + 8) as f64 * f64::MIN_POSITIVE);
        // The sums of errors have roundings of their own, twice as many where wells are not exact.
        let grown = 1.0 + 4.0 * rounding;
        sum.iter()
            .zip(&error)
            .map(|(s, e)| Interval::about(*s, add_up(mul_up(*e, grown), tail)) / self.total)
            .collect()
    }

    /// Wells, by their places here, whose weights are not bounded together.
    fn strong(&self) -> Vec<usize> {
        (0..self.wells.len()).filter(|&k| !(self.hi[k] < FAINT)).collect()
    }

    /// `sum e_k |c_k - t|^power` over the faint weights, from above.
    fn faint(&self, mixture: &EnclosedMixture, t: &[f64], power: i32) -> f64 {
        let (own, others) = self.hi.split_at(self.wells.len());
        let faint = sum_up(own.iter().filter(|e| **e < FAINT).chain(others).copied());
        let reach = mixture.farthest(t);
        (0..power).fold(faint, |product, _| mul_up(product, reach))
    }

    /// A bound of `E|c - m|^3` within a distance of the centre, if the weights are those of this ball.
    pub(super) fn third_moment(&self, place: &Place<'_>, radius: f64) -> f64 {
        let mixture = place.mixture;
        let most = self.shares().1;
        let mut distances: Vec<f64> = self.wells.iter().map(|k| place.distance(*k)).collect();
        distances.resize(self.lo.len(), mixture.farthest(&self.mean));
        let (shares, distances) = (&most[..], &distances[..]);
        let first = Arch::new().dispatch(Moment::<1> { shares, distances, moved: 0.0 });
        let second = Arch::new().dispatch(Moment::<2> { shares, distances, moved: 0.0 });
        // |m - t| <= E|c - t|. And from the centre to x the mean moves by no more than s Cov(c) (x - z) with a covariance between, which
        // is no larger than E|c - t|^2.
        let moved = add_up(place.off(), mul_up(mixture.precision.hi(), mul_up(radius, second)));
        let moved = if moved < first { moved } else { first };
        Arch::new().dispatch(Moment::<3> { shares, distances, moved })
    }

    /// Encloses `first I - second Cov_p(c)`; `rest` is that of [`Weights::mean_less`].
    pub(super) fn hessian(
        &self,
        mixture: &EnclosedMixture,
        rest: &[Interval],
        first: Interval,
        second: Interval,
    ) -> Balls {
        let n = mixture.dim;
        let mut out = Balls { mid: Mat::zeros(n, n), rad: Mat::zeros(n, n) };
        let t = &self.mean;
        let moments = (!self.number_by_number(mixture)).then(|| self.second_moments(mixture, t));
        if let Some(moments) = &moments {
            let (mu, nu): (Vec<f64>, Vec<f64>) = rest.iter().map(|r| (r.mid(), r.rad())).unzip();
            Arch::new().dispatch(Combine { moments, mu: &mu, nu: &nu, second, out: &mut out });
        }
        for j in 0..n {
            // If there are moments, what is off the diagonal is there already.
            for i in j..if moments.is_some() { j + 1 } else { n } {
                let moment = match &moments {
                    Some(m) => Interval::about(m.mid[(i, j)], m.rad[(i, j)]),
                    None => self.average(mixture, |c| {
                        let a = difference(c(i), t[i]);
                        if i == j { a.sqr() } else { a * difference(c(j), t[j]) }
                    }),
                };
                // Cov = E (c - t)(c - t)' - (m - t)(m - t)'.
                let product = if i == j { rest[i].sqr() } else { rest[i] * rest[j] };
                let mut covariance = moment - product;
                if i == j {
                    covariance = Interval::new(covariance.lo().max(0.0), covariance.hi().max(0.0));
                }
                let mut entry = -(second * covariance);
                if i == j {
                    entry += first;
                }
                let (mid, rad) = (entry.mid(), entry.rad());
                for (i, j) in [(i, j), (j, i)] {
                    out.mid[(i, j)] = mid;
                    out.rad[(i, j)] = rad;
                }
            }
        }
        out
    }

    /// Encloses `sum_k p_k (c_k - t)(c_k - t)'` (the lower triangle): the product of a matrix with its transpose, in plain
    /// arithmetic, and another one for its error, or, where weights are known nearly to their last digits, Cauchy's inequality for that.
    fn second_moments(&self, mixture: &EnclosedMixture, t: &[f64]) -> Balls {
        let n = mixture.dim;
        let kept = self.strong();
        // Two roundings in each factor, one in their product, and the sum over the wells in any order.
        let rounding = gamma(kept.len() + 8);
        let (least, largest) = self.shares();
        let roots = Arch::new().dispatch(Roots { least: &least, most: &largest, kept: &kept, rounding });
        let is_thin = roots.iter().all(|(_, r)| *r <= THIN);
        // Wells in groups that stay in the cache; what fills up a column is zero.
        let stride = n.next_multiple_of(8);
        let most = outer::together(stride);
        let zeros = |length: usize| (vec![0.0; length], vec![0.0; if is_thin { 0 } else { length }]);
        let (mut root, mut spread) = zeros(stride * most.min(kept.len()));
        let (mut sums, mut spreads) = zeros(stride * stride);
        let mut squares = vec![0.0; n];
        for (group, roots) in kept.chunks(most).zip(roots.chunks(most)) {
            let numbers = stride * group.len();
            let (root, spread) = (&mut root[..numbers], &mut spread[..if is_thin { 0 } else { numbers }]);
            Arch::new().dispatch(Factors {
                weights: self,
                mixture,
                group,
                roots,
                t,
                root: &mut *root,
                spread: &mut *spread,
                squares: &mut squares,
            });
            outer::add_products(root, stride, &mut sums);
            if !is_thin {
                outer::add_products(spread, stride, &mut spreads);
            }
        }
        let lower = |sums: &[f64]| Mat::from_fn(n, n, |i, j| if i < j { 0.0 } else { sums[j * stride + i] });
        let mut out = Balls { mid: lower(&sums), rad: Mat::zeros(n, n) };
        // A product of nonnegative numbers in floating point may fall short by its own rounding.
        let grown = 1.0 + 4.0 * rounding;
        let smallest = (8 * kept.len() + 8) as f64 * f64::MIN_POSITIVE;
        // Faint weights; they are shares of at least the total's lower end.
        let faint = div_up(self.faint(mixture, t, 2), self.total.lo());
        let tail = add_up(faint, smallest);
        if is_thin {
            let sizes: Vec<f64> =
                squares.iter().map(|s| sqrt_up(add_up(mul_up(*s, grown), smallest))).collect();
            // Four roundings, of numbers that are not negative and of which no product is as small as to lose digits.
            let outwards = 1.0 + 8.0 * f64::EPSILON;
            for (j, size) in sizes.iter().enumerate() {
                for (rad, other) in out.rad.col_as_slice_mut(j)[j..].iter_mut().zip(&sizes[j..]) {
                    *rad = (size * other * grown + tail) * outwards;
                }
            }
        } else {
            out.rad = lower(&spreads);
            for j in 0..n {
                for rad in &mut out.rad.col_as_slice_mut(j)[j..] {
                    *rad = add_up(mul_up(*rad, grown), tail);
                }
            }
        }
        if !mixture.exact {
            let (error, size, mass) = self.moved(mixture, &kept, &largest, t);
            for j in 0..n {
                for i in j..n {
                    // (d + e)(d' + e') - d d' for errors e of the wells.
                    let cross = error[i] * size[j] + error[j] * size[i];
                    let moved = cross + error[i] * error[j] * mass;
                    out.rad[(i, j)] = add_up(out.rad[(i, j)], mul_up(moved, 1.0 + 8.0 * rounding));
                }
            }
        }
        out
    }

    /// Of wells that are not exact: the largest error of each coordinate, `sum p_k |c_k - t|`, and the sum of the p_k.
    fn moved(
        &self,
        mixture: &EnclosedMixture,
        kept: &[usize],
        most: &[f64],
        t: &[f64],
    ) -> (Vec<f64>, Vec<f64>, f64) {
        let n = mixture.dim;
        let (mut largest, mut size, mut mass) = (vec![0.0; n], vec![0.0; n], 0.0);
        for &k in kept {
            let (share, c) = (most[k], mixture.well(self.wells[k]));
            mass += share;
            for i in 0..n {
                let error = mixture.relative * c[i].abs() + mixture.absolute[i];
                largest[i] = f64::max(largest[i], error);
                size[i] += share * (c[i] - t[i]).abs();
            }
        }
        (largest, size, mass)
    }
}

/// What makes an upper bound of a positive number that has gone through up to eight roundings, and a lower one.
const OUTWARDS: f64 = 1.0 + 8.0 * f64::EPSILON;
const INWARDS: f64 = 1.0 - 8.0 * f64::EPSILON;

/// Bounds of `e/(e + rest)`, which increases in e and decreases in the rest, for each weight: in plain arithmetic, which vector registers
/// run, with room for its roundings. What is not a number bounds nothing.
struct Shares<'a> {
    lo: &'a [f64],
    hi: &'a [f64],
    total: Interval,
}

impl NullaryFnOnce for Shares<'_> {
    type Output = (Vec<f64>, Vec<f64>);

    #[inline(always)]
    fn call(self) -> (Vec<f64>, Vec<f64>) {
        let Shares { lo, hi, total } = self;
        let (least_total, most_total) = (total.lo(), total.hi());
        let (mut least, mut most) = (vec![0.0; lo.len()], vec![1.0; lo.len()]);
        for k in 0..lo.len() {
            let (lo, hi) = (lo[k], hi[k]);
            let rest = (most_total - hi) * OUTWARDS;
            let rest = if rest <= 0.0 { 0.0 } else { rest };
            let share = lo / (lo + rest) * INWARDS - f64::MIN_POSITIVE;
            least[k] = if share > 0.0 { share } else { 0.0 };
            let rest = (least_total - lo) * INWARDS;
            let rest = if rest > 0.0 { rest } else { 0.0 };
            let sum = hi + rest;
            let share = hi / sum * OUTWARDS + f64::MIN_POSITIVE;
            let share = if share < 1.0 && sum < f64::INFINITY { share } else { 1.0 };
            most[k] = if hi == 0.0 { 0.0 } else { share };
        }
        (least, most)
    }
}

/// An upper bound of the sum over wells of their largest shares times `(distance + moved)^POWER`.
struct Moment<'a, const POWER: usize> {
    shares: &'a [f64],
    distances: &'a [f64],
    moved: f64,
}

impl<const POWER: usize> NullaryFnOnce for Moment<'_, POWER> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let Moment { shares, distances, moved } = self;
        let count = shares.len();
        let distances = &distances[..count];
        let sum = lanes(count, |k| {
            let d = distances[k] + moved;
            let mut term = shares[k];
            for _ in 0..POWER {
                term *= d;
            }
            term
        });
        // A factor has a rounding of its own and one as it is multiplied with.
        above(sum, count, 2 * POWER)
    }
}

/// An upper bound of a sum of so many nonnegative terms by [`lanes`], each of so many roundings.
#[inline(always)]
fn above(sum: f64, count: usize, roundings: usize) -> f64 {
    // fl >= exact (1 - gamma), and `1/(1 - gamma) <= 1 + 2 gamma`; each product may lose less than the smallest normal number.
    let grown = 1.0 + 4.0 * gamma(depth(count) + roundings);
    let bound = sum * grown + 4.0 * count as f64 * f64::MIN_POSITIVE;
    if bound.is_nan() { f64::INFINITY } else { bound }
}

/// For the shares p of some wells: q with `q^2` about p, and the root of the relative error of `q^2` and of all roundings.
struct Roots<'a> {
    least: &'a [f64],
    most: &'a [f64],
    kept: &'a [usize],
    rounding: f64,
}

impl NullaryFnOnce for Roots<'_> {
    type Output = Vec<(f64, f64)>;

    #[inline(always)]
    fn call(self) -> Vec<(f64, f64)> {
        let Roots { least, most, kept, rounding } = self;
        let mut roots = vec![(0.0, f64::INFINITY); kept.len()];
        for (root, k) in roots.iter_mut().zip(kept) {
            let (lo, hi) = (least[*k], most[*k]);
            let q = (0.5 * lo + 0.5 * hi).sqrt();
            let square = q * q;
            // |p - q^2| / q^2, q^2 known up to its rounding, differences up to theirs.
            let (above, below) = (hi - square, square - lo);
            let apart = if above > below { above } else { below };
            let relative = apart / square * OUTWARDS + 4.0 * f64::EPSILON;
            let r = (relative + rounding * (1.0 + relative)).sqrt() * OUTWARDS;
            *root = (q, if r >= 0.0 { r } else { f64::INFINITY });
        }
        roots
    }
}

/// Factors of [`Weights::second_moments`], one after the other: `w = q_k (c_k - t)`, and `r_k |w|` if there is room for them; adds the squares
/// of the latter.
struct Factors<'a> {
    weights: &'a Weights,
    mixture: &'a EnclosedMixture,
    group: &'a [usize],
    /// q and r of each.
    roots: &'a [(f64, f64)],
    t: &'a [f64],
    root: &'a mut [f64],
    spread: &'a mut [f64],
    squares: &'a mut [f64],
}

impl NullaryFnOnce for Factors<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Factors { weights, mixture, group, roots, t, root, spread, squares } = self;
        let n = t.len();
        let stride = n.next_multiple_of(8);
        let squares = &mut squares[..n];
        for (column, (k, (q, r))) in group.iter().zip(roots).enumerate() {
            let c = &mixture.wells[weights.wells[*k] * n..][..n];
            let root = &mut root[column * stride..][..n];
            for i in 0..n {
                root[i] = q * (c[i] - t[i]);
                let part = r * root[i];
                squares[i] += part * part;
            }
            if !spread.is_empty() {
                let spread = &mut spread[column * stride..][..n];
                for i in 0..n {
                    spread[i] = r * root[i].abs();
                }
            }
        }
    }
}

/// `sum e_k (c_k - t)` over wells, e_k in the middle of their bounds, and the error of that in each coordinate, up to the roundings of
/// its own sum.
struct MeanSums<'a> {
    weights: &'a Weights,
    mixture: &'a EnclosedMixture,
    kept: &'a [usize],
    t: &'a [f64],
    /// Relative error of a term by the roundings it goes through.
    rounding: f64,
}

impl NullaryFnOnce for MeanSums<'_> {
    type Output = (Vec<f64>, Vec<f64>);

    #[inline(always)]
    fn call(self) -> (Vec<f64>, Vec<f64>) {
        let MeanSums { weights, mixture, kept, t, rounding } = self;
        let n = t.len();
        let absolute = &mixture.absolute[..n];
        let exact = mixture.exact;
        let (mut sum, mut error) = (vec![0.0; n], vec![0.0; n]);
        let (mut block, mut block_error) = (vec![0.0; n], vec![0.0; n]);
        for wells in kept.chunks(BLOCK) {
            block.fill(0.0);
            block_error.fill(0.0);
            for &k in wells {
                let e = 0.5 * weights.lo[k] + 0.5 * weights.hi[k];
                let radius = sub_up(weights.hi[k], e).max(sub_up(e, weights.lo[k]));
                let weight = add_up(radius, mul_up(rounding, e));
                let c = &mixture.wells[weights.wells[k] * n..][..n];
                for i in 0..n {
                    let d = c[i] - t[i];
                    block[i] += e * d;
                    block_error[i] += weight * d.abs();
                }
                if !exact {
                    for i in 0..n {
                        block_error[i] += weights.hi[k] * (mixture.relative * c[i].abs() + absolute[i]);
                    }
                }
            }
            for i in 0..n {
                sum[i] += block[i];
                error[i] += block_error[i];
            }
        }
        (sum, error)
    }
}

/// Off the diagonal, `-second (M - r r')` for the moments M (their lower triangle) and the vector r, in plain arithmetic.
struct Combine<'a> {
    moments: &'a Balls,
    /// r, and how well it is known.
    mu: &'a [f64],
    nu: &'a [f64],
    second: Interval,
    out: &'a mut Balls,
}

impl NullaryFnOnce for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Combine { moments, mu, nu, second, out } = self;
        let n = mu.len();
        let nu = &nu[..n];
        let (factor, spread) = (second.mid(), second.rad());
        // Ten roundings of nonnegative numbers at most in each bound.
        let grown = 1.0 + 16.0 * f64::EPSILON;
        for j in 0..n {
            let (m, rad) = (&moments.mid.col_as_slice(j)[..n], &moments.rad.col_as_slice(j)[..n]);
            let mid = &mut out.mid.col_as_slice_mut(j)[..n];
            let radii = &mut out.rad.col_as_slice_mut(j)[..n];
            for i in j + 1..n {
                let product = mu[i] * mu[j];
                let covariance = m[i] - product;
                // The product's rounding and the difference's: u |mu mu'| + u |m - mu mu'|.
                let rounded = f64::EPSILON * (product.abs() + covariance.abs());
                let cross = mu[i].abs() * nu[j] + nu[i] * mu[j].abs() + nu[i] * nu[j];
                let error = (rad[i] + cross + rounded) * grown + f64::MIN_POSITIVE;
                let entry = -factor * covariance;
                let moved = factor.abs() * error + spread * (covariance.abs() + error);
                let radius = (moved + f64::EPSILON * entry.abs()) * grown + f64::MIN_POSITIVE;
                // What is not a number bounds nothing.
                let known = radius <= f64::INFINITY && entry.abs() < f64::INFINITY;
                radii[i] = if known { radius } else { f64::INFINITY };
                mid[i] = if entry.abs() < f64::INFINITY { entry } else { 0.0 };
            }
        }
        for j in 0..n {
            for i in j + 1..n {
                out.mid[(j, i)] = out.mid[(i, j)];
                out.rad[(j, i)] = out.rad[(i, j)];
            }
        }
    }
}

/// Bounds of the sum of nonnegative numbers between `lo` and `hi`.
pub(super) fn total(lo: &[f64], hi: &[f64]) -> Interval {
    let error = gamma(depth(lo.len()));
    let (low, high) = (lanes(lo.len(), |k| lo[k]), lanes(hi.len(), |k| hi[k]));
    Interval::new(sub_down(low, mul_up(low, error)).max(0.0), add_up(high, mul_up(high, error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside the same quotients in interval arithmetic: bounds, and close ones.
    #[test]
    fn shares_and_sums_are_bounds() {
        let wave = |k: usize| (1.3 * k as f64).sin();
        let lo: Vec<f64> = (0..100).map(|k| 10.0_f64.powf(20.0 * wave(k) - 20.0)).collect();
        let hi: Vec<f64> =
            lo.iter().enumerate().map(|(k, lo)| lo * (1.0 + 0.1 * (1.0 + wave(7 * k)))).collect();
        let total = total(&lo, &hi);
        let (least, most) = Shares { lo: &lo, hi: &hi, total }.call();
        let share = |e: f64, rest: f64| {
            let [e, rest] = [Interval::point(e), Interval::point(rest.max(0.0))];
            e / (e + rest)
        };
        for k in 0..100 {
            let (low, high) =
                (share(lo[k], sub_up(total.hi(), hi[k])), share(hi[k], sub_down(total.lo(), lo[k])));
            assert!(least[k] <= low.lo() && low.lo() - least[k] <= 1e-14 * low.lo(), "{k}");
            assert!(most[k] >= high.hi() && most[k] - high.hi() <= 1e-14 * high.hi(), "{k}");
        }
        let distances: Vec<f64> = (0..100).map(|k| 3.0 + wave(5 * k)).collect();
        let power = |moved: f64, power: i32| {
            let of = |d: &f64| {
                (0..power).fold(Interval::ONE, |p, _| p * (Interval::point(*d) + Interval::point(moved)))
            };
            most.iter().zip(&distances).fold(Interval::ZERO, |sum, (p, d)| sum + Interval::point(*p) * of(d))
        };
        let (shares, distances) = (&most[..], &distances[..]);
        let first = Moment::<1> { shares, distances, moved: 0.0 }.call();
        let second = Moment::<2> { shares, distances, moved: 0.0 }.call();
        let third = Moment::<3> { shares, distances, moved: 0.1 }.call();
        for (bound, exact) in [(first, power(0.0, 1)), (second, power(0.0, 2)), (third, power(0.1, 3))] {
            assert!(bound >= exact.lo() && bound <= exact.hi() * (1.0 + 1e-13), "{bound} {exact:?}");
        }
    }

    /// What is nothing, everything, or no number.
    #[test]
    fn shares_of_extremes() {
        let (lo, hi) = ([0.0, 0.0, 1e-310, 1.0], [0.0, f64::INFINITY, 1e-310, 1.0]);
        let all = Interval::new(1.0, f64::INFINITY);
        let tiny = 1e-310 + f64::MIN_POSITIVE;
        assert_eq!(Shares { lo: &lo, hi: &hi, total: all }.call(), (vec![0.0; 4], vec![0.0, 1.0, tiny, 1.0]));
        let nothing = Shares { lo: &[0.0], hi: &[1.0], total: Interval::new(0.0, 1.0) }.call();
        assert_eq!(nothing, (vec![0.0], vec![1.0]));
        let large = Shares { lo: &[0.0], hi: &[8e307], total: Interval::new(1.7e308, f64::INFINITY) }.call();
        assert_eq!(large, (vec![0.0], vec![1.0]));
        let unknown = Shares { lo: &[f64::NAN], hi: &[f64::NAN], total: Interval::new(0.0, 1.0) }.call();
        assert_eq!(unknown, (vec![0.0], vec![1.0]));
        let third = Moment::<3> { shares: &[0.0], distances: &[f64::INFINITY], moved: 0.0 }.call();
        assert_eq!(third, f64::INFINITY);
    }
}
