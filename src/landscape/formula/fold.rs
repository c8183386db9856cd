//! The equations of a fold as a circuit of the state, the parameter and the kernel vector.
//!
//! In: an energy E of x and a parameter p, as a circuit. Out: `grad E = 0, Hess E v = 0, border.v = 1` with all derivatives
//! worked out: `Hess E v` is the gradient of `v.grad E`, so that third derivatives come from three sweeps.

use super::circuit::{Circuit, Value};
use super::program::Program;
use crate::rigor::{Expansion, Interval, System};

/// The largest number of state variables: a dense system of twice as many unknowns is solved in interval arithmetic.
const MOST_STATES: usize = 64;

/// The most operations that the equations and their derivatives may come to ..
const MOST: usize = 400_000;
/// .. and the most that the energy's operations times the state variables may be, before anything is worked out.
const MOST_ENERGY: usize = 50_000;

/// The system; its unknowns are x (n), p, v (n).
pub(in crate::landscape) struct FoldEquations {
    dim: usize,
    values: Program,
    /// The values, then the entries of the Jacobian that do not vanish by their form.
    full: Program,
    places: Vec<(usize, usize)>,
}

impl FoldEquations {
    /// With `border` (length n). `build` gets a circuit of 2n + 1 coordinates (x, p, v) with these parameters, and returns
    /// it with the energy. An error says why there are no equations.
    pub(super) fn new(
        border: &[f64],
        parameters: &[f64],
        build: impl FnOnce(Circuit) -> Result<(Circuit, Value), String>,
    ) -> Result<Self, String> {
        let n = border.len();
        let dim = 2 * n + 1;
        let long = || "the energy is too long, or of too many variables, for a fold to be proven".to_string();
        if n > MOST_STATES {
            return Err(long());
        }
        let (mut circuit, root) = build(Circuit::new(dim, parameters))?;
        if n * circuit.nodes.len() > MOST_ENERGY {
            return Err(long());
        }
        let v = |i: usize| Value::Slot((n + 1 + i) as u32);
        let mut rows = vec![Value::Constant(Interval::ZERO); dim];
        let mut along = vec![];
        for (slot, g) in circuit.gradient(root, MOST).ok_or_else(long)? {
            let i = slot as usize;
            if i < n {
                rows[i] = g;
                along.push((circuit.product(&[(v(i), 1), (g, 1)]), Interval::ONE));
            }
        }
        let along = circuit.sum(&along);
        for (slot, h) in circuit.gradient(along, MOST).ok_or_else(long)? {
            if (slot as usize) < n {
                rows[n + slot as usize] = h;
            }
        }
        let mut length: Vec<(Value, Interval)> =
            border.iter().enumerate().map(|(i, b)| (v(i), Interval::point(*b))).collect();
        length.push((Value::Constant(Interval::ONE), -Interval::ONE));
        rows[2 * n] = circuit.sum(&length);
        let (mut places, mut entries) = (vec![], vec![]);
        for (i, row) in rows.iter().enumerate() {
            for (j, entry) in circuit.gradient(*row, MOST).ok_or_else(long)? {
                places.push((i, j as usize));
                entries.push(entry);
            }
        }
        let values = Program::new(&circuit, &rows, 2);
        let full = Program::new(&circuit, &[&rows[..], &entries].concat(), 3);
        Ok(FoldEquations { dim, values, full, places })
    }
}

impl System for FoldEquations {
    fn dim(&self) -> usize {
        self.dim
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        self.values.run(x, |output, missed| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = if missed > 2 { output.get(i) } else { Interval::ENTIRE };
            }
        });
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let m = self.dim;
        self.values.run_at(at, |output, missed| {
            for (i, value) in out.value.iter_mut().enumerate() {
                *value = if missed > 2 { output.get(i) } else { Interval::ENTIRE };
            }
        });
        self.full.run(x, |output, missed| {
            for (i, range) in out.range.iter_mut().enumerate() {
                *range = if missed > 2 { output.get(i) } else { Interval::ENTIRE };
            }
            if missed <= 3 {
                out.jacobian.fill(Interval::ENTIRE);
                return;
            }
            out.jacobian.fill(Interval::ZERO);
            for (k, (i, j)) in self.places.iter().copied().enumerate() {
                out.jacobian[i * m + j] = output.get(m + k);
            }
        });
    }
}
