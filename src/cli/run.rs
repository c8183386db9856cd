//! `smale run`, `smale critical`, `smale graph`, `smale lyapunov`, `smale continue`, `smale measure`: a study, or a landscape of flags, to a result folder.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use super::progress::Reporter;
use super::{Common, End, output};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::study::pipeline::{FILES, Outcome, Part, execute};
use crate::study::{self, Folder, Override, Study};

pub(super) const EXAMPLES: &str = "\
Examples:
  smale graph study.toml
  smale graph study.toml --set sigma=0.2 --set critical.rounds=5 --out narrow.results
  smale graph --landscape mixture --data points.csv --set sigma=0.35
  smale lyapunov study.toml --set lyapunov.orbits=1000
  smale continue study.toml --set continue.parameter=sigma --set continue.from=0.05 --set continue.to=2
  smale measure study.toml --set measure.temperatures=[0.2,0.1,0.05,0.02]
  smale critical --landscape modern-hopfield --data 'patterns.npz#x' --set beta=8 --json

Exit codes:
  0    done
  2    the input is wrong, or a file can't be read or written
  3    the computation fell short: no critical point was found, an orbit or a branch was
       lost; results are written, the error says what was reached
  130  interrupted; results so far are written";

/// The lines of usage of one of these commands.
pub(super) fn usage(command: &str) -> String {
    format!(
        "smale {command} [OPTIONS] <STUDY>\n       smale {command} [OPTIONS] --landscape <KIND> [--data <FILE>] [--set <KEY=VALUE>]..."
    )
}

/// The line of usage that `smale run` has besides.
pub(super) const TASK_USAGE: &str = "\n       smale run [OPTIONS] --task <NUMBER> <PLAN>";

#[derive(Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) arguments: Arguments,
    /// Run this task of a plan (a folder of `smale plan`) instead of a study, unless it is done
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["landscape", "data", "limit", "sets", "out", "seed"])]
    pub(super) task: Option<u64>,
}

#[derive(Args)]
pub(super) struct Arguments {
    /// Study file (TOML)
    #[arg(required_unless_present = "landscape", conflicts_with_all = ["landscape", "data"])]
    pub(super) study: Option<PathBuf>,
    /// Kind of landscape, instead of a study
    #[arg(long, value_name = "KIND")]
    landscape: Option<String>,
    /// Its data: csv, npy, npz#key, safetensors#key or parquet#column; rows are points
    #[arg(long, value_name = "FILE", requires = "landscape")]
    data: Option<String>,
    /// Most searches for critical points: what was found by then is the result
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Set a key of the landscape, or with a dot one of another section; wins over the study
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

pub(super) static STOP: AtomicBool = AtomicBool::new(false);

pub(super) fn run(arguments: &Arguments, common: &Common, part: Part) -> Result<End> {
    let mut study = study(arguments)?;
    study.seed = common.seed.unwrap_or(study.seed);
    threads(common.threads)?;
    let reporter = Reporter::new(common.quiet);
    for section in &study.not_done {
        reporter.tell(&format!("warning: this version has no `{section}` yet: the section is skipped"));
    }
    let folder = Folder::open(&common.out.clone().unwrap_or_else(|| study.default_folder()))?;
    if let Err(error) = folder.spare(&study.inputs(), FILES) {
        folder.abandon();
        return Err(error);
    }
    study.parts = Some(folder.path().to_owned());
    watch_for_interrupts()?;
    let show = |message: crate::control::Progress<'_>| reporter.show(message);
    let control = Control { stop: &STOP, progress: &show };
    // Within the pool: each of a thousand small parallel loops would wake a thread of it and wait.
    let outcome = rayon::scope(|_| execute(&study, part, &control));
    reporter.finish();
    let outcome = match outcome.and_then(|mut outcome| outcome.add_page(&study).map(|()| outcome)) {
        Ok(outcome) => outcome,
        Err(error) => {
            folder.abandon();
            return Err(error);
        }
    };
    write(&folder, &outcome, common.json)?;
    if let Some(shortfall) = outcome.shortfall {
        return Err(Error::Numerics(shortfall + " (the results are written)"));
    }
    Ok(if outcome.interrupted { End::Interrupted } else { End::Done })
}

fn study(arguments: &Arguments) -> Result<Study> {
    let mut overrides = Vec::new();
    if let Some(kind) = &arguments.landscape {
        study::kind(kind).map_err(|e| name_flag(e, "--landscape"))?;
        overrides.push(Override::text("--landscape", &["landscape", "kind"], kind));
    }
    if let Some(data) = &arguments.data {
        overrides.push(Override::text("--data", &["landscape", "data"], data));
    }
    for set in &arguments.sets {
        overrides.push(Override::parse(set)?);
    }
    if let Some(limit) = arguments.limit {
        overrides.push(Override::parse(&format!("critical.limit={limit}"))?);
    }
    match &arguments.study {
        Some(path) => Study::read(path, &overrides),
        None => Study::from_flags(&overrides),
    }
}

fn name_flag(error: Error, flag: &str) -> Error {
    match error {
        Error::Input { message, help, place } => {
            Error::Input { message: format!("{flag}: {message}"), help, place }
        }
        other => other,
    }
}

pub(super) fn threads(threads: Option<u16>) -> Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(threads))
        .build_global()
        .map_err(|e| Error::input(format!("--threads {threads}: {e}")))
}

/// The first Ctrl-C asks the work to end with what it has, the second ends the process.
pub(super) fn watch_for_interrupts() -> Result<()> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        output::say("\nstopping: keeping what is done (again to quit at once)\n");
    })
    .map_err(|e| Error::input(format!("interrupts can't be watched for: {e}")))
}

fn write(folder: &Folder, outcome: &Outcome, json: bool) -> Result<()> {
    let summary = pretty(&outcome.summary)?;
    let others = outcome.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    folder.replace(&others.chain([("summary.json", summary.as_bytes())]).collect::<Vec<_>>())?;
    if json {
        let mut summary = outcome.summary.clone();
        summary["timings"] = outcome.timings.clone();
        return output::print(&pretty(&summary)?);
    }
    output::print(&format!("{}\nresults: {}\n", outcome.headline.trim_end(), folder.path().display()))
}

pub(super) fn pretty(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|e| Error::Numerics(format!("the summary can't be written as JSON: {e}")))
}
