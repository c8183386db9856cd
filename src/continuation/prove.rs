//! Folds, proven.
//!
//! In: a located fold. Out: a box in (x, p) that holds exactly one fold of the family, by [`crate::rigor::fold`], where the kind
//! can be enclosed together with its parameter ([`crate::landscape::Family::equations`]).

use super::locate::Located;
use super::system::Problem;
use super::{Enclosed, EventKind};
use crate::landscape::Equations;
use crate::linalg::dot;
use crate::rigor::fold;

/// A proven fold is the located one if it is not farther away than this, in natural scales.
const SAME: f64 = 1e-7;

/// The box with the fold; `None` where nothing is proven.
pub(super) fn prove(problem: &Problem<'_>, located: &Located, kind: &EventKind) -> Option<Enclosed> {
    if *kind != EventKind::Fold {
        return None;
    }
    let (n, scales) = (problem.dim(), problem.scales);
    let (x, p) = (scales.x(&located.z), scales.parameter_at(located.z[n]));
    let border = located.kernel.first()?;
    // Any factor of an equation changes what is rounded only: the kernel vector has its own length times about 1.
    let square = dot(border, border);
    let kernel: Vec<f64> = border.iter().map(|v| v / square).collect();
    let equations = problem.family.equations(problem.place, &x, Equations::Fold { border }).ok()?;
    let unit = scales.parameter * if scales.logarithmic { p } else { 1.0 };
    let guess = [&x[..], &[p], &kernel].concat();
    let span = [vec![scales.state; n], vec![unit], vec![1.0; n]].concat();
    let fold = fold(equations.as_ref(), &guess, &span)?;
    let far = |a: crate::rigor::Interval, b: f64, unit: f64| {
        (a.lo() - b).abs().max((a.hi() - b).abs()) > SAME * unit
    };
    if far(fold.parameter, p, unit) || fold.x.iter().zip(&x).any(|(a, b)| far(*a, *b, scales.state)) {
        return None;
    }
    Some(Enclosed {
        parameter: [fold.parameter.lo(), fold.parameter.hi()],
        x: fold.x.iter().map(|x| [x.lo(), x.hi()]).collect(),
    })
}

impl Enclosed {
    /// How far the parameter can be from `p`, a point of the interval or not; rounded upwards.
    pub(super) fn distance(&self, p: f64) -> f64 {
        let [low, high] = self.parameter;
        (high - p).abs().max((p - low).abs()).next_up()
    }
}
