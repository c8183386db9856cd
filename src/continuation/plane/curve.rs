//! Fold curves: `g(x, p, q) = 0` and `s(x, p, q) = 0` by pseudo-arclength, with their cusps.
//!
//! With a border b near the kernel, `[[H, b], [b', 0]] [v; s] = [0; 1]` defines v and s; s vanishes where H is singular, and
//! `ds = -v' dH v` (Govaerts 2000, section 4.2). The system is regular along folds and at cusps, where the curve runs along v and
//! both parameters stand still.

use faer::Mat;
use faer::linalg::solvers::Solve;

use super::super::bordered::Bordered;
use super::super::path::minus;
use super::super::system::Slice;
use super::seeds::Seed;
use super::{CurveEnd, CurveKind, CurvePoint, Ground, PlaneCurve, PlanePoint, PointKind};
use crate::critical::Level;
use crate::linalg::{axpy, dot, norm};

/// First and shortest step.
const FIRST: f64 = 2e-3;
const SHORTEST: f64 = 1e-8;

/// Cosine of the largest angle between tangents of neighbouring points.
const TURN: f64 = 0.97;

/// Corrections below this end the iteration.
const TOLERANCE: f64 = 1e-12;

/// A point of a fold curve: scaled state and both scaled parameters.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) y: Vec<f64>,
    /// Unit tangent.
    pub(super) tangent: Vec<f64>,
    /// Unit kernel vector, with the same sense all along.
    kernel: Vec<f64>,
    /// `D3 E(v, v, v)`, scaled.
    cubic: f64,
    energy: f64,
    residual: f64,
}

/// A fold curve.
pub(super) struct Trace {
    pub(super) nodes: Vec<Node>,
    pub(super) ends: [CurveEnd; 2],
    /// Nodes that are cusps, with the fourth-order coefficient and the error along the curve.
    cusps: Vec<(usize, f64, f64)>,
}

/// The equations at a point.
struct Equations {
    value: Vec<f64>,
    /// n + 1 rows of n + 2.
    slope: Mat<f64>,
    v: Vec<f64>,
    cubic: f64,
    energy: f64,
    size: f64,
}

impl Ground<'_> {
    /// The landscape at scaled coordinates, with the derivatives in either parameter.
    fn slices(&self, y: &[f64]) -> Option<[Slice<'_>; 2]> {
        let n = y.len() - 2;
        let parameters = [0, 1].map(|k| self.problems[k].scales.parameter_at(y[n + k]));
        let slice = |k: usize| {
            let family = self.at(parameters).ok()?;
            Some(Slice {
                problem: &self.problems[k],
                family,
                inner: None,
                slope: self.slope(k, parameters[k]),
            })
        };
        Some([slice(0)?, slice(1)?])
    }

    fn equations(&self, y: &[f64], border: &[f64]) -> Option<Equations> {
        let n = y.len() - 2;
        let [first, second] = self.slices(y)?;
        let z = &y[..n + 1];
        let (energy, g) = first.gradient(z);
        let h = first.hessian(z);
        let factors = Bordered::new(&h, &[border], &[border], 0.0)?;
        let mut v = vec![0.0; n + 1];
        v[n] = 1.0;
        if !factors.solve(&mut v) {
            return None;
        }
        let s = v[n];
        v.truncate(n);
        let third = first.third(z, &v, &v);
        let mut slope = Mat::zeros(n + 1, n + 2);
        slope.as_mut().submatrix_mut(0, 0, n, n).copy_from(h.dense());
        for (k, slice) in [&first, &second].into_iter().enumerate() {
            let by = slice.by_parameter(z);
            for i in 0..n {
                slope[(i, n + k)] = by[i];
            }
            slope[(n, n + k)] = -dot(&v, &slice.hessian_by(z, &v));
        }
        for j in 0..n {
            slope[(n, j)] = -third[j];
        }
        let size = h.norm_max().max(self.size);
        let cubic = dot(&v, &third) / norm(&v).powi(3);
        let mut value = g;
        value.push(s);
        let finite = energy.is_finite() && value.iter().all(|v| v.is_finite());
        finite.then_some(Equations { value, slope, v, cubic, energy, size })
    }

    /// The point of the curve in the hyperplane through `guess` across `normal`, and the ratio of the first two corrections.
    pub(super) fn on_curve(&self, guess: &[f64], normal: &[f64], border: &[f64]) -> Option<(Vec<f64>, f64)> {
        let mut y = guess.to_vec();
        let (mut last, mut first, mut contraction) = (f64::INFINITY, 0.0, 0.0);
        for iteration in 0..12 {
            let e = self.equations(&y, border)?;
            let mut right = e.value.clone();
            right.push(dot(normal, &minus(&y, guess)));
            let step = solve(&e.slope, normal, right)?;
            axpy(-1.0, &step, &mut y);
            let size = norm(&step);
            match iteration {
                0 => first = size,
                1 if first > 1e-8 => contraction = size / first,
                _ => {}
            }
            if size <= TOLERANCE * (1.0 + norm(&y)) || size > 0.3 * last && size < 1e-9 {
                return Some((y, contraction));
            }
            if !(size <= 2.0 * last && size < 0.5) {
                return None;
            }
            last = size;
        }
        None
    }

    fn node(&self, y: Vec<f64>, guide: &[f64], border: &[f64]) -> Option<Node> {
        let e = self.equations(&y, border)?;
        let mut right = vec![0.0; y.len()];
        right[y.len() - 1] = 1.0;
        let mut tangent = solve(&e.slope, guide, right)?;
        let length = norm(&tangent);
        tangent.iter_mut().for_each(|t| *t /= length);
        let size = norm(&e.v);
        let kernel = e.v.iter().map(|v| v / size).collect();
        let residual = norm(&e.value) / e.size;
        Some(Node { y, tangent, kernel, cubic: e.cubic, energy: e.energy, residual })
    }
}

/// Solves the equations with one more row.
fn solve(slope: &Mat<f64>, row: &[f64], right: Vec<f64>) -> Option<Vec<f64>> {
    let m = row.len();
    let matrix = Mat::from_fn(m, m, |i, j| if i + 1 < m { slope[(i, j)] } else { row[j] });
    let mut out = right;
    matrix.partial_piv_lu().solve_in_place(crate::linalg::column_mut(&mut out));
    out.iter().all(|b| b.is_finite()).then_some(out)
}

/// Follows the curve through a fold both ways.
pub(super) fn trace(ground: &Ground<'_>, seed: &Seed) -> Option<Trace> {
    let start = start(ground, seed)?;
    let (mut nodes, end) = march(ground, start.clone());
    let mut ends = [CurveEnd::Closed, end];
    if ends[1] != CurveEnd::Closed {
        let mut back = start;
        back.tangent.iter_mut().for_each(|t| *t = -*t);
        let (behind, end) = march(ground, back);
        ends[0] = end;
        let reversed = behind.into_iter().skip(1).rev().map(|mut node| {
            node.tangent.iter_mut().for_each(|t| *t = -*t);
            node
        });
        nodes = reversed.chain(nodes).collect();
    }
    let mut trace = Trace { nodes, ends, cusps: vec![] };
    trace.find_cusps(ground);
    (trace.nodes.len() > 1).then_some(trace)
}

/// The seed as a point of its curve.
fn start(ground: &Ground<'_>, seed: &Seed) -> Option<Node> {
    let n = seed.x.len();
    let state = ground.problems[0].scales.state;
    let mut y: Vec<f64> = seed.x.iter().map(|x| x / state).collect();
    y.extend(ground.scaled(seed.parameters));
    let border = seed.kernel.first()?;
    // Across the line, or along the kernel, whichever the curve lies nearer to.
    let mut guides = vec![vec![0.0; n + 2]; 3];
    guides[0][n + 1 - seed.axis] = 1.0;
    guides[1][..n].copy_from_slice(border);
    guides[2][n + seed.axis] = 1.0;
    let nodes =
        guides.iter().filter_map(|guide| ground.node(y.clone(), guide, border).map(|node| (guide, node)));
    let along = |(guide, node): &(&Vec<f64>, Node)| dot(guide, &node.tangent).abs();
    let (_, node) = nodes.max_by(|a, b| along(a).total_cmp(&along(b)))?;
    let (y, _) = ground.on_curve(&y, &node.tangent, border)?;
    ground.node(y, &node.tangent, border)
}

/// Goes along the curve until it ends.
fn march(ground: &Ground<'_>, start: Node) -> (Vec<Node>, CurveEnd) {
    let options = ground.options;
    let n = start.y.len() - 2;
    let mut nodes = vec![start];
    let mut h = FIRST.min(options.max_step);
    loop {
        let a = &nodes[nodes.len() - 1];
        if ground.control.stopped() {
            return (nodes, CurveEnd::Failed("stopped".into()));
        }
        if nodes.len() >= options.max_points {
            return (nodes, CurveEnd::Failed("it has the most points that were asked for".into()));
        }
        if h < SHORTEST {
            return (nodes, CurveEnd::Failed("no step leads on".into()));
        }
        let Some((b, bound)) = step(ground, a, h) else {
            h *= 0.5;
            continue;
        };
        let angle = dot(&a.tangent, &b.tangent).clamp(-1.0, 1.0).acos();
        let factor = if angle > 0.0 { (0.1 / angle).clamp(0.4, 2.0) } else { 2.0 };
        if nodes.len() > 3 && passes(a, &b, &nodes[0]) {
            let mut first = nodes[0].clone();
            // Round a curve with an odd number of cusps the kernel comes back with the other sense.
            if dot(&first.kernel, &b.kernel) < 0.0 {
                first.kernel.iter_mut().for_each(|v| *v = -*v);
                first.cubic = -first.cubic;
            }
            nodes.push(first);
            return (nodes, CurveEnd::Closed);
        }
        let x: Vec<f64> = b.y[..n].iter().map(|x| x * ground.problems[0].scales.state).collect();
        let gone = norm(&b.y[..n]) > ground.problems[0].reach
            || options.region.as_ref().is_some_and(|region| !region.contains(&x));
        h = (h * factor).min(options.max_step);
        nodes.push(b);
        if bound {
            return (nodes, CurveEnd::Bound);
        }
        if gone {
            return (nodes, CurveEnd::Region);
        }
    }
}

/// One step; onto the edge of the rectangle where it would cross it.
fn step(ground: &Ground<'_>, a: &Node, h: f64) -> Option<(Node, bool)> {
    let n = a.y.len() - 2;
    let mut guess = a.y.clone();
    axpy(h, &a.tangent, &mut guess);
    let (mut y, contraction) = ground.on_curve(&guess, &a.tangent, &a.kernel)?;
    if contraction > 0.4 || norm(&minus(&y, &guess)) > 0.3 * h {
        return None;
    }
    let mut bound = false;
    // The edge that is crossed first.
    let mut shares: Vec<(f64, usize, f64)> = vec![];
    for k in [0, 1] {
        let [low, high] = ground.bounds(k);
        for edge in [low, high] {
            let (from, to) = (a.y[n + k], y[n + k]);
            let beyond = if edge == low { to < edge } else { to > edge };
            if beyond {
                shares.push(((edge - from) / (to - from), k, edge));
            }
        }
    }
    shares.sort_by(|p, q| p.0.total_cmp(&q.0));
    if let Some(&(share, k, edge)) = shares.first() {
        let mut guess: Vec<f64> =
            a.y.iter().zip(&y).map(|(a, b)| a + share.clamp(0.0, 1.0) * (b - a)).collect();
        guess[n + k] = edge;
        let mut across = vec![0.0; n + 2];
        across[n + k] = 1.0;
        y = ground.on_curve(&guess, &across, &a.kernel)?.0;
        y[n + k] = edge;
        bound = true;
    }
    let b = ground.node(y, &a.tangent, &a.kernel)?;
    (dot(&a.tangent, &b.tangent) > TURN).then_some((b, bound))
}

/// Does the piece from `a` to `b` come back to `first`?
fn passes(a: &Node, b: &Node, first: &Node) -> bool {
    let chord = minus(&b.y, &a.y);
    let square = dot(&chord, &chord);
    let u = dot(&minus(&first.y, &a.y), &chord) / square;
    if !(0.0..=1.0).contains(&u) || dot(&b.tangent, &first.tangent) < 0.9 {
        return false;
    }
    let mut off = minus(&first.y, &a.y);
    axpy(-u, &chord, &mut off);
    norm(&off) < 0.1 * square.sqrt()
}

impl Trace {
    /// Adds a node at each cusp.
    fn find_cusps(&mut self, ground: &Ground<'_>) {
        let old = std::mem::take(&mut self.nodes);
        for b in old {
            if let Some(a) = self.nodes.last()
                && a.cubic * b.cubic < 0.0
                && let Some((node, error)) = cusp(ground, a, &b)
                && let Some(e) = quartic(ground, &node)
            {
                self.cusps.push((self.nodes.len(), e, error));
                self.nodes.push(node);
            }
            self.nodes.push(b);
        }
    }

    /// Does the curve hold this fold?
    pub(super) fn holds(&self, ground: &Ground<'_>, seed: &Seed) -> bool {
        let state = ground.problems[0].scales.state;
        let mut y: Vec<f64> = seed.x.iter().map(|x| x / state).collect();
        y.extend(ground.scaled(seed.parameters));
        self.nodes.windows(2).any(|pair| {
            let [a, b] = pair else { return false };
            let chord = minus(&b.y, &a.y);
            let length = norm(&chord);
            let u = dot(&minus(&y, &a.y), &chord) / (length * length);
            if !(-0.1..=1.1).contains(&u) {
                return false;
            }
            let guess: Vec<f64> = a.y.iter().zip(&chord).map(|(a, c)| a + u * c).collect();
            if norm(&minus(&guess, &y)) > 0.3 * length {
                return false;
            }
            let across: Vec<f64> = chord.iter().map(|c| c / length).collect();
            let found = ground.on_curve(&guess, &across, &a.kernel);
            found.is_some_and(|(found, _)| norm(&minus(&found, &y)) < 1e-6)
        })
    }

    /// Its points of codimension two, as curve number `number`.
    pub(super) fn cusps(&self, ground: &Ground<'_>, number: usize) -> Vec<PlanePoint> {
        let state = ground.problems[0].scales.state;
        let point = |&(place, e, error): &(usize, f64, f64)| {
            let node = &self.nodes[place];
            let at = node.point(ground);
            PlanePoint {
                kind: if e > 0.0 { PointKind::Cusp } else { PointKind::DualCusp },
                parameters: at.parameters,
                x: vec![at.x],
                coefficients: Some([node.cubic / state.powi(3), e / state.powi(4)]),
                error: [0, 1].map(|k| error * ground.slope(k, at.parameters[k]).abs()),
                level: Level::Checked,
                curves: vec![number],
            }
        };
        self.cusps.iter().map(point).collect()
    }

    pub(super) fn curve(&self, ground: &Ground<'_>) -> PlaneCurve {
        let failed = self.ends.iter().any(|e| matches!(e, CurveEnd::Failed(_)));
        PlaneCurve {
            kind: CurveKind::Fold,
            points: self.nodes.iter().map(|node| node.point(ground)).collect(),
            ends: self.ends.clone(),
            residual: self.nodes.iter().map(|node| node.residual).fold(0.0, f64::max),
            level: if failed { Level::Estimated } else { Level::Checked },
        }
    }

    /// The point of the curve next to fraction `u` of the step from node `place`, and its direction in the scaled plane.
    pub(super) fn at(&self, ground: &Ground<'_>, place: usize, u: f64) -> Option<Node> {
        let (a, b) = (self.nodes.get(place)?, self.nodes.get(place + 1)?);
        let chord = minus(&b.y, &a.y);
        let length = norm(&chord);
        let guess: Vec<f64> = a.y.iter().zip(&chord).map(|(a, c)| a + u * c).collect();
        let across: Vec<f64> = chord.iter().map(|c| c / length).collect();
        let (y, _) = ground.on_curve(&guess, &across, &a.kernel)?;
        ground.node(y, &a.tangent, &a.kernel)
    }
}

impl Node {
    pub(super) fn point(&self, ground: &Ground<'_>) -> CurvePoint {
        let n = self.y.len() - 2;
        let state = ground.problems[0].scales.state;
        CurvePoint {
            parameters: ground.parameters(self.plane()),
            x: self.y[..n].iter().map(|x| x * state).collect(),
            from: vec![],
            energy: self.energy,
        }
    }

    /// Its scaled parameters.
    pub(super) fn plane(&self) -> [f64; 2] {
        let n = self.y.len() - 2;
        [self.y[n], self.y[n + 1]]
    }
}

/// The point between two nodes at which the cubic coefficient vanishes, by false position along the curve, and the error of its
/// scaled parameters.
fn cusp(ground: &Ground<'_>, a: &Node, b: &Node) -> Option<(Node, f64)> {
    let length = dot(&minus(&b.y, &a.y), &a.tangent);
    let (mut low, mut high) = ((0.0, a.cubic), (length, b.cubic));
    let mut best: Option<Node> = None;
    for _ in 0..80 {
        let s = low.0 + low.1 / (low.1 - high.1) * (high.0 - low.0);
        if !(low.0 < s && s < high.0) {
            break;
        }
        let mut guess = a.y.clone();
        axpy(s, &a.tangent, &mut guess);
        let (y, _) = ground.on_curve(&guess, &a.tangent, &a.kernel)?;
        let node = ground.node(y, &a.tangent, &a.kernel)?;
        let c = node.cubic;
        if best.as_ref().is_none_or(|best| c.abs() < best.cubic.abs()) {
            best = Some(node);
        }
        if c.abs() <= 1e-14 * (a.cubic.abs() + b.cubic.abs()) || high.0 - low.0 < 1e-13 {
            break;
        }
        // The end that stays loses half its weight (Dowell and Jarratt 1971).
        if c * low.1 < 0.0 {
            high = (s, c);
            low.1 *= 0.5;
        } else {
            low = (s, c);
            high.1 *= 0.5;
        }
    }
    let node = best?;
    if node.cubic.abs() > 1e-6 * (a.cubic.abs() + b.cubic.abs()) {
        return None;
    }
    // How far along the curve the cusp may still lie, and how far the parameters move meanwhile: they stand still there.
    let slope = (b.cubic - a.cubic).abs() / length.abs();
    let along = node.cubic.abs() / slope + 1e-9;
    let n = node.y.len() - 2;
    let speed = node.tangent[n].hypot(node.tangent[n + 1]);
    let error = along * (speed + along) + 1e2 * node.residual + 4.0 * f64::EPSILON;
    Some((node, error))
}

/// `D4 E(v, v, v, v) - 3 D3 E(v, v, H^+ D3 E(v, v, .))`, scaled.
fn quartic(ground: &Ground<'_>, node: &Node) -> Option<f64> {
    let n = node.y.len() - 2;
    let [slice, _] = ground.slices(&node.y)?;
    let z = &node.y[..n + 1];
    let v = &node.kernel;
    let border = [v.as_slice()];
    let factors = Bordered::new(&slice.hessian(z), &border, &border, 0.0)?;
    let square = slice.third(z, v, v);
    let mut bend = square.clone();
    bend.push(0.0);
    if !factors.solve(&mut bend) {
        return None;
    }
    Some(dot(v, &slice.fourth(z, v, v, v)) - 3.0 * dot(&square, &bend[..n]))
}

impl Node {
    /// The point of the curve at a length along the tangent from here.
    pub(super) fn moved(&self, ground: &Ground<'_>, length: f64) -> Option<Node> {
        let mut guess = self.y.clone();
        axpy(length, &self.tangent, &mut guess);
        let (y, _) = ground.on_curve(&guess, &self.tangent, &self.kernel)?;
        ground.node(y, &self.tangent, &self.kernel)
    }
}
