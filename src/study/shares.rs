//! `draw` of `[measure]`: which minima the samples of a diffusion model end in, beside its data and the volumes of basins.

use serde_json::{Value, json};

use super::measure::MeasureSection;
use super::{Study, lyapunov};
use crate::control::Control;
use crate::critical::{CriticalSet, Level};
use crate::error::Result;
use crate::export::{self, MeasureRow};
use crate::landscape::Landscape;
use crate::measure::basins::{self, Basins};
use crate::measure::diffusion::Process;
use crate::measure::shares::{Shares, of_samples};

/// Steps from noise to data.
const STEPS: usize = 256;

/// All shares.
pub(super) struct Drawn {
    /// Rows of `measure.csv`.
    pub(super) rows: Vec<MeasureRow>,
    found: Vec<(&'static str, Shares)>,
}

/// Draws what the section asks for and follows it.
///
/// # Errors
/// If the landscape is no diffusion model, does not say where its samples begin, or data can't be read.
pub(super) fn run(
    section: &MeasureSection,
    study: &Study,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    control: &Control<'_>,
) -> Result<Drawn> {
    let temperature = landscape.kernel().map(|k| k.temperature);
    let mut found = vec![];
    for (name, process) in [("sde_share", Process::Sde), ("ode_share", Process::Ode)] {
        let shares = of_samples(landscape, set, process, section.draw, STEPS, section.from, study.seed)?;
        found.push((name, shares));
    }
    let given = section.training_data.as_deref();
    let given = given.map(|path| lyapunov::training_data(path, landscape.dim())).transpose()?;
    if let Some(data) = &given {
        found.push(("data_share", Shares::of(landscape, set, data.as_ref(), None)));
    } else if let Some(data) = landscape.data() {
        let weights = landscape.data_weights();
        found.push(("data_share", Shares::of(landscape, set, data, weights.as_deref())));
    }
    let estimated = || export::level_name(Level::Estimated).to_owned();
    let mut rows = vec![];
    for (name, found) in &found {
        for &(id, value) in &found.shares {
            // The data are all there are: their shares are no estimates.
            let all = *name == "data_share";
            let (low, high) = found.interval(value);
            rows.push(MeasureRow {
                temperature: temperature.filter(|_| !all),
                quantity: (*name).into(),
                minimum: id.to_string(),
                value: Some(value),
                error: (!all).then_some((high - value).max(value - low)),
                theory: None,
                method: if all { "orbits" } else { "samples" }.into(),
                level: if all { export::level_name(Level::Checked).into() } else { estimated() },
            });
        }
    }
    let orbits = basins::Options { orbits: section.draw, seed: study.seed, ..Default::default() };
    let volumes: Basins = basins::basins(landscape, set, &orbits, control);
    rows.extend(volumes.basins.iter().map(|b| MeasureRow {
        quantity: "basin_volume".into(),
        minimum: b.minimum.to_string(),
        value: Some(b.share),
        error: Some((b.high - b.share).max(b.share - b.low)),
        method: "orbits".into(),
        level: estimated(),
        ..MeasureRow::default()
    }));
    Ok(Drawn { rows, found })
}

impl Drawn {
    /// The entry of the summary.
    pub(super) fn json(&self) -> Value {
        let ends =
            |(name, s): &(&str, Shares)| json!({ "of": name, "count": s.count, "elsewhere": s.elsewhere });
        self.found.iter().map(ends).collect()
    }
}
