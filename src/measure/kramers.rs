//! Rates of transitions between minima at small noise: the law of Eyring and Kramers, and its next order.
//!
//! In: a landscape, its critical points and its graph. Out: a [`Network`] of wells and passes, and from it at each temperature
//! the reduced [`Chain`].
//!
//! Convention: `dX = -grad E dt + sqrt(2 eps) dW`, generator `eps Lap - grad E . grad`, invariant law `exp(-E/eps)`. With
//! `(2 pi eps)^(d/2)` written as V, a well weighs `V det(H)^(-1/2) exp(-E/eps) (1 + c1 eps)` and a pass of index 1 has the
//! capacity `V |l|/(2 pi) |det H|^(-1/2) exp(-E/eps) (1 + k eps)`, with l the negative eigenvalue (H. Eyring 1935; H. A.
//! Kramers 1940; A. Bovier, M. Eckhoff, V. Gayrard, M. Klein, J. Eur. Math. Soc. 6, 2004). The rate from a well over a pass
//! is the quotient of the two.
//!
//! **The next order.** Near the pass the committor is `Phi(psi/sqrt(eps))` with Phi the normal distribution function, where
//! `psi |grad psi|^2 + grad E . grad psi = eps Lap psi`. By Dirichlet's principle the capacity `eps int |grad h|^2
//! exp(-E/eps)` is stationary in h: an error of order eps in h changes it by eps squared. So the quadratic terms of psi and
//! its shift of order eps are enough. With x the coordinates along the eigenvectors, x_0 the unstable one, `a = |l|`:
//!
//! ```text
//! psi  = sqrt(a) x_0 + Q_jk x_j x_k + eps b,   Q_jk = -(sqrt(a)/2) E_0jk / (a + l_j + l_k + 2 a (j = 0) + 2 a (k = 0)),
//! b = 2 tr Q / a,
//! ```
//!
//! and `cap = (1/2 pi) int |grad psi|^2 exp(-(E + psi^2)/eps)` is expanded by Laplace's method. In one dimension that is
//! `k = -E''''/(8 a^2) - 5 E'''^2/(24 a^3)`, the expansion of `1/int exp(E/eps)`.

use faer::{Mat, MatMut, MatRef};

use rayon::prelude::*;

use super::chain::{Chain, Channel};
use super::jet::{self, Jet};
use crate::connection::MorseGraph;
use crate::critical::{CriticalSet, lowest_modes};
use crate::error::{Error, Result, shown};
use crate::landscape::{Landscape, Reduced};
use crate::linalg::{Cholesky, column};

/// The next order is quoted while temperature times its coefficients stays below this.
pub const LARGEST_CORRECTION: f64 = 0.2;
/// The next critical value above a pass is this many temperatures away, at least.
pub const CLEARANCE: f64 = 5.0;
/// Energies that differ by less than this, relative to the range of all, are equal.
const SAME: f64 = 1e-9;

/// Points times dimensions squared up to which third and fourth derivatives are computed.
const MOST_EXPANDED: usize = 60_000;

/// A minimum as a well of the invariant measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Well {
    /// Id of the minimum.
    pub minimum: usize,
    /// Energy there.
    pub energy: f64,
    /// `log det H`.
    pub log_determinant: f64,
    /// The coefficient c1 of the temperature in its weight; `None` where derivatives are not to be had.
    pub correction: Option<f64>,
}

/// A saddle of index 1 between two minima.
#[derive(Clone, Debug, PartialEq)]
pub struct Pass {
    /// Id of the saddle.
    pub saddle: usize,
    /// Ids of the minima on its two sides.
    pub between: [usize; 2],
    /// Energy there.
    pub energy: f64,
    /// `log |det H|`.
    pub log_determinant: f64,
    /// Size of the negative eigenvalue.
    pub growth: f64,
    /// The coefficient k of the temperature in its capacity; `None` where derivatives are not to be had.
    pub correction: Option<f64>,
    /// How far above it the next critical value lies; `None` if it is the highest.
    pub clearance: Option<f64>,
}

/// Wells, and passes between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Dimension of the state.
    pub dim: usize,
    /// The minima, by id.
    pub wells: Vec<Well>,
    /// Saddles that join two different ones, by id.
    pub passes: Vec<Pass>,
    /// Ids of saddles of index 1 that are no pass, each with the reason.
    pub left_out: Vec<(usize, String)>,
    /// What puts the network as a whole in doubt, as sentences.
    pub doubts: Vec<String>,
}

/// How far an expansion in the temperature is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The leading order.
    Leading,
    /// One order more, where its coefficients are known.
    Next,
}

/// A rate from one well over one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// Id of the minimum that is left.
    pub from: usize,
    /// Id of the one that is reached.
    pub to: usize,
    /// Id of the saddle.
    pub saddle: usize,
    /// Logarithm of the rate, to leading order.
    pub leading: f64,
    /// Logarithm of the rate to the next order, or why it is not quoted.
    pub next: std::result::Result<f64, String>,
    /// Estimate of the error of the better one of the two, relative to the rate: the size of the first term left out.
    /// `None` if no coefficient is known.
    pub error: Option<f64>,
}

/// What the formulas need of a point.
struct Form {
    log_determinant: f64,
    lowest: f64,
    jet: Option<Jet>,
}

/// Makes the network of a landscape with an energy. Third and fourth derivatives are taken up to [`jet::MOST`] dimensions (of
/// the affine hull, where the landscape has one).
///
/// # Errors
/// If the landscape has no energy, or a minimum's Hessian is singular.
pub fn network(landscape: &dyn Landscape, set: &CriticalSet, graph: &MorseGraph) -> Result<Network> {
    if !landscape.has_energy() || !set.has_energy() {
        return Err(Error::input(
            "rates over saddles need an energy; a field without one has a quasipotential instead",
        ));
    }
    let reduced = landscape.reduce();
    let wanted: Vec<usize> = (0..set.points.len()).filter(|&i| set.points[i].index <= 1).collect();
    let inner = reduced.as_ref().map_or(landscape.dim(), |r| r.basis.ncols());
    let expand = wanted.len().saturating_mul(inner * inner) <= MOST_EXPANDED;
    let mut forms: Vec<Option<Form>> = vec![];
    forms.resize_with(set.points.len(), || None);
    let found: Vec<Option<Form>> =
        wanted.par_iter().map(|&id| form(landscape, reduced.as_ref(), set, id, expand)).collect();
    wanted.iter().zip(found).for_each(|(&id, found)| forms[id] = found);
    let mut form = |id: usize| forms[id].take();
    let mut wells = vec![];
    for (minimum, p) in set.points.iter().enumerate().filter(|(_, p)| p.index == 0) {
        let Some(form) = form(minimum) else {
            return Err(Error::Numerics(format!(
                "the Hessian at minimum {minimum} is singular to working precision: its well has no Gaussian weight"
            )));
        };
        let correction = form.jet.as_ref().and_then(Jet::correction);
        wells.push(Well { minimum, energy: p.energy, log_determinant: form.log_determinant, correction });
    }
    let mut energies: Vec<f64> = set.points.iter().map(|p| p.energy).collect();
    energies.extend(set.degenerate.iter().map(|f| f.energy));
    energies.sort_by(f64::total_cmp);
    let range = energies.last().zip(energies.first()).map_or(0.0, |(high, low)| high - low);
    let (mut passes, mut left_out) = (vec![], vec![]);
    for (saddle, p) in set.points.iter().enumerate().filter(|(_, p)| p.index == 1) {
        let ends: Vec<usize> = graph.connections.iter().filter(|c| c.from == saddle).map(|c| c.to).collect();
        let between = match ends[..] {
            [a, b] if a != b => [a, b],
            [a, _] => {
                left_out.push((saddle, format!("both its sides lead to minimum {a}")));
                continue;
            }
            _ => {
                let known = ends.len();
                left_out.push((saddle, format!("the graph knows {known} minima below it, not two")));
                continue;
            }
        };
        let Some(form) = form(saddle) else {
            left_out.push((saddle, "its Hessian is singular to working precision".into()));
            continue;
        };
        let above = energies.iter().find(|e| **e > p.energy + SAME * range);
        passes.push(Pass {
            saddle,
            between,
            energy: p.energy,
            log_determinant: form.log_determinant,
            growth: -form.lowest,
            correction: form.jet.as_ref().and_then(pass_correction),
            clearance: above.map(|e| e - p.energy),
        });
    }
    let mut doubts = vec![];
    if !set.degenerate.is_empty() {
        doubts.push("degenerate critical points have no part in it: they neither weigh nor conduct as these formulas say".into());
    }
    if set.rough {
        doubts.push("the energy is not smooth all over".into());
    }
    Ok(Network { dim: landscape.dim(), wells, passes, left_out, doubts })
}

/// The Hessian's form at a point; `None` if it is singular. Third and fourth derivatives are taken if `expand` says so.
fn form(
    landscape: &dyn Landscape,
    reduced: Option<&Reduced>,
    set: &CriticalSet,
    id: usize,
    expand: bool,
) -> Option<Form> {
    let point = &set.points[id];
    let n = point.x.len();
    let (jet, rest) = match reduced {
        Some(r) => {
            let away: Vec<f64> = point.x.iter().zip(&r.origin).map(|(x, o)| x - o).collect();
            let z = r.basis.transpose() * column(&away);
            let rest = (n - r.basis.ncols()) as f64 * r.normal.ln();
            let known = r.normal > 0.0 || n == r.basis.ncols();
            (if known && expand { jet::jet(r.inner.as_ref(), z.col_as_slice(0)) } else { None }, rest)
        }
        None => (if expand { jet::jet(landscape, &point.x) } else { None }, 0.0),
    };
    let rest = if rest.is_nan() { 0.0 } else { rest };
    let found = match jet {
        Some(jet) => {
            let lowest = *jet.eigenvalues.first()?;
            Form { log_determinant: jet.log_determinant() + rest, lowest, jet: Some(jet) }
        }
        None if point.eigenvalues.len() == n && landscape.dynamics().is_none() => {
            let log_determinant = point.eigenvalues.iter().map(|l| l.abs().ln()).sum();
            Form { log_determinant, lowest: point.eigenvalues[0], jet: None }
        }
        None => factored(landscape, &point.x, point.index)?,
    };
    let sign = if point.index == 0 { found.lowest > 0.0 } else { found.lowest < 0.0 };
    (sign && found.log_determinant.is_finite()).then_some(found)
}

/// The determinant by Cholesky's factorisation; that of a saddle after its one negative eigenvalue l is made positive, by
/// `H - 2 l v v'`.
fn factored(landscape: &dyn Landscape, x: &[f64], index: usize) -> Option<Form> {
    let n = x.len();
    let mut hessian = Mat::zeros(n, n);
    landscape.hessian(x, hessian.as_mut());
    let frozen = hessian.clone();
    let apply = |v: MatRef<'_, f64>, out: MatMut<'_, f64>| {
        faer::linalg::matmul::matmul(out, faer::Accum::Replace, &frozen, v, 1.0, faer::Par::Seq);
    };
    let start = Mat::from_fn(n, 1, |i, _| 1.0 + (i as f64).sin());
    let modes = lowest_modes(&apply, &|_| (), start.as_ref(), 1, 1e-10, 2000);
    let lowest = *modes.values.first()?;
    if index == 1 {
        let v = modes.vectors.col_as_slice(0);
        for j in 0..n {
            for i in 0..n {
                hessian[(i, j)] -= 2.0 * lowest * v[i] * v[j];
            }
        }
    }
    let log_determinant = log_determinant(&hessian)?;
    Some(Form { log_determinant, lowest, jet: None })
}

/// `log det` of a symmetric positive definite matrix.
fn log_determinant(matrix: &Mat<f64>) -> Option<f64> {
    let n = matrix.nrows();
    let mut cholesky = Cholesky::new(n);
    cholesky.factor(matrix.as_ref(), 1.0, 0.0)?;
    Some(cholesky.log_determinant())
}

/// The coefficient k of the temperature in the capacity of a nondegenerate saddle of index 1; see the module. `None` unless
/// it is one.
pub fn pass_correction(jet: &Jet) -> Option<f64> {
    let d = jet.dim();
    let l = &jet.eigenvalues;
    if !(*l.first()? < 0.0) || l.get(1).is_some_and(|l| !(*l > 0.0)) {
        return None;
    }
    let a = -l[0];
    let root = a.sqrt();
    let is_first = |i: usize| if i == 0 { 1.0 } else { 0.0 };
    // Covariance over the temperature.
    let s: Vec<f64> = l.iter().map(|l| 1.0 / l.abs()).collect();
    let q = Mat::from_fn(d, d, |j, k| {
        -0.5 * root * jet.e3(0, j, k) / (a + l[j] + l[k] + 2.0 * a * (is_first(j) + is_first(k)))
    });
    let shift = 2.0 * (0..d).map(|i| q[(i, i)]).sum::<f64>() / a;
    // The cubic part of E + psi^2, its traces, and the linear part (along the first axis).
    let cubic = |i: usize, j: usize, k: usize| {
        let mixed = is_first(i) * q[(j, k)] + is_first(j) * q[(i, k)] + is_first(k) * q[(i, j)];
        jet.e3(i, j, k) + 4.0 * root * mixed
    };
    let linear = 2.0 * root * shift;
    let (mut squares, mut quartic, mut q_square) = (0.0, 0.0, 0.0);
    let mut traces = vec![0.0; d];
    let (mut q_trace, mut q_trace_square) = (0.0, 0.0);
    for i in 0..d {
        q_trace += q[(i, i)] * s[i];
        for j in 0..d {
            quartic += jet.pairs[(i, j)] * s[i] * s[j];
            q_square += q[(i, j)].powi(2) * s[j];
            q_trace_square += q[(i, j)].powi(2) * s[i] * s[j];
            traces[j] += cubic(i, i, j) * s[i];
            for k in 0..d {
                squares += cubic(i, j, k).powi(2) * s[i] * s[j] * s[k];
            }
        }
    }
    let trace_square: f64 = (0..d).map(|j| traces[j].powi(2) * s[j]).sum();
    let second = 0.25 * trace_square + squares / 6.0 + traces[0] * s[0] * linear + linear * linear * s[0];
    let first =
        quartic / 8.0 + q_trace.powi(2) + 2.0 * q_trace_square + 2.0 * shift * q_trace + shift * shift;
    let slope: f64 =
        (0..d).map(|j| q[(0, j)] * s[j] * traces[j]).sum::<f64>() * 0.5 + q[(0, 0)] * s[0] * linear;
    let k = 4.0 / a * q_square - first + 0.5 * second - 4.0 / root * slope;
    k.is_finite().then_some(k)
}

impl Network {
    /// The lowest energy of all wells.
    pub fn bottom(&self) -> f64 {
        self.wells.iter().map(|w| w.energy).fold(f64::INFINITY, f64::min)
    }

    /// Logarithm of a well's weight without its factor `(2 pi eps)^(d/2)`, energies counted from the bottom.
    fn log_weight(&self, well: &Well, temperature: f64, order: Order) -> f64 {
        let leading = -(well.energy - self.bottom()) / temperature - 0.5 * well.log_determinant;
        leading + grown(well.correction, temperature, order)
    }

    /// Logarithm of a pass's capacity, in the same units.
    fn log_capacity(&self, pass: &Pass, temperature: f64, order: Order) -> f64 {
        let leading = -(pass.energy - self.bottom()) / temperature - 0.5 * pass.log_determinant;
        leading + (pass.growth / std::f64::consts::TAU).ln() + grown(pass.correction, temperature, order)
    }

    /// The place of a minimum among the wells.
    fn place(&self, minimum: usize) -> Option<usize> {
        self.wells.iter().position(|w| w.minimum == minimum)
    }

    /// The chain on the wells, in their order; `(2 pi eps)^(d/2)` is left out of weights and capacities alike. To the next
    /// order a factor `1 + c eps` that is not positive is left out: ask [`Network::next_order_fails`] first.
    pub fn chain(&self, temperature: f64, order: Order) -> Chain {
        let channel = |pass: &Pass| {
            let [a, b] = pass.between;
            let between = [self.place(a)?, self.place(b)?];
            Some(Channel { between, log_capacity: self.log_capacity(pass, temperature, order) })
        };
        Chain {
            log_weights: self.wells.iter().map(|w| self.log_weight(w, temperature, order)).collect(),
            channels: self.passes.iter().filter_map(channel).collect(),
        }
    }

    /// Why the next order is not to be quoted for rates out of these wells over these passes; `None` if it may be.
    fn doubt(&self, wells: &[&Well], passes: &[&Pass], temperature: f64) -> Option<String> {
        for (name, id, correction) in wells
            .iter()
            .map(|w| ("minimum", w.minimum, w.correction))
            .chain(passes.iter().map(|p| ("saddle", p.saddle, p.correction)))
        {
            match correction {
                None => {
                    return Some(format!(
                        "the third and fourth derivatives at {name} {id} were not computed"
                    ));
                }
                Some(c) if !(c.abs() * temperature < LARGEST_CORRECTION) => {
                    let size = shown(round(c.abs() * temperature));
                    return Some(format!(
                        "the correction at {name} {id} is {size}, not below {LARGEST_CORRECTION}: the temperature is too high"
                    ));
                }
                Some(_) => {}
            }
        }
        for pass in passes {
            if let Some(clearance) = pass.clearance
                && !(clearance > CLEARANCE * temperature)
            {
                let away = shown(round(clearance / temperature));
                return Some(format!(
                    "the next critical value lies {away} temperatures above saddle {}, not more than {CLEARANCE}",
                    pass.saddle
                ));
            }
        }
        None
    }

    /// Why the next order is not to be quoted for the whole chain, in words; `None` if it may be. Of the passes those count
    /// that join the wells at the lowest energies.
    pub fn next_order_fails(&self, temperature: f64) -> Option<String> {
        let mut order: Vec<&Pass> = self.passes.iter().collect();
        order.sort_by(|a, b| a.energy.total_cmp(&b.energy));
        let mut component: Vec<usize> = (0..self.wells.len()).collect();
        let mut needed = vec![];
        for pass in order {
            let (Some(a), Some(b)) = (self.place(pass.between[0]), self.place(pass.between[1])) else {
                continue;
            };
            let (a, b) = (component[a], component[b]);
            if a != b {
                component.iter_mut().filter(|c| **c == b).for_each(|c| *c = a);
                needed.push(pass);
            }
        }
        let wells: Vec<&Well> = self.wells.iter().collect();
        self.doubt(&wells, &needed, temperature)
    }

    /// Rates over every pass, both ways.
    pub fn rates(&self, temperature: f64) -> Vec<Rate> {
        let mut rates = vec![];
        for pass in &self.passes {
            for (from, to) in [(pass.between[0], pass.between[1]), (pass.between[1], pass.between[0])] {
                let Some(place) = self.place(from) else { continue };
                let well = &self.wells[place];
                let at = |order| {
                    self.log_capacity(pass, temperature, order) - self.log_weight(well, temperature, order)
                };
                let next = match self.doubt(&[well], &[pass], temperature) {
                    Some(why) => Err(why),
                    None => Ok(at(Order::Next)),
                };
                let error = well.correction.zip(pass.correction).map(|(c, k)| {
                    let largest = temperature * c.abs().max(k.abs());
                    let first = temperature * (k - c).abs();
                    if next.is_ok() { largest * largest } else { first.max(largest * largest) }
                });
                rates.push(Rate { from, to, saddle: pass.saddle, leading: at(Order::Leading), next, error });
            }
        }
        rates
    }
}

/// `log(1 + c eps)` where it is asked for and is a number.
fn grown(correction: Option<f64>, temperature: f64, order: Order) -> f64 {
    match (order, correction) {
        (Order::Next, Some(c)) if 1.0 + c * temperature > 0.0 => (c * temperature).ln_1p(),
        _ => 0.0,
    }
}

/// Two digits, for messages.
fn round(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::landscape::formula::Formula;

    /// In large dimensions determinants come from Cholesky's factorisation, of saddles after a reflection.
    #[test]
    fn factored_determinants_are_products_of_eigenvalues() {
        let energy = "(x[0]^2 - 1)^2/4 + 0.3*x[0]*x[1] + sum(i, 1, 5, (i + 1)*x[i]^2/2 + 0.2*x[i]*x[i-1])";
        let landscape = Formula::new(6, energy, &[], &[], None).unwrap();
        for (x, index) in [([0.0; 6], 1), ([1.0, -0.4, 0.1, 0.0, 0.0, 0.0], 0)] {
            let jet = jet::jet(&landscape, &x).unwrap();
            let found = factored(&landscape, &x, index).unwrap();
            assert!((found.log_determinant - jet.log_determinant()).abs() < 1e-9);
            assert!((found.lowest - jet.eigenvalues[0]).abs() < 1e-9);
        }
        // A minimum's factorisation refuses what is no minimum.
        assert!(factored(&landscape, &[0.0; 6], 0).is_none());
    }
}
