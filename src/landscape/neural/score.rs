//! `score`: a learned vector field `s(x, t)`, the same networks with as many outputs as inputs.
//!
//! A score network is trained to be the gradient of a log-density, but nothing makes it a gradient. With the network's
//! output f, the noise scale sigma and the contraction a of the schedule at time t (Karras et al. 2022, table 1;
//! Tweedie's formula for the denoiser):
//!
//! | output | s |
//! |---|---|
//! | score | `f(x)` |
//! | noise | `-f(x)/sigma` |
//! | denoiser | `(a f(x) - x)/sigma^2` |
//! | edm | `(D - x)/sigma^2`, `D = c_skip x + c_out f(c_in x)` |
//!
//! with `S = sigma^2 + sigma_data^2`, `c_skip = sigma_data^2/S`, `c_out = sigma sigma_data/sqrt S`, `c_in = 1/sqrt S`. All are
//! `s = p x + q f(r x)`.

use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

use super::architecture::Output;
use super::frozen::Frozen;
use super::network::{Direction, Network};
use super::path::{self, PathOfNetworks};
use super::{ACTIVATION, ARCHITECTURE, TIME, TRAINING, WEIGHTS};
use crate::error::{Error, Result};
use crate::landscape::mixture::Schedule;
use crate::landscape::{
    Diffusion, Dynamics, Family, Key, Kind, Landscape, Linearization, Region, blame, no_such_parameter,
};
use crate::study::Section;

/// A score network at a time and a position along its files of weights; see the module.
#[derive(Clone, Debug)]
pub struct Score {
    path: PathOfNetworks,
    output: Output,
    schedule: Schedule,
    factors: Factors,
}

/// `s = p x + q f(r x)`, and the derivatives of the three in t.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Factors {
    p: f64,
    q: f64,
    r: f64,
    rates: [f64; 3],
}

impl Factors {
    fn new(output: Output, schedule: Schedule, t: f64) -> Factors {
        let ((a, sigma), (da, ds)) = (schedule.at(t), schedule.rate_at(t));
        let square = sigma * sigma;
        match output {
            Output::Score => Factors { p: 0.0, q: 1.0, r: 1.0, rates: [0.0; 3] },
            Output::Noise => Factors { p: 0.0, q: -1.0 / sigma, r: 1.0, rates: [0.0, ds / square, 0.0] },
            Output::Denoiser => Factors {
                p: -1.0 / square,
                q: a / square,
                r: 1.0,
                rates: [2.0 * ds / (square * sigma), (da - 2.0 * a * ds / sigma) / square, 0.0],
            },
            Output::Edm { sigma_data } => {
                let total = square + sigma_data * sigma_data;
                let (p, r) = (-1.0 / total, 1.0 / total.sqrt());
                let q = sigma_data * r / sigma;
                let rates = [
                    2.0 * sigma * ds / (total * total),
                    -q * ds * (1.0 / sigma + sigma / total),
                    -sigma * ds * r / total,
                ];
                Factors { p, q, r, rates }
            }
        }
    }
}

/// The keys of a score network in a study.
pub const KEYS: &[Key] = &[WEIGHTS, ARCHITECTURE, ACTIVATION, TRAINING, TIME];

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: "score",
    energy: "none: a vector field s(x, t), x' = s",
    source: "trained weights; outputs: Karras et al. 2022, table 1",
    keys: KEYS,
    build: |section| Score::read(section).map(|s| Box::new(s) as Box<dyn Family>),
};

impl Score {
    pub(super) fn new(path: PathOfNetworks, output: Output, schedule: Schedule) -> Result<Score> {
        let (inputs, outputs) = (path.network.inputs(), path.network.outputs());
        if inputs != outputs {
            return Err(Error::input(format!(
                "the network turns {inputs} numbers into {outputs}, but a score has as many as the state; `weights` of an \
                 energy belong to kind = \"neural\""
            )));
        }
        if matches!(output, Output::Edm { .. })
            && !matches!(schedule, Schedule::Edm | Schedule::VarianceExploding { .. })
        {
            return Err(Error::input(
                "`architecture`: output = \"edm\" is for noise added to the data as they are, schedules \"edm\" and \"ve\"",
            ));
        }
        let t = path.t();
        if output != Output::Score && !(t > 0.0) {
            return Err(Error::input(format!("`t` is {t}, it must be positive")));
        }
        Ok(Score { factors: Factors::new(output, schedule, t), path, output, schedule })
    }

    /// Reads a score network from a section with [`KEYS`], as a study has it.
    pub fn read(section: &mut Section) -> Result<Score> {
        let given = path::read(section)?;
        let output = given.architecture.output;
        let timed = given.path.needs_time() || output != Output::Score;
        match given.t {
            None if timed => return Err(section.missing("t", "0.5")),
            Some(_) if !timed => {
                return Err(section.error("t", "`t` has no effect: the network does not take time"));
            }
            _ => {}
        }
        Score::new(given.path, output, given.architecture.schedule)
            .map_err(|e| blame(section, &["weights", "architecture", "t"], e))
    }

    fn network(&self) -> &Network {
        &self.path.network
    }

    /// Dimension n of the state.
    pub fn dim(&self) -> usize {
        self.network().inputs()
    }

    /// Noise scale sigma at this time.
    pub fn sigma(&self) -> f64 {
        self.schedule.at(self.path.t()).1
    }

    /// The noise schedule that the network was trained with.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// The field (n x b) at the columns of `points` (n x b).
    pub fn field(&self, points: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let Factors { p, q, r, .. } = self.factors;
        let scaled = (r != 1.0).then(|| points * faer::Scale(r));
        let inside = scaled.as_ref().map_or(points, |s| s.as_ref());
        self.network().outputs_at(inside, out.rb_mut());
        for (out, x) in out.col_iter_mut().zip(points.col_iter()) {
            for (out, x) in out.iter_mut().zip(x.iter()) {
                *out = p * x + q * *out;
            }
        }
    }

    /// The field at one point.
    pub fn at(&self, x: &[f64], out: &mut [f64]) {
        self.field(crate::linalg::column(x), crate::linalg::column_mut(out));
    }

    /// The Jacobian `out[(i, j)] = d s_i/d x_j` (n x n) at one point.
    pub fn jacobian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        let Factors { p, q, r, .. } = self.factors;
        let inside = self.inside(x);
        Frozen::vector(self.network(), crate::linalg::column(&inside)).jacobian(self.network(), out.rb_mut());
        for j in 0..x.len() {
            for i in 0..x.len() {
                out[(i, j)] *= q * r;
            }
            out[(j, j)] += p;
        }
    }

    /// Jacobians applied: `out[:, j] = J(points[:, j]) vectors[:, j]`; a single point meets every vector.
    pub fn jacobian_vectors(&self, points: MatRef<'_, f64>, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        let Factors { p, q, r, .. } = self.factors;
        let (network, block) = (self.network(), self.network().block());
        let inside = points * faer::Scale(r);
        let single = points.ncols() == 1;
        let alone = single.then(|| Frozen::vector(network, inside.as_ref()));
        out.par_col_chunks_mut(block).enumerate().for_each(|(i, mut out)| {
            let (start, b) = (i * block, out.ncols());
            let v = vectors.subcols(start, b);
            match &alone {
                Some(frozen) => frozen.jacobian_vectors(network, v, out.rb_mut()),
                None => Frozen::vector(network, inside.subcols(start, b)).jacobian_vectors(
                    network,
                    v,
                    out.rb_mut(),
                ),
            }
            for (out, v) in out.col_iter_mut().zip(v.col_iter()) {
                for (out, v) in out.iter_mut().zip(v.iter()) {
                    *out = p * v + q * r * *out;
                }
            }
        });
    }

    fn inside(&self, x: &[f64]) -> Vec<f64> {
        x.iter().map(|x| self.factors.r * x).collect()
    }

    /// Names and values of the parameters: `t` and, where there are several files of weights, `training`.
    pub fn parameters(&self) -> Vec<(String, f64)> {
        let mut list = vec![];
        if self.path.is_family() {
            list.push(("training".to_string(), self.path.training()));
        }
        if self.path.needs_time() || self.output != Output::Score {
            list.push(("t".to_string(), self.path.t()));
        }
        list
    }

    /// The same network with one parameter changed.
    pub fn with_parameter(&self, name: &str, value: f64) -> Result<Score> {
        let known = self.parameters();
        if !known.iter().any(|(n, _)| n == name) {
            return Err(no_such_parameter("score", name, &known));
        }
        let path = match name {
            "training" => self.path.at(value, self.path.t()),
            _ => self.path.at(self.path.training(), value),
        };
        Score::new(path?, self.output, self.schedule)
    }

    /// Derivative of the field in parameter number `parameter` (its place in [`Score::parameters`]).
    pub fn field_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        let Factors { q, rates: [dp, dq, dr], .. } = self.factors;
        let inside = self.inside(x);
        let network = self.network();
        let along = |direction: Direction<'_>, out: &mut [f64]| match direction {
            Direction::Still => out.fill(0.0),
            direction => network.outputs_along(&inside, direction, out),
        };
        if self.parameters()[parameter].0 == "training" {
            self.path.along_training(|d| along(d, out));
            out.iter_mut().for_each(|o| *o *= q);
            return;
        }
        self.path.along_time(|d| along(d, out));
        let n = x.len();
        let (mut f, mut jx) = (Mat::zeros(n, 1), Mat::zeros(n, 1));
        let point = crate::linalg::column(&inside);
        network.outputs_at(point, f.as_mut());
        Frozen::vector(network, point).jacobian_vectors(network, crate::linalg::column(x), jx.as_mut());
        for i in 0..n {
            out[i] = dp * x[i] + dq * f[(i, 0)] + q * (dr * jx[(i, 0)] + out[i]);
        }
    }
}

/// The flow `x' = s`. There is no energy.
impl Dynamics for Score {
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64 {
        self.at(x, velocity);
        f64::NAN
    }

    fn jacobian(&self, x: &[f64], out: MatMut<'_, f64>) {
        Score::jacobian(self, x, out);
    }

    fn apply_jacobian(&self, x: &[f64], vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        self.jacobian_vectors(crate::linalg::column(x), vectors, out);
    }
}

/// As [`Landscape::has_energy`] says of a field: minus the field for the gradient, minus its Jacobian for the Hessian.
impl Landscape for Score {
    fn dim(&self) -> usize {
        Score::dim(self)
    }

    fn has_energy(&self) -> bool {
        false
    }

    fn dynamics(&self) -> Option<&dyn Dynamics> {
        Some(self)
    }

    fn diffusion(&self) -> Option<&dyn Diffusion> {
        Some(self)
    }

    fn reverse(&self) -> Option<(Box<dyn Diffusion + '_>, f64)> {
        let timed = self.parameters().iter().any(|(name, _)| name == "t");
        timed.then(|| (Box::new(self.clone()) as Box<dyn Diffusion>, self.path.t()))
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        energies.fill(f64::NAN);
        self.field(points, gradients.rb_mut());
        negate(gradients);
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        Box::new(Linear { score: self, points: points.to_owned() })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        Score::jacobian(self, x, out.rb_mut());
        negate(out);
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        // A central difference, of error h^2 with h the cube root of rounding: nothing asks a field for more.
        let size = crate::linalg::norm(u);
        out.fill(0.0);
        if size == 0.0 {
            return;
        }
        let h = f64::EPSILON.cbrt() * (1.0 + crate::linalg::norm(x)) / size;
        let mut product = vec![0.0; x.len()];
        for sign in [-1.0, 1.0] {
            let moved: Vec<f64> = x.iter().zip(u).map(|(x, u)| x + sign * h * u).collect();
            let (moved, v) = (crate::linalg::column(&moved), crate::linalg::column(v));
            self.jacobian_vectors(moved, v, crate::linalg::column_mut(&mut product));
            crate::linalg::axpy(-0.5 * sign / h, &product, out);
        }
    }

    fn region(&self) -> Option<Region> {
        None
    }
}

impl Family for Score {
    fn parameters(&self) -> Vec<(String, f64)> {
        Score::parameters(self)
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        Ok(Box::new(Score::with_parameter(self, name, value)?))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        self.field_by(parameter, x, out);
        out.iter_mut().for_each(|o| *o = -*o);
    }
}

fn negate(mut matrix: MatMut<'_, f64>) {
    matrix.rb_mut().col_iter_mut().for_each(|c| c.iter_mut().for_each(|e| *e = -*e));
}

/// Minus the Jacobians at points.
struct Linear<'a> {
    score: &'a Score,
    points: Mat<f64>,
}

impl Linearization for Linear<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        self.score.jacobian_vectors(self.points.as_ref(), vectors, out.rb_mut());
        negate(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Draw, close, difference, moved, networks};
    use super::*;

    fn scores() -> Vec<(String, Score)> {
        let ve = Schedule::VarianceExploding { s: 1.3 };
        let vp = Schedule::VariancePreserving { b0: 0.1, b1: 20.0 };
        let outputs = [
            (Output::Score, ve),
            (Output::Noise, vp),
            (Output::Denoiser, vp),
            (Output::Edm { sigma_data: 0.6 }, ve),
        ];
        let mut list = vec![];
        for (i, ((name, network, stage), (_, other, _))) in
            networks(3).into_iter().zip(networks(3)).enumerate()
        {
            let far = network.towards(&other.difference(&network), -0.8);
            let path = PathOfNetworks::new(vec![network, far], stage, 0.4, 0.6).unwrap();
            for (output, schedule) in outputs.iter().skip(i % 2).step_by(2) {
                let score = Score::new(path.clone(), *output, *schedule).unwrap();
                list.push((format!("{name}, {output:?}"), score));
            }
        }
        list
    }

    fn at(s: &Score, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        s.at(x, &mut out);
        out
    }

    #[test]
    fn jacobians_are_those_of_the_field() {
        for (name, s) in scores() {
            let mut draw = Draw::new(11);
            let (points, vectors) = (draw.matrix(3, 140), draw.matrix(3, 140));
            let mut out = Mat::zeros(3, 140);
            s.jacobian_vectors(points.as_ref(), vectors.as_ref(), out.as_mut());
            let mut same = Mat::zeros(3, 140);
            s.jacobian_vectors(points.subcols(7, 1), vectors.as_ref(), same.as_mut());
            for j in [0, 7, 130] {
                let (x, v) = (points.col_as_slice(j), vectors.col_as_slice(j));
                let truth = difference(|h| at(&s, &moved(x, v, h)));
                close(out.col_as_slice(j), &truth, &name);
                let mut full = Mat::zeros(3, 3);
                s.jacobian(x, full.as_mut());
                let product = &full * vectors.subcols(j, 1);
                close(product.col_as_slice(0), &truth, &name);
            }
            close(same.col_as_slice(7), out.col_as_slice(7), &name);
        }
    }

    #[test]
    fn rates_in_parameters_are_those_of_the_field() {
        for (name, s) in scores() {
            let x = Draw::new(12).vector(3);
            for (k, (parameter, value)) in s.parameters().into_iter().enumerate() {
                let mut out = vec![0.0; 3];
                s.field_by(k, &x, &mut out);
                let truth = difference(|h| at(&s.with_parameter(&parameter, value + h).unwrap(), &x));
                close(&out, &truth, &format!("{name}, {parameter}"));
            }
        }
    }

    #[test]
    fn outputs_that_mean_the_same_give_the_same_field() {
        // Data N(0, d^2): the denoiser is d^2/(d^2 + sigma^2) x, the score -x/(d^2 + sigma^2). With sigma_data = d the
        // preconditioned network of Karras et al. has nothing to add.
        use super::super::network::Layer;
        let (d, t) = (0.6, 0.8);
        let s = d * d + t * t;
        for (output, factor) in [
            (Output::Score, -1.0 / s),
            (Output::Noise, t / s),
            (Output::Denoiser, d * d / s),
            (Output::Edm { sigma_data: d }, 0.0),
        ] {
            let weight = Mat::from_fn(2, 2, |i, j| if i == j { factor } else { 0.0 });
            let network = Network::new(2, vec![Layer::Linear { weight, bias: vec![] }]).unwrap();
            let path = PathOfNetworks::new(vec![network], None, 0.0, t).unwrap();
            let score = Score::new(path, output, Schedule::Edm).unwrap();
            let x = [0.7, -1.1];
            for (s_i, x) in at(&score, &x).iter().zip(x) {
                assert!((s_i + x / s).abs() < 1e-15, "{output:?}: {s_i}");
            }
        }
    }
}
