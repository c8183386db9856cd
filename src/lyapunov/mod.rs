//! Does an energy fall along the orbits, and do they come to rest?
//!
//! Memories descend a Lyapunov function to fixed points; a diffusion model that turns noise into data has an energy that
//! moves with time, or none, and stops because its clock ends (Hoover et al. 2023, "Memory in Plain Sight"). In: a
//! landscape and where to begin. Out: a [`Check`] for each of its flows: `descent.rs` for the flow of the landscape as it
//! is, `diffusion.rs` for the two processes of a diffusion model.

pub mod descent;
pub mod diffusion;

use faer::MatRef;

/// What was seen along the orbits of one flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Which flow.
    pub process: Process,
    /// Which energy.
    pub energy: Energy,
    /// Number of orbits.
    pub orbits: usize,
    /// Orbits along which the energy never rose by more than rounding and the integration's error; `None` without an
    /// energy.
    pub decreasing: Option<usize>,
    /// The largest rise along any orbit, over the lowest energy before, relative to all that the energy moved up and
    /// down along that orbit; `None` without an energy.
    pub largest_increase: Option<f64>,
    /// How far the change of the energy is from the integral of what its identity says, relative to all that it moved,
    /// both added up over the orbits. Of a field without an energy: how far the work along an orbit differs from that
    /// along another path.
    pub identity_error: Option<f64>,
    /// Orbits that came to rest.
    pub at_rest: usize,
    /// The largest speed left at the end of an orbit, relative to the median at the beginnings.
    pub residual: f64,
    /// The largest distance of an end from the nearest datum; `None` if there are no data.
    pub datum_distance: Option<f64>,
    /// The number of data that are the nearest to some end.
    pub data_reached: Option<usize>,
}

/// Which flow was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// That of the landscape as it is: `-grad E`, its own dynamics, a field at a fixed time.
    Flow,
    /// The probability-flow ODE.
    Ode,
    /// The reverse SDE.
    Sde,
}

impl Process {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Process::Flow => "flow",
            Process::Ode => "ode",
            Process::Sde => "sde",
        }
    }
}

/// Which energy was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Energy {
    /// None: the flow has none.
    None,
    /// The landscape's own. Of a diffusion model, at each time that of the mixture, `-log sum_k w_k exp(..)`.
    Landscape,
    /// Of a diffusion model: `-log p` of its distribution at each time, which is the other plus `(n/2) log(2 pi sigma^2)`.
    Density,
}

impl Energy {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Energy::None => "none",
            Energy::Landscape => "landscape",
            Energy::Density => "density",
        }
    }
}

/// Speed, relative to the median at the beginnings, at which an orbit counts as at rest.
pub const REST: f64 = 1e-8;

/// Rise, relative to all that the energy moved along an orbit, that counts as error of the integration.
pub const LEVEL: f64 = 1e-9;

/// What an energy did along one orbit.
#[derive(Clone, Copy, Debug)]
struct Course {
    last: f64,
    lowest: f64,
    /// Largest energy over the lowest before it.
    rise: f64,
    /// Sum of all changes, without their signs.
    moved: f64,
    /// Largest modulus.
    size: f64,
}

impl Course {
    fn new(energy: f64) -> Course {
        Course { last: energy, lowest: energy, rise: 0.0, moved: 0.0, size: energy.abs() }
    }

    fn push(&mut self, energy: f64) {
        self.moved += (energy - self.last).abs();
        self.rise = self.rise.max(energy - self.lowest);
        self.lowest = self.lowest.min(energy);
        self.size = self.size.max(energy.abs());
        self.last = energy;
    }

    /// What rounding makes of an energy of this size.
    fn noise(&self) -> f64 {
        1e-13 * self.size
    }

    fn falls(&self) -> bool {
        self.rise <= LEVEL * self.moved + self.noise()
    }

    /// The rise relative to all that the energy moved; zero within rounding.
    fn relative_rise(&self) -> f64 {
        if self.rise <= self.noise() { 0.0 } else { self.rise / self.moved.max(self.noise()) }
    }
}

/// Gaps of so many orbits relative to what the energy moved along them. An energy that does not move has no scale to
/// compare with but rounding.
fn identity_error(gaps: impl Iterator<Item = f64>, courses: impl Iterator<Item = Course>) -> f64 {
    let (moved, noise) = courses.fold((0.0, 0.0), |(m, n), c| (m + c.moved, n + c.noise()));
    let gap: f64 = gaps.map(f64::abs).sum();
    if gap <= noise { 0.0 } else { gap / moved.max(noise) }
}

/// The largest distance of a column of `ends` from the nearest column of `data`, and how many of those are the nearest to
/// some end.
fn nearest_data(ends: MatRef<'_, f64>, data: Option<MatRef<'_, f64>>) -> (Option<f64>, Option<usize>) {
    let Some(data) = data.filter(|d| d.ncols() > 0) else { return (None, None) };
    let mut reached = vec![false; data.ncols()];
    let mut largest: f64 = 0.0;
    for x in ends.col_iter() {
        let square = |k: usize| data.col(k).iter().zip(x.iter()).map(|(y, x)| (y - x).powi(2)).sum::<f64>();
        let all = (0..data.ncols()).map(|k| (square(k), k));
        if let Some((distance, k)) = all.min_by(|a, b| a.0.total_cmp(&b.0)) {
            reached[k] = true;
            largest = largest.max(distance.sqrt());
        }
    }
    (Some(largest), Some(reached.iter().filter(|r| **r).count()))
}

/// The median speed; the largest where most are zero.
fn typical(mut speeds: Vec<f64>) -> f64 {
    speeds.sort_by(f64::total_cmp);
    let middle = speeds.get(speeds.len() / 2).copied().unwrap_or(0.0);
    if middle > 0.0 { middle } else { speeds.last().copied().unwrap_or(0.0) }
}

/// The interval of 95% for a probability of which `hits` of `count` trials were seen (Wilson 1927).
pub fn interval(hits: usize, count: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let n = count as f64;
    if count == 0 {
        return (0.0, 1.0);
    }
    let (p, z2) = (hits as f64 / n, Z * Z);
    let center = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let low = if hits == 0 { 0.0 } else { center - half };
    let high = if hits == count { 1.0 } else { center + half };
    (low, high)
}

#[cfg(test)]
mod tests;
