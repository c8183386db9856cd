//! The portrait in one dimension: the graph of the energy with its critical points, or that of a field that has none
//! with its zeros.

use super::canvas::{Horizontal, Pen, Vertical, document};
use super::frame::{Frame, Symbol, axes, legend, legend_height, point_entries, ticks, title as heading};
use super::geometry::{P, clipped};
use super::portrait::energies;
use super::scene::{WIDTH, corners};
use super::style::{GREY, INK, hollow, label, marker};
use crate::critical::CriticalSet;
use crate::error::Result;
use crate::export::thinned;
use crate::landscape::Landscape;

const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;
const SAMPLES: usize = 1200;
const DATA: Pen = Pen { color: GREY, width: 1.0, alpha: 0.7 };

pub(super) fn profile(landscape: &dyn Landscape, set: &CriticalSet, title: &str) -> Result<String> {
    let mut entries = point_entries(set);
    if landscape.data().is_some_and(|d| d.ncols() > 0) {
        entries.push((Symbol::Tick(DATA), "data".into()));
    }
    let top = 48.0 + legend_height(&entries, WIDTH - LEFT - RIGHT) + 8.0;
    let x = shown(set);
    let at = |i: usize| x.0 + (x.1 - x.0) * i as f64 / (SAMPLES - 1) as f64;
    let with_energy = set.has_energy() && landscape.has_energy();
    let heights_there = match with_energy {
        true => energies(landscape, SAMPLES, |i, point| point[0] = at(i)),
        false => (0..SAMPLES).map(|i| velocity(landscape, at(i))).collect(),
    };
    let height = |energy: f64| if with_energy { energy } else { 0.0 };
    let curve: Vec<P> = (0..SAMPLES).map(at).zip(heights_there).collect();
    let special: Vec<(f64, f64)> = set.points.iter().map(|p| (p.x[0], height(p.energy))).collect();
    let y = heights(&curve, &special);
    let frame = Frame { low: (LEFT, top), high: (WIDTH - RIGHT, top + 440.0), x, y };
    document((WIDTH, frame.high.1 + 62.0), title, &[], |canvas| {
        if !with_energy {
            let zero = [frame.place((x.0, 0.0)), frame.place((x.1, 0.0))];
            canvas.line(&zero, Pen { color: GREY, width: 0.8, alpha: 1.0 })?;
        }
        let placed: Vec<P> = curve.iter().map(|&p| frame.place(p)).collect();
        for part in clipped(&placed, frame.low, frame.high) {
            canvas.line(&part, Pen { color: INK, width: 1.8, alpha: 1.0 })?;
        }
        if let Some(data) = landscape.data() {
            for j in thinned(data.ncols(), 2000) {
                let (at, _) = frame.place((data[(0, j)], y.0));
                if at >= frame.low.0 && at <= frame.high.0 {
                    let tick = [(at, frame.high.1 - 9.0), (at, frame.high.1)];
                    canvas.line(&tick, DATA)?;
                }
            }
        }
        for f in &set.degenerate {
            hollow(canvas, frame.place((f.x[0], height(f.energy))), 6.0)?;
        }
        for (id, p) in set.points.iter().enumerate() {
            let at = frame.place((p.x[0], height(p.energy)));
            marker(canvas, p.index, at, 6.0, true)?;
            if set.points.len() <= 40 {
                let below = if p.index == 0 { 20.0 } else { -10.0 };
                label(canvas, (at.0, at.1 + below), id, 12.0, (Horizontal::Center, Vertical::Bottom))?;
            }
        }
        axes(
            canvas,
            &frame,
            (&ticks(x, 8), "x0"),
            (&ticks(y, 7), if with_energy { "energy" } else { "velocity" }),
        )?;
        heading(canvas, title, WIDTH)?;
        legend(canvas, &entries, (LEFT, 46.0), WIDTH - LEFT - RIGHT)
    })
}

/// So many places evenly spread over what the picture shows, ends included, and five times as many as asked for: there is but one
/// dimension to spread them over.
pub(super) fn places(set: &CriticalSet, count: usize) -> Vec<Vec<f64>> {
    let (low, high) = shown(set);
    let count = 5 * count;
    (0..count).map(|i| vec![low + (high - low) * i as f64 / (count - 1) as f64]).collect()
}

/// The velocity of a field on the line.
fn velocity(landscape: &dyn Landscape, x: f64) -> f64 {
    let mut against = [0.0];
    landscape.gradient(&[x], &mut against);
    -against[0]
}

/// The interval around the critical points, within the region.
fn shown(set: &CriticalSet) -> (f64, f64) {
    let (low, high) = corners(&set.region);
    let places = set.points.iter().map(|p| p.x[0]).chain(set.degenerate.iter().map(|f| f.x[0]));
    let (a, b) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    if b <= a || set.region.is_periodic() || !(b - a).is_finite() {
        return (low[0], high[0]);
    }
    let margin = 0.35 * (b - a);
    ((a - margin).max(low[0]), (b + margin).min(high[0]))
}

/// The range of energies: the critical values with room above and below; the curve's own where they are all equal.
fn heights(curve: &[P], special: &[(f64, f64)]) -> (f64, f64) {
    let range = |values: &[P]| {
        values
            .iter()
            .map(|p| p.1)
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
    };
    let (curve_low, curve_high) = range(curve);
    let (low, high) = range(special);
    let spread = high - low;
    let (a, b) = if spread > 1e-9 * (curve_high - curve_low).max(0.0) && spread.is_finite() {
        (low - 0.15 * spread, (high + 0.5 * spread).min(curve_high.max(high) + 0.1 * spread))
    } else {
        let margin = 0.08 * (curve_high - curve_low);
        (curve_low - margin, curve_high + margin)
    };
    if b > a && (b - a).is_finite() { (a, b) } else { (-1.0, 1.0) }
}
