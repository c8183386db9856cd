//! How far the numbers that a landscape is made of may move so that its gradient stays within the radius of its certificate.
//!
//! Of a log-sum-exp with gradient `kappa x - s m(x)`, Hessian `kappa I - s t C(x)` (see `check/patterns.rs`): logarithms of all weights
//! that move by at most d move the softmax by at most `v = tanh(d/2)` in total variation, the mean of points of diameter D by `D v`, and
//! the variance along any direction by `5/4 D^2 v`. Points that move by at most h move the mean by h more, the variance by `D h + h^2` more, and
//! the logits by at most `t (r h + h^2/2)`, r the largest distance of a point of the region from a datum (`t r h`, r the largest norm in the region,
//! where logits are products).

use crate::certificate::format::{Certificate, Data, Definition, Region};
use crate::linalg::{distance, norm};

/// Radii in parameters; all of them hold one at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Radii {
    /// By how much the logarithm of each weight may change.
    pub log_weights: f64,
    /// How far each datum may move.
    pub data: f64,
}

/// The radii that follow from a certificate of a mixture or a modern Hopfield network with a region; `None` of others.
pub fn radii(c: &Certificate) -> Option<Radii> {
    let region = c.region.as_ref()?;
    let (data, factor, s, t, distances) = match &c.landscape {
        Definition::Mixture { data, a, sigma, .. } => {
            let s = 1.0 / (sigma.0 * sigma.0);
            (data, a.0, s, s, true)
        }
        Definition::ModernHopfield { data, beta, .. } => (data, 1.0, 1.0, beta.0, false),
        Definition::Formula { .. } | Definition::Neural { .. } => return None,
    };
    let span = factor * diameter(data);
    let reach = reach(region, data, factor, distances);
    // Room for the rounding of these few formulas.
    let (e0, e1) = (c.e0.0 * (1.0 - 1e-9), c.e1.0 * (1.0 - 1e-9));
    let fits = |v: f64, h: f64| {
        s * (h + span * v) <= e0 && s * t * (span * h + h * h + 1.25 * span * span * v) <= e1
    };
    let log_weights = largest(|d| fits((0.5 * d).tanh(), 0.0));
    let moved = largest(|h| {
        let logits = t * (reach * h + if distances { 0.5 * h * h } else { 0.0 });
        fits((0.5 * logits).tanh(), h)
    });
    // Data are contracted by `a`.
    let data = if factor > 0.0 { moved / factor } else { 0.0 };
    Some(Radii { log_weights, data })
}

/// The largest number, nearly, at which a condition that fails for large ones holds; at most 1e6.
fn largest(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0f64, 1e6f64);
    if !holds(0.0) || holds(high) {
        return if holds(high) { high } else { 0.0 };
    }
    for _ in 0..200 {
        let middle = if low > 0.0 { (low * high).sqrt() } else { 1e-3 * high };
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
        if high < 1e-300 {
            return 0.0;
        }
    }
    low
}

fn diameter(data: &Data) -> f64 {
    let rows = &data.rows;
    let pairs =
        rows.iter().enumerate().flat_map(|(k, a)| rows[..k].iter().map(move |b| distance(&a.0, &b.0)));
    pairs.fold(0.0, f64::max) * (1.0 + 1e-12)
}

/// The largest distance of a place of the region from a datum, or its largest norm.
fn reach(region: &Region, data: &Data, factor: f64, distances: bool) -> f64 {
    let (center, radius) = match region {
        Region::Ball { center, radius } => (center.0.clone(), radius.0),
        Region::Box { lower, upper } => {
            let center = lower.0.iter().zip(&upper.0).map(|(l, u)| 0.5 * (l + u)).collect();
            (center, 0.5 * distance(&lower.0, &upper.0))
        }
    };
    let far = if distances {
        let place = |r: &[f64]| r.iter().map(|y| factor * y).collect::<Vec<f64>>();
        data.rows.iter().map(|r| distance(&place(&r.0), &center)).fold(0.0, f64::max)
    } else {
        norm(&center)
    };
    (far + radius) * (1.0 + 1e-12)
}
