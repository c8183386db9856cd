//! The closure relation of a Morse-Smale flow: q >= p where a chain of connections leads from q down to p. The unstable
//! manifold of p then lies in the closure of that of q (Smale, Bull. Amer. Math. Soc. 73, 747 (1967), section I.2).

use std::collections::BTreeSet;

use crate::connection::MorseGraph;
use crate::critical::CriticalSet;

/// The relation as sets of ids. It is an order: nothing is above itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// For each point those strictly below it, rising.
    pub below: Vec<Vec<usize>>,
    /// For each point those strictly above it, rising: whose unstable manifolds have it in their closure.
    pub above: Vec<Vec<usize>>,
    /// The Hasse diagram: pairs (upper, lower) with nothing in between, sorted. All other relations follow from these.
    pub hasse: Vec<(usize, usize)>,
}

impl Closure {
    /// The minima below a point, or itself if it is one: the memories that orbits from around it end in.
    pub fn minima(&self, set: &CriticalSet, id: usize) -> Vec<usize> {
        let own = std::iter::once(&id).filter(|&&id| set.points[id].index == 0);
        let below = self.below[id].iter().filter(|&&p| set.points[p].index == 0);
        own.chain(below).copied().collect()
    }
}

/// The closure relation that a graph's connections generate. Only those that lower the index count, as all of a
/// Morse-Smale flow do.
pub fn closure(set: &CriticalSet, graph: &MorseGraph) -> Closure {
    let count = set.points.len();
    let mut next: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
    for c in &graph.connections {
        if set.points[c.from].index > set.points[c.to].index {
            next[c.from].insert(c.to);
        }
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&id| set.points[id].index);
    let mut below: Vec<Vec<usize>> = vec![vec![]; count];
    let mut seen = vec![usize::MAX; count];
    for &id in &order {
        let mut all = vec![];
        for &p in next[id].iter().flat_map(|p| std::iter::once(p).chain(&below[*p])) {
            if seen[p] != id {
                seen[p] = id;
                all.push(p);
            }
        }
        all.sort_unstable();
        below[id] = all;
    }
    let mut above: Vec<Vec<usize>> = vec![vec![]; count];
    for (id, all) in below.iter().enumerate() {
        all.iter().for_each(|&p| above[p].push(id));
    }
    let between = |id: usize, p: usize| next[id].iter().any(|&r| below[r].binary_search(&p).is_ok());
    let hasse = (0..count)
        .flat_map(|id| next[id].iter().filter(move |p| !between(id, **p)).map(move |p| (id, *p)))
        .collect();
    Closure { below, above, hasse }
}
