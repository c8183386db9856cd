//! The probability-flow ODE and the reverse SDE of a diffusion model, and an energy that moves with time.
//!
//! In `u = x/a`, `v = (sigma/a)^2` the distribution q of a diffusion model spreads as heat does, `dq/dv = (1/2) lap q`, so
//! that with its score b, along any path,
//!
//! `d(-log q) = -b.du - (1/2) (div b + |b|^2) dv`, and `-log p = -log q + n log a`.
//!
//! Along the ODE this is the divergence of its velocity. Where `-log p` is known, the sum of these changes is compared
//! with it; where only a score is, they are all there is to define an energy, and their sum along the orbit is compared
//! with that along the path of pure noise between the same ends, `u = y + (sigma/a) z`: for the score of a diffusion they
//! agree, for a learned one they tell how far it is from having an energy at all. Sums use the trapezoid rule, for the SDE
//! in the sense of Stratonovich.

use std::f64::consts::TAU;

use faer::{ColRef, Mat, MatRef};

use super::{Check, Course, Energy, REST, identity_error, nearest_data, typical};
use crate::control::{Control, Progress};
use crate::error::Result;
use crate::landscape::{Diffusion, Marginal};
use crate::measure::diffusion::{Options, State, follow, prior};

/// What one process does, watched by both energies, `landscape` first. Data (columns) are those at the last time; `None`
/// if stopped.
///
/// # Errors
/// As [`crate::measure::diffusion::sample`].
pub fn check(
    model: &dyn Diffusion,
    orbits: usize,
    data: Option<MatRef<'_, f64>>,
    options: &Options,
    control: &Control<'_>,
) -> Result<Option<[Check; 2]>> {
    let mut watch = Watch::default();
    let mut times = vec![];
    let start = prior(model, orbits, options);
    let ends = follow(model, start.clone(), options, |state| {
        let (done, total) = (times.len(), options.steps + 1);
        (control.progress)(Progress { stage: "sampling", done, total, note: "" });
        watch.see(state);
        times.push(state.t);
        !control.stopped()
    })?;
    if times.len() <= options.steps {
        return Ok(None);
    }
    let truth = match watch.known {
        true => watch.courses.iter().map(|c| c[1].last).collect(),
        false => along_noise(model, &start, &ends, &times)?,
    };
    let gaps = truth.iter().zip(&watch.sums).map(|(truth, sum)| truth - sum);
    let identity_error = identity_error(gaps, watch.courses.iter().map(|c| c[1]));
    let reference = typical(watch.first);
    let residuals: Vec<f64> = watch.last.iter().map(|s| s / reference.max(f64::MIN_POSITIVE)).collect();
    let (datum_distance, data_reached) = nearest_data(ends.as_ref(), data);
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let row = |which: usize, energy: Energy| {
        let courses = || watch.courses.iter().map(move |c| c[which]);
        Check {
            process: match options.process {
                crate::measure::diffusion::Process::Ode => super::Process::Ode,
                crate::measure::diffusion::Process::Sde => super::Process::Sde,
            },
            energy,
            orbits,
            decreasing: Some(courses().filter(Course::falls).count()),
            largest_increase: Some(largest(&mut courses().map(|c| c.relative_rise()))),
            identity_error: Some(identity_error),
            at_rest: residuals.iter().filter(|r| **r <= REST).count(),
            residual: largest(&mut residuals.iter().copied()),
            datum_distance,
            data_reached,
        }
    };
    Ok(Some([row(0, Energy::Landscape), row(1, Energy::Density)]))
}

/// What is known of all orbits as they go.
#[derive(Default)]
struct Watch {
    /// `-log p` of each, summed up.
    sums: Vec<f64>,
    /// Of each orbit: by the landscape's energy, by `-log p`.
    courses: Vec<[Course; 2]>,
    /// Is `-log p` known, or only summed up?
    known: bool,
    before: Option<Form>,
    /// Drift in units of the noise, `(sigma/a) |b|`, at the beginning and now.
    first: Vec<f64>,
    last: Vec<f64>,
}

impl Watch {
    fn see(&mut self, state: &State<'_>) {
        let (n, count) = (state.points.nrows(), state.points.ncols());
        let form = Form::at(
            state.marginal,
            state.a,
            state.sigma,
            &state.points.to_owned(),
            &state.scores.to_owned(),
        );
        let mut known = vec![0.0; count];
        self.known = state.marginal.energies(state.points, &mut known);
        let volume = 0.5 * n as f64 * (TAU * state.sigma * state.sigma).ln();
        match &self.before {
            // The energy of a score begins anywhere.
            None => self.sums = if self.known { known.clone() } else { vec![volume; count] },
            Some(before) => {
                self.sums.iter_mut().enumerate().for_each(|(j, sum)| *sum += form.change_from(before, j));
            }
        }
        let speed = |s: ColRef<'_, f64>| state.sigma * s.iter().map(|s| s * s).sum::<f64>().sqrt();
        self.last = state.scores.col_iter().map(speed).collect();
        if self.before.is_none() {
            self.first = self.last.clone();
        }
        let density = if self.known { &known } else { &self.sums };
        for (j, density) in density.iter().enumerate() {
            let energies = [density - volume, *density];
            match self.courses.get_mut(j) {
                None => self.courses.push(energies.map(Course::new)),
                Some(courses) => courses.iter_mut().zip(energies).for_each(|(c, e)| c.push(e)),
            }
        }
        self.before = Some(form);
    }
}

/// What the change of `-log p` is made of, at many points of one time.
struct Form {
    u: Mat<f64>,
    b: Mat<f64>,
    /// `-(div b + |b|^2)/2` of each.
    spreading: Vec<f64>,
    v: f64,
    log_a: f64,
}

impl Form {
    fn at(marginal: &dyn Marginal, a: f64, sigma: f64, points: &Mat<f64>, scores: &Mat<f64>) -> Form {
        let mut spreading = vec![0.0; points.ncols()];
        marginal.divergences(points.as_ref(), &mut spreading);
        for (s, score) in spreading.iter_mut().zip(scores.col_iter()) {
            *s = -0.5 * a * a * (*s + score.iter().map(|s| s * s).sum::<f64>());
        }
        let ratio = sigma / a;
        let (u, b) = (points * faer::Scale(1.0 / a), scores * faer::Scale(a));
        Form { u, b, spreading, v: ratio * ratio, log_a: a.ln() }
    }

    fn change_from(&self, before: &Form, j: usize) -> f64 {
        let n = self.u.nrows();
        let work: f64 = (0..n)
            .map(|i| 0.5 * (self.b[(i, j)] + before.b[(i, j)]) * (self.u[(i, j)] - before.u[(i, j)]))
            .sum();
        let spread = 0.5 * (self.spreading[j] + before.spreading[j]) * (self.v - before.v);
        spread - work + n as f64 * (self.log_a - before.log_a)
    }
}

/// The sums, from the same beginning, along the paths of pure noise with the same ends.
fn along_noise(model: &dyn Diffusion, start: &Mat<f64>, ends: &Mat<f64>, times: &[f64]) -> Result<Vec<f64>> {
    let schedule = model.schedule();
    let (n, count) = (start.nrows(), start.ncols());
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return Ok(vec![]) };
    let ((a, sigma), (end_a, end_sigma)) = (schedule.at(*first), schedule.at(*last));
    let (ratio, end_ratio) = (sigma / a, end_sigma / end_a);
    let mut sums = vec![0.5 * n as f64 * (TAU * sigma * sigma).ln(); count];
    let mut before: Option<Form> = None;
    let mut scores = Mat::zeros(n, count);
    for t in times {
        let (here_a, here_sigma) = schedule.at(*t);
        let share = (here_sigma / here_a - end_ratio) / (ratio - end_ratio);
        let points = Mat::from_fn(n, count, |i, j| {
            let (from, to) = (start[(i, j)] / a, ends[(i, j)] / end_a);
            here_a * (to + share * (from - to))
        });
        let marginal = model.marginal(*t)?;
        marginal.scores(points.as_ref(), scores.as_mut());
        let form = Form::at(marginal.as_ref(), here_a, here_sigma, &points, &scores);
        if let Some(before) = &before {
            sums.iter_mut().enumerate().for_each(|(j, sum)| *sum += form.change_from(before, j));
        }
        before = Some(form);
    }
    Ok(sums)
}
