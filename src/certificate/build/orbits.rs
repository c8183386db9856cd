//! All halves that a level asks for, and the largest radius at which they hold.
//!
//! A pair that is proven at one radius is so at every smaller one. So all pairs are tried at the largest, those that fail at a quarter of it, and
//! so on; then the radius is looked for between the last two, where only pairs that failed at the larger are tried. In many dimensions, where
//! a pair takes long, it is quartered batch by batch, each from where the one before came to, and left at that. What is found depends on no
//! order of threads: of a radius at which some pair fails nothing is kept but the first that does.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rayon::prelude::*;

use super::edges::{self, Pair};
use super::parts::{Parts, Proven};
use super::{Builder, Failure, ORBIT, QUARTERS, STEPS, Search, sentence};
use crate::certificate::format::{Edge, Level, Zero};
use crate::control::Progress;

/// Above this dimension, where a tube takes long, the radius is found to within a factor of four, from a tenth of that of the points ..
const MANY: usize = 16;
/// .. through so many quarterings.
const FEW_QUARTERS: i32 = 6;
/// What may be done about that.
const GIVEN: &str = "a larger `[certify] e0`, which is then proven or refused";
/// Pairs followed between two messages of progress.
const BATCH: usize = 32;

/// The pairs, and the largest radius at which each was proven, with its halves.
struct Tubes<'a> {
    b: &'a Builder<'a>,
    parts: &'a Parts,
    length: f64,
    pairs: Vec<Pair>,
    proven: Vec<Option<(f64, [Edge; 2])>>,
}

/// Those that were not proven, and why not.
type Failed = BTreeMap<usize, Failure>;

/// Where a radius came to that was quartered until pairs were proven.
struct Fallen {
    /// At this all but the failed are.
    radius: f64,
    /// The first that was not at four times as much.
    limit: Option<(usize, Failure)>,
    /// These are not at any that was tried.
    failed: Failed,
}

impl Tubes<'_> {
    fn zeros(&self, e0: f64) -> Result<(Vec<Zero>, f64), String> {
        let e1 = if self.length > 0.0 { e0 / self.length } else { 0.0 };
        Ok((self.b.zeros(e0, e1).map_err(|why| format!("points: {why}"))?, e1))
    }

    fn one(&self, k: usize, zeros: &[Zero], e0: f64, e1: f64) -> Proven {
        let pair = self.pairs[k];
        if let Some(known) = self.parts.known(pair, e0, self.length) {
            return known;
        }
        let place = || self.b.sites[pair.of].x.clone();
        let found = edges::pair(self.b, zeros, pair, e0, e1).map_err(|why| (place(), why));
        // What was stopped is no answer.
        if !self.b.control.stopped() {
            self.parts.keep(pair, e0, self.length, &found);
        }
        found
    }

    fn interrupted(&self) -> Result<(), String> {
        if self.b.control.stopped() { Err("the computation was interrupted".into()) } else { Ok(()) }
    }

    /// Tries pairs at a radius and keeps those that are proven.
    fn each(&mut self, e0: f64, open: &[usize]) -> Result<Failed, String> {
        let (zeros, e1) = self.zeros(e0)?;
        let mut failed = Failed::new();
        let total = 2 * self.pairs.len();
        for batch in open.chunks(BATCH) {
            let done = 2 * self.proven.iter().flatten().count();
            (self.b.control.progress)(Progress { stage: "tubes", done, total, note: "" });
            let found: Vec<Proven> = batch.par_iter().map(|k| self.one(*k, &zeros, e0, e1)).collect();
            self.interrupted()?;
            for (k, found) in batch.iter().zip(found) {
                match found {
                    Ok(edges) => self.proven[*k] = Some((e0, edges)),
                    Err(why) => drop(failed.insert(*k, why)),
                }
            }
        }
        Ok(failed)
    }

    /// Quarters a radius at which some pairs are not proven until they are, or it would be below the least.
    fn descend(&mut self, failed: Failed, from: f64, least: f64) -> Result<Fallen, String> {
        let mut tried = vec![];
        let (mut e0, mut failed) = (from, failed);
        while !failed.is_empty() && 0.25 * e0 >= least {
            let open: Vec<usize> = failed.keys().copied().collect();
            tried.push((e0, failed));
            e0 *= 0.25;
            failed = self.each(e0, &open)?;
        }
        // The radius is not lowered for those that fail whatever it is.
        let lowered = |(_, before): &(f64, Failed)| before.keys().any(|k| !failed.contains_key(k));
        while tried.last().is_some_and(|last| !lowered(last)) {
            tried.pop();
        }
        let radius = tried.last().map_or(from, |(e0, _)| 0.25 * e0);
        let mut before = tried.pop().map(|(_, before)| before).unwrap_or_default();
        before.retain(|k, _| !failed.contains_key(k));
        Ok(Fallen { radius, limit: before.pop_first(), failed })
    }

    /// The largest radius between one at which these pairs are proven and one at which not all are, nearly; and the pair that fails above.
    fn between(
        &mut self,
        mut low: f64,
        mut high: f64,
        ids: &[usize],
        mut limit: Option<(usize, Failure)>,
    ) -> Result<(f64, Option<(usize, Failure)>), String> {
        let mut order = ids.to_vec();
        let total = 2 * self.pairs.len();
        for _ in 0..STEPS {
            (self.b.control.progress)(Progress { stage: "tubes", done: total, total, note: "radius" });
            let middle = (low * high).sqrt();
            // That which failed last is likely to be the first to fail again.
            let last = limit.as_ref().map(|(k, _)| *k);
            order.sort_by_key(|k| (Some(*k) != last, *k));
            match self.all(middle, &order)? {
                None => low = middle,
                Some(failure) => (high, limit) = (middle, Some(failure)),
            }
        }
        Ok((low, limit))
    }

    /// Tries all that were not proven at a radius as large, in this order; the first that fails if one does, and then nothing is kept.
    fn all(&mut self, e0: f64, order: &[usize]) -> Result<Option<(usize, Failure)>, String> {
        let (zeros, e1) = self.zeros(e0)?;
        let open = |k: &&usize| self.proven[**k].as_ref().is_none_or(|(e, _)| *e < e0);
        let open: Vec<usize> = order.iter().filter(open).copied().collect();
        let found = Mutex::new(vec![]);
        let failure = open.par_iter().find_map_first(|k| match self.one(*k, &zeros, e0, e1) {
            Ok(edges) => {
                if let Ok(mut found) = found.lock() {
                    found.push((*k, edges));
                }
                None
            }
            Err(why) => Some((*k, why)),
        });
        self.interrupted()?;
        if failure.is_none() {
            for (k, edges) in found.into_inner().unwrap_or_default() {
                self.proven[k] = Some((e0, edges));
            }
        }
        Ok(failure)
    }
}

/// All halves that the level asks for, at a radius that is lowered for them. In memories points whose halves cannot be proven are left out.
pub(super) fn orbits(
    b: &mut Builder<'_>,
    kept: &mut Vec<usize>,
    search: &mut Search,
    level: Level,
    complete: bool,
    left_out: &mut Vec<String>,
    parts: &Parts,
) -> Result<Vec<Edge>, String> {
    let n = b.landscape.dim();
    let mut pairs = vec![];
    for (k, site) in b.sites.iter().enumerate() {
        if site.index == 1 {
            pairs.push(Pair { of: k, up: false });
            if level == Level::Full && n == 2 {
                pairs.push(Pair { of: k, up: true });
            }
        }
    }
    let name = |pair: &Pair, kept: &[usize]| {
        let direction = if pair.up { "stable" } else { "unstable" };
        format!("the {direction} manifold of point {}", kept[pair.of])
    };
    let many = n > MANY;
    if many && !search.fixed {
        search.e *= 0.1;
    }
    let count = pairs.len();
    let mut tubes = Tubes { b: &*b, parts, length: search.length, pairs, proven: vec![None; count] };
    // Of no use at any radius, with the reason.
    let mut lost = Failed::new();
    // What keeps the radius from being larger.
    let mut limit = None;
    let mut radius = search.e;
    let all: Vec<usize> = (0..count).collect();
    if search.fixed || radius == 0.0 {
        lost = tubes.each(radius, &all)?;
    } else if many {
        // What some ask for the others need not exceed.
        let least = radius * 0.25f64.powi(FEW_QUARTERS);
        for ids in all.chunks(BATCH) {
            let failed = tubes.each(radius, ids)?;
            let fallen = tubes.descend(failed, radius, least)?;
            (radius, limit) = (fallen.radius, fallen.limit.or(limit));
            lost.extend(fallen.failed);
        }
    } else {
        let mut failed = tubes.each(radius, &all)?;
        // Nothing is to be looked for where there is nothing at all.
        lost = tubes.each(0.0, &failed.keys().copied().collect::<Vec<usize>>())?;
        failed.retain(|k, _| !lost.contains_key(k));
        if lost.is_empty() || !complete {
            let top = radius;
            let fallen = tubes.descend(failed, top, top * 0.25f64.powi(QUARTERS))?;
            (radius, limit) = (fallen.radius, fallen.limit);
            if let Some(first) = fallen.failed.into_iter().next() {
                (radius, limit) = (0.0, Some(first));
            } else if radius < top {
                let open: Vec<usize> = all.into_iter().filter(|k| !lost.contains_key(k)).collect();
                (radius, limit) = tubes.between(radius, 4.0 * radius, &open, limit)?;
            }
        }
    }
    if let (Some((k, (at, why))), true) = (limit, radius < search.e) {
        search.set(radius, name(&tubes.pairs[k], kept), at, why, ORBIT);
    } else if many && !search.fixed && count > 0 {
        let why = "orbits are tried from a tenth of the radius of the points on, and were proven there";
        search.set(radius, "the orbits".into(), vec![], why.into(), GIVEN);
    }
    if let (Some((k, (at, why))), true) = (lost.first_key_value(), level != Level::Memories || complete) {
        return Err(sentence(&name(&tubes.pairs[*k], kept), at, why));
    }
    let mut bad: Vec<usize> = vec![];
    for (k, (at, why)) in &lost {
        left_out.push(sentence(&name(&tubes.pairs[*k], kept), at, why));
        bad.push(tubes.pairs[*k].of);
    }
    bad.dedup();
    let moved = |k: usize| k - bad.iter().filter(|b| **b < k).count();
    let mut edges: Vec<Edge> = tubes.proven.into_iter().flatten().flat_map(|(_, both)| both).collect();
    edges.retain(|e| !bad.contains(&e.of));
    for edge in &mut edges {
        edge.of = moved(edge.of);
        edge.end = edge.end.map(moved);
    }
    for k in bad.into_iter().rev() {
        b.sites.remove(k);
        kept.remove(k);
    }
    Ok(edges)
}
