//! What sweeps do to states besides matrix products, in vector code.
//!
//! States carry components: the value alone (one component), the value and its derivative along a direction u (two), or
//! the value, the derivatives along u and v and the mixed second derivative (four). A component's number is a subset of
//! the directions: bit 0 for u, bit 1 for v. Products and chain rules of such truncated polynomials are the same for all
//! three, so one sweep computes energies, gradients, Hessian-vector products or third derivatives (Griewank & Walther,
//! "Evaluating Derivatives", chapter 13).

use std::array;

use pulp::{Arch, NullaryFnOnce};

use crate::landscape::exp::BLOCK;

/// Product of two truncated polynomials.
#[inline(always)]
pub(super) fn product<const K: usize>(a: [f64; K], b: [f64; K]) -> [f64; K] {
    let mut c = [0.0; K];
    for i in 0..K {
        for j in 0..K {
            if i & j == 0 {
                c[i | j] += a[i] * b[j];
            }
        }
    }
    c
}

/// A function with value `f[0]` and derivatives `f[1]`, `f[2]` at `a[0]`, of the truncated polynomial `a`.
#[inline(always)]
pub(super) fn chain<const K: usize>(f: [f64; 3], a: [f64; K]) -> [f64; K] {
    let mut c = [0.0; K];
    c[0] = f[0];
    for i in 1..K {
        c[i] = f[1] * a[i];
    }
    if K == 4 {
        c[3] += f[2] * a[1] * a[2];
    }
    c
}

/// `state = state * factor`, as truncated polynomials.
pub(super) fn multiply<const K: usize>(state: [&mut [f64]; K], factor: [&[f64]; K]) {
    Arch::new().dispatch(Multiply { state, factor });
}

struct Multiply<'a, const K: usize> {
    state: [&'a mut [f64]; K],
    factor: [&'a [f64]; K],
}

impl<const K: usize> NullaryFnOnce for Multiply<'_, K> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Multiply { mut state, factor } = self;
        let length = state[0].len();
        let whole = length - length % BLOCK;
        for start in (0..whole).step_by(BLOCK) {
            multiply_step(&mut state, &factor, start, BLOCK);
        }
        if whole < length {
            multiply_step(&mut state, &factor, whole, length - whole);
        }
    }
}

#[inline(always)]
fn multiply_step<const K: usize>(
    state: &mut [&mut [f64]; K],
    factor: &[&[f64]; K],
    start: usize,
    length: usize,
) {
    let range = start..start + length;
    let (mut a, mut b) = ([[0.0; BLOCK]; K], [[0.0; BLOCK]; K]);
    for k in 0..K {
        a[k][..length].copy_from_slice(&state[k][range.clone()]);
        b[k][..length].copy_from_slice(&factor[k][range.clone()]);
    }
    for i in 0..BLOCK {
        let c = product(array::from_fn(|k| a[k][i]), array::from_fn::<f64, K, _>(|k| b[k][i]));
        for k in 0..K {
            a[k][i] = c[k];
        }
    }
    for k in 0..K {
        state[k][range.clone()].copy_from_slice(&a[k][..length]);
    }
}

/// Multiplies each stretch of `state` as long as `factor` by that, entry by entry.
pub(super) fn scale(state: &mut [f64], factor: &[f64]) {
    Arch::new().dispatch(Scale { state, factor });
}

struct Scale<'a> {
    state: &'a mut [f64],
    factor: &'a [f64],
}

impl NullaryFnOnce for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for stretch in self.state.chunks_exact_mut(self.factor.len()) {
            for (state, factor) in stretch.iter_mut().zip(self.factor) {
                *state *= factor;
            }
        }
    }
}

/// Copies each column of `state`, as long as `slopes`, to the head of a column of `s` and, times `curvatures`, of `f`, both with
/// `rows` numbers a column; then multiplies it by `slopes`.
pub(super) fn stack_and_scale(
    state: &mut [f64],
    slopes: &[f64],
    curvatures: &[f64],
    s: &mut [f64],
    f: &mut [f64],
    rows: usize,
) {
    Arch::new().dispatch(StackAndScale { state, slopes, curvatures, s, f, rows });
}

struct StackAndScale<'a> {
    state: &'a mut [f64],
    slopes: &'a [f64],
    curvatures: &'a [f64],
    s: &'a mut [f64],
    f: &'a mut [f64],
    rows: usize,
}

impl NullaryFnOnce for StackAndScale<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let StackAndScale { state, slopes, curvatures, s, f, rows } = self;
        let outs = s.chunks_mut(rows).zip(f.chunks_mut(rows));
        for (column, (s, f)) in state.chunks_exact_mut(slopes.len()).zip(outs) {
            let factors = slopes.iter().zip(curvatures);
            for (((state, s), f), (slope, curvature)) in column.iter_mut().zip(s).zip(f).zip(factors) {
                let value = *state;
                *s = value;
                *f = value * curvature;
                *state = value * slope;
            }
        }
    }
}

/// Stretch by stretch, as long as `factor` and `c`: `state = state * factor + c * kept`.
pub(super) fn multiply_add(state: &mut [f64], factor: &[f64], c: &[f64], kept: &[f64]) {
    Arch::new().dispatch(MultiplyAdd { state, factor, c, kept });
}

struct MultiplyAdd<'a> {
    state: &'a mut [f64],
    factor: &'a [f64],
    c: &'a [f64],
    kept: &'a [f64],
}

impl NullaryFnOnce for MultiplyAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let length = self.factor.len();
        for (state, kept) in self.state.chunks_exact_mut(length).zip(self.kept.chunks_exact(length)) {
            let entries = state.iter_mut().zip(self.factor).zip(self.c.iter().zip(kept));
            for ((state, factor), (c, kept)) in entries {
                *state = c.mul_add(*kept, *state * factor);
            }
        }
    }
}

/// Adds `bias` to every column of `state`.
pub(super) fn add_bias(state: &mut [f64], bias: &[f64]) {
    Arch::new().dispatch(AddBias { state, bias });
}

struct AddBias<'a> {
    state: &'a mut [f64],
    bias: &'a [f64],
}

impl NullaryFnOnce for AddBias<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for column in self.state.chunks_exact_mut(self.bias.len()) {
            for (state, bias) in column.iter_mut().zip(self.bias) {
                *state += bias;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_leave_out_squares_of_directions() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
        // (1 + 2u + 3v + 4uv)(5 + 6u + 7v + 8uv) with u^2 = v^2 = 0.
        assert_eq!(product(a, b), [5.0, 16.0, 22.0, 8.0 + 14.0 + 18.0 + 20.0]);
    }
}
