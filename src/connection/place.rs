//! The landscape in search coordinates with its critical points: their modes, the balls that no orbit leaves, and where the
//! flow is nearly linear.

use faer::Mat;
use rayon::prelude::*;

use super::orbits::Task;
use crate::critical::CriticalSet;
use crate::flow::Flow;
use crate::flow::linear;
use crate::flow::trap::positive_radius;
use crate::landscape::{Landscape, Reduced, Region};
use crate::linalg::{column, column_mut, distance, orient, symmetric_eigen};

/// Up to this dimension all modes of a saddle are computed.
const DENSE: usize = 2500;

/// The same for a flow that is no Euclidean gradient, whose modes cost many times more.
const DENSE_FLOW: usize = 800;

/// Eigenvalues, eigenvectors, and the dual basis if it is another.
type Spectrum = (Vec<f64>, Mat<f64>, Option<Mat<f64>>);

/// An orbit of a field that rests within this share of the scale of a degenerate point has come to it.
const CLOSE: f64 = 0.02;

/// So many points are looked at after each step of an orbit, until another one may have come near.
const NEAREST: usize = 12;

/// What [`Place::near`] remembers of an orbit.
#[derive(Default)]
pub(super) struct Nearby {
    /// Where all points were last gone through.
    from: Vec<f64>,
    /// No other point is met within this distance.
    room: f64,
    ids: Vec<usize>,
}

/// A critical point as the graph's builder knows it, in search coordinates.
pub(super) struct Node {
    pub(super) x: Vec<f64>,
    pub(super) energy: f64,
    pub(super) index: usize,
    pub(super) values: Vec<f64>,
    /// Eigenvectors: all, or none for points from which no branch starts and at which none can pass.
    pub(super) vectors: Mat<f64>,
    /// Their dual basis, where the flow's own dynamics makes it another.
    duals: Option<Mat<f64>>,
    /// Radius of the ball that holds whatever enters it; zero for a saddle.
    pub(super) trap: f64,
    /// Radius within which the flow is nearly linear; zero for what is no saddle.
    pub(super) linear: f64,
}

impl Node {
    pub(super) fn vector(&self, j: usize) -> Vec<f64> {
        self.vectors.col(j).iter().copied().collect()
    }

    /// The rate at which an orbit leaves along the lowest mode, backwards along the highest.
    pub(super) fn rate(&self, backward: bool) -> f64 {
        let value = if backward { self.values.last() } else { self.values.first() };
        value.map_or(0.0, |v| v.abs()).max(f64::MIN_POSITIVE)
    }

    /// The modes along which orbits leave: the unstable ones, backwards the stable ones.
    pub(super) fn leaving(&self, backward: bool) -> std::ops::Range<usize> {
        let known = self.vectors.ncols();
        if backward { self.index.min(known)..known } else { 0..self.index.min(known) }
    }

    /// The coordinate of a displacement along mode `j`.
    pub(super) fn coordinate(&self, j: usize, displacement: &[f64]) -> f64 {
        match &self.duals {
            None => crate::linalg::dot(&self.vector(j), displacement),
            Some(duals) => crate::linalg::dot(duals.col_as_slice(j), displacement),
        }
    }
}

/// The landscape in search coordinates with its critical points.
pub(super) struct Place<'a> {
    landscape: &'a dyn Landscape,
    pub(super) reduced: Option<&'a Reduced>,
    pub(super) region: &'a Region,
    pub(super) nodes: Vec<Node>,
    set: &'a CriticalSet,
    scale: f64,
    /// Mean of the critical points.
    middle: Vec<f64>,
    /// Energy that full space adds to that of the reduced landscape.
    pub(super) offset: f64,
    top: usize,
}

impl Place<'_> {
    pub(super) fn landscape(&self) -> &dyn Landscape {
        self.landscape
    }

    /// The flow downhill.
    pub(super) fn flow(&self) -> Flow<'_> {
        Flow::forward(self.landscape)
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    pub(super) fn full_dim(&self) -> usize {
        self.region.dim()
    }

    /// Can an orbit end at this point: a minimum forwards, a point of full index backwards?
    pub(super) fn is_end(&self, id: usize, backward: bool) -> bool {
        self.nodes[id].index == if backward { self.top } else { 0 }
    }

    /// Could the branch meet this point at all: does its energy, if there is one, lie on the side to which the orbit runs?
    pub(super) fn is_downstream(&self, task: Task, id: usize) -> bool {
        if !self.landscape.has_energy() {
            return true;
        }
        let (from, to) = (self.nodes[task.id].energy, self.nodes[id].energy);
        if task.backward { to > from } else { to < from }
    }

    pub(super) fn difference(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        if self.reduced.is_none() {
            return self.region.difference(a, b);
        }
        a.iter().zip(b).map(|(a, b)| b - a).collect()
    }

    pub(super) fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        if self.reduced.is_none() && self.region.is_periodic() {
            return self.region.distance(a, b);
        }
        distance(a, b)
    }

    /// Which points' traps and neighbourhoods a state may lie in: by the triangle inequality none but those that were near when all
    /// were last gone through, as long as the orbit has not come too far from there.
    pub(super) fn near<'n>(&self, z: &[f64], nearby: &'n mut Nearby) -> &'n [usize] {
        if nearby.from.is_empty() || !(self.distance(&nearby.from, z) < nearby.room) {
            let apart = |node: &Node| self.distance(&node.x, z) - node.trap.max(node.linear);
            let mut away: Vec<(f64, usize)> =
                self.nodes.iter().enumerate().map(|(id, node)| (apart(node), id)).collect();
            nearby.room = f64::INFINITY;
            if away.len() > NEAREST {
                let (_, next, _) =
                    away.select_nth_unstable_by(NEAREST, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                // With room for rounding.
                nearby.room = next.0 * (1.0 - 1e-9) - 1e-12 * (self.scale + distance(z, &self.middle));
                away.truncate(NEAREST);
            }
            nearby.ids.clear();
            if nearby.room > 0.0 {
                nearby.ids.extend(away.into_iter().map(|(_, id)| id));
                nearby.ids.sort_unstable();
            } else {
                nearby.ids.extend(0..self.nodes.len());
            }
            nearby.from.clear();
            nearby.from.extend_from_slice(z);
        }
        &nearby.ids
    }

    /// Is the distance below `radius`? Most of what is farther is found to be so by a few coordinates.
    pub(super) fn is_within(&self, a: &[f64], b: &[f64], radius: f64) -> bool {
        let most = radius * radius;
        if !most.is_normal() || self.reduced.is_none() && self.region.is_periodic() {
            return self.distance(a, b) < radius;
        }
        let mut square = 0.0;
        for (a, b) in a.iter().zip(b) {
            square += (a - b) * (a - b);
            if square >= most {
                return false;
            }
        }
        square < most
    }

    /// How many times the extent of the critical points a state is away from them; 1 among them, and on a torus.
    pub(super) fn remoteness(&self, z: &[f64]) -> f64 {
        if self.region.is_periodic() {
            return 1.0;
        }
        (distance(z, &self.middle) / (2.0 * self.scale)).max(1.0)
    }

    pub(super) fn lift(&self, z: &[f64]) -> Vec<f64> {
        self.reduced.map_or_else(|| z.to_vec(), |r| r.lift(z))
    }

    pub(super) fn contains(&self, z: &[f64]) -> bool {
        match self.reduced {
            None => self.region.contains(z),
            Some(r) => self.region.contains(&r.lift(z)),
        }
    }

    /// Are there degenerate families?
    pub(super) fn has_families(&self) -> bool {
        !self.set.degenerate.is_empty()
    }

    /// The degenerate family whose energy the point has and which is nearest; without energies one that is close by.
    pub(super) fn family_at(&self, z: &[f64]) -> Option<usize> {
        let x = self.lift(z);
        let energy = self.landscape.energy(z) + self.offset;
        let away = |f: usize| {
            let samples = &self.set.degenerate[f].samples;
            samples.iter().map(|s| self.region.distance(s, &x)).fold(f64::INFINITY, f64::min)
        };
        (0..self.set.degenerate.len())
            .filter(|&f| {
                if !self.landscape.has_energy() {
                    return away(f) < CLOSE * self.scale;
                }
                let level = self.set.degenerate[f].energy;
                (energy - level).abs() < 1e-5 * (1.0 + level.abs())
            })
            .min_by(|a, b| away(*a).total_cmp(&away(*b)).then(a.cmp(b)))
    }
}

/// The critical points in search coordinates, with eigenvectors where branches start or pass and traps where they end.
pub(super) fn settle<'a>(
    inner: &'a dyn Landscape,
    reduced: Option<&'a Reduced>,
    set: &'a CriticalSet,
) -> Place<'a> {
    let n = inner.dim();
    let offset = reduced.map_or(0.0, |r| r.offset);
    let coordinates: Vec<Vec<f64>> =
        set.points.iter().map(|p| reduced.map_or_else(|| p.x.clone(), |r| r.project(&p.x))).collect();
    let mut nodes: Vec<Node> = set
        .points
        .par_iter()
        .zip(&coordinates)
        .map(|(p, x)| {
            let full = p.index > 0 || n <= 16;
            let (mut values, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
            let mut duals = None;
            if inner.dynamics().is_some() {
                (values, vectors, duals) =
                    flow_modes(inner, x, p.index, full).unwrap_or_else(|| (vec![], Mat::zeros(n, 0), None));
            } else if full && n <= DENSE {
                let mut h = Mat::zeros(n, n);
                inner.hessian(x, h.as_mut());
                symmetric_eigen(h.as_ref(), &mut values, vectors.as_mut());
                orient(&mut vectors, &mut Mat::zeros(0, n));
            } else {
                (values, vectors) = lowest(inner, x, p.index);
            }
            Node {
                x: x.clone(),
                energy: p.energy - offset,
                index: p.index,
                values,
                vectors,
                duals,
                trap: 0.0,
                linear: 0.0,
            }
        })
        .collect();
    let (middle, extent) = extent(&coordinates, n);
    let mut scale = extent.min(set.region.radius());
    if !(scale > 0.0) {
        scale = set.region.radius();
    }
    let mut place = Place {
        landscape: inner,
        reduced,
        region: &set.region,
        nodes: vec![],
        set,
        scale,
        middle,
        offset,
        top: n,
    };
    let traps: Vec<f64> = (0..nodes.len()).into_par_iter().map(|id| trap(&place, &nodes, id)).collect();
    let linear: Vec<f64> =
        (0..nodes.len()).into_par_iter().map(|id| linear_radius(&place, &nodes[id])).collect();
    for (node, (trap, linear)) in nodes.iter_mut().zip(traps.into_iter().zip(linear)) {
        (node.trap, node.linear) = (trap, linear);
    }
    place.nodes = nodes;
    place
}

/// The mean of all points and the largest distance of one from it.
fn extent(points: &[Vec<f64>], n: usize) -> (Vec<f64>, f64) {
    let mut mean = vec![0.0; n];
    points.iter().for_each(|p| crate::linalg::axpy(1.0 / points.len() as f64, p, &mut mean));
    let extent = points
        .iter()
        .map(|p| p.iter().zip(&mean).map(|(a, b)| (a - b) * (a - b)).sum::<f64>())
        .fold(0.0, f64::max)
        .sqrt();
    (mean, extent)
}

/// Rates and modes of the landscape's own flow at an equilibrium, with their duals; in large dimension the unstable one
/// of a point of index 1 alone. `None` if they are not wanted or cannot be had.
fn flow_modes(landscape: &dyn Landscape, x: &[f64], index: usize, full: bool) -> Option<Spectrum> {
    let n = x.len();
    let flow = Flow::forward(landscape);
    if full && n <= DENSE_FLOW {
        let mut b = Mat::zeros(n, n);
        flow.curvature(x, b.as_mut());
        let mut modes = linear::modes(b.as_ref(), index)?;
        orient(&mut modes.vectors, &mut modes.duals);
        return Some((modes.values, modes.vectors, Some(modes.duals)));
    }
    if index != 1 {
        return None;
    }
    let apply = flow.linearize(x);
    let (value, vector) = linear::lowest(n, &|v, o| apply(column(v), column_mut(o)))?;
    let mut vectors = column(&vector).to_owned();
    orient(&mut vectors, &mut Mat::zeros(0, 1));
    Some((vec![value], vectors, None))
}

/// The unstable modes of a point in large dimension (none for a minimum).
fn lowest(landscape: &dyn Landscape, x: &[f64], index: usize) -> (Vec<f64>, Mat<f64>) {
    if index == 0 {
        return (vec![], Mat::zeros(x.len(), 0));
    }
    let linear = landscape.linearize(column(x));
    let none = Mat::zeros(x.len(), 0);
    let modes =
        crate::critical::lowest_modes(&|v, o| linear.apply(v, o), &|_| (), none.as_ref(), index, 1e-9, 300);
    let mut vectors = modes.vectors;
    let modes_count = vectors.ncols();
    orient(&mut vectors, &mut Mat::zeros(0, modes_count));
    (modes.values, vectors)
}

/// The ball around an end of orbits (a minimum, a point of full index) that holds what enters it.
fn trap(place: &Place<'_>, nodes: &[Node], id: usize) -> f64 {
    let node = &nodes[id];
    let n = node.x.len();
    let sign = if node.index == 0 {
        1.0
    } else if node.index == n {
        -1.0
    } else {
        return 0.0;
    };
    // The Hessian is singular somewhere between two critical points: towards the nearest ones it is looked at first.
    let mut others: Vec<(f64, Vec<f64>)> = nodes
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != id)
        .map(|(_, other)| {
            let d = place.difference(&node.x, &other.x);
            (crate::linalg::norm(&d), d)
        })
        .collect();
    others.sort_by(|a, b| a.0.total_cmp(&b.0));
    let most = others.first().map_or(0.25 * place.scale, |o| (0.5 * o.0).min(0.25 * place.scale));
    let mut directions: Vec<Vec<f64>> = others.into_iter().take(6).map(|o| o.1).collect();
    directions.extend((0..node.vectors.ncols().min(6)).map(|j| node.vector(j)));
    let mut state = id as u64 + 1;
    for _ in 0..4 {
        directions.push(
            (0..n)
                .map(|_| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) as f64 / (1u64 << 31) as f64 - 0.5
                })
                .collect(),
        );
    }
    if n > 200 {
        return gradient_radius(place, node, &directions, sign, most);
    }
    positive_radius(&place.flow(), &node.x, &directions, sign, most)
}

/// The distance from a saddle up to which the curvature along each unstable mode, and along the softest stable one,
/// keeps to within half of itself: at small noise that is the width of a ridge, far less than the scale.
fn linear_radius(place: &Place<'_>, node: &Node) -> f64 {
    let n = node.x.len();
    if node.index == 0 || node.index == n || node.vectors.ncols() == 0 {
        return 0.0;
    }
    let modes: Vec<usize> = (0..node.vectors.ncols().min(node.index + 1)).collect();
    let mut product = vec![0.0; n];
    let mut radius = 0.05 * place.scale;
    let flow = place.flow();
    for _ in 0..60 {
        let holds = modes.iter().all(|&j| {
            let v = node.vector(j);
            [radius, -radius].iter().all(|r| {
                let mut x = node.x.clone();
                crate::linalg::axpy(*r, &v, &mut x);
                flow.linearize(&x)(column(&v), column_mut(&mut product));
                (node.coordinate(j, &product) - node.values[j]).abs() <= 0.5 * node.values[j].abs()
            })
        });
        if holds {
            return radius;
        }
        radius *= 0.6;
    }
    0.0
}

/// Where Hessians are too large to form: the radius on which curvature along every sampled direction, measured by
/// Hessian-vector products, is positive; halved, since other directions were not asked.
fn gradient_radius(place: &Place<'_>, node: &Node, directions: &[Vec<f64>], sign: f64, most: f64) -> f64 {
    let n = node.x.len();
    let mut radius = most;
    let mut product = vec![0.0; n];
    let flow = place.flow();
    for _ in 0..40 {
        let holds = directions.iter().all(|d| {
            let size = crate::linalg::norm(d);
            size == 0.0
                || [1.0, -1.0].iter().all(|side| {
                    let x: Vec<f64> =
                        node.x.iter().zip(d).map(|(c, d)| c + side * radius * d / size).collect();
                    flow.linearize(&x)(column(d), column_mut(&mut product));
                    sign * crate::linalg::dot(d, &product) > 0.0
                })
        });
        if holds {
            return 0.5 * radius;
        }
        radius *= 0.7;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use crate::critical::{Options, search};
    use crate::landscape::formula::Formula;

    /// On a walk among fifty points, in a box and on a torus: what goes through all of them finds no trap and no neighbourhood that
    /// is left out.
    #[test]
    fn whatever_an_orbit_meets_is_near() {
        for periods in [vec![], vec![Some(10.0); 2]] {
            let turn = std::f64::consts::TAU / 2.0;
            let energy = format!("cos({turn}*x[0]) + cos({turn}*x[1]) + 0.1*cos({turn}*(x[0] + x[1]))");
            let landscape = Formula::new(2, &energy, &[], &[], None).expect("a valid energy");
            let mut region = Region::cuboid(vec![0.3, 0.3], vec![10.3, 10.3]);
            region.period = periods;
            let set =
                search(&landscape, Some(&region), &Options::default(), &Control::quiet()).expect("a region");
            assert!(set.points.len() > 4 * NEAREST, "{} points", set.points.len());
            let place = settle(&landscape, None, &set);
            let mut nearby = Nearby::default();
            let (mut met, mut seen) = (0, 0);
            for step in 0..4000 {
                let t = f64::from(step) * 0.004;
                let z = [5.3 + 4.9 * (1.3 * t).sin(), 5.3 + 4.9 * (2.1 * t + 0.4).cos()];
                let near = place.near(&z, &mut nearby).to_vec();
                seen += near.len();
                assert!(near.is_sorted());
                for (id, node) in place.nodes.iter().enumerate() {
                    if place.distance(&node.x, &z) < node.trap.max(node.linear) {
                        met += 1;
                        assert!(near.contains(&id), "{id} at {z:?}");
                    }
                }
            }
            assert!(met > 400 && seen < 4000 * place.nodes.len() / 2, "{met} met, {seen} seen");
        }
    }
}
