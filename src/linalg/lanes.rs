//! Numbers of eight problems of one kind side by side, one in each lane of the processor's vectors; where those are shorter, in parts.

use std::ops::{Add, Div, Mul, Neg, Sub};

use pulp::Simd;

/// Problems side by side.
pub(crate) const LANES: usize = 8;

/// A number of each of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane(pub(crate) [f64; LANES]);

impl Lane {
    pub(crate) const ZERO: Lane = Lane([0.0; LANES]);

    /// The same of all.
    pub(crate) fn splat(value: f64) -> Lane {
        Lane([value; LANES])
    }
}

/// Something that is so of some of them.
pub(crate) type Which = [bool; LANES];

/// Numbers of as many of them as the processor's vectors hold: part of a [`Lane`].
#[derive(Clone, Copy)]
pub(crate) struct Part<S: Simd> {
    simd: S,
    value: S::f64s,
}

/// The parts of a lane.
#[inline(always)]
pub(crate) fn parts<S: Simd>(_: S) -> std::ops::Range<usize> {
    0..LANES / S::F64_LANES
}

/// The lanes of a part.
#[inline(always)]
pub(crate) fn lanes<S: Simd>(_: S, part: usize) -> std::ops::Range<usize> {
    part * S::F64_LANES..(part + 1) * S::F64_LANES
}

impl<S: Simd> Part<S> {
    #[inline(always)]
    pub(crate) fn splat(simd: S, value: f64) -> Self {
        Part { simd, value: simd.splat_f64s(value) }
    }

    #[inline(always)]
    pub(crate) fn load(simd: S, lane: &Lane, part: usize) -> Self {
        Part { simd, value: S::as_simd_f64s(&lane.0).0[part] }
    }

    #[inline(always)]
    pub(crate) fn store(self, lane: &mut Lane, part: usize) {
        S::as_mut_simd_f64s(&mut lane.0).0[part] = self.value;
    }

    /// `self * x + y`, rounded once.
    #[inline(always)]
    pub(crate) fn times_plus(self, x: Self, y: Self) -> Self {
        Part { value: self.simd.mul_add_f64s(self.value, x.value, y.value), ..self }
    }

    #[inline(always)]
    pub(crate) fn sqrt(self) -> Self {
        Part { value: self.simd.sqrt_f64s(self.value), ..self }
    }

    #[inline(always)]
    pub(crate) fn abs(self) -> Self {
        Part { value: self.simd.abs_f64s(self.value), ..self }
    }

    /// With the signs of `other`.
    #[inline(always)]
    pub(crate) fn copysign(self, other: Self) -> Self {
        let simd = self.simd;
        let sign = simd.and_f64s(simd.splat_f64s(-0.0), other.value);
        Part { value: simd.or_f64s(self.abs().value, sign), simd }
    }

    /// Where this is greater than `other` what is in `then`, elsewhere what is in `otherwise`.
    #[inline(always)]
    pub(crate) fn exceeds(self, other: Self, then: Self, otherwise: Self) -> Self {
        let simd = self.simd;
        let greater = simd.greater_than_f64s(self.value, other.value);
        Part { value: simd.select_f64s(greater, then.value, otherwise.value), simd }
    }

    #[inline(always)]
    pub(crate) fn max(self, other: Self) -> Self {
        other.exceeds(self, other, self)
    }
}

impl<S: Simd> Add for Part<S> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Part { value: self.simd.add_f64s(self.value, other.value), ..self }
    }
}

impl<S: Simd> Sub for Part<S> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Part { value: self.simd.sub_f64s(self.value, other.value), ..self }
    }
}

impl<S: Simd> Mul for Part<S> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Part { value: self.simd.mul_f64s(self.value, other.value), ..self }
    }
}

impl<S: Simd> Div for Part<S> {
    type Output = Self;

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Part { value: self.simd.div_f64s(self.value, other.value), ..self }
    }
}

impl<S: Simd> Neg for Part<S> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Part { value: self.simd.neg_f64s(self.value), ..self }
    }
}

/// `sum x_i y_i`.
#[inline(always)]
pub(crate) fn inner<S: Simd>(simd: S, x: &[Lane], y: &[Lane], part: usize) -> Part<S> {
    let mut sum = Part::splat(simd, 0.0);
    for (x, y) in x.iter().zip(y) {
        sum = Part::load(simd, x, part).times_plus(Part::load(simd, y, part), sum);
    }
    sum
}

/// `sum x_i y_i`, of all parts.
#[inline(always)]
pub(crate) fn along<S: Simd>(simd: S, x: &[Lane], y: &[Lane]) -> Lane {
    let mut out = Lane::ZERO;
    for part in parts(simd) {
        inner(simd, x, y, part).store(&mut out, part);
    }
    out
}

/// `|x|`, of large and small numbers, too.
#[inline(always)]
pub(crate) fn length<S: Simd>(simd: S, x: &[Lane]) -> Lane {
    let mut out = Lane::ZERO;
    for part in parts(simd) {
        let get = |lane: &Lane| Part::load(simd, lane, part);
        // A number that is too small to be divided by is as good as zero.
        let mut largest = Part::splat(simd, 1e-300);
        for x in x {
            largest = largest.max(get(x).abs());
        }
        let factor = Part::splat(simd, 1.0) / largest;
        let mut sum = Part::splat(simd, 0.0);
        for x in x {
            let share = factor * get(x);
            sum = share.times_plus(share, sum);
        }
        (largest * sum.sqrt()).store(&mut out, part);
    }
    out
}
