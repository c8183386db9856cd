//! How a network is put together: the `architecture` file, or what the names of its tensors say.
//!
//! docs/networks.md describes the file. Without one, the linear layers are those of a PyTorch `nn.Sequential` (`0.weight`,
//! `0.bias`, `2.weight`, .., behind any one prefix) or of Flax (`Dense_0/kernel`, ..), in the order of their numbers, with
//! one activation between them.

use faer::Mat;

use super::activation::{Activation, NAMES};
use crate::error::{Error, Result};
use crate::landscape::mixture::Schedule;
use crate::landscape::{Key, Takes, mixture};
use crate::study::{Item, Section};

/// A layer as it is described.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Spec {
    Linear {
        name: String,
        weight: Option<String>,
        bias: Bias,
        transposed: bool,
    },
    Activation(Activation),
    /// `exact`: the names of gain and shift, where they do not follow from the layer's.
    Norm {
        name: String,
        exact: Option<[String; 2]>,
        epsilon: f64,
        affine: bool,
    },
    Residual {
        layers: Vec<Spec>,
        scale: f64,
    },
}

/// The bias of a linear layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bias {
    /// By the layer's name.
    Named,
    /// By a name of its own.
    Called(String),
    None,
}

/// A part of what enters the network.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    State,
    Time,
    Fourier { of_time: bool, frequencies: Frequencies, scale: f64, cosines_first: bool },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frequencies {
    Tensor(String),
    /// One frequency vector a row.
    Given(Mat<f64>),
}

/// The number that stands for time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clock {
    pub(super) of_sigma: bool,
    pub(super) log: bool,
    pub(super) scale: f64,
}

/// What the output of a score network is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Output {
    /// The score.
    Score,
    /// The noise: minus sigma times the score.
    Noise,
    /// The mean of the data given the noisy state.
    Denoiser,
    /// That before the preconditioning of Karras et al. 2022.
    Edm {
        /// Standard deviation of the data.
        sigma_data: f64,
    },
}

/// What the file says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Architecture {
    pub(super) dim: Option<usize>,
    pub(super) input: Vec<Part>,
    pub(super) clock: Clock,
    pub(super) layers: Option<Vec<Spec>>,
    pub(super) activation: Option<Activation>,
    pub(super) prefix: String,
    pub(super) output: Output,
    pub(super) schedule: Schedule,
}

impl Default for Architecture {
    fn default() -> Self {
        Architecture {
            dim: None,
            input: vec![Part::State],
            clock: Clock { of_sigma: false, log: false, scale: 1.0 },
            layers: None,
            activation: None,
            prefix: String::new(),
            output: Output::Score,
            schedule: Schedule::Edm,
        }
    }
}

const fn key(name: &'static str, takes: Takes) -> Key {
    Key { name, takes, default: "", doc: "" }
}

const KEYS: &[Key] = &[
    key("dim", Takes::Integer),
    key("input", Takes::Any),
    key("time", Takes::Any),
    key("layers", Takes::Any),
    key("activation", Takes::Any),
    key("prefix", Takes::Text),
    key("output", Takes::Text),
    key("sigma_data", Takes::Number),
    key("schedule", Takes::Table),
];
const ACTIVATION: &[Key] = &[
    key("activation", Takes::Text),
    key("beta", Takes::Number),
    key("alpha", Takes::Number),
    key("omega", Takes::Number),
];
const LINEAR: &[Key] = &[
    key("linear", Takes::Text),
    key("weight", Takes::Text),
    key("bias", Takes::Any),
    key("transposed", Takes::Flag),
];
const NORM: &[Key] =
    &[key("layer_norm", Takes::Text), key("epsilon", Takes::Number), key("affine", Takes::Flag)];
const RESIDUAL: &[Key] = &[key("residual", Takes::Any), key("scale", Takes::Number)];
const FOURIER: &[Key] = &[
    key("fourier", Takes::Text),
    key("frequencies", Takes::Any),
    key("scale", Takes::Number),
    key("order", Takes::Text),
];
const TIME: &[Key] = &[key("of", Takes::Text), key("scale", Takes::Number)];

/// Reads an architecture from its file.
pub(super) fn read(mut section: Section) -> Result<Architecture> {
    let mut found = Architecture { dim: section.integer("dim")?, ..Architecture::default() };
    if found.dim == Some(0) {
        return Err(section.error("dim", "`dim` must be 1 or more"));
    }
    if let Some(items) = section.items("input")? {
        found.input = items.into_iter().map(|item| part(&section, item)).collect::<Result<_>>()?;
    }
    if !found.input.iter().any(|p| matches!(p, Part::State | Part::Fourier { of_time: false, .. })) {
        return Err(section
            .error("input", "nothing of `input` depends on the state")
            .with_help("input = [\"x\", \"time\"]"));
    }
    if let Some(items) = section.items("time")? {
        found.clock = clock(&section, items)?;
    }
    if let Some(items) = section.items("layers")? {
        found.layers = Some(layers(&section, "layers", items)?);
    }
    found.activation = activation(&mut section)?;
    found.prefix = section.text("prefix")?.unwrap_or_default();
    let sigma_data = section.number("sigma_data")?;
    let name = section.text("output")?;
    found.output = match name.as_deref() {
        None | Some("score") => Output::Score,
        Some("noise") => Output::Noise,
        Some("denoiser") => Output::Denoiser,
        Some("edm") => Output::Edm { sigma_data: sigma_data.unwrap_or(0.5) },
        Some(other) => {
            return Err(section
                .error("output", format!("unknown `output` {other:?}"))
                .with_help("output = \"score\", \"noise\", \"denoiser\" or \"edm\""));
        }
    };
    match (found.output, sigma_data) {
        (Output::Edm { sigma_data }, _) if sigma_data <= 0.0 => {
            return Err(section.error("sigma_data", "`sigma_data` must be positive"));
        }
        (Output::Edm { .. }, _) | (_, None) => {}
        _ => return Err(section.error("sigma_data", "`sigma_data` belongs to output = \"edm\"")),
    }
    if let Some(schedule) = mixture::schedule(&mut section)? {
        found.schedule = schedule;
    }
    section.finish(KEYS)?;
    Ok(found)
}

/// The key `activation` of the architecture or of a study: a name, or a table with a constant.
pub(super) fn activation(section: &mut Section) -> Result<Option<Activation>> {
    match section.items("activation")?.as_deref() {
        None => Ok(None),
        Some([Item::Text(name)]) => named(name).map(Some).ok_or_else(|| unknown(section, "activation", name)),
        Some([Item::Table(table)]) => one_activation(table.clone()).map(Some),
        Some(_) => {
            Err(section.error("activation", "`activation` is one name, or one table").with_help(EXAMPLE))
        }
    }
}

const EXAMPLE: &str = "activation = \"softplus\", or activation = { activation = \"softplus\", beta = 2.0 }";

/// The activation of this name, with the names that libraries use for it; constants at their defaults.
pub(super) fn named(name: &str) -> Option<Activation> {
    let plain = name.to_ascii_lowercase().replace(['_', ' '], "-");
    let name = match plain.as_str() {
        "swish" => "silu",
        "gelu-erf" => "gelu",
        "gelu-new" => "gelu-tanh",
        "squared-relu" | "relu-squared" => "relu2",
        "sine" => "sin",
        "none" | "linear" => "identity",
        other => other,
    };
    NAMES.iter().find(|(n, _)| *n == name).map(|(_, a)| *a)
}

fn unknown(section: &Section, key: &str, name: &str) -> Error {
    let names: Vec<&str> = NAMES.iter().map(|(n, _)| *n).collect();
    section
        .error(key, format!("unknown activation {name:?}"))
        .with_help(format!("known are {}", names.join(", ")))
}

fn one_activation(mut table: Section) -> Result<Activation> {
    let name = table.text("activation")?.ok_or_else(|| table.missing("activation", "\"softplus\""))?;
    let mut found = named(&name).ok_or_else(|| unknown(&table, "activation", &name))?;
    match &mut found {
        Activation::Softplus { beta } => {
            *beta = table.number("beta")?.unwrap_or(1.0);
            if *beta <= 0.0 {
                return Err(table.error("beta", "`beta` must be positive"));
            }
        }
        Activation::Elu { alpha } => *alpha = table.number("alpha")?.unwrap_or(1.0),
        Activation::Sin { omega } => *omega = table.number("omega")?.unwrap_or(1.0),
        _ => {}
    }
    table.finish(ACTIVATION)?;
    Ok(found)
}

fn layers(section: &Section, key: &str, items: Vec<Item>) -> Result<Vec<Spec>> {
    if items.is_empty() {
        return Err(section.error(key, format!("`{key}` holds no layer")));
    }
    items
        .into_iter()
        .map(|item| match item {
            Item::Table(table) => layer(table),
            Item::Text(text) => Err(section
                .error(key, format!("a layer is a table, not the text {text:?}"))
                .with_help("layers = [{ linear = \"0\" }, { activation = \"silu\" }, { linear = \"2\" }]")),
        })
        .collect()
}

fn layer(mut table: Section) -> Result<Spec> {
    let remaining = table.remaining();
    let has = |key: &str| remaining.iter().any(|k| k == key);
    if has("linear") {
        let name = table.text("linear")?.unwrap_or_default();
        let weight = table.text("weight")?;
        let bias = if table.is_flag("bias") {
            if table.flag("bias")? == Some(false) { Bias::None } else { Bias::Named }
        } else {
            table.text("bias")?.map_or(Bias::Named, Bias::Called)
        };
        let transposed = table.flag("transposed")?.unwrap_or(false);
        table.finish(LINEAR)?;
        Ok(Spec::Linear { name, weight, bias, transposed })
    } else if has("activation") {
        one_activation(table).map(Spec::Activation)
    } else if has("layer_norm") {
        let name = table.text("layer_norm")?.unwrap_or_default();
        let epsilon = table.number("epsilon")?.unwrap_or(1e-5);
        if epsilon <= 0.0 {
            return Err(table.error("epsilon", "`epsilon` must be positive"));
        }
        let affine = table.flag("affine")?.unwrap_or(true);
        table.finish(NORM)?;
        Ok(Spec::Norm { name, exact: None, epsilon, affine })
    } else if has("residual") {
        let items = table.items("residual")?.unwrap_or_default();
        let inner = layers(&table, "residual", items)?;
        let scale = table.number("scale")?.unwrap_or(1.0);
        table.finish(RESIDUAL)?;
        Ok(Spec::Residual { layers: inner, scale })
    } else {
        let what = remaining.first().map_or("it is empty".to_string(), |k| format!("its first key is `{k}`"));
        let place = remaining.first().cloned().unwrap_or_default();
        Err(table
            .error(&place, format!("a layer of unknown kind: {what}"))
            .with_help("a layer has one of the keys linear, activation, layer_norm, residual"))
    }
}

fn part(section: &Section, item: Item) -> Result<Part> {
    const HELP: &str =
        "\"x\", \"time\", { fourier = \"x\", frequencies = \"name\" } or { fourier = \"time\", .. }";
    let mut table = match item {
        Item::Text(text) if text == "x" => return Ok(Part::State),
        Item::Text(text) if text == "time" => return Ok(Part::Time),
        Item::Text(text) => {
            return Err(section.error("input", format!("unknown part {text:?}")).with_help(HELP));
        }
        Item::Table(table) => table,
    };
    let of_time = match table.text("fourier")?.as_deref() {
        Some("x") => false,
        Some("time") => true,
        _ => {
            return Err(table.error("fourier", "`fourier` must be \"x\" or \"time\"").with_help(HELP));
        }
    };
    let frequencies = if table.is_array("frequencies") {
        let table = table.matrix("frequencies")?.ok_or_else(|| table.missing("frequencies", "[1.0, 2.0]"))?;
        Frequencies::Given(Mat::from_fn(table.rows(), table.columns, |i, j| {
            table.values[i * table.columns + j]
        }))
    } else {
        let name = table.text("frequencies")?;
        Frequencies::Tensor(name.ok_or_else(|| table.missing("frequencies", "\"fourier.weight\""))?)
    };
    let scale = table.number("scale")?.unwrap_or(1.0);
    let cosines_first = match table.text("order")?.as_deref() {
        None | Some("sin-cos") => false,
        Some("cos-sin") => true,
        Some(_) => return Err(table.error("order", "`order` must be \"sin-cos\" or \"cos-sin\"")),
    };
    table.finish(FOURIER)?;
    Ok(Part::Fourier { of_time, frequencies, scale, cosines_first })
}

fn clock(section: &Section, items: Vec<Item>) -> Result<Clock> {
    let wrong = |section: &Section, key: &str| {
        section.error(key, format!("`{key}` says what stands for time")).with_help(
            "\"t\", \"log-t\", \"sigma\" or \"log-sigma\"; time = { of = \"log-sigma\", scale = 0.25 }",
        )
    };
    let by_name = |name: &str, scale: f64| match name {
        "t" => Some(Clock { of_sigma: false, log: false, scale }),
        "log-t" => Some(Clock { of_sigma: false, log: true, scale }),
        "sigma" => Some(Clock { of_sigma: true, log: false, scale }),
        "log-sigma" => Some(Clock { of_sigma: true, log: true, scale }),
        _ => None,
    };
    match <[Item; 1]>::try_from(items) {
        Ok([Item::Text(name)]) => by_name(&name, 1.0).ok_or_else(|| wrong(section, "time")),
        Ok([Item::Table(mut table)]) => {
            let name = table.text("of")?.unwrap_or_else(|| "t".to_string());
            let scale = table.number("scale")?.unwrap_or(1.0);
            table.finish(TIME)?;
            by_name(&name, scale).ok_or_else(|| wrong(&table, "of"))
        }
        Err(_) => Err(wrong(section, "time")),
    }
}
