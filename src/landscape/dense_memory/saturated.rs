//! The equilibria of a memory whose neurons saturate, where its own energy cannot be searched.
//!
//! The gradient of the energy carries the slope of the activation, and once that has fallen by ten orders of magnitude
//! between neurons the Hessian's digits are lost. A dense memory is a network of two layers whose hidden one sits at its
//! equilibrium, with the separation function as its Lagrangian; the network has another energy with the same equilibria
//! and indices, in which nothing saturates.

use faer::Mat;

use super::{DenseMemory, Lagrangian, Separation};
use crate::landscape::lagrangian::Lagrangian as Layer;
use crate::landscape::layered::Layered;
use crate::landscape::network::{self, Network, Synapses};
use crate::landscape::{Equilibria, Landscape, Region};

/// Logarithm of the ratio of slopes up to which the energy itself will do.
const TAME: f64 = 20.0;

/// Units of both layers up to which the network is searched in the memory's place.
const LARGEST: usize = 400;

pub(super) fn equilibria(memory: &DenseMemory, region: &Region) -> Option<Equilibria> {
    let (n, k) = (memory.dim, memory.count());
    if memory.confinement > 0.0 || n + k > LARGEST {
        return None;
    }
    let steepness = match memory.lagrangian {
        Lagrangian::Tanh { gain } => 2.0 * gain,
        Lagrangian::Sigmoid { gain } => gain,
        Lagrangian::Identity | Lagrangian::Softmax { .. } => return None,
    };
    let largest = memory.pulls()?.into_iter().fold(0.0, f64::max);
    if steepness * largest < TAME {
        return None;
    }
    let (hidden, p) = match memory.separation {
        Separation::Rectified { p } => (Layer::Power { power: p }, p),
        Separation::Power { p: 2 } => (Layer::Identity, 2.0),
        Separation::Power { .. } | Separation::Exponential { .. } => return None,
    };
    // The factors of the sum go into the synapses: F is homogeneous.
    let root: Vec<f64> = (0..k).map(|k| memory.factor(k).powf(1.0 / p)).collect();
    let patterns = memory.patterns();
    let weights = Mat::from_fn(k, n, |k, i| root[k] * patterns[(i, k)]);
    let layer = |lagrangian: Layer, size: usize, tau: f64| network::Layer {
        lagrangian,
        leak: vec![1.0; size],
        tau: vec![tau; size],
        bias: vec![0.0; size],
    };
    let layers = vec![layer(memory.lagrangian.shared(), n, 1.0), layer(hidden, k, 0.0)];
    let network = Network::new(layers, vec![Synapses { from: 0, to: 1, weights }], vec![true, false]);
    let wells = memory.wells()?;
    let starts = Mat::from_fn(n + k, wells.ncols(), |i, j| {
        if i < n {
            return wells[(i, j)];
        }
        let g = memory.activation(wells.col_as_slice(j));
        root[i - n] * patterns.col(i - n).iter().zip(&g).map(|(y, g)| y * g).sum::<f64>()
    });
    Layered { kind: "dense-memory", network, parameters: vec![], starts: Some(starts), given: None }
        .equilibria(region)
}
