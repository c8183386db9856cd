//! A learned energy as a certificate states it.

use super::Neural;
use super::activation::Activation;
use super::network::Layer;
use crate::certificate::format::{self, Definition, Dense, Hex, HexVec};

impl Neural {
    /// The perceptron with its quadratic, or a sentence that says why it is none that a certificate can state.
    pub(super) fn stated(&self) -> Result<Definition, String> {
        if self.path.has_stage() {
            return Err(
                "a network that takes time or Fourier features can't be stated in a certificate".into()
            );
        }
        if self.quartic != 0.0 || self.tilt.iter().any(|t| *t != 0.0) {
            return Err("a learned energy with `quartic` or `tilt` can't be stated in a certificate".into());
        }
        let (here, next) = self.path.around();
        let network = match next {
            None => here,
            Some((next, 1.0)) => next,
            Some(_) => {
                return Err(
                    "between two files of weights a network's numbers are not exact: certificates need \
                            a whole `training`"
                        .into(),
                );
            }
        };
        let only =
            "certificates are about perceptrons: linear layers with one smooth activation between them";
        let mut layers: Vec<Dense> = vec![];
        let mut activation = None;
        let mut linear = false;
        for (layer, _, width) in network.steps() {
            match layer {
                Layer::Linear { weight, bias } if !linear => {
                    let row = |i: usize| HexVec((0..weight.ncols()).map(|j| weight[(i, j)]).collect());
                    let bias = if bias.is_empty() { vec![0.0; width] } else { bias.clone() };
                    layers.push(Dense { weight: (0..width).map(row).collect(), bias: HexVec(bias) });
                    linear = true;
                }
                Layer::Activation(parts) if linear => {
                    linear = false;
                    for (own, _) in parts {
                        let own = named(*own).ok_or(only)?;
                        if activation.is_some_and(|other| other != own) {
                            return Err(only.into());
                        }
                        activation = Some(own);
                    }
                }
                _ => return Err(only.into()),
            }
        }
        if !linear {
            return Err(only.into());
        }
        let sha256 = Dense::hash(&layers);
        // Without a hidden layer there is none, and any will do.
        let activation = activation.unwrap_or(format::Activation::Softplus);
        Ok(Definition::Neural { activation, layers, lambda: Hex(self.lambda), sha256 })
    }
}

fn named(activation: Activation) -> Option<format::Activation> {
    match activation {
        Activation::Softplus { beta: 1.0 } => Some(format::Activation::Softplus),
        Activation::Tanh => Some(format::Activation::Tanh),
        Activation::Silu => Some(format::Activation::Silu),
        Activation::Sin { omega: 1.0 } => Some(format::Activation::Sin),
        _ => None,
    }
}
