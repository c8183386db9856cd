//! A network, or the path that leads through several: the piecewise linear one through their parameters, along which
//! `training` runs from 0 to their number less one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::architecture::{self, Architecture};
use super::network::{Direction, Network};
use super::time::Stage;
use super::weights;
use crate::data::read_tensors;
use crate::error::{Error, Result};
use crate::study::Section;

/// A network at a position of its path and a time.
#[derive(Clone, Debug)]
pub(super) struct PathOfNetworks {
    checkpoints: Arc<Vec<Network>>,
    stage: Option<Arc<Stage>>,
    training: f64,
    t: f64,
    /// The network here.
    pub(super) network: Network,
}

impl PathOfNetworks {
    /// From networks of one shape, at least one.
    pub(super) fn new(
        checkpoints: Vec<Network>,
        stage: Option<Stage>,
        training: f64,
        t: f64,
    ) -> Result<Self> {
        let network = checkpoints[0].clone();
        let (checkpoints, stage) = (Arc::new(checkpoints), stage.map(Arc::new));
        PathOfNetworks { checkpoints, stage, training, t, network }.at(training, t)
    }

    /// The same path elsewhere.
    pub(super) fn at(&self, training: f64, t: f64) -> Result<Self> {
        let last = (self.checkpoints.len() - 1) as f64;
        if !(0.0..=last).contains(&training) {
            return Err(Error::input(format!(
                "`training` is {training}, it must lie between 0 and {last}, the number of the last file of weights"
            )));
        }
        if !t.is_finite() || (t <= 0.0 && self.stage.as_ref().is_some_and(|s| s.needs_positive())) {
            return Err(Error::input(format!("`t` is {t}, it must be positive")));
        }
        let (segment, s) = self.segment(training);
        let here = &self.checkpoints[segment];
        let mut network = match self.checkpoints.get(segment + 1) {
            Some(next) if s > 0.0 => here.towards(next, s),
            _ => here.clone(),
        };
        if let Some(stage) = &self.stage {
            network.set_first_bias(&stage.bias(t));
        }
        Ok(PathOfNetworks { training, t, network, ..self.clone() })
    }

    /// Number of the checkpoint before a position (the last but one at the end) and how far it is to the next.
    fn segment(&self, training: f64) -> (usize, f64) {
        let segment = (training.floor() as usize).min(self.checkpoints.len().saturating_sub(2));
        (segment, training - segment as f64)
    }

    /// The network before this position and, unless it is reached exactly, the one after it and how far it is.
    pub(super) fn around(&self) -> (&Network, Option<(&Network, f64)>) {
        let (segment, s) = self.segment(self.training);
        let next = self.checkpoints.get(segment + 1).filter(|_| s > 0.0);
        (&self.checkpoints[segment], next.map(|next| (next, s)))
    }

    /// Does anything stand before the network's first layer of the file?
    pub(super) fn has_stage(&self) -> bool {
        self.stage.is_some()
    }

    pub(super) fn training(&self) -> f64 {
        self.training
    }

    pub(super) fn t(&self) -> f64 {
        self.t
    }

    pub(super) fn is_family(&self) -> bool {
        self.checkpoints.len() > 1
    }

    pub(super) fn needs_time(&self) -> bool {
        self.stage.as_ref().is_some_and(|s| s.needs_time())
    }

    /// The positions of all files but the first: there the direction of `training` changes, or ends.
    pub(super) fn breaks(&self) -> Vec<f64> {
        (1..self.checkpoints.len()).map(|k| k as f64).collect()
    }

    /// Hands over the derivative of the parameters in `training` (of the segment that begins here, or the last).
    pub(super) fn along_training(&self, read: impl FnOnce(Direction<'_>)) {
        let (segment, _) = self.segment(self.training);
        match self.checkpoints.get(segment + 1) {
            Some(next) => read(Direction::Weights(&self.checkpoints[segment].difference(next))),
            None => read(Direction::Still),
        }
    }

    /// Hands over the derivative of the parameters in time.
    pub(super) fn along_time(&self, read: impl FnOnce(Direction<'_>)) {
        match &self.stage {
            Some(stage) => read(Direction::Bias(&stage.bias_rate(self.t))),
            None => read(Direction::Still),
        }
    }
}

/// What the keys that all networks have say.
pub(super) struct Given {
    pub(super) path: PathOfNetworks,
    pub(super) architecture: Architecture,
    /// Factor of `sum_i x_i^4` that the file itself asks for.
    pub(super) quartic: f64,
    /// The time, if the study names one.
    pub(super) t: Option<f64>,
}

/// Reads `weights`, `architecture`, `activation`, `training` and `t`.
pub(super) fn read(section: &mut Section) -> Result<Given> {
    let files =
        section.paths("weights")?.ok_or_else(|| section.missing("weights", "\"model.safetensors\""))?;
    let files = files
        .iter()
        .map(|f| matching(f))
        .collect::<Result<Vec<_>>>()
        .map_err(|e| pointing(section, "weights", e))?
        .concat();
    let mut architecture = match section.path("architecture")? {
        Some(path) => Section::read(&path)
            .and_then(architecture::read)
            .map_err(|e| pointing(section, "architecture", e))?,
        None => Architecture::default(),
    };
    if let Some(activation) = architecture::activation(section)? {
        if architecture.layers.is_some() {
            return Err(
                section.error("activation", "`activation` has no effect: the architecture lists its layers")
            );
        }
        architecture.activation = Some(activation);
    }
    let mut networks: Vec<Network> = vec![];
    let (mut stage, mut quartic) = (None, 0.0);
    for file in &files {
        let loaded = read_tensors(file)
            .and_then(|tensors| weights::build(&tensors, &architecture))
            .map_err(|e| pointing(section, "weights", e))?;
        if let Some(first) = networks.first()
            && !first.same_shape(&loaded.network)
        {
            let message = format!(
                "{} holds a network of another shape than {}, so no path leads from one to the other",
                file.display(),
                files[0].display()
            );
            return Err(section.error("weights", message));
        }
        networks.push(loaded.network);
        (stage, quartic) = (loaded.stage, loaded.quartic);
    }
    let (training, t) = (section.number("training")?, section.number("t")?);
    if training.is_some() && networks.len() == 1 {
        return Err(section
            .error("training", "`training` is a position along several files of weights, but there is one"));
    }
    let needs_time = stage.as_ref().is_some_and(Stage::needs_time);
    if needs_time && t.is_none() {
        return Err(section.missing("t", "0.5"));
    }
    let path = PathOfNetworks::new(networks, stage, training.unwrap_or(0.0), t.unwrap_or(1.0))
        .map_err(|e| crate::landscape::blame(section, &["training", "t"], e))?;
    Ok(Given { path, architecture, quartic, t })
}

/// An error about a file, pointing at the key that names it; places of its own stay.
fn pointing(section: &Section, key: &str, error: Error) -> Error {
    match error {
        Error::Input { message, help, place: None } => {
            let located = section.error(key, message);
            help.map_or(located.clone(), |h| located.with_help(h))
        }
        Error::File { .. } => section
            .error(key, error.to_string())
            .with_help("paths are relative to the study file, those of flags to the current directory"),
        other => other,
    }
}

/// The files that a path means: itself, or where its last part has a `*`, all files of such names, numbers in them by
/// their value.
pub(crate) fn matching(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((head, tail)) = name.split_once('*').filter(|_| !path.exists()) else {
        return Ok(vec![path.to_owned()]);
    };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let listing = std::fs::read_dir(folder).map_err(|e| Error::file(folder, e))?;
    let mut names: Vec<String> = listing
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|n| n.len() >= head.len() + tail.len() && n.starts_with(head) && n.ends_with(tail))
        .collect();
    if names.is_empty() {
        return Err(Error::file(path, "there are no such files"));
    }
    names.sort_by_cached_key(|n| natural(n));
    Ok(names.iter().map(|n| folder.join(n)).collect())
}

/// A name in parts that are compared one after the other: texts, and numbers by their value.
fn natural(name: &str) -> Vec<(u128, String)> {
    let mut parts: Vec<(u128, String)> = vec![];
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - text);
        parts.push((0, rest[..text].to_owned()));
        let number = &rest[text..text + digits];
        parts.push((number.parse().unwrap_or(u128::MAX), number.to_owned()));
        rest = &rest[text + digits..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_a_star_come_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["step-10.st", "step-9.st", "step-100.st", "other-1.st", "step-.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = matching(&folder.path().join("step-*.st")).unwrap();
        let names: Vec<_> =
            found.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["step-9.st", "step-10.st", "step-100.st"]);
        assert!(matching(&folder.path().join("none-*.st")).is_err());
    }
}
