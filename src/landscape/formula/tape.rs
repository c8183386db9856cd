//! The tape: a formula as a flat list of operations, each on earlier results, and its evaluation.
//!
//! One forward pass gives the value; one reverse pass gives the derivative in every input. Both are generic over
//! [`Scalar`], so derivatives of higher order are the same two passes in dual numbers.

use std::any::Any;
use std::cell::RefCell;

use super::scalar::{Function, Pairing, Scalar};
use crate::hash::QuickMap;
use crate::rigor::Interval;

/// What a formula is built of when its loops are written out: values that are constants or not, and operations on them.
pub(super) trait Assemble {
    /// A constant, or something that depends on coordinates or parameters.
    type Value: Copy;

    /// A number of the text.
    fn number(&self, c: f64) -> Self::Value;
    /// Pi.
    fn pi(&self) -> Self::Value;
    /// Euler's number.
    fn e(&self) -> Self::Value;
    /// Coordinate number i.
    fn coordinate(&self, i: usize) -> Self::Value;
    /// Parameter number k.
    fn parameter(&self, k: usize) -> Self::Value;
    /// What is known of a constant, all reals if it is not finite; `None` of anything else.
    fn known(&self, value: Self::Value) -> Option<Interval>;
    /// Number of operations so far.
    fn len(&self) -> usize;
    /// `a + b`.
    fn add(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
    /// `a - b`.
    fn sub(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
    /// `-a`.
    fn neg(&mut self, a: Self::Value) -> Self::Value;
    /// `a b`.
    fn mul(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
    /// `a / b`.
    fn div(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
    /// `a^b`.
    fn pow(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
    /// A function of one argument.
    fn apply(&mut self, f: Function, a: Self::Value) -> Self::Value;
    /// A function of two arguments.
    fn combine(&mut self, f: Pairing, a: Self::Value, b: Self::Value) -> Self::Value;
    /// The largest whole number up to a constant; `None` if it cannot be told.
    fn floor(&self, a: Interval) -> Option<Self::Value>;
    /// The remainder of constants, at least zero; `None` if it cannot be told.
    fn modulo(&self, a: Interval, b: Interval) -> Option<Self::Value>;
}

/// An operation. Operands are slots: first the inputs (coordinates, then parameters), then the results in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Constant(f64),
    Add(u32, u32),
    Sub(u32, u32),
    Mul(u32, u32),
    Div(u32, u32),
    Neg(u32),
    Scale(u32, f64),
    Shift(u32, f64),
    Powi(u32, i32),
    Powc(u32, f64),
    Apply(Function, u32),
    Combine(Pairing, u32, u32),
}

impl Op {
    /// The operands; a missing one is `None`.
    pub(super) fn operands(self) -> [Option<u32>; 2] {
        match self {
            Op::Constant(_) => [None, None],
            Op::Add(a, b) | Op::Sub(a, b) | Op::Mul(a, b) | Op::Div(a, b) | Op::Combine(_, a, b) => {
                [Some(a), Some(b)]
            }
            Op::Neg(a)
            | Op::Scale(a, _)
            | Op::Shift(a, _)
            | Op::Powi(a, _)
            | Op::Powc(a, _)
            | Op::Apply(_, a) => [Some(a), None],
        }
    }

    /// The same operation on other slots.
    fn moved(self, to: impl Fn(u32) -> u32) -> Op {
        match self {
            Op::Constant(c) => Op::Constant(c),
            Op::Add(a, b) => Op::Add(to(a), to(b)),
            Op::Sub(a, b) => Op::Sub(to(a), to(b)),
            Op::Mul(a, b) => Op::Mul(to(a), to(b)),
            Op::Div(a, b) => Op::Div(to(a), to(b)),
            Op::Neg(a) => Op::Neg(to(a)),
            Op::Scale(a, c) => Op::Scale(to(a), c),
            Op::Shift(a, c) => Op::Shift(to(a), c),
            Op::Powi(a, n) => Op::Powi(to(a), n),
            Op::Powc(a, c) => Op::Powc(to(a), c),
            Op::Apply(f, a) => Op::Apply(f, to(a)),
            Op::Combine(f, a, b) => Op::Combine(f, to(a), to(b)),
        }
    }

    /// What makes two operations the same.
    fn key(self) -> (u8, u32, u64) {
        match self {
            Op::Constant(c) => (0, 0, c.to_bits()),
            Op::Add(a, b) => (1, a, b.into()),
            Op::Sub(a, b) => (2, a, b.into()),
            Op::Mul(a, b) => (3, a, b.into()),
            Op::Div(a, b) => (4, a, b.into()),
            Op::Neg(a) => (5, a, 0),
            Op::Scale(a, c) => (6, a, c.to_bits()),
            Op::Shift(a, c) => (7, a, c.to_bits()),
            Op::Powi(a, n) => (8, a, n as u64),
            Op::Powc(a, c) => (9, a, c.to_bits()),
            Op::Apply(f, a) => (10, a, f as u64),
            Op::Combine(f, a, b) => (11 + f as u8, a, b.into()),
        }
    }
}

/// A value while the tape is built: known already, or the content of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Constant(f64),
    Slot(u32),
}

/// Builds a tape: folds constants and shares equal subexpressions.
pub(super) struct Builder {
    dim: u32,
    inputs: u32,
    ops: Vec<Op>,
    known: QuickMap<(u8, u32, u64), u32>,
}

impl Builder {
    /// A tape of so many coordinates and parameters.
    pub(super) fn new(dim: usize, parameters: usize) -> Self {
        Builder {
            dim: dim as u32,
            inputs: (dim + parameters) as u32,
            ops: vec![],
            known: QuickMap::default(),
        }
    }

    fn push(&mut self, op: Op) -> Value {
        let next = self.inputs + self.ops.len() as u32;
        let slot = *self.known.entry(op.key()).or_insert(next);
        if slot == next {
            self.ops.push(op);
        }
        Value::Slot(slot)
    }

    fn slot(&mut self, value: Value) -> u32 {
        match value {
            Value::Slot(slot) => slot,
            Value::Constant(c) => match self.push(Op::Constant(c)) {
                Value::Slot(slot) => slot,
                Value::Constant(_) => unreachable!("push gives slots"),
            },
        }
    }

    /// The tape that computes `root`, without what it does not need.
    pub(super) fn finish(mut self, root: Value) -> Tape {
        let root = self.slot(root);
        let dim = self.dim as usize;
        let inputs = self.inputs as usize;
        let total = inputs + self.ops.len();
        let mut needed = vec![false; total];
        needed[root as usize] = true;
        for (k, op) in self.ops.iter().enumerate().rev() {
            if needed[inputs + k] {
                op.operands().into_iter().flatten().for_each(|a| needed[a as usize] = true);
            }
        }
        // Does it depend on the state? What does not comes first, and the reverse sweep can end before it.
        let mut active: Vec<bool> = (0..total).map(|slot| slot < dim).collect();
        for (k, op) in self.ops.iter().enumerate() {
            active[inputs + k] = op.operands().into_iter().flatten().any(|a| active[a as usize]);
        }
        let mut place: Vec<u32> = (0..total as u32).collect();
        let mut ops = vec![];
        let mut first_active = 0;
        for round in [false, true] {
            if round {
                first_active = ops.len();
            }
            for (k, op) in self.ops.iter().enumerate() {
                if needed[inputs + k] && active[inputs + k] == round {
                    place[inputs + k] = (inputs + ops.len()) as u32;
                    ops.push(op.moved(|slot| place[slot as usize]));
                }
            }
        }
        Tape { dim, inputs, ops, first_active, root: place[root as usize] as usize }
    }
}

impl Assemble for Builder {
    type Value = Value;

    fn number(&self, c: f64) -> Value {
        Value::Constant(c)
    }

    fn pi(&self) -> Value {
        Value::Constant(std::f64::consts::PI)
    }

    fn e(&self) -> Value {
        Value::Constant(std::f64::consts::E)
    }

    fn coordinate(&self, i: usize) -> Value {
        Value::Slot(i as u32)
    }

    fn parameter(&self, k: usize) -> Value {
        Value::Slot(self.dim + k as u32)
    }

    fn known(&self, value: Value) -> Option<Interval> {
        match value {
            Value::Constant(c) => Some(Interval::point(c)),
            Value::Slot(_) => None,
        }
    }

    fn len(&self) -> usize {
        self.ops.len()
    }

    fn add(&mut self, a: Value, b: Value) -> Value {
        use Value::{Constant, Slot};
        match (a, b) {
            (Constant(a), Constant(b)) => Constant(a + b),
            (Constant(0.0), v) | (v, Constant(0.0)) => v,
            (Constant(c), Slot(a)) | (Slot(a), Constant(c)) => self.push(Op::Shift(a, c)),
            (Slot(a), Slot(b)) => self.push(Op::Add(a.min(b), a.max(b))),
        }
    }

    fn sub(&mut self, a: Value, b: Value) -> Value {
        use Value::{Constant, Slot};
        match (a, b) {
            (Constant(a), Constant(b)) => Constant(a - b),
            (v, Constant(c)) => self.add(v, Constant(-c)),
            (Constant(_), b) => {
                let minus = self.neg(b);
                self.add(a, minus)
            }
            (Slot(a), Slot(b)) => self.push(Op::Sub(a, b)),
        }
    }

    fn neg(&mut self, a: Value) -> Value {
        match a {
            Value::Constant(c) => Value::Constant(-c),
            Value::Slot(a) => self.push(Op::Neg(a)),
        }
    }

    fn mul(&mut self, a: Value, b: Value) -> Value {
        use Value::{Constant, Slot};
        match (a, b) {
            (Constant(a), Constant(b)) => Constant(a * b),
            (Constant(0.0), Slot(_)) | (Slot(_), Constant(0.0)) => Constant(0.0),
            (Constant(1.0), v) | (v, Constant(1.0)) => v,
            (Constant(-1.0), v) | (v, Constant(-1.0)) => self.neg(v),
            (Constant(c), Slot(a)) | (Slot(a), Constant(c)) => self.push(Op::Scale(a, c)),
            (Slot(a), Slot(b)) if a == b => self.push(Op::Powi(a, 2)),
            (Slot(a), Slot(b)) => self.push(Op::Mul(a.min(b), a.max(b))),
        }
    }

    fn div(&mut self, a: Value, b: Value) -> Value {
        use Value::{Constant, Slot};
        match (a, b) {
            (Constant(a), Constant(b)) => Constant(a / b),
            (Constant(0.0), Slot(_)) => Constant(0.0),
            // A power of two has an exact inverse; any other divisor is kept, for the correct rounding.
            (Slot(_), Constant(c)) if c != 0.0 && c.to_bits() << 12 == 0 && (1.0 / c).is_normal() => {
                self.mul(a, Constant(1.0 / c))
            }
            (a, b) => {
                let (a, b) = (self.slot(a), self.slot(b));
                self.push(Op::Div(a, b))
            }
        }
    }

    fn pow(&mut self, a: Value, b: Value) -> Value {
        use Value::{Constant, Slot};
        match (a, b) {
            (Constant(a), Constant(b)) => Constant(match whole(b) {
                Some(n) => Scalar::powi(a, n),
                None => a.powc(b),
            }),
            (_, Constant(0.0)) => Constant(1.0),
            (v, Constant(1.0)) => v,
            (Slot(a), Constant(c)) => match whole(c) {
                Some(n) => self.push(Op::Powi(a, n)),
                None => self.push(Op::Powc(a, c)),
            },
            (a, b @ Slot(_)) => self.combine(Pairing::Pow, a, b),
        }
    }

    fn apply(&mut self, f: Function, a: Value) -> Value {
        match a {
            Value::Constant(c) => Value::Constant(c.apply(f)),
            Value::Slot(a) => self.push(Op::Apply(f, a)),
        }
    }

    fn combine(&mut self, f: Pairing, a: Value, b: Value) -> Value {
        if let (Value::Constant(a), Value::Constant(b)) = (a, b) {
            return Value::Constant(a.combine(b, f));
        }
        let (a, b) = (self.slot(a), self.slot(b));
        self.push(Op::Combine(f, a, b))
    }

    fn floor(&self, a: Interval) -> Option<Value> {
        Some(Value::Constant(a.lo().floor()))
    }

    fn modulo(&self, a: Interval, b: Interval) -> Option<Value> {
        Some(Value::Constant(a.lo().rem_euclid(b.lo())))
    }
}

/// The whole number that `c` is, if an `i32` holds it.
fn whole(c: f64) -> Option<i32> {
    (c.fract() == 0.0 && c.abs() <= f64::from(i32::MAX)).then_some(c as i32)
}

/// A formula unrolled to operations.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    /// Number of coordinates, the first inputs.
    pub(super) dim: usize,
    /// Number of inputs: coordinates, then parameters.
    pub(super) inputs: usize,
    /// The operations; the result of number k is in slot `inputs + k`.
    pub(super) ops: Vec<Op>,
    /// The first operation that depends on the state.
    pub(super) first_active: usize,
    /// The slot of the energy.
    root: usize,
}

impl Tape {
    /// Fills the slots behind the inputs, which stand in `values` already; returns the energy.
    pub(super) fn forward<S: Scalar>(&self, values: &mut [S]) -> S {
        for (k, op) in self.ops.iter().enumerate() {
            let at = |slot: u32| values[slot as usize];
            let value = match *op {
                Op::Constant(c) => S::constant(c),
                Op::Add(a, b) => at(a) + at(b),
                Op::Sub(a, b) => at(a) - at(b),
                Op::Mul(a, b) => at(a) * at(b),
                Op::Div(a, b) => at(a) / at(b),
                Op::Neg(a) => -at(a),
                Op::Scale(a, c) => at(a).scale(c),
                Op::Shift(a, c) => at(a).shift(c),
                Op::Powi(a, 2) => at(a) * at(a),
                Op::Powi(a, n) => at(a).powi(n),
                Op::Powc(a, c) => at(a).powc(c),
                Op::Apply(f, a) => at(a).apply(f),
                Op::Combine(f, a, b) => at(a).combine(at(b), f),
            };
            values[self.inputs + k] = value;
        }
        values[self.root]
    }

    /// After [`Tape::forward`]: leaves the derivative of the energy in coordinate i in `adjoints[i]`.
    pub(super) fn reverse<S: Scalar>(&self, values: &[S], adjoints: &mut [S]) {
        adjoints.fill(S::zero());
        adjoints[self.root] = S::one();
        for k in (self.first_active..self.ops.len()).rev() {
            let weight = adjoints[self.inputs + k];
            if weight.is_zero() {
                continue;
            }
            let at = |slot: u32| values[slot as usize];
            let mut give = |slot: u32, part: S| adjoints[slot as usize] = adjoints[slot as usize] + part;
            match self.ops[k] {
                Op::Constant(_) => {}
                Op::Add(a, b) => {
                    give(a, weight);
                    give(b, weight);
                }
                Op::Sub(a, b) => {
                    give(a, weight);
                    give(b, -weight);
                }
                Op::Mul(a, b) => {
                    give(a, weight * at(b));
                    give(b, weight * at(a));
                }
                Op::Div(a, b) => {
                    let part = weight / at(b);
                    give(a, part);
                    give(b, -(part * values[self.inputs + k]));
                }
                Op::Neg(a) => give(a, -weight),
                Op::Scale(a, c) => give(a, weight.scale(c)),
                Op::Shift(a, _) => give(a, weight),
                Op::Powi(a, 2) => give(a, (weight * at(a)).scale(2.0)),
                Op::Powi(a, n) => give(a, weight * at(a).powi(n - 1).scale(f64::from(n))),
                Op::Powc(a, c) => give(a, weight * at(a).powc(c - 1.0).scale(c)),
                Op::Apply(f, a) => give(a, weight * f.slope(at(a), values[self.inputs + k])),
                Op::Combine(f, a, b) => {
                    // A constant or parameter needs no derivative here, and may have none (the exponent of a
                    // negative base).
                    if self.is_active(a) {
                        give(a, weight * f.slope_first(at(a), at(b)));
                    }
                    if self.is_active(b) {
                        give(b, weight * f.slope_second(at(a), at(b), values[self.inputs + k]));
                    }
                }
            }
        }
    }

    /// Does the slot depend on the state?
    pub(super) fn is_active(&self, slot: u32) -> bool {
        let slot = slot as usize;
        slot < self.dim || slot >= self.inputs + self.first_active
    }
}

/// The slots of a sweep and the derivatives in them, reused from call to call.
pub(super) struct Workspace<S> {
    /// The slots' values.
    pub(super) values: Vec<S>,
    /// The energy's derivative in each slot.
    pub(super) adjoints: Vec<S>,
}

thread_local! {
    /// One workspace a kind of scalar that this thread has met.
    static POOL: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(vec![]) };
}

/// Calls `work` with a workspace for the tape; nothing is allocated after the first time.
pub(super) fn with_workspace<S: Scalar, R>(tape: &Tape, work: impl FnOnce(&mut Workspace<S>) -> R) -> R {
    let pooled = POOL.with_borrow_mut(|pool| {
        pool.iter().position(|any| any.is::<Workspace<S>>()).map(|k| pool.swap_remove(k))
    });
    let mut any: Box<dyn Any> =
        pooled.unwrap_or_else(|| Box::new(Workspace::<S> { values: vec![], adjoints: vec![] }));
    let workspace = any.downcast_mut::<Workspace<S>>().expect("chosen by its type");
    workspace.values.resize(tape.inputs + tape.ops.len(), S::zero());
    workspace.adjoints.resize(tape.inputs + tape.ops.len(), S::zero());
    let answer = work(workspace);
    POOL.with_borrow_mut(|pool| pool.push(any));
    answer
}
