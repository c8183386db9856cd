//! `[graph] manifolds`: unstable manifolds of critical points, a file each.

use rayon::prelude::*;
use serde_json::{Value, json};

use super::Manifolds;
use crate::control::{Control, Progress};
use crate::critical::CriticalSet;
use crate::error::Result;
use crate::export;
use crate::landscape::Landscape;
use crate::manifold::{CurveEnd, Scene, Stability, curve, surface};

/// Name and content.
type File = (String, Vec<u8>);

/// Manifolds computed at a time before progress is told.
const BATCH: usize = 16;

/// A manifold: its entry in the summary, and its file if there is one.
type Entry = (Value, Option<(String, Vec<u8>)>);

/// Files of the unstable manifolds asked for, and their list in the summary.
pub(super) fn files(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    asked: Manifolds,
    control: &Control<'_>,
) -> Result<(Vec<File>, Value)> {
    let most = match asked {
        Manifolds::None => 0,
        Manifolds::Curves => 1,
        Manifolds::Surfaces => 2,
    };
    let reduced = landscape.reduce();
    let scene = Scene::new(landscape, reduced.as_ref(), &set.region, &set.points);
    let ids: Vec<usize> =
        (0..set.points.len()).filter(|id| (1..=most).contains(&set.points[*id].index)).collect();
    let (mut files, mut list) = (vec![], vec![]);
    for (k, batch) in ids.chunks(BATCH).enumerate() {
        if control.stopped() {
            break;
        }
        let done = k * BATCH;
        (control.progress)(Progress { stage: "manifolds", done, total: ids.len(), note: "" });
        let made: Vec<Entry> =
            batch.par_iter().map(|id| one(&scene, set, *id, control)).collect::<Result<_>>()?;
        for (entry, file) in made {
            list.push(entry);
            files.extend(file);
        }
    }
    Ok((files, list.into()))
}

fn one(scene: &Scene<'_>, set: &CriticalSet, id: usize, control: &Control<'_>) -> Result<Entry> {
    let name = format!("manifold-{id}.vtp");
    let which = Stability::Unstable;
    let refused = |e: crate::Error| (json!({ "point": id, "open": e.to_string() }), None);
    if set.points[id].index == 1 {
        let curves = match curve::curves(scene, id, which, &curve::Options::default()) {
            Ok(curves) => curves,
            Err(e) => return Ok(refused(e)),
        };
        let end = |c: &curve::Curve| match &c.end {
            CurveEnd::Critical(id) => json!({ "point": id }),
            CurveEnd::Boundary => "boundary".into(),
            CurveEnd::Length => "length".into(),
            CurveEnd::Lost(reason) => json!({ "lost": reason }),
        };
        let entry = json!({
            "point": id,
            "dimension": 1,
            "file": name,
            "ends": curves.iter().map(end).collect::<Vec<_>>(),
            "length": curves.iter().filter_map(|c| c.lengths.last()).sum::<f64>(),
            "level": export::level_name(curves[0].level),
        });
        return Ok((entry, Some((name, export::curves_vtp(&curves)?))));
    }
    let surface = match surface::surface(scene, id, which, &surface::Options::default(), control) {
        Ok(surface) => surface,
        Err(e) => return Ok(refused(e)),
    };
    let entry = json!({
        "point": id,
        "dimension": 2,
        "file": name,
        "ends": surface.ends,
        "leaves": surface.leaves,
        "area": surface.area(),
        "open": surface.open,
        "level": export::level_name(surface.level),
    });
    Ok((entry, Some((name, export::surface_vtp(&surface)?))))
}
