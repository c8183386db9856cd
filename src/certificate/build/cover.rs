//! The subdivisions of a certificate: of the region and of its boundary. A leaf must hold in the builder's arithmetic and in the checker's.

use rayon::join;

use super::Builder;
use crate::certificate::check::Oracle;
use crate::certificate::format::{Cover, Region, Zero};

/// Boxes, as ends.
type Sides = Vec<(f64, f64)>;

/// Where a subdivision came to no end.
#[derive(Clone, Debug)]
pub(super) struct Stuck {
    pub(super) at: Vec<f64>,
    pub(super) why: String,
}

/// Levels at which halves are worked out beside each other.
const BESIDE: u32 = 7;
/// Deepest bisection.
const DEEPEST: u32 = 70;

/// Points and, of saddles of a `full` certificate, the block's half-length and slope.
pub(super) struct Homes<'a> {
    pub(super) zeros: &'a [Zero],
    pub(super) blocks: Vec<Option<(f64, f64)>>,
}

impl Homes<'_> {
    fn hold(&self, x: &Sides) -> bool {
        self.zeros.iter().zip(&self.blocks).any(|(z, block)| {
            in_ball(x, z) && block.is_none_or(|(half, slope)| Oracle::in_block(z, half, slope, x))
        })
    }
}

/// Both subdivisions.
pub(super) fn cover(b: &Builder<'_>, region: &Region, homes: &Homes<'_>, e0: f64) -> Result<Cover, Stuck> {
    let boundary = boundary(b, region, e0)?;
    Ok(Cover { inside: inside(b, region, homes, e0)?, boundary })
}

/// That of the boundary.
pub(super) fn boundary(b: &Builder<'_>, region: &Region, e0: f64) -> Result<Vec<String>, Stuck> {
    let faces = b.oracle.faces(region).map_err(|why| Stuck { at: vec![], why })?;
    let one = |(face, whole): (usize, &Sides)| {
        let leaf = |x: &Sides| -> Result<Option<char>, String> {
            let kept = |l: char| b.oracle.on_boundary(region, face, x, l, e0);
            if matches!(region, Region::Ball { .. }) && kept('o') {
                return Ok(Some('o'));
            }
            let agreed = b.both.alone || enters(b, region, face, x, e0);
            let found = letters(b).iter().copied().find(|l| agreed && kept(*l));
            let middle: Sides = x.iter().map(|(lo, hi)| 0.5 * (lo + hi)).map(|m| (m, m)).collect();
            if found.is_none() && on_face(region, &middle) && !enters(b, region, face, &middle, e0) {
                return Err("the flow does not enter the region there by more than e0".into());
            }
            Ok(found)
        };
        grow(whole, 0, &leaf)
    };
    faces.iter().enumerate().map(one).collect()
}

/// Letters that are tried: enclosures of networks are by Taylor's theorem, which the mean value form does not better.
fn letters(b: &Builder<'_>) -> &'static [char] {
    if b.both.alone { &['n'] } else { &['n', 'm'] }
}

/// A box's face is all boundary; of the cube about a ball only the sphere is, which the middle of a box hardly ever meets.
fn on_face(region: &Region, _: &Sides) -> bool {
    matches!(region, Region::Box { .. })
}

/// Does the flow enter through this part of the boundary, by the builder's arithmetic?
fn enters(b: &Builder<'_>, region: &Region, face: usize, x: &Sides, e0: f64) -> bool {
    use crate::rigor::Interval;
    let g = b.both.tight(x);
    match region {
        Region::Box { .. } => {
            let axis = face / 2;
            if face % 2 == 1 { g[axis].lo() > e0 } else { -g[axis].hi() > e0 }
        }
        Region::Ball { center, radius } => {
            let along = x
                .iter()
                .zip(&center.0)
                .zip(&g)
                .fold(Interval::ZERO, |s, (((lo, hi), c), g)| s + Interval::new(*lo, *hi).shift(-c) * *g);
            along.lo() > e0 * radius.0 * (1.0 + 1e-15)
        }
    }
}

/// That of the region.
fn inside(b: &Builder<'_>, region: &Region, homes: &Homes<'_>, e0: f64) -> Result<String, Stuck> {
    let whole = b.oracle.whole(region).map_err(|why| Stuck { at: vec![], why })?;
    let leaf = |x: &Sides| -> Result<Option<char>, String> {
        if homes.hold(x) {
            return Ok(Some('z'));
        }
        if b.oracle.is_excluded(region, x, 'o', e0) {
            return Ok(Some('o'));
        }
        if b.both.alone || b.both.exceeds(x, e0) {
            let found = letters(b).iter().find(|l| b.oracle.is_excluded(region, x, **l, e0));
            if let Some(letter) = found {
                return Ok(Some(*letter));
            }
        }
        let middle: Sides = x.iter().map(|(lo, hi)| 0.5 * (lo + hi)).map(|m| (m, m)).collect();
        let hopeless = !b.both.exceeds(&middle, e0)
            && !homes.hold(&middle)
            && !b.oracle.is_excluded(region, &middle, 'o', e0);
        if hopeless {
            return Err("the gradient is not larger than e0 there, away from all points listed".into());
        }
        Ok(None)
    };
    grow(&whole, 0, &leaf)
}

/// Does the box lie well within the ball of uniqueness?
fn in_ball(x: &Sides, zero: &Zero) -> bool {
    let far = |((lo, hi), c): (&(f64, f64), &f64)| (lo - c).abs().max((hi - c).abs()).powi(2);
    x.iter().zip(&zero.center.0).map(far).sum::<f64>().sqrt() < zero.unique.0 * (1.0 - 1e-12)
}

/// The tree below a box.
fn grow(
    x: &Sides,
    depth: u32,
    leaf: &(dyn Fn(&Sides) -> Result<Option<char>, String> + Sync),
) -> Result<String, Stuck> {
    let middle = || x.iter().map(|(lo, hi)| 0.5 * (lo + hi)).collect();
    match leaf(x) {
        Err(why) => return Err(Stuck { at: middle(), why }),
        Ok(Some(letter)) => return Ok(letter.to_string()),
        Ok(None) => {}
    }
    let width = |k: usize| x[k].1 - x[k].0;
    let axis = (0..x.len()).fold(0, |best, k| if width(k) > width(best) { k } else { best });
    let cut = 0.5 * x[axis].0 + 0.5 * x[axis].1;
    if depth >= DEEPEST || !(x[axis].0 < cut && cut < x[axis].1) {
        return Err(Stuck {
            at: middle(),
            why: "boxes there stayed undecided however small they became".into(),
        });
    }
    let (mut lower, mut upper) = (x.clone(), x.clone());
    (lower[axis].1, upper[axis].0) = (cut, cut);
    let (a, b) = if depth < BESIDE {
        join(|| grow(&lower, depth + 1, leaf), || grow(&upper, depth + 1, leaf))
    } else {
        let lower = grow(&lower, depth + 1, leaf)?;
        (Ok(lower), grow(&upper, depth + 1, leaf))
    };
    Ok(format!("{axis}{}{}", a?, b?))
}
