//! One dimension: panels of 24 Gauss-Legendre nodes between critical points.

use super::rule::gauss;
use super::{Node, Part, Problem, Sums};

/// Nodes of a panel.
const NODES: usize = 24;

/// Most halvings of a panel.
const DEEPEST: usize = 60;

pub(super) fn integrate(problem: &Problem<'_>) -> Result<Part, String> {
    let set = &problem.wells.set;
    let (low, high) = (problem.domain.lower[0], problem.domain.upper[0]);
    let mut ends: Vec<f64> = set
        .points
        .iter()
        .map(|p| p.x[0])
        .chain(set.degenerate.iter().filter(|f| f.dimension == 0).map(|f| f.x[0]))
        .map(|x| match set.region.period_of(0) {
            Some(period) => low + (x - low).rem_euclid(period),
            None => x,
        })
        .filter(|x| *x > low && *x < high)
        .collect();
    ends.extend([low, high]);
    ends.sort_by(f64::total_cmp);
    let rule = gauss(NODES);
    let mut all = Part::empty(problem);
    for w in ends.windows(2).filter(|w| w[1] > w[0]) {
        // Between two critical points all belongs to one basin.
        let label = problem.label(&[0.5 * (w[0] + w[1])]);
        let whole = panel(problem, &rule, w[0], w[1], label);
        refine(problem, &rule, (w[0], w[1]), label, whole, 0, &mut all)?;
    }
    Ok(all)
}

fn panel(problem: &Problem<'_>, rule: &[(f64, f64)], a: f64, b: f64, label: Option<u32>) -> Vec<Node> {
    let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
    let node = |&(x, w): &(f64, f64)| {
        let at = middle + half * x;
        let energy = problem.landscape().energy(&[at]);
        Node { x: [at, 0.0, 0.0], energy, log_weight: (w * half).ln() - energy / problem.eps, label }
    };
    rule.iter().map(node).filter(|n| n.log_weight.is_finite()).collect()
}

fn refine(
    problem: &Problem<'_>,
    rule: &[(f64, f64)],
    (a, b): (f64, f64),
    label: Option<u32>,
    whole: Vec<Node>,
    depth: usize,
    all: &mut Part,
) -> Result<(), String> {
    let middle = 0.5 * (a + b);
    let halves = [(a, middle), (middle, b)];
    let parts = halves.map(|(a, b)| panel(problem, rule, a, b, label));
    let mut sum = Sums::of(problem, &parts[0]);
    sum.add(&Sums::of(problem, &parts[1]));
    let errors = sum.differences(&Sums::of(problem, &whole));
    all.cells += 1;
    if all.cells > problem.options.cells {
        return Err(format!("the quadrature needs more than {} panels", problem.options.cells));
    }
    let coarse = problem.is_coarse(b - a, |x| (a - x[0]).max(x[0] - b).max(0.0));
    if depth >= DEEPEST || !coarse && errors.iter().all(|e| *e <= problem.options.tolerance) {
        let [left, right] = parts;
        all.nodes.extend(left);
        all.nodes.extend(right);
        all.errors.iter_mut().zip(&errors).for_each(|(a, e)| *a += e);
        return Ok(());
    }
    let [left, right] = parts;
    refine(problem, rule, halves[0], label, left, depth + 1, all)?;
    refine(problem, rule, halves[1], label, right, depth + 1, all)
}
