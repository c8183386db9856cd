use faer::MatMut;

use super::*;
use crate::landscape::diffusion::Schedule;
use crate::landscape::mixture::{Mixture, Noise};

const SCHEDULES: [Schedule; 4] = [
    Schedule::VarianceExploding { s: 1.3 },
    Schedule::VariancePreserving { b0: 0.1, b1: 20.0 },
    Schedule::OrnsteinUhlenbeck,
    Schedule::Edm,
];

/// Data N(0, d^2) in every coordinate.
struct Gaussian {
    d: f64,
    schedule: Schedule,
}

struct Normal {
    variance: f64,
}

impl Diffusion for Gaussian {
    fn dimension(&self) -> usize {
        2
    }
    fn schedule(&self) -> Schedule {
        self.schedule
    }
    fn extent(&self) -> Option<(Vec<f64>, f64)> {
        Some((vec![0.0; 2], self.d * 2.0_f64.sqrt()))
    }
    fn marginal(&self, t: f64) -> Result<Box<dyn Marginal + '_>> {
        let (a, sigma) = self.schedule.at(t);
        Ok(Box::new(Normal { variance: (a * self.d).powi(2) + sigma * sigma }))
    }
}

impl Marginal for Normal {
    fn scores(&self, points: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        out.copy_from(points * faer::Scale(-1.0 / self.variance));
    }
    fn divergences(&self, points: MatRef<'_, f64>, out: &mut [f64]) {
        out.fill(-(points.nrows() as f64) / self.variance);
    }
    fn energies(&self, _: MatRef<'_, f64>, _: &mut [f64]) -> bool {
        false
    }
}

fn options(process: Process, method: Method, times: (f64, f64), steps: usize) -> Options {
    Options { process, method, from: times.0, to: times.1, steps, seed: 5 }
}

fn mixture(points: &[[f64; 2]], weights: &[f64], schedule: Schedule) -> Mixture {
    let data = Mat::from_fn(2, points.len(), |i, k| points[k][i]);
    Mixture::new(data, weights.to_vec(), Noise::Scheduled { schedule, t: 0.5 }, 0.0).unwrap()
}

#[test]
fn times_are_found_from_the_noise() {
    for schedule in SCHEDULES {
        for t in [1e-6, 1e-3, 0.3, 0.9] {
            let (a, sigma) = schedule.at(t);
            let back = schedule.time_at(sigma / a);
            assert!((back / t - 1.0).abs() < 1e-9, "{schedule:?} at {t}: {back}");
        }
    }
}

/// The orbit of a Gaussian keeps `x / sqrt(a^2 d^2 + sigma^2)`.
#[test]
fn orbits_of_a_gaussian_and_the_order_of_the_methods() {
    for schedule in SCHEDULES {
        let model = Gaussian { d: 0.7, schedule };
        let times = default_times(&model).unwrap();
        let scale = |t: f64| {
            let (a, sigma) = schedule.at(t);
            (a * a * 0.49 + sigma * sigma).sqrt()
        };
        let error = |method, steps| {
            let options = options(Process::Ode, method, times, steps);
            let start = prior(&model, 20, &options);
            let end = follow(&model, start.clone(), &options, |_| true).unwrap();
            let factor = scale(times.1) / scale(times.0);
            (end - start * faer::Scale(factor)).norm_max()
        };
        for (method, order) in [(Method::Euler, 1.0), (Method::Heun, 2.0)] {
            let (coarse, fine) = (error(method, 128), error(method, 256));
            let seen = (coarse / fine).log2();
            assert!((seen - order).abs() < 0.15, "{schedule:?} {method:?}: order {seen}");
        }
        assert!(error(Method::Heun, 1024) < 3e-5, "{schedule:?}: {}", error(Method::Heun, 1024));
    }
}

/// One datum: in `u = x/a` the orbit is the straight line to it, `u - y` proportional to `sigma/a`.
#[test]
fn orbits_of_a_single_datum_are_straight() {
    for schedule in SCHEDULES {
        let model = mixture(&[[0.6, -0.4]], &[1.0], schedule);
        let times = default_times(&model).unwrap();
        for method in [Method::Euler, Method::Heun] {
            let options = options(Process::Ode, method, times, 40);
            let start = prior(&model, 8, &options);
            let end = follow(&model, start.clone(), &options, |_| true).unwrap();
            let ((a, s), (b, z)) = (schedule.at(times.0), schedule.at(times.1));
            for j in 0..8 {
                for (i, y) in [0.6, -0.4].into_iter().enumerate() {
                    let truth = b * (y + (start[(i, j)] / a - y) * (z / b) / (s / a));
                    assert!((end[(i, j)] - truth).abs() < 1e-10, "{schedule:?} {}", end[(i, j)] - truth);
                }
            }
        }
    }
}

/// Two data of weights 1 and 3: every sample ends within a few noises of a datum, a quarter of them at the first.
#[test]
fn samples_of_two_data() {
    let count = 4000;
    for schedule in SCHEDULES {
        let model = mixture(&[[1.0, 0.5], [-0.6, 0.2]], &[1.0, 3.0], schedule);
        let times = default_times(&model).unwrap();
        let (a, sigma) = schedule.at(times.1);
        for (process, method) in
            [(Process::Ode, Method::Heun), (Process::Sde, Method::Euler), (Process::Sde, Method::Heun)]
        {
            let end = sample(&model, count, &options(process, method, times, 200)).unwrap();
            let mut at_first = 0;
            let mut square = 0.0;
            for x in end.col_iter() {
                let to = |y: [f64; 2]| (x[0] - a * y[0]).hypot(x[1] - a * y[1]);
                let (first, second) = (to([1.0, 0.5]), to([-0.6, 0.2]));
                at_first += usize::from(first < second);
                let nearest = first.min(second);
                assert!(nearest < 8.0 * sigma, "{schedule:?} {process:?}: {nearest} from a datum");
                square += nearest * nearest;
            }
            let share = at_first as f64 / count as f64;
            // Four standard deviations of a share; the prior itself is off by a fraction of one.
            assert!((share - 0.25).abs() < 0.03, "{schedule:?} {process:?} {method:?}: {share}");
            let spread = square / (2.0 * sigma * sigma * count as f64);
            // About one datum a step of Euler-Maruyama from r to q r multiplies the deviation by q^2 and adds noise of
            // variance (1 - q^2) r^2, so that its variance in units of r^2 settles at 1/q^2.
            let steps = ratios(&model, &options(process, method, times, 200)).unwrap();
            let expected = match (process, method) {
                (Process::Sde, Method::Euler) => (steps[199] / steps[200]).powi(2),
                _ => 1.0,
            };
            assert!(
                (spread - expected).abs() < 0.08,
                "{schedule:?} {process:?} {method:?}: variance {spread}"
            );
        }
    }
}

/// At a time at which two data overlap: mean and covariance are those of the mixture.
#[test]
fn moments_of_an_overlapping_mixture() {
    let model = mixture(&[[1.0, 0.0], [-1.0, 0.0]], &[1.0, 1.0], Schedule::Edm);
    for process in [Process::Ode, Process::Sde] {
        let end = sample(&model, 20_000, &options(process, Method::Heun, (30.0, 0.8), 100)).unwrap();
        let mean =
            |f: &dyn Fn(f64, f64) -> f64| end.col_iter().map(|x| f(x[0], x[1])).sum::<f64>() / 20_000.0;
        // Of x0 variance 1 + 0.64 and fourth moment 1 + 6 * 0.64 + 3 * 0.64^2, of x1 0.64.
        assert!(mean(&|x, _| x).abs() < 0.04, "{process:?}");
        assert!((mean(&|x, _| x * x) - 1.64).abs() < 0.05, "{process:?} {}", mean(&|x, _| x * x));
        assert!((mean(&|x, _| x.powi(4)) - 6.0688).abs() < 0.35, "{process:?} {}", mean(&|x, _| x.powi(4)));
        assert!((mean(&|_, y| y * y) - 0.64).abs() < 0.03, "{process:?}");
    }
}

#[test]
fn samples_do_not_depend_on_their_number_or_on_threads() {
    let model = mixture(&[[1.0, 0.5], [-0.6, 0.2]], &[1.0, 3.0], Schedule::Edm);
    let options = options(Process::Sde, Method::Heun, (10.0, 0.01), 30);
    let draw = |threads, count| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| sample(&model, count, &options).unwrap())
    };
    let (one, many, few) = (draw(1, 300), draw(3, 300), draw(2, 7));
    for j in 0..300 {
        assert_eq!(one.col_as_slice(j), many.col_as_slice(j));
    }
    for j in 0..7 {
        assert!((0..2).all(|i| (one[(i, j)] - few[(i, j)]).abs() < 1e-12));
    }
}

/// The divergence is the derivative of the score, `-log p` integrates it, and both have the right constants.
#[test]
fn marginals_of_a_mixture() {
    let model = mixture(&[[1.0, 0.5], [-0.6, 0.2], [0.3, -0.9]], &[1.0, 3.0, 2.0], SCHEDULES[1]);
    let marginal = model.marginal(0.2).unwrap();
    let x = [0.2, 0.1];
    let at = |x: [f64; 2]| {
        let mut score = Mat::zeros(2, 1);
        let points = Mat::from_fn(2, 1, |i, _| x[i]);
        marginal.scores(points.as_ref(), score.as_mut());
        let mut e = [0.0];
        assert!(marginal.energies(points.as_ref(), &mut e));
        let mut d = [0.0];
        marginal.divergences(points.as_ref(), &mut d);
        ([score[(0, 0)], score[(1, 0)]], e[0], d[0])
    };
    let (a, sigma) = SCHEDULES[1].at(0.2);
    let direct: f64 = [([1.0, 0.5], 1.0), ([-0.6, 0.2], 3.0), ([0.3, -0.9], 2.0)]
        .iter()
        .map(|(y, w)| {
            let d2 = (x[0] - a * y[0]).powi(2) + (x[1] - a * y[1]).powi(2);
            w / 6.0 * (-d2 / (2.0 * sigma * sigma)).exp() / (std::f64::consts::TAU * sigma * sigma)
        })
        .sum();
    assert!((at(x).1 + direct.ln()).abs() < 1e-12);
    let h = 1e-5;
    let mut trace = 0.0;
    for i in 0..2 {
        let (mut up, mut down) = (x, x);
        (up[i], down[i]) = (x[i] + h, x[i] - h);
        trace += (at(up).0[i] - at(down).0[i]) / (2.0 * h);
        assert!(((at(down).1 - at(up).1) / (2.0 * h) - at(x).0[i]).abs() < 1e-7);
    }
    assert!((trace - at(x).2).abs() < 1e-6 * trace.abs());
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let model = mixture(&[[1.0, 0.0]], &[1.0], Schedule::OrnsteinUhlenbeck);
    for (from, to, steps) in [
        (0.1, 0.2, 10),
        (1.0, 0.0, 10),
        (f64::NAN, 0.1, 10),
        (f64::INFINITY, 0.1, 10),
        (1e4, 0.1, 10),
        (1.0, 0.1, 0),
    ] {
        let options = options(Process::Ode, Method::Heun, (from, to), steps);
        assert!(sample(&model, 3, &options).is_err(), "{from} {to} {steps}");
    }
}
