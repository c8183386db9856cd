//! Two dimensions: a tree of cells, those that a boundary crosses integrated on either side of it.
//!
//! In a cell that is small enough the boundaries are graphs over one of its axes. The cell is cut into strips across that
//! axis where a graph enters or leaves, each strip into the pieces between graphs; each piece is mapped to a square and
//! integrated by a product of Gauss rules, to which both the integrand and the graphs are smooth.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::rule::gauss;
use super::separatrix::{Separatrix, WIDTH};
use super::{NEGLIGIBLE, Node, Part, Problem, Sums};

/// Nodes of a rule in each direction.
const NODES: usize = 10;

/// Most halvings.
const DEEPEST: usize = 44;

/// Above this depth the children of a cell are shared among threads.
const SHARED: usize = 4;

/// A rectangle with a shorter side, relative to the scale, is told by the nearest boundary.
const SMALL: f64 = 1e-5;

/// A graph may be this steep.
const STEEP: f64 = 2.0;

/// Consecutive segments of a curve.
#[derive(Clone, Copy, Debug)]
struct Run {
    curve: usize,
    from: usize,
    to: usize,
}

#[derive(Clone, Debug)]
struct Cell {
    low: [f64; 2],
    high: [f64; 2],
    runs: Vec<Run>,
    /// Its well where no boundary crosses it.
    label: Option<Option<u32>>,
}

struct Tree<'a> {
    problem: &'a Problem<'a>,
    curves: &'a [Separatrix],
    rule: Vec<(f64, f64)>,
    cells: AtomicUsize,
}

pub(super) fn integrate(problem: &Problem<'_>, curves: &[Separatrix]) -> Result<Part, String> {
    let domain = problem.domain;
    let tree = Tree { problem, curves, rule: gauss(NODES), cells: AtomicUsize::new(0) };
    let whole = (0..curves.len()).map(|c| Run { curve: c, from: 0, to: curves[c].points.len() - 1 });
    let mut root = Cell {
        low: [domain.lower[0], domain.lower[1]],
        high: [domain.upper[0], domain.upper[1]],
        runs: whole.collect(),
        label: None,
    };
    tree.settle(&mut root, None, &[]);
    let value = tree.evaluate(&root);
    let mut part = tree.refine(&root, value.as_deref(), 0)?;
    let along = tree.boundary_errors();
    part.errors.iter_mut().zip(along).for_each(|(e, b)| *e += b);
    part.cells = tree.cells.load(Ordering::Relaxed);
    Ok(part)
}

impl Tree<'_> {
    /// Keeps of the runs what may meet the cell; labels the cell if nothing does: as its parent, or by the side of the
    /// parent's boundaries on which it lies.
    fn settle(&self, cell: &mut Cell, parent: Option<Option<u32>>, around: &[Run]) {
        let mut runs = vec![];
        for run in &cell.runs {
            let curve = &self.curves[run.curve];
            let meets = |k: usize| curve.meets(k, cell.low, cell.high);
            let mut open: Option<usize> = None;
            for k in run.from..run.to {
                match (meets(k), open) {
                    (true, None) => open = Some(k),
                    (false, Some(from)) => {
                        runs.push(Run { curve: run.curve, from, to: k });
                        open = None;
                    }
                    _ => {}
                }
            }
            if let Some(from) = open {
                runs.push(Run { curve: run.curve, from, to: run.to });
            }
        }
        cell.runs = runs;
        cell.label = match (cell.runs.is_empty(), parent) {
            (false, _) => None,
            (true, Some(label)) => Some(label),
            (true, None) => Some(self.told(cell.low, cell.high, around)),
        };
    }

    /// The well of a rectangle that no boundary crosses. Its orbit tells, since on which side of a curve a point lies beyond
    /// its end is not known from the curve; the nearest boundary, where the rectangle is too small for the orbit's error.
    fn told(&self, low: [f64; 2], high: [f64; 2], around: &[Run]) -> Option<u32> {
        let inside = |s: f64, t: f64| [low[0] + s * (high[0] - low[0]), low[1] + t * (high[1] - low[1])];
        let side = || self.side(around, inside(0.5, 0.5)).flatten();
        // The centre of a symmetric box may be a maximum.
        let orbit =
            || self.problem.label(&inside(0.5, 0.5)).or_else(|| self.problem.label(&inside(0.43, 0.54)));
        match (high[0] - low[0]).min(high[1] - low[1]) < SMALL * self.problem.wells.scale() {
            true => side().or_else(orbit),
            false => orbit().or_else(side),
        }
    }

    /// The well on whose side of the nearest boundary a point lies; `None` without boundaries.
    fn side(&self, runs: &[Run], x: [f64; 2]) -> Option<Option<u32>> {
        let mut nearest: Option<(f64, usize, usize, f64)> = None;
        for run in runs {
            let curve = &self.curves[run.curve];
            for k in run.from..run.to {
                let (a, b) = (curve.points[k], curve.points[k + 1]);
                let (d, e) = ([b[0] - a[0], b[1] - a[1]], [x[0] - a[0], x[1] - a[1]]);
                let square = (d[0] * d[0] + d[1] * d[1]).max(f64::MIN_POSITIVE);
                let s = ((d[0] * e[0] + d[1] * e[1]) / square).clamp(0.0, 1.0);
                let away = (e[0] - s * d[0]).hypot(e[1] - s * d[1]);
                if nearest.is_none_or(|n| away < n.0) {
                    nearest = Some((away, run.curve, k, s));
                }
            }
        }
        let (_, curve, k, s) = nearest?;
        let curve = &self.curves[curve];
        let (before, after) = (curve.at(k, (s - 1e-3).max(0.0)), curve.at(k, (s + 1e-3).min(1.0)));
        let p = curve.at(k, s);
        let cross = (after[0] - before[0]) * (x[1] - p[1]) - (after[1] - before[1]) * (x[0] - p[0]);
        Some(if cross > 0.0 { curve.left } else { curve.right })
    }

    /// Nodes of the cell; `None` if the boundaries in it are no graphs.
    fn evaluate(&self, cell: &Cell) -> Option<Vec<Node>> {
        if let Some(label) = cell.label {
            let mut nodes = Vec::with_capacity(NODES * NODES);
            let (u, v) = ((cell.low[0], cell.high[0]), (cell.low[1], cell.high[1]));
            self.strip(0, u, |_| vec![v.0, v.1], &[label], &mut nodes);
            return Some(nodes);
        }
        (0..2).find_map(|axis| self.sliced(cell, axis))
    }

    /// A product rule over pieces between the ordinates that `levels` gives at an abscissa, one label a piece.
    fn strip(
        &self,
        axis: usize,
        (a, b): (f64, f64),
        levels: impl Fn(f64) -> Vec<f64>,
        labels: &[Option<u32>],
        nodes: &mut Vec<Node>,
    ) {
        let (middle, half) = (0.5 * (a + b), 0.5 * (b - a));
        for (s, ws) in &self.rule {
            let u = middle + half * s;
            let levels = levels(u);
            for (piece, label) in levels.windows(2).zip(labels) {
                let (centre, reach) = (0.5 * (piece[0] + piece[1]), 0.5 * (piece[1] - piece[0]));
                if !(reach > 0.0) {
                    continue;
                }
                for (t, wt) in &self.rule {
                    let v = centre + reach * t;
                    let x = if axis == 0 { [u, v, 0.0] } else { [v, u, 0.0] };
                    let energy = self.problem.landscape().energy(&x[..2]);
                    let log_weight = (ws * half * wt * reach).ln() - energy / self.problem.eps;
                    if log_weight.is_finite() {
                        nodes.push(Node { x, energy, log_weight, label: *label });
                    }
                }
            }
        }
    }

    /// The cell with its boundaries as graphs over an axis; `None` if they are none.
    fn sliced(&self, cell: &Cell, axis: usize) -> Option<Vec<Node>> {
        let other = 1 - axis;
        let (u0, u1) = (cell.low[axis], cell.high[axis]);
        let (v0, v1) = (cell.low[other], cell.high[other]);
        let mut graphs = vec![];
        for run in &cell.runs {
            graphs.push(Graph::new(&self.curves[run.curve], *run, axis)?);
        }
        let mut cuts = vec![u0, u1];
        for graph in &graphs {
            // A curve that ends inside is no boundary from side to side.
            for (end, inside) in [(graph.range.0, graph.range.0 > u0), (graph.range.1, graph.range.1 < u1)] {
                let v = graph.at(end);
                if inside && v > v0 && v < v1 {
                    return None;
                }
            }
            for level in [v0, v1] {
                graph.crossings(level, &mut cuts);
            }
            cuts.extend([graph.range.0, graph.range.1]);
        }
        cuts.retain(|u| *u >= u0 && *u <= u1);
        cuts.sort_by(f64::total_cmp);
        let mut nodes = vec![];
        for w in cuts.windows(2).filter(|w| w[1] - w[0] > 1e-13 * (u1 - u0)) {
            let middle = 0.5 * (w[0] + w[1]);
            let mut inside: Vec<(f64, &Graph<'_>)> = graphs
                .iter()
                .filter(|g| middle > g.range.0 && middle < g.range.1)
                .map(|g| (g.at(middle), g))
                .filter(|(v, _)| *v > v0 && *v < v1)
                .collect();
            inside.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut labels: Vec<Option<u32>> = inside.iter().map(|(_, g)| g.above).collect();
            labels.insert(
                0,
                match inside.first() {
                    Some((_, g)) => g.below,
                    None => {
                        let (low, high) = ([w[0], v0], [w[1], v1]);
                        let turned = |x: [f64; 2]| if axis == 0 { x } else { [x[1], x[0]] };
                        self.told(turned(low), turned(high), &cell.runs)
                    }
                },
            );
            let levels = |u: f64| {
                let mut at = vec![v0];
                at.extend(inside.iter().map(|(_, g)| g.at(u).clamp(v0, v1)));
                at.push(v1);
                at
            };
            self.strip(axis, (w[0], w[1]), levels, &labels, &mut nodes);
        }
        Some(nodes)
    }

    fn refine(&self, cell: &Cell, value: Option<&[Node]>, depth: usize) -> Result<Part, String> {
        let options = &self.problem.options;
        self.problem.go_on(self.cells.fetch_add(1, Ordering::Relaxed))?;
        if value.is_none() && (depth >= DEEPEST || self.is_nothing(cell)) {
            return Ok(self.unresolved(cell));
        }
        let middle = cell.center();
        let children: Vec<Cell> = (0..4)
            .map(|k| {
                let mut child = cell.clone();
                for i in 0..2 {
                    if k >> i & 1 == 0 { child.high[i] = middle[i] } else { child.low[i] = middle[i] }
                }
                child
            })
            .collect();
        let settled = |mut child: Cell| {
            self.settle(&mut child, cell.label, &cell.runs);
            let value = self.evaluate(&child);
            (child, value)
        };
        let children: Vec<(Cell, Option<Vec<Node>>)> = if depth < SHARED {
            children.into_par_iter().map(settled).collect()
        } else {
            children.into_iter().map(settled).collect()
        };
        if let Some(value) = value
            && children.iter().all(|c| c.1.is_some())
        {
            let mut sum = Sums::zero(self.problem);
            children.iter().flat_map(|c| &c.1).for_each(|nodes| sum.add(&Sums::of(self.problem, nodes)));
            let errors = sum.differences(&Sums::of(self.problem, value));
            let size = (cell.high[0] - cell.low[0]).max(cell.high[1] - cell.low[1]);
            let coarse = self.problem.is_coarse(size, |x| cell.distance(x));
            let agree = !coarse && errors.iter().all(|e| *e <= options.tolerance);
            if depth >= DEEPEST || agree && !self.problem.is_missed(value, &cell.low, &cell.high) {
                let mut part = Part::empty(self.problem);
                for nodes in children.into_iter().filter_map(|c| c.1) {
                    let counts = |n: &Node| n.log_weight - self.problem.reference(n.label) > NEGLIGIBLE;
                    part.nodes.extend(nodes.into_iter().filter(counts));
                }
                part.errors = errors;
                return Ok(part);
            }
        }
        let parts: Vec<Result<Part, String>> = if depth < SHARED {
            children.par_iter().map(|(c, v)| self.refine(c, v.as_deref(), depth + 1)).collect()
        } else {
            children.iter().map(|(c, v)| self.refine(c, v.as_deref(), depth + 1)).collect()
        };
        let mut all = Part::empty(self.problem);
        for part in parts {
            all.join(part?);
        }
        Ok(all)
    }

    /// The nodes of a cell as if no boundary crossed it.
    fn plain(&self, cell: &Cell, label: Option<u32>) -> Vec<Node> {
        let mut nodes = vec![];
        let v = (cell.low[1], cell.high[1]);
        self.strip(0, (cell.low[0], cell.high[0]), |_| vec![v.0, v.1], &[label], &mut nodes);
        nodes
    }

    /// Does the cell hold nothing that counts in any of the basins that may meet it?
    fn is_nothing(&self, cell: &Cell) -> bool {
        let labels = cell.runs.iter().flat_map(|r| [self.curves[r.curve].left, self.curves[r.curve].right]);
        let least = labels.map(|l| self.problem.reference(l)).fold(f64::INFINITY, f64::min);
        let held: f64 = self.plain(cell, None).iter().map(|n| (n.log_weight - least).exp()).sum();
        held <= 1e-3 * self.problem.options.tolerance
    }

    /// A cell too small to go on with: all that it holds counts as error of every basin that may meet it.
    fn unresolved(&self, cell: &Cell) -> Part {
        let mut part = Part::empty(self.problem);
        let label = cell.runs.first().and_then(|r| self.curves[r.curve].left);
        part.nodes = self.plain(cell, label);
        for run in &cell.runs {
            for label in [self.curves[run.curve].left, self.curves[run.curve].right] {
                let reference = self.problem.reference(label);
                let held: f64 = part.nodes.iter().map(|n| (n.log_weight - reference).exp()).sum();
                if let Some(error) = label.and_then(|k| part.errors.get_mut(k as usize)) {
                    *error += held;
                }
            }
        }
        part
    }

    /// What the basins would gain or lose if the curves lay elsewhere by their error.
    fn boundary_errors(&self) -> Vec<f64> {
        let problem = self.problem;
        let width = WIDTH * problem.wells.scale();
        let mut errors = vec![0.0; problem.wells.wells.len() + 1];
        for curve in self.curves {
            for w in curve.points.windows(2) {
                let length = (w[1][0] - w[0][0]).hypot(w[1][1] - w[0][1]);
                let log = (length * width).ln() - problem.landscape().energy(&w[0]) / problem.eps;
                for label in [curve.left, curve.right] {
                    let k = label.map_or(errors.len() - 1, |k| k as usize);
                    let held = (log - problem.reference(label)).exp();
                    errors[k] += if held.is_finite() { held } else { 0.0 };
                }
            }
        }
        errors
    }
}

impl Cell {
    fn center(&self) -> [f64; 2] {
        [0, 1].map(|i| 0.5 * (self.low[i] + self.high[i]))
    }

    fn distance(&self, x: &[f64]) -> f64 {
        let away = |i: usize| (self.low[i] - x[i]).max(x[i] - self.high[i]).max(0.0);
        away(0).hypot(away(1))
    }
}

/// A run of a curve as a graph over an axis.
struct Graph<'a> {
    curve: &'a Separatrix,
    run: Run,
    axis: usize,
    /// +1 if the abscissa grows along the curve.
    sign: f64,
    range: (f64, f64),
    above: Option<u32>,
    below: Option<u32>,
}

impl<'a> Graph<'a> {
    fn new(curve: &'a Separatrix, run: Run, axis: usize) -> Option<Self> {
        let first = curve.points[run.from][axis];
        let last = curve.points[run.to][axis];
        let sign = (last - first).signum();
        let steep = |k: usize| {
            let t = curve.tangents[k];
            !(sign * t[axis] > 0.0 && t[1 - axis].abs() <= STEEP * t[axis].abs())
        };
        let backwards = |k: usize| !(sign * (curve.points[k + 1][axis] - curve.points[k][axis]) > 0.0);
        if (run.from..=run.to).any(steep) || (run.from..run.to).any(backwards) {
            return None;
        }
        // Left of the direction to the right is above; left of the direction upwards is where abscissas are smaller.
        let left_is_above = (sign > 0.0) == (axis == 0);
        let (above, below) =
            if left_is_above { (curve.left, curve.right) } else { (curve.right, curve.left) };
        Some(Graph { curve, run, axis, sign, range: (first.min(last), first.max(last)), above, below })
    }

    /// The ordinate at an abscissa within the range.
    fn at(&self, u: f64) -> f64 {
        let Run { from, to, .. } = self.run;
        let ahead = |k: usize| self.sign * (self.curve.points[k][self.axis] - u) <= 0.0;
        // The last point that is not beyond.
        let (mut low, mut high) = (from, to);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if ahead(middle) { low = middle } else { high = middle }
        }
        self.within(low, u)[1 - self.axis]
    }

    /// The point of segment `k` at an abscissa.
    fn within(&self, k: usize, u: f64) -> [f64; 2] {
        let (mut low, mut high) = (0.0, 1.0);
        let (a, b) = (self.curve.points[k][self.axis], self.curve.points[k + 1][self.axis]);
        let mut s = ((u - a) / (b - a)).clamp(0.0, 1.0);
        let mut point = self.curve.at(k, s);
        for _ in 0..60 {
            let miss = self.sign * (point[self.axis] - u);
            if miss.abs() <= 1e-15 * (1.0 + u.abs()) {
                break;
            }
            if miss > 0.0 {
                high = s
            } else {
                low = s
            }
            // The cubic's abscissa is nearly linear in s.
            let step = (u - point[self.axis]) / (b - a);
            let newton = s + step;
            s = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            point = self.curve.at(k, s);
        }
        point
    }

    /// Adds the abscissas at which it crosses a level.
    fn crossings(&self, level: f64, cuts: &mut Vec<f64>) {
        let other = 1 - self.axis;
        for k in self.run.from..self.run.to {
            let (a, b) = (self.curve.points[k][other] - level, self.curve.points[k + 1][other] - level);
            if a == 0.0 || a * b < 0.0 {
                let (mut low, mut high) = (0.0, 1.0);
                for _ in 0..60 {
                    let middle = 0.5 * (low + high);
                    if (self.curve.at(k, middle)[other] - level) * a > 0.0 {
                        low = middle
                    } else {
                        high = middle
                    }
                }
                cuts.push(self.curve.at(k, 0.5 * (low + high))[self.axis]);
            }
        }
    }
}
