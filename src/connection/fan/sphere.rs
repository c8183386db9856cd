//! All orbits of a sphere of directions that run into a point which orbits leave in one direction less.
//!
//! In: the orbits that leave a point with d + 1 directions to leave in, d >= 2. Out: those among them that end at points with d, which
//! are isolated on the sphere.
//!
//! Where the orbits are when they come down to the energy of a target q gives a map of the sphere into q's leaving coordinates, and an
//! orbit into q is a zero of it. It is known at the vertices of a triangulation and taken to be affine between them: a simplex
//! whose image holds the origin, or nearly so, and does not pass q at a distance larger than itself, may hold a zero. Its edges
//! are halved, the longest first as the image sees it, until one of its vertices leads by q so closely that Newton's method takes over
//! (`root.rs`), or the simplex is seen to miss q. Where orbits part without a target between them the image shrinks to few
//! points, in whose hull the origin does not lie.

use std::collections::{BTreeSet, VecDeque};

use faer::Mat;

use super::mesh::{Mesh, pairs};
use super::ray::Rays;
use super::root::{self, Goal, Root, inverse_times};
use super::shot::{Gun, Shot};
use crate::connection::orbits::Trace;
use crate::linalg::{distance, norm};

/// Longest edge of the first triangulation, where a circle would have 32 starts.
const EDGE: f64 = 0.55;

/// Orbits that may be spent on one sphere.
const BUDGET: usize = 30_000;

/// Barycentric coordinates of the origin in an image that are above minus this: it may be inside.
const MARGIN: f64 = 0.25;

/// A simplex whose image is further from a target than this many times its own diameter passes it.
const PASSING: f64 = 1.5;

/// Edges shorter than this share of the longest are not split before it.
const FLAT: f64 = 1.0 / 16.0;

/// Barycentric coordinates of a root above minus these: it lies in a simplex, or beside it.
const INSIDE: f64 = 0.1;
const BESIDE: f64 = 0.6;

/// Of two orbits into the same target one is the other if they start as near together as this and the one would miss by less than
/// this share of the radius in which the flow is linear.
const SAME: f64 = 0.1;

/// Simplices with no longer edge are not split any more.
const SMALLEST: f64 = 1e-8;

/// Misses of a stable manifold below this, relative to the scale, are hits; the other is what is accepted where rounding lets
/// them become no smaller.
const HIT: f64 = 1e-11;
const ENOUGH: f64 = 1e-8;

/// A target is looked for in vain so many times.
const IN_VAIN: usize = 20;

/// What was found on the sphere.
pub(super) enum Find {
    /// A connection to a target (its place), from the direction in the coordinates along the modes. `sign` is that of the determinant
    /// of the derivative of the target's leaving coordinates by the sphere's; `gap` is the miss relative to the scale.
    Connection { target: usize, sign: i8, gap: f64, direction: Vec<f64>, trace: Trace },
    /// An orbit to a point that it should not meet.
    Touching { id: usize, gap: f64, trace: Trace },
    /// Orbits part, and it is not known where.
    Unresolved { trace: Trace, reason: String },
}

/// All of them. `spokes` tells how fine the first triangulation is: as for a circle with so many starts.
pub(super) fn over(rays: &Rays<'_>, spokes: usize) -> Vec<Find> {
    let d = rays.place.nodes[rays.id].leaving(rays.backward).len() - 1;
    let gun = Gun::new(rays);
    let mut longest = EDGE * (32.0 / spokes as f64).sqrt();
    let mesh = loop {
        match Mesh::sphere(d, longest, BUDGET / 3) {
            Some(mesh) => break mesh,
            None => longest *= 1.2,
        }
    };
    let shots = mesh.points.iter().map(|u| gun.shoot(u)).collect();
    let roots = rays.targets.iter().map(|_| vec![]).collect();
    let failed = vec![0; rays.targets.len()];
    let mut search = Search { gun, mesh, shots, roots, tried: BTreeSet::new(), failed, finds: vec![], d };
    search.run();
    search.finish()
}

struct Search<'a> {
    gun: Gun<'a>,
    mesh: Mesh,
    /// What became of the orbit from each vertex.
    shots: Vec<Shot>,
    /// For each target the orbits into it.
    roots: Vec<Vec<Root>>,
    /// Vertices from which a target was looked for.
    tried: BTreeSet<(usize, usize)>,
    /// For each target how often it was looked for in vain.
    failed: Vec<usize>,
    finds: Vec<Find>,
    d: usize,
}

/// How a simplex may hold an orbit into a target.
struct Candidate {
    target: usize,
    /// The sign of the affine map, if the origin is inside of the image.
    inside: Option<i8>,
    /// The image's vertices, in whitened coordinates about the target.
    image: Vec<Vec<f64>>,
}

impl Search<'_> {
    fn run(&mut self) {
        let mut queue: VecDeque<usize> = (0..self.mesh.count()).collect();
        let mut left: BTreeSet<usize> = BTreeSet::new();
        while let Some(id) = queue.pop_front() {
            let Some(corners) = self.mesh.simplex(id).cloned() else { continue };
            let Some(candidate) = self.open(&corners) else { continue };
            if self.gun.spent() > BUDGET {
                let reason =
                    format!("the orbits that leave it part in more ways than {BUDGET} of them could tell");
                self.finds
                    .push(Find::Unresolved { trace: self.gun.trace(&self.mesh.points[corners[0]]), reason });
                return;
            }
            let longest = pairs(&corners).iter().map(|&(a, b)| self.mesh.length(a, b)).fold(0.0, f64::max);
            if longest < SMALLEST {
                if left.insert(candidate.target) {
                    self.give_up(&corners);
                }
                continue;
            }
            let (a, b) = self.widest(&corners, &candidate, longest);
            queue.extend(self.mesh.split(a, b));
            if let Some(middle) = self.mesh.points.last() {
                self.shots.push(self.gun.shoot(middle));
            }
        }
    }

    /// The first target that the simplex may hold an orbit into, apart from those that are known.
    fn open(&mut self, corners: &[usize]) -> Option<Candidate> {
        for t in 0..self.gun.rays.targets.len() {
            let pass = corners.iter().all(|&v| self.shots[v].misses[t].is_some());
            if let Some(candidate) = self.candidate(corners, t) {
                if self.is_explained(corners, &candidate, pass) {
                    // Orbits so near to one that ends at a target follow its unstable manifold: they meet no other.
                    if pass && self.holds_root(corners, t, INSIDE) {
                        return None;
                    }
                    continue;
                }
                self.look_for(corners, t);
                if !self.is_explained(corners, &candidate, pass) {
                    return Some(candidate);
                }
            }
        }
        None
    }

    /// Does a simplex's image hold the origin of the target's leaving coordinates, or nearly so?
    fn candidate(&self, corners: &[usize], t: usize) -> Option<Candidate> {
        let rays = self.gun.rays;
        let node = &rays.place.nodes[rays.targets[t]];
        let leaving = node.leaving(rays.backward);
        let turns = rays.place.reduced.is_none() && rays.place.region.is_periodic();
        // On a torus the target has many images; those nearest to the vertices count.
        let bases = if turns { corners } else { &corners[..1] };
        let mut seen: Vec<Vec<f64>> = vec![];
        for &base in bases {
            let from = &self.shots[base].at[t];
            let shift = rays.place.difference(&node.x, from);
            let target: Vec<f64> = from.iter().zip(&shift).map(|(x, s)| x - s).collect();
            if seen.iter().any(|s| distance(s, &target) < 1e-6 * rays.place.scale()) {
                continue;
            }
            let place = |v: &usize| -> Option<Vec<f64>> {
                let x = &self.shots[*v].at[t];
                rays.whitened(t, x.iter().zip(&target).map(|(x, q)| x - q).collect())
            };
            let image: Vec<Vec<f64>> = corners.iter().map(place).collect::<Option<_>>()?;
            seen.push(target);
            // Where an orbit left the region is not where it would have come by.
            let whole = corners.iter().all(|&v| !self.shots[v].left[t]);
            if let Some(inside) = self.reaches(corners, &image, leaving.clone(), whole) {
                return Some(Candidate { target: t, inside, image });
            }
        }
        None
    }

    /// `None` if the image keeps clear of the origin, or if it is whole passes it; else the sign of the affine map, if the origin is
    /// inside.
    fn reaches(
        &self,
        corners: &[usize],
        image: &[Vec<f64>],
        leaving: std::ops::Range<usize>,
        whole: bool,
    ) -> Option<Option<i8>> {
        let d = self.d;
        let widened = (d + 1) as f64 * MARGIN;
        for i in leaving.clone() {
            let (low, high) =
                image.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), a| (l.min(a[i]), h.max(a[i])));
            if low - widened * (high - low) > 0.0 || high + widened * (high - low) < 0.0 {
                return None;
            }
        }
        let system = Mat::from_fn(d + 1, d + 1, |i, j| if i < d { image[j][leaving.start + i] } else { 1.0 });
        let mut right = vec![0.0; d + 1];
        right[d] = 1.0;
        let shares = inverse_times(&system, &right)?;
        let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
        if !(least >= -MARGIN) {
            return None;
        }
        let clear = (0..image[0].len())
            .map(|i| shares.iter().zip(image).map(|(c, a)| c * a[i]).sum::<f64>())
            .collect::<Vec<f64>>();
        let wide = |a: &Vec<f64>| image.iter().map(|b| distance(a, b)).fold(0.0, f64::max);
        let diameter = image.iter().map(wide).fold(0.0, f64::max);
        if whole && norm(&clear) > PASSING * diameter {
            return None;
        }
        if least < 0.0 {
            return Some(None);
        }
        let places = Mat::from_fn(d + 1, d + 1, |i, j| self.mesh.points[corners[j]][i]);
        // The row of ones last instead of first: d transpositions.
        let turn = if d.is_multiple_of(2) { 1.0 } else { -1.0 };
        let positive = turn * system.determinant() * places.determinant() > 0.0;
        Some(Some(if positive { 1 } else { -1 }))
    }

    /// Is there a known orbit into the target in the simplex or beside it, as the image lets one expect?
    fn is_explained(&self, corners: &[usize], candidate: &Candidate, pass: bool) -> bool {
        let t = candidate.target;
        match candidate.inside {
            None => self.holds_root(corners, t, BESIDE),
            Some(_) if pass => self.holds_root(corners, t, BESIDE),
            Some(sign) => self.roots[t]
                .iter()
                .any(|root| root.sign == sign && self.least_share(corners, &root.u) >= -INSIDE),
        }
    }

    fn holds_root(&self, corners: &[usize], t: usize, margin: f64) -> bool {
        self.roots[t].iter().any(|root| self.least_share(corners, &root.u) >= -margin)
    }

    /// The least barycentric coordinate of a direction in a simplex.
    fn least_share(&self, corners: &[usize], u: &[f64]) -> f64 {
        let d = self.d;
        let places = Mat::from_fn(d + 1, d + 1, |i, j| self.mesh.points[corners[j]][i]);
        let Some(shares) = inverse_times(&places, u) else { return f64::NEG_INFINITY };
        let sum: f64 = shares.iter().sum();
        if sum > 0.0 { shares.iter().copied().fold(f64::INFINITY, f64::min) / sum } else { f64::NEG_INFINITY }
    }

    /// Looks for an orbit into the target from the vertex that leads nearest by it.
    fn look_for(&mut self, corners: &[usize], t: usize) {
        let size = |v: usize| self.shots[v].misses[t].as_ref().map(|m| norm(m));
        let nearest = corners
            .iter()
            .filter_map(|&v| Some((size(v)?, v)))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let Some((_, v)) = nearest else { return };
        if self.failed[t] >= IN_VAIN || !self.tried.insert((v, t)) {
            return;
        }
        let lengths: Vec<f64> = pairs(corners).iter().map(|&(a, b)| self.mesh.length(a, b)).collect();
        let (shortest, longest) =
            lengths.iter().fold((f64::INFINITY, 0.0_f64), |(s, l), x| (s.min(*x), l.max(*x)));
        let scale = self.gun.rays.place.scale();
        let goal = Goal {
            target: t,
            reach: 3.0 * longest,
            spread: 1e-3 * shortest,
            hit: HIT * scale,
            enough: ENOUGH * scale,
        };
        let found = root::solve(&self.gun, &goal, &self.mesh.points[v]);
        let Some(root) = found else {
            self.failed[t] += 1;
            return;
        };
        let near = SAME * self.gun.rays.place.nodes[self.gun.rays.targets[t]].linear;
        let known =
            self.roots[t].iter_mut().find(|k| distance(&k.u, &root.u) < SAME && k.miss(&root.u) < near);
        match known {
            Some(known) if root.gap < known.gap => *known = root,
            Some(_) => {}
            None => self.roots[t].push(root),
        }
    }

    /// The edge to split: the longest in the image, but none that is much shorter than the others on the sphere.
    fn widest(&self, corners: &[usize], candidate: &Candidate, longest: f64) -> (usize, usize) {
        let mut best = (f64::NEG_INFINITY, (corners[0], corners[1]));
        for (i, &a) in corners.iter().enumerate() {
            for (j, &b) in corners.iter().enumerate().skip(i + 1) {
                let wide = distance(&candidate.image[i], &candidate.image[j]);
                if self.mesh.length(a, b) >= FLAT * longest && wide > best.0 {
                    best = (wide, (a, b));
                }
            }
        }
        best.1
    }

    /// Orbits that can't be told apart and part.
    fn give_up(&mut self, corners: &[usize]) {
        let beside = |root: &Root| distance(&root.u, &self.mesh.points[corners[0]]) < 1e2 * SMALLEST;
        if self.roots.iter().flatten().any(beside) {
            // At the edge of what is known.
            return;
        }
        let trace = self.gun.trace(&self.mesh.points[corners[0]]);
        let met: Vec<_> = corners.iter().filter_map(|&v| self.shots[v].met).collect();
        let find = match met.first() {
            Some(&(id, _)) if met.len() == corners.len() && met.iter().all(|m| m.0 == id && m.1 < ENOUGH) => {
                let gap = met.iter().map(|m| m.1).fold(0.0, f64::max);
                Find::Touching { id, gap, trace }
            }
            _ => {
                let reason = "orbits beside it part, and it could not be told where".to_string();
                Find::Unresolved { trace, reason }
            }
        };
        self.finds.push(find);
    }

    fn finish(mut self) -> Vec<Find> {
        let scale = self.gun.rays.place.scale();
        if let Some(v) = self.shots.iter().position(|s| s.verdict.is_none()) {
            let reason = "an orbit that leaves it came to no end".to_string();
            self.finds.push(Find::Unresolved { trace: self.gun.trace(&self.mesh.points[v]), reason });
        }
        for (target, roots) in self.roots.iter().enumerate() {
            for root in roots {
                self.finds.push(Find::Connection {
                    target,
                    sign: root.sign,
                    gap: root.gap / scale,
                    direction: self.gun.direction(&root.u),
                    trace: self.gun.trace(&root.u),
                });
            }
        }
        self.finds
    }
}
