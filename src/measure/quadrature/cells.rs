//! Three dimensions, and the plane where its boundaries are no curves to be had: a tree of cells, each told by the orbits from
//! its corners and its centre to lie in one basin or across a boundary.
//!
//! Across a boundary cells are halved down to a smallest size; what those hold is shared out by the nearest of the places
//! whose basin is known, and half of it counts as error.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::rule::gauss;
use super::{MOST, NEGLIGIBLE, Node, Part, Problem, Sums};

/// Most halvings, and of a cell across a boundary, by dimension.
const DEEPEST: usize = 30;
const FINEST: [usize; MOST + 1] = [0, 0, 10, 6];

/// Share of a basin's integral below which a cell across a boundary is not halved.
const TRIFLE: f64 = 1e-9;

const SHARED: usize = 3;

#[derive(Clone, Debug)]
struct Cell {
    low: [f64; MOST],
    high: [f64; MOST],
    /// Its well where it is known to lie in one basin.
    label: Option<Option<u32>>,
}

struct Tree<'a> {
    problem: &'a Problem<'a>,
    dim: usize,
    rule: Vec<(f64, f64)>,
    cells: AtomicUsize,
    /// Where orbits end that start at corners, which cells share. Only looked up, never listed.
    known: Mutex<HashMap<[u64; MOST], Option<u32>>>,
}

pub(super) fn integrate(problem: &Problem<'_>) -> Result<Part, String> {
    let dim = problem.wells.dim();
    let nodes = if dim == 2 { 10 } else { 8 };
    let known = Mutex::new(HashMap::new());
    let tree = Tree { problem, dim, rule: gauss(nodes), cells: AtomicUsize::new(0), known };
    let mut root = Cell { low: [0.0; MOST], high: [0.0; MOST], label: None };
    root.low[..dim].copy_from_slice(&problem.domain.lower);
    root.high[..dim].copy_from_slice(&problem.domain.upper);
    if let [_] = problem.wells.wells.as_slice() {
        // Where there is one well only, all is its own.
        root.label = Some(Some(0));
    }
    let value = tree.nodes(&root, root.label.unwrap_or(None));
    let mut part = tree.refine(&root, &value, 0)?;
    part.cells = tree.cells.load(Ordering::Relaxed);
    Ok(part)
}

impl Tree<'_> {
    fn label(&self, x: [f64; MOST]) -> Option<u32> {
        let key = x.map(f64::to_bits);
        let found = self.known.lock().ok().and_then(|known| known.get(&key).copied());
        found.unwrap_or_else(|| {
            let label = self.problem.label(&x[..self.dim]);
            if let Ok(mut known) = self.known.lock() {
                known.insert(key, label);
            }
            label
        })
    }

    fn nodes(&self, cell: &Cell, label: Option<u32>) -> Vec<Node> {
        let m = self.rule.len();
        let volume = |i: usize| 0.5 * (cell.high[i] - cell.low[i]);
        (0..m.pow(self.dim as u32))
            .filter_map(|place| {
                let (mut x, mut weight, mut rest) = ([0.0; MOST], 1.0, place);
                for i in 0..self.dim {
                    let (s, w) = self.rule[rest % m];
                    rest /= m;
                    x[i] = 0.5 * (cell.low[i] + cell.high[i]) + volume(i) * s;
                    weight *= w * volume(i);
                }
                let energy = self.problem.landscape().energy(&x[..self.dim]);
                let log_weight = weight.ln() - energy / self.problem.eps;
                log_weight.is_finite().then_some(Node { x, energy, log_weight, label })
            })
            .collect()
    }

    /// Corners and centre.
    fn places(&self, cell: &Cell) -> Vec<[f64; MOST]> {
        let corner = |k: usize| {
            let mut x = [0.0; MOST];
            (0..self.dim).for_each(|i| x[i] = if k >> i & 1 == 0 { cell.low[i] } else { cell.high[i] });
            x
        };
        let mut center = [0.0; MOST];
        (0..self.dim).for_each(|i| center[i] = 0.5 * (cell.low[i] + cell.high[i]));
        (0..1 << self.dim).map(corner).chain([center]).collect()
    }

    fn refine(&self, cell: &Cell, value: &[Node], depth: usize) -> Result<Part, String> {
        let problem = self.problem;
        problem.go_on(self.cells.fetch_add(1, Ordering::Relaxed))?;
        let mut cell = cell.clone();
        let size = (0..self.dim).map(|i| cell.high[i] - cell.low[i]).fold(0.0, f64::max);
        let coarse = problem.is_coarse(size, |x| cell.distance(x, self.dim));
        let mut value = value.to_vec();
        if cell.label.is_none() && !coarse {
            let places = self.places(&cell);
            let labels: Vec<Option<u32>> = places.iter().map(|x| self.label(*x)).collect();
            if labels.iter().all(|l| *l == labels[0]) {
                cell.label = Some(labels[0]);
                value.iter_mut().for_each(|n| n.label = labels[0]);
            } else {
                let least = labels.iter().map(|l| problem.reference(*l)).fold(f64::INFINITY, f64::min);
                let held: f64 = value.iter().map(|n| (n.log_weight - least).exp()).sum();
                if held <= TRIFLE || depth >= FINEST[self.dim] {
                    return Ok(self.shared_out(value, &places, &labels));
                }
            }
        }
        let children: Vec<Cell> = (0..1usize << self.dim)
            .map(|k| {
                let mut child = cell.clone();
                for i in 0..self.dim {
                    let middle = 0.5 * (cell.low[i] + cell.high[i]);
                    if k >> i & 1 == 0 { child.high[i] = middle } else { child.low[i] = middle }
                }
                child
            })
            .collect();
        let values: Vec<Vec<Node>> = match depth < SHARED {
            true => children.par_iter().map(|c| self.nodes(c, c.label.unwrap_or(None))).collect(),
            false => children.iter().map(|c| self.nodes(c, c.label.unwrap_or(None))).collect(),
        };
        if cell.label.is_some() {
            let mut sum = Sums::zero(problem);
            values.iter().for_each(|nodes| sum.add(&Sums::of(problem, nodes)));
            let errors = sum.differences(&Sums::of(problem, &value));
            // In space the last digits would cost eight times the cells.
            let tolerance = problem.options.tolerance * if self.dim == 3 { 100.0 } else { 1.0 };
            let agree = !coarse && errors.iter().all(|e| *e <= tolerance);
            let (low, high) = (&cell.low[..self.dim], &cell.high[..self.dim]);
            if depth >= DEEPEST || agree && !problem.is_missed(&value, low, high) {
                let mut part = Part::empty(problem);
                let counts = |n: &Node| n.log_weight - problem.reference(n.label) > NEGLIGIBLE;
                part.nodes = values.into_iter().flatten().filter(counts).collect();
                part.errors = errors;
                return Ok(part);
            }
        }
        let parts: Vec<Result<Part, String>> = match depth < SHARED {
            true => children.par_iter().zip(&values).map(|(c, v)| self.refine(c, v, depth + 1)).collect(),
            false => children.iter().zip(&values).map(|(c, v)| self.refine(c, v, depth + 1)).collect(),
        };
        let mut all = Part::empty(problem);
        for part in parts {
            all.join(part?);
        }
        Ok(all)
    }

    fn shared_out(&self, mut nodes: Vec<Node>, places: &[[f64; MOST]], labels: &[Option<u32>]) -> Part {
        let mut part = Part::empty(self.problem);
        for n in &mut nodes {
            let away = |x: &[f64; MOST]| (0..self.dim).map(|i| (x[i] - n.x[i]).powi(2)).sum::<f64>();
            let nearest = (0..places.len()).min_by(|a, b| away(&places[*a]).total_cmp(&away(&places[*b])));
            n.label = nearest.and_then(|k| labels[k]);
        }
        let mut met = labels.to_vec();
        met.sort_unstable();
        met.dedup();
        for label in met {
            let reference = self.problem.reference(label);
            let held: f64 = nodes.iter().map(|n| (n.log_weight - reference).exp()).sum();
            let k = label.map_or(part.errors.len() - 1, |k| k as usize);
            part.errors[k] += 0.5 * held;
        }
        part.nodes = nodes;
        part
    }
}

impl Cell {
    fn distance(&self, x: &[f64], dim: usize) -> f64 {
        let away = |i: usize| (self.low[i] - x[i]).max(x[i] - self.high[i]).max(0.0);
        (0..dim).map(|i| away(i).powi(2)).sum::<f64>().sqrt()
    }
}
