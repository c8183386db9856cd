//! A descent for curved, stiff valleys: the gradient flow, whose integrator takes the stiffness, carries it where the
//! trust region of [`follow`](super::follow) would creep.

use super::problem::Problem;
use crate::flow::{self, Flow, integrate};

/// Error of a step, relative to the scale: the orbit is only to arrive in the right well.
const TOLERANCE: f64 = 1e-4;
/// Longest step, relative to the scale.
const LONGEST: f64 = 0.1;
/// Twenty steps that cover less than this, relative to the scale, make no way.
const STILL: f64 = 1e-6;
/// Most steps.
const STEPS: usize = 1500;

/// Where the orbit from `start` comes to rest or its steps end; `None` if it leaves the region.
pub(crate) fn descend(problem: &Problem<'_>, start: &[f64]) -> Option<Vec<f64>> {
    let scale = problem.scale;
    let options = flow::Options { tolerance: TOLERANCE * scale, longest: LONGEST * scale, steps: STEPS };
    let mut last = start.to_vec();
    let (mut step, mut mark) = (0, vec![f64::INFINITY; start.len()]);
    integrate(&Flow::forward(&problem.landscape), start, &options, |state| {
        last.copy_from_slice(state.x);
        step += 1;
        // Speeds and energies say little in a stiff valley: where the orbit makes no way, it has arrived or is stuck.
        let moves = step % 20 != 0 || !(problem.region.distance(&mark, state.x) < STILL * scale);
        if step % 20 == 0 {
            mark.copy_from_slice(state.x);
        }
        moves && problem.contains_nearly(state.x)
    });
    problem.region.wrap(&mut last);
    problem.contains_nearly(&last).then_some(last)
}
