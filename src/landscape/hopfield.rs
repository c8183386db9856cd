//! `hopfield`: the continuous network of Hopfield (1984, "Neurons with graded response have collective computational
//! properties like those of two-state neurons"). Potentials u, outputs `V = g(u)`,
//!
//! `E = -V'WV/2 - I.V + sum_i (1/R_i) int^(V_i) g^-1 + (confinement/2) |V|^2`,
//! `C_i u_i' = (W V)_i - u_i/R_i + I_i - confinement V_i`;
//!
//! with `V = tanh(gain u)` or the logistic `1/(1 + exp(-gain u))`. The state is u, in which saturated units keep their
//! digits. There `grad E = g'(u) (u/R - W V - I)` also tends to zero where units saturate, so equilibria are searched on
//! another energy with the same ones (`dual.rs`), and what is reported as eigenvalues are the rates of the flow.

mod enclose;
mod given;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};

use super::lagrangian::Lagrangian;
use super::layered::{Layered, Parameter, Role, check};
use super::network::{Layer, Network, Synapses};
use super::{Family, Key, Kind, Takes};
use crate::data::Points;
use crate::error::{Error, Result};
use crate::rigor::Interval;
use crate::study::Section;

pub(super) use enclose::enclose;
pub(super) use given::Given;
use given::Source;

const NAME: &str = "hopfield";

/// The kind's entry in the list.
pub const KIND: Kind = Kind {
    name: NAME,
    energy: "-V'W V/2 - I.V + sum_i (1/R_i) int^(V_i) g^-1 + (confinement/2) |V|^2, V = g(u)",
    source: "Hopfield 1984",
    keys: &[
        Key {
            name: "data",
            takes: Takes::Data,
            default: "",
            doc: "the patterns to store, one a row; or give W",
        },
        Key {
            name: "rows",
            takes: Takes::Any,
            default: "",
            doc: "rows of the data to use: 300 (the first 300) or \"100..400\"",
        },
        Key {
            name: "rule",
            takes: Takes::Text,
            default: "hebb",
            doc: "W from the patterns Y (columns): \"hebb\", Y Y'/n, or \"pseudo-inverse\", the projector on their span",
        },
        Key {
            name: "diagonal",
            takes: Takes::Flag,
            default: "false for hebb, true for pseudo-inverse",
            doc: "whether W from patterns keeps its diagonal (units act on themselves)",
        },
        Key {
            name: "W",
            takes: Takes::Data,
            default: "",
            doc: "the symmetric matrix of synapses, in place of data",
        },
        Key {
            name: "gain",
            takes: Takes::Number,
            default: "",
            doc: "slope of the activation at 0 (logistic: 4 times it)",
        },
        Key { name: "activation", takes: Takes::Text, default: "tanh", doc: "\"tanh\" or \"logistic\"" },
        Key { name: "R", takes: Takes::Any, default: "1", doc: "resistance, a number or one a unit" },
        Key {
            name: "leak",
            takes: Takes::Any,
            default: "1/R",
            doc: "1/R, in place of R: a number or one a unit; 0 for no leak",
        },
        Key { name: "C", takes: Takes::Any, default: "1", doc: "capacitance, a number or one a unit" },
        Key { name: "I", takes: Takes::Any, default: "0", doc: "input current, a number or one a unit" },
        Key { name: "confinement", takes: Takes::Number, default: "0", doc: "adds (confinement/2) |V|^2" },
    ],
    build,
};

fn build(section: &mut Section) -> Result<Box<dyn Family>> {
    let gain = section.need_number("gain")?;
    check(NAME, "gain", Role::Constant(0), gain).map_err(|e| super::blame(section, &["gain"], e))?;
    let activation = section.text("activation")?.unwrap_or_else(|| "tanh".into());
    let lagrangian = match activation.as_str() {
        "tanh" => Lagrangian::Tanh { b: gain },
        "logistic" => Lagrangian::Sigmoid { b: gain },
        other => {
            let message = format!("`activation` is \"{other}\", which is none of \"tanh\" and \"logistic\"");
            return Err(section.error("activation", message));
        }
    };
    let Built { weights, patterns, source } = synapses(section)?;
    let n = weights.nrows();
    let (leak, exact, resistance) = leaks(section, n)?;
    let (tau, capacity) = per_unit(section, "C", n, 1.0)?;
    if let Some(bad) = tau.iter().find(|c| !(**c > 0.0)) {
        return Err(section.error("C", format!("`C` is {bad}, it must be positive")));
    }
    let (bias, current) = per_unit(section, "I", n, 0.0)?;
    let confinement = section.number("confinement")?.unwrap_or(0.0);
    check(NAME, "confinement", Role::Confinement, confinement)
        .map_err(|e| super::blame(section, &["confinement"], e))?;
    if ![leak.as_slice(), &tau, &bias].concat().iter().all(|v| v.abs() < 1e100)
        || !(weights.norm_max() < 1e100)
    {
        return Err(Error::input("hopfield: numbers beyond 1e100 overflow in products")
            .with_help("choose other units"));
    }
    let mut starts = None;
    if let Some(patterns) = patterns.filter(|_| leak.iter().all(|l| *l > 0.0)) {
        let mut input = Mat::zeros(n, patterns.ncols());
        matmul(&mut input, Accum::Replace, &weights, &patterns, 1.0, Par::Seq);
        starts = Some(Mat::from_fn(n, patterns.ncols(), |i, k| (input[(i, k)] + bias[i]) / leak[i]));
    }
    let parameter = |name: &str, value: Option<f64>, role: Role| {
        value.map(|value| Parameter { name: name.into(), value, role })
    };
    let parameters = [
        parameter("gain", Some(gain), Role::Constant(0)),
        parameter("R", resistance, Role::Resistance),
        parameter("C", capacity, Role::Tau(0)),
        parameter("I", current, Role::Current),
        parameter("confinement", Some(confinement), Role::Confinement),
    ];
    let layer = Layer { lagrangian, leak, tau, bias };
    let network = Network::new(vec![layer], vec![Synapses { from: 0, to: 0, weights }], vec![true]);
    let given = Some(Given { source, leak: exact });
    let parameters = parameters.into_iter().flatten().collect();
    let mut layered = Layered { kind: NAME, network, parameters, starts, given };
    layered.confine(0.0, confinement);
    Ok(Box::new(layered))
}

/// W, the patterns (columns) if it was made from some, and what it was made from.
struct Built {
    weights: Mat<f64>,
    patterns: Option<Mat<f64>>,
    source: Source,
}

fn synapses(section: &mut Section) -> Result<Built> {
    let given = section.points("W")?;
    let data = section.points("data")?;
    let rule = section.text("rule")?;
    let diagonal = section.flag("diagonal")?;
    match (given, data) {
        (Some(_), Some(_)) => Err(section.error("W", "give `W` or `data`, not both")),
        (None, None) => {
            Err(Error::input("hopfield needs `data`, patterns to store, or `W`, the matrix of synapses")
                .with_help("data = \"patterns.csv\", or W = [[0.0, 1.0], [1.0, 0.0]]"))
        }
        (Some(table), None) => {
            if let Some(key) = rule.map(|_| "rule").or(diagonal.map(|_| "diagonal")) {
                return Err(section.error(key, format!("`{key}` has no meaning for a given `W`")));
            }
            let table = table_of(&table);
            let weights = symmetric(&table).map_err(|m| section.error("W", m))?;
            Ok(Built { weights, patterns: None, source: Source::Matrix(table) })
        }
        (None, Some(points)) => {
            // A pattern that is stored twice counts twice.
            let y = table_of(&points).transpose().to_owned();
            let n = y.nrows();
            let rule = rule.unwrap_or_else(|| "hebb".into());
            let mut w = Mat::zeros(n, n);
            match rule.as_str() {
                "hebb" => matmul(&mut w, Accum::Replace, &y, y.transpose(), 1.0 / n as f64, Par::Seq),
                "pseudo-inverse" => w = projector(&points.values),
                other => {
                    let message =
                        format!("`rule` is \"{other}\", which is none of \"hebb\" and \"pseudo-inverse\"");
                    return Err(section.error("rule", message));
                }
            }
            let diagonal = diagonal.unwrap_or(rule != "hebb");
            if !diagonal {
                (0..n).for_each(|i| w[(i, i)] = 0.0);
            }
            super::network::symmetrize(w.as_mut());
            let source = if rule == "hebb" {
                Source::Hebb { patterns: y, diagonal }
            } else {
                Source::Projector { patterns: points.values.clone(), diagonal }
            };
            Ok(Built { weights: w, patterns: Some(points.values), source })
        }
    }
}

/// The rows as they stand in the file, repeated ones included.
pub(super) fn table_of(points: &Points) -> Mat<f64> {
    Mat::from_fn(points.column_of_row.len(), points.values.nrows(), |i, j| {
        points.values[(j, points.column_of_row[i])]
    })
}

fn symmetric(w: &Mat<f64>) -> std::result::Result<Mat<f64>, String> {
    let (rows, columns) = w.shape();
    if rows != columns {
        return Err(format!("`W` has {rows} rows and {columns} columns, it must be square"));
    }
    let largest = w.norm_max();
    for i in 0..rows {
        for j in 0..i {
            if (w[(i, j)] - w[(j, i)]).abs() > 1e-6 * largest {
                return Err(format!(
                    "`W` is not symmetric: row {}, column {} is {}, row {}, column {} is {}; only symmetric synapses \
                     have an energy",
                    i + 1,
                    j + 1,
                    w[(i, j)],
                    j + 1,
                    i + 1,
                    w[(j, i)]
                ));
            }
        }
    }
    let mut w = w.clone();
    super::network::symmetrize(w.as_mut());
    Ok(w)
}

/// The orthogonal projector on the span of the columns (Personnaz, Guyon & Dreyfus 1985).
fn projector(y: &Mat<f64>) -> Mat<f64> {
    let n = y.nrows();
    let Some(basis) = super::hull::span(y.as_ref()) else { return Mat::identity(n, n) };
    let mut w = Mat::zeros(n, n);
    if y.norm_max() > 0.0 {
        matmul(&mut w, Accum::Replace, &basis, basis.transpose(), 1.0, Par::Seq);
    }
    w
}

/// 1/R of each unit, rounded and enclosed, and R where it is one number.
fn leaks(section: &mut Section, n: usize) -> Result<(Vec<f64>, Vec<Interval>, Option<f64>)> {
    let (resistances, one) = per_unit(section, "R", n, 1.0)?;
    if section.has("leak") {
        if section.has("R") {
            return Err(section.error("leak", "give `R` or `leak`, which is 1/R, not both"));
        }
        let (leak, one) = per_unit(section, "leak", n, 1.0)?;
        if let Some(bad) = leak.iter().find(|l| !(**l >= 0.0)) {
            return Err(section.error("leak", format!("`leak` is {bad}, it must be zero or more")));
        }
        let exact = leak.iter().map(|l| Interval::point(*l)).collect();
        return Ok((leak, exact, one.filter(|l| *l > 0.0).map(|l| 1.0 / l)));
    }
    if let Some(bad) = resistances.iter().find(|r| !(**r > 0.0)) {
        return Err(section
            .error("R", format!("`R` is {bad}, it must be positive"))
            .with_help("for no leak at all write leak = 0"));
    }
    let exact = resistances.iter().map(|r| given::leak_of(*r)).collect();
    Ok((resistances.iter().map(|r| 1.0 / r).collect(), exact, one))
}

/// A key that takes one number for all units or one for each: all of them, and the one.
pub(super) fn per_unit(
    section: &mut Section,
    key: &str,
    n: usize,
    default: f64,
) -> Result<(Vec<f64>, Option<f64>)> {
    if section.is_array(key) {
        let all = section.numbers(key)?.unwrap_or_default();
        if all.len() != n {
            return Err(section.error(key, format!("`{key}` has {} numbers for {n} units", all.len())));
        }
        return Ok((all, None));
    }
    let one = section.number(key)?.unwrap_or(default);
    Ok((vec![one; n], Some(one)))
}
