//! RODAS: a linearly implicit (Rosenbrock) method of order 4 with an embedded solution of order 3, L-stable, six stages
//! and one factorisation a step. Coefficients: Hairer & Wanner, Solving Ordinary Differential Equations II, section
//! IV.7 (the variant without time dependence). The Jacobian is exact.

use faer::linalg::solvers::{PartialPivLu, SolveCore};
use faer::{Conj, Mat};

use super::{Flow, Method};
use crate::landscape::hessian::Hessian;
use crate::linalg::{Cholesky, Layout, axpy, column_mut, dot, norm};

const GAMMA: f64 = 0.25;

/// `A[i][j]`: weight of stage j in the argument of stage i + 1.
const A: [[f64; 4]; 4] = [
    [1.544, 0.0, 0.0, 0.0],
    [0.946_678_528_081_582_6, 0.255_701_169_898_328_4, 0.0, 0.0],
    [3.314_825_187_068_521, 2.896_124_015_972_201, 0.998_641_913_997_781_7, 0.0],
    [1.221_224_509_226_641, 6.019_134_481_288_629, 12.537_083_329_320_87, -0.687_886_036_105_895],
];

/// `C[i][j]`: weight of stage j (divided by the step) in the right side of stage i + 1.
const C: [[f64; 5]; 5] = [
    [-5.668_8, 0.0, 0.0, 0.0, 0.0],
    [-2.430_093_356_833_875, -0.206_359_915_709_191_5, 0.0, 0.0, 0.0],
    [-0.107_352_905_815_137_5, -9.594_562_251_023_355, -20.470_286_148_096_16, 0.0, 0.0],
    [7.496_443_313_967_647, -10.246_804_314_643_52, -33.999_903_528_199_05, 11.708_908_932_061_6, 0.0],
    [
        8.083_246_795_921_522,
        -7.981_132_988_064_893,
        -31.521_594_328_743_71,
        16.319_305_431_231_36,
        -6.058_818_238_834_054,
    ],
];

pub(super) struct Rosenbrock {
    /// Minus the Jacobian of the forward flow, except where it has a band.
    curvature: Mat<f64>,
    cholesky: Cholesky,
    band: Option<(Layout, Hessian)>,
    stages: [Vec<f64>; 6],
    argument: Vec<f64>,
}

/// What a step's equations are solved with.
enum Solver {
    /// The factor that is kept.
    Cholesky,
    Lu(PartialPivLu<f64>),
    Band(Hessian),
}

impl Rosenbrock {
    /// `layout` is that of the Hessian of a flow `-grad E`, where it has one.
    pub(super) fn new(n: usize, layout: Option<Layout>) -> Self {
        let full = if layout.is_some() { 0 } else { n };
        Rosenbrock {
            curvature: Mat::zeros(full, full),
            cholesky: Cholesky::new(full),
            band: layout.map(|layout| (layout, Hessian::from(Mat::zeros(0, 0)))),
            stages: std::array::from_fn(|_| vec![0.0; n]),
            argument: vec![0.0; n],
        }
    }

    /// The Jacobian with `shift` on the diagonal, factored. `None` where it is not positive definite.
    fn shifted(&mut self, flow: &Flow<'_>, v: &[f64], shift: f64) -> Option<Solver> {
        let n = v.len();
        if let Some((_, hessian)) = &self.band {
            let shifted = hessian.shifted(shift);
            return (shifted.negative() == Some(0)).then_some(Solver::Band(shifted));
        }
        if !flow.has_dynamics() {
            return self
                .cholesky
                .factor(self.curvature.as_ref(), -flow.sign, shift)
                .map(|_| Solver::Cholesky);
        }
        // Without symmetry: what grows along the orbit.
        let bent = |i: usize| (0..n).map(|j| self.curvature[(i, j)] * v[j]).sum::<f64>();
        let growth = flow.sign * (0..n).map(|i| v[i] * bent(i)).sum::<f64>();
        (growth <= shift * dot(v, v)).then(|| {
            let entry = |i: usize, j: usize| -flow.sign * self.curvature[(i, j)];
            let shifted = Mat::from_fn(n, n, |i, j| entry(i, j) + if i == j { shift } else { 0.0 });
            Solver::Lu(PartialPivLu::new(shifted.as_ref()))
        })
    }
}

impl Method for Rosenbrock {
    fn prepare(&mut self, flow: &Flow<'_>, x: &[f64], _: &[f64]) {
        match &mut self.band {
            Some((layout, hessian)) => *hessian = Hessian::at(flow.landscape, Some(layout), x, -flow.sign),
            None => flow.curvature(x, self.curvature.as_mut()),
        }
    }

    fn attempt(&mut self, flow: &Flow<'_>, x: &[f64], v: &[f64], h: f64, out: &mut [f64]) -> f64 {
        // Where the shifted matrix is not positive definite something grows more than fifty-fold within the step. An
        // L-stable method damps it instead, and its error estimate with it: an orbit would never leave a saddle.
        let Some(solver) = self.shifted(flow, v, 1.0 / (h * GAMMA)) else { return f64::INFINITY };
        for stage in 0..6 {
            let (done, rest) = self.stages.split_at_mut(stage);
            let u = &mut rest[0];
            if stage == 0 {
                u.copy_from_slice(v);
            } else {
                // Stage 6 starts from stage 5's argument plus stage 5 itself.
                if stage < 5 {
                    self.argument.copy_from_slice(x);
                    for (j, done) in done.iter().enumerate() {
                        axpy(A[stage - 1][j], done, &mut self.argument);
                    }
                } else {
                    axpy(1.0, &done[4], &mut self.argument);
                }
                flow.velocity(&self.argument, u);
                for (j, done) in done.iter().enumerate() {
                    axpy(C[stage - 1][j] / h, done, u);
                }
            }
            match &solver {
                Solver::Cholesky => self.cholesky.solve(u),
                Solver::Lu(lu) => lu.solve_in_place_with_conj(Conj::No, column_mut(u)),
                Solver::Band(band) => {
                    band.solve(u);
                }
            }
        }
        out.copy_from_slice(&self.argument);
        axpy(1.0, &self.stages[5], out);
        norm(&self.stages[5])
    }

    fn order(&self) -> f64 {
        4.0
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::super::{Flow, Options, integrate};
    use crate::landscape::formula::Formula;
    use crate::landscape::hessian::light_layout;

    /// A chain of springs with fixed ends, in a band: its modes are sines, along which orbits fall and, backwards, rise
    /// exponentially.
    #[test]
    fn orbits_of_a_chain_are_sums_of_modes() {
        let n = 100;
        let energy = format!("(x[0]^2 + x[{0}]^2 + sum(i, 0, {1}, (x[i+1] - x[i])^2))/2", n - 1, n - 2);
        let chain = Formula::new(n, &energy, &[], &[], None).expect("a valid energy");
        assert!(light_layout(&chain).is_some_and(|layout| layout.width() == 1));
        let place = |i: usize, k: usize| (PI * ((i + 1) * k) as f64 / (n + 1) as f64).sin();
        let rate = |k: usize| 4.0 * (PI * k as f64 / (2 * (n + 1)) as f64).sin().powi(2);
        let modes = [(1, 1.0), (5, 0.3), (60, 0.2)];
        let start: Vec<f64> = (0..n).map(|i| modes.iter().map(|(k, a)| a * place(i, *k)).sum()).collect();
        let options = Options { tolerance: 1e-8, longest: 0.5, steps: 2000 };
        for (flow, sign) in [(Flow::forward(&chain), -1.0), (Flow::backward(&chain), 1.0)] {
            let mut steps = 0;
            integrate(&flow, &start, &options, |state| {
                steps += 1;
                for i in 0..n {
                    let grown =
                        |(k, a): &(usize, f64)| a * place(i, *k) * (sign * rate(*k) * state.time).exp();
                    let exact: f64 = modes.iter().map(grown).sum();
                    let size = (1.0 + 0.2 * (sign * rate(60) * state.time).exp()) * f64::from(steps);
                    assert!((state.x[i] - exact).abs() < 1e-7 * size, "{} beside {exact}", state.x[i]);
                }
                state.time < 3.0
            });
            assert!(steps > 5);
        }
    }
}
