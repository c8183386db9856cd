//! A formula for proofs: sums of multiples, products of powers and elementary functions, whose constants are intervals.
//!
//! The tape that smale computes with folds constants in floating point, so that `x/3` or `0.1*3*x` are not quite the
//! formula that was written. Here a constant is an interval that holds the exact value of the constant expression, a
//! single number where that number is exact. Literals are the floating-point numbers nearest to them.
//!
//! Equal parts are shared, like terms and like powers are collected: derivatives that are worked out in this form
//! come out much as by hand, which makes them quick to evaluate and, since a variable occurs less often, tight.
//!
//! Where the formula is undefined or has a kink must not get lost on the way, not even in a factor that vanishes:
//! each such place is recorded as a [`Guard`] when the function is met.

use std::collections::HashMap;

use super::scalar::{Function, Pairing};
use super::tape::Assemble;
use crate::rigor::Interval;

/// The longest sum or product that is written out inside another one.
const SHORT: usize = 16;

/// Whole exponents up to this size are products; derivatives change them by a few.
const LARGE: i32 = 1 << 20;

/// An operation on earlier slots; the coordinates are the first.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// A constant plus multiples of slots.
    Sum(Box<[(u32, Interval)]>, Interval),
    /// A product of powers of slots, with exponents other than zero.
    Product(Box<[(u32, i32)]>),
    Apply(Function, u32),
    Combine(Pairing, u32, u32),
}

impl Node {
    /// The slots it reads.
    pub(super) fn operands(&self, mut each: impl FnMut(u32)) {
        match self {
            Node::Sum(terms, _) => terms.iter().for_each(|t| each(t.0)),
            Node::Product(factors) => factors.iter().for_each(|f| each(f.0)),
            Node::Apply(_, a) => each(*a),
            Node::Combine(_, a, b) => {
                each(*a);
                each(*b);
            }
        }
    }

    /// Is each constant in it a single number?
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Node::Sum(terms, constant) => constant.is_point() && terms.iter().all(|(_, c)| c.is_point()),
            _ => true,
        }
    }

    /// What makes two nodes the same.
    fn key(&self) -> Vec<u64> {
        let bits = |c: &Interval| [c.lo().to_bits(), c.hi().to_bits()];
        let mut key = vec![];
        match self {
            Node::Sum(terms, constant) => {
                key.push(0);
                key.extend(bits(constant));
                for (slot, c) in terms {
                    key.push((*slot).into());
                    key.extend(bits(c));
                }
            }
            Node::Product(factors) => {
                key.push(1);
                key.extend(factors.iter().flat_map(|(slot, n)| [u64::from(*slot), *n as u64]));
            }
            Node::Apply(f, a) => key.extend([2, *f as u64, u64::from(*a)]),
            Node::Combine(f, a, b) => key.extend([3, *f as u64, u64::from(*a), u64::from(*b)]),
        }
        key
    }
}

/// A constant, or the content of a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Constant(Interval),
    Slot(u32),
}

/// What must hold of a slot all over a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Test {
    Positive(u32),
    NonNegative(u32),
    NonZero(u32),
    /// Absolute value at most 1.
    Within(u32),
    /// Absolute value less than 1.
    Inside(u32),
    Bounded(u32),
    /// The point (second, first) is off the ray where the angle jumps, and off its end.
    OffCut(u32, u32),
}

impl Test {
    /// The slots it reads.
    pub(super) fn operands(self, mut each: impl FnMut(u32)) {
        match self {
            Test::Positive(a)
            | Test::NonNegative(a)
            | Test::NonZero(a)
            | Test::Within(a)
            | Test::Inside(a)
            | Test::Bounded(a) => each(a),
            Test::OffCut(a, b) => {
                each(a);
                each(b);
            }
        }
    }

    /// The same test on other slots.
    pub(super) fn moved(self, to: impl Fn(u32) -> u32) -> Test {
        match self {
            Test::Positive(a) => Test::Positive(to(a)),
            Test::NonNegative(a) => Test::NonNegative(to(a)),
            Test::NonZero(a) => Test::NonZero(to(a)),
            Test::Within(a) => Test::Within(to(a)),
            Test::Inside(a) => Test::Inside(to(a)),
            Test::Bounded(a) => Test::Bounded(to(a)),
            Test::OffCut(a, b) => Test::OffCut(to(a), to(b)),
        }
    }

    /// Does it hold, with these slots?
    #[inline]
    pub(super) fn holds(self, at: impl Fn(u32) -> Interval) -> bool {
        match self {
            Test::Positive(a) => at(a).lo() > 0.0,
            Test::NonNegative(a) => at(a).lo() >= 0.0,
            Test::NonZero(a) => !at(a).contains(0.0),
            Test::Within(a) => at(a).mag() <= 1.0,
            Test::Inside(a) => at(a).mag() < 1.0,
            Test::Bounded(a) => at(a).is_bounded(),
            Test::OffCut(a, b) => !at(a).contains(0.0) || at(b).lo() > 0.0,
        }
    }
}

/// A condition for derivatives up to some order to exist on a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Guard {
    /// The lowest order of derivative that needs it.
    pub(super) order: u8,
    pub(super) test: Test,
}

/// The formula and its derivatives, as far as they have been asked for.
#[derive(Clone, Debug)]
pub(super) struct Circuit {
    /// Number of coordinates.
    pub(super) dim: usize,
    /// What stands for the parameters: their values, or coordinates.
    parameters: Vec<Value>,
    /// What stands for the coordinates, if not they themselves.
    images: Vec<Value>,
    /// The result of number k is in slot `dim + k`.
    pub(super) nodes: Vec<Node>,
    known: HashMap<Vec<u64>, u32>,
    pub(super) guards: Vec<Guard>,
}

impl Circuit {
    pub(super) fn new(dim: usize, parameters: &[f64]) -> Self {
        Circuit {
            dim,
            parameters: parameters.iter().map(|p| Value::Constant(Interval::point(*p))).collect(),
            images: vec![],
            nodes: vec![],
            known: HashMap::new(),
            guards: vec![],
        }
    }

    /// From now on these values stand for the coordinates.
    pub(super) fn map_coordinates(&mut self, images: Vec<Value>) {
        self.images = images;
    }

    /// From now on a coordinate stands for a parameter.
    pub(super) fn vary(&mut self, parameter: usize, coordinate: usize) {
        self.parameters[parameter] = Value::Slot(coordinate as u32);
    }

    /// The node of a slot, if it is no coordinate.
    pub(super) fn node(&self, slot: u32) -> Option<&Node> {
        self.nodes.get((slot as usize).checked_sub(self.dim)?)
    }

    /// Equal nodes are one, but for those with a constant that is not exact: its interval stands for one number (or, where
    /// [`everywhere`](super::everywhere) puts it in the place of a function, for one of its values), and another with the same
    /// ends may be another number.
    fn push(&mut self, node: Node) -> Value {
        let next = (self.dim + self.nodes.len()) as u32;
        let slot = if node.is_exact() { *self.known.entry(node.key()).or_insert(next) } else { next };
        if slot == next {
            self.nodes.push(node);
        }
        Value::Slot(slot)
    }

    /// `-1` times the slot, if that is a short sum of exact multiples that begins with a negative one: of a sum and its
    /// negative, one form is used.
    fn turned(&mut self, slot: u32) -> Option<u32> {
        let node = self.node(slot)?;
        let Node::Sum(terms, _) = node else { return None };
        let negative = terms.first().is_some_and(|(_, c)| c.hi() < 0.0) && terms.len() <= SHORT;
        if !(negative && node.is_exact()) {
            return None;
        }
        match self.sum(&[(Value::Slot(slot), -Interval::ONE)]) {
            Value::Slot(turned) => Some(turned),
            Value::Constant(_) => None,
        }
    }

    fn slot(&mut self, value: Value) -> u32 {
        match value {
            Value::Slot(slot) => slot,
            Value::Constant(c) => match self.push(Node::Sum(Box::new([]), c)) {
                Value::Slot(slot) => slot,
                Value::Constant(_) => unreachable!("push gives slots"),
            },
        }
    }

    /// Records that derivatives from this order on, and with them the formula, need the test to hold.
    fn guard(&mut self, order: u8, value: Value, test: impl Fn(u32) -> Test) {
        // What constants cannot do ends in an unbounded constant, and that in an error.
        if let Value::Slot(slot) = value {
            let guard = Guard { order, test: test(slot) };
            if !self.guards.contains(&guard) || self.guards.len() > 1000 {
                self.guards.push(guard);
            }
        }
    }

    /// `sum_k c_k v_k`.
    pub(super) fn sum(&mut self, parts: &[(Value, Interval)]) -> Value {
        let mut terms: Vec<(u32, Interval)> = Vec::with_capacity(parts.len());
        let mut constant = Interval::ZERO;
        for (value, c) in parts {
            match value {
                Value::Constant(v) => constant = exact::add(constant, exact::mul(*c, *v)),
                Value::Slot(slot) => match self.node(*slot) {
                    Some(Node::Sum(inner, shift)) if inner.len() <= SHORT => {
                        constant = exact::add(constant, exact::mul(*c, *shift));
                        terms.extend(inner.iter().map(|(slot, d)| (*slot, exact::mul(*c, *d))));
                    }
                    _ => terms.push((*slot, *c)),
                },
            }
        }
        terms.sort_by_key(|t| t.0);
        terms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = exact::add(kept.1, next.1);
            }
            same
        });
        terms.retain(|t| t.1 != Interval::ZERO);
        match terms[..] {
            [] => Value::Constant(constant),
            [(slot, c)] if c == Interval::ONE && constant == Interval::ZERO => Value::Slot(slot),
            _ => self.push(Node::Sum(terms.into(), constant)),
        }
    }

    /// The product of powers with whole exponents.
    pub(super) fn product(&mut self, parts: &[(Value, i32)]) -> Value {
        let mut factors: Vec<(u32, i32)> = Vec::with_capacity(parts.len());
        let mut scale = Interval::ONE;
        for (value, n) in parts {
            match value {
                Value::Constant(c) => scale = exact::mul(scale, exact::powi(*c, *n)),
                Value::Slot(slot) => {
                    let mut slot = *slot;
                    if let Some(Node::Sum(terms, shift)) = self.node(slot)
                        && let [(only, c)] = terms[..]
                        && *shift == Interval::ZERO
                    {
                        scale = exact::mul(scale, exact::powi(c, *n));
                        slot = only;
                    } else if let Some(turned) = self.turned(slot) {
                        scale = exact::mul(scale, exact::powi(-Interval::ONE, *n));
                        slot = turned;
                    }
                    match self.node(slot) {
                        Some(Node::Product(inner))
                            if inner.len() <= SHORT
                                && inner.iter().all(|f| f.1.checked_mul(*n).is_some_and(is_small)) =>
                        {
                            factors.extend(inner.iter().map(|(slot, m)| (*slot, m * n)));
                        }
                        _ => factors.push((slot, *n)),
                    }
                }
            }
        }
        factors.sort_by_key(|f| f.0);
        factors.dedup_by(|next, kept| {
            let sum = kept.1.checked_add(next.1);
            let merged = sum.filter(|n| next.0 == kept.0 && is_small(*n));
            kept.1 = merged.unwrap_or(kept.1);
            merged.is_some()
        });
        factors.retain(|f| f.1 != 0);
        if scale == Interval::ZERO {
            return Value::Constant(scale);
        }
        let product = match factors[..] {
            [] => return Value::Constant(scale),
            [(slot, 1)] => Value::Slot(slot),
            _ => self.push(Node::Product(factors.into())),
        };
        if scale == Interval::ONE { product } else { self.sum(&[(product, scale)]) }
    }

    /// A function of one argument, without a guard.
    pub(super) fn function(&mut self, f: Function, a: Value) -> Value {
        match a {
            Value::Constant(c) if c == Interval::ZERO && f.is_piecewise_linear() => a,
            Value::Constant(c) if f == Function::Sqrt => Value::Constant(exact::sqrt(c)),
            Value::Constant(c) => Value::Constant(elementary(f, c)),
            Value::Slot(slot) => {
                let turned = if f.is_even() { self.turned(slot) } else { None };
                self.push(Node::Apply(f, turned.unwrap_or(slot)))
            }
        }
    }
}

fn is_small(n: i32) -> bool {
    n.unsigned_abs() <= LARGE.unsigned_abs()
}

/// A function of an interval.
#[inline]
pub(super) fn elementary(f: Function, a: Interval) -> Interval {
    use Function::*;
    match f {
        Sqrt => a.sqrt(),
        Exp => a.exp(),
        Ln => a.ln(),
        Log10 => a.log10(),
        Sin => a.sin(),
        Cos => a.cos(),
        Tan => a.tan(),
        Asin => a.asin(),
        Acos => a.acos(),
        Atan => a.atan(),
        Sinh => a.sinh(),
        Cosh => a.cosh(),
        Logcosh => a.log_cosh(),
        Erf => a.erf(),
        Tanh => a.tanh(),
        Abs => a.abs(),
        // Between the values on both sides where zero is in it.
        Sign if a.lo() > 0.0 => Interval::ONE,
        Sign if a.hi() < 0.0 => -Interval::ONE,
        Sign => Interval::new(-1.0, 1.0),
        Step if a.lo() > 0.0 => Interval::ONE,
        Step if a.hi() < 0.0 => Interval::ZERO,
        Step => Interval::new(0.0, 1.0),
        Relu => a.max(Interval::ZERO),
        Softplus => a.softplus(),
        Sigmoid => a.sigmoid(),
    }
}

/// A function of two intervals.
#[inline]
pub(super) fn pairing(f: Pairing, a: Interval, b: Interval) -> Interval {
    match f {
        Pairing::Max => a.max(b),
        Pairing::Atan2 => a.atan2(b),
        Pairing::Pow => (b * a.ln()).exp(),
    }
}

impl Assemble for Circuit {
    type Value = Value;

    fn number(&self, c: f64) -> Value {
        Value::Constant(Interval::point(c))
    }

    fn pi(&self) -> Value {
        Value::Constant(Interval::PI)
    }

    fn e(&self) -> Value {
        Value::Constant(Interval::ONE.exp())
    }

    fn coordinate(&self, i: usize) -> Value {
        self.images.get(i).copied().unwrap_or(Value::Slot(i as u32))
    }

    fn parameter(&self, k: usize) -> Value {
        self.parameters[k]
    }

    fn known(&self, value: Value) -> Option<Interval> {
        match value {
            Value::Constant(c) => Some(c),
            Value::Slot(_) => None,
        }
    }

    fn len(&self) -> usize {
        self.nodes.len()
    }

    fn add(&mut self, a: Value, b: Value) -> Value {
        self.sum(&[(a, Interval::ONE), (b, Interval::ONE)])
    }

    fn sub(&mut self, a: Value, b: Value) -> Value {
        self.sum(&[(a, Interval::ONE), (b, -Interval::ONE)])
    }

    fn neg(&mut self, a: Value) -> Value {
        self.sum(&[(a, -Interval::ONE)])
    }

    fn mul(&mut self, a: Value, b: Value) -> Value {
        self.product(&[(a, 1), (b, 1)])
    }

    fn div(&mut self, a: Value, b: Value) -> Value {
        self.guard(0, b, Test::NonZero);
        if let (Value::Constant(a), Value::Constant(b)) = (a, b) {
            return Value::Constant(exact::div(a, b));
        }
        if let Value::Constant(c) = b {
            return self.sum(&[(a, exact::div(Interval::ONE, c))]);
        }
        self.product(&[(a, 1), (b, -1)])
    }

    fn pow(&mut self, a: Value, b: Value) -> Value {
        if let Value::Constant(c) = b {
            if c.is_point() && c.lo().fract() == 0.0 && c.lo().abs() < f64::from(LARGE) {
                if c.lo() < 0.0 {
                    self.guard(0, a, Test::NonZero);
                }
                return self.product(&[(a, c.lo() as i32)]);
            }
            if c == Interval::point(0.5) {
                return self.apply(Function::Sqrt, a);
            }
            self.guard(0, a, if c.lo() > 0.0 { Test::NonNegative } else { Test::Positive });
            self.guard(1, a, Test::Positive);
        } else {
            self.guard(0, a, Test::Positive);
        }
        let log = self.function(Function::Ln, a);
        if self.known(log).is_some_and(|c| !c.is_bounded()) {
            return log;
        }
        let exponent = self.product(&[(b, 1), (log, 1)]);
        self.function(Function::Exp, exponent)
    }

    fn apply(&mut self, f: Function, a: Value) -> Value {
        use Function::*;
        match f {
            Sqrt => {
                self.guard(0, a, Test::NonNegative);
                self.guard(1, a, Test::Positive);
            }
            Ln | Log10 => self.guard(0, a, Test::Positive),
            Asin | Acos => {
                self.guard(0, a, Test::Within);
                self.guard(1, a, Test::Inside);
            }
            Abs | Relu => self.guard(2, a, Test::NonZero),
            Sign | Step => self.guard(1, a, Test::NonZero),
            Exp | Sin | Cos | Tan | Atan | Sinh | Cosh | Tanh | Softplus | Sigmoid | Logcosh | Erf => {}
        }
        let value = self.function(f, a);
        if f == Tan {
            // Unbounded where there is a pole.
            self.guard(0, value, Test::Bounded);
        }
        value
    }

    fn combine(&mut self, f: Pairing, a: Value, b: Value) -> Value {
        match f {
            Pairing::Pow => return self.pow(a, b),
            Pairing::Max => {
                let difference = self.sub(a, b);
                self.guard(2, difference, Test::NonZero);
            }
            Pairing::Atan2 => {}
        }
        if let (Value::Constant(a), Value::Constant(b)) = (a, b) {
            return Value::Constant(pairing(f, a, b));
        }
        let (a, b) = (self.slot(a), self.slot(b));
        if f == Pairing::Atan2 {
            self.guard(0, Value::Slot(a), |a| Test::OffCut(a, b));
        }
        self.push(Node::Combine(f, a, b))
    }

    fn floor(&self, a: Interval) -> Option<Value> {
        (a.lo().floor() == a.hi().floor()).then(|| self.number(a.lo().floor()))
    }

    fn modulo(&self, a: Interval, b: Interval) -> Option<Value> {
        if !a.is_point() || !b.is_point() {
            return None;
        }
        // The remainder of floating-point numbers is one; moved up where it is negative.
        let remainder = Interval::point(a.lo() % b.lo());
        Some(Value::Constant(if remainder.lo() < 0.0 { exact::add(remainder, b.abs()) } else { remainder }))
    }
}

/// Operations on constants: single numbers as long as the result is one, exactly.
pub(super) mod exact {
    use crate::rigor::Interval;

    /// Below this the error of a product may not be a number.
    const SMALL: f64 = 1e-250;

    pub(in super::super) fn add(a: Interval, b: Interval) -> Interval {
        if a.is_point() && b.is_point() {
            let (a, b) = (a.lo(), b.lo());
            let s = a + b;
            let t = s - a;
            if s.is_finite() && (a - (s - t)) + (b - t) == 0.0 {
                return Interval::point(s);
            }
        }
        a + b
    }

    pub(in super::super) fn mul(a: Interval, b: Interval) -> Interval {
        if a.is_point() && b.is_point() {
            let (a, b) = (a.lo(), b.lo());
            let p = a * b;
            if a == 0.0 || b == 0.0 {
                return Interval::ZERO;
            }
            if p.is_finite() && p.abs() > SMALL && a.mul_add(b, -p) == 0.0 {
                return Interval::point(p);
            }
        }
        a * b
    }

    pub(in super::super) fn div(a: Interval, b: Interval) -> Interval {
        if a.is_point() && b.is_point() {
            let (a, b) = (a.lo(), b.lo());
            let q = a / b;
            if q.is_finite() && q.abs() > SMALL && a.abs() > SMALL && q.mul_add(-b, a) == 0.0 {
                return Interval::point(q);
            }
        }
        a / b
    }

    pub(in super::super) fn powi(a: Interval, n: i32) -> Interval {
        if !a.is_point() || n.unsigned_abs() > 64 {
            return a.powi(n);
        }
        let power = (0..n.unsigned_abs()).fold(Interval::ONE, |power, _| mul(power, a));
        if n < 0 { div(Interval::ONE, power) } else { power }
    }

    pub(in super::super) fn sqrt(a: Interval) -> Interval {
        if a.is_point() {
            let root = a.lo().sqrt();
            if mul(Interval::point(root), Interval::point(root)) == a {
                return Interval::point(root);
            }
        }
        a.sqrt()
    }
}
