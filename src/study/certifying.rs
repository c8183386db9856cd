//! The section `[certify]`: a certificate of what was found, and its place among the results.

use std::time::Instant;

use serde_json::{Value, json};

use super::pipeline::{Outcome, critical_options, frame, title};
use super::{Section, Study};
use crate::certificate::build::along::{Covered, Range, along};
use crate::certificate::build::attack::{Attack, attack};
use crate::certificate::build::parameters::{Radii, radii};
use crate::certificate::build::{self, Built, Options};
use crate::certificate::format::Level;
use crate::control::Control;
use crate::critical::{self, CriticalSet};
use crate::error::{Error, Result, shown};
use crate::landscape::{Family, Landscape, Region};

/// The file.
pub(super) const CERTIFICATE: &str = "certificate.json";
/// The file of certificates along a parameter.
pub(super) const CERTIFICATES: &str = "certificates.jsonl";
/// Orbits that are proven, while others are not yet.
const PARTS: &str = "certificate.parts.jsonl";
/// Levels by their names in a study.
pub(super) const LEVELS: [&str; 4] = ["auto", "critical set", "memories", "full"];

/// `[certify]`: what is to be proven, and how far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CertifySection {
    /// The level; the highest that there is a chance for if absent.
    pub level: Option<Level>,
    /// The perturbation of the field, zero or more; the largest found if absent.
    pub e0: Option<f64>,
    /// The length over which it may change by as much as it is large; positive.
    pub length: Option<f64>,
    /// Perturbations with which the certificate is attacked; 0 for none.
    pub perturb: usize,
    /// All values of a parameter between two, for which certificates are wanted; none if absent.
    pub range: Option<Range>,
}

pub(super) fn read(section: &mut Section) -> Result<CertifySection> {
    let level = match section.text("level")?.as_deref() {
        None | Some("auto") => None,
        Some(name) => Some(Level::ALL.into_iter().find(|level| level.name() == name).ok_or_else(|| {
            let error = section.error("level", format!("unknown `level` {:?}", crate::error::brief(name)));
            error.with_help("it is \"auto\", \"critical set\", \"memories\" or \"full\"")
        })?),
    };
    let e0 = section.number("e0")?;
    if let Some(e0) = e0.filter(|e| *e < 0.0) {
        return Err(section.error("e0", format!("`e0` must be zero or more, not {}", shown(e0))));
    }
    let range = match (section.text("parameter")?, section.number("from")?, section.number("to")?) {
        (None, None, None) => None,
        (Some(parameter), Some(from), Some(to)) if from < to => Some(Range { parameter, from, to }),
        (Some(_), Some(_), Some(_)) => {
            return Err(section.error("to", "`to` must be larger than `from`".to_string()));
        }
        (parameter, from, _) => {
            let missing = match (parameter, from) {
                (None, _) => "parameter",
                (_, None) => "from",
                _ => "to",
            };
            let error = section.error(missing, format!("`{missing}` is missing"));
            return Err(error.with_help("certificates along a parameter need `parameter`, `from` and `to`"));
        }
    };
    Ok(CertifySection {
        range,
        level,
        e0,
        length: section.number("length")?,
        perturb: section.integer("perturb")?.unwrap_or(0),
    })
}

/// What came of it.
pub(super) struct Certified {
    outcome: std::result::Result<Built, String>,
    radii: Option<Radii>,
    attack: Option<Attack>,
}

/// What the study asks of a certificate; no parts of it are kept.
fn asked(study: &Study) -> Options {
    let section = study.certify.clone().unwrap_or_default();
    let CertifySection { level, e0, length, .. } = section;
    Options { level, e0, length, title: title(study), parts: None }
}

/// Certifies a critical set.
pub(super) fn run(
    study: &Study,
    landscape: &dyn Landscape,
    set: &CriticalSet,
    control: &Control<'_>,
) -> Certified {
    let parts = study.parts.as_ref().map(|folder| folder.join(PARTS));
    let options = Options { parts, ..asked(study) };
    let outcome = build::build(landscape, set, &options, control);
    let perturb = study.certify.as_ref().map_or(0, |section| section.perturb);
    let attack = match &outcome {
        Ok(built) if perturb > 0 => attack(landscape, built, perturb, study.seed),
        _ => None,
    };
    let radii = outcome.as_ref().ok().and_then(|built| radii(&built.certificate));
    Certified { outcome, radii, attack }
}

impl Certified {
    /// The `certificate` of the summary.
    pub(super) fn json(&self) -> Value {
        match &self.outcome {
            Err(why) => json!({ "level": null, "reason": why }),
            Ok(built) => {
                let c = &built.certificate;
                let exits = c.edges.iter().filter(|e| e.end.is_none()).count();
                json!({
                    "level": c.level,
                    "complete": c.complete,
                    "e0": c.e0.0,
                    "e1": c.e1.0,
                    "length": built.length,
                    "points": c.zeros.len(),
                    "edges": c.edges.len() - exits,
                    "exits": exits,
                    "cylinders": c.edges.iter().map(|e| e.tube.len()).sum::<usize>(),
                    "limit": built.limit.as_ref().map(|l| json!({
                        "object": l.object, "at": l.at, "e0": l.e0, "reason": l.why, "to_enlarge_it": l.advice,
                    })),
                    "left_out": built.left_out,
                    "parameters": self.radii.as_ref().map(|r| json!({ "log_weights": r.log_weights, "data": r.data })),
                    "attack": self.attack.as_ref().map(|a| json!({
                        "tried": a.tried, "broken_within": a.broken, "smallest_that_breaks": a.gap,
                    })),
                })
            }
        }
    }

    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.outcome.iter().map(|b| (CERTIFICATE.to_string(), b.text.clone().into_bytes())).collect()
    }

    pub(super) fn shortfall(&self) -> Option<String> {
        self.outcome.as_ref().err().map(|why| format!("there is no certificate: {why}"))
    }

    pub(super) fn text(&self) -> String {
        match &self.outcome {
            Err(why) => format!("no certificate: {why}"),
            Ok(built) => {
                let c = &built.certificate;
                let mut text = format!(
                    "certificate: {}, {} points, {} orbits; holds for fields within e0 = {:.3e} and e1 = {:.3e}",
                    c.level.name(),
                    c.zeros.len(),
                    c.edges.len(),
                    c.e0.0,
                    c.e1.0
                );
                if let Some(limit) = &built.limit {
                    text += &format!("\nlimited by {}: {}", limit.object, limit.why);
                }
                if let Some(r) = &self.radii {
                    text += &format!(
                        "\nfor changes of all log weights by {:.3e}, or of all data by {:.3e}",
                        r.log_weights, r.data
                    );
                }
                if let Some(a) = &self.attack {
                    let gap = a.gap.map_or("none found".to_string(), |g| format!("{g:.2} e0"));
                    text += &format!(
                        "\n{} perturbations: {} broke it within its radius, the smallest that does: {gap}",
                        a.tried, a.broken
                    );
                }
                text
            }
        }
    }
}

/// What `smale certify` does: critical points and the certificate, nothing else.
pub(super) fn alone(
    study: &Study,
    family: &dyn Family,
    started: Instant,
    control: &Control<'_>,
) -> Result<Outcome> {
    let built = started.elapsed().as_secs_f64();
    let region = study.region_for(family.dim())?;
    if let Some(range) = study.certify.as_ref().and_then(|c| c.range.as_ref()) {
        return over(study, family, range, region.as_ref(), started, control);
    }
    // The certificate has proofs of its own.
    let search = critical::Options { prove: false, ..critical_options(study) };
    let set = critical::search(family, region.as_ref(), &search, control)?;
    let searched = started.elapsed().as_secs_f64();
    if set.interrupted {
        return Err(Error::Numerics("the search for critical points was interrupted".into()));
    }
    let certified = run(study, family, &set, control);
    let total = started.elapsed().as_secs_f64();
    let title = title(study);
    let files = certified.files();
    let interrupted = control.stopped();
    let shortfall = certified.shortfall();
    let mut summary = frame(study, family.dim(), interrupted, shortfall.as_deref(), &files);
    summary["counts"] = set.counts().into();
    summary["certificate"] = certified.json();
    Ok(Outcome {
        summary,
        timings: json!({
            "landscape": built,
            "critical": searched - built,
            "certificate": total - searched,
            "total": total,
        }),
        headline: format!("{title}\n{}", certified.text()),
        shortfall: shortfall.filter(|_| !interrupted),
        files,
        interrupted,
    })
}

/// The same along a parameter.
fn over(
    study: &Study,
    family: &dyn Family,
    range: &Range,
    region: Option<&Region>,
    started: Instant,
    control: &Control<'_>,
) -> Result<Outcome> {
    let built = started.elapsed().as_secs_f64();
    let options = asked(study);
    family.with_parameter(&range.parameter, range.from)?;
    let covered = along(family, range, region, &critical_options(study), &options, control);
    let total = started.elapsed().as_secs_f64();
    let interrupted = control.stopped();
    let files: Vec<(String, Vec<u8>)> =
        covered.iter().map(|c| (CERTIFICATES.to_string(), c.text.clone().into_bytes())).collect();
    let shortfall = match &covered {
        Err(why) => Some(format!("there are no certificates: {why}")),
        Ok(c) if c.certificates.is_empty() => Some("there are no certificates: see the gaps".to_string()),
        Ok(_) => None,
    };
    let mut summary = frame(study, family.dim(), interrupted, shortfall.as_deref(), &files);
    summary["certificates"] = covered.as_ref().map_or(Value::Null, |c| intervals(range, c));
    let headline = covered.as_ref().map_or_else(Clone::clone, |c| in_words(range, c));
    Ok(Outcome {
        summary,
        timings: json!({ "landscape": built, "certificate": total - built, "total": total }),
        headline: format!("{}\n{headline}", title(study)),
        shortfall: shortfall.filter(|_| !interrupted),
        files,
        interrupted,
    })
}

fn intervals(range: &Range, covered: &Covered) -> Value {
    let proven: Vec<Value> = (covered.pieces.iter())
        .map(|p| {
            let c = &p.claim;
            json!({ "lower": p.lower, "upper": p.upper, "level": c.level, "counts": c.counts, "e0": c.e0, "e1": c.e1 })
        })
        .collect();
    let open: Vec<Value> =
        covered.gaps.iter().map(|(a, b, why)| json!({ "lower": a, "upper": b, "reason": why })).collect();
    json!({ "parameter": range.parameter, "from": range.from, "to": range.to, "proven": proven, "not_proven": open })
}

fn in_words(range: &Range, covered: &Covered) -> String {
    let open: f64 = covered.gaps.iter().map(|g| g.1 - g.0).sum();
    // Rounded down: what is not all is never told as all.
    let share = (1000.0 * (1.0 - open / (range.to - range.from))).floor() / 10.0;
    let share = if covered.gaps.is_empty() { 100.0 } else { share.min(99.9) };
    let mut text = format!(
        "{} certificates along {}; {:.1} % of {} to {} is proven",
        covered.certificates.len(),
        range.parameter,
        share,
        range.from,
        range.to
    );
    for (a, b, why) in &covered.gaps {
        text += &format!("\nnot proven from {a} to {b}: {why}");
    }
    text
}
