//! Triangles in R^n: areas, angles, and the flips that make a mesh Delaunay.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

fn side(points: &[Vec<f64>], a: usize, b: usize) -> Vec<f64> {
    points[a].iter().zip(&points[b]).map(|(a, b)| b - a).collect()
}

/// Area of a triangle.
pub(super) fn area(points: &[Vec<f64>], [a, b, c]: [usize; 3]) -> f64 {
    let (u, v) = (side(points, a, b), side(points, a, c));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    0.5 * (dot(&u, &u) * dot(&v, &v) - dot(&u, &v).powi(2)).max(0.0).sqrt()
}

/// The angle at `a` of a triangle.
pub(super) fn angle(points: &[Vec<f64>], a: usize, b: usize, c: usize) -> f64 {
    let (u, v) = (side(points, a, b), side(points, a, c));
    let dot: f64 = u.iter().zip(&v).map(|(x, y)| x * y).sum();
    (2.0 * area(points, [a, b, c])).atan2(dot)
}

/// The edges of a triangle, the lower vertex first.
pub(super) fn edges(t: &[usize; 3]) -> [(usize, usize); 3] {
    [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])].map(|(a, b)| (a.min(b), a.max(b)))
}

/// The smallest cosine of the angle between the normals of two triangles on either side of an edge that may be flipped:
/// beyond, the surface bends too much for angles in its triangles to mean anything.
const FLAT: f64 = 0.3;

/// Flips edges between two triangles whose angles opposite to it add up to more than 180 degrees, and unfolds. An edge with other
/// than two triangles, or whose flip would double another edge, stays.
pub(super) fn flip(points: &[Vec<f64>], triangles: &mut [[usize; 3]]) {
    let mut at: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (k, t) in triangles.iter().enumerate() {
        edges(t).into_iter().for_each(|e| at.entry(e).or_default().push(k));
    }
    let mut queue: VecDeque<(usize, usize)> = at.keys().copied().collect();
    let mut waiting: BTreeSet<(usize, usize)> = queue.iter().copied().collect();
    // Flips end in the plane; on a curved surface rounding might make them turn in circles.
    let mut left = 20 * queue.len();
    while let Some(edge) = queue.pop_front() {
        waiting.remove(&edge);
        left = match left.checked_sub(1) {
            Some(left) => left,
            None => break,
        };
        let Some(&[p, q]) = at.get(&edge).map(Vec::as_slice) else { continue };
        // Turned so that the first has a -> b, the second b -> a.
        let Some(turn) = (0..3).find(|i| (triangles[p][*i], triangles[p][(i + 1) % 3]) == edge) else {
            // The other way round in the first: then the second has it this way.
            if let Some(pair) = at.get_mut(&edge)
                && (0..3).any(|i| (triangles[q][i], triangles[q][(i + 1) % 3]) == edge)
            {
                pair.swap(0, 1);
                queue.push_back(edge);
            }
            continue;
        };
        let (a, b) = edge;
        let c = triangles[p][(turn + 2) % 3];
        let Some(d) = triangles[q].iter().copied().find(|v| *v != a && *v != b) else { continue };
        let doubled = at.get(&(c.min(d), c.max(d))).is_some_and(|t| !t.is_empty());
        if c == d || doubled {
            continue;
        }
        if bent(points, a, b, c, d) {
            // A fold that the front left goes if that leaves less surface.
            let before = area(points, triangles[p]) + area(points, triangles[q]);
            if !(area(points, [a, d, c]) + area(points, [d, b, c]) < 0.999 * before) {
                continue;
            }
        } else {
            let sum = angle(points, c, a, b) + angle(points, d, a, b);
            let convex = |v: usize, other: usize| {
                angle(points, v, c, other) + angle(points, v, d, other) < std::f64::consts::PI
            };
            if !(sum > std::f64::consts::PI + 1e-9 && convex(a, b) && convex(b, a)) {
                continue;
            }
        }
        let (new_p, new_q) = ([a, d, c], [d, b, c]);
        triangles[p] = new_p;
        triangles[q] = new_q;
        at.remove(&edge);
        at.insert((c.min(d), c.max(d)), vec![p, q]);
        let mut replace = |x: usize, y: usize, from: usize, to: usize| {
            if let Some(list) = at.get_mut(&(x.min(y), x.max(y))) {
                list.iter_mut().filter(|t| **t == from).for_each(|t| *t = to);
            }
        };
        // Edge a-d was in q and is in p; b-c was in p and is in q.
        replace(a, d, q, p);
        replace(b, c, p, q);
        for (x, y) in [(a, d), (d, b), (b, c), (c, a)] {
            let e = (x.min(y), x.max(y));
            if waiting.insert(e) {
                queue.push_back(e);
            }
        }
    }
}

/// Are the triangles a-b-c and a-b-d inclined to each other too much?
fn bent(points: &[Vec<f64>], a: usize, b: usize, c: usize, d: usize) -> bool {
    let along = side(points, a, b);
    let square: f64 = along.iter().map(|v| v * v).sum();
    let foot = |v: usize| {
        let u = side(points, a, v);
        let share = u.iter().zip(&along).map(|(u, w)| u * w).sum::<f64>() / square;
        u.iter().zip(&along).map(|(u, w)| u - share * w).collect::<Vec<f64>>()
    };
    let (u, v) = (foot(c), foot(d));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    // In a flat surface they point away from each other.
    let sizes = (dot(&u, &u) * dot(&v, &v)).sqrt();
    -dot(&u, &v) < FLAT * sizes
}

/// Numbers the vertices that are used anew, in their order; returns the old numbers.
pub(super) fn compress(triangles: &mut [[usize; 3]], count: usize) -> Vec<usize> {
    let mut new = vec![usize::MAX; count];
    triangles.iter().flatten().for_each(|v| new[*v] = 0);
    let mut used = vec![];
    for (old, new) in new.iter_mut().enumerate().filter(|(_, new)| **new == 0) {
        *new = used.len();
        used.push(old);
    }
    triangles.iter_mut().flatten().for_each(|v| *v = new[*v]);
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_is_undone() {
        // The third point of the first triangle lies inside the second, on whose edge it should lie outside.
        let points: Vec<Vec<f64>> =
            [[0.0, 0.0], [1.0, 0.0], [0.5, 0.3], [0.5, 1.0]].iter().map(|p| p.to_vec()).collect();
        let mut triangles = [[0, 1, 3], [1, 0, 2]];
        flip(&points, &mut triangles);
        let total: f64 = triangles.iter().map(|t| area(&points, *t)).sum();
        assert!((total - 0.35).abs() < 1e-12, "{total}");
    }

    #[test]
    fn a_fan_of_needles_becomes_delaunay() {
        // Two rows of points, joined as badly as can be: all of the lower row from one upper point.
        let count = 12;
        let mut points: Vec<Vec<f64>> = (0..count).map(|i| vec![f64::from(i), 0.0, 0.0]).collect();
        points.extend((0..count).map(|i| vec![f64::from(i) + 0.3, 1.0, 0.0]));
        let count = count as usize;
        let mut triangles: Vec<[usize; 3]> = (0..count - 1).map(|i| [i, i + 1, count]).collect();
        triangles.extend((0..count - 1).map(|i| [count - 1, count + i + 1, count + i]));
        let total: f64 = triangles.iter().map(|t| area(&points, *t)).sum();
        flip(&points, &mut triangles);
        let after: f64 = triangles.iter().map(|t| area(&points, *t)).sum();
        assert!((total - after).abs() < 1e-12 && (total - 11.0).abs() < 1e-12);
        let longest = triangles
            .iter()
            .flat_map(edges)
            .map(|(a, b)| side(&points, a, b).iter().map(|v| v * v).sum::<f64>().sqrt())
            .fold(0.0, f64::max);
        assert!(longest < 1.3, "{longest}");
        // Each directed edge once: still turned the same way round.
        let mut directed: Vec<(usize, usize)> =
            triangles.iter().flat_map(|t| [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])]).collect();
        directed.sort_unstable();
        assert!(directed.windows(2).all(|w| w[0] != w[1]));
    }
}
