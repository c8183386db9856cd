//! Are two graphs the same up to the numbering of their points?
//!
//! Colours of the nodes are refined by those of their neighbours, in both graphs together, until they are stable (Weisfeiler
//! and Leman 1968); that tells most graphs apart. Where nodes of one colour remain, one of them is set apart and matched
//! with each of its colour in the other graph, and refinement goes on (McKay and Piperno, J. Symb. Comput. 60, 94
//! (2014), section 2). Components are matched one by one: a component that has a partner may take any.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::unionfind::UnionFind;

use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};

/// Refinements after which a search gives up. Graphs of landscapes need a few; a search that goes wrong on a
/// graph made to be hard would not end.
const MOST_REFINEMENTS: usize = 20_000;

/// What is compared of a graph: an index and maybe a label a node, and how many connections lead from one to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton {
    /// Morse index by id.
    pub index: Vec<usize>,
    /// Labels by id, which must agree; `None` for a node without one.
    pub label: Vec<Option<usize>>,
    /// Number of connections from an upper to a lower point, where there are any.
    pub edges: BTreeMap<(usize, usize), usize>,
}

impl Skeleton {
    /// The skeleton of a graph, without labels.
    pub fn new(set: &CriticalSet, graph: &MorseGraph) -> Skeleton {
        let mut edges = BTreeMap::new();
        for c in &graph.connections {
            *edges.entry((c.from, c.to)).or_insert(0) += 1;
        }
        let index = set.points.iter().map(|p| p.index).collect();
        Skeleton { index, label: vec![None; set.points.len()], edges }
    }

    /// The same with a label for each node, such as the memory that a minimum stands for.
    pub fn with_labels(self, label: Vec<Option<usize>>) -> Skeleton {
        Skeleton { label, ..self }
    }

    /// Is `relabelling` (for each node of this graph one of the other) an isomorphism?
    fn maps_to(&self, other: &Skeleton, relabelling: &[usize]) -> bool {
        let node =
            |(i, &j): (usize, &usize)| self.index[i] == other.index[j] && self.label[i] == other.label[j];
        let edge = |(&(a, b), m): (&(usize, usize), &usize)| {
            other.edges.get(&(relabelling[a], relabelling[b])) == Some(m)
        };
        self.edges.len() == other.edges.len()
            && relabelling.iter().enumerate().all(node)
            && self.edges.iter().all(edge)
    }
}

/// An edge as a node sees it: does it lead down, how many are parallel, the node at the other end.
type Half = (bool, usize, usize);

/// Both graphs as one: the nodes of the second follow those of the first.
struct Both {
    first: usize,
    halves: Vec<Vec<Half>>,
    refinements: usize,
}

/// The relabelling that makes the first graph the second: `relabelling[i]` is the node of `b` that node `i` of `a`
/// becomes. Index, labels and numbers of parallel connections agree. `None` if there is none.
///
/// # Errors
/// If labels or indices are not one a node, or a graph is so symmetric that the search had to be given up.
pub fn isomorphism(a: &Skeleton, b: &Skeleton) -> Result<Option<Vec<usize>>> {
    for s in [a, b] {
        let count = s.index.len();
        if s.label.len() != count || s.edges.keys().any(|&(i, j)| i >= count || j >= count) {
            return Err(Error::input(
                "a graph to be compared needs one label a node, and edges between its nodes",
            ));
        }
    }
    let first = a.index.len();
    if first != b.index.len() || a.edges.len() != b.edges.len() {
        return Ok(None);
    }
    let mut halves: Vec<Vec<Half>> = vec![vec![]; 2 * first];
    let mut components = UnionFind::<usize>::new(2 * first);
    for (shift, s) in [(0, a), (first, b)] {
        for (&(i, j), &m) in &s.edges {
            halves[i + shift].push((true, m, j + shift));
            halves[j + shift].push((false, m, i + shift));
            components.union(i + shift, j + shift);
        }
    }
    let own = [a, b].into_iter().flat_map(|s| s.index.iter().zip(&s.label));
    let mut colors = ranks(&own.collect::<Vec<_>>());
    let mut both = Both { first, halves, refinements: 0 };
    let all: Vec<usize> = (0..2 * first).collect();
    both.refine(&mut colors, &all);
    if !both.balanced(&colors, &all) {
        return Ok(None);
    }
    // Components with the colours in them: only those with the same ones can match.
    let mut members: [BTreeMap<usize, Vec<usize>>; 2] = Default::default();
    for i in 0..2 * first {
        members[usize::from(i >= first)].entry(components.find(i)).or_default().push(i);
    }
    let signature = |nodes: &Vec<usize>| {
        let mut colors: Vec<usize> = nodes.iter().map(|&i| colors[i]).collect();
        colors.sort_unstable();
        colors
    };
    let mut partners: BTreeMap<Vec<usize>, Vec<&Vec<usize>>> = BTreeMap::new();
    for nodes in members[1].values() {
        partners.entry(signature(nodes)).or_default().push(nodes);
    }
    let mut relabelling = vec![usize::MAX; first];
    for nodes in members[0].values() {
        let Some(partners) = partners.get_mut(&signature(nodes)) else { return Ok(None) };
        let mut matched = None;
        for (k, partner) in partners.iter().enumerate() {
            let pair: Vec<usize> = nodes.iter().chain(*partner).copied().collect();
            if let Some(found) = both.search(&colors, &pair)? {
                matched = Some((k, found));
                break;
            }
        }
        let Some((k, found)) = matched else { return Ok(None) };
        partners.remove(k);
        found.into_iter().for_each(|(i, j)| relabelling[i] = j - first);
    }
    Ok(Some(relabelling).filter(|r| a.maps_to(b, r)))
}

impl Both {
    /// Refines the colours of `nodes`, which no edge leaves, until they are stable.
    fn refine(&mut self, colors: &mut [usize], nodes: &[usize]) {
        self.refinements += 1;
        let mut count = nodes.iter().map(|&i| colors[i]).collect::<BTreeSet<_>>().len();
        loop {
            let seen: Vec<(usize, Vec<Half>)> = nodes
                .iter()
                .map(|&i| {
                    let mut around: Vec<Half> =
                        self.halves[i].iter().map(|&(down, m, j)| (down, m, colors[j])).collect();
                    around.sort_unstable();
                    (colors[i], around)
                })
                .collect();
            let new = ranks(&seen);
            let now = new.iter().max().map_or(0, |m| m + 1);
            nodes.iter().zip(new).for_each(|(&i, color)| colors[i] = color);
            if now == count {
                return;
            }
            count = now;
        }
    }

    /// Does every colour occur as often in the first graph as in the second?
    fn balanced(&self, colors: &[usize], nodes: &[usize]) -> bool {
        let mut excess: BTreeMap<usize, i64> = BTreeMap::new();
        for &i in nodes {
            *excess.entry(colors[i]).or_default() += if i < self.first { 1 } else { -1 };
        }
        excess.into_values().all(|e| e == 0)
    }

    /// Pairs of nodes (of the first and the second graph, numbered on) that an isomorphism between two components
    /// matches; their colours are stable and balanced.
    fn search(&mut self, colors: &[usize], nodes: &[usize]) -> Result<Option<Vec<(usize, usize)>>> {
        if self.refinements > MOST_REFINEMENTS {
            return Err(Error::Numerics(
                "the graphs are too symmetric to tell whether they are the same: the search was given up"
                    .into(),
            ));
        }
        let mut classes: BTreeMap<usize, [Vec<usize>; 2]> = BTreeMap::new();
        for &i in nodes {
            classes.entry(colors[i]).or_default()[usize::from(i >= self.first)].push(i);
        }
        let open = classes.values().filter(|[left, _]| left.len() > 1).min_by_key(|[left, _]| left.len());
        let Some([left, right]) = open else {
            return Ok(Some(classes.values().map(|[left, right]| (left[0], right[0])).collect()));
        };
        for &candidate in right {
            let mut next = colors.to_vec();
            // A colour that none of them has.
            next[left[0]] = usize::MAX;
            next[candidate] = usize::MAX;
            self.refine(&mut next, nodes);
            if self.balanced(&next, nodes)
                && let Some(found) = self.search(&next, nodes)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// For each value its place among the distinct ones in order.
fn ranks<T: Ord>(values: &[T]) -> Vec<usize> {
    let distinct: BTreeSet<&T> = values.iter().collect();
    let place: BTreeMap<&T, usize> = distinct.into_iter().enumerate().map(|(i, v)| (v, i)).collect();
    values.iter().map(|v| place[v]).collect()
}
