//! Curves of connections between saddles: the places at which the gap is closed by which an orbit misses a saddle's manifold.
//!
//! In: a connection met on a line. Out: its curve. The gap is a smooth function of both parameters; the predictor goes along the
//! secant, the corrector is the secant method on the gap across it.

use super::super::at::newton;
use super::super::global::towards;
use super::super::path::minus;
use super::cross::edge;
use super::{CurveEnd, CurveKind, CurvePoint, Ground, PlaneCurve};
use crate::connection::follow_manifold;
use crate::critical::{self, Completeness, CriticalSet, Level};
use crate::error::Result;
use crate::linalg::norm;

/// Gaps below this, relative to the landscape's scale, are closed.
const CLOSED: f64 = 1e-9;

/// The error of an orbit's step while a gap is closed.
const TOLERANCE: f64 = 1e-11;

/// First, shortest and longest step, in natural scales. Orbits cost more than folds, and the curves bend little.
const FIRST: f64 = 5e-3;
const SHORTEST: f64 = 2e-4;
const LONGEST: f64 = 0.04;

/// Most that a saddle moves in the first step, and that it strays by whatever it moved before, in natural scales.
const FREE: f64 = 0.02;
const TOLERATED: f64 = 2e-3;

/// Displacement by which the gap's first slopes are taken.
const DIFFERENCE: f64 = 1e-4;

/// A connection met on a line.
pub(super) struct Seed {
    pub(super) parameters: [f64; 2],
    from: Vec<f64>,
    to: Vec<f64>,
    backward: bool,
    mode: Vec<f64>,
    places: Vec<Vec<f64>>,
}

/// The state of a walk along the curve.
#[derive(Clone)]
pub(super) struct Node {
    /// Scaled parameters.
    pub(super) u: [f64; 2],
    from: Vec<f64>,
    to: Vec<f64>,
    energy: f64,
    places: Vec<Vec<f64>>,
    pub(super) gap: f64,
}

impl Node {
    /// With the two saddles by their ids.
    pub(super) fn new(u: [f64; 2], set: &CriticalSet, [from, to]: [usize; 2], gap: f64) -> Node {
        Node {
            u,
            from: set.points[from].x.clone(),
            to: set.points[to].x.clone(),
            energy: set.points[to].energy,
            places: set.points.iter().map(|p| p.x.clone()).collect(),
            gap,
        }
    }
}

/// Whose gap is closed, and how.
pub(super) struct Walk<'a> {
    pub(super) ground: &'a Ground<'a>,
    /// Is the lower saddle's manifold followed upwards?
    pub(super) backward: bool,
    /// The mode along which a gap is positive.
    pub(super) mode: Vec<f64>,
}

impl Walk<'_> {
    /// A connection that was found, to start from.
    pub(super) fn seed(&self, node: Node) -> Seed {
        Seed {
            parameters: self.ground.parameters(node.u),
            from: node.from,
            to: node.to,
            backward: self.backward,
            mode: self.mode.clone(),
            places: node.places,
        }
    }

    /// The gap at a place next to a node; `None` if one of its saddles is gone, or the orbit does not come by.
    pub(super) fn gap(&self, near: &Node, u: [f64; 2]) -> Result<Option<Node>> {
        let Ok(landscape) = self.ground.at(self.ground.parameters(u)) else { return Ok(None) };
        let landscape = landscape.as_ref();
        let state = self.ground.problems[0].scales.state;
        let moved = |x: &Vec<f64>| newton(landscape, None, x.clone(), state);
        let (Some(from), Some(to)) = (moved(&near.from), moved(&near.to)) else { return Ok(None) };
        let mut places: Vec<Vec<f64>> = vec![from.clone(), to.clone()];
        let same = |a: &[f64], b: &[f64]| norm(&minus(a, b)) < 1e-7 * state;
        if same(&from, &to) {
            return Ok(None);
        }
        let add = |places: &mut Vec<Vec<f64>>, x: Vec<f64>| {
            if !places.iter().any(|known| same(known, &x)) {
                places.push(x);
            }
        };
        near.places.iter().filter_map(moved).for_each(|x| add(&mut places, x));
        let tolerance = critical::Options::default().degenerate_tolerance;
        let region = self.ground.region.as_ref();
        let completeness = || Completeness::Estimated { unseen: 0.0, low: 0.0, high: 0.0 };
        let (mut set, mut numbers) =
            critical::sharpen(landscape, region, &places, completeness(), tolerance)?;
        let sum: i64 = set.points.iter().map(|p| if p.index % 2 == 0 { 1 } else { -1 }).sum();
        if set.euler_expected.is_some_and(|expected| expected != sum) {
            // A point has come into being that no place leads to.
            let more = critical::search(landscape, region, &self.ground.options.search, self.ground.control)?;
            more.points.into_iter().for_each(|p| add(&mut places, p.x));
            (set, numbers) = critical::sharpen(landscape, region, &places, completeness(), tolerance)?;
        }
        let ids = [0, 1].map(|place| numbers.iter().position(|n| *n == place));
        let [Some(a), Some(b)] = ids else { return Ok(None) };
        let [upper, lower] = [&set.points[a], &set.points[b]];
        if upper.index != lower.index || upper.energy <= lower.energy {
            return Ok(None);
        }
        let own = if self.backward { b } else { a };
        let misses = follow_manifold(landscape, &set, own, self.backward, TOLERANCE).misses;
        let gaps = misses.iter().filter(|m| m.from == a && m.to == b).map(|m| towards(m, &self.mode));
        let nearest = gaps.min_by(|p, q| (p - near.gap).abs().total_cmp(&(q - near.gap).abs()));
        Ok(nearest.filter(|gap| gap.is_finite()).map(|gap| Node::new(u, &set, [a, b], gap)))
    }

    /// Closes the gap from `u` along `normal`, no farther than `most`; with the slope that was found.
    pub(super) fn close(
        &self,
        near: &Node,
        u: [f64; 2],
        normal: [f64; 2],
        slope: f64,
        most: f64,
    ) -> Result<Option<(Node, f64)>> {
        let (mut s, mut slope) = (0.0, slope);
        let mut last: Option<(f64, f64)> = None;
        let mut best: Option<Node> = None;
        for _ in 0..10 {
            let place = [0, 1].map(|k| u[k] + s * normal[k]);
            let Some(node) = self.gap(best.as_ref().unwrap_or(near), place)? else { return Ok(None) };
            let gap = node.gap;
            if let Some((before, old)) = last
                && (s - before).abs() > 1e-9
                && (gap - old).abs() > 1e-13
                && (gap - old) * slope / (s - before) > 0.0
            {
                slope = (gap - old) / (s - before);
            }
            last = Some((s, gap));
            if best.as_ref().is_none_or(|b| gap.abs() <= b.gap.abs()) {
                best = Some(node);
            }
            let ds = -gap / slope;
            if gap.abs() <= CLOSED || ds.abs() < 1e-12 {
                return Ok(best.map(|node| (node, slope)));
            }
            s += ds;
            if !(s.abs() <= most) {
                return Ok(None);
            }
        }
        Ok(best.filter(|node| node.gap.abs() < 1e1 * CLOSED).map(|node| (node, slope)))
    }

    /// Goes on from `first` in a direction until the curve ends.
    fn march(&self, first: &Node, direction: [f64; 2], slope: [f64; 2]) -> Result<(Vec<Node>, CurveEnd)> {
        let (ground, mut nodes) = (self.ground, vec![first.clone()]);
        let longest = LONGEST.max(ground.options.max_step);
        let (mut direction, mut h) = (direction, FIRST);
        let mut gradient = slope;
        loop {
            let a = &nodes[nodes.len() - 1];
            if ground.control.stopped() || nodes.len() >= ground.options.max_points {
                return Ok((nodes, CurveEnd::Failed("it was stopped, or has the most points".into())));
            }
            if h < SHORTEST {
                let why = "one of its saddles is gone, or the orbit no longer comes by".to_owned();
                return Ok((nodes, CurveEnd::Failed(why)));
            }
            let mut u = [0, 1].map(|k| a.u[k] + h * direction[k]);
            let mut normal = [-direction[1], direction[0]];
            let mut bound = false;
            if let Some((share, k, end)) = edge(ground, a.u, u) {
                u = [0, 1].map(|k| a.u[k] + share * (u[k] - a.u[k]));
                u[k] = end;
                normal = if k == 0 { [0.0, 1.0] } else { [1.0, 0.0] };
                bound = true;
            }
            let along = gradient[0] * normal[0] + gradient[1] * normal[1];
            let found = self.close(a, u, normal, along, 0.5 * h)?;
            // A saddle that is not where its way so far leads to is another one.
            let state = ground.problems[0].scales.state;
            let before = nodes.len().checked_sub(2).map(|k| &nodes[k]);
            let stays = |new: &Node, of: fn(&Node) -> &[f64]| {
                let moved = minus(of(new), of(a));
                let Some(before) = before else { return norm(&moved) < FREE * state };
                let share = length(a.u, new.u) / length(before.u, a.u).max(f64::MIN_POSITIVE);
                let led: Vec<f64> = minus(of(a), of(before)).iter().map(|d| share * d).collect();
                norm(&minus(&moved, &led)) <= 0.5 * norm(&led) + TOLERATED * state
            };
            let good = found.filter(|(node, _)| {
                edge(ground, a.u, node.u).is_none() && stays(node, |n| &n.from) && stays(node, |n| &n.to)
            });
            let Some((node, slope)) = good else {
                h *= 0.5;
                continue;
            };
            let d = [node.u[0] - a.u[0], node.u[1] - a.u[1]];
            let step = d[0].hypot(d[1]);
            if step > 1e-9 {
                let next = d.map(|d| d / step);
                let turn = next[0] * direction[0] + next[1] * direction[1];
                if turn < 0.9 {
                    h *= 0.5;
                    continue;
                }
                h = if turn > 0.995 { (1.6 * h).min(longest) } else { 0.7 * h };
                direction = next;
            }
            gradient = if bound { gradient } else { normal.map(|n| slope * n) };
            let home = &nodes[0];
            let back = [home.u[0] - node.u[0], home.u[1] - node.u[1]];
            let closed = nodes.len() > 6 && back[0].hypot(back[1]) < 0.7 * step && {
                let state = ground.problems[0].scales.state;
                norm(&minus(&home.to, &node.to)) < 0.1 * state
                    && norm(&minus(&home.from, &node.from)) < 0.1 * state
            };
            nodes.push(node);
            if closed {
                let home = nodes[0].clone();
                nodes.push(home);
                return Ok((nodes, CurveEnd::Closed));
            }
            if bound {
                return Ok((nodes, CurveEnd::Bound));
            }
        }
    }
}

/// Distance of two places of the scaled plane.
fn length(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The curve through a connection; `None` if it is not found again beside the line.
pub(super) fn trace(ground: &Ground<'_>, seed: &Seed) -> Result<Option<PlaneCurve>> {
    let walk = Walk { ground, backward: seed.backward, mode: seed.mode.clone() };
    let start = Node {
        u: ground.scaled(seed.parameters),
        from: seed.from.clone(),
        to: seed.to.clone(),
        energy: 0.0,
        places: seed.places.clone(),
        gap: 0.0,
    };
    let Some(first) = walk.gap(&start, start.u)? else { return Ok(None) };
    let mut gradient = [0.0; 2];
    for k in [0, 1] {
        let [low, high] = ground.bounds(k);
        let mut u = first.u;
        // Inwards, should it lie on the edge.
        let step = if first.u[k] + DIFFERENCE > high { -DIFFERENCE } else { DIFFERENCE };
        u[k] = (first.u[k] + step).max(low);
        let Some(beside) = walk.gap(&first, u)? else { return Ok(None) };
        gradient[k] = (beside.gap - first.gap) / (u[k] - first.u[k]);
    }
    let size = gradient[0].hypot(gradient[1]);
    if !(size > 0.0 && size.is_finite()) {
        return Ok(None);
    }
    let normal = gradient.map(|g| g / size);
    let Some((first, _)) = walk.close(&first, first.u, normal, size, 1e-2)? else { return Ok(None) };
    let direction = [-normal[1], normal[0]];
    let (nodes, last) = walk.march(&first, direction, gradient)?;
    let (nodes, ends) = if last == CurveEnd::Closed {
        (nodes, [CurveEnd::Closed, last])
    } else {
        let (before, end) = walk.march(&first, direction.map(|d| -d), gradient)?;
        (before.into_iter().skip(1).rev().chain(nodes).collect::<Vec<Node>>(), [end, last])
    };
    if nodes.len() < 2 {
        return Ok(None);
    }
    let point = |node: &Node| CurvePoint {
        parameters: ground.parameters(node.u),
        x: node.to.clone(),
        from: node.from.clone(),
        energy: node.energy,
    };
    Ok(Some(PlaneCurve {
        kind: CurveKind::Connection,
        points: nodes.iter().map(point).collect(),
        ends,
        residual: nodes.iter().map(|n| n.gap.abs()).fold(0.0, f64::max),
        level: Level::Checked,
    }))
}

/// Does a curve hold a connection that was met?
pub(super) fn holds(ground: &Ground<'_>, curve: &PlaneCurve, seed: &Seed) -> bool {
    let state = ground.problems[0].scales.state;
    let at = ground.scaled(seed.parameters);
    curve.points.windows(2).any(|pair| {
        let [a, b] = pair else { return false };
        let (p, q) = (ground.scaled(a.parameters), ground.scaled(b.parameters));
        let d = [q[0] - p[0], q[1] - p[1]];
        let off = [at[0] - p[0], at[1] - p[1]];
        let square = (d[0] * d[0] + d[1] * d[1]).max(f64::MIN_POSITIVE);
        let u = (d[0] * off[0] + d[1] * off[1]) / square;
        let away = (off[0] - u * d[0]).hypot(off[1] - u * d[1]);
        let between =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a + u * (b - a)).collect() };
        (-0.2..=1.2).contains(&u)
            && away < 0.05 * square.sqrt() + 1e-6
            && norm(&minus(&between(&a.x, &b.x), &seed.to)) < 0.05 * state
            && norm(&minus(&between(&a.from, &b.from), &seed.from)) < 0.05 * state
    })
}
