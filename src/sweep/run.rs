//! Tasks: one of them, or all on this machine.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use super::manifest::Plan;
use super::measure::measure;
use super::part::{self, Part};
use crate::control::{Control, Progress};
use crate::error::{Error, Result};
use crate::study::Folder;

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was done already.
    Before,
    /// It is done now.
    Now,
    /// It was stopped; nothing of it is kept.
    Stopped,
}

/// What became of all tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swept {
    /// Tasks that were done before.
    pub before: u64,
    /// Tasks that are done now.
    pub now: u64,
    /// Was the work stopped before its end?
    pub stopped: bool,
}

impl Plan {
    fn tasks_folder(&self) -> Result<Folder> {
        Folder::open(&self.folder.path().join(part::TASKS))
    }

    /// Is the file of a task there, and whole?
    fn is_done(&self, task: u64) -> Result<bool> {
        let columns = self.manifest.columns();
        part::read(self.folder.path(), task, self.sweep.sha256(), &columns).map(|part| part.is_ok())
    }

    /// Computes a task and writes its file, which is there whole or not at all.
    fn compute(&self, folder: &Folder, task: u64, stop: &AtomicBool) -> Result<Done> {
        let mut part = Part { grid: vec![], points: vec![] };
        for number in self.sweep.points_of(task) {
            let (row, points) = measure(&self.sweep, &self.sweep.point(number), stop)?;
            if stop.load(Ordering::Relaxed) {
                return Ok(Done::Stopped);
            }
            part.grid.push(row);
            part.points.extend(points);
        }
        let bytes = part::write(task, self.sweep.sha256(), &self.manifest.columns(), &part)?;
        folder.write(&part::name(task), &bytes)?;
        Ok(Done::Now)
    }
}

/// Runs one task, unless its file is there and whole.
///
/// # Errors
/// If there is no such task, or a file cannot be read or written.
pub fn run_task(plan: &Plan, task: u64, control: &Control<'_>) -> Result<Done> {
    let tasks = plan.sweep.tasks();
    if task >= tasks {
        let last = tasks - 1;
        return Err(Error::input(format!("there is no task {task}: they are numbered from 0 to {last}")));
    }
    if plan.is_done(task)? {
        return Ok(Done::Before);
    }
    plan.compute(&plan.tasks_folder()?, task, control.stop)
}

/// Runs all tasks that are not done, as many at a time as there are threads; each has its share of the threads.
///
/// # Errors
/// If a file cannot be read or written; tasks that are done then stay.
pub fn run_all(plan: &Plan, control: &Control<'_>) -> Result<Swept> {
    let folder = plan.tasks_folder()?;
    let tasks = plan.sweep.tasks();
    let mut open = vec![];
    for task in 0..tasks {
        if !plan.is_done(task)? {
            open.push(task);
        }
    }
    let before = tasks - open.len() as u64;
    let threads = rayon::current_num_threads();
    let workers = threads.min(open.len());
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let mut now = 0;
    let mut error = None;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            // A pool of its own: a task that waits for its own parts then never begins another one in between.
            let share = threads / workers + usize::from(worker < threads % workers);
            let (sender, open, folder, next, failed) = (sender.clone(), &open, &folder, &next, &failed);
            scope.spawn(move || {
                let work = || {
                    while !control.stopped() && !failed.load(Ordering::Relaxed) {
                        let place = next.fetch_add(1, Ordering::Relaxed) as usize;
                        let Some(&task) = open.get(place) else { break };
                        let done = plan.compute(folder, task, control.stop);
                        failed.fetch_or(done.is_err(), Ordering::Relaxed);
                        // Nobody listens any more only if the scope is being left, which waits for this thread.
                        let _ = sender.send(done);
                    }
                };
                match rayon::ThreadPoolBuilder::new().num_threads(share).build() {
                    Ok(pool) => pool.install(work),
                    // Without threads of its own in the common ones.
                    Err(_) => work(),
                }
            });
        }
        drop(sender);
        let started = Instant::now();
        for done in receiver {
            match done {
                Ok(Done::Stopped | Done::Before) => {}
                Ok(Done::Now) => {
                    now += 1;
                    let left = (tasks - before - now) as f64 * started.elapsed().as_secs_f64() / now as f64;
                    let note = if control.stopped() { String::new() } else { time_left(left) };
                    let done = (before + now) as usize;
                    (control.progress)(Progress { stage: "tasks", done, total: tasks as usize, note: &note });
                }
                Err(first) => error = error.take().or(Some(first)),
            }
        }
    });
    match error {
        Some(error) => Err(error),
        None => Ok(Swept { before, now, stopped: before + now < tasks }),
    }
}

/// A time for people.
fn time_left(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => String::new(),
        s if s < 120.0 => format!("about {s:.0} s left"),
        s if s < 7200.0 => format!("about {:.0} min left", s / 60.0),
        s => format!("about {:.0} h left", s / 3600.0),
    }
}
