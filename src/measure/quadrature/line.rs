//! One dimension: panels of 24 Gauss-Legendre nodes between critical points.

use super::rule::gauss;
use super::{Node, Part, Problem, Sums};

/// Nodes of a panel.
const NODES: usize = 24;

/// Most halvings of a panel.
const DEEPEST: usize = 60;

/// A fall of the energy on the way out of a well that is no rounding, in temperatures.
const FALL: f64 = 1e-6;

/// An end of a panel: where, and the well that lies there.
type End = (f64, Option<u32>);

pub(super) fn integrate(problem: &Problem<'_>) -> Result<Part, String> {
    let set = &problem.wells.set;
    let (low, high) = (problem.domain.lower[0], problem.domain.upper[0]);
    let home = |x: f64| match set.region.period_of(0) {
        Some(period) => low + (x - low).rem_euclid(period),
        None => x,
    };
    let wells: Vec<f64> = problem.wells.wells.iter().map(|w| home(w.x[0])).collect();
    let mut ends: Vec<End> = set
        .points
        .iter()
        .map(|p| p.x[0])
        .chain(set.degenerate.iter().filter(|f| f.dimension == 0).map(|f| f.x[0]))
        .map(home)
        .filter(|x| *x > low && *x < high)
        .map(|x| (x, wells.iter().position(|w| *w == x).map(|k| k as u32)))
        .collect();
    ends.extend([(low, None), (high, None)]);
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rule = gauss(NODES);
    let mut all = Part::empty(problem);
    for w in ends.windows(2).filter(|w| w[1].0 > w[0].0) {
        // Between two critical points all belongs to one basin: that of the well at an end, which the outermost panels reach
        // however far out they go.
        let (a, b) = (w[0].0, w[1].0);
        let label = w[0].1.or(w[1].1).or_else(|| problem.label(&[0.5 * (a + b)]));
        let whole = panel(problem, &rule, a, b, label);
        let mut part = Part::empty(problem);
        refine(problem, &rule, (a, b), label, whole, 0, &mut part)?;
        if w[0].1.is_some() || w[1].1.is_some() {
            shorten(problem, &mut part.nodes, w[0].1.is_some());
        }
        all.join(part);
    }
    Ok(all)
}

/// Out of a well the energy rises up to the next critical point. If it falls on the way, there is one that nobody knows, and
/// what lies beyond belongs to no known basin.
fn shorten(problem: &Problem<'_>, nodes: &mut [Node], upwards: bool) {
    nodes.sort_by(|a, b| a.x[0].total_cmp(&b.x[0]));
    if !upwards {
        nodes.reverse();
    }
    let (mut top, mut place) = (f64::NEG_INFINITY, 0);
    for k in 0..nodes.len() {
        let rounding = FALL * problem.eps + 64.0 * f64::EPSILON * top.abs();
        if nodes[k].energy > top {
            (top, place) = (nodes[k].energy, k);
        } else if nodes[k].energy < top - rounding {
            nodes[place + 1..].iter_mut().for_each(|n| n.label = None);
            return;
        }
    }
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
    problem.go_on(all.cells)?;
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
