//! A landscape given as text: any expression in the coordinates and named parameters.
//!
//! In: the text, the dimension, parameters, periods. Out: a [`Formula`], with exact derivatives of every order that
//! the other modules ask for. The text is parsed (`parse`), its loops are written out on a tape of operations
//! (`unroll`, `tape`), and the tape is swept forward and back in numbers of the wanted kind (`scalar`): plain numbers
//! for a gradient, dual numbers over them for Hessian-vector products, and so on (Griewank and Walther, *Evaluating
//! Derivatives*, 2nd edition 2008, chapters 3 and 5).
//!
//! A [`Drift`] is a vector field given by a text for each coordinate.
//!
//! For proofs the same tree becomes a circuit (`circuit`) whose constants are exact, its derivatives formulas of their own
//! (`derive`), and these are run on boxes (`program`, `forms`, `enclose`, `everywhere`).
//!
//! At kinks the derivative is one-sided: `abs'(0) = sign'(0) = relu'(0) = 0`, and at a tie of `max` or `min` the
//! last of the equal arguments counts. Outside the domain of a function (the logarithm of a negative number) values
//! are infinite or NaN; at its edge (`sqrt(x)` or `x*log(x)` at 0) derivatives may be.

mod circuit;
mod derive;
mod drift;
mod enclose;
mod equations;
mod everywhere;
mod forms;
mod hessian;
mod lex;
mod parse;
mod program;
mod scalar;
mod section;
mod symmetry;
mod tape;
mod unroll;
pub(super) mod wells;

use std::sync::{Arc, OnceLock};

use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

use self::hessian::{Sparsity, set_inputs};
use self::scalar::{Dual, Nested};
use self::tape::{Builder, Tape, Workspace, with_workspace};
use super::{Enclose, Equations, Family, Landscape, Linearization, Region, Shape};
use crate::certificate::format::{Definition, Hex};
use crate::error::{Error, Result, shown};
use crate::rigor::System;
use crate::rigor::prune::SignedPermutation;

pub use drift::Drift;
pub(super) use scalar::erf;
pub use section::KIND;

/// What is wrong with a formula's text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Byte offset of the first wrong character; 0 if the fault is not in the text (a parameter's name, say).
    pub start: usize,
    /// Byte offset behind the last wrong character; equal to `start` at the end of the text.
    pub end: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that can be said.
    pub help: Option<String>,
}

impl SyntaxError {
    fn new(start: usize, end: usize, message: impl Into<String>) -> Self {
        SyntaxError { start, end, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn help_if(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// A direction in which the gradient of a [`Formula`] is differentiated.
#[derive(Clone, Copy, Debug)]
pub enum Direction<'a> {
    /// A vector of the state space (length n).
    State(&'a [f64]),
    /// A parameter, by its place in [`Family::parameters`].
    Parameter(usize),
}

/// An energy given as text.
#[derive(Clone, Debug)]
pub struct Formula {
    program: Arc<Program>,
    parameters: Vec<f64>,
    period: Vec<Option<f64>>,
}

/// What all members of a family share.
#[derive(Debug)]
struct Program {
    text: String,
    tree: parse::Node,
    tape: Tape,
    names: Vec<String>,
    /// Which parameter confines.
    confinement: Option<usize>,
    /// Worked out when the first Hessian is asked for.
    sparsity: OnceLock<Option<Sparsity>>,
}

/// Batches with more operations than this are shared among threads.
const WORTH_SHARING: usize = 200_000;

impl Formula {
    /// The energy `energy` on R^`dim` with named parameters and their values.
    ///
    /// `period` has one entry a coordinate, or none at all. A `confinement` c adds `(c/2) |x|^2` and becomes a
    /// parameter of that name. The language is described in `docs/formula.md`.
    ///
    /// # Errors
    /// The first fault of the text, with its place; or of the other arguments, at place 0.
    pub fn new(
        dim: usize,
        energy: &str,
        parameters: &[(String, f64)],
        period: &[Option<f64>],
        confinement: Option<f64>,
    ) -> std::result::Result<Self, SyntaxError> {
        let elsewhere = |message: String| SyntaxError::new(0, 0, message);
        section::check_dim(dim).map_err(elsewhere)?;
        section::check_period(dim, period).map_err(elsewhere)?;
        for (k, (name, value)) in parameters.iter().enumerate() {
            section::check_name(name).map_err(elsewhere)?;
            if parameters[..k].iter().any(|(other, _)| other == name) {
                return Err(elsewhere(format!("the parameter `{name}` is declared twice")));
            }
            if !value.is_finite() {
                return Err(elsewhere(format!("the parameter `{name}` must be a finite number")));
            }
        }
        if confinement.is_some_and(|c| !c.is_finite()) {
            return Err(elsewhere("the confinement must be a finite number".into()));
        }
        let (mut names, mut values): (Vec<String>, Vec<f64>) = parameters.iter().cloned().unzip();
        let tree = parse::parse(energy, dim, &names)?;
        let confinement = confinement.map(|c| {
            names.push("confinement".into());
            values.push(c);
            values.len() - 1
        });
        let builder = Builder::new(dim, names.len());
        let (builder, root) = unroll::unroll(&tree, dim, builder, confinement)?;
        let tape = builder.finish(root);
        let text = energy.to_owned();
        let program = Program { text, tree, tape, names, confinement, sparsity: OnceLock::new() };
        Ok(Formula { program: Arc::new(program), parameters: values, period: period.to_vec() })
    }

    /// Number of operations that the formula came to.
    pub fn operations(&self) -> usize {
        self.tape().ops.len()
    }

    /// The gradient (length n), differentiated along up to three directions: none gives the gradient, one
    /// [`Direction::State`] the Hessian-vector product, two the third derivative along both; a
    /// [`Direction::Parameter`] differentiates any of these in a parameter.
    ///
    /// # Panics
    /// With more than three directions, or lengths that do not fit.
    pub fn derivative(&self, x: &[f64], along: &[Direction<'_>], out: &mut [f64]) {
        match along.len() {
            0 => self.mixed::<f64>(x, along, out),
            1 => self.mixed::<Dual<f64>>(x, along, out).value,
            2 => self.mixed::<Dual<Dual<f64>>>(x, along, out).value.value,
            3 => self.mixed::<Dual<Dual<Dual<f64>>>>(x, along, out).value.value.value,
            more => panic!("derivatives of a formula go along three directions at most, not {more}"),
        };
    }

    /// Derivative of the energy itself in parameter number `parameter` (its place in [`Family::parameters`]).
    pub fn energy_by(&self, parameter: usize, x: &[f64]) -> f64 {
        with_workspace::<Dual<f64>, _>(self.tape(), |work| {
            set_inputs(&mut work.values, &[x, &self.parameters]);
            work.values[x.len() + parameter].slopes[0] = 1.0;
            self.tape().forward(&mut work.values).mixed()
        })
    }

    /// The same formula with one parameter changed.
    fn with(&self, name: &str, value: f64) -> Result<Formula> {
        let names = &self.program.names;
        let Some(k) = names.iter().position(|known| known == name) else {
            let help = match parse::nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "declare it in the table [landscape.parameters]".into(),
                None => format!("its parameters are {}", names.join(", ")),
            };
            return Err(Error::input(format!("the formula has no parameter `{name}`")).with_help(help));
        };
        if !value.is_finite() {
            return Err(Error::input(format!(
                "the parameter `{name}` must be a finite number, not {}",
                shown(value)
            )));
        }
        let mut other = self.clone();
        other.parameters[k] = value;
        Ok(other)
    }

    fn tape(&self) -> &Tape {
        &self.program.tape
    }

    /// Which entries of the Hessian can differ from zero, if few can.
    fn places(&self) -> Option<&Sparsity> {
        self.program.sparsity.get_or_init(|| hessian::sparsity(self.tape())).as_ref()
    }

    /// Writes the gradient, differentiated along the directions; returns the energy with all its derivatives.
    fn mixed<S: Nested>(&self, x: &[f64], along: &[Direction<'_>], out: &mut [f64]) -> S {
        let n = self.tape().dim;
        assert_eq!((x.len(), out.len()), (n, n), "a point and a derivative have the formula's dimension");
        with_workspace::<S, _>(self.tape(), |work| {
            let mut speeds = [0.0; 3];
            for (slot, value) in x.iter().chain(&self.parameters).enumerate() {
                for (speed, direction) in speeds.iter_mut().zip(along) {
                    *speed = match direction {
                        Direction::State(v) if slot < n => v[slot],
                        Direction::Parameter(k) if slot == n + k => 1.0,
                        _ => 0.0,
                    };
                }
                work.values[slot] = S::seed(*value, &speeds[..along.len()]);
            }
            let energy = self.tape().forward(&mut work.values);
            self.tape().reverse(&work.values, &mut work.adjoints);
            for (out, adjoint) in out.iter_mut().zip(&work.adjoints) {
                *out = adjoint.mixed();
            }
            energy
        })
    }

    /// Runs `work` on each item, on several threads if that pays.
    fn share<T: Send>(&self, items: Vec<T>, work: impl Fn(T) + Send + Sync) {
        if items.len() > 1 && items.len() * self.tape().ops.len() > WORTH_SHARING {
            items.into_par_iter().for_each(work);
        } else {
            items.into_iter().for_each(work);
        }
    }

    /// The energy at `x`; what leads to it stays in the room for work.
    fn forward(&self, x: impl Iterator<Item = f64>, work: &mut Workspace<f64>) -> f64 {
        let inputs = x.chain(self.parameters.iter().copied());
        work.values.iter_mut().zip(inputs).for_each(|(value, x)| *value = x);
        self.tape().forward(&mut work.values)
    }
}

impl Landscape for Formula {
    fn dim(&self) -> usize {
        self.tape().dim
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], gradients: MatMut<'_, f64>) {
        let n = self.tape().dim;
        let columns = points.col_iter().zip(energies).zip(gradients.col_iter_mut()).collect();
        self.share(columns, |((x, energy), mut gradient)| {
            with_workspace::<f64, _>(self.tape(), |work| {
                *energy = self.forward(x.iter().copied(), work);
                self.tape().reverse(&work.values, &mut work.adjoints);
                (0..n).for_each(|i| gradient[i] = work.adjoints[i]);
            });
        });
    }

    fn energies(&self, points: MatRef<'_, f64>, energies: &mut [f64]) {
        self.share(points.col_iter().zip(energies).collect(), |(x, energy)| {
            with_workspace::<f64, _>(self.tape(), |work| *energy = self.forward(x.iter().copied(), work));
        });
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        Box::new(AtPoints { formula: self, points: points.to_owned() })
    }

    fn hessian(&self, x: &[f64], out: MatMut<'_, f64>) {
        hessian::hessian(self.tape(), self.places(), &[x, &self.parameters], out);
    }

    fn sparsity(&self) -> Option<&[Vec<u32>]> {
        self.places().map(|sparsity| sparsity.rows.as_slice())
    }

    fn sparse_hessian(&self, x: &[f64], out: &mut [f64]) {
        if let Some(sparsity) = self.places() {
            hessian::sweeps(self.tape(), sparsity, &[x, &self.parameters], |place, _, value| {
                out[place] = value
            });
        }
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        self.derivative(x, &[Direction::State(u), Direction::State(v)], out);
    }

    /// One period of a torus, where all coordinates are periodic.
    fn region(&self) -> Option<Region> {
        let upper: Vec<f64> = self.period.iter().copied().collect::<Option<_>>()?;
        if upper.len() != self.tape().dim {
            return None;
        }
        let shape = Shape::Box { lower: vec![0.0; upper.len()], upper };
        Some(Region { shape, period: self.period.clone() })
    }

    fn period(&self) -> Vec<Option<f64>> {
        self.period.clone()
    }

    /// The formula whose literals are the floating-point numbers nearest to those of the text, with the parameters'
    /// values, evaluated exactly.
    fn enclose(&self) -> std::result::Result<Box<dyn Enclose + '_>, String> {
        Ok(Box::new(enclose::Enclosure::new(self)?))
    }

    fn definition(&self) -> std::result::Result<Definition, String> {
        if self.period.iter().any(Option::is_some) {
            return Err("certificates of landscapes with periods are not made yet".into());
        }
        let place = self.program.confinement;
        let named = self.program.names.iter().zip(&self.parameters).enumerate();
        let parameters =
            named.filter(|(k, _)| Some(*k) != place).map(|(_, (name, v))| (name.clone(), Hex(*v)));
        Ok(Definition::Formula {
            dim: self.dim(),
            energy: self.program.text.clone(),
            parameters: parameters.collect(),
            confinement: Hex(place.map_or(0.0, |k| self.parameters[k])),
        })
    }

    fn has_symmetry(&self, map: &SignedPermutation) -> bool {
        symmetry::is_symmetric(self, map)
    }

    fn energy(&self, x: &[f64]) -> f64 {
        with_workspace(self.tape(), |work| self.forward(x.iter().copied(), work))
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.mixed::<f64>(x, &[], gradient)
    }
}

impl Family for Formula {
    fn parameters(&self) -> Vec<(String, f64)> {
        self.program.names.iter().cloned().zip(self.parameters.iter().copied()).collect()
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        Ok(Box::new(self.with(name, value)?))
    }

    fn equations(
        &self,
        parameter: usize,
        _: &[f64],
        of: Equations<'_>,
    ) -> std::result::Result<Box<dyn System + '_>, String> {
        let program = &self.program;
        let n = program.tape.dim;
        let equations = equations::Along::new(n, of, &self.parameters, |mut circuit| {
            circuit.vary(parameter, n);
            unroll::unroll(&program.tree, n, circuit, program.confinement)
                .map_err(|e| format!("the formula cannot be evaluated exactly: {}", e.message))
        });
        Ok(Box::new(equations?))
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        self.derivative(x, &[Direction::Parameter(parameter)], out);
    }
}

/// A formula's Hessians at some points, one a column.
struct AtPoints<'a> {
    formula: &'a Formula,
    points: Mat<f64>,
}

/// Products with the Hessian of one point that are computed in one sweep.
const WIDTH: usize = 4;

impl Linearization for AtPoints<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        if vectors.ncols() == 1 {
            return self.products::<1>(0, vectors, out);
        }
        if self.points.ncols() == 1 {
            for start in (0..vectors.ncols()).step_by(WIDTH) {
                let width = WIDTH.min(vectors.ncols() - start);
                let vectors = vectors.subcols(start, width);
                self.products::<WIDTH>(0, vectors, out.as_mut().subcols_mut(start, width));
            }
            return;
        }
        let columns = out.col_iter_mut().enumerate().collect();
        self.formula.share(columns, |(j, out)| {
            self.products::<1>(j, vectors.subcols(j, 1), out.as_mat_mut());
        });
    }
}

impl AtPoints<'_> {
    /// Up to `W` products with the Hessian at point `j`.
    fn products<const W: usize>(&self, j: usize, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let tape = self.formula.tape();
        with_workspace::<Dual<f64, W>, _>(tape, |work| {
            for i in 0..tape.dim {
                let mut slopes = [0.0; W];
                slopes.iter_mut().enumerate().take(vectors.ncols()).for_each(|(k, s)| *s = vectors[(i, k)]);
                work.values[i] = Dual { value: self.points[(i, j)], slopes };
            }
            set_inputs(&mut work.values[tape.dim..], &[&self.formula.parameters, &[]]);
            tape.forward(&mut work.values);
            tape.reverse(&work.values, &mut work.adjoints);
            for (i, adjoint) in work.adjoints.iter().take(tape.dim).enumerate() {
                (0..vectors.ncols()).for_each(|k| out[(i, k)] = adjoint.slopes[k]);
            }
        });
    }
}
