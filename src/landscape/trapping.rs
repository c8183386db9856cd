//! A region for a landscape that brings none, and what the flow does on the boundary of a region.
//!
//! Each question is one for the lowest value of a function on a boundary. Samples alone miss the narrow sector of a
//! stiff or curved valley, so the lowest of them are walked downhill along the boundary. The answers hold as far as that
//! can tell: they are checked, not proven.

use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, MatMut, MatRef, Par};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Landscape, Region, Shape};
use crate::linalg::{axpy, column, column_mut, dot, norm, symmetric_eigen};

/// How closely a boundary is looked at.
#[derive(Clone, Copy)]
struct Effort {
    samples: usize,
    /// The lowest samples that are walked downhill, and for how many steps at most.
    walks: usize,
    steps: usize,
}
/// For an answer, and for one of many radii.
const CLOSE: Effort = Effort { samples: 400, walks: 12, steps: 300 };
const QUICK: Effort = Effort { samples: 60, walks: 4, steps: 300 };
/// Radii `2^k` that are tried; those of a magnitude that people use in finer steps, so that no critical point of interest
/// hides between two.
const EXPONENTS: (i32, i32) = (-40, 40);
const FINE: (i32, i32, i32) = (-8, 10, 4);
/// By how much a region is larger than it needs to be, for the flow to have room.
const MARGIN: f64 = 1.75;
/// Doublings over which the gradient must not point inwards.
const LASTING: f64 = 7.0;
/// Beyond this dimension the axes and the modes at the centre are not tried as directions.
const DIRECTIONS: usize = 64;
/// Cosine below which a gradient counts as pointing straight inwards.
const INWARDS: f64 = -0.99;

/// A region about the origin outside which there is no critical point: from the largest radii inwards, over seven
/// doublings at least, the last one before the gradient points straight at the origin somewhere on the boundary, enlarged
/// by three quarters. Where no radius is too small, nothing sets a length: then 1.25. `None` if there are no such radii (the
/// energy does not grow in every direction).
///
/// To ask for less than a flow that enters everywhere spares curved valleys, which leave every ball and return: only a
/// critical point beyond makes some gradient point straight back.
pub fn trapping_region(landscape: &dyn Landscape) -> Option<Region> {
    let n = landscape.dim();
    let period = landscape.period();
    let make = |radius: f64| {
        if period.iter().any(Option::is_some) {
            let side = |i: usize| period.get(i).copied().flatten();
            let lower = (0..n).map(|i| if side(i).is_some() { 0.0 } else { -radius }).collect();
            let upper = (0..n).map(|i| side(i).unwrap_or(radius)).collect();
            Region { period: period.clone(), ..Region::cuboid(lower, upper) }
        } else {
            Region::ball(vec![0.0; n], radius)
        }
    };
    if make(1.0).is_closed() {
        return Some(make(1.0));
    }
    let (low, high) = EXPONENTS;
    let (fine_low, fine_high, parts) = FINE;
    let coarse = |from: i32, to: i32| (from..to).rev().map(f64::from);
    let fine = (fine_low * parts..=fine_high * parts).rev().map(|k| f64::from(k) / f64::from(parts));
    // Far out valleys are too narrow to follow and powers overflow: what counts is the outermost run of seven octaves.
    let mut run: Option<(f64, f64)> = None;
    let lasts = |run: Option<(f64, f64)>| run.filter(|(top, last)| top - last >= LASTING);
    for k in coarse(fine_high + 1, high + 1).chain(fine).chain(coarse(low, fine_low)) {
        if points_outwards(landscape, &make(k.exp2()), QUICK) {
            run = Some((run.map_or(k, |(top, _)| top), k));
        } else if let Some((_, last)) = lasts(run) {
            let enlarged = |i: i32| make(MARGIN * 1.25_f64.powi(i) * last.exp2());
            return (0..8).map(enlarged).find(|r| points_outwards(landscape, r, CLOSE));
        } else {
            run = None;
        }
    }
    lasts(run).map(|_| make(1.25))
}

/// The field against the flow: the gradient, or minus the velocity of the landscape's own dynamics, which is the gradient
/// in a metric: both vanish together, and one can be turned into the other.
fn against_flow(landscape: &dyn Landscape, x: &[f64], field: &mut [f64]) {
    match landscape.dynamics() {
        None => {
            landscape.gradient(x, field);
        }
        Some(dynamics) => {
            dynamics.velocity(x, field);
            field.iter_mut().for_each(|f| *f = -*f);
        }
    }
}

/// The transposed derivative of that field times the columns of `vectors`.
fn transposed_products(
    landscape: &dyn Landscape,
    x: &[f64],
    vectors: MatRef<'_, f64>,
    mut out: MatMut<'_, f64>,
) {
    match landscape.dynamics() {
        None => landscape.linearize(column(x)).apply(vectors, out),
        Some(dynamics) => {
            let n = x.len();
            let mut jacobian = faer::Mat::zeros(n, n);
            dynamics.jacobian(x, jacobian.as_mut());
            matmul(out.rb_mut(), Accum::Replace, jacobian.transpose(), vectors, -1.0, Par::Seq);
        }
    }
}

/// The sum of `(-1)^index` over the critical points in the region, where it is known: the region's Euler characteristic
/// (1, or 0 with periodic coordinates) if the gradient nowhere on the boundary points straight at the centre. Then it can
/// be turned into the field that points away from the centre without ever vanishing there (Poincare & Hopf). `None`
/// where the energy is not smooth.
pub fn euler_characteristic(landscape: &dyn Landscape, region: &Region) -> Option<i64> {
    let known = landscape.is_smooth() && points_outwards(landscape, region, CLOSE);
    known.then_some(if region.is_periodic() { 0 } else { 1 })
}

/// Does the field against the flow nowhere on the boundary point straight at the centre?
fn points_outwards(landscape: &dyn Landscape, region: &Region, effort: Effort) -> bool {
    let n = region.dim();
    let center = region.center();
    let free: Vec<f64> = (0..n).map(|i| if region.period_of(i).is_some() { 0.0 } else { 1.0 }).collect();
    let mut gradient = vec![0.0; n];
    let mut products = faer::Mat::zeros(n, 2);
    let mut pair = faer::Mat::zeros(n, 2);
    // The cosine of the angle between the field and u = x - center (in the coordinates without period).
    let mut cosine = |x: &[f64], _: &[f64], slope: &mut [f64]| {
        against_flow(landscape, x, &mut gradient);
        // Of the field only its direction matters: squares of its entries could overflow.
        let strength = norm(&gradient);
        gradient.iter_mut().for_each(|g| *g /= strength);
        let u = |i: usize| free[i] * (x[i] - center[i]);
        let distance = (0..n).map(|i| u(i) * u(i)).sum::<f64>().sqrt();
        let cosine = (0..n).map(|i| gradient[i] * u(i)).sum::<f64>() / distance;
        for i in 0..n {
            (pair[(i, 0)], pair[(i, 1)]) = (u(i) / distance, gradient[i]);
        }
        transposed_products(landscape, x, pair.as_ref(), products.as_mut());
        for i in 0..n {
            slope[i] = (products[(i, 0)] - cosine * products[(i, 1)]) / strength
                + (free[i] * gradient[i] - cosine * pair[(i, 0)]) / distance;
        }
        cosine
    };
    let outwards = lowest_on_boundary(landscape, region, effort, Some(INWARDS), &mut cosine)
        .is_none_or(|c| c.0 > INWARDS);
    if !landscape.has_energy() {
        return outwards;
    }
    // A valley that runs out falling may be too narrow for its angle, but the energy leads into it: at its lowest on the
    // boundary it must rise outwards.
    let energy = |x: &[f64], _: &[f64], slope: &mut [f64]| landscape.gradient(x, slope);
    let rises = |(_, x): (f64, Vec<f64>)| cosine(&x, &[], &mut vec![0.0; n]) > 1e-3;
    outwards && lowest_on_boundary(landscape, region, effort, None, energy).is_none_or(rises)
}

/// Does the flow stay in the region, or in the part of it where the energy is at most `highest`? That is so if it points
/// inwards on the whole boundary, or if the energy is higher there.
pub fn keeps_flow(landscape: &dyn Landscape, region: &Region, highest: f64) -> bool {
    let n = landscape.dim();
    let mut product = vec![0.0; n];
    // The field along the normal, and the derivative of that along the boundary, for a ball with what the turning normal
    // adds.
    let outward = |x: &[f64], normal: &[f64], slope: &mut [f64]| {
        against_flow(landscape, x, slope);
        let value = dot(slope, normal);
        transposed_products(landscape, x, column(normal), column_mut(&mut product));
        match &region.shape {
            Shape::Ball { radius, .. } => {
                slope.iter_mut().zip(&product).for_each(|(s, p)| *s = *s / radius + p);
            }
            Shape::Box { .. } => slope.copy_from_slice(&product),
        }
        value
    };
    let energy = |x: &[f64], _: &[f64], slope: &mut [f64]| landscape.gradient(x, slope);
    lowest_on_boundary(landscape, region, CLOSE, Some(0.0), outward).is_none_or(|lowest| lowest.0 > 0.0)
        || landscape.has_energy()
            && lowest_on_boundary(landscape, region, CLOSE, Some(highest), energy)
                .is_none_or(|lowest| lowest.0 > highest)
}

/// The lowest value that `function(x, normal, slope) -> value` takes on the boundary and where, as far as samples and
/// walks downhill from the lowest of them tell; `None` if there is no boundary. NaN counts as lowest. Below `enough` the
/// search ends.
fn lowest_on_boundary(
    landscape: &dyn Landscape,
    region: &Region,
    effort: Effort,
    enough: Option<f64>,
    mut function: impl FnMut(&[f64], &[f64], &mut [f64]) -> f64,
) -> Option<(f64, Vec<f64>)> {
    let n = region.dim();
    let mut rng = ChaCha8Rng::seed_from_u64(0x7261_7070_6564);
    let samples = if n > 200 { effort.samples / 4 } else { effort.samples };
    let is_enough = |value: f64| value.is_nan() || enough.is_some_and(|e| value <= e);
    let mut slope = vec![0.0; n];
    let mut met = Vec::with_capacity(samples);
    // Formulas may be undefined just there, on an axis.
    for (x, normal) in directions(landscape, region) {
        met.push((function(&x, &normal, &mut slope), x, normal));
    }
    met.retain(|m| !m.0.is_nan());
    for _ in 0..samples {
        let (x, normal) = region.sample_boundary(&mut rng)?;
        met.push((function(&x, &normal, &mut slope), x, normal));
    }
    let order = |value: &f64| if value.is_nan() { f64::NEG_INFINITY } else { *value };
    met.sort_by(|a, b| order(&a.0).total_cmp(&order(&b.0)));
    let mut lowest = (f64::INFINITY, vec![]);
    for (value, x, normal) in met.into_iter().take(effort.walks) {
        if is_enough(value) {
            return Some((value, x));
        }
        let end = walk_down(region, (value, x, normal), effort.steps, &mut function);
        if is_enough(end.0) {
            return Some(end);
        }
        if end.0 < lowest.0 {
            lowest = end;
        }
    }
    Some(lowest)
}

/// Projected gradient descent along the boundary, with steps of Barzilai and Borwein (1988) that are shortened until the
/// value falls.
fn walk_down(
    region: &Region,
    start: (f64, Vec<f64>, Vec<f64>),
    steps: usize,
    function: &mut impl FnMut(&[f64], &[f64], &mut [f64]) -> f64,
) -> (f64, Vec<f64>) {
    let (_, mut x, mut normal) = start;
    let n = x.len();
    let (mut slope, mut next_slope) = (vec![0.0; n], vec![0.0; n]);
    let tangential = |slope: &mut [f64], normal: &[f64]| {
        let out = dot(slope, normal);
        axpy(-out, normal, slope);
    };
    let mut value = function(&x, &normal, &mut slope);
    tangential(&mut slope, &normal);
    let mut rate = f64::INFINITY;
    for _ in 0..steps {
        let steepness = norm(&slope);
        if !(steepness > 0.0 && value.is_finite()) {
            break;
        }
        rate = rate.min(0.3 * region.radius() / steepness);
        let mut better = None;
        for _ in 0..30 {
            let mut next = x.clone();
            axpy(-rate, &slope, &mut next);
            let next_normal = region.to_boundary(&mut next, &normal);
            let next_value = function(&next, &next_normal, &mut next_slope);
            if next_value < value {
                better = Some((next, next_normal, next_value));
                break;
            }
            rate *= 0.25;
        }
        let Some((next, next_normal, next_value)) = better else { break };
        tangential(&mut next_slope, &next_normal);
        let (mut along, mut change) = (0.0, 0.0);
        for i in 0..n {
            let step = next[i] - x[i];
            along += step * step;
            change += step * (next_slope[i] - slope[i]);
        }
        rate = if change > 0.0 { along / change } else { 4.0 * rate };
        (x, normal, value) = (next, next_normal, next_value);
        std::mem::swap(&mut slope, &mut next_slope);
    }
    (value, x)
}

/// Where the boundary meets the axes and the modes of the Hessian at the centre: there the exceptions are likely.
fn directions(landscape: &dyn Landscape, region: &Region) -> Vec<(Vec<f64>, Vec<f64>)> {
    let n = region.dim();
    let center = region.center();
    let unit = |i: usize, sign: f64| (0..n).map(|j| if i == j { sign } else { 0.0 }).collect::<Vec<f64>>();
    let signs = [1.0, -1.0];
    match &region.shape {
        _ if n > DIRECTIONS => vec![],
        Shape::Ball { radius, .. } => {
            let mut units: Vec<Vec<f64>> = (0..n).flat_map(|i| signs.map(|s| unit(i, s))).collect();
            let (mut h, mut vectors) = (faer::Mat::zeros(n, n), faer::Mat::zeros(n, n));
            landscape.hessian(&center, h.as_mut());
            if symmetric_eigen(h.as_ref(), &mut vec![0.0; n], vectors.as_mut()) {
                for j in 0..n {
                    let v = vectors.col_as_slice(j);
                    units.extend(signs.map(|s| v.iter().map(|v| s * v).collect::<Vec<f64>>()));
                }
            }
            let place = |u: Vec<f64>| {
                let x = center.iter().zip(&u).map(|(c, u)| c + radius * u).collect();
                (x, u)
            };
            units.into_iter().map(place).collect()
        }
        Shape::Box { lower, upper } => (0..n)
            .filter(|&i| region.period_of(i).is_none())
            .flat_map(|i| {
                signs.map(|s| {
                    let mut x = center.clone();
                    x[i] = if s > 0.0 { upper[i] } else { lower[i] };
                    (x, unit(i, s))
                })
            })
            .collect(),
    }
}
