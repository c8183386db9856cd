//! Many orbits together, by explicit Runge-Kutta methods. Each orbit has steps of its own; velocities are computed for all at once,
//! which is where batches are fast, and nothing is factored. Where an orbit is stiff its steps are too many: it is given up, for a
//! method that is made for that.

use faer::{Mat, MatRef};

use super::{Flow, Options, RISES, State, judge, noise};
use crate::linalg::{axpy, distance, norm};

/// First steps are this share of the longest.
const FIRST: f64 = 0.3;

/// Groups that orbits are divided into, if each then has so many; and numbers in all states of one.
const GROUPS: (usize, usize) = (16, 8);
const ROOM: usize = 1 << 20;

/// Of so many orbits in n dimensions how many go together, `most` at most: by numbers that are given, not by the threads, for who goes
/// with whom may show in last bits.
pub(crate) fn group(count: usize, n: usize, most: usize) -> usize {
    most.min(ROOM / n.max(1)).min(count.div_ceil(GROUPS.0).max(GROUPS.1)).max(1)
}

/// An explicit method with an error estimate, whose last velocity is the first of the next step.
pub(crate) struct Scheme {
    /// Weights of the velocities before in the argument of each next one; those of the last are the step.
    stages: &'static [&'static [f64]],
    /// Weights of all velocities in the error.
    error: &'static [f64],
    /// The error is of this order in the step.
    order: f64,
}

/// Of order 3, three velocities a step (Bogacki & Shampine, *Applied Mathematics Letters* 2, 321, 1989): for errors of some 1e-6.
pub(crate) const BOGACKI_SHAMPINE: Scheme = Scheme {
    stages: &[&[1.0 / 2.0], &[0.0, 3.0 / 4.0], &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0]],
    error: &[-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0],
    order: 3.0,
};

/// Of order 5, six velocities a step (Dormand & Prince, *Journal of Computational and Applied Mathematics* 6, 19, 1980): for errors
/// of some 1e-9.
pub(crate) const DORMAND_PRINCE: Scheme = Scheme {
    stages: &[
        &[1.0 / 5.0],
        &[3.0 / 40.0, 9.0 / 40.0],
        &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
        &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
        &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
        &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
    ],
    error: &[
        71.0 / 57600.0,
        0.0,
        -71.0 / 16695.0,
        71.0 / 1920.0,
        -17253.0 / 339200.0,
        22.0 / 525.0,
        -1.0 / 40.0,
    ],
    order: 5.0,
};

/// An orbit that is under way.
struct Orbit {
    number: usize,
    time: f64,
    h: f64,
    energy: f64,
}

/// Follows the orbits from the columns of `starts` (n x b); `visit` is told the number of an orbit and an accepted state, and
/// returns false to stop it. `factor` is as for [`integrate_scaled`](super::integrate_scaled). An orbit that was not stopped within the
/// steps allowed, those that were refused among them, is given up. The flow must be `-grad E` or `grad E`.
pub(crate) fn integrate_together(
    flow: &Flow<'_>,
    scheme: &Scheme,
    starts: MatRef<'_, f64>,
    options: &Options,
    factor: impl Fn(&[f64]) -> f64,
    mut visit: impl FnMut(usize, &State<'_>) -> bool,
) {
    let (n, count) = starts.shape();
    // At the present points, in the stages, and at the end of the step.
    let mut velocities: Vec<Mat<f64>> = (0..=scheme.stages.len()).map(|_| Mat::zeros(n, count)).collect();
    let (mut x, mut next) = (starts.to_owned(), Mat::zeros(n, count));
    let mut energies = vec![0.0; count];
    flow.velocities(x.as_ref(), &mut energies, velocities[0].as_mut());
    let mut orbits: Vec<Orbit> = (0..count)
        .map(|number| {
            let speed = norm(velocities[0].col_as_slice(number)).max(f64::MIN_POSITIVE);
            let h = FIRST * factor(x.col_as_slice(number)) * options.longest / speed;
            Orbit { number, time: 0.0, h, energy: energies[number] }
        })
        .collect();
    let mut error = vec![0.0; n];
    for _ in 0..options.steps {
        let b = orbits.len();
        if b == 0 {
            break;
        }
        for (stage, weights) in scheme.stages.iter().enumerate() {
            for (j, orbit) in orbits.iter().enumerate() {
                let argument = next.col_as_slice_mut(j);
                argument.copy_from_slice(x.col_as_slice(j));
                for (velocity, weight) in velocities.iter().zip(*weights).filter(|(_, w)| **w != 0.0) {
                    axpy(weight * orbit.h, velocity.col_as_slice(j), argument);
                }
            }
            let out = velocities[stage + 1].as_mut().subcols_mut(0, b);
            flow.velocities(next.as_ref().subcols(0, b), &mut energies[..b], out);
        }
        // Backwards, so that the last one can take the place of one that ends.
        for j in (0..b).rev() {
            let orbit = &mut orbits[j];
            error.fill(0.0);
            for (velocity, weight) in velocities.iter().zip(scheme.error) {
                axpy(weight * orbit.h, velocity.col_as_slice(j), &mut error);
            }
            let (here, there) = (x.col_as_slice(j), next.col_as_slice(j));
            let scale = factor(here);
            let (ratio, length) = (norm(&error) / (scale * options.tolerance), distance(here, there));
            let energy = energies[j];
            let falls = (energy - orbit.energy) * flow.sign >= -noise(orbit.energy, energy);
            let change = match judge(ratio, length, scale * options.longest, 1.0 / scheme.order) {
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
            let [first, .., last] = &mut velocities[..] else { unreachable!("there are at least two") };
            first.col_as_slice_mut(j).copy_from_slice(last.col_as_slice(j));
            let speed = norm(first.col_as_slice(j));
            let state = State { time: orbit.time, x: x.col_as_slice(j), energy, speed };
            if !visit(orbit.number, &state) {
                let last = orbits.len() - 1;
                orbits.swap_remove(j);
                for matrix in [&mut x, &mut velocities[0]] {
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
    use crate::landscape::Landscape;
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
        let valley = valley(rates);
        for (scheme, tolerance) in [(BOGACKI_SHAMPINE, 1e-5), (DORMAND_PRINCE, 1e-10)] {
            for flow in [Flow::forward(&valley), Flow::backward(&valley)] {
                let options = Options { tolerance, longest: 0.5, steps: 200 };
                let ahead = -flow.sign;
                let mut steps = vec![0; count];
                let mut ended = vec![false; count];
                integrate_together(
                    &flow,
                    &scheme,
                    starts.as_ref(),
                    &options,
                    |_| 1.0,
                    |j, state| {
                        steps[j] += 1;
                        for i in 0..2 {
                            // Of an error that was made on the way this is left, or what it has grown to.
                            let factor = (-ahead * rates[i] * state.time).exp();
                            let exact = starts[(i, j)] * factor;
                            let off = (state.x[i] - exact).abs();
                            let most = tolerance * steps[j] as f64 * factor.max(1.0);
                            assert!(off < most, "{j}: {} beside {exact}", state.x[i]);
                        }
                        ended[j] = if ahead > 0.0 { norm(state.x) <= 0.1 } else { norm(state.x) >= 10.0 };
                        !ended[j]
                    },
                );
                assert!(ended.iter().all(|ended| *ended));
            }
        }
    }

    /// An orbit alone is the same as in company.
    #[test]
    fn company_changes_nothing() {
        let starts = Mat::from_fn(2, 9, |i, j| (i + 2 * j) as f64 * 0.1 - 0.7);
        let options = Options { tolerance: 1e-4, longest: 0.2, steps: 200 };
        let run = |starts: MatRef<'_, f64>| {
            let mut times = vec![0.0; starts.ncols()];
            let valley = valley([1.0, 2.0]);
            integrate_together(
                &Flow::forward(&valley),
                &DORMAND_PRINCE,
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
        let options = Options { tolerance: 1e-3, longest: 1.0, steps: 200 };
        let starts = Mat::from_fn(2, 3, |i, j| if j == 1 { f64::NAN } else { 1.0 + i as f64 });
        let landscape = valley([1.0, 1e6]);
        integrate_together(
            &Flow::forward(&landscape),
            &BOGACKI_SHAMPINE,
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
        let flow = Flow::forward(&wall);
        let stepped = |_: usize, _: &State<'_>| panic!("a step was taken");
        integrate_together(&flow, &BOGACKI_SHAMPINE, far.as_ref(), &options, |_| 1.0, stepped);
    }
}
