//! Where a vector field vanishes, and how far it is from a gradient.
//!
//! In: a field as [`Dynamics`], whose energies are not looked at. A field is a gradient where its Jacobian J is symmetric. Where it is not, eigenvalues may be complex, orbits may
//! circle, and Morse theory does not apply: an equilibrium is classified by the number of eigenvalues with positive real
//! part, which for a gradient field is that of the unstable directions of its flow (the Morse index of minus the
//! potential).

use faer::linalg::solvers::Solve;
use faer::{Mat, MatRef};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::landscape::{Dynamics, Region};
use crate::linalg::{norm, sequential};

/// Why the flow of a field without an energy is never called Morse-Smale here.
pub const NOT_A_GRADIENT: &str = "the flow is that of a vector field, not of an energy: Morse theory does not apply as it \
     stands, and orbits that do not end in equilibria are possible and not looked for";

/// The relative size of the antisymmetric part of a Jacobian (n x n), `|J - J'|_F / |J + J'|_F`: 0 for a gradient,
/// infinite for a rotation, 0 for J = 0.
pub fn asymmetry(jacobian: MatRef<'_, f64>) -> f64 {
    let (anti, symmetric) = parts(jacobian);
    if anti == 0.0 { 0.0 } else { (anti / symmetric).sqrt() }
}

/// `|J - J'|_F^2` and `|J + J'|_F^2`.
fn parts(jacobian: MatRef<'_, f64>) -> (f64, f64) {
    let (mut anti, mut symmetric) = (0.0, 0.0);
    for j in 0..jacobian.ncols() {
        for i in 0..jacobian.nrows() {
            let (a, b) = (jacobian[(i, j)], jacobian[(j, i)]);
            anti += (a - b) * (a - b);
            symmetric += (a + b) * (a + b);
        }
    }
    (anti, symmetric)
}

/// The relative size of the antisymmetric part over a sample of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asymmetry {
    /// `sqrt(mean |J - J'|^2 / mean |J + J'|^2)`, Frobenius norms. Points count by the size of their Jacobian, so that those
    /// where it all but vanishes do not decide.
    pub relative: f64,
    /// 95% interval of that, for points drawn independently (delta method for a ratio of means).
    pub interval: (f64, f64),
    /// The largest ratio at a single point.
    pub largest: f64,
    /// Number of points.
    pub samples: usize,
}

/// Measures the antisymmetric part at the columns of `points` (n x b, at least two).
pub fn asymmetry_over(field: &dyn Dynamics, points: MatRef<'_, f64>) -> Result<Asymmetry> {
    let (n, count) = points.shape();
    if count < 2 {
        return Err(Error::input("an interval needs at least two points"));
    }
    let sizes: Vec<(f64, f64)> = (0..count)
        .into_par_iter()
        .map(|j| {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            let mut jacobian = Mat::zeros(n, n);
            field.jacobian(&x, jacobian.as_mut());
            parts(jacobian.as_ref())
        })
        .collect();
    let total = |part: fn(&(f64, f64)) -> f64| sizes.iter().map(part).sum::<f64>() / count as f64;
    let (anti, symmetric) = (total(|s| s.0), total(|s| s.1));
    if !(anti.is_finite() && symmetric.is_finite()) {
        return Err(Error::Numerics("the Jacobian of the field is not finite at some of the points".into()));
    }
    let largest = sizes.iter().map(|(a, s)| if *a == 0.0 { 0.0 } else { (a / s).sqrt() }).fold(0.0, f64::max);
    if anti == 0.0 || symmetric == 0.0 {
        let relative = if anti == 0.0 { 0.0 } else { f64::INFINITY };
        return Ok(Asymmetry { relative, interval: (relative, relative), largest, samples: count });
    }
    let square = anti / symmetric;
    let spread = sizes.iter().map(|(a, s)| (a - square * s).powi(2)).sum::<f64>() / (count - 1) as f64;
    let error = (spread / count as f64).sqrt() / symmetric;
    let relative = square.sqrt();
    let half = 1.96 * error / (2.0 * relative);
    let interval = ((relative - half).max(0.0), relative + half);
    Ok(Asymmetry { relative, interval, largest, samples: count })
}

/// A zero of the field.
#[derive(Clone, Debug, PartialEq)]
pub struct Equilibrium {
    /// Where it is.
    pub x: Vec<f64>,
    /// Norm of the field there.
    pub residual: f64,
    /// Eigenvalues of the Jacobian, real and imaginary parts, the largest real part first.
    pub eigenvalues: Vec<(f64, f64)>,
    /// Number of eigenvalues with positive real part: directions in which orbits leave.
    pub unstable: usize,
    /// Relative size of the antisymmetric part of the Jacobian, see [`asymmetry`].
    pub asymmetry: f64,
}

/// How equilibria are looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Number of starting points, drawn from the region.
    pub starts: usize,
    /// Most Newton steps from each.
    pub steps: usize,
    /// Seed of the starting points.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { starts: 400, steps: 100, seed: 0 }
    }
}

/// A last Newton step below this share of the region's radius ends the search.
const STEP: f64 = 1e-10;
/// A Newton step longer than so many radii is taken across the null directions only: those with a singular value below
/// this share of the largest.
const FARTHEST: f64 = 100.0;
const NULL: f64 = 1e-10;
/// Zeros nearer than this share of the radius are one.
pub(super) const SAME: f64 = 1e-6;

/// Zeros of the field in a region by damped Newton steps from `starts` (n x c, tried first) and from random points. Sorted by the
/// number of unstable directions, then by coordinates. Nothing says that these are all; where the field points inwards all
/// around a ball, [`poincare_hopf`] of a complete list is 1.
pub fn equilibria(
    field: &dyn Dynamics,
    region: &Region,
    starts: Option<MatRef<'_, f64>>,
    options: &Options,
) -> Result<Vec<Equilibrium>> {
    sequential();
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut list: Vec<Vec<f64>> =
        starts.map(|s| s.col_iter().map(|c| c.iter().copied().collect()).collect()).unwrap_or_default();
    list.extend((0..options.starts).map(|_| region.sample(&mut rng)));
    let found: Vec<Option<Vec<f64>>> =
        list.into_par_iter().map(|x| newton(field, region, x, options.steps)).collect();
    let radius = region.radius();
    let mut distinct: Vec<Vec<f64>> = vec![];
    for x in found.into_iter().flatten() {
        if distinct.iter().all(|y| region.distance(&x, y) > SAME * radius) {
            distinct.push(x);
        }
    }
    let mut answer = distinct.into_iter().map(|x| classify(field, x)).collect::<Result<Vec<_>>>()?;
    answer.sort_by(|a, b| {
        let by_place = || a.x.iter().zip(&b.x).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        a.unstable.cmp(&b.unstable).then_with(|| by_place().unwrap_or(std::cmp::Ordering::Equal))
    });
    Ok(answer)
}

/// Sum of `(-1)^unstable`, the sign of `det(-J)`, over equilibria: by the theorem of Poincare and Hopf for minus the field, which
/// points outwards where the flow enters, the Euler characteristic of a region that it enters all around (1 for a ball).
pub fn poincare_hopf(list: &[Equilibrium]) -> i64 {
    list.iter().map(|e| if e.unstable % 2 == 0 { 1 } else { -1 }).sum()
}

/// Newton's method with steps no longer than a quarter of the radius, halved until the field shrinks; `None` if it gets
/// stuck, leaves the region or does not end.
pub(super) fn newton(
    field: &dyn Dynamics,
    region: &Region,
    mut x: Vec<f64>,
    steps: usize,
) -> Option<Vec<f64>> {
    let (n, radius) = (x.len(), region.radius());
    let mut s = vec![0.0; n];
    let mut jacobian = Mat::zeros(n, n);
    field.velocity(&x, &mut s);
    for _ in 0..steps {
        field.jacobian(&x, jacobian.as_mut());
        if !(s.iter().all(|s| s.is_finite()) && jacobian.norm_max().is_finite()) {
            return None;
        }
        let mut step = newton_step(jacobian.as_ref(), &s, radius)?;
        let length = norm(&step);
        let here = norm(&s);
        if length <= STEP * radius {
            // One more full step costs nothing and gains half the digits.
            let better: Vec<f64> = x.iter().zip(&step).map(|(x, d)| x + d).collect();
            field.velocity(&better, &mut s);
            let x = if norm(&s) <= here { better } else { x };
            return region.contains(&x).then_some(x);
        }
        let shrink = (0.25 * radius / length).min(1.0);
        step.iter_mut().for_each(|d| *d *= shrink);
        let mut factor = 1.0;
        x = loop {
            let next: Vec<f64> = x.iter().zip(&step).map(|(x, d)| x + factor * d).collect();
            field.velocity(&next, &mut s);
            if norm(&s) < (1.0 - 1e-4 * factor * shrink) * here {
                break next;
            }
            factor *= 0.5;
            if factor < 1e-4 {
                return None;
            }
        };
        if !region.contains_scaled(&x, 2.0) {
            return None;
        }
    }
    None
}

/// Solves `J step = -s`; where that leads nowhere, J being singular to working precision, the shortest step that solves it
/// across the null directions. `None` if neither is finite.
fn newton_step(jacobian: MatRef<'_, f64>, s: &[f64], radius: f64) -> Option<Vec<f64>> {
    let right = Mat::from_fn(s.len(), 1, |i, _| -s[i]);
    let solution = jacobian.partial_piv_lu().solve(&right);
    let step = solution.col_as_slice(0).to_vec();
    if norm(&step) <= FARTHEST * radius {
        return Some(step);
    }
    let svd = jacobian.svd().ok()?;
    let sizes = svd.S().column_vector();
    let mut across = svd.U().transpose() * &right;
    for i in 0..s.len() {
        let keep = sizes[i] > NULL * sizes[0];
        across[(i, 0)] = if keep { across[(i, 0)] / sizes[i] } else { 0.0 };
    }
    let step = (svd.V() * across).col_as_slice(0).to_vec();
    norm(&step).is_finite().then_some(step)
}

/// The eigenvalues of a Jacobian, real and imaginary parts, the largest real part first.
pub fn eigenvalues(jacobian: MatRef<'_, f64>) -> Result<Vec<(f64, f64)>> {
    let failed = |_| Error::Numerics("the eigenvalues of a Jacobian were not found".into());
    let mut list: Vec<(f64, f64)> =
        jacobian.eigenvalues().map_err(failed)?.iter().map(|z| (z.re, z.im)).collect();
    list.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    Ok(list)
}

/// The spectrum at a zero.
pub(super) fn classify(field: &dyn Dynamics, x: Vec<f64>) -> Result<Equilibrium> {
    let n = x.len();
    let (mut jacobian, mut s) = (Mat::zeros(n, n), vec![0.0; n]);
    field.jacobian(&x, jacobian.as_mut());
    field.velocity(&x, &mut s);
    let eigenvalues = eigenvalues(jacobian.as_ref())?;
    let unstable = eigenvalues.iter().filter(|(re, _)| *re > 0.0).count();
    Ok(Equilibrium { residual: norm(&s), unstable, asymmetry: asymmetry(jacobian.as_ref()), eigenvalues, x })
}

#[cfg(test)]
pub(super) mod tests {
    use faer::MatMut;

    use super::*;

    /// A field by a closure for itself and one for its Jacobian.
    pub(crate) struct Closures<F, J>(pub(crate) F, pub(crate) J);

    impl<F, J> Dynamics for Closures<F, J>
    where
        F: Fn(&[f64], &mut [f64]) + Send + Sync,
        J: Fn(&[f64], MatMut<'_, f64>) + Send + Sync,
    {
        fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
            (self.0)(x, velocity);
            f64::NAN
        }

        fn jacobian(&self, x: &[f64], out: MatMut<'_, f64>) {
            (self.1)(x, out);
        }
    }

    #[test]
    fn a_focus_is_seen_as_one() {
        // x' = -x + 2 y, y' = -2 x - y: eigenvalues -1 +- 2i, antisymmetric part 2, symmetric part 1.
        let s = Closures(
            |x: &[f64], v: &mut [f64]| (v[0], v[1]) = (-x[0] + 2.0 * x[1], -2.0 * x[0] - x[1]),
            |_: &[f64], mut out: MatMut<'_, f64>| {
                (out[(0, 0)], out[(0, 1)], out[(1, 0)], out[(1, 1)]) = (-1.0, 2.0, -2.0, -1.0);
            },
        );
        let region = Region::ball(vec![0.3, 0.1], 2.0);
        let found = equilibria(&s, &region, None, &Options { starts: 10, ..Options::default() }).unwrap();
        assert_eq!(found.len(), 1);
        assert!(norm(&found[0].x) < 1e-12 && found[0].unstable == 0);
        for (z, truth) in found[0].eigenvalues.iter().zip([(-1.0, 2.0), (-1.0, -2.0)]) {
            assert!((z.0 - truth.0).abs() + (z.1 - truth.1).abs() < 1e-12);
        }
        assert!((found[0].asymmetry - 2.0).abs() < 1e-14);
        let over = asymmetry_over(&s, Mat::from_fn(2, 30, |i, j| (i + j) as f64).as_ref()).unwrap();
        assert!((over.relative - 2.0).abs() < 1e-12 && over.interval.1 - over.interval.0 < 1e-6);
    }

    #[test]
    fn a_gradient_with_three_by_three_equilibria() {
        // s_i = 2 tanh(2 x_i) - x_i: zeros at 0 and at +-a in each coordinate, a gradient.
        let s = Closures(
            |x: &[f64], v: &mut [f64]| (0..2).for_each(|i| v[i] = 2.0 * (2.0 * x[i]).tanh() - x[i]),
            |x: &[f64], mut out: MatMut<'_, f64>| {
                out.fill(0.0);
                (0..2).for_each(|i| out[(i, i)] = 4.0 / (2.0 * x[i]).cosh().powi(2) - 1.0);
            },
        );
        let region = Region::ball(vec![0.0; 2], 4.0);
        let found = equilibria(&s, &region, None, &Options::default()).unwrap();
        let counts: Vec<usize> = (0..3).map(|k| found.iter().filter(|e| e.unstable == k).count()).collect();
        assert_eq!(counts, [4, 4, 1]);
        assert_eq!(poincare_hopf(&found), 1);
        assert!(found.iter().all(|e| e.residual < 1e-12 && e.asymmetry < 1e-12));
        let a = found[3].x[0];
        assert!((2.0 * (2.0 * a).tanh() - a).abs() < 1e-12 && a > 1.0);
    }
}
