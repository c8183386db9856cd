//! Sums over the data that matter at a point.

use faer::{MatMut, MatRef};
use pulp::{Simd, WithSimd};

use super::kernel::LogSumExp;
use super::pruning::{Pruning, with_work};
use crate::landscape::exp::dot;
use crate::linalg::rows::add_weighed;

/// The data that matter at a point, ascending, and their weights.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) members: Vec<u32>,
    /// Not divided by their sum.
    pub(super) weights: Vec<f64>,
    pub(super) sum: f64,
    pub(super) lse: f64,
}

impl Kept {
    /// With weights divided by their sum.
    pub(super) fn normalised(mut self) -> Self {
        self.weights.iter_mut().for_each(|w| *w /= self.sum);
        self.sum = 1.0;
        self
    }
}

/// After so many points in turn at which nothing was found, only one in as many is looked at until something is.
const PATIENCE: usize = 6;

/// `bias_k + slope y_k.z` of some data.
pub(super) struct Logits<'a> {
    pub(super) kernel: &'a LogSumExp,
    pub(super) members: &'a [u32],
    pub(super) z: &'a [f64],
    pub(super) out: &'a mut Vec<f64>,
}

impl WithSimd for Logits<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Logits { kernel, members, z, out } = self;
        let (data, z) = (S::as_simd_f64s(kernel.data()).0, S::as_simd_f64s(z).0);
        let (bias, slope, vectors) = (&kernel.bias[..], kernel.slope, z.len());
        let (pairs, last) = z.as_chunks::<2>();
        out.clear();
        for k in members {
            let k = *k as usize;
            let row = &data[k * vectors..][..vectors];
            let (mut even, mut odd) = (simd.splat_f64s(0.0), simd.splat_f64s(0.0));
            for (y, z) in row.as_chunks::<2>().0.iter().zip(pairs) {
                even = simd.mul_add_f64s(y[0], z[0], even);
                odd = simd.mul_add_f64s(y[1], z[1], odd);
            }
            if let ([z], Some(y)) = (last, row.last()) {
                even = simd.mul_add_f64s(*y, *z, even);
            }
            out.push(slope.mul_add(simd.reduce_sum_f64s(simd.add_f64s(even, odd)), bias[k]));
        }
    }
}

/// `sum_k w_k y_k` over what was kept.
pub(super) struct Mean<'a> {
    pub(super) data: &'a [f64],
    pub(super) members: &'a [u32],
    pub(super) weights: &'a [f64],
    pub(super) out: &'a mut [f64],
}

// With vectors by name in all of these: compilers think otherwise that several rows should share one, and gather it.
impl WithSimd for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Mean { data, members, weights, out } = self;
        out.fill(0.0);
        let members = members.iter().map(|k| *k as usize);
        add_weighed(simd, S::as_simd_f64s(data).0, members, weights, S::as_mut_simd_f64s(out).0);
    }
}

/// `sum_k p_k y_k (a_k - p.a)`, `a_k = y_k.v`, over what was kept with weights that sum to one.
pub(super) struct Covariance<'a> {
    pub(super) data: &'a [f64],
    pub(super) kept: &'a Kept,
    pub(super) v: &'a [f64],
    pub(super) out: &'a mut [f64],
}

impl WithSimd for Covariance<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Covariance { data, kept, v, out } = self;
        let n = out.len();
        let mut products = vec![0.0; kept.members.len()];
        let mut mean = 0.0_f64;
        for i in 0..products.len() {
            products[i] = dot(&data[kept.members[i] as usize * n..][..n], v);
            mean = kept.weights[i].mul_add(products[i], mean);
        }
        for i in 0..products.len() {
            products[i] = kept.weights[i] * (products[i] - mean);
        }
        Mean { data, members: &kept.members, weights: &products, out }.with_simd(simd);
    }
}

/// The columns of a batch, each with what matters there.
pub(super) fn each_kept(
    kernel: &LogSumExp,
    pruning: &Pruning,
    points: MatRef<'_, f64>,
    scratch: &mut [f64],
    mut f: impl FnMut(usize, &[f64], Option<&mut Kept>),
) {
    let (n, b) = (kernel.stride(), points.ncols());
    let (z, products) = scratch.split_at_mut(n * b);
    z.fill(0.0);
    for (j, z) in z.chunks_exact_mut(n).enumerate() {
        for (z, (x, c)) in z.iter_mut().zip(points.col(j).iter().zip(&kernel.center)) {
            *z = x - c;
        }
    }
    let cells = kernel.cells();
    let products = &mut products[..cells.count() * b];
    cells.products(
        MatRef::from_column_major_slice(z, n, b),
        MatMut::from_column_major_slice_mut(products, cells.count(), b),
    );
    let mut kept = Kept::default();
    let mut misses = 0;
    let each = z.chunks_exact(n).zip(products.chunks_exact_mut(cells.count())).enumerate();
    with_work(|work| {
        for (j, (z, products)) in each {
            let tried = misses < PATIENCE || j % PATIENCE == 0;
            let found = tried && pruning.select(kernel, z, products, &mut kept, work);
            misses = if found { 0 } else { misses + 1 };
            f(j, z, found.then_some(&mut kept));
        }
    });
}
