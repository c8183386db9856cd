//! `smale plan`, `smale run --task`, `smale merge`, `smale sweep`: a study at many values of parameters.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::progress::Reporter;
use super::run::{self, STOP, pretty};
use super::{Common, End, output};
use crate::control::{Control, Progress};
use crate::error::{Error, Result};
use crate::sweep::{self, Done, MANIFEST, Merged, Plan, list};

pub(super) const EXAMPLES: &str = "\
Examples:
  smale sweep study.toml                        all of it, on this machine
  smale plan study.toml --out plan              the same in tasks, on many:
  smale run --task 17 plan                      (on any of them, in any order, again)
  smale merge plan

Exit codes:
  0    done
  2    the input is wrong, a file can't be read or written, or the study has changed since it
       was planned
  3    tasks are missing; what is there is merged
  130  interrupted; the tasks that are done stay";

#[derive(Args)]
pub(super) struct PlanArguments {
    /// Study file (TOML) with a section [sweep]
    study: PathBuf,
    /// Set a key of the landscape, or with a dot one of another section; wins over the study
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

#[derive(Args)]
pub(super) struct MergeArguments {
    /// Folder of the plan
    plan: PathBuf,
}

/// `smale plan`.
pub(super) fn plan(arguments: &PlanArguments, common: &Common) -> Result<End> {
    run::threads(common.threads)?;
    let plan = planned(arguments, common)?;
    if common.json {
        output::print(&pretty(&plan.manifest)?)?;
        return Ok(End::Done);
    }
    let at = plan.folder.path().display();
    output::print(&format!(
        "{}\nsmale run --task 0 {at}    ..    smale run --task {} {at}    smale merge {at}\n",
        headline(&plan),
        plan.sweep.tasks() - 1
    ))?;
    Ok(End::Done)
}

/// `smale run --task`.
pub(super) fn task(arguments: &run::Arguments, task: u64, common: &Common) -> Result<End> {
    // The parser requires a study unless there is a --landscape, which excludes --task.
    let path = arguments.study.as_deref().unwrap_or(Path::new("."));
    if path.is_file() && path.file_name().is_none_or(|name| name != MANIFEST) {
        let message = format!("--task {task}: {} is no plan", path.display());
        return Err(Error::input(message)
            .with_help("make one first: smale plan STUDY --out DIR, then smale run --task 0 DIR"));
    }
    run::threads(common.threads)?;
    let plan = Plan::open(path)?;
    run::watch_for_interrupts()?;
    let done = sweep::run_task(&plan, task, &Control { stop: &STOP, progress: &|_| {} })?;
    let said = match done {
        Done::Before => "was done before",
        Done::Now => "is done",
        Done::Stopped => "was interrupted",
    };
    if common.json {
        let new = done == Done::Now;
        output::print(&pretty(&json!({ "task": task, "done": done != Done::Stopped, "new": new }))?)?;
    } else if !common.quiet {
        output::say(&format!("task {task} {said}\n"));
    }
    Ok(if done == Done::Stopped { End::Interrupted } else { End::Done })
}

/// `smale merge`.
pub(super) fn merge(arguments: &MergeArguments, common: &Common) -> Result<End> {
    if common.out.is_some() {
        return Err(Error::input("--out: tables are merged into the folder of the plan"));
    }
    merged(&sweep::merge(&arguments.plan)?, &arguments.plan, common)
}

/// `smale sweep`.
pub(super) fn sweep(arguments: &PlanArguments, common: &Common) -> Result<End> {
    run::threads(common.threads)?;
    let plan = planned(arguments, common)?;
    run::watch_for_interrupts()?;
    let reporter = Reporter::new(common.quiet);
    reporter.tell(&headline(&plan));
    let show = |message: Progress<'_>| reporter.show(message);
    let swept = sweep::run_all(&plan, &Control { stop: &STOP, progress: &show });
    reporter.finish();
    let (swept, tasks) = (swept?, plan.sweep.tasks());
    if swept.before > 0 {
        reporter.tell(&format!("{} of {tasks} tasks were done before", swept.before));
    }
    if swept.stopped {
        let done = swept.before + swept.now;
        output::say(&format!("{done} of {tasks} tasks are done: the same command goes on from there\n"));
        return Ok(End::Interrupted);
    }
    merged(&sweep::merge(plan.folder.path())?, plan.folder.path(), common)
}

fn planned(arguments: &PlanArguments, common: &Common) -> Result<Plan> {
    let mut sets = arguments.sets.clone();
    sets.extend(common.seed.map(|seed| format!("seed={seed}")));
    sweep::plan(&arguments.study, &sets, common.out.as_deref())
}

fn headline(plan: &Plan) -> String {
    let (points, tasks) = (plan.sweep.points(), plan.sweep.tasks());
    format!(
        "{}: {points} grid points in {tasks} tasks, in {}",
        plan.manifest.title,
        plan.folder.path().display()
    )
}

/// Says what was merged and what is missing.
fn merged(merged: &Merged, folder: &Path, common: &Common) -> Result<End> {
    let at = folder.display();
    if common.json {
        output::print(&pretty(&json!({
            "tasks": merged.tasks,
            "missing": merged.missing,
            "damaged": merged.damaged,
            "grid_points": merged.grid_points,
            "critical_points": merged.critical_points,
            "shortfalls": merged.shortfalls,
            "files": ["grid.parquet", "grid.csv", "points.parquet"],
        }))?)?;
    } else {
        let (grid, points) = (merged.grid_points, merged.critical_points);
        let mut text = format!("{grid} grid points with {points} critical points\n");
        if merged.shortfalls > 0 {
            text += &format!("{} of them fell short: see the column shortfall\n", merged.shortfalls);
        }
        output::print(&(text + &format!("results: {at}\n")))?;
    }
    let wanting = merged.wanting();
    if wanting.is_empty() && merged.grid_points > 0 && merged.shortfalls == merged.grid_points {
        return Err(Error::Numerics("all grid points fell short (the tables are written)".into()));
    }
    if wanting.is_empty() {
        return Ok(End::Done);
    }
    let damaged = match &merged.damaged[..] {
        [] => String::new(),
        damaged => format!("; the files of these are damaged or of another plan: {}", list(damaged)),
    };
    Err(Error::Numerics(format!(
        "{} of {} tasks are missing (the others are merged): {}{damaged}",
        wanting.len(),
        merged.tasks,
        list(&wanting)
    )))
}
