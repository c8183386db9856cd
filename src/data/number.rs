//! Numbers as bytes: the element types that array files hold, to f64.

/// Kind of number; the width is apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Float,
    /// The upper half of an f32.
    Bfloat,
    Signed,
    Unsigned,
    Bool,
}

/// An element type: kind, bytes each and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) form: Form,
    pub(super) bytes: usize,
    pub(super) big_endian: bool,
}

impl Number {
    /// Does [`Number::decode`] know this type?
    pub(super) fn known(self) -> bool {
        match self.form {
            Form::Float => matches!(self.bytes, 2 | 4 | 8),
            Form::Bfloat => self.bytes == 2,
            Form::Signed | Form::Unsigned => matches!(self.bytes, 1 | 2 | 4 | 8),
            Form::Bool => self.bytes == 1,
        }
    }

    /// Hands the numbers of `data` one after the other to `put`. Whole numbers beyond 2^53 are rounded.
    pub(super) fn decode(self, data: &[u8], mut put: impl FnMut(f64)) {
        // One match for all elements, so that each arm is a tight loop.
        match (self.form, self.bytes) {
            (Form::Float, 8) => self.each(data, |b| put(f64::from_le_bytes(b))),
            (Form::Float, 4) => self.each(data, |b| put(f64::from(f32::from_le_bytes(b)))),
            (Form::Float, _) => self.each(data, |b| put(half(u16::from_le_bytes(b)))),
            (Form::Bfloat, _) => {
                self.each(data, |b| put(f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))));
            }
            (Form::Signed, 1) => self.each(data, |b| put(f64::from(i8::from_le_bytes(b)))),
            (Form::Signed, 2) => self.each(data, |b| put(f64::from(i16::from_le_bytes(b)))),
            (Form::Signed, 4) => self.each(data, |b| put(f64::from(i32::from_le_bytes(b)))),
            (Form::Signed, _) => self.each(data, |b| put(i64::from_le_bytes(b) as f64)),
            (Form::Unsigned, 1) => self.each(data, |b| put(f64::from(u8::from_le_bytes(b)))),
            (Form::Unsigned, 2) => self.each(data, |b| put(f64::from(u16::from_le_bytes(b)))),
            (Form::Unsigned, 4) => self.each(data, |b| put(f64::from(u32::from_le_bytes(b)))),
            (Form::Unsigned, _) => self.each(data, |b| put(u64::from_le_bytes(b) as f64)),
            (Form::Bool, _) => self.each(data, |b: [u8; 1]| put(f64::from(u8::from(b[0] != 0)))),
        }
    }

    /// Hands the elements to `put` as little-endian bytes.
    fn each<const N: usize>(self, data: &[u8], mut put: impl FnMut([u8; N])) {
        for element in data.as_chunks::<N>().0 {
            let mut bytes = *element;
            if self.big_endian {
                bytes.reverse();
            }
            put(bytes);
        }
    }
}

/// IEEE 754 half precision to f64, exactly.
pub(super) fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff);
    match (bits >> 10) & 0x1f {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        e => sign * (1.0 + fraction / 1024.0) * 2f64.powi(i32::from(e) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_by_its_definition() {
        // Values from the table of IEEE 754 binary16.
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x3555, 0.333251953125),
            (0x0400, 6.103515625e-5),
            (0x0001, 5.960464477539063e-8),
            (0x0000, 0.0),
        ] {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
    }
}
