//! A triangulated sphere that is refined by bisecting edges.
//!
//! In: its dimension d and how long edges may be. Out: vertices, unit vectors of d + 1 coordinates, and simplices of d + 1
//! vertices each. An edge is split in all simplices about it at once, so that the triangulation stays one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::linalg::norm;

/// Irrational: vertices do not lie where a symmetry of the landscape singles directions out.
const TURN: f64 = 0.437_016_024_448;

pub(super) struct Mesh {
    pub(super) points: Vec<Vec<f64>>,
    simplices: Vec<Option<Vec<usize>>>,
    /// The simplices about each edge (lower vertex first).
    around: BTreeMap<(usize, usize), Vec<usize>>,
}

impl Mesh {
    /// The boundary of a cross-polytope, turned, its longest edges bisected until none is longer than `longest`; `None` if that
    /// takes more than `most` vertices.
    pub(super) fn sphere(d: usize, longest: f64, most: usize) -> Option<Mesh> {
        let mut mesh = Mesh { points: vec![], simplices: vec![], around: BTreeMap::new() };
        for i in 0..=d {
            let mut axis = vec![0.0; d + 1];
            axis[i] = 1.0;
            turn(&mut axis);
            mesh.points.push(axis.clone());
            mesh.points.push(axis.iter().map(|a| -a).collect());
        }
        for signs in 0..1_usize << (d + 1) {
            mesh.add((0..=d).map(|i| 2 * i + ((signs >> i) & 1)).collect());
        }
        // Positive numbers are ordered as their bits are.
        let entry = |mesh: &Mesh, a: usize, b: usize| (mesh.length(a, b).to_bits(), Reverse(edge(a, b)));
        let mut edges: BinaryHeap<_> = mesh.around.keys().map(|&(a, b)| entry(&mesh, a, b)).collect();
        while let Some((length, Reverse((a, b)))) = edges.pop() {
            if f64::from_bits(length) <= longest {
                break;
            }
            if !mesh.around.contains_key(&(a, b)) {
                continue;
            }
            let new = mesh.split(a, b);
            let middle = mesh.points.len() - 1;
            if mesh.points.len() > most {
                return None;
            }
            let mut link: Vec<usize> = new
                .iter()
                .filter_map(|&s| mesh.simplex(s))
                .flatten()
                .copied()
                .filter(|&v| v != middle)
                .collect();
            link.sort_unstable();
            link.dedup();
            edges.extend(link.iter().map(|&v| entry(&mesh, v, middle)));
        }
        Some(mesh)
    }

    /// The simplices that have ever been, by number.
    pub(super) fn count(&self) -> usize {
        self.simplices.len()
    }

    /// The vertices of a simplex; `None` if it has been split.
    pub(super) fn simplex(&self, id: usize) -> Option<&Vec<usize>> {
        self.simplices[id].as_ref()
    }

    /// The length of the chord between two vertices.
    pub(super) fn length(&self, a: usize, b: usize) -> f64 {
        let difference: Vec<f64> = self.points[a].iter().zip(&self.points[b]).map(|(a, b)| a - b).collect();
        norm(&difference)
    }

    /// Halves an edge, and with it the simplices about it. The new vertex comes last; returns the new simplices.
    pub(super) fn split(&mut self, a: usize, b: usize) -> Vec<usize> {
        let sum: Vec<f64> = self.points[a].iter().zip(&self.points[b]).map(|(a, b)| a + b).collect();
        let size = norm(&sum);
        let middle = self.points.len();
        self.points.push(sum.iter().map(|s| s / size).collect());
        let mut new = vec![];
        for id in self.around.get(&edge(a, b)).cloned().unwrap_or_default() {
            let Some(corners) = self.simplices[id].take() else { continue };
            for pair in pairs(&corners) {
                if let Some(list) = self.around.get_mut(&pair) {
                    list.retain(|&s| s != id);
                    if list.is_empty() {
                        self.around.remove(&pair);
                    }
                }
            }
            for old in [a, b] {
                let half = corners.iter().map(|&v| if v == old { middle } else { v }).collect();
                new.push(self.add(half));
            }
        }
        new
    }

    fn add(&mut self, corners: Vec<usize>) -> usize {
        let id = self.simplices.len();
        for pair in pairs(&corners) {
            self.around.entry(pair).or_default().push(id);
        }
        self.simplices.push(Some(corners));
        id
    }
}

fn edge(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// The edges of a simplex.
pub(super) fn pairs(corners: &[usize]) -> Vec<(usize, usize)> {
    let from = |i: usize| corners[i + 1..].iter().map(move |&b| edge(corners[i], b));
    (0..corners.len()).flat_map(from).collect()
}

/// A rotation in every plane of two axes.
fn turn(v: &mut [f64]) {
    for i in 0..v.len() {
        for j in i + 1..v.len() {
            let (s, c) = (TURN * (1.0 + 0.618 * i as f64 + 0.414 * j as f64)).sin_cos();
            (v[i], v[j]) = (c * v[i] - s * v[j], s * v[i] + c * v[j]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each face of a simplex belongs to one other, no edge is too long, and the spherical areas add up to the whole.
    #[test]
    fn triangulations_are_spheres() {
        for (d, longest) in [(2, 0.5), (2, 0.2), (3, 0.7)] {
            let mesh = Mesh::sphere(d, longest, 10_000).expect("few enough");
            let alive: Vec<&Vec<usize>> = (0..mesh.count()).filter_map(|s| mesh.simplex(s)).collect();
            let mut faces: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
            for s in &alive {
                for (a, b) in pairs(s) {
                    assert!(mesh.length(a, b) <= longest);
                }
                for i in 0..=d {
                    let mut face: Vec<usize> = s.iter().copied().filter(|v| *v != s[i]).collect();
                    face.sort_unstable();
                    *faces.entry(face).or_default() += 1;
                }
            }
            assert!(faces.values().all(|n| *n == 2));
            if d == 2 {
                // Euler's formula.
                assert_eq!(mesh.points.len() + alive.len(), mesh.around.len() + 2);
                let area: f64 = alive.iter().map(|s| solid_angle(&mesh, s)).sum();
                assert!((area - 4.0 * std::f64::consts::PI).abs() < 1e-10, "{area}");
            }
        }
        assert!(Mesh::sphere(2, 0.1, 100).is_none());
    }

    /// Van Oosterom and Strackee's formula.
    fn solid_angle(mesh: &Mesh, s: &[usize]) -> f64 {
        let [a, b, c] = [&mesh.points[s[0]], &mesh.points[s[1]], &mesh.points[s[2]]];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let volume = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0]);
        2.0 * volume.abs().atan2(1.0 + dot(a, b) + dot(b, c) + dot(c, a))
    }
}
