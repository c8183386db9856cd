//! `hierarchical`: the layered associative memory of Krotov (2021, "Hierarchical Associative Memory"; two layers: Krotov
//! & Hopfield 2021, "Large Associative Memory Problem in Neurobiology and Machine Learning"). Layer A has currents x^A,
//! a Lagrangian L^A, activities `g^A = grad L^A`, and
//!
//! `E = sum_A [(x^A - b^A).g^A - L^A] - sum_A g^(A+1)' W^(A+1) g^A + (confinement/2) |g^1|^2`,
//! `tau_A x^A' = W^A g^(A-1) + W^(A+1)' g^(A+1) + b^A - x^A - (confinement g^1 in the first)`.
//!
//! The state holds the currents of the layers with `tau > 0`; those with `tau = 0` are at their equilibrium, which
//! leaves an energy of the rest. Equilibria are those of the flow, also where Hess L is singular (cut-off and saturated
//! units, the common shift of a softmax or a layer norm, which E does not see but the flow does): they are searched on
//! the energy of the layers with identity activities alone where that is possible, else on the dual one (`dual.rs`).

use faer::Mat;

use super::hopfield::{per_unit, table_of};
use super::lagrangian::Lagrangian;
use super::layered::{Layered, Parameter, Role, check};
use super::network::{Layer, Network, Synapses};
use super::{Family, Key, Kind, Takes};
use crate::error::Result;
use crate::study::Section;

const NAME: &str = "hierarchical";

/// Units of a layer that are searched from, at most.
const STARTS: usize = 400;

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: NAME,
    energy: "sum_A [(x^A - b^A).g^A - L^A(x^A)] - sum_A g^(A+1)'W g^A + (confinement/2) |g^1|^2, g^A = grad L^A",
    source: "Krotov 2021, Krotov & Hopfield 2021",
    keys: &[
        Key {
            name: "layers",
            takes: Takes::Table,
            default: "",
            doc: "a table a layer, by its name, from the visible one up: lagrangian, its constants, tau, weights, bias",
        },
        Key {
            name: "confinement",
            takes: Takes::Number,
            default: "0",
            doc: "adds (confinement/2) |g|^2 of the first layer",
        },
    ],
    build,
};

/// Keys of a layer.
const LAYER: &[Key] = &[
    Key {
        name: "lagrangian",
        takes: Takes::Text,
        default: "",
        doc: "identity, power, softmax, tanh, sigmoid, layer-norm or spherical",
    },
    Key {
        name: "weights",
        takes: Takes::Data,
        default: "",
        doc: "synapses from the layer before, a row a unit",
    },
    Key { name: "rows", takes: Takes::Any, default: "", doc: "rows of the weights to use" },
    Key { name: "bias", takes: Takes::Any, default: "0", doc: "input current, a number or one a unit" },
    Key { name: "tau", takes: Takes::Number, default: "1", doc: "time constant; 0: always at equilibrium" },
    Key { name: "power", takes: Takes::Number, default: "", doc: "p of relu(x)^p/p, 2 or more" },
    Key { name: "beta", takes: Takes::Number, default: "", doc: "inverse temperature of a softmax" },
    Key { name: "b", takes: Takes::Number, default: "1", doc: "slope of tanh and sigmoid" },
    Key { name: "gamma", takes: Takes::Number, default: "1", doc: "factor of layer-norm and spherical" },
    Key {
        name: "e",
        takes: Takes::Number,
        default: "1e-5",
        doc: "what layer-norm and spherical add to the square",
    },
    Key { name: "delta", takes: Takes::Number, default: "0", doc: "what layer-norm adds to its activities" },
];

/// A layer as it is read, its size not yet known.
struct Read {
    name: String,
    section: Section,
    weights: Option<Mat<f64>>,
    tau: f64,
}

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let example = "{ visible = { lagrangian = \"identity\" }, hidden = { lagrangian = \"softmax\", beta = 4.0, \
                   weights = \"memories.csv\" } }";
    let mut table = section.table("layers")?.ok_or_else(|| section.missing("layers", example))?;
    let mut read: Vec<Read> = vec![];
    for name in table.remaining() {
        let Some(mut own) = table.table(&name)? else { continue };
        let weights = own.points("weights")?.map(|p| table_of(&p));
        let tau = own.number("tau")?.unwrap_or(1.0);
        if tau != 0.0 {
            check(NAME, "tau", Role::Tau(0), tau).map_err(|e| super::blame(&own, &["tau"], e))?;
        }
        read.push(Read { name, section: own, weights, tau });
    }
    if read.len() < 2 {
        return Err(
            section.error("layers", format!("`layers` has {}, there must be two or more", read.len()))
        );
    }
    let sizes = sizes(&read)?;
    if read.iter().all(|l| l.tau == 0.0) {
        return Err(section
            .error("layers", "every layer of `layers` has tau = 0, so that no state is left")
            .with_help("give one of two neighbours tau = 0"));
    }
    if let Some(i) = (1..read.len()).find(|&i| read[i - 1].tau == 0.0 && read[i].tau == 0.0) {
        let message = format!(
            "`tau` is 0 here and in the layer before, \"{}\": what is at equilibrium must depend on what is not",
            read[i - 1].name
        );
        return Err(read[i].section.error("tau", message).with_help("give one of two neighbours tau = 0"));
    }
    let confinement = section.number("confinement")?.unwrap_or(0.0);
    check(NAME, "confinement", Role::Confinement, confinement)
        .map_err(|e| super::blame(section, &["confinement"], e))?;
    if confinement > 0.0 && read[0].tau == 0.0 {
        let message = "`confinement` acts on the first layer, which has tau = 0 and is no part of the state";
        return Err(section.error("confinement", message));
    }
    let mut parameters = vec![];
    let mut layers = vec![];
    for (i, layer) in read.iter_mut().enumerate() {
        let (lagrangian, constant) = lagrangian(&mut layer.section, sizes[i])?;
        let (bias, _) = per_unit(&mut layer.section, "bias", sizes[i], 0.0)?;
        layer.section.finish(LAYER)?;
        if let Some((key, value)) = constant {
            parameters.push(Parameter {
                name: format!("{}.{key}", layer.name),
                value,
                role: Role::Constant(i),
            });
        }
        if layer.tau > 0.0 {
            parameters.push(Parameter {
                name: format!("{}.tau", layer.name),
                value: layer.tau,
                role: Role::Tau(i),
            });
        }
        layers.push(Layer { lagrangian, leak: vec![1.0; sizes[i]], tau: vec![layer.tau; sizes[i]], bias });
    }
    let kept = read.iter().map(|l| l.tau > 0.0).collect();
    if kept_first(&read) {
        parameters.push(Parameter {
            name: "confinement".into(),
            value: confinement,
            role: Role::Confinement,
        });
    }
    let synapses: Vec<Synapses> = read
        .into_iter()
        .enumerate()
        .filter_map(|(to, layer)| Some(Synapses { from: to.checked_sub(1)?, to, weights: layer.weights? }))
        .collect();
    let starts = starts(&layers, &synapses);
    let network = Network::new(layers, synapses, kept);
    let mut layered = Layered { kind: NAME, network, parameters, starts, given: None };
    if confinement > 0.0 {
        layered.confine(0.0, confinement);
    }
    Ok(Box::new(layered))
}

fn kept_first(read: &[Read]) -> bool {
    read.first().is_some_and(|l| l.tau > 0.0)
}

/// Units of each layer, from the shapes of the weights.
fn sizes(read: &[Read]) -> Result<Vec<usize>> {
    let mut sizes = vec![];
    for (i, layer) in read.iter().enumerate() {
        match (&layer.weights, i) {
            (Some(_), 0) => {
                let message = "the first of the layers has no layer before it: no `weights`";
                return Err(layer.section.error("weights", message));
            }
            (None, 0) => {}
            (None, _) => return Err(layer.section.missing("weights", "[[1.0, 0.0], [0.0, 1.0]]")),
            (Some(weights), _) => {
                let (rows, columns) = weights.shape();
                if i == 1 {
                    sizes.push(columns);
                } else if sizes[i - 1] != columns {
                    let message = format!(
                        "`weights` has {columns} columns, the layer before, \"{}\", has {} units",
                        read[i - 1].name,
                        sizes[i - 1]
                    );
                    return Err(layer.section.error("weights", message));
                }
                if weights.norm_max() > 1e100 {
                    return Err(layer
                        .section
                        .error("weights", "`weights` beyond 1e100 overflow in products"));
                }
                sizes.push(rows);
            }
        }
    }
    Ok(sizes)
}

/// The Lagrangian of a layer of `size` units, and its continuous constant under its key.
fn lagrangian(section: &mut Section, size: usize) -> Result<(Lagrangian, Option<(&'static str, f64)>)> {
    let name = section.text("lagrangian")?.ok_or_else(|| section.missing("lagrangian", "\"identity\""))?;
    let mut positive = |key: &'static str, default: Option<f64>| -> Result<f64> {
        let value = match default {
            None => section.need_number(key)?,
            Some(default) => section.number(key)?.unwrap_or(default),
        };
        check(NAME, key, Role::Constant(0), value).map_err(|e| super::blame(section, &[key], e))?;
        Ok(value)
    };
    Ok(match name.as_str() {
        "identity" => (Lagrangian::Identity, None),
        "power" => {
            let power = positive("power", None)?;
            if power < 2.0 {
                let message = format!("`power` is {power}, it must be 2 or more: below, activities jump");
                return Err(section.error("power", message));
            }
            (Lagrangian::Power { power }, None)
        }
        "softmax" => {
            let beta = positive("beta", None)?;
            (Lagrangian::Softmax { beta }, Some(("beta", beta)))
        }
        "tanh" => {
            let b = positive("b", Some(1.0))?;
            (Lagrangian::Tanh { b }, Some(("b", b)))
        }
        "sigmoid" => {
            let b = positive("b", Some(1.0))?;
            (Lagrangian::Sigmoid { b }, Some(("b", b)))
        }
        "layer-norm" => {
            // D gamma sqrt(var + e) = gamma sqrt(D) sqrt(|x - mean|^2 + D e).
            let (gamma, e, size) = (positive("gamma", Some(1.0))?, positive("e", Some(1e-5))?, size as f64);
            let delta = section.number("delta")?.unwrap_or(0.0);
            let lagrangian =
                Lagrangian::Radial { gamma: gamma * size.sqrt(), e: e * size, delta, centred: true };
            (lagrangian, Some(("gamma", gamma)))
        }
        "spherical" => {
            let (gamma, e) = (positive("gamma", Some(1.0))?, positive("e", Some(1e-5))?);
            (Lagrangian::Radial { gamma, e, delta: 0.0, centred: false }, Some(("gamma", gamma)))
        }
        other => {
            let message = format!("`lagrangian` is \"{other}\", which is none of those there are");
            return Err(section
                .error("lagrangian", message)
                .with_help("identity, power, softmax, tanh, sigmoid, layer-norm or spherical"));
        }
    })
}

/// Currents of all layers to search from: each unit in turn active alone, its neighbours with the currents that makes,
/// and so on through the layers; two such sweeps.
fn starts(layers: &[Layer], synapses: &[Synapses]) -> Option<Mat<f64>> {
    let all = Network::new(layers.to_vec(), synapses.to_vec(), vec![true; layers.len()]);
    let mut columns: Vec<Vec<f64>> = vec![];
    for layer in 0..layers.len() {
        let place = all.places[layer].clone();
        for unit in place.take(STARTS) {
            if columns.len() == STARTS {
                break;
            }
            let mut g = Mat::zeros(all.total, 1);
            g[(unit, 0)] = 1.0;
            let mut x = vec![0.0; all.total];
            for _ in 0..layers.len() {
                let mut input = Mat::zeros(all.total, 1);
                all.send(true, true, g.as_ref(), input.as_mut());
                x = layers
                    .iter()
                    .flat_map(|l| &l.bias)
                    .zip(input.col_as_slice(0))
                    .map(|(b, i)| b + i)
                    .collect();
                g = all.forward(crate::linalg::column(&x)).g;
            }
            if x.iter().all(|x| x.is_finite() && x.abs() < 1e100) {
                columns.push(x);
            }
        }
    }
    (!columns.is_empty()).then(|| Mat::from_fn(all.total, columns.len(), |i, j| columns[j][i]))
}
