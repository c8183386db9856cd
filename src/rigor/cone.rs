//! Blocks about a saddle in which its unstable manifold is the graph of a function over one direction.
//!
//! Let `x*` be a zero of the gradient g with Hessian H, u a unit vector, and `(xi, eta)` coordinates about `x*` along u and
//! orthogonal to it. Over the block `|xi| <= a, |eta| <= s a` let `-<u,Hu> >= unstable`, the eigenvalues of H orthogonal to u be at
//! least `stable`, and what of `H u` is orthogonal to u be at most `mixed`. For the flow `x' = -g(x)`, whose values on the block are
//! mean Hessians times `x - x*`:
//!
//! * exit: `xi'` is at least `unstable a - mixed s a` at `xi = a`;
//! * entrance: `|eta|` falls at least at the rate `stable s a - mixed a` where it is `s a`;
//! * cone: for two points of the block with difference `(xi, eta)`, `s^2 xi^2 - |eta|^2` grows along the flow if
//!   `4 s^2 unstable stable > ((1 - s^2) mixed)^2`.
//!
//! Then `x*` is the only zero in the block, hyperbolic with one unstable direction; each half of its unstable manifold keeps to
//! `|eta| <= s |xi|` and leaves through the disc `xi = a` (or `-a`), `|eta| <= s a` (Zgliczynski 2009, "Covering relations, cone conditions
//! and the stable manifold theorem", J. Differential Equations 246). For fields within e0, and within e1 in the derivative, exit
//! and entrance must exceed e0, and with e1 taken from `unstable` and `stable` the form must exceed
//! `((1 - s^2) mixed + (1 + s^2) e1)^2`.

use super::rounding::{add_up, mul_down, mul_up, sub_down, sub_up};

/// Bounds of a Hessian over a block; see the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockBounds {
    /// See the module.
    pub unstable: f64,
    /// See the module; infinite on a line.
    pub stable: f64,
    /// See the module.
    pub mixed: f64,
}

/// How fast the flow leaves and enters a block: lower bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockMargins {
    /// Through the faces `xi = a`, `-a`, outwards.
    pub exit: f64,
    /// Through the wall `|eta| = s a`, inwards; infinite on a line.
    pub entrance: f64,
}

/// What holds of the block of half-length `a > 0` and slope `0 < s <= 1`, if everything does that the theorem asks for.
pub fn cone_block(bounds: BlockBounds, a: f64, s: f64, e0: f64, e1: f64) -> Option<BlockMargins> {
    let BlockBounds { unstable, stable, mixed } = bounds;
    if !(a > 0.0 && s > 0.0 && s <= 1.0 && mixed >= 0.0 && e0 >= 0.0 && e1 >= 0.0) {
        return None;
    }
    let exit = mul_down(a, sub_down(unstable, mul_up(mixed, s)));
    let entrance = if stable == f64::INFINITY {
        f64::INFINITY
    } else {
        mul_down(a, sub_down(mul_down(stable, s), mixed))
    };
    let (out, inwards) = (sub_down(unstable, e1), sub_down(stable, e1));
    let least = mul_down(mul_down(4.0, mul_down(s, s)), mul_down(out, inwards));
    let off = add_up(mul_up(sub_up(1.0, mul_down(s, s)), mixed), mul_up(add_up(1.0, mul_up(s, s)), e1));
    // (That both are positive follows: if neither is, their product is below e1^2, as both bounds are positive.)
    let holds = exit > e0 && entrance > e0 && least > mul_up(off, off);
    holds.then_some(BlockMargins { exit, entrance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rigor::rounding::UNIT;

    fn bounds(unstable: f64, stable: f64, mixed: f64) -> BlockBounds {
        BlockBounds { unstable, stable, mixed }
    }

    /// Each condition by a case in which just it fails, and the same just on the other side.
    #[test]
    fn each_condition_is_needed() {
        let just = 1.0 + 8.0 * UNIT;
        // Exit: unstable > mixed s. (Entrance 100 s > mixed; cone 4 s^2 100 unstable > ..)
        assert!(cone_block(bounds(0.5, 100.0, 0.5), 2.0, 1.0, 0.0, 0.0).is_none());
        assert!(cone_block(bounds(0.5 * just, 100.0, 0.5), 2.0, 1.0, 0.0, 0.0).is_some());
        // Entrance: stable s > mixed.
        assert!(cone_block(bounds(100.0, 1.0, 0.5), 2.0, 0.5, 0.0, 0.0).is_none());
        assert!(cone_block(bounds(100.0, just, 0.5), 2.0, 0.5, 0.0, 0.0).is_some());
        // Cone: with e1 = 1/4, s = 1/2 and nothing mixed it says (unstable - 1/4)(stable - 1/4) > (5/4)^2/16.
        let e1 = 0.25;
        let off = 1.25 * e1;
        assert!(cone_block(bounds(e1 + off, e1 + off, 0.0), 1.0, 0.5, 0.0, e1).is_none());
        let wide = e1 + off * (1.0 + 1e-9);
        assert!(cone_block(bounds(wide, wide, 0.0), 1.0, 0.5, 0.0, e1).is_some());
        // Two negative numbers have a positive product, which is too small.
        assert!(cone_block(bounds(0.1, 0.1, 0.0), 1.0, 0.5, 0.0, 2.0).is_none());
        // The margins are what a field may be off by: at a = 2, s = 1/2: 2 (3 - 1/2), 2 (4/2 - 1).
        let m = cone_block(bounds(3.0, 4.0, 1.0), 2.0, 0.5, 0.0, 0.0).unwrap();
        assert!(m.exit <= 5.0 && m.exit > 4.999 && m.entrance <= 2.0 && m.entrance > 1.999);
        assert!(cone_block(bounds(3.0, 4.0, 1.0), 2.0, 0.5, 1.999, 0.0).is_some());
        assert!(cone_block(bounds(3.0, 4.0, 1.0), 2.0, 0.5, 2.0, 0.0).is_none());
        assert!(cone_block(bounds(1.25, 4.0, 1.0), 2.0, 0.5, 1.5, 0.0).is_none());
    }

    #[test]
    fn what_is_no_number_proves_nothing() {
        let nan = f64::NAN;
        for (u, h, m, a, s, e0, e1) in [
            (nan, 1.0, 0.0, 1.0, 0.5, 0.0, 0.0),
            (1.0, nan, 0.0, 1.0, 0.5, 0.0, 0.0),
            (1.0, 1.0, nan, 1.0, 0.5, 0.0, 0.0),
            (1.0, 1.0, 0.0, nan, 0.5, 0.0, 0.0),
            (1.0, 1.0, 0.0, 1.0, nan, 0.0, 0.0),
            (1.0, 1.0, 0.0, 1.0, 0.5, nan, 0.0),
            (1.0, 1.0, 0.0, 1.0, 0.5, 0.0, nan),
            (1.0, 1.0, -1.0, 1.0, 0.5, 0.0, 0.0),
            (-1.0, 1.0, 0.0, 1.0, 0.5, 0.0, 0.0),
            (1.0, -1.0, 0.0, 1.0, 0.5, 0.0, 0.0),
            (1.0, 1.0, 0.0, -1.0, 0.5, 0.0, 0.0),
            (1.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0),
        ] {
            assert!(cone_block(bounds(u, h, m), a, s, e0, e1).is_none(), "{u} {h} {m} {a} {s} {e0} {e1}");
        }
        assert!(cone_block(bounds(1.0, f64::INFINITY, 0.0), 1.0, 0.5, 0.0, 0.0).is_some());
    }

    /// The bounds are lower bounds of exact ones, where every operation rounds.
    #[test]
    fn margins_are_rounded_down() {
        // exit = a unstable exactly: (1 + 2u)(1 - u) = 1 + u - 2u^2 rounds to one.
        let m = cone_block(bounds(1.0 - UNIT, 4.0, 0.0), 1.0 + 2.0 * UNIT, 0.5, 0.0, 0.0).unwrap();
        assert!(m.exit <= 1.0 + UNIT * (1.0 - 2.0 * UNIT));
        // A mixed part that is lost beside the others.
        let m = cone_block(bounds(1.0, 4.0, 1e-30), 1.0, 0.5, 0.0, 0.0).unwrap();
        assert!(m.exit < 1.0 && m.entrance < 2.0);
    }
}
