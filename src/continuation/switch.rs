//! The branches that start at an event.
//!
//! Where the kernel has one dimension their tangents solve `c q^2 + 2 b q p + d p^2 = 0` (Keller 1977). Where it has more,
//! the equations are solved on a small sphere in the kernel from many directions: no order at which they are cut could do,
//! since symmetry may tell the branches apart only at high order (at order k - 1 for k equal memories on a polygon). What is
//! found is a point of a branch, not a prediction; it is followed down to smaller spheres to see that it starts here.

use super::bordered::Bordered;
use super::locate::{Located, System};
use super::normal_form::reduce;
use super::path::{Node, correct, minus, node};
use super::system::Problem;
use crate::linalg::{axpy, dot, norm};

/// Radii of spheres, in natural scales, largest first.
const RADII: [f64; 5] = [0.2, 0.08, 0.03, 0.01, 0.003];

/// Lengths of the first step along a known tangent.
const FIRST: [f64; 7] = [0.02, 0.01, 0.005, 0.002, 5e-4, 1e-4, 2e-5];

/// A curve through an event: its tangent and its first points on either side, from the event outwards.
#[derive(Clone, Debug)]
pub(super) struct Arm {
    pub(super) tangent: Vec<f64>,
    /// Along the tangent; tangents of the points lead away from the event.
    pub(super) ahead: Vec<Node>,
    /// Against it.
    pub(super) behind: Vec<Node>,
}

/// Is the line already among the known ones?
pub(super) fn known(lines: &[Vec<f64>], line: &[f64]) -> bool {
    lines.iter().any(|l| dot(l, line).abs() > 0.9995)
}

/// All curves through the event but those along the lines that are known.
pub(super) fn arms(problem: &Problem<'_>, event: &Located, lines: &[Vec<f64>]) -> Vec<Arm> {
    if event.system == System::Fold || !event.explained {
        return vec![];
    }
    if event.kernel.len() == 1 { simple(problem, event, lines) } else { multiple(problem, event, lines) }
}

fn unit(mut v: Vec<f64>) -> Vec<f64> {
    let size = norm(&v);
    v.iter_mut().for_each(|v| *v /= size);
    v
}

/// The tangent across a kernel of one dimension that is not known yet.
fn simple(problem: &Problem<'_>, event: &Located, lines: &[Vec<f64>]) -> Vec<Arm> {
    let Some(reduced) = reduce(problem, event) else { return vec![] };
    let s = reduced.scaled;
    // (q, p) up to a factor.
    let root = (s.b * s.b - s.c * s.d).max(0.0).sqrt();
    let directions = if s.c.abs() < reduced.zero {
        vec![(1.0, 0.0), (-s.d, 2.0 * s.b)]
    } else {
        // The larger root of the two by addition, the other by their product.
        let sum = -(s.b + root.copysign(s.b));
        vec![(sum, s.c), (s.d, sum)]
    };
    let mut found = vec![];
    for (q, p) in directions {
        let mut t: Vec<f64> = event.kernel[0].iter().map(|v| q * v).collect();
        axpy(p, &reduced.shift, &mut t);
        t.push(p);
        if !(norm(&t) > 0.0) {
            continue;
        }
        let t = unit(t);
        if known(lines, &t) {
            continue;
        }
        found.extend(along(problem, event, t));
    }
    found
}

/// The curve along a tangent, if there is one on at least one side.
fn along(problem: &Problem<'_>, event: &Located, tangent: Vec<f64>) -> Option<Arm> {
    let ahead: Vec<Node> = depart(problem, event, &tangent).into_iter().collect();
    let back: Vec<f64> = tangent.iter().map(|t| -t).collect();
    let behind: Vec<Node> = depart(problem, event, &back).into_iter().collect();
    (!ahead.is_empty() || !behind.is_empty()).then_some(Arm { tangent, ahead, behind })
}

/// The first point from the event along `t`.
fn depart(problem: &Problem<'_>, event: &Located, t: &[f64]) -> Option<Node> {
    FIRST.iter().find_map(|&length| {
        let mut guess = event.z.clone();
        axpy(length, t, &mut guess);
        let c = correct(problem, &guess, t)?;
        if c.moved > 0.2 * length || !problem.inside(c.z[problem.dim()]) {
            return None;
        }
        let node = node(problem, c.z, t, &[])?;
        (dot(&node.tangent, t) > 0.9).then_some(node)
    })
}

/// Directions on the unit sphere of R^m, the same every time.
fn directions(m: usize) -> Vec<Vec<f64>> {
    if m == 2 {
        let count = 96;
        return (0..count)
            .map(|k| {
                let angle = std::f64::consts::TAU * (f64::from(k) + 0.137) / f64::from(count);
                vec![angle.cos(), angle.sin()]
            })
            .collect();
    }
    let mut all: Vec<Vec<f64>> = vec![];
    if m <= 5 {
        for code in 1..3_usize.pow(m as u32) {
            let mut rest = code;
            let digits = (0..m).map(|_| {
                let digit = rest % 3;
                rest /= 3;
                digit as f64 - 1.0
            });
            let v: Vec<f64> = digits.collect();
            if norm(&v) > 0.0 {
                all.push(unit(v));
            }
        }
    }
    // Points of a sequence without pattern, by an irrational rotation and Box and Muller.
    for k in 1..=(60 * m) {
        let uniform = |j: usize| {
            let root = (2.0 + j as f64).sqrt() * 1.618_033_988_749_895;
            (k as f64 * root).fract()
        };
        let v: Vec<f64> = (0..m)
            .map(|j| {
                let radius = (-2.0 * (uniform(2 * j) + 1e-12).ln()).sqrt();
                radius * (std::f64::consts::TAU * uniform(2 * j + 1)).cos()
            })
            .collect();
        if norm(&v) > 1e-6 {
            all.push(unit(v));
        }
    }
    all
}

/// The point of a branch at distance `r` from the event within the kernel, by Newton's method from a start. Near the
/// event rounding may hide the differences between directions: if `lenient`, a gradient of rounding's size will do.
fn on_sphere(
    problem: &Problem<'_>,
    event: &Located,
    start: &[f64],
    r: f64,
    lenient: bool,
) -> Option<Vec<f64>> {
    let n = problem.dim();
    let mut z = start.to_vec();
    let mut last = f64::INFINITY;
    for _ in 0..25 {
        let slice = problem.at(z[n])?;
        let (_, mut b) = slice.gradient(&z);
        let offset = minus(&z, &event.z);
        let mut radial = vec![0.0; n];
        for v in &event.kernel {
            axpy(dot(v, &offset[..n]), v, &mut radial);
        }
        let size = norm(&radial);
        if !(size > 0.2 * r && size < 5.0 * r) {
            return None;
        }
        radial.iter_mut().for_each(|c| *c /= size);
        if lenient && norm(&b) <= 64.0 * f64::EPSILON * event.largest && (size - r).abs() < 1e-7 * r {
            return Some(z);
        }
        b.push(size - r);
        let by = slice.by_parameter(&z);
        let factors = Bordered::new(&slice.hessian(&z), &[&by], &[&radial], 0.0)?;
        if !factors.solve(&mut b) {
            return None;
        }
        // A long step is cut: the equations are nearly singular between the branches.
        let length = norm(&b);
        let cut = (0.3 * r / length).min(1.0);
        axpy(-cut, &b, &mut z);
        if length < 1e-12 * (1.0 + norm(&z)) || length < 1e-7 * r && length > 0.3 * last {
            return Some(z);
        }
        last = length;
    }
    None
}

/// One ray: its direction within the kernel, on the largest sphere, and points of it.
struct Ray {
    direction: Vec<f64>,
    /// At falling distances.
    points: Vec<Vec<f64>>,
}

/// The rays that start from a point on the sphere of radius `r`, if it is connected to the event.
fn inwards(problem: &Problem<'_>, event: &Located, z: Vec<f64>, r: f64) -> Option<Ray> {
    let n = problem.dim();
    let direction = |z: &[f64]| {
        let offset = minus(z, &event.z);
        let mut radial = vec![0.0; n];
        for v in &event.kernel {
            axpy(dot(v, &offset[..n]), v, &mut radial);
        }
        unit(radial)
    };
    let first = direction(&z);
    let mut points = vec![z];
    for k in 1..=3 {
        let previous = points.last()?;
        let start: Vec<f64> = previous.iter().zip(&event.z).map(|(p, e)| e + 0.5 * (p - e)).collect();
        let next = on_sphere(problem, event, &start, r * 0.5_f64.powi(k), true)?;
        if dot(&direction(&next), &first) < 0.95 {
            return None;
        }
        // It comes nearer to the event in the parameter, and across the kernel.
        let (was, is) = (norm(&minus(previous, &event.z)), norm(&minus(&next, &event.z)));
        if is > 0.75 * was {
            return None;
        }
        points.push(next);
    }
    Some(Ray { direction: first, points })
}

/// All curves through an event with a kernel of several dimensions.
fn multiple(problem: &Problem<'_>, event: &Located, lines: &[Vec<f64>]) -> Vec<Arm> {
    let n = problem.dim();
    let mut rays: Vec<Ray> = vec![];
    for r in RADII {
        let mut met: Vec<Vec<f64>> = vec![];
        for d in directions(event.kernel.len()) {
            let mut alpha = vec![0.0; n];
            event.kernel.iter().zip(&d).for_each(|(v, d)| axpy(*d, v, &mut alpha));
            let mut start = event.z.clone();
            axpy(r, &alpha, &mut start);
            if let Some(shift) = radial_balance(problem, event, &alpha, r) {
                start[n] += shift;
            }
            let Some(z) = on_sphere(problem, event, &start, r, false) else { continue };
            if met.iter().any(|m| norm(&minus(m, &z)) < 0.02 * r) {
                continue;
            }
            met.push(z);
        }
        for z in met {
            let Some(ray) = inwards(problem, event, z, r) else { continue };
            if !rays.iter().any(|other| dot(&other.direction, &ray.direction) > 0.999) {
                rays.push(ray);
            }
        }
        if !rays.is_empty() {
            break;
        }
    }
    let mut found: Vec<Arm> = vec![];
    // The branch on which the kernel's coordinates stay zero to first order.
    let mut through: Vec<f64> = reduce(problem, event).map(|r| r.shift).unwrap_or_else(|| vec![0.0; n]);
    through.push(1.0);
    let through = unit(through);
    if !known(lines, &through) {
        found.extend(along(problem, event, through));
    }
    // Not from the smallest sphere: there the indices of flat directions are rounding.
    let nodes = |ray: &Ray| -> Vec<Node> {
        let guide = unit(minus(&ray.points[1], &ray.points[2]));
        let inside = ray.points[1..].iter().find(|z| problem.inside(z[n]));
        inside.and_then(|z| node(problem, z.clone(), &guide, &[])).into_iter().collect()
    };
    let mut taken = vec![false; rays.len()];
    for i in 0..rays.len() {
        if taken[i] {
            continue;
        }
        taken[i] = true;
        let cosine = |j: usize| dot(&rays[i].direction, &rays[j].direction);
        let opposite = (0..rays.len())
            .filter(|&j| !taken[j] && cosine(j) < -0.95)
            .min_by(|&j, &k| cosine(j).total_cmp(&cosine(k)));
        let mut behind = vec![];
        let tangent = match opposite {
            Some(j) => {
                taken[j] = true;
                behind = nodes(&rays[j]);
                unit(minus(&rays[i].points[2], &rays[j].points[2]))
            }
            None => unit(minus(&rays[i].points[3], &event.z)),
        };
        if known(lines, &tangent) {
            continue;
        }
        found.push(Arm { tangent, ahead: nodes(&rays[i]), behind });
    }
    found
}

/// The change of the parameter that balances the reduced gradient along `alpha` at distance r, to third order.
fn radial_balance(problem: &Problem<'_>, event: &Located, alpha: &[f64], r: f64) -> Option<f64> {
    let n = problem.dim();
    let slice = problem.at(event.z[n])?;
    let square = slice.third(&event.z, alpha, alpha);
    let c = dot(alpha, &square);
    let e = dot(alpha, &slice.fourth(&event.z, alpha, alpha, alpha));
    let b = dot(alpha, &slice.hessian_by(&event.z, alpha));
    let shift = -(0.5 * c * r + e * r * r / 6.0) / b;
    (shift.is_finite() && shift.abs() < 0.3).then_some(shift)
}
