//! The part of a circuit that some results need, ready to be run on boxes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use super::circuit::{Circuit, Guard, Node, Value, elementary, exact, pairing};
use super::scalar::{Function, Pairing};
use crate::rigor::Interval;

/// The highest degree of a polynomial in one slot that is enclosed as such.
const HIGHEST: i32 = 12;

/// An operation on earlier slots.
#[derive(Clone, Copy, Debug)]
enum Op {
    Sum(u32, u32, Interval),
    Square(u32),
    Power(u32, i32),
    Mul(u32, u32),
    Div(u32, u32),
    Inverse(u32),
    /// A polynomial in one slot: its coefficients, lowest first, then those of its derivative.
    Polynomial(u32, u32, u32),
    Apply(Function, u32),
    Combine(Pairing, u32, u32),
}

/// A coefficient, by what is to be done with it.
#[derive(Clone, Copy, Debug)]
enum Coefficient {
    Plus,
    Minus,
    Number(f64),
    Wide(Interval),
}

/// Results of a circuit as straight-line code.
#[derive(Clone, Debug)]
pub(super) struct Program {
    dim: usize,
    ops: Vec<Op>,
    terms: Vec<(u32, Coefficient)>,
    coefficients: Vec<Interval>,
    guards: Vec<Guard>,
    outputs: Vec<Value>,
}

thread_local! {
    /// Slots, kept from call to call.
    static SLOTS: RefCell<Vec<Interval>> = const { RefCell::new(vec![]) };
}

/// What a run has computed.
pub(super) struct Outputs<'a> {
    outputs: &'a [Value],
    slots: &'a [Interval],
}

impl Outputs<'_> {
    /// Output number k.
    #[inline]
    pub(super) fn get(&self, k: usize) -> Interval {
        match self.outputs[k] {
            Value::Slot(slot) => self.slots[slot as usize],
            Value::Constant(c) => c,
        }
    }
}

/// Building a program: where the circuit's slots and their powers went.
struct Lowering<'a> {
    circuit: &'a Circuit,
    program: Program,
    place: Vec<u32>,
    powers: HashMap<(u32, i32), u32>,
}

impl Program {
    /// The code for `outputs`, with what must hold for derivatives up to the order.
    pub(super) fn new(circuit: &Circuit, outputs: &[Value], order: u8) -> Self {
        let total = circuit.dim + circuit.nodes.len();
        let mut needed = vec![false; total];
        let guards: Vec<Guard> = circuit.guards.iter().copied().filter(|g| g.order <= order).collect();
        for output in outputs {
            if let Value::Slot(slot) = output {
                needed[*slot as usize] = true;
            }
        }
        guards.iter().for_each(|g| g.test.operands(|slot| needed[slot as usize] = true));
        for (k, node) in circuit.nodes.iter().enumerate().rev() {
            if needed[circuit.dim + k] {
                node.operands(|slot| needed[slot as usize] = true);
            }
        }
        let program = Program {
            dim: circuit.dim,
            ops: vec![],
            terms: vec![],
            coefficients: vec![],
            guards: vec![],
            outputs: vec![],
        };
        let place = (0..total as u32).collect();
        let mut lowering = Lowering { circuit, program, place, powers: HashMap::new() };
        for (k, node) in circuit.nodes.iter().enumerate() {
            let slot = circuit.dim + k;
            if needed[slot] {
                lowering.place[slot] = lowering.lower(node);
            }
        }
        let Lowering { mut program, place, .. } = lowering;
        let to = |slot: u32| place[slot as usize];
        program.guards = guards.iter().map(|g| Guard { order: g.order, test: g.test.moved(to) }).collect();
        program.outputs = outputs
            .iter()
            .map(|v| match v {
                Value::Slot(slot) => Value::Slot(to(*slot)),
                constant => *constant,
            })
            .collect();
        program
    }

    /// Runs it on a box and calls `take` with the outputs and the lowest order of derivative that may not exist all over
    /// the box (`u8::MAX` if all do).
    pub(super) fn run<R>(&self, x: &[Interval], take: impl FnOnce(&Outputs<'_>, u8) -> R) -> R {
        self.run_from(x.iter().copied(), take)
    }

    /// The same at a point.
    pub(super) fn run_at<R>(&self, x: &[f64], take: impl FnOnce(&Outputs<'_>, u8) -> R) -> R {
        self.run_from(x.iter().map(|x| Interval::point(*x)), take)
    }

    fn run_from<R>(&self, x: impl Iterator<Item = Interval>, take: impl FnOnce(&Outputs<'_>, u8) -> R) -> R {
        let mut slots = SLOTS.take();
        slots.clear();
        slots.extend(x.take(self.dim));
        for op in &self.ops {
            let at = |slot: u32| slots[slot as usize];
            let value = match *op {
                Op::Sum(start, end, constant) => self.sum(start as usize..end as usize, constant, &slots),
                Op::Square(a) => at(a).sqr(),
                Op::Power(a, n) => at(a).powi(n),
                Op::Mul(a, b) => at(a) * at(b),
                Op::Div(a, b) => at(a) / at(b),
                Op::Inverse(a) => Interval::ONE / at(a),
                Op::Polynomial(a, start, count) => {
                    let (start, count) = (start as usize, count as usize);
                    let (p, slope) = self.coefficients[start..start + 2 * count - 1].split_at(count);
                    polynomial(p, slope, at(a))
                }
                Op::Apply(f, a) => elementary(f, at(a)),
                Op::Combine(f, a, b) => pairing(f, at(a), at(b)),
            };
            slots.push(value);
        }
        let at = |slot: u32| slots[slot as usize];
        let missed =
            self.guards.iter().filter(|g| !g.test.holds(at)).map(|g| g.order).min().unwrap_or(u8::MAX);
        let result = take(&Outputs { outputs: &self.outputs, slots: &slots }, missed);
        SLOTS.set(slots);
        result
    }

    #[inline(always)]
    fn sum(&self, range: Range<usize>, constant: Interval, slots: &[Interval]) -> Interval {
        let mut sum = constant;
        for (slot, c) in &self.terms[range] {
            let v = slots[*slot as usize];
            sum = match *c {
                Coefficient::Plus => sum + v,
                Coefficient::Minus => sum - v,
                Coefficient::Number(c) => sum + v.scale(c),
                Coefficient::Wide(c) => sum + v * c,
            };
        }
        sum
    }
}

impl Lowering<'_> {
    fn push(&mut self, op: Op) -> u32 {
        self.program.ops.push(op);
        (self.program.dim + self.program.ops.len() - 1) as u32
    }

    fn power(&mut self, slot: u32, n: i32) -> u32 {
        let slot = self.place[slot as usize];
        if n == 1 {
            return slot;
        }
        if let Some(known) = self.powers.get(&(slot, n)) {
            return *known;
        }
        let power = self.push(if n == 2 { Op::Square(slot) } else { Op::Power(slot, n) });
        self.powers.insert((slot, n), power);
        power
    }

    fn products(&mut self, factors: impl Iterator<Item = (u32, i32)>) -> Option<u32> {
        let mut product = None;
        for (slot, n) in factors {
            let power = self.power(slot, n);
            product = Some(match product {
                Some(so_far) => self.push(Op::Mul(so_far, power)),
                None => power,
            });
        }
        product
    }

    /// Places the operations of a node; returns the slot of its result.
    fn lower(&mut self, node: &Node) -> u32 {
        match node {
            Node::Sum(terms, constant) => self.sum(terms, *constant),
            Node::Product(factors) => {
                let above = self.products(factors.iter().copied().filter(|f| f.1 > 0));
                let below = self.products(factors.iter().filter(|f| f.1 < 0).map(|f| (f.0, -f.1)));
                match (above, below) {
                    (Some(above), Some(below)) => self.push(Op::Div(above, below)),
                    (Some(above), None) => above,
                    (None, Some(below)) => self.push(Op::Inverse(below)),
                    (None, None) => self.sum(&[], Interval::ONE),
                }
            }
            Node::Apply(f, a) => self.push(Op::Apply(*f, self.place[*a as usize])),
            Node::Combine(f, a, b) => {
                self.push(Op::Combine(*f, self.place[*a as usize], self.place[*b as usize]))
            }
        }
    }

    /// A sum, in which terms that make a polynomial in one slot are taken together.
    fn sum(&mut self, terms: &[(u32, Interval)], constant: Interval) -> u32 {
        // (base, exponent, slot of the term, coefficient)
        let mut powers: Vec<(u32, i32, u32, Interval)> = terms
            .iter()
            .map(|(slot, c)| match self.circuit.node(*slot) {
                Some(Node::Product(factors))
                    if factors.len() == 1 && (1..=HIGHEST).contains(&factors[0].1) =>
                {
                    (factors[0].0, factors[0].1, *slot, *c)
                }
                _ => (*slot, 1, *slot, *c),
            })
            .collect();
        powers.sort_by_key(|p| (p.0, p.1));
        let mut parts: Vec<(u32, Interval)> = vec![];
        for group in powers.chunk_by(|a, b| a.0 == b.0) {
            if let [(_, _, slot, c)] = group {
                parts.push((self.place[*slot as usize], *c));
                continue;
            }
            let degree = group.iter().map(|p| p.1).max().unwrap_or(0) as usize;
            let mut p = vec![Interval::ZERO; degree + 1];
            group.iter().for_each(|(_, n, _, c)| p[*n as usize] = *c);
            let start = self.program.coefficients.len() as u32;
            let slope = (1..=degree).map(|k| exact::mul(p[k], Interval::point(k as f64)));
            self.program.coefficients.extend(p.iter().copied().chain(slope));
            let base = self.place[group[0].0 as usize];
            parts.push((self.push(Op::Polynomial(base, start, degree as u32 + 1)), Interval::ONE));
        }
        if let [(slot, c)] = parts[..]
            && c == Interval::ONE
            && constant == Interval::ZERO
        {
            return slot;
        }
        let start = self.program.terms.len() as u32;
        self.program.terms.extend(parts.into_iter().map(|(slot, c)| {
            let coefficient = match c {
                _ if c == Interval::ONE => Coefficient::Plus,
                _ if c == -Interval::ONE => Coefficient::Minus,
                _ if c.is_point() => Coefficient::Number(c.lo()),
                _ => Coefficient::Wide(c),
            };
            (slot, coefficient)
        }));
        let end = self.program.terms.len() as u32;
        self.push(Op::Sum(start, end, constant))
    }
}

/// Encloses a polynomial, whose derivative is `slope`, over an interval: by its values at the ends where it is monotone.
fn polynomial(p: &[Interval], slope: &[Interval], x: Interval) -> Interval {
    if !x.is_bounded() {
        return direct(p, x);
    }
    if x.is_point() {
        return at(p, x.lo());
    }
    let steep = direct(slope, x);
    let ends = at(p, x.lo()).hull(at(p, x.hi()));
    if steep.lo() >= 0.0 || steep.hi() <= 0.0 {
        return ends;
    }
    let middle = x.mid();
    let mean = at(p, middle) + steep * x.shift(-middle);
    // Both hold all values: they meet.
    direct(p, x).meet(mean).unwrap_or(mean)
}

/// The polynomial at a number.
fn at(p: &[Interval], x: f64) -> Interval {
    p.iter().rev().copied().reduce(|sum, c| sum.scale(x) + c).unwrap_or(Interval::ZERO)
}

/// The polynomial over an interval: by Horner's rule where x has one sign, else power by power.
fn direct(p: &[Interval], x: Interval) -> Interval {
    if x.lo() >= 0.0 || x.hi() <= 0.0 {
        return p.iter().rev().copied().reduce(|sum, c| sum * x + c).unwrap_or(Interval::ZERO);
    }
    let powers = p.iter().enumerate().filter(|(_, c)| **c != Interval::ZERO);
    powers.fold(Interval::ZERO, |sum, (k, c)| sum + *c * x.powi(k as i32))
}
