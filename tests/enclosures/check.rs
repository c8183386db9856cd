//! Whether enclosures contain the exact values.

use std::fmt::Write as _;

use faer::{Mat, Side};
use rayon::prelude::*;
use rug::Float;
use smale::landscape::{Enclose, Landscape};
use smale::rigor::{Expansion, Interval};

use crate::boxes::Draw;
use crate::equations::agree;
use crate::jet::{Jet, variables};

/// Bits of the exact values ..
const BITS: u32 = 240;
/// .. and of those that decide whether what looks like a miss is a rounding error of theirs.
const MORE_BITS: u32 = 1600;
/// Boxes a landscape.
const BOXES: usize = 8;
/// Points a box.
const POINTS: usize = 5;

/// A landscape's published formula.
pub(crate) trait Truth: Send + Sync {
    /// The energy at the state `x`.
    fn energy(&self, x: &[Jet]) -> Jet;

    /// The equations that the kind is solved by.
    fn equations(&self, _x: &[Jet]) -> Equations {
        Equations::Gradient
    }
}

/// What a system of equations is.
pub(crate) enum Equations {
    /// `grad E = 0`.
    Gradient,
    /// The gradient times an unknown positive function.
    Multiple,
    /// These functions.
    Own(Vec<Jet>),
}

/// A landscape to be tested.
pub(crate) struct Subject {
    pub(crate) landscape: Box<dyn Landscape>,
    pub(crate) truth: Box<dyn Truth>,
    /// Where boxes are put about ..
    pub(crate) centers: Vec<Vec<f64>>,
    /// .. and how large they are.
    pub(crate) scale: f64,
    /// All its numbers.
    pub(crate) text: String,
}

/// Exact values at a point.
struct Exact {
    energy: Float,
    gradient: Vec<Float>,
    hessian: Vec<Vec<Float>>,
    /// The equations and their Jacobian; `None` if they are a multiple of the gradient.
    system: Option<(Vec<Float>, Vec<Vec<Float>>)>,
}

fn exact(truth: &dyn Truth, x: &[f64], bits: u32) -> Exact {
    let n = x.len();
    let jets = variables(x, bits);
    let energy = truth.energy(&jets);
    let gradient: Vec<Float> = (0..n).map(|i| energy.slope(i)).collect();
    let hessian: Vec<Vec<Float>> =
        (0..n).map(|i| (0..n).map(|j| energy.curvature(i, j, n)).collect()).collect();
    let system = match truth.equations(&jets) {
        Equations::Gradient => Some((gradient.clone(), hessian.clone())),
        Equations::Multiple => None,
        Equations::Own(f) => Some((
            f.iter().map(|f| f.value.clone()).collect(),
            f.iter().map(|f| (0..n).map(|j| f.slope(j)).collect()).collect(),
        )),
    };
    Exact { energy: energy.value, gradient, hessian, system }
}

impl Exact {
    /// In the order of [`Bounds`].
    fn list(&self) -> Vec<&Float> {
        let mut list = vec![&self.energy];
        list.extend(&self.gradient);
        list.extend(self.hessian.iter().flatten());
        if let Some((f, jacobian)) = &self.system {
            (0..3).for_each(|_| list.extend(f));
            list.extend(jacobian.iter().flatten());
        }
        list
    }
}

/// `low <= value - center <= high`.
#[derive(Clone, Copy, Debug)]
struct Bound {
    center: f64,
    low: f64,
    high: f64,
}

impl Bound {
    fn of(x: Interval) -> Self {
        Bound { center: 0.0, low: x.lo(), high: x.hi() }
    }

    /// How far a value is outside; `None` if it is not, or not a number.
    fn misses(self, value: &Float) -> Option<Float> {
        let moved = Float::with_val(value.prec(), value - self.center);
        let below = Float::with_val(value.prec(), self.low - &moved);
        let above = moved - self.high;
        let off = below.max(&above);
        (value.is_finite() && !(off <= 0)).then_some(off)
    }
}

/// What an enclosure said of a box.
struct Bounds {
    list: Vec<Bound>,
    range: Vec<Interval>,
    gradient: Vec<Interval>,
}

fn bounds(enclosed: &dyn Enclose, cell: &[Interval]) -> Bounds {
    let n = cell.len();
    let mut list = vec![Bound::of(enclosed.energy(cell))];
    let mut gradient = vec![Interval::ENTIRE; n];
    enclosed.gradient(cell, &mut gradient);
    list.extend(gradient.iter().map(|g| Bound::of(*g)));
    let hessian = enclosed.hessian(cell);
    for i in 0..n {
        for j in 0..n {
            let rad = hessian.rad[(i, j)];
            list.push(Bound { center: hessian.mid[(i, j)], low: -rad, high: rad });
        }
    }
    let mut range = vec![Interval::ENTIRE; n];
    enclosed.system().range(cell, &mut range);
    Bounds { list, range, gradient }
}

/// The name of a place in the list.
fn name(place: usize, n: usize) -> String {
    let (start, square) = (1 + n + n * n, n * n);
    match place {
        0 => "energy".into(),
        p if p <= n => format!("gradient {}", p - 1),
        p if p < start => format!("Hessian {} {}", (p - 1 - n) / n, (p - 1 - n) % n),
        p if p < start + n => format!("range {}", p - start),
        p if p < start + 2 * n => format!("expanded range {}", p - start - n),
        p if p < start + 3 * n => format!("value {}", p - start - 2 * n),
        p => format!("Jacobian {} {}", (p - start - 3 * n) % square / n, (p - start - 3 * n) % n),
    }
}

/// What was found out about a kind.
#[derive(Default)]
pub(crate) struct Tally {
    points: usize,
    values: usize,
    /// Values that are no numbers.
    undefined: usize,
    landscapes: usize,
    refused: Vec<String>,
    boxes: usize,
    bounded: usize,
    lipschitz: usize,
    lipschitz_bounded: usize,
    misses: Vec<String>,
    /// Relative widths at points: of energies, gradients, Hessians.
    widths: [Vec<f64>; 3],
}

impl Tally {
    fn join(mut self, other: Tally) -> Tally {
        self.points += other.points;
        self.values += other.values;
        self.undefined += other.undefined;
        self.landscapes += other.landscapes;
        self.boxes += other.boxes;
        self.bounded += other.bounded;
        self.lipschitz += other.lipschitz;
        self.lipschitz_bounded += other.lipschitz_bounded;
        self.refused.extend(other.refused);
        self.misses.extend(other.misses);
        for (a, b) in self.widths.iter_mut().zip(other.widths) {
            a.extend(b);
        }
        self
    }
}

/// Values that stay out of their enclosure when computed with more bits.
fn outside(subject: &Subject, x: &[f64], at: &Exact, list: &[Bound]) -> Vec<(usize, Float)> {
    let off = |e: &Exact| -> Vec<Option<Float>> {
        e.list().iter().zip(list).map(|(value, bound)| bound.misses(value)).collect()
    };
    let first = off(at);
    if first.iter().all(Option::is_none) {
        return vec![];
    }
    let more = exact(&*subject.truth, x, MORE_BITS);
    let second = off(&more);
    // Terms that large may have cancelled.
    let size = more
        .list()
        .into_iter()
        .filter(|v| v.is_finite())
        .fold(Float::with_val(64, 1), |m, v| m.max(&v.clone().abs()));
    let least = size >> (MORE_BITS - 100);
    let pairs = first.into_iter().zip(second).enumerate();
    let kept = pairs.filter_map(|(place, pair)| match pair {
        // A rounding error would have become far smaller.
        (Some(first), Some(second)) if second > least && second.clone() * 2 > first => Some((place, second)),
        _ => None,
    });
    kept.collect()
}

/// A range of a system that is a multiple of the gradient, or that shows by a combination of its equations, in the place of
/// one of them, that they have no zero.
fn shows(e: &Exact, range: &[Interval], reach: f64) -> bool {
    if agree(&e.gradient, &e.hessian, &[range], &[], reach) {
        return true;
    }
    let combined = (0..range.len()).find(|i| range[*i].lo() > 0.0);
    let others = |i: usize| (0..range.len()).filter(move |j| *j != i);
    combined.is_some_and(|i| {
        let rest: Vec<Float> = others(i).map(|j| e.gradient[j].clone()).collect();
        let left: Vec<Interval> = others(i).map(|j| range[j]).collect();
        left.iter().all(|x| x.contains(0.0))
            && e.gradient.iter().any(|g| !g.is_zero())
            && agree(&rest, &e.hessian, &[&left], &[], reach)
    })
}

fn check_point(
    subject: &Subject,
    enclosed: &dyn Enclose,
    cell: &[Interval],
    said: &Bounds,
    x: &[f64],
    tally: &mut Tally,
) {
    let n = x.len();
    let at = exact(&*subject.truth, x, BITS);
    let mut expansion = Expansion::new(n);
    enclosed.system().expand(cell, x, &mut expansion);
    let mut list = said.list.clone();
    let mut wrong = vec![];
    if at.system.is_some() {
        let parts = [&said.range, &expansion.range, &expansion.value, &expansion.jacobian];
        list.extend(parts.iter().flat_map(|part| part.iter().map(|x| Bound::of(*x))));
    } else {
        let reach = x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let here = [&expansion.range[..], &expansion.value[..]];
        let defined = at.gradient.iter().chain(at.hessian.iter().flatten()).all(Float::is_finite);
        let holds = |e: &Exact| agree(&e.gradient, &e.hessian, &here, &expansion.jacobian, reach);
        let ranges = |e: &Exact| shows(e, &said.range, reach);
        let more = || exact(&*subject.truth, x, MORE_BITS);
        if defined && !holds(&at) && !holds(&more()) {
            wrong.push(format!("no common factor: {expansion:?}"));
        }
        if defined && !ranges(&at) && !ranges(&more()) {
            wrong.push(format!("no common factor: {:?}", said.range));
        }
    }
    tally.points += 1;
    tally.values += list.len();
    tally.undefined += at.list().iter().filter(|v| !v.is_finite()).count();
    for (place, off) in outside(subject, x, &at, &list) {
        let value = format!("{:.40}", at.list()[place]);
        let bound = list[place];
        wrong.push(format!("{} = {value} by {:.3e} outside {bound:?}", name(place, n), off.to_f64()));
    }
    if !wrong.is_empty() && tally.misses.len() < 20 {
        tally.misses.push(format!("{}\n  box {cell:?}\n  at {x:?}\n  {}", subject.text, wrong.join("\n  ")));
    }
    if cell.iter().all(|x| x.is_point()) && at.list().iter().all(|v| v.is_finite()) {
        let largest = |v: &mut dyn Iterator<Item = f64>| v.fold(0.0, f64::max);
        let half = |b: &Bound| 0.5 * (b.high - b.low);
        let (mut start, sizes) = (0, [1, n, n * n]);
        for (k, size) in sizes.into_iter().enumerate() {
            let range = start..start + size;
            let width = largest(&mut list[range.clone()].iter().map(half));
            let value = largest(&mut at.list()[range].iter().map(|v| v.to_f64().abs()));
            if value > 0.0 {
                tally.widths[k].push(width / value);
            }
            start += size;
        }
    }
}

/// Difference quotients of the Hessian against the bound of its Lipschitz constant.
fn check_lipschitz(subject: &Subject, enclosed: &dyn Enclose, draw: &mut Draw, tally: &mut Tally) {
    let center = &subject.centers[draw.below(subject.centers.len())];
    let radius = subject.scale * draw.power(-4.0, 0.7);
    let bound = enclosed.lipschitz(center, radius);
    tally.lipschitz += 1;
    tally.lipschitz_bounded += usize::from(bound.is_finite());
    for _ in 0..3 {
        let mut place = || {
            let u = draw.normals(center.len());
            let length = u.iter().map(|u| u * u).sum::<f64>().sqrt();
            let part = if draw.chance(0.5) { 0.9999 } else { draw.unit() };
            center.iter().zip(&u).map(|(c, u)| c + part * radius * u / length).collect::<Vec<f64>>()
        };
        let (x, y) = (place(), place());
        let apart = |x: &[f64], y: &[f64]| {
            let squares = x.iter().zip(y).map(|(x, y)| (Float::with_val(BITS, *x) - *y).square());
            squares.fold(Float::new(BITS), |s, d| s + d).sqrt()
        };
        let distance = apart(&x, &y);
        // In coordinates far from the origin a point may be rounded out of the ball.
        if apart(&x, center) > radius || apart(&y, center) > radius || distance.is_zero() {
            continue;
        }
        let quotient = |bits: u32| {
            let (a, b) = (exact(&*subject.truth, &x, bits), exact(&*subject.truth, &y, bits));
            let entry = |i: usize, j: usize| {
                let change = Float::with_val(bits, &a.hessian[i][j] - &b.hessian[i][j]);
                (change / &distance).to_f64()
            };
            let change = Mat::from_fn(x.len(), x.len(), entry);
            if !change.norm_max().is_finite() {
                return 0.0;
            }
            let eigenvalues = change.self_adjoint_eigenvalues(Side::Lower).unwrap();
            // The computed eigenvalues' own error, generously.
            (1.0 - 1e-9) * eigenvalues.iter().fold(0.0, |m: f64, l| m.max(l.abs()))
        };
        if !(quotient(BITS) <= bound) {
            let steepest = quotient(MORE_BITS);
            if !(steepest <= bound) && tally.misses.len() < 20 {
                let what = format!("Hessians change by {steepest:e} a unit between {x:?} and {y:?}");
                let text = &subject.text;
                tally
                    .misses
                    .push(format!("{text}\n  {what}: bound {bound:e} about {center:?}, radius {radius:e}"));
            }
        }
    }
}

fn check(subject: &Subject, draw: &mut Draw, tally: &mut Tally) {
    tally.landscapes += 1;
    let enclosed = match subject.landscape.enclose() {
        Ok(enclosed) => enclosed,
        Err(why) => return tally.refused.push(format!("{}: {why}", subject.text)),
    };
    for _ in 0..BOXES {
        let center = &subject.centers[draw.below(subject.centers.len())];
        let cell = draw.cell(center, subject.scale);
        let said = bounds(&*enclosed, &cell);
        tally.boxes += 1;
        tally.bounded += usize::from(said.gradient.iter().all(|g| g.is_bounded()));
        for _ in 0..POINTS {
            let x = draw.point(&cell, subject.scale);
            assert!(x.iter().zip(&cell).all(|(x, cell)| cell.contains(*x) && x.is_finite()));
            check_point(subject, &*enclosed, &cell, &said, &x, tally);
        }
    }
    check_lipschitz(subject, &*enclosed, draw, tally);
}

/// What must be so of a kind, besides that nothing is missed.
pub(crate) struct Demands {
    /// The least part of all boxes over which gradients are bounded.
    pub(crate) bounded: f64,
    /// The largest median of the relative widths at points: of energies, gradients, Hessians.
    pub(crate) widths: [f64; 3],
}

/// Tests one kind; `number` tells kinds' random numbers apart.
pub(crate) fn test(kind: &str, number: u64, demands: &Demands, make: fn(&mut Draw) -> Option<Subject>) {
    let points: usize = std::env::var("SMALE_POINTS").map_or(3000, |n| n.parse().unwrap());
    let tally = (0..points.div_ceil(BOXES * POINTS))
        .into_par_iter()
        .map(|case| {
            let (mut draw, mut tally) = (Draw::new(number, case), Tally::default());
            let mut made = None;
            while made.is_none() {
                made = make(&mut draw);
            }
            let mut subject = made.unwrap();
            subject.text = format!("{kind}, case {case}: {}", subject.text);
            check(&subject, &mut draw, &mut tally);
            tally
        })
        .collect::<Vec<Tally>>()
        .into_iter()
        .fold(Tally::default(), Tally::join);
    let mut summary = format!(
        "{kind}: {} points, {} values ({} undefined), {} landscapes ({} refused), {} of {} boxes with bounded gradients, \
         {} of {} Lipschitz bounds finite, {} misses",
        tally.points,
        tally.values,
        tally.undefined,
        tally.landscapes,
        tally.refused.len(),
        tally.bounded,
        tally.boxes,
        tally.lipschitz_bounded,
        tally.lipschitz,
        tally.misses.len()
    );
    let quantile = |list: &[f64], part: f64| {
        let mut list = list.to_vec();
        list.sort_by(f64::total_cmp);
        list[(part * (list.len() - 1) as f64) as usize]
    };
    let medians = tally.widths.each_ref().map(|list| quantile(list, 0.5));
    for (what, list) in ["energy", "gradient", "Hessian"].into_iter().zip(&tally.widths) {
        let (middle, high) = (quantile(list, 0.5), quantile(list, 0.95));
        write!(
            summary,
            "\n  relative radius of the {what} at points: median {middle:.1e}, 95% below {high:.1e}"
        )
        .unwrap();
    }
    println!("{summary}");
    assert!(tally.misses.is_empty(), "{summary}\n{}", tally.misses.join("\n"));
    assert!(tally.points * 5 >= points * 4, "{summary}\n{:?}", tally.refused.first());
    assert!(tally.undefined * 5 <= tally.values, "{summary}");
    assert!(tally.bounded as f64 >= demands.bounded * tally.boxes as f64, "{summary}");
    assert!(medians.iter().zip(&demands.widths).all(|(m, d)| m <= d), "{summary}");
}
