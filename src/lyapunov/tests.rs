use faer::{Mat, MatMut, MatRef};

use super::*;
use crate::Control;
use crate::error::Result;
use crate::landscape::diffusion::Schedule;
use crate::landscape::mixture::{Mixture, Noise};
use crate::landscape::{Diffusion, Dynamics, Landscape, Linearization, Marginal, Region};
use crate::measure::diffusion::{Method, Options, Process as Sampling};

/// E = |x|^2/2 in the plane, if `with_energy`, and the flow `x' = goal - x + turn J x`.
struct Plane {
    goal: [f64; 2],
    turn: f64,
    with_energy: bool,
}

impl Landscape for Plane {
    fn dim(&self) -> usize {
        2
    }
    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        for (j, x) in points.col_iter().enumerate() {
            let mut v = [x[0], x[1]];
            energies[j] = 0.5 * (x[0] * x[0] + x[1] * x[1]);
            if !self.with_energy {
                energies[j] = self.velocity(&[x[0], x[1]], &mut v);
                v = v.map(|v| -v);
            }
            (gradients[(0, j)], gradients[(1, j)]) = (v[0], v[1]);
        }
    }
    fn linearize<'a>(&'a self, _: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        unreachable!("orbits need no Hessian")
    }
    fn hessian(&self, _: &[f64], _: MatMut<'_, f64>) {}
    fn third(&self, _: &[f64], _: &[f64], _: &[f64], _: &mut [f64]) {}
    fn region(&self) -> Option<Region> {
        None
    }
    fn has_energy(&self) -> bool {
        self.with_energy
    }
    fn dynamics(&self) -> Option<&dyn Dynamics> {
        Some(self)
    }
}

impl Dynamics for Plane {
    fn velocity(&self, x: &[f64], v: &mut [f64]) -> f64 {
        v[0] = self.goal[0] - x[0] - self.turn * x[1];
        v[1] = self.goal[1] - x[1] + self.turn * x[0];
        if self.with_energy { 0.5 * (x[0] * x[0] + x[1] * x[1]) } else { f64::NAN }
    }
    fn jacobian(&self, _: &[f64], _: MatMut<'_, f64>) {}
}

fn descend(plane: &Plane, radius: f64) -> Check {
    let options = descent::Options { orbits: 400, starts: descent::Starts::Region, seed: 3 };
    let region = Region::ball(vec![0.0; 2], radius);
    let goal = Mat::from_fn(2, 1, |i, _| plane.goal[i]);
    descent::check(plane, &region, Some(goal.as_ref()), &options, &Control::quiet()).unwrap().unwrap()
}

/// To the goal c from x = c + d the energy is |c + s d|^2/2 with s from 1 to 0: it falls all the way if c.d >= 0.
#[test]
fn energies_that_rise_are_seen() {
    let right = descend(&Plane { goal: [0.0; 2], turn: 3.0, with_energy: true }, 1.0);
    assert_eq!((right.decreasing, right.at_rest, right.orbits), (Some(400), 400, 400));
    assert!(right.largest_increase < Some(1e-12) && right.identity_error < Some(1e-7), "{right:?}");
    assert!(right.residual <= REST && right.datum_distance < Some(1e-7) && right.data_reached == Some(1));
    let wrong = descend(&Plane { goal: [0.5, 0.0], turn: 0.0, with_energy: true }, 1.0);
    // The share of the unit disc with x > 1/2 is 1/3 - sqrt(3)/(4 pi) = 0.1955.
    let (low, high) = interval(wrong.decreasing.unwrap(), 400);
    assert!(low < 0.1955 && 0.1955 < high, "{wrong:?}");
    assert!(wrong.largest_increase > Some(0.99) && wrong.identity_error < Some(1e-7), "{wrong:?}");
    assert_eq!(wrong.at_rest, 400);
}

/// Along the spiral of `x' = -x + w J x` to 0 the work is (1 + w^2)|x|^2/2, along the straight line |x|^2/2.
#[test]
fn fields_without_energy_show_how_far_work_depends_on_the_path() {
    for w in [0.0, 0.5, 2.0] {
        let check = descend(&Plane { goal: [0.0; 2], turn: w, with_energy: false }, 1.0);
        assert_eq!((check.energy, check.decreasing, check.at_rest), (Energy::None, None, 400));
        let truth = w * w / (1.0 + w * w);
        assert!((check.identity_error.unwrap() - truth).abs() < 1e-7, "{w}: {check:?}");
    }
}

#[test]
fn orbits_that_leave_are_not_at_rest() {
    let check = descend(&Plane { goal: [9.0, 0.0], turn: 0.0, with_energy: true }, 1.0);
    assert_eq!(check.at_rest, 0);
    assert!(check.residual > 0.1);
}

fn options(process: Sampling, steps: usize) -> Options {
    Options { process, method: Method::Heun, from: 8.0, to: 0.01, steps, seed: 2 }
}

fn mixture(points: &[[f64; 2]], schedule: Schedule) -> Mixture {
    let data = Mat::from_fn(2, points.len(), |i, k| points[k][i]);
    Mixture::new(data, vec![1.0; points.len()], Noise::Scheduled { schedule, t: 0.5 }, 0.0).unwrap()
}

/// Along the ODE `dE/dr = -Var(y | x)/r^3`: backwards E never falls, rises where the datum is not settled, and stays as it
/// is for a single one, where `-log p` falls with the volume.
#[test]
fn the_energy_of_an_empirical_model_rises_along_its_ode() {
    let two = mixture(&[[1.0, 0.5], [-0.6, 0.2]], Schedule::Edm);
    let run = |process, steps| {
        let data = two.data();
        diffusion::check(&two, 300, data, &options(process, steps), &Control::quiet()).unwrap().unwrap()
    };
    let [landscape, density] = run(Sampling::Ode, 200);
    assert_eq!((landscape.decreasing, landscape.at_rest), (Some(0), 0));
    assert!((landscape.largest_increase.unwrap() - 1.0).abs() < 1e-9);
    assert!(density.identity_error < Some(2e-3), "{density:?}");
    // The rule is of order 2.
    let [_, fine] = run(Sampling::Ode, 400);
    let order = (density.identity_error.unwrap() / fine.identity_error.unwrap()).log2();
    assert!((order - 2.0).abs() < 0.3, "order {order}");
    let [_, sde] = run(Sampling::Sde, 400);
    assert_eq!((sde.decreasing, sde.at_rest, sde.process), (Some(0), 0, Process::Sde));
    assert!(sde.identity_error < Some(0.02), "{sde:?}");

    let one = mixture(&[[0.3, 0.1]], Schedule::VarianceExploding { s: 1.0 });
    let quiet = Control::quiet();
    let [_, density] =
        diffusion::check(&one, 50, None, &options(Sampling::Ode, 100), &quiet).unwrap().unwrap();
    assert_eq!(density.decreasing, Some(50));
    assert_eq!((density.datum_distance, density.data_reached), (None, None));
}

/// The score of Gaussian data of variance 1/4 in the plane, of which the energy is not told, with a rotation added.
struct Turned(f64);

struct At(f64, f64);

impl Diffusion for Turned {
    fn dimension(&self) -> usize {
        2
    }
    fn schedule(&self) -> Schedule {
        Schedule::OrnsteinUhlenbeck
    }
    fn extent(&self) -> Option<(Vec<f64>, f64)> {
        None
    }
    fn marginal(&self, t: f64) -> Result<Box<dyn Marginal + '_>> {
        let (a, sigma) = self.schedule().at(t);
        Ok(Box::new(At(self.0, 0.25 * a * a + sigma * sigma)))
    }
}

impl Marginal for At {
    fn scores(&self, points: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for j in 0..points.ncols() {
            out[(0, j)] = (-points[(0, j)] - self.0 * points[(1, j)]) / self.1;
            out[(1, j)] = (-points[(1, j)] + self.0 * points[(0, j)]) / self.1;
        }
    }
    fn divergences(&self, _: MatRef<'_, f64>, out: &mut [f64]) {
        out.fill(-2.0 / self.1);
    }
    fn energies(&self, _: MatRef<'_, f64>, _: &mut [f64]) -> bool {
        false
    }
}

#[test]
fn a_score_that_is_a_gradient_has_one_energy_and_another_has_none() {
    let run = |turn, process| {
        let options = Options { from: 3.0, ..options(process, 800) };
        diffusion::check(&Turned(turn), 100, None, &options, &Control::quiet()).unwrap().unwrap()[1].clone()
    };
    for process in [Sampling::Ode, Sampling::Sde] {
        assert!(run(0.0, process).identity_error < Some(2e-3), "{:?}", run(0.0, process));
        assert!(run(0.7, process).identity_error > Some(0.02), "{:?}", run(0.7, process));
    }
}

/// Brown, Cai & DasGupta (2001) and any table of Wilson's interval.
#[test]
fn intervals_of_shares() {
    for (hits, count, low, high) in
        [(5, 10, 0.2366, 0.7634), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)]
    {
        let found = interval(hits, count);
        assert!((found.0 - low).abs() < 5e-5 && (found.1 - high).abs() < 5e-5, "{hits}/{count}: {found:?}");
    }
}
