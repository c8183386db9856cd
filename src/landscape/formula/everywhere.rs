//! A cube outside which the energy rises outwards, so that all critical points are in it: for polynomials, and polynomials
//! plus bounded functions.
//!
//! Far out, at `x = u / s` with `|u|_inf = 1` and `0 < s <= 1/R`, the value of a polynomial of degree d is `s^-d` times a
//! polynomial in u and s (its homogenisation), and so is `<x, grad E>`: it is positive for all `|x|_inf >= R` if that
//! polynomial is positive on the faces of the cube times `[0, 1/R]`, which is compact and can be covered by boxes.

use super::circuit::{Circuit, Node, Value};
use super::program::Program;
use super::scalar::Function;
use super::tape::Assemble;
use crate::rigor::Interval;

/// The most coordinates.
const WIDEST: usize = 8;
/// The most operations of a formula.
const LONGEST: usize = 5_000;
/// The highest degree.
const HIGHEST: i32 = 100;
/// The most boxes that one cube is tried with.
const MOST: usize = 20_000;

/// A part of the formula far out: `s^-degree` times a value that depends on u and s.
#[derive(Clone, Copy)]
struct Far {
    degree: i32,
    value: Value,
}

/// Some R with `<x, grad E(x)> > 0` for all x with `|x|_inf >= R`; `None` if none was found.
pub(super) fn reach(circuit: &Circuit, root: Value) -> Option<f64> {
    if circuit.dim > WIDEST || circuit.nodes.len() > LONGEST || !circuit.guards.is_empty() {
        return None;
    }
    let mut far = Circuit::new(circuit.dim + 1, &[]);
    let outwards = outwards(circuit, root, &mut far)?;
    let program = Program::new(&far, &[outwards], 0);
    // Powers of two: their inverses are exact.
    (-4..=30).map(|k| 2f64.powi(k)).find(|reach| rises(&program, circuit.dim, 1.0 / reach))
}

/// `s^d <x, grad E(x)>` in u and s (the last coordinate), for a d so large that it is a polynomial in s.
fn outwards(circuit: &Circuit, root: Value, far: &mut Circuit) -> Option<Value> {
    let Value::Slot(root) = root else { return None };
    // Each slot's value, and its derivative along x, which is zero for `None`.
    let mut slots: Vec<(Far, Option<Far>)> = (0..circuit.dim)
        .map(|i| {
            let x = Far { degree: 1, value: far.coordinate(i) };
            (x, Some(x))
        })
        .collect();
    for node in &circuit.nodes {
        slots.push(match node {
            Node::Sum(terms, constant) => {
                let start = Far { degree: 0, value: Value::Constant(*constant) };
                let values = terms.iter().map(|(a, c)| (slots[*a as usize].0, *c));
                let slopes = terms.iter().filter_map(|(a, c)| Some((slots[*a as usize].1?, *c)));
                let (values, slopes): (Vec<_>, Vec<_>) =
                    (std::iter::once((start, Interval::ONE)).chain(values).collect(), slopes.collect());
                (sum(far, &values)?, sum(far, &slopes))
            }
            Node::Product(factors) => {
                if factors.iter().any(|f| f.1 < 0 || f.1 > HIGHEST) {
                    return None;
                }
                let parts: Vec<(Far, i32)> =
                    factors.iter().map(|(a, n)| (slots[*a as usize].0, *n)).collect();
                let value = product(far, &parts)?;
                let mut slopes = vec![];
                for (k, (a, n)) in factors.iter().enumerate() {
                    if let Some(slope) = slots[*a as usize].1 {
                        let mut rest = parts.clone();
                        rest[k].1 -= 1;
                        rest.push((slope, 1));
                        slopes.push((product(far, &rest)?, Interval::point((*n).into())));
                    }
                }
                (value, sum(far, &slopes))
            }
            Node::Apply(f, a) => {
                let (range, slope) = bounds(*f)?;
                let value = Far { degree: 0, value: Value::Constant(range) };
                let along = slots[*a as usize].1;
                (value, along.and_then(|along| sum(far, &[(along, slope)])))
            }
            Node::Combine(..) => return None,
        });
        if slots.last().is_some_and(|(v, d)| v.degree > HIGHEST || d.is_some_and(|d| d.degree > HIGHEST)) {
            return None;
        }
    }
    Some(slots[root as usize].1?.value)
}

/// The values and derivatives of bounded functions with bounded derivatives.
fn bounds(f: Function) -> Option<(Interval, Interval)> {
    let one = Interval::new(-1.0, 1.0);
    Some(match f {
        Function::Sin | Function::Cos => (one, one),
        Function::Tanh => (one, Interval::new(0.0, 1.0)),
        Function::Sigmoid => (Interval::new(0.0, 1.0), Interval::new(0.0, 0.25)),
        // 1.6 is above pi/2.
        Function::Atan => (Interval::new(-1.6, 1.6), Interval::new(0.0, 1.0)),
        // 1.13 is above 2/sqrt(pi).
        Function::Erf => (one, Interval::new(0.0, 1.13)),
        _ => return None,
    })
}

/// A sum of multiples, brought to the highest degree among them; `None` if it is empty.
fn sum(far: &mut Circuit, terms: &[(Far, Interval)]) -> Option<Far> {
    let degree = terms.iter().map(|t| t.0.degree).max()?;
    let s = far.coordinate(far.dim - 1);
    let parts: Vec<(Value, Interval)> =
        terms.iter().map(|(t, c)| (far.product(&[(t.value, 1), (s, degree - t.degree)]), *c)).collect();
    Some(Far { degree, value: far.sum(&parts) })
}

/// A product of powers; `None` if its degree is too high.
fn product(far: &mut Circuit, factors: &[(Far, i32)]) -> Option<Far> {
    let degree = factors.iter().try_fold(0i32, |sum, (f, n)| sum.checked_add(f.degree.checked_mul(*n)?))?;
    let parts: Vec<(Value, i32)> = factors.iter().map(|(f, n)| (f.value, *n)).collect();
    Some(Far { degree, value: far.product(&parts) })
}

/// Is the program's value positive on all faces of the cube `|u|_inf <= 1`, for s from 0 to `farthest`?
fn rises(program: &Program, n: usize, farthest: f64) -> bool {
    let mut work = 0;
    for face in 0..2 * n {
        let mut whole = vec![Interval::new(-1.0, 1.0); n];
        whole[face / 2] = Interval::point(if face % 2 == 0 { -1.0 } else { 1.0 });
        whole.push(Interval::new(0.0, farthest));
        let mut stack = vec![whole];
        while let Some(b) = stack.pop() {
            work += 1;
            let value = program
                .run(&b, |output, missed| if missed == u8::MAX { output.get(0) } else { Interval::ENTIRE });
            if value.lo() > 0.0 {
                continue;
            }
            let middle: Vec<f64> = b.iter().map(|b| b.mid()).collect();
            let there = program.run_at(&middle, |output, _| output.get(0));
            if work > MOST || !(there.hi() > 0.0) {
                return false;
            }
            // Lengths of s count as they would on a unit interval.
            let length = |j: usize| if j == n { b[j].width() / farthest } else { b[j].width() };
            let j = (0..=n).max_by(|i, j| length(*i).total_cmp(&length(*j))).unwrap_or(n);
            for half in [Interval::new(b[j].lo(), b[j].mid()), Interval::new(b[j].mid(), b[j].hi())] {
                let mut part = b.clone();
                part[j] = half;
                stack.push(part);
            }
        }
    }
    true
}
