//! Many descents at once: the gradients of all of them are one product with the data.
//!
//! Where the energy is a quadratic of curvature c less a convex function, as that of a sum of equally wide Gaussians, `x - grad E(x)/c`
//! is what mean shift does (Fukunaga & Hostetler 1975). No second derivative is larger than c, so that steps longer by a factor
//! below two descend as well; they get there sooner.
//!
//! On the way two digits of a gradient will do, where the landscape has such for less.
//!
//! Near its end a descent is slow along the few directions in which the curvature is far below c. There its last two steps s with the
//! changes y of the gradient tell the curvature in the plane that they span, `s'y`. Where that is positive, a step goes to the bottom
//! of the parabola in this plane, and as mean shift does across it (multisecant or Anderson's acceleration of the first type: Fang &
//! Saad 2009, "Two classes of multisecant methods for nonlinear acceleration").

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use faer::Mat;
use rayon::prelude::*;

use super::follow::Followed;
use super::places::Places;
use super::problem::Problem;
use super::refine::NEAR;
use super::seeds::{Seed, descent};
use crate::control::{Control, Progress};
use crate::landscape::{Kernel, Landscape};
use crate::linalg::{axpy, dot, norm};

/// Descents that are followed together: at most, and at least if there are as many, in so many groups where there are not many.
const TOGETHER: (usize, usize, usize) = (256, 16, 8);
/// Length of a step over that of mean shift.
const FACTOR: f64 = 1.7;
/// Rough gradients do as long as they are this many times as long, and for so many steps at most.
const ROUGHLY: (f64, usize) = (4.0, 100);
/// Steps at most, after those.
const MOST: usize = 300;
/// A step of mean shift that is so short, relative to the problem's scale and to the width of a well, is near enough to the end to tell
/// where it is, and for Newton's method.
const SHORT: (f64, f64) = (1e-5, 1e-3);
/// From there to where the gradient is as short as this many units in the last place of its terms ..
const ROUNDING: f64 = 2.0;
/// .. it takes no more steps than this, or Newton's method instead: one Hessian costs a quarter of the dimension of them.
const FEW: usize = 40;
/// A step of mean shift in widths of a well below which the last steps are made use of, and how long a step then may be.
const CLOSE: (f64, f64) = (0.02, 0.1);
/// Steps whose curvatures are told apart: their determinant over the product of both.
const INDEPENDENT: f64 = 1e-6;

/// The same searches, but plain descents among them have been followed nearly to their ends, where that is cheap.
pub(super) fn settle(problem: &Problem<'_>, mut seeds: Vec<Seed>, control: &Control<'_>) -> Vec<Seed> {
    let Some(kernel) = problem.landscape.kernel() else { return seeds };
    let is_plain = |seed: &Seed| matches!(seed, Seed::Climb { index: 0, directions: None, from: None, .. });
    let plain: Vec<usize> = (0..seeds.len()).filter(|i| is_plain(&seeds[*i])).collect();
    let total = plain.len();
    let (most, least, groups) = TOGETHER;
    if total < least {
        return seeds;
    }
    let done = AtomicUsize::new(0);
    let short = kernel.curvature * (SHORT.0 * problem.scale).min(SHORT.1 * kernel.width());
    let settled: Vec<Vec<Seed>> = plain
        .par_chunks(total.div_ceil(groups).clamp(least, most))
        .map(|group| {
            let starts: Vec<&[f64]> = group.iter().map(|i| seeds[*i].start()).collect();
            let goal = |length: f64| vec![length; starts.len()];
            let (longer, most) = ROUGHLY;
            let near = descend(problem, &starts, kernel, &goal(longer * short), most, Digits::Few, control);
            let near: Vec<&[f64]> = near.iter().map(Seed::start).collect();
            let settled = descend(problem, &near, kernel, &goal(short), MOST, Digits::All, control);
            let done = done.fetch_add(group.len(), Relaxed) + group.len();
            (control.progress)(Progress { stage: "descents", done, total, note: "" });
            settled
        })
        .collect();
    for (place, seed) in plain.into_iter().zip(settled.into_iter().flatten()) {
        seeds[place] = seed;
    }
    seeds
}

/// Searches in two parts, each after what the one before met is known: of those that have come to rest at one place all but the first
/// wait.
pub(super) fn leaders_first(problem: &Problem<'_>, seeds: Vec<Seed>) -> [Vec<Seed>; 2] {
    let places = seeds.iter().map(|seed| match seed {
        Seed::Settled { x, .. } => Some(&x[..]),
        _ => None,
    });
    let mut leads = leads(problem, places).into_iter();
    seeds.into_iter().partition::<Vec<Seed>, _>(|_| leads.next() == Some(true)).into()
}

/// Which of these places have none of those before next to them; what has no place has none next to it.
pub(super) fn leads<'a>(problem: &Problem<'_>, all: impl Iterator<Item = Option<&'a [f64]>>) -> Vec<bool> {
    let reach = NEAR * problem.scale;
    let mut places = Places::new(&problem.region);
    let mut taken: Vec<&[f64]> = vec![];
    let lead = |x: Option<&'a [f64]>| {
        let Some(x) = x else { return true };
        let near = |id: usize| problem.region.distance(taken[id], x) <= reach;
        let first = places.first_near(x, reach, near).is_none();
        if first {
            places.add(x, 0.0);
            taken.push(x);
        }
        first
    };
    all.map(lead).collect()
}

/// One descent on its way.
struct Descent {
    x: Vec<f64>,
    /// There; empty at first.
    gradient: Vec<f64>,
    /// The step that is tried, and whether it makes use of those before.
    step: Vec<f64>,
    is_guess: bool,
    /// The last two steps with the changes of the gradient, the later one first, and how many of them there are.
    last: [(Vec<f64>, Vec<f64>); 2],
    known: usize,
}

impl Descent {
    fn new(x: &[f64]) -> Self {
        let zeros = || vec![0.0; x.len()];
        let last = [(zeros(), zeros()), (zeros(), zeros())];
        Descent {
            x: x.to_vec(),
            gradient: Vec::with_capacity(x.len()),
            step: zeros(),
            is_guess: false,
            last,
            known: 0,
        }
    }

    /// Takes in the gradient after the step that was tried, and finds the next one.
    fn go_on(&mut self, gradient: &[f64], kernel: Kernel) {
        if self.gradient.is_empty() {
            self.gradient.extend_from_slice(gradient);
        } else if self.is_guess && !(norm(gradient) < norm(&self.gradient)) {
            self.known = 0;
        } else {
            axpy(1.0, &self.step, &mut self.x);
            self.last.swap(0, 1);
            let (step, change) = &mut self.last[0];
            step.copy_from_slice(&self.step);
            for ((change, old), new) in change.iter_mut().zip(&mut self.gradient).zip(gradient) {
                *change = new - *old;
                *old = *new;
            }
            self.known = (self.known + 1).min(2);
        }
        self.is_guess = self.guess(kernel);
        if !self.is_guess {
            self.step.fill(0.0);
            axpy(-FACTOR / kernel.curvature, &self.gradient, &mut self.step);
        }
    }

    /// A step to the bottom of the parabola along the last steps, if they show one nearby.
    fn guess(&mut self, kernel: Kernel) -> bool {
        let width = kernel.width();
        if !(norm(&self.gradient) <= kernel.curvature * CLOSE.0 * width) {
            return false;
        }
        let curvature = |i: usize, j: usize| {
            let ((s, y), (t, z)) = (&self.last[i], &self.last[j]);
            0.5 * (dot(s, z) + dot(t, y))
        };
        let slope = |i: usize| dot(&self.last[i].0, &self.gradient);
        let a = curvature(0, 0);
        if self.known == 0 || !(a > 0.0) {
            return false;
        }
        let mut parts = [slope(0) / a, 0.0];
        if self.known == 2 {
            let (b, c) = (curvature(0, 1), curvature(1, 1));
            let determinant = a * c - b * b;
            if c > 0.0 && determinant > INDEPENDENT * a * c {
                let (u, v) = (slope(0), slope(1));
                parts = [(c * u - b * v) / determinant, (a * v - b * u) / determinant];
            }
        }
        let across = 1.0 / kernel.curvature;
        self.step.fill(0.0);
        axpy(-across, &self.gradient, &mut self.step);
        for (part, (along, change)) in parts.iter().zip(&self.last) {
            axpy(-part, along, &mut self.step);
            axpy(part * across, change, &mut self.step);
        }
        norm(&self.step) <= CLOSE.1 * width && dot(&self.step, &self.gradient) < 0.0
    }
}

/// Where the descents from these places, near which they have come to rest, end but for rounding; none where that is not had in few steps.
pub(super) fn rest(problem: &Problem<'_>, places: &[&[f64]], control: &Control<'_>) -> Vec<Option<Followed>> {
    let Some(kernel) = problem.landscape.kernel() else { return places.iter().map(|_| None).collect() };
    let least: Vec<f64> = places.iter().map(|x| ROUNDING * problem.landscape.gradient_error(x)).collect();
    let ends = descend(problem, places, kernel, &least, FEW, Digits::All, control);
    let found = |end: Seed| match end {
        Seed::Settled { x, gradient } => Some(Followed { gradient_norm: norm(&gradient), x }),
        _ => None,
    };
    ends.into_iter().map(found).collect()
}

/// How many of a gradient are right.
enum Digits {
    All,
    /// Where there are no such gradients descents stay where they are.
    Few,
}

/// Follows the descents from these points side by side, until their gradients are no longer than this, in so many steps at most.
fn descend(
    problem: &Problem<'_>,
    starts: &[&[f64]],
    kernel: Kernel,
    least: &[f64],
    most: usize,
    digits: Digits,
    control: &Control<'_>,
) -> Vec<Seed> {
    let (n, count) = (problem.dim(), starts.len());
    let mut seeds: Vec<Option<Seed>> = (0..count).map(|_| None).collect();
    let mut descents: Vec<Descent> = starts.iter().map(|x| Descent::new(x)).collect();
    let mut on: Vec<usize> = (0..count).collect();
    let (mut places, mut energies, mut gradients) =
        (Mat::zeros(n, count), vec![0.0; count], Mat::zeros(n, count));
    for _ in 0..most {
        let active = on.len();
        if active == 0 || control.stopped() {
            break;
        }
        for (j, id) in on.iter().enumerate() {
            let place = places.col_as_slice_mut(j);
            place.copy_from_slice(&descents[*id].x);
            axpy(1.0, &descents[*id].step, place);
        }
        let at = places.as_ref().subcols(0, active);
        let out = gradients.as_mut().subcols_mut(0, active);
        match digits {
            Digits::All => problem.landscape.gradients(at, &mut energies[..active], out),
            Digits::Few if problem.landscape.rough_gradients(at, out) => {}
            Digits::Few => break,
        }
        let mut moving = vec![];
        for (j, id) in on.into_iter().enumerate() {
            let (x, g) = (places.col_as_slice(j), gradients.col_as_slice(j));
            let size = norm(g);
            if size <= least[id] {
                seeds[id] = Some(Seed::Settled { x: x.to_vec(), gradient: g.to_vec() });
            } else if size.is_finite() {
                descents[id].go_on(g, kernel);
                moving.push(id);
            }
        }
        on = moving;
    }
    // What is slow goes on from where it came to.
    for id in on {
        seeds[id] = Some(descent(descents[id].x.clone()));
    }
    seeds
        .into_iter()
        .zip(starts)
        .map(|(seed, start)| seed.unwrap_or_else(|| descent(start.to_vec())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::critical::chart::Chart;
    use crate::landscape::Region;
    use crate::landscape::mixture::{Mixture, Noise};
    use crate::linalg::distance;

    /// Two wells that have nearly become one: along the line through both the curvature is a fiftieth of that across it, so that mean
    /// shift alone, by steps 1.7 times as long, takes some 300 of them for four digits. The minimum is the root of x = y tanh(y x).
    #[test]
    fn a_soft_valley_is_gone_along_in_few_steps() {
        let (y, n) = (1.005, 12);
        let data = Mat::from_fn(n, 2, |i, k| if i == 0 { y - 2.0 * y * k as f64 } else { 0.0 });
        let noise = Noise::Fixed { a: 1.0, sigma: 1.0 };
        let mixture = Mixture::new(data, vec![1.0; 2], noise, 0.0).expect("a valid mixture");
        let region = Region::ball(vec![0.0; n], 4.0);
        let chart = Chart::Whole(&mixture);
        let problem = Problem::new(&chart, &region);
        let exact = (0..20_000).fold(0.3, |x: f64, _| y * (y * x).tanh());
        let mut minimum = vec![0.0; n];
        minimum[0] = exact;
        let starts: Vec<Vec<f64>> = (0..20)
            .map(|k| {
                (0..n)
                    .map(|i| 0.2 * ((i * 7 + k * 3) as f64).sin() + if i == 0 { 0.5 } else { 0.0 })
                    .collect()
            })
            .collect();
        let seeds = starts.iter().map(|x| descent(x.clone())).collect();
        let settled = settle(&problem, seeds, &Control::quiet());
        let steps = problem.landscape.gradients.load(Relaxed) / starts.len() as u64;
        assert!(steps < 40, "{steps} steps");
        for seed in &settled {
            let Seed::Settled { x, gradient } = seed else { panic!("not settled") };
            assert!(norm(gradient) <= SHORT.1 && distance(x, &minimum) < 1e-2, "{x:?}");
        }
        // All lie at one place: the first of them leads.
        let [first, others] = leaders_first(&problem, settled);
        assert!(first.len() < 4 && first.len() + others.len() == starts.len(), "{} lead", first.len());
        // And goes on to where rounding ends.
        let places: Vec<&[f64]> = first.iter().map(Seed::start).collect();
        for end in rest(&problem, &places, &Control::quiet()) {
            let end = end.expect("few steps from its end");
            let rounding = mixture.gradient_error(&end.x);
            assert!(end.gradient_norm <= 2.0 * rounding && distance(&end.x, &minimum) < 1e-12, "{end:?}");
        }
        let stopped = Control { stop: &AtomicBool::new(true), progress: &|_| {} };
        assert!(rest(&problem, &places, &stopped).iter().all(Option::is_none));
    }

    /// Next to the saddle between two wells a descent leaves, however near it is.
    #[test]
    fn no_descent_comes_to_rest_at_a_saddle() {
        let data = Mat::from_fn(9, 2, |i, k| if i == 0 { 1.0 - 2.0 * k as f64 } else { 0.0 });
        let noise = Noise::Fixed { a: 1.0, sigma: 0.5 };
        let mixture = Mixture::new(data, vec![1.0; 2], noise, 0.0).expect("a valid mixture");
        let region = Region::ball(vec![0.0; 9], 3.0);
        let chart = Chart::Whole(&mixture);
        let problem = Problem::new(&chart, &region);
        for away in [1e-3, 1e-7, 1e-12] {
            let mut x = vec![1e-6; 9];
            x[0] = away;
            for end in rest(&problem, &[&x], &Control::quiet()).into_iter().flatten() {
                assert!(end.x[0] > 0.9, "{end:?}");
            }
        }
    }
}
