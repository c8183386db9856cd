//! The first piece of an unstable manifold of dimension one, in verified arithmetic: a block about its saddle through whose exit disc
//! each half of it leaves.
//!
//! In: enclosures of a landscape, a proven saddle. Out: blocks, the largest first. The theorem is in `rigor/cone.rs`.

use faer::Mat;

use crate::landscape::Enclose;
use crate::landscape::enclose::About;
use crate::linalg::symmetric_eigen;
use crate::rigor::rounding::{add_up, mul_up, sqrt_up, sub_down};
use crate::rigor::{BlockBounds, BlockMargins, Disc, Interval, Split, cone_block};

/// A gradient field in verified arithmetic, whose flow runs down or up.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    landscape: &'a dyn Enclose,
    uphill: bool,
}

impl<'a> Field<'a> {
    /// The flow `-grad E`.
    pub fn downhill(landscape: &'a dyn Enclose) -> Self {
        Field { landscape, uphill: false }
    }

    /// The flow `grad E`: that of -E.
    pub fn uphill(landscape: &'a dyn Enclose) -> Self {
        Field { landscape, uphill: true }
    }

    /// Dimension n.
    pub fn dim(&self) -> usize {
        self.landscape.dim()
    }

    /// What the function along which the flow falls is like at a point (length n) and around it.
    pub fn about<'b>(&'b self, x: &'b [f64]) -> About<'b> {
        let mut about = self.landscape.about(x);
        if self.uphill {
            about.gradient.iter_mut().for_each(|g| *g = -*g);
            let mid = about.hessian.mid.as_ref();
            about.hessian.mid = Mat::from_fn(mid.nrows(), mid.ncols(), |i, j| -mid[(i, j)]);
        }
        about
    }

    /// The Hessian's Lipschitz constant in balls of any radius about a point.
    pub fn lipschitz_about<'b>(&'b self, center: &'b [f64]) -> Box<dyn Fn(f64) -> f64 + 'b> {
        self.landscape.lipschitz_about(center)
    }
}

/// A block about a saddle; see `rigor/cone.rs`.
#[derive(Clone, Debug)]
pub struct Block {
    /// The saddle lies within `radius` of this place (length n).
    pub at: Vec<f64>,
    /// See `at`.
    pub radius: f64,
    /// The unstable direction (length n).
    pub direction: Vec<f64>,
    /// Half its length a.
    pub half: f64,
    /// The slope s of the cone.
    pub slope: f64,
    /// How fast the flow leaves and enters.
    pub margins: BlockMargins,
}

impl Block {
    /// Where the half of the unstable manifold on one side (1 or -1) leaves.
    pub fn exit(&self, side: f64) -> Disc {
        let square = self.direction.iter().fold(Interval::ZERO, |s, u| s + Interval::point(*u).sqr());
        let step = Interval::point(side * self.half) / square.sqrt();
        let place = |(x, u): (&f64, &f64)| Interval::point(*x) + step * Interval::point(*u);
        Disc {
            center: self.at.iter().zip(&self.direction).map(place).collect(),
            direction: self.direction.iter().map(|u| side * u).collect(),
            radius: add_up(mul_up(self.slope, self.half), self.radius),
            thickness: self.radius,
        }
    }
}

/// Sizes tried, each this share of the one before.
const SHRINK: f64 = 0.7;
/// How many at most.
const TRIES: usize = 40;
/// Blocks that are kept.
const KEPT: usize = 5;
/// Each at most this share of the one before.
const APART: f64 = 0.55;
/// Slopes that are tried after those that the bounds suggest.
const SLOPES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// Blocks about the saddle that lies within `radius` of `x`, with one unstable direction, the largest first; none is larger than
/// `largest`. They are blocks of every field within e0, and e1 in the derivative. Empty if none could be proven.
pub fn blocks(field: Field<'_>, x: &[f64], radius: f64, largest: f64, e0: f64, e1: f64) -> Vec<Block> {
    let n = x.len();
    let About { gradient, hessian, lipschitz } = field.about(x);
    let (mut values, mut vectors) = (vec![0.0; n], Mat::zeros(n, n));
    if !symmetric_eigen(hessian.mid.as_ref(), &mut values, vectors.as_mut()) {
        return vec![];
    }
    let direction: Vec<f64> = (0..n).map(|i| vectors[(i, 0)]).collect();
    let Some(split) = Split::of(x, &gradient, &hessian, &direction, None) else { return vec![] };
    let mut found: Vec<Block> = vec![];
    let mut half = largest;
    for _ in 0..TRIES {
        if found.len() == KEPT || !(half > 4.0 * radius) {
            break;
        }
        let wanted = found.last().is_none_or(|b| half <= APART * b.half);
        if let Some(block) =
            wanted.then(|| block(&lipschitz, x, radius, &direction, &split, half, e0, e1)).flatten()
        {
            found.push(block);
        }
        half *= SHRINK;
    }
    found
}

#[allow(clippy::too_many_arguments)]
fn block(
    lipschitz: &dyn Fn(f64) -> f64,
    x: &[f64],
    radius: f64,
    direction: &[f64],
    split: &Split,
    half: f64,
    e0: f64,
    e1: f64,
) -> Option<Block> {
    // The widest block, of slope one, decides how much the Hessian changes.
    let reach = |slope: f64| add_up(mul_up(half, sqrt_up(add_up(1.0, mul_up(slope, slope)))), radius);
    let over = |lipschitz: f64, slope: f64| {
        let change = mul_up(lipschitz, reach(slope));
        BlockBounds {
            unstable: sub_down(-split.curvature.hi(), change),
            stable: if split.transverse == f64::INFINITY {
                f64::INFINITY
            } else {
                sub_down(split.transverse, change)
            },
            mixed: if split.transverse == f64::INFINITY { 0.0 } else { add_up(split.mixed, change) },
        }
    };
    let lipschitz = lipschitz(reach(1.0));
    let rough = over(lipschitz, 0.3);
    let least = (rough.mixed / rough.stable).max(0.5 * rough.mixed / (rough.unstable * rough.stable).sqrt());
    let least = if least >= 0.0 { least.max(1e-3) } else { return None };
    let slopes = [1.2 * least, 1.6 * least].into_iter().chain(SLOPES).filter(|s| *s <= 1.0);
    let (slope, margins) =
        slopes.into_iter().find_map(|s| Some((s, cone_block(over(lipschitz, s), half, s, e0, e1)?)))?;
    Some(Block { at: x.to_vec(), radius, direction: direction.to_vec(), half, slope, margins })
}
