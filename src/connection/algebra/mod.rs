//! The algebra of the whole graph: pure functions on points and connections.
//!
//! In: a [`CriticalSet`] and a [`MorseGraph`]. Out: the Morse complex and its homology, persistence pairs, the tree in
//! which minima merge as the energy rises, barriers, the closure relation of the flow, and how two graphs compare.
//!
//! [`analyse`] does at once what a run writes to its files. What follows from connections that were not all computed
//! is left out; [`complete_to`] says up to which index they were.

mod closure;
mod complex;
mod difference;
mod homology;
mod isomorphism;
mod mod2;
mod persistence;
mod smith;
mod tree;

pub use closure::{Closure, closure};
pub use complex::{Complex, Entry, SparseMatrix};
pub use difference::{Difference, difference, matched};
pub use homology::{Group, expected_betti, homology, homology_mod2, mismatches, region_betti};
pub use isomorphism::{Skeleton, isomorphism};
pub use persistence::{Pair, persistence};
pub use smith::{Smith, smith};
pub use tree::{Barrier, Merge, Node, Tree, barriers, level_tolerance, merge_tree, merges};

use super::{Loose, MorseGraph};
use crate::critical::{Completeness, CriticalSet, Level};
use crate::error::Result;

/// What a run writes of the complex.
#[derive(Clone, Debug)]
pub struct Algebra {
    /// All connections k -> k-1 are known for k up to this index.
    pub complete_to: usize,
    /// The complex.
    pub complex: Complex,
    /// Entries of the squared boundary that are not zero, of those boundaries that are known.
    pub squared: Vec<Entry>,
    /// Homology over the integers; an error if there is none (the boundary squared is not zero) or numbers overflow.
    pub integers: Result<Vec<Group>>,
    /// Betti numbers over Z/2.
    pub mod2: Result<Vec<usize>>,
    /// Betti numbers that the region must have, if the flow enters it all over its boundary.
    pub expected: Option<Vec<usize>>,
    /// Where the homology found is not the expected one, in sentences.
    pub mismatches: Vec<String>,
    /// Persistence pairs over Z/2.
    pub pairs: Result<Vec<Pair>>,
}

/// Complex, homology and persistence of a graph whose connections k -> k-1 are known up to `complete_to`.
pub fn analyse(set: &CriticalSet, graph: &MorseGraph, complete_to: usize) -> Algebra {
    let complex = Complex::new(set, graph);
    let integers = homology(&complex, complete_to);
    let expected = expected_betti(set);
    let mismatches = match (&integers, &expected) {
        (Ok(found), Some(expected)) => mismatches(found, expected, complex.known_degrees(complete_to)),
        _ => vec![],
    };
    let squared =
        (complex.squared().into_iter()).filter(|e| set.points[e.from].index <= complete_to).collect();
    Algebra {
        complete_to,
        squared,
        mod2: homology_mod2(&complex, complete_to),
        pairs: persistence(set, &complex, complete_to),
        integers,
        expected,
        mismatches,
        complex,
    }
}

/// What of the complex does not close, as far as its connections were computed: a squared boundary that is not zero, homology
/// that is not the region's. Sentences; empty if all is as it must be.
pub(super) fn open_ends(set: &CriticalSet, graph: &MorseGraph) -> Vec<String> {
    let all = analyse(set, graph, complete_to(set, graph, |k| graph.has_examined(k)));
    let square =
        |e: &Entry| format!("the boundary of the boundary of point {} is not zero at point {}", e.from, e.to);
    all.squared.iter().map(square).chain(all.mismatches).collect()
}

/// The highest index K such that all connections k -> k-1 are known for every k from 1 to K: they were looked for
/// (`computed(k)`) or one of the two ends does not occur, points of index k were searched for, and no orbit that
/// belongs to them was lost, ended in a degenerate family or passed from saddle to saddle.
pub fn complete_to(set: &CriticalSet, graph: &MorseGraph, computed: impl Fn(usize) -> bool) -> usize {
    let top = set.region.dim().min(set.highest_index);
    let index = |id: usize| set.points[id].index;
    let mut open = vec![false; set.region.dim() + 2];
    let mut spoil = |k: usize| {
        if let Some(open) = open.get_mut(k) {
            *open = true;
        }
    };
    for loose in &graph.loose {
        match loose {
            Loose::Exit { .. } => {}
            Loose::NotTransverse { from, to, .. } => {
                spoil(index(*from));
                spoil(index(*to) + 1);
            }
            Loose::Degenerate { point, backward, .. } | Loose::Lost { point, backward, .. } => {
                spoil(index(*point) + usize::from(*backward));
            }
        }
    }
    let counts = set.counts();
    let none = |k: usize| counts.get(k).is_none_or(|count| *count == 0);
    (1..=top).take_while(|&k| !open[k] && (none(k) || none(k - 1) || computed(k))).last().unwrap_or(0)
}

/// How far what follows from the points up to index `top` and their connections can be relied on: proven if all of
/// them are and nothing is missing; estimated if something may be (points, what is degenerate, orbits that did not end
/// as they should); the weakest level among them otherwise.
pub fn level(set: &CriticalSet, graph: &MorseGraph, top: usize) -> Level {
    let index = |id: usize| set.points[id].index;
    let open = |loose: &Loose| match loose {
        Loose::Exit { .. } => false,
        Loose::NotTransverse { from, .. } => index(*from) <= top,
        Loose::Degenerate { point, backward, .. } | Loose::Lost { point, backward, .. } => {
            index(*point) + usize::from(*backward) <= top
        }
    };
    let missing = set.completeness != Completeness::Proven || !set.degenerate.is_empty();
    if missing || graph.loose.iter().any(open) {
        return Level::Estimated;
    }
    let points = set.points.iter().filter(|p| p.index <= top).map(|p| p.level);
    let connections = graph.connections.iter().filter(|c| index(c.from) <= top).map(|c| c.level);
    points.chain(connections).min().unwrap_or(Level::Checked)
}
