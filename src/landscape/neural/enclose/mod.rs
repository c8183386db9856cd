//! Learned energies in verified arithmetic: the network of the weights as they are stored, evaluated exactly.
//!
//! In up to eight dimensions everything is read off Taylor expansions (`taylor.rs`); in more the gradient comes from a sweep
//! back and the Hessian from the derivatives of the layers (`sweep.rs`), both tight for boxes that are nearly points.
//! Bounds that hold on whole balls or all of R^n follow from norms (`norms.rs`).

mod activation;
mod balls;
mod layers;
mod norms;
mod sweep;
mod taylor;

use std::sync::OnceLock;

use self::layers::Affine;
use self::norms::Norms;
use self::sweep::{Back, Sweep};
use self::taylor::{Powers, Shape, Taylor};
use super::Neural;
use super::activation::Activation;
use super::network::Layer;
use crate::landscape::enclose::{Balls, Enclose, Everywhere};
use crate::rigor::rounding::{add_up, div_up, mul_down, mul_up, norm_up, sub_down, sum_up};
use crate::rigor::{Expansion, Interval, System};

/// Up to this dimension there are Taylor expansions, with third derivatives up to the other.
const EXPANDED: usize = 8;
const WITH_THIRD: usize = 4;

/// What a layer does, in verified arithmetic.
#[derive(Clone, Debug)]
enum Step {
    Affine(Affine),
    /// The activation of each unit.
    Activation(Vec<Activation>),
    /// Where a residual branch begins.
    Open,
    /// Where it ends.
    Close {
        scale: f64,
    },
}

/// A learned energy, enclosed.
pub(super) struct Enclosed<'a> {
    neural: &'a Neural,
    steps: Vec<Step>,
    /// The transposed matrices of the steps, in many dimensions.
    transposed: Vec<Option<Affine>>,
    /// In few dimensions.
    shape: Option<Shape>,
    norms: OnceLock<Norms>,
}

impl<'a> Enclosed<'a> {
    /// A sentence says why where there can be no proof.
    pub(super) fn new(neural: &'a Neural) -> Result<Self, String> {
        if neural.path.has_stage() {
            return Err("a network that takes time or Fourier features has no enclosures in verified arithmetic: what \
                        enters it is rounded when it is read"
                .into());
        }
        let (here, next) = neural.path.around();
        let n = here.inputs();
        let mut steps = vec![];
        let mut kinked = false;
        for (i, (layer, _, width)) in here.steps().enumerate() {
            if width == 0 {
                return Err("a network with an empty layer has no enclosures in verified arithmetic".into());
            }
            steps.push(match layer {
                Layer::Linear { weight, bias } => {
                    let other = next.and_then(|(next, s)| match next.layer(i) {
                        Layer::Linear { weight, bias } => Some((weight, bias, s)),
                        _ => None,
                    });
                    let at =
                        |i: usize, j: usize| between(weight[(i, j)], other.map(|(w, _, s)| (w[(i, j)], s)));
                    let bias: Vec<(f64, f64)> =
                        (0..bias.len()).map(|i| between(bias[i], other.map(|(_, b, s)| (b[i], s)))).collect();
                    Step::Affine(Affine::new(width, weight.ncols(), at, &bias))
                }
                Layer::Activation(parts) => {
                    kinked |= parts.iter().any(|(a, _)| activation::is_kinked(*a));
                    Step::Activation(parts.iter().flat_map(|(a, units)| vec![*a; *units]).collect())
                }
                Layer::Norm(_) => {
                    return Err(
                        "a network with layer norm has no enclosures in verified arithmetic yet".into()
                    );
                }
                Layer::Open => Step::Open,
                Layer::Close { scale } => Step::Close { scale: *scale },
            });
        }
        let shape = (n <= EXPANDED).then(|| Shape::new(n, n <= WITH_THIRD && !kinked));
        let transposed = steps.iter().map(|step| match step {
            Step::Affine(affine) if shape.is_none() => Some(affine.transpose()),
            _ => None,
        });
        let transposed = transposed.collect();
        Ok(Enclosed { neural, steps, transposed, shape, norms: OnceLock::new() })
    }

    fn norms(&self) -> &Norms {
        self.norms.get_or_init(|| Norms::new(&self.steps))
    }

    /// The network's gradient over a box in many dimensions.
    fn back(&self, x: &[Interval]) -> Back {
        Sweep::forward(&self.steps, x).back(&self.steps, &self.transposed)
    }

    /// The energy's expansion about `at`.
    fn expansion(&self, shape: &Shape, x: &[Interval], at: &[f64]) -> Taylor {
        let mut e = taylor::expand(&self.steps, shape, x, at);
        for i in 0..shape.n {
            let [value, slope, curvature, third] = self.confinement(i, Interval::point(at[i]), x[i]);
            e.value += value;
            e.gradient[i] += slope;
            e.hessian[shape.pair(i, i)] +=
                if shape.third { curvature } else { self.confinement(i, x[i], x[i])[2] };
            if shape.third {
                e.third[shape.triple(i, i, i)] += third;
            }
        }
        e
    }

    /// `(lambda/2) x_i^2 + quartic x_i^4 + tilt_i x_i` with two derivatives over `x`, and the third over `wide`.
    fn confinement(&self, i: usize, x: Interval, wide: Interval) -> [Interval; 4] {
        let (lambda, quartic) = (self.neural.lambda, Interval::point(self.neural.quartic));
        let tilt = Interval::point(self.neural.tilt[i]);
        let square = x.sqr();
        [
            square.scale(lambda).scale(0.5) + quartic * square.sqr() + tilt * x,
            x.scale(lambda) + (quartic * x.powi(3)).scale(4.0) + tilt,
            Interval::point(lambda) + (quartic * square).scale(12.0),
            (quartic * wide).scale(24.0),
        ]
    }

    /// The confinement's part of the third derivative over a ball, in norm: that tensor is diagonal.
    fn confinement_third(&self, center: &[f64], radius: f64) -> f64 {
        if self.neural.quartic == 0.0 {
            return 0.0;
        }
        let largest = center.iter().fold(0.0, |m: f64, c| m.max(c.abs()));
        mul_up(24.0, mul_up(self.neural.quartic, add_up(largest, radius)))
    }
}

/// `a + s (b - a)` as midpoint and radius, exact at the ends.
fn between(a: f64, other: Option<(f64, f64)>) -> (f64, f64) {
    let Some((b, s)) = other else { return (a, 0.0) };
    if s == 1.0 || a == b {
        return (b, 0.0);
    }
    let a = Interval::point(a);
    let ball = balls::Ball::of(a + Interval::point(s) * (Interval::point(b) - a));
    (ball.mid, ball.rad)
}

/// The middle of a box.
fn middle(x: &[Interval]) -> Vec<f64> {
    x.iter().map(|x| x.mid()).collect()
}

/// The gradient over the box, from its expansion: by the third derivative where there is one, and by the Hessian over
/// the box.
fn gradient_over(shape: &Shape, e: &Taylor, powers: &Powers, hessian: &[Interval], out: &mut [Interval]) {
    let n = shape.n;
    for i in 0..n {
        let mut sum = e.gradient[i];
        for j in 0..n {
            sum += hessian[shape.pair(i, j)] * powers.first[j];
        }
        if shape.third {
            let mut finer = e.gradient[i];
            for j in 0..n {
                finer += e.hessian[shape.pair(i, j)] * powers.first[j];
            }
            for (p, [j, k]) in shape.pairs.iter().enumerate() {
                finer += e.third[shape.triple(i, *j, *k)] * powers.second[p];
            }
            sum = sum.meet(finer).unwrap_or(finer);
        }
        out[i] = sum;
    }
}

/// The Hessian over the box, in the order of the pairs.
fn hessian_over(shape: &Shape, e: &Taylor, powers: &Powers) -> Vec<Interval> {
    let mut hessian = e.hessian.clone();
    if shape.third {
        for (h, [i, j]) in hessian.iter_mut().zip(&shape.pairs) {
            for k in 0..shape.n {
                *h += e.third[shape.triple(*i, *j, k)] * powers.first[k];
            }
        }
    }
    hessian
}

impl Enclose for Enclosed<'_> {
    fn dim(&self) -> usize {
        self.neural.network().inputs()
    }

    fn energy(&self, x: &[Interval]) -> Interval {
        let at = middle(x);
        let Some(shape) = &self.shape else {
            let f = Sweep::forward(&self.steps, x).value();
            return x.iter().enumerate().fold(f, |sum, (i, x)| sum + self.confinement(i, *x, *x)[0]);
        };
        let (e, powers) = (self.expansion(shape, x, &at), shape.powers(x, &at));
        let sum = |a: &[Interval], b: &[Interval]| {
            a.iter().zip(b).fold(Interval::ZERO, |sum, (a, b)| sum + *a * *b)
        };
        e.value
            + sum(&e.gradient, &powers.first)
            + sum(&e.hessian, &powers.second)
            + sum(&e.third, &powers.third)
    }

    fn gradient(&self, x: &[Interval], out: &mut [Interval]) {
        let at = middle(x);
        let Some(shape) = &self.shape else {
            out.copy_from_slice(&self.back(x).gradient);
            for i in 0..x.len() {
                out[i] += self.confinement(i, x[i], x[i])[1];
            }
            return;
        };
        let (e, powers) = (self.expansion(shape, x, &at), shape.powers(x, &at));
        gradient_over(shape, &e, &powers, &hessian_over(shape, &e, &powers), out);
    }

    fn hessian(&self, x: &[Interval]) -> Balls {
        let n = x.len();
        let Some(shape) = &self.shape else {
            let mut hessian = self.back(x).hessian(&self.steps);
            for i in 0..n {
                let sum = balls::Ball { mid: hessian.mid[(i, i)], rad: hessian.rad[(i, i)] }.interval()
                    + self.confinement(i, x[i], x[i])[2];
                let sum = balls::Ball::of(sum);
                (hessian.mid[(i, i)], hessian.rad[(i, i)]) = (sum.mid, sum.rad);
            }
            return hessian;
        };
        let at = middle(x);
        let e = self.expansion(shape, x, &at);
        let list = hessian_over(shape, &e, &shape.powers(x, &at));
        let entry = |i: usize, j: usize| match e.jumps {
            true => balls::Ball::of(Interval::ENTIRE),
            false => balls::Ball::of(list[shape.pair(i, j)]),
        };
        Balls {
            mid: faer::Mat::from_fn(n, n, |i, j| entry(i, j).mid),
            rad: faer::Mat::from_fn(n, n, |i, j| entry(i, j).rad),
        }
    }

    fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        let x: Vec<Interval> = center.iter().map(|c| Interval::about(*c, radius)).collect();
        let crude = add_up(self.norms().third(&self.steps, &x), self.confinement_third(center, radius));
        match &self.shape {
            Some(shape) if shape.third => {
                let e = self.expansion(shape, &x, center);
                // The Frobenius norm: each entry as often as its indices can be ordered.
                let squares = shape.triples.iter().zip(&e.third).map(|([i, j, k], t)| {
                    let orders = [1.0, 3.0, 6.0][usize::from(i != j) + usize::from(j != k)];
                    mul_up(orders, mul_up(t.mag(), t.mag()))
                });
                crate::rigor::rounding::sqrt_up(sum_up(squares)).min(crude)
            }
            _ => crude,
        }
    }

    fn system(&self) -> Box<dyn System + '_> {
        Box::new(Critical(self))
    }

    /// Where activations have bounded slopes, so has the network: `|grad f| <= B`. With `b = B + |tilt|`, outside the ball in
    /// which `4 quartic r^3/n + lambda r <= b` the energy rises outwards, as `sum_i x_i^4 >= |x|^4/n`.
    fn everywhere(&self) -> Option<Everywhere<'_>> {
        let (n, lambda) = (self.dim(), self.neural.lambda);
        if !(lambda > 0.0) {
            return None;
        }
        let steepest = add_up(self.norms().first(), norm_up(&self.neural.tilt));
        let mut radius = div_up(steepest, lambda);
        if !radius.is_finite() {
            return None;
        }
        // Newton's method finds how much less will do with the quartic; the inequality decides.
        let quartic = 4.0 * self.neural.quartic / n as f64;
        if quartic > 0.0 {
            let mut r = radius;
            for _ in 0..200 {
                r -= (quartic * r * r * r + lambda * r - steepest) / (3.0 * quartic * r * r + lambda);
            }
            let r = r * (1.0 + 1e-12);
            let four = Interval::point(4.0 * self.neural.quartic) / Interval::point(n as f64);
            let outward = four * Interval::point(r).powi(3) + Interval::point(r).scale(lambda);
            if r > 0.0 && r < radius && sub_down(outward.lo(), steepest) >= 0.0 && mul_down(r, lambda) >= 0.0
            {
                radius = r;
            }
        }
        Some(Everywhere {
            system: self.system(),
            within: vec![Interval::about(0.0, radius); n],
            center: vec![0.0; n],
            radius,
            origin: vec![0.0; n],
            map: faer::Mat::identity(n, n),
        })
    }
}

/// The gradient as a system.
struct Critical<'a, 'b>(&'a Enclosed<'b>);

impl System for Critical<'_, '_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        self.0.gradient(x, out);
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let n = x.len();
        let Some(shape) = &self.0.shape else {
            let thin: Vec<Interval> = at.iter().map(|c| Interval::point(*c)).collect();
            self.0.gradient(&thin, &mut out.value);
            self.0.gradient(x, &mut out.range);
            let hessian = self.0.hessian(x);
            for i in 0..n {
                let mut sum = out.value[i];
                for j in 0..n {
                    let entry = balls::Ball { mid: hessian.mid[(i, j)], rad: hessian.rad[(i, j)] }.interval();
                    out.jacobian[i * n + j] = entry;
                    sum += entry * taylor::offset(x[j], at[j]);
                }
                out.range[i] = out.range[i].meet(sum).unwrap_or(sum);
            }
            return;
        };
        let (e, powers) = (self.0.expansion(shape, x, at), shape.powers(x, at));
        let hessian = hessian_over(shape, &e, &powers);
        gradient_over(shape, &e, &powers, &hessian, &mut out.range);
        out.value.copy_from_slice(&e.gradient);
        for i in 0..n {
            for j in 0..n {
                let entry = hessian[shape.pair(i, j)];
                out.jacobian[i * n + j] = if e.jumps { Interval::ENTIRE } else { entry };
            }
        }
    }
}
