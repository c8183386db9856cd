//! Numbers of twice the precision (pairs whose sum is the value, about 106 bits): Dekker's and Knuth's error-free sums
//! and products, and the functions that memories are made of.

use std::ops::{Add, Div, Mul, Neg, Sub};

#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64, pub f64);

pub const LN_2: Double = Double(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

fn sum(a: f64, b: f64) -> Double {
    let s = a + b;
    let t = s - a;
    Double(s, (a - (s - t)) + (b - t))
}

fn quick(a: f64, b: f64) -> Double {
    let s = a + b;
    Double(s, b - (s - a))
}

pub fn d(a: f64) -> Double {
    Double(a, 0.0)
}

impl Add for Double {
    type Output = Double;
    fn add(self, o: Double) -> Double {
        let (s, t) = (sum(self.0, o.0), sum(self.1, o.1));
        let s = quick(s.0, s.1 + t.0);
        quick(s.0, s.1 + t.1)
    }
}

impl Neg for Double {
    type Output = Double;
    fn neg(self) -> Double {
        Double(-self.0, -self.1)
    }
}

impl Sub for Double {
    type Output = Double;
    fn sub(self, o: Double) -> Double {
        self + -o
    }
}

impl Mul for Double {
    type Output = Double;
    fn mul(self, o: Double) -> Double {
        let p = self.0 * o.0;
        let e = self.0.mul_add(o.0, -p);
        quick(p, e + (self.0 * o.1 + self.1 * o.0))
    }
}

impl Div for Double {
    type Output = Double;
    fn div(self, o: Double) -> Double {
        let a = self.0 / o.0;
        let r = self - o * d(a);
        let b = r.0 / o.0;
        let r = r - o * d(b);
        sum(a, b) + d(r.0 / o.0)
    }
}

impl Double {
    pub fn abs(self) -> Double {
        if self.0 < 0.0 { -self } else { self }
    }

    pub fn exp(self) -> Double {
        let k = (self.0 / std::f64::consts::LN_2).round();
        let r = (self - LN_2 * d(k)) * d(1.0 / 256.0);
        let mut term = d(1.0);
        let mut e = d(0.0);
        for i in 1..14 {
            term = term * r / d(f64::from(i));
            e = e + term;
        }
        // (1 + e)^2 - 1, eight times.
        for _ in 0..8 {
            e = e + e + e * e;
        }
        let e = e + d(1.0);
        let power = 2f64.powi(k as i32);
        Double(e.0 * power, e.1 * power)
    }

    pub fn ln(self) -> Double {
        let y = d(self.0.ln());
        let y = y + self * (-y).exp() - d(1.0);
        y + self * (-y).exp() - d(1.0)
    }

    pub fn tanh(self) -> Double {
        let e = (d(-2.0) * self.abs()).exp();
        let t = (d(1.0) - e) / (d(1.0) + e);
        if self.0 < 0.0 { -t } else { t }
    }

    pub fn sigmoid(self) -> Double {
        let e = (-self.abs()).exp();
        if self.0 < 0.0 { e / (d(1.0) + e) } else { d(1.0) / (d(1.0) + e) }
    }

    /// A power of a positive number, or a whole one.
    pub fn pow(self, p: f64) -> Double {
        if p == 0.0 {
            return d(1.0);
        }
        if p.fract() == 0.0 && p > 0.0 {
            return (1..p as usize).fold(self, |q, _| q * self);
        }
        (self.ln() * d(p)).exp()
    }

    /// Is it between two numbers?
    pub fn within(self, low: f64, high: f64) -> bool {
        (self - d(low)).0 >= 0.0 && (d(high) - self).0 >= 0.0
    }
}
