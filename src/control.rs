//! How long work is watched and stopped: progress out, a request to stop in.

use std::sync::atomic::{AtomicBool, Ordering};

/// Passed down to everything that takes long.
pub struct Control<'a> {
    /// Set (by Ctrl-C, say) to make the work return what it has.
    pub stop: &'a AtomicBool,
    /// Called now and then, by whichever thread has come that far: what it is told may overtake what another was told before.
    pub progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

/// One message of progress.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is being done: "critical points", "orbits".
    pub stage: &'a str,
    /// How far it is.
    pub done: usize,
    /// Out of how many; 0 if not known.
    pub total: usize,
    /// Anything worth saying, such as "12 minima, 17 saddles".
    pub note: &'a str,
}

static NEVER: AtomicBool = AtomicBool::new(false);

impl Control<'static> {
    /// Nobody watches and nobody stops.
    pub fn quiet() -> Self {
        Control { stop: &NEVER, progress: &|_| {} }
    }
}

impl Control<'_> {
    /// Has somebody asked to stop?
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
