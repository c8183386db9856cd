//! What a study may say of an energy transformer.

use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{EnergyTransformer, Weights};
use crate::data::{self, RawTable};
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
            doc: "safetensors or npz file with Wk and Wq (heads x Y x D) and Xi (memories x D); random weights without it",
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
        Key { name: "gamma", takes: Takes::Number, default: "1", doc: "scale of the layer norm, positive" },
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
    let mut weights = match section.path("weights")? {
        Some(path) => read(section, &path)?,
        None => draw(section)?,
    };
    if let Some(delta) = section.numbers("delta")? {
        if delta.len() != weights.dim {
            let message = format!("`delta` has {} numbers, a token has {}", delta.len(), weights.dim);
            return Err(section.error("delta", message));
        }
        weights.delta = delta;
    }
    let usual = 1.0 / (weights.head_dim.max(1) as f64).sqrt();
    let beta = section.number("beta")?.unwrap_or(usual);
    let separation = separation_of(section, Some(2.0))?;
    let gamma = section.number("gamma")?.unwrap_or(1.0);
    let epsilon = section.number("epsilon")?.unwrap_or(0.0);
    let confinement = section.number("confinement")?.unwrap_or(0.0);
    EnergyTransformer::new(tokens, weights, separation, beta, gamma, epsilon, confinement)
        .map(|t| Box::new(t) as Box<dyn Family>)
        .map_err(|e| {
            let keys = ["tokens", "confinement", "epsilon", "beta", "gamma", "p", "weights"];
            crate::landscape::blame(section, &keys, e)
        })
}

/// One array of the file; errors point at the key.
fn array(section: &Section, path: &Path, name: &str) -> Result<RawTable> {
    let mut with_name = path.as_os_str().to_owned();
    with_name.push(format!("#{name}"));
    data::read(&PathBuf::from(with_name)).map_err(|error| match error {
        Error::Input { message, help, place: None } => {
            let located = section.error("weights", message);
            help.map_or(located.clone(), |h| located.with_help(h))
        }
        Error::File { .. } => section.error("weights", error.to_string()),
        other => other,
    })
}

fn read(section: &mut Section, path: &Path) -> Result<Weights> {
    let key = array(section, path, "Wk")?;
    let query = array(section, path, "Wq")?;
    let memory = array(section, path, "Xi")?;
    let (dim, heads) = (memory.columns, key.rows());
    if (query.rows(), query.columns) != (heads, key.columns) || key.columns % dim != 0 {
        return Err(section
            .error(
                "weights",
                format!(
                    "the arrays do not fit: Wk is {heads} x {}, Wq {} x {}, and Xi has rows of {dim}",
                    key.columns,
                    query.rows(),
                    query.columns
                ),
            )
            .with_help("Wk and Wq are heads x Y x D, Xi is memories x D"));
    }
    Ok(Weights {
        dim,
        heads,
        head_dim: key.columns / dim,
        key: key.values,
        query: query.values,
        memory: memory.values,
        delta: vec![0.0; dim],
    })
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
