//! How time enters a network: as constants among its inputs, which are the bias of the layer that makes the inputs.

use super::architecture::Clock;
use crate::landscape::mixture::Schedule;

/// What a row of the input is, as far as time goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TimeRow {
    /// It depends on the state.
    Absent,
    /// The number that stands for time.
    Itself,
    /// Its sine at this frequency.
    Sin(f64),
    /// Its cosine.
    Cos(f64),
}

/// The inputs as functions of time.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    rows: Vec<TimeRow>,
    clock: Clock,
    schedule: Schedule,
}

impl Stage {
    pub(super) fn new(rows: Vec<TimeRow>, clock: Clock, schedule: Schedule) -> Stage {
        Stage { rows, clock, schedule }
    }

    /// Number of inputs.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Does any input depend on time?
    pub(super) fn needs_time(&self) -> bool {
        self.rows.iter().any(|r| *r != TimeRow::Absent)
    }

    /// Does time have to be positive?
    pub(super) fn needs_positive(&self) -> bool {
        self.needs_time() && (self.clock.log || self.clock.of_sigma)
    }

    /// The bias at time `t`.
    pub(super) fn bias(&self, t: f64) -> Vec<f64> {
        self.each(t, |row, (c, _)| match row {
            TimeRow::Absent => 0.0,
            TimeRow::Itself => c,
            TimeRow::Sin(omega) => (omega * c).sin(),
            TimeRow::Cos(omega) => (omega * c).cos(),
        })
    }

    /// Its derivative in `t`.
    pub(super) fn bias_rate(&self, t: f64) -> Vec<f64> {
        self.each(t, |row, (c, rate)| match row {
            TimeRow::Absent => 0.0,
            TimeRow::Itself => rate,
            TimeRow::Sin(omega) => omega * rate * (omega * c).cos(),
            TimeRow::Cos(omega) => -omega * rate * (omega * c).sin(),
        })
    }

    fn each(&self, t: f64, f: impl Fn(TimeRow, (f64, f64)) -> f64) -> Vec<f64> {
        let clock = if self.needs_time() { self.clock(t) } else { (0.0, 0.0) };
        self.rows.iter().map(|row| f(*row, clock)).collect()
    }

    /// The number that stands for time, and its derivative in `t`.
    fn clock(&self, t: f64) -> (f64, f64) {
        let Clock { of_sigma, log, scale } = self.clock;
        let (value, rate) =
            if of_sigma { (self.schedule.at(t).1, self.schedule.rate_at(t).1) } else { (t, 1.0) };
        if log { (scale * value.ln(), scale * rate / value) } else { (scale * value, scale * rate) }
    }
}
