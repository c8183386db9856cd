//! The graph at one value of the parameter, with the branch that each of its points belongs to.

use std::collections::BTreeMap;

use super::itinerary::{Arc, Link, Node};
use super::{Branch, BranchPoint, Diagram, End, Scales};
use crate::connection::{self, Fate, Loose, MorseGraph, Order, algebra};
use crate::control::Control;
use crate::critical::{self, Completeness, CriticalSet};
use crate::error::Result;
use crate::landscape::{Family, Landscape, Region};

/// How the graphs of an itinerary are computed.
#[derive(Clone, Debug)]
pub struct Graphs {
    /// Where; by default the landscape's own region at each parameter.
    pub region: Option<Region>,
    /// Connections between which indices, and how precisely.
    pub graph: connection::Options,
    /// Graphs an interval between two events: connections between saddles are found if they leave a trace at one of them.
    pub samples: usize,
}

impl Default for Graphs {
    fn default() -> Self {
        let graph = connection::Options { order: Order::All, ..connection::Options::default() };
        Graphs { region: None, graph, samples: 5 }
    }
}

/// Edges between arcs, with how many there are of each.
pub(super) type Links = BTreeMap<(Arc, Arc), usize>;

/// The graph at one parameter.
pub(super) struct Section {
    pub(super) parameter: f64,
    pub(super) set: CriticalSet,
    pub(super) graph: MorseGraph,
    /// By id.
    pub(super) arcs: Vec<Arc>,
    pub(super) links: Links,
    /// Orbits between saddles that a Morse-Smale flow does not have.
    pub(super) joined: Links,
}

impl Diagram {
    /// The scaled coordinate in which intervals of the parameter are divided.
    pub(super) fn scales(&self) -> Scales {
        let plain = Scales { state: 1.0, parameter: self.range[1] - self.range[0], logarithmic: false };
        self.branches.first().map_or(plain, |b| b.scales)
    }
}

impl Branch {
    /// The piece between point number `place` and the next: the number of events on the branch up to there.
    pub(super) fn piece(&self, place: usize) -> usize {
        let events = |points: &[BranchPoint]| points.iter().filter(|p| p.event.is_some()).count();
        let piece = events(&self.points[..=place.min(self.points.len() - 1)]);
        // A closed curve's last piece goes on with its first.
        let all = events(&self.points);
        if self.ends[0] == End::Closed && all > 0 { piece % all } else { piece }
    }

    /// The pieces before and after an event, by the number of its point.
    pub(super) fn beside(&self, place: usize) -> [usize; 2] {
        let after = self.piece(place);
        let before = if place > 0 { self.piece(place - 1) } else { after.saturating_sub(1) };
        [before, after]
    }
}

/// The points of a diagram at a parameter, and the arc of each.
pub(super) fn points(
    family: &dyn Family,
    diagram: &Diagram,
    landscape: &dyn Landscape,
    parameter: f64,
    region: Option<&Region>,
) -> Result<(CriticalSet, Vec<Arc>)> {
    let (mut places, mut known) = (vec![], vec![]);
    for (branch, curve) in diagram.branches.iter().enumerate() {
        for (place, x) in curve.at(family, &diagram.parameter, parameter)? {
            known.push(Arc { branch, piece: curve.piece(place) });
            places.push(x);
        }
    }
    // Whether there are more was asked where the branches came from; the alternating sum is asked again below.
    let completeness = Completeness::Estimated { unseen: 0.0, low: 0.0, high: 0.0 };
    let tolerance = critical::Options::default().degenerate_tolerance;
    let (set, numbers) = critical::sharpen(landscape, region, &places, completeness, tolerance)?;
    Ok((set, numbers.into_iter().map(|n| known[n]).collect()))
}

/// The graph of a family at a parameter, of the points of a diagram.
pub(super) fn section(
    family: &dyn Family,
    diagram: &Diagram,
    parameter: f64,
    options: &Graphs,
    control: &Control<'_>,
) -> Result<Section> {
    let landscape = family.with_parameter(&diagram.parameter, parameter)?;
    let landscape: &dyn Landscape = landscape.as_ref();
    let (set, arcs) = points(family, diagram, landscape, parameter, options.region.as_ref())?;
    // Of one graph among many nobody wants to hear.
    let silent = Control { stop: control.stop, progress: &|_| {} };
    let graph = connection::connect(landscape, &set, &options.graph, &silent);
    let (mut links, mut joined) = (Links::new(), Links::new());
    for c in &graph.connections {
        *links.entry((arcs[c.from], arcs[c.to])).or_insert(0) += 1;
    }
    for loose in &graph.loose {
        if let Loose::NotTransverse { from, to, .. } = loose {
            *joined.entry((arcs[*from], arcs[*to])).or_insert(0) += 1;
        }
    }
    Ok(Section { parameter, set, graph, arcs, links, joined })
}

impl Section {
    /// Are all arcs and connections the same?
    pub(super) fn is_same(&self, other: &Section) -> bool {
        let sorted = |s: &Section| {
            let mut all: Vec<(Arc, usize)> =
                s.arcs.iter().zip(&s.set.points).map(|(a, p)| (*a, p.index)).collect();
            all.sort_unstable();
            all
        };
        self.links == other.links && self.joined == other.joined && sorted(self) == sorted(other)
    }

    /// The id of an arc.
    pub(super) fn id(&self, arc: Arc) -> Option<usize> {
        self.arcs.iter().position(|a| *a == arc)
    }

    /// Links by ids.
    pub(super) fn listed(&self, links: &Links) -> Vec<Link> {
        let by_id = |((from, to), count): (&(Arc, Arc), &usize)| {
            Some(Link { from: self.id(*from)?, to: self.id(*to)?, count: *count })
        };
        let mut list: Vec<Link> = links.iter().filter_map(by_id).collect();
        list.sort_unstable();
        list
    }

    /// What turned this graph into another one, in words.
    pub(super) fn words(&self, other: &Section) -> Vec<String> {
        let partner: Vec<Option<usize>> = self.arcs.iter().map(|arc| other.id(*arc)).collect();
        algebra::difference((&self.set, &self.graph), (&other.set, &other.graph), &partner).sentences
    }
}

/// Points with the data that descend to each minimum.
pub(super) fn nodes(landscape: &dyn Landscape, set: &CriticalSet, arcs: &[Arc]) -> Vec<Node> {
    let memories = memories(landscape, set);
    let node = |((p, arc), memories): ((&critical::CriticalPoint, &Arc), Vec<usize>)| Node {
        arc: *arc,
        x: p.x.clone(),
        energy: p.energy,
        index: p.index,
        memories,
    };
    set.points.iter().zip(arcs).zip(memories).map(node).collect()
}

/// For each point the numbers of the data that descend to it.
fn memories(landscape: &dyn Landscape, set: &CriticalSet) -> Vec<Vec<usize>> {
    let mut memories = vec![vec![]; set.points.len()];
    let Some(data) = landscape.data() else { return memories };
    for (datum, fate) in connection::fates(landscape, set, data).into_iter().enumerate() {
        if let Fate::Minimum(id) = fate {
            memories[id].push(datum);
        }
    }
    memories
}
