//! From a starting point to a critical point of a wanted index: eigenvector following in a trust region.
//!
//! Along the k lowest modes the step goes up, along all others down, each by the Newton length `|g_i / lambda_i|`
//! (Cerjan & Miller 1981; for index k: high-index saddle dynamics, Yin, Zhang & Zhang 2019). At a point of index k the
//! step is Newton's, so convergence is quadratic. In few dimensions the modes come from a full eigendecomposition;
//! beyond, from [`lowest_modes`](super::modes), the rest by truncated conjugate gradients (Steihaug 1983).
//!
//! A step is accepted by how well the quadratic model predicts the gradient: that measure does not cancel between the
//! climbing and the descending directions as the energy's would.

use faer::{Mat, MatRef};

use super::modes::{Modes, lowest_modes, project};
use super::problem::Problem;
use crate::landscape::{Landscape, Linearization};
use crate::linalg::{axpy, column, column_mut, dot, norm, symmetric_eigen};

/// Up to this dimension a step costs a full eigendecomposition.
const DENSE: usize = 32;

/// Eigenvalues closer than this (relative to the largest) are one cluster.
const CLUSTER: f64 = 1e-6;

/// Steps in which the guiding directions choose the modes.
const GUIDED: usize = 4;

/// Curvatures below this (relative to the largest) do not lengthen a step: along them nothing is known.
pub(crate) const FLAT: f64 = 1e-10;

/// Most steps of a search.
const MOST: usize = 150;

/// Steps in a row with fewer negative eigenvalues than the index wanted before a search is given up.
const PATIENCE: usize = 50;

/// Where a search ended.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    pub(crate) x: Vec<f64>,
    pub(crate) gradient_norm: f64,
}

/// One proposed step.
struct Step {
    s: Vec<f64>,
    /// The Hessian applied to it.
    hs: Vec<f64>,
    /// Was it cut by the trust region?
    cut: bool,
}

/// Follows the `index` lowest modes up and the rest down from `start`; `None` if it left the region or did not settle.
/// `directions` (n x any) span what is climbed first, before the modes have settled.
pub(crate) fn follow(
    problem: &Problem<'_>,
    start: &[f64],
    index: usize,
    directions: Option<MatRef<'_, f64>>,
) -> Option<Followed> {
    let n = problem.dim();
    let landscape = &problem.landscape;
    let dense = n <= DENSE;
    let settled = if dense { 1e-10 } else { 1e-6 } * problem.scale;
    // A search that goes round in circles, or climbs where there is nothing to climb, is given up early.
    let mut mark = (vec![f64::INFINITY; n], 1);
    let mut wrong = 0;
    let mut last = f64::INFINITY;
    let mut x = start.to_vec();
    let mut g = vec![0.0; n];
    let mut energy = landscape.gradient(&x, &mut g);
    if !(energy.is_finite() && g.iter().all(|g| g.is_finite())) {
        return None;
    }
    let mut radius = 0.1 * problem.scale;
    let mut model = Model::new(landscape, index, directions);
    let mut trial = x.clone();
    let mut trial_g = vec![0.0; n];
    for iteration in 0..MOST {
        model.prepare(&x, &g, iteration)?;
        wrong = if model.short_of_index() { wrong + 1 } else { 0 };
        if wrong > PATIENCE {
            return None;
        }
        let mut step = model.step(&g, radius)?;
        let length = loop {
            let length = norm(&step.s);
            trial.copy_from_slice(&x);
            axpy(1.0, &step.s, &mut trial);
            let trial_energy = landscape.gradient(&trial, &mut trial_g);
            let miss: f64 = (0..n).map(|i| (trial_g[i] - g[i] - step.hs[i]).powi(2)).sum::<f64>().sqrt();
            let poor = miss / norm(&step.hs).max(1e-3 * norm(&g)).max(f64::MIN_POSITIVE);
            let noise = 1e-13 * (energy.abs() + trial_energy.abs());
            // The last, full Newton step; or one so small that its failure to improve anything is rounding.
            if !step.cut && (length <= settled || length <= 1e-6 * problem.scale && poor >= 1.0) {
                let (before, after) = (norm(&g), norm(&trial_g));
                return Some(if after <= before {
                    Followed { x: trial, gradient_norm: after }
                } else {
                    Followed { x, gradient_norm: before }
                });
            }
            let falls = index > 0 || trial_energy <= energy + noise;
            if trial_energy.is_finite() && poor < 1.0 && falls {
                energy = trial_energy;
                x.copy_from_slice(&trial);
                g.copy_from_slice(&trial_g);
                if poor > 0.5 {
                    radius = 0.5 * length;
                } else if poor < 0.2 && step.cut {
                    radius = (2.0 * radius).min(0.5 * problem.scale);
                }
                break length;
            }
            radius = 0.25 * length.min(radius);
            if radius < 1e-14 * problem.scale {
                return None;
            }
            step = model.step(&g, radius)?;
        };
        if !problem.contains(&x, 1.05) {
            return None;
        }
        last = length;
        problem.region.wrap(&mut x);
        if index > 0 {
            // Brent's cycle detection: a place of the past, renewed at every power of two.
            let back: f64 = x.iter().zip(&mark.0).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            if back < 0.01 * length {
                return None;
            }
            if iteration + 1 == mark.1 {
                mark = (x.clone(), 2 * mark.1);
            }
        }
    }
    // A degenerate point is approached slowly, and may be as good as reached.
    let (slow, gradient_norm) = (last <= 1e-5 * problem.scale, norm(&g));
    (slow && gradient_norm <= 1e-9 * problem.steepness).then_some(Followed { x, gradient_norm })
}

/// The quadratic model at the present point, with what is carried from point to point.
struct Model<'a> {
    landscape: &'a dyn Landscape,
    index: usize,
    /// Directions to climb first (dense), or the modes of the last point (matrix-free).
    guide: Mat<f64>,
    local: Local<'a>,
}

enum Local<'a> {
    Dense { h: Mat<f64>, values: Vec<f64>, vectors: Mat<f64>, up: Vec<bool>, coordinates: Vec<f64> },
    Krylov { linear: Option<Box<dyn Linearization + 'a>>, low: Option<Modes> },
}

impl<'a> Model<'a> {
    fn new(landscape: &'a dyn Landscape, index: usize, directions: Option<MatRef<'_, f64>>) -> Self {
        let n = landscape.dim();
        let guide = directions.map_or_else(|| Mat::zeros(n, 0), |d| d.to_owned());
        let local = if n <= DENSE {
            let (h, vectors) = (Mat::zeros(n, n), Mat::zeros(n, n));
            Local::Dense { h, values: vec![0.0; n], vectors, up: vec![false; n], coordinates: vec![0.0; n] }
        } else {
            Local::Krylov { linear: None, low: None }
        };
        Model { landscape, index: index.min(n), guide, local }
    }

    /// Moves the model to `x`, where the gradient is `g`. `None` if the Hessian is not finite.
    fn prepare(&mut self, x: &[f64], g: &[f64], iteration: usize) -> Option<()> {
        let index = self.index;
        match &mut self.local {
            Local::Dense { h, values, vectors, up, coordinates } => {
                self.landscape.hessian(x, h.as_mut());
                if !symmetric_eigen(h.as_ref(), values, vectors.as_mut()) {
                    return None;
                }
                let n = values.len();
                let guided = iteration < GUIDED && index > 0 && index < n && self.guide.ncols() >= index;
                let largest = values[0].abs().max(values[n - 1].abs());
                let split = index > 0 && index < n && values[index] - values[index - 1] < CLUSTER * largest;
                if split || guided && values[n - 1] - values[0] < CLUSTER * largest {
                    // A cluster has no modes of its own: tilt it by less than its width, so that it offers the guiding
                    // directions, or the one in which the gradient can be climbed.
                    let tilt = |v: &[f64], h: &mut Mat<f64>| {
                        let size = dot(v, v);
                        for j in 0..n {
                            for i in 0..n {
                                h[(i, j)] -= CLUSTER * largest * v[i] * v[j] / size.max(f64::MIN_POSITIVE);
                            }
                        }
                    };
                    if guided {
                        (0..self.guide.ncols()).for_each(|j| tilt(self.guide.col_as_slice(j), h));
                    } else {
                        tilt(g, h);
                    }
                    if !symmetric_eigen(h.as_ref(), values, vectors.as_mut()) {
                        return None;
                    }
                }
                coordinates.copy_from_slice(&project(vectors.as_ref(), g));
                choose_modes(vectors.as_ref(), index, self.guide.as_ref(), guided, up);
            }
            Local::Krylov { linear, low } => {
                let frozen = self.landscape.linearize(column(x));
                if index > 0 {
                    // The gradient among the start vectors lets an isotropic well be left along it.
                    let m = self.guide.ncols();
                    let start =
                        Mat::from_fn(g.len(), m + 1, |i, j| if j < m { self.guide[(i, j)] } else { g[i] });
                    let steps = if iteration == 0 { 12 } else { 6 };
                    let modes = lowest_modes(&|v, o| frozen.apply(v, o), start.as_ref(), index, 1e-2, steps);
                    if !modes.values.iter().all(|v| v.is_finite()) {
                        return None;
                    }
                    self.guide = modes.vectors.clone();
                    *low = Some(modes);
                }
                *linear = Some(frozen);
            }
        }
        Some(())
    }

    /// Are there fewer directions of negative curvature here than the index asks for?
    fn short_of_index(&self) -> bool {
        let highest = match &self.local {
            Local::Dense { values, .. } => self.index.checked_sub(1).map(|k| values[k]),
            Local::Krylov { low, .. } => low.as_ref().and_then(|m| m.values.last().copied()),
        };
        highest.is_some_and(|v| v > 0.0)
    }

    /// The step within `radius`.
    fn step(&self, g: &[f64], radius: f64) -> Option<Step> {
        match &self.local {
            Local::Dense { values, vectors, up, coordinates, .. } => {
                Some(dense_step(values, vectors.as_ref(), up, coordinates, radius))
            }
            Local::Krylov { linear, low } => krylov_step(linear.as_deref()?, low.as_ref(), g, radius),
        }
    }
}

/// Marks the modes to climb: those nearest to the guiding directions at first, then the lowest.
fn choose_modes(
    vectors: MatRef<'_, f64>,
    index: usize,
    guide: MatRef<'_, f64>,
    guided: bool,
    up: &mut [bool],
) {
    let n = up.len();
    up.fill(false);
    if !guided {
        up[..index].fill(true);
        return;
    }
    let mut overlap: Vec<(f64, usize)> = (0..n)
        .map(|i| (guide.col_iter().map(|d| (d.transpose() * vectors.col(i)).powi(2)).sum::<f64>(), i))
        .collect();
    overlap.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    overlap.iter().take(index).for_each(|(_, i)| up[*i] = true);
}

/// `s_i = +-g_i / (|lambda_i| + shift)`, the shift chosen so that the step fits into the radius.
fn dense_step(values: &[f64], vectors: MatRef<'_, f64>, up: &[bool], g: &[f64], radius: f64) -> Step {
    let n = values.len();
    let largest = values[0].abs().max(values[n - 1].abs()).max(f64::MIN_POSITIVE);
    let curvature = |i: usize| values[i].abs().max(FLAT * largest);
    let length = |shift: f64| (0..n).map(|i| (g[i] / (curvature(i) + shift)).powi(2)).sum::<f64>().sqrt();
    let cut = length(0.0) > radius;
    let mut shift = 0.0;
    if cut {
        // length(shift) falls; |g|/radius is an upper bound of the root.
        let (mut low, mut high) = (0.0, norm(g) / radius);
        for _ in 0..60 {
            shift = 0.5 * (low + high);
            let l = length(shift);
            if (l - radius).abs() < 0.02 * radius {
                break;
            }
            if l > radius { low = shift } else { high = shift }
        }
    }
    let (mut s, mut hs) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..n {
        let size = g[i] / (curvature(i) + shift);
        let c = if up[i] { size } else { -size };
        for k in 0..n {
            s[k] += c * vectors[(k, i)];
            hs[k] += c * values[i] * vectors[(k, i)];
        }
    }
    Step { s, hs, cut }
}

/// Newton along the climbed modes, Steihaug's conjugate gradients in their complement.
fn krylov_step(linear: &dyn Linearization, low: Option<&Modes>, g: &[f64], radius: f64) -> Option<Step> {
    let n = g.len();
    let (mut s, mut hs) = (vec![0.0; n], vec![0.0; n]);
    let mut cut = false;
    let mut rest: Vec<f64> = g.to_vec();
    if let Some(modes) = low {
        let c = project(modes.vectors.as_ref(), g);
        let largest = modes.values.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
        let mut up: Vec<f64> =
            c.iter().zip(&modes.values).map(|(c, v)| c / v.abs().max(FLAT * largest)).collect();
        let length = norm(&up);
        if length > radius {
            cut = true;
            up.iter_mut().for_each(|u| *u *= radius / length);
        }
        for (j, u) in up.iter().enumerate() {
            axpy(*u, modes.vectors.col_as_slice(j), &mut s);
            axpy(*u, modes.images.col_as_slice(j), &mut hs);
            axpy(-c[j], modes.vectors.col_as_slice(j), &mut rest);
        }
    }
    let outside = |v: &mut [f64]| {
        if let Some(modes) = low {
            for j in 0..modes.vectors.ncols() {
                let b = modes.vectors.col_as_slice(j);
                axpy(-dot(b, v), b, v);
            }
        }
    };
    // Minimise g.d + d'Hd/2 over the complement.
    let goal = 1e-2 * norm(&rest);
    let mut residual: Vec<f64> = rest.iter().map(|r| -r).collect();
    let mut direction = residual.clone();
    let (mut d, mut hd) = (vec![0.0; n], vec![0.0; n]);
    let mut product = vec![0.0; n];
    for _ in 0..(2 * n).min(200) {
        let rr = dot(&residual, &residual);
        if rr.sqrt() <= goal || rr == 0.0 {
            break;
        }
        linear.apply(column(&direction), column_mut(&mut product));
        let raw = product.clone();
        outside(&mut product);
        let curvature = dot(&direction, &product);
        if !curvature.is_finite() {
            return None;
        }
        let to_edge = |d: &[f64], p: &[f64]| -> f64 {
            let (a, b, c) = (dot(p, p), dot(d, p), dot(d, d) - radius * radius);
            (-b + (b * b - a * c).max(0.0).sqrt()) / a
        };
        let alpha = rr / curvature;
        let mut ahead = d.clone();
        axpy(alpha, &direction, &mut ahead);
        if curvature <= 0.0 || norm(&ahead) >= radius {
            let tau = to_edge(&d, &direction);
            axpy(tau, &direction, &mut d);
            axpy(tau, &raw, &mut hd);
            cut = true;
            break;
        }
        d = ahead;
        axpy(alpha, &raw, &mut hd);
        axpy(-alpha, &product, &mut residual);
        let beta = dot(&residual, &residual) / rr;
        direction.iter_mut().zip(&residual).for_each(|(p, r)| *p = r + beta * *p);
    }
    axpy(1.0, &d, &mut s);
    axpy(1.0, &hd, &mut hs);
    Some(Step { s, hs, cut })
}
