//! The builder: from a landscape and its critical points to a certificate with the largest radius that it finds.
//!
//! In: a [`Landscape`] with enclosures, its [`CriticalSet`], [`Options`]. Out: [`Built`], or why there is none. Every proof is run on the
//! field fattened by (e0, e1), `e1 = e0/length`; what holds at one radius holds at every smaller one, so that the largest is found by
//! bisection, object by object: points, boundary, orbits together, region. Nothing is handed out that the checker has not accepted.

pub mod along;
pub mod attack;
mod cover;
mod edges;
mod field;
mod orbits;
pub mod parameters;
mod parts;
mod points;

use std::path::PathBuf;

use rayon::prelude::*;

use self::cover::Homes;
use self::field::Both;
use self::orbits::orbits;
use self::parts::Parts;
use self::points::Site;
use super::check::{self, MOST_DIMENSIONS, Oracle, Verdict};
use super::format::{Certificate, Edge, FORMAT, Hex, HexVec, Level, Region, TRUSTED, Zero};
use crate::control::Control;
use crate::critical::CriticalSet;
use crate::landscape::{Landscape, Shape};
use crate::linalg::distance;

/// What is to be certified.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The level; the highest that there is a chance for if absent.
    pub level: Option<Level>,
    /// The perturbation of the field; the largest found if absent.
    pub e0: Option<f64>,
    /// The length over which a perturbation of size e0 may change by as much: `e1 = e0/length`. Half the smallest distance of two critical
    /// points if absent.
    pub length: Option<f64>,
    /// Free text.
    pub title: String,
    /// A file for orbits that are proven while others are not yet: an interrupted run is taken up from it, and it goes when the certificate is
    /// there. None is kept if absent.
    pub parts: Option<PathBuf>,
}

/// What keeps the radius from being larger.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Point, boundary, region or orbit.
    pub object: String,
    /// Where, if it is at a place (length n).
    pub at: Vec<f64>,
    /// The largest e0 at which it was proven.
    pub e0: f64,
    /// Why not beyond it.
    pub why: String,
    /// What would enlarge it.
    pub advice: &'static str,
}

/// A certificate and how it came about.
#[derive(Clone, Debug)]
pub struct Built {
    /// The certificate.
    pub certificate: Certificate,
    /// As a file.
    pub text: String,
    /// What limits its radius; `None` if that was given, or nothing did.
    pub limit: Option<Limit>,
    /// What was left out of it, each with the reason.
    pub left_out: Vec<String>,
    /// The length that relates e1 to e0.
    pub length: f64,
}

/// Everything that proofs of parts look at.
struct Builder<'a> {
    landscape: &'a dyn Landscape,
    oracle: &'a Oracle,
    both: Both<'a>,
    sites: Vec<Site>,
    region: Option<Region>,
    /// A length: half the region's size.
    extent: f64,
    /// A size of gradients.
    steepness: f64,
    control: &'a Control<'a>,
}

/// Up to this dimension regions are covered unless something else is asked for.
const COVERED: usize = 3;
/// Steps of bisection between a radius and a quarter of it.
const STEPS: usize = 5;
/// Quarterings before a radius is given up as zero.
const QUARTERS: i32 = 24;
/// Of the largest radius found this share is claimed, to leave room.
const SHARE: f64 = 0.98;

const POINT: &str =
    "a point farther from degeneracy: a larger smallest |eigenvalue|, or less change of the Hessian near it";
const REGION: &str = "a smaller region, or a landscape without a place where the gradient almost vanishes";
const BOUNDARY: &str = "another region, which the flow enters more steeply";
const ORBIT: &str = "an orbit that keeps farther away from other points' stable manifolds";

/// Builds the certificate of the landscape with these critical points.
///
/// # Errors
/// A sentence on what could not be proven, where and why.
pub fn build(
    landscape: &dyn Landscape,
    set: &CriticalSet,
    options: &Options,
    control: &Control<'_>,
) -> Result<Built, String> {
    crate::linalg::sequential();
    let n = landscape.dim();
    if landscape.dynamics().is_some() || !landscape.has_energy() {
        return Err("certificates are about the flow -grad E; this landscape brings another one".into());
    }
    if set.region.is_periodic() {
        return Err("certificates of landscapes with periods are not made yet".into());
    }
    let definition = landscape.definition()?;
    let oracle = Oracle::new(&definition)?;
    let enclosed = landscape.enclose()?;
    let level = match options.level {
        Some(level) => level,
        None => chosen(set, n),
    };
    let complete =
        level != Level::Memories || options.level.is_none() && n <= COVERED && set.degenerate.is_empty();
    if complete && n > MOST_DIMENSIONS {
        return Err(format!(
            "regions are covered in up to {MOST_DIMENSIONS} dimensions; ask for the level `memories`"
        ));
    }
    if let (true, Some(family)) = (complete, set.degenerate.first()) {
        let place: Vec<String> = family.x.iter().take(3).map(|x| format!("{x:.4}")).collect();
        return Err(format!(
            "there is a degenerate critical point near ({}): a small perturbation changes the number of points there",
            place.join(", ")
        ));
    }
    let extent = set.region.radius();
    let region = complete.then(|| stated(&set.region.shape));
    let both = Both::new(enclosed.as_ref(), &oracle, &definition);
    let mut b =
        Builder { landscape, oracle: &oracle, both, sites: vec![], region, extent, steepness: 0.0, control };
    // Of memories only minima and what joins them.
    let chosen: Vec<usize> =
        (0..set.points.len()).filter(|k| complete || set.points[*k].index <= 1).collect();
    if chosen.is_empty() && !complete {
        return Err("there is no minimum and no point of index 1".into());
    }
    let places: Vec<&[f64]> = chosen.iter().map(|k| set.points[*k].x.as_slice()).collect();
    let apart = |i: usize, j: usize| distance(places[i], places[j]);
    let nearest: Vec<f64> = (0..places.len())
        .into_par_iter()
        .map(|i| (0..places.len()).filter(|j| *j != i).map(|j| apart(i, j)).fold(2.0 * extent, f64::min))
        .collect();
    let closest = nearest.iter().fold(2.0 * extent, |m: f64, d| m.min(*d));
    let length = options.length.unwrap_or(0.5 * closest);
    let sites: Vec<Result<Site, String>> =
        (0..places.len()).into_par_iter().map(|i| Site::new(&b, places[i], nearest[i])).collect();
    let mut left_out = vec![];
    let mut kept = vec![];
    for (site, id) in sites.into_iter().zip(&chosen) {
        match site {
            Ok(site) if site.index == set.points[*id].index => {
                b.sites.push(site);
                kept.push(*id);
            }
            Ok(_) => return Err(format!("point {id} has not the index that was found in floating point")),
            Err(why) if complete => return Err(format!("point {id}: {why}")),
            Err(why) => left_out.push(format!("point {id}: {why}")),
        }
    }
    let eigen = |s: &Site| s.steepness();
    b.steepness = b.sites.iter().map(eigen).fold(0.0, f64::max).max(f64::MIN_POSITIVE);

    let mut search =
        Search { e: options.e0.unwrap_or(b.steepness), fixed: options.e0.is_some(), length, limit: None };
    // Points. Those that cannot be proven at all are left out of memories.
    let mut drop = vec![];
    for (k, site) in b.sites.iter().enumerate() {
        let test = |e0: f64, e1: f64| site.zero(e0, e1).map(|_| ()).map_err(|why| (site.x.clone(), why));
        let name = format!("point {}, of index {}", kept[k], site.index);
        if let Err(why) = search.lower(&name, POINT, &test) {
            if complete || search.fixed && options.level.is_some() {
                return Err(why);
            }
            drop.push(k);
            left_out.push(why);
        }
    }
    for k in drop.into_iter().rev() {
        b.sites.remove(k);
        kept.remove(k);
    }
    if let Some(region) = &b.region {
        let test = |e0: f64, _: f64| cover::boundary(&b, region, e0).map(|_| ()).map_err(|s| (s.at, s.why));
        search.lower("the region's boundary", BOUNDARY, &test)?;
        // That no point is missing is seen at the smallest of radii; how large it may be, once there are blocks.
        let e0 = if search.fixed { search.e } else { 1e-3 * search.e };
        let zeros = b.zeros(e0, search.e1(e0))?;
        let homes = Homes { zeros: &zeros, blocks: vec![None; zeros.len()] };
        cover::cover(&b, region, &homes, e0)
            .map_err(|s| sentence("the region outside the points' balls", &s.at, &s.why))?;
    }
    // Orbits.
    let mut parts = match &options.parts {
        Some(path) if level != Level::CriticalSet => {
            let places: Vec<&[f64]> = b.sites.iter().map(|s| s.x.as_slice()).collect();
            let lengths: Vec<f64> = b.sites.iter().map(|s| s.nearest).collect();
            let settings =
                format!("{level:?} {complete} {:?} {:?} {:?} {lengths:?}", b.region, b.extent, b.steepness);
            Parts::open(path, &definition, &settings, &places)?
        }
        _ => Parts::default(),
    };
    let edges = if level == Level::CriticalSet {
        vec![]
    } else {
        let orbits = orbits(&mut b, &mut kept, &mut search, level, complete, &mut left_out, &parts);
        if orbits.is_err() && !control.stopped() {
            parts.remove();
        }
        orbits?
    };
    if control.stopped() {
        return Err("the computation was interrupted".into());
    }
    if let Some(region) = &b.region {
        let test = |e0: f64, e1: f64| {
            let zeros = b.zeros(e0, e1).map_err(|why| (vec![], why))?;
            let homes = homes(&zeros, &edges, level);
            cover::cover(&b, region, &homes, e0).map(|_| ()).map_err(|s| (s.at, s.why))
        };
        search.lower("the region outside the points' balls and blocks", REGION, &test)?;
    }
    let e0 = if search.fixed { search.e } else { search.e * SHARE };
    let e1 = if length > 0.0 { e0 / length } else { 0.0 };
    let zeros = b.zeros(e0, e1)?;
    let cover = match &b.region {
        Some(region) => Some(cover::cover(&b, region, &homes(&zeros, &edges, level), e0).map_err(|s| s.why)?),
        None => None,
    };
    let mut certificate = Certificate {
        format: FORMAT.into(),
        title: options.title.clone(),
        level,
        complete,
        trusted: TRUSTED.into(),
        landscape: definition,
        along: None,
        region: b.region.clone(),
        e0: Hex(e0),
        e1: Hex(e1),
        zeros,
        edges,
        boundary: vec![],
        betti: if level == Level::Full { (0..=n).map(|k| usize::from(k == 0)).collect() } else { vec![] },
        cover,
    };
    certificate.boundary = Oracle::algebra(&certificate);
    let text = certificate.seal()?;
    match check::verify(text.as_bytes()) {
        Verdict::Proven(_) => parts.remove(),
        Verdict::NotProven(why) | Verdict::Unreadable(why) => {
            return Err(format!("the checker does not accept what was built: {why}"));
        }
    }
    Ok(Built { certificate, text, limit: search.limit, left_out, length })
}

/// The highest level that there is a chance for.
fn chosen(set: &CriticalSet, n: usize) -> Level {
    let whole = n <= COVERED && set.degenerate.is_empty();
    let transverse = set.points.iter().all(|p| p.index <= 1 || p.index == n);
    // In the plane a degenerate family is the reason to refuse, and is named.
    if (whole && transverse) || n <= 2 { Level::Full } else { Level::Memories }
}

fn stated(shape: &Shape) -> Region {
    match shape {
        Shape::Ball { center, radius } => {
            Region::Ball { center: HexVec(center.clone()), radius: Hex(*radius) }
        }
        Shape::Box { lower, upper } => {
            Region::Box { lower: HexVec(lower.clone()), upper: HexVec(upper.clone()) }
        }
    }
}

impl Builder<'_> {
    fn zeros(&self, e0: f64, e1: f64) -> Result<Vec<Zero>, String> {
        let all: Vec<Result<Zero, String>> = self.sites.par_iter().map(|s| s.zero(e0, e1)).collect();
        all.into_iter().collect()
    }
}

/// Where the gradient may be small, once there are edges.
fn homes<'a>(zeros: &'a [Zero], edges: &[Edge], level: Level) -> Homes<'a> {
    let planar = zeros.first().is_some_and(|z| z.center.0.len() > 1);
    let block = |k: usize| {
        let own = edges.iter().find(|e| e.of == k && !e.up).filter(|_| level == Level::Full && planar);
        own.map(|e| (e.half.0, e.slope.0))
    };
    Homes { zeros, blocks: (0..zeros.len()).map(block).collect() }
}

/// A place and a sentence.
type Failure = (Vec<f64>, String);

/// The largest radius at which everything so far holds.
struct Search {
    e: f64,
    /// Was it given?
    fixed: bool,
    length: f64,
    limit: Option<Limit>,
}

impl Search {
    fn e1(&self, e0: f64) -> f64 {
        if self.length > 0.0 { e0 / self.length } else { 0.0 }
    }

    /// Lowers the radius until the object holds; an error if it does not hold at all.
    fn lower(
        &mut self,
        object: &str,
        advice: &'static str,
        test: &dyn Fn(f64, f64) -> Result<(), Failure>,
    ) -> Result<(), String> {
        let (e, why) = largest(self.e, self.length, self.fixed, test)
            .map_err(|(at, why)| sentence(object, &at, &why))?;
        if let Some((at, why)) = why {
            self.set(e, object.into(), at, why, advice);
        }
        Ok(())
    }

    fn set(&mut self, e: f64, object: String, at: Vec<f64>, why: String, advice: &'static str) {
        self.e = e;
        self.limit = Some(Limit { object, at, e0: e, why, advice });
    }
}

fn sentence(object: &str, at: &[f64], why: &str) -> String {
    let place: Vec<String> = at.iter().take(3).map(|x| format!("{x:.4}")).collect();
    match at.len() {
        0 => format!("{object}: {why}"),
        1..=3 => format!("{object}, near ({}): {why}", place.join(", ")),
        _ => format!("{object}, near ({}, ..): {why}", place.join(", ")),
    }
}

/// The largest radius up to `top` at which a test holds, and why it fails above; an error if it fails at zero, or at a radius
/// that was given.
fn largest(
    top: f64,
    length: f64,
    fixed: bool,
    test: &dyn Fn(f64, f64) -> Result<(), Failure>,
) -> Result<(f64, Option<Failure>), Failure> {
    let at = |e: f64| test(e, if length > 0.0 { e / length } else { 0.0 });
    let mut why = match at(top) {
        Ok(()) => return Ok((top, None)),
        Err(why) if fixed || top == 0.0 => return Err(why),
        Err(why) => why,
    };
    at(0.0)?;
    let mut high = top;
    let mut low = 0.0;
    for _ in 0..QUARTERS {
        let e = 0.25 * high;
        match at(e) {
            Ok(()) => {
                low = e;
                break;
            }
            Err(reason) => (high, why) = (e, reason),
        }
    }
    for _ in 0..if low > 0.0 { STEPS } else { 0 } {
        let e = (low * high).sqrt();
        match at(e) {
            Ok(()) => low = e,
            Err(reason) => (high, why) = (e, reason),
        }
    }
    Ok((low, Some(why)))
}
