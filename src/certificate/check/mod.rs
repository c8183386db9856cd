//! The checker: proves every claim of a certificate again, without any search, in arithmetic of its own.
//!
//! In: a file. Out: a [`Verdict`]. Nothing here is shared with the builder but the file's format; of other crates only CORE-MATH's functions
//! and, for guesses that are then verified, approximate eigenvalues. What is claimed, and why the checks imply it, is told in
//! `docs/certificate.md`.

mod cover;
mod field;
mod interval;
mod jet;
mod matrix;
mod network;
mod patterns;
mod rounded;
mod several;
mod text;
mod third;
mod tubes;
mod wide;
mod zeros;

use rayon::prelude::*;

use self::cover::{Home, Place};
use self::field::{Fall, Field};
pub use self::interval::I;
pub use self::several::{Piece, Several, is_several, verify_several};
use self::tubes::Block;
use self::zeros::Found;
pub(super) use self::zeros::{Form, Profile};
use super::format::{Certificate, Data, Definition, Edge, FORMAT, Level, POINTS, Region, TRUSTED, Zero};

pub use self::cover::MOST_DIMENSIONS;

/// What the checker says of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Everything claimed is proven.
    Proven(Claim),
    /// Something is not: the first that was found.
    NotProven(String),
    /// It is no certificate.
    Unreadable(String),
}

/// What was proven.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Of which landscape.
    pub landscape: String,
    /// For which values of a parameter, if it is not for one only: its name, the smallest and the largest.
    pub along: Option<(String, f64, f64)>,
    /// In which region; `None` if the claim has none.
    pub region: Option<String>,
    /// How much.
    pub level: Level,
    /// Are the points all there are in the region?
    pub complete: bool,
    /// Number of points of each index.
    pub counts: Vec<usize>,
    /// Number of halves of manifolds followed to their ends.
    pub edges: usize,
    /// The perturbation that is allowed, of the field ..
    pub e0: f64,
    /// .. and of its derivative.
    pub e1: f64,
}

/// Checks a file's content. Never panics, whatever the bytes.
pub fn verify(bytes: &[u8]) -> Verdict {
    match Certificate::open(bytes) {
        Err(why) => Verdict::Unreadable(why),
        Ok(certificate) => match prove(&certificate) {
            Ok(claim) => Verdict::Proven(claim),
            Err(why) => Verdict::NotProven(why),
        },
    }
}

/// Checks a certificate's claims; the error names the first that does not hold.
///
/// # Errors
/// What is not proven.
pub fn prove(c: &Certificate) -> Result<Claim, String> {
    Ok(prove_within(c, field::WORK)?.0)
}

/// The same with at most so much work; what was spent comes with the claim.
fn prove_within(c: &Certificate, most: u64) -> Result<(Claim, u64), String> {
    if c.format != FORMAT {
        return Err("the format is not one that this checker knows".into());
    }
    if c.trusted != TRUSTED {
        return Err("what the file says it trusts is not what this checker trusts".into());
    }
    let (e0, e1) = (c.e0.0, c.e1.0);
    if !(e0 >= 0.0 && e1 >= 0.0) {
        return Err("e0 and e1 must be zero or more".into());
    }
    let field = Field::new(&c.landscape, c.along.as_ref(), most)?;
    let n = field.n;
    if c.zeros.len() > POINTS || c.edges.len() > 4 * POINTS {
        return Err(format!("there are more than {POINTS} points, or too many edges"));
    }
    let found: Vec<Result<Found, String>> =
        c.zeros.par_iter().enumerate().map(|(k, z)| point(&field, k, z, e0, e1)).collect();
    let found: Vec<Found> = found.into_iter().collect::<Result<_, _>>()?;
    // Pairs of points are looked at one by one.
    let pairs = (found.len() as u64).pow(2).saturating_mul(n as u64);
    field.count(pairs);
    if field.exhausted() || pairs > 10_000_000_000 {
        return Err("checking would take more work than is allowed".into());
    }
    for (k, a) in found.iter().enumerate() {
        if let Some(j) = found[..k].iter().position(|b| !zeros::apart(a, b)) {
            return Err(format!("the balls that hold points {j} and {k} meet"));
        }
    }
    let place = c.region.as_ref().map(|r| Place::new(r, n)).transpose()?;
    level(c, &found, n)?;
    if let (true, Some(region), Some(cover)) = (c.complete, &c.region, &c.cover) {
        let homes = homes(c, &found, n)?;
        cover::check(&field, region, cover, &found, &homes, e0)?;
    }
    let edge = |(k, e): (usize, &Edge)| {
        tubes::check(&field, &c.zeros, &found, place.as_ref(), e, e0)
            .map_err(|why| format!("edge {k}, of point {}: {why}", e.of))
    };
    let results: Vec<Result<(), String>> = c.edges.par_iter().enumerate().map(edge).collect();
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    if field.exhausted() {
        return Err("checking would take more work than is allowed".into());
    }
    let top = found.iter().map(|f| f.index).max().unwrap_or(0);
    let counts = (0..=top).map(|k| found.iter().filter(|f| f.index == k).count()).collect();
    let claim = Claim {
        landscape: described(&c.landscape),
        along: c.along.as_ref().map(|a| (a.parameter.clone(), a.lower.0, a.upper.0)),
        region: c.region.as_ref().map(bounds),
        level: c.level,
        complete: c.complete,
        counts,
        edges: c.edges.len(),
        e0,
        e1,
    };
    Ok((claim, field.spent()))
}

/// A landscape in words.
fn described(landscape: &Definition) -> String {
    let data = |d: &Data| format!("{} data in {} dimensions, SHA-256 {}", d.rows.len(), d.dim, d.sha256);
    let confined = |c: f64| if c == 0.0 { String::new() } else { format!(", confinement {c:?}") };
    match landscape {
        Definition::Formula { dim, energy, parameters, confinement } => {
            let values: Vec<String> =
                parameters.iter().map(|(name, v)| format!(", {name} = {:?}", v.0)).collect();
            format!("formula {energy:?} in {dim} dimensions{}{}", values.concat(), confined(confinement.0))
        }
        Definition::Mixture { data: d, a, sigma, confinement } => {
            format!("mixture of {}, a = {:?}, sigma = {:?}{}", data(d), a.0, sigma.0, confined(confinement.0))
        }
        Definition::ModernHopfield { data: d, beta, confinement } => {
            format!("modern-hopfield with {}, beta = {:?}{}", data(d), beta.0, confined(confinement.0))
        }
        Definition::Neural { activation, layers, lambda, sha256 } => {
            let widths: Vec<String> = layers.iter().map(|l| l.bias.0.len().to_string()).collect();
            let name = activation.name();
            format!(
                "neural {}-{} with {name}, SHA-256 {sha256}, lambda = {:?}",
                landscape.dim(),
                widths.join("-"),
                lambda.0
            )
        }
    }
}

/// A region in words.
fn bounds(region: &Region) -> String {
    let shown = |v: &[f64]| match v.len() {
        0..=8 => format!("{v:?}"),
        n => format!("{:?} and {} more", &v[..4], n - 4),
    };
    match region {
        Region::Ball { center, radius } => {
            format!("the ball of radius {:?} about {}", radius.0, shown(&center.0))
        }
        Region::Box { lower, upper } => format!("the box from {} to {}", shown(&lower.0), shown(&upper.0)),
    }
}

fn point(field: &Field, k: usize, zero: &Zero, e0: f64, e1: f64) -> Result<Found, String> {
    if field.exhausted() {
        return Err("checking would take more work than is allowed".into());
    }
    zeros::check(field, zero, e0, e1).map_err(|why| format!("point {k}: {why}"))
}

/// Does the level claimed follow from what is listed, if every item of it holds?
fn level(c: &Certificate, found: &[Found], n: usize) -> Result<(), String> {
    if c.complete != c.cover.is_some() || (c.complete && c.region.is_none()) {
        return Err("completeness is claimed without a covered region, or not claimed with one".into());
    }
    if c.region.is_some() && !c.complete {
        return Err(
            "a region is named of which nothing is claimed: without completeness there is none".into()
        );
    }
    let halves =
        |k: usize, up: bool| -> Vec<&Edge> { c.edges.iter().filter(|e| e.of == k && e.up == up).collect() };
    // Both halves, each once.
    let both = |k: usize, up: bool| {
        let sides: Vec<i8> = halves(k, up).iter().map(|e| e.side).collect();
        matches!(sides.as_slice(), [1, -1] | [-1, 1])
    };
    let saddles = || found.iter().enumerate().filter(|(_, f)| f.index == 1).map(|(k, _)| k);
    match c.level {
        Level::CriticalSet => {
            if !c.complete || !c.edges.is_empty() || !c.boundary.is_empty() || !c.betti.is_empty() {
                return Err("the level `critical set` is that of a covered region, without edges".into());
            }
        }
        Level::Memories => {
            if let Some(k) = saddles().find(|k| !both(*k, false)) {
                return Err(format!("not both halves of the unstable manifold of point {k} are there"));
            }
            if c.edges.iter().any(|e| e.up) || !c.betti.is_empty() {
                return Err("the level `memories` is about orbits down from points of index 1 only".into());
            }
            // One place of index 1 has all its edges, so that the first boundary operator is known, and no other.
            if c.boundary != [operator(c, found, 1)] {
                return Err("the boundary operator is not that of the edges".into());
            }
        }
        Level::Full => full(c, found, n, &both)?,
    }
    Ok(())
}

/// Where the gradient may be as small as e0: about a saddle, at the level `full`, in a block from which orbits go on to minima.
fn homes<'a>(c: &Certificate, found: &'a [Found], n: usize) -> Result<Vec<Home<'a>>, String> {
    let home = |(k, f): (usize, &'a Found)| {
        if c.level != Level::Full || f.index != 1 || n < 2 {
            return Ok(Home::Ball(f));
        }
        let mut shapes = c.edges.iter().filter(|e| e.of == k && !e.up).map(|e| (e.half.0, e.slope.0));
        match (shapes.next(), shapes.next()) {
            (Some(a), Some(b)) if a == b => Block::new(&c.zeros[k], false, a.0, a.1)
                .map(Home::Block)
                .map_err(|why| format!("point {k}: {why}")),
            _ => Err(format!(
                "the two halves of the unstable manifold of point {k} do not leave through one block"
            )),
        }
    };
    found.iter().enumerate().map(home).collect()
}

fn full(
    c: &Certificate,
    found: &[Found],
    n: usize,
    both: &dyn Fn(usize, bool) -> bool,
) -> Result<(), String> {
    if !c.complete {
        return Err("the level `full` needs a covered region".into());
    }
    if let Some(k) = found.iter().position(|f| f.index > 1 && f.index < n) {
        let index = found[k].index;
        return Err(format!(
            "point {k} has index {index}: that its manifolds meet transversely is beyond what is checked"
        ));
    }
    for (k, f) in found.iter().enumerate() {
        let (down, up) = (f.index == 1, f.index == 1 && n == 2);
        let missing = (down && !both(k, false)) || (up && !both(k, true));
        if missing {
            return Err(format!("not all halves of the manifolds of point {k} are there"));
        }
    }
    if c.edges.iter().any(|e| e.up && n != 2) {
        return Err("orbits up from a saddle are edges in the plane only".into());
    }
    let operators: Vec<Vec<[usize; 2]>> = (1..=n).map(|k| operator(c, found, k)).collect();
    if c.boundary != operators {
        return Err("the boundary operators are not those of the edges".into());
    }
    let zeroes = found.len();
    let matrix = |k: usize| -> Vec<Vec<usize>> {
        let mut rows = vec![vec![]; zeroes];
        operators[k - 1].iter().for_each(|[from, to]| rows[*from].push(*to));
        rows
    };
    // Twice the boundary is nothing.
    for k in 2..=n {
        let (outer, inner) = (matrix(k), matrix(k - 1));
        for row in &outer {
            let mut count = vec![false; zeroes];
            row.iter().flat_map(|m| &inner[*m]).for_each(|to| count[*to] = !count[*to]);
            if count.contains(&true) {
                return Err("the boundary of a boundary is not zero".into());
            }
        }
    }
    let rank = |k: usize| if k == 0 || k > n { 0 } else { rank_mod_2(matrix(k)) };
    let betti: Vec<usize> = (0..=n)
        .map(|k| {
            let points = found.iter().filter(|f| f.index == k).count();
            points.saturating_sub(rank(k) + rank(k + 1))
        })
        .collect();
    let of_region: Vec<usize> = (0..=n).map(|k| usize::from(k == 0)).collect();
    if c.betti != betti || betti != of_region {
        return Err(format!(
            "the graph's Betti numbers are {betti:?}, not those of a convex region, or not those stated"
        ));
    }
    Ok(())
}

/// Pairs of points of index k and k - 1 joined by an odd number of orbits, as the edges have it.
fn operator(c: &Certificate, found: &[Found], k: usize) -> Vec<[usize; 2]> {
    let mut pairs: Vec<[usize; 2]> = vec![];
    for e in &c.edges {
        let Some(end) = e.end else { continue };
        let pair = if e.up { [end, e.of] } else { [e.of, end] };
        let index = |p: usize| found.get(p).map(|f| f.index);
        if index(pair[0]) == Some(k) && index(pair[1]) == Some(k - 1) {
            pairs.push(pair);
        }
    }
    // On a line the same edges run down only.
    pairs.sort_unstable();
    let mut odd: Vec<[usize; 2]> = vec![];
    for pair in pairs {
        if odd.last() == Some(&pair) {
            odd.pop();
        } else {
            odd.push(pair);
        }
    }
    odd
}

/// The rank of a matrix of zeros and ones given by the places of the ones, row by row.
fn rank_mod_2(rows: Vec<Vec<usize>>) -> usize {
    let mut pivots: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
    for row in rows {
        let mut row: std::collections::BTreeSet<usize> = row.into_iter().collect();
        while let Some(lead) = row.first().copied() {
            let Some(pivot) = pivots.get(&lead) else {
                pivots.insert(lead, row.into_iter().collect());
                break;
            };
            for place in pivot {
                if !row.remove(place) {
                    row.insert(*place);
                }
            }
        }
    }
    pivots.len()
}

/// What the builder asks of the checker, so that nothing is written that it will refuse. The checker asks nothing of the builder.
pub struct Oracle {
    field: Field,
}

impl Oracle {
    /// Of a landscape.
    ///
    /// # Errors
    /// Why the checker does not take it.
    pub fn new(definition: &Definition) -> Result<Oracle, String> {
        // Builders stop when they are asked to.
        Field::new(definition, None, u64::MAX).map(|field| Oracle { field })
    }

    /// The Hessian's Lipschitz constant on a ball, as the checker bounds it.
    pub fn lipschitz(&self, center: &[f64], radius: f64) -> f64 {
        self.field.lipschitz(center, radius)
    }

    /// Encloses the gradient over a box given by its ends.
    pub fn gradient(&self, x: &[(f64, f64)]) -> Vec<I> {
        self.field.gradient(&boxed(x))
    }

    /// Encloses the Hessian over a box given by its ends, row by row.
    pub fn hessian(&self, x: &[(f64, f64)]) -> Vec<I> {
        self.field.hessian(&boxed(x)).e
    }

    /// Encloses gradient and Hessian at a place.
    pub fn at(&self, x: &[f64]) -> (Vec<I>, Vec<I>) {
        let (g, h) = self.field.at(x);
        (g, h.e)
    }

    /// What holds at a point's centre, whatever e0 and e1.
    pub(super) fn form(&self, zero: &Zero) -> Result<Form, String> {
        Form::new(&self.field, zero)
    }

    /// How the form of a point falls with the distance.
    pub(super) fn profile(&self, form: &Form, radius: f64) -> Profile {
        form.profile(&self.field, radius)
    }

    /// Is this a block about a point that holds?
    pub(super) fn block(&self, zero: &Zero, up: bool, half: f64, slope: f64, e0: f64) -> bool {
        Block::new(zero, up, half, slope)
            .is_ok_and(|block| block.isolates(Fall { field: &self.field, up }, &taken(zero), e0))
    }

    /// Does a box lie in the block of a point?
    pub(super) fn in_block(zero: &Zero, half: f64, slope: f64, x: &[(f64, f64)]) -> bool {
        Block::new(zero, false, half, slope).is_ok_and(|block| block.holds(&boxed(x)))
    }

    /// Does this edge hold, between these points?
    ///
    /// # Errors
    /// Why not.
    pub fn edge(&self, zeros: &[Zero], region: Option<&Region>, edge: &Edge, e0: f64) -> Result<(), String> {
        let place = region.map(|r| Place::new(r, self.field.n)).transpose()?;
        // Points are checked by themselves, and only the two of the edge are looked at.
        let (mut two, mut own) = (vec![taken(&zeros[edge.of])], vec![zeros[edge.of].clone()]);
        let mut moved = edge.clone();
        moved.of = 0;
        if let Some(end) = edge.end {
            two.push(taken(&zeros[end]));
            own.push(zeros[end].clone());
            moved.end = Some(1);
        }
        tubes::check(&self.field, &own, &two, place.as_ref(), &moved, e0)
    }

    /// The boxes from which the boundary's trees start.
    ///
    /// # Errors
    /// If the region is none.
    pub fn faces(&self, region: &Region) -> Result<Vec<Vec<(f64, f64)>>, String> {
        let place = Place::new(region, self.field.n)?;
        Ok(cover::faces(&self.field, &place, 0.0).into_iter().map(|(face, _)| ends(&face)).collect())
    }

    /// Is a box of a face what a letter says?
    pub fn on_boundary(&self, region: &Region, face: usize, x: &[(f64, f64)], letter: char, e0: f64) -> bool {
        let Ok(place) = Place::new(region, self.field.n) else { return false };
        cover::faces(&self.field, &place, e0)
            .get(face)
            .is_some_and(|(_, leaf)| leaf(&boxed(x), letter) == Ok(true))
    }

    /// The box from which the tree of the inside starts.
    ///
    /// # Errors
    /// If the region is none.
    pub fn whole(&self, region: &Region) -> Result<Vec<(f64, f64)>, String> {
        Ok(ends(&cover::whole(&Place::new(region, self.field.n)?)))
    }

    /// Is a box of the inside excluded by its letter, `n`, `m` or `o`?
    pub fn is_excluded(&self, region: &Region, x: &[(f64, f64)], letter: char, e0: f64) -> bool {
        let Ok(place) = Place::new(region, self.field.n) else { return false };
        cover::inside(&self.field, &place, &[], e0, &boxed(x), letter) == Ok(true)
    }

    /// Boundary operators and Betti numbers of a graph, to be stated in the certificate.
    pub fn algebra(c: &Certificate) -> Vec<Vec<[usize; 2]>> {
        let n = c.landscape.dim();
        let stub = |z: &Zero| z.index;
        let indices: Vec<usize> = c.zeros.iter().map(stub).collect();
        let found: Vec<Found> = indices.into_iter().map(Found::of_index).collect();
        let top = match c.level {
            Level::CriticalSet => 0,
            Level::Memories => 1,
            Level::Full => n,
        };
        (1..=top).map(|k| operator(c, &found, k)).collect()
    }
}

/// A point taken at its word.
fn taken(zero: &Zero) -> Found {
    let (radius, unique, basin) = (zero.radius.0, zero.unique.0, zero.basin.0);
    Found { center: zero.center.0.clone(), radius, unique, basin, index: zero.index }
}

fn boxed(x: &[(f64, f64)]) -> Vec<I> {
    x.iter().map(|(lo, hi)| I::new(*lo, *hi)).collect()
}

fn ends(x: &[I]) -> Vec<(f64, f64)> {
    x.iter().map(|x| (x.lo, x.hi)).collect()
}
