//! Which minima are memories, which are made of many data, and which belong to something continuous.
//!
//! In: a landscape, its data, its critical points and, for barriers, its graph. Out: [`Memorization`]. Where each datum
//! descends to is told by the orbits that tell it everywhere ([`fates`]). docs/memorization.md has the definitions; the classes
//! are those of Pham et al. (2025, "Memorization to Generalization"), told here by orbits and barriers, not by samples.

use faer::{Mat, MatRef};
use petgraph::unionfind::UnionFind;

use super::nearest::{Neighbour, nearest, nearest_other};
use crate::connection::algebra::merges;
use crate::connection::{Fate, MorseGraph, fates};
use crate::critical::CriticalSet;
use crate::landscape::{Kernel, Landscape};
use crate::linalg::column;

/// What a minimum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// One datum descends there, and it is near.
    Memorized,
    /// Several data descend there, or one from far off.
    Merged,
    /// No datum descends there.
    Empty,
    /// It is part of an extended structure that is flat at the temperature.
    Generalized,
}

impl Class {
    /// All of them, in their order.
    pub const ALL: [Class; 4] = [Class::Memorized, Class::Merged, Class::Empty, Class::Generalized];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Class::Memorized => "memorized",
            Class::Merged => "merged",
            Class::Empty => "empty",
            Class::Generalized => "generalized",
        }
    }
}

/// Where the classes end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// A memory is no farther from its datum than this share of the distance from that datum to the nearest other one.
    pub near: f64,
    /// A saddle joins minima to a structure if it is no higher, in units of the temperature, above the lowest of them.
    pub barrier: f64,
    /// The temperature; `None` takes that of [`Landscape::kernel`]. Where there is none either, only what is exactly flat is
    /// a structure.
    pub temperature: Option<f64>,
    /// The gap in the spectrum, as a share of the curvature of a well that stands alone, from which on the directions below
    /// it count as those of a manifold.
    pub gap: f64,
    /// A structure of several minima is at least so many widths of a well across.
    pub extent: f64,
}

impl Default for Options {
    /// `near` 1/2, `barrier` 1, `gap` 1/2, `extent` 4.
    fn default() -> Self {
        Options { near: 0.5, barrier: 1.0, temperature: None, gap: 0.5, extent: 4.0 }
    }
}

/// A critical point, or a degenerate family, beside the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// What it is; `None` of what is no minimum, unless it joins minima of one structure.
    pub class: Option<Class>,
    /// What it would be if there were no structures; `None` of what is no minimum.
    pub kept: Option<Class>,
    /// The nearest datum (of a family: to the point by which it is known).
    pub nearest: Option<Neighbour>,
    /// Its distance as a share of that from the datum to the nearest other one; `None` if there is no other.
    pub share: Option<f64>,
    /// Numbers of the data that descend to it, rising.
    pub data: Vec<usize>,
    /// Number of directions below the largest gap in the spectrum; 0 if that gap is too small. Of a family its own
    /// dimension.
    pub dimension: usize,
    /// That gap, as a share of the curvature of a well that stands alone.
    pub gap: f64,
    /// Its structure, by number.
    pub structure: Option<usize>,
}

/// Minima that are joined by low saddles, or a continuum of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Ids of its minima, rising; empty for a continuum.
    pub minima: Vec<usize>,
    /// Ids of the saddles that join them, rising.
    pub saddles: Vec<usize>,
    /// Number of the degenerate family that it is.
    pub family: Option<usize>,
    /// Its dimension: the median over its minima; that of the family.
    pub dimension: usize,
    /// The largest distance between two of its points, in the units of the data; of a family between those that were met.
    pub extent: f64,
    /// Its highest saddle above its lowest minimum, in units of the temperature; 0 for a continuum.
    pub barrier: f64,
}

/// How data and minima belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Memorization {
    /// One a critical point, by id.
    pub points: Vec<Place>,
    /// One a degenerate family, by number.
    pub families: Vec<Place>,
    /// Structures that are generalized: those of minima, by their lowest id, then the continua.
    pub structures: Vec<Structure>,
    /// Number of data.
    pub data: usize,
    /// Data whose minimum is memorized.
    pub memorized: usize,
    /// Data that are the only one to descend to their minimum, near or not, structure or not.
    pub alone: usize,
    /// Data of which it is not known where they descend to: out of the region, or to no known point.
    pub lost: Vec<usize>,
    /// The temperature that was used.
    pub temperature: Option<f64>,
}

impl Memorization {
    /// Number of minima, and of families of them, of each class in the order of [`Class::ALL`].
    pub fn counts(&self) -> [usize; 4] {
        let minima = self.points.iter().chain(&self.families).filter(|p| p.kept.is_some());
        let mut counts = [0; 4];
        minima.filter_map(|p| p.class).for_each(|class| counts[class as usize] += 1);
        counts
    }

    /// The share of the data whose minimum is memorized; 0 of no data.
    pub fn fraction_memorized(&self) -> f64 {
        self.memorized as f64 / self.data.max(1) as f64
    }

    /// The share of the data that are alone in their minimum; 0 of no data.
    pub fn fraction_alone(&self) -> f64 {
        self.alone as f64 / self.data.max(1) as f64
    }
}

/// The data of a landscape as states (n x K): its data, or, where those live elsewhere than its states, the states that show
/// them. `None` if it has neither.
pub fn states(landscape: &dyn Landscape) -> Option<Mat<f64>> {
    landscape.data().map(|data| data.to_owned()).or_else(|| Some((*landscape.wells()?).clone()))
}

/// The classes of a landscape's critical points beside `data` (n x K, states). Without a graph there are no barriers, and no
/// structures but continua.
pub fn classify(
    landscape: &dyn Landscape,
    data: MatRef<'_, f64>,
    set: &CriticalSet,
    graph: Option<&MorseGraph>,
    options: &Options,
) -> Memorization {
    let kernel = landscape.kernel();
    let temperature = options.temperature.or(kernel.map(|k| k.temperature));
    let (mut reached, mut held) = (vec![vec![]; set.points.len()], vec![vec![]; set.degenerate.len()]);
    let mut lost = vec![];
    for (datum, fate) in fates(landscape, set, data).into_iter().enumerate() {
        match fate {
            Fate::Minimum(id) => reached[id].push(datum),
            Fate::Degenerate(family) => held[family].push(datum),
            Fate::Exit | Fate::Lost => lost.push(datum),
        }
    }
    let spacing: Vec<Option<f64>> = nearest_other(data).iter().map(|n| n.map(|n| n.distance)).collect();
    let place = |x: &[f64], eigenvalues: &[f64], minimum: bool, data_there: Vec<usize>| {
        let neighbour = nearest(column(x), data)[0];
        // Equal data have no share.
        let share = neighbour.and_then(|n| spacing[n.number].filter(|s| *s > 0.0).map(|s| n.distance / s));
        let kept = match data_there.as_slice() {
            [] => Class::Empty,
            [own] => {
                let off: f64 = x.iter().zip(data.col(*own).iter()).map(|(a, b)| (a - b) * (a - b)).sum();
                let limit = spacing[*own].unwrap_or(f64::INFINITY);
                if off.sqrt() <= options.near * limit { Class::Memorized } else { Class::Merged }
            }
            _ => Class::Merged,
        };
        let (dimension, gap) = dimension(eigenvalues, kernel, options.gap);
        let kept = minimum.then_some(kept);
        Place {
            class: kept,
            kept,
            nearest: neighbour,
            share,
            data: data_there,
            dimension,
            gap,
            structure: None,
        }
    };
    let points = set.points.iter().zip(reached);
    let points = points.map(|(p, data)| place(&p.x, &p.eigenvalues, p.index == 0, data)).collect();
    let families = set.degenerate.iter().zip(held).map(|(f, data)| {
        let largest = f.eigenvalues.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let minimum = f.eigenvalues.first().is_none_or(|v| *v >= -FLAT * largest);
        let mut place = place(&f.x, &f.eigenvalues, minimum, data);
        if f.dimension > 0 {
            place.dimension = f.dimension;
        }
        place
    });
    let mut all = Memorization {
        points,
        families: families.collect(),
        structures: vec![],
        data: data.ncols(),
        memorized: 0,
        alone: 0,
        lost,
        temperature,
    };
    if let (Some(graph), Some(temperature)) = (graph, temperature) {
        join(&mut all, set, graph, temperature, kernel, options);
    }
    continua(&mut all, set);
    let places = all.points.iter().chain(&all.families);
    let single = || places.clone().filter(|p| p.data.len() == 1);
    all.alone = single().count();
    all.memorized = single().filter(|p| p.class == Some(Class::Memorized)).count();
    all
}

/// Curvatures of a degenerate family above minus this share of the largest count as none.
const FLAT: f64 = 1e-9;

/// The number of directions below the largest gap between neighbouring eigenvalues (ascending), and that gap as a share of the
/// curvature of a well that stands alone, which closes the spectrum from above; where that is not known, as a share of the
/// largest eigenvalue. Gaps below `least` separate nothing: the number is 0.
///
/// Of a mixture of width sigma the eigenvalues are `(1 - c/sigma^2)/sigma^2` with those c of the covariance of the data near
/// the point: where many data lie within sigma along a manifold, c is near sigma^2 along it and near 0 across.
pub fn dimension(eigenvalues: &[f64], kernel: Option<Kernel>, least: f64) -> (usize, f64) {
    let largest = eigenvalues.last().copied().unwrap_or(0.0);
    let top = kernel.map_or(largest, |k| k.curvature);
    if !(top > 0.0) {
        return (0, 0.0);
    }
    let ends = eigenvalues.iter().copied().skip(1).chain(kernel.map(|k| k.curvature));
    let gaps = eigenvalues.iter().zip(ends).map(|(low, high)| (high - low) / top);
    let (below, gap) =
        gaps.enumerate().fold((0, 0.0), |best, (i, gap)| if gap > best.1 { (i + 1, gap) } else { best });
    if gap >= least { (below, gap) } else { (0, gap) }
}

/// Structures of minima.
fn join(
    all: &mut Memorization,
    set: &CriticalSet,
    graph: &MorseGraph,
    temperature: f64,
    kernel: Option<Kernel>,
    options: &Options,
) {
    let count = set.points.len();
    let mut components = UnionFind::<usize>::new(count);
    let mut lowest: Vec<f64> = set.points.iter().map(|p| p.energy).collect();
    let mut joined = vec![];
    for merge in merges(set, graph) {
        let (a, b) = (components.find(merge.a), components.find(merge.b));
        let floor = lowest[a].min(lowest[b]);
        let height = set.points[merge.saddle].energy - floor;
        if height <= options.barrier * temperature {
            components.union(a, b);
            lowest[components.find(a)] = floor;
            joined.push(merge);
        }
    }
    let mut members: Vec<Vec<usize>> = vec![vec![]; count];
    (0..count).filter(|id| set.points[*id].index == 0).for_each(|id| members[components.find(id)].push(id));
    let mut groups: Vec<Vec<usize>> = members.into_iter().filter(|m| m.len() > 1).collect();
    groups.sort_unstable();
    for minima in groups {
        let flat: Vec<usize> = minima.iter().copied().filter(|id| all.points[*id].dimension > 0).collect();
        let across = diameter(minima.iter().map(|id| set.points[*id].x.as_slice()));
        let root = components.find(minima[0]);
        let curvature = |id: &usize| set.points[*id].eigenvalues.last().copied().unwrap_or(0.0);
        let steepest = minima.iter().map(curvature).fold(0.0, f64::max);
        let width = (temperature / kernel.map_or(steepest, |k| k.curvature)).sqrt();
        // Half of them at least must see a manifold, and it must be longer than any well is wide.
        if 2 * flat.len() < minima.len() || !(across >= options.extent * width) {
            continue;
        }
        let mut saddles: Vec<usize> =
            joined.iter().filter(|m| components.find(m.a) == root).map(|m| m.saddle).collect();
        saddles.sort_unstable();
        saddles.dedup();
        let top = saddles.iter().map(|s| set.points[*s].energy).fold(f64::NEG_INFINITY, f64::max);
        let mut dimensions: Vec<usize> = flat.iter().map(|id| all.points[*id].dimension).collect();
        dimensions.sort_unstable();
        let number = all.structures.len();
        for id in minima.iter().chain(&saddles) {
            all.points[*id].structure = Some(number);
        }
        for id in flat.iter().chain(&saddles) {
            all.points[*id].class = Some(Class::Generalized);
        }
        all.structures.push(Structure {
            dimension: dimensions[dimensions.len() / 2],
            extent: across,
            barrier: (top - lowest[root]) / temperature,
            family: None,
            minima,
            saddles,
        });
    }
}

/// Continua of minima are structures by themselves.
fn continua(all: &mut Memorization, set: &CriticalSet) {
    for (number, family) in set.degenerate.iter().enumerate() {
        let place = &mut all.families[number];
        if family.dimension == 0 || place.kept.is_none() {
            continue;
        }
        place.class = Some(Class::Generalized);
        place.structure = Some(all.structures.len());
        all.structures.push(Structure {
            minima: vec![],
            saddles: vec![],
            family: Some(number),
            dimension: family.dimension,
            extent: diameter(family.samples.iter().map(Vec::as_slice)),
            barrier: 0.0,
        });
    }
}

/// The largest distance between two of the points.
fn diameter<'a>(points: impl Iterator<Item = &'a [f64]>) -> f64 {
    let points: Vec<&[f64]> = points.collect();
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let from = |i: usize| points[i + 1..].iter().map(|b| square(points[i], b)).fold(0.0, f64::max);
    (0..points.len()).map(from).fold(0.0, f64::max).sqrt()
}
