//! From the tensors of a file and an architecture to the layers of a network.

use std::slice::from_ref;

use faer::Mat;

use super::activation::Activation;
use super::architecture::{Architecture, Bias, Frequencies, Part, Spec, named};
use super::network::{Layer, Network};
use super::norm::Norm;
use super::time::{Stage, TimeRow};
use crate::data::{Tensor, Tensors};
use crate::error::{Error, Result};

/// A network, what stands before it, and what the file itself says of the energy around it.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) network: Network,
    /// How the first layer's bias follows from time; `None` if the state enters as it is.
    pub(super) stage: Option<Stage>,
    /// Factor of `sum_i x_i^4`, from the header of a file of equinox.
    pub(super) quartic: f64,
}

/// Builds the network. Errors name the file and the tensor.
pub(super) fn build(tensors: &Tensors, architecture: &Architecture) -> Result<Loaded> {
    let source = Source { tensors, prefix: &architecture.prefix };
    let header = Header::of(tensors)?;
    let specs = match &architecture.layers {
        Some(specs) => specs.clone(),
        None => source.own_layers(architecture, &header)?,
    };
    let first = source.first_width(&specs)?;
    let dim = dimension(&source, architecture, first)?;
    let mut layers = vec![];
    let mut stage = None;
    if architecture.input != [Part::State] {
        let (first, rows) = source.stage(architecture, dim)?;
        layers.extend(first);
        stage = Some(Stage::new(rows, architecture.clock, architecture.schedule));
    }
    let mut width = stage.as_ref().map_or(dim, Stage::len);
    source.layers(&specs, &mut width, &mut layers)?;
    let network =
        Network::new(dim, layers).map_err(|message| Error::input(format!("{}: {message}", tensors.file)))?;
    Ok(Loaded { network, stage, quartic: header.quartic })
}

/// What the JSON line of a parameterised landscape network says (Howe & Mani 2025): its activations and whether a quartic
/// confines it.
struct Header {
    activations: Vec<Activation>,
    last: Option<Activation>,
    norm: bool,
    bias: bool,
    quartic: f64,
}

impl Header {
    fn of(tensors: &Tensors) -> Result<Header> {
        let Some(text) = &tensors.header else {
            return Ok(Header { activations: vec![], last: None, norm: false, bias: true, quartic: 0.0 });
        };
        let file = &tensors.file;
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|e| Error::input(format!("{file}: the first line is no JSON: {e}")))?;
        let known = |value: &serde_json::Value| -> Result<Option<Activation>> {
            let Some(name) = value.as_str() else { return Ok(None) };
            let unknown = || Error::input(format!("{file}: unknown activation {name:?} in the first line"));
            named(name).map(Some).ok_or_else(unknown)
        };
        let hidden = &value["phi_hidden_acts"];
        let activations = match hidden.as_array() {
            Some(list) => list.iter().map(known).collect::<Result<Vec<_>>>()?,
            None => vec![known(hidden)?],
        };
        let confined = value["confine"].as_bool().unwrap_or(false);
        Ok(Header {
            activations: activations.into_iter().flatten().collect(),
            last: known(&value["phi_final_act"])?,
            bias: value["include_phi_bias"].as_bool().unwrap_or(true),
            norm: value["phi_layer_normalize"].as_bool().unwrap_or(false),
            quartic: if confined { value["confinement_factor"].as_f64().unwrap_or(1.0) } else { 0.0 },
        })
    }
}

struct Source<'a> {
    tensors: &'a Tensors,
    prefix: &'a str,
}

impl Source<'_> {
    fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.list.iter().find(|t| t.name == name)
    }

    fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::input(format!("{}: {message}", self.tensors.file))
    }

    /// A tensor that must be there and finite; `names` are those it may have.
    fn tensor(&self, names: &[String]) -> Result<&Tensor> {
        let found = names.iter().find_map(|n| self.find(n)).ok_or_else(|| {
            let mut have: Vec<&str> = self.tensors.list.iter().map(|t| t.name.as_str()).take(12).collect();
            if self.tensors.list.len() > have.len() {
                have.push("..");
            }
            self.error(format!("there is no tensor `{}`", names[0]))
                .with_help(format!("it holds {}", have.join(", ")))
        })?;
        match found.values.iter().position(|v| !v.is_finite()) {
            None => Ok(found),
            Some(bad) => Err(self.error(format!(
                "tensor `{}` holds {} (number {bad} of {}, from 0), which is no finite number",
                found.name,
                found.values[bad],
                found.values.len()
            ))),
        }
    }

    fn vector(&self, names: &[String], length: usize) -> Result<Vec<f64>> {
        let tensor = self.tensor(names)?;
        if tensor.shape != [length] {
            return Err(self.error(format!(
                "tensor `{}` has shape {:?}, but [{length}] is needed",
                tensor.name, tensor.shape
            )));
        }
        Ok(tensor.values.clone())
    }

    /// A matrix, one row a row; `transposed` turns it.
    fn matrix(&self, tensor: &Tensor, transposed: bool) -> Result<Mat<f64>> {
        let [rows, columns] = tensor.shape[..] else {
            return Err(self.error(format!(
                "tensor `{}` has shape {:?}, but a matrix is needed",
                tensor.name, tensor.shape
            )));
        };
        if rows == 0 || columns == 0 {
            return Err(self.error(format!("tensor `{}` is empty", tensor.name)));
        }
        let at = |i: usize, j: usize| tensor.values[i * columns + j];
        Ok(match transposed {
            false => Mat::from_fn(rows, columns, at),
            true => Mat::from_fn(columns, rows, |i, j| at(j, i)),
        })
    }

    /// Weight (out x in) of a linear layer.
    fn weight(&self, name: &str, weight: &Option<String>, transposed: bool) -> Result<(&Tensor, Mat<f64>)> {
        let full = format!("{}{name}", self.prefix);
        let names = match weight {
            Some(exact) => vec![format!("{}{exact}", self.prefix)],
            None => vec![format!("{full}.weight"), format!("{full}.kernel"), format!("{full}/kernel")],
        };
        let tensor = self.tensor(&names)?;
        let flax = weight.is_none() && tensor.name.ends_with("kernel");
        Ok((tensor, self.matrix(tensor, flax != transposed)?))
    }

    /// Width that the first linear layer or norm takes.
    fn first_width(&self, specs: &[Spec]) -> Result<Option<usize>> {
        for spec in specs {
            match spec {
                Spec::Linear { name, weight, transposed, .. } => {
                    return Ok(Some(self.weight(name, weight, *transposed)?.1.ncols()));
                }
                Spec::Norm { .. } | Spec::Activation(_) => {}
                Spec::Residual { layers, .. } => {
                    if let Some(width) = self.first_width(layers)? {
                        return Ok(Some(width));
                    }
                }
            }
        }
        Ok(None)
    }

    fn layers(&self, specs: &[Spec], width: &mut usize, layers: &mut Vec<Layer>) -> Result<()> {
        for spec in specs {
            match spec {
                Spec::Activation(a) => layers.push(Layer::Activation(vec![(*a, *width)])),
                Spec::Linear { name, weight, bias, transposed } => {
                    let (tensor, weight) = self.weight(name, weight, *transposed)?;
                    if weight.ncols() != *width {
                        return Err(self.error(format!(
                            "tensor `{}` of shape {:?} takes {} numbers, but what comes before it gives {width}",
                            tensor.name,
                            tensor.shape,
                            weight.ncols()
                        )));
                    }
                    *width = weight.nrows();
                    let full = format!("{}{name}", self.prefix);
                    let bias = match bias {
                        Bias::None => vec![],
                        Bias::Called(exact) => self.vector(&[format!("{}{exact}", self.prefix)], *width)?,
                        Bias::Named => {
                            self.vector(&[format!("{full}.bias"), format!("{full}/bias")], *width)?
                        }
                    };
                    layers.push(Layer::Linear { weight, bias });
                }
                Spec::Norm { name, exact, epsilon, affine } => {
                    let full = format!("{}{name}", self.prefix);
                    let names = |ends: &[&str]| -> Vec<String> {
                        ends.iter().map(|end| format!("{full}{end}")).collect()
                    };
                    let (gain, shift) = match (affine, exact) {
                        (false, _) => (vec![1.0; *width], vec![0.0; *width]),
                        (true, Some([gain, shift])) => {
                            (self.vector(from_ref(gain), *width)?, self.vector(from_ref(shift), *width)?)
                        }
                        (true, None) => (
                            self.vector(&names(&[".weight", ".scale", "/scale"]), *width)?,
                            self.vector(&names(&[".bias", "/bias"]), *width)?,
                        ),
                    };
                    layers.push(Layer::Norm(Norm { gain, shift, epsilon: *epsilon }));
                }
                Spec::Residual { layers: inner, scale } => {
                    layers.push(Layer::Open);
                    self.layers(inner, width, layers)?;
                    layers.push(Layer::Close { scale: *scale });
                }
            }
        }
        Ok(())
    }

    /// Frequencies of Fourier features, one vector a row.
    fn frequencies(&self, frequencies: &Frequencies) -> Result<Mat<f64>> {
        let name = match frequencies {
            Frequencies::Given(matrix) => return Ok(matrix.clone()),
            Frequencies::Tensor(name) => format!("{}{name}", self.prefix),
        };
        let tensor = self.tensor(&[name])?;
        match tensor.shape[..] {
            [rows] if rows > 0 => Ok(Mat::from_fn(rows, 1, |i, _| tensor.values[i])),
            _ => self.matrix(tensor, false),
        }
    }

    /// The linear layer and the activations that make the network's input from the state, and what time does to each row.
    fn stage(&self, architecture: &Architecture, dim: usize) -> Result<([Layer; 2], Vec<TimeRow>)> {
        let mut rows: Vec<Vec<f64>> = vec![];
        let (mut parts, mut times) = (vec![], vec![]);
        let constant = |row: TimeRow, rows: &mut Vec<Vec<f64>>, times: &mut Vec<TimeRow>| {
            rows.push(vec![0.0; dim]);
            times.push(row);
        };
        for part in &architecture.input {
            match part {
                Part::State => {
                    for i in 0..dim {
                        let mut row = vec![0.0; dim];
                        row[i] = 1.0;
                        rows.push(row);
                        times.push(TimeRow::Absent);
                    }
                    parts.push((Activation::Identity, dim));
                }
                Part::Time => {
                    constant(TimeRow::Itself, &mut rows, &mut times);
                    parts.push((Activation::Identity, 1));
                }
                Part::Fourier { of_time, frequencies, scale, cosines_first } => {
                    let b = self.frequencies(frequencies)?;
                    let (m, n) = (b.nrows(), b.ncols());
                    let needed = if *of_time { 1 } else { dim };
                    if n != needed {
                        return Err(self.error(format!(
                            "the Fourier features have frequency vectors of {n} numbers, but {needed} are needed"
                        )));
                    }
                    for cosines in [*cosines_first, !*cosines_first] {
                        for i in 0..m {
                            if *of_time {
                                let omega = scale * b[(i, 0)];
                                let row = if cosines { TimeRow::Cos(omega) } else { TimeRow::Sin(omega) };
                                constant(row, &mut rows, &mut times);
                            } else {
                                rows.push((0..n).map(|j| scale * b[(i, j)]).collect());
                                times.push(TimeRow::Absent);
                            }
                        }
                        let wave = if cosines { Activation::Cos } else { Activation::Sin { omega: 1.0 } };
                        parts.push((if *of_time { Activation::Identity } else { wave }, m));
                    }
                }
            }
        }
        let weight = Mat::from_fn(rows.len(), dim, |i, j| rows[i][j]);
        Ok(([Layer::Linear { weight, bias: vec![0.0; rows.len()] }, Layer::Activation(parts)], times))
    }

    /// The linear layers of the file itself, with the activation between them.
    fn own_layers(&self, architecture: &Architecture, header: &Header) -> Result<Vec<Spec>> {
        let found = if self.tensors.header.is_some() { self.numbered(header) } else { self.by_name()? };
        let linear = found.iter().filter(|s| matches!(s, Spec::Linear { .. })).count();
        if linear == 0 {
            return Err(self.error("there are no layers known by their names").with_help(
                "names such as 0.weight, 0.bias, 2.weight, .. or Dense_0/kernel are known; others need an `architecture`",
            ));
        }
        let mut specs = vec![];
        let mut seen = 0;
        for spec in found {
            // An activation comes before each linear layer but the first.
            if matches!(spec, Spec::Linear { .. }) {
                if seen > 0 {
                    specs.push(Spec::Activation(self.between(architecture, header, seen - 1)?));
                }
                seen += 1;
            }
            specs.push(spec);
        }
        specs.extend(header.last.map(Spec::Activation));
        Ok(specs)
    }

    fn between(&self, architecture: &Architecture, header: &Header, place: usize) -> Result<Activation> {
        let own = header.activations.get(place).or(header.activations.last());
        architecture.activation.or(own.copied()).ok_or_else(|| {
            self.error("nothing says which activation stands between the layers: `activation` is missing")
                .with_help("activation = \"softplus\"")
        })
    }

    /// The first chain of matrices in a file without names, each with the vectors behind it.
    fn numbered(&self, header: &Header) -> Vec<Spec> {
        let list = &self.tensors.list;
        let mut specs = vec![];
        let mut i = list.iter().position(|t| t.shape.len() == 2).unwrap_or(list.len());
        let mut width = None;
        while let Some([out, of]) = list.get(i).map(|t| &t.shape[..]) {
            if width.is_some_and(|w| w != *of) {
                break;
            }
            width = Some(*out);
            let is_vector = |i: usize| list.get(i).is_some_and(|t| t.shape == [*out]);
            let (name, own) = (list[i].name.clone(), Some(list[i].name.clone()));
            i += 1;
            let bias =
                if header.bias && is_vector(i) { Bias::Called(list[i].name.clone()) } else { Bias::None };
            i += usize::from(bias != Bias::None);
            specs.push(Spec::Linear { name, weight: own, bias, transposed: false });
            // A scalar output ends the chain: what follows is another network.
            if *out == 1 {
                break;
            }
            if header.norm && is_vector(i) && is_vector(i + 1) {
                let exact = Some([list[i].name.clone(), list[i + 1].name.clone()]);
                specs.push(Spec::Norm { name: list[i].name.clone(), exact, epsilon: 1e-5, affine: true });
                i += 2;
            }
        }
        specs
    }

    /// Layers by the names that PyTorch and Flax give.
    fn by_name(&self) -> Result<Vec<Spec>> {
        let mut stems: Vec<(&str, usize, &Tensor, bool)> = vec![];
        for tensor in &self.tensors.list {
            let Some(own) = tensor.name.strip_prefix(self.prefix) else { continue };
            let stem = [".weight", ".kernel", "/kernel"].iter().find_map(|end| own.strip_suffix(end));
            let Some(stem) = stem else { continue };
            let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let (family, number) = stem.split_at(stem.len() - digits);
            if let Ok(number) = number.parse() {
                stems.push((family, number, tensor, tensor.shape.len() == 1));
            }
        }
        let Some(&(family, ..)) = stems.first() else { return Ok(vec![]) };
        if let Some((other, ..)) = stems.iter().find(|s| s.0 != family) {
            return Err(self
                .error(format!(
                    "the layers `{family}..` and `{other}..` do not say how they follow one another"
                ))
                .with_help(
                    "describe the network in an `architecture` file, or name one part by its `prefix`",
                ));
        }
        stems.sort_by_key(|s| s.1);
        self.check_gaps(family, &stems)?;
        let has_bias = |stem: &str| {
            [".bias", "/bias"].iter().any(|end| self.find(&format!("{}{stem}{end}", self.prefix)).is_some())
        };
        let biases = stems.iter().any(|s| has_bias(&format!("{family}{}", s.1)));
        let spec = |s: &(&str, usize, &Tensor, bool)| {
            let name = format!("{family}{}", s.1);
            match s.3 {
                true => Spec::Norm { name, exact: None, epsilon: 1e-5, affine: true },
                false => Spec::Linear {
                    name,
                    weight: None,
                    bias: if biases { Bias::Named } else { Bias::None },
                    transposed: false,
                },
            }
        };
        Ok(stems.iter().map(spec).collect())
    }

    /// A layer that is missing shows as a gap in the numbers, or as a bias without its weight.
    fn check_gaps(&self, family: &str, stems: &[(&str, usize, &Tensor, bool)]) -> Result<()> {
        let end = stems[0].2.name.rsplit(['.', '/']).next().unwrap_or("weight");
        let separator = if stems[0].2.name.contains('/') { '/' } else { '.' };
        let missing = |number: usize| {
            Err(self.error(format!("there is no tensor `{}{family}{number}{separator}{end}`", self.prefix)))
        };
        for tensor in &self.tensors.list {
            let own = tensor.name.strip_prefix(self.prefix).and_then(|own| own.strip_prefix(family));
            let number = own.and_then(|own| own.strip_suffix("bias")).map(|n| n.trim_end_matches(['.', '/']));
            if let Some(Ok(number)) = number.map(str::parse::<usize>)
                && stems.iter().all(|s| s.1 != number)
            {
                return missing(number);
            }
        }
        let numbers: Vec<usize> = stems.iter().filter(|s| !s.3).map(|s| s.1).collect();
        if stems.iter().any(|s| s.3) || numbers.len() < 2 {
            return Ok(());
        }
        let step = numbers.windows(2).map(|w| w[1] - w[0]).min().unwrap_or(1).max(1);
        if numbers[0] >= step {
            return missing(numbers[0] - step);
        }
        match numbers.windows(2).find(|w| w[1] - w[0] != step) {
            Some(w) => missing(w[0] + step),
            None => Ok(()),
        }
    }
}

/// Dimension of the state: as the architecture says, or what the first layer leaves for it.
fn dimension(source: &Source<'_>, architecture: &Architecture, first: Option<usize>) -> Result<usize> {
    let (mut states, mut rest, mut fourier) = (0, 0, None);
    for part in &architecture.input {
        match part {
            Part::State => states += 1,
            Part::Time => rest += 1,
            Part::Fourier { of_time, frequencies, .. } => {
                let b = source.frequencies(frequencies)?;
                rest += 2 * b.nrows();
                if !of_time {
                    fourier = Some(b.ncols());
                }
            }
        }
    }
    let left = || {
        let free = first?.checked_sub(rest)?;
        (states > 0 && free > 0 && free % states == 0).then(|| free / states)
    };
    let dim = architecture.dim.or(fourier).or_else(left).ok_or_else(|| {
        source
            .error("the dimension of the state does not follow from the first layer")
            .with_help("dim = 2, say")
    })?;
    match first {
        Some(first) if first != states * dim + rest => Err(source.error(format!(
            "the first layer takes {first} numbers, but the input has {}, the state being of dimension {dim}",
            states * dim + rest
        ))),
        _ => Ok(dim),
    }
}
