//! Systems of equations in verified arithmetic: what the proofs of this folder are about.

use super::Interval;

/// A continuously differentiable function `f: R^n -> R^n`, enclosed over boxes; or one to fewer dimensions, whose zeros make
/// curves. Then what is written out fills the first places of the room for n equations.
pub trait System: Sync {
    /// n, the number of unknowns.
    fn dim(&self) -> usize;

    /// The number of equations.
    fn equations(&self) -> usize {
        self.dim()
    }

    /// Writes an enclosure of `f` over the box `x` (length n), as cheaply as it is tight.
    fn range(&self, x: &[Interval], out: &mut [Interval]);

    /// Writes `f` over the box, `f` at a point of it, and the Jacobian over the box, all times the same positive number,
    /// which may differ from call to call (so that nothing underflows). Where f is not differentiable all over the box,
    /// some entry of the Jacobian is unbounded.
    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion);
}

/// A function on a box; see [`System::expand`].
#[derive(Clone, Debug)]
pub struct Expansion {
    /// Its values on the box (length n).
    pub range: Vec<Interval>,
    /// Its value at the point (length n).
    pub value: Vec<Interval>,
    /// Its Jacobian over the box: `jacobian[i * n + j]` encloses `df_i/dx_j`.
    pub jacobian: Vec<Interval>,
}

impl Expansion {
    /// Room for a function of n variables.
    pub fn new(n: usize) -> Self {
        Expansion {
            range: vec![Interval::ENTIRE; n],
            value: vec![Interval::ENTIRE; n],
            jacobian: vec![Interval::ENTIRE; n * n],
        }
    }
}
