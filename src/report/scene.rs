//! What portraits and projections have in common: critical points, degenerate families, orbits and data in a plane.

use faer::MatRef;

use super::canvas::{Canvas, Color, Horizontal, Pen, Vertical};
use super::frame::{Frame, Symbol, point_entries};
use super::geometry::{P, clipped, middle};
use super::plane::Plane;
use super::style::{ALARM, GREY, INK, hollow, label, marker};
use crate::connection::{Loose, MorseGraph, Orbit};
use crate::critical::CriticalSet;
use crate::error::Result;
use crate::export::thinned;
use crate::landscape::{Region, Shape};

/// Width of the sheet in pixels.
pub(super) const WIDTH: f64 = 900.0;
pub(super) const LEFT: f64 = 84.0;
pub(super) const RIGHT: f64 = 24.0;
/// Data points that are drawn at most.
pub(super) const MOST_DATA: usize = 4000;
/// Critical points carry their ids up to this many.
const MOST_LABELS: usize = 40;
/// Orbits carry an arrow up to this many.
const MOST_ARROWS: usize = 150;
/// From so many orbits on they are drawn thin.
const MANY_ORBITS: usize = 600;
/// Markers of one family stand at least so many pixels apart.
const APART: f64 = 9.0;

const UNSTABLE: Pen = Pen { color: INK, width: 1.7, alpha: 1.0 };
const STABLE: Pen = Pen { color: Color(0, 110, 85), width: 1.5, alpha: 1.0 };
const LEAVING: Pen = Pen { color: Color(90, 90, 90), width: 0.9, alpha: 1.0 };
const FORBIDDEN: Pen = Pen { color: ALARM, width: 2.4, alpha: 1.0 };

/// What is drawn, and how states come to lie in the plane.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) set: &'a CriticalSet,
    pub(super) graph: &'a MorseGraph,
    /// One a column.
    pub(super) data: Option<MatRef<'a, f64>>,
    /// Onto what is projected; `None` if the plane is the landscape itself.
    pub(super) plane: Option<&'a Plane>,
}

/// What an orbit is to the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It joins a point of this index to one below.
    Connection(usize),
    /// It leads elsewhere.
    Other,
    /// It joins two saddles that a structurally stable flow does not join.
    Forbidden,
}

impl Kind {
    /// Pen, and whether the line is dashed.
    fn pen(self) -> (Pen, bool) {
        match self {
            Kind::Connection(1) => (UNSTABLE, false),
            Kind::Connection(_) => (STABLE, true),
            Kind::Other => (LEAVING, false),
            Kind::Forbidden => (FORBIDDEN, false),
        }
    }
}

impl<'a> Scene<'a> {
    /// All orbits, those last that lie over the others.
    pub(super) fn orbits(&self) -> Vec<(Kind, &'a Orbit)> {
        let mut below = vec![];
        let mut above = vec![];
        for loose in &self.graph.loose {
            match loose {
                Loose::Exit { orbit, .. } | Loose::Degenerate { orbit, .. } | Loose::Lost { orbit, .. } => {
                    below.push((Kind::Other, orbit));
                }
                Loose::NotTransverse { orbit, .. } => above.push((Kind::Forbidden, orbit)),
            }
        }
        let kind = |from: usize| Kind::Connection(self.set.points[from].index);
        below.extend(self.graph.connections.iter().map(|c| (kind(c.from), &c.orbit)));
        below.append(&mut above);
        below
    }

    /// The orbit in the plane, with its energies, in pieces that do not jump: a piece ends beyond the edge of the period box where the
    /// next one enters.
    pub(super) fn pieces(&self, orbit: &Orbit) -> Vec<Vec<(f64, P)>> {
        let n = self.set.region.dim();
        let energy = |k: usize| orbit.energies.get(k).copied().unwrap_or(f64::NAN);
        let fits = |x: &[f64]| x.len() == n && x.iter().all(|x| x.is_finite());
        let points = orbit.points.iter().enumerate().filter(|(_, x)| fits(x));
        unrolled(&self.set.region, points)
            .into_iter()
            .map(|piece| piece.iter().map(|(k, x)| (energy(*k), self.project(x, energy(*k)))).collect())
            .collect()
    }

    fn project(&self, x: &[f64], energy: f64) -> P {
        self.plane.map_or_else(|| (x[0], x[1]), |plane| plane.place(x, energy))
    }

    /// Where a state is in the plane: in a period box that is shown itself also on the other side, if it lies on its edge.
    pub(super) fn places(&self, x: &[f64], energy: f64) -> Vec<P> {
        let region = &self.set.region;
        let mut wrapped = x.to_vec();
        region.wrap(&mut wrapped);
        match self.plane {
            Some(plane) => vec![plane.place(&wrapped, energy)],
            None => copies(region, &wrapped),
        }
    }

    /// By how much curves are moved to be seen on every side: one along the edge of a period box lies on both.
    fn shifts(&self) -> Vec<P> {
        let along = |i: usize| match self.plane {
            None => self.set.region.period_of(i).map_or(vec![0.0], |p| vec![0.0, -p, p]),
            Some(_) => vec![0.0],
        };
        let up = along(1);
        along(0).into_iter().flat_map(|a| up.iter().map(move |&b| (a, b)).collect::<Vec<_>>()).collect()
    }

    /// Entries of the legend; the two names are those of connections from index 1 and from above.
    pub(super) fn entries(&self, names: [&str; 2]) -> Vec<(Symbol, String)> {
        let Scene { set, graph, data, .. } = self;
        let mut out = point_entries(set);
        let from =
            |wanted: fn(usize) -> bool| graph.connections.iter().any(|c| wanted(set.points[c.from].index));
        if from(|index| index == 1) {
            out.push((Symbol::Line(UNSTABLE), names[0].into()));
        }
        if from(|index| index > 1) {
            out.push((Symbol::Dashed(STABLE), names[1].into()));
        }
        let forbidden = |l: &Loose| matches!(l, Loose::NotTransverse { .. });
        if graph.loose.iter().any(|l| !forbidden(l)) {
            out.push((Symbol::Line(LEAVING), "other orbit".into()));
        }
        if graph.loose.iter().any(forbidden) {
            out.push((Symbol::Line(FORBIDDEN), "saddle to saddle".into()));
        }
        if data.is_some_and(|d| d.ncols() > 0) {
            out.push((Symbol::Dot(GREY), "data".into()));
        }
        out
    }

    /// Draws all of it, the critical points on top.
    pub(super) fn draw(&self, canvas: &mut Canvas, frame: &Frame) -> Result<()> {
        self.draw_data(canvas, frame)?;
        self.draw_families(canvas, frame)?;
        let orbits = self.orbits();
        for (kind, orbit) in &orbits {
            self.draw_orbit(canvas, *kind, orbit, frame, orbits.len())?;
        }
        self.draw_points(canvas, frame)
    }

    fn draw_data(&self, canvas: &mut Canvas, frame: &Frame) -> Result<()> {
        let radius = if self.data.is_some_and(|data| data.ncols() > 300) { 1.4 } else { 2.2 };
        for (_, p) in self.data() {
            if visible(frame, p) {
                canvas.disc(frame.place(p), radius, GREY, 0.8)?;
            }
        }
        Ok(())
    }

    /// The data, as many as are drawn, by their numbers. Their energies are not known.
    pub(super) fn data(&self) -> Vec<(usize, P)> {
        let Some(data) = self.data.filter(|data| data.nrows() == self.set.region.dim()) else {
            return vec![];
        };
        let place = |j: usize| {
            let mut x: Vec<f64> = data.col(j).iter().copied().collect();
            self.set.region.wrap(&mut x);
            (j, self.project(&x, f64::NAN))
        };
        thinned(data.ncols(), MOST_DATA).into_iter().map(place).collect()
    }

    fn draw_families(&self, canvas: &mut Canvas, frame: &Frame) -> Result<()> {
        for family in &self.set.degenerate {
            let radius = if family.dimension == 0 { 5.5 } else { 4.0 };
            let mut drawn: Vec<P> = vec![];
            for x in std::iter::once(&family.x).chain(&family.samples) {
                for p in self.places(x, family.energy).into_iter().filter(|&p| visible(frame, p)) {
                    let at = frame.place(p);
                    if drawn.iter().all(|d| (d.0 - at.0).hypot(d.1 - at.1) >= APART) {
                        hollow(canvas, at, radius)?;
                        drawn.push(at);
                    }
                }
            }
        }
        Ok(())
    }

    fn draw_orbit(
        &self,
        canvas: &mut Canvas,
        kind: Kind,
        orbit: &Orbit,
        frame: &Frame,
        all: usize,
    ) -> Result<()> {
        let (mut pen, dashed) = kind.pen();
        if all > MANY_ORBITS && kind != Kind::Forbidden {
            pen = Pen { width: 0.4 * pen.width, alpha: 0.6, ..pen };
        }
        let mut parts: Vec<Vec<P>> = Vec::new();
        for piece in self.pieces(orbit) {
            for (across, up) in self.shifts() {
                let placed: Vec<P> =
                    piece.iter().map(|(_, p)| frame.place((p.0 + across, p.1 + up))).collect();
                parts.extend(clipped(&placed, frame.low, frame.high));
            }
        }
        for part in &parts {
            if dashed { canvas.dashed(part, pen)? } else { canvas.line(part, pen)? }
        }
        let length = |p: &Vec<P>| p.windows(2).map(|w| (w[0].0 - w[1].0).hypot(w[0].1 - w[1].1)).sum::<f64>();
        let longest = parts.iter().max_by(|a, b| length(a).total_cmp(&length(b)));
        if let (true, Some((at, (dx, dy)))) = (all <= MOST_ARROWS, longest.and_then(|p| middle(p, 30.0))) {
            let corner =
                |along: f64, across: f64| (at.0 + along * dx - across * dy, at.1 + along * dy + across * dx);
            canvas.polygon(&[corner(5.5, 0.0), corner(-3.5, 3.6), corner(-3.5, -3.6)], pen.color)?;
        }
        Ok(())
    }

    fn draw_points(&self, canvas: &mut Canvas, frame: &Frame) -> Result<()> {
        let points = &self.set.points;
        let radius = match points.len() {
            0..=30 => 6.0,
            31..=120 => 4.6,
            _ => 3.2,
        };
        // Minima last, so that they are never hidden.
        for (id, p) in points.iter().enumerate().rev() {
            for place in self.places(&p.x, p.energy).into_iter().filter(|&p| visible(frame, p)) {
                let at = frame.place(place);
                marker(canvas, p.index, at, radius, true)?;
                if points.len() <= MOST_LABELS {
                    let left = at.0 > frame.high.0 - 30.0;
                    let (side, horizontal) =
                        if left { (-1.0, Horizontal::Right) } else { (1.0, Horizontal::Left) };
                    let beside = (at.0 + side * (radius + 1.5), at.1 - radius * 0.6);
                    label(canvas, beside, id, 12.0, (horizontal, Vertical::Bottom))?;
                }
            }
        }
        Ok(())
    }
}

/// What to show across and up of what lies between two corners: a margin around it, and of neither direction much less than of the
/// other, in units of `scale`. `None` if it is a single point, or has no end.
pub(super) fn around(low: [f64; 2], high: [f64; 2], scale: [f64; 2]) -> Option<[(f64, f64); 2]> {
    let widest = (0..2).map(|i| (high[i] - low[i]) / scale[i]).fold(0.0, f64::max);
    let range = |i: usize| {
        let half = (0.5 * (high[i] - low[i]) / scale[i]).max(0.3 * widest) + 0.16 * widest;
        let middle = 0.5 * (low[i] + high[i]);
        (middle - half * scale[i], middle + half * scale[i])
    };
    (widest > 0.0 && widest.is_finite()).then(|| [range(0), range(1)])
}

/// The frame of a sheet that shows a range of the plane, below what `top` leaves for title and legend; `scale` are lengths across and
/// up that are drawn alike.
pub(super) fn framed(x: (f64, f64), y: (f64, f64), scale: [f64; 2], top: f64) -> Frame {
    let ratio = ((y.1 - y.0) / scale[1]) / ((x.1 - x.0) / scale[0]);
    let full = WIDTH - LEFT - RIGHT;
    let height = (full * ratio).clamp(260.0, 640.0);
    let width = (height / ratio).clamp(320.0, full);
    let left = LEFT + 0.5 * (full - width);
    Frame { low: (left, top), high: (left + width, top + height), x, y }
}

fn visible(frame: &Frame, p: P) -> bool {
    let within = |v: f64, range: (f64, f64)| v >= range.0 && v <= range.1;
    within(p.0, frame.x) && within(p.1, frame.y)
}

/// The points of an orbit, with their numbers, in pieces that do not jump.
fn unrolled<'a>(
    region: &Region,
    points: impl Iterator<Item = (usize, &'a Vec<f64>)>,
) -> Vec<Vec<(usize, Vec<f64>)>> {
    let mut pieces: Vec<Vec<(usize, Vec<f64>)>> = vec![vec![]];
    let mut last: Option<Vec<f64>> = None;
    for (k, point) in points {
        let mut x = point.clone();
        region.wrap(&mut x);
        if let Some(before) = last.as_ref().filter(|_| region.is_periodic()) {
            let step = region.difference(before, &x);
            let ahead: Vec<f64> = before.iter().zip(&step).map(|(x, s)| x + s).collect();
            let half = |i: usize| region.period_of(i).map_or(f64::INFINITY, |p| 0.5 * p);
            if (0..x.len()).any(|i| (ahead[i] - x[i]).abs() > half(i)) {
                if let Some(piece) = pieces.last_mut() {
                    piece.push((k, ahead));
                }
                pieces.push(vec![(k, x.iter().zip(&step).map(|(x, s)| x - s).collect())]);
            }
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push((k, x.clone()));
        }
        last = Some(x);
    }
    pieces
}

/// Lower and upper corner of the smallest box around the region.
pub(super) fn corners(region: &Region) -> (Vec<f64>, Vec<f64>) {
    match &region.shape {
        Shape::Ball { center, radius } => {
            (center.iter().map(|c| c - radius).collect(), center.iter().map(|c| c + radius).collect())
        }
        Shape::Box { lower, upper } => (lower.clone(), upper.clone()),
    }
}

/// The point of a period box, and its copies on the other side where it lies on the edge.
fn copies(region: &Region, wrapped: &[f64]) -> Vec<P> {
    let (low, high) = corners(region);
    let places = |i: usize| {
        let mut out = vec![wrapped[i]];
        if let Some(period) = region.period_of(i) {
            if wrapped[i] - low[i] < 1e-6 * period {
                out.push(high[i]);
            } else if high[i] - wrapped[i] < 1e-6 * period {
                out.push(low[i]);
            }
        }
        out
    };
    let (across, up) = (places(0), places(1));
    across.iter().flat_map(|&a| up.iter().map(move |&b| (a, b))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_breaks_where_it_wraps() {
        let region = Region {
            shape: Shape::Box { lower: vec![0.0, -1.0], upper: vec![1.0, 1.0] },
            period: vec![Some(1.0), None],
        };
        let points: Vec<Vec<f64>> = (0..=10).map(|i| vec![0.75 + 0.05 * f64::from(i), 0.0]).collect();
        let pieces = unrolled(&region, points.iter().enumerate());
        assert_eq!(pieces.len(), 2);
        // The first piece ends at or beyond the right edge, the second starts at or before the left one.
        assert!(pieces[0].last().unwrap().1[0] >= 1.0 - 1e-12 && pieces[1][0].1[0] <= 1e-12);
        assert!(pieces.iter().flatten().all(|(_, x)| (-0.06..=1.06).contains(&x[0])));
    }

    #[test]
    fn points_on_the_edge_of_a_torus_are_shown_on_both_sides() {
        let region = Region {
            shape: Shape::Box { lower: vec![0.0, 0.0], upper: vec![1.0, 1.0] },
            period: vec![Some(1.0), Some(1.0)],
        };
        let shown = |x: [f64; 2]| {
            let mut x = x.to_vec();
            region.wrap(&mut x);
            copies(&region, &x)
        };
        assert_eq!(shown([0.0, 1.0]).len(), 4);
        assert_eq!(shown([0.5, 1.0]).len(), 2);
        assert_eq!(shown([0.5, 0.5]), [(0.5, 0.5)]);
    }
}
