//! One orbit of a fan, and how two of them compare.

use crate::connection::departure::Departure;
use crate::connection::orbits::{Course, Trace, Verdict, follow};
use crate::connection::place::Place;
use crate::linalg::{distance, norm};

/// Neighbours further apart than this share of the scale are not told to stay together.
const WIDE: f64 = 0.25;

/// Starts are told apart where they differ by this many times what rounding does to them.
const GRAIN: f64 = 4.0;

/// Where starts lie: one parameter.
pub(super) enum Line {
    /// On the circle about the point, by the angle.
    Circle,
    /// Between two states further along, by the share of the way, with the orbit that led to the first and its angle.
    Segment { from: Vec<f64>, to: Vec<f64>, before: Trace, angle: f64 },
}

impl Line {
    /// The angle on the circle of the orbit with this parameter.
    pub(super) fn angle(&self, param: f64) -> f64 {
        match self {
            Line::Circle => param,
            Line::Segment { angle, .. } => *angle,
        }
    }
}

/// An orbit of the fan.
pub(super) struct Ray {
    pub(super) param: f64,
    pub(super) verdict: Option<Verdict>,
    /// For each target (by its place in [`Rays::targets`]) that it passed closely: which side it left on, times by how much it
    /// missed the stable manifold (length).
    pub(super) sides: Vec<Option<f64>>,
    /// Other points from which orbits leave in two or more directions, that it met: id and gap relative to the scale.
    pub(super) met: Option<(usize, f64)>,
    pub(super) trace: Trace,
    /// The place of its start in the trace.
    pub(super) begin: usize,
}

/// The functionals that give the coordinates along a point's modes, and the square roots of their rates.
struct Whitening {
    rows: Vec<Vec<f64>>,
    scales: Vec<f64>,
}

/// How two neighbouring orbits compare.
pub(super) enum Judgement {
    /// They stay together to the end.
    Together,
    /// They leave this target (its place) on opposite sides.
    Opposite(usize),
    /// They part, or might.
    Apart,
}

/// What all orbits of a fan share.
pub(super) struct Rays<'a> {
    pub(super) place: &'a Place<'a>,
    pub(super) id: usize,
    pub(super) backward: bool,
    pub(super) tolerance: f64,
    pub(super) departure: Departure,
    /// Ids of the points that orbits leave in one direction less than the fan's own, on a circle in one only; below it (backwards
    /// above), nearest in energy first.
    pub(super) targets: Vec<usize>,
    /// Coordinates along their modes, each scaled so that the energy is half the sum of squares with signs.
    whitened: Vec<Option<Whitening>>,
}

impl<'a> Rays<'a> {
    pub(super) fn new(
        place: &'a Place<'a>,
        id: usize,
        backward: bool,
        tolerance: f64,
        departure: Departure,
    ) -> Self {
        let downstream =
            |e: f64| if backward { e > place.nodes[id].energy } else { e < place.nodes[id].energy };
        let directions = place.nodes[id].leaving(backward).len();
        let mut targets: Vec<usize> = (0..place.nodes.len())
            .filter(|&t| {
                place.nodes[t].leaving(backward).len() + 1 == directions && downstream(place.nodes[t].energy)
            })
            .collect();
        targets.sort_by(|a, b| {
            let order = place.nodes[*b].energy.total_cmp(&place.nodes[*a].energy);
            if backward { order.reverse() } else { order }
        });
        let whitened = targets.iter().map(|&t| whitening(place, t)).collect();
        Rays { place, id, backward, tolerance, departure, targets, whitened }
    }

    /// The start with this parameter.
    fn start(&self, line: &Line, param: f64) -> Vec<f64> {
        match line {
            Line::Circle => self.departure.start(&[param.cos(), param.sin()]),
            Line::Segment { from, to, .. } => from.iter().zip(to).map(|(a, b)| a + param * (b - a)).collect(),
        }
    }

    /// The step of the parameter that rounding of the start, and of the gradient there, leaves visible.
    pub(super) fn grain(&self, line: &Line, param: f64) -> f64 {
        let (size, way) = match line {
            Line::Circle => (norm(&self.departure.start(&[param.cos(), param.sin()])), self.departure.radius),
            Line::Segment { from, to, .. } => (norm(from), distance(from, to)),
        };
        let rounding = f64::EPSILON * (size + self.place.scale());
        GRAIN * (rounding / way).max(f64::EPSILON * param.abs())
    }

    /// The orbit with this parameter.
    pub(super) fn shoot(&self, line: &Line, param: f64) -> Ray {
        let (place, backward) = (self.place, self.backward);
        let mut before = match line {
            Line::Circle => Trace::new(&place.nodes[self.id], backward, usize::MAX),
            Line::Segment { before, .. } => before.clone(),
        };
        let start = self.start(line, param);
        // Between the ends of a segment the energy may be higher than where the orbit that led to it was left.
        before.rewind(place.landscape().energy(&start));
        let begin = before.points.len();
        let Course { verdict, passages, trace, .. } =
            follow(place, self.id, backward, &start, self.tolerance, before);
        let sides = self.targets.iter().map(|&t| passages.get(&t)?.side(place, t, backward)).collect();
        let met = (0..place.nodes.len())
            .filter(|&t| place.nodes[t].leaving(backward).len() >= 2)
            .filter_map(|t| Some((t, passages.get(&t)?.gap(place, t, backward))))
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        Ray { param, verdict, sides, met, trace, begin }
    }

    pub(super) fn judge(&self, a: &Ray, b: &Ray) -> Judgement {
        for t in 0..self.targets.len() {
            if let (Some(x), Some(y)) = (a.sides[t], b.sides[t])
                && x.is_sign_positive() != y.is_sign_positive()
            {
                return Judgement::Opposite(t);
            }
        }
        if a.verdict != b.verdict || a.verdict.is_none() {
            return Judgement::Apart;
        }
        for (t, white) in self.whitened.iter().enumerate() {
            if a.sides[t].is_some() && b.sides[t].is_some() {
                continue;
            }
            let node = &self.place.nodes[self.targets[t]];
            let (Some(x), Some(y)) =
                (self.at_level(&a.trace, node.energy), self.at_level(&b.trace, node.energy))
            else {
                continue;
            };
            let from = self.place.difference(&node.x, &x);
            let to: Vec<f64> = from.iter().zip(x.iter().zip(&y)).map(|(f, (x, y))| f + (y - x)).collect();
            let (from, to) = (whiten(white, from), whiten(white, to));
            let between: Vec<f64> = from.iter().zip(&to).map(|(a, b)| b - a).collect();
            if distance_to_segment(&from, &between) <= norm(&between) {
                return Judgement::Apart;
            }
        }
        let wide = WIDE * self.place.scale();
        let mut levels = a.trace.points.iter().zip(&a.trace.energies).skip(1);
        if levels.any(|(x, e)| self.at_level(&b.trace, *e).is_some_and(|y| distance(x, &y) > wide)) {
            return Judgement::Apart;
        }
        Judgement::Together
    }

    /// A displacement from a target (its place) in its whitened coordinates, one for each mode; `None` where not all are known.
    pub(super) fn whitened(&self, t: usize, displacement: Vec<f64>) -> Option<Vec<f64>> {
        let white = &self.whitened[t];
        white.is_some().then(|| whiten(white, displacement))
    }

    /// Where an orbit is at this energy: cubic interpolation between its states, of which the flow tells the slopes. `None` if it
    /// does not come there.
    pub(super) fn at_level(&self, trace: &Trace, energy: f64) -> Option<Vec<f64>> {
        let passed = |e: f64| if self.backward { e >= energy } else { e <= energy };
        let next = trace.energies.partition_point(|e| !passed(*e));
        if next == 0 || next >= trace.energies.len() {
            return None;
        }
        let (e0, e1) = (trace.energies[next - 1], trace.energies[next]);
        let (x0, x1) = (&trace.points[next - 1], &trace.points[next]);
        let step = e1 - e0;
        if step == 0.0 {
            return Some(x1.clone());
        }
        let s = (energy - e0) / step;
        let (s0, s1) = (self.slope(x0), self.slope(x1));
        let chord = distance(x0, x1);
        // Near a critical point energies tell states badly apart: then along the straight line.
        let usable = |v: &[f64]| norm(v) * step.abs() <= 3.0 * chord;
        let bend = usable(&s0) && usable(&s1);
        let value = |i: usize| {
            let line = x0[i] + s * (x1[i] - x0[i]);
            if !bend {
                return line;
            }
            let (a, b) = (s0[i] * step - (x1[i] - x0[i]), (x1[i] - x0[i]) - s1[i] * step);
            line + s * (1.0 - s) * ((1.0 - s) * a + s * b)
        };
        Some((0..x0.len()).map(value).collect())
    }

    /// The derivative of the state by the energy along the orbit.
    fn slope(&self, x: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; x.len()];
        let mut velocity = vec![0.0; x.len()];
        self.place.landscape().gradient(x, &mut gradient);
        self.place.flow().velocity(x, &mut velocity);
        let rate = crate::linalg::dot(&gradient, &velocity);
        velocity.iter().map(|v| v / rate).collect()
    }
}

/// The modes of a target with the square roots of their rates; `None` where not all are known.
fn whitening(place: &Place<'_>, id: usize) -> Option<Whitening> {
    let node = &place.nodes[id];
    let n = node.x.len();
    if node.vectors.ncols() < n {
        return None;
    }
    let unit = |i: usize| {
        let mut e = vec![0.0; n];
        e[i] = 1.0;
        e
    };
    let rows = (0..n).map(|j| (0..n).map(|i| node.coordinate(j, &unit(i))).collect()).collect();
    Some(Whitening { rows, scales: node.values.iter().map(|v| v.abs().sqrt()).collect() })
}

fn whiten(white: &Option<Whitening>, displacement: Vec<f64>) -> Vec<f64> {
    match white {
        None => displacement,
        Some(Whitening { rows, scales }) => {
            rows.iter().zip(scales).map(|(r, s)| s * crate::linalg::dot(r, &displacement)).collect()
        }
    }
}

/// Distance of the origin from the segment `from + s between`.
fn distance_to_segment(from: &[f64], between: &[f64]) -> f64 {
    let square = crate::linalg::dot(between, between);
    let s = if square > 0.0 { (-crate::linalg::dot(from, between) / square).clamp(0.0, 1.0) } else { 0.0 };
    from.iter().zip(between).map(|(a, b)| (a + s * b) * (a + s * b)).sum::<f64>().sqrt()
}
