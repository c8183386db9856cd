//! Events to machine precision, by Newton's method on systems that are regular at them.
//!
//! With a border B (n x m) about the kernel, `[[H, B], [B', 0]] [V; S] = [0; I]` defines V and the symmetric m x m matrix S,
//! which vanishes just where the kernel of H has dimension m; its derivatives are `dS = -V' dH V` (Govaerts 2000, chapter 3).
//! * Fold: `g = 0, S = 0` with m = 1.
//! * Points where branches cross: `g + B mu = 0, S = 0, V' g_p = 0`. The unfolding `mu` makes the system regular for m = 1;
//!   for m > 1 it has more equations than unknowns, which symmetry satisfies, and is solved by least squares. `mu` must
//!   come out as zero: else there is no crossing but a near miss.

use faer::Mat;
use faer::linalg::solvers::SolveLstsq;

use super::bordered::Bordered;
use super::path::minus;
use super::system::Problem;
use crate::linalg::{axpy, dot, norm, orthonormalize};

/// What of the equations may remain, relative to the Hessian's size.
const RESIDUAL: f64 = 1e-9;

/// The same where the parameter's last digit says no more.
const COARSEST: f64 = 1e-6;

/// Most unfolding of a crossing, relative to the Hessian's size: what rounding leaves.
const UNFOLDING: f64 = 2e-11;

/// Which system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Fold,
    Crossing,
}

/// A located event, in scaled coordinates.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) system: System,
    pub(super) z: Vec<f64>,
    /// Orthonormal basis of the kernel.
    pub(super) kernel: Vec<Vec<f64>>,
    /// Remainder of the equations relative to the Hessian's size.
    pub(super) residual: f64,
    /// Estimated error of the scaled parameter.
    pub(super) error: f64,
    /// The Hessian's size.
    pub(super) largest: f64,
    /// What to say of it.
    pub(super) note: String,
    /// Was it located at all? Else it stands for a leap that nothing explains.
    pub(super) explained: bool,
    /// Does the branch touch the vertical without turning?
    pub(super) cusp: bool,
}

/// Newton's method from `start` with a border of approximate kernel vectors; `None` if there is no such event.
pub(super) fn locate(
    problem: &Problem<'_>,
    start: &[f64],
    border: &[Vec<f64>],
    system: System,
    largest: f64,
) -> Option<Located> {
    let (n, m) = (problem.dim(), border.len());
    let borders: Vec<&[f64]> = border.iter().map(Vec::as_slice).collect();
    let mut z = start.to_vec();
    let mut last = f64::INFINITY;
    let mut residual = f64::INFINITY;
    let mut kernel = border.to_vec();
    let mut unfolding = f64::INFINITY;
    let mut allowed = RESIDUAL;
    let mut settled = false;
    let mut lag = 0.0;
    for _ in 0..15 {
        let slice = problem.at(z[n])?;
        let (_, g) = slice.gradient(&z);
        let by = slice.by_parameter(&z);
        let h = slice.hessian(&z);
        let factors = Bordered::new(&h, &borders, &borders, 0.0)?;
        let solve = |top: Option<&[f64]>, corner: Option<usize>| {
            let mut b = vec![0.0; n + m];
            if let Some(top) = top {
                b[..n].copy_from_slice(top);
            }
            if let Some(k) = corner {
                b[n + k] = 1.0;
            }
            factors.solve(&mut b).then_some(b)
        };
        let columns: Vec<Vec<f64>> = (0..m).map(|k| solve(None, Some(k))).collect::<Option<_>>()?;
        let v: Vec<&[f64]> = columns.iter().map(|c| &c[..n]).collect();
        let s = |i: usize, j: usize| 0.5 * (columns[j][n + i] + columns[i][n + j]);
        let (d, w) = (solve(Some(&g), None)?, solve(Some(&by), None)?);
        let turned: Vec<Vec<f64>> = v.iter().map(|v| slice.hessian_by(&z, v)).collect();
        // Unknowns q (m) and dtheta; dx = -d - w dtheta + V q.
        let mut rows: Vec<(Vec<f64>, f64)> = vec![];
        let mut row = |gradient: &[f64], by_theta: f64, value: f64| {
            let mut r: Vec<f64> = v.iter().map(|v| dot(gradient, v)).collect();
            r.push(by_theta - dot(gradient, &w[..n]));
            rows.push((r, -value + dot(gradient, &d[..n])));
        };
        let mut worst = 0.0_f64;
        for i in 0..m {
            for j in 0..=i {
                let slope: Vec<f64> = slice.third(&z, v[i], v[j]).iter().map(|t| -t).collect();
                row(&slope, -dot(v[i], &turned[j]), s(i, j));
                worst = worst.max(s(i, j).abs());
            }
        }
        match system {
            System::Fold => {
                // mu = -delta - omega dtheta + S q = 0.
                rows.push((vec![s(0, 0), -w[n]], d[n]));
            }
            System::Crossing => {
                let twice = slice.by_parameter_twice(&z);
                for i in 0..m {
                    let slope = minus(&turned[i], &slice.third(&z, v[i], &w[..n]));
                    let by_theta = dot(v[i], &twice) - dot(&w[..n], &turned[i]);
                    row(&slope, by_theta, w[n + i]);
                    worst = worst.max(w[n + i].abs());
                }
            }
        }
        // The last digit of the parameter may be worth more than that.
        let digit = f64::EPSILON * z[n].abs().max(1.0);
        let steepest = rows.iter().map(|row| row.0[m].abs()).fold(0.0, f64::max);
        allowed = RESIDUAL.max((4.0 * digit * steepest / largest).min(COARSEST));
        residual = worst / largest;
        unfolding = norm(&d[n..]) / largest;
        if settled {
            kernel = v.iter().map(|v| v.to_vec()).collect();
            break;
        }
        let matrix = Mat::from_fn(rows.len(), m + 1, |i, j| rows[i].0[j]);
        let right = Mat::from_fn(rows.len(), 1, |i, _| rows[i].1);
        let y = matrix.qr().solve_lstsq(&right);
        let mut dz: Vec<f64> = d[..n].iter().map(|d| -d).collect();
        for k in 0..m {
            axpy(y[(k, 0)], v[k], &mut dz);
        }
        axpy(-y[(m, 0)], &w[..n], &mut dz);
        dz.push(y[(m, 0)]);
        let size = norm(&dz);
        if !size.is_finite() || size > 0.5 || norm(&minus(&z, start)) > 1.0 {
            return None;
        }
        axpy(1.0, &dz, &mut z);
        lag = y[(m, 0)].abs();
        settled = size < 1e-14 || (size < 1e-8 && size > 0.2 * last);
        last = size;
    }
    if !settled || !(residual < allowed) {
        return None;
    }
    orthonormalize(&mut kernel);
    let mut note = String::new();
    if system == System::Crossing {
        if unfolding > UNFOLDING {
            return None;
        }
        if unfolding > 1e-13 {
            note = format!(
                "branches meet up to an unfolding of {unfolding:.0e}: a near miss can't be told apart"
            );
        }
    }
    let slice = problem.at(z[n])?;
    let rounding = f64::EPSILON * z[n].abs().max(1.0);
    let error = lag + rounding + slice.rounding(&z) / largest;
    (kernel.len() == m).then_some(Located {
        system,
        z,
        kernel,
        residual: residual.max(unfolding),
        error,
        largest,
        note,
        explained: true,
        cusp: false,
    })
}
