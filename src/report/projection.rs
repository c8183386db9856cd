//! Landscapes of more than two dimensions in a plane: critical points, orbits and data, projected.
//!
//! The plane is that in which the critical points spread most (principal component analysis, Pearson 1901), or that of two axes that
//! were chosen. A projection has no level lines, and orbits that cross in it need not meet.

use faer::MatRef;

use super::canvas::{TOLERANCE, document};
use super::frame::{Frame, axes, legend, legend_height, ticks, title as heading};
use super::geometry::{P, needed};
use super::plane::Plane;
use super::quantity::Quantity;
use super::scene::{Kind, LEFT, RIGHT, Scene, WIDTH, around, framed};
use crate::connection::{Loose, MorseGraph, Orbit};
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::export::{check_graph, table};

/// A projection, to be drawn or written down.
pub struct Projection<'a> {
    scene: (&'a CriticalSet, &'a MorseGraph, Option<MatRef<'a, f64>>),
    plane: Plane,
}

/// A row of the table: what it is, its number, the piece of an orbit, and its energy and place.
type Line = (&'static str, usize, usize, f64, P);

impl<'a> Projection<'a> {
    /// The projection of a graph, and of data (one a column) where there are any, on the plane of the chosen axes, else on that in
    /// which the critical points spread most. `None` if there is nothing to see: no critical point, or without chosen axes all in one place.
    ///
    /// # Errors
    /// If the graph does not fit the set, or an axis the landscape.
    pub fn new(
        set: &'a CriticalSet,
        graph: &'a MorseGraph,
        data: Option<MatRef<'a, f64>>,
        chosen: Option<&[Quantity; 2]>,
    ) -> Result<Option<Projection<'a>>> {
        check_graph(set, graph)?;
        let n = set.region.dim();
        for axis in chosen.into_iter().flatten() {
            let misfit = axis.misfit(n).or_else(|| {
                let energy = *axis == Quantity::Energy && !set.has_energy();
                energy.then(|| "a field has no energy".to_owned())
            });
            if let Some(why) = misfit {
                return Err(Error::input(format!("an axis does not fit the landscape: {why}")));
            }
        }
        if set.points.is_empty() && set.degenerate.is_empty() {
            return Ok(None);
        }
        let points: Vec<&[f64]> = set.points.iter().map(|p| p.x.as_slice()).collect();
        Ok(Plane::new(&points, chosen).map(|plane| Projection { scene: (set, graph, data), plane }))
    }

    fn scene(&self) -> Scene<'_> {
        let (set, graph, data) = self.scene;
        Scene { set, graph, data, plane: Some(&self.plane) }
    }

    /// The picture as an SVG document.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn svg(&self, title: &str) -> Result<String> {
        let scene = self.scene();
        let entries = scene.entries(["orbit from index 1", "orbit from a higher index"]);
        let frame = self.window(48.0 + legend_height(&entries, WIDTH - LEFT - RIGHT) + 8.0);
        document((WIDTH, frame.high.1 + 62.0), title, &[], |canvas| {
            scene.draw(canvas, &frame)?;
            let ([across, up], x, y) = (self.plane.names(), ticks(frame.x, 8), ticks(frame.y, 8));
            axes(canvas, &frame, (&x, &across), (&y, &up))?;
            heading(canvas, title, WIDTH)?;
            legend(canvas, &entries, (LEFT, 46.0), WIDTH - LEFT - RIGHT)
        })
    }

    /// `projection.csv`: what is drawn, `what,number,piece,energy,abscissa,ordinate`. Of an orbit it has the points without which the
    /// line in the picture would be another; it has several pieces where it goes round a period.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn csv(&self) -> Result<String> {
        let number = |v: f64| if v.is_finite() { format!("{v:?}") } else { String::new() };
        let rows = self.lines().into_iter().map(|(what, of, piece, energy, (x, y))| {
            vec![what.into(), of.to_string(), piece.to_string(), number(energy), number(x), number(y)]
        });
        table(&["what", "number", "piece", "energy", "abscissa", "ordinate"], 0, rows)
    }

    fn lines(&self) -> Vec<Line> {
        let (scene, (set, graph, _)) = (self.scene(), self.scene);
        let mut lines: Vec<Line> = vec![];
        for (id, p) in set.points.iter().enumerate() {
            lines.extend(scene.places(&p.x, p.energy).into_iter().map(|at| ("point", id, 0, p.energy, at)));
        }
        for (number, family) in set.degenerate.iter().enumerate() {
            for (k, x) in std::iter::once(&family.x).chain(&family.samples).enumerate() {
                let places = scene.places(x, family.energy).into_iter();
                lines.extend(places.map(|at| ("degenerate", number, k, family.energy, at)));
            }
        }
        let frame = self.window(0.0);
        let mut orbit = |what: &'static str, number: usize, orbit: &Orbit| {
            for (k, piece) in scene.pieces(orbit).into_iter().enumerate() {
                let placed: Vec<P> = piece.iter().map(|(_, p)| frame.place(*p)).collect();
                let kept = needed(&placed, TOLERANCE).into_iter().map(|i| piece[i]);
                lines.extend(kept.map(|(energy, at)| (what, number, k, energy, at)));
            }
        };
        for (number, c) in graph.connections.iter().enumerate() {
            orbit("connection", number, &c.orbit);
        }
        for (number, loose) in graph.loose.iter().enumerate() {
            match loose {
                Loose::Exit { orbit: o, .. } => orbit("exit", number, o),
                Loose::Degenerate { orbit: o, .. } => orbit("to degenerate", number, o),
                Loose::Lost { orbit: o, .. } => orbit("lost", number, o),
                Loose::NotTransverse { orbit: o, .. } => orbit("not transverse", number, o),
            }
        }
        lines.extend(scene.data().into_iter().map(|(j, at)| ("data", j, 0, f64::NAN, at)));
        lines.retain(|(.., at)| at.0.is_finite() && at.1.is_finite());
        lines
    }

    /// What is shown: the points, the families and the orbits between points; and where on the sheet.
    fn window(&self, top: f64) -> Frame {
        let (scene, set) = (self.scene(), self.scene.0);
        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        let mut show = |p: P| {
            if p.0.is_finite() && p.1.is_finite() {
                low = [low[0].min(p.0), low[1].min(p.1)];
                high = [high[0].max(p.0), high[1].max(p.1)];
            }
        };
        let families = set.degenerate.iter();
        let families = families.flat_map(|f| std::iter::once(&f.x).chain(&f.samples).map(|x| (x, f.energy)));
        for (x, energy) in set.points.iter().map(|p| (&p.x, p.energy)).chain(families) {
            scene.places(x, energy).into_iter().for_each(&mut show);
        }
        for (_, orbit) in scene.orbits().into_iter().filter(|(kind, _)| matches!(kind, Kind::Connection(_))) {
            scene.pieces(orbit).into_iter().flatten().for_each(|(_, p)| show(p));
        }
        let sides = [high[0] - low[0], high[1] - low[1]];
        let comparable = sides[0] <= 4.0 * sides[1] && sides[1] <= 4.0 * sides[0];
        let scale = match self.plane.is_metric() || comparable {
            true => [1.0, 1.0],
            // One that all share has no side.
            false => [0, 1].map(|i| if sides[i] > 0.0 { sides[i] } else { high[i].abs().max(1.0) }),
        };
        let unit = |i: usize| (low[i] - scale[i], low[i] + scale[i]);
        let [x, y] = around(low, high, scale).unwrap_or([unit(0), unit(1)]);
        framed(x, y, scale, top)
    }
}
