//! The equations of a branch and of a fold as a circuit of the state, the parameter and, for a fold, the kernel vector.
//!
//! In: an energy E of x and a parameter p, as a circuit. Out: `grad E = 0`, and for a fold `Hess E v = 0, border.v = 1`, with
//! all derivatives worked out: `Hess E v` is the gradient of `v.grad E`, so that third derivatives come from three sweeps.

use super::circuit::{Circuit, Value};
use super::program::Program;
use crate::landscape::Equations;
use crate::rigor::{Expansion, Interval, System};

/// The largest number of state variables: a dense system of up to twice as many unknowns is solved in interval arithmetic.
const MOST_STATES: usize = 64;

/// The most operations that the equations and their derivatives may come to ..
const MOST: usize = 400_000;
/// .. and the most that the energy's operations times the state variables may be, before anything is worked out.
const MOST_ENERGY: usize = 50_000;

/// The system; its unknowns are x (n), p and, of a fold, v (n).
pub(in crate::landscape) struct Along {
    unknowns: usize,
    equations: usize,
    /// The highest order of derivatives of the energy in the equations.
    order: u8,
    values: Program,
    /// The values, then the entries of the Jacobian that do not vanish by their form.
    full: Program,
    places: Vec<(usize, usize)>,
}

impl Along {
    /// Of n states. `build` gets a circuit of so many coordinates as there are unknowns, with these parameters, and returns it with
    /// the energy. An error says why there are no equations.
    pub(super) fn new(
        n: usize,
        of: Equations<'_>,
        parameters: &[f64],
        build: impl FnOnce(Circuit) -> Result<(Circuit, Value), String>,
    ) -> Result<Self, String> {
        let (what, unknowns) = match of {
            Equations::Branch => ("branch", n + 1),
            Equations::Fold { .. } => ("fold", 2 * n + 1),
        };
        let long = || format!("the energy is too long, or of too many variables, for a {what} to be proven");
        if n > MOST_STATES {
            return Err(long());
        }
        let (mut circuit, root) = build(Circuit::new(unknowns, parameters))?;
        if n * circuit.nodes.len() > MOST_ENERGY {
            return Err(long());
        }
        let mut rows = vec![Value::Constant(Interval::ZERO); n];
        for (slot, g) in circuit.gradient(root, MOST).ok_or_else(long)? {
            if (slot as usize) < n {
                rows[slot as usize] = g;
            }
        }
        if let Equations::Fold { border } = of {
            let bent = kernel_rows(&mut circuit, &rows, border).ok_or_else(long)?;
            rows.extend(bent);
        }
        let (mut places, mut entries) = (vec![], vec![]);
        for (i, row) in rows.iter().enumerate() {
            for (j, entry) in circuit.gradient(*row, MOST).ok_or_else(long)? {
                places.push((i, j as usize));
                entries.push(entry);
            }
        }
        let order = if matches!(of, Equations::Branch) { 1 } else { 2 };
        let values = Program::new(&circuit, &rows, order);
        let full = Program::new(&circuit, &[&rows[..], &entries].concat(), order + 1);
        Ok(Along { unknowns, equations: rows.len(), order, values, full, places })
    }
}

/// `Hess E v` and `border.v - 1`, by the gradient; v stands behind the state and the parameter.
fn kernel_rows(circuit: &mut Circuit, gradient: &[Value], border: &[f64]) -> Option<Vec<Value>> {
    let n = gradient.len();
    let v = |i: usize| Value::Slot((n + 1 + i) as u32);
    let zero = Value::Constant(Interval::ZERO);
    let mut along = vec![];
    for (i, g) in gradient.iter().enumerate().filter(|(_, g)| **g != zero) {
        along.push((circuit.product(&[(v(i), 1), (*g, 1)]), Interval::ONE));
    }
    let along = circuit.sum(&along);
    let mut rows = vec![zero; n];
    for (slot, h) in circuit.gradient(along, MOST)? {
        if (slot as usize) < n {
            rows[slot as usize] = h;
        }
    }
    let mut length: Vec<(Value, Interval)> =
        border.iter().enumerate().map(|(i, b)| (v(i), Interval::point(*b))).collect();
    length.push((Value::Constant(Interval::ONE), -Interval::ONE));
    rows.push(circuit.sum(&length));
    Some(rows)
}

impl System for Along {
    fn dim(&self) -> usize {
        self.unknowns
    }

    fn equations(&self) -> usize {
        self.equations
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        self.values.run(x, |output, missed| {
            for (i, out) in out.iter_mut().enumerate().take(self.equations) {
                *out = if missed > self.order { output.get(i) } else { Interval::ENTIRE };
            }
        });
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let (m, rows) = (self.unknowns, self.equations);
        self.values.run_at(at, |output, missed| {
            for (i, value) in out.value.iter_mut().enumerate().take(rows) {
                *value = if missed > self.order { output.get(i) } else { Interval::ENTIRE };
            }
        });
        self.full.run(x, |output, missed| {
            for (i, range) in out.range.iter_mut().enumerate().take(rows) {
                *range = if missed > self.order { output.get(i) } else { Interval::ENTIRE };
            }
            if missed <= self.order + 1 {
                out.jacobian[..rows * m].fill(Interval::ENTIRE);
                return;
            }
            out.jacobian[..rows * m].fill(Interval::ZERO);
            for (k, (i, j)) in self.places.iter().copied().enumerate() {
                out.jacobian[i * m + j] = output.get(rows + k);
            }
        });
    }
}
