//! Two-dimensional manifolds as triangulated surfaces.
//!
//! The surface is woven from orbits: each starts on a small loop of the local parametrisation and is integrated by itself, so
//! every vertex lies on the manifold to within the tolerance, however far the surface has grown. A front of vertices, at
//! most one an orbit, advances along them (M. E. Johnson, M. S. Jolly, I. G. Kevrekidis 1997; the survey by Krauskopf et al.
//! 2005 compares ways to grow such surfaces). Where neighbouring orbits part an orbit is put between them, by halving the angle
//! on the loop; where they close up one is dropped. Vertices that lead or trail their neighbours take shorter or longer
//! steps, so that the front stays across the orbits.
//!
//! Where two neighbours run to different ends no orbit between them keeps both near: halving ends at the stable manifold of a
//! saddle. There the front is cut in two, with the saddle as a vertex; from it both sides follow its unstable manifold, which is
//! the surface's edge. Orbits that arrive at a sink side by side meet in one vertex there.
//!
//! Last, edges are flipped until opposite angles add up to at most 180 degrees (Delaunay).

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::frame::Field;
use super::local::LocalManifold;
use super::mesh;
use super::scene::Scene;
use super::track::{Course, Fate, Track};
use super::{Stability, local};
use crate::control::Control;
use crate::critical::Level;
use crate::error::Result;
use crate::linalg::{axpy, distance, dot, norm};

/// How a surface is computed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of the local manifold.
    pub local: local::Options,
    /// Error of a step of an orbit, relative to the scale (the distance of the farthest critical point, at most the
    /// region's radius).
    pub tolerance: f64,
    /// Distance of neighbouring vertices, relative to the scale; less where the nearest critical point is less than five of
    /// them away, and down to a quarter where the surface bends.
    pub size: f64,
    /// Angle by which neighbouring triangles may be inclined to each other before the mesh gets finer.
    pub angle: f64,
    /// Length of an orbit at which the surface is cut, relative to the scale.
    pub length: f64,
    /// Most vertices, and most orbits.
    pub vertices: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            local: local::Options::default(),
            tolerance: 1e-9,
            size: 0.05,
            angle: 0.25,
            length: 20.0,
            vertices: 50_000,
        }
    }
}

/// A two-dimensional manifold as a triangulated surface.
#[derive(Clone, Debug)]
pub struct Surface {
    /// Id of the critical point.
    pub from: usize,
    /// Which of its manifolds.
    pub which: Stability,
    /// Vertices (each of length n), the critical point first. In periodic coordinates they run on in the cover.
    pub vertices: Vec<Vec<f64>>,
    /// Energies there; NaN where there are none.
    pub energies: Vec<f64>,
    /// Triangles by their vertices, all turned the same way round.
    pub triangles: Vec<[usize; 3]>,
    /// Ids of the critical points on its edge or at its end, ascending.
    pub ends: Vec<usize>,
    /// Does it reach the region's boundary?
    pub leaves: bool,
    /// Why the surface is not all of the manifold in the region; `None` if it is, as far as is known.
    pub open: Option<String>,
    /// How far it can be relied on.
    pub level: Level,
}

impl Surface {
    /// The sum of the areas of its triangles.
    pub fn area(&self) -> f64 {
        self.triangles.iter().map(|t| mesh::area(&self.vertices, *t)).sum()
    }

    /// Vertices less edges plus triangles: 1 for a disc, 2 for a sphere.
    pub fn euler_characteristic(&self) -> i64 {
        let mut edges: Vec<(usize, usize)> = self.triangles.iter().flat_map(mesh::edges).collect();
        edges.sort_unstable();
        edges.dedup();
        self.vertices.len() as i64 - edges.len() as i64 + self.triangles.len() as i64
    }
}

/// The two-dimensional manifold of point `id`.
///
/// # Errors
/// If there is no such point, its manifold has another dimension, or the local manifold cannot be had.
pub fn surface(
    scene: &Scene<'_>,
    id: usize,
    which: Stability,
    options: &Options,
    control: &Control<'_>,
) -> Result<Surface> {
    let x = scene.point(id, which, 2)?;
    let local = local::local(scene.landscape, x, which, &options.local)?;
    let mut weaver = Weaver::new(scene, id, &local, options);
    weaver.weave(control);
    Ok(weaver.finish())
}

/// Angles on the loop are whole numbers of this part of the circle, so that halves are exact.
const CIRCLE: u64 = 1 << 60;

/// Angles this near to each other are one to working precision.
const FINEST: u64 = 1 << 9;

/// Orbits that a front begins with.
const FIRST: u64 = 8;

/// An orbit that comes within this share of the mesh's size of a saddle has hit it, as far as the mesh can tell.
const HIT: f64 = 0.01;

/// Up to this many of the mesh's sizes from a saddle an orbit is said to pass it.
const NEAR: f64 = 2.0;

/// From this share of the mesh's size on an orbit goes straight to its sink.
const HOME: f64 = 0.5;

/// An orbit of the surface.
struct Thread {
    track: Track,
    /// Length at which it counts as ended: in a sink's neighbourhood, at the boundary.
    end: f64,
    /// Where the vertex of its end is, and of which critical point, if any.
    last: Vec<f64>,
    goal: Option<usize>,
    /// Saddles that it passes.
    passes: Vec<Pass>,
}

/// How an orbit passes a saddle.
struct Pass {
    saddle: usize,
    /// Length at which it is nearest, and the distance.
    at: f64,
    distance: f64,
    /// From the saddle to where the orbit is a little later.
    out: Vec<f64>,
}

/// A place of the front.
#[derive(Clone)]
struct Knot {
    angle: u64,
    thread: usize,
    length: f64,
    place: Vec<f64>,
    vertex: Option<usize>,
    /// The orbit has ended here.
    ended: bool,
    /// At this saddle, on the edge of the surface.
    saddle: Option<usize>,
    /// May not be dropped.
    pinned: bool,
    /// The front is cut behind it.
    cut: bool,
}

/// A connected part of the front, by angle.
struct Piece {
    knots: Vec<Knot>,
    closed: bool,
    /// Length of a step now.
    step: f64,
}

struct Weaver<'a> {
    scene: &'a Scene<'a>,
    field: Field<'a>,
    local: &'a LocalManifold,
    id: usize,
    options: &'a Options,
    course: Course,
    size: f64,
    loop_radius: f64,
    threads: Vec<Thread>,
    by_angle: BTreeMap<u64, usize>,
    vertices: Vec<Vec<f64>>,
    /// Vertices that turned out to be the same.
    same: Vec<usize>,
    triangles: Vec<[usize; 3]>,
    ends: Vec<usize>,
    leaves: bool,
    open: Option<String>,
}

impl<'a> Weaver<'a> {
    fn new(scene: &'a Scene<'a>, id: usize, local: &'a LocalManifold, options: &'a Options) -> Self {
        let scale = scene.scale(id);
        let nearest = (0..scene.points.len())
            .filter(|other| *other != id)
            .map(|other| scene.distance(&local.base, &scene.points[other].0))
            .fold(f64::INFINITY, f64::min);
        let size = (options.size * scale).min(0.2 * nearest);
        let mut loop_radius = local.radius;
        let reach = |r: f64| {
            (0..16)
                .map(|k| {
                    let angle = TAU * f64::from(k) / 16.0;
                    distance(&local.evaluate(&[r * angle.cos(), r * angle.sin()]), &local.base)
                })
                .fold(0.0, f64::max)
        };
        while reach(loop_radius) > 0.5 * size {
            loop_radius *= 0.8;
        }
        let course = Course {
            which: local.which,
            tolerance: options.tolerance * scale,
            longest: 0.5 * size,
            arrival: 0.05 * size,
            length: options.length * scale,
            rate: local.rates.iter().fold(f64::INFINITY, |m, r| m.min(*r)),
        };
        Weaver {
            field: Field::new(scene.landscape, local.which),
            scene,
            local,
            id,
            options,
            course,
            size,
            loop_radius,
            threads: vec![],
            by_angle: BTreeMap::new(),
            vertices: vec![local.base.clone()],
            same: vec![0],
            triangles: vec![],
            ends: vec![],
            leaves: false,
            open: None,
        }
    }

    /// The orbit at an angle.
    fn thread(&mut self, angle: u64) -> usize {
        let angle = angle % CIRCLE;
        if let Some(known) = self.by_angle.get(&angle) {
            return *known;
        }
        let turn = TAU * angle as f64 / CIRCLE as f64;
        let start = self.local.evaluate(&[self.loop_radius * turn.cos(), self.loop_radius * turn.sin()]);
        let track = Track::follow(self.scene, &self.field, &start, &self.course);
        let scene = self.scene;
        let (mut end, mut last, mut goal) = (track.length, track.at(track.length), None);
        match &track.fate {
            Fate::Arrived(id) | Fate::Ran(id) => {
                last = scene.copy_near(*id, &last);
                end = track.stays(HOME * self.size, |x| distance(x, &last));
                goal = Some(*id);
            }
            Fate::Left => {}
            Fate::Long => self.note("orbits were cut at the length allowed".into()),
            Fate::Lost(reason) => self.note(format!("an orbit could not be followed to an end: {reason}")),
        }
        let mut passes = vec![];
        for (id, point) in scene.points.iter().enumerate() {
            if id == self.id || scene.is_end(id, self.local.which) {
                continue;
            }
            let (length, distance) = track.nearest_by(0.0, track.length, |x| scene.difference(x, &point.0));
            if distance < NEAR * self.size {
                let later = track.at((length + NEAR * self.size).min(track.length));
                let out = scene.difference(&point.0, &later);
                passes.push(Pass { saddle: id, at: length, distance, out });
            }
        }
        self.threads.push(Thread { track, end, last, goal, passes });
        self.by_angle.insert(angle, self.threads.len() - 1);
        self.threads.len() - 1
    }

    fn note(&mut self, reason: String) {
        self.open.get_or_insert(reason);
    }

    fn full(&self) -> bool {
        self.threads.len() > self.options.vertices || self.vertices.len() > self.options.vertices
    }

    /// A place of the front on the orbit at an angle, at a length.
    fn knot(&mut self, angle: u64, length: f64) -> Knot {
        let thread = self.thread(angle);
        let mut knot = Knot {
            angle: angle % CIRCLE,
            thread,
            length,
            place: vec![],
            vertex: None,
            ended: false,
            saddle: None,
            pinned: false,
            cut: false,
        };
        self.move_to(&mut knot, length, 0.0);
        knot
    }

    /// Moves a knot along its orbit to a length, or to the end if that is nearer than `slack` behind.
    fn move_to(&self, knot: &mut Knot, length: f64, slack: f64) {
        let thread = &self.threads[knot.thread];
        (knot.vertex, knot.saddle) = (None, None);
        if length + slack >= thread.end {
            (knot.length, knot.ended) = (thread.end, true);
            knot.place.clone_from(&thread.last);
        } else {
            (knot.length, knot.ended) = (length, false);
            knot.place = thread.track.at(length);
        }
    }

    /// Are both at the same end?
    fn meet(&self, a: &Knot, b: &Knot) -> bool {
        let goal = |k: &Knot| if k.ended { self.threads[k.thread].goal } else { k.saddle };
        goal(a).is_some() && goal(a) == goal(b) && distance(&a.place, &b.place) < 0.01 * self.size
    }

    /// How far apart two neighbours are across the flow: from each to the orbit of the other.
    fn across(&self, a: &Knot, b: &Knot) -> f64 {
        let window = 4.0 * self.size;
        let to = |place: &[f64], knot: &Knot| {
            let track = &self.threads[knot.thread].track;
            track.nearest(place, knot.length - window, knot.length + window).1
        };
        to(&b.place, a).max(to(&a.place, b))
    }

    /// The distance of two neighbours that must not exceed a step: across the flow, and a third of it altogether.
    fn gap(&self, a: &Knot, b: &Knot) -> f64 {
        if self.meet(a, b) {
            return 0.0;
        }
        let straight = distance(&a.place, &b.place);
        match (a.ended, b.ended) {
            (false, false) => self.across(a, b).max(straight / 3.0),
            (true, true) => straight,
            _ => {
                let (ended, under_way) = if a.ended { (a, b) } else { (b, a) };
                let (home, goal) = (self.threads[ended.thread].goal, self.threads[under_way.thread].goal);
                match home {
                    // What runs there, too, may be a few steps behind.
                    Some(_) if home == goal => self.across(a, b).max((straight - HOME * self.size) / 2.0),
                    Some(_) => (straight - HOME * self.size).max(0.0),
                    None => straight / 1.5,
                }
            }
        }
    }

    /// A saddle that the front has come to and that two neighbours leave on different sides, with the lengths at which they
    /// are nearest to it.
    fn straddle(&self, a: &Knot, b: &Knot, step: f64) -> Option<(usize, f64, f64)> {
        let (of_a, of_b) = (&self.threads[a.thread], &self.threads[b.thread]);
        of_a.passes.iter().find_map(|p| {
            let q = of_b.passes.iter().find(|q| q.saddle == p.saddle)?;
            let (past_a, past_b) = (a.length - p.at, b.length - q.at);
            let here = past_a.abs().max(past_b.abs()) < 2.0 * NEAR * self.size;
            let parts = here && past_a.max(past_b) > -0.3 * step && dot(&p.out, &q.out) < 0.0;
            parts.then_some((p.saddle, p.at, q.at))
        })
    }

    /// Puts knots between the last of `out` and `right` until neighbours are within reach of each other.
    fn fill(&mut self, out: &mut Vec<Knot>, right: &mut Knot, step: f64) {
        let Some(left) = out.last() else { return };
        let parted = self.straddle(left, right, step);
        if (parted.is_none() && self.gap(left, right) <= step) || self.full() {
            return;
        }
        let between = right.angle.wrapping_sub(left.angle) % CIRCLE;
        // A saddle that both hit about here.
        let hits = |k: &Knot, saddle: Option<usize>| {
            let hit = |p: &&Pass| {
                p.distance < HIT * self.size
                    && (p.at - k.length).abs() < 2.0 * NEAR * self.size
                    && saddle.is_none_or(|s| s == p.saddle)
            };
            self.threads[k.thread].passes.iter().find(hit).map(|p| (p.saddle, p.at))
        };
        let both = hits(left, None).and_then(|(id, at)| Some((id, at, hits(right, Some(id))?.1)));
        // A saddle that repels strongly cannot be hit better than angles resolve.
        let both = both.or(parted.filter(|_| between <= FINEST));
        if both.is_some() || between <= FINEST {
            self.cut(out, right, both);
            return;
        }
        let middle: Vec<f64> = left.place.iter().zip(&right.place).map(|(a, b)| 0.5 * (a + b)).collect();
        let from = left.length.min(right.length) - 3.0 * self.size;
        let to = left.length.max(right.length) + 3.0 * self.size;
        let angle = (left.angle + between / 2) % CIRCLE;
        let mut knot = self.knot(angle, 0.0);
        let at = self.threads[knot.thread].track.nearest(&middle, from, to).0;
        self.move_to(&mut knot, at, 0.2 * step);
        self.fill(out, &mut knot, step);
        out.push(knot);
        self.fill(out, right, step);
    }

    /// Cuts the front between the last of `out` and `right`: at a saddle that both orbits hit, if they do and it lies ahead.
    fn cut(&mut self, out: &mut [Knot], right: &mut Knot, both: Option<(usize, f64, f64)>) {
        let Some(left) = out.last_mut() else { return };
        left.cut = true;
        (left.pinned, right.pinned) = (true, true);
        let Some((id, at_left, at_right)) = both else {
            self.note("orbits part where no saddle is known".into());
            return;
        };
        for (knot, at) in [(left, at_left), (right, at_right)] {
            if knot.vertex.is_none() && !knot.ended {
                let track = &self.threads[knot.thread].track;
                knot.place = self.scene.copy_near(id, &track.at(at));
                (knot.length, knot.saddle) = (at, Some(id));
            }
        }
    }

    /// Fills all gaps of a front.
    fn fill_all(&mut self, knots: Vec<Knot>, closed: bool, step: f64) -> Vec<Knot> {
        let mut out: Vec<Knot> = Vec::with_capacity(knots.len());
        for mut knot in knots {
            // Cuts of earlier fronts are between pieces.
            self.fill(&mut out, &mut knot, step);
            out.push(knot);
        }
        if closed && out.len() > 1 {
            let mut first = out[0].clone();
            self.fill(&mut out, &mut first, step);
            first.cut = out[0].cut;
            out[0] = first;
        }
        out
    }

    /// Drops knots between neighbours that are near each other without them.
    fn thin(&self, knots: Vec<Knot>, step: f64) -> Vec<Knot> {
        let mut out: Vec<Knot> = vec![];
        let count = knots.len();
        for (k, knot) in knots.iter().enumerate() {
            let fixed = knot.pinned || knot.cut || (knot.ended && knot.vertex.is_some());
            if let (Some(left), Some(right), false) = (out.last(), knots.get(k + 1), fixed) {
                // At least four remain of each front, counting those to come.
                let enough = out.len() + (count - k - 1) >= 4;
                let near = distance(&left.place, &right.place) < 2.5 * step
                    && self.across(left, right) < 0.75 * step;
                if enough && !left.cut && near {
                    continue;
                }
            }
            out.push(knot.clone());
        }
        out
    }

    fn vertex(&mut self, place: &[f64]) -> usize {
        self.vertices.push(place.to_vec());
        self.same.push(self.same.len());
        self.same.len() - 1
    }

    fn root(&self, mut vertex: usize) -> usize {
        while self.same[vertex] != vertex {
            vertex = self.same[vertex];
        }
        vertex
    }

    /// Gives every knot a vertex; neighbours at the same end share one.
    fn name(&mut self, knots: &mut [Knot], closed: bool) {
        let count = knots.len();
        for k in 0..count {
            if knots[k].vertex.is_none() {
                let goal = if knots[k].ended { self.threads[knots[k].thread].goal } else { knots[k].saddle };
                self.ends.extend(goal);
                self.leaves |= knots[k].ended && self.threads[knots[k].thread].track.fate == Fate::Left;
                knots[k].vertex = Some(self.vertex(&knots[k].place.clone()));
            }
        }
        let pairs = if closed { count } else { count.saturating_sub(1) };
        for k in 0..pairs {
            let (a, b) = (&knots[k], &knots[(k + 1) % count]);
            if let (true, Some(a), Some(b)) = (self.meet(a, b), a.vertex, b.vertex) {
                let (a, b) = (self.root(a), self.root(b));
                self.same[a.max(b)] = a.min(b);
            }
        }
    }

    fn weave(&mut self, control: &Control<'_>) {
        let first: Vec<Knot> = (0..FIRST)
            .map(|k| {
                // Off the axes, on which symmetric landscapes have their separatrices.
                let angle = CIRCLE / FIRST * k + CIRCLE / 37;
                let thread = self.thread(angle);
                let base = &self.local.base;
                let track = &self.threads[thread].track;
                let mut length = 0.0;
                while length < track.length && distance(&track.at(length), base) < 0.8 * self.size {
                    length += 0.05 * self.size;
                }
                self.knot(angle, length)
            })
            .collect();
        let mut knots = self.fill_all(first, true, self.size);
        knots = self.thin(knots, self.size);
        self.name(&mut knots, true);
        let count = knots.len();
        for k in 0..count {
            let (Some(a), Some(b)) = (knots[k].vertex, knots[(k + 1) % count].vertex) else { continue };
            self.triangles.push([0, a, b]);
        }
        let mut pieces = split(Piece { knots, closed: true, step: self.size });
        while let Some(piece) = pieces.pop() {
            if control.stopped() || self.full() {
                let why =
                    if control.stopped() { "the work was stopped" } else { "the vertices were used up" };
                self.note(why.into());
                break;
            }
            if piece.knots.len() > 1 && piece.knots.iter().any(|k| !k.ended) {
                pieces.extend(self.advance(piece));
            }
        }
    }

    /// Moves a piece of the front by a step and joins it to where it was.
    fn advance(&mut self, piece: Piece) -> Vec<Piece> {
        let Piece { knots: before, closed, step } = piece;
        let count = before.len();
        let leads: Vec<f64> = (0..count).map(|k| self.lead(&before, k, closed)).collect();
        // Who is far ahead of its neighbours waits for them.
        let waits = |k: usize| leads[k] < -0.6 * step;
        let stuck = (0..count).all(|k| before[k].ended || waits(k));
        let mut knots = vec![];
        for (k, knot) in before.iter().enumerate() {
            let mut next = knot.clone();
            next.cut = false;
            if !knot.ended && (stuck || !waits(k)) {
                let length = step * (1.0 + 0.7 * leads[k] / step).clamp(0.4, 1.7);
                self.move_to(&mut next, knot.length + length, 0.4 * step);
            }
            knots.push(next);
        }
        let knots = self.fill_all(knots, closed, step);
        let mut knots = self.thin(knots, step);
        self.name(&mut knots, closed);
        self.strip(&before, &knots, closed);
        let step = self.next_step(&before, &knots, closed, step);
        split(Piece { knots, closed, step })
    }

    /// How far the neighbours of a knot under way are ahead of it, on average.
    fn lead(&self, knots: &[Knot], k: usize, closed: bool) -> f64 {
        let (count, knot) = (knots.len(), &knots[k]);
        if knot.ended {
            return 0.0;
        }
        let t = self.threads[knot.thread].track.direction(knot.length);
        let leads: Vec<f64> = [(k + count - 1) % count, (k + 1) % count]
            .into_iter()
            .filter(|other| !knots[*other].ended && (closed || other.abs_diff(k) == 1))
            .map(|other| {
                let off: Vec<f64> = knots[other].place.iter().zip(&knot.place).map(|(a, b)| a - b).collect();
                dot(&off, &t)
            })
            .collect();
        leads.iter().sum::<f64>() / leads.len().max(1) as f64
    }

    /// The step after this one: shorter where the surface bends, along the orbits or across, longer again behind.
    fn next_step(&self, before: &[Knot], knots: &[Knot], closed: bool, step: f64) -> f64 {
        let count = knots.len();
        let mut most = 0.0_f64;
        for k in 0..count {
            let knot = &knots[k];
            let inside = closed || (k > 0 && k + 1 < count);
            if knot.ended || !inside {
                continue;
            }
            let (left, right) = (&knots[(k + count - 1) % count], &knots[(k + 1) % count]);
            if left.ended || right.ended || left.saddle.is_some() || right.saddle.is_some() {
                continue;
            }
            let t = self.threads[knot.thread].track.direction(knot.length);
            let mut across: Vec<f64> = right.place.iter().zip(&left.place).map(|(a, b)| a - b).collect();
            axpy(-dot(&across, &t), &t, &mut across);
            let width = norm(&across);
            if !(width > 0.2 * step) {
                continue;
            }
            across.iter_mut().for_each(|c| *c /= width);
            let normal = |mut d: Vec<f64>| {
                axpy(-dot(&d, &t), &t, &mut d);
                axpy(-dot(&d, &across), &across, &mut d);
                norm(&d)
            };
            let second: Vec<f64> =
                (0..t.len()).map(|i| right.place[i] - 2.0 * knot.place[i] + left.place[i]).collect();
            // A neighbour that leads or trails is farther away than the width says, and the surface bends on the way.
            let sides = [left, right].map(|k| distance(&k.place, &knot.place).powi(2));
            most = most.max(2.0 * normal(second) / (sides[0] + sides[1]));
            if let Some(old) = before.iter().find(|b| b.angle == knot.angle) {
                let moved: Vec<f64> = knot.place.iter().zip(&old.place).map(|(a, b)| a - b).collect();
                let way = norm(&moved);
                if way > 0.2 * step {
                    most = most.max(2.0 * normal(moved) / (way * way));
                }
            }
        }
        let wanted = if most > 0.0 { self.options.angle / most } else { self.size };
        wanted.clamp(0.25 * self.size, self.size).clamp(step / 1.3, 1.3 * step)
    }

    /// Triangles between two fronts. What both have of an orbit is joined; between such pairs the shorter diagonal comes first.
    fn strip(&mut self, before: &[Knot], after: &[Knot], closed: bool) {
        let place = |knots: &[Knot], angle: u64| knots.iter().position(|k| k.angle == angle);
        let Some(start) = before.iter().position(|k| place(after, k.angle).is_some()) else { return };
        let turn = |knots: &[Knot], from: usize| -> Vec<Knot> {
            let mut all = knots.to_vec();
            if closed {
                all.rotate_left(from);
                all.push(all[0].clone());
            }
            all
        };
        let other = place(after, before[start].angle).unwrap_or(0);
        let (a, b) = (turn(before, start), turn(after, other));
        let (mut i, mut j) = if closed { (0, 0) } else { (start, other) };
        while i + 1 < a.len() || j + 1 < b.len() {
            // The next orbit of both.
            let next = (i + 1..a.len()).find_map(|p| {
                let q = (j + 1..b.len()).find(|q| b[*q].angle == a[p].angle)?;
                Some((p, q))
            });
            let Some((to_i, to_j)) = next else { break };
            while i < to_i || j < to_j {
                let first = if i < to_i { distance(&a[i + 1].place, &b[j].place) } else { f64::INFINITY };
                let second = if j < to_j { distance(&a[i].place, &b[j + 1].place) } else { f64::INFINITY };
                if first <= second {
                    self.triangle(&a[i], &b[j], &a[i + 1]);
                    i += 1;
                } else {
                    self.triangle(&a[i], &b[j], &b[j + 1]);
                    j += 1;
                }
            }
        }
    }

    fn triangle(&mut self, a: &Knot, b: &Knot, c: &Knot) {
        if let (Some(a), Some(b), Some(c)) = (a.vertex, b.vertex, c.vertex) {
            self.triangles.push([a, b, c]);
        }
    }

    /// The surface of what was woven.
    fn finish(mut self) -> Surface {
        let mut triangles: Vec<[usize; 3]> = self
            .triangles
            .iter()
            .map(|t| t.map(|v| self.root(v)))
            .filter(|t| t[0] != t[1] && t[1] != t[2] && t[0] != t[2])
            .collect();
        mesh::flip(&self.vertices, &mut triangles);
        let used = mesh::compress(&mut triangles, self.vertices.len());
        self.ends.sort_unstable();
        self.ends.dedup();
        Surface {
            from: self.id,
            which: self.local.which,
            energies: used.iter().map(|v| self.scene.energy(&self.vertices[*v])).collect(),
            vertices: used.iter().map(|v| self.scene.lift(&self.vertices[*v])).collect(),
            triangles,
            ends: self.ends,
            leaves: self.leaves,
            open: self.open,
            level: Level::Checked,
        }
    }
}

/// The parts of a piece between its cuts.
fn split(piece: Piece) -> Vec<Piece> {
    let Piece { mut knots, mut closed, step } = piece;
    if closed && let Some(first) = knots.iter().position(|k| k.cut) {
        knots.rotate_left(first + 1);
        closed = false;
    }
    if closed {
        return vec![Piece { knots, closed, step }];
    }
    let mut out = vec![];
    let mut part = vec![];
    for knot in knots {
        let cut = knot.cut;
        part.push(knot);
        if cut {
            out.push(Piece { knots: std::mem::take(&mut part), closed, step });
        }
    }
    out.push(Piece { knots: part, closed, step });
    for piece in &mut out {
        if let Some(first) = piece.knots.first_mut() {
            first.pinned = true;
        }
        if let Some(last) = piece.knots.last_mut() {
            (last.pinned, last.cut) = (true, false);
        }
    }
    out
}
