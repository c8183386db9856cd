//! What a study may say of a dense memory.

use super::{DenseMemory, Lagrangian, Separation};
use crate::error::{Error, Result};
use crate::landscape::{Family, Key, Kind, Takes};
use crate::study::Section;

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: "dense-memory",
    energy: "sum_i [x_i g_i - L(x_i)] - scale sum_k w_k F(y_k.g) + (confinement/2) |x|^2, g = grad L",
    source: "Krotov & Hopfield 2016, 2021; Demircigil et al. 2017",
    keys: &[
        Key { name: "data", takes: Takes::Data, default: "", doc: "the patterns y_k, one a row" },
        Key {
            name: "rows",
            takes: Takes::Any,
            default: "",
            doc: "rows of the data to use: 300 (the first 300) or \"100..400\"",
        },
        Key {
            name: "separation",
            takes: Takes::Text,
            default: "rectified",
            doc: "the function F: rectified (relu(z)^p / p), power (z^p / p) or exp (exp(beta z) / beta)",
        },
        Key {
            name: "p",
            takes: Takes::Number,
            default: "",
            doc: "power of F, at least 2, whole for power; needed unless separation is exp",
        },
        Key { name: "beta", takes: Takes::Number, default: "1", doc: "exp: inverse temperature, positive" },
        Key {
            name: "lagrangian",
            takes: Takes::Text,
            default: "identity",
            doc: "of the neurons: identity (g = x), tanh, sigmoid or softmax (of gain times x)",
        },
        Key {
            name: "gain",
            takes: Takes::Number,
            default: "1",
            doc: "steepness of tanh, sigmoid or softmax, positive",
        },
        Key {
            name: "scale",
            takes: Takes::Number,
            default: "1",
            doc: "factor on the sum over the patterns, positive",
        },
        Key {
            name: "weights",
            takes: Takes::Numbers,
            default: "1 each",
            doc: "one positive number a row of the data",
        },
        Key { name: "confinement", takes: Takes::Number, default: "0", doc: "adds (confinement/2) |x|^2" },
    ],
    build,
};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let points = section.points("data")?.ok_or_else(|| {
        Error::input("dense-memory needs `data`: a file with one pattern a row")
            .with_help("data = \"patterns.csv\"")
    })?;
    let separation = separation_of(section, None)?;
    let lagrangian = lagrangian(section)?;
    let scale = section.number("scale")?.unwrap_or(1.0);
    let confinement = section.number("confinement")?.unwrap_or(0.0);
    let given = section.weights(&points)?;
    let weights = match &given {
        None => points.multiplicity.iter().map(|m| *m as f64).collect(),
        Some(rows) => points.merge_weights(rows).map_err(|m| section.error("weights", m))?,
    };
    DenseMemory::new(points.values.as_ref(), weights, separation, lagrangian, scale, confinement)
        .map(|m| Box::new(m) as Box<dyn Family>)
        .map_err(|e| {
            super::super::blame(section, &["p", "beta", "gain", "scale", "weights", "confinement"], e)
        })
}

/// The keys `separation`, `p` and `beta` of a dense memory; `usual` is the power where none is given. With `usual` the
/// section's `beta` is not the exponential's, which has none of its own.
pub(in crate::landscape) fn separation_of(section: &mut Section, usual: Option<f64>) -> Result<Separation> {
    let name = section.text("separation")?.unwrap_or_else(|| "rectified".into());
    let p = section.number("p")?;
    let beta = if usual.is_some() { None } else { section.number("beta")? };
    let idle = |key: &str, name: &str| {
        Err(section.error(key, format!("`{key}` has no effect with separation = \"{name}\"")))
    };
    if name == "exp" && p.is_some() {
        return idle("p", &name);
    }
    match (name.as_str(), p.or(usual), beta) {
        ("rectified" | "power", _, Some(_)) => idle("beta", &name),
        ("exp", _, beta) => Ok(Separation::Exponential { beta: beta.unwrap_or(1.0) }),
        ("rectified" | "power", None, _) => Err(section.missing("p", "3")),
        ("rectified", Some(p), _) => Ok(Separation::Rectified { p }),
        ("power", Some(p), _) if p.fract() == 0.0 && (2.0..=1000.0).contains(&p) => {
            Ok(Separation::Power { p: p as u32 })
        }
        ("power", Some(p), _) => Err(section
            .error("p", format!("`p` is {p}, it must be a whole number between 2 and 1000"))
            .with_help("other powers need separation = \"rectified\"")),
        _ => Err(section
            .error("separation", format!("unknown `separation` {name:?}"))
            .with_help("it is \"rectified\", \"power\" or \"exp\"")),
    }
}

fn lagrangian(section: &mut Section) -> Result<Lagrangian> {
    let name = section.text("lagrangian")?.unwrap_or_else(|| "identity".into());
    let given = section.number("gain")?;
    let gain = given.unwrap_or(1.0);
    match name.as_str() {
        "identity" if given.is_some() => {
            Err(section.error("gain", "`gain` has no effect with identity neurons"))
        }
        "identity" => Ok(Lagrangian::Identity),
        "tanh" => Ok(Lagrangian::Tanh { gain }),
        "sigmoid" => Ok(Lagrangian::Sigmoid { gain }),
        "softmax" => Ok(Lagrangian::Softmax { gain }),
        _ => Err(section
            .error("lagrangian", format!("unknown `lagrangian` {name:?}"))
            .with_help("it is \"identity\", \"tanh\", \"sigmoid\" or \"softmax\"")),
    }
}
