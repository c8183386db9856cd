//! Critical sets and graphs written down by hand.

use smale::connection::algebra::Complex;
use smale::connection::{Connection, MorseGraph, MorseSmale, Orbit};
use smale::critical::{Completeness, CriticalPoint, CriticalSet, Level, Work};
use smale::landscape::Region;

/// A critical set with points of these indices and energies, which stand at `x` if that is given, else somewhere.
pub(crate) fn set(dim: usize, points: &[(usize, f64)]) -> CriticalSet {
    let place = |i: usize| (0..dim).map(|k| if k == 0 { i as f64 } else { 0.0 }).collect();
    set_at(dim, &points.iter().enumerate().map(|(i, &(k, e))| (k, e, place(i))).collect::<Vec<_>>())
}

pub(crate) fn set_at(dim: usize, points: &[(usize, f64, Vec<f64>)]) -> CriticalSet {
    let point = |(index, energy, x): &(usize, f64, Vec<f64>)| CriticalPoint {
        x: x.clone(),
        energy: *energy,
        eigenvalues: (0..dim).map(|i| if i < *index { -1.0 } else { 1.0 }).collect(),
        index: *index,
        gradient_norm: 0.0,
        radius: 1e-14,
        level: Level::Checked,
        proof: None,
    };
    CriticalSet {
        points: points.iter().map(point).collect(),
        degenerate: vec![],
        completeness: Completeness::Proven,
        coverage: Default::default(),
        euler_expected: Some(1),
        rough: false,
        highest_index: dim,
        region: Region::cuboid(vec![-1e3; dim], vec![1e3; dim]),
        work: Work::default(),
        interrupted: false,
    }
}

/// A graph with these connections `(from, to, entry)`: as many in parallel as the entry says, with its sign; two of
/// opposite sign for an entry of zero.
pub(crate) fn graph(entries: &[(usize, usize, i64)]) -> MorseGraph {
    let mut connections = vec![];
    for &(from, to, entry) in entries {
        let mut add = |sign: i8| connections.push(Connection::new(from, to, sign, Orbit::default()));
        (0..entry.unsigned_abs()).for_each(|_| add(entry.signum() as i8));
        if entry == 0 {
            add(1);
            add(-1);
        }
    }
    connections.sort_by_key(|c| (c.from, c.to, -c.sign));
    MorseGraph {
        connections,
        loose: vec![],
        misses: vec![],
        morse_smale: MorseSmale::Yes(Level::Checked),
        components: 1,
        examined: vec![],
    }
}

/// A space as a chain complex with energies: cells `(index, energy)` and connections `(from, to, sign)`.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    pub(crate) cells: Vec<(usize, f64, Vec<f64>)>,
    pub(crate) connections: Vec<(usize, usize, i64)>,
}

/// A line with minima at these energies and maxima between them.
pub(crate) fn line(minima: &[f64], maxima: &[f64]) -> Space {
    let mut cells: Vec<(usize, f64, Vec<f64>)> =
        minima.iter().enumerate().map(|(i, &e)| (0, e, vec![2.0 * i as f64])).collect();
    let mut connections = vec![];
    for (i, &e) in maxima.iter().enumerate() {
        connections.extend([(cells.len(), i, -1), (cells.len(), i + 1, 1)]);
        cells.push((1, e, vec![2.0 * i as f64 + 1.0]));
    }
    Space { cells, connections }
}

/// A circle with as many minima as maxima.
pub(crate) fn circle(minima: &[f64], maxima: &[f64]) -> Space {
    let mut space = line(minima, &maxima[..maxima.len() - 1]);
    let last = minima.len() - 1;
    space.connections.extend([(space.cells.len(), last, -1), (space.cells.len(), 0, 1)]);
    space.cells.push((1, maxima[last], vec![2.0 * last as f64 + 1.0]));
    space
}

impl Space {
    /// The product: energies add up, the boundary is that of the tensor product, `d(a b) = da b + (-1)^|a| a db`.
    pub(crate) fn times(&self, other: &Space) -> Space {
        let n = other.cells.len();
        let mut cells = vec![];
        for (k, e, x) in &self.cells {
            for (l, f, y) in &other.cells {
                cells.push((k + l, e + f, [&x[..], &y[..]].concat()));
            }
        }
        let mut connections = vec![];
        for &(a, b, sign) in &self.connections {
            connections.extend((0..n).map(|c| (a * n + c, b * n + c, sign)));
        }
        for (a, (k, ..)) in self.cells.iter().enumerate() {
            let koszul = if k % 2 == 0 { 1 } else { -1 };
            connections.extend(other.connections.iter().map(|&(c, d, s)| (a * n + c, a * n + d, koszul * s)));
        }
        Space { cells, connections }
    }

    /// Set (points in the order of ids) and graph.
    pub(crate) fn solved(&self) -> (CriticalSet, MorseGraph) {
        let mut order: Vec<usize> = (0..self.cells.len()).collect();
        let key = |i: usize| (self.cells[i].0, self.cells[i].1);
        order.sort_by(|&a, &b| key(a).0.cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)).then(a.cmp(&b)));
        let mut id = vec![0; order.len()];
        order.iter().enumerate().for_each(|(i, &cell)| id[cell] = i);
        let points: Vec<_> = order.iter().map(|&cell| self.cells[cell].clone()).collect();
        let dim = self.cells[0].2.len();
        let connections: Vec<_> = self.connections.iter().map(|&(a, b, s)| (id[a], id[b], s)).collect();
        (set_at(dim, &points), graph(&connections))
    }
}

/// Euler characteristic of the points.
pub(crate) fn euler(complex: &Complex) -> i64 {
    complex
        .points
        .iter()
        .enumerate()
        .map(|(k, p)| if k % 2 == 0 { p.len() as i64 } else { -(p.len() as i64) })
        .sum()
}
