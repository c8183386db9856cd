//! Halves of one-dimensional manifolds: out of a block about their point, through a tube, to where they end.
//!
//! What holds of a block: coordinates (xi, eta) about the centre x, xi along the unit vector u. Over the ball that holds
//! `|xi| <= a, |eta| <= s a` let `-<u,Hu> >= p`, all eigenvalues of H orthogonal to u be at least h, what of `Hu` is orthogonal to u at most c,
//! and `|g(x)| <= n`. If `a (p - c s) > e0 + n`, `a (h s - c) > e0 + n` and `4 s^2 (p - e1)(h - e1) > ((1 - s^2) c + (1 + s^2) e1)^2`, then
//! for each of the fields either half of the unstable manifold of its zero in the block leaves through the disc `xi = a` (or `-a`),
//! `|eta| <= s a`, and nowhere else.
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

    /// At most the smallest eigenvalue of H on what is orthogonal; nothing to say on a line.
    fn smallest_across(&self, h: &Square, bent: &[I]) -> f64 {
        let n = h.n;
        match n {
            1 => f64::INFINITY,
            2 => {
                let v = [-self.d[1], self.d[0]];
                dot(&v, &h.times(&v)).over(self.size.sqr()).lo
            }
            _ => {
                // Orthogonal to d, the form of H is that of H + d p' + p d', for any p: here one that makes d an eigenvector with a
                // large eigenvalue.
                let size = self.size.mid();
                let top = 2.0 * (0..n).fold(0.0f64, |m, i| m.max(h.at(i, i).mag()));
                let along = self.along(bent).mid();
                let p: Vec<I> = (0..n)
                    .map(|i| I::of((-bent[i].mid() + 0.5 * (along + top) * self.d[i].mid() / size) / size))
                    .collect();
                Square::from_fn(n, |i, j| h.at(i, j) + (self.d[i] * p[j] + p[i] * self.d[j]))
                    .smallest_eigenvalue()
            }
        }
    }
}

/// Where the half leaves its point's block.
fn exit(fall: Fall<'_>, zero: &Zero, found: &Found, edge: &Edge, e0: f64, e1: f64) -> Result<Disc, String> {
    let (a, s) = (edge.half.0, edge.slope.0);
    if !(a > 0.0 && s > 0.0 && s <= 1.0) || !(edge.side == 1 || edge.side == -1) {
        return Err("its block is none".into());
    }
    let n = found.center.len();
    let vector = &zero.vectors[if edge.up { n - 1 } else { 0 }].0;
    let axis = Axis::new(vector)?;
    let (g, h) = fall.at(&found.center);
    let (half, slope) = (I::of(a), I::of(s));
    let reach = (half * (ONE + slope.sqr()).sqrt()).hi;
    if !(reach < found.unique) {
        return Err("its block is not in the ball of uniqueness".into());
    }
    let change = I::of(fall.field.lipschitz(&found.center, reach)) * I::of(reach);
    let bent: Vec<I> = h.times(&axis.unit());
    let unstable = -axis.along(&bent) - change;
    let noise = I::of(e0) + length(&g);
    let (e1, four) = (I::of(e1), I::of(4.0));
    let holds = if n == 1 {
        (half * unstable).lo > noise.hi && (unstable - e1).lo > 0.0
    } else {
        let stable = I::of(axis.smallest_across(&h, &bent)) - change;
        let mixed = I::of(axis.off_size(&bent)) + change;
        let (out, inwards) = (unstable - e1, stable - e1);
        let cone = four * slope.sqr() * out * inwards;
        let off = (ONE - slope.sqr()) * mixed + (ONE + slope.sqr()) * e1;
        (half * (unstable - mixed * slope)).lo > noise.hi
            && (half * (stable * slope - mixed)).lo > noise.hi
            && out.lo > 0.0
            && inwards.lo > 0.0
            && cone.lo > off.sqr().hi
    };
    if !holds {
        return Err("its block's cone conditions do not hold".into());
    }
    let side = f64::from(edge.side);
    let step = I::of(side * a);
    let center = found.center.iter().zip(axis.unit()).map(|(x, u)| I::of(*x) + step * u).collect();
    Ok(Disc { center, axis: vector.iter().map(|u| side * u).collect(), radius: (half * slope).hi })
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
    let mu = axis.smallest_across(&h, &bent);
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
            if mu < f64::INFINITY {
                let entry = rho(at) * I::of(mu) - at.abs() * twist - k * fallen - lost;
                if !((entry.over(steep) - rest).lo > e0) {
                    return Err("the flow is not shown to enter through its wall".into());
                }
            }
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
    e1: f64,
) -> Result<(), String> {
    let n = field.n;
    let (Some(zero), Some(start)) = (zeros.get(edge.of), found.get(edge.of)) else {
        return Err("it belongs to a point that is not there".into());
    };
    let index = if edge.up { n.wrapping_sub(1) } else { 1 };
    if start.index != index || (edge.up && n < 2) {
        return Err("its point has not one such direction".into());
    }
    let fall = Fall { field, up: edge.up };
    let mut disc = exit(fall, zero, start, edge, e0, e1)?;
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
