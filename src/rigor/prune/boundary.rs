//! Proofs that a function is positive on a union of boxes, as those that a flow enters a region.

use rayon::prelude::*;

use super::PATIENCE;
use crate::rigor::Interval;
use crate::rigor::rounding::UNIT;

/// A task examines at most so many boxes in a generation.
const BUDGET: u64 = 512;

/// What came of a proof that a function is positive.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// A box on which the function is not positive, or is not known to be; `None` if it is proven positive everywhere.
    pub failed: Option<Vec<Interval>>,
    /// Boxes examined.
    pub boxes: u64,
}

impl Verdict {
    /// Is it proven?
    pub fn is_proven(&self) -> bool {
        self.failed.is_none()
    }
}

/// Proves by subdivision that `function` is positive on all points of `boxes` that lie in a set; `meets` tells whether a box may
/// have a point in the set (where it says no, it must be sure). Boxes may be flat. At most about `limit` boxes are
/// examined, and none is split that is narrower than `width` times the box that it comes from. The first box on which the
/// function has no positive value ends the proof.
pub fn positive(
    function: &(dyn Fn(&[Interval]) -> Interval + Sync),
    boxes: Vec<Vec<Interval>>,
    meets: &(dyn Fn(&[Interval]) -> bool + Sync),
    limit: u64,
    width: f64,
    stop: &(dyn Fn() -> bool + Sync),
) -> Verdict {
    let mut examined = 0;
    let mut tasks: Vec<Task> = boxes
        .into_iter()
        .map(|x| {
            let least = x.iter().map(|x| (width * x.width()).max(16.0 * UNIT * x.mag())).collect();
            let span = x.iter().map(|x| x.width()).collect();
            Task { left: vec![x], least, span, failed: None, examined: 0 }
        })
        .collect();
    while !tasks.is_empty() {
        let budget = BUDGET.min(limit.saturating_sub(examined) / tasks.len() as u64);
        if budget == 0 || stop() {
            return Verdict { failed: tasks.swap_remove(0).left.pop(), boxes: examined };
        }
        tasks.par_iter_mut().for_each(|task| task.run(function, meets, budget, stop));
        examined += tasks.iter().map(|task| task.examined).sum::<u64>();
        if let Some(failed) = tasks.iter_mut().find_map(|task| task.failed.take()) {
            return Verdict { failed: Some(failed), boxes: examined };
        }
        // What is left of a task becomes one for each of its boxes, the work of other processors.
        tasks = tasks
            .into_iter()
            .flat_map(|task| {
                let Task { left, least, span, .. } = task;
                left.into_iter().map(move |x| Task {
                    left: vec![x],
                    least: least.clone(),
                    span: span.clone(),
                    failed: None,
                    examined: 0,
                })
            })
            .collect();
    }
    Verdict { failed: None, boxes: examined }
}

/// A box to be examined, and what is left of it.
struct Task {
    left: Vec<Vec<Interval>>,
    /// Widths at which a box is no longer split.
    least: Vec<f64>,
    /// The widths of the box that it comes from.
    span: Vec<f64>,
    failed: Option<Vec<Interval>>,
    examined: u64,
}

impl Task {
    fn run(
        &mut self,
        function: &(dyn Fn(&[Interval]) -> Interval + Sync),
        meets: &(dyn Fn(&[Interval]) -> bool + Sync),
        budget: u64,
        stop: &(dyn Fn() -> bool + Sync),
    ) {
        while self.examined < budget && !(self.examined % PATIENCE == PATIENCE - 1 && stop()) {
            let Some(mut x) = self.left.pop() else { return };
            self.examined += 1;
            if !meets(&x) {
                continue;
            }
            let value = function(&x);
            if value.lo() > 0.0 {
                continue;
            }
            let Some((j, cut)) = self.split(&x).filter(|_| value.hi() > 0.0) else {
                self.failed = Some(x);
                return;
            };
            let whole = x[j];
            let mut upper = x.clone();
            upper[j] = Interval::new(cut, whole.hi());
            x[j] = Interval::new(whole.lo(), cut);
            self.left.push(upper);
            self.left.push(x);
        }
    }

    /// The coordinate that is widest compared with the box at the beginning, and where to split it.
    fn split(&self, x: &[Interval]) -> Option<(usize, f64)> {
        let size = |j: usize| x[j].width() / self.span[j];
        let wide = (0..x.len()).filter(|&j| x[j].width() > self.least[j] && x[j].is_bounded());
        let j = wide.max_by(|&a, &b| size(a).total_cmp(&size(b)))?;
        let cut = x[j].mid();
        (x[j].lo() < cut && cut < x[j].hi()).then_some((j, cut))
    }
}

/// The 2n faces of a box: the axis, whether it is the upper face, and the face as a flat box.
pub fn faces(x: &[Interval]) -> Vec<(usize, bool, Vec<Interval>)> {
    let face = |axis: usize, upper: bool| {
        let mut face = x.to_vec();
        face[axis] = Interval::point(if upper { x[axis].hi() } else { x[axis].lo() });
        (axis, upper, face)
    };
    (0..x.len()).flat_map(|axis| [face(axis, false), face(axis, true)]).collect()
}

/// The squares of the distances of its points from `center`.
pub fn square_distance(x: &[Interval], center: &[f64]) -> Interval {
    x.iter().zip(center).fold(Interval::ZERO, |sum, (x, c)| sum + x.shift(-c).sqr())
}

/// May the box have a point at the distance `radius` of `center`? Where not, it is proven.
pub fn meets_sphere(x: &[Interval], center: &[f64], radius: f64) -> bool {
    square_distance(x, center).meet(Interval::point(radius).sqr()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_has_two_faces_an_axis() {
        let x = [Interval::new(-1.0, 2.0), Interval::new(3.0, 5.0)];
        let faces = faces(&x);
        assert_eq!(faces.len(), 4);
        for (axis, upper, face) in faces {
            let end = if upper { x[axis].hi() } else { x[axis].lo() };
            assert!(face[axis] == Interval::point(end) && face[1 - axis] == x[1 - axis]);
        }
    }
}
