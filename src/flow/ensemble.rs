//! Many orbits of `x' = -grad E` together: the explicit method of Bogacki and Shampine (*Applied Mathematics Letters* 2, 321,
//! 1989), of order 3 with an error estimate, three gradients a step. Each orbit has steps of its own; gradients are
//! computed for all at once, which is where batches are fast, and nothing is factored. Where an orbit is stiff its steps are too
//! many: it is given up, for a method that is made for that.

use faer::{Mat, MatRef};

use super::{Options, RISES, State, judge, noise};
use crate::landscape::Landscape;
use crate::linalg::{axpy, distance, norm};

/// Most steps of an orbit, those that were refused among them.
const MOST: usize = 200;
/// First steps are this share of the longest.
const FIRST: f64 = 0.3;

/// Weights of the three stages in the step, and of those and the gradient at its end in the error.
const STEP: [f64; 3] = [2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0];
const ERROR: [f64; 4] = [-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0];

/// An orbit that is under way.
struct Orbit {
    number: usize,
    time: f64,
    h: f64,
    energy: f64,
}

/// Follows the orbits from the columns of `starts` (n x b); `visit` is told the number of an orbit and an accepted state, and
/// returns false to stop it. `factor` is as for [`integrate_scaled`](super::integrate_scaled); of `options` the number of steps is
/// ignored: an orbit that was not stopped within [`MOST`] is given up.
pub(crate) fn integrate_together(
    landscape: &dyn Landscape,
    starts: MatRef<'_, f64>,
    options: &Options,
    factor: impl Fn(&[f64]) -> f64,
    mut visit: impl FnMut(usize, &State<'_>) -> bool,
) {
    let (n, count) = starts.shape();
    // Gradients at the present points, in the stages, and at the end of the step.
    let mut gradients: [Mat<f64>; 4] = std::array::from_fn(|_| Mat::zeros(n, count));
    let (mut x, mut next) = (starts.to_owned(), Mat::zeros(n, count));
    let mut energies = vec![0.0; count];
    landscape.gradients(x.as_ref(), &mut energies, gradients[0].as_mut());
    let mut orbits: Vec<Orbit> = (0..count)
        .map(|number| {
            let speed = norm(gradients[0].col_as_slice(number)).max(f64::MIN_POSITIVE);
            let h = FIRST * factor(x.col_as_slice(number)) * options.longest / speed;
            Orbit { number, time: 0.0, h, energy: energies[number] }
        })
        .collect();
    let mut error = vec![0.0; n];
    for _ in 0..MOST {
        let b = orbits.len();
        if b == 0 {
            break;
        }
        for (stage, share) in [(1, 0.5), (2, 0.75)] {
            for (j, orbit) in orbits.iter().enumerate() {
                let argument = next.col_as_slice_mut(j);
                argument.copy_from_slice(x.col_as_slice(j));
                axpy(-share * orbit.h, gradients[stage - 1].col_as_slice(j), argument);
            }
            let out = gradients[stage].as_mut().subcols_mut(0, b);
            landscape.gradients(next.as_ref().subcols(0, b), &mut energies[..b], out);
        }
        for (j, orbit) in orbits.iter().enumerate() {
            let end = next.col_as_slice_mut(j);
            end.copy_from_slice(x.col_as_slice(j));
            for (gradient, weight) in gradients.iter().zip(STEP) {
                axpy(-weight * orbit.h, gradient.col_as_slice(j), end);
            }
        }
        let out = gradients[3].as_mut().subcols_mut(0, b);
        landscape.gradients(next.as_ref().subcols(0, b), &mut energies[..b], out);
        // Backwards, so that the last one can take the place of one that ends.
        for j in (0..b).rev() {
            let orbit = &mut orbits[j];
            error.fill(0.0);
            for (gradient, weight) in gradients.iter().zip(ERROR) {
                axpy(weight * orbit.h, gradient.col_as_slice(j), &mut error);
            }
            let (here, there) = (x.col_as_slice(j), next.col_as_slice(j));
            let scale = factor(here);
            let (ratio, length) = (norm(&error) / (scale * options.tolerance), distance(here, there));
            let energy = energies[j];
            let falls = energy - orbit.energy <= noise(orbit.energy, energy);
            let change = match judge(ratio, length, scale * options.longest, 1.0 / 3.0) {
                Ok(change) if falls && energy.is_finite() && orbit.energy.is_finite() => change,
                Ok(_) => {
                    orbit.h *= RISES;
                    continue;
                }
                Err(factor) => {
                    orbit.h *= factor;
                    continue;
                }
            };
            orbit.time += orbit.h;
            orbit.h *= change;
            orbit.energy = energy;
            x.col_as_slice_mut(j).copy_from_slice(next.col_as_slice(j));
            let [first, .., last] = &mut gradients;
            first.col_as_slice_mut(j).copy_from_slice(last.col_as_slice(j));
            let speed = norm(first.col_as_slice(j));
            let state = State { time: orbit.time, x: x.col_as_slice(j), energy, speed };
            if !visit(orbit.number, &state) {
                let last = orbits.len() - 1;
                orbits.swap_remove(j);
                for matrix in [&mut x, &mut gradients[0]] {
                    let moved = matrix.col_as_slice(last).to_vec();
                    matrix.col_as_slice_mut(j).copy_from_slice(&moved);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::formula::Formula;

    fn valley(rates: [f64; 2]) -> Formula {
        let parameters = [("a".to_owned(), rates[0]), ("b".to_owned(), rates[1])];
        Formula::new(2, "(a*x[0]^2 + b*x[1]^2)/2", &parameters, &[], None).expect("a valid energy")
    }

    /// In a parabola each coordinate falls exponentially.
    #[test]
    fn orbits_are_where_the_exponential_is() {
        let (rates, count) = ([0.7, 3.0], 20);
        let starts = Mat::from_fn(2, count, |i, j| ((3 * i + 2) * (j + 1)) as f64 * 0.05 - 1.0);
        let options = Options { tolerance: 1e-5, longest: 0.5, steps: 0 };
        let (mut ends, mut steps) = (vec![None; count], vec![0; count]);
        integrate_together(
            &valley(rates),
            starts.as_ref(),
            &options,
            |_| 1.0,
            |j, state| {
                steps[j] += 1;
                for i in 0..2 {
                    let exact = starts[(i, j)] * (-rates[i] * state.time).exp();
                    let off = (state.x[i] - exact).abs();
                    assert!(off < 1e-5 * steps[j] as f64, "{j}: {} beside {exact}", state.x[i]);
                }
                ends[j] = Some(norm(state.x));
                norm(state.x) > 0.1
            },
        );
        assert!(ends.iter().all(|end| end.is_some_and(|end| end <= 0.1)));
    }

    /// An orbit alone is the same as in company.
    #[test]
    fn company_changes_nothing() {
        let starts = Mat::from_fn(2, 9, |i, j| (i + 2 * j) as f64 * 0.1 - 0.7);
        let options = Options { tolerance: 1e-4, longest: 0.2, steps: 0 };
        let run = |starts: MatRef<'_, f64>| {
            let mut times = vec![0.0; starts.ncols()];
            integrate_together(
                &valley([1.0, 2.0]),
                starts,
                &options,
                |_| 1.0,
                |j, state| {
                    times[j] = state.time;
                    norm(state.x) > 0.05
                },
            );
            times
        };
        let together = run(starts.as_ref());
        for (j, time) in together.iter().enumerate() {
            assert_eq!(run(starts.as_ref().subcols(j, 1)), [*time]);
        }
    }

    #[test]
    fn stiff_orbits_and_those_without_numbers_are_given_up() {
        let options = Options { tolerance: 1e-3, longest: 1.0, steps: 0 };
        let starts = Mat::from_fn(2, 3, |i, j| if j == 1 { f64::NAN } else { 1.0 + i as f64 });
        let landscape = valley([1.0, 1e6]);
        integrate_together(
            &landscape,
            starts.as_ref(),
            &options,
            |_| 1.0,
            |j, state| {
                assert!(j != 1 && state.x[0].abs() > 0.01, "{j} came to {:?}", state.x);
                true
            },
        );
        // Where the energy is infinite although its gradient is finite no step is taken.
        let parameters = [];
        let wall = Formula::new(1, "x[0]^2/2 + exp(1000*(x[0] - 1))^(1/1000)", &parameters, &[], None)
            .expect("valid");
        let far = Mat::from_fn(1, 1, |_, _| 3.0);
        assert!(wall.energy(&[3.0]).is_infinite());
        integrate_together(&wall, far.as_ref(), &options, |_| 1.0, |_, _| panic!("a step was taken"));
    }
}
