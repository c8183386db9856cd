//! `smale verify`: a certificate proven again.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{Common, output, run};
use crate::certificate::check::{Verdict, verify};
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
    let verdict = verify(&bytes);
    let (code, word, text) = match &verdict {
        Verdict::Unreadable(why) => return Err(Error::file(&arguments.file, why)),
        Verdict::NotProven(why) => (1, "not proven", format!("not proven: {why}\n")),
        Verdict::Proven(c) => {
            let all = if c.complete { "all points of the region" } else { "the points listed" };
            let text = format!(
                "{}\n{}proven: {}, {all}, by index {:?}, {} halves of manifolds; for every field within e0 = {:e} and e1 = {:e}\n",
                c.landscape,
                c.region.as_ref().map_or(String::new(), |r| format!("in {r}\n")),
                c.level.name(),
                c.counts,
                c.edges,
                c.e0,
                c.e1
            );
            (0, "proven", text)
        }
    };
    if common.json {
        let detail = match &verdict {
            Verdict::Proven(c) => json!({
                "verdict": word, "landscape": c.landscape, "region": c.region, "level": c.level, "complete": c.complete, "counts": c.counts, "edges": c.edges,
                "e0": c.e0, "e1": c.e1,
            }),
            _ => json!({ "verdict": word, "reason": text.trim_end() }),
        };
        output::print(&run::pretty(&detail)?)?;
    } else {
        output::print(&text)?;
    }
    Ok(ExitCode::from(code))
}
