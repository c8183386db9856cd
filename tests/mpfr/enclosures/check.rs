//! Whether enclosures contain the exact values.

use std::fmt::Write as _;

use faer::{Mat, Side};
use rayon::prelude::*;
use rug::Float;
use smale::landscape::{Enclose, Everywhere, Landscape};
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

    /// The equations in other unknowns, where critical points everywhere are found by such.
    fn loads(&self, _a: &[Jet]) -> Option<Vec<Jet>> {
        None
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
        Equations::Own(f) => Some(split(&f, n)),
    };
    Exact { energy: energy.value, gradient, hessian, system }
}

impl Exact {
    /// In the order of [`bounds`], then of [`expanded`].
    fn list(&self) -> Vec<Float> {
        let mut list = vec![self.energy.clone()];
        list.extend_from_slice(&self.gradient);
        list.extend(self.hessian.iter().flatten().cloned());
        if let Some((f, jacobian)) = &self.system {
            list.extend(equations(f, jacobian));
        }
        list
    }
}

/// In the order of [`expanded`].
fn equations(f: &[Float], jacobian: &[Vec<Float>]) -> Vec<Float> {
    [f, f, &jacobian.concat(), f].concat()
}

/// Values and Jacobian of functions of n variables.
fn split(f: &[Jet], n: usize) -> (Vec<Float>, Vec<Vec<Float>>) {
    let values = f.iter().map(|f| f.value.clone()).collect();
    (values, f.iter().map(|f| (0..n).map(|j| f.slope(j)).collect()).collect())
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

/// What was said of a box.
struct Said {
    /// Energy, gradient, Hessian.
    list: Vec<Bound>,
    gradient: Vec<Interval>,
    range: Vec<Interval>,
    /// About a point of the box.
    expansion: Expansion,
}

fn ask(enclosed: &dyn Enclose, cell: &[Interval], at: &[f64]) -> Said {
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
    let mut expansion = Expansion::new(n);
    let system = enclosed.system();
    system.range(cell, &mut range);
    system.expand(cell, at, &mut expansion);
    Said { list, gradient, range, expansion }
}

/// Ranges and Jacobian, and the value if it is to be tested, too.
fn expanded(range: &[Interval], expansion: &Expansion, value: bool) -> Vec<Bound> {
    let value = if value { &expansion.value[..] } else { &[] };
    let parts = [range, &expansion.range, &expansion.jacobian, value];
    parts.concat().into_iter().map(Bound::of).collect()
}

/// The name of a place in a list of energy, gradient, Hessian and equations.
fn name(place: usize, n: usize) -> String {
    let start = 1 + n + n * n;
    match place {
        0 => "energy".into(),
        p if p <= n => format!("gradient {}", p - 1),
        p if p < start => format!("Hessian {} {}", (p - 1 - n) / n, (p - 1 - n) % n),
        p => name_of_equation(p - start, n),
    }
}

fn name_of_equation(place: usize, n: usize) -> String {
    match place {
        p if p < n => format!("range {p}"),
        p if p < 2 * n => format!("expanded range {}", p - n),
        p if p < 2 * n + n * n => format!("Jacobian {} {}", (p - 2 * n) / n, (p - 2 * n) % n),
        p => format!("value {}", p - 2 * n - n * n),
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
    everywhere: usize,
    misses: Vec<String>,
    /// Relative widths at points: of energies, gradients, Hessians.
    widths: [Vec<f64>; 3],
}

impl Tally {
    fn blame(&mut self, subject: &Subject, cell: &[Interval], x: &[f64], wrong: Vec<String>) {
        if !wrong.is_empty() {
            let wrong = wrong.join("\n  ");
            self.misses.push(format!("{}\n  box {cell:?}\n  at {x:?}\n  {wrong}", subject.text));
        }
    }

    fn join(mut self, other: Tally) -> Tally {
        self.points += other.points;
        self.values += other.values;
        self.undefined += other.undefined;
        self.landscapes += other.landscapes;
        self.boxes += other.boxes;
        self.bounded += other.bounded;
        self.lipschitz += other.lipschitz;
        self.lipschitz_bounded += other.lipschitz_bounded;
        self.everywhere += other.everywhere;
        self.refused.extend(other.refused);
        self.misses.extend(other.misses);
        for (a, b) in self.widths.iter_mut().zip(other.widths) {
            a.extend(b);
        }
        self
    }
}

/// Values that stay out of their enclosure when computed with more bits.
fn outside(at: &[Float], list: &[Bound], again: &dyn Fn() -> Vec<Float>) -> Vec<(usize, Float, Float)> {
    let off = |values: &[Float]| -> Vec<Option<Float>> {
        values.iter().zip(list).map(|(value, bound)| bound.misses(value)).collect()
    };
    let first = off(at);
    if first.iter().all(Option::is_none) {
        return vec![];
    }
    let more = again();
    let second = off(&more);
    // Terms that large may have cancelled.
    let finite = more.iter().filter(|v| v.is_finite());
    let size = finite.fold(Float::with_val(64, 1), |m, v| m.max(&v.clone().abs()));
    let least = size >> (MORE_BITS - 100);
    let pairs = first.into_iter().zip(second).zip(more).enumerate();
    let kept = pairs.filter_map(|(place, (pair, value))| match pair {
        // A rounding error would have become far smaller.
        (Some(first), Some(second)) if second > least && second.clone() * 2 > first => {
            Some((place, value, second))
        }
        _ => None,
    });
    kept.collect()
}

fn told(place: String, value: &Float, off: &Float, bound: Bound) -> String {
    format!("{place} = {value:.40} by {:.3e} outside {bound:?}", off.to_f64())
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

/// Tests what was said of a box at a point of it; `value`: at the one that the equations were expanded about.
fn check_point(subject: &Subject, cell: &[Interval], said: &Said, x: &[f64], value: bool, tally: &mut Tally) {
    let n = x.len();
    let at = exact(&*subject.truth, x, BITS);
    let values = at.list();
    let mut list = said.list.clone();
    let mut wrong = vec![];
    if at.system.is_some() {
        list.extend(expanded(&said.range, &said.expansion, value));
    } else if at.gradient.iter().chain(at.hessian.iter().flatten()).all(Float::is_finite) {
        let expansion = &said.expansion;
        let reach = x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let here = [&expansion.range[..], &expansion.value[..]];
        let here = if value { &here[..] } else { &here[..1] };
        let holds = |e: &Exact| agree(&e.gradient, &e.hessian, here, &expansion.jacobian, reach);
        let ranges = |e: &Exact| shows(e, &said.range, reach);
        let more = || exact(&*subject.truth, x, MORE_BITS);
        if !holds(&at) && !holds(&more()) {
            wrong.push(format!("no common factor: {expansion:?}"));
        }
        if !ranges(&at) && !ranges(&more()) {
            wrong.push(format!("no common factor: {:?}", said.range));
        }
        tally.values += 2 * n + n * n;
    }
    tally.points += 1;
    tally.values += list.len();
    tally.undefined += values.iter().zip(&list).filter(|(v, _)| !v.is_finite()).count();
    for (place, value, off) in outside(&values, &list, &|| exact(&*subject.truth, x, MORE_BITS).list()) {
        wrong.push(told(name(place, n), &value, &off, list[place]));
    }
    tally.blame(subject, cell, x, wrong);
    if cell.iter().all(|x| x.is_point()) && values.iter().all(Float::is_finite) {
        let largest = |v: &mut dyn Iterator<Item = f64>| v.fold(0.0, f64::max);
        let half = |b: &Bound| 0.5 * (b.high - b.low);
        let (mut start, sizes) = (0, [1, n, n * n]);
        for (k, size) in sizes.into_iter().enumerate() {
            let range = start..start + size;
            let width = largest(&mut list[range.clone()].iter().map(half));
            let value = largest(&mut values[range].iter().map(|v| v.to_f64().abs()));
            if value > 0.0 {
                tally.widths[k].push(width / value);
            }
            start += size;
        }
    }
}

/// The place of all critical points: the flow enters every larger ball, and equations in other unknowns are enclosed.
fn check_everywhere(subject: &Subject, all: &Everywhere<'_>, draw: &mut Draw, tally: &mut Tally) {
    let (n, m) = (all.center.len(), all.system.dim());
    for _ in 0..POINTS {
        let u = draw.normals(n);
        let length = u.iter().map(|u| u * u).sum::<f64>().sqrt();
        let out = all.radius * (1.0 + draw.power(-12.0, 1.0));
        let x: Vec<f64> = all.center.iter().zip(&u).map(|(c, u)| c + out * u / length).collect();
        if apart(&x, &all.center) <= all.radius {
            continue;
        }
        let outwards = |bits: u32| {
            let e = exact(&*subject.truth, &x, bits);
            // The published flow, where that is what the equations put to rest.
            let (flow, _) = e.system.unwrap_or((e.gradient, vec![]));
            let way = x.iter().zip(&all.center).map(|(x, c)| Float::with_val(bits, *x) - *c);
            way.zip(&flow).fold(Float::new(bits), |s, (w, f)| s + w * f)
        };
        if outwards(BITS) <= 0 && outwards(MORE_BITS) < 0 {
            let what = format!("the flow leaves the ball about {:?} of radius {:e}", all.center, all.radius);
            tally.blame(subject, &[], &x, vec![what]);
        }
        tally.values += 1;
    }
    if subject.truth.loads(&variables(&vec![0.0; m], 64)).is_none() {
        return;
    }
    let center: Vec<f64> = all.within.iter().map(|w| draw.uniform(w.lo(), w.hi())).collect();
    let scale = all.within.iter().fold(0.0, |s: f64, w| s.max(w.width()));
    let cell = draw.cell(&center, scale);
    let points: Vec<Vec<f64>> = (0..POINTS).map(|_| draw.point(&cell, scale)).collect();
    let (mut range, mut expansion) = (vec![Interval::ENTIRE; m], Expansion::new(m));
    all.system.range(&cell, &mut range);
    all.system.expand(&cell, &points[0], &mut expansion);
    for (k, a) in points.iter().enumerate() {
        let list = expanded(&range, &expansion, k == 0);
        let values = |bits: u32| {
            let (f, jacobian) = split(&subject.truth.loads(&variables(a, bits)).unwrap(), m);
            equations(&f, &jacobian)
        };
        let off = outside(&values(BITS), &list, &|| values(MORE_BITS));
        let wrong = off.iter().map(|(p, value, off)| told(name_of_equation(*p, m), value, off, list[*p]));
        tally.blame(subject, &cell, a, wrong.collect());
        tally.values += list.len();
    }
}

/// The distance of two points.
fn apart(x: &[f64], y: &[f64]) -> Float {
    let squares = x.iter().zip(y).map(|(x, y)| (Float::with_val(BITS, *x) - *y).square());
    squares.fold(Float::new(BITS), |s, d| s + d).sqrt()
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
            if !change.norm_max().is_normal() {
                return 0.0;
            }
            // Scaled, as tiny numbers keep the iteration from converging; an entry is a bound from below, too.
            let largest = change.norm_max();
            let scaled = Mat::from_fn(x.len(), x.len(), |i, j| change[(i, j)] / largest);
            let eigenvalues = scaled.self_adjoint_eigenvalues(Side::Lower).unwrap_or_default();
            // The computed eigenvalues' own error, generously.
            (1.0 - 1e-9) * largest * eigenvalues.iter().fold(1.0, |m: f64, l| m.max(l.abs()))
        };
        if !(quotient(BITS) <= bound) {
            let steepest = quotient(MORE_BITS);
            if !(steepest <= bound) {
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
        let points: Vec<Vec<f64>> = (0..POINTS).map(|_| draw.point(&cell, subject.scale)).collect();
        let said = ask(&*enclosed, &cell, &points[0]);
        tally.boxes += 1;
        tally.bounded += usize::from(said.gradient.iter().all(|g| g.is_bounded()));
        for (k, x) in points.iter().enumerate() {
            assert!(x.iter().zip(&cell).all(|(x, cell)| cell.contains(*x) && x.is_finite()));
            check_point(subject, &cell, &said, x, k == 0, tally);
        }
    }
    if let Some(all) = enclosed.everywhere() {
        tally.everywhere += 1;
        check_everywhere(subject, &all, draw, tally);
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
         {} of {} Lipschitz bounds finite, {} confined, {} misses",
        tally.points,
        tally.values,
        tally.undefined,
        tally.landscapes,
        tally.refused.len(),
        tally.bounded,
        tally.boxes,
        tally.lipschitz_bounded,
        tally.lipschitz,
        tally.everywhere,
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
    assert!(tally.misses.is_empty(), "{summary}\n{}", tally.misses[..tally.misses.len().min(20)].join("\n"));
    assert!(tally.points * 5 >= points * 4, "{summary}\n{:?}", tally.refused.first());
    assert!(tally.undefined * 5 <= tally.values, "{summary}");
    assert!(tally.bounded as f64 >= demands.bounded * tally.boxes as f64, "{summary}");
    assert!(medians.iter().zip(&demands.widths).all(|(m, d)| m <= d), "{summary}");
}
