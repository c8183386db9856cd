//! The last digits of a critical point, its spectrum and index, and how far all that can be relied on.
//!
//! Newton to the floor of rounding, then the Newton-Kantorovich quantities in floating point: with the smallest
//! `|eigenvalue|` m, the remaining gradient r (not below its rounding error) and the curvature's rate L along the softest
//! modes, the point is isolated and its index sure where `h ~ L r / m^2` is small; its distance to the true point is
//! then about `r / m`. Where h is not small, or m is below the stated fraction of the largest eigenvalue, it is
//! degenerate to working precision and gets no index.

use std::sync::atomic::Ordering;

use faer::{Mat, MatMut, MatRef};

use super::complement::{Operator, Until, descent};
use super::follow::{FLAT, Followed};
use super::modes::{lowest_modes, project};
use super::pool::SOFT;
use super::problem::Problem;
use crate::landscape::hessian::Hessian;
use crate::landscape::{Kernel, Landscape};
use crate::linalg::{Symmetric, axpy, dot, norm, symmetric_eigen};

/// Full spectra up to this dimension; beyond it the lowest eigenvalues and the largest.
const FULL_SPECTRUM: usize = 2500;

/// Of a Hessian in a narrow band, and beyond that dimension, so many eigenvectors are computed, more if more are unstable.
const LOWEST: usize = 8;

/// The same at most, in a band; with more the full matrix is no slower.
const MOST_IN_BAND: usize = 64;

/// An eigenvalue of a band below this, relative to the largest, may belong to a continuum of any dimension.
const NEARLY_FLAT: f64 = 1e-9;

/// Newton-Kantorovich's `h` above which a point counts as degenerate (the theorem asks for 1/2).
const KANTOROVICH: f64 = 0.05;

/// A degenerate point's gradient is at most this many times its rounding error, and this fraction of a typical one.
const REST: (f64, f64) = (10.0, 1e-6);

/// At a critical point the gradient and its rounding error are at most this fraction of the gradient nearby.
const VANISHED: f64 = 1e-3;

/// Curvatures next to a single well's where nothing is extreme.
const USUAL: (f64, f64) = (0.1, 10.0);

/// "Nearby", relative to the scale.
const NEARBY: f64 = 3e-3;

/// With one Hessian Newton's method goes on as long as a step leaves this fraction of the gradient at most.
const CHORD: f64 = 0.1;

/// A critical point in search coordinates, before it is lifted and numbered.
#[derive(Clone, Debug)]
pub(crate) struct Refined {
    pub(crate) x: Vec<f64>,
    pub(crate) energy: f64,
    pub(crate) gradient_norm: f64,
    /// Eigenvalues, ascending: all, or the lowest ones and the largest.
    pub(crate) values: Vec<f64>,
    /// Eigenvectors of the lowest of them (columns; all of them in small dimensions).
    pub(crate) vectors: Mat<f64>,
    /// Bound of the distance to the exact point; infinite for a degenerate one.
    pub(crate) radius: f64,
    /// Rounding error of the gradient there.
    pub(crate) noise: f64,
    /// Number of negative eigenvalues, or `None` for a degenerate point.
    pub(crate) index: Option<usize>,
}

impl Refined {
    /// Eigenvector number `j`.
    pub(crate) fn vector(&self, j: usize) -> &[f64] {
        self.vectors.col_as_slice(j)
    }

    /// Eigenvectors that are kept.
    pub(crate) fn kept(&self) -> usize {
        self.vectors.ncols()
    }

    /// `max |eigenvalue|`.
    pub(crate) fn spectral_radius(&self) -> f64 {
        self.values.iter().fold(0.0, |m, v| m.max(v.abs()))
    }
}

/// The minimum next to a place where a descent has nearly come to rest, by Newton's method with the Hessian there alone. `None` if
/// the place is not as near as that.
pub(crate) fn approach(problem: &Problem<'_>, x: &[f64], gradient: &[f64]) -> Option<Followed> {
    let n = problem.dim();
    if problem.is_banded() || n > FULL_SPECTRUM {
        return None;
    }
    let mut hessian = Mat::zeros(n, n);
    problem.landscape.hessian(x, hessian.as_mut());
    let factors = Symmetric::new(hessian.as_ref()).filter(|factors| factors.negative() == 0)?;
    let (mut place, mut g) = (x.to_vec(), gradient.to_vec());
    let (mut step, mut next, mut next_g) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut steps = 0;
    loop {
        step.copy_from_slice(&g);
        factors.solve(&mut step);
        for ((next, x), d) in next.iter_mut().zip(&place).zip(&step) {
            *next = x - d;
        }
        if !(problem.region.distance(&next, x) <= NEAR * problem.scale) {
            return None;
        }
        problem.landscape.gradient(&next, &mut next_g);
        if !(norm(&next_g) < CHORD * norm(&g)) {
            break;
        }
        std::mem::swap(&mut place, &mut next);
        std::mem::swap(&mut g, &mut next_g);
        steps += 1;
    }
    // The first step at least is to be as good as Newton's.
    (steps > 0).then(|| Followed { gradient_norm: norm(&g), x: place })
}

/// Sharpens what [`follow`](super::follow) found and classifies it; `None` if Newton left the place.
pub(crate) fn refine(problem: &Problem<'_>, found: &Followed, tolerance: f64) -> Option<Refined> {
    let n = problem.dim();
    let landscape = &problem.landscape;
    let mut x = found.x.clone();
    let mut g = vec![0.0; n];
    let mut energy = landscape.gradient(&x, &mut g);
    let mut error = landscape.gradient_error(&x);
    let mut here = curvature(problem, &x)?;
    let mut moved = 0.0;
    for _ in 0..12 {
        // Where nothing but rounding is left of the gradient there is nothing to gain, and the spectrum is known.
        if norm(&g) <= REST.0 * error {
            break;
        }
        let step = here.newton_step(&g);
        let length = norm(&step);
        if !(length.is_finite() && length < 1e-2 * problem.scale) {
            break;
        }
        let mut trial = x.clone();
        axpy(1.0, &step, &mut trial);
        let mut trial_g = vec![0.0; n];
        let trial_energy = landscape.gradient(&trial, &mut trial_g);
        if !(norm(&trial_g) < norm(&g)) {
            break;
        }
        (x, g, energy) = (trial, trial_g, trial_energy);
        error = landscape.gradient_error(&x);
        moved += length;
        if length > 1e-6 * problem.scale {
            here = curvature(problem, &x)?;
            moved = 0.0;
        }
        if length < 1e-15 * problem.scale {
            break;
        }
    }
    if moved > 0.0 {
        here = curvature(problem, &x)?;
    }
    error = error.max(scatter(problem, &here, &x, &g));
    let (values, vectors) = here.spectrum()?;
    problem.region.wrap(&mut x);
    if !(energy.is_finite() && problem.contains(&x, 1.0)) {
        return None;
    }
    let gradient_norm = norm(&g);
    let mut refined = Refined {
        x,
        energy,
        gradient_norm,
        values,
        vectors,
        radius: f64::INFINITY,
        noise: error,
        index: None,
    };
    let grows = classify(problem, &mut refined, tolerance);
    let rests = |point: &Refined| gradient_norm <= (REST.0 * point.noise).min(REST.1 * problem.steepness);
    // At a pole or on a kink the gradient is lost in rounding but has not vanished.
    if !grows && !grows_from(problem, &refined, gradient_norm.max(refined.noise)) {
        // A sum of wells has neither.
        if problem.landscape.kernel().is_none() {
            problem.rough.store(true, Ordering::Relaxed);
        } else if rests(&refined) {
            problem.hidden.store(true, Ordering::Relaxed);
        }
        return None;
    }
    // On the floor of a flat valley and on a slope without curvature steps may end before it has.
    (refined.index.is_some() || rests(&refined)).then_some(refined)
}

/// Makes the gradient's rounding error what the size of the terms says, and where the point is nondegenerate sets index and radius.
/// Then tells whether the gradient has grown a thousandfold where the Hessian still holds.
fn classify(problem: &Problem<'_>, point: &mut Refined, tolerance: f64) -> bool {
    let largest = point.spectral_radius();
    let smallest = point.values.iter().fold(f64::INFINITY, |m, v| m.min(v.abs()));
    // Of a sum of wells no term has a larger second derivative than a well; nor does the Hessian change over less than a width where wells
    // that matter lie within a few of them.
    let usual = |kernel: &Kernel| (USUAL.0..=USUAL.1).contains(&(largest / kernel.curvature));
    let usual = problem.landscape.kernel().filter(usual);
    let size = largest.max(usual.map_or_else(|| curvature_nearby(problem, point), |kernel| kernel.curvature));
    point.noise = point.noise.max(f64::EPSILON * size * length_of(problem, &point.x));
    let remaining = point.gradient_norm.max(point.noise);
    if !(smallest > tolerance * largest) {
        return false;
    }
    let h = kantorovich(problem, point, remaining);
    if h <= KANTOROVICH {
        point.radius = 2.0 * remaining / smallest;
        point.index = Some(point.values.iter().filter(|v| **v < 0.0).count());
    }
    // The Hessian holds up to m/(2 L) away, where the gradient is m^2/(4 L) at least.
    usual.is_some() && 4.0 * h <= VANISHED
}

/// How far from the region's centre `x` is, or the problem's scale where that is more.
fn length_of(problem: &Problem<'_>, x: &[f64]) -> f64 {
    norm(&problem.region.difference(&problem.region.center(), x)).max(problem.scale)
}

/// Displacements at which rounding is measured: in so many dimensions together, but so many at least and at most.
const DISPLACED: (usize, usize, usize) = (16, 2, 8);

/// The rounding error of the gradient near `x`, where it is `g`: what is left of its change over a few tiny displacements when the
/// Hessian's part is taken off.
fn scatter(problem: &Problem<'_>, here: &Curvature<'_>, x: &[f64], g: &[f64]) -> f64 {
    let n = x.len();
    let (samples, least, most) = DISPLACED;
    let count = samples.div_ceil(n).clamp(least, most);
    let size = 2.0_f64.powi(-44) * length_of(problem, x) / (n as f64).sqrt();
    // Signed fractions from a multiplicative hash: any fixed displacements will do, but no two the same, for in one
    // dimension rounding errors of few values may all happen to vanish.
    let part = |i: usize, k: u64| {
        let hash = ((i as u64 + 1) * (2 * k + 3)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let fraction = 0.5 + 0.5 * (hash & 0xffff_ffff) as f64 / 2.0_f64.powi(32);
        if hash >> 63 == 0 { fraction } else { -fraction }
    };
    // The point itself and the displaced ones, together.
    let places =
        Mat::from_fn(n, 1 + count, |i, j| x[i] + if j == 0 { 0.0 } else { part(i, j as u64 - 1) * size });
    let mut gradients = Mat::zeros(n, 1 + count);
    problem.landscape.gradients(places.as_ref(), &mut vec![0.0; 1 + count], gradients.as_mut());
    let moves = Mat::from_fn(n, count, |i, k| places[(i, k + 1)] - x[i]);
    let changes = here.times(moves.as_ref());
    // Many points may be summed up in another order than one.
    let mut worst = 4.0 * crate::linalg::distance(g, gradients.col_as_slice(0));
    for k in 0..count {
        let left = |i: usize| gradients[(i, k + 1)] - gradients[(i, 0)] - changes[(i, k)];
        let left: f64 = (0..n).map(|i| left(i).powi(2)).sum::<f64>().sqrt();
        worst = worst.max(4.0 * left);
    }
    worst
}

/// Is the gradient a little away, along the stiffest mode or one of the softest, so large that this much counts as nothing?
fn grows_from(problem: &Problem<'_>, point: &Refined, remaining: f64) -> bool {
    let n = point.x.len();
    let large = |modes: &[usize]| {
        let away = NEARBY * problem.scale;
        let places = Mat::from_fn(n, 2 * modes.len(), |i, j| {
            point.x[i] + if j % 2 == 0 { away } else { -away } * point.vectors[(i, modes[j / 2])]
        });
        let mut gradients = Mat::zeros(n, places.ncols());
        problem.landscape.gradients(places.as_ref(), &mut vec![0.0; places.ncols()], gradients.as_mut());
        let mut sizes = (0..places.ncols()).map(|j| norm(gradients.col_as_slice(j)));
        sizes.any(|size| size.is_finite() && remaining <= VANISHED * size)
    };
    let Some(stiffest) = point.kept().checked_sub(1) else { return false };
    large(&[stiffest]) || large(&softest(point).collect::<Vec<_>>())
}

/// `|H v|` a little away along the softest modes. Where the whole Hessian vanishes this shows what size
/// the gradient's terms really have.
fn curvature_nearby(problem: &Problem<'_>, point: &Refined) -> f64 {
    let vectors = softest_vectors(point);
    let (n, count) = vectors.shape();
    let places = Mat::from_fn(n, count, |i, j| point.x[i] + NEARBY * problem.scale * vectors[(i, j)]);
    let mut products = Mat::zeros(n, count);
    problem.landscape.linearize(places.as_ref()).apply(vectors.as_ref(), products.as_mut());
    let sizes = products.col_iter().map(|product| product.norm_l2());
    sizes.filter(|c| c.is_finite()).fold(0.0, f64::max)
}

/// Up to three modes of the smallest |eigenvalue|.
fn softest(point: &Refined) -> impl Iterator<Item = usize> {
    let mut soft: Vec<usize> = (0..point.kept()).collect();
    soft.sort_by(|a, b| point.values[*a].abs().total_cmp(&point.values[*b].abs()).then(a.cmp(b)));
    soft.into_iter().take(3)
}

/// Their eigenvectors (columns).
fn softest_vectors(point: &Refined) -> Mat<f64> {
    let modes: Vec<usize> = softest(point).collect();
    Mat::from_fn(point.x.len(), modes.len(), |i, j| point.vectors[(i, modes[j])])
}

/// Newton-Kantorovich's `h` for a gradient that is off by `remaining`: how much the Hessian changes, in the norm that it
/// defines itself, over the displacement `remaining/lambda` along each of the softest modes v. (In a curved valley the
/// floor turns towards its steep sides, which takes nothing from the curvature along it: the part of `D3E(v, v, .)`
/// along a stiffer mode u counts by `sqrt(lambda_v/lambda_u)`.)
fn kantorovich(problem: &Problem<'_>, point: &Refined, remaining: f64) -> f64 {
    let vectors = softest_vectors(point);
    let mut thirds = Mat::zeros(vectors.nrows(), vectors.ncols());
    problem.landscape.thirds(&point.x, vectors.as_ref(), thirds.as_mut());
    let changes = softest(point).zip(0..).map(|(j, place)| {
        let third = thirds.col_as_slice(place);
        let mut square = dot(third, third);
        for (i, c) in project(point.vectors.as_ref(), third).iter().enumerate() {
            square += c * c * ((point.values[j] / point.values[i]).abs() - 1.0);
        }
        let size = point.values[j].abs();
        let h = (square.max(0.0).sqrt() / size) * (remaining / size);
        // What overflowed is no small number.
        if square.is_nan() || h.is_nan() { f64::INFINITY } else { h }
    });
    changes.fold(0.0, f64::max)
}

/// The Hessian at a point as Newton's steps see it: eigenvalues with the eigenvectors of the lowest, and where those are not all
/// the operator that they belong to.
struct Curvature<'a> {
    values: Vec<f64>,
    vectors: Mat<f64>,
    rest: Option<Operator<'a>>,
}

/// All eigenpairs up to [`FULL_SPECTRUM`] dimensions; beyond, and where the Hessian has a narrow band, the lowest, all negative ones
/// among them, and the largest eigenvalue, of a band a bound of it.
fn curvature<'a>(problem: &'a Problem<'_>, x: &[f64]) -> Option<Curvature<'a>> {
    let n = problem.dim();
    if problem.is_banded()
        && let Some(found) = curvature_in_band(problem, x)
    {
        return Some(found);
    }
    if n <= FULL_SPECTRUM {
        let (mut h, mut values, mut vectors) = (Mat::zeros(n, n), vec![0.0; n], Mat::zeros(n, n));
        problem.landscape.hessian(x, h.as_mut());
        let done = symmetric_eigen(h.as_ref(), &mut values, vectors.as_mut());
        return done.then_some(Curvature { values, vectors, rest: None });
    }
    let operator = problem.linearize(x)?;
    let none = Mat::zeros(n, 0);
    let mut k = LOWEST;
    let low = loop {
        let modes = operator.lowest(none.as_ref(), k, 1e-9, 300);
        let top = *modes.values.last()?;
        if top > 0.0 || k >= 256 {
            break modes;
        }
        k *= 2;
    };
    let negative = |v: MatRef<'_, f64>, mut o: MatMut<'_, f64>| {
        operator.apply(v, o.as_mut());
        for c in o.col_iter_mut() {
            c.iter_mut().for_each(|e| *e = -*e);
        }
    };
    let high = lowest_modes(&negative, &|_| (), none.as_ref(), 1, 1e-9, 300);
    let mut values = low.values;
    values.push(-high.values[0]);
    Some(Curvature { values, vectors: low.vectors, rest: Some(operator) })
}

/// The lowest modes of a band: as many as are unstable, and a few of the softest others. `None` if there are many of them, if as many are
/// not found as the factors say there are, or if the last one is next to flat: then there may be more like it.
fn curvature_in_band<'a>(problem: &'a Problem<'_>, x: &[f64]) -> Option<Curvature<'a>> {
    let n = problem.dim();
    let hessian = problem.hessian(x);
    let (index, largest) = (hessian.negative()?, hessian.norm_rows());
    let wanted = LOWEST.max(index + SOFT);
    if wanted > n / 2 || wanted > MOST_IN_BAND {
        return None;
    }
    let operator = Operator::in_band(hessian)?;
    let modes = operator.lowest(Mat::zeros(n, 0).as_ref(), wanted, 1e-9, 300);
    let unstable = modes.values.iter().filter(|v| **v < 0.0).count();
    if unstable != index || !(*modes.values.last()? > NEARLY_FLAT * largest) {
        return None;
    }
    let mut values = modes.values;
    values.push(largest);
    Some(Curvature { values, vectors: modes.vectors, rest: Some(operator) })
}

impl Curvature<'_> {
    /// `-H^-1 g`, with curvatures below the flat limit taken at that limit.
    fn newton_step(&self, g: &[f64]) -> Vec<f64> {
        let values = &self.values;
        let largest = values.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let coordinates = project(self.vectors.as_ref(), g);
        let mut step = vec![0.0; g.len()];
        let mut rest = g.to_vec();
        for (j, c) in coordinates.iter().enumerate() {
            let v = self.vectors.col_as_slice(j);
            let curvature = if values[j].abs() < FLAT * largest {
                (FLAT * largest).copysign(values[j])
            } else {
                values[j]
            };
            axpy(-c / curvature, v, &mut step);
            axpy(-c, v, &mut rest);
        }
        if let Some(operator) = &self.rest {
            // The complement of the known modes is positive definite.
            let until = Until { remainder: 1e-10 * norm(&rest), products: 500, radius: f64::INFINITY };
            let known = self.vectors.as_ref();
            if let Some(part) = descent(operator, known, &rest, &until) {
                axpy(1.0, &part.step, &mut step);
            }
        }
        step
    }

    /// The Hessian times vectors (columns).
    fn times(&self, vectors: MatRef<'_, f64>) -> Mat<f64> {
        if let Some(operator) = &self.rest {
            let mut products = Mat::zeros(vectors.nrows(), vectors.ncols());
            operator.apply(vectors, products.as_mut());
            return products;
        }
        let mut coordinates = self.vectors.transpose() * vectors;
        for column in coordinates.col_iter_mut() {
            column.iter_mut().zip(&self.values).for_each(|(c, value)| *c *= value);
        }
        &self.vectors * &coordinates
    }

    /// The spectrum to be told: all eigenvalues up to [`FULL_SPECTRUM`] dimensions, and the vectors that are known.
    fn spectrum(self) -> Option<(Vec<f64>, Mat<f64>)> {
        let mut values = self.values;
        match self.rest.as_ref().and_then(Operator::banded) {
            Some(hessian) if hessian.dim() <= FULL_SPECTRUM => values = hessian.eigenvalues()?,
            // What stands there is a bound.
            Some(hessian) => *values.last_mut()? = largest_eigenvalue(hessian)?,
            None => {}
        }
        Some((values, self.vectors))
    }
}

/// The largest eigenvalue, by halving: all are below a number where the factors of the difference say so.
fn largest_eigenvalue(hessian: &Hessian) -> Option<f64> {
    let mut high = hessian.norm_rows();
    let mut low = -high;
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        let below = hessian.shifted(-middle).negative()?;
        if below == hessian.dim() { high = middle } else { low = middle }
    }
    Some(high)
}

/// Farther apart, relative to the problem's scale, nothing that converged is the same.
pub(super) const NEAR: f64 = 1e-3;

/// Is what a search ended at this known point, not quite converged? Then its gradient is what the Hessian makes of the
/// distance; at another critical point close by it would be far smaller.
pub(crate) fn is_same(problem: &Problem<'_>, known: &Refined, found: &Followed) -> bool {
    let distance = problem.region.distance(&known.x, &found.x);
    if distance <= 10.0 * known.radius && known.radius.is_finite() {
        return true;
    }
    let smallest = known.values.iter().fold(f64::INFINITY, |m, v| m.min(v.abs()));
    distance < NEAR * problem.scale
        && found.gradient_norm >= 0.3 * smallest * distance
        && found.gradient_norm <= 3.0 * known.spectral_radius() * distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Layout;

    /// A chain with fixed ends: `2 - 2 cos`.
    #[test]
    fn the_largest_eigenvalue_of_a_long_chain() {
        let n = 3000;
        let near = |j: usize| j.saturating_sub(1)..=(j + 1).min(n - 1);
        let rows: Vec<Vec<u32>> = (0..n).map(|j| near(j).map(|i| i as u32).collect()).collect();
        let values: Vec<f64> =
            (0..n).flat_map(|j| near(j).map(move |i| if i == j { 2.0 } else { -1.0 })).collect();
        let largest = largest_eigenvalue(&Layout::new(&rows).band(&values, 1.0).into()).expect("finite");
        let exact = 4.0 * (std::f64::consts::FRAC_PI_2 * n as f64 / (n + 1) as f64).sin().powi(2);
        assert!((largest - exact).abs() < 1e-14, "{largest} beside {exact}");
    }
}
