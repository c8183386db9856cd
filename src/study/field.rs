//! What is reported of a vector field beside its equilibria: the eigenvalues of its Jacobian there, how far it is from
//! a gradient, and what small noise makes of it.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::Study;
use super::measure::{self, MeasureSection};
use super::rates::{self, Beside};
use super::shares::{self, Drawn};
use crate::connection::MorseGraph;
use crate::control::Control;
use crate::critical::CriticalSet;
use crate::critical::equilibria::{Asymmetry, asymmetry, asymmetry_over, eigenvalues};
use crate::error::Result;
use crate::export;
use crate::landscape::{Dynamics, Landscape};

/// Random points of the region at which the asymmetry is measured, in few and in many dimensions.
const SAMPLES: (usize, usize) = (1000, 200);
/// Dimensions that are few.
const FEW: usize = 32;

/// Eigenvalues (real and imaginary part, the largest real part first) and asymmetry at each equilibrium by its id, and the
/// asymmetry over the region.
pub(super) struct Spectra {
    points: Vec<(Vec<(f64, f64)>, f64)>,
    over: Asymmetry,
}

impl Spectra {
    pub(super) fn of(field: &dyn Dynamics, set: &CriticalSet, seed: u64) -> Result<Spectra> {
        let n = set.region.dim();
        let points = set.points.iter().map(|p| {
            let mut jacobian = Mat::zeros(n, n);
            field.jacobian(&p.x, jacobian.as_mut());
            Ok((eigenvalues(jacobian.as_ref())?, asymmetry(jacobian.as_ref())))
        });
        let points = points.collect::<Result<Vec<_>>>()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6173_796d);
        let count = if n <= FEW { SAMPLES.0 } else { SAMPLES.1 };
        let mut sample = Mat::zeros(n, count);
        for j in 0..count {
            sample.col_as_slice_mut(j).copy_from_slice(&set.region.sample(&mut rng));
        }
        Ok(Spectra { points, over: asymmetry_over(field, sample.as_ref())? })
    }

    /// `eigenvalues.csv`: `id,real,imaginary`, a row an eigenvalue.
    pub(super) fn csv(&self) -> String {
        let mut text = "id,real,imaginary\n".to_owned();
        for (id, (eigenvalues, _)) in self.points.iter().enumerate() {
            for (real, imaginary) in eigenvalues {
                text += &format!("{id},{real:?},{imaginary:?}\n");
            }
        }
        text
    }

    /// Adds to a summary what holds of a field.
    pub(super) fn describe(&self, summary: &mut Value) {
        let finite = |x: f64| serde_json::Number::from_f64(x).map_or(Value::Null, Value::Number);
        let largest = self.points.iter().map(|p| p.1).fold(0.0, f64::max);
        let complex = |p: &(Vec<(f64, f64)>, f64)| p.0.iter().any(|(_, imaginary)| *imaginary != 0.0);
        summary["asymmetry"] = json!({
            "equilibria": self.points.iter().map(|p| finite(p.1)).collect::<Vec<_>>(),
            "largest_at_equilibria": finite(largest),
            "sample": {
                "relative": finite(self.over.relative),
                "low": finite(self.over.interval.0),
                "high": finite(self.over.interval.1),
                "confidence": 0.95,
                "largest": finite(self.over.largest),
                "points": self.over.samples,
            },
        });
        summary["spiral"] =
            self.points.iter().enumerate().filter(|(_, p)| complex(p)).map(|(id, _)| id).collect();
        summary["levels"]["asymmetry"] = "estimated".into();
    }
}

/// What small noise makes of a field: its quasipotential, and at which attractors samples end.
pub(super) struct SmallNoise {
    actions: Beside,
    /// Or why there are none.
    shares: Option<std::result::Result<Drawn, String>>,
}

impl SmallNoise {
    /// What the section asks for.
    ///
    /// # Errors
    /// If no attractor is known.
    pub(super) fn of(
        study: &Study,
        section: &MeasureSection,
        landscape: &dyn Landscape,
        set: &CriticalSet,
        graph: Option<&MorseGraph>,
        control: &Control<'_>,
    ) -> Result<SmallNoise> {
        let actions = rates::of_field(study, landscape, set, graph, control)?;
        let shares = match section.draw > 0 && !control.stopped() {
            true => Some(shares::run(section, study, landscape, set, control).map_err(|why| why.to_string())),
            false => None,
        };
        Ok(SmallNoise { actions, shares })
    }

    /// The files, by name.
    pub(super) fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = self.actions.files.clone();
        if let Some(Ok(shares)) = &self.shares {
            files.push((measure::FILES[0].to_string(), export::measure_csv(&shares.rows)?.into_bytes()));
        }
        Ok(files)
    }

    /// Adds it to a summary.
    pub(super) fn describe(&self, summary: &mut Value) {
        if let Some(shares) = &self.shares {
            summary["measure"] = match shares {
                Ok(shares) => json!({ "shares": shares.json() }),
                Err(why) => json!({ "notes": [format!("no shares of samples: {why}")] }),
            };
            summary["levels"]["measure"] = "estimated".into();
        }
        summary["quasipotential"] = self.actions.summary.clone();
        summary["levels"]["quasipotential"] = "estimated".into();
    }
}
