//! How fast the invariant measure approaches its limit, against theory.
//!
//! In: a [`Table`] of the measure at falling temperatures, what Laplace's method predicts. Out: [`Convergence`]: at each
//! temperature the distances to the limit (Wasserstein of order 1 and 2, bounded Lipschitz) and the divergences between
//! weights and from the Laplace mixture; exponents fitted to them; a verdict.
//!
//! The limit has a few atoms, so that distances to it are a finite-dimensional problem ([`transport`](super::transport)),
//! which samples solve with an error as of a mean; between two samples they would be far off in high dimension. The bounded
//! Lipschitz distance is that of functions bounded by 1 with slope at most 1: transport at the cost `min(|x - y|, 2)`.

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution};

use super::gibbs::{At, Estimate, SIGMAS, Sample, Table, Verdict};
use super::laplace::Laplace;
use super::mixture::LaplaceMixture;
use super::quadrature::rule::gauss;
use super::transport::{Transport, on_the_line, to_atoms};
use super::wells::{Form, Wells};

/// Distances and divergences at one temperature; `None` where one cannot be had.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Temperature.
    pub eps: f64,
    /// Wasserstein distances of order 1 and 2 to the limit, and the bounded Lipschitz distance.
    pub distances: [Option<Estimate>; 3],
    /// The same by theory, to leading order.
    pub predicted: [Option<f64>; 3],
    /// Kullback-Leibler divergence of the weights of basins from those of the limit.
    pub kl_weights: Option<Estimate>,
    /// The same by theory: between weights with the first correction and those of the limit.
    pub predicted_kl_weights: Option<f64>,
    /// Kullback-Leibler divergence of the measure from the Laplace mixture.
    pub kl_laplace: Option<Estimate>,
    /// The same by theory, to leading order.
    pub predicted_kl_laplace: Option<f64>,
}

/// Names of the quantities that an exponent is fitted to, in the order of [`Row::distances`], then the divergence from the
/// mixture.
pub const FITTED: [&str; 4] = ["w1_to_limit", "w2_to_limit", "bounded_lipschitz_to_limit", "kl_to_laplace"];

/// A fitted exponent: the quantity falls as `eps^exponent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Which of [`FITTED`].
    pub quantity: &'static str,
    /// The exponent with its interval.
    pub exponent: Estimate,
    /// What theory says; `None` where it says nothing.
    pub theory: Option<f64>,
    /// Temperatures used.
    pub points: usize,
}

/// The verdict on convergence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// To the predicted limit, at the predicted rates.
    Converging,
    /// The temperatures are too high to tell: why.
    NotYet(String),
    /// Something does not fit: what.
    Against(String),
    /// The numbers cannot be relied on: why.
    NotEnough(String),
}

impl Conclusion {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            Conclusion::Converging => "converging to the predicted limit at the predicted rates".into(),
            Conclusion::NotYet(why) => format!("the limit is not yet in sight: {why}"),
            Conclusion::Against(why) => format!("not as predicted: {why}"),
            Conclusion::NotEnough(why) => format!("not enough information: {why}"),
        }
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Convergence {
    /// One a temperature, falling.
    pub rows: Vec<Row>,
    /// Fitted exponents.
    pub fits: Vec<Fit>,
    /// The verdict.
    pub conclusion: Conclusion,
}

/// Relative error of distances by quadrature, whose nodes do not know where one atom's share ends and another's begins.
const NODES: f64 = 2e-5;

/// Compares the measure with its limit. `seed` is that of the directions across the search's coordinates.
pub fn convergence(wells: &Wells<'_>, laplace: &Laplace, table: &Table, seed: u64) -> Convergence {
    let rows: Vec<Row> = table.at.iter().map(|at| row(wells, laplace, at, seed)).collect();
    let fits = fits(wells, laplace, &rows);
    let conclusion = conclude(wells, laplace, table, &rows, &fits);
    Convergence { rows, fits, conclusion }
}

/// Most atoms of a limit to which distances are computed: they take the square of their number.
const ATOMS: usize = 200;

/// The atoms of the limit, wells and weights, or why distances to it are not computed.
fn atoms(wells: &Wells<'_>, laplace: &Laplace) -> std::result::Result<Vec<(usize, f64)>, String> {
    let atoms: Vec<(usize, f64)> =
        laplace.limit.iter().copied().enumerate().filter(|(_, w)| *w > 0.0).collect();
    let point = |k: usize| matches!(wells.wells[k].form, Form::Regular { .. } | Form::Flat { .. });
    if atoms.is_empty() || !atoms.iter().all(|(k, _)| point(*k)) {
        return Err("the limit is not one of points, and distances to it are not computed".into());
    }
    if atoms.len() > ATOMS {
        let count = atoms.len();
        return Err(format!("the limit has {count} points, and distances are computed to {ATOMS} at most"));
    }
    Ok(atoms)
}

fn row(wells: &Wells<'_>, laplace: &Laplace, at: &At, seed: u64) -> Row {
    let mut row = Row { eps: at.eps, ..Row::default() };
    let (Some(used), Some(sample)) = (at.used(), &at.sample) else { return row };
    if let Ok(atoms) = atoms(wells, laplace) {
        row.distances = distances(wells, &atoms, at.eps, sample, seed);
        row.predicted = predicted(wells, laplace, &atoms, at.eps);
        let weights: Vec<Estimate> = atoms.iter().map(|(k, _)| used.weights[*k]).collect();
        row.kl_weights = divergence_of_weights(&atoms, &weights);
        row.predicted_kl_weights = laplace
            .weights(at.eps, true)
            .map(|w| atoms.iter().map(|(k, limit)| limit * (limit / w[*k]).ln()).sum::<f64>().max(0.0));
    }
    row.kl_laplace = divergence_from_mixture(wells, laplace, at, sample);
    row.predicted_kl_laplace = laplace.divergence().map(|c| c * at.eps);
    row
}

/// `sum limit log(limit/weight)`: finite, since every atom keeps weight at any temperature.
fn divergence_of_weights(atoms: &[(usize, f64)], weights: &[Estimate]) -> Option<Estimate> {
    if weights.iter().any(|w| !(w.value > 0.0)) {
        return None;
    }
    // By log1p, since most of it cancels: the weights sum to one on both sides but for what is elsewhere.
    let terms = || atoms.iter().zip(weights).map(|((_, limit), w)| (limit, w));
    let rest: f64 = 1.0 - weights.iter().map(|w| w.value).sum::<f64>();
    let value: f64 = terms()
        .map(|(limit, w)| {
            let change = (w.value - limit) / limit;
            limit * (change - change.ln_1p())
        })
        .sum::<f64>()
        + rest.max(0.0);
    let error: f64 = terms().map(|(limit, w)| (1.0 - limit / w.value).abs() * w.error()).sum();
    Some(Estimate { value, low: (value - error).max(0.0), high: value + error })
}

fn divergence_from_mixture(
    wells: &Wells<'_>,
    laplace: &Laplace,
    at: &At,
    sample: &Sample,
) -> Option<Estimate> {
    let mixture = LaplaceMixture::plain(wells, laplace, at.eps).ok()?;
    let cloud = sample.cloud();
    // Chains know no constant.
    let log_total = match sample {
        Sample::States(..) => return None,
        _ => cloud.log_total(),
    };
    let values: Vec<f64> = (0..cloud.len())
        .map(|n| -cloud.energies[n] / at.eps - log_total - mixture.log_density(cloud.point(n)))
        .map(|v| if v.is_finite() { v } else { 0.0 })
        .collect();
    let weights = cloud.weights();
    let value: f64 = weights.iter().zip(&values).filter(|(w, _)| **w > 0.0).map(|(w, v)| w * v).sum();
    let error = match sample {
        Sample::Drawn(found) => sample.error(&values).hypot(SIGMAS * found.total_error),
        _ => 1e-9 + 1e-9 * value.abs(),
    };
    Some(Estimate { value, low: (value - error).max(0.0), high: value + error })
}

/// Nodes of the length of a standard Gaussian vector, and how far from its mean they reach.
const RADII: usize = 32;
const REACH: f64 = 6.0;

/// A Gauss rule for the squared length across the search's coordinates, of which the nodes of a quadrature know nothing:
/// squared lengths and weights.
fn rule_across(wells: &Wells<'_>, eps: f64) -> Vec<(f64, f64)> {
    let (normal, curvature) = wells.normal();
    let n = normal as f64;
    let (low, high) = ((n.sqrt() - REACH).max(0.0), n.sqrt() + REACH);
    // The density of the length is `r^(n - 1) exp(-r^2/2)`; what it is divided by the weights' own sum gives.
    let log = |r: f64| (n - 1.0) * r.ln() - 0.5 * r * r;
    let top = log(n.sqrt());
    let nodes: Vec<(f64, f64)> = (gauss(RADII).iter())
        .map(|(x, w)| {
            let r = 0.5 * (low + high) + 0.5 * (high - low) * x;
            (eps / curvature * r * r, w * (log(r) - top).exp())
        })
        .collect();
    let total: f64 = nodes.iter().map(|n| n.1).sum();
    nodes.into_iter().map(|(a, w)| (a, w / total)).collect()
}

/// Squared lengths across the search's coordinates, one a point: they are Gaussian, independent of all else.
fn across(wells: &Wells<'_>, eps: f64, count: usize, seed: u64) -> Option<Vec<f64>> {
    let (normal, curvature) = wells.normal();
    if normal == 0 || !(curvature > 0.0) {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x6163_726f_7373);
    let chi = ChiSquared::new(normal as f64).ok()?;
    Some((0..count).map(|_| eps / curvature * chi.sample(&mut rng)).collect())
}

fn distances(
    wells: &Wells<'_>,
    atoms: &[(usize, f64)],
    eps: f64,
    sample: &Sample,
    seed: u64,
) -> [Option<Estimate>; 3] {
    let cloud = sample.cloud();
    let weights = cloud.weights();
    let region = &wells.set.region;
    let squares = Mat::from_fn(atoms.len(), cloud.len(), |i, n| {
        let away = region.difference(&wells.wells[atoms[i].0].x, cloud.point(n));
        away.iter().map(|d| d * d).sum::<f64>()
    });
    let target: Vec<f64> = atoms.iter().map(|a| a.1).collect();
    let across = across(wells, eps, cloud.len(), seed);
    let (normal, curvature) = wells.normal();
    // Squared distances add; the mean of the squared length across is known.
    let beside = if across.is_some() { normal as f64 * eps / curvature } else { 0.0 };
    // To nodes the means over the length across; samples have one each, and their error.
    let rule = match (&across, sample) {
        (Some(_), Sample::Nodes(_)) => rule_across(wells, eps),
        _ => vec![],
    };
    let mean =
        |square: f64, f: &dyn Fn(f64) -> f64| rule.iter().map(|(a, w)| w * f((square + a).sqrt())).sum();
    let cost = |i: usize, n: usize, f: &dyn Fn(f64) -> f64| -> f64 {
        match rule.is_empty() {
            true => f((squares[(i, n)] + across.as_ref().map_or(0.0, |a| a[n])).sqrt()),
            false => mean(squares[(i, n)], f),
        }
    };
    // A plan by the means does not look at the length across: it bounds from above. Its dual variables bound from below.
    let from_below = |found: &Transport, f: &dyn Fn(f64) -> f64| -> f64 {
        let psi = &found.potentials;
        let least = |n: usize| -> f64 {
            let over = |a: f64| {
                (0..atoms.len())
                    .map(|i| f((squares[(i, n)] + a).sqrt()) - psi[i])
                    .fold(f64::INFINITY, f64::min)
            };
            rule.iter().map(|(a, w)| w * over(*a)).sum()
        };
        let moved: f64 = (0..cloud.len()).map(|n| weights[n] * least(n)).sum();
        moved + target.iter().zip(psi).map(|(t, p)| t * p).sum::<f64>()
    };
    let line = wells.dim() == 1 && across.is_none() && !region.is_periodic();
    let solve = |costs: &Mat<f64>, power: Option<i32>| -> (Transport, f64) {
        let exact = power.filter(|_| line).map(|power| {
            let points: Vec<(f64, f64)> =
                weights.iter().enumerate().map(|(n, w)| (cloud.point(n)[0], *w)).collect();
            let places: Vec<(f64, f64)> = atoms.iter().map(|(k, w)| (wells.wells[*k].x[0], *w)).collect();
            on_the_line(&points, &places, |d| d.powi(power))
        });
        let found = match exact {
            Some(value) if matches!(sample, Sample::Nodes(_)) => {
                Transport { low: value, high: value, potentials: vec![0.0; atoms.len()] }
            }
            _ => to_atoms(&weights, costs, &target),
        };
        // At the optimum the value is the mean of this function.
        let least: Vec<f64> = (0..cloud.len())
            .map(|n| {
                (0..atoms.len()).map(|i| costs[(i, n)] - found.potentials[i]).fold(f64::INFINITY, f64::min)
            })
            .collect();
        let statistical = sample.error(&least);
        (found, statistical)
    };
    let estimate = |(found, statistical): (Transport, f64)| {
        let value = 0.5 * (found.low + found.high);
        let nodes = if matches!(sample, Sample::Nodes(_)) { NODES * value } else { 0.0 };
        (value, 0.5 * (found.high - found.low) + statistical + nodes)
    };
    let whole = |r: f64| r;
    let bound = |r: f64| r.min(2.0);
    let lengths = Mat::from_fn(atoms.len(), cloud.len(), |i, n| cost(i, n, &whole));
    let cut = Mat::from_fn(atoms.len(), cloud.len(), |i, n| cost(i, n, &bound));
    let both = |(mut found, statistical): (Transport, f64), f: &dyn Fn(f64) -> f64| {
        if !rule.is_empty() && atoms.len() > 1 {
            found.low = from_below(&found, f).min(found.low);
        }
        estimate((found, statistical))
    };
    let (first, first_error) = both(solve(&lengths, Some(1)), &whole);
    let (second, second_error) = estimate(solve(&squares, Some(2)));
    let (bounded, bounded_error) = both(solve(&cut, None), &bound);
    let root = |v: f64| v.max(0.0).sqrt();
    let second = second + beside;
    let about =
        |value: f64, error: f64| Estimate { value, low: (value - error).max(0.0), high: value + error };
    [
        Some(about(first, first_error)),
        Some(Estimate {
            value: root(second),
            low: root(second - second_error),
            high: root(second + second_error),
        }),
        Some(about(bounded, bounded_error)),
    ]
}

/// The mean length of a Gaussian vector with these variances: `E sqrt(Q) = 1/(2 sqrt(pi)) int t^(-3/2) (1 - E exp(-t Q)) dt`.
fn mean_length(variances: &[f64]) -> f64 {
    let total: f64 = variances.iter().sum();
    if !(total > 0.0) {
        return 0.0;
    }
    // By the logarithm of t, in which the trapezoidal rule converges beyond all orders.
    let (mut sum, step) = (0.0, 0.05);
    for k in -1200..1200 {
        let s = step * k as f64;
        let t = s.exp() / total;
        let log: f64 = variances.iter().map(|v| -0.5 * (2.0 * t * v).ln_1p()).sum();
        sum += -log.exp_m1() * t.powf(-0.5);
    }
    sum * step / (2.0 * std::f64::consts::PI.sqrt())
}

/// The cost, to first order in the temperature, of moving weight between atoms as the corrections ask for.
fn exchange(wells: &Wells<'_>, laplace: &Laplace, atoms: &[(usize, f64)], cost: impl Fn(f64) -> f64) -> f64 {
    let corrections: Option<Vec<f64>> =
        atoms.iter().map(|(k, _)| laplace.terms[*k].as_ref()?.correction).collect();
    let (Some(c), true) = (corrections, atoms.len() > 1) else { return 0.0 };
    let mean: f64 = atoms.iter().zip(&c).map(|((_, w), c)| w * c).sum();
    let largest = c.iter().map(|c| (c - mean).abs()).fold(0.0, f64::max);
    if largest < 1e-9 {
        return 0.0;
    }
    let small = 0.01 / largest;
    let moved: Vec<f64> = atoms.iter().zip(&c).map(|((_, w), c)| w * (1.0 + small * (c - mean))).collect();
    let target: Vec<f64> = atoms.iter().map(|a| a.1).collect();
    let region = &wells.set.region;
    let costs = Mat::from_fn(atoms.len(), atoms.len(), |i, n| {
        cost(region.distance(&wells.wells[atoms[i].0].x, &wells.wells[atoms[n].0].x))
    });
    to_atoms(&moved, &costs, &target).high / small
}

fn predicted(wells: &Wells<'_>, laplace: &Laplace, atoms: &[(usize, f64)], eps: f64) -> [Option<f64>; 3] {
    if !laplace.is_regular() {
        return [None; 3];
    }
    let (normal, curvature) = wells.normal();
    let (mut length, mut square) = (0.0, 0.0);
    for (k, w) in atoms {
        let Form::Regular { eigenvalues, .. } = &wells.wells[*k].form else { return [None; 3] };
        let mut variances: Vec<f64> = eigenvalues.iter().map(|v| 1.0 / v).collect();
        if curvature > 0.0 {
            variances.extend(vec![1.0 / curvature; normal]);
        }
        length += w * mean_length(&variances);
        square += w * variances.iter().sum::<f64>();
    }
    let first = eps.sqrt() * length + eps * exchange(wells, laplace, atoms, |d| d);
    let second = (eps * (square + exchange(wells, laplace, atoms, |d| d * d))).sqrt();
    let bounded = eps.sqrt() * length + eps * exchange(wells, laplace, atoms, |d| d.min(2.0));
    [Some(first), Some(second), Some(bounded)]
}

/// Exponents that theory gives to the quantities of [`FITTED`].
fn exponents(wells: &Wells<'_>, laplace: &Laplace) -> [Option<f64>; 4] {
    let forms: Vec<&Form> = (laplace.limit.iter().zip(&wells.wells))
        .filter(|(w, _)| **w > 0.0)
        .map(|(_, well)| &well.form)
        .collect();
    if laplace.is_regular() {
        let cubic = laplace.divergence().filter(|c| *c > 1e-12);
        return [Some(0.5), Some(0.5), Some(0.5), cubic.map(|_| 1.0)];
    }
    // Along a flat direction the measure is wide as eps^(1/order), and that is the widest.
    let orders: Option<Vec<f64>> = forms
        .iter()
        .map(|f| match f {
            Form::Flat { order, .. } => Some(1.0 / *order as f64),
            _ => None,
        })
        .collect();
    let slowest = orders.and_then(|o| o.into_iter().reduce(f64::min));
    [slowest, slowest, slowest, None]
}

fn fits(wells: &Wells<'_>, laplace: &Laplace, rows: &[Row]) -> Vec<Fit> {
    let theory = exponents(wells, laplace);
    (0..FITTED.len())
        .filter_map(|q| {
            let of = |r: &Row| if q < 3 { r.distances[q] } else { r.kl_laplace };
            let points: Vec<(f64, Estimate)> = rows
                .iter()
                .filter_map(|r| Some((r.eps, of(r)?)))
                // What is not known to be larger than nothing has no logarithm.
                .filter(|(_, e)| e.value > 1e-12 && e.low > 0.2 * e.value)
                .collect();
            let exponent = exponent(&points)?;
            Some(Fit { quantity: FITTED[q], exponent, theory: theory[q], points: points.len() })
        })
        .collect()
}

/// How much further than the fits tell the limit is taken to be from them.
const CAUTION: f64 = 1.25;

/// Least squares for `log v = a + alpha log eps` over the lowest temperatures: so many of them that the interval is shortest.
/// It is that of the errors of the points, widened by what is left of higher orders. These shrink with the temperature, at the
/// least as its square root (corrections that differ between wells), so that what the fit changes by taking in the next
/// temperature bounds them; no fit is believed that those to fewer temperatures contradict.
pub fn exponent(points: &[(f64, Estimate)]) -> Option<Estimate> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let fits: Vec<(f64, f64)> =
        (2..=points.len()).map(|m| slope(&points[..m], 1.0)).collect::<Option<_>>()?;
    // Higher orders are the same whatever the errors of the points.
    let even: Vec<(f64, f64)> =
        (2..=points.len()).map(|m| slope(&points[..m], 0.0)).collect::<Option<_>>()?;
    // The temperature that a fit to the lowest ones is about, on the scale of its square root.
    let root = |m: usize| (0.5 * points[..m].iter().map(|p| p.0.ln()).sum::<f64>() / m as f64).exp();
    let half = |k: usize| {
        let (value, error) = fits[k];
        let shrunk = root(k + 2) / root(k + 3);
        let left = (even[k + 1].0 - even[k].0).abs() * shrunk / (1.0 - shrunk);
        let apart = |(v, e): &(f64, f64)| (value - v).abs() - SIGMAS * e;
        SIGMAS * error + CAUTION * fits[..k].iter().map(apart).fold(left, f64::max)
    };
    (0..fits.len().checked_sub(1)?)
        .map(|k| Estimate::about(fits[k].0, half(k)))
        .min_by(|a, b| a.error().total_cmp(&b.error()))
}

/// The slope of `log v` over `log eps` and its standard error; points count by their errors to the power `-2 power`.
fn slope(points: &[(f64, Estimate)], power: f64) -> Option<(f64, f64)> {
    let weight = |e: &Estimate| (e.error() / (SIGMAS * e.value)).max(1e-6).powf(-2.0 * power);
    let mean = |f: &dyn Fn(&(f64, Estimate)) -> f64| {
        let total: f64 = points.iter().map(|p| weight(&p.1)).sum();
        points.iter().map(|p| weight(&p.1) * f(p)).sum::<f64>() / total
    };
    let (x, y) = (mean(&|p| p.0.ln()), mean(&|p| p.1.value.ln()));
    let spread: f64 = points.iter().map(|p| weight(&p.1) * (p.0.ln() - x).powi(2)).sum();
    let product: f64 = points.iter().map(|p| weight(&p.1) * (p.0.ln() - x) * (p.1.value.ln() - y)).sum();
    (spread > 0.0).then(|| (product / spread, spread.powf(-0.5)))
}

/// A basin of the limit whose weight keeps apart from theory: what the first correction leaves over falls as the square of the
/// temperature, so that between the two lowest temperatures it must fall nearly so.
fn contradiction(wells: &Wells<'_>, laplace: &Laplace, table: &Table) -> Option<String> {
    let [.., before, last] = table.at.as_slice() else { return None };
    let miss = |at: &At, k: usize| {
        let theory = laplace.weights(at.eps, true)?[k];
        let found = at.used()?.weights[k];
        Some((found.value - theory, 1.5 * found.error(), theory))
    };
    let ratio = (last.eps / before.eps).powf(1.5);
    (0..wells.wells.len()).filter(|&k| laplace.limit[k] > 0.0).find_map(|k| {
        laplace.terms[k].filter(|t| t.is_trusted(before.eps))?;
        let (first, first_error, _) = miss(before, k)?;
        let (second, second_error, theory) = miss(last, k)?;
        let allowed = ratio * (first.abs() + first_error) + second_error + 1e-9;
        (second.abs() > allowed).then(|| {
            let (id, value) = (wells.wells[k].id.text(), theory + second);
            format!("the basin of minimum {id} has weight {value:.6}, theory says {theory:.6}")
        })
    })
}

/// Weight outside the limit's wells at the lowest temperature above which the limit is not in sight.
const REMAINING: f64 = 0.05;

/// How a quantity stands to what theory predicts of it, beyond the exponent.
enum Approach {
    /// It comes nearer, and is near.
    Met,
    /// It does neither.
    Far,
    /// Between these, or theory gives the exponent alone.
    Unknown,
}

/// Relative distance from the prediction within which a quantity is near, and beyond which it is not even approaching.
const NEAR: f64 = 0.1;

/// The power of the temperature with which, at the least, the relative distance from the leading order falls: between wells
/// with different corrections it is 1/2, else 1. Some is allowed for higher orders.
const NEARING: f64 = 0.3;

/// Exponents fitted to temperatures that are not small differ from those of the limit, as plain as the landscape may be. What
/// tells is whether the ratio to the prediction comes nearer to 1.
fn approach(rows: &[Row], quantity: &str) -> Approach {
    let Some(q) = FITTED.iter().position(|f| *f == quantity) else { return Approach::Unknown };
    let miss = |r: &Row| {
        let (found, theory) = match q {
            3 => (r.kl_laplace?, r.predicted_kl_laplace?),
            _ => (r.distances[q]?, r.predicted[q]?),
        };
        let error = 1.5 * found.error() / theory;
        Some((r.eps, (found.value / theory - 1.0).abs(), error)).filter(|m| m.1.is_finite())
    };
    let known: Vec<(f64, f64, f64)> = rows.iter().filter_map(miss).collect();
    let [.., before, last] = known.as_slice() else { return Approach::Unknown };
    let fallen = (last.0 / before.0).powf(NEARING);
    let nears = last.1 <= fallen * (before.1 + before.2) + last.2;
    match (nears, last.1 <= NEAR + last.2) {
        (true, true) => Approach::Met,
        (false, true) | (true, false) => Approach::Unknown,
        (false, false) => Approach::Far,
    }
}

/// Is the expansion small at this temperature in all wells of the limit?
fn is_expanded(laplace: &Laplace, eps: f64) -> bool {
    let own = laplace.limit.iter().zip(&laplace.terms).filter(|(w, _)| **w > 0.0);
    own.into_iter().all(|(_, t)| t.is_some_and(|t| t.is_trusted(eps)))
}

fn conclude(wells: &Wells<'_>, laplace: &Laplace, table: &Table, rows: &[Row], fits: &[Fit]) -> Conclusion {
    if let Some(doubt) = &laplace.doubt {
        return Conclusion::NotEnough(doubt.clone());
    }
    if let Some(at) = table.at.iter().rev().find(|at| at.verdict != Verdict::Consistent) {
        let Verdict::NotEnough(why) = &at.verdict else { return Conclusion::NotEnough(String::new()) };
        return Conclusion::NotEnough(format!("at temperature {}: {why}", crate::error::shown(at.eps)));
    }
    let Some(last) = table.at.last() else {
        return Conclusion::NotEnough("there are no temperatures".into());
    };
    let Some(used) = last.used() else { return Conclusion::NotEnough("there is no answer".into()) };
    let outside: f64 = (laplace.limit.iter().zip(&used.weights))
        .filter(|(limit, _)| **limit == 0.0)
        .map(|(_, w)| w.value)
        .sum();
    if outside > REMAINING {
        return Conclusion::NotYet(format!(
            "at temperature {} minima that are none of the limit's still hold {:.1}% of the weight",
            crate::error::shown(last.eps),
            100.0 * outside
        ));
    }
    if let Err(why) = atoms(wells, laplace) {
        return Conclusion::NotEnough(why);
    }
    if rows.len() < 3 {
        return Conclusion::NotEnough("a rate needs at least three temperatures".into());
    }
    if let Some(why) = contradiction(wells, laplace, table) {
        return Conclusion::Against(why);
    }
    for fit in fits {
        let Some(theory) = fit.theory else { continue };
        let Estimate { value, low, high } = fit.exponent;
        let is_wide = high - low > theory;
        if theory >= low - 1e-3 && theory <= high + 1e-3 && !is_wide {
            continue;
        }
        let said = format!("{} falls as eps^{value:.3} ({low:.3} to {high:.3})", fit.quantity);
        match approach(rows, fit.quantity) {
            Approach::Met => {}
            _ if is_wide => {
                return Conclusion::NotEnough(format!("the exponent of {} is not known well", fit.quantity));
            }
            Approach::Unknown => {
                return Conclusion::NotYet(format!("{said}, theory says {theory} in the limit"));
            }
            Approach::Far => {
                let why = format!("{said}, theory says {theory}");
                let inside = outside > 1e-6 || !is_expanded(laplace, last.eps);
                return if inside { Conclusion::NotYet(why) } else { Conclusion::Against(why) };
            }
        }
    }
    if fits.iter().all(|f| f.theory.is_none()) {
        return Conclusion::NotEnough("theory gives no rate here".into());
    }
    Conclusion::Converging
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_lengths_of_gaussians() {
        // One dimension: sqrt(2/pi) sigma; three equal ones: 2 sqrt(2/pi) sigma.
        let unit = (2.0 / std::f64::consts::PI).sqrt();
        assert!((mean_length(&[4.0]) - 2.0 * unit).abs() < 1e-10);
        assert!((mean_length(&[1.0; 3]) - 2.0 * unit).abs() < 1e-10);
        assert!((mean_length(&[1.0, 0.0]) - unit).abs() < 1e-10);
    }

    #[test]
    fn exponents_of_power_laws() {
        let at = |eps: f64, v: f64| (eps, Estimate::about(v, 1e-4 * v));
        let law = |e: f64| at(e, 3.0 * e.sqrt() * (1.0 + 0.4 * e));
        let high = [0.5, 0.2, 0.1, 0.05, 0.02].map(law);
        let found = exponent(&high).unwrap();
        assert!(found.low < 0.5 && 0.5 < found.high, "{found:?}");
        let points = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002].map(law);
        let found = exponent(&points).unwrap();
        assert!(found.low < 0.5 && 0.5 < found.high && found.high - found.low < 0.05, "{found:?}");
        // Corrections as the square root; a point that is known badly among others that are known well.
        let slow = [0.2, 0.1, 0.05, 0.02, 0.01].map(|e: f64| at(e, 3.0 * e.sqrt() * (1.0 + 0.4 * e.sqrt())));
        let found = exponent(&slow).unwrap();
        assert!(found.low < 0.5 && 0.5 < found.high, "{found:?}");
        let mut mixed = [0.04, 0.02, 0.01].map(law);
        mixed[0].1 = Estimate::about(mixed[0].1.value, 0.03 * mixed[0].1.value);
        let found = exponent(&mixed).unwrap();
        assert!(found.low < 0.5 && 0.5 < found.high, "{found:?}");
        assert!(exponent(&points[..2]).is_none());
    }
}
