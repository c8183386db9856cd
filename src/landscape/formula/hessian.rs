//! Full Hessians: several columns a sweep, and fewer sweeps where the Hessian is sparse.
//!
//! Which entries can differ from zero is read off the tape. Columns without a common row are then computed together,
//! as one Hessian-vector product (Curtis, Powell and Reid, 1974).

use std::collections::HashSet;

use faer::MatMut;

use super::scalar::{Dual, Scalar};
use super::tape::{Op, Tape, with_workspace};

/// Columns computed in one sweep.
const WIDTH: usize = 4;

/// What the analysis of sparsity may cost before the Hessian is taken to be full.
const MOST_ENTRIES: usize = 10_000_000;

/// The places of a Hessian that can differ from zero, and columns in groups without a common row.
#[derive(Debug)]
pub(super) struct Sparsity {
    /// Rows of each column, ascending.
    pub(super) rows: Vec<Vec<u32>>,
    /// Number of entries in the columns before each.
    starts: Vec<usize>,
    /// Columns of each group.
    groups: Vec<Vec<u32>>,
}

/// The sparsity of the tape's Hessian, or `None` if it would save less than half of the work.
pub(super) fn sparsity(tape: &Tape) -> Option<Sparsity> {
    if tape.dim <= WIDTH {
        return None;
    }
    let rows = pattern(tape)?;
    let widest = rows.iter().map(Vec::len).max().unwrap_or(0);
    let work: usize = rows.iter().flatten().map(|&i| rows[i as usize].len()).sum();
    if widest > tape.dim / 2 || work > MOST_ENTRIES {
        return None;
    }
    let groups = group(&rows);
    let mut before = 0;
    let starts = rows
        .iter()
        .map(|rows| {
            before += rows.len();
            before - rows.len()
        })
        .collect();
    (groups.len() <= tape.dim / 2).then_some(Sparsity { rows, starts, groups })
}

/// The rows of each column that can be occupied.
fn pattern(tape: &Tape) -> Option<Vec<Vec<u32>>> {
    let curved = |op: &Op| match *op {
        Op::Mul(a, b) => tape.is_active(a) && tape.is_active(b),
        Op::Div(_, b) => tape.is_active(b),
        Op::Powi(..) | Op::Powc(..) => true,
        Op::Apply(f, _) => !f.is_piecewise_linear(),
        Op::Combine(f, ..) => f != super::scalar::Pairing::Max,
        _ => false,
    };
    // Variables are gathered only for what meets a curved operation later on: not for the outermost sum.
    let mut wanted = vec![false; tape.inputs + tape.ops.len()];
    for (k, op) in tape.ops.iter().enumerate().rev() {
        if wanted[tape.inputs + k] || curved(op) {
            op.operands().into_iter().flatten().for_each(|a| wanted[a as usize] = true);
        }
    }
    // Sets of variables, each once; a slot has the number of its set.
    let mut sets: Vec<Vec<u32>> = vec![vec![]];
    let mut set_of = vec![0usize; tape.inputs + tape.ops.len()];
    for (i, set) in set_of.iter_mut().enumerate().take(tape.dim) {
        *set = sets.len();
        sets.push(vec![i as u32]);
    }
    let mut met = HashSet::new();
    let mut rows: Vec<Vec<u32>> = vec![vec![]; tape.dim];
    let mut entries = 0;
    for (k, op) in tape.ops.iter().enumerate().skip(tape.first_active) {
        let slot = tape.inputs + k;
        let [a, b] = op.operands().map(|operand| operand.map_or(0, |a| set_of[a as usize]));
        if wanted[slot] || curved(op) {
            set_of[slot] = if a == b || b == 0 {
                a
            } else if a == 0 {
                b
            } else {
                sets.push(union(&sets[a], &sets[b]));
                entries += sets.last().map_or(0, Vec::len);
                sets.len() - 1
            };
        }
        if curved(op) {
            let pairs = match op {
                Op::Mul(..) => vec![(a, b), (b, a)],
                Op::Div(..) => vec![(a, b), (b, a), (b, b)],
                _ => vec![(set_of[slot], set_of[slot])],
            };
            for (p, q) in pairs {
                if met.insert((p, q)) {
                    entries += sets[p].len() * sets[q].len();
                    if entries > MOST_ENTRIES {
                        return None;
                    }
                    sets[p].iter().for_each(|&i| rows[i as usize].extend_from_slice(&sets[q]));
                }
            }
        }
        if entries > MOST_ENTRIES {
            return None;
        }
    }
    for row in &mut rows {
        row.sort_unstable();
        row.dedup();
    }
    Some(rows)
}

/// The union of two ascending lists.
fn union(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut all = [a, b].concat();
    all.sort_unstable();
    all.dedup();
    all
}

/// Columns in groups such that no row is occupied twice in a group; each column joins the first group that takes it.
fn group(rows: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut color = vec![usize::MAX; rows.len()];
    let mut groups: Vec<Vec<u32>> = vec![];
    let mut taken_by = vec![usize::MAX; rows.len() + 1];
    for j in 0..rows.len() {
        for &i in &rows[j] {
            for &k in &rows[i as usize] {
                if color[k as usize] != usize::MAX {
                    taken_by[color[k as usize]] = j;
                }
            }
        }
        let free = (0..).find(|c| taken_by[*c] != j).unwrap_or(groups.len());
        if free == groups.len() {
            groups.push(vec![]);
        }
        groups[free].push(j as u32);
        color[j] = free;
    }
    groups
}

/// The Hessian at the inputs (coordinates, then parameters), both triangles, exactly symmetric.
pub(super) fn hessian(
    tape: &Tape,
    sparsity: Option<&Sparsity>,
    inputs: &[&[f64]; 2],
    mut out: MatMut<'_, f64>,
) {
    let n = tape.dim;
    match sparsity {
        None => {
            if n <= 2 {
                full::<2>(tape, inputs, out.as_mut());
            } else {
                full::<WIDTH>(tape, inputs, out.as_mut());
            }
            for j in 0..n {
                for i in 0..j {
                    let mean = 0.5 * (out[(i, j)] + out[(j, i)]);
                    out[(i, j)] = mean;
                    out[(j, i)] = mean;
                }
            }
        }
        Some(sparsity) => {
            out.fill(0.0);
            sweeps(tape, sparsity, inputs, |_, place, value| out[place] = value);
            for (j, rows) in sparsity.rows.iter().enumerate() {
                for i in rows.iter().map(|&i| i as usize).take_while(|i| *i < j) {
                    let mean = 0.5 * (out[(i, j)] + out[(j, i)]);
                    out[(i, j)] = mean;
                    out[(j, i)] = mean;
                }
            }
        }
    }
}

/// The entries that can differ from zero: number (column after column), row and column, value. Those of the two triangles
/// may differ by rounding.
pub(super) fn sweeps(
    tape: &Tape,
    sparsity: &Sparsity,
    inputs: &[&[f64]; 2],
    mut put: impl FnMut(usize, (usize, usize), f64),
) {
    with_workspace::<Dual<f64, WIDTH>, _>(tape, |work| {
        for groups in sparsity.groups.chunks(WIDTH) {
            set_inputs(&mut work.values, inputs);
            for (lane, group) in groups.iter().enumerate() {
                group.iter().for_each(|&j| work.values[j as usize].slopes[lane] = 1.0);
            }
            tape.forward(&mut work.values);
            tape.reverse(&work.values, &mut work.adjoints);
            for (lane, group) in groups.iter().enumerate() {
                for j in group.iter().map(|&j| j as usize) {
                    for (k, &i) in sparsity.rows[j].iter().enumerate() {
                        let value = work.adjoints[i as usize].slopes[lane];
                        put(sparsity.starts[j] + k, (i as usize, j), value);
                    }
                }
            }
        }
    });
}

/// All columns, `W` a sweep.
fn full<const W: usize>(tape: &Tape, inputs: &[&[f64]; 2], mut out: MatMut<'_, f64>) {
    with_workspace::<Dual<f64, W>, _>(tape, |work| {
        for start in (0..tape.dim).step_by(W) {
            set_inputs(&mut work.values, inputs);
            let width = W.min(tape.dim - start);
            for lane in 0..width {
                work.values[start + lane].slopes[lane] = 1.0;
            }
            tape.forward(&mut work.values);
            tape.reverse(&work.values, &mut work.adjoints);
            for lane in 0..width {
                for i in 0..tape.dim {
                    out[(i, start + lane)] = work.adjoints[i].slopes[lane];
                }
            }
        }
    });
}

/// Writes coordinates and parameters as constants into the first slots.
pub(super) fn set_inputs<S: Scalar>(values: &mut [S], inputs: &[&[f64]; 2]) {
    for (slot, x) in values.iter_mut().zip(inputs.iter().copied().flatten()) {
        *slot = S::constant(*x);
    }
}
