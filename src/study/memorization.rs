//! `[memorization]`: the section, and the tables that are made of it.

use std::path::{Path, PathBuf};

use faer::Mat;
use serde_json::{Value, json};

use super::Study;
use super::lyapunov::{choice, training_data};
use super::section::Section;
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::data;
use crate::error::{Error, Result};
use crate::export;
use crate::landscape::Landscape;
use crate::measure::diffusion::Process;
use crate::memorization::{
    Class, Draw, Geometry, GeometryOptions, HeldOut, Memorization, Options, SampleClass, Samples, Thresholds,
    classify, classify_samples, default_thresholds, draw, geometry, held_out, states,
};

/// Most samples that are drawn.
const MOST_DRAWN: usize = 1_000_000;
/// Most directions a minimum.
const MOST_DIRECTIONS: usize = 10_000;

/// Names of the files.
pub(super) const FILES: [&str; 2] = ["classes.csv", "samples.csv"];

/// What is to be told of memories.
#[derive(Clone)]
pub struct MemorizationSection {
    /// Where the classes end.
    pub options: Options,
    /// Random directions a minimum along which its basin is measured; 0 for none.
    pub directions: usize,
    /// How samples are drawn; none are where `count` is 0.
    pub draw: Draw,
    /// Near to a datum.
    memorized_within: Option<f64>,
    /// Near to another sample.
    spurious_within: Option<f64>,
    training_data: Option<PathBuf>,
    held_out: Option<PathBuf>,
    samples: Option<PathBuf>,
    section: Section,
}

/// Reads the section.
pub(super) fn read(section: &mut Section) -> Result<MemorizationSection> {
    let (default, drawing) = (Options::default(), Draw::default());
    let process = choice(section, "process", &[("sde", Process::Sde), ("ode", Process::Ode)])?;
    let options = Options {
        near: section.number("near")?.unwrap_or(default.near),
        barrier: section.number("barrier")?.unwrap_or(default.barrier),
        temperature: section.number("temperature")?,
        gap: section.number("gap")?.unwrap_or(default.gap),
        extent: section.number("extent")?.unwrap_or(default.extent),
    };
    let draw = Draw {
        count: section.integer("draw")?.unwrap_or(0),
        process: process.unwrap_or(drawing.process),
        steps: section.integer("steps")?.unwrap_or(drawing.steps),
        from: section.number("from")?,
        denoise: section.flag("denoise")?.unwrap_or(drawing.denoise),
        seed: drawing.seed,
    };
    let asked = MemorizationSection {
        options,
        directions: section.integer("directions")?.unwrap_or(0),
        draw,
        memorized_within: section.number("memorized_within")?,
        spurious_within: section.number("spurious_within")?,
        training_data: section.path("training_data")?,
        held_out: section.path("held_out")?,
        samples: section.path("samples")?,
        section: section.clone(),
    };
    for (key, value, most) in
        [("draw", draw.count, MOST_DRAWN), ("directions", asked.directions, MOST_DIRECTIONS)]
    {
        if value > most {
            return Err(section.error(key, format!("`{key}` is {value}, it must be {most} at most")));
        }
    }
    if asked.samples.is_some() && draw.count > 0 {
        let error = section.error("draw", "`draw` has no effect beside `samples`: they come from the file");
        return Err(error.with_help("write one of the two"));
    }
    Ok(asked)
}

/// The rows of a file as columns, all of them, equal ones too.
fn rows_of(path: &Path, key: &str, dim: usize) -> Result<Mat<f64>> {
    let table = data::read(path)?;
    if table.columns != dim {
        let message = format!("`{key}` have {} columns, the landscape {dim} dimensions", table.columns);
        return Err(Error::file(path, message));
    }
    Ok(Mat::from_fn(dim, table.rows(), |i, j| table.values[j * dim + i]))
}

/// All that came out.
pub(crate) struct Memories {
    classes: Memorization,
    geometry: Vec<Geometry>,
    held_out: Option<HeldOut>,
    samples: Option<Samples>,
    drawn: bool,
    options: Options,
}

/// What the study asks for, with a seed of everything random; `None` if it has no such section.
pub(crate) fn run(
    study: &Study,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    graph: Option<&MorseGraph>,
    seed: u64,
) -> Result<Option<Memories>> {
    let Some(asked) = &study.memorization else { return Ok(None) };
    let n = landscape.dim();
    let given = asked.training_data.as_deref().map(|path| training_data(path, n)).transpose()?;
    let Some(data) = given.or_else(|| states(landscape)).filter(|data| data.ncols() > 0) else {
        let message =
            format!("`{}` does not know its data, so nothing can be a memory of one", study.kind.name);
        return Err(asked
            .section
            .locate(Error::input(message))
            .with_help("training_data = \"points.csv\" names them"));
    };
    let data = data.as_ref();
    let graph = graph.filter(|_| set.has_energy());
    let classes = classify(landscape, data, set, graph, &asked.options);
    let probing =
        GeometryOptions { directions: asked.directions, seed, gap: asked.options.gap, ..Default::default() };
    let geometry = geometry(landscape, set, graph, &probing);
    let held = asked.held_out.as_deref().map(|path| rows_of(path, "held_out", n)).transpose()?;
    let held_out =
        held.filter(|_| set.has_energy()).map(|h| held_out(landscape, data, h.as_ref(), set, &classes));
    let drawing = Draw { seed, ..asked.draw };
    let samples = match &asked.samples {
        Some(path) => Some(rows_of(path, "samples", n)?),
        None if drawing.count > 0 => {
            let drawn = draw(landscape, &drawing);
            Some(drawn.map_err(|error| match error {
                Error::Input { message, help, .. } => {
                    let pointed = asked.section.error("draw", message);
                    help.map_or(pointed.clone(), |help| pointed.with_help(help))
                }
                other => other,
            })?)
        }
        None => None,
    };
    let samples = match samples {
        Some(samples) => Some(classify_samples(samples.as_ref(), data, asked.thresholds(data)?)),
        None => None,
    };
    let drawn = asked.samples.is_none();
    Ok(Some(Memories { classes, geometry, held_out, samples, drawn, options: asked.options }))
}

impl MemorizationSection {
    /// What counts as near, by default from the data.
    fn thresholds(&self, data: faer::MatRef<'_, f64>) -> Result<Thresholds> {
        if let (Some(memorized), Some(spurious)) = (self.memorized_within, self.spurious_within) {
            return Ok(Thresholds { memorized, spurious });
        }
        let default = default_thresholds(data).ok_or_else(|| {
            let message = "the data are too few to say what is near a datum, or most are equal";
            self.section
                .locate(Error::input(message))
                .with_help("memorized_within = 0.1 and spurious_within = 0.1, say, tell it")
        })?;
        Ok(Thresholds {
            memorized: self.memorized_within.unwrap_or(default.memorized),
            spurious: self.spurious_within.unwrap_or(default.spurious),
        })
    }
}

impl Memories {
    /// The classes of critical points.
    pub(crate) fn classes(&self) -> &Memorization {
        &self.classes
    }

    /// The neighbourhoods of minima.
    pub(crate) fn geometry(&self) -> &[Geometry] {
        &self.geometry
    }

    /// What data that were held out say, if there are any.
    pub(crate) fn held_out(&self) -> Option<&HeldOut> {
        self.held_out.as_ref()
    }

    /// The samples, if there are any.
    pub(crate) fn samples(&self) -> Option<&Samples> {
        self.samples.as_ref()
    }

    pub(super) fn files(&self, set: &CriticalSet) -> Result<Vec<(String, Vec<u8>)>> {
        let classes = export::classes_csv(set, &self.classes, &self.geometry)?;
        let mut files = vec![(FILES[0].to_string(), classes.into_bytes())];
        if let Some(samples) = &self.samples {
            files.push((FILES[1].to_string(), export::samples_csv(samples)?.into_bytes()));
        }
        Ok(files)
    }

    /// `memorization` of the summary.
    pub(super) fn json(&self) -> Value {
        let all = &self.classes;
        let finite = |v: f64| serde_json::Number::from_f64(v).map_or(Value::Null, Value::Number);
        let counts: serde_json::Map<String, Value> = Class::ALL
            .iter()
            .zip(all.counts())
            .map(|(c, count)| (c.name().to_owned(), count.into()))
            .collect();
        let structure = |s: &crate::memorization::Structure| {
            json!({
                "minima": s.minima.len(),
                "family": s.family,
                "dimension": s.dimension,
                "extent": finite(s.extent),
                "barrier": finite(s.barrier),
            })
        };
        let mut value = json!({
            "counts": counts,
            "data": all.data,
            "memorized": all.memorized,
            "fraction_memorized": all.fraction_memorized(),
            "alone": all.alone,
            "fraction_alone": all.fraction_alone(),
            "lost": all.lost.len(),
            "structures": all.structures.iter().map(structure).collect::<Vec<_>>(),
            "temperature": all.temperature,
            "near": self.options.near,
            "barrier": self.options.barrier,
            "gap": self.options.gap,
            "extent": self.options.extent,
        });
        if let Some(held) = &self.held_out {
            let pair = |(v, error): (f64, f64)| json!({ "value": finite(v), "error": finite(error) });
            value["held_out"] = json!({
                "count": held.count,
                "energy": pair(held.energy),
                "data_energy": pair(held.data_energy),
                "gap": pair(held.gap),
                "to_memorized": held.to_memorized,
                "to_generalized": held.to_generalized,
                "to_others": held.to_others,
            });
        }
        if let Some(samples) = &self.samples {
            let [memorized, spurious, generalized] = samples.counts();
            value["samples"] = json!({
                "count": samples.classes.len(),
                "drawn": self.drawn,
                SampleClass::Memorized.name(): memorized,
                SampleClass::Spurious.name(): spurious,
                SampleClass::Generalized.name(): generalized,
                "memorized_within": finite(samples.thresholds.memorized),
                "spurious_within": finite(samples.thresholds.spurious),
            });
        }
        value
    }

    /// A line or two to read.
    pub(super) fn text(&self) -> String {
        let list = |parts: Vec<(&str, usize)>| {
            let parts: Vec<String> =
                parts.iter().filter(|p| p.1 > 0).map(|(name, n)| format!("{n} {name}")).collect();
            if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
        };
        let counts = Class::ALL.iter().map(|c| c.name()).zip(self.classes.counts()).collect();
        let (memorized, data) = (self.classes.memorized, self.classes.data);
        let mut text = format!("minima: {}; {memorized} of {data} data memorized", list(counts));
        if let Some(samples) = &self.samples {
            let names = [SampleClass::Memorized, SampleClass::Spurious, SampleClass::Generalized]
                .map(SampleClass::name);
            text += &format!("\nsamples: {}", list(names.into_iter().zip(samples.counts()).collect()));
        }
        text
    }
}
