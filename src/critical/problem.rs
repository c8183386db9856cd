//! A landscape together with the region in which its critical points are sought, in the coordinates of the search:
//! those of the affine hull where the landscape reduces to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use faer::{Mat, MatMut, MatRef};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::chart::{Chart, affine};
use super::complement::Operator;
use crate::landscape::hessian::{Hessian, light_layout};
use crate::landscape::{Kernel, Landscape, Linearization, Reduced, Region, Shape, hull, trapping};
use crate::linalg::{Layout, column};

/// Where and on what the search runs.
pub(crate) struct Problem<'a> {
    /// The landscape in search coordinates, counting its evaluations.
    pub(crate) landscape: Counted<'a>,
    /// The band that the Hessian fits in, if it does.
    layout: Option<Layout>,
    /// Where minima are looked for first (columns).
    pub(crate) wells: Option<Arc<Mat<f64>>>,
    /// The region in search coordinates (a ball where the true one is a slice of a box).
    pub(crate) region: Region,
    /// The way to full space and the region there.
    lifted: Option<(&'a Chart<'a>, &'a Region)>,
    /// Length that steps and tolerances are relative to: the region's radius, or that of the data where it is smaller.
    pub(crate) scale: f64,
    /// A typical gradient: the median norm at a few points of the region.
    pub(crate) steepness: f64,
    /// Did a search end at a place where the energy is not smooth?
    pub(crate) rough: AtomicBool,
    /// Did one end at a place of a smooth energy where rounding hides whether the gradient vanishes?
    pub(crate) hidden: AtomicBool,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(chart: &'a Chart<'a>, region: &'a Region) -> Self {
        let inner = chart.inner();
        let (inside, lifted) = match chart {
            Chart::Whole(_) => (region.clone(), None),
            Chart::Reduced(reduced) => (slice(reduced, region), Some((chart, region))),
            Chart::Equilibria(_, equilibria) => (equilibria.region.clone(), Some((chart, region))),
        };
        let mut scale = inside.radius();
        let wells = inner.wells();
        if let Some(data) = &wells {
            let data = (**data).as_ref();
            let spread = hull::spread(data, &hull::mean(data));
            if spread > 0.0 {
                scale = scale.min(spread);
            }
        }
        let steepness = steepness(inner, &inside);
        Problem {
            landscape: Counted::new(inner),
            layout: light_layout(inner),
            wells,
            region: inside,
            lifted,
            scale,
            steepness,
            rough: AtomicBool::new(false),
            hidden: AtomicBool::new(false),
        }
    }

    pub(crate) fn dim(&self) -> usize {
        self.landscape.dim()
    }

    /// Is the Hessian sparse, with a narrow band?
    pub(crate) fn is_banded(&self) -> bool {
        self.layout.is_some()
    }

    /// The Hessian at `x`, in its band if it has one.
    pub(crate) fn hessian(&self, x: &[f64]) -> Hessian {
        Hessian::at(&self.landscape, self.layout.as_ref(), x, 1.0)
    }

    /// The Hessian at `x`, ready to be applied many times, with a preconditioner where it has a band. `None` if it is in a band and not
    /// finite.
    pub(crate) fn linearize(&self, x: &[f64]) -> Option<Operator<'_>> {
        if !self.is_banded() {
            return Some(Operator::Products(self.landscape.linearize(column(x))));
        }
        Operator::in_band(self.hessian(x))
    }

    /// Is the point in the region, or so little outside that a search may still come back?
    pub(crate) fn contains_nearly(&self, z: &[f64]) -> bool {
        self.contains(z, 1.05)
    }

    /// Is the point in the region, enlarged by `factor`?
    pub(crate) fn contains(&self, z: &[f64], factor: f64) -> bool {
        match self.lifted {
            None => self.region.contains_scaled(z, factor),
            Some((chart, region)) => {
                z.iter().all(|z| z.is_finite()) && region.contains_scaled(&chart.lift(z), factor)
            }
        }
    }
}

/// The median gradient norm at points drawn from the region (those where it is finite); zero if there are none.
fn steepness(landscape: &dyn Landscape, region: &Region) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(0x0073_7465_6570);
    let mut g = vec![0.0; landscape.dim()];
    let mut norms: Vec<f64> = (0..31)
        .map(|_| {
            landscape.gradient(&region.sample(&mut rng), &mut g);
            crate::linalg::norm(&g)
        })
        .filter(|norm| norm.is_finite())
        .collect();
    norms.sort_by(f64::total_cmp);
    norms.get(norms.len() / 2).copied().unwrap_or(0.0)
}

/// As [`trapping::euler_characteristic`]. Where directions are flat by form, what counts is the slice across them.
pub(crate) fn euler_characteristic(
    landscape: &dyn Landscape,
    reduced: Option<&Reduced>,
    region: &Region,
) -> Option<i64> {
    match reduced {
        Some(r) if r.normal == 0.0 => trapping::euler_characteristic(r.inner.as_ref(), &slice(r, region)),
        _ => trapping::euler_characteristic(landscape, region),
    }
}

/// As [`trapping::keeps_flow`], in the slice across directions that are flat by form.
pub(crate) fn keeps_flow(
    landscape: &dyn Landscape,
    reduced: Option<&Reduced>,
    region: &Region,
    highest: f64,
) -> bool {
    match reduced {
        Some(r) if r.normal == 0.0 => {
            trapping::keeps_flow(r.inner.as_ref(), &slice(r, region), highest - r.offset)
        }
        _ => trapping::keeps_flow(landscape, region, highest),
    }
}

/// The ball in which the reduced subspace meets (the ball about) the region.
fn slice(reduced: &Reduced, region: &Region) -> Region {
    let center = region.center();
    let z = reduced.project(&center);
    let foot = reduced.lift(&z);
    let off: f64 = foot.iter().zip(&center).map(|(a, b)| (a - b) * (a - b)).sum();
    let mut radius = region.radius();
    if matches!(region.shape, Shape::Ball { .. }) {
        radius = (radius * radius - off).max(0.0).sqrt();
    }
    Region::ball(z, radius.max(f64::MIN_POSITIVE))
}

impl Reduced {
    /// `origin + basis z`.
    pub fn lift(&self, z: &[f64]) -> Vec<f64> {
        affine(&self.origin, self.basis.as_ref(), z)
    }

    /// `basis' (x - origin)`.
    pub fn project(&self, x: &[f64]) -> Vec<f64> {
        (0..self.basis.ncols())
            .map(|j| {
                let b = self.basis.col(j);
                x.iter().zip(&self.origin).zip(b.iter()).map(|((x, o), b)| (x - o) * b).sum()
            })
            .collect()
    }
}

/// A landscape that counts how often it is evaluated.
pub(crate) struct Counted<'a> {
    inner: &'a dyn Landscape,
    pub(crate) gradients: AtomicU64,
    pub(crate) hessian_vectors: AtomicU64,
    pub(crate) hessians: AtomicU64,
}

impl<'a> Counted<'a> {
    fn new(inner: &'a dyn Landscape) -> Self {
        let zero = || AtomicU64::new(0);
        Counted { inner, gradients: zero(), hessian_vectors: zero(), hessians: zero() }
    }
}

struct CountedLinearization<'a> {
    inner: Box<dyn Linearization + 'a>,
    count: &'a AtomicU64,
}

impl Linearization for CountedLinearization<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.count.fetch_add(vectors.ncols() as u64, Ordering::Relaxed);
        self.inner.apply(vectors, out);
    }
}

impl Landscape for Counted<'_> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], gradients: MatMut<'_, f64>) {
        debug_assert!(points.ncols() > 0, "gradients at no point");
        self.gradients.fetch_add(points.ncols() as u64, Ordering::Relaxed);
        self.inner.gradients(points, energies, gradients);
    }

    fn rough_gradients(&self, points: MatRef<'_, f64>, gradients: MatMut<'_, f64>) -> bool {
        let done = self.inner.rough_gradients(points, gradients);
        if done {
            self.gradients.fetch_add(points.ncols() as u64, Ordering::Relaxed);
        }
        done
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        Box::new(CountedLinearization { inner: self.inner.linearize(points), count: &self.hessian_vectors })
    }

    fn hessian(&self, x: &[f64], out: MatMut<'_, f64>) {
        self.hessians.fetch_add(1, Ordering::Relaxed);
        self.inner.hessian(x, out);
    }

    fn sparsity(&self) -> Option<&[Vec<u32>]> {
        self.inner.sparsity()
    }

    fn sparse_hessian(&self, x: &[f64], out: &mut [f64]) {
        self.hessians.fetch_add(1, Ordering::Relaxed);
        self.inner.sparse_hessian(x, out);
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        self.inner.third(x, u, v, out);
    }

    fn thirds(&self, x: &[f64], directions: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.inner.thirds(x, directions, out);
    }

    fn gradient_error(&self, x: &[f64]) -> f64 {
        self.inner.gradient_error(x)
    }

    fn region(&self) -> Option<Region> {
        self.inner.region()
    }

    fn highest_index(&self) -> usize {
        self.inner.highest_index()
    }

    fn kernel(&self) -> Option<Kernel> {
        self.inner.kernel()
    }
}
