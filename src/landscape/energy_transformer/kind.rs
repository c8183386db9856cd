//! What a study may say of an energy transformer.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{EnergyTransformer, Weights};
use crate::data::{self, Tensor};
use crate::error::{Error, Result};
use crate::landscape::dense_memory::separation_of;
use crate::landscape::{Family, Key, Kind, Takes};
use crate::study::Section;

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: "energy-transformer",
    energy: "-(1/beta) sum_h sum_C log sum_{B != C} exp(beta K_hB.Q_hC) - sum_B sum_mu F(xi_mu.g_B), g = layernorm(x)",
    source: "Hoover et al. 2023, Energy Transformer",
    keys: &[
        Key { name: "tokens", takes: Takes::Integer, default: "", doc: "number N of tokens" },
        Key {
            name: "weights",
            takes: Takes::Text,
            default: "",
            doc: "safetensors file: Wk and Wq (heads x Y x D), Xi (memories x D), optional gamma (1) and delta (D); random weights without it",
        },
        Key {
            name: "dim",
            takes: Takes::Integer,
            default: "",
            doc: "random weights: dimension D of a token, at least 3",
        },
        Key { name: "heads", takes: Takes::Integer, default: "1", doc: "random weights: number of heads" },
        Key {
            name: "head_dim",
            takes: Takes::Integer,
            default: "dim",
            doc: "random weights: dimension Y of keys and queries",
        },
        Key {
            name: "memories",
            takes: Takes::Integer,
            default: "2 dim",
            doc: "random weights: number of memories",
        },
        Key {
            name: "weights_seed",
            takes: Takes::Integer,
            default: "0",
            doc: "random weights: their seed; all are normal with variance 1/D",
        },
        Key {
            name: "beta",
            takes: Takes::Number,
            default: "1/sqrt(Y)",
            doc: "inverse temperature of the attention, positive",
        },
        Key {
            name: "separation",
            takes: Takes::Text,
            default: "rectified",
            doc: "the memories' function F: rectified (relu(z)^p / p), power (z^p / p) or exp (exp(z))",
        },
        Key { name: "p", takes: Takes::Number, default: "2", doc: "power of F" },
        Key {
            name: "gamma",
            takes: Takes::Number,
            default: "the file's, or 1",
            doc: "scale of the layer norm, positive",
        },
        Key {
            name: "delta",
            takes: Takes::Numbers,
            default: "0 each",
            doc: "shift of the layer norm, D numbers",
        },
        Key {
            name: "epsilon",
            takes: Takes::Number,
            default: "0",
            doc: "added to the layer norm's variance; with 0 a token's scale is a null direction",
        },
        Key {
            name: "confinement",
            takes: Takes::Number,
            default: "0",
            doc: "adds (confinement/2) |x|^2; needs an epsilon",
        },
    ],
    build,
};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let tokens = section.integer("tokens")?.ok_or_else(|| section.missing("tokens", "4"))?;
    let (mut weights, norm) = match section.path("weights")? {
        Some(path) => read(section, &path)?,
        None => (draw(section)?, Norm { gamma: None, delta: None }),
    };
    if let Some(delta) = section.numbers("delta")?.or(norm.delta) {
        if delta.len() != weights.dim {
            let message = format!("`delta` has {} numbers, a token has {}", delta.len(), weights.dim);
            return Err(section.error("delta", message));
        }
        weights.delta = delta;
    }
    let usual = 1.0 / (weights.head_dim.max(1) as f64).sqrt();
    let beta = section.number("beta")?.unwrap_or(usual);
    let separation = separation_of(section, Some(2.0))?;
    let gamma = section.number("gamma")?.or(norm.gamma).unwrap_or(1.0);
    let epsilon = section.number("epsilon")?.unwrap_or(0.0);
    let confinement = section.number("confinement")?.unwrap_or(0.0);
    EnergyTransformer::new(tokens, weights, separation, beta, gamma, epsilon, confinement)
        .map(|t| Box::new(t) as Box<dyn Family>)
        .map_err(|e| {
            let keys = ["tokens", "confinement", "epsilon", "beta", "gamma", "p", "weights"];
            crate::landscape::blame(section, &keys, e)
        })
}

/// The layer norm's own weights, where the file has them.
struct Norm {
    gamma: Option<f64>,
    delta: Option<Vec<f64>>,
}

fn read(section: &Section, path: &Path) -> Result<(Weights, Norm)> {
    let tensors = data::read_tensors(path).map_err(|error| match error {
        Error::Input { message, help, place: None } => {
            let located = section.error("weights", message);
            help.map_or(located.clone(), |h| located.with_help(h))
        }
        Error::File { .. } => section.error("weights", error.to_string()),
        other => other,
    })?;
    let wrong = |what: String| {
        section.error("weights", format!("{}: {what}", tensors.file)).with_help(
            "Wk and Wq have shape heads x Y x D, Xi memories x D, and, if they are there, gamma is one number and delta \
             has D",
        )
    };
    let find = |name: &str| tensors.list.iter().find(|t| t.name == name);
    let need = |name: &str, dimensions: usize| -> Result<&Tensor> {
        let names = || tensors.list.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ");
        let tensor =
            find(name).ok_or_else(|| wrong(format!("there is no tensor `{name}` among {}", names())))?;
        if tensor.shape.len() != dimensions || tensor.values.is_empty() {
            return Err(wrong(format!("`{name}` has shape {:?}", tensor.shape)));
        }
        Ok(tensor)
    };
    let (key, query, memory) = (need("Wk", 3)?, need("Wq", 3)?, need("Xi", 2)?);
    let dim = memory.shape[1];
    if key.shape != query.shape || key.shape[2] != dim {
        return Err(wrong(format!(
            "the shapes do not fit: Wk {:?}, Wq {:?}, Xi {:?}",
            key.shape, query.shape, memory.shape
        )));
    }
    let (gamma, delta) = (find("gamma"), find("delta"));
    for (tensor, size) in [(gamma, 1), (delta, dim)] {
        if let Some(t) = tensor.filter(|t| t.values.len() != size) {
            return Err(wrong(format!("`{}` has {} numbers, not {size}", t.name, t.values.len())));
        }
    }
    for tensor in [Some(key), Some(query), Some(memory), gamma, delta].into_iter().flatten() {
        if let Some(bad) = tensor.values.iter().position(|v| !v.is_finite()) {
            return Err(wrong(format!("number {bad} of `{}` is {}", tensor.name, tensor.values[bad])));
        }
    }
    let weights = Weights {
        dim,
        heads: key.shape[0],
        head_dim: key.shape[1],
        key: key.values.clone(),
        query: query.values.clone(),
        memory: memory.values.clone(),
        delta: vec![0.0; dim],
    };
    Ok((weights, Norm { gamma: gamma.map(|g| g.values[0]), delta: delta.map(|d| d.values.clone()) }))
}

fn draw(section: &mut Section) -> Result<Weights> {
    let dim = section.integer("dim")?.ok_or_else(|| {
        section.missing("dim", "4").with_help("or weights = \"block.safetensors\", with Wk, Wq and Xi")
    })?;
    let heads = section.integer("heads")?.unwrap_or(1);
    let head_dim = section.integer("head_dim")?.unwrap_or(dim);
    let memories = section.integer("memories")?.unwrap_or(2 * dim);
    let seed = section.integer("weights_seed")?.unwrap_or(0);
    let numbers =
        heads.saturating_mul(head_dim).saturating_mul(2).saturating_add(memories).saturating_mul(dim);
    if numbers > 1 << 28 {
        return Err(section
            .error("dim", format!("`dim` {dim} with these heads and memories makes {numbers} weights")));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed as u64);
    let spread = 1.0 / (dim.max(1) as f64).sqrt();
    let mut normal = |count: usize| -> Vec<f64> {
        (0..count)
            .map(|_| {
                let z: f64 = StandardNormal.sample(&mut rng);
                spread * z
            })
            .collect()
    };
    let (key, query) = (normal(heads * head_dim * dim), normal(heads * head_dim * dim));
    Ok(Weights { dim, heads, head_dim, key, query, memory: normal(memories * dim), delta: vec![0.0; dim] })
}
