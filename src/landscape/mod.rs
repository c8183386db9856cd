//! What is analysed: energy landscapes, one file a kind, and the traits they meet.
//!
//! In: a kind's parameters (a [`Section`] of a study). Out: a boxed [`Family`].
//! Every evaluation goes through [`Landscape`]; a kind implements the batch and the rest follows.

mod activation;
pub mod dense_memory;
pub mod diffusion;
mod dual;
pub mod enclose;
pub mod energy_transformer;
pub mod epanechnikov;
mod exp;
pub mod formula;
pub(crate) mod hessian;
pub mod hierarchical;
pub mod hopfield;
pub(crate) mod hull;
mod lagrangian;
mod layered;
mod low_dimension;
pub mod mixture;
pub mod modern_hopfield;
mod network;
pub mod neural;
pub mod region;
mod rows;
mod softmax;
mod symmetry;
pub mod trapping;

use std::sync::Arc;

use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef};

pub use diffusion::{Diffusion, Marginal};
pub use enclose::{Enclose, Everywhere, Hull};
pub use region::{Region, Shape};
pub use rows::DATA;

use crate::certificate::format::Definition;
use crate::error::{Error, Result};
use crate::rigor::System;
use crate::rigor::prune::SignedPermutation;
use crate::study::Section;

/// An energy `E` on R^n with derivatives. Points are columns wherever several come together.
///
/// All methods are pure: the same bits in, the same bits out, on any thread. Outside the energy's domain values may
/// be infinite or NaN, never a panic.
pub trait Landscape: Send + Sync {
    /// Dimension n of the state.
    fn dim(&self) -> usize;

    /// Energies (length b) and gradients (n x b) at the columns of `points` (n x b).
    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], gradients: MatMut<'_, f64>);

    /// Energies (length b) alone at the columns of `points` (n x b).
    fn energies(&self, points: MatRef<'_, f64>, energies: &mut [f64]) {
        self.gradients(points, energies, Mat::zeros(points.nrows(), points.ncols()).as_mut());
    }

    /// Gradients (n x b) at the columns of `points` (n x b) to two digits or so, in less time; false, and nothing written, where the kind
    /// has none.
    fn rough_gradients(&self, _points: MatRef<'_, f64>, _gradients: MatMut<'_, f64>) -> bool {
        false
    }

    /// The Hessians at the columns of `points`, ready to be applied; what can be shared by many products is kept.
    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a>;

    /// The full Hessian (n x n, both triangles) at `x`.
    fn hessian(&self, x: &[f64], out: MatMut<'_, f64>);

    /// The rows of each column of the Hessian that can differ from zero at any point, ascending, both triangles; the same
    /// for all members of a family. `None` if the kind cannot tell, or if most can.
    fn sparsity(&self) -> Option<&[Vec<u32>]> {
        None
    }

    /// The Hessian's entries in the places of [`Landscape::sparsity`], column after column. Without a sparsity nothing is
    /// written.
    fn sparse_hessian(&self, x: &[f64], out: &mut [f64]) {
        let Some(rows) = self.sparsity() else { return };
        let mut full = Mat::zeros(x.len(), x.len());
        self.hessian(x, full.as_mut());
        let places = rows.iter().enumerate().flat_map(|(j, rows)| rows.iter().map(move |&i| (i as usize, j)));
        out.iter_mut().zip(places).for_each(|(out, place)| *out = full[place]);
    }

    /// Third derivative along `u` and `v`: `out[i] = sum_jk E_ijk u_j v_k`.
    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]);

    /// The derivative of `v'Hv` for each column v of `directions` (n x m) at one point: gradients (n x m).
    fn thirds(&self, x: &[f64], directions: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for j in 0..directions.ncols() {
            let v: Vec<f64> = directions.col(j).iter().copied().collect();
            let mut third = vec![0.0; v.len()];
            self.third(x, &v, &v, &mut third);
            out.rb_mut().col_mut(j).iter_mut().zip(third).for_each(|(out, third)| *out = third);
        }
    }

    /// Rounding error of the gradient at `x` (its norm) as far as the kind can tell from the size of terms that cancel:
    /// an estimate from below, zero where nothing is known.
    fn gradient_error(&self, _x: &[f64]) -> f64 {
        0.0
    }

    /// The region to study when the user names none; `None` if the kind cannot tell.
    fn region(&self) -> Option<Region>;

    /// Why the kind has no region, as a sentence for its user; `None` leaves it to a look for a ball that the flow
    /// enters.
    fn unbounded(&self) -> Option<String> {
        None
    }

    /// The highest Morse index that a critical point can have.
    fn highest_index(&self) -> usize {
        self.dim()
    }

    /// Is the energy smooth all over? Where it has kinks or poles, the critical points at which it is smooth need not
    /// add up to the region's Euler characteristic, and Morse theory says nothing.
    fn is_smooth(&self) -> bool {
        true
    }

    /// Period of each coordinate; empty if there are none.
    fn period(&self) -> Vec<Option<f64>> {
        vec![]
    }

    /// The patterns, one a column (n x K), as the user knows them; `None` if there are none.
    fn data(&self) -> Option<MatRef<'_, f64>> {
        None
    }

    /// The weights of those patterns (length K, sum 1), rows that were equal added up; `None` if all weigh the same.
    fn data_weights(&self) -> Option<Vec<f64>> {
        None
    }

    /// Where minima are to be looked for first, one point a column: by default at the data.
    fn wells(&self) -> Option<Arc<Mat<f64>>> {
        self.data().map(|d| Arc::new(d.to_owned()))
    }

    /// The same landscape in fewer dimensions, where it is exactly a landscape plus a quadratic in the rest.
    fn reduce(&self) -> Option<Reduced> {
        None
    }

    /// Is there an energy at all? A learned vector field f need not be the gradient of one. Where there is none,
    /// [`Landscape::dynamics`] is f itself, energies are NaN, gradients stand for `-f` and Hessians for minus the Jacobian
    /// of f, which is not symmetric: what follows the flow can go on as before, what compares energies must ask here.
    fn has_energy(&self) -> bool {
        true
    }

    /// The published dynamics, where it is not `x' = -grad E`: orbits, traps and connections are then those of this
    /// flow. `None` means `-grad E`. A landscape with a dynamics has no [`Landscape::reduce`], or one whose inner
    /// landscape has the dynamics in its coordinates.
    fn dynamics(&self) -> Option<&dyn Dynamics> {
        None
    }

    /// The diffusion model of which the landscape is one moment; `None` if it is none.
    fn diffusion(&self) -> Option<&dyn Diffusion> {
        None
    }

    /// A diffusion model whose distribution at the time given with it is the one that the landscape stands for; `None`
    /// if there is none. That of [`Landscape::diffusion`] where there is one, and also of a fixed noise.
    fn reverse(&self) -> Option<(Box<dyn Diffusion + '_>, f64)> {
        None
    }

    /// The temperature and the curvature of single wells, where `exp(-E/temperature)` is a sum of equally wide ones.
    fn kernel(&self) -> Option<Kernel> {
        None
    }

    /// Another landscape whose critical points are the equilibria of the flow; for memories whose own gradient vanishes
    /// elsewhere, too (where an activation saturates or is cut off), or which have it in fewer dimensions.
    fn equilibria(&self, region: &Region) -> Option<Equilibria> {
        let _ = region;
        None
    }

    /// The landscape in verified arithmetic, or a sentence that says why there can be no proof about it.
    fn enclose(&self) -> std::result::Result<Box<dyn Enclose + '_>, String> {
        Err("this kind has no enclosures in verified arithmetic".into())
    }

    /// The landscape with everything it is made of, as a certificate states it, or a sentence that says why there is none.
    fn definition(&self) -> std::result::Result<Definition, String> {
        Err("a landscape of this kind can't be stated in a certificate".into())
    }

    /// Does the energy stay the same under this map of the coordinates, exactly? False where that is not known.
    fn has_symmetry(&self, map: &SignedPermutation) -> bool {
        let _ = map;
        false
    }

    /// Energy at one point.
    fn energy(&self, x: &[f64]) -> f64 {
        let mut energy = [0.0];
        self.energies(MatRef::from_column_major_slice(x, self.dim(), 1), &mut energy);
        energy[0]
    }

    /// Energy and gradient at one point.
    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let n = self.dim();
        let mut energy = [0.0];
        self.gradients(
            MatRef::from_column_major_slice(x, n, 1),
            &mut energy,
            MatMut::from_column_major_slice_mut(gradient, n, 1),
        );
        energy[0]
    }
}

/// A flow `x' = f(x)` along which the energy falls, `f = -G(x)^-1 grad E(x)` with a metric G (symmetric, positive): the
/// dynamics under which a memory was published. Where G is singular, or tiny, f is still what its formula says.
///
/// At equilibria the Jacobian of f is `-G^-1 Hess E`: its eigenvalues are real and as many are positive as Hess E has
/// negative ones. They, with the opposite sign, are what is reported as a point's eigenvalues: the rates of the flow.
pub trait Dynamics: Send + Sync {
    /// Writes the velocity `f(x)` and returns the energy `E(x)` (NaN where there is none, see
    /// [`Landscape::has_energy`]).
    fn velocity(&self, x: &[f64], velocity: &mut [f64]) -> f64;

    /// The Jacobian of the velocity: `out[(i, j)] = df_i/dx_j` (n x n, not symmetric in general).
    fn jacobian(&self, x: &[f64], out: MatMut<'_, f64>);

    /// The Jacobian at `x` times each column of `vectors`, for dimensions in which it is not to be formed.
    fn apply_jacobian(&self, x: &[f64], vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        let mut jacobian = Mat::zeros(x.len(), x.len());
        self.jacobian(x, jacobian.as_mut());
        faer::linalg::matmul::matmul(out, faer::Accum::Replace, &jacobian, vectors, 1.0, faer::Par::Seq);
    }
}

/// The wells of a landscape whose Gibbs density is a sum of Gaussians of one width: its own scales of energy and length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// The T for which `exp(-E/T)` is that sum.
    pub temperature: f64,
    /// The curvature of E in a well that stands alone.
    pub curvature: f64,
}

impl Kernel {
    /// The standard deviation of one Gaussian.
    pub fn width(&self) -> f64 {
        (self.temperature / self.curvature).sqrt()
    }
}

/// Hessians frozen at b points.
pub trait Linearization: Send + Sync {
    /// `out[:, j] = H(points[:, j]) * vectors[:, j]`; with a single point every column of `vectors` meets its Hessian.
    fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>);
}

/// A landscape that splits: `E(origin + basis z + w) = offset + inner(z) + (normal/2) |w|^2` for every `w` orthogonal
/// to the columns of `basis`.
pub struct Reduced {
    /// The landscape on R^r.
    pub inner: Box<dyn Family>,
    /// A point of the r-dimensional affine subspace (length n).
    pub origin: Vec<f64>,
    /// Orthonormal columns (n x r).
    pub basis: Mat<f64>,
    /// The constant that the inner energy lacks.
    pub offset: f64,
    /// The curvature in each of the n - r normal directions.
    pub normal: f64,
}

/// A landscape on R^m made to search the equilibria of another one's flow: `x = origin + map z` sends its critical
/// points one to one onto them, with the same index and the same number of null directions. Its energies are its own.
pub struct Equilibria {
    /// The landscape on R^m.
    pub inner: Box<dyn Landscape>,
    /// Where in R^m all equilibria of the region asked for lie.
    pub region: Region,
    /// The image of the origin (length n).
    pub origin: Vec<f64>,
    /// The linear part (n x m).
    pub map: Mat<f64>,
}

/// Of what [`Family::equations`] are; unknowns are n state variables x, the parameter p, and what else is named, in this order.
#[derive(Clone, Copy, Debug)]
pub enum Equations<'a> {
    /// A branch: `grad E(x, p) = 0`, n equations in n + 1 unknowns.
    Branch,
    /// A fold: `grad E(x, p) = 0`, `Hess E(x, p) v = 0` and `border.v - 1 = 0`, 2n + 1 equations in as many unknowns, v among them.
    Fold {
        /// A vector (length n).
        border: &'a [f64],
    },
}

/// A landscape with named parameters.
pub trait Family: Landscape {
    /// Names and values of the parameters that can be changed or continued in, those of single data
    /// ([`Family::row_parameters`]) excepted.
    fn parameters(&self) -> Vec<(String, f64)>;

    /// How further parameters are written that belong to single data: `weight[k]`, the weight of datum k, and `data[k,i]`,
    /// its coordinate i, all counted from 0.
    fn row_parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// The number by which [`Family::gradient_by`] knows a parameter: its place in [`Family::parameters`], or one behind
    /// them all for those of single data. `None` if there is no such parameter.
    fn parameter_place(&self, name: &str) -> Option<usize> {
        self.parameters().iter().position(|(known, _)| known == name)
    }

    /// The same landscape with one parameter changed. Errors name the parameter and its allowed range.
    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>>;

    /// Derivative of the gradient in parameter number `parameter` (see [`Family::parameter_place`]).
    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]);

    /// Values of parameter number `parameter`, ascending, at which derivatives in it jump although the energy does not;
    /// [`Family::gradient_by`] gives there what holds on one side.
    fn breaks(&self, parameter: usize) -> Vec<f64> {
        let _ = parameter;
        vec![]
    }

    /// Equations in which parameter number `parameter` is an unknown, in verified arithmetic. `near` is a point (length n)
    /// about which they are wanted tight. An error says why there are none.
    fn equations(
        &self,
        parameter: usize,
        near: &[f64],
        of: Equations<'_>,
    ) -> std::result::Result<Box<dyn System + '_>, String> {
        let _ = (parameter, near, of);
        Err("this kind has no enclosures that take its parameters in".into())
    }
}

/// The names of a family's parameters, those of single data as patterns.
pub fn parameter_names(family: &dyn Family) -> Vec<String> {
    let plain = family.parameters().into_iter().map(|(name, _)| name);
    plain.chain(family.row_parameters().iter().map(|pattern| (*pattern).to_owned())).collect()
}

/// What a study or the command line may say of a kind, and how to build it. The source of `smale landscapes`,
/// `smale schema` and the check for unknown keys.
pub struct Kind {
    /// Its name in a study.
    pub name: &'static str,
    /// The energy, as a line of text; for a vector field what stands in its place.
    pub energy: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Builds it from its section (which it leaves empty of unknown keys by reading all it knows).
    pub build: fn(&mut Section) -> Result<Box<dyn Family>>,
}

/// A key of a section of a study.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Its default as text; empty if the key is needed or simply absent.
    pub default: &'static str,
    /// One sentence on it, with units.
    pub doc: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A real number.
    Number,
    /// A whole number, zero or more.
    Integer,
    /// A text.
    Text,
    /// true or false.
    Flag,
    /// An array of numbers.
    Numbers,
    /// A table of keys of its own.
    Table,
    /// A path to numbers: csv, npy, npz#key, safetensors#key, parquet#column.
    Data,
    /// Anything; checked by whoever reads it.
    Any,
}

/// All kinds, in the order in which they are listed.
pub const KINDS: &[&Kind] = &[
    &mixture::KIND,
    &modern_hopfield::KIND,
    &dense_memory::KIND,
    &hopfield::KIND,
    &hierarchical::KIND,
    &energy_transformer::KIND,
    &epanechnikov::KIND,
    &neural::KIND,
    &neural::score::KIND,
    &formula::KIND,
];

/// The error for a parameter that a family does not have, naming those that it has.
fn no_such_parameter(kind: &str, name: &str, have: &[(String, f64)]) -> Error {
    let names: Vec<&str> = have.iter().map(|(n, _)| n.as_str()).collect();
    Error::input(format!("{kind} has no parameter `{name}`"))
        .with_help(format!("it has {}", names.join(", ")))
}

/// Points an error of a constructor at the key of the section that its message names in back quotes.
fn blame(section: &Section, keys: &[&str], error: Error) -> Error {
    let message = error.to_string();
    let Some(key) = keys.iter().find(|key| message.contains(&format!("`{key}`"))) else { return error };
    let pointed = section.error(key, message);
    match error {
        Error::Input { help: Some(help), .. } => pointed.with_help(help),
        _ => pointed,
    }
}
