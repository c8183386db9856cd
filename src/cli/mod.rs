//! The command `smale`: parse, call the library, print. One file a command.

mod diff;
mod export;
mod landscapes;
mod output;
mod progress;
mod render;
mod report;
mod run;
mod schema;
mod sweep;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::error::Error;

const EXAMPLES: &str = "\
Examples:
  smale run study.toml
  smale graph --landscape mixture --data points.csv --set sigma=0.35
  smale critical study.toml --set sigma=0.2 --set critical.rounds=5 --out narrow.results
  smale sweep study.toml
  smale landscapes mixture

Exit codes:
  0    done
  2    the input is wrong, or a file can't be read or written
  3    a computation fell short of what was asked; its results are written
  130  interrupted; results so far are written";

/// Critical points, Morse indices and connection graphs of energy landscapes: associative memories, diffusion models,
/// formulas.
#[derive(Parser)]
#[command(name = "smale", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every command takes.
#[derive(Args)]
struct Common {
    /// Result folder [default: the study's name with .results, in the current directory]
    #[arg(long, value_name = "DIR", global = true)]
    out: Option<PathBuf>,
    /// Seed of everything random; wins over the study
    #[arg(long, value_name = "NUMBER", global = true, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Number of threads; results do not depend on it [default: all cores]
    #[arg(long, value_name = "NUMBER", global = true, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Say nothing but errors and the result
    #[arg(long, global = true)]
    quiet: bool,
    /// Print the summary as JSON on standard output, and nothing else there
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Do everything that a study asks for and write it into a result folder
    #[command(after_help = run::EXAMPLES, override_usage = run::usage("run") + run::TASK_USAGE)]
    Run(run::RunArguments),
    /// Find the critical points of a landscape with their Morse indices
    #[command(after_help = run::EXAMPLES, override_usage = run::usage("critical"))]
    Critical(run::Arguments),
    /// Find the critical points and how they are connected
    #[command(after_help = run::EXAMPLES, override_usage = run::usage("graph"))]
    Graph(run::Arguments),
    /// Check whether an energy falls along orbits and whether they come to rest; for diffusion models, along their ODE
    /// and SDE too
    #[command(after_help = run::EXAMPLES, override_usage = run::usage("lyapunov"))]
    Lyapunov(run::Arguments),
    /// Follow all critical points along a parameter, through the events at which they meet, and the graphs between
    #[command(after_help = run::EXAMPLES, override_usage = run::usage("continue"))]
    Continue(run::Arguments),
    /// Compute the invariant measure at falling temperatures, its limit, and how fast it is approached
    #[command(after_help = run::EXAMPLES, override_usage = run::usage("measure"))]
    Measure(run::Arguments),
    /// Prove the critical points and the graph of a landscape, and of every field near it, and write the proof as a file
    #[command(after_help = run::EXAMPLES, override_usage = run::usage("certify"))]
    Certify(run::Arguments),
    /// Check a certificate: prove everything that it claims again, in other arithmetic
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Arguments),
    /// Plan a study at many values of parameters, as tasks for many machines
    #[command(after_help = sweep::EXAMPLES)]
    Plan(sweep::PlanArguments),
    /// Merge the tasks of a plan that are done into tables
    #[command(after_help = sweep::EXAMPLES)]
    Merge(sweep::MergeArguments),
    /// Plan a study at many values of parameters, run all tasks on this machine, and merge them; goes on where it was
    /// interrupted
    #[command(after_help = sweep::EXAMPLES)]
    Sweep(sweep::PlanArguments),
    /// Draw the page of a result folder again: report.html, with all of it
    Report(report::Arguments),
    /// Write the graph of a result folder in other formats, or its pictures as PNG
    #[command(after_help = export::EXAMPLES)]
    Export(export::Arguments),
    /// Say how the graph of one result folder became that of another: what vanished, appeared, leads elsewhere
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Arguments),
    /// List the kinds of landscape, or the keys of one of them
    Landscapes(landscapes::Arguments),
    /// Print the JSON schema of the study file
    Schema,
}

/// What a command that went through ended with.
enum End {
    Done,
    Interrupted,
}

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    use crate::study::pipeline::Part;
    // Wrong arguments end the process here, with exit code 2.
    let Arguments { command, common } = Arguments::parse();
    let ended = match command {
        Command::Run(arguments) => match arguments.task {
            Some(task) => sweep::task(&arguments.arguments, task, &common),
            None => run::run(&arguments.arguments, &common, Part::All),
        },
        Command::Critical(arguments) => run::run(&arguments, &common, Part::Critical),
        Command::Graph(arguments) => run::run(&arguments, &common, Part::Graph),
        Command::Lyapunov(arguments) => run::run(&arguments, &common, Part::Lyapunov),
        Command::Continue(arguments) => run::run(&arguments, &common, Part::Continue),
        Command::Measure(arguments) => run::run(&arguments, &common, Part::Measure),
        Command::Certify(arguments) => run::run(&arguments, &common, Part::Certify),
        Command::Verify(arguments) => match verify::verify_file(&arguments, &common) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Plan(arguments) => sweep::plan(&arguments, &common),
        Command::Merge(arguments) => sweep::merge(&arguments, &common),
        Command::Sweep(arguments) => sweep::sweep(&arguments, &common),
        Command::Report(arguments) => report::run(&arguments, &common),
        Command::Export(arguments) => export::run(&arguments, &common),
        Command::Diff(arguments) => diff::run(&arguments, &common),
        Command::Landscapes(arguments) => landscapes::run(&arguments, &common),
        Command::Schema => schema::run(&common),
    };
    match ended {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Interrupted) => ExitCode::from(130),
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    output::say(&render::render(error, output::colours()));
    ExitCode::from(error.exit_code())
}
