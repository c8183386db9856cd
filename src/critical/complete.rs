//! `method = "complete"`: all critical points of a region, or of all of R^n, with a proof that there are no others.
//!
//! The zeros of the landscape's [`Enclose::system`] are enclosed by branch and prune ([`rigor::prune`](crate::rigor)): in the
//! affine hull of the data, where a kind says that all of them lie there ([`Enclose::everywhere`]), or in a box about the region.
//! Each is then sharpened in the landscape's own space and proven there once more, by itself ([`prove`](super::prove)): as many
//! distinct points as there are zeros are all points.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::chart::{Chart, affine};
use super::prove::{prove, radial_basin};
use super::refine::Refined;
use super::search::by_index;
use super::{Coverage, CriticalPoint, CriticalSet, Level};
use crate::control::{Control, Progress};
use crate::error::{Error, Result};
use crate::landscape::{Enclose, Landscape, Region, Shape};
use crate::linalg::{norm, symmetric_eigen};
use crate::rigor::prune::{Ended, Limits, SignedPermutation, Zero, square_distance, zeros};
use crate::rigor::rounding::{add_up, norm_up, sub_down, sub_up};
use crate::rigor::{Expansion, Interval, System};

/// Beyond so many unknowns branch and prune is not begun.
pub(super) const MOST_UNKNOWNS: usize = 10;
/// Beyond this dimension points are not proven one by one: it takes a whole spectrum.
pub(super) const MOST_DIMENSIONS: usize = 2500;
/// A periodic coordinate is covered a little beyond its period at both ends, this share of it.
const OVERLAP: f64 = 0.01;
/// Boxes by which the basin of a minimum is followed outwards, and those of all points.
const SHELLS: (u64, u64) = (5_000, 400_000);
/// Most steps of Newton's method from the middle of a box that encloses a zero.
const STEPS: usize = 20;
/// Places at which the declared periods are looked at.
const PLACES: usize = 64;

/// A ball of R^n in which a proof of completeness could not tell whether there is a critical point besides those found.
#[derive(Clone, Debug, PartialEq)]
pub struct Undecided {
    /// Its centre (length n).
    pub center: Vec<f64>,
    /// Its radius.
    pub radius: f64,
}

/// What branch and prune came to.
pub(super) struct Cover {
    /// Proven points of the region.
    pub(super) points: Vec<CriticalPoint>,
    /// Where there may be more.
    pub(super) undecided: Vec<Undecided>,
    /// Was all of R^n covered?
    pub(super) everywhere: bool,
    /// Boxes looked at, and enclosures computed.
    pub(super) boxes: u64,
    pub(super) enclosures: u64,
    /// Why it is no proof of completeness, if it is none.
    pub(super) open: Option<String>,
    /// Were the boxes used up that it might look at?
    pub(super) used_up: bool,
}

/// The system whose zeros are the points, where they can be, and where those places are in R^n.
pub(super) struct Target<'a> {
    system: Box<dyn System + 'a>,
    within: Vec<Interval>,
    /// `x = origin + map z`; the coordinates themselves where there is none.
    lift: Option<(Vec<f64>, Mat<f64>)>,
    everywhere: bool,
}

impl<'a> Target<'a> {
    /// Looks for a way to all of R^n first, which can take a proof of its own.
    pub(super) fn new(enclosed: &'a dyn Enclose, region: &Region) -> Target<'a> {
        if let Some(all) = enclosed.everywhere()
            && holds_ball(region, &all.center, all.radius)
        {
            return Target {
                system: all.system,
                within: all.within,
                lift: Some((all.origin, all.map)),
                everywhere: true,
            };
        }
        let mut system = enclosed.system();
        let within = match &region.shape {
            Shape::Ball { center, radius } => {
                system = Box::new(InBall { system, center: center.clone(), radius: *radius });
                center.iter().map(|c| Interval::about(*c, *radius)).collect()
            }
            Shape::Box { lower, upper } => (0..lower.len())
                .map(|i| match region.period_of(i) {
                    Some(p) => Interval::new(lower[i] - OVERLAP * p, lower[i] + (1.0 + OVERLAP) * p),
                    None => Interval::new(lower[i], upper[i]),
                })
                .collect(),
        };
        Target { system, within, lift: None, everywhere: false }
    }

    /// How many unknowns there are.
    pub(super) fn unknowns(&self) -> usize {
        self.within.len()
    }

    /// The maps that may be used: those under which the landscape is proven to be symmetric, if there are no others and the
    /// unknowns are its coordinates.
    fn keep_symmetric(
        &mut self,
        landscape: &dyn Landscape,
        maps: Vec<SignedPermutation>,
    ) -> Result<Vec<SignedPermutation>> {
        let n = landscape.dim();
        for map in &maps {
            if map.dim() != n {
                let d = map.dim();
                return Err(Error::input(format!(
                    "a `symmetry` has {d} numbers, but the landscape has dimension {n}"
                )));
            }
            if !landscape.has_symmetry(map) {
                return Err(Error::input(
                    "the landscape cannot be shown to have each `symmetry` that [critical] names",
                )
                .with_help("leave it out: it saves work, it changes no result"));
            }
        }
        let own = |lift: &(Vec<f64>, Mat<f64>)| {
            lift.0.iter().all(|o| *o == 0.0)
                && lift.1.nrows() == lift.1.ncols()
                && lift.1 == Mat::<f64>::identity(n, n)
        };
        if !self.lift.as_ref().is_none_or(own) {
            return Ok(vec![]);
        }
        let differs = |map: &SignedPermutation, within: &[Interval]| map.map(within) != within;
        while let Some(map) = maps.iter().find(|map| differs(map, &self.within)) {
            if !self.everywhere {
                return Err(Error::input(
                    "the region is not symmetric under each `symmetry` that [critical] names",
                )
                .with_help("choose a region that is, or leave the symmetry out"));
            }
            // Where all zeros are known to lie in a box they lie in any larger one.
            let image = map.map(&self.within);
            self.within.iter_mut().zip(image).for_each(|(x, image)| *x = x.hull(image));
        }
        Ok(maps)
    }

    fn place(&self, z: &[f64]) -> Vec<f64> {
        match &self.lift {
            Some((origin, map)) => affine(origin, map.as_ref(), z),
            None => z.to_vec(),
        }
    }

    /// A ball of R^n about the image of a box, as far as the map is known: these are places to look at, no claim rests on
    /// them.
    fn ball(&self, place: &[Interval]) -> Undecided {
        let center = self.place(&place.iter().map(|p| p.mid()).collect::<Vec<f64>>());
        Undecided { center, radius: norm_up(&place.iter().map(|p| p.rad()).collect::<Vec<f64>>()) }
    }
}

/// A system of which only the zeros in a ball are asked for: where a box misses it, its values are said not to vanish.
struct InBall<'a> {
    system: Box<dyn System + 'a>,
    center: Vec<f64>,
    radius: f64,
}

impl System for InBall<'_> {
    fn dim(&self) -> usize {
        self.system.dim()
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        if square_distance(x, &self.center).lo() > Interval::point(self.radius).sqr().hi() {
            out.fill(Interval::ONE);
        } else {
            self.system.range(x, out);
        }
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        self.system.expand(x, at, out);
    }
}

/// Does the region hold the ball, with room around it?
pub(super) fn holds_ball(region: &Region, center: &[f64], radius: f64) -> bool {
    match &region.shape {
        Shape::Ball { center: middle, radius: reach } => {
            let apart: Vec<f64> =
                center.iter().zip(middle).map(|(a, b)| sub_up(a.max(*b), a.min(*b))).collect();
            add_up(norm_up(&apart), radius) < *reach
        }
        Shape::Box { lower, upper } => center.iter().enumerate().all(|(i, c)| {
            region.period_of(i).is_none() && add_up(*c, radius) < upper[i] && sub_down(*c, radius) > lower[i]
        }),
    }
}

/// Covers the region, or R^n. If it is to be `thorough`, basins are followed as far as they can be.
///
/// # Errors
/// If there are too many unknowns.
pub(super) fn cover(
    landscape: &dyn Landscape,
    enclosed: &dyn Enclose,
    mut target: Target<'_>,
    region: &Region,
    mut limits: Limits,
    thorough: bool,
    control: &Control<'_>,
) -> Result<Cover> {
    let (n, m) = (landscape.dim(), target.unknowns());
    if m > MOST_UNKNOWNS || n > MOST_DIMENSIONS {
        return Err(Error::input(format!(
            "a complete proof would have to cover {m} dimensions with boxes; it is offered up to {MOST_UNKNOWNS}, or for few data, \
             whose affine hull is small"
        ))
        .with_help("write method = \"search\": its points are proven one by one"));
    }
    (control.progress)(Progress {
        stage: "proof",
        done: 0,
        total: 0,
        note: "covering the region with boxes",
    });
    limits.symmetry = target.keep_symmetric(landscape, limits.symmetry)?;
    let zeros = zeros(target.system.as_ref(), &target.within, &limits, &|| control.stopped());
    let mut cover = Cover {
        points: vec![],
        undecided: zeros.undecided.iter().map(|b| target.ball(b)).collect(),
        everywhere: target.everywhere,
        boxes: zeros.boxes,
        enclosures: zeros.evaluations,
        open: None,
        used_up: zeros.ended == Ended::Boxes,
    };
    let reach = 2.0 * region.radius();
    let shells = SHELLS.0.min(SHELLS.1 / (zeros.found.len() as u64 + 1));
    let candidates: Vec<&Zero> = zeros.found.iter().chain(&zeros.on_edge).collect();
    let ascent = thorough.then(|| enclosed.ascent());
    let proven: Vec<Option<CriticalPoint>> = candidates
        .par_iter()
        .map(|zero| {
            let z: Vec<f64> = zero.enclosure.iter().map(|e| e.mid()).collect();
            let x = sharpen(landscape, target.place(&z));
            let mut point = point(landscape, enclosed, x, reach)?;
            if let (Some(ascent), Some(proof)) = (&ascent, &mut point.proof) {
                proof.basin =
                    radial_basin(ascent, &point.x, proof, region.radius(), shells, &|| control.stopped());
            }
            // Without a change of space it must be this very zero; with one, all of them are counted below.
            let same = target.lift.is_some() || is_the_zero(&point, &zero.enclosure);
            same.then_some(point)
        })
        .collect();
    for (zero, point) in candidates.iter().zip(proven) {
        match point {
            Some(point) => cover.points.push(point),
            None => cover.undecided.push(target.ball(&zero.enclosure)),
        }
    }
    let found = cover.points.len();
    if region.is_periodic() {
        if !repeats(enclosed, region) {
            cover.open = Some("the energy does not repeat itself with the periods declared".into());
        }
        cover.wrap(landscape, enclosed, region);
    } else {
        cover.tell_apart();
        if target.everywhere && cover.points.len() < found {
            cover.open = Some(format!("{} points could not be told apart", found - cover.points.len()));
        }
    }
    if !target.everywhere {
        cover.keep_inside(region);
    }
    if cover.open.is_none() && !cover.undecided.is_empty() {
        cover.open =
            Some(format!("{} places are left undecided; {}", cover.undecided.len(), because(zeros.ended)));
    }
    cover.points.sort_by(by_index);
    Ok(cover)
}

/// Why a search ended with something left.
fn because(ended: Ended) -> &'static str {
    match ended {
        Ended::Finished => "boxes there became too narrow to be split",
        Ended::Boxes => "the number of boxes that it may look at was used up (`boxes` in [critical])",
        Ended::Crowded => "so many narrow boxes were left that zeros may fill a curve",
        Ended::Stopped => "it was stopped",
        Ended::Domain => "the region has no bounds",
    }
}

/// Is the zero enclosed in the box the one that the point is proven to be? It is if the box lies in the ball in which that is the
/// only one.
fn is_the_zero(point: &CriticalPoint, enclosure: &[Interval]) -> bool {
    let apart: Vec<f64> =
        point.x.iter().zip(enclosure).map(|(x, e)| (*e - Interval::point(*x)).mag()).collect();
    point.proof.as_ref().is_some_and(|proof| norm_up(&apart) < proof.unique)
}

/// Newton's method in floating point, as long as the gradient falls.
fn sharpen(landscape: &dyn Landscape, mut x: Vec<f64>) -> Vec<f64> {
    let n = x.len();
    let (mut g, mut trial_g) = (vec![0.0; n], vec![0.0; n]);
    let mut hessian = Mat::zeros(n, n);
    landscape.gradient(&x, &mut g);
    for _ in 0..STEPS {
        landscape.hessian(&x, hessian.as_mut());
        let mut step = g.clone();
        if crate::linalg::solve_symmetric(hessian.as_ref(), &mut step).is_none() {
            break;
        }
        let trial: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x - s).collect();
        landscape.gradient(&trial, &mut trial_g);
        if !(norm(&trial_g) < norm(&g)) {
            break;
        }
        x = trial;
        std::mem::swap(&mut g, &mut trial_g);
    }
    x
}

/// A proven point, with the numbers that are reported of it.
fn point(
    landscape: &dyn Landscape,
    enclosed: &dyn Enclose,
    x: Vec<f64>,
    reach: f64,
) -> Option<CriticalPoint> {
    let n = x.len();
    let proof = prove(enclosed, &x, reach, landscape.dynamics().is_none())?;
    let mut g = vec![0.0; n];
    let energy = landscape.gradient(&x, &mut g);
    let (mut hessian, mut values, mut vectors) = (Mat::zeros(n, n), vec![0.0; n], Mat::zeros(n, n));
    landscape.hessian(&x, hessian.as_mut());
    if !(energy.is_finite() && symmetric_eigen(hessian.as_ref(), &mut values, vectors.as_mut())) {
        return None;
    }
    let found = Refined {
        x,
        energy,
        gradient_norm: norm(&g),
        values,
        vectors,
        radius: proof.radius,
        noise: 0.0,
        index: Some(proof.index),
    };
    let point = Chart::Whole(landscape).point(&found)?;
    Some(CriticalPoint { level: Level::Proven, proof: Some(proof), ..point })
}

impl Cover {
    /// Drops points that are certainly the same as another; two that may be or not become an undecided place.
    fn tell_apart(&mut self) {
        let mut kept: Vec<CriticalPoint> = vec![];
        for point in std::mem::take(&mut self.points) {
            let Some(other) = kept.iter().find(|k| !are_apart(k, &point)) else {
                kept.push(point);
                continue;
            };
            if !are_one(other, &point) {
                self.undecided.push(Undecided { center: point.x, radius: point.radius });
            }
        }
        self.points = kept;
    }

    /// Drops what lies outside the region. What may lie on either side of its boundary is undecided.
    fn keep_inside(&mut self, region: &Region) {
        let mut kept = vec![];
        for point in std::mem::take(&mut self.points) {
            match side(region, &point.x, point.radius) {
                Some(true) => kept.push(point),
                Some(false) => {}
                None => self.undecided.push(Undecided { center: point.x, radius: point.radius }),
            }
        }
        self.points = kept;
        self.undecided.retain(|u| side(region, &u.center, u.radius) != Some(false));
    }

    /// Takes points together that are the same but for whole periods, and moves them into the region's box, where each is proven
    /// anew: a period is not the floating-point number that declares it.
    fn wrap(&mut self, landscape: &dyn Landscape, enclosed: &dyn Enclose, region: &Region) {
        let mut kept: Vec<CriticalPoint> = vec![];
        for found in std::mem::take(&mut self.points) {
            let mut x = found.x.clone();
            region.wrap(&mut x);
            let moved = if x == found.x {
                Some(found)
            } else {
                point(landscape, enclosed, x.clone(), 2.0 * region.radius())
            };
            let Some(moved) = moved else {
                self.undecided.push(Undecided { center: x, radius: 0.0 });
                continue;
            };
            let unique = |p: &CriticalPoint| p.proof.as_ref().map_or(0.0, |proof| proof.unique);
            let known =
                kept.iter().any(|k| region.distance(&k.x, &moved.x) < 0.5 * unique(k).min(unique(&moved)));
            if !known {
                kept.push(moved);
            }
        }
        self.points = kept;
    }
}

/// Does the gradient repeat itself with the region's periods, as nearly as floating-point numbers can tell them? That is looked at in
/// some places only: the periods are part of what is given.
fn repeats(enclosed: &dyn Enclose, region: &Region) -> bool {
    let n = region.dim();
    let mut rng = ChaCha8Rng::seed_from_u64(0x7065_7269_6f64);
    let (mut here, mut there) = (vec![Interval::ENTIRE; n], vec![Interval::ENTIRE; n]);
    (0..PLACES).all(|_| {
        let x = region.sample(&mut rng);
        let place: Vec<Interval> = x.iter().map(|x| Interval::point(*x)).collect();
        enclosed.gradient(&place, &mut here);
        (0..n).filter_map(|i| Some((i, region.period_of(i)?))).all(|(i, period)| {
            let mut moved = place.clone();
            moved[i] += Interval::new(period.next_down(), period.next_up());
            enclosed.gradient(&moved, &mut there);
            here.iter().zip(&there).all(|(a, b)| a.meet(*b).is_some())
        })
    })
}

/// Are these two different critical points?
fn are_apart(a: &CriticalPoint, b: &CriticalPoint) -> bool {
    let apart: Vec<f64> =
        a.x.iter().zip(&b.x).map(|(a, b)| (Interval::point(*a) - Interval::point(*b)).mig()).collect();
    // The largest coordinate of the difference is at most its length.
    apart.iter().any(|d| *d > add_up(a.radius, b.radius))
}

/// Are they the same? So it is if the ball that holds one lies in the ball in which the other is the only one.
fn are_one(a: &CriticalPoint, b: &CriticalPoint) -> bool {
    let apart: Vec<f64> =
        a.x.iter().zip(&b.x).map(|(a, b)| (Interval::point(*a) - Interval::point(*b)).mag()).collect();
    let unique = |p: &CriticalPoint| p.proof.as_ref().map_or(0.0, |proof| proof.unique);
    let reach = |p: &CriticalPoint| add_up(norm_up(&apart), p.radius);
    reach(b) < unique(a) || reach(a) < unique(b)
}

/// Is the ball inside the region, or outside? `None` if neither is certain.
fn side(region: &Region, center: &[f64], radius: f64) -> Option<bool> {
    match &region.shape {
        Shape::Ball { center: middle, radius: reach } => {
            let apart: Vec<Interval> =
                center.iter().zip(middle).map(|(a, b)| Interval::point(*a) - Interval::point(*b)).collect();
            let distance = apart.iter().fold(Interval::ZERO, |sum, d| sum + d.sqr()).sqrt();
            if add_up(distance.hi(), radius) < *reach {
                return Some(true);
            }
            (sub_down(distance.lo(), radius) > *reach).then_some(false)
        }
        Shape::Box { lower, upper } => {
            // A coordinate that repeats itself has no boundary.
            let sides = || {
                let place = center.iter().map(|c| Interval::about(*c, radius));
                let bounded = place.zip(lower.iter().zip(upper)).enumerate();
                bounded.filter(|(i, _)| region.period_of(*i).is_none()).map(|(_, side)| side)
            };
            if sides().all(|(x, (lower, upper))| x.lo() > *lower && x.hi() < *upper) {
                return Some(true);
            }
            sides().any(|(x, (lower, upper))| x.hi() < *lower || x.lo() > *upper).then_some(false)
        }
    }
}

impl CriticalSet {
    /// Adds what an unfinished cover found, too: points that searches missed, and where it could not decide.
    pub(super) fn take_in(&mut self, mut cover: Cover) {
        for point in std::mem::take(&mut cover.points) {
            if !self.points.iter().any(|known| are_one(&point, known)) {
                self.points.push(point);
            }
        }
        self.points.sort_by(by_index);
        (self.work.boxes, self.work.enclosures) = (cover.boxes, cover.enclosures);
        let Cover { everywhere, undecided, open, .. } = cover;
        self.coverage = Coverage { everywhere, undecided, open, entered: false };
    }
}
