//! Progress on standard error: a bar on a terminal, otherwise a line now and then.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::say;
use crate::control::Progress;

/// Least time between two plain lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Where messages of progress go.
pub(super) enum Reporter {
    Quiet,
    Bar(ProgressBar),
    Lines(Mutex<Instant>),
}

impl Reporter {
    /// A bar if standard error is a terminal, else lines; nothing at all if `quiet`.
    pub(super) fn new(quiet: bool) -> Reporter {
        if quiet {
            return Reporter::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Reporter::Lines(Mutex::new(Instant::now()));
        }
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(200));
        Reporter::Bar(bar)
    }

    /// Shows a message, or drops it if the last one was just now.
    pub(super) fn show(&self, message: Progress<'_>) {
        match self {
            Reporter::Quiet => {}
            Reporter::Bar(bar) => {
                let template = match message.total {
                    0 => "{spinner} {prefix} {pos} [{elapsed}] {wide_msg}",
                    _ => "{spinner} {prefix} [{bar:30}] {pos}/{len} [{elapsed}] {wide_msg}",
                };
                if let Ok(style) = ProgressStyle::with_template(template) {
                    bar.set_style(style.progress_chars("=> "));
                }
                if message.total > 0 {
                    bar.set_length(message.total as u64);
                }
                bar.set_position(message.done as u64);
                bar.set_prefix(message.stage.to_owned());
                bar.set_message(message.note.to_owned());
            }
            Reporter::Lines(last) => {
                let Ok(mut last) = last.try_lock() else { return };
                if last.elapsed() < PAUSE {
                    return;
                }
                *last = Instant::now();
                say(&line(message));
            }
        }
    }

    /// A line that is shown at once.
    pub(super) fn tell(&self, text: &str) {
        match self {
            Reporter::Quiet => {}
            Reporter::Bar(bar) => bar.suspend(|| say(&format!("{text}\n"))),
            Reporter::Lines(_) => say(&format!("{text}\n")),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Reporter::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(message: Progress<'_>) -> String {
    let mut text = format!("{}: {}", message.stage, message.done);
    if message.total > 0 {
        text += &format!(" of {}", message.total);
    }
    if !message.note.is_empty() {
        text += &format!(", {}", message.note);
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_say_stage_count_and_note() {
        let message = Progress { stage: "orbits", done: 3, total: 9, note: "1 lost" };
        assert_eq!(line(message), "orbits: 3 of 9, 1 lost\n");
        assert_eq!(line(Progress { stage: "s", done: 3, total: 0, note: "" }), "s: 3\n");
    }
}
