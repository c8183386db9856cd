//! Laplace's method: what the invariant measure is at small noise, without sampling it.
//!
//! In: [`Wells`]. Out: [`Laplace`]: the weight of each well at a temperature with the first correction where third and
//! fourth derivatives give it, the limit at temperature zero, and how fast it is approached. Sources: C.-R. Hwang, Laplace's
//! method revisited: weak convergence of probability measures, Ann. Probab. 8 (1980) for the limit, also on manifolds of
//! minima; the correction is the first of Shun & McCullagh, J. R. Stat. Soc. B 57 (1995).
//!
//! Convention: `dX = -grad E dt + sqrt(2 eps) dW`, invariant law `exp(-E/eps)/Z`.

use std::f64::consts::{PI, TAU};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::wells::{Form, Well, Wells};
use crate::landscape::{Region, Shape};

/// Energies this close, relative to the range of the landscape's energies, are one; and so are those that rounding of the
/// energy, this many units in the last place, does not tell apart.
const TIE: f64 = 1e-10;
const PLACES: f64 = 8.0;

/// Above this product of temperature and correction the expansion says nothing.
pub const TRUSTED: f64 = 0.2;

/// A well as Laplace's method sees it: `int exp(-E/eps)` over it is `exp(-energy/eps + constant) eps^power (1 + c1 eps)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// Energy.
    pub energy: f64,
    /// Exponent of the temperature.
    pub power: f64,
    /// Logarithm of the prefactor.
    pub constant: f64,
    /// The first correction; `None` where it is not known.
    pub correction: Option<f64>,
    /// `|T|^2/12 + |tr T|^2/8`, see [`Jet::divergence`](super::jet::Jet::divergence).
    pub divergence: Option<f64>,
    /// Trace of the inverse Hessian; `None` for what is degenerate.
    pub spread: Option<f64>,
}

impl Term {
    /// `log int exp(-E/eps)` over the well, to leading order or with the correction.
    pub fn log_z(&self, eps: f64, corrected: bool) -> f64 {
        let first = self.correction.filter(|_| corrected).map_or(0.0, |c| (c * eps).max(-0.9).ln_1p());
        -self.energy / eps + self.constant + self.power * eps.ln() + first
    }

    /// Is the correction known and small enough at this temperature to be relied on?
    pub fn is_trusted(&self, eps: f64) -> bool {
        self.correction.is_some_and(|c| (c * eps).abs() < TRUSTED)
    }
}

/// The theory of a landscape's wells.
#[derive(Clone, Debug)]
pub struct Laplace {
    /// One a well; `None` where its form is not known.
    pub terms: Vec<Option<Term>>,
    /// Weights of the limit at temperature zero, one a well.
    pub limit: Vec<f64>,
    /// The constant that the energies of the terms lack of the landscape's own.
    pub offset: f64,
    /// Why there is no limit, or what is uncertain about it.
    pub doubt: Option<String>,
}

/// `log` of the gamma function for a positive argument.
pub(super) fn ln_gamma(x: f64) -> f64 {
    // Stirling's series from where it is exact to rounding.
    let (mut x, mut shift) = (x, 0.0);
    while x < 15.0 {
        shift -= x.ln();
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r / 1188.0)))) / x;
    shift + (x - 0.5) * x.ln() - x + 0.5 * TAU.ln() + series
}

fn term(well: &Well, normal: usize, curvature: f64) -> Option<Term> {
    let d = well.x.len();
    // The directions across the search's coordinates are Gaussian.
    let (power, constant) = match normal {
        0 => (0.0, 0.0),
        _ if curvature > 0.0 => (0.5 * normal as f64, 0.5 * normal as f64 * (TAU / curvature).ln()),
        _ => (0.0, 0.0),
    };
    let mut term =
        Term { energy: well.energy, power, constant, correction: None, divergence: None, spread: None };
    match &well.form {
        Form::Regular { eigenvalues, jet, .. } => {
            term.power += 0.5 * d as f64;
            term.constant += eigenvalues.iter().map(|v| 0.5 * (TAU / v).ln()).sum::<f64>();
            term.correction = jet.as_ref().and_then(|j| j.correction());
            term.divergence = jet.as_ref().and_then(|j| j.divergence());
            let across = if curvature > 0.0 { normal as f64 / curvature } else { 0.0 };
            term.spread = Some(eigenvalues.iter().map(|v| 1.0 / v).sum::<f64>() + across);
        }
        Form::Flat { order, coefficient, log_determinant } => {
            let k = 1.0 / *order as f64;
            term.power += 0.5 * (d - 1) as f64 + k;
            term.constant += 0.5 * ((d - 1) as f64 * TAU.ln() - log_determinant);
            term.constant += (2.0_f64).ln() + ln_gamma(1.0 + k) - k * coefficient.ln();
        }
        Form::Curve { integral, .. } => {
            term.power += 0.5 * (d - 1) as f64;
            term.constant += 0.5 * (d - 1) as f64 * (2.0 * PI).ln() + integral.ln();
        }
        Form::Unknown(_) => return None,
    }
    Some(term)
}

/// Wells that are looked at for the range of energies.
const LOOKED_AT: usize = 64;

/// How far the landscape's energies range: over its critical points, and half way from the first well to others, since saddles
/// may not have been searched for.
fn range(wells: &Wells<'_>) -> f64 {
    let lowest = wells.lowest();
    let known =
        wells.set.points.iter().map(|p| p.energy).chain(wells.set.degenerate.iter().map(|f| f.energy));
    let first = wells.wells.first().map(|w| &w.x);
    let between = wells.wells.iter().skip(1).take(LOOKED_AT).filter_map(|w| {
        let mut middle = first?.clone();
        crate::linalg::axpy(0.5, &wells.set.region.difference(first?, &w.x), &mut middle);
        Some(wells.landscape.energy(&middle))
    });
    known.chain(between).map(|e| e - lowest).filter(|e| e.is_finite()).fold(0.0, f64::max)
}

/// The theory of these wells.
pub fn laplace(wells: &Wells<'_>) -> Laplace {
    let (normal, curvature) = wells.normal();
    let offset = wells.offset();
    let terms: Vec<Option<Term>> = wells.wells.iter().map(|w| term(w, normal, curvature)).collect();
    let lowest = wells.lowest();
    let tie = TIE * range(wells) + PLACES * f64::EPSILON * (lowest + wells.offset()).abs();
    let global: Vec<usize> = (0..terms.len()).filter(|&k| wells.wells[k].energy - lowest <= tie).collect();
    let mut limit = vec![0.0; terms.len()];
    if global.is_empty() {
        return Laplace { terms, limit, offset, doubt: Some("there is no minimum".into()) };
    }
    let known: Option<Vec<Term>> = global.iter().map(|&k| terms[k]).collect();
    let Some(known) = known else {
        let doubt = "the form of a lowest minimum is not known".to_string();
        return Laplace { terms, limit, offset, doubt: Some(doubt) };
    };
    let flattest = known.iter().map(|t| t.power).fold(f64::INFINITY, f64::min);
    let is_flattest = |t: &Term| t.power - flattest < 1e-9;
    let top = known.iter().filter(|t| is_flattest(t)).map(|t| t.constant).fold(f64::NEG_INFINITY, f64::max);
    for (&k, t) in global.iter().zip(&known) {
        limit[k] = if is_flattest(t) { (t.constant - top).exp() } else { 0.0 };
    }
    let total: f64 = limit.iter().sum();
    limit.iter_mut().for_each(|w| *w /= total);
    let doubt = (!wells.doubts.is_empty()).then(|| wells.doubts.join("; "));
    Laplace { terms, limit, offset, doubt }
}

/// Points of a region at which its energy is looked at.
const LOOKED: usize = 4096;

impl Laplace {
    /// Is the measure cut to a region whose energy is lower somewhere than at every well, then it gathers at the boundary: there
    /// is no limit at the wells.
    pub fn cut_to(&mut self, wells: &Wells<'_>, region: &Region) {
        let lowest = wells.lowest();
        let tie = TIE * range(wells) + PLACES * f64::EPSILON * (lowest + wells.offset()).abs();
        let mut rng = ChaCha8Rng::seed_from_u64(0x0063_7574);
        let mut places: Vec<Vec<f64>> = (0..LOOKED).map(|_| region.sample(&mut rng)).collect();
        places.extend((0..LOOKED).filter_map(|_| region.sample_boundary(&mut rng)).map(|b| b.0));
        if let Shape::Box { lower, upper } = &region.shape {
            let d = lower.len();
            let corner =
                |k: usize| (0..d).map(|i| if k >> i & 1 == 0 { lower[i] } else { upper[i] }).collect();
            places.extend((0..1_usize << d.min(10)).map(corner));
        }
        let least = places.iter().map(|x| wells.landscape.energy(x)).fold(f64::INFINITY, f64::min);
        if least < lowest - tie {
            self.limit.fill(0.0);
            self.doubt = Some(
                "the energy is lower at the region's boundary than at every minimum, and the measure gathers there".into(),
            );
        }
    }

    /// `log int exp(-E/eps)` over each well; the corrections are in if they are asked for and known of all wells that count.
    fn logs(&self, eps: f64, corrected: bool) -> Option<Vec<f64>> {
        let all = |corrected: bool| -> Option<Vec<f64>> {
            let logs: Option<Vec<f64>> =
                self.terms.iter().map(|t| t.as_ref().map(|t| t.log_z(eps, corrected))).collect();
            logs.filter(|logs| !logs.is_empty())
        };
        let leading = all(false)?;
        let total = log_sum(&leading);
        let counts = |(l, t): (&f64, &Option<Term>)| {
            (l - total).exp() < 1e-6 || t.is_some_and(|t| t.correction.is_some())
        };
        match corrected && leading.iter().zip(&self.terms).all(counts) {
            true => all(true),
            false => Some(leading),
        }
    }

    /// Weights of the wells at a temperature, to leading order or with the correction where it is known; `None` unless all
    /// forms are known.
    pub fn weights(&self, eps: f64, corrected: bool) -> Option<Vec<f64>> {
        let logs = self.logs(eps, corrected)?;
        let all = log_sum(&logs);
        Some(logs.iter().map(|l| (l - all).exp()).collect())
    }

    /// `log Z` at a temperature, in the same way.
    pub fn log_z(&self, eps: f64, corrected: bool) -> Option<f64> {
        self.logs(eps, corrected).map(|logs| log_sum(&logs))
    }

    /// The first order in the temperature of the divergence from the measure to its Laplace mixture, over the wells of the
    /// limit; `None` where it is not known.
    pub fn divergence(&self) -> Option<f64> {
        let mut sum = 0.0;
        for (w, t) in self.limit.iter().zip(&self.terms).filter(|(w, _)| **w > 0.0) {
            sum += w * t.as_ref()?.divergence?;
        }
        self.is_regular().then_some(sum)
    }

    /// Are all wells of the limit nondegenerate minima?
    pub fn is_regular(&self) -> bool {
        let mut some = false;
        let regular = |t: &Option<Term>| t.is_some_and(|t| t.spread.is_some());
        let all = self.limit.iter().zip(&self.terms).filter(|(w, _)| **w > 0.0).all(|(_, t)| {
            some = true;
            regular(t)
        });
        all && some
    }
}

/// `log sum exp`.
pub(super) fn log_sum(logs: &[f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    top + logs.iter().map(|l| (l - top).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_at_known_places() {
        assert!((ln_gamma(1.25) - 0.906_402_477_055_477_f64.ln()).abs() < 1e-14);
        assert!((ln_gamma(1.5) - (0.5 * PI.sqrt()).ln()).abs() < 1e-14);
        assert!(ln_gamma(1.0).abs() < 1e-14 && ln_gamma(2.0).abs() < 1e-14);
    }
}
