//! The checker's own enclosures of energies that are a quadratic minus a log-sum-exp: mixtures and modern Hopfield networks.
//!
//! `grad E = s (x - m(x)) + confinement x`, `Hess E = kappa I - s t C(x)`, `D3 E = -s t^2 T(x)` with mean m, covariance C and third central moment T of
//! the points z_k under weights `p_k ~ exp(l_k)`, where `grad l_k = t z_k` up to what is the same for all k:
//!
//! * mixture: `z = a y`, `kappa = 1/sigma^2 + confinement`, `s = t = 1/sigma^2`, `l_k = log w_k - |x - z_k|^2/(2 sigma^2)`;
//! * modern Hopfield: `z = y`, `kappa = 1 + confinement`, `s = 1`, `t = beta`, `l_k = log w_k + beta y_k.x`.

use super::interval::{I, ONE, ZERO, dot, length, points, sum};
use super::matrix::{FEW, Square};
use super::rounded::{gamma, split, underflow};

/// See the module.
pub(super) struct Patterns {
    n: usize,
    z: Vec<Vec<I>>,
    /// Numbers near them, one point after the other ..
    near: Vec<f64>,
    /// .. and at least how far these are off, coordinate by coordinate: zero if the points are numbers.
    blur: Vec<f64>,
    log_weights: Vec<I>,
    kappa: I,
    confinement: I,
    s: I,
    t: I,
    /// Are logits minus squares of distances?
    distances: bool,
    /// At least the distance of any two points, by pairs.
    pairs: Vec<f64>,
    /// At least the largest of them.
    span: f64,
    /// Half the sum of two points times their difference, by pairs: `(|z_j|^2 - |z_k|^2)/2`.
    halves: Vec<I>,
}

/// Most points: pairs are looked at.
pub(super) const MOST: usize = 4096;
/// Up to this dimension third moments are enclosed entry by entry.
const LOW: usize = 3;
/// What weighs less than that is bounded together.
const LIGHT: f64 = 1e-15;
/// The same in many dimensions, where second moments take long.
const FAINT: f64 = 1e-12;
/// And beside the largest weight of a ball: what weighs less there is compared with that alone.
const SMALL: f64 = 1e-3;

/// Weights with differences, a mean, and a bound of what was left out.
type Heavy = (Vec<(I, Vec<I>)>, Vec<I>, f64);

/// The place of the largest, nearly.
fn largest(v: &[I]) -> usize {
    (0..v.len()).fold(0, |best, k| if v[k].mid() > v[best].mid() { k } else { best })
}

impl Patterns {
    pub(super) fn mixture(
        rows: &[Vec<f64>],
        weights: &[f64],
        a: f64,
        sigma: I,
        confinement: f64,
    ) -> Patterns {
        let z = rows
            .iter()
            .map(|r| r.iter().map(|y| if a == 1.0 { I::of(*y) } else { I::of(a) * I::of(*y) }).collect());
        let s = ONE.over(sigma.sqr());
        Patterns::new(z.collect(), weights, I::of(confinement), s, s, true)
    }

    pub(super) fn hopfield(rows: &[Vec<f64>], weights: &[f64], beta: I, confinement: f64) -> Patterns {
        let z = rows.iter().map(|r| points(r)).collect();
        Patterns::new(z, weights, I::of(confinement), ONE, beta, false)
    }

    fn new(z: Vec<Vec<I>>, weights: &[f64], confinement: I, s: I, t: I, distances: bool) -> Patterns {
        let k = z.len();
        let (mut pairs, mut halves) = (vec![0.0; k * k], vec![ZERO; k * k]);
        let half = I::of(0.5);
        for i in 0..k {
            for j in 0..k {
                let apart: Vec<I> = z[i].iter().zip(&z[j]).map(|(a, b)| *a - *b).collect();
                pairs[i * k + j] = if i == j { 0.0 } else { length(&apart).hi };
                if distances && i != j {
                    let both: Vec<I> = z[i].iter().zip(&z[j]).map(|(a, b)| (*a + *b) * half).collect();
                    halves[i * k + j] = dot(&apart, &both);
                }
            }
        }
        let span = pairs.iter().fold(0.0, |m: f64, d| m.max(*d));
        let n = z.first().map_or(0, Vec::len);
        let log_weights = weights.iter().map(|w| if *w == 1.0 { ZERO } else { I::of(*w).log() }).collect();
        let kappa = if confinement == ZERO { s } else { s + confinement };
        let near = z.iter().flatten().map(|z| split(*z).0).collect();
        let blur = (0..n).map(|a| z.iter().map(|z| split(z[a]).1).fold(0.0, f64::max)).collect();
        Patterns { n, z, near, blur, log_weights, kappa, confinement, s, t, distances, pairs, span, halves }
    }

    /// How much work an enclosure over a box is, in operations.
    pub(super) fn cost(&self) -> usize {
        self.z.len() * (self.z.len() + self.n) * (self.n + 4)
    }

    /// Is t a number, or its rounding, and no interval of a parameter?
    fn is_narrow(&self) -> bool {
        self.t.hi - self.t.lo <= 1e-14 * self.t.mag()
    }

    /// The same of gradient and Hessian at a place, and of a Lipschitz constant on a ball. In many dimensions both are found in plain arithmetic,
    /// with exponentials of pairs of points for weights on a ball; but for places and an interval of t, where weights are those of a box.
    pub(super) fn costs_of_places_and_balls(&self) -> (u64, u64) {
        let (k, n) = (self.z.len(), self.n);
        let wide = self.cost() as u64;
        let place = if n > FEW && self.is_narrow() { (k * n * (n + 32)) as u64 } else { 2 * wide };
        (place, if n > FEW { (k * (16 * k + 4 * n)) as u64 } else { 4 * wide })
    }

    /// Encloses all weights over a box: `1/sum_j exp(l_j - l_k)`, each difference linear in x, so that it is exact over a box.
    fn weights(&self, x: &[I]) -> Vec<I> {
        // With all of an interval logits would lose what they have in common.
        if x.iter().all(|x| x.is_point()) && self.is_narrow() {
            return self.weights_at(x);
        }
        let k = self.z.len();
        let middle: Vec<f64> = x.iter().map(|x| x.mid()).collect();
        let top = largest(&self.logits(&middle));
        self.by_differences(top, |j, i| {
            let along = (0..self.n).map(|a| (self.z[j][a] - self.z[i][a]) * x[a]);
            self.log_weights[j] - self.log_weights[i] + self.t * (sum(along) - self.halves[j * k + i])
        })
    }

    /// Weights from bounds of `l_j - l_i`. Those that are shown to be light beside `top`, which may be any, are bounded by that alone.
    fn by_differences(&self, top: usize, difference: impl Fn(usize, usize) -> I) -> Vec<I> {
        let k = self.z.len();
        let beside: Vec<I> = (0..k).map(|j| if j == top { ONE } else { difference(j, top).exp() }).collect();
        let few = if self.n > FEW { SMALL } else { 1e-13 };
        let (heavy, light): (Vec<usize>, Vec<usize>) =
            (0..k).partition(|j| *j == top || !(beside[*j].hi < few));
        let rest = sum(light.iter().map(|j| I::of(beside[*j].hi))).hi;
        let mut all: Vec<I> = beside.iter().map(|b| I::new(0.0, b.hi.min(1.0))).collect();
        for i in heavy.iter().copied() {
            let others = heavy.iter().filter(|j| **j != i).map(|j| difference(*j, i).exp());
            let mut total = ONE + sum(others);
            if rest > 0.0 {
                // exp(l_j - l_i) = exp(l_j - l_top)/exp(l_i - l_top).
                total = total + I::new(0.0, I::of(rest).over(beside[i]).hi);
            }
            let p = ONE.over(total);
            all[i] = I::new(p.lo.max(0.0), p.hi.min(1.0));
        }
        all
    }

    /// Numbers near point k.
    fn row(&self, k: usize) -> &[f64] {
        &self.near[k * self.n..(k + 1) * self.n]
    }

    /// The square of the distance of point k from a place, in plain arithmetic: a term has three roundings and a sum of n terms n - 1 of
    /// them, all of the same sign. Points that are no numbers are as far from the place as numbers near them, but for how far they are off.
    fn square(&self, k: usize, x: &[f64]) -> I {
        let s: f64 = self.row(k).iter().zip(x).map(|(z, x)| (x - z) * (x - z)).sum();
        let square = I::about(s, s * gamma(self.n) + underflow(self.n));
        if !square.is_bounded() {
            return square;
        }
        let square = I::new(square.lo.max(0.0), square.hi);
        if self.blur.iter().all(|b| *b == 0.0) {
            return square;
        }
        let off = length(&points(&self.blur)).hi;
        let distance = square.sqrt().plus_minus(off);
        I::new(distance.lo.max(0.0), distance.hi).sqr()
    }

    /// Logits at a place.
    fn logits(&self, x: &[f64]) -> Vec<I> {
        let one = |k: usize| {
            if self.distances {
                self.log_weights[k] - self.t * (self.square(k, x) * I::of(0.5))
            } else if self.blur.iter().all(|b| *b == 0.0) {
                let near = self.row(k);
                let (product, size) =
                    near.iter().zip(x).fold((0.0, 0.0), |(p, s), (z, x)| (p + z * x, s + (z * x).abs()));
                self.log_weights[k] + self.t * I::about(product, gamma(self.n) * size + underflow(self.n))
            } else {
                self.log_weights[k] + self.t * dot(&self.z[k], &points(x))
            }
        };
        (0..self.z.len()).map(one).collect()
    }

    /// Weights at a single place.
    fn weights_at(&self, x: &[I]) -> Vec<I> {
        let logits = self.logits(&x.iter().map(|x| x.lo).collect::<Vec<f64>>());
        let top = logits.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.mid()));
        let parts: Vec<I> = logits.iter().map(|l| (*l - I::of(top)).exp()).collect();
        let total = sum(parts.iter().copied());
        let share = |p: &I| {
            let p = p.over(total);
            I::new(p.lo.max(0.0), p.hi.min(1.0))
        };
        parts.iter().map(share).collect()
    }

    /// Weights over a ball.
    fn weights_in_ball(&self, center: &[f64], radius: f64) -> Vec<I> {
        let logits = self.logits(center);
        let k = self.z.len();
        let top = largest(&logits);
        self.by_differences(top, |j, i| {
            let reach = (self.t * I::of(self.pairs[j * k + i]) * I::of(radius)).hi;
            (logits[j] - logits[i]).plus_minus(reach)
        })
    }

    /// A place in the middle of the points, by weight: any will do.
    fn middle(&self, p: &[I]) -> Vec<f64> {
        let total: f64 = p.iter().map(|p| p.mid()).sum();
        let mut c = vec![0.0; self.n];
        for (k, p) in p.iter().enumerate() {
            let p = p.mid();
            c.iter_mut().zip(self.row(k)).for_each(|(c, z)| *c += p * z);
        }
        c.iter_mut().for_each(|c| *c /= total);
        c
    }

    /// Mean and second moments of the differences of all points from c, in plain arithmetic. A weight is known up to a radius, a
    /// difference up to its rounding and how far the point is off; what weighs nearly nothing is all radius. With S the sums of radius
    /// and rounding times squares, an entry of the second moments is off by at most `sqrt(S_a S_b)`, by Cauchy's inequality.
    fn moments(&self, p: &[I], c: &[f64]) -> (Vec<I>, Square) {
        let (n, count) = (self.n, self.z.len());
        let g = gamma(count + 8);
        let (mut mean, mut off) = (vec![0.0; n], vec![0.0; n]);
        let (mut second, mut squares, mut all) = (vec![0.0; n * n], vec![0.0; n], vec![0.0; n]);
        let (mut total, mut d) = (0.0, vec![0.0; n]);
        for (k, p) in p.iter().enumerate() {
            d.iter_mut().zip(self.row(k).iter().zip(c)).for_each(|(d, (z, c))| *d = z - c);
            let (own, radius) = if p.hi <= FAINT { (0.0, p.hi) } else { split(*p) };
            let uncertain = g * own + radius;
            total += p.hi;
            for a in 0..n {
                let size = d[a].abs();
                off[a] += uncertain * size;
                squares[a] += uncertain * size * size;
                all[a] += p.hi * size * size;
            }
            if own == 0.0 {
                continue;
            }
            for a in 0..n {
                let scaled = own * d[a];
                mean[a] += scaled;
                second[a * n..=a * n + a].iter_mut().zip(&d).for_each(|(m, d)| *m += scaled * d);
            }
        }
        let (room, lost) = (1.0 + gamma(count + 8), underflow(count));
        let blurred = |a: usize| total * room * self.blur[a];
        let mean = (0..n).map(|a| I::about(mean[a], (off[a] + blurred(a)) * room + lost)).collect();
        // Of points that are off the squares change by twice the product and the square of that.
        let (roots, sizes): (Vec<f64>, Vec<f64>) =
            (0..n).map(|a| ((squares[a] + lost).sqrt(), ((all[a] + lost) * total).sqrt())).unzip();
        let blur = &self.blur;
        let entry = |a: usize, b: usize| {
            let (a, b) = if a >= b { (a, b) } else { (b, a) };
            let moved = sizes[a] * blur[b] + sizes[b] * blur[a] + total * blur[a] * blur[b];
            I::about(second[a * n + b], (roots[a] * roots[b] + moved) * (room * room) + 1e-290)
        };
        (mean, Square::from_fn(n, entry))
    }

    /// Differences of all points from c, and the mean of these.
    fn about(&self, p: &[I], c: &[f64]) -> (Vec<Vec<I>>, Vec<I>) {
        let d: Vec<Vec<I>> =
            self.z.iter().map(|z| z.iter().zip(c).map(|(z, c)| *z - I::of(*c)).collect()).collect();
        let mean = (0..self.n).map(|a| sum(d.iter().zip(p).map(|(d, p)| *p * d[a]))).collect();
        (d, mean)
    }

    /// Weights and differences of the points that weigh something, the mean of all differences, and at least the sum of the weights of
    /// the others times the squares of theirs.
    fn heavy(&self, p: &[I], c: &[f64]) -> Heavy {
        let (mut heavy, mut first, mut second) = (vec![], ZERO, ZERO);
        for (k, p) in p.iter().enumerate() {
            if p.hi <= LIGHT {
                let square = self.square(k, c);
                first = first + I::of(p.hi) * square.sqrt();
                second = second + I::of(p.hi) * square;
            } else {
                heavy.push((*p, self.z[k].iter().zip(c).map(|(z, c)| *z - I::of(*c)).collect::<Vec<I>>()));
            }
        }
        let off = if first == ZERO { 0.0 } else { first.hi };
        let mean = (0..self.n)
            .map(|a| {
                let own = sum(heavy.iter().map(|(p, d)| *p * d[a]));
                if off == 0.0 { own } else { own.plus_minus(off) }
            })
            .collect();
        (heavy, mean, if second == ZERO { 0.0 } else { second.hi })
    }

    pub(super) fn gradient(&self, x: &[I]) -> Vec<I> {
        let p = self.weights(x);
        let c = self.middle(&p);
        if c.iter().any(|c| !c.is_finite()) {
            return vec![super::interval::ALL; self.n];
        }
        let mean = if self.n > FEW { self.moments(&p, &c).0 } else { self.heavy(&p, &c).1 };
        self.gradient_by(x, &c, &mean)
    }

    /// From the mean of the points' differences from c.
    fn gradient_by(&self, x: &[I], c: &[f64], mean: &[I]) -> Vec<I> {
        (0..self.n)
            .map(|a| {
                let own = self.s * (x[a] - I::of(c[a]) - mean[a]);
                if self.confinement == ZERO { own } else { own + self.confinement * x[a] }
            })
            .collect()
    }

    pub(super) fn hessian(&self, x: &[I]) -> Square {
        self.both(x).1
    }

    /// Gradient and Hessian.
    pub(super) fn both(&self, x: &[I]) -> (Vec<I>, Square) {
        let n = self.n;
        let p = self.weights(x);
        let c = self.middle(&p);
        if c.iter().any(|c| !c.is_finite()) {
            let all = super::interval::ALL;
            return (vec![all; n], Square::from_fn(n, |_, _| all));
        }
        let (mean, second) = if n > FEW { self.moments(&p, &c) } else { self.few_moments(&p, &c) };
        let st = self.s * self.t;
        let hessian = Square::from_fn(n, |a, b| {
            let (a, b) = if a >= b { (a, b) } else { (b, a) };
            let product = if a == b { mean[a].sqr() } else { mean[a] * mean[b] };
            let covariance = second.at(a, b) - product;
            let own = if a == b { self.kappa } else { ZERO };
            own - st * covariance
        });
        (self.gradient_by(x, &c, &mean), hessian)
    }

    /// The same as [`Patterns::moments`] interval by interval.
    fn few_moments(&self, p: &[I], c: &[f64]) -> (Vec<I>, Square) {
        let n = self.n;
        // No entry of d d' is larger than |d|^2.
        let (heavy, mean, light) = self.heavy(p, c);
        let mut moments = vec![ZERO; n * n];
        for (p, d) in &heavy {
            for a in 0..n {
                let scaled = *p * d[a];
                for b in 0..=a {
                    moments[a * n + b] =
                        moments[a * n + b] + if a == b { *p * d[a].sqr() } else { scaled * d[b] };
                }
            }
        }
        let entry = |a: usize, b: usize| moments[a.max(b) * n + a.min(b)].plus_minus(light);
        (mean, Square::from_fn(n, entry))
    }

    /// At least the Lipschitz constant of the Hessian on a ball: a bound of D3 E as a trilinear form, which is symmetric, so that its norm is
    /// that of `T(v, v, v)`, the third central moment of `<z, v>`: at most `l^3/(6 sqrt 3)` for a variable in an interval of length l.
    pub(super) fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        // 6 sqrt 3 = 10.392..
        let everywhere = I::of(self.span).power(3).over(I::of(10.39)).hi;
        let near = if radius.is_finite() && center.iter().all(|c| c.is_finite()) {
            self.third_moment(center, radius)
        } else {
            f64::INFINITY
        };
        let bound = if near < everywhere { near } else { everywhere };
        (self.s * self.t.sqr() * I::of(bound)).hi
    }

    fn third_moment(&self, center: &[f64], radius: f64) -> f64 {
        let p = self.weights_in_ball(center, radius);
        let c = self.middle(&p);
        if c.iter().any(|c| !c.is_finite()) {
            return f64::INFINITY;
        }
        if self.n > LOW {
            return self.third_by_size(&p, &c);
        }
        let (d, mean) = self.about(&p, &c);
        let off = length(&mean).hi;
        let sizes = d.iter().map(|d| I::of(length(d).hi) + I::of(off));
        let by_size = sum(sizes.zip(&p).map(|(r, p)| I::of(p.hi) * r.power(3))).hi;
        // Entry by entry, from moments about c.
        let n = self.n;
        let second = |a: usize, b: usize| {
            sum(d.iter().zip(&p).map(|(d, p)| *p * if a == b { d[a].sqr() } else { d[a] * d[b] }))
        };
        let m2: Vec<I> = (0..n * n).map(|k| second(k / n, k % n)).collect();
        let mut squares = ZERO;
        for a in 0..n {
            for b in 0..n {
                for e in 0..n {
                    let m3 = sum(d.iter().zip(&p).map(|(d, p)| {
                        *p * if a == b && b == e {
                            d[a].power(3)
                        } else if a == b {
                            d[a].sqr() * d[e]
                        } else {
                            d[a] * d[b] * d[e]
                        }
                    }));
                    let mixed = m2[a * n + b] * mean[e] + m2[a * n + e] * mean[b] + m2[b * n + e] * mean[a];
                    let central = m3 - mixed + I::of(2.0) * mean[a] * mean[b] * mean[e];
                    squares = squares + I::of(central.mag()).sqr();
                }
            }
        }
        let by_entries = squares.sqrt().hi;
        if by_entries < by_size { by_entries } else { by_size }
    }

    /// At least `E|z - m|^3`, for any weights within the bounds. With q the middles of the weights, c is the mean of the points under q,
    /// nearly: each coordinate of c is a quotient of sums of K products, its error below `(2 K + 8) eps` times the largest coordinate;
    /// so the mean of `z - c` under the weights themselves is not longer than that, times the sum of q, and `sum |p - q| |z - c|`.
    fn third_by_size(&self, p: &[I], c: &[f64]) -> f64 {
        let sizes: Vec<f64> = (0..p.len()).map(|k| self.square(k, c).sqrt().hi).collect();
        let largest = self.near.iter().fold(0.0f64, |m, z| m.max(z.abs()));
        let total = sum(p.iter().map(|p| I::of(p.mid())));
        let rounding =
            I::of((2.0 * p.len() as f64 + 8.0) * f64::EPSILON) * I::of(largest) * I::of(self.n as f64).sqrt()
                + length(&points(&self.blur));
        let spread = sum(p.iter().zip(&sizes).map(|(p, r)| (*p - I::of(p.mid())).abs() * I::of(*r)));
        let off = (total * rounding + spread).hi;
        sum(p.iter().zip(&sizes).map(|(p, r)| I::of(p.hi) * (I::of(*r) + I::of(off)).power(3))).hi
    }
}
