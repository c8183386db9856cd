//! All orbits between two neighbours of a fan that run into a saddle.

use std::cell::Cell;
use std::f64::consts::TAU;
use std::rc::Rc;

use super::ray::{Judgement, Line, Ray, Rays};
use crate::connection::orbits::Trace;
use crate::linalg::distance;

/// An orbit that runs into a target.
pub(super) struct Crossing {
    /// Id of the target.
    pub(super) target: usize,
    /// The side on which orbits with larger angles leave it: +1 along its mode, or -1.
    pub(super) side: i8,
    /// How far it misses the target's stable manifold, relative to the scale.
    pub(super) gap: f64,
    /// Where on the circle it starts.
    pub(super) angle: f64,
    pub(super) trace: Trace,
}

/// What was found between two orbits.
pub(super) enum Event {
    /// A connection.
    Crossing(Crossing),
    /// An orbit to a point that it should not meet.
    Touching { id: usize, gap: f64, ray: Trace },
    /// They part, and it is not known where.
    Unresolved { ray: Trace, reason: String },
}

/// Misses of a stable manifold below this, relative to the scale, are hits.
const HIT: f64 = 1e-11;

/// What is left of one where the parameter resolves no further must be below this; otherwise the search goes on from a segment
/// further down.
const ENOUGH: f64 = 1e-8;

/// A segment further down joins orbits that are this close (relative to the scale).
const CLOSE: f64 = 1e-5;

/// Segments one after the other.
const SEGMENTS: usize = 64;

/// Orbits that may be spent on one circle.
const BUDGET: usize = 20_000;

/// An irrational angle: starts that a symmetry of the landscape singles out are not hit by accident.
const OFFSET: f64 = 0.137_035_999;

/// Looks through the whole circle. False if the orbits allowed were not enough.
pub(super) fn around(rays: &Rays<'_>, spokes: usize, events: &mut Vec<Event>) -> bool {
    let search = Search { rays, spent: Cell::new(0) };
    let line = Line::Circle;
    let angle = |i: usize| OFFSET + TAU * i as f64 / spokes as f64;
    let starts: Vec<Rc<Ray>> = (0..spokes).map(|i| Rc::new(search.shoot(&line, angle(i)))).collect();
    for i in 0..spokes {
        let (a, b) = (starts[i].clone(), starts[(i + 1) % spokes].clone());
        search.between(Ends { a, b, right: angle(i + 1) }, events);
        if search.spent.get() > BUDGET {
            return false;
        }
    }
    true
}

struct Search<'a> {
    rays: &'a Rays<'a>,
    spent: Cell<usize>,
}

/// Two orbits of a line, with the parameter of the second: on the circle it goes on past a full turn.
#[derive(Clone)]
struct Ends {
    a: Rc<Ray>,
    b: Rc<Ray>,
    right: f64,
}

impl Ends {
    /// What is before the one and after the other of two orbits between.
    fn beside(&self, l: Rc<Ray>, r: Rc<Ray>) -> [Ends; 2] {
        // The second end has a parameter of its own.
        let before = if Rc::ptr_eq(&l, &self.b) { self.right } else { l.param };
        [Ends { a: self.a.clone(), b: l, right: before }, Ends { a: r, b: self.b.clone(), right: self.right }]
    }
}

/// What bisection towards one target came to.
enum Root {
    /// Two neighbours on either side of it.
    Found(Rc<Ray>, Rc<Ray>),
    /// An orbit between that does not pass the target.
    Split(Rc<Ray>),
    /// Two neighbours that can't be told apart on this line, and still miss it.
    Collapsed(Rc<Ray>, Rc<Ray>),
}

impl Search<'_> {
    fn shoot(&self, line: &Line, param: f64) -> Ray {
        self.spent.set(self.spent.get() + 1);
        self.rays.shoot(line, param)
    }

    /// Everything between two orbits of the circle. What is left to look at is kept in a list: where rates differ much it grows
    /// deeper than a thread's stack.
    fn between(&self, ends: Ends, events: &mut Vec<Event>) {
        let mut left = vec![(Rc::new(Line::Circle), ends, 0)];
        while let Some((line, ends, depth)) = left.pop() {
            if self.spent.get() > BUDGET {
                return;
            }
            if Rc::ptr_eq(&ends.a, &ends.b) {
                continue;
            }
            match self.rays.judge(&ends.a, &ends.b) {
                Judgement::Together => {}
                Judgement::Opposite(t) => match self.root(&line, &ends, t) {
                    Root::Found(l, r) => {
                        events.push(Event::Crossing(self.crossing(&line, t, &l, &r)));
                        left.extend(ends.beside(l, r).map(|e| (line.clone(), e, depth)));
                    }
                    Root::Split(middle) => {
                        left.extend(ends.beside(middle.clone(), middle).map(|e| (line.clone(), e, depth)));
                    }
                    Root::Collapsed(l, r) => {
                        left.extend(self.further(&line, &l, &r, depth, events));
                        left.extend(ends.beside(l, r).map(|e| (line.clone(), e, depth)));
                    }
                },
                Judgement::Apart => {
                    let middle = 0.5 * (ends.a.param + ends.right);
                    if ends.right - ends.a.param > 2.0 * self.rays.grain(&line, middle) {
                        let middle = Rc::new(self.shoot(&line, middle));
                        left.extend(ends.beside(middle.clone(), middle).map(|e| (line.clone(), e, depth)));
                    } else {
                        left.extend(self.further(&line, &ends.a, &ends.b, depth, events));
                    }
                }
            }
        }
    }

    /// Narrows down an orbit to target `t` between two that leave it on opposite sides (Illinois' false position).
    fn root(&self, line: &Line, ends: &Ends, t: usize) -> Root {
        let scale = self.rays.place.scale();
        let value = |ray: &Ray| ray.sides[t].unwrap_or(f64::NAN);
        let (mut l, mut r) = (ends.a.clone(), ends.b.clone());
        let (mut left, mut right) = (l.param, ends.right);
        let (mut fl, mut fr) = (value(&l), value(&r));
        for turn in 0..200 {
            if value(&l).abs().min(value(&r).abs()) <= HIT * scale {
                return self.tighten(line, t, (l, left), (r, right));
            }
            // Misses span many orders of magnitude far from the root, where halving is faster.
            let even = 0.1 < (fl / fr).abs() && (fl / fr).abs() < 10.0;
            let share = if turn % 3 == 2 || !even { 0.5 } else { (fl / (fl - fr)).clamp(0.01, 0.99) };
            let middle = left + share * (right - left);
            if right - left <= 2.0 * self.rays.grain(line, middle) {
                let gap = value(&l).abs().min(value(&r).abs()) / scale;
                return if gap < ENOUGH { Root::Found(l, r) } else { Root::Collapsed(l, r) };
            }
            let ray = Rc::new(self.shoot(line, middle));
            let Some(f) = ray.sides[t] else { return Root::Split(ray) };
            if f.is_sign_positive() == fl.is_sign_positive() {
                (l, left, fl) = (ray, middle, f);
                fr *= 0.5;
            } else {
                (r, right, fr) = (ray, middle, f);
                fl *= 0.5;
            }
        }
        Root::Collapsed(l, r)
    }

    /// One of two orbits on either side of target `t` meets it. The other may still be far off, with more between them: steps from
    /// the one that grow from the size of rounding lead to a neighbour across.
    fn tighten(&self, line: &Line, t: usize, l: (Rc<Ray>, f64), r: (Rc<Ray>, f64)) -> Root {
        let miss = |ray: &Ray| ray.sides[t].map_or(f64::INFINITY, f64::abs);
        let from_left = miss(&l.0) <= miss(&r.0);
        let (mut near, start, far, end) = if from_left { (l.0, l.1, r.0, r.1) } else { (r.0, r.1, l.0, l.1) };
        let pair = |near: Rc<Ray>, far: Rc<Ray>| {
            if from_left { Root::Found(near, far) } else { Root::Found(far, near) }
        };
        let positive = |ray: &Ray| ray.sides[t].map(f64::is_sign_positive);
        let mut step = self.rays.grain(line, start);
        while step < (end - start).abs() {
            let ray = Rc::new(self.shoot(line, start + step.copysign(end - start)));
            match positive(&ray) {
                None => return pair(near, ray),
                side if side == positive(&far) => return pair(near, ray),
                _ => near = ray,
            }
            step *= 2.0;
        }
        pair(near, far)
    }

    fn crossing(&self, line: &Line, t: usize, l: &Ray, r: &Ray) -> Crossing {
        let miss = |ray: &Ray| ray.sides[t].map_or(f64::INFINITY, f64::abs);
        let best = if miss(l) <= miss(r) { l } else { r };
        // A neighbour that is far enough off to leave it out tells nothing; then the other one does.
        let right = r.sides[t].or(l.sides[t].map(|s| -s));
        Crossing {
            target: self.rays.targets[t],
            side: if right.is_some_and(|s| s.is_sign_positive()) { 1 } else { -1 },
            gap: miss(best) / self.rays.place.scale(),
            angle: line.angle(best.param),
            trace: best.trace.clone(),
        }
    }

    /// Two orbits whose starts can't be told apart, and which part: they ran along each other up to where rounding has grown. From
    /// there the search goes on between them.
    fn further(
        &self,
        line: &Line,
        a: &Ray,
        b: &Ray,
        depth: usize,
        events: &mut Vec<Event>,
    ) -> Option<(Rc<Line>, Ends, usize)> {
        // Both ran onto a point from which orbits leave in several directions: what comes after is decided by rounding.
        if let (Some((id, gap)), Some((other, also))) = (a.met, b.met)
            && id == other
            && gap.max(also) < ENOUGH
        {
            events.push(Event::Touching { id, gap: gap.max(also), ray: a.trace.clone() });
            return None;
        }
        let unresolved =
            |reason: &str| Event::Unresolved { ray: a.trace.clone(), reason: reason.to_string() };
        if depth == SEGMENTS {
            events.push(unresolved("orbits beside it part, and it could not be told where"));
            return None;
        }
        let close = CLOSE * self.rays.place.scale();
        let mut last = None;
        for j in a.begin + 1..a.trace.points.len() {
            let Some(y) = self.rays.at_level(&b.trace, a.trace.energies[j]) else { break };
            if distance(&a.trace.points[j], &y) > close {
                break;
            }
            last = Some((j, y));
        }
        let Some((j, to)) = last else {
            events.push(unresolved("orbits beside it part too soon to be told apart"));
            return None;
        };
        let from = a.trace.points[j].clone();
        if from == to {
            events.push(unresolved("orbits beside it part without having been apart"));
            return None;
        }
        let next = Line::Segment { from, to, before: a.trace.cut(j), angle: line.angle(a.param) };
        let (left, right) = (Rc::new(self.shoot(&next, 0.0)), Rc::new(self.shoot(&next, 1.0)));
        Some((Rc::new(next), Ends { a: left, b: right, right: 1.0 }, depth + 1))
    }
}
