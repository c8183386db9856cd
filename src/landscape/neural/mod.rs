//! `neural`: energies that a network has learned,
//!
//! `E(x) = f(x, t) + (lambda/2) |x|^2 + quartic sum_i x_i^4 + tilt.x`,
//!
//! with `f` a feed-forward network of one output (`network.rs`), read from the weights that training left (`weights.rs`,
//! `architecture.rs`). Several files are a path through parameter space (`path.rs`). `score` uses the same networks as
//! vector fields (`score.rs`, `equilibria.rs`).
//!
//! Quartic and tilt are those of the parameterised landscape networks of developmental biology (Howe & Mani 2025,
//! "Learning potential landscapes from cell-state dynamics").

pub mod activation;
mod architecture;
mod enclose;
mod evaluate;
mod frozen;
mod network;
mod norm;
mod path;
pub(crate) use path::matching;
pub mod score;
mod state;
mod stated;
#[cfg(test)]
mod tests;
mod time;
mod weights;

use faer::prelude::ReborrowMut;
use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

use self::activation::Activation;
use self::frozen::{Frozen, times};
use self::network::{Layer, Network};
use self::path::PathOfNetworks;
use super::{Enclose, Family, Key, Kind, Landscape, Linearization, Region, Takes};
use crate::certificate::format::Definition;
use crate::error::{Error, Result};
use crate::study::Section;

pub use architecture::Output;

/// Up to this dimension a linearization at one point keeps the Hessian itself.
const LOW: usize = 4;

/// The landscape; see the module.
#[derive(Clone, Debug)]
pub struct Neural {
    path: PathOfNetworks,
    lambda: f64,
    quartic: f64,
    tilt: Vec<f64>,
}

impl Neural {
    fn new(path: PathOfNetworks, lambda: f64, quartic: f64, tilt: Vec<f64>) -> Result<Self> {
        let outputs = path.network.outputs();
        if outputs != 1 {
            return Err(Error::input(format!(
                "the network has {outputs} outputs, but an energy is one number; `weights` of a vector field belong to \
                 kind = \"score\""
            )));
        }
        if !lambda.is_finite() {
            return Err(Error::input(format!("`lambda` is {lambda}, it must be finite")));
        }
        if !(quartic >= 0.0 && quartic.is_finite()) {
            return Err(Error::input(format!("`quartic` is {quartic}, it must be zero or more")));
        }
        if tilt.len() != path.network.inputs() || tilt.iter().any(|t| !t.is_finite()) {
            return Err(Error::input(format!(
                "`tilt` needs one finite number a coordinate: {}, not {}",
                path.network.inputs(),
                tilt.len()
            )));
        }
        Ok(Neural { path, lambda, quartic, tilt })
    }

    /// A perceptron: linear layers (weight out x in, bias as long as it has rows) with one activation between them, and
    /// `(lambda/2) |x|^2`. The last layer has one row.
    pub fn perceptron(
        layers: Vec<(Mat<f64>, Vec<f64>)>,
        activation: Activation,
        lambda: f64,
    ) -> Result<Self> {
        let inputs = layers.first().map_or(0, |(weight, _)| weight.ncols());
        let mut list = vec![];
        for (weight, bias) in layers {
            if let Some(Layer::Linear { weight, .. }) = list.last() {
                list.push(Layer::Activation(vec![(activation, weight.nrows())]));
            }
            list.push(Layer::Linear { weight, bias });
        }
        if inputs == 0 {
            return Err(Error::input("a network needs at least one layer and one input"));
        }
        let network = Network::new(inputs, list).map_err(Error::input)?;
        let path = PathOfNetworks::new(vec![network], None, 0.0, 1.0)?;
        Neural::new(path, lambda, 0.0, vec![0.0; inputs])
    }

    fn network(&self) -> &Network {
        &self.path.network
    }

    /// Energies (length b), gradients (n x b) and Hessian-vector products (n x b) at the columns of `points` along those of
    /// `vectors`, in one sweep: four matrix products a layer, where gradients and a linearization take six.
    pub fn gradients_and_products(
        &self,
        points: MatRef<'_, f64>,
        vectors: MatRef<'_, f64>,
        energies: &mut [f64],
        mut gradients: MatMut<'_, f64>,
        mut products: MatMut<'_, f64>,
    ) {
        self.network().gradients_and_products(
            points,
            vectors,
            energies,
            gradients.rb_mut(),
            products.rb_mut(),
        );
        self.confine(points, energies, gradients);
        self.confine_products(points, vectors, products);
    }

    /// Adds what is not the network to energies and gradients.
    fn confine(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        for (j, energy) in energies.iter_mut().enumerate() {
            let (x, g) = (points.col(j), gradients.rb_mut().col_mut(j));
            for ((x, g), tilt) in x.iter().zip(g.iter_mut()).zip(&self.tilt) {
                *energy += x * (0.5 * self.lambda * x + tilt) + self.quartic * x * x * (x * x);
                *g += x * (self.lambda + 4.0 * self.quartic * x * x) + tilt;
            }
        }
    }

    /// Second derivative of what is not the network, in a coordinate that is `x`.
    fn curvature(&self, x: f64) -> f64 {
        self.lambda + 12.0 * self.quartic * x * x
    }

    fn confine_products(
        &self,
        points: MatRef<'_, f64>,
        vectors: MatRef<'_, f64>,
        mut products: MatMut<'_, f64>,
    ) {
        for j in 0..vectors.ncols() {
            let x = points.col(if points.ncols() == 1 { 0 } else { j });
            let out = products.rb_mut().col_mut(j);
            for ((x, v), out) in x.iter().zip(vectors.col(j).iter()).zip(out.iter_mut()) {
                *out += self.curvature(*x) * v;
            }
        }
    }
}

impl Landscape for Neural {
    fn dim(&self) -> usize {
        self.network().inputs()
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        self.network().gradients(points, energies, gradients.rb_mut());
        self.confine(points, energies, gradients);
    }

    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        let n = self.dim();
        if points.ncols() == 1 && n <= LOW {
            let x: Vec<f64> = points.col(0).iter().copied().collect();
            let mut hessian = Mat::zeros(n, n);
            self.hessian(&x, hessian.as_mut());
            return Box::new(Kept(hessian));
        }
        let (network, block) = (self.network(), self.network().block());
        let starts: Vec<usize> = (0..points.ncols()).step_by(block).collect();
        let blocks = starts
            .into_par_iter()
            .map(|start| {
                let b = block.min(points.ncols() - start);
                Frozen::scalar(network, points.subcols(start, b))
            })
            .collect();
        Box::new(Linear { neural: self, points: points.to_owned(), blocks })
    }

    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        Frozen::scalar(self.network(), crate::linalg::column(x)).hessian(self.network(), out.rb_mut());
        for (i, x) in x.iter().enumerate() {
            out[(i, i)] += self.curvature(*x);
        }
    }

    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        self.network().third(x, u, v, out);
        for i in 0..x.len() {
            out[i] += 24.0 * self.quartic * x[i] * u[i] * v[i];
        }
    }

    fn region(&self) -> Option<Region> {
        None
    }

    fn enclose(&self) -> std::result::Result<Box<dyn Enclose + '_>, String> {
        Ok(Box::new(enclose::Enclosed::new(self)?))
    }

    fn definition(&self) -> std::result::Result<Definition, String> {
        self.stated()
    }
}

/// A Hessian that is kept.
struct Kept(Mat<f64>);

impl Linearization for Kept {
    fn apply(&self, vectors: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        times(self.0.as_ref(), vectors, out);
    }
}

/// Frozen blocks of points.
struct Linear<'a> {
    neural: &'a Neural,
    points: Mat<f64>,
    blocks: Vec<Frozen>,
}

impl Linearization for Linear<'_> {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let network = self.neural.network();
        let block = network.block();
        let single = self.points.ncols() == 1;
        out.rb_mut().par_col_chunks_mut(block).enumerate().for_each(|(i, out)| {
            let frozen = &self.blocks[if single { 0 } else { i }];
            frozen.hessian_vectors(network, vectors.subcols(i * block, out.ncols()), out);
        });
        self.neural.confine_products(self.points.as_ref(), vectors, out);
    }
}

impl Family for Neural {
    fn parameters(&self) -> Vec<(String, f64)> {
        let mut list = vec![("lambda".to_string(), self.lambda), ("quartic".to_string(), self.quartic)];
        if self.path.is_family() {
            list.push(("training".to_string(), self.path.training()));
        }
        if self.path.needs_time() {
            list.push(("t".to_string(), self.path.t()));
        }
        list.extend(self.tilt.iter().enumerate().map(|(i, tilt)| (format!("tilt{i}"), *tilt)));
        list
    }

    fn with_parameter(&self, name: &str, value: f64) -> Result<Box<dyn Family>> {
        let mut changed = self.clone();
        let known = self.parameters();
        if !known.iter().any(|(n, _)| n == name) {
            return Err(super::no_such_parameter("neural", name, &known));
        }
        match (name, name.strip_prefix("tilt").map(str::parse::<usize>)) {
            ("lambda", _) => changed.lambda = value,
            ("quartic", _) => changed.quartic = value,
            ("training", _) => changed.path = self.path.at(value, self.path.t())?,
            ("t", _) => changed.path = self.path.at(self.path.training(), value)?,
            (_, Some(Ok(i))) => changed.tilt[i] = value,
            _ => {}
        }
        Ok(Box::new(Neural::new(changed.path, changed.lambda, changed.quartic, changed.tilt)?))
    }

    /// Between two files the weights move in a straight line.
    fn breaks(&self, parameter: usize) -> Vec<f64> {
        let along = self.parameters().get(parameter).is_some_and(|(name, _)| name == "training");
        if along { self.path.breaks() } else { vec![] }
    }

    fn gradient_by(&self, parameter: usize, x: &[f64], out: &mut [f64]) {
        let name = &self.parameters()[parameter].0;
        match (name.as_str(), name.strip_prefix("tilt").map(str::parse::<usize>)) {
            ("lambda", _) => out.copy_from_slice(x),
            ("quartic", _) => out.iter_mut().zip(x).for_each(|(o, x)| *o = 4.0 * x * x * x),
            ("training", _) => self.path.along_training(|d| self.network().gradient_along(x, d, out)),
            ("t", _) => self.path.along_time(|d| self.network().gradient_along(x, d, out)),
            (_, Some(Ok(i))) => {
                out.fill(0.0);
                out[i] = 1.0;
            }
            _ => out.fill(0.0),
        }
    }
}

/// The keys of a network's file and its place on the path, which `score` has too.
const WEIGHTS: Key = Key {
    name: "weights",
    takes: Takes::Any,
    default: "",
    doc: "the trained network: a safetensors file, or one of equinox; a list, or a name with *, is a path through \
          several, along which `training` runs",
};
const ARCHITECTURE: Key = Key {
    name: "architecture",
    takes: Takes::Text,
    default: "by the names of the tensors",
    doc: "file (TOML or JSON) that says how the network is put together",
};
const ACTIVATION: Key = Key {
    name: "activation",
    takes: Takes::Any,
    default: "",
    doc: "what stands between the layers: softplus, tanh, silu, gelu, gelu-tanh, elu, relu2, relu, sin, identity",
};
const TRAINING: Key = Key {
    name: "training",
    takes: Takes::Number,
    default: "0",
    doc: "position along several files of weights, from 0 to their number less one",
};
const TIME: Key =
    Key { name: "t", takes: Takes::Number, default: "", doc: "time, for a network that takes it" };

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: "neural",
    energy: "f(x, t) + (lambda/2) |x|^2 + quartic sum_i x_i^4 + tilt.x, f a network",
    source: "trained weights; setting of Hess & Morris 2025; quartic and tilt: Howe & Mani 2025",
    keys: &[
        WEIGHTS,
        ARCHITECTURE,
        ACTIVATION,
        TRAINING,
        TIME,
        Key { name: "lambda", takes: Takes::Number, default: "0", doc: "adds (lambda/2) |x|^2" },
        Key {
            name: "quartic",
            takes: Takes::Number,
            default: "0, or as the file says",
            doc: "adds quartic sum_i x_i^4",
        },
        Key {
            name: "tilt",
            takes: Takes::Numbers,
            default: "0",
            doc: "adds tilt.x, one number a coordinate",
        },
    ],
    build,
};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let given = path::read(section)?;
    if given.t.is_some() && !given.path.needs_time() {
        return Err(section.error("t", "`t` has no effect: the network does not take time"));
    }
    if given.architecture.output != Output::Score {
        return Err(section.error(
            "architecture",
            "`output` in the architecture is for kind = \"score\": the output of `neural` is the energy",
        ));
    }
    let lambda = section.number("lambda")?.unwrap_or(0.0);
    let quartic = section.number("quartic")?.unwrap_or(given.quartic);
    let n = given.path.network.inputs();
    let tilt = section.numbers("tilt")?.unwrap_or_else(|| vec![0.0; n]);
    Neural::new(given.path, lambda, quartic, tilt)
        .map(|m| Box::new(m) as Box<dyn Family>)
        .map_err(|e| super::blame(section, &["tilt", "lambda", "quartic", "weights"], e))
}
