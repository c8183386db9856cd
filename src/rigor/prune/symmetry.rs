//! Systems whose zeros have symmetries: a search in one part of the domain, repeated by them.
//!
//! Let G be a finite group of orthogonal maps and v a point. In each orbit there is a point x with the largest `<v, x>`: it lies
//! in the Dirichlet domain `{x: <v, x> >= <v, g x> for all g in G}`. A box that misses this domain may be left out, as its
//! zeros are images of others; using only some g leaves out less.

use std::collections::BTreeSet;

use super::merge;
use crate::rigor::rounding::{add_up, mul_up};
use crate::rigor::{Interval, krawczyk::Zero};

/// Of larger groups only so many members are used.
const MEMBERS: usize = 50_000;
/// Rays by which the walls of the domain are found, for each dimension.
const RAYS: usize = 64;
/// Undecided boxes are repeated until they are so many; beyond, all of the domain is undecided.
const REPEATED: usize = 2048;

/// A permutation of coordinates with changes of sign: `(g x)_i = s_i x_(p_i)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedPermutation {
    places: Vec<usize>,
    negative: Vec<bool>,
}

impl SignedPermutation {
    /// The map that takes coordinate `places[i]` to place i, with its sign changed where `negative[i]`. `None` if `places` is
    /// no permutation of `0..n`, or `negative` has another length.
    pub fn new(places: Vec<usize>, negative: Vec<bool>) -> Option<Self> {
        let mut seen = vec![false; places.len()];
        for &p in &places {
            *seen.get_mut(p)? = true;
        }
        (seen.iter().all(|s| *s) && negative.len() == places.len()).then_some(Self { places, negative })
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.places.len()
    }

    /// The coordinate that comes to place i, and whether its sign changes.
    pub fn place(&self, i: usize) -> (usize, bool) {
        (self.places[i], self.negative[i])
    }

    /// The image of a point.
    pub fn map_point(&self, x: &[f64]) -> Vec<f64> {
        let signed = |(p, negative): (&usize, &bool)| if *negative { -x[*p] } else { x[*p] };
        self.places.iter().zip(&self.negative).map(signed).collect()
    }

    /// The image of a box.
    pub fn map(&self, x: &[Interval]) -> Vec<Interval> {
        let signed = |(p, negative): (&usize, &bool)| if *negative { -x[*p] } else { x[*p] };
        self.places.iter().zip(&self.negative).map(signed).collect()
    }

    /// First `self`, then `other`.
    fn then(&self, other: &Self) -> Self {
        let places = other.places.iter().map(|p| self.places[*p]).collect();
        let negative = other.places.iter().zip(&other.negative).map(|(p, s)| self.negative[*p] ^ s).collect();
        SignedPermutation { places, negative }
    }
}

/// The part of the domain that is searched.
pub(super) struct Domain {
    generators: Vec<SignedPermutation>,
    /// The domain is where the product with each of these is zero or more (they are exact).
    walls: Vec<Vec<f64>>,
    within: Vec<Interval>,
}

impl Domain {
    /// Of the generators those count that map `within` onto itself.
    pub(super) fn new(generators: &[SignedPermutation], within: &[Interval]) -> Self {
        let fits = |g: &&SignedPermutation| g.places.len() == within.len() && g.map(within) == within;
        let generators: Vec<SignedPermutation> = generators.iter().filter(fits).cloned().collect();
        let walls = if generators.is_empty() { Vec::new() } else { walls(&members(&generators)) };
        Domain { generators, walls, within: within.to_vec() }
    }

    /// Does the box certainly miss the domain?
    pub(super) fn excludes(&self, x: &[Interval]) -> bool {
        self.walls.iter().any(|wall| {
            let largest = wall.iter().zip(x).fold(0.0, |sum, (c, x)| {
                add_up(sum, if *c >= 0.0 { mul_up(*c, x.hi()) } else { mul_up(*c, x.lo()) })
            });
            largest < 0.0
        })
    }

    /// Repeats zeros and undecided boxes by the group.
    pub(super) fn unfold(&self, zeros: &mut Vec<Zero>, undecided: &mut Vec<Vec<Interval>>) {
        if self.generators.is_empty() {
            return;
        }
        let mut k = 0;
        while k < zeros.len() {
            for g in &self.generators {
                let image = Zero { enclosure: g.map(&zeros[k].enclosure), unique: g.map(&zeros[k].unique) };
                let same = |z: &Zero| {
                    merge::is_in(&image.enclosure, &z.unique) || merge::is_in(&z.enclosure, &image.unique)
                };
                if zeros.iter().any(same) {
                    continue;
                }
                if zeros.iter().any(|z| merge::meet(&z.enclosure, &image.enclosure)) {
                    undecided.push(image.enclosure);
                } else {
                    zeros.push(image);
                }
            }
            k += 1;
        }
        let mut hulls = merge::clusters(std::mem::take(undecided));
        let mut k = 0;
        while k < hulls.len() {
            for g in &self.generators {
                let image = g.map(&hulls[k]);
                if !hulls.iter().any(|hull| merge::is_in(&image, hull)) {
                    hulls.push(image);
                }
            }
            if hulls.len() > REPEATED {
                hulls = vec![self.within.clone()];
                break;
            }
            k += 1;
        }
        *undecided = hulls;
    }
}

/// The group's members, or some of them.
fn members(generators: &[SignedPermutation]) -> Vec<SignedPermutation> {
    let mut seen: BTreeSet<SignedPermutation> = generators.iter().cloned().collect();
    let mut list: Vec<SignedPermutation> = seen.iter().cloned().collect();
    let mut k = 0;
    while k < list.len() && list.len() < MEMBERS {
        for g in generators {
            let product = list[k].then(g);
            if seen.insert(product.clone()) {
                list.push(product);
            }
        }
        k += 1;
    }
    list
}

/// Coefficients of `<v, x> - <v, g x>` for those g that bound the domain, found where rays from v leave it.
fn walls(group: &[SignedPermutation]) -> Vec<Vec<f64>> {
    let n = group[0].places.len();
    // Generic, and multiples of 2^-30, so that differences are exact.
    let unit = f64::from(1 << 30);
    let v: Vec<f64> =
        (1..=n).map(|j| 1.0 + ((j as f64 * 0.618_033_988_749_894_9).fract() * unit).floor() / unit).collect();
    let mut planes: Vec<Vec<f64>> = group
        .iter()
        .map(|g| {
            let mut plane = v.clone();
            for i in 0..n {
                plane[g.places[i]] -= if g.negative[i] { -v[i] } else { v[i] };
            }
            plane
        })
        .filter(|plane| plane.iter().any(|c| *c != 0.0))
        .collect();
    planes.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut walls = BTreeSet::new();
    for _ in 0..RAYS * n {
        let ray: Vec<f64> = (0..n)
            .map(|_| {
                // A xorshift generator (Marsaglia 2003): which walls are missed by chance decides about speed only.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
            })
            .collect();
        let exit = |plane: &Vec<f64>| {
            let fall = -dot(plane, &ray);
            if fall > 0.0 { dot(plane, &v) / fall } else { f64::INFINITY }
        };
        let first = (0..planes.len()).min_by(|a, b| exit(&planes[*a]).total_cmp(&exit(&planes[*b])));
        walls.extend(first);
    }
    walls.into_iter().map(|k| planes[k].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flips(n: usize) -> Vec<SignedPermutation> {
        let flip = |j: usize| SignedPermutation {
            places: (0..n).collect(),
            negative: (0..n).map(|i| i == j).collect(),
        };
        (0..n).map(flip).collect()
    }

    fn x(lo: f64, hi: f64) -> Vec<Interval> {
        vec![Interval::new(lo, hi)]
    }

    fn unfolded(zeros: &[Zero], undecided: &[Vec<Interval>]) -> (Vec<Zero>, Vec<Vec<Interval>>) {
        let (mut zeros, mut undecided) = (zeros.to_vec(), undecided.to_vec());
        Domain::new(&flips(1), &x(-9.0, 9.0)).unfold(&mut zeros, &mut undecided);
        (zeros, undecided)
    }

    #[test]
    fn every_orbit_has_a_point_that_is_searched() {
        let turn = SignedPermutation::new(vec![1, 0], vec![true, false]).unwrap();
        let half_turn = turn.then(&turn);
        assert_eq!(half_turn.map_point(&[1.0, 2.0]), [-1.0, -2.0]);
        assert_eq!(half_turn.then(&turn).map_point(&[1.0, 2.0]), [2.0, -1.0]);
        let swap = SignedPermutation::new(vec![1, 0], vec![true, true]).unwrap();
        let within = [Interval::new(-9.0, 9.0), Interval::new(-9.0, 9.0)];
        for generators in [vec![turn.clone()], vec![swap.clone()], vec![turn, swap], flips(2)] {
            let group = members(&generators);
            let domain = Domain::new(&generators, &within);
            let mut excluded = 0;
            for (a, b) in (-4..=4).flat_map(|a| (-4..=4).map(move |b| (f64::from(a), f64::from(b)))) {
                for width in [0.0, 0.5] {
                    let point = [Interval::new(a, a + width), Interval::new(b - width, b)];
                    let left = |g: &SignedPermutation| !domain.excludes(&g.map(&point));
                    assert!(!domain.excludes(&point) || group.iter().any(left), "{generators:?} {a} {b}");
                    excluded += usize::from(domain.excludes(&point));
                }
            }
            assert!(excluded > 0);
        }
        // On a wall: a point that is its own image.
        assert!(!Domain::new(&flips(1), &x(-9.0, 9.0)).excludes(&[Interval::ZERO]));
    }

    #[test]
    fn maps_are_permutations() {
        assert!(SignedPermutation::new(vec![0, 0], vec![false; 2]).is_none());
        assert!(SignedPermutation::new(vec![0, 2], vec![false; 2]).is_none());
        assert!(SignedPermutation::new(vec![0, 1], vec![false; 3]).is_none());
    }

    #[test]
    fn images_are_other_zeros_the_same_or_neither() {
        let zero = |e: [f64; 2], u: [f64; 2]| Zero { enclosure: x(e[0], e[1]), unique: x(u[0], u[1]) };
        // Another one although boxes of uniqueness overlap; the same one; an overlap that tells nothing.
        let (zeros, undecided) = unfolded(&[zero([0.1, 0.2], [-0.05, 0.5])], &[]);
        assert!(zeros.len() == 2 && zeros[1].enclosure == x(-0.2, -0.1) && undecided.is_empty());
        let (zeros, undecided) = unfolded(&[zero([-0.1, 0.2], [-0.3, 0.5])], &[]);
        assert!(zeros.len() == 1 && undecided.is_empty());
        let (zeros, undecided) = unfolded(&[zero([-0.1, 0.2], [-0.15, 0.25])], &[]);
        assert!(zeros.len() == 1 && undecided.iter().any(|u| u[0].contains(-0.2) && u[0].contains(0.1)));
    }

    #[test]
    fn undecided_boxes_are_repeated_too() {
        for (lo, hi) in [(1.0, 2.0), (-0.5, 2.0)] {
            let (_, undecided) = unfolded(&[], &[x(lo, hi)]);
            for point in [lo, hi, -lo, -hi] {
                assert!(undecided.iter().any(|u| u[0].contains(point)), "{undecided:?}");
            }
        }
        // 2^12 images are too many to be listed.
        let within = vec![Interval::new(-9.0, 9.0); 12];
        let mut undecided = vec![vec![Interval::new(1.0, 2.0); 12]];
        Domain::new(&flips(12), &within).unfold(&mut Vec::new(), &mut undecided);
        assert_eq!(undecided, vec![within]);
    }
}
