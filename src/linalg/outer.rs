//! Sums of outer products `w w'`: for vectors of moderate length tile by tile of the lower triangle, the sums of each in registers.
//!
//! A general matrix product packs its factors first and computes rectangles; of vectors that lie in memory as they are read here, and few
//! enough for the first cache, neither pays.

use faer::{MatMut, MatRef};
use pulp::{Arch, Simd, WithSimd};

use super::lower_panels;

/// Up to this length of the vectors.
pub(crate) const LONGEST: usize = 128;

/// Numbers of the vectors that are read together (24 kB).
const TOGETHER: usize = 3 << 10;

/// The same of longer ones, for a general product.
const LONG: usize = 256;

/// How many vectors of this length are read together.
pub(crate) fn together(stride: usize) -> usize {
    if stride > LONGEST { LONG } else { (TOGETHER / stride).max(16) }
}

/// Adds the lower triangle of `sum w w'` over vectors w, one after the other, whose length `stride` is a multiple of eight, to the
/// columns of `out` (stride x stride); what is above it is arbitrary.
pub(crate) fn add_products(vectors: &[f64], stride: usize, out: &mut [f64]) {
    assert!(stride.is_multiple_of(8) && out.len() == stride * stride, "whole vectors of the processor");
    for vectors in vectors.chunks(together(stride) * stride) {
        if stride <= LONGEST {
            Arch::new().dispatch(Outer { vectors, stride, out: &mut *out });
            continue;
        }
        let w = MatRef::from_column_major_slice(vectors, stride, vectors.len() / stride);
        lower_panels(MatMut::from_column_major_slice_mut(&mut *out, stride, stride), w, w.transpose(), 1.0);
    }
}

struct Outer<'a> {
    vectors: &'a [f64],
    stride: usize,
    out: &'a mut [f64],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Two rows of registers and as many columns as there is room for.
        if S::REGISTER_COUNT >= 32 { self.in_tiles::<S, 8>(simd) } else { self.in_tiles::<S, 4>(simd) }
    }
}

impl Outer<'_> {
    #[inline(always)]
    fn in_tiles<S: Simd, const C: usize>(self, simd: S) {
        let Outer { vectors, stride, out } = self;
        let rows = stride / S::F64_LANES;
        for column in (0..stride).step_by(C) {
            // The first row of registers that reaches below the diagonal somewhere in these columns.
            let mut row = column / S::F64_LANES;
            while row + 2 <= rows {
                tile::<S, 2, C>(simd, vectors, stride, row, column, out);
                row += 2;
            }
            if row < rows {
                tile::<S, 1, C>(simd, vectors, stride, row, column, out);
            }
        }
    }
}

/// R registers of rows from `row` on, C columns from `column` on.
#[inline(always)]
fn tile<S: Simd, const R: usize, const C: usize>(
    simd: S,
    vectors: &[f64],
    stride: usize,
    row: usize,
    column: usize,
    out: &mut [f64],
) {
    let lanes = S::F64_LANES;
    let mut sums = [[simd.splat_f64s(0.0); R]; C];
    for w in vectors.chunks_exact(stride) {
        let (rows, columns) = (&S::as_simd_f64s(w).0[row..][..R], &w[column..][..C]);
        for c in 0..C {
            let factor = simd.splat_f64s(columns[c]);
            for r in 0..R {
                sums[c][r] = simd.mul_add_f64s(factor, rows[r], sums[c][r]);
            }
        }
    }
    for c in 0..C {
        let out = S::as_mut_simd_f64s(&mut out[(column + c) * stride + row * lanes..][..R * lanes]).0;
        for r in 0..R {
            out[r] = simd.add_f64s(out[r], sums[c][r]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_triangles_of_all_sizes() {
        for stride in [8, 16, 24, 40, 64, 72, 128, 136, 200] {
            for count in [0, 1, 15, 48, 300] {
                let vectors: Vec<f64> = (0..count * stride).map(|i| (0.7 * i as f64).sin()).collect();
                let mut out = vec![1.0; stride * stride];
                add_products(&vectors, stride, &mut out);
                for j in 0..stride {
                    for i in j..stride {
                        let exact: f64 = vectors.chunks_exact(stride).map(|w| w[i] * w[j]).sum();
                        assert!(
                            (out[j * stride + i] - 1.0 - exact).abs() < 1e-12,
                            "{stride} {count} {i} {j}"
                        );
                    }
                }
            }
        }
    }
}
