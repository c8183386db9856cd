//! Halves of one-dimensional manifolds: out of a block about their point, through a tube, to where they end.
//!
//! What holds of a block: coordinates (xi, eta) about the centre x, xi along the unit vector u. Let `|xi| <= a, |eta| <= s a` lie in the ball in which the
//! form Q of `zeros.rs` shows that there is one zero and one orbit that stays. Let each of the fields lead out through `xi = a` and
//! `xi = -a`, by more than zero, and in through `|eta| = s a`: `-sign(xi) <u,g> > e0`, `<eta,g> > e0 |eta|`. Then, by degree, the zero lies in the block.
//! Its unstable manifold, one-dimensional, cannot stay; each half leaves through `xi = a` or `xi = -a`, and since on it the form of the difference from the
//! zero falls from nothing, hence is negative, hence xi differs from that of the zero, the halves leave through one of them each. What enters the block
//! ends at the zero or leaves through these two discs.
//!
//! In the plane the four sides are looked at piece by piece. In more dimensions let over a ball that holds the block `-<u,Hu> >= p`, all eigenvalues
//! of H orthogonal to u be at least h, what of `Hu` is orthogonal to u at most c, and `|g(x)| <= n`: `a (p - c s) > e0 + n`,
//! `a (h s - c) > e0 + n`.
//!
//! What holds of a cylinder `c + t u + (t^2/2) q + w`, `|w| <= rho(t) = r + k t`: with N = w/|w| - (k + t <q,w>/|w|) u along the wall's outward
//! normal, `<N, g> > |N| e0` there, and `-<u, g> > e0` in it, show that orbits of each of the fields go on to its last disc. By
//! `g(y) = g + H (y - c) + R`, `|R| <= L |y - c|^2/2`, a = <u,g>, b = <u,Hu>, m what of `Hu` is orthogonal to u, P the projection along u:
//! `<N, g + H(y - c)> >= rho mu - |P g| - |t||m - a q| - k (a + t b) - t^2 (|P H q|/2 + |q||b|) - (|k| + |t||q|)(t^2 |q|/2 + rho)|m|`
//! with mu at most the smallest eigenvalue of H orthogonal to u.

use super::cover::Place;
use super::field::{Fall, Field};
use super::interval::{I, ONE, dot, length, points};
use super::matrix::Square;
use super::rounded::{gamma, underflow};
use super::zeros::Found;
use crate::certificate::format::{Cylinder, Edge, Zero};

/// `e + w`, w orthogonal to u, `|w| <= radius`.
struct Disc {
    center: Vec<I>,
    /// A vector along u.
    axis: Vec<f64>,
    radius: f64,
}

/// A direction.
struct Axis {
    /// A vector along it.
    d: Vec<I>,
    /// Its length.
    size: I,
}

impl Axis {
    fn new(d: &[f64]) -> Result<Axis, String> {
        let d = points(d);
        let size = length(&d);
        if size.lo > 0.0 && size.hi < f64::INFINITY {
            Ok(Axis { d, size })
        } else {
            Err("a direction is zero".into())
        }
    }

    /// The component of v along the unit vector.
    fn along(&self, v: &[I]) -> I {
        dot(v, &self.d).over(self.size)
    }

    /// What of v is orthogonal: v minus its component.
    fn off(&self, v: &[I]) -> Vec<I> {
        let share = dot(v, &self.d).over(self.size.sqr());
        v.iter().zip(&self.d).map(|(v, d)| *v - share * *d).collect()
    }

    /// At least its length: of v minus any multiple of the direction what is orthogonal is the same, and no longer.
    fn off_size(&self, v: &[I]) -> f64 {
        let share = I::of(dot(v, &self.d).over(self.size.sqr()).mid());
        let rest: Vec<I> = v.iter().zip(&self.d).map(|(v, d)| *v - share * *d).collect();
        length(&rest).hi
    }

    fn unit(&self) -> Vec<I> {
        self.d.iter().map(|d| d.over(self.size)).collect()
    }

    /// Is the smallest eigenvalue of H on what is orthogonal at least `bound`? On a line there is nothing.
    fn across_exceeds(&self, h: &Square, bent: &[I], bound: f64) -> bool {
        let n = h.n;
        match n {
            1 => true,
            2 => {
                let v = [-self.d[1], self.d[0]];
                dot(&v, &h.times(&v)).over(self.size.sqr()).lo >= bound
            }
            _ => {
                // Orthogonal to d, the form of H is that of H + d p' + p d', for any p: here one that makes d an eigenvector with a
                // large eigenvalue.
                let size = self.size.mid();
                let top = 2.0 * (0..n).fold(bound.abs(), |m, i| m.max(h.at(i, i).mag()));
                let along = self.along(bent).mid();
                let d: Vec<f64> = self.d.iter().map(|d| d.lo).collect();
                let p: Vec<f64> =
                    (0..n).map(|i| (-bent[i].mid() + 0.5 * (along + top) * d[i] / size) / size).collect();
                Square::from_fn(n, |i, j| {
                    // Two products, their sum, and the sum with a number of H.
                    let (a, b) = (d[i] * p[j], p[i] * d[j]);
                    let own = h.at(i, j);
                    let error = gamma(4) * (a.abs() + b.abs() + own.mag()) + underflow(4);
                    I::new(own.lo + (a + b) - error, own.hi + (a + b) + error)
                })
                .exceeds(bound)
            }
        }
    }
}

/// The direction of a half, as far as its sign: of the eigenvector, and in the plane upwards across that of the other.
fn direction(zero: &Zero, up: bool) -> Vec<f64> {
    match (zero.vectors.len(), up) {
        (2, true) => vec![-zero.vectors[0].0[1], zero.vectors[0].0[0]],
        (n, true) => zero.vectors[n - 1].0.clone(),
        _ => zero.vectors[0].0.clone(),
    }
}

/// A block about a point, in the ball of uniqueness.
pub(super) struct Block {
    center: Vec<f64>,
    axis: Axis,
    a: I,
    b: I,
}

impl Block {
    /// That of half-length `a`, and of `slope` times that across; the error says why it is none.
    pub(super) fn new(zero: &Zero, up: bool, half: f64, slope: f64) -> Result<Block, String> {
        if !(half > 0.0 && slope > 0.0 && half.is_finite() && slope <= 100.0) {
            return Err("its block is none".into());
        }
        let axis = Axis::new(&direction(zero, up))?;
        let (a, b) = (I::of(half), I::of(half) * I::of(slope));
        Ok(Block { center: zero.center.0.clone(), axis, a, b })
    }

    /// Does a box lie in it?
    pub(super) fn holds(&self, x: &[I]) -> bool {
        let d: Vec<I> = x.iter().zip(&self.center).map(|(x, c)| *x - I::of(*c)).collect();
        let across = match d.as_slice() {
            [p, q] => (dot(&[-self.axis.d[1], self.axis.d[0]], &[*p, *q]).over(self.axis.size)).mag(),
            _ => length(&self.axis.off(&d)).hi,
        };
        self.axis.along(&d).mag() <= self.a.lo && across <= self.b.lo
    }

    /// Do all fields lead out of it along its axis and into it across?
    pub(super) fn isolates(&self, fall: Fall<'_>, found: &Found, e0: f64) -> bool {
        let n = self.center.len();
        let reach = (self.a.sqr() + self.b.sqr()).sqrt().hi;
        if n == 1 {
            // Between the two distances the gradient is larger than e0.
            return self.a.lo >= found.radius && self.a.hi <= found.unique;
        }
        if !(reach < found.unique) {
            return false;
        }
        let u = self.axis.unit();
        if let &[p, q] = u.as_slice() {
            let v = [-q, p];
            let side = |along: &[I], across: &[I], far: I, wide: f64, sign: f64, way: f64| {
                let base: Vec<I> =
                    (0..2).map(|i| I::of(self.center[i]) + I::of(sign) * far * along[i]).collect();
                let normal: Vec<I> = along.iter().map(|u| I::of(sign * way) * *u).collect();
                passes(fall, &base, across, wide, &normal, e0)
            };
            return [1.0, -1.0].into_iter().all(|sign| {
                side(&u, &v, self.a, self.b.hi, sign, -1.0) && side(&v, &u, self.b, self.a.hi, sign, 1.0)
            });
        }
        let (g, h) = fall.at(&self.center);
        let change = I::of(fall.field.lipschitz(&self.center, reach)) * I::of(reach);
        let bent: Vec<I> = h.times(&u);
        let unstable = -self.axis.along(&bent) - change;
        let noise = I::of(e0) + length(&g);
        let mixed = I::of(self.axis.off_size(&bent)) + change;
        // What it takes, and a little more; then it is shown to be enough, and to be there.
        let needed = ((noise + mixed * self.a).over(self.b) + change).hi;
        let needed = needed + 1e-12 * needed.abs();
        let enters = (self.b * (I::of(needed) - change) - mixed * self.a).lo > noise.hi;
        (self.a * unstable - mixed * self.b).lo > noise.hi
            && enters
            && self.axis.across_exceeds(&h, &bent, needed)
    }
}

/// Most bisections of a side.
const BISECTIONS: u32 = 8;

/// Is `<normal, g> > e0` at `base + tau d`, `|tau| <= wide`? By enclosures over pieces, and the mean value form about their middles.
fn passes(fall: Fall<'_>, base: &[I], d: &[I], wide: f64, normal: &[I], e0: f64) -> bool {
    let place = |t: I| -> Vec<I> { base.iter().zip(d).map(|(b, d)| *b + t * *d).collect() };
    let mut open = vec![(-wide, wide, 0)];
    while let Some((from, to, depth)) = open.pop() {
        let middle = 0.5 * from + 0.5 * to;
        let over = place(I::new(from, to));
        let at = dot(normal, &fall.gradient(&place(I::of(middle))));
        if !(at.hi > e0) {
            return false;
        }
        let slope = dot(normal, &fall.hessian(&over).times(d));
        let bound = at + (I::new(from, to) - I::of(middle)) * slope;
        if bound.lo > e0 {
            continue;
        }
        if depth >= BISECTIONS || !(from < middle && middle < to) {
            return false;
        }
        open.push((from, middle, depth + 1));
        open.push((middle, to, depth + 1));
    }
    true
}

/// Where the half leaves its point's block.
fn exit(fall: Fall<'_>, zero: &Zero, found: &Found, edge: &Edge, e0: f64) -> Result<Disc, String> {
    if !(edge.side == 1 || edge.side == -1) {
        return Err("its side is none".into());
    }
    let block = Block::new(zero, edge.up, edge.half.0, edge.slope.0)?;
    if !block.isolates(fall, found, e0) {
        return Err("its block is not left along its axis and entered across".into());
    }
    let side = f64::from(edge.side);
    let step = I::of(side) * block.a;
    let center = block.center.iter().zip(block.axis.unit()).map(|(x, u)| I::of(*x) + step * u).collect();
    let axis = direction(zero, edge.up).iter().map(|u| side * u).collect();
    Ok(Disc { center, axis, radius: if block.center.len() == 1 { 0.0 } else { block.b.hi } })
}

/// The last disc of a cylinder into which a disc leads.
fn cross(fall: Fall<'_>, before: &Disc, cylinder: &Cylinder, e0: f64) -> Result<Disc, String> {
    let n = before.center.len();
    let c = &cylinder.c.0;
    if c.len() != n || cylinder.axis.0.len() != n || cylinder.bend.0.len() != n {
        return Err(format!("it has not {n} dimensions"));
    }
    let &[back, ahead, radius, growth] = cylinder.shape.0.as_slice() else {
        return Err("its shape is not four numbers".into());
    };
    let rho = |t: I| I::of(radius) + I::of(growth) * t;
    let (first, last) = (I::of(-back), I::of(ahead));
    if !(-back < ahead && rho(first).lo >= 0.0 && rho(last).lo >= 0.0) {
        return Err("its ends are not in order".into());
    }
    let axis = Axis::new(&cylinder.axis.0)?;
    let q = axis.off(&points(&cylinder.bend.0));
    if !holds(&axis, &q, c, first.hi, last.lo, &rho, before)? {
        return Err("the disc before does not lie in it".into());
    }
    fall.field.count((n as u64).pow(3));
    let (g, h) = fall.at(c);
    let bent = h.times(&axis.unit());
    let (a, b) = (axis.along(&g), axis.along(&bent));
    let turn = I::of(length(&q).hi);
    let across = I::of(axis.off_size(&g));
    let mixed = I::of(axis.off_size(&bent));
    let twisted: Vec<I> = bent.iter().zip(&q).map(|(m, q)| *m - a * *q).collect();
    let twist = I::of(axis.off_size(&twisted));
    let carried = I::of(axis.off_size(&h.times(&q)));
    let (half, k) = (I::of(0.5), I::of(growth));
    // Behind and before the centre one after the other: each bound is concave on a piece, its terms of second order taken at their largest.
    let pieces =
        if back > 0.0 && ahead > 0.0 { vec![(-back, 0.0), (0.0, ahead)] } else { vec![(-back, ahead)] };
    let sizes: Vec<(I, I, I)> = pieces
        .iter()
        .map(|(from, to)| {
            let t = I::of(from.abs().max(to.abs()));
            let s = I::of(rho(I::of(*from)).hi.max(rho(I::of(*to)).hi));
            (t, s, half * t.sqr() * turn)
        })
        .collect();
    let far = |(t, s, sag): &(I, I, I)| t.sqr() + (*s + *sag).sqr();
    let ball = sizes.iter().map(|p| far(p).sqrt().hi).fold(0.0, f64::max);
    let lipschitz = I::of(fall.field.lipschitz(c, ball));
    // The smallest eigenvalue that the wall asks for, where orbits go on.
    let (mut needed, mut grain) = (f64::NEG_INFINITY, 0.0f64);
    let mut walls = vec![];
    for ((from, to), size) in pieces.iter().zip(&sizes) {
        let (t, s, sag) = *size;
        let rest = half * lipschitz * far(size);
        let slow = (sag + s) * mixed;
        let tilt = k.abs() + t * turn;
        let steep = (ONE + tilt.sqr()).sqrt();
        let lost = across + t.sqr() * (half * carried + turn * b.abs()) + tilt * slow;
        for end in [*from, *to] {
            let at = I::of(end);
            let fallen = a + at * b;
            if !((-fallen - slow - rest).lo > e0) {
                return Err("orbits are not shown to go on in it".into());
            }
            let against = at.abs() * twist + k * fallen + lost;
            let pushed = steep * (I::of(e0) + rest);
            let asked = (against + pushed).hi;
            let wide = rho(at);
            // What rounding may make of this, where the two almost cancel.
            grain =
                grain.max(1e-12 * (against.mag() + pushed.hi) / if asked > 0.0 { wide.lo } else { wide.hi });
            needed = needed.max(asked / if asked > 0.0 { wide.lo } else { wide.hi });
            walls.push((wide, against, steep, rest));
        }
    }
    if n > 1 {
        // A little more, so that rounding finds room: what is shown is that it is enough, and that it is there.
        let mu = needed + 1e-12 * needed.abs() + grain + f64::MIN_POSITIVE;
        let entered = |(wide, against, steep, rest): &(I, I, I, I)| {
            ((*wide * I::of(mu) - *against).over(*steep) - *rest).lo > e0
        };
        if !(walls.iter().all(entered) && axis.across_exceeds(&h, &bent, mu)) {
            return Err("the flow is not shown to enter through its wall".into());
        }
    }
    let (step, square) = (last.over(axis.size), last.sqr() * half);
    let center = (0..n).map(|i| I::of(c[i]) + step * axis.d[i] + square * q[i]).collect();
    Ok(Disc { center, axis: cylinder.axis.0.clone(), radius: rho(last).hi })
}

/// Does a disc lie in a cylinder, before its last disc?
fn holds(
    axis: &Axis,
    q: &[I],
    c: &[f64],
    first: f64,
    last: f64,
    rho: &dyn Fn(I) -> I,
    disc: &Disc,
) -> Result<bool, String> {
    let apart: Vec<I> = disc.center.iter().zip(c).map(|(e, c)| *e - I::of(*c)).collect();
    let own = Axis::new(&disc.axis)?;
    // Along the disc t changes by <u, w>, w orthogonal to the disc's own direction.
    let tilt = own.off_size(&axis.unit());
    let t = axis.along(&apart).plus_minus((I::of(disc.radius) * I::of(tilt)).hi);
    let square = t.sqr() * I::of(0.5);
    let off: Vec<I> = apart.iter().zip(q).map(|(d, q)| *d - square * *q).collect();
    let away = (I::of(axis.off_size(&off)) + I::of(disc.radius)).hi;
    let narrow = rho(I::of(t.lo)).lo.min(rho(I::of(t.hi)).lo);
    Ok(first <= t.lo && t.hi < last && away <= narrow)
}

/// Checks an edge.
pub(super) fn check(
    field: &Field,
    zeros: &[Zero],
    found: &[Found],
    place: Option<&Place<'_>>,
    edge: &Edge,
    e0: f64,
) -> Result<(), String> {
    let n = field.n;
    let (Some(zero), Some(start)) = (zeros.get(edge.of), found.get(edge.of)) else {
        return Err("it belongs to a point that is not there".into());
    };
    let index = if edge.up { n.wrapping_sub(1) } else { 1 };
    if start.index != index || (edge.up && n < 2) {
        return Err("its point has not one such direction".into());
    }
    if n > 2 && !edge.up && !zero.values.0.first().is_some_and(|w| *w < 0.0) {
        return Err("the eigenvalues of its point are not in order".into());
    }
    let fall = Fall { field, up: edge.up };
    let mut disc = exit(fall, zero, start, edge, e0)?;
    for (number, cylinder) in edge.tube.iter().enumerate() {
        disc = cross(fall, &disc, cylinder, e0).map_err(|why| format!("cylinder {number}: {why}"))?;
        if field.exhausted() {
            return Err("checking would take more work than is allowed".into());
        }
    }
    match edge.end {
        Some(end) => {
            let Some(end) = found.get(end) else { return Err("it ends at a point that is not there".into()) };
            let wanted = if edge.up { n } else { 0 };
            let apart: Vec<I> = disc.center.iter().zip(&end.center).map(|(e, c)| *e - I::of(*c)).collect();
            let far = length(&apart) + I::of(disc.radius);
            if end.index == wanted && end.basin > 0.0 && far.hi < end.basin {
                Ok(())
            } else {
                Err("its tube does not end in the basin of the point named".into())
            }
        }
        None => match place {
            Some(place) if edge.up && place.avoids(&disc.center, disc.radius) => Ok(()),
            _ => Err("its tube does not end outside the region".into()),
        },
    }
}
