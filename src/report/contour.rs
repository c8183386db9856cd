//! Level lines on a grid by marching squares, and which levels to draw.

use super::geometry::P;

/// Values on a grid: `values[j * columns + i]` at column i and row j.
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) values: Vec<f64>,
}

const NONE: usize = usize::MAX;

/// What is known of every edge of the grid while one level's lines are traced.
struct Scratch {
    /// The edges before and after it: a line crosses an edge at most once, so that there are one or two.
    neighbours: Vec<[usize; 2]>,
    seen: Vec<bool>,
}

/// How many of the ascending `levels` lie at or below the value; all of them where it is not a number.
pub(super) fn band(levels: &[f64], value: f64) -> usize {
    if value.is_nan() { levels.len() } else { levels.partition_point(|l| *l <= value) }
}

impl Grid {
    fn at(&self, i: usize, j: usize) -> f64 {
        self.values[j * self.columns + i]
    }

    /// Value between the nodes, bilinear; coordinates in columns and rows.
    pub(super) fn between(&self, x: f64, y: f64) -> f64 {
        let i = (x as usize).min(self.columns.saturating_sub(2));
        let j = (y as usize).min(self.rows.saturating_sub(2));
        let (s, t) = (x - i as f64, y - j as f64);
        let along = |j: usize| self.at(i, j) * (1.0 - s) + self.at(i + 1, j) * s;
        along(j) * (1.0 - t) + along(j + 1) * t
    }

    /// How many of the ascending `levels` lie at or below each node; all of them where the value is not a number.
    pub(super) fn bands(&self, levels: &[f64]) -> Vec<usize> {
        self.values.iter().map(|v| band(levels, *v)).collect()
    }

    /// For each of the ascending levels the lines on which the value is the level, in columns and rows; closed ones
    /// repeat their first point. Cells with a corner that is not finite hold none.
    pub(super) fn contours(&self, levels: &[f64]) -> Vec<Vec<Vec<P>>> {
        // Few cells are crossed by any one level: list them level by level in one pass over the grid.
        let bands = self.bands(levels);
        let mut crossed: Vec<Vec<(usize, usize)>> = vec![vec![]; levels.len()];
        for j in 0..self.rows.saturating_sub(1) {
            for i in 0..self.columns.saturating_sub(1) {
                let node = j * self.columns + i;
                let corners =
                    [node, node + 1, node + self.columns, node + self.columns + 1].map(|k| bands[k]);
                let (low, high) = (corners.iter().min(), corners.iter().max());
                if let (Some(&low), Some(&high)) = (low, high) {
                    crossed[low..high].iter_mut().for_each(|cells| cells.push((i, j)));
                }
            }
        }
        let mut scratch = Scratch {
            neighbours: vec![[NONE; 2]; 2 * self.values.len()],
            seen: vec![false; 2 * self.values.len()],
        };
        levels.iter().zip(&crossed).map(|(&level, cells)| self.lines(level, cells, &mut scratch)).collect()
    }

    /// The lines of one level through the cells it crosses; the scratch is left as it was found.
    fn lines(&self, level: f64, cells: &[(usize, usize)], scratch: &mut Scratch) -> Vec<Vec<P>> {
        let Scratch { neighbours, seen } = scratch;
        let mut edges = Vec::with_capacity(2 * cells.len());
        for &(i, j) in cells {
            for (a, b) in self.cell(i, j, level).into_iter().flatten() {
                for (from, to) in [(a, b), (b, a)] {
                    let slot = usize::from(neighbours[from][0] != NONE);
                    neighbours[from][slot] = to;
                    edges.push(from);
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let ends = edges.iter().filter(|&&e| neighbours[e][1] == NONE);
        let mut lines = Vec::new();
        for &start in ends.chain(&edges) {
            if seen[start] {
                continue;
            }
            let mut line = Vec::new();
            let mut edge = start;
            loop {
                seen[edge] = true;
                line.push(self.crossing(edge, level));
                match neighbours[edge].into_iter().find(|&e| e != NONE && !seen[e]) {
                    Some(next) => edge = next,
                    None => break,
                }
            }
            if line.len() > 2 && neighbours[edge].contains(&start) {
                line.push(line[0]);
            }
            lines.push(line);
        }
        for edge in edges {
            neighbours[edge] = [NONE; 2];
            seen[edge] = false;
        }
        lines
    }

    /// The pairs of edges that the line joins within a cell. Edges are numbered by the node at their lower end, first
    /// the horizontal ones, then the vertical ones.
    fn cell(&self, i: usize, j: usize, level: f64) -> [Option<(usize, usize)>; 2] {
        let corners = [self.at(i, j), self.at(i + 1, j), self.at(i + 1, j + 1), self.at(i, j + 1)];
        if corners.iter().any(|v| !v.is_finite()) {
            return [None, None];
        }
        let node = j * self.columns + i;
        let vertical = self.values.len();
        let (bottom, right) = (node, vertical + node + 1);
        let (top, left) = (node + self.columns, vertical + node);
        let case = (0..4).filter(|&c| corners[c] >= level).fold(0, |case, c| case | 1 << c);
        match case {
            1 | 14 => [Some((left, bottom)), None],
            2 | 13 => [Some((bottom, right)), None],
            4 | 11 => [Some((right, top)), None],
            8 | 7 => [Some((top, left)), None],
            3 | 12 => [Some((left, right)), None],
            6 | 9 => [Some((bottom, top)), None],
            5 | 10 => {
                // Opposite corners are above: the saddle of the bilinear interpolant says which pair is joined
                // (Nielson and Hamann 1991).
                let [a, b, c, d] = corners;
                let saddle = (a * c - b * d) / (a + c - b - d);
                if (saddle >= level) == (case == 5) {
                    [Some((left, top)), Some((bottom, right))]
                } else {
                    [Some((left, bottom)), Some((right, top))]
                }
            }
            _ => [None, None],
        }
    }

    fn crossing(&self, edge: usize, level: f64) -> P {
        let vertical = edge >= self.values.len();
        let node = edge % self.values.len();
        let (i, j) = (node % self.columns, node / self.columns);
        let a = self.at(i, j);
        let b = if vertical { self.at(i, j + 1) } else { self.at(i + 1, j) };
        let t = if a == b { 0.5 } else { ((level - a) / (b - a)).clamp(0.0, 1.0) };
        if vertical { (i as f64, j as f64 + t) } else { (i as f64 + t, j as f64) }
    }
}

/// Levels that show both shallow and deep structure: up to the highest critical value and a margin, half way between
/// equal steps of energy and equal shares of the area; above that with doubling steps.
pub(super) fn levels(values: &[f64], critical: &[f64]) -> Vec<f64> {
    const INNER: usize = 18;
    const OUTER: usize = 8;
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&lowest), Some(&highest)) = (sorted.first(), sorted.last()) else { return vec![] };
    let low_critical = critical.iter().copied().fold(f64::INFINITY, f64::min);
    let high_critical = critical.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Where the energy falls without bound, what lies far below the critical values counts no more than what lies above.
    let spread = high_critical - low_critical;
    let (mut low, mut cap) = (lowest.max(low_critical - spread), highest.min(high_critical + 0.4 * spread));
    let within = |low: f64, cap: f64| sorted.iter().copied().filter(|v| (low..=cap).contains(v)).collect();
    let mut inner: Vec<f64> = within(low, cap);
    // No critical points, or all at one height: two thirds of the area instead.
    if inner.len() <= sorted.len() / 500 {
        (low, cap) = (lowest, sorted[(sorted.len() - 1) * 2 / 3]);
        inner = within(low, cap);
    }
    let mut out = Vec::with_capacity(INNER + OUTER);
    if !inner.is_empty() {
        for k in 0..INNER {
            let share = (k as f64 + 0.5) / INNER as f64;
            let quantile = inner[((inner.len() - 1) as f64 * share) as usize];
            out.push(0.5 * quantile + 0.5 * (low + share * (cap - low)));
        }
        let mut step = out[INNER - 1] - out[INNER - 2];
        let mut next = out[INNER - 1];
        for _ in 0..OUTER {
            step *= 2.0;
            next += step;
            out.push(next);
        }
    }
    out.retain(|l| *l > lowest && *l < highest);
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(count: usize, f: impl Fn(f64, f64) -> f64) -> Grid {
        let at = |i: usize| -2.0 + 4.0 * i as f64 / (count - 1) as f64;
        let values = (0..count * count).map(|k| f(at(k % count), at(k / count))).collect();
        Grid { columns: count, rows: count, values }
    }

    #[test]
    fn a_bowl_has_one_closed_round_line() {
        let g = grid(81, |x, y| x * x + y * y);
        let lines = g.contours(&[1.0]).remove(0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        for (i, j) in &lines[0] {
            let (x, y) = (-2.0 + i / 20.0, -2.0 + j / 20.0);
            assert!((x.hypot(y) - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn a_double_well_splits_below_its_saddle() {
        // Saddle at energy 1 between the wells at (+-1, 0).
        let g = grid(121, |x, y| (x * x - 1.0).powi(2) + y * y);
        let closed = |level: f64| {
            let lines = g.contours(&[level]).remove(0);
            assert!(lines.iter().all(|l| l.first() == l.last()));
            lines.len()
        };
        assert_eq!(closed(0.9), 2);
        assert_eq!(closed(1.1), 1);
    }

    #[test]
    fn an_ambiguous_cell_follows_the_bilinear_saddle() {
        // Corners 1, 0, 1, 0 (around): the saddle is at 1/2, so that above it the two high corners are apart.
        let cell = Grid { columns: 2, rows: 2, values: vec![1.0, 0.0, 0.0, 1.0] };
        let sides = |level: f64| {
            let mut s: Vec<f64> =
                cell.contours(&[level])[0].iter().map(|l| (l[0].0 - l[1].0) * (l[0].1 - l[1].1)).collect();
            s.sort_by(f64::total_cmp);
            s
        };
        assert_eq!(sides(0.75).len(), 2);
        // Lines that cut off the high corners run downwards to the right, the others upwards.
        assert!(sides(0.75).iter().all(|s| *s < 0.0));
        assert!(sides(0.25).iter().all(|s| *s > 0.0));
    }

    #[test]
    fn holes_in_the_domain_are_left_out() {
        let g = grid(41, |x, y| if x > 0.5 { f64::NAN } else { x + y });
        assert!(g.contours(&[0.0])[0].iter().flatten().all(|p| p.0.is_finite() && p.1.is_finite()));
        assert!(levels(&[f64::NAN, f64::INFINITY], &[]).is_empty());
    }

    #[test]
    fn levels_rise_and_reach_beyond_the_critical_values() {
        let g = grid(81, |x, y| (x * x - 1.0).powi(2) + y * y);
        let l = levels(&g.values, &[0.0, 0.0, 1.0]);
        assert!(l.len() > 15 && l.windows(2).all(|w| w[0] < w[1]));
        assert!(l.iter().filter(|l| **l < 1.0).count() >= 6 && l[l.len() - 1] > 1.4);
        // Without critical values, or with values that differ only by rounding, the area decides.
        assert!(levels(&g.values, &[]).len() > 15);
        assert!(levels(&g.values, &[0.0, 1e-16]).len() > 15);
    }
}
