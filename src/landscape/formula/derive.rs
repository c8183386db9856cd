//! Derivatives of a circuit, as further operations of it: the reverse sweep, carried out on formulas instead of numbers
//! (Griewank and Walther, *Evaluating Derivatives*, 2nd edition 2008, chapter 3).

use std::collections::BTreeMap;

use super::circuit::{Circuit, Node, Value};
use super::scalar::{Function, Pairing};
use super::tape::Assemble;
use crate::rigor::Interval;

const ONE: Interval = Interval::ONE;
const ZERO: Value = Value::Constant(Interval::ZERO);

impl Circuit {
    /// The derivatives of `root` that do not vanish by its form, with the coordinates they are in, ascending. `None` if
    /// more than `most` operations would be needed.
    pub(super) fn gradient(&mut self, root: Value, most: usize) -> Option<Vec<(u32, Value)>> {
        let Value::Slot(root) = root else { return Some(vec![]) };
        let mut found = vec![];
        // What the slots met so far owe to those above them, the last one first: it is complete.
        let mut open: BTreeMap<u32, Vec<(Value, Interval)>> = BTreeMap::new();
        open.insert(root, vec![(Value::Constant(ONE), ONE)]);
        while let Some((slot, parts)) = open.pop_last() {
            let weight = self.sum(&parts);
            if weight == ZERO {
                continue;
            }
            if self.nodes.len() > most {
                return None;
            }
            let Some(node) = self.node(slot).cloned() else {
                found.push((slot, weight));
                continue;
            };
            let mut give =
                |slot: u32, part: Value, c: Interval| open.entry(slot).or_default().push((part, c));
            match node {
                Node::Sum(terms, _) => terms.iter().for_each(|(a, c)| give(*a, weight, *c)),
                Node::Product(factors) => {
                    for k in 0..factors.len() {
                        let mut rest: Vec<(Value, i32)> =
                            factors.iter().map(|(a, n)| (Value::Slot(*a), *n)).collect();
                        rest[k].1 -= 1;
                        rest.push((weight, 1));
                        let (a, n) = factors[k];
                        give(a, self.product(&rest), Interval::point(n.into()));
                    }
                }
                Node::Apply(f, a) => {
                    let slope = self.slope(f, Value::Slot(a), Value::Slot(slot));
                    give(a, self.mul(weight, slope), ONE);
                }
                Node::Combine(f, a, b) => {
                    for (to, slope) in [a, b].into_iter().zip(self.slopes(f, Value::Slot(a), Value::Slot(b)))
                    {
                        give(to, self.mul(weight, slope), ONE);
                    }
                }
            }
        }
        found.reverse();
        Some(found)
    }

    /// The derivative of a function at `a`, where it is `value`.
    fn slope(&mut self, f: Function, a: Value, value: Value) -> Value {
        use Function::*;
        let number = |c: f64| Value::Constant(Interval::point(c));
        match f {
            Sqrt => self.product(&[(value, -1), (number(0.5), 1)]),
            Exp => value,
            Ln => self.product(&[(a, -1)]),
            Log10 => {
                let scale = ONE / Interval::LN_10;
                self.product(&[(a, -1), (Value::Constant(scale), 1)])
            }
            Sin => self.function(Cos, a),
            Cos => {
                let sine = self.function(Sin, a);
                self.neg(sine)
            }
            Tan => {
                let square = self.product(&[(value, 2)]);
                self.add(square, number(1.0))
            }
            Asin | Acos => {
                let square = self.product(&[(a, 2)]);
                let inside = self.sub(number(1.0), square);
                let root = self.function(Sqrt, inside);
                self.product(&[(root, -1), (number(if f == Asin { 1.0 } else { -1.0 }), 1)])
            }
            Atan => {
                let square = self.product(&[(a, 2)]);
                let below = self.add(square, number(1.0));
                self.product(&[(below, -1)])
            }
            Sinh => self.function(Cosh, a),
            Cosh => self.function(Sinh, a),
            Tanh => {
                let square = self.product(&[(value, 2)]);
                self.sub(number(1.0), square)
            }
            Abs => self.function(Sign, a),
            Relu => self.function(Step, a),
            Sign | Step => ZERO,
            Softplus => self.function(Sigmoid, a),
            Sigmoid => {
                let square = self.product(&[(value, 2)]);
                self.sub(value, square)
            }
            Logcosh => self.function(Tanh, a),
            Erf => {
                let square = self.product(&[(a, 2)]);
                let minus = self.neg(square);
                let bell = self.function(Exp, minus);
                let scale = Interval::point(2.0) / Interval::PI.sqrt();
                self.product(&[(bell, 1), (Value::Constant(scale), 1)])
            }
        }
    }

    /// The derivatives of a function of two arguments.
    fn slopes(&mut self, f: Pairing, a: Value, b: Value) -> [Value; 2] {
        match f {
            Pairing::Max => {
                let difference = self.sub(a, b);
                let first = self.function(Function::Step, difference);
                let second = self.sub(Value::Constant(ONE), first);
                [first, second]
            }
            Pairing::Atan2 => {
                let squares = [self.product(&[(a, 2)]), self.product(&[(b, 2)])];
                let sum = self.add(squares[0], squares[1]);
                let minus = self.neg(a);
                [self.product(&[(b, 1), (sum, -1)]), self.product(&[(minus, 1), (sum, -1)])]
            }
            // Powers are met as exponentials of logarithms.
            Pairing::Pow => [Value::Constant(Interval::ENTIRE); 2],
        }
    }
}
