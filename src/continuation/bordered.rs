//! Linear systems of Hessians with borders.
//!
//! In: a Hessian and borders. Out: solutions. In few dimensions the whole bordered matrix is factored. In more the Hessian alone
//! is, once for all that is asked of it at a point, and borders are taken in one after the other by mixed block elimination, which
//! stays accurate where the Hessian is singular (Govaerts & Pryce, *IMA Journal of Numerical Analysis* 13, 161, 1993;
//! Govaerts 2000, section 3.6), with a step of refinement. Where the remainder shows that this was not enough, the whole
//! matrix is factored after all.

use std::cell::OnceCell;
use std::rc::Rc;

use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, Solve};

use crate::landscape::hessian::{DENSE, Hessian};
use crate::linalg::{axpy, column_mut, dot, norm};

/// What may remain of a system, relative to its matrix and solution, before it is factored as a whole.
const REMAINDER: f64 = 1e-13;

/// `[[H, right], [below', corner]]`, ready to be solved.
pub(super) struct Bordered(Solver);

enum Solver {
    Whole(PartialPivLu<f64>),
    Blocks(Blocks),
}

impl Bordered {
    /// With borders in pairs and, on the diagonal of each pair, `corner`. `None` if something is not finite.
    pub(super) fn new(h: &Rc<Hessian>, right: &[&[f64]], below: &[&[f64]], corner: f64) -> Option<Self> {
        if h.dim() <= DENSE {
            return whole(h, right, below, corner).map(|lu| Bordered(Solver::Whole(lu)));
        }
        Blocks::new(h, right, below, corner).map(|blocks| Bordered(Solver::Blocks(blocks)))
    }

    /// Solves in place.
    pub(super) fn solve(&self, b: &mut [f64]) -> bool {
        match &self.0 {
            Solver::Whole(lu) => lu.solve_in_place(column_mut(b)),
            Solver::Blocks(blocks) => return blocks.solve(b),
        }
        b.iter().all(|b| b.is_finite())
    }
}

/// The whole matrix; `None` if an entry is not finite.
fn matrix(h: &Hessian, right: &[&[f64]], below: &[&[f64]], corner: f64) -> Option<Mat<f64>> {
    let (n, m) = (h.dim(), right.len());
    let mut a = Mat::zeros(n + m, n + m);
    let mut block = a.as_mut().submatrix_mut(0, 0, n, n);
    match h.full() {
        Some(full) => block.copy_from(full),
        None => block.copy_from(h.dense()),
    }
    for k in 0..m {
        for i in 0..n {
            a[(i, n + k)] = right[k][i];
            a[(n + k, i)] = below[k][i];
        }
        a[(n + k, n + k)] = corner;
    }
    let finite = a.col_iter().all(|c| c.iter().all(|a| a.is_finite()));
    finite.then_some(a)
}

/// The whole matrix, factored.
fn whole(h: &Hessian, right: &[&[f64]], below: &[&[f64]], corner: f64) -> Option<PartialPivLu<f64>> {
    matrix(h, right, below, corner).map(|a| a.partial_piv_lu())
}

/// Mixed block elimination.
struct Blocks {
    h: Rc<Hessian>,
    corner: f64,
    borders: Vec<Border>,
    /// Size of the matrix.
    size: f64,
    whole: OnceCell<Option<PartialPivLu<f64>>>,
}

/// One pair of borders of the matrix before it, A.
struct Border {
    right: Vec<f64>,
    below: Vec<f64>,
    /// `A^-1 right`.
    across: Vec<f64>,
    /// `A'^-1 below`.
    across_transposed: Vec<f64>,
    /// `corner - below . across`.
    pivot: f64,
    /// `corner - right . across_transposed`: the same but for rounding.
    pivot_transposed: f64,
}

impl Blocks {
    fn new(h: &Rc<Hessian>, right: &[&[f64]], below: &[&[f64]], corner: f64) -> Option<Self> {
        let longest = right.iter().chain(below).map(|v| norm(v)).fold(corner.abs(), f64::max);
        let size = h.norm_rows() + longest;
        if !size.is_finite() {
            return None;
        }
        h.negative()?;
        let mut blocks = Blocks { h: h.clone(), corner, borders: vec![], size, whole: OnceCell::new() };
        for (k, (right, below)) in right.iter().zip(below).enumerate() {
            let extended = |v: &[f64]| [v, &vec![0.0; k]].concat();
            let (right, below) = (extended(right), extended(below));
            let (mut across, mut across_transposed) = (right.clone(), below.clone());
            blocks.eliminate(k, &mut across, false);
            blocks.eliminate(k, &mut across_transposed, true);
            let pivot = corner - dot(&below, &across);
            let pivot_transposed = corner - dot(&right, &across_transposed);
            blocks.borders.push(Border { right, below, across, across_transposed, pivot, pivot_transposed });
        }
        Some(blocks)
    }

    /// Solves with the first `k` borders, or with the transposed matrix.
    fn eliminate(&self, k: usize, b: &mut [f64], transposed: bool) {
        let Some(last) = k.checked_sub(1) else {
            self.h.solve(b);
            return;
        };
        let border = &self.borders[last];
        let (right, below, w, v, pivot, other) = if transposed {
            let b = border;
            (&b.below, &b.right, &b.across_transposed, &b.across, b.pivot_transposed, b.pivot)
        } else {
            let b = border;
            (&b.right, &b.below, &b.across, &b.across_transposed, b.pivot, b.pivot_transposed)
        };
        let n = b.len() - 1;
        let (f, g) = b.split_at_mut(n);
        let first = (g[0] - dot(v, f)) / other;
        axpy(-first, right, f);
        let rest = g[0] - self.corner * first;
        self.eliminate(last, f, transposed);
        let second = (rest - dot(below, f)) / pivot;
        axpy(-second, w, f);
        g[0] = first + second;
    }

    /// `b - A x`.
    fn remainder(&self, x: &[f64], b: &[f64]) -> Vec<f64> {
        let n = self.h.dim();
        let mut rest: Vec<f64> = self.h.apply(&x[..n]).iter().zip(b).map(|(a, b)| b - a).collect();
        for (k, border) in self.borders.iter().enumerate() {
            axpy(-x[n + k], &border.right[..n], &mut rest);
        }
        for (k, border) in self.borders.iter().enumerate() {
            rest.push(b[n + k] - dot(&border.below[..n], &x[..n]) - self.corner * x[n + k]);
        }
        rest
    }

    fn solve(&self, b: &mut [f64]) -> bool {
        let m = self.borders.len();
        let right = b.to_vec();
        self.eliminate(m, b, false);
        let mut correction = self.remainder(b, &right);
        self.eliminate(m, &mut correction, false);
        axpy(1.0, &correction, b);
        if norm(&self.remainder(b, &right)) <= REMAINDER * (self.size * norm(b) + norm(&right)) {
            return true;
        }
        let side = |below: bool| -> Vec<&[f64]> {
            let n = self.h.dim();
            self.borders.iter().map(|b| if below { &b.below[..n] } else { &b.right[..n] }).collect()
        };
        let Some(lu) = self.whole.get_or_init(|| whole(&self.h, &side(false), &side(true), self.corner))
        else {
            return false;
        };
        b.copy_from_slice(&right);
        lu.solve_in_place(column_mut(b));
        b.iter().all(|b| b.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Layout;

    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        }
    }

    /// A matrix with a kernel of dimension m: the free chain on each of m pieces, in a band, or turned about by
    /// reflections.
    fn singular(n: usize, m: usize, turned: bool) -> (Hessian, Mat<f64>) {
        let piece = n / m;
        let mut full = Mat::zeros(n, n);
        for i in 0..n - 1 {
            if (i + 1) % piece != 0 {
                full[(i, i)] += 1.0;
                full[(i + 1, i + 1)] += 1.0;
                full[(i, i + 1)] = -1.0;
                full[(i + 1, i)] = -1.0;
            }
        }
        if turned {
            let mut uniform = noise(5);
            let v: Vec<f64> = (0..n).map(|_| uniform()).collect();
            let square = dot(&v, &v);
            let reflection =
                Mat::from_fn(n, n, |i, j| f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j] / square);
            let product = &reflection * &full * &reflection;
            let full = Mat::from_fn(n, n, |i, j| 0.5 * (product[(i, j)] + product[(j, i)]));
            return (full.clone().into(), full);
        }
        let rows: Vec<Vec<u32>> =
            (0..n).map(|j| (j.saturating_sub(1)..=(j + 1).min(n - 1)).map(|i| i as u32).collect()).collect();
        let values: Vec<f64> = (0..n)
            .flat_map(|j| rows[j].iter().map(|&i| full[(i as usize, j)]).collect::<Vec<f64>>())
            .collect();
        (Layout::new(&rows).band(&values, 1.0).into(), full)
    }

    #[test]
    fn small_systems_are_solved() {
        let mut uniform = noise(3);
        for n in 1..12 {
            // A zero corner: rows have to be exchanged.
            let full = Mat::from_fn(n, n, |i, j| if i == j && i == 0 { 0.0 } else { uniform() });
            let full = Mat::from_fn(n, n, |i, j| full[(i, j)] + full[(j, i)]);
            let h = Rc::new(Hessian::from(full.clone()));
            let border: Vec<f64> = (0..n).map(|_| uniform()).collect();
            let known: Vec<f64> = (0..=n).map(|i| (i as f64 + 0.2).cos()).collect();
            let mut b: Vec<f64> = h.apply(&known[..n]);
            axpy(known[n], &border, &mut b);
            b.push(dot(&border, &known[..n]) - 0.5 * known[n]);
            assert!(Bordered::new(&h, &[&border], &[&border], -0.5).expect("regular").solve(&mut b));
            let off: Vec<f64> = b.iter().zip(&known).map(|(a, b)| a - b).collect();
            assert!(norm(&off) < 1e-11, "{n}: {:e}", norm(&off));
        }
    }

    #[test]
    fn borders_make_singular_matrices_regular() {
        for (m, turned) in [(1, false), (2, false), (3, false), (1, true), (2, true), (3, true)] {
            let n = 120;
            let (h, full) = singular(n, m, turned);
            let h = Rc::new(h);
            let mut uniform = noise(m as u64);
            let mut vectors =
                || -> Vec<Vec<f64>> { (0..m).map(|_| (0..n).map(|_| uniform()).collect()).collect() };
            let (right, below) = (vectors(), vectors());
            let r: Vec<&[f64]> = right.iter().map(Vec::as_slice).collect();
            let s: Vec<&[f64]> = below.iter().map(Vec::as_slice).collect();
            let system = Bordered::new(&h, &r, &s, 0.25).expect("finite");
            let known: Vec<f64> = (0..n + m).map(|i| (i as f64 + 0.2).cos()).collect();
            let mut b = vec![0.0; n + m];
            for i in 0..n {
                b[i] = (0..n).map(|j| full[(i, j)] * known[j]).sum::<f64>();
                b[i] += (0..m).map(|k| right[k][i] * known[n + k]).sum::<f64>();
            }
            for k in 0..m {
                b[n + k] = dot(&below[k], &known[..n]) + 0.25 * known[n + k];
            }
            assert!(system.solve(&mut b));
            let off: Vec<f64> = b.iter().zip(&known).map(|(a, b)| a - b).collect();
            assert!(norm(&off) < 1e-9 * norm(&known), "{m} {turned}: {:e}", norm(&off));
            let Solver::Blocks(blocks) = &system.0 else { panic!("it has many dimensions") };
            assert!(blocks.whole.get().is_none(), "{m} {turned} was factored as a whole");
        }
    }
}
