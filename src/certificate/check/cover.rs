//! The region: that the flow enters it, and that outside the balls of the points listed the gradient is larger than e0.
//!
//! A tree is replayed box by box, one enclosure a leaf; there is no search, and no recursion.

use super::field::Field;
use super::interval::{I, dot, length, sum};
use super::tubes::Block;
use super::zeros::Found;
use crate::certificate::format::{Cover, Region};

/// Highest dimension that is covered.
pub const MOST_DIMENSIONS: usize = 8;
/// Deepest bisection, counted from the whole.
const DEEPEST: u32 = 400;

/// The region's sets as the checker sees them.
pub(super) struct Place<'a> {
    region: &'a Region,
    /// The box, or the cube about the ball.
    hull: Vec<I>,
}

impl<'a> Place<'a> {
    pub(super) fn new(region: &'a Region, n: usize) -> Result<Place<'a>, String> {
        let hull: Vec<I> = match region {
            Region::Ball { center, radius } => {
                if center.0.len() != n || !(radius.0 > 0.0) {
                    return Err(format!("the region is no ball in {n} dimensions"));
                }
                center.0.iter().map(|c| I::about(*c, radius.0)).collect()
            }
            Region::Box { lower, upper } => {
                let sides = || lower.0.iter().zip(&upper.0);
                if lower.0.len() != n || upper.0.len() != n || !sides().all(|(l, u)| l < u) {
                    return Err(format!("the region is no box in {n} dimensions"));
                }
                sides().map(|(l, u)| I::new(*l, *u)).collect()
            }
        };
        Ok(Place { region, hull })
    }

    /// Does the ball about a place lie in the interior?
    pub(super) fn holds_ball(&self, x: &[f64], r: f64) -> bool {
        match self.region {
            Region::Ball { center, radius } => {
                let d: Vec<I> = x.iter().zip(&center.0).map(|(x, c)| I::of(*x) - I::of(*c)).collect();
                (length(&d) + I::of(r)).hi < radius.0
            }
            Region::Box { lower, upper } => x.iter().zip(lower.0.iter().zip(&upper.0)).all(|(x, (l, u))| {
                let reach = I::about(*x, r);
                reach.lo > *l && reach.hi < *u
            }),
        }
    }

    /// Does everything within r of a place that is in `x` lie outside?
    pub(super) fn avoids(&self, x: &[I], r: f64) -> bool {
        match self.region {
            Region::Ball { center, radius } => {
                let d: Vec<I> = x.iter().zip(&center.0).map(|(x, c)| *x - I::of(*c)).collect();
                (length(&d) - I::of(r)).lo > radius.0
            }
            Region::Box { lower, upper } => x.iter().zip(lower.0.iter().zip(&upper.0)).any(|(x, (l, u))| {
                let reach = x.plus_minus(r);
                reach.hi < *l || reach.lo > *u
            }),
        }
    }
}

/// A leaf's box and letter, asked of one place of the boundary or of the inside.
pub(super) type Leaf<'a> = dyn Fn(&[I], char) -> Result<bool, String> + Sync + 'a;

/// Replays a tree from a box.
fn replay(tree: &str, whole: &[I], field: &Field, what: &str, leaf: &Leaf<'_>) -> Result<(), String> {
    let mut open = vec![(whole.to_vec(), 0u32)];
    for (place, letter) in tree.chars().enumerate() {
        field.count(10);
        let Some((mut here, depth)) = open.pop() else {
            return Err(format!("the subdivision {what} goes on after its end"));
        };
        if let Some(axis) = letter.to_digit(10) {
            let Some(side) = here.get(axis as usize).copied() else {
                return Err(format!("the subdivision {what} bisects a coordinate that is not there"));
            };
            let middle = 0.5 * side.lo + 0.5 * side.hi;
            if depth >= DEEPEST || !(side.lo < middle && middle < side.hi) {
                return Err(format!("the subdivision {what} bisects what is too small"));
            }
            let mut upper = here.clone();
            here[axis as usize].hi = middle;
            upper[axis as usize].lo = middle;
            open.push((upper, depth + 1));
            open.push((here, depth + 1));
        } else if !leaf(&here, letter)? {
            return Err(format!(
                "a box {what} is not what its letter `{letter}` says (place {place} of the tree)"
            ));
        } else if field.exhausted() {
            return Err("checking would take more work than is allowed".into());
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("the subdivision {what} ends before everything is covered"))
    }
}

/// Is there no zero of any perturbed field where the gradient is within these bounds? Where one of them is missing the energy need not
/// be smooth.
fn excludes(g: &[I], e0: f64) -> bool {
    let size = sum(g.iter().map(|g| I::of(g.mig()).sqr())).sqrt();
    g.iter().all(|g| g.is_bounded()) && size.lo > e0
}

/// The set about a point outside which the gradient is to be larger than e0.
pub(super) enum Home<'a> {
    /// The ball of uniqueness.
    Ball(&'a Found),
    /// The block through which orbits pass on to minima.
    Block(Block),
}

impl Home<'_> {
    fn holds(&self, x: &[I]) -> bool {
        match self {
            Home::Ball(z) => {
                let d: Vec<I> = x.iter().zip(&z.center).map(|(x, c)| I::of((*x - I::of(*c)).mag())).collect();
                length(&d).hi < z.unique
            }
            Home::Block(block) => block.holds(x),
        }
    }
}

/// Is the box what the letter says, inside the region?
pub(super) fn inside(
    field: &Field,
    place: &Place<'_>,
    homes: &[Home<'_>],
    e0: f64,
    x: &[I],
    letter: char,
) -> Result<bool, String> {
    match letter {
        'n' => Ok(excludes(&field.gradient(x), e0)),
        'm' => Ok(excludes(&field.gradient_by_mean_value(x), e0)),
        'z' => {
            field.count((homes.len() * x.len()) as u64);
            Ok(homes.iter().any(|home| home.holds(x)))
        }
        'o' => Ok(matches!(place.region, Region::Ball { .. }) && place.avoids(x, 0.0)),
        _ => Err(format!("`{letter}` is no letter of a subdivision")),
    }
}

/// Does the flow enter through the box's part of the sphere?
pub(super) fn on_sphere(
    field: &Field,
    center: &[f64],
    radius: f64,
    e0: f64,
    x: &[I],
    letter: char,
) -> Result<bool, String> {
    let d: Vec<I> = x.iter().zip(center).map(|(x, c)| *x - I::of(*c)).collect();
    let g = match letter {
        'o' => {
            let far = length(&d);
            return Ok(far.hi < radius || far.lo > radius);
        }
        'n' => field.gradient(x),
        'm' => field.gradient_by_mean_value(x),
        _ => return Err(format!("`{letter}` is no letter of a boundary's subdivision")),
    };
    Ok(g.iter().all(|g| g.is_bounded()) && dot(&d, &g).lo > (I::of(e0) * I::of(radius)).hi)
}

/// Does the flow enter through the box's part of a face?
pub(super) fn on_face(
    field: &Field,
    axis: usize,
    upper: bool,
    e0: f64,
    x: &[I],
    letter: char,
) -> Result<bool, String> {
    let g = match letter {
        'n' => field.gradient(x),
        'm' => field.gradient_by_mean_value(x),
        _ => return Err(format!("`{letter}` is no letter of a boundary's subdivision")),
    };
    let outwards = if upper { g[axis] } else { -g[axis] };
    Ok(g.iter().all(|g| g.is_bounded()) && outwards.lo > e0)
}

/// The boxes from which the boundary's trees start, each with what its leaves are asked.
pub(super) fn faces<'a>(field: &'a Field, place: &'a Place<'a>, e0: f64) -> Vec<(Vec<I>, Box<Leaf<'a>>)> {
    match place.region {
        Region::Ball { center, radius } => {
            let (center, radius) = (&center.0, radius.0);
            vec![(
                place.hull.clone(),
                Box::new(move |x: &[I], l: char| on_sphere(field, center, radius, e0, x, l)) as Box<Leaf<'a>>,
            )]
        }
        Region::Box { .. } => {
            let mut all = vec![];
            for axis in 0..field.n {
                for upper in [false, true] {
                    let mut face = place.hull.clone();
                    let end = if upper { face[axis].hi } else { face[axis].lo };
                    face[axis] = I::of(end);
                    all.push((
                        face,
                        Box::new(move |x: &[I], l: char| on_face(field, axis, upper, e0, x, l))
                            as Box<Leaf<'a>>,
                    ));
                }
            }
            all
        }
    }
}

/// The box from which the tree of the inside starts.
pub(super) fn whole(place: &Place<'_>) -> Vec<I> {
    place.hull.clone()
}

/// Checks both.
pub(super) fn check(
    field: &Field,
    region: &Region,
    cover: &Cover,
    zeros: &[Found],
    homes: &[Home<'_>],
    e0: f64,
) -> Result<(), String> {
    if field.n > MOST_DIMENSIONS {
        return Err(format!("regions are covered in up to {MOST_DIMENSIONS} dimensions, not {}", field.n));
    }
    let place = Place::new(region, field.n)?;
    let faces = faces(field, &place, e0);
    if faces.len() != cover.boundary.len() {
        return Err(format!("the boundary has {} trees, it must have {}", cover.boundary.len(), faces.len()));
    }
    for ((face, leaf), tree) in faces.iter().zip(&cover.boundary) {
        replay(tree, face, field, "of the boundary", leaf.as_ref())?;
    }
    if let Some(k) = zeros.iter().position(|z| !place.holds_ball(&z.center, z.radius)) {
        return Err(format!("point {k} does not lie in the region"));
    }
    let leaf = |x: &[I], letter: char| inside(field, &place, homes, e0, x, letter);
    replay(&cover.inside, &whole(&place), field, "of the region", &leaf)
}
