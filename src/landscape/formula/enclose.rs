//! A formula in verified arithmetic: enclosures of its energy and derivatives over boxes.

use std::sync::OnceLock;

use faer::Mat;

use super::Formula;
use super::circuit::{Circuit, Value};
use super::program::Program;
use super::{everywhere, unroll};
use crate::landscape::enclose::{Balls, Enclose, Everywhere};
use crate::rigor::rounding::{mul_up, norm_up, sqrt_up, sum_up};
use crate::rigor::{Expansion, Interval, System};

/// The most operations that a formula may have in a proof.
const MOST: usize = 300_000;
/// The most that its Hessian may come to ..
const MOST_SECOND: usize = 800_000;
/// .. and its third derivatives.
const MOST_THIRD: usize = 500_000;

/// A formula whose parameters have their values.
pub(super) struct Enclosure {
    dim: usize,
    circuit: Circuit,
    root: Value,
    energy: Program,
    gradient: Program,
    /// The gradient, then the upper triangle of the Hessian without what vanishes by its form.
    second: Program,
    /// The places of that triangle.
    places: Vec<(usize, usize)>,
    /// The entries of that triangle in the circuit.
    entries: Vec<Value>,
    third: OnceLock<Option<Third>>,
}

/// The third derivatives `i <= j <= k` that do not vanish by the formula's form.
struct Third {
    program: Program,
    places: Vec<[usize; 3]>,
}

impl Enclosure {
    /// The formula for proofs. An error says why there can be none.
    pub(super) fn new(formula: &Formula) -> Result<Self, String> {
        let program = &formula.program;
        let dim = program.tape.dim;
        let circuit = Circuit::new(dim, &formula.parameters);
        let (mut circuit, root) = unroll::unroll(&program.tree, dim, circuit, program.confinement)
            .map_err(|e| format!("the formula cannot be evaluated exactly: {}", e.message))?;
        let long = || "the formula is too long for proofs".to_string();
        if circuit.nodes.len() > MOST {
            return Err(long());
        }
        let mut g = vec![Value::Constant(Interval::ZERO); dim];
        for (i, value) in circuit.gradient(root, MOST_SECOND).ok_or_else(long)? {
            g[i as usize] = value;
        }
        let (mut places, mut entries) = (vec![], vec![]);
        for i in 0..dim {
            for (j, value) in circuit.gradient(g[i], MOST_SECOND).ok_or_else(long)? {
                if j as usize >= i {
                    places.push((i, j as usize));
                    entries.push(value);
                }
            }
        }
        let energy = Program::new(&circuit, &[root], 0);
        let gradient = Program::new(&circuit, &g, 1);
        let second = Program::new(&circuit, &[&g[..], &entries].concat(), 2);
        Ok(Enclosure {
            dim,
            circuit,
            root,
            energy,
            gradient,
            second,
            places,
            entries,
            third: OnceLock::new(),
        })
    }

    fn third(&self) -> Option<&Third> {
        let build = || {
            let mut circuit = self.circuit.clone();
            let most = circuit.nodes.len() + MOST_THIRD;
            let (mut places, mut values) = (vec![], vec![]);
            for ((i, j), entry) in self.places.iter().zip(&self.entries) {
                for (k, value) in circuit.gradient(*entry, most)? {
                    if k as usize >= *j {
                        places.push([*i, *j, k as usize]);
                        values.push(value);
                    }
                }
            }
            Some(Third { program: Program::new(&circuit, &values, 3), places })
        };
        self.third.get_or_init(build).as_ref()
    }
}

impl Enclose for Enclosure {
    fn dim(&self) -> usize {
        self.dim
    }

    fn energy(&self, x: &[Interval]) -> Interval {
        self.energy.run(x, |output, missed| if missed > 0 { output.get(0) } else { Interval::ENTIRE })
    }

    fn gradient(&self, x: &[Interval], out: &mut [Interval]) {
        self.gradient.run(x, |output, missed| {
            let exists = missed > 1;
            for (i, out) in out.iter_mut().enumerate() {
                *out = if exists { output.get(i) } else { Interval::ENTIRE };
            }
        });
    }

    fn hessian(&self, x: &[Interval]) -> Balls {
        let n = self.dim;
        let mut balls = Balls { mid: Mat::zeros(n, n), rad: Mat::zeros(n, n) };
        self.second.run(x, |output, missed| {
            if missed <= 2 {
                balls.rad.fill(f64::INFINITY);
                return;
            }
            for (k, (i, j)) in self.places.iter().copied().enumerate() {
                let h = output.get(n + k);
                for place in [(i, j), (j, i)] {
                    balls.mid[place] = h.mid();
                    balls.rad[place] = h.rad();
                }
            }
        });
        balls
    }

    /// By the third derivatives over the smallest box around the ball: with `T_k` the derivative of the Hessian along
    /// coordinate k, `|sum d_k T_k|` is at most `|(|T_1|, .., |T_n|)| |d|` by Cauchy and Schwarz, and at most the largest
    /// row sum of the matrix `|(T_1, .., T_n)_ij|` times `|d|`.
    fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        let n = self.dim;
        let Some(third) = self.third() else { return f64::INFINITY };
        let x: Vec<Interval> = center.iter().map(|c| Interval::about(*c, radius)).collect();
        // The absolute values, by place (i, j) with every k: symmetric, so each place of a sorted triple is filled.
        let mut slices: Vec<Vec<f64>> = vec![vec![]; n];
        let mut rows: std::collections::BTreeMap<(usize, usize), Vec<f64>> =
            std::collections::BTreeMap::new();
        let exists = third.program.run(&x, |output, missed| {
            for (p, [i, j, k]) in third.places.iter().copied().enumerate() {
                let size = output.get(p).mag();
                let mut all = [[i, j, k], [i, k, j], [j, i, k], [j, k, i], [k, i, j], [k, j, i]];
                all.sort_unstable();
                for (q, [a, b, c]) in all.into_iter().enumerate() {
                    if q > 0 && all[q - 1] == [a, b, c] {
                        continue;
                    }
                    slices[c].push(size);
                    rows.entry((a, b)).or_default().push(size);
                }
            }
            missed > 3
        });
        if !exists {
            return f64::INFINITY;
        }
        let frobenius: Vec<f64> = slices.iter().map(|s| norm_up(s)).collect();
        let mut sums = vec![vec![]; n];
        for ((a, _), entries) in &rows {
            sums[*a].push(norm_up(entries));
        }
        let widest = sums.into_iter().map(sum_up).fold(0.0, f64::max);
        norm_up(&frobenius).min(widest)
    }

    fn system(&self) -> Box<dyn System + '_> {
        Box::new(Gradient(self))
    }

    fn everywhere(&self) -> Option<Everywhere<'_>> {
        let n = self.dim;
        let reach = everywhere::reach(&self.circuit, self.root)?;
        Some(Everywhere {
            system: self.system(),
            within: vec![Interval::new(-reach, reach); n],
            center: vec![0.0; n],
            radius: mul_up(reach, sqrt_up(n as f64)),
            origin: vec![0.0; n],
            map: Mat::identity(n, n),
        })
    }
}

/// The gradient as a system of equations.
struct Gradient<'a>(&'a Enclosure);

impl System for Gradient<'_> {
    fn dim(&self) -> usize {
        self.0.dim
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        self.0.gradient(x, out);
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let n = self.0.dim;
        self.0.gradient.run_at(at, |output, missed| {
            for (i, value) in out.value.iter_mut().enumerate() {
                *value = if missed > 1 { output.get(i) } else { Interval::ENTIRE };
            }
        });
        let smooth = self.0.second.run(x, |output, missed| {
            for (i, range) in out.range.iter_mut().enumerate() {
                *range = if missed > 1 { output.get(i) } else { Interval::ENTIRE };
            }
            if missed <= 2 {
                out.jacobian.fill(Interval::ENTIRE);
                return false;
            }
            out.jacobian.fill(Interval::ZERO);
            for (k, (i, j)) in self.0.places.iter().copied().enumerate() {
                let h = output.get(n + k);
                out.jacobian[i * n + j] = h;
                out.jacobian[j * n + i] = h;
            }
            true
        });
        if !smooth || !x.iter().zip(at).all(|(x, at)| x.contains(*at)) {
            return;
        }
        // The mean value form.
        for i in 0..n {
            let row = &out.jacobian[i * n..(i + 1) * n];
            let steps = x.iter().zip(at).map(|(x, at)| x.shift(-at));
            let change = row.iter().zip(steps).filter(|(h, _)| **h != Interval::ZERO);
            let mean = change.fold(out.value[i], |sum, (h, step)| sum + *h * step);
            out.range[i] = out.range[i].meet(mean).unwrap_or(mean);
        }
    }
}
