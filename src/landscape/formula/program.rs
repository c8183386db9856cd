//! The part of a circuit that some results need, ready to be run on boxes.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::circuit::{Circuit, Guard, Node, Value, elementary, exact, pairing};
use super::forms::{Quadratic, VARIABLES, polynomial};
use super::scalar::{Function, Pairing};
use crate::rigor::Interval;

/// The highest degree of a polynomial in one slot that is enclosed as such.
const HIGHEST: i32 = 12;

/// The longest sum in which terms are grouped at an effort that grows with the square of its length.
const LONGEST: usize = 64;

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
    /// A quadratic form, by its number.
    Quadratic(u32),
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
    quadratics: Vec<Quadratic>,
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
    monomials: HashMap<Vec<(u32, i32)>, u32>,
}

/// A product of powers of the circuit's slots, and its coefficient in a sum.
type Term = (Vec<(u32, i32)>, Interval);

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
                node.operands(|slot| match (node, circuit.node(slot)) {
                    // What products in sums come to is decided there.
                    (Node::Sum(..), Some(product @ Node::Product(_))) => {
                        product.operands(|slot| needed[slot as usize] = true);
                    }
                    _ => needed[slot as usize] = true,
                });
            }
        }
        let program = Program {
            dim: circuit.dim,
            ops: vec![],
            terms: vec![],
            coefficients: vec![],
            quadratics: vec![],
            guards: vec![],
            outputs: vec![],
        };
        let place = (0..total as u32).collect();
        let mut lowering =
            Lowering { circuit, program, place, powers: HashMap::new(), monomials: HashMap::new() };
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
                Op::Quadratic(k) => {
                    let form = &self.quadratics[k as usize];
                    let mut variables = [Interval::ZERO; VARIABLES];
                    variables.iter_mut().zip(&form.slots).for_each(|(v, slot)| *v = at(*slot));
                    form.range(&variables)
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

    /// A product of powers.
    fn monomial(&mut self, factors: &[(u32, i32)]) -> u32 {
        if let Some(known) = self.monomials.get(factors) {
            return *known;
        }
        let above = self.products(factors.iter().copied().filter(|f| f.1 > 0));
        let below = self.products(factors.iter().filter(|f| f.1 < 0).map(|f| (f.0, -f.1)));
        let slot = match (above, below) {
            (Some(above), Some(below)) => self.push(Op::Div(above, below)),
            (Some(above), None) => above,
            (None, Some(below)) => self.push(Op::Inverse(below)),
            (None, None) => self.sum(vec![], Interval::ONE),
        };
        self.monomials.insert(factors.to_vec(), slot);
        slot
    }

    /// Places the operations of a node; returns the slot of its result.
    fn lower(&mut self, node: &Node) -> u32 {
        match node {
            Node::Sum(terms, constant) => {
                let factors = |slot: u32| match self.circuit.node(slot) {
                    Some(Node::Product(factors)) => factors.to_vec(),
                    _ => vec![(slot, 1)],
                };
                let terms = terms.iter().map(|(slot, c)| (factors(*slot), *c)).collect();
                self.sum(terms, *constant)
            }
            Node::Product(factors) => self.monomial(factors),
            Node::Apply(f, a) => self.push(Op::Apply(*f, self.place[*a as usize])),
            Node::Combine(f, a, b) => {
                self.push(Op::Combine(*f, self.place[*a as usize], self.place[*b as usize]))
            }
        }
    }

    /// A sum, in which terms with a common function are taken together, then those that make a quadratic form, then those
    /// that make a polynomial in one slot.
    fn sum(&mut self, mut left: Vec<Term>, constant: Interval) -> u32 {
        let mut parts = self.factored(&mut left);
        parts.extend(self.quadratics(&mut left));
        parts.extend(self.polynomials(&mut left));
        for (factors, c) in left {
            parts.push((self.monomial(&factors), c));
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

    /// `sum_k f p_k` as `f sum_k p_k`, for functions f and for others that do not get in the way of better: never wider, as
    /// multiplication is subdistributive.
    fn factored(&mut self, left: &mut Vec<Term>) -> Vec<(u32, Interval)> {
        // How often a slot occurs, and how often as itself.
        let mut count: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (slot, n) in left.iter().flat_map(|t| &t.0) {
            let count = count.entry(*slot).or_default();
            count.0 += 1;
            count.1 += usize::from(*n == 1);
        }
        let alone = |slot: u32| {
            let mut with = left.iter().flat_map(|t| if t.0.contains(&(slot, 1)) { &t.0[..] } else { &[] });
            count[&slot].0 == count[&slot].1 && with.all(|f| f.0 == slot || count[&f.0].0 == 1)
        };
        let is_function = |slot: u32| matches!(self.circuit.node(slot), Some(Node::Apply(..)));
        let candidates: Vec<u32> = count
            .iter()
            .filter(|(slot, count)| {
                count.1 > 1 && (is_function(**slot) || (left.len() <= LONGEST && alone(**slot)))
            })
            .map(|(slot, _)| *slot)
            .collect();
        let mut parts = vec![];
        for slot in candidates {
            let (with, without): (Vec<Term>, Vec<Term>) =
                left.drain(..).partition(|t| t.0.contains(&(slot, 1)));
            *left = without;
            if with.len() < 2 {
                left.extend(with);
                continue;
            }
            let mut constant = Interval::ZERO;
            let mut rest: Vec<Term> = vec![];
            for (mut factors, c) in with {
                factors.retain(|f| f.0 != slot);
                if factors.is_empty() { constant = exact::add(constant, c) } else { rest.push((factors, c)) }
            }
            let inner = self.sum(rest, constant);
            let outer = self.place[slot as usize];
            parts.push((self.push(Op::Mul(outer, inner)), Interval::ONE));
        }
        parts
    }

    /// Groups of terms of degree two in a few slots.
    fn quadratics(&mut self, left: &mut Vec<Term>) -> Vec<(u32, Interval)> {
        let mut parts = vec![];
        let mixed = |t: &Term| match t.0[..] {
            [(a, 1), (b, 1)] => Some((a, b)),
            _ => None,
        };
        let mut seeds: Vec<(u32, u32)> =
            if left.len() <= LONGEST { left.iter().filter_map(mixed).collect() } else { vec![] };
        while let Some((a, b)) = seeds.pop() {
            // All slots that mixed terms connect with these.
            let mut slots = vec![a, b];
            let mut next = 0;
            while next < slots.len() && slots.len() <= VARIABLES {
                for (a, b) in left.iter().filter_map(mixed) {
                    for (a, b) in [(a, b), (b, a)] {
                        if a == slots[next] && !slots.contains(&b) {
                            slots.push(b);
                        }
                    }
                }
                next += 1;
            }
            if slots.len() > VARIABLES {
                continue;
            }
            let belongs = |t: &Term| {
                t.0.iter().all(|f| f.1 > 0 && slots.contains(&f.0))
                    && t.0.iter().map(|f| f.1).sum::<i32>() <= 2
            };
            let with = left.iter().filter(|t| belongs(t)).count();
            // A variable that occurs once in all needs no care; higher powers of one elsewhere would be torn apart.
            if with < 2
                || left.iter().filter(|t| !belongs(t)).any(|t| slots.contains(&t.0[0].0) && t.0.len() == 1)
            {
                continue;
            }
            let zero = Interval::ZERO;
            let mut form = Quadratic {
                slots: slots.iter().map(|slot| self.place[*slot as usize]).collect(),
                linear: [zero; VARIABLES],
                square: [zero; VARIABLES],
                mixed: [[zero; VARIABLES]; VARIABLES],
            };
            let index = |slot: u32| slots.iter().position(|s| *s == slot).unwrap_or(0);
            for (factors, c) in left.iter().filter(|t| belongs(t)) {
                match factors[..] {
                    [(a, 1)] => form.linear[index(a)] = *c,
                    [(a, _)] => form.square[index(a)] = *c,
                    [(a, _), (b, _), ..] => {
                        form.mixed[index(a)][index(b)] = *c;
                        form.mixed[index(b)][index(a)] = *c;
                    }
                    [] => {}
                }
            }
            left.retain(|t| !belongs(t));
            seeds = left.iter().filter_map(mixed).collect();
            let number = self.program.quadratics.len() as u32;
            self.program.quadratics.push(form);
            parts.push((self.push(Op::Quadratic(number)), Interval::ONE));
        }
        parts
    }

    /// Groups of powers of one slot.
    fn polynomials(&mut self, left: &mut Vec<Term>) -> Vec<(u32, Interval)> {
        let power = |t: &Term| match t.0[..] {
            [(slot, n)] if (1..=HIGHEST).contains(&n) => Some((slot, n)),
            _ => None,
        };
        let mut slots: Vec<u32> = left.iter().filter_map(power).map(|p| p.0).collect();
        slots.sort_unstable();
        let mut parts = vec![];
        for group in slots.chunk_by(|a, b| a == b).filter(|g| g.len() > 1) {
            let slot = group[0];
            let of_slot = |t: &Term| power(t).filter(|p| p.0 == slot).map(|p| p.1 as usize);
            let degree = left.iter().filter_map(of_slot).max().unwrap_or(0);
            let mut p = vec![Interval::ZERO; degree + 1];
            for term in left.iter() {
                if let Some(n) = of_slot(term) {
                    p[n] = term.1;
                }
            }
            left.retain(|t| of_slot(t).is_none());
            let start = self.program.coefficients.len() as u32;
            let slope = (1..=degree).map(|k| exact::mul(p[k], Interval::point(k as f64)));
            self.program.coefficients.extend(p.iter().copied().chain(slope));
            let base = self.place[slot as usize];
            parts.push((self.push(Op::Polynomial(base, start, degree as u32 + 1)), Interval::ONE));
        }
        parts
    }
}
