//! `smale verify`: a certificate proven again.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Common, output, run};
use crate::certificate::check::{Several, Verdict, is_several, verify, verify_several};
use crate::certificate::format::LARGEST;
use crate::error::{Error, Result};

pub(super) const EXAMPLES: &str = "\
Example:
  smale verify study.results/certificate.json

Exit codes:
  0    everything that the certificate claims is proven
  1    something that it claims is not proven
  2    the file can't be read, or is no certificate";

#[derive(Args)]
pub(super) struct Arguments {
    /// The certificate
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn verify_file(arguments: &Arguments, common: &Common) -> Result<ExitCode> {
    run::threads(common.threads)?;
    let file = std::fs::File::open(&arguments.file).map_err(|e| Error::file(&arguments.file, e))?;
    let mut bytes = vec![];
    // One byte more than is read shows that there are too many.
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(|e| Error::file(&arguments.file, e))?;
    let said = if is_several(&bytes) { several(&bytes) } else { one(&bytes) };
    let said = said.map_err(|why| Error::file(&arguments.file, why))?;
    output::print(&if common.json { run::pretty(&said.detail)? } else { said.text })?;
    Ok(ExitCode::from(said.code))
}

/// What there is to say of a file that can be read.
struct Said {
    code: u8,
    /// With `--json`.
    detail: serde_json::Value,
    /// Without.
    text: String,
}

impl Said {
    fn not_proven(why: &str) -> Said {
        let detail = json!({ "verdict": "not proven", "reason": format!("not proven: {why}") });
        Said { code: 1, detail, text: format!("not proven: {why}\n") }
    }
}

/// A file of one certificate; the error is why it cannot be read.
fn one(bytes: &[u8]) -> std::result::Result<Said, String> {
    let c = match verify(bytes) {
        Verdict::Unreadable(why) => return Err(why),
        Verdict::NotProven(why) => return Ok(Said::not_proven(&why)),
        Verdict::Proven(c) => c,
    };
    let all = if c.complete { "all points of the region" } else { "the points listed" };
    let text = format!(
        "{}\n{}{}proven: {}, {all}, by index {:?}, {} halves of manifolds; for every field within e0 = {:e} and e1 = {:e}\n",
        c.landscape,
        c.along.as_ref().map_or(String::new(), |(p, a, b)| format!("for all {p} from {a:?} to {b:?}\n")),
        c.region.as_ref().map_or(String::new(), |r| format!("in {r}\n")),
        c.level.name(),
        c.counts,
        c.edges,
        c.e0,
        c.e1
    );
    let detail = json!({
        "verdict": "proven", "landscape": c.landscape, "along": c.along, "region": c.region, "level": c.level, "complete": c.complete, "counts": c.counts, "edges": c.edges,
        "e0": c.e0, "e1": c.e1,
    });
    Ok(Said { code: 0, detail, text })
}

/// A file of certificates along a parameter; the error is why it cannot be read.
fn several(bytes: &[u8]) -> std::result::Result<Said, String> {
    let (parameter, range, pieces, gaps) = match verify_several(bytes) {
        Several::Unreadable(why) => return Err(why),
        Several::NotProven(why) => return Ok(Said::not_proven(&why)),
        Several::Proven { parameter, range, pieces, gaps } => (parameter, range, pieces, gaps),
    };
    let mut lines: Vec<(f64, String)> = pieces
        .iter()
        .map(|p| {
            let (level, counts) = (p.claim.level.name(), &p.claim.counts);
            let text = format!(
                "{:?} to {:?}: {level}, by index {counts:?}, {} halves of manifolds; e0 = {:e}, e1 = {:e}\n",
                p.lower, p.upper, p.claim.edges, p.claim.e0, p.claim.e1
            );
            (p.lower, text)
        })
        .chain(gaps.iter().map(|(a, b, why)| (*a, format!("{a:?} to {b:?}: nothing is claimed; {why:?}\n"))))
        .collect();
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all: String = lines.into_iter().map(|l| l.1).collect();
    let first = pieces.first().map(|p| &p.claim);
    let landscape = first.map_or("", |c| c.landscape.as_str());
    let region = first.and_then(|c| c.region.clone());
    let complete = first.is_some_and(|c| c.complete);
    let all_points =
        if complete { "all points of the region" } else { "the points listed, others there may be" };
    let open: f64 = gaps.iter().map(|g| g.1 - g.0).sum();
    let gap = match gaps.is_empty() {
        true => String::new(),
        // Rounded up: what is open is never told as nothing.
        false => {
            let share = (1e4 * open / (range.1 - range.0)).ceil().max(1.0) / 100.0;
            format!(" but for {share:.2} % of it")
        }
    };
    let text = format!(
        "{landscape}\n{}proven: {} certificates along {parameter}, {all_points}; they cover {:?} to {:?}{gap}\n{all}",
        region.as_ref().map_or(String::new(), |r| format!("in {r}\n")),
        pieces.len(),
        range.0,
        range.1
    );
    let intervals: Vec<serde_json::Value> = pieces
        .iter()
        .map(|p| json!({ "lower": p.lower, "upper": p.upper, "level": p.claim.level, "counts": p.claim.counts, "edges": p.claim.edges, "e0": p.claim.e0, "e1": p.claim.e1 }))
        .collect();
    let listed: Vec<serde_json::Value> =
        gaps.iter().map(|(a, b, why)| json!({ "lower": a, "upper": b, "reason": why })).collect();
    let detail = json!({
        "verdict": "proven", "landscape": landscape, "parameter": parameter, "lower": range.0, "upper": range.1, "intervals": intervals,
        "region": region, "complete": complete, "gaps": listed,
    });
    Ok(Said { code: 0, detail, text })
}
