//! MPFR numbers with their first and second derivatives in n variables: forward differentiation, by the chain rule
//! alone.

use std::ops::{Add, Div, Mul, Neg, Sub};

use rug::Float;
use rug::float::Constant;
use rug::ops::Pow;

/// A function at a point, with its derivatives; lists of derivatives that all vanish are empty.
#[derive(Clone, Debug)]
pub(crate) struct Jet {
    /// Its value.
    pub(crate) value: Float,
    /// Its gradient (length n).
    first: Vec<Float>,
    /// The upper triangle of its Hessian, row by row.
    second: Vec<Float>,
}

/// The variables at a point, to so many bits.
pub(crate) fn variables(x: &[f64], bits: u32) -> Vec<Jet> {
    let unit = |i: usize| (0..x.len()).map(|j| Float::with_val(bits, u8::from(i == j))).collect();
    (0..x.len()).map(|i| Jet { value: Float::with_val(bits, x[i]), first: unit(i), second: vec![] }).collect()
}

impl Jet {
    /// A constant, to as many bits as `self` has.
    pub(crate) fn constant(&self, c: f64) -> Jet {
        Jet::of(Float::with_val(self.bits(), c))
    }

    pub(crate) fn of(value: Float) -> Jet {
        Jet { value, first: vec![], second: vec![] }
    }

    pub(crate) fn bits(&self) -> u32 {
        self.value.prec()
    }

    pub(crate) fn slope(&self, i: usize) -> Float {
        self.first.get(i).cloned().unwrap_or_else(|| Float::new(self.bits()))
    }

    /// Second derivative in variables i and j of n.
    pub(crate) fn curvature(&self, i: usize, j: usize, n: usize) -> Float {
        let (i, j) = (i.min(j), i.max(j));
        let place = i * n - i * (i + 1) / 2 + j;
        self.second.get(place).cloned().unwrap_or_else(|| Float::new(self.bits()))
    }

    /// `f(self)` from the derivatives of f at the value.
    fn chain(&self, [f, f1, f2]: [Float; 3]) -> Jet {
        let bits = self.bits();
        let first: Vec<Float> = self.first.iter().map(|u| Float::with_val(bits, &f1 * u)).collect();
        let mut second = vec![];
        let bent = !f2.is_zero();
        if !self.first.is_empty() && (bent || !self.second.is_empty()) {
            let n = self.first.len();
            for i in 0..n {
                let pushed = Float::with_val(bits, &f2 * &self.first[i]);
                for j in i..n {
                    let mut sum = Float::with_val(bits, &pushed * &self.first[j]);
                    if let Some(u) = self.second.get(second.len()) {
                        sum += Float::with_val(bits, &f1 * u);
                    }
                    second.push(sum);
                }
            }
        }
        Jet { value: f, first, second }
    }

    pub(crate) fn scale(&self, c: f64) -> Jet {
        let times = |v: &Vec<Float>| v.iter().map(|x| Float::with_val(self.bits(), x * c)).collect();
        Jet {
            value: Float::with_val(self.bits(), &self.value * c),
            first: times(&self.first),
            second: times(&self.second),
        }
    }

    pub(crate) fn shift(&self, c: f64) -> Jet {
        Jet { value: Float::with_val(self.bits(), &self.value + c), ..self.clone() }
    }

    fn float(&self, x: f64) -> Float {
        Float::with_val(self.bits(), x)
    }

    pub(crate) fn recip(&self) -> Jet {
        let f = self.value.clone().recip();
        let f1 = -f.clone().square();
        let f2 = Float::with_val(self.bits(), &f1 * &f) * -2;
        self.chain([f, f1, f2])
    }

    pub(crate) fn square(&self) -> Jet {
        self * self
    }

    pub(crate) fn exp(&self) -> Jet {
        let f = self.value.clone().exp();
        self.chain([f.clone(), f.clone(), f])
    }

    pub(crate) fn exp_m1(&self) -> Jet {
        let f = self.value.clone().exp();
        self.chain([self.value.clone().exp_m1(), f.clone(), f])
    }

    pub(crate) fn ln(&self) -> Jet {
        let f1 = self.value.clone().recip();
        let f2 = -f1.clone().square();
        self.chain([self.value.clone().ln(), f1, f2])
    }

    pub(crate) fn log10(&self) -> Jet {
        &self.ln() / &Jet::of(self.float(10.0).ln())
    }

    pub(crate) fn sqrt(&self) -> Jet {
        let f = self.value.clone().sqrt();
        let f1 = f.clone().recip() / 2;
        let f2 = -Float::with_val(self.bits(), &f1 / &self.value) / 2;
        self.chain([f, f1, f2])
    }

    /// The value as an argument of a periodic function: not a number where as many digits of pi as it is large would be
    /// needed.
    fn angle(&self) -> Float {
        let huge = self.value.get_exp().is_some_and(|e| e > 4000);
        if huge { self.float(f64::NAN) } else { self.value.clone() }
    }

    pub(crate) fn sin(&self) -> Jet {
        let (s, c) = self.angle().sin_cos(Float::new(self.bits()));
        self.chain([s.clone(), c, -s])
    }

    pub(crate) fn cos(&self) -> Jet {
        let (s, c) = self.angle().sin_cos(Float::new(self.bits()));
        self.chain([c.clone(), -s, -c])
    }

    pub(crate) fn tan(&self) -> Jet {
        let t = self.angle().tan();
        let f1 = t.clone().square() + 1;
        let f2 = Float::with_val(self.bits(), &t * &f1) * 2;
        self.chain([t, f1, f2])
    }

    /// `1/sqrt(1 - t^2)` and its derivative.
    fn arc(&self) -> (Float, Float) {
        let t = &self.value;
        let rest = (Float::with_val(self.bits(), 1 - t)) * (Float::with_val(self.bits(), 1 + t));
        let f1 = rest.clone().sqrt().recip();
        let f2 = Float::with_val(self.bits(), &f1 * t) / rest;
        (f1, f2)
    }

    pub(crate) fn asin(&self) -> Jet {
        let (f1, f2) = self.arc();
        self.chain([self.value.clone().asin(), f1, f2])
    }

    pub(crate) fn acos(&self) -> Jet {
        let (f1, f2) = self.arc();
        self.chain([self.value.clone().acos(), -f1, -f2])
    }

    pub(crate) fn atan(&self) -> Jet {
        let f1 = Float::with_val(self.bits(), self.value.clone().square() + 1).recip();
        let f2 = f1.clone().square() * &self.value * -2;
        self.chain([self.value.clone().atan(), f1, f2])
    }

    pub(crate) fn sinh(&self) -> Jet {
        let (s, c) = (self.value.clone().sinh(), self.value.clone().cosh());
        self.chain([s.clone(), c, s])
    }

    pub(crate) fn cosh(&self) -> Jet {
        let (s, c) = (self.value.clone().sinh(), self.value.clone().cosh());
        self.chain([c.clone(), s, c])
    }

    pub(crate) fn tanh(&self) -> Jet {
        let t = self.value.clone().tanh();
        let f1 = self.value.clone().cosh().recip().square();
        let f2 = Float::with_val(self.bits(), &t * &f1) * -2;
        self.chain([t, f1, f2])
    }

    pub(crate) fn erf(&self) -> Jet {
        let (f1, f2) = self.bell();
        self.chain([self.value.clone().erf(), f1, f2])
    }

    pub(crate) fn erfc(&self) -> Jet {
        let (f1, f2) = self.bell();
        self.chain([self.value.clone().erfc(), -f1, -f2])
    }

    /// `2/sqrt(pi) exp(-t^2)` and its derivative.
    fn bell(&self) -> (Float, Float) {
        let bits = self.bits();
        let f1 = (-self.value.clone().square()).exp() * 2 / Float::with_val(bits, Constant::Pi).sqrt();
        let f2 = Float::with_val(bits, &f1 * &self.value) * -2;
        (f1, f2)
    }

    /// The logistic function `1/(1 + exp(-t))`.
    pub(crate) fn sigmoid(&self) -> Jet {
        let e = (-self.value.clone().abs()).exp();
        let large = Float::with_val(self.bits(), &e + 1).recip();
        let small = Float::with_val(self.bits(), &e * &large);
        let f1 = Float::with_val(self.bits(), &large * &small);
        let (s, c) = if self.value.is_sign_negative() { (small, large) } else { (large, small) };
        let f2 = (c - &s) * &f1;
        self.chain([s, f1, f2])
    }

    /// `log(1 + exp t)`.
    pub(crate) fn softplus(&self) -> Jet {
        let e = (-self.value.clone().abs()).exp();
        let rest = e.ln_1p();
        let f = if self.value.is_sign_negative() { rest } else { rest + &self.value };
        let slope = Jet::of(self.value.clone()).sigmoid().value;
        let e = (-self.value.clone().abs()).exp();
        let f2 = Float::with_val(self.bits(), &e / Float::with_val(self.bits(), &e + 1).square());
        self.chain([f, slope, f2])
    }

    /// `log cosh t`.
    pub(crate) fn log_cosh(&self) -> Jet {
        let size = self.value.clone().abs();
        let e = Float::with_val(self.bits(), -2 * &size).exp();
        let f = size + e.ln_1p() - Float::with_val(self.bits(), Constant::Log2);
        let f1 = self.value.clone().tanh();
        let f2 = self.value.clone().cosh().recip().square();
        self.chain([f, f1, f2])
    }

    /// A whole power.
    pub(crate) fn powi(&self, k: i32) -> Jet {
        let power = |factor: i32, k: i32| {
            if factor == 0 { Float::new(self.bits()) } else { self.value.clone().pow(k) * factor }
        };
        self.chain([power(1, k), power(k, k - 1), power(k * (k - 1), k - 2)])
    }

    /// A power of a positive number.
    pub(crate) fn powf(&self, c: f64) -> Jet {
        let c = self.float(c);
        let power = |less: i32| {
            let exponent = Float::with_val(self.bits(), &c - less);
            let bounded = self.value.is_zero() && exponent.is_zero();
            if bounded { self.float(1.0) } else { self.value.clone().pow(exponent) }
        };
        let (f1, f2) = (power(1) * &c, power(2) * &c * Float::with_val(self.bits(), &c - 1));
        if self.value.is_sign_negative() && !self.value.is_zero() {
            let nan = || self.float(f64::NAN);
            return self.chain([nan(), nan(), nan()]);
        }
        self.chain([power(0), f1, f2])
    }

    pub(crate) fn pow(&self, other: &Jet) -> Jet {
        (other * &self.ln()).exp()
    }

    pub(crate) fn abs(&self) -> Jet {
        if self.value.is_sign_negative() { -self } else { self.clone() }
    }

    /// `max(t, 0)`.
    pub(crate) fn relu(&self) -> Jet {
        if self.value > 0 { self.clone() } else { self.constant(0.0) }
    }

    /// The angle of the point `(x, self)`.
    pub(crate) fn atan2(&self, x: &Jet) -> Jet {
        // Up to a constant it is atan(y/x) or -atan(x/y), whichever has the smaller argument.
        let steep = self.value.clone().abs() > x.value.clone().abs();
        let jet = if steep { -&(x / self).atan() } else { (self / x).atan() };
        Jet { value: self.value.clone().atan2(&x.value), ..jet }
    }
}

/// Adds lists, of which an empty one is zero.
fn merge(a: &[Float], b: &[Float], minus: bool, bits: u32) -> Vec<Float> {
    let signed = |x: &Float| if minus { Float::with_val(bits, -x) } else { x.clone() };
    match (a.is_empty(), b.is_empty()) {
        (_, true) => a.to_vec(),
        (true, false) => b.iter().map(signed).collect(),
        (false, false) if minus => a.iter().zip(b).map(|(a, b)| Float::with_val(bits, a - b)).collect(),
        (false, false) => a.iter().zip(b).map(|(a, b)| Float::with_val(bits, a + b)).collect(),
    }
}

impl Add for &Jet {
    type Output = Jet;
    fn add(self, o: &Jet) -> Jet {
        let bits = self.bits();
        Jet {
            value: Float::with_val(bits, &self.value + &o.value),
            first: merge(&self.first, &o.first, false, bits),
            second: merge(&self.second, &o.second, false, bits),
        }
    }
}

impl Sub for &Jet {
    type Output = Jet;
    fn sub(self, o: &Jet) -> Jet {
        let bits = self.bits();
        Jet {
            value: Float::with_val(bits, &self.value - &o.value),
            first: merge(&self.first, &o.first, true, bits),
            second: merge(&self.second, &o.second, true, bits),
        }
    }
}

impl Neg for &Jet {
    type Output = Jet;
    fn neg(self) -> Jet {
        self.scale(-1.0)
    }
}

impl Mul for &Jet {
    type Output = Jet;
    fn mul(self, o: &Jet) -> Jet {
        let bits = self.bits();
        let times = |list: &[Float], c: &Float| -> Vec<Float> {
            list.iter().map(|x| Float::with_val(bits, x * c)).collect()
        };
        let first = merge(&times(&self.first, &o.value), &times(&o.first, &self.value), false, bits);
        let mut second = merge(&times(&self.second, &o.value), &times(&o.second, &self.value), false, bits);
        if !self.first.is_empty() && !o.first.is_empty() {
            let (a, b, n) = (&self.first, &o.first, self.first.len());
            let mixed = (0..n).flat_map(|i| (i..n).map(move |j| (i, j)));
            let mixed: Vec<Float> =
                mixed.map(|(i, j)| Float::with_val(bits, &a[i] * &b[j] + &a[j] * &b[i])).collect();
            second = merge(&second, &mixed, false, bits);
        }
        Jet { value: Float::with_val(bits, &self.value * &o.value), first, second }
    }
}

impl Div for &Jet {
    type Output = Jet;
    #[allow(clippy::suspicious_arithmetic_impl, reason = "the reciprocal has the derivatives")]
    fn div(self, o: &Jet) -> Jet {
        self * &o.recip()
    }
}

/// The sum; `like` tells the bits.
pub(crate) fn sum<'a>(terms: impl IntoIterator<Item = &'a Jet>, like: &Jet) -> Jet {
    terms.into_iter().fold(like.constant(0.0), |s, t| &s + t)
}

/// `a.b` of jets with numbers.
pub(crate) fn dot(x: &[Jet], y: &[f64]) -> Jet {
    x.iter().zip(y).fold(x[0].constant(0.0), |s, (x, y)| &s + &x.scale(*y))
}

/// `log sum_k w_k exp(l_k)`, of which the largest exponential is taken out.
pub(crate) fn log_sum_exp(logits: &[Jet], weights: &[f64]) -> Jet {
    let largest = logits.iter().fold(&logits[0].value, |m, l| if l.value > *m { &l.value } else { m });
    let shift = Jet::of(largest.clone());
    let terms: Vec<Jet> = logits.iter().zip(weights).map(|(l, w)| (l - &shift).exp().scale(*w)).collect();
    &sum(&terms, &logits[0]).ln() + &shift
}
