//! Curves of points at which branches meet: pitchforks, transcritical points and larger kernels, where both parameters keep the
//! symmetry that makes them.
//!
//! At each place the point is located along one parameter, the other being held, by the system of a crossing; the curve is
//! followed in the plane of the two. Where the other parameter breaks the symmetry there is no such point beside the line, and no
//! curve.

use super::super::locate::{System, locate};
use super::super::system::Problem;
use super::super::{Options, path::minus};
use super::seeds::Seed;
use super::{CurveEnd, CurvePoint, Ground, PlaneCurve};
use crate::critical::Level;
use crate::linalg::norm;

/// First and shortest step, in natural scales.
const FIRST: f64 = 2e-3;
const SHORTEST: f64 = 1e-6;

/// Cosine of the largest turn between two steps.
const TURN: f64 = 0.95;

/// A point of the curve.
#[derive(Clone)]
struct Node {
    /// Scaled parameters and state.
    u: [f64; 2],
    x: Vec<f64>,
    kernel: Vec<Vec<f64>>,
    energy: f64,
    residual: f64,
}

/// The branch point near `guess` along the parameter `axis`, the other one at its value there.
fn find(ground: &Ground<'_>, axis: usize, u: [f64; 2], x: &[f64], kernel: &[Vec<f64>]) -> Option<Node> {
    let held = ground.problems[1 - axis].scales.parameter_at(u[1 - axis]);
    let family = ground.family.with_parameter(ground.names[1 - axis], held).ok()?;
    let range = ground.problems[axis].range;
    let options = Options {
        scale: Some(ground.problems[axis].scales.state),
        region: ground.options.region.clone(),
        prove: false,
        ..Options::new(range[0], range[1])
    };
    let n = x.len();
    let problem = Problem::new(family.as_ref(), ground.names[axis], &[], &options).ok()?;
    let mut z = x.to_vec();
    z.push(u[axis]);
    let size = ground.size.max(problem.at(u[axis])?.hessian(&z).norm_max());
    let found = locate(&problem, &z, kernel, System::Crossing, size)?;
    let mut at = u;
    at[axis] = found.z[n];
    let (energy, _) = problem.at(found.z[n])?.gradient(&found.z);
    Some(Node { u: at, x: found.z[..n].to_vec(), kernel: found.kernel, energy, residual: found.residual })
}

fn difference(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] - b[0], a[1] - b[1]]
}

/// The curve through a branch point; `None` if the other parameter breaks it.
pub(super) fn trace(ground: &Ground<'_>, seed: &Seed) -> Option<PlaneCurve> {
    let state = ground.problems[0].scales.state;
    let x: Vec<f64> = seed.x.iter().map(|x| x / state).collect();
    let first = find(ground, seed.axis, ground.scaled(seed.parameters), &x, &seed.kernel)?;
    let beside = |step: f64| {
        let mut u = first.u;
        u[1 - seed.axis] += step;
        find(ground, seed.axis, u, &first.x, &first.kernel)
    };
    let (ahead, behind) = (beside(FIRST), beside(-FIRST));
    if ahead.is_none() && behind.is_none() {
        return None;
    }
    let follow = |second: Option<Node>| match second {
        Some(second) => march(ground, first.clone(), second),
        None => (vec![first.clone()], CurveEnd::Failed("the symmetry is broken beyond".into())),
    };
    // On the edge of the rectangle one side is outside.
    let outside =
        |node: &Option<Node>| node.as_ref().is_some_and(|node| edge(ground, first.u, node.u).is_some());
    let side = |node: Option<Node>| {
        if outside(&node) { (vec![first.clone()], CurveEnd::Bound) } else { follow(node) }
    };
    let (nodes, last) = side(ahead);
    let (nodes, ends) = if last == CurveEnd::Closed {
        (nodes, [CurveEnd::Closed, last])
    } else {
        let (before, end) = side(behind);
        (before.into_iter().skip(1).rev().chain(nodes).collect(), [end, last])
    };
    if nodes.len() < 2 {
        return None;
    }
    let failed = ends.iter().any(|e| matches!(e, CurveEnd::Failed(_)));
    Some(PlaneCurve {
        kind: seed.kind,
        residual: nodes.iter().map(|n| n.residual).fold(0.0, f64::max),
        points: nodes.iter().map(|node| point(ground, node)).collect(),
        ends,
        level: if failed { Level::Estimated } else { Level::Checked },
    })
}

fn point(ground: &Ground<'_>, node: &Node) -> CurvePoint {
    let state = ground.problems[0].scales.state;
    CurvePoint {
        parameters: ground.parameters(node.u),
        x: node.x.iter().map(|x| x * state).collect(),
        from: vec![],
        energy: node.energy,
    }
}

/// The edge that the way from `a` to `b` crosses first: the share of the way, the parameter and its scaled value.
pub(super) fn edge(ground: &Ground<'_>, a: [f64; 2], b: [f64; 2]) -> Option<(f64, usize, f64)> {
    let mut first: Option<(f64, usize, f64)> = None;
    for k in [0, 1] {
        let [low, high] = ground.bounds(k);
        let end = match b[k] {
            v if v < low => low,
            v if v > high => high,
            _ => continue,
        };
        let share = ((end - a[k]) / (b[k] - a[k])).clamp(0.0, 1.0);
        if first.is_none_or(|(known, _, _)| share < known) {
            first = Some((share, k, end));
        }
    }
    first
}

fn march(ground: &Ground<'_>, first: Node, second: Node) -> (Vec<Node>, CurveEnd) {
    let options = ground.options;
    let mut nodes = vec![first, second];
    let mut h = FIRST;
    loop {
        let count = nodes.len();
        let (a, b) = (&nodes[count - 2], &nodes[count - 1]);
        if ground.control.stopped() || count >= options.max_points {
            return (nodes, CurveEnd::Failed("it was stopped, or has the most points".into()));
        }
        if h < SHORTEST {
            return (nodes, CurveEnd::Failed("no step leads on".into()));
        }
        let d = difference(b.u, a.u);
        let length = d[0].hypot(d[1]);
        let direction = d.map(|d| d / length);
        let ahead = |h: f64| [0, 1].map(|k| b.u[k] + h * direction[k]);
        let moved =
            |h: f64| -> Vec<f64> { b.x.iter().zip(&a.x).map(|(b, a)| b + (b - a) * h / length).collect() };
        // Along the parameter that the curve runs across.
        let axis = usize::from(direction[0].abs() > direction[1].abs());
        let mut found = find(ground, axis, ahead(h), &moved(h), &b.kernel);
        let mut bound = false;
        let target = found.as_ref().map_or(ahead(h), |node| node.u);
        if let Some((share, k, end)) = edge(ground, b.u, target) {
            let mut u = [0, 1].map(|k| b.u[k] + share * (target[k] - b.u[k]));
            u[k] = end;
            found = find(ground, 1 - k, u, &moved(share * h), &b.kernel);
            bound = true;
        }
        let good = found.filter(|node| {
            let d = difference(node.u, b.u);
            let step = d[0].hypot(d[1]);
            let turn = (d[0] * direction[0] + d[1] * direction[1]) / step;
            let inside = edge(ground, b.u, node.u).is_none();
            inside && (step < 1e-9 || turn > TURN) && step < 2.0 * h && norm(&minus(&node.x, &b.x)) < 0.3
        });
        let Some(node) = good else {
            h *= 0.5;
            continue;
        };
        if count > 4 && comes_home(&nodes, &node) {
            let home = nodes[0].clone();
            nodes.push(home);
            return (nodes, CurveEnd::Closed);
        }
        nodes.push(node);
        if bound {
            return (nodes, CurveEnd::Bound);
        }
        h = (2.0 * h).min(options.max_step);
    }
}

/// Has the last step passed the first point again?
fn comes_home(nodes: &[Node], next: &Node) -> bool {
    let (home, last) = (&nodes[0], &nodes[nodes.len() - 1]);
    let (d, off) = (difference(next.u, last.u), difference(home.u, last.u));
    let square = d[0] * d[0] + d[1] * d[1];
    let u = (d[0] * off[0] + d[1] * off[1]) / square;
    let away = (off[0] - u * d[0]).hypot(off[1] - u * d[1]);
    (0.0..=1.0).contains(&u) && away < 0.1 * square.sqrt() && norm(&minus(&home.x, &next.x)) < 0.1
}

/// Does a curve hold a point that was met?
pub(super) fn holds(ground: &Ground<'_>, curve: &PlaneCurve, parameters: [f64; 2], x: &[f64]) -> bool {
    let state = ground.problems[0].scales.state;
    let at = ground.scaled(parameters);
    curve.points.windows(2).any(|pair| {
        let [a, b] = pair else { return false };
        let (p, q) = (ground.scaled(a.parameters), ground.scaled(b.parameters));
        let (d, off) = (difference(q, p), difference(at, p));
        let square = d[0] * d[0] + d[1] * d[1];
        let u = (d[0] * off[0] + d[1] * off[1]) / square.max(f64::MIN_POSITIVE);
        let away = (off[0] - u * d[0]).hypot(off[1] - u * d[1]);
        let near: Vec<f64> = a.x.iter().zip(&b.x).map(|(a, b)| a + u * (b - a)).collect();
        (-0.1..=1.1).contains(&u)
            && away < 0.05 * square.sqrt() + 1e-6
            && norm(&minus(&near, x)) < 0.05 * state
    })
}
