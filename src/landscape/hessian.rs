//! The Hessian at one point, in full or, where it is sparse and its band narrow, in the band.
//!
//! In: a landscape, its [`layout`], a point. Out: products, inertia, solutions, from one factorisation that is made when it is
//! first asked for: O(n b^2) operations in a band of half width b, O(n^3) else.

use std::sync::OnceLock;

use faer::{Mat, MatMut, MatRef, Side};

use super::{Landscape, Linearization};
use crate::linalg::{Band, Factors, Layout, Symmetric, column};

/// Up to this dimension everything is computed from full matrices, spectra by a full decomposition.
pub(crate) const DENSE: usize = 64;

/// A band is worth it if half of its width is at most the dimension over this.
const NARROW: usize = 8;

/// A search or an orbit, of which there are many at a time, factors bands of at most so many entries (32 MB).
const LIGHT: usize = 1 << 22;

/// The band in which the Hessian fits, if it has many dimensions and is narrow.
pub(crate) fn layout(landscape: &dyn Landscape) -> Option<Layout> {
    if landscape.dim() <= DENSE {
        return None;
    }
    let layout = Layout::new(landscape.sparsity()?);
    (NARROW * layout.width() <= landscape.dim()).then_some(layout)
}

/// The same, if it takes little room besides.
pub(crate) fn light_layout(landscape: &dyn Landscape) -> Option<Layout> {
    layout(landscape).filter(|layout| layout.width() < LIGHT / landscape.dim())
}

enum Entries {
    Full(Mat<f64>),
    Band(Band),
}

enum Inverse {
    Full(Symmetric),
    Band(Factors),
}

/// A symmetric matrix; it is factored when that is first asked for.
pub(crate) struct Hessian {
    entries: Entries,
    inverse: OnceLock<Option<Inverse>>,
}

impl From<Mat<f64>> for Hessian {
    fn from(full: Mat<f64>) -> Self {
        Hessian { entries: Entries::Full(full), inverse: OnceLock::new() }
    }
}

impl From<Band> for Hessian {
    fn from(band: Band) -> Self {
        Hessian { entries: Entries::Band(band), inverse: OnceLock::new() }
    }
}

impl Hessian {
    /// The Hessian at `x` times `scale`, in a band if there is a layout.
    pub(crate) fn at(landscape: &dyn Landscape, layout: Option<&Layout>, x: &[f64], scale: f64) -> Self {
        if let Some(layout) = layout {
            let mut values = vec![0.0; layout.entries()];
            landscape.sparse_hessian(x, &mut values);
            return layout.band(&values, scale).into();
        }
        let n = x.len();
        let mut h = Mat::zeros(n, n);
        landscape.hessian(x, h.as_mut());
        h.col_iter_mut().for_each(|c| c.iter_mut().for_each(|h| *h *= scale));
        h.into()
    }

    /// This matrix with `shift` added to its diagonal.
    pub(crate) fn shifted(&self, shift: f64) -> Self {
        match &self.entries {
            Entries::Full(h) => {
                let mut shifted = h.clone();
                (0..h.nrows()).for_each(|i| shifted[(i, i)] += shift);
                shifted.into()
            }
            Entries::Band(band) => band.shifted(shift).into(),
        }
    }

    pub(crate) fn dim(&self) -> usize {
        match &self.entries {
            Entries::Full(h) => h.nrows(),
            Entries::Band(band) => band.dim(),
        }
    }

    /// The matrix itself where it is not in a band.
    pub(crate) fn full(&self) -> Option<MatRef<'_, f64>> {
        match &self.entries {
            Entries::Full(h) => Some(h.as_ref()),
            Entries::Band(_) => None,
        }
    }

    /// The whole matrix, also of a band.
    pub(crate) fn dense(&self) -> Mat<f64> {
        match &self.entries {
            Entries::Full(h) => h.clone(),
            Entries::Band(band) => band.dense(),
        }
    }

    /// Largest modulus of an entry.
    pub(crate) fn norm_max(&self) -> f64 {
        match &self.entries {
            Entries::Full(h) => h.norm_max(),
            Entries::Band(band) => band.norm_max(),
        }
    }

    /// A bound of the eigenvalues' moduli.
    pub(crate) fn norm_rows(&self) -> f64 {
        match &self.entries {
            Entries::Full(h) => {
                h.row_iter().map(|r| r.iter().map(|a| a.abs()).sum::<f64>()).fold(0.0, f64::max)
            }
            Entries::Band(band) => band.norm_rows(),
        }
    }

    /// Times a vector.
    pub(crate) fn apply(&self, x: &[f64]) -> Vec<f64> {
        match &self.entries {
            Entries::Full(h) => (h * column(x)).col(0).iter().copied().collect(),
            Entries::Band(band) => band.apply(x),
        }
    }

    /// All eigenvalues, ascending; `None` if an entry is not finite.
    pub(crate) fn eigenvalues(&self) -> Option<Vec<f64>> {
        match &self.entries {
            Entries::Full(h) => {
                let finite = h.col_iter().all(|c| c.iter().all(|h| h.is_finite()));
                finite.then(|| h.self_adjoint_eigenvalues(Side::Lower).ok())?
            }
            Entries::Band(band) => band.eigenvalues(),
        }
    }

    fn inverse(&self) -> Option<&Inverse> {
        self.inverse
            .get_or_init(|| match &self.entries {
                Entries::Full(h) => Symmetric::new(h.as_ref()).map(Inverse::Full),
                Entries::Band(band) => band.factor().map(Inverse::Band),
            })
            .as_ref()
    }

    /// Number of negative eigenvalues by the factors; `None` if an entry is not finite.
    pub(crate) fn negative(&self) -> Option<usize> {
        Some(match self.inverse()? {
            Inverse::Full(factors) => factors.negative(),
            Inverse::Band(factors) => factors.negative(),
        })
    }

    /// Solves in place; false if that can't be done.
    pub(crate) fn solve(&self, b: &mut [f64]) -> bool {
        match self.inverse() {
            Some(Inverse::Full(factors)) => factors.solve(b),
            Some(Inverse::Band(factors)) => factors.solve(b),
            None => return false,
        }
        b.iter().all(|b| b.is_finite())
    }
}

impl Linearization for Hessian {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for (vector, out) in vectors.col_iter().zip(out.as_mut().col_iter_mut()) {
            let product = self.apply(&vector.iter().copied().collect::<Vec<f64>>());
            out.iter_mut().zip(product).for_each(|(out, p)| *out = p);
        }
    }
}
